"""How good a forecast was: scored on crashes that the forecast never saw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from core.errors import InputError, NotEnoughDataError
from models.arrays import FloatArray, IntArray, require_counts, require_same_length
from models.rates import require_confidence

__all__ = ["bootstrap_intervals", "compute_capture_share", "compute_poisson_deviance"]


def compute_poisson_deviance(n_later: ArrayLike, n_predicted: ArrayLike) -> float:
    """Compute the mean Poisson deviance of predicted counts; less is better.

    Parameters
    ----------
    n_later
        Crashes that came, shape (n_sites,).
    n_predicted
        Crashes predicted for the same sites and period, >= 0, shape (n_sites,).

    Returns
    -------
    deviance
        Mean of 2·(n·ln(n/mu) - n + mu); infinite when crashes came where the forecast
        said never.

    Raises
    ------
    InputError
        If lengths differ, or a value is missing or negative.
    NotEnoughDataError
        If there is no site.
    """
    counts = require_counts("n_later", n_later)
    means = np.asarray(n_predicted, dtype=np.float64)
    if require_same_length(n_later=counts, n_predicted=means) == 0:
        message = "deviance: no site was given; check the join of forecast and crashes."
        raise NotEnoughDataError(message)
    if not np.all(np.isfinite(means) & (means >= 0)):
        first = int(np.flatnonzero(~(np.isfinite(means) & (means >= 0)))[0])
        message = f"n_predicted: position {first} is {means[first]}; give numbers from 0."
        raise InputError(message)
    return float(2.0 * special.kl_div(counts, means).mean())


def compute_capture_share(
    score: ArrayLike, n_later: ArrayLike, length_m: ArrayLike, *, length_share: float
) -> float:
    """Compute the share of later crashes on the worst part of the roads.

    Parameters
    ----------
    score
        Forecast per metre of road (a rate, not a count), more is worse, shape (n_sites,).
    n_later
        Crashes that came, shape (n_sites,).
    length_m
        Length of each site [m], > 0, shape (n_sites,).
    length_share
        Part of the total length taken [share], between 0 and 1.

    Returns
    -------
    capture
        Share of later crashes [0, 1]. The last site is taken in part; so are sites of
        equal score, which makes it the mean over all orders of equals. A score that is
        the same everywhere captures `length_share`.

    Raises
    ------
    InputError
        If lengths differ, a score is missing, a length is not positive or the share out
        of range.
    NotEnoughDataError
        If no crash came.
    """
    scores = np.asarray(score, dtype=np.float64)
    counts = require_counts("n_later", n_later)
    length = np.asarray(length_m, dtype=np.float64)
    require_same_length(score=scores, n_later=counts, length_m=length)
    if np.isnan(scores).any() or not np.all(length > 0):
        message = "capture: a score is missing or a length is not above 0; check the sites."
        raise InputError(message)
    if not 0.0 <= length_share <= 1.0:
        message = f"length_share is {length_share}; give a share between 0 and 1, such as 0.05."
        raise InputError(message)
    if counts.sum() == 0:
        message = "capture: no later crash, so no share of them; take a longer later period."
        raise NotEnoughDataError(message)
    _, group = np.unique(-scores, return_inverse=True)
    covered = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights=length))])
    caught = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights=counts))])
    return float(np.interp(length_share * covered[-1], covered, caught) / caught[-1])


def bootstrap_intervals(
    compute: Callable[[IntArray], ArrayLike],
    groups: NDArray[np.generic],
    *,
    n_resamples: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> tuple[FloatArray, FloatArray]:
    """Compute percentile intervals by resampling whole groups of sites.

    Parameters
    ----------
    compute
        Takes the positions of resampled sites, with repeats, and returns the statistics,
        one number or shape (n_statistics,). Differences between forecasts belong in
        here too, so that both meet the same resample.
    groups
        Group of each site, such as a square of the map, shape (n_sites,). Each site its
        own group: the plain bootstrap.
    n_resamples
        Number of resamples, at least 1.
    rng
        Source of randomness.
    confidence
        Confidence level [share].

    Returns
    -------
    low, high
        Bounds, each of shape (n_statistics,).

    Raises
    ------
    InputError
        If there is no site, or a number is out of range.

    Notes
    -----
    Groups should be wide enough to be nearly independent of one another. Percentile
    intervals are too narrow with few groups (fewer than about 40).

    References
    ----------
    Efron, B. & Tibshirani, R. (1993). An Introduction to the Bootstrap, chapter 13.
    """
    alpha = 1.0 - require_confidence(confidence)
    if len(groups) == 0 or n_resamples < 1:
        message = f"bootstrap: {len(groups)} site(s), {n_resamples} resamples; give some of each."
        raise InputError(message)
    _, codes = np.unique(groups, return_inverse=True)
    order = np.argsort(codes, kind="stable").astype(np.int64)
    members = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    found = []
    for _ in range(n_resamples):
        drawn = rng.integers(len(members), size=len(members))
        found.append(np.atleast_1d(compute(np.concatenate([members[i] for i in drawn]))))
    low, high = np.quantile(np.array(found, dtype=np.float64), [alpha / 2, 1 - alpha / 2], axis=0)
    return low, high
