"""Compiled loops of network kernel density: walks that leave an event, and what they add.

A walk is known by the arm it last left a node through, how far it has come, and the share of
the event's mass it carries. Walks are made step by step; those of one step that left through
the same arm after the same distance are one, which keeps their number from doubling at every
node: going a-b-a and b-a-a are as long, and arrive alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.growing import lengthen
from core.jit import compiled
from core.sorting import order_pairs
from models.arrays import BoolArray, FloatArray, IntArray
from models.network_kernels import evaluate_kernel

__all__ = [
    "CONTINUOUS",
    "DISCONTINUOUS",
    "NO_LIMIT",
    "Arms",
    "Events",
    "Rule",
    "Samples",
    "add_walks",
]

DISCONTINUOUS, CONTINUOUS = 0, 1
NO_LIMIT = 2**62  # of a depth
SAME_DISTANCE = 1e-11  # of the bandwidth: only rounding apart
NO_WEIGHT = 1e-14
MERGE_FROM = 8  # walks; fewer are not worth sorting


class Arms(NamedTuple):
    """The graph, as `models.edge_graph.EdgeGraph` holds it."""

    node: IntArray
    length: FloatArray
    first_arm: IntArray
    arm: IntArray


class Rule(NamedTuple):
    """How mass goes on at a node."""

    method: int
    reflects: bool  # at dead ends
    max_depth: int  # nodes that a walk may pass
    max_walks: int  # of one group of events; more are left to `models.nkde_steps`


class Events(NamedTuple):
    """Events in the order in which they are worked through."""

    offset: FloatArray
    bandwidth: FloatArray
    factor: FloatArray  # (n_events, n_times): weight, and kernel in time
    owner: IntArray


class Samples(NamedTuple):
    """Samples by edge and offset."""

    first: IntArray  # (n_edges + 1,)
    offset: FloatArray
    owner: IntArray  # event that a sample must not count, -1: none


@compiled
def start_walks(arms: Arms, rule: Rule, start: int, at_node: bool) -> tuple[IntArray, FloatArray]:
    """Return the arms by which mass leaves, and the share through each.

    `start` is the arm whose node was reached along it, or the node where the event itself is.
    """
    node = start if at_node else arms.node[start // 2, start % 2]
    begin, end = arms.first_arm[node], arms.first_arm[node + 1]
    n = end - begin
    out = np.empty(n, dtype=np.int64)
    share = np.empty(n, dtype=np.float64)
    size = 0
    for at in range(begin, end):
        arm = arms.arm[at]
        if at_node:
            part = 2.0 / n if n > 1 or rule.reflects else 1.0
        elif n == 1:
            part = 1.0 if rule.reflects else 0.0
        elif arm == start:
            part = (2.0 - n) / n if rule.method == 1 else 0.0
        else:
            part = 2.0 / n if rule.method == 1 else 1.0 / (n - 1.0)
        if part != 0.0:
            out[size], share[size] = arm, part
            size += 1
    return out[:size], share[:size]


@compiled
def merge_walks(
    arm: IntArray, distance: FloatArray, share: FloatArray, tolerance: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return walks with those that arrived alike put together."""
    order = order_pairs(arm, distance)
    n = len(order)
    new_arm, new_distance = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.float64)
    new_share = np.empty(n, dtype=np.float64)
    size = 0
    for at in order:
        if (
            size
            and new_arm[size - 1] == arm[at]
            and distance[at] - new_distance[size - 1] <= tolerance
        ):
            new_share[size - 1] += share[at]
        else:
            new_arm[size], new_distance[size] = arm[at], distance[at]
            new_share[size] = share[at]
            size += 1
    return new_arm[:size], new_distance[:size], new_share[:size]


@compiled
def list_walks(
    arms: Arms, rule: Rule, start: int, at_node: bool, limit: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return every walk shorter than a limit: arm it left through, distance, share of mass.

    Where there are more than `max_walks`, those found until then.
    """
    arm, share = start_walks(arms, rule, start, at_node)
    distance = np.zeros(len(arm))
    all_arm, all_distance = np.empty(256, dtype=np.int64), np.empty(256, dtype=np.float64)
    all_share = np.empty(256, dtype=np.float64)
    total = 0
    depth = 1
    while len(arm) > 0:
        all_arm = lengthen(all_arm, total + len(arm))
        all_distance = lengthen(all_distance, total + len(arm))
        all_share = lengthen(all_share, total + len(arm))
        for i in range(len(arm)):
            all_arm[total + i], all_distance[total + i] = arm[i], distance[i]
            all_share[total + i] = share[i]
        total += len(arm)
        if depth >= rule.max_depth or total > rule.max_walks:
            break
        depth += 1
        room = 0
        for i in range(len(arm)):
            edge, end = arm[i] // 2, arm[i] % 2
            if distance[i] + arms.length[edge] < limit:
                node = arms.node[edge, 1 - end]
                room += arms.first_arm[node + 1] - arms.first_arm[node]
        next_arm, next_distance = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.float64)
        next_share = np.empty(room, dtype=np.float64)
        size = 0
        for i in range(len(arm)):
            edge, end = arm[i] // 2, arm[i] % 2
            far = distance[i] + arms.length[edge]
            if far >= limit:
                continue
            arrived = 2 * edge + 1 - end
            node = arms.node[edge, 1 - end]
            begin, stop = arms.first_arm[node], arms.first_arm[node + 1]
            n = stop - begin
            for at in range(begin, stop):
                leaving = arms.arm[at]
                if n == 1:
                    part = 1.0 if rule.reflects else 0.0
                elif leaving == arrived:
                    part = (2.0 - n) / n if rule.method == 1 else 0.0
                else:
                    part = 2.0 / n if rule.method == 1 else 1.0 / (n - 1.0)
                if abs(part * share[i]) > NO_WEIGHT:
                    next_arm[size], next_distance[size] = leaving, far
                    next_share[size] = part * share[i]
                    size += 1
        arm, distance, share = next_arm[:size], next_distance[:size], next_share[:size]
        if size >= MERGE_FROM:
            arm, distance, share = merge_walks(arm, distance, share, SAME_DISTANCE * limit)
    return all_arm[:total], all_distance[:total], all_share[:total]


@compiled
def add_mass(
    samples: Samples,
    at: int,
    distance: float,
    bandwidth: float,
    share: float,
    owner: int,
    factor: FloatArray,
    kernel: int,
    out: FloatArray,
) -> None:
    """Add what an event gives to one sample, at all times."""
    if samples.owner[at] >= 0 and samples.owner[at] == owner:
        return
    density = share * evaluate_kernel(kernel, distance, bandwidth)
    for t in range(len(factor)):
        out[at, t] += density * factor[t]


@compiled
def add_walks(
    arms: Arms,
    rule: Rule,
    starts: IntArray,
    events: Events,
    samples: Samples,
    kernel: int,
    out: FloatArray,
    is_left: BoolArray,
) -> int:
    """Add the densities of groups of events to the samples; return the number of walks.

    Parameters
    ----------
    starts
        One row a group: the arm by which its events leave their edge (or the node that they
        are on), 1 if they are on a node, first event, the event after the last.
    out
        Density of each sample and time, shape (n_samples, n_times); added to.
    is_left
        True for groups of which only what goes straight along their own edge is added;
        made true for those with too many walks. Shape (n_groups,).
    """
    n_walks = 0
    for group in range(len(starts)):
        start, is_node, begin, stop = starts[group]
        at_node = is_node == 1
        limit = 0.0
        gone = np.zeros(stop - begin)  # from each event to the node
        for i in range(begin, stop):
            if not at_node:
                edge, end = start // 2, start % 2
                gone[i - begin] = (
                    events.offset[i] if end == 0 else arms.length[edge] - events.offset[i]
                )
            limit = max(limit, events.bandwidth[i] - gone[i - begin])
        if not at_node and start % 2 == 0:
            add_own_edge(start // 2, begin, stop, events, samples, kernel, out)
        if limit <= 0.0 or is_left[group]:
            continue
        arm, distance, share = list_walks(arms, rule, start, at_node, limit)
        n_walks += len(arm)
        if len(arm) > rule.max_walks:
            is_left[group] = True
            if rule.max_depth < NO_LIMIT:
                break  # there is no other way to keep to a depth
            continue
        for walk in range(len(arm)):
            edge, end = arm[walk] // 2, arm[walk] % 2
            first, last = samples.first[edge], samples.first[edge + 1]
            if first == last:
                continue
            for i in range(begin, stop):
                so_far = gone[i - begin] + distance[walk]
                if so_far >= events.bandwidth[i]:
                    continue
                for step in range(last - first):
                    at = first + step if end == 0 else last - 1 - step
                    along = samples.offset[at]
                    if end == 1:
                        along = arms.length[edge] - along
                    if so_far + along >= events.bandwidth[i]:
                        break
                    add_mass(
                        samples, at, so_far + along, events.bandwidth[i], share[walk],
                        events.owner[i], events.factor[i], kernel, out,
                    )  # fmt: skip
    return n_walks


@compiled
def add_own_edge(
    edge: int,
    begin: int,
    stop: int,
    events: Events,
    samples: Samples,
    kernel: int,
    out: FloatArray,
) -> None:
    """Add what events give to the samples of their own edge, straight along it."""
    first, last = samples.first[edge], samples.first[edge + 1]
    for i in range(begin, stop):
        nearest = events.offset[i] - events.bandwidth[i]
        for at in range(first + np.searchsorted(samples.offset[first:last], nearest), last):
            distance = abs(samples.offset[at] - events.offset[i])
            if distance < events.bandwidth[i]:
                add_mass(
                    samples, at, distance, events.bandwidth[i], 1.0,
                    events.owner[i], events.factor[i], kernel, out,
                )  # fmt: skip
            elif samples.offset[at] > events.offset[i]:
                break
