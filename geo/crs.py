"""True metres: choosing, checking and changing coordinate systems."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from core.errors import CrsError, GeometryError, TableError

__all__ = [
    "WGS84",
    "estimate_metric_crs",
    "find_extent",
    "is_metric",
    "parse_crs",
    "require_same_metric_crs",
    "require_unique",
    "to_metric",
]

WGS84 = CRS.from_epsg(4326)

_UTM_REACH_DEG = 4.5  # farthest from a zone's central meridian that stays within 0.3 % of truth
_UTM_LATITUDES = (-80.0, 84.0)
_STRETCHED_METHODS = ("mercator", "equidistant cylindrical", "plate carr")


def estimate_metric_crs(bounds_wgs84: Sequence[float], *, layer: str = "layer") -> CRS:
    """Choose the projected system in metres that suits an area.

    Parameters
    ----------
    bounds_wgs84
        West, south, east, north [degree]. West may be greater than east when the
        area lies across the 180th meridian.
    layer
        What the bounds are of, for the message.

    Returns
    -------
    crs
        The UTM zone of the area's centre; for an area that reaches farther than
        4.5 degrees from that zone's meridian, or near a pole, a Lambert azimuthal
        equal-area system centred on it.

    Raises
    ------
    GeometryError
        If the bounds are not four finite numbers within +-180 and +-90.
    """
    west, south, east, north = (float(value) for value in bounds_wgs84)
    inside = all(-180 <= lon <= 180 for lon in (west, east)) and -90 <= south <= north <= 90
    if not inside:
        message = (
            f"{layer}: bounds {west:g},{south:g},{east:g},{north:g}: not west,south,east,north in "
            "degrees; check its coordinate system: save it with the one it is in, or in degrees."
        )
        raise GeometryError(message)
    width = (east - west) % 360 if west > east else east - west
    lon = (west + width / 2 + 180) % 360 - 180
    lat = (south + north) / 2
    zone = min(int((lon + 180) // 6) + 1, 60)
    meridian = zone * 6 - 183
    reach = abs(lon - meridian) + width / 2
    if reach > _UTM_REACH_DEG or south < _UTM_LATITUDES[0] or north > _UTM_LATITUDES[1]:
        return CRS.from_proj4(f"+proj=laea +lat_0={lat:.4f} +lon_0={lon:.4f} +datum=WGS84 +units=m")
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def find_extent(
    lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Return west, south, east, north of places [degree]; what is not finite is left out.

    West is greater than east where the places lie more closely across the 180th meridian
    than across the one of Greenwich. Without a finite place all four are NaN.
    """
    known = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = lon[known], lat[known]
    if not len(lon):
        return (np.nan, np.nan, np.nan, np.nan)
    west, east = float(lon.min()), float(lon.max())
    turned = np.where(lon < 0, lon + 360.0, lon)
    if west >= -180 and east <= 180 and np.ptp(turned) < min(east - west, 180.0):
        west, east = (float(one) for one in (turned.min(), turned.max()))
        west, east = (one - 360.0 if one > 180.0 else one for one in (west, east))
    return (west, float(lat.min()), east, float(lat.max()))


def is_metric(crs: CRS | None) -> bool:
    """Tell whether a system measures true metres: projected, unit metre, not Mercator."""
    if crs is None or not crs.is_projected:
        return False
    if any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info[:2]):
        return False
    method = crs.coordinate_operation.method_name.lower() if crs.coordinate_operation else ""
    transverse = "transverse" in method or "oblique" in method
    return transverse or not any(name in method for name in _STRETCHED_METHODS)


def parse_crs(value: object) -> CRS:
    """Return the system that a text, EPSG number or CRS names.

    Raises
    ------
    CrsError
        If nothing is known by that name.
    """
    try:
        return CRS.from_user_input(value)
    except CRSError as error:
        message = f"CRS {value!r}: not known; give an EPSG code such as EPSG:32648."
        raise CrsError(message) from error


def to_metric(
    frame: GeoDataFrame, crs: object | None = None, *, layer: str = "layer"
) -> GeoDataFrame:
    """Return the frame in true metres.

    Parameters
    ----------
    frame
        Any layer that names its coordinate system.
    crs
        Projected system to use; by default the frame's own when it is in true metres,
        else the one `estimate_metric_crs` chooses.
    layer
        What the frame is, for the message; a file by its path.

    Raises
    ------
    CrsError
        If the frame names no system, or `crs` is not one in true metres.
    """
    if frame.crs is None:
        raise CrsError.unknown(layer)
    if crs is not None:
        target = parse_crs(crs)
        if not is_metric(target):
            raise CrsError.not_metric("--crs", target.to_string())
    elif is_metric(frame.crs):
        return frame.copy()
    else:
        corners = shapely.get_coordinates(frame.geometry.to_crs(WGS84).to_numpy())
        bounds = find_extent(corners[:, 0], corners[:, 1])
        if not np.isfinite(bounds).all():
            message = f"{layer}: holds no geometry, so no coordinate system can be chosen for it."
            raise GeometryError(message)
        target = estimate_metric_crs(bounds, layer=layer)
    return frame.to_crs(target)


def require_same_metric_crs(**layers: GeoDataFrame) -> CRS:
    """Return the system that all layers share.

    Raises
    ------
    CrsError
        If one is not in true metres or they differ; the message names the layers.
    """
    first_name, first = next(iter(layers.items()))
    for name, layer in layers.items():
        if not is_metric(layer.crs):
            raise CrsError.not_metric(name, layer.crs.to_string() if layer.crs else None)
        if layer.crs != first.crs:
            message = (
                f"{name}: CRS is {layer.crs.to_string()}, but {first_name} is in "
                f"{first.crs.to_string()}; bring both to one with to_crs()."
            )
            raise CrsError(message)
    return CRS(first.crs)


def require_unique(frame: pd.DataFrame, column: str) -> None:
    """Check that an identifier is there and never repeated.

    Raises
    ------
    TableError
        If the column is missing or a value appears twice; the message gives the first.
    """
    if column not in frame.columns:
        raise TableError.missing_columns("table", [column], [str(name) for name in frame.columns])
    repeated = frame[column][frame[column].duplicated()]
    if len(repeated):
        message = (
            f"{column}: {len(repeated)} repeated value(s), first {repeated.iloc[0]!r}; "
            "give every row its own."
        )
        raise TableError(message)
