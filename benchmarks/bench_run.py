"""A whole run on a real city, through the public commands, cold and after new records.

Run as `python -m benchmarks.bench_run FOLDER`, the folder holding `poa.osm.pbf` and
`acidentes-2013.csv` to `acidentes-2016.csv`. Every command runs in a process of its own,
imports and compiled code included, in a new workspace. Printed as JSON: seconds and peak
memory of each command, and of the run again after one more file of crashes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as home:
        result: dict[str, object] = {}

        def call(name: str, *words: str) -> None:
            result[name] = run_command([*words], Path(home))

        mapping = ("--area", "poa", "--mapping", "porto_alegre")
        call("area add", "area", "add", "poa", "--osm", str(folder / "poa.osm.pbf"))
        for year in (2013, 2014, 2015, 2016):
            call(
                f"import {year}", "import", "crash", str(folder / f"acidentes-{year}.csv"), *mapping
            )
        call("run, cold", "run", "poa")
        call("import 2012", "import", "crash", str(folder / "acidentes-2012.csv"), *mapping)
        call("run, only records changed", "run", "poa", "--since", "2013-01-01")
    print(json.dumps(result, indent=2))


def run_command(words: list[str], home: Path) -> dict[str, float]:
    """Run one command of the software; return its seconds and peak memory."""
    command = [sys.executable, "-m", "pipeline.cli", "--home", str(home), *words]
    os.chdir(ROOT)
    start = time.perf_counter()
    silent = os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, silent, 1)]
    process = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        message = f"{' '.join(words)} failed"
        raise SystemExit(message)
    return {
        "seconds": round(time.perf_counter() - start, 2),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1000),
    }


if __name__ == "__main__":
    main()
