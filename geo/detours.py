"""One search for the fastest way under penalties, from an origin to a gate."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled
from geo.shortest_paths import FAR, Gate, SearchGraph, Workspace

__all__ = ["DetourSpace", "make_detour_space", "search_detour"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Int32Array = NDArray[np.int32]
IntArray = NDArray[np.int64]

NO_ARC: Final = -1


class DetourSpace(NamedTuple):
    """What one thread writes while it looks for detours; clean between searches.

    Attributes
    ----------
    cost, ticks
        Time with and without penalties from the origin [tick], cost FAR where not met, by node.
    arc
        Arc by which each node was reached; -1 and -2 at the origin's nodes.
    is_done
        True where the cost is final, by node.
    touched
        Nodes that were met.
    key, node
        Queue by least possible cost, then node.
    n_uses
        How many ways use each segment, by row.
    way
        Arcs of the way found last.
    """

    cost: IntArray
    ticks: IntArray
    arc: Int32Array
    is_done: BoolArray
    touched: Int32Array
    key: IntArray
    node: Int32Array
    n_uses: Int32Array
    way: Int32Array


class Starts(NamedTuple):
    """Where a search begins, and what it costs to begin and to end it.

    Attributes
    ----------
    node, ticks, cost
        First nodes, and the time to them without and with penalties [tick].
    gate_cost
        Time from each entry to the gate, with penalties [tick].
    longest
        A way may take so long, without penalties [tick].
    """

    node: IntArray
    ticks: IntArray
    cost: IntArray
    gate_cost: IntArray
    longest: int


def make_detour_space(graph: SearchGraph) -> DetourSpace:
    """Make clean space for a graph."""
    n_nodes, n_arcs = len(graph.out_first) - 1, len(graph.head)
    return DetourSpace(
        cost=np.full(n_nodes, FAR, dtype=np.int64),
        ticks=np.empty(n_nodes, dtype=np.int64),
        arc=np.empty(n_nodes, dtype=np.int32),
        is_done=np.zeros(n_nodes, dtype=np.bool_),
        touched=np.empty(n_nodes, dtype=np.int32),
        key=np.empty(n_arcs + 2, dtype=np.int64),
        node=np.empty(n_arcs + 2, dtype=np.int32),
        n_uses=np.zeros(len(graph.ends), dtype=np.int32),
        way=np.empty(n_nodes, dtype=np.int32),
    )


def search_detour(
    graph: SearchGraph,
    work: Workspace,
    gate: Gate,
    place: tuple[int, float],
    longest_s: float,
    slower: FloatArray,
    space: DetourSpace,
) -> tuple[IntArray, FloatArray, Int32Array] | None:
    """Find the fastest way when each segment takes longer for every way that uses it.

    Parameters
    ----------
    graph, work, gate
        As after `geo.shortest_paths.search_from_gate`.
    place
        Row of the origin's segment, and place along it (0 to 1).
    longest_s
        What cannot reach the gate in this time, without penalties, is left aside [s].
    slower
        Time on a segment is taken times this, by the number of ways that use it [-].
    space
        `n_uses` counts the ways; the rest is clean, and clean again afterwards.

    Returns
    -------
    ends, parts, arcs
        The partial arcs at both ends (-1 for none), how much of them is travelled, and the
        whole arcs between them. None when there is no such way.

    Notes
    -----
    A*: the times to the gate, known from the search before, bound what is left (Hart,
    Nilsson & Raphael 1968, doi:10.1109/TSSC.1968.300136).
    """
    row, share = place
    if share in (0.0, 1.0):
        starts = [(int(graph.ends[row, int(share)]), NO_ARC, 0.0)]
    else:
        sides = zip(graph.arc_of_row[row].tolist(), (1.0 - share, share), strict=True)
        starts = [(int(graph.head[arc]), arc, part) for arc, part in sides if arc >= 0]
    node = np.array([start[0] for start in starts])
    arc = np.array([start[1] for start in starts])
    part = np.array([start[2] for start in starts])
    ticks = np.rint(part * graph.ticks[arc])
    first = Starts(
        node=node,
        ticks=ticks.astype(np.int64),
        cost=np.rint(ticks * slower[space.n_uses[graph.row[arc]]]).astype(np.int64),
        gate_cost=np.rint(gate.ticks * slower[space.n_uses[graph.row[gate.arc]]]).astype(np.int64),
        longest=int(longest_s * graph.ticks_per_s) + 1,
    )
    entry, start, n_arcs = _search(graph, work, gate, first, slower, space)
    if entry < 0:
        return None
    return (
        np.array([arc[start], gate.arc[entry]]),
        np.array([part[start], gate.share[entry]]),
        space.way[:n_arcs].copy(),
    )


@compiled
def _search(
    graph: SearchGraph,
    work: Workspace,
    gate: Gate,
    starts: Starts,
    slower: FloatArray,
    space: DetourSpace,
) -> tuple[int, int, int]:
    """Settle nodes by the least possible cost of a way through them until the gate is.

    Returns
    -------
    entry, start
        By which the gate is entered and the origin left, -1 when there is no way.
    n_arcs
        Number of arcs in `space.way`.
    """
    keys, nodes, cost, ticks = space.key, space.node, space.cost, space.ticks
    touched, by_arc, is_done, n_uses = space.touched, space.arc, space.is_done, space.n_uses
    row, arc_ticks, head = graph.row, graph.ticks, graph.head
    to_gate, final, longest = work.ticks, work.state[0], starts.longest
    size, n_touched, best, entry = 0, 0, FAR, -1
    for i in range(len(starts.node)):
        node = starts.node[i]
        if starts.cost[i] < cost[node]:
            if cost[node] == FAR:
                touched[n_touched] = node
                n_touched += 1
            cost[node], ticks[node], by_arc[node] = starts.cost[i], starts.ticks[i], -1 - i
            _push(keys, nodes, size, cost[node] + min(to_gate[node], final), node)
            size += 1
    while size > 0 and keys[0] < best:
        at = nodes[0]
        _drop_top(keys, nodes, size)
        size -= 1
        if is_done[at]:
            continue
        is_done[at] = True
        for i in range(len(gate.node)):
            total = cost[at] + starts.gate_cost[i]
            if gate.node[i] == at and ticks[at] + gate.ticks[i] <= longest and total < best:
                best, entry = total, i
        for arc in range(graph.out_first[at], graph.out_first[at + 1]):
            node = head[arc]
            left = min(to_gate[node], final)
            time = ticks[at] + arc_ticks[arc]
            if is_done[node] or left >= FAR - 1 or time + left > longest:
                continue
            more = cost[at] + arc_ticks[arc]
            if n_uses[row[arc]] > 0:
                more = cost[at] + int(np.rint(arc_ticks[arc] * slower[n_uses[row[arc]]]))
            if more > cost[node]:
                continue
            if more == cost[node]:  # of equal ways the one over the lowest id
                if by_arc[node] < 0 or row[by_arc[node]] <= row[arc]:
                    continue
            else:
                if cost[node] == FAR:
                    touched[n_touched] = node
                    n_touched += 1
                cost[node] = more
                _push(keys, nodes, size, more + left, node)
                size += 1
            by_arc[node], ticks[node] = arc, time
    start, n_arcs = -1, 0
    if entry >= 0:
        start, n_arcs = _trace(graph, by_arc, gate.node[entry], space.way)
    for i in range(n_touched):
        cost[touched[i]] = FAR
        is_done[touched[i]] = False
    return entry, start, n_arcs


@compiled
def _trace(graph: SearchGraph, by_arc: Int32Array, node: int, way: Int32Array) -> tuple[int, int]:
    """Write the arcs that lead to a node; return by which start, and how many they are."""
    n_arcs = 0
    while by_arc[node] >= 0:
        arc = by_arc[node]
        way[n_arcs] = arc
        n_arcs += 1
        side = 0 if graph.arc_of_row[graph.row[arc], 0] == arc else 1
        node = graph.ends[graph.row[arc], side]
    for i in range(n_arcs // 2):
        other = n_arcs - 1 - i
        arc = way[i]
        way[i] = way[other]
        way[other] = arc
    return -1 - by_arc[node], n_arcs


@compiled
def _push(keys: IntArray, nodes: Int32Array, size: int, key: int, node: int) -> None:
    """Add to a heap (four children a parent, by key, then node) that holds `size` entries."""
    at = size
    while at > 0:
        above = (at - 1) >> 2
        if keys[above] < key or (keys[above] == key and nodes[above] <= node):
            break
        keys[at], nodes[at] = keys[above], nodes[above]
        at = above
    keys[at], nodes[at] = key, node


@compiled
def _drop_top(keys: IntArray, nodes: Int32Array, size: int) -> None:
    """Take the least entry out of a heap that holds `size` entries."""
    last = size - 1
    key, node = keys[last], nodes[last]
    at = 0
    while True:
        child = 4 * at + 1
        if child >= last:
            break
        least = child
        for other in range(child + 1, min(child + 4, last)):
            if keys[other] < keys[least] or (
                keys[other] == keys[least] and nodes[other] < nodes[least]
            ):
                least = other
        if keys[least] > key or (keys[least] == key and nodes[least] >= node):
            break
        keys[at], nodes[at] = keys[least], nodes[least]
        at = least
    keys[at], nodes[at] = key, node
