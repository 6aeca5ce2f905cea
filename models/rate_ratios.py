"""Ratios of two Poisson counts: exact interval, Hauer's effect, power."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from models.arrays import FloatArray
from models.rates import require_confidence

__all__ = [
    "compute_hauer_effect",
    "compute_power",
    "compute_rate_ratio_interval",
    "find_detectable_reduction",
]


def compute_rate_ratio_interval(
    n_before: float, n_after: float, *, exposure_ratio: float = 1.0, confidence: float = 0.95
) -> tuple[float, float]:
    """Compute the exact interval of the ratio of two Poisson rates, after ÷ before.

    Given the total, the crashes after are binomial: the Clopper-Pearson interval of
    that share is turned into one of the ratio. `exposure_ratio` is after ÷ before.
    With no crash before, the upper end is infinite; with none after, the lower is 0.

    Raises
    ------
    InputError
        If `confidence` is out of range.
    """
    alpha = 1.0 - require_confidence(confidence)
    low, high = 0.0, math.inf
    if n_after > 0:
        share = float(special.betaincinv(n_after, n_before + 1.0, alpha / 2))
        low = share / (1.0 - share) / exposure_ratio
    if n_before > 0:
        share = float(special.betaincinv(n_after + 1.0, n_before, 1.0 - alpha / 2))
        high = share / (1.0 - share) / exposure_ratio
    return low, high


def compute_hauer_effect(
    n_after: float, expected: float, variance: float, relative_variance: float = 0.0
) -> tuple[float, float]:
    """Compute Hauer's theta, after ÷ expected with its small-sample correction, and its SE.

    Parameters
    ----------
    n_after
        Crashes after.
    expected
        Crashes expected after without the change, pi.
    variance
        Variance of `expected`.
    relative_variance
        Further relative variance of `expected`, such as a comparator's [-].

    Returns
    -------
    theta, se
        NaN when nothing was expected; the standard error is NaN also when no crash
        happened after (its formula would give 0: use the exact interval).

    References
    ----------
    Hauer, E. (1997). Observational Before-After Studies in Road Safety, chapters 6-7.
    """
    if expected <= 0:
        return math.nan, math.nan
    spread = variance / expected**2 + relative_variance
    theta = (n_after / expected) / (1.0 + spread)
    if n_after == 0:
        return 0.0, math.nan
    se = theta * math.sqrt(1.0 / n_after + spread) / (1.0 + spread)
    return theta, se


def compute_power(
    n_before: float,
    reduction: ArrayLike,
    *,
    exposure_ratio: float = 1.0,
    confidence: float = 0.95,
) -> FloatArray:
    """Compute the chance that a plain before-after would find a reduction of that size.

    Parameters
    ----------
    n_before
        Crashes before, taken as their expectation.
    reduction
        True reductions [share], below 1; any shape.
    exposure_ratio
        Exposure after ÷ before, > 0.
    confidence
        Confidence level of the two-sided exact test [share].

    Returns
    -------
    power
        Probability [share] that the interval excludes 1, same shape as `reduction`.

    Raises
    ------
    InputError
        If `confidence` is out of range.

    Notes
    -----
    Exact binomial at the expected total, rounded, hence a saw-tooth in `n_before`. It is
    the power of the design, from the count before; never from the effect that was seen.
    """
    alpha = 1.0 - require_confidence(confidence)
    rate = exposure_ratio * (1.0 - np.asarray(reduction, dtype=np.float64))
    total = np.rint(n_before * (1.0 + rate))
    null_share, true_share = exposure_ratio / (1.0 + exposure_ratio), rate / (1.0 + rate)
    low = stats.binom.ppf(alpha / 2, total, null_share)
    low = low - (stats.binom.cdf(low, total, null_share) > alpha / 2)
    high = stats.binom.isf(alpha / 2, total, null_share) + 1
    found = stats.binom.cdf(low, total, true_share) + stats.binom.sf(high - 1, total, true_share)
    return np.asarray(found, dtype=np.float64)


def find_detectable_reduction(
    n_before: float,
    *,
    exposure_ratio: float = 1.0,
    power: float = 0.8,
    confidence: float = 0.95,
) -> float:
    """Find the smallest reduction [share, whole per cents] found with that power.

    NaN when even a reduction of 99 % would be found less often.

    Raises
    ------
    InputError
        If `confidence` is out of range.
    """
    reductions = np.arange(1, 100) / 100.0
    found = compute_power(
        n_before, reductions, exposure_ratio=exposure_ratio, confidence=confidence
    )
    is_enough = found >= power
    return float(reductions[np.argmax(is_enough)]) if is_enough.any() else math.nan
