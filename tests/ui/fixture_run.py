"""A tiny published run, made by hand in exactly the contract's schema."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import LineString, MultiLineString, Point

from geo.tiles import build_tile_layers, write_tiles

CRS = 32648
X0, Y0 = 470_000.0, 1_270_000.0
RUN_ID = "20260105T120000Z-0a1b2c3d"
NASTY = "<script>alert('x')</script> Road"
N_SEGMENTS = 36  # 12 on each of three roads, 500 m each


def build_home(home: Path, *, is_synthetic: bool = True, key: str = "tiny") -> Path:
    """Write a workspace with one area and one published run, and return the run's folder."""
    write_area(home, key, name="Tiny Province", is_synthetic=is_synthetic)
    run = home / "runs" / key / RUN_ID
    run.mkdir(parents=True)
    segments = build_segments()
    lixels = build_lixels(segments)
    crashes = build_crashes(segments, lixels)
    sites = build_sites(segments, crashes)
    hotspots = build_hotspots(lixels, crashes)
    tables = {
        "segments": segments,
        "lixels": lixels,
        "crashes": crashes,
        "sites": sites,
        "hotspots": hotspots,
        "places": build_places(),
    }
    for name, frame in tables.items():
        frame.to_parquet(run / f"{name}.parquet")
    write_tiles(build_tile_layers(sites, hotspots), run / "tiles.pmtiles")
    (run / "run.json").write_text(json.dumps(build_manifest(key, crashes, is_synthetic)))
    publish(home, key, RUN_ID)
    return run


def write_area(home: Path, key: str, *, name: str, is_synthetic: bool = True) -> None:
    folder = home / "areas" / key
    folder.mkdir(parents=True)
    values = {"key": key, "name": name, "is_synthetic": is_synthetic}
    values |= {"added_at": "2026-01-01T00:00:00Z", "kind": "lines"}
    values |= {"files": {}, "sha256": {}, "original": {}}
    (folder / "area.json").write_text(json.dumps(values))


def publish(home: Path, key: str, run_id: str) -> None:
    (home / "published").mkdir(exist_ok=True)
    (home / "published" / f"{key}.json").write_text(json.dumps({"run_id": run_id}))


def build_segments() -> gpd.GeoDataFrame:
    roads = [
        ("National Road 4", "ផ្លូវជាតិលេខ៤", "NR4", "trunk", (1.0, 0.15)),
        (NASTY, None, None, "secondary", (0.1, 1.0)),
        ("Village Road", "ផ្លូវភូមិ", None, "residential", (0.8, 0.9)),
    ]
    rows, shapes = [], []
    for name, khmer, ref, road_class, (dx, dy) in roads:
        step = np.array([dx, dy]) / np.hypot(dx, dy) * 500
        for i in range(12):
            a, b = np.array([X0, Y0]) + i * step, np.array([X0, Y0]) + (i + 1) * step
            rows.append((name, khmer, ref, road_class))
            shapes.append(LineString([a, b]))
    frame = pd.DataFrame(rows, columns=["name", "name_km", "ref", "road_class"])
    frame.insert(0, "segment_id", np.arange(len(rows)))
    frame["length_m"] = 500.0
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=CRS)


def build_lixels(segments: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    rows, shapes = [], []
    for segment_id, line in zip(segments["segment_id"], segments.geometry, strict=True):
        for part in range(10):
            ends = [line.interpolate(50.0 * part), line.interpolate(50.0 * (part + 1))]
            rows.append((len(rows), segment_id, 50.0 * part, 50.0 * (part + 1), 50.0))
            shapes.append(LineString(ends))
    columns = ["lixel_id", "segment_id", "start_m", "end_m", "length_m"]
    frame = gpd.GeoDataFrame(rows, columns=columns, geometry=shapes, crs=CRS)
    hotspot = pd.Series(np.nan, index=frame.index, dtype="str")
    hotspot[frame["segment_id"] == 3] = "H1"
    hotspot[frame["segment_id"] == 15] = "H2"
    hotspot[frame["segment_id"] == 30] = "H3"
    frame["hotspot_id"] = hotspot
    frame["is_significant"] = hotspot.notna()
    return frame


def build_crashes(segments: gpd.GeoDataFrame, lixels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """20 crashes in H1, 12 in H2, 6 in H3, one on each other segment, 4 not placed."""
    rng = np.random.default_rng(7)
    at = [3] * 20 + [15] * 12 + [30] * 6 + [s for s in range(N_SEGMENTS) if s not in {3, 15, 30}]
    n, n_unplaced = len(at), 4
    offset = rng.uniform(10, 490, n)
    points = [segments.geometry[s].interpolate(d) for s, d in zip(at, offset, strict=True)]
    severity = ["fatal", "serious", "slight", "slight", "damage_only", None]
    users = ["car;motorcycle_driver", "motorcycle_driver", "pedestrian;van", "bicycle", ""]
    total = n + n_unplaced
    start = pd.Timestamp("2021-01-01")
    when = pd.Series(start + pd.to_timedelta(rng.integers(0, 5 * 365 * 24, total), unit="h"))
    when[total - 1] = pd.NaT
    is_dark = pd.Series(np.where((when.dt.hour >= 18) | (when.dt.hour < 6), "yes", "no"))
    is_dark[when.isna()] = "unknown"
    quality = ["A"] * n + ["D"] * n_unplaced
    frame = pd.DataFrame(
        {
            "crash_id": [f"c{i:03d}" for i in range(total)],
            "source": "police",
            "source_id": [f"=P{i}" for i in range(total)],
            "occurred_at": when.astype("datetime64[us]"),
            "has_time": when.notna(),
            "severity": pd.Series([severity[i % 6] for i in range(total)], dtype="str"),
            "n_killed": pd.array([int(i % 6 == 0) for i in range(total)], dtype="Int64"),
            "n_serious": pd.array([int(i % 6 == 1) for i in range(total)], dtype="Int64"),
            "n_slight": pd.array([int(i % 6 in (2, 3)) for i in range(total)], dtype="Int64"),
            "n_vehicles": pd.array([1 + i % 2 for i in range(total)], dtype="Int64"),
            "road_users": [users[i % 5] for i in range(total)],
            "light": "unknown",
            "is_dark": is_dark,
            "is_worker_commute": ["yes" if i % 3 == 0 else "unknown" for i in range(total)],
            "factory_id": pd.Series(["F1"] * total, dtype="str"),
            "collision_type": pd.Series(["rear end"] * total, dtype="str"),
            "narrative": pd.Series(["Ms Secret Name, 012 345 678"] * total, dtype="str"),
            "site_id": pd.Series([f"S{s}" for s in at] + [np.nan] * n_unplaced, dtype="str"),
            "segment_id": pd.array([*at, *[pd.NA] * n_unplaced], dtype="Int64"),
            "lixel_id": pd.array(
                [s * 10 + int(d // 50) for s, d in zip(at, offset, strict=True)]
                + [pd.NA] * n_unplaced,
                dtype="Int64",
            ),
            "snap_distance_m": [3.5] * n + [np.nan] * n_unplaced,
            "location_quality": quality,
            "is_ambiguous": False,
            "unplaced_reason": pd.Series(
                [np.nan] * n + ["no_coordinates", "no_coordinates", "too_far", "too_far"],
                dtype="str",
            ),
            "import_id": 1,
            "row_number": np.arange(2, total + 2),
        }
    )
    return gpd.GeoDataFrame(frame, geometry=[*points, *[Point()] * n_unplaced], crs=CRS)


def build_sites(segments: gpd.GeoDataFrame, crashes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    sites = segments[["name", "road_class", "length_m", "geometry"]].copy()
    sites.insert(0, "site_id", [f"S{i}" for i in segments["segment_id"]])
    sites["site_type"] = "segment"
    counts = crashes["site_id"].value_counts()
    sites["n_crashes"] = sites["site_id"].map(counts).fillna(0).astype("int64")
    sites["crashes_per_km_year"] = sites["n_crashes"] / 0.5 / 5
    sites["rank"] = sites["n_crashes"].rank(ascending=False, method="first").astype("int64")
    crossing = sites.iloc[[0]].assign(
        site_id="I0", site_type="intersection", name="NR4 x Village Road", n_crashes=0
    )
    crossing = crossing.set_geometry([Point(X0, Y0)], crs=CRS)
    return pd.concat([sites, crossing], ignore_index=True)


def build_hotspots(lixels: gpd.GeoDataFrame, crashes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    names = {
        "H1": "NR4 km 1.5 to 2.0, near Ang Snuol",
        "H2": f"{NASTY} km 1.5 to 2.0, near Kandal",
        "H3": "Village Road, near Phum Thmei",
    }
    of_crash = crashes["lixel_id"].map(lixels.set_index("lixel_id")["hotspot_id"])
    rows, shapes = [], []
    for rank, (hotspot_id, name) in enumerate(names.items(), start=1):
        inside = crashes[of_crash == hotspot_id]
        pieces = lixels[lixels["hotspot_id"] == hotspot_id].geometry
        severity = inside["severity"].fillna("unknown").value_counts()
        users = inside["road_users"].str.split(";").explode().replace("", np.nan).dropna()
        timed = inside["occurred_at"].dropna()
        hours = np.bincount(timed.dt.weekday * 24 + timed.dt.hour, minlength=168)
        n, expected = len(inside), 2.5
        rows.append(
            {
                "hotspot_id": hotspot_id,
                "rank": rank,
                "name": name,
                "road_label": name.split(" km")[0],
                "near_place": "Ang Snuol",
                "near_place_km": 1.2,
                "chainage_from_km": 1.5,
                "chainage_to_km": 2.0,
                "length_m": 500.0,
                "n_crashes": n,
                "n_fatal": int(severity.get("fatal", 0)),
                "n_serious": int(severity.get("serious", 0)),
                "n_slight": int(severity.get("slight", 0)),
                "n_damage_only": int(severity.get("damage_only", 0)),
                "n_unknown_severity": int(severity.get("unknown", 0)),
                "n_ksi_crashes": int(severity.get("fatal", 0) + severity.get("serious", 0)),
                "epdo_score": 1234.0,
                "expected_crashes": expected,
                "excess_crashes": n - expected,
                "rate_ratio": n / expected,
                "ci_low": n / expected * 0.6,
                "ci_high": n / expected * 1.5,
                "crashes_per_km_year": n / 0.5 / 5,
                "p_value": 1e-6,
                "q_value": 0.0004 * rank * 10,
                "n_dark": int((inside["is_dark"] == "yes").sum()),
                "n_light_known": int((inside["is_dark"] != "unknown").sum()),
                "road_users": json.dumps({str(k): int(v) for k, v in users.value_counts().items()}),
                "hour_of_week": json.dumps(hours.tolist()),
                "n_with_time": len(timed),
                "n_worker_commute": int((inside["is_worker_commute"] == "yes").sum()),
                "n_segments": 1,
                "province": "Kandal",
                "district": "Ang Snuol",
                "is_new": rank == 3,
            }
        )
        shapes.append(MultiLineString(list(pieces)))
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=CRS)


def build_places() -> gpd.GeoDataFrame:
    values = {
        "name": ["Ang Snuol", "Phum Thmei"],
        "name_km": ["អង្គស្នួល", None],
        "kind": ["town", "village"],
        "population": [20_000.0, np.nan],
    }
    points = [Point(X0 + 1_500, Y0 + 400), Point(X0 + 2_500, Y0 + 3_000)]
    return gpd.GeoDataFrame(values, geometry=points, crs=CRS)


def build_manifest(key: str, crashes: gpd.GeoDataFrame, is_synthetic: bool) -> dict[str, object]:
    n_snapped = int(crashes["site_id"].notna().sum())
    unplaced = crashes["unplaced_reason"].dropna().value_counts()
    return {
        "run_id": RUN_ID,
        "area": key,
        "area_name": "Tiny Province",
        "is_synthetic": is_synthetic,
        "created_at": "2026-01-05T12:00:00+00:00",
        "n_segments": N_SEGMENTS,
        "n_intersections": 1,
        "network_km": 18.0,
        "n_crashes": len(crashes),
        "n_snapped": n_snapped,
        "snap_share": n_snapped / len(crashes),
        "snap_median_m": 3.5,
        "snap_p95_m": 3.5,
        "unplaced": {str(k): int(v) for k, v in unplaced.items()},
        "n_hotspots": 3,
        "period": {"start": "2021-01-01", "end": "2025-12-31", "years": 5.0},
        "settings": {"hotspot_fdr": 0.05, "window_length_m": 300.0},
        "inputs": {},
        "versions": {},
        "seed": 1,
        "steps": [],
        "warnings": ["1 crash has no date."],
        "validation": {},
    }
