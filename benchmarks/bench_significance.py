"""Significance of crashes on a network by simulation, on networks of any size.

Run as `python -m benchmarks.bench_significance [FILE.osm.pbf] [--grid N] [--copies N] [--crashes N]
[--smoothing windows|simple|discontinuous|continuous] [--overdispersion K] [--workers N ...]`.
With a file and one copy, the register of crashes beside it (`acidentes-2013.csv` to
`acidentes-2016.csv`) is put on its nearest roads, within 30 m; else crashes are invented: half
anywhere by length, half on one segment in fifty. The null: the mean of the road class. `--grid 708`
is a street grid of a million segments of 100 m, made without a file. Printed as JSON: seconds,
processor seconds, peak memory of the process so far, what was found.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from benchmarks.bench_lixels import measure_peak_mb
from benchmarks.bench_nkde import invent_events
from benchmarks.bench_snapping import repeat_segments

YEARS = range(2013, 2017)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--grid", type=int)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--crashes", type=int, default=100_000)
    parser.add_argument("--smoothing", default="windows")
    parser.add_argument("--bandwidth-m", type=float, default=300.0)
    parser.add_argument("--resolution-m", type=float, default=0.25)
    parser.add_argument("--overdispersion", type=float, default=0.0)
    parser.add_argument("--maps", type=int, default=999)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()

    from geo.lixels import build_lixels
    from models.null_models import build_null
    from models.significance import SignificanceOptions, compute_significance

    segments = lay_grid(arguments.grid) if arguments.grid else read_roads(arguments)
    lixels = build_lixels(segments, lixel_length_m=50.0)
    n_crashes = place_crashes(segments, lixels, arguments)
    segment = lixels["segment_id"].to_numpy()
    null = build_null(
        "road_class",
        n_crashes,
        lixels["length_m"],
        reference_class=segments["road_class"].to_numpy()[segment],
        overdispersion_k=arguments.overdispersion,
        group=segment,
    )
    result: dict[str, object] = {
        "n_segments": len(segments),
        "n_lixels": len(lixels),
        "n_crashes": int(n_crashes.sum()),
        "network_peak_mb": measure_peak_mb(),
    }
    with Clock(result, f"smoothing: {arguments.smoothing}"):
        smoothing = build_smoothing(segments, lixels, arguments)
    result["entries_per_lixel"] = round(smoothing.nnz / len(lixels), 1)
    few = build_null("length", np.eye(1, 40)[0], np.ones(40))
    compute_significance(np.eye(1, 40)[0], few, smoothing[:40, :40], seed=1)  # compiles
    for workers in arguments.workers:
        options = SignificanceOptions(n_maps=arguments.maps, n_workers=workers)
        with Clock(result, f"{arguments.maps} maps, {workers} worker(s)"):
            found = compute_significance(n_crashes, null, smoothing, seed=1, options=options)
        result["lixels_at_5_percent"] = {
            "false discoveries": int((found.q_value <= 0.05).sum()),
            "family-wise": int((found.p_family <= 0.05).sum()),
            "pointwise": int((found.p_value <= 0.05).sum()),
            "tail_share": round(found.tail_share, 3),
        }
    print(json.dumps(result, indent=2))


class Clock:
    """Adds what a block took to the result."""

    def __init__(self, result: dict[str, object], name: str) -> None:
        self.result, self.name = result, name

    def __enter__(self) -> None:
        self.start, self.cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.result[self.name] = {
            "seconds": round(time.perf_counter() - self.start, 2),
            "processor_seconds": round(time.process_time() - self.cpu, 2),
            "peak_mb": measure_peak_mb(),
        }


def read_roads(arguments: argparse.Namespace) -> gpd.GeoDataFrame:
    from core.vocabulary import RoadClass
    from geo.network import build_network_from_osm

    network = build_network_from_osm(
        arguments.file,
        road_classes=[word.value for word in RoadClass],
        max_segment_length_m=500.0,
        intersection_tolerance_m=15.0,
    )
    segments = network.segments[["segment_id", "u", "v", "road_class", "geometry"]]
    if arguments.copies == 1:
        return segments
    classes = np.tile(segments["road_class"].to_numpy(), arguments.copies)
    return repeat_segments(segments, arguments.copies).assign(road_class=classes)


def lay_grid(side: int) -> gpd.GeoDataFrame:
    """Lay streets of 100 m between `side` x `side` crossings."""
    node = np.arange(side * side).reshape(side, side)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    spot = np.column_stack([node.ravel() % side, node.ravel() // side]) * 100.0
    lines = shapely.linestrings(np.stack([spot[u], spot[v]], axis=1))
    is_main = (u // side % 5 == 0) & (v - u == 1)
    columns = {
        "segment_id": np.arange(len(u)),
        "u": u,
        "v": v,
        "road_class": np.where(is_main, "primary", "residential"),
    }
    return gpd.GeoDataFrame(columns, geometry=lines, crs=32722)


def place_crashes(
    segments: gpd.GeoDataFrame, lixels: gpd.GeoDataFrame, arguments: argparse.Namespace
) -> np.ndarray:
    """Count crashes on lixels: the register's, or invented ones."""
    from geo.lixels import locate_lixels
    from geo.snapping import snap_points

    if arguments.file and arguments.copies == 1:
        tables = [
            pd.read_csv(
                arguments.file.with_name(f"acidentes-{year}.csv"),
                encoding="latin-1",
                usecols=["LATITUDE", "LONGITUDE"],
            )
            for year in YEARS
        ]
        table = pd.concat(tables).apply(pd.to_numeric, errors="coerce").dropna()
        spots = gpd.points_from_xy(table["LONGITUDE"], table["LATITUDE"], crs=4326)
        points = gpd.GeoSeries(spots).to_crs(segments.crs)
        near = snap_points(points, segments, max_distance_m=30.0)
        lixel = locate_lixels(lixels, near["segment_id"], near["offset_m"])
    else:
        events = invent_events(segments.length.to_numpy(), arguments.crashes)
        lixel = locate_lixels(lixels, events.edge, events.offset)
    return np.bincount(lixel[lixel >= 0], minlength=len(lixels))


def build_smoothing(
    segments: gpd.GeoDataFrame, lixels: gpd.GeoDataFrame, arguments: argparse.Namespace
):
    from geo.neighbours import build_lixel_windows
    from models.edge_graph import Positions, build_edge_graph
    from models.nkde import NkdeOptions
    from models.smoothing import build_kernel_matrix

    if arguments.smoothing == "windows":
        return build_lixel_windows(lixels, segments, window_length_m=arguments.bandwidth_m)
    graph = build_edge_graph(segments["u"], segments["v"], segments.length)
    middles = ((lixels["start_m"] + lixels["end_m"]) / 2).to_numpy()
    at = Positions(edge=lixels["segment_id"].to_numpy(), offset=middles)
    options = NkdeOptions(method=arguments.smoothing, resolution_m=arguments.resolution_m)
    return build_kernel_matrix(graph, at, bandwidth_m=arguments.bandwidth_m, options=options)


if __name__ == "__main__":
    main()
