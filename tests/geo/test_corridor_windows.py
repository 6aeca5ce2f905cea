"""Windows that slide along roads: where they begin and end, and what lies in them."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString

from core.errors import InputError, TableError
from geo.corridor_windows import build_corridor_windows, locate_on_corridors, place_in_windows
from geo.lixels import build_lixels


def make_road(*lengths_m, corridor=0, first_id=0, reverse=()):
    """Segments in a row along one corridor; some drawn against its kilometres."""
    ends = np.r_[0, np.cumsum(lengths_m)]
    rows = []
    for i, (a, b) in enumerate(pairwise(ends)):
        one, other = (b, a) if i in reverse else (a, b)
        line = LineString([(one, 100 * corridor), (other, 100 * corridor)])
        rows.append((first_id + i, b - a, corridor, one / 1000, other / 1000, line))
    columns = ["segment_id", "length_m", "corridor_id", "chainage_u_km", "chainage_v_km"]
    table = gpd.GeoDataFrame(rows, columns=[*columns, "geometry"], crs=32648)
    return table.astype({"corridor_id": "Int64"})


def build(segments, **options):
    return build_corridor_windows(build_lixels(segments, lixel_length_m=50), segments, **options)


def test_windows_of_300_m_every_100_m_and_the_last_ends_with_the_road():
    found = build(make_road(250, 300, reverse=[1]))
    table = found.table
    assert table["from_km"].tolist() == pytest.approx([0, 0.1, 0.2, 0.25])
    assert table["to_km"].tolist() == pytest.approx([0.3, 0.4, 0.5, 0.55])
    assert table["road_m"].tolist() == pytest.approx([300] * 4)
    assert found.share.shape == (4, 11)
    assert table["window_id"].tolist() == [0, 1, 2, 3]


def test_a_short_road_is_one_window_and_nameless_roads_have_none():
    short = make_road(120, corridor=3)
    nameless = make_road(500, first_id=9, corridor=4).assign(corridor_id=pd.NA)
    found = build(pd.concat([short, nameless.astype({"corridor_id": "Int64"})]))
    assert found.table["corridor_id"].tolist() == [3]
    assert found.table["to_km"].tolist() == pytest.approx([0.12])


def test_both_carriageways_are_in_a_window():
    one, other = make_road(300), make_road(300, first_id=5, reverse=[0])
    found = build(pd.concat([one, other]))
    assert found.table["road_m"].tolist() == pytest.approx([600])


def test_a_gap_without_road_has_no_window():
    one, other = make_road(200), make_road(200, first_id=5)
    other[["chainage_u_km", "chainage_v_km"]] += 2.0
    found = build(pd.concat([one, other]))
    assert (found.table["road_m"] > 0).all()
    assert not ((found.table["from_km"] > 0.21) & (found.table["to_km"] < 1.99)).any()


def test_crashes_are_found_by_their_kilometre():
    segments = pd.concat([make_road(250, 300, reverse=[1]), make_road(400, first_id=7, corridor=2)])
    found = build(segments)
    corridor, km = locate_on_corridors(np.array([0, 1, 7]), np.array([10.0, 0.0, 350.0]), segments)
    assert corridor.tolist() == [0, 0, 2]
    assert km.tolist() == pytest.approx([0.01, 0.55, 0.35])
    inside = place_in_windows(found.table, corridor, km).toarray()
    assert inside.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_bad_input_is_named():
    road = make_road(100)
    with pytest.raises(InputError, match="step"):
        build(road, window_km=0.1, step_km=0.2)
    with pytest.raises(TableError, match="chainage_u_km"):
        build(road.drop(columns="chainage_u_km"))
    with pytest.raises(TableError, match="first 8"):
        locate_on_corridors(np.array([8]), np.array([1.0]), road)
    empty = build(road.assign(corridor_id=pd.array([pd.NA], dtype="Int64")))
    assert len(empty.table) == 0


@settings(max_examples=20)
@given(st.lists(st.integers(10, 480), min_size=1, max_size=6), st.sampled_from([0.1, 0.3]))
def test_windows_without_overlap_hold_all_road_once(lengths, window_km):
    found = build(make_road(*lengths), window_km=window_km, step_km=window_km)
    table = found.table
    total = sum(lengths) / 1000
    assert table["to_km"].max() == pytest.approx(total)
    assert (table["to_km"] - table["from_km"]).tolist() == pytest.approx(
        [min(window_km, total)] * len(table)
    )
    inside = found.table["road_m"].to_numpy() / 1000
    assert inside == pytest.approx((table["to_km"] - table["from_km"]).to_numpy())
    assert np.diff(table["from_km"]).max(initial=0) <= window_km + 1e-9
