"""Rasters written from road data, for those who work with grids."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_origin

from core.errors import GeometryError
from geo.crs import require_same_metric_crs

__all__ = ["write_line_raster"]

MAX_CELLS = 25_000_000
NODATA = -1.0
BLOCK_LINES = 100_000  # handed over at once: their GeoJSON takes far more memory than they do


def write_line_raster(
    lines: gpd.GeoDataFrame, column: str, path: Path, *, cell_m: float, description: str
) -> float:
    """Burn a value along lines into a GeoTIFF; the highest wins where lines share a cell.

    Parameters
    ----------
    lines
        LineStrings in a metric CRS.
    column
        Numeric column to burn, >= 0; missing values burn nothing.
    path
        The GeoTIFF (float32, tiled, deflate; -1 means no road).
    cell_m
        Size of a cell [m]; made larger when the grid would pass 25 million cells.
    description
        What the values are, with their unit; kept in the file.

    Returns
    -------
    float
        The size of a cell that was used [m].

    Raises
    ------
    CrsError
        If the layer is not in projected metres.
    GeometryError
        If there is no line with a value.
    """
    require_same_metric_crs(lines=lines)
    valued = lines[lines[column].notna() & ~lines.geometry.is_empty].sort_values(column)
    if valued.empty:
        message = f"raster of {column!r}: none of {len(lines)} lines has a value; nothing to write."
        raise GeometryError(message)
    west, south, east, north = valued.total_bounds
    area_m2 = (east - west + cell_m) * (north - south + cell_m)
    cell_m = max(cell_m, math.sqrt(area_m2 / MAX_CELLS))
    width = math.floor((east - west) / cell_m) + 1
    height = math.floor((north - south) / cell_m) + 1
    transform = from_origin(west, north, cell_m, cell_m)
    grid = np.full((height, width), NODATA, dtype=np.float32)
    for start in range(0, len(valued), BLOCK_LINES):
        block = valued.iloc[start : start + BLOCK_LINES]
        shapes = zip(_write_geojson(block.geometry.to_numpy()), block[column], strict=True)
        rasterize(shapes, out=grid, transform=transform, all_touched=True)
    profile = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": 1,
        "dtype": "float32",
        "crs": lines.crs.to_wkt(),
        "transform": transform,
        "nodata": NODATA,
        "compress": "deflate",
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(grid, 1)
        target.set_band_description(1, description)
    return float(cell_m)


def _write_geojson(lines: npt.NDArray[np.object_]) -> list[dict[str, object]]:
    """Write lines as GeoJSON geometries, all at once: shapely's own way goes line by line."""
    points = shapely.get_coordinates(lines).tolist()
    ends = np.cumsum(shapely.get_num_coordinates(lines)).tolist()
    return [
        {"type": "LineString", "coordinates": points[start:end]}
        for start, end in pairwise([0, *ends])
    ]
