"""Compiled loops of the network K function: pairs of points, counted by their distance.

All patterns (the one observed, and those drawn) are counted together: the ways from the two
ends of an edge serve every point on it, whatever its pattern.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.jit import compiled
from models.arrays import FloatArray, IntArray
from models.nkde_paths import find_near
from models.nkde_walks import Arms

__all__ = ["Desk", "PooledPoints", "Rings", "count_corrected_pairs", "count_pairs", "make_desk"]


class PooledPoints(NamedTuple):
    """Points of all patterns by edge, then pattern."""

    first: IntArray  # (n_edges + 1,)
    offset: FloatArray
    pattern: IntArray
    weight: FloatArray


class Rings(NamedTuple):
    """Distances at which pairs are counted: up to the start, then in steps."""

    start: float
    step: float
    n: int
    end: float
    tie: float  # distances closer than this are one


class Desk(NamedTuple):
    """Arrays that are used again for each edge."""

    best: FloatArray  # distance of each node from the two ends, infinite between uses
    reached: IntArray  # nodes near the two ends
    seen: IntArray  # edge for which an edge was last found
    node_seen: IntArray  # point for which a node was last counted
    found: IntArray  # edges


def make_desk(n_nodes: int, n_edges: int) -> Desk:
    """Return the arrays for one network and one thread."""
    return Desk(
        np.full((2, n_nodes), np.inf),
        np.empty((2, n_nodes), dtype=np.int64),
        np.full(n_edges, -1, dtype=np.int64),
        np.full(n_nodes, -1, dtype=np.int64),
        np.empty(n_edges, dtype=np.int64),
    )


@compiled
def find_ways(
    arms: Arms, edge: int, limit: float, wanted: IntArray, lowest: int, desk: Desk
) -> tuple[IntArray, FloatArray, IntArray]:
    """Find the edges near an edge, and how far their ends are from its ends.

    Parameters
    ----------
    wanted, lowest
        Leave out edges without points (by the first of each edge, shape (n_edges + 1,)), unless
        that is empty, and those of lower number.

    Returns
    -------
    edges, way, n_reached
        Edges; distances by edge, its end, and the end of the edge asked about,
        shape (n, 2, 2), infinite beyond the limit; how many nodes each end reached.
    """
    one, gone = np.empty(1, dtype=np.int64), np.zeros(1)
    n_reached = np.zeros(2, dtype=np.int64)
    size = 0
    for end in range(2):
        one[0] = arms.node[edge, end]
        n_reached[end] = find_near(arms, one, gone, limit, desk.best[end], desk.reached[end])
        for i in range(n_reached[end]):
            node = desk.reached[end, i]
            for at in range(arms.first_arm[node], arms.first_arm[node + 1]):
                other = arms.arm[at] // 2
                if desk.seen[other] == edge or other < lowest:
                    continue
                desk.seen[other] = edge
                if len(wanted) == 0 or wanted[other] < wanted[other + 1]:
                    desk.found[size] = other
                    size += 1
    edges, way = np.empty(size, dtype=np.int64), np.empty((size, 2, 2))
    for at in range(size):
        edges[at] = desk.found[at]
        for side in range(2):
            node = arms.node[edges[at], side]
            way[at, side, 0], way[at, side, 1] = desk.best[0, node], desk.best[1, node]
    return edges, way, n_reached


@compiled
def mark_places(
    arms: Arms,
    edges: IntArray,
    way: FloatArray,
    own: int,
    offset: float,
    rings: Rings,
    mark: FloatArray,
    change: IntArray,
) -> int:
    """Find where the number of places at one distance from a point changes.

    Parameters
    ----------
    edges, way
        The edges near the point's own, as `find_ways` returns them.
    own, offset
        Edge of the point, and where on it.
    mark, change
        Take the distances and by how many the number rises there; long enough for 8 marks an
        edge.

    Returns
    -------
    n_marks
        A place is counted from an end of an edge to the distance at which both ends' ways
        meet; such a meeting is one place at its own distance.
    """
    size = 0
    near = np.empty(2)
    rest = arms.length[own] - offset
    for at in range(len(edges)):
        edge = edges[at]
        for side in range(2):
            near[side] = min(offset + way[at, side, 0], rest + way[at, side, 1])
        for half in range(2):
            begin, end = near[0], near[1]
            length = arms.length[edge]
            if edge == own:  # two parts, each with the point at one end
                begin = 0.0
                length = offset if half == 0 else length - offset
                end = near[half]
            elif half == 1:
                break
            peak = 0.5 * (begin + end + length)
            n_ways = 0
            for side in range(2):
                entry = begin if side == 0 else end
                if peak - entry > 2 * rings.tie and entry + rings.tie <= rings.end:
                    mark[size], change[size] = entry + rings.tie, 1
                    size += 1
                    n_ways += 1
            if n_ways > 0 and peak - rings.tie <= rings.end:
                mark[size], change[size] = peak - rings.tie, -n_ways
                size += 1
                if n_ways == 2:
                    mark[size], change[size] = peak - rings.tie, 1
                    mark[size + 1], change[size + 1] = peak + rings.tie, -1
                    size += 2
    return size


@compiled
def mark_nodes(
    from_start: float,
    from_end: float,
    n_reached: IntArray,
    stamp: int,
    rings: Rings,
    desk: Desk,
    mark: FloatArray,
    change: IntArray,
    size: int,
) -> int:
    """Add one place at the distance of each node near a point; the new number of marks."""
    for end in range(2):
        for i in range(n_reached[end]):
            node = desk.reached[end, i]
            far = min(from_start + desk.best[0, node], from_end + desk.best[1, node])
            if desk.node_seen[node] != stamp and far > rings.tie:
                desk.node_seen[node] = stamp
                mark[size], change[size] = far - rings.tie, 1
                mark[size + 1], change[size + 1] = far + rings.tie, -1
                size += 2
    return size


class Places(NamedTuple):
    """How many places are at each distance from a point: marks in buckets of distance."""

    mark: FloatArray
    change: IntArray
    first: IntArray  # mark of each bucket
    before: IntArray  # sum of the changes before each bucket
    scale: float  # buckets in a metre


@compiled
def sort_marks(mark: FloatArray, change: IntArray, n: int, end: float) -> Places:
    """Put marks into buckets of distance."""
    n_buckets = max(1, n)
    scale = n_buckets / end
    first = np.zeros(n_buckets + 1, dtype=np.int64)
    before = np.zeros(n_buckets + 1, dtype=np.int64)
    for i in range(n):
        bucket = min(n_buckets - 1, max(0, int(mark[i] * scale)))
        first[bucket + 1] += 1
        before[bucket + 1] += change[i]
    for bucket in range(n_buckets):
        first[bucket + 1] += first[bucket]
        before[bucket + 1] += before[bucket]
    place = np.empty(n_buckets, dtype=np.int64)
    for bucket in range(n_buckets):
        place[bucket] = first[bucket]
    by_mark, by_change = np.empty(n), np.empty(n, dtype=np.int64)
    for i in range(n):
        bucket = min(n_buckets - 1, max(0, int(mark[i] * scale)))
        by_mark[place[bucket]], by_change[place[bucket]] = mark[i], change[i]
        place[bucket] += 1
    return Places(by_mark, by_change, first, before, scale)


@compiled
def count_places(places: Places, distance: float) -> int:
    """Return how many places of the network are at a distance, at least 1."""
    bucket = min(len(places.first) - 2, int(distance * places.scale))
    n = int(places.before[bucket])
    for k in range(places.first[bucket], places.first[bucket + 1]):
        if places.mark[k] <= distance:
            n += places.change[k]
    return max(1, n)


@compiled
def find_ring(rings: Rings, distance: float) -> int:
    """Return the first distance of the rings that is not below a distance."""
    beyond = (distance - rings.tie - rings.start) / rings.step
    if beyond <= 0.0:
        return 0
    ring = int(beyond)
    return min(ring + 1 if beyond > ring else ring, rings.n - 1)


@compiled
def forget_ways(n_reached: IntArray, desk: Desk) -> None:
    """Make the distances of the nodes that were reached infinite again."""
    for end in range(2):
        for k in range(n_reached[end]):
            desk.best[end, desk.reached[end, k]] = np.inf


@compiled
def count_pairs(
    arms: Arms,
    sources: PooledPoints,
    targets: PooledPoints,
    rings: Rings,
    is_cross: bool,
    begin_edge: int,
    end_edge: int,
    desk: Desk,
    out: FloatArray,
) -> None:
    """Count the pairs whose source is on some edges, by pattern and ring.

    Parameters
    ----------
    sources, targets
        The same for pairs within each pattern, which are found once and counted twice; with
        `is_cross` every source is paired with the targets of every pattern.
    begin_edge, end_edge
        First edge, and the edge after the last.
    desk
        From `make_desk`, for one call only.
    out
        Products of weights by ring, shape (n_patterns, n_rings); added to.
    """
    limit = rings.end + rings.tie
    twice = 1.0 if is_cross else 2.0
    for edge in range(begin_edge, end_edge):
        begin, stop = sources.first[edge], sources.first[edge + 1]
        if begin == stop:
            continue
        length = arms.length[edge]
        lowest = 0 if is_cross else edge
        edges, way, n_reached = find_ways(
            arms, edge, limit + rings.tie, targets.first, lowest, desk
        )
        for at in range(len(edges)):
            other = edges[at]
            j, last = targets.first[other], targets.first[other + 1]
            is_own = other == edge
            far_end = arms.length[other]
            for i in range(begin, stop):
                pattern = sources.pattern[i]
                if not is_cross:
                    while j < last and targets.pattern[j] < pattern:
                        j += 1
                    if j == last:
                        break
                    if targets.pattern[j] != pattern:
                        continue
                offset = sources.offset[i]
                a = min(offset + way[at, 0, 0], length - offset + way[at, 0, 1])
                b = min(offset + way[at, 1, 0], length - offset + way[at, 1, 1])
                if min(a, b) > limit and not is_own:
                    continue
                b += far_end
                weight = twice * sources.weight[i]
                k = i + 1 if is_own and not is_cross else j
                while k < last and (is_cross or targets.pattern[k] == pattern):
                    far = min(a + targets.offset[k], b - targets.offset[k])
                    if is_own:
                        far = min(far, abs(targets.offset[k] - offset))
                    if far <= limit:
                        out[targets.pattern[k], find_ring(rings, far)] += weight * targets.weight[k]
                    k += 1
        forget_ways(n_reached, desk)


@compiled
def count_corrected_pairs(
    arms: Arms,
    sources: PooledPoints,
    targets: PooledPoints,
    rings: Rings,
    is_cross: bool,
    begin_edge: int,
    end_edge: int,
    desk: Desk,
    out: FloatArray,
) -> None:
    """Count as `count_pairs`, each pair divided by the places as far from the source."""
    limit = rings.end + rings.tie
    none = np.zeros(0, dtype=np.int64)
    for edge in range(begin_edge, end_edge):
        begin, stop = sources.first[edge], sources.first[edge + 1]
        if begin == stop:
            continue
        edges, way, n_reached = find_ways(arms, edge, limit + rings.tie, none, 0, desk)
        cursor = np.empty(len(edges), dtype=np.int64)
        for at in range(len(edges)):
            cursor[at] = targets.first[edges[at]]
        room = 8 * len(edges) + 2 * (n_reached[0] + n_reached[1])
        mark, change = np.empty(room), np.empty(room, dtype=np.int64)
        for i in range(begin, stop):
            from_start, from_end = sources.offset[i], arms.length[edge] - sources.offset[i]
            pattern = sources.pattern[i]
            n = mark_places(arms, edges, way, edge, from_start, rings, mark, change)
            n = mark_nodes(from_start, from_end, n_reached, i, rings, desk, mark, change, n)
            places = sort_marks(mark, change, n, limit)
            for at in range(len(edges)):
                other = edges[at]
                j, last = cursor[at], targets.first[other + 1]
                if not is_cross:
                    while j < last and targets.pattern[j] < pattern:
                        j += 1
                    cursor[at] = j
                a = min(from_start + way[at, 0, 0], from_end + way[at, 0, 1])
                b = min(from_start + way[at, 1, 0], from_end + way[at, 1, 1])
                b += arms.length[other]
                while j < last and (is_cross or targets.pattern[j] == pattern):
                    far = min(a + targets.offset[j], b - targets.offset[j])
                    if other == edge:
                        far = min(far, abs(targets.offset[j] - from_start))
                    if far <= limit and (is_cross or other != edge or j != i):
                        share = sources.weight[i] * targets.weight[j]
                        if far > rings.tie:
                            share /= count_places(places, far)
                        out[targets.pattern[j], find_ring(rings, far)] += share
                    j += 1
        forget_ways(n_reached, desk)
