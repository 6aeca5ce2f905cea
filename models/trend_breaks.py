"""When a series of reports changed its level or its mix, as after a change of definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError
from models.arrays import FloatArray, require_counts, require_same_length

__all__ = ["BreakEstimate", "estimate_dispersion", "find_level_break", "find_mix_break"]

FEWEST_MONTHS: Final = 4  # on either side of a break
N_SIMULATIONS: Final = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEstimate:
    """The likeliest break of a series."""

    at: int  # first month after it; -1 where the series is too short or empty
    statistic: float  # log-likelihood ratio
    p_value: float  # of the largest one over all months, by simulation
    ratio: float  # level after ÷ before; NaN for a mix
    dispersion: float  # variance ÷ mean that the null was given; 1 for a mix
    n_simulations: int


def estimate_dispersion(counts: ArrayLike) -> float:
    """Estimate variance ÷ mean from differences of neighbouring months, at least 1.

    Differences do not see a single change of level, which would pass for a spread.

    Raises
    ------
    InputError
        If `counts` holds anything but counts.

    References
    ----------
    von Neumann, J. et al. (1941). The mean square successive difference. Annals of
    Mathematical Statistics 12, 153-162. doi:10.1214/aoms/1177731746
    """
    n = require_counts("counts", counts)
    if len(n) < 2 or n.sum() == 0:
        return 1.0
    # each difference of two counts with their mean has twice the variance of one
    return float(max(1.0, np.square(np.diff(n)).sum() / (2 * (len(n) - 1)) / n.mean()))


def find_level_break(
    counts: ArrayLike,
    *,
    rng: np.random.Generator,
    months: ArrayLike | None = None,
    fewest: int = FEWEST_MONTHS,
    n_simulations: int = N_SIMULATIONS,
) -> BreakEstimate:
    """Find the month from which on the monthly counts have another level.

    Parameters
    ----------
    counts
        Crashes by month, in the order of time, shape (n_months,).
    rng
        For the significance.
    months
        Exposure of each month (days, workers), > 0; None: all alike.
    fewest
        Months on either side of a break.
    n_simulations
        Series drawn under the null.

    Returns
    -------
    found
        The month with the largest Poisson likelihood ratio of two levels against one. The
        p-value is the share of (1 + n) series, this one included, whose largest ratio
        reaches it, drawn with one level and the dispersion of this one.

    Raises
    ------
    InputError
        If counts are not counts, lengths differ, or an exposure is not positive.

    Notes
    -----
    One break is assumed: of several, the strongest is named. A slow trend looks like a
    break in its middle. A break in reports is not a change in safety.

    References
    ----------
    Kulldorff, M. (1997). A spatial scan statistic. Communications in Statistics - Theory
    and Methods 26, 1481-1496. doi:10.1080/03610929708831995
    """
    n = require_counts("counts", counts)
    base = np.ones(len(n)) if months is None else np.asarray(months, dtype=np.float64)
    size = require_same_length(counts=n, months=base)
    if not np.all(base > 0):
        message = "months: holds an exposure of 0 or less; leave such months out."
        raise InputError(message)
    total = n.sum()
    if size < 2 * fewest or total == 0:
        return _no_break()
    before = np.cumsum(base)[fewest - 1 : size - fewest] / base.sum()
    ratios = _scan_levels(n[None, :], before, fewest)[0]
    best = int(np.argmax(ratios))
    at = best + fewest
    dispersion = estimate_dispersion(n)
    mean = total * base / base.sum()
    if dispersion > 1:
        shape = mean / (dispersion - 1)
        drawn = rng.poisson(rng.gamma(shape, dispersion - 1, (n_simulations, size)))
    else:
        drawn = rng.poisson(mean, (n_simulations, size))
    largest = _scan_levels(drawn.astype(np.float64), before, fewest).max(axis=1)
    level_after, level_before = n[at:].sum() / base[at:].sum(), n[:at].sum() / base[:at].sum()
    return BreakEstimate(
        at=at,
        statistic=float(ratios[best]),
        p_value=_rank(ratios[best], largest),
        ratio=float(level_after / level_before) if level_before > 0 else float("inf"),
        dispersion=dispersion,
        n_simulations=n_simulations,
    )


def _scan_levels(series: FloatArray, share_before: FloatArray, fewest: int) -> FloatArray:
    """Return the log-likelihood ratio of a break after each month, one row a series."""
    size = series.shape[1]
    n_before = np.cumsum(series, axis=1)[:, fewest - 1 : size - fewest]
    total = series.sum(axis=1, keepdims=True)
    n_after = total - n_before
    expected_before, expected_after = total * share_before, total * (1 - share_before)
    ratio = special.xlogy(n_before, n_before) - special.xlogy(n_before, expected_before)
    ratio += special.xlogy(n_after, n_after) - special.xlogy(n_after, expected_after)
    return np.asarray(ratio, dtype=np.float64)


def find_mix_break(
    table: ArrayLike,
    *,
    rng: np.random.Generator,
    fewest: int = FEWEST_MONTHS,
    n_simulations: int = N_SIMULATIONS,
) -> BreakEstimate:
    """Find the month from which on the classes (of severity) have other shares.

    Parameters
    ----------
    table
        Crashes by month and class, in the order of time, shape (n_months, n_classes).
    rng
        For the significance.
    fewest
        Months on either side of a break.
    n_simulations
        Tables drawn under the null: each month's number as it is, one mix for all.

    Returns
    -------
    found
        As `find_level_break`, with the multinomial likelihood ratio.

    Raises
    ------
    InputError
        If the table is not two-dimensional or holds anything but counts.
    """
    n = require_counts("table", table)
    if n.ndim != 2:
        message = f"table: shape {n.shape}; give months by classes."
        raise InputError(message)
    size, total = len(n), n.sum()
    if size < 2 * fewest or total == 0:
        return _no_break()
    ratios = _scan_mixes(n[None], fewest)[0]
    best = int(np.argmax(ratios))
    monthly = n.sum(axis=1).astype(np.int64)
    mix = n.sum(axis=0) / total
    drawn = rng.multinomial(monthly, mix, size=(n_simulations, size)).astype(np.float64)
    largest = _scan_mixes(drawn, fewest).max(axis=1)
    return BreakEstimate(
        at=best + fewest,
        statistic=float(ratios[best]),
        p_value=_rank(ratios[best], largest),
        ratio=float("nan"),
        dispersion=1.0,
        n_simulations=n_simulations,
    )


def _scan_mixes(tables: FloatArray, fewest: int) -> FloatArray:
    """Return the log-likelihood ratio of two mixes after each month, one row a table."""
    size = tables.shape[1]
    before = np.cumsum(tables, axis=1)[:, fewest - 1 : size - fewest]
    whole = tables.sum(axis=1, keepdims=True)
    parts = _log_mix(before) + _log_mix(whole - before) - _log_mix(whole)
    return np.asarray(np.maximum(parts, 0.0), dtype=np.float64)


def _log_mix(counts: FloatArray) -> FloatArray:
    """Return the largest multinomial log-likelihood of counts, over the last axis."""
    total = counts.sum(axis=-1)
    inner = special.xlogy(counts, counts).sum(axis=-1) - special.xlogy(total, total)
    return np.asarray(inner, dtype=np.float64)


def _rank(observed: float, simulated: npt.NDArray[np.float64]) -> float:
    """Return the share of series that reach what was observed, itself among them."""
    n_reaching = int((simulated >= observed - 1e-9).sum())
    return (1 + n_reaching) / (1 + len(simulated))


def _no_break() -> BreakEstimate:
    nothing = float("nan")
    return BreakEstimate(
        at=-1, statistic=nothing, p_value=nothing, ratio=nothing, dispersion=nothing,
        n_simulations=0,
    )  # fmt: skip
