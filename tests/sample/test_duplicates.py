"""The labelled reports: the same for the same seed, with what was planted in them."""

from __future__ import annotations

import pandas as pd
import pytest

from core.vocabulary import AgeBand, RoadUser, Severity, Sex, YesNoUnknown
from records.contracts import require_contract
from records.fields import KINDS
from records.tables import list_frame_columns
from sample.duplicates import build_labelled_reports, to_crash_frame


@pytest.fixture(scope="module")
def labelled():
    return build_labelled_reports(seed=11, n_crashes=1_500)


@pytest.fixture(scope="module")
def told(labelled):
    """Return the reports with the number of the crash each tells of."""
    return labelled.reports.assign(crash=labelled.truth.to_numpy())


def test_the_same_seed_gives_the_same_reports(labelled):
    again = build_labelled_reports(seed=11, n_crashes=1_500)
    pd.testing.assert_frame_equal(labelled.reports, again.reports)
    pd.testing.assert_frame_equal(labelled.casualties, again.casualties)
    other = build_labelled_reports(seed=12, n_crashes=1_500)
    assert (
        not labelled.reports["occurred_at"].head(50).equals(other.reports["occurred_at"].head(50))
    )


def test_every_crash_is_reported_by_one_to_three_sources(told):
    assert set(told["crash"]) == set(range(1_500))
    kinds = told["source"].str.split(" ").str[0].groupby(told["crash"]).nunique()
    assert kinds.value_counts().index.tolist() == [1, 2, 3]
    assert told["crash_id"].is_unique
    assert not told.duplicated(["source", "source_id"]).any()


def test_some_sources_report_a_crash_twice(told):
    twice = told.duplicated(["crash", "source"])
    assert 0.005 < twice.mean() < 0.03


def test_true_pairs_are_those_of_one_crash(labelled, told):
    pairs = labelled.list_true_pairs()
    sizes = told["crash"].value_counts()
    assert len(pairs) == (sizes * (sizes - 1) // 2).sum()
    assert (pairs["left_id"] < pairs["right_id"]).all()
    crash = labelled.truth
    assert (pairs["left_id"].map(crash) == pairs["right_id"].map(crash)).all()


def test_values_are_words_of_the_vocabulary(labelled):
    reports, casualties = labelled.reports, labelled.casualties
    assert set(reports["severity"].dropna()) == {word.value for word in Severity}
    users = set(";".join(reports["road_users"]).split(";")) - {""}
    assert users <= {word.value for word in RoadUser}
    assert set(reports["is_worker_commute"]) == {word.value for word in YesNoUnknown}
    assert set(casualties["sex"]) <= {word.value for word in Sex}
    assert set(casualties["age_band"]) == {word.value for word in AgeBand}


def test_reports_fit_the_contract_of_crash_records(labelled):
    columns = list_frame_columns(KINDS["crash"])
    frame = to_crash_frame(labelled, columns)
    assert list(frame) == list(columns)
    assert len(frame) == len(labelled.reports)
    require_contract(frame, "crash")


def test_casualties_belong_to_reports(labelled):
    keys = pd.MultiIndex.from_frame(labelled.reports[["source", "source_id"]])
    named = pd.MultiIndex.from_frame(labelled.casualties[["source", "crash_source_id"]])
    assert named.isin(keys).all()


def test_the_mistakes_are_there(told):
    both = told.merge(told, on="crash", suffixes=("_l", "_r"))
    both = both[both["crash_id_l"] < both["crash_id_r"]]
    timed = both[both["has_time_l"] & both["has_time_r"]]
    apart = (timed["occurred_at_l"] - timed["occurred_at_r"]).abs()
    assert (apart > pd.Timedelta(minutes=15)).mean() > 0.3
    assert ((apart > pd.Timedelta(hours=1)) & (apart < pd.Timedelta(hours=8))).any()
    days = (
        both["occurred_at_l"].dt.normalize() - both["occurred_at_r"].dt.normalize()
    ).dt.days.abs()
    assert (days == 1).any()
    swapped = both[days > 27]
    assert len(swapped)
    late = swapped[~(swapped["has_time_l"] & swapped["has_time_r"])]
    assert (late["occurred_at_l"].dt.day <= 12).all()
    assert 0.05 < both["lon_l"].isna().mean() < 0.4
    assert (both["severity_l"] != both["severity_r"]).mean() > 0.1
    heaped = told.groupby(["lon", "lat"])["crash"].nunique()
    assert heaped.max() >= 3  # a village's centre stands for many crashes


def test_look_alikes_are_there(told):
    """Two crashes at one junction on one day, and two of one factory's workers."""
    first = told.dropna(subset="lon").drop_duplicates("crash")
    day = first["occurred_at"].dt.normalize()
    near = first.assign(day=day, x=first["lon"].round(3), y=first["lat"].round(3))
    assert near.duplicated(["day", "x", "y"]).sum() >= 5
    works = told.dropna(subset="factory_id").drop_duplicates("crash")
    same_day = works.assign(day=works["occurred_at"].dt.normalize())
    assert same_day.duplicated(["day", "factory_id"]).sum() >= 5


def test_a_handful_of_crashes_can_be_made():
    few = build_labelled_reports(seed=1, n_crashes=5, days=30)
    assert few.truth.nunique() == 5
