from __future__ import annotations

import json
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, box

from core.errors import CrsError, DataSourceError, GeometryError, TableError
from geo.boundaries import assign_areas, find_name_column, read_boundary
from geo.network import build_network_from_lines
from geo.vector_io import write_layer

UTM48 = 32648


@pytest.fixture(scope="module")
def two_areas():
    shapes = [box(500_000, 1_000_000, 510_000, 1_010_000), box(510_000, 1_000_000, 520_000, 1e6)]
    shapes[1] = box(510_000, 1_000_000, 520_000, 1_010_000)
    frame = gpd.GeoDataFrame({"name": ["West", "East"]}, geometry=shapes, crs=UTM48)
    return frame.to_crs(4326)


def sites(*shapes):
    return gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=list(shapes), crs=UTM48)


def test_a_site_gets_the_area_its_middle_lies_in(two_areas):
    frame = sites(
        Point(505_000, 1_005_000),
        LineString([(508_000, 1_005_000), (514_000, 1_005_000)]),
        LineString([(507_000, 1_005_000), (511_000, 1_005_000)]),
        Point(),
    )
    result = assign_areas(frame, two_areas, column="province")
    assert result["province"][:3].tolist() == ["West", "East", "West"]
    assert result["province"].isna().tolist() == [False, False, False, True]
    assert "province" not in frame.columns
    assert result["province"].dtype == "str"


@pytest.mark.parametrize(
    ("outside_m", "found"), [(900, ["West"]), (1100, [np.nan]), (50_000, [np.nan])]
)
def test_just_outside_counts_as_the_nearest_area_up_to_a_kilometre(two_areas, outside_m, found):
    frame = sites(Point(500_000 - outside_m, 1_005_000))
    result = assign_areas(frame, two_areas, column="province")["province"]
    assert result.fillna("none").tolist() == [str(word).replace("nan", "none") for word in found]


@settings(max_examples=50, deadline=None)
@given(x=st.floats(499_500, 520_500), y=st.floats(999_500, 1_010_500))
def test_every_place_inside_has_exactly_the_area_on_its_side(two_areas, x, y):
    result = assign_areas(sites(Point(x, y)), two_areas, column="district")["district"]
    if abs(x - 510_000) > 20:  # edges are straight in degrees, not in metres
        assert result.tolist() == ["West" if x < 510_000 else "East"]


def test_the_column_with_names_is_found_or_asked_for(two_areas):
    assert find_name_column(two_areas.rename(columns={"name": "HRName"})) == "HRName"
    both = two_areas.assign(province_name=["a", "b"])
    assert find_name_column(both, hint="province") == "province_name"
    odd = two_areas.rename(columns={"name": "bezeichnung"}).assign(level=[1, 1])
    assert find_name_column(odd, hint="province") == "bezeichnung"
    with pytest.raises(TableError, match="level"):
        find_name_column(odd.drop(columns="bezeichnung"))
    with pytest.raises(TableError, match="nom"):
        assign_areas(sites(Point(0, 0)), two_areas, column="province", name_column="nom")
    with pytest.raises(CrsError, match="frame"):
        assign_areas(sites(Point(0, 0)).to_crs(4326), two_areas, column="province")


def test_an_invalid_polygon_is_repaired(tmp_path):
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    empty = {"type": "Feature", "properties": {"name": "none"}, "geometry": None}
    feature = {"type": "Feature", "properties": {"name": "bow"}, "geometry": bow}
    path = tmp_path / "bow.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature, empty]}))
    areas = read_boundary(path)
    assert areas["name"].tolist() == ["bow"]
    assert areas.geometry.is_valid.all()
    assert shapely.area(areas.geometry.to_numpy()).sum() == pytest.approx(2.0)


def test_metres_that_claim_to_be_degrees_are_noticed(tmp_path, two_areas, caplog):
    path = tmp_path / "trap.geojson"
    frame = two_areas.to_crs(UTM48).set_crs(4326, allow_override=True)
    path.write_text(frame.to_json(), encoding="utf-8")
    with pytest.raises(CrsError, match=r"trap\.geojson: .* no degrees"):
        read_boundary(path)
    near = read_boundary(path, near_wgs84=(104.9, 9.0, 105.2, 9.2))
    assert near.total_bounds == pytest.approx(two_areas.total_bounds, abs=1e-6)
    assert "taken to be UTM zone 48N (EPSG:32648)" in caplog.text
    with pytest.raises(CrsError, match="no degrees"):  # an area of many zones tells none
        read_boundary(path, near_wgs84=(95.0, 5.0, 115.0, 15.0))
    given_crs = read_boundary(path, crs="EPSG:32648")
    assert given_crs.total_bounds == pytest.approx(two_areas.total_bounds, abs=1e-6)
    with pytest.raises(CrsError, match="no degrees"):
        read_boundary(path, near_wgs84=(2.0, 48.0, 2.1, 48.1))


def test_what_is_no_polygon_is_refused(tmp_path):
    path = write_layer(sites(Point(0, 0)), tmp_path / "points.gpkg")
    with pytest.raises(GeometryError, match=r"points\.gpkg: 1 of 1 row.*\(Point\)"):
        read_boundary(path)
    nothing = gpd.GeoDataFrame(geometry=[None], crs=4326)
    with pytest.raises(GeometryError, match="holds no polygon"):
        read_boundary(write_layer(nothing, tmp_path / "nothing.parquet"))
    (tmp_path / "empty.geojson").write_text("")
    with pytest.raises(DataSourceError, match="empty"):
        read_boundary(tmp_path / "empty.geojson")


def test_real_boundaries_of_cambodia(shared_data):
    folder = shared_data / "cambodia"
    trap = read_boundary(folder / "provinces_utm48_trap.geojson")
    names = read_boundary(folder / "provinces_km_en.geojson")
    assert (len(trap), len(names)) == (25, 26)
    assert names.geometry.is_valid.all()
    assert trap.total_bounds == pytest.approx(names.total_bounds, abs=0.6)
    independence_monument = gpd.GeoDataFrame(geometry=[Point(104.9282, 11.5564)], crs=4326)
    site = independence_monument.to_crs(UTM48)
    assert assign_areas(site, trap, column="province")["province"].tolist() == ["Phnom Penh"]
    assert assign_areas(site, names, column="province")["province"].tolist() == ["Phnom Penh"]


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.floats(1, 899), min_size=1, max_size=4, unique=True))
def test_neighbouring_areas_share_out_the_roads_with_nothing_twice(make_lines, options, cuts):
    lines = make_lines(
        [[(x, y) for x in range(0, 1000, 90)] for y in (0, 50)]
        + [[(90, 0), (90, 50)], [(450, 0), (450, 50), (450, 300)]]
    )
    edges = [-500.0, *sorted(cuts), 2000.0]
    strips = [box(500_000 + a, 1_279_000, 500_000 + b, 1_281_000) for a, b in pairwise(edges)]
    total = 0.0
    for strip in gpd.GeoSeries(strips, crs=UTM48).to_crs(4326):
        try:
            total += build_network_from_lines(lines, boundary=strip, **options).summary[
                "network_km"
            ]
        except GeometryError:
            continue  # a strip so narrow that no stretch has its middle in it
    assert total == pytest.approx(lines.length.sum() / 1000, abs=1e-5)
