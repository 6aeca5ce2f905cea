"""Compiled loops that follow mass from the end of one edge in steps of distance.

The kernels of all events on the edge are then sums over the steps, from a table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.jit import compiled
from models.arrays import FloatArray, IntArray
from models.nkde_paths import find_near
from models.nkde_steps import Seeds, Steps, build_region, leave_in_steps, weigh_steps
from models.nkde_walks import Arms, Rule, Samples

__all__ = ["InSteps", "Room", "follow_in_steps", "pass_steps"]

InSteps = tuple[IntArray, FloatArray, IntArray]


class Room(NamedTuple):
    """Working arrays, as they were after each use."""

    best: FloatArray  # infinite, (n_nodes,)
    reached: IntArray  # (n_nodes,)
    place_of: IntArray  # -1, (2 * n_edges,)


@compiled
def follow_in_steps(
    arms: Arms,
    rule: Rule,
    start: int,
    at_node: bool,
    limit: float,
    steps: Steps,
    room: Room,
) -> InSteps:
    """Follow a mass of 1 that reaches a node, or starts there, up to a distance.

    Parameters
    ----------
    start
        Arm at whose node the mass arrives, or the node where it starts.

    Returns
    -------
    arm, leaving, begin
        Arms of the nodes within reach, the mass that leaves through each after each step,
        shape (n_arms, n_steps), and the first step with any.
    """
    source = np.empty(1, dtype=np.int64)
    source[0] = start if at_node else arms.node[start // 2, start % 2]
    n_near = find_near(arms, source, np.zeros(1), limit, room.best, room.reached)
    nodes = room.reached[:n_near].copy()
    for node in nodes:
        room.best[node] = np.inf
    region = build_region(arms, nodes, steps, room.place_of)
    own = np.array([start], dtype=np.int64)
    none, nothing, one = np.empty(0, dtype=np.int64), np.empty(0), np.ones(1)
    if at_node:
        seeds = Seeds(none, nothing, nothing, own, one)
    else:
        seeds = Seeds(own, np.zeros(1), one, none, nothing)
    leaving, due = leave_in_steps(arms, rule, region, room.place_of, seeds, steps, limit)
    begin = np.empty(len(region.arm), dtype=np.int64)
    for place in range(len(begin)):
        begin[place] = due[region.in_knot[place]]
        room.place_of[region.arm[place]] = -1
    return region.arm, leaving, begin


@compiled
def pass_steps(
    arms: Arms,
    in_steps: InSteps,
    gone: float,
    bandwidth: float,
    samples: Samples,
    steps: Steps,
    total: FloatArray,
    touched: IntArray,
    n_touched: int,
) -> int:
    """Add what an event gives to places by mass in steps; return how many are touched."""
    arm, leaving, begin = in_steps
    for place in range(len(arm)):
        edge, end = arm[place] // 2, arm[place] % 2
        for at in range(samples.first[edge], samples.first[edge + 1]):
            along = samples.offset[at] if end == 0 else arms.length[edge] - samples.offset[at]
            if gone + along >= bandwidth:
                continue
            density = weigh_steps(leaving, place, begin[place], gone + along, steps)
            if density == 0.0:
                continue
            if total[at] == 0.0:
                touched[n_touched] = at
                n_touched += 1
            total[at] += density
            if total[at] == 0.0:
                total[at] = 5e-324  # known as touched
    return n_touched
