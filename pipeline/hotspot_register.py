"""Every place of an area that was ever a hotspot: its number, where it last was, and when.

The register lies beside the runs, in a file of its own, so that it outlives runs that are
deleted. Runs that it does not know yet, such as those made before there was a register, are
taken up when it is read.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import shapely

from core.errors import MissingDataError
from pipeline.workspace import Workspace, read_json, write_json

__all__ = [
    "KnownHotspot",
    "Register",
    "find_known_hotspot",
    "locate",
    "read_register",
    "take_up_run",
]

REGISTER_FILE: Final = "hotspot_identities.json"
DECIMALS: Final = 7  # of a degree, about a centimetre
TABLE_FILE: Final = "hotspots.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHotspot:
    """A place that was a hotspot; it keeps its number for ever."""

    hotspot_id: str
    name: str
    first_seen: str  # day of the first results that had it
    back_since: str  # day of the results with which it last came back; "" if never away
    last_run: str
    last_seen: str  # day of the last results that had it
    period_start: str  # of these results
    period_end: str
    is_published: bool  # whether these results were ever served
    extent: str  # there and then, as WKT in WGS84


@dataclass(slots=True, kw_only=True)
class Register:
    """All of an area."""

    runs: dict[str, bool] = field(default_factory=dict)  # taken up: whether as published
    last_number: int = 0
    places: dict[str, KnownHotspot] = field(default_factory=dict)
    base_run: str = ""  # the results that are served; the newest where none are
    is_base_published: bool = False

    def is_met(self, place: KnownHotspot) -> bool:
        """Tell whether readers may have met a place: in published results, if any were."""
        return place.is_published or not self.is_base_published

    def list_ages(self) -> list[int]:
        """Return for each place 0 if the base has it, else how long ago it was one, as a rank."""
        others = {one.last_run for one in self.places.values()} - {self.base_run}
        age = {run: rank for rank, run in enumerate(sorted(others, reverse=True), start=1)}
        return [age.get(one.last_run, 0) for one in self.places.values()]

    def take_up(self, folder: Path, *, is_published: bool) -> None:
        """Take up the hotspots of a run; what only a trial found moves no published place."""
        manifest = read_json(folder / "run.json")
        self.last_number = max(self.last_number, int(manifest.get("last_hotspot_number", 0)))
        table = read_hotspots(folder)
        for row in table.to_dict("records"):
            known = self.places.get(str(row["hotspot_id"]))
            if known is not None and known.is_published and not is_published:
                continue
            found = describe(row, folder.name, manifest, known, is_published=is_published)
            self.places[found.hotspot_id] = found
            number = int(found.hotspot_id.removeprefix("H"))
            self.last_number = max(self.last_number, number)
        self.runs[folder.name] = is_published


def read_hotspots(folder: Path) -> gpd.GeoDataFrame:
    """Return the hotspots of a run in WGS84.

    Raises
    ------
    MissingDataError
        If they cannot be read.
    """
    try:
        return gpd.read_parquet(folder / TABLE_FILE).to_crs(4326)
    except (OSError, ValueError) as error:
        message = f"{folder / TABLE_FILE}: cannot be read: {error}; delete this run."
        raise MissingDataError(message) from error


def describe(
    row: dict[Hashable, Any],
    run_id: str,
    manifest: dict[str, Any],
    known: KnownHotspot | None,
    *,
    is_published: bool,
) -> KnownHotspot:
    """Return what the register keeps of a hotspot of a run."""
    day = str(manifest["created_at"])[:10]
    first, back = (str(row.get(name) or "") for name in ("first_seen", "back_since"))
    if known is not None and known.is_published:
        first = known.first_seen
    period = manifest.get("period") or {}
    extent = shapely.to_wkt(row["geometry"], rounding_precision=DECIMALS)
    return KnownHotspot(
        hotspot_id=str(row["hotspot_id"]),
        name=str(row["name"]),
        first_seen=first or day,
        back_since=back,
        last_run=run_id,
        last_seen=day,
        period_start=str(period.get("start", "")),
        period_end=str(period.get("end", "")),
        is_published=is_published or (known is not None and known.is_published),
        extent=extent,
    )


def read_register(workspace: Workspace, key: str, *, but: str = "") -> Register:
    """Return the register of an area, with every kept run taken up, but for one.

    Runs from before there was a register count as published: links to them may be about.

    Raises
    ------
    MissingDataError
        If the register or a run cannot be read.
    """
    folder = workspace.runs_folder(key)
    register, is_first = load_register(folder / REGISTER_FILE)
    pointer = workspace.published_path(key)
    published = str(read_json(pointer)["run_id"]) if pointer.is_file() else ""
    runs = [path.parent for path in sorted(folder.glob("[0-9]*/run.json"))]
    for run in runs:
        if run.name not in register.runs and run.name != but:
            register.take_up(run, is_published=is_first)
    is_there = published in register.runs and (folder / published / "run.json").is_file()
    if is_there and (is_first or not register.runs[published]):
        register.take_up(folder / published, is_published=True)
    register.is_base_published = bool(published)
    register.base_run = published or (runs[-1].name if runs else "")
    return register


def load_register(path: Path) -> tuple[Register, bool]:
    """Return the register as it was kept, and whether there is none yet.

    Raises
    ------
    MissingDataError
        If the file is there and is no register.
    """
    if not path.is_file():
        return Register(), True
    try:
        kept = read_json(path)
        places = {str(one["hotspot_id"]): KnownHotspot(**one) for one in kept["hotspots"]}
        return Register(
            runs=dict(kept["runs"]), last_number=int(kept["last_number"]), places=places
        ), False
    except (KeyError, TypeError, ValueError) as error:
        message = (
            f"{path}: cannot be read: {error}; put back an older copy of the file, or delete it: "
            "it is then made anew from the runs that are kept."
        )
        raise MissingDataError(message) from error


def take_up_run(workspace: Workspace, key: str, run_id: str, *, is_published: bool) -> int:
    """Write a run's hotspots into the register; return the last number in use."""
    folder = workspace.runs_folder(key)
    register = read_register(workspace, key, but=run_id)
    register.take_up(folder / run_id, is_published=is_published)
    values = {
        "about": "Places that were hotspots, so that each keeps its number; kept with the runs.",
        "last_number": register.last_number,
        "runs": register.runs,
        "hotspots": [asdict(one) for one in register.places.values()],
    }
    write_json(folder / REGISTER_FILE, values)
    return register.last_number


def find_known_hotspot(runs_folder: Path, hotspot_id: str) -> KnownHotspot | None:
    """Return what is known of a place that published results once had; None for no such."""
    known = load_register(runs_folder / REGISTER_FILE)[0].places.get(hotspot_id)
    return known if known is not None and known.is_published else None


def locate(places: Sequence[KnownHotspot]) -> gpd.GeoSeries:
    """Return where places last were, in WGS84."""
    shapes = shapely.from_wkt([one.extent for one in places])
    return gpd.GeoSeries(shapes, index=pd.RangeIndex(len(places)), crs=4326)
