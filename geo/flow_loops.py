"""The loops over steps of routes that `geo.exposure` adds flows up with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled

__all__ = ["HOURS", "Clock", "Riders", "Roads", "Steps", "add_flows", "number_places"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

HOURS = 25  # the last stands for a time that is not known
MINUTES_PER_DAY = 1440


class Steps(NamedTuple):
    """Steps of all routes, as in `geo.routing.Routes`."""

    offset: IntArray
    segment: IntArray
    length_m: FloatArray
    is_forward: BoolArray


class Roads(NamedTuple):
    """Seconds a metre on each segment, and the intersections at its ends (-1: none)."""

    pace: FloatArray
    intersection_u: IntArray
    intersection_v: IntArray


class Riders(NamedTuple):
    """Routes that carry somebody; riders `first[i]` to `first[i + 1]` are on `route[i]`."""

    route: IntArray
    time_s: FloatArray
    first: IntArray
    group: IntArray
    workers: FloatArray


class Clock(NamedTuple):
    """When groups are at the gate [min after midnight; NaN unknown], and when it is dark.

    Groups of one direction stand before those of the next, in the same order; many share one
    time. The sign is -1 on the way to the gate. Whole days are added to the times, so that
    one before midnight does not become negative.
    """

    at_gate_min: FloatArray  # (n_times,)
    sign: FloatArray
    time_of_group: IntArray  # (n_groups,)
    dark_share: FloatArray  # (1440,)


@compiled
def number_places(
    steps: Steps, roads: Roads, routes: IntArray, of_segment: IntArray, of_intersection: IntArray
) -> tuple[IntArray, IntArray]:
    """Give the segments and intersections that routes pass numbers, in the order they come.

    `of_segment` and `of_intersection` hold -1 for all places and then their numbers; the
    caller sets them back.
    """
    n_steps = 0
    for route in routes:
        n_steps += steps.offset[route + 1] - steps.offset[route]
    segments = np.empty(min(n_steps, of_segment.size), dtype=np.int64)
    crossings = np.empty(min(n_steps, of_intersection.size), dtype=np.int64)
    n_segments = 0
    n_crossings = 0
    for route in routes:
        begin = steps.offset[route]
        for step in range(begin, steps.offset[route + 1]):
            segment = steps.segment[step]
            if of_segment[segment] < 0:
                of_segment[segment] = n_segments
                segments[n_segments] = segment
                n_segments += 1
            if step == begin:
                continue
            if steps.is_forward[step]:
                entry = roads.intersection_u[segment]
            else:
                entry = roads.intersection_v[segment]
            if entry >= 0 and of_intersection[entry] < 0:
                of_intersection[entry] = n_crossings
                crossings[n_crossings] = entry
                n_crossings += 1
    return segments[:n_segments].copy(), crossings[:n_crossings].copy()


@compiled
def add_flows(
    given: tuple[Steps, Roads, Riders, Clock],
    sizes: tuple[int, int, int],
    numbers: tuple[IntArray, IntArray],
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Add workers, worker-km and what of them is dark up, by place and group.

    Routes are walked from the gate back to the origin, so the time to the gate is known at
    every step. `sizes` are the segments, the intersections and the groups of one direction.
    Returned, the groups of one direction in the second place: on segments workers, worker-km
    and, for each direction, worker-km in the dark; at intersections workers and, for each
    direction, workers in the dark; worker-km by direction and hour.
    """
    steps, roads, riders, clock = given
    of_segment, of_intersection = numbers
    n_names = sizes[2]
    n_ways = clock.time_of_group.size // n_names
    n_times = clock.at_gate_min.size
    road = np.zeros((sizes[0], n_names, 2 + n_ways))
    cross = np.zeros((sizes[1], n_names, 1 + n_ways))
    by_hour = np.zeros((n_names, n_ways, HOURS))
    hour = np.full(n_times, HOURS - 1)
    dark = np.zeros(n_times)
    dark_at_entry = np.zeros(n_times)
    for i in range(riders.route.size):
        begin = steps.offset[riders.route[i]]
        end = steps.offset[riders.route[i] + 1]
        pace_s = 0.0
        for step in range(begin, end):
            pace_s += steps.length_m[step] * roads.pace[steps.segment[step]]
        scale = riders.time_s[i] / pace_s / 60.0 if pace_s > 0 else 0.0
        to_gate = 0.0  # min, from the end of the step
        last = -1
        for step in range(end - 1, begin - 1, -1):
            segment = steps.segment[step]
            row = of_segment[segment]
            length_km = steps.length_m[step] / 1000.0
            minutes = steps.length_m[step] * roads.pace[segment] * scale
            middle = to_gate + 0.5 * minutes
            to_gate += minutes
            entry = -1
            if step > begin:
                if steps.is_forward[step]:
                    entry = roads.intersection_u[segment]
                else:
                    entry = roads.intersection_v[segment]
            number = of_intersection[entry] if entry >= 0 and entry != last else -1
            last = entry
            for time in range(n_times):
                at_gate = clock.at_gate_min[time]
                if not np.isnan(at_gate):
                    minute = int(at_gate + clock.sign[time] * middle) % MINUTES_PER_DAY
                    hour[time] = minute // 60
                    dark[time] = clock.dark_share[minute]
                    minute = int(at_gate + clock.sign[time] * to_gate) % MINUTES_PER_DAY
                    dark_at_entry[time] = clock.dark_share[minute]
            for rider in range(riders.first[i], riders.first[i + 1]):
                name = riders.group[rider]
                amount = riders.workers[rider]
                amount_km = amount * length_km
                road[row, name, 0] += amount
                road[row, name, 1] += amount_km
                for way in range(n_ways):
                    time = clock.time_of_group[way * n_names + name]
                    road[row, name, 2 + way] += amount_km * dark[time]
                    by_hour[name, way, hour[time]] += amount_km
                if number >= 0:
                    cross[number, name, 0] += amount
                    for way in range(n_ways):
                        time = clock.time_of_group[way * n_names + name]
                        cross[number, name, 1 + way] += amount * dark_at_entry[time]
    return road, cross, by_hour
