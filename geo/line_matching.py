"""Which lines of one layer run where lines of another do, and over what length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from geopandas import GeoDataFrame
from numpy.typing import NDArray

from core.errors import InputError
from geo.crs import require_same_metric_crs
from geo.linear import Polylines, flatten_lines, interpolate_points
from geo.piece_index import PieceIndex, build_piece_index, find_within

__all__ = ["match_lines"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
KeyArray = NDArray[np.uint64]

STEP_M = 10.0  # lines are compared piece by piece
SAME_DIRECTION = 0.75  # cosine between two pieces, either way round: 41 degrees
BEYOND_M = 2.5  # how far past its end a line still counts as beside a piece
OTHER_WAY_M = 2.0  # a line of another OSM way must be nearer by this to be preferred
OTHER_LEVEL_M = 5.0  # so must one on another layer
SAME_PLACE_M = 0.02
PER_M = 100.0
CHUNK = 1_000_000  # pieces looked up at a time


def match_lines(
    old: GeoDataFrame, new: GeoDataFrame, *, tolerance_m: float, step_m: float = STEP_M
) -> pd.DataFrame:
    """Find which lines of two layers run along each other.

    Parameters
    ----------
    old, new
        Lines in one metric system. `osm_way_id` and `layer` are used where there are any.
    tolerance_m
        Lines farther apart are not the same road [m].
    step_m
        Length of the pieces that are compared [m]: lengths are known to about this much
        at every place where a line ends on one side only.

    Returns
    -------
    relations
        One row a pair of lines that run along each other, whatever their direction:
        `old`, `new` (row positions), `overlap_old_m` and `overlap_new_m` (length of each
        that runs along the other), `deviation_m` (greatest distance between them there),
        `is_reversed`, `is_identical` (the same vertices to 2 cm). A piece of line counts for
        one pair at most, so that the overlaps of a line never sum up to more than its
        length.

    Raises
    ------
    InputError
        If a distance is not positive.
    CrsError, GeometryError
        If the layers are not in one metric system, or not lines.

    Notes
    -----
    Identical lines are taken out first, by a key of their vertices. The pieces of the
    others are looked up in the other layer both ways; of several lines beside a piece, the
    one that is nearest on average over the whole line is taken, the same OSM way and layer
    preferred, and only pairs that each side chooses are kept.
    """
    for name, value in (("tolerance_m", tolerance_m), ("step_m", step_m)):
        if not value > 0:
            message = f"{name} is {value:g}; give a distance above 0."
            raise InputError(message)
    require_same_metric_crs(old=old, new=new)
    lines = [
        flatten_lines(layer.geometry.to_numpy(), layer=name)
        for layer, name in ((old, "old"), (new, "new"))
    ]
    same = _find_identical(old, new, *lines)
    rest = [
        np.setdiff1d(np.arange(len(layer)), same[side])
        for layer, side in ((old, "old"), (new, "new"))
    ]
    changed = _match_pieces(
        old.iloc[rest[0]].reset_index(drop=True),
        new.iloc[rest[1]].reset_index(drop=True),
        tolerance_m,
        step_m,
    )
    changed["old"], changed["new"] = rest[0][changed["old"]], rest[1][changed["new"]]
    result = pd.concat([same, changed], ignore_index=True)
    return result.sort_values(["old", "new"], ignore_index=True)


def _find_identical(
    old: GeoDataFrame, new: GeoDataFrame, old_lines: Polylines, new_lines: Polylines
) -> pd.DataFrame:
    """Pair lines that have the same vertices, in either order."""
    tables = []
    turned = []
    for layer, lines in ((old, old_lines), (new, new_lines)):
        key, is_turned = _compute_keys(lines)
        table = pd.DataFrame({"key": key, "row": np.arange(len(key)), "way": _get_ways(layer)})
        table = table.sort_values(["key", "way", "row"])
        table["rank"] = table.groupby("key").cumcount()
        tables.append(table)
        turned.append(is_turned)
    pairs = tables[0].merge(tables[1], on=["key", "rank"], suffixes=("_old", "_new"))
    a, b = pairs["row_old"].to_numpy(), pairs["row_new"].to_numpy()
    n_old, n_new = (np.diff(lines.first)[rows] for lines, rows in ((old_lines, a), (new_lines, b)))
    a, b = a[n_old == n_new], b[n_old == n_new]
    is_reversed = turned[0][a] != turned[1][b]
    worst = _compare_vertices(old_lines, new_lines, a, b, is_reversed)
    is_same = worst <= SAME_PLACE_M
    a, b = a[is_same], b[is_same]
    return pd.DataFrame(
        {
            "old": a,
            "new": b,
            "overlap_old_m": old_lines.length[a],
            "overlap_new_m": new_lines.length[b],
            "deviation_m": worst[is_same],
            "is_reversed": is_reversed[is_same],
            "is_identical": True,
        }
    )


def _compute_keys(lines: Polylines) -> tuple[KeyArray, BoolArray]:
    """Compute a key of each line's vertices that does not depend on its direction.

    Returned with it is whether the line was read from its end.
    """
    n = np.diff(lines.first)
    grid = np.floor(lines.xy * PER_M + 0.5).astype(np.int64)
    first, last = lines.first[:-1], lines.first[1:] - 1
    is_turned = np.zeros(len(n), dtype=bool)
    is_open = np.ones(len(n), dtype=bool)
    for step in (0, 1):  # a ring is read the way its second vertex says
        at = np.minimum(step, n - 1)
        start, stop = grid[first + at], grid[last - at]
        for k in (0, 1):
            is_turned |= is_open & (start[:, k] > stop[:, k])
            is_open &= start[:, k] == stop[:, k]
    line = lines.line_of_vertex
    rank = np.arange(len(line)) - lines.first[line]
    rank = np.where(is_turned[line], n[line] - 1 - rank, rank)
    with np.errstate(over="ignore"):
        word = _scramble(grid[:, 0].astype(np.uint64)) + np.uint64(3) * _scramble(
            grid[:, 1].astype(np.uint64) ^ np.uint64(0x9E3779B97F4A7C15)
        )
        word = _scramble(word) * (np.uint64(2) * _scramble(rank.astype(np.uint64)) + np.uint64(1))
        key: KeyArray = np.add.reduceat(word, first) if len(first) else np.empty(0, dtype=np.uint64)
    return key, is_turned


def _scramble(value: KeyArray) -> KeyArray:
    """Spread the bits of whole numbers (splitmix64's last step)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scrambled: KeyArray = value ^ (value >> np.uint64(31))
    return scrambled


def _compare_vertices(
    old: Polylines, new: Polylines, a: IntArray, b: IntArray, is_reversed: BoolArray
) -> FloatArray:
    """Measure the greatest distance between the vertices of lines with as many [m]."""
    n = np.diff(old.first)[a]
    pair = np.repeat(np.arange(len(a)), n)
    rank = np.arange(len(pair)) - np.repeat(np.cumsum(n) - n, n)
    of_old = old.first[a][pair] + rank
    of_new = new.first[b][pair] + np.where(is_reversed[pair], n[pair] - 1 - rank, rank)
    apart = np.hypot(*(old.xy[of_old] - new.xy[of_new]).T)
    worst = np.zeros(len(a))
    np.maximum.at(worst, pair, apart)
    return worst


def _get_ways(layer: GeoDataFrame) -> IntArray:
    if "osm_way_id" not in layer:
        return np.full(len(layer), -1, dtype=np.int64)
    ways: IntArray = layer["osm_way_id"].to_numpy(dtype=np.int64)
    return ways


def _match_pieces(
    old: GeoDataFrame, new: GeoDataFrame, tolerance_m: float, step_m: float
) -> pd.DataFrame:
    """Pair lines that run along each other, piece by piece, both ways."""
    one, two = (flatten_lines(layer.geometry.to_numpy()) for layer in (old, new))
    there = _look_up(old, new, one, two, tolerance_m, step_m)
    back = _look_up(new, old, two, one, tolerance_m, step_m)
    back = back.rename(columns={"one": "other", "other": "one"})
    both = there.merge(back, on=["one", "other"], suffixes=("_old", "_new"))
    sign = both["sign_old"] + both["sign_new"]
    return pd.DataFrame(
        {
            "old": both["one"].astype(np.int64),
            "new": both["other"].astype(np.int64),
            "overlap_old_m": both["overlap_m_old"],
            "overlap_new_m": both["overlap_m_new"],
            "deviation_m": both[["deviation_m_old", "deviation_m_new"]].max(axis=1),
            "is_reversed": sign < 0,
            "is_identical": False,
        }
    )


def _look_up(
    layer: GeoDataFrame,
    other: GeoDataFrame,
    lines: Polylines,
    other_lines: Polylines,
    tolerance_m: float,
    step_m: float,
) -> pd.DataFrame:
    """Give every piece of the lines to a line of the other layer, summed by pair."""
    index = build_piece_index(other_lines)
    count = np.maximum(np.ceil(lines.length / step_m), 1).astype(np.int64)
    chunk = (np.cumsum(count) - 1) // CHUNK
    penalty = _Penalty(layer, other)
    parts = []
    for number in np.unique(chunk):
        rows = np.flatnonzero(chunk == number)
        pieces = _cut(lines, rows, count[rows])
        parts.append(_choose(pieces, index, other_lines, penalty, tolerance_m))
    empty = pd.DataFrame({name: np.empty(0) for name in ("overlap_m", "deviation_m", "sign")})
    ids = {name: np.empty(0, np.int64) for name in ("one", "other")}
    return pd.concat(parts, ignore_index=True) if parts else empty.assign(**ids)


class _Penalty:
    """What is added to a distance when the OSM way or the layer is another one [m]."""

    def __init__(self, layer: GeoDataFrame, other: GeoDataFrame) -> None:
        self.ways = _get_ways(layer), _get_ways(other)
        self.levels = tuple(
            some["layer"].to_numpy(dtype=np.int64) if "layer" in some else np.zeros(len(some))
            for some in (layer, other)
        )

    def compute(self, one: IntArray, other: IntArray) -> FloatArray:
        is_other_way = self.ways[0][one] != self.ways[1][other]
        is_other_level = self.levels[0][one] != self.levels[1][other]
        penalty: FloatArray = OTHER_WAY_M * is_other_way + OTHER_LEVEL_M * is_other_level
        return penalty


def _cut(lines: Polylines, rows: IntArray, count: IntArray) -> dict[str, NDArray[Any]]:
    """Cut lines into equal pieces: where their middles are, which way they run."""
    line = np.repeat(rows, count)
    rank = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    step = lines.length[line] / np.repeat(count, count)
    middle = (rank + 0.5) * step
    return {
        "line": line,
        "length_m": step,
        "xy": interpolate_points(lines, line, middle),
        "heading": _compute_heading(lines, line, middle, step),
    }


def _compute_heading(
    lines: Polylines, line: IntArray, at: FloatArray, reach: FloatArray | float
) -> FloatArray:
    """Compute the direction of lines at places on them, as unit vectors."""
    half = np.maximum(np.asarray(reach) / 2, 0.5)
    along = interpolate_points(lines, line, at + half) - interpolate_points(lines, line, at - half)
    size = np.hypot(along[:, 0], along[:, 1])
    unit: FloatArray = along / np.where(size > 0, size, 1.0)[:, None]
    return unit


def _choose(
    pieces: dict[str, NDArray[Any]],
    index: PieceIndex,
    lines: Polylines,
    penalty: _Penalty,
    tolerance_m: float,
) -> pd.DataFrame:
    """Choose for each piece the line it runs along; all pieces of a line are at hand."""
    near = find_within(index, pieces["xy"], max_distance=tolerance_m)
    there = interpolate_points(lines, near.line, near.offset)
    heading = _compute_heading(lines, near.line, near.offset, STEP_M)
    own = pieces["heading"][near.point]
    cosine = (own * heading).sum(axis=1)
    beyond = np.abs(((there - pieces["xy"][near.point]) * heading).sum(axis=1))
    beside = (np.abs(cosine) >= SAME_DIRECTION) & (beyond <= BEYOND_M)
    found = pd.DataFrame(
        {
            "piece": near.point,
            "one": pieces["line"][near.point],
            "other": near.line,
            "distance_m": near.distance,
            "sign": np.sign(cosine),
        }
    )[beside]
    found["length_m"] = pieces["length_m"][found["piece"]]
    pairs = found.groupby(["one", "other"])["distance_m"].mean().reset_index(name="mean_m")
    pairs["score"] = pairs["mean_m"] + penalty.compute(
        pairs["one"].to_numpy(), pairs["other"].to_numpy()
    )
    found = found.merge(pairs[["one", "other", "score"]], on=["one", "other"])
    found = found.sort_values(["piece", "score", "other"]).drop_duplicates("piece")
    found["sign"] *= found["length_m"]
    groups = found.groupby(["one", "other"])
    sums: pd.DataFrame = groups.agg(
        overlap_m=("length_m", "sum"), deviation_m=("distance_m", "max"), sign=("sign", "sum")
    ).reset_index()
    return sums
