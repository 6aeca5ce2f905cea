"""Clusters by hour, weekday and month, with exposure and with rounded times."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError, NotEnoughDataError
from models.circular_tests import compute_direction, compute_kuiper
from models.clock_times import (
    count_by_cycle,
    count_days_of_cycle,
    estimate_heaping,
    find_hour_clusters,
)
from models.time_clusters import find_time_clusters


def rng():
    return np.random.default_rng(1)


EVENING = np.array([2.0] * 18 + [9, 9] + [2.0] * 4)  # 18:00-20:00


def test_an_evening_is_found_with_its_ratio():
    found = find_time_clusters(EVENING, cycle="hour", rng=rng())
    best = found.windows[0]
    assert (best.label, best.first, best.n_bins) == ("18:00-20:00", 18, 2)
    assert best.n_crashes == 18
    assert best.expected == pytest.approx(62 * 2 / 24)
    assert best.rate_ratio == pytest.approx(9 / 2)  # 9 an hour inside, 2 an hour outside
    share = stats.binomtest(18, 62).proportion_ci(0.95, "exact")
    odds = [s / (1 - s) / (2 / 22) for s in (share.low, share.high)]
    assert [best.ci_low, best.ci_high] == pytest.approx(odds)
    expected = 18 * np.log(18 / best.expected) + 44 * np.log(44 / (62 - best.expected))
    assert best.log_likelihood_ratio == pytest.approx(expected)
    assert best.p_value <= 0.002
    assert found.meaning.startswith(
        "Against an even spread, 18:00-20:00 has 4.5 times as many crashes as the rest (18 of 62"
    )


def test_exposure_explains_the_evening_away():
    exposure = np.where(EVENING > 2, 4.5, 1.0)
    found = find_time_clusters(EVENING, cycle="hour", rng=rng(), exposure=exposure)
    assert found.meaning.startswith("The data cannot tell one hour of the day from another")
    assert found.direction.p_value > 0.9
    assert found.p_kuiper > 0.9


def test_the_scan_is_that_of_every_window():
    counts = np.random.default_rng(4).poisson(3.0, 7).astype(float)
    share = np.arange(1, 8) / 28
    found = find_time_clusters(counts, cycle="weekday", rng=rng(), exposure=share, longest=3)
    total, best = counts.sum(), 0.0
    for first, length in itertools.product(range(7), range(1, 4)):
        bins = [(first + i) % 7 for i in range(length)]
        n, mean = counts[bins].sum(), total * share[bins].sum()
        if n > mean:
            outside = total - n
            ratio = n * np.log(n / mean)
            ratio += outside * np.log(outside / (total - mean)) if outside else 0
            best = max(best, ratio)
    assert found.windows[0].log_likelihood_ratio == pytest.approx(best)


def test_two_shifts_are_two_windows_that_rayleigh_does_not_see():
    counts = np.full(24, 3.0)
    counts[[6, 18]] = 40
    found = find_time_clusters(counts, cycle="hour", rng=rng())
    assert {w.first for w in found.windows} == {6, 18}
    assert all(w.p_value <= 0.05 for w in found.windows)
    assert found.direction.p_value > 0.5
    assert found.p_kuiper <= 0.01


def test_times_that_touch_are_told_as_one():
    counts = np.full(24, 400.0)
    counts[7:19] = 1_500
    counts[11:17] = 3_000
    found = find_time_clusters(counts, cycle="hour", rng=rng(), n_simulations=199)
    assert [one.label for one in found.windows] == ["11:00-17:00", "07:00-11:00", "17:00-19:00"]
    assert found.meaning.startswith(
        "Against an even spread, 07:00-19:00 has 5.6 times as many crashes as the rest (27,000 of "
        "31,800; "
    )
    assert found.meaning.endswith("p = 0.005), most of all 11:00-17:00.")
    days = np.array([300.0, 300, 340, 340, 340, 150, 120])
    told = find_time_clusters(days, cycle="weekday", rng=rng(), n_simulations=199).meaning
    assert "Monday to Friday (weekdays) has 2.4 times" in told


def test_a_window_over_midnight_and_one_over_the_new_year():
    counts = np.full(24, 2.0)
    counts[[23, 0]] = 15
    assert find_time_clusters(counts, cycle="hour", rng=rng()).windows[0].label == "23:00-01:00"
    months = np.full(12, 4.0)
    months[[11, 0]] = 30
    found = find_time_clusters(months, cycle="month", rng=rng())
    assert found.windows[0].label == "December to January"


def test_crashes_without_exposure_are_counted_apart():
    exposure = np.ones(24)
    exposure[3] = 0
    words = "the worker-km of that hour"
    found = find_time_clusters(
        EVENING, cycle="hour", rng=rng(), exposure=exposure, exposure_words=words
    )
    assert found.meaning.startswith("Against the worker-km of that hour, 18:00-20:00")
    assert (found.n_crashes, found.n_without_exposure) == (60, 2)
    assert found.meaning.endswith("2 more happened when the worker-km of that hour is 0.")


def test_all_at_once_has_no_upper_bound():
    counts = np.zeros(24)
    counts[7] = 20
    best = find_time_clusters(counts, cycle="hour", rng=rng()).windows[0]
    assert best.rate_ratio == np.inf
    assert best.ci_high == np.inf
    assert best.ci_low > 20


def test_direction_is_rayleighs_over_even_bins():
    counts = np.random.default_rng(2).poisson(4.0, 24).astype(float)
    found = compute_direction(counts)
    angle = 2 * np.pi * (np.arange(24) + 0.5) / 24
    total = counts.sum()
    length = abs((counts * np.exp(1j * angle)).sum()) / total
    assert found.statistic == pytest.approx(2 * total * length**2)
    assert found.p_value == pytest.approx(np.exp(-total * length**2))
    one = compute_direction(np.eye(24)[17] * 10)
    assert one.mean_bin == pytest.approx(17.5)
    assert one.resultant == pytest.approx(1.0)


def test_kuiper_does_not_depend_on_where_the_day_begins():
    counts = np.random.default_rng(3).poisson(4.0, 24).astype(float)
    values = [compute_kuiper(np.roll(counts, k), rng=rng(), n_simulations=9)[0] for k in (0, 5, 23)]
    assert values == pytest.approx([values[0]] * 3)


def test_too_few_or_wrong_input_is_refused():
    with pytest.raises(NotEnoughDataError, match="8 are needed"):
        find_time_clusters(np.ones(7), cycle="weekday", rng=rng())
    with pytest.raises(InputError, match="has 24 bins"):
        find_time_clusters(np.ones(7), cycle="hour", rng=rng())
    with pytest.raises(InputError, match="cycle"):
        find_time_clusters(np.ones(7), cycle="moon", rng=rng())
    with pytest.raises(InputError, match="shorter than the cycle"):
        find_time_clusters(EVENING, cycle="hour", rng=rng(), longest=24)
    with pytest.raises(InputError, match="exposure"):
        find_time_clusters(EVENING, cycle="hour", rng=rng(), exposure=-EVENING)
    with pytest.raises(NotEnoughDataError, match="two bins"):
        find_time_clusters(EVENING, cycle="hour", rng=rng(), exposure=np.eye(24)[0])
    with pytest.raises(InputError, match="no exposure"):
        compute_direction(EVENING, exposure=EVENING > 5)
    with pytest.raises(InputError, match="whole minutes"):
        estimate_heaping([5.5])
    with pytest.raises(InputError, match="cycle"):
        count_by_cycle(pd.Series(dtype="datetime64[ns]"), cycle="moon")


@settings(max_examples=20)
@given(st.lists(st.integers(0, 9), min_size=7, max_size=7), st.integers(1, 6))
def test_turning_the_week_turns_the_windows(counts, turn):
    counts = np.array(counts, dtype=float) + 2
    one = find_time_clusters(counts, cycle="weekday", rng=rng(), n_simulations=19)
    other = find_time_clusters(np.roll(counts, turn), cycle="weekday", rng=rng(), n_simulations=19)
    if one.windows:
        ratio = one.windows[0].log_likelihood_ratio
        assert other.windows[0].log_likelihood_ratio == pytest.approx(ratio)
    assert other.direction.statistic == pytest.approx(one.direction.statistic, abs=1e-9)
    assert other.kuiper == pytest.approx(one.kuiper)


def test_false_alarms_are_no_more_than_stated():
    draws = np.random.default_rng(9).multinomial(60, np.full(7, 1 / 7), size=200)
    options = {"cycle": "weekday", "rng": rng(), "n_simulations": 99}
    found = [find_time_clusters(counts, **options) for counts in draws]
    alarms = sum(bool(one.windows) and one.windows[0].p_value <= 0.05 for one in found)
    assert alarms <= 19  # 5 % of 200, and three standard errors of it
    assert sum(one.direction.p_value <= 0.05 for one in found) <= 19


def draw_minutes(n=3000):
    return np.random.default_rng(8).integers(0, 1440, n).astype(float)


def test_exact_times_show_no_rounding():
    found = estimate_heaping(np.r_[draw_minutes(), np.nan, np.nan])
    assert found.n_missing == 2
    assert found.rounded_share < 0.01
    assert not found.is_midnight_unknown
    assert "2 more crashes have no time" in found.meaning


def test_rounded_times_and_midnight_for_unknown_are_seen():
    minute = draw_minutes()
    minute[:1500] = (minute[:1500] + 30) // 60 * 60 % 1440
    rounded = estimate_heaping(minute)
    assert rounded.rounded_share == pytest.approx(0.5, abs=0.03)
    assert not rounded.is_midnight_unknown
    assert rounded.n_midnight == pytest.approx(rounded.expected_midnight, rel=0.5)
    unknown = estimate_heaping(np.r_[minute, np.zeros(300)])
    assert unknown.is_midnight_unknown
    assert "at midnight sharp" in unknown.meaning
    clusters = find_hour_clusters(np.r_[minute, np.zeros(300)], rng=rng(), n_simulations=99)
    assert clusters.reported.n_crashes < 3000
    assert all(w.p_value > 0.05 or w.first != 0 for w in clusters.reported.windows)


def test_a_window_that_hangs_on_rounding_is_said_to():
    background = np.repeat(np.arange(0, 1440, 60) + 25, 6)  # 6 an hour, not rounded
    firm = find_hour_clusters(np.r_[background, np.full(60, 18 * 60 + 20)], rng=rng())
    assert firm.is_robust
    assert firm.reported.windows[0].label == "18:00-19:00"
    rounded = find_hour_clusters(np.r_[background, np.full(60, 18 * 60)], rng=rng())
    assert rounded.reported.windows[0].label == "18:00-19:00"
    assert rounded.unrounded.windows[0].label == "17:00-19:00"
    assert rounded.is_robust  # half of the window is the same
    nothing = estimate_heaping([np.nan])
    assert nothing.meaning == "None of 1 crashes has a time of day."


def test_counting_by_cycles():
    when = pd.Series(
        pd.to_datetime(["2024-01-01 18:30", "2024-01-07 00:00", None, "2024-12-31 00:00"])
    )
    has_time = [True, False, False, False]
    hours, missing = count_by_cycle(when, cycle="hour", has_time=has_time)
    assert (hours[18], hours.sum(), missing) == (1, 1, 3)
    days, missing = count_by_cycle(when, cycle="weekday", has_time=has_time)
    assert days.tolist() == [1, 1, 0, 0, 0, 0, 1]
    assert missing == 1
    assert count_by_cycle(when, cycle="month")[0][[0, 11]].tolist() == [2, 1]
    assert count_by_cycle(when, cycle="hour_of_week", has_time=has_time)[0][18] == 1


def test_days_of_a_period():
    first, last = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-12-31")
    assert count_days_of_cycle(first, last, cycle="month")[1] == 29
    assert count_days_of_cycle(first, last, cycle="weekday").tolist() == [
        53,
        53,
        52,
        52,
        52,
        52,
        52,
    ]
    assert count_days_of_cycle(first, last, cycle="hour").tolist() == [366.0] * 24
    assert count_days_of_cycle(first, last, cycle="hour_of_week")[[0, 167]].tolist() == [53, 52]
    with pytest.raises(InputError, match="before it begins"):
        count_days_of_cycle(last, first, cycle="month")
