"""What a person types is checked as a file is, logged, and overwritten by no import."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, MissingDataError
from records.corrections import BY_HAND, Entry, correct_record, enter_records, write_as_text
from records.database import Database
from records.fields import KINDS

ROW = "1,2024-01-01 08:00,{},NR4,{},,,,,,,,,"
CRASH = {"occurred_at": "2024-03-05 07:45", "lon": "104.9", "lat": "11.5", "severity": "serious"}


@pytest.fixture
def crash_id(database, crashes, take):
    take(crashes(ROW.format("0,0", "slight")))
    return database.read("crash", "a")["crash_id"].item()


def correct(database, crash_id, **changes):
    return correct_record(database, "crash", "a", crash_id, changes, corrected_by="ann")


def test_a_corrected_place_is_never_moved_by_an_import(database, crashes, take, crash_id):
    digest = database.compute_digest("a")
    before = correct(database, crash_id, lon="104.9", lat="11.5")
    assert (before["lon"], before["place_note"]) == (None, "coordinates are zero")
    corrected = database.read("crash", "a").iloc[0]
    assert corrected[["lon", "lat", "placed_by", "location_quality"]].tolist() == [
        104.9,
        11.5,
        "person",
        "A",
    ]
    assert pd.isna(corrected["place_note"])
    assert database.compute_digest("a") != digest
    assert take(crashes(ROW.format("0,0", "slight"))).unchanged == 1
    assert take(crashes(ROW.format("7,7", "fatal"))).updated == 1
    again = database.read("crash", "a")
    assert again[["lon", "lat", "severity"]].iloc[0].tolist() == [104.9, 11.5, "fatal"]
    log = database.read_audit("a", crash_id)
    assert log["action"].tolist() == ["insert", "correct", "update"]
    assert log["changed_by"].iloc[1] == "ann"
    assert json.loads(log["old_values"].iloc[1])["place_note"] == "coordinates are zero"


def test_any_field_can_be_corrected_and_stays(database, crashes, take, crash_id):
    before = correct(database, crash_id, severity="fatal", narrative="two lorries", road_name="")
    assert before == {"severity": "slight", "narrative": None, "road_name": "NR4"}
    assert take(crashes(ROW.format("0,0", "damage only"))).unchanged == 1
    record = database.read("crash", "a").iloc[0]
    assert (record["severity"], record["narrative"]) == ("fatal", "two lorries")
    assert pd.isna(record["road_name"])
    assert record["corrected_fields"] == "narrative;road_name;severity"


def test_a_time_is_corrected_with_whether_it_is_known(database, crash_id):
    correct(database, crash_id, occurred_at="2024-01-02")
    record = database.read("crash", "a").iloc[0]
    assert (record["occurred_at"], record["has_time"]) == (pd.Timestamp(2024, 1, 2), False)


def test_nothing_changed_is_nothing_logged(database, crash_id):
    assert correct(database, crash_id, severity="slight") == {}
    assert len(database.read_audit("a", crash_id)) == 1
    assert database.read("crash", "a")["corrected_fields"].item() == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"severity": "ouch"}, "severity"),
        ({"n_killed": "-1"}, "n_killed is negative"),
        ({"occurred_at": "yesterday"}, "date is not understood"),
        ({"lon": "104.9", "lat": "91"}, "91, 104.9"),
        ({"source_id": "9"}, "'source_id' cannot be corrected"),
        ({"colour": "red"}, "'colour' cannot be corrected"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(database, crash_id, changes, said):
    before = database.read("crash", "a")
    with pytest.raises(InputError, match=said):
        correct(database, crash_id, **changes)
    pd.testing.assert_frame_equal(database.read("crash", "a"), before)


def test_a_correction_needs_a_record(database):
    with pytest.raises(MissingDataError, match="not found in area"):
        correct(database, "none", severity="fatal")


def test_a_crash_and_its_casualties_are_entered_together(database):
    casualty = {"crash_source_id": "K1", "injury": "serious", "sex": "female", "age_band": "31"}
    entries = [
        Entry(kind="crash", values={"source_id": "K1", **CRASH}),
        Entry(kind="casualty", values=casualty),
    ]
    numbers = enter_records(database, "a", entries, entered_by="ann", source="factory F1")
    crash = database.read("crash", "a").iloc[0]
    assert (crash["source"], crash["source_id"], crash["severity"]) == (
        "factory F1",
        "K1",
        "serious",
    )
    assert database.read("casualty", "a")["age_band"].item() == "25-34"
    listed = database.list_imports("a").set_index("import_id").loc[numbers]
    assert set(listed["file_name"]) == {BY_HAND}
    assert (listed["read"] == listed["accepted"]).all()
    assert set(listed["imported_by"]) == {"ann"}


def test_all_are_kept_or_none(database):
    entries = [
        Entry(kind="crash", values={"source_id": "K1", **CRASH}),
        Entry(kind="casualty", values={"crash_source_id": "K1", "injury": "sore"}),
    ]
    with pytest.raises(InputError, match="casualty: injury"):
        enter_records(database, "a", entries, entered_by="ann")
    assert database.count("crash", "a") == 0
    assert database.list_imports("a").empty


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("crash", {"severity": "fatal"}, "crash: date missing"),
        ("crash", {**CRASH, "severity": "ouch"}, "word not known: ouch"),
        ("crash", {**CRASH, "lon": "here"}, "coordinates not readable: 11.5, here"),
        ("factory", {"name": "Sun"}, "factory_id missing"),
        ("factory", {"factory_id": "F1", "name": "Sun", "workers": "many"}, "is not a number"),
        ("factory", {"factory_id": "F1", "name": "Sun", "colour": "red"}, "no field 'colour'"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_in_words(database, kind, values, said):
    with pytest.raises(InputError, match=said):
        enter_records(database, "a", [Entry(kind=kind, values=values)], entered_by="ann")


@pytest.mark.parametrize("nothing", ["none", " NULL ", "n/a"])
def test_a_word_for_nothing_is_nothing(database, nothing):
    entry = Entry(kind="crash", values={**CRASH, "narrative": nothing})
    enter_records(database, "a", [entry], entered_by="ann")
    assert database.read("crash", "a")["narrative"].isna().all()


def test_the_same_twice_is_refused(database):
    entry = Entry(kind="factory", values={"factory_id": "F1", "name": "Sun (invented)"})
    enter_records(database, "a", [entry], entered_by="ann")
    with pytest.raises(InputError, match="is in the records already"):
        enter_records(database, "a", [entry], entered_by="ann")


TEXTS = st.text(st.characters(exclude_categories=("C",)), max_size=12)


@settings(max_examples=8, deadline=None)
@given(
    narrative=TEXTS,
    km=st.floats(0, 500).map(lambda x: round(x, 3)),
    killed=st.integers(0, 50),
    severity=st.sampled_from(["fatal", "serious", "slight", "damage_only"]),
    commute=st.sampled_from(["yes", "no", "unknown"]),
)
def test_what_is_typed_reads_back_as_it_was_typed(
    tmp_path_factory, narrative, km, killed, severity, commute
):
    url = f"sqlite:///{tmp_path_factory.mktemp('typed') / 'r.sqlite'}"
    typed = {
        **CRASH,
        "source_id": "1",
        "narrative": narrative,
        "road_km": str(km),
        "n_killed": str(killed),
        "severity": severity,
        "is_worker_commute": commute,
    }
    with Database(url) as database:
        enter_records(database, "a", [Entry(kind="crash", values=typed)], entered_by="ann")
        record = database.read("crash", "a").iloc[0]
    texts = write_as_text(record.where(record.notna(), None).to_dict(), KINDS["crash"])
    cleaned = narrative.strip()
    nothing = {"", "null", "none", "nan", "n/a", "#n/a", "nat"}
    assert texts.get("narrative", "") == ("" if cleaned.lower() in nothing else cleaned)
    assert float(texts["road_km"]) == km
    assert (texts["n_killed"], texts["severity"]) == (str(killed), severity)
    assert (texts["is_worker_commute"], texts["occurred_at"]) == (commute, "2024-03-05 07:45:00")
