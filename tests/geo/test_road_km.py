"""Places named by a road and the kilometre on it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import LineString

from core.errors import TableError
from geo.road_km import BEYOND_END, NOT_MAPPED, SEVERAL_ROADS, locate_road_km

EAST, NORTH = 500_000.0, 1_280_000.0
BACK = Transformer.from_crs(4326, 32648, always_xy=True)


@pytest.fixture(scope="module")
def segments():
    """Return NR4 of 4 km in two segments, one drawn backwards, and two roads of one name."""
    rows = [
        (0, [(0, 0), (3000, 0)], "NR4", None, 0, 0.0, 3.0),
        (1, [(4000, 0), (3000, 0)], "4;AH11", "ផ្លូវជាតិលេខ៤", 0, 4.0, 3.0),
        (2, [(0, 500), (1000, 500)], None, "Mongkol Road", 1, 0.0, 1.0),
        (3, [(0, 9000), (0, 9900)], None, "Mongkol Road", 2, 0.0, 0.9),
        (4, [(0, 0), (0, 500)], None, None, None, np.nan, np.nan),
    ]
    table = pd.DataFrame(
        [(i, ref, name, road, u, v) for i, _, ref, name, road, u, v in rows],
        columns=["segment_id", "ref", "name", "corridor_id", "chainage_u_km", "chainage_v_km"],
    ).astype({"corridor_id": "Int64"})
    lines = [LineString([(x + EAST, y + NORTH) for x, y in line]) for _, line, *_ in rows]
    return gpd.GeoDataFrame(table, geometry=lines, crs=32648)


def locate(segments, *rows):
    names, kms = zip(*rows, strict=True)
    return locate_road_km(pd.Series(names, dtype="str"), pd.Series(kms, dtype="float64"), segments)


def test_the_kilometre_is_counted_along_the_road_whichever_way_it_was_drawn(segments):
    found = locate(segments, ("NR4", 1.5), ("RN 4", 3.25), ("National Road 4", 4.0), ("NR4", 0.0))
    x, y = BACK.transform(found.lon, found.lat)
    assert (x - EAST).tolist() == pytest.approx([1500, 3250, 4000, 0], abs=0.01)
    assert (y - NORTH).tolist() == pytest.approx([0, 0, 0, 0], abs=0.01)
    assert pd.isna(found.reason).all()
    assert found.corridor_id.tolist() == [0, 0, 0, 0]


def test_khmer_and_latin_names_mean_the_same_road(segments):
    found = locate(segments, ("ផ្លូវជាតិលេខ៤", 2.0), ("NR4", 2.0))
    assert found.lon[0] == found.lon[1]


def test_why_there_is_no_place_is_said(segments):
    found = locate(segments, ("NR4", 4.09), ("NR4", 4.11), ("NR5", 1.0), ("Mongkol Road", 0.5))
    assert found.reason.tolist() == [None, BEYOND_END, NOT_MAPPED, SEVERAL_ROADS]
    assert np.isnan(found.lon).tolist() == [False, True, True, True]


def test_a_short_stray_piece_does_not_hide_the_road(segments):
    longer = segments.copy()
    line = LineString([(EAST, NORTH + 500), (EAST + 5000, NORTH + 500)])
    longer.loc[2, ["chainage_v_km", "geometry"]] = [5.0, line]
    found = locate(longer, ("Mongkol Road", 4.0))
    assert found.corridor_id.tolist() == [1]


def test_missing_columns_are_named(segments):
    with pytest.raises(TableError, match="chainage_u_km"):
        locate(segments.drop(columns="chainage_u_km"), ("NR4", 1.0))


@settings(deadline=None)
@given(km=st.floats(0, 4))
def test_every_kilometre_of_the_road_has_its_place(segments, km):
    found = locate(segments, ("NR4", km))
    x, _ = BACK.transform(found.lon, found.lat)
    assert x[0] - EAST == pytest.approx(km * 1000, abs=0.51)  # rounded to the metre
