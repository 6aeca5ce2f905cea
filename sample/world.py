"""The whole invented area: roads, places, provinces, in the order they depend on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from shapely import Polygon

from sample.frame import EXTENT_M, Point, build_rng, interpolate, to_lonlat
from sample.main_roads import RIVER, add_city, add_national_roads, add_provincial_roads
from sample.names import DISTRICTS, PROVINCES, Name
from sample.roads import Road, RoadWorks
from sample.villages import Place, add_field_tracks, add_roadside_lanes, add_villages

__all__ = ["District", "World", "build_part_rng", "build_world", "find_district", "pick_on_road"]

MARGIN_M = 2_000.0
WEST_EDGE_M = 16_000.0  # between the first and the second province
NORTH_SHARES = (0.0, 1 / 3, 2 / 3, 1.0)
LINK_TAGS = {"service", "footway"}


@dataclass(frozen=True, slots=True)
class District:
    """A district: its province and its outline in WGS84."""

    name: Name
    province: Name
    outline: Polygon


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is drawn; positions are metres in the local frame."""

    seed: int
    roads: list[Road]
    places: list[Place]
    signals: list[Point]
    districts: list[District]

    def list_drivable(self) -> list[Road]:
        """Return the roads on which crashes can happen."""
        return [road for road in self.roads if road.highway not in LINK_TAGS]


def build_world(seed: int) -> World:
    """Draw the area; the same seed draws the same one."""
    river = RoadWorks(lambda _: False)
    river.add("river", "river", RIVER, {})
    works = RoadWorks(lambda line: bool(river.find_hits(line)))
    add_national_roads(works, seed)
    add_provincial_roads(works, seed)
    signals = add_city(works, seed)
    places, streets = add_villages(works, seed)
    add_roadside_lanes(works, seed)
    add_field_tracks(works, streets, seed)
    return World(
        seed=seed,
        roads=works.roads,
        places=places,
        signals=signals,
        districts=_draw_districts(),
    )


def _river_x(y: float) -> float:
    xy = np.asarray(RIVER)
    return float(np.interp(y, xy[:, 1], xy[:, 0]))


def _border_x(number: int, y: float) -> float:
    """Return where a border between provinces runs, from the western edge to the eastern."""
    fixed = (-MARGIN_M, WEST_EDGE_M, _river_x(y), EXTENT_M[0] + MARGIN_M)
    return fixed[number]


def find_district(point: Point) -> tuple[int, int]:
    """Return which province (west, middle, east of the river) and which of its districts."""
    x, y = point
    province = 0 if x < WEST_EDGE_M else (1 if x < _river_x(y) else 2)
    edges = np.array(NORTH_SHARES[1:-1]) * EXTENT_M[1]
    return province, int(np.searchsorted(edges, y, side="right"))


def _draw_districts() -> list[District]:
    low, high = -MARGIN_M, EXTENT_M[1] + MARGIN_M
    found = []
    for province, name in enumerate(PROVINCES):
        for row, district in enumerate(DISTRICTS[province]):
            south = low if row == 0 else NORTH_SHARES[row] * EXTENT_M[1]
            north = high if row == 2 else NORTH_SHARES[row + 1] * EXTENT_M[1]
            bends = [y for _, y in RIVER if south < y < north]
            ys = np.array([south, *bends, north])
            left = [(_border_x(province, y), y) for y in ys]
            right = [(_border_x(province + 1, y), y) for y in ys[::-1]]
            ring = np.array([*left, *right])
            lon, lat = to_lonlat(ring[:, 0], ring[:, 1])
            outline = Polygon(np.column_stack([np.round(lon, 6), np.round(lat, 6)]))
            found.append(District(district, name, outline))
    return found


def pick_on_road(road: Road, rng: np.random.Generator) -> tuple[Point, float]:
    """Return a place on a road, evenly along it, and its chainage [m]."""
    distance_m = float(rng.uniform(0.0, road.length_m))
    return interpolate(road.points, distance_m)[0], distance_m


def build_part_rng(world: World, part: str) -> np.random.Generator:
    """Return the random numbers of one part of the sample."""
    return build_rng(world.seed, part)
