"""The map tiles of a run: written once with the run, read by the app's tile route."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import geopandas as gpd

from geo.tiles import TileReader, build_tile_layers, write_tiles

__all__ = ["TILES_NAME", "open_run_tiles", "write_run_tiles"]

TILES_NAME = "tiles.pmtiles"


def write_run_tiles(
    sites: gpd.GeoDataFrame, hotspots: gpd.GeoDataFrame, folder: Path
) -> dict[int, int]:
    """Write `tiles.pmtiles` into a folder and return the number of tiles by zoom.

    Raises
    ------
    InputError
        If there is no segment to draw.
    DataSourceError
        If the file cannot be written or a zoom came out empty.
    """
    return write_tiles(build_tile_layers(sites, hotspots), folder / TILES_NAME)


@lru_cache(maxsize=8)
def open_run_tiles(run_path: Path) -> TileReader:
    """Return the reader of a run's tiles, opened once and shared between threads.

    Raises
    ------
    DataSourceError
        If the run has no tiles or the file is damaged.
    """
    return TileReader(run_path / TILES_NAME)
