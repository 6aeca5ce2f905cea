import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import LineString, Point

from core.errors import GeometryError
from geo.line_edges import build_line_edges, find_repeated_edges, place_on_edges

CRS = 32648


def layer(*lines):
    return gpd.GeoDataFrame(geometry=[LineString(line) for line in lines], crs=CRS)


def test_lines_are_cut_where_they_share_a_vertex_and_nowhere_else():
    edges = build_line_edges(layer([(0, 0), (5, 0), (10, 0)], [(5, 0), (5, 5)], [(2, -1), (2, 1)]))
    assert sorted(edges.length_m.tolist()) == [2.0, 5.0, 5.0, 5.0]
    assert edges.lines["source_row"].tolist() == [0, 0, 1, 2]
    of_node = np.bincount(np.concatenate([edges.u, edges.v]))
    assert sorted(of_node.tolist()) == [1, 1, 1, 1, 1, 3]  # the crossing line stays apart


def test_rings_loops_and_repeated_vertices():
    edges = build_line_edges(layer([(0, 0), (10, 0), (10, 10), (0, 0)], [(0, 0), (0, 0), (-3, 0)]))
    assert edges.length_m.tolist() == [pytest.approx(20 + 200**0.5), pytest.approx(3.0)]
    assert edges.u[0] == edges.v[0] == edges.u[1]
    knot = build_line_edges(layer([(0, 0), (4, 4), (8, 0), (4, 4), (0, 8)]))
    assert len(knot.length_m) == 3  # to the knot, its loop, and on
    assert knot.u[1] == knot.v[1]


def test_nothing_with_a_length_is_refused():
    with pytest.raises(GeometryError, match="none of 1 has a length"):
        build_line_edges(layer([(1, 1), (1, 1)]))


def test_points_lie_on_the_nearest_edge_and_exactly_on_its_ends():
    edges = build_line_edges(layer([(0, 0), (10, 0)], [(10, 0), (20, 0)]))
    points = gpd.GeoDataFrame(
        geometry=[Point(3, 4), Point(-2, 0), Point(10, 1), Point(5, 99), Point()], crs=CRS
    )
    placed = place_on_edges(points, edges, max_distance_m=50)
    assert placed.edge.tolist() == [0, 0, 0, -1, -1]
    assert placed.offset_m[:3].tolist() == [3.0, 0.0, 10.0]
    assert placed.distance_m[:3].tolist() == [4.0, 2.0, 1.0]


def test_a_point_within_a_millimetre_of_a_node_lies_on_it():
    edges = build_line_edges(
        layer([(0, 0), (10, 0)], [(10, 0), (10.0015, 0)], [(10.0015, 0), (9, 9)])
    )
    spots = [(0.0009, 0), (0.002, 0), (9.9995, 0), (10.0006, 0), (10.001, 0)]
    points = gpd.GeoDataFrame(geometry=[Point(one) for one in spots], crs=CRS)
    placed = place_on_edges(points, edges)
    node = np.where(placed.offset_m == 0, edges.u[placed.edge], -1)
    node = np.where(placed.offset_m == edges.length_m[placed.edge], edges.v[placed.edge], node)
    assert node.tolist() == [edges.u[0], -1, edges.v[0], edges.v[0], edges.v[1]]


def test_roads_that_are_there_twice_are_found():
    edges = build_line_edges(
        layer(
            [(0, 0), (5, 0), (9, 0)],
            [(9, 0), (5, 0)],  # again, turned and in part
            [(5, 0), (5.5, 1), (9, 0)],  # another way between the same nodes
        )
    )
    assert find_repeated_edges(edges).tolist() == [-1, -1, 1, -1]
    again = build_line_edges(layer([(0, 0), (0, 0.0001), (0, 8)], [(0.0002, 8), (0, 0)]))
    assert len(again.u) == 2  # two vertices of one node make no loop
    assert find_repeated_edges(again).tolist() == [-1, 0]
