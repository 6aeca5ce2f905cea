"""The data-quality page: with records, with none, with damaged ones."""

from __future__ import annotations

import json

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from pipeline.imports import import_records
from pipeline.workspace import open_workspace
from tests.ui.fixture_run import write_area


@pytest.fixture(autouse=True)
def _no_cache():
    st.cache_data.clear()


@pytest.fixture
def open_page(root, monkeypatch):
    def opened(workspace):
        monkeypatch.setenv("SAFECOMMUTE_HOME", str(workspace))
        monkeypatch.delenv("SAFECOMMUTE_DATABASE_URL", raising=False)
        app = AppTest.from_file(str(root / "ui" / "main.py"), default_timeout=60)
        app._page_hash = calc_hash("quality")
        return app.run()

    return opened


def words_of(app):
    blocks = (app.title, app.subheader, app.markdown, app.caption, app.info, app.error)
    parts = [element.value for block in (*blocks, app.warning, app.success) for element in block]
    return "\n".join([*map(str, parts), *(element.proto.body for element in app.get("html"))])


@pytest.fixture
def recorded(tmp_path):
    """An area with a dozen crashes, two of them without a time."""
    write_area(tmp_path, "small", name="Small Province")
    path = tmp_path / "crashes.csv"
    rows = [f"c{m},2023-{m:02d}-11 07:{m:02d},,,slight,<b>*x*</b>" for m in range(1, 11)]
    rows += [f"d{m},2023-{m:02d}-12,,,fatal,=1+1" for m in (3, 4)]
    path.write_text("source_id,occurred_at,lon,lat,severity,narrative\n" + "\n".join(rows))
    import_records(open_workspace(tmp_path), "crash", path, area="small")
    return tmp_path


def test_page_says_what_is_amiss_and_what_to_do(open_page, recorded):
    app = open_page(recorded)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == "Data quality"
    words = words_of(app)
    assert "12 reports of 12 crashes" in words
    assert "2 reports without a time of day" in words
    assert "ask for the time" in words
    assert "Only one source reports here" in words
    assert {one.value for one in app.subheader} >= {"What is filled in", "Breaks in the series"}


def test_without_records_or_area_it_says_what_to_type(open_page, tmp_path):
    app = open_page(tmp_path)
    assert "safecommute demo" in words_of(app)
    write_area(tmp_path, "empty", name="Empty Province")
    app = open_page(tmp_path)
    assert not app.exception
    assert "safecommute import crash FILE --area empty" in words_of(app)


def test_damaged_records_are_said_in_one_line(open_page, recorded):
    (recorded / "records.sqlite").write_bytes(b"no database")
    app = open_page(recorded)
    assert not app.exception
    assert len(app.error) == 1
    assert "Traceback" not in app.error[0].value


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_only_invented_data_are_called_so(open_page, recorded, is_synthetic):
    path = recorded / "areas" / "small" / "area.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "is_synthetic": is_synthetic}))
    assert ("SYNTHETIC" in words_of(open_page(recorded))) == is_synthetic
