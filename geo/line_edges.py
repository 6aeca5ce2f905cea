"""Any layer of lines as edges that meet at shared vertices, and points put onto them."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from core.errors import GeometryError
from geo.crs import require_same_metric_crs
from geo.linear import flatten_lines
from geo.snapping import snap_points

__all__ = [
    "LineEdges",
    "PointsOnEdges",
    "build_line_edges",
    "find_repeated_edges",
    "place_on_edges",
]

GRID_M = 1e-3  # vertices that share a millimetre are one, and so are a node and a point near it


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEdges:
    """Edges between the nodes of a line layer.

    Attributes
    ----------
    lines
        One row an edge: `segment_id` (row number), `source_row` (of the layer), geometry.
    u, v
        Node at each end, shape (n_edges,).
    length_m
        Shape (n_edges,).
    """

    lines: gpd.GeoDataFrame
    u: NDArray[np.int64]
    v: NDArray[np.int64]
    length_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsOnEdges:
    """Where points lie on edges; arrays of shape (n_points,), -1 and NaN where on none."""

    edge: NDArray[np.int64]
    offset_m: NDArray[np.float64]
    distance_m: NDArray[np.float64]


def build_line_edges(lines: gpd.GeoDataFrame) -> LineEdges:
    """Cut lines where they share a vertex, at ends or between.

    Parameters
    ----------
    lines
        LineStrings in projected metres; `source_row`, where there is one, is kept.

    Returns
    -------
    edges
        Lines that merely cross, without a vertex in common, are not connected. Stretches
        without length are left out.

    Raises
    ------
    CrsError
        If the layer is not in projected metres.
    GeometryError
        If a geometry is not a single line, or nothing has a length.
    """
    require_same_metric_crs(lines=lines)
    shapes = lines.geometry.to_numpy()
    flatten_lines(shapes, layer="lines")  # refuses what is no line
    xy, line = shapely.get_coordinates(shapes, return_index=True)
    grid = np.round(xy / GRID_M).astype(np.int64)
    _, node, count = np.unique(grid, axis=0, return_inverse=True, return_counts=True)
    node = node.ravel()
    is_first = np.append(True, line[1:] != line[:-1])
    is_last = np.append(is_first[1:], True)
    is_cut = is_first | is_last | (count[node] > 1)
    step = np.append(0.0, np.hypot(*np.diff(xy, axis=0).T))
    far = np.cumsum(np.where(is_first, 0.0, step))
    cut = np.flatnonzero(is_cut)
    same_line = line[cut[1:]] == line[cut[:-1]]
    start, end = cut[:-1][same_line], cut[1:][same_line]
    length = far[end] - far[start]
    is_long = (length > 0) & ((node[start] != node[end]) | (length > 2 * GRID_M))  # no mere jitter
    start, end, length = (one[is_long] for one in (start, end, length))
    if not len(start):
        message = f"lines: none of {len(lines)} has a length; check the layer."
        raise GeometryError(message)
    n_vertices = end - start + 1
    edge = np.repeat(np.arange(len(start)), n_vertices)
    at = np.arange(len(edge)) - np.repeat(np.cumsum(n_vertices) - n_vertices, n_vertices)
    shape = shapely.linestrings(xy[start[edge] + at], indices=edge)
    rows = lines["source_row"] if "source_row" in lines else pd.Series(np.arange(len(lines)))
    frame = gpd.GeoDataFrame(
        {"segment_id": np.arange(len(start)), "source_row": rows.to_numpy()[line[start]]},
        geometry=shape,
        crs=lines.crs,
    )
    used, ends = np.unique(np.concatenate([node[start], node[end]]), return_inverse=True)
    del used
    return LineEdges(
        lines=frame, u=ends[: len(start)], v=ends[len(start) :], length_m=shapely.length(shape)
    )


def find_repeated_edges(edges: LineEdges) -> NDArray[np.int64]:
    """Find the edges that lie exactly on one before, in either direction.

    Returns
    -------
    original
        The first edge that lies there, shape (n_edges,); -1 where there is none before.

    Notes
    -----
    Vertices are compared to the millimetre. A layer that holds a road twice counts its length
    twice, and divides what spreads along it.
    """
    xy, edge = shapely.get_coordinates(edges.lines.geometry.to_numpy(), return_index=True)
    shape = shapely.normalize(shapely.linestrings(np.round(xy / GRID_M), indices=edge))
    group = pd.Series(shapely.to_wkb(shape)).factorize()[0]
    _, first = np.unique(group, return_index=True)
    original = first[group]
    return np.where(original == np.arange(len(original)), -1, original)


def place_on_edges(
    points: gpd.GeoDataFrame, edges: LineEdges, *, max_distance_m: float = np.inf
) -> PointsOnEdges:
    """Put each point onto the nearest edge.

    Parameters
    ----------
    points
        In the coordinate system of the edges.
    max_distance_m
        Farther from every edge, a point lies on none [m].

    Raises
    ------
    CrsError, InputError
        As `geo.snapping.snap_points`.

    Notes
    -----
    A point whose nearest place is within a millimetre of the end of an edge lies exactly on its
    node: it belongs to all edges there. Of edges equally near, the first is taken.
    """
    found = snap_points(points, edges.lines, max_distance_m=max_distance_m)
    edge = found["segment_id"].fillna(-1).to_numpy(dtype=np.int64)
    offset = found["offset_m"].to_numpy(dtype=np.float64).copy()
    length = np.where(edge >= 0, edges.length_m[edge], np.nan)
    rest = length - offset
    offset = np.where((rest <= GRID_M) & (rest < offset), length, offset)
    offset = np.where((offset <= GRID_M) & (rest >= offset), 0.0, offset)
    distance = found["distance_m"].to_numpy(dtype=np.float64)
    return PointsOnEdges(edge=edge, offset_m=offset, distance_m=distance)
