"""The roads that one kind of vehicle may use, made ready for map matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from core.errors import InputError, TableError
from geo.bounded_search import Arcs
from geo.crs import require_same_metric_crs, require_unique
from geo.linear import Polylines, flatten_lines
from geo.piece_index import PieceIndex, pack_pieces
from geo.road_graph import RoadGraph

__all__ = ["MatchingNetwork", "prepare_network"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NO_LENGTH: Final = 1e-9  # [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingNetwork:
    """The roads that one kind of vehicle may use, made ready for matching.

    Attributes
    ----------
    arcs
        Arcs with their weights; `line`, `is_forward` and `is_wrong_way` say what each is.
    arc_of_line
        Arc along and against each line, -1 for none, shape (n_lines, 2).
    lines, segment_id
        Lines of all segments by position, and their ids.
    index
        Search tree over the lines that have an arc.
    crs
        System of the lines.
    """

    arcs: Arcs
    line: IntArray
    is_forward: BoolArray
    is_wrong_way: BoolArray
    arc_of_line: IntArray
    lines: Polylines
    segment_id: IntArray
    index: PieceIndex
    crs: CRS


def prepare_network(
    segments: gpd.GeoDataFrame, graph: RoadGraph, *, wrong_way_factor: float | None = None
) -> MatchingNetwork:
    """Make roads ready for matching.

    Parameters
    ----------
    segments
        Columns `segment_id` (unique) and `geometry` (LineString, projected metres).
    graph
        The arcs of the kind of vehicle that drove, of the same segments.
    wrong_way_factor
        With a number, one-way segments may be driven the wrong way, each metre counting
        so many times; for traces that are trusted more than the tags. None: they may not.

    Raises
    ------
    TableError
        If `segment_id` is missing or repeated, or the graph names a segment not there.
    CrsError, GeometryError
        If the segments are not single lines in projected metres.
    InputError
        If `wrong_way_factor` is below 1.
    """
    if wrong_way_factor is not None and not 1 <= wrong_way_factor < np.inf:
        message = f"wrong_way_factor: {wrong_way_factor} is not a factor of 1 or more; give one."
        raise InputError(message)
    crs = require_same_metric_crs(segments=segments)
    require_unique(segments, "segment_id")
    ids = segments["segment_id"].to_numpy(dtype=np.int64)
    order = np.argsort(ids, kind="stable")  # ties go to the lowest id, whatever the order of rows
    ids = ids[order]
    lines = flatten_lines(segments.geometry.to_numpy()[order])
    line = np.searchsorted(ids, graph.segment_id)
    if len(graph.segment_id) and (
        not len(ids) or (ids[np.minimum(line, len(ids) - 1)] != graph.segment_id).any()
    ):
        message = "graph: names segments that are not there; build it from the same segments."
        raise TableError(message)
    tail, head, is_forward = graph.tail, graph.head, graph.is_forward
    is_wrong_way = np.zeros(len(line), dtype=bool)
    if wrong_way_factor is not None:
        once = np.bincount(line, minlength=len(ids))[line] == 1
        line = np.concatenate([line, line[once]])
        tail, head = np.concatenate([tail, head[once]]), np.concatenate([head, tail[once]])
        is_forward = np.concatenate([is_forward, ~is_forward[once]])
        is_wrong_way = np.concatenate([is_wrong_way, np.ones(int(once.sum()), dtype=bool)])
    by_tail = np.lexsort((~is_forward, line, tail))
    line, tail, head = line[by_tail], tail[by_tail], head[by_tail]
    is_forward, is_wrong_way = is_forward[by_tail], is_wrong_way[by_tail]
    arc_of_line = np.full((len(ids), 2), -1)
    arc_of_line[line, np.where(is_forward, 0, 1)] = np.arange(len(line))
    length = np.maximum(lines.length[line], NO_LENGTH)
    counts = np.bincount(tail, minlength=graph.n_nodes)
    arcs = Arcs(
        first_arc=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        tail=tail.astype(np.int64),
        head=head.astype(np.int64),
        length=length,
        weight=np.where(is_wrong_way, length * (wrong_way_factor or 1.0), length),
        twin=arc_of_line[line, np.where(is_forward, 1, 0)].astype(np.int64),
    )
    return MatchingNetwork(
        arcs=arcs,
        line=line.astype(np.int64),
        is_forward=is_forward,
        is_wrong_way=is_wrong_way,
        arc_of_line=arc_of_line.astype(np.int64),
        lines=lines,
        segment_id=ids,
        index=_index_lines(lines, np.asarray((arc_of_line >= 0).any(axis=1))),
        crs=crs,
    )


def _index_lines(lines: Polylines, is_used: BoolArray) -> PieceIndex:
    """Build the tree over the straight pieces of some lines."""
    is_start = np.ones(len(lines.xy), dtype=bool)
    is_start[lines.first[1:] - 1] = False
    at = np.flatnonzero(is_start & is_used[lines.line_of_vertex])
    pieces = np.hstack([lines.xy[at], lines.xy[at + 1]])
    return pack_pieces(pieces, lines.line_of_vertex[at], lines.along[at], len(lines.length))
