"""Find the roads that traces were driven on: hidden-Markov map matching."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import InputError, TableError
from core.progress import Progress, no_progress
from geo.matched import MatchedPath, MatchedTraces, QualityLimits, collect_matches
from geo.matching_network import MatchingNetwork, prepare_network
from geo.piece_index import find_within
from geo.trace_cleaning import thin_points
from geo.trellis import Limits, States, walk_trellis

__all__ = ["MatchingNetwork", "MatchingRules", "match_traces", "prepare_network"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FIRST_SIGMA_M: Final = 15.0  # taken until it is estimated
SIGMA_BOUNDS_M: Final = (3.0, 50.0)
BETA_BOUNDS_M: Final = (5.0, 200.0)
MEDIAN_TO_SIGMA: Final = 1.4826  # of a normal distribution
SAMPLE_TRACES: Final = 50  # that the estimates are made from
CHUNK_POINTS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRules:
    """The numbers of the method.

    Attributes
    ----------
    sigma_m
        Standard deviation of the fixes across the road [m]; None: estimated.
    beta_m
        Scale of the difference between route and straight line [m]; None: estimated.
    radius_m
        Roads farther from a fix than this are no candidates [m]; None: the larger of 50 m
        and 4 sigma.
    max_candidates
        At most so many segments are candidates of one fix, the nearest.
    u_turn_cost
        What turning round costs [-]: a negative log-likelihood.
    max_gap_m
        Fixes farther apart are not joined [m].
    route_factor, route_slack_m
        A route between two fixes is at most `route_factor` times their straight line, and
        `route_slack_m` [m].
    """

    sigma_m: float | None = None
    beta_m: float | None = None
    radius_m: float | None = None
    max_candidates: int = 8
    u_turn_cost: float = 8.0
    max_gap_m: float = 2_000.0
    route_factor: float = 2.0
    route_slack_m: float = 500.0


def match_traces(
    points: pd.DataFrame,
    network: MatchingNetwork,
    *,
    n_traces: int | None = None,
    rules: MatchingRules | None = None,
    quality: QualityLimits | None = None,
    executor: Executor | None = None,
    progress: Progress = no_progress,
) -> MatchedTraces:
    """Find the roads that each trace was driven on.

    Parameters
    ----------
    points
        Fixes in driving order: `trace` (number of the trace, from 0, in ascending order),
        `x`, `y` [m] in the CRS of the network; as `geo.trace_cleaning.clean_traces` gives
        them. Times are not needed.
    network
        Made by `prepare_network`.
    n_traces
        Number of traces, those without a fix included; by default the last number + 1.
    rules
        Numbers of the method; sigma and beta are estimated where they are None.
    quality
        What makes a match good, or not usable.
    executor
        Traces are shared out over its workers (threads or processes).
    progress
        Told how many traces are matched.

    Returns
    -------
    matched
        For each trace its path, line and quality; see `geo.matched.MatchedTraces`.

    Raises
    ------
    TableError
        If a column is missing or traces are not in order.
    InputError
        If a number of the rules is not above 0.

    Notes
    -----
    A fix at distance d from a place on a road has likelihood exp(-d² / 2 sigma²); a step between
    two places exp(-|r - s| / beta), r the length of the shortest route and s the straight line
    between the fixes. The most likely sequence of places is found by the Viterbi algorithm.
    Fixes within 2 sigma of the one before are left out. Places have a direction: a vehicle that
    turns round pays `u_turn_cost`, and a place slightly behind the one before is noise
    along the road. A fix that no route reaches is left out when the next one can be
    reached; else the path is broken there. So it is where two fixes in a row have no
    road near them, or lie more than `max_gap_m` apart.

    References
    ----------
    Newson & Krumm (2009). Hidden Markov map matching through noise and sparseness.
    ACM GIS 2009, 336-343. doi:10.1145/1653771.1653818
    """
    rules = rules or MatchingRules()
    _require_rules(rules)
    trace, xy = _read_points(points)
    n_traces = int(trace[-1]) + 1 if n_traces is None and len(trace) else n_traces or 0
    if len(trace) and trace[-1] >= n_traces:
        message = f"points: trace {trace[-1]} is beyond the {n_traces} traces; check the numbers."
        raise TableError(message)
    first = np.concatenate(([0], np.cumsum(np.bincount(trace, minlength=n_traces))))
    if rules.sigma_m is None or rules.beta_m is None:
        rules = _estimate(xy, first, network, rules)
    spans = list(_share_out(first))
    work = partial(_match_span, xy, first, network, rules)
    found = executor.map(work, spans) if executor is not None else map(work, spans)
    paths = []
    progress(0, n_traces, "matching")
    for span, path in zip(spans, found, strict=True):
        paths.append(path)
        progress(span[1], n_traces, "matching")
    return collect_matches(paths, network=network, rules=rules, limits=quality or QualityLimits())


def _require_rules(rules: MatchingRules) -> None:
    numbers = {name: getattr(rules, name) for name in MatchingRules.__slots__}
    for name, number in numbers.items():
        if number is not None and not 0 < number < np.inf:
            message = f"{name}: {number} is not a number above 0; give one."
            raise InputError(message)


def _read_points(points: pd.DataFrame) -> tuple[IntArray, FloatArray]:
    missing = [name for name in ("trace", "x", "y") if name not in points.columns]
    if missing:
        raise TableError.missing_columns("points", missing, list(map(str, points.columns)))
    trace = points["trace"].to_numpy(dtype=np.int64)
    xy = np.ascontiguousarray(points[["x", "y"]].to_numpy(dtype=float))
    if len(trace) and (trace[0] < 0 or (np.diff(trace) < 0).any()):
        message = "points: traces are not in ascending order; sort the points by trace."
        raise TableError(message)
    if not np.isfinite(xy).all():
        row = int(np.flatnonzero(~np.isfinite(xy).all(axis=1))[0])
        message = f"points: row {row} has no coordinates; clean the traces first."
        raise TableError(message)
    return trace, xy


def _share_out(first: IntArray) -> Iterator[tuple[int, int]]:
    """Yield runs of traces, each of some ten thousand points."""
    begin = 0
    while begin < len(first) - 1:
        end = int(np.searchsorted(first, first[begin] + CHUNK_POINTS, side="left"))
        end = min(max(end, begin + 1), len(first) - 1)
        yield begin, end
        begin = end


def _estimate(
    xy: FloatArray, first: IntArray, network: MatchingNetwork, rules: MatchingRules
) -> MatchingRules:
    """Estimate sigma and beta from traces matched with first guesses.

    By the medians of Newson & Krumm (2009), section 4: of a normal and of an exponential
    distribution, so that a share of wrong places does no harm.
    """
    sigma = rules.sigma_m or FIRST_SIGMA_M
    guess = replace(rules, sigma_m=sigma, beta_m=rules.beta_m or 2 * sigma)
    n_traces = len(first) - 1
    some = np.unique(np.linspace(0, max(n_traces - 1, 0), SAMPLE_TRACES).astype(int))[:n_traces]
    parts = [_match_span(xy, first, network, guess, (int(one), int(one) + 1)) for one in some]
    distance = np.concatenate([part.distance[part.part >= 0] for part in parts] or [np.empty(0)])
    excess = np.concatenate([np.abs(part.route - part.straight) for part in parts] or [np.empty(0)])
    excess = excess[np.isfinite(excess)]
    if rules.sigma_m is None and len(distance):
        sigma = float(np.clip(MEDIAN_TO_SIGMA * np.median(distance), *SIGMA_BOUNDS_M))
    beta = rules.beta_m or 2 * sigma
    if rules.beta_m is None and len(excess):
        beta = float(np.clip(np.median(excess) / np.log(2), *BETA_BOUNDS_M))
    return replace(rules, sigma_m=sigma, beta_m=beta)


def _match_span(
    xy: FloatArray,
    first: IntArray,
    network: MatchingNetwork,
    rules: MatchingRules,
    span: tuple[int, int],
) -> MatchedPath:
    """Match a run of traces."""
    sigma, beta = rules.sigma_m or FIRST_SIGMA_M, rules.beta_m or 2 * FIRST_SIGMA_M
    begin, end = span
    all_xy = xy[first[begin] : first[end]]
    all_first = first[begin : end + 1] - first[begin]
    kept = np.flatnonzero(thin_points(all_xy, all_first, sigma))
    some_xy = np.ascontiguousarray(all_xy[kept])
    some_first = np.searchsorted(kept, all_first)
    states = _find_states(some_xy, network, rules, sigma)
    limits = Limits(
        beta=beta,
        u_turn_cost=rules.u_turn_cost,
        slip=4 * sigma,
        max_gap=rules.max_gap_m,
        route_factor=rules.route_factor,
        route_slack=rules.route_slack_m,
    )
    found = walk_trellis(network.arcs, states, limits, some_xy, some_first)
    chosen = np.where(found.state >= 0, found.state, 0)
    has_state = found.state >= 0
    empty = len(states.arc) == 0
    arc = np.where(has_state, 0 if empty else states.arc[chosen], -1)
    distance = np.full(len(kept), np.nan)
    if not empty:
        distance[has_state] = np.sqrt(2 * states.cost[chosen[has_state]]) * sigma
    offset = np.full(len(kept), np.nan)
    if not empty:
        offset[has_state] = states.offset[chosen[has_state]]
    straight = np.hypot(*(some_xy - some_xy[np.maximum(found.previous, 0)]).T)
    return MatchedPath(
        span=span,
        point=kept + first[begin],
        xy=some_xy,
        trace=np.repeat(np.arange(begin, end), np.diff(some_first)),
        arc=arc,
        offset=offset,
        distance=distance,
        part=found.part,
        route=found.route,
        straight=straight,
        piece_trace=found.piece_trace + begin,
        piece_part=found.piece_part,
        piece_arc=found.piece_arc,
        piece_from=found.piece_from,
        piece_to=found.piece_to,
    )


def _find_states(
    xy: FloatArray, network: MatchingNetwork, rules: MatchingRules, sigma: float
) -> States:
    """Candidates of every point: both directions of the nearest segments."""
    radius = rules.radius_m or max(50.0, 4 * sigma)
    near = find_within(network.index, xy, max_distance=radius)
    order = np.lexsort((near.line, near.distance, near.point))
    point = near.point[order]
    rank = np.arange(len(point)) - np.searchsorted(point, point)
    order = order[rank < rules.max_candidates]
    point, line = np.repeat(near.point[order], 2), np.repeat(near.line[order], 2)
    arc = network.arc_of_line[near.line[order]].ravel()
    along = np.repeat(near.offset[order], 2)
    distance = np.repeat(near.distance[order], 2)
    is_back = np.tile([False, True], len(order))
    offset = np.where(is_back, np.maximum(network.lines.length[line] - along, 0.0), along)
    there = arc >= 0
    counts = np.bincount(point[there], minlength=len(xy))
    return States(
        first=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        arc=arc[there],
        offset=offset[there],
        cost=distance[there] ** 2 / (2 * sigma**2),
    )
