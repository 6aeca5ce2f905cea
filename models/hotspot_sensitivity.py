"""Whether a hotspot is still found when a choice, or what happened, is a little different."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from core.errors import InputError
from models.arrays import BoolArray, FloatArray, IntArray, require_same_length

__all__ = ["compute_share_still_found", "draw_crashes_again", "is_still_found", "move_crashes"]


def compute_share_still_found(
    labels: IntArray, is_significant: BoolArray, length_m: ArrayLike
) -> FloatArray:
    """Compute how much of each hotspot's length is significant in another try.

    Parameters
    ----------
    labels
        Hotspot of each lixel, -1 for none, shape (n_lixels,).
    is_significant
        Lixels that the other try finds, shape (n_lixels,).
    length_m
        Length of each lixel [m], shape (n_lixels,).

    Returns
    -------
    share
        Of the length, shape (n_hotspots,).

    Raises
    ------
    InputError
        If lengths differ.
    """
    found = np.asarray(is_significant, dtype=np.bool_)
    length = np.asarray(length_m, dtype=np.float64)
    require_same_length(labels=labels, is_significant=found, length_m=length)
    inside = labels >= 0
    n_hotspots = int(labels.max(initial=-1)) + 1
    whole = np.bincount(labels[inside], weights=length[inside], minlength=n_hotspots)
    again = inside & found
    part = np.bincount(labels[again], weights=length[again], minlength=n_hotspots)
    return np.divide(part, whole, out=np.zeros(n_hotspots), where=whole > 0)


def is_still_found(
    labels: IntArray, is_significant: BoolArray, length_m: ArrayLike, *, min_share: float = 0.5
) -> BoolArray:
    """Tell which hotspots another try finds on at least half of their length.

    Parameters
    ----------
    labels, is_significant, length_m
        As `compute_share_still_found`.
    min_share
        Share of the length that must be significant [share].

    Returns
    -------
    is_found
        Shape (n_hotspots,).

    Raises
    ------
    InputError
        If lengths differ.
    """
    share = compute_share_still_found(labels, is_significant, length_m)
    return np.asarray(share >= min_share * (1 - 1e-9), dtype=np.bool_)


def move_crashes(
    lixel: ArrayLike,
    offset_m: ArrayLike,
    length_m: ArrayLike,
    adjacency: sparse.csr_array,
    *,
    shift_m: tuple[float, float],
    rng: np.random.Generator,
) -> IntArray:
    """Move every crash along the road by a random distance, either way.

    Parameters
    ----------
    lixel
        Lixel of each crash, shape (n_crashes,).
    offset_m
        Distance of each crash from its lixel's start [m], shape (n_crashes,).
    length_m
        Length of each lixel [m], shape (n_lixels,).
    adjacency
        Symmetric, true where two lixels touch, shape (n_lixels, n_lixels).
    shift_m
        Least and greatest distance, drawn evenly between [m].
    rng
        Source of chance.

    Returns
    -------
    moved
        Lixel of each crash after it, shape (n_crashes,).

    Raises
    ------
    InputError
        If lengths differ, or the distances are no range from 0.

    Notes
    -----
    A crash that would leave its lixel goes to one that touches it, each as likely: one step,
    so that a crash never goes farther than the next lixel. A lixel that touches none keeps its
    crashes.
    """
    at = np.asarray(lixel, dtype=np.int64)
    offset = np.asarray(offset_m, dtype=np.float64)
    length = np.asarray(length_m, dtype=np.float64)
    n_crashes = require_same_length(lixel=at, offset_m=offset)
    least, greatest = shift_m
    if not 0 <= least <= greatest:
        message = f"shift_m is {least:g} to {greatest:g}; give a range of metres from 0."
        raise InputError(message)
    shift = rng.uniform(least, greatest, n_crashes) * rng.choice([-1.0, 1.0], n_crashes)
    chosen = rng.random(n_crashes)
    place = offset + shift
    leaves = (place < 0) | (place > length[at])
    first, after = adjacency.indptr[at].astype(np.int64), adjacency.indptr[at + 1].astype(np.int64)
    n_touching = after - first
    leaves &= n_touching > 0
    slot = first + np.minimum((chosen * n_touching).astype(np.int64), n_touching - 1)
    moved = at.copy()
    moved[leaves] = adjacency.indices[slot[leaves]]
    return moved


def draw_crashes_again(
    n_window: ArrayLike,
    expected_window: ArrayLike,
    expected: ArrayLike,
    *,
    overdispersion_k: float,
    rng: np.random.Generator,
) -> IntArray:
    """Draw the crashes of another period like this one, with good and bad luck taken out.

    Parameters
    ----------
    n_window, expected_window
        Crashes in the window of each lixel, and those expected there, shape (n_lixels,).
    expected
        Crashes expected on each lixel, shape (n_lixels,).
    overdispersion_k
        How much windows differ beyond chance (variance mu + k mu^2), >= 0.
    rng
        Source of chance.

    Returns
    -------
    n_crashes
        Shape (n_lixels,).

    Raises
    ------
    InputError
        If lengths differ or `overdispersion_k` is negative.

    Notes
    -----
    The mean of a lixel is what is expected of it, times the Empirical Bayes ratio of its window
    (1 + k n) / (1 + k mu). So a place that came out high by luck is drawn lower than it was. With
    k = 0 no place differs from what is expected of it.
    """
    counts = np.asarray(n_window, dtype=np.float64)
    means = np.asarray(expected_window, dtype=np.float64)
    own = np.asarray(expected, dtype=np.float64)
    require_same_length(n_window=counts, expected_window=means, expected=own)
    if not overdispersion_k >= 0:
        message = f"overdispersion_k is {overdispersion_k}; it must be 0 or more."
        raise InputError(message)
    ratio = (1 + overdispersion_k * counts) / (1 + overdispersion_k * means)
    return np.asarray(rng.poisson(own * ratio), dtype=np.int64)
