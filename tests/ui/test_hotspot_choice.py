"""The Hotspots page with other methods, and a hotspot that says how sure it is."""

from __future__ import annotations

import time

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.fixture_hotspots import add_variants
from tests.ui.fixture_run import build_home
from ui.hotspot_words import (
    describe_agreement,
    describe_certainty,
    describe_found,
    describe_long_run,
    describe_maps,
    describe_rank,
    describe_since,
    describe_stability,
)

TIMEOUT = 60


@pytest.fixture(scope="module")
def varied_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("varied")
    add_variants(build_home(home))
    return home


def make_app(page):
    """Return a script that shows one page, its links going nowhere."""
    return f"""
import streamlit as st
from ui.hotspots import hotspots_page
from ui.hotspot import hotspot_page
st.session_state["pages"] = {{
    "hotspots": st.Page(hotspots_page, url_path="hotspots"),
    "hotspot": st.Page(hotspot_page, url_path="hotspot"),
}}
st.navigation([*st.session_state["pages"].values()], position="hidden")
{page}()
"""


@pytest.fixture
def show(varied_home, monkeypatch):
    monkeypatch.setenv("SAFECOMMUTE_HOME", str(varied_home))
    monkeypatch.delenv("SAFECOMMUTE_DATABASE_URL", raising=False)

    def shown(page, **query):
        app = AppTest.from_string(make_app(page), default_timeout=TIMEOUT)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        return app

    return shown


def test_the_published_hotspots_come_first_and_are_said_to_be(show):
    app = show("hotspots_page")
    assert any("These are the published hotspots." in one.value for one in app.caption)
    assert app.dataframe[0].value["Hotspot"].size == 3
    explained = " ".join(one.value for one in app.markdown)
    assert "no commutes are known" in explained
    assert "The data cannot tell." in explained.replace("\\", "")


def test_another_method_changes_the_table_within_half_a_second(show):
    app = show("hotspots_page")
    method = next(one for one in app.selectbox if one.label == "Found by")
    assert method.options == ["Crashes in a window", "Gi* (clusters of rates)"]
    method.select("gi_star").run()
    started = time.process_time()
    next(one for one in app.selectbox if one.label == "Found by").select("window").run()
    next(one for one in app.selectbox if one.label == "Found by").select("gi_star").run()
    seconds = (time.process_time() - started) / 2
    assert not app.exception
    table = app.dataframe[0].value
    assert table["Hotspot"].tolist() == [
        "NR4 km 1.5 to 2.0, near Ang Snuol",
        "Nowhere Lane, near Kandal",
    ]
    assert table["Crashes"].tolist() == [20, 1]  # one crash on each of the other segments
    assert any("not the published hotspots" in one.value for one in app.caption)
    assert seconds < 2  # half a second on a quiet machine; this one may be busy


def test_a_place_that_is_not_published_has_no_page(show):
    app = show("hotspots_page", hotspot="V1")
    next(one for one in app.selectbox if one.label == "Found by").select("gi_star").run()
    assert any("it has no page" in one.value for one in app.caption)


def test_a_hotspot_says_how_sure_it_is_and_why(show):
    app = show("hotspot_page", hotspot="H1")
    words = " ".join(one.value for one in app.markdown).replace("\\", "")
    for part in (
        "9.0 crashes are to be expected",
        "its rank lies between 1 and 2",
        "Found by 2 of 3 methods (crashes in a window, density along roads)",
        "fairly firm",
        "It lasts.",
    ):
        assert part in words


HOTSPOT = {
    "n_crashes": 20,
    "expected_crashes": 2.5,
    "rate_ratio": 8.0,
    "ci_low": 4.9,
    "ci_high": 12.4,
    "length_m": 450.0,
    "p_value": 0.004,
    "q_value": 0.012,
    "p_family": 0.03,
}


@pytest.mark.parametrize(
    ("chosen", "parts"),
    [
        ({"control": "pointwise"}, ["0.4 in 100", "p = 0.004", "by itself"]),
        ({"control": "family", "method": "gi_star"}, ["3.0 in 100", "by Gi*", "family-wise"]),
        ({"null_model": "exposure"}, ["followed the workers who pass, there would be 2.5"]),
        ({"null_model": "spf", "method": "density"}, ["surroundings had 2.5", "by the density"]),
        ({"null_model": "length"}, ["evenly on every metre of road, there would be 2.5"]),
    ],
)
def test_certainty_names_what_was_compared_and_controlled(chosen, parts):
    words = describe_certainty(HOTSPOT | chosen, "in 2021")
    assert "8.0 times as many (95% interval 4.9 to 12.4)" in words  # never a p alone
    for part in parts:
        assert part in words


@pytest.mark.parametrize(
    ("weak", "parts", "absent"),
    [
        ("", ["stands out against every comparison made here"], ["cannot tell", "not found"]),
        ("spread", ["cannot tell whether this place is more than busy."], ["not found"]),
        (
            "spf",
            ["the unlike roads of its class, but is not found against roads of the same kind"],
            ["every comparison", "cannot tell"],
        ),
        (
            "spread;length;spf",
            ["more than busy. It is not found against every metre of road, where it has too few",
             "; nor against roads of the same kind, because what is around it"],
            ["stands out among"],
        ),
    ],
)  # fmt: skip
def test_one_answer_to_whether_a_place_stands_out(weak, parts, absent):
    words = describe_certainty(HOTSPOT | {"stands_out": weak == "", "not_against": weak}, "2021")
    assert all(part in words for part in parts)
    found = ";".join({"length", "road_class", "spf"} - set(weak.split(";")))
    counts = {"n_methods": 3, "n_methods_found": 3, "methods_found": "window;density;gi_star"}
    counts |= {"n_nulls": 3, "n_nulls_found": len(found.split(";")), "nulls_found": found}
    counted = describe_agreement(HOTSPOT | counts | {"not_against": weak})
    n_weak = len(weak.split(";")) if weak else 0
    assert f"against {4 - n_weak} of 4 comparisons" in counted
    assert ("not against the other" in counted) == (n_weak > 0)
    assert not any(part in words for part in absent)


def test_how_many_there_are_and_how_many_may_be_only_busy():
    weak = ["", "spread", "spread;spf", "length"]
    assert describe_found(4, weak) == (
        "4 hotspots, ranked by how many crashes there are above what is expected. 1 of them stands "
        "out against every comparison. Of 2 the data cannot tell whether they are more than busy. "
        "1 more is not found by one of the other comparisons."
    )
    assert describe_found(0, []) == ""


def test_maps_of_chance_say_how_small_a_figure_can_be():
    assert describe_maps(227, 999) == (
        "227 maps of chance of the 999 asked for, because the network is large, were drawn: no p "
        "or q can be below 0.0044."
    )
    assert describe_maps(999, 999) == (
        "999 maps of chance were drawn: no p or q can be below 0.001."
    )


def test_tries_are_said_to_be_by_windows_where_another_method_is_published():
    tried = HOTSPOT | {"stability": 0.9, "found_when_moved": 1.0, "found_when_redrawn": 0.6}
    tried |= {"found_with_half_window": True, "found_with_double_window": True}
    assert "All these tries" not in describe_stability(tried)
    assert describe_stability(tried | {"method": "density"}).endswith(
        "All these tries are by crashes in a window, whether or not the density along the roads "
        "finds it."
    )


def test_a_place_that_came_back_is_not_new():
    assert describe_since(HOTSPOT) == ""
    since = HOTSPOT | {"first_seen": "2026-03-01", "back_since": ""}
    assert describe_since(since) == "It is a hotspot since the results of 1 March 2026."
    back = describe_since(since | {"back_since": "2026-11-22"})
    assert back.startswith("It was a hotspot before (first in the results of 1 March 2026)")
    assert back.endswith("it is back since the results of 22 November 2026.")


def test_what_was_not_computed_is_not_said():
    assert describe_long_run(HOTSPOT) == describe_rank(HOTSPOT, 3) == ""
    assert describe_stability(HOTSPOT) == describe_agreement(HOTSPOT) == ""


def test_no_draws_make_a_certainty():
    ranked = {"rank_ci_low": 1.0, "rank_ci_high": 3.0, "p_worst_5": 1.0, "p_worst_10": 0.0}
    words = describe_rank(ranked, 40)
    assert "over 99% to be among the worst 5" in words
    assert "under 1% to be among the worst 10" in words
