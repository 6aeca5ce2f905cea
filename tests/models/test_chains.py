"""Edges without a junction between them, joined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chains import join_chains
from models.edge_graph import Positions, build_edge_graph
from models.nkde import METHODS, NkdeOptions, compute_nkde
from models.smoothing import build_kernel_matrix


def test_a_road_in_four_pieces_and_a_side_road():
    """0 - 1 - 2 - 3 along a road, the second piece drawn backwards; 4 joins at 2."""
    graph = build_edge_graph([0, 2, 2, 4], [1, 1, 3, 2], [10.0, 20.0, 30.0, 5.0])
    chains = join_chains(graph)
    assert sorted(chains.graph.length) == [5.0, 30.0, 30.0]
    first = chains.edge[0]
    assert chains.edge[1] == first
    assert chains.begin[:2].tolist() == [0.0, 10.0]
    assert chains.is_turned[:2].tolist() == [False, True]
    moved = chains.move(Positions(edge=np.array([0, 1, 1, 1]), offset=np.array([4.0, 0, 5, 20])))
    assert moved.edge.tolist() == [first] * 4
    assert moved.offset.tolist() == [4.0, 30.0, 25.0, 10.0]


def test_a_ring_keeps_one_node_and_a_loop_its_own():
    ring = join_chains(build_edge_graph([0, 1, 2], [1, 2, 0], [1.0, 2.0, 3.0])).graph
    assert ring.length.tolist() == [6.0]
    assert ring.node[0, 0] == ring.node[0, 1]
    loop = join_chains(build_edge_graph([0, 3], [0, 4], [7.0, 2.0])).graph
    assert loop.length.tolist() == [7.0, 2.0]
    assert join_chains(build_edge_graph([], [], [])).graph.n_edges == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(2, 20))
def test_roads_keep_their_length_and_their_junctions(seed, n_edges, n_nodes):
    rng = np.random.default_rng(seed)
    u, v = rng.integers(0, n_nodes, (2, n_edges))
    graph = build_edge_graph(u, v, rng.uniform(1, 9, n_edges))
    chains = join_chains(graph)
    own = np.bincount(chains.edge, graph.length, minlength=chains.graph.n_edges)
    assert own == pytest.approx(chains.graph.length)
    degree = np.bincount(np.concatenate([u, v]), minlength=n_nodes)
    kept = np.bincount(chains.graph.node.ravel(), minlength=n_nodes)
    assert (kept[degree != 2] == degree[degree != 2]).all()
    assert np.isin(kept[degree == 2], (0, 2)).all()
    ends = chains.move(Positions(edge=np.arange(n_edges), offset=np.zeros(n_edges)))
    assert (ends.offset >= 0).all()
    assert (ends.offset <= chains.graph.length[ends.edge]).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("in_steps", [False, True])
def test_pieces_of_a_hand_change_no_density(method, in_steps, monkeypatch):
    """Streets of 40 m in pieces of 0.1 m, shorter than a step."""
    if in_steps:
        monkeypatch.setattr("models.nkde_spread.MAX_WALKS", 0)
        monkeypatch.setattr("models.smoothing.MAX_WALKS", 0)
    corners = np.arange(9).reshape(3, 3)
    u = np.concatenate([corners[:, :-1].ravel(), corners[:-1].ravel()])
    v = np.concatenate([corners[:, 1:].ravel(), corners[1:].ravel()])
    whole = build_edge_graph(u, v, np.full(len(u), 40.0))
    at = Positions(edge=np.arange(len(u)), offset=np.full(len(u), 15.05))
    n = 400
    inner = 9 + np.arange(len(u) * (n - 1)).reshape(len(u), n - 1)
    node = np.column_stack([u, inner, v])
    cut = build_edge_graph(node[:, :-1].ravel(), node[:, 1:].ravel(), np.full(len(u) * n, 40.0 / n))
    pieces = Positions(edge=np.arange(len(u)) * n + 150, offset=np.full(len(u), 0.05))
    options = NkdeOptions(method=method)
    expected = compute_nkde(whole, at, at, bandwidth_m=90.0, options=options)
    found = compute_nkde(cut, pieces, pieces, bandwidth_m=90.0, options=options)
    assert found == pytest.approx(expected, rel=1e-9)
    matrix = build_kernel_matrix(cut, pieces, bandwidth_m=90.0, options=options)
    assert matrix.sum(axis=1) == pytest.approx(expected, rel=1e-6)
