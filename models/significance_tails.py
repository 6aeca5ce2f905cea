"""How likely a smoothed count is under a null, nearly: what far-off lixels are compared by.

A smoothed count T is a sum of crashes, each times its weight. By chance alone it is a compound
Poisson sum; T / c with c = sum(w² mu) / sum(w mu) has the mean and the variance of a Poisson count
of mean sum(w mu) / c. Where groups differ by gamma factors it is nearly negative binomial. For
windows (all weights 1) both are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse, special

from models.arrays import FloatArray
from models.null_models import NullModel

__all__ = ["SmoothedNull", "describe_smoothed"]

BLOCK_ENTRIES = 20_000_000  # of the smoothing matrix at once
HARDLY_K = 1e-7  # from here down a negative binomial is taken for Poisson
MEAN_STEP, K_STEP = 0.01, 0.05  # relative steps of the table of limits
N_DOUBLINGS, N_HALVINGS = 40, 12
N_SHRINKS, SHRINK = 60, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothedNull:
    """Smoothed counts under a null; every array has shape (n_places,).

    Attributes
    ----------
    mean, sd
        Of the smoothed count, the number of crashes given.
    unit
        Size of a crash: T / unit is nearly a count.
    mean_count
        Mean of that count.
    k
        Its overdispersion.
    """

    mean: FloatArray
    sd: FloatArray
    unit: FloatArray
    mean_count: FloatArray
    k: FloatArray

    def get_tail(self, place: np.ndarray, value: FloatArray) -> FloatArray:
        """Return nearly P(T >= value) at places; 1 where the value is not above 0."""
        is_up = (value > 0) & (self.mean_count[place] > 0)
        tail = np.ones(len(value))
        at = place[is_up]
        tail[is_up] = _get_count_tail(value[is_up] / self.unit[at], self.mean_count[at], self.k[at])
        return tail

    def find_limits(self, level: float) -> FloatArray:
        """Return for each place a value below which the tail is certainly above a level.

        It is nearly the value at which the tail is that level: a sieve, after which few
        tails need be calculated.
        """
        is_used = self.mean_count > 0
        limit = np.full(len(self.mean), np.inf)
        mean, k = self.mean_count[is_used], self.k[is_used]
        near_mean = np.exp(np.floor(np.log(mean) / MEAN_STEP) * MEAN_STEP)
        near_k = np.zeros(len(k))
        is_wide = k > HARDLY_K
        near_k[is_wide] = np.exp(np.round(np.log(k[is_wide]) / K_STEP) * K_STEP)
        pairs, which = np.unique(near_mean + 1j * near_k, return_inverse=True)
        value = _find_count(pairs.real.copy(), pairs.imag.copy(), level)[which.ravel()]
        left = np.flatnonzero(_get_count_tail(value, mean, k) < level)
        for _ in range(N_SHRINKS):
            if not len(left):
                break
            value[left] *= SHRINK
            left = left[_get_count_tail(value[left], mean[left], k[left]) < level]
        value[left] = 0.0
        limit[is_used] = value * self.unit[is_used]
        return limit


def describe_smoothed(smoothing: sparse.csr_array, null: NullModel, total: float) -> SmoothedNull:
    """Calculate mean, spread and nearly the distribution of smoothed counts under a null.

    Parameters
    ----------
    smoothing
        Weight of a crash on lixel j at place i, shape (n_places, n_lixels).
    null
        Expected crashes per lixel; scaled to the total.
    total
        Number of crashes that fall.
    """
    n_places = smoothing.shape[0]
    expected = null.expected * (total / max(null.expected.sum(), np.finfo(float).tiny))
    squared, grouped, mixed = np.zeros(n_places), np.zeros(n_places), np.zeros(n_places)
    mean = np.asarray(smoothing @ expected, dtype=np.float64)
    groups, share = _group_lixels(null, expected)
    for begin, block in _cut_blocks(smoothing):
        rows = slice(begin, begin + block.shape[0])
        if groups is not None:
            block.data *= expected[block.indices]
            own = sparse.csr_array(block @ groups)
            mixed[rows] = own @ share
            own.data **= 2
            grouped[rows] = own.sum(axis=1)
            block = smoothing[rows]  # as it was
        block.data **= 2
        squared[rows] = block @ expected
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.where(mean > 0, squared / mean, 1.0)
        k = np.where(mean > 0, null.overdispersion_k * grouped / mean**2, 0.0)
    n = max(total, 1.0)
    between = grouped - 2 * mean * mixed / n + (mean / n) ** 2 * (share @ share)
    variance = squared - mean**2 / n + null.overdispersion_k * between * (1 - 1 / n)
    return SmoothedNull(
        mean=mean,
        sd=np.sqrt(np.maximum(variance, 0.0)),
        unit=unit,
        mean_count=np.where(mean > 0, mean / np.where(mean > 0, unit, 1.0), 0.0),
        k=k,
    )


def _group_lixels(
    null: NullModel, expected: FloatArray
) -> tuple[sparse.csr_array | None, FloatArray]:
    """Return which group each lixel is in, and the expected crashes of each group."""
    if null.overdispersion_k == 0:
        return None, np.zeros(1)
    n = len(expected)
    group = np.arange(n) if null.group is None else null.group
    shape = (n, int(group.max(initial=-1)) + 1)
    matrix = sparse.csr_array((np.ones(n), (np.arange(n), group)), shape=shape)
    share = np.bincount(group, weights=expected, minlength=shape[1])
    return matrix, share.astype(np.float64)


def _cut_blocks(matrix: sparse.csr_array) -> Iterator[tuple[int, sparse.csr_array]]:
    """Yield copies of consecutive rows, so many that memory is bounded."""
    n_rows = matrix.shape[0]
    begin = 0
    while begin < n_rows:
        room = matrix.indptr[begin] + BLOCK_ENTRIES
        stop = int(np.searchsorted(matrix.indptr, room, side="right")) - 1
        stop = min(max(stop, begin + 1), n_rows)
        yield begin, matrix[begin:stop].copy()
        begin = stop


def _get_count_tail(count: FloatArray, mean: FloatArray, k: FloatArray) -> FloatArray:
    """Return P(X >= count), continued between whole numbers, of a count with variance m + k m²."""
    is_wide = k > HARDLY_K
    at_least = np.maximum(count, np.finfo(float).tiny)
    tail = np.asarray(special.gammainc(at_least, mean))
    if is_wide.any():
        scaled = (k * mean)[is_wide]
        tail[is_wide] = special.betainc(at_least[is_wide], 1 / k[is_wide], scaled / (1 + scaled))
    return tail


def _find_count(mean: FloatArray, k: FloatArray, level: float) -> FloatArray:
    """Return by halving the count whose tail is a level, or a little less."""
    low, high = np.zeros(len(mean)), mean + 1.0
    for _ in range(N_DOUBLINGS):
        too_low = _get_count_tail(high, mean, k) > level
        if not too_low.any():
            break
        low[too_low] = high[too_low]
        high[too_low] *= 2
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        is_above = _get_count_tail(middle, mean, k) >= level
        low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
    return low
