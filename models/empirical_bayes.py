"""Empirical Bayes: what a site is expected to have, from its count and from places like it.

A count alone misleads: the worst sites of a list are partly those with bad luck. The mean
of similar places and the count are weighed by how much similar places differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError
from models.arrays import FloatArray, require_counts, require_same_length
from models.rank_draws import Figure, GammaMeans, RankEstimate, draw_ranks
from models.rates import require_confidence

__all__ = [
    "EbEstimate",
    "Figure",
    "RankEstimate",
    "combine_with_expected",
    "simulate_figures",
    "simulate_ranks",
]

LEAST_K = 1e-12  # a smaller k is none


@dataclass(frozen=True, slots=True, kw_only=True)
class EbEstimate:
    """Empirical Bayes estimate; every array has shape (n_sites,), crashes over the period."""

    observed: FloatArray
    predicted: FloatArray  # of similar places (SPF)
    overdispersion_k: FloatArray  # of each site
    weight: FloatArray  # [0, 1], share given to the prediction
    expected: FloatArray
    variance: FloatArray
    ci_low: FloatArray  # of the expected crashes, from the gamma posterior
    ci_high: FloatArray
    excess: FloatArray  # expected - predicted; negative: safer than similar places
    shape: FloatArray  # of the gamma posterior; infinite where k is 0
    rate: FloatArray  # of the gamma posterior; expected = shape ÷ rate
    confidence: float

    @property
    def sd(self) -> FloatArray:
        """Standard deviation of the expected crashes."""
        return np.sqrt(self.variance)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a site in the order given."""
        return pd.DataFrame(
            {
                "n_observed": self.observed,
                "n_predicted": self.predicted,
                "overdispersion_k": self.overdispersion_k,
                "eb_weight": self.weight,
                "n_expected": self.expected,
                "n_expected_sd": self.sd,
                "n_expected_ci_low": self.ci_low,
                "n_expected_ci_high": self.ci_high,
                "excess_crashes": self.excess,
            }
        )


def combine_with_expected(
    observed: ArrayLike,
    predicted: ArrayLike,
    overdispersion_k: ArrayLike,
    *,
    confidence: float = 0.95,
) -> EbEstimate:
    """Weigh observed counts against those predicted for similar sites (Empirical Bayes).

    Parameters
    ----------
    observed
        Crashes per site over the study period, shape (n_sites,).
    predicted
        Crashes that similar sites would have in the same period (SPF, after CMFs and
        calibration), > 0 wherever a crash was observed, shape (n_sites,).
    overdispersion_k
        Overdispersion k of variance mu + k·mu² [-], >= 0: one number, or one a site
        (where k is per length, k of the site is k ÷ length). 0: the sites differ in
        nothing but what is predicted, and the count has no say.
    confidence
        Confidence level of the intervals [share].

    Returns
    -------
    estimate
        Weight w = 1/(1 + mu·k), expected w·mu + (1 - w)·n, its variance
        (1 - w)·expected, and the gamma posterior: shape 1/k + n, rate 1/(k·mu) + 1.

    Raises
    ------
    InputError
        If shapes differ, counts are not counts, a prediction or k is negative or missing,
        or crashes were observed where none are predicted.

    Notes
    -----
    The prediction and k are taken as known: the intervals leave out how uncertain they
    are, which matters for types of road with few crashes. Observed and predicted must
    cover the same period, the same crash types and the same places.

    References
    ----------
    Hauer et al. (2002). Estimating safety by the empirical Bayes method: a tutorial.
    Transportation Research Record 1784, 126-131. doi:10.3141/1784-16
    """
    counts = require_counts("observed", observed)
    mean = np.asarray(predicted, dtype=np.float64)
    n_sites = require_same_length(observed=counts, predicted=mean)
    k = np.asarray(overdispersion_k, dtype=np.float64)
    k = np.full(n_sites, float(k)) if k.ndim == 0 else k
    require_same_length(observed=counts, overdispersion_k=k)
    _require_usable("predicted", mean, np.isfinite(mean) & (mean >= 0), "give numbers from 0")
    _require_usable("overdispersion_k", k, np.isfinite(k) & (k >= 0), "give numbers from 0")
    is_possible = (mean > 0) | (counts == 0)
    _require_usable("predicted", mean, is_possible, "crashes were observed there: predict more")
    spread = mean * k
    weight = 1.0 / (1.0 + spread)
    expected = weight * mean + (1.0 - weight) * counts
    has_posterior = (spread > LEAST_K) & (k > LEAST_K)
    with np.errstate(divide="ignore"):
        shape = np.where(has_posterior, 1.0 / np.where(has_posterior, k, 1.0) + counts, np.inf)
        rate = np.where(has_posterior, 1.0 / np.where(has_posterior, spread, 1.0) + 1.0, np.inf)
    low, high = _find_gamma_interval(shape, rate, expected, require_confidence(confidence))
    return EbEstimate(
        observed=counts,
        predicted=mean,
        overdispersion_k=k,
        weight=weight,
        expected=expected,
        variance=(1.0 - weight) * expected,
        ci_low=low,
        ci_high=high,
        excess=expected - mean,
        shape=shape,
        rate=rate,
        confidence=confidence,
    )


def simulate_ranks(
    estimate: EbEstimate,
    *,
    n_worst: int,
    rng: np.random.Generator,
    unit: ArrayLike | None = None,
    n_draws: int = 1000,
    is_excess: bool = True,
    n_followed: int | None = None,
) -> RankEstimate:
    """Draw from the posterior how the sites would rank, were their true means known.

    Parameters
    ----------
    estimate
        From `combine_with_expected`.
    n_worst
        Probability is given to be among this many worst sites; > 0.
    rng
        Source of randomness.
    unit
        What a site's figure is divided by before ranking, such as its length [km],
        > 0, shape (n_sites,); None: crashes a site.
    n_draws
        Number of draws, > 0.
    is_excess
        Rank by crashes above the prediction (the excess), else by expected crashes.
    n_followed
        Ranks are told for this many sites with the highest figures; None: for all.

    Returns
    -------
    ranks
        Probability to be among the worst, and central interval and median of the rank.
        Where sites times draws are more than 20 million, ranks are followed for the
        sites with the highest figures only; the probability is given for all.

    Raises
    ------
    InputError
        If a number is out of range or lengths differ.

    Notes
    -----
    Draws are independent between sites and take the prediction as known, as the
    intervals of the estimate do. Time grows with sites times draws.
    """
    n_sites = len(estimate.expected)
    per = np.ones(n_sites) if unit is None else np.asarray(unit, dtype=np.float64)
    require_same_length(expected=estimate.expected, unit=per)
    _require_usable("unit", per, np.isfinite(per) & (per > 0), "give numbers above 0")
    taken = estimate.predicted if is_excess else np.zeros(n_sites)
    figure = Figure(scale=1.0 / per, shift=-taken / per)
    found = simulate_figures(
        estimate,
        {"figure": figure},
        n_worst=n_worst,
        rng=rng,
        n_draws=n_draws,
        n_followed=n_followed,
    )
    return found["figure"]


def simulate_figures(
    estimate: EbEstimate,
    figures: Mapping[str, Figure],
    *,
    n_worst: int,
    rng: np.random.Generator,
    n_draws: int = 1000,
    n_followed: int | None = None,
) -> dict[str, RankEstimate]:
    """Draw how sites would rank by several figures, were their true means known.

    Parameters
    ----------
    estimate
        From `combine_with_expected`.
    figures
        What the sites are ranked by, each a multiple of their long-run crashes plus a number.
    n_worst, rng, n_draws
        As in `simulate_ranks`.
    n_followed
        Ranks are told for this many sites with the highest figures, and as many that are
        listed first; None: for all.

    Returns
    -------
    ranks
        By name; all figures share the draws, so that many cost little more than one. A site
        without a figure has NaN and takes no rank. Of more than 50,000 sites those far from
        the head of every list are drawn anew every tenth time only.

    Raises
    ------
    InputError
        If a number is out of range or lengths differ.
    """
    n_sites = len(estimate.expected)
    if n_worst < 1 or n_draws < 1:
        message = f"ranks: n_worst is {n_worst}, n_draws {n_draws}; both must be 1 or more."
        raise InputError(message)
    for name, figure in figures.items():
        require_same_length(
            expected=estimate.expected, **{name: figure.scale, "shift": figure.shift}
        )
    is_known = ~np.isfinite(estimate.shape)
    means = GammaMeans(
        shape=np.where(is_known, 1.0, estimate.shape),
        scale=np.where(is_known, 0.0, 1.0 / estimate.rate),
        fixed=np.where(is_known, estimate.expected, 0.0),
        expected=estimate.expected,
    )
    return draw_ranks(
        means,
        figures,
        n_worst=n_worst,
        rng=rng,
        n_draws=n_draws,
        n_followed=n_followed or n_sites,
        confidence=estimate.confidence,
    )


def _find_gamma_interval(
    shape: FloatArray, rate: FloatArray, expected: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Find the central interval of the posterior; the expected value itself where k is 0."""
    alpha = (1.0 - confidence) / 2
    is_spread = np.isfinite(shape)
    low, high = expected.copy(), expected.copy()
    # sites without a crash and of one k share a shape: the inverse is taken once for each
    shapes, row = np.unique(shape[is_spread], return_inverse=True)
    low[is_spread] = special.gammaincinv(shapes, alpha)[row] / rate[is_spread]
    high[is_spread] = special.gammainccinv(shapes, alpha)[row] / rate[is_spread]
    return low, high


def _require_usable(name: str, values: FloatArray, is_good: np.ndarray, advice: str) -> None:
    if not is_good.all():
        first = int(np.flatnonzero(~is_good)[0])
        message = (
            f"{name}: {int((~is_good).sum())} of {len(values)} value(s) cannot be used, first at "
            f"position {first}: {values[first]}; {advice}."
        )
        raise InputError(message)
