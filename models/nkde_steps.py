"""Compiled loops of network kernel density in steps of distance, for very many walks.

Where roads are short, the walks of the continuous form are millions: at every node some mass
turns back. Here the mass of all events goes on together in equal steps of distance; what
arrives between two steps is shared among the four nearest (cubic interpolation, which keeps
the sum and the first three moments of distance), so the error falls with the fourth power of
the step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.jit import compiled
from models.arrays import FloatArray, IntArray
from models.network_kernels import evaluate_kernel
from models.nkde_walks import Arms, Rule, Samples

__all__ = ["Seeds", "measure_ways", "spread_in_steps"]


class Seeds(NamedTuple):
    """Where mass starts: events arriving at the node of an arm, or lying on a node."""

    arm: IntArray
    distance: FloatArray  # already gone
    factor: FloatArray  # (n, n_columns)
    node: IntArray  # of the events that are on nodes
    node_factor: FloatArray


@compiled
def share_out(position: float, lowest: int) -> tuple[int, float, float, float, float]:
    """Return the first of four steps about a position and the share of each.

    Where the step before lies below `lowest`, it is shared between the nearest two: four on
    one side would let what goes to and fro on a very short edge grow.
    """
    first = int(np.floor(position)) - 1
    if first < lowest:
        x = position - lowest
        return lowest, 1.0 - x, x, 0.0, 0.0
    x = position - first
    a = -(x - 1) * (x - 2) * (x - 3) / 6
    b = x * (x - 2) * (x - 3) / 2
    c = -x * (x - 1) * (x - 3) / 2
    d = x * (x - 1) * (x - 2) / 6
    return first, a, b, c, d


@compiled
def measure_ways(length: FloatArray, step_m: float) -> FloatArray:
    """Return for each edge how many steps ahead its end begins, and the four shares there.

    An edge shorter than a step is taken as long as one. Shape (n_edges, 5).
    """
    way = np.empty((len(length), 5))
    for edge in range(len(length)):
        begin, a, b, c, d = share_out(max(length[edge] / step_m, 1.0), 1)
        way[edge] = np.array([float(begin), a, b, c, d])
    return way


@compiled
def leave(
    arms: Arms,
    arm: int,
    step: int,
    step_m: float,
    mass: FloatArray,
    bandwidth: float,
    waiting: FloatArray,
    place_of: IntArray,
    way: FloatArray,
    samples: Samples,
    kernel: int,
    owner: int,
    out: FloatArray,
) -> None:
    """Send mass along an edge: past its samples, and to the node at its other end.

    `way` is from `measure_ways`.
    """
    edge, end = arm // 2, arm % 2
    length = arms.length[edge]
    gone = step * step_m
    first, last = samples.first[edge], samples.first[edge + 1]
    for i in range(last - first):
        at = first + i if end == 0 else last - 1 - i
        along = samples.offset[at] if end == 0 else length - samples.offset[at]
        if gone + along >= bandwidth:
            break
        if samples.owner[at] >= 0 and samples.owner[at] == owner:
            continue
        density = evaluate_kernel(kernel, gone + along, bandwidth)
        for t in range(len(mass)):
            out[at, t] += density * mass[t]
    place = place_of[2 * edge + 1 - end]
    n_steps = waiting.shape[0]
    if place < 0 or gone + length >= bandwidth:
        return
    begin = step + int(way[edge, 0])
    for i in range(min(4, n_steps - begin)):
        for t in range(len(mass)):
            waiting[begin + i, place, t] += way[edge, 1 + i] * mass[t]


@compiled
def spread_in_steps(
    arms: Arms,
    rule: Rule,
    nodes: IntArray,
    place_of: IntArray,
    way: FloatArray,
    seeds: Seeds,
    bandwidth: float,
    step_m: float,
    samples: Samples,
    kernel: int,
    owner: int,
    out: FloatArray,
) -> None:
    """Add the density of events that share a bandwidth to the samples.

    Parameters
    ----------
    nodes
        Nodes within the bandwidth of an event.
    place_of
        Row of each arm of these nodes, -1 elsewhere, shape (2 * n_edges,).
    way
        Of every edge, by `measure_ways`.
    owner
        Event whose own samples are left out, -1: none.
    out
        Density of each sample and column; added to.
    """
    n_steps = int(np.ceil(bandwidth / step_m)) + 1
    n_columns = out.shape[1]
    n_places = 0
    for node in nodes:
        n_places += arms.first_arm[node + 1] - arms.first_arm[node]
    waiting = np.zeros((n_steps, n_places, n_columns))
    for i in range(len(seeds.arm)):
        place = place_of[seeds.arm[i]]
        begin, a, b, c, d = share_out(seeds.distance[i] / step_m, 0)
        parts = (a, b, c, d)
        for k in range(4):
            if begin + k < n_steps:
                for t in range(n_columns):
                    waiting[begin + k, place, t] += parts[k] * seeds.factor[i, t]
    mass, total = np.empty(n_columns), np.empty(n_columns)
    for i in range(len(seeds.node)):
        node = seeds.node[i]
        begin, stop = arms.first_arm[node], arms.first_arm[node + 1]
        n = stop - begin
        for at in range(begin, stop):
            part = 2.0 / n if n > 1 or rule.reflects else 1.0
            for t in range(n_columns):
                mass[t] = part * seeds.node_factor[i, t]
            leave(
                arms, arms.arm[at], 0, step_m, mass, bandwidth, waiting, place_of, way, samples,
                kernel, owner, out,
            )  # fmt: skip
    for step in range(n_steps):
        for node in nodes:
            begin, stop = arms.first_arm[node], arms.first_arm[node + 1]
            n = stop - begin
            if n == 1 and not rule.reflects:
                continue
            is_empty = True
            total[:] = 0.0
            for at in range(begin, stop):
                place = place_of[arms.arm[at]]
                for t in range(n_columns):
                    here = waiting[step, place, t]
                    if here != 0.0:
                        is_empty = False
                    total[t] += here
            if is_empty:
                continue
            for at in range(begin, stop):
                arm = arms.arm[at]
                for t in range(n_columns):
                    back = waiting[step, place_of[arm], t]
                    if n == 1:
                        mass[t] = back
                    elif rule.method == 1:
                        mass[t] = 2.0 / n * total[t] - back
                    else:
                        mass[t] = (total[t] - back) / (n - 1.0)
                leave(
                    arms, arm, step, step_m, mass, bandwidth, waiting, place_of, way, samples,
                    kernel, owner, out,
                )  # fmt: skip
