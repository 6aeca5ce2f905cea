"""Interval of a weighted sum of counts: workers hurt, or crashes shared among factories."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError
from models.arrays import FloatArray
from models.rates import require_confidence

__all__ = ["compute_weighted_interval"]


def compute_weighted_interval(
    total: ArrayLike,
    variance: ArrayLike,
    greatest_weight: ArrayLike,
    *,
    confidence: float = 0.95,
) -> tuple[FloatArray, FloatArray]:
    """Compute the gamma interval of Σ w·n, the n being independent Poisson counts.

    Parameters
    ----------
    total
        Σ w·n, from 0.
    variance
        Σ w²·n, same shape.
    greatest_weight
        The greatest w of all terms, those with n = 0 too; > 0, same shape.
    confidence
        Confidence level [share].

    Returns
    -------
    low, high
        In the unit of `total`. With all weights 1 it is the exact Poisson interval.

    Raises
    ------
    InputError
        If a total or variance is negative, a weight not positive, or one of them missing.

    Notes
    -----
    Holds the true sum at least as often as it says in all cases that were simulated, but
    that is not proven. Workers hurt come in crashes: a truck with 30 of them is one term
    with weight 30, so the interval is much wider than that of 30 crashes with one.

    References
    ----------
    Fay, M. & Feuer, E. (1997). Statistics in Medicine 16, 791-801.
    doi:10.1002/(SICI)1097-0258(19970415)16:7<791::AID-SIM500>3.0.CO;2-#
    """
    alpha = 1.0 - require_confidence(confidence)
    y, v, w = np.broadcast_arrays(
        *(np.asarray(values, dtype=np.float64) for values in (total, variance, greatest_weight))
    )
    is_bad = ~((y >= 0) & (v >= 0) & (w > 0) & np.isfinite(y + v + w))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad.ravel())[0])
        message = (
            f"weighted counts: {int(is_bad.sum())} of {y.size} term(s) cannot be, first at "
            f"position {first}: total {y.ravel()[first]}, variance {v.ravel()[first]}, weight "
            f"{w.ravel()[first]}; give sums from 0 and weights above 0."
        )
        raise InputError(message)
    is_some = y > 0
    shape = np.where(is_some, y, 1.0) ** 2 / np.where(is_some, v, 1.0)
    scale = np.where(is_some, v, 1.0) / np.where(is_some, y, 1.0)
    low = np.where(is_some, scale * special.gammaincinv(shape, alpha / 2), 0.0)
    upper_mean, upper_variance = y + w, v + w**2
    high = (upper_variance / upper_mean) * special.gammainccinv(
        upper_mean**2 / upper_variance, alpha / 2
    )
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
