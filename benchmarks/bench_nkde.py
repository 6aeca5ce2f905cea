"""Network kernel density on a real network of any size, in all three forms.

Run as `python -m benchmarks.bench_nkde FILE.osm.pbf [--copies N] [--events N] [--workers N ...]
[--methods NAME ...] [--lines N] [--places N] [--adaptive] [--drivable]`.
`--copies 36` lays 36 copies of the network side by side: a million segments of Porto Alegre.
Events are invented: half lie anywhere by length, half on one segment in fifty. The density is
given at the middle of every 50 m lixel. Printed as JSON: seconds, processor seconds, peak
memory of the process so far; each form once before, with few events, so that nothing is compiled in
the time that counts. The R package spNetwork takes 702 s for 100,000 events (discontinuous,
300 m) on a machine of this size, by the measurement in the design of this project; for 347
events on 2,945 lines at 3,163 places it takes 11.5, 4.9 and 15.1 s (simple, discontinuous,
continuous), and 196 s with adaptive bandwidths:
`--drivable --lines 2945 --events 347 --places 3163 [--adaptive]` is a centre of that size.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from benchmarks.bench_lixels import measure_peak_mb
from benchmarks.bench_snapping import read_segments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--events", type=int, default=55_000)
    parser.add_argument("--bandwidth-m", type=float, default=300.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--lines", type=int, help="only so many, about the middle")
    parser.add_argument("--places", type=int, help="so many anywhere, in place of all lixels")
    parser.add_argument("--adaptive", action="store_true", help="by a pilot, up to twice")
    parser.add_argument("--drivable", action="store_true", help="without service roads and paths")
    parser.add_argument("--methods", nargs="+", default=["simple", "discontinuous", "continuous"])
    arguments = parser.parse_args()

    from geo.lixels import build_lixels
    from models.edge_graph import Positions, build_edge_graph
    from models.nkde import NkdeOptions, compute_adaptive_bandwidth, compute_nkde

    left_out = ("service", "path") if arguments.drivable else ()
    segments = read_segments(arguments.file, arguments.copies, left_out=left_out)
    if arguments.lines:
        segments = take_middle(segments, arguments.lines)
    length = segments.length.to_numpy()
    graph = build_edge_graph(segments["u"], segments["v"], length)
    lixels = build_lixels(segments, lixel_length_m=50.0)
    samples = Positions(
        edge=lixels["segment_id"].to_numpy(),
        offset=((lixels["start_m"] + lixels["end_m"]) / 2).to_numpy(),
    )
    if arguments.places:
        samples = invent_events(length, arguments.places)
    events = invent_events(length, arguments.events)
    few = Positions(edge=events.edge[:50], offset=events.offset[:50])
    result: dict[str, object] = {
        "n_segments": len(segments),
        "n_places": len(samples),
        "n_events": len(events),
        "network_peak_mb": measure_peak_mb(),
    }
    for method in arguments.methods:
        for workers in arguments.workers:
            options = NkdeOptions(method=method, n_workers=workers)
            compute_nkde(graph, few, samples, bandwidth_m=arguments.bandwidth_m, options=options)
            start, cpu = time.perf_counter(), time.process_time()
            bandwidth = arguments.bandwidth_m
            if arguments.adaptive:
                bandwidth = compute_adaptive_bandwidth(
                    graph, events, bandwidth_m=bandwidth, trim_m=2 * bandwidth, options=options
                )
            density = compute_nkde(graph, events, samples, bandwidth_m=bandwidth, options=options)
            result[f"{method}, {workers} worker(s)"] = {
                "seconds": round(time.perf_counter() - start, 2),
                "processor_seconds": round(time.process_time() - cpu, 2),
                "peak_mb": measure_peak_mb(),
                "highest_per_km": round(float(density.max()), 6),
            }
    print(json.dumps(result, indent=2))


def take_middle(segments, n_lines: int):
    """Return the lines whose middles lie closest to the median of all."""
    middles = segments.geometry.interpolate(0.5, normalized=True)
    far = np.hypot(middles.x - middles.x.median(), middles.y - middles.y.median())
    near = segments.iloc[np.argsort(far.to_numpy())[:n_lines]].reset_index(drop=True)
    return near.assign(segment_id=np.arange(len(near)))


def invent_events(length_m: np.ndarray, n_events: int):
    """Draw places: half anywhere, half on one segment in fifty."""
    from models.edge_graph import Positions

    rng = np.random.default_rng(20260101)
    anywhere = rng.choice(len(length_m), n_events // 2, p=length_m / length_m.sum())
    few = rng.choice(len(length_m), max(1, len(length_m) // 50), replace=False)
    crowded = rng.choice(few, n_events - len(anywhere))
    edge = np.concatenate([anywhere, crowded]).astype(np.int64)
    return Positions(edge=edge, offset=rng.random(n_events) * length_m[edge])


if __name__ == "__main__":
    main()
