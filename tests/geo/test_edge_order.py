"""Edges are ordered by where they lie, however a layer holds them."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString

from geo.edge_order import order_edges
from geo.line_edges import build_line_edges

CRS = 32648


def layer(lines):
    return gpd.GeoDataFrame(geometry=[LineString(one) for one in lines], crs=CRS)


def lay_out(lines, far):
    """Return the places at distances along all edges in order."""
    edges = build_line_edges(layer(lines))
    arm = order_edges(edges)
    assert sorted(arm // 2) == list(range(len(edges.u)))
    upto = np.cumsum(edges.length_m[arm // 2])
    at = np.searchsorted(upto, far, side="right")
    along = far - (upto - edges.length_m[arm // 2])[at]
    edge, end = arm[at] // 2, arm[at] % 2
    along = np.where(end == 1, edges.length_m[edge] - along, along)
    return shapely.get_coordinates(
        shapely.line_interpolate_point(edges.lines.geometry.to_numpy()[edge], along)
    )


def test_three_roads_from_their_lower_ends():
    lines = [[(9, 0), (5, 0)], [(5, 5), (5, 0)], [(0, 0), (5, 0)], [(9, 0), (12, 3)]]
    edges = build_line_edges(layer(lines))
    assert order_edges(edges).tolist() == [4, 3, 1, 6]  # west; north; east and on


def test_a_ring_and_two_ways_between_the_same_junctions():
    lines = [[(0, 0), (4, 0)], [(4, 0), (4, 4), (0, 0)], [(4, 0), (9, 0)], [(0, 0), (0, 1)]]
    lines += [
        [(20, 20), (25, 20)],
        [(25, 20), (25, 25), (20, 20)],
        [(30, 0), (31, 0), (31, 1), (30, 0)],
    ]
    far = np.linspace(0.1, 40, 40)
    assert lay_out(lines[::-1], far) == pytest.approx(lay_out(lines, far))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_direction_and_cutting_change_nothing(seed):
    rng = np.random.default_rng(seed)
    spots = 100.0 * np.array([(x, y) for x in range(4) for y in range(4)]) + rng.uniform(
        -20, 20, (16, 2)
    )
    pairs = {tuple(sorted(rng.choice(16, 2, replace=False))) for _ in range(18)}
    lines = [[spots[a], rng.uniform(0, 300, 2), spots[b]] for a, b in sorted(pairs)]
    total = sum(LineString(one).length for one in lines)
    far = rng.uniform(0, total, 60)
    other = []
    for line in lines:
        t = rng.uniform(0.2, 0.8)
        middle = (1 - t) * line[0] + t * line[1]
        parts = [[line[0], middle], [middle, *line[1:]]] if rng.random() < 0.5 else [line]
        other += [one[::-1] if rng.random() < 0.5 else one for one in parts]
    other = [other[at] for at in rng.permutation(len(other))]
    assert lay_out(other, far) == pytest.approx(lay_out(lines, far), abs=1e-6)
