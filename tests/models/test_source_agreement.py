"""Kappa and capture-recapture: by hand, beside statsmodels, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from core.errors import InputError
from models.source_agreement import compute_weighted_kappa, estimate_chapman


def test_kappa_of_two_classes_by_hand():
    # agreement 0.70, by chance 0.5·0.6 + 0.5·0.4 = 0.5
    found = compute_weighted_kappa([[20, 5], [10, 15]])
    assert (found.n, found.agreement_share) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)


@pytest.mark.parametrize(
    "table",
    [
        [[20, 5], [10, 15]],
        [[11, 3, 1, 0], [2, 25, 6, 1], [0, 7, 60, 9], [1, 0, 5, 30]],
        [[5, 1, 0], [0, 9, 2], [3, 0, 4]],
    ],
)
def test_kappa_is_that_of_statsmodels(table):
    found, theirs = compute_weighted_kappa(table), cohens_kappa(np.array(table), wt="linear")
    assert found.kappa == pytest.approx(theirs.kappa)
    assert found.se == pytest.approx(math.sqrt(theirs.var_kappa))


def test_kappa_without_anything_to_tell():
    assert math.isnan(compute_weighted_kappa(np.zeros((4, 4))).kappa)
    one_word = compute_weighted_kappa([[9, 0], [0, 0]])
    assert math.isnan(one_word.kappa)
    assert one_word.agreement_share == 1.0
    with pytest.raises(InputError, match="square"):
        compute_weighted_kappa([[1, 2, 3]])


@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3))
def test_kappa_does_not_depend_on_who_comes_first(table):
    one, other = compute_weighted_kappa(table), compute_weighted_kappa(np.array(table).T)
    assert one.kappa == pytest.approx(other.kappa, nan_ok=True)
    assert math.isnan(one.kappa) or -1 <= one.kappa <= 1


def test_chapman_by_hand():
    # (200+1)(150+1)/(50+1) - 1 = 594.118; variance 201·151·150·100/(51²·52)
    found = estimate_chapman(200, 150, 50)
    assert found.n_total == pytest.approx(201 * 151 / 51 - 1)
    assert found.se == pytest.approx(math.sqrt(201 * 151 * 150 * 100 / (51**2 * 52)))
    assert found.n_known == 300
    assert found.n_unreported == pytest.approx(found.n_total - 300)
    # log-normal interval of the unseen
    factor = math.exp(1.959964 * math.sqrt(math.log(1 + found.se**2 / found.n_unreported**2)))
    assert found.ci_low == pytest.approx(300 + found.n_unreported / factor, rel=1e-6)
    assert found.ci_high == pytest.approx(300 + found.n_unreported * factor, rel=1e-6)


def test_chapman_of_equal_lists_finds_nothing_unseen():
    found = estimate_chapman(30, 30, 30)
    assert (found.n_total, found.se, found.ci_low, found.ci_high) == (30, 0, 30, 30)
    with pytest.raises(InputError, match="cannot share 4"):
        estimate_chapman(3, 9, 4)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_chapman_never_falls_below_what_is_known(only_first, only_second, both):
    found = estimate_chapman(only_first + both, only_second + both, both)
    known = only_first + only_second + both
    assert found.n_known == known
    assert known - 1e-9 <= found.ci_low <= known + found.n_unreported + 1e-9
    assert found.ci_high >= known + found.n_unreported - 1e-6


@pytest.mark.slow
def test_chapman_interval_covers_the_truth():
    rng = np.random.default_rng(8)
    seen = rng.random((2, 600, 1000)) < np.array([0.4, 0.3])[:, None, None]
    hits = 0
    for first, second in zip(*seen, strict=True):
        found = estimate_chapman(int(first.sum()), int(second.sum()), int((first & second).sum()))
        hits += found.ci_low <= 1000 <= found.ci_high
    assert 0.92 <= hits / 600 <= 0.98
