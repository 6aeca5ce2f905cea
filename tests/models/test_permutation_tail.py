from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError
from models.permutation_tail import compute_permutation_tail, compute_sum_skewness


def test_zeros_and_ones_have_the_skewness_of_the_hypergeometric_law():
    values = np.r_[np.ones(7), np.zeros(33)]
    for n in (1, 5, 12, 30):
        exact = stats.hypergeom(40, 7, n).stats(moments="s")
        assert compute_sum_skewness(values, n) == pytest.approx(float(exact), rel=1e-12)


def test_the_tail_comes_near_what_permutations_give():
    rng = np.random.default_rng(5)
    values = rng.poisson(rng.gamma(0.8, 1.0, 3_000)).astype(float)
    n, n_tries = 12, 200_000
    drawn = values[rng.integers(0, len(values), (n_tries, n))].sum(axis=1)
    mean, size = values.mean() * n, len(values)
    sd = np.sqrt(n * values.var() * (size - n) / (size - 1))
    for share in (0.05, 0.01, 0.001):
        limit = np.quantile(drawn, 1 - share)
        found = (drawn >= limit).mean()
        z, skew = [(limit - 0.5 - mean) / sd], [float(compute_sum_skewness(values, n))]
        p = compute_permutation_tail(z, skew)[0]
        assert p == pytest.approx(found, rel=0.25)
    assert stats.norm.sf((np.quantile(drawn, 0.999) - mean) / sd) < 0.0004  # many times too small


def test_equal_to_scipys_pearson_three_and_to_the_normal_law_without_skewness():
    z = np.linspace(-2, 8, 21)
    for skew in (0.05, 0.6, 2.0):
        exact = stats.pearson3(skew).sf(z)
        assert compute_permutation_tail(z, np.full(21, skew)) == pytest.approx(exact, rel=1e-9)
    assert compute_permutation_tail(z, np.zeros(21)) == pytest.approx(stats.norm.sf(z))


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match="at least 3"):
        compute_sum_skewness([1.0, np.nan, 2.0], 1)
    with pytest.raises(InputError, match="n_drawn"):
        compute_sum_skewness([1.0, 2.0, 3.0], [3])
    with pytest.raises(InputError, match="missing"):
        compute_permutation_tail([np.nan], [0.0])
    assert compute_sum_skewness([2.0, 2.0, 2.0], [1]).tolist() == [0.0]
    assert compute_permutation_tail([], []).size == 0


@settings(max_examples=30, deadline=None)
@given(st.floats(-3, 30), st.floats(0, 12), st.floats(0, 3))
def test_farther_out_is_less_likely(z, more, skew):
    near, far = compute_permutation_tail([z, z + more], [skew, skew])
    assert 0 <= far <= near <= 1
