"""Compiled loops that list what an event at each of many places gives to all places near it."""

from __future__ import annotations

import numpy as np

from core.growing import lengthen
from core.jit import compiled
from models.arrays import FloatArray, IntArray
from models.network_kernels import evaluate_kernel
from models.nkde_paths import find_near
from models.nkde_steps import Steps
from models.nkde_walks import Arms, Rule, Samples, list_walks
from models.smoothing_steps import InSteps, Room, follow_in_steps, pass_steps

__all__ = ["list_path_columns", "list_walk_columns"]

Walks = tuple[IntArray, FloatArray, FloatArray]  # arm, distance, share of each
Ways = tuple[Walks, InSteps]


@compiled
def pass_walks(
    arms: Arms,
    walks: Walks,
    gone: float,
    bandwidth: float,
    samples: Samples,
    kernel: int,
    total: FloatArray,
    touched: IntArray,
    n_touched: int,
) -> int:
    """Add what the walks of an event give to places; return how many places are touched."""
    arm, distance, share = walks
    for walk in range(len(arm)):
        so_far = gone + distance[walk]
        if so_far >= bandwidth:
            continue
        edge, end = arm[walk] // 2, arm[walk] % 2
        first, last = samples.first[edge], samples.first[edge + 1]
        for step in range(last - first):
            at = first + step if end == 0 else last - 1 - step
            along = samples.offset[at] if end == 0 else arms.length[edge] - samples.offset[at]
            if so_far + along >= bandwidth:
                break
            if total[at] == 0.0:
                touched[n_touched] = at
                n_touched += 1
            total[at] += share[walk] * evaluate_kernel(kernel, so_far + along, bandwidth)
            if total[at] == 0.0:
                total[at] = 5e-324  # known as touched
    return n_touched


@compiled
def follow(
    arms: Arms,
    rule: Rule,
    start: int,
    at_node: bool,
    limit: float,
    steps: Steps,
    room: Room,
) -> Ways:
    """Follow mass from the end of an edge, or from a node: walk by walk, or else in steps."""
    walks = list_walks(arms, rule, start, at_node, limit)
    if len(walks[0]) <= rule.max_walks:
        none = np.empty(0, dtype=np.int64)
        return walks, (none, np.empty((0, 0)), none)
    nothing = np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
    return nothing, follow_in_steps(arms, rule, start, at_node, limit, steps, room)


@compiled
def list_walk_columns(
    begin_edge: int,
    stop_edge: int,
    arms: Arms,
    bandwidth: float,
    samples: Samples,
    kernel: int,
    rule: Rule,
    steps: Steps,
) -> tuple[IntArray, FloatArray, IntArray]:
    """List the columns of all places on some edges, for the forms that follow walks.

    Returns
    -------
    row, value, first
        Entries of the columns one after another, rows sorted, and where each column begins.
    """
    begin, stop = samples.first[begin_edge], samples.first[stop_edge]
    first = np.zeros(stop - begin + 1, dtype=np.int64)
    row = np.empty(64 * (stop - begin) + 64, dtype=np.int64)
    value = np.empty(len(row))
    total = np.zeros(len(samples.offset))
    touched = np.empty(len(samples.offset), dtype=np.int64)
    n_nodes = len(arms.first_arm) - 1
    room = Room(
        np.full(n_nodes, np.inf), np.empty(n_nodes, dtype=np.int64), np.full(len(arms.arm), -1)
    )
    n = 0
    for edge in range(begin_edge, stop_edge):
        on_edge, off_edge = samples.first[edge], samples.first[edge + 1]
        length = arms.length[edge]
        for i in range(on_edge, off_edge):
            offset = samples.offset[i]
            is_inside = 0.0 < offset < length
            n_touched = 0
            if is_inside:
                for at in range(on_edge, off_edge):
                    distance = abs(samples.offset[at] - offset)
                    if distance < bandwidth:
                        total[at] = evaluate_kernel(kernel, distance, bandwidth)
                        touched[n_touched] = at
                        n_touched += 1
            if i == on_edge:  # ways from both ends, long enough for all places on the edge
                limit = bandwidth - offset
                way_a = follow(arms, rule, 2 * edge, False, limit, steps, room)
                limit = bandwidth - length + samples.offset[off_edge - 1]
                way_b = follow(arms, rule, 2 * edge + 1, False, limit, steps, room)
            for end in range(2):
                if is_inside:
                    gone = offset if end == 0 else length - offset
                    way = way_a if end == 0 else way_b
                elif end == 0:
                    gone = 0.0
                    node = arms.node[edge, 0 if offset == 0.0 else 1]
                    way = follow(arms, rule, node, True, bandwidth, steps, room)
                else:
                    continue
                if gone >= bandwidth:
                    continue
                n_touched = pass_walks(
                    arms, way[0], gone, bandwidth, samples, kernel, total, touched, n_touched
                )
                n_touched = pass_steps(
                    arms, way[1], gone, bandwidth, samples, steps, total, touched, n_touched
                )
            row, value = lengthen(row, n + n_touched), lengthen(value, n + n_touched)
            for at in np.sort(touched[:n_touched]):
                row[n], value[n] = at, total[at]
                total[at] = 0.0
                n += 1
            first[i - begin + 1] = n
    return row[:n].copy(), value[:n].copy(), first


@compiled
def list_path_columns(
    begin_edge: int,
    stop_edge: int,
    arms: Arms,
    bandwidth: float,
    samples: Samples,
    kernel: int,
) -> tuple[IntArray, FloatArray, IntArray]:
    """List the columns of all places on some edges by shortest paths, as `list_walk_columns`."""
    begin, stop = samples.first[begin_edge], samples.first[stop_edge]
    first = np.zeros(stop - begin + 1, dtype=np.int64)
    row = np.empty(64 * (stop - begin) + 64, dtype=np.int64)
    value = np.empty(len(row))
    total = np.zeros(len(samples.offset))
    touched = np.empty(len(samples.offset), dtype=np.int64)
    best = np.full(len(arms.first_arm) - 1, np.inf)
    reached = np.empty(len(best), dtype=np.int64)
    gone = np.empty(2)
    n = 0
    for own in range(begin_edge, stop_edge):
        for i in range(samples.first[own], samples.first[own + 1]):
            gone[0], gone[1] = samples.offset[i], arms.length[own] - samples.offset[i]
            n_reached = find_near(arms, arms.node[own], gone, bandwidth, best, reached)
            n_touched = 0
            for r in range(-1, n_reached):  # the own edge first, then those at nodes near
                low = 0 if r < 0 else arms.first_arm[reached[r]]
                high = 1 if r < 0 else arms.first_arm[reached[r] + 1]
                for slot in range(low, high):
                    edge = own if r < 0 else arms.arm[slot] // 2
                    is_second = arms.arm[slot] % 2 == 1 and best[arms.node[edge, 0]] < np.inf
                    if r >= 0 and (edge == own or is_second):
                        continue
                    from_start, from_end = best[arms.node[edge, 0]], best[arms.node[edge, 1]]
                    for at in range(samples.first[edge], samples.first[edge + 1]):
                        along = samples.offset[at]
                        distance = min(from_start + along, from_end + arms.length[edge] - along)
                        if edge == own:
                            distance = min(distance, abs(along - samples.offset[i]))
                        if distance < bandwidth and total[at] == 0.0:
                            total[at] = evaluate_kernel(kernel, distance, bandwidth)
                            touched[n_touched] = at
                            n_touched += 1
            for r in range(n_reached):
                best[reached[r]] = np.inf
            row, value = lengthen(row, n + n_touched), lengthen(value, n + n_touched)
            for at in np.sort(touched[:n_touched]):
                row[n], value[n] = at, total[at]
                total[at] = 0.0
                n += 1
            first[i - begin + 1] = n
    return row[:n].copy(), value[:n].copy(), first
