"""Compiled loops of network kernel density in steps of distance, for very many walks.

Where roads are short, the walks of the continuous form are millions: at every node some mass
turns back. Here the mass of all events goes on together in equal steps of distance; what
arrives between two steps is shared among the four nearest (cubic interpolation, which keeps
the sum and the first three moments of distance), so the error falls with the fourth power of
the step.

What leaves a node through an arm depends on what left the other ends of its edges some steps
before. So nodes are taken a block of steps at a time: only those tied by an edge shorter
than a block go on together, a *knot*, in fewer steps at once, its *pace*. The kernel comes
last, as a product of what left through an arm after each step and the kernel at those
distances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.jit import compiled
from core.sorting import order_pairs
from models.arrays import FloatArray, IntArray
from models.network_kernels import evaluate_kernel
from models.nkde_walks import CONTINUOUS, Arms, Rule

__all__ = [
    "Region",
    "Seeds",
    "Steps",
    "build_region",
    "count_steps",
    "fill_table",
    "leave_in_steps",
    "measure_ways",
    "weigh_steps",
]

FEW_STEPS = 8  # at once: fewer are no gain
N_OFFSETS = 32  # of the table of a kernel within a step; between them it is interpolated
N_SHARES = 4  # steps among which an arrival is shared


class Steps(NamedTuple):
    """The network and a kernel in steps of distance."""

    step_m: float
    block: int  # steps that are taken at once, where no edge is shorter
    way: FloatArray  # of every edge, by `measure_ways`
    knot_of: IntArray  # knot of each node
    table: FloatArray  # (N_OFFSETS + 1, n_steps), by `fill_table`


class Seeds(NamedTuple):
    """Where mass starts: events arriving at the node of an arm, or lying on a node."""

    arm: IntArray
    distance: FloatArray  # already gone
    factor: FloatArray
    node: IntArray  # of the events that are on nodes
    node_factor: FloatArray


class Region(NamedTuple):
    """Some nodes and their arms: those of a node one after another, nodes of a knot too."""

    arm: IntArray  # (n_places,)
    first: IntArray  # first place of each node, (n_nodes + 1,)
    knot: IntArray  # first node of each knot, (n_knots + 1,)
    pace: IntArray  # steps that each knot can take at once
    in_knot: IntArray  # of each place
    other: IntArray  # place at the other end of its edge, -1: not in the region


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
    way = np.empty((len(length), 1 + N_SHARES))
    for edge in range(len(length)):
        begin, a, b, c, d = share_out(max(length[edge] / step_m, 1.0), 1)
        way[edge] = np.array([float(begin), a, b, c, d])
    return way


@compiled
def fill_table(kernel: int, bandwidth: float, step_m: float) -> FloatArray:
    """Return the kernel at (column + row / N_OFFSETS) steps."""
    n_steps = count_steps(bandwidth, step_m) + 1
    table = np.empty((N_OFFSETS + 1, n_steps))
    for row in range(N_OFFSETS + 1):
        for column in range(n_steps):
            distance = (column + row / N_OFFSETS) * step_m
            table[row, column] = evaluate_kernel(kernel, distance, bandwidth)
    return table


@compiled
def count_steps(limit: float, step_m: float) -> int:
    """Return the number of steps up to a distance, the one at 0 among them."""
    return int(np.ceil(limit / step_m)) + 1


@compiled
def build_region(arms: Arms, nodes: IntArray, steps: Steps, place_of: IntArray) -> Region:
    """Put the arms of some nodes in order, knot by knot.

    `place_of` is -1 for every arm, shape (2 * n_edges,); it holds the places of the arms of
    these nodes afterwards.
    """
    n_nodes, knot_of = len(nodes), steps.knot_of
    own, number = np.empty(n_nodes, dtype=np.int64), np.empty(n_nodes)
    for i in range(n_nodes):
        own[i], number[i] = knot_of[nodes[i]], nodes[i]
    order = order_pairs(own, number)
    ordered = np.empty(n_nodes, dtype=np.int64)
    for i in range(n_nodes):
        ordered[i] = nodes[order[i]]
    first = np.zeros(n_nodes + 1, dtype=np.int64)
    knot = np.zeros(n_nodes + 1, dtype=np.int64)
    n_knots = 0
    for i in range(n_nodes):
        node = ordered[i]
        first[i + 1] = first[i] + arms.first_arm[node + 1] - arms.first_arm[node]
        if i == 0 or knot_of[node] != knot_of[ordered[i - 1]]:
            knot[n_knots] = i
            n_knots += 1
    knot[n_knots] = n_nodes
    arm = np.empty(first[n_nodes], dtype=np.int64)
    in_knot, other = np.empty_like(arm), np.full_like(arm, -1)
    at_knot = -1
    for i in range(n_nodes):
        if knot[at_knot + 1] == i:
            at_knot += 1
        begin = arms.first_arm[ordered[i]]
        for place in range(first[i], first[i + 1]):
            arm[place] = arms.arm[begin + place - first[i]]
            in_knot[place] = at_knot
            place_of[arm[place]] = place
    pace = np.full(n_knots, steps.block)
    for place in range(len(arm)):
        other[place] = place_of[arm[place] ^ 1]
        if other[place] >= 0:
            lag = int(steps.way[arm[place] // 2, 0])
            pace[in_knot[place]] = min(pace[in_knot[place]], lag)
    return Region(arm, first, knot[: n_knots + 1], pace, in_knot, other)


@compiled
def plant(
    arms: Arms,
    rule: Rule,
    region: Region,
    place_of: IntArray,
    seeds: Seeds,
    steps: Steps,
    leaving: FloatArray,
    due: IntArray,
) -> None:
    """Put what events bring to nodes at its steps, and note when each knot has something first.

    An event on a node leaves as it would if it had arrived through all arms alike.
    """
    n_steps = leaving.shape[1]
    for i in range(len(seeds.arm)):
        arm = seeds.arm[i]
        node = arms.node[arm // 2, arm % 2]
        if arms.first_arm[node + 1] - arms.first_arm[node] == 1 and not rule.reflects:
            continue
        place = place_of[arm]
        begin, a, b, c, d = share_out(seeds.distance[i] / steps.step_m, 0)
        parts = (a, b, c, d)
        for k in range(min(N_SHARES, n_steps - begin)):
            leaving[place, begin + k] += parts[k] * seeds.factor[i]
        due[region.in_knot[place]] = min(due[region.in_knot[place]], begin)
    for i in range(len(seeds.node)):
        begin, stop = arms.first_arm[seeds.node[i]], arms.first_arm[seeds.node[i] + 1]
        part = 2.0 / (stop - begin) if stop - begin > 1 or rule.reflects else 1.0
        for at in range(begin, stop):
            place = place_of[arms.arm[at]]
            leaving[place, 0] += part * seeds.node_factor[i]
            due[region.in_knot[place]] = 0


@compiled
def leave_in_steps(
    arms: Arms, rule: Rule, region: Region, place_of: IntArray, seeds: Seeds, steps: Steps,
    limit: float,
) -> tuple[FloatArray, IntArray]:  # fmt: skip
    """Follow the mass of events up to a distance.

    Returns
    -------
    leaving
        Mass that leaves through each arm of a region after each step, shape
        (n_places, n_steps).
    due
        First step with any, of each knot.
    """
    n_steps = count_steps(limit, steps.step_m)
    leaving = np.zeros((len(region.arm), n_steps))  # what arrives, until its node is passed
    due = np.full(len(region.knot) - 1, n_steps)
    plant(arms, rule, region, place_of, seeds, steps, leaving, due)
    total = np.empty(steps.block)
    for begin in range(0, n_steps, steps.block):
        end = min(begin + steps.block, n_steps)
        for knot in range(len(due)):
            if due[knot] >= end:
                continue
            nodes = region.knot[knot], region.knot[knot + 1]
            places = region.first[nodes[0]], region.first[nodes[1]]
            if due[knot] >= begin:  # its first block: tell the next when it comes to them
                for place in range(*places):
                    if region.other[place] >= 0:
                        there = region.in_knot[region.other[place]]
                        lag = int(steps.way[region.arm[place] // 2, 0])
                        due[there] = min(due[there], due[knot] + lag)
            pace = region.pace[knot]
            if pace < FEW_STEPS:
                pass_by_step(rule, region, steps.way, nodes, leaving, begin, end)
                continue
            for start in range(begin, end, pace):
                stop = min(start + pace, end)
                for node in range(*nodes):
                    ends = region.first[node], region.first[node + 1]
                    if ends[1] - ends[0] == 1 and not rule.reflects:
                        continue  # a dead end: nothing comes back
                    for place in range(*ends):
                        if region.other[place] >= 0:
                            way = steps.way[region.arm[place] // 2]
                            receive(leaving, place, region.other[place], way, start, stop)
                    pass_on(rule, ends, leaving, start, stop, total)
    return leaving, due


@compiled
def receive(
    leaving: FloatArray, place: int, other: int, way: FloatArray, begin: int, end: int
) -> None:
    """Add what comes along an edge in some steps, fewer than the edge is long."""
    lag = int(way[0])
    start = max(begin, lag + N_SHARES - 1)  # from here on all four have begun
    for step in range(max(begin, lag), min(start, end)):
        for k in range(step - lag + 1):
            leaving[place, step] += way[1 + k] * leaving[other, step - lag - k]
    if start >= end:
        return
    a, b, c, d = way[1], way[2], way[3], way[4]
    here, there = leaving[place, start:end], leaving[other, start - lag - 3 : end - lag]
    for i in range(len(here)):
        here[i] += a * there[i + 3] + b * there[i + 2] + c * there[i + 1] + d * there[i]


@compiled
def weigh_arms(rule: Rule, n: int) -> tuple[float, float]:
    """Return what leaves through an arm, as shares of all that arrives and of what came by it."""
    if n == 1:
        return 0.0, 1.0
    if rule.method == CONTINUOUS:
        return 2.0 / n, -1.0
    return 1.0 / (n - 1.0), -1.0 / (n - 1.0)


@compiled
def pass_on(
    rule: Rule,
    ends: tuple[int, int],
    leaving: FloatArray,
    begin: int,
    end: int,
    total: FloatArray,
) -> None:
    """Send on what arrives at a node in some steps.

    `ends` are the first of its places and the one after the last; `total` is room for a block.
    """
    of_all, of_own = weigh_arms(rule, ends[1] - ends[0])
    for i in range(end - begin):
        total[i] = 0.0
    for place in range(*ends):
        here = leaving[place, begin:end]
        for i in range(len(here)):
            total[i] += here[i]
    for place in range(*ends):
        here = leaving[place, begin:end]
        for i in range(len(here)):
            here[i] = of_all * total[i] + of_own * here[i]


@compiled
def pass_by_step(
    rule: Rule,
    region: Region,
    ways: FloatArray,
    nodes: tuple[int, int],
    leaving: FloatArray,
    begin: int,
    end: int,
) -> None:
    """Receive and send on at the nodes of a knot step by step, where a few at once are no gain."""
    for step in range(begin, end):
        for node in range(*nodes):
            first, last = region.first[node], region.first[node + 1]
            if last - first == 1 and not rule.reflects:
                continue  # a dead end: nothing comes back
            total, some = 0.0, False
            for place in range(first, last):
                other, edge = region.other[place], region.arm[place] // 2
                here, ago = leaving[place, step], step - int(ways[edge, 0])
                if other >= 0 and ago >= 0:
                    for k in range(min(N_SHARES, ago + 1)):
                        here += ways[edge, 1 + k] * leaving[other, ago - k]
                    leaving[place, step] = here
                total += here
                some = some or here != 0.0
            if some:
                of_all, of_own = weigh_arms(rule, last - first)
                for place in range(first, last):
                    leaving[place, step] = of_all * total + of_own * leaving[place, step]


@compiled
def weigh_steps(leaving: FloatArray, place: int, begin: int, along: float, steps: Steps) -> float:
    """Return the density that the mass through an arm gives to a sample.

    `begin` is the first step with any mass; `along` how far the sample is from the node.
    """
    position = along / steps.step_m
    column = int(position)
    offset = (position - column) * N_OFFSETS
    row = min(int(offset), N_OFFSETS - 1)
    end = min(leaving.shape[1], steps.table.shape[1] - column)
    if begin >= end:
        return 0.0
    mass = leaving[place, begin:end]
    low: float = np.dot(mass, steps.table[row, column + begin : column + end])
    high: float = np.dot(mass, steps.table[row + 1, column + begin : column + end])
    return low + (offset - row) * (high - low)
