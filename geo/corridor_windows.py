"""Windows that slide along named roads: 300 m of road, every 100 m.

A window covers both carriageways of its road and runs over intersections. It is measured in
the kilometres of the corridor (`geo.corridors`), not along single segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.errors import InputError, TableError

__all__ = [
    "CorridorWindows",
    "build_corridor_windows",
    "locate_on_corridors",
    "place_in_windows",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SLACK_KM = 1e-9
LEAST_KM = 1e-6  # a lixel with less of the road's kilometres between its ends is a point on it


@dataclass(frozen=True, slots=True, kw_only=True)
class CorridorWindows:
    """Windows and the lixels in them.

    Attributes
    ----------
    table
        One row a window: `window_id` (row position), `corridor_id`, `from_km`, `to_km`,
        `road_m` (length of road in it, both carriageways) [m].
    share
        Share of each lixel that lies in each window, 0 to 1, shape (n_windows, n_lixels).
    """

    table: pd.DataFrame
    share: csr_array


def build_corridor_windows(
    lixels: pd.DataFrame,
    segments: pd.DataFrame,
    *,
    window_km: float = 0.3,
    step_km: float = 0.1,
) -> CorridorWindows:
    """Slide a window along every corridor.

    Parameters
    ----------
    lixels
        As `geo.lixels.build_lixels` returns them: `lixel_id`, `segment_id`, `start_m`,
        `end_m`, `length_m`.
    segments
        Columns `segment_id`, `length_m`, `corridor_id`, `chainage_u_km`, `chainage_v_km`.
    window_km, step_km
        Length of the window and how far it moves each time [km].

    Returns
    -------
    windows
        Sorted by corridor, then kilometre. Windows without road (a gap) are left out.

    Raises
    ------
    InputError
        If a length is not positive or the step is longer than the window.
    TableError
        If a column is missing.

    Notes
    -----
    As the Highway Safety Manual (2010, 4.4.3) has it: at the end of a road the window keeps
    its length and the last step is shortened, so that the last window ends with the road; a
    road shorter than a window is one window. Windows overlap: neighbours share most of their
    crashes. On rings and forks, both branches with the same kilometres are in the window.
    """
    if not (window_km > 0 and 0 < step_km <= window_km):
        message = (
            f"windows of {window_km} km every {step_km} km: give a step above 0, at most that."
        )
        raise InputError(message)
    low, high, corridor = _measure_lixels(lixels, segments)
    on_road = np.flatnonzero(corridor >= 0)
    table = _list_windows(corridor[on_road], low[on_road], high[on_road], window_km, step_km)
    share = _overlap(table, corridor, low, high, on_road)
    road_m = share @ lixels["length_m"].to_numpy(dtype=np.float64)
    kept = np.flatnonzero(road_m > 0)
    table = table.iloc[kept].assign(road_m=road_m[kept]).reset_index(drop=True)
    table.insert(0, "window_id", np.arange(len(table)))
    return CorridorWindows(table=table, share=csr_array(share[kept]))


def locate_on_corridors(
    segment_id: IntArray, offset_m: FloatArray, segments: pd.DataFrame
) -> tuple[IntArray, FloatArray]:
    """Find the corridor and kilometre of places along segments.

    Parameters
    ----------
    segment_id
        Segment of each place, shape (n,).
    offset_m
        Distance from the segment's start [m], shape (n,).
    segments
        As in `build_corridor_windows`.

    Returns
    -------
    corridor_id, chainage_km
        -1 and NaN where the segment is on no corridor, shape (n,).

    Raises
    ------
    TableError
        If a segment is not there or a column is missing.
    """
    rows = _find_rows(segments, segment_id)
    corridor = segments["corridor_id"].astype("Int64").fillna(-1).to_numpy(dtype=np.int64)[rows]
    first, last, length = (
        segments[name].to_numpy(dtype=np.float64)[rows]
        for name in ("chainage_u_km", "chainage_v_km", "length_m")
    )
    part = np.clip(np.divide(offset_m, length, out=np.zeros(len(rows)), where=length > 0), 0, 1)
    chainage: FloatArray = np.where(corridor >= 0, first + (last - first) * part, np.nan)
    return corridor.astype(np.int64), chainage


def place_in_windows(
    table: pd.DataFrame, corridor_id: IntArray, chainage_km: FloatArray
) -> csr_array:
    """Tell which places lie in which windows.

    Parameters
    ----------
    table
        The windows, from `build_corridor_windows`.
    corridor_id, chainage_km
        From `locate_on_corridors`, shape (n,).

    Returns
    -------
    inside
        1.0 where the place is in the window, its ends included, shape (n_windows, n).
    """
    on_road = np.flatnonzero(np.isin(corridor_id, table["corridor_id"].to_numpy()))
    return _overlap(table, corridor_id, chainage_km, chainage_km, on_road)


def _find_rows(segments: pd.DataFrame, segment_id: IntArray) -> IntArray:
    needed = ["segment_id", "length_m", "corridor_id", "chainage_u_km", "chainage_v_km"]
    missing = [name for name in needed if name not in segments.columns]
    if missing:
        raise TableError.missing_columns("segments", missing, list(map(str, segments.columns)))
    rows = pd.Index(segments["segment_id"]).get_indexer(pd.Index(segment_id))
    if (rows < 0).any():
        lost = np.asarray(segment_id)[rows < 0]
        message = (
            f"segments: {len(np.unique(lost))} segment(s) are not there, first {lost[0]}; "
            "use tables of one network."
        )
        raise TableError(message)
    found: IntArray = rows.astype(np.int64)
    return found


def _measure_lixels(
    lixels: pd.DataFrame, segments: pd.DataFrame
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the kilometres between which each lixel lies, and its corridor (-1: none)."""
    segment = lixels["segment_id"].to_numpy(dtype=np.int64)
    ends = [lixels[name].to_numpy(dtype=np.float64) for name in ("start_m", "end_m")]
    corridor, one = locate_on_corridors(segment, ends[0], segments)
    _, other = locate_on_corridors(segment, ends[1], segments)
    return np.fmin(one, other), np.fmax(one, other), corridor


def _list_windows(
    corridor: IntArray, low: FloatArray, high: FloatArray, window_km: float, step_km: float
) -> pd.DataFrame:
    """List the windows of every corridor from its first to its last kilometre."""
    ids, code = np.unique(corridor, return_inverse=True)
    first = np.full(len(ids), np.inf)
    last = np.full(len(ids), -np.inf)
    np.minimum.at(first, code, low)
    np.maximum.at(last, code, high)
    extent = last - first
    n_windows = np.ones(len(ids), dtype=np.int64)
    is_long = extent > window_km + SLACK_KM
    n_windows[is_long] += np.ceil((extent[is_long] - window_km) / step_km - 1e-6).astype(np.int64)
    row = np.repeat(np.arange(len(ids)), n_windows)
    number = np.arange(len(row)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    start = first[row] + number * step_km
    is_last = number + 1 == n_windows[row]
    start = np.where(is_last & is_long[row], last[row] - window_km, start)
    end = np.where(is_long[row], start + window_km, last[row])
    return pd.DataFrame({"corridor_id": ids[row], "from_km": start, "to_km": end})


def _overlap(
    table: pd.DataFrame, corridor: IntArray, low: FloatArray, high: FloatArray, on_road: IntArray
) -> csr_array:
    """Return the share of every lixel in every window.

    Windows of a corridor are sorted by start and by end, so those that meet a lixel are a
    run of rows.
    """
    size = (len(table), len(corridor))
    if not len(table):
        return csr_array(size)
    start, end = table["from_km"].to_numpy(), table["to_km"].to_numpy()
    apart = float(end.max()) + 1.0  # corridors one after the other on one line
    ids, base = np.unique(table["corridor_id"].to_numpy(), return_inverse=True)
    move = np.searchsorted(ids, corridor[on_road]) * apart
    a, b = low[on_road] + move, high[on_road] + move
    is_point = b - a < LEAST_KM
    middle = (a + b) / 2
    a, b = np.where(is_point, middle, a), np.where(is_point, middle, b)
    first = np.searchsorted(end + base * apart, a - SLACK_KM, side="left")
    last = np.searchsorted(start + base * apart, b + SLACK_KM, side="right")
    n_each = np.maximum(last - first, 0)
    lixel = np.repeat(np.arange(len(on_road)), n_each)
    row = np.arange(len(lixel)) - np.repeat(np.cumsum(n_each) - n_each, n_each) + first[lixel]
    inside = np.minimum(b[lixel], (end + base * apart)[row])
    inside -= np.maximum(a[lixel], (start + base * apart)[row])
    width = np.where(is_point, 1.0, b - a)[lixel]
    share = np.where(is_point[lixel], 1.0, np.clip(inside / width, 0.0, 1.0))
    kept = (share > 0) & (base[row] * apart == move[lixel])
    matrix = csr_array((share[kept], (row[kept], on_road[lixel[kept]])), shape=size)
    matrix.sum_duplicates()
    return matrix
