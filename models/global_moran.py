"""Whether high values lie near high values at all: global Moran, and rates it can be asked of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse, special

from core.errors import InputError, NotEnoughDataError
from models.arrays import FloatArray, require_counts, require_same_length
from models.local_association import FEWEST, require_values
from models.network_weights import NetworkWeights

__all__ = ["GlobalMoran", "compute_global_moran", "compute_standardised_rate"]

BATCH = 32  # permutations at once
ALPHA = 0.05
SLIGHT = 0.1  # of I, where 1 is as alike as can be


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalMoran:
    """Moran's I over all places that have a neighbour; two-sided p unless said."""

    statistic: float  # 0: as chance would have it; above: like near like
    expected: float
    variance_normality: float
    variance_randomisation: float
    z_normality: float
    z_randomisation: float
    p_normality: float
    p_randomisation: float
    p_permutation: float  # NaN without permutations
    mean_permutation: float
    variance_permutation: float
    n_permutations: int
    n_places: int
    n_islands: int  # left out
    meaning: str  # one plain sentence


def compute_global_moran(
    values: ArrayLike,
    weights: NetworkWeights,
    *,
    rng: np.random.Generator | None = None,
    n_permutations: int = 999,
) -> GlobalMoran:
    """Compute Moran's I, with its moments and by permutation.

    Parameters
    ----------
    values
        Rates, or counts over equal exposures, shape (n_places,).
    weights
        Who is whose neighbour. Places without one are left out, of the mean too.
    rng
        For the permutations; None: none are drawn.
    n_permutations
        Of all values among all places.

    Returns
    -------
    moran
        I = n/S0 · sum_ij w_ij z_i z_j / sum_i z_i², its expectation -1/(n - 1), and its variance
        were the values normal, and were they dealt out at random.

    Raises
    ------
    InputError
        If a value is missing, or shapes differ.
    NotEnoughDataError
        If all values are alike, or fewer than four places have a neighbour.

    Notes
    -----
    p by permutation is twice the smaller share of (1 + permutations) as high, or as low. esda
    gives the smaller share itself. esda also keeps places without a neighbour, as rows of zeros,
    so that its I and z differ from these where there are such islands.

    References
    ----------
    Cliff, A. & Ord, J. K. (1981). Spatial Processes: Models and Applications, 1.5 and 2.3.
    """
    y = require_values(values, weights)
    kept = np.flatnonzero(~weights.is_island)
    n = len(kept)
    z = y[kept] - y[kept].mean() if n else y[kept]
    squares = float((z**2).sum())
    if n < FEWEST:
        message = (
            f"global Moran: {n} of {len(y)} place(s) have a neighbour, at least {FEWEST} are "
            "needed; take a longer distance."
        )
        raise NotEnoughDataError(message)
    if squares <= 0:
        message = (
            f"global Moran: all {n} places with a neighbour have the value {y[kept][0]:g}; take a "
            "longer distance, or values that differ."
        )
        raise NotEnoughDataError(message)
    matrix = weights.build_matrix()[kept, :][:, kept]
    s0 = float(matrix.sum())
    both = matrix + matrix.T
    s1 = float(both.multiply(both).sum()) / 2
    s2 = float(np.square(np.asarray(matrix.sum(axis=0)) + np.asarray(matrix.sum(axis=1))).sum())
    statistic = n / s0 * float(z @ (matrix @ z)) / squares
    expected = -1.0 / (n - 1)
    normality = (n**2 * s1 - n * s2 + 3 * s0**2) / ((n - 1) * (n + 1) * s0**2) - expected**2
    kurtosis = float((z**4).mean()) / (squares / n) ** 2
    first = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    randomisation = (first - second) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
    z_normality = (statistic - expected) / np.sqrt(normality)
    z_randomisation = (statistic - expected) / np.sqrt(randomisation)
    drawn = np.zeros(0)
    if rng is not None and n_permutations > 0:
        drawn = _permute(z, matrix, rng, n_permutations) * n / s0 / squares
    p_permutation = _rank_both_sides(statistic, drawn)
    p_randomisation = float(2 * special.ndtr(-abs(z_randomisation)))
    decides = p_permutation if len(drawn) else p_randomisation
    return GlobalMoran(
        statistic=statistic,
        expected=expected,
        variance_normality=normality,
        variance_randomisation=randomisation,
        z_normality=float(z_normality),
        z_randomisation=float(z_randomisation),
        p_normality=float(2 * special.ndtr(-abs(z_normality))),
        p_randomisation=p_randomisation,
        p_permutation=p_permutation,
        mean_permutation=float(drawn.mean()) if len(drawn) else float("nan"),
        variance_permutation=float(drawn.var()) if len(drawn) else float("nan"),
        n_permutations=len(drawn),
        n_places=n,
        n_islands=weights.n_islands,
        meaning=_describe(statistic, expected, decides, weights.n_islands),
    )


def _permute(
    z: FloatArray, matrix: sparse.csr_array, rng: np.random.Generator, n_permutations: int
) -> FloatArray:
    """Return sum_ij w_ij z_i z_j of values dealt out anew."""
    sums = np.empty(n_permutations)
    for begin in range(0, n_permutations, BATCH):
        size = min(BATCH, n_permutations - begin)
        dealt = np.column_stack([rng.permutation(z) for _ in range(size)])
        sums[begin : begin + size] = (dealt * (matrix @ dealt)).sum(axis=0)
    return sums


def _rank_both_sides(statistic: float, drawn: FloatArray) -> float:
    if not len(drawn):
        return float("nan")
    margin = 1e-12 * max(1.0, abs(statistic))
    as_high = int((drawn >= statistic - margin).sum())
    as_low = int((drawn <= statistic + margin).sum())
    return min(1.0, 2 * (1 + min(as_high, as_low)) / (1 + len(drawn)))


def _describe(statistic: float, expected: float, p_value: float, n_islands: int) -> str:
    by_chance = "about 0" if abs(expected) < 0.0005 else f"{expected:.3f}"
    chance = "p below 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
    effect = f"(Moran's I {statistic:.2f}, {by_chance} expected by chance, {chance})"
    is_slight = abs(statistic - expected) < SLIGHT
    if p_value > ALPHA:
        sentence = f"The data cannot tell whether places are like those near them {effect}."
    elif statistic > expected and is_slight:
        sentence = (
            f"High values lie near high ones slightly more than chance would have it {effect}."
        )
    elif statistic > expected:
        sentence = f"High values lie near high ones, more than chance would have it {effect}."
    elif is_slight:
        sentence = f"Places are slightly less like those near them than by chance {effect}."
    else:
        sentence = f"Places are less like those near them than chance would have it {effect}."
    if is_slight and p_value <= ALPHA:
        sentence += " Chance is not the reason, but the effect is small."
    if n_islands == 1:
        sentence += " One place without a neighbour is left out."
    elif n_islands:
        sentence += f" {n_islands:,} places without a neighbour are left out."
    return sentence


def compute_standardised_rate(n_events: ArrayLike, exposure: ArrayLike) -> FloatArray:
    """Standardise rates over unequal exposures, for Moran (empirical Bayes index).

    Parameters
    ----------
    n_events
        Events of each place, shape (n_places,).
    exposure
        Worker-km, vehicle-km, people or length of each, > 0, shape (n_places,).

    Returns
    -------
    rate
        (rate - mean) over the standard deviation that a rate of this exposure has, were
        all places alike but for a common variance; no unit, shape (n_places,).

    Raises
    ------
    InputError
        If counts are not counts, or an exposure is not above 0.
    NotEnoughDataError
        If there is no event at all.

    Notes
    -----
    With b = sum n / sum x, s² = sum x (n/x - b)² / sum x and a = s² - b / mean(x): variance
    a + b/x; b/x where that is not above 0. Raw counts follow the exposure: where busy roads meet
    busy roads, Moran finds what traffic did. Raw rates vary most where exposure is least, which
    makes single events on small roads look extreme.

    References
    ----------
    Assunção, R. & Reis, E. (1999). A new proposal to adjust Moran's I for population density.
    Statistics in Medicine 18, 2147-2162.
    doi:10.1002/(SICI)1097-0258(19990830)18:16<2147::AID-SIM179>3.0.CO;2-I
    """
    counts = require_counts("n_events", n_events)
    base = np.asarray(exposure, dtype=np.float64)
    n = require_same_length(n_events=counts, exposure=base)
    is_bad = ~(np.isfinite(base) & (base > 0))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"exposure: {int(is_bad.sum())} of {n} are not above 0, first at position {first}: "
            f"{base[first]}; leave out places that nobody passes."
        )
        raise InputError(message)
    if counts.sum() == 0:
        message = "standardised rate: there is no event at all."
        raise NotEnoughDataError(message)
    rate = counts / base
    mean = counts.sum() / base.sum()
    spread = float((base * (rate - mean) ** 2).sum() / base.sum())
    variance = spread - mean / base.mean() + mean / base
    variance = np.where(variance > 0, variance, mean / base)
    return np.asarray((rate - mean) / np.sqrt(variance), dtype=np.float64)
