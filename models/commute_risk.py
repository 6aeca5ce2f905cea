"""Crashes and workers hurt per worker-km, and what each factory's commutes would expect."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from core.errors import InputError, TableError
from models.arrays import FloatArray, require_counts
from models.rates import compute_rate
from models.weighted_counts import compute_weighted_interval

__all__ = ["DEFAULT_MIN_EXPOSURE", "estimate_commute_rates", "estimate_factory_crashes"]
__all__ += ["share_crashes"]

DEFAULT_MIN_EXPOSURE: Final = 1e6  # worker-km over the study period
MILLION: Final = 1e6
UNKNOWN: Final = "unknown"
SITE_COLUMNS: Final = ("site_id", "site_type", "road_class", "n_crashes", "exposure")


def estimate_commute_rates(
    members: pd.DataFrame,
    exposure: pd.DataFrame,
    *,
    by: str,
    years: float,
    min_exposure: float = DEFAULT_MIN_EXPOSURE,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Estimate commute crashes and workers hurt per million worker-km, by group.

    Parameters
    ----------
    members
        `crash_id`, the column `by`, `n_hurt`: one row a crash and group at least, as
        `models.commute_crashes.match_commute_crashes` returns them. A crash counts once in
        each group that it has, so groups may sum to more than all crashes.
    exposure
        The column `by` and `worker_km_per_year`; several rows of a group are added up.
    by
        Name of the group: `mode`, `factory_id`, `hour`, `light`, `road_class`.
    years
        Length of the study period.
    min_exposure
        At or below so many worker-km over the period no rate is given.
    confidence
        Confidence level of the intervals [share].

    Returns
    -------
    DataFrame
        One row a group that has crashes or worker-km: the group (`unknown` where missing, in
        the last row), `n_crashes`, `n_hurt`, `worker_km` (over the period),
        `crashes_per_million`, `crashes_low`, `crashes_high` (exact Poisson),
        `hurt_per_million`, `hurt_low`, `hurt_high` (each crash one draw, however many were
        hurt in it), and `reason`, empty unless there is no rate.

    Raises
    ------
    TableError
        If a column is missing.
    InputError
        If `years` is not positive, or worker-km are negative or missing.

    Notes
    -----
    Worker-km are taken as known; they are modelled, and their error is not in the interval.
    Crashes whose group is not known lower the rates of all others: see the last row.
    """
    if not years > 0:
        message = f"years is {years}; give the length of the study period."
        raise InputError(message)
    for name, table, needed in (
        ("members", members, ("crash_id", by, "n_hurt")),
        ("exposure", exposure, (by, "worker_km_per_year")),
    ):
        missing = [column for column in needed if column not in table.columns]
        if missing:
            raise TableError.missing_columns(name, missing, list(map(str, table.columns)))
    of_crash = members.assign(group=_to_group(members[by]))
    of_crash = of_crash.groupby(["group", "crash_id"])["n_hurt"].sum().reset_index()
    of_crash["squared"] = of_crash["n_hurt"] ** 2
    counts = of_crash.groupby("group").agg(
        n_crashes=("crash_id", "size"),
        n_hurt=("n_hurt", "sum"),
        squared=("squared", "sum"),
        most=("n_hurt", "max"),
    )
    km = exposure.assign(group=_to_group(exposure[by])).groupby("group")["worker_km_per_year"]
    table = counts.join((km.sum() * years).rename("worker_km"), how="outer").fillna(0.0)
    base = table["worker_km"].to_numpy() / MILLION
    options = {"confidence": confidence, "min_exposure": min_exposure / MILLION}
    rate = compute_rate(table["n_crashes"], base, **options)
    is_unknown = np.asarray(table.index == UNKNOWN)
    is_given = np.isfinite(rate.rate) & ~is_unknown
    divisor = np.where(is_given, base, np.nan)
    low, high = compute_weighted_interval(
        table["n_hurt"], table["squared"], np.maximum(table["most"], 1), confidence=confidence
    )
    found = pd.DataFrame(
        {
            by: table.index,
            "n_crashes": table["n_crashes"].astype("int64").to_numpy(),
            "n_hurt": table["n_hurt"].astype("int64").to_numpy(),
            "worker_km": table["worker_km"].to_numpy(),
            "crashes_per_million": np.where(is_given, rate.rate, np.nan),
            "crashes_low": np.where(is_given, rate.ci_low, np.nan),
            "crashes_high": np.where(is_given, rate.ci_high, np.nan),
            "hurt_per_million": table["n_hurt"].to_numpy() / divisor,
            "hurt_low": low / divisor,
            "hurt_high": high / divisor,
        }
    )
    too_little = f"at most {min_exposure / MILLION:g} million worker-km: too little for a rate"
    reason = np.where(is_given, "", np.where(base > 0, too_little, "no worker-km are known"))
    found["reason"] = np.where(is_unknown, f"{by} not known", reason)
    return found.iloc[np.argsort(is_unknown, kind="stable")].reset_index(drop=True)


def estimate_factory_crashes(
    of_factories: pd.DataFrame,
    sites: pd.DataFrame,
    *,
    min_exposure: float = DEFAULT_MIN_EXPOSURE,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Estimate the crashes to expect on each factory's commutes, for ranking.

    Parameters
    ----------
    of_factories
        `factory_id`, `site_id`, `exposure`: worker-km on a segment, or passings of an
        intersection, over the study period.
    sites
        One row a site: `site_id`, `site_type`, `road_class`, `n_crashes` (commute crashes of
        all factories over the period), `exposure` (of all factories).
    min_exposure
        A site with less takes the rate of its kind.
    confidence
        Confidence level of the intervals [share].

    Returns
    -------
    DataFrame
        One row a factory, worst first: `factory_id`, `exposure_km` (on segments),
        `expected_crashes`, `ci_low`, `ci_high` over the period, `pooled_share` (of the
        expected crashes, from rates of kinds), `rank`, `reason` (why there is no number).

    Raises
    ------
    TableError
        If a column is missing or a site comes twice.
    InputError
        If counts are not counts or exposures are negative.

    Notes
    -----
    Σ over sites of the factory's exposure x the site's rate. A site with little exposure
    takes the pooled rate of such sites of its type and road class; a pool that is still small
    that of all such sites of its type. Sites are chosen by exposure, never by crashes,
    which would count chance twice; so the expected crashes of all factories, those not ranked
    too, sum to the crashes at sites that somebody passes. Rates are all factories': the number
    says how dangerous the roads of a factory are, not whether its own workers were hurt more
    often. Interval: Fay & Feuer's.
    """
    share = share_crashes(of_factories, sites, min_exposure)
    table = share.groupby("factory_id").agg(
        expected_crashes=("expected", "sum"),
        variance=("variance", "sum"),
        greatest=("weight", "max"),
        pooled=("pooled", "sum"),
    )
    is_road = sites["site_type"].eq("segment")
    on_roads = of_factories["site_id"].isin(sites.loc[is_road, "site_id"])
    km = of_factories[on_roads].groupby("factory_id")["exposure"].sum()
    everyone = pd.Index(of_factories["factory_id"].unique(), name="factory_id")
    table = table.reindex(everyone)
    table.insert(0, "exposure_km", km.reindex(everyone).fillna(0.0))
    return _rank(table, min_exposure, confidence)


def share_crashes(
    of_factories: pd.DataFrame, sites: pd.DataFrame, min_exposure: float
) -> pd.DataFrame:
    """Share the crashes of places out among factories, by their exposure there.

    Parameters
    ----------
    of_factories, sites, min_exposure
        As for `estimate_factory_crashes`.

    Returns
    -------
    DataFrame
        One row a factory and place (a site, or a pool of thin ones): `factory_id`, `group`,
        `site_type`, `exposure` (the factory's), `n_crashes` and `exposure_all` (of the place),
        `weight` (the factory's part), `expected`, `variance`, `pooled` (of the expected).

    Raises
    ------
    TableError, InputError
        As `estimate_factory_crashes`.
    """
    _require_tables(of_factories, sites)
    group = _pool_sites(sites, min_exposure)
    pools = sites.assign(group=group).groupby("group")[["n_crashes", "exposure"]].sum()
    own = pd.Index(sites["site_id"][group.to_numpy() == sites["site_id"].to_numpy()])
    named = sites[["site_id", "site_type"]].assign(group=group)
    joined = of_factories.merge(named, on="site_id")
    share = joined.groupby(["factory_id", "group", "site_type"])["exposure"].sum().reset_index()
    share = share.merge(pools, left_on="group", right_index=True, suffixes=("", "_all"))
    share = share[share["exposure"] > 0]
    weight = share["exposure"] / share["exposure_all"]
    return share.assign(
        weight=weight,
        expected=weight * share["n_crashes"],
        variance=weight**2 * share["n_crashes"],
        pooled=np.where(share["group"].isin(own), 0.0, weight * share["n_crashes"]),
    )


def _require_tables(of_factories: pd.DataFrame, sites: pd.DataFrame) -> None:
    for name, table, needed in (
        ("of_factories", of_factories, ("factory_id", "site_id", "exposure")),
        ("sites", sites, SITE_COLUMNS),
    ):
        missing = [column for column in needed if column not in table.columns]
        if missing:
            raise TableError.missing_columns(name, missing, list(map(str, table.columns)))
        exposure = table["exposure"].to_numpy(dtype=np.float64)
        if not np.all(exposure >= 0):
            first = int(np.flatnonzero(~(exposure >= 0))[0])
            message = f"{name}: exposure below 0 or missing, first in row {first}; correct it."
            raise InputError(message)
    require_counts("sites: n_crashes", sites["n_crashes"])
    if sites["site_id"].duplicated().any():
        first_id = sites.loc[sites["site_id"].duplicated(), "site_id"].iloc[0]
        message = f"sites: {first_id!r} comes more than once; give one row a site."
        raise TableError(message)


def _pool_sites(sites: pd.DataFrame, min_exposure: float) -> pd.Series[str]:
    """Return the site itself where it has exposure enough, else the pool of its kind."""
    is_thin = sites["exposure"] < min_exposure
    kind = (
        sites["site_type"].astype("str")
        + ":"
        + sites["road_class"].astype("object").fillna(UNKNOWN).astype("str")
    )
    thin_km = sites["exposure"].where(is_thin, 0.0).groupby(kind).transform("sum")
    pool = kind.where(thin_km >= min_exposure, sites["site_type"].astype("str") + ":")
    return sites["site_id"].astype("str").where(~is_thin, pool)


def _rank(table: pd.DataFrame, min_exposure: float, confidence: float) -> pd.DataFrame:
    is_enough = table["exposure_km"].gt(min_exposure) & table["expected_crashes"].notna()
    low, high = compute_weighted_interval(
        table["expected_crashes"].fillna(0.0),
        table["variance"].fillna(0.0),
        table["greatest"].fillna(1.0),
        confidence=confidence,
    )
    expected: FloatArray = table["expected_crashes"].to_numpy(dtype=np.float64)
    found = pd.DataFrame(
        {
            "factory_id": table.index,
            "exposure_km": table["exposure_km"].to_numpy(),
            "expected_crashes": expected,
            "ci_low": low,
            "ci_high": high,
            "pooled_share": (table["pooled"] / table["expected_crashes"]).to_numpy(),
        }
    )
    numbers = ["expected_crashes", "ci_low", "ci_high", "pooled_share"]
    found.loc[~is_enough.to_numpy(), numbers] = np.nan
    found = found.sort_values(
        ["expected_crashes", "factory_id"], ascending=[False, True], ignore_index=True
    )
    found["rank"] = found["expected_crashes"].rank(ascending=False, method="min").astype("Int64")
    too_little = f"at most {min_exposure / MILLION:g} million worker-km: too little to say"
    found["reason"] = np.where(found["expected_crashes"].notna(), "", too_little)
    return found


def _to_group(values: pd.Series) -> pd.Series:
    return values.astype("object").where(values.notna(), UNKNOWN)
