"""How far rankings by different measures agree: rank correlations and common top sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from core.errors import InputError
from models.arrays import FloatArray, IntArray
from models.rates import require_confidence

__all__ = ["RankAgreement", "compute_rank_agreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankAgreement:
    """Agreement of every two measures.

    `pairs` has one row a pair: `measure`, `other`, `n_sites` (with both), `spearman` with
    `spearman_low` and `spearman_high`, `kendall` (tau-b, no interval), and for every k
    `top_K_share` with `_low` and `_high`: the share of the worst k of the one that are
    among the worst k of the other.
    """

    pairs: pd.DataFrame
    n_resamples: int
    confidence: float


def compute_rank_agreement(
    values: pd.DataFrame,
    *,
    top: Sequence[int],
    rng: np.random.Generator,
    n_resamples: int = 200,
    confidence: float = 0.95,
) -> RankAgreement:
    """Compare the order of sites by each two measures.

    Parameters
    ----------
    values
        One row a site, one column a measure, more is worse; NaN where a measure says
        nothing of a site.
    top
        Numbers of worst sites whose overlap is told, each > 0.
    rng
        Source of randomness.
    n_resamples
        Bootstrap resamples of sites; 0: no intervals (NaN).
    confidence
        Confidence level [share].

    Returns
    -------
    agreement
        Spearman's rho and Kendall's tau-b with ties, overlaps, percentile intervals.

    Raises
    ------
    InputError
        If there are fewer than two measures, or a number is out of range.

    Notes
    -----
    Only sites of which both measures say something are compared. Sites of equal value at the
    edge of the worst k are taken in the order given, by both. Leave out sites without a
    crash where they are most of all: their ties would make any two measures agree. In a
    resample ranks come from weights in the order sorted once, so that it takes no sort.
    Intervals tell how the agreement hangs on the sites that happened to be there, not how
    uncertain each measure is; Kendall's tau has none, for it would take a sort each time.

    References
    ----------
    Kendall, M. & Gibbons, J. (1990). Rank Correlation Methods, 5th ed.
    """
    if values.shape[1] < 2 or not all(k >= 1 for k in top) or n_resamples < 0:
        message = (
            f"agreement: {values.shape[1]} measure(s), top {list(top)}, {n_resamples} "
            "resamples; give two measures or more, k from 1 and resamples from 0."
        )
        raise InputError(message)
    alpha = 1.0 - require_confidence(confidence)
    rows = [
        _compare(values[[one, other]], top, rng, n_resamples, alpha)
        for one, other in combinations(values.columns, 2)
    ]
    return RankAgreement(pairs=pd.DataFrame(rows), n_resamples=n_resamples, confidence=confidence)


class _Order:
    """The order of one measure, from the worst; equal values form a group."""

    def __init__(self, values: FloatArray) -> None:
        self.order: IntArray = np.argsort(-values, kind="stable").astype(np.int64)
        is_new = np.r_[True, np.diff(values[self.order]) != 0]
        self.first = np.flatnonzero(is_new)
        self.group = np.cumsum(is_new) - 1

    def rank(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return midranks, and the number of weighted sites up to each, in the given order."""
        sorted_weight = weight[self.order]
        until = np.cumsum(sorted_weight)
        in_group = np.add.reduceat(sorted_weight, self.first)
        middle = np.cumsum(in_group) - (in_group - 1) / 2
        rank, reached = np.empty(len(weight)), np.empty(len(weight))
        rank[self.order] = middle[self.group]
        reached[self.order] = until
        return rank, reached


def _compare(
    pair: pd.DataFrame,
    top: Sequence[int],
    rng: np.random.Generator,
    n_resamples: int,
    alpha: float,
) -> dict[str, object]:
    table = pair.to_numpy(dtype=np.float64)
    table = table[np.isfinite(table).all(axis=1)]
    n_sites = len(table)
    names = ["spearman", *(f"top_{k}_share" for k in top)]
    result: dict[str, object] = {
        "measure": pair.columns[0],
        "other": pair.columns[1],
        "n_sites": n_sites,
    }
    if n_sites < 2:
        nothing = dict.fromkeys((*names, "kendall"), np.nan)
        bounds = {f"{name}_{side}": np.nan for name in names for side in ("low", "high")}
        return {**result, **nothing, **bounds}
    one, other = _Order(table[:, 0]), _Order(table[:, 1])
    found = _measure(one, other, np.ones(n_sites), top)
    drawn = np.full((max(n_resamples, 1), len(found)), np.nan)
    for i in range(n_resamples):
        weight = np.bincount(rng.integers(n_sites, size=n_sites), minlength=n_sites)
        drawn[i] = _measure(one, other, weight.astype(np.float64), top)
    low, high = _find_bounds(drawn, alpha)
    for name, value, least, most in zip(names, found, low, high, strict=True):
        result |= {name: value, f"{name}_low": least, f"{name}_high": most}
    has_order = len(one.first) > 1 and len(other.first) > 1
    tau = stats.kendalltau(table[:, 0], table[:, 1]).statistic if has_order else np.nan
    return {**result, "kendall": float(tau)}


def _find_bounds(drawn: FloatArray, alpha: float) -> tuple[FloatArray, FloatArray]:
    bounds = np.full((2, drawn.shape[1]), np.nan)
    for column, values in enumerate(drawn.T):
        known = values[np.isfinite(values)]
        if len(known):
            bounds[:, column] = np.quantile(known, [alpha / 2, 1 - alpha / 2])
    return bounds[0], bounds[1]


def _measure(one: _Order, other: _Order, weight: FloatArray, top: Sequence[int]) -> FloatArray:
    """Compute rho and the overlaps of a sample in which each site counts `weight` times."""
    (rank_one, until_one), (rank_other, until_other) = one.rank(weight), other.rank(weight)
    total = weight.sum()
    middle = (total + 1) / 2
    a, b = rank_one - middle, rank_other - middle
    scale = np.sqrt(float((weight * a) @ a) * float((weight * b) @ b))
    rho = float((weight * a) @ b) / scale if scale > 0 else np.nan
    overlaps = []
    for k in top:
        most = min(float(k), float(total))
        taken_one = np.clip(most - (until_one - weight), 0.0, weight)
        taken_other = np.clip(most - (until_other - weight), 0.0, weight)
        overlaps.append(float(np.minimum(taken_one, taken_other).sum() / most))
    return np.array([rho, *overlaps])
