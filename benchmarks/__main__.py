"""All benchmarks on the real data: `make bench`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    shared = Path(os.environ.get("SAFECOMMUTE_SHARED", ROOT.parent / "shared"))
    folder = shared / "data" / "porto_alegre"
    if not folder.is_dir():
        message = "the real data are not on this machine: set SAFECOMMUTE_SHARED to their folder."
        raise SystemExit(message)
    roads = str(folder / "poa.osm.pbf")
    for name, argument in (
        ("bench_network", roads),
        ("bench_snapping", roads),
        ("bench_lixels", roads),
        ("bench_nkde", roads),
        ("bench_significance", roads),
        ("bench_kfunction", roads),
        ("bench_local_statistics", "--peer-most=10000"),
        ("bench_routing", "--peer-gates=3"),
        ("bench_exposure", "--segments=100000"),
        ("bench_attributes", f"--real={folder}"),
        ("bench_screening", "--sites=1000000"),
        ("bench_run", str(folder)),
        ("bench_commutes", str(folder.parent)),
        ("bench_commute_run", "--factories=30"),
        ("bench_import", "--rows=300000"),
        ("bench_matching", "--seeds=2"),
        ("bench_matching_traces", roads),
    ):
        print(f"# {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", argument], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
