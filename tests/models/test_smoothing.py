"""The smoothing matrix is the network kernel density, column by column."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.smoothing as smoothing_module
from core.errors import InputError
from models.edge_graph import Positions, build_edge_graph
from models.network_kernels import KERNELS
from models.nkde import METHODS, NkdeOptions, compute_nkde
from models.smoothing import build_kernel_matrix


def points(*pairs):
    edge, offset = zip(*pairs, strict=True) if pairs else ((), ())
    return Positions(edge=np.array(edge, dtype=np.int64), offset=np.array(offset, dtype=np.float64))


@st.composite
def small_networks(draw):
    """Connected or not; with loops, parallel edges, cycles and dead ends; places on nodes too."""
    n_nodes = draw(st.integers(1, 5))
    node = st.integers(0, n_nodes - 1)
    length = st.sampled_from([1.0, 1.5, 2.0, 0.7, math.sqrt(2), 3.1, 9.3])
    edges = draw(st.lists(st.tuples(node, node, length), min_size=1, max_size=7))
    used = sorted({one for u, v, _ in edges for one in (u, v)})
    graph = build_edge_graph(
        [used.index(u) for u, _, _ in edges],
        [used.index(v) for _, v, _ in edges],
        [one for _, _, one in edges],
    )
    share = st.sampled_from([0.0, 1.0, 0.25, 0.5, 0.9])
    place = st.tuples(st.integers(0, len(edges) - 1), share)
    places = draw(st.lists(place, min_size=1, max_size=8))
    return graph, points(*((e, edges[e][2] * part) for e, part in places))


def spread_each(graph, at, options):
    return compute_nkde(graph, at, at, bandwidth_m=4.3, weights=np.eye(len(at)), options=options)


@settings(deadline=None, max_examples=60)
@given(small_networks(), st.sampled_from(METHODS), st.booleans(), st.sampled_from(KERNELS))
def test_every_column_is_the_density_of_one_event(network, method, reflects, kernel):
    graph, at = network
    options = NkdeOptions(
        method=method, kernel=kernel, reflects_at_dead_ends=reflects and method != "simple"
    )
    found = build_kernel_matrix(graph, at, bandwidth_m=4.3, options=options)
    assert found.toarray() == pytest.approx(spread_each(graph, at, options), abs=1e-9)


STAR = build_edge_graph([0, 0, 0, 0], [1, 2, 3, 4], [5.0, 5.0, 5.0, 5.0])


@pytest.mark.parametrize(
    ("method", "expected"), [("simple", 0.0384), ("discontinuous", 0.0128), ("continuous", 0.0192)]
)
def test_the_star_of_four_arms(method, expected):
    at = points((1, 3.0), (0, 3.0))
    found = build_kernel_matrix(
        STAR, at, bandwidth_m=10.0, options=NkdeOptions(method=method)
    ).toarray()
    assert found[0, 1] == pytest.approx(1000 * expected, abs=1e-9)
    assert found[1, 0] == pytest.approx(found[0, 1])


def grid_of_streets(n, length):
    node = np.arange(n * n).reshape(n, n)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    graph = build_edge_graph(u, v, np.full(len(u), length))
    edge = np.repeat(np.arange(len(u)), 2)
    return graph, Positions(edge=edge, offset=np.tile([0.25 * length, 0.75 * length], len(u)))


@pytest.mark.parametrize("method", ["discontinuous", "continuous"])
def test_steps_are_as_near_as_those_of_the_density(monkeypatch, method):
    graph, at = grid_of_streets(6, 40.0)
    at = Positions(edge=np.append(at.edge, [3, 7]), offset=np.append(at.offset, [0.0, 40.0]))
    options = NkdeOptions(method=method)
    exact = build_kernel_matrix(graph, at, bandwidth_m=150.0, options=options).toarray()
    monkeypatch.setattr(smoothing_module, "MAX_WALKS", 2)
    steps = build_kernel_matrix(graph, at, bandwidth_m=150.0, options=options).toarray()
    assert (steps != exact).any()
    assert steps == pytest.approx(exact, abs=1e-6 * exact.max())


@pytest.mark.parametrize("method", METHODS)
def test_it_is_symmetric_and_the_same_on_any_number_of_threads(monkeypatch, method):
    monkeypatch.setattr(smoothing_module, "EVENTS_AT_ONCE", 7)
    graph, at = grid_of_streets(4, 60.0)
    one, three = (
        build_kernel_matrix(
            graph, at, bandwidth_m=130.0, options=NkdeOptions(method=method, n_workers=n)
        )
        for n in (1, 3)
    )
    assert (one != three).nnz == 0
    assert one.toarray() == pytest.approx(one.toarray().T, abs=1e-9)
    assert one.indices.dtype == np.int32


def test_unsorted_places_keep_their_rows():
    graph, at = grid_of_streets(3, 60.0)
    order = np.random.default_rng(1).permutation(len(at))
    mixed = Positions(edge=at.edge[order], offset=at.offset[order])
    found = build_kernel_matrix(graph, mixed, bandwidth_m=100.0).toarray()
    sorted_one = build_kernel_matrix(graph, at, bandwidth_m=100.0).toarray()
    assert found == pytest.approx(sorted_one[np.ix_(order, order)], abs=1e-12)


def test_places_at_one_spot_and_no_places():
    graph, _ = grid_of_streets(2, 60.0)
    twice = build_kernel_matrix(graph, points((0, 10.0), (0, 10.0)), bandwidth_m=50.0).toarray()
    assert twice == pytest.approx(np.full((2, 2), twice[0, 0]))
    assert build_kernel_matrix(graph, points(), bandwidth_m=50.0).shape == (0, 0)


def test_what_cannot_be_smoothed_is_said():
    graph, at = grid_of_streets(2, 60.0)
    with pytest.raises(InputError, match="bandwidth_m"):
        build_kernel_matrix(graph, at, bandwidth_m=0.0)
    with pytest.raises(InputError, match="lie on no edge"):
        build_kernel_matrix(graph, points((9, 1.0)), bandwidth_m=10.0)
