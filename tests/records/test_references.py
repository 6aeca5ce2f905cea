"""Rows that name a record that is not there: kept, counted, said."""

from __future__ import annotations

import pandas as pd
import pytest

from records.fields import KINDS, find_kind, split_list
from records.mapping import Mapping
from records.schema import RECORDS

CASUALTIES = "casualty_id,crash_source_id,injury,factory_id\n"
CRASHES = "source_id,occurred_at,lon,lat\nX1,2024-03-05 07:45,104.9,11.5\n"


def test_casualties_before_their_crashes_are_kept_and_counted(write, take):
    rows = "C1,X1,slight,\nC2,X9,slight,\nC3,X9,slight,\nC4,X1,slight,\n"
    casualties = write(CASUALTIES + rows, "casualties.csv")
    before = take(casualties, "casualty")
    assert before.accepted == 4
    note = "crash_source_id names a crash that is not in the records (first: row 2, X1 of source "
    note += "reported); kept, and joined when it is imported"
    assert before.notes == {note: 4}
    take(write(CRASHES))
    after = take(casualties, "casualty")  # says what is still missing, though nothing changes
    assert after.unchanged == 4
    assert list(after.notes.values()) == [2]
    assert "(first: row 3, X9 of source reported)" in next(iter(after.notes))


def test_a_rehearsal_counts_them_too(write, take):
    report = take(write(CASUALTIES + "C1,X1,slight,F1\n"), "casualty", dry_run=True)
    assert sorted(report.notes.values()) == [1, 1]


def test_a_crash_of_another_source_or_area_is_another_crash(write, take):
    crashes, casualties = write(CRASHES), write(CASUALTIES + "C1,X1,slight,\n", "c.csv")
    take(crashes, area="b")
    take(crashes, mapping=Mapping.model_validate({"source": "police"}))
    assert sum(take(casualties, "casualty").notes.values()) == 1
    police = Mapping.model_validate({"kind": "casualty", "source": "police"})
    assert take(casualties, "casualty", mapping=police).notes == {}


FACTORY = "factory_id,name\nF1,Alpha\nF2,Beta\n"
FILES = {
    "origin": "origin_id,factory_id\nO1,F1\nO2,F9\nO3,F9\n",
    "vehicle": "vehicle_id,factory_id\nV1,\nV2,F9\nV3,F8\n",
    "crash": "source_id,occurred_at,lon,lat,factory_id\n1,2024-03-05,1,1,F9\n2,2024-03-06,1,1,F9\n",
    "intervention": "intervention_id,name,factories\nI1,Bus,F1;F2\nI2,Van,F9; F1 ;\nI3,Walk,F8\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_factories_that_are_not_there_are_named(write, take, kind):
    take(write(FACTORY, "factories.csv"), "factory")
    notes = take(write(FILES[kind]), kind).notes
    (text, count), *others = [(t, n) for t, n in notes.items() if "not in the records" in t]
    assert others == []
    assert count == 2
    field = "factories" if kind == "intervention" else "factory_id"
    row = 2 if kind == "crash" else 3
    assert text.startswith(f"{field} names a factory that is not in the records (first: row {row}")


def test_every_reference_leads_to_a_kind_with_that_key():
    referring = {kind.name: [one.name for one in kind.references] for kind in KINDS.values()}
    assert referring == {
        "factory": [],
        "origin": ["factory_id"],
        "vehicle": ["factory_id", "crash_source_id"],
        "route": ["factory_id", "vehicle_id"],
        "crash": ["factory_id"],
        "casualty": ["crash_source_id", "factory_id"],
        "intervention": ["factories"],
        "activity": ["factories"],
        "observation": ["factory_id"],
        "indicator": [],
        "indicator_value": ["indicator_id"],
    }
    for kind in KINDS.values():
        for one in kind.references:
            assert RECORDS[find_kind(one.refers_to).name] is not None


def test_a_list_is_taken_apart_as_people_write_it():
    assert split_list("F02;F04, F08 ;;F02") == ["F02", "F04", "F08"]
    assert split_list(" ; ") == []


def test_names_in_several_batches_are_counted_together(write, take, monkeypatch):
    monkeypatch.setattr("records.reading.BATCH_ROWS", 3)
    monkeypatch.setattr("records.lookup.LOOKUP_SIZE", 2)
    rows = pd.DataFrame({"casualty_id": range(20), "crash_source_id": [*range(10), *range(10)]})
    crashes = "".join(f"{n},2024-03-05 07:{n:02d},104.9,11.5\n" for n in range(4))
    take(write("source_id,occurred_at,lon,lat\n" + crashes))
    notes = take(write(rows.to_csv(index=False), "c.csv"), "casualty").notes
    text = next(text for text in notes if "not in the records" in text)
    assert notes[text] == 12
    assert "(first: row 6, 4 of source reported)" in text


def test_a_long_name_is_cut_in_the_account(write, take):
    report = take(write(CASUALTIES + f"C1,{'x' * 5000},slight,\n"), "casualty")
    assert max(map(len, report.notes)) < 250
