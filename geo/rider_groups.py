"""Who rides on which route: trips of a leg matched to its routes, gate by gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.units import M_PER_KM
from core.vocabulary import Direction
from geo.flow_loops import Clock, Riders

__all__ = ["GateRiders", "match_riders", "set_clock"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GROUP_COLUMNS: Final = ["mode", "shift", "start_min", "end_min"]
DAYS_AHEAD: Final = 14_400.0  # min; keeps times before midnight above 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRiders:
    """The riders to one gate.

    Attributes
    ----------
    gate
        Row of the gate.
    groups
        One row a group and direction, the groups of one direction first.
    riders
        Which of them are on which route.
    km_per_day
        Worker-km a day by group, from the lengths of the routes, shape (n_groups,).
    """

    gate: int
    groups: pd.DataFrame
    riders: Riders
    km_per_day: FloatArray


def match_riders(
    routes: pd.DataFrame, trips: pd.DataFrame, directions: tuple[str, ...]
) -> Iterator[GateRiders]:
    """Match trips to routes, one gate after the other.

    Parameters
    ----------
    routes
        As in `geo.routing.Routes`.
    trips
        As in `geo.exposure.Leg`.
    directions
        Which ways the routes serve.

    Yields
    ------
    of_gate
        For each gate with at least one trip of somebody that has a route.
    """
    trips = trips[trips["workers"] > 0]
    grouped = trips.groupby(GROUP_COLUMNS, sort=True, dropna=False)
    sizes = grouped.size().reset_index()
    names = {name: np.asarray(sizes[name], dtype=object) for name in ("mode", "shift")}
    for name in ("start_min", "end_min"):
        names[name] = sizes[name].astype("float64").to_numpy()
    table = {
        "gate": trips["gate"].to_numpy(dtype=np.int64),
        "origin": trips["origin"].to_numpy(dtype=np.int64),
        "name": np.asarray(grouped.ngroup(), dtype=np.int64),
        "workers": trips["workers"].to_numpy(dtype=np.float64),
    }
    order = np.lexsort((table["origin"], table["gate"]))
    table = {name: values[order] for name, values in table.items()}
    columns = {
        name: routes[name].to_numpy(dtype=np.int64 if name in {"origin", "gate"} else np.float64)
        for name in ("origin", "gate", "share", "time_s", "length_m")
    }
    by_gate = np.argsort(columns["gate"], kind="stable")
    gate_of_route = columns["gate"][by_gate]
    for gate in np.unique(table["gate"]):
        first, last = np.searchsorted(table["gate"], [gate, gate + 1])
        low, high = np.searchsorted(gate_of_route, [gate, gate + 1])
        rows = by_gate[low:high]
        mine = {name: values[first:last] for name, values in table.items()}
        found = _match_gate(int(gate), rows, columns, mine, names, directions)
        if found is not None:
            yield found


def _match_gate(
    gate: int,
    rows: IntArray,
    routes: dict[str, NDArray[np.generic]],
    trips: dict[str, NDArray[np.generic]],
    names: dict[str, NDArray[Any]],
    directions: tuple[str, ...],
) -> GateRiders | None:
    """Return the riders of one gate; its trips are sorted by origin."""
    origin = routes["origin"][rows]
    low = np.searchsorted(trips["origin"], origin, side="left")
    n_riders = np.searchsorted(trips["origin"], origin, side="right") - low
    rows, low, n_riders = rows[n_riders > 0], low[n_riders > 0], n_riders[n_riders > 0]
    if rows.size == 0:
        return None
    first = np.concatenate([[0], np.cumsum(n_riders)])
    of_route = np.repeat(np.arange(rows.size), n_riders)
    trip = np.arange(first[-1]) - first[of_route] + low[of_route]
    used, group = np.unique(trips["name"][trip], return_inverse=True)
    workers = trips["workers"][trip] * routes["share"][rows][of_route]
    km = workers * routes["length_m"][rows][of_route] / M_PER_KM
    n_ways = len(directions)
    groups = {name: np.tile(values[used], n_ways) for name, values in names.items()}
    groups["direction"] = np.repeat(np.array(directions, dtype=object), used.size)
    groups["is_light_known"] = ~np.isnan(_find_anchor(groups))
    groups["workers"] = np.tile(np.bincount(group, workers), n_ways)
    return GateRiders(
        gate=gate,
        groups=pd.DataFrame(groups),
        riders=Riders(
            route=rows,
            time_s=np.asarray(routes["time_s"][rows], dtype=np.float64),
            first=first.astype(np.int64),
            group=group.astype(np.int64),
            workers=np.asarray(workers, dtype=np.float64),
        ),
        km_per_day=np.tile(np.bincount(group, km), n_ways),
    )


def set_clock(groups: pd.DataFrame, dark_share: FloatArray, margin_min: float) -> Clock:
    """Return when each group is at the gate, and when it is dark."""
    columns = {name: groups[name].to_numpy() for name in ("direction", "start_min", "end_min")}
    sign = np.where(columns["direction"] == Direction.FROM_WORK.value, 1.0, -1.0)
    at_gate = _find_anchor(columns) + sign * margin_min + DAYS_AHEAD
    known, time = np.unique(np.stack([at_gate, sign]), axis=1, return_inverse=True)
    return Clock(
        at_gate_min=known[0],
        sign=known[1],
        time_of_group=time.ravel().astype(np.int64),
        dark_share=np.ascontiguousarray(dark_share),
    )


def _find_anchor(groups: Mapping[str, NDArray[Any]]) -> FloatArray:
    """Return the start of the shift of those on their way to work, else its end; or NaN."""
    is_home = groups["direction"] == Direction.FROM_WORK.value
    return np.where(is_home, groups["end_min"], groups["start_min"]).astype(np.float64)
