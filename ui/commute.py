"""Commutes: who travels where, by what, in which light, and at what risk."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import streamlit as st

from core.errors import NotEnoughDataError, SafeCommuteError
from pipeline.commute_views import (
    compare_vehicles,
    has_commutes,
    load_summary,
    summarise_groups,
)
from reports.charts import render_intervals, render_shares
from reports.what_if import describe_mode_shift
from ui.commute_map import build_flow_deck, has_point, name_factories
from ui.explorer_map import find_view, pick_places
from ui.flow_filter import FlowFilter
from ui.layout import escape_markdown, is_phone, page_of_run, show_cards, show_heading
from ui.layout import show_flow_legend as show_legend
from ui.routes import choose_flow_classes
from ui.state import Shown, load_run_table
from ui.words import (
    ROAD_USER_WORDS,
    describe_period,
    format_number,
    format_share,
    name_group,
)

__all__ = ["MARGIN", "commute_page", "describe_known_light", "say_no_commutes"]

SIZE = (900, 520)
PHONE_SIZE = (360, 400)
N_PLACES, PHONE_PLACES = 18, 8  # named on the map
LIGHT_WORDS = {"any": "Any light", "dark": "In the dark", "day": "In daylight"}
DIMENSIONS = {
    "mode": "How they travel",
    "light": "Light",
    "hour": "Hour of the day",
    "road_class": "Kind of road",
    "factory_id": "Factory",
}
MILLION = 1e6
MARGIN = 25  # left free around what a map shows [px]
ALL_BUT = 0.995  # from here on the light of all kilometres is known, in whole per cents


@page_of_run
def commute_page(shown: Shown) -> None:
    """Show the commutes of the published run."""
    show_heading(shown, "Commutes")
    if not has_commutes(shown.path):
        say_no_commutes(shown)
        return
    summary = load_summary(shown.path)
    _show_figures(summary)
    _show_warnings(summary)
    chosen = _choose_filter(shown, summary)
    _show_map(shown, chosen)
    left, right = st.columns(2, gap="large")
    groups = load_run_table(shown, "commute_groups")
    with left:
        _show_mix(groups)
    with right:
        _show_light(summary)
    _show_rates(shown)
    _show_scenario(shown, summary)
    _show_assumptions(summary)


def say_no_commutes(shown: Shown) -> None:
    """Say what is missing before commutes can be shown."""
    st.info(
        "Where workers come from is not known here. Import one row a factory and village with "
        f"`safecommute import origin FILE --area {shown.area.key}`, then type "
        f"`safecommute run {shown.area.key}`."
    )


def _show_figures(summary: dict[str, Any]) -> None:
    light = summary["worker_km_by_light"]
    known = light["day"] + light["dark"]
    lost = summary["workers_without_route"]
    show_cards(
        [
            (
                "Workers on their way",
                format_number(summary["workers_routed"]),
                _compare_workers(summary["workers_routed"], summary["workers_of_factories"]),
            ),
            (
                "Worker-kilometres",
                f"{summary['worker_km_per_year'] / MILLION:,.1f} million",
                "a year, to work and home",
            ),
            (
                "In the dark",
                format_share(light["dark"] / known if known else None),
                describe_known_light(light["day"], light["dark"], light["unknown"]),
            ),
            (
                "Crashes on commutes",
                format_number(summary.get("n_commute_crashes")),
                "reported in the period",
            ),
            ("Workers hurt", format_number(summary.get("n_workers_hurt")), "in these crashes"),
        ]
    )
    if lost >= 1:
        reasons = "; ".join(
            f"{format_number(n)} workers: {reason}"
            for reason, n in summary["without_route_by_reason"].items()
        )
        st.caption(f"Without a route: {escape_markdown(reasons)}.")


def describe_known_light(day: float, dark: float, unknown: float) -> str:
    """Say which kilometres a share in the dark is of: those whose light is known."""
    known = (day + dark) / (day + dark + unknown) if day + dark > 0 else 0.0
    if known == 0:
        return "the light of none of their km is known"
    if known >= ALL_BUT:
        return "of these km"
    share = "less than 1%" if known < 0.005 else f"{known:.0%}"
    return f"of those km whose light is known, {share} of all"


def _compare_workers(routed: float, of_factories: float) -> str:
    if routed > 1.1 * of_factories:
        return f"more than the {format_number(of_factories)} in the factories' records"
    return f"of {format_number(of_factories)} in the factories' records"


def _show_warnings(summary: dict[str, Any]) -> None:
    warnings = summary.get("warnings", [])
    if warnings:
        st.warning("\n".join(f"- {escape_markdown(one)}" for one in warnings))


def _choose_filter(shown: Shown, summary: dict[str, Any]) -> FlowFilter:
    modes = [mode for mode, km in summary["worker_km_by_mode"].items() if km]
    factories = load_run_table(shown, "factories")
    names = dict(zip(factories["factory_id"], name_factories(factories), strict=True))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mode = st.selectbox(
            "Travelling by",
            [None, *modes],
            format_func=lambda word: name_group("mode", word) if word else "Anything",
            key=f"flow-mode-{shown.area.key}",
            width=240,
        )
        light = st.segmented_control(
            "Light",
            list(LIGHT_WORDS),
            default="any",
            required=True,
            format_func=LIGHT_WORDS.__getitem__,
            key=f"flow-light-{shown.area.key}",
        )
        factory = st.selectbox(
            "Factory",
            [None, *sorted(names)],
            format_func=lambda key: names[key] if key else "All factories",
            key=f"flow-factory-{shown.area.key}",
            width=320,
        )
    return FlowFilter(mode=mode, factory_id=factory, light=light or "any")


def _show_map(shown: Shown, chosen: FlowFilter) -> None:
    factories = load_run_table(shown, "factories")
    gates = factories.assign(label=name_factories(factories))
    bounds = _find_bounds(shown, gates)
    if bounds is None:
        st.info("No factory has coordinates in the records: there is no map of commutes.")
        return
    width, height = PHONE_SIZE if is_phone() else SIZE
    view = find_view(bounds, width=width - 2 * MARGIN, height=height - 2 * MARGIN)
    places = pick_places(load_run_table(shown, "places"), PHONE_PLACES if is_phone() else N_PLACES)
    deck = build_flow_deck(shown, chosen, gates, view=view, places=places)
    st.pydeck_chart(
        deck,
        height=height,
        key=f"flows-{shown.run_id}-{chosen}",
        alt="Map of roads coloured by the workers who pass them a day",
    )
    show_legend(shown, choose_flow_classes(shown.path, chosen.factory_id))


def _find_bounds(shown: Shown, gates: gpd.GeoDataFrame) -> tuple[float, float, float, float] | None:
    """Return where workers travel [degrees]; None where no place is known."""
    for frame in (load_run_table(shown, "commute_routes"), gates):
        there = frame[has_point(frame)]
        if len(there):
            west, south, east, north = there.to_crs(4326).total_bounds
            return float(west), float(south), float(east), float(north)
    return None


def _show_mix(groups: pd.DataFrame) -> None:
    st.subheader("How they travel")
    table = summarise_groups(groups, "mode")
    counts = {name_group("mode", mode): row for mode, row in table["worker_km_per_year"].items()}
    chart = render_shares(counts, unit="Share of worker-kilometres")
    st.altair_chart(chart, width="stretch", alt="Share of worker-kilometres by vehicle")
    st.caption("Of all kilometres that workers travel to and from work in a year.")


def _show_light(summary: dict[str, Any]) -> None:
    st.subheader("In which light")
    words = {"day": "Daylight", "dark": "Dark", "unknown": "Not known"}
    counts = {words[name]: km for name, km in summary["worker_km_by_light"].items() if km}
    chart = render_shares(counts, unit="Share of worker-kilometres")
    st.altair_chart(chart, width="stretch", alt="Share of worker-kilometres by light")
    st.caption(
        "By the position of the sun when they pass, through the year. A shift that nobody "
        "recorded has no light: it is not taken for day."
    )


def _show_rates(shown: Shown) -> None:
    st.subheader("Risk for each kilometre travelled")
    rates = load_run_table(shown, "commute_rates")
    dimension = st.segmented_control(
        "Compare by",
        list(DIMENSIONS),
        default="mode",
        required=True,
        format_func=DIMENSIONS.__getitem__,
        key="rates-by",
    )
    own = rates[rates["dimension"] == (dimension or "mode")]
    own = own.assign(label=[name_group(str(dimension), word) for word in own["group"]])
    # one crash of a full truck hurts many, so vehicles are compared by the workers hurt
    what = "hurt" if dimension == "mode" else "crashes"
    told = own[own[f"{what}_per_million"].notna()]
    period = describe_period(shown.manifest.get("period"))
    if told.empty:
        st.info("The data cannot tell: there are too few worker-kilometres for any rate.")
    else:
        if dimension == "hour":
            told = told.sort_values("label")
        else:
            told = told.sort_values(f"{what}_per_million", ascending=False)
        unit = "Workers hurt" if what == "hurt" else "Crashes"
        unit += " per million worker-kilometres"
        chart = render_intervals(
            told.rename(columns={f"{what}_low": "low", f"{what}_high": "high"}),
            value=f"{what}_per_million",
            unit=unit,
        )
        st.altair_chart(chart, width="stretch", alt=unit)
    st.caption(
        f"Crashes of workers on their way, {period}. The lines are 95% intervals of chance alone; "
        "kilometres are modelled and taken as known. A crash counts once in every group whose "
        "worker was in it, however many were aboard: a full truck counts as one, so compare the "
        "workers hurt when you compare vehicles. Rates rest on crashes that were reported."
    )
    if dimension == "hour":
        st.caption(
            "Shifts say when workers travel; overtime and errands do not. An hour in which few "
            "kilometres are modelled but crashes are reported shows a high rate for that reason."
        )
    with st.expander("The numbers"):
        st.dataframe(_tabulate_rates(own), hide_index=True)


def _tabulate_rates(own: pd.DataFrame) -> pd.DataFrame:
    interval = [
        "" if low != low else f"{low:.2f} to {high:.2f}"
        for low, high in zip(own["crashes_low"], own["crashes_high"], strict=True)
    ]
    return pd.DataFrame(
        {
            "": own["label"],
            "Crashes": own["n_crashes"],
            "Workers hurt": own["n_hurt"],
            "Million worker-km": (own["worker_km"] / MILLION).round(2),
            "Crashes per million": own["crashes_per_million"].round(2),
            "95% interval": interval,
            "Hurt per million": own["hurt_per_million"].round(2),
            "Why no rate": own["reason"],
        }
    )


def _show_scenario(shown: Shown, summary: dict[str, Any]) -> None:
    st.subheader("What if riders change vehicle?")
    modes = [mode for mode, km in summary["worker_km_by_mode"].items() if km and mode != "unknown"]
    if len(modes) < 2:
        st.info("The data cannot tell: workers travel by one kind of vehicle only.")
        return
    first = modes.index("open_truck_with_people") if "open_truck_with_people" in modes else 0
    with st.container(horizontal=True, vertical_alignment="bottom"):
        start = st.selectbox("From", modes, index=first, format_func=ROAD_USER_WORDS.__getitem__)
        others = [mode for mode in modes if mode != start]
        end = st.selectbox(
            "To",
            others,
            index=others.index("bus") if "bus" in others else 0,
            format_func=ROAD_USER_WORDS.__getitem__,
        )
        share = st.slider("Share of riders", 0, 100, 30, step=5, format="%d%%", width=230)
    try:
        result = compare_vehicles(shown.path, (str(start), str(end), share / 100))
    except NotEnoughDataError as error:
        st.info(f"The data cannot tell: {escape_markdown(error)}", icon=":material/help:")
        return
    except SafeCommuteError as error:
        st.warning(escape_markdown(error))
        return
    st.info(describe_mode_shift(result), icon=":material/balance:")
    st.caption("Assumed: " + " ".join(result["assumptions"]))


def _show_assumptions(summary: dict[str, Any]) -> None:
    with st.expander("How this was modelled"):
        st.markdown("\n".join(f"- {escape_markdown(one)}" for one in summary["assumptions"]))
