"""The list of the measures page: a wide table on a desk, lines that wrap on a phone."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.measure_list import COMPARED, Measure
from ui.layout import escape_markdown, is_phone
from ui.measures_words import tell_value

__all__ = ["show_table"]

HEIGHT = 470
RANGE_HELP = "95 of 100 times, had luck been different; among all places of the kind."
BESIDE_WORDS = {
    "p_value": "Chance brings as many",
    "critical_rate": "Critical rate",
    "loss_level_expected": "Luck taken out",
    "excess": "Share above all",
}


def show_table(measure: Measure, worst: pd.DataFrame, *, is_one_a_road: bool) -> None:
    """List the places with their values, how sure these are, and their ranks by the others."""
    range_word = "Of all, may be" if is_one_a_road else "Rank may be"
    if is_phone():
        with st.container(height=HEIGHT):
            st.markdown(_list_on_phone(measure, worst, range_word))
        st.caption(f"Value in {measure.unit}, with its 95% interval where there is one.")
        return
    columns = _list_all(measure, worst, range_word)
    if is_one_a_road:
        columns["Of all windows"] = worst[f"rank_{measure.key}"]
    columns["Site"] = worst["site_id"]
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        height=HEIGHT,
        column_config={
            "Rank": st.column_config.NumberColumn(width=40, pinned=True),
            "Place": st.column_config.TextColumn(width=260),
            "Value": st.column_config.TextColumn(width=55, help=measure.unit),
            "95% interval": st.column_config.TextColumn(width=95),
            range_word: st.column_config.TextColumn(width=88, help=RANGE_HELP),
            "Crashes": st.column_config.NumberColumn(width=58),
            "Fatal, serious": st.column_config.NumberColumn(width=85),
        },
        alt=f"Places ranked by: {measure.title}",
    )
    st.caption(
        f"Value in {measure.unit}. To the right, the rank of the same place by the other measures."
    )


def _name_places(worst: pd.DataFrame) -> list[str]:
    """Return labels without the number of the site, which has a column of its own."""
    return [
        str(label).removesuffix(f" ({site})")
        for label, site in zip(worst["label"], worst["site_id"], strict=True)
    ]


def _list_on_phone(measure: Measure, worst: pd.DataFrame, range_word: str) -> str:
    """Write the list as lines that wrap, for a screen too narrow for columns."""
    blank = [""] * len(worst)
    intervals = _tell_intervals(measure, worst).get("95% interval", blank)
    ranks = _tell_ranks(measure, worst, range_word).get(range_word, blank)
    lines = []
    for row, interval, rank in zip(worst.to_dict("records"), intervals, ranks, strict=True):
        value = tell_value(row[measure.column], measure)
        told = [f"{value} ({interval})" if interval else value]
        n = int(row["n_crashes"])
        told.append(f"{n:,} {'crash' if n == 1 else 'crashes'}")
        told.append(f"{row['n_ksi_crashes']:,} fatal or serious")
        if rank:
            told.append(f"{range_word[0].lower()}{range_word[1:]} {rank}")
        name = escape_markdown(f"{row['list_rank']:,}. {row['label']}")
        lines.append(f"**{name}**  \n{' · '.join(told)}")
    return "\n\n".join(lines)


def _list_all(measure: Measure, worst: pd.DataFrame, range_word: str) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "Rank": worst["list_rank"],
        "Place": _name_places(worst),
        "Value": [tell_value(value, measure) for value in worst[measure.column]],
        **_tell_intervals(measure, worst),
        **_tell_ranks(measure, worst, range_word),
    }
    if measure.beside:
        columns[BESIDE_WORDS[measure.beside.split("_share_")[0]]] = [
            _tell_beside(value, measure) for value in worst[measure.beside]
        ]
    columns |= {"Crashes": worst["n_crashes"], "Fatal, serious": worst["n_ksi_crashes"]}
    for other in COMPARED:
        if other.key != measure.key and worst[f"rank_{other.key}"].notna().any():
            columns[f"By {other.short}"] = worst[f"rank_{other.key}"]
    return columns


def _tell_intervals(measure: Measure, worst: pd.DataFrame) -> dict[str, list[str]]:
    if not measure.low or not measure.high:
        return {}
    told = [
        f"{tell_value(low, measure)} to {tell_value(high, measure)}"
        for low, high in zip(worst[measure.low], worst[measure.high], strict=True)
    ]
    return {"95% interval": told}


def _tell_ranks(measure: Measure, worst: pd.DataFrame, range_word: str) -> dict[str, list[str]]:
    """Tell the range of the rank by what the measure is about, where it was drawn."""
    names = measure.rank_columns[1:]
    if not names or any(name not in worst or worst[name].isna().all() for name in names):
        return {}
    told = [
        f"{low:,.0f} to {high:,.0f}" if pd.notna(low) else ""
        for low, high in zip(worst[names[0]], worst[names[1]], strict=True)
    ]
    return {range_word: told}


def _tell_beside(value: float | None, measure: Measure) -> str:
    if value is None or math.isnan(value):
        return ""
    if measure.beside == "p_value":
        return "less than 0.001" if value < 0.001 else f"{value:.3f}"
    if measure.beside and measure.beside.startswith("excess_share"):
        return f"{100 * value:+.0f} points"
    return f"{value:.0f}" if measure.beside == "loss_level_expected" else f"{value:.2f}"
