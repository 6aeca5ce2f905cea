"""Commutes of the tiny run: 100 workers of F1 travel the first eight segments of NR4."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
from shapely.geometry import LineString, Point

from tests.ui.fixture_run import CRS, N_SEGMENTS

DAYS, SEGMENT_KM = 290.0, 0.5
USED = range(8)
BY_MODE = {"van": 60.0, "motorcycle_driver": 40.0}
YEARS = 5.0


def add_commutes(run: Path) -> None:
    """Add the tables of commutes to a run's folder."""
    segments = gpd.read_parquet(run / "segments.parquet")
    start = segments.geometry[0].coords[0]
    end = segments.geometry[7].coords[-1]
    write_flows(run)
    write_groups(run)
    write_rates(run)
    gates = {
        "factory_id": ["F1", "F2"],
        "name": ["Sew & Sons (SYNTHETIC)", "<b>Other</b>"],
        "workers": [100, 30],
        "shifts": ["07:00-16:00", None],
    }
    points = [Point(end), Point()]
    gpd.GeoDataFrame(gates, geometry=points, crs=CRS).to_parquet(run / "factories.parquet")
    expected = {
        "factory_id": ["F1", "F2"],
        "exposure_km": [km_per_year(100) * YEARS, 0.0],
        "expected_crashes": [12.0, None],
        "ci_low": [8.0, None],
        "ci_high": [17.0, None],
        "pooled_share": [0.4, None],
        "rank": pd.array([1, None], dtype="Int64"),
        "reason": ["", "no commute of its workers is known"],
    }
    pd.DataFrame(expected).to_parquet(run / "commute_factories.parquet")
    routes = {
        "alternative": [0],
        "share": [1.0],
        "time_s": [600.0],
        "length_m": [4000.0],
        "vehicle": ["van"],
        "workers_per_day": [100.0],
        "factory_id": ["F1"],
        "origin_id": ["F1-01"],
        "village": ["Phum Thmei"],
    }
    line = LineString([start, end])
    gpd.GeoDataFrame(routes, geometry=[line], crs=CRS).to_parquet(run / "commute_routes.parquet")
    sites = gpd.read_parquet(run / "sites.parquet")
    on_way = sites["site_id"].isin([f"S{i}" for i in USED])
    sites["workers_per_day"] = on_way.map({True: 100.0, False: 0.0})
    sites.to_parquet(run / "sites.parquet")
    (run / "commute_summary.json").write_text(json.dumps(make_summary()))
    manifest = json.loads((run / "run.json").read_text())
    manifest["settings"]["working_days_per_year"] = DAYS
    (run / "run.json").write_text(json.dumps(manifest))


def km_per_year(workers: float, n_segments: int = len(USED)) -> float:
    return workers * n_segments * SEGMENT_KM * 2 * DAYS


def write_flows(run: Path) -> None:
    rows = [
        {
            "segment_id": segment,
            "factory_id": "F1",
            "mode": mode,
            "shift": "07:00-16:00",
            "workers_per_day": n,
            "worker_km_per_year": km_per_year(n, 1),
            "dark_share": 0.25,
        }
        for segment in USED
        for mode, n in BY_MODE.items()
    ]
    assert len(USED) < N_SEGMENTS
    pd.DataFrame(rows).to_parquet(run / "commute_flows.parquet")


def write_groups(run: Path) -> None:
    rows = []
    for mode, n in BY_MODE.items():
        for direction, dark in (("to_work", 0.5), ("from_work", 0.0)):
            km = km_per_year(n) / 2
            rows.append(
                {
                    "mode": mode,
                    "shift": "07:00-16:00",
                    "direction": direction,
                    "workers_per_day": n,
                    "worker_km_per_year": km,
                    "worker_km_day": km * (1 - dark),
                    "worker_km_dark": km * dark,
                    "worker_km_unknown": 0.0,
                    "factory_id": "F1",
                }
            )
    pd.DataFrame(rows).to_parquet(run / "commute_groups.parquet")


def write_rates(run: Path) -> None:
    columns = ["dimension", "group", "n_crashes", "n_hurt", "worker_km", "crashes_per_million"]
    columns += ["crashes_low", "crashes_high", "hurt_per_million", "hurt_low", "hurt_high"]
    rows = [
        ("mode", "motorcycle_driver", 8, 10, 2e6, 4.0, 1.7, 7.9, 5.0, 2.0, 10.0, ""),
        ("mode", "van", 6, 9, 3e6, 2.0, 0.7, 4.4, 3.0, 1.0, 6.0, ""),
        ("hour", "6", 0, 0, 10.0, *[None] * 6, "at most 1 million worker-km: too little"),
    ]
    pd.DataFrame(rows, columns=[*columns, "reason"]).to_parquet(run / "commute_rates.parquet")


def make_summary() -> dict[str, object]:
    total = km_per_year(100)
    return {
        "workers_of_factories": 130,
        "workers_routed": 100.0,
        "workers_without_route": 30.0,
        "without_route_by_reason": {"its roads do not connect <i>": 30.0},
        "worker_km_per_year": total,
        "worker_km_by_light": {"day": total * 0.75, "dark": total * 0.25, "unknown": 0.0},
        "worker_km_by_mode": {mode: km_per_year(n) * 1000 for mode, n in BY_MODE.items()},
        "hurt_per_crash_by_mode": {
            "van": [1, 1, 2, 1, 1, 3],
            "motorcycle_driver": [1, 1, 1, 2, 1, 2, 1, 1],
        },
        "n_commute_crashes": 14,
        "n_workers_hurt": 19,
        "assumptions": ["290 working days a year, the same for all."],
    }
