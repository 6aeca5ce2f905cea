"""The columns of every measure for one kind of site, its intervals, and ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.vocabulary import Severity
from models.empirical_bayes import EbEstimate, Figure, combine_with_expected, simulate_figures
from models.rates import compute_poisson_interval, compute_rate
from models.site_screening import (
    compare_type_share,
    compute_critical_rates,
    compute_epdo_expected,
    compute_excess_predicted,
    grade_service_of_safety,
)
from models.sliding_windows import WindowLevel, find_peaks, find_worst_windows
from models.weighted_counts import compute_weighted_interval
from pipeline.measure_list import CRASH_TYPES, MEASURES
from pipeline.site_tables import OUTCOMES, SiteKind

__all__ = ["Yardsticks", "add_measures", "choose_top", "search_peaks"]

INJURIES = (Severity.FATAL.value, Severity.SERIOUS.value, Severity.SLIGHT.value)
COUNTED = ("n_crashes", *(f"n_{word.value}" for word in Severity), "n_unknown_severity")
TOPS = (20, 10, 5)  # numbers of worst sites that are asked for
LEAST_OTHERS = 4  # sites there must be for each of the worst
MOST_DRAWN = 3_000_000  # sites times draws
LEAST_DRAWS, MOST_DRAWS = 100, 300
N_FOLLOWED = 1000  # sites with an interval of their rank
GREATEST_CV = 0.5
DECIMALS = 9  # values that differ by less are equal
NO_SAY = 0.999  # weight of what is usual, at which the count has no say
LEAST_MEAN = 1e-9  # where a crash was counted, one was possible


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardsticks:
    """What the measures of all kinds of sites share."""

    years: float
    epdo_weights: Mapping[str, float]
    min_exposure: float  # millions, below which no rate is given
    intersection_radius_m: float  # crashes this near belong to the intersection
    seed: int


def choose_top(n_sites: int) -> int:
    """Return how many sites are called the worst: at most a quarter of them, at least one."""
    return next((k for k in TOPS if LEAST_OTHERS * k <= n_sites), 1)


def add_measures(kind: SiteKind, yardsticks: Yardsticks) -> pd.DataFrame:
    """Return one row a site with every measure, its interval and its rank.

    `attrs` says how many draws ranks come from (`n_draws`), how many worst sites
    `p_worst` is of (`n_worst`), and what shares of crash types were compared (`shares`).
    """
    columns = ["site_id", "label", "facility", "length_m", "lon", "lat"]
    if "corridor_id" in kind.table:
        columns += ["corridor_id", "from_km", "to_km"]
    table = kind.table[columns].assign(site_type=kind.name, exposure=kind.table["exposure"])
    whole = [*COUNTED, "n_injury_crashes", "n_ksi_crashes"]
    table = table.join(kind.counts[whole].round().astype(np.int64))
    found = {outcome: estimate(kind, outcome) for outcome in OUTCOMES}
    parts = [
        measure_counts(kind, yardsticks),
        measure_rates(kind, yardsticks),
        measure_excess(kind, found["all"], yardsticks),
        measure_severity(kind, found, yardsticks),
    ]
    shares, told = measure_shares(kind)
    table = pd.concat([table, *parts, shares], axis=1)
    ranks, n_draws = measure_ranks(
        table, found, describe_figures(kind, found, yardsticks), yardsticks
    )
    table = pd.concat([table, ranks], axis=1)
    for measure in MEASURES:
        value = table[measure.column].astype("float64").round(DECIMALS)
        table[f"rank_{measure.key}"] = value.rank(ascending=False, method="min").astype("Int64")
    table.attrs = {"shares": told, "n_draws": n_draws, "n_worst": choose_top(len(table))}
    return table


def measure_counts(kind: SiteKind, yardsticks: Yardsticks) -> pd.DataFrame:
    """Return crashes, KSI crashes and EPDO a year with their intervals."""
    years, weights = yardsticks.years, yardsticks.epdo_weights
    found: dict[str, Any] = {}
    for name, column in (("crashes_per_year", "n_crashes"), ("ksi_per_year", "n_ksi_crashes")):
        n = kind.counts[column].to_numpy()
        low, high = compute_poisson_interval(n)
        found |= {name: n / years, f"{name}_low": low / years, f"{name}_high": high / years}
    least = min(weights.values())
    total, variance = np.zeros(len(kind.table)), np.zeros(len(kind.table))
    for word in (*(s.value for s in Severity), "unknown_severity"):
        weight = weights.get(word, least)
        total += weight * kind.counts[f"n_{word}"].to_numpy()
        variance += weight**2 * kind.counts[f"n_{word}"].to_numpy()
    low, high = compute_weighted_interval(total, variance, max(weights.values()))
    found |= {
        "epdo_per_year": total / years,
        "epdo_per_year_low": low / years,
        "epdo_per_year_high": high / years,
    }
    return pd.DataFrame(found)


def measure_rates(kind: SiteKind, yardsticks: Yardsticks) -> pd.DataFrame:
    """Return rates where exposure is known and enough, and how far above the critical rate."""
    n = kind.counts["n_crashes"].to_numpy()
    exposure = kind.table["exposure"].to_numpy(dtype=np.float64)
    rate = compute_rate(n, np.nan_to_num(exposure), min_exposure=yardsticks.min_exposure)
    group = kind.table["facility"].to_numpy().astype(str)
    critical = compute_critical_rates(n, exposure, group, min_exposure=yardsticks.min_exposure)
    return pd.DataFrame(
        {
            "crash_rate": rate.rate,
            "crash_rate_low": rate.ci_low,
            "crash_rate_high": rate.ci_high,
            "critical_rate": critical.critical_rate,
            "rate_over_critical": critical.excess,
        }
    )


def estimate(kind: SiteKind, outcome: str) -> EbEstimate | None:
    """Combine the count with what is predicted; None where there is no function."""
    if outcome not in kind.predictions.mean:
        return None
    n = kind.counts[OUTCOMES[outcome]].to_numpy()
    mean = kind.predictions.mean[outcome]
    possible = np.where(n > 0, np.maximum(mean, LEAST_MEAN), mean)
    return combine_with_expected(n, possible, kind.predictions.k[outcome])


def measure_excess(
    kind: SiteKind, found: EbEstimate | None, yardsticks: Yardsticks
) -> pd.DataFrame:
    """Return what compares the count with the function, with and without luck."""
    years = yardsticks.years
    names = ["n_predicted", "overdispersion_k", "excess_predicted", "p_value", "eb_weight"]
    names += ["n_expected", "n_expected_low", "n_expected_high"]
    names += ["excess_expected", "excess_expected_low", "excess_expected_high"]
    if found is None:
        nothing = dict.fromkeys(names, np.nan)
        levels = pd.array([pd.NA] * len(kind.table), dtype="Int64")
        return pd.DataFrame(nothing, index=kind.table.index).assign(
            loss_level=levels, loss_level_expected=levels
        )
    n, mean, k = found.observed, found.predicted, found.overdispersion_k
    raw = compute_excess_predicted(n, mean, k)
    return pd.DataFrame(
        {
            "n_predicted": mean,
            "overdispersion_k": k,
            "excess_predicted": raw.excess / years,
            "p_value": raw.p_value,
            "eb_weight": found.weight,
            "n_expected": found.expected,
            "n_expected_low": found.ci_low,
            "n_expected_high": found.ci_high,
            "excess_expected": found.excess / years,
            "excess_expected_low": (found.ci_low - mean) / years,
            "excess_expected_high": (found.ci_high - mean) / years,
            "loss_level": pd.array(grade_service_of_safety(n, mean, k), dtype="Int64"),
            "loss_level_expected": pd.array(
                grade_service_of_safety(found.expected, mean, k), dtype="Int64"
            ),
        }
    )


def measure_severity(
    kind: SiteKind, found: Mapping[str, EbEstimate | None], yardsticks: Yardsticks
) -> pd.DataFrame:
    """Return the long-run EPDO and excess of KSI crashes, a year."""
    years = yardsticks.years
    nothing = np.full(len(kind.table), np.nan)
    epdo = nothing
    everything, injury, ksi = (found[outcome] for outcome in ("all", "injury", "ksi"))
    if everything is not None and injury is not None:
        injury_weight, other_weight = weigh_injuries(kind, yardsticks)
        epdo = compute_epdo_expected(
            everything, injury, injury_weight=injury_weight, other_weight=other_weight
        )
    columns = {"epdo_expected": epdo / years}
    for name, values in (
        ("ksi_excess", nothing if ksi is None else ksi.excess),
        ("ksi_excess_low", nothing if ksi is None else ksi.ci_low - ksi.predicted),
        ("ksi_excess_high", nothing if ksi is None else ksi.ci_high - ksi.predicted),
    ):
        columns[name] = values / years
    return pd.DataFrame(columns)


def weigh_injuries(kind: SiteKind, yardsticks: Yardsticks) -> tuple[float, float]:
    """Return the mean EPDO weight of a fatal or injury crash, and that of another."""
    weights = yardsticks.epdo_weights
    total = kind.counts[[f"n_{word}" for word in INJURIES]].sum()
    weight = np.array([weights[word] for word in INJURIES])
    mean_weight = float((total.to_numpy() @ weight) / max(total.sum(), 1))
    return mean_weight, weights.get(Severity.DAMAGE_ONLY.value, min(weights.values()))


def measure_shares(kind: SiteKind) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return how sure it is that a type of crash is a greater part here than elsewhere."""
    columns: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name in CRASH_TYPES:
        known = kind.counts[f"known_{name}"].to_numpy()
        share = compare_type_share(kind.counts[f"n_{name}"].to_numpy(), known)
        columns[f"p_above_{name}"] = share.p_above
        columns[f"excess_share_{name}"] = share.excess_share
        told[name] = {
            "share": share.threshold,
            "n_crashes": float(known.sum()),
            "n_sites": share.n_sites_used,
            "reason": share.reason,
        }
    return pd.DataFrame(columns), told


def describe_figures(
    kind: SiteKind, found: Mapping[str, EbEstimate | None], yardsticks: Yardsticks
) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Return, by outcome, what true means are turned into: name of the columns, scale and shift.

    Nothing is asked of an outcome by which no site can be told from others of its kind (k is 0).
    """
    asked: dict[str, dict[str, tuple[Any, Any]]] = {}
    everything, injury, ksi = (found[outcome] for outcome in ("all", "injury", "ksi"))
    if everything is not None:
        exposure = kind.table["exposure"].to_numpy(dtype=np.float64)
        is_enough = np.nan_to_num(exposure) > yardsticks.min_exposure
        asked["all"] = {
            "excess": (1.0, -everything.predicted),
            "frequency": (1.0, 0.0),
            "rate": (
                np.divide(1.0, exposure, where=is_enough, out=np.full(len(exposure), np.nan)),
                0.0,
            ),
        }
    if ksi is not None:
        asked["ksi"] = {"ksi": (1.0, 0.0), "ksi_excess": (1.0, -ksi.predicted)}
    if everything is not None and injury is not None:
        weight, other_weight = weigh_injuries(kind, yardsticks)
        rest = np.maximum(everything.expected - injury.expected, 0.0)
        asked["injury"] = {"epdo": (weight, other_weight * rest)}
    return {
        outcome: figures
        for outcome, figures in asked.items()
        if np.isfinite(getattr(found[outcome], "shape", np.nan)).any()
    }


def measure_ranks(
    table: pd.DataFrame,
    found: Mapping[str, EbEstimate | None],
    asked: Mapping[str, Mapping[str, tuple[Any, Any]]],
    yardsticks: Yardsticks,
) -> tuple[pd.DataFrame, int]:
    """Return how sure the rank by every figure is; nothing where the count has no say.

    Columns: `p_worst`, `rank_low`, `rank_median`, `rank_high` of the excess, and with the name
    of the figure behind them those of the others.
    """
    n_sites = len(table)
    sure = {measure.sure: measure for measure in reversed(MEASURES) if measure.sure is not None}
    nothing = np.full(n_sites, np.nan, dtype=np.float32)
    columns: dict[str, Any] = {name: nothing for one in sure.values() for name in one.rank_columns}
    columns["rank_median"] = nothing
    n_draws = int(np.clip(MOST_DRAWN // max(n_sites, 1), LEAST_DRAWS, MOST_DRAWS))
    is_drawn = False
    for number, outcome in enumerate(OUTCOMES):
        estimate_of = found[outcome]
        if estimate_of is None or outcome not in asked or not n_sites:
            continue
        is_drawn = True
        figures = {
            name: Figure(
                scale=np.broadcast_to(np.asarray(scale, dtype=np.float64), n_sites),
                shift=np.broadcast_to(np.asarray(shift, dtype=np.float64), n_sites),
                listed=table[sure[name].column].to_numpy(dtype=np.float64, na_value=np.nan),
            )
            for name, (scale, shift) in asked[outcome].items()
        }
        drawn = simulate_figures(
            estimate_of,
            figures,
            n_worst=choose_top(n_sites),
            rng=np.random.default_rng([yardsticks.seed, 1, number]),
            n_draws=n_draws,
            n_followed=N_FOLLOWED,
        )
        is_told = estimate_of.weight < NO_SAY
        for name, ranks in drawn.items():
            told = (ranks.p_worst, ranks.rank_low, ranks.rank_high)
            columns |= {
                column: np.where(is_told, values, np.nan).astype(np.float32)
                for column, values in zip(sure[name].rank_columns, told, strict=True)
            }
        if "excess" in drawn:
            median = np.where(is_told, drawn["excess"].rank_median, np.nan)
            columns["rank_median"] = median.astype(np.float32)
    return pd.DataFrame(columns, index=table.index), n_draws if is_drawn else 0


def search_peaks(windows: pd.DataFrame, levels: Sequence[SiteKind]) -> pd.DataFrame:
    """Mark the worst window of each road, and add the peak that the road shows.

    Columns: `is_worst` (most excess of its road), and on that row `peak_from_km`,
    `peak_to_km` and `peak_cv`, missing where no window is known well enough.
    """
    worst = find_worst_windows(windows["corridor_id"], windows["excess_expected"])
    table = windows.assign(is_worst=worst)
    estimates = [estimate(level, "all") for level in levels]
    found = [
        WindowLevel(
            road=level.table["corridor_id"].to_numpy(dtype=np.int64),
            estimate=found,
            length_km=float(i),
        )
        for i, (level, found) in enumerate(zip(levels, estimates, strict=True))
        if found is not None
    ]
    places = [
        pd.DataFrame(
            {
                "peak_from_km": level.table["from_km"],
                "peak_to_km": level.table["to_km"],
                "peak_cv": one.estimate.sd / np.maximum(one.estimate.expected, LEAST_MEAN),
            }
        )
        for level, one in zip(levels, found, strict=False)
    ]
    columns = ["peak_from_km", "peak_to_km", "peak_cv"]
    rows = {
        road: places[level].to_numpy()[window]
        for road, (level, window) in find_peaks(found, greatest_cv=GREATEST_CV).items()
    }
    peaks = pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=np.float64)
    added = peaks.reindex(table["corridor_id"]).set_axis(table.index)
    return table.join(added.where(table["is_worst"]))
