"""Read coordinates as they were written, and say what is amiss with them.

Nothing is repaired silently: coordinates that cannot be a place become missing, and the
note keeps what was written.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyproj
from pyproj.exceptions import CRSError

from core.errors import ConfigError
from records.values import Column, is_filled, no_problem, parse_number

__all__ = ["read_places"]

WGS84 = 4326
DECIMALS = 7  # of a degree: about a centimetre


def read_places(lon_text: Column, lat_text: Column, *, decimal: str, crs: int) -> pd.DataFrame:
    """Read pairs of coordinates.

    Parameters
    ----------
    lon_text, lat_text
        Longitude (or easting) and latitude (or northing) as written, equal index.
    decimal
        Decimal mark.
    crs
        EPSG code of what is written.

    Returns
    -------
    places
        `lon`, `lat` [degrees, WGS84], both missing or neither, and `place_note`: missing
        when all is well, else `what: as written`.

    Raises
    ------
    ConfigError
        If the EPSG code is not known.
    """
    has_lon, has_lat = is_filled(lon_text), is_filled(lat_text)
    x, x_problem = parse_number(lon_text, decimal=decimal)
    y, y_problem = parse_number(lat_text, decimal=decimal)
    note = no_problem(lon_text)
    written = (
        ": " + lat_text.fillna("").str.slice(0, 40) + ", " + lon_text.fillna("").str.slice(0, 40)
    )
    note = note.mask(~has_lon & ~has_lat, "coordinates missing")
    note = note.mask(has_lon != has_lat, "one coordinate missing" + written)
    unreadable = x_problem.notna() | y_problem.notna()
    note = note.mask(note.isna() & unreadable, "coordinates not readable" + written)
    note = note.mask(note.isna() & (x == 0) & (y == 0), "coordinates are zero")
    note = note.mask(note.isna() & ((x == 0) | (y == 0)), "one coordinate is zero" + written)
    if crs != WGS84:
        x, y = _to_wgs84(x, y, crs)
    outside = ~(x.abs().le(180) & y.abs().le(90))
    swapped = outside & x.abs().le(90) & y.abs().le(180)
    note = note.mask(note.isna() & swapped, "latitude and longitude look swapped" + written)
    note = note.mask(note.isna() & outside, "coordinates are not on Earth" + written)
    good = note.isna()
    return pd.DataFrame(
        {
            "lon": x.where(good).round(DECIMALS),
            "lat": y.where(good).round(DECIMALS),
            "place_note": note,
        }
    )


def _to_wgs84(x: Column, y: Column, crs: int) -> tuple[Column, Column]:
    try:
        transformer = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)
    except CRSError as error:
        message = f"crs: EPSG:{crs} is not known; give the code of the file's coordinates."
        raise ConfigError(message) from error
    lon, lat = transformer.transform(x.to_numpy(), y.to_numpy())
    finite = np.isfinite(lon) & np.isfinite(lat)
    return (
        pd.Series(np.where(finite, lon, np.nan), index=x.index),
        pd.Series(np.where(finite, lat, np.nan), index=y.index),
    )
