"""Fastest ways from every node to one gate: the compiled search under `geo.routing`.

Times are whole ticks of a picosecond (more where a network is so slow that they would not
fit), so that sums are exact, two ways of equal time are a tie whatever the order in which they
are met, and the answer does not depend on the order of segments. The times that are given
out are sums of the unrounded ones.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled
from geo.road_graph import RoadGraph

__all__ = [
    "FAR",
    "UNKNOWN",
    "Gate",
    "SearchGraph",
    "Workspace",
    "clear_workspace",
    "list_gate_entries",
    "make_workspace",
    "mark_reaching",
    "prepare_search",
    "search_from_gate",
]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Int32Array = NDArray[np.int32]
IntArray = NDArray[np.int64]

FAR: Final = 2**62  # ticks; farther than anything
UNKNOWN: Final = -2  # next arc not looked for yet
TAKEN: Final = -2  # in place of a neighbour in a bucket: the node waits in none
TICKS_PER_S: Final = 10**12
NARROW_PERCENT: Final = 10  # of arcs that take less time than a bucket is wide
MAX_BUCKET_BITS: Final = 16


class SearchGraph(NamedTuple):
    """Arcs in the layout of the search; rows of segments are positions in order of id.

    Attributes
    ----------
    out_first, head, ticks, row
        Arcs grouped by the node they leave: its first arc, and of each arc the node it
        reaches, the time [tick] and the segment's row.
    time_s, length_m
        The same arcs' time [s] and length [m].
    in_first, in_pairs
        Arcs grouped by the node they reach: tail and ticks, shape (n_arcs, 2).
    arc_of_row
        Arc along and against each segment's line, -1 where closed, shape (n_rows, 2).
    ends
        Node at the start and at the end of each segment's line, shape (n_rows, 2).
    ticks_per_s
        Length of a second [tick].
    shift
        A bucket of the queue is 2^shift ticks wide.
    """

    out_first: IntArray
    head: Int32Array
    ticks: IntArray
    row: Int32Array
    time_s: FloatArray
    length_m: FloatArray
    in_first: IntArray
    in_pairs: IntArray
    arc_of_row: Int32Array
    ends: Int32Array
    ticks_per_s: float
    shift: int


class Workspace(NamedTuple):
    """What one thread writes while it searches; clean between gates.

    Attributes
    ----------
    ticks
        Time to the gate [tick], FAR where not met, shape (n_nodes,).
    next_arc
        First arc of the way to the gate, shape (n_nodes,).
    time_s, length_m, n_arcs
        Time [s], length [m] and number of whole arcs of that way, shape (n_nodes,).
    wanted
        1 where a node is still waited for, shape (n_nodes,).
    touched
        Nodes that were met, shape (n_nodes,).
    stack
        Nodes of one way, shape (n_nodes,).
    state
        Times up to the first are final [tick]; the second counts `touched`; shape (2,).
    bucket
        First node that waits in each bucket of the queue, -1 for none; a power of two long.
    after, before
        Neighbours of each waiting node in its bucket's list, -1 for none, shape (n_nodes,).
    """

    ticks: IntArray
    next_arc: Int32Array
    time_s: FloatArray
    length_m: FloatArray
    n_arcs: Int32Array
    wanted: NDArray[np.int8]
    touched: Int32Array
    stack: Int32Array
    state: IntArray
    bucket: Int32Array
    after: Int32Array
    before: Int32Array


class Gate(NamedTuple):
    """Where a gate is entered from: a node, and the partial segment after it.

    `arc` is -1 where the gate lies on the node; shapes (n_entries,), at most two.
    """

    node: IntArray
    arc: IntArray
    share: FloatArray  # of the arc that is travelled
    ticks: IntArray


def prepare_search(graph: RoadGraph, row: IntArray, ends: IntArray) -> SearchGraph:
    """Lay a graph out for searching.

    Parameters
    ----------
    graph
        Arcs of one vehicle.
    row
        Row of each arc's segment, shape (n_arcs,).
    ends
        Nodes `u`, `v` of each row, shape (n_rows, 2).
    """
    total_s = float(graph.time_s.sum())
    per_s = float(TICKS_PER_S)
    while total_s * per_s > FAR / 4:
        per_s /= 10
    ticks = np.maximum(np.rint(graph.time_s * per_s), 1).astype(np.int64)
    by_head = np.argsort(graph.head, kind="stable")
    in_counts = np.bincount(graph.head, minlength=graph.n_nodes)
    arc_of_row = np.full((len(ends), 2), -1, dtype=np.int32)
    arc_of_row[row, np.where(graph.is_forward, 0, 1)] = np.arange(len(row))
    return SearchGraph(
        out_first=graph.first_arc.astype(np.int64),
        head=graph.head.astype(np.int32),
        ticks=ticks,
        row=row.astype(np.int32),
        time_s=graph.time_s,
        length_m=graph.length_m,
        in_first=np.concatenate(([0], np.cumsum(in_counts))).astype(np.int64),
        in_pairs=np.column_stack([graph.tail[by_head], ticks[by_head]]),
        arc_of_row=arc_of_row,
        ends=np.ascontiguousarray(ends, dtype=np.int32),
        ticks_per_s=per_s,
        shift=_choose_shift(ticks),
    )


def _choose_shift(ticks: IntArray) -> int:
    """Choose a bucket that few arcs fit into twice, with not too many buckets."""
    if len(ticks) == 0:
        return 0
    narrow = int(np.percentile(ticks, NARROW_PERCENT)).bit_length() - 1
    widest = int(ticks.max()).bit_length() - MAX_BUCKET_BITS + 1
    return max(narrow, widest, 0)


def make_workspace(graph: SearchGraph) -> Workspace:
    """Make a clean workspace for a graph."""
    n_nodes = len(graph.out_first) - 1
    longest = int(graph.ticks.max(initial=0)) >> graph.shift
    return Workspace(
        ticks=np.full(n_nodes, FAR, dtype=np.int64),
        next_arc=np.full(n_nodes, UNKNOWN, dtype=np.int32),
        time_s=np.empty(n_nodes),
        length_m=np.empty(n_nodes),
        n_arcs=np.empty(n_nodes, dtype=np.int32),
        wanted=np.zeros(n_nodes, dtype=np.int8),
        touched=np.empty(n_nodes, dtype=np.int32),
        stack=np.empty(n_nodes, dtype=np.int32),
        state=np.zeros(2, dtype=np.int64),
        bucket=np.full(1 << (longest + 2).bit_length(), -1, dtype=np.int32),
        after=np.empty(n_nodes, dtype=np.int32),
        before=np.empty(n_nodes, dtype=np.int32),
    )


def list_gate_entries(graph: SearchGraph, row: int, share: float) -> Gate:
    """List the ways to drive onto a gate.

    Parameters
    ----------
    graph
        The graph.
    row
        Row of the gate's segment.
    share
        Place along the segment's line, 0 to 1 [-]; at 0 and 1 the gate is on the node.
    """
    if share in (0.0, 1.0):
        node, arc, part = [int(graph.ends[row, int(share)])], [-1], [0.0]
        ticks = [0]
    else:
        arcs = [(int(graph.arc_of_row[row, side]), side) for side in (0, 1)]
        open_arcs = [(arc, side) for arc, side in arcs if arc >= 0]
        arc = [arc for arc, _ in open_arcs]
        node = [int(graph.ends[row, side]) for _, side in open_arcs]
        part = [share if side == 0 else 1.0 - share for _, side in open_arcs]
        ticks = [round(x * int(graph.ticks[a])) for x, a in zip(part, arc, strict=True)]
    return Gate(
        node=np.array(node, dtype=np.int64),
        arc=np.array(arc, dtype=np.int64),
        share=np.array(part, dtype=np.float64),
        ticks=np.array(ticks, dtype=np.int64),
    )


@compiled
def mark_reaching(graph: SearchGraph, start: IntArray) -> BoolArray:
    """Mark the nodes from which one of the start nodes can be reached."""
    n_nodes = len(graph.out_first) - 1
    is_met = np.zeros(n_nodes, np.bool_)
    queue = np.empty(n_nodes, np.int32)
    size = 0
    for node in start:
        if not is_met[node]:
            is_met[node] = True
            queue[size] = node
            size += 1
    at = 0
    while at < size:
        node = queue[at]
        at += 1
        for i in range(graph.in_first[node], graph.in_first[node + 1]):
            tail = graph.in_pairs[i, 0]
            if not is_met[tail]:
                is_met[tail] = True
                queue[size] = tail
                size += 1
    return is_met


@compiled
def search_from_gate(
    graph: SearchGraph, work: Workspace, gate: Gate, targets: IntArray, limit: int
) -> None:
    """Find the time to the gate of all nodes up to the farthest target.

    Parameters
    ----------
    graph, work, gate
        Where to search; `work` is clean, and holds the times afterwards.
    targets
        Nodes that are waited for; repeated ones count once.
    limit
        The search ends here [tick].

    Notes
    -----
    Dijkstra's method with buckets for a queue (Dial 1969, doi:10.1145/363269.363610). Nodes
    of one bucket are taken in any order, and again when they turn out to be nearer (Meyer &
    Sanders 2003, doi:10.1016/S0196-6774(03)00076-2): times are final when it is empty.
    """
    work.bucket[:] = -1
    n_wanted = _want(work.wanted, targets)
    n_touched, current = _start(graph, work, gate)
    n_waiting, reached = n_touched, -1
    while n_waiting > 0 and n_wanted > 0 and reached < limit:
        more, n_touched, n_found = _empty_bucket(graph, work, current, n_touched)
        n_waiting += more
        n_wanted -= n_found
        current += 1
        reached = (current << graph.shift) - 1
    for node in targets:
        work.wanted[node] = 0
    work.state[0] = FAR - 1 if n_waiting == 0 else reached
    work.state[1] = n_touched


@compiled
def _want(wanted: NDArray[np.int8], targets: IntArray) -> int:
    """Mark the nodes that are waited for; return how many there are."""
    n_wanted = 0
    for node in targets:
        n_wanted += 1 - wanted[node]
        wanted[node] = 1
    return n_wanted


@compiled
def _start(graph: SearchGraph, work: Workspace, gate: Gate) -> tuple[int, int]:
    """Put the nodes by which the gate is entered into their buckets.

    Returns
    -------
    n_touched
        How many nodes they are.
    current
        Number of the first bucket that holds one.
    """
    for i in range(len(gate.node)):
        work.ticks[gate.node[i]] = min(work.ticks[gate.node[i]], gate.ticks[i])
    n_touched, current = 0, FAR
    mask = len(work.bucket) - 1
    for i in range(len(gate.node)):
        node = gate.node[i]
        if i > 0 and node == gate.node[0]:
            continue  # both ends of a loop
        number = work.ticks[node] >> graph.shift
        first = work.bucket[number & mask]
        work.after[node], work.before[node] = first, -1
        if first >= 0:
            work.before[first] = node
        work.bucket[number & mask] = node
        work.touched[n_touched] = node
        n_touched += 1
        current = min(current, number)
    return n_touched, current


@compiled
def _empty_bucket(
    graph: SearchGraph, work: Workspace, number: int, n_touched: int
) -> tuple[int, int, int]:
    """Take the nodes out of a bucket, and bring those before them nearer.

    The lists are kept here, without a call, as this is where all the time goes.

    Returns
    -------
    more
        How many more nodes wait than before; may be negative.
    n_touched, n_found
        How many nodes were met since the search began; how many wanted ones it held.
    """
    in_first, in_pairs, shift = graph.in_first, graph.in_pairs, graph.shift
    ticks, touched, wanted = work.ticks, work.touched, work.wanted
    bucket, after, before = work.bucket, work.after, work.before
    mask = len(bucket) - 1
    more, n_found = 0, 0
    node = bucket[number & mask]
    while node >= 0:
        following = after[node]
        bucket[number & mask] = following
        if following >= 0:
            before[following] = -1
        before[node] = TAKEN
        more -= 1
        n_found += wanted[node]
        wanted[node] = 0
        here = ticks[node]
        for i in range(in_first[node], in_first[node + 1]):
            tail = in_pairs[i, 0]
            time = here + in_pairs[i, 1]
            known = ticks[tail]
            if time >= known:
                continue
            ticks[tail] = time
            if known == FAR:
                touched[n_touched] = tail
                n_touched += 1
                more += 1
            elif before[tail] == TAKEN:
                more += 1
            else:
                earlier, later = before[tail], after[tail]
                if earlier >= 0:
                    after[earlier] = later
                else:
                    bucket[(known >> shift) & mask] = later
                if later >= 0:
                    before[later] = earlier
            place = (time >> shift) & mask
            first = bucket[place]
            after[tail], before[tail] = first, -1
            if first >= 0:
                before[first] = tail
            bucket[place] = tail
        node = bucket[number & mask]
    return more, n_touched, n_found


@compiled
def clear_workspace(work: Workspace) -> None:
    """Make a workspace clean again."""
    for i in range(work.state[1]):
        node = work.touched[i]
        work.ticks[node] = FAR
        work.next_arc[node] = UNKNOWN
