"""Reported longitudes and latitudes: which can be used, and why the others cannot."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geo.crs import WGS84
from geo.vector_io import find_coordinate_columns

__all__ = [
    "AXES_SWAPPED",
    "LOOK_LIKE_METRES",
    "NO_COORDINATES",
    "NO_NUMBERS",
    "OUTSIDE",
    "OUT_OF_RANGE",
    "SIGN_LOST",
    "CheckedCoordinates",
    "PointProblems",
    "check_coordinates",
    "find_point_problems",
]

NO_COORDINATES = "no coordinates"
OUT_OF_RANGE = "coordinates out of range"
OUTSIDE = "outside the study area"
AXES_SWAPPED = "axes look swapped"
SIGN_LOST = "a sign looks lost"
NO_NUMBERS = "coordinates that are no numbers"
LOOK_LIKE_METRES = "coordinates that look like metres, not degrees"
SWAPPED = "longitude and latitude that look swapped"
NOT_DEGREES = "coordinates outside the range of degrees"
LEAST_METRES = 1_000.0  # no slip of a decimal point makes both degrees as great
LEAST_MARGIN_DEG = 0.5
QUAD_SEGS = 16
CHORD_SHARE = np.cos(np.pi / 4 / QUAD_SEGS)  # a drawn circle's middle of a chord, of its radius


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCoordinates:
    """Reported places in metres, and what is wrong with them.

    Attributes
    ----------
    xy
        The place as reported, never mended [m]; NaN where there is none, shape (n, 2).
    reason
        Why a place cannot be used, else None, shape (n,).
    is_usable
        Whether the coordinates are a place on Earth at all, shape (n,).
    """

    xy: NDArray[np.float64]
    reason: NDArray[np.object_]
    is_usable: NDArray[np.bool_]


def check_coordinates(
    lon: pd.Series, lat: pd.Series, segments: gpd.GeoDataFrame, *, max_distance_m: float
) -> CheckedCoordinates:
    """Project reported coordinates and say which cannot belong to the network.

    Parameters
    ----------
    lon, lat
        As reported [degree], shape (n,).
    segments
        The network, in metres; its convex hull is the study area.
    max_distance_m
        How far outside the hull a place may lie [m].

    Notes
    -----
    (0, 0) means no coordinates. A place outside the area that would lie inside it with
    longitude and latitude exchanged, or with another sign, is reported as such and left
    as it is.
    """
    east = lon.to_numpy(dtype=np.float64, na_value=np.nan)
    north = lat.to_numpy(dtype=np.float64, na_value=np.nan)
    is_given = ~(np.isnan(east) | np.isnan(north)) & ~((east == 0) & (north == 0))
    in_range = is_given & (np.abs(east) <= 180) & (np.abs(north) <= 90)
    vertices = shapely.get_coordinates(segments.geometry.to_numpy())
    hull = shapely.convex_hull(shapely.linestrings(vertices))
    hull = shapely.buffer(hull, max_distance_m / CHORD_SHARE, quad_segs=QUAD_SEGS)
    shapely.prepare(hull)
    crs = CRS(segments.crs)
    xy = _project(east, north, in_range, crs)
    is_inside = shapely.contains_xy(hull, xy)
    could_swap = is_given & ~is_inside & (np.abs(north) <= 180) & (np.abs(east) <= 90)
    is_swapped = shapely.contains_xy(hull, _project(north, east, could_swap, crs))
    is_far = in_range & ~is_inside & ~is_swapped
    has_lost_sign = np.zeros(len(east), dtype=bool)
    for x, y in ((-east, north), (east, -north), (-east, -north)):
        has_lost_sign |= is_far & shapely.contains_xy(hull, _project(x, y, is_far, crs))
    reason = np.full(len(east), None, dtype=object)
    reason[~is_inside] = OUTSIDE
    reason[has_lost_sign] = SIGN_LOST
    reason[~in_range] = OUT_OF_RANGE
    reason[is_swapped] = AXES_SWAPPED
    reason[~is_given] = NO_COORDINATES
    return CheckedCoordinates(
        xy=xy, reason=reason, is_usable=in_range & ~is_swapped & ~has_lost_sign
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PointProblems:
    """What stands in the way of points; arrays of shape (n,).

    Attributes
    ----------
    reason
        What a point has that makes it of no use, as in "has no coordinates"; else None.
    given
        What is written there, for a person to see; "" where nothing is.
    """

    reason: NDArray[np.object_]
    given: NDArray[np.object_]


def find_point_problems(
    points: gpd.GeoDataFrame, near_wgs84: tuple[float, float, float, float]
) -> PointProblems:
    """Say of points, as `geo.vector_io.read_points` gives them, which cannot be places.

    Parameters
    ----------
    points
        In their own system, geometry null where a row has none. What columns named as
        longitude and latitude hold as text tells what the row meant to say.
    near_wgs84
        West, south, east, north where points are expected [degree]; west may be greater
        than east.

    Notes
    -----
    A point far from there that would be near with its axes exchanged is taken to be
    swapped, and (0, 0) to be none. One that is merely far away is no problem here.
    """
    shapes = points.geometry.to_numpy()
    shapes = np.where(shapely.is_empty(shapes), None, shapes)
    x, y = shapely.get_x(shapes), shapely.get_y(shapes)
    is_there = np.isfinite(x) & np.isfinite(y)
    reason = np.full(len(points), None, dtype=object)
    given = np.full(len(points), "", dtype=object)
    given[is_there] = [f"{a:.10g}, {b:.10g}" for a, b in zip(x[is_there], y[is_there], strict=True)]
    reason[~is_there] = NO_COORDINATES
    columns = [name for name in find_coordinate_columns(points.columns) if name is not None]
    if columns:
        texts = points[columns].astype("str").where(points[columns].notna(), "")
        texts = texts.apply(lambda column: column.str.strip())
        is_written = (texts != "").any(axis=1).to_numpy() & ~is_there
        is_no_number = np.zeros(len(points), dtype=bool)
        for name in columns:
            number = pd.to_numeric(texts[name], errors="coerce")
            is_no_number |= ((texts[name] != "") & number.isna()).to_numpy()
        reason[is_written & is_no_number] = NO_NUMBERS
        rows = texts[is_written].to_numpy(dtype=object).tolist()
        given[is_written] = np.array([", ".join(row) for row in rows], dtype=object)
    if points.crs is None or not points.crs.is_geographic:
        return PointProblems(reason=reason, given=given)
    in_range = is_there & (np.abs(x) <= 180) & (np.abs(y) <= 90)
    is_near = in_range & _lie_near(x, y, near_wgs84)
    would_be = is_there & (np.abs(y) <= 180) & (np.abs(x) <= 90) & _lie_near(y, x, near_wgs84)
    is_metric = (np.abs(x) >= LEAST_METRES) & (np.abs(y) >= LEAST_METRES)
    reason[is_there & ~in_range] = NOT_DEGREES
    reason[is_there & ~in_range & is_metric] = LOOK_LIKE_METRES
    reason[would_be & ~is_near] = SWAPPED
    reason[is_there & (x == 0) & (y == 0) & ~is_near] = NO_COORDINATES
    return PointProblems(reason=reason, given=given)


def _lie_near(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    near_wgs84: tuple[float, float, float, float],
) -> NDArray[np.bool_]:
    west, south, east, north = near_wgs84
    width = (east - west) % 360
    margin = max(width, north - south, LEAST_MARGIN_DEG)
    is_beside = (np.where(np.isfinite(lon), lon, 1e6) - west + margin) % 360 <= width + 2 * margin
    near: NDArray[np.bool_] = is_beside & (lat >= south - margin) & (lat <= north + margin)
    return near


def _project(
    lon: NDArray[np.float64], lat: NDArray[np.float64], usable: NDArray[np.bool_], crs: CRS
) -> NDArray[np.float64]:
    """Metres of the usable places; NaN elsewhere and where the projection has none."""
    xy = np.full((len(lon), 2), np.nan)
    transformer = Transformer.from_crs(WGS84, crs, always_xy=True)
    xy[usable] = np.column_stack(transformer.transform(lon[usable], lat[usable]))
    xy[~np.isfinite(xy).all(axis=1)] = np.nan
    return xy
