"""Compiled loops that list what an event at each of many places gives to all places near it."""

from __future__ import annotations

import numpy as np

from core.jit import compiled
from models.arrays import BoolArray, FloatArray, IntArray
from models.network_kernels import evaluate_kernel
from models.nkde_paths import find_near
from models.nkde_walks import Arms, Rule, Samples, list_walks

__all__ = ["list_path_columns", "list_walk_columns"]


@compiled
def make_room(row: IntArray, value: FloatArray, needed: int) -> tuple[IntArray, FloatArray]:
    """Return longer arrays where more entries are needed than there is room for."""
    while len(row) < needed:
        row = np.concatenate((row, np.empty_like(row)))
        value = np.concatenate((value, np.empty_like(value)))
    return row, value


@compiled
def pass_walks(
    arms: Arms,
    walks: tuple[IntArray, FloatArray, FloatArray],
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
def list_walk_columns(
    begin_edge: int,
    stop_edge: int,
    arms: Arms,
    bandwidth: float,
    samples: Samples,
    kernel: int,
    rule: Rule,
    is_left: BoolArray,
) -> tuple[IntArray, FloatArray, IntArray]:
    """List the columns of all places on some edges, for the forms that follow walks.

    Parameters
    ----------
    is_left
        Made true for places with too many walks, of which only what goes straight along their
        own edge is listed, shape (n_places,).

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
    n = 0
    nothing = np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
    for edge in range(begin_edge, stop_edge):
        on_edge, off_edge = samples.first[edge], samples.first[edge + 1]
        length = arms.length[edge]
        way_a, way_b = nothing, nothing
        least = np.full(2, np.inf)
        for i in range(on_edge, off_edge):
            if 0.0 < samples.offset[i] < length:
                least[0] = min(least[0], samples.offset[i])
                least[1] = min(least[1], length - samples.offset[i])
        if least[0] < bandwidth:
            way_a = list_walks(arms, rule, 2 * edge, False, bandwidth - least[0])
        if least[1] < bandwidth:
            way_b = list_walks(arms, rule, 2 * edge + 1, False, bandwidth - least[1])
        for i in range(on_edge, off_edge):
            offset = samples.offset[i]
            n_touched = 0
            if 0.0 < offset < length:
                for at in range(on_edge, off_edge):
                    distance = abs(samples.offset[at] - offset)
                    if distance < bandwidth:
                        total[at] = evaluate_kernel(kernel, distance, bandwidth)
                        touched[n_touched] = at
                        n_touched += 1
                is_left[i] = max(len(way_a[0]), len(way_b[0])) > rule.max_walks
                if not is_left[i]:
                    n_touched = pass_walks(
                        arms, way_a, offset, bandwidth, samples, kernel, total, touched, n_touched
                    )
                    n_touched = pass_walks(
                        arms, way_b, length - offset, bandwidth, samples, kernel, total, touched,
                        n_touched,
                    )  # fmt: skip
            else:
                node = arms.node[edge, 0 if offset == 0.0 else 1]
                walks = list_walks(arms, rule, node, True, bandwidth)
                is_left[i] = len(walks[0]) > rule.max_walks
                if not is_left[i]:
                    n_touched = pass_walks(
                        arms, walks, 0.0, bandwidth, samples, kernel, total, touched, 0
                    )
            row, value = make_room(row, value, n + n_touched)
            own = np.sort(touched[:n_touched])
            for at in own:
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
            row, value = make_room(row, value, n + n_touched)
            for at in np.sort(touched[:n_touched]):
                row[n], value[n] = at, total[at]
                total[at] = 0.0
                n += 1
            first[i - begin + 1] = n
    return row[:n].copy(), value[:n].copy(), first
