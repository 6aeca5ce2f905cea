"""How good records are: what is filled in, who is silent, what is rounded, what cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from core.errors import InputError
from models.arrays import FloatArray, IntArray, require_counts, require_same_length
from models.rates import compute_rate
from models.screening import adjust_fdr

__all__ = [
    "MinuteHeaping",
    "ShareExcess",
    "compute_completeness",
    "compute_control_limits",
    "compute_minute_heaping",
    "compute_reporting_rates",
    "compute_share_excess",
    "count_decimals",
    "estimate_silence",
    "find_outliers",
    "find_repeated_points",
]

PER_WORKERS: Final = 1000.0
HEAPS: Final = (0, 15, 30, 45)  # minutes that people round to
FEWEST_FOR_CHI_SQUARE: Final = 300  # five a minute
FEWEST_MONTHS: Final = 12
MOST_DECIMALS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteHeaping:
    """How the minutes of reported times are spread over the hour."""

    n_times: int
    counts: IntArray  # by minute, shape (60,)
    n_on_heaps: int  # on :00, :15, :30, :45
    excess_share: float  # of all times, those on heaps beyond what the other minutes promise
    chi_square: float  # of 60 equal minutes
    p_uniform: float  # NaN below five times a minute
    p_heaps: float  # exact: so many on the four minutes by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareExcess:
    """A share beside the share expected of it."""

    n_at: int
    n_all: int
    share: float
    expected_share: float
    p_value: float  # P(X >= n_at), binomial


def compute_completeness(
    is_known: pd.DataFrame, applies: pd.DataFrame | None = None, groups: pd.Series | None = None
) -> pd.DataFrame:
    """Compute the share of records that fill a field, by field and group.

    Parameters
    ----------
    is_known
        Whether a field says something, one column a field, one row a record.
    applies
        Whether the field is asked of the record at all; same shape. None: always.
    groups
        Group of each record (a source, a factory, a month), same index; a record without one
        is in no group. None: all are one group, named "".

    Returns
    -------
    completeness
        `group, field, n_applies, n_known, known_share` [share; NaN where nothing applies],
        ordered by group, then as the columns.

    Raises
    ------
    InputError
        If shapes or indexes differ.
    """
    asked = pd.DataFrame(True, index=is_known.index, columns=is_known.columns)
    if applies is not None:
        asked = applies
    by = groups if groups is not None else pd.Series("", index=is_known.index)
    if not (asked.shape == is_known.shape and len(by) == len(is_known)):
        message = (
            f"completeness: {is_known.shape} answers, {asked.shape} questions, {len(by)} groups; "
            "give one of each per record."
        )
        raise InputError(message)
    columns = {"group": "str", "field": "str", "n_applies": "int64", "n_known": "int64"}
    keys = by.to_numpy()
    n_applies = asked.astype("int64").groupby(keys, sort=True).sum()
    n_known = (is_known & asked).astype("int64").groupby(keys, sort=True).sum()
    table = pd.DataFrame(
        {
            "group": np.repeat(n_applies.index.astype("str"), is_known.shape[1]),
            "field": np.tile(np.asarray(is_known.columns, dtype=str), len(n_applies)),
            "n_applies": n_applies.to_numpy().ravel(),
            "n_known": n_known.to_numpy().ravel(),
        }
    ).astype(columns)
    share = table["n_known"] / table["n_applies"].where(table["n_applies"] > 0)
    return table.assign(known_share=share.astype("float64"))


def estimate_silence(n_reports: ArrayLike, workers: ArrayLike) -> pd.DataFrame:
    """Say how likely months without a report are, given the number of workers.

    Parameters
    ----------
    n_reports
        Reports by factory and month, in the order of time, shape (n_factories, n_months).
    workers
        Workers of each factory; NaN or 0: not known. Shape (n_factories,).

    Returns
    -------
    silence
        One row a factory: `n_reports`; `expected_per_month`, at the mean rate of all
        factories whose workers are known; `n_silent_now`: months since the last report, all
        months when there is none; `p_silent_now`; `n_longest_gap`: months without a report
        between two with one; `p_longest_gap`; `q_silent_now` and `q_longest_gap`, after
        Benjamini-Hochberg. NaN where the workers are not known.

    Raises
    ------
    InputError
        If shapes differ, or `n_reports` holds anything but counts.

    Notes
    -----
    With m reports expected a month, g months at the end without one have the probability
    exp(-g·m), whatever happened before. A gap in the middle may begin in any of T - g + 1
    months; their sum bounds its probability from above. A silent factory lowers the mean rate
    it is held against: cautious. Factories that are safer than others look silent too.
    """
    counts = require_counts("n_reports", n_reports)
    staff = np.asarray(workers, dtype=np.float64)
    if counts.ndim != 2 or staff.shape != counts.shape[:1]:
        message = (
            f"n_reports has shape {counts.shape}, workers {staff.shape}; give one row of months "
            "and one number of workers a factory."
        )
        raise InputError(message)
    n_months = counts.shape[1]
    staff = np.where(staff > 0, staff, np.nan)
    is_known = np.isfinite(staff)
    worker_months = float(np.nansum(staff)) * n_months
    rate = counts[is_known].sum() / worker_months if worker_months > 0 else np.nan
    expected = rate * staff
    gaps = [_measure_gaps(row) for row in counts > 0]
    silent_now = np.array([gap[0] for gap in gaps], dtype=np.int64)
    longest = np.array([gap[1] for gap in gaps], dtype=np.int64)
    p_now = np.exp(-silent_now * expected)
    starts = np.where(longest > 0, n_months - longest + 1, 1)
    p_gap = np.minimum(1.0, starts * np.exp(-longest * expected))
    return pd.DataFrame(
        {
            "n_reports": counts.sum(axis=1).astype(np.int64),
            "expected_per_month": expected,
            "n_silent_now": silent_now,
            "p_silent_now": p_now,
            "q_silent_now": _adjust_known(p_now),
            "n_longest_gap": longest,
            "p_longest_gap": p_gap,
            "q_longest_gap": _adjust_known(p_gap),
        }
    )


def _measure_gaps(has_report: np.ndarray) -> tuple[int, int]:
    """Return the months since the last report, and the longest gap between two."""
    at = np.flatnonzero(has_report)
    if not len(at):
        return len(has_report), 0
    inner = int(np.diff(at).max() - 1) if len(at) > 1 else 0
    return len(has_report) - 1 - int(at[-1]), inner


def _adjust_known(p_value: FloatArray) -> FloatArray:
    """Adjust the p-values that are known; the others stay NaN."""
    q = np.full(len(p_value), np.nan)
    is_known = np.isfinite(p_value)
    if is_known.any():
        q[is_known] = adjust_fdr(p_value[is_known])
    return q


def compute_reporting_rates(
    n_reports: ArrayLike, workers: ArrayLike, *, years: float, confidence: float = 0.95
) -> pd.DataFrame:
    """Compute reports per 1,000 workers and year, with intervals and funnel limits.

    Parameters
    ----------
    n_reports
        Reports of each factory over the period, shape (n_factories,).
    workers
        Workers of each; NaN or 0: not known. Shape (n_factories,).
    years
        Length of the period [years], > 0.
    confidence
        Of the intervals and the funnel [share].

    Returns
    -------
    rates
        `n_reports`, `rate`, `ci_low`, `ci_high`, `funnel_low`, `funnel_high` [reports per
        1,000 workers and year], `expected` [reports] at the mean rate, `p_value` (two-sided,
        exact) and `q_value`; NaN where the workers are not known.

    Raises
    ------
    InputError
        If lengths differ, counts are not counts, or `years` is not positive.

    Notes
    -----
    The funnel shows where a factory with the mean rate would lie. Poisson: factories that
    differ in truth lie outside it more often than chance says.

    References
    ----------
    Spiegelhalter, D. (2005). Funnel plots for comparing institutional performance.
    Statistics in Medicine 24, 1185-1202. doi:10.1002/sim.1970
    """
    counts = require_counts("n_reports", n_reports)
    staff = np.asarray(workers, dtype=np.float64)
    require_same_length(n_reports=counts, workers=staff)
    if not years > 0:
        message = f"years is {years}; give the length of the period, above 0."
        raise InputError(message)
    exposure = np.where(staff > 0, staff, 0.0) / PER_WORKERS * years
    estimate = compute_rate(counts, exposure, confidence=confidence)
    is_known = exposure > 0
    base = np.where(is_known, exposure, np.nan)
    total = float(exposure.sum())
    mean = counts[is_known].sum() / total if total > 0 else np.nan
    expected = mean * base
    alpha = 1.0 - confidence
    lower, upper = stats.poisson.cdf(counts, expected), stats.poisson.sf(counts - 1, expected)
    p_value = np.minimum(1.0, 2.0 * np.minimum(lower, upper))
    return pd.DataFrame(
        {
            "n_reports": counts.astype(np.int64),
            "rate": estimate.rate,
            "ci_low": estimate.ci_low,
            "ci_high": estimate.ci_high,
            "expected": expected,
            "funnel_low": stats.poisson.ppf(alpha / 2, expected) / base,
            "funnel_high": stats.poisson.ppf(1 - alpha / 2, expected) / base,
            "p_value": p_value,
            "q_value": _adjust_known(p_value),
        }
    )


def compute_minute_heaping(minute: ArrayLike) -> MinuteHeaping:
    """Measure how far reported times are rounded to quarters of an hour.

    Parameters
    ----------
    minute
        Minute of the hour of each reported time, 0 to 59, shape (n_times,).

    Returns
    -------
    heaping
        The excess share is (h - 4·o/56)/n, with h times on the four quarters, o on the
        other 56 minutes; 0 when there is no excess, NaN without times.

    Raises
    ------
    InputError
        If a value is no minute.

    Notes
    -----
    Shifts end on the hour, so crashes could heap a little in truth; a few minutes later
    than the hour, not on it.
    """
    minutes = require_counts("minute", minute)
    if np.any(minutes > 59):
        message = f"minute: holds {minutes.max():g}; give minutes from 0 to 59."
        raise InputError(message)
    counts = np.bincount(minutes.astype(np.int64), minlength=60)
    n_times = int(counts.sum())
    on_heaps = int(counts[list(HEAPS)].sum())
    share = len(HEAPS) / 60
    excess = chi_square = p_uniform = p_heaps = np.nan
    if n_times:
        promised = (n_times - on_heaps) / (60 - len(HEAPS)) * len(HEAPS)
        excess = max(0.0, (on_heaps - promised) / n_times)
        chi_square = float(((counts - n_times / 60) ** 2).sum() / (n_times / 60))
        p_heaps = float(stats.binom.sf(on_heaps - 1, n_times, share))
    if n_times >= FEWEST_FOR_CHI_SQUARE:
        p_uniform = float(stats.chi2.sf(chi_square, 59))
    return MinuteHeaping(
        n_times=n_times,
        counts=counts,
        n_on_heaps=on_heaps,
        excess_share=float(excess),
        chi_square=float(chi_square),
        p_uniform=p_uniform,
        p_heaps=p_heaps,
    )


def compute_share_excess(n_at: int, n_all: int, *, expected_share: float) -> ShareExcess:
    """Hold a share against the one expected, by an exact one-sided binomial test.

    For times of exactly 00:00 (expected 1 in 1,440) and first days of a month (12 in
    365.25): far more than expected means that the value stands for "not known".

    Raises
    ------
    InputError
        If the counts or the expected share cannot be.
    """
    if not (0 <= n_at <= n_all and 0 < expected_share < 1):
        message = f"share: {n_at} of {n_all}, expected {expected_share}; check the counts."
        raise InputError(message)
    return ShareExcess(
        n_at=n_at,
        n_all=n_all,
        share=n_at / n_all if n_all else np.nan,
        expected_share=expected_share,
        p_value=float(stats.binom.sf(n_at - 1, n_all, expected_share)) if n_all else np.nan,
    )


def count_decimals(degrees: ArrayLike) -> IntArray:
    """Count the decimals a coordinate was given with, 0 to 7; -1 where it is missing."""
    values = np.asarray(degrees, dtype=np.float64)
    found = np.full(values.shape, MOST_DECIMALS, dtype=np.int64)
    for decimals in range(MOST_DECIMALS - 1, -1, -1):
        found[np.isclose(values, np.round(values, decimals), rtol=0, atol=1e-9)] = decimals
    found[~np.isfinite(values)] = -1
    return found


def find_repeated_points(lon: ArrayLike, lat: ArrayLike, *, more_than: int) -> pd.DataFrame:
    """Return points that more than so many different crashes lie on exactly.

    Parameters
    ----------
    lon, lat
        Places of crashes, each crash once [degrees]; NaN: none. Shape (n_crashes,).
    more_than
        Up to so many on one point are left out.

    Returns
    -------
    points
        `lon, lat, n_crashes`, most first.

    Raises
    ------
    InputError
        If lengths differ.
    """
    x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    require_same_length(lon=x, lat=y)
    points = pd.DataFrame({"lon": x, "lat": y}).dropna()
    table = points.value_counts().rename("n_crashes").reset_index()
    table = table[table["n_crashes"] > more_than]
    by = ["n_crashes", "lon", "lat"]
    return table.sort_values(by, ascending=[False, True, True], ignore_index=True)


def find_outliers(
    crashes: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    oldest: pd.Timestamp,
    most_people: int,
    most_vehicles: int,
) -> pd.DataFrame:
    """Return values of crash records that cannot be, or hardly.

    Parameters
    ----------
    crashes
        `occurred_at, severity, n_killed, n_serious, n_slight, n_vehicles`.
    as_of
        The moment the records are looked at.
    oldest
        Crashes before it are too old to be meant.
    most_people, most_vehicles
        More hurt people or vehicles than these in one crash are to be looked at.

    Returns
    -------
    outliers
        `at`: label of the record in the index; `reason`: in_the_future, too_old,
        many_people, many_vehicles, killed_but_not_fatal, fatal_but_none_killed.
    """
    people = crashes[["n_killed", "n_serious", "n_slight"]].sum(axis=1)
    killed, severity = crashes["n_killed"], crashes["severity"]
    is_fatal = severity.eq("fatal")
    flags = {
        "in_the_future": crashes["occurred_at"] > as_of,
        "too_old": crashes["occurred_at"] < oldest,
        "many_people": people > most_people,
        "many_vehicles": crashes["n_vehicles"] > most_vehicles,
        "killed_but_not_fatal": (killed > 0) & ~is_fatal & severity.notna(),
        "fatal_but_none_killed": is_fatal & killed.eq(0),
    }
    rows = [
        pd.DataFrame({"at": crashes.index[flag.fillna(value=False).astype("bool")], "reason": name})
        for name, flag in flags.items()
    ]
    return pd.concat(rows, ignore_index=True)


def compute_control_limits(counts: ArrayLike, *, z: float = 3.0) -> pd.DataFrame:
    """Compute limits that a month's count should lie within, judged by the other months.

    Parameters
    ----------
    counts
        Crashes by month, shape (n_months,).
    z
        Width in standard deviations of a normal variable with the same tail areas.

    Returns
    -------
    limits
        `n`, `mean`, `low`, `high`, `is_outside`, one row a month. NaN and False with fewer
        than 12 months.

    Raises
    ------
    InputError
        If `counts` holds anything but counts.

    Notes
    -----
    Mean and variance are those of all other months, so that a month does not widen its own
    limits. Negative-binomial quantiles with k by moments, (variance - mean)/mean²; Poisson
    where the variance does not exceed the mean. Trend and season widen the limits.
    """
    n = require_counts("counts", counts)
    size = len(n)
    table = pd.DataFrame({"n": n.astype(np.int64)})
    if size < FEWEST_MONTHS:
        return table.assign(mean=np.nan, low=np.nan, high=np.nan, is_outside=False)
    mean = (n.sum() - n) / (size - 1)
    squares = (n**2).sum() - n**2
    variance = np.maximum(0.0, (squares - (size - 1) * mean**2) / (size - 2))
    tail = float(stats.norm.sf(z))
    low, high = stats.poisson.ppf([[tail], [1 - tail]], mean)
    wide = (variance > mean) & (mean > 0)
    k = np.where(wide, (variance - mean) / np.where(mean > 0, mean, 1.0) ** 2, 1.0)
    shape, success = 1 / k, 1 / (1 + k * mean)
    low = np.maximum(0.0, np.where(wide, stats.nbinom.ppf(tail, shape, success), low))
    high = np.where(wide, stats.nbinom.ppf(1 - tail, shape, success), high)
    return table.assign(mean=mean, low=low, high=high, is_outside=(n < low) | (n > high))
