from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer
from shapely import LineString, Point

from core.errors import CrsError, GeometryError, TableError
from geo.crs import (
    estimate_metric_crs,
    find_extent,
    is_metric,
    parse_crs,
    require_same_metric_crs,
    require_unique,
    to_metric,
)


@pytest.mark.parametrize(
    ("bounds", "epsg"),
    [
        ((104.85, 11.49, 104.97, 11.64), 32648),  # Phnom Penh
        ((-51.27, -30.11, -51.13, -29.99), 32722),  # Porto Alegre
        ((9.54, 3.96, 9.83, 4.17), 32632),  # Douala
        ((102.3, 9.9, 107.7, 14.7), 32648),  # Cambodia
        ((179.5, -17.5, 180.0, -16.5), 32760),
    ],
)
def test_an_area_gets_the_utm_zone_of_its_centre(bounds, epsg):
    assert estimate_metric_crs(bounds).to_epsg() == epsg


@given(
    lon=st.floats(-179, 179),
    lat=st.floats(-89, 89),
    width=st.floats(0.01, 12),
    azimuth=st.floats(0, 360),
)
def test_a_kilometre_measures_a_kilometre_in_the_chosen_system(lon, lat, width, azimuth):
    west, east = max(lon - width / 2, -180), min(lon + width / 2, 180)
    system = estimate_metric_crs((west, lat, east, lat))
    end_lon, end_lat, _ = Geod(ellps="WGS84").fwd(lon, lat, azimuth, 1000.0)
    project = Transformer.from_crs(4326, system, always_xy=True).transform
    line = LineString([project(lon, lat), project(end_lon, end_lat)])
    assert line.length == pytest.approx(1000.0, rel=0.01)


def test_an_area_across_the_180th_meridian_is_not_the_whole_world():
    system = estimate_metric_crs((177.0, -19.0, -178.0, -16.0))
    x, y = Transformer.from_crs(4326, system, always_xy=True).transform(179.9, -17.0)
    x2, y2 = Transformer.from_crs(4326, system, always_xy=True).transform(-179.9, -17.0)
    assert Point(x, y).distance(Point(x2, y2)) == pytest.approx(21_300, rel=0.01)


@pytest.mark.parametrize(
    ("lon", "west", "east"),
    [
        ([179.98, 179.999, -179.999, -179.98], 179.98, -179.98),
        ([-180.0, 179.9], 179.9, 180.0),
        ([104.8, 105.1, np.nan], 104.8, 105.1),
        ([-1.0, 1.0], -1.0, 1.0),
        ([-170.0, 0.0, 170.0], -170.0, 170.0),  # the whole world
        ([], np.nan, np.nan),
    ],
)
def test_an_extent_is_taken_the_short_way_round(lon, west, east):
    lon = np.array(lon, dtype=float)
    found = find_extent(lon, np.full(len(lon), -16.8))
    assert (found[0], found[2]) == pytest.approx((west, east), nan_ok=True)


def test_a_layer_across_the_180th_meridian_keeps_its_length():
    line = LineString([(179.98, -16.8), (179.999, -16.8), (-179.999, -16.8), (-179.98, -16.8)])
    metric = to_metric(gpd.GeoDataFrame(geometry=[line], crs=4326))
    assert metric.length.item() == pytest.approx(4_264, rel=0.002)


@pytest.mark.parametrize("bounds", [(0, 10, 1, 5), (400_000, 1e6, 5e5, 1.1e6), (0, 0, 1, 91)])
def test_bounds_that_are_no_degrees_are_refused(bounds):
    with pytest.raises(GeometryError, match="degrees"):
        estimate_metric_crs(bounds)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EPSG:32648", True),
        ("EPSG:4326", False),
        ("EPSG:3857", False),  # metres, but stretched
        ("EPSG:3395", False),
        ("EPSG:2225", False),  # feet
        ("EPSG:31370", True),  # Lambert
        ("EPSG:3388", False),  # Mercator
    ],
)
def test_only_true_metres_count_as_metric(name, expected):
    assert is_metric(CRS(name)) is expected
    assert is_metric(None) is False


def test_to_metric_keeps_a_metric_layer_and_projects_others():
    degrees = gpd.GeoDataFrame(geometry=[Point(104.9, 11.5)], crs=4326)
    assert to_metric(degrees).crs.to_epsg() == 32648
    assert to_metric(degrees.to_crs(3857)).crs.to_epsg() == 32648
    assert to_metric(degrees.to_crs(32647)).crs.to_epsg() == 32647
    assert to_metric(degrees, crs="EPSG:32649").crs.to_epsg() == 32649
    with pytest.raises(CrsError, match="3857"):
        to_metric(degrees, crs="EPSG:3857")
    with pytest.raises(CrsError, match="no coordinate system"):
        to_metric(degrees.set_crs(None, allow_override=True))
    with pytest.raises(GeometryError, match="no geometry"):
        to_metric(degrees.iloc[:0])
    with pytest.raises(CrsError, match="'EPSG:1'"):
        parse_crs("EPSG:1")


def test_layers_in_two_systems_are_named():
    a = gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=32648)
    assert require_same_metric_crs(crashes=a, segments=a.copy()).to_epsg() == 32648
    with pytest.raises(CrsError, match=r"segments: CRS is EPSG:32647, but crashes .* EPSG:32648"):
        require_same_metric_crs(crashes=a, segments=a.to_crs(32647))
    with pytest.raises(CrsError, match="crashes: CRS is EPSG:4326"):
        require_same_metric_crs(crashes=a.to_crs(4326))


def test_a_repeated_id_is_named():
    frame = gpd.GeoDataFrame({"crash_id": ["a", "b", "a"]}, geometry=[Point(0, 0)] * 3)
    require_unique(frame.iloc[:2], "crash_id")
    with pytest.raises(TableError, match=r"1 repeated.*'a'"):
        require_unique(frame, "crash_id")
    with pytest.raises(TableError, match="site_id"):
        require_unique(frame, "site_id")


def test_the_message_about_bounds_names_the_file():
    line = gpd.GeoDataFrame(geometry=[LineString([(480_000, 1e6), (481_000, 1e6)])], crs=4326)
    with pytest.raises(GeometryError, match=r"^roads\.csv: (bounds|holds)"):
        to_metric(line, layer="roads.csv")
