"""The invented area's main roads: two national roads, the provincial ones, the city.

Positions are metres in the local frame (`sample.frame`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sample.frame import CENTRE, Point, build_rng, compute_chainages, interpolate, smooth_line
from sample.names import to_khmer_digits
from sample.roads import Road, RoadWorks

__all__ = ["RIVER", "add_city", "add_national_roads", "add_provincial_roads"]

RIVER: tuple[Point, ...] = tuple(
    (round(33_900.0 + 900.0 * math.sin(y / 5_200.0) + 350.0 * math.sin(y / 2_100.0), 2), float(y))
    for y in range(-2_000, 42_001, 500)
)
RING_RADIUS_M = 28.0
BRIDGE_HALF_M = 130.0
NATIONAL = {
    "NR90 west": ((0, 23_500), (8_000, 22_200), (16_000, 21_600), (21_500, 21_000)),
    "NR90 east": ((26_500, 21_000), (31_000, 20_300), (38_000, 18_500), (50_000, 17_000)),
    "NR91 south": ((20_500, 0), (22_000, 8_000), (23_600, 14_000), (24_000, 18_500)),
    "NR91 north": ((24_000, 23_500), (24_500, 27_000), (27_500, 34_000), (28_500, 40_000)),
}
# number, class, control points; the ends are moved onto the roads they start from and reach
PROVINCIAL: tuple[tuple[int, str, tuple[Point, ...]], ...] = (
    (901, "secondary", ((8_000, 22_200), (9_500, 13_500), (14_500, 10_000), (22_000, 8_000))),
    (902, "secondary", ((9_500, 22_000), (11_000, 31_000), (19_500, 36_000), (27_600, 34_500))),
    (903, "secondary", ((22_000, 8_200), (30_000, 9_000), (40_000, 8_000), (44_000, 17_800))),
    (904, "secondary", ((25_800, 30_000), (33_000, 30_500), (42_000, 29_000), (46_000, 17_500))),
    (905, "tertiary", ((17_000, 21_500), (18_800, 26_000), (24_400, 27_500), (31_000, 20_300))),
    (906, "tertiary", ((16_600, 21_500), (17_300, 15_500), (24_500, 14_200), (31_600, 20_200))),
    (907, "tertiary", ((3_000, 23_000), (4_200, 30_000), (11_200, 31_300))),
    (908, "tertiary", ((4_500, 22_800), (4_800, 14_500), (10_200, 12_600))),
    (909, "tertiary", ((21_200, 4_000), (12_000, 3_800), (10_500, 12_500))),
    (910, "tertiary", ((42_000, 29_200), (39_500, 36_500), (29_500, 36_800), (28_200, 37_800))),
    (911, "tertiary", ((40_300, 8_200), (46_500, 8_800), (48_000, 17_200))),
)
DUAL_SPAN_M = (19_600.0, 22_600.0)  # chainage of the dual carriageway on NR90 west
CARRIAGEWAY_OFFSET_M = 7.0


def _national_tags(ref: str) -> dict[str, str]:
    number = int(ref.removeprefix("NR"))
    return {
        "name": f"National Road {number}",
        "name:km": f"ផ្លូវជាតិលេខ{to_khmer_digits(number)}",
        "name:en": f"National Road {number}",
        "ref": ref,
        "surface": "asphalt",
    }


def _ring_point(angle: float) -> Point:
    x = CENTRE[0] + RING_RADIUS_M * math.cos(angle)
    y = CENTRE[1] + RING_RADIUS_M * math.sin(angle)
    return round(x, 2), round(y, 2)


def _bridges_over(points: Sequence[Point], crossings: Sequence[Point]) -> list[tuple[float, float]]:
    probe = Road("probe", "road", list(points), {})
    at = [probe.locate(place)[0] for place in crossings]
    return [(middle - BRIDGE_HALF_M, middle + BRIDGE_HALF_M) for middle in at]


def _meet_river(points: Sequence[Point]) -> list[Point]:
    works = RoadWorks(lambda _: False)
    works.add("river", "river", RIVER, {})
    return [place for _, place, _ in works.find_hits(points)]


def _sections(road: Road, rng: np.random.Generator, options: Sequence[dict[str, str]]) -> None:
    """Cut the road in lengths of a few kilometres, each tagged by one of the options."""
    start, length_m = 0.0, road.length_m
    while start < length_m:
        end = start + float(rng.uniform(1_500.0, 4_500.0))
        road.sections.append((start, end, options[int(rng.integers(len(options)))]))
        start = end


def _add_dual(works: RoadWorks, line: Sequence[Point], tags: dict[str, str]) -> None:
    """Draw a stretch as two one-way carriageways that part and meet again at its ends."""
    sides = {}
    chainages = compute_chainages(line)
    for name, sign in (("eastbound", -1.0), ("westbound", 1.0)):
        side = [line[0]]
        for distance_m in chainages[1:-1]:
            (x, y), (dx, dy) = interpolate(line, float(distance_m))
            shift = sign * CARRIAGEWAY_OFFSET_M
            side.append((round(x - dy * shift, 2), round(y + dx * shift, 2)))
        side.append(line[-1])
        sides[name] = side if sign < 0 else side[::-1]
    extra = {**tags, "oneway": "yes", "lanes": "2", "lit": "yes", "maxspeed": "60"}
    for name, side in sides.items():
        works.add(f"NR90 {name}", "trunk", side, extra)
    for share in (0.3, 0.7):
        index = round(share * len(line))
        ends = [sides["eastbound"][index], sides["westbound"][::-1][index]]
        works.add(f"NR90 turn {share}", "trunk_link", ends, {"surface": "asphalt"})


def add_national_roads(works: RoadWorks, seed: int) -> None:
    """Draw NR90 (trunk) and NR91 (primary), which meet at the city's roundabout."""
    rng = build_rng(seed, "national")
    ring = [_ring_point(2 * math.pi * step / 16) for step in range(16)]
    ring_tags = {"junction": "roundabout", "lit": "yes", "lanes": "2", "surface": "asphalt"}
    works.add("ring", "trunk", [*ring, ring[0]], ring_tags)
    ring_ends = {"east": ring[0], "north": ring[4], "west": ring[8], "south": ring[12]}
    for key, controls in NATIONAL.items():
        ref, side = key.split()
        inwards = side in {"west", "south"}
        ends = [*controls, ring_ends[side]] if inwards else [ring_ends[side], *controls]
        line = smooth_line(ends, spacing_m=150.0, wander_m=140.0, rng=rng)
        highway, tags = ("trunk" if ref == "NR90" else "primary"), _national_tags(ref)
        pieces = {key: line}
        if key == "NR90 west":
            chainages = compute_chainages(line)
            cut = [int(np.searchsorted(chainages, distance_m)) for distance_m in DUAL_SPAN_M]
            pieces = {key: line[: cut[0] + 1], "NR90 centre": line[cut[1] :]}
            _add_dual(works, line[cut[0] : cut[1] + 1], tags)
        for piece_key, piece in pieces.items():
            bridges = _bridges_over(piece, _meet_river(piece))
            road = works.add(piece_key, highway, piece, tags, bridges=bridges)
            _sections(road, rng, _NATIONAL_OPTIONS)


_NATIONAL_OPTIONS: tuple[dict[str, str], ...] = (
    {"maxspeed": "80", "lanes": "2", "lit": "no"},
    {"maxspeed": "80", "lanes": "2"},
    {"maxspeed": "60", "lanes": "2", "lit": "no"},
    {"maxspeed": "80", "lanes": "4", "lit": "yes"},
    {"maxspeed": "KH:rural", "lanes": "2"},  # a habit of some mappers: no number
    {"lanes": "2", "lit": "no", "maxspeed": "60 km/h"},
)
_PROVINCIAL_OPTIONS: tuple[dict[str, str], ...] = (
    {"surface": "asphalt", "maxspeed": "60", "lanes": "2"},
    {"surface": "asphalt", "lit": "no"},
    {"surface": "compacted", "maxspeed": "40"},
    {"surface": "paved", "lanes": "2", "lit": "no"},
    {"maxspeed": "RU:urban"},  # rubbish that real extracts hold now and then
    {"surface": "concrete", "maxspeed": "60;40"},
)


def _nearest_road(works: RoadWorks, place: Point, highways: set[str]) -> Road:
    candidates = [road for road in works.roads if road.highway in highways]
    return min(candidates, key=lambda road: road.locate(place)[1])


def add_provincial_roads(works: RoadWorks, seed: int) -> None:
    """Draw the provincial roads; PR905 passes over NR91 on a bridge, with two ramps."""
    main = {"trunk", "primary", "secondary", "tertiary"}
    for number, highway, controls in PROVINCIAL:
        rng = build_rng(seed, "provincial", number)
        ends = [
            _nearest_road(works, place, main).insert(place)
            for place in controls[:: len(controls) - 1]
        ]
        line = smooth_line(
            [ends[0], *controls[1:-1], ends[1]], spacing_m=150.0, wander_m=160.0, rng=rng
        )
        crossings = _meet_river(line)
        over = [place for _, place, other in works.find_hits(line) if other.key == "NR91 north"]
        if number == 905:
            crossings += over
        tags = {
            "name": f"Provincial Road {number}",
            "name:km": f"ផ្លូវខេត្តលេខ{to_khmer_digits(number)}",
            "ref": f"PR{number}",
        }
        bridges = _bridges_over(line, crossings)
        road = works.add(f"PR{number}", highway, line, tags, bridges=bridges)
        _sections(road, rng, _PROVINCIAL_OPTIONS)
        if number == 905:
            _add_ramps(works, road, over[0])


def _add_ramps(works: RoadWorks, road: Road, crossing: Point) -> None:
    """Join the road on the bridge to the road under it, west and east of the crossing."""
    under = next(other for other in works.roads if other.key == "NR91 north")
    above_m, _ = road.locate(crossing)
    below_m, _ = under.locate(crossing)
    for name, side in (("west", -1.0), ("east", 1.0)):
        upper = road.insert(interpolate(road.points, above_m + side * 260.0)[0])
        lower = under.insert(interpolate(under.points, below_m - 240.0)[0])
        bend = (0.3 * upper[0] + 0.7 * lower[0], 0.7 * upper[1] + 0.3 * lower[1])
        line = [upper, (round(bend[0], 2), round(bend[1], 2)), lower]
        works.add(f"ramp {name}", "tertiary_link", line, {"surface": "asphalt"})


def add_city(works: RoadWorks, seed: int) -> list[Point]:
    """Draw the city's grid, with service alleys and footways.

    Returns
    -------
    signals
        Places where avenues meet the national roads: they have traffic signals.
    """
    rng = build_rng(seed, "city")
    columns = [k * 150.0 for k in range(-7, 8) if k]
    rows = [m * 130.0 for m in range(-6, 7) if m]
    signals: list[Point] = []
    drawn: list[Road] = []
    streets = [(0, across) for across in columns] + [(1, across) for across in rows]
    for number, (axis, across) in enumerate(streets, start=1):
        reach = rows if axis == 0 else columns
        low = reach[int(rng.integers(3))] - 55.0
        high = reach[-1 - int(rng.integers(3))] + 55.0
        steps = np.linspace(low, high, max(2, round((high - low) / 120.0)))
        line = [(across, step) if axis == 0 else (step, across) for step in steps]
        placed = [(round(CENTRE[0] + x, 2), round(CENTRE[1] + y, 2)) for x, y in line]
        is_avenue = abs(across) in {450.0, 390.0}
        tags = {
            "name": f"Street {100 + number}",
            "name:km": f"ផ្លូវលេខ{to_khmer_digits(100 + number)}",
            "lit": "yes" if is_avenue or rng.random() < 0.6 else "no",
            "surface": "asphalt"
            if is_avenue
            else ("concrete", "asphalt", "paving_stones")[number % 3],
        }
        if is_avenue:
            tags |= {"lanes": "2", "maxspeed": "40"}
            signals += [
                (CENTRE[0] + across, CENTRE[1]) if axis == 0 else (CENTRE[0], CENTRE[1] + across)
            ]
        elif rng.random() < 0.25:
            tags["oneway"] = "yes" if rng.random() < 0.7 else "-1"
        drawn.append(
            works.add(f"street {number}", "tertiary" if is_avenue else "residential", placed, tags)
        )
    for number in range(40):
        street = drawn[int(rng.integers(len(drawn)))]
        start, (dx, dy) = interpolate(
            street.points, float(rng.uniform(80.0, street.length_m - 80.0))
        )
        sign = 1.0 if rng.random() < 0.5 else -1.0
        line = [start, (start[0] - dy * sign * 170.0, start[1] + dx * sign * 170.0)]
        if number % 2:
            works.add_branch(
                f"alley {number}", "service", street, line, {"service": "alley"}, least_m=40.0
            )
        else:
            works.add_branch(
                f"footway {number}", "footway", street, line, {"surface": "concrete"}, least_m=40.0
            )
    return signals
