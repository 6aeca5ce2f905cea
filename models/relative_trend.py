"""Whether a place's share of all crashes rises or falls over periods, exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError
from core.jit import compiled
from models.arrays import BoolArray, FloatArray, IntArray, require_counts
from models.rates import require_confidence

__all__ = [
    "RelativeTrend",
    "compute_relative_trend",
    "compute_uneven_p",
    "require_periods",
]

STEEPEST: Final = 30.0  # of the logarithm of a ratio from one period to the next
N_HALVINGS: Final = 60
MOST_WORK: Final = 2e8  # of the exact law for one number of crashes; beyond, a normal law


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeTrend:
    """Change of a place's share of all crashes; arrays of shape (n_places,).

    The ratio is from each period to the next: over four periods the share changes by its cube.
    """

    ratio: FloatArray  # 0 or inf at the ends, NaN without a crash
    ci_low: FloatArray
    ci_high: FloatArray
    p_value: FloatArray  # two-sided; 1 without a crash
    least_p: FloatArray  # the smallest p that so many crashes can have


def require_periods(n_crashes: ArrayLike, n_total: ArrayLike) -> tuple[IntArray, IntArray]:
    """Return counts by place and period, and of the whole area by period.

    Raises
    ------
    InputError
        If counts are not counts, there are fewer than two periods, shapes differ, or a place
        has more crashes in a period than the area.
    """
    counts = require_counts("n_crashes", n_crashes)
    total = require_counts("n_total", n_total)
    if counts.ndim != 2 or total.shape != counts.shape[1:] or len(total) < 2:
        message = (
            f"periods: counts of shape {counts.shape} and totals of shape {total.shape}; give one "
            "row a place and one column for each of two periods or more, and a total of each."
        )
        raise InputError(message)
    is_more = (counts > total).any(axis=1)
    if is_more.any():
        message = (
            f"periods: {int(is_more.sum())} place(s) have more crashes in a period than the whole "
            f"area, first at position {int(np.argmax(is_more))}; give totals with these places in."
        )
        raise InputError(message)
    return counts.astype(np.int64), total.astype(np.int64)


def compute_relative_trend(
    n_crashes: ArrayLike, n_total: ArrayLike, *, confidence: float = 0.95
) -> RelativeTrend:
    """Estimate by how much a place's share of all crashes changes from period to period.

    Parameters
    ----------
    n_crashes
        Crashes by place and period, shape (n_places, n_periods).
    n_total
        Crashes of the whole area by period, these places included, shape (n_periods,).
    confidence
        Of the interval [share].

    Returns
    -------
    trend
        Ratio of the place's crashes to those elsewhere, from one period to the next; p and the
        interval are exact (never too narrow).

    Raises
    ------
    InputError
        As `require_periods`, or if the confidence is out of range.

    Notes
    -----
    Model: log(mean at place h in period t) = a_h + c_t + b_h t, so that whatever changed for the
    whole area (traffic, reporting, the length of a period) is in c_t. Given the place's total and
    the area's by period, S = sum_t t n_ht has a law that depends on b alone
    (a multivariate hypergeometric, tilted by e^(b S)); the test, of Cochran and Armitage, and
    the interval are those of S. As the place's total is given, having chosen the place for it does
    no harm. With two periods it is Fisher's exact test, by
    twice the smaller one-sided p. For very many crashes a normal law stands
    in.

    References
    ----------
    Agresti, A. (2013). Categorical Data Analysis, 3rd ed., 5.3.4 and 16.5.
    Armitage, P. (1955). Tests for linear trends in proportions and frequencies. Biometrics
    11, 375-386. doi:10.2307/3001775
    """
    counts, total = require_periods(n_crashes, n_total)
    alpha = 1.0 - require_confidence(confidence)
    n_periods = counts.shape[1]
    rows = np.column_stack([counts.sum(axis=1), counts @ np.arange(n_periods)])
    kinds, kind = np.unique(rows, axis=0, return_inverse=True)
    found = np.full((len(kinds), 5), np.nan)
    found[:, 3:] = 1.0
    for n in np.unique(kinds[:, 0]):
        own = np.flatnonzero(kinds[:, 0] == n)
        if n == 0 or n == total.sum():
            continue
        if float(n) ** 3 / 2 * n_periods**2 <= MOST_WORK:
            found[own] = _solve_exactly(int(n), kinds[own, 1], total, alpha)
        else:
            found[own] = _solve_by_normal(int(n), kinds[own, 1], total, alpha)
    columns = found[kind.ravel()].T if len(kinds) else np.empty((5, 0))
    with np.errstate(over="ignore"):
        ratio, low, high = np.exp(columns[:3])
    return RelativeTrend(
        ratio=ratio, ci_low=low, ci_high=high, p_value=columns[3], least_p=columns[4]
    )


def _solve_exactly(n: int, score: IntArray, total: IntArray, alpha: float) -> FloatArray:
    """Return slope, interval, p and least p of each score of n crashes, shape (n_scores, 5)."""
    law = _weigh_scores(n, total)
    possible = np.flatnonzero(law > 0)
    log_law = np.log(law[possible])
    as_high = possible[None, :] >= score[:, None]
    as_low = possible[None, :] <= score[:, None]
    upper = _share(log_law, possible, np.zeros(len(score)), as_high)
    lower = _share(log_law, possible, np.zeros(len(score)), as_low)
    ends = _share(log_law, possible, np.zeros(2), possible == possible[[0, -1]][:, None])
    at_start, at_end = score == possible[0], score == possible[-1]
    low = _find_slope(lambda b: _share(log_law, possible, b, as_high) < alpha / 2, len(score))
    high = _find_slope(lambda b: _share(log_law, possible, b, as_low) >= alpha / 2, len(score))

    def is_below(slope: FloatArray) -> BoolArray:
        weight = _weigh(log_law, possible, slope)
        return np.asarray((weight @ possible) / weight.sum(axis=1) < score, dtype=np.bool_)

    middle = _find_slope(is_below, len(score))
    middle = np.where(at_start, -np.inf, np.where(at_end, np.inf, middle))
    return np.column_stack(
        [
            middle,
            np.where(at_start, -np.inf, low),
            np.where(at_end, np.inf, high),
            np.minimum(1.0, 2 * np.minimum(upper, lower)),
            np.full(len(score), min(1.0, 2 * ends.min())),
        ]
    )


@compiled
def _weigh_scores(n: int, total: IntArray) -> FloatArray:
    """Weigh the scores sum_t t·x_t of n crashes drawn without return from all, up to a factor."""
    n_periods = len(total)
    longest = n * (n_periods - 1)
    scale = n / total.sum()
    law = np.zeros((n + 1, longest + 1))
    law[0, 0] = 1.0
    for t in range(n_periods):
        for drawn in range(n, 0, -1):  # from above, so that earlier rows are as they were
            ways = 1.0
            for taken in range(1, min(drawn, total[t]) + 1):
                ways *= (total[t] - taken + 1) * scale / taken
                source, more = law[drawn - taken], taken * t
                for score in range((drawn - taken) * t + 1):  # earlier periods score less than t
                    law[drawn, score + more] += ways * source[score]
    result: FloatArray = law[n]
    return result


def _weigh(log_law: FloatArray, possible: IntArray, slope: FloatArray) -> FloatArray:
    tilted = log_law[None, :] + slope[:, None] * possible[None, :]
    return np.asarray(np.exp(tilted - tilted.max(axis=1, keepdims=True)), dtype=np.float64)


def _share(
    log_law: FloatArray,
    possible: IntArray,
    slope: FloatArray,
    is_in: BoolArray,
) -> FloatArray:
    weight = _weigh(log_law, possible, slope)
    return np.asarray((weight * is_in).sum(axis=1) / weight.sum(axis=1), dtype=np.float64)


def _find_slope(is_below: Callable[[FloatArray], BoolArray], size: int) -> FloatArray:
    """Halve an interval of slopes until it is at the one where `is_below` ends."""
    low, high = np.full(size, -STEEPEST), np.full(size, STEEPEST)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        below = is_below(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2, dtype=np.float64)


def _solve_by_normal(n: int, score: IntArray, total: IntArray, alpha: float) -> FloatArray:
    """Do the same for many crashes: slope of greatest likelihood, normal interval and p."""
    times = np.arange(len(total))

    def moments(slope: FloatArray) -> tuple[FloatArray, FloatArray]:
        with np.errstate(divide="ignore"):
            share = special.softmax(np.log(total)[None, :] + slope[:, None] * times, axis=1)
        mean = share @ times
        left = (total.sum() - n) / (total.sum() - 1)
        return n * mean, n * left * (share @ times**2 - mean**2)

    mean, variance = moments(np.zeros(len(score)))
    apart = np.maximum(np.abs(score - mean) - 0.5, 0.0) / np.sqrt(variance)
    slope = _find_slope(lambda b: moments(b)[0] < score, len(score))
    reach = special.ndtri(1 - alpha / 2) / np.sqrt(moments(slope)[1])
    p_value = np.minimum(1.0, 2 * special.ndtr(-apart))
    return np.column_stack([slope, slope - reach, slope + reach, p_value, np.zeros(len(score))])


def compute_uneven_p(
    n_crashes: ArrayLike,
    n_total: ArrayLike,
    *,
    rng: np.random.Generator,
    n_simulations: int = 9999,
) -> FloatArray:
    """Test whether a place's share of all crashes differs between periods, in whatever way.

    Parameters
    ----------
    n_crashes, n_total
        As of `compute_relative_trend`.
    rng
        For the draws.
    n_simulations
        For each number of crashes.

    Returns
    -------
    p_value
        Of chi-square, by draws of the place's crashes from all without return, shape
        (n_places,); 1 without a crash.

    Raises
    ------
    InputError
        As `require_periods`.
    """
    counts, total = require_periods(n_crashes, n_total)
    sizes = counts.sum(axis=1)
    p_value = np.ones(len(counts))
    kept = total > 0
    share = total[kept] / max(int(total.sum()), 1)
    for n in np.unique(sizes[sizes > 0]):
        own = np.flatnonzero(sizes == n)
        drawn = rng.multivariate_hypergeometric(
            total[kept], int(n), size=n_simulations, method="marginals"
        )
        squares = np.sort(((drawn - n * share) ** 2 / (n * share)).sum(axis=1))
        found = ((counts[own][:, kept] - n * share) ** 2 / (n * share)).sum(axis=1)
        below = np.searchsorted(squares, found * (1 - 1e-12), side="left")
        p_value[own] = (1 + n_simulations - below) / (1 + n_simulations)
    return p_value
