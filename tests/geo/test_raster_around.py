from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from core.errors import InputError
from geo.raster_around import measure_around
from geo.raster_sampling import open_raster
from tests.geo.raster_files import write_raster

WEST, NORTH = 500_000.0, 1_280_000.0


def make_lines(*lines):
    shapes = [shapely.LineString([(WEST + x, NORTH + y) for x, y in line]) for line in lines]
    return gpd.GeoDataFrame(geometry=shapes, crs=32648)


def open_values(path, values, *, pixel=100, **profile):
    options = {"west": WEST, "north": NORTH, "pixel": pixel, "crs": 32648}
    return open_raster(write_raster(path, values, **(options | profile)))


def test_pixels_count_when_their_centre_is_near(tmp_path):
    values = np.arange(100, dtype="float32").reshape(10, 10)
    raster = open_values(tmp_path / "n.tif", values)
    # from the centre of pixel (4, 2) to that of (4, 4): these three, and the rows above and below
    around = measure_around(make_lines([(250, -450), (450, -450)]), raster, distance_m=101)
    near = [32, 33, 34, 41, 42, 43, 44, 45, 52, 53, 54]
    assert around["mean"][0] == pytest.approx(np.mean(near))
    assert around["max"][0] == 54
    assert around["known_share"][0] == 1


def test_counts_become_people_per_square_kilometre_in_any_system(tmp_path):
    lines = make_lines([(2000, -2000), (2300, -2100)])
    in_metres = open_values(tmp_path / "m.tif", np.full((40, 40), 5.0))
    around = measure_around(lines, in_metres, distance_m=500, is_count=True)
    assert around["mean"][0] == pytest.approx(500, rel=1e-9)  # 5 on a hectare
    back = Transformer.from_crs(32648, 4326, always_xy=True)
    west, north = back.transform(WEST, NORTH)
    pixel = 3 / 3600
    spots = {"west": west, "north": north, "crs": 4326, "pixel": pixel}
    in_degrees = open_values(tmp_path / "d.tif", np.full((50, 50), 5.0), **spots)
    lon, lat = west + pixel * np.array([0, 1, 1, 0]), north - pixel * np.array([0, 0, 1, 1])
    area_km2 = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0]) / 1e6
    around = measure_around(lines, in_degrees, distance_m=500, is_count=True)
    assert around["mean"][0] == pytest.approx(5 / area_km2, rel=2e-3)  # UTM's scale is 0.9996
    density = measure_around(lines, in_degrees, distance_m=500)
    assert density["mean"][0] == 5


def test_pixels_larger_than_the_distance_still_tell(tmp_path):
    raster = open_values(tmp_path / "c.tif", np.array([[1.0, 2.0], [3.0, 4.0]]), pixel=5000)
    lines = make_lines([(7000, -1000), (7100, -1000)], [(100, -9000), (150, -9000)])
    assert measure_around(lines, raster, distance_m=300)["mean"].tolist() == [2, 3]


def test_nodata_and_outside_are_unknown_and_zero_is_zero(tmp_path):
    values = np.zeros((40, 40), dtype="float32")
    values[:, 20:] = -99999
    raster = open_values(tmp_path / "h.tif", values, nodata=-99999)
    lines = make_lines(
        [(1000, -2000), (1100, -2000)],
        [(1900, -2000), (1950, -2000)],
        [(2600, -2000), (2700, -2000)],
        [(-50, -2000), (-40, -2000)],
        [(90_000, -2000), (90_100, -2000)],
    )
    around = measure_around(lines, raster, distance_m=500)
    assert around["mean"].isna().tolist() == [False, False, True, True, True]
    assert around["mean"][:2].tolist() == [0, 0]
    assert 0.5 < around["known_share"][1] < 1
    assert around["known_share"][4] == 0


def test_a_value_that_cannot_be_is_unknown(tmp_path):
    raster = open_values(tmp_path / "v.tif", np.full((20, 20), -1.0))
    around = measure_around(make_lines([(900, -900), (950, -900)]), raster, distance_m=300,
                            valid=(0, np.inf))  # fmt: skip
    assert around["mean"].isna().all()


def test_a_second_implementation_with_shapely(tmp_path):
    rng = np.random.default_rng(4)
    values = rng.gamma(1, 20, (90, 110)).astype("float32")
    values[rng.random(values.shape) < 0.1] = np.nan
    back = Transformer.from_crs(32648, 4326, always_xy=True)
    west, north = back.transform(WEST, NORTH)
    pixel = 4 / 3600
    raster = open_values(tmp_path / "s.tif", values, west=west, north=north, pixel=pixel, crs=4326)
    starts = rng.uniform((-200, -11_000), (13_000, 200), (80, 2))
    lines = make_lines(*[[tuple(a), tuple(a + b), tuple(a + c)] for a, b, c in
                         zip(starts, *rng.normal(0, 150, (2, 80, 2)), strict=True)])  # fmt: skip
    around = measure_around(lines, raster, distance_m=400)
    there = Transformer.from_crs(4326, 32648, always_xy=True)
    # centres beyond the raster's edge belong to the pixels around, too
    lon, lat = np.meshgrid(
        west + pixel * (np.arange(-20, 130) + 0.5), north - pixel * (np.arange(-20, 110) + 0.5)
    )
    centres = shapely.points(*there.transform(lon.ravel(), lat.ravel()))
    padded = np.full(lon.shape, np.nan)
    padded[20:110, 20:130] = values
    for row, line in enumerate(lines.geometry):
        distance = shapely.distance(centres, line)
        if (np.abs(distance - 400) < 0.2).any():
            continue  # too near the limit to tell
        inside = padded.ravel()[distance <= 400]
        known = np.isfinite(inside)
        assert around["known_share"][row] == pytest.approx(known.mean())
        if known.mean() >= 0.5:
            assert around["mean"][row] == pytest.approx(inside[known].mean())
            assert around["max"][row] == inside[known].max()
        else:
            assert np.isnan(around["mean"][row])


@pytest.fixture(scope="module")
def constant(tmp_path_factory):
    return open_values(tmp_path_factory.mktemp("c") / "c.tif", np.full((60, 60), 7.25))


offsets = st.tuples(st.integers(1500, 4500), st.integers(-4500, -1500))


@settings(max_examples=12, deadline=None)
@given(line=st.lists(offsets, min_size=2, max_size=4, unique=True), distance=st.floats(1, 1400))
def test_a_constant_raster_is_constant_around_every_line(constant, line, distance):
    around = measure_around(make_lines(line), constant, distance_m=distance)
    assert around.iloc[0].tolist() == [7.25, 7.25, 1.0]


def test_no_lines_and_no_distance(constant):
    assert measure_around(make_lines(), constant, distance_m=100).shape == (0, 3)
    with pytest.raises(InputError, match="distance_m"):
        measure_around(make_lines(), constant, distance_m=-1)
