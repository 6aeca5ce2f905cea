"""A whole run on a real city, through the public commands, cold and after new records.

Run as `python -m benchmarks.bench_run FOLDER`, the folder holding `poa.osm.pbf`,
`acidentes-2012.csv` to `acidentes-2016.csv` and, where it is there, `poa_elevation.tif`, the
relief of the slopes. With `--commutes`, 20 factories, 200 villages each and three shifts are
INVENTED at the network's nodes, named SYNTHETIC, and taken in too, so that the run routes their
workers over the city's one-way streets; no crash is tied to them, and nothing it says of
commutes is about the city. Every command runs in a process of its own, imports and compiled
code included, in a new workspace. Printed as JSON: seconds and peak memory of each command, and
of the run again after one more file of crashes; the steps of both runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
N_FACTORIES, N_VILLAGES = 20, 200  # invented
TIME_ZONE = "America/Sao_Paulo"  # of the clocks of shifts
SHIFTS = "07:00-16:00;06:30-15:30;15:30-00:30"  # invented


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commutes", action="store_true", help="invent workers")
    arguments = parser.parse_args()
    folder = arguments.folder
    with tempfile.TemporaryDirectory() as home:
        result: dict[str, object] = {}

        def call(name: str, *words: str) -> None:
            result[name] = run_command([*words], Path(home))

        mapping = ("--area", "poa", "--mapping", "porto_alegre")
        relief = folder / "poa_elevation.tif"
        rasters = ("--relief", str(relief)) if relief.is_file() else ()
        call("area add", "area", "add", "poa", "--osm", str(folder / "poa.osm.pbf"), *rasters)
        for year in (2013, 2014, 2015, 2016):
            call(
                f"import {year}", "import", "crash", str(folder / f"acidentes-{year}.csv"), *mapping
            )
        if arguments.commutes:
            for kind, file in invent_workers(Path(home), folder / "poa.osm.pbf").items():
                call(f"import {kind}", "import", kind, str(file), "--area", "poa")
            (Path(home) / "settings.yaml").write_text(f"time_zone: {TIME_ZONE}\n", encoding="utf-8")
        call("run, cold", "run", "poa")
        result["steps, cold"] = list_steps(Path(home))
        call("import 2012", "import", "crash", str(folder / "acidentes-2012.csv"), *mapping)
        call("run, only records changed", "run", "poa", "--since", "2013-01-01")
        result["steps, only records changed"] = list_steps(Path(home))
        if arguments.commutes:
            result["commutes, INVENTED"] = read_manifest(Path(home))["commutes"]
    print(json.dumps(result, indent=2))


def invent_workers(home: Path, roads: Path) -> dict[str, Path]:
    """Write factories and villages that do not exist, at nodes of the network."""
    from core.settings import load_settings
    from geo.network import build_network_from_osm

    settings, rng = load_settings(), np.random.default_rng(20260101)
    network = build_network_from_osm(
        roads,
        road_classes=settings.road_classes,
        max_segment_length_m=settings.max_segment_length_m,
        intersection_tolerance_m=settings.intersection_tolerance_m,
    )
    spots = network.nodes.geometry.to_crs(4326)
    gates = spots.sample(N_FACTORIES, random_state=rng)
    names = [f"F{n:02d}" for n in range(N_FACTORIES)]
    factories = pd.DataFrame(
        {
            "factory_id": names,
            "name": [f"Invented {name} (SYNTHETIC)" for name in names],
            "lon": gates.x.to_numpy(),
            "lat": gates.y.to_numpy(),
            "workers": 1_000,
            "shifts": SHIFTS,
        }
    )
    homes = spots.sample(N_FACTORIES * N_VILLAGES, random_state=rng)
    origins = pd.DataFrame(
        {
            "origin_id": [f"V{n:04d}" for n in range(len(homes))],
            "factory_id": np.repeat(names, N_VILLAGES),
            "village": "SYNTHETIC",
            "lon": homes.x.to_numpy(),
            "lat": homes.y.to_numpy(),
            "workers": 5,
            "share_bus": 0.2,
            "share_open_truck_with_people": 0.4,
            "share_motorcycle_driver": 0.4,
        }
    )
    files = {}
    for kind, table in (("factory", factories), ("origin", origins)):
        files[kind] = home / f"{kind}.csv"
        table.to_csv(files[kind], index=False)
    return files


def read_manifest(home: Path) -> dict[str, Any]:
    """Return the manifest of the newest run."""
    runs = (home / "runs" / "poa").glob("*/run.json")
    newest = max(runs, key=lambda path: path.stat().st_mtime)
    found: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    return found


def list_steps(home: Path) -> dict[str, object]:
    """Return the seconds of each step of the newest run."""
    steps = read_manifest(home)["steps"]
    return {step["name"]: round(step["seconds"], 2) for step in steps}


def run_command(words: list[str], home: Path) -> dict[str, float]:
    """Run one command of the software; return its seconds and peak memory."""
    settings = home / "settings.yaml"
    given = ["--settings", str(settings)] if settings.exists() else []
    command = [sys.executable, "-m", "pipeline.cli", "--home", str(home), *given, *words]
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
