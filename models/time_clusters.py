"""Clusters on the clock and in the calendar: hours, weekdays, months in which crashes gather.

Counts by the bins of a cycle are compared with what an exposure (or an even spread) would
bring. Three questions: is there one season (Rayleigh), any pattern (Kuiper), and which stretch of
the cycle stands out most (scan)?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError, NotEnoughDataError
from models.arrays import FloatArray, require_counts
from models.circular_tests import (
    FEWEST,
    DirectionTest,
    compute_direction,
    measure_kuiper,
    rank_in_draws,
    share_exposure,
)
from models.rate_ratios import compute_rate_ratio_interval

__all__ = [
    "CYCLES",
    "TimeClusters",
    "TimeWindow",
    "find_time_clusters",
]

CYCLES: Final = {  # bins, and what a bin is called
    "hour": ("hour of the day", tuple(f"{hour:02d}:00" for hour in range(24))),
    "weekday": (
        "day of the week",
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ),
    "hour_of_week": (
        "hour of the week",
        tuple(
            f"{day} {hour:02d}:00"
            for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
            for hour in range(24)
        ),
    ),
    "month": (
        "month",
        (
            "January", "February", "March", "April", "May", "June", "July",
            "August", "September", "October", "November", "December",
        ),
    ),
}  # fmt: skip
ALPHA: Final = 0.05
WEEKDAYS: Final = (0, 5)  # first day and number of days
N_SAID: Final = 3  # windows that the sentence names
BATCH: Final = 256  # series at once
LONGEST: Final = {"hour": 6, "weekday": 3, "hour_of_week": 24, "month": 4}  # bins of a window


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """A stretch of a cycle with more crashes than its exposure explains."""

    first: int  # bin it begins with
    n_bins: int
    label: str  # "18:00-20:00"
    n_crashes: int
    expected: float  # of all crashes, by the exposure
    rate_ratio: float  # inside ÷ outside, per exposure
    ci_low: float  # exact, given the window
    ci_high: float
    log_likelihood_ratio: float
    p_value: float  # of the largest over all windows


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeClusters:
    """What a cycle shows."""

    cycle: str
    windows: tuple[TimeWindow, ...]  # the strongest first; they do not overlap
    direction: DirectionTest
    kuiper: float
    p_kuiper: float
    n_crashes: int  # with a known time, in bins with exposure
    n_without_exposure: int  # in bins in which there should be none
    n_simulations: int
    meaning: str  # one plain sentence


def find_time_clusters(
    n_crashes: ArrayLike,
    *,
    cycle: str,
    rng: np.random.Generator,
    exposure: ArrayLike | None = None,
    exposure_words: str = "the exposure",
    longest: int | None = None,
    n_simulations: int = 999,
) -> TimeClusters:
    """Find the stretches of a cycle in which crashes gather.

    Parameters
    ----------
    n_crashes
        Crashes by bin, those with a known time only, shape (n_bins,).
    cycle
        One of `CYCLES`: 24 hours, 7 days from Monday, 168 hours from Monday 00:00, or 12 months.
    rng
        For the series drawn under the null.
    exposure
        Worker-km by hour, days of each kind in the period, ..., from 0, shape (n_bins,); None: all
        bins alike.
    exposure_words
        What the exposure is called in the sentence ("the worker-km of each hour").
    longest
        Bins of the longest window; None: `LONGEST`. A longer one may hide a short peak.
    n_simulations
        Series drawn.

    Returns
    -------
    clusters
        Windows whose p is at most 0.05, or the strongest one alone; with Rayleigh's test
        for grouped data and unequal exposure, and Kuiper's.

    Raises
    ------
    InputError
        If counts are not counts, there is not one a bin, or an exposure is negative or 0
        throughout.
    NotEnoughDataError
        If fewer than eight crashes have a known time, or fewer than two bins an exposure.

    Notes
    -----
    Null: each crash falls into a bin with a probability in proportion to the exposure,
    independently. p is the share of (1 + n) series whose largest likelihood ratio over all
    windows reaches it, so that looking at all windows is paid for; a second window is held
    against the same (which is cautious). The ratio is that of the best window, hence too high on
    average, and its interval does not mend that. Crashes in bins without exposure are counted
    apart.

    References
    ----------
    Kulldorff, M. (1997). A spatial scan statistic. Communications in Statistics - Theory and
    Methods 26, 1481-1496. doi:10.1080/03610929708831995
    Mardia, K. & Jupp, P. (2000). Directional Statistics, 6.3. doi:10.1002/9780470316979
    """
    counts, share = _prepare(n_crashes, cycle, exposure)
    n_lost = int(counts[share == 0].sum())
    counts = np.where(share > 0, counts, 0.0)
    total = int(counts.sum())
    if total < FEWEST:
        message = f"time clusters: {total} crash(es) with a known time; {FEWEST} are needed."
        raise NotEnoughDataError(message)
    most = LONGEST[cycle] if longest is None else longest
    if not 0 < most < len(counts) or n_simulations < 1:
        message = (
            f"longest {most} bins of {len(counts)}, {n_simulations} simulations; give a window "
            "shorter than the cycle, and one simulation or more."
        )
        raise InputError(message)
    ratio = _scan(counts[None, :], share, most)[0]
    kuiper = float(measure_kuiper(counts[None, :], share)[0])
    largest, kuipers = np.empty(n_simulations), np.empty(n_simulations)
    for begin in range(0, n_simulations, BATCH):
        size = min(BATCH, n_simulations - begin)
        drawn = rng.multinomial(total, share, size=size).astype(np.float64)
        largest[begin : begin + size] = _scan(drawn, share, most).max(axis=(1, 2))
        kuipers[begin : begin + size] = measure_kuiper(drawn, share)
    windows = _choose_windows(counts, share, ratio, largest, cycle)
    return TimeClusters(
        cycle=cycle,
        windows=windows,
        direction=compute_direction(counts, exposure=share),
        kuiper=kuiper,
        p_kuiper=rank_in_draws(kuiper, kuipers),
        n_crashes=total,
        n_without_exposure=n_lost,
        n_simulations=n_simulations,
        meaning=_describe(
            _join_touching(windows, counts, share, cycle),
            cycle,
            total,
            n_lost,
            "an even spread" if exposure is None else exposure_words,
        ),
    )


def _prepare(
    n_crashes: ArrayLike, cycle: str, exposure: ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    if cycle not in CYCLES:
        message = f"cycle {cycle!r} is not known; use one of: {', '.join(CYCLES)}."
        raise InputError(message)
    counts = require_counts("n_crashes", n_crashes)
    n_bins = len(CYCLES[cycle][1])
    if counts.shape != (n_bins,):
        message = f"n_crashes: shape {counts.shape}; a cycle of {cycle} has {n_bins} bins."
        raise InputError(message)
    return counts, share_exposure(exposure, n_bins)


def _scan(series: FloatArray, share: FloatArray, longest: int) -> FloatArray:
    """Return the log-likelihood ratio of every window, shape (n_series, longest, n_bins).

    Windows of 1 to `longest` bins, by first bin; 0 where there is no more than expected.
    """
    n_bins = len(share)
    around = np.concatenate([series, series[:, : longest - 1]], axis=1)
    inside = np.cumsum(np.pad(around, ((0, 0), (1, 0))), axis=1)
    expected = np.cumsum(np.r_[0.0, share, share[: longest - 1]])
    total = series.sum(axis=1, keepdims=True)
    ratio = np.zeros((len(series), longest, n_bins))
    for length in range(1, longest + 1):
        n = inside[:, length : length + n_bins] - inside[:, :n_bins]
        mean = np.clip(expected[length : length + n_bins] - expected[:n_bins], 0.0, 1.0)
        outside = np.maximum(total - n, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = special.xlogy(n, n / (total * mean))
            found += special.xlogy(outside, outside / (total * (1.0 - mean)))
        can_tell = (n > total * mean) & (mean > 0) & (mean < 1 - 1e-12)
        ratio[:, length - 1] = np.where(can_tell, found, 0.0)
    return ratio


def _choose_windows(
    counts: FloatArray, share: FloatArray, ratio: FloatArray, largest: FloatArray, cycle: str
) -> tuple[TimeWindow, ...]:
    """Take the strongest window, then the strongest that does not touch those taken."""
    n_bins = len(counts)
    taken = np.zeros(n_bins, dtype=np.bool_)
    windows: list[TimeWindow] = []
    for at in np.argsort(-ratio.ravel(), kind="stable"):
        best = float(ratio.ravel()[at])
        p_value = rank_in_draws(best, largest)
        if best <= 0 or (windows and p_value > ALPHA):
            break
        length, first = int(at) // n_bins + 1, int(at) % n_bins
        bins = np.arange(first, first + length) % n_bins
        if taken[bins].any():
            continue
        taken[bins] = True
        windows.append(_measure_window(counts, share, cycle, (first, length), (best, p_value)))
    return tuple(windows)


def _measure_window(
    counts: FloatArray,
    share: FloatArray,
    cycle: str,
    place: tuple[int, int],
    evidence: tuple[float, float],
) -> TimeWindow:
    """Count the crashes of a window (first bin, number) beside the rest of the cycle."""
    first, length = place
    total = float(counts.sum())
    bins = np.arange(first, first + length) % len(counts)
    inside, expected = float(counts[bins].sum()), float(share[bins].sum())
    odds = expected / (1.0 - expected)
    low, high = compute_rate_ratio_interval(total - inside, inside, exposure_ratio=odds)
    outside = total - inside
    return TimeWindow(
        first=first,
        n_bins=length,
        label=_name_window(cycle, first, length),
        n_crashes=int(inside),
        expected=total * expected,
        rate_ratio=inside / outside / odds if outside else float("inf"),
        ci_low=low,
        ci_high=high,
        log_likelihood_ratio=evidence[0],
        p_value=evidence[1],
    )


def _join_touching(
    windows: tuple[TimeWindow, ...], counts: FloatArray, share: FloatArray, cycle: str
) -> list[tuple[TimeWindow, TimeWindow | None]]:
    """Return what people see as one time of the day, and its strongest part if it has several."""
    n_bins = len(counts)
    owner = np.full(n_bins, -1)
    for number, one in enumerate(windows):
        owner[np.arange(one.first, one.first + one.n_bins) % n_bins] = number
    starts = np.flatnonzero((owner >= 0) & (np.roll(owner, 1) < 0))
    if not len(starts):
        return [(one, None) for one in windows]
    joined = []
    for start in starts.tolist():
        after = np.roll(owner, -start)
        length = int(np.argmax(after < 0))
        parts = [windows[number] for number in np.unique(after[:length])]  # the strongest first
        if len(parts) == 1:
            joined.append((parts[0], None))
            continue
        evidence = (parts[0].log_likelihood_ratio, max(one.p_value for one in parts))
        whole = _measure_window(counts, share, cycle, (start, length), evidence)
        joined.append((whole, max(parts, key=lambda one: one.rate_ratio)))
    return sorted(joined, key=lambda pair: -pair[0].log_likelihood_ratio)


def _name_window(cycle: str, first: int, length: int) -> str:
    names: Sequence[str] = CYCLES[cycle][1]
    if cycle in ("hour", "hour_of_week"):  # bins begin at what they are named for
        return f"{names[first]}-{names[(first + length) % len(names)]}"
    if length == 1:
        return names[first]
    name = f"{names[first]} to {names[(first + length - 1) % len(names)]}"
    if cycle == "weekday" and (first, length) == WEEKDAYS:
        return f"{name} (weekdays)"
    return name


def _describe(
    joined: list[tuple[TimeWindow, TimeWindow | None]],
    cycle: str,
    total: int,
    n_lost: int,
    against: str,
) -> str:
    if not joined or joined[0][0].p_value > ALPHA:
        sentence = (
            f"The data cannot tell one {CYCLES[cycle][0]} from another: {total:,} crashes lie as "
            f"chance would have it against {against}."
        )
    else:
        parts = [_tell(one, most, total) for one, most in joined[:N_SAID]]
        more = len(joined) - len(parts)
        others = f", and {more} more" if more else ""
        sentence = f"Against {against}, {'; '.join(parts)}{others}."
    if n_lost:
        sentence += f" {n_lost:,} more happened when {against} is 0."
    return sentence


def _tell(one: TimeWindow, most: TimeWindow | None, total: int) -> str:
    words = (
        f"{one.label} has {_say(one.rate_ratio)} times as many crashes as the rest "
        f"({one.n_crashes:,} of {total:,}; {_say(one.ci_low)} to {_say(one.ci_high)} times, "
        f"p = {one.p_value:.2g})"
    )
    return f"{words}, most of all {most.label}" if most else words


def _say(ratio: float) -> str:
    if np.isinf(ratio):
        return "any number of"
    return f"{ratio:.1f}" if ratio >= 2 or ratio == 1 else f"{ratio:.2f}"
