"""Joining nodes into places, pair by pair, as long as a place does not grow too wide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.jit import compiled

__all__ = ["join_groups", "join_pairs"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@compiled
def _fits(
    one: int,
    two: int,
    following: IntArray,
    xy: FloatArray,
    on_ring: BoolArray,
    has_ring: BoolArray,
    limit: float,
) -> bool:
    """Tell whether two places (a node of each) together keep within the limit.

    Beside a roundabout every node must be within half the limit of its ring.
    """
    if has_ring[one] and has_ring[two]:
        return True
    if has_ring[two]:
        one, two = two, one
    ringed = has_ring[one]
    reach = limit / 2 if ringed else limit
    b = two
    while True:
        nearest = np.inf
        a = one
        while True:
            if on_ring[a] or not ringed:
                square = (xy[a, 0] - xy[b, 0]) ** 2 + (xy[a, 1] - xy[b, 1]) ** 2
                if not ringed and square > reach * reach:
                    return False
                nearest = min(nearest, square)
            a = following[a]
            if a == one:
                break
        if nearest > reach * reach:
            return False
        b = following[b]
        if b == two:
            break
    return True


@compiled
def _unite(
    one: int, two: int, root: IntArray, following: IntArray, has_ring: BoolArray, size: IntArray
) -> int:
    """Make two places (by their roots) one, in place; returns its root."""
    if size[one] < size[two]:
        one, two = two, one
    node = two
    while True:
        root[node] = one
        node = following[node]
        if node == two:
            break
    has_ring[one] = has_ring[one] or has_ring[two]
    following[one], following[two] = following[two], following[one]
    size[one] += size[two]
    return one


@compiled
def join_pairs(
    xy: FloatArray, on_ring: BoolArray, links: IntArray, n_free: int, limit: float
) -> IntArray:
    """Join pairs of nodes in order; all but the first `n_free` only within the limit."""
    n = len(xy)
    root, following, size = np.arange(n), np.arange(n), np.ones(n, np.int64)
    has_ring = on_ring.copy()
    for i in range(len(links)):
        one, two = root[links[i, 0]], root[links[i, 1]]
        if one == two:
            continue
        if i < n_free or _fits(one, two, following, xy, on_ring, has_ring, limit):
            _unite(one, two, root, following, has_ring, size)
    return root


@compiled
def join_groups(
    before: IntArray,
    xy: FloatArray,
    on_ring: BoolArray,
    groups: IntArray,
    is_end: BoolArray,
    limit: float,
) -> IntArray:
    """Join groups of places in order, never two crossings; a joined place is a crossing.

    The places of a group at which a single road leads on (`is_end`) are taken into the one
    that is left, unless another group has taken them before.
    """
    n = len(before)
    root, following, size = before.copy(), np.arange(n), np.ones(n, np.int64)
    has_ring, is_crossing = on_ring.copy(), np.zeros(n, np.bool_)
    for node in range(n):
        top = root[node]
        if top != node:
            following[node], following[top] = following[top], node
            size[top] += 1
            has_ring[top] = has_ring[top] or has_ring[node]
    for i in range(len(groups)):
        middle = 0  # the place that the others are taken into
        for j in range(3):
            if groups[i, j] >= 0 and is_crossing[root[groups[i, j]]]:
                middle = j
        for j in range(3):
            if groups[i, j] >= 0 and not is_end[i, j]:
                middle = j
        top = root[groups[i, middle]]
        for j in range(3):
            if groups[i, j] < 0 or root[groups[i, j]] == top:
                continue
            one = root[groups[i, j]]
            if is_crossing[one] or not is_end[i, j]:
                continue
            if _fits(top, one, following, xy, on_ring, has_ring, limit):
                top = _unite(top, one, root, following, has_ring, size)
                is_crossing[top] = True
    return root
