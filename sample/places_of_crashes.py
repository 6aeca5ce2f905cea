"""Where the invented crashes happen: by road class, a few at junctions, six planted hotspots."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sample.frame import CENTRE, Point, interpolate
from sample.roads import Road
from sample.world import World, build_part_rng, pick_on_road

__all__ = ["RATE_PER_KM", "CrashPlace", "Hotspot", "place_crashes", "plant_hotspots"]

# Crashes per km in five years; within a class every km is alike, but for what is planted.
RATE_PER_KM = {
    "trunk": 6.6,
    "primary": 5.6,
    "secondary": 2.9,
    "tertiary": 1.9,
    "residential": 0.58,
    "unclassified": 0.48,
    "track": 0.12,
}
JUNCTION_SHARE = 0.08
HOTSPOT_CRASHES = (15, 24)
HOTSPOT_LENGTH_M = (160.0, 340.0)
HOTSPOT_ROADS = ("NR90 west", "NR90 east", "NR91 south", "NR91 north", "PR901", "PR904")
APART_M = 2_500.0


@dataclass(frozen=True, slots=True)
class CrashPlace:
    """Where one crash happened, in local metres."""

    point: Point
    road: Road
    hotspot: int  # position of the planted hotspot, -1 for none


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A stretch on which crashes were planted."""

    road: Road
    from_m: float
    to_m: float
    n_planted: int

    def line(self) -> list[Point]:
        """Return the stretch as a line."""
        return [
            interpolate(self.road.points, float(at))[0]
            for at in np.linspace(self.from_m, self.to_m, 12)
        ]


def plant_hotspots(world: World) -> list[Hotspot]:
    """Choose six stretches apart from one another, away from the city and the river bridges."""
    rng = build_part_rng(world, "hotspots")
    found: list[Hotspot] = []
    for key in HOTSPOT_ROADS:
        road = next(road for road in world.roads if road.key == key)
        while True:
            length_m = float(rng.uniform(*HOTSPOT_LENGTH_M))
            start = float(rng.uniform(1_200.0, road.length_m - 1_200.0 - length_m))
            middle = interpolate(road.points, start + length_m / 2)[0]
            others = [interpolate(spot.road.points, spot.from_m)[0] for spot in found]
            is_apart = all(math.dist(middle, other) > APART_M for other in others)
            is_bridge = any(road.is_on_bridge(start + at) for at in (-200, 0, length_m, 500))
            if is_apart and not is_bridge and math.dist(middle, CENTRE) > 2_500:
                break
        n_planted = int(rng.integers(HOTSPOT_CRASHES[0], HOTSPOT_CRASHES[1] + 1))
        found.append(Hotspot(road, round(start, 1), round(start + length_m, 1), n_planted))
    return found


def place_crashes(world: World, hotspots: list[Hotspot]) -> list[CrashPlace]:
    """Return the place of every crash; the hotspots add theirs to those of the road class."""
    rng = build_part_rng(world, "crash places")
    found = []
    joints = list_joints(world)
    for road in world.list_drivable():
        rate = RATE_PER_KM.get(road.highway.removesuffix("_link"), 0.0)
        for _ in range(int(rng.poisson(rate * road.length_m / 1000))):
            point, _ = pick_on_road(road, rng)
            if rng.random() < JUNCTION_SHARE and joints.get(road.key):
                choices = joints[road.key]
                point = choices[int(rng.integers(len(choices)))]
            found.append(CrashPlace(point, road, -1))
    for number, spot in enumerate(hotspots):
        for _ in range(spot.n_planted):
            at = float(rng.uniform(spot.from_m, spot.to_m))
            found.append(CrashPlace(interpolate(spot.road.points, at)[0], spot.road, number))
    return found


def list_joints(world: World) -> dict[str, list[Point]]:
    """Return the vertices of each road that another drivable road shares."""
    users: dict[Point, set[str]] = {}
    for road in world.list_drivable():
        for point in road.points:
            users.setdefault(point, set()).add(road.key)
    joints: dict[str, list[Point]] = {}
    for point, keys in users.items():
        if len(keys) > 1:
            for key in keys:
                joints.setdefault(key, []).append(point)
    return {key: sorted(points) for key, points in joints.items()}
