"""The invented crashes: when, who, how badly; which were on the way to a factory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from sample.frame import to_lonlat
from sample.people import Factory
from sample.pilot import YEARS, Pilot
from sample.places_of_crashes import CrashPlace
from sample.world import World, build_part_rng

__all__ = ["Crash", "build_crashes"]

GPS_NOISE_M = 4.0
COARSE_SHARE = 0.08  # coordinates rounded to 0.001 degrees
VILLAGE_ONLY_SHARE = 0.02
DARK_HOURS = (18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5)
DARK_WEIGHTS = (17, 16, 14, 10, 7, 5, 3, 2, 2, 3, 7, 14)
DAY_WEIGHTS = (14, 11, 8, 6, 6, 6, 6, 6, 7, 9, 12, 13)  # hours 6 to 17
WORK_HOURS = {5: 21, 6: 24, 7: 6, 15: 5, 16: 14, 17: 12, 18: 17, 19: 5}
WORK_SHARE = 0.16  # of the crashes that no factory claims
DARK_SHARE = 0.61  # of crashes that are no commutes; with the shifts, 55 % of all
SEVERITIES = {"fatal": 0.10, "serious": 0.29, "slight": 0.48, "damage_only": 0.13}
WORK_SEVERITIES = {"fatal": 0.032, "serious": 0.22, "slight": 0.69, "damage_only": 0.058}
VICTIMS = {
    "motorcycle_driver": 0.65,
    "motorcycle_passenger": 0.11,
    "pedestrian": 0.096,
    "car": 0.035,
    "bicycle": 0.023,
    "van": 0.02,
    "open_truck_with_people": 0.02,
    "motorcycle_trailer": 0.02,
    "other_truck": 0.015,
    "other": 0.011,
}
WORK_VICTIMS = {
    "motorcycle_driver": 0.53,
    "motorcycle_passenger": 0.24,
    "open_truck_with_people": 0.10,
    "van": 0.05,
    "pedestrian": 0.05,
    "bicycle": 0.03,
}
COUNTERPARTS = {
    "": 0.22,
    "motorcycle_driver": 0.30,
    "car": 0.24,
    "other_truck": 0.14,
    "van": 0.05,
    "farm_vehicle": 0.03,
    "bus": 0.02,
}
TWO_VEHICLE_COLLISIONS = ("head-on", "rear-end", "side impact", "right angle")
LONE_COLLISIONS = ("single vehicle", "overturned", "left the road")


@dataclass(slots=True)
class Crash:
    """One invented crash before dirt is added."""

    source_id: str
    place: CrashPlace
    lon: float
    lat: float
    occurred_at: datetime
    severity: str
    victim: str
    counterpart: str
    light: str
    is_worker_commute: str
    factory_id: str
    collision_type: str
    coarse: bool
    village_only: bool


def build_crashes(
    world: World, places: list[CrashPlace], factories: list[Factory], pilot: Pilot
) -> list[Crash]:
    """Give every place its crash, in order of time."""
    rng = build_part_rng(world, "crashes")
    owners = assign_to_factories(places, factories, pilot, rng)
    order = []
    for position, place in enumerate(places):
        factory_id, year = owners.get(position, ("", int(rng.choice(YEARS))))
        is_work = bool(factory_id) or rng.random() < WORK_SHARE
        when = pick_time(year, rng, is_work=is_work)
        order.append((when, position, place, factory_id, is_work))
    order.sort(key=lambda item: item[:2])
    found = []
    for number, (when, _, place, factory_id, is_work) in enumerate(order, start=1):
        found.append(describe(f"SYN-{number:05d}", place, when, factory_id, rng, is_work=is_work))
    return found


def assign_to_factories(
    places: list[CrashPlace], factories: list[Factory], pilot: Pilot, rng: np.random.Generator
) -> dict[int, tuple[str, int]]:
    """Choose which places are crashes of a factory's workers, near factories more often."""
    xy = np.array([place.point for place in places])
    free = np.ones(len(places), dtype=bool)
    owners: dict[int, tuple[str, int]] = {}
    for factory in factories:
        far = np.hypot(*(xy - factory.point).T)
        for year in YEARS:
            n_crashes = pilot.counts[factory.factory_id][year]
            weight = np.where(free, np.exp(-far / 4_000), 0.0)
            chosen = rng.choice(len(places), n_crashes, replace=False, p=weight / weight.sum())
            for position in chosen:
                owners[int(position)] = (factory.factory_id, year)
                free[position] = False
    return owners


def pick_time(year: int, rng: np.random.Generator, *, is_work: bool) -> datetime:
    """Return a time of that year: evenly over days, hours by light or by shift."""
    day = datetime(year, 1, 1) + timedelta(days=int(rng.integers(365)))  # noqa: DTZ001 - local
    if is_work:
        hours, weights = list(WORK_HOURS), np.array(list(WORK_HOURS.values()), float)
        while day.weekday() == 6:
            day += timedelta(days=-1 if day.month == 12 else 1)
    elif rng.random() < DARK_SHARE:
        hours, weights = list(DARK_HOURS), np.array(DARK_WEIGHTS, float)
    else:
        hours, weights = list(range(6, 18)), np.array(DAY_WEIGHTS, float)
    hour = int(rng.choice(hours, p=weights / weights.sum()))
    return day + timedelta(hours=hour, minutes=int(rng.integers(60)))


def describe(
    source_id: str,
    place: CrashPlace,
    when: datetime,
    factory_id: str,
    rng: np.random.Generator,
    *,
    is_work: bool,
) -> Crash:
    """Return one crash with who, how badly and the place as it was measured."""
    noise = rng.normal(0.0, GPS_NOISE_M, 2)
    lon, lat = to_lonlat(
        np.array([place.point[0] + noise[0]]), np.array([place.point[1] + noise[1]])
    )
    is_dark = when.hour >= 18 or when.hour < 6
    answer = "yes" if is_work else ("no" if rng.random() < 0.7 else "unknown")
    victim, counterpart = _draw(rng, WORK_VICTIMS if is_work else VICTIMS), _draw(rng, COUNTERPARTS)
    if victim in {"pedestrian", "bicycle"} and not counterpart:
        counterpart = "motorcycle_driver"  # somebody else was there
    return Crash(
        source_id=source_id,
        place=place,
        lon=float(lon[0]),
        lat=float(lat[0]),
        occurred_at=when,
        severity=_draw(rng, WORK_SEVERITIES if is_work else SEVERITIES),
        victim=victim,
        counterpart=counterpart,
        light=("dark" if is_dark else "day") if rng.random() < 0.88 else "unknown",
        is_worker_commute=answer,
        factory_id=factory_id,
        collision_type=_pick_collision(victim, counterpart, rng),
        coarse=bool(rng.random() < COARSE_SHARE),
        village_only=bool(rng.random() < VILLAGE_ONLY_SHARE),
    )


def _pick_collision(victim: str, counterpart: str, rng: np.random.Generator) -> str:
    """Return a type of collision that fits who took part."""
    if victim == "pedestrian":
        return "pedestrian hit"
    words = TWO_VEHICLE_COLLISIONS if counterpart else LONE_COLLISIONS
    return words[int(rng.integers(len(words)))]


def _draw(rng: np.random.Generator, shares: dict[str, float]) -> str:
    weights = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=weights / weights.sum()))
