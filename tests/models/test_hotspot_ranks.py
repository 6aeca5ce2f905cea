from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from core.errors import InputError
from models.hotspot_ranks import estimate_ranks


def draw(shape, rate, expected, **options):
    return estimate_ranks(shape, rate, expected, rng=np.random.default_rng(1), **options)


def test_two_places_swap_as_often_as_the_integral_says():
    shape, rate = np.array([12.0, 9.0]), np.array([1.5, 1.2])
    found = draw(shape, rate, [2.0, 2.0], worst=(1, 2), n_draws=40_000)
    first, second = (stats.gamma(a, scale=1 / b) for a, b in zip(shape, rate, strict=True))
    exact, _ = integrate.quad(lambda x: first.pdf(x) * second.cdf(x), 0, 60)
    assert found.share_among_worst[1][0] == pytest.approx(exact, abs=0.01)
    assert found.share_among_worst[1].sum() == pytest.approx(1)
    assert (found.share_among_worst[2] == 1).all()


def test_what_is_expected_counts_not_the_crashes_alone():
    found = draw([400.0, 300.0], [10.0, 10.0], [38.0, 10.0], worst=(1,))
    assert found.share_among_worst[1][1] > 0.99
    assert found.rank_median.tolist() == [2, 1]


def test_places_alike_share_the_ranks():
    found = draw(np.full(20, 5.0), np.full(20, 1.0), np.full(20, 2.0), worst=(5,), n_draws=8_000)
    assert found.share_among_worst[5] == pytest.approx(0.25, abs=0.03)
    assert (found.rank_low <= 2).all()
    assert (found.rank_high >= 19).all()


def test_the_same_seed_gives_the_same_ranks_whatever_is_drawn_at_once(monkeypatch):
    shape = np.linspace(3, 30, 40)
    whole = draw(shape, np.ones(40), np.ones(40), n_draws=100)
    monkeypatch.setattr("models.hotspot_ranks.DRAWN_AT_ONCE", 37)
    parts = draw(shape, np.ones(40), np.ones(40), n_draws=100)
    assert np.array_equal(whole.rank_low, parts.rank_low)
    assert np.array_equal(whole.share_among_worst[5], parts.share_among_worst[5])


def test_no_place_gives_no_rank():
    found = draw([], [], [])
    assert found.rank_low.size == found.share_among_worst[5].size == 0


@pytest.mark.parametrize(
    ("shape", "rate", "expected"),
    [([1.0, -1.0], [1.0, 1.0], [1.0, 1.0]), ([1.0], [0.0], [1.0]), ([1.0], [1.0], [np.nan])],
)
def test_what_is_no_posterior_is_refused(shape, rate, expected):
    with pytest.raises(InputError, match="gamma posterior"):
        draw(shape, rate, expected)
    with pytest.raises(InputError, match="n_draws"):
        draw([1.0], [1.0], [1.0], n_draws=0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.5, 200), min_size=1, max_size=12))
def test_shares_add_up_to_the_size_of_the_group(shapes):
    n = len(shapes)
    found = draw(shapes, np.ones(n), np.ones(n), worst=(1, 3), n_draws=200)
    for k, share in found.share_among_worst.items():
        assert share.sum() == pytest.approx(min(k, n))
    assert (found.rank_low <= found.rank_median).all()
    assert (found.rank_median <= found.rank_high).all()
