"""What map matching found: the path of each trace, its line, and how good the match is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from core.units import M_PER_KM
from geo.linear import cut_lines

if TYPE_CHECKING:  # they need this module
    from geo.map_matching import MatchingNetwork, MatchingRules

__all__ = [
    "GOOD",
    "LOOK",
    "NOT_USABLE",
    "MatchedPath",
    "MatchedTraces",
    "QualityLimits",
    "collect_matches",
]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GOOD: Final = "good"
LOOK: Final = "look at it"
NOT_USABLE: Final = "not usable"
GAP_M: Final = 500.0  # fixes farther apart that no path joins, with roads at both, are a gap
SHORTEST_M: Final = 1e-6  # a shorter piece is a place, not a stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLimits:
    """When a match is good, when it is of no use; in between a person looks at it.

    Good: at least `good_share` of the points and of the length matched, no break, 95 % of
    the points within `good_p95_m` [m] of the path, and the path between `good_detour`
    times the length of the trace. Not usable: less than `usable_share` of the points or
    of the length, a path shorter than `usable_m` [m], or longer than `usable_detour` times
    the trace.
    """

    good_share: float = 0.9
    good_p95_m: float = 40.0
    good_detour: tuple[float, float] = (0.7, 1.4)
    usable_share: float = 0.5
    usable_m: float = 200.0
    usable_detour: float = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPath:
    """Matched points and pieces of a run of traces, as arrays; -1 and NaN where unmatched."""

    span: tuple[int, int]  # first trace, and the one after the last
    point: IntArray  # row of each point used
    xy: FloatArray
    trace: IntArray
    arc: IntArray
    offset: FloatArray  # from the arc's start [m]
    distance: FloatArray
    part: IntArray
    route: FloatArray  # from the point before [m]
    straight: FloatArray  # likewise
    piece_trace: IntArray
    piece_part: IntArray
    piece_arc: IntArray
    piece_from: FloatArray
    piece_to: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedTraces:
    """Driven paths; row of `traces` is the number of the trace.

    Attributes
    ----------
    traces
        One row a trace: `trace`, `n_points` (used after thinning), `n_matched`,
        `points_share`, `trace_m` (length of the trace [m]), `length_share` (of it,
        matched), `matched_m` (length of the path [m]), `detour` (path over trace),
        `mean_distance_m`, `p95_distance_m`, `n_parts`, `n_breaks`, `wrong_way_share`,
        `verdict`, `reason`.
    points
        One row a point used: `trace`, `row` (of the points given), `part` (-1: not matched),
        `segment_id` (null: not matched), `is_forward`, `offset_m` (along the segment's
        line), `distance_m`.
    step_offset
        First step of each trace, and the total, shape (n_traces + 1,).
    step_part, step_segment_id, step_length_m, step_is_forward, step_is_wrong_way
        Steps of all traces in driving order; a part begins where the path is broken.
    step_from_m, step_to_m
        Where the stretch lies along the segment's line [m], from < to in any direction.
    lines
        The driven line, a MultiLineString with one line a part; null where nothing matched.
    sigma_m, beta_m
        Numbers that the match was made with.
    """

    traces: pd.DataFrame
    points: pd.DataFrame
    step_offset: IntArray
    step_part: IntArray
    step_segment_id: IntArray
    step_length_m: FloatArray
    step_is_forward: BoolArray
    step_is_wrong_way: BoolArray
    step_from_m: FloatArray
    step_to_m: FloatArray
    lines: gpd.GeoSeries
    sigma_m: float
    beta_m: float

    @property
    def step_trace(self) -> IntArray:
        """Trace that each step belongs to."""
        return np.repeat(np.arange(len(self.traces)), np.diff(self.step_offset))

    def to_steps(self) -> pd.DataFrame:
        """Return one row a step: `path` (the trace), `part`, and the columns of the steps."""
        return pd.DataFrame(
            {
                "path": self.step_trace,
                "part": self.step_part,
                "segment_id": self.step_segment_id,
                "is_forward": self.step_is_forward,
                "is_wrong_way": self.step_is_wrong_way,
                "from_m": self.step_from_m,
                "to_m": self.step_to_m,
                "length_m": self.step_length_m,
            }
        )


def collect_matches(
    paths: Sequence[MatchedPath],
    *,
    network: MatchingNetwork,
    rules: MatchingRules,
    limits: QualityLimits,
) -> MatchedTraces:
    """Put matched runs of traces together and say how good each match is.

    Parameters
    ----------
    paths
        Runs in the order of the traces.
    network, rules, limits
        What they were matched with, and what makes a match good.
    """
    n_traces = paths[-1].span[1] if paths else 0
    points = _list_points(paths, network)
    trace, part, arc, begin, end = _list_pieces(paths)
    line = network.line[arc]
    is_forward = network.is_forward[arc]
    length = network.lines.length[line]
    low = np.where(is_forward, begin, np.maximum(length - end, 0.0))
    high = np.where(is_forward, end, length - begin)
    driven = end - begin
    step_offset = np.concatenate(([0], np.cumsum(np.bincount(trace, minlength=n_traces))))
    is_wrong_way = network.is_wrong_way[arc]
    pieces = cut_lines(network.lines, line, low, high)
    lines = _join_pieces(pieces, is_forward, trace, part, n_traces)
    traces = _measure(points, n_traces, max_gap_m=rules.max_gap_m)
    traces["matched_m"] = np.bincount(trace, weights=driven, minlength=n_traces)
    wrong = np.bincount(trace, weights=driven * is_wrong_way, minlength=n_traces)
    traces["wrong_way_share"] = _divide(wrong, traces["matched_m"].to_numpy())
    traces["detour"] = _divide(traces["matched_m"].to_numpy(), traces.pop("joined_m").to_numpy())
    traces["verdict"], traces["reason"] = _judge(traces, limits)
    order = [
        *("trace", "n_points", "n_matched", "points_share", "trace_m", "length_share"),
        *("matched_m", "detour", "mean_distance_m", "p95_distance_m", "n_parts", "n_breaks"),
        *("wrong_way_share", "verdict", "reason"),
    ]
    return MatchedTraces(
        traces=traces[order],
        points=points.drop(columns=["route_m", "straight_m", "length_m"]),
        step_offset=step_offset.astype(np.int64),
        step_part=part,
        step_segment_id=network.segment_id[line],
        step_length_m=driven,
        step_is_forward=is_forward,
        step_is_wrong_way=is_wrong_way,
        step_from_m=low,
        step_to_m=high,
        lines=gpd.GeoSeries(lines, crs=network.crs),
        sigma_m=float(rules.sigma_m or np.nan),
        beta_m=float(rules.beta_m or np.nan),
    )


def _list_points(paths: Sequence[MatchedPath], network: MatchingNetwork) -> pd.DataFrame:
    """One row a point used; a part of a single point is no match. Parts are numbered anew."""

    def gather(name: str, dtype: type) -> NDArray[Any]:
        columns = [getattr(path, name) for path in paths]
        return np.concatenate(columns or [np.empty(0)]).astype(dtype)

    trace, part = gather("trace", np.int64), gather("part", np.int64)
    arc, offset = gather("arc", np.int64), gather("offset", np.float64)
    xy = np.concatenate([path.xy for path in paths] or [np.empty((0, 2))])
    step = np.zeros(len(xy))
    step[1:] = np.hypot(*np.diff(xy, axis=0).T)
    step[1:][trace[1:] != trace[:-1]] = 0.0
    frame = pd.DataFrame(
        {
            "trace": trace,
            "row": gather("point", np.int64),
            "part": part,
            "distance_m": gather("distance", np.float64),
            "route_m": gather("route", np.float64),
            "straight_m": gather("straight", np.float64),
            "length_m": step,
        }
    )
    size = frame.groupby(["trace", "part"])["row"].transform("size")
    is_matched = (part >= 0) & (size > 1).to_numpy()
    found = frame.loc[is_matched].groupby("trace")["part"].rank(method="dense").astype(int) - 1
    frame["part"] = found.reindex(frame.index, fill_value=-1)
    safe = np.where(is_matched, arc, 0)
    if len(network.line):
        line, forward = network.line[safe], network.is_forward[safe]
        along = np.where(forward, offset, network.lines.length[line] - offset)
        segment = network.segment_id[line]
    else:
        segment, forward, along = np.zeros(len(arc), int), np.zeros(len(arc), bool), offset
    frame["segment_id"] = pd.arrays.IntegerArray(segment.astype(np.int64), ~is_matched)
    frame["is_forward"] = pd.arrays.BooleanArray(forward.astype(bool), ~is_matched)
    frame["offset_m"] = np.where(is_matched, along, np.nan)
    frame.loc[~is_matched, "distance_m"] = np.nan
    return frame


def _list_pieces(
    paths: Sequence[MatchedPath],
) -> tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]:
    """Trace, part, arc, start and end of the stretches driven."""
    columns = []
    for path in paths:
        some = path.piece_to - path.piece_from > SHORTEST_M
        names = ("piece_trace", "piece_part", "piece_arc", "piece_from", "piece_to")
        columns.append([getattr(path, name)[some] for name in names])
    joined = [np.concatenate(column) for column in zip(*columns, strict=True)]
    if not joined:
        none = np.empty(0, dtype=np.int64)
        return none, none, none, np.empty(0), np.empty(0)
    trace, part, arc, begin, end = joined
    frame = pd.DataFrame({"trace": trace, "part": part})
    rank = frame.groupby("trace")["part"].rank(method="dense").to_numpy(dtype=np.int64) - 1
    return trace, rank, arc, begin, end


def _measure(points: pd.DataFrame, n_traces: int, *, max_gap_m: float) -> pd.DataFrame:
    """Measure each trace: counts, shares, distances; gaps are holes in the recording."""
    index = pd.RangeIndex(n_traces)
    matched = points[points["part"] >= 0]
    groups = matched.groupby("trace")
    joined = matched.loc[matched["route_m"].notna()].groupby("trace")["straight_m"].sum()
    traces = pd.DataFrame({"trace": index}, index=index)
    traces["n_points"] = np.bincount(points["trace"], minlength=n_traces)
    traces["n_matched"] = np.bincount(matched["trace"], minlength=n_traces)
    traces["points_share"] = _divide(traces["n_matched"].to_numpy(), traces["n_points"].to_numpy())
    traces["trace_m"] = np.bincount(points["trace"], weights=points["length_m"], minlength=n_traces)
    traces["joined_m"] = joined.reindex(index, fill_value=0.0)
    share = _divide(traces["joined_m"].to_numpy(), traces["trace_m"].to_numpy())
    traces["length_share"] = np.minimum(share, 1.0)
    before = points.shift(1)
    step = points["length_m"].to_numpy()
    is_joined = (points["route_m"].notna() & (points["part"] >= 0)).to_numpy()
    has_roads = ((points["part"] >= 0) & (before["part"] >= 0)).to_numpy()
    is_gap = ~is_joined & ((step > max_gap_m) | (has_roads & (step > GAP_M)))
    gaps = points[is_gap].groupby("trace")["length_m"]
    traces["n_gaps"] = gaps.size().reindex(index, fill_value=0)
    traces["gap_m"] = gaps.sum().reindex(index, fill_value=0.0)
    traces["longest_gap_m"] = gaps.max().reindex(index, fill_value=0.0)
    traces["mean_distance_m"] = groups["distance_m"].mean().reindex(index)
    traces["p95_distance_m"] = groups["distance_m"].quantile(0.95).reindex(index)
    traces["n_parts"] = groups["part"].nunique().reindex(index, fill_value=0)
    traces["n_breaks"] = (traces["n_parts"] - 1).clip(lower=0)
    return traces


def _divide(above: NDArray[Any], below: NDArray[Any]) -> FloatArray:
    """Quotients; 0 ÷ 0 is 0."""
    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    share: FloatArray = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return share


def _judge(traces: pd.DataFrame, limits: QualityLimits) -> tuple[list[str], list[str]]:
    """Verdict of each trace and the reason in words."""
    verdicts, reasons = [], []
    for row in traces.to_dict("records"):
        verdict, why = _judge_one(row, limits)
        verdicts.append(verdict)
        reasons.append("; ".join(why))
    return verdicts, reasons


def _judge_one(row: dict[Hashable, Any], limits: QualityLimits) -> tuple[str, list[str]]:
    if row["n_points"] < 2:
        return NOT_USABLE, ["fewer than two fixes to go by"]
    bad = []
    if row["n_matched"] == 0:
        return NOT_USABLE, ["no road of the network is near enough"]
    if row["points_share"] < limits.usable_share:
        bad.append(f"only {row['points_share']:.0%} of its fixes lie on a path")
    if row["length_share"] < limits.usable_share:
        bad += _explain_lost(row, limits.usable_share, "only {share:.0%} of {what} lies on roads")
    if row["matched_m"] < limits.usable_m:
        bad.append(f"the path is {row['matched_m']:.0f} m long, less than {limits.usable_m:.0f} m")
    if row["detour"] > limits.usable_detour:
        bad.append(f"the path is {row['detour']:.1f} times as long as the trace")
    if bad:
        return NOT_USABLE, bad
    low, high = limits.good_detour
    if row["points_share"] < limits.good_share:
        bad.append(f"{1 - row['points_share']:.0%} of its fixes lie on no path")
    if row["length_share"] < limits.good_share:
        bad += _explain_lost(row, limits.good_share, "{lost:.0%} of {what} lies on no road")
    if row["n_breaks"]:
        bad.append(f"the path is broken at {row['n_breaks']:.0f} place(s)")
    if row["p95_distance_m"] > limits.good_p95_m:
        bad.append(f"1 fix in 20 is more than {row['p95_distance_m']:.0f} m from the path")
    if not low <= row["detour"] <= high:
        bad.append(f"the path is {row['detour']:.2f} times as long as the trace")
    return (LOOK, bad) if bad else (GOOD, ["matched from end to end"])


def _explain_lost(row: dict[Hashable, Any], wanted_share: float, words: str) -> list[str]:
    """Say whether the recording has holes, or roads are missing where there are fixes."""
    said, of_what = [], "its length"
    recorded_m, share = row["trace_m"] - row["gap_m"], row["length_share"]
    if row["n_gaps"]:
        said.append(
            f"{row['gap_m'] / row['trace_m']:.0%} of its length lies in {row['n_gaps']:.0f} gap(s) "
            f"of the recording, the longest {row['longest_gap_m'] / M_PER_KM:.1f} km"
        )
        of_what = "what was recorded"
        share = min(share * row["trace_m"] / recorded_m, 1.0) if recorded_m > 0 else 1.0
    if share < wanted_share:
        told = words.format(share=share, lost=1 - share, what=of_what)
        said.append(f"{told} of the network")
    return said


def _join_pieces(
    pieces: NDArray[np.object_],
    is_forward: BoolArray,
    trace: IntArray,
    part: IntArray,
    n_traces: int,
) -> NDArray[np.object_]:
    """Lines of each trace: its pieces in driving order, joined where they meet."""
    lines: NDArray[np.object_] = np.full(n_traces, None, dtype=object)
    if len(pieces) == 0:
        return lines
    xy, piece = shapely.get_coordinates(pieces, return_index=True)
    first = np.searchsorted(piece, np.arange(len(pieces) + 1))
    at = np.arange(len(xy))
    at = np.where(is_forward[piece], at, first[piece] + first[piece + 1] - 1 - at)
    xy = xy[at]
    starts = np.ones(len(pieces), dtype=bool)
    starts[1:] = (trace[1:] != trace[:-1]) | (part[1:] != part[:-1])
    chain = np.cumsum(starts) - 1
    chain_of = chain[piece]
    keep = np.ones(len(xy), dtype=bool)
    near = np.hypot(*np.diff(xy, axis=0).T) <= SHORTEST_M
    keep[1:] = ~(near & (chain_of[1:] == chain_of[:-1]))
    keep[np.flatnonzero(np.diff(chain_of, append=-1) != 0)] = True  # never a line of one place
    joined = np.asarray(shapely.linestrings(xy[keep], indices=chain_of[keep]))
    owner = trace[starts]
    some = np.unique(owner)
    lines[some] = shapely.multilinestrings(joined, indices=np.searchsorted(some, owner))
    return lines
