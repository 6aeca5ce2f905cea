"""The sample's files go in without a mapping, and its planted dirt is found."""

from __future__ import annotations

import json

import pandas as pd
import pytest

FILES = {
    "factory": "factories.csv",
    "origin": "origins.csv",
    "vehicle": "vehicles.csv",
    "casualty": "casualties.csv",
    "intervention": "interventions.csv",
}


@pytest.fixture(scope="module")
def sample(root):
    return root / "data" / "sample"


@pytest.mark.parametrize("kind", FILES)
def test_clean_files_are_taken_whole(sample, take, kind):
    if kind != "factory":
        take(sample / FILES["factory"], "factory")
    report = take(sample / FILES[kind], kind)
    assert report.accepted == report.read > 0
    assert report.unused_columns == ()
    others = [text for text in report.notes if not text.startswith("crash_source_id names a crash")]
    assert others == []


def test_casualties_of_refused_crashes_are_counted(sample, database, take):
    take(sample / "crashes.csv")
    notes = take(sample / "casualties.csv", "casualty").notes
    named = pd.read_csv(sample / "casualties.csv", dtype="str")["crash_source_id"]
    orphans = ~named.isin(database.read("crash", "a")["source_id"])
    counts = [n for text, n in notes.items() if text.startswith("crash_source_id names a crash")]
    assert counts == [orphans.sum()]
    assert 0 < counts[0] < 50


def test_planted_dirt_is_found(sample, database, take):
    dirt = {
        kind: set(ids)
        for kind, ids in json.loads((sample / "truth.json").read_text("utf-8"))["dirt"].items()
    }
    report = take(sample / "crashes.csv")
    assert report.reasons == {
        "severity word not known: terrible": len(dirt["unknown_severity"]),
        "date missing": len(dirt["no_date"]),
        "date is in the future": len(dirt["future_date"]),
    }
    assert report.duplicates == len(dirt["exact_duplicate"]) + len(dirt["repeated_report"])
    found = database.read("crash", "a").set_index("source_id")
    noted = {note: set(rows.index) for note, rows in found.groupby("place_note")}
    assert noted["coordinates are zero"] == dirt["zero_coordinates"]
    swapped = {note: rows for note, rows in noted.items() if "look swapped" in note}
    assert set().union(*swapped.values()) == dirt["swapped_coordinates"]
    assert dirt["no_coordinates"] <= noted["coordinates missing"]
    assert set(found.index[~found["has_time"]]) == dirt["no_time"]
    again = found.loc[sorted(dirt["repeated_report"]), "collision_type"]
    assert (again == "reported again").all()
    narratives = "\n".join(found["narrative"].dropna())
    assert "<script>alert(1)</script>" in narratives
