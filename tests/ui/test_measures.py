"""The measures page: every kind of place and measure, few data, and runs made before it."""

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from pipeline.measure_list import MEASURES, SITE_TYPES, find_measure
from pipeline.runs import find_published_run
from pipeline.site_measures import write_site_measures
from tests.pipeline.test_site_measures import make_crashes, measure, town  # noqa: F401
from ui.measures_words import (
    describe_agreement,
    describe_function,
    describe_high_injury,
    describe_worst,
    tell_value,
)

PERIOD = "1 January 2021 to 31 December 2022"


@pytest.fixture(autouse=True)
def _no_cache():
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def open_page(root):
    def opened(**choices):
        app = AppTest.from_file(str(root / "ui" / "main.py"), default_timeout=60)
        app._page_hash = calc_hash("measures")
        for key, value in choices.items():
            app.session_state[key.replace("_", "-")] = value
        return app.run()

    return opened


def words_of(app):
    blocks = (app.title, app.subheader, app.markdown, app.caption, app.info, app.error)
    return "\n".join(str(element.value) for block in blocks for element in block)


@pytest.fixture(scope="module")
def small(town):  # noqa: F811
    """Return the measures of a small town, computed once."""
    crashes = make_crashes([7] * 20 + list(range(30)), severity=["fatal"] * 9 + ["slight"] * 41)
    return measure(town, crashes)


@pytest.fixture
def with_measures(home, small):
    """Put the tables of a small town into the published run, and take them out again."""
    folder = find_published_run(home, "tiny")
    before = set(folder.iterdir())
    write_site_measures(folder, small)
    yield folder
    for path in set(folder.iterdir()) - before:
        path.unlink()


def test_the_page_ranks_compares_and_explains(with_measures, open_page):
    app = open_page()
    assert not app.exception
    words = words_of(app)
    assert app.dataframe[0].value["Place"].iloc[0] == "Long Road (S7)"
    assert "fatal or serious crashes" in words
    assert "in common" in words
    assert "negative-binomial" in words
    table = app.dataframe[0].value
    assert table["Rank"].iloc[0] == 1
    assert "95% interval" in table
    assert "By Crashes" in table
    for one in MEASURES:
        assert one.title in words


@pytest.mark.parametrize("kind", list(SITE_TYPES))
def test_every_kind_of_place_opens(with_measures, open_page, kind):
    key = {"segment": "loss", "intersection": "ksi", "window": "rate"}.get(kind, "share_dark")
    app = open_page(measures_kind=kind, measures_key=key)
    assert not app.exception
    assert not app.error
    assert find_measure(key).sentence in words_of(app)


def test_what_cannot_be_told_is_said(with_measures, open_page):
    app = open_page(measures_kind="segment", measures_key="rate")
    assert "Nowhere are enough commutes known" in words_of(app)
    app = open_page(measures_kind="segment", measures_key="share_dark")
    assert "The data cannot tell" in words_of(app)


def test_a_run_without_measures_says_what_to_do(home, open_page):
    app = open_page()
    assert not app.exception
    assert "run the area again" in words_of(app).replace("\\", "")


def test_sentences_by_hand():
    top = {"label": "NR4 *x*", "n_crashes": 1, "n_ksi_crashes": 0, "n_expected": 0.4}
    words = describe_worst({**top, "p_worst": 0.004}, n_worst=20, period=PERIOD)
    assert "NR4 \\*x\\*" in words
    assert "1 crash reported" in words
    assert "less than 1%" in words
    assert "2 places listed share" in describe_worst(top, n_worst=20, period=PERIOD, n_first=2)
    network = {
        "share": 0.5, "length_km": 12.34, "length_share": 0.031, "n_crashes": 120,
        "held_left_out_share": 0.2, "chosen_again_share": 0.4,
        "length_needed_km": 96.4, "length_needed_low_km": 88.0, "length_needed_high_km": 104.0,
        "total_km": 398.0,
    }  # fmt: skip
    words = describe_high_injury(network, PERIOD)
    assert "12.3 km of road, 3.1% of all, hold 50% of the 120" in words
    assert "chosen by hindsight" in words
    assert "on half of them needs **96 km** (88 to 104)" in words
    assert "taken by lot, 199 km" in words
    assert "held only 20% of the others" in words
    assert "by chance" in words
    assert "by chance" not in describe_high_injury({**network, "held_left_out_share": 0.4}, PERIOD)
    assert tell_value(float("nan"), MEASURES[0]) == ""
    assert tell_value(1234.5, MEASURES[0]) == "1,234"
    assert tell_value(0.123, find_measure("share_dark")) == "12%"
    assert "main road" in describe_function({"of": "intersection", "terms": ["main road track"]})
    empty = pd.DataFrame({"measure": ["ksi"], "top_20_share": [0.5]})
    words = describe_agreement(empty, find_measure("share_dark"), column="top_20_share", k=20)
    assert "left out" in words
