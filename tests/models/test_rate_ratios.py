import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError
from models.rate_ratios import (
    compute_hauer_effect,
    compute_power,
    compute_rate_ratio_interval,
    find_detectable_reduction,
)


@given(st.integers(0, 400), st.integers(0, 400), st.floats(0.1, 10))
def test_interval_equals_clopper_pearson_of_the_share_after(before, after, ratio):
    if before + after == 0:
        return
    low, high = compute_rate_ratio_interval(before, after, exposure_ratio=ratio)
    share = stats.binomtest(after, before + after).proportion_ci(0.95, method="exact")
    assert low == pytest.approx(share.low / (1 - share.low) / ratio, rel=1e-6)
    if share.high < 1:
        assert high == pytest.approx(share.high / (1 - share.high) / ratio, rel=1e-6)
    else:
        assert math.isinf(high)


@pytest.mark.parametrize(("mean_before", "ratio"), [(4.0, 0.5), (12.0, 1.0), (30.0, 0.4)])
def test_interval_covers_the_true_ratio_at_least_as_often_as_it_says(mean_before, ratio):
    counts = np.arange(90)
    before = stats.poisson.pmf(counts, mean_before)
    after = stats.poisson.pmf(counts, mean_before * ratio)
    covered = sum(
        before[k] * after[n]
        for k in counts
        for n in counts
        if before[k] * after[n] > 1e-12
        and (bounds := compute_rate_ratio_interval(k, n))[0] <= ratio <= bounds[1]
    )
    assert covered >= 0.95


def test_interval_when_nothing_was_counted():
    assert compute_rate_ratio_interval(0, 0) == (0.0, math.inf)
    low, high = compute_rate_ratio_interval(0, 3)
    assert low > 0
    assert math.isinf(high)
    assert compute_rate_ratio_interval(3, 0)[0] == 0.0
    with pytest.raises(InputError):
        compute_rate_ratio_interval(3, 1, confidence=1.0)


def test_hauer_effect_by_hand():
    # expected 10 with variance 10: theta = (5/10)/(1 + 0.1)
    theta, se = compute_hauer_effect(5, 10.0, 10.0)
    assert theta == pytest.approx(0.5 / 1.1)
    assert se == pytest.approx(0.5 / 1.1 * math.sqrt(1 / 5 + 0.1) / 1.1)
    assert np.isnan(compute_hauer_effect(5, 0.0, 0.0)).all()
    theta, se = compute_hauer_effect(0, 10.0, 10.0)
    assert theta == 0.0
    assert math.isnan(se)


def test_hauer_effect_is_nearly_unbiased_and_its_error_right():
    rng = np.random.default_rng(11)
    pairs = np.column_stack([rng.poisson(40, 20_000), rng.poisson(24, 20_000)])
    found = np.array([compute_hauer_effect(n, float(k), float(k)) for k, n in pairs])
    assert found[:, 0].mean() == pytest.approx(0.6, abs=0.004)
    assert np.sqrt((found[:, 1] ** 2).mean()) == pytest.approx(found[:, 0].std(), rel=0.06)


def test_power_equals_the_share_of_tests_that_find_it():
    # by brute force at a total of 30: before 20, true ratio 0.5
    total, share = 30, 0.5 / 1.5
    found = 0.0
    for after in range(total + 1):
        low, high = compute_rate_ratio_interval(total - after, after)
        if high < 1 or low > 1:
            found += stats.binom.pmf(after, total, share)
    assert compute_power(20, 0.5).item() == pytest.approx(found, abs=1e-9)


@given(st.integers(1, 500), st.floats(0.2, 5))
def test_with_no_effect_the_power_is_at_most_the_error_allowed(before, ratio):
    assert compute_power(before, 0.0, exposure_ratio=ratio).item() <= 0.05 + 1e-9


def test_more_crashes_find_smaller_reductions():
    found = [find_detectable_reduction(n) for n in (20, 100, 254, 2_000)]
    assert found == sorted(found, reverse=True)
    assert compute_power(254, found[2]).item() >= 0.8
    assert compute_power(254, found[2] - 0.01).item() < 0.8
    assert math.isnan(find_detectable_reduction(3))
    assert math.isnan(find_detectable_reduction(0))
