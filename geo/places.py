"""Places people know: which is the largest, and which to name beside a spot on a road."""

from __future__ import annotations

from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.errors import TableError
from geo.crs import require_same_metric_crs

__all__ = ["find_largest_place", "find_near_place"]

# How near a place seems: a city at 10 km is named as readily as a village at 6 km.
NEARNESS = MappingProxyType(
    {
        "city": 0.6,
        "town": 0.7,
        "village": 1.0,
        "suburb": 1.0,
        "quarter": 1.0,
        "neighbourhood": 1.2,
        "hamlet": 1.5,
    }
)
OTHER_NEARNESS = 2.0  # locality, isolated_dwelling, farm and the like
# Where no population is mapped: the order of size by which mappers choose the kind.
USUAL_POPULATION = MappingProxyType(
    {"city": 100_000.0, "town": 10_000.0, "village": 1_000.0, "hamlet": 100.0}
)
MAX_DISTANCE_M = 25_000.0


def find_near_place(
    points: gpd.GeoSeries | gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    *,
    max_distance_m: float = MAX_DISTANCE_M,
) -> pd.DataFrame:
    """Find the place to name beside each point.

    The nearest, after every distance is multiplied by a number for the kind of place
    (`NEARNESS`), so that a village 2 km away is named before a hamlet at 1.9 km. Of places
    equally near the first by name is taken.

    Parameters
    ----------
    points
        Points [m]; missing or empty ones get no place.
    places
        Columns `name`, `kind`, geometry Point in the same CRS; `name_km` is used where
        there is no `name`, a place without either never. May be empty.
    max_distance_m
        Farther places are not named [m].

    Returns
    -------
    near
        `name` and `distance_m` (true, not weighted), one row per point with its index;
        null where there is no place.

    Raises
    ------
    CrsError
        If points and places are not in one metric CRS.
    TableError
        If a column is missing.
    """
    geometries = points.geometry.to_numpy()
    name = np.full(len(geometries), None, dtype=object)
    distance = np.full(len(geometries), np.nan)
    named = _list_named(places)
    if len(named) and len(geometries):
        require_same_metric_crs(points=points, places=places)
        is_there = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
        xy = shapely.get_coordinates(geometries[is_there])
        best = np.full(len(xy), np.inf)
        row = np.full(len(xy), -1)
        true = np.full(len(xy), np.nan)
        for _, group in named.groupby("nearness", sort=True):
            metres, which = cKDTree(group[["x", "y"]]).query(xy)
            seeming = metres * group["nearness"].iloc[0]
            wins = (seeming < best) & (metres <= max_distance_m)
            best[wins], true[wins] = seeming[wins], metres[wins]
            row[wins] = group.index.to_numpy()[which[wins]]
        at = np.flatnonzero(is_there)[row >= 0]
        name[at] = named["label"].to_numpy()[row[row >= 0]]
        distance[at] = true[row >= 0]
    columns = {"name": pd.array(name, dtype="str"), "distance_m": distance}
    return pd.DataFrame(columns, index=points.index)


def find_largest_place(places: gpd.GeoDataFrame) -> tuple[str, NDArray[np.float64]] | None:
    """Find the largest place: most people, then the larger kind, then the first by name.

    Where no population is mapped, the usual one of the kind is taken (`USUAL_POPULATION`).

    Returns
    -------
    place
        Its name and its coordinates [m], shape (2,); None when no place has a name.

    Raises
    ------
    TableError
        If a column is missing.
    """
    named = _list_named(places)
    if named.empty:
        return None
    usual = named["kind"].map(dict(USUAL_POPULATION)).fillna(0.0)
    people = usual
    if "population" in places.columns:
        people = places["population"].astype("float64").reset_index(drop=True)[named["row"]]
        people = people.reset_index(drop=True).fillna(usual)
    order = named.assign(people=people, usual=usual).sort_values(
        ["people", "usual", "label"], ascending=[False, False, True], kind="stable"
    )
    first = order.iloc[0]
    return str(first["label"]), np.array([first["x"], first["y"]], dtype=np.float64)


def _list_named(places: gpd.GeoDataFrame) -> pd.DataFrame:
    """List the places that have a name: label, kind, nearness, x, y and row, by label."""
    missing = [name for name in ("name", "kind") if name not in places.columns]
    if missing:
        raise TableError.missing_columns("places", missing, list(map(str, places.columns)))
    label = places["name"]
    if "name_km" in places.columns:
        label = label.where(label.notna(), places["name_km"])
    geometry = places.geometry.to_numpy()
    keep = label.notna().to_numpy() & ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    xy = shapely.get_coordinates(shapely.centroid(geometry[keep])).reshape(-1, 2)
    named = pd.DataFrame(
        {
            "label": label.to_numpy()[keep],
            "kind": places["kind"].to_numpy()[keep],
            "x": xy[:, 0],
            "y": xy[:, 1],
            "row": np.flatnonzero(keep),
        }
    )
    named["nearness"] = named["kind"].map(dict(NEARNESS)).fillna(OTHER_NEARNESS).astype(float)
    return named.sort_values(["label", "row"], ignore_index=True)
