"""Significance by simulation: against the exact scan, by enumeration, on maps of chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from core.errors import InputError
from models.null_models import NullModel, build_null
from models.screening import compute_negative_binomial_upper_tail, scan_windows
from models.significance import SignificanceOptions, compute_significance
from models.significance_maps import MapMaker
from models.significance_tails import describe_smoothed


def windows_of_a_road(n, reach=3):
    ones = [np.ones(n)] * (2 * reach + 1)
    return sparse.csr_array(
        sparse.diags_array(ones, offsets=range(-reach, reach + 1), shape=(n, n))
    )


def kernel_of_a_road(n, reach=4):
    away = np.arange(-reach, reach + 1)
    weight = (1 - (away / (reach + 1)) ** 2) ** 2
    diagonals = [np.full(n, one) for one in weight]
    return sparse.csr_array(sparse.diags_array(diagonals, offsets=away, shape=(n, n)))


def streets(side=11, parts=2):
    """A grid of streets in lixels; windows reach the lixels that touch, and theirs."""
    node = np.arange(side * side).reshape(side, side)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    n = parts * len(u)
    at_u, at_v = np.arange(0, n, parts), np.arange(parts - 1, n, parts)
    ends = sparse.csr_array(
        (np.ones(2 * len(u)), (np.r_[u, v], np.r_[at_u, at_v])), shape=(side * side, n)
    )
    inside = np.setdiff1d(np.arange(n - 1), at_v)
    joined = sparse.csr_array((np.ones(len(inside)), (inside, inside + 1)), shape=(n, n))
    touch = ends.T @ ends + joined + joined.T + sparse.eye_array(n)
    touch.data[:] = 1.0
    wide = sparse.csr_array(touch @ touch)
    wide.data[:] = 1.0
    return wide, np.repeat(np.arange(len(u)), parts)


def test_p_agrees_with_the_exact_scan_within_simulation_error():
    rng = np.random.default_rng(3)
    n = 500
    crashes = np.bincount(rng.integers(0, n, 400), minlength=n)
    crashes[200:206] += 2
    null = build_null("length", crashes, np.full(n, 50.0))
    smoothing = windows_of_a_road(n)
    exact = scan_windows(crashes, null.expected, smoothing)
    options = SignificanceOptions(n_maps=999, early_stopping=None)
    found = compute_significance(crashes, null, smoothing, seed=1, options=options)
    assert found.p_tail == pytest.approx(exact.p_value)
    error = np.sqrt(exact.p_value * (1 - exact.p_value) / 999)
    assert (np.abs(found.p_value - exact.p_value) <= 4.5 * error + 0.002).all()
    assert (found.n_simulations[found.observed > 0] == 999).all()
    assert found.finest == 0.001
    assert found.q_value.min() >= 0.001
    # where q is not at its floor it is the exact scan's, less what counts in jumps save
    fine = (exact.q_value > 0.005) & (exact.q_value < 0.2)
    assert (found.q_value[fine] <= 1.1 * exact.q_value[fine] + 0.01).all()
    assert found.ratio == pytest.approx(found.observed / found.expected)


def test_two_crashes_on_three_lixels_by_enumeration():
    null = NullModel(name="length", expected=np.array([1.0, 0.6, 0.4]))
    one = sparse.csr_array(np.eye(3))
    options = SignificanceOptions(n_maps=4000, early_stopping=None)
    found = compute_significance([0, 0, 2], null, one, seed=2, options=options)
    assert found.p_value[:2].tolist() == [1, 1]
    assert found.p_value[2] == pytest.approx(0.2**2, abs=0.012)
    assert found.n_simulations.tolist() == [0, 0, 4000]
    # only two crashes on one of the lower lixels are as unlikely; two on the last is the least
    assert found.p_family[2] == pytest.approx(0.2**2, abs=0.012)
    assert found.sd == pytest.approx(np.sqrt(2 * np.array([0.25, 0.21, 0.16])))


def test_family_wise_p_against_a_second_implementation():
    rng = np.random.default_rng(8)
    n, total = 120, 150
    smoothing = windows_of_a_road(n)
    mean = np.exp(rng.normal(0, 0.7, n))
    mean *= total / mean.sum()
    crashes = rng.multinomial(total, mean / total)
    crashes[60:63] += 4
    null = NullModel(name="spf", expected=mean * crashes.sum() / total)
    found = compute_significance(
        crashes, null, smoothing, seed=4, options=SignificanceOptions(early_stopping=None)
    )
    maps = rng.multinomial(crashes.sum(), mean / total, 2000)
    tails = stats.poisson.sf((smoothing @ maps.T).T - 1, smoothing @ null.expected)
    own = stats.poisson.sf(smoothing @ crashes - 1, smoothing @ null.expected)
    expected = (tails.min(axis=1)[:, None] <= own * (1 + 1e-9)).mean(axis=0)
    is_clear = found.p_tail <= found.tail_level
    assert found.p_family[is_clear] == pytest.approx(expected[is_clear], abs=0.07)
    assert found.p_family[is_clear].min() < 0.05


def test_moments_and_tails_of_overdispersed_groups():
    rng = np.random.default_rng(6)
    n, total, k = 80, 600, 0.3
    smoothing, group = kernel_of_a_road(n), np.arange(n) // 4
    mean = np.exp(rng.normal(0, 0.5, n))
    null = NullModel(name="spf", expected=mean, overdispersion_k=k, group=group)
    told = describe_smoothed(smoothing, null, total)
    factor = rng.gamma(1 / k, k, (20_000, group.max() + 1))[:, group]
    share = mean * factor
    maps = rng.multinomial(total, share / share.sum(axis=1, keepdims=True))
    simulated = (smoothing @ maps.T).T
    assert told.mean == pytest.approx(total / mean.sum() * (smoothing @ mean))
    assert told.sd == pytest.approx(simulated.std(axis=0), rel=0.08)
    high = np.quantile(simulated, 0.99, axis=0)
    tail = told.get_tail(np.arange(n), high)
    assert ((tail > 0.003) & (tail < 0.03)).all()


def test_the_tail_of_windows_in_one_group_is_negative_binomial():
    n, k = 30, 0.4
    smoothing = windows_of_a_road(n)
    null = NullModel(
        name="spf", expected=np.linspace(0.1, 2, n), overdispersion_k=k, group=np.zeros(n, int)
    )
    told = describe_smoothed(smoothing, null, null.expected.sum())
    counts = np.arange(n) % 7
    expected = compute_negative_binomial_upper_tail(counts, told.mean, overdispersion_k=k)
    assert told.get_tail(np.arange(n), counts.astype(float)) == pytest.approx(expected)
    for level in (0.2, 0.001):
        limit = told.find_limits(level)
        assert (told.get_tail(np.arange(n), limit) >= level * (1 - 1e-9)).all()
        assert (told.get_tail(np.arange(n), 1.1 * limit + 0.1) < level).all()


def test_a_lixel_is_decided_after_the_map_that_decides_it():
    rng = np.random.default_rng(9)
    n = 60
    crashes = rng.poisson(0.8, n)
    null = build_null("length", crashes, np.full(n, 50.0))
    smoothing = windows_of_a_road(n)
    options = SignificanceOptions(n_maps=19, n_simulations=900, early_stopping=25)
    found = compute_significance(crashes, null, smoothing, seed=5, options=options)
    maker = MapMaker.from_smoothing(
        smoothing, found.observed, null=null, n_crashes=int(crashes.sum()), seed=5
    )
    never = [np.full(n, np.inf)]
    bits = np.array([maker.make_maps(i, 1, never).reached for i in range(900)]).astype(int)
    for lixel in np.flatnonzero(found.observed > 0):
        reached = np.cumsum(bits[:, lixel])
        if reached[-1] >= 25:
            at = int(np.argmax(reached >= 25)) + 1
            assert found.p_value[lixel] == 25 / at
            assert found.n_simulations[lixel] == at
        else:
            assert found.p_value[lixel] == (1 + reached[-1]) / 901
    assert found.n_maps == 19


def test_the_seed_alone_decides_and_progress_is_told():
    rng = np.random.default_rng(2)
    smoothing, group = streets(6)
    crashes = rng.poisson(0.7, len(group))
    null = build_null(
        "length", crashes, np.full(len(group), 50.0), overdispersion_k=0.5, group=group
    )
    told = []

    def run(seed, n_workers):
        options = SignificanceOptions(n_maps=150, n_workers=n_workers)
        return compute_significance(
            crashes, null, smoothing, seed=seed, options=options,
            progress=lambda *report: told.append(report),
        ).to_frame()  # fmt: skip

    first = run(1, 1)
    assert told
    assert told[-1][0] <= 150
    assert first.equals(run(1, 3))
    assert not first.equals(run(2, 1))


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.floats(0.01, 900))
def test_the_unit_of_the_smoothing_changes_nothing(seed, unit):
    rng = np.random.default_rng(seed)
    crashes = rng.poisson(0.5, 40)
    null = build_null("length", crashes, np.full(40, 50.0))
    smoothing = kernel_of_a_road(40)
    options = SignificanceOptions(n_maps=49)
    one, other = (
        compute_significance(crashes, null, matrix, seed=7, options=options)
        for matrix in (smoothing, smoothing * unit)
    )
    for name in ("p_value", "q_value", "p_family", "n_simulations"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
    assert (one.p_value > 0).all()
    assert (one.q_value >= one.finest - 1e-12).all()
    order = np.argsort(one.p_tail)
    assert (np.diff(one.q_value[order]) >= -1e-12).all()
    assert (np.diff(one.p_family[order]) >= -1e-12).all()


def test_weights_below_zero_and_lixels_that_nothing_reaches():
    smoothing = sparse.csr_array(np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, 0.0], [0.0, 0.0, 0.0]]))
    null = NullModel(name="length", expected=np.array([1.0, 1.0, 2.0]))
    found = compute_significance([3, 0, 1], null, smoothing, seed=1)
    assert found.observed.tolist() == [6, -3, 0]
    assert found.p_value[1:].tolist() == [1, 1]
    assert found.p_tail[1:].tolist() == [1, 1]
    assert np.isnan(found.ratio[2])
    assert found.p_value[0] < 0.3


def test_no_crashes_and_no_lixels():
    null = build_null("length", np.zeros(4), np.ones(4))
    found = compute_significance(np.zeros(4), null, windows_of_a_road(4, 1), seed=1)
    assert found.p_value.tolist() == found.q_value.tolist() == [1] * 4
    assert found.n_maps == 0
    empty = build_null("length", [], [])
    none = compute_significance([], empty, sparse.csr_array((0, 0)), seed=1)
    assert len(none.to_frame()) == 0


def test_what_cannot_be_tested_is_said():
    null = NullModel(name="spf", expected=np.array([1.0, 0.0]))
    one = sparse.csr_array(np.eye(2))
    with pytest.raises(InputError, match="2 crashes lie on 1 lixels where none is expected"):
        compute_significance([0, 2], null, one, seed=1)
    with pytest.raises(InputError, match="build it for these"):
        compute_significance([1, 0], null, sparse.csr_array(np.eye(3)), seed=1)
    with pytest.raises(InputError, match="weights that are missing"):
        compute_significance([1, 0], null, one * np.nan, seed=1)
    with pytest.raises(InputError, match="not counts"):
        compute_significance([0.5, 0], null, one, seed=1)
    with pytest.raises(InputError, match="seed is -1"):
        compute_significance([1, 0], null, one, seed=-1)
    with pytest.raises(InputError, match="n_maps is 5"):
        SignificanceOptions(n_maps=5)
    with pytest.raises(InputError, match="n_simulations is 99"):
        SignificanceOptions(n_maps=199, n_simulations=99)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "k"), [("length", 0.0), ("road_class", 0.4), ("exposure", 0.0), ("spf", 0.4)]
)
def test_maps_of_chance_seldom_show_anything(name, k):
    """200 maps, with means estimated from each map itself; 5 % and two standard errors: 16."""
    rng = np.random.default_rng(12)
    smoothing, group = streets(6)
    n = len(group)
    kind = (np.arange(n) < n // 3).astype(int)
    exposure = np.exp(rng.normal(0, 1, group.max() + 1))[group]
    true = {"length": np.ones(n), "road_class": 1 + 2 * kind}.get(name, exposure)
    options = SignificanceOptions(n_maps=39, n_workers=1)
    n_family = n_fdr = 0
    share = []
    for number in range(200):
        factor = rng.gamma(1 / k, k, group.max() + 1)[group] if k else 1.0
        crashes = rng.multinomial(130, true * factor / (true * factor).sum())
        null = build_null(
            name, crashes, np.full(n, 50.0), reference_class=kind, exposure=exposure,
            expected=exposure, overdispersion_k=k, group=group,
        )  # fmt: skip
        found = compute_significance(crashes, null, smoothing, seed=number, options=options)
        n_family += (found.p_family <= 0.05).any()
        n_fdr += (found.q_value <= 0.05).any()
        share.append((found.p_value <= 0.05).mean())
    assert n_family <= 16
    assert n_fdr <= 16
    assert np.mean(share) <= 0.055


@pytest.mark.slow
def test_worse_stretches_are_found_more_often():
    rng = np.random.default_rng(13)
    smoothing, group = streets(8)
    n = len(group)
    planted = smoothing[[90]].toarray()[0] > 0
    options = SignificanceOptions(n_maps=59, n_workers=1)
    found = []
    for times in (1, 2, 3, 5):
        mean = np.where(planted, times, 1.0)
        hits = 0
        for number in range(25):
            crashes = rng.multinomial(700, mean / mean.sum())
            null = build_null("length", crashes, np.full(n, 50.0))
            result = compute_significance(crashes, null, smoothing, seed=number, options=options)
            hits += (result.q_value[planted] <= 0.05).any()
        found.append(hits / 25)
    assert found[0] <= 0.1
    assert found[3] >= 0.95
    assert (np.diff(found) >= 0).all()
