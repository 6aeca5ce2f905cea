"""Charts of the pages: when, who, how badly, how sure; drawn by Vega, with nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.errors import InputError

__all__ = ["DAYS", "render_counts", "render_hour_of_week", "render_intervals", "render_shares"]

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


def render_shares(values: Mapping[str, float], *, unit: str) -> alt.LayerChart:
    """Draw what each label is of the whole as labelled bars, in the order given.

    Parameters
    ----------
    values
        Amount by label, none below 0.
    unit
        What the shares are of, as the title of the axis.
    """
    total = sum(values.values())
    labels = [label for label, value in values.items() if value > 0]
    frame = pd.DataFrame({"label": labels, "share": [values[label] / total for label in labels]})
    base = alt.Chart(frame).encode(
        y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=220)),
        x=alt.X("share:Q", title=unit, axis=alt.Axis(format=".0%", grid=False, tickCount=5)),
        tooltip=[
            alt.Tooltip("label:N", title=" "),
            alt.Tooltip("share:Q", title=unit, format=".1%"),
        ],
    )
    bars = base.mark_bar(color=BAR_COLOUR, height={"band": 0.7})
    numbers = base.mark_text(align="left", dx=4).encode(text=alt.Text("share:Q", format=".0%"))
    chart: alt.LayerChart = (bars + numbers).properties(height={"step": 26})
    return chart


def render_intervals(table: pd.DataFrame, *, value: str, unit: str) -> alt.LayerChart:
    """Draw estimates as points with their intervals, from top to bottom as the rows come.

    Parameters
    ----------
    table
        Columns `label`, the value, `low` and `high`.
    value
        Column of the estimate.
    unit
        Title of the axis.
    """
    frame = table[["label", value, "low", "high"]]
    sort = frame["label"].tolist()
    base = alt.Chart(frame).encode(
        y=alt.Y("label:N", sort=sort, title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[
            alt.Tooltip("label:N", title=" "),
            alt.Tooltip(f"{value}:Q", title=unit, format=".3~g"),
            alt.Tooltip("low:Q", title="95% interval from", format=".3~g"),
            alt.Tooltip("high:Q", title="to", format=".3~g"),
        ],
    )
    axis = alt.Axis(tickCount=5, format="~g", labelOverlap=True)
    x = alt.X("low:Q", title=unit, scale=alt.Scale(zero=True), axis=axis)
    rules = base.mark_rule(color=BAR_COLOUR, strokeWidth=2).encode(x=x, x2="high:Q")
    points = base.mark_circle(color=BAR_COLOUR, size=90, opacity=1).encode(x=f"{value}:Q")
    chart: alt.LayerChart = (rules + points).properties(height={"step": 26})
    return chart
