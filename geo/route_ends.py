"""Where routes start and end: pairs of origin and gate, brought onto roads that connect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from core.errors import TableError
from core.units import M_PER_KM
from geo.routable import Places, RoutableRoads, snap_places
from geo.shortest_paths import mark_reaching

__all__ = ["Pairs", "RouteEnds", "find_route_ends", "list_pairs", "locate_gates"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Texts = NDArray[np.object_]

NO_REASON: Final = ""
NO_ORIGIN: Final = "the origin has no coordinates"
NO_GATE: Final = "the gate has no coordinates"
NOT_CONNECTED: Final = "its roads do not connect to the gate"
BEYOND: Final = "farther than the limit"
MAIN_PART_M: Final = 5_000.0  # a part of the network with this much road is one to go to


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Origins and gates that are to be joined, ordered by gate, then origin.

    Attributes
    ----------
    origin, gate
        Rows of both, shape (n_pairs,).
    reason
        Why a pair cannot be joined; empty where it may be.
    lone
        Origins that no gate is within the limit of, gates without coordinates: `origin`,
        `gate` (one of them null) and `reason`.
    """

    origin: IntArray
    gate: IntArray
    reason: Texts
    lone: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEnds:
    """Both ends of each pair on the network.

    Attributes
    ----------
    pairs
        The pairs; those with a reason have no ends.
    gates
        Place of each gate, shape (n_gates,).
    origins
        Place of each pair's origin, shape (n_pairs,).
    """

    pairs: Pairs
    gates: Places
    origins: Places


def list_pairs(
    origin_xy: FloatArray,
    gate_xy: FloatArray,
    *,
    wanted: pd.DataFrame | None,
    max_distance_m: float,
) -> Pairs:
    """List which origins are joined with which gates.

    Parameters
    ----------
    origin_xy, gate_xy
        Points [m], NaN where there is none, shape (n, 2).
    wanted
        Rows `origin` and `gate` to join, repeated ones once; None for all with all.
    max_distance_m
        Pairs farther apart as the crow flies are not joined [m].

    Raises
    ------
    TableError
        If `wanted` lacks a column or names a row that is not there.
    """
    has_origin = _has_place(origin_xy)
    has_gate = _has_place(gate_xy)
    limit = f"{max_distance_m / M_PER_KM:,g} km as the crow flies"
    if wanted is None:
        origin, gate = _list_near(origin_xy, gate_xy, max_distance_m)
        far = np.flatnonzero(has_origin & (np.bincount(origin, minlength=len(origin_xy)) == 0))
        lone = [
            *((number, pd.NA, NO_ORIGIN) for number in np.flatnonzero(~has_origin)),
            *((number, pd.NA, f"{BEYOND}: no gate within {limit}") for number in far),
            *((pd.NA, number, NO_GATE) for number in np.flatnonzero(~has_gate)),
        ]
        none = np.full(len(origin), NO_REASON, dtype=object)
        return Pairs(origin=origin, gate=gate, reason=none, lone=_make_lone(lone))
    origin, gate = _read_wanted(wanted, len(origin_xy), len(gate_xy))
    reason = np.full(len(origin), NO_REASON, dtype=object)
    distance = np.hypot(*(origin_xy[origin] - gate_xy[gate]).T)
    reason[distance > max_distance_m] = f"{BEYOND}: more than {limit}"
    reason[~has_gate[gate]] = NO_GATE
    reason[~has_origin[origin]] = NO_ORIGIN
    return Pairs(origin=origin, gate=gate, reason=reason, lone=_make_lone([]))


def _has_place(xy: FloatArray) -> BoolArray:
    return np.asarray(np.isfinite(xy).all(axis=1), dtype=bool)


def _make_lone(rows: list[tuple[object, object, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["origin", "gate", "reason"])
    return frame.astype({"origin": "Int64", "gate": "Int64", "reason": object})


def locate_gates(
    roads: RoutableRoads, xy: FloatArray, *, max_distance_m: float
) -> tuple[Places, IntArray]:
    """Bring gates onto the network.

    Parameters
    ----------
    roads
        The network.
    xy
        Points [m], NaN where there is none, shape (n, 2).
    max_distance_m
        Roads farther than this are not found [m].

    Returns
    -------
    places
        The nearest place from which one can go everywhere in a part of the network that
        has at least 5 km of road (or half of the greatest part's), and come back; where none
        is near enough, in any part; where none is, on any open road.
    group
        Number that gates share which are reached from the same roads; -1 without a place.
    """
    in_part = roads.part >= 0
    length_m = np.where(in_part, roads.part_length_m[roads.part], 0.0)
    is_main = in_part & (length_m >= min(MAIN_PART_M, length_m.max(initial=0.0) / 2))
    n = len(xy)
    row, share = np.full(n, -1, dtype=np.int64), np.full(n, np.nan)
    access_m = np.full(n, np.nan)
    for allowed in (is_main, in_part, roads.is_open):
        left = np.flatnonzero(row < 0)
        if len(left) == 0:
            break
        found = snap_places(roads, xy[left], allowed, max_distance_m=max_distance_m)
        row[left], share[left], access_m[left] = found.row, found.share, found.access_m
    apart = len(roads.part_length_m) + row
    group = np.where(row < 0, -1, np.where(roads.part[row] >= 0, roads.part[row], apart))
    return Places(row=row, share=share, access_m=access_m), group


def find_route_ends(
    roads: RoutableRoads,
    origin_xy: FloatArray,
    gate_xy: FloatArray,
    pairs: Pairs,
    *,
    max_origin_access_m: float,
    max_gate_access_m: float,
) -> RouteEnds:
    """Bring both ends of each pair onto roads that connect.

    Parameters
    ----------
    roads
        The network.
    origin_xy, gate_xy
        Points [m], NaN where there is none, shape (n, 2).
    pairs
        Which to join.
    max_origin_access_m, max_gate_access_m
        Greatest straight distance from an origin, and from a gate, to its road [m].

    Returns
    -------
    ends
        An origin gets the nearest road from which its gate can be reached. Pairs without
        ends have got a reason.
    """
    gates, group = locate_gates(roads, gate_xy, max_distance_m=max_gate_access_m)
    reason = pairs.reason.copy()
    open_to = f"none open to {roads.vehicle.name.replace('_', ' ')} within"
    far_gate = f"gate far from any road: {open_to} {max_gate_access_m:,g} m"
    reason[(group[pairs.gate] < 0) & (reason == NO_REASON)] = far_gate
    n = len(pairs.origin)
    row, share = np.full(n, -1, dtype=np.int64), np.full(n, np.nan)
    access_m = np.full(n, np.nan)
    group_of_pair = np.where(reason == NO_REASON, group[pairs.gate], -1)
    for number in np.unique(group_of_pair[group_of_pair >= 0]):
        at = np.flatnonzero(group_of_pair == number)
        gate = int(pairs.gate[at[0]])
        allowed = _find_rows_before(roads, int(gates.row[gate]), float(gates.share[gate]))
        origin, place = np.unique(pairs.origin[at], return_inverse=True)
        found = snap_places(roads, origin_xy[origin], allowed, max_distance_m=max_origin_access_m)
        row[at], share[at] = found.row[place], found.share[place]
        access_m[at] = found.access_m[place]
    lost = (row < 0) & (reason == NO_REASON)
    origin, place = np.unique(pairs.origin[lost], return_inverse=True)
    any_road = snap_places(
        roads, origin_xy[origin], roads.is_open, max_distance_m=max_origin_access_m
    )
    far_origin = f"too far from any road: {open_to} {max_origin_access_m:,g} m"
    reason[lost] = np.where(any_road.row < 0, far_origin, NOT_CONNECTED)[place]
    return RouteEnds(
        pairs=Pairs(origin=pairs.origin, gate=pairs.gate, reason=reason, lone=pairs.lone),
        gates=gates,
        origins=Places(row=row, share=share, access_m=access_m),
    )


def _find_rows_before(roads: RoutableRoads, row: int, share: float) -> BoolArray:
    """Find the rows from which a place can be reached; all gates of a group have the same."""
    arcs = roads.search.arc_of_row[row]
    sides = np.flatnonzero(arcs >= 0)
    if share in (0.0, 1.0):
        sides = np.array([int(share)])
    start = roads.search.ends[row, sides].astype(np.int64)
    is_met = mark_reaching(roads.search, start)
    allowed = np.zeros(len(roads.segment_id), dtype=bool)
    allowed[roads.graph.segment_id[is_met[roads.graph.head]]] = True
    allowed[row] = True
    return allowed


def _list_near(
    origin_xy: FloatArray, gate_xy: FloatArray, max_distance_m: float
) -> tuple[IntArray, IntArray]:
    """List all origins near each gate, ordered by gate, then origin."""
    has_origin = np.flatnonzero(_has_place(origin_xy))
    has_gate = np.flatnonzero(_has_place(gate_xy))
    if len(has_origin) == 0 or len(has_gate) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if np.isfinite(max_distance_m):
        tree = KDTree(origin_xy[has_origin])
        lists = tree.query_ball_point(gate_xy[has_gate], max_distance_m, return_sorted=True)
        counts = np.array([len(some) for some in lists])
        near = np.concatenate([np.asarray(some, dtype=np.int64) for some in lists])
    else:
        counts = np.full(len(has_gate), len(has_origin))
        near = np.tile(np.arange(len(has_origin)), len(has_gate))
    return has_origin[near], np.repeat(has_gate, counts)


def _read_wanted(wanted: pd.DataFrame, n_origins: int, n_gates: int) -> tuple[IntArray, IntArray]:
    missing = [column for column in ("origin", "gate") if column not in wanted.columns]
    if missing:
        raise TableError.missing_columns("pairs", missing, list(map(str, wanted.columns)))
    for column, n in (("origin", n_origins), ("gate", n_gates)):
        numbers = pd.to_numeric(wanted[column], errors="coerce").to_numpy(float, na_value=np.nan)
        bad = np.flatnonzero(~((numbers >= 0) & (numbers < n) & (numbers % 1 == 0)))
        if len(bad):
            message = (
                f"pairs: {len(bad)} {column} row(s) are not there, first "
                f"{wanted[column].iloc[bad[0]]} in row {bad[0]}; give rows from 0 to {n - 1}."
            )
            raise TableError(message)
    unique = wanted[["gate", "origin"]].astype(np.int64).drop_duplicates()
    ordered = unique.sort_values(["gate", "origin"])
    return ordered["origin"].to_numpy(), ordered["gate"].to_numpy()
