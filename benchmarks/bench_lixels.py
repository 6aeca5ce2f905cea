"""Lixels, their neighbours and windows on a network of any size.

Run as `python -m benchmarks.bench_lixels FILE.osm.pbf [--copies N]`. `--copies 36` lays 36
copies of the network side by side: a million segments of Porto Alegre. Printed as JSON:
seconds of each step (its first call, so loading compiled code is in it) and the peak memory
of the whole process after it.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench_snapping import read_segments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--lixel-length-m", type=float, default=50.0)
    parser.add_argument("--window-length-m", type=float, default=300.0)
    arguments = parser.parse_args()

    from geo.lixels import build_lixels, locate_lixels
    from geo.neighbours import build_lixel_adjacency, build_lixel_windows

    segments = read_segments(arguments.file, arguments.copies)
    result: dict[str, object] = {"file": arguments.file.name, "n_segments": len(segments)}
    result["network_only"] = {"peak_mb": measure_peak_mb()}

    def step(name: str, work: Callable):
        start = time.perf_counter()
        answer = work()
        seconds = round(time.perf_counter() - start, 2)
        result[name] = {"seconds": seconds, "peak_mb": measure_peak_mb()}
        return answer

    lixels = step(
        "build_lixels", lambda: build_lixels(segments, lixel_length_m=arguments.lixel_length_m)
    )
    middle = (lixels["start_m"] + lixels["end_m"]) / 2
    step("locate_lixels", lambda: locate_lixels(lixels, lixels["segment_id"], middle))
    adjacency = step("build_lixel_adjacency", lambda: build_lixel_adjacency(lixels, segments))
    windows = step(
        "build_lixel_windows",
        lambda: build_lixel_windows(lixels, segments, window_length_m=arguments.window_length_m),
    )
    result |= {
        "n_lixels": len(lixels),
        "neighbours_per_lixel": round(adjacency.nnz / len(lixels), 2),
        "lixels_per_window": round(windows.nnz / len(lixels), 2),
    }
    print(json.dumps(result, indent=2))


def measure_peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


if __name__ == "__main__":
    main()
