from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from core.errors import CrsError, InputError
from geo.raster_sampling import open_raster, sample_raster
from geo.slope import measure_slopes
from tests.geo.raster_files import tilt, write_raster

WEST, NORTH = 500_000.0, 1_280_000.0


def make_lines(*lines, crs=32648):
    shapes = [shapely.LineString([(WEST + x, NORTH + y) for x, y in line]) for line in lines]
    return gpd.GeoDataFrame(geometry=shapes, crs=crs)


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """A plane that rises 5 in 100 eastwards, pixels of 30 m, 6 km wide and high."""
    heights = tilt(200, 200, west=WEST, north=NORTH, pixel=30, per_x=0.05, base=10)
    path = tmp_path_factory.mktemp("relief") / "plane.tif"
    options = {"west": WEST, "north": NORTH, "pixel": 30, "crs": 32648, "nodata": -32768}
    return write_raster(path, heights, **options)


def test_a_road_up_a_plane_has_its_grade_whatever_its_length(plane):
    lines = make_lines(
        [(1000, -1000), (1400, -1000)],
        [(1400, -1000), (1000, -1000)],
        [(1000, -1000), (1000, -1400)],
        [(1000, -1000), (1012, -1000)],
        [(1000, -1000), (1300, -1400)],
        [(1000, -1000), (1200, -1000), (1000, -1000.001)],
    )
    slopes = measure_slopes(lines, open_raster(plane))
    assert (slopes.step_m, slopes.smoothing_m) == (pytest.approx(30, abs=0.1), 100)
    table = slopes.table
    assert table["mean_grade_pct"].to_numpy()[:5] == pytest.approx([5, 5, 0, 5, 3], abs=1e-6)
    assert table["max_grade_pct"].to_numpy() == pytest.approx([5, 5, 0, 5, 3, 5], abs=1e-6)
    assert table["elevation_m"][0] == pytest.approx(10 + 0.05 * 1200)
    assert table["mean_grade_pct"][5] < 5  # up and down again


def test_the_same_plane_in_degrees_gives_the_same(tmp_path, plane):
    """In degrees the plane is sampled from the one in metres, so that only rounding differs."""
    back = Transformer.from_crs(32648, 4326, always_xy=True)
    west, north = back.transform(WEST + 300, NORTH - 300)
    pixel, n = 1 / 3600, 150
    lon = west + pixel * (np.arange(n) + 0.5)
    lat = north - pixel * (np.arange(n) + 0.5)
    there = Transformer.from_crs(4326, 32648, always_xy=True)
    x, _ = there.transform(*np.meshgrid(lon, lat))
    path = tmp_path / "degrees.tif"
    write_raster(path, 10 + 0.05 * (x - WEST), west=west, north=north, pixel=pixel, crs=4326)
    lines = make_lines([(1000, -1000), (1400, -1000)], [(1000, -1000), (1012, -1000)])
    table = measure_slopes(lines, open_raster(path)).table
    assert table["mean_grade_pct"].to_numpy() == pytest.approx([5, 5], abs=1e-4)
    assert table["elevation_m"][0] == pytest.approx(70, abs=1e-3)


def test_a_hill_is_smoothed_over_the_stated_length(tmp_path):
    """A ridge of 10 m, 100 m to each side: over 100 m 10 %, over 200 m across it nothing."""
    x = 15 + 10 * np.arange(100)
    heights = np.tile(np.maximum(10 - np.abs(x - 505) / 10, 0), (100, 1))
    path = tmp_path / "ridge.tif"
    write_raster(path, heights, west=WEST + 10, north=NORTH, pixel=10, crs=32648)
    relief = open_raster(path)
    lines = make_lines([(405, -500), (605, -500)])
    fine = measure_slopes(lines, relief, step_m=20, smoothing_m=100).table
    assert fine["max_grade_pct"][0] == pytest.approx(10, abs=1e-9)
    assert fine["mean_grade_pct"][0] == pytest.approx((10 + 6 + 2 + 2 + 6 + 10) / 6)
    coarse = measure_slopes(lines, relief, step_m=20, smoothing_m=200).table
    assert coarse["max_grade_pct"][0] == pytest.approx(0, abs=1e-9)


def test_nodata_the_edge_and_voids_are_unknown_not_flat(tmp_path):
    heights = tilt(200, 200, west=WEST, north=NORTH, pixel=30, per_x=0.05)
    heights[:, 100:] = -32768  # from 3,000 m on; here without saying that this is nodata
    options = {"west": WEST, "north": NORTH, "pixel": 30, "crs": 32648}
    relief = open_raster(write_raster(tmp_path / "half.tif", heights.astype("int16"), **options))
    lines = make_lines(
        [(3500, -1000), (3900, -1000)],  # in the void
        [(2700, -1000), (3100, -1000)],  # a quarter of it in the void
        [(2950, -1000), (3350, -1000)],  # most of it
        [(9000, -1000), (9400, -1000)],  # outside
        [(-300, -1000), (1100, -1000)],  # leaves the raster
        [(-1000, -1000), (400, -1000)],  # most of it outside
    )
    table = measure_slopes(lines, relief).table
    known = table.notna().all(axis=1).tolist()
    assert known == [False, True, False, False, True, False]
    assert table["mean_grade_pct"][1] == pytest.approx(5, abs=0.7)  # whole metres in 100 m


def test_bytes_that_are_full_are_unknown(tmp_path):
    heights = np.full((50, 50), 255, dtype="uint8")
    path = write_raster(tmp_path / "b.tif", heights, west=WEST, north=NORTH, pixel=30, crs=32648)
    table = measure_slopes(make_lines([(300, -300), (700, -300)]), open_raster(path)).table
    assert table.isna().all(axis=None)


def test_coarse_pixels_set_the_step_and_it_is_said(tmp_path):
    heights = tilt(20, 20, west=WEST, north=NORTH, pixel=460, per_x=0.02)
    path = write_raster(tmp_path / "c.tif", heights, west=WEST, north=NORTH, pixel=460, crs=32648)
    slopes = measure_slopes(make_lines([(2000, -2000), (2450, -2000)]), open_raster(path))
    assert slopes.step_m == slopes.smoothing_m == pytest.approx(460, rel=1e-3)
    assert slopes.table["max_grade_pct"][0] == pytest.approx(2)


def test_no_lines_and_wrong_input(plane):
    relief = open_raster(plane)
    assert measure_slopes(make_lines(), relief).table.shape == (0, 3)
    with pytest.raises(InputError, match="smoothing_m"):
        measure_slopes(make_lines(), relief, smoothing_m=0)
    with pytest.raises(CrsError):
        measure_slopes(make_lines(crs=4326), relief)


@pytest.fixture(scope="module")
def rough(tmp_path_factory):
    heights = np.random.default_rng(5).normal(50, 8, (100, 100))
    path = tmp_path_factory.mktemp("relief") / "rough.tif"
    return open_raster(
        write_raster(path, heights, west=WEST, north=NORTH, pixel=30, crs=32648, nodata=-1)
    )


offsets = st.tuples(st.integers(200, 2800), st.integers(-2800, -200))


@settings(max_examples=15, deadline=None)
@given(line=st.lists(offsets, min_size=2, max_size=5, unique=True), level=st.floats(-100, 3000))
def test_grades_do_not_depend_on_the_direction_of_the_line(rough, line, level):
    table = measure_slopes(make_lines(line, line[::-1]), rough).table
    assert np.allclose(table.iloc[0], table.iloc[1], rtol=1e-6, atol=1e-6, equal_nan=True)
    assert table["max_grade_pct"][0] >= table["mean_grade_pct"][0] - 1e-9


def test_a_second_implementation_on_real_relief(shared_data):
    """Point by point with shapely, over the very same places."""
    relief = open_raster(shared_data / "porto_alegre" / "poa_elevation.tif")
    rng = np.random.default_rng(8)
    start = rng.uniform((476_000, 6_672_000), (484_000, 6_680_000), (60, 2))
    turn = rng.uniform(-300, 300, (60, 2, 2))
    shapes = [shapely.LineString(np.vstack([a, a + b[0], a + b[0] + b[1]]))
              for a, b in zip(start, turn, strict=True)]  # fmt: skip
    lines = gpd.GeoDataFrame(geometry=shapes, crs=32722)
    lines = lines[lines.length > 100].reset_index(drop=True)
    table = measure_slopes(lines, relief).table
    for row, line in enumerate(lines.geometry):
        n = int(np.ceil(line.length / relief.pixel_m - 1e-9))
        reach = min(max(round(100 / (line.length / n)), 1), n)
        spots = shapely.get_coordinates([line.interpolate(i / n, normalized=True)
                                         for i in range(n + 1)])  # fmt: skip
        z = sample_raster(relief, spots, lines.crs, valid=(-450, 254.5))
        grade = 100 * np.abs(z[reach:] - z[:-reach]) / (reach * line.length / n)
        if np.isfinite(grade).mean() >= 0.5:
            assert table["mean_grade_pct"][row] == pytest.approx(np.nanmean(grade), abs=1e-6)
            assert table["max_grade_pct"][row] == pytest.approx(np.nanmax(grade), abs=1e-6)
        else:
            assert np.isnan(table["mean_grade_pct"][row])
    assert table["mean_grade_pct"].notna().sum() > 20
