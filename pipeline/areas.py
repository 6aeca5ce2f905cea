"""Study areas: a road source, an optional boundary, and the network built from them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from core.errors import ConfigError, DataSourceError, GeometryError, MissingDataError
from core.progress import Progress, no_progress
from core.provenance import compute_file_sha256, utc_now_text
from core.settings import Settings
from geo.boundaries import assign_areas, read_boundary
from geo.manifests import RASTER_ROLES
from geo.network import (
    Network,
    build_network_from_lines,
    build_network_from_osm,
    read_network,
    write_network,
)
from geo.osm_header import read_generator
from pipeline.raster_sources import (
    check_raster,
    find_other_population,
    require_one_population,
)
from pipeline.runs import list_areas
from pipeline.steps import StepFolder, keep_step
from pipeline.workspace import Workspace, appearing_whole, read_json, require_key, write_json

__all__ = [
    "Area",
    "AreaSources",
    "add_area",
    "add_raster",
    "build_area_network",
    "find_bounds",
    "load_area",
]

NETWORK_VERSION = 4  # raise it when the same source gives another network
SAMPLE_GENERATOR = "safecommute synthetic sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaSources:
    """The files a study area is made from."""

    roads: Path
    kind: Literal["osm", "lines"]
    boundary: Path | None = None
    provinces: Path | None = None
    districts: Path | None = None
    rasters: Mapping[str, Path] = field(default_factory=dict)  # by `geo.manifests.RASTER_ROLES`

    def by_role(self) -> dict[str, Path]:
        """Return the files that were given, by what they are for."""
        files = {
            "roads": self.roads,
            "boundary": self.boundary,
            "provinces": self.provinces,
            "districts": self.districts,
            **self.rasters,
        }
        return {role: path for role, path in files.items() if path is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A study area of a workspace."""

    key: str
    name: str
    is_synthetic: bool
    added_at: str
    kind: Literal["osm", "lines"]
    files: dict[str, str]  # role → path below the area's folder
    sha256: dict[str, str]  # role → checksum of the file
    original: dict[str, str]  # role → name of the file that was given

    def find_file(self, workspace: Workspace, role: str) -> Path | None:
        """Return the workspace's own copy of a source, or None when there is none."""
        name = self.files.get(role)
        return workspace.area_folder(self.key) / name if name else None


def load_area(workspace: Workspace, key: str) -> Area:
    """Return a study area.

    Raises
    ------
    MissingDataError
        If the workspace has no such area.
    """
    path = workspace.area_folder(key) / "area.json"
    if not path.is_file():
        known = [area.key for area in list_areas(workspace.home)]
        hint = f"add it with `safecommute area add {key} --osm FILE`."
        raise MissingDataError.no_such("area", key, known, hint)
    return Area(**read_json(path))


def add_area(
    workspace: Workspace,
    key: str,
    sources: AreaSources,
    *,
    name: str | None,
    settings: Settings,
    progress: Progress = no_progress,
) -> tuple[Area, dict[str, Any]]:
    """Take a study area into the workspace and build its network at once.

    The sources are copied, so that a run can always say what it was made from. Nothing
    is kept when the network cannot be built.

    Returns
    -------
    area, summary
        The area, and the network's own account of itself.

    Raises
    ------
    ConfigError
        If the key is taken by an area with other sources.
    DataSourceError, NetworkError, GeometryError
        If a file cannot be read, holds no roads, or the boundary misses them.
    """
    require_key(key)
    require_one_population(sources.rasters)
    given = sources.by_role()
    sha256 = {role: checksum_of(path) for role, path in given.items()}
    with workspace.locked(key):
        if (workspace.area_folder(key) / "area.json").is_file():
            area = load_area(workspace, key)
            require_same_sources(area, sha256)
            step = build_area_network(workspace, area, settings=settings, progress=progress)
            return area, read_network(step.path).summary
        is_sample = sources.kind == "osm" and SAMPLE_GENERATOR in read_generator(sources.roads)
        area = Area(
            key=key,
            name=name or key,
            is_synthetic=is_sample,
            added_at=utc_now_text(),
            kind=sources.kind,
            files={role: f"source/{role}{joined_suffix(path)}" for role, path in given.items()},
            sha256=sha256,
            original={role: path.name for role, path in given.items()},
        )
        step = build_area_network(
            workspace, area, settings=settings, given=given, progress=progress
        )
        summary = read_network(step.path).summary
        for role, path in sources.rasters.items():
            check_raster(path, role, summary["bounds_wgs84"])
        keep_sources(workspace, area, given)
        return area, summary


def require_same_sources(area: Area, sha256: Mapping[str, str]) -> None:
    """Refuse to take other sources into an area that is there already."""
    if select_roads(area.sha256) != select_roads(sha256):
        message = (
            f"area {area.key!r}: is there already, from {area.original['roads']}; "
            "choose another key for other sources."
        )
        raise ConfigError(message)
    for role in RASTER_ROLES:
        if role in sha256 and sha256[role] != area.sha256.get(role):
            message = (
                f"area {area.key!r}: is there already, with another {role} raster or none; "
                f"use `safecommute area raster {area.key} {role} FILE.tif`."
            )
            raise ConfigError(message)


def select_roads(by_role: Mapping[str, str]) -> dict[str, str]:
    """Return only what the network depends on: all roles but those of rasters."""
    return {role: value for role, value in by_role.items() if role not in RASTER_ROLES}


def add_raster(workspace: Workspace, key: str, role: str, path: Path) -> Area:
    """Take a raster into an area; one of the same role is replaced, finished runs are not.

    Parameters
    ----------
    workspace, key
        Which area.
    role
        What it holds, a key of `geo.manifests.RASTER_ROLES`.
    path
        A GeoTIFF; it is copied.

    Raises
    ------
    VocabularyError
        If there is no such role.
    MissingDataError
        If there is no such area or file, or the area's roads were not built yet.
    DataSourceError, CrsError, GeometryError
        If the file is no raster of values, or covers none of the area's roads.
    """
    with workspace.locked(key):
        area = load_area(workspace, key)
        bounds = find_bounds(workspace, key)
        if bounds is None:
            message = f"area {key!r}: its roads were not built yet; add the area again."
            raise MissingDataError(message)
        check_raster(path, role, bounds)
        digest = checksum_of(path)
        # a name of its own, so that area.json always names the file that its checksum is of
        name = f"source/{role}-{digest[:12]}{joined_suffix(path)}"
        target = workspace.area_folder(key) / name
        if not target.is_file():
            partial = target.with_name(f".partial-{target.name}")
            try:
                copy_source(path, partial)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
        other = find_other_population(role)

        def put(known: Mapping[str, str], value: str) -> dict[str, str]:
            return {r: text for r, text in known.items() if r != other} | {role: value}

        replaced = replace(
            area,
            files=put(area.files, name),
            sha256=put(area.sha256, digest),
            original=put(area.original, path.name),
        )
        write_json(workspace.area_folder(key) / "area.json", asdict(replaced))
        for kept in set(area.files.values()) - set(replaced.files.values()):
            (workspace.area_folder(key) / kept).unlink(missing_ok=True)
        return replaced


def keep_sources(workspace: Workspace, area: Area, given: dict[str, Path]) -> None:
    """Copy the sources into the workspace, then let the area be known."""
    folder = workspace.area_folder(area.key) / "source"
    shutil.rmtree(folder, ignore_errors=True)
    with appearing_whole(folder) as partial:
        for role, path in given.items():
            copy_source(path, partial / Path(area.files[role]).name)
    write_json(workspace.area_folder(area.key) / "area.json", asdict(area))


def build_area_network(
    workspace: Workspace,
    area: Area,
    *,
    settings: Settings,
    given: dict[str, Path] | None = None,
    progress: Progress = no_progress,
) -> StepFolder:
    """Return the folder of an area's network, built when sources or settings changed."""
    options: dict[str, Any] = {
        "road_classes": list(settings.road_classes),
        "max_segment_length_m": settings.max_segment_length_m,
        "intersection_tolerance_m": settings.intersection_tolerance_m,
    }

    def find(role: str) -> Path | None:
        return given.get(role) if given is not None else area.find_file(workspace, role)

    def build(folder: Path) -> None:
        builder = build_network_from_osm if area.kind == "osm" else build_network_from_lines
        roads = find("roads")
        if roads is None:
            raise MissingDataError.no_such("source", "roads", list(area.files), "add it again.")
        network = builder(roads, boundary=find("boundary"), progress=progress, **options)
        write_network(name_areas(network, find("provinces"), find("districts")), folder)

    inputs = [NETWORK_VERSION, area.kind, select_roads(area.sha256), options]
    return keep_step(workspace, area.key, "network", inputs, build)


def find_bounds(workspace: Workspace, key: str) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north of an area's roads [degrees]; None before they are built."""
    files = list(workspace.cache_folder(key).glob("network-*/network.json"))
    if not files:
        return None
    newest = max(files, key=lambda path: (path.stat().st_mtime, path.name))
    west, south, east, north = map(float, read_json(newest)["bounds_wgs84"])
    return west, south, east, north


def name_areas(network: Network, provinces: Path | None, districts: Path | None) -> Network:
    """Return the network with province and district on every segment and intersection."""
    segments, intersections = network.segments, network.intersections
    summary = dict(network.summary)
    for column, path in (("province", provinces), ("district", districts)):
        if path is not None:
            layer = read_boundary(path, near_wgs84=network.summary["bounds_wgs84"])
            segments = assign_areas(segments, layer, column=column)
            intersections = assign_areas(intersections, layer, column=column)
            n_without = int(segments[column].isna().sum())
            if n_without == len(segments):
                message = (
                    f"{path}: none of {len(segments)} road segments lies in one of its polygons; "
                    f"give the {column}s of this area."
                )
                raise GeometryError(message)
            summary[f"n_segments_without_{column}"] = n_without
    return Network(
        segments=segments,
        nodes=network.nodes,
        intersections=intersections,
        places=network.places,
        summary=summary,
    )


def checksum_of(path: Path) -> str:
    """Return the checksum of a source; a folder (unpacked layer) is refused."""
    try:
        return compute_file_sha256(path)
    except OSError as error:
        raise DataSourceError.unreadable(path, error.strerror or str(error)) from error


def joined_suffix(path: Path) -> str:
    """Return `.osm.pbf` for `a.osm.pbf` and `.geojson` for `v1.2.geojson`."""
    suffixes = path.suffixes[-2:]
    is_osm = len(suffixes) == 2 and suffixes[0].lower() == ".osm"
    return "".join(suffixes).lower() if is_osm else path.suffix.lower()


def copy_source(path: Path, target: Path) -> None:
    """Copy a source with the files that belong to it (a Shapefile is several)."""
    shutil.copyfile(path, target)
    if path.suffix.lower() == ".shp":
        for sibling in path.parent.glob(f"{path.stem}.*"):
            if sibling.suffix.lower() in {".dbf", ".shx", ".prj", ".cpg"}:
                shutil.copyfile(sibling, target.with_suffix(sibling.suffix.lower()))
