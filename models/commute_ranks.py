"""How sure the order of factories is, by the crashes to expect on their commutes."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from scipy import sparse

from core.errors import InputError
from models.commute_risk import DEFAULT_MIN_EXPOSURE, share_crashes
from models.rates import require_confidence

__all__ = ["N_WORST", "estimate_factory_ranks"]

N_WORST: Final = 3
HALF_CRASH: Final = 0.5  # what the mean rate of a type weighs in a place's rate [crashes]
AT_ONCE: Final = 50  # draws held at a time


def estimate_factory_ranks(
    of_factories: pd.DataFrame,
    sites: pd.DataFrame,
    ranked: pd.Series,
    *,
    rng: np.random.Generator,
    min_exposure: float = DEFAULT_MIN_EXPOSURE,
    confidence: float = 0.95,
    n_draws: int = 2_000,
) -> pd.DataFrame:
    """Estimate the range of each factory's rank, and how likely it is among the worst three.

    Parameters
    ----------
    of_factories, sites, min_exposure
        As for `models.commute_risk.estimate_factory_crashes`.
    ranked
        Identifiers of the factories that are ranked.
    rng
        Source of the draws.
    confidence
        Level of the range [share].
    n_draws
        Number of draws, > 0.

    Returns
    -------
    DataFrame
        One row a ranked factory, in the order given: `factory_id`, `rank_ci_low`,
        `rank_ci_high`, `p_worst_3`.

    Raises
    ------
    TableError
        If a column is missing or a site comes twice.
    InputError
        If numbers cannot be, or a ranked factory has no commutes.

    Notes
    -----
    Rates of places (a site, or a pool of thin ones) are drawn from Gamma(n + 1/2,
    exposure + 1/2 ÷ the mean rate of such places) and handed to all factories that travel
    there, so that factories which share roads move together, and only what differs between
    them moves their order. Exposure is taken as known.
    """
    alpha = 1.0 - require_confidence(confidence)
    if n_draws < 1:
        message = f"n_draws is {n_draws}; give a number above 0."
        raise InputError(message)
    share = share_crashes(of_factories, sites, min_exposure)
    factory = pd.Index(ranked)
    row = factory.get_indexer(pd.Index(share["factory_id"]))
    lost = factory[~factory.isin(share["factory_id"])]
    if len(lost):
        message = f"ranks: {len(lost)} factory(ies) have no commutes, first {lost[0]!r}."
        raise InputError(message)
    share, row = share[row >= 0], row[row >= 0]
    places = share.drop_duplicates("group").set_index("group")
    column = places.index.get_indexer(pd.Index(share["group"]))
    km = sparse.csr_array((share["exposure"], (row, column)), shape=(len(factory), len(places)))
    n_crashes = places["n_crashes"].to_numpy(dtype=np.float64)
    exposure = places["exposure_all"].to_numpy(dtype=np.float64)
    sums = places.groupby("site_type")[["n_crashes", "exposure_all"]].transform("sum")
    mean = ((sums["n_crashes"] + HALF_CRASH) / sums["exposure_all"]).to_numpy()
    scale = 1.0 / (exposure + HALF_CRASH / mean)
    ranks = np.empty((n_draws, len(factory)), dtype=np.int32)
    for start in range(0, n_draws, AT_ONCE):
        n = min(AT_ONCE, n_draws - start)
        rates = rng.standard_gamma(n_crashes + HALF_CRASH, (n, len(places))) * scale
        order = np.argsort(-(km @ rates.T), axis=0, kind="stable")
        np.put_along_axis(ranks[start : start + n].T, order, np.arange(len(factory))[:, None], 0)
    low, high = (
        np.quantile(ranks, [alpha / 2, 1 - alpha / 2], axis=0, method="inverted_cdf")
        if len(factory)
        else np.empty((2, 0))
    )
    return pd.DataFrame(
        {
            "factory_id": factory,
            "rank_ci_low": low.astype(np.int64) + 1,
            "rank_ci_high": high.astype(np.int64) + 1,
            "p_worst_3": (ranks < N_WORST).mean(axis=0),
        }
    )
