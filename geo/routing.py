"""Routes from many origins to a gate, for many gates."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.progress import Progress, no_progress
from geo.alternatives import AlternativeRules, find_alternatives
from geo.crs import require_same_metric_crs
from geo.detours import DetourSpace, make_detour_space
from geo.routable import RoutableRoads, build_routable_roads
from geo.route_choice import compute_overlap, compute_route_shares
from geo.route_ends import (
    BEYOND,
    NO_REASON,
    NOT_CONNECTED,
    RouteEnds,
    find_route_ends,
    list_pairs,
)
from geo.route_options import RouteOptions
from geo.shortest_paths import (
    FAR,
    Workspace,
    clear_workspace,
    list_gate_entries,
    make_workspace,
    search_from_gate,
)
from geo.snapping import get_point_xy
from geo.ways import Steps, Ways, list_start_nodes, take_fastest, write_steps

__all__ = [
    "RoutableRoads",
    "RouteOptions",
    "Routes",
    "TravelTimes",
    "build_routable_roads",
    "compute_travel_times",
    "find_routes",
]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

S_PER_MIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Routes from origins to gates, and the segments that each runs along.

    Attributes
    ----------
    routes
        One row a route: `route` (row number), `origin` (row of the origins), `gate` (row of
        the gates), `alternative` (0 is the fastest), `share` (sums to 1 for each origin and
        gate), `time_s` [s], `length_m` [m], `access_m` (straight from the origin to its
        road and from the gate's road to the gate, no part of `length_m`) [m], `start_m`
        (where its first step begins, from the start of that segment's line; null for a
        route without steps) [m], `path_size` and `overlap_share` (what it has in common
        with the others of its pair; see `geo.route_choice.compute_overlap`) [-].
    step_offset
        Position of each route's first step, and the total, shape (n_routes + 1,).
    step_segment_id
        Segments of all routes in driving order, from origin to gate, shape (n_steps,).
    step_length_m
        Metres driven on that segment; less than its length at both ends, shape (n_steps,).
    step_is_forward
        True where the segment is driven from u to v, shape (n_steps,).
    unreachable
        `origin`, `gate` and `reason`, in plain words. Where all were to be joined with all,
        `gate` is null for an origin that no gate is near, and `origin` for a gate without
        coordinates.
    """

    routes: pd.DataFrame
    step_offset: IntArray
    step_segment_id: IntArray
    step_length_m: FloatArray
    step_is_forward: BoolArray
    unreachable: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class TravelTimes:
    """Fastest times without the routes: `origin`, `gate`, `time_s`, `length_m`, `access_m`.

    `unreachable` is as in `Routes`.
    """

    times: pd.DataFrame
    unreachable: pd.DataFrame


def find_routes(
    roads: RoutableRoads,
    origins: gpd.GeoDataFrame | gpd.GeoSeries,
    gates: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    pairs: pd.DataFrame | None = None,
    options: RouteOptions | None = None,
    progress: Progress = no_progress,
) -> Routes:
    """Find the fastest routes from origins to gates, and ways that are nearly as fast.

    Parameters
    ----------
    roads
        From `build_routable_roads`.
    origins, gates
        Points in the CRS of the roads; missing ones are listed as unreachable.
    pairs
        Which row of the origins goes to which row of the gates: columns `origin`, `gate`;
        by default all to all within `options.max_distance_m`.
    options
        What is searched for; by default one route each, however far.
    progress
        Called with the number of gates done.

    Returns
    -------
    routes
        Ordered by gate, origin and alternative. Each pair is there or in `unreachable`.

    Raises
    ------
    CrsError
        If the layers are not in one system in metres.
    InputError
        If a geometry is not a point.
    TableError
        If `pairs` lacks a column or names a row that is not there.

    Notes
    -----
    Routes start and end part-way along a segment. The fastest way is exact; of equally fast
    ways the one over the lowest segment ids is taken, so that the order of segments and the
    direction in which they are drawn do not matter. Turns cost nothing and all are allowed;
    U-turns are possible at nodes only. Memory grows with the steps of all routes, 17 bytes
    each: for times alone there is `compute_travel_times`.
    """
    options = options or RouteOptions()
    ends = _find_ends(roads, origins, gates, pairs, options)
    parts = _search_all(roads, ends, options, progress, with_arcs=True)
    pair = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
    ways = [part[1] for part in parts]
    table = _describe_pairs(ends, pair, ways)
    step_offset, steps = _write_all_steps(roads, ways, options.n_threads)
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    alternative = np.arange(len(pair)) - np.repeat(first, np.diff(np.append(first, len(pair))))
    path_size, overlap_share = np.ones(len(table)), np.zeros(len(table))
    if options.n_alternatives > 1:
        key = 2 * steps.segment_id + steps.is_forward
        path_size, overlap_share = compute_overlap(pair, step_offset, key, steps.length_m)
    time_s = table["time_s"].to_numpy()
    share = compute_route_shares(pair, time_s, path_size, theta_per_min=options.theta_per_min)
    table.insert(0, "route", np.arange(len(table)))
    table.insert(3, "alternative", alternative)
    table.insert(4, "share", share)
    table["start_m"] = _find_starts(roads, ends, pair, step_offset, steps)
    return Routes(
        routes=table.assign(path_size=path_size, overlap_share=overlap_share),
        step_offset=step_offset,
        step_segment_id=steps.segment_id,
        step_length_m=steps.length_m,
        step_is_forward=steps.is_forward,
        unreachable=_list_unreachable(ends, pair, options),
    )


def compute_travel_times(
    roads: RoutableRoads,
    origins: gpd.GeoDataFrame | gpd.GeoSeries,
    gates: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    pairs: pd.DataFrame | None = None,
    options: RouteOptions | None = None,
    progress: Progress = no_progress,
) -> TravelTimes:
    """Compute how long the fastest routes take, without keeping the routes.

    Parameters, order of rows and errors are those of `find_routes`; of the options those
    about alternatives are left aside.
    """
    options = options or RouteOptions()
    ends = _find_ends(roads, origins, gates, pairs, options)
    parts = _search_all(roads, ends, options, progress, with_arcs=False)
    pair = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
    table = _describe_pairs(ends, pair, [part[1] for part in parts])
    return TravelTimes(times=table, unreachable=_list_unreachable(ends, pair, options))


def _find_ends(
    roads: RoutableRoads,
    origins: gpd.GeoDataFrame | gpd.GeoSeries,
    gates: gpd.GeoDataFrame | gpd.GeoSeries,
    pairs: pd.DataFrame | None,
    options: RouteOptions,
) -> RouteEnds:
    roads_layer = gpd.GeoSeries([], crs=roads.crs)
    require_same_metric_crs(roads=roads_layer, origins=origins, gates=gates)
    origin_xy, gate_xy = get_point_xy(origins), get_point_xy(gates)
    wanted = list_pairs(origin_xy, gate_xy, wanted=pairs, max_distance_m=options.max_distance_m)
    return find_route_ends(
        roads,
        origin_xy,
        gate_xy,
        wanted,
        max_origin_access_m=options.max_origin_access_m,
        max_gate_access_m=options.max_gate_access_m,
    )


def _search_all(
    roads: RoutableRoads,
    ends: RouteEnds,
    options: RouteOptions,
    progress: Progress,
    *,
    with_arcs: bool,
) -> list[tuple[IntArray, Ways]]:
    """Search from every gate; return the pairs and the ways of each, in order of gate."""
    pairs = ends.pairs
    wanted = np.flatnonzero(pairs.reason == NO_REASON)
    first = np.flatnonzero(np.diff(pairs.gate[wanted], prepend=-1))
    chunks = np.split(wanted, first[1:]) if len(wanted) else []
    rules = AlternativeRules(
        n_most=options.n_alternatives if with_arcs else 1,
        time_ratio=options.max_time_ratio,
        overlap_share=options.max_overlap_share,
        penalty=options.penalty,
    )
    limit = int(min(options.max_time_s * roads.search.ticks_per_s, FAR - 1))
    spaces = threading.local()

    def search(pair: IntArray) -> tuple[IntArray, Ways]:
        if not hasattr(spaces, "work"):
            spaces.work = make_workspace(roads.search)
            spaces.detour = make_detour_space(roads.search) if rules.n_most > 1 else None
        ways = _search_gate(
            roads, ends, pair, rules, limit, (spaces.work, spaces.detour), with_arcs=with_arcs
        )
        return pair[ways.origin], ways

    results = []
    with _run_in_threads(options.n_threads) as run:
        for done, result in enumerate(run(search, chunks), start=1):
            results.append(result)
            progress(done, len(chunks), "routes to gates")
    return results


@contextmanager
def _run_in_threads(n_threads: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give something like `map` that works in threads; what is left is dropped on an error."""
    pool = ThreadPoolExecutor(n_threads or len(os.sched_getaffinity(0)))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _search_gate(
    roads: RoutableRoads,
    ends: RouteEnds,
    pair: IntArray,
    rules: AlternativeRules,
    limit: int,
    spaces: tuple[Workspace, DetourSpace | None],
    *,
    with_arcs: bool,
) -> Ways:
    """Find the ways of the pairs of one gate; their origins are positions in `pair`."""
    graph, (work, detour) = roads.search, spaces
    number = int(ends.pairs.gate[pair[0]])
    gate = list_gate_entries(graph, int(ends.gates.row[number]), float(ends.gates.share[number]))
    row, share = ends.origins.row[pair], ends.origins.share[pair]
    search_from_gate(graph, work, gate, list_start_nodes(graph, row, share), limit)
    try:
        ways = take_fastest(graph, work, gate, (row, share), limit, with_arcs=with_arcs)
        if detour is None:
            return ways
        places = (row[ways.origin], share[ways.origin])
        return find_alternatives(graph, work, gate, ways, places, rules, detour)
    finally:
        clear_workspace(work)


def _describe_pairs(ends: RouteEnds, pair: IntArray, ways: list[Ways]) -> pd.DataFrame:
    gate = ends.pairs.gate[pair]
    return pd.DataFrame(
        {
            "origin": ends.pairs.origin[pair],
            "gate": gate,
            "time_s": np.concatenate([np.empty(0), *(way.time_s for way in ways)]),
            "length_m": np.concatenate([np.empty(0), *(way.length_m for way in ways)]),
            "access_m": ends.origins.access_m[pair] + ends.gates.access_m[gate],
        }
    )


def _write_all_steps(
    roads: RoutableRoads, ways: list[Ways], n_threads: int
) -> tuple[IntArray, Steps]:
    """Write the steps of all ways into three long arrays, those of several gates at once."""
    counts = [way.count_steps() for way in ways]
    offset = np.concatenate([[0], *counts]).cumsum().astype(np.int64)
    graph, n_steps = roads.graph, int(offset[-1])
    arcs = Steps(
        segment_id=roads.segment_id[graph.segment_id],
        length_m=graph.length_m,
        is_forward=graph.is_forward,
    )
    steps = Steps(
        segment_id=np.empty(n_steps, dtype=np.int64),
        length_m=np.empty(n_steps),
        is_forward=np.empty(n_steps, dtype=bool),
    )
    after = np.cumsum([0, *(len(count) for count in counts)])

    def write(way: Ways, first: int, last: int) -> None:
        here = slice(offset[first], offset[last])
        part = Steps(steps.segment_id[here], steps.length_m[here], steps.is_forward[here])
        write_steps(way, arcs, part)

    with _run_in_threads(n_threads) as run:
        for _ in run(write, ways, after[:-1], after[1:]):
            pass
    return offset, steps


def _find_starts(
    roads: RoutableRoads, ends: RouteEnds, pair: IntArray, step_offset: IntArray, steps: Steps
) -> FloatArray:
    """Find where along its first segment's line each route begins [m]."""
    start_m = np.full(len(pair), np.nan)
    has_steps = np.diff(step_offset) > 0
    first, of_pair = step_offset[:-1][has_steps], pair[has_steps]
    row = np.searchsorted(roads.segment_id, steps.segment_id[first])
    length_m = roads.graph.length_m[roads.search.arc_of_row[row].max(axis=1)]
    share = ends.origins.share[of_pair]
    at_node = (share == 0.0) | (share == 1.0)
    from_node = np.where(steps.is_forward[first], 0.0, 1.0)
    start_m[has_steps] = np.where(at_node, from_node, share) * length_m
    return start_m


def _list_unreachable(ends: RouteEnds, pair: IntArray, options: RouteOptions) -> pd.DataFrame:
    """List the pairs that have no route, by gate and origin, then what was joined with nothing."""
    pairs = ends.pairs
    is_lost = np.ones(len(pairs.origin), dtype=bool)
    is_lost[pair] = False
    late = f"{BEYOND}: more than {options.max_time_s / S_PER_MIN:,g} min"
    none = late if np.isfinite(options.max_time_s) else NOT_CONNECTED
    reason = pairs.reason[is_lost]
    lost = pd.DataFrame(
        {
            "origin": pd.array(pairs.origin[is_lost], dtype="Int64"),
            "gate": pd.array(pairs.gate[is_lost], dtype="Int64"),
            "reason": np.where(reason == NO_REASON, none, reason).astype(object),
        }
    )
    return pd.concat([lost, pairs.lone], ignore_index=True) if len(pairs.lone) else lost
