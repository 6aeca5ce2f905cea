"""Joining nodes into places, pair by pair, as long as a place does not grow too wide.

Plain Python on purpose: only the few places that might grow too wide are joined one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["join_groups", "join_pairs"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def join_pairs(
    xy: FloatArray, on_ring: BoolArray, links: IntArray, n_free: int, limit_m: float
) -> IntArray:
    """Join pairs of nodes in order, all but the first only within a limit.

    Parameters
    ----------
    xy
        Places of the nodes [m], shape (n, 2).
    on_ring
        Nodes of roundabouts, shape (n,).
    links
        Pairs of nodes in the order in which they are tried, shape (n_links, 2).
    n_free
        So many of the first are joined whatever the limit.
    limit_m
        Greatest distance between two nodes of a place [m]. Beside a roundabout every node
        must be within half of it of the ring; two roundabouts may always be joined.

    Returns
    -------
    root
        The place of each node, named by one of its nodes, shape (n,).
    """
    n = len(xy)
    label = _connect(n, links)
    is_whole = _find_whole(label, xy, on_ring, limit_m)
    places = _Places(xy, on_ring, limit_m)
    nodes = np.flatnonzero(is_whole[label])
    _, first, inverse = np.unique(label[nodes], return_index=True, return_inverse=True)
    free = np.arange(len(links)) < n_free
    root = np.arange(n)
    root[nodes] = nodes[first][inverse]
    rest = ~is_whole[label[links[:, 0]]]
    for a, b, is_free in zip(*links[rest].T.tolist(), free[rest].tolist(), strict=True):
        places.join(a, b, is_free=is_free)
    root[list(places.root)] = list(places.root.values())
    return root


def join_groups(
    before: IntArray,
    xy: FloatArray,
    on_ring: BoolArray,
    groups: IntArray,
    is_end: BoolArray,
    limit_m: float,
) -> IntArray:
    """Join groups of places in order, never two crossings; a joined place is a crossing.

    The places of a group at which a single road leads on (`is_end`) are taken into the one
    that is left, unless another group has taken them before.

    Parameters
    ----------
    before
        The place of each node, named by one of its nodes, shape (n,).
    xy, on_ring, limit_m
        As `join_pairs`.
    groups
        Two or three places each, -1 for none, shape (n_groups, 3).
    is_end
        Whether a single road leads on from each of them, shape (n_groups, 3).

    Returns
    -------
    root
        As `before`.
    """
    places = _Places(xy, on_ring, limit_m)
    known = np.flatnonzero(np.isin(before, groups[groups >= 0]))
    for node, top in zip(known.tolist(), before[known].tolist(), strict=True):
        places.put(node, top)
    crossings: set[int] = set()
    for group, ends in zip(groups.tolist(), is_end.tolist(), strict=True):
        sides = [(place, end) for place, end in zip(group, ends, strict=True) if place >= 0]
        ranked = sorted(sides, key=lambda side: (side[1], places.find(side[0]) not in crossings))
        middle = ranked[0][0]  # the place that the others are taken into
        for place, end in ranked[1:]:
            one, top = places.find(place), places.find(middle)
            if one == top or one in crossings or not end:
                continue
            if places.join(top, one):
                crossings.discard(top)
                crossings.add(places.find(middle))
    root = before.copy()
    root[list(places.root)] = list(places.root.values())
    return root


class _Places:
    """Places as lists of nodes; a node that was never named is a place by itself."""

    def __init__(self, xy: FloatArray, on_ring: BoolArray, limit_m: float) -> None:
        self.xy = xy
        self.on_ring = on_ring
        self.limit_m = limit_m
        self.root: dict[int, int] = {}
        self.nodes: dict[int, list[int]] = {}

    def find(self, node: int) -> int:
        if node not in self.root:
            self.root[node] = node
            self.nodes[node] = [node]
        return self.root[node]

    def put(self, node: int, top: int) -> None:
        """Put a node in a place as it comes, without a check."""
        self.root[node] = top
        self.nodes.setdefault(top, []).append(node)

    def join(self, a: int, b: int, *, is_free: bool = False) -> bool:
        """Make the places of two nodes one if they keep within the limit."""
        one, two = self.find(a), self.find(b)
        if one == two:
            return True
        if not is_free and not self.fits(self.nodes[one], self.nodes[two]):
            return False
        if len(self.nodes[one]) < len(self.nodes[two]):
            one, two = two, one
        moved = self.nodes.pop(two)
        self.nodes[one] += moved
        self.root.update(dict.fromkeys(moved, one))
        return True

    def fits(self, one: list[int], two: list[int]) -> bool:
        rings = [[node for node in nodes if self.on_ring[node]] for nodes in (one, two)]
        if rings[0] and rings[1]:
            return True
        if not rings[0] and not rings[1]:
            return bool(self._measure(one, two).max() <= self.limit_m)
        ring, others = (rings[0], two) if rings[0] else (rings[1], one)
        return bool(self._measure(ring, others).min(axis=0).max() <= self.limit_m / 2)

    def _measure(self, one: list[int], two: list[int]) -> FloatArray:
        apart = self.xy[one][:, None, :] - self.xy[two][None, :, :]
        distance: FloatArray = np.hypot(apart[..., 0], apart[..., 1])
        return distance


def _connect(n: int, links: IntArray) -> IntArray:
    ones = np.ones(len(links), dtype=np.int8)
    graph = coo_array((ones, (links[:, 0], links[:, 1])), shape=(n, n))
    label: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return label


def _find_whole(label: IntArray, xy: FloatArray, on_ring: BoolArray, limit_m: float) -> BoolArray:
    """Find connected nodes that keep within the limit all together: no order matters."""
    order = np.argsort(label, kind="stable")
    first = np.flatnonzero(np.diff(label[order], prepend=-1))
    low, high = (pick.reduceat(xy[order], first, axis=0) for pick in (np.minimum, np.maximum))
    ringed = np.logical_or.reduceat(on_ring[order], first)
    whole: BoolArray = (np.hypot(*(high - low).T) <= limit_m) & ~ringed
    return whole
