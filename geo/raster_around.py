"""Means of a raster within a distance of lines: people, light."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError

from core.errors import DataSourceError, InputError
from core.jit import compiled
from core.progress import Progress, no_progress
from core.units import M_PER_KM
from geo.crs import require_same_metric_crs
from geo.linear import Polylines, flatten_lines, interpolate_points
from geo.raster_sampling import ANY_VALUE, Raster, find_pixels, group_by_tile, read_block

__all__ = ["measure_around"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MIN_KNOWN_SHARE = 0.5  # of the pixels around a line; with fewer known, it is unknown
TILE = 512  # lines whose middles lie in one tile are measured together


def measure_around(
    lines: gpd.GeoDataFrame,
    raster: Raster,
    *,
    distance_m: float,
    is_count: bool = False,
    valid: tuple[float, float] = ANY_VALUE,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """Mean and greatest value of a raster within a distance of each line.

    Parameters
    ----------
    lines
        `geometry` (LineString in metres), such as a network's segments: at most some
        kilometres long, as the pixels around one are all read at once.
    raster
        From `geo.raster_sampling.open_raster`.
    distance_m
        Pixels whose centre lies this close to the line take part [m]; where there is none,
        the pixel of the line's middle does.
    is_count
        Whether a pixel holds how many there are on it (people) instead of how much there
        is everywhere on it (radiance, people per km2). A count is divided by the pixel's
        area, so that the result is per square kilometre.
    valid
        Lowest and highest stored value that can be true; others count as unknown.
    progress
        Called with the lines done.

    Returns
    -------
    around
        Same rows and index: `mean`, `max` (NaN where fewer than half of the pixels are
        known) and `known_share` of the pixels.

    Raises
    ------
    CrsError
        If the lines are not in metres.
    GeometryError
        If a geometry is not a single line.
    InputError
        If the distance is not positive.
    DataSourceError
        If the raster is damaged.
    """
    if not (np.isfinite(distance_m) and distance_m > 0):
        message = f"distance_m: {distance_m} is not a distance; give metres above 0."
        raise InputError(message)
    crs = require_same_metric_crs(lines=lines)
    flat = flatten_lines(lines.geometry, layer="lines")
    spot, origin, steps = _find_grids(flat, raster, crs, distance_m)
    values = np.full((len(lines), 3), np.nan)
    values[:, 2] = 0.0
    usable = np.flatnonzero(np.isfinite(spot).all(axis=1) & np.isfinite(steps).all(axis=1))
    n_done = 0
    try:
        with rasterio.open(raster.path) as source:
            for group in group_by_tile(spot[usable], tile=TILE):
                chosen = usable[group]
                boxes = _find_boxes(flat, chosen, spot, origin, steps, distance_m)
                first = np.maximum(boxes[:, :2].min(axis=0), 0)
                last = np.minimum(boxes[:, 2:].max(axis=0) + 1, (raster.width, raster.height))
                size = np.maximum(last - first, 1)
                block = read_block(source, raster, (first[0], first[1]), (size[0], size[1]), valid)
                values[chosen] = _summarise(
                    block,
                    first,
                    boxes,
                    flat.xy,
                    flat.first,
                    chosen,
                    spot,
                    origin,
                    steps,
                    distance_m,
                )
                n_done += len(chosen)
                progress(n_done, len(lines), "measuring around roads")
    except RasterioError as error:
        raise DataSourceError.unreadable(raster.path, f"damaged ({error})") from error
    if is_count:
        area_km2 = np.abs(steps[:, 0] * steps[:, 3] - steps[:, 1] * steps[:, 2]) / M_PER_KM**2
        values[:, :2] /= area_km2[:, None]
    return pd.DataFrame(values, index=lines.index, columns=["mean", "max", "known_share"])


def _find_grids(
    flat: Polylines, raster: Raster, crs: CRS, distance_m: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Describe the raster's grid around each line's middle in the lines' own metres.

    Over a few kilometres a grid in another system is a slanted one of equal cells, to well
    under a metre. Returns the middle's column and row; its x, y; and how x and y change
    with the column and with the row, shape (n, 4).
    """
    every = np.arange(len(flat.length))
    origin = interpolate_points(flat, every, flat.length / 2)
    to_raster = Transformer.from_crs(crs, raster.crs, always_xy=True)
    from_raster = Transformer.from_crs(raster.crs, crs, always_xy=True)
    spot = find_pixels(raster, *to_raster.transform(origin[:, 0], origin[:, 1]))
    reach = max(1, math.ceil(distance_m / raster.pixel_m))
    steps = np.empty((len(every), 4))
    for at, (column, row) in ((0, (reach, 0)), (2, (0, reach))):
        x, y = raster.transform * (spot[:, 0] + column, spot[:, 1] + row)
        x, y = from_raster.transform(x, y)
        steps[:, at] = (x - origin[:, 0]) / reach
        steps[:, at + 1] = (y - origin[:, 1]) / reach
    return spot, origin, steps


def _find_boxes(
    flat: Polylines,
    chosen: IntArray,
    spot: FloatArray,
    origin: FloatArray,
    steps: FloatArray,
    distance_m: float,
) -> IntArray:
    """First and last column and row that can lie within the distance of each line."""
    bounds = _bound_lines(flat.xy, flat.first, chosen)
    low = bounds[:, :2] - distance_m - origin[chosen]
    high = bounds[:, 2:] + distance_m - origin[chosen]
    a, c, b, d = steps[chosen].T  # x = a*column + b*row, y = c*column + d*row
    scale = a * d - b * c
    corners_x = np.stack([low[:, 0], high[:, 0], low[:, 0], high[:, 0]])
    corners_y = np.stack([low[:, 1], low[:, 1], high[:, 1], high[:, 1]])
    columns = (d * corners_x - b * corners_y) / scale + spot[chosen, 0]
    rows = (a * corners_y - c * corners_x) / scale + spot[chosen, 1]
    least = np.floor(np.stack([columns.min(axis=0), rows.min(axis=0)], axis=1))
    most = np.floor(np.stack([columns.max(axis=0), rows.max(axis=0)], axis=1))
    return np.hstack([least, most]).astype(np.int64)


@compiled
def _bound_lines(xy: FloatArray, first: IntArray, chosen: IntArray) -> FloatArray:
    """Return west, south, east, north of some lines."""
    bounds = np.empty((len(chosen), 4))
    for i in range(len(chosen)):
        line = chosen[i]
        start = first[line]
        bounds[i, 0], bounds[i, 1] = xy[start, 0], xy[start, 1]
        bounds[i, 2], bounds[i, 3] = xy[start, 0], xy[start, 1]
        for vertex in range(start + 1, first[line + 1]):
            for axis in range(2):
                bounds[i, axis] = min(bounds[i, axis], xy[vertex, axis])
                bounds[i, axis + 2] = max(bounds[i, axis + 2], xy[vertex, axis])
    return bounds


@compiled
def _is_near(xy: FloatArray, start: int, end: int, x: float, y: float, square_limit: float) -> bool:
    """Tell whether a point lies within a distance of a line."""
    for vertex in range(start, end - 1):
        x0, y0 = xy[vertex, 0], xy[vertex, 1]
        dx, dy = xy[vertex + 1, 0] - x0, xy[vertex + 1, 1] - y0
        square = dx * dx + dy * dy
        share = 0.0
        if square > 0.0:
            share = min(max(((x - x0) * dx + (y - y0) * dy) / square, 0.0), 1.0)
        away_x, away_y = x - x0 - share * dx, y - y0 - share * dy
        if away_x * away_x + away_y * away_y <= square_limit:
            return True
    return False


@compiled
def _summarise(
    block: FloatArray,
    corner: IntArray,
    boxes: IntArray,
    xy: FloatArray,
    first: IntArray,
    chosen: IntArray,
    spot: FloatArray,
    origin: FloatArray,
    steps: FloatArray,
    distance_m: float,
) -> FloatArray:
    """Mean, greatest value and known share of the pixels around some lines."""
    result = np.full((len(chosen), 3), np.nan)
    n_rows, n_columns = block.shape
    for i in range(len(chosen)):
        line = chosen[i]
        n_near, n_known, total, greatest = 0, 0, 0.0, -np.inf
        for row in range(boxes[i, 1], boxes[i, 3] + 1):
            for column in range(boxes[i, 0], boxes[i, 2] + 1):
                right = column + 0.5 - spot[line, 0]
                down = row + 0.5 - spot[line, 1]
                x = origin[line, 0] + steps[line, 0] * right + steps[line, 2] * down
                y = origin[line, 1] + steps[line, 1] * right + steps[line, 3] * down
                if not _is_near(xy, first[line], first[line + 1], x, y, distance_m * distance_m):
                    continue
                n_near += 1
                at_row, at_column = row - corner[1], column - corner[0]
                if 0 <= at_row < n_rows and 0 <= at_column < n_columns:
                    value = block[at_row, at_column]
                    if not np.isnan(value):
                        n_known += 1
                        total += value
                        greatest = max(greatest, value)
        if n_near == 0:  # pixels larger than what is around: that of the middle
            n_near = 1
            at_row = int(np.floor(spot[line, 1])) - corner[1]
            at_column = int(np.floor(spot[line, 0])) - corner[0]
            if 0 <= at_row < n_rows and 0 <= at_column < n_columns:
                value = block[at_row, at_column]
                if not np.isnan(value):
                    n_known, total, greatest = 1, value, value
        result[i, 2] = n_known / n_near
        if n_known > 0 and n_known >= MIN_KNOWN_SHARE * n_near:
            result[i, 0], result[i, 1] = total / n_known, greatest
    return result
