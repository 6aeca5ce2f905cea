"""Completeness, silence, rates, heaping, outliers: by hand, then what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from models.data_quality import (
    compute_completeness,
    compute_control_limits,
    compute_minute_heaping,
    compute_reporting_rates,
    compute_share_excess,
    count_decimals,
    estimate_silence,
    find_outliers,
    find_repeated_points,
)


def test_completeness_counts_only_where_the_question_applies():
    known = pd.DataFrame({"helmet": [True, False, True, True], "light": [True, False, False, True]})
    applies = known.assign(helmet=[True, True, False, False], light=True)
    groups = pd.Series(["police", "police", "factory", None])
    table = compute_completeness(known, applies, groups).set_index(["group", "field"])
    assert table.loc[("police", "helmet"), ["n_applies", "n_known"]].tolist() == [2, 1]
    assert table.loc[("police", "helmet"), "known_share"] == 0.5
    assert table.loc[("factory", "helmet"), "n_applies"] == 0
    assert math.isnan(table.loc[("factory", "helmet"), "known_share"])
    assert table.loc[("factory", "light"), "known_share"] == 0.0
    assert len(table) == 4  # the record without a group is in none


def test_completeness_of_nothing_is_an_empty_table():
    assert compute_completeness(pd.DataFrame({"light": pd.Series([], dtype=bool)})).empty


def test_completeness_wants_one_question_per_answer():
    known = pd.DataFrame({"light": [True]})
    with pytest.raises(InputError, match="give one of each"):
        compute_completeness(known, known.iloc[:0])


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("ab")), min_size=1))
def test_groups_add_up_to_the_whole(rows):
    known = pd.DataFrame({"x": [row[0] for row in rows]})
    applies = pd.DataFrame({"x": [row[1] for row in rows]})
    groups = pd.Series([row[2] for row in rows])
    whole = compute_completeness(known, applies).iloc[0]
    parts = compute_completeness(known, applies, groups)
    assert parts["n_applies"].sum() == whole["n_applies"]
    assert parts["n_known"].sum() == whole["n_known"]


def test_silence_by_hand():
    # 12 reports of 3,000 workers in 6 months: 2/3 a month per 1,000 workers
    reports = [[1, 0, 0, 0, 1, 1], [3, 2, 3, 1, 0, 0], [0, 0, 0, 0, 0, 0]]
    table = estimate_silence(reports, [1000, 2000, np.nan])
    assert table["expected_per_month"].tolist()[:2] == pytest.approx([2 / 3, 4 / 3])
    assert table["n_silent_now"].tolist() == [0, 2, 6]
    assert table["n_longest_gap"].tolist() == [3, 0, 0]
    assert table["p_silent_now"].tolist()[:2] == pytest.approx([1.0, math.exp(-8 / 3)])
    # a gap of 3 months may begin in 4 of 6 months
    assert table["p_longest_gap"].tolist()[0] == pytest.approx(4 * math.exp(-2))
    assert table["q_silent_now"].tolist()[1] == pytest.approx(2 * math.exp(-8 / 3))
    assert table.iloc[2][["expected_per_month", "p_silent_now", "q_silent_now"]].isna().all()


def test_silence_wants_months_by_factory():
    with pytest.raises(InputError, match="one row of months"):
        estimate_silence([[1, 2]], [10, 20])


@pytest.mark.slow
def test_silence_of_equal_factories_is_rarely_called_so():
    rng = np.random.default_rng(5)
    alarms = [
        (estimate_silence(rng.poisson(0.4, (30, 36)), np.full(30, 800))["q_silent_now"] < 0.05)
        .any()
        .item()
        for _ in range(300)
    ]
    assert np.mean(alarms) < 0.08


def test_reporting_rates_by_hand():
    # 10 and 0 reports of 1,000 workers each in 2 years: 2.5 a year per 1,000, 5 expected each
    table = compute_reporting_rates([10, 0, 4], [1000, 1000, 0], years=2.0)
    assert table["rate"].tolist()[:2] == [5.0, 0.0]
    assert table["expected"].tolist()[:2] == [5.0, 5.0]
    assert table["ci_low"].iloc[0] == pytest.approx(4.795 / 2, abs=1e-3)  # Garwood, 10
    assert table["ci_high"].iloc[1] == pytest.approx(-math.log(0.025) / 2)
    # Poisson(5): P(X <= 1) = 0.040 and P(X <= 0) = 0.0067, so the 2.5 % quantile is 1
    assert table["funnel_low"].iloc[0] == 0.5
    assert table["funnel_high"].iloc[0] == 5.0  # P(X <= 9) = 0.968, P(X <= 10) = 0.986
    assert table["p_value"].iloc[1] == pytest.approx(2 * math.exp(-5))
    assert table.iloc[2][["rate", "expected", "p_value", "q_value"]].isna().all()


def test_reporting_rates_without_any_workers_say_nothing():
    assert compute_reporting_rates([1, 2], [np.nan, 0], years=1)["rate"].isna().all()
    with pytest.raises(InputError, match="years is 0"):
        compute_reporting_rates([1], [5], years=0)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5000)), min_size=1, max_size=20))
def test_what_is_expected_adds_up_to_what_was_reported(rows):
    counts, workers = zip(*rows, strict=True)
    table = compute_reporting_rates(counts, workers, years=3)
    assert table["expected"].sum() == pytest.approx(sum(counts))
    assert (table["ci_low"] <= table["rate"]).all()
    assert (table["rate"] <= table["ci_high"]).all()


def test_minutes_by_hand():
    # 56 times on the other minutes promise 4 on the quarters; there are 24
    minutes = [*(m for m in range(60) if m % 15), *[0] * 12, *[30] * 6, *[15] * 3, *[45] * 3]
    found = compute_minute_heaping(minutes)
    assert (found.n_times, found.n_on_heaps) == (80, 24)
    assert found.excess_share == pytest.approx(20 / 80)
    assert found.p_heaps < 1e-9
    assert math.isnan(found.p_uniform)  # too few for sixty classes
    expected = 80 / 60
    squares = 56 * (1 - expected) ** 2 + sum((n - expected) ** 2 for n in (12, 6, 3, 3))
    assert found.chi_square == pytest.approx(squares / expected)


def test_minutes_spread_evenly_do_not_heap():
    found = compute_minute_heaping(np.tile(np.arange(60), 10))
    assert (found.excess_share, found.chi_square, found.p_uniform) == (0.0, 0.0, 1.0)
    nothing = compute_minute_heaping([])
    assert nothing.n_times == 0
    assert math.isnan(nothing.excess_share)
    with pytest.raises(InputError, match="from 0 to 59"):
        compute_minute_heaping([60])


@given(st.lists(st.integers(0, 59), min_size=1, max_size=200), st.integers(1, 30))
def test_more_times_on_the_hour_heap_more(minutes, more):
    before, after = compute_minute_heaping(minutes), compute_minute_heaping([*minutes, *[0] * more])
    assert 0 <= before.excess_share <= after.excess_share <= 1


def test_share_excess_by_hand():
    found = compute_share_excess(2, 3, expected_share=0.5)
    assert (found.share, found.p_value) == (pytest.approx(2 / 3), pytest.approx(0.5))
    assert math.isnan(compute_share_excess(0, 0, expected_share=0.1).p_value)
    with pytest.raises(InputError, match="4 of 3"):
        compute_share_excess(4, 3, expected_share=0.5)


def test_decimals_and_repeated_points():
    assert count_decimals([104.5, 104.0, 104.123, 104.1234567, np.nan]).tolist() == [1, 0, 3, 7, -1]
    lon = [104.1, 104.1, 104.1, 104.2, 104.2, np.nan, np.nan, np.nan]
    lat = [11.0, 11.0, 11.0, 11.0, 11.0, np.nan, np.nan, np.nan]
    table = find_repeated_points(lon, lat, more_than=2)
    assert table.to_dict("records") == [{"lon": 104.1, "lat": 11.0, "n_crashes": 3}]


def test_outliers_by_hand():
    crashes = pd.DataFrame(
        {
            "occurred_at": pd.to_datetime(["2030-01-01", "1950-01-01", "2020-01-01", None]),
            "severity": ["slight", "fatal", "serious", None],
            "n_killed": pd.array([0, 0, 1, None], dtype="Int64"),
            "n_serious": pd.array([0, 0, 99, None], dtype="Int64"),
            "n_slight": pd.array([1, 0, 0, None], dtype="Int64"),
            "n_vehicles": pd.array([2, 1, 50, None], dtype="Int64"),
        },
        index=[10, 11, 12, 13],
    )
    found = find_outliers(
        crashes,
        as_of=pd.Timestamp("2026-01-01"),
        oldest=pd.Timestamp("1990-01-01"),
        most_people=60,
        most_vehicles=20,
    )
    assert sorted(zip(found["at"], found["reason"], strict=True)) == [
        (10, "in_the_future"),
        (11, "fatal_but_none_killed"),
        (11, "too_old"),
        (12, "killed_but_not_fatal"),
        (12, "many_people"),
        (12, "many_vehicles"),
    ]


def test_control_limits_by_hand():
    # the other eleven are all 4: Poisson(4), P(X <= 11) = 0.9991, P(X <= 10) = 0.9972
    table = compute_control_limits([4] * 11 + [30])
    assert table["mean"].iloc[-1] == 4.0
    assert table["high"].iloc[-1] == 11.0
    assert table["low"].iloc[-1] == 0.0
    assert table["is_outside"].tolist() == [False] * 11 + [True]
    assert compute_control_limits([4] * 11)["is_outside"].sum() == 0  # too short to judge
    assert compute_control_limits([0] * 12)["is_outside"].sum() == 0


@given(st.lists(st.integers(0, 60), min_size=12, max_size=60))
def test_limits_hold_the_mean_between_them(counts):
    table = compute_control_limits(counts)
    assert (table["low"] <= np.ceil(table["mean"])).all()
    assert (table["high"] >= np.floor(table["mean"])).all()
    assert np.isfinite(table[["low", "high"]].to_numpy()).all()
