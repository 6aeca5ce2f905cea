"""Give every crash its site: the intersection it happened at, or the segment.

The rules, each of which can be read off a placed crash:

- A crash within `intersection_radius_m` of an intersection belongs to it. The distance is
  measured to whatever of it is nearest: its centre, a junction node, or a road inside it.
- Else it belongs to the nearest eligible segment; when that segment lies inside an
  intersection (a roundabout, the short links of a dual carriageway), to the intersection.
- A crash with a motor vehicle is never put on a path.
- When the report names the road, and a segment of that name lies within the greatest
  distance and at most 15 m farther than the nearest, only segments of that name are
  eligible, and only intersections on that road.
- A place that a person corrected is taken as it is: no name is compared.
- A place known only to the village, commune or district is no place on a road: the crash
  keeps that point, and is listed with those not placed. All crashes of a village on the
  one segment beside its middle would make a hotspot where there is none.

What makes a crash's place ambiguous is another *site*, not another line on the map.
Segments that continue each other where nothing but a cut, a bend in the data or a change
of class parts them are one road between two intersections; they never compete. Nor do an
intersection and its own arms, as far as the next intersection. The two carriageways of a
divided road do: which side it happened on is a question worth asking.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from core.errors import InputError, TableError
from core.progress import Progress, no_progress
from core.vocabulary import Light, LocationQuality, PlaceMethod, RoadUser, SiteType, YesNoUnknown
from geo.candidates import Choice, PlacingRules, SiteIndex, build_site_index, choose_sites
from geo.coordinates import check_coordinates
from geo.crs import require_same_metric_crs, require_unique
from geo.lixels import locate_lixels

__all__ = ["place_crashes"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK_SIZE = 50_000
ON_ROAD_M = 15.0  # half a wide avenue and the error of a phone's GPS
WIDE_PLACES = (PlaceMethod.VILLAGE, PlaceMethod.COMMUNE, PlaceMethod.DISTRICT)
COARSE_DECIMALS = 3  # of a degree: about 100 m
DARK_FROM_HOUR, DARK_UNTIL_HOUR = 18, 6
MOTOR_VEHICLES = frozenset(RoadUser) - {RoadUser.PEDESTRIAN, RoadUser.BICYCLE, RoadUser.OTHER}


def place_crashes(
    crashes: pd.DataFrame,
    segments: gpd.GeoDataFrame,
    intersections: gpd.GeoDataFrame,
    *,
    max_distance_m: float,
    intersection_radius_m: float,
    ambiguity_margin_m: float,
    lixels: pd.DataFrame | None = None,
    progress: Progress = no_progress,
) -> gpd.GeoDataFrame:
    """Place every crash on one site, or say why it cannot be placed.

    Parameters
    ----------
    crashes
        Columns `crash_id`, `lon`, `lat` [degree]; used where present: `road_name`,
        `road_users`, `light`, `occurred_at`, `has_time`, `placed_by` (`person`: as it is),
        `location_quality` (what the report's place can be at best).
    segments
        The network's segments in metres, with `segment_id`, `u`, `v`, `intersection_u`,
        `intersection_v`, `road_class`, `is_internal`, and names where there are any.
    intersections
        The network's intersections, with `intersection_id`; may be empty.
    max_distance_m
        A crash farther than this from every eligible segment is not placed [m].
    intersection_radius_m
        A crash this close to an intersection belongs to it [m].
    ambiguity_margin_m
        A crash is ambiguous when another site is at most this much farther [m].
    lixels
        Lixels of the same segments, to fill in `lixel_id`; null without them.
    progress
        Called after every 50,000 crashes.

    Returns
    -------
    placed
        The crashes, same rows and order, in the segments' CRS, with `site_id`,
        `site_type`, `segment_id` (the nearest eligible one), `intersection_id`,
        `lixel_id`, `offset_m`, `snap_distance_m` (to that segment),
        `intersection_distance_m`, `runner_up_site_id`, `runner_up_distance_m` (to that
        site), `is_ambiguous`, `location_quality`, `unplaced_reason`, `is_dark`, and the
        reported place as `geometry`. Exactly one of `site_id` and `unplaced_reason` is
        set.

    Raises
    ------
    TableError
        If a column is missing, an id repeated, or there is no segment.
    CrsError
        If segments and intersections are not in one metric CRS.
    InputError
        If a distance is negative or not a number.

    Notes
    -----
    A place that a person corrected is not flagged as ambiguous again.
    """
    for name, value in (
        ("max_distance_m", max_distance_m),
        ("intersection_radius_m", intersection_radius_m),
        ("ambiguity_margin_m", ambiguity_margin_m),
    ):
        if not (np.isfinite(value) and value >= 0):
            message = f"{name}: {value} is not a distance; give metres, 0 or more."
            raise InputError(message)
    missing = [name for name in ("crash_id", "lon", "lat") if name not in crashes.columns]
    if missing:
        raise TableError.missing_columns("crashes", missing, list(map(str, crashes.columns)))
    require_unique(crashes, "crash_id")
    if len(segments) == 0:
        raise TableError.empty("segments")
    require_same_metric_crs(segments=segments, intersections=intersections)
    rules = PlacingRules(
        max_distance_m=float(max_distance_m),
        intersection_radius_m=float(intersection_radius_m),
        ambiguity_margin_m=float(ambiguity_margin_m),
    )
    sites = build_site_index(segments, intersections)
    checked = check_coordinates(
        crashes["lon"], crashes["lat"], segments, max_distance_m=max_distance_m
    )
    is_corrected = _find_corrected(crashes)
    _keep_wide_off_roads(crashes, checked.reason)
    choice = _choose_in_chunks(crashes, checked.xy, checked.reason, sites, rules, progress)
    result = _describe(choice, sites, checked.reason, rules, is_corrected)
    result["location_quality"] = _grade(crashes, result, checked.is_usable, is_corrected)
    result["lixel_id"] = _find_lixels(lixels, result)
    result["is_dark"] = _find_darkness(crashes)
    geometry = np.asarray(shapely.points(checked.xy), dtype=object)
    geometry[~np.isfinite(checked.xy).all(axis=1)] = shapely.from_wkt("POINT EMPTY")
    kept = crashes.drop(columns=[*result, "geometry"], errors="ignore")
    columns = pd.DataFrame(result, index=crashes.index)
    return gpd.GeoDataFrame(
        pd.concat([pd.DataFrame(kept), columns], axis=1), geometry=geometry, crs=segments.crs
    )


def _choose_in_chunks(
    crashes: pd.DataFrame,
    xy: FloatArray,
    reason: NDArray[np.object_],
    sites: SiteIndex,
    rules: PlacingRules,
    progress: Progress,
) -> Choice:
    """Choose sites for the crashes whose coordinates can be used, a part at a time."""
    todo = np.flatnonzero(pd.isna(reason))
    is_corrected = _find_corrected(crashes)
    names = np.full(len(crashes), None, dtype=object)
    if "road_name" in crashes.columns:
        given = crashes["road_name"]
        names = given.astype(object).where(given.notna() & ~is_corrected, None).to_numpy()
    is_motor = _find_motor_vehicles(crashes)
    whole = Choice.empty(len(crashes))
    for begin in range(0, len(todo), CHUNK_SIZE):
        rows = todo[begin : begin + CHUNK_SIZE]
        whole.fill(rows, choose_sites(xy[rows], names[rows], is_motor[rows], sites, rules))
        progress(begin + len(rows), len(todo), "placing crashes")
    return whole


def _describe(
    choice: Choice,
    sites: SiteIndex,
    reason: NDArray[np.object_],
    rules: PlacingRules,
    is_corrected: BoolArray,
) -> dict[str, object]:
    """Turn positions into ids and words."""
    is_placed = choice.segment >= 0
    at_intersection = choice.intersection >= 0
    reason = reason.copy()
    far = f"farther than {rules.max_distance_m:g} m from every road"
    reason[~is_placed & pd.isna(reason)] = far
    segment_id = _take(sites.segment_id, choice.segment)
    intersection_id = _take(sites.intersection_id, choice.intersection)
    site_type = np.full(len(is_placed), None, dtype=object)
    site_type[is_placed] = SiteType.SEGMENT.value
    site_type[at_intersection] = SiteType.INTERSECTION.value
    is_ambiguous = choice.runner_up_excess <= rules.ambiguity_margin_m + 1e-9
    return {
        "site_id": _name_sites(choice.segment, choice.intersection, sites),
        "site_type": pd.array(site_type, dtype="str"),
        "segment_id": segment_id,
        "intersection_id": intersection_id,
        "offset_m": choice.offset,
        "snap_distance_m": choice.distance,
        "intersection_distance_m": choice.intersection_distance,
        "runner_up_site_id": _name_sites(
            choice.runner_up_segment, choice.runner_up_intersection, sites
        ),
        "runner_up_distance_m": choice.runner_up_distance,
        "is_ambiguous": is_ambiguous & ~is_corrected,
        "unplaced_reason": pd.array(reason, dtype="str"),
    }


def _take(ids: IntArray, position: IntArray) -> pd.arrays.IntegerArray:
    """Ids at positions; null at -1."""
    return pd.arrays.IntegerArray(np.append(ids, -1)[position], position < 0)


def _name_sites(
    segment: IntArray, intersection: IntArray, sites: SiteIndex
) -> pd.api.extensions.ExtensionArray:
    """Site ids: I and a number where there is an intersection, else S and a number."""
    names = np.full(len(segment), None, dtype=object)
    is_segment = (segment >= 0) & (intersection < 0)
    names[is_segment] = [f"S{i}" for i in sites.segment_id[segment[is_segment]].tolist()]
    is_other = intersection >= 0
    names[is_other] = [f"I{i}" for i in sites.intersection_id[intersection[is_other]].tolist()]
    return pd.array(names, dtype="str")


def _grade(
    crashes: pd.DataFrame,
    result: dict[str, object],
    is_usable: BoolArray,
    is_corrected: BoolArray,
) -> pd.api.extensions.ExtensionArray:
    """Grade the location A to D; see `core.vocabulary.LocationQuality`."""
    distance = np.asarray(result["snap_distance_m"], dtype=np.float64)
    is_clear = ~np.asarray(result["is_ambiguous"], dtype=bool) & (distance <= ON_ROAD_M)
    told = _get_words(crashes, "location_quality")
    is_told = np.isin(told, list("ABCD"))
    is_coarse = is_usable & ~is_told
    for column in ("lon", "lat"):
        degrees = crashes[column].to_numpy(dtype=np.float64, na_value=np.nan)[is_coarse]
        is_coarse[is_coarse] = np.abs(degrees - np.round(degrees, COARSE_DECIMALS)) < 1e-9
    found = np.where(is_clear, LocationQuality.A.value, LocationQuality.B.value)
    found[is_coarse] = LocationQuality.C.value
    worse = np.where(is_told & (told > found), told, found)  # A < B < C < D
    worse[is_corrected] = LocationQuality.A.value
    worse[~is_usable] = LocationQuality.D.value
    return pd.array(worse, dtype="str")


def _get_words(crashes: pd.DataFrame, column: str) -> NDArray[np.str_]:
    """Return a column of words; empty where missing."""
    if column not in crashes.columns:
        return np.full(len(crashes), "", dtype="<U1")
    return np.asarray(crashes[column].astype("object").fillna("").tolist(), dtype=np.str_)


def _keep_wide_off_roads(crashes: pd.DataFrame, reason: NDArray[np.object_]) -> None:
    """Give crashes whose place is a village or wider their reason in place."""
    method = _get_words(crashes, "placed_by")
    is_open = pd.isna(reason)
    for word in WIDE_PLACES:
        reason[is_open & (method == word.value)] = f"place known only to the {word.value}"


def _find_lixels(
    lixels: pd.DataFrame | None, result: dict[str, object]
) -> pd.api.extensions.ExtensionArray:
    offset = np.asarray(result["offset_m"], dtype=np.float64)
    if lixels is None:
        return pd.array([pd.NA] * len(offset), dtype="Int64")
    found = locate_lixels(lixels, pd.Series(result["segment_id"]), offset)
    return pd.arrays.IntegerArray(found, found < 0)


def _find_darkness(crashes: pd.DataFrame) -> pd.api.extensions.ExtensionArray:
    """Dark or not: from the reported light, else by the hour, else unknown."""
    dark = np.full(len(crashes), YesNoUnknown.UNKNOWN.value, dtype=object)
    if "occurred_at" in crashes.columns:
        hour = crashes["occurred_at"].dt.hour.to_numpy(dtype=np.float64, na_value=np.nan)
        known = ~np.isnan(hour)
        if "has_time" in crashes.columns:
            known &= _get_flag(crashes, "has_time")
        is_night = (hour >= DARK_FROM_HOUR) | (hour < DARK_UNTIL_HOUR)
        dark[known & is_night] = YesNoUnknown.YES.value
        dark[known & ~is_night] = YesNoUnknown.NO.value
    if "light" in crashes.columns:
        light = crashes["light"].astype(object).to_numpy()
        dark[light == Light.DARK.value] = YesNoUnknown.YES.value
        dark[light == Light.DAY.value] = YesNoUnknown.NO.value
    return pd.array(dark, dtype="str")


def _find_motor_vehicles(crashes: pd.DataFrame) -> BoolArray:
    """Tell which crashes are known to involve a motor vehicle."""
    if "road_users" not in crashes.columns:
        return np.zeros(len(crashes), dtype=bool)
    codes, words = pd.factorize(crashes["road_users"])
    is_motor = [not MOTOR_VEHICLES.isdisjoint(str(word).split(";")) for word in words]
    return np.array([*is_motor, False], dtype=bool)[codes]


def _find_corrected(crashes: pd.DataFrame) -> BoolArray:
    """Tell which crashes a person put where they are."""
    if "placed_by" not in crashes.columns:
        return np.zeros(len(crashes), dtype=bool)
    return crashes["placed_by"].eq(PlaceMethod.PERSON.value).fillna(False).to_numpy(dtype=bool)


def _get_flag(crashes: pd.DataFrame, column: str) -> BoolArray:
    """Return a column of yes and no as booleans; missing means no."""
    if column not in crashes.columns:
        return np.zeros(len(crashes), dtype=bool)
    flags = crashes[column]
    return flags.astype("boolean").fillna(False).to_numpy(dtype=bool)
