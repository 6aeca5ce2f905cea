"""`safecommute tools network` and `tools network-diff`: roads on plain files."""

from __future__ import annotations

from pathlib import Path

import click

from core.errors import InputError
from core.settings import Settings
from core.vocabulary import RoadClass
from geo.network import (
    build_network_from_lines,
    build_network_from_osm,
    read_network,
    write_network,
)
from geo.network_diff import compare_networks, write_network_diff
from geo.osm import OSM_SUFFIXES
from geo.site_matching import TOLERANCE_M
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import existing_file, json_option
from pipeline.workspace import appearing_whole

__all__ = ["network", "network_diff"]

ALL_CLASSES = tuple(road_class.value for road_class in RoadClass)
network_folder = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("file", type=existing_file)
@click.option("--out", type=network_folder, required=True)
@click.option(
    "--road-class",
    "road_classes",
    multiple=True,
    type=click.Choice([*ALL_CLASSES, "all"]),
    help="Take this class (repeat), or all; by default all but service and path.",
)
@json_option
def network(*, file: Path, out: Path, road_classes: tuple[str, ...], as_json: bool) -> None:
    """Turn an OSM file or line layer into segments.parquet and intersections.parquet."""
    require_free(out)
    defaults = Settings()
    chosen = ALL_CLASSES if "all" in road_classes else road_classes or defaults.road_classes
    is_osm = file.name.lower().endswith(OSM_SUFFIXES)
    builder = build_network_from_osm if is_osm else build_network_from_lines
    built = builder(
        file,
        road_classes=chosen,
        max_segment_length_m=defaults.max_segment_length_m,
        intersection_tolerance_m=defaults.intersection_tolerance_m,
        progress=make_progress(),
    )
    with appearing_whole(out) as partial:
        write_network(built, partial)
    if as_json:
        echo_json(built.summary)
    else:
        echo_pairs(built.summary)


@click.command("network-diff")
@click.argument("old", type=network_folder)
@click.argument("new", type=network_folder)
@click.option("--out", type=network_folder, required=True)
@click.option(
    "--tolerance-m",
    type=click.FloatRange(min=0, min_open=True),
    default=TOLERANCE_M,
    show_default=True,
    help="Roads and junctions farther apart are others.",
)
@json_option
def network_diff(*, old: Path, new: Path, out: Path, tolerance_m: float, as_json: bool) -> None:
    """Tell what changed between two networks that `tools network` wrote.

    OLD and NEW are folders. Written are every segment and intersection of both with what
    became of it, which site is which (sites.parquet), and the attributes that changed.
    """
    require_free(out)
    progress = make_progress()
    before, after = read_network(old), read_network(new)
    diff = compare_networks(before, after, tolerance_m=tolerance_m, progress=progress)
    with appearing_whole(out) as partial:
        write_network_diff(diff, partial)
    if as_json:
        echo_json(diff.summary)
    else:
        echo_pairs(diff.summary)


def require_free(out: Path) -> None:
    """Check that nothing is overwritten."""
    if out.exists() and any(out.iterdir()):
        message = f"{out}: is there already and not empty; choose another --out folder."
        raise InputError(message)
