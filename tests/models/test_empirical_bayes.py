"""Empirical Bayes: the published numbers, and ranks that say how sure they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError
from models.empirical_bayes import Figure, combine_with_expected, simulate_figures, simulate_ranks

MEAN_PER_KM = 0.0224 * 4000**0.564
K_PER_KM, LENGTH_KM = 1 / 2.05, 1.8


def test_the_tutorial_of_hauer_one_year():
    found = combine_with_expected([12], [MEAN_PER_KM * LENGTH_KM], K_PER_KM / LENGTH_KM)
    assert found.weight[0] == pytest.approx(0.460, abs=5e-4)
    assert found.expected[0] == pytest.approx(8.476, abs=5e-4)
    assert found.expected[0] / LENGTH_KM == pytest.approx(4.71, abs=5e-3)
    assert found.sd[0] / LENGTH_KM == pytest.approx(1.19, abs=5e-3)


def test_the_tutorial_of_hauer_three_years():
    found = combine_with_expected([27], [3 * MEAN_PER_KM * LENGTH_KM], K_PER_KM / LENGTH_KM)
    assert found.expected[0] / 3 == pytest.approx(7.97, abs=5e-3)
    assert found.sd[0] / 3 == pytest.approx(1.44, abs=5e-3)


def test_the_interval_is_that_of_the_posterior():
    found = combine_with_expected([4, 0], [1.5, 0.2], [0.5, 0.5], confidence=0.9)
    for site in (0, 1):
        posterior = stats.gamma(found.shape[site], scale=1 / found.rate[site])
        assert found.ci_low[site] == pytest.approx(posterior.ppf(0.05))
        assert found.ci_high[site] == pytest.approx(posterior.ppf(0.95))
        assert found.expected[site] == pytest.approx(posterior.mean())
        assert found.variance[site] == pytest.approx(posterior.var())


def test_without_overdispersion_the_count_has_no_say():
    found = combine_with_expected([9, 0], [2.0, 0.0], [0.0, 0.3])
    assert found.expected.tolist() == [2.0, 0.0]
    assert found.variance.tolist() == [0.0, 0.0]
    assert found.ci_low.tolist() == found.ci_high.tolist() == [2.0, 0.0]
    assert len(found.to_frame()) == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (([1], [0.0], 0.5), "predict more"),
        (([1], [np.nan], 0.5), "predicted"),
        (([1], [1.0], -0.5), "overdispersion_k"),
        (([1.5], [1.0], 0.5), "not counts"),
        (([1, 2], [1.0], 0.5), "equally long"),
    ],
)
def test_what_cannot_be_used_is_named(values, words):
    with pytest.raises(InputError, match=words):
        combine_with_expected(*values)


positive = st.floats(min_value=1e-3, max_value=500.0)


@given(st.integers(0, 500), positive, positive)
def test_expected_lies_between_observed_and_predicted(n, predicted, k):
    found = combine_with_expected([n], [predicted], k)
    low, high = sorted((n, predicted))
    assert low - 1e-9 <= found.expected[0] <= high + 1e-9
    assert found.ci_low[0] <= found.ci_high[0]
    assert found.expected[0] == pytest.approx(found.shape[0] / found.rate[0])


def test_ranks_agree_with_a_count_of_all_pairs():
    found = combine_with_expected([9, 3, 1, 0], [2.0, 2.0, 1.0, 1.0], 0.8)
    ranks = simulate_ranks(found, n_worst=1, rng=np.random.default_rng(5), n_draws=4000)
    draws = np.random.default_rng(6).gamma(found.shape, 1 / found.rate, (4000, 4))
    order = (draws - found.predicted).argmax(axis=1)
    assert ranks.p_worst == pytest.approx(np.bincount(order, minlength=4) / 4000, abs=0.04)
    assert ranks.p_worst.sum() == pytest.approx(1)
    assert ranks.rank_median[0] == 1
    assert (ranks.rank_low <= ranks.rank_median).all()
    assert (ranks.rank_median <= ranks.rank_high).all()


def test_equal_sites_share_their_place_and_a_seed_gives_the_same():
    found = combine_with_expected([1, 1, 1, 1], [1.0, 1.0, 1.0, 1.0], 0.0)
    ranks = simulate_ranks(found, n_worst=2, rng=np.random.default_rng(1), n_draws=10)
    assert ranks.p_worst == pytest.approx([0.5] * 4)
    found = combine_with_expected([2, 1, 0], [1.0, 1.0, 1.0], 0.5)
    one, other = (
        simulate_ranks(found, n_worst=1, rng=np.random.default_rng(1), n_draws=50) for _ in range(2)
    )
    assert one.p_worst.tolist() == other.p_worst.tolist()


def test_ranks_per_km_and_bad_numbers():
    found = combine_with_expected([5, 5], [1.0, 1.0], 0.5)
    ranks = simulate_ranks(
        found, n_worst=1, rng=np.random.default_rng(1), unit=[0.1, 1.0], n_draws=200
    )
    assert ranks.p_worst[0] > 0.9
    with pytest.raises(InputError, match="n_worst"):
        simulate_ranks(found, n_worst=0, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="unit"):
        simulate_ranks(found, n_worst=1, rng=np.random.default_rng(1), unit=[0.0, 1.0])
    nothing = combine_with_expected([], [], 0.5)
    assert len(simulate_ranks(nothing, n_worst=1, rng=np.random.default_rng(1)).p_worst) == 0


def test_figures_share_their_draws_and_sites_without_one_take_no_rank():
    found = combine_with_expected([9, 3, 1, 0], [2.0, 2.0, 1.0, 1.0], 0.8)
    exposure = np.array([30.0, 1.0, np.nan, 1.0])
    figures = {
        "crashes": Figure(scale=np.ones(4), shift=np.zeros(4)),
        "rate": Figure(scale=1 / exposure, shift=np.zeros(4)),
        "excess": Figure(scale=np.ones(4), shift=-found.predicted),
    }
    options = {"n_worst": 1, "n_draws": 3000}
    ranks = simulate_figures(found, figures, rng=np.random.default_rng(5), **options)
    alone = simulate_ranks(found, rng=np.random.default_rng(5), **options)
    assert ranks["excess"].p_worst.tolist() == alone.p_worst.tolist()
    assert ranks["excess"].rank_high.tolist() == alone.rank_high.tolist()
    draws = np.random.default_rng(6).gamma(found.shape, 1 / found.rate, (3000, 4))
    first = np.nanargmax(draws / exposure, axis=1)
    assert ranks["rate"].p_worst[[0, 1, 3]] == pytest.approx(
        np.bincount(first, minlength=4)[[0, 1, 3]] / 3000, abs=0.04
    )
    assert np.isnan(ranks["rate"].p_worst[2])
    assert np.isnan(ranks["rate"].rank_low[2])
    assert np.nanmax(ranks["rate"].rank_high) <= 3
    assert ranks["crashes"].p_worst[0] > 0.9


def test_what_heads_the_list_is_followed_too():
    found = combine_with_expected([5, 4, 0, 0], [1.0, 1.0, 1.0, 1.0], 0.5)
    listed = np.array([0.0, 0, 1, 0])
    figures = {"a": Figure(scale=np.ones(4), shift=np.zeros(4), listed=listed)}
    ranks = simulate_figures(
        found, figures, n_worst=1, rng=np.random.default_rng(1), n_draws=20, n_followed=1
    )["a"]
    assert np.isfinite(ranks.rank_low).tolist() == [True, False, True, False]
    assert np.isfinite(ranks.p_worst).all()


def test_quiet_sites_drawn_more_seldom_change_nothing_but_the_time(monkeypatch):
    rng = np.random.default_rng(3)
    n = rng.poisson(rng.gamma(1.0, 1.0, 3000))
    found = combine_with_expected(n, np.ones(3000), 1.0)
    figures = {
        "all": Figure(scale=np.ones(3000), shift=np.zeros(3000)),
        "some": Figure(scale=np.where(np.arange(3000) % 2, 1.0, np.nan), shift=np.zeros(3000)),
    }
    options = {"n_worst": 20, "n_draws": 400, "n_followed": 50}
    whole = simulate_figures(found, figures, rng=np.random.default_rng(1), **options)
    monkeypatch.setattr("models.rank_draws.MOST_DRAWN_ANEW", 300)
    fast = simulate_figures(found, figures, rng=np.random.default_rng(2), **options)
    for name in figures:
        assert np.nansum(fast[name].p_worst) == pytest.approx(20)
        head = np.nan_to_num(whole[name].p_worst) > 0.2
        assert fast[name].p_worst[head] == pytest.approx(whole[name].p_worst[head], abs=0.12)
        known = np.isfinite(whole[name].rank_median)
        assert (np.isfinite(fast[name].rank_median) == known).all()
        assert fast[name].rank_median[known] == pytest.approx(
            whole[name].rank_median[known], rel=0.5, abs=8
        )
