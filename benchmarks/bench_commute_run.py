"""The commutes of a whole country as a run makes them: seconds, peak memory, size of the tables.

Run as `python -m benchmarks.bench_commute_run [--grid N] [--factories N] [--villages N]`. An
invented country of about 2 N x N segments (see `benchmarks.bench_network`), invented factories
on it, each with as many invented villages within 15 km; seven modes, two shifts, three
alternative routes. Printed as JSON: seconds of `pipeline.commutes.build_commutes`, peak memory
of the process before it and at its end, rows and megabytes of each table that it writes.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

MODES = {
    "share_open_truck_with_people": 0.40,
    "share_motorcycle_driver": 0.25,
    "share_motorcycle_passenger": 0.10,
    "share_van": 0.10,
    "share_bus": 0.10,
    "share_pedestrian": 0.02,
    "share_bicycle": 0.03,
}
REACH_M = 15_000.0
COLUMNS = ("route_id", "factory_id", "vehicle_id", "direction", "line", "type")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=int, default=230)
    parser.add_argument("--factories", type=int, default=300)
    parser.add_argument("--villages", type=int, default=60)
    parser.add_argument("--alternatives", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments), indent=2))


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    from benchmarks.bench_network import write_grid
    from core.settings import Settings
    from core.vocabulary import RoadClass
    from geo.network import build_network_from_osm
    from pipeline.commutes import CommuteRecords, build_commutes

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_grid(folder / "country.osm.pbf", arguments.grid)
        network = build_network_from_osm(
            folder / "country.osm.pbf",
            road_classes=[word.value for word in RoadClass],
            max_segment_length_m=500.0,
            intersection_tolerance_m=15.0,
        )
        factories, origins = invent(network, arguments.factories, arguments.villages)
        none = {name: pd.Series([], dtype="str") for name in COLUMNS}
        empty = pd.DataFrame(none)
        records = CommuteRecords(
            factories=factories, origins=origins, casualties=empty, routes=empty, vehicles=empty
        )
        job = SimpleNamespace(settings=Settings(n_route_alternatives=arguments.alternatives))
        frame = SimpleNamespace(segments=network.segments, network=network)
        before_mb = read_peak_mb()
        out = folder / "step"
        out.mkdir()
        start = time.perf_counter()
        build_commutes(job, frame, records, 2024, out)
        seconds = time.perf_counter() - start
        summary = json.loads((out / "commute_summary.json").read_text(encoding="utf-8"))
        return {
            "n_segments": len(network.segments),
            "n_origins": len(origins),
            "seconds": round(seconds, 1),
            "peak_before_mb": before_mb,
            "peak_mb": read_peak_mb(),
            "workers_routed": summary["workers_routed"],
            "conservation_error": summary["conservation_error"],
            "tables": {
                path.name: {
                    "rows": pq.read_metadata(path).num_rows,
                    "mb": round(path.stat().st_size / 1e6, 1),
                }
                for path in sorted(out.glob("*.parquet"))
            },
        }


def invent(network, n_factories: int, n_villages: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Invent factories at nodes and villages near each."""
    rng = np.random.default_rng(20260101)
    nodes = network.nodes.geometry
    xy = np.column_stack([nodes.x, nodes.y])
    lonlat = nodes.to_crs(4326)
    lon, lat = lonlat.x.to_numpy(), lonlat.y.to_numpy()
    gates = rng.choice(len(xy), n_factories, replace=False)
    parts = []
    for number, gate in enumerate(gates):
        near = np.flatnonzero(np.hypot(*(xy - xy[gate]).T) <= REACH_M)
        homes = rng.choice(near, n_villages, replace=False)
        own = {"factory_id": f"F{number:03d}", "lon": lon[homes], "lat": lat[homes]}
        parts.append(pd.DataFrame({**own, "workers": rng.integers(5, 100, n_villages)}))
    origins = pd.concat(parts, ignore_index=True)
    origins["origin_id"] = [f"o{row:06d}" for row in range(len(origins))]
    origins["village"] = origins["origin_id"]
    factories = pd.DataFrame(
        {
            "factory_id": [f"F{number:03d}" for number in range(n_factories)],
            "lon": lon[gates],
            "lat": lat[gates],
            "workers": origins.groupby("factory_id")["workers"].sum().to_numpy(),
            "shifts": "06:30-15:30;15:30-00:30",
        }
    )
    return factories, origins.assign(**MODES, place_note=None, source=None)


def read_peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
