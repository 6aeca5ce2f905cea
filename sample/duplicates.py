"""Invented reports of invented crashes, and which of them tell of one crash.

A labelled set to measure matching by: each crash is seen by one to three of police,
insurer and factory, each with the mistakes of its kind. Planted beside them is what looks
alike and is not: two crashes at one junction on one day, junctions where crashes happen
again and again, workers of one factory hurt on one day, and many crashes that were all
written down at the centre of their village. Now and then a source reports a crash twice.

How often each mistake happens is chosen, not measured: nobody has published a register in
which such pairs are marked. What is measured on this set holds for mistakes like these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sample.frame import build_rng
from sample.mistakes import ROADS, SOURCES, blur_reports
from sample.names import DISTRICTS, build_village_names

__all__ = ["LabelledReports", "build_labelled_reports", "to_crash_frame"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MINUTES_PER_DAY = 1440
N_BLACK_SPOTS, BLACK_SPOT_SHARE = 10, 0.2
SAME_JUNCTION_SHARE = 0.04  # of crashes: another one there on the same day
SAME_FACTORY_SHARE = 0.02  # of crashes: another of the factory's workers on the same day
WORKER_SHARE = 0.45
N_FACTORIES = 12
TWICE_SHARE = 0.015  # of reports: sent again by the same source under another number
HOURS = np.array([2, 1, 1, 1, 2, 5, 9, 8, 4, 3, 3, 4, 4, 3, 3, 4, 6, 9, 10, 7, 5, 4, 3, 2], float)
SEVERITY_SHARES = (0.08, 0.25, 0.52, 0.15)
VICTIMS = ("motorcycle_driver", "motorcycle_passenger", "pedestrian", "bicycle", "van",
           "open_truck_with_people", "car", "motorcycle_trailer")  # fmt: skip
VICTIM_SHARES = (0.55, 0.15, 0.08, 0.04, 0.05, 0.06, 0.05, 0.02)
COUNTERPARTS = ("", "motorcycle_driver", "car", "other_truck", "van", "farm_vehicle", "bus")
COUNTERPART_SHARES = (0.22, 0.30, 0.24, 0.14, 0.05, 0.03, 0.02)
# Who hears of a crash: police, insurer, factory; of a worker's, and of anybody else's.
SEEN_OF_WORKERS = (0.45, 0.60, 0.65)
SEEN_OF_OTHERS = (0.85, 0.30, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledReports:
    """Reports, the persons they name, and the crash that each tells of."""

    reports: pd.DataFrame  # one row a report, plain values under the crash record's columns
    casualties: pd.DataFrame  # `source`, `crash_source_id`, `sex`, `age_band`
    truth: pd.Series[int]  # crash_id → number of the crash

    def list_true_pairs(self) -> pd.DataFrame:
        """Return the pairs of reports of one crash: `left_id`, `right_id`, in order."""
        one = self.truth.rename("event").rename_axis("crash_id").reset_index()
        both = one.merge(one, on="event", suffixes=("_l", "_r"))
        both = both[both["crash_id_l"] < both["crash_id_r"]]
        pairs = both[["crash_id_l", "crash_id_r"]].set_axis(["left_id", "right_id"], axis=1)
        return pairs.sort_values(["left_id", "right_id"], ignore_index=True)


def build_labelled_reports(
    *, seed: int, n_crashes: int = 1_000, days: int = 730, width_m: float = 60_000.0
) -> LabelledReports:
    """Invent crashes and what each source reports of them.

    Parameters
    ----------
    seed
        The same one gives the same reports.
    n_crashes
        Crashes, those planted to look alike among them.
    days
        Length of the period; with `width_m` it says how dense crashes lie.
    width_m
        Side of the square area [m].

    Returns
    -------
    LabelledReports
        About 1.5 reports a crash.
    """
    rng = build_rng(seed, "duplicates")
    villages = _build_villages(rng, width_m)
    crashes = _build_crashes(rng, n_crashes, days, width_m)
    near = np.hypot(
        crashes["x"].to_numpy()[:, None] - villages["x"].to_numpy(),
        crashes["y"].to_numpy()[:, None] - villages["y"].to_numpy(),
    ).argmin(axis=1)
    crashes["village"] = near
    seen = _choose_reports(rng, crashes)
    reports, casualties = blur_reports(rng, crashes, seen, villages)
    truth = pd.Series(seen["crash"].to_numpy(), index=reports["crash_id"], name="event")
    return LabelledReports(reports=reports, casualties=casualties, truth=truth)


def to_crash_frame(labelled: LabelledReports, columns: dict[str, str]) -> pd.DataFrame:
    """Return the reports under other columns and types, those not invented empty.

    Parameters
    ----------
    labelled
        The reports.
    columns
        Column → pandas type, such as `records.tables.list_frame_columns` gives.
    """
    reports = labelled.reports
    flags = {"corrected_fields": "", "import_id": 1}
    data = {}
    for name, dtype in columns.items():
        if name in reports:
            values = reports[name]
        elif name == "row_number":
            values = pd.Series(np.arange(2, len(reports) + 2), index=reports.index)
        else:
            values = pd.Series(flags.get(name), index=reports.index, dtype="object")
        data[name] = values.astype(dtype)  # type: ignore[call-overload]
    return pd.DataFrame(data).sort_values("crash_id", ignore_index=True)


def _build_villages(rng: np.random.Generator, width_m: float) -> pd.DataFrame:
    """Set villages at random; a district is a third of the area's width."""
    names = build_village_names()
    x, y = rng.uniform(0, width_m, (2, len(names)))
    districts = [name for province in DISTRICTS for name in province]
    third = width_m / 3
    number = (np.minimum(x // third, 2) * 3 + np.minimum(y // third, 2)).astype(int)
    return pd.DataFrame(
        {
            "x": x,
            "y": y,
            "latin": [name.latin for name in names],
            "khmer": [name.khmer for name in names],
            "district": [districts[one].latin for one in number],
        }
    )


def _build_crashes(
    rng: np.random.Generator, n_crashes: int, days: int, width_m: float
) -> pd.DataFrame:
    """Invent what happened: when, where, to whom, how badly."""
    n_planted = int(n_crashes * (SAME_JUNCTION_SHARE + SAME_FACTORY_SHARE))
    n = n_crashes - n_planted
    minute = rng.integers(0, days, n) * MINUTES_PER_DAY + _pick_minutes(rng, n)
    x, y = _pick_places(rng, n, width_m)
    crashes = pd.DataFrame({"minute": minute, "x": x, "y": y})
    crashes["factory"] = np.where(
        rng.random(n) < WORKER_SHARE, rng.integers(1, N_FACTORIES + 1, n), 0
    )
    crashes = _plant_look_alikes(rng, crashes, n_planted, width_m)
    crashes["road"] = np.asarray(ROADS, dtype=object)[rng.integers(0, len(ROADS), len(crashes))]
    crashes["severity"] = rng.choice(4, len(crashes), p=SEVERITY_SHARES)
    crashes["victim"] = np.asarray(VICTIMS, dtype=object)[
        rng.choice(len(VICTIMS), len(crashes), p=VICTIM_SHARES)
    ]
    crashes["counterpart"] = np.asarray(COUNTERPARTS, dtype=object)[
        rng.choice(len(COUNTERPARTS), len(crashes), p=COUNTERPART_SHARES)
    ]
    more = rng.poisson(np.where(crashes["victim"] == "open_truck_with_people", 1.8, 0.35))
    crashes["n_persons"] = np.where(crashes["severity"] == 3, 0, 1 + more)
    return crashes


def _pick_minutes(rng: np.random.Generator, n: int) -> IntArray:
    hours = rng.choice(24, n, p=HOURS / HOURS.sum())
    return np.asarray(hours * 60 + rng.integers(0, 60, n), dtype=np.int64)


def _pick_places(rng: np.random.Generator, n: int, width_m: float) -> tuple[FloatArray, FloatArray]:
    """Put crashes along six straight roads, a share of them at a few junctions."""
    ends = rng.uniform(0, width_m, (6, 4))
    road, along = rng.integers(0, 6, n), rng.random(n)
    xy = ends[road, :2] + (ends[road, 2:] - ends[road, :2]) * along[:, None]
    spots = xy[:N_BLACK_SPOTS] if n >= N_BLACK_SPOTS else xy[:1]
    at_spot = rng.random(n) < BLACK_SPOT_SHARE
    xy[at_spot] = spots[rng.integers(0, len(spots), at_spot.sum())]
    xy += rng.normal(0, 15, (n, 2))
    return xy[:, 0], xy[:, 1]


def _plant_look_alikes(
    rng: np.random.Generator, crashes: pd.DataFrame, n_planted: int, width_m: float
) -> pd.DataFrame:
    """Add other crashes on the day and at the junction, or of the factory, of some crash."""
    if n_planted == 0:
        return crashes
    like = crashes.loc[rng.choice(len(crashes), n_planted, replace=False)].reset_index(drop=True)
    day = like["minute"].to_numpy() // MINUTES_PER_DAY
    like["minute"] = day * MINUTES_PER_DAY + _pick_minutes(rng, n_planted)
    share = SAME_JUNCTION_SHARE / (SAME_JUNCTION_SHARE + SAME_FACTORY_SHARE)
    at_junction = rng.random(n_planted) < share
    shift = rng.normal(0, 20, (n_planted, 2))
    elsewhere = rng.uniform(0, width_m, (n_planted, 2))
    like["x"] = np.where(at_junction, like["x"] + shift[:, 0], elsewhere[:, 0])
    like["y"] = np.where(at_junction, like["y"] + shift[:, 1], elsewhere[:, 1])
    other = np.where(
        rng.random(n_planted) < WORKER_SHARE, rng.integers(1, N_FACTORIES + 1, n_planted), 0
    )
    same = np.where(like["factory"] > 0, like["factory"], rng.integers(1, N_FACTORIES + 1))
    like["factory"] = np.where(at_junction, other, same)
    return pd.concat([crashes, like], ignore_index=True)


def _choose_reports(rng: np.random.Generator, crashes: pd.DataFrame) -> pd.DataFrame:
    """Choose who reports each crash: `crash`, `source`; at least one of the three."""
    is_work = crashes["factory"].to_numpy() > 0
    chance = np.where(is_work[:, None], SEEN_OF_WORKERS, SEEN_OF_OTHERS)
    seen = rng.random((len(crashes), len(SOURCES))) < chance
    unseen = ~seen.any(axis=1)
    seen[unseen, np.where(is_work[unseen], 2, 0)] = True
    crash, source = np.nonzero(seen)
    again = rng.random(len(crash)) < TWICE_SHARE
    return pd.DataFrame(
        {"crash": np.r_[crash, crash[again]], "source": np.r_[source, source[again]]}
    )
