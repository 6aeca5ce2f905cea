"""Find the road segment nearest to a point, and the next nearest."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from core.errors import InputError, TableError
from geo.crs import require_same_metric_crs, require_unique
from geo.linear import flatten_lines
from geo.piece_index import build_piece_index, find_nearest_two

__all__ = ["snap_points"]

POINT_TYPE = 0


def snap_points(
    points: gpd.GeoDataFrame | gpd.GeoSeries,
    segments: gpd.GeoDataFrame,
    *,
    max_distance_m: float,
) -> pd.DataFrame:
    """Find the nearest and the second-nearest segment of every point.

    Parameters
    ----------
    points
        Points in the CRS of the segments; empty or missing points find nothing.
    segments
        Columns `segment_id` (unique), `geometry` (LineString, projected metres).
    max_distance_m
        Segments farther than this are not found [m]; may be infinite.

    Returns
    -------
    snapped
        One row per point with its index: `segment_id`, `distance_m`, `offset_m` (along
        the segment from its start), `runner_up_segment_id`, `runner_up_distance_m`;
        null where there is none.

    Raises
    ------
    CrsError
        If a CRS is missing, not in metres, or the two differ.
    TableError
        If `segment_id` is missing or repeated, or there is no segment.
    GeometryError
        If a segment is not a single line.
    InputError
        If `max_distance_m` is negative or a geometry is not a point.

    Notes
    -----
    Distances equal to a micrometre are ties: the lowest `segment_id` wins, whatever the
    order of rows.
    """
    require_same_metric_crs(points=points, segments=segments)
    if not max_distance_m >= 0:
        message = f"max_distance_m: {max_distance_m} is not a distance; give metres, 0 or more."
        raise InputError(message)
    if len(segments) == 0:
        raise TableError.empty("segments")
    require_unique(segments, "segment_id")
    ids = segments["segment_id"].to_numpy(dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    index = build_piece_index(flatten_lines(segments.geometry.to_numpy()[order]))
    near = find_nearest_two(index, get_point_xy(points), max_distance=max_distance_m)
    id_of_line = np.append(ids[order], -1)
    columns = {
        "segment_id": _to_nullable(id_of_line[near.line[:, 0]], near.line[:, 0] < 0),
        "distance_m": near.distance[:, 0],
        "offset_m": near.offset[:, 0],
        "runner_up_segment_id": _to_nullable(id_of_line[near.line[:, 1]], near.line[:, 1] < 0),
        "runner_up_distance_m": near.distance[:, 1],
    }
    return pd.DataFrame(columns, index=points.index)


def get_point_xy(points: gpd.GeoDataFrame | gpd.GeoSeries) -> NDArray[np.float64]:
    """Coordinates of points, NaN where a point is missing or empty, shape (n, 2).

    Raises
    ------
    InputError
        If a geometry is not a point.
    """
    geometries = points.geometry.to_numpy()
    kind = shapely.get_type_id(geometries)
    bad = (kind != POINT_TYPE) & (kind != -1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        message = (
            f"points: {int(bad.sum())} of {len(bad)} geometries are not points, first in row "
            f"{row} ({geometries[row].geom_type}); give a layer of points."
        )
        raise InputError(message)
    xy = np.full((len(geometries), 2), np.nan)
    some = (kind == POINT_TYPE) & ~shapely.is_empty(geometries)
    xy[some] = shapely.get_coordinates(geometries[some])
    return xy


def _to_nullable(values: NDArray[np.int64], is_null: NDArray[np.bool_]) -> ExtensionArray:
    return pd.arrays.IntegerArray(values.astype(np.int64), is_null.copy())
