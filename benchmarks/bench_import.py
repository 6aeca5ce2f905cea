"""A large file of crashes taken in, beside what pandas needs without any check.

Run as `python -m benchmarks.bench_import [--rows N ...]`. Ours reads, checks, standardises,
tells duplicates, keeps the audit log and writes, in one transaction; the peer is
`pandas.read_csv` and `DataFrame.to_sql` into a table without keys. Both write SQLite.
Printed as JSON: seconds, processor seconds and peak memory of each, per number of rows; of
ours, the process that reads ahead is counted with it. Needs Linux, for the memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

OURS = """
import sys
from records.database import Database
from records.intake import import_file
with Database(f"sqlite:///{sys.argv[2]}") as database:
    print(import_file(database, "crash", sys.argv[1], area="a").accepted)
"""
PANDAS = """
import sys
import pandas as pd
import sqlalchemy as sa
engine = sa.create_engine(f"sqlite:///{sys.argv[2]}")
print(pd.read_csv(sys.argv[1]).to_sql("crash", engine, index=False, chunksize=50_000))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    result: dict[str, object] = {}
    for n_rows in parser.parse_args().rows:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "crashes.csv"
            write_crashes(path, n_rows)
            result[str(n_rows)] = {
                "file_mb": round(path.stat().st_size / 1e6),
                "pandas": run(PANDAS, path, Path(folder) / "pandas.sqlite"),
                "ours": run(OURS, path, Path(folder) / "ours.sqlite"),
            }
    print(json.dumps(result, indent=2))


def write_crashes(path: Path, n_rows: int) -> None:
    """Write invented crashes with the columns that most registers have."""
    rng = np.random.default_rng(20260101)
    minutes = pd.to_timedelta(rng.integers(0, 9 * 365 * 24 * 60, n_rows), unit="min")
    moments = pd.Timestamp(2015, 1, 1) + minutes
    words = {
        "road_name": ["NR4", "NR3", "Veng Sreng", "", "National Road 6A"],
        "severity": ["fatal", "serious", "slight", "damage_only"],
        "road_users": ["car;motorcycle_driver", "van", "open_truck_with_people;car"],
        "light": ["day", "dark", ""],
        "is_worker_commute": ["yes", "no", ""],
    }
    pd.DataFrame(
        {
            "source_id": [f"P{i:07d}" for i in range(n_rows)],
            "occurred_at": moments.strftime("%Y-%m-%d %H:%M"),
            "lon": (104 + rng.random(n_rows)).round(6),
            "lat": (11 + rng.random(n_rows)).round(6),
            **{name: rng.choice(some, n_rows) for name, some in words.items()},
            **{f"n_{name}": rng.integers(0, 3, n_rows) for name in ("serious", "slight")},
        }
    ).to_csv(path, index=False)


def run(code: str, path: Path, target: Path) -> dict[str, float]:
    """Run a piece of code in a process of its own; return its seconds and peak memory."""
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", code, str(path), str(target)]
    start = time.perf_counter()
    process = os.posix_spawn(sys.executable, command, environment)
    peak_kb = 0
    ended, status, usage = os.wait4(process, os.WNOHANG)
    while not ended:
        peak_kb = max(peak_kb, measure_memory(process))
        time.sleep(0.05)
        ended, status, usage = os.wait4(process, os.WNOHANG)
    if status != 0:
        message = f"{path}: could not be taken in"
        raise SystemExit(message)
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(peak_kb / 1000),
    }


def measure_memory(process: int) -> int:
    """Return the memory of a process and those it started [kB]."""
    folder = Path(f"/proc/{process}")
    try:
        lines = (folder / "status").read_text().splitlines()
        children = [
            int(child)
            for task in (folder / "task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:  # it has just ended
        return 0
    own = sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return own + sum(map(measure_memory, children))


if __name__ == "__main__":
    main()
