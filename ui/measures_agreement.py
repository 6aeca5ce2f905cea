"""How far the measures agree: a matrix of those over the same places, a list with its bases."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pipeline.measure_list import COMPARED, Measure
from ui.measures_words import describe_agreement

__all__ = ["show_agreement"]

LEAST_PLACES = 4  # for each of the worst; runs made before were less careful
LEAST_FOR_ORDER = 10  # places for a rank correlation to say anything; windows overlap
LEAST_WINDOWS = 30


def show_agreement(kind: str, measure: Measure, summary: dict[str, Any]) -> None:
    """Show how far each measure names the same places as the chosen one, and as any other."""
    st.subheader("Do the measures agree?")
    pairs = pd.DataFrame(summary.get("agreement", {}).get(kind) or [])
    least = LEAST_WINDOWS if kind == "window" else LEAST_FOR_ORDER
    if pairs.empty or pairs["n_sites"].max() < least:
        st.info("Too few places have a crash to compare the measures.")
        return
    pairs = pairs[pairs["n_sites"] >= least]
    tops = [int(str(name).split("_")[1]) for name in pairs if str(name).endswith("_share")]
    k = min(tops, default=0)
    column = f"top_{k}_share"
    if column not in pairs:
        pairs = pairs.assign(**{column: None, f"{column}_low": None, f"{column}_high": None})
    is_meaningful = pairs["n_sites"] >= LEAST_PLACES * k
    pairs = pairs.assign(**{column: pairs[column].astype("float64").where(is_meaningful)})
    both = pd.concat([pairs, pairs.rename(columns={"measure": "other", "other": "measure"})])
    n_most = int(both["n_sites"].max())
    cells = both[both[column].notna() & both["n_sites"].eq(n_most)]
    words = describe_agreement(both, measure, column=column, k=k)
    if cells.empty:
        st.markdown(words)
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _show_matrix(cells, column, k, n_most)
    with right:
        st.markdown(words)


def _show_matrix(cells: pd.DataFrame, column: str, k: int, n_sites: int) -> None:
    words = {one.key: one.short for one in COMPARED}
    keys = [one.key for one in COMPARED if one.key in set(cells["measure"])]
    shown = cells[["measure", "other", column, "spearman"]].copy()
    shown["Common"] = (100 * shown[column].astype(float)).round()
    shown["a"], shown["b"] = shown["measure"].map(words), shown["other"].map(words)
    left_out = [one.short for one in COMPARED if one.key not in keys]
    st.altair_chart(
        _draw_matrix(shown, [words[key] for key in keys]),
        width="stretch",
        alt="Agreement of measures",
    )
    told = (
        f"Of the worst {k} by one measure, how many in a hundred are among the worst {k} by the "
        f"other, of the same {n_sites:,} places with a crash."
    )
    if left_out:
        told += (
            f" Not here: {', '.join(left_out)}; known of fewer places, or too many places "
            f"share the edge of the worst {k}."
        )
    st.caption(told)


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
