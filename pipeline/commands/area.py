"""area add, list, show."""

from __future__ import annotations

from pathlib import Path

import click

from geo.manifests import RASTER_ROLES
from pipeline.areas import AreaSources, add_area, add_raster, load_area
from pipeline.cli_output import echo_json, echo_pairs, echo_table, make_progress
from pipeline.commands.shared import Context, existing_file, json_option
from pipeline.fetching import fetch_roads
from pipeline.runs import list_areas

__all__ = ["area"]


@click.group()
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
@click.option("--relief", type=existing_file, help="GeoTIFF of elevation [m].")
@click.option("--night-lights", type=existing_file, help="GeoTIFF of radiance [nW/cm2/sr].")
@click.option("--population", type=existing_file, help="GeoTIFF of people per pixel.")
@click.option("--population-density", type=existing_file, help="GeoTIFF of people per km2.")
@click.option("--name", help="The name people read.")
@json_option
@click.pass_obj
def area_add(
    context: Context,
    /,
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
    **rasters: Path | None,
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
        rasters={role: path for role, path in rasters.items() if path is not None},
    )
    added, summary = add_area(
        workspace, key, sources, name=name, settings=context.settings(), progress=progress
    )
    values = {"key": added.key, "name": added.name, "is_synthetic": added.is_synthetic, **summary}
    if as_json:
        echo_json(values)
    else:
        echo_pairs(values)


@area.command("raster")
@click.argument("key")
@click.argument("role", type=click.Choice(list(RASTER_ROLES)))
@click.argument("file", type=existing_file)
@json_option
@click.pass_obj
def area_raster(context: Context, *, key: str, role: str, file: Path, as_json: bool) -> None:
    """Give the area KEY a raster, or another one: FILE, a GeoTIFF.

    ROLE says what it holds: relief [m], night_lights [nW/cm2/sr], population [people per
    pixel] or population_density [people per km2]. The next run measures its roads by it.
    """
    changed = add_raster(context.open(), key, role, file)
    values = {"key": key, "role": role, "unit": RASTER_ROLES[role], "sha256": changed.sha256[role]}
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
    rows = [[a.key, a.name, a.published_run, a.is_synthetic] for a in areas]
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
