"""Areas on a map: provinces, districts, the edge of a study area."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from shapely.geometry import box

from core.errors import CrsError, GeometryError, TableError
from geo.crs import WGS84, estimate_metric_crs, parse_crs, require_same_metric_crs
from geo.vector_io import read_layer

__all__ = ["NEAR_M", "assign_areas", "find_name_column", "read_boundary"]

logger = logging.getLogger(__name__)

NEAR_M: Final = 1000.0  # a site this close outside every area still belongs to the nearest
_AREA_TYPES: Final = (3, 6)  # Polygon, MultiPolygon
_NAME_COLUMNS = (
    *("name", "name_en", "name_eng", "adm1_name", "adm2_name", "adm1_altnm", "hrname"),
    *("shapename", "pro_name", "dis_name", "province", "district", "khname", "label"),
)


def read_boundary(
    path: Path, *, crs: object | None = None, near_wgs84: Sequence[float] | None = None
) -> GeoDataFrame:
    """Read polygons and bring them to WGS84, each of them valid.

    Parameters
    ----------
    path
        Any layer of polygons; rows without a geometry are left out with a logged count.
    crs
        System of the coordinates, for a layer that names none or the wrong one.
    near_wgs84
        West, south, east, north [degree] of the area it should lie in. A layer that says
        it is in degrees but holds metres is then read in that area's UTM zone, when this
        brings it there.

    Returns
    -------
    areas
        WGS84, all columns kept.

    Raises
    ------
    GeometryError
        If the layer holds anything but polygons, or none.
    CrsError
        If the coordinates cannot be degrees and no system that fits is given.
    DataSourceError
        If the file cannot be read.
    """
    frame = read_layer(path, crs=crs)
    if crs is not None:
        frame = frame.set_crs(parse_crs(crs), allow_override=True)
    frame = _keep_polygons(frame, path)
    if frame.crs.is_geographic:
        frame = _mend_crs(frame, path, near_wgs84)
    areas = frame.to_crs(WGS84)
    is_valid = areas.geometry.is_valid.to_numpy()
    if not is_valid.all():
        logger.warning("%s: %d invalid polygon(s) repaired", path, int((~is_valid).sum()))
        areas = areas.set_geometry(_repair(areas.geometry.to_numpy(), is_valid), crs=WGS84)
    return areas


def assign_areas(
    frame: GeoDataFrame, areas: GeoDataFrame, *, column: str, name_column: str | None = None
) -> GeoDataFrame:
    """Write the name of the area each site lies in.

    Parameters
    ----------
    frame
        Lines or points in true metres.
    areas
        Polygons, as `read_boundary` gives them.
    column
        Column to write, "province" for example.
    name_column
        Column of `areas` with the name; by default the one `find_name_column` finds.

    Returns
    -------
    frame
        A copy, with the area in which the middle of each line (or the point) lies; where
        it lies in several, the first. A site outside all gets the nearest within 1 km,
        and null beyond.

    Raises
    ------
    CrsError
        If `frame` is not in true metres.
    TableError
        If there is no column with names.
    """
    system = require_same_metric_crs(frame=frame)
    name = name_column or find_name_column(areas, hint=column)
    if name not in areas.columns:
        raise TableError.missing_columns("areas", [name], [str(known) for known in areas.columns])
    polygons = areas.geometry.to_crs(system).to_numpy()
    area = _find_area(_take_middle(frame.geometry.to_numpy()), polygons)
    names = areas[name].astype("str").reset_index(drop=True)
    found = names.reindex(pd.Index(np.where(area < 0, len(names), area)))
    result = frame.copy()
    result[column] = found.to_numpy()
    result[column] = result[column].astype("str")
    return result


def find_name_column(areas: GeoDataFrame, *, hint: str = "") -> str:
    """Find the column that holds the areas' names.

    Looked for are `hint`, `hint_name`, then the usual names whatever their case, then the
    first column of texts that are all different.

    Raises
    ------
    TableError
        If none of these is there.
    """
    columns = {str(name).lower(): str(name) for name in areas.columns if name != "geometry"}
    for word in (hint.lower(), f"{hint.lower()}_name", *_NAME_COLUMNS):
        if word in columns:
            return columns[word]
    for name in columns.values():
        texts = areas[name].dropna()
        is_text = pd.api.types.is_string_dtype(texts.dtype) and len(texts) == len(areas)
        if is_text and texts.is_unique:
            return name
    raise TableError.missing_columns("areas", ["name"], list(columns.values()))


def _keep_polygons(frame: GeoDataFrame, path: Path) -> GeoDataFrame:
    kind = shapely.get_type_id(frame.geometry.to_numpy())
    wrong = np.flatnonzero(~np.isin(kind, [*_AREA_TYPES, -1]))
    if len(wrong):
        found = frame.geometry.iloc[wrong[0]].geom_type
        message = (
            f"{path}: {len(wrong)} of {len(frame)} row(s) are no polygons, first row {wrong[0]} "
            f"({found}); give a layer of polygons."
        )
        raise GeometryError(message)
    is_there = ~(frame.geometry.isna() | frame.geometry.is_empty)
    if not is_there.any():
        message = f"{path}: holds no polygon ({len(frame)} rows); check the file."
        raise GeometryError(message)
    if not is_there.all():
        logger.warning("%s: %d row(s) have no polygon", path, int((~is_there).sum()))
    return frame[is_there].reset_index(drop=True)


def _mend_crs(frame: GeoDataFrame, path: Path, near_wgs84: Sequence[float] | None) -> GeoDataFrame:
    """Give metres that claim to be degrees the UTM zone of the area, if that fits."""
    west, south, east, north = frame.total_bounds
    if west >= -360 and east <= 360 and south >= -90.01 and north <= 90.01:
        return frame
    if near_wgs84 is not None:
        system = estimate_metric_crs(near_wgs84)
        guess = frame.set_crs(system, allow_override=True)
        if system.utm_zone is not None and _touches(guess, near_wgs84):
            logger.warning(
                "%s: says degrees but holds metres; taken to be UTM zone %s (%s)",
                path, system.utm_zone, system.srs,
            )  # fmt: skip
            return guess
    message = (
        f"{path}: coordinates such as {west:.0f}, {south:.0f} are no degrees though the file says "
        "so; save it again with its coordinate system, or give it (EPSG:32648 for example)."
    )
    raise CrsError(message)


def _touches(frame: GeoDataFrame, near_wgs84: Sequence[float]) -> bool:
    bounds = frame.geometry.to_crs(WGS84).total_bounds
    if not np.isfinite(bounds).all():
        return False
    west, south, east, north = near_wgs84
    return bool(box(*bounds).intersects(box(west, south, east, north)))


def _repair(shapes: NDArray[np.object_], is_valid: NDArray[np.bool_]) -> gpd.GeoSeries:
    """Make polygons valid, and drop the lines and points this may leave behind."""
    result = shapes.copy()
    fixed = shapely.make_valid(shapes[~is_valid], method="structure", keep_collapsed=False)
    result[~is_valid] = fixed
    return gpd.GeoSeries(result, crs=WGS84)


def _take_middle(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Give the middle of each line, and other shapes' representative point."""
    middle: NDArray[np.object_] = shapely.point_on_surface(shapes)
    is_line = shapely.get_type_id(shapes) == 1
    middle[is_line] = shapely.line_interpolate_point(shapes[is_line], 0.5, normalized=True)
    return middle


def _find_area(points: NDArray[np.object_], polygons: NDArray[np.object_]) -> NDArray[np.int64]:
    """Give the position of the area of each point, -1 when none is within reach."""
    area = np.full(len(points), -1, dtype=np.int64)
    usable = np.flatnonzero(~(shapely.is_missing(points) | shapely.is_empty(points)))
    # A tree of the points: each polygon is then prepared once, not once a point.
    polygon, point = shapely.STRtree(points[usable]).query(polygons, predicate="intersects")
    order = np.lexsort([polygon, point])
    first = order[np.diff(point[order], prepend=-1) != 0]
    area[usable[point[first]]] = polygon[first]
    rest = usable[area[usable] < 0]
    if len(rest):
        tree = shapely.STRtree(polygons)
        point, polygon = tree.query_nearest(points[rest], max_distance=NEAR_M, all_matches=False)
        area[rest[point]] = polygon
    return area
