import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, stats
from statsmodels.stats.multitest import multipletests

from core.errors import InputError, NotEnoughDataError
from models.screening import (
    adjust_fdr,
    compute_expected_per_lixel,
    compute_poisson_upper_tail,
    estimate_overdispersion,
    scan_windows,
)


def build_chain_windows(n, reach):
    """Windows of a road of n lixels: each lixel and `reach` on either side."""
    return sparse.csr_array(
        sparse.diags_array([1.0] * (2 * reach + 1), offsets=range(-reach, reach + 1), shape=(n, n))
    )


def build_grid_windows(side, reach):
    """Windows on a grid of streets: lixels within `reach` steps."""
    chain = build_chain_windows(side, 1)
    one = sparse.eye_array(side)
    step = sparse.csr_array(sparse.kron(chain, one) + sparse.kron(one, chain))
    windows = sparse.csr_array(sparse.eye_array(side * side))
    for _ in range(reach):
        windows = windows @ step
    return sparse.csr_array((windows > 0).astype(float))


# --- expected


def test_expected_by_hand_for_two_classes():
    # class a: 4 crashes on 400 m, b: 1 crash on 100 m
    expected = compute_expected_per_lixel(
        [3, 1, 1], [100.0, 300.0, 100.0], np.array(["a", "a", "b"])
    )
    assert expected.tolist() == [1.0, 3.0, 1.0]


def test_with_no_classes_the_network_is_one():
    assert compute_expected_per_lixel([4, 0], [50.0, 150.0]).tolist() == [1.0, 3.0]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.floats(1, 60), st.integers(0, 3)), min_size=1, max_size=40
    )
)
def test_expected_sums_to_the_crashes_of_every_class(rows):
    counts, length, codes = (np.array(column) for column in zip(*rows, strict=True))
    expected = compute_expected_per_lixel(counts, length, codes)
    for code in np.unique(codes):
        assert expected[codes == code].sum() == pytest.approx(counts[codes == code].sum())


def test_expected_refuses_what_it_cannot_use():
    with pytest.raises(InputError, match="first at position 1: 0"):
        compute_expected_per_lixel([1, 1], [50.0, 0.0])
    with pytest.raises(InputError, match="are missing, first at position 1"):
        compute_expected_per_lixel([1, 1], [50.0, 50.0], np.array(["a", None], dtype=object))
    with pytest.raises(InputError, match="equally long"):
        compute_expected_per_lixel([1], [50.0, 50.0])


def test_expected_of_no_lixels_is_empty():
    assert compute_expected_per_lixel([], []).size == 0


# --- tail


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("mean", [1e-12, 1e-5, 0.3, 4.0])
def test_tail_is_exact_even_for_tiny_means(n, mean):
    # the series exp(-mu) sum mu^k/k! summed in exact fractions
    exact = Fraction(mean)
    series = sum(exact**k / math.factorial(k) for k in range(n, n + 60))
    assert compute_poisson_upper_tail(n, mean).item() == pytest.approx(
        float(series) * math.exp(-mean), rel=1e-12
    )


@given(st.integers(0, 300), st.floats(1e-6, 300))
def test_tail_equals_scipy_and_falls_with_the_count(n, mean):
    tail = compute_poisson_upper_tail([n, n + 1], [mean, mean])
    assert tail[0] == pytest.approx(stats.poisson.sf(n - 1, mean), rel=1e-7, abs=1e-300)
    assert tail[1] <= tail[0] <= 1.0


def test_tail_refuses_crashes_where_none_can_be():
    assert compute_poisson_upper_tail(0, 0.0).item() == 1.0
    with pytest.raises(InputError, match="is 0 where crashes"):
        compute_poisson_upper_tail(1, 0.0)


# --- FDR


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_q_values_equal_statsmodels(p_values):
    expected = multipletests(p_values, method="fdr_bh")[1]
    assert adjust_fdr(p_values) == pytest.approx(expected, abs=1e-12)


def test_q_values_by_hand_and_of_nothing():
    # 4·0.01/1, 4·0.02/2, 4·0.03/3, 4·0.5/4
    assert adjust_fdr([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.04, 0.04])
    assert adjust_fdr([]).size == 0


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_what_is_no_p_value_is_refused(bad):
    with pytest.raises(InputError, match="p_value"):
        adjust_fdr([0.5, bad])


# --- scan


def test_scan_by_hand_on_a_road_of_four_lixels():
    scan = scan_windows([0, 3, 0, 0], np.full(4, 0.75), build_chain_windows(4, 1))
    assert scan.n_window.tolist() == [3, 3, 3, 0]
    assert scan.expected_window.tolist() == [1.5, 2.25, 2.25, 1.5]
    assert scan.rate_ratio == pytest.approx([2.0, 4 / 3, 4 / 3, 0.0])
    p = 1 - math.exp(-1.5) * (1 + 1.5 + 1.5**2 / 2)
    assert scan.p_value[0] == pytest.approx(p)
    assert scan.p_value[3] == 1.0


def test_scan_finds_a_stretch_with_four_times_the_crashes():
    rng = np.random.default_rng(7)
    mean = np.full(2_000, 0.2)
    mean[1_000:1_010] = 2.0
    counts = rng.poisson(mean)
    scan = scan_windows(
        counts,
        compute_expected_per_lixel(counts, np.full(2_000, 50.0)),
        build_chain_windows(2_000, 3),
    )
    found = np.flatnonzero(scan.q_value <= 0.05)
    assert set(range(1_000, 1_010)) <= set(found.tolist())
    assert found.min() >= 1_000 - 4
    assert found.max() <= 1_010 + 3


def test_scan_of_no_crashes_shows_nothing():
    scan = scan_windows(np.zeros(5), np.zeros(5), build_chain_windows(5, 1))
    assert scan.p_value.tolist() == [1.0] * 5
    assert scan.q_value.tolist() == [1.0] * 5
    assert np.isnan(scan.rate_ratio).all()


def test_scan_refuses_windows_of_another_network():
    with pytest.raises(InputError, match=r"windows: shape \(4, 4\) for 5"):
        scan_windows(np.zeros(5), np.ones(5), build_chain_windows(4, 1))


@given(st.permutations(range(12)))
def test_scan_does_not_depend_on_the_numbering(order):
    order = np.array(order)
    counts = np.array([0, 1, 0, 5, 2, 0, 0, 0, 1, 0, 0, 3])
    windows = build_chain_windows(12, 2)
    plain = scan_windows(counts, np.full(12, 1.0), windows)
    shuffled = scan_windows(counts[order], np.full(12, 1.0), windows[order, :][:, order])
    assert shuffled.q_value == pytest.approx(plain.q_value[order], rel=1e-12)


@pytest.mark.parametrize(
    ("windows", "n_classes"),
    [(build_chain_windows(4_000, 3), 1), (build_grid_windows(50, 3), 4)],
    ids=["chain", "grid"],
)
def test_with_no_hotspot_at_most_a_twentieth_of_maps_show_one(windows, n_classes):
    rng = np.random.default_rng(20260101)
    n_maps, n_lixels = 400, windows.shape[0]
    codes = np.arange(n_lixels) % n_classes
    length = rng.uniform(25, 50, n_lixels)
    rate = np.array([0.02, 0.005, 0.001, 0.01])[codes]
    n_false = 0
    for _ in range(n_maps):
        counts = rng.poisson(rate * length)
        expected = compute_expected_per_lixel(counts, length, codes)
        n_false += bool((scan_windows(counts, expected, windows).q_value <= 0.05).any())
    # refuse only what 5 % could hardly bring: the lower Clopper-Pearson bound is above it
    assert stats.binomtest(n_false, n_maps).proportion_ci(method="exact").low <= 0.05
    assert n_false > 0  # a scan that can never be wrong would find nothing either


# --- overdispersion


def test_overdispersion_by_hand():
    # squared deviations 1, 1, 4: ratio (1+1+4)/1/2 = 3; k = (6 - 3)/3 = 1
    found = estimate_overdispersion([0, 0, 3], [1.0, 1.0, 1.0])
    assert found.variance_ratio == pytest.approx(3.0)
    assert found.overdispersion_k == pytest.approx(1.0)
    assert "3.0 times" in found.meaning


def test_overdispersion_recovers_a_known_k():
    rng = np.random.default_rng(3)
    mean = rng.uniform(1, 6, 50_000)
    counts = rng.poisson(mean * rng.gamma(1 / 0.5, 0.5, mean.size))
    assert estimate_overdispersion(counts, mean).overdispersion_k == pytest.approx(0.5, rel=0.05)
    plain = estimate_overdispersion(rng.poisson(mean), mean)
    assert plain.overdispersion_k == pytest.approx(0.0, abs=0.01)
    assert plain.variance_ratio == pytest.approx(1.0, rel=0.03)
    assert "pure chance" in plain.meaning


def test_overdispersion_needs_sites():
    with pytest.raises(NotEnoughDataError, match="1 site"):
        estimate_overdispersion([1, 0], [1.0, 0.0])
