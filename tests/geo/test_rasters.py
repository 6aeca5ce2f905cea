from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely import LineString

from core.errors import GeometryError
from geo.rasters import write_line_raster


def crossing_roads():
    lines = [LineString([(0, 50), (400, 50)]), LineString([(200, 0), (200, 100)])]
    return gpd.GeoDataFrame({"rate": [2.0, 7.0]}, geometry=lines, crs=32648)


def test_values_lie_along_their_road_and_the_highest_wins(tmp_path):
    path = tmp_path / "risk.tif"
    cell_m = write_line_raster(
        crossing_roads(), "rate", path, cell_m=20, description="crashes per km and year"
    )
    assert cell_m == 20
    with rasterio.open(path) as raster:
        grid = raster.read(1)
        at = {point: next(raster.sample([point])).item() for point in [(50, 50), (200, 50)]}
        assert raster.crs.to_epsg() == 32648
        assert raster.descriptions == ("crashes per km and year",)
        assert raster.nodata == -1
    assert at == {(50, 50): 2.0, (200, 50): 7.0}
    assert set(np.unique(grid)) == {-1.0, 2.0, 7.0}


def test_lines_handed_over_in_blocks_give_the_same_grid(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    lines = [LineString(rng.random((3, 2)) * 900) for _ in range(60)]
    roads = gpd.GeoDataFrame({"rate": rng.random(60).round(1)}, geometry=lines, crs=32648)
    grids = []
    for block in (7, 1000):
        monkeypatch.setattr("geo.rasters.BLOCK_LINES", block)
        write_line_raster(roads, "rate", tmp_path / "r.tif", cell_m=20, description="x")
        with rasterio.open(tmp_path / "r.tif") as raster:
            grids.append(raster.read(1))
    np.testing.assert_array_equal(*grids)
    assert len(np.unique(grids[0])) > 3


def test_missing_values_burn_nothing_and_none_at_all_is_said(tmp_path):
    roads = crossing_roads().assign(rate=np.nan)
    with pytest.raises(GeometryError, match="none of 2 lines"):
        write_line_raster(roads, "rate", tmp_path / "r.tif", cell_m=20, description="x")


def test_a_wide_area_gets_larger_cells_not_a_huge_file(tmp_path):
    far = gpd.GeoDataFrame(
        {"rate": [1.0]}, geometry=[LineString([(0, 0), (900_000, 900_000)])], crs=32648
    )
    cell_m = write_line_raster(far, "rate", tmp_path / "r.tif", cell_m=20, description="x")
    assert cell_m == pytest.approx(180, abs=1)
    assert (tmp_path / "r.tif").stat().st_size < 5_000_000
