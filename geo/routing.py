"""Routes from many origins to a gate, for many gates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Routes"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Routes from origins to gates, and the segments that each runs along.

    Attributes
    ----------
    routes
        One row a route: `route` (row number), `origin` (row of the origins), `gate` (row of
        the gates), `alternative` (0 is the fastest), `share` (sums to 1 for each origin and
        gate), `time_s` [s], `length_m` [m], `access_m` (straight from the origin to its
        road and from the gate's road to the gate, no part of `length_m`) [m].
    step_offset
        Position of each route's first step, and the total, shape (n_routes + 1,).
    step_segment_id
        Segments of all routes in driving order, from origin to gate, shape (n_steps,).
    step_length_m
        Metres driven on that segment; less than its length at both ends, shape (n_steps,).
    step_is_forward
        True where the segment is driven from u to v, shape (n_steps,).
    unreachable
        `origin`, `gate` (null where no gate was asked for in particular) and `reason`, in
        plain words.
    """

    routes: pd.DataFrame
    step_offset: IntArray
    step_segment_id: IntArray
    step_length_m: FloatArray
    step_is_forward: BoolArray
    unreachable: pd.DataFrame
