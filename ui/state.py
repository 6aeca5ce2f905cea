"""Which workspace, area and run a page shows; tables are read once and shared."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import streamlit as st

from core.errors import MissingDataError
from pipeline.runs import AreaInfo, find_published_run, list_areas, load_manifest, load_table
from pipeline.workspace import Workspace

__all__ = [
    "Shown",
    "choose_area",
    "find_home",
    "find_workspace",
    "load_crashes",
    "load_run_table",
    "make_workspace",
    "require_run",
]

CRASH_COLUMNS = [
    "crash_id", "source", "source_id", "occurred_at", "has_time", "severity", "n_killed",
    "n_serious", "n_slight", "n_vehicles", "road_users", "is_worker_commute", "is_dark",
    "site_id", "lixel_id", "location_quality", "unplaced_reason", "is_ambiguous",
    "snap_distance_m", "collision_type", "row_number", "import_id",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The run that a page shows."""

    area: AreaInfo
    path: Path
    manifest: dict[str, Any]

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self.path.name

    @property
    def is_synthetic(self) -> bool:
        """Whether the data are invented."""
        return bool(self.manifest.get("is_synthetic", self.area.is_synthetic))


def find_home() -> Path:
    """Return the folder of the workspace: SAFECOMMUTE_HOME, else `./workspace`."""
    return Path(os.environ.get("SAFECOMMUTE_HOME") or "workspace").expanduser().absolute()


def find_workspace() -> Workspace | None:
    """Return the workspace with its records, or None when nothing was recorded yet."""
    home = find_home()
    url = os.environ.get("SAFECOMMUTE_DATABASE_URL")
    file = home / "records.sqlite"
    if not url and not file.is_file():
        return None
    return Workspace(home=home, database_url=url or f"sqlite:///{file}")


def make_workspace() -> Workspace:
    """Return the workspace for writing; its records are made when the first one comes."""
    home = find_home()
    url = os.environ.get("SAFECOMMUTE_DATABASE_URL") or f"sqlite:///{home / 'records.sqlite'}"
    return Workspace(home=home, database_url=url)


def choose_area() -> AreaInfo | None:
    """Return the area that the reader chose, or None when there is none at all.

    The choice is kept in the address, so that a link opens the same area; it starts with
    the first area that has a published run.
    """
    areas = {area.key: area for area in list_areas(find_home())}
    if not areas:
        return None
    wanted = st.query_params.get("area") or st.session_state.get("area")
    first = next((key for key, area in areas.items() if area.published_run), next(iter(areas)))
    key = wanted if wanted in areas else first
    if len(areas) > 1:
        keys = list(areas)
        chosen = st.selectbox(
            "Study area",
            keys,
            index=keys.index(key),
            format_func=lambda k: areas[k].name,
            key=f"choose-area-{key}",
        )
        if chosen != key:
            st.query_params.clear()
            for name in ("hotspot", "view"):
                st.session_state.pop(name, None)
        key = chosen
    st.session_state["area"] = key
    st.query_params["area"] = key
    return areas[key]


def require_run() -> Shown | None:
    """Return the published run of the chosen area, or say what is missing and return None."""
    area = choose_area()
    if area is None:
        st.title("Nothing here yet")
        st.info(
            "This workspace has no study area. Type `safecommute demo` for the synthetic "
            "sample, or `safecommute area add KEY --osm FILE` for your own roads."
        )
        return None
    path = find_published_run(find_home(), area.key)
    if path is None:
        st.title(area.name)
        st.info(
            "No results are published for this area yet. Import crashes with "
            f"`safecommute import crash FILE --area {area.key}`, then type "
            f"`safecommute run {area.key}`."
        )
        return None
    return Shown(area=area, path=path, manifest=load_manifest(path))


@st.cache_resource(max_entries=24, show_spinner="Reading …")
def _read_table(path: str, name: str, columns: tuple[str, ...] | None) -> pd.DataFrame:
    return load_table(Path(path), name, list(columns) if columns else None)


def load_run_table(
    shown: Shown, name: str, columns: tuple[str, ...] | None = None
) -> gpd.GeoDataFrame:
    """Return a table of the run, in metres; shared between readers, so never change it.

    Raises
    ------
    MissingDataError
        If the run has no such table, or the table lacks a column.
    """
    return _read_table(str(shown.path), name, columns)


@st.cache_resource(max_entries=4, show_spinner="Reading crashes …")
def _read_crashes(path: str) -> gpd.GeoDataFrame:
    crashes = load_table(Path(path), "crashes")
    missing = [column for column in CRASH_COLUMNS if column not in crashes.columns]
    if missing:
        message = f"{path}: crashes lack {', '.join(missing)}; run the area again."
        raise MissingDataError(message)
    crashes = crashes[[*CRASH_COLUMNS, "geometry"]]
    lixels = load_table(Path(path), "lixels", ["lixel_id", "hotspot_id"])
    hotspot_of = lixels.dropna(subset="hotspot_id").set_index("lixel_id")["hotspot_id"]
    return crashes.assign(hotspot_id=crashes["lixel_id"].map(hotspot_of))


def load_crashes(shown: Shown) -> gpd.GeoDataFrame:
    """Return the crashes of the run with their `hotspot_id`, without text written by people.

    Raises
    ------
    MissingDataError
        If the run's tables are missing or lack a column.
    """
    return _read_crashes(str(shown.path))
