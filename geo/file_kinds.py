"""Whether a file is what its name says: a GeoTIFF, OpenStreetMap data, a GeoPackage."""

from __future__ import annotations

import sqlite3
import warnings
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Final

import osmium
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from geo.osm import OSM_SUFFIXES

__all__ = ["find_kind_problem"]

GEOTIFF: Final = (".tif", ".tiff")
WEB_PAGE: Final = (b"<!doctype html", b"<html")
SHOWN_BYTES: Final = 40


def find_kind_problem(path: Path, name: str) -> str:
    """Say why a file cannot be what its name says, "" where it can.

    Parameters
    ----------
    path
        The file, whatever it is called while it comes in.
    name
        What it is to be called; its suffix says what it should be. Of a suffix that is not
        known only web pages are found.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    begins = f"it begins with {head[:SHOWN_BYTES].decode('utf-8', 'replace')!r}"
    if not head:
        return "is empty"
    if head.lstrip().lower().startswith(WEB_PAGE):
        return f"is a web page, no {name} ({begins})"
    lower, problem = name.lower(), ""
    if lower.endswith(GEOTIFF):
        problem = _try_geotiff(path)
    elif lower.endswith(OSM_SUFFIXES):
        problem = _try_osm(path, lower)
    elif lower.endswith(".gpkg"):
        problem = _try_geopackage(path)
    elif lower.endswith(".zip") and not zipfile.is_zipfile(path):
        problem = "is no ZIP archive"
    return f"{problem}; {begins}" if problem else ""


def _try_geotiff(path: Path) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as source:  # the last pixel: whole
                source.read(1, window=Window(source.width - 1, source.height - 1, 1, 1))
    except (RasterioError, OSError, IndexError, ValueError) as error:
        return f"is no GeoTIFF that can be read ({type(error).__name__})"
    return ""


def _try_osm(path: Path, name: str) -> str:
    suffix = next(one for one in OSM_SUFFIXES if name.endswith(one))
    try:
        with osmium.io.Reader(osmium.io.File(str(path), suffix.removeprefix("."))) as reader:
            reader.header()
    except (RuntimeError, OSError, ValueError) as error:
        return f"is no OpenStreetMap data that can be read ({str(error).splitlines()[0][:80]})"
    return ""


def _try_geopackage(path: Path) -> str:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT count(*) FROM gpkg_contents").fetchone()
    except sqlite3.Error as error:
        return f"is no GeoPackage ({error})"
    return ""
