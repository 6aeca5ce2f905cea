"""What stands beside roads, out of an OpenStreetMap file: buildings, shops, schools, stops."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray

from core.errors import DataSourceError
from core.progress import Progress, no_progress
from geo.osm import require_osm_file

__all__ = ["COUNTED_KINDS", "NEARBY_KINDS", "OsmFeatures", "read_osm_features"]

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

COUNTED_KINDS: Final = ("building", "shop", "street_lamp")
NEARBY_KINDS: Final = ("school", "market", "hospital", "bus_stop")
KINDS: Final = (*COUNTED_KINDS, *NEARBY_KINDS)
AMENITIES: Final = {
    "school": "school",
    "kindergarten": "school",
    "college": "school",
    "university": "school",
    "marketplace": "market",
    "hospital": "hospital",
    "clinic": "hospital",
}
NOT_THERE: Final = {"no", "vacant", "disused", "none"}
_KEYS = ("building", "shop", "amenity", "highway", "public_transport")
_WKB_HEADER_HEX = 18  # byte order, type and number of points, two digits a byte


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmFeatures:
    """What was found, in WGS84.

    Attributes
    ----------
    counted
        Longitude and latitude of the features that are counted, by kind (`COUNTED_KINDS`),
        shape (n, 2): of a building the centroid of its outline.
    nearby
        Shapes of the features that are looked for nearby, by kind (`NEARBY_KINDS`): points,
        or the grounds as polygons.
    n_ways_skipped
        Ways with such a tag that lack nodes.
    """

    counted: Mapping[str, FloatArray]
    nearby: Mapping[str, NDArray[np.object_]]
    n_ways_skipped: int

    def count(self) -> dict[str, int]:
        """Return how many there are of each kind."""
        return {kind: len(found) for kind, found in (*self.counted.items(), *self.nearby.items())}


def read_osm_features(path: Path, *, progress: Progress = no_progress) -> OsmFeatures:
    """Read what stands beside roads.

    Parameters
    ----------
    path
        A `.osm`, `.osm.gz`, `.osm.bz2` or `.osm.pbf` file; nodes before ways, as all
        published files have them.
    progress
        Called with the features read so far.

    Returns
    -------
    features
        Nodes and ways; multipolygons (a building with a courtyard) are not read.

    Raises
    ------
    DataSourceError
        If the file is missing, empty, cut short or not OpenStreetMap data.
    """
    require_osm_file(path)
    reader = _Reader()
    try:
        reader.read(path, progress)
    except (RuntimeError, ValueError, UnicodeDecodeError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        reason = f"cut short or not OpenStreetMap data ({text})"
        raise DataSourceError.unreadable(path, reason) from error
    return reader.collect()


def find_kinds(tags: Any) -> list[str]:  # noqa: ANN401 - a TagList or a dict
    """Return the kinds that a feature with these tags is of."""
    kinds = []
    get = tags.get
    building = get("building")
    if building is not None and building not in NOT_THERE:
        kinds.append("building")
    shop = get("shop")
    if shop is not None and shop not in NOT_THERE:
        kinds.append("shop")
    amenity = AMENITIES.get(get("amenity"))
    if amenity is not None:
        kinds.append(amenity)
    highway = get("highway")
    if highway == "bus_stop" or (get("public_transport") == "platform" and get("bus") == "yes"):
        kinds.append("bus_stop")
    elif highway == "street_lamp":
        kinds.append("street_lamp")
    return kinds


class _Reader:
    """Gathers points and outlines in one pass."""

    def __init__(self) -> None:
        self.spots = {kind: array("d") for kind in KINDS}
        self.outline: dict[str, bytearray] = {kind: bytearray() for kind in KINDS}
        self.size = {kind: array("q") for kind in KINDS}
        self.n_skipped = 0

    def read(self, path: Path, progress: Progress) -> None:
        kinds = osmium.osm.NODE | osmium.osm.WAY
        store = osmium.index.create_map("sparse_mem_array")
        factory = osmium.geom.WKBFactory()
        everything = osmium.geom.use_nodes.ALL
        processor = osmium.FileProcessor(str(path), kinds)
        processor.with_locations(cast(Any, store))  # typed as text, takes a table as well
        processor.with_filter(osmium.filter.KeyFilter(*_KEYS))
        for number, entity in enumerate(processor):
            if number % 50_000 == 0:
                progress(number, 0, "reading what stands beside roads")
            found = find_kinds(entity.tags)
            if not found:
                continue
            if isinstance(entity, osmium.osm.Node):
                if entity.location.valid():
                    for kind in found:
                        self.spots[kind].extend((entity.location.lon, entity.location.lat))
                continue
            try:
                way = cast(osmium.osm.Way, entity)
                shape = bytes.fromhex(factory.create_linestring(way, everything)[_WKB_HEADER_HEX:])
            except (osmium.InvalidLocationError, RuntimeError):
                self.n_skipped += 1
                continue
            for kind in found:
                self.outline[kind] += shape
                self.size[kind].append(len(shape) // 16)

    def collect(self) -> OsmFeatures:
        if self.n_skipped:
            logger.warning("%d features beside roads lack nodes; left out", self.n_skipped)
        return OsmFeatures(
            counted={kind: self._locate(kind) for kind in COUNTED_KINDS},
            nearby={kind: self._shape(kind) for kind in NEARBY_KINDS},
            n_ways_skipped=self.n_skipped,
        )

    def _points(self, kind: str) -> FloatArray:
        return np.frombuffer(self.spots[kind], dtype=np.float64).reshape(-1, 2)

    def _outlines(self, kind: str) -> tuple[FloatArray, NDArray[np.int64]]:
        xy = np.frombuffer(bytes(self.outline[kind]), dtype="<f8").reshape(-1, 2)
        return xy, np.frombuffer(self.size[kind], dtype=np.int64)

    def _locate(self, kind: str) -> FloatArray:
        xy, size = self._outlines(kind)
        return np.vstack([self._points(kind), compute_centroids(xy, size)])

    def _shape(self, kind: str) -> NDArray[np.object_]:
        xy, size = self._outlines(kind)
        first = np.concatenate([[0], np.cumsum(size)])
        shapes: list[Any] = list(cast(Any, shapely.points(self._points(kind))))
        for start, end in pairwise(first):
            ring = xy[start:end]
            is_closed = len(ring) >= 4 and (ring[0] == ring[-1]).all()
            shapes.append(shapely.polygons(ring) if is_closed else shapely.linestrings(ring))
        result = np.empty(len(shapes), dtype=object)
        result[:] = shapes
        return result


def compute_centroids(xy: FloatArray, size: NDArray[np.int64]) -> FloatArray:
    """Centroid of each outline, of its area when it has one, else of its vertices.

    Parameters
    ----------
    xy
        Vertices of all outlines in order, the first repeated at the end, shape (n, 2).
    size
        Vertices of each outline, at least 1, shape (n_outlines,).
    """
    if not len(size):
        return np.empty((0, 2))
    first = np.cumsum(size) - size
    low = xy[first]  # near the outline, so that products of coordinates lose no digits
    local = xy - np.repeat(low, size, axis=0)
    following = np.roll(local, -1, axis=0)
    following[first + size - 1] = 0.0  # back to the first vertex
    cross = local[:, 0] * following[:, 1] - following[:, 0] * local[:, 1]
    double_area = np.add.reduceat(cross, first)
    moment = np.add.reduceat((local + following) * cross[:, None], first)
    is_closed = (xy[first + size - 1] == low).all(axis=1) & (size > 1)
    n_distinct = np.where(is_closed, size - 1, size)
    centre = np.add.reduceat(local, first) / n_distinct[:, None]  # a repeated vertex adds 0
    has_area = is_closed & (np.abs(double_area) > 1e-16)
    centre[has_area] = moment[has_area] / (3 * double_area[has_area, None])
    return np.asarray(low + centre)
