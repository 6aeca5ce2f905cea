"""Take the fixes out of files of many forms, as they are written there."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from core.errors import DataSourceError, TableError
from geo.crs import WGS84
from geo.gpx import read_gpx
from geo.vector_io import LINE_TYPES, read_layer

__all__ = ["RawTraces", "has_point_columns", "take_fixes"]

TABLES: Final = (".csv", ".tsv", ".txt")
TRACE_NAMES: Final = (
    *("trace_id", "trace", "track_id", "track", "trip_id", "trip", "route_id", "route"),
    *("journey_id", "run_id", "name", "id", "vehicle_id", "device_id", "device", "vehicle"),
)
TIME_NAMES: Final = (
    *("time", "timestamp", "datetime", "date_time", "recorded_at", "gps_time", "utc_time"),
    *("driven_at", "utc", "date"),
)
ORDER_NAMES: Final = ("point", "point_order", "seq", "sequence", "order", "idx", "index")
LON_NAMES: Final = ("lon", "longitude", "lng", "long", "x", "gps_lon")
LAT_NAMES: Final = ("lat", "latitude", "y", "gps_lat")
WKT_NAMES: Final = ("wkt", "geometry", "geom", "the_geom", "line", "geometry_wkt")
HEADER_BYTES: Final = 100_000  # a header is not longer
LINE_TIME_NAMES: Final = ("coordtimes", "coordinateproperties", "times")


@dataclass(slots=True)
class RawTraces:
    """Fixes as text, gathered from any format."""

    name: list[str] = field(default_factory=list)
    form: list[str] = field(default_factory=list)
    about: list[dict[str, str]] = field(default_factory=list)
    trace: list[int] = field(default_factory=list)
    part: list[int] = field(default_factory=list)
    time: list[str] = field(default_factory=list)
    lon: list[float] = field(default_factory=list)
    lat: list[float] = field(default_factory=list)
    order: list[float] = field(default_factory=list)
    n_nameless: int = 0
    notes: Counter[str] = field(default_factory=Counter)


def take_fixes(path: Path) -> RawTraces:
    """Take the fixes of a file: GPX, a table of fixes or of lines, or a layer.

    Raises
    ------
    DataSourceError
        If it cannot be read.
    TableError
        If a CSV has no coordinates.
    """
    suffix = path.suffix.lower()
    if suffix == ".gpx":
        return _take_gpx(path)
    if suffix in TABLES:
        rows, columns = _read_cells(path)
        if columns is not None:
            return _take_rows(rows, columns, path)
    return _take_layer(path)


def has_point_columns(path: Path) -> bool:
    """Tell whether a table has one fix a row: coordinates, and no column of lines."""
    return path.suffix.lower() in TABLES and _read_cells(path, header_only=True)[1] is not None


def _take_gpx(path: Path) -> RawTraces:
    found = read_gpx(path)
    raw = RawTraces()
    for at, track in enumerate(found.tracks):
        raw.name.append(track.name or f"{path.stem} {at + 1}")
        raw.form.append(track.form)
        raw.about.append(track.about)
        raw.trace += [at] * len(track.lon)
        raw.part += track.part
        raw.time += track.time
        raw.lon += map(_to_number, track.lon)
        raw.lat += map(_to_number, track.lat)
    if planned := raw.form.count("route"):
        raw.notes["planned routes, not recorded tracks"] = planned
    if found.n_waypoints:
        raw.notes["waypoints left out"] = found.n_waypoints
    if found.broken_at:
        raw.notes[f"the file breaks off at line {found.broken_at}; read up to there"] = 1
    return raw


def _to_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _read_cells(
    path: Path, *, header_only: bool = False
) -> tuple[list[list[str]], tuple[dict[str, int], list[str]] | None]:
    """Rows of a CSV as text, and its columns; None for these where it is no table of fixes."""
    try:
        with path.open("rb") as handle:
            data = handle.read(HEADER_BYTES if header_only else -1)
    except OSError as error:
        raise DataSourceError.unreadable(path, error.strerror or str(error)) from error
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if is_wide else "utf-8-sig", errors="replace").replace("\0", "")
    lines = text.splitlines()
    separator = max((",", ";", "\t", "|"), key=lines[0].count) if lines else ","
    try:
        names = [name.strip() for name in next(csv.reader(lines[:1], delimiter=separator), [])]
        at = {name.lower().replace(" ", "_"): i for i, name in reversed(list(enumerate(names)))}
        missing = [
            word
            for word, some in (("lon", LON_NAMES), ("lat", LAT_NAMES))
            if _find(at, some) is None
        ]
        if _find(at, WKT_NAMES) is not None or (missing and header_only):
            return [], None
        if missing:
            raise TableError.missing_columns(str(path), missing, names)
        rows = [] if header_only else list(csv.reader(lines[1:], delimiter=separator))
    except csv.Error as error:
        raise DataSourceError.unreadable(path, str(error)) from error
    return [row for row in rows if any(cell.strip() for cell in row)], (at, names)


def _find(at: dict[str, int], wanted: Sequence[str]) -> int | None:
    return next((at[name] for name in wanted if name in at), None)


def _take_rows(
    rows: list[list[str]], columns: tuple[dict[str, int], list[str]], path: Path
) -> RawTraces:
    """Group the rows of a table of fixes by trace."""
    at, names = columns
    width = len(names)
    raw = RawTraces()
    if short := sum(len(row) != width for row in rows):
        raw.notes["rows with too few or too many cells"] = short
    cells = [row[:width] + [""] * (width - len(row)) for row in rows]
    frame = pd.DataFrame(cells, columns=range(width), dtype="str")
    return _take_points(frame, at, names, raw, path)


def _take_points(
    frame: pd.DataFrame, at: dict[str, int], names: Sequence[str], raw: RawTraces, path: Path
) -> RawTraces:
    """Group the rows of a table of text by trace; `at` gives the number of a column."""
    lon, lat = _find(at, LON_NAMES), _find(at, LAT_NAMES)
    key, time = _find(at, TRACE_NAMES), _find(at, TIME_NAMES)
    order = _find(at, ORDER_NAMES)
    numbers = [_read_numbers(frame[column]) for column in (lon, lat)]
    if key is None:
        labels = np.zeros(len(frame), dtype=np.int64)
        raw.name = [path.stem] if len(frame) else []
    else:
        text = frame[key].str.strip()
        labels, distinct = pd.factorize(text.mask(text == ""))
        raw.name = [str(name) for name in distinct]
    raw.n_nameless = int((labels < 0).sum())
    by_trace = np.argsort(labels, kind="stable")
    by_trace = by_trace[labels[by_trace] >= 0]
    raw.form = ["points"] * len(raw.name)
    raw.trace = labels[by_trace].tolist()
    raw.part = [0] * len(by_trace)
    clock = _find({k: v for k, v in at.items() if v != time}, ("time",))
    if time is not None:
        text = frame[time]
        is_date = at.get("date") == time or at.get("driven_at") == time
        if clock is not None and is_date:
            text = text.str.strip() + " " + frame[clock].str.strip()
        elif at.get("time") == time and "date" in at:
            clock = at["date"]
            text = frame[clock].str.strip() + " " + text.str.strip()
        raw.time = text.iloc[by_trace].tolist()
    raw.lon, raw.lat = (values[by_trace].tolist() for values in numbers)
    if order is not None:
        raw.order = _read_numbers(frame[order])[by_trace].tolist()
    used = {lon, lat, time, order, clock if time is not None else None}
    rest = [i for i in range(len(names)) if i not in used]
    filled = frame[rest].iloc[by_trace].replace("", None)
    first = filled.groupby(np.array(raw.trace, dtype=np.int64)).first()  # first filled cell
    raw.about = [
        {names[i]: str(row[i]) for i in rest if isinstance(row[i], str)}
        for row in first.reindex(range(len(raw.name))).to_dict("records")
    ]
    return raw


def _read_numbers(text: pd.Series[Any]) -> NDArray[np.float64]:
    plain = text.astype("str").str.strip()
    if not plain.str.contains(".", regex=False).any():
        plain = plain.str.replace(",", ".", regex=False)
    values: NDArray[np.float64] = pd.to_numeric(plain, errors="coerce").to_numpy(float)
    return values


def _take_layer(path: Path) -> RawTraces:
    """Traces of a layer: a line is one, points are grouped."""
    layer = read_layer(path).to_crs(WGS84)
    kinds = shapely.get_type_id(layer.geometry.to_numpy())
    is_point = np.isin(kinds, (0, 4))
    table = pd.DataFrame(layer.drop(columns=layer.geometry.name))
    text = table.apply(lambda column: column.map(_to_text)).astype("str")
    if is_point.any() and not np.isin(kinds, LINE_TYPES).any():
        points = layer.geometry.where(is_point).explode(index_parts=False)
        text = text.loc[points.index].reset_index(drop=True)
        names = [*map(str, text.columns), "lon", "lat"]
        frame = pd.concat([text, points.x.reset_index(drop=True).map(_to_text),
                           points.y.reset_index(drop=True).map(_to_text)], axis=1)  # fmt: skip
        at = {name.lower().replace(" ", "_"): i for i, name in enumerate(names)}
        return _take_points(frame.set_axis(range(len(names)), axis=1), at, names, RawTraces(), path)
    return _take_lines(layer, kinds, text, path)


def _take_lines(
    layer: gpd.GeoDataFrame, kinds: NDArray[np.int32], text: pd.DataFrame, path: Path
) -> RawTraces:
    raw = RawTraces()
    lower = {str(name).lower(): str(name) for name in text.columns}
    key = next((lower[name] for name in TRACE_NAMES if name in lower), None)
    times = next((lower[name] for name in LINE_TIME_NAMES if name in lower), None)
    is_line = np.isin(kinds, LINE_TYPES)
    for at, (shape, row) in enumerate(
        zip(layer.geometry.to_numpy(), text.to_dict("records"), strict=True)
    ):
        raw.name.append(row.get(key, "") or f"{path.stem} {at + 1}")
        kind = "no geometry" if shape is None else shape.geom_type
        raw.form.append("line" if is_line[at] else kind)
        raw.about.append({str(n): str(v) for n, v in row.items() if v and n != times})
        if not is_line[at]:
            continue
        parts = shapely.get_parts(shape)
        xy, part = shapely.get_coordinates(parts, return_index=True)
        stamps = _flatten_times(row.get(times, ""))
        if stamps and len(stamps) != len(xy):
            raw.notes["lines whose times are not one a vertex; read without"] += 1
        raw.time += stamps if len(stamps) == len(xy) else [""] * len(xy)
        raw.trace += [at] * len(xy)
        raw.part += part.tolist()
        raw.lon += xy[:, 0].tolist()
        raw.lat += xy[:, 1].tolist()
    return raw


def _to_text(value: object) -> str:
    if isinstance(value, (list, dict, np.ndarray)):
        return json.dumps(value.tolist() if isinstance(value, np.ndarray) else value, default=str)
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _flatten_times(text: str) -> list[str]:
    """Return the times of a line's vertices, from JSON such as GPS tools write."""
    try:
        value = json.loads(text) if text else []
    except ValueError:
        return []
    if isinstance(value, dict):
        value = value.get("times", [])
    if not isinstance(value, list):
        return []
    flat = [x for one in value for x in (one if isinstance(one, list) else [one])]
    return [_to_text(one) for one in flat]
