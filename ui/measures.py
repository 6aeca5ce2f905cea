"""Measures page: sites ranked in ten ways, how far these agree, and what each one means."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.errors import SafeCommuteError
from pipeline.measure_list import COMPARED, MEASURES, SITE_TYPES, Measure, find_measure
from pipeline.site_measures import load_screening_summary, load_worst
from ui.layout import escape_markdown, is_phone, page_of_run, show_heading
from ui.measures_map import build_sites_deck
from ui.measures_words import (
    describe_agreement,
    describe_function,
    describe_high_injury,
    describe_worst,
    tell_value,
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
    "window; its rank is among all windows."
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
    if worst.empty:
        st.info(_say_why_empty(kind, measure))
    else:
        _show_list(shown, kind, measure, worst, summary)
    _show_agreement(kind, measure, summary)
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
    shown: Shown, kind: str, measure: Measure, worst: pd.DataFrame, summary: dict[str, Any]
) -> None:
    period = describe_period(shown.manifest.get("period"))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _show_table(measure, worst)
        top = worst.iloc[0].to_dict()
        n_worst = summary.get("n_worst", {}).get(kind, 0)
        n_first = int((worst[f"rank_{measure.key}"] == 1).sum())
        st.markdown(describe_worst(top, n_worst=n_worst, period=period, n_first=n_first))
    with right:
        deck = build_sites_deck(shown, worst.head(N_MAPPED), measure)
        if deck is not None:
            st.pydeck_chart(deck, height=MAP_HEIGHT, key=f"measures-map-{kind}-{measure.key}")
            st.caption(f"The first {min(N_MAPPED, len(worst))} of the list, with their rank.")


def _show_table(measure: Measure, worst: pd.DataFrame) -> None:
    labels = worst["label"].astype(str)
    columns: dict[str, Any] = {
        "Rank": worst[f"rank_{measure.key}"],
        "Place": labels,
        "Value": [tell_value(value, measure) for value in worst[measure.column]],
    }
    if measure.low and measure.high:
        columns["95% interval"] = [
            f"{tell_value(low, measure)} to {tell_value(high, measure)}"
            for low, high in zip(worst[measure.low], worst[measure.high], strict=True)
        ]
    if measure.beside:
        columns[BESIDE_WORDS[measure.beside.split("_share_")[0]]] = [
            _tell_beside(value, measure) for value in worst[measure.beside]
        ]
    columns |= {"Crashes": worst["n_crashes"], "Fatal, serious": worst["n_ksi_crashes"]}
    if measure.key == "excess_expected":
        columns["Rank may be"] = [
            f"{low:.0f} to {high:.0f}" if pd.notna(low) else ""
            for low, high in zip(worst["rank_low"], worst["rank_high"], strict=True)
        ]
    for other in COMPARED:
        if other.key != measure.key and worst[f"rank_{other.key}"].notna().any():
            columns[f"By {other.short}"] = worst[f"rank_{other.key}"]
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        height=MAP_HEIGHT,
        column_config={
            "Rank": st.column_config.NumberColumn(width=45, pinned=not is_phone()),
            "Place": st.column_config.TextColumn(width=250),
            "Value": st.column_config.TextColumn(width=65, help=measure.unit),
            "95% interval": st.column_config.TextColumn(width=105),
        },
        alt=f"Places ranked by: {measure.title}",
    )
    st.caption(
        f"Value in {measure.unit}. To the right, the rank of the same place by the other measures."
    )


BESIDE_WORDS = {
    "p_value": "Chance brings as many",
    "critical_rate": "Critical rate",
    "loss_level_expected": "Luck taken out",
    "excess": "Share above all",
}


def _tell_beside(value: float | None, measure: Measure) -> str:
    if value is None or math.isnan(value):
        return ""
    if measure.beside == "p_value":
        return "less than 0.001" if value < 0.001 else f"{value:.3f}"
    if measure.beside and measure.beside.startswith("excess_share"):
        return f"{100 * value:+.0f} points"
    return f"{value:.0f}" if measure.beside == "loss_level_expected" else f"{value:.2f}"


def _show_agreement(kind: str, measure: Measure, summary: dict[str, Any]) -> None:
    st.subheader("Do the measures agree?")
    pairs = pd.DataFrame(summary.get("agreement", {}).get(kind) or [])
    if pairs.empty:
        st.info("Too few places have a crash to compare the measures.")
        return
    tops = [name for name in pairs.columns if name.startswith("top_") and name.endswith("_share")]
    column = tops[0]
    k = int(column.split("_")[1])
    words = {one.key: one.short for one in COMPARED}
    both = pd.concat([pairs, pairs.rename(columns={"measure": "other", "other": "measure"})])
    keys = [one.key for one in COMPARED if one.key in set(both["measure"])]
    cells = both[["measure", "other", column, "spearman"]].copy()
    cells["Common"] = (100 * cells[column].astype(float)).round()
    cells["a"], cells["b"] = cells["measure"].map(words), cells["other"].map(words)
    order = [words[key] for key in keys]
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.altair_chart(_draw_matrix(cells, order), width="stretch", alt="Agreement of measures")
        st.caption(
            f"Of the worst {k} by one measure, how many in a hundred are among the worst {k} by "
            "the other. Measures with few levels share places by lot."
        )
    with right:
        st.markdown(describe_agreement(both, measure, column=column, k=k))


def _draw_matrix(cells: pd.DataFrame, order: list[str]) -> alt.LayerChart:
    base = alt.Chart(cells).encode(
        x=alt.X(
            "a:N",
            sort=order,
            title=None,
            axis=alt.Axis(labelAngle=-40, orient="top", labelOverlap=False),
        ),
        y=alt.Y("b:N", sort=order, title=None),
    )
    boxes = base.mark_rect().encode(
        color=alt.Color("Common:Q", scale=alt.Scale(scheme="blues", domain=[0, 100]), legend=None),
        tooltip=[
            alt.Tooltip("a:N", title="Measure"),
            alt.Tooltip("b:N", title="Other"),
            alt.Tooltip("Common:Q", title="Common to both lists [%]"),
            alt.Tooltip("spearman:Q", title="Rank correlation", format=".2f"),
        ],
    )
    numbers = base.mark_text(fontSize=12).encode(
        text=alt.Text("Common:Q", format=".0f"),
        color=alt.condition("datum.Common > 55", alt.value("white"), alt.value("#1b2430")),
    )
    chart: alt.LayerChart = (boxes + numbers).properties(height=34 * len(order) + 90)
    return chart


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
        st.dataframe(
            pd.DataFrame(
                {
                    "Order": rows["order"],
                    "Road": rows["name"].fillna(rows["road_class"] + " road"),
                    "Length [m]": rows["length_m"].round().astype(int),
                    "Fatal, serious": rows["n_ksi_crashes"],
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
    curves = found.get("cure") or []
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
            "k": [f"{one['overdispersion_k']:.2f}" for one in types],
            "Counted ÷ predicted": [tell(one) for one in types],
            "Fitted by": [
                one["method"] + ("" if one["fitted_as"] == one["facility"] else ", with others")
                for one in types
            ],
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
