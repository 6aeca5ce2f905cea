"""Whether a raster can serve an area."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import DataSourceError, GeometryError
from pipeline.raster_sources import check_raster
from tests.geo.raster_files import write_raster

FIJI = (179.98, -16.9, -179.98, -16.7)  # across the 180th meridian


def test_either_half_of_an_area_across_the_180th_meridian_is_covered(tmp_path):
    values = np.ones((20, 20), dtype="float32")
    for name, west in (("west.tif", 179.9), ("east.tif", -180.0)):
        raster = write_raster(
            tmp_path / name, values, west=west, north=-16.7, pixel=0.005, crs=4326
        )
        check_raster(raster, "relief", FIJI)
    with pytest.raises(GeometryError, match="none of the area's roads"):
        check_raster(raster, "relief", (104.8, 11.4, 105.0, 11.6))


def test_a_table_is_no_raster(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(DataSourceError, match=r"x\.csv: .*GeoTIFF \(\.tif\), not from \.csv"):
        check_raster(tmp_path / "x.csv", "relief", FIJI)
