"""Commutes to 700 gates from all villages within 40 km, beside networkx.

Run as `python -m benchmarks.bench_routing [--segments N] [--block-m 850] [--peer-gates 3]`. An
invented country is laid out as a grid of bent streets, each cut in two as the network is at
500 m; 14,000 villages (in a smaller country fewer, at the same density) are spread over it and
700 gates stand for the most part around its capital. `--block-m 200 --pieces 1` gives a country
as dense as a city, `--times-only` leaves the routes themselves out, `--alternatives 3` looks for
ways that are nearly as fast.

Printed as JSON: seconds, processor seconds and peak memory of our steps; for networkx the
seconds of a few gates, without the routes and with them (its graph is built outside them, and it
stops at the farthest village, which it is told); the ratios with networkx extrapolated to all
gates; and the greatest relative difference in time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import shapely

from benchmarks.bench_network import read_peak_mb

CRS = 32648
N_VILLAGES = 14_000  # in a country of a million segments
N_GATES = 700
MAX_DISTANCE_M = 40_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--block-m", type=float, default=850.0)
    parser.add_argument("--pieces", type=int, default=2)
    parser.add_argument("--alternatives", type=int, default=1)
    parser.add_argument("--peer-gates", type=int, default=0)
    parser.add_argument("--times-only", action="store_true")
    arguments = parser.parse_args()
    size = round(np.sqrt(arguments.segments / 2 / arguments.pieces))
    segments = make_country(size, arguments.block_m, arguments.pieces)
    n_villages = round(N_VILLAGES * arguments.segments / 1e6)
    villages, gates = place_people(segments, size * arguments.block_m, n_villages)
    print(json.dumps(measure(segments, villages, gates, arguments), indent=2))


def make_country(size: int, block_m: float, n_pieces: int) -> gpd.GeoDataFrame:
    """Lay out size x size crossings; some streets are one-way, every fourth is a main road."""
    rng = np.random.default_rng(20260101)
    row, column = np.divmod(np.arange(size * size), size)
    xy = np.column_stack([column, row]) * block_m + rng.normal(0, block_m / 10, (size * size, 2))
    right = np.flatnonzero(column < size - 1)
    up = np.flatnonzero(row < size - 1)
    a, b = np.concatenate([right, up]), np.concatenate([right + 1, up + size])
    street = np.concatenate([row[right], column[up]])
    n = len(a)
    n_steps = 6 // n_pieces * n_pieces
    share = np.linspace(0, 1, n_steps + 1)[None, :, None]
    line = xy[a][:, None] * (1 - share) + xy[b][:, None] * share
    line[:, 1:-1] += rng.normal(0, block_m / 60, (n, n_steps - 1, 2))
    inner = size * size + np.arange(n * (n_pieces - 1)).reshape(n, n_pieces - 1)
    ends = np.hstack([a[:, None], inner, b[:, None]])
    step = n_steps // n_pieces
    shapes = [shapely.linestrings(line[:, i * step : (i + 1) * step + 1]) for i in range(n_pieces)]
    classes = np.array(["primary", "residential", "tertiary", "unclassified"])[street % 4]
    oneway = rng.choice(["no", "forward", "backward"], n, p=[0.9, 0.05, 0.05])
    frame = gpd.GeoDataFrame(
        {
            "u": ends[:, :-1].T.ravel(),
            "v": ends[:, 1:].T.ravel(),
            "road_class": np.tile(classes, n_pieces),
            "oneway": np.tile(oneway, n_pieces),
        },
        geometry=np.concatenate(shapes),
        crs=CRS,
    )
    return frame.assign(segment_id=np.arange(len(frame)), length_m=frame.length)


def place_people(
    segments: gpd.GeoDataFrame, width_m: float, n_villages: int
) -> tuple[gpd.GeoSeries, gpd.GeoSeries]:
    """Spread villages over all nodes and most gates over those near the capital."""
    rng = np.random.default_rng(20260102)
    starts = shapely.get_point(segments.geometry.to_numpy(), 0)
    xy = np.unique(shapely.get_coordinates(starts), axis=0)
    far = np.hypot(*(xy - width_m / 2).T)
    near = np.flatnonzero(far < min(30_000.0, width_m / 4))
    anywhere = rng.choice(len(xy), n_villages + N_GATES * 3 // 10)
    at_gates = np.concatenate([rng.choice(near, N_GATES * 7 // 10), anywhere[n_villages:]])
    villages, gates = xy[anywhere[:n_villages]], xy[at_gates]
    return tuple(gpd.GeoSeries.from_xy(*some.T, crs=CRS) for some in (villages, gates))


def measure(segments, villages, gates, arguments) -> dict[str, object]:
    from geo.road_graph import VEHICLES
    from geo.routing import RouteOptions, build_routable_roads, compute_travel_times, find_routes

    result: dict[str, object] = {
        "n_segments": len(segments),
        "n_villages": len(villages),
        "n_gates": len(gates),
        "before": {"peak_mb": round(read_peak_mb())},
    }
    options = RouteOptions(max_distance_m=MAX_DISTANCE_M, n_alternatives=arguments.alternatives)
    few = gates.iloc[:2].reset_index(drop=True)
    small = make_country(10, 850.0, 2)  # compiled code is read from disk before the clock starts
    find_routes(build_routable_roads(small, vehicle=VEHICLES["car"]), few, few, options=options)

    def step(name: str, work: Callable):
        start, cpu = time.perf_counter(), time.process_time()
        answer = work()
        result[name] = {
            "seconds": round(time.perf_counter() - start, 2),
            "cpu_s": round(time.process_time() - cpu, 2),
            "peak_mb": round(read_peak_mb()),
        }
        return answer

    roads = step(
        "build_routable_roads", lambda: build_routable_roads(segments, vehicle=VEHICLES["car"])
    )
    if arguments.times_only:
        found = step(
            "compute_travel_times",
            lambda: compute_travel_times(roads, villages, gates, options=options),
        )
        times = found.times
    else:
        found = step("find_routes", lambda: find_routes(roads, villages, gates, options=options))
        times = found.routes[found.routes["alternative"] == 0]
        result |= {"n_routes": len(found.routes), "n_steps": len(found.step_segment_id)}
    result |= {"n_pairs": len(times), "n_unreachable": len(found.unreachable)}
    if arguments.peer_gates:
        name = "compute_travel_times" if arguments.times_only else "find_routes"
        peer = measure_networkx(roads, villages, gates, times, arguments.peer_gates)
        kind = "times_only" if arguments.times_only else "with_routes"
        share = times["gate"].nunique() / peer["n_gates"]  # all gates, extrapolated
        result |= {
            "networkx": peer,
            "networkx_all_gates_s": round(peer[kind]["seconds"] * share),
            "times_faster": round(peer[kind]["seconds"] * share / result[name]["seconds"], 1),
            "times_less_cpu": round(peer[kind]["cpu_s"] * share / result[name]["cpu_s"], 1),
        }
    return result


def measure_networkx(roads, villages, gates, times, n_gates: int) -> dict[str, object]:
    """Time networkx on a few gates, and compare what it answers."""
    import networkx as nx

    from geo.route_ends import locate_gates

    graph = roads.graph
    arcs = zip(graph.head.tolist(), graph.tail.tolist(), graph.time_s.tolist(), strict=True)
    start = time.perf_counter()
    backwards = nx.DiGraph()
    backwards.add_weighted_edges_from(arcs)
    build_s = time.perf_counter() - start
    at_village, at_gate = (
        roads.search.ends[places.row, places.share.astype(int)]
        for some in (villages, gates)
        for places, _ in [
            locate_gates(roads, np.column_stack([some.x, some.y]), max_distance_m=500)
        ]
    )
    spent = {"times_only": np.zeros(2), "with_routes": np.zeros(2)}
    worst, n_checked = 0.0, 0
    every = np.unique(times["gate"])
    chosen = every[:: max(len(every) // n_gates, 1)][:n_gates]
    for gate in chosen:
        some = times[times["gate"] == gate]
        cutoff = float(some["time_s"].max()) * (1 + 1e-9)
        source = int(at_gate[gate])
        start = np.array([time.perf_counter(), time.process_time()])
        found = nx.single_source_dijkstra_path_length(backwards, source, cutoff=cutoff)
        middle = np.array([time.perf_counter(), time.process_time()])
        nx.single_source_dijkstra(backwards, source, cutoff=cutoff)
        spent["times_only"] += middle - start
        spent["with_routes"] += np.array([time.perf_counter(), time.process_time()]) - middle
        theirs = np.array([found[int(node)] for node in at_village[some["origin"]]])
        difference = np.abs(some["time_s"].to_numpy() - theirs) / np.maximum(theirs, 1e-9)
        worst = max(worst, float(difference.max()))
        n_checked += len(some)
    return {
        "build_s": round(build_s, 1),
        "n_gates": len(chosen),
        **{
            kind: dict(zip(("seconds", "cpu_s"), both.round(2).tolist(), strict=True))
            for kind, both in spent.items()
        },
        "n_times_checked": n_checked,
        "worst_relative_difference": worst,
    }


if __name__ == "__main__":
    main()
