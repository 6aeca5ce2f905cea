"""Sums over what lies within a distance of places, for millions of both."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.jit import compiled
from core.units import M_PER_KM
from geo.crs import require_same_metric_crs
from geo.linear import flatten_lines, interpolate_points

__all__ = ["measure_junction_density", "sum_nearby"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CELLS_PER_RADIUS = 4
PIECE_M = 50.0  # a road counts in pieces of at most this length, each as a whole


def sum_nearby(
    xy: FloatArray, weights: FloatArray, centres: FloatArray, *, radius_m: float
) -> FloatArray:
    """Sum the weights of the points within a distance of each centre.

    Parameters
    ----------
    xy
        Points [m], shape (n, 2).
    weights
        Shape (n, k).
    centres
        Places [m], shape (m, 2).
    radius_m
        Distance [m], itself included.

    Returns
    -------
    sums
        Shape (m, k); 0 where there is no point.

    Raises
    ------
    InputError
        If the radius is not positive.
    """
    if not (np.isfinite(radius_m) and radius_m > 0):
        message = f"radius_m: {radius_m} is not a distance; give metres above 0."
        raise InputError(message)
    if len(xy) == 0 or len(centres) == 0:
        return np.zeros((len(centres), weights.shape[1]))
    low = xy.min(axis=0)
    cell_m = radius_m / CELLS_PER_RADIUS
    cell = np.floor((xy - low) / cell_m).astype(np.int64)
    n_columns = int(cell[:, 0].max()) + 1
    code = cell[:, 1] * n_columns + cell[:, 0]
    order = np.argsort(code, kind="stable")
    used, start = np.unique(code[order], return_index=True)
    known = np.nan_to_num(centres, posinf=0.0, neginf=0.0)
    near = np.lexsort(np.floor_divide(known - low, cell_m).T)  # neighbours find warm memory
    sums = np.empty((len(centres), weights.shape[1]))
    sums[near] = _sum_cells(
        np.ascontiguousarray(xy[order]),
        np.ascontiguousarray(weights[order], dtype=np.float64),
        used,
        np.append(start, len(order)).astype(np.int64),
        np.ascontiguousarray(centres[near], dtype=np.float64),
        (float(low[0]), float(low[1]), float(cell_m), float(radius_m)),
        (n_columns, int(cell[:, 1].max()) + 1),
    )
    return sums


def measure_junction_density(
    segments: gpd.GeoDataFrame, junctions: gpd.GeoDataFrame, *, radius_m: float
) -> FloatArray:
    """Junctions per kilometre of road within a distance of each segment's middle.

    Parameters
    ----------
    segments
        `geometry` (LineString in metres).
    junctions
        Points in the same system: intersections, each once however many nodes it has.
    radius_m
        Distance from the middle, as the crow flies [m].

    Returns
    -------
    density
        Junctions per km, shape (n_segments,); NaN for a segment without length.

    Raises
    ------
    CrsError, GeometryError
        If the layers are not in one metric system, or a segment is no single line.
    """
    require_same_metric_crs(segments=segments, junctions=junctions)
    flat = flatten_lines(segments.geometry)
    n_pieces = np.maximum(np.ceil(flat.length / PIECE_M - 1e-9).astype(np.int64), 1)
    owner = np.repeat(np.arange(len(flat.length)), n_pieces)
    first = np.cumsum(n_pieces) - n_pieces
    length = flat.length[owner] / n_pieces[owner]
    middle = interpolate_points(flat, owner, (np.arange(len(owner)) - first[owner] + 0.5) * length)
    centre = interpolate_points(flat, np.arange(len(flat.length)), flat.length / 2)
    geometry = junctions.geometry
    points = np.column_stack([geometry.x.to_numpy(), geometry.y.to_numpy()])
    values = np.concatenate(
        [
            np.column_stack([np.ones(len(points)), np.zeros(len(points))]),
            np.column_stack([np.zeros(len(length)), length / M_PER_KM]),
        ]
    )
    sums = sum_nearby(np.vstack([points, middle]), values, centre, radius_m=radius_m)
    density = np.full(len(centre), np.nan)
    has_road = (sums[:, 1] > 0) & (flat.length > 0)
    np.divide(sums[:, 0], sums[:, 1], out=density, where=has_road)
    return density


@compiled
def _sum_cells(
    xy: FloatArray,
    weights: FloatArray,
    used: IntArray,
    start: IntArray,
    centres: FloatArray,
    frame: tuple[float, float, float, float],
    shape: tuple[int, int],
) -> FloatArray:
    """Go through the cells around each centre, row by row."""
    west, south, cell_m, radius = frame
    n_columns, n_rows = shape
    n_sums = weights.shape[1]
    sums = np.zeros((len(centres), n_sums))
    for i in range(len(centres)):
        x, y = centres[i, 0], centres[i, 1]
        if not (np.isfinite(x) and np.isfinite(y)):
            continue
        left = max(int(np.floor((x - radius - west) / cell_m)), 0)
        right = min(int(np.floor((x + radius - west) / cell_m)), n_columns - 1)
        bottom = max(int(np.floor((y - radius - south) / cell_m)), 0)
        top = min(int(np.floor((y + radius - south) / cell_m)), n_rows - 1)
        if right < left:
            continue
        for row in range(bottom, top + 1):
            at = np.searchsorted(used, row * n_columns + left)
            last = row * n_columns + right
            while at < len(used) and used[at] <= last:
                for point in range(start[at], start[at + 1]):
                    dx, dy = xy[point, 0] - x, xy[point, 1] - y
                    if dx * dx + dy * dy <= radius * radius:
                        for k in range(n_sums):
                            sums[i, k] += weights[point, k]
                at += 1
    return sums
