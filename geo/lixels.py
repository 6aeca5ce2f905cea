"""Lixels: the short pieces of road in which crashes are counted."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError, TableError
from geo.linear import cut_lines, flatten_lines

__all__ = ["build_lixels", "locate_lixels"]

IntArray = NDArray[np.int64]

NULL_ID = np.iinfo(np.int64).min
SLACK_M = 1e-6  # rounding, so that a segment of 100 m has two lixels of 50 m, not three


def build_lixels(segments: gpd.GeoDataFrame, *, lixel_length_m: float) -> gpd.GeoDataFrame:
    """Cut every segment into equal parts, none longer than the given length.

    Parameters
    ----------
    segments
        Columns `segment_id`, `geometry` (LineString in metres).
    lixel_length_m
        Greatest length of a lixel [m].

    Returns
    -------
    lixels
        `lixel_id` (0..n-1, ordered by `segment_id`, then along the segment),
        `segment_id`, `start_m`, `end_m` (along the segment) and `length_m` [m],
        `geometry` from start to end. Every segment has at least one.

    Raises
    ------
    InputError
        If the length is not positive.
    TableError
        If `segment_id` is missing or not unique.
    GeometryError
        If a geometry is not a single line.
    """
    if not (np.isfinite(lixel_length_m) and lixel_length_m > 0):
        message = f"lixel_length_m: {lixel_length_m} is not a length; give metres above 0."
        raise InputError(message)
    if "segment_id" not in segments.columns:
        raise TableError.missing_columns("segments", ["segment_id"], list(segments.columns))
    ids = segments["segment_id"].to_numpy(dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    repeated = np.flatnonzero(np.diff(ids) == 0)
    if len(repeated):
        message = (
            f"segments: {len(repeated)} segment_id(s) repeated, first {ids[repeated[0]]}; "
            "number the segments 0..n-1."
        )
        raise TableError(message)
    lines = flatten_lines(segments.geometry.to_numpy()[order])
    n_parts = np.maximum(np.ceil((lines.length - SLACK_M) / lixel_length_m), 1).astype(np.int64)
    line = np.repeat(np.arange(len(ids)), n_parts)
    part = np.arange(len(line)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    step = (lines.length / n_parts)[line]
    start = part * step
    end = np.where(part + 1 == n_parts[line], lines.length[line], (part + 1) * step)
    columns = {
        "lixel_id": np.arange(len(line)),
        "segment_id": ids[line],
        "start_m": start,
        "end_m": end,
        "length_m": end - start,
    }
    geometry = cut_lines(lines, line, start, end)
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=segments.crs)


def locate_lixels(
    lixels: pd.DataFrame, segment_id: ArrayLike | pd.Series, offset_m: ArrayLike
) -> IntArray:
    """Find the lixel at a place along a segment.

    Parameters
    ----------
    lixels
        As `build_lixels` returns them.
    segment_id
        Segment of each place, shape (n,); null for no place.
    offset_m
        Distance from the segment's start [m], shape (n,); clipped to the segment. At
        the boundary of two lixels the later one is meant.

    Returns
    -------
    lixel_id
        Shape (n,); -1 where the segment or the offset is null.

    Raises
    ------
    InputError
        If a segment has no lixel.
    """
    wanted = pd.Series(segment_id).astype("Int64").to_numpy(dtype=np.int64, na_value=NULL_ID)
    offset = np.asarray(offset_m, dtype=np.float64)
    result = np.full(len(wanted), -1, dtype=np.int64)
    known = (wanted != NULL_ID) & ~np.isnan(offset)
    if not known.any():
        return result
    segment = wanted[known]
    column = lixels["segment_id"].to_numpy(dtype=np.int64)
    low = np.searchsorted(column, segment, side="left")
    high = np.searchsorted(column, segment, side="right")
    if (low == high).any():
        lost = segment[low == high]
        message = (
            f"lixels: {len(np.unique(lost))} segment(s) have no lixel, first {lost[0]}; "
            "build the lixels from the same network."
        )
        raise InputError(message)
    start = lixels["start_m"].to_numpy()
    length = lixels["length_m"].to_numpy()[low]
    place = offset[known]
    part = np.divide(place, length, out=np.zeros_like(place), where=length > 0)
    at = low + np.clip(np.nan_to_num(np.floor(part)), 0, high - low - 1).astype(np.int64)
    at -= (place < start[at]) & (at > low)  # rounding of the division
    at += (at + 1 < high) & (place >= start[np.minimum(at + 1, len(start) - 1)])
    result[known] = lixels["lixel_id"].to_numpy(dtype=np.int64)[at]
    return result
