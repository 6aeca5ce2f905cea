"""The measures of data quality on an area's records: frames in, plain tables out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd
import pyproj

from core.units import DAYS_PER_YEAR
from core.vocabulary import Severity, YesNoUnknown
from models.data_quality import (
    compute_completeness,
    compute_control_limits,
    compute_minute_heaping,
    compute_reporting_rates,
    compute_share_excess,
    count_decimals,
    estimate_silence,
    find_outliers,
    find_repeated_points,
)
from models.rate_ratios import compute_rate_ratio_interval
from models.source_agreement import compute_weighted_kappa, estimate_chapman
from models.trend_breaks import BreakEstimate, find_level_break, find_mix_break

__all__ = [
    "Bounds",
    "Records",
    "count_intake",
    "find_period",
    "measure_agreement",
    "measure_breaks",
    "measure_completeness",
    "measure_factories",
    "measure_heaping",
    "measure_outliers",
    "to_plain",
]

Table = list[dict[str, Any]]
Bounds = tuple[float, float, float, float]

OLDEST: Final = pd.Timestamp("1990-01-01")
MOST_PEOPLE: Final = 60  # a full worker truck
MOST_VEHICLES: Final = 20
MORE_THAN: Final = 3  # crashes exactly on one point
GAP_MONTHS: Final = 12  # without any report: what lies beyond is apart
FEWEST_SHARE: Final = 0.01  # of the reports, for what lies apart to count
MARGIN_DEGREES: Final = 0.05
MOST_SOURCES: Final = 8
NEAR_HOURS: Final = 1.0
NEAR_M: Final = 500.0
FEWEST_ON_BOTH: Final = 7  # below, Chapman's estimate is biased
MONTHS_AROUND: Final = 12
SEED: Final = 20260101
TWO_WHEELS: Final = ("motorcycle_driver", "motorcycle_passenger", "bicycle")
CRASH_FIELDS: Final = (
    "severity", "n_killed", "n_serious", "n_slight", "n_vehicles", "road_users", "light",
    "is_worker_commute", "factory_id", "road_name", "village", "district", "province",
    "collision_type",
)  # fmt: skip
CASUALTY_FIELDS: Final = (
    "sex", "age_band", "road_user", "helmet", "injury", "is_worker", "factory_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the measures look at."""

    reports: pd.DataFrame  # one row a report, `event_id` says of which crash
    crashes: pd.DataFrame  # one row a crash
    casualties: pd.DataFrame
    factories: pd.DataFrame
    interventions: pd.DataFrame
    imports: pd.DataFrame
    bounds: Bounds | None  # of the area's roads
    as_of: pd.Timestamp


def to_plain(table: pd.DataFrame) -> Table:
    """Return rows as JSON takes them: missing values None, months and moments as text."""
    plain: Table = json.loads(table.to_json(orient="records", date_format="iso", date_unit="s"))
    return plain


def is_known(values: pd.Series) -> pd.Series:
    """Say which values tell something: not missing, not empty, not "unknown"."""
    found = values.notna()
    if pd.api.types.is_string_dtype(values.dtype):
        found &= values.fillna("").str.strip().ne("") & values.ne(YesNoUnknown.UNKNOWN.value)
    return found.astype("bool")


def find_period(when: pd.Series, as_of: pd.Timestamp) -> pd.PeriodIndex:
    """Return the months that the reports cover, in their order; empty without dates.

    Dates in the future, before 1990, and up to 1 % of the reports that a gap of more than a
    year sets apart from the others do not stretch it.
    """
    usable = when[(when >= OLDEST) & (when <= as_of)].dropna()
    if usable.empty:
        return pd.PeriodIndex([], freq="M")
    counts = usable.dt.to_period("M").value_counts().sort_index()
    number = np.array([month.ordinal for month in counts.index])
    cluster = np.concatenate([[0], np.cumsum(np.diff(number) > GAP_MONTHS + 1)])
    size = pd.Series(counts.to_numpy()).groupby(cluster).transform("sum").to_numpy()
    kept = counts.index[(size >= FEWEST_SHARE * len(usable)) | (size == size.max())]
    return pd.period_range(kept.min(), kept.max(), freq="M")


def count_intake(imports: pd.DataFrame) -> dict[str, Any]:
    """Sum the rows of all imports that stand, by kind, and why rows were refused."""
    names = ["read", "accepted", "updated", "unchanged", "duplicates", "rejected"]
    stand = imports[imports["undone_at"].isna()] if "undone_at" in imports else imports
    sums = stand.groupby("kind")[names].sum().reset_index()
    reasons: dict[tuple[str, str], int] = {}
    for kind, text in zip(stand["kind"], stand["reasons"], strict=True):
        for reason, n in json.loads(text or "{}").items():
            key = (str(kind), str(reason).partition(":")[0])
            reasons[key] = reasons.get(key, 0) + int(n)
    rows = [{"kind": kind, "reason": reason, "n": n} for (kind, reason), n in reasons.items()]
    return {"by_kind": to_plain(sums), "reasons": sorted(rows, key=lambda row: -row["n"])}


def measure_completeness(records: Records, months: pd.PeriodIndex) -> dict[str, Table]:
    """Say which share of reports and people fill which field: all, by source, factory, month."""
    reports = records.reports
    known = pd.DataFrame({name: is_known(reports[name]) for name in CRASH_FIELDS})
    known.insert(0, "time_of_day", reports["has_time"] & reports["occurred_at"].notna())
    known.insert(1, "place", reports["lon"].notna() & reports["lat"].notna())
    applies = pd.DataFrame(True, index=known.index, columns=known.columns)
    applies["factory_id"] = reports["is_worker_commute"].eq("yes")
    people = records.casualties
    known_people = pd.DataFrame({name: is_known(people[name]) for name in CASUALTY_FIELDS})
    applies_people = pd.DataFrame(True, index=people.index, columns=known_people.columns)
    applies_people["helmet"] = people["road_user"].isin(TWO_WHEELS)
    applies_people["factory_id"] = people["is_worker"].eq("yes")
    month = reports["occurred_at"].dt.to_period("M")
    in_period = month.where(month.isin(months)).astype("object")
    factory = reports["factory_id"].where(is_known(reports["factory_id"]))
    kept = list(dict.fromkeys(known.columns.drop("factory_id")))
    parts: dict[str, list[tuple[Any, ...]]] = {
        "by_field": [("crash", known, applies, None),
            ("casualty", known_people, applies_people, None),
        ],
        "by_source": [
            ("crash", known, applies, reports["source"]),
            ("casualty", known_people, applies_people, people["source"]),
        ],
        "by_month": [("crash", known, applies, in_period)],
        "by_factory": [("crash", known[kept], applies[kept], factory)],
    }  # fmt: skip
    return {
        name: [
            {"kind": kind, **row}
            for kind, *frames in entries
            for row in to_plain(compute_completeness(*frames))
        ]
        for name, entries in parts.items()
    }


def measure_factories(records: Records, months: pd.PeriodIndex) -> dict[str, Any]:
    """Say who has not reported, and how many crashes each factory reported per worker."""
    crashes, factories = records.crashes, records.factories.sort_values("factory_id")
    named = crashes[is_known(crashes["factory_id"])]
    unknown = sorted(set(named["factory_id"]) - set(factories["factory_id"]))
    result: dict[str, Any] = {
        "n_months": len(months),
        "n_crashes_with_factory": len(named),
        "n_unknown_factories": len(unknown),
        "rows": [],
    }
    if factories.empty or not len(months):
        return result
    month = named["occurred_at"].dt.to_period("M")
    table = pd.crosstab(named["factory_id"], month).reindex(
        index=factories["factory_id"], columns=months, fill_value=0
    )
    workers = factories["workers"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    counts = table.to_numpy()
    silence = estimate_silence(counts, workers).drop(columns="n_reports")
    # months of unlike length: days between the ends, as years
    days = (months[-1].end_time - months[0].start_time).days + 1
    years = days / DAYS_PER_YEAR
    rates = compute_reporting_rates(counts.sum(axis=1), workers, years=years)
    ids = pd.DataFrame({"factory_id": factories["factory_id"].to_numpy(), "workers": workers})
    result["years"] = years
    result["rows"] = to_plain(pd.concat([ids, rates, silence], axis=1))
    return result


def measure_heaping(records: Records) -> dict[str, Any]:
    """Say how far times, days and places are rounded or stand for "not known"."""
    reports, crashes = records.reports, records.crashes
    dated = reports["occurred_at"].dropna()
    timed = reports.loc[reports["has_time"], "occurred_at"].dropna()
    minutes = compute_minute_heaping(timed.dt.minute.to_numpy())
    midnight = (timed.dt.hour.eq(0) & timed.dt.minute.eq(0)).sum()
    first = compute_share_excess(
        int(dated.dt.day.eq(1).sum()), len(dated), expected_share=12 / DAYS_PER_YEAR
    )
    decimals = np.minimum(count_decimals(reports["lon"]), count_decimals(reports["lat"]))
    placed = decimals[decimals >= 0]
    points = find_repeated_points(crashes["lon"], crashes["lat"], more_than=MORE_THAN)
    return {
        "minutes": {**asdict(minutes), "counts": minutes.counts.tolist()},
        "midnight": asdict(
            compute_share_excess(int(midnight), len(timed), expected_share=1 / (24 * 60))
        ),
        "first_of_month": asdict(first),
        "n_without_time": int((~reports["has_time"]).sum()),
        "decimals": np.bincount(placed, minlength=8).tolist(),
        "more_than": MORE_THAN,
        "repeated_points": {
            "n_points": len(points),
            "n_crashes": int(points["n_crashes"].sum()),
            "most": int(points["n_crashes"].max()) if len(points) else 0,
            "top": to_plain(points.head(10).round(6)),
        },
    }


def measure_outliers(records: Records, months: pd.PeriodIndex) -> dict[str, Any]:
    """List records that cannot be, months out of line, and places that are none."""
    reports = records.reports
    found = find_outliers(
        reports,
        as_of=records.as_of,
        oldest=OLDEST,
        most_people=MOST_PEOPLE,
        most_vehicles=MOST_VEHICLES,
    )
    month = reports["occurred_at"].dt.to_period("M")
    when = reports["occurred_at"]
    is_usable = (when >= OLDEST) & (when <= records.as_of)
    parts = [found, _flag(reports.index[is_usable & ~month.isin(months)], "far_from_other_dates")]
    if records.bounds is not None:
        west, south, east, north = records.bounds
        lon, lat, by = reports["lon"], reports["lat"], MARGIN_DEGREES
        is_inside = lon.between(west - by, east + by) & lat.between(south - by, north + by)
        is_outside = lon.notna() & lat.notna() & ~is_inside
        parts.append(_flag(reports.index[is_outside], "outside_the_area"))
    flagged = pd.concat(parts, ignore_index=True)
    files = dict(zip(records.imports["import_id"], records.imports["file_name"], strict=True))
    rows = reports.loc[flagged["at"], ["source", "source_id", "import_id", "row_number"]]
    table = rows.reset_index(drop=True).assign(reason=flagged["reason"].to_numpy())
    table["file"] = table["import_id"].map(files)
    notes = reports["place_note"].dropna().str.split(":").str[0].value_counts()
    counts = _count_months(records.crashes["occurred_at"], months)
    limits = compute_control_limits(counts)
    limits.insert(0, "month", [str(one) for one in months])
    return {
        "rows": to_plain(table.drop(columns="import_id")),
        "is_area_known": records.bounds is not None,
        "place_notes": [{"note": str(note), "n": int(n)} for note, n in notes.items()],
        "months": to_plain(limits),
    }


def _flag(index: pd.Index, reason: str) -> pd.DataFrame:
    return pd.DataFrame({"at": index, "reason": reason})


def _count_months(when: pd.Series, months: pd.PeriodIndex) -> np.ndarray[Any, Any]:
    """Return the crashes of each month."""
    counts = when.dropna().dt.to_period("M").value_counts()
    return np.asarray(counts.reindex(months, fill_value=0), dtype=np.int64)


def measure_agreement(records: Records) -> dict[str, Any]:
    """Hold reports of one crash by two sources against each other; estimate what none tells."""
    reports = records.reports
    n_sources = reports.groupby("event_id")["source"].nunique()
    shared = reports[reports["event_id"].map(n_sources).fillna(0).gt(1)]
    # of several reports by one source the first stands for it
    shared = shared.drop_duplicates(["event_id", "source"])
    pairs = shared.merge(shared, on="event_id", suffixes=("_a", "_b"))
    pairs = pairs[pairs["source_a"] < pairs["source_b"]]
    sizes = reports["source"].value_counts()
    rows = []
    if len(pairs):
        rows.append({"sources": "all pairs", **_compare(pairs)})
    rows += [
        {"sources": " and ".join(map(str, names)), **_compare(part)}
        for names, part in pairs.groupby(["source_a", "source_b"])
    ]
    top = sorted(sizes.index[:MOST_SOURCES])
    captures = [_capture(reports, a, b) for a, b in combinations(top, 2)]
    return {
        "n_sources": len(sizes),
        "sources": [{"source": str(name), "n_reports": int(n)} for name, n in sizes.items()],
        "pairs": rows,
        "captures": [one for one in captures if one["n_both"] > 0],
        "fewest_on_both": FEWEST_ON_BOTH,
    }


def _compare(pairs: pd.DataFrame) -> dict[str, Any]:
    """Return how far two reports each tell the same."""
    words = [one.value for one in Severity]
    both = pairs[["severity_a", "severity_b"]].isin(words).all(axis=1)
    table = pd.crosstab(
        pd.Categorical(pairs.loc[both, "severity_a"], words),
        pd.Categorical(pairs.loc[both, "severity_b"], words),
        dropna=False,
    ).reindex(index=words, columns=words, fill_value=0)
    kappa = compute_weighted_kappa(table.to_numpy())
    timed = pairs["has_time_a"] & pairs["has_time_b"]
    hours = (pairs["occurred_at_a"] - pairs["occurred_at_b"]).dt.total_seconds().abs() / 3600
    ends = [pairs[name].to_numpy(dtype=float) for name in ("lon_a", "lat_a", "lon_b", "lat_b")]
    placed = np.isfinite(np.column_stack(ends)).all(axis=1)
    distance = pyproj.Geod(ellps="WGS84").inv(*(one[placed] for one in ends))[2]
    result: dict[str, Any] = {
        "n_pairs": len(pairs),
        "n_severity": kappa.n,
        "severity_share": kappa.agreement_share,
        "kappa": kappa.kappa,
        "kappa_low": kappa.ci_low,
        "kappa_high": kappa.ci_high,
        "n_time": int(timed.sum()),
        "time_share": _share(hours[timed] <= NEAR_HOURS),
        "n_place": int(placed.sum()),
        "place_share": _share(np.asarray(distance) <= NEAR_M),
        "median_m": float(np.median(distance)) if placed.any() else None,
    }
    for name in ("n_killed", "n_serious", "n_slight"):
        given = pairs[[f"{name}_a", f"{name}_b"]].dropna()
        result[f"{name}_share"] = _share(given[f"{name}_a"].eq(given[f"{name}_b"]))
    return {name: None if value != value else value for name, value in result.items()}


def _share(is_so: Any) -> float | None:  # noqa: ANN401 - an array or a series of truths
    return float(np.mean(is_so)) if len(is_so) else None


def _capture(reports: pd.DataFrame, first: str, second: str) -> dict[str, Any]:
    """Return the two-list estimate of the months that both sources cover."""
    month = reports["occurred_at"].dt.to_period("M")
    lists = [reports["source"].eq(name) & month.notna() for name in (first, second)]
    start = max(month[one].min() for one in lists) if all(map(any, lists)) else None
    end = min(month[one].max() for one in lists) if start is not None else None
    n_both = 0
    values: dict[str, Any] = {"n_first": 0, "n_second": 0}
    if start is not None and start <= end:
        # by the first report of a crash, so that one at the edge is in both lists or in none
        of_event = month.groupby(reports["event_id"]).min()
        events = of_event.index[(of_event >= start) & (of_event <= end)]
        one, other = (set(reports.loc[here, "event_id"]) & set(events) for here in lists)
        n_both = len(one & other)
        found = asdict(estimate_chapman(len(one), len(other), n_both))
        values = {**found, "start": str(start), "end": str(end)}
    return {"first": first, "second": second, **values, "n_both": n_both}


def measure_breaks(records: Records, months: pd.PeriodIndex) -> dict[str, Any]:
    """Look for changes of level and of the mix of severity; compare around known changes."""
    if not len(months):
        return {"series": [], "known": [], "n_tests": 0}
    days = np.array([month.days_in_month for month in months], dtype=float)
    tops: Sequence[str] = list(records.reports["source"].value_counts().index[:MOST_SOURCES])
    series = {"all crashes": _count_months(records.crashes["occurred_at"], months)}
    if len(tops) > 1:
        for name in tops:
            when = records.reports.loc[records.reports["source"].eq(name), "occurred_at"]
            series[f"reports by {name}"] = _count_months(when, months)
    rng = np.random.default_rng(SEED)
    found: dict[str, tuple[str, BreakEstimate]] = {
        name: ("level", find_level_break(counts, rng=rng, months=days))
        for name, counts in series.items()
    }
    month = records.crashes["occurred_at"].dt.to_period("M")
    words = [one.value for one in Severity]
    mix = pd.crosstab(month, records.crashes["severity"]).reindex(
        index=months, columns=words, fill_value=0
    )
    found["severity of all crashes"] = ("mix", find_mix_break(mix.to_numpy(), rng=rng))
    n_tests = sum(one.at >= 0 for _, one in found.values())
    rows = [
        _describe_break(name, kind, one, months, n_tests, mix)
        for name, (kind, one) in found.items()
    ]
    return {"series": rows, "known": _compare_known(records, months, days), "n_tests": n_tests}


def _describe_break(
    name: str,
    kind: str,
    one: BreakEstimate,
    months: pd.PeriodIndex,
    n_tests: int,
    mix: pd.DataFrame,
) -> dict[str, Any]:
    """Return a break in plain values, its p-value multiplied by the number of series."""
    row: dict[str, Any] = {"series": name, "kind": kind, "month": None, "p_value": None}
    if one.at < 0:
        return row
    row |= {"month": str(months[one.at]), "p_value": min(1.0, one.p_value * n_tests)}
    row |= {"n_simulations": one.n_simulations}
    if kind == "level":
        ratio = one.ratio if np.isfinite(one.ratio) else None
        return {**row, "ratio": ratio, "dispersion": one.dispersion}
    parts = (mix.iloc[: one.at].sum(), mix.iloc[one.at :].sum())
    before, after = (part / max(1, part.sum()) for part in parts)
    return {**row, "before": before.to_dict(), "after": after.to_dict()}


def _compare_known(records: Records, months: pd.PeriodIndex, days: np.ndarray[Any, Any]) -> Table:
    """Compare a year before and after each known change of what counts as a crash."""
    changes = records.interventions
    changes = changes[changes["has_definition_changed"].eq("yes") & changes["start"].notna()]
    counts = _count_months(records.crashes["occurred_at"], months)
    rows = []
    for change in changes.sort_values("start").itertuples():
        month = pd.Timestamp(str(change.start)).to_period("M")
        at = month.ordinal - months[0].ordinal
        before, after = slice(max(0, at - MONTHS_AROUND), max(0, at)), slice(
            max(0, at), max(0, at + MONTHS_AROUND)
        )  # fmt: skip
        n_before, n_after = int(counts[before].sum()), int(counts[after].sum())
        d_before, d_after = float(days[before].sum()), float(days[after].sum())
        row: dict[str, Any] = {
            "intervention_id": str(change.intervention_id),
            "month": str(month),
            "n_before": n_before,
            "n_after": n_after,
            "ratio": None, "ci_low": None, "ci_high": None,
        }  # fmt: skip
        if d_before > 0 and d_after > 0 and n_before > 0:
            exposure = d_after / d_before
            low, high = compute_rate_ratio_interval(n_before, n_after, exposure_ratio=exposure)
            row |= {"ratio": n_after / n_before / exposure, "ci_low": low, "ci_high": high}
        rows.append(row)
    return rows
