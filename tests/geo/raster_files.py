"""Small rasters to test with."""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.transform import from_origin


def write_raster(path, values, *, west, north, pixel, crs, **profile):
    """Write an array as a GeoTIFF whose first pixel's outer corner is (west, north)."""
    values = np.asarray(values)
    size = pixel if isinstance(pixel, tuple) else (pixel, pixel)
    options = {
        "driver": "GTiff",
        "width": values.shape[1],
        "height": values.shape[0],
        "count": 1,
        "dtype": values.dtype,
        "crs": crs,
        "transform": from_origin(west, north, *size),
        **{k: v for k, v in profile.items() if k not in {"scale", "offset"}},
    }
    with rasterio.open(path, "w", **options) as target:
        target.write(values, 1)
        if "scale" in profile:
            target.scales, target.offsets = (profile["scale"],), (profile["offset"],)
    return path


def tilt(n_rows, n_columns, *, west, north, pixel, per_x=0.0, per_y=0.0, base=0.0):
    """Heights of a plane at the pixels' centres."""
    x = west + pixel * (np.arange(n_columns) + 0.5)
    y = north - pixel * (np.arange(n_rows) + 0.5)
    return base + per_x * (x - west)[None, :] + per_y * (y - north)[:, None]
