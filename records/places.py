"""Read coordinates as they were written, and say what is amiss with them.

Nothing is repaired silently: coordinates that cannot be a place become missing, and the
note keeps what was written. So do those that are a place, but far from all else that is
known of the area, while the same numbers exchanged or with another sign lie within it: a
person has to look at them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

from core.errors import ConfigError, InputError
from records.coordinates_text import read_axis, read_pair
from records.values import Column, is_filled, no_problem, parse_number

__all__ = ["Bounds", "is_far_from", "read_places", "require_bounds"]

Bounds: TypeAlias = tuple[float, float, float, float]  # west, south, east, north [degree]
FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]

WGS84 = 4326
DECIMALS = 7  # of a degree: about a centimetre
METRE_DEGREES = 1e-5
MARGIN = 0.05  # degrees around the given bounds
FEWEST_ROWS = 50  # that can say where the others are
MOST_SHARE = 0.9  # of the rows that must lie together, for the rest to be far away
EASTINGS, NORTHINGS = (100_000.0, 900_000.0), (1.0, 10_000_000.0)  # of UTM [m]
MOST_ZONES = 4

FAR_DEGREES = 0.09  # of latitude: about 10 km
SWAPPED = "latitude and longitude look swapped"
SIGN_LOST = "a sign looks lost"
METRES = "coordinates look like metres, not degrees; name their crs in the mapping"


def read_places(
    lon_text: Column, lat_text: Column, *, decimal: str, crs: int, near: Bounds | None = None
) -> pd.DataFrame:
    """Read pairs of coordinates.

    Parameters
    ----------
    lon_text, lat_text
        Longitude (or easting) and latitude (or northing) as written, equal index. A cell
        may hold both when the other is empty or the same; see `records.coordinates_text`.
    decimal
        Decimal mark.
    crs
        EPSG code of plain numbers; degrees with marks and UTM texts speak for themselves.
    near
        Bounds of the study area; without, those of the bulk of the rows are taken, when
        there are at least 50 and nine in ten lie together.

    Returns
    -------
    places
        `lon`, `lat` [degrees, WGS84], both missing or neither; `place_note`: missing when
        all is well, else `what: as written`; `step`: the size of the last digit written,
        of the finer coordinate [degree].

    Raises
    ------
    ConfigError
        If the EPSG code is not known.
    InputError
        If `near` is no box of degrees.
    """
    box = None if near is None else require_bounds(near)
    lon_text, lat_text = lon_text.fillna(""), lat_text.fillna("")
    has_lon, has_lat = is_filled(lon_text), is_filled(lat_text)
    x, y, step, is_pair = _read_pairs(lon_text, lat_text, has_lon, has_lat, decimal)
    is_other_axis = np.zeros(len(x), dtype=bool)
    rows = np.flatnonzero(~is_pair)
    read = _read_columns(lon_text.iloc[rows], lat_text.iloc[rows], decimal, crs)
    x[rows], y[rows], step[rows], is_other_axis[rows] = read
    written = ": " + lat_text.str.slice(0, 40) + ", " + lon_text.str.slice(0, 40)
    said = _Notes(no_problem(lon_text), written)
    said.add(~has_lon & ~has_lat, "coordinates missing", is_quoted=False)
    said.add((has_lon != has_lat) & ~is_pair, "one coordinate missing")
    said.add(np.isnan(x) | np.isnan(y), "coordinates not readable")
    said.add((x == 0) & (y == 0), "coordinates are zero", is_quoted=False)
    said.add((x == 0) | (y == 0), "one coordinate is zero")
    said.add(is_other_axis, SWAPPED)
    if crs == WGS84:
        _note_metres(said, x, y, box)
        lon, lat = x, y
    else:
        in_zone = _to_wgs84(x, y, crs)
        lon, lat = np.where(is_pair, x, in_zone[0]), np.where(is_pair, y, in_zone[1])
    is_outside = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    said.add(is_outside & (np.abs(lon) <= 90) & (np.abs(lat) <= 180), SWAPPED)
    said.add(is_outside, "coordinates are not on Earth")
    _note_far(said, (lon, lat), (x, y), crs, is_pair, box)
    is_good = said.note.isna().to_numpy()
    return pd.DataFrame(
        {
            "lon": np.where(is_good, lon, np.nan).round(DECIMALS),
            "lat": np.where(is_good, lat, np.nan).round(DECIMALS),
            "place_note": said.note,
            "step": np.where(is_good, step, np.nan),
        },
        index=lon_text.index,
    )


def require_bounds(near: Bounds) -> Bounds:
    """Return bounds widened by a margin, if they are a box of degrees.

    Raises
    ------
    InputError
        If they are not.
    """
    west, south, east, north = near
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        message = f"near: {near} is no box; give west, south, east, north in degrees."
        raise InputError(message)
    return west - MARGIN, south - MARGIN, east + MARGIN, north + MARGIN


def is_far_from(lon: Column, lat: Column, near: Bounds) -> Column:
    """Tell which places lie more than about 10 km beyond a box; a missing place does not.

    Parameters
    ----------
    lon, lat
        Places [degrees, WGS84], equal index.
    near
        West, south, east, north [degrees].
    """
    west, south, east, north = near
    widest = np.cos(np.radians(min(89.0, max(abs(south), abs(north)))))
    by = FAR_DEGREES / widest
    box = (west - by, south - FAR_DEGREES, east + by, north + FAR_DEGREES)
    is_within = _is_within(lon.to_numpy(np.float64), lat.to_numpy(np.float64), box)
    return lon.notna() & ~is_within


class _Notes:
    """What is amiss with each row; the first thing said stays."""

    def __init__(self, note: Column, written: Column) -> None:
        self.note, self.written = note, written

    @property
    def is_open(self) -> BoolArray:
        """Rows of which nothing is said yet."""
        return self.note.isna().to_numpy()

    def add(self, holds: BoolArray | Column, text: str, *, is_quoted: bool = True) -> None:
        """Say it of the rows for which it holds."""
        rows = np.flatnonzero(self.is_open & np.asarray(holds, dtype=bool))
        if len(rows):
            self.note.iloc[rows] = text + self.written.iloc[rows] if is_quoted else text


def _read_columns(
    lon_text: Column, lat_text: Column, decimal: str, crs: int
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Read a column for each coordinate; tell where a letter names the other axis."""
    if crs != WGS84:
        x = parse_number(lon_text, decimal=decimal).values.to_numpy(np.float64, copy=True)
        y = parse_number(lat_text, decimal=decimal).values.to_numpy(np.float64, copy=True)
        is_round = (x % 100 == 0) & (y % 100 == 0)
        is_degrees = (np.abs(x) <= 360) & (np.abs(y) <= 360)
        step = METRE_DEGREES * np.where(is_round & ~is_degrees, 100.0, 1.0)
        return x, y, step, np.zeros(len(x), dtype=bool)
    lon, lat = read_axis(lon_text, decimal=decimal), read_axis(lat_text, decimal=decimal)
    is_other = (lon.axis == "lat") | (lat.axis == "lon")
    return lon.values, lat.values, np.fmin(lon.step, lat.step), is_other


def _read_pairs(
    lon_text: Column, lat_text: Column, has_lon: Column, has_lat: Column, decimal: str
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Read cells that hold both coordinates; tell which do."""
    x, y, step = np.full((3, len(lon_text)), np.nan)
    is_pair = np.zeros(len(x), dtype=bool)
    is_same = has_lon & has_lat & (lon_text == lat_text)
    rows = np.flatnonzero((is_same | (has_lon != has_lat)).to_numpy(dtype=bool))
    if len(rows):
        text = lat_text.iloc[rows].where(has_lat.iloc[rows], lon_text.iloc[rows])
        x[rows], y[rows], step[rows] = read_pair(text, decimal=decimal).to_numpy().T
        is_pair[rows] = ~np.isnan(x[rows])
    return x, y, step, is_pair


def _is_within(lon: FloatArray, lat: FloatArray, box: Bounds) -> BoolArray:
    west, south, east, north = box
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def _note_metres(said: _Notes, x: FloatArray, y: FloatArray, box: Bounds | None) -> None:
    """Note UTM metres in columns of degrees, with the zone in which they would fit."""
    rows = np.flatnonzero(said.is_open & ((np.abs(x) > 360) | (np.abs(y) > 360)))
    if not len(rows):
        return
    holds = np.zeros(len(x), dtype=bool)
    ways = ((x[rows], y[rows], ""), (y[rows], x[rows], " with the axes exchanged"))
    if box is not None:
        for code in _list_utm_codes(box):
            for east, north, how in ways:
                is_metric = _is_metric(east, north)
                holds[:] = False
                holds[rows] = is_metric & _is_within(*_to_wgs84(east, north, code), box)
                said.add(holds, f"{METRES} (EPSG {code} fits the area{how})")
    holds[:] = False
    holds[rows] = np.logical_or(*(_is_metric(east, north) for east, north, _ in ways))
    said.add(holds, METRES)


def _is_metric(east: FloatArray, north: FloatArray) -> BoolArray:
    is_east = (east >= EASTINGS[0]) & (east <= EASTINGS[1])
    return is_east & (north >= NORTHINGS[0]) & (north <= NORTHINGS[1])


def _list_utm_codes(box: Bounds) -> list[int]:
    """Return the EPSG codes of the UTM zones of an area, none when it spans many."""
    west, south, east, north = box
    zones = range(int((west + 180) // 6) + 1, min(60, int((east + 180) // 6) + 1) + 1)
    if len(zones) > MOST_ZONES:
        return []
    bases = [32600] * (north > 0) + [32700] * (south < 0)
    return [base + zone for zone in zones for base in bases]


def _note_far(
    said: _Notes,
    place: tuple[FloatArray, FloatArray],
    written: tuple[FloatArray, FloatArray],
    crs: int,
    is_pair: BoolArray,
    box: Bounds | None,
) -> None:
    """Note places far from all else that would be near with axes or a sign changed."""
    lon, lat = place
    box = _find_bulk(lon, lat, said.is_open) if box is None else box
    if box is None:
        return
    rows = np.flatnonzero(said.is_open & ~_is_within(lon, lat, box))
    if not len(rows):
        return
    east, north = lon[rows], lat[rows]
    swapped = north, east
    if crs != WGS84:
        in_metres = _to_wgs84(written[1][rows], written[0][rows], crs)
        swapped = (
            np.where(is_pair[rows], north, in_metres[0]),
            np.where(is_pair[rows], east, in_metres[1]),
        )
    holds = np.zeros(len(lon), dtype=bool)
    holds[rows] = _is_within(*swapped, box)
    said.add(holds, SWAPPED)
    holds[:] = False
    signs = ((-east, north), (east, -north), (-east, -north))
    holds[rows] = np.logical_or.reduce([_is_within(*one, box) for one in signs])
    said.add(holds, SIGN_LOST)


def _find_bulk(lon: FloatArray, lat: FloatArray, is_good: BoolArray) -> Bounds | None:
    """Return generous bounds of where most rows lie, None when they do not lie together."""
    lon, lat = lon[is_good], lat[is_good]
    if len(lon) < FEWEST_ROWS:
        return None
    west, east = np.quantile(lon, [0.05, 0.95])
    south, north = np.quantile(lat, [0.05, 0.95])
    wide, high = max(1.0, east - west), max(1.0, north - south)
    box = (float(west - wide), float(south - high), float(east + wide), float(north + high))
    return box if _is_within(lon, lat, box).mean() >= MOST_SHARE else None


def _to_wgs84(x: FloatArray, y: FloatArray, crs: int) -> tuple[FloatArray, FloatArray]:
    try:
        transformer = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)
    except CRSError as error:
        message = f"crs: EPSG:{crs} is not known; give the code of the file's coordinates."
        raise ConfigError(message) from error
    lon, lat = transformer.transform(x, y)
    is_finite = np.isfinite(lon) & np.isfinite(lat)
    return np.where(is_finite, lon, np.nan), np.where(is_finite, lat, np.nan)
