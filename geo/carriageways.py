"""Which one-way segments are the two carriageways of one road."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.errors import InputError, TableError
from core.vocabulary import RoadClass
from geo.linear import flatten_lines, interpolate_points

__all__ = ["CARRIAGEWAY_GAP_M", "Carriageways", "pair_carriageways"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

CARRIAGEWAY_GAP_M = 40.0
STEP_M = 20.0  # roads are compared at places this far apart
LEAST_GAP_M = 1.0  # nearer lines are one line drawn twice
OPPOSITE = -0.8  # cosine between the directions of travel, about 143 degrees
LEAST_SHARE = 0.5  # of a segment that has the other carriageway beside it
_NEVER = (RoadClass.SERVICE.value, RoadClass.PATH.value)
_UNNAMED = ("motorway", "trunk", "primary", "secondary", "tertiary")
_NEEDED = ("u", "v", "name", "ref", "road_class", "oneway", "is_link", "is_roundabout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriageways:
    """Carriageways that belong together.

    Attributes
    ----------
    pairs
        One row a segment and one opposite it: `segment_id`, `other_segment_id`,
        `overlap_m` (length of the first that has the second beside it), `gap_m` (mean
        distance between the centre lines). Both orders are there.
    dual_group
        Number of the dual carriageway road of each segment, null for none; stretches
        that are connected count as one road. Numbered by lowest segment.
    dual_share
        Share of each segment's length with another carriageway beside it, shape (n,).
    """

    pairs: pd.DataFrame
    dual_group: pd.Series[int]
    dual_share: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """Places along one-way roads, once for each word that the road goes by."""

    segment: IntArray
    xy: FloatArray
    heading: FloatArray  # of travel, unit vectors
    length_m: FloatArray  # of road that the place stands for
    key: IntArray
    number: IntArray  # the same for one place under another word


def pair_carriageways(
    segments: GeoDataFrame, *, max_gap_m: float = CARRIAGEWAY_GAP_M
) -> Carriageways:
    """Find segments that are the two carriageways of one road.

    Parameters
    ----------
    segments
        Columns `u`, `v`, `name`, `ref`, `road_class`, `oneway`, `is_link`,
        `is_roundabout`; in metres.
    max_gap_m
        Greatest distance between the centre lines [m]; 0 finds none.

    Returns
    -------
    carriageways
        By row position. Two one-way segments are a pair where they share the name or the
        ref (or have neither, and are of one class from motorway to tertiary), run in
        opposite directions, and lie side by side within `max_gap_m`. A segment belongs to
        a dual carriageway when half its length or more has another beside it.

    Raises
    ------
    TableError
        If a column is missing.
    InputError
        If `max_gap_m` is negative.

    Notes
    -----
    Links, roundabouts, service roads and paths are never carriageways. Roads are compared
    every 20 m. Two one-way streets of one name around a square narrower than `max_gap_m`
    are taken for a dual carriageway.
    """
    missing = [name for name in _NEEDED if name not in segments.columns]
    if missing:
        raise TableError.missing_columns("segments", missing, list(map(str, segments.columns)))
    if max_gap_m < 0:
        message = f"max_gap_m is {max_gap_m:g}; give 0 or more."
        raise InputError(message)
    n = len(segments)
    rows = _find_candidates(segments)
    if max_gap_m == 0 or len(rows) < 2:
        return _find_none(n)
    samples = _sample(segments, rows)
    beside = _find_opposite(samples, max_gap_m)
    _, first = np.unique(samples.number, return_index=True)
    whole = np.bincount(samples.segment[first], samples.length_m[first], n)
    covered = np.bincount(beside["row"], beside["length_m"], n)
    share = np.divide(covered, whole, out=np.zeros(n), where=whole > 0)
    is_dual = share >= LEAST_SHARE
    group = _group(segments, samples, beside, is_dual)
    return Carriageways(
        pairs=_list_pairs(beside, is_dual),
        dual_group=pd.Series(pd.arrays.IntegerArray(group, group < 0)),
        dual_share=np.minimum(share, 1.0),
    )


def _find_none(n: int) -> Carriageways:
    ids = {name: np.empty(0, np.int64) for name in ("segment_id", "other_segment_id")}
    lengths = {name: np.empty(0) for name in ("overlap_m", "gap_m")}
    none = pd.arrays.IntegerArray(np.full(n, -1, dtype=np.int64), np.ones(n, dtype=bool))
    return Carriageways(
        pairs=pd.DataFrame(ids | lengths), dual_group=pd.Series(none), dual_share=np.zeros(n)
    )


def _find_candidates(segments: GeoDataFrame) -> IntArray:
    """Find the roads that may be carriageways."""
    road_class = segments["road_class"].to_numpy(dtype=object)
    is_oneway = segments["oneway"].isin(["forward", "backward"]).to_numpy(bool)
    may_be = is_oneway & ~np.isin(road_class.astype(str), _NEVER)
    may_be &= ~segments["is_link"].to_numpy(bool) & ~segments["is_roundabout"].to_numpy(bool)
    return np.flatnonzero(may_be)


def _sample(segments: GeoDataFrame, rows: IntArray) -> _Samples:
    """Place samples along roads, once a word."""
    lines = flatten_lines(segments.geometry.to_numpy()[rows])
    count = np.maximum(np.ceil(lines.length / STEP_M), 1).astype(np.int64)
    at = np.repeat(np.arange(len(rows)), count)
    rank = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
    step = (lines.length / count)[at]
    middle = (rank + 0.5) * step
    before, after = (interpolate_points(lines, at, middle + side * step / 2) for side in (-1, 1))
    is_backward = (segments["oneway"] == "backward").to_numpy(bool)[rows][at]
    heading = (after - before) * np.where(is_backward, -1.0, 1.0)[:, None]
    size = np.hypot(heading[:, 0], heading[:, 1])
    heading = heading / np.where(size > 0, size, 1.0)[:, None]
    xy = interpolate_points(lines, at, middle)
    keys = _list_keys(segments.iloc[rows])
    number, word = np.nonzero(keys[at] >= 0)
    return _Samples(
        segment=rows[at][number],
        xy=xy[number],
        heading=heading[number],
        length_m=step[number],
        key=keys[at[number], word],
        number=number,
    )


def _list_keys(segments: pd.DataFrame) -> IntArray:
    """Give the words of each segment as numbers, shape (n, 3); -1 where it has none."""
    name, ref = _code(segments["name"]), _code(segments["ref"].str.replace(r";.*", "", regex=True))
    classes = pd.Index(_UNNAMED).get_indexer(pd.Index(segments["road_class"]))
    classes = np.where((name < 0) & (ref < 0), classes, -1)
    keys = np.column_stack([name, ref, classes]).astype(np.int64)
    offset = np.concatenate([[0], np.cumsum(keys.max(axis=0, initial=-1) + 1)[:-1]])
    numbered: IntArray = np.where(keys >= 0, keys + offset, -1)
    return numbered


def _code(words: pd.Series[str]) -> IntArray:
    """Give words numbers, whatever their case and spaces; -1 for none."""
    code, distinct = pd.factorize(words)
    plain = pd.Index([" ".join(str(word).casefold().split()) for word in distinct])
    same = pd.factorize(plain.where(plain != ""))[0].astype(np.int64)
    result: IntArray = np.where(code >= 0, np.append(same, -1)[code], -1)
    return result


def _find_opposite(samples: _Samples, max_gap_m: float) -> pd.DataFrame:
    """Find for each place the nearest place of the other carriageway.

    Returned are `row` and `other` (positions of segments), `length_m` and `gap_m`, a row
    a place.
    """
    reach = float(np.hypot(max_gap_m, STEP_M))
    layer = samples.key * (4 * reach)  # so that only places of one word are near
    tree = cKDTree(np.column_stack([samples.xy, layer]))
    a, b = tree.query_pairs(reach, output_type="ndarray").astype(np.int64).T
    is_other = samples.segment[a] != samples.segment[b]
    cosine = (samples.heading[a] * samples.heading[b]).sum(axis=1)
    chosen = is_other & (cosine < OPPOSITE)
    a, b = np.concatenate([[a[chosen], b[chosen]], [b[chosen], a[chosen]]], axis=1)
    apart = samples.xy[b] - samples.xy[a]
    along = (apart * samples.heading[a]).sum(axis=1)
    gap = np.abs(apart[:, 0] * samples.heading[a, 1] - apart[:, 1] * samples.heading[a, 0])
    slack = (samples.length_m[a] + samples.length_m[b]) / 2
    beside = (np.abs(along) <= slack) & (gap <= max_gap_m) & (gap >= LEAST_GAP_M)
    found = pd.DataFrame(
        {
            "number": samples.number[a],
            "row": samples.segment[a],
            "other": samples.segment[b],
            "length_m": samples.length_m[a],
            "gap_m": gap,
            "along_m": np.abs(along),
        }
    )[beside]
    found = found.sort_values(["number", "gap_m", "along_m", "other"])
    nearest: pd.DataFrame = found.drop_duplicates("number")[["row", "other", "length_m", "gap_m"]]
    return nearest


def _list_pairs(beside: pd.DataFrame, is_dual: BoolArray) -> pd.DataFrame:
    both = beside[is_dual[beside["row"]] & is_dual[beside["other"]]]
    weighed = both.assign(weight=both["gap_m"] * both["length_m"])
    sums = weighed.groupby(["row", "other"])[["length_m", "weight"]].sum().reset_index()
    return pd.DataFrame(
        {
            "segment_id": sums["row"].astype(np.int64),
            "other_segment_id": sums["other"].astype(np.int64),
            "overlap_m": sums["length_m"],
            "gap_m": sums["weight"] / sums["length_m"],
        }
    )


def _group(
    segments: GeoDataFrame, samples: _Samples, beside: pd.DataFrame, is_dual: BoolArray
) -> IntArray:
    """Give each road a number: pairs, and what follows them under the same word."""
    n = len(segments)
    words = pd.DataFrame({"row": samples.segment, "key": samples.key}).drop_duplicates()
    words = words[is_dual[words["row"]]]
    ends = [segments[side].to_numpy(dtype=np.int64)[words["row"]] for side in ("u", "v")]
    n_keys = int(samples.key.max(initial=0)) + 1
    spot = np.concatenate(ends) * n_keys + np.tile(words["key"].to_numpy(), 2)
    _, vertex = np.unique(spot, return_inverse=True)
    both = beside[is_dual[beside["row"]] & is_dual[beside["other"]]]
    a = np.concatenate([np.tile(words["row"].to_numpy(), 2), both["row"].to_numpy()])
    b = np.concatenate([n + vertex, both["other"].to_numpy()])
    size = n + (int(vertex.max()) + 1 if len(vertex) else 0)
    links = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(size, size))
    label = connected_components(links, directed=False)[1][:n]
    rows = np.flatnonzero(is_dual)
    _, first, inverse = np.unique(label[rows], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    group: IntArray = np.full(n, -1, dtype=np.int64)
    group[rows] = rank[inverse]
    return group
