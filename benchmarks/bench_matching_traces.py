"""Map matching of simulated GPS traces, beside a snap to the nearest segment.

Run as `python -m benchmarks.bench_matching_traces FILE.osm.pbf [--traces N] [--km KM]`.
Fastest drives between random nodes, recorded with normal noise of 5, 15 and 30 m every 1, 10,
30 and 60 s (white noise: that of real receivers changes more slowly) are matched; `recovered`
is the share of the length driven that is on the path found, in the right direction, `false`
the length found but not driven, as a share of the length driven. The naive peer puts every
fix on its nearest segment and takes the segments touched, whole and in either direction: its
`recovered` leaves direction out. Then `--traces` drives of at least `--km` at 15 m and 10 s
are matched for the time (second call; the first one compiles) and the peak of memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from core.vocabulary import RoadClass
from geo.linear import flatten_lines, interpolate_points
from geo.map_matching import match_traces
from geo.matching_network import prepare_network
from geo.network import build_network_from_osm
from geo.path_overlap import measure_overlap
from geo.road_graph import VEHICLES, RoadGraph, build_road_graph
from geo.snapping import snap_points

NOISES_M = (5.0, 15.0, 30.0)
SPACINGS_S = (1.0, 10.0, 30.0, 60.0)
SIDE_ROADS = {RoadClass.SERVICE.value, RoadClass.PATH.value}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--traces", type=int, default=1_000)
    parser.add_argument("--km", type=float, default=12.0)
    parser.add_argument("--drives", type=int, default=100)
    arguments = parser.parse_args()
    network = build_network_from_osm(
        arguments.file,
        road_classes=[word.value for word in RoadClass if word.value not in SIDE_ROADS],
        max_segment_length_m=500.0,
        intersection_tolerance_m=15.0,
    )
    segments = network.segments
    graph = build_road_graph(segments, n_nodes=len(network.nodes), vehicle=VEHICLES["car"])
    ready = prepare_network(segments, graph)
    rng = np.random.default_rng(20260101)
    drives = make_drives(segments, graph, arguments.drives, 3_000.0, rng)
    truth = to_steps(drives, segments, graph)
    result: dict[str, object] = {
        "file": arguments.file.name,
        "n_segments": len(segments),
        "n_drives": len(drives),
        "km": round(float((truth["to_m"] - truth["from_m"]).sum() / 1000)),
    }
    match_traces(record(drives[:2], segments, graph, 10.0, 15.0, rng), ready)  # compiles
    for noise in NOISES_M:
        for spacing in SPACINGS_S:
            points = record(drives, segments, graph, spacing, noise, rng)
            result[f"noise {noise:g} m, every {spacing:g} s"] = compare(
                points, truth, segments, ready
            )
    many = make_drives(segments, graph, arguments.traces, arguments.km * 1000, rng)
    points = record(many, segments, graph, 10.0, 15.0, rng)
    start = time.perf_counter()
    matched = match_traces(points, ready)
    seconds = time.perf_counter() - start
    overlap = measure_overlap(to_steps(many, segments, graph), matched.to_steps())
    result["speed"] = {
        "n_traces": len(many),
        "km": round(float(overlap["length_m"].sum() / 1000)),
        "n_fixes": len(points),
        "s": round(seconds, 2),
        "traces_per_s": round(len(many) / seconds),
        "km_per_s": round(float(overlap["length_m"].sum() / 1000 / seconds)),
        "recovered": round(float(overlap["shared_m"].sum() / overlap["length_m"].sum()), 4),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(result, indent=2))


def make_drives(
    segments: gpd.GeoDataFrame, graph: RoadGraph, n: int, min_m: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Fastest paths between random nodes of the largest component, as arcs."""
    order = np.lexsort((graph.time_s, graph.head, graph.tail))
    key = graph.tail[order] * graph.n_nodes + graph.head[order]
    known, first = np.unique(key, return_index=True)
    arc = order[first]
    matrix = csr_array(
        (graph.time_s[arc], (graph.tail[arc], graph.head[arc])),
        shape=(graph.n_nodes, graph.n_nodes),
    )
    nodes = np.unique(segments.loc[segments["component"] == 0, ["u", "v"]])
    drives: list[np.ndarray] = []
    while len(drives) < n:
        start = int(rng.choice(nodes))
        time_s, before = dijkstra(matrix, indices=start, return_predecessors=True)
        for end in rng.choice(nodes, 60):
            if not np.isfinite(time_s[end]) or end == start or len(drives) == n:
                continue
            path = [int(end)]
            while path[-1] != start:
                path.append(int(before[path[-1]]))
            there = np.array(path[::-1])
            arcs = arc[np.searchsorted(known, there[:-1] * graph.n_nodes + there[1:])]
            if graph.length_m[arcs].sum() >= min_m:
                drives.append(arcs)
    return drives


def record(
    drives: list[np.ndarray],
    segments: gpd.GeoDataFrame,
    graph: RoadGraph,
    spacing_s: float,
    noise_m: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Fixes of the drives, the last one where each ends."""
    lines = flatten_lines(segments.geometry.to_numpy())
    tables = []
    for trace, arcs in enumerate(drives):
        clock = np.concatenate([[0], np.cumsum(graph.time_s[arcs])])
        at = np.append(np.arange(0, clock[-1], spacing_s), clock[-1])
        step = np.clip(np.searchsorted(clock, at, side="right") - 1, 0, len(arcs) - 1)
        share = (at - clock[step]) / graph.time_s[arcs[step]]
        share = np.where(graph.is_forward[arcs[step]], share, 1 - share)
        line = graph.segment_id[arcs[step]]
        xy = interpolate_points(lines, line, share * lines.length[line])
        xy += rng.normal(0, noise_m, xy.shape)
        tables.append(pd.DataFrame({"trace": trace, "x": xy[:, 0], "y": xy[:, 1]}))
    return pd.concat(tables, ignore_index=True)


def to_steps(
    drives: list[np.ndarray], segments: gpd.GeoDataFrame, graph: RoadGraph
) -> pd.DataFrame:
    arcs = np.concatenate(drives)
    path = np.repeat(np.arange(len(drives)), [len(one) for one in drives])
    ids = graph.segment_id[arcs]
    length = segments.geometry.length.to_numpy()[ids]
    columns = {"path": path, "segment_id": ids, "is_forward": graph.is_forward[arcs]}
    return pd.DataFrame({**columns, "from_m": 0.0, "to_m": length})


def compare(points, truth, segments, ready) -> dict[str, float]:
    start = time.perf_counter()
    matched = match_traces(points, ready)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    snapped = snap_naively(points, segments)
    naive_s = time.perf_counter() - start
    ours = measure_overlap(truth, matched.to_steps())
    naive = measure_overlap(truth.assign(is_forward=True), snapped)
    length = ours["length_m"].sum()
    return {
        "recovered": round(float(ours["shared_m"].sum() / length), 4),
        "false": round(float(ours["false_m"].sum() / length), 4),
        "good": round(float((matched.traces["verdict"] == "good").mean()), 2),
        "sigma_m": round(matched.sigma_m, 1),
        "s": round(seconds, 2),
        "naive_recovered": round(float(naive["shared_m"].sum() / length), 4),
        "naive_false": round(float(naive["false_m"].sum() / length), 4),
        "naive_s": round(naive_s, 2),
    }


def snap_naively(points: pd.DataFrame, segments: gpd.GeoDataFrame) -> pd.DataFrame:
    """Segments that are nearest to a fix, whole, each once a trace."""
    fixes = gpd.GeoSeries(shapely.points(points[["x", "y"]].to_numpy()), crs=segments.crs)
    found = snap_points(fixes, segments, max_distance_m=100.0)["segment_id"]
    table = pd.DataFrame({"path": points["trace"], "segment_id": found}).dropna().drop_duplicates()
    length = segments.geometry.length.to_numpy()[table["segment_id"].to_numpy(dtype=np.int64)]
    return table.assign(is_forward=True, from_m=0.0, to_m=length)


if __name__ == "__main__":
    main()
