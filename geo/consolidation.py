"""Which junction nodes are one intersection: carriageways, islands, slip roads, roundabouts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from core.errors import InputError
from geo.carriageways import CARRIAGEWAY_GAP_M
from geo.islands import find_islands
from geo.join_nodes import join_groups, join_pairs
from geo.junction_links import (
    DETOUR_FACTOR,
    ShortRoads,
    find_carriageway_links,
    find_near_links,
    find_node_levels,
    find_short_roads,
)
from geo.segments import SegmentTables

__all__ = ["ConsolidationRules", "cluster_junctions", "find_inner_roads"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

DIRECT = 1.5  # a road no longer than this times the distance between its ends is direct


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolidationRules:
    """How far apart the nodes of one intersection may lie.

    Attributes
    ----------
    tolerance_m
        Nodes this near one another, by road at most three times as far, are one place
        [m]; 0 keeps every node by itself, roundabouts excepted.
    carriageway_gap_m
        Greatest distance between the carriageways of one road [m].
    max_extent_m
        Greatest distance between two nodes of an intersection, slip roads and
        roundabouts excepted [m]. Slip roads may reach twice as far.
    island_side_m
        Greatest side of a traffic island between roads, one of them one-way [m].
    slip_leg_m
        Greatest distance from a slip road's end to the intersection [m].
    slip_length_m
        Greatest length of a slip road (a link) [m].
    """

    tolerance_m: float = 15.0
    carriageway_gap_m: float = CARRIAGEWAY_GAP_M
    max_extent_m: float = 60.0
    island_side_m: float = 40.0
    slip_leg_m: float = 60.0
    slip_length_m: float = 80.0

    def require_valid(self) -> None:
        """Check the distances.

        Raises
        ------
        InputError
            If one is negative.
        """
        if self.tolerance_m < 0:
            message = f"intersection_tolerance_m is {self.tolerance_m:g}; give 0 or more."
            raise InputError(message)
        for name in self.__slots__:
            if getattr(self, name) < 0:
                message = f"{name} is {getattr(self, name):g}; give 0 or more."
                raise InputError(message)


def cluster_junctions(
    tables: SegmentTables, dual_group: IntArray, rules: ConsolidationRules
) -> IntArray:
    """Give each node its intersection.

    Parameters
    ----------
    tables
        Segments and nodes.
    dual_group
        The dual carriageway road of each segment, -1 for none; see
        `geo.carriageways.pair_carriageways`.
    rules
        How far apart nodes may lie.

    Returns
    -------
    cluster
        Numbered by lowest node, -1 for none, shape (n_nodes,).

    Raises
    ------
    InputError
        If a distance is negative.

    Notes
    -----
    Nodes are joined pair by pair, first those where a short road joins the two
    carriageways of one road, then the near ones, nearest first and footways last, as long
    as no two nodes of the whole come to lie more than `max_extent_m` apart (complete
    linkage, so that a row of junctions is not chained). Then traffic islands and slip
    roads are taken in: three places joined by three short roads, one of them one-way or a
    link, or two places joined by two one-way roads, where all but one of the places have
    a single road leading on. Such a step never makes one of two crossings. Nodes on
    different levels are never joined.
    """
    rules.require_valid()
    segments, nodes = tables.segments, tables.nodes
    n = len(nodes)
    u, v = segments["u"].to_numpy(dtype=np.int64), segments["v"].to_numpy(dtype=np.int64)
    is_round = segments["is_roundabout"].to_numpy(bool)
    is_member = nodes["degree"].to_numpy() >= 3
    crossings = np.flatnonzero(is_member)
    on_ring = np.zeros(n, dtype=bool)
    on_ring[np.concatenate([u[is_round], v[is_round]])] = True
    is_member = is_member | on_ring
    xy = shapely.get_coordinates(nodes.geometry.to_numpy())
    rings = np.column_stack([u[is_round], v[is_round]])
    if rules.tolerance_m == 0:
        root = join_pairs(xy, on_ring, rings, len(rings), 0.0)
        return _number(root, is_member)
    roads = find_short_roads(tables, max(rules.slip_length_m, rules.slip_leg_m))
    level = find_node_levels(segments, n)
    dual = find_carriageway_links(tables, roads, dual_group, rules.carriageway_gap_m)
    near = find_near_links(tables, crossings, rules.tolerance_m)
    links = _order_links(dual, near, roads.degree, xy)
    links = links[level[links[:, 0]] == level[links[:, 1]]]
    links = np.vstack([rings, links])
    root = join_pairs(xy, on_ring, links, len(rings), rules.max_extent_m)
    groups, is_end = find_islands(
        roads,
        root,
        level,
        island_side_m=rules.island_side_m,
        slip_leg_m=rules.slip_leg_m,
        slip_length_m=rules.slip_length_m,
    )
    if len(groups):
        root = join_groups(root, xy, on_ring, groups, is_end, 2 * rules.max_extent_m)
    root = _take_in_passed(tables, roads, root, is_member, rules)
    return _number(root, is_member)


def find_inner_roads(
    ends: IntArray, length_m: FloatArray, xy: FloatArray, cluster: IntArray, tolerance_m: float
) -> BoolArray:
    """Tell which roads lie inside an intersection, shape (n,).

    Parameters
    ----------
    ends
        Nodes at both ends of each road, shape (n, 2).
    length_m
        Length of each [m], shape (n,).
    xy
        Places of the nodes [m].
    cluster
        Intersection of each node, -1 for none.
    tolerance_m
        As in `ConsolidationRules`.

    Notes
    -----
    Both ends are in one intersection, and the road is no longer than three times the
    tolerance or one and a half times the distance between its ends: a long loop road
    is not inside.
    """
    a, b = ends[:, 0], ends[:, 1]
    apart = np.hypot(*(xy[a] - xy[b]).T)
    is_short = length_m <= np.maximum(DETOUR_FACTOR * tolerance_m, DIRECT * apart)
    inner: BoolArray = (cluster[a] >= 0) & (cluster[a] == cluster[b]) & is_short
    return inner


def _order_links(dual: IntArray, near: IntArray, degree: IntArray, xy: FloatArray) -> IntArray:
    """Put links in the order in which they are tried: rank, then distance, then nodes."""
    links = np.sort(np.vstack([dual, near]), axis=1)
    is_motor = (degree[near] >= 3).all(axis=1)
    rank = np.concatenate([np.zeros(len(dual)), np.where(is_motor, 1, 2)])
    distance = np.round(np.hypot(*(xy[links[:, 0]] - xy[links[:, 1]]).T), 3)
    ordered: IntArray = links[np.lexsort((links[:, 1], links[:, 0], distance, rank))]
    return ordered


def _take_in_passed(
    tables: SegmentTables,
    roads: ShortRoads,
    root: IntArray,
    is_member: BoolArray,
    rules: ConsolidationRules,
) -> IntArray:
    """Give the junctions passed on a road inside an intersection to it: footways crossing."""
    xy = shapely.get_coordinates(tables.nodes.geometry.to_numpy())
    ends = np.column_stack([roads.a, roads.b])
    inner = find_inner_roads(ends, roads.length_m, xy, root, rules.tolerance_m)
    owner = np.full(int(roads.label.max(initial=-1)) + 2, -1, dtype=np.int64)
    owner[roads.label[inner]] = root[roads.a[inner]]
    of_segment = owner[roads.segment_label]  # the last place, -1, where it is part of none
    result = root.copy()
    for side in ("u", "v"):
        node = tables.segments[side].to_numpy(dtype=np.int64)
        passed = (of_segment >= 0) & is_member[node] & (roads.degree[node] == 2)
        result[node[passed]] = of_segment[passed]
    return result


def _number(root: IntArray, is_member: BoolArray) -> IntArray:
    """Give the places of members numbers by lowest node; -1 for nodes in none."""
    members = np.flatnonzero(is_member)
    _, first, inverse = np.unique(root[members], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    cluster: IntArray = np.full(len(root), -1, dtype=np.int64)
    cluster[members] = rank[inverse]
    return cluster
