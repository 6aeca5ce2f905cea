"""What speaks for two junction nodes being one place: nearness, and a dual carriageway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.vocabulary import RoadClass
from geo.linear import flatten_lines, interpolate_points
from geo.segments import SegmentTables

__all__ = [
    "DETOUR_FACTOR",
    "ShortRoads",
    "find_carriageway_links",
    "find_near_links",
    "find_node_levels",
    "find_short_roads",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

DETOUR_FACTOR = 3.0  # nodes that are near are joined by road within this times the tolerance
HEADING_REACH_M = 20.0  # the direction of a road at a node is that of its first metres
ACROSS = 0.7  # cosine between a road and the carriageways it crosses: 45 degrees or more
OPPOSED = -0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortRoads:
    """Short stretches of road between two nodes where motor roads branch.

    Footways and cuts on the way do not end them. `flow_a` is +1 where a one-way stretch
    leaves `a`, -1 where it enters it, 0 where both ways are open.
    """

    a: IntArray
    b: IntArray
    length_m: FloatArray
    flow_a: IntArray
    is_link: BoolArray
    label: IntArray  # of the stretch in `segment_label`
    segment_label: IntArray  # shape (n_segments,); -1: part of none
    degree: IntArray  # ends of motor roads at each node, shape (n_nodes,)
    own_degree: IntArray  # those that are no links


def find_node_levels(segments: GeoDataFrame, n_nodes: int) -> IntArray:
    """Tell on which level each node lies, shape (n_nodes,).

    A node has a layer other than 0 when two or more road ends of that layer meet there:
    the abutment, where a bridge starts, is on the ground. A bridge without a layer counts
    as 1, a tunnel as -1.
    """
    layer = segments["layer"].to_numpy(dtype=np.int64)
    is_bridge = segments["is_bridge"].to_numpy(bool)
    is_tunnel = segments["is_tunnel"].to_numpy(bool)
    layer = np.where(layer != 0, layer, is_bridge.astype(np.int64) - is_tunnel)
    at = np.flatnonzero(layer != 0)
    ends = pd.DataFrame(
        {
            "node": segments[["u", "v"]].to_numpy(dtype=np.int64)[at].ravel(),
            "layer": np.repeat(layer[at], 2),
        }
    )
    count = ends.value_counts(["node", "layer"]).reset_index(name="n")
    count = (
        count[count["n"] >= 2]
        .sort_values(["node", "n", "layer"])
        .drop_duplicates("node", keep="last")
    )
    level: IntArray = np.zeros(n_nodes, dtype=np.int64)
    level[count["node"]] = count["layer"]
    return level


def find_near_links(tables: SegmentTables, members: IntArray, tolerance_m: float) -> IntArray:
    """Find pairs of nodes that are near in the plane and along the road, shape (n, 2)."""
    xy = shapely.get_coordinates(tables.nodes.geometry.to_numpy()[members])
    if tolerance_m == 0 or len(members) < 2:
        return np.empty((0, 2), dtype=np.int64)
    pairs = members[cKDTree(xy).query_pairs(tolerance_m, output_type="ndarray")]
    segments = tables.segments
    limit = DETOUR_FACTOR * tolerance_m
    length = segments["length_m"].to_numpy()
    short = length <= limit
    u, v = segments["u"].to_numpy()[short], segments["v"].to_numpy()[short]
    reached = _search(u, v, length[short], np.unique(pairs[:, 0]), limit, len(tables.nodes))
    is_near = np.isin(pairs[:, 0] * len(tables.nodes) + pairs[:, 1], reached)
    near: IntArray = pairs[is_near]
    return near


def find_short_roads(tables: SegmentTables, max_length_m: float) -> ShortRoads:
    """Find the stretches of motor road of at most `max_length_m` between two branchings."""
    segments, n_nodes = tables.segments, len(tables.nodes)
    is_motor = (segments["road_class"] != RoadClass.PATH.value).to_numpy(bool)
    length = segments["length_m"].to_numpy()
    nodes = segments[["u", "v"]].to_numpy(dtype=np.int64)
    degree = np.bincount(nodes[is_motor].ravel(), minlength=n_nodes)
    rows = np.flatnonzero(is_motor & (length <= max_length_m))
    is_open = degree[nodes[rows]] == 2  # the stretch goes on beyond this end
    part, end = np.nonzero(is_open)
    size = len(rows) + n_nodes
    links = coo_array(
        (np.ones(len(part), dtype=np.int8), (part, len(rows) + nodes[rows[part], end])),
        shape=(size, size),
    )
    label = connected_components(links, directed=False)[1][: len(rows)].astype(np.int64)
    n_labels = int(label.max(initial=-1)) + 1
    total = np.bincount(label, length[rows], n_labels)
    sign = _sign(segments)[rows]
    all_oneway = np.bincount(label, sign == 0, n_labels) == 0
    all_link = np.bincount(label, ~segments["is_link"].to_numpy(bool)[rows], n_labels) == 0
    part, end = np.nonzero(~is_open)
    order = np.argsort(label[part], kind="stable")
    part, end = part[order], end[order]
    has_two = (np.bincount(label[part], minlength=n_labels) == 2) & (total <= max_length_m)
    keep = has_two[label[part]]
    part, end = part[keep], end[keep]
    of = label[part[0::2]]
    ends = nodes[rows[part], end]
    flow = np.where(end == 0, sign[part], -sign[part])[0::2]
    segment_label = np.full(len(segments), -1, dtype=np.int64)
    segment_label[rows] = np.where(has_two[label], label, -1)
    return ShortRoads(
        a=ends[0::2],
        b=ends[1::2],
        length_m=total[of],
        flow_a=np.where(all_oneway[of], flow, 0),
        is_link=all_link[of],
        label=of,
        segment_label=segment_label,
        degree=degree,
        own_degree=np.bincount(
            nodes[is_motor & ~segments["is_link"].to_numpy(bool)].ravel(), minlength=n_nodes
        ),
    )


def find_carriageway_links(
    tables: SegmentTables, roads: ShortRoads, dual_group: IntArray, max_gap_m: float
) -> IntArray:
    """Find pairs of nodes where a short road joins the carriageways of one road, shape (n, 2).

    The road must lead across both carriageways (45 degrees or more), which run in opposite
    directions there, no farther apart than `max_gap_m`.
    """
    if not (dual_group >= 0).any() or len(roads.a) == 0:
        return np.empty((0, 2), dtype=np.int64)
    segments = tables.segments
    xy = shapely.get_coordinates(tables.nodes.geometry.to_numpy())
    headings = _list_headings(segments, dual_group)
    edges = pd.DataFrame({"a": roads.a, "b": roads.b})
    found = edges.merge(headings, left_on="a", right_on="node").merge(
        headings, left_on=["b", "group"], right_on=["node", "group"], suffixes=("_a", "_b")
    )
    a, b = found["a"].to_numpy(), found["b"].to_numpy()
    apart = xy[b] - xy[a]
    length = np.hypot(apart[:, 0], apart[:, 1])
    heading_a, heading_b = found[["x_a", "y_a"]].to_numpy(), found[["x_b", "y_b"]].to_numpy()
    unit = apart / np.where(length > 0, length, 1.0)[:, None]
    along_a, along_b = (np.abs((unit * way).sum(axis=1)) for way in (heading_a, heading_b))
    gap = length * np.sqrt(np.clip(1 - np.maximum(along_a, along_b) ** 2, 0, None))
    is_link = (heading_a * heading_b).sum(axis=1) <= OPPOSED
    is_link &= (along_a <= ACROSS) & (along_b <= ACROSS) & (gap <= max_gap_m) & (a != b)
    links: IntArray = np.unique(np.column_stack([a, b])[is_link], axis=0)
    return links


def _list_headings(segments: GeoDataFrame, dual_group: IntArray) -> pd.DataFrame:
    """Give the direction of travel of each dual carriageway road at each of its nodes."""
    rows = np.flatnonzero(dual_group >= 0)
    lines = flatten_lines(segments.geometry.to_numpy()[rows])
    which = np.arange(len(rows))
    start, stop = lines.xy[lines.first[:-1]], lines.xy[lines.first[1:] - 1]
    after = interpolate_points(lines, which, np.full(len(rows), HEADING_REACH_M))
    before = interpolate_points(lines, which, lines.length - HEADING_REACH_M)
    sign = np.where(segments["oneway"].to_numpy()[rows] == "backward", -1.0, 1.0)[:, None]
    vectors = np.vstack([(after - start) * sign, (stop - before) * sign])
    size = np.hypot(vectors[:, 0], vectors[:, 1])
    vectors = vectors / np.where(size > 0, size, 1.0)[:, None]
    ends = pd.DataFrame(
        {
            "node": np.concatenate([segments[side].to_numpy()[rows] for side in ("u", "v")]),
            "group": np.tile(dual_group[rows], 2),
            "x": vectors[:, 0],
            "y": vectors[:, 1],
        }
    )
    sums = ends.groupby(["node", "group"])[["x", "y"]].sum().reset_index()
    size = np.hypot(sums["x"], sums["y"])
    sums["x"], sums["y"] = sums["x"] / size, sums["y"] / size
    return sums[size > 0.5]  # else the roads there run against each other


def _sign(segments: pd.DataFrame) -> IntArray:
    oneway = segments["oneway"]
    return np.asarray(oneway == "forward", np.int64) - np.asarray(oneway == "backward", np.int64)


def _search(
    u: NDArray[np.int64],
    v: NDArray[np.int64],
    length: NDArray[np.float64],
    sources: NDArray[np.int64],
    limit: float,
    n: int,
) -> NDArray[np.int64]:
    """Find what lies within `limit` of each source along the road.

    All sources advance together, one segment a round. Returned are the keys
    `source * n + node`, sorted.
    """
    start, end = np.concatenate([u, v]), np.concatenate([v, u])
    order = np.argsort(start, kind="stable")
    end, weight = end[order], np.concatenate([length, length])[order]
    begin = np.concatenate([[0], np.cumsum(np.bincount(start, minlength=n))])
    known, distance = sources * n + sources, np.zeros(len(sources))
    front, front_distance = known, distance
    while len(front):
        source, node = front // n, front % n
        count = begin[node + 1] - begin[node]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        edge = np.repeat(begin[node], count) + within
        reach = np.repeat(front_distance, count) + weight[edge]
        key = np.repeat(source, count) * n + end[edge]
        near = reach <= limit
        key, reach = key[near], reach[near]
        order = np.lexsort([reach, key])
        key, reach = key[order], reach[order]
        nearest = np.diff(key, prepend=-1) != 0
        key, reach = key[nearest], reach[nearest]
        at = np.minimum(np.searchsorted(known, key), max(len(known) - 1, 0))
        is_known = known[at] == key
        is_better = ~is_known | (reach < distance[at])
        front, front_distance = key[is_better], reach[is_better]
        distance[at[is_better & is_known]] = reach[is_better & is_known]
        is_new = ~is_known
        where = np.searchsorted(known, key[is_new])
        known = np.insert(known, where, key[is_new])
        distance = np.insert(distance, where, reach[is_new])
    return known
