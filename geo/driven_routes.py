"""Put driven routes in the place of modelled ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
import shapely.ops
from numpy.typing import NDArray

from core.errors import InputError, TableError
from core.vocabulary import Direction
from geo.matched import GOOD, MatchedTraces
from geo.road_graph import RoadGraph
from geo.routing import Routes

__all__ = ["DrivenRoutes", "ReplacingRules", "replace_modelled"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SHORTEST_M = 1.0  # a shorter ride is none


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacingRules:
    """Whom a driven route picks up.

    Attributes
    ----------
    catchment_m
        Origins within this straight distance of the driven path [m].
    gate_reach_m
        The path must pass its gate within this distance [m].
    verdicts
        Matches that are good enough (`geo.matched`).
    """

    catchment_m: float = 500.0
    gate_reach_m: float = 200.0
    verdicts: tuple[str, ...] = (GOOD,)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenRoutes:
    """Routes of which some are driven ones.

    Attributes
    ----------
    routes
        Modelled routes that stay, then the driven ones; a driven route has share 1.
    replaced
        One row an origin and gate that now travel a driven path: `route` (row of
        `routes.routes`), `origin`, `gate`, `trace`, `distance_m` (from the path),
        `length_m`, `modelled_length_m`, `time_s`, `modelled_time_s` (means over the
        alternatives by share; null where there was no route).
    unused
        Driven routes that replace nothing: `trace`, `gate`, `reason`.
    """

    routes: Routes
    replaced: pd.DataFrame
    unused: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Path:
    """One driven path to its gate."""

    trace: int
    gate: int
    line: shapely.LineString
    segment_id: IntArray
    length: FloatArray
    is_forward: BoolArray
    start_m: FloatArray  # where each step begins, from the start of its segment's line
    to_gate_m: float

    def find_start(self, step: int, along: float) -> float:
        """Return where a place along the path lies on the line of the step it is on [m]."""
        skipped = along - float(self.length[:step].sum())
        return float(self.start_m[step]) + (skipped if self.is_forward[step] else -skipped)


def replace_modelled(
    routes: Routes,
    matched: MatchedTraces,
    driven: pd.DataFrame,
    *,
    graph: RoadGraph,
    origin_xy: FloatArray,
    gate_xy: FloatArray,
    rules: ReplacingRules | None = None,
) -> DrivenRoutes:
    """Let origins along driven routes travel the driven path.

    Parameters
    ----------
    routes
        Modelled routes of one kind of vehicle; call it once for each kind that was driven.
    matched
        Traces matched to the same network.
    driven
        One row a trace to use: `trace`, `gate` (row of the gates that it serves),
        `direction` (`core.vocabulary.Direction`).
    graph
        The vehicle's arcs, for the travel time.
    origin_xy, gate_xy
        Places of all origins and gates [m], shapes (n_origins, 2) and (n_gates, 2).
    rules
        Whom a route picks up.

    Returns
    -------
    driven_routes
        New routes, what was replaced, and what was not used and why.

    Raises
    ------
    TableError
        If a column is missing, or a trace or gate is not there.
    InputError
        If a distance of the rules is not above 0.

    Notes
    -----
    A route serves many homes, so it is tied to none. Of its path the stretch up to the
    place nearest its gate counts, of a broken path the part that comes nearest. An origin with a
    modelled route to that gate, or listed as unable to reach it, is picked up if the path
    passes within `catchment_m`; of several paths by the nearest (then the lowest trace).
    It travels from the place nearest to it on to the gate, and `access_m` is its
    way to the path and the path's to the gate. All its alternatives are replaced. A drive
    from work is taken in the opposite direction; of unknown direction, towards the end that is
    nearer to the gate. `time_s` is by the vehicle's speeds, as for modelled routes, not by the
    clock of one drive.
    """
    rules = rules or ReplacingRules()
    if not (rules.catchment_m > 0 and rules.gate_reach_m > 0):
        message = "catchment_m, gate_reach_m: not above 0; give distances in metres."
        raise InputError(message)
    _require_driven(driven, matched, len(gate_xy))
    paths, unused = [], []
    for row in driven.sort_values("trace", kind="stable").to_dict("records"):
        trace, gate = int(row["trace"]), int(row["gate"])
        found = _find_path(matched, trace, gate, str(row["direction"]), gate_xy[gate], rules)
        if isinstance(found, str):
            unused.append((trace, gate, found))
        else:
            paths.append(found)
    picked = _pick_up(paths, _list_pairs(routes), origin_xy, rules.catchment_m)
    some = {(paths[path].trace, paths[path].gate) for path in picked["path"]}
    for one in paths:
        if (one.trace, one.gate) not in some:
            reason = f"no origin of this gate within {rules.catchment_m:g} m, or another is nearer"
            unused.append((one.trace, one.gate, reason))
    return _exchange(routes, paths, picked, unused, _find_pace(graph))


def _require_driven(driven: pd.DataFrame, matched: MatchedTraces, n_gates: int) -> None:
    missing = [name for name in ("trace", "gate", "direction") if name not in driven.columns]
    if missing:
        raise TableError.missing_columns("driven", missing, list(map(str, driven.columns)))
    for column, size in (("trace", len(matched.traces)), ("gate", n_gates)):
        wrong = driven[column][(driven[column] < 0) | (driven[column] >= size)]
        if len(wrong):
            message = (
                f"driven: {len(wrong)} {column} number(s) not within 0 to {size - 1}, first "
                f"{wrong.iloc[0]}; use row numbers."
            )
            raise TableError(message)


def _find_path(
    matched: MatchedTraces,
    trace: int,
    gate: int,
    direction: str,
    place: FloatArray,
    rules: ReplacingRules,
) -> _Path | str:
    """Path of a trace up to its gate, or why there is none."""
    verdict = matched.traces["verdict"].iloc[trace]
    if verdict not in rules.verdicts:
        return f"its match is {verdict!r}: {matched.traces['reason'].iloc[trace]}"
    shape = matched.lines.iloc[trace]
    point = shapely.Point(place)
    parts = shapely.get_parts(shape)
    part = int(np.argmin(shapely.distance(parts, point)))
    line, to_gate = parts[part], float(shapely.distance(parts[part], point))
    if to_gate > rules.gate_reach_m:
        return f"passes its gate at {to_gate:.0f} m, more than {rules.gate_reach_m:g} m"
    begin, end = matched.step_offset[trace], matched.step_offset[trace + 1]
    steps = np.arange(begin, end)
    steps = steps[matched.step_part[begin:end] == part]
    along = float(shapely.line_locate_point(line, point))
    is_back = direction == Direction.FROM_WORK
    if direction not in (Direction.FROM_WORK, Direction.TO_WORK):
        is_back = along < line.length / 2
    if is_back:
        steps, line, along = steps[::-1], shapely.reverse(line), line.length - along
    if along < SHORTEST_M:
        return "begins at its gate in the direction stated"
    line = shapely.LineString(shapely.ops.substring(line, 0.0, along).coords)
    length, _, to = _cut(matched.step_length_m[steps], 0.0, along)
    steps = steps[:to]
    is_forward = matched.step_is_forward[steps] ^ is_back
    starts = np.where(is_forward, matched.step_from_m[steps], matched.step_to_m[steps])
    return _Path(
        trace=trace,
        gate=gate,
        line=line,
        segment_id=matched.step_segment_id[steps],
        length=length,
        is_forward=is_forward,
        start_m=starts,
        to_gate_m=to_gate,
    )


def _cut(length: FloatArray, start: float, end: float) -> tuple[FloatArray, int, int]:
    """Lengths of the steps between two places along a path, and the steps they are."""
    stop = np.cumsum(length)
    begin = stop - length
    some = np.minimum(stop, end) - np.maximum(begin, start)
    at = np.flatnonzero(some > 0)
    if len(at) == 0:
        return np.empty(0), 0, 0
    return some[at[0] : at[-1] + 1], int(at[0]), int(at[-1]) + 1


def _list_pairs(routes: Routes) -> pd.DataFrame:
    """Origins and gates for which a route was asked, found or not."""
    asked = [routes.routes[["origin", "gate"]], routes.unreachable[["origin", "gate"]]]
    return pd.concat([one.dropna().astype(np.int64) for one in asked]).drop_duplicates()


def _pick_up(
    paths: Sequence[_Path], pairs: pd.DataFrame, origin_xy: FloatArray, catchment_m: float
) -> pd.DataFrame:
    """For each origin and gate the nearest path: `origin`, `gate`, `path`, `distance_m`."""
    tables = [pd.DataFrame({"origin": [], "gate": [], "path": []}).astype(np.int64)]
    tables[0]["distance_m"] = np.empty(0)
    for at, path in enumerate(paths):
        asked = pairs.loc[pairs["gate"] == path.gate, "origin"].to_numpy()
        points = np.asarray(shapely.points(origin_xy[asked]), dtype=object)
        distance = np.asarray(shapely.distance(points, path.line))
        along = np.asarray(shapely.line_locate_point(path.line, points))
        near = (distance <= catchment_m) & (path.line.length - along >= SHORTEST_M)
        found = {"origin": asked[near], "gate": path.gate, "path": at}
        tables.append(pd.DataFrame({**found, "distance_m": distance[near], "along": along[near]}))
    every = pd.concat(tables).sort_values(["origin", "gate", "distance_m", "path"])
    return every.drop_duplicates(["origin", "gate"]).reset_index(drop=True)


def _find_pace(graph: RoadGraph) -> dict[tuple[int, bool], float]:
    """Seconds a metre takes on each segment and direction."""
    pace = graph.time_s / np.maximum(graph.length_m, 1e-9)
    keys = zip(graph.segment_id.tolist(), graph.is_forward.tolist(), strict=True)
    return dict(zip(keys, pace.tolist(), strict=True))


def _compute_time(
    pace: dict[tuple[int, bool], float], ids: IntArray, forward: BoolArray, length: FloatArray
) -> float:
    """Travel time [s]; against a one-way rule, that of the other direction."""
    total = 0.0
    for one, way, metres in zip(ids.tolist(), forward.tolist(), length.tolist(), strict=True):
        rate = pace.get((one, way), pace.get((one, not way), np.nan))
        total += rate * metres
    return total


def _exchange(
    routes: Routes,
    paths: Sequence[_Path],
    picked: pd.DataFrame,
    unused: list[tuple[int, int, str]],
    pace: dict[tuple[int, bool], float],
) -> DrivenRoutes:
    """Leave the replaced routes out and add the driven ones."""
    old = routes.routes
    taken = pd.MultiIndex.from_frame(picked[["origin", "gate"]].astype(np.int64))
    stays = ~pd.MultiIndex.from_frame(old[["origin", "gate"]]).isin(taken)
    of_step = np.repeat(stays, np.diff(routes.step_offset))
    ids, lengths = [routes.step_segment_id[of_step]], [routes.step_length_m[of_step]]
    ways, counts = [routes.step_is_forward[of_step]], [np.diff(routes.step_offset)[stays]]
    weight = old["share"].to_numpy(dtype=float)
    keys = [old["origin"], old["gate"]]
    means = {
        name: (old[name] * weight).groupby(keys).sum() / pd.Series(weight).groupby(keys).sum()
        for name in ("length_m", "time_s")
    }
    rows, replaced = [], []
    for at, one in enumerate(picked.to_dict("records")):
        path, key = paths[int(one["path"])], (int(one["origin"]), int(one["gate"]))
        length, begin, end = _cut(path.length, one["along"], np.inf)
        ids.append(path.segment_id[begin:end])
        ways.append(path.is_forward[begin:end])
        lengths.append(length)
        counts.append(np.array([len(length)]))
        time = _compute_time(pace, ids[-1], ways[-1], length)
        row = {"route": int(stays.sum()) + at, "origin": key[0], "gate": key[1]}
        driven = {"length_m": float(length.sum()), "time_s": time}
        access = one["distance_m"] + path.to_gate_m
        lone = {"alternative": 0, "share": 1.0, "path_size": 1.0, "overlap_share": 0.0}
        start = path.find_start(begin, one["along"])
        rows.append({**row, **driven, **lone, "access_m": access, "start_m": start})
        before = {f"modelled_{name}": mean.get(key, np.nan) for name, mean in means.items()}
        told = {"trace": path.trace, "distance_m": one["distance_m"]}
        replaced.append({**row, **told, **driven, **before})
    new = pd.concat([old[stays], pd.DataFrame(rows, columns=old.columns)]) if rows else old
    new = new.astype(old.dtypes.to_dict()).reset_index(drop=True)
    new["route"] = np.arange(len(new))
    lost = routes.unreachable
    is_reached = pd.MultiIndex.from_frame(lost[["origin", "gate"]]).isin(taken)
    columns = ["route", "origin", "gate", "trace", "distance_m", "length_m", "modelled_length_m",
               "time_s", "modelled_time_s"]  # fmt: skip
    return DrivenRoutes(
        routes=Routes(
            routes=new,
            step_offset=np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64),
            step_segment_id=np.concatenate(ids),
            step_length_m=np.concatenate(lengths),
            step_is_forward=np.concatenate(ways),
            unreachable=lost[~is_reached].reset_index(drop=True),
        ),
        replaced=pd.DataFrame(replaced, columns=columns),
        unused=pd.DataFrame(unused, columns=["trace", "gate", "reason"]),
    )
