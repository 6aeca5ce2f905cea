"""Touching lixels and windows along the network, beside a brute-force search."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString

from core.errors import InputError, TableError
from geo.lixels import build_lixels
from geo.neighbours import build_lixel_adjacency, build_lixel_windows

CRS = 32648


def make_network(*rows, lixel_length_m):
    """Make segments and lixels of rows (u, v, line)."""
    segments = gpd.GeoDataFrame(
        {
            "segment_id": range(len(rows)),
            "u": np.array([row[0] for row in rows], dtype=np.int64),
            "v": np.array([row[1] for row in rows], dtype=np.int64),
        },
        geometry=[row[2] for row in rows],
        crs=CRS,
    )
    return build_lixels(segments, lixel_length_m=lixel_length_m), segments


def pairs(matrix):
    coo = matrix.tocoo()
    return set(zip(coo.row.tolist(), coo.col.tolist(), strict=True))


@pytest.fixture
def cross_with_bridge():
    """Return a tee of three 100 m arms, and a road that crosses one arm on a bridge."""
    return make_network(
        (10, 20, LineString([(0, 0), (100, 0)])),  # lixels 0, 1
        (20, 30, LineString([(100, 0), (200, 0)])),  # lixels 2, 3
        (20, 40, LineString([(100, 0), (100, 100)])),  # lixels 4, 5
        (50, 60, LineString([(25, -50), (25, 50)])),  # lixels 6, 7: crosses lixel 0
        lixel_length_m=50,
    )


def test_lixels_touch_inside_segments_and_at_nodes_only(cross_with_bridge):
    adjacency = build_lixel_adjacency(*cross_with_bridge)
    expected = {(0, 1), (2, 3), (4, 5), (1, 2), (1, 4), (2, 4), (6, 7)}
    assert pairs(adjacency) == expected | {(b, a) for a, b in expected}
    assert adjacency.dtype == bool


def test_window_reaches_half_its_length_from_centre_to_centre(cross_with_bridge):
    windows = build_lixel_windows(*cross_with_bridge, window_length_m=100)
    row = {int(lixel) for lixel in windows[[1]].indices}
    assert row == {0, 1, 2, 4}  # 50 m each way along the network, both branches
    windows = build_lixel_windows(*cross_with_bridge, window_length_m=99.9)
    assert pairs(windows) == {(i, i) for i in range(8)}
    windows = build_lixel_windows(*cross_with_bridge, window_length_m=300)
    assert {int(lixel) for lixel in windows[[0]].indices} == {0, 1, 2, 3, 4, 5}
    assert {int(lixel) for lixel in windows[[6]].indices} == {6, 7}
    assert set(windows.data) == {1.0}


def test_a_ring_is_reached_both_ways():
    ring = LineString([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)])
    lixels, segments = make_network((1, 1, ring), lixel_length_m=50)
    windows = build_lixel_windows(lixels, segments, window_length_m=200)
    assert {int(i) for i in windows[[0]].indices} == {0, 1, 2, 6, 7}
    adjacency = build_lixel_adjacency(lixels, segments)
    assert {int(i) for i in adjacency[[0]].indices} == {1, 7}


def test_a_loop_of_one_lixel_does_not_touch_itself():
    ring = LineString([(0, 0), (5, 0), (5, 5), (0, 0)])
    lixels, segments = make_network((1, 1, ring), lixel_length_m=50)
    assert build_lixel_adjacency(lixels, segments).nnz == 0
    assert pairs(build_lixel_windows(lixels, segments, window_length_m=300)) == {(0, 0)}


def test_no_lixels_give_empty_matrices():
    lixels, segments = make_network(lixel_length_m=50)
    assert build_lixel_adjacency(lixels, segments).shape == (0, 0)
    assert build_lixel_windows(lixels, segments, window_length_m=300).shape == (0, 0)


def test_bad_input_is_refused(cross_with_bridge):
    lixels, segments = cross_with_bridge
    with pytest.raises(InputError, match="window_length_m"):
        build_lixel_windows(lixels, segments, window_length_m=-1)
    with pytest.raises(TableError, match="first 3"):
        build_lixel_adjacency(lixels, segments[:3])
    with pytest.raises(TableError, match="u, v"):
        build_lixel_adjacency(lixels, segments.drop(columns=["u", "v"]))
    with pytest.raises(TableError, match="order"):
        build_lixel_windows(lixels[::-1], segments, window_length_m=300)


@st.composite
def networks(draw):
    """Draw a small multigraph with cycles, parallel edges, loops and several parts."""
    n_nodes = draw(st.integers(1, 6))
    node = st.integers(0, n_nodes - 1)
    edges = draw(st.lists(st.tuples(node, node, st.integers(20, 240)), min_size=1, max_size=9))
    place = {n: (300.0 * (n % 3), 300.0 * (n // 3)) for n in range(n_nodes)}
    rows = []
    for u, v, extra in edges:
        (x0, y0), (x1, y1) = place[u], place[v]
        bend = ((x0 + x1) / 2 + extra, (y0 + y1) / 2 + extra)
        middle = [bend, (bend[0], bend[1] - 7.0)]
        rows.append((1000 + 7 * u, 1000 + 7 * v, LineString([(x0, y0), *middle, (x1, y1)])))
    return rows


@settings(deadline=None, max_examples=60)
@given(rows=networks(), lixel_length=st.sampled_from([30, 50, 120]), window=st.integers(0, 900))
def test_windows_equal_a_search_of_the_whole_network(rows, lixel_length, window):
    lixels, segments = make_network(*rows, lixel_length_m=lixel_length)
    graph = nx.Graph()  # every lixel is centre -- both ends, at half its length
    last = lixels.groupby("segment_id")["lixel_id"].transform("max")
    first = lixels.groupby("segment_id")["lixel_id"].transform("min")
    ends = {}
    for i, row in enumerate(lixels.itertuples()):
        segment = segments.iloc[row.segment_id]
        start = ("node", segment.u) if i == first[i] else ("cut", i - 1)
        end = ("node", segment.v) if i == last[i] else ("cut", i)
        ends[i] = {start, end}
        graph.add_edge(("centre", i), start, weight=row.length_m / 2)
        graph.add_edge(("centre", i), end, weight=row.length_m / 2)
    expected, touching = set(), set()
    for i in range(len(lixels)):
        distance = nx.single_source_dijkstra_path_length(graph, ("centre", i))
        expected |= {
            (i, j)
            for j in range(len(lixels))
            if distance.get(("centre", j), np.inf) <= window / 2 + 1e-6
        }
        touching |= {(i, j) for j in range(len(lixels)) if j != i and ends[i] & ends[j]}
    windows = build_lixel_windows(lixels, segments, window_length_m=window)
    assert pairs(windows) == expected
    assert (windows != windows.T).nnz == 0
    assert windows.has_sorted_indices
    assert pairs(build_lixel_adjacency(lixels, segments)) == touching
