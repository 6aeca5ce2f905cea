"""The step of a run that ranks sites by every measure, with how sure each is.

Its tables: `screening` (one row a site: segments, intersections, whole roads),
`corridor_windows` (one row a window), `high_injury` (one row a segment that holds deaths or
serious injuries) and `screening_summary.json`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from core.errors import MissingDataError, NotEnoughDataError
from core.settings import Settings
from core.units import M_PER_KM
from models.high_injury import HighInjuryNetwork, find_high_injury_network, order_by_density
from models.rank_agreement import compute_rank_agreement
from models.spf_checks import compute_cure, estimate_calibration
from pipeline.account import Job, Period
from pipeline.frame import Frame
from pipeline.measure_columns import Yardsticks, add_measures, search_peaks
from pipeline.measure_list import COMPARED, find_measure
from pipeline.site_labels import label_intersections, label_segments
from pipeline.site_tables import (
    Predictions,
    Roads,
    SiteKind,
    build_crash_counts,
    build_intersections,
    build_roads,
    build_segments,
    build_windows,
)
from pipeline.workspace import read_json, write_json

__all__ = [
    "SCREENING_TABLES",
    "SiteMeasures",
    "load_screening_summary",
    "load_worst",
    "measure_sites",
    "write_site_measures",
]

SCREENING_TABLES = ("screening", "corridor_windows", "high_injury")
SUMMARY_FILE = "screening_summary.json"
WINDOW_KM, STEP_KM = 0.3, 0.1
WHOLE_KM = 1e6  # longer than any road
PEAK_KM = (0.1, 0.2, 0.3)
HELD_SHARES = (0.5, 0.8)
TOP = (20, 100)
FEW_TOP = (10, 5)  # the first that fits, where there are few
GREATEST_SHARE = 0.25  # of the sites, for a worst k to say anything
MOST_TIED = 0.5  # more sites than these, of k, equal to the k-th: the rest is by lot
N_RESAMPLES = 100
MOST_RESAMPLED = 500_000  # sites times resamples, for each pair of measures
N_CURVE = 100
WINDOWS_A_ROAD = 40  # looked through for each road that is listed


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMeasures:
    """What the step found."""

    screening: pd.DataFrame
    corridor_windows: pd.DataFrame
    high_injury: pd.DataFrame
    summary: dict[str, Any]


def measure_sites(
    job: Job, frame: Frame, placed: gpd.GeoDataFrame, sites: pd.DataFrame, period: Period
) -> SiteMeasures:
    """Rank the sites of a run by every measure.

    Parameters
    ----------
    job, frame, period
        Settings, roads and days of the run.
    placed
        Its crashes.
    sites
        Its sites with the columns of commutes.
    """
    with job.account.step("measures") as counts:
        crashes = placed[placed["segment_id"].notna()].reset_index(drop=True)
        places = frame.network.places
        found = compute_measures(
            label_segments(frame.segments, places),
            label_intersections(frame.network.intersections, frame.segments, places),
            frame.lixels,
            frame.corridors,
            crashes,
            build_exposure(sites, period.years),
            build_yardsticks(job.settings, period.years),
        )
        counts.update(rows_in=len(crashes), rows_out=len(found.screening))
    return found


def build_yardsticks(settings: Settings, years: float) -> Yardsticks:
    """Return what all measures share."""
    return Yardsticks(
        years=years,
        epdo_weights=settings.epdo_weights,
        min_exposure=settings.min_worker_km / 1e6,
        intersection_radius_m=settings.intersection_radius_m,
        seed=settings.seed,
    )


def build_exposure(sites: pd.DataFrame, years: float) -> pd.DataFrame:
    """Return workers a day and worker-km (passings at intersections) of the period by site."""
    known = sites.set_index("site_id")
    nothing = pd.Series(np.nan, index=known.index)
    per_year = known.get("worker_km_per_year", nothing)
    per_year = per_year.where(per_year.notna(), known.get("worker_passings_per_year", nothing))
    workers = known.get("workers_per_day", nothing)
    return pd.DataFrame({"workers_per_day": workers, "exposure": per_year * years})


def compute_measures(
    segments: gpd.GeoDataFrame,
    intersections: gpd.GeoDataFrame,
    lixels: gpd.GeoDataFrame,
    corridors: pd.DataFrame,
    crashes: pd.DataFrame,
    exposure: pd.DataFrame,
    yardsticks: Yardsticks,
) -> SiteMeasures:
    """Compute all measures of all kinds of sites; see `measure_sites`."""
    flags = build_crash_counts(crashes)
    radius_m = yardsticks.intersection_radius_m
    table, road_counts, predictions = build_roads(
        segments, crashes, flags, exposure, intersection_radius_m=radius_m
    )
    roads = Roads(
        segments=segments,
        lixels=lixels,
        labels=corridors.set_index("corridor_id")["label"],
        crashes=crashes,
        flags=flags,
        predictions=predictions,
        exposure=exposure,
    )
    kinds = [
        build_segments(segments, crashes, flags, exposure, intersection_radius_m=radius_m),
        build_intersections(intersections, crashes, flags, exposure),
        build_windows(roads, window_km=WINDOW_KM, step_km=STEP_KM, name="window"),
        build_windows(roads, window_km=WHOLE_KM, step_km=WHOLE_KM, name="corridor"),
    ]
    measured = {kind.name: add_measures(kind, yardsticks) for kind in kinds}
    windows = search_peaks(
        measured["window"],
        [
            build_windows(roads, window_km=km, step_km=STEP_KM, name="peak", has_places=False)
            for km in PEAK_KM
        ],
    )
    screening = pd.concat(
        [measured[name] for name in ("segment", "intersection", "corridor")], ignore_index=True
    )
    high_injury, networks = rank_by_density(segments, road_counts, yardsticks)
    summary = {
        "years": yardsticks.years,
        "n_draws": {name: int(t.attrs["n_draws"]) for name, t in measured.items()},
        "n_worst": {name: int(t.attrs["n_worst"]) for name, t in measured.items()},
        "n_sites": {name: len(t) for name, t in measured.items()},
        "shares": {name: t.attrs["shares"] for name, t in measured.items()},
        "functions": {
            **{kind.name: {"of": kind.name, **describe_functions(kind)} for kind in kinds[:2]},
            "road": describe_roads_function(table, road_counts, predictions),
        },
        "agreement": {kind.name: compare(measured[kind.name], yardsticks.seed) for kind in kinds},
        "high_injury": networks,
        "window_km": WINDOW_KM,
        "step_km": STEP_KM,
        "min_exposure_millions": yardsticks.min_exposure,
    }
    return SiteMeasures(
        screening=screening.drop(columns=["from_km", "to_km"]),
        corridor_windows=windows.drop(columns=["site_type", "facility"]),
        high_injury=high_injury,
        summary=make_plain(summary),
    )


def describe_functions(kind: SiteKind) -> dict[str, Any]:
    """Return the functions of a kind of site and how they fit."""
    table = kind.table.assign(exposure=kind.table["exposure"].fillna(0.0))
    return describe_roads_function(table, kind.counts, kind.predictions)


def describe_roads_function(
    table: pd.DataFrame, counts: pd.DataFrame, predictions: Predictions
) -> dict[str, Any]:
    """Return coefficients, k, calibration by type and CURE plots of the function of all crashes."""
    result: dict[str, Any] = {"reasons": predictions.reasons, "types": [], "cure": []}
    fit = predictions.fits.get("all")
    if fit is None:
        return result
    mean, k = predictions.mean["all"], predictions.k["all"]
    n = counts["n_crashes"].to_numpy()
    types = fit.to_frame()
    own_numbers: list[dict[str, Any]] = []
    for name in types["facility"]:
        here = table["facility"].eq(name).to_numpy()
        own: dict[str, Any] = {"own_sites": int(here.sum()), "own_crashes": int(n[here].sum())}
        own["calibration"] = describe_calibration(n[here], mean[here], k[here])
        own_numbers.append(own)
    result["types"] = [
        {**row, **own} for row, own in zip(types.to_dict("records"), own_numbers, strict=True)
    ]
    result["terms"] = list(fit.terms.names)
    result["k_form"] = fit.terms.k_form
    columns = [*fit.terms.proportional_to, *fit.terms.log_terms, *fit.terms.linear_terms]
    shown = [c for c in columns if not c.startswith("main road")] or ["predicted"]
    for column in shown:
        values = mean if column == "predicted" else table[column].to_numpy(dtype=np.float64)
        cure = compute_cure(n, mean, values, column=column, n_points=N_CURVE)
        points = cure.points.round(4).to_dict("list")
        result["cure"].append(
            {
                "column": column,
                "share_outside": cure.share_outside,
                "greatest_share": cure.greatest_share,
                **points,
            }
        )
    return result


def describe_calibration(n: np.ndarray, mean: np.ndarray, k: np.ndarray) -> dict[str, float]:
    """Return observed ÷ predicted with its interval; nothing where nobody crashed."""
    try:
        found = estimate_calibration(n, mean, k)
    except NotEnoughDataError:
        return {}
    return {"factor": found.factor, "ci_low": found.ci_low, "ci_high": found.ci_high}


def compare(table: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Compare the rankings of the sites with a crash; columns without any value are left out."""
    some = table[table["n_crashes"] > 0]
    values = pd.DataFrame({m.key: some[m.column] for m in COMPARED if some[m.column].notna().any()})
    if len(some) < 2 or values.shape[1] < 2:
        return []
    n_resamples = int(np.clip(MOST_RESAMPLED // len(some), 20, N_RESAMPLES))
    rng = np.random.default_rng([seed, 2])
    top = [k for k in TOP if k <= GREATEST_SHARE * len(some)]
    top = top or [k for k in FEW_TOP if k <= GREATEST_SHARE * len(some)][:1]
    found = compute_rank_agreement(
        values,
        top=top,
        rng=rng,
        n_resamples=n_resamples,
        greatest_share=GREATEST_SHARE,
        most_tied=MOST_TIED,
    )
    return [
        {str(key): value for key, value in row.items()} for row in found.pairs.to_dict("records")
    ]


def rank_by_density(
    segments: gpd.GeoDataFrame, counts: pd.DataFrame, yardsticks: Yardsticks
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Order segments by deaths and serious injuries a metre; say what the least road holds."""
    n = counts["n_ksi_crashes"].to_numpy()
    length = np.maximum(segments["length_m"].to_numpy(), 1e-3)
    order = order_by_density(n, length)
    group = segments["road_class"].astype("object").fillna("unknown").to_numpy().astype(str)
    table = pd.DataFrame(
        {
            "segment_id": segments["segment_id"].to_numpy()[order],
            "name": segments["name"].to_numpy()[order],
            "road_class": segments["road_class"].to_numpy()[order],
            "length_m": length[order],
            "n_ksi_crashes": n[order].astype(np.int64),
            "ksi_per_km": n[order] / length[order] * M_PER_KM,
            "order": np.arange(1, len(order) + 1),
            "held_share": np.cumsum(n[order]) / max(n.sum(), 1),
            "length_until_km": np.cumsum(length[order]) / M_PER_KM,
        }
    )
    networks = []
    for share in HELD_SHARES:
        column = f"holds_{share * 100:.0f}"
        table[column] = False
        if not len(order):
            continue
        rng = np.random.default_rng([yardsticks.seed, 3])
        network = find_high_injury_network(n, length, share=share, rng=rng, group=group)
        table[column] = network.is_chosen[order]
        networks.append(describe_network(network))
    return table, networks


def describe_network(network: HighInjuryNetwork) -> dict[str, Any]:
    """Return the numbers of a high-injury network."""
    names = ["share", "length_km", "length_share", "total_km", "n_pieces", "n_crashes"]
    names += ["length_needed_km", "length_needed_low_km", "length_needed_high_km"]
    names += ["chosen_again_share", "held_left_out_share", "n_resamples"]
    return {name: getattr(network, name) for name in names}


def make_plain(value: object) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return plain JSON values; what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): make_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def write_site_measures(folder: Path, measures: SiteMeasures) -> None:
    """Write the tables of the step into a run's folder."""
    for name in SCREENING_TABLES:
        getattr(measures, name).to_parquet(folder / f"{name}.parquet", index=False)
    write_json(folder / SUMMARY_FILE, measures.summary)


def load_screening_summary(run_path: Path) -> dict[str, Any]:
    """Return the summary of the step.

    Raises
    ------
    MissingDataError
        If the run was made before there was one.
    """
    path = run_path / SUMMARY_FILE
    if not path.is_file():
        message = f"{path.name}: this run has none; run the area again to have its sites measured."
        raise MissingDataError(message)
    try:
        return read_json(path)
    except json.JSONDecodeError as error:
        message = f"{path}: cannot be read: {error}; run the area again."
        raise MissingDataError(message) from error


def load_worst(
    run_path: Path, kind: str, key: str, *, n_worst: int, is_one_a_road: bool = False
) -> pd.DataFrame:
    """Return the worst sites of a kind by a measure; only their rows are kept in memory.

    Equal ranks are told apart by the excess with Empirical Bayes. Of windows, only the worst of
    each road can be asked for; roads whose worst is far down the ranks are then left out, and
    `list_rank` is the rank among those listed. `attrs["n_first"]` says how many of them,
    listed or not, share the first rank. Runs made before there were any have no ranges of ranks.

    Raises
    ------
    MissingDataError
        If the run has no such table, or it cannot be read.
    """
    measure = find_measure(key)
    is_window = kind == "window"
    path = run_path / ("corridor_windows.parquet" if is_window else "screening.parquet")
    columns = ["site_id", "label", "lon", "lat", "n_crashes", "n_ksi_crashes", "n_expected"]
    columns += ["excess_expected", "eb_weight", measure.column]
    columns += [name for name in (measure.low, measure.high, measure.beside) if name]
    columns += [f"rank_{one.key}" for one in COMPARED] + [f"rank_{key}"]
    columns += ["corridor_id"] if is_window else ["site_type"]
    last = max(n_worst, 1) * (WINDOWS_A_ROAD if is_one_a_road else 1)
    wanted: list[tuple[str, str, object]] = [(f"rank_{measure.key}", "<=", last)]
    if not is_window:
        wanted.append(("site_type", "==", kind))
    try:
        known = set(pq.read_schema(path).names)
        columns += [name for name in measure.rank_columns if name in known]
        table = pd.read_parquet(path, columns=list(dict.fromkeys(columns)), filters=wanted)
    except (OSError, ValueError, KeyError) as error:
        message = f"{path.name}: cannot be read: {error}; run the area again."
        raise MissingDataError(message) from error
    order = [f"rank_{measure.key}", "rank_excess_expected", "site_id"]
    table = table.sort_values(order, ignore_index=True)
    if is_window and is_one_a_road:
        table = table.drop_duplicates("corridor_id", ignore_index=True)
    n_first = int(table[order[0]].eq(1).sum())
    table = table.head(n_worst)
    table["list_rank"] = table[order[0]].rank(method="min").astype("int64")
    table.attrs = {"n_first": n_first}
    return table
