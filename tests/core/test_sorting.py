"""Sorting in compiled loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.sorting import order_pairs


@given(st.integers(0, 2**32 - 1), st.integers(0, 200))
def test_it_is_the_order_of_numpy(seed, n):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 9, n), rng.integers(0, 20, n) / 4
    order = order_pairs(first, second)
    expected = np.lexsort((second, first))
    assert sorted(order) == list(range(n))
    assert (first[order] == first[expected]).all()
    assert (second[order] == second[expected]).all()
