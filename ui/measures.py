"""Measures page: sites ranked in ten ways, how far these agree, and what each one means."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.errors import SafeCommuteError
from pipeline.measure_list import MEASURES, SITE_TYPES, Measure, find_measure
from pipeline.site_measures import load_screening_summary, load_worst
from ui.layout import escape_markdown, page_of_run, show_heading
from ui.measures_agreement import show_agreement
from ui.measures_map import build_sites_deck
from ui.measures_table import show_table
from ui.measures_words import (
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
)
from ui.state import Shown, load_run_table
from ui.words import describe_period

__all__ = ["measures_page"]

N_LISTED = 50
N_MAPPED = 20
MAP_HEIGHT = 470
PLOT_HEIGHT = 260
ONE_A_ROAD = (
    "Windows overlap, so neighbours are nearly the same place. On: of each road only its worst "
    "window, ranked among these."
)
KIND_OF_FUNCTION = {"window": "road", "corridor": "road"}
COLUMN_WORDS = {
    "length_m": "Length of the road [m]",
    "open_length_m": "Length outside intersections [m]",
    "intersection_share": "Share of the length within intersections",
    "ln_workers": "Workers a day (logarithm)",
    "ln_population": "People around (logarithm)",
    "ln_night_light": "Light at night (logarithm)",
    "predicted": "Crashes predicted in the period",
}


@page_of_run
def measures_page(shown: Shown) -> None:
    """Show the measures of the published run."""
    show_heading(shown, "Measures")
    st.write(
        "There is no single list of the worst places. Here are the measures of the Highway Safety "
        "Manual side by side: what each asks, what it says, and where they part."
    )
    summary = read_summary(shown)
    if summary is None:
        return
    kind, measure = _choose()
    st.markdown(f"**{measure.title}.** {measure.sentence}")
    is_one = kind == "window" and st.toggle(
        "One window a road", value=True, key="measures-one", help=ONE_A_ROAD
    )
    worst = _read_worst(str(shown.path), kind, measure.key, is_one)
    unknown = _say_why_empty(kind, measure) if worst.empty else say_unknown(worst, measure)
    if unknown:
        st.info(unknown)
    else:
        _show_list(shown, kind, measure, worst, summary, is_one_a_road=is_one)
    show_agreement(kind, measure, summary)
    _show_high_injury(summary, shown)
    _show_function(kind, summary)
    with st.expander("What each measure asks"):
        lines = [f"- **{one.title}** ({one.unit}): {one.sentence}" for one in MEASURES]
        st.markdown("\n".join(lines))


def read_summary(shown: Shown) -> dict[str, Any] | None:
    """Return the summary of the run, or say why there is none."""
    try:
        return _read_summary(str(shown.path))
    except SafeCommuteError as error:
        st.info(escape_markdown(error))
        return None


@st.cache_data(max_entries=8)
def _read_summary(path: str) -> dict[str, Any]:
    from pathlib import Path

    return load_screening_summary(Path(path))


@st.cache_data(max_entries=64, show_spinner="Reading …")
def _read_worst(path: str, kind: str, key: str, is_one_a_road: bool) -> pd.DataFrame:
    from pathlib import Path

    return load_worst(Path(path), kind, key, n_worst=N_LISTED, is_one_a_road=is_one_a_road)


def _choose() -> tuple[str, Measure]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox(
            "Places",
            list(SITE_TYPES),
            format_func=SITE_TYPES.__getitem__,
            key="measures-kind",
            width=320,
        )
        key = st.selectbox(
            "Measure",
            [one.key for one in MEASURES],
            format_func=lambda one: find_measure(one).title,
            key="measures-key",
            width=430,
        )
    return kind, find_measure(key)


def _say_why_empty(kind: str, measure: Measure) -> str:
    if measure.key in ("rate", "critical_rate"):
        return (
            "Nowhere are enough commutes known to give a rate. Add factories and where their "
            "workers live; a rate on guessed traffic would only look exact."
        )
    if measure.key.startswith("share_"):
        return (
            "The data cannot tell: the shares of places differ no more than chance would have "
            "them, or too few crashes say what kind they were."
        )
    if kind in KIND_OF_FUNCTION:
        return "No road has a name or number here, so there is nothing to slide along."
    return "The data cannot tell: there are too few crashes for this measure."


def _show_list(
    shown: Shown,
    kind: str,
    measure: Measure,
    worst: pd.DataFrame,
    summary: dict[str, Any],
    *,
    is_one_a_road: bool,
) -> None:
    n_first = int(worst.attrs["n_first"])
    worst = leave_out_nothing(worst, measure)
    period = describe_period(shown.manifest.get("period"))
    left, right = st.columns([5, 3], gap="medium")
    with left:
        show_table(measure, worst, is_one_a_road=is_one_a_road)
        top = worst.iloc[0].to_dict()
        words = describe_worst(top, measure, period=period, n_first=n_first)
        n_worst = summary.get("n_worst", {}).get(kind, 0)
        n_sites = summary.get("n_sites", {}).get(kind)
        words += describe_certainty(top, measure, n_worst=n_worst, n_sites=n_sites)
        st.markdown(words)
    with right:
        deck = build_sites_deck(shown, worst.head(N_MAPPED), measure)
        if deck is not None:
            st.pydeck_chart(deck, height=MAP_HEIGHT, key=f"measures-map-{kind}-{measure.key}")
            told = f"The first {min(N_MAPPED, len(worst))} of the list, with their rank"
            st.caption(f"{told} in it." if is_one_a_road else f"{told}.")


def _show_high_injury(summary: dict[str, Any], shown: Shown) -> None:
    st.subheader("The high-injury network")
    networks = summary.get("high_injury") or []
    period = describe_period(shown.manifest.get("period"))
    if not networks:
        st.info("No crash with a death or serious injury was recorded, so there is none.")
        return
    st.markdown("\n".join(f"- {describe_high_injury(one, period)}" for one in networks))
    table = load_run_table(shown, "high_injury")
    with st.expander("The segments that hold them"):
        rows = table.head(200)
        if len(rows):
            st.caption(describe_first_stretch(rows.iloc[0]))
        st.dataframe(
            pd.DataFrame(
                {
                    "Order": rows["order"],
                    "Road": rows["name"].fillna(rows["road_class"] + " road"),
                    "Length [m]": rows["length_m"].round().astype(int),
                    "Fatal, serious": rows["n_ksi_crashes"],
                    "Per km": rows["ksi_per_km"].round(1),
                    "Held so far": (100 * rows["held_share"]).round().astype(int).astype(str) + "%",
                    "Road so far [km]": rows["length_until_km"].round(1),
                }
            ),
            hide_index=True,
            alt="Segments by deaths and serious injuries for each kilometre",
        )


def _show_function(kind: str, summary: dict[str, Any]) -> None:
    st.subheader("What is usual for such a place")
    found = summary.get("functions", {}).get(KIND_OF_FUNCTION.get(kind, kind), {})
    types = found.get("types") or []
    if not types:
        reason = (found.get("reasons") or {}).get("all", "no crash was placed on such places")
        st.info(f"No function could be fitted: {escape_markdown(reason)}")
        return
    st.markdown(describe_function(found))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.dataframe(_list_types(types), hide_index=True, alt="Functions by kind of place")
    curves = (found.get("cure") or []) if has_function(found) else []
    with right:
        for curve in curves[:1]:
            _show_cure(curve)
    for curve in curves[1:]:
        with st.expander(f"The same along: {COLUMN_WORDS.get(curve['column'], curve['column'])}"):
            _show_cure(curve)


def _list_types(types: list[dict[str, Any]]) -> pd.DataFrame:
    def tell(one: dict[str, Any]) -> str:
        found = one.get("calibration") or {}
        if not found:
            return ""
        return f"{found['factor']:.2f} ({found['ci_low']:.2f} to {found['ci_high']:.2f})"

    return pd.DataFrame(
        {
            "Kind": [str(one["facility"]) for one in types],
            "Places": [one["own_sites"] for one in types],
            "Crashes": [one["own_crashes"] for one in types],
            "k": [tell_k(one) for one in types],
            "Counted ÷ predicted": [tell(one) for one in types],
            "Fitted by": [tell_method(one) for one in types],
            "Notes": [one["notes"] for one in types],
        }
    )


def _show_cure(curve: dict[str, Any]) -> None:
    data = pd.DataFrame({name: curve[name] for name in ("value", "cumulative", "limit")})
    data["least"] = -data["limit"]
    title = COLUMN_WORDS.get(curve["column"], curve["column"])
    base = alt.Chart(data).encode(x=alt.X("value:Q", title=title))
    band = base.mark_area(opacity=0.18, color="#5b6b7f").encode(
        y=alt.Y("least:Q", title="Counted minus predicted, sum"), y2="limit:Q"
    )
    line = base.mark_line(color="#0b5cad", strokeWidth=2).encode(
        y="cumulative:Q",
        tooltip=[
            alt.Tooltip("value:Q", title=title, format=".1f"),
            alt.Tooltip("cumulative:Q", title="Sum", format=".1f"),
        ],
    )
    st.altair_chart(
        (band + line).properties(height=PLOT_HEIGHT), width="stretch", alt=f"CURE plot: {title}"
    )
    st.caption(
        f"Where the line leaves the band the function is wrong by more than chance: for "
        f"{100 * curve['share_outside']:.0f}% of places. At its worst the sum is off by "
        f"{100 * curve['greatest_share']:.0f}% of all crashes."
    )
