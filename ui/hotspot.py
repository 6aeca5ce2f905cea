"""One hotspot: how sure, how badly, who, when, which crashes, and a map to take along."""

from __future__ import annotations

import html
import json
from typing import Any

import geopandas as gpd
import pandas as pd
import streamlit as st

from pipeline.hotspot_views import load_known_hotspot
from reports.charts import render_counts, render_hour_of_week
from reports.maps import render_hotspot_map, render_page_html, render_standalone_html
from ui.hotspot_words import (
    EXPECTED_NOTES,
    describe_agreement,
    describe_certainty,
    describe_last_seen,
    describe_long_run,
    describe_rank,
    describe_since,
    describe_stability,
)
from ui.layout import escape_markdown, page_of_run, show_cards, show_heading
from ui.routes import choose_classes
from ui.state import Shown, load_crashes, load_run_table
from ui.words import (
    ROAD_USER_WORDS,
    SEVERITY_WORDS,
    describe_period,
    format_number,
    hide_small,
)

__all__ = ["hotspot_page"]

AROUND_M = 1_500.0
MAP_HEIGHT = 460
SEGMENT_COLUMNS = ("site_id", "name", "road_class", "n_crashes", "geometry")


@page_of_run
def hotspot_page(shown: Shown) -> None:
    """Show the hotspot that the address names."""
    hotspots = load_run_table(shown, "hotspots")
    wanted = st.query_params.get("hotspot") or st.session_state.get("hotspot")
    found = hotspots[hotspots["hotspot_id"] == wanted]
    if found.empty:
        show_heading(shown, "One hotspot")
        known = load_known_hotspot(shown.path, str(wanted or ""))
        st.info(
            escape_markdown(describe_last_seen(known))
            if known
            else "Choose a hotspot in the list first; this one is not in the published results."
        )
        st.page_link(st.session_state["pages"]["hotspots"], label="All hotspots")
        return
    hotspot = found.iloc[0].to_dict()
    st.session_state["hotspot"] = wanted
    st.query_params["hotspot"] = str(wanted)
    show_heading(shown, escape_markdown(f"{hotspot['rank']}. {hotspot['name']}"))
    period = describe_period(shown.manifest.get("period"))
    st.page_link(
        st.session_state["pages"]["hotspots"], label="All hotspots", icon=":material/arrow_back:"
    )
    _show_khmer(shown, hotspot)
    st.write(describe_certainty(hotspot, period))
    _show_certainty(hotspot, len(hotspots))
    _show_figures(hotspot)
    crashes = load_crashes(shown)
    own = crashes[crashes["hotspot_id"] == wanted]
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show_map(shown, hotspot, own, period)
    with right:
        _show_severity(hotspot, period)
        _show_road_users(hotspot)
    _show_hours(hotspot, period)
    _show_crashes(own)


def _show_certainty(hotspot: dict[str, Any], n_hotspots: int) -> None:
    """Say what the figures do not: luck, rank, other methods, other choices, change."""
    long_run = describe_long_run(hotspot)
    if not long_run:  # of a run made before this was computed
        st.caption(
            "The interval counts chance at a place as if it had been named beforehand. This one "
            "was picked because it came out high, so the true ratio is likely lower."
        )
        return
    sentences = {
        "Since when": describe_since(hotspot),
        "Luck": long_run,
        "Rank": describe_rank(hotspot, n_hotspots),
        "Other methods": describe_agreement(hotspot),
        "Other choices": describe_stability(hotspot),
        "From year to year": str(hotspot.get("change_meaning") or ""),
        "Hours": str(hotspot.get("busy_hours_meaning") or ""),
    }
    st.subheader("How sure")
    lines = [f"- **{name}.** {escape_markdown(text)}" for name, text in sentences.items() if text]
    st.markdown("\n".join(lines))


def _show_khmer(shown: Shown, hotspot: dict[str, Any]) -> None:
    """Write the names of the road and of the place near it in Khmer, where they are mapped."""
    lixels = load_run_table(shown, "lixels", ("segment_id", "hotspot_id"))
    own = lixels.loc[lixels["hotspot_id"] == hotspot["hotspot_id"], "segment_id"]
    roads = load_run_table(shown, "segments", ("segment_id", "name_km"))
    places = load_run_table(shown, "places", ("name", "name_km"))
    road = roads.loc[roads["segment_id"].isin(own), "name_km"].dropna().unique()
    near = places.loc[places["name"] == hotspot["near_place"], "name_km"].dropna().unique()
    if len(road) or len(near):
        words = [*road[:2], *near[:1]]
        st.html(f'<p class="sc-sub" lang="km">{html.escape(" · ".join(words))}</p>')


def _show_figures(hotspot: dict[str, Any]) -> None:
    known = int(hotspot["n_light_known"])
    dark = f"{int(hotspot['n_dark'])} of {known}" if known else "not known"
    commute = hide_small(hotspot["n_worker_commute"])
    note = EXPECTED_NOTES[str(hotspot.get("null_model") or "road_class")]
    figures = [
        ("Crashes", format_number(hotspot["n_crashes"]), "in the whole period"),
        ("Fatal or serious", format_number(hotspot["n_ksi_crashes"]), "killed or badly hurt"),
        ("Expected", format_number(hotspot["expected_crashes"], 1), note),
        ("In the dark", dark, "where light is known"),
        ("On the way to work", commute, "said to be commutes"),
        ("Length", f"{format_number(hotspot['length_m'])} m", _describe_place(hotspot)),
    ]
    show_cards(figures)


def _describe_place(hotspot: dict[str, Any]) -> str:
    words = [hotspot.get("district"), hotspot.get("province")]
    return ", ".join(str(word) for word in words if isinstance(word, str) and word)


def _show_map(shown: Shown, hotspot: dict[str, Any], own: gpd.GeoDataFrame, period: str) -> None:
    sites = load_run_table(shown, "sites", SEGMENT_COLUMNS)
    west, south, east, north = hotspot["geometry"].bounds
    around = sites.cx[west - AROUND_M : east + AROUND_M, south - AROUND_M : north + AROUND_M]
    roads = around[around.geometry.geom_type == "LineString"]
    places = load_run_table(shown, "places")
    near = places.cx[west - AROUND_M : east + AROUND_M, south - AROUND_M : north + AROUND_M]
    drawn = render_hotspot_map(
        hotspot,
        roads,
        own,
        period=period,
        is_synthetic=shown.is_synthetic,
        places=near,
        classes=choose_classes(shown.path),
    )
    st.subheader("Where")
    st.iframe(render_page_html(drawn), height=MAP_HEIGHT)
    st.download_button(
        "Take this map along: one HTML file, opens offline",
        render_standalone_html(drawn).encode(),
        file_name=f"hotspot-{shown.area.key}-{hotspot['hotspot_id']}.html",
        mime="text/html",
        on_click="ignore",
        icon=":material/download:",
    )


def _show_severity(hotspot: dict[str, Any], period: str) -> None:
    st.subheader("How badly")
    codes = ["fatal", "serious", "slight", "damage_only", "unknown"]
    columns = ["n_fatal", "n_serious", "n_slight", "n_damage_only", "n_unknown_severity"]
    counts = {SEVERITY_WORDS[c]: int(hotspot[n]) for c, n in zip(codes, columns, strict=True)}
    chart = render_counts(counts, order=list(SEVERITY_WORDS.values()), unit="Crashes")
    st.altair_chart(chart, width="stretch", alt="Crashes by severity")
    st.caption(f"By the worst injury in the crash, {period}.")


def _show_road_users(hotspot: dict[str, Any]) -> None:
    st.subheader("Who was involved")
    counts = {
        ROAD_USER_WORDS.get(k, k): int(n) for k, n in _read_json(hotspot["road_users"], {}).items()
    }
    if not counts:
        st.caption("The reports do not say.")
        return
    order = sorted(counts, key=lambda word: -counts[word])
    chart = render_counts(counts, order=order, unit="Crashes")
    st.altair_chart(chart, width="stretch", alt="Crashes by road user")
    st.caption("A crash counts once for every kind of road user in it.")


def _show_hours(hotspot: dict[str, Any], period: str) -> None:
    st.subheader("When")
    counts = _read_json(hotspot["hour_of_week"], [])
    n_timed, n = int(hotspot["n_with_time"]), int(hotspot["n_crashes"])
    if len(counts) != 168 or not n_timed:
        st.caption("No report gives the time of day.")
        return
    st.altair_chart(render_hour_of_week(counts), width="stretch", alt="Crashes by hour of the week")
    st.caption(f"{n_timed} of {n} crashes whose time is known, {period}.")


def _show_crashes(own: pd.DataFrame) -> None:
    st.subheader("The crashes")
    day = own["occurred_at"]
    part = pd.cut(
        day.dt.hour, [-1, 5, 11, 17, 23], labels=["night", "morning", "afternoon", "evening"]
    )
    part = part.astype("str").where(own["has_time"] & day.notna(), "not known")
    users = (
        own["road_users"]
        .fillna("")
        .map(
            lambda words: (
                ", ".join(ROAD_USER_WORDS.get(w, w) for w in words.split(";") if w)
                or "Not recorded"
            )
        )
    )
    table = pd.DataFrame(
        {
            "Month": day.dt.strftime("%Y-%m").fillna("not known"),
            "Time of day": part,
            "Severity": own["severity"].fillna("unknown").map(SEVERITY_WORDS),
            "Road users": users,
            "In the dark": own["is_dark"].map({"yes": "yes", "no": "no"}).fillna("not known"),
            "Place known to": own["location_quality"],
        }
    ).sort_values("Month", ascending=False)
    st.dataframe(table, hide_index=True)
    st.caption(
        "Without names, narratives, days or factories. Place: A exact, B on one of two sites, "
        "C by road and kilometre, D village only."
    )


def _read_json(text: object, missing: Any) -> Any:  # noqa: ANN401
    """Read JSON from a table's cell; `missing` where there is none."""
    try:
        return json.loads(str(text))
    except ValueError:
        return missing
