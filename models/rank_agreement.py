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
    among the worst k of the other; NaN where a worst k says nothing.
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
    greatest_share: float = 1.0,
    most_tied: float = np.inf,
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
    greatest_share
        No overlap is told where k is more than this share of the sites of both: the worst 20
        of 20 are the same by any measure.
    most_tied
        No overlap is told where so many sites are equal to the k-th that the worst k of a
        measure would be more than (1 + most_tied)·k sites: the rest is by lot.

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
    Only sites of which both measures say something are compared. Of sites of equal value at
    the edge of the worst k each is taken with the same chance, and the overlap is what is
    expected then: a measure with few levels overlaps little with any. Leave out sites without a
    crash where they are most of all: their ties would make any two measures agree. In a
    resample ranks come from weights in the order sorted once, so that it takes no sort.
    Intervals tell how the agreement hangs on the sites that happened to be there, not how
    uncertain each measure is; Kendall's tau has none, for it would take a sort each time.

    References
    ----------
    Kendall, M. & Gibbons, J. (1990). Rank Correlation Methods, 5th ed.
    """
    limits_are_right = 0 < greatest_share <= 1 and most_tied >= 0
    is_right = values.shape[1] > 1 and all(k >= 1 for k in top) and n_resamples >= 0
    if not is_right or not limits_are_right:
        message = (
            f"agreement: {values.shape[1]} measure(s), top {list(top)}, {n_resamples} "
            f"resamples, k at most {greatest_share} of the sites, {most_tied} tied; give two "
            "measures or more, k from 1, resamples from 0, a share up to 1 and ties from 0."
        )
        raise InputError(message)
    alpha = 1.0 - require_confidence(confidence)
    table = values.to_numpy(dtype=np.float64)
    is_known = np.isfinite(table)
    found: dict[tuple[int, int], dict[str, object]] = {}
    lots: dict[bytes, list[tuple[int, int]]] = {}
    for pair in combinations(range(values.shape[1]), 2):
        both = is_known[:, pair[0]] & is_known[:, pair[1]]
        lots.setdefault(np.packbits(both).tobytes(), []).append(pair)
    for pairs in lots.values():  # pairs known at the same sites share their ranks
        both = is_known[:, pairs[0][0]] & is_known[:, pairs[0][1]]
        found |= _compare(table[both], pairs, top, rng, n_resamples, alpha)
    for (one, other), told in found.items():
        both = is_known[:, one] & is_known[:, other]
        columns = [table[both, column] for column in (one, other)]
        for k in top:
            if k > greatest_share * both.sum() or any(
                _count_reached(values_of, k) > (1 + most_tied) * k for values_of in columns
            ):
                told |= {f"top_{k}_share{side}": np.nan for side in ("", "_low", "_high")}
    rows = [
        {"measure": values.columns[one], "other": values.columns[other], **found[one, other]}
        for one, other in combinations(range(values.shape[1]), 2)
    ]
    return RankAgreement(pairs=pd.DataFrame(rows), n_resamples=n_resamples, confidence=confidence)


def _count_reached(values: FloatArray, k: int) -> int:
    """Return the number of sites at least as bad as the k-th worst."""
    if k >= len(values):
        return len(values)
    return int((values >= -np.partition(-values, k - 1)[k - 1]).sum())


class _Order:
    """The order of one measure, from the worst; equal values form a group."""

    def __init__(self, values: FloatArray) -> None:
        self.order: IntArray = np.argsort(-values, kind="stable").astype(np.int64)
        is_new = np.r_[True, np.diff(values[self.order]) != 0]
        self.first = np.flatnonzero(is_new)
        self.group = np.cumsum(is_new) - 1

    def rank(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return midranks and, for each site, the number before its group."""
        in_group = np.add.reduceat(weight[self.order], self.first)
        until = np.cumsum(in_group)
        rank, before = np.empty(len(weight)), np.empty(len(weight))
        rank[self.order] = (until - (in_group - 1) / 2)[self.group]
        before[self.order] = (until - in_group)[self.group]
        return rank, before


def _compare(
    table: FloatArray,
    pairs: list[tuple[int, int]],
    top: Sequence[int],
    rng: np.random.Generator,
    n_resamples: int,
    alpha: float,
) -> dict[tuple[int, int], dict[str, object]]:
    n_sites = len(table)
    names = ["spearman", *(f"top_{k}_share" for k in top)]
    if n_sites < 2:
        nothing = dict.fromkeys((*names, "kendall"), np.nan)
        nothing |= {f"{name}_{side}": np.nan for name in names for side in ("low", "high")}
        return {pair: {"n_sites": n_sites, **nothing} for pair in pairs}
    orders = {column: _Order(table[:, column]) for column in sorted({c for p in pairs for c in p})}
    found = _measure(orders, pairs, np.ones(n_sites), top)
    drawn = np.full((max(n_resamples, 1), *found.shape), np.nan)
    for i in range(n_resamples):
        weight = np.bincount(rng.integers(n_sites, size=n_sites), minlength=n_sites)
        drawn[i] = _measure(orders, pairs, weight.astype(np.float64), top)
    result: dict[tuple[int, int], dict[str, object]] = {}
    for row, (one, other) in enumerate(pairs):
        told: dict[str, object] = {"n_sites": n_sites}
        for column, name in enumerate(names):
            low, high = _find_bounds(drawn[:, row, column], alpha)
            told |= {name: found[row, column], f"{name}_low": low, f"{name}_high": high}
        has_order = len(orders[one].first) > 1 and len(orders[other].first) > 1
        tau = np.nan
        if has_order:
            tau = float(stats.kendalltau(table[:, one], table[:, other]).statistic)
        result[one, other] = {**told, "kendall": tau}
    return result


def _find_bounds(drawn: FloatArray, alpha: float) -> tuple[float, float]:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


def _measure(
    orders: dict[int, _Order],
    pairs: list[tuple[int, int]],
    weight: FloatArray,
    top: Sequence[int],
) -> FloatArray:
    """Compute rho and the overlaps of a sample in which each site counts `weight` times.

    Shape (n_pairs, 1 + number of tops).
    """
    total = float(weight.sum())
    ranks = np.empty((len(orders), len(weight)))
    before = np.empty_like(ranks)
    place = {column: row for row, column in enumerate(orders)}
    for column, order in orders.items():
        ranks[place[column]], before[place[column]] = order.rank(weight)
    in_group = 2 * (ranks - before) - 1  # sites of equal value
    ranks -= (total + 1) / 2
    product = (ranks * weight) @ ranks.T
    one = np.array([place[a] for a, _ in pairs])
    other = np.array([place[b] for _, b in pairs])
    scale = np.sqrt(product[one, one] * product[other, other])
    result = np.full((len(pairs), 1 + len(top)), np.nan)
    np.divide(product[one, other], scale, out=result[:, 0], where=scale > 0)
    for number, k in enumerate(top, start=1):
        most = min(float(k), total)
        near = np.flatnonzero((before < most).any(axis=0))
        size = np.maximum(in_group[:, near], 1e-9)
        chance = np.clip((most - before[:, near]) / size, 0.0, 1.0)
        result[:, number] = (chance[one] * chance[other]) @ weight[near] / most
    return result
