"""How often chance alone puts as much around a place: by permutation, or exactly.

A place keeps its own value; the values of all others are dealt out anew. Gi, Gi* and local
Moran all rise or fall with the sum over the neighbours, so one reference serves all three.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError, OutOfScopeError
from core.jit import compiled
from core.progress import Progress, no_progress
from models.arrays import FloatArray, IntArray, require_counts
from models.local_association import require_values
from models.network_weights import NetworkWeights
from models.screening import adjust_fdr

__all__ = [
    "LocalSignificance",
    "compute_exact_significance",
    "compute_permutation_significance",
]

N_PARTS: Final = 32  # drawn at the same time
BLOCK: Final = 64  # places that share draws
AT_ONCE: Final = 1024  # permutations
ROUNDING: Final = 1e-11  # of the largest possible sum: sums so close are equal
MOST_WORK: Final = 3e10  # multiplications of the exact reference
GOLDEN, FIRST, SECOND = (  # of splitmix64
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
S11, S27, S30, S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)


class Rows(NamedTuple):
    """The neighbours of each place, as compiled loops see them."""

    indptr: IntArray
    weight: FloatArray
    lag: FloatArray
    margin: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSignificance:
    """Of every place; arrays of shape (n_places,), NaN where a place has no neighbour."""

    p_high: FloatArray  # chance of as much around it, or more: hot
    p_low: FloatArray  # chance of as little around it, or less: cold
    p_value: FloatArray  # two-sided: twice the smaller, at most 1
    q_high: FloatArray  # Benjamini-Hochberg over the places with neighbours
    q_low: FloatArray
    q_value: FloatArray
    n_permutations: int  # 0: exact
    seed: int | None


def compute_permutation_significance(
    values: ArrayLike,
    weights: NetworkWeights,
    *,
    seed: int,
    n_permutations: int = 999,
    n_workers: int | None = None,
    progress: Progress = no_progress,
) -> LocalSignificance:
    """Compare the sum around each place with those of values dealt out anew.

    Parameters
    ----------
    values
        Shape (n_places,).
    weights
        Any.
    seed
        Whole number; the same seed gives the same result with any number of threads.
    n_permutations
        For each place; p is never below 1 / (n_permutations + 1).
    n_workers
        Threads; None: as many as processors.
    progress
        Told after each part.

    Returns
    -------
    significance
        p = (1 + number of permutations as extreme) / (1 + n_permutations), and q.

    Raises
    ------
    InputError
        If a value is missing, shapes differ, or a number is out of range.
    NotEnoughDataError
        If all values are alike, or there are fewer than four places.

    Notes
    -----
    Draws are shared by 64 places from anywhere on the network (in esda by all), so that p-values
    are not alike because of them; each p is that of draws of its own. With 999 permutations and
    100,000 places no q falls below 0.05 unless 2,000 places have the smallest p: take more
    permutations, or `compute_exact_significance`.

    References
    ----------
    Anselin, L. (1995). doi:10.1111/j.1538-4632.1995.tb00338.x
    Steele, G., Lea, D. & Flood, C. (2014). Fast splittable pseudorandom number generators.
    ACM SIGPLAN Notices 49, 453-472. doi:10.1145/2714064.2660195
    """
    y = require_values(values, weights)
    if n_permutations < 1 or seed < 0:
        message = f"{n_permutations} permutations, seed {seed}; give at least 1, and a seed from 0."
        raise InputError(message)
    matrix = weights.build_matrix()
    rows = Rows(
        matrix.indptr.astype(np.int64),
        np.asarray(matrix.data, dtype=np.float64),
        np.asarray(matrix @ y, dtype=np.float64),
        ROUNDING * np.abs(y).max() * np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel(),
    )
    n = len(y)
    n_high, n_low = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    # alike many neighbours, otherwise from anywhere: no two places near each other share draws
    shuffled = np.random.default_rng(seed).permutation(n)
    order = np.argsort(np.diff(rows.indptr)[shuffled], kind="stable")
    sites = shuffled[order][weights.n_islands :].astype(np.int64)
    blocks = np.append(np.arange(0, len(sites), BLOCK), len(sites)).astype(np.int64)
    bounds = np.linspace(0, len(blocks) - 1, N_PARTS + 1).astype(np.int64)

    def draw(part: int) -> None:
        _count_as_extreme(
            y, rows, blocks, sites, n_permutations, np.uint64(seed),
            int(bounds[part]), int(bounds[part + 1]), n_high, n_low,
        )  # fmt: skip

    with ThreadPoolExecutor(max_workers=max(1, n_workers or os.cpu_count() or 1)) as pool:
        for done, _ in enumerate(pool.map(draw, range(N_PARTS)), start=1):
            progress(done, N_PARTS, "permutations")
    return _summarise(
        (1 + n_high) / (1 + n_permutations),
        (1 + n_low) / (1 + n_permutations),
        weights,
        n_permutations=n_permutations,
        seed=seed,
    )


@compiled
def _count_as_extreme(
    values: FloatArray,
    rows: Rows,
    blocks: IntArray,
    sites: IntArray,
    n_permutations: int,
    seed: np.uint64,
    begin: int,
    stop: int,
    n_high: IntArray,
    n_low: IntArray,
) -> None:
    """Count, block by block, the draws without return whose sum is as high or as low.

    The sites of a block share draws from all values, one more than they have neighbours: where a
    site is among those drawn for itself, the one more takes its place.
    """
    drawn_in = np.zeros(len(values), dtype=np.int64)  # the draw in which a place was taken last
    place_in_block = np.full(len(values), -1, dtype=np.int64)
    sums = np.empty(AT_ONCE)
    tick = 0
    for block in range(begin, stop):
        own = sites[blocks[block] : blocks[block + 1]]
        most = 0
        for at in range(len(own)):
            most = max(most, rows.indptr[own[at] + 1] - rows.indptr[own[at]])
            place_in_block[own[at]] = at
        drawn = np.empty((most + 1, AT_ONCE))
        state = (seed + np.uint64(1)) * SECOND + np.uint64(block) * FIRST  # of this block alone
        state = (state ^ (state >> S30)) * FIRST
        state = state ^ (state >> S27)
        for done in range(0, n_permutations, AT_ONCE):
            size = min(AT_ONCE, n_permutations - done)
            state, hits = _draw(values, place_in_block, drawn_in, tick, state, size, drawn)
            tick += size
            for at in range(len(own)):
                i = own[at]
                first, k = rows.indptr[i], rows.indptr[i + 1] - rows.indptr[i]
                sums[:size] = 0.0
                for slot in range(k):
                    weight, values_drawn = rows.weight[first + slot], drawn[slot]
                    for p in range(size):
                        sums[p] += weight * values_drawn[p]
                for h in range(len(hits)):
                    slot, p = hits[h, 1], hits[h, 2]
                    if hits[h, 0] == at and slot < k:
                        sums[p] += rows.weight[first + slot] * (drawn[most, p] - values[i])
                high, low = rows.lag[i] - rows.margin[i], rows.lag[i] + rows.margin[i]
                as_high, as_low = 0, 0
                for p in range(size):
                    as_high += sums[p] >= high
                    as_low += sums[p] <= low
                n_high[i] += as_high
                n_low[i] += as_low
        for i in own:
            place_in_block[i] = -1


@compiled
def _draw(
    values: FloatArray,
    place_in_block: IntArray,
    drawn_in: IntArray,
    tick: int,
    state: np.uint64,
    size: int,
    drawn: FloatArray,
) -> tuple[np.uint64, IntArray]:
    """Draw values without return into columns; return the state, and who of the block was drawn.

    The latter has rows of place in the block, slot and column.
    """
    n = len(values)
    unit = n * 2.0**-53
    hits, n_hits = np.empty((16, 3), dtype=np.int64), 0
    for p in range(size):
        for slot in range(len(drawn)):
            while True:
                state += GOLDEN
                mixed = (state ^ (state >> S30)) * FIRST
                mixed = (mixed ^ (mixed >> S27)) * SECOND
                mixed = mixed ^ (mixed >> S31)
                j = np.int64(np.float64(np.int64(mixed >> S11)) * unit)
                if drawn_in[j] != tick + p + 1:
                    break
            drawn_in[j] = tick + p + 1
            drawn[slot, p] = values[j]
            if place_in_block[j] >= 0:
                if n_hits == len(hits):
                    hits = np.concatenate((hits, np.empty_like(hits)))
                hits[n_hits, 0], hits[n_hits, 1], hits[n_hits, 2] = place_in_block[j], slot, p
                n_hits += 1
    return state, hits[:n_hits]


def compute_exact_significance(
    n_events: ArrayLike, weights: NetworkWeights, *, has_self: bool = False
) -> LocalSignificance:
    """Compute what all permutations together would give, without drawing any.

    Parameters
    ----------
    n_events
        Counts per place, shape (n_places,).
    weights
        The same for all neighbours of a place, as binary weights are.
    has_self
        Take the place's own count as dealt out too, and in the sum: is there more in the whole
        window than in as many places from anywhere? Without, the question is the one of
        `compute_permutation_significance`: is there more around the place, whatever is on it?

    Returns
    -------
    significance
        The limit of `compute_permutation_significance` for ever more permutations; as small
        as the data make it.

    Raises
    ------
    InputError
        If counts are not counts, shapes differ, or the neighbours of a place differ in weight.
    NotEnoughDataError
        If all counts are alike, or there are fewer than four places.
    OutOfScopeError
        If counts or neighbourhoods are so large that permutations are the shorter way.

    Notes
    -----
    The sum over k neighbours is that of k draws without return from the counts of all other
    places: its law follows from how many places have which count (a multivariate
    hypergeometric sum, by the coefficients of prod_v (1 + t·x^v)^m_v), and depends on k and
    on the place's own count only.
    """
    counts = require_counts("n_events", n_events)
    y = require_values(counts, weights)
    _require_equal_weights(weights)
    n_drawn = np.diff(weights.raw.indptr).astype(np.int64) + has_self
    ones = weights.raw.copy()
    ones.data = np.ones_like(ones.data)
    sums = np.rint(ones @ y + has_self * y).astype(np.int64)
    kinds, kind, number = np.unique(y.astype(np.int64), return_inverse=True, return_counts=True)
    most, cap = int(n_drawn.max(initial=0)), int(sums.max(initial=0)) + 1
    work = float(len(kinds)) ** (1 if has_self else 2) * most**2 / 2 * cap
    if work > MOST_WORK:
        message = (
            f"exact reference: up to {most} neighbours and sums up to {cap - 1} over {len(kinds)} "
            "different counts are too many; use permutations."
        )
        raise OutOfScopeError(message)
    p_high, p_low = np.ones(len(y)), np.ones(len(y))
    for own in range(1 if has_self else len(kinds)):
        places = np.flatnonzero(((kind == own) | has_self) & ~weights.is_island)
        if not len(places):
            continue
        left = number.astype(np.int64)
        if not has_self:
            left[own] -= 1
        law = _draw_sums(kinds, left, int(n_drawn[places].max()), cap)
        from_above = np.cumsum(law[:, ::-1], axis=1)[:, ::-1]
        total = from_above[n_drawn[places], 0]
        p_high[places] = from_above[n_drawn[places], sums[places]] / total
        from_below = np.cumsum(law, axis=1)
        p_low[places] = from_below[n_drawn[places], sums[places]] / total
    return _summarise(p_high, p_low, weights, n_permutations=0, seed=None)


def _require_equal_weights(weights: NetworkWeights) -> None:
    data, indptr = weights.raw.data, weights.raw.indptr
    kept = np.flatnonzero(~weights.is_island)
    if not len(kept):
        return
    high = np.maximum.reduceat(data, indptr[kept])
    low = np.minimum.reduceat(data, indptr[kept])
    is_unlike = high > low * (1 + 1e-12)
    if is_unlike.any():
        message = (
            f"weights: the neighbours of {int(is_unlike.sum())} places differ in weight, first "
            f"place {kept[is_unlike][0]}; use binary weights, or permutations."
        )
        raise InputError(message)


@compiled
def _draw_sums(kinds: IntArray, number: IntArray, most: int, cap: int) -> FloatArray:
    """Weigh the sums of 0..most draws without return; the last column is cap and above.

    Row k holds the probabilities of sums of k draws up to one factor of the row.
    """
    scale = most / number.sum()  # keeps every row within what a number can hold
    law = np.zeros((most + 1, cap + 1))
    law[0, 0] = 1.0
    for v in range(len(kinds)):
        for drawn in range(most, -1, -1):  # from above, so that earlier rows are as they were
            ways = 1.0  # of taking `taken` of these, over (n / most) to that power
            for taken in range(1, min(drawn, number[v]) + 1):
                ways *= (number[v] - taken + 1) * scale / taken
                more = taken * kinds[v]
                source = law[drawn - taken]
                for total in range(cap + 1):
                    if source[total] > 0.0:
                        law[drawn, min(total + more, cap)] += ways * source[total]
    return law


def _summarise(
    p_high: FloatArray,
    p_low: FloatArray,
    weights: NetworkWeights,
    *,
    n_permutations: int,
    seed: int | None,
) -> LocalSignificance:
    told = ~weights.is_island
    p_high = np.where(told, np.minimum(p_high, 1.0), np.nan)
    p_low = np.where(told, np.minimum(p_low, 1.0), np.nan)
    p_value = np.minimum(2 * np.minimum(p_high, p_low), 1.0)
    return LocalSignificance(
        p_high=p_high,
        p_low=p_low,
        p_value=p_value,
        q_high=_adjust(p_high),
        q_low=_adjust(p_low),
        q_value=_adjust(p_value),
        n_permutations=n_permutations,
        seed=seed,
    )


def _adjust(p_value: FloatArray) -> FloatArray:
    q_value = np.full_like(p_value, np.nan)
    told = ~np.isnan(p_value)
    q_value[told] = adjust_fdr(p_value[told])
    return q_value
