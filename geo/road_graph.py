"""The road network as seen by one kind of vehicle: directed arcs with travel times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import GeometryError, InputError, TableError, VocabularyError
from core.vocabulary import RoadClass, SurfaceClass
from geo.crs import require_unique
from geo.vehicles import VEHICLES, VehicleRules, get_vehicle

__all__ = [
    "VEHICLES",
    "RoadGraph",
    "VehicleRules",
    "build_road_graph",
    "compute_speed",
    "get_vehicle",
    "measure_segments",
    "reverse_graph",
]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

KMH_PER_MS: Final = 3.6
UNKNOWN: Final = "unknown"
_NEEDED: Final = ("segment_id", "u", "v", "road_class", "length_m")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadGraph:
    """Directed arcs for one kind of vehicle, grouped by the node they leave.

    Attributes
    ----------
    n_nodes
        Number of nodes; nodes without arcs count.
    first_arc
        Position of the first arc that leaves each node, and the total, shape (n_nodes + 1,).
    tail, head
        Nodes that each arc leaves and reaches, shape (n_arcs,).
    segment_id
        Segment that each arc runs along, shape (n_arcs,).
    is_forward
        True where the arc runs along the segment's line, from u to v.
    time_s, length_m
        Travel time [s] and length [m], shape (n_arcs,).
    """

    n_nodes: int
    first_arc: IntArray
    tail: IntArray
    head: IntArray
    segment_id: IntArray
    is_forward: BoolArray
    time_s: FloatArray
    length_m: FloatArray


def build_road_graph(
    segments: gpd.GeoDataFrame, *, n_nodes: int, vehicle: VehicleRules
) -> RoadGraph:
    """Build the arcs that a vehicle may travel.

    Parameters
    ----------
    segments
        Columns `segment_id` (unique), `u`, `v`, `road_class`, `length_m`; used where they are
        there: `highway`, `surface_class`, `maxspeed_kmh`, `oneway`, `geometry`.
    n_nodes
        Number of nodes; `u` and `v` are below it.
    vehicle
        Rules of the vehicle, such as `VEHICLES["bus"]`.

    Returns
    -------
    graph
        Arcs ordered by the node they leave, then by segment.

    Raises
    ------
    TableError
        If a column is missing, an id repeated or a node out of range.
    VocabularyError
        If a road class, surface or direction is not a known word.
    GeometryError
        If a segment has neither a length nor a line.

    Notes
    -----
    Unknown is never no: a segment of unknown class counts as unclassified, of unknown
    surface as paved, of unknown limit as without one, of unknown direction as two-way.
    """
    missing = [column for column in _NEEDED if column not in segments.columns]
    if missing:
        raise TableError.missing_columns("segments", missing, list(map(str, segments.columns)))
    require_unique(segments, "segment_id")
    ends = segments[["u", "v"]].to_numpy(dtype=np.int64)
    if len(ends) and (ends.min() < 0 or ends.max() >= n_nodes):
        bad = ((ends < 0) | (ends >= n_nodes)).any(axis=1)
        message = (
            f"segments: {int(bad.sum())} end at a node outside 0 to {n_nodes - 1}, first in row "
            f"{int(np.flatnonzero(bad)[0])}; use segments and nodes of one network."
        )
        raise TableError(message)
    length_m = measure_segments(segments)
    speed_kmh = compute_speed(segments, vehicle)
    time_s = length_m / (speed_kmh / KMH_PER_MS)
    is_open = ~np.isnan(speed_kmh)
    oneway = _read_words(segments, "oneway", ("no", "forward", "backward"), default="no")
    free = np.full(len(segments), not vehicle.obeys_oneway)
    along = np.flatnonzero(is_open & (free | (oneway != "backward")))
    against = np.flatnonzero(is_open & (free | (oneway != "forward")))
    row = np.concatenate([along, against])
    is_forward = np.repeat([True, False], [len(along), len(against)])
    tail = np.where(is_forward, ends[row, 0], ends[row, 1])
    head = np.where(is_forward, ends[row, 1], ends[row, 0])
    ids = segments["segment_id"].to_numpy(dtype=np.int64)[row]
    return _group_arcs(n_nodes, tail, head, ids, is_forward, time_s[row], length_m[row])


def reverse_graph(graph: RoadGraph) -> RoadGraph:
    """Turn every arc round; `is_forward` stays that of the original arc."""
    return _group_arcs(
        graph.n_nodes,
        graph.head,
        graph.tail,
        graph.segment_id,
        graph.is_forward,
        graph.time_s,
        graph.length_m,
    )


def compute_speed(segments: gpd.GeoDataFrame, vehicle: VehicleRules) -> FloatArray:
    """Compute the speed on each segment [km/h]; NaN where it is closed to the vehicle.

    The usual speed on the road class, less on unpaved roads, never above the vehicle's top
    speed or a stated limit.

    Raises
    ------
    InputError
        If a speed of the rules is not above 0, or the factor not within 0 to 1.
    VocabularyError
        If a road class or surface is not a known word.
    """
    _require_rules(vehicle)
    classes = [word.value for word in RoadClass]
    road_class = _read_words(segments, "road_class", classes, RoadClass.UNCLASSIFIED.value)
    surface = _read_words(segments, "surface_class", [word.value for word in SurfaceClass], UNKNOWN)
    speed: FloatArray = np.full(len(segments), np.nan)
    for word, usual_kmh in vehicle.speed_kmh.items():
        speed[road_class == word] = usual_kmh
    speed[surface == SurfaceClass.UNPAVED.value] *= vehicle.unpaved_factor
    speed = np.minimum(speed, vehicle.top_speed_kmh)
    if "maxspeed_kmh" in segments:
        limit = segments["maxspeed_kmh"].to_numpy(dtype=float, na_value=np.nan)
        speed = np.where(limit > 0, np.minimum(speed, limit), speed)
    if "highway" in segments and vehicle.closed_highways:
        closed = segments["highway"].isin(vehicle.closed_highways).to_numpy(dtype=bool)
        speed[closed] = np.nan
    return speed


def measure_segments(segments: gpd.GeoDataFrame) -> FloatArray:
    """Return `length_m` [m]; where it is not known, the length of the line.

    Raises
    ------
    GeometryError
        If a segment has neither; the message gives the first.
    """
    length: FloatArray = segments["length_m"].to_numpy(dtype=float, na_value=np.nan)
    bad = ~(np.isfinite(length) & (length >= 0))
    if bad.any() and isinstance(segments, gpd.GeoDataFrame):
        length = length.copy()
        length[bad] = segments.geometry[bad].length.to_numpy()
        bad = ~np.isfinite(length)
    if bad.any():
        message = (
            f"segments: {int(bad.sum())} have no length, first in row "
            f"{int(np.flatnonzero(bad)[0])}; give length_m in metres, or a line."
        )
        raise GeometryError(message)
    return length


def _require_rules(vehicle: VehicleRules) -> None:
    speeds = {**vehicle.speed_kmh, "top speed": vehicle.top_speed_kmh}
    for name, speed in speeds.items():
        if not 0 < speed < np.inf:
            message = f"vehicle {vehicle.name}: {name} is {speed} km/h; give a speed above 0."
            raise InputError(message)
    if not 0 < vehicle.unpaved_factor <= 1:
        message = (
            f"vehicle {vehicle.name}: unpaved_factor is {vehicle.unpaved_factor}; give a share "
            "above 0 and at most 1."
        )
        raise InputError(message)


def _read_words(
    segments: pd.DataFrame, column: str, allowed: list[str] | tuple[str, ...], default: str
) -> NDArray[np.object_]:
    """Return a column of words; `default` where there is none or it is unknown."""
    if column not in segments:
        return np.full(len(segments), default, dtype=object)
    codes, words = pd.factorize(segments[column])
    for word in words:
        if str(word) not in (*allowed, UNKNOWN, ""):
            raise VocabularyError.unknown_word(f"segments: {column}", str(word), allowed)
    texts = [default if str(word) in (UNKNOWN, "") else str(word) for word in words]
    return np.array([*texts, default], dtype=object)[codes]


def _group_arcs(
    n_nodes: int,
    tail: IntArray,
    head: IntArray,
    segment_id: IntArray,
    is_forward: BoolArray,
    time_s: FloatArray,
    length_m: FloatArray,
) -> RoadGraph:
    order = np.lexsort((~is_forward, segment_id, tail))
    first_arc = np.concatenate(([0], np.cumsum(np.bincount(tail, minlength=n_nodes))))
    return RoadGraph(
        n_nodes=n_nodes,
        first_arc=first_arc.astype(np.int64),
        tail=tail[order],
        head=head[order],
        segment_id=segment_id[order],
        is_forward=is_forward[order],
        time_s=time_s[order],
        length_m=length_m[order],
    )
