"""The Records page: what a person types is kept, corrected, taken back; refused in words."""

from __future__ import annotations

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from pipeline.imports import import_records
from pipeline.mappings import find_mapping, keep_mapping, list_mappings
from pipeline.workspace import open_workspace
from records.database import Database
from records.mapping import Mapping
from tests.ui.fixture_run import write_area

AREA = "tiny"


@pytest.fixture
def home(tmp_path, monkeypatch):
    write_area(tmp_path, AREA, name="Tiny Province")
    monkeypatch.setenv("SAFECOMMUTE_HOME", str(tmp_path))
    monkeypatch.delenv("SAFECOMMUTE_DATABASE_URL", raising=False)
    st.cache_data.clear()
    st.cache_resource.clear()
    return tmp_path


@pytest.fixture
def open_records(root, home):
    """Open the page at one of its tasks, with a name given."""

    def opened(task, name="Ann"):
        app = AppTest.from_file(str(root / "ui" / "main.py"), default_timeout=60)
        app._page_hash = calc_hash("records")
        app.session_state["records-task"] = task
        app.session_state["records-name"] = name
        return app.run()

    return opened


def read(home, kind):
    with Database(f"sqlite:///{home / 'records.sqlite'}") as database:
        return database.read(kind, AREA)


def take(home, text, kind="crash", **options):
    path = home / f"{kind}.csv"
    path.write_text(text, encoding="utf-8")
    workspace = open_workspace(home)
    return import_records(workspace, kind, path, area=AREA, **options)


def pick(app, label):
    return next(
        one
        for one in (*app.selectbox, *app.text_input, *app.number_input, *app.date_input)
        if one.label.startswith(label)
    )


def press(app, label):
    return next(one for one in app.button if one.label == label).click().run()


def said(app):
    blocks = (*app.success, *app.error, *app.info, *app.warning)
    return " ".join(one.value for one in blocks).replace("\\", "")  # Markdown's escapes


@pytest.mark.parametrize("task", ["Bring in a file", "Add", "Correct", "Same crash?", "Take back"])
def test_every_task_opens_on_empty_records(open_records, task):
    app = open_records(task)
    assert not app.exception
    assert not app.error
    assert [one.value for one in app.title] == ["Records"]


def test_an_area_must_be_there(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SAFECOMMUTE_HOME", str(tmp_path))
    app = AppTest.from_file(str(root / "ui" / "main.py"), default_timeout=60)
    app._page_hash = calc_hash("records")
    assert "no study area" in said(app.run())


def test_a_crash_is_added(open_records, home):
    app = open_records("Add")
    pick(app, "When it happened").set_value(pd.Timestamp(2024, 3, 5).date())
    pick(app, "Severity").set_value("serious")
    pick(app, "Latitude").set_value("11.5")
    pick(app, "Longitude").set_value("104.9")
    pick(app, "Badly hurt").set_value(2)
    pick(app, "Who reports it").set_value("factory F01")
    app = press(app.run(), "Save")
    assert not app.exception
    assert "Saved: crash" in said(app)
    crash = read(home, "crash").iloc[0]
    assert (crash["severity"], crash["n_serious"], crash["source"]) == ("serious", 2, "factory F01")
    assert (crash["lon"], crash["lat"], crash["has_time"]) == (104.9, 11.5, False)


def test_what_is_missing_is_said_and_nothing_kept(open_records, home):
    app = press(open_records("Add"), "Save")
    assert "crash: date missing" in said(app)
    assert read(home, "crash").empty
    app = open_records("Add", name="")
    pick(app, "When it happened").set_value(pd.Timestamp(2024, 3, 5).date())
    assert "Your name is missing" in said(press(app.run(), "Save"))
    assert read(home, "crash").empty


def test_a_record_with_empty_fields_is_found_by_a_word(open_records, home):
    take(home, "source_id,occurred_at,lon,lat,severity\nA7,2024-01-02,,,\nB8,2024-01-03,,,fatal\n")
    app = open_records("Correct")
    assert not app.exception
    app = pick(app, "Find").set_value("b8").run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 1
    assert pick(app, "Find").set_value("nan").run().dataframe[0].value.empty


def test_an_import_is_taken_back(open_records, home):
    take(home, "source_id,occurred_at,lon,lat,severity\n1,2024-01-02,104.9,11.5,fatal\n")
    assert len(read(home, "crash")) == 1
    app = press(open_records("Take back"), "Take it back")
    assert "1 records removed" in said(app)
    assert read(home, "crash").empty
    assert "no import to take back" in said(open_records("Take back"))


def test_doubtful_pairs_are_decided_by_a_person(open_records, home):
    head = "source_id,occurred_at,lon,lat,severity,road_users\n"
    one = "1,2024-01-02 07:10,104.9,11.5,fatal,car\n2,2024-01-02 07:12,104.9001,11.5,fatal,car\n"
    take(home, head + one, source="police")
    app = press(open_records("Same crash?"), "Compare all reports now")
    assert "1 are doubtful" in said(app)
    app = press(open_records("Same crash?"), "One crash")
    assert not app.exception
    assert "No pair of reports waits" in said(app)


def test_a_mapping_is_kept_for_next_month(home):
    workspace = open_workspace(home)
    columns = {"source_id": "No", "occurred_at": "Date", "lon": "X", "lat": "Y", "severity": "Sev"}
    mapping = Mapping.model_validate({"kind": "crash", "columns": columns})
    keep_mapping(workspace, "police_form", mapping)
    assert list_mappings(workspace, "crash")[0] == "police_form"
    assert "police_form" not in list_mappings(workspace, "factory")
    assert find_mapping(workspace, "police_form").columns == mapping.columns
    text = "No,Date,X,Y,Sev\n1,2024-01-02,104.9,11.5,fatal\n"
    assert take(home, text, mapping="police_form")["accepted"] == 1
    with pytest.raises(Exception, match="small letters"):
        keep_mapping(workspace, "../x", mapping)
    with pytest.raises(Exception, match="comes with the software"):
        keep_mapping(workspace, "porto_alegre", mapping)
