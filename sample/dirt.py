"""Planted dirt: the mistakes that real registers hold, each listed for the tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sample.world import World, build_part_rng

__all__ = ["HOSTILE_NARRATIVES", "add_dirt"]

HOSTILE_NARRATIVES = (
    "<script>alert(1)</script>",
    '=HYPERLINK("http://example.invalid","click")',
    '"quoted, with commas", and\na second line',
    "<img src=x onerror=alert(1)>",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\N{COLLISION SYMBOL} ម៉ូតូបុករថយន្ត \N{RACING MOTORCYCLE}",
)
DAMAGE = {
    "no_coordinates": 8,
    "zero_coordinates": 6,
    "swapped_coordinates": 6,
    "far_away": 5,
    "no_time": 25,
    "unknown_severity": 5,
    "no_date": 4,
    "future_date": 2,
    "unreadable_coordinates": 3,
    "hostile_text": len(HOSTILE_NARRATIVES),
}
UNREADABLE = (("n/a", "n/a"), ("near the market", ""), ("104°51'", "11°27'"))
N_EXACT_DUPLICATES = 12
N_REPEATED_REPORTS = 8


def add_dirt(world: World, table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Return the table with mistakes, and the `source_id` of each by kind.

    Damaged rows are different rows for each kind, so that each can be told apart; exact
    duplicates and repeated reports (same number, corrected text) follow at the end.
    """
    rng = build_part_rng(world, "dirt")
    dirty = table.astype("object").copy()
    located = np.flatnonzero((dirty["lon"] != "") & (dirty["factory_id"] == ""))
    chosen = rng.choice(located, sum(DAMAGE.values()), replace=False)
    ends = np.cumsum(list(DAMAGE.values()))
    rows = {
        kind: np.sort(part) for kind, part in zip(DAMAGE, np.split(chosen, ends[:-1]), strict=True)
    }
    for kind in ("no_coordinates", "zero_coordinates"):
        dirty.loc[rows[kind], ["lon", "lat"]] = "" if kind == "no_coordinates" else "0"
    swapped = rows["swapped_coordinates"]
    dirty.loc[swapped, ["lon", "lat"]] = dirty.loc[swapped, ["lat", "lon"]].to_numpy()
    dirty.loc[rows["far_away"], "lat"] = "13.361"
    dirty.loc[rows["unreadable_coordinates"], ["lon", "lat"]] = UNREADABLE
    at = dirty["occurred_at"]
    dirty.loc[rows["no_time"], "occurred_at"] = at[rows["no_time"]].str[:10]
    dirty.loc[rows["no_date"], "occurred_at"] = ""
    dirty.loc[rows["future_date"], "occurred_at"] = "2919" + at[rows["future_date"]].str[4:]
    dirty.loc[rows["unknown_severity"], "severity"] = "terrible"
    dirty.loc[rows["hostile_text"], "narrative"] = HOSTILE_NARRATIVES
    clean = np.setdiff1d(located, chosen)
    exact, repeated = np.split(
        rng.choice(clean, N_EXACT_DUPLICATES + N_REPEATED_REPORTS, replace=False),
        [N_EXACT_DUPLICATES],
    )
    again = dirty.loc[repeated].assign(collision_type="reported again")
    listed = {kind: dirty.loc[part, "source_id"].tolist() for kind, part in rows.items()}
    listed["exact_duplicate"] = dirty.loc[np.sort(exact), "source_id"].tolist()
    listed["repeated_report"] = again["source_id"].tolist()
    whole = pd.concat([dirty, dirty.loc[np.sort(exact)], again], ignore_index=True)
    return whole, listed
