"""Read GPS traces of any common form into one table of fixes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Geod

from core.errors import DataSourceError, MissingDataError, TableError
from geo.trace_files import RawTraces, take_fixes
from geo.trace_times import read_times

__all__ = ["Traces", "read_traces"]

NO_COORDINATES: Final = "no coordinates"
NOT_ON_EARTH: Final = "coordinates are not on Earth"
CLOCK_JUMPED: Final = (
    "traces whose clock jumps back; kept in the order of the file, without times from there on"
)
MAX_LON, MAX_LAT = 180.0, 90.0
MAX_CLOCK_JUMPS: Final = 3  # a file whose times step back more often is merely not in order
LEAST_DETOUR_M: Final = 200.0  # that the order of the times must cost, or 1 / 20 of the way


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Traces as they came; nothing is cleaned but what cannot be a place.

    Attributes
    ----------
    traces
        One row a trace, its row number is the trace: `name`, `form` (track, route, line,
        points, or what a feature is that holds no line), `n_read` (fixes in the file),
        `offset_min` (the time zone that its first time states [min]; null: none stated),
        `clock_jumped` (its times step back while the drive goes on).
    about
        What the file says of each trace beside that, as text; one row a trace.
    points
        `trace`, `point` (place in driving order), `part` (of a track in several segments),
        `time` (in UTC where a zone is stated, else as written; may be missing), `lon`,
        `lat`.
    dropped
        `trace` (-1: of none), `reason`, `n_points`: fixes that are not in `points`.
    notes
        What else was noticed → how often.
    """

    traces: pd.DataFrame
    about: pd.DataFrame
    points: pd.DataFrame
    dropped: pd.DataFrame
    notes: dict[str, int] = field(default_factory=dict)


def read_traces(
    path: Path, *, near_wgs84: tuple[float, float, float, float] | None = None
) -> Traces:
    """Read the traces of a file.

    Parameters
    ----------
    path
        GPX (tracks and routes); a layer of lines or of points that GDAL reads, such as
        GeoJSON; a CSV with one fix a row (longitude, latitude and, with the usual names,
        the trace's id, time, number in order) or one line a row (WKT).
    near_wgs84
        West, south, east, north that traces are expected in [degrees]: a trace that lies
        there only with its axes exchanged gets them exchanged. Without, only latitudes
        above 90 tell.

    Returns
    -------
    traces
        Degrees of WGS84. A layer of lines is a trace a feature, one of points a trace a
        value of its id column; without such a column all of the file is one trace.

    Raises
    ------
    MissingDataError
        If there is no such file.
    DataSourceError
        If it is empty or cannot be read.
    TableError
        If a CSV has no coordinates, or the file holds no trace at all.

    Notes
    -----
    A trace whose fixes all have a time, or all a number, is put in that order; but where the
    times step back at most 3 times and their order would be the longer way, the clock jumped.
    """
    if not path.is_file():
        message = f"{path}: no such file; check the path."
        raise MissingDataError(message)
    if path.stat().st_size == 0:
        raise DataSourceError.unreadable(path, "the file is empty")
    raw = take_fixes(path)
    if not raw.name:
        message = f"{path}: holds no track, route or line; check that the right file was given."
        raise TableError(message)
    return _assemble(raw, near_wgs84)


def _assemble(raw: RawTraces, near: tuple[float, float, float, float] | None) -> Traces:
    """Make the tables: places on Earth only, axes the right way round, in driving order."""
    n = len(raw.name)
    trace = np.array(raw.trace, dtype=np.int64)
    lon, lat = np.array(raw.lon, dtype=float), np.array(raw.lat, dtype=float)
    notes = Counter(raw.notes)
    is_turned = _find_turned(trace, lon, lat, n, near)
    lon, lat = np.where(is_turned[trace], lat, lon), np.where(is_turned[trace], lon, lat)
    if is_turned.any():
        notes["traces with longitude and latitude exchanged; put right"] = int(is_turned.sum())
    texts = pd.Series(raw.time or [""] * len(trace), dtype="str")
    time, offset_min = read_times(texts)
    n_not_read = int((time.isna() & (texts.str.strip() != "")).sum())
    if n_not_read:
        notes["times that are not understood; kept without"] = n_not_read
    frame = pd.DataFrame(
        {
            "trace": trace,
            "part": np.array(raw.part, dtype=np.int64),
            "time": time.to_numpy(),
            "lon": lon,
            "lat": lat,
            "order": raw.order or np.nan,
        }
    )
    has_place = np.isfinite(lon) & np.isfinite(lat)
    is_on_earth = (np.abs(lon) <= MAX_LON) & (np.abs(lat) <= MAX_LAT) & ~((lon == 0) & (lat == 0))
    why = np.where(~has_place, NO_COORDINATES, np.where(is_on_earth, "", NOT_ON_EARTH))
    lost = pd.DataFrame({"trace": trace[why != ""], "reason": why[why != ""]})
    dropped = lost.groupby(["trace", "reason"]).size().rename("n_points").reset_index()
    if raw.n_nameless:
        none = {"trace": [-1], "reason": ["no trace named"], "n_points": [raw.n_nameless]}
        dropped = pd.concat([dropped, pd.DataFrame(none)], ignore_index=True)
    traces = pd.DataFrame({"name": raw.name, "form": raw.form})
    traces["n_read"] = np.bincount(trace, minlength=n)
    stated = pd.Series(offset_min).groupby(trace).first().reindex(range(n))
    traces["offset_min"] = stated.astype("Int64").to_numpy()
    points, jumped = _put_in_order(frame[why == ""], notes)
    traces["clock_jumped"] = np.isin(np.arange(n), jumped)
    return Traces(
        traces=traces,
        about=pd.DataFrame(raw.about or [{}] * n, index=range(n)).fillna("").astype("str"),
        points=points,
        dropped=dropped.astype({"trace": np.int64, "n_points": np.int64}),
        notes=dict(notes),
    )


def _find_turned(
    trace: NDArray[np.int64],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    n: int,
    near: tuple[float, float, float, float] | None,
) -> NDArray[np.bool_]:
    """Tell which traces have longitude and latitude exchanged."""
    known = np.isfinite(lon) & np.isfinite(lat)
    off = known & (np.abs(lat) > MAX_LAT) & (np.abs(lat) <= MAX_LON) & (np.abs(lon) <= MAX_LAT)
    count = np.bincount(trace[known], minlength=n)
    turned: NDArray[np.bool_] = 2 * np.bincount(trace[off], minlength=n) > count
    if near is not None:
        west, south, east, north = near
        margin = max(east - west, north - south, 0.1)

        def lies_near(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
            inside = (x >= west - margin) & (x <= east + margin)
            inside &= (y >= south - margin) & (y <= north + margin)
            return np.bincount(trace[known & inside], minlength=n)

        turned |= (lies_near(lon, lat) == 0) & (2 * lies_near(lat, lon) > count)
    return turned


def _put_in_order(
    frame: pd.DataFrame, notes: Counter[str]
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Sort the fixes of a trace by time, else by number, where each fix has one.

    Also returned are the traces whose clock jumped: those stay as they are.
    """
    frame = frame.reset_index(drop=True)
    key = np.arange(len(frame), dtype=np.int64)
    groups = frame.groupby("trace")
    is_timed = groups["time"].transform(lambda one: one.notna().all()).to_numpy(dtype=bool)
    is_numbered = groups["order"].transform(lambda one: one.notna().all()).to_numpy(dtype=bool)
    number = frame["time"].to_numpy(dtype="datetime64[us]").astype(np.int64).astype(float)
    has_jumped, is_after = _find_clock_jumps(frame, is_timed)
    jumped = np.unique(frame["trace"].to_numpy(dtype=np.int64)[has_jumped])
    if len(jumped):
        notes[CLOCK_JUMPED] = len(jumped)
        frame.loc[is_after, "time"] = pd.NaT
    rank = np.where(
        has_jumped, key, np.where(is_timed, number, np.where(is_numbered, frame["order"], key))
    )
    order = np.lexsort((key, rank, frame["trace"]))
    moved = frame["trace"].to_numpy()[order != key]
    if len(moved):
        notes["traces whose fixes were not in order; sorted"] = len(np.unique(moved))
    ordered = frame.iloc[order].reset_index(drop=True)
    ordered["point"] = ordered.groupby("trace").cumcount()
    return ordered[["trace", "point", "part", "time", "lon", "lat"]], jumped


def _find_clock_jumps(
    frame: pd.DataFrame, is_timed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which fixes are of a trace whose clock jumped back, and which of them come after.

    There the file goes on along the road while the times step back: to sort by time would
    tear the drive apart.
    """
    has_jumped, is_after = np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool)
    trace = frame["trace"].to_numpy()
    time = frame["time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    steps_back = np.zeros(len(frame), dtype=bool)
    steps_back[1:] = is_timed[1:] & (trace[1:] == trace[:-1]) & (time[1:] < time[:-1])
    lon, lat = frame["lon"].to_numpy(float), frame["lat"].to_numpy(float)
    for one in np.unique(trace[steps_back]):
        rows = np.flatnonzero(trace == one)
        back = np.flatnonzero(steps_back[rows])
        if len(back) > MAX_CLOCK_JUMPS:
            continue
        by_time = rows[np.argsort(time[rows], kind="stable")]
        as_read, sorted_m = (_measure(lon[some], lat[some]) for some in (rows, by_time))
        if sorted_m - as_read > max(LEAST_DETOUR_M, as_read / 20):
            has_jumped[rows] = True
            is_after[rows[back[0] :]] = True
    return has_jumped, is_after


def _measure(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> float:
    """Length of a way over fixes [m]."""
    return float(Geod(ellps="WGS84").line_length(lon, lat))
