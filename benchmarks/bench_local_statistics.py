"""Gi*, local Moran and their permutations beside PySAL esda, on sites of any number.

Run as `python -m benchmarks.bench_local_statistics [--sites N ...] [--peer-most N]`.
Sites lie 50 m apart along the streets of an invented grid, with about a dozen neighbours each
within 150 m of road; counts are invented, most of them 0. Both sides get the same weights.
Printed as JSON: seconds and processor seconds, each after a small run, so that nothing is compiled
in the time that counts; peak memory of the process so far, the peer last.
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

    _, values, weights = run_ours(1_000, arguments.workers)
    if arguments.peer_most:
        run_peer(values, weights)
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
    from models.network_weights import build_weights

    found: dict[str, object] = {}
    distance_of, values = invent_sites(n_sites)
    weights = build_weights(tell(found, "neighbours", distance_of))
    found["neighbours_mean"] = round(weights.raw.nnz / len(weights), 1)

    tell(found, "gi_star", lambda: compute_local_g(values, weights))
    tell(found, "local_moran", lambda: compute_local_moran(values, weights))
    tell(found, "exact", lambda: compute_exact_significance(values, weights))
    for n in workers:
        tell(
            found,
            f"{N_PERMUTATIONS} permutations, {n} worker(s)",
            lambda n=n: compute_permutation_significance(
                values, weights, seed=1, n_permutations=N_PERMUTATIONS, n_workers=n
            ),
        )
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
        matrix = sparse.csr_matrix(weights.raw)
        peer = tell(found, "weights", lambda: WSP(matrix).to_W(silence_warnings=True))
        tell(
            found,
            "gi_star with permutations",
            lambda: G_Local(values, peer, transform="B", star=True, **options),
        )
        tell(
            found,
            "local_moran with permutations",
            lambda: Moran_Local(values, peer, transformation="B", **options),
        )
    found["peak_mb"] = measure_peak_mb()
    return found


def invent_sites(n_sites: int):
    """Lay sites on a grid of streets; return what finds their neighbours, and counts."""
    from models.edge_graph import Positions, build_edge_graph
    from models.network_weights import find_neighbour_distances

    side = max(
        2, int(np.sqrt(n_sites / 4))
    )  # two streets of 100 m from each crossing, 2 sites each
    node = np.arange(side * side).reshape(side, side)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1, :].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:, :].ravel()])
    graph = build_edge_graph(u, v, np.full(len(u), 100.0))
    places = Positions(edge=np.repeat(np.arange(len(u)), 2), offset=np.tile([25.0, 75.0], len(u)))
    rng = np.random.default_rng(20260101)
    counts = rng.poisson(rng.gamma(0.5, 0.6, len(places))).astype(np.float64)

    def find():
        return find_neighbour_distances(graph, places, max_distance_m=150.0)

    return find, counts


def tell(found: dict[str, object], name: str, function):
    """Do something and note its seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    result = function()
    found[name] = {
        "seconds": round(time.perf_counter() - start, 3),
        "processor_seconds": round(time.process_time() - cpu, 3),
    }
    return result


if __name__ == "__main__":
    main()
