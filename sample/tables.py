"""The crashes and their casualties as tables, clean; dirt is added afterwards."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from sample.crashes import Crash
from sample.names import DISTRICTS, PROVINCES
from sample.pilot import PILOT_START_YEAR, YEARS, Pilot
from sample.roads import Road
from sample.villages import Place
from sample.world import World, build_part_rng, find_district

__all__ = ["tabulate_casualties", "tabulate_crashes", "tabulate_interventions"]

FEMALE_AMONG_WORKERS, FEMALE_AMONG_OTHERS = 0.80, 0.26
AGES_OF_WORKERS = {"15-24": 0.46, "25-34": 0.36, "35-44": 0.14, "45-59": 0.04}
AGES_OF_OTHERS = {
    "0-14": 0.07,
    "15-24": 0.38,
    "25-34": 0.22,
    "35-44": 0.14,
    "45-59": 0.13,
    "60+": 0.06,
}
HELMET_BY_DAY, HELMET_BY_NIGHT = 0.43, 0.25
RIDERS = {"motorcycle_driver", "motorcycle_passenger", "motorcycle_trailer"}
NARRATIVES = (
    "",
    "",
    "",
    "Rider lost control on a wet surface.",
    "Truck turned without signal, motorcycle hit its side.",
    "Hit from behind while slowing down at the factory gate.",
    "Overtaking on a bend, no street lights.",
    "Dog ran onto the road.",
    "គ្មានភ្លើងបំភ្លឺផ្លូវ",
)


def count_injured(crash: Crash, rng: np.random.Generator) -> tuple[int, int, int]:
    """Return the persons killed, seriously and slightly injured."""
    more = int(rng.poisson(1.8 if crash.victim == "open_truck_with_people" else 0.35))
    return {
        "fatal": (1 + int(rng.random() < 0.09), int(rng.random() < 0.35), more),
        "serious": (0, 1 + int(rng.random() < 0.15), more),
        "slight": (0, 0, 1 + more),
        "damage_only": (0, 0, 0),
    }[crash.severity]


def tabulate_crashes(world: World, crashes: list[Crash]) -> pd.DataFrame:
    """Return `crashes.csv` as it would be if nobody ever made a mistake."""
    rng = build_part_rng(world, "crash table")
    villages = [place for place in world.places if place.kind != "city"]
    rows = []
    for crash in crashes:
        killed, serious, slight = count_injured(crash, rng)
        province, district = find_district(crash.place.point)
        digits = 3 if crash.coarse else 6
        users = sorted({crash.victim, crash.counterpart} - {""})
        rows.append(
            {
                "source_id": crash.source_id,
                "occurred_at": crash.occurred_at.strftime("%Y-%m-%d %H:%M"),
                "lon": "" if crash.village_only else f"{crash.lon:.{digits}f}",
                "lat": "" if crash.village_only else f"{crash.lat:.{digits}f}",
                "road_name": _name_road(crash.place.road, rng),
                "village": _nearest(villages, crash).name.latin,
                "district": DISTRICTS[province][district].latin,
                "province": PROVINCES[province].latin,
                "severity": crash.severity,
                "n_killed": killed,
                "n_serious": serious,
                "n_slight": slight,
                "n_vehicles": 1 + bool(crash.counterpart) - (crash.victim == "pedestrian"),
                "road_users": ";".join(users),
                "light": crash.light,
                "is_worker_commute": crash.is_worker_commute,
                "factory_id": crash.factory_id,
                "collision_type": crash.collision_type,
                "narrative": NARRATIVES[int(rng.integers(len(NARRATIVES)))],
            }
        )
    return pd.DataFrame(rows)


def _name_road(road: Road, rng: np.random.Generator) -> str:
    """Return the road as a reporter would write it: by name, in Khmer, by number, or not at all."""
    chance = float(rng.random())
    for key, most in (("name", 0.55), ("name:km", 0.64), ("ref", 0.72)):
        if chance < most:
            return road.tags.get(key, road.tags.get("name", ""))
    return ""


def _nearest(places: list[Place], crash: Crash) -> Place:
    return min(places, key=lambda place: math.dist(place.point, crash.place.point))


def tabulate_casualties(world: World, crashes: list[Crash], table: pd.DataFrame) -> pd.DataFrame:
    """Return `casualties.csv`: one row a person, as many as the crash says."""
    rng = build_part_rng(world, "casualties")
    rows = []
    counts = table[["n_killed", "n_serious", "n_slight"]].to_numpy()
    for crash, (killed, serious, slight) in zip(crashes, counts, strict=True):
        injuries = ["fatal"] * killed + ["serious"] * serious + ["slight"] * slight
        is_dark = crash.occurred_at.hour >= 18 or crash.occurred_at.hour < 6
        for number, injury in enumerate(injuries, start=1):
            is_worker = crash.is_worker_commute == "yes"
            ages = AGES_OF_WORKERS if is_worker else AGES_OF_OTHERS
            weights = np.array(list(ages.values()))
            female = FEMALE_AMONG_WORKERS if is_worker else FEMALE_AMONG_OTHERS
            helmet = "unknown"
            if crash.victim in RIDERS and rng.random() > 0.1:
                share = HELMET_BY_NIGHT if is_dark else HELMET_BY_DAY
                helmet = "yes" if rng.random() < share else "no"
            rows.append(
                {
                    "casualty_id": f"{crash.source_id}-{number}",
                    "crash_source_id": crash.source_id,
                    "sex": "female" if rng.random() < female else "male",
                    "age_band": str(rng.choice(list(ages), p=weights / weights.sum())),
                    "road_user": crash.victim,
                    "helmet": helmet,
                    "injury": injury,
                    "is_worker": crash.is_worker_commute,
                    "factory_id": crash.factory_id,
                }
            )
    return pd.DataFrame(rows)


def tabulate_interventions(pilot: Pilot) -> pd.DataFrame:
    """Return `interventions.csv`: the synthetic pilot, one year before and one after."""
    return pd.DataFrame(
        [
            {
                "intervention_id": "SAMPLE-PILOT",
                "name": "Sample pilot, five factories (SYNTHETIC)",
                "measure": "Buses and vans instead of open trucks; training of drivers",
                "factories": ";".join(pilot.factories),
                "start_before": f"{PILOT_START_YEAR - 1}-01-01",
                "start": f"{PILOT_START_YEAR}-01-01",
                "end": f"{YEARS[-1]}-12-31",
                "end_after": f"{PILOT_START_YEAR}-12-31",
                "published_before": "",
                "published_after": "",
                "months_before": "",
                "months_after": "",
                "counted_by": "factories",
                "was_chosen_for_crashes": "yes",
                "has_definition_changed": "no",
                "source": "Synthetic sample",
                "citation": "",
                "notes": "SYNTHETIC. The factories were chosen because 2021 was a bad year.",
            }
        ]
    )
