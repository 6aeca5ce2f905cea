"""What each segment is like: bends, junctions, what stands beside it, slope, light, people.

Measured once for a network and its rasters, kept between runs, and joined to the run's
segments. What was not measured is unknown: NaN or the word, never 0 or "no".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from core.progress import Progress, no_progress
from core.provenance import compute_sha256_of_values
from core.settings import Settings
from core.vocabulary import YesNoUnknown
from geo.alignment import measure_alignment
from geo.manifests import RASTER_ROLES
from geo.osm_features import COUNTED_KINDS, NEARBY_KINDS, read_osm_features
from geo.raster_around import measure_around
from geo.raster_sampling import ANY_VALUE, open_raster
from geo.roadside import (
    find_near,
    keep_features_near,
    measure_roadside,
    say_what_is_mapped,
)
from geo.slope import measure_slopes
from geo.sums_nearby import measure_junction_density
from pipeline.account import Job
from pipeline.frame import Frame
from pipeline.raster_sources import POPULATIONS
from pipeline.steps import StepFolder, keep_step
from pipeline.workspace import read_json, write_json

__all__ = ["ATTRIBUTE_COLUMNS", "AttributeSources", "add_attributes", "measure_attributes"]

ATTRIBUTES_VERSION = 1  # raise it when the same sources give other attributes
JUNCTION_RADIUS_M: Final = 500.0
DECIMALS = 3
ALIGNMENT_COLUMNS = ("curvature_change_deg_km", "min_radius_m", "sharpest_bend_deg", "sinuosity")
ROADSIDE_COLUMNS = (
    *(f"{kind}_per_km" for kind in COUNTED_KINDS),
    *(f"has_{kind}_within_200m" for kind in NEARBY_KINDS),
)
GATE_COLUMN = "has_factory_gate_within_200m"
RASTER_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "relief": ("elevation_m", "mean_grade_pct", "max_grade_pct"),
    "night_lights": ("night_light",),
    "population": ("population_per_km2",),
    "population_density": ("population_per_km2",),
}
ATTRIBUTE_COLUMNS = (
    *ALIGNMENT_COLUMNS,
    "junction_per_km",
    *ROADSIDE_COLUMNS,
    GATE_COLUMN,
    *dict.fromkeys(column for columns in RASTER_COLUMNS.values() for column in columns),
)
VALID: Final[Mapping[str, tuple[float, float]]] = {
    "population": (0.0, np.inf),
    "population_density": (0.0, np.inf),
}

Measured = tuple[pd.DataFrame, str]  # the columns, and what to say of them


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSources:
    """Where attributes come from, besides the network itself."""

    osm: Path | None = None
    rasters: Mapping[str, Path]  # by `geo.manifests.RASTER_ROLES`
    gates: gpd.GeoSeries | None = None  # of factories; None: nobody knows where they are


def measure_attributes(
    segments: gpd.GeoDataFrame,
    intersections: gpd.GeoDataFrame,
    sources: AttributeSources,
    *,
    settings: Settings,
    progress: Progress = no_progress,
) -> tuple[pd.DataFrame, list[str]]:
    """Measure all attributes of a network at once.

    Returns
    -------
    attributes, notes
        `ATTRIBUTE_COLUMNS` in the order of the segments, and what to say of how they
        were measured.
    """
    parts = [measure_layout(segments, intersections)]
    if sources.osm is not None:
        parts.append(measure_beside(segments, sources.osm, settings, progress))
    for role, path in sources.rasters.items():
        parts.append(measure_raster(segments, role, path, settings, progress))
    return combine(segments, [columns for columns, _ in parts], sources.gates), [
        *(note for _, note in parts if note),
        *say_what_is_missing(sources.osm is not None, sources.rasters, sources.gates),
    ]


def add_attributes(job: Job, frame: Frame, factories: pd.DataFrame) -> Frame:
    """Return the frame with a file of segments that has their attributes.

    Each source's part is kept on its own, so that a new raster does not make the others be
    read again; the joined table is written once for the same parts and factory gates.
    """
    area, workspace = job.area, job.workspace
    with job.account.step("attributes") as counts:
        gates = locate_gates(factories, frame.segments)
        steps = [keep_part(job, frame, *part) for part in list_parts(job, frame)]
        inputs = [
            ATTRIBUTES_VERSION,
            frame.step.key,
            [step.key for step in steps],
            None if gates is None else compute_sha256_of_values(gates.to_wkt()),
        ]

        def build(folder: Path) -> None:
            parts = [pd.read_parquet(step.path / "columns.parquet") for step in steps]
            notes = [read_json(step.path / "note.json")["note"] for step in steps]
            attributes = combine(frame.segments, parts, gates)
            joined = join_attributes(frame.segments, attributes)
            joined.to_parquet(folder / "segments.parquet")
            has_osm = area.kind == "osm"
            rasters = [role for role in RASTER_ROLES if role in area.files]
            missing = say_what_is_missing(has_osm, rasters, gates)
            known = {column: share_known(attributes[column]) for column in attributes}
            account = {
                "notes": [note for note in notes if note] + missing,
                "known_share": known,
            }
            write_json(folder / "attributes.json", account)

        joined = keep_step(workspace, area.key, "attributes", inputs, build)
        account = read_json(joined.path / "attributes.json")
        n_segments = len(frame.segments)
        counts.update(
            rows_in=n_segments,
            rows_out=n_segments,
            reason="; ".join(account["notes"]),
            cached=joined.is_cached and all(step.is_cached for step in steps),
        )
    return replace(
        frame, segments_file=joined.path / "segments.parquet", attributes_account=account
    )


def list_parts(job: Job, frame: Frame) -> list[tuple[str, list[Any], Callable[[], Measured]]]:
    """Name each part of the attributes with what it depends on and how it is measured."""
    area, settings, segments = job.area, job.settings, frame.network.segments
    parts: list[tuple[str, list[Any], Callable[[], Measured]]] = [
        ("layout", [], lambda: measure_layout(segments, frame.network.intersections))
    ]
    roads = area.find_file(job.workspace, "roads")
    if area.kind == "osm" and roads is not None:
        inputs = [area.sha256["roads"], settings.roadside_distance_m]
        parts.append(("roadside", inputs, lambda: measure_beside(segments, roads, settings)))
    for role in RASTER_ROLES:
        path = area.find_file(job.workspace, role)
        if path is not None:
            is_relief = role == "relief"
            reach = settings.grade_smoothing_m if is_relief else settings.around_distance_m
            inputs = [area.sha256[role], reach]
            parts.append((role, inputs, measure_raster_later(segments, role, path, settings)))
    return parts


def measure_raster_later(
    segments: gpd.GeoDataFrame, role: str, path: Path, settings: Settings
) -> Callable[[], Measured]:
    """Return what measures one raster when it is called."""
    return lambda: measure_raster(segments, role, path, settings)


def keep_part(
    job: Job, frame: Frame, name: str, inputs: list[Any], measure: Callable[[], Measured]
) -> StepFolder:
    """Return the folder of one part, measured when something it depends on changed."""

    def build(folder: Path) -> None:
        columns, note = measure()
        columns.to_parquet(folder / "columns.parquet")
        write_json(folder / "note.json", {"note": note})

    depends = [ATTRIBUTES_VERSION, frame.network_key, *inputs]
    return keep_step(job.workspace, job.area.key, name, depends, build)


def measure_layout(segments: gpd.GeoDataFrame, intersections: gpd.GeoDataFrame) -> Measured:
    """Measure how the segments bend and how close junctions lie."""
    table = measure_alignment(segments).replace(np.inf, np.nan)
    table["junction_per_km"] = measure_junction_density(
        segments, intersections, radius_m=JUNCTION_RADIUS_M
    )
    return shorten(table), ""


def measure_beside(
    segments: gpd.GeoDataFrame,
    osm: Path,
    settings: Settings,
    progress: Progress = no_progress,
) -> Measured:
    """Measure what stands beside the segments."""
    features = keep_features_near(read_osm_features(osm, progress=progress), segments)
    table = measure_roadside(segments, features, distance_m=settings.roadside_distance_m)
    mapped = say_what_is_mapped(features, float(segments.length.sum()) / 1000)
    found = features.count()
    unmapped = [f"{found[kind]} {kind}" for kind, is_there in mapped.items() if not is_there]
    note = f"too few in the file to say no: {', '.join(unmapped)}" if unmapped else ""
    return shorten(table), note


def measure_raster(
    segments: gpd.GeoDataFrame,
    role: str,
    path: Path,
    settings: Settings,
    progress: Progress = no_progress,
) -> Measured:
    """Measure what one raster says of the segments."""
    raster = open_raster(path)
    pixel = f"{role}: pixels of {raster.pixel_m:.0f} m"
    if role == "relief":
        slopes = measure_slopes(
            segments, raster, smoothing_m=settings.grade_smoothing_m, progress=progress
        )
        table = slopes.table
        if "is_bridge" in segments:  # the relief is that of the ground
            off_ground = (segments["is_bridge"] | segments["is_tunnel"]).to_numpy(dtype=bool)
            table.loc[off_ground, ["mean_grade_pct", "max_grade_pct"]] = np.nan
        note = f"{pixel}, steps of {slopes.step_m:.0f} m, grades over {slopes.smoothing_m:.0f} m"
    else:
        around = measure_around(
            segments,
            raster,
            distance_m=settings.around_distance_m,
            is_count=role == "population",
            valid=VALID.get(role, ANY_VALUE),
            progress=progress,
        )
        table = around[["mean"]].set_axis(list(RASTER_COLUMNS[role]), axis=1)
        note = f"{pixel}, means within {settings.around_distance_m:.0f} m"
    share = share_known(table.iloc[:, -1])
    return shorten(table), f"{note}, known for {share:.1%} of segments"


def locate_gates(factories: pd.DataFrame, segments: gpd.GeoDataFrame) -> gpd.GeoSeries | None:
    """Return the gates of factories that have a place; None when there is none."""
    if not {"lon", "lat"} <= set(factories):
        return None
    located = factories.dropna(subset=["lon", "lat"])
    if located.empty:
        return None
    points = gpd.GeoSeries(gpd.points_from_xy(located["lon"], located["lat"]), crs=4326)
    return points.to_crs(segments.crs)


def combine(
    segments: gpd.GeoDataFrame, parts: list[pd.DataFrame], gates: gpd.GeoSeries | None
) -> pd.DataFrame:
    """Return all attributes, unknown where no part says anything."""
    known = {str(name): part[name].to_numpy() for part in parts for name in part}
    if gates is not None:
        known[GATE_COLUMN] = find_near(segments, gates.to_numpy())
    columns: dict[str, Any] = {}
    for name in ATTRIBUTE_COLUMNS:
        is_word = name.startswith("has_")
        unknown = YesNoUnknown.UNKNOWN.value if is_word else np.float32(np.nan)
        values = known.get(name, np.full(len(segments), unknown))
        columns[name] = pd.Series(values, index=segments.index, dtype="str" if is_word else None)
    return pd.DataFrame(columns, index=segments.index)


def join_attributes(segments: gpd.GeoDataFrame, attributes: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the segments with their attributes; columns of these names are replaced."""
    plain = segments.drop(columns=[c for c in attributes if c in segments])
    joined = pd.concat([plain.drop(columns="geometry"), attributes], axis=1)
    return gpd.GeoDataFrame(joined, geometry=segments.geometry, crs=segments.crs)


def shorten(table: pd.DataFrame) -> pd.DataFrame:
    """Return numbers in the precision they can have, at half the size."""
    numbers = table.select_dtypes("number").columns
    return table.assign(**{c: table[c].round(DECIMALS).astype("float32") for c in numbers})


def share_known(values: pd.Series[Any]) -> float:
    """Return the share of rows that are not unknown; 0 when there are no rows."""
    is_known = values.notna() & (values != YesNoUnknown.UNKNOWN.value)
    return round(float(is_known.mean()), 4) if len(values) else 0.0


def say_what_is_missing(
    has_osm: bool,  # a line layer holds roads only
    roles: Mapping[str, Path] | list[str],
    gates: gpd.GeoSeries | None,
) -> list[str]:
    """Say which attributes are unknown for want of a source."""
    wanted = [role for role in RASTER_ROLES if role not in POPULATIONS]
    missing = [role for role in wanted if role not in roles]
    if not any(role in roles for role in POPULATIONS):
        missing.append(POPULATIONS[0])
    notes = [f"no raster of {', '.join(missing)}"] if missing else []
    if not has_osm:
        notes.append("no OpenStreetMap file: nothing known of what stands beside roads")
    if gates is None:
        notes.append("no factory has coordinates")
    return notes
