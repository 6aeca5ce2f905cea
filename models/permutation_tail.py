"""How far out a sum of values dealt out at random lies: a tail for p-values below 1 in 1,000."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError
from models.arrays import FloatArray, require_same_length

__all__ = ["compute_permutation_tail", "compute_sum_skewness"]

HARDLY_SKEW = 1e-4  # from here down the normal law is taken


def compute_sum_skewness(values: ArrayLike, n_drawn: ArrayLike) -> FloatArray:
    """Compute the skewness of a sum of values drawn from all without putting back.

    Parameters
    ----------
    values
        What is dealt out over the places, shape (n_places,).
    n_drawn
        How many of them a sum holds, 1 to n_places - 1, any shape.

    Returns
    -------
    skewness
        [-], shape of `n_drawn`; 0 where all values are alike.

    Raises
    ------
    InputError
        If there are fewer than three values, one is missing, or more are drawn than there are.

    Notes
    -----
    g (N - 2n) / (N - 2) · sqrt((N - 1) / (n (N - n))), g the skewness of the values: exact. Of
    zeros and ones it is that of the hypergeometric law.
    """
    y = np.asarray(values, dtype=np.float64)
    n, size = np.asarray(n_drawn, dtype=np.float64), len(y)
    if size < 3 or not np.isfinite(y).all():
        message = f"values: {size} given, all must be known and at least 3; check them."
        raise InputError(message)
    if not ((n >= 1) & (n < size)).all():
        message = f"n_drawn: not between 1 and {size - 1} everywhere; a sum holds some of them."
        raise InputError(message)
    away = y - y.mean()
    spread = float((away**2).mean())
    own = float((away**3).mean()) / spread**1.5 if spread > 0 else 0.0
    factor = (size - 2 * n) / (size - 2) * np.sqrt((size - 1) / (n * (size - n)))
    return np.asarray(own * factor, dtype=np.float64)


def compute_permutation_tail(z: ArrayLike, skewness: ArrayLike) -> FloatArray:
    """Compute nearly P(Z >= z) of a standardised, skew sum (Pearson type III).

    Parameters
    ----------
    z
        Standardised sums, shape (n_places,).
    skewness
        Of each under the null [-], same shape.

    Returns
    -------
    p_value
        Upper tail of the gamma law with mean 0, variance 1 and that skewness; the normal law's
        where there is hardly any, or the skewness is negative.

    Raises
    ------
    InputError
        If lengths differ or a value is missing.

    Notes
    -----
    Permutations cannot tell p-values below 1 / (number + 1) apart, and no false-discovery rate
    over many places falls below 5 % with them; the normal law makes tails of counts that are
    mostly 0 many times too small. Three moments come near: see the check in the register.

    References
    ----------
    Mielke, P., Berry, K. & Brier, G. (1981). Application of multi-response permutation procedures
    for examining seasonal changes in monthly mean sea-level pressure patterns. Monthly Weather
    Review 109, 120-126. doi:10.1175/1520-0493(1981)109<0120:AOMRPP>2.0.CO;2
    """
    score, skew = np.asarray(z, dtype=np.float64), np.asarray(skewness, dtype=np.float64)
    require_same_length(z=score, skewness=skew)
    if not (np.isfinite(score) & np.isfinite(skew)).all():
        message = "z or skewness: values are missing; leave such places out."
        raise InputError(message)
    tail = np.asarray(special.ndtr(-score), dtype=np.float64)
    is_skew = skew > HARDLY_SKEW
    shape = 4.0 / skew[is_skew] ** 2
    at = np.maximum(shape + score[is_skew] * np.sqrt(shape), 0.0)
    tail[is_skew] = special.gammaincc(shape, at)
    return tail
