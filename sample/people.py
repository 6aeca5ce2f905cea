"""Invented factories, where their workers live, and what they ride."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sample.frame import CENTRE, Point, interpolate, to_lonlat_point
from sample.names import FACTORY_NAMES, PROVINCES
from sample.world import World, build_part_rng, find_district

__all__ = [
    "Factory",
    "build_factories",
    "tabulate_factories",
    "tabulate_origins",
    "tabulate_vehicles",
]

GATE_FROM_ROAD_M = 60.0
LONGEST_COMMUTE_M = 20_000.0
ORIGINS_PER_FACTORY = 20
FEWEST_WORKERS = 5  # of one factory from one village
SHIFTS = ("07:00-16:00", "06:30-15:30;15:30-00:30", "07:30-16:30")
# Near the Fund's figures for workers' crashes: motorcycles most, trucks in their hundreds.
MODES = {
    "open_truck_with_people": 0.34,
    "motorcycle_driver": 0.24,
    "motorcycle_passenger": 0.14,
    "van": 0.11,
    "bus": 0.06,
    "pedestrian": 0.06,
    "bicycle": 0.05,
}
VEHICLE_TYPES = {"open_truck_with_people": 0.6, "van": 0.28, "bus": 0.12}
SEATS = {"open_truck_with_people": 0, "van": 15, "bus": 40}
RIDERS = {"open_truck_with_people": (35, 75), "van": (12, 26), "bus": (30, 55)}
REGISTERED_SHARE, INSURED_SHARE, LICENCE_SHARE = 0.70, 0.07, 0.55


@dataclass(frozen=True, slots=True)
class Factory:
    """One invented factory; `point` is its gate in local metres."""

    factory_id: str
    name: str
    point: Point
    workers: int
    female_workers: int
    shifts: str


def build_factories(world: World) -> list[Factory]:
    """Set twelve factories beside the main roads, apart from one another."""
    rng = build_part_rng(world, "factories")
    classes = {"trunk", "primary", "secondary"}
    roads = [road for road in world.roads if road.highway in classes and road.length_m > 3_000]
    lengths = np.array([road.length_m for road in roads])
    points: list[Point] = []
    while len(points) < len(FACTORY_NAMES):
        road = roads[int(rng.choice(len(roads), p=lengths / lengths.sum()))]
        (x, y), (dx, dy) = interpolate(road.points, float(rng.uniform(500, road.length_m - 500)))
        side = 1.0 if rng.random() < 0.5 else -1.0
        point = (x - dy * side * GATE_FROM_ROAD_M, y + dx * side * GATE_FROM_ROAD_M)
        is_apart = all(math.dist(point, other) > 3_000 for other in points)
        if is_apart and 2_500 < math.dist(point, CENTRE) < 17_000:
            points.append(point)
    found = []
    for number, (name, point) in enumerate(zip(FACTORY_NAMES, points, strict=True), start=1):
        workers = round(float(rng.uniform(600, 2_600)), -1)
        found.append(
            Factory(
                factory_id=f"F{number:02d}",
                name=f"{name} (SYNTHETIC)",
                point=point,
                workers=int(workers),
                female_workers=round(workers * float(rng.uniform(0.74, 0.87))),
                shifts=SHIFTS[int(rng.integers(len(SHIFTS)))],
            )
        )
    return found


def tabulate_factories(factories: list[Factory], pilot: set[str]) -> pd.DataFrame:
    """Return `factories.csv`."""
    rows = []
    for factory in factories:
        lon, lat = to_lonlat_point(factory.point)
        rows.append(
            {
                "factory_id": factory.factory_id,
                "name": factory.name,
                "lon": f"{lon:.6f}",
                "lat": f"{lat:.6f}",
                "workers": factory.workers,
                "female_workers": factory.female_workers,
                "shifts": factory.shifts,
                "brands": "Sample Brand (SYNTHETIC)",
                "province": PROVINCES[find_district(factory.point)[0]].latin,
                "is_pilot": factory.factory_id in pilot,
            }
        )
    return pd.DataFrame(rows)


def tabulate_origins(world: World, factories: list[Factory]) -> pd.DataFrame:
    """Return `origins.csv`: each factory's workers by village, more from near and large ones."""
    rng = build_part_rng(world, "origins")
    villages = [place for place in world.places if place.kind in {"village", "town"}]
    alpha = np.array(list(MODES.values())) * 25
    rows = []
    for factory in factories:
        far = np.array([math.dist(place.point, factory.point) for place in villages])
        pull = np.array([place.population for place in villages]) * np.exp(-far / 5_000)
        pull[far > LONGEST_COMMUTE_M] = 0.0
        n_origins = min(ORIGINS_PER_FACTORY, int(np.count_nonzero(pull)))
        chosen = np.sort(rng.choice(len(villages), n_origins, replace=False, p=pull / pull.sum()))
        spare = factory.workers - FEWEST_WORKERS * len(chosen)
        workers = FEWEST_WORKERS + rng.multinomial(spare, pull[chosen] / pull[chosen].sum())
        for place, n_workers in zip(chosen, workers, strict=True):
            lon, lat = to_lonlat_point(villages[place].point)
            shares = np.round(rng.dirichlet(alpha), 3)
            shares[0] = round(1 - shares[1:].sum(), 3)
            rows.append(
                {
                    "origin_id": f"{factory.factory_id}-{place:02d}",
                    "factory_id": factory.factory_id,
                    "village": villages[place].name.latin,
                    "lon": f"{lon:.6f}",
                    "lat": f"{lat:.6f}",
                    "workers": int(n_workers),
                    **{
                        f"share_{mode}": f"{share:.3f}"
                        for mode, share in zip(MODES, shares, strict=True)
                    },
                }
            )
    return pd.DataFrame(rows)


def tabulate_vehicles(world: World, factories: list[Factory]) -> pd.DataFrame:
    """Return `vehicles.csv`: trucks, vans and buses enough for those who ride them."""
    rng = build_part_rng(world, "vehicles")
    rows = []
    for factory in factories:
        for number in range(round(factory.workers * 0.5 / 45)):
            kind = str(rng.choice(list(VEHICLE_TYPES), p=list(VEHICLE_TYPES.values())))
            rows.append(
                {
                    "vehicle_id": f"{factory.factory_id}-V{number + 1:02d}",
                    "factory_id": factory.factory_id,
                    "type": kind,
                    "seats": SEATS[kind],
                    "riders": int(rng.integers(*RIDERS[kind])),
                    "is_registered": _answer(rng, REGISTERED_SHARE),
                    "is_insured": _answer(rng, INSURED_SHARE),
                    "has_licence": _answer(rng, LICENCE_SHARE),
                }
            )
    return pd.DataFrame(rows)


def _answer(rng: np.random.Generator, share_yes: float) -> str:
    """Return yes or no, and unknown for one in twelve."""
    if rng.random() < 1 / 12:
        return "unknown"
    return "yes" if rng.random() < share_yes else "no"
