"""The high-injury network: the least road that holds most of the deaths and serious injuries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError, NotEnoughDataError
from core.units import M_PER_KM
from models.arrays import BoolArray, FloatArray, IntArray, require_counts, require_same_length
from models.rates import require_confidence

__all__ = ["HighInjuryNetwork", "find_high_injury_network", "order_by_density"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HighInjuryNetwork:
    """The chosen road and how sure the choice is."""

    share: float  # of the KSI crashes that are to be held
    is_chosen: BoolArray  # (n_pieces,), the last one taken in part
    length_km: float
    length_ci_low: float  # NaN without resamples
    length_ci_high: float
    length_share: float  # of all road
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
    n_resamples
        Bootstrap resamples of the crashes; 0: no interval (NaN).
    confidence
        Confidence level of the interval [share].

    Returns
    -------
    network
        Pieces taken by crashes per metre, the last one in part, which is the least length
        there is (a fractional knapsack); its interval; how much of it another draw of
        crashes would choose again; and the share of crashes that it would hold which
        had no say in the choice.

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
    resample. By chance crashes lie on less road than they will in the long run, and still
    more so in a resample, which repeats them: the interval is turned over (basic bootstrap)
    to undo that, so that it may lie wholly above the length itself. With few crashes a piece
    it undoes a part only. Pieces are taken one by one and need not touch.

    References
    ----------
    Dantzig, G. (1957). Discrete-variable extremum problems. Operations Research 5,
    266-288. doi:10.1287/opre.5.2.266
    Davison, A. & Hinkley, D. (1997). Bootstrap Methods and their Application, 5.2.
    """
    counts = require_counts("n_ksi", n_ksi)
    length = np.asarray(length_m, dtype=np.float64)
    require_same_length(n_ksi=counts, length_m=length)
    if not np.all(length > 0) or not 0.0 < share < 1.0 or n_resamples < 0:
        message = (
            f"high-injury network: {int((~(length > 0)).sum())} piece(s) without length, share "
            f"{share}, {n_resamples} resamples; give lengths above 0, a share between 0 and 1."
        )
        raise InputError(message)
    total = int(counts.sum())
    if total == 0:
        message = "high-injury network: no crash killed or seriously injured anybody."
        raise NotEnoughDataError(message)
    part = _choose(counts, length, share)
    chosen_m = float(part @ length)
    lengths, again, held = _resample(counts, length, share, rng, n_resamples)
    low, high = np.nan, np.nan
    if n_resamples:
        alpha = 1.0 - require_confidence(confidence)
        least, most = np.quantile(lengths, [alpha / 2, 1 - alpha / 2])
        low = max(2 * chosen_m - float(most), 0.0)
        high = min(2 * chosen_m - float(least), float(length.sum()))
    return HighInjuryNetwork(
        share=share,
        is_chosen=part > 0,
        length_km=chosen_m / M_PER_KM,
        length_ci_low=low / M_PER_KM,
        length_ci_high=high / M_PER_KM,
        length_share=chosen_m / float(length.sum()),
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
) -> tuple[list[float], list[float], list[float]]:
    """Choose again from crashes drawn with repeats; only pieces with a crash matter."""
    some = np.flatnonzero(counts > 0)
    n, metres = counts[some], length[some]
    piece = np.repeat(np.arange(len(some)), n.astype(np.int64))
    chosen = _choose(n, metres, share)
    lengths, again, held = [], [], []
    for _ in range(n_resamples):
        times = np.bincount(rng.integers(len(piece), size=len(piece)), minlength=len(piece))
        drawn = np.bincount(piece, times, len(some)).astype(np.float64)
        part = _choose(drawn, metres, share)
        left_out = np.bincount(piece[times == 0], minlength=len(some))
        lengths.append(float(part @ metres))
        again.append(float((np.minimum(part, chosen) @ metres) / (chosen @ metres)))
        n_left_out = int(left_out.sum())
        held.append(float(part @ left_out) / n_left_out if n_left_out else np.nan)
    return lengths, again, held
