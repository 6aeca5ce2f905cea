"""Find the places that reports name by a road and the kilometre on it: "NR4, km 23".

Kilometres are those measured along the mapped road (`geo.corridors`), from the end nearest
the largest place of the area. They are not those of the stones: where the area holds only
a part of the road, or the stones count from elsewhere, a place may be wrong by kilometres.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from core.errors import TableError
from core.units import M_PER_KM
from geo.crs import WGS84
from geo.linear import flatten_lines, interpolate_points
from geo.road_names import is_same_road, normalise_road_name

__all__ = ["BEYOND_END", "NOT_MAPPED", "SEVERAL_ROADS", "RoadPlaces", "locate_road_km"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NOT_MAPPED = "no road of that name in the area"
BEYOND_END = "kilometre beyond the road's end"
SEVERAL_ROADS = "several roads of that name"
GAP_KM = 0.1  # intersections have no segment of their own; the end of the road is no razor
MAIN_SHARE = 0.75  # of the length of all roads of a name, that one of them is meant


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadPlaces:
    """Where roads and kilometres are.

    Attributes
    ----------
    lon, lat
        Of each row, not a number where not found [degree], shape (n,).
    corridor_id
        The road taken, -1 where none, shape (n,).
    reason
        Why a row has no place, else None, shape (n,).
    """

    lon: FloatArray
    lat: FloatArray
    corridor_id: IntArray
    reason: NDArray[np.object_]


def locate_road_km(
    road_name: pd.Series, road_km: pd.Series, segments: gpd.GeoDataFrame
) -> RoadPlaces:
    """Find places along named roads.

    Parameters
    ----------
    road_name, road_km
        As reported; both filled in every row, shape (n,).
    segments
        From `geo.corridors.build_corridors`, in metres: `segment_id`, `corridor_id`,
        `chainage_u_km`, `chainage_v_km`, geometry, and any of `name`, `name_km`, `ref`.

    Returns
    -------
    places
        A place, or the reason why there is none, for every row.

    Raises
    ------
    TableError
        If a column is missing.

    Notes
    -----
    Names are compared as in `geo.road_names`. Of several unconnected roads of one name, the
    one with at least three quarters of their length is taken; else the row is told apart
    by nobody, and gets no place. Where both carriageways have the kilometre, the segment with
    the lowest id is taken. A kilometre at most 100 m beyond an end is put at the end.
    """
    needed = ["segment_id", "corridor_id", "chainage_u_km", "chainage_v_km"]
    missing = [name for name in needed if name not in segments.columns]
    if missing:
        raise TableError.missing_columns("segments", missing, list(map(str, segments.columns)))
    named = segments[segments["corridor_id"].notna()].sort_values("segment_id")
    corridor, reason = _choose_corridors(road_name, named)
    lon, lat = np.full((2, len(corridor)), np.nan)
    rows = np.flatnonzero(corridor >= 0)
    if len(rows):
        km = road_km.to_numpy(dtype=np.float64, na_value=np.nan)[rows]
        xy = _find_along(named, corridor[rows], km)
        is_found = np.isfinite(xy[:, 0])
        transformer = Transformer.from_crs(segments.crs, WGS84, always_xy=True)
        lon[rows[is_found]], lat[rows[is_found]] = transformer.transform(*xy[is_found].T)
        reason[rows[~is_found]] = BEYOND_END
    return RoadPlaces(lon=lon, lat=lat, corridor_id=corridor, reason=reason)


def _choose_corridors(
    road_name: pd.Series, named: gpd.GeoDataFrame
) -> tuple[IntArray, NDArray[np.object_]]:
    """Choose the corridor that each name means; -1 and the reason where it means none."""
    names = _list_names(named)
    lengths = named.geometry.length.groupby(named["corridor_id"]).sum()
    codes, distinct = pd.factorize(road_name)
    chosen = np.full(len(distinct) + 1, -1, dtype=np.int64)
    reasons = np.full(len(distinct) + 1, NOT_MAPPED, dtype=object)
    for at, reported in enumerate(distinct.tolist()):
        plain = normalise_road_name(str(reported))
        same = names.loc[[is_same_road(plain, one) for one in names["name"]], "corridor_id"]
        if not len(same):
            continue
        exact = names.loc[names["name"] == plain, "corridor_id"]
        length = lengths[np.unique(exact if len(exact) else same)]
        if length.max() >= MAIN_SHARE * length.sum():
            chosen[at], reasons[at] = int(length.idxmax()), None
        else:
            reasons[at] = SEVERAL_ROADS
    return chosen[codes], reasons[codes]


def _list_names(named: pd.DataFrame) -> pd.DataFrame:
    """List every normalised name of every corridor."""
    parts = []
    for column in ("name", "name_km", "ref"):
        if column in named.columns:
            part = named[["corridor_id", column]].dropna().drop_duplicates()
            part = part.set_axis(["corridor_id", "name"], axis=1)
            pairs = [
                (corridor, name)
                for corridor, text in part.itertuples(index=False)
                for name in _normalise(str(text), column)
            ]
            parts.append(pd.DataFrame(pairs, columns=["corridor_id", "name"]))
    if not parts:
        return pd.DataFrame({"corridor_id": [], "name": []})
    return pd.concat(parts).drop_duplicates().reset_index(drop=True)


def _normalise(text: str, column: str) -> list[str]:
    """Return the names in one cell; a bare number in `ref` is a national road's."""
    if column != "ref":
        return [normalise_road_name(text)]
    plain = [normalise_road_name(one) for one in re.split(";", text) if one.strip()]
    return [*plain, *(f"nr {one}" for one in plain if one.isdigit())]


def _find_along(named: gpd.GeoDataFrame, corridor: IntArray, km: FloatArray) -> FloatArray:
    """Return the point [m] at each kilometre of its corridor, not a number beyond its ends."""
    of_segment = named["corridor_id"].to_numpy(dtype=np.int64)
    start = named["chainage_u_km"].to_numpy(dtype=np.float64)
    end = named["chainage_v_km"].to_numpy(dtype=np.float64)
    low, high = np.minimum(start, end), np.maximum(start, end)
    lines = flatten_lines(named.geometry.to_numpy())
    rows_of = {number: np.flatnonzero(of_segment == number) for number in np.unique(corridor)}
    pairs = np.column_stack([corridor, np.round(km * M_PER_KM).astype(np.int64)])
    keys, back = np.unique(pairs, axis=0, return_inverse=True)
    segment, share = np.full(len(keys), -1, dtype=np.int64), np.zeros(len(keys))
    for i, (number, metre) in enumerate(keys.tolist()):
        own, place = rows_of[number], metre / M_PER_KM
        away = np.maximum(np.maximum(low[own] - place, place - high[own]), 0.0)
        nearest = int(np.argmin(away))  # of equals the lowest id
        if away[nearest] <= GAP_KM:
            at = segment[i] = own[nearest]
            span = end[at] - start[at]
            share[i] = np.clip((place - start[at]) / span, 0, 1) if span else 0.5
    found = segment >= 0
    xy = np.full((len(keys), 2), np.nan)
    if found.any():
        distance = share[found] * lines.length[segment[found]]
        xy[found] = interpolate_points(lines, segment[found], distance)
    result: FloatArray = xy[back.ravel()]
    return result
