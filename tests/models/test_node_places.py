"""A place on a node is asked about along each arm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.edge_graph import Positions, build_edge_graph
from models.nkde import NkdeOptions, compute_nkde
from models.nkde_bandwidth import adapt_bandwidth, estimate_bandwidth
from models.node_places import spread_over_arms

STAR = build_edge_graph([0, 2, 0, 4], [1, 0, 3, 0], [5.0, 5.0, 5.0, 5.0])
BROKEN = NkdeOptions(method="discontinuous")


def test_a_node_stands_on_all_its_arms_and_other_places_stay():
    arms = spread_over_arms(STAR, Positions(edge=[1, 2, 3], offset=[5, 3, 0]))
    assert arms.place.tolist() == [0, 0, 0, 0, 1, 2]  # node 4 is a dead end
    assert arms.positions.edge.tolist() == [0, 1, 2, 3, 2, 3]
    assert arms.positions.offset.tolist() == [0, 5, 0, 5, 3, 0]
    assert arms.average(np.array([4.0, 0, 0, 0, 7, 9])).tolist() == [1, 7, 9]
    assert arms.average(np.ones((6, 2))).tolist() == [[1, 1]] * 3
    none = spread_over_arms(STAR, Positions(edge=[], offset=[]))
    assert none.average(np.zeros((0, 3))).shape == (0, 3)


def test_a_loop_has_two_arms_at_its_node():
    arms = spread_over_arms(build_edge_graph([0], [0], [8.0]), Positions(edge=[0], offset=[8]))
    assert arms.positions.offset.tolist() == [0, 8]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_and_direction_of_edges_change_nothing_at_nodes(seed):
    rng = np.random.default_rng(seed)
    u, v = rng.integers(0, 5, (2, 7))
    length = rng.integers(1, 6, 7).astype(float)
    edge = rng.integers(0, 7, 5)
    offset = rng.choice([0.0, 0.5, 1.0], 5) * length[edge]
    order, is_turned = rng.permutation(7), rng.random(7) < 0.5
    found = []
    for turn in (False, True):
        now = np.argsort(order)[edge] if turn else edge
        ends = np.where(is_turned, [v, u], [u, v])[:, order] if turn else np.array([u, v])
        far = np.where(is_turned[edge], length[edge] - offset, offset) if turn else offset
        graph = build_edge_graph(*ends, length[order] if turn else length)
        places = Positions(edge=now, offset=far)
        arms = spread_over_arms(graph, places)
        density = compute_nkde(graph, places, arms.positions, bandwidth_m=6.0, options=BROKEN)
        choice = estimate_bandwidth(graph, places, [2, 6], options=BROKEN)
        adapted = adapt_bandwidth(graph, places, bandwidth_m=6.0, trim_m=7.0, options=BROKEN)
        found.append((arms.average(density), choice.table["score"].to_numpy(), adapted))
    for before, after in zip(*found, strict=True):
        assert after == pytest.approx(before, rel=1e-9)
