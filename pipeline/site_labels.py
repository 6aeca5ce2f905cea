"""What sites are called, so that a person finds them: road, crossing road, place nearby."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from core.vocabulary import RoadClass
from geo.places import find_near_place

__all__ = ["label_intersections", "label_segments"]

CLASS_RANK = {word.value: rank for rank, word in enumerate(RoadClass)}


def label_segments(segments: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add `label`, such as "National Road 4, near Ang Snuol (S12)"."""
    words = segments["road_class"].astype("object").fillna("road of unknown class")
    unnamed = "Unnamed " + words.where(words.str.contains("road"), words + " road")
    names = find_names(segments)
    middle = segments.geometry.interpolate(0.5, normalized=True)
    label = add_places(names.where(names.notna(), unnamed), middle, places)
    return segments.assign(label=label + " (S" + segments["segment_id"].astype(str) + ")")


def label_intersections(
    intersections: gpd.GeoDataFrame, segments: gpd.GeoDataFrame, places: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Add `label`: both roads, else the one that is named, else the class of the main road."""
    names = intersections["name"].astype("object")
    names = names.where(names.notna(), find_main_names(intersections, segments))
    words = intersections["road_class"].astype("object").fillna("unnamed")
    label = names.where(names.notna(), "Junction on an unnamed " + words + " road")
    label = add_places(label, intersections.geometry, places)
    return intersections.assign(
        label=label + " (I" + intersections["intersection_id"].astype(str) + ")"
    )


def find_main_names(intersections: gpd.GeoDataFrame, segments: gpd.GeoDataFrame) -> pd.Series:
    """Return "Junction on NR4" where any road at the intersection is named: the highest class."""
    names = find_names(segments)
    rank = segments["road_class"].map(CLASS_RANK).fillna(len(CLASS_RANK)).astype(np.int64)
    arms = pd.concat(
        [
            pd.DataFrame({"at": segments[end], "rank": rank, "name": names})
            for end in ("intersection_u", "intersection_v")
        ]
    ).dropna(subset=["at", "name"])
    main = arms.sort_values(["at", "rank", "name"]).drop_duplicates("at").set_index("at")["name"]
    found: pd.Series = intersections["intersection_id"].map(main).astype("object")
    told: pd.Series = found.where(found.isna(), "Junction on " + found.astype(str))
    return told


def find_names(segments: gpd.GeoDataFrame) -> pd.Series:
    """Return the name of each segment, its number where it has none; missing without either."""
    names = segments["name"].astype("object")
    if "ref" in segments:
        names = names.where(names.notna(), segments["ref"].astype("object"))
    found: pd.Series = names.where(names.notna(), None)
    return found


def add_places(label: pd.Series, points: gpd.GeoSeries, places: gpd.GeoDataFrame) -> pd.Series:
    """Add the place nearby, where there is one."""
    near = find_near_place(points, places)["name"].astype("object").set_axis(label.index)
    return label.where(near.isna(), label + ", near " + near.astype(str)).astype("object")
