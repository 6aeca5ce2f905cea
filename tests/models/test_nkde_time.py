"""Density in space and time, and bandwidths that foretell best."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from models.edge_graph import Positions, build_edge_graph
from models.network_kernels import KERNELS, evaluate_kernel, get_kernel_code
from models.nkde import NkdeOptions, compute_loo_likelihood, compute_nkde
from models.nkde_bandwidth import estimate_bandwidth, estimate_space_time_bandwidth
from models.nkde_time import (
    TimeKernel,
    compute_nkde_at_moments,
    compute_nkde_slices,
    compute_time_kernel,
)

QUARTIC = get_kernel_code("quartic")


def points(*pairs):
    edge, offset = zip(*pairs, strict=True)
    return Positions(edge=np.array(edge, dtype=np.int64), offset=np.array(offset, dtype=np.float64))


@pytest.fixture
def ring():
    """A ring of four roads, and events on it."""
    graph = build_edge_graph([0, 1, 2, 3], [1, 2, 3, 0], [200.0] * 4)
    rng = np.random.default_rng(2)
    n = 40
    events = Positions(edge=rng.integers(0, 4, n), offset=rng.uniform(0, 200, n))
    return graph, events, rng.uniform(0, 30, n)


def test_the_product_of_two_kernels():
    graph = build_edge_graph([0], [1], [1000.0])
    events, samples = points((0, 500.0), (0, 520.0)), points((0, 530.0))
    found = compute_nkde_slices(
        graph, events, samples, time=[2.0, 9.0], moments=[9.0, 3.0], bandwidth_m=100,
        time_kernel=TimeKernel(bandwidth=5.0),
    )  # fmt: skip
    near, far = evaluate_kernel(QUARTIC, 10, 100), evaluate_kernel(QUARTIC, 30, 100)
    expected = [near * evaluate_kernel(QUARTIC, 0, 5), far * evaluate_kernel(QUARTIC, 1, 5)]
    assert found == pytest.approx(1000 * np.array([expected]))


def test_times_of_day_begin_again():
    hours = TimeKernel(bandwidth=3.0, period=24.0)
    found = compute_time_kernel([23.0, 1.0], [0.5, 12.0, 24.5], hours)
    kernel = [evaluate_kernel(QUARTIC, one, 3) for one in (1.5, 0.5)]
    assert found == pytest.approx(np.array([[one, 0, one] for one in kernel]))


@given(
    st.sampled_from(KERNELS),
    st.sampled_from([0.7, 5.0, 11.9, 12.0, 20.0, 60.0]),
    st.floats(-50, 50),
)
def test_an_event_counts_once_in_a_period(name, bandwidth, time):
    moments = np.arange(0, 24, 0.01) + 0.0037
    kernel = TimeKernel(bandwidth=bandwidth, kernel=name, period=24.0)
    assert compute_time_kernel([time], moments, kernel).sum() * 0.01 == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("method", ["discontinuous", "continuous"])
def test_mass_is_conserved_in_space_and_time(ring, method):
    graph, events, time = ring
    samples = Positions(
        edge=np.repeat(np.arange(4), 50), offset=np.tile(np.arange(50) * 4.0 + 2, 4)
    )
    moments = np.arange(-10, 40, 0.5) + 0.25
    found = compute_nkde_slices(
        graph, events, samples, time=time, moments=moments, bandwidth_m=90,
        time_kernel=TimeKernel(bandwidth=8.0), options=NkdeOptions(method=method),
    )  # fmt: skip
    assert found.sum() * 0.004 * 0.5 == pytest.approx(len(events), rel=1e-3)


def test_slices_lots_and_moments_of_samples_agree(ring, monkeypatch):
    graph, events, time = ring
    samples = points((0, 10.0), (1, 60.0), (2, 110.0), (3, 90.0), (0, 10.0))
    given_ = {
        "time": time,
        "time_kernel": TimeKernel(bandwidth=6.0),
        "bandwidth_m": np.linspace(60, 120, len(events)),
        "weights": np.arange(len(events)) % 3,
    }
    moments = np.array([20.0, 5.0, 20.0, 12.0, 5.0])
    slices = compute_nkde_slices(graph, events, samples, moments=moments, **given_)
    each = compute_nkde_at_moments(graph, events, samples, sample_time=moments, **given_)
    assert each == pytest.approx(slices.diagonal())
    monkeypatch.setattr("models.nkde_time.MAX_CELLS", 1)
    assert compute_nkde_slices(graph, events, samples, moments=moments, **given_) == pytest.approx(
        slices
    )
    share = compute_time_kernel(time, moments, given_["time_kernel"]) * given_["weights"][:, None]
    plain = compute_nkde(graph, events, samples, bandwidth_m=given_["bandwidth_m"], weights=share)
    assert slices == pytest.approx(plain)


def test_bandwidths_are_scored_as_the_density_without_each_event(ring):
    graph, events, time = ring
    tried = [40.0, 90.0, 150.0]
    for method in ("simple", "discontinuous", "continuous"):
        options = NkdeOptions(method=method)
        found = estimate_bandwidth(graph, events, tried, options=options)
        expected = compute_loo_likelihood(graph, events, tried, options=options)
        assert found.table["log_likelihood"].to_numpy() == pytest.approx(expected, rel=1e-6)
        assert found.bandwidth_m == tried[int(found.table["score"].argmax())]
        assert found.time_bandwidth is None
    kernels = [TimeKernel(bandwidth=one, period=30.0) for one in (4.0, 10.0)]
    both = estimate_space_time_bandwidth(graph, events, [90.0], time=time, time_kernels=kernels)
    density = np.empty((2, len(events)))
    for i in range(len(events)):
        others = np.arange(len(events)) != i
        rest = Positions(edge=events.edge[others], offset=events.offset[others])
        one = Positions(edge=events.edge[[i]], offset=events.offset[[i]])
        for k, kernel in enumerate(kernels):
            density[k, i] = compute_nkde_slices(
                graph, rest, one, time=time[others], moments=[time[i]], bandwidth_m=90,
                time_kernel=kernel,
            ).item() / 1000 / (len(events) - 1)  # fmt: skip
    expected = np.log(np.maximum(density, np.finfo(float).tiny)).mean(axis=1)
    assert both.table["log_likelihood"].to_numpy() == pytest.approx(expected, rel=1e-6)
    assert both.table["n_alone"].tolist() == (density <= 0).sum(axis=1).tolist()
    mixed = (1 - 1 / len(events)) * density + 1 / len(events) / 800 / 30
    score = np.log(mixed).mean(axis=1)
    assert both.table["score"].to_numpy() == pytest.approx(score, rel=1e-6)
    assert both.time_bandwidth == [4.0, 10.0][int(np.argmax(score))]


def test_planted_widths_are_found_again():
    rng = np.random.default_rng(8)
    graph = build_edge_graph([0], [1], [20_000.0])
    centre, day = rng.uniform(500, 19_500, 25), rng.uniform(0, 400, 25)
    offset = (centre[:, None] + rng.uniform(-40, 40, (25, 12))).ravel()
    time = (day[:, None] + rng.uniform(-4, 4, (25, 12))).ravel()
    events = Positions(edge=np.zeros(300, dtype=np.int64), offset=offset)
    found = estimate_space_time_bandwidth(
        graph, events, [5, 100, 1000], time=time,
        time_kernels=[TimeKernel(bandwidth=one) for one in (0.5, 10.0, 200.0)],
    )  # fmt: skip
    assert (found.bandwidth_m, found.time_bandwidth) == (100, 10)
    assert not found.is_at_edge


def test_one_lone_event_does_not_rule_the_choice():
    graph = build_edge_graph([0], [1], [20_000.0])
    rng = np.random.default_rng(4)
    offset = np.append(np.repeat(np.arange(1, 16) * 1000.0, 10) + rng.uniform(-30, 30, 150), 19_900)
    events = Positions(edge=np.zeros(151, dtype=np.int64), offset=offset)
    found = estimate_bandwidth(graph, events, [5, 80, 5000])
    assert found.table["n_alone"].tolist()[1:] == [1, 0]
    assert found.table["log_likelihood"].argmax() == 2
    assert found.bandwidth_m == 80


def test_weights_count_in_choosing_a_bandwidth():
    graph = build_edge_graph([0], [1], [20_000.0])
    tight, wide = np.arange(10) * 2.0 + 2_000, np.arange(10) * 150.0 + 12_000
    events = Positions(edge=np.zeros(20, dtype=np.int64), offset=np.append(tight, wide))
    chosen = [
        estimate_bandwidth(graph, events, [10, 400], weights=one).bandwidth_m
        for one in (np.repeat([50, 1], 10), np.repeat([1, 50], 10))
    ]
    assert chosen == [10, 400]
    weight = np.random.default_rng(3).integers(0, 4, 20).astype(float)
    found = estimate_bandwidth(graph, events, [300], weights=weight)
    logs = []
    for i in range(20):
        others = np.arange(20) != i
        density = compute_nkde(
            graph, points(*[(0, events.offset[j]) for j in np.flatnonzero(others)]),
            points((0, events.offset[i])), bandwidth_m=300, weights=weight[others],
        )[0] / 1000 / weight[others].sum()  # fmt: skip
        n = (weight > 0).sum()
        logs.append(np.log((1 - 1 / n) * density + 1 / n / 20_000))
    assert found.table["score"][0] == pytest.approx(np.average(logs, weights=weight))
    assert found.table["n_alone"][0] == 0
    even = estimate_bandwidth(graph, events, [300], weights=np.full(20, 2.5)).table
    plain = estimate_bandwidth(graph, events, [300]).table
    assert even.to_numpy() == pytest.approx(plain.to_numpy())


def test_bad_times_and_bandwidths_are_named(ring):
    graph, events, time = ring
    with pytest.raises(InputError, match="time: 1 of 2 are missing, first at position 0"):
        compute_time_kernel([np.nan, 1], [0], TimeKernel(bandwidth=1.0))
    for wrong in ({"bandwidth": 0.0}, {"bandwidth": 1.0, "period": -24.0}):
        with pytest.raises(InputError, match="is no time above 0"):
            TimeKernel(**wrong)
    with pytest.raises(InputError, match="all times are alike"):
        TimeKernel(bandwidth=1e6, period=24.0)
    with pytest.raises(InputError, match="events: 1, bandwidths: 1"):
        estimate_bandwidth(graph, points((0, 1.0)), [50])
    with pytest.raises(InputError, match="2, 1 of them with a weight above 0, bandwidths: 1"):
        estimate_bandwidth(graph, points((0, 1.0), (0, 2.0)), [50], weights=[0, 3])
    with pytest.raises(InputError, match="weights: 1 of 2 are missing or below 0, first at posi"):
        estimate_bandwidth(graph, points((0, 1.0), (0, 2.0)), [50], weights=[1, -3])
    with pytest.raises(InputError, match="time: 0 of 40 are missing, for 40 events and 0 kernels"):
        estimate_space_time_bandwidth(graph, events, [50], time=time, time_kernels=[])
