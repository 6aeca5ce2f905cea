"""Maximum likelihood of counts whose spread grows with what is expected of them.

The negative binomial of the Highway Safety Manual: mean mu = exp(X·beta + offset), variance
mu + k·s·mu², where the scale s is 1 at every site or differs from site to site (1/length).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from models.arrays import FloatArray

__all__ = ["CountData", "CountFit", "fit_negative_binomial", "fit_poisson", "moment_overdispersion"]

MAX_ROUNDS = 60
MAX_STEPS = 40
TOLERANCE = 1e-9
SMALL = 1e-4  # below it a series takes the place of a difference of near-equals
GREATEST_ETA = 30.0  # exp(30) crashes at a site: a fit that wanders there is lost
GREATEST_K = 1e4
LEAST_K = 1e-10


@dataclass(frozen=True, slots=True)
class CountData:
    """What is fitted, one row a site."""

    counts: FloatArray  # (n,)
    design: FloatArray  # (n, p), a constant first
    offset: FloatArray  # (n,), log of what the count is proportional to
    scale: FloatArray  # (n,), k of a site is k·scale


@dataclass(frozen=True, slots=True)
class CountFit:
    """A fit; standard errors from the observed information."""

    coefficients: FloatArray  # (p,)
    covariance: FloatArray  # (p, p)
    overdispersion_k: float
    overdispersion_k_se: float  # NaN where k is 0 or comes from moments
    log_likelihood: float
    is_converged: bool


def fit_poisson(data: CountData) -> CountFit:
    """Fit a Poisson regression; k by moments from its residuals."""
    beta, is_converged = _climb(data, _start(data), 0.0)
    mean = _mean(data, beta)
    information = (data.design * mean[:, None]).T @ data.design
    return CountFit(
        coefficients=beta,
        covariance=_invert(information),
        overdispersion_k=moment_overdispersion(data.counts, mean, data.scale),
        overdispersion_k_se=np.nan,
        log_likelihood=_log_likelihood(data, mean, 0.0),
        is_converged=is_converged,
    )


def fit_negative_binomial(data: CountData) -> CountFit:
    """Fit mean and overdispersion together by maximum likelihood.

    Means and k are improved in turn: they are orthogonal in expectation, so a few rounds do.
    Where the counts vary no more than Poisson, k is 0 and the fit is the Poisson one.
    """
    ladder = _Ladder(data)
    beta, is_converged = _climb(data, _start(data), 0.0)
    k = 0.0
    if is_converged:
        is_converged = False
        for _ in range(MAX_ROUNDS):
            better_k = _find_k(data, ladder, _mean(data, beta), k)
            better, has_climbed = _climb(data, beta, better_k)
            change = max(float(np.abs(better - beta).max()), abs(better_k - k) / (k + 1e-6))
            beta, k = better, better_k
            if change < TOLERANCE or (k == 0.0 and has_climbed):
                is_converged = has_climbed and k < GREATEST_K / 2
                break
    mean = _mean(data, beta)
    covariance, k_se = _find_covariance(data, ladder, mean, k)
    return CountFit(
        coefficients=beta,
        covariance=covariance,
        overdispersion_k=k,
        overdispersion_k_se=k_se,
        log_likelihood=_log_likelihood(data, mean, k),
        is_converged=is_converged,
    )


def moment_overdispersion(counts: FloatArray, mean: FloatArray, scale: FloatArray) -> float:
    """Estimate k by moments: sum of (n - mu)² - mu over sum of s·mu², at least 0."""
    total = float((scale * mean**2).sum())
    if total <= 0:
        return 0.0
    return max(float(((counts - mean) ** 2 - mean).sum()) / total, 0.0)


class _Ladder:
    """The steps 1..n-1 of every count n > 1, which the likelihood's gamma functions sum over."""

    def __init__(self, data: CountData) -> None:
        whole = data.counts.astype(np.int64)
        rows = np.flatnonzero(whole > 1)
        n_steps = whole[rows] - 1
        row = np.repeat(rows, n_steps)
        first = np.repeat(np.cumsum(n_steps) - n_steps, n_steps)
        step = np.arange(len(row)) - first + 1
        pairs = np.column_stack([data.scale[row], step]) if len(row) else np.empty((0, 2))
        if len(pairs) and np.ptp(pairs[:, 0]) == 0:  # one scale: only the steps differ
            times = np.bincount(step)[1:].astype(np.float64)
            self.scale = np.full(len(times), pairs[0, 0])
            self.step, self.times = np.arange(1.0, len(times) + 1), times
        else:
            self.scale, self.step = pairs[:, 0], pairs[:, 1]
            self.times = np.ones(len(pairs))

    def sum_slopes(self, k: float) -> float:
        """Sum s·j/(1 + k·s·j), the part of the score of k that the counts alone give."""
        lift = self.scale * self.step
        return float((self.times * lift / (1 + k * lift)).sum())


def _start(data: CountData) -> FloatArray:
    beta = np.zeros(data.design.shape[1])
    beta[0] = np.log(data.counts.sum() / np.exp(data.offset).sum())
    return beta


def _mean(data: CountData, beta: FloatArray) -> FloatArray:
    eta = np.clip(data.design @ beta + data.offset, -700.0, GREATEST_ETA)
    return np.asarray(np.exp(eta), dtype=np.float64)


def _climb(data: CountData, beta: FloatArray, k: float) -> tuple[FloatArray, bool]:
    """Improve the coefficients for a given k by Fisher scoring with halved steps."""
    k_site = k * data.scale
    mean = _mean(data, beta)
    height = _slope_height(data, mean, k_site)
    for _ in range(MAX_STEPS):
        weight = mean / (1 + k_site * mean)
        pull = (data.counts - mean) / (1 + k_site * mean)
        information = (data.design * weight[:, None]).T @ data.design
        gradient = data.design.T @ pull
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return beta, False
        if not np.isfinite(step).all():
            return beta, False
        size = 1.0
        while size > 1e-6:
            trial = beta + size * step
            trial_mean = _mean(data, trial)
            trial_height = _slope_height(data, trial_mean, k_site)
            if trial_height >= height - 1e-10 * abs(height):
                break
            size /= 2
        else:
            return beta, False
        beta, mean, height = trial, trial_mean, trial_height
        if size * float(np.abs(step).max()) < TOLERANCE:
            return beta, True
    return beta, False


def _slope_height(data: CountData, mean: FloatArray, k_site: FloatArray) -> float:
    """Compute the log-likelihood without the terms in which no coefficient is."""
    lifted = k_site * mean
    with np.errstate(divide="ignore"):
        logs = special.xlogy(data.counts, mean) - data.counts * np.log1p(lifted)
    return float((logs - mean * _log1p_ratio(lifted)).sum())


def _log1p_ratio(x: FloatArray) -> FloatArray:
    """Compute log(1 + x)/x, 1 at 0."""
    return np.where(x > 0, np.log1p(x) / np.where(x > 0, x, 1.0), 1.0)


def _score_k(data: CountData, ladder: _Ladder, mean: FloatArray, k: float) -> float:
    """Compute the derivative of the log-likelihood by k."""
    x = k * data.scale * mean
    full = np.where(x > SMALL, x, 1.0)
    curve = np.where(
        x > SMALL,
        (np.log1p(full) - full / (1 + full)) / full**2,
        0.5 - x * (2 / 3 - 0.75 * x),
    )
    rest = data.scale * mean * (mean * curve - data.counts / (1 + x))
    return ladder.sum_slopes(k) + float(rest.sum())


def _find_k(data: CountData, ladder: _Ladder, mean: FloatArray, near: float) -> float:
    """Find the k at which its score is 0, starting from a near one; 0 where none is above it."""
    if _score_k(data, ladder, mean, LEAST_K) <= 0:
        return 0.0
    low = max(near / 2, LEAST_K) if near > 0 else LEAST_K
    while low > LEAST_K and _score_k(data, ladder, mean, low) <= 0:
        low = max(low / 8, LEAST_K)
    high = max(2 * near, 0.5)
    while _score_k(data, ladder, mean, high) > 0:
        low, high = high, high * 8
        if high > GREATEST_K:
            return GREATEST_K
    root = optimize.brentq(
        lambda log_k: _score_k(data, ladder, mean, float(np.exp(log_k))),
        np.log(low),
        np.log(high),
        xtol=1e-11,
        rtol=1e-11,
    )
    return float(np.exp(root))


def _find_covariance(
    data: CountData, ladder: _Ladder, mean: FloatArray, k: float
) -> tuple[FloatArray, float]:
    """Invert the observed information of coefficients and k together."""
    k_site = k * data.scale
    spread = 1 + k_site * mean
    weight = mean * (1 + k_site * data.counts) / spread**2
    information = (data.design * weight[:, None]).T @ data.design
    if k == 0.0:
        return _invert(information), np.nan
    cross = data.design.T @ (data.scale * (data.counts - mean) * mean / spread**2)
    step = 1e-4 * k
    bend = _score_k(data, ladder, mean, k + step) - _score_k(data, ladder, mean, k - step)
    size = len(information)
    whole = np.empty((size + 1, size + 1))
    whole[:size, :size] = information
    whole[:size, size] = whole[size, :size] = cross
    whole[size, size] = -bend / (2 * step)
    inverse = _invert(whole)
    k_variance = float(inverse[size, size])
    k_se = float(np.sqrt(k_variance)) if k_variance > 0 else np.nan
    return np.ascontiguousarray(inverse[:size, :size]), k_se


def _invert(information: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.inv(information), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan)


def _log_likelihood(data: CountData, mean: FloatArray, k: float) -> float:
    """Compute the log-likelihood of the counts, constants and all."""
    y = data.counts
    total = _slope_height(data, mean, k * data.scale) - float(special.gammaln(y + 1).sum())
    if k > 0:
        rows = y > 1
        whole, lift = y[rows].astype(np.int64), k * data.scale[rows]
        step = np.arange(whole.sum()) - np.repeat(np.cumsum(whole) - whole, whole)
        total += float(np.log1p(np.repeat(lift, whole) * step).sum())
    return total
