"""The layer of a run that grid tools read: the risk raster."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd

from geo.rasters import write_line_raster

__all__ = ["write_risk_raster"]

RISK_CELL_M = 25.0


def write_risk_raster(lixels: gpd.GeoDataFrame, folder: Path, *, years: float) -> float:
    """Write `risk.tif`: crashes per km and year in the window around each place.

    Returns
    -------
    float
        The size of a cell that was used [m].
    """
    rate = lixels["n_window"] / lixels["window_km"] / years
    return write_line_raster(
        lixels.assign(rate=rate),
        "rate",
        folder / "risk.tif",
        cell_m=RISK_CELL_M,
        description="crashes per km and year, within the sliding window",
    )
