"""What stands along each road: buildings and shops, and whether a school or market is near."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from core.errors import InputError
from core.units import M_PER_KM
from core.vocabulary import YesNoUnknown
from geo.crs import WGS84, require_same_metric_crs
from geo.linear import flatten_lines
from geo.osm_features import COUNTED_KINDS, NEARBY_KINDS, OsmFeatures
from geo.piece_index import build_piece_index, find_nearest_two

__all__ = [
    "LEAST_PER_1000_KM",
    "NEARBY_M",
    "find_near",
    "keep_features_near",
    "measure_roadside",
    "say_what_is_mapped",
]

FloatArray = NDArray[np.float64]

NEARBY_M: Final = 200.0  # is in the columns' names
MARGIN_DEG = 0.01  # about 1 km around the roads
LINES_AT_ONCE = 100_000
# A file with fewer than this per 1,000 km of its roads was not mapped for this kind, or had it
# filtered out; then nothing can be said of any road.
LEAST_PER_1000_KM: Final = {
    "building": 200.0,
    "shop": 20.0,
    "street_lamp": 0.0,
    "school": 5.0,
    "market": 2.0,
    "hospital": 2.0,
    "bus_stop": 5.0,
}


def measure_roadside(
    segments: gpd.GeoDataFrame, features: OsmFeatures, *, distance_m: float
) -> pd.DataFrame:
    """Count what stands along each segment, and tell what is near it.

    Parameters
    ----------
    segments
        `geometry` (LineString in metres): all roads of the area, as each building counts
        for the nearest one only.
    features
        From `geo.osm_features.read_osm_features`.
    distance_m
        A building, shop or lamp farther from every road than this is along none [m].

    Returns
    -------
    roadside
        Same rows and index. `building_per_km`, `shop_per_km`; `street_lamp_per_km`, NaN
        where no lamp is mapped, since no place has all of its lamps mapped; and
        `has_school_within_200m`, `has_market_...`, `has_hospital_...`, `has_bus_stop_...`:
        yes, no, unknown. NaN or unknown everywhere for a kind that the file does not hold
        (`say_what_is_mapped`).

    Raises
    ------
    InputError
        If the distance is not positive.
    CrsError, GeometryError
        If the segments are not single lines in metres.
    """
    if not (np.isfinite(distance_m) and distance_m > 0):
        message = f"distance_m: {distance_m} is not a distance; give metres above 0."
        raise InputError(message)
    crs = require_same_metric_crs(segments=segments)
    flat = flatten_lines(segments.geometry)
    index = build_piece_index(flat)
    is_mapped = say_what_is_mapped(features, float(flat.length.sum()) / M_PER_KM)
    columns: dict[str, NDArray[np.float64] | NDArray[np.str_]] = {}
    for kind in COUNTED_KINDS:
        values = np.full(len(segments), np.nan)
        if is_mapped[kind]:
            xy = _project(features.counted[kind], crs)
            nearest = find_nearest_two(index, xy, max_distance=distance_m).line[:, 0]
            n_along = np.bincount(nearest[nearest >= 0], minlength=len(segments))
            is_told = (flat.length > 0) & ((n_along > 0) | (kind != "street_lamp"))
            np.divide(n_along * M_PER_KM, flat.length, out=values, where=is_told)
        columns[f"{kind}_per_km"] = values
    for kind in NEARBY_KINDS:
        near = np.full(len(segments), YesNoUnknown.UNKNOWN.value)
        if is_mapped[kind]:
            shapes = shapely.transform(
                features.nearby[kind],
                lambda spots: _project(spots, crs),
            )
            near = find_near(segments, shapes)
        columns[f"has_{kind}_within_200m"] = near
    table = pd.DataFrame(columns, index=segments.index)
    return table.astype({f"has_{kind}_within_200m": "str" for kind in NEARBY_KINDS})


def keep_features_near(features: OsmFeatures, segments: gpd.GeoDataFrame) -> OsmFeatures:
    """Return the features within about a kilometre of the box around the segments.

    A file may hold a country, of which an area is a part; what is mapped elsewhere says
    nothing of it.
    """
    to_wgs84 = Transformer.from_crs(segments.crs, WGS84, always_xy=True)
    west, south, east, north = to_wgs84.transform_bounds(*segments.total_bounds)
    low, high = np.array([west, south]) - MARGIN_DEG, np.array([east, north]) + MARGIN_DEG
    box = shapely.box(*low, *high)
    return OsmFeatures(
        counted={
            kind: xy[((xy >= low) & (xy <= high)).all(axis=1)]
            for kind, xy in features.counted.items()
        },
        nearby={
            kind: shapes[shapely.intersects(shapes, box)]
            for kind, shapes in features.nearby.items()
        },
        n_ways_skipped=features.n_ways_skipped,
    )


def say_what_is_mapped(features: OsmFeatures, network_km: float) -> Mapping[str, bool]:
    """Tell for each kind whether the file holds enough to say "no" of a road.

    Many files hold roads only: an extract made for routing has ten buildings in a city. A
    kind counts as mapped when there is at least one of it and at least
    `LEAST_PER_1000_KM` on the roads of the file.
    """
    return {
        kind: n >= max(1.0, LEAST_PER_1000_KM[kind] * network_km / 1000)
        for kind, n in features.count().items()
    }


def find_near(
    segments: gpd.GeoDataFrame, shapes: NDArray[np.object_], *, distance_m: float = NEARBY_M
) -> NDArray[np.str_]:
    """Tell whether one of some shapes lies within a distance of each segment: yes or no.

    Parameters
    ----------
    segments
        `geometry` in metres.
    shapes
        Geometries in the same system; missing and empty ones are near nothing.
    distance_m
        From the nearest part of the segment to the nearest part of the shape [m].
    """
    is_near = np.zeros(len(segments), dtype=bool)
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if there.any():
        tree = shapely.STRtree(shapes[there])
        lines = segments.geometry.to_numpy()
        for start in range(0, len(lines), LINES_AT_ONCE):
            part = lines[start : start + LINES_AT_ONCE]
            found = tree.query(part, predicate="dwithin", distance=distance_m)[0]
            is_near[start + np.unique(found)] = True
    return np.where(is_near, YesNoUnknown.YES.value, YesNoUnknown.NO.value)


def _project(lonlat: FloatArray, crs: CRS) -> FloatArray:
    to_metric = Transformer.from_crs(WGS84, crs, always_xy=True)
    return np.column_stack(to_metric.transform(lonlat[:, 0], lonlat[:, 1]))
