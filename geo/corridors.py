"""Named roads as people speak of them: "NR4, kilometre 23.4".

A corridor is a set of connected segments with one road number, else with one name. Its
kilometres are counted along the road from the end nearest the largest place of the area,
as kilometre stones are, but they are measured on the map and are not the official ones.
"""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from core.errors import TableError
from core.units import M_PER_KM
from geo.places import find_largest_place
from geo.road_names import is_same_road, normalise_road_name

__all__ = ["build_corridors", "compose_road_label"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ROAD_NUMBER = re.compile(r"[^\W\d]{1,4}[ .-]?\d{1,5}[^\W\d]{0,2}")  # NR4, RN-1, BR-290, A10
MIN_NAME_SHARE = 0.5  # of a corridor's length that bears the name shown in its label
MEDIAN_M = 60.0  # the carriageways of one road lie no farther apart
LEAST_M = 1e-6  # an edge of no length would be no edge in a sparse matrix


def build_corridors(
    segments: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, places: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Find the corridors and the kilometres of every segment along its own.

    Parameters
    ----------
    segments
        Columns `segment_id`, `u`, `v`, `intersection_u`, `intersection_v`, `ref`,
        `name`, `length_m`, geometry; `name_km` is used where there is no `name`.
    nodes
        Columns `node_id`, geometry.
    places
        See `geo.places.find_largest_place`; may be empty.

    Returns
    -------
    segments
        The segments with `corridor_id` (null without a name), `chainage_u_km` and
        `chainage_v_km`: kilometres along the road at the segment's start and end.
    corridors
        `corridor_id` (0..n-1 by lowest segment), `label`, `ref`, `name`, `n_segments`,
        `length_m` (both carriageways), `extent_km` (greatest chainage), `start_place`
        (the place kilometres are counted from; null without places, when they are
        counted from the western end).

    Raises
    ------
    TableError
        If a column is missing or a segment's node is not there.

    Notes
    -----
    Segments are connected at shared nodes, through intersections, and where junctions or
    ends of the road lie within 60 m of each other, so that the two carriageways of a road
    are one corridor with nearly the same kilometres. Ends are
    found by two sweeps: the farthest vertex from any, and the farthest from that; on a
    ring both ways round count up. Two refs parted by ";" count as the first.
    """
    _require_columns(segments, nodes)
    keys = _list_keys(segments)
    rows = np.flatnonzero(keys.notna().to_numpy())
    largest = find_largest_place(places)
    result = segments.copy()
    corridor = np.full(len(segments), -1, dtype=np.int64)
    chainage = np.full((len(segments), 2), np.nan)
    if len(rows):
        graph, ends, xy = _build_graph(segments.iloc[rows], nodes, keys.iloc[rows])
        _, part = connected_components(graph, directed=False)
        corridor[rows] = _number_by_first(part[ends[:, 0]], segments["segment_id"].iloc[rows])
        target = largest[1] if largest else None
        metres = _measure(graph, part.astype(np.int64), xy, target)
        chainage[rows] = metres[ends] / M_PER_KM
    result["corridor_id"] = pd.arrays.IntegerArray(corridor, corridor < 0)
    result["chainage_u_km"], result["chainage_v_km"] = chainage.T.copy()
    return result, _describe(result, largest[0] if largest else None)


def compose_road_label(ref: str | None, name: str | None) -> str | None:
    """Name a road by number and name: "NR4 (Preah Sihanouk Boulevard)".

    A name that only repeats the number is left out; a bare number without a name becomes
    "Road 4"; of a name and a ref that is no road number, the name is taken.
    """
    if ref and name:
        if _ROAD_NUMBER.fullmatch(ref) is None:
            return name
        same = is_same_road(normalise_road_name(ref), normalise_road_name(name))
        return ref if same else f"{ref} ({name})"
    if ref:
        return f"Road {ref}" if ref.isdigit() else ref
    return name or None


def _require_columns(segments: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> None:
    needed = ["segment_id", "u", "v", "intersection_u", "intersection_v"]
    needed += ["ref", "name", "length_m"]
    for table, frame, columns in (("segments", segments, needed), ("nodes", nodes, ["node_id"])):
        missing = [column for column in columns if column not in frame.columns]
        if missing:
            raise TableError.missing_columns(table, missing, list(map(str, frame.columns)))


def _get_names(segments: pd.DataFrame) -> pd.Series:
    names = segments["name"]
    if "name_km" in segments.columns:
        names = names.where(names.notna(), segments["name_km"])
    return names


def _get_refs(segments: pd.DataFrame) -> pd.Series:
    """Return the first of several refs; null for none."""
    refs = segments["ref"].astype("str").str.replace(r";.*", "", regex=True).str.strip()
    return refs.where(refs != "")


def _list_keys(segments: pd.DataFrame) -> pd.Series:
    """List what makes segments one road: the number, else the name, whatever its case."""
    refs = "r " + _get_refs(segments).str.casefold()
    names = _get_names(segments).astype("str").str.casefold()
    names = names.str.replace(r"\s+", " ", regex=True).str.strip()
    names = "n " + names.where(names != "")
    return refs.where(refs.notna(), names)


def _build_graph(
    segments: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, keys: pd.Series
) -> tuple[csr_array, IntArray, FloatArray]:
    """Build the graph of named roads; a node is one vertex for each road through it.

    Returns
    -------
    graph
        Symmetric, lengths in metres.
    ends
        Vertices at the start and end of each segment, shape (n_segments, 2).
    xy
        Coordinates of the vertices [m].
    """
    node_row = pd.Index(nodes["node_id"])
    at = np.column_stack(
        [node_row.get_indexer(pd.Index(segments[side])) for side in ("u", "v")]
    ).ravel()
    if (at < 0).any():
        lost = segments[["u", "v"]].to_numpy().ravel()[at < 0]
        message = (
            f"segments: {len(np.unique(lost))} node(s) are not there, first {lost[0]}; "
            "use segments and nodes of one network."
        )
        raise TableError(message)
    key = np.repeat(pd.factorize(keys)[0], 2)
    cluster = segments[["intersection_u", "intersection_v"]].astype("Int64").fillna(-1)
    cluster_id = cluster.to_numpy(dtype=np.int64).ravel()
    pairs, vertex = np.unique(key * len(nodes) + at, return_inverse=True)
    node_xy = shapely.get_coordinates(nodes.geometry.to_numpy())
    xy = node_xy[pairs % len(nodes)]
    inside = cluster_id >= 0  # and a vertex for each road's part of each intersection
    _, hub = np.unique(
        key[inside] * (cluster_id.max(initial=0) + 1) + cluster_id[inside], return_inverse=True
    )
    n_hubs = int(hub.max()) + 1 if len(hub) else 0
    total = np.maximum(np.bincount(hub, minlength=n_hubs), 1)
    hub_xy = np.column_stack(
        [np.bincount(hub, xy[vertex[inside], k], n_hubs) / total for k in (0, 1)]
    )
    spoke = np.hypot(*(xy[vertex[inside]] - hub_xy[hub]).T)
    ends = vertex.reshape(-1, 2)
    near = _find_other_carriageway(xy, pairs // len(nodes))
    a = np.concatenate([ends[:, 0], vertex[inside], near[:, 0]])
    b = np.concatenate([ends[:, 1], len(pairs) + hub, near[:, 1]])
    along = segments["length_m"].to_numpy(dtype=np.float64)
    across = np.hypot(*(xy[near[:, 0]] - xy[near[:, 1]]).T)
    length = np.concatenate([along, spoke, across])
    return _join(a, b, length, len(pairs) + n_hubs), ends, np.vstack([xy, hub_xy])


def _find_other_carriageway(xy: FloatArray, key: IntArray) -> IntArray:
    """Find pairs of vertices of one road that lie across a median or canal, shape (n, 2)."""
    apart = key * (10 * MEDIAN_M)  # roads lie in layers, so that only their own are near
    tree = cKDTree(np.column_stack([xy, apart]))
    pairs: IntArray = tree.query_pairs(MEDIAN_M, output_type="ndarray").astype(np.int64)
    return pairs


def _join(a: IntArray, b: IntArray, length: FloatArray, size: int) -> csr_array:
    """Return the symmetric matrix of the shortest edge between vertices."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((length, high, low))
    low, high, length = low[order], high[order], np.maximum(length[order], LEAST_M)
    keep = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)] & (low != high)
    low, high, length = low[keep], high[keep], length[keep]
    rows, columns = np.r_[low, high], np.r_[high, low]
    return csr_array((np.r_[length, length], (rows, columns)), shape=(size, size))


def _measure(
    graph: csr_array, part: IntArray, xy: FloatArray, target: FloatArray | None
) -> FloatArray:
    """Measure how far each vertex is from the start of its corridor [m], all corridors at once."""
    _, any_vertex = np.unique(part, return_index=True)
    one = _take_farthest(_sweep(graph, any_vertex), part)
    other = _take_farthest(_sweep(graph, one), part)
    if target is None:
        is_nearer = xy[other, 0] < xy[one, 0]
    else:
        is_nearer = np.hypot(*(xy[other] - target).T) < np.hypot(*(xy[one] - target).T)
    return _sweep(graph, np.where(is_nearer, other, one))


def _sweep(graph: csr_array, sources: IntArray) -> FloatArray:
    """Measure how far every vertex is from the source in its part of the graph."""
    distance: FloatArray = dijkstra(graph, directed=False, indices=sources, min_only=True)
    return distance


def _take_farthest(distance: FloatArray, part: IntArray) -> IntArray:
    """Find the farthest vertex of each part; of equals the first."""
    order = np.lexsort((np.arange(len(part)), -distance, part))
    is_first = np.r_[True, np.diff(part[order]) != 0]
    farthest: IntArray = order[is_first]
    return farthest


def _number_by_first(part: IntArray, segment_id: pd.Series) -> IntArray:
    """Give parts the numbers 0..n-1 in the order of their lowest segment id."""
    found, part = np.unique(part, return_inverse=True)
    lowest = np.full(len(found), np.iinfo(np.int64).max)
    np.minimum.at(lowest, part, segment_id.to_numpy(dtype=np.int64))
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(lowest)] = np.arange(len(found))
    return rank[part]


def _describe(segments: gpd.GeoDataFrame, start_place: str | None) -> pd.DataFrame:
    """Describe each corridor in one row."""
    named = pd.DataFrame(
        {
            "corridor_id": segments["corridor_id"],
            "segment_id": segments["segment_id"],
            "ref": _get_refs(segments),
            "name": _get_names(segments),
            "length_m": segments["length_m"],
            "extent_km": segments[["chainage_u_km", "chainage_v_km"]].max(axis=1),
        }
    )
    named = named.dropna(subset="corridor_id").sort_values("segment_id")
    grouped = named.groupby("corridor_id")
    table = grouped.agg(
        n_segments=("length_m", "size"),
        length_m=("length_m", "sum"),
        extent_km=("extent_km", "max"),
    )
    table["ref"] = grouped["ref"].first().astype("str")
    by_name = named.groupby(["corridor_id", "name"])["length_m"].sum().reset_index()
    by_name = by_name.sort_values(
        ["corridor_id", "length_m", "name"], ascending=[True, False, True]
    ).drop_duplicates("corridor_id")
    most = by_name.set_index("corridor_id").reindex(table.index)
    is_usual = most["length_m"] >= MIN_NAME_SHARE * table["length_m"]
    table["name"] = most["name"].where(is_usual).astype("str")
    labels = [
        compose_road_label(*(None if pd.isna(word) else str(word) for word in words))
        for words in zip(table["ref"], table["name"], strict=True)
    ]
    table["label"] = pd.array(labels, dtype="str")
    table["start_place"] = pd.array([start_place] * len(table), dtype="str")
    columns = ["corridor_id", "label", "ref", "name", "n_segments"]
    columns += ["length_m", "extent_km", "start_place"]
    return table.reset_index().astype({"corridor_id": np.int64})[columns]
