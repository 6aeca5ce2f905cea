"""Points that routes begin and end at: read, named, and what is wrong with them in words."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from core.errors import TableError
from geo.coordinates import PointProblems, find_point_problems
from geo.crs import WGS84
from geo.vector_io import read_points

__all__ = [
    "ROW_NUMBERS_COLUMN",
    "RoutePoints",
    "find_bounds_wgs84",
    "read_route_points",
    "report_unusable",
    "require_column",
]

logger = logging.getLogger(__name__)

ROW_NUMBERS_COLUMN = "id"  # without this column points are named by their rows


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePoints:
    """Points of one file in the system of the roads.

    Attributes
    ----------
    points
        Geometry null where it is of no use.
    ids
        Name of each row: whole numbers, or text.
    problem
        What makes a point of no use, as in "has no coordinates"; else None.
    """

    points: gpd.GeoDataFrame
    ids: pd.Series
    problem: NDArray[np.object_]


def read_route_points(
    path: Path, segments: gpd.GeoDataFrame, *, what: str, id_column: str, is_unique: bool
) -> RoutePoints:
    """Read the points of a file; what cannot be used is told on standard error.

    Parameters
    ----------
    path
        A layer of points, or a CSV with longitude and latitude.
    segments
        The roads, in projected metres.
    what
        What the points are, in the plural: origins or destinations.
    id_column
        Column with their names. Rows without a name are called by their row; so are all
        where there is no column `id`.
    is_unique
        Whether a name may be there once only.

    Raises
    ------
    TableError
        If there is no row, no such column, no usable point, or a repeated name.
    DataSourceError, CrsError, GeometryError
        As `geo.vector_io.read_points`.
    """
    points = read_points(path)
    if points.empty:
        raise TableError.empty(str(path))
    ids = _read_ids(points, id_column, path, what=what)
    if is_unique:
        _require_distinct(ids, id_column, path, what=what)
    found = find_point_problems(points, find_bounds_wgs84(segments))
    is_bad = np.array([one is not None for one in found.reason])
    report_unusable(found, path, what=what)
    located = points.copy()
    located.loc[is_bad, located.geometry.name] = None
    return RoutePoints(points=located.to_crs(segments.crs), ids=ids, problem=found.reason)


def report_unusable(found: PointProblems, path: Path, *, what: str) -> None:
    """Warn of points that are of no use, by kind, with the first one.

    Raises
    ------
    TableError
        If none is of use.
    """
    n = len(found.reason)
    kinds = Counter(one for one in found.reason if one is not None)
    if not kinds:
        return
    told = []
    for reason, count in kinds.most_common():
        row = int(np.flatnonzero(found.reason == reason)[0])
        given = f" ({found.given[row]})" if found.given[row] else ""
        told.append(f"{count} with {reason}, first row {row}{given}")
    message = f"{path}: {kinds.total()} of {n} {what} cannot be used: {'; '.join(told)}"
    if kinds.total() == n:
        advice = "give longitude and latitude in degrees of WGS84, with a decimal point."
        raise TableError(f"{message}; {advice}")
    logger.warning("%s; mend them.", message)


def find_bounds_wgs84(segments: gpd.GeoDataFrame) -> tuple[float, float, float, float]:
    """Return west, south, east, north of roads [degree]; west may be greater than east."""
    to_wgs84 = Transformer.from_crs(segments.crs, WGS84, always_xy=True)
    west, south, east, north = to_wgs84.transform_bounds(*segments.total_bounds)
    return west, south, east, north


def require_column(frame: pd.DataFrame, column: str, path: Path, option: str) -> None:
    """Check that a column is there which an option names.

    Raises
    ------
    TableError
        If it is not; the message lists those that are.
    """
    if column not in frame:
        found = ", ".join(str(name) for name in frame.columns if name != "geometry")[:300]
        message = (
            f"{path}: has no column {column!r}; found: {found or 'none'}; name one with {option}."
        )
        raise TableError(message)


def _read_ids(points: gpd.GeoDataFrame, column: str, path: Path, *, what: str) -> pd.Series:
    """Return names: whole numbers as such, also where some are missing; those get their row."""
    rows = pd.Series(np.arange(len(points)))
    if column not in points and column == ROW_NUMBERS_COLUMN:
        ids: pd.Series = rows.astype(object)
        return ids
    require_column(points, column, path, f"--{what.removesuffix('s')}-id or --id")
    names = points[column].reset_index(drop=True)
    if pd.api.types.is_float_dtype(names.dtype) and (names.dropna() % 1 == 0).all():
        names = names.astype("Int64")
    is_none = names.isna()
    if is_none.any():
        names = names.astype("str").where(~is_none, "row " + rows.astype("str"))
    ids = names.astype(object)
    return ids


def _require_distinct(ids: pd.Series, column: str, path: Path, *, what: str) -> None:
    again = ids[ids.duplicated()]
    if len(again):
        first = again.iloc[0]
        rows = ", ".join(str(row) for row in np.flatnonzero(ids == first)[:3])
        message = (
            f"{path}: {len(again)} repeated value(s) in column {column!r} of the {what}, first "
            f"{first!r} (rows {rows}); give each its own name, or name another column with "
            f"--{what.removesuffix('s')}-id."
        )
        raise TableError(message)
