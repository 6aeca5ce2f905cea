"""Where high values lie among high values: Getis-Ord Gi and Gi*, and local Moran.

All look at the same sum, of the values of a place's neighbours by their weights. Gi* adds
the place itself. What chance would do to that sum is in `models.local_significance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError, NotEnoughDataError
from models.arrays import FloatArray, require_same_length
from models.network_weights import NetworkWeights

__all__ = [
    "QUADRANTS",
    "LocalG",
    "LocalMoran",
    "compute_local_g",
    "compute_local_moran",
    "require_values",
]

QUADRANTS: Final = ("HH", "LH", "LL", "HL")  # own value, then the neighbours'
FEWEST: Final = 4  # places


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalG:
    """Gi or Gi* of every place; arrays of shape (n_places,), NaN where it cannot be told."""

    statistic: FloatArray  # share of the total of all values that is around the place
    expected: FloatArray  # were the values put anywhere
    variance: FloatArray
    z: FloatArray  # > 0: more than elsewhere
    has_self: bool  # Gi*


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalMoran:
    """Local Moran of every place; arrays of shape (n_places,), NaN where it cannot be told."""

    statistic: FloatArray
    expected: FloatArray  # given the place's own value
    variance: FloatArray
    z: FloatArray  # > 0: like its neighbours, < 0: unlike them
    quadrant: NDArray[np.str_]  # one of `QUADRANTS`; "" where it cannot be told


def require_values(values: ArrayLike, weights: NetworkWeights) -> FloatArray:
    """Return values as floats, one a place, not all alike.

    Raises
    ------
    InputError
        If a value is missing, or there is not one a place.
    NotEnoughDataError
        If there are fewer than four places, or all values are alike.
    """
    y = np.asarray(values, dtype=np.float64)
    n = require_same_length(values=y, weights=weights.is_island)
    is_bad = ~np.isfinite(y)
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"values: {int(is_bad.sum())} of {n} are missing, first at position {first}; leave "
            "those places out of values and weights."
        )
        raise InputError(message)
    if n < FEWEST:
        message = f"local statistics: {n} place(s); at least {FEWEST} are needed."
        raise NotEnoughDataError(message)
    if y.min() == y.max():
        message = (
            f"local statistics: all {n} places have the value {y[0]:g}, so none stands out; "
            "give values that differ."
        )
        raise NotEnoughDataError(message)
    return y


def compute_local_g(values: ArrayLike, weights: NetworkWeights, *, has_self: bool = True) -> LocalG:
    """Compute Getis-Ord Gi*, or Gi, with its moments under randomisation.

    Parameters
    ----------
    values
        Counts or rates from 0, shape (n_places,).
    weights
        Who is whose neighbour; row-standardised or not makes no difference to z.
    has_self
        Gi*: the place counts too, with `weights.self_weight`. Otherwise Gi.

    Returns
    -------
    local_g
        G = sum_j w_ij y_j / sum_j y_j (for Gi without y_i below), what it would be on average were
        the values put on the places at random (for Gi: the others'), and z.

    Raises
    ------
    InputError
        If a value is missing or negative, or shapes differ.
    NotEnoughDataError
        If all values are alike, or there are fewer than four places.

    Notes
    -----
    With S1 = sum_j w_ij² and W = sum_j w_ij, over N places that can be drawn:
    E = W/N, Var = (N·S1 - W²)/(N - 1) · s²/(N·mean)². esda has this for binary weights; for others
    it takes W(N - W) for N·S1 - W², which is right for binary weights alone and makes z up to
    sqrt(k) too small for k neighbours of equal weight. The normal law is a poor guide for counts
    that are mostly 0: use `models.local_significance`.

    References
    ----------
    Getis, A. & Ord, J. K. (1992). The analysis of spatial association by use of distance
    statistics. Geographical Analysis 24, 189-206. doi:10.1111/j.1538-4632.1992.tb00261.x
    Ord, J. K. & Getis, A. (1995). Local spatial autocorrelation statistics. Geographical
    Analysis 27, 286-306. doi:10.1111/j.1538-4632.1995.tb00912.x
    """
    y = require_values(values, weights)
    if y.min() < 0:
        message = (
            f"values: {int((y < 0).sum())} are negative, first at position "
            f"{int(np.argmax(y < 0))}; Gi is a share of a total: give counts or rates from 0."
        )
        raise InputError(message)
    matrix = weights.build_matrix(has_self=has_self)
    lag = matrix @ y
    weight = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
    squared = np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel()
    left_out = 0.0 if has_self else y
    n = len(y) - (not has_self)
    total = y.sum() - left_out
    mean = total / n
    spread = ((y**2).sum() - np.square(left_out)) / n - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = lag / total
        variance = (n * squared - weight**2) / (n - 1) * spread / (n * mean) ** 2
        expected = weight / n
        z = (statistic - expected) / np.sqrt(variance)
    told = ~weights.is_island & np.isfinite(z)
    return LocalG(
        statistic=np.where(told, statistic, np.nan),
        expected=np.where(told, expected, np.nan),
        variance=np.where(told, variance, np.nan),
        z=np.where(told, z, np.nan),
        has_self=has_self,
    )


def compute_local_moran(values: ArrayLike, weights: NetworkWeights) -> LocalMoran:
    """Compute local Moran's I with its moments given the place's own value.

    Parameters
    ----------
    values
        Rates, or counts over equal exposures, shape (n_places,).
    weights
        Who is whose neighbour; row-standardised as a rule.

    Returns
    -------
    local_moran
        I_i = (n - 1)·z_i·sum_j w_ij z_j / sum_j z_j² with z the values less their mean, and the
        quadrant: HH high among high, LL low among low, HL high among low, LH low among high.

    Raises
    ------
    InputError
        If a value is missing, or shapes differ.
    NotEnoughDataError
        If all values are alike, or there are fewer than four places.

    Notes
    -----
    Moments are those of Sokal et al. (1998), A7 and A8: the neighbours' values are drawn from
    all others. They belong to n in place of n - 1 above; esda gives them so, here they are
    brought to the statistic that is given. z and lag of 0 count as low, as in esda.

    References
    ----------
    Anselin, L. (1995). Local indicators of spatial association. Geographical Analysis 27,
    93-115. doi:10.1111/j.1538-4632.1995.tb00338.x
    Sokal, R., Oden, N. & Thomson, B. (1998). Local spatial autocorrelation in a biological
    model. Geographical Analysis 30, 331-354. doi:10.1111/j.1538-4632.1998.tb00406.x
    """
    y = require_values(values, weights)
    n = len(y)
    z = y - y.mean()
    second = float((z**2).mean())
    matrix = weights.build_matrix()
    lag = matrix @ z
    weight = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
    squared = np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel()
    scale = (n - 1) / n / second
    statistic = scale * z * lag
    expected = -scale * z**2 * weight / (n - 1)
    variance = (scale * z) ** 2 * n / (n - 2)
    variance *= (squared - weight**2 / (n - 1)) * (second - z**2 / (n - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        score = (statistic - expected) / np.sqrt(variance)
    told = ~weights.is_island
    names = np.where(z > 0, np.where(lag > 0, "HH", "HL"), np.where(lag > 0, "LH", "LL"))
    return LocalMoran(
        statistic=np.where(told, statistic, np.nan),
        expected=np.where(told, expected, np.nan),
        variance=np.where(told, variance, np.nan),
        z=np.where(told & np.isfinite(score), score, np.nan),
        quadrant=np.where(told, names, ""),
    )
