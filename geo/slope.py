"""How steep roads are, from a relief raster along them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from core.errors import InputError
from core.progress import Progress, no_progress
from geo.crs import require_same_metric_crs
from geo.linear import Polylines, flatten_lines, interpolate_points
from geo.raster_sampling import TILE, Raster, find_pixels, sample_raster

__all__ = ["MIN_KNOWN_SHARE", "Slopes", "measure_slopes"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK_STEPS = 2_000_000  # walked at once
MIN_KNOWN_SHARE = 0.5  # of a segment's places; with less of it known, the segment is unknown
ON_LAND_M = (-450.0, 9000.0)  # lowest shore to highest mountain; voids lie outside
BYTE_FULL = 255  # what a raster of bytes says of all that is higher
LOOP_SHARE = 0.5  # a line whose ends are closer than this times its length has no direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Slopes:
    """Grades of lines and what they were measured over.

    Attributes
    ----------
    table
        Same rows and index as the lines: `elevation_m`, the mean along the line;
        `mean_grade_pct` and `max_grade_pct`, of the grades between places `smoothing_m`
        apart, without sign. NaN where the relief is unknown over more than half of it.
    step_m
        Longest step in which lines were walked [m].
    smoothing_m
        Distance over which a grade was taken [m], to within half a step.
    """

    table: pd.DataFrame
    step_m: float
    smoothing_m: float


def measure_slopes(
    lines: gpd.GeoDataFrame,
    relief: Raster,
    *,
    step_m: float = 25.0,
    smoothing_m: float = 100.0,
    progress: Progress = no_progress,
) -> Slopes:
    """Measure how steep lines are.

    Parameters
    ----------
    lines
        `geometry` (LineString in metres), such as a network's segments.
    relief
        Elevation [m], from `geo.raster_sampling.open_raster`.
    step_m
        Each line is walked in equal steps of at most this length [m], or of a pixel
        where pixels are larger.
    smoothing_m
        A grade is taken between places this far apart along the line [m], or a pixel's
        length where pixels are larger: closer together, the relief's error is all one sees.
    progress
        Called with the lines done.

    Returns
    -------
    slopes
        The table, and the step and distance that were used.

    Raises
    ------
    CrsError
        If the lines are not in metres.
    GeometryError
        If a geometry is not a single line.
    InputError
        If a length is not positive.
    DataSourceError
        If the raster is damaged.

    Notes
    -----
    A line shorter than `smoothing_m` is lengthened straight on, alike at both ends, and so
    has one grade; one that comes back to near its start is measured between its ends as it is.
    In a raster of bytes 255 m means "255 m or more", and counts as unknown.
    """
    for name, value in (("step_m", step_m), ("smoothing_m", smoothing_m)):
        if not (np.isfinite(value) and value > 0):
            message = f"{name}: {value} is not a length; give metres above 0."
            raise InputError(message)
    crs = require_same_metric_crs(lines=lines)
    flat = flatten_lines(lines.geometry, layer="lines")
    step_m, smoothing_m = max(step_m, relief.pixel_m), max(smoothing_m, relief.pixel_m)
    n_steps = np.maximum(np.ceil(flat.length / step_m - 1e-9).astype(np.int64), 1)
    values = np.full((len(lines), 3), np.nan)
    n_done = 0
    for chosen in _split(flat, n_steps, relief, crs):
        values[chosen] = _measure(flat, chosen, n_steps[chosen], relief, crs, smoothing_m)
        n_done += len(chosen)
        progress(n_done, len(lines), "measuring slopes")
    names = ["elevation_m", "mean_grade_pct", "max_grade_pct"]
    table = pd.DataFrame(values, index=lines.index, columns=names)
    return Slopes(table=table, step_m=step_m, smoothing_m=smoothing_m)


def _split(flat: Polylines, n_steps: IntArray, relief: Raster, crs: CRS) -> Iterator[IntArray]:
    """Yield positions of lines, those of one tile of the raster together."""
    start = flat.xy[flat.first[:-1]]
    to_raster = Transformer.from_crs(crs, relief.crs, always_xy=True)
    spots = find_pixels(relief, *to_raster.transform(start[:, 0], start[:, 1]))
    tile = np.floor_divide(np.nan_to_num(spots, posinf=-TILE, neginf=-TILE), TILE)
    order = np.lexsort((tile[:, 0], tile[:, 1])).astype(np.int64)
    group = np.cumsum(n_steps[order]) // CHUNK_STEPS
    if len(order):
        yield from np.split(order, np.flatnonzero(np.diff(group)) + 1)


def _measure(
    flat: Polylines,
    chosen: IntArray,
    n_steps: IntArray,
    relief: Raster,
    crs: CRS,
    smoothing_m: float,
) -> FloatArray:
    """Walk some lines; return a row of elevation, mean and greatest grade for each."""
    highest = (BYTE_FULL - 0.5) * relief.scale + relief.offset
    valid = (ON_LAND_M[0], highest if relief.dtype == "uint8" else ON_LAND_M[1])
    length = flat.length[chosen]
    step = length / n_steps
    first = np.concatenate([[0], np.cumsum(n_steps + 1)])
    owner = np.repeat(np.arange(len(chosen)), n_steps + 1)
    along = (np.arange(first[-1]) - first[owner]) * step[owner]
    xy = interpolate_points(flat, chosen[owner], along)
    height = sample_raster(relief, xy, crs, valid=valid)
    elevation = _mean_of_known(height, first[:-1], n_steps + 1)

    # between a place and the one `reach` steps on
    reach = np.ones(len(chosen), dtype=np.int64)
    has_length = length > 0
    reach[has_length] = np.rint(smoothing_m / step[has_length]).astype(np.int64)
    reach = np.clip(reach, 1, n_steps)
    rank = np.arange(first[-1]) - first[owner]
    is_start = rank + reach[owner] <= n_steps[owner]
    at = np.flatnonzero(is_start)
    rise = np.abs(height[at + reach[owner[at]]] - height[at])
    run = (reach * step)[owner[at]]
    n_grades = n_steps - reach + 1
    begin = np.concatenate([[0], np.cumsum(n_grades)])[:-1]

    ends = xy[first[1:] - 1] - xy[first[:-1]]
    gap = np.hypot(*ends.T)
    is_short = (length < smoothing_m) & has_length & (gap > LOOP_SHARE * length)
    if is_short.any():
        beyond = (
            ends[is_short]
            * ((smoothing_m - length) / 2 / np.where(gap > 0, gap, 1))[is_short, None]
        )
        outer = np.concatenate(
            [xy[first[:-1]][is_short] - beyond, xy[first[1:] - 1][is_short] + beyond]
        )
        low, high = np.split(sample_raster(relief, outer, crs, valid=valid), 2)
        rise[begin[is_short]] = np.abs(high - low)
        run[begin[is_short]] = smoothing_m
    grade = np.full(len(run), np.nan)
    np.divide(100 * rise, run, out=grade, where=run > 0)
    mean = _mean_of_known(grade, begin, n_grades)
    greatest = np.maximum.reduceat(np.where(np.isnan(grade), -1.0, grade), begin)
    greatest[np.isnan(mean)] = np.nan
    return np.column_stack([elevation, mean, greatest])


def _mean_of_known(values: FloatArray, begin: IntArray, count: IntArray) -> FloatArray:
    """Mean of each run of values; NaN where fewer than half of a run are known."""
    is_known = ~np.isnan(values)
    n_known = np.add.reduceat(is_known.astype(np.int64), begin)
    total = np.add.reduceat(np.where(is_known, values, 0.0), begin)
    mean = np.full(len(begin), np.nan)
    enough = (n_known > 0) & (n_known >= MIN_KNOWN_SHARE * count)
    np.divide(total, n_known, out=mean, where=enough)
    return mean
