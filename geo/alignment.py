"""How roads bend: curvature change rate, the sharpest bend, and how winding a line is.

Mapped lines have vertices where the mapper clicked: close together in towns, far apart in
the country. So every line is first walked in equal steps, and bends are measured between
the steps; what is found then depends on the road, not on its vertices.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import InputError
from geo.crs import require_same_metric_crs
from geo.linear import Polylines, flatten_lines, interpolate_points

__all__ = ["measure_alignment"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK_STEPS = 2_000_000  # walked at once
MIN_STEPS = 2  # two chords make the first bend
STRAIGHT_RAD = 1e-9


def measure_alignment(lines: gpd.GeoDataFrame, *, step_m: float = 15.0) -> pd.DataFrame:
    """Measure the horizontal alignment of lines.

    Parameters
    ----------
    lines
        `geometry` (LineString in metres), such as a network's segments.
    step_m
        Length of the steps in which a line is walked [m]; each line in a whole number of
        equal ones, at least two. Shorter steps see sharper bends, and more of the noise
        of mapping.

    Returns
    -------
    alignment
        Same rows and index: `curvature_change_deg_km`, the sum of the absolute changes of
        direction per kilometre (the curvature change rate of rural road design [1]_);
        `min_radius_m`, of the circle through three neighbouring steps where the line
        bends most, infinite on a straight one; `sharpest_bend_deg`, the greatest change of
        direction from one step to the next; `sinuosity`, length over the distance between
        the ends, infinite for a loop. All NaN for a line without length.

    Raises
    ------
    CrsError
        If the lines are not in metres.
    GeometryError
        If a geometry is not a single line.
    InputError
        If the step is not a positive length.

    References
    ----------
    .. [1] Lamm, R., Psarianos, B., Mailaender, T. (1999). Highway Design and Traffic Safety
       Engineering Handbook. McGraw-Hill; there in gon/km.
    """
    if not (np.isfinite(step_m) and step_m > 0):
        message = f"step_m: {step_m} is not a length; give metres above 0."
        raise InputError(message)
    require_same_metric_crs(lines=lines)
    flat = flatten_lines(lines.geometry, layer="lines")
    n_steps = np.maximum(np.rint(flat.length / step_m).astype(np.int64), MIN_STEPS)
    parts = [_measure(flat, chosen, n_steps[chosen]) for chosen in _split(n_steps) if len(chosen)]
    names = ["curvature_change_deg_km", "min_radius_m", "sharpest_bend_deg", "sinuosity"]
    values = np.concatenate(parts) if parts else np.empty((0, len(names)))
    return pd.DataFrame(values, index=lines.index, columns=names)


def _split(n_steps: IntArray) -> list[IntArray]:
    """Return the positions of the lines in groups of about `CHUNK_STEPS` steps."""
    group = np.cumsum(n_steps) // CHUNK_STEPS
    edges = np.flatnonzero(np.diff(group)) + 1
    return np.split(np.arange(len(n_steps), dtype=np.int64), edges)


def _measure(flat: Polylines, chosen: IntArray, n_steps: IntArray) -> FloatArray:
    """Walk some lines; return a row of the four measures for each."""
    first = np.concatenate([[0], np.cumsum(n_steps + 1)])
    owner = np.repeat(np.arange(len(chosen)), n_steps + 1)
    step = flat.length[chosen] / n_steps
    along = (np.arange(first[-1]) - first[owner]) * step[owner]
    xy = interpolate_points(flat, chosen[owner], along)

    chord = np.diff(xy, axis=0)  # those from one line to the next are left out below
    before, after = chord[:-1], chord[1:]
    is_bend = owner[:-2] == owner[2:]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turn = np.abs(np.arctan2(cross, (before * after).sum(axis=1)))[is_bend]
    span = np.hypot(*(xy[2:] - xy[:-2]).T)[is_bend]
    # the circle through three points: the chord between the outer ones over twice the sine
    # of the angle at the middle one, which is pi minus the turn
    radius = np.full(len(turn), np.inf)
    bends = turn > STRAIGHT_RAD
    radius[bends] = span[bends] / (2 * np.sin(turn[bends]))

    start = np.concatenate([[0], np.cumsum(n_steps - 1)])[:-1]  # a line's first bend
    total, sharpest = np.add.reduceat(turn, start), np.maximum.reduceat(turn, start)
    length = flat.length[chosen]
    gap = np.hypot(*(xy[first[1:] - 1] - xy[first[:-1]]).T)
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = np.column_stack(
            [
                np.degrees(total) / (length / 1000),
                np.minimum.reduceat(radius, start),
                np.degrees(sharpest),
                length / np.where(gap > length * 1e-9, gap, 0.0),
            ]
        )
    measures[length == 0] = np.nan
    return measures
