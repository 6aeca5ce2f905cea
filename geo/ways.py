"""Ways from places on the network to a gate: the arcs that a search has found."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled
from geo.shortest_paths import FAR, UNKNOWN, Gate, SearchGraph, Workspace

__all__ = ["Steps", "Ways", "list_start_nodes", "take_fastest", "write_steps"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Int32Array = NDArray[np.int32]
IntArray = NDArray[np.int64]

ENTERS_GATE: Final = -3  # and -4, for a next arc: here the gate's own segment begins
AHEAD: Final = -1  # for a start node: the gate lies ahead on the same stretch
SAME_PLACE: Final = 1e-9  # of a segment's length
NOWHERE: Final = -2  # for a start node: there is no way


class Ways(NamedTuple):
    """Ways to one gate: a partial arc, whole arcs, a partial arc.

    Attributes
    ----------
    origin
        Number of the place that each way starts from, shape (n_ways,).
    first_arc, first_share
        The partial arc at the start, -1 for none, and how much of it is travelled [-].
    offset, arcs
        Position of each way's first whole arc, and the total, shape (n_ways + 1,); the arcs.
    last_arc, last_share
        The partial arc at the gate, -1 for none.
    time_s, length_m
        Of the whole way [s], [m].
    """

    origin: IntArray
    first_arc: IntArray
    first_share: FloatArray
    offset: IntArray
    arcs: Int32Array
    last_arc: IntArray
    last_share: FloatArray
    time_s: FloatArray
    length_m: FloatArray

    def count_steps(self) -> IntArray:
        """Count the segments of each way, parts of them included, shape (n_ways,)."""
        ends = (self.first_share > 0).astype(np.int64) + (self.last_share > 0)
        return np.asarray(np.diff(self.offset) + ends, dtype=np.int64)


class _Starts(NamedTuple):
    """How each place sets out; arrays of shape (n_places,).

    Attributes
    ----------
    node
        First node, or AHEAD, or NOWHERE.
    arc, part
        The partial arc before it, -1 for none, and how much of it is travelled [-].
    time_s, length_m
        Of the whole way [s], [m].
    n_arcs
        Number of whole arcs after the first node.
    """

    node: IntArray
    arc: IntArray
    part: FloatArray
    time_s: FloatArray
    length_m: FloatArray
    n_arcs: IntArray


class Steps(NamedTuple):
    """Segments travelled, one after another; each array has one entry a step."""

    segment_id: IntArray
    length_m: FloatArray
    is_forward: BoolArray


def list_start_nodes(graph: SearchGraph, row: IntArray, share: FloatArray) -> IntArray:
    """List the nodes that can be driven to first, of many places, some twice."""
    at_node = (share == 0.0) | (share == 1.0)
    on_node = graph.ends[row[at_node], share[at_node].astype(np.int64)]
    arcs = graph.arc_of_row[row[~at_node]]
    ahead = graph.head[arcs[arcs >= 0]]
    return np.concatenate([on_node, ahead]).astype(np.int64)


def take_fastest(
    graph: SearchGraph,
    work: Workspace,
    gate: Gate,
    places: tuple[IntArray, FloatArray],
    limit: int,
    *,
    with_arcs: bool = True,
) -> Ways:
    """Take the fastest way of each place out of a finished search.

    Parameters
    ----------
    graph, work, gate
        As after `geo.shortest_paths.search_from_gate`.
    places
        Segment's row, and place along it (0 to 1), of each place.
    limit
        Ways that take longer are left out [tick].
    with_arcs
        If False, only times and lengths are found; the ways have no arcs.

    Returns
    -------
    ways
        In order of place; a place without a way is not in it.
    """
    n = len(places[0])
    starts = _Starts(
        node=np.full(n, NOWHERE, dtype=np.int64),
        arc=np.full(n, -1, dtype=np.int64),
        part=np.zeros(n),
        time_s=np.zeros(n),
        length_m=np.zeros(n),
        n_arcs=np.zeros(n, dtype=np.int64),
    )
    _choose_starts(graph, work, gate, places, limit, starts)
    found = np.flatnonzero(starts.node != NOWHERE)
    n_arcs = starts.n_arcs[found] if with_arcs else np.zeros(len(found), dtype=np.int64)
    offset = np.concatenate(([0], np.cumsum(n_arcs)))
    arcs = np.empty(offset[-1], dtype=np.int32)
    entry = starts.node[found]
    if with_arcs:
        _write_arcs(graph, work, entry, offset, arcs)
    else:
        entry[:] = -1
    return Ways(
        origin=found,
        first_arc=starts.arc[found],
        first_share=starts.part[found],
        offset=offset,
        arcs=arcs,
        last_arc=np.where(entry >= 0, gate.arc[entry], -1),
        last_share=np.where(entry >= 0, gate.share[entry], 0.0),
        time_s=starts.time_s[found],
        length_m=starts.length_m[found],
    )


@compiled
def write_steps(ways: Ways, table: Steps, out: Steps) -> None:
    """Write the steps of ways, in driving order.

    Parameters
    ----------
    ways
        The ways.
    table
        What a step on each whole arc of the graph is, shape (n_arcs,).
    out
        Written to, shape (number of steps of all ways,).
    """
    at = 0
    for i in range(len(ways.origin)):
        start, stop = ways.offset[i], ways.offset[i + 1]
        for k in range(start - 1, stop + 1):
            arc, part = ways.first_arc[i], ways.first_share[i]
            if k == stop:
                arc, part = ways.last_arc[i], ways.last_share[i]
            elif k >= start:
                arc, part = ways.arcs[k], 1.0
            if part > 0.0:
                out.segment_id[at] = table.segment_id[arc]
                out.length_m[at] = part * table.length_m[arc]
                out.is_forward[at] = table.is_forward[arc]
                at += 1


@compiled
def _follow(graph: SearchGraph, work: Workspace, gate: Gate, node: int) -> None:
    """Find the way from a node to the gate, with its time and length, and remember it.

    Of equally fast ways the one over the lowest segment ids: the arcs of a node are in
    order of id. Everything is kept here, without a call, as much time goes here.
    """
    out_first, head, arc_ticks = graph.out_first, graph.head, graph.ticks
    arc_time_s, arc_length_m = graph.time_s, graph.length_m
    ticks, next_arc, stack = work.ticks, work.next_arc, work.stack
    time_s, length_m, n_arcs = work.time_s, work.length_m, work.n_arcs
    size, at = 0, node
    while next_arc[at] == UNKNOWN:
        here, found = ticks[at], UNKNOWN
        for i in range(len(gate.node)):
            if gate.node[i] == at and gate.ticks[i] == here and found == UNKNOWN:
                found = ENTERS_GATE - i
        if found == UNKNOWN:
            for arc in range(out_first[at], out_first[at + 1]):
                if arc_ticks[arc] + ticks[head[arc]] == here:
                    found = arc
                    break
        next_arc[at] = found
        stack[size] = at
        size += 1
        if found <= ENTERS_GATE:
            break
        at = head[found]
    while size > 0:
        size -= 1
        at = stack[size]
        arc = next_arc[at]
        if arc <= ENTERS_GATE:
            last, share = gate.arc[ENTERS_GATE - arc], gate.share[ENTERS_GATE - arc]
            n_arcs[at], time_s[at], length_m[at] = 0, 0.0, 0.0
            if last >= 0:
                time_s[at], length_m[at] = share * arc_time_s[last], share * arc_length_m[last]
        else:
            following = head[arc]
            n_arcs[at] = 1 + n_arcs[following]
            time_s[at] = arc_time_s[arc] + time_s[following]
            length_m[at] = arc_length_m[arc] + length_m[following]


@compiled
def _choose_start(
    graph: SearchGraph, work: Workspace, gate: Gate, row: int, share: float
) -> tuple[int, int, int, float]:
    """Choose which way one place sets out.

    Returns
    -------
    ticks
        Time of the whole way.
    node
        Its first node, or AHEAD, or NOWHERE.
    arc, part
        The partial arc before that node, -1 for none, and how much of it is travelled.
    """
    best, node, arc, part = FAR, NOWHERE, -1, 0.0
    reached = work.state[0]
    if share == 0.0 or share == 1.0:
        end = graph.ends[row, int(share)]
        if work.ticks[end] <= reached:
            best, node = work.ticks[end], end
        return best, node, arc, part
    for side in range(2):
        first = graph.arc_of_row[row, side]
        if first < 0:
            continue
        travelled = 1.0 - share if side == 0 else share
        end = graph.head[first]
        if work.ticks[end] <= reached:
            total = int(np.rint(travelled * graph.ticks[first])) + work.ticks[end]
            if total < best or (total == best and end < node):
                best, node, arc, part = total, end, first, travelled
        for entry in range(len(gate.node)):
            # Two places that are one must not be told apart by rounding.
            ahead = gate.share[entry] - (share if side == 0 else 1.0 - share)
            if gate.arc[entry] == first and ahead > -SAME_PLACE:
                ahead = max(ahead, 0.0)
                total = int(np.rint(ahead * graph.ticks[first]))
                if total <= best:
                    best, node, arc, part = total, AHEAD, first, ahead
    return best, node, arc, part


@compiled
def _choose_starts(
    graph: SearchGraph,
    work: Workspace,
    gate: Gate,
    places: tuple[IntArray, FloatArray],
    limit: int,
    out: _Starts,
) -> None:
    """Choose how each place sets out, and find the time and length of its way."""
    row, share = places
    for i in range(len(row)):
        ticks, start, first, part = _choose_start(graph, work, gate, row[i], share[i])
        if start == NOWHERE or ticks > limit:
            continue
        time_s = part * graph.time_s[first] if first >= 0 else 0.0
        length_m = part * graph.length_m[first] if first >= 0 else 0.0
        if start >= 0:
            _follow(graph, work, gate, start)
            time_s += work.time_s[start]
            length_m += work.length_m[start]
            out.n_arcs[i] = work.n_arcs[start]
        out.node[i], out.arc[i], out.part[i] = start, first, part
        out.time_s[i], out.length_m[i] = time_s, length_m


@compiled
def _write_arcs(
    graph: SearchGraph, work: Workspace, node: IntArray, offset: IntArray, arcs: Int32Array
) -> None:
    """Write the whole arcs of each way; in place of its first node, its entry to the gate."""
    for i in range(len(node)):
        at = node[i]
        node[i] = -1
        if at < 0:
            continue
        for step in range(offset[i], offset[i + 1]):
            arcs[step] = work.next_arc[at]
            at = graph.head[work.next_arc[at]]
        node[i] = ENTERS_GATE - work.next_arc[at]
