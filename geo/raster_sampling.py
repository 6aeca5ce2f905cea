"""Values of a raster at places: any system, pixel, nodata and cover, read in blocks.

A raster is believed about where it lies (its transform and its coordinate system) and about
nothing else: not about a resolution named in its metadata. Outside it, and where it says
nodata, a value is unknown (NaN), which is never 0.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import Affine
from rasterio.windows import Window

from core.errors import CrsError, DataSourceError, GeometryError, MissingDataError
from geo.crs import WGS84, parse_crs

__all__ = ["ANY_VALUE", "Raster", "group_by_tile", "open_raster", "read_block", "sample_raster"]

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ANY_VALUE = (-math.inf, math.inf)
TILE = 1024  # pixels a side, read at once
CHUNK_POINTS = 2_000_000  # brought to the raster's system at once
PICTURE = {ColorInterp.red, ColorInterp.palette}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """A raster of one quantity, as far as sampling needs to know it.

    Attributes
    ----------
    path
        The file; its first band is used.
    crs, transform
        Where its pixels lie.
    width, height
        Pixels across and down.
    dtype
        Kind of number that is stored, as `uint8`.
    scale, offset
        A stored value times `scale` plus `offset` is the quantity.
    pixel_m
        The longer side of a pixel in the middle of the raster [m], from the transform.
    bounds_wgs84
        West, south, east, north [degree].
    """

    path: Path
    crs: CRS
    transform: Affine
    width: int
    height: int
    dtype: str
    scale: float
    offset: float
    pixel_m: float
    bounds_wgs84: tuple[float, float, float, float]


def open_raster(path: Path, *, crs: object | None = None) -> Raster:
    """Look at a raster without reading its values.

    Parameters
    ----------
    path
        Any single file that GDAL reads; best a GeoTIFF.
    crs
        System of its coordinates; only needed where the file does not name one.

    Raises
    ------
    MissingDataError
        If there is no such file.
    DataSourceError
        If it is no raster, or a picture instead of values.
    CrsError
        If it names no coordinate system and none is given.
    GeometryError
        If it does not say where its pixels lie.
    """
    if not path.is_file():
        message = f"{path}: no such file; check the path."
        raise MissingDataError(message)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                is_picture = source.colorinterp[0] in PICTURE
                named = source.crs.to_wkt() if source.crs else None
                transform = source.transform
                width, height = source.width, source.height
                scale, offset = source.scales[0], source.offsets[0]
                dtype = source.dtypes[0]
    except (RasterioError, OSError, IndexError) as error:
        reason = f"no raster that GDAL reads ({str(error).splitlines()[0]})"
        raise DataSourceError.unreadable(path, reason) from error
    if is_picture:
        reason = "it is a picture (bands of colour), not a raster of values"
        raise DataSourceError.unreadable(path, reason)
    if transform.is_identity or transform.determinant == 0:
        message = (
            f"{path}: does not say where its pixels lie (no geotransform); save it as a GeoTIFF "
            "with its position, or give the one it was cut from."
        )
        raise GeometryError(message)
    if named is None and crs is None:
        raise CrsError.unknown(str(path))
    system = parse_crs(named if crs is None else crs)
    return Raster(
        path=path,
        crs=system,
        transform=transform,
        width=width,
        height=height,
        dtype=str(dtype),
        scale=float(scale),
        offset=float(offset),
        pixel_m=_measure_pixel(system, transform, width, height),
        bounds_wgs84=_find_bounds(system, transform, width, height),
    )


def sample_raster(
    raster: Raster,
    xy: FloatArray,
    crs: CRS,
    *,
    bilinear: bool = True,
    valid: tuple[float, float] = ANY_VALUE,
) -> FloatArray:
    """Return the raster's value at points.

    Parameters
    ----------
    raster
        From `open_raster`.
    xy
        Points, shape (n, 2), in any order; those near each other are best given together.
    crs
        Their coordinate system.
    bilinear
        Interpolate between the centres of the four pixels around a point; else take the
        pixel it lies in.
    valid
        Lowest and highest value that can be true; others count as unknown.

    Returns
    -------
    values
        Shape (n,). NaN outside the raster, at nodata, and, interpolated, where one of the
        pixels that count is unknown: so within the outer half of the outermost pixels.

    Raises
    ------
    DataSourceError
        If the file is damaged.
    """
    values = np.full(len(xy), np.nan)
    to_raster = Transformer.from_crs(crs, raster.crs, always_xy=True)
    try:
        with rasterio.open(raster.path) as source:
            for start in range(0, len(xy), CHUNK_POINTS):
                part = slice(start, start + CHUNK_POINTS)
                spots = find_pixels(raster, *to_raster.transform(xy[part, 0], xy[part, 1]))
                values[part] = _sample_spots(source, raster, spots, bilinear, valid)
    except RasterioError as error:
        raise DataSourceError.unreadable(raster.path, f"damaged ({error})") from error
    return values


def find_pixels(raster: Raster, x: FloatArray, y: FloatArray) -> FloatArray:
    """Return column and row (0, 0 is the outer corner of the first pixel), shape (n, 2)."""
    inverse = ~raster.transform
    columns = inverse.a * x + inverse.b * y + inverse.c
    rows = inverse.d * x + inverse.e * y + inverse.f
    return np.column_stack([columns, rows])


def group_by_tile(spots: FloatArray, *, tile: int = TILE) -> Iterator[IntArray]:
    """Yield the positions of the places in each tile of pixels, tile by tile, row by row.

    `spots` are finite columns and rows, shape (n, 2).
    """
    column, row = np.floor_divide(spots, tile).astype(np.int64).T
    order = np.lexsort((column, row))
    is_new = (np.diff(column[order]) != 0) | (np.diff(row[order]) != 0)
    if len(order):
        yield from np.split(order, np.flatnonzero(is_new) + 1)


def read_block(
    source: rasterio.DatasetReader,
    raster: Raster,
    first: tuple[int, int],
    size: tuple[int, int],
    valid: tuple[float, float],
) -> FloatArray:
    """Read pixels from column and row `first` on, `size` (columns, rows) of them.

    What lies outside the raster, is nodata or not within `valid` is NaN.
    """
    block = np.full((size[1], size[0]), np.nan)
    left, top = max(first[0], 0), max(first[1], 0)
    right = min(first[0] + size[0], raster.width)
    bottom = min(first[1] + size[1], raster.height)
    if right <= left or bottom <= top:
        return block
    stored = source.read(1, window=Window(left, top, right - left, bottom - top), masked=True)
    known = stored.astype(np.float64).filled(np.nan) * raster.scale + raster.offset
    with np.errstate(invalid="ignore"):
        known[~((known >= valid[0]) & (known <= valid[1]) & np.isfinite(known))] = np.nan
    rows = slice(top - first[1], bottom - first[1])
    block[rows, left - first[0] : right - first[0]] = known
    return block


def _sample_spots(
    source: rasterio.DatasetReader,
    raster: Raster,
    spots: FloatArray,
    bilinear: bool,
    valid: tuple[float, float],
) -> FloatArray:
    values = np.full(len(spots), np.nan)
    with np.errstate(invalid="ignore"):
        is_inside = (spots >= 0).all(axis=1) & (spots <= (raster.width, raster.height)).all(axis=1)
    inside = np.flatnonzero(is_inside)
    corner = spots[inside] - 0.5 if bilinear else spots[inside]
    last = np.array([raster.width, raster.height]) - 1
    base = np.floor(corner)
    base = np.clip(base, -1, last) if bilinear else np.minimum(base, last)
    share = corner - base
    for group in group_by_tile(base):
        at = base[group].astype(np.int64)
        low = at.min(axis=0)
        size = at.max(axis=0) - low + 2
        block = read_block(source, raster, (low[0], low[1]), (size[0], size[1]), valid)
        column, row = (at - low).T
        if not bilinear:
            values[inside[group]] = block[row, column]
            continue
        right, down = share[group].T
        total = np.zeros(len(group))
        for step_x, step_y, weight in (
            (0, 0, (1 - right) * (1 - down)),
            (1, 0, right * (1 - down)),
            (0, 1, (1 - right) * down),
            (1, 1, right * down),
        ):
            found = block[row + step_y, column + step_x]
            total += np.where(weight > 0, weight * found, 0.0)
        values[inside[group]] = total
    return values


def _measure_pixel(crs: CRS, transform: Affine, width: int, height: int) -> float:
    """Return the longer side of the middle pixel [m]."""
    column, row = width / 2, height / 2
    corners = [transform * spot for spot in ((column, row), (column + 1, row), (column, row + 1))]
    x, y = np.array(corners).T
    lon, lat = Transformer.from_crs(crs, WGS84, always_xy=True).transform(x, y)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        message = (
            f"raster: its middle ({x[0]:g}, {y[0]:g}) lies nowhere in {crs.to_string()}; "
            "check its coordinate system."
        )
        raise CrsError(message)
    ellipsoid = Geod(ellps="WGS84")
    sides = [ellipsoid.inv(lon[0], lat[0], lon[i], lat[i])[2] for i in (1, 2)]
    return float(max(sides))


def _find_bounds(
    crs: CRS, transform: Affine, width: int, height: int
) -> tuple[float, float, float, float]:
    corners = [transform * spot for spot in ((0, 0), (width, 0), (0, height), (width, height))]
    x, y = np.array(corners).T
    to_wgs84 = Transformer.from_crs(crs, WGS84, always_xy=True)
    west, south, east, north = to_wgs84.transform_bounds(x.min(), y.min(), x.max(), y.max())
    return float(west), float(south), float(east), float(north)
