"""How hotspots change from year to year, and at which hours their crashes gather."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from core.errors import SafeCommuteError
from models.hotspot_change import find_hotspot_changes
from models.time_clusters import find_time_clusters
from pipeline.account import Period

__all__ = ["describe_times"]

MOST_CLOCKED: Final = 100  # hotspots, the worst, whose hours are looked at
N_SIMULATIONS: Final = 199
HOURS: Final = 24
CHANGE_COLUMNS: Final = ("change_ratio", "change_ci_low", "change_ci_high", "q_change")


def describe_times(
    hotspots: pd.DataFrame, crashes: pd.DataFrame, number: pd.Series, period: Period, *, seed: int
) -> pd.DataFrame:
    """Return the change and the hours of each hotspot, in the order of its rows.

    Columns `change` (a word of `models.hotspot_change.PATTERNS`), `change_ratio`,
    `change_ci_low`, `change_ci_high`, `q_change`, `change_meaning`; `busy_hours`,
    `p_busy_hours`, `busy_hours_meaning`: empty and missing where it cannot be told.

    Parameters
    ----------
    hotspots
        `number`, `expected_crashes`, ranked from the worst.
    crashes
        All on a road: `occurred_at`, `has_time`.
    number
        Hotspot number of each of them, missing for none.
    period
        Of the run.
    seed
        Of the draws.
    """
    changes = find_changes(hotspots, crashes, number, period, seed=seed)
    return changes.join(find_hours(hotspots, crashes, number, seed=seed))


def find_changes(
    hotspots: pd.DataFrame, crashes: pd.DataFrame, number: pd.Series, period: Period, *, seed: int
) -> pd.DataFrame:
    """Return how each hotspot changed over the whole years of the period."""
    years = list_whole_years(period)
    empty = pd.DataFrame(
        {"change": "cannot tell", **dict.fromkeys(CHANGE_COLUMNS, np.nan), "change_meaning": ""},
        index=hotspots.index,
    )
    of_year = crashes["occurred_at"].dt.year
    total = of_year.value_counts().reindex(years, fill_value=0).to_numpy()
    if len(years) < 2 or (total == 0).any() or hotspots.empty:
        return empty
    counts = pd.crosstab(number, of_year).reindex(
        index=hotspots["number"], columns=years, fill_value=0
    )
    share = total.sum() / max(len(crashes), 1)  # of the expected, that falls into whole years
    found = find_hotspot_changes(
        counts.to_numpy(),
        total,
        hotspots["expected_crashes"].to_numpy() * share,
        rng=np.random.default_rng(seed),
        periods=[str(year) for year in years],
    )
    table = found.table.set_index(hotspots.index)
    columns = {name: table[name] for name in CHANGE_COLUMNS}
    return pd.DataFrame({"change": table["pattern"], **columns, "change_meaning": table["meaning"]})


def list_whole_years(period: Period) -> list[int]:
    """Return the calendar years that lie wholly within the period."""
    first = period.start.year + ((period.start.month, period.start.day) != (1, 1))
    last = period.end.year - ((period.end.month, period.end.day) != (12, 31))
    return list(range(first, last + 1))


def find_hours(
    hotspots: pd.DataFrame, crashes: pd.DataFrame, number: pd.Series, *, seed: int
) -> pd.DataFrame:
    """Return the hours at which the worst hotspots have more crashes than the area usually."""
    is_timed = crashes["has_time"].astype(bool) & crashes["occurred_at"].notna()
    hour = crashes.loc[is_timed, "occurred_at"].dt.hour
    own = number[is_timed]
    usual = np.bincount(hour, minlength=HOURS).astype(np.float64)
    counts = pd.crosstab(own, hour).reindex(
        index=hotspots["number"], columns=range(HOURS), fill_value=0
    )
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, float, str]] = []
    for row in counts.to_numpy():
        try:
            if len(rows) >= MOST_CLOCKED:
                rows.append(("", np.nan, ""))
                continue
            found = find_time_clusters(
                row,
                cycle="hour",
                rng=rng,
                exposure=usual,
                exposure_words="the hours of all crashes here",
                n_simulations=N_SIMULATIONS,
            )
            best = found.windows[0]
            is_sure = best.p_value <= 0.05
            rows.append((best.label if is_sure else "", best.p_value, found.meaning))
        except SafeCommuteError:
            rows.append(("", np.nan, ""))
    columns = ["busy_hours", "p_busy_hours", "busy_hours_meaning"]
    return pd.DataFrame(rows, columns=columns, index=hotspots.index)
