"""Chains and segments: by hand, then by their properties."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString

from core.errors import InputError
from geo.network import build_network_from_lines, build_network_from_osm
from geo.vector_io import explode_lines

ROAD = {"highway": "residential", "name": "One"}


def describe(network):
    """Return each segment as (end, end, length), smaller OSM id first."""
    ids = network.nodes["osm_node_id"].to_numpy()
    rows = network.segments
    ends = np.sort(np.column_stack([ids[rows["u"]], ids[rows["v"]]]), axis=1)
    return sorted(
        (*map(int, pair), round(m)) for pair, m in zip(ends, rows["length_m"], strict=True)
    )


def test_ways_merge_through_nodes_where_nothing_branches(write_osm, options):
    nodes = {1: (0, 0), 2: (100, 0), 3: (200, 0), 4: (300, 0), 5: (300, 100), 6: (400, 0)}
    ways = {10: ([2, 1], ROAD), 11: ([2, 3], ROAD), 12: ([4, 3], ROAD)}
    ways |= {13: ([4, 5], ROAD), 14: ([4, 6], ROAD)}
    network = build_network_from_osm(write_osm(nodes, ways), **options)
    assert describe(network) == [(1, 4, 300), (4, 5, 100), (4, 6, 100)]
    by_id = network.nodes.set_index("osm_node_id")["degree"]
    assert by_id.to_dict() == {1: 1, 4: 3, 5: 1, 6: 1}


def test_lines_that_cross_without_a_shared_node_stay_apart(write_osm, options):
    nodes = {1: (-100, 0), 2: (100, 0), 3: (0, -100), 4: (0, 100)}
    bridge = ROAD | {"bridge": "yes", "layer": "1"}
    path = write_osm(nodes, {10: ([1, 2], ROAD), 11: ([3, 4], bridge)})
    network = build_network_from_osm(path, **options)
    assert describe(network) == [(1, 2, 200), (3, 4, 200)]
    assert len(network.intersections) == 0
    assert network.summary["n_components"] == 2
    assert network.segments["is_bridge"].tolist() == [False, True]


def test_a_shared_inner_node_splits_both_ways(write_osm, options):
    nodes = {1: (-100, 0), 2: (100, 0), 3: (0, -100), 4: (0, 100), 5: (0, 0)}
    path = write_osm(nodes, {10: ([1, 5, 2], ROAD), 11: ([3, 5, 4], ROAD)})
    network = build_network_from_osm(path, **options)
    assert describe(network) == [(1, 5, 100), (2, 5, 100), (3, 5, 100), (4, 5, 100)]


@pytest.mark.parametrize(
    ("change", "n_segments"),
    [
        ({"highway": "primary"}, 2),
        ({"highway": "residential_link"}, 1),
        ({"highway": "living_street"}, 1),
        ({"oneway": "yes"}, 2),
        ({"name": "Two"}, 1),
        ({"lit": "yes"}, 1),
    ],
)
def test_only_a_change_of_class_or_direction_ends_a_segment(write_osm, options, change, n_segments):
    nodes = {1: (0, 0), 2: (100, 0), 3: (200, 0)}
    path = write_osm(nodes, {10: ([1, 2], ROAD), 11: ([2, 3], ROAD | change)})
    assert len(build_network_from_osm(path, **options).segments) == n_segments


def test_one_way_streets_join_whichever_way_they_were_drawn(write_osm, options):
    nodes = {1: (0, 0), 2: (100, 0), 3: (160, 0), 4: (210, 0)}
    ways = {
        10: ([1, 2], ROAD | {"oneway": "yes"}),
        11: ([3, 2], ROAD | {"oneway": "-1"}),
        12: ([3, 4], ROAD | {"oneway": "yes"}),
    }
    network = build_network_from_osm(write_osm(nodes, ways), **options)
    assert describe(network) == [(1, 4, 210)]
    segment = network.segments.iloc[0]
    start = network.nodes["osm_node_id"][segment["u"]]
    assert (segment["oneway"], start) == ("forward", 1)
    against = ways | {12: ([4, 3], ROAD | {"oneway": "yes"})}
    facing = build_network_from_osm(write_osm(nodes, against), **options)
    assert describe(facing) == [(1, 3, 160), (3, 4, 50)]


def test_attributes_are_those_of_the_longest_share_missing_included(write_osm, options):
    nodes = {1: (0, 0), 2: (100, 0), 3: (160, 0), 4: (220, 0)}
    ways = {
        10: ([1, 2], ROAD | {"lit": "yes", "maxspeed": "40"}),
        11: ([2, 3], ROAD | {"name": "Two"}),
        12: ([3, 4], ROAD | {"name": "Two", "maxspeed": "40"}),
    }
    segment = build_network_from_osm(write_osm(nodes, ways), **options).segments.iloc[0]
    assert segment["name"] == "Two"  # 120 m of 220
    assert segment["lit"] == "unknown"  # 120 m say nothing: not "yes", and never "no"
    assert segment["maxspeed_kmh"] == 40  # 160 m
    assert segment["osm_way_id"] == 10  # 100 m, the longest way


def test_long_segments_are_cut_into_equal_parts(write_osm, options):
    nodes = {1: (0, 0), 2: (500, 0), 3: (1050, 0), 4: (1050, 200)}
    path = write_osm(nodes, {10: ([1, 2, 3, 4], ROAD)})
    network = build_network_from_osm(path, **(options | {"max_segment_length_m": 500.0}))
    lengths = network.segments["length_m"].to_numpy()
    np.testing.assert_allclose(lengths, 1250 / 3, rtol=1e-3)
    assert network.nodes["osm_node_id"].tolist() == [1, 4, -1, -1]
    assert network.nodes["degree"].tolist() == [1, 1, 2, 2]
    assert network.segments["u"].tolist() == [0, 2, 3]
    assert network.segments["v"].tolist() == [2, 3, 1]


def test_a_cut_that_falls_on_a_vertex_leaves_no_double_vertex(make_lines, options):
    lines = make_lines([[(0, 0), (50, 0), (100, 0)]], highway=["primary"])
    network = build_network_from_lines(lines, **(options | {"max_segment_length_m": 50.0}))
    assert network.segments["length_m"].tolist() == [50.0, 50.0]
    assert shapely.get_num_coordinates(network.segments.geometry.to_numpy()).tolist() == [2, 2]


def test_rings_loops_and_doubles_are_kept(make_lines, options):
    ring = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
    loop = [(500, 0), (550, 50), (550, -50), (500, 0)]
    lines = make_lines(
        [ring, [(400, 0), (500, 0)], loop, [(0, 900), (90, 900)], [(90, 900), (0, 900)]],
        highway=["residential"] * 5,
    )
    network = build_network_from_lines(lines, **options)
    segments, degree = network.segments, network.nodes["degree"]
    alone = segments[segments["u"] == segments["v"]]
    assert len(alone) == 3
    assert sorted(degree[alone["u"]]) == [2, 2, 3]
    assert segments["length_m"].sum() == pytest.approx(lines.length.sum())
    # The doubled street is a ring of two lines: one segment there and back.
    assert segments["length_m"].max() == pytest.approx(400.0)
    assert 180.0 in segments["length_m"].tolist()
    assert network.summary["n_components"] == 3


def test_a_ring_of_several_ways_has_one_node(write_osm, options):
    nodes = {1: (0, 0), 2: (100, 0), 3: (100, 100)}
    path = write_osm(nodes, {10: ([2, 3], ROAD), 11: ([3, 1], ROAD), 12: ([1, 2], ROAD)})
    network = build_network_from_osm(path, **options)
    assert network.nodes["osm_node_id"].tolist() == [1]
    assert network.segments["length_m"].tolist() == [pytest.approx(341.42, abs=0.2)]


def test_a_length_that_is_not_positive_is_refused(make_lines, options):
    lines = make_lines([[(0, 0), (50, 0)]], highway=["primary"])
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="max_segment_length_m"):
            build_network_from_lines(lines, **(options | {"max_segment_length_m": wrong}))


steps = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=7)
streets = st.lists(steps, min_size=1, max_size=8)


def as_layer(make_lines, lines, classes=("residential",)):
    """Build a layer on a 60 m grid; stretches of no length are left out."""
    paths = [[p for i, p in enumerate(line) if i == 0 or p != line[i - 1]] for line in lines]
    paths = [[(60.0 * x, 60.0 * y) for x, y in line] for line in paths if len(line) > 1]
    kinds = [classes[i % len(classes)] for i in range(len(paths))]
    return make_lines(paths, highway=kinds) if paths else None


@settings(max_examples=30, deadline=None)
@given(lines=streets, data=st.data())
def test_length_and_junctions_do_not_depend_on_how_ways_are_cut_up_and_drawn(
    make_lines, options, lines, data
):
    layer = as_layer(make_lines, lines)
    if layer is None:
        return
    pieces = [LineString(pair) for line in layer.geometry for pair in pairwise(line.coords)]
    turned = [line.reverse() if data.draw(st.booleans()) else line for line in pieces]
    order = data.draw(st.permutations(range(len(turned))))
    other = gpd.GeoDataFrame(
        {"highway": ["residential"] * len(turned)},
        geometry=[turned[i] for i in order],
        crs=layer.crs,
    )
    first = build_network_from_lines(layer, **options)
    second = build_network_from_lines(other, **options)
    assert first.segments["length_m"].sum() == pytest.approx(layer.length.sum())
    np.testing.assert_allclose(
        np.sort(first.segments["length_m"]), np.sort(second.segments["length_m"])
    )
    where = [
        sorted(zip(some.geometry.x, some.geometry.y, some["degree"], strict=True))
        # a ring that touches nothing has its one end, of degree 2, where a way ends
        for some in (n.nodes[n.nodes["degree"] != 2] for n in (first, second))
    ]
    assert where[0] == where[1]
    assert first.summary["n_components"] == second.summary["n_components"]


@settings(max_examples=30, deadline=None)
@given(lines=streets, max_length_m=st.floats(5, 400))
def test_every_segment_runs_from_node_to_node_and_is_short_enough(
    make_lines, options, lines, max_length_m
):
    layer = as_layer(make_lines, lines, ("residential", "primary"))
    if layer is None:
        return
    network = build_network_from_lines(layer, **(options | {"max_segment_length_m": max_length_m}))
    segments, nodes = network.segments, network.nodes
    shapes = segments.geometry.to_numpy()
    assert (segments["length_m"] <= max_length_m * (1 + 1e-9)).all()
    assert (segments["length_m"] > 0).all()
    np.testing.assert_allclose(shapely.length(shapes), segments["length_m"])
    spots = nodes.geometry.to_numpy()
    for end, index in (("u", 0), ("v", -1)):
        gap = shapely.distance(shapely.get_point(shapes, index), spots[segments[end]])
        assert gap.max() < 1e-6
    ends = np.concatenate([segments["u"], segments["v"]])
    np.testing.assert_array_equal(np.bincount(ends, minlength=len(nodes)), nodes["degree"])
    assert segments["length_m"].sum() == pytest.approx(layer.length.sum())
    for kind, total in layer.length.groupby(layer["highway"]).sum().items():
        assert segments.loc[segments["road_class"] == kind, "length_m"].sum() == pytest.approx(
            total
        )


def test_exploding_gives_every_part_its_row():
    parts = shapely.from_wkt(["MULTILINESTRING ((0 0, 1 0), (5 5, 6 6))", None, "LINESTRING EMPTY"])
    lines, n_without = explode_lines(gpd.GeoDataFrame({"a": [1, 2, 3]}, geometry=parts, crs=32648))
    assert (lines["source_row"].tolist(), n_without) == ([0, 0], 2)
