"""When crashes of an area gather: a rush is found, even days are not, nothing is told of few."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline.account import Period
from pipeline.area_times import describe_area_times

YEARS = Period(start=date(2019, 1, 1), end=date(2022, 12, 31))


@pytest.fixture(scope="module")
def crashes():
    """Four hundred a year, any day alike; three in five between 17 and 19."""
    rng = np.random.default_rng(3)
    days = pd.Series(pd.date_range(YEARS.start, YEARS.end))
    day = rng.choice(days.to_numpy(), 1_600)
    minute = np.where(rng.random(1_600) < 0.6, rng.integers(1_020, 1_140, 1_600), 0)
    minute = np.where(minute == 0, rng.integers(1, 1_440, 1_600), minute)
    when = pd.Series(day) + pd.to_timedelta(minute, unit="min")
    return pd.DataFrame({"occurred_at": when, "has_time": True})


def answers(crashes):
    told = describe_area_times(crashes, YEARS, seed=1)
    return {one["question"]: one["answer"] for one in told}


def test_a_rush_in_the_evening_is_told_with_its_hours_and_ratio(crashes):
    told = answers(crashes)
    assert "17:00" in told["At which hours do crashes gather?"]
    assert "times" in told["At which hours do crashes gather?"]


def test_even_days_and_months_are_told_as_such(crashes):
    told = answers(crashes)
    for question in ("On which days of the week?", "In which months?"):
        assert "cannot tell" in told[question]


def test_a_bad_month_is_found(crashes):
    is_may = crashes["occurred_at"].dt.month == 5
    more = pd.concat([crashes, *[crashes[is_may]] * 2], ignore_index=True)
    assert "May" in answers(more)["In which months?"]


def test_of_few_crashes_nothing_is_told(crashes):
    assert all("cannot tell" in answer for answer in answers(crashes.head(5)).values())
