from __future__ import annotations

import numpy as np
import pytest
import rasterio
from pyproj import CRS, Transformer
from rasterio.transform import Affine

from core.errors import CrsError, DataSourceError, GeometryError, MissingDataError
from geo.raster_sampling import open_raster, sample_raster
from tests.geo.raster_files import tilt, write_raster

UTM = CRS.from_epsg(32648)
WEST, NORTH = 500_000.0, 1_280_000.0


@pytest.fixture
def numbered(tmp_path):
    """3 rows and 4 columns of 10 m: 0, 1, 2, ... and nodata in the middle."""
    values = np.arange(12, dtype="int16").reshape(3, 4)
    values[1, 2] = -999
    path = tmp_path / "n.tif"
    return write_raster(path, values, west=WEST, north=NORTH, pixel=10, crs=UTM, nodata=-999)


def at(*offsets):
    return np.array([[WEST + x, NORTH - y] for x, y in offsets], dtype=float)


def test_a_point_takes_the_pixel_it_lies_in(numbered):
    spots = at((1, 1), (39, 1), (1, 29), (15, 15), (25, 15), (41, 1), (-1, 1), (5, 31), (40, 30))
    found = sample_raster(open_raster(numbered), spots, UTM, bilinear=False)
    assert found[:4].tolist() == [0, 3, 8, 5]
    assert np.isnan(found[4:8]).all()
    assert found[8] == 11


def test_between_centres_values_are_interpolated_and_unknown_beside_nodata(numbered):
    spots = at((5, 5), (10, 5), (5, 10), (10, 10), (20, 10), (15, 15), (20, 5), (2, 5), (38, 25))
    found = sample_raster(open_raster(numbered), spots, UTM)
    assert found[:4].tolist() == [0, 0.5, 2, 2.5]
    assert np.isnan(found[4])
    assert found[5] == 5  # on a centre only that pixel counts
    assert found[6] == 1.5
    assert np.isnan(found[7:]).all()  # the outer half of the outermost pixels


def test_scale_offset_and_values_that_cannot_be_true(tmp_path):
    values = np.array([[10, 20], [30, 20000]], dtype="int16")
    options = {"west": WEST, "north": NORTH, "pixel": 10, "crs": UTM, "scale": 0.5, "offset": 100}
    raster = open_raster(write_raster(tmp_path / "s.tif", values, **options))
    spots = at((5, 5), (15, 5), (5, 15), (15, 15))
    found = sample_raster(raster, spots, UTM, bilinear=False, valid=(0, 9000))
    assert found[:3].tolist() == [105, 110, 115]
    assert np.isnan(found[3])


def test_points_of_another_system_and_many_tiles_match_rasterio_itself(tmp_path):
    rng = np.random.default_rng(3)
    values = rng.normal(size=(1500, 2300)).astype("float32")
    options = {"west": 104.5, "north": 12.0, "pixel": 0.0005, "crs": 4326}
    path = write_raster(tmp_path / "wide.tif", values, **options)
    lonlat = rng.uniform((104.4, 11.2), (105.7, 12.1), (3000, 2))
    raster = open_raster(path)
    found = sample_raster(raster, lonlat, CRS.from_epsg(4326), bilinear=False)
    with rasterio.open(path) as source:
        peer = np.array([v[0] for v in source.sample(lonlat, masked=True)], dtype=object)
    known = np.array([v is not np.ma.masked for v in peer])
    assert (np.isfinite(found) == known).all()
    assert (found[known] == peer[known].astype(float)).all()
    x, y = Transformer.from_crs(4326, UTM, always_xy=True).transform(*lonlat.T)
    again = sample_raster(raster, np.column_stack([x, y]), UTM, bilinear=False)
    assert np.array_equal(again, found, equal_nan=True)


def test_a_flipped_or_turned_grid_is_read_by_its_transform(tmp_path):
    plane = tilt(20, 20, west=0, north=0, pixel=1, per_x=1, per_y=2).astype("float64")
    turned = Affine.translation(WEST, NORTH) * Affine.rotation(30) * Affine.scale(10, 10)
    path = tmp_path / "turned.tif"
    write_raster(path, plane, west=0, north=0, pixel=1, crs=UTM, transform=turned)
    columns, rows = np.array([[3.5, 7.25, 15.0], [2.5, 9.5, 11.75]])
    x, y = turned * (columns, rows)
    found = sample_raster(open_raster(path), np.column_stack([x, y]), UTM)
    assert found == pytest.approx(columns - 2 * rows)


def test_the_size_of_a_pixel_comes_from_the_transform(tmp_path, shared_data):
    raster = open_raster(shared_data / "cambodia" / "relief_dem.tif")
    assert raster.pixel_m == pytest.approx(461, abs=3)  # its description says 90
    assert open_raster(shared_data / "porto_alegre" / "poa_elevation.tif").pixel_m == pytest.approx(
        30.8, abs=0.1
    )


def test_what_is_no_raster_of_values_is_refused_in_words(tmp_path):
    with pytest.raises(MissingDataError, match="no such file"):
        open_raster(tmp_path / "none.tif")
    text = tmp_path / "text.tif"
    text.write_text("no raster")
    with pytest.raises(DataSourceError, match=r"text\.tif.*no raster that GDAL reads"):
        open_raster(text)
    plain = {"west": WEST, "north": NORTH, "pixel": 10}
    values = np.ones((2, 2), dtype="uint8")
    nowhere = write_raster(tmp_path / "nowhere.tif", values, **plain, crs=None)
    with pytest.raises(CrsError, match="names no coordinate system"):
        open_raster(nowhere)
    assert open_raster(nowhere, crs=32648).pixel_m == pytest.approx(10, rel=1e-3)
    (tmp_path / "bare.pgm").write_bytes(b"P5 2 2 255\n" + bytes(4))
    with pytest.raises(GeometryError, match="where its pixels lie"):
        open_raster(tmp_path / "bare.pgm")
    picture = write_raster(tmp_path / "p.tif", values, **plain, crs=UTM, photometric="palette")
    with pytest.raises(DataSourceError, match="picture"):
        open_raster(picture)


def test_a_damaged_file_is_named(tmp_path):
    values = np.random.default_rng(0).normal(size=(600, 600))
    path = write_raster(tmp_path / "d.tif", values, west=WEST, north=NORTH, pixel=10, crs=UTM)
    raster = open_raster(path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DataSourceError, match=r"d\.tif.*damaged"):
        sample_raster(raster, at((3000, 5500)), UTM)


def test_no_points_give_no_values(numbered):
    assert sample_raster(open_raster(numbered), np.empty((0, 2)), UTM).shape == (0,)
