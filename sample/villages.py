"""Villages of the invented area: a street off a main road, lanes off the street, field tracks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sample.frame import CENTRE, EXTENT_M, Point, build_rng, interpolate
from sample.names import CITY, SYNTHETIC_NOTE, TOWNS, Name, build_village_names
from sample.roads import Road, RoadWorks

__all__ = ["Place", "add_field_tracks", "add_roadside_lanes", "add_villages"]

N_VILLAGES = 60
MAIN = {"trunk", "primary", "secondary", "tertiary"}
APART_M = 900.0
LANE_SURFACES = ("laterite", "unpaved", "dirt", "gravel", "concrete", "", "", "")


@dataclass(frozen=True, slots=True)
class Place:
    """A city, town or village."""

    name: Name
    kind: str
    population: int
    point: Point

    def to_tags(self) -> dict[str, str]:
        """Return the tags of the place's node."""
        return {
            "place": self.kind,
            "name": self.name.latin,
            "name:en": self.name.latin,
            "name:km": self.name.khmer,
            "population": str(self.population),
            "note": SYNTHETIC_NOTE,
        }


def _bend(start: Point, bearing: float, length_m: float, rng: np.random.Generator) -> list[Point]:
    """Draw a line of a given length that turns a little at each vertex."""
    n_steps = max(2, round(length_m / 110.0))
    line = [start]
    for _ in range(n_steps):
        step = length_m / n_steps
        x, y = line[-1]
        line.append((x + step * math.cos(bearing), y + step * math.sin(bearing)))
        bearing += float(rng.normal(0.0, 0.06))
    return line


def _sideways(
    road: Road, distance_m: float, side: float, rng: np.random.Generator
) -> tuple[Point, float]:
    """Return a point on the road and a bearing that leaves it, near to a right angle."""
    point, (dx, dy) = interpolate(road.points, distance_m)
    return point, math.atan2(dy, dx) + side * math.pi / 2 + float(rng.normal(0.0, 0.15))


def _is_inside(point: Point) -> bool:
    margin_m = 400.0
    return all(margin_m < at < size - margin_m for at, size in zip(point, EXTENT_M, strict=True))


def _lane_tags(rng: np.random.Generator) -> dict[str, str]:
    surface = LANE_SURFACES[int(rng.integers(len(LANE_SURFACES)))]
    tags = {"surface": surface} if surface else {}
    if rng.random() < 0.08:
        tags["lit"] = "yes" if rng.random() < 0.4 else "no"
    return tags


def _side(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0


def _add_lanes(works: RoadWorks, street: Road, n_lanes: int, rng: np.random.Generator) -> None:
    """Add lanes on both sides of a street, and back lanes between some of their ends."""
    ends: dict[float, list[Point]] = {1.0: [], -1.0: []}
    spots = np.linspace(70.0, street.length_m - 15.0, n_lanes)
    for number, spot in enumerate(spots):
        for side in (1.0, -1.0):
            if rng.random() < 0.2:
                continue
            start, bearing = _sideways(street, float(spot), side, rng)
            line = _bend(start, bearing, float(rng.uniform(120.0, 330.0)), rng)
            key = f"{street.key} lane {number} {side:.0f}"
            lane = works.add_branch(key, "residential", street, line, _lane_tags(rng), least_m=60.0)
            if lane is not None:
                ends[side].append(lane.points[-1])
    for side, tips in ends.items():
        for number in range(0, len(tips) - 1, 2):
            line = [tips[number], tips[number + 1]]
            inner = [hit for hit in works.find_hits(line) if _is_apart(hit[1], line)]
            if not inner and 40.0 < math.dist(*line) < 400.0:
                works.add(f"{street.key} back {number} {side:.0f}", "residential", line, {})


def _is_apart(place: Point, ends: Sequence[Point]) -> bool:
    return min(math.dist(place, end) for end in ends) > 1.0


def _try_village(
    works: RoadWorks,
    name: Name,
    parents: Sequence[Road],
    taken: Sequence[Point],
    n_lanes: int,
    rng: np.random.Generator,
) -> tuple[Road, Point] | None:
    lengths = np.array([road.length_m for road in parents])
    parent = parents[int(rng.choice(len(parents), p=lengths / lengths.sum()))]
    spot = float(rng.uniform(300.0, max(301.0, parent.length_m - 300.0)))
    start, bearing = _sideways(parent, spot, _side(rng), rng)
    line = _bend(start, bearing, float(rng.uniform(700.0, 2_600.0)), rng)
    if not all(map(_is_inside, line)) or math.dist(line[-1], CENTRE) < 2_600.0:
        return None
    if any(math.dist(line[-1], place) < APART_M for place in taken):
        return None
    tags = {"surface": "laterite"} if rng.random() < 0.6 else {}
    if rng.random() < 0.4:
        tags |= {"name": f"{name.latin} Road", "name:km": f"ផ្លូវ{name.khmer}"}
    street = works.add_branch(name.latin, "unclassified", parent, line, tags, least_m=450.0)
    if street is None:
        return None
    _add_lanes(works, street, n_lanes, rng)
    return street, interpolate(street.points, 0.6 * street.length_m)[0]


def add_villages(works: RoadWorks, seed: int) -> tuple[list[Place], list[Road]]:
    """Draw the villages and two towns.

    Returns
    -------
    places
        The city, the two towns and the 60 villages.
    streets
        The main street of each town and village.
    """
    rng = build_rng(seed, "villages")
    parents = [road for road in works.roads if road.highway in MAIN and "street" not in road.key]
    parents = [road for road in parents if road.length_m > 1_500.0]
    places = [Place(CITY, "city", 212_000, CENTRE)]
    streets: list[Road] = []
    wanted = [(name, "town", 13) for name in TOWNS]
    wanted += [(name, "village", 6) for name in build_village_names()[:N_VILLAGES]]
    for name, kind, n_lanes in wanted:
        for _ in range(400):
            taken = [place.point for place in places]
            made = _try_village(works, name, parents, taken, n_lanes, rng)
            if made is None:
                continue
            street, point = made
            low, high = (9_000, 16_000) if kind == "town" else (450, 2_400)
            places.append(Place(name, kind, int(rng.integers(low, high)), point))
            streets.append(street)
            break
    return places, streets


def add_roadside_lanes(works: RoadWorks, seed: int) -> None:
    """Add lanes straight off the main roads, every few hundred metres."""
    rng = build_rng(seed, "roadside")
    parents = [road for road in works.roads if road.highway in MAIN and "street" not in road.key]
    for parent in parents:
        gap = 330.0 if parent.highway in {"trunk", "primary"} else 600.0
        for number, spot in enumerate(np.arange(200.0, parent.length_m - 100.0, gap)):
            start, bearing = _sideways(parent, float(spot + rng.uniform(-90, 90)), _side(rng), rng)
            line = _bend(start, bearing, float(rng.uniform(110.0, 620.0)), rng)
            if not all(map(_is_inside, line)) or math.dist(start, CENTRE) < 1_250.0:
                continue
            highway = "residential" if rng.random() < 0.7 else "unclassified"
            key = f"{parent.key} side {number}"
            works.add_branch(key, highway, parent, line, _lane_tags(rng), least_m=70.0)


def add_field_tracks(works: RoadWorks, streets: Sequence[Road], seed: int) -> None:
    """Add tracks from the villages out into the fields, to whatever road they meet."""
    rng = build_rng(seed, "tracks")
    for street in streets:
        for number in range(3):
            spot = float(rng.uniform(0.4, 0.97)) * street.length_m
            start, bearing = _sideways(street, spot, _side(rng), rng)
            bearing += float(rng.normal(0.0, 0.3))
            line = _bend(start, bearing, float(rng.uniform(900.0, 3_600.0)), rng)
            if not all(map(_is_inside, line)):
                continue
            highway = "track" if number else "unclassified"
            key = f"{street.key} track {number}"
            works.add_branch(key, highway, street, line, _lane_tags(rng), least_m=200.0)
