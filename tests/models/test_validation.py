import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_poisson_deviance

from core.errors import InputError, NotEnoughDataError
from models.validation import (
    bootstrap_intervals,
    compute_capture_share,
    compute_poisson_deviance,
)

sites = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.floats(1, 500)), min_size=1, max_size=30
)


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0.01, 50)), min_size=1, max_size=30))
def test_deviance_equals_scikit_learn(rows):
    counts, means = (np.array(column) for column in zip(*rows, strict=True))
    expected = mean_poisson_deviance(counts, means)
    assert compute_poisson_deviance(counts, means) == pytest.approx(expected, abs=1e-9)


def test_deviance_by_hand():
    # n = 2, mu = 1: 2·(2 ln 2 - 1); n = 0, mu = 3: 6
    expected = (2 * (2 * math.log(2) - 1) + 6) / 2
    assert compute_poisson_deviance([2, 0], [1, 3]) == pytest.approx(expected)
    assert compute_poisson_deviance([0, 0], [0, 0]) == 0
    assert math.isinf(compute_poisson_deviance([1, 0], [0, 1]))


def test_deviance_refuses_what_it_cannot_use():
    with pytest.raises(NotEnoughDataError):
        compute_poisson_deviance([], [])
    with pytest.raises(InputError, match="position 1 is nan"):
        compute_poisson_deviance([1, 1], [1, np.nan])


def test_capture_by_hand():
    # worst quarter of 400 m is the first site, with 6 of 10 crashes
    found = compute_capture_share([9, 5, 1], [6, 3, 1], [100, 100, 200], length_share=0.25)
    assert found == pytest.approx(0.6)
    # half of the second site too
    found = compute_capture_share([9, 5, 1], [6, 3, 1], [100, 100, 200], length_share=0.375)
    assert found == pytest.approx(0.75)


def test_equal_scores_give_the_mean_over_their_orders():
    counts, length = np.array([4, 1, 0, 2]), np.array([100.0] * 4)
    tied = compute_capture_share([7, 5, 5, 5], counts, length, length_share=0.5)
    orders = [
        compute_capture_share([7, *order], counts, length, length_share=0.5)
        for order in itertools.permutations([1, 2, 3])
    ]
    assert tied == pytest.approx(np.mean(orders))


@given(sites, st.floats(0, 1))
def test_capture_is_a_share_and_no_score_captures_the_share_of_length(rows, share):
    score, counts, length = (np.array(column) for column in zip(*rows, strict=True))
    if counts.sum() == 0:
        return
    found = compute_capture_share(score, counts, length, length_share=share)
    best = compute_capture_share(counts / length, counts, length, length_share=share)
    assert -1e-12 <= found <= best + 1e-9 <= 1 + 2e-9
    even = compute_capture_share(np.ones(len(rows)), counts, length, length_share=share)
    assert even == pytest.approx(share)
    assert compute_capture_share(score, counts, length, length_share=1.0) == pytest.approx(1.0)


def test_capture_refuses_what_it_cannot_use():
    with pytest.raises(NotEnoughDataError, match="no later crash"):
        compute_capture_share([1], [0], [10], length_share=0.05)
    with pytest.raises(InputError, match="length_share is 5"):
        compute_capture_share([1], [1], [10], length_share=5)
    with pytest.raises(InputError, match="a score is missing"):
        compute_capture_share([np.nan], [1], [10], length_share=0.05)


def test_bootstrap_of_a_mean_is_about_as_wide_as_theory_says():
    values = np.random.default_rng(1).normal(10, 2, 400)
    low, high = bootstrap_intervals(
        lambda rows: values[rows].mean(), np.arange(400), n_resamples=1_000,
        rng=np.random.default_rng(2),
    )  # fmt: skip
    assert (high - low).item() == pytest.approx(2 * 1.96 * 2 / 20, rel=0.12)
    assert low.item() < values.mean() < high.item()


def test_bootstrap_takes_whole_groups():
    groups = np.array(["a", "a", "b", "c", "c", "c"])
    sizes = set()

    def compute(rows):
        for group in "abc":
            count = np.isin(rows, np.flatnonzero(groups == group)).sum()
            assert count % (groups == group).sum() == 0
        sizes.add(len(rows))
        return [0.0, 1.0]

    low, high = bootstrap_intervals(
        compute, groups, n_resamples=50, rng=np.random.default_rng(3), confidence=0.9
    )
    assert low.tolist() == high.tolist() == [0.0, 1.0]
    assert len(sizes) > 1


def test_bootstrap_is_the_same_for_the_same_seed_and_needs_sites():
    values = np.arange(30.0)

    def run():
        return bootstrap_intervals(
            lambda rows: values[rows].mean(), values, n_resamples=20,
            rng=np.random.default_rng(4),
        )  # fmt: skip

    assert run() == run()
    with pytest.raises(InputError, match="0 site"):
        bootstrap_intervals(len, np.array([]), n_resamples=9, rng=np.random.default_rng(4))
