"""Network K: counted by hand, by networkx from the definition, and under chance."""

import itertools
import math
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, NotEnoughDataError
from models.edge_graph import Positions, build_edge_graph
from models.k_envelopes import compute_global_envelope, compute_pointwise_envelope
from models.k_function import compute_k_function, evaluate_clustering
from models.k_options import Distances, KOptions, NullDraws
from models.k_words import describe_clustering
from models.random_positions import draw_positions, read_arm_order, read_edge_weights

STAR = [(0, 1, 5.0), (0, 2, 5.0), (0, 3, 5.0), (0, 4, 5.0)]  # north, east, south, west
CORRECTED = KOptions(is_corrected=True)
TIE = 1e-7


def points(*pairs):
    edge, offset = zip(*pairs, strict=True) if pairs else ((), ())
    return Positions(edge=np.array(edge, dtype=np.int64), offset=np.array(offset, dtype=np.float64))


def graph_of(edges):
    return build_edge_graph(*zip(*edges, strict=True))


def upto(end, step=1.0, start=0.0):
    return Distances(start_m=start, end_m=end, step_m=step)


def divide_edges(edges, spots):
    """Return a networkx graph with a node at every place, and the node of each place."""
    net = nx.MultiGraph()
    net.add_nodes_from({one for u, v, _ in edges for one in (u, v)})
    place = {}
    for e, (u, v, length) in enumerate(edges):
        on = sorted({x for edge, x in spots if edge == e and 0 < x < length})
        names = [u, *((e, x) for x in on), v]
        cuts = [0.0, *on, length]
        place |= {(e, 0.0): u, (e, length): v} | {(e, x): (e, x) for x in on}
        for (a, b), (s, t) in zip(itertools.pairwise(names), itertools.pairwise(cuts), strict=True):
            net.add_edge(a, b, length=t - s)
    return net, [place[one] for one in spots]


def count_places(net, source, distance):
    """Count the places at one distance: nodes, and inner points of edges."""
    far = nx.single_source_dijkstra_path_length(net, source, weight="length")
    n = sum(abs(one - distance) < TIE for one in far.values())
    for u, v, length in net.edges(data="length"):
        if u not in far:
            continue
        peak = (far[u] + far[v] + length) / 2
        for end in (u, v):
            n += far[end] + TIE < distance < peak - TIE
        n += abs(peak - distance) < TIE and peak > max(far[u], far[v]) + TIE
    return n


def count_from_the_definition(edges, firsts, seconds, r_m, *, is_corrected):
    """Return the number of ordered pairs within each distance; the same list twice: no self."""
    net, place = divide_edges(edges, [*firsts, *seconds])
    totals = np.zeros(len(r_m))
    for i, a in enumerate(place[: len(firsts)]):
        far = nx.single_source_dijkstra_path_length(net, a, weight="length")
        for j, b in enumerate(place[len(firsts) :]):
            if (firsts is seconds and i == j) or b not in far:
                continue
            is_apart = far[b] > TIE
            n = count_places(net, a, far[b]) if is_corrected and is_apart else 1
            totals += (far[b] <= r_m + TIE) / n
    return totals


@st.composite
def small_networks(draw):
    """Connected or not; with loops, parallel edges, cycles, dead ends, coincident events."""
    n_nodes = draw(st.integers(1, 5))
    node = st.integers(0, n_nodes - 1)
    length = st.sampled_from([1.0, 1.5, 2.0, 0.7, math.sqrt(2), 3.1])
    edges = draw(st.lists(st.tuples(node, node, length), min_size=1, max_size=7))
    used = sorted({one for u, v, _ in edges for one in (u, v)})
    edges = [(used.index(u), used.index(v), length) for u, v, length in edges]
    spot = st.tuples(
        st.integers(0, len(edges) - 1), st.sampled_from([0.0, 1.0, 0.25, 0.5, 0.9, 1 / 3])
    )
    spots = [
        [(e, edges[e][2] * share) for e, share in draw(st.lists(spot, min_size=n, max_size=6))]
        for n in (2, 1)
    ]
    return edges, *spots


def test_the_star_of_four_arms():
    events = points((0, 3.0), (1, 3.0), (1, 1.0), (0, 1.0))
    found = compute_k_function(graph_of(STAR), events, upto(6, start=1))
    assert found == pytest.approx([0, 10, 10, 50 / 3, 50 / 3, 20])
    gates = points((2, 0.0))  # the middle: two events at 1, two at 3
    found = compute_k_function(graph_of(STAR), events, upto(3, start=1), to=gates)
    assert found == pytest.approx([10, 10, 20])
    found = compute_k_function(
        graph_of(STAR), events, upto(3, start=1), to=gates, options=CORRECTED
    )
    assert found == pytest.approx([2.5, 2.5, 5])  # four places as far as each


@settings(max_examples=80)
@given(small_networks(), st.booleans(), st.sampled_from([0.5, 1.0, 0.35]))
def test_k_and_cross_k_equal_the_definition(network, is_corrected, step):
    edges, events, gates = network
    graph, length, n = graph_of(edges), sum(one for *_, one in edges), len(events)
    distances, options = upto(4.5, step), KOptions(is_corrected=is_corrected)
    found = compute_k_function(graph, points(*events), distances, options=options)
    pairs = count_from_the_definition(
        edges, events, events, distances.r_m, is_corrected=is_corrected
    )
    assert found == pytest.approx(pairs * length / (n * (n - 1)), abs=1e-9)
    found = compute_k_function(
        graph, points(*events), distances, to=points(*gates), options=options
    )
    pairs = count_from_the_definition(
        edges, gates, events, distances.r_m, is_corrected=is_corrected
    )
    assert found == pytest.approx(pairs * length / (n * len(gates)), abs=1e-9)


@settings(max_examples=40)
@given(small_networks(), st.booleans(), st.integers(0, 2**32 - 1))
def test_direction_order_and_extra_vertices_change_nothing(network, is_corrected, seed):
    edges, events, _ = network
    rng = np.random.default_rng(seed)
    options = KOptions(is_corrected=is_corrected)
    before = compute_k_function(graph_of(edges), points(*events), upto(5, 0.5), options=options)
    turned = rng.random(len(edges)) < 0.5
    order = rng.permutation(len(edges))
    place = np.argsort(order)
    new = [(v, u, x) if turned[e] else (u, v, x) for e in order for u, v, x in [edges[e]]]
    cut, extra = int(rng.integers(len(edges))), 1 + max(max(u, v) for u, v, _ in edges)
    u, v, length = new[cut]
    middle = 0.3 * length
    new[cut] = (u, extra, middle)
    new.append((extra, v, length - middle))
    moved = []
    for e, x in events:
        at, far = int(place[e]), max(0.0, edges[e][2] - x) if turned[e] else x
        if at == cut and far > middle:
            at, far = len(new) - 1, min(far - middle, length - middle)
        moved.append((at, far))
    after = compute_k_function(graph_of(new), points(*moved), upto(5, 0.5), options=options)
    assert after == pytest.approx(before, abs=1e-9)


def make_grid(n=6, seed=4):
    rng = np.random.default_rng(seed)
    node = np.arange(n * n).reshape(n, n)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    return build_edge_graph(u, v, rng.uniform(40, 160, len(u)))


def draw(graph, n, seed):
    return draw_positions(graph, n, graph.length, np.random.default_rng(seed))


def test_corrected_k_of_chance_is_the_distance_on_any_network():
    graph = make_grid()
    found = [
        compute_k_function(graph, draw(graph, 60, seed), upto(200, 50), options=CORRECTED)
        for seed in range(60)
    ]
    error = np.std(found, axis=0) / math.sqrt(len(found))
    assert np.mean(found, axis=0) == pytest.approx(upto(200, 50).r_m, abs=1e-9 + 4 * error.max())
    gates = points((0, 3.0), (30, 7.0))
    found = [
        compute_k_function(graph, draw(graph, 60, seed), upto(200, 50), to=gates, options=CORRECTED)
        for seed in range(60)
    ]
    error = np.std(found, axis=0) / math.sqrt(len(found))
    assert np.mean(found, axis=0) == pytest.approx(upto(200, 50).r_m, abs=1e-9 + 4 * error.max())


def test_known_intensity_takes_the_clustering_it_explains_away():
    graph = make_grid()
    weight = graph.length * np.where(np.arange(graph.n_edges) < 12, 8.0, 1.0)
    even = KOptions(is_inhomogeneous=True)
    events = draw(graph, 50, 3)
    flat = np.full(graph.n_edges, 50 / graph.length.sum())
    known = compute_k_function(graph, events, upto(300, 100), intensity_per_m=flat, options=even)
    assert known == pytest.approx(compute_k_function(graph, events, upto(300, 100)))
    intensity = 50 * weight / weight.sum() / graph.length
    uneven = np.mean(
        [
            compute_k_function(
                graph, draw_positions(graph, 50, weight, np.random.default_rng(seed)),
                upto(200, 50), intensity_per_m=intensity,
                options=KOptions(is_inhomogeneous=True, is_corrected=True),
            )
            for seed in range(60)
        ],
        axis=0,
    )  # fmt: skip
    assert uneven == pytest.approx(upto(200, 50).r_m, rel=0.2)
    weight[events.edge[0]] = 0
    with pytest.raises(InputError, match="lie on edges where none is expected"):
        compute_k_function(graph, events, upto(9), intensity_per_m=weight, options=even)


def test_points_are_drawn_by_length_or_weight_anywhere():
    graph = build_edge_graph([0, 1, 2], [1, 2, 3], [10.0, 30.0, 60.0])
    drawn = draw_positions(graph, 20_000, graph.length, np.random.default_rng(1))
    assert np.bincount(drawn.edge) / 20_000 == pytest.approx([0.1, 0.3, 0.6], abs=0.015)
    share = drawn.offset / graph.length[drawn.edge]
    assert np.quantile(share, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.02)
    weight = read_edge_weights(graph, [1, 0, 3])
    drawn = draw_positions(graph, 20_000, weight, np.random.default_rng(1))
    assert np.bincount(drawn.edge) / 20_000 == pytest.approx([0.25, 0, 0.75], abs=0.015)
    for wrong, word in (([1, 2], "one for 3"), ([1, -1, 0], "below 0"), ([0, 0, 0], "all of 3")):
        with pytest.raises(InputError, match=word):
            read_edge_weights(graph, wrong)


def test_clusters_are_found_and_told_and_threads_change_nothing():
    graph = make_grid()
    edge = np.repeat([3, 30, 50], 12)
    events = Positions(edge=edge, offset=np.tile(np.linspace(1, 25, 12), 3))
    draws = NullDraws(n_simulations=99, seed=5)
    found = [
        evaluate_clustering(
            graph, events, upto(200, 20, start=20), draws=draws, options=KOptions(n_workers=n)
        )
        for n in (1, 4)
    ]
    assert found[0].to_frame().equals(found[1].to_frame())
    one = found[0]
    assert one.p_global == 0.01
    assert (one.low <= one.expected).all()
    assert (one.expected <= one.high).all()
    assert (one.global_high >= one.high).all()
    again = evaluate_clustering(graph, events, upto(200, 20, start=20), draws=draws)
    assert again.to_frame().equals(one.to_frame())
    text = describe_clustering(one)
    assert text.startswith("Crashes lie closer together than chance up to about ")
    assert " m (20 to 200 m were looked at): within " in text
    assert "others as expected (p = 0.01, 99 simulations)" in text
    near = evaluate_clustering(
        graph, events, upto(60, 20, start=20), to=points((3, 0.0)), draws=draws
    )
    text = describe_clustering(near, other="gate")
    assert text.startswith("Crashes lie closer to the gates than chance up to about ")
    assert " m of a gate there are about " in text
    assert "crashes as expected" in text


def test_words_where_chance_puts_nothing_and_where_too_little_was_drawn():
    graph = make_grid()
    spot = Positions(edge=np.full(30, 3), offset=np.full(30, 10.0))
    draws = NullDraws(n_simulations=39, seed=2)
    only = evaluate_clustering(graph, spot, upto(0), draws=draws)
    assert describe_clustering(only) == (
        "Crashes lie closer together than chance at one and the same place (only 0 m was looked "
        "at): at the very place of a crash there are other crashes, where chance puts none "
        "(p = 0.025, 39 simulations)."
    )
    text = describe_clustering(evaluate_clustering(graph, spot, upto(100, 50), draws=draws))
    assert " of a crash there are about " in text  # not at 0 m, where chance puts none
    here = points((3, 10.0))
    only = evaluate_clustering(graph, spot, upto(0), to=here, draws=draws)
    assert "the very place of a gate there are crashes, where" in describe_clustering(
        only, other="gate"
    )
    far = evaluate_clustering(graph, draw(graph, 40, 1), upto(200, 50), to=here, draws=draws)
    assert describe_clustering(far, other="gate").startswith(
        "The data cannot tell whether crashes lie closer to the gates than chance would put them ("
    )
    draws = NullDraws(n_simulations=1)
    one = evaluate_clustering(graph, spot, upto(100, 50), draws=draws)
    assert "No data could: with 1 simulations p is 0.5 at least; draw 19 or" in describe_clustering(
        one
    )


def test_the_range_is_where_the_curve_first_and_last_leaves_the_envelope():
    graph = make_grid()
    found = evaluate_clustering(
        graph, draw(graph, 30, 3), upto(200, 50, start=50), draws=NullDraws(n_simulations=19)
    )
    for out, words in (
        ([0, 1, 0, 1], "from about 100 to about 200 m (50 to 200 m were looked at): within "),
        ([0, 0, 1, 0], "at about 150 m (50 to 200 m were looked at): within 150 m of "),
        ([1, 0, 1, 0], "up to about 150 m (50 to 200 m were looked at): within "),
    ):
        k = np.where(out, found.global_high + 1, found.expected)
        assert f"than chance {words}" in describe_clustering(replace(found, k=k, p_global=0.05))


def test_the_same_roads_in_other_edges_get_the_same_draws():
    one = build_edge_graph([0, 1], [1, 2], [10.0, 30.0])
    cut = build_edge_graph([2, 1, 3], [1, 3, 0], [30.0, 4.0, 6.0])  # turned, reordered and cut
    order = read_arm_order(cut, [2 * 2 + 1, 2 * 1 + 1, 2 * 0 + 1])
    a = draw_positions(one, 500, one.length, np.random.default_rng(1))
    b = draw_positions(cut, 500, cut.length, np.random.default_rng(1), order)
    along = np.choose(b.edge, [40 - b.offset, 10 - b.offset, 6 - b.offset])
    assert along == pytest.approx(np.where(a.edge == 0, a.offset, 10 + a.offset))
    with pytest.raises(InputError, match="arm_order: 3 arms for 3 edges, or one is there twice"):
        read_arm_order(cut, [0, 1, 4])


def test_few_events_and_exposure_that_explains_them_tell_nothing():
    graph = make_grid()
    result = evaluate_clustering(graph, draw(graph, 5, 2), upto(300, 50), draws=NullDraws(seed=1))
    assert result.p_global > 0.05
    text = describe_clustering(result)
    assert text.startswith("The data cannot tell the places of crashes from chance (p = ")
    assert text.endswith("5 are few to see anything by.")
    weight = np.where(np.arange(graph.n_edges) < 10, graph.length, 0.0)
    events = draw_positions(graph, 60, weight, np.random.default_rng(1))
    by_length = evaluate_clustering(graph, events, upto(200, 50, start=50))
    by_weight = evaluate_clustering(
        graph, events, upto(200, 50, start=50), draws=NullDraws(edge_weight=weight)
    )
    assert by_length.p_global == 0.005
    assert by_weight.p_global > 0.05


def test_unconnected_points_are_never_near_and_bad_input_is_named():
    graph = build_edge_graph([0, 2], [1, 3], [10.0, 10.0])
    assert compute_k_function(graph, points((0, 1.0), (1, 1.0)), upto(50, 10)).tolist() == [0] * 6
    with pytest.raises(NotEnoughDataError, match="events: 1 on the network"):
        compute_k_function(graph, points((0, 1.0)), upto(5))
    with pytest.raises(NotEnoughDataError, match="0 other points"):
        compute_k_function(graph, points((0, 1.0)), upto(5), to=points())
    with pytest.raises(InputError, match="events: 1 of 2 lie on no edge"):
        compute_k_function(graph, points((0, 1.0), (7, 1.0)), upto(5))
    for start, end, step in ((5, 1, 1), (0, 5, 0), (-1, 5, 1), (0, 1e9, 1)):
        with pytest.raises(InputError, match="distances from"):
            Distances(start_m=start, end_m=end, step_m=step)
    with pytest.raises(InputError, match="simulations: 0"):
        NullDraws(n_simulations=0)
    assert upto(0.3, 0.1).r_m == pytest.approx([0, 0.1, 0.2, 0.3])
    assert compute_k_function(graph, points((0, 1.0), (0, 1.0)), upto(0)).tolist() == [20]


def test_the_global_envelope_by_hand():
    simulated = [[float(i), float(-i)] for i in range(19)]
    found = compute_global_envelope([100.0, 0.0], simulated, level=0.05)
    assert found.p_value == pytest.approx(2 / 20)  # it and the first drawn: ranks 1 and 1.5
    middle = compute_global_envelope([9.5, -9.5], simulated)
    assert middle.p_value == 1
    out = compute_global_envelope([100.0, 100.0], simulated)
    assert out.p_value == 1 / 20
    assert (out.low.tolist(), out.high.tolist()) == ([0, -18], [18, 0])
    low, high, p_value = compute_pointwise_envelope([100.0, -9.0], simulated, level=0.2)
    assert (low.tolist(), high.tolist()) == ([1, -17], [17, -1])
    assert p_value == pytest.approx([0.1, 1.0])
    with pytest.raises(InputError, match="observed has shape"):
        compute_global_envelope([1.0], simulated)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([0.0, 1.5, 4.0]))
def test_the_envelope_is_left_when_p_is_small_and_only_then(seed, n_r, shift):
    curves = np.random.default_rng(seed).normal(size=(100, n_r)).cumsum(axis=1)
    curves[0] += shift
    found = compute_global_envelope(curves[0], curves[1:])
    is_out = ((curves[0] < found.low) | (curves[0] > found.high)).any()
    assert is_out == (found.p_value <= 0.05)


@pytest.mark.slow
def test_chance_is_called_clustering_once_in_twenty():
    graph, n_maps = make_grid(), 300
    p_values = [
        evaluate_clustering(
            graph, draw(graph, 40, 1000 + seed), upto(300, 25),
            draws=NullDraws(n_simulations=39, seed=seed),
        ).p_global
        for seed in range(n_maps)
    ]  # fmt: skip
    n_false = sum(one <= 0.05 for one in p_values)
    assert 0.015 * n_maps <= n_false <= (0.05 + 3 * math.sqrt(0.05 * 0.95 / n_maps)) * n_maps
