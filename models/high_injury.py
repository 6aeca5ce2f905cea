"""The high-injury network: the least road that holds most of the deaths and serious injuries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError, NotEnoughDataError
from core.units import M_PER_KM
from models.arrays import BoolArray, FloatArray, IntArray, require_counts, require_same_length
from models.rates import require_confidence

__all__ = ["HighInjuryNetwork", "find_high_injury_network", "order_by_density"]

N_SPLITS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class HighInjuryNetwork:
    """The chosen road and how sure the choice is."""

    share: float  # of the KSI crashes that are to be held
    is_chosen: BoolArray  # (n_pieces,), the last one taken in part
    length_km: float
    length_needed_km: float  # by a choice on half of the crashes, to hold the share of the others
    length_needed_low_km: float  # NaN without resamples, or with one crash
    length_needed_high_km: float
    length_share: float  # of all road
    total_km: float  # of all road
    n_pieces: int
    n_crashes: int  # KSI crashes in all
    chosen_again_share: float  # of the chosen length, mean over resamples
    held_left_out_share: float  # of KSI crashes left out of a resample, on the road it chose
    n_resamples: int
    confidence: float


def order_by_density(n: FloatArray, length_m: FloatArray) -> IntArray:
    """Order the pieces with crashes from the most to the fewest a metre, equal ones as given."""
    some = np.flatnonzero(n > 0)
    order: IntArray = some[np.argsort(-n[some] / length_m[some], kind="stable")].astype(np.int64)
    return order


def find_high_injury_network(
    n_ksi: ArrayLike,
    length_m: ArrayLike,
    *,
    share: float,
    rng: np.random.Generator,
    group: ArrayLike | None = None,
    n_resamples: int = 200,
    confidence: float = 0.95,
) -> HighInjuryNetwork:
    """Find the least length of road that holds a share of the KSI crashes.

    Parameters
    ----------
    n_ksi
        Crashes that killed or seriously injured somebody, per piece of road, shape
        (n_pieces,).
    length_m
        Length of each piece [m], > 0, same shape.
    share
        Share of the crashes to be held, between 0 and 1.
    rng
        Source of randomness.
    group
        Kind of each piece (road class), same shape: where a choice must go beyond the pieces
        with a crash, kinds with more crashes a metre come first. None: all alike.
    n_resamples
        Bootstrap resamples of the crashes; 0: neither resampled nor split (NaN).
    confidence
        Share of the split halves that the interval of the length needed holds.

    Returns
    -------
    network
        Pieces taken by crashes per metre, the last one in part, which is the least length
        there is (a fractional knapsack); the length that a choice on half of the crashes needs
        to hold that share of the other half, over 40 splits; how much of it another draw of
        crashes would choose again; and the share of crashes that it would hold which had no say.

    Raises
    ------
    NotEnoughDataError
        If there is no KSI crash.
    InputError
        If lengths differ, counts are not counts, a length is not positive or the share out
        of range.

    Notes
    -----
    The pieces hold by construction the stated share of the very crashes they were chosen
    on, and fewer of the next: `held_left_out_share` says how many of those left out of a
    resample. `length_km` is thus a figure of hindsight. What a choice needs is found on split
    halves: pieces with a crash of the one half by crashes per metre, then the others, by the
    rate of their group and within it in no order, until they hold the share of the other half.
    A choice on all crashes would need somewhat less. Where crashes lie by chance, the length
    needed is the share of all road. Pieces are taken one by one and need not touch.

    References
    ----------
    Dantzig, G. (1957). Discrete-variable extremum problems. Operations Research 5,
    266-288. doi:10.1287/opre.5.2.266
    Efron, B. & Tibshirani, R. (1993). An Introduction to the Bootstrap, ch. 17.
    """
    counts = require_counts("n_ksi", n_ksi)
    length = np.asarray(length_m, dtype=np.float64)
    require_same_length(n_ksi=counts, length_m=length)
    is_long = np.isfinite(length) & (length > 0)
    if not is_long.all() or not 0.0 < share < 1.0 or n_resamples < 0:
        message = (
            f"high-injury network: {int((~is_long).sum())} piece(s) whose length is not above 0 "
            f"and finite, share {share}, {n_resamples} resamples; give lengths above 0, a share "
            "between 0 and 1."
        )
        raise InputError(message)
    alpha = 1.0 - require_confidence(confidence)
    kinds = np.zeros(len(counts)) if group is None else np.asarray(group)
    require_same_length(n_ksi=counts, group=kinds)
    total = int(counts.sum())
    if total == 0:
        message = "high-injury network: no crash killed or seriously injured anybody."
        raise NotEnoughDataError(message)
    part = _choose(counts, length, share)
    chosen_m = float(part @ length)
    again, held = _resample(counts, length, share, rng, n_resamples)
    needed = _split(counts, length, kinds, share, rng) if n_resamples and total > 1 else [np.nan]
    low, middle, high = np.quantile(needed, [alpha / 2, 0.5, 1 - alpha / 2]) / M_PER_KM
    return HighInjuryNetwork(
        share=share,
        is_chosen=part > 0,
        length_km=chosen_m / M_PER_KM,
        length_needed_km=float(middle),
        length_needed_low_km=float(low),
        length_needed_high_km=float(high),
        length_share=chosen_m / float(length.sum()),
        total_km=float(length.sum()) / M_PER_KM,
        n_pieces=int((part > 0).sum()),
        n_crashes=total,
        chosen_again_share=float(np.mean(again)) if again else np.nan,
        held_left_out_share=float(np.nanmean(held)) if np.isfinite(held).any() else np.nan,
        n_resamples=n_resamples,
        confidence=confidence,
    )


def _choose(n: FloatArray, length_m: FloatArray, share: float) -> FloatArray:
    """Return the part of each piece that is taken, 0 to 1."""
    order = order_by_density(n, length_m)
    until = np.cumsum(n[order])
    wanted = share * until[-1]
    part = np.zeros(len(n))
    part[order] = np.clip((wanted - (until - n[order])) / n[order], 0.0, 1.0)
    return part


def _resample(
    counts: FloatArray,
    length: FloatArray,
    share: float,
    rng: np.random.Generator,
    n_resamples: int,
) -> tuple[list[float], list[float]]:
    """Choose again from crashes drawn with repeats; only pieces with a crash matter."""
    some = np.flatnonzero(counts > 0)
    n, metres = counts[some], length[some]
    piece = np.repeat(np.arange(len(some)), n.astype(np.int64))
    chosen = _choose(n, metres, share)
    again, held = [], []
    for _ in range(n_resamples):
        times = np.bincount(rng.integers(len(piece), size=len(piece)), minlength=len(piece))
        drawn = np.bincount(piece, times, len(some)).astype(np.float64)
        part = _choose(drawn, metres, share)
        left_out = np.bincount(piece[times == 0], minlength=len(some))
        again.append(float((np.minimum(part, chosen) @ metres) / (chosen @ metres)))
        n_left_out = int(left_out.sum())
        held.append(float(part @ left_out) / n_left_out if n_left_out else np.nan)
    return again, held


def _split(
    counts: FloatArray,
    length: FloatArray,
    kinds: NDArray[np.generic],
    share: float,
    rng: np.random.Generator,
) -> list[float]:
    """Choose on one half of the crashes; return the length that holds the share of the other.

    One number [m] for each split: first the pieces with a crash of the half, by crashes a metre,
    then what is left of each kind, by its rate; within a kind in no order, that is in proportion.
    """
    some = np.flatnonzero(counts > 0)
    n, metres = counts[some], length[some]
    _, kind = np.unique(kinds, return_inverse=True)
    of_kind = np.bincount(kind, length)
    kind = kind[some]
    piece = np.repeat(np.arange(len(some)), n.astype(np.int64))
    needed = []
    for _ in range(N_SPLITS):
        drawn = rng.permutation(piece)[: len(piece) // 2]
        chosen = np.bincount(drawn, minlength=len(some)).astype(np.float64)
        other = n - chosen
        order = order_by_density(chosen, metres)
        left = chosen == 0
        rate = np.bincount(kind, chosen, len(of_kind)) / of_kind
        then = np.argsort(-rate, kind="stable")
        left_m = of_kind - np.bincount(kind[~left], metres[~left], len(of_kind))
        left_n = np.bincount(kind[left], other[left], len(of_kind))
        until_m = np.cumsum(np.r_[0.0, metres[order], np.maximum(left_m[then], 0.0)])
        until_n = np.cumsum(np.r_[0.0, other[order], left_n[then]])
        needed.append(_find_length(until_m, until_n, share * float(other.sum())))
    return needed


def _find_length(until_m: FloatArray, until_n: FloatArray, wanted: float) -> float:
    """Return the least length at which so many crashes are held; between two, in proportion."""
    at = max(int(np.searchsorted(until_n, wanted - 1e-9)), 1)
    step = until_n[at] - until_n[at - 1]
    part = (wanted - until_n[at - 1]) / step if step > 0 else 0.0
    return float(until_m[at - 1] + part * (until_m[at] - until_m[at - 1]))
