"""The list of factories by expected crashes, and how sure it is, in words."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.commute_views import load_summary
from ui.commute_map import name_factories
from ui.layout import is_phone
from ui.state import Shown
from ui.words import format_number, format_share

__all__ = ["say_account", "say_interval", "say_km", "say_rank", "tabulate_ranking"]

SYNTHETIC = " (SYNTHETIC)"  # the heading says so
ACCOUNT_WORDS = {
    "n_not_ranked": "of factories with too little travel to be ranked",
    "n_where_nobody_passes": "on roads that no worker of a known origin travels",
    "n_without_place": "without a place",
}


def tabulate_ranking(ranked: pd.DataFrame) -> pd.DataFrame:
    """Return what the list shows; on a phone the figure comes before the name."""
    names = name_factories(ranked)
    if is_phone():
        names = names.str.replace(SYNTHETIC, "", regex=False)
    table = pd.DataFrame(
        {
            "Rank": ranked["rank"],
            "Factory": names,
            "Workers": ranked["workers"],
            "Expected crashes": ranked["expected_crashes"],
            "95% interval": _join_ends(ranked, "ci_low", "ci_high"),
            "Rank, 95%": _join_ends(ranked, "rank_ci_low", "rank_ci_high"),
            "From road class": [
                "" if share != share else format_share(share) for share in ranked["pooled_share"]
            ],
            "Mean way (km)": ranked["distance_km"],
            "In the dark": ranked["dark_share"].map(format_share),
            "Hotspots": ranked["n_hotspots"],
            "Why not ranked": ranked["reason"].fillna(""),
        }
    )
    if table["Why not ranked"].eq("").all():
        table = table.drop(columns="Why not ranked")
    if is_phone():
        first = ["Rank", "Expected crashes", "95% interval", "Factory"]
        table = table[[*first, *table.columns.drop(first)]]
    return table


def _join_ends(ranked: pd.DataFrame, low: str, high: str) -> list[str]:
    """Write intervals; empty where there is none, as in runs of before there were any."""
    if low not in ranked.columns:
        return [""] * len(ranked)
    ends = ranked[[low, high]].astype("float64").itertuples(index=False, name=None)
    return [
        "" if one != one else f"{one:.0f}" if one == two else f"{one:.0f} to {two:.0f}"
        for one, two in ends
    ]


def say_account(shown: Shown) -> None:
    """Say which commute crashes are in no factory's figure."""
    account = load_summary(shown.path).get("crashes_of_factories")
    if not account:
        return
    left_out = [
        f"{format_number(account[name])} {words}"
        for name, words in ACCOUNT_WORDS.items()
        if account[name] >= 0.5
    ]
    said = f"The figures share out {format_number(account['n_ranked'])} of "
    said += f"{format_number(sum(account.values()))} commute crashes"
    st.caption(
        (f"{said}; in none of them: {', '.join(left_out)}." if left_out else f"{said}.")
        + " Intervals and ranges of ranks hold chance in the crashes alone. *From road class*: how "
        "much of the figure rests on mean rates of such roads, not on crashes seen on them."
    )


def say_km(km: float) -> str:
    """Write kilometres; missing ones as "not known"."""
    return "not known" if km != km else f"{format_number(km, 1)} km"


def say_rank(factory: pd.Series) -> tuple[str, str]:
    """Say the rank of a factory, and how sure it is."""
    rank = factory["rank"]
    if pd.isna(rank):
        return "not ranked", "see the list for why"
    ends = _join_ends(factory.to_frame().T, "rank_ci_low", "rank_ci_high")[0]
    likely = factory.get("p_worst_3", float("nan"))
    if not ends or likely != likely:
        return str(rank), "by expected crashes"
    return str(rank), f"{ends} at 95%; among the worst three: {format_share(likely)}"


def say_interval(factory: pd.Series) -> str:
    """Say how sure a factory's figure is, and what it rests on."""
    low, high = factory["ci_low"], factory["ci_high"]
    if low != low:
        return str(factory["reason"] or "the data cannot tell")
    pooled = factory["pooled_share"]
    said = f"in the period, {low:.0f} to {high:.0f} at 95%"
    return said if pooled != pooled else f"{said}; {format_share(pooled)} from road classes"
