"""When the crashes of the whole area gather: hours, days of the week, months, in sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from models.clock_times import count_by_cycle, count_days_of_cycle, find_hour_clusters
from models.time_clusters import find_time_clusters
from pipeline.account import Period
from pipeline.hotspot_area import tell

__all__ = ["describe_area_times"]

N_SIMULATIONS: Final = 199
MINUTES_PER_HOUR: Final = 60


def describe_area_times(
    crashes: pd.DataFrame, period: Period, *, seed: int
) -> list[dict[str, str]]:
    """Return a question and its answer for hours, days of the week and months.

    Parameters
    ----------
    crashes
        Of the period, on the roads of the area: `occurred_at` (by the clocks of the place) and
        `has_time`.
    period
        Its days are what even crashes would follow: there are more days in March than in
        February, and not as many Mondays in every period as Sundays.
    seed
        Of the series that are drawn.
    """

    def ask_hours() -> str:
        when = crashes["occurred_at"].dt
        minute = (when.hour * MINUTES_PER_HOUR + when.minute).astype("float64")
        known = minute.where(crashes["has_time"].astype(bool))
        rng = np.random.default_rng(seed)
        found = find_hour_clusters(known.to_numpy(), rng=rng, n_simulations=N_SIMULATIONS)
        return found.meaning

    def ask_cycle(cycle: str) -> Callable[[], str]:
        def ask() -> str:
            counts, _ = count_by_cycle(crashes["occurred_at"], cycle=cycle)
            first, last = pd.Timestamp(period.start), pd.Timestamp(period.end)
            found = find_time_clusters(
                counts,
                cycle=cycle,
                rng=np.random.default_rng(seed),
                exposure=count_days_of_cycle(first, last, cycle=cycle),
                exposure_words="the number of such days",
                n_simulations=N_SIMULATIONS,
            )
            return found.meaning

        return ask

    return [
        tell("At which hours do crashes gather?", ask_hours),
        tell("On which days of the week?", ask_cycle("weekday")),
        tell("In which months?", ask_cycle("month")),
    ]
