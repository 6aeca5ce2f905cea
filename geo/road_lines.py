"""From ways or lines as they come to runs of shared nodes: clip, join, type."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

from core.errors import GeometryError, TableError
from geo.chains import RoadLines
from geo.osm import require_road_classes, type_way_tags
from geo.osm_tags import count_unknown_oneway

__all__ = [
    "CLASS_COLUMNS",
    "LINE_NODE_GRID_M",
    "TypedLines",
    "clip_roads",
    "index_line_nodes",
    "make_road_lines",
    "type_lines",
]

logger = logging.getLogger(__name__)

CLASS_COLUMNS = ("highway", "class2", "fclass")
LINE_NODE_GRID_M = 0.01  # vertices of line layers that round to the same centimetre are one node

_SYNONYMS = {"name_km": "name:km", "name_kh": "name:km", "code_ref": "ref"}
_FCLASS_ONEWAY = {"F": "yes", "T": "-1", "B": "no"}  # Geofabrik's shapefiles


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedLines:
    """Lines of the chosen classes with typed attributes, one row a line in both."""

    ways: pd.DataFrame
    lines: NDArray[np.object_]
    class_column: str | None
    n_skipped: Counter[str]
    n_oneway_unknown: dict[str, int]  # words in `oneway` that mean nothing here -> lines kept


def type_lines(
    frame: GeoDataFrame, *, road_classes: Sequence[str], class_column: str | None = None
) -> TypedLines:
    """Read the attributes of a line layer as if they were OpenStreetMap tags.

    Parameters
    ----------
    frame
        LineStrings with a `source_row` column (`geo.vector_io.explode_lines`).
    road_classes
        Classes to keep.
    class_column
        The column with the road class; by default `highway`, `class2` (major and minor
        become secondary and residential) or `fclass`, whichever is there. With none of
        them every line counts as unclassified.

    Raises
    ------
    TableError
        If `class_column` is not a column.
    """
    require_road_classes(road_classes)
    names = {str(name).lower(): str(name) for name in frame.columns if name != "geometry"}
    if class_column is not None and class_column not in frame.columns:
        raise TableError.missing_columns("lines", [class_column], list(names.values()))
    found = class_column or next((names[word] for word in CLASS_COLUMNS if word in names), None)
    raw = {}
    for word, name in names.items():
        raw[_SYNONYMS.get(word, word)] = _as_text(frame[name])
    raw["highway"] = (
        pd.Series("unclassified", index=frame.index, dtype=object)
        if found is None
        else _as_text(frame[found])
    )
    if "fclass" in names and "oneway" in raw:
        raw["oneway"] = raw["oneway"].replace(_FCLASS_ONEWAY)
    ways = type_way_tags(pd.DataFrame(raw, index=frame.index))
    ways.insert(0, "osm_way_id", frame["source_row"].to_numpy(np.int64))
    road_class = ways["road_class"].to_numpy(dtype=object).astype(str)
    keep = np.isin(road_class, list(road_classes))
    highway = ways["highway"].to_numpy(dtype=object).astype(str)
    n_unknown = count_unknown_oneway(raw["oneway"][keep]) if "oneway" in raw else {}
    if n_unknown:
        told = ", ".join(f"{word!r}: {n}" for word, n in list(n_unknown.items())[:5])
        logger.warning(
            "lines: %d with a word in 'oneway' that is not known (%s); taken as if they had none; "
            "use yes, -1, no, or forward, backward, no",
            sum(n_unknown.values()), told,
        )  # fmt: skip
    reason = np.where(
        road_class == "",
        np.char.add(f"not a road: {found}=", highway),
        np.char.add("road class not chosen: ", road_class),
    )
    return TypedLines(
        ways=ways[keep].reset_index(drop=True),
        lines=frame.geometry.to_numpy()[keep],
        class_column=found,
        n_skipped=Counter(reason[~keep].tolist()),
        n_oneway_unknown=n_unknown,
    )


def _as_text(column: pd.Series) -> pd.Series:
    """Give a column as text, null where it is null; 3.0 reads as 3, True as yes."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.map({True: "yes", False: "no"}).astype(object)
    if pd.api.types.is_float_dtype(column.dtype):
        numbers = [None if np.isnan(value) else f"{value:g}" for value in column.to_numpy(float)]
        return pd.Series(numbers, index=column.index, dtype=object)
    texts = column.astype("str").astype(object)
    known: pd.Series[Any] = texts.where(column.notna(), None)
    return known


def clip_roads(
    ways: pd.DataFrame,
    offset: NDArray[np.int64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    boundary: BaseGeometry | None,
) -> tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.int64], int]:
    """Keep the stretches between two vertices whose middle lies inside a polygon.

    Parameters
    ----------
    ways, offset
        Way `i` has the vertices `offset[i]:offset[i + 1]`.
    x, y
        Vertices, in the system of the boundary, shape (n,).
    boundary
        Polygon; none keeps all.

    Returns
    -------
    ways, offset, at, n_outside
        Ways (one that leaves and comes back appears once a stay), their offsets, the
        positions of their vertices in `x`, and how many ways lie wholly outside.

    Raises
    ------
    GeometryError
        If nothing lies inside, or the boundary is no polygon.
    """
    if boundary is None:
        return ways, offset, np.arange(len(x)), 0
    area = boundary if boundary.is_valid else shapely.make_valid(boundary)
    if area.is_empty or area.area == 0:
        message = f"boundary: is {area.geom_type} without an area; give a polygon."
        raise GeometryError(message)
    way = np.repeat(np.arange(len(ways)), np.diff(offset))
    shapely.prepare(area)
    is_in = (way[1:] == way[:-1]) & shapely.contains_xy(
        area, (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2
    )
    if not is_in.any():
        there, asked = _describe(x.min(), y.min(), x.max(), y.max()), _describe(*area.bounds)
        message = (
            f"boundary: none of the {len(ways)} roads lies inside; the roads cover {there}, the "
            f"boundary {asked}; check that both are of the same area and in degrees (WGS84)."
        )
        raise GeometryError(message)
    starts = is_in & ~np.concatenate([[False], is_in[:-1] & (way[1:-1] == way[:-2])])
    stops = is_in & ~np.concatenate([is_in[1:] & (way[1:-1] == way[2:]), [False]])
    start, stop = np.flatnonzero(starts), np.flatnonzero(stops) + 1
    count = stop - start + 1
    new_offset = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    at = np.arange(count.sum()) + np.repeat(start - new_offset[:-1], count)
    kept = way[start]
    n_outside = len(ways) - len(np.unique(kept))
    return ways.take(kept).reset_index(drop=True), new_offset, at, n_outside


def _describe(west: float, south: float, east: float, north: float) -> str:
    return f"{west:.6g},{south:.6g},{east:.6g},{north:.6g}"


def index_line_nodes(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find vertices that are one node: equal after rounding to 0.01 m.

    Returns
    -------
    node
        Node of each vertex, shape (n,); nodes are ordered by x, then y.
    first
        A vertex of each node.
    """
    column = np.round(x / LINE_NODE_GRID_M).astype(np.int64)
    row = np.round(y / LINE_NODE_GRID_M).astype(np.int64)
    height = row.max(initial=0) - row.min(initial=0) + 1
    key = (column - column.min(initial=0)) * height + (row - row.min(initial=0))
    _, first, node = np.unique(key, return_index=True, return_inverse=True)
    return node.astype(np.int64), first


def make_road_lines(
    ways: pd.DataFrame,
    offset: NDArray[np.int64],
    node: NDArray[np.int64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    osm_node_id: NDArray[np.int64],
) -> tuple[RoadLines, int]:
    """Drop stretches of no length, and ways that consist of nothing else.

    Parameters
    ----------
    ways, offset, node
        Way `i` runs through the nodes `node[offset[i]:offset[i + 1]]`.
    x, y, osm_node_id
        Of each node, [m], shape (n_nodes,). Neighbours at one place become one node.

    Returns
    -------
    roads, n_short
        And the number of ways dropped.
    """
    way = np.repeat(np.arange(len(ways)), np.diff(offset))
    inner = way[1:] == way[:-1]
    a, b = node[:-1], node[1:]
    same_place = inner & (a != b) & (x[a] == x[b]) & (y[a] == y[b])
    if same_place.any():
        ends = (a[same_place], b[same_place])
        links = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(len(x), len(x)))
        label = connected_components(links, directed=False)[1]
        lowest = np.unique(label, return_index=True)[1]
        node = lowest[label][node]
    keep = np.ones(len(node), dtype=bool)
    keep[1:] = ~(inner & (node[1:] == node[:-1]))
    size = np.bincount(way[keep], minlength=len(ways))
    is_long = size > 1
    keep &= is_long[way]
    roads = RoadLines(
        ways=ways if is_long.all() else ways[is_long].reset_index(drop=True),
        offset=np.concatenate([[0], np.cumsum(size[is_long])]).astype(np.int64),
        node=node[keep],
        node_x=x,
        node_y=y,
        osm_node_id=osm_node_id,
    )
    return roads, int((~is_long).sum())
