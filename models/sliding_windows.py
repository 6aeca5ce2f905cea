"""Windows that slide along a road: what is predicted in them, and which one stands for the road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from core.errors import InputError
from models.arrays import BoolArray, FloatArray, IntArray, require_same_length
from models.empirical_bayes import EbEstimate

__all__ = [
    "WindowLevel",
    "compute_window_prediction",
    "find_peaks",
    "find_worst_windows",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLevel:
    """Windows of one length along all roads, for peak searching."""

    road: IntArray  # road of each window, shape (n_windows,)
    estimate: EbEstimate
    length_km: float


def compute_window_prediction(
    share: sparse.csr_array, predicted: ArrayLike, overdispersion_k: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Compute what is predicted in each window, and its overdispersion.

    Parameters
    ----------
    share
        Share of each piece of road in each window, shape (n_windows, n_pieces).
    predicted
        Crashes predicted on each piece over the period, >= 0, shape (n_pieces,).
    overdispersion_k
        k of each piece: k per km ÷ its length in km, shape (n_pieces,).

    Returns
    -------
    predicted, overdispersion_k
        Of each window, shape (n_windows,): the sums of mu and of the variance k·mu² beyond
        chance, the latter divided by the square of the former. Along a road of one kind it is
        k per km ÷ the window's length.

    Raises
    ------
    InputError
        If shapes differ or a value is negative or missing.

    Notes
    -----
    Pieces are taken as independent of one another, which is what k per length says; roads
    that are bad over kilometres make it too small.
    """
    mean = np.asarray(predicted, dtype=np.float64)
    k = np.asarray(overdispersion_k, dtype=np.float64)
    n_pieces = require_same_length(predicted=mean, overdispersion_k=k)
    if share.shape[1] != n_pieces or not np.all((mean >= 0) & (k >= 0)):
        message = (
            f"windows: {share.shape[1]} pieces in the windows, {n_pieces} predictions, or values "
            "that are negative or missing; give those of the same pieces, from 0."
        )
        raise InputError(message)
    total = np.asarray(share @ mean, dtype=np.float64)
    spread = np.asarray(share @ (k * mean**2), dtype=np.float64)
    window_k = np.divide(spread, total**2, out=np.zeros(len(total)), where=total > 0)
    return total, window_k


def find_worst_windows(road: ArrayLike, value: ArrayLike) -> BoolArray:
    """Find the window with the highest value of each road; of equals the first.

    Parameters
    ----------
    road
        Road of each window, shape (n_windows,).
    value
        The measure, NaN where there is none, shape (n_windows,).

    Returns
    -------
    is_worst
        One True for each road that has a value, shape (n_windows,).

    Raises
    ------
    InputError
        If lengths differ.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., 4.4.3 (sliding window).
    """
    roads = np.asarray(road, dtype=np.int64)
    values = np.asarray(value, dtype=np.float64)
    n_windows = require_same_length(road=roads, value=values)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.lexsort((known, -values[known], roads[known]))]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = roads[order][1:] != roads[order][:-1]
    is_worst = np.zeros(n_windows, dtype=np.bool_)
    is_worst[order[is_first]] = True
    return is_worst


def find_peaks(
    levels: Sequence[WindowLevel], *, greatest_cv: float = 0.5
) -> dict[int, tuple[int, int]]:
    """Search peaks: for each road the shortest window whose expected crashes are known well.

    Parameters
    ----------
    levels
        Windows of growing length.
    greatest_cv
        Greatest coefficient of variation that counts as known well: standard deviation of
        the expected crashes ÷ expected crashes.

    Returns
    -------
    peaks
        For each road that has one, the number of the level and of the window: at the first
        level where any window passes, the one with the most expected crashes.

    Raises
    ------
    InputError
        If `greatest_cv` is not positive or lengths do not grow.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., 4.4.3 (peak searching).
    """
    lengths = [level.length_km for level in levels]
    if not greatest_cv > 0 or lengths != sorted(lengths):
        message = f"peaks: cv {greatest_cv}, lengths {lengths}; give a cv above 0, growing lengths."
        raise InputError(message)
    peaks: dict[int, tuple[int, int]] = {}
    for number, level in enumerate(levels):
        expected, sd = level.estimate.expected, level.estimate.sd
        is_known = (expected > 0) & (sd > 0) & (sd <= greatest_cv * expected)
        is_peak = find_worst_windows(level.road, np.where(is_known, expected, np.nan))
        for window in np.flatnonzero(is_peak):
            peaks.setdefault(int(level.road[window]), (number, int(window)))
    return peaks
