"""Who passes where, when and in which light: from routes and trips to flows on segments.

One gate is worked through at a time: memory follows the roads that lead to one gate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import InputError, NetworkError, TableError
from core.vocabulary import Direction
from geo.flow_loops import HOURS, Clock, Riders, Roads, Steps, add_flows, number_places
from geo.rider_groups import GateRiders, match_riders, set_clock
from geo.routing import Routes

__all__ = ["BOTH_WAYS", "GateFlows", "Leg", "RoadSites", "find_unrouted", "iterate_flows"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

BOTH_WAYS: Final = (Direction.TO_WORK.value, Direction.FROM_WORK.value)
CONSERVED: Final = 1e-9  # relative
KMH_PER_MS: Final = 3.6
TRIP_COLUMNS: Final = ("origin", "gate", "mode", "shift", "start_min", "end_min", "workers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """Trips and the routes they take, for one kind of vehicle.

    Attributes
    ----------
    routes
        Listed from origin to gate. Routes for the way home alone come from the reversed
        graph and are listed in the same way, from the home end to the gate's end.
    trips
        One row an origin, gate, mode and shift: `origin`, `gate` (rows, as in the routes),
        `mode`, `shift`, `start_min`, `end_min` (minutes after midnight, missing where the
        shift is not known), `workers` (a day, need not be whole).
    directions
        For which ways the routes serve: by default the way home is taken to be the way to
        work, driven back.
    segment_speed_kmh
        Usual speed on each segment, shape (n_segments,); it says how a route's time is
        spread along it. None: evenly by length.
    """

    routes: Routes
    trips: pd.DataFrame
    directions: tuple[str, ...] = BOTH_WAYS
    segment_speed_kmh: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadSites:
    """How many segments there are, and the intersections at their ends (-1: none)."""

    n_segments: int
    n_intersections: int
    intersection_u: IntArray  # (n_segments,)
    intersection_v: IntArray

    @classmethod
    def from_segments(cls, segments: pd.DataFrame, *, n_intersections: int) -> RoadSites:
        """Take them from a network's segments, whose row number is their `segment_id`."""
        ends = [
            np.asarray(segments[name].astype("Int64").fillna(-1), dtype=np.int64)
            for name in ("intersection_u", "intersection_v")
        ]
        return cls(
            n_segments=len(segments),
            n_intersections=n_intersections,
            intersection_u=ends[0],
            intersection_v=ends[1],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFlows:
    """Flows of one leg and gate on an average working day.

    Attributes
    ----------
    gate
        Row of the gate.
    groups
        One row a group of workers: `mode`, `shift`, `start_min`, `end_min`, `direction`,
        `is_light_known`, `workers` (a day), `worker_km` (a day).
    segment_id, intersection_id
        Places that at least one route passes, shapes (n_s,) and (n_i,).
    workers, worker_km, worker_km_dark
        On each segment by group, shape (n_s, n_groups); dark is 0 where not known.
    crossing, crossing_dark
        Workers through each intersection by group, and those of them in the dark, shape
        (n_i, n_groups). Where a route starts or ends is no crossing.
    worker_km_by_hour
        By group and hour of passing, the last column where it is not known, shape
        (n_groups, 25).
    """

    gate: int
    groups: pd.DataFrame
    segment_id: IntArray
    workers: FloatArray
    worker_km: FloatArray
    worker_km_dark: FloatArray
    intersection_id: IntArray
    crossing: FloatArray
    crossing_dark: FloatArray
    worker_km_by_hour: FloatArray

    def to_frame(self) -> pd.DataFrame:
        """Return one row a segment and group that passes it.

        Columns `segment_id`, `gate`, `mode`, `shift`, `direction`, `workers_per_day`,
        `worker_km_per_day`, `dark_share` (missing where the shift is not known).
        """
        row, column = np.nonzero(self.workers)
        km = self.worker_km[row, column]
        with np.errstate(invalid="ignore", divide="ignore"):
            dark_share = np.where(
                self.groups["is_light_known"].to_numpy()[column],
                self.worker_km_dark[row, column] / km,
                np.nan,
            )
        of_group = {
            name: self.groups[name].to_numpy()[column] for name in ("mode", "shift", "direction")
        }
        return pd.DataFrame(
            {
                "segment_id": self.segment_id[row],
                "gate": self.gate,
                **of_group,
                "workers_per_day": self.workers[row, column],
                "worker_km_per_day": km,
                "dark_share": dark_share,
            }
        )


def iterate_flows(
    legs: Sequence[Leg],
    sites: RoadSites,
    *,
    dark_share: FloatArray,
    margin_min: float = 10.0,
) -> Iterator[GateFlows]:
    """Put the workers of every trip onto the segments of their routes, gate by gate.

    Parameters
    ----------
    legs
        Trips with their routes, one leg a kind of vehicle (and one a direction where the
        way home was routed by itself).
    sites
        The network's segments and intersections.
    dark_share
        Share of days on which each minute of the clock is dark, at each gate, shape
        (n_gates, 1440), as `geo.daylight.compute_dark_share` gives it; or (1440,) for all.
    margin_min
        Workers arrive this long before their shift and leave this long after it [min].

    Yields
    ------
    flows
        One for each leg and gate that has trips with a route; trips without one are those
        of `find_unrouted`.

    Raises
    ------
    TableError
        If a column of the trips is missing.
    InputError
        If workers or shift times are not numbers that make sense, shapes differ, or a
        route names a segment that is not there.
    NetworkError
        If worker-km on segments and along routes differ by more than 1e-9 of them.

    Notes
    -----
    Time of passing a step: to work, the shift's start less the margin and the time from
    the middle of the step to the gate; home, the shift's end plus the margin and the same
    time. A route's alternatives take workers by their shares. The straight ways between
    origin, road and gate are no part of the distance or time.
    """
    share = np.atleast_2d(np.asarray(dark_share, dtype=np.float64))
    _require_sites(sites)
    scratch = (
        np.full(sites.n_segments, -1, dtype=np.int64),
        np.full(sites.n_intersections, -1, dtype=np.int64),
    )
    for leg in legs:
        _require_leg(leg, sites)
        steps = Steps(
            leg.routes.step_offset,
            leg.routes.step_segment_id,
            leg.routes.step_length_m,
            leg.routes.step_is_forward,
        )
        roads = Roads(_find_pace(leg, sites), sites.intersection_u, sites.intersection_v)
        for of_gate in match_riders(leg.routes.routes, leg.trips, leg.directions):
            light = share[0] if len(share) == 1 else share[of_gate.gate]
            clock = set_clock(of_gate.groups, light, margin_min)
            yield _flow_to_gate(of_gate, (steps, roads, of_gate.riders, clock), scratch)


def find_unrouted(leg: Leg) -> pd.DataFrame:
    """Return the trips of a leg that have no route, with the reason: none is dropped unsaid.

    Columns of the trips and `reason`.
    """
    key = ["origin", "gate"]
    routed = leg.routes.routes[key].drop_duplicates().assign(is_routed=True)
    joined = leg.trips.merge(routed, on=key, how="left")
    lost = joined[joined["is_routed"].isna() & (joined["workers"] > 0)].drop(columns="is_routed")
    reasons = leg.routes.unreachable
    has_origin, has_gate = reasons["origin"].notna(), reasons["gate"].notna()
    exact = reasons[has_origin & has_gate].drop_duplicates(key).astype(dict.fromkeys(key, "int64"))
    found = lost.merge(exact, on=key, how="left")["reason"].set_axis(lost.index)
    for name, of_any in (("origin", has_origin & ~has_gate), ("gate", has_gate & ~has_origin)):
        anywhere = reasons[of_any].drop_duplicates(name).set_index(name)["reason"]
        found = found.fillna(lost[name].map(anywhere))
    return lost.assign(reason=found.fillna("no route was asked for")).reset_index(drop=True)


def _flow_to_gate(
    of_gate: GateRiders,
    given: tuple[Steps, Roads, Riders, Clock],
    scratch: tuple[IntArray, IntArray],
) -> GateFlows:
    """Add up the flows of one gate."""
    steps, roads, riders, _ = given
    groups = of_gate.groups
    n_ways = groups["direction"].nunique()
    segment_id, intersection_id = number_places(steps, roads, riders.route, *scratch)
    sizes = (segment_id.size, intersection_id.size, len(groups) // n_ways)
    road, cross, by_hour = add_flows(given, sizes, scratch)
    scratch[0][segment_id] = -1
    scratch[1][intersection_id] = -1
    km = np.tile(road[:, :, 1], n_ways)
    found_km = km.sum(axis=0)
    _require_conserved(of_gate, found_km)
    return GateFlows(
        gate=of_gate.gate,
        groups=groups.assign(worker_km=found_km),
        segment_id=segment_id,
        workers=np.tile(road[:, :, 0], n_ways),
        worker_km=km,
        worker_km_dark=_side_by_side(road[:, :, 2:]),
        intersection_id=intersection_id,
        crossing=np.tile(cross[:, :, 0], n_ways),
        crossing_dark=_side_by_side(cross[:, :, 1:]),
        worker_km_by_hour=by_hour.transpose(1, 0, 2).reshape(len(groups), HOURS),
    )


def _side_by_side(sums: FloatArray) -> FloatArray:
    """Put the directions, last in (n, n_names, n_ways), before the groups: (n, n_groups)."""
    n, n_names, n_ways = sums.shape
    return sums.transpose(0, 2, 1).reshape(n, n_ways * n_names)


def _find_pace(leg: Leg, sites: RoadSites) -> FloatArray:
    """Return seconds a metre on each segment; routes scale it to their own time."""
    if leg.segment_speed_kmh is None:
        return np.ones(sites.n_segments)
    speed = np.asarray(leg.segment_speed_kmh, dtype=np.float64)
    usual = np.nanmedian(speed) if np.isfinite(speed).any() else 1.0
    return KMH_PER_MS / np.where(np.isfinite(speed) & (speed > 0), speed, usual)


def _require_sites(sites: RoadSites) -> None:
    for name, of in (("u", sites.intersection_u), ("v", sites.intersection_v)):
        is_there = of.shape == (sites.n_segments,)
        if not is_there or (of.size and int(of.max()) >= sites.n_intersections):
            message = (
                f"sites: intersection_{name} has shape {of.shape} and goes to "
                f"{of.max() if of.size else 'none'}, need ({sites.n_segments},) and less than "
                f"{sites.n_intersections}; take both from one network."
            )
            raise InputError(message)


def _require_leg(leg: Leg, sites: RoadSites) -> None:
    missing = [name for name in TRIP_COLUMNS if name not in leg.trips.columns]
    if missing:
        raise TableError.missing_columns("trips", missing, list(map(str, leg.trips.columns)))
    workers = leg.trips["workers"].to_numpy(dtype=np.float64)
    is_bad = ~(np.isfinite(workers) & (workers >= 0))
    for name in ("start_min", "end_min"):
        minute = leg.trips[name].astype("float64").to_numpy()
        is_bad |= (minute < 0) | (minute >= 1440)
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"trips: {int(is_bad.sum())} of {len(leg.trips)} row(s) have workers below 0 or "
            f"missing, or a shift outside 0 to 1439 minutes, first row {first}; correct them."
        )
        raise InputError(message)
    unknown = set(leg.directions) - set(BOTH_WAYS)
    if unknown:
        message = f"directions: {sorted(unknown)} not known; use {', '.join(BOTH_WAYS)}."
        raise InputError(message)
    of_step = leg.routes.step_segment_id
    if of_step.size and (int(of_step.max()) >= sites.n_segments or int(of_step.min()) < 0):
        message = (
            f"routes: step {int(np.argmax(of_step))} runs along segment {int(of_step.max())}, the "
            f"network has {sites.n_segments}; route on the same network."
        )
        raise InputError(message)


def _require_conserved(of_gate: GateRiders, found_km: FloatArray) -> None:
    """Make sure that what is on the segments is what travels the routes."""
    expected_km, groups = of_gate.km_per_day, of_gate.groups
    off = np.abs(found_km - expected_km)
    is_bad = ~(off <= CONSERVED * np.maximum(np.abs(expected_km), 1e-12))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"flows to gate {of_gate.gate}: {int(is_bad.sum())} of {len(groups)} group(s) are not "
            f"conserved, first {groups['mode'].iloc[first]}: {found_km[first]:.6f} worker-km a "
            f"day on segments, {expected_km[first]:.6f} along routes; the steps of a route do "
            "not sum to its length."
        )
        raise NetworkError(message)
