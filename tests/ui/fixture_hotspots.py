"""What a run keeps of its hotspots' certainty and of other methods, added to the tiny run."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd

PUBLISHED = {"method": "window", "null_model": "road_class", "control": "fdr"}
CERTAINTY = {
    "p_family": 0.001,
    "n_long_run": 9.0,
    "n_long_run_ci_low": 5.0,
    "n_long_run_ci_high": 14.0,
    "rank_ci_low": 1.0,
    "rank_ci_high": 2.0,
    "p_worst_5": 1.0,
    "p_worst_10": 1.0,
    "p_worst_20": 1.0,
    "found_with_half_window": False,
    "found_with_double_window": True,
    "found_when_moved": 0.95,
    "found_when_redrawn": 0.4,
    "stability": 0.5875,
    "methods_found": "window;density",
    "n_methods_found": 2,
    "n_methods": 3,
    "nulls_found": "road_class",
    "n_nulls_found": 1,
    "n_nulls": 3,
    "change": "persistent",
    "change_meaning": "It lasts.",
    "busy_hours": "",
    "busy_hours_meaning": "",
}


def add_variants(run: Path) -> Path:
    """Write the certainty of the hotspots, and what Gi* finds: the first one, and a new one."""
    hotspots = gpd.read_parquet(run / "hotspots.parquet").assign(**PUBLISHED, **CERTAINTY)
    hotspots.to_parquet(run / "hotspots.parquet")
    lixels = gpd.read_parquet(run / "lixels.parquet")
    kept = list(hotspots.columns.intersection(VARIANT_COLUMNS))
    first = hotspots.iloc[:2][kept].assign(**PUBLISHED | {"method": "gi_star"})
    own = [lixels.loc[lixels["segment_id"] == segment, "lixel_id"].tolist() for segment in (3, 20)]
    first["hotspot_id"] = ["H1", "V1"]
    first["name"] = ["NR4 km 1.5 to 2.0, near Ang Snuol", "Nowhere Lane, near Kandal"]
    first["rank"] = [1, 2]
    same = hotspots[kept].assign(lixel_ids=[own[0]] * len(hotspots))
    variants = pd.concat([same, first.assign(lixel_ids=own)], ignore_index=True)
    gpd.GeoDataFrame(variants, crs=hotspots.crs).to_parquet(run / "hotspot_variants.parquet")
    summary = {
        "published": {**PUBLISHED, "level": 0.05},
        "nulls": {"road_class": "as if crashes fell evenly on every metre of a road class"},
        "missing_nulls": {"exposure": "no commutes are known"},
        "missing_methods": {},
        "variants": [
            {**PUBLISHED, "method": method, "n_hotspots": n, "n_simulations": 0}
            for method, n in (("window", 3), ("gi_star", 2))
        ],
        "area": {
            "sentences": [{"question": "Do they gather?", "answer": "The data cannot tell."}],
            "note": "99 patterns of chance.",
        },
    }
    (run / "hotspot_summary.json").write_text(json.dumps(summary))
    return run


VARIANT_COLUMNS = (
    *("method", "null_model", "control", "hotspot_id", "rank", "name", "n_crashes"),
    *("expected_crashes", "excess_crashes", "rate_ratio", "ci_low", "ci_high", "length_m"),
    *("p_value", "q_value", "p_family", "geometry"),
)
