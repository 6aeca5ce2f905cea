"""The most likely way through candidate places: bounded shortest paths inside a Viterbi search.

Compiled loops only; what they mean is told in `geo.map_matching`. A *state* is a place on an
arc (a segment driven in one direction), with its distance from where the arc starts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled
from geo.bounded_search import Arcs, Work, make_work, search

__all__ = ["Found", "Limits", "States", "walk_trellis"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

SAME_ARC, U_TURN, BY_NODES = 0, 1, 2
MAX_MISSING = 1  # fixes in a row without a road near them that a path is drawn across


class States(NamedTuple):
    """Candidates of all points: `first` is (n_points + 1,), the others (n_states,).

    `cost` is the negative log-likelihood of the fix, given the place.
    """

    first: IntArray
    arc: IntArray
    offset: FloatArray
    cost: FloatArray


class Limits(NamedTuple):
    """Scale of detours, cost of a U-turn, and how far a step may go."""

    beta: float  # [m]
    u_turn_cost: float  # [-], a negative log-likelihood
    slip: float  # a place may lie this far behind the one before [m]
    max_gap: float  # straight line between points [m]
    route_factor: float  # a route may be this many times the straight line
    route_slack: float  # and this much more [m]


class Found(NamedTuple):
    """What was found: by point the state, part, point before, route from it; and the path.

    Pieces are in driving order; `piece_from` and `piece_to` are metres from the arc's start.
    """

    state: IntArray
    part: IntArray
    previous: IntArray
    route: FloatArray
    piece_trace: IntArray
    piece_part: IntArray
    piece_arc: IntArray
    piece_from: FloatArray
    piece_to: FloatArray


class _Best(NamedTuple):
    """Best ways so far, by state, and what was chosen, by point."""

    cost: FloatArray
    back: IntArray
    state: IntArray
    part: IntArray
    previous: IntArray  # point that the way comes from


class _Path(NamedTuple):
    """Pieces driven; there is room for more at the end."""

    arc: IntArray
    start: FloatArray
    end: FloatArray
    trace: IntArray
    part: IntArray


@compiled
def _link(
    arcs: Arcs, work: Work, limits: Limits, state_a: tuple[int, float], state_b: tuple[int, float]
) -> tuple[float, int, int]:
    """Route from one state to another [m], the way it goes, and how many U-turns it makes.

    The search from the end of the first arc must have run. A place slightly behind the one
    before on the same arc is at a negative distance.
    """
    arc, offset = state_a
    to_arc, to_offset = state_b
    stretch = arcs.weight[arc] / arcs.length[arc]
    if arc == to_arc and to_offset >= offset - limits.slip:
        return (to_offset - offset) * stretch, SAME_ARC, 0
    if arcs.twin[arc] == to_arc:
        back = arcs.weight[to_arc] / arcs.length[to_arc]
        place = arcs.length[arc] - to_offset
        if place >= offset:
            return (place - offset) * stretch, U_TURN, 1
        return (offset - place) * back, U_TURN, 1
    node = arcs.tail[to_arc]
    if work.stamp[node] != work.version[0]:
        return np.inf, BY_NODES, 0
    rest = (arcs.length[arc] - offset) * stretch
    rest += to_offset * arcs.weight[to_arc] / arcs.length[to_arc]
    n_turns = 0
    if work.root[node] >= 0:
        n_turns += arcs.twin[arc] == work.root[node]
        n_turns += arcs.twin[to_arc] == work.last[node]
    return work.distance[node] + rest, BY_NODES, n_turns


@compiled
def _connect(
    arcs: Arcs,
    work: Work,
    states: States,
    limits: Limits,
    points: tuple[int, int, float],
    cost: FloatArray,
    back: IntArray,
) -> bool:
    """Extend the best ways from the states of one point to those of another; tell if any goes."""
    before, after, straight = points
    limit = limits.route_factor * straight + limits.route_slack
    from_b, to_b = states.first[after], states.first[after + 1]
    for b in range(from_b, to_b):
        cost[b], back[b] = np.inf, -1
    for a in range(states.first[before], states.first[before + 1]):
        if not np.isfinite(cost[a]):
            continue
        arc = states.arc[a]
        work.version[0] += 1
        n_wanted = 0
        for b in range(from_b, to_b):
            to_arc = states.arc[b]
            is_near = to_arc == arc and states.offset[b] >= states.offset[a] - limits.slip
            node = arcs.tail[to_arc]
            if is_near or to_arc == arcs.twin[arc] or work.wanted[node] == work.version[0]:
                continue
            work.wanted[node] = work.version[0]
            n_wanted += 1
        if n_wanted:
            search(arcs, work, arcs.head[arc], n_wanted, limit)
        for b in range(from_b, to_b):
            place = (states.arc[b], states.offset[b])
            route, _, n_turns = _link(arcs, work, limits, (arc, states.offset[a]), place)
            if route > limit:
                continue
            total = cost[a] + abs(route - straight) / limits.beta + n_turns * limits.u_turn_cost
            if total < cost[b]:
                cost[b], back[b] = total, a
    some = False
    for b in range(from_b, to_b):
        if np.isfinite(cost[b]):
            cost[b] += states.cost[b]
            some = True
    return some


@compiled
def _find_states(
    arcs: Arcs,
    work: Work,
    states: States,
    limits: Limits,
    xy: FloatArray,
    span: tuple[int, int],
    best: _Best,
) -> None:
    """Choose the state of each point of a trace."""
    begin, end = span
    current, n_missing, n_parts, skipped = -1, 0, 0, -1
    for q in range(begin, end):
        if q == skipped:
            continue
        if states.first[q + 1] == states.first[q]:
            n_missing += 1
            continue
        linked = False
        if current >= 0 and n_missing <= MAX_MISSING:
            for to in range(q, min(q + 2, end)):  # a fix that nothing leads to is left out, once
                straight = np.hypot(xy[to, 0] - xy[current, 0], xy[to, 1] - xy[current, 1])
                if straight > limits.max_gap or states.first[to + 1] == states.first[to]:
                    break
                points = (current, to, straight)
                if _connect(arcs, work, states, limits, points, best.cost, best.back):
                    best.previous[to], best.part[to] = current, n_parts
                    skipped = to if to > q else -1
                    current, n_missing, linked = to, 0, True
                    break
        if linked:
            continue
        if current >= 0:
            _go_back(states, best, current)
            n_parts += 1
        for s in range(states.first[q], states.first[q + 1]):
            best.cost[s], best.back[s] = states.cost[s], -1
        current, n_missing = q, 0
        best.part[q] = n_parts
    if current >= 0:
        _go_back(states, best, current)


@compiled
def _go_back(states: States, best: _Best, last: int) -> None:
    """Note the states of the best way that ends at a point."""
    state = states.first[last]
    for s in range(states.first[last], states.first[last + 1]):
        if best.cost[s] < best.cost[state]:
            state = s
    point = last
    while point >= 0:
        best.state[point] = state
        state = best.back[state]
        point = best.previous[point]


@compiled
def _route(
    arcs: Arcs, work: Work, limits: Limits, step: tuple[int, float, int, float], limit: float
) -> tuple[float, int, int]:
    """Find the route of a step again: its length, the way it goes, the arcs in between."""
    arc, offset, to_arc, to_offset = step
    work.version[0] += 1
    node = arcs.tail[to_arc]
    work.wanted[node] = work.version[0]
    search(arcs, work, arcs.head[arc], 1, limit)
    route, way, _ = _link(arcs, work, limits, (arc, offset), (to_arc, to_offset))
    n_between = 0
    if way == BY_NODES:
        while work.last[node] >= 0:
            n_between += 1
            node = arcs.tail[work.last[node]]
    return route, way, n_between


@compiled
def _drive(
    arcs: Arcs,
    work: Work,
    step: tuple[int, float, int, float],
    how: tuple[int, int],
    path: _Path,
    size: int,
) -> int:
    """Add the pieces of a step to the path; the search of `_route` must be the last one."""
    arc, _, to_arc, to_offset = step
    way, n_between = how
    start = 0.0
    if way == SAME_ARC:
        path.end[size - 1] = max(path.end[size - 1], to_offset)
        return size
    if way == U_TURN:
        turn = max(path.end[size - 1], arcs.length[arc] - to_offset)
        path.end[size - 1] = turn
        start = arcs.length[arc] - turn
    else:
        path.end[size - 1] = arcs.length[arc]
        node = arcs.tail[to_arc]
        for at in range(size + n_between - 1, size - 1, -1):
            between = work.last[node]
            path.arc[at], path.start[at], path.end[at] = between, 0.0, arcs.length[between]
            node = arcs.tail[between]
        size += n_between
    path.arc[size], path.start[size], path.end[size] = to_arc, start, to_offset
    return size + 1


@compiled
def _grow(path: _Path) -> _Path:
    return _Path(
        np.concatenate((path.arc, np.empty_like(path.arc))),
        np.concatenate((path.start, np.empty_like(path.start))),
        np.concatenate((path.end, np.empty_like(path.end))),
        np.concatenate((path.trace, np.empty_like(path.trace))),
        np.concatenate((path.part, np.empty_like(path.part))),
    )


@compiled
def walk_trellis(
    arcs: Arcs, states: States, limits: Limits, xy: FloatArray, trace_first: IntArray
) -> Found:
    """Find the most likely path of every trace.

    Parameters
    ----------
    arcs, states, limits
        The network, the candidates of each point, the rules.
    xy
        Points of all traces [m], shape (n_points, 2).
    trace_first
        First point of each trace, and the number of points, shape (n_traces + 1,).
    """
    n_nodes, n_arcs, n, n_states = len(arcs.first_arc) - 1, len(arcs.head), len(xy), len(states.arc)
    work = make_work(n_nodes, n_arcs)
    best = _Best(
        np.empty(n_states),
        np.empty(n_states, np.int64),
        np.full(n, -1),
        np.full(n, -1),
        np.full(n, -1),
    )
    route = np.full(n, np.nan)
    capacity = 4 * n + 64
    path = _Path(
        np.empty(capacity, np.int64),
        np.empty(capacity),
        np.empty(capacity),
        np.empty(capacity, np.int64),
        np.empty(capacity, np.int64),
    )
    size = 0
    for trace in range(len(trace_first) - 1):
        begin, end = trace_first[trace], trace_first[trace + 1]
        _find_states(arcs, work, states, limits, xy, (begin, end), best)
        for q in range(begin, end):
            if best.state[q] < 0:
                continue
            begun = size
            p = best.previous[q]
            to_arc, to_offset = states.arc[best.state[q]], states.offset[best.state[q]]
            if p < 0:
                if size + 1 > len(path.arc):
                    path = _grow(path)
                path.arc[size], path.start[size], path.end[size] = to_arc, to_offset, to_offset
                size += 1
            else:
                straight = np.hypot(xy[q, 0] - xy[p, 0], xy[q, 1] - xy[p, 1])
                limit = limits.route_factor * straight + limits.route_slack
                step = (states.arc[best.state[p]], states.offset[best.state[p]], to_arc, to_offset)
                route[q], way, n_between = _route(arcs, work, limits, step, limit)
                while size + n_between + 1 > len(path.arc):
                    path = _grow(path)
                size = _drive(arcs, work, step, (way, n_between), path, size)
            path.trace[begun:size] = trace
            path.part[begun:size] = best.part[q]
    return Found(
        best.state,
        best.part,
        best.previous,
        route,
        path.trace[:size].copy(),
        path.part[:size].copy(),
        path.arc[:size].copy(),
        path.start[:size].copy(),
        path.end[:size].copy(),
    )
