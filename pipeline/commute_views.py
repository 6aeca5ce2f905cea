"""What the pages on factories and commutes show, put together from a run's tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from core.errors import NotEnoughDataError
from core.vocabulary import ObservationType
from models.mode_shift import estimate_mode_shift
from pipeline.runs import load_manifest, load_table
from pipeline.workspace import Workspace, read_json
from records.database import Database

__all__ = [
    "compare_vehicles",
    "find_shed",
    "has_commutes",
    "list_factory_hotspots",
    "list_scorecard",
    "list_vehicles",
    "load_summary",
    "summarise_factories",
    "summarise_groups",
]

SUMMARY_FILE = "commute_summary.json"
LIGHTS = ("day", "dark", "unknown")
M_PER_KM = 1000.0


def has_commutes(run_path: Path) -> bool:
    """Tell whether a run knows of any commute."""
    return bool(load_summary(run_path).get("worker_km_per_year"))


def load_summary(run_path: Path) -> dict[str, Any]:
    """Return what a run says of commutes in all; empty for runs of before there were any."""
    path = run_path / SUMMARY_FILE
    return dict(read_json(path)) if path.is_file() else {}


def summarise_groups(groups: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sum a run's `commute_groups` by `mode`, `shift` or `factory_id`.

    Returns
    -------
    table
        `workers_per_day` (each worker once), `worker_km_per_year`, `distance_km` (mean, one
        way, of a worker), `dark_share` of the worker-km whose light is known; the largest
        first.
    """
    to_work = groups[groups["direction"] == "to_work"]
    km = groups.groupby(by)[["worker_km_per_year", *(f"worker_km_{one}" for one in LIGHTS)]].sum()
    table = pd.DataFrame({"workers_per_day": to_work.groupby(by)["workers_per_day"].sum()})
    table = table.join(km, how="outer").fillna(0.0)
    known = table["worker_km_day"] + table["worker_km_dark"]
    table["dark_share"] = table["worker_km_dark"] / known.where(known > 0)
    return table.sort_values("worker_km_per_year", ascending=False)


def summarise_factories(run_path: Path) -> pd.DataFrame:
    """Return one row a factory, those with the most expected crashes first.

    Columns: identifier, name, workers, what `summarise_groups` gives, `distance_km` (mean way
    of a worker), `expected_crashes` on its commutes over the period with `ci_low` and
    `ci_high`, `reason` where there is none, `n_hotspots` on its routes.
    """
    factories = load_table(run_path, "factories", ["factory_id", "name", "workers", "shifts"])
    groups = load_table(run_path, "commute_groups")
    expected = load_table(run_path, "commute_factories")
    days = load_manifest(run_path).get("settings", {}).get("working_days_per_year")
    table = factories.merge(expected, on="factory_id", how="left")
    by_factory = summarise_groups(groups, "factory_id")
    trips = 2 * by_factory["workers_per_day"] * float(days or np.nan)
    by_factory["distance_km"] = by_factory["worker_km_per_year"] / trips.where(trips > 0)
    table = table.merge(by_factory, left_on="factory_id", right_index=True, how="left")
    on_routes = _join_hotspots(run_path)
    table["n_hotspots"] = (
        table["factory_id"]
        .map(on_routes.groupby("factory_id")["hotspot_id"].nunique())
        .fillna(0)
        .astype("int64")
    )
    order = ["expected_crashes", "worker_km_per_year"]
    return table.sort_values(order, ascending=False, ignore_index=True, na_position="last")


def list_factory_hotspots(run_path: Path, factory_id: str) -> pd.DataFrame:
    """Return the hotspots on a factory's routes, those that its workers travel most first.

    Columns: `hotspot_id`, `rank`, `name`, `n_crashes`, `rate_ratio`, `workers_per_day`,
    `worker_km_per_year` (of this factory, within the hotspot), `dark_share`.
    """
    on_routes = _join_hotspots(run_path)
    own = on_routes[on_routes["factory_id"] == factory_id]
    columns = ["hotspot_id", "rank", "name", "n_crashes", "rate_ratio"]
    hotspots = pd.DataFrame(load_table(run_path, "hotspots", [*columns, "geometry"]))[columns]
    table = hotspots.merge(own.drop(columns="factory_id"), on="hotspot_id")
    return table.sort_values("worker_km_per_year", ascending=False, ignore_index=True)


def _join_hotspots(run_path: Path) -> pd.DataFrame:
    """Return who of which factory passes which hotspot, and how far within it."""
    lixels = pd.DataFrame(
        load_table(run_path, "lixels", ["segment_id", "hotspot_id", "length_m", "geometry"])
    )
    in_hotspot = lixels.dropna(subset="hotspot_id").groupby(["hotspot_id", "segment_id"])
    inside = in_hotspot["length_m"].sum().reset_index()
    of_segment = lixels.groupby("segment_id")["length_m"].sum()
    inside["part"] = inside["length_m"] / inside["segment_id"].map(of_segment)
    flows = load_table(
        run_path,
        "commute_flows",
        ["segment_id", "factory_id", "workers_per_day", "worker_km_per_year", "dark_share"],
    )
    flows = flows[flows["segment_id"].isin(inside["segment_id"])]
    flows = flows.assign(dark=flows["dark_share"] * flows["workers_per_day"])
    known = flows["workers_per_day"].where(flows["dark_share"].notna())
    by_place = flows.assign(known=known).groupby(["segment_id", "factory_id"], as_index=False)
    sums = by_place[["workers_per_day", "worker_km_per_year", "dark", "known"]].sum()
    both = inside.merge(sums, on="segment_id")
    both["worker_km_per_year"] *= both["part"]
    joined = both.groupby(["hotspot_id", "factory_id"], as_index=False).agg(
        workers_per_day=("workers_per_day", "max"),
        worker_km_per_year=("worker_km_per_year", "sum"),
        dark=("dark", "sum"),
        known=("known", "sum"),
    )
    joined["dark_share"] = joined["dark"] / joined["known"].where(joined["known"] > 0)
    return joined.drop(columns=["dark", "known"])


def list_vehicles(workspace: Workspace, key: str, factory_id: str) -> pd.DataFrame:
    """Return a factory's vehicles by type: how many, seats, riders, what is known of them.

    Columns `type`, `n_vehicles`, `seats`, `riders`, and for `is_registered`, `is_insured` and
    `has_licence` the number of yes and of known answers.
    """
    with Database(workspace.database_url) as database:
        vehicles = database.read("vehicle", key)
    own = vehicles[(vehicles["factory_id"] == factory_id) & vehicles["crash_source_id"].isna()]
    own = own.assign(type=own["type"].fillna("unknown"))
    grouped = own.groupby("type")
    table = grouped.agg(
        n_vehicles=("type", "size"), seats=("seats", "sum"), riders=("riders", "sum")
    )
    for name in ("is_registered", "is_insured", "has_licence"):
        table[f"{name}_yes"] = grouped[name].apply(lambda words: int((words == "yes").sum()))
        table[f"{name}_known"] = grouped[name].apply(lambda words: int((words != "unknown").sum()))
    return table.reset_index().sort_values("riders", ascending=False, ignore_index=True)


def list_scorecard(workspace: Workspace, key: str, factory_id: str) -> pd.DataFrame:
    """Return the latest answer to each item of a factory's policy scorecard.

    Columns `item`, `answer`, `value`, `observed_at`; empty when nobody looked at it.
    """
    with Database(workspace.database_url) as database:
        found = database.read("observation", key)
    is_own = (found["factory_id"] == factory_id) & (
        found["type"] == ObservationType.POLICY_ITEM.value
    )
    own = found[is_own].sort_values("observed_at")
    columns = ["item", "answer", "value", "observed_at"]
    return own.drop_duplicates("item", keep="last")[columns].reset_index(drop=True)


def compare_vehicles(run_path: Path, change: tuple[str, str, float]) -> dict[str, Any]:
    """Estimate what changes when some riders of one kind of vehicle ride in another.

    Parameters
    ----------
    run_path
        A finished run.
    change
        From which mode, to which, what share of its worker-km [0, 1].

    Raises
    ------
    NotEnoughDataError
        If the run knows no commutes, or a rate rests on too little.
    """
    summary, manifest = load_summary(run_path), load_manifest(run_path)
    exposure: Mapping[str, float] = summary.get("worker_km_by_mode", {})
    if not exposure:
        message = "commutes: none are known in this run; import origins, then run the area again."
        raise NotEnoughDataError(message)
    settings = manifest.get("settings", {})
    shift = estimate_mode_shift(
        exposure,
        summary.get("hurt_per_crash_by_mode", {}),
        change,
        years=float(manifest["period"]["years"]),
        min_exposure=float(settings.get("min_worker_km", 1e6)),
        rng=np.random.default_rng(int(manifest.get("seed", 0))),
    )
    return shift.to_dict()


def find_shed(run_path: Path, factory_id: str) -> gpd.GeoDataFrame:
    """Return the places that a factory's workers come from, as far as they may be shown.

    One row a village with at least five of its workers: `village`, `workers_per_day`,
    `distance_km`, `minutes` (both of the route), and where its routes begin.
    """
    routes = load_table(run_path, "commute_routes")
    own = routes[routes["factory_id"] == factory_id]
    if own.empty:
        return gpd.GeoDataFrame(
            {"village": [], "workers_per_day": [], "distance_km": [], "minutes": []},
            geometry=[],
            crs=routes.crs,
        )
    weighted = own.assign(
        km=own["length_m"] / M_PER_KM * own["workers_per_day"],
        spent=own["time_s"] / 60 * own["workers_per_day"],
        geometry=gpd.GeoSeries(own.geometry).interpolate(0.0),
    )
    sums = weighted.groupby("origin_id").agg(
        village=("village", "first"),
        workers_per_day=("workers_per_day", "sum"),
        km=("km", "sum"),
        spent=("spent", "sum"),
        geometry=("geometry", "first"),
    )
    sums["distance_km"] = sums["km"] / sums["workers_per_day"]
    sums["minutes"] = sums["spent"] / sums["workers_per_day"]
    shed = gpd.GeoDataFrame(sums.drop(columns=["km", "spent"]), crs=routes.crs)
    return shed.sort_values("workers_per_day", ascending=False).reset_index(drop=True)
