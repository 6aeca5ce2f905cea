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

__all__ = [
    "AXES_SWAPPED",
    "NO_COORDINATES",
    "OUTSIDE",
    "OUT_OF_RANGE",
    "SIGN_LOST",
    "CheckedCoordinates",
    "check_coordinates",
]

NO_COORDINATES = "no coordinates"
OUT_OF_RANGE = "coordinates out of range"
OUTSIDE = "outside the study area"
AXES_SWAPPED = "axes look swapped"
SIGN_LOST = "a sign looks lost"
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


def _project(
    lon: NDArray[np.float64], lat: NDArray[np.float64], usable: NDArray[np.bool_], crs: CRS
) -> NDArray[np.float64]:
    """Metres of the usable places; NaN elsewhere and where the projection has none."""
    xy = np.full((len(lon), 2), np.nan)
    transformer = Transformer.from_crs(WGS84, crs, always_xy=True)
    xy[usable] = np.column_stack(transformer.transform(lon[usable], lat[usable]))
    xy[~np.isfinite(xy).all(axis=1)] = np.nan
    return xy
