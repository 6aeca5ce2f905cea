"""Data page: what was read, what could not be placed and why, for whoever mends it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ui.layout import page_of_run, show_heading
from ui.state import Shown, load_crashes
from ui.words import name_unplaced, protect_cells

__all__ = ["data_page"]


@page_of_run
def data_page(shown: Shown) -> None:
    """Show what the run was made from."""
    show_heading(shown, "Data")
    crashes = load_crashes(shown)
    _show_unplaced(shown, crashes)


def _show_unplaced(shown: Shown, crashes: pd.DataFrame) -> None:
    st.subheader("Crashes that could not be placed on a road")
    unplaced = crashes[crashes["site_id"].isna()]
    if unplaced.empty:
        st.success("Every crash was placed on a road.")
        return
    table = pd.DataFrame(
        {
            "Source": unplaced["source"],
            "Report": unplaced["source_id"],
            "Row of the file": unplaced["row_number"],
            "Why": unplaced["unplaced_reason"].map(name_unplaced),
            "Month": unplaced["occurred_at"].dt.strftime("%Y-%m").fillna("not known"),
        }
    )
    st.caption(
        f"{len(table):,} of {len(crashes):,} crashes. They are kept, and counted nowhere else."
    )
    st.dataframe(table, hide_index=True)
    st.download_button(
        "Download this list (CSV)",
        protect_cells(table).to_csv(index=False).encode("utf-8-sig"),
        file_name=f"unplaced-{shown.area.key}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )
