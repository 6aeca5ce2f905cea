"""Which place is named beside a point, and which is the largest."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point

from core.errors import CrsError, TableError
from geo.places import find_largest_place, find_near_place

CRS = 32648


def make_places(*rows, **more):
    table = pd.DataFrame(rows, columns=["name", "kind", "population", "x", "y"])
    table = table.astype({"name": "str", "kind": "str", "population": float}).assign(**more)
    points = gpd.points_from_xy(table.pop("x"), table.pop("y"))
    return gpd.GeoDataFrame(table, geometry=points, crs=CRS)


def make_points(*points):
    return gpd.GeoSeries([None if p is None else Point(p) for p in points], crs=CRS)


def test_a_village_is_named_before_a_hamlet_that_is_little_nearer():
    places = make_places(
        ("Village", "village", np.nan, 2000, 0), ("Hamlet", "hamlet", np.nan, -1900, 0)
    )
    near = find_near_place(make_points((0, 0), (-1000, 0)), places)
    assert near["name"].tolist() == ["Village", "Hamlet"]
    assert near["distance_m"].tolist() == [2000, 900]


def test_far_places_nameless_ones_and_missing_points():
    places = make_places((np.nan, "city", np.nan, 0, 0), ("Far", "town", np.nan, 26_000, 0))
    points = make_points((0, 0), (2000, 0), None).set_axis(["a", "b", "c"])
    near = find_near_place(points, places)
    assert near["name"].fillna("").to_dict() == {"a": "", "b": "Far", "c": ""}
    assert near["distance_m"].notna().tolist() == [False, True, False]


def test_khmer_name_where_there_is_no_other_and_ties_by_name():
    places = make_places(
        ("Zed", "village", np.nan, 100, 0),
        (np.nan, "village", np.nan, -50, 0),
        ("Abe", "village", np.nan, -100, 0),
        name_km=[np.nan, "អង្គស្នួល", np.nan],
    )
    near = find_near_place(make_points((-50, 0), (0, 0)), places)
    assert near["name"].tolist() == ["អង្គស្នួល", "អង្គស្នួល"]
    assert find_near_place(make_points((0, 0)), places[::2])["name"].tolist() == ["Abe"]


def test_no_places_and_no_points():
    empty = make_places()
    near = find_near_place(make_points((0, 0)), empty)
    assert near["name"].isna().all()
    assert len(find_near_place(make_points(), make_places(("A", "city", 1, 0, 0)))) == 0
    assert find_largest_place(empty) is None


def test_bad_input_is_refused():
    places = make_places(("A", "city", 1, 0, 0))
    with pytest.raises(CrsError):
        find_near_place(make_points((0, 0)).set_crs(4326, allow_override=True), places)
    with pytest.raises(TableError, match="kind"):
        find_near_place(make_points((0, 0)), places.drop(columns="kind"))


def test_largest_by_people_then_kind_then_name():
    places = make_places(
        ("Village", "village", np.nan, 1, 0),
        ("Town", "town", 50_000, 2, 0),
        ("City", "city", np.nan, 3, 0),
        ("Another", "city", np.nan, 4, 0),
        ("Suburb", "suburb", np.nan, 5, 0),
    )
    name, xy = find_largest_place(places)
    assert (name, xy.tolist()) == ("Another", [4, 0])
    assert find_largest_place(places[:2])[0] == "Town"
    assert find_largest_place(places[[True, False, False, False, True]])[0] == "Village"
    counted = places.assign(population=[np.nan, 300_000, np.nan, np.nan, np.nan])
    assert find_largest_place(counted)[0] == "Town"
