"""Neighbours along a network, against shortest paths of scipy and by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from core.errors import InputError
from models.edge_graph import Positions, build_edge_graph
from models.network_kernels import evaluate_kernel, get_kernel_code
from models.network_weights import (
    build_weights,
    build_weights_from_matrix,
    find_neighbour_distances,
)


def measure_all(u, v, length, edge, offset):
    """Measure every pair of places by Dijkstra's search over nodes that are places too."""
    u, v, length = np.asarray(u), np.asarray(v), np.asarray(length, dtype=float)
    n_nodes, n = int(max(u.max(), v.max())) + 1, len(edge)
    best = np.full((n_nodes + n, n_nodes + n), np.inf)

    def join(a, b, far):
        best[a, b] = best[b, a] = min(best[a, b], far)

    for e in range(len(u)):
        on = sorted((offset[i], n_nodes + i) for i in range(n) if edge[i] == e)
        stops = [(0.0, u[e]), *on, (length[e], v[e])]
        for (x, a), (y, b) in itertools.pairwise(stops):
            if a != b:
                join(a, b, y - x)
    np.fill_diagonal(best, np.inf)
    graph = sparse.coo_array(np.isfinite(best))
    far = dijkstra(
        sparse.csr_array((np.maximum(best[graph.row, graph.col], 1e-12), (graph.row, graph.col)))
    )
    return far[n_nodes:, n_nodes:]


def test_a_cross_by_hand():
    graph = build_edge_graph([0, 0, 0, 3], [1, 2, 3, 3], [100.0, 100.0, 50.0, 60.0])
    places = Positions(edge=np.array([0, 1, 0, 3, 3]), offset=np.array([10.0, 20, 10, 5, 50]))
    found = find_neighbour_distances(graph, places, max_distance_m=70.0)
    expected = {(0, 1): 30, (0, 2): 0, (1, 2): 30, (0, 3): 65, (0, 4): 70, (2, 3): 65, (2, 4): 70,
                (3, 4): 15}  # fmt: skip
    pairs = sparse.coo_array(found)
    both = {**expected, **{(j, i): d for (i, j), d in expected.items()}}
    got = dict(
        zip(zip(pairs.row.tolist(), pairs.col.tolist(), strict=True), pairs.data, strict=True)
    )
    assert got == pytest.approx({**both})


@settings(max_examples=40)
@given(st.data())
def test_distances_are_those_of_scipy(data):
    n_edges = data.draw(st.integers(1, 8))
    node = st.integers(0, 5)
    u = data.draw(st.lists(node, min_size=n_edges, max_size=n_edges))
    v = data.draw(st.lists(node, min_size=n_edges, max_size=n_edges))
    length = data.draw(st.lists(st.integers(1, 40), min_size=n_edges, max_size=n_edges))
    n = data.draw(st.integers(0, 7))
    edge = np.array(
        data.draw(st.lists(st.integers(0, n_edges - 1), min_size=n, max_size=n)), dtype=np.int64
    )
    share = data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.6, 1.0]), min_size=n, max_size=n))
    offset = np.array([s * length[e] for s, e in zip(share, edge, strict=True)])
    limit = data.draw(st.sampled_from([1.0, 17.5, 60.0, 1e6]))
    graph = build_edge_graph(u, v, length)
    found = find_neighbour_distances(
        graph, Positions(edge=edge, offset=offset), max_distance_m=limit, n_workers=1
    )
    got = np.full((n, n), np.inf)
    pairs = sparse.coo_array(found)
    got[pairs.row, pairs.col] = pairs.data
    np.fill_diagonal(got, 0.0)
    if not n:
        assert found.shape == (0, 0)
        return
    far = measure_all(u, v, length, edge, offset)
    np.fill_diagonal(far, 0.0)
    np.testing.assert_allclose(got, np.where(far <= limit + 1e-6, far, np.inf), atol=1e-9)


@pytest.fixture
def distance():
    pairs = ([5.0, 5.0, 40.0, 40.0], ([0, 1, 1, 2], [1, 0, 2, 1]))
    return sparse.csr_array(sparse.coo_array(pairs, shape=(4, 4)))


def test_forms_of_weights(distance):
    binary = build_weights(distance, max_distance_m=30)
    assert binary.raw.toarray().tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4]
    assert binary.n_islands == 2
    inverse = build_weights(distance, form="inverse", power=2, least_distance_m=10)
    assert inverse.raw.toarray()[1] == pytest.approx([1 / 100, 0, 1 / 1600, 0])
    assert inverse.self_weight == pytest.approx(1 / 100)
    kernel = build_weights(distance, form="kernel", max_distance_m=40, kernel="triangular")
    assert kernel.raw.toarray()[1] == pytest.approx([1 - 5 / 40, 0, 0, 0])
    code = get_kernel_code("quartic")
    quartic = build_weights(distance, form="kernel", max_distance_m=80)
    expected = evaluate_kernel(code, 40.0, 80.0) / evaluate_kernel(code, 0.0, 80.0)
    assert quartic.raw[1, 2] == pytest.approx(expected)


def test_rows_are_standardised_with_the_place_itself(distance):
    weights = build_weights(distance, row_standardised=True)
    assert weights.build_matrix().toarray()[1] == pytest.approx([0.5, 0, 0.5, 0])
    third = pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert weights.build_matrix(has_self=True).toarray()[1] == third
    assert weights.build_matrix(has_self=True).toarray()[3].sum() == 0  # an island stays empty
    assert "1 of 4 places" in weights.meaning


def test_windows_are_taken_without_their_diagonal():
    windows = sparse.csr_array(np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]]))
    weights = build_weights_from_matrix(windows)
    assert weights.raw.toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert weights.build_matrix(has_self=True).toarray().tolist() == windows.toarray().tolist()
    assert weights.meaning.startswith("Every place has a neighbour")


def test_what_cannot_be_used_is_refused(distance):
    with pytest.raises(InputError, match="form"):
        build_weights(distance, form="queen")
    with pytest.raises(InputError, match="bandwidth"):
        build_weights(distance, form="kernel")
    with pytest.raises(InputError, match="above 0"):
        build_weights(distance, form="inverse", power=0)
    with pytest.raises(InputError, match="negative or missing"):
        build_weights_from_matrix(distance * -1)
    with pytest.raises(InputError, match="one row and one column"):
        build_weights_from_matrix(distance[:2])
    graph = build_edge_graph([0], [1], [10.0])
    places = Positions(edge=np.array([0]), offset=np.array([4.0]))
    with pytest.raises(InputError, match="max_distance_m"):
        find_neighbour_distances(graph, places, max_distance_m=float("nan"))
