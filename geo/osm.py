"""Roads and places out of OpenStreetMap files, read once, kept as arrays."""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
from geopandas import GeoDataFrame
from numpy.typing import NDArray

from core.errors import DataSourceError, MissingDataError, VocabularyError
from core.progress import Progress, no_progress
from core.vocabulary import RoadClass
from geo import osm_tags
from geo.crs import WGS84

__all__ = [
    "OSM_SUFFIXES",
    "OsmRoads",
    "read_osm",
    "require_osm_file",
    "require_road_classes",
    "type_way_tags",
]

logger = logging.getLogger(__name__)

OSM_SUFFIXES = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf", ".pbf")

_WAY_TAGS = (
    "highway",
    "name",
    "name:km",
    "ref",
    "maxspeed",
    "lit",
    "lanes",
    "width:carriageway",
    "width",
    "est_width",
    "surface",
    "oneway",
    "bridge",
    "tunnel",
    "junction",
    "layer",
    "area",
)
_WKB_HEADER_HEX = 18  # byte order, type and number of points, two digits a byte


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmRoads:
    """Ways that are roads of the chosen classes, with the nodes they run through.

    `ways` has one row a way, in file order; way `i` runs through the references
    `offset[i]:offset[i + 1]` of `node_ref`, `lon` and `lat`.
    """

    ways: pd.DataFrame
    offset: NDArray[np.int64]
    node_ref: NDArray[np.int64]  # OSM node ids
    lon: NDArray[np.float64]  # degrees
    lat: NDArray[np.float64]
    signal_ref: NDArray[np.int64]  # OSM ids of nodes with traffic signals, sorted
    places: GeoDataFrame  # WGS84
    n_ways_read: int
    n_ways_skipped: dict[str, int] = field(default_factory=dict)


def read_osm(
    path: Path, *, road_classes: Sequence[str], progress: Progress = no_progress
) -> OsmRoads:
    """Read the roads of an OpenStreetMap file.

    Parameters
    ----------
    path
        A `.osm`, `.osm.gz`, `.osm.bz2` or `.osm.pbf` file.
    road_classes
        The classes (`core.vocabulary.RoadClass`) to keep.
    progress
        Called with the ways read so far.

    Returns
    -------
    roads
        Ways of those classes. Every way with a `highway` tag is either in `ways` or
        counted with a reason in `n_ways_skipped`. May hold no way at all.

    Raises
    ------
    DataSourceError
        If the file is missing, empty, cut short or not OpenStreetMap data.
    VocabularyError
        If a road class is not known.
    """
    require_road_classes(road_classes)
    require_osm_file(path)
    reader = _Reader()
    try:
        reader.read(path, progress)
    except (RuntimeError, ValueError, UnicodeDecodeError) as error:
        raise DataSourceError.unreadable(path, _explain(error)) from error
    return reader.collect(road_classes)


def require_road_classes(road_classes: Iterable[str]) -> None:
    """Check that every class is a word of the vocabulary.

    Raises
    ------
    VocabularyError
        If one is not, or there is none.
    """
    known = [word.value for word in RoadClass]
    wanted = list(road_classes)
    if not wanted:
        raise VocabularyError.unknown_word("road_classes", "(none)", known)
    for word in wanted:
        if word not in known:
            raise VocabularyError.unknown_word("road_classes", word, known)


def type_way_tags(raw: pd.DataFrame) -> pd.DataFrame:
    """Turn raw tags, one column a key and text or null in each, into typed attributes.

    Keys that are not there count as missing everywhere. The result has the columns of a
    segment that come from tags; rows stay as they are.
    """
    raw = raw.reindex(columns=list(_WAY_TAGS))
    highway = raw["highway"]
    road_class, is_link = osm_tags.parse_road_class(highway)
    is_roundabout = raw["junction"].isin(["roundabout", "circular"]).to_numpy()
    is_implied = is_roundabout | ((road_class == RoadClass.MOTORWAY.value) & ~is_link)
    columns = {
        "name": raw["name"].astype("str"),
        "name_km": raw["name:km"].astype("str"),
        "ref": raw["ref"].astype("str"),
        "highway": highway.astype("str"),
        "road_class": pd.Series(road_class, dtype="str", index=raw.index),
        "is_link": is_link,
        "maxspeed_kmh": osm_tags.parse_maxspeed(raw["maxspeed"]),
        "lit": pd.Series(osm_tags.parse_lit(raw["lit"]), dtype="str", index=raw.index),
        "lanes": osm_tags.parse_lanes(raw["lanes"]),
        "width_m": _find_width(raw),
        "surface": raw["surface"].astype("str"),
        "surface_class": pd.Series(
            osm_tags.parse_surface_class(raw["surface"]), dtype="str", index=raw.index
        ),
        "oneway": pd.Series(
            osm_tags.parse_oneway(raw["oneway"], is_implied=is_implied),
            dtype="str",
            index=raw.index,
        ),
        "is_bridge": osm_tags.is_affirmed(raw["bridge"]),
        "is_tunnel": osm_tags.is_affirmed(raw["tunnel"]) & (raw["tunnel"] != "culvert").to_numpy(),
        "is_roundabout": is_roundabout,
        "layer": osm_tags.parse_integer(raw["layer"]),
    }
    return pd.DataFrame(columns, index=raw.index)


def _find_width(raw: pd.DataFrame) -> NDArray[np.float64]:
    """Give the width [m]: of the carriageway, else of the road, else as estimated."""
    carriageway, road, estimate = (
        osm_tags.parse_width(raw[tag]) for tag in ("width:carriageway", "width", "est_width")
    )
    road = np.where(np.isnan(road), estimate, road)
    return np.where(np.isnan(carriageway), road, carriageway)


class _Reader:
    """Gathers ways, signals and places of one file in one pass (two when unsorted)."""

    def __init__(self) -> None:
        self.way_id = array("q")
        self.size = array("q")
        self.ref = array("q")
        self.wkb = bytearray()  # coordinates of all references, pairs of float64
        self.tags: dict[str, list[str | None]] = {key: [] for key in _WAY_TAGS}
        self.signals = array("q")
        self.places: list[tuple[str, str | None, str, str | None, float, float]] = []
        self.late: list[int] = []  # ways of which a node had not been seen yet
        self.has_new_nodes = False  # drawn in an editor, not uploaded: ids below 0
        self.n_read = 0
        self.skipped: Counter[str] = Counter()

    def read(self, path: Path, progress: Progress) -> None:
        kinds = osmium.osm.NODE | osmium.osm.WAY
        # With the sparse store memory grows with the nodes in the file, not with their ids.
        store = osmium.index.create_map("sparse_mem_array")
        factory = osmium.geom.WKBFactory()
        everything = osmium.geom.use_nodes.ALL
        processor = osmium.FileProcessor(str(path), kinds)
        processor.with_locations(cast(Any, store))  # typed as text, takes a table as well
        processor.with_filter(osmium.filter.KeyFilter("highway", "place"))
        for entity in processor:
            if isinstance(entity, osmium.osm.Node):
                self._take_node(entity)
                continue
            item = cast(osmium.osm.Way, entity)
            tags = item.tags
            if tags.get("highway") is None:
                continue
            self.n_read += 1
            if self.n_read % 20_000 == 0:
                progress(self.n_read, 0, "reading ways")
            if len(item.nodes) < 2:
                self.skipped["fewer than two nodes"] += 1
                continue
            try:
                shape = factory.create_linestring(item, everything)
            except (osmium.InvalidLocationError, RuntimeError):
                self.late.append(item.id)
                self.has_new_nodes |= any(node.ref < 0 for node in item.nodes)
                continue
            self.wkb += bytes.fromhex(shape[_WKB_HEADER_HEX:])
            self._take_way(item.id, [node.ref for node in item.nodes], tags)
        if self.late:
            self._read_late(path, store)

    def _take_node(self, node: osmium.osm.Node) -> None:
        if node.tags.get("highway") == "traffic_signals":
            self.signals.append(node.id)
        kind = node.tags.get("place")
        if kind in osm_tags.PLACE_KINDS and node.location.valid():
            get = node.tags.get
            name = get("name") or get("name:en") or get("name:km")
            if name:
                spot = (node.location.lon, node.location.lat)
                self.places.append((name, get("name:km"), kind, get("population"), *spot))

    def _take_way(self, way_id: int, refs: list[int], tags: osmium.osm.TagList) -> None:
        self.way_id.append(way_id)
        self.size.append(len(refs))
        self.ref.extend(refs)
        get = tags.get
        for key, column in self.tags.items():
            column.append(get(key))

    def _read_late(self, path: Path, store: osmium.index.LocationTable) -> None:
        """Read again the ways that came before their nodes, or lack some of them."""
        late = set(self.late)
        find = _find_locations(path, store, self.has_new_nodes)
        processor = osmium.FileProcessor(str(path), osmium.osm.WAY)
        for entity in processor.with_filter(osmium.filter.KeyFilter("highway")):
            item = cast(osmium.osm.Way, entity)
            if item.id not in late:
                continue
            runs = _known_runs([node.ref for node in item.nodes], find)
            if not runs:
                self.skipped["its nodes are not in the file"] += 1
            for refs, spots in runs:
                self.wkb += spots.tobytes()
                self._take_way(item.id, refs, item.tags)
            self.n_read += max(len(runs) - 1, 0)

    def collect(self, road_classes: Sequence[str]) -> OsmRoads:
        ways = type_way_tags(pd.DataFrame(self.tags, dtype=object))
        ways.insert(0, "osm_way_id", np.frombuffer(self.way_id, dtype=np.int64))
        is_area = np.array([value == "yes" for value in self.tags["area"]], dtype=bool)
        road_class = ways["road_class"].to_numpy(dtype=object)
        keep = np.isin(road_class.astype(str), list(road_classes)) & ~is_area
        skipped = self.skipped.copy()
        skipped.update(_count_reasons(ways[~keep], is_area[~keep]))
        size = np.frombuffer(self.size, dtype=np.int64)
        kept_refs = np.repeat(keep, size)
        spots = np.frombuffer(self.wkb, dtype="<f8").reshape(-1, 2)[kept_refs]
        return OsmRoads(
            ways=ways[keep].reset_index(drop=True),
            offset=np.concatenate([[0], np.cumsum(size[keep])]).astype(np.int64),
            node_ref=np.frombuffer(self.ref, dtype=np.int64)[kept_refs],
            lon=spots[:, 0].copy(),
            lat=spots[:, 1].copy(),
            signal_ref=np.sort(np.frombuffer(self.signals, dtype=np.int64)),
            places=_build_places(self.places),
            n_ways_read=self.n_read,
            n_ways_skipped=dict(sorted(skipped.items())),
        )


def _known_runs(
    refs: list[int], find: Callable[[int], tuple[float, float] | None]
) -> list[tuple[list[int], NDArray[np.float64]]]:
    """Cut a way where nodes are missing; keep the runs of two or more known ones."""
    runs: list[tuple[list[int], NDArray[np.float64]]] = []
    known: list[int] = []
    spots: list[tuple[float, float]] = []
    for ref in [*refs, None]:
        spot = None if ref is None else find(ref)
        if spot is not None and ref is not None:
            known.append(ref)
            spots.append(spot)
            continue
        if len(known) > 1:
            runs.append((known, np.array(spots, dtype="<f8")))
        known, spots = [], []
    return runs


def _find_locations(
    path: Path, store: osmium.index.LocationTable, has_new_nodes: bool
) -> Callable[[int], tuple[float, float] | None]:
    """Return a look-up of nodes by id; the store has none of those below 0."""
    new: dict[int, tuple[float, float]] = {}
    if has_new_nodes:
        for entity in osmium.FileProcessor(str(path), osmium.osm.NODE):
            node = cast(osmium.osm.Node, entity)
            if node.id < 0 and node.location.valid():
                new[node.id] = (node.location.lon, node.location.lat)

    def find(ref: int) -> tuple[float, float] | None:
        if ref < 0:
            return new.get(ref)
        try:
            location = store.get(ref)
        except KeyError:
            return None
        return (location.lon, location.lat) if location.valid() else None

    return find


def _count_reasons(ways: pd.DataFrame, is_area: NDArray[np.bool_]) -> Counter[str]:
    """Say for each way that is left out why."""
    road_class = ways["road_class"].to_numpy(dtype=object).astype(str)
    highway = ways["highway"].to_numpy(dtype=object).astype(str)
    unknown = np.char.add("not a road: highway=", highway)
    other = np.char.add("road class not chosen: ", road_class)
    reason = np.where(is_area, "an area", np.where(road_class == "", unknown, other))
    return Counter(reason.tolist())


def _build_places(rows: list[Any]) -> GeoDataFrame:
    columns = ["name", "name_km", "kind", "population", "lon", "lat"]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    points = gpd.points_from_xy(frame["lon"].astype(float), frame["lat"].astype(float))
    places = GeoDataFrame(
        frame[["name", "name_km", "kind"]].astype("str"), geometry=points, crs=WGS84
    )
    places.insert(3, "population", osm_tags.parse_number(frame["population"]))
    return places


def require_osm_file(path: Path) -> None:
    """Check that a path names an OpenStreetMap file that is there and not empty.

    Raises
    ------
    DataSourceError
        If it does not; `MissingDataError` when there is no such file.
    """
    if not str(path).lower().endswith(OSM_SUFFIXES):
        reason = f"suffix is none of {', '.join(OSM_SUFFIXES)}"
        raise DataSourceError.unreadable(path, reason)
    if not path.is_file():
        message = f"{path}: no such file; check the path."
        raise MissingDataError(message)
    if path.stat().st_size == 0:
        raise DataSourceError.unreadable(path, "the file is empty")


def _explain(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"cut short or not OpenStreetMap data ({text})"
