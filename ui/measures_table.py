"""The list of the measures page: a wide table on a desk, four columns on a phone."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.measure_list import COMPARED, Measure
from ui.layout import is_phone
from ui.measures_words import tell_value

__all__ = ["show_table"]

HEIGHT = 470
BESIDE_WORDS = {
    "p_value": "Chance brings as many",
    "critical_rate": "Critical rate",
    "loss_level_expected": "Luck taken out",
    "excess": "Share above all",
}


def show_table(measure: Measure, worst: pd.DataFrame, *, is_one_a_road: bool) -> None:
    """List the places with their values, how sure these are, and their ranks by the others."""
    is_small = is_phone()
    columns = _list_on_phone(measure, worst) if is_small else _list_all(measure, worst)
    if is_one_a_road and not is_small:
        columns["Among all windows"] = worst[f"rank_{measure.key}"]
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        height=HEIGHT,
        column_config={
            "Rank": st.column_config.NumberColumn(width=45, pinned=not is_small),
            "Place": st.column_config.TextColumn(width=135 if is_small else 250),
            "Value": st.column_config.TextColumn(width=65, help=measure.unit),
            "95% interval": st.column_config.TextColumn(width=95 if is_small else 105),
            "Crashes": st.column_config.NumberColumn(width=60),
        },
        row_height=52 if is_small else None,
        alt=f"Places ranked by: {measure.title}",
    )
    told = f"Value in {measure.unit}."
    if is_small:
        told += " Sideways: crashes, of them fatal or serious, and what the rank may be."
    else:
        told += " To the right, the rank of the same place by the other measures."
    st.caption(told)


def _list_on_phone(measure: Measure, worst: pd.DataFrame) -> dict[str, Any]:
    return {
        "Rank": worst["list_rank"],
        "Place": worst["label"].astype(str),
        "Value": [tell_value(value, measure) for value in worst[measure.column]],
        **_tell_intervals(measure, worst),
        "Crashes": worst["n_crashes"],
        "Fatal, serious": worst["n_ksi_crashes"],
        **_tell_ranks(measure, worst),
    }


def _list_all(measure: Measure, worst: pd.DataFrame) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "Rank": worst["list_rank"],
        "Place": worst["label"].astype(str),
        "Value": [tell_value(value, measure) for value in worst[measure.column]],
        **_tell_intervals(measure, worst),
    }
    if measure.beside:
        columns[BESIDE_WORDS[measure.beside.split("_share_")[0]]] = [
            _tell_beside(value, measure) for value in worst[measure.beside]
        ]
    columns |= {"Crashes": worst["n_crashes"], "Fatal, serious": worst["n_ksi_crashes"]}
    columns |= _tell_ranks(measure, worst)
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


def _tell_ranks(measure: Measure, worst: pd.DataFrame) -> dict[str, list[str]]:
    """Tell the range of the rank by what the measure is about, where it was drawn."""
    names = measure.rank_columns[1:]
    if not names or any(name not in worst or worst[name].isna().all() for name in names):
        return {}
    told = [
        f"{low:,.0f} to {high:,.0f}" if pd.notna(low) else ""
        for low, high in zip(worst[names[0]], worst[names[1]], strict=True)
    ]
    return {"Rank may be": told}


def _tell_beside(value: float | None, measure: Measure) -> str:
    if value is None or math.isnan(value):
        return ""
    if measure.beside == "p_value":
        return "less than 0.001" if value < 0.001 else f"{value:.3f}"
    if measure.beside and measure.beside.startswith("excess_share"):
        return f"{100 * value:+.0f} points"
    return f"{value:.0f}" if measure.beside == "loss_level_expected" else f"{value:.2f}"
