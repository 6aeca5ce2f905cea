"""Compiled loops that follow mass from the end of one edge in steps of distance.

What `models.nkde_steps` does for many events at once, for one start and without a kernel: how much
mass leaves through each arm after each step. The kernels of all events on the edge are then
sums over the steps, from a table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.jit import compiled
from models.arrays import FloatArray, IntArray
from models.network_kernels import evaluate_kernel
from models.nkde_paths import find_near
from models.nkde_walks import Arms, Rule, Samples

__all__ = ["N_OFFSETS", "Room", "Steps", "fill_table", "leave_in_steps", "pass_steps"]

N_OFFSETS = 32  # of the table of a kernel within a step; between them it is interpolated


class Steps(NamedTuple):
    """Steps of distance, and the kernel at them."""

    step_m: float
    way: FloatArray  # of every edge in steps, by `models.nkde_steps.measure_ways`
    table: FloatArray  # (N_OFFSETS + 1, n_steps + 2), by `fill_table`


class Room(NamedTuple):
    """Working arrays, as they were after each use."""

    best: FloatArray  # infinite, (n_nodes,)
    reached: IntArray  # (n_nodes,)
    place_of: IntArray  # -1, (2 * n_edges,)


@compiled
def fill_table(kernel: int, bandwidth: float, step_m: float) -> FloatArray:
    """Return the kernel at (column + row / N_OFFSETS) steps."""
    n_steps = int(np.ceil(bandwidth / step_m)) + 2
    table = np.empty((N_OFFSETS + 1, n_steps))
    for row in range(N_OFFSETS + 1):
        for column in range(n_steps):
            distance = (column + row / N_OFFSETS) * step_m
            table[row, column] = evaluate_kernel(kernel, distance, bandwidth)
    return table


@compiled
def leave_in_steps(
    arms: Arms,
    rule: Rule,
    start: int,
    at_node: bool,
    limit: float,
    steps: Steps,
    room: Room,
) -> tuple[IntArray, FloatArray]:
    """Follow a mass of 1 that reaches a node, or starts there, up to a distance.

    Parameters
    ----------
    start
        Arm at whose node the mass arrives, or the node where it starts.

    Returns
    -------
    arm, leaving
        Arms of the nodes within reach, and the mass that leaves through each after each step,
        shape (n_arms, n_steps).
    """
    best, place_of = room.best, room.place_of
    source = np.empty(1, dtype=np.int64)
    source[0] = start if at_node else arms.node[start // 2, start % 2]
    n_near = find_near(arms, source, np.zeros(1), limit, best, room.reached)
    nodes = room.reached[:n_near].copy()
    distance = best[nodes]
    nodes = nodes[np.argsort(distance)]
    n_places = 0
    for node in nodes:
        n_places += arms.first_arm[node + 1] - arms.first_arm[node]
    arm = np.empty(n_places, dtype=np.int64)
    n_places = 0
    for node in nodes:
        for at in range(arms.first_arm[node], arms.first_arm[node + 1]):
            arm[n_places] = arms.arm[at]
            place_of[arms.arm[at]] = n_places
            n_places += 1
    n_steps = int(np.ceil(limit / steps.step_m)) + 1
    waiting, leaving = np.zeros((n_steps, n_places)), np.zeros((n_places, n_steps))
    if not at_node:
        waiting[0, place_of[start]] = 1.0
    for step in range(n_steps):
        begin = 0
        for i in range(n_near):
            node = nodes[i]
            if best[node] > (step + 3) * steps.step_m:
                break
            n = arms.first_arm[node + 1] - arms.first_arm[node]
            total, some = 0.0, False
            for place in range(begin, begin + n):
                total += waiting[step, place]
                some = some or waiting[step, place] != 0.0
            is_source = at_node and step == 0 and i == 0
            for place in range(begin, begin + n):
                back = waiting[step, place]
                if is_source:
                    mass = 2.0 / n if n > 1 or rule.reflects else 1.0
                elif not some:
                    mass = 0.0
                elif n == 1:
                    mass = back if rule.reflects else 0.0
                elif rule.method == 1:
                    mass = 2.0 / n * total - back
                else:
                    mass = (total - back) / (n - 1.0)
                if mass == 0.0:
                    continue
                leaving[place, step] = mass
                edge, end = arm[place] // 2, arm[place] % 2
                other = place_of[2 * edge + 1 - end]
                ahead = step + int(steps.way[edge, 0])
                if other >= 0:
                    for k in range(min(4, n_steps - ahead)):
                        waiting[ahead + k, other] += steps.way[edge, 1 + k] * mass
            begin += n
    for place in range(n_places):
        place_of[arm[place]] = -1
    for node in nodes:
        best[node] = np.inf
    return arm, leaving


@compiled
def pass_steps(
    arms: Arms,
    in_steps: tuple[IntArray, FloatArray],
    gone: float,
    bandwidth: float,
    samples: Samples,
    steps: Steps,
    total: FloatArray,
    touched: IntArray,
    n_touched: int,
) -> int:
    """Add what an event gives to places by mass in steps; return how many are touched."""
    arm, leaving = in_steps
    n_columns = steps.table.shape[1]
    for place in range(len(arm)):
        edge, end = arm[place] // 2, arm[place] % 2
        for at in range(samples.first[edge], samples.first[edge + 1]):
            along = samples.offset[at] if end == 0 else arms.length[edge] - samples.offset[at]
            if gone + along >= bandwidth:
                continue
            position = (gone + along) / steps.step_m
            column = int(position)
            offset = (position - column) * N_OFFSETS
            row = min(int(offset), N_OFFSETS - 1)
            share = offset - row
            n = min(leaving.shape[1], n_columns - column)
            low, high = 0.0, 0.0
            for step in range(n):
                low += leaving[place, step] * steps.table[row, column + step]
                high += leaving[place, step] * steps.table[row + 1, column + step]
            density = (1.0 - share) * low + share * high
            if density == 0.0:
                continue
            if total[at] == 0.0:
                touched[n_touched] = at
                n_touched += 1
            total[at] += density
            if total[at] == 0.0:
                total[at] = 5e-324  # known as touched
    return n_touched
