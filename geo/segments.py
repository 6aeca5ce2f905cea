"""Segments: stretches of road between two nodes, cut so that none is too long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from pyproj import CRS
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import InputError
from geo.chains import Chains, RoadLines, build_chains

__all__ = ["SegmentTables", "build_segments"]

_SAME_PLACE_M = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTables:
    """Segments and nodes of one network, with what each vertex of a segment is."""

    segments: GeoDataFrame
    nodes: GeoDataFrame
    vertex_node: NDArray[np.int64]  # row of RoadLines' nodes, -1 where a segment was cut
    vertex_segment: NDArray[np.int64]  # segment_id, ascending
    vertex_offset_m: NDArray[np.float64]  # distance from the segment's start


def build_segments(roads: RoadLines, *, max_segment_length_m: float, crs: CRS) -> SegmentTables:
    """Merge ways through nodes of degree 2 and cut what is too long.

    Parameters
    ----------
    roads
        Ways as runs of shared nodes, in metres.
    max_segment_length_m
        A longer stretch is cut into the fewest equal parts that fit [m].
    crs
        System of the coordinates.

    Returns
    -------
    tables
        Segments (ids in the order of the ways they come from) and nodes. The segments
        have every column of the contract but those of intersections and boundaries.

    Raises
    ------
    InputError
        If `max_segment_length_m` is not positive.
    """
    if not max_segment_length_m > 0:
        message = f"max_segment_length_m is {max_segment_length_m:g}; give a length above 0."
        raise InputError(message)
    chains = build_chains(roads)
    cut = _cut(roads, chains, max_segment_length_m)
    u_raw, v_raw = cut.node[cut.first], cut.node[cut.last]
    used, inverse = np.unique(np.concatenate([u_raw, v_raw]), return_inverse=True)
    u, v = inverse[: len(u_raw)].astype(np.int64), inverse[len(u_raw) :].astype(np.int64)
    lines = shapely.linestrings(cut.x, cut.y, indices=cut.segment)
    length = cut.offset_m[cut.last]
    segments = _take_attributes(roads, chains, cut.chain)
    segments.insert(0, "segment_id", np.arange(len(u), dtype=np.int64))
    segments.insert(1, "u", u)
    segments.insert(2, "v", v)
    segments["component"] = _label_components(u, v, length, len(used))
    segments["length_m"] = length
    is_cut = used >= len(roads.node_x)
    osm_id = np.full(len(used), -1, dtype=np.int64)
    osm_id[~is_cut] = roads.osm_node_id[used[~is_cut]]
    spot_x, spot_y = np.empty(len(used)), np.empty(len(used))
    spot_x[u], spot_y[u] = cut.x[cut.first], cut.y[cut.first]
    spot_x[v], spot_y[v] = cut.x[cut.last], cut.y[cut.last]
    nodes = GeoDataFrame(
        {
            "node_id": np.arange(len(used), dtype=np.int64),
            "osm_node_id": osm_id,
            "degree": np.bincount(inverse, minlength=len(used)).astype(np.int64),
        },
        geometry=shapely.points(spot_x, spot_y),
        crs=crs,
    )
    return SegmentTables(
        segments=GeoDataFrame(segments, geometry=lines, crs=crs),
        nodes=nodes,
        vertex_node=np.where(cut.node < len(roads.node_x), cut.node, -1),
        vertex_segment=cut.segment,
        vertex_offset_m=cut.offset_m,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """Vertices of all segments, one after the other."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    node: NDArray[np.int64]  # RoadLines' node, or n_nodes + number of the cut
    segment: NDArray[np.int64]
    offset_m: NDArray[np.float64]  # along the segment
    first: NDArray[np.int64]  # vertex at which each segment starts, shape (n_segments,)
    last: NDArray[np.int64]
    chain: NDArray[np.int64]  # of each segment


def _cut(roads: RoadLines, chains: Chains, max_length_m: float) -> _Cut:
    """Cut every chain into the fewest equal parts that are not too long."""
    x, y = roads.node_x[chains.node], roads.node_y[chains.node]
    n_vertices = np.diff(chains.offset)
    chain = np.repeat(np.arange(len(n_vertices)), n_vertices)
    step = np.concatenate([[0.0], np.hypot(np.diff(x), np.diff(y))])
    step[chains.offset[:-1]] = 0.0
    along = np.cumsum(step)
    base = along[chains.offset[:-1]]
    total = along[chains.offset[1:] - 1] - base
    n_parts = np.maximum(np.ceil(total / max_length_m - 1e-9), 1).astype(np.int64)
    cut_chain = np.repeat(np.arange(len(total)), n_parts - 1)
    rank = np.arange(len(cut_chain)) - np.repeat(
        np.cumsum(n_parts - 1) - (n_parts - 1), n_parts - 1
    )
    target = base[cut_chain] + total[cut_chain] * (rank + 1) / n_parts[cut_chain]
    # Chains follow each other without a gap in `along`; search within the chain only.
    after = np.searchsorted(along, target, side="left")
    after = np.clip(after, chains.offset[cut_chain] + 1, chains.offset[cut_chain + 1] - 1)
    share = (target - along[after - 1]) / np.maximum(step[after], np.finfo(float).tiny)
    share = np.clip(share, 0.0, 1.0)
    cut_x = x[after - 1] + share * (x[after] - x[after - 1])
    cut_y = y[after - 1] + share * (y[after] - y[after - 1])
    is_hit = (target - along[after - 1] < _SAME_PLACE_M) | (along[after] - target < _SAME_PLACE_M)
    # Every cut goes in twice: it ends one segment and starts the next.
    twice = np.repeat(after, 2)
    number = len(roads.node_x) + np.arange(len(target))
    is_start = np.zeros(len(x), dtype=bool)
    is_start[chains.offset[:-1]] = True
    is_start = np.insert(is_start, twice, np.tile([False, True], len(target)))
    is_cut = np.insert(np.zeros(len(x), dtype=bool), twice, True)
    x, y = np.insert(x, twice, np.repeat(cut_x, 2)), np.insert(y, twice, np.repeat(cut_y, 2))
    node = np.insert(chains.node, twice, np.repeat(number, 2))
    chain = np.insert(chain, twice, np.repeat(cut_chain, 2))
    segment = np.cumsum(is_start) - 1
    if is_hit.any():
        keep = _without_doubles(x, y, segment, is_cut)
        x, y, node, chain = x[keep], y[keep], node[keep], chain[keep]
        segment, is_start = segment[keep], np.diff(segment[keep], prepend=-1) > 0
    first = np.flatnonzero(is_start)
    last = np.append(first[1:], len(x)) - 1
    step = np.concatenate([[0.0], np.hypot(np.diff(x), np.diff(y))])
    step[first] = 0.0
    offset = np.cumsum(step)
    offset -= np.repeat(offset[first], last - first + 1)
    return _Cut(
        x=x, y=y, node=node, segment=segment, offset_m=offset, first=first, last=last,
        chain=chain[first],
    )  # fmt: skip


def _without_doubles(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    segment: NDArray[np.int64],
    is_cut: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Drop a vertex that a cut of the same segment falls upon."""
    near = (np.hypot(np.diff(x), np.diff(y)) < _SAME_PLACE_M) & (np.diff(segment) == 0)
    keep = np.ones(len(x), dtype=bool)
    keep[:-1] &= ~(near & is_cut[1:] & ~is_cut[:-1])
    keep[1:] &= ~(near & is_cut[:-1] & ~is_cut[1:])
    return keep


def _take_attributes(roads: RoadLines, chains: Chains, chain: NDArray[np.int64]) -> pd.DataFrame:
    """Give each segment the attributes that the longest share of its chain has."""
    columns = {}
    for name in roads.ways.columns:
        way = chains.find_longest_share(roads.ways[name])
        columns[name] = roads.ways[name].take(way[chain]).reset_index(drop=True)
    frame = pd.DataFrame(columns)
    frame["oneway"] = pd.Series(chains.oneway[chain], dtype="str")
    return frame


def _label_components(
    u: NDArray[np.int64], v: NDArray[np.int64], length: NDArray[np.float64], n_nodes: int
) -> NDArray[np.int64]:
    """Give each segment its connected part, numbered by falling length, 0 for the longest."""
    links = coo_array((np.ones(len(u), dtype=np.int8), (u, v)), shape=(n_nodes, n_nodes))
    n_parts, label = connected_components(links, directed=False)
    part = label[u]
    total = np.bincount(part, weights=length, minlength=n_parts)
    rank = np.empty(n_parts, dtype=np.int64)
    rank[np.lexsort([np.arange(n_parts), -total])] = np.arange(n_parts)
    component: NDArray[np.int64] = rank[part]
    return component
