"""A network made ready for routing one kind of vehicle, and places brought onto it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from core.errors import NetworkError, TableError
from geo.crs import require_same_metric_crs, require_unique
from geo.linear import Polylines, flatten_lines
from geo.piece_index import PieceIndex, build_piece_index, find_nearest_two
from geo.road_graph import RoadGraph, VehicleRules, build_road_graph
from geo.shortest_paths import SearchGraph, prepare_search

__all__ = ["Places", "RoutableRoads", "build_routable_roads", "snap_places"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ON_NODE_M: Final = 1e-6  # a place this close to the end of a segment is at its node
_COLUMNS: Final = ("u", "v", "highway", "road_class", "surface_class", "maxspeed_kmh", "oneway")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutableRoads:
    """Roads ready for routing; rows are segments in order of id.

    Attributes
    ----------
    vehicle
        Rules of the vehicle.
    crs
        System of the segments.
    segment_id
        Ids in ascending order, shape (n_rows,).
    graph
        Arcs; its nodes are numbered along a curve through the area, its `segment_id` is the
        row.
    search
        The same in the layout of the search.
    index
        Search tree over all segments.
    line_length_m
        Length of each segment's line [m], shape (n_rows,).
    is_open
        True where the vehicle may go at all, shape (n_rows,).
    part
        Number of the part of the network that each row belongs to, in which every place can
        be reached from every other; -1 for none, shape (n_rows,).
    part_length_m
        Length of each part [m].
    """

    vehicle: VehicleRules
    crs: object
    segment_id: IntArray
    graph: RoadGraph
    search: SearchGraph
    index: PieceIndex
    line_length_m: FloatArray
    is_open: BoolArray
    part: IntArray
    part_length_m: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Places on the network; row -1 where none was found.

    Attributes
    ----------
    row
        Row of the segment, shape (n,).
    share
        Place along its line, 0 to 1 [-].
    access_m
        Straight distance to it [m].
    """

    row: IntArray
    share: FloatArray
    access_m: FloatArray


def build_routable_roads(segments: gpd.GeoDataFrame, *, vehicle: VehicleRules) -> RoutableRoads:
    """Make a network ready for routing one kind of vehicle.

    Parameters
    ----------
    segments
        As for `geo.road_graph.build_road_graph`, with lines in projected metres that run
        from u to v; any order.
    vehicle
        Rules of the vehicle.

    Raises
    ------
    TableError, VocabularyError, CrsError, GeometryError
        As `build_road_graph` and `geo.linear.flatten_lines`; TableError if there is no row.
    NetworkError
        If no segment is open to the vehicle.
    """
    if len(segments) == 0:
        raise TableError.empty("segments")
    missing = [name for name in ("u", "v", "segment_id") if name not in segments.columns]
    if missing:
        raise TableError.missing_columns("segments", missing, list(map(str, segments.columns)))
    crs = require_same_metric_crs(segments=segments)
    require_unique(segments, "segment_id")
    segments = segments.sort_values("segment_id", ignore_index=True)
    lines = flatten_lines(segments.geometry.to_numpy())
    ends, n_nodes = _number_nodes(segments[["u", "v"]].to_numpy(dtype=np.int64), lines)
    kept = [name for name in (*_COLUMNS, "length_m", segments.geometry.name) if name in segments]
    numbered = segments[kept].assign(segment_id=np.arange(len(ends)), u=ends[:, 0], v=ends[:, 1])
    graph = build_road_graph(numbered, n_nodes=n_nodes, vehicle=vehicle)
    if len(graph.head) == 0:
        message = (
            f"segments: none of {len(segments)} is open to {vehicle.name}; build the network with "
            "more road classes, or choose another vehicle."
        )
        raise NetworkError(message)
    is_open = np.zeros(len(ends), dtype=bool)
    is_open[graph.segment_id] = True
    part, part_length_m = _find_parts(graph, ends, is_open)
    return RoutableRoads(
        vehicle=vehicle,
        crs=crs,
        segment_id=segments["segment_id"].to_numpy(dtype=np.int64),
        graph=graph,
        search=prepare_search(graph, graph.segment_id, ends),
        index=build_piece_index(lines),
        line_length_m=lines.length,
        is_open=is_open,
        part=part,
        part_length_m=part_length_m,
    )


def snap_places(
    roads: RoutableRoads, xy: FloatArray, allowed: BoolArray, *, max_distance_m: float
) -> Places:
    """Find the nearest place on the segments that are allowed.

    Parameters
    ----------
    roads
        The network.
    xy
        Points [m], NaN where there is none, shape (n, 2).
    allowed
        Which rows may be chosen, shape (n_rows,).
    max_distance_m
        Segments farther than this are not found [m].
    """
    index = roads.index
    if not allowed.all():  # a piece without coordinates is never the nearest
        pieces = index.pieces.copy()
        pieces[~allowed[index.line]] = np.nan
        index = replace(index, pieces=pieces)
    near = find_nearest_two(index, xy, max_distance=max_distance_m)
    row = near.line[:, 0]
    length_m = roads.line_length_m[row]
    offset_m = near.offset[:, 0]
    share = np.divide(offset_m, length_m, out=np.zeros(len(row)), where=length_m > 0)
    share[offset_m <= ON_NODE_M] = 0.0
    share[(offset_m >= length_m - ON_NODE_M) & (offset_m > ON_NODE_M)] = 1.0
    share[row < 0] = np.nan
    return Places(row=row, share=share, access_m=near.distance[:, 0])


def _number_nodes(ends: IntArray, lines: Polylines) -> tuple[IntArray, int]:
    """Give nodes numbers along a curve through the area: neighbours lie close in memory."""
    ids, first, number = np.unique(ends.ravel(), return_index=True, return_inverse=True)
    vertex = np.column_stack([lines.first[:-1], lines.first[1:] - 1]).ravel()
    xy = lines.xy[vertex[first]]
    code = gpd.GeoSeries.from_xy(xy[:, 0], xy[:, 1]).hilbert_distance().to_numpy()
    rank = np.empty(len(ids), dtype=np.int64)
    rank[np.lexsort((ids, code))] = np.arange(len(ids))
    return rank[number].reshape(-1, 2), len(ids)


def _find_parts(
    graph: RoadGraph, ends: IntArray, is_open: BoolArray
) -> tuple[IntArray, FloatArray]:
    """Find the parts of the network within which one can go everywhere and come back."""
    arcs = csr_array(
        (np.ones(len(graph.head), dtype=np.int8), graph.head, graph.first_arc),
        shape=(graph.n_nodes, graph.n_nodes),
    )
    n_parts, label = connected_components(arcs, directed=True, connection="strong")
    of_ends = label[ends].astype(np.int64)
    part = np.where(is_open & (of_ends[:, 0] == of_ends[:, 1]), of_ends[:, 0], -1)
    row, first = np.unique(graph.segment_id, return_index=True)
    length_m = np.zeros(len(ends))
    length_m[row] = graph.length_m[first]
    inside = part >= 0
    total_m = np.bincount(part[inside], weights=length_m[inside], minlength=n_parts)
    return part, total_m.astype(np.float64)
