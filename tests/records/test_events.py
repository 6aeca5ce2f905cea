"""Reports become crashes: what each field takes from which report, and that none is lost."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TableError
from core.vocabulary import Severity
from records.contracts import require_contract
from records.events import find_events, merge_reports
from records.fields import KINDS
from records.tables import list_frame_columns, to_record_frame
from sample.duplicates import build_labelled_reports, to_crash_frame

EMPTY = {
    "source": "other",
    "occurred_at": "2024-01-20 00:00",
    "has_time": False,
    "corrected_fields": "",
    "import_id": 1,
    "light": "unknown",
    "is_worker_commute": "unknown",
}
NEW = ["n_reports", "sources", "report_ids"]


def make_reports(*rows):
    """Return crash records from a few fields each; `crash_id` is r0, r1, ..."""
    names = list_frame_columns(KINDS["crash"])
    full = [
        {**EMPTY, "crash_id": f"r{n}", "source_id": f"n{n}", "row_number": n + 2, **row}
        for n, row in enumerate(rows)
    ]
    columns = {name: [row.get(name) for row in full] for name in names}
    columns["occurred_at"] = [pd.Timestamp(value) for value in columns["occurred_at"]]
    return to_record_frame(columns, KINDS["crash"])


def make_pairs(*ids, decision="merged"):
    return pd.DataFrame(
        [(*pair, decision) for pair in ids], columns=["left_id", "right_id", "decision"]
    )


def merge(*rows):
    """Return the one crash that all reports tell of."""
    reports = make_reports(*rows)
    names = reports["crash_id"].tolist()
    events = merge_reports(reports, make_pairs(*itertools.pairwise(names)))
    require_contract(events.drop(columns=NEW), "crash")
    assert len(events) == 1
    return events.iloc[0]


def test_without_merged_pairs_every_report_is_a_crash_as_it_was_sent():
    labelled = build_labelled_reports(seed=3, n_crashes=60)
    reports = to_crash_frame(labelled, list_frame_columns(KINDS["crash"]))
    every = list(itertools.combinations(reports["crash_id"].head(20), 2))
    for decision in ("queued", "separate"):
        events = merge_reports(reports, make_pairs(*every, decision=decision))
        pd.testing.assert_frame_equal(events[list(reports)], reports)
        assert events["n_reports"].eq(1).all()
        assert events["report_ids"].tolist() == reports["crash_id"].tolist()
        assert events["sources"].tolist() == reports["source"].tolist()


def test_a_chain_of_merged_pairs_is_one_crash():
    reports = make_reports({"source": "b"}, {"source": "a"}, {"source": "c"}, {"source": "a"})
    pairs = make_pairs(("r1", "r3"), ("r0", "r1"))
    assert find_events(reports, pairs).tolist() == ["r0", "r0", "r2", "r0"]
    events = merge_reports(reports, pairs)
    assert events["crash_id"].tolist() == ["r0", "r2"]
    assert events["n_reports"].tolist() == [3, 1]
    assert events["sources"].tolist() == ["a;b", "c"]
    assert events["report_ids"].tolist() == ["r0;r1;r3", "r2"]
    assert events["source_id"].tolist() == ["n0", "n2"]
    assert events["n_reports"].dtype == "Int64"


def test_pairs_of_reports_that_are_gone_are_passed_over():
    reports = make_reports({}, {})
    events = merge_reports(reports, make_pairs(("r0", "gone"), ("gone", "r1")))
    assert events["n_reports"].tolist() == [1, 1]


def test_severity_is_the_worst():
    assert merge({"severity": "slight"}, {"severity": "fatal"}, {})["severity"] == "fatal"
    assert pd.isna(merge({}, {})["severity"])


def test_a_later_death_moves_a_person_and_counts_nobody_twice():
    """Two hurt: serious and slight for the police; the insurer knows that one died."""
    crash = merge(
        {"severity": "serious", "n_killed": 0, "n_serious": 1, "n_slight": 1},
        {"severity": "fatal", "n_killed": 1, "n_serious": 0, "n_slight": 1},
    )
    assert (crash["n_killed"], crash["n_serious"], crash["n_slight"]) == (1, 0, 1)


def test_of_two_worst_reports_the_one_with_more_hurt_counts():
    crash = merge(
        {"severity": "serious", "n_killed": 0, "n_serious": 1, "n_slight": 5},
        {"severity": "serious", "n_killed": 0, "n_serious": 2, "n_slight": 0},
        {"severity": "slight", "n_killed": 0, "n_serious": 0, "n_slight": 9},
    )
    assert (crash["n_killed"], crash["n_serious"], crash["n_slight"]) == (0, 2, 0)


def test_where_no_worst_report_is_complete_the_largest_known_count():
    crash = merge(
        {"severity": "fatal", "n_killed": 1},
        {"severity": "serious", "n_killed": 0, "n_serious": 1, "n_slight": 2},
        {"n_slight": 1},
    )
    assert (crash["n_killed"], crash["n_serious"], crash["n_slight"]) == (1, 1, 2)
    assert pd.isna(merge({"n_killed": 0}, {})["n_serious"])


def test_the_time_is_that_of_the_most_trusted_report_that_gives_one():
    rows = [
        {"source": "factory F1", "occurred_at": "2024-01-20 07:10", "has_time": True},
        {"source": "Police of X", "occurred_at": "2024-01-21 00:00", "has_time": False},
        {"source": "insurer", "occurred_at": "2024-01-20 07:30", "has_time": True},
    ]
    crash = merge(*rows)
    assert crash["occurred_at"] == pd.Timestamp("2024-01-20 07:30")
    assert crash["has_time"]
    dates = merge(rows[1], {**EMPTY, "source": "insurer"})
    assert dates["occurred_at"] == pd.Timestamp("2024-01-21")
    assert not dates["has_time"]


def test_among_equals_the_earlier_recorded_report_is_trusted():
    late = {"source": "police", "collision_type": "rear-end", "import_id": 9}
    early = {"source": "police", "collision_type": "head-on", "import_id": 2}
    assert merge(late, early)["collision_type"] == "head-on"


def test_the_place_is_that_of_the_report_that_knows_it_best():
    village = {"source": "police", "village": "Prey Mekh", "row_number": 5}
    coarse = {"source": "police", "lon": 104.912, "lat": 11.5, "row_number": 6}
    measured = {"source": "factory", "lon": 104.912345, "lat": 11.5, "row_number": 7}
    corrected = {"source": "zz", "lon": 104.9, "lat": 11.5, "row_number": 8,
                 "placed_by": "person", "corrected_fields": "lat;lon",
                 "district": "There"}  # fmt: skip
    assert merge(village, coarse)["row_number"] == 6
    crash = merge(village, coarse, measured)
    assert (crash["lon"], crash["row_number"], crash["village"]) == (104.912345, 7, "Prey Mekh")
    crash = merge(village, coarse, {**measured, "district": "Here"}, corrected)
    assert (crash["lon"], crash["district"]) == (104.9, "There")
    assert (crash["placed_by"], crash["corrected_fields"]) == ("person", "lat;lon")


def test_coordinates_come_before_a_kilometre_and_that_before_a_village():
    rows = [
        {"lon": 104.912345, "lat": 11.512345, "placed_by": method}
        for method in ("district", "village", "road_km")
    ]
    assert merge(*rows)["placed_by"] == "road_km"
    measured = {"lon": 104.9, "lat": 11.5, "placed_by": "coordinates"}
    assert merge(*rows, measured)["placed_by"] == "coordinates"


def test_a_road_goes_with_its_own_kilometre():
    crash = merge(
        {"source": "police", "road_name": "NR4", "village": "Prey", "village_code": ""},
        {"source": "insurer", "road_name": "NR3", "road_km": 12.5, "village_code": "010203"},
    )
    assert crash["road_name"] == "NR4"
    assert pd.isna(crash["road_km"])
    assert crash["village"] == "Prey"
    assert crash["village_code"] == ""


def test_texts_come_from_the_first_report_that_has_one():
    crash = merge(
        {"source": "factory", "narrative": "Fell.", "collision_type": "rear-end"},
        {"source": "police", "collision_type": "head-on", "light": "unknown"},
        {"source": "insurer", "light": "dark", "factory_id": "F1"},
    )
    assert crash["narrative"] == "Fell."
    assert crash["collision_type"] == "head-on"
    assert crash["light"] == "dark"
    assert crash["factory_id"] == "F1"


def test_road_users_are_all_that_are_named_and_vehicles_the_most():
    crash = merge(
        {"road_users": "car;van", "n_vehicles": 2},
        {"road_users": "bus;car", "n_vehicles": 3},
        {"road_users": ""},
    )
    assert crash["road_users"] == "bus;car;van"
    assert crash["n_vehicles"] == 3
    assert merge({"road_users": ""}, {"road_users": ""})["road_users"] == ""


@pytest.mark.parametrize(
    ("answers", "answer"),
    [(("no", "yes"), "yes"), (("unknown", "no"), "no"), (("unknown", "unknown"), "unknown")],
)
def test_one_yes_is_enough(answers, answer):
    assert merge(*({"is_worker_commute": one} for one in answers))["is_worker_commute"] == answer


def test_no_reports_are_no_crashes():
    events = merge_reports(make_reports(), make_pairs())
    assert len(events) == 0
    assert list(events) == [*list_frame_columns(KINDS["crash"]), *NEW]


def test_a_few_columns_are_enough():
    reports = make_reports({}, {})[["crash_id", "source", "occurred_at"]]
    assert merge_reports(reports, make_pairs(("r0", "r1")))["n_reports"].tolist() == [2]
    with pytest.raises(TableError, match="1 column"):
        merge_reports(reports.drop(columns="source"), make_pairs())
    with pytest.raises(TableError, match="repeated, first 'r0'"):
        merge_reports(pd.concat([reports, reports]), make_pairs())


LABELLED = build_labelled_reports(seed=5, n_crashes=60, days=60)
REPORTS = to_crash_frame(LABELLED, list_frame_columns(KINDS["crash"]))
EVERY = list(itertools.combinations(REPORTS["crash_id"], 2))
RANKS = {word.value: word.rank for word in Severity}


@settings(max_examples=15, deadline=None)
@given(chosen=st.lists(st.sampled_from(EVERY), max_size=40), seed=st.integers(0, 99))
def test_no_report_is_lost_no_severity_lowered_and_no_order_matters(chosen, seed):
    pairs = make_pairs(*chosen)
    events = merge_reports(REPORTS, pairs)
    assert events["n_reports"].sum() == len(REPORTS)
    assert sorted(";".join(events["report_ids"]).split(";")) == REPORTS["crash_id"].tolist()
    assert (events[list(REPORTS)].dtypes == REPORTS.dtypes).all()
    event = find_events(REPORTS, pairs)
    worst = REPORTS["severity"].map(RANKS).groupby(event).min()
    pd.testing.assert_series_equal(
        events.set_index("crash_id")["severity"].map(RANKS),
        worst,
        check_names=False,
        check_dtype=False,  # whole numbers where every severity is known, else not
    )
    for name in ("n_killed", "n_vehicles"):
        assert (events[name].isna() == REPORTS[name].isna().groupby(event).all().to_numpy()).all()
    rng = np.random.default_rng(seed)
    shuffled = REPORTS.iloc[rng.permutation(len(REPORTS))]
    turned = pairs.rename(columns={"left_id": "right_id", "right_id": "left_id"})
    pd.testing.assert_frame_equal(merge_reports(shuffled, turned.iloc[::-1]), events)
