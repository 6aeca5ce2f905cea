"""Layers in and out: one place that knows file formats."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow
import shapely
from geopandas import GeoDataFrame
from pyproj import CRS

from core.errors import CrsError, DataSourceError, GeometryError, MissingDataError, TableError
from geo.crs import WGS84, parse_crs

__all__ = [
    "LINE_TYPES",
    "explode_lines",
    "find_coordinate_columns",
    "read_layer",
    "read_lines",
    "read_points",
    "write_layer",
]

logger = logging.getLogger(__name__)

LINE_TYPES: Final = (1, 2, 5)  # LineString, LinearRing, MultiLineString
_POINT_TYPES: Final = (0, 4)
_PARQUET = (".parquet", ".geoparquet")
_TABLES = (".csv", ".tsv", ".txt")
_DRIVERS: Final = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
}
_ALWAYS_WGS84 = (".geojson", ".json", ".topojson")  # by their standards
_LON_NAMES = ("lon", "longitude", "lng", "long", "x")
_LAT_NAMES = ("lat", "latitude", "y")
_WKT_NAMES = ("wkt", "geometry", "geom", "the_geom")
_SHAPEFILE_NAME_LENGTH = 10


def read_layer(path: Path, *, crs: object | None = None) -> GeoDataFrame:
    """Read one layer of any format.

    Parameters
    ----------
    path
        GeoParquet, or a CSV with longitude and latitude or a WKT column, or anything GDAL
        reads (GeoPackage, GeoJSON, Shapefile, FlatGeobuf, TopoJSON, a zipped Shapefile).
    crs
        System of the coordinates; only needed where the file does not name it. A CSV
        is WGS84 unless this says otherwise.

    Returns
    -------
    layer
        All rows in file order, geometry null where a row has none.

    Raises
    ------
    MissingDataError
        If there is no such file.
    DataSourceError
        If the file is empty, damaged or not a layer.
    CrsError
        If the layer names no coordinate system and `crs` is not given.
    """
    if not path.exists():
        message = f"{path}: no such file; check the path."
        raise MissingDataError(message)
    if path.is_file() and path.stat().st_size == 0:
        raise DataSourceError.unreadable(path, "the file is empty")
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        frame = _read_table(path, crs)
    elif suffix in _PARQUET:
        frame = _read_parquet(path)
    else:
        frame = _read_gdal(path)
    if frame.crs is None:
        if crs is None and suffix not in _ALWAYS_WGS84:
            raise CrsError.unknown(str(path))
        frame = frame.set_crs(WGS84 if crs is None else parse_crs(crs))
    return frame.reset_index(drop=True)


def read_lines(path: Path, *, crs: object | None = None) -> GeoDataFrame:
    """Read a layer of lines.

    Returns
    -------
    lines
        One row a LineString; a MultiLineString becomes several. `source_row` is the
        row number in the file, so that rows without a geometry, which are left out with
        a logged count, can be told.

    Raises
    ------
    GeometryError
        If the layer holds points or polygons, or no line at all.
    DataSourceError, CrsError
        As `read_layer`.
    """
    frame = read_layer(path, crs=crs)
    lines, n_without = explode_lines(frame, layer=str(path))
    if n_without:
        logger.warning("%s: %d of %d rows have no line", path, n_without, len(frame))
    if lines.empty:
        message = f"{path}: holds no line ({len(frame)} rows); check that the right file was given."
        raise GeometryError(message)
    return lines


def read_points(path: Path, *, crs: object | None = None) -> GeoDataFrame:
    """Read a layer of points.

    Every row is kept, in file order; one without coordinates has a null geometry.

    Raises
    ------
    GeometryError
        If the layer holds anything but points; the message gives the first row.
    DataSourceError, CrsError, TableError
        As `read_layer`; TableError when a CSV has no coordinate columns.
    """
    frame = read_layer(path, crs=crs)
    _require_types(frame, _POINT_TYPES, layer=str(path), wanted="points")
    is_multi = shapely.get_type_id(frame.geometry.to_numpy()) == 4
    if is_multi.any():
        counts = shapely.get_num_geometries(frame.geometry.to_numpy()[is_multi])
        if (counts != 1).any():
            row = int(np.flatnonzero(is_multi)[counts != 1][0])
            message = (
                f"{path}: {int((counts != 1).sum())} row(s) hold several points, first row {row}; "
                "give each point its own row."
            )
            raise GeometryError(message)
        frame = frame.copy()
        frame.loc[is_multi, "geometry"] = shapely.get_geometry(
            frame.geometry.to_numpy()[is_multi], 0
        )
    return frame


def explode_lines(frame: GeoDataFrame, *, layer: str = "layer") -> tuple[GeoDataFrame, int]:
    """Give every LineString its own row.

    Returns
    -------
    lines
        Rows with a `source_row` column (position in `frame`) and LineStrings only.
    n_without
        Rows left out because they have no geometry, or an empty one.

    Raises
    ------
    GeometryError
        If a row holds anything but lines.
    """
    _require_types(frame, LINE_TYPES, layer=layer, wanted="lines")
    parts, row = shapely.get_parts(frame.geometry.to_numpy(), return_index=True)
    is_there = ~shapely.is_empty(parts)
    parts, row = shapely.force_2d(parts[is_there]), row[is_there]
    columns = frame.drop(columns=frame.geometry.name).iloc[row].reset_index(drop=True)
    lines = GeoDataFrame(columns, geometry=parts, crs=frame.crs)
    lines["source_row"] = row.astype(np.int64)
    return lines, len(frame) - len(np.unique(row))


def write_layer(frame: GeoDataFrame, path: Path) -> Path:
    """Write a layer; the suffix says the format, and the file appears whole or not at all.

    Parameters
    ----------
    frame
        Any layer. GeoJSON is written in WGS84, as its standard asks; CSV gets `lon` and
        `lat` (WGS84) for points and a `wkt` column (also WGS84) for anything else.
    path
        Ends in .parquet, .gpkg, .geojson, .json, .shp, .fgb or .csv. Its folder is made.

    Returns
    -------
    path
        The file that was written.

    Raises
    ------
    DataSourceError
        If the suffix is not one of these, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (*_PARQUET, *_DRIVERS, ".csv"):
        known = ", ".join([".parquet", *_DRIVERS, ".csv"])
        message = f"{path}: format {suffix or '(no suffix)'!r} cannot be written; use {known}."
        raise DataSourceError(message)
    part = path.with_name(f".{path.stem}.part{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(frame, path if suffix == ".shp" else part, suffix)
        if suffix != ".shp":  # a shapefile is several files, which cannot be swapped as one
            part.replace(path)
    except (OSError, RuntimeError) as error:  # GDAL's are RuntimeErrors
        with suppress(OSError):
            part.unlink(missing_ok=True)
        reason = str(error).splitlines()[0]
        message = f"{path}: cannot be written: {reason}; check the folder and try again."
        raise DataSourceError(message) from error
    return path


def _write(frame: GeoDataFrame, path: Path, suffix: str) -> None:
    if suffix in _PARQUET:
        frame.to_parquet(path, index=False)
        return
    if suffix == ".csv":
        _to_table(frame).to_csv(path, index=False, encoding="utf-8")
        return
    if suffix in (".geojson", ".json"):
        frame = frame.to_crs(WGS84)
    if suffix == ".shp":
        long = [name for name in frame.columns if len(str(name)) > _SHAPEFILE_NAME_LENGTH]
        if long:
            logger.warning("%s: a shapefile cuts %d column names: %s", path, len(long), long)
    path.unlink(missing_ok=True)
    options: dict[str, str] = {"layer": path.stem.removeprefix(".").removesuffix(".part")}
    if suffix == ".fgb":
        options["SPATIAL_INDEX"] = "NO"  # the index would put the rows in another order
    frame.to_file(path, driver=_DRIVERS[suffix], engine="pyogrio", index=False, **options)


def _to_table(frame: GeoDataFrame) -> pd.DataFrame:
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    shapes = frame.geometry.to_crs(WGS84)
    if shapes.geom_type.dropna().eq("Point").all():
        table["lon"], table["lat"] = shapes.x, shapes.y
    else:
        table["wkt"] = shapes.to_wkt()
    return table


def _read_gdal(path: Path) -> GeoDataFrame:
    try:
        # geopandas loads GDAL (30 MB) only now; its errors are RuntimeErrors.
        frame = gpd.read_file(path, engine="pyogrio")
    except (RuntimeError, OSError, ValueError) as error:
        raise DataSourceError.unreadable(path, str(error).splitlines()[0]) from error
    if not isinstance(frame, GeoDataFrame):
        raise DataSourceError.unreadable(path, "its rows have no geometry")
    return frame


def _read_parquet(path: Path) -> GeoDataFrame:
    try:
        return gpd.read_parquet(path)
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataSourceError.unreadable(path, str(error).splitlines()[0]) from error


def _read_table(path: Path, crs: object | None) -> GeoDataFrame:
    try:
        frame = pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataSourceError.unreadable(path, str(error).splitlines()[0]) from error
    names = {str(name).strip().lower(): name for name in frame.columns}
    system = WGS84 if crs is None else parse_crs(crs)
    wkt = _first_name(names, _WKT_NAMES)
    if wkt is not None:
        return _from_wkt(frame, str(wkt), system, path)
    lon, lat = find_coordinate_columns(frame.columns)
    if lon is None or lat is None:
        missing = [word for word, name in (("lon", lon), ("lat", lat)) if name is None]
        raise TableError.missing_columns(str(path), missing, [str(name) for name in frame])
    x = pd.to_numeric(frame[lon], errors="coerce").to_numpy(float)
    y = pd.to_numeric(frame[lat], errors="coerce").to_numpy(float)
    points = np.asarray(shapely.points(x, y), dtype=object)
    points[~(np.isfinite(x) & np.isfinite(y))] = None
    return GeoDataFrame(frame, geometry=points, crs=system)


def _from_wkt(frame: pd.DataFrame, column: str, crs: CRS, path: Path) -> GeoDataFrame:
    texts = frame[column].astype(object).where(frame[column].notna(), None)
    shapes = shapely.from_wkt(texts.to_numpy(), on_invalid="ignore")
    bad = np.flatnonzero(shapely.is_missing(shapes) & texts.notna().to_numpy())
    if len(bad):
        message = (
            f"{path}: {len(bad)} row(s) of column {column!r} are not WKT, first row {bad[0]}: "
            f"{str(texts.iloc[bad[0]])[:40]!r}; mend or empty them."
        )
        raise GeometryError(message)
    return GeoDataFrame(frame.drop(columns=column), geometry=shapes, crs=crs)


def find_coordinate_columns(columns: Iterable[object]) -> tuple[str | None, str | None]:
    """Return the columns of a table that are longitude and latitude by their names."""
    names = {str(name).strip().lower(): str(name) for name in columns}
    return _first_name(names, _LON_NAMES), _first_name(names, _LAT_NAMES)


def _first_name(names: dict[str, str], wanted: Iterable[str]) -> str | None:
    return next((names[word] for word in wanted if word in names), None)


def _require_types(frame: GeoDataFrame, types: Iterable[int], *, layer: str, wanted: str) -> None:
    kind = shapely.get_type_id(frame.geometry.to_numpy())
    wrong = np.flatnonzero(~np.isin(kind, [*types, -1]))
    if len(wrong):
        found = frame.geometry.iloc[wrong[0]].geom_type
        message = (
            f"{layer}: {len(wrong)} of {len(frame)} row(s) hold no {wanted}, first row "
            f"{wrong[0]} ({found}); give a layer of {wanted}."
        )
        raise GeometryError(message)
