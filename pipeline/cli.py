"""The command line: `safecommute COMMAND`.

Results go to standard output, one JSON object with `--json`; everything else goes to
standard error. Exit 0 done, 1 could not be done (one `error:` line), 2 wrong usage.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from core.errors import SafeCommuteError
from core.settings import Settings, load_settings
from pipeline.areas import AreaSources, add_area, load_area
from pipeline.cli_output import echo_json, echo_pairs, echo_table, make_progress, one_line
from pipeline.cli_tools import tools
from pipeline.demo import build_demo
from pipeline.doctor import examine
from pipeline.evaluate import evaluate_intervention
from pipeline.exports import EXPORT_FORMATS, export_run
from pipeline.fetching import fetch_roads
from pipeline.imports import KINDS, import_records
from pipeline.run import run_area
from pipeline.runs import find_run, list_areas, list_runs, load_manifest, publish_run
from pipeline.serve import serve_app
from pipeline.workspace import Workspace, open_workspace

__all__ = ["cli", "main"]

DEFAULT_PORT = 8501
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
existing_file = click.Path(path_type=Path, dir_okay=False)


class RecordKind(click.ParamType[str]):
    """A kind of record, in the singular or the plural: crash, crashes."""

    name = "kind"

    def convert(
        self, value: str, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        """Return the singular, or refuse what is no kind of record."""
        plurals = {"factories": "factory", "crashes": "crash", "casualties": "casualty"}
        singular = plurals.get(value, value.removesuffix("s") if value not in KINDS else value)
        if singular not in KINDS:
            self.fail(f"{value!r} is not one of: {', '.join(KINDS)}.", param, context)
        return singular


class Context:
    """What every command gets: where to work and with which settings."""

    def __init__(self, home: Path, database_url: str | None, settings_path: Path | None) -> None:
        self.home = home
        self.database_url = database_url
        self.settings_path = settings_path

    def open(self) -> Workspace:
        """Return the workspace, made when it is not there."""
        return open_workspace(self.home, self.database_url)

    def settings(self) -> Settings:
        """Return the settings of this call."""
        return load_settings(self.settings_path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SAFECOMMUTE_HOME",
    default=Path("workspace"),
    show_default=True,
    help="Folder of the workspace (else SAFECOMMUTE_HOME).",
)
@click.option(
    "--settings",
    "settings_path",
    type=existing_file,
    envvar="SAFECOMMUTE_SETTINGS",
    help="A YAML file like config/default.yaml with what you want changed.",
)
@click.version_option(package_name="safecommute")
@click.pass_context
def cli(context: click.Context, home: Path, settings_path: Path | None) -> None:
    """Find where workers are hurt on their way to work, and say how sure that is."""
    context.obj = Context(home, os.environ.get("SAFECOMMUTE_DATABASE_URL"), settings_path)


@cli.command()
@click.option("--no-serve", is_flag=True, help="Build and publish only.")
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True)
@click.pass_obj
def demo(context: Context, *, no_serve: bool, port: int) -> None:
    """Build the synthetic sample area, publish it, and open the app."""
    workspace = context.open()
    manifest = build_demo(
        workspace, settings=context.settings(), progress=make_progress(), tell=click.echo
    )
    click.echo(f"Published: {manifest['n_hotspots']} hotspots on {manifest['network_km']:.0f} km.")
    if not no_serve:
        serve_app(workspace, port=port, tell=click.echo)


@cli.command()
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True)
@click.pass_obj
def serve(context: Context, *, port: int) -> None:
    """Serve the app from this workspace until Ctrl-C."""
    serve_app(context.open(), port=port, tell=click.echo)


@cli.command()
@json_option
@click.pass_obj
def doctor(context: Context, *, as_json: bool) -> None:
    """Say what is installed, what is missing, what to do."""
    checks = examine(context.home, context.database_url)
    is_ok = all(check.is_ok for check in checks)
    if as_json:
        echo_json({"ok": is_ok, "checks": [check.to_dict() for check in checks]})
    else:
        rows = [[c.name, "ok" if c.is_ok else "MISSING", c.found, c.to_do] for c in checks]
        echo_table(["what", "state", "found", "what to do"], rows)
    if not is_ok:
        message = "doctor: something is missing; see 'what to do'."
        raise SafeCommuteError(message)


@cli.group()
def area() -> None:
    """Study areas: a road source and the network built from it."""


@area.command("add")
@click.argument("key")
@click.option("--osm", type=existing_file, help="An .osm, .osm.gz or .osm.pbf file.")
@click.option("--lines", type=existing_file, help="A line layer (GeoJSON, GPKG, SHP, GeoParquet).")
@click.option("--place", help="A place name, fetched from OpenStreetMap (needs the Internet).")
@click.option("--bbox", metavar="W,S,E,N", help="A box in degrees, fetched from OpenStreetMap.")
@click.option("--boundary", type=existing_file, help="Polygon layer: the study area.")
@click.option("--provinces", type=existing_file, help="Polygon layer that names the provinces.")
@click.option("--districts", type=existing_file, help="Polygon layer that names the districts.")
@click.option("--name", help="The name people read.")
@json_option
@click.pass_obj
def area_add(
    context: Context,
    *,
    key: str,
    osm: Path | None,
    lines: Path | None,
    place: str | None,
    bbox: str | None,
    boundary: Path | None,
    provinces: Path | None,
    districts: Path | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Add the study area KEY and build its road network."""
    if sum(value is not None for value in (osm, lines, place, bbox)) != 1:
        message = "give exactly one of --osm, --lines, --place, --bbox."
        raise click.UsageError(message)
    workspace, progress = context.open(), make_progress()
    roads = osm or lines or fetch_roads(workspace, place=place, bbox=bbox, progress=progress)
    sources = AreaSources(
        roads=roads,
        kind="lines" if lines else "osm",
        boundary=boundary,
        provinces=provinces,
        districts=districts,
    )
    added, summary = add_area(
        workspace, key, sources, name=name, settings=context.settings(), progress=progress
    )
    values = {"key": added.key, "name": added.name, "is_synthetic": added.is_synthetic, **summary}
    if as_json:
        echo_json(values)
    else:
        echo_pairs(values)


@area.command("list")
@json_option
@click.pass_obj
def area_list(context: Context, *, as_json: bool) -> None:
    """List the study areas."""
    areas = list_areas(context.open().home)
    rows = [[a.key, a.name, a.published_run or "-", a.is_synthetic] for a in areas]
    columns = ["key", "name", "published_run", "is_synthetic"]
    if as_json:
        echo_json({"areas": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        echo_table(columns, rows)


@area.command("show")
@click.argument("key")
@json_option
@click.pass_obj
def area_show(context: Context, *, key: str, as_json: bool) -> None:
    """Show where the study area KEY comes from."""
    found = load_area(context.open(), key)
    values = {
        "key": found.key,
        "name": found.name,
        "is_synthetic": found.is_synthetic,
        "added_at": found.added_at,
        "kind": found.kind,
        "sources": found.original,
        "sha256": found.sha256,
    }
    if as_json:
        echo_json(values)
    else:
        echo_pairs(values)


@cli.command("import")
@click.argument("kind", metavar="KIND", type=RecordKind())
@click.argument("file", type=existing_file)
@click.option("--area", "key", required=True, help="The study area the records belong to.")
@click.option("--mapping", help="A mapping file (.yaml), or the name of a ready one.")
@click.option("--dry-run", is_flag=True, help="Check everything, keep nothing.")
@json_option
@click.pass_obj
def import_command(
    context: Context,
    *,
    kind: str,
    file: Path,
    key: str,
    mapping: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take the records of FILE in; KIND is what one row of it is."""
    report = import_records(
        context.open(),
        kind,
        file,
        area=key,
        mapping=mapping,
        dry_run=dry_run,
        progress=make_progress(),
    )
    if as_json:
        echo_json(report)
    else:
        echo_pairs(report)


@cli.command("run")
@click.argument("key")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day looked at.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day looked at.")
@click.option("--publish", is_flag=True, help="Serve this run as soon as it is complete.")
@json_option
@click.pass_obj
def run_command(
    context: Context,
    *,
    key: str,
    since: datetime | None,
    until: datetime | None,
    publish: bool,
    as_json: bool,
) -> None:
    """Score the study area KEY and keep the result as a new run."""
    workspace = context.open()
    manifest = run_area(
        workspace,
        key,
        settings=context.settings(),
        since=to_date(since),
        until=to_date(until),
        progress=make_progress(),
    )
    if publish:
        publish_run(workspace, key, manifest["run_id"])
    if as_json:
        echo_json(manifest)
        return
    echo_run(manifest)
    if not publish:
        click.echo(f"To serve it: safecommute runs publish {key} {manifest['run_id']}")


def to_date(value: datetime | None) -> date | None:
    """Return the day of a parsed option."""
    return None if value is None else value.date()


def echo_run(manifest: dict[str, Any]) -> None:
    """Print what a person wants to know of a run."""
    names = (
        *("run_id", "area_name", "is_synthetic", "period", "n_segments", "n_intersections"),
        *("network_km", "n_crashes", "n_snapped", "snap_share", "snap_median_m", "snap_p95_m"),
        *("unplaced", "n_hotspots"),
    )
    echo_pairs({name: manifest[name] for name in names})
    rows = [
        [step["name"], f"{step['seconds']:.2f}", step["rows_in"], step["rows_out"], step["reason"]]
        for step in manifest["steps"]
    ]
    echo_table(["step", "seconds", "rows in", "rows out", "left out"], rows)
    for warning in manifest["warnings"]:
        click.echo(f"warning: {warning}", err=True)


@cli.group()
def runs() -> None:
    """Finished runs, and which of them is served."""


@runs.command("list")
@click.argument("key")
@json_option
@click.pass_obj
def runs_list(context: Context, *, key: str, as_json: bool) -> None:
    """List the runs of the study area KEY, newest first."""
    workspace = context.open()
    load_area(workspace, key)
    found = list_runs(workspace.home, key)
    columns = ["run_id", "created_at", "n_crashes", "n_hotspots", "is_published"]
    rows = [[getattr(run, column) for column in columns] for run in found]
    if as_json:
        echo_json({"runs": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        echo_table(columns, rows)


@runs.command("show")
@click.argument("key")
@click.argument("run_id", metavar="RUN")
@json_option
@click.pass_obj
def runs_show(context: Context, *, key: str, run_id: str, as_json: bool) -> None:
    """Show one run of the study area KEY."""
    manifest = load_manifest(find_run(context.open().home, key, run_id))
    if as_json:
        echo_json(manifest)
    else:
        echo_run(manifest)


@runs.command("publish")
@click.argument("key")
@click.argument("run_id", metavar="RUN")
@json_option
@click.pass_obj
def runs_publish(context: Context, *, key: str, run_id: str, as_json: bool) -> None:
    """Serve RUN of the study area KEY from now on."""
    publish_run(context.open(), key, run_id)
    if as_json:
        echo_json({"area": key, "published_run": run_id})
    else:
        click.echo(f"{key}: {run_id} is served from now on.")


@cli.command()
@click.argument("key")
@click.option("--intervention", "intervention_id", required=True, metavar="ID")
@json_option
@click.pass_obj
def evaluate(context: Context, *, key: str, intervention_id: str, as_json: bool) -> None:
    """Say what the crashes before and after an intervention can and cannot tell."""
    result = evaluate_intervention(context.open(), key, intervention_id)
    if as_json:
        echo_json(result)
        return
    click.echo(result["claim"])
    for warning in result["warnings"]:
        click.echo(f"- {warning}")


@cli.command()
@click.argument("key")
@click.option("--format", "file_format", type=click.Choice(EXPORT_FORMATS), required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--run", "run_id", metavar="RUN", help="Another run than the one published.")
@json_option
@click.pass_obj
def export(
    context: Context,
    *,
    key: str,
    file_format: str,
    out: Path,
    run_id: str | None,
    as_json: bool,
) -> None:
    """Write the published run of KEY for QGIS, notebooks or a spreadsheet."""
    written = export_run(context.open(), key, file_format=file_format, out=out, run_id=run_id)
    if as_json:
        echo_json({"files": [str(path) for path in written]})
    else:
        for path in written:
            click.echo(path)


cli.add_command(tools)


def main() -> None:
    """Run the command line and end with its exit code; never with a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        code = cli.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = 2
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("error: stopped by the keyboard; nothing half-done was kept.", err=True)
        code = 1
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        code = 1
    except (SafeCommuteError, OSError) as error:
        click.echo(f"error: {one_line(error)}", err=True)
        code = 1
    except Exception as error:
        click.echo(f"error: {report_defect(error)}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def report_defect(error: Exception) -> str:
    """Keep the traceback in a file and say in one line where it is."""
    path = Path(f"safecommute-defect-{os.getpid()}.txt").absolute()
    try:
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return f"a defect of the software: {one_line(error)}; please report it."
    return f"a defect of the software: {one_line(error)}; please report it with {path}."


if __name__ == "__main__":
    main()
