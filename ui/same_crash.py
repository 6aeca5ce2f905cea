"""Two reports, one crash? A person decides what matching leaves in doubt."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pipeline.entry import read_records
from pipeline.matching import decide_duplicate, find_duplicates, list_waiting
from ui.layout import escape_markdown
from ui.state import make_workspace
from ui.words import name_field

__all__ = ["show_pairs"]

COMPARED = (
    "source", "source_id", "occurred_at", "severity", "n_killed", "n_serious", "n_slight",
    "n_vehicles", "road_users", "road_name", "village", "district", "lon", "lat", "light",
    "is_worker_commute", "factory_id", "collision_type",
)  # fmt: skip


def show_pairs(area: str, name: str) -> None:
    """Show the most likely pair that waits, both reports side by side."""
    waiting = list_waiting(make_workspace(), area)
    if waiting.empty:
        st.info("No pair of reports waits for a person.")
        if st.button("Compare all reports now"):
            with st.spinner("Comparing …"):
                found = find_duplicates(make_workspace(), area)
            st.session_state["records-said"] = (
                f"{found['merged']} pairs are the same crash, {found['queued']} are doubtful."
            )
            st.rerun()
        return
    at = st.session_state.get("pair-at", 0) % len(waiting)
    pair = waiting.iloc[at]
    st.caption(
        f"{len(waiting):,} pairs wait; this is number {at + 1}. What is decided can be taken back "
        f"with `safecommute duplicates undo {area} LEFT RIGHT`."
    )
    likely = "More than 99%" if pair["probability"] > 0.99 else f"{pair['probability']:.0%}"
    st.markdown(f"**{likely} likely one crash:** {escape_markdown(pair['reasons'])}")
    crashes = read_records(make_workspace(), area, "crash").set_index("crash_id")
    left_id, right_id = str(pair["left_id"]), str(pair["right_id"])
    both = crashes.loc[[left_id, right_id]]
    with st.container(horizontal=True):
        is_named = bool(name.strip())
        same = st.button("One crash", type="primary", disabled=not is_named)
        apart = st.button("Two crashes", disabled=not is_named)
        later = st.button("Later")
    table = _compare(both.iloc[0], both.iloc[1])
    st.dataframe(table, hide_index=True, height=35 * (len(table) + 1) + 3)
    if not is_named:
        st.caption("Give your name above to decide.")
    if same or apart:
        decision = "merged" if same else "separate"
        decide_duplicate(
            make_workspace(), area, left_id, right_id, decision, decided_by=name.strip()
        )
        st.rerun()
    if later:
        st.session_state["pair-at"] = at + 1
        st.rerun()


def _compare(left: pd.Series[Any], right: pd.Series[Any]) -> pd.DataFrame:
    fields = [field for field in COMPARED if any(map(_is_said, (left[field], right[field])))]
    texts = [["" if pd.isna(one[field]) else str(one[field]) for field in fields]
             for one in (left, right)]  # fmt: skip
    return pd.DataFrame(
        {
            "": [name_field(field) for field in fields],
            "One report": texts[0],
            "The other": texts[1],
            "Alike": ["" if one != two else "=" for one, two in zip(*texts, strict=True)],
        }
    )


def _is_said(value: Any) -> bool:  # noqa: ANN401 - a cell
    return bool(pd.notna(value)) and value not in {"", "unknown"}
