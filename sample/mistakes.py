"""How police, insurer and factory each write down a crash: the mistakes of their kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["CENTRE_LAT", "CENTRE_LON", "M_PER_DEGREE", "ROADS", "SOURCES", "blur_reports"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ObjectArray = NDArray[np.object_]

CENTRE_LON, CENTRE_LAT = 104.5, 11.2
M_PER_DEGREE = (109_300.0, 110_620.0)  # east and north, at this latitude
START = np.datetime64("2022-01-01T00:00", "us")
SWAPPED_SHARE = 0.02  # day and month the wrong way round, where both can be months
SEVERITIES = np.array(["fatal", "serious", "slight", "damage_only"], dtype=object)
AGES = ("0-14", "15-24", "25-34", "35-44", "45-59", "60+")
AGE_SHARES = (0.04, 0.42, 0.28, 0.14, 0.08, 0.04)
KHMER_ROADS = {"NR4": "ផ្លូវជាតិលេខ៤", "NR3": "ផ្លូវជាតិលេខ៣", "NR41": "ផ្លូវជាតិលេខ៤១"}
MISTAKEN = {"car": "van", "van": "car", "other_truck": "bus", "bus": "other_truck", "": "car"}
ROADS = ("NR4", "NR3", "NR41", "Road 117", "Market Street", "River Road", "Factory Road", "")
LONG_ROADS = {"NR4": "National Road 4", "NR3": "National Road 3", "NR41": "National Road 41"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How one kind of source reports; shares of its reports, spreads in minutes and metres."""

    name: str
    date_only: float
    minutes: float  # spread of a usual time
    hours_off: float  # share written down hours later
    next_day: float  # share with the day after, when it was reported
    gps: float  # share with a measured place
    village_only: float  # share with the village alone; the rest points at a map
    gps_m: float
    later: float  # share that hears later of a turn for the worse
    says_users: float
    says_persons: float
    says_counts: float
    knows_worker: float
    knows_factory: float


SOURCES = (
    Habits(name="police", date_only=0.05, minutes=12, hours_off=0.06, next_day=0.01, gps=0.60,
           village_only=0.15, gps_m=25, later=0.0, says_users=0.92, says_persons=0.70,
           says_counts=0.92, knows_worker=0.3, knows_factory=0.08),
    Habits(name="insurer", date_only=0.30, minutes=35, hours_off=0.15, next_day=0.05, gps=0.20,
           village_only=0.40, gps_m=60, later=0.15, says_users=0.70, says_persons=0.85,
           says_counts=0.80, knows_worker=0.9, knows_factory=0.70),
    Habits(name="factory", date_only=0.20, minutes=18, hours_off=0.10, next_day=0.03, gps=0.40,
           village_only=0.30, gps_m=60, later=0.08, says_users=0.75, says_persons=0.75,
           says_counts=0.75, knows_worker=1.0, knows_factory=1.0),
)  # fmt: skip


def _keep(is_told: NDArray[np.bool_], values: Any) -> ObjectArray:  # noqa: ANN401 - any column
    """Return the values that are told, None elsewhere."""
    told = np.array(list(values), dtype=object)
    told[~is_told] = None
    return told


def _of(seen: pd.DataFrame, habit: str) -> FloatArray:
    """Return one habit of the source of every report."""
    values = np.array([float(getattr(one, habit)) for one in SOURCES])
    return np.asarray(values[seen["source"].to_numpy()], dtype=np.float64)


def blur_reports(
    rng: np.random.Generator, crashes: pd.DataFrame, seen: pd.DataFrame, villages: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write every report as its source would, and the persons it names.

    Parameters
    ----------
    rng
        Where chance comes from.
    crashes
        What happened; `seen["crash"]` counts its rows.
    seen
        `crash` and `source` (position in `SOURCES`) of each report.
    villages
        `x`, `y` [m], `latin`, `khmer`, `district`.

    Returns
    -------
    reports, casualties
        One row a report (`crash_id` is R and a number), one row a person.
    """
    told = crashes.iloc[seen["crash"]].reset_index(drop=True)
    n = len(told)
    number = rng.permutation(n)  # says nothing of the crash
    factory = told["factory"].to_numpy()
    is_factory = seen["source"].to_numpy() == 2
    own = np.array([f"factory F{one:02d}" for one in factory], dtype=object)
    kind = np.array([one.name for one in SOURCES], dtype=object)[seen["source"]]
    reports = pd.DataFrame(
        {
            "crash_id": [f"R{one:06d}" for one in number],
            "source": np.where(is_factory, own, kind),
            "source_id": [f"N{one:06d}" for one in number],
        }
    )
    reports["occurred_at"], reports["has_time"] = _blur_times(rng, told, seen)
    places = _blur_places(rng, told, seen, villages)
    users, n_vehicles = _blur_users(rng, told, seen)
    reports = reports.assign(**places, road_users=users, n_vehicles=n_vehicles)
    reports = reports.assign(**_blur_severities(rng, told, seen))
    knows = rng.random(n) < _of(seen, "knows_worker")
    is_wrong = rng.random(n) < 0.04
    is_work = np.where((factory > 0) ^ is_wrong, "yes", "no")
    reports["is_worker_commute"] = np.where(knows, is_work, "unknown").astype(object)
    names = np.array([f"F{one:02d}" for one in factory], dtype=object)
    linked = (factory > 0) & (rng.random(n) < _of(seen, "knows_factory"))
    is_other = ~is_factory & (rng.random(n) < 0.02)
    names = np.where(is_other, "F01", names)
    reports["factory_id"] = _keep(linked, names)
    return reports, _name_persons(rng, crashes, reports, seen)


def _blur_times(
    rng: np.random.Generator, told: pd.DataFrame, seen: pd.DataFrame
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Return when each report says it was, and whether it says a time."""
    n = len(told)
    off = rng.normal(0, 1, n) * _of(seen, "minutes")
    late = rng.random(n) < _of(seen, "hours_off")
    off = np.where(late, rng.uniform(60, 420, n), off)
    minute = told["minute"].to_numpy() + np.round(off / 5) * 5
    minute = np.where(rng.random(n) < _of(seen, "next_day"), minute + 1440, minute)
    has_time = rng.random(n) >= _of(seen, "date_only")
    when = pd.Series(START + minute.astype("timedelta64[m]"))
    can_swap = (when.dt.day <= 12) & (when.dt.day != when.dt.month)
    swapped = pd.to_datetime(
        {
            "year": when.dt.year,
            "month": when.dt.day.where(can_swap, 1),
            "day": when.dt.month,
            "hour": when.dt.hour,
            "minute": when.dt.minute,
        }
    )
    when = when.mask(can_swap & (rng.random(n) < SWAPPED_SHARE), swapped)
    when = when.where(has_time, when.dt.normalize())
    return when.to_numpy().astype("datetime64[us]"), has_time


def _blur_places(
    rng: np.random.Generator, told: pd.DataFrame, seen: pd.DataFrame, villages: pd.DataFrame
) -> dict[str, ObjectArray]:
    """Return the place as each report has it: measured, pointed at, or a village."""
    n = len(told)
    chance = rng.random(n)
    measured = chance < _of(seen, "gps")
    village_only = chance > 1 - _of(seen, "village_only")
    home = villages.iloc[told["village"]].reset_index(drop=True)
    far = np.minimum(rng.exponential(600, n), 2_000)  # pointed at on a map
    spread = np.where(measured, np.abs(rng.normal(0, 1, n)) * _of(seen, "gps_m"), far)
    angle = rng.uniform(0, 2 * np.pi, n)
    x = np.where(village_only, home["x"], told["x"] + spread * np.cos(angle))
    y = np.where(village_only, home["y"], told["y"] + spread * np.sin(angle))
    has_point = ~village_only | (rng.random(n) < 0.5)  # the centre of its village, or nothing
    lon = np.round(CENTRE_LON + x / M_PER_DEGREE[0], 6)
    lat = np.round(CENTRE_LAT + y / M_PER_DEGREE[1], 6)
    says_village = village_only | (rng.random(n) < 0.6)
    says_district = rng.random(n) < 0.7
    return {
        "lon": np.where(has_point, lon, np.nan),
        "lat": np.where(has_point, lat, np.nan),
        "village": _keep(says_village, _misspell(rng, home)),
        "district": _keep(says_district, home["district"]),
        "road_name": _write_roads(rng, told["road"].to_numpy(dtype=object)),
    }


def _misspell(rng: np.random.Generator, home: pd.DataFrame) -> ObjectArray:
    """Write villages in Khmer now and then, in capitals, or with a letter missing."""
    chance = rng.random(len(home))
    names = home["latin"].to_numpy(dtype=object)
    cut = rng.integers(1, 5, len(home))
    short = np.array([n[:c] + n[c + 1 :] for n, c in zip(names, cut, strict=True)], dtype=object)
    names = np.where(chance < 0.10, short, names)
    names = np.where((chance >= 0.10) & (chance < 0.2), home["latin"].str.upper(), names)
    names = np.where(chance > 0.85, home["khmer"], names)
    return np.asarray(names, dtype=object)


def _write_roads(rng: np.random.Generator, roads: ObjectArray) -> ObjectArray:
    """Write a road's name in one of its ways, or leave it out."""
    at_junction = rng.random(len(roads)) < 0.08  # the other road is named
    other = np.asarray(ROADS, dtype=object)[rng.integers(0, len(ROADS), len(roads))]
    roads = np.where(at_junction, other, roads)
    chance = rng.random(len(roads))
    long = np.array([LONG_ROADS.get(one, one) for one in roads], dtype=object)
    khmer = np.array([KHMER_ROADS.get(one, one) for one in roads], dtype=object)
    written = np.where(chance < 0.25, long, np.where(chance > 0.9, khmer, roads))
    is_told = (rng.random(len(roads)) >= 0.35) & (written != "")
    return _keep(is_told, written)


def _blur_users(
    rng: np.random.Generator, told: pd.DataFrame, seen: pd.DataFrame
) -> tuple[ObjectArray, ObjectArray]:
    """Return road users and vehicles as reported: all, the victim alone, or nothing."""
    n = len(told)
    says = rng.random(n) < _of(seen, "says_users")
    says_all = rng.random(n) < 0.85
    takes_for_another = rng.random(n) < 0.07
    miscounts = rng.random(n) < 0.05
    users, vehicles = [], []
    rows = zip(
        told["victim"],
        told["counterpart"],
        says,
        says_all,
        takes_for_another,
        miscounts,
        strict=True,
    )
    for victim, counterpart, is_said, is_all, is_other, is_off in rows:
        seen_as = MISTAKEN.get(counterpart, counterpart) if is_other else counterpart
        both = sorted({victim, seen_as if is_all else ""} - {""})
        users.append(";".join(both) if is_said else "")
        n_vehicles = 1 + bool(counterpart) - (victim == "pedestrian" and bool(counterpart))
        vehicles.append(n_vehicles + is_off if is_said and is_all else None)
    return np.array(users, dtype=object), np.array(vehicles, dtype=object)


def _blur_severities(
    rng: np.random.Generator, told: pd.DataFrame, seen: pd.DataFrame
) -> dict[str, ObjectArray]:
    """Return severity and counts; who reports later knows of some turns for the worse."""
    n = len(told)
    severity = told["severity"].to_numpy()
    # a crash that gets worse later does so for all who hear of it
    gets_worse = told["severity"].between(1, 2) & (told["minute"] % 10 < 4)
    hears = gets_worse & (rng.random(n) < _of(seen, "later") * 2.5)
    severity = np.where(hears, severity - 1, severity)
    other_word = (rng.random(n) < 0.06) & (severity > 0)
    shift = np.where(rng.random(n) < 0.5, 1, -1)
    severity = np.where(other_word, np.clip(severity + shift, 1, 3), severity)
    persons = np.maximum(told["n_persons"].to_numpy(), severity < 3)
    more = np.where(severity < 3, persons - 1, 0)
    more = np.maximum(0, more - (rng.random(n) < 0.12))  # one overlooked
    says = rng.random(n) < _of(seen, "says_counts")
    counts = {
        "n_killed": (severity == 0).astype(int),
        "n_serious": (severity == 1).astype(int),
        "n_slight": (severity == 2).astype(int) + more,
    }
    unknown = rng.random(n) < 0.03
    words = _keep(~unknown, SEVERITIES[severity])
    told_counts = {name: _keep(says, values) for name, values in counts.items()}
    return {"severity": words, **told_counts}


def _name_persons(
    rng: np.random.Generator, crashes: pd.DataFrame, reports: pd.DataFrame, seen: pd.DataFrame
) -> pd.DataFrame:
    """Return sex and age of those whom each report names; an age is a band off now and then."""
    n_persons = crashes["n_persons"].to_numpy()
    owner = np.repeat(np.arange(len(crashes)), n_persons)
    is_female = rng.random(len(owner)) < np.where(
        crashes["factory"].to_numpy()[owner] > 0, 0.8, 0.3
    )
    age = rng.choice(len(AGES), len(owner), p=AGE_SHARES)
    first = np.concatenate([[0], np.cumsum(n_persons)])
    says = rng.random(len(reports)) < _of(seen, "says_persons")
    crash = seen["crash"].to_numpy()
    n_named = np.where(says, n_persons[crash], 0)
    report = np.repeat(np.arange(len(reports)), n_named)
    within = np.arange(len(report)) - np.repeat(np.cumsum(n_named) - n_named, n_named)
    person = first[crash[report]] + within
    off = np.where(rng.random(len(report)) < 0.06, rng.choice([-1, 1], len(report)), 0)
    bands = np.array([*AGES, "unknown"], dtype=object)
    told_age = np.where(
        rng.random(len(report)) < 0.08, len(AGES), np.clip(age[person] + off, 0, len(AGES) - 1)
    )
    kept = rng.random(len(report)) >= 0.08  # one overlooked
    persons = pd.DataFrame(
        {
            "source": reports["source"].to_numpy()[report],
            "crash_source_id": reports["source_id"].to_numpy()[report],
            "sex": np.where(is_female[person], "female", "male").astype(object),
            "age_band": bands[told_age],
        }
    )
    return persons[kept].reset_index(drop=True)
