"""Gi*, local Moran and their permutations beside PySAL esda, on sites of any number.

Run as `python -m benchmarks.bench_local_statistics [--sites N ...] [--peer-most N]`.
Sites lie 50 m apart along the streets of an invented grid, with about a dozen neighbours each
within 150 m of road; counts are invented, most of them 0. Both sides get the same weights.
Printed as JSON: seconds, each timed after a small run, so that nothing is compiled in the time that
counts; peak memory of the process so far, the peer last.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import numpy as np

from benchmarks.bench_lixels import measure_peak_mb

N_PERMUTATIONS = 999


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--peer-most", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()

    run_ours(1_000, arguments.workers)
    if arguments.peer_most:
        run_peer(*invent_sites(1_000)[1:])
    result: dict[str, object] = {}
    for n_sites in arguments.sites:
        found, values, weights = run_ours(n_sites, arguments.workers)
        if n_sites <= arguments.peer_most:
            found["esda"] = run_peer(values, weights)
        result[f"{weights.raw.shape[0]} sites"] = found
    print(json.dumps(result, indent=2))


def run_ours(n_sites: int, workers: list[int]):
    from models.local_association import compute_local_g, compute_local_moran
    from models.local_significance import (
        compute_exact_significance,
        compute_permutation_significance,
    )

    found: dict[str, object] = {}
    start = time.perf_counter()
    search_seconds, values, weights = invent_sites(n_sites)
    found["neighbours_seconds"] = round(search_seconds, 2)
    found["neighbours_mean"] = round(weights.raw.nnz / len(weights), 1)

    def tell(name: str, function) -> None:
        start = time.perf_counter()
        function()
        found[name] = round(time.perf_counter() - start, 3)

    tell("gi_star_seconds", lambda: compute_local_g(values, weights))
    tell("local_moran_seconds", lambda: compute_local_moran(values, weights))
    tell("exact_seconds", lambda: compute_exact_significance(values, weights))
    for n in workers:
        tell(
            f"{N_PERMUTATIONS}_permutations_{n}_workers_seconds",
            lambda n=n: compute_permutation_significance(
                values, weights, seed=1, n_permutations=N_PERMUTATIONS, n_workers=n
            ),
        )
    found["whole_seconds"] = round(time.perf_counter() - start, 2)
    found["peak_mb"] = measure_peak_mb()
    return found, values, weights


def run_peer(values: np.ndarray, weights) -> dict[str, object]:
    """Time esda on the same weights, on one worker and without keeping what it drew."""
    from esda import G_Local, Moran_Local
    from libpysal.weights import WSP
    from scipy import sparse

    found: dict[str, object] = {}
    options = {"permutations": N_PERMUTATIONS, "keep_simulations": False, "n_jobs": 1, "seed": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        peer = WSP(sparse.csr_matrix(weights.raw)).to_W(silence_warnings=True)
        found["weights_seconds"] = round(time.perf_counter() - start, 2)
        start = time.perf_counter()
        G_Local(values, peer, transform="B", star=True, **options)
        found["gi_star_with_permutations_seconds"] = round(time.perf_counter() - start, 2)
        start = time.perf_counter()
        Moran_Local(values, peer, transformation="B", **options)
        found["local_moran_with_permutations_seconds"] = round(time.perf_counter() - start, 2)
    found["peak_mb"] = measure_peak_mb()
    return found


def invent_sites(n_sites: int):
    """Lay sites on a grid of streets; return seconds to find neighbours, counts, weights."""
    from models.edge_graph import Positions, build_edge_graph
    from models.network_weights import build_weights, find_neighbour_distances

    side = max(
        2, int(np.sqrt(n_sites / 4))
    )  # two streets of 100 m from each crossing, 2 sites each
    node = np.arange(side * side).reshape(side, side)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1, :].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:, :].ravel()])
    graph = build_edge_graph(u, v, np.full(len(u), 100.0))
    places = Positions(edge=np.repeat(np.arange(len(u)), 2), offset=np.tile([25.0, 75.0], len(u)))
    start = time.perf_counter()
    distance = find_neighbour_distances(graph, places, max_distance_m=150.0)
    seconds = time.perf_counter() - start
    rng = np.random.default_rng(20260101)
    counts = rng.poisson(rng.gamma(0.5, 0.6, len(places))).astype(np.float64)
    return seconds, counts, build_weights(distance)


if __name__ == "__main__":
    main()
