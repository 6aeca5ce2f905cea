"""Network kernel density against its definition, written out walk by walk."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from core.errors import InputError
from models.edge_graph import Positions, build_edge_graph
from models.network_kernels import KERNELS, evaluate_kernel, get_kernel_code
from models.nkde import (
    METHODS,
    HowSpread,
    NkdeOptions,
    compute_adaptive_bandwidth,
    compute_loo_likelihood,
    compute_nkde,
)

SPLIT_FORMS = ("discontinuous", "continuous")


def points(*pairs):
    edge, offset = zip(*pairs, strict=True) if pairs else ((), ())
    return Positions(edge=np.array(edge, dtype=np.int64), offset=np.array(offset, dtype=np.float64))


def kernel(name, d, b):
    return evaluate_kernel(get_kernel_code(name), d, b)


def follow_mass(edges, event, sample, b, *, method, reflects, name="quartic"):
    """Add up all walks from an event to a sample by recursion, from the definition."""
    arms = {}
    for e, (u, v, _) in enumerate(edges):
        arms.setdefault(u, []).append((e, 0))
        arms.setdefault(v, []).append((e, 1))
    (e0, s), (e1, x) = event, sample
    total = 0.0

    def run_along(arm, far, share):
        nonlocal total
        e, end = arm
        length = edges[e][2]
        if e == e1:
            total += share * kernel(name, far + (x if end == 0 else length - x), b)
        far += length
        if far < b and share:
            scatter((e, 1 - end), far, share)

    def scatter(arrived, far, share):
        e, end = arrived
        here = arms[edges[e][end]]
        n = len(here)
        for arm in here:
            if n == 1:
                part = 1.0 if reflects else 0.0
            elif method == "continuous":
                part = 2 / n - (arm == arrived)
            else:
                part = 0.0 if arm == arrived else 1 / (n - 1)
            run_along(arm, far, share * part)

    length = edges[e0][2]
    if 0 < s < length:
        if e0 == e1:
            total += kernel(name, abs(x - s), b)
        for end, far in ((0, s), (1, length - s)):
            if far < b:
                scatter((e0, end), far, 1.0)
    else:
        here = arms[edges[e0][0 if s == 0 else 1]]
        n = len(here)
        for arm in here:
            run_along(arm, 0.0, 2 / n if n > 1 or reflects else 1.0)
    return total


def walk_shortest(edges, event, sample, b, name="quartic"):
    n = 1 + max(max(u, v) for u, v, _ in edges)
    far = np.full((n, n), math.inf)
    np.fill_diagonal(far, 0)
    for u, v, length in edges:
        far[u, v] = far[v, u] = min(far[u, v], length)
    np.fill_diagonal(far, 0)
    for k in range(n):
        far = np.minimum(far, far[:, k : k + 1] + far[k])
    (e0, s), (e1, x) = event, sample
    u0, v0, l0 = edges[e0]
    u1, v1, l1 = edges[e1]
    ways = [
        a + far[p, q] + c for p, a in ((u0, s), (v0, l0 - s)) for q, c in ((u1, x), (v1, l1 - x))
    ]
    if e0 == e1:
        ways.append(abs(x - s))
    return kernel(name, min(ways), b) if min(ways) < b else 0.0


def density(edges, events, samples, b, **options):
    u, v, length = zip(*edges, strict=True)
    found = compute_nkde(
        build_edge_graph(u, v, length),
        points(*events),
        points(*samples),
        bandwidth_m=b,
        options=NkdeOptions(**options),
    )
    return found / 1000  # per metre


STAR = [(0, 1, 5.0), (0, 2, 5.0), (0, 3, 5.0), (0, 4, 5.0)]


@pytest.mark.parametrize(
    ("method", "expected"), [("simple", 0.0384), ("discontinuous", 0.0128), ("continuous", 0.0192)]
)
def test_the_star_of_four_arms(method, expected):
    found = density(STAR, [(0, 3.0)], [(1, 3.0)], 10.0, method=method)
    assert found == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_integrates_to_one_and_ends_at_the_bandwidth(name):
    half, _ = quad(lambda d: kernel(name, d, 250.0), 0, 250)
    assert 2 * half == pytest.approx(1, abs=1e-9)
    assert kernel(name, 250.0, 250.0) == 0
    assert kernel(name, -40.0, 250.0) == kernel(name, 40.0, 250.0) > 0


@st.composite
def small_networks(draw):
    """Connected or not; with loops, parallel edges, cycles and dead ends."""
    n_nodes = draw(st.integers(1, 5))
    node = st.integers(0, n_nodes - 1)
    length = st.sampled_from([1.0, 1.5, 2.0, 0.7, math.sqrt(2), 3.1])
    edges = draw(st.lists(st.tuples(node, node, length), min_size=1, max_size=7))
    used = sorted({one for u, v, _ in edges for one in (u, v)})
    edges = [(used.index(u), used.index(v), length) for u, v, length in edges]

    def place():
        e = draw(st.integers(0, len(edges) - 1))
        share = draw(st.sampled_from([0.0, 1.0, 0.25, 0.5, 0.9]))
        return e, edges[e][2] * share

    events = [place() for _ in range(draw(st.integers(1, 3)))]
    samples = [place() for _ in range(draw(st.integers(1, 4)))]
    return edges, events, samples


@settings(deadline=None, max_examples=60)
@given(small_networks(), st.sampled_from(SPLIT_FORMS), st.booleans(), st.sampled_from(KERNELS))
def test_split_forms_equal_the_definition(network, method, reflects, name):
    edges, events, samples = network
    b = 4.3
    found = density(
        edges, events, samples, b, method=method, reflects_at_dead_ends=reflects, kernel=name
    )
    expected = [
        sum(
            follow_mass(edges, one, sample, b, method=method, reflects=reflects, name=name)
            for one in events
        )
        for sample in samples
    ]
    assert found == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(small_networks(), st.sampled_from(KERNELS))
def test_the_simple_form_equals_shortest_paths(network, name):
    edges, events, samples = network
    found = density(edges, events, samples, 4.3, method="simple", kernel=name)
    expected = [sum(walk_shortest(edges, e, s, 4.3, name) for e in events) for s in samples]
    assert found == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(small_networks(), st.sampled_from(SPLIT_FORMS), st.integers(0, 2**32 - 1))
def test_direction_order_and_extra_vertices_change_nothing(network, method, seed):
    edges, events, samples = network
    rng = np.random.default_rng(seed)
    before = density(edges, events, samples, 4.3, method=method)
    turned = rng.random(len(edges)) < 0.5
    order = rng.permutation(len(edges))
    place = np.argsort(order)
    cut = int(rng.integers(len(edges)))
    new = []
    for old in order:
        u, v, length = edges[old]
        new.append((v, u, length) if turned[old] else (u, v, length))
    extra = 1 + max(max(u, v) for u, v, _ in edges)
    u, v, length = new[cut]
    middle = 0.3 * length
    new[cut] = (u, extra, middle)
    new.append((extra, v, length - middle))

    def move(spots):
        moved = []
        for e, x in spots:
            at, far = int(place[e]), edges[e][2] - x if turned[e] else x
            if at == cut and far > middle:
                at, far = len(new) - 1, min(far - middle, length - middle)
            moved.append((at, far))
        return moved

    after = density(new, move(events), move(samples), 4.3, method=method)
    assert after == pytest.approx(before, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(small_networks(), st.sampled_from(SPLIT_FORMS))
def test_mass_is_conserved_with_reflection(network, method):
    edges, events, _ = network
    n = 60  # the midpoint rule is fine enough for a smooth kernel
    samples = [(e, (i + 0.5) * edge[2] / n) for e, edge in enumerate(edges) for i in range(n)]
    step = np.repeat([length / n for _, _, length in edges], n)
    found = density(edges, events, samples, 4.3, method=method, reflects_at_dead_ends=True)
    assert found @ step == pytest.approx(len(events), rel=2e-3)


def test_the_continuous_form_has_no_jump_and_the_discontinuous_has_one():
    near = [density(STAR, [(0, s)], [(1, 2.0)], 10.0, method="continuous")[0] for s in (0, 1e-9)]
    assert near[0] == pytest.approx(near[1], abs=1e-8)
    far = [density(STAR, [(0, s)], [(1, 2.0)], 10.0, method="discontinuous")[0] for s in (0, 1e-9)]
    assert far[0] == pytest.approx(1.5 * far[1], rel=1e-6)  # 2/4 at the node, 1/3 beside it


def test_weights_and_columns_add_up():
    graph = build_edge_graph([0, 1], [1, 2], [100.0, 100.0])
    events, samples = points((0, 20.0), (1, 5.0)), points((0, 90.0), (1, 50.0))
    each = np.array([[1.0, 0.0], [0.0, 2.0]])
    apart = compute_nkde(graph, events, samples, bandwidth_m=150, weights=each)
    assert apart.shape == (2, 2)
    both = compute_nkde(graph, events, samples, bandwidth_m=150, weights=[1.0, 2.0])
    assert both == pytest.approx(apart.sum(axis=1))
    assert both[0] == pytest.approx(
        1000 * (kernel("quartic", 70, 150) + 2 * kernel("quartic", 15, 150))
    )


@pytest.mark.parametrize("method", METHODS)
def test_one_thread_and_four_give_the_same_bits(method):
    rng = np.random.default_rng(3)
    u = np.arange(40)
    graph = build_edge_graph(u, (u * 7 + 1) % 40, rng.uniform(50, 150, 40))
    events = points(*[(int(e), 10.0) for e in rng.integers(0, 40, 90)])
    samples = points(*[(e, 25.0) for e in range(40)])
    found = [
        compute_nkde(
            graph, events, samples, bandwidth_m=200,
            options=NkdeOptions(method=method, n_workers=workers),
        )
        for workers in (1, 4)
    ]  # fmt: skip
    assert found[0].tobytes() == found[1].tobytes()


def test_adaptive_bandwidths_follow_the_pilot_density():
    graph = build_edge_graph([0], [1], [1000.0])
    events = points((0, 100.0), (0, 110.0), (0, 600.0))
    found = compute_adaptive_bandwidth(graph, events, bandwidth_m=100, trim_m=120)
    pilot = np.array([1.0, 1.0, 1.0]) * kernel("quartic", 0, 100)
    pilot[:2] += kernel("quartic", 10, 100)
    spread = pilot**-0.5
    expected = 100 * spread / np.exp(np.log(spread).mean())
    assert found == pytest.approx(np.minimum(expected, 120))
    assert found[2] > found[0]


def test_the_likelihood_leaves_each_event_out():
    graph = build_edge_graph([0], [1], [1000.0])
    events = points((0, 100.0), (0, 130.0), (0, 135.0))
    found = compute_loo_likelihood(graph, events, [50.0])
    k = [kernel("quartic", d, 50) for d in (30, 35, 5)]
    each = np.log(np.array([k[0] + k[1], k[0] + k[2], k[1] + k[2]]) / 2)
    assert found == pytest.approx([each.mean()])


def test_no_event_gives_nothing_and_bad_points_are_named():
    graph = build_edge_graph([0], [1], [10.0])
    assert compute_nkde(graph, points(), points((0, 1.0)), bandwidth_m=5.0).tolist() == [0.0]
    with pytest.raises(InputError, match="events: 1 of 2 lie on no edge, first at position 1"):
        compute_nkde(graph, points((0, 1.0), (0, 11.0)), points(), bandwidth_m=5.0)
    with pytest.raises(InputError, match="no distance above 0"):
        compute_nkde(graph, points((0, 1.0)), points(), bandwidth_m=-5.0)
    with pytest.raises(InputError, match="no distance above 0"):
        compute_nkde(graph, points(), points(), bandwidth_m=0.0)
    with pytest.raises(InputError, match="method 'split'"):
        NkdeOptions(method="split")
    with pytest.raises(InputError, match="have no length above 0"):
        build_edge_graph([0, 1], [1, 2], [1.0, 0.0])


@pytest.fixture
def short_roads():
    """A grid of unequal blocks with a few very short edges, as junctions are drawn."""
    rng = np.random.default_rng(5)
    n = 7
    node = np.arange(n * n).reshape(n, n)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    length = rng.uniform(20, 60, len(u))
    length[rng.choice(len(u), 8, replace=False)] = [0.4, 0.9, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    edge = rng.integers(0, len(u), 12)
    events = points(*[(int(e), float(length[e]) * 0.3) for e in edge], (0, 0.0))
    samples = points(*[(e, float(x) / 2) for e, x in enumerate(length)])
    return build_edge_graph(u, v, length), events, samples


@pytest.mark.parametrize("method", SPLIT_FORMS)
def test_steps_of_distance_give_what_walks_give(short_roads, method, monkeypatch):
    options = NkdeOptions(method=method, reflects_at_dead_ends=True)
    found = {}
    for most in (10**7, 0):
        monkeypatch.setattr("models.nkde_spread.MAX_WALKS", most)
        density = compute_nkde(*short_roads, bandwidth_m=90.0, options=options)
        score = compute_loo_likelihood(*short_roads[:2], [90.0], options=options)
        widths = np.linspace(60, 90, len(short_roads[1]))
        varied = compute_nkde(*short_roads, bandwidth_m=widths, options=options)
        found[most] = np.concatenate([density, varied, score])
    assert found[0] == pytest.approx(found[10**7], rel=1e-4, abs=1e-4 * found[10**7].max())
    assert not np.array_equal(found[0], found[10**7]), "the steps were not taken"


@settings(max_examples=60)
@given(
    small_networks(), st.sampled_from(SPLIT_FORMS), st.booleans(), st.sampled_from([0.004, 0.04])
)
def test_steps_give_what_the_definition_gives(network, method, reflects, step):
    """On loops, parallel edges and dead ends; edges of 17 and of 175 steps, short and long ones."""
    edges, events, samples = network
    b = 4.3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.nkde_spread.MAX_WALKS", 0)
        found = density(
            edges, events, samples, b,
            method=method, reflects_at_dead_ends=reflects, resolution_m=step,
        )  # fmt: skip
    expected = [
        sum(follow_mass(edges, one, sample, b, method=method, reflects=reflects) for one in events)
        for sample in samples
    ]
    assert found == pytest.approx(expected, abs=2e-6 if step < 0.01 else 2e-3)


def test_bandwidths_shorter_than_a_hundred_steps_share_halved_steps(short_roads, monkeypatch):
    widths = np.linspace(5.0, 24.0, len(short_roads[1]))
    exact = compute_nkde(*short_roads, bandwidth_m=widths)
    monkeypatch.setattr("models.nkde_spread.MAX_WALKS", 0)
    account = HowSpread()
    found = compute_nkde(*short_roads, bandwidth_m=widths, account=account)
    assert account.step_m == 0.125
    assert found == pytest.approx(exact, abs=2e-3 * exact.max())


def test_it_is_told_how_mass_was_followed(short_roads):
    account = HowSpread()
    compute_nkde(*short_roads, bandwidth_m=40.0, account=account)
    assert account.n_starts > account.n_in_steps == 0
    assert account.step_m == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.nkde_spread.MAX_WALKS", 0)
        again = HowSpread()
        compute_nkde(*short_roads, bandwidth_m=40.0, account=again)
    assert again.n_in_steps == again.n_starts == account.n_starts
    assert again.step_m == 0.25


def test_a_depth_that_would_take_hours_is_refused(short_roads, monkeypatch):
    monkeypatch.setattr("models.nkde_options.DEEP_WALKS", 500)
    shallow = NkdeOptions(max_depth=2)
    assert compute_nkde(*short_roads, bandwidth_m=200.0, options=shallow).max() > 0
    with pytest.raises(InputError, match="give a smaller depth or bandwidth"):
        compute_nkde(*short_roads, bandwidth_m=200.0, options=NkdeOptions(max_depth=12))


def test_a_depth_counts_junctions_not_the_pieces_of_a_line():
    pieces = density(
        [(0, 1, 10.0), (1, 2, 10.0), (2, 3, 10.0)], [(0, 5.0)], [(2, 5.0)], 60.0, max_depth=1
    )
    assert pieces == pytest.approx([kernel("quartic", 20.0, 60.0)])


@pytest.mark.parametrize("length", [0.0, -1.0, math.nan, math.inf])
def test_a_step_without_length_is_refused(length):
    with pytest.raises(InputError, match="resolution_m"):
        NkdeOptions(resolution_m=length)


def test_steps_go_to_the_fourth_power_of_their_length(short_roads, monkeypatch):
    def difference(step):
        options = NkdeOptions(resolution_m=step)
        monkeypatch.setattr("models.nkde_spread.MAX_WALKS", 0)
        rough = compute_nkde(*short_roads, bandwidth_m=80.0, options=options)
        monkeypatch.setattr("models.nkde_spread.MAX_WALKS", 10**7)
        return np.abs(rough - compute_nkde(*short_roads, bandwidth_m=80.0)).max()

    assert difference(0.05) < difference(0.2) / 4
