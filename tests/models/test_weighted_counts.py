import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from models.rates import compute_poisson_interval
from models.weighted_counts import compute_weighted_interval


@given(st.integers(0, 500), st.floats(0.5, 0.99))
def test_weights_of_one_give_the_exact_interval(n, confidence):
    low, high = compute_weighted_interval(n, n, 1.0, confidence=confidence)
    exact = compute_poisson_interval(n, confidence)
    assert low.item() == pytest.approx(exact[0].item(), rel=1e-9)
    assert high.item() == pytest.approx(exact[1].item(), rel=1e-9)


def test_a_common_weight_scales_the_exact_interval():
    low, high = compute_weighted_interval([3 * 7], [9 * 7], [3])
    exact = compute_poisson_interval(7)
    assert (low.item(), high.item()) == pytest.approx((3 * exact[0], 3 * exact[1]))


def test_unequal_weights_are_covered():
    rng = np.random.default_rng(5)
    means, weights = np.array([4.0, 2.0, 0.5]), np.array([1.0, 5.0, 30.0])
    draws = rng.poisson(means, (20_000, 3))
    low, high = compute_weighted_interval(draws @ weights, draws @ weights**2, 30.0)
    truth = means @ weights
    assert np.mean((low <= truth) & (truth <= high)) >= 0.945


@pytest.mark.parametrize("given_", [(-1, 1, 1), (1, 1, 0), (1, np.nan, 1)])
def test_what_cannot_be_is_refused(given_):
    with pytest.raises(InputError, match="at position 0"):
        compute_weighted_interval(*given_)
