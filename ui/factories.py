"""Factories: which commutes are the most dangerous, and what one factory's look like."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.errors import SafeCommuteError
from pipeline.commute_views import (
    find_shed,
    has_commutes,
    list_factory_hotspots,
    list_scorecard,
    list_vehicles,
    summarise_factories,
    summarise_groups,
)
from reports.charts import render_shares
from ui.commute import MARGIN, describe_known_light, say_no_commutes
from ui.commute_map import build_flow_deck, has_point, name_factories
from ui.explorer_map import find_view
from ui.factory_ranking import say_account, say_interval, say_km, say_rank, tabulate_ranking
from ui.flow_filter import FlowFilter
from ui.layout import escape_markdown, is_phone, page_of_run, show_cards, show_heading
from ui.layout import show_flow_legend as show_legend
from ui.routes import choose_flow_classes
from ui.state import Shown, find_workspace, load_run_table
from ui.words import (
    ROAD_USER_WORDS,
    describe_period,
    format_number,
    format_share,
    hide_small,
    name_group,
)

__all__ = ["factories_page"]

KEEP_S = 60
SMALL = 5  # persons
WORDS_FIRST = ["Rank", "Crashes", "Hotspot"]
LIGHTS = ("day", "dark", "unknown")
SIZE, PHONE_SIZE = (780, 480), (360, 380)


@page_of_run
def factories_page(shown: Shown) -> None:
    """Show the factories of the published run, and one of them."""
    show_heading(shown, "Factories")
    if load_run_table(shown, "factories").empty:
        st.info(
            "No factory is recorded for this area. Import them with "
            f"`safecommute import factory FILE --area {shown.area.key}`."
        )
        return
    if not has_commutes(shown.path):
        say_no_commutes(shown)
        return
    ranked = _summarise(str(shown.path))
    selected = _show_ranking(shown, ranked)
    _show_factory(shown, ranked[ranked["factory_id"] == selected].iloc[0])


@st.cache_data(max_entries=8, show_spinner="Putting factories together …")
def _summarise(path: str) -> pd.DataFrame:
    return summarise_factories(Path(path))


@st.cache_data(max_entries=64, show_spinner="Following the workers …")
def _look_at_ways(path: str, factory_id: str) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    """Return the hotspots on a factory's ways, and the villages they begin in."""
    run_path = Path(path)
    return list_factory_hotspots(run_path, factory_id), find_shed(run_path, factory_id)


def _show_ranking(shown: Shown, ranked: pd.DataFrame) -> str:
    """Show the list; return the factory that is chosen in it, else the first."""
    period = describe_period(shown.manifest.get("period"))
    st.write(
        "By the crashes that the commutes of a factory's workers would be expected to meet: "
        "the kilometres they travel on each road, times what that road's reported commute "
        f"crashes come to per kilometre ({period})."
    )
    table = tabulate_ranking(ranked)
    ids = ranked["factory_id"].tolist()
    wanted = st.query_params.get("factory") or st.session_state.get("factory")
    place = ids.index(wanted) if wanted in ids else 0
    found = st.dataframe(
        table,
        hide_index=True,
        height=min(35 * (len(table) + 1) + 3, 388),
        key=f"factories-{shown.run_id}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [place], "columns": [], "cells": []}},
        column_config={
            "Rank": _show_small("Rank", "#", 30, 50),
            "Factory": st.column_config.TextColumn(width=150 if is_phone() else 300),
            "Workers": st.column_config.NumberColumn(format="localized"),
            "Expected crashes": st.column_config.NumberColumn(
                "Crashes" if is_phone() else "Expected crashes",
                width=60 if is_phone() else None,
                format="%.0f",
                help="Of all commute crashes in the period, if theirs go by km",
            ),
            "95% interval": st.column_config.TextColumn(
                "at 95%" if is_phone() else None,
                width=75 if is_phone() else None,
                help="Chance in the crashes alone",
            ),
            "Hotspots": st.column_config.NumberColumn(help="On its workers' ways"),
            "Mean way (km)": st.column_config.NumberColumn(format="%.1f", help="One way"),
            "In the dark": st.column_config.TextColumn(help="Of km whose light is known"),
        },
        alt="Factories by expected crashes on their commutes",
    )
    say_account(shown)
    rows = found["selection"]["rows"]
    chosen = str(ids[rows[0] if rows else place])
    st.session_state["factory"] = chosen
    st.query_params["factory"] = chosen
    return chosen


def _show_small(label: str, short: str, phone_px: int, px: int) -> ColumnConfig:
    """Return a narrow column of whole numbers, narrower on a phone."""
    return st.column_config.NumberColumn(
        short if is_phone() else label, width=phone_px if is_phone() else px
    )


def _show_factory(shown: Shown, factory: pd.Series) -> None:
    factory_id = str(factory["factory_id"])
    st.subheader(escape_markdown(name_factories(factory.to_frame().T).iloc[0]))
    groups = load_run_table(shown, "commute_groups")
    own = groups[groups["factory_id"] == factory_id]
    expected = format_number(factory["expected_crashes"])
    shifts = factory["shifts"]
    when = shifts.replace(";", ", ") if isinstance(shifts, str) else "not known"
    show_cards(
        [
            ("Workers", format_number(factory["workers"]), "in the factory's record"),
            ("Expected crashes", expected, say_interval(factory)),
            ("Rank", *say_rank(factory)),
            ("Mean way", say_km(factory["distance_km"]), "one way, by road"),
            (
                "In the dark",
                format_share(factory["dark_share"]),
                describe_known_light(*(own[f"worker_km_{one}"].sum() for one in LIGHTS)),
            ),
            ("Shifts", when, "as recorded"),
        ]
    )
    _show_map(shown, factory_id)
    _show_hotspots(shown, factory_id)
    left, right = st.columns(2, gap="large")
    with left:
        _show_modes(own)
    with right:
        _show_vehicles(shown, factory_id)
        _show_scorecard(shown, factory_id)
    _show_shed(shown, factory_id)


def _show_map(shown: Shown, factory_id: str) -> None:
    factories = load_run_table(shown, "factories")
    gates = factories.assign(label=name_factories(factories))
    own = gates[gates["factory_id"] == factory_id]
    if not has_point(own).any():
        st.info(
            f"Factory {escape_markdown(factory_id)} has no coordinates in the records, so no way "
            "to it is known. Correct the factory, then run the area again."
        )
        return
    on_way, shed = _look_at_ways(str(shown.path), factory_id)
    villages = shed.assign(
        label=[
            f"{village}\n{round(n):,} workers, {km:.1f} km"
            for village, n, km in zip(
                shed["village"], shed["workers_per_day"], shed["distance_km"], strict=True
            )
        ]
    )
    bounds = pd.concat([own.geometry.to_crs(4326), villages.geometry.to_crs(4326)]).total_bounds
    west, south, east, north = map(float, bounds)
    width, height = PHONE_SIZE if is_phone() else SIZE
    hotspots = load_run_table(shown, "hotspots")
    marked = hotspots[hotspots["hotspot_id"].isin(on_way["hotspot_id"])]
    marked = marked.assign(
        label=[f"{rank}. {name}" for rank, name in zip(marked["rank"], marked["name"], strict=True)]
    )
    chosen = FlowFilter(factory_id=factory_id)
    st.pydeck_chart(
        build_flow_deck(
            shown,
            chosen,
            gates,
            view=find_view(
                (west, south, east, north), width=width - 2 * MARGIN, height=height - 2 * MARGIN
            ),
            villages=villages,
            hotspots=marked,
        ),
        height=height,
        key=f"shed-{shown.run_id}-{factory_id}",
        alt="Map of the roads that this factory's workers travel, and the villages they come from",
    )
    show_legend(
        shown,
        choose_flow_classes(shown.path, factory_id),
        marks=(("village", "#e87722"), ("hotspot on the way", "#1f4fd1")),
    )


def _show_modes(own: pd.DataFrame) -> None:
    st.markdown("**How its workers travel**")
    table = summarise_groups(own, "mode")
    is_small = table["workers_per_day"] < SMALL
    workers = table.loc[~is_small, "workers_per_day"].sort_values(ascending=False)
    counts = {name_group("mode", mode): n for mode, n in workers.items()}
    counts["Others, fewer than five each"] = float(table.loc[is_small, "workers_per_day"].sum())
    st.altair_chart(
        render_shares(counts, unit="Share of workers"), width="stretch", alt="Workers by vehicle"
    )


def _show_hotspots(shown: Shown, factory_id: str) -> None:
    st.markdown("**Hotspots on the way, most travelled first**")
    table, _ = _look_at_ways(str(shown.path), factory_id)
    if table.empty:
        st.caption("None of the hotspots lies on its workers' ways.")
        return
    words = pd.DataFrame(
        {
            "Rank": table["rank"],
            "Hotspot": table["name"],
            "Workers a day": table["workers_per_day"].round().map(hide_small),
            "Worker-km a year": table["worker_km_per_year"].round(),
            "In the dark": table["dark_share"].map(format_share),
            "Crashes": table["n_crashes"],
        }
    )
    if is_phone():
        words = words[["Rank", "Crashes", "Hotspot", *words.columns.drop(WORDS_FIRST)]]
    st.dataframe(
        words,
        hide_index=True,
        column_config={
            "Rank": _show_small("Rank", "#", 30, 60),
            "Crashes": _show_small("Crashes", "Crashes", 60, 90),
            "Worker-km a year": st.column_config.NumberColumn(format="localized"),
        },
        alt="Hotspots on this factory's routes",
    )
    st.caption("Workers of this factory; crashes are of everybody.")


@st.cache_data(ttl=KEEP_S, show_spinner="Reading vehicles …")
def _read_records(area: str, factory_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    workspace = find_workspace()
    if workspace is None:
        return pd.DataFrame(), pd.DataFrame()
    return list_vehicles(workspace, area, factory_id), list_scorecard(workspace, area, factory_id)


def _show_vehicles(shown: Shown, factory_id: str) -> None:
    st.markdown("**Its vehicles**")
    try:
        vehicles, _ = _read_records(shown.area.key, factory_id)
    except SafeCommuteError as error:
        st.warning(f"The records cannot be read: {escape_markdown(error)}")
        return
    if vehicles.empty:
        st.caption("No vehicle of this factory is recorded.")
        return
    table = pd.DataFrame(
        {
            "Type": vehicles["type"].map(lambda word: ROAD_USER_WORDS.get(word, "Not known")),
            "Vehicles": vehicles["n_vehicles"],
            "Seats": vehicles["seats"],
            "Riders": vehicles["riders"],
            **{
                label: [
                    f"{yes} of {known}" if known else "not known"
                    for yes, known in zip(
                        vehicles[f"{name}_yes"], vehicles[f"{name}_known"], strict=True
                    )
                ]
                for name, label in (
                    ("is_registered", "Registered"),
                    ("is_insured", "Insured"),
                    ("has_licence", "Driver licensed"),
                )
            },
        }
    )
    st.dataframe(table, hide_index=True, alt="Vehicles of this factory")
    st.caption("As recorded now; of those about which it is known.")


def _show_scorecard(shown: Shown, factory_id: str) -> None:
    st.markdown("**Policy scorecard**")
    try:
        _, items = _read_records(shown.area.key, factory_id)
    except SafeCommuteError:
        return
    if items.empty:
        st.caption(
            "Nobody has recorded an item of its policy scorecard: observations of the type "
            "policy_item (the field form for observations asks for them)."
        )
        return
    said = items["answer"].fillna("") + items["value"].map(
        lambda n: "" if pd.isna(n) else f" {n:g}"
    )
    table = pd.DataFrame(
        {
            "Item": items["item"].fillna("not named"),
            "Answer": said.str.strip(),
            "Looked at": items["observed_at"].dt.strftime("%Y-%m").fillna("not known"),
        }
    )
    st.dataframe(table, hide_index=True, alt="Policy scorecard")


def _show_shed(shown: Shown, factory_id: str) -> None:
    _, shed = _look_at_ways(str(shown.path), factory_id)
    with st.expander("Where its workers come from"):
        if shed.empty:
            st.caption("No village with five workers or more of this factory.")
            return
        table = pd.DataFrame(
            {
                "Village": shed["village"].fillna("not named"),
                "Workers": shed["workers_per_day"].round(),
                "Way (km)": shed["distance_km"].round(1),
                "Minutes": shed["minutes"].round(),
            }
        )
        st.dataframe(table, hide_index=True, alt="Villages of this factory's workers")
        st.caption("Villages with fewer than five of its workers are not shown.")
