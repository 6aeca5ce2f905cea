"""How sure the order of hotspots is: the chance to be among the worst, and ranks with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError
from models.arrays import FloatArray, require_same_length
from models.rates import require_confidence

__all__ = ["RankEstimate", "estimate_ranks"]

DRAWN_AT_ONCE = 2_000_000  # values; so that memory stays small however many places there are


@dataclass(frozen=True, slots=True, kw_only=True)
class RankEstimate:
    """Rank of each place among those given; every array has shape (n_places,)."""

    share_among_worst: dict[int, FloatArray]  # k -> probability to be among the worst k
    rank_median: FloatArray
    rank_low: FloatArray
    rank_high: FloatArray
    n_draws: int


def estimate_ranks(
    shape: ArrayLike,
    rate: ArrayLike,
    expected: ArrayLike,
    *,
    rng: np.random.Generator,
    worst: tuple[int, ...] = (5, 10, 20),
    n_draws: int = 2_000,
    confidence: float = 0.95,
) -> RankEstimate:
    """Estimate how sure the order of places by excess crashes is.

    Parameters
    ----------
    shape, rate
        Of the gamma posterior of each place's long-run crashes over the study period, as
        Empirical Bayes gives it (mean shape / rate), both > 0, shape (n_places,).
    expected
        Crashes expected of a place of its kind over the same period, shape (n_places,).
    rng
        Source of chance.
    worst
        Sizes k of the groups of the worst.
    n_draws
        Draws from the posteriors.
    confidence
        Of the interval of the rank [share].

    Returns
    -------
    estimate
        Probability to be among the worst k, and median and interval of the rank; 1 is worst.

    Raises
    ------
    InputError
        If lengths differ, a parameter is not above 0, or nothing is drawn.

    Notes
    -----
    Each draw takes one long-run count a place, all independent, and ranks the excess over what
    is expected. The posterior holds the prior of all places of the kind, so that a place that
    was picked because it came out high is drawn back towards the others; given that prior, no
    further correction for the picking is needed (Dawid 1994). Only the places given are
    ranked: what was not found is in no list. With fewer than k places every one is among
    the worst k.

    References
    ----------
    Miaou, S. & Song, J. (2005). Bayesian ranking of sites for engineering safety improvements.
    Accident Analysis & Prevention 37(4), 699-720. doi:10.1016/j.aap.2005.03.012
    Dawid, A. (1994). Selection paradoxes of Bayesian inference. Multivariate
    Analysis and Its Applications, IMS Lecture Notes 24, 211-220.
    """
    alpha, beta = np.asarray(shape, dtype=np.float64), np.asarray(rate, dtype=np.float64)
    mean = np.asarray(expected, dtype=np.float64)
    n_places = require_same_length(shape=alpha, rate=beta, expected=mean)
    is_bad = ~(np.isfinite(alpha) & (alpha > 0) & np.isfinite(beta) & (beta > 0))
    is_bad |= ~(np.isfinite(mean) & (mean >= 0))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"ranks: {int(is_bad.sum())} of {n_places} places have no gamma posterior, first at "
            f"position {first}: shape {alpha[first]}, rate {beta[first]}, expected {mean[first]}; "
            "give numbers above 0."
        )
        raise InputError(message)
    if n_draws < 1 or any(k < 1 for k in worst):
        message = f"n_draws is {n_draws} and worst {worst}; give whole numbers from 1."
        raise InputError(message)
    tail = (1.0 - require_confidence(confidence)) / 2
    ranks = np.empty((n_draws, n_places), dtype=np.int32)
    step = max(1, DRAWN_AT_ONCE // max(1, n_places))
    for begin in range(0, n_draws, step):
        stop = min(n_draws, begin + step)
        excess = rng.gamma(alpha, 1.0 / beta, size=(stop - begin, n_places)) - mean
        order = np.argsort(-excess, axis=1, kind="stable")
        places = np.broadcast_to(np.arange(1, n_places + 1, dtype=np.int32), order.shape)
        np.put_along_axis(ranks[begin:stop], order, places, axis=1)
    low, median, high = (
        np.quantile(ranks, [tail, 0.5, 1 - tail], axis=0, method="nearest").astype(np.float64)
        if n_places
        else np.empty((3, 0))
    )
    return RankEstimate(
        share_among_worst={k: (ranks <= k).mean(axis=0) for k in worst},
        rank_median=median,
        rank_low=low,
        rank_high=high,
        n_draws=n_draws,
    )
