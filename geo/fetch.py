"""Roads from OpenStreetMap's public services: asked for on purpose, kept, resumed."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import osmium
from filelock import FileLock
from shapely.errors import GEOSException
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from core.errors import DataSourceError, DownloadError, InputError, MissingDataError
from core.progress import Progress, no_progress
from core.provenance import utc_now_text
from geo.polite_http import BusyError, Server, download

__all__ = ["NOMINATIM", "OVERPASS", "OsmServers", "Place", "fetch_overpass", "find_place"]

logger = logging.getLogger(__name__)

OVERPASS: Final = "https://overpass-api.de/api/interpreter"
NOMINATIM: Final = "https://nominatim.openstreetmap.org/search"
ATTRIBUTION: Final = "(c) OpenStreetMap contributors, ODbL 1.0, openstreetmap.org/copyright"
TILE_DEG: Final = 0.25
MAX_TILES: Final = 120

_QUERY = """[out:xml][timeout:{timeout_s:.0f}][bbox:{south:.7f},{west:.7f},{north:.7f},{east:.7f}];
(way["highway"];node["place"];);
(._;>;);
out body;
"""
_FORMAT = 1  # raise it when the query or the files change

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmServers:
    """Where roads and place names are asked for."""

    overpass: Server = field(default_factory=lambda: Server(url=OVERPASS))
    nominatim: Server = field(default_factory=lambda: Server(url=NOMINATIM, timeout_s=30.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place that a name was found to mean."""

    label: str
    bounds_wgs84: Bounds  # west, south, east, north [degree]
    boundary: BaseGeometry | None  # WGS84 polygon, when the service knows it


def fetch_overpass(
    area: str | Sequence[float],
    *,
    cache_dir: Path,
    servers: OsmServers | None = None,
    tile_deg: float = TILE_DEG,
    progress: Progress = no_progress,
) -> Path:
    """Fetch the roads and places of an area from Overpass.

    Parameters
    ----------
    area
        A place name, or west, south, east, north [degree].
    cache_dir
        Where answers are kept. The same area is never asked for twice; delete its file
        to have it fetched anew.
    servers
        By default the public ones, which ask to be used sparingly.
    tile_deg
        A larger area is asked for in tiles of at most this size [degree].
    progress
        Called with the tiles done.

    Returns
    -------
    path
        An `.osm` file that `geo.osm.read_osm` reads; beside it a `.json` that says what
        was asked, of whom and when.

    Raises
    ------
    DownloadError
        If a server refuses or stays busy. Tiles that were fetched are kept: the next call
        goes on where this one stopped.
    InputError
        If the bounds are wrong, or so large that an extract should be taken instead.
    MissingDataError
        If no place has that name.
    """
    servers = servers or OsmServers()
    if isinstance(area, str):
        bounds = find_place(area, cache_dir=cache_dir, server=servers.nominatim).bounds_wgs84
    else:
        bounds = _require_bounds(area)
    tiles = _split(bounds, tile_deg)
    key = _make_key(_FORMAT, _QUERY, [round(value, 7) for value in bounds], tile_deg)
    path = cache_dir / f"overpass-{key}.osm"
    if path.is_file():
        return path
    folder = _make_folder(cache_dir / f"overpass-{key}.tiles")
    with FileLock(cache_dir / f"overpass-{key}.lock"):
        if path.is_file():  # another process fetched it while this one waited
            return path
        files = [folder / f"{number:04d}.osm" for number in range(len(tiles))]
        n_done = sum(file.is_file() for file in files)
        if n_done:
            logger.info("overpass: %d of %d tiles are there already", n_done, len(tiles))
        for number, (tile, file) in enumerate(zip(tiles, files, strict=True)):
            progress(number, len(tiles), "fetching roads")
            if not file.is_file():
                _fetch_tile(servers.overpass, tile, file)
        progress(len(tiles), len(tiles), "fetching roads")
        _merge(files, path)
        note = {
            "area": area if isinstance(area, str) else list(bounds),
            "bounds_wgs84": list(bounds),
            "n_tiles": len(tiles),
            "server": servers.overpass.url,
            "query": _QUERY,
            "fetched_at": utc_now_text(),
            "attribution": ATTRIBUTION,
        }
        _write_json(path.with_suffix(".json"), note)
        shutil.rmtree(folder, ignore_errors=True)
    return path


def find_place(name: str, *, cache_dir: Path, server: Server | None = None) -> Place:
    """Find where a place is, by Nominatim; answers are kept.

    Raises
    ------
    MissingDataError
        If no place has that name.
    DownloadError
        If the server refuses, stays busy or gives no sensible answer.
    """
    if not name.strip():
        message = "place: the name is empty; give one such as 'Phnom Penh, Cambodia'."
        raise InputError(message)
    server = server or OsmServers().nominatim
    path = _make_folder(cache_dir) / f"nominatim-{_make_key(_FORMAT, name.strip())}.json"
    if not path.is_file():
        params = {"q": name.strip(), "format": "jsonv2", "polygon_geojson": "1", "limit": "10"}
        download(server, path, params=params, check=_check_json)
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, list) or not found:
        path.unlink()  # it may be mapped one day
        hint = "write it as OpenStreetMap does ('Phnom Penh, Cambodia') or give a bbox."
        raise MissingDataError.no_such("place", name, [], hint)
    try:
        return _read_place(found)
    except (KeyError, TypeError, ValueError, GEOSException) as error:
        path.unlink()
        message = f"{server.url}: answer not understood: {error!r}; give a bbox instead."
        raise DownloadError(message) from error


def _read_place(found: list[dict[str, Any]]) -> Place:
    """Take the first hit with an area, else the first."""
    areas = [hit for hit in found if "Polygon" in hit.get("geojson", {}).get("type", "")]
    hit = (areas or found)[0]
    south, north, west, east = (float(value) for value in hit["boundingbox"])
    return Place(
        label=str(hit.get("display_name", "")),
        bounds_wgs84=_require_bounds((west, south, east, north)),
        boundary=shape(hit["geojson"]) if areas else None,
    )


def _require_bounds(bounds: Sequence[float]) -> Bounds:
    try:
        west, south, east, north = (float(value) for value in bounds)
    except (TypeError, ValueError):
        message = f"bbox {bounds!r}: give four numbers in degrees: west, south, east, north."
        raise InputError(message) from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        message = (
            f"bbox {west:g},{south:g},{east:g},{north:g}: need west < east and south < north, "
            "in degrees."
        )
        raise InputError(message)
    return west, south, east, north


def _split(bounds: Bounds, tile_deg: float) -> list[Bounds]:
    """Divide an area into equal tiles, row by row."""
    if not tile_deg > 0:
        message = f"tile_deg is {tile_deg:g}; give a size above 0."
        raise InputError(message)
    west, south, east, north = bounds
    n_columns = max(math.ceil((east - west) / tile_deg - 1e-9), 1)
    n_rows = max(math.ceil((north - south) / tile_deg - 1e-9), 1)
    if n_columns * n_rows > MAX_TILES:
        message = (
            f"bbox {west:g},{south:g},{east:g},{north:g}: {n_columns * n_rows} requests would be "
            f"needed, more than {MAX_TILES}; take the country's extract from "
            "download.geofabrik.de and give it with --osm."
        )
        raise InputError(message)
    width, height = (east - west) / n_columns, (north - south) / n_rows
    return [
        (
            west + column * width,
            south + row * height,
            east if column == n_columns - 1 else west + (column + 1) * width,
            north if row == n_rows - 1 else south + (row + 1) * height,
        )
        for row in range(n_rows)
        for column in range(n_columns)
    ]


def _fetch_tile(server: Server, tile: Bounds, file: Path) -> None:
    west, south, east, north = tile
    query = _QUERY.format(
        timeout_s=server.timeout_s, west=west, south=south, east=east, north=north
    )
    raw = file.with_suffix(".answer")
    download(server, raw, data={"data": query}, check=_check_answer)
    if raw.read_bytes()[:1] == b"{":  # some servers are set to answer in JSON
        part = file.with_suffix(".part.osm")
        try:
            _write_osm(json.loads(raw.read_text(encoding="utf-8"))["elements"], part)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            part.unlink(missing_ok=True)
            message = f"{server.url}: answer not understood: {error!r}; try another server."
            raise DownloadError(message) from error
        finally:
            raw.unlink()
        part.replace(file)
    else:
        raw.replace(file)


def _check_answer(path: Path) -> None:
    """Check that Overpass answered in full.

    A query that ran out of time or memory is answered with status 200 and a remark.
    """
    with path.open("rb") as file:
        head = file.read(2000).lstrip()
        file.seek(max(path.stat().st_size - 4000, 0), os.SEEK_SET)
        tail = file.read()
    if head.startswith(b"{"):
        _check_json(path)
        answer = json.loads(path.read_text(encoding="utf-8"))
        remark = str(answer.get("remark", ""))
        if "elements" not in answer:
            reason = "the answer holds no map data"
            raise BusyError(reason)
    elif b"<osm" in head:
        remark = tail.split(b"<remark>")[1].split(b"<")[0].decode() if b"<remark>" in tail else ""
        if not tail.rstrip().endswith(b"</osm>"):
            reason = "the answer was cut short"
            raise BusyError(reason)
    else:
        reason = "the answer is no map data"
        raise BusyError(reason)
    if "error" in remark:
        reason = f"the server gave up ({remark.strip()[:120]})"
        raise BusyError(reason)


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        reason = "the answer was cut short or is no JSON"
        raise BusyError(reason) from error


def _write_osm(elements: Iterable[dict[str, Any]], path: Path) -> None:
    """Write Overpass' JSON elements as an .osm file, nodes first."""
    mutable = osmium.osm.mutable
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        by_kind: dict[str, list[dict[str, Any]]] = {"node": [], "way": []}
        for element in elements:
            by_kind.get(element["type"], []).append(element)
        for node in by_kind["node"]:
            spot = (node["lon"], node["lat"])
            writer.add_node(mutable.Node(id=node["id"], location=spot, tags=node.get("tags", {})))
        for way in by_kind["way"]:
            tags = way.get("tags", {})
            writer.add_way(mutable.Way(id=way["id"], nodes=way.get("nodes", []), tags=tags))


def _merge(files: Sequence[Path], path: Path) -> None:
    """Write all tiles as one file: nodes, then ways, each once."""
    part = path.with_name(f"{path.stem}.part.osm")
    with osmium.SimpleWriter(str(part), overwrite=True) as writer:
        for kind in (osmium.osm.NODE, osmium.osm.WAY):
            seen: set[int] = set()
            for file in files:
                try:
                    _copy_new(file, kind, seen, writer)
                except RuntimeError as error:
                    file.unlink()
                    message = f"{file}: the tile is damaged ({error}); run again to fetch it anew."
                    raise DownloadError(message) from error
    part.replace(path)


def _copy_new(
    file: Path, kind: osmium.osm.osm_entity_bits, seen: set[int], writer: osmium.SimpleWriter
) -> None:
    for entity in osmium.FileProcessor(str(file), kind):
        item = cast(osmium.osm.Node | osmium.osm.Way, entity)
        if item.id not in seen:
            seen.add(item.id)
            writer.add(item)


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: cannot be made: {error.strerror}; choose another cache folder."
        raise DataSourceError(message) from error
    return folder


def _make_key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
