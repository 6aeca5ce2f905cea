"""run; runs list, show, publish."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import click

from pipeline.areas import load_area
from pipeline.cli_output import echo_json, echo_pairs, echo_table, make_progress
from pipeline.commands.shared import Context, json_option
from pipeline.run import run_area
from pipeline.runs import find_run, list_runs, load_manifest, publish_run

__all__ = ["run_command", "runs"]


@click.command("run")
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


@click.group()
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
