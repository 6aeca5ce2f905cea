"""First page: what was read, where, how fresh it is, and how sure the results are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from ui.layout import page_of_run, show_cards, show_heading
from ui.state import Shown, load_run_table
from ui.words import describe_period, format_number, name_unplaced

__all__ = ["overview_page"]

TOP = 5


@page_of_run
def overview_page(shown: Shown) -> None:
    """Show what the published run says of itself."""
    show_heading(shown, "Where people are hurt on the roads")
    _show_counts(shown)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show_worst(shown)
    with right:
        _show_certainty(shown)
        _show_unplaced(shown)
    for warning in shown.manifest.get("warnings", []):
        st.warning(str(warning).replace("$", "\\$"), icon=":material/warning:")


def _show_counts(shown: Shown) -> None:
    run = shown.manifest
    n_read, n_placed = run.get("n_crashes"), run.get("n_snapped")
    n_not = n_read - n_placed if n_read is not None and n_placed is not None else None
    share = f"{n_placed / n_read:.1%} of all" if n_read and n_placed is not None else ""
    show_cards(
        [
            ("Crashes read", format_number(n_read), "reports in the period"),
            ("Placed on a road", format_number(n_placed), share),
            ("Not placed", format_number(n_not), "listed on the Data page" if n_not else ""),
            ("Hotspots", format_number(run.get("n_hotspots")), describe_strong(run)),
            (
                "Roads",
                f"{format_number(run.get('network_km'))} km",
                f"in {format_number(run.get('n_segments'))} stretches",
            ),
        ]
    )


def _show_worst(shown: Shown) -> None:
    st.subheader("The worst hotspots")
    hotspots = load_run_table(shown, "hotspots").sort_values("rank").head(TOP)
    if hotspots.empty:
        st.info(
            "No stretch of road stands out from roads of its kind by more than chance. "
            "That can mean that crashes are spread evenly, or that there are too few to tell."
        )
        return
    period = describe_period(shown.manifest.get("period"))
    st.caption(
        f"Ranked by crashes beyond what roads of the same kind had on average, {period}. "
        "In brackets the 95% interval."
    )
    table = pd.DataFrame(
        {
            "Rank": hotspots["rank"],
            "Hotspot": hotspots["name"],
            "Crashes": hotspots["n_crashes"],
            "Fatal or serious": hotspots["n_ksi_crashes"],
            "Times the average": [
                f"{row.rate_ratio:.1f} ({row.ci_low:.1f} to {row.ci_high:.1f})"
                for row in hotspots.itertuples()
            ],
        }
    )
    st.dataframe(table, hide_index=True, column_config={"Rank": st.column_config.Column(width=50)})
    st.page_link(
        st.session_state["pages"]["hotspots"],
        label="Explore all hotspots on the map",
        icon=":material/map:",
    )


def _show_certainty(shown: Shown) -> None:
    run = shown.manifest
    st.subheader("How sure is this?")
    fdr = run.get("settings", {}).get("hotspot_fdr")
    lines = []
    if run.get("snap_median_m") is not None:
        lines.append(
            f"Half of the placed crashes lie within {format_number(run['snap_median_m'], 1)} m of "
            f"their road, 95% within {format_number(run.get('snap_p95_m'), 1)} m."
        )
    if fdr is not None:
        lines.append(
            f"Hotspots are chosen so that at most {float(fdr):.0%} of the stretches that stand "
            "out are expected to do so by chance."
        )
    lines.append(
        "The intervals count chance at a place as if it had been named beforehand. These places "
        "were picked because they came out worst, so their true ratios are likely lower."
    )
    lines.append(
        "Only crashes that were reported can be seen: a road without reports is not a safe road. "
        "Traffic is not known here, so a busy road shows more crashes than a quiet one of its kind."
    )
    st.markdown("\n".join(f"- {line}" for line in lines))


def _show_unplaced(shown: Shown) -> None:
    unplaced = shown.manifest.get("unplaced") or {}
    if not unplaced:
        return
    st.subheader("Crashes not placed on a road")
    rows = sorted(
        ((name_unplaced(code), n) for code, n in unplaced.items()), key=lambda row: -row[1]
    )
    table = pd.DataFrame(rows, columns=["Why", "Crashes"])
    number = st.column_config.NumberColumn(format="localized")
    st.dataframe(table, hide_index=True, column_config={"Crashes": number})


def describe_strong(run: Mapping[str, Any]) -> str:
    """Say how many hotspots are more than busy roads."""
    strong = run.get("n_hotspots_among_unlike_roads")
    if strong is None:
        return "stand out beyond chance"
    return f"{format_number(strong)} of them against every comparison"
