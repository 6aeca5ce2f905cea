"""The road network of an area: segments, nodes, intersections and places."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from core.errors import CrsError, DataSourceError, MissingDataError, NetworkError
from core.progress import Progress, no_progress
from core.units import M_PER_KM
from core.vocabulary import RoadClass
from geo.boundaries import read_boundary
from geo.chains import RoadLines
from geo.components import describe_components
from geo.crs import WGS84, estimate_metric_crs, find_extent, is_metric, parse_crs
from geo.intersections import build_intersections
from geo.osm import OsmRoads, read_osm
from geo.road_lines import clip_roads, index_line_nodes, make_road_lines, type_lines
from geo.segments import build_segments
from geo.vector_io import explode_lines, read_layer, write_layer

__all__ = [
    "Network",
    "build_network_from_lines",
    "build_network_from_osm",
    "read_network",
    "write_network",
]

logger = logging.getLogger(__name__)

_LAYERS = ("segments", "nodes", "intersections", "places")
_SUMMARY_FILE = "network.json"
_SEGMENT_COLUMNS = [
    *("segment_id", "u", "v", "intersection_u", "intersection_v", "osm_way_id"),
    *("name", "name_km", "ref", "highway", "road_class", "is_link", "maxspeed_kmh", "lit"),
    *("lanes", "width_m", "surface", "surface_class", "oneway", "is_bridge", "is_tunnel"),
    *("is_roundabout", "layer", "is_internal", "dual_group", "component"),
    *("province", "district", "length_m", "geometry"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Roads of one area in true metres; `summary` says how they came about.

    Row position equals `segment_id`, `node_id` and `intersection_id`.
    """

    segments: GeoDataFrame
    nodes: GeoDataFrame
    intersections: GeoDataFrame
    places: GeoDataFrame
    summary: dict[str, Any]


def build_network_from_osm(
    path: Path,
    *,
    road_classes: Sequence[str],
    max_segment_length_m: float,
    intersection_tolerance_m: float,
    boundary: BaseGeometry | Path | None = None,
    crs: object | None = None,
    progress: Progress = no_progress,
) -> Network:
    """Build the network of an OpenStreetMap file.

    Parameters
    ----------
    path
        `.osm`, `.osm.gz`, `.osm.bz2` or `.osm.pbf`.
    road_classes
        Classes of road (`core.vocabulary.RoadClass`) that take part.
    max_segment_length_m
        Segments longer than this are cut into equal parts [m].
    intersection_tolerance_m
        Junction nodes within this distance are one intersection [m].
    boundary
        Polygon in WGS84, or a file that `geo.boundaries.read_boundary` reads. A stretch
        between two OSM nodes takes part when its middle lies inside, so that neighbouring
        areas share out the roads with nothing twice.
    crs
        Projected system in true metres; by default the one that suits the area.
    progress
        Called with the step reached.

    Raises
    ------
    DataSourceError
        If the file is missing, empty, cut short or not OpenStreetMap data.
    NetworkError
        If it holds no road of these classes; the message says what is there.
    GeometryError, CrsError
        If the boundary holds none of its roads, or its file no polygon that can be read.
    """
    progress(0, 5, "reading roads")
    roads = read_osm(path, road_classes=road_classes, progress=progress)
    _require_roads(len(roads.ways), roads.n_ways_read, roads.n_ways_skipped, path)
    progress(1, 5, "projecting")
    extent = find_extent(roads.lon, roads.lat)
    area = _find_outline(boundary, extent)
    east, turned = _unwrap(roads.lon, area, extent)
    ways, offset, at, n_outside = clip_roads(roads.ways, roads.offset, east, roads.lat, turned)
    osm_id, first, node = np.unique(roads.node_ref[at], return_index=True, return_inverse=True)
    lon, lat = roads.lon[at][first], roads.lat[at][first]
    system = _choose_crs(crs, lon, lat, str(path))
    x, y = Transformer.from_crs(WGS84, system, always_xy=True).transform(lon, lat)
    lines, n_short = make_road_lines(ways, offset, node, x, y, osm_id)
    skipped = _add_reasons(roads.n_ways_skipped, n_outside, n_short)
    has_signal = np.isin(osm_id, roads.signal_ref)
    return _build(
        lines,
        has_signal=has_signal,
        places=_keep_inside(roads, area).to_crs(system),
        system=system,
        max_segment_length_m=max_segment_length_m,
        intersection_tolerance_m=intersection_tolerance_m,
        counts={"n_ways_read": roads.n_ways_read, "n_ways_skipped": skipped},
        progress=progress,
    )


def build_network_from_lines(
    source: GeoDataFrame | Path,
    *,
    road_classes: Sequence[str],
    max_segment_length_m: float,
    intersection_tolerance_m: float,
    boundary: BaseGeometry | Path | None = None,
    crs: object | None = None,
    class_column: str | None = None,
    progress: Progress = no_progress,
) -> Network:
    """Build the network of a line layer.

    Parameters
    ----------
    source
        Lines, or a file of them. Columns named as OpenStreetMap tags are read as such.
    road_classes, max_segment_length_m, intersection_tolerance_m, boundary, crs, progress
        As `build_network_from_osm`.
    class_column
        The column with the road class; see `geo.road_lines.type_lines`.

    Raises
    ------
    DataSourceError, CrsError, TableError
        If the file cannot be read or lacks what is needed.
    NetworkError
        If there is no line of these classes; the message says what is there.
    GeometryError
        If the layer holds anything but lines, or the boundary none of them.

    Notes
    -----
    Lines join where they share a vertex, end or interior, to the centimetre; lines that
    merely cross are never joined. `osm_way_id` holds the row number of the layer.
    """
    progress(0, 5, "reading lines")
    frame = read_layer(source) if isinstance(source, Path) else source
    label = str(source) if isinstance(source, Path) else "lines"
    lines, n_without = explode_lines(frame, layer=label)
    typed = type_lines(lines, road_classes=road_classes, class_column=class_column)
    skipped = typed.n_skipped + Counter({"no geometry": n_without})
    _require_roads(len(typed.ways), len(lines) + n_without, skipped, label)
    progress(1, 5, "projecting")
    shapes = gpd.GeoSeries(typed.lines, crs=lines.crs)
    system = _choose_lines_crs(crs, shapes, label)
    xy, row = shapely.get_coordinates(shapes.to_crs(system).to_numpy(), return_index=True)
    offset = np.searchsorted(row, np.arange(len(shapes) + 1)).astype(np.int64)
    to_wgs84 = Transformer.from_crs(system, WGS84, always_xy=True)
    extent = to_wgs84.transform_bounds(*xy.min(axis=0), *xy.max(axis=0))
    outline = _find_outline(boundary, extent)
    area = None if outline is None else gpd.GeoSeries([outline], crs=WGS84).to_crs(system).iloc[0]
    ways, offset, at, n_outside = clip_roads(typed.ways, offset, xy[:, 0], xy[:, 1], area)
    x, y = xy[at, 0], xy[at, 1]
    node, first = index_line_nodes(x, y)
    no_id = np.full(len(first), -1, dtype=np.int64)
    roads, n_short = make_road_lines(ways, offset, node, x[first], y[first], no_id)
    skipped = Counter(_add_reasons(skipped, n_outside, n_short))
    return _build(
        roads,
        has_signal=np.zeros(len(first), dtype=bool),
        places=_no_places(system),
        system=system,
        max_segment_length_m=max_segment_length_m,
        intersection_tolerance_m=intersection_tolerance_m,
        counts={
            "n_ways_read": len(lines) + n_without,
            "n_ways_skipped": dict(sorted((+skipped).items())),
            "class_column": typed.class_column,
            **({"oneway_not_known": typed.n_oneway_unknown} if typed.n_oneway_unknown else {}),
        },
        progress=progress,
    )


def write_network(network: Network, folder: Path) -> Path:
    """Write a network as GeoParquet layers and `network.json` into a folder.

    Raises
    ------
    DataSourceError
        If the folder cannot be written.
    """
    for name in _LAYERS:
        write_layer(getattr(network, name), folder / f"{name}.parquet")
    text = json.dumps(network.summary, ensure_ascii=False, indent=2) + "\n"
    try:
        (folder / _SUMMARY_FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{folder / _SUMMARY_FILE}: cannot be written: {error}; check the folder."
        raise DataSourceError(message) from error
    return folder


def read_network(folder: Path) -> Network:
    """Read what `write_network` wrote.

    Raises
    ------
    MissingDataError
        If a file is not there; the message names it.
    DataSourceError
        If one is damaged.
    """
    layers = {name: read_layer(folder / f"{name}.parquet") for name in _LAYERS}
    path = folder / _SUMMARY_FILE
    if not path.is_file():
        message = f"{path}: no such file; build the network again."
        raise MissingDataError(message)
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataSourceError.unreadable(path, str(error)) from error
    return Network(**layers, summary=summary)


def _build(
    roads: RoadLines,
    *,
    has_signal: NDArray[np.bool_],
    places: GeoDataFrame,
    system: CRS,
    max_segment_length_m: float,
    intersection_tolerance_m: float,
    counts: Mapping[str, Any],
    progress: Progress,
) -> Network:
    progress(2, 5, "building segments")
    if roads.ways.empty:
        message = "roads: all have no length; check the layer's coordinates."
        raise NetworkError(message)
    tables = build_segments(roads, max_segment_length_m=max_segment_length_m, crs=system)
    progress(3, 5, "finding intersections")
    junctions = build_intersections(
        tables, tolerance_m=intersection_tolerance_m, has_signal=has_signal
    )
    progress(4, 5, "summing up")
    n = len(tables.segments)
    segments = tables.segments.assign(
        intersection_u=junctions.of_u,
        intersection_v=junctions.of_v,
        is_internal=junctions.is_internal,
        dual_group=junctions.dual_group,
        province=pd.Series([np.nan] * n, dtype="str"),
        district=pd.Series([np.nan] * n, dtype="str"),
    )[_SEGMENT_COLUMNS]
    nodes = tables.nodes.assign(intersection_id=junctions.of_node)
    nodes = nodes[["node_id", "osm_node_id", "degree", "intersection_id", "geometry"]]
    summary = _summarise(segments, nodes, junctions.intersections, system) | dict(counts)
    logger.info(
        "network: %d segments, %.1f km, %d intersections; ways read %d, skipped %s",
        n, summary["network_km"], len(junctions.intersections), counts["n_ways_read"],
        counts["n_ways_skipped"],
    )  # fmt: skip
    progress(5, 5, "network built")
    return Network(
        segments=segments,
        nodes=nodes,
        intersections=junctions.intersections,
        places=places,
        summary=summary,
    )


def _summarise(
    segments: GeoDataFrame, nodes: GeoDataFrame, intersections: GeoDataFrame, system: CRS
) -> dict[str, Any]:
    length_km = segments["length_m"] / M_PER_KM
    by_class = length_km.groupby(segments["road_class"]).sum()
    total = float(length_km.sum())
    to_wgs84 = Transformer.from_crs(system, WGS84, always_xy=True)
    bounds = to_wgs84.transform_bounds(*segments.total_bounds)
    return {
        "n_segments": len(segments),
        "n_intersections": len(intersections),
        "n_nodes": len(nodes),
        "network_km": round(total, 6),
        "km_by_road_class": {
            word.value: round(float(by_class[word.value]), 6)
            for word in RoadClass
            if word.value in by_class.index
        },
        **describe_components(segments),
        "crs": system.to_string(),
        "bounds_wgs84": [round(float(value), 7) for value in bounds],
    }


def _require_roads(
    n_kept: int, n_read: int, skipped: Mapping[str, int], source: Path | str
) -> None:
    if n_kept:
        return
    there = "; ".join(f"{n} {reason}" for reason, n in skipped.items() if n)
    message = (
        f"{source}: no road of the chosen classes among {n_read} lines"
        f"{f' ({there})' if there else ''}; choose other road_classes or another file."
    )
    raise NetworkError(message)


def _add_reasons(skipped: Mapping[str, int], n_outside: int, n_short: int) -> dict[str, int]:
    more = Counter(skipped) + Counter({"outside the boundary": n_outside, "no length": n_short})
    return dict(sorted(more.items()))


def _find_outline(
    boundary: BaseGeometry | Path | None, extent: Sequence[float]
) -> BaseGeometry | None:
    """Give the boundary as one shape in WGS84; `extent` [degree] is that of the roads."""
    if isinstance(boundary, Path):
        areas = read_boundary(boundary, near_wgs84=extent)
        return shapely.union_all(areas.geometry.to_numpy())
    return boundary


def _unwrap(
    lon: NDArray[np.float64], area: BaseGeometry | None, extent: Sequence[float]
) -> tuple[NDArray[np.float64], BaseGeometry | None]:
    """Give longitudes that do not jump at the 180th meridian, and the area likewise."""
    if extent[0] <= extent[2]:
        return lon, area
    if area is not None:
        whole = area if area.is_valid else shapely.make_valid(area)
        area = shapely.union(whole, translate(whole, xoff=360.0))
    return np.where(lon < 0, lon + 360.0, lon), area


def _choose_crs(
    crs: object | None, lon: NDArray[np.float64], lat: NDArray[np.float64], label: str
) -> CRS:
    if crs is None:
        return estimate_metric_crs(find_extent(lon, lat), layer=label)
    system = parse_crs(crs)
    if not is_metric(system):
        raise CrsError.not_metric("crs", system.to_string())
    return system


def _choose_lines_crs(crs: object | None, shapes: gpd.GeoSeries, label: str) -> CRS:
    if shapes.crs is None:
        raise CrsError.unknown(label)
    if crs is None and is_metric(shapes.crs):
        # The same system may come without its name; the EPSG entry reads better.
        number = shapes.crs.to_epsg(min_confidence=25)
        return CRS(shapes.crs) if number is None else CRS.from_epsg(number)
    lonlat = shapely.get_coordinates(shapes.to_crs(WGS84).to_numpy())
    return _choose_crs(crs, lonlat[:, 0], lonlat[:, 1], label)


def _keep_inside(roads: OsmRoads, boundary: BaseGeometry | None) -> GeoDataFrame:
    if boundary is None:
        return roads.places
    area = boundary if boundary.is_valid else shapely.make_valid(boundary)
    return roads.places[roads.places.intersects(area)].reset_index(drop=True)


def _no_places(system: CRS) -> GeoDataFrame:
    words = {name: pd.Series([], dtype="str") for name in ("name", "name_km", "kind")}
    population = pd.Series([], dtype=float)
    return GeoDataFrame({**words, "population": population}, geometry=[], crs=system)
