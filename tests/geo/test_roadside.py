from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataSourceError, InputError, MissingDataError
from geo.osm_features import compute_centroids, find_kinds, read_osm_features
from geo.roadside import find_near, measure_roadside, say_what_is_mapped

SQUARE = [(-5, -5), (5, -5), (5, 5), (-5, 5)]


@pytest.fixture
def town(write_osm):
    """Houses and what else stands beside two parallel roads of 100 m, 40 m apart."""
    nodes, ways, number = {}, {}, [0]

    def node(x, y, **tags):
        number[0] += 1
        nodes[number[0]] = (x, y, tags)
        return number[0]

    def house(x, y, **tags):
        refs = [node(x + dx, y + dy) for dx, dy in SQUARE]
        ways[100 + len(ways)] = ([*refs, refs[0]], tags)

    house(20, 10, building="yes")
    house(50, 12, building="house", shop="convenience")
    house(80, 20.5, building="yes")  # a little nearer to the upper road
    house(50, 300, building="yes")  # along no road
    house(60, -10, building="no")
    node(30, -5, shop="kiosk")
    node(30, -6, shop="vacant")
    node(50, 45, highway="street_lamp")
    node(290, 0, amenity="school")
    node(50, 239, amenity="marketplace")
    node(500, 500, highway="bus_stop")
    ways[900] = ([1, 999], {"building": "yes"})  # a node is not in the file
    return read_osm_features(write_osm(nodes, ways))


@pytest.fixture
def roads(make_lines):
    return make_lines([[(0, 0), (100, 0)], [(0, 40), (100, 40)]])


def test_each_house_counts_for_the_nearest_road_only(town, roads):
    table = measure_roadside(roads, town, distance_m=30)
    assert table["building_per_km"].tolist() == pytest.approx([20, 10])
    assert table["shop_per_km"].tolist() == pytest.approx([20, 0])
    assert table["street_lamp_per_km"][1] == pytest.approx(10)
    assert np.isnan(table["street_lamp_per_km"][0])  # never all mapped: none is not known


def test_near_is_within_200_m_of_any_part_of_the_road(town, roads):
    table = measure_roadside(roads, town, distance_m=30)
    assert table["has_school_within_200m"].tolist() == ["yes", "yes"]
    assert table["has_market_within_200m"].tolist() == ["no", "yes"]
    assert table["has_bus_stop_within_200m"].tolist() == ["no", "no"]
    assert table["has_hospital_within_200m"].tolist() == ["unknown", "unknown"]


def test_a_file_with_hardly_any_houses_does_not_say_that_there_are_none(town):
    assert town.count() == {"building": 4, "shop": 2, "street_lamp": 1, "school": 1, "market": 1,
                            "hospital": 0, "bus_stop": 1}  # fmt: skip
    assert town.n_ways_skipped == 1
    assert say_what_is_mapped(town, 0.2)["building"]
    mapped = say_what_is_mapped(town, 1500.0)
    assert not mapped["building"]
    assert not mapped["market"]
    assert mapped["street_lamp"]
    assert not say_what_is_mapped(town, 0.2)["hospital"]


def test_roads_without_anything_beside_them_are_unknown(write_osm, roads):
    roads_only = {1: (0, 0), 2: (100, 0)}
    features = read_osm_features(write_osm(roads_only, {5: ([1, 2], {"highway": "primary"})}))
    table = measure_roadside(roads, features, distance_m=30)
    assert table.filter(like="per_km").isna().all(axis=None)
    assert (table.filter(like="has_") == "unknown").all(axis=None)
    assert measure_roadside(roads[:0], features, distance_m=30).shape == (0, 7)
    with pytest.raises(InputError, match="distance_m"):
        measure_roadside(roads, features, distance_m=0)


def test_a_school_ground_counts_from_its_fence(write_osm, roads):
    corners = {i + 1: xy for i, xy in enumerate([(290, 0), (700, 0), (700, 400), (290, 400)])}
    ways = {9: ([1, 2, 3, 4, 1], {"amenity": "school"})}
    features = read_osm_features(write_osm(corners, ways))
    assert features.nearby["school"][0].geom_type == "Polygon"
    assert measure_roadside(roads, features, distance_m=30)["has_school_within_200m"][0] == "yes"


def test_real_extract_made_for_routing_says_nothing_of_houses(shared_data):
    features = read_osm_features(shared_data / "porto_alegre" / "poa.osm.pbf")
    mapped = say_what_is_mapped(features, 1452.0)
    assert features.count()["bus_stop"] > 1000
    assert [kind for kind, is_there in mapped.items() if is_there] == ["street_lamp", "bus_stop"]


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(MissingDataError, match="no such file"):
        read_osm_features(tmp_path / "none.osm.pbf")
    path = tmp_path / "broken.osm.pbf"
    path.write_bytes(b"\x00\x00\x00\x0dnothing of use")
    with pytest.raises(DataSourceError, match="cut short or not OpenStreetMap"):
        read_osm_features(path)


@pytest.mark.parametrize(
    ("tags", "kinds"),
    [
        ({"building": "school", "amenity": "school"}, ["building", "school"]),
        ({"amenity": "kindergarten"}, ["school"]),
        ({"amenity": "restaurant"}, []),
        ({"public_transport": "platform", "bus": "yes"}, ["bus_stop"]),
        ({"public_transport": "platform"}, []),
        ({"highway": "bus_stop", "shop": "kiosk"}, ["shop", "bus_stop"]),
    ],
)
def test_tags_become_kinds(tags, kinds):
    assert find_kinds(tags) == kinds


def test_nothing_and_missing_shapes_are_near_nothing(roads):
    assert find_near(roads, np.array([], dtype=object)).tolist() == ["no", "no"]
    shapes = np.array([None, shapely.Point()], dtype=object)
    assert find_near(roads, shapes).tolist() == ["no", "no"]


corner = st.tuples(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01))


@settings(max_examples=60, deadline=None)
@given(
    rings=st.lists(st.lists(corner, min_size=3, max_size=6, unique=True), min_size=1, max_size=4)
)
def test_centroids_are_those_of_shapely(rings):
    hulls = [shapely.MultiPoint(ring).convex_hull for ring in rings]
    shapes = [hull for hull in hulls if hull.geom_type == "Polygon" and hull.area > 1e-9]
    if not shapes:
        return
    moved = [shapely.transform(shape, lambda xy: xy + np.array([104.9, 11.5])) for shape in shapes]
    coordinates = [shapely.get_coordinates(shape) for shape in moved]
    sizes = np.array([len(xy) for xy in coordinates])
    found = compute_centroids(np.vstack(coordinates), sizes)
    wanted = shapely.get_coordinates([shape.centroid for shape in moved])
    assert np.allclose(found, wanted, atol=1e-7)


def test_outlines_without_an_area_have_a_middle():
    xy = np.array([[0, 0], [2, 0], [0, 0], [5, 5], [1, 1], [3, 1]], dtype=float)
    found = compute_centroids(xy, np.array([3, 1, 2]))
    assert found.tolist() == [[1, 0], [5, 5], [2, 1]]
    assert compute_centroids(np.empty((0, 2)), np.array([], dtype=np.int64)).shape == (0, 2)
