"""tools attributes: what each segment of a network is like."""

from __future__ import annotations

import logging
from pathlib import Path

import click
import geopandas as gpd
import numpy as np
import shapely

from core.errors import TableError
from core.settings import Settings
from core.units import M_PER_KM
from geo.coordinates import find_point_problems
from geo.manifests import RASTER_ROLES
from geo.network import read_network
from geo.vector_io import read_points, write_layer
from pipeline.attributes import (
    AttributeSources,
    join_attributes,
    measure_attributes,
    share_known,
)
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import existing_file, json_option
from pipeline.raster_sources import check_raster, require_one_population
from pipeline.route_points import find_bounds_wgs84, report_unusable

__all__ = ["attributes"]

logger = logging.getLogger(__name__)

FAR_GATE_M = 5_000.0

positive = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option(
    "--network",
    "network_folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder that `tools network` wrote.",
)
@click.option("--osm", type=existing_file, help="OpenStreetMap file with what stands beside roads.")
@click.option("--relief", type=existing_file, help="GeoTIFF of elevation [m].")
@click.option("--night-lights", type=existing_file, help="GeoTIFF of radiance [nW/cm2/sr].")
@click.option("--population", type=existing_file, help="GeoTIFF of people per pixel.")
@click.option("--population-density", type=existing_file, help="GeoTIFF of people per km2.")
@click.option("--gates", type=existing_file, help="Factory gates; a CSV with lon and lat.")
@click.option("--grade-smoothing-m", type=positive, help="A grade is taken over this distance.")
@click.option("--around-distance-m", type=positive, help="People and light within this distance.")
@click.option("--roadside-distance-m", type=positive, help="Buildings and shops within this one.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def attributes(
    *,
    network_folder: Path,
    osm: Path | None,
    gates: Path | None,
    out: Path,
    as_json: bool,
    **options: Path | float | None,
) -> None:
    """Measure what each segment is like: bends, junctions, roadside, slope, light, people.

    The segments are written with the attributes; what no file tells is unknown.
    """
    rasters = {role: Path(str(options[role])) for role in RASTER_ROLES if options[role] is not None}
    require_one_population(rasters)
    network = read_network(network_folder)
    for role, path in rasters.items():
        check_raster(path, role, network.summary["bounds_wgs84"])
    changed = {
        name: value
        for name, value in options.items()
        if name not in RASTER_ROLES and value is not None
    }
    located = None if gates is None else locate_gate_file(gates, network.segments)
    measured, notes = measure_attributes(
        network.segments,
        network.intersections,
        AttributeSources(osm=osm, rasters=rasters, gates=drop_missing(located)),
        settings=Settings().model_copy(update=changed),
        progress=make_progress(),
    )
    write_layer(join_attributes(network.segments, measured), out)
    summary = {
        "n_segments": len(measured),
        "known_share": {column: share_known(measured[column]) for column in measured},
        "notes": notes,
        "out": str(out),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs({**summary, "notes": "; ".join(notes)})


def locate_gate_file(path: Path, segments: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Return the gates of a file in the system of the roads; told are those of no use."""
    points = read_points(path)
    if points.empty:
        raise TableError.empty(str(path))
    found = find_point_problems(points, find_bounds_wgs84(segments))
    report_unusable(found, path, what="gates")
    located = points.geometry.to_crs(segments.crs)
    located[[one is not None for one in found.reason]] = None
    there = np.flatnonzero(~(located.isna() | located.is_empty))
    tree = shapely.STRtree(segments.geometry.to_numpy())
    given = located.to_numpy()[there]
    near = np.unique(tree.query(given, predicate="dwithin", distance=FAR_GATE_M)[0])
    far = np.delete(there, near)
    if len(far):
        logger.warning(
            "%s: %d of %d gates lie more than %.0f km from every road, first row %d (%s); check "
            "that they are of this area",
            path, len(far), len(points), FAR_GATE_M / M_PER_KM, far[0], found.given[far[0]],
        )  # fmt: skip
    return located


def drop_missing(points: gpd.GeoSeries | None) -> gpd.GeoSeries | None:
    """Return the points that are somewhere; None when there is none."""
    if points is None:
        return None
    there = points[~(points.isna() | points.is_empty)]
    return there if len(there) else None
