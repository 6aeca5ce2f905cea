"""The explorer: a map and a ranked table of hotspots, linked both ways, with filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd
import streamlit as st

from core.errors import SafeCommuteError
from core.vocabulary import RoadUser
from pipeline.tiles import open_run_tiles
from ui.explorer_map import HOTSPOT_LAYER, MapView, build_deck, find_view, pick_places
from ui.filters import CrashFilter, count_by, filter_crashes
from ui.hotspot_area import show_area
from ui.hotspot_choice import ShownHotspots, choose_hotspots
from ui.hotspot_words import describe_agreement, describe_certainty, describe_found, describe_since
from ui.layout import escape_markdown, is_phone, page_of_run, show_heading, show_legend
from ui.routes import choose_classes
from ui.state import Shown, load_crashes, load_run_table
from ui.words import ROAD_USER_WORDS, SEVERITY_WORDS, describe_period

__all__ = ["hotspots_page"]

DESKTOP_SIZE = (500, 560)  # width and height of the map [px]
PHONE_SIZE = (360, 400)
EN_DASH = "\N{EN DASH}"
DARKNESS_WORDS = {"any": "Any light", "dark": "In the dark", "light": "In daylight"}


@page_of_run
def hotspots_page(shown: Shown) -> None:
    """Show the ranked hotspots of the published run."""
    show_heading(shown, "Hotspots")
    found = choose_hotspots(shown)
    crashes = found.mark_crashes(load_crashes(shown))
    chosen = _choose_filter(shown, crashes)
    matching = filter_crashes(crashes, chosen)
    _say_how_many(crashes, matching, chosen)
    table = _build_table(found.table, matching)
    selected = _find_selected(found.table)
    left, right = st.columns([9, 11], gap="medium")  # the table needs the room
    with left:
        _show_map(shown, found.table, matching, selected, chosen)
        show_legend(shown, _period_words(shown, chosen), choose_classes(shown.path))
    with right:
        weak = found.table.get("not_against")
        words = describe_found(len(found.table), weak)
        if found.words or words:
            st.caption(" ".join(filter(None, [words, found.words])))
        _show_table(table, selected, chosen, found.name)
        _show_selected(shown, found, selected)
    show_area(shown)


def _choose_filter(shown: Shown, crashes: pd.DataFrame) -> CrashFilter:
    days = crashes["occurred_at"].dropna()
    box = st.expander("Filters") if is_phone() else st.container()
    with box, st.container(horizontal=True, vertical_alignment="bottom"):
        severities = st.pills(
            "Severity",
            list(SEVERITY_WORDS),
            selection_mode="multi",
            format_func=SEVERITY_WORDS.__getitem__,
            key=f"severity-{shown.area.key}",
        )
        darkness = st.segmented_control(
            "Light",
            list(DARKNESS_WORDS),
            default="any",
            required=True,
            format_func=DARKNESS_WORDS.__getitem__,
            key=f"darkness-{shown.area.key}",
        )
        user = st.selectbox(
            "Road user",
            [None, *(word.value for word in RoadUser)],
            format_func=lambda word: ROAD_USER_WORDS[word] if word else "Anyone",
            key=f"user-{shown.area.key}",
            width=215,
        )
        start = end = None
        if len(days) and days.min().date() < days.max().date():
            first, last = days.min().date(), days.max().date()
            start, end = st.slider(
                "Period",
                first,
                last,
                (first, last),
                format="MMM YYYY",
                key=f"period-{shown.area.key}-{shown.run_id}",
                width=230,
            )
            start, end = (None if start == first else start), (None if end == last else end)
    return CrashFilter(
        severities=tuple(severities or ()),
        road_user=user,
        start=start,
        end=end,
        darkness=darkness or "any",
    )


def _say_how_many(crashes: pd.DataFrame, matching: pd.DataFrame, chosen: CrashFilter) -> None:
    if not chosen.is_active:
        return
    st.caption(
        f"{len(matching):,} of {len(crashes):,} crashes match. Counts on the map and in the table "
        "are of these; where hotspots are and how they rank was found from all crashes."
    )


def _build_table(hotspots: gpd.GeoDataFrame, matching: pd.DataFrame) -> pd.DataFrame:
    n_matching = count_by(matching, "hotspot_id")
    is_ksi = matching["severity"].isin(["fatal", "serious"])
    n_ksi = count_by(matching[is_ksi], "hotspot_id")
    ids = hotspots["hotspot_id"]
    return pd.DataFrame(
        {
            "hotspot_id": ids,
            "Rank": hotspots["rank"],
            "Hotspot": hotspots["name"],
            "Crashes": ids.map(n_matching).fillna(0).astype("int64"),
            "Fatal or serious": ids.map(n_ksi).fillna(0).astype("int64"),
            "Above expected": hotspots["excess_crashes"],
            "Ratio": hotspots["rate_ratio"],
            "95% interval": [
                f"{low:.1f}{EN_DASH}{high:.1f}"
                for low, high in zip(hotspots["ci_low"], hotspots["ci_high"], strict=True)
            ],
        }
    )


def _find_selected(hotspots: gpd.GeoDataFrame) -> str | None:
    """Return the chosen hotspot, from this visit or from the address."""
    wanted = st.session_state.get("hotspot") or st.query_params.get("hotspot")
    return wanted if wanted in set(hotspots["hotspot_id"]) else None


def _select(hotspot_id: str | None, *, by: str) -> None:
    """Remember the choice; widgets that hold an older one start anew."""
    before = st.session_state.get("hotspot")
    if hotspot_id == before:
        return
    st.session_state["hotspot"] = hotspot_id
    if hotspot_id is None:
        st.query_params.pop("hotspot", None)
    else:
        st.query_params["hotspot"] = hotspot_id
    other = "map" if by == "table" else "table"
    is_map_holding = by == "map" or st.session_state.get("map_holds_choice", False)
    if other == "table" or is_map_holding:
        st.session_state[f"{other}_version"] = st.session_state.get(f"{other}_version", 0) + 1
    st.session_state["map_holds_choice"] = by == "map" and hotspot_id is not None
    if by == "table":
        st.session_state["zoom_to"] = hotspot_id


def _show_map(
    shown: Shown,
    hotspots: gpd.GeoDataFrame,
    matching: pd.DataFrame,
    selected: str | None,
    chosen: CrashFilter,
) -> None:
    try:
        open_run_tiles(shown.path)
    except SafeCommuteError as error:
        st.warning(f"The roads cannot be drawn: {error}", icon=":material/warning:")
    places = pick_places(load_run_table(shown, "places"))
    deck = build_deck(
        shown,
        hotspots,
        count_by(matching, "hotspot_id"),
        selected=selected,
        chosen=chosen,
        view=_find_map_view(shown, hotspots),
        places=places,
    )
    key = f"map-{shown.run_id}-{st.session_state.get('map_version', 0)}"

    def take_click() -> None:
        picked = _read_picked(st.session_state.get(key))
        _select(picked, by="map")

    st.pydeck_chart(
        deck,
        height=PHONE_SIZE[1] if is_phone() else DESKTOP_SIZE[1],
        on_select=take_click,
        selection_mode="single-object",
        key=key,
        alt="Map of roads coloured by crashes, with numbered hotspots",
    )


def _read_picked(state: Mapping[str, Any] | None) -> str | None:
    """Return the hotspot that was clicked on the map."""
    objects = (state or {}).get("selection", {}).get("objects", {})
    for layer in (HOTSPOT_LAYER, f"{HOTSPOT_LAYER}-dots"):
        for picked in objects.get(layer, []):
            return str(picked["hotspot_id"])
    return None


def _find_map_view(shown: Shown, hotspots: gpd.GeoDataFrame) -> MapView:
    """Return where the map looks: at the hotspot chosen in the table, else at all of them."""
    width, height = PHONE_SIZE if is_phone() else DESKTOP_SIZE
    zoom_to = st.session_state.get("zoom_to")
    wanted = hotspots[hotspots["hotspot_id"] == zoom_to]
    if len(wanted):
        west, south, east, north = wanted.to_crs(4326).total_bounds
        view = find_view((west, south, east, north), width=width, height=height)
        return {**view, "zoom": min(view["zoom"], 14.0)}
    frame = hotspots if len(hotspots) else load_run_table(shown, "places")
    if len(frame):
        west, south, east, north = frame.to_crs(4326).total_bounds
    else:
        west, south, east, north = open_run_tiles(shown.path).bounds
    return find_view((west, south, east, north), width=width, height=height)


def _show_table(table: pd.DataFrame, selected: str | None, chosen: CrashFilter, name: str) -> None:
    if table.empty:
        st.info(
            "No stretch of road stands out by more than chance. The map still shows every crash."
        )
        return
    key = f"table-{name}-{st.session_state.get('table_version', 0)}"
    rows = table.index[table["hotspot_id"] == selected].tolist()

    def take_row() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        _select(str(table["hotspot_id"].iloc[picked[0]]) if picked else None, by="table")

    counted = "Crashes that match the filters" if chosen.is_active else "Crashes"
    excess = "All crashes of the period less those expected here: the rank is by it"
    ratio = "All crashes of the period, as a multiple of what is expected"
    interval = "The ratio's range that the data allow, at 95% confidence"
    columns = [column for column in table if column != "hotspot_id"]
    if is_phone():  # the figures first: names run off a narrow screen
        first = ["Rank", "Crashes", "Above expected", "Ratio"]
        columns = [*first, *(c for c in columns if c not in first)]
    st.dataframe(
        table[columns],
        hide_index=True,
        height=min(35 * (len(table) + 1) + 3, 423),
        key=key,
        on_select=take_row,
        selection_mode="single-row",
        selection_default={"selection": {"rows": rows, "columns": [], "cells": []}},
        column_config={
            "Rank": st.column_config.NumberColumn(width=40),
            "Hotspot": st.column_config.TextColumn(width=222),
            "Crashes": st.column_config.NumberColumn(width=60, help=counted),
            "Fatal or serious": st.column_config.NumberColumn(
                "Severe", width=56, help="Crashes with a person killed or badly hurt"
            ),
            "Above expected": st.column_config.NumberColumn(
                "Excess", width=54, format="%.0f", help=excess
            ),
            "Ratio": st.column_config.NumberColumn(width=48, format="%.1f", help=ratio),
            "95% interval": st.column_config.TextColumn("95% range", width=76, help=interval),
        },
        alt="Hotspots by rank",
    )


def _show_selected(shown: Shown, found: ShownHotspots, selected: str | None) -> None:
    if selected is None:
        if len(found.table):
            st.caption("Choose a row, or click a number on the map.")
        return
    hotspot = found.table[found.table["hotspot_id"] == selected].iloc[0].to_dict()
    with st.container(border=True):
        st.markdown(f"**{hotspot['rank']}. {escape_markdown(hotspot['name'])}**")
        st.write(describe_certainty(hotspot, describe_period(shown.manifest.get("period"))))
        since = describe_since(hotspot) if hotspot.get("back_since") else ""
        if since:
            st.caption(since)
        agreement = describe_agreement(hotspot)
        if agreement:
            st.caption(escape_markdown(agreement))
        if selected in found.published_ids:
            st.page_link(
                st.session_state["pages"]["hotspot"],
                label="Open this hotspot's page",
                query_params={"area": shown.area.key, "hotspot": selected},
            )
        else:
            st.caption("This place is not among the published hotspots, so it has no page.")


def _period_words(shown: Shown, chosen: CrashFilter) -> str:
    period = dict(shown.manifest.get("period") or {})
    if chosen.start:
        period["start"] = chosen.start
    if chosen.end:
        period["end"] = chosen.end
    return describe_period(period)
