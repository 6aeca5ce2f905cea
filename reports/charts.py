"""Charts of a hotspot: when, who and how badly; drawn by Vega, with nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.errors import InputError

__all__ = ["DAYS", "render_counts", "render_hour_of_week"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SEQUENTIAL = ["#f3f5f8", "#fdd49e", "#fc8d59", "#d7301f", "#7f0000"]
BAR_COLOUR = "#0b5cad"


def render_hour_of_week(counts: Sequence[int]) -> alt.Chart:
    """Draw crashes by weekday and hour as a heat profile.

    Parameters
    ----------
    counts
        Crashes by hour of the week, shape (168,), Monday 00:00 first.

    Raises
    ------
    InputError
        If there are not exactly 168 counts.
    """
    if len(counts) != 168:
        message = f"hour of week: {len(counts)} counts given, need 168 (7 days of 24 hours)."
        raise InputError(message)
    hour = np.tile(np.arange(24), 7)
    frame = pd.DataFrame({"day": np.repeat(DAYS, 24), "hour": hour, "crashes": list(counts)})
    frame["when"] = [
        f"{d} {h:02d}:00 to {h:02d}:59" for d, h in zip(frame["day"], hour, strict=True)
    ]
    top = max(1, int(frame["crashes"].max()))
    scale = alt.Scale(range=SEQUENTIAL, domain=[0, top], interpolate="rgb", type="linear")
    legend = alt.Legend(
        title="Crashes", tickMinStep=1, format="d", orient="top", gradientLength=120
    )
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_rect(stroke="white", strokeWidth=1)
        .encode(
            x=alt.X(
                "hour:O", title="Hour of the day", axis=alt.Axis(labelAngle=0, labelOverlap=True)
            ),
            y=alt.Y("day:O", title=None, sort=list(DAYS)),
            color=alt.Color("crashes:Q", scale=scale, legend=legend),
            tooltip=[
                alt.Tooltip("when:N", title="When"),
                alt.Tooltip("crashes:Q", title="Crashes"),
            ],
        )
        .properties(height={"step": 24})
    )
    return chart


def render_counts(counts: Mapping[str, int], *, order: Sequence[str], unit: str) -> alt.LayerChart:
    """Draw counts as labelled bars, in the order given.

    Parameters
    ----------
    counts
        Number by label.
    order
        Labels from top to bottom; labels without a count are left out.
    unit
        What is counted, as the title of the axis.
    """
    labels = [label for label in order if counts.get(label)]
    frame = pd.DataFrame({"label": labels, "n": [int(counts[label]) for label in labels]})
    base = alt.Chart(frame).encode(
        y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=220)),
        x=alt.X("n:Q", title=unit, axis=alt.Axis(tickMinStep=1, format="d", grid=False)),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("n:Q", title=unit)],
    )
    bars = base.mark_bar(color=BAR_COLOUR, height={"band": 0.7})
    numbers = base.mark_text(align="left", dx=4).encode(text="n:Q")
    chart: alt.LayerChart = (bars + numbers).properties(height={"step": 26})
    return chart
