"""Vector tiles of the road network: one PMTiles file a run, read tile by tile.

Low zooms show the main roads and every road with a crash, high zooms show all roads;
no zoom is ever left empty, which is checked after writing.
"""

from __future__ import annotations

import gzip
import mmap
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from freestiler import freestile, freestile_layer
from pmtiles import tile as pm

from core.errors import DataSourceError, InputError
from core.vocabulary import RoadClass

__all__ = [
    "MAX_ZOOM",
    "MIN_ZOOM",
    "TileLayer",
    "TileReader",
    "build_tile_layers",
    "count_features_by_zoom",
    "count_tile_features",
    "write_tiles",
]

MIN_ZOOM = 6
MAX_ZOOM = 14
MID_ZOOM_MAX = 10
HIGH_ZOOM_MAX = 12
ROAD_BUDGETS = {8: 15_000, MID_ZOOM_MAX: 60_000}  # features up to a zoom: a tile stays small
ROAD_LAYERS = {8: "roads_low", MID_ZOOM_MAX: "roads_mid", HIGH_ZOOM_MAX: "roads_high"}

SEGMENT_COLUMNS = (
    *("site_id", "name", "road_class", "n_crashes", "crashes_per_km_year", "rank"),
    "workers",
)
THIN_COLUMNS = ("site_id", "road_class", "n_crashes", "workers")
INTERSECTION_COLUMNS = ("site_id", "name", "n_crashes", "crashes_per_year", "rank")
HOTSPOT_COLUMNS = ("hotspot_id", "rank", "name", "n_crashes")
CLASS_ORDER = {road_class.value: order for order, road_class in enumerate(RoadClass)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TileLayer:
    """One layer of the tiles and the zooms at which it is drawn."""

    frame: gpd.GeoDataFrame
    min_zoom: int = MIN_ZOOM
    max_zoom: int = MAX_ZOOM


def build_tile_layers(
    sites: gpd.GeoDataFrame, hotspots: gpd.GeoDataFrame | None = None
) -> dict[str, TileLayer]:
    """Choose what is drawn at which zoom.

    Parameters
    ----------
    sites
        Segments (lines) and intersections (points) of a run, with `site_id`,
        `site_type`, `road_class` and `n_crashes`; other attributes of the tiles are
        taken when present, `workers_per_day` as the whole number `workers`. Any CRS.
    hotspots
        Hotspots of the run; may be empty.

    Returns
    -------
    layers
        `roads_low` (zoom 6-8) and `roads_mid` (9-10) hold roads in order of class, then
        roads with most crashes, as far as a budget of features allows; `roads_high`
        (11-12) and `segments` (13-14) hold all, the latter with all attributes. Where a
        budget allows all roads at once, its layer goes on to zoom 12 and the ones between
        are not written. `intersections` (11-14) holds those with a crash; `hotspots` is on
        every zoom. Layers without features are left out. Below zoom 13 a road without a
        crash that no worker passes carries no `site_id`: nothing will ever be counted on it,
        and tiles are half as big. All frames are in degrees (EPSG:4326).

    Raises
    ------
    InputError
        If there is no segment at all.
    """
    shapes = sites.geometry.to_numpy()
    has_shape = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    drawn = sites[has_shape].to_crs(4326)
    is_segment = drawn["site_type"] == "segment"
    if "workers_per_day" in drawn:
        drawn = drawn.assign(workers=drawn["workers_per_day"].fillna(0).round().astype("int64"))
    segments = drawn[is_segment]
    if segments.empty:
        message = "tiles: there is no road segment to draw; build the network first."
        raise InputError(message)
    intersections = drawn[~is_segment & (drawn["n_crashes"] > 0)]
    layers = _build_road_layers(segments)
    layers["segments"] = TileLayer(
        frame=_pick(segments, SEGMENT_COLUMNS), min_zoom=HIGH_ZOOM_MAX + 1
    )
    if len(intersections):
        layers["intersections"] = TileLayer(
            frame=_pick(intersections, INTERSECTION_COLUMNS), min_zoom=MID_ZOOM_MAX + 1
        )
    if hotspots is not None and len(hotspots):
        layers["hotspots"] = TileLayer(frame=_pick(hotspots.to_crs(4326), HOTSPOT_COLUMNS))
    return layers


def write_tiles(layers: Mapping[str, TileLayer], path: Path) -> dict[int, int]:
    """Write layers as one PMTiles file and check that every zoom holds something.

    Parameters
    ----------
    layers
        Frames by layer name, in any known CRS; columns become attributes.
    path
        File to write; replaced when it exists.

    Returns
    -------
    n_tiles
        Number of tiles by zoom.

    Raises
    ------
    InputError
        If no layer holds a feature.
    DataSourceError
        If the file cannot be written, or a zoom came out empty.
    """
    drawn = {name: layer for name, layer in layers.items() if len(layer.frame)}
    if not drawn:
        message = f"{path}: no layer holds a feature, so there is nothing to draw."
        raise InputError(message)
    low = min(layer.min_zoom for layer in drawn.values())
    high = max(layer.max_zoom for layer in drawn.values())
    inputs = {
        name: freestile_layer(layer.frame, min_zoom=layer.min_zoom, max_zoom=layer.max_zoom)
        for name, layer in drawn.items()
    }
    try:
        freestile(inputs, path, min_zoom=low, max_zoom=high, generate_ids=False, quiet=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise DataSourceError.unreadable(path, f"tiles were not written ({error})") from error
    with TileReader(path) as reader:
        n_tiles = dict.fromkeys(range(low, high + 1), 0)
        for zoom, _, _ in reader.iterate_tiles():
            n_tiles[zoom] = n_tiles.get(zoom, 0) + 1
    empty = [zoom for zoom, n in n_tiles.items() if n == 0]
    if empty:
        message = f"{path}: zoom(s) {empty} came out empty; the map would be blank there."
        raise DataSourceError(message)
    return n_tiles


class TileReader:
    """Read tiles of one PMTiles file; safe to share between threads.

    Raises
    ------
    DataSourceError
        On opening, if the file is missing or is not a PMTiles archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            with path.open("rb") as handle:
                self._bytes = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            self._header = pm.deserialize_header(self._bytes[:127])
        except (OSError, ValueError, IndexError, pm.MagicNumberNotFound) as error:
            raise DataSourceError.unreadable(path, f"not a PMTiles file ({error})") from error
        self._read_directory = lru_cache(maxsize=256)(self._parse_directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._bytes.close()

    @property
    def is_gzipped(self) -> bool:
        """Whether `read(..., decompress=False)` returns gzip."""
        return bool(self._header["tile_compression"] == pm.Compression.GZIP)

    @property
    def zooms(self) -> range:
        """The zooms that the file holds."""
        return range(int(self._header["min_zoom"]), int(self._header["max_zoom"]) + 1)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of all that is drawn [degrees]."""
        west, south, east, north = (
            self._header[name] / 1e7
            for name in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
        )
        return west, south, east, north

    def read(self, z: int, x: int, y: int, *, decompress: bool = True) -> bytes | None:
        """Return one tile, or None where there is none.

        Parameters
        ----------
        z, x, y
            Zoom, column and row, counted from the north-west (XYZ scheme).
        decompress
            Return plain MVT; otherwise the bytes as stored (see `is_gzipped`).
        """
        if not 0 <= z <= 26 or not 0 <= x < 1 << z or not 0 <= y < 1 << z:
            return None
        tile_id = pm.zxy_to_tileid(z, x, y)
        offset, length = int(self._header["root_offset"]), int(self._header["root_length"])
        for _ in range(4):  # the format allows no deeper directories
            entry = pm.find_tile(self._read_directory(offset, length), tile_id)
            if entry is None:
                return None
            if entry.run_length > 0:
                data = self._slice(
                    int(self._header["tile_data_offset"]) + entry.offset, entry.length
                )
                return gzip.decompress(data) if decompress and self.is_gzipped else data
            offset = int(self._header["leaf_directory_offset"]) + entry.offset
            length = entry.length
        return None

    def iterate_tiles(self) -> Iterator[tuple[int, int, int]]:
        """Yield (z, x, y) of every tile in the file."""
        stack = [(int(self._header["root_offset"]), int(self._header["root_length"]))]
        while stack:
            for entry in self._read_directory(*stack.pop()):
                if entry.run_length == 0:
                    leaf = int(self._header["leaf_directory_offset"]) + entry.offset
                    stack.append((leaf, entry.length))
                for step in range(entry.run_length):
                    z, x, y = pm.tileid_to_zxy(entry.tile_id + step)
                    yield int(z), int(x), int(y)

    def _slice(self, offset: int, length: int) -> bytes:
        with self._lock:
            return self._bytes[offset : offset + length]

    def _parse_directory(self, offset: int, length: int) -> list[pm.Entry]:
        return list(pm.deserialize_directory(self._slice(offset, length)))


def count_features_by_zoom(path: Path) -> dict[int, dict[str, int]]:
    """Count the features of every layer at every zoom (a feature counts in each tile)."""
    counts: dict[int, dict[str, int]] = {}
    with TileReader(path) as reader:
        for z, x, y in reader.iterate_tiles():
            at_zoom = counts.setdefault(z, {})
            for name, n in count_tile_features(reader.read(z, x, y) or b"").items():
                at_zoom[name] = at_zoom.get(name, 0) + n
    return counts


def count_tile_features(tile: bytes) -> dict[str, int]:
    """Count features by layer name in one plain MVT tile (Mapbox Vector Tile 2.1)."""
    counts: dict[str, int] = {}
    for field, layer in _iterate_fields(tile):
        if field != 3:
            continue
        name, n = "", 0
        for inner, value in _iterate_fields(layer):
            if inner == 1:
                name = value.decode("utf-8")
            n += inner == 2
        counts[name] = counts.get(name, 0) + n
    return counts


def _iterate_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (field number, bytes) of a protobuf message; plain numbers as no bytes."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        wire = key & 7
        if wire == 2:
            length, at = _read_varint(message, at)
            yield key >> 3, message[at : at + length]
            at += length
        elif wire == 0:
            _, at = _read_varint(message, at)
            yield key >> 3, b""
        else:
            at += {1: 8, 5: 4}[wire]
            yield key >> 3, b""


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that starts at a byte, and where the next field starts."""
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def _build_road_layers(segments: gpd.GeoDataFrame) -> dict[str, TileLayer]:
    """Choose the roads of the zooms at which they carry no attribute but the colour's."""
    layers: dict[str, TileLayer] = {}
    min_zoom = MIN_ZOOM
    for max_zoom, name in ROAD_LAYERS.items():
        chosen = _thin(segments, ROAD_BUDGETS.get(max_zoom, len(segments)))
        is_all = len(chosen) == len(segments)
        last = HIGH_ZOOM_MAX if is_all else max_zoom
        layers[name] = TileLayer(frame=_pick_little(chosen), min_zoom=min_zoom, max_zoom=last)
        if is_all:
            break
        min_zoom = last + 1
    return layers


def _thin(segments: gpd.GeoDataFrame, budget: int) -> gpd.GeoDataFrame:
    """Keep whole road classes, highest first, within a budget, then roads with most on them."""
    if len(segments) <= budget:
        return segments
    order = segments["road_class"].map(CLASS_ORDER).fillna(len(CLASS_ORDER)).to_numpy()
    classes, n_of_class = np.unique(order, return_counts=True)
    fits = classes[np.cumsum(n_of_class) <= budget]
    last = fits.max() if len(fits) else classes[0]
    is_main = order <= last
    left = max(budget - int(is_main.sum()), 0)
    keep = is_main.copy()
    for column in ("n_crashes", "workers"):
        if column in segments:
            counted = segments[column].fillna(0).to_numpy()
            others = np.flatnonzero(~keep & (counted > 0))
            most = others[np.argsort(-counted[others], kind="stable")][:left]
            keep[most] = True
            left -= len(most)
    return segments[keep]


def _pick(frame: gpd.GeoDataFrame, columns: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Take the columns that are there, as types that tiles can hold."""
    there = [column for column in columns if column in frame.columns]
    picked = frame[[*there, frame.geometry.name]].reset_index(drop=True)
    for column in there:
        if pd.api.types.is_float_dtype(picked[column].dtype):
            picked[column] = picked[column].round(3)
    return picked


def _pick_little(segments: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Take what the colours need; a road on which nothing is counted is just a road."""
    picked = _pick(segments, THIN_COLUMNS)
    is_counted = picked["n_crashes"] > 0
    if "workers" in picked:
        is_counted |= picked["workers"] > 0
    return picked.assign(site_id=picked["site_id"].where(is_counted))
