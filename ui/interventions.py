"""Interventions: what was done, and how far the crashes before and after can tell."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import SafeCommuteError
from ui.layout import escape_markdown, page_of_run, show_cards, show_heading
from ui.state import Shown, find_workspace
from ui.words import format_number

__all__ = ["interventions_page"]

KEEP_S = 60


@page_of_run
def interventions_page(shown: Shown) -> None:
    """Show every intervention of the area with its claim and caveats."""
    show_heading(shown, "Did it work?")
    st.write(
        "Each card says what was done, what the crash counts before and after can carry, and "
        "what they cannot. No claim stands here without its design, its interval and its caveats."
    )
    found = _list(shown.area.key)
    if found.empty:
        st.info(
            "No intervention is recorded for this area. Import one with "
            f"`safecommute import intervention FILE --area {shown.area.key}`."
        )
        return
    for record in found.to_dict("records"):
        _show_intervention(shown, record)


@st.cache_data(ttl=KEEP_S, show_spinner="Reading interventions …")
def _list(area: str) -> pd.DataFrame:
    from pipeline.evaluate import list_interventions  # slow to load, and only needed here

    workspace = find_workspace()
    return list_interventions(workspace, area) if workspace else pd.DataFrame()


@st.cache_data(ttl=KEEP_S, show_spinner="Comparing before and after …")
def _evaluate(area: str, intervention_id: str) -> dict[str, Any]:
    from pipeline.evaluate import evaluate_intervention  # slow to load, and only needed here

    workspace = find_workspace()
    return evaluate_intervention(workspace, area, intervention_id) if workspace else {}


def _show_intervention(shown: Shown, record: Mapping[Hashable, Any]) -> None:
    with st.container(border=True):
        st.subheader(escape_markdown(record["name"]))
        try:
            result = _evaluate(shown.area.key, str(record["intervention_id"]))
        except SafeCommuteError as error:
            st.warning(f"The data cannot tell: {escape_markdown(error)}", icon=":material/help:")
            return
        _show_origin(result)
        if result.get("measure"):
            st.write(escape_markdown(result["measure"]))
        left, right = st.columns([2, 3], gap="large")
        with left:
            _show_numbers(result)
        with right:
            st.info(escape_markdown(result["claim"]), icon=":material/balance:")
            st.caption(escape_markdown(result.get("grade_meaning", "")))
            _show_sentences("What must be said with it", result.get("warnings", []))
            _show_sentences("How far it could move", result.get("illustrations", []))
        _show_source(result)


def _show_origin(result: Mapping[str, Any]) -> None:
    if result.get("is_synthetic"):
        st.html(
            '<div class="sc-synthetic"><b>SYNTHETIC</b> · An invented intervention with invented '
            "crashes.</div>"
        )
    elif result.get("is_published_total"):
        st.caption(
            "Real, published totals. Only the two totals are public; no crash behind them is "
            "in this software, and they say nothing about the crashes of this area."
        )


def _show_numbers(result: Mapping[str, Any]) -> None:
    before, after = result.get("observed_before"), result.get("observed_after")
    show_cards(
        [
            ("Crashes before", format_number(before), ""),
            ("Crashes after", format_number(after), ""),
        ]
    )
    rows = [
        ("After ÷ expected without it", format_number(result.get("effect"), 4)),
        ("Standard error", format_number(result.get("se"), 4)),
        ("95% interval", _range(result.get("ci_low"), result.get("ci_high"), 3)),
        ("Change", f"{format_number(result.get('percent_change'), 1)}%"),
        (
            "Crashes prevented, if the design is believed",
            f"{format_number(result.get('prevented'), 0)} "
            f"(± {format_number(result.get('prevented_se'), 0)})",
        ),
        ("Design", str(result.get("method", "not known"))),
    ]
    if result.get("rate_ratio") is not None:
        rows.insert(1, ("Rate ratio, not corrected", format_number(result["rate_ratio"], 4)))
    st.table(pd.DataFrame(rows, columns=["", "Value"]).set_index(""))


def _range(low: object, high: object, digits: int) -> str:
    return f"{format_number(low, digits)} to {format_number(high, digits)}"


def _show_sentences(title: str, sentences: list[str]) -> None:
    if sentences:
        st.markdown(f"**{title}**")
        st.markdown("\n".join(f"- {escape_markdown(sentence)}" for sentence in sentences))


def _show_source(result: Mapping[str, Any]) -> None:
    parts = [str(result[key]) for key in ("source", "citation", "notes") if result.get(key)]
    if parts:
        st.caption("Source: " + escape_markdown(" · ".join(parts)))
