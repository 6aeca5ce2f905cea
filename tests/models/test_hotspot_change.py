"""Hotspots that emerge, persist and fade, against scipy, enumeration and planted change."""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError
from models import relative_trend
from models.hotspot_change import PATTERNS, find_hotspot_changes
from models.relative_trend import compute_relative_trend, compute_uneven_p


def rng():
    return np.random.default_rng(1)


def test_two_periods_are_fishers_exact_test():
    total = np.array([400, 300])
    for n in ((3, 14), (10, 10), (8, 0)):
        found = compute_relative_trend([n], total)
        table = [[n[1], n[0]], [total[1] - n[1], total[0] - n[0]]]
        tails = [stats.fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
        assert found.p_value[0] == pytest.approx(min(1, 2 * min(tails)), rel=1e-9)
        odds = stats.contingency.odds_ratio(table, kind="conditional")
        interval = odds.confidence_interval(0.95)
        got = [found.ratio[0], found.ci_low[0], found.ci_high[0]]
        assert got == pytest.approx([odds.statistic, interval.low, interval.high], rel=1e-6)


def test_trend_over_four_periods_is_that_of_all_tables():
    total, n = (9, 7, 8, 6), np.array([0, 1, 2, 3])
    found = compute_relative_trend([n], total)
    weights, scores = [], []
    for x in itertools.product(range(7), repeat=4):
        if sum(x) == 6 and all(a <= b for a, b in zip(x, total, strict=True)):
            weights.append(np.prod([comb(b, a) for a, b in zip(x, total, strict=True)]))
            scores.append(sum(t * a for t, a in enumerate(x)))
    weights, scores = np.array(weights, dtype=float), np.array(scores)
    seen = n @ np.arange(4)

    def tail(beta, is_in):
        tilted = weights * np.exp(beta * scores)
        return tilted[is_in].sum() / tilted.sum()

    tails = tail(0, scores >= seen), tail(0, scores <= seen)
    assert found.p_value[0] == pytest.approx(2 * min(tails), rel=1e-9)
    assert tail(np.log(found.ci_low[0]), scores >= seen) == pytest.approx(0.025, rel=1e-6)
    assert tail(np.log(found.ci_high[0]), scores <= seen) == pytest.approx(0.025, rel=1e-6)
    tilted = weights * np.exp(np.log(found.ratio[0]) * scores)
    assert tilted @ scores / tilted.sum() == pytest.approx(seen)
    ends = min(weights[scores == s].sum() for s in (scores.min(), scores.max())) / weights.sum()
    assert found.least_p[0] == pytest.approx(2 * ends, rel=1e-9)


def test_many_crashes_are_near_the_exact_law(monkeypatch):
    n, total = [[30, 45, 40, 60]], [2500, 2600, 2550, 2400]
    exact = compute_relative_trend(n, total)
    monkeypatch.setattr(relative_trend, "MOST_WORK", 0.0)
    normal = compute_relative_trend(n, total)
    assert normal.p_value == pytest.approx(exact.p_value, rel=0.1)
    assert normal.ratio == pytest.approx(exact.ratio, rel=0.01)
    assert normal.ci_low == pytest.approx(exact.ci_low, rel=0.02)
    assert normal.ci_high == pytest.approx(exact.ci_high, rel=0.02)


def test_no_crash_and_ends_of_the_range():
    found = compute_relative_trend([[0, 0, 0], [0, 0, 9], [7, 0, 0]], [50, 50, 50])
    assert np.isnan(found.ratio[0])
    assert found.p_value[0] == found.least_p[0] == 1
    assert found.ratio[1:].tolist() == [np.inf, 0]
    assert found.ci_high[1] == np.inf
    assert found.ci_low[1] > 1 > found.ci_high[2]
    assert found.ci_low[2] == 0
    empty = compute_relative_trend(np.zeros((0, 3)), [1, 2, 3])
    assert empty.ratio.shape == (0,)


def test_uneven_shares_are_near_chi_square():
    counts, total = np.array([[40, 70, 35, 66], [50, 52, 49, 51], [0, 0, 0, 0]]), [5000] * 4
    p_value = compute_uneven_p(counts, total, rng=rng())
    for row, found in zip(counts[:2], p_value[:2], strict=True):
        assert found == pytest.approx(stats.chisquare(row).pvalue, abs=0.02)
    assert p_value[2] == 1


def test_planted_changes_are_named():
    total = np.array([1000, 1200, 900, 1100])
    counts = [
        [1, 2, 12, 25],  # new
        [12, 18, 25, 45],  # emerging
        [25, 12, 1, 1],  # ended
        [45, 30, 18, 12],  # fading
        [30, 2, 3, 34],  # sporadic
        [6, 9, 5, 8],  # persistent
        [60, 72, 54, 66],  # persistent and steady
        [4, 2, 5, 4],  # cannot tell
        [1, 0, 0, 1],  # too few
    ]
    expected = np.array([20, 20, 12, 20, 20, 8, 60, 10, 1.0])
    found = find_hotspot_changes(
        counts, total, expected, rng=rng(), periods=("2021", "2022", "2023", "2024")
    )
    assert found.table["pattern"].tolist() == [
        *("new", "emerging", "ended", "fading", "sporadic", "persistent", "persistent"),
        *("cannot tell", "cannot tell"),
    ]
    assert set(found.table["pattern"]) == set(PATTERNS)
    assert found.table["is_steady"].tolist()[5:7] == [False, True]
    words = found.table["meaning"].tolist()
    assert words[0].startswith(
        "Its share of all crashes in 2024 is 22.3 times that in 2021 (6.9 to "
    )
    assert "3 crashes in 2021 to 2022 and 37 in 2023 to 2024" in words[0]
    assert "the data cannot tell: its share" in words[5]
    assert "It changed little" in words[6]
    assert words[8] == "The data cannot tell: with 2 crashes no change could show."
    assert "1 new, 1 emerging" in found.meaning
    assert found.variance_ratio > 1


def test_the_middle_of_an_odd_number_of_periods_is_told():
    found = find_hotspot_changes(
        np.array([[9, 8, 3, 7, 9]]), [100] * 5, [10.0], rng=rng(), periods=list("12345")
    )
    assert (
        "(17 crashes in 1 to 2 and 16 in 4 to 5, 3 in 3 between them)"
        in (found.table["meaning"].iloc[0])
    )


def test_a_change_of_all_reporting_is_no_hotspots_change():
    counts = np.array([[10, 20, 40], [11, 20, 39]])
    found = find_hotspot_changes(counts, [1000, 2000, 4000], [30.0, 30.0], rng=rng())
    assert found.table["pattern"].tolist() == ["persistent", "persistent"]
    assert found.table["change_ratio"].to_numpy() == pytest.approx([1.0, 0.9], abs=0.1)


def test_false_changes_are_no_more_than_stated():
    total = np.array([1000, 1500, 800, 1200])
    counts = rng().multivariate_hypergeometric(total, 25, size=4000, method="marginals")
    p_value = compute_relative_trend(counts, total).p_value
    assert (p_value <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
    uneven = compute_uneven_p(counts, total, rng=rng(), n_simulations=999)
    assert (uneven <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 999)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="two periods"):
        compute_relative_trend([[3]], [10])
    with pytest.raises(InputError, match="more crashes in a period"):
        compute_relative_trend([[3, 1], [2, 11]], [10, 10])
    with pytest.raises(InputError, match="one each"):
        find_hotspot_changes([[3, 1]], [10, 10], [1.0, 2.0], rng=rng())
    with pytest.raises(InputError, match="one each"):
        find_hotspot_changes([[3, 1]], [10, 10], [1.0], rng=rng(), periods=("2023",))


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=5),
    st.lists(st.integers(0, 40), min_size=5, max_size=5),
)
def test_time_turned_round_turns_the_ratio_round(row, others):
    row = np.array(row)
    total = row + np.array(others[: len(row)])
    forth = compute_relative_trend([row], total)
    back = compute_relative_trend([row[::-1]], total[::-1])
    assert forth.p_value == pytest.approx(back.p_value, rel=1e-9)
    if np.isfinite(forth.ratio[0]) and forth.ratio[0] > 0:
        assert forth.ratio[0] == pytest.approx(1 / back.ratio[0], rel=1e-6)
        assert forth.ci_low[0] <= forth.ratio[0] * (1 + 1e-9)
        assert forth.ci_high[0] >= forth.ratio[0] * (1 - 1e-9)
