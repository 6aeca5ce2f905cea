"""Pages, run by Streamlit's own test harness: whole, empty, missing and broken runs."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from pipeline.hotspot_register import take_up_run
from pipeline.workspace import open_workspace
from tests.ui.fixture_run import NASTY, RUN_ID, build_home, publish, write_area

PAGES = ["overview", "hotspots", "hotspot", "interventions", "data"]


@pytest.fixture(autouse=True)
def _no_cache():
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def open_page(root, monkeypatch):
    """Open one page of the app and return what it shows."""

    def opened(page, workspace, **query):
        monkeypatch.setenv("SAFECOMMUTE_HOME", str(workspace))
        monkeypatch.delenv("SAFECOMMUTE_DATABASE_URL", raising=False)
        app = AppTest.from_file(str(root / "ui" / "main.py"), default_timeout=60)
        # The harness can only switch to pages that are files, so name ours by its hash.
        app._page_hash = calc_hash("" if page == "overview" else page)
        for key, value in query.items():
            app.query_params[key] = value
        return app.run()

    return opened


@pytest.fixture
def broken_home(tmp_path):
    """Return a workspace of one's own that may be damaged."""
    build_home(tmp_path)
    return tmp_path, tmp_path / "runs" / "tiny" / RUN_ID


def words_of(app):
    blocks = (app.title, app.subheader, app.markdown, app.caption, app.info, app.error)
    parts = [element.value for block in (*blocks, app.warning, app.success) for element in block]
    return "\n".join([*map(str, parts), *(element.proto.body for element in app.get("html"))])


@pytest.mark.parametrize("page", PAGES)
def test_every_page_draws_and_says_synthetic(open_page, tiny_home, page):
    app = open_page(page, tiny_home, hotspot="H1")
    assert not app.exception
    assert not app.error
    assert len(app.title) == 1
    assert "SYNTHETIC" in words_of(app)
    assert "1 January 2021 to 31 December 2025" in words_of(app)


@pytest.mark.parametrize("page", PAGES)
def test_real_data_are_not_called_synthetic(open_page, tmp_path, page):
    build_home(tmp_path, is_synthetic=False)
    assert "SYNTHETIC" not in words_of(open_page(page, tmp_path, hotspot="H1"))


@pytest.mark.parametrize("page", PAGES)
def test_without_an_area_a_page_says_what_to_type(open_page, tmp_path, page):
    app = open_page(page, tmp_path)
    assert not app.exception
    assert "safecommute demo" in words_of(app)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_run_a_page_says_what_to_type(open_page, tmp_path, page):
    write_area(tmp_path, "empty", name="Empty Province")
    app = open_page(page, tmp_path)
    assert not app.exception
    assert app.title[0].value == "Empty Province"
    assert "safecommute run empty" in words_of(app)


@pytest.mark.parametrize("page", ["overview", "hotspots", "hotspot"])
@pytest.mark.parametrize("content", [None, b"not parquet"])
def test_broken_table_is_said_in_one_line(open_page, broken_home, page, content):
    home, run = broken_home
    (run / "hotspots.parquet").unlink()
    if content:
        (run / "hotspots.parquet").write_bytes(content)
    app = open_page(page, home, hotspot="H1")
    assert not app.exception
    assert len(app.error) == 1
    assert "hotspots" in app.error[0].value
    assert "Traceback" not in app.error[0].value


@pytest.mark.parametrize("page", PAGES)
def test_broken_manifest_is_said_in_one_line(open_page, broken_home, page):
    home, run = broken_home
    (run / "run.json").write_text("{")
    app = open_page(page, home)
    assert not app.exception
    assert "run.json" in app.error[0].value


@pytest.mark.parametrize("page", PAGES)
def test_manifest_that_knows_little_still_shows(open_page, broken_home, page):
    home, run = broken_home
    (run / "run.json").write_text(json.dumps({"is_synthetic": True}))
    app = open_page(page, home, hotspot="H1")
    assert not app.exception
    assert not app.error
    assert "period not known" in words_of(app)


@pytest.mark.parametrize("page", ["overview", "hotspots", "hotspot", "data"])
def test_run_without_hotspots_is_a_result(open_page, broken_home, page):
    home, run = broken_home
    path = run / "hotspots.parquet"
    gpd.read_parquet(path).iloc[:0].to_parquet(path)
    app = open_page(page, home, hotspot="H1")
    assert not app.exception
    assert not app.error


def test_damaged_tiles_are_said_and_the_table_stays(open_page, broken_home):
    home, run = broken_home
    (run / "tiles.pmtiles").write_bytes(b"not tiles")
    app = open_page("hotspots", home)
    assert not app.exception
    assert "roads cannot be drawn" in app.warning[0].value
    assert len(app.dataframe[0].value) == 3


def test_khmer_names_stand_beside_the_english(open_page, tiny_home):
    assert "ផ្លូវជាតិលេខ៤ · អង្គស្នួល" in words_of(open_page("hotspot", tiny_home, hotspot="H1"))


def test_pointer_to_a_run_that_is_gone_is_no_run(open_page, broken_home):
    home, _ = broken_home
    publish(home, "tiny", "20250101T000000Z-00000000")
    assert "No results are published" in words_of(open_page("overview", home))


def test_overview_counts_add_up(open_page, tiny_home):
    words = words_of(open_page("overview", tiny_home))
    for label, value in (("Crashes read", "75"), ("Placed on a road", "71"), ("Not placed", "4")):
        assert f"{label}</span><b>{value}</b>" in words
    assert "94.7% of all" in words


def test_a_filter_recounts_the_table(open_page, tiny_home):
    app = open_page("hotspots", tiny_home)
    all_crashes = app.dataframe[0].value
    assert all_crashes["Crashes"].tolist() == [20, 12, 6]
    app.segmented_control(key="darkness-tiny").set_value("dark").run()
    dark = app.dataframe[0].value
    assert not app.exception
    assert all(dark["Crashes"] <= all_crashes["Crashes"])
    assert dark["Crashes"].sum() < all_crashes["Crashes"].sum()
    assert dark["Rank"].tolist() == all_crashes["Rank"].tolist()
    assert "75 crashes match" in words_of(app)
    app.button_group(key="severity-tiny").set_value(["fatal"]).run()
    fatal = app.dataframe[0].value
    assert fatal["Crashes"].tolist() == fatal["Fatal or serious"].tolist()


def test_hotspot_page_says_how_sure_and_hides_who(open_page, tiny_home):
    app = open_page("hotspot", tiny_home, hotspot="H2")
    words = words_of(app)
    assert "12 crashes were reported on these 500 m" in words
    assert "4.8 times as many (95% interval 2.9 to 7.2)" in words
    table = app.dataframe[0].value
    assert len(table) == 12
    text = table.to_csv()
    for secret in ("Secret Name", "012 345", "F1", "=P", "2021-01-01"):
        assert secret not in text


def test_text_of_records_is_not_run(open_page, tiny_home):
    for page in ("overview", "hotspots", "hotspot"):
        app = open_page(page, tiny_home, hotspot="H2")
        for element in app.get("html"):
            assert NASTY not in element.proto.body
        for element in app.get("iframe"):
            assert "<script>alert" not in element.proto.srcdoc


def test_unknown_hotspot_leads_back_to_the_list(open_page, tiny_home):
    app = open_page("hotspot", tiny_home, hotspot="<script>")
    assert not app.exception
    assert "not in the published results" in words_of(app)


def test_a_hotspot_of_earlier_results_says_when_it_was_one_last(open_page, broken_home):
    home, folder = broken_home
    take_up_run(open_workspace(home), "tiny", folder.name, is_published=True)
    hotspots = gpd.read_parquet(folder / "hotspots.parquet")
    hotspots[hotspots["hotspot_id"] != "H2"].to_parquet(folder / "hotspots.parquet")
    app = open_page("hotspot", home, hotspot="H2")
    assert not app.exception
    assert "(H2) is no hotspot in the results published now" in words_of(app).replace("\\", "")
    assert "It was one last in the results of 5 January 2026" in words_of(app)


def test_second_area_can_be_chosen(open_page, tmp_path):
    build_home(tmp_path)
    write_area(tmp_path, "other", name="Other Province")
    app = open_page("overview", tmp_path)
    assert app.selectbox[0].options == ["Other Province", "Tiny Province"]
    assert app.selectbox[0].value == "tiny"  # the one with results comes first
    app.selectbox[0].set_value("other").run()
    assert not app.exception
    assert app.title[0].value == "Other Province"


def test_data_page_lists_each_unplaced_crash_with_its_reason(open_page, tiny_home):
    app = open_page("data", tiny_home)
    table = next(d.value for d in app.dataframe if "Why" in d.value)
    assert len(table) == 4
    assert table["Why"].tolist() == ["No coordinates"] * 2 + ["Too far"] * 2
