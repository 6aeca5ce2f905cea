"""fetch: public data, when they are asked for."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

import click

from geo.manifests import RASTER_ROLES, fetch_source, find_manifest, load_manifests
from pipeline.cli_output import echo_json, echo_pairs, echo_table, make_progress, one_line
from pipeline.commands.shared import Context, json_option
from pipeline.paths import DATA_FOLDER

__all__ = ["fetch"]

logger = logging.getLogger(__name__)

LIST = "list"
PATIENCE = {"timeout_s": 60.0, "max_tries": 4, "first_wait_s": 3.0}


@click.command()
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the file; by default `fetched` in the workspace.",
)
@json_option
@click.pass_obj
def fetch(context: Context, *, name: str, folder: Path | None, as_json: bool) -> None:
    """Fetch public data (needs the Internet): NAME, or `list` to see what there is.

    A file comes in whole and checked or not at all; what was fetched before a stop is not
    asked for again. The sources are described in data/sources, and in a folder `sources`
    of the workspace, where you can add your own.
    """
    workspace = context.open()
    manifests, refused = load_manifests([DATA_FOLDER / "sources", workspace.home / "sources"])
    for stem, error in refused.items():
        if stem != name:
            logger.warning("%s", one_line(error))
    if name == LIST:
        if as_json:
            echo_json({"sources": [asdict(manifest) for manifest in manifests.values()]})
        else:
            columns = ["name", "role", "unit", "licence", "by", "title"]
            rows = [
                [
                    m.name,
                    m.role,
                    m.unit,
                    m.licence,
                    "a person" if m.url is None else "fetch",
                    m.title,
                ]
                for m in manifests.values()
            ]
            echo_table(columns, rows)
        return
    manifest = find_manifest(manifests, name, refused)
    found = fetch_source(
        manifest,
        folder or workspace.home / "fetched",
        patience=PATIENCE,
        progress=make_progress(),
    )
    values = {
        "name": manifest.name,
        "file": str(found.path),
        "sha256": found.sha256,
        "n_bytes": found.n_bytes,
        "was_there": found.is_cached,
        "role": manifest.role,
        "unit": manifest.unit,
        "licence": manifest.licence,
        "citation": manifest.citation,
        "next": say_next_step(manifest.role, found.path),
    }
    if as_json:
        echo_json(values)
    else:
        echo_pairs(values)


def say_next_step(role: str, path: Path) -> str:
    """Say what a fetched file is for."""
    if role in RASTER_ROLES:
        return f"safecommute area raster KEY {role} {path}"
    return f"safecommute area add KEY --osm {path}"
