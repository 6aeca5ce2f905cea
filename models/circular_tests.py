"""Tests of counts around a cycle, with an exposure that need not be even."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError, NotEnoughDataError
from models.arrays import FloatArray, require_counts, require_same_length

__all__ = [
    "FEWEST",
    "DirectionTest",
    "compute_direction",
    "compute_kuiper",
    "measure_kuiper",
    "rank_in_draws",
    "share_exposure",
]

FEWEST: Final = 8  # crashes


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionTest:
    """One high point in a cycle."""

    mean_bin: float  # where on the cycle, in bins from 0: 17.5 is half past five in the evening
    resultant: float  # 0: evenly spread, 1: all at once, beyond the exposure
    statistic: float  # chi-square with two degrees of freedom under the exposure
    p_value: float


def compute_direction(n_crashes: ArrayLike, *, exposure: ArrayLike | None = None) -> DirectionTest:
    """Test for one high point in a cycle (Rayleigh, for grouped data and any exposure).

    Parameters
    ----------
    n_crashes
        Crashes by bin, shape (n_bins,); at least three bins.
    exposure
        From 0, shape (n_bins,); None: all alike.

    Returns
    -------
    direction
        Where the high point is, how marked it is, and p from chi-square with two degrees of
        freedom.

    Raises
    ------
    InputError
        If counts are not counts, shapes differ, there are fewer than three bins, crashes
        lie where there is no exposure, or an exposure is negative.
    NotEnoughDataError
        If there are fewer than eight crashes.

    Notes
    -----
    With p the exposure's shares, u = sum (n - N p)(cos, sin) and V its multinomial
    covariance: u' V^-1 u, the score test of a von Mises excess. Over equal bins it is Rayleigh's
    2 N R². Blind to two high points opposite each other, as of two shifts: see Kuiper's test.
    `resultant` is |sum (n - N p) e^(i t)| / N, over (pi/m) / sin(pi/m) for the width of m bins.

    References
    ----------
    Mardia, K. & Jupp, P. (2000). Directional Statistics, 5.2 (grouping) and 6.3.
    """
    counts = require_counts("n_crashes", n_crashes)
    n_bins = len(counts)
    if n_bins < 3:
        message = f"direction: {n_bins} bins; a cycle has three or more."
        raise InputError(message)
    share = share_exposure(exposure, n_bins)
    total = counts.sum()
    if counts[share == 0].any():
        message = "direction: crashes lie where there is no exposure; leave them out."
        raise InputError(message)
    if total < FEWEST:
        message = f"direction: {total:.0f} crashes; {FEWEST} are needed."
        raise NotEnoughDataError(message)
    angle = 2 * np.pi * (np.arange(n_bins) + 0.5) / n_bins
    axes = np.vstack([np.cos(angle), np.sin(angle)])
    excess = axes @ (counts - total * share)
    mean = axes @ share
    covariance = total * ((axes * share) @ axes.T - np.outer(mean, mean))
    statistic = float(excess @ np.linalg.pinv(covariance) @ excess)
    grouped = (np.pi / n_bins) / np.sin(np.pi / n_bins)
    return DirectionTest(
        mean_bin=float(np.arctan2(excess[1], excess[0]) / (2 * np.pi) * n_bins % n_bins),
        resultant=float(min(1.0, grouped * np.hypot(*excess) / total)),
        statistic=statistic,
        p_value=float(special.chdtrc(2.0, statistic)),
    )


def compute_kuiper(
    n_crashes: ArrayLike,
    *,
    rng: np.random.Generator,
    exposure: ArrayLike | None = None,
    n_simulations: int = 999,
) -> tuple[float, float]:
    """Test for any pattern in a cycle (Kuiper, for grouped data and any exposure).

    Parameters
    ----------
    n_crashes, exposure
        As of `compute_direction`.
    rng
        For the series drawn under the null.
    n_simulations
        Series drawn.

    Returns
    -------
    statistic, p_value
        V = largest + largest negative difference of the cumulative shares, whichever bin the
        cycle is cut at, and its p by simulation.

    Raises
    ------
    InputError, NotEnoughDataError
        As `compute_direction`.

    References
    ----------
    Kuiper, N. (1960). Tests concerning random points on a circle. Indagationes
    Mathematicae 63, 38-47. doi:10.1016/S1385-7258(60)50006-0
    """
    counts = require_counts("n_crashes", n_crashes)
    compute_direction(counts, exposure=exposure)  # its guards
    share = share_exposure(exposure, len(counts))
    statistic = float(measure_kuiper(counts[None, :], share)[0])
    drawn = rng.multinomial(int(counts.sum()), share, size=n_simulations).astype(np.float64)
    return statistic, rank_in_draws(statistic, measure_kuiper(drawn, share))


def share_exposure(exposure: ArrayLike | None, n_bins: int) -> FloatArray:
    """Return each bin's share of the exposure; all alike where there is none.

    Raises
    ------
    InputError
        If an exposure is negative or missing, all are 0, or there is not one a bin.
    NotEnoughDataError
        If fewer than two bins have any.
    """
    base = np.ones(n_bins) if exposure is None else np.asarray(exposure, dtype=np.float64)
    require_same_length(exposure=base, n_crashes=np.empty(n_bins))
    if not np.all(np.isfinite(base) & (base >= 0)) or base.sum() == 0:
        message = "exposure: holds negative or missing values, or 0 alone; give numbers from 0."
        raise InputError(message)
    if (base > 0).sum() < 2:
        message = "time clusters: fewer than two bins have an exposure; nothing can be compared."
        raise NotEnoughDataError(message)
    return np.asarray(base / base.sum(), dtype=np.float64)


def measure_kuiper(series: FloatArray, share: FloatArray) -> FloatArray:
    """Return Kuiper's V of each series, shape (n_series,)."""
    total = series.sum(axis=1, keepdims=True)
    apart = np.cumsum(series / total - share, axis=1)
    return np.asarray(apart.max(axis=1) - apart.min(axis=1), dtype=np.float64)


def rank_in_draws(statistic: float, drawn: FloatArray) -> float:
    """Return the share of (1 + draws), this one included, that are as large."""
    return float((1 + (drawn >= statistic * (1 - 1e-12)).sum()) / (1 + len(drawn)))
