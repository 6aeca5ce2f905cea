"""Nearest segment of many points: this project beside osmnx and a bare shapely tree.

Run as `python -m benchmarks.bench_snapping FILE.osm.pbf [--points N] [--repeats N]
[--copies N]`. All three search the same segments for the same points: near roads (Gaussian,
20 m, like crash reports) and all over the area. Each time includes building the index and
is the best of the repeats in one process; ours also checks its input and finds the
runner-up. `--copies 36` lays 36 copies of the network side by side, to see how it grows
(osmnx is left out). Printed as JSON: seconds, ratios, the greatest difference in distance,
and what the first call costs a user in a new process with an empty cache of compiled code.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--copies", type=int, default=1)
    arguments = parser.parse_args()
    segments = read_segments(arguments.file, arguments.copies)
    result: dict[str, object] = {
        "file": arguments.file.name,
        "n_segments": len(segments),
        "n_points": arguments.points,
        "first_call_s": measure_first_call(),
    }
    for name, points in make_points(segments, arguments.points).items():
        result[name] = compare(segments, points, arguments.repeats, arguments.copies == 1)
    print(json.dumps(result, indent=2))


def read_segments(file: Path, copies: int, *, left_out: tuple[str, ...] = ()) -> gpd.GeoDataFrame:
    from core.vocabulary import RoadClass
    from geo.network import build_network_from_osm

    network = build_network_from_osm(
        file,
        road_classes=[word.value for word in RoadClass if word.value not in left_out],
        max_segment_length_m=500.0,
        intersection_tolerance_m=15.0,
    )
    segments = network.segments[["segment_id", "u", "v", "geometry"]]
    return segments if copies == 1 else repeat_segments(segments, copies)


def repeat_segments(segments: gpd.GeoDataFrame, copies: int) -> gpd.GeoDataFrame:
    """Lay copies of a network side by side, each with nodes of its own."""
    west, south, east, north = segments.total_bounds
    side = int(np.ceil(np.sqrt(copies)))
    coordinates, index = shapely.get_coordinates(segments.geometry.to_numpy(), return_index=True)
    n, n_nodes = len(segments), int(segments[["u", "v"]].to_numpy().max()) + 1
    lines, u, v = [], [], []
    for copy in range(copies):
        shift = ((copy % side) * (east - west), (copy // side) * (north - south))
        lines.append(shapely.linestrings(coordinates + shift, indices=index))
        u.append(segments["u"].to_numpy() + copy * n_nodes)
        v.append(segments["v"].to_numpy() + copy * n_nodes)
    columns = {
        "segment_id": np.arange(copies * n),
        "u": np.concatenate(u),
        "v": np.concatenate(v),
    }
    return gpd.GeoDataFrame(columns, geometry=np.concatenate(lines), crs=segments.crs)


def make_points(segments: gpd.GeoDataFrame, n: int) -> dict[str, gpd.GeoSeries]:
    rng = np.random.default_rng(20260101)
    lines = segments.geometry.to_numpy()
    some = rng.choice(len(lines), n, p=shapely.length(lines) / shapely.length(lines).sum())
    on_road = shapely.line_interpolate_point(lines[some], rng.uniform(size=n), normalized=True)
    near = shapely.get_coordinates(on_road) + rng.normal(0, 20, (n, 2))
    west, south, east, north = segments.total_bounds
    anywhere = rng.uniform((west, south), (east, north), (n, 2))
    return {
        "near_roads": gpd.GeoSeries(shapely.points(near), crs=segments.crs),
        "anywhere": gpd.GeoSeries(shapely.points(anywhere), crs=segments.crs),
    }


def compare(
    segments: gpd.GeoDataFrame, points: gpd.GeoSeries, repeats: int, with_osmnx: bool
) -> dict[str, object]:
    peers = {"ours": snap_with_ours, "bare_tree": snap_with_tree}
    graph = None
    if with_osmnx:
        peers["osmnx"] = snap_with_osmnx
        graph = make_graph(segments)
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    distances = {}
    for _ in range(repeats):
        for name, snap in peers.items():
            start = time.perf_counter()
            distances[name] = snap(segments, points, graph)
            seconds[name].append(time.perf_counter() - start)
    best = {name: round(min(times), 3) for name, times in seconds.items()}
    result: dict[str, object] = {f"{name}_s": value for name, value in best.items()}
    for name in peers:
        if name != "ours":
            result[f"times_faster_than_{name}"] = round(best[name] / best["ours"], 2)
            difference = np.abs(distances["ours"] - distances[name]).max()
            result[f"greatest_difference_m_{name}"] = float(f"{difference:.2g}")
    return result


def snap_with_ours(segments, points, _graph):
    from geo.snapping import snap_points

    return snap_points(points, segments, max_distance_m=np.inf)["distance_m"].to_numpy()


def snap_with_tree(segments, points, _graph):
    tree = shapely.STRtree(segments.geometry.to_numpy())
    _, distance = tree.query_nearest(points.to_numpy(), return_distance=True, all_matches=False)
    return distance


def snap_with_osmnx(_segments, points, graph):
    import osmnx

    _, distance = osmnx.distance.nearest_edges(graph, points.x, points.y, return_dist=True)
    return np.asarray(distance)


def make_graph(segments: gpd.GeoDataFrame):
    import networkx as nx

    graph = nx.MultiDiGraph(crs=segments.crs)
    for u, v, line in zip(segments["u"], segments["v"], segments.geometry, strict=True):
        for node, (x, y) in ((u, line.coords[0]), (v, line.coords[-1])):
            graph.add_node(node, x=x, y=y)
        graph.add_edge(u, v, geometry=line)
    return graph


def measure_first_call() -> dict[str, float]:
    """Seconds of a first call for one point in a new process, imports left out."""
    code = (
        "import time, geopandas as gpd\n"
        "from shapely.geometry import LineString, Point\n"
        "lines = gpd.GeoDataFrame({'segment_id': [0]},"
        " geometry=[LineString([(0, 0), (1, 1)])], crs=32648)\n"
        "point = gpd.GeoSeries([Point(0, 0)], crs=32648)\n"
        "from geo.snapping import snap_points\n"
        "start = time.perf_counter()\n"
        "snap_points(point, lines, max_distance_m=50)\n"
        "print(time.perf_counter() - start)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        times = [
            float(
                subprocess.run(
                    [sys.executable, "-c", code],
                    check=True,
                    capture_output=True,
                    cwd=ROOT,
                    env=environment,
                ).stdout
            )
            for _ in range(2)
        ]
    return {"compiling": round(times[0], 2), "compiled": round(times[1], 2)}


if __name__ == "__main__":
    main()
