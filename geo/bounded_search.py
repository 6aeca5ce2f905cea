"""Shortest paths to a few nodes nearby, over directed arcs; compiled loops only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.heap import pop, push
from core.jit import compiled

__all__ = ["Arcs", "Work", "make_work", "search"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class Arcs(NamedTuple):
    """Directed arcs grouped by the node they leave; `twin` is the way back, -1 for none.

    `weight` is the length counted [m]: against a one-way rule longer than `length`.
    """

    first_arc: IntArray
    tail: IntArray
    head: IntArray
    length: FloatArray
    weight: FloatArray
    twin: IntArray


class Work(NamedTuple):
    """Memory of the searches; a stamp tells what belongs to the search at hand."""

    distance: FloatArray
    stamp: IntArray
    root: IntArray  # first arc of the path
    last: IntArray  # last arc of the path
    wanted: IntArray
    key: FloatArray
    node: IntArray
    version: IntArray  # (1,)


@compiled
def make_work(n_nodes: int, n_arcs: int) -> Work:
    """Memory for searches over a network of this size."""
    return Work(
        np.empty(n_nodes),
        np.zeros(n_nodes, np.int64),
        np.empty(n_nodes, np.int64),
        np.empty(n_nodes, np.int64),
        np.zeros(n_nodes, np.int64),
        np.empty(n_arcs + 1),
        np.empty(n_arcs + 1, np.int64),
        np.zeros(1, np.int64),
    )


@compiled
def search(arcs: Arcs, work: Work, source: int, n_wanted: int, limit: float) -> None:
    """Find shortest paths from a node until all wanted nodes are settled.

    Wanted nodes are marked with the version in `wanted`. Afterwards `distance` holds for
    nodes whose `stamp` is the version; no path is longer than the limit.
    """
    version = work.version[0]
    work.distance[source], work.stamp[source] = 0.0, version
    work.root[source] = work.last[source] = -1
    size = push(work.key, work.node, 0, 0.0, source)
    while size > 0:
        distance, node = work.key[0], work.node[0]
        size = pop(work.key, work.node, size)
        if distance > work.distance[node]:
            continue
        if work.wanted[node] == version:
            work.wanted[node] = 0
            n_wanted -= 1
            if n_wanted == 0:
                return
        for arc in range(arcs.first_arc[node], arcs.first_arc[node + 1]):
            head = arcs.head[arc]
            reached = distance + arcs.weight[arc]
            if reached > limit:
                continue
            if work.stamp[head] != version or reached < work.distance[head]:
                work.distance[head], work.stamp[head] = reached, version
                work.root[head] = arc if node == source else work.root[node]
                work.last[head] = arc
                size = push(work.key, work.node, size, reached, head)
