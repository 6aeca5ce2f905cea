"""Points that cannot be places."""

from __future__ import annotations

import geopandas as gpd
from shapely import Point

from geo.coordinates import NO_COORDINATES, SWAPPED, find_point_problems

HERE = (104.0, 11.0, 105.0, 12.0)


def test_empty_and_missing_points_have_no_coordinates_and_swapped_ones_are_known():
    shapes = [Point(), None, Point(11.5, 104.5), Point(104.5, 11.5)]
    points = gpd.GeoDataFrame({"name": list("abcd")}, geometry=shapes, crs=4326)
    found = find_point_problems(points, HERE)
    assert found.reason.tolist() == [NO_COORDINATES, NO_COORDINATES, SWAPPED, None]
    assert found.given.tolist() == ["", "", "11.5, 104.5", "104.5, 11.5"]
