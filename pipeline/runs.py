"""Finished runs: listing them, reading them, and choosing the one that is served."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from core.errors import MissingDataError
from core.provenance import utc_now_text
from pipeline.hotspot_register import take_up_run
from pipeline.workspace import Workspace, read_json, require_key, write_json

__all__ = [
    "RUN_TABLES",
    "AreaInfo",
    "RunInfo",
    "find_published_run",
    "find_run",
    "list_areas",
    "list_runs",
    "load_manifest",
    "load_table",
    "publish_run",
    "require_published_run",
]

RUN_ID_PATTERN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
RUN_TABLES = (
    "segments",
    "intersections",
    "nodes",
    "places",
    "crashes",
    "sites",
    "lixels",
    "hotspots",
    "hotspot_variants",
    "factories",
    "commute_flows",
    "commute_routes",
    "commute_groups",
    "commute_hours",
    "commute_rates",
    "commute_factories",
    "commute_crashes",
    "commute_driven",
    "screening",
    "corridor_windows",
    "high_injury",
)
PLAIN_TABLES = (
    *(name for name in RUN_TABLES if name.startswith("commute_") and name != "commute_routes"),
    *("screening", "corridor_windows", "high_injury"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaInfo:
    """A study area as a list shows it."""

    key: str
    name: str
    is_synthetic: bool
    published_run: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """A finished run as a list shows it."""

    run_id: str
    created_at: str
    n_crashes: int
    n_hotspots: int
    is_published: bool


def list_areas(home: Path) -> list[AreaInfo]:
    """Return the study areas of a workspace, sorted by key; none when there is no workspace."""
    found = []
    for path in sorted((home / "areas").glob("*/area.json")):
        values = read_json(path)
        run = find_published_run(home, values["key"])
        found.append(
            AreaInfo(
                key=values["key"],
                name=values["name"],
                is_synthetic=bool(values["is_synthetic"]),
                published_run=run.name if run else None,
            )
        )
    return found


def list_runs(home: Path, area: str) -> list[RunInfo]:
    """Return the finished runs of an area, the newest first."""
    published = find_published_run(home, area)
    found = []
    for path in sorted((home / "runs" / require_key(area)).glob("*/run.json"), reverse=True):
        if RUN_ID_PATTERN.fullmatch(path.parent.name):
            manifest = read_json(path)
            found.append(
                RunInfo(
                    run_id=path.parent.name,
                    created_at=manifest["created_at"],
                    n_crashes=manifest["n_crashes"],
                    n_hotspots=manifest["n_hotspots"],
                    is_published=published is not None and published.name == path.parent.name,
                )
            )
    return found


def find_run(home: Path, area: str, run_id: str) -> Path:
    """Return the folder of a finished run.

    Raises
    ------
    MissingDataError
        If the area has no such run.
    """
    path = home / "runs" / require_key(area) / run_id
    if not RUN_ID_PATTERN.fullmatch(run_id) or not (path / "run.json").is_file():
        known = [run.run_id for run in list_runs(home, area)]
        hint = f"see `safecommute runs list {area}`."
        raise MissingDataError.no_such("run", run_id, known, hint)
    return path


def find_published_run(home: Path, area: str) -> Path | None:
    """Return the folder of the run that is served, or None when none was published."""
    pointer = home / "published" / f"{require_key(area)}.json"
    if not pointer.is_file():
        return None
    run_id = str(read_json(pointer)["run_id"])
    path = home / "runs" / area / run_id
    return path if (path / "run.json").is_file() else None


def require_published_run(home: Path, area: str) -> Path:
    """Return the folder of the run that is served.

    Raises
    ------
    MissingDataError
        If none was published; says how to publish one.
    """
    folder = find_published_run(home, area)
    if folder is None:
        message = f"area {area!r}: no run is published; use `safecommute run {area} --publish`."
        raise MissingDataError(message)
    return folder


def publish_run(workspace: Workspace, area: str, run_id: str) -> None:
    """Serve this run from now on; the switch is one atomic replacement of one file.

    Its hotspots are then known to readers: the register keeps where they are.

    Raises
    ------
    MissingDataError
        If the area has no such run, or the register of its hotspots cannot be read.
    """
    find_run(workspace.home, area, run_id)
    write_json(workspace.published_path(area), {"run_id": run_id, "published_at": utc_now_text()})
    take_up_run(workspace, area, run_id, is_published=True)


def load_manifest(run_path: Path) -> dict[str, Any]:
    """Return what a run says of itself: inputs, settings, versions, counts, steps."""
    return read_json(run_path / "run.json")


def load_table(run_path: Path, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Return one table of a run, a GeoDataFrame when it has shapes (metric CRS).

    Parameters
    ----------
    run_path
        Folder of the run.
    name
        One of `RUN_TABLES`.
    columns
        Read only these; without `geometry` among them a plain table is returned.

    Raises
    ------
    MissingDataError
        If the run has no such table or it cannot be read.
    """
    path = run_path / f"{name}.parquet"
    if name not in RUN_TABLES or not path.is_file():
        raise MissingDataError.no_such("table", name, RUN_TABLES, "publish a complete run.")
    is_plain = name in PLAIN_TABLES or (columns is not None and "geometry" not in columns)
    read = pd.read_parquet if is_plain else gpd.read_parquet
    try:
        frame: pd.DataFrame = read(path, columns=columns)
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be read: {error}; run the area again."
        raise MissingDataError(message) from error
    return frame
