"""Pairs of reports: what is compared, how it is weighed, and that nothing depends on order."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, TableError
from records import matching
from records.fields import KINDS
from records.matching import estimate_weights, find_pairs, score_pairs
from records.matching_columns import make_matching_columns, simplify_name, simplify_road
from records.matching_model import LEVELS, UNKNOWN, WEIGHTS_PATH, load_weights
from records.settling import CERTAIN, DOUBTFUL
from records.tables import list_frame_columns
from sample.duplicates import build_labelled_reports, to_crash_frame

LON, LAT = 104.9, 11.5
M_PER_DEGREE = 111_195.0
PLAIN = {
    "source": "police",
    "has_time": True,
    "lon": LON,
    "lat": LAT,
    "village": None,
    "district": None,
    "road_name": None,
    "severity": None,
    "n_killed": None,
    "n_serious": None,
    "n_slight": None,
    "n_vehicles": None,
    "road_users": "",
    "is_worker_commute": "unknown",
    "factory_id": None,
}


def make_reports(*rows):
    """Return reports from a few fields each; all else is not known."""
    full = [
        {**PLAIN, "crash_id": f"r{n}", "source_id": f"n{n}", **row} for n, row in enumerate(rows)
    ]
    frame = pd.DataFrame(full)
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"]).astype("datetime64[us]")
    return frame


def north(metres):
    return LAT + metres / M_PER_DEGREE


# Each case: what the second report says otherwise, and the level of the comparison it is for.
CASES = {
    "time within_15_min": {"occurred_at": "10:15"},
    "time within_1_h": {"occurred_at": "11:00"},
    "time within_6_h": {"occurred_at": "16:00"},
    "time same_day": {"occurred_at": "16:01"},
    "time same_date": {"occurred_at": "00:00", "has_time": False},
    "place within_100_m": {"lat": north(99)},
    "place within_500_m": {"lat": north(101)},
    "place within_2_km": {"lat": north(1_990)},
    "place within_10_km": {"lat": north(2_010)},
    "road same": {"road_name": "ផ្លូវជាតិលេខ៤"},
    "road other": {"road_name": "Market Street"},
    "severity equal": {"severity": "slight"},
    "severity one_step": {"severity": "serious"},
    "severity more_steps": {"severity": "fatal"},
    "hurt same": {"n_killed": 0, "n_serious": 1, "n_slight": 1},
    "hurt same_total": {"n_killed": 1, "n_serious": 0, "n_slight": 1},
    "hurt one_more": {"n_killed": 0, "n_serious": 1, "n_slight": 2},
    "hurt other": {"n_killed": 0, "n_serious": 0, "n_slight": 5},
    "users same": {"road_users": "car;motorcycle_passenger"},
    "users half": {"road_users": "car"},
    "users some": {"road_users": "car;bus;van"},
    "users none": {"road_users": "pedestrian"},
    "vehicles equal": {"n_vehicles": 2},
    "vehicles other": {"n_vehicles": 1},
    "worker same_factory": {"factory_id": "F1"},
    "worker other_factory": {"factory_id": "F2"},
    "worker both_workers": {"is_worker_commute": "yes"},
    "worker one_worker": {"is_worker_commute": "no"},
    "source same": {"source": "police"},
    "source other": {},
}
FIRST = {
    "road_name": "NR4",
    "severity": "slight",
    "n_killed": 0,
    "n_serious": 1,
    "n_slight": 1,
    "road_users": "car;motorcycle_driver",
    "n_vehicles": 2,
    "is_worker_commute": "yes",
    "factory_id": "F1",
}


@pytest.fixture(scope="module")
def levels():
    """Return the levels that each case's pair falls into; each pair has a month of its own."""
    rows = []
    for number, change in enumerate(CASES.values()):
        day = f"{2000 + number // 12}-{1 + number % 12:02d}-20 "
        second = {"source": "insurer", **change}
        clock = second.pop("occurred_at", "10:00")
        here = {"lon": LON + number / 100}  # many reports at one point are a village's centre
        rows.append({**FIRST, **here, "occurred_at": day + "10:00"})
        rows.append({**here, "occurred_at": day + clock, **second})
    reports = make_reports(*rows)
    reports["crash_id"] = [f"r{n:03d}" for n in range(len(reports))]
    scored = score_pairs(reports, at_least=0.0)
    assert len(scored) == len(CASES)
    return dict(zip(CASES, scored.to_dict("records"), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_pair_falls_into_its_level(levels, case):
    comparison, level = case.split()
    assert levels[case][comparison] == level


def test_what_is_not_known_counts_nothing(levels):
    found = levels["source other"]
    for name in ("road", "severity", "hurt", "users", "vehicles", "persons", "worker"):
        assert found[name] == UNKNOWN


def test_a_probability_worked_out_by_hand():
    """Ten minutes and 60 m apart, police and insurer, fatal and serious, a quiet place.

    With the weights as they stand: odds 0.08/0.92, times 0.21/0.0065 (time), 0.16/0.0064
    (place), 0.23/0.45 (severity), 0.96/0.67 (source), 0.07/0.0025 (busy).
    """
    reports = make_reports(
        {"occurred_at": "2024-05-20 10:00", "severity": "fatal"},
        {
            "occurred_at": "2024-05-20 10:10",
            "severity": "serious",
            "source": "insurer",
            "lat": north(60),
        },
    )
    odds = 0.08 / 0.92 * (0.21 / 0.0065) * (0.16 / 0.0064) * (0.23 / 0.45) * (0.96 / 0.67) * 28
    pairs = find_pairs(reports)
    assert pairs["probability"].tolist() == [pytest.approx(odds / (1 + odds), abs=2e-6)]
    assert pairs["decision"].tolist() == ["merged"]
    assert pairs["reasons"].tolist() == ["10 minutes and 60 m apart; severity serious and fatal"]


@pytest.fixture(scope="module")
def labelled():
    return build_labelled_reports(seed=21, n_crashes=400)


@pytest.fixture(scope="module")
def reports(labelled):
    return to_crash_frame(labelled, list_frame_columns(KINDS["crash"]))


@pytest.fixture(scope="module")
def scored(labelled, reports):
    return score_pairs(reports, labelled.casualties, at_least=0.0)


def test_the_probability_is_the_sum_of_the_weights(scored):
    """A second implementation, in plain Python, from the levels alone."""
    weights = load_weights()
    for row in scored.sample(200, random_state=1).to_dict("records"):
        log_odds = math.log(weights.prior / (1 - weights.prior))
        for name in LEVELS:
            if row[name] != UNKNOWN:
                log_odds += math.log(weights.m[name][row[name]] / weights.u[name][row[name]])
        expected = 1 / (1 + math.exp(-log_odds))
        assert row["probability"] == pytest.approx(expected, abs=1e-6)


def test_every_level_named_is_one_of_the_model(scored):
    for name, levels in LEVELS.items():
        assert set(scored[name]) <= {*levels, UNKNOWN}


@pytest.fixture(scope="module")
def pairs(labelled, reports):
    return find_pairs(reports, labelled.casualties)


def test_most_true_pairs_are_found_and_most_merged_are_true(labelled, pairs):
    crash = labelled.truth
    is_right = pairs["left_id"].map(crash).eq(pairs["right_id"].map(crash))
    is_merged = pairs["decision"].eq("merged")
    assert is_right[is_merged].mean() >= 0.98
    assert is_right[~is_merged].mean() >= 0.5
    assert is_right.sum() / len(labelled.list_true_pairs()) >= 0.9
    assert pairs.loc[is_merged, "probability"].min() >= CERTAIN
    assert pairs["probability"].min() >= DOUBTFUL


def test_few_true_pairs_are_never_looked_at(labelled, scored):
    ids = ["left_id", "right_id"]
    looked_at = pd.MultiIndex.from_frame(scored[ids])
    true = pd.MultiIndex.from_frame(labelled.list_true_pairs()[ids])
    assert true.isin(looked_at).mean() >= 0.98


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_neither_order_nor_names_matter(seed):
    labelled = build_labelled_reports(seed=seed, n_crashes=25, days=30)
    reports = to_crash_frame(labelled, list_frame_columns(KINDS["crash"]))
    before = score_pairs(reports, labelled.casualties)
    rng = np.random.default_rng(seed)
    shuffled = reports.iloc[rng.permutation(len(reports))]
    persons = labelled.casualties.iloc[rng.permutation(len(labelled.casualties))]
    pd.testing.assert_frame_equal(score_pairs(shuffled, persons), before)
    # other names put left for right
    last = len(reports)
    names = dict(zip(reports["crash_id"], (f"x{last - n:04d}" for n in range(last)), strict=True))
    renamed = reports.assign(crash_id=reports["crash_id"].map(names))
    renamed = score_pairs(renamed, labelled.casualties)
    both = before.assign(
        left_id=before["right_id"].map(names), right_id=before["left_id"].map(names)
    ).sort_values(["left_id", "right_id"], ignore_index=True)
    shared = ["left_id", "right_id", "probability", *LEVELS]
    pd.testing.assert_frame_equal(renamed[shared], both[shared])


@pytest.mark.parametrize("n_reports", [0, 1])
def test_too_few_reports_make_no_pair(reports, n_reports):
    pairs = find_pairs(reports.head(n_reports))
    assert list(pairs) == [
        "left_id", "right_id", "probability", "reasons", "decision", "decided_by"
    ]  # fmt: skip
    assert len(pairs) == 0


def test_reports_with_nothing_but_a_date_are_no_pair(reports):
    bare = reports.head(40)[["crash_id", "source", "occurred_at"]].assign(has_time=False)
    assert len(find_pairs(bare.assign(occurred_at=pd.Timestamp("2024-01-20")))) == 0


def test_a_date_that_thousands_share_is_not_compared(monkeypatch):
    monkeypatch.setattr(matching, "MOST_A_DAY", 3)
    same = {**FIRST, "occurred_at": "2024-01-20 10:00"}
    sources = ("police", "insurer", "factory")
    three = make_reports(*({**same, "source": source} for source in sources))
    assert matching.is_compared(three).all()
    four = make_reports(*({**same, "source": source} for source in (*sources, "hospital")))
    assert not matching.is_compared(four).any()
    assert len(find_pairs(four)) == 0


def test_long_names_are_compared_by_their_beginning():
    rows = [{"occurred_at": "2024-01-20 10:00", "village": "x" * 10**6}]
    assert make_matching_columns(make_reports(*rows))["village"].str.len().tolist() == [100]


def test_swapped_day_and_month_are_found():
    first = {"occurred_at": "2024-03-07 18:20", **FIRST}
    pairs = find_pairs(
        make_reports(first, {**first, "occurred_at": "2024-07-03 18:35", "source": "insurer"})
    )
    assert pairs["reasons"].str.startswith("day and month look swapped").tolist() == [True]


def test_a_crash_past_midnight_is_found():
    first = {"occurred_at": "2024-03-20 23:55", **FIRST}
    second = {**first, "occurred_at": "2024-03-21 00:05", "source": "insurer"}
    there = {"lon": LON + 0.5}
    later = [
        {**row, **there, "occurred_at": row["occurred_at"].replace("-03-", "-09-")}
        for row in (second, first)
    ]
    pairs = find_pairs(make_reports(first, second, *later))
    assert pairs["decision"].tolist() == ["merged", "merged"]
    assert pairs["reasons"].str.startswith("10 minutes and 0 m apart").all()


def test_reports_of_one_source_are_queued_at_best():
    first = {"occurred_at": "2024-03-20 18:20", **FIRST}
    pairs = find_pairs(make_reports(first, first))
    assert pairs["probability"].tolist() > [CERTAIN]
    assert pairs["decision"].tolist() == ["queued"]
    assert pairs["reasons"][0].endswith("both from one source")


def test_a_village_is_placed_by_the_reports_that_measured_it():
    """A report with a village alone lies where others of that village lie."""
    there = [
        {
            "occurred_at": f"2024-0{month}-20 10:00",
            "village": "Prey Mekh",
            "lat": north(200 * month),
        }
        for month in range(1, 4)
    ]
    bare = {
        "occurred_at": "2024-06-20 10:00",
        "village": "PHUM PREY-MEKH",
        "lon": None,
        "lat": None,
    }
    columns = make_matching_columns(make_reports(*there, bare))
    assert columns["lat"].iloc[-1] == pytest.approx(north(400))
    assert columns["is_exact"].tolist() == [True, True, True, False]


def test_a_name_of_two_far_villages_places_nothing():
    there = [
        {"occurred_at": f"2024-0{month}-20 10:00", "village": "Prey", "lat": LAT + month}
        for month in range(1, 5)
    ]
    bare = {"occurred_at": "2024-06-20 10:00", "village": "Prey", "lon": None, "lat": None}
    columns = make_matching_columns(make_reports(*there, bare))
    assert columns["lat"].isna().tolist() == [False] * 4 + [True]


def test_coordinates_of_many_days_are_a_villages_centre():
    rows = [{"occurred_at": f"2024-01-{day:02d} 10:00"} for day in (1, 8, 15)]
    assert not make_matching_columns(make_reports(*rows))["is_exact"].any()
    assert make_matching_columns(make_reports(*rows[:2]))["is_exact"].all()


def test_persons_are_compared_by_sex_and_age_as_often_as_they_come():
    rows = [
        {"occurred_at": "2024-01-20 10:00", "source": source, "lat": north(100 * number)}
        for number, source in enumerate(("police", "insurer", "factory"))
    ]
    people = {
        ("police", "n0"): [("female", "15-24")] * 2,
        ("insurer", "n1"): [("female", "15-24")] * 2,
        ("factory", "n2"): [("female", "15-24"), ("male", "unknown")],
    }
    casualties = pd.DataFrame(
        [
            {"source": source, "crash_source_id": number, "sex": sex, "age_band": age}
            for (source, number), persons in people.items()
            for sex, age in persons
        ]
    )
    scored = score_pairs(make_reports(*rows), casualties, at_least=0.0)
    assert scored["persons"].tolist() == ["same_several", "half", "half"]


@pytest.mark.parametrize(
    ("written", "simple"),
    [
        ("NR4", "nr4"),
        ("N.R. 4", "nr4"),
        ("National Road No. 41", "nr41"),
        ("NR 4 km 23", "nr4"),
        ("RN3A", "nr3a"),
        ("ផ្លូវជាតិលេខ៤", "nr4"),
        ("Road 117", "117"),
        ("Market Street", "market"),
        ("MARKET-STREET", "market"),
    ],
)
def test_roads_are_compared_by_number_or_plain_name(written, simple):
    assert simplify_road(written) == simple


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Phum Prey Mekh", "PREY MEKH"),
        ("ភូមិ ព្រៃមេឃ", "ព្រៃមេឃ"),
        ("Krong", "krong"),  # nothing but a common word stays
        ("Prëy  Mekh", "Prey-Mekh"),
    ],
)
def test_names_are_compared_without_marks(one, other):
    assert simplify_name(one) == simplify_name(other) != ""


def test_a_repeated_id_is_refused():
    twice = make_reports({"occurred_at": "2024-01-20"}, {"occurred_at": "2024-01-20"})
    with pytest.raises(TableError, match=r"1 crash_id\(s\) are repeated, first 'r0'"):
        find_pairs(twice.assign(crash_id="r0"))


def test_missing_columns_are_named():
    with pytest.raises(TableError, match="2 column"):
        find_pairs(pd.DataFrame({"crash_id": ["r0"]}))


def test_people_decisions_are_kept_as_they_are(reports, labelled, pairs):
    merged = pairs[pairs["decision"].eq("merged")].head(1)
    decided = merged.assign(decision="separate", decided_by="Dara")
    again = find_pairs(reports, labelled.casualties, decided=decided)
    row = again.set_index(["left_id", "right_id"]).loc[
        tuple(merged.iloc[0][["left_id", "right_id"]])
    ]
    assert (row["decision"], row["decided_by"]) == ("separate", "Dara")
    assert len(again) == len(pairs)


def test_the_weights_name_every_level():
    weights = load_weights()
    for name, levels in LEVELS.items():
        assert set(weights.m[name]) == set(weights.u[name]) == set(levels) - {UNKNOWN}


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("prior: 0.08", "prior: 0", "above 0 and at most 1"),
        ("prior: 0.08", "", "is no file of matching weights"),
        ("within_15_min", "within_16_min", "time must have just the levels"),
    ],
)
def test_a_spoilt_file_of_weights_is_refused(tmp_path, old, new, match):
    path = tmp_path / "matching.yaml"
    path.write_text(WEIGHTS_PATH.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=match):
        load_weights(path)


def test_weights_counted_on_labelled_reports(labelled, reports, scored):
    """The share of each level among true pairs, the old weights counting as 50 pairs."""
    true_pairs = labelled.list_true_pairs()
    weights, old = estimate_weights(reports, true_pairs, labelled.casualties), load_weights()
    crash = labelled.truth
    is_true = scored["left_id"].map(crash).eq(scored["right_id"].map(crash))
    counts = scored.loc[is_true, "severity"].value_counts()
    known = counts.drop(UNKNOWN, errors="ignore").sum()
    expected = (counts["equal"] + 50 * old.m["severity"]["equal"]) / (known + 50)
    assert weights.m["severity"]["equal"] == pytest.approx(expected)
    assert weights.prior == pytest.approx((is_true.sum() + 50 * 0.08) / (len(scored) + 50))
    assert all(sum(levels.values()) == pytest.approx(1) for levels in weights.u.values() if
               levels is not weights.u["busy"])  # fmt: skip
    assert len(find_pairs(reports, weights=weights))
