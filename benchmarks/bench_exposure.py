"""Exposure on networks of growing size: who passes where, how and in which light.

Run as `python -m benchmarks.bench_exposure [--segments N ...] [--steps-per-segment N]`. Routes are
invented: every gate draws workers of 1,000 origins over random walks along consecutive segment
numbers near it, three modes, two shifts, both directions. Each size runs in a process of its
own. Printed as JSON: seconds of the flows with their totals (compiled code loaded before),
peak memory of the process with and without its routes, and how far worker-km are from conserved.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

ORIGINS_PER_GATE = 1000
STEPS_PER_ROUTE = 140
MODES = ("bus", "motorcycle_driver", "open_truck_with_people")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--steps-per-segment", type=int, default=100)
    parser.add_argument("--alone", action="store_true", help="one size, in this process")
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(measure(arguments.segments[0], arguments.steps_per_segment)))
        return
    for n_segments in arguments.segments:
        command = [sys.executable, "-m", "benchmarks.bench_exposure", "--alone"]
        command += [
            f"--segments={n_segments}",
            f"--steps-per-segment={arguments.steps_per_segment}",
        ]
        subprocess.run(command, check=True)


def measure(n_segments: int, steps_per_segment: int) -> dict[str, object]:
    from geo.daylight import compute_dark_share
    from geo.exposure import Leg, iterate_flows
    from geo.exposure_totals import add_exposure

    n_gates = max(1, n_segments * steps_per_segment // (ORIGINS_PER_GATE * STEPS_PER_ROUTE))
    dark = compute_dark_share(lon=104.9, lat=11.5, tz="Asia/Phnom_Penh", year=2024)
    small = build_world(1000, 2, np.random.default_rng(1))
    legs = [Leg(routes=small[0], trips=small[1])]
    add_exposure(iterate_flows(legs, small[2], dark_share=dark), small[2], modes=MODES)
    routes, trips, sites = build_world(n_segments, n_gates, np.random.default_rng(20260101))
    before_mb = measure_peak_mb()
    start = time.perf_counter()
    flows = iterate_flows([Leg(routes=routes, trips=trips)], sites, dark_share=dark)
    exposure = add_exposure(flows, sites, modes=MODES, working_days=290)
    seconds = time.perf_counter() - start
    of_pair = trips.groupby(["origin", "gate"])["workers"].sum()
    km = routes.routes.set_index(["origin", "gate"])["length_m"] / 1000
    along = float(2 * 290 * (of_pair * km).sum())
    return {
        "n_segments": n_segments,
        "n_gates": n_gates,
        "n_routes": len(routes.routes),
        "n_steps": int(routes.step_segment_id.size),
        "n_trips": len(trips),
        "n_gate_sites": len(exposure.of_gates),
        "seconds": round(seconds, 1),
        "peak_before_mb": before_mb,
        "peak_mb": measure_peak_mb(),
        "off_conserved": abs(exposure.segments["worker_km_per_year"].sum() / along - 1),
    }


def build_world(n_segments: int, n_gates: int, rng: np.random.Generator):
    """Invent routes: consecutive segments on the way to the gate from either side."""
    from geo.exposure import RoadSites
    from geo.routing import Routes

    n_routes = n_gates * ORIGINS_PER_GATE
    gate = np.repeat(np.arange(n_gates), ORIGINS_PER_GATE)
    at = rng.integers(STEPS_PER_ROUTE * 20, n_segments, n_gates) if n_segments > 10_000 else None
    at = np.full(n_gates, n_segments - 1) if at is None else at
    hop = rng.integers(1, 20, n_routes)
    far = np.arange(STEPS_PER_ROUTE - 1, -1, -1)
    hop = np.minimum(hop, n_segments // STEPS_PER_ROUTE)
    segment = (at[gate][:, None] - far[None, :] * hop[:, None]) % n_segments
    length_m = rng.uniform(20, 500, n_segments)[segment.ravel()]
    table = pd.DataFrame(
        {
            "route": np.arange(n_routes),
            "origin": np.tile(np.arange(ORIGINS_PER_GATE), n_gates),
            "gate": gate,
            "alternative": 0,
            "share": 1.0,
            "length_m": length_m.reshape(n_routes, STEPS_PER_ROUTE).sum(axis=1),
            "access_m": 0.0,
        }
    )
    table["time_s"] = table["length_m"] / 8.0
    routes = Routes(
        routes=table,
        step_offset=np.arange(0, n_routes * STEPS_PER_ROUTE + 1, STEPS_PER_ROUTE),
        step_segment_id=segment.ravel(),
        step_length_m=length_m,
        step_is_forward=np.ones(length_m.size, dtype=np.bool_),
        unreachable=pd.DataFrame({"origin": [], "gate": [], "reason": []}),
    )
    shifts = pd.DataFrame({"shift": ["a", "b"], "start_min": [390, 930], "end_min": [930, 30]})
    of_route = table[["origin", "gate"]].assign(workers=rng.uniform(1, 20, n_routes))
    trips = of_route.merge(pd.DataFrame({"mode": MODES}), how="cross").merge(shifts, how="cross")
    ends = np.where(np.arange(n_segments) % 3 == 0, np.arange(n_segments) // 3, -1)
    sites = RoadSites(
        n_segments=n_segments,
        n_intersections=n_segments // 3 + 1,
        intersection_u=ends,
        intersection_v=np.roll(ends, -1),
    )
    return routes, trips, sites


def measure_peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
