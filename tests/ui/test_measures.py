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
    describe_certainty,
    describe_first_stretch,
    describe_function,
    describe_high_injury,
    describe_worst,
    has_function,
    leave_out_nothing,
    say_unknown,
    tell_k,
    tell_method,
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
    assert app.dataframe[0].value["Place"].iloc[0] == "Long Road, near Small Town"
    assert app.dataframe[0].value["Site"].iloc[0] == "S7"
    assert "fatal or serious crashes" in words
    assert "No worst places are compared" in words  # nearly all have one crash
    assert "rank correlation" in words
    assert "by a regression" in words
    assert "among the 10 places (of 40) with the most crashes above what is usual" in words
    assert "short stretches rate high" in words
    table = app.dataframe[0].value
    assert (table["Crashes"] > 0).all()
    assert "Rank may be" in table
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


def test_on_a_phone_lines_wrap(with_measures, open_page, monkeypatch):
    monkeypatch.setattr("ui.measures_table.is_phone", lambda: True)
    app = open_page(measures_kind="segment", measures_key="frequency")
    assert not app.exception
    words = words_of(app).replace("\\", "")
    assert "**1. Long Road, near Small Town (S7)**" in words
    assert "21 crashes · 9 fatal or serious · rank may be 1 to" in words


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
    words = describe_worst(top, MEASURES[0], period=PERIOD)
    assert "NR4 \\*x\\*" in words
    assert "1 crash reported" in words
    assert "0.4 would be expected" in words
    silent = describe_worst({**top, "eb_weight": 1.0}, MEASURES[0], period=PERIOD)
    assert "expected" not in silent  # the count has no say
    assert "2 places share" in describe_worst(top, MEASURES[0], period=PERIOD, n_first=2)
    drawn = {"p_worst": 0.004, "p_worst_ksi": 0.31}
    words = describe_certainty(drawn, find_measure("ksi"), n_worst=20, n_sites=1234)
    assert "among the 20 places (of 1,234) with the most fatal or serious crashes" in words
    assert "31%" in words
    words = describe_certainty(drawn, find_measure("excess_predicted"), n_worst=1, n_sites=None)
    assert "truly the place with the most crashes above what is usual" in words
    assert "less than 1%" in words
    assert "most of it is luck" in words
    for key, words in (("loss", "not known for this"), ("rate", "too few to say")):
        assert words in describe_certainty(drawn, find_measure(key), n_worst=20, n_sites=9)
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
    few = describe_high_injury({**network, "n_crashes": 2}, PERIOD)
    assert "cannot tell which roads hold 50%: only 2 fatal or serious crashes were" in few
    assert tell_value(float("nan"), MEASURES[0]) == ""
    assert tell_value(1234.5, MEASURES[0]) == "1,234"
    assert tell_value(0.123, find_measure("share_dark")) == "12%"
    fitted = {"method": "negative binomial", "notes": "", "own_crashes": 40}
    found = {"of": "intersection", "terms": ["main road track"], "types": [fitted]}
    assert "main road" in describe_function(found)
    empty = pd.DataFrame({"measure": ["ksi"], "top_20_share": [0.5], "spearman": [0.5]})
    words = describe_agreement(empty, find_measure("share_dark"), column="top_20_share", k=20)
    assert "left out" in words


def make_list(n_crashes, n_ksi, *, n_first=1):
    size = len(n_crashes)
    table = pd.DataFrame({"n_crashes": n_crashes, "n_ksi_crashes": n_ksi})
    values = {one.column: [0.0] * size for one in MEASURES}
    table = table.assign(**values)
    table.attrs = {"n_first": n_first}
    return table


def test_no_list_is_shown_where_nothing_is_known():
    ksi, crashes = find_measure("ksi_excess"), find_measure("frequency")
    shared = make_list([4] * 50, [1] * 50, n_first=1418)
    assert "1,418 places share the first rank, 0.00 (crashes a year)" in say_unknown(shared, ksi)
    first_has_none = make_list([4, 2], [0, 1])
    assert "no fatal or serious crash was counted" in say_unknown(first_has_none, ksi)
    assert say_unknown(first_has_none, crashes) == ""
    assert "no crash was counted" in say_unknown(make_list([0, 1], [0, 0]), crashes)
    assert len(leave_out_nothing(make_list([3, 0], [1, 0]), crashes)) == 1


def test_few_crashes_are_called_no_function():
    few = {
        "method": "negative binomial", "notes": "1 crashes are too few for 2: mean rate only",
        "own_crashes": 1, "n_crashes": 1, "fitted_as": "other types", "facility": "trunk",
        "overdispersion_k": 0.0,
    }  # fmt: skip
    found = {"of": "road", "terms": ["constant", "ln_workers"], "types": [few]}
    words = describe_function(found)
    assert "No function was fitted: 1 crash is too few" in words
    assert "regression" not in words
    assert not has_function(found)
    assert tell_method(few) == "mean rate, with others"
    assert tell_k(few) == "not known"
    lent = {**few, "notes": "too few crashes to know k: the mean of the other types, 0.29"}
    assert tell_k({**lent, "overdispersion_k": 0.29}) == "0.29"
    assert "1 crash:" in describe_first_stretch({"length_m": 9.2, "n_ksi_crashes": 1})


def test_agreement_says_over_how_many_places_and_leaves_out_what_says_nothing():
    row = {"measure": "ksi", "spearman": 0.25, "n_sites": 145}
    share = {"top_20_share": 0.5, "top_20_share_low": 0.3, "top_20_share_high": 0.6}
    lot = {"top_20_share": None, "top_20_share_low": 0.11, "top_20_share_high": 0.11}
    pairs = pd.DataFrame([{**row, **share, "other": "epdo"}, {**row, **lot, "other": "loss"}])
    pairs = pairs.astype({"top_20_share": float})
    words = describe_agreement(pairs, find_measure("ksi"), column="top_20_share", k=20)
    assert "50% (30 to 60) in common, rank correlation 0.25, over 145 places" in words
    assert "of safety: rank correlation 0.25, over 145" in words
    alike = pairs.iloc[1:].assign(spearman=float("nan"))
    assert "the same value" in describe_agreement(
        alike, find_measure("ksi"), column="top_20_share", k=20
    )
    nothing = describe_agreement(pairs.iloc[1:], find_measure("ksi"), column="top_20_share", k=20)
    assert "No worst places are compared" in nothing
