"""Times as they are reported: rounded to full hours, midnight for unknown, or missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError
from models.arrays import FloatArray, IntArray
from models.time_clusters import ALPHA, CYCLES, TimeClusters, find_time_clusters

__all__ = [
    "ClockHeaping",
    "HourClusters",
    "count_by_cycle",
    "count_days_of_cycle",
    "estimate_heaping",
    "find_hour_clusters",
]

MINUTES: Final = 1440
MIDNIGHT_ALPHA: Final = 0.001
MIDNIGHT_RATIO: Final = 2.0  # times what the other full hours let expect


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockHeaping:
    """How times were rounded."""

    n_times: int
    n_missing: int
    full_hour_share: float  # of times at minute 0; exact times: 1/60
    five_minute_share: float  # of times at a multiple of five minutes; exact times: 1/5
    rounded_share: float  # of times that seem rounded to the full hour
    n_midnight: int  # at 00:00 exactly
    expected_midnight: float  # by how the other hours are rounded
    is_midnight_unknown: bool  # 00:00 seems to stand for "not known"
    meaning: str  # one plain sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class HourClusters:
    """Clusters by hour of the day, and whether they hang on how times were rounded."""

    reported: TimeClusters
    unrounded: TimeClusters  # half of what was rounded to a full hour put into the hour before
    heaping: ClockHeaping
    is_robust: bool  # the strongest window is there either way
    meaning: str  # one plain sentence


def estimate_heaping(minute_of_day: ArrayLike) -> ClockHeaping:
    """Estimate how many times are rounded to full hours, and whether midnight means unknown.

    Parameters
    ----------
    minute_of_day
        Of each crash, 0 to 1439, NaN where the time is missing, shape (n_crashes,).

    Returns
    -------
    heaping
        Shares at full hours and at five minutes; the number at 00:00 and what it would
        be if midnight were rounded to like the other hours (per crash in the half hours on
        either side).

    Raises
    ------
    InputError
        If a minute is not whole or not within the day.

    Notes
    -----
    00:00 is taken for unknown where it has more than twice the crashes expected and a binomial
    p below 0.001. A few true ones are lost with it.
    """
    minute, n_missing = _require_minutes(minute_of_day)
    n = len(minute)
    if not n:
        return ClockHeaping(
            n_times=0,
            n_missing=n_missing,
            full_hour_share=float("nan"),
            five_minute_share=float("nan"),
            rounded_share=float("nan"),
            n_midnight=0,
            expected_midnight=float("nan"),
            is_midnight_unknown=False,
            meaning=f"None of {n_missing} crashes has a time of day.",
        )
    at_full, around = _count_full_hours(minute)
    full = float((minute % 60 == 0).mean())
    per_other = at_full[1:].sum() / around[1:].sum() if around[1:].sum() else float("nan")
    expected = float(per_other * around[0])
    n_midnight = int(at_full[0])
    is_unknown = False
    if np.isfinite(expected):
        share = at_full[1:].sum() / (at_full[1:].sum() + around[1:].sum())
        whole = n_midnight + around[0]
        p_value = float(special.bdtrc(n_midnight - 1, whole, share)) if n_midnight else 1.0
        is_unknown = p_value < MIDNIGHT_ALPHA and n_midnight > MIDNIGHT_RATIO * expected
    rounded = max(0.0, (full - 1 / 60) / (1 - 1 / 60))
    return ClockHeaping(
        n_times=n,
        n_missing=n_missing,
        full_hour_share=full,
        five_minute_share=float((minute % 5 == 0).mean()),
        rounded_share=rounded,
        n_midnight=n_midnight,
        expected_midnight=expected,
        is_midnight_unknown=is_unknown,
        meaning=_describe(n, n_missing, rounded, n_midnight, is_unknown),
    )


def _require_minutes(minute_of_day: ArrayLike) -> tuple[IntArray, int]:
    minute = np.asarray(minute_of_day, dtype=np.float64)
    known = minute[~np.isnan(minute)]
    is_bad = (known < 0) | (known >= MINUTES) | (known != np.floor(known))
    if is_bad.any() or minute.ndim != 1:
        message = (
            f"minute_of_day: {int(is_bad.sum())} of {minute.size} are not whole minutes of a day; "
            "give 0 to 1439, and NaN where the time is missing."
        )
        raise InputError(message)
    return known.astype(np.int64), int(np.isnan(minute).sum())


def _count_full_hours(minute: IntArray) -> tuple[FloatArray, FloatArray]:
    """Count crashes at each full hour, and within the half hours on either side of it."""
    is_full = minute % 60 == 0
    nearest = (minute + 30) // 60 % 24
    at_full = np.bincount(minute[is_full] // 60, minlength=24)
    around = np.bincount(nearest[~is_full], minlength=24)
    return at_full.astype(np.float64), around.astype(np.float64)


def _describe(n: int, n_missing: int, rounded: float, n_midnight: int, is_unknown: bool) -> str:
    sentence = f"Of {n:,} times about {rounded:.0%} seem rounded to the full hour."
    if n_missing:
        sentence += f" {n_missing:,} more crashes have no time and are in no figure by hour."
    if is_unknown:
        sentence += (
            f" {n_midnight:,} are at midnight sharp, far more than at other full hours: they are "
            "taken for unknown and left out."
        )
    return sentence


def find_hour_clusters(
    minute_of_day: ArrayLike,
    *,
    rng: np.random.Generator,
    exposure: ArrayLike | None = None,
    exposure_words: str = "the exposure",
    longest: int | None = None,
    n_simulations: int = 999,
) -> HourClusters:
    """Find the hours of the day in which crashes gather, with rounded times in mind.

    Parameters
    ----------
    minute_of_day
        Of each crash, 0 to 1439, NaN where the time is missing, shape (n_crashes,).
    rng
        For the series drawn under the null.
    exposure
        By hour of the day, shape (24,), such as worker-km; None: all hours alike.
    exposure_words, longest, n_simulations
        As of `models.time_clusters.find_time_clusters`.

    Returns
    -------
    clusters
        The windows with times as reported, and with half of what was rounded to each full
        hour put into the hour before (a time rounded to 18:00 was as often before it as after).

    Raises
    ------
    InputError
        As `estimate_heaping` and `models.time_clusters.find_time_clusters`.
    NotEnoughDataError
        If fewer than eight crashes have a known time.
    """
    heaping = estimate_heaping(minute_of_day)
    minute, _ = _require_minutes(minute_of_day)
    if heaping.is_midnight_unknown:
        minute = minute[minute != 0]
    counts = np.bincount(minute // 60, minlength=24)
    at_full, _ = _count_full_hours(minute)
    excess = np.maximum(at_full - (counts - at_full) / 59, 0.0)
    moved = np.floor(excess / 2).astype(np.int64)

    def find(by_hour: FloatArray) -> TimeClusters:
        return find_time_clusters(
            by_hour,
            cycle="hour",
            rng=rng,
            exposure=exposure,
            exposure_words=exposure_words,
            longest=longest,
            n_simulations=n_simulations,
        )

    reported = find(counts.astype(np.float64))
    unrounded = find((counts - moved + np.roll(moved, -1)).astype(np.float64))
    is_robust = _is_same(reported, unrounded)
    meaning = f"{reported.meaning} {heaping.meaning}"
    if not is_robust:
        meaning += " With rounding undone the result is another: do not lean on it."
    return HourClusters(
        reported=reported,
        unrounded=unrounded,
        heaping=heaping,
        is_robust=is_robust,
        meaning=meaning,
    )


def _is_same(one: TimeClusters, other: TimeClusters) -> bool:
    """Tell whether both show nothing, or strongest windows that share half their hours."""
    hours = []
    for clusters in (one, other):
        best = clusters.windows[0] if clusters.windows else None
        shows = best is not None and best.p_value <= ALPHA
        hours.append(
            {(best.first + i) % 24 for i in range(best.n_bins)} if best and shows else set()
        )
    shared = len(hours[0] & hours[1])
    return 2 * shared >= max(len(hours[0]), len(hours[1]))


def count_by_cycle(
    occurred_at: pd.Series, *, cycle: str, has_time: ArrayLike | None = None
) -> tuple[FloatArray, int]:
    """Count crashes by the bins of a cycle.

    Parameters
    ----------
    occurred_at
        Local date and time of each crash, shape (n_crashes,).
    cycle
        One of `models.time_clusters.CYCLES`.
    has_time
        Whether the time of day is known; None: wherever there is a date. Days and months need
        none.

    Returns
    -------
    n_crashes, n_missing
        Shape (n_bins,), and the number of crashes in no bin.

    Raises
    ------
    InputError
        If the cycle is not known.
    """
    if cycle not in CYCLES:
        message = f"cycle {cycle!r} is not known; use one of: {', '.join(CYCLES)}."
        raise InputError(message)
    when = pd.to_datetime(occurred_at)
    known = when.notna().to_numpy()
    if has_time is not None and cycle in ("hour", "hour_of_week"):
        known = known & np.asarray(has_time, dtype=np.bool_)
    at = when[known].dt
    number = {
        "hour": at.hour,
        "weekday": at.weekday,
        "hour_of_week": 24 * at.weekday + at.hour,
        "month": at.month - 1,
    }[cycle]
    counts = np.bincount(number.to_numpy(dtype=np.int64), minlength=len(CYCLES[cycle][1]))
    return counts.astype(np.float64), int((~known).sum())


def count_days_of_cycle(first: pd.Timestamp, last: pd.Timestamp, *, cycle: str) -> FloatArray:
    """Count the days of a period that fall into each bin: what even crashes would follow.

    Parameters
    ----------
    first, last
        First and last day of the period.
    cycle
        One of `models.time_clusters.CYCLES`; every day has all its hours.

    Raises
    ------
    InputError
        If the cycle is not known, or the period ends before it begins.
    """
    if last < first:
        message = f"period: it ends on {last:%Y-%m-%d}, before it begins on {first:%Y-%m-%d}."
        raise InputError(message)
    days = pd.Series(pd.date_range(first.normalize(), last.normalize()))
    if cycle == "hour":
        return np.full(24, float(len(days)))
    if cycle == "hour_of_week":
        return np.repeat(count_by_cycle(days, cycle="weekday")[0], 24)
    return count_by_cycle(days, cycle=cycle)[0]
