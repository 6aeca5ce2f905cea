from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError
from models.screening import compute_negative_binomial_upper_tail, compute_poisson_upper_tail


def test_by_hand_one_crash_or_more():
    # P(X = 0) = (1 + k mu)^(-1/k) = (1 + 0.5 * 2)^-2 = 1/4
    tail = compute_negative_binomial_upper_tail([0, 1], [2.0, 2.0], overdispersion_k=0.5)
    assert tail.tolist() == pytest.approx([1.0, 0.75])


@given(st.integers(0, 60), st.floats(0.01, 50), st.floats(0.01, 5))
def test_it_equals_scipy(n, mean, k):
    tail = compute_negative_binomial_upper_tail([n], [mean], overdispersion_k=k)
    other = stats.nbinom.sf(n - 1, 1 / k, 1 / (1 + k * mean))
    assert tail.item() == pytest.approx(other, rel=1e-6, abs=1e-12)


def test_no_overdispersion_is_poisson():
    n, mean = np.arange(10), np.full(10, 3.0)
    tail = compute_negative_binomial_upper_tail(n, mean, overdispersion_k=0)
    assert np.array_equal(tail, compute_poisson_upper_tail(n, mean))


def test_a_negative_k_is_refused():
    with pytest.raises(InputError, match="0 or more"):
        compute_negative_binomial_upper_tail([1], [1.0], overdispersion_k=-1)
