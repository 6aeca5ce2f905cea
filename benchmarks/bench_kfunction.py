"""Network K on a real network of any size, beside networkx on few events.

Run as `python -m benchmarks.bench_kfunction FILE.osm.pbf [--copies N] [--events N ...]
[--end-m M] [--simulations N] [--workers N ...] [--peer-events N] [--corrected]`.
`--copies 36` lays 36 copies of the network side by side: a million segments of Porto Alegre.
Events are invented as in `bench_nkde`. networkx finds the shortest paths from every event in a
network that has a node at each of them; both must count the same. Printed as JSON: seconds,
processor seconds, peak memory of the process so far; everything once before on few events, so
that nothing is compiled in the time that counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path

import networkx as nx
import numpy as np

from benchmarks.bench_lixels import measure_peak_mb
from benchmarks.bench_nkde import invent_events
from benchmarks.bench_snapping import read_segments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--end-m", type=float, default=1000.0)
    parser.add_argument("--step-m", type=float, default=50.0)
    parser.add_argument("--simulations", type=int, default=0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--peer-events", type=int, default=300)
    parser.add_argument("--corrected", action="store_true")
    arguments = parser.parse_args()

    from models.edge_graph import build_edge_graph
    from models.k_function import compute_k_function, evaluate_clustering
    from models.k_options import Distances, KOptions, NullDraws

    segments = read_segments(arguments.file, arguments.copies)
    length = segments.length.to_numpy()
    graph = build_edge_graph(segments["u"], segments["v"], length)
    distances = Distances(start_m=arguments.step_m, end_m=arguments.end_m, step_m=arguments.step_m)
    few, options = invent_events(length, 100), KOptions(is_corrected=arguments.corrected)
    compute_k_function(graph, few, distances, options=options)
    result: dict[str, object] = {
        "n_segments": len(segments),
        "length_km": round(float(length.sum()) / 1000),
        "network_peak_mb": measure_peak_mb(),
    }
    if arguments.peer_events:
        result["networkx"] = compare(graph, distances, arguments.peer_events)
    for n_events in arguments.events:
        events = invent_events(length, n_events)
        for workers in arguments.workers:
            options = KOptions(is_corrected=arguments.corrected, n_workers=workers)
            start, cpu = time.perf_counter(), time.process_time()
            if arguments.simulations:
                draws = NullDraws(n_simulations=arguments.simulations)
                found = evaluate_clustering(
                    graph, events, distances, draws=draws, options=options
                ).k
            else:
                found = compute_k_function(graph, events, distances, options=options)
            n_pairs = found[-1] * n_events * (n_events - 1) / length.sum()
            result[f"{n_events} events, {workers} worker(s)"] = {
                "seconds": round(time.perf_counter() - start, 2),
                "processor_seconds": round(time.process_time() - cpu, 2),
                "peak_mb": measure_peak_mb(),
                "million_pairs_within": round(n_pairs / 1e6, 2),
            }
    print(json.dumps(result, indent=2))


def compare(graph, distances, n_events: int) -> dict[str, float]:
    """Count the pairs of few events with networkx and here."""
    from models.k_function import compute_k_function

    length = graph.length
    events = invent_events(length, n_events)
    start = time.perf_counter()
    net = nx.Graph()
    names = {}
    order = np.lexsort((events.offset, events.edge))
    on_edge: dict[int, list[int]] = {}
    for at in order:
        on_edge.setdefault(int(events.edge[at]), []).append(int(at))
    for edge, (u, v) in enumerate(graph.node.tolist()):
        chain = [(u, 0.0)]
        for at in on_edge.get(edge, []):
            names[at] = ("event", at)
            chain.append((names[at], float(events.offset[at])))
        chain.append((v, float(length[edge])))
        for (a, s), (b, t) in itertools.pairwise(chain):
            if net.has_edge(a, b) and net.edges[a, b]["length"] <= t - s:
                continue
            net.add_edge(a, b, length=t - s)
    counts = np.zeros(len(distances.r_m))
    for at in range(n_events):
        far = nx.single_source_dijkstra_path_length(
            net, names[at], cutoff=distances.end_m + 1e-6, weight="length"
        )
        own = np.array([far[names[i]] for i in range(n_events) if i != at and names[i] in far])
        counts += (own[:, None] <= distances.r_m + 1e-6).sum(axis=0)
    peer_s = time.perf_counter() - start
    start = time.perf_counter()
    found = compute_k_function(graph, events, distances)
    pairs = found * n_events * (n_events - 1) / length.sum()
    return {
        "events": n_events,
        "networkx_s": round(peer_s, 2),
        "ours_s": round(time.perf_counter() - start, 3),
        "pairs": int(counts[-1]),
        "greatest_difference_in_pairs": float(np.abs(pairs - counts).max()),
    }


if __name__ == "__main__":
    main()
