"""Compiled loops of simple network kernel density: shortest paths up to the bandwidth."""

from __future__ import annotations

import numpy as np

from core.growing import lengthen
from core.heap import pop, push
from core.jit import compiled
from models.arrays import FloatArray, IntArray
from models.nkde_walks import Arms, Events, Samples, add_mass

__all__ = ["add_paths", "find_near", "grow_regions"]


@compiled
def find_near(
    arms: Arms,
    sources: IntArray,
    gone: FloatArray,
    limit: float,
    best: FloatArray,
    reached: IntArray,
) -> int:
    """Find the nodes closer than a limit to any of some nodes.

    Parameters
    ----------
    sources, gone
        Nodes, and the distance with which each begins.
    best
        Infinite everywhere before, shape (n_nodes,); holds the distances of the nodes that
        were reached.
    reached
        Takes the nodes that were reached, whose number is returned, shape (n_nodes,).
    """
    n_reached = 0
    key, item = np.empty(64 + len(sources)), np.empty(64 + len(sources), dtype=np.int64)
    size = 0
    for i in range(len(sources)):
        far, node = gone[i], sources[i]
        if far < limit and far < best[node]:
            if best[node] == np.inf:
                reached[n_reached] = node
                n_reached += 1
            best[node] = far
            size = push(key, item, size, far, node)
    while size > 0:
        far, node = key[0], item[0]
        size = pop(key, item, size)
        if far > best[node]:
            continue
        for at in range(arms.first_arm[node], arms.first_arm[node + 1]):
            along, end = arms.arm[at] // 2, arms.arm[at] % 2
            other = arms.node[along, 1 - end]
            farther = far + arms.length[along]
            if farther < limit and farther < best[other]:
                if best[other] == np.inf:
                    reached[n_reached] = other
                    n_reached += 1
                best[other] = farther
                key, item = lengthen(key, size + 1), lengthen(item, size + 1)
                size = push(key, item, size, farther, other)
    return n_reached


@compiled
def add_paths(
    arms: Arms,
    edge_of: IntArray,
    events: Events,
    samples: Samples,
    kernel: int,
    out: FloatArray,
    begin: int,
    stop: int,
) -> None:
    """Add the densities of events to the samples by shortest paths.

    `edge_of` is the edge of each event, shape (n_events,).
    """
    best = np.full(len(arms.first_arm) - 1, np.inf)
    reached = np.empty(len(best), dtype=np.int64)
    gone = np.empty(2)
    for i in range(begin, stop):
        own, bandwidth = edge_of[i], events.bandwidth[i]
        gone[0], gone[1] = events.offset[i], arms.length[own] - events.offset[i]
        n = find_near(arms, arms.node[own], gone, bandwidth, best, reached)
        add_edge(arms, own, i, True, best, events, samples, kernel, out)
        for r in range(n):
            node = reached[r]
            for at in range(arms.first_arm[node], arms.first_arm[node + 1]):
                edge, end = arms.arm[at] // 2, arms.arm[at] % 2
                is_first = end == 0 or best[arms.node[edge, 0]] == np.inf
                if edge != own and is_first:
                    add_edge(arms, edge, i, False, best, events, samples, kernel, out)
        for r in range(n):
            best[reached[r]] = np.inf


@compiled
def add_edge(
    arms: Arms,
    edge: int,
    event: int,
    is_own: bool,
    best: FloatArray,
    events: Events,
    samples: Samples,
    kernel: int,
    out: FloatArray,
) -> None:
    """Add what an event gives to the samples of one edge."""
    from_start, from_end = best[arms.node[edge, 0]], best[arms.node[edge, 1]]
    for at in range(samples.first[edge], samples.first[edge + 1]):
        along = samples.offset[at]
        distance = min(from_start + along, from_end + arms.length[edge] - along)
        if is_own:
            distance = min(distance, abs(along - events.offset[event]))
        if distance < events.bandwidth[event]:
            add_mass(
                samples, at, distance, events.bandwidth[event], 1.0,
                events.owner[event], events.factor[event], kernel, out,
            )  # fmt: skip


@compiled
def grow_regions(arms: Arms, max_nodes: int) -> IntArray:
    """Return a region number for each node: connected, and of a bounded number of nodes."""
    n_nodes = len(arms.first_arm) - 1
    region = np.full(n_nodes, -1, dtype=np.int64)
    queue = np.empty(n_nodes, dtype=np.int64)
    n_regions = 0
    for start in range(n_nodes):
        if region[start] >= 0:
            continue
        region[start] = n_regions
        queue[0] = start
        head, tail = 0, 1
        while head < tail and tail < max_nodes:
            node = queue[head]
            head += 1
            for at in range(arms.first_arm[node], arms.first_arm[node + 1]):
                edge, end = arms.arm[at] // 2, arms.arm[at] % 2
                other = arms.node[edge, 1 - end]
                if region[other] < 0 and tail < max_nodes:
                    region[other] = n_regions
                    queue[tail] = other
                    tail += 1
        n_regions += 1
    return region
