"""Corridors, their kilometres and labels."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point

from core.errors import TableError
from geo.corridors import build_corridors, compose_road_label

CRS = 32648


def make_network(nodes, rows):
    """Make nodes {id: (x, y)} and segments (u, v, ref, name[, intersection_u, intersection_v])."""
    rows = [(*row, None, None)[:6] for row in rows]
    columns = ["u", "v", "ref", "name", "intersection_u", "intersection_v"]
    table = pd.DataFrame(rows, columns=columns, index=range(len(rows)))
    table = table.astype({"ref": "str", "name": "str"})
    table[["intersection_u", "intersection_v"]] = table[
        ["intersection_u", "intersection_v"]
    ].astype("Int64")
    lines = [LineString([nodes[row[0]], nodes[row[1]]]) for row in rows]
    segments = gpd.GeoDataFrame(table, geometry=lines, crs=CRS)
    segments.insert(0, "segment_id", np.arange(len(rows)))
    segments["length_m"] = segments.length
    points = gpd.GeoDataFrame(
        {"node_id": list(nodes)}, geometry=[Point(xy) for xy in nodes.values()], crs=CRS
    )
    return segments, points


def make_places(*rows):
    columns = ["name", "kind", "population", "x", "y"]
    table = pd.DataFrame(rows, columns=columns).astype({"name": "str", "population": float})
    points = gpd.points_from_xy(table.pop("x"), table.pop("y"))
    return gpd.GeoDataFrame(table, geometry=points, crs=CRS)


NO_PLACES = make_places()


@pytest.fixture
def national_road():
    """Return NR4 of three segments, 4 km, with a street in between and one apart."""
    nodes = {1: (0, 0), 2: (1000, 0), 3: (3000, 0), 4: (4000, 0), 5: (1000, 500), 6: (1000, 5000)}
    nodes[7] = (1000, 6000)
    return make_network(
        nodes,
        [
            (2, 1, "NR4", "Confederation Blvd"),
            (2, 3, "NR4;AH11", np.nan),
            (4, 3, "nr4", np.nan),
            (2, 5, np.nan, "Street 271"),
            (6, 7, np.nan, "street  271"),
            (5, 6, np.nan, np.nan),
        ],
    )


def test_kilometres_count_from_the_end_nearest_the_largest_place(national_road):
    places = make_places(("Ang Snuol", "town", np.nan, 0, 900), ("Capital", "city", 2e6, 9000, 0))
    segments, corridors = build_corridors(*national_road, places)
    assert segments["corridor_id"].tolist() == [0, 0, 0, 1, 2, pd.NA]
    assert segments["chainage_u_km"].tolist()[:3] == [3, 3, 0]
    assert segments["chainage_v_km"].tolist()[:3] == [4, 1, 1]
    assert segments[["chainage_u_km", "chainage_v_km"]].iloc[5].isna().all()
    assert corridors["label"].tolist() == ["NR4", "Street 271", "street  271"]
    assert corridors["length_m"].tolist() == [4000, 500, 1000]
    assert corridors["extent_km"].tolist() == [4, 0.5, 1]
    assert corridors["n_segments"].tolist() == [3, 1, 1]
    assert set(corridors["start_place"]) == {"Capital"}


def test_without_places_they_count_from_the_west(national_road):
    segments, corridors = build_corridors(*national_road, NO_PLACES)
    assert segments["chainage_u_km"].tolist()[:3] == [1, 1, 4]
    assert segments["chainage_v_km"].tolist()[:3] == [0, 3, 3]
    assert corridors["start_place"].isna().all()


def test_order_of_segments_only_changes_their_order(national_road):
    segments, nodes = national_road
    turned, corridors = build_corridors(segments[::-1], nodes, NO_PLACES)
    straight, expected = build_corridors(segments, nodes, NO_PLACES)
    pd.testing.assert_frame_equal(pd.DataFrame(turned[::-1]), pd.DataFrame(straight))
    pd.testing.assert_frame_equal(corridors, expected)


def test_carriageways_are_one_corridor_with_about_the_same_kilometres():
    nodes = {1: (0, 0), 2: (500, 0), 3: (1000, 0), 11: (0, 30), 12: (490, 30), 13: (1000, 30)}
    segments, points = make_network(
        nodes,
        [(u, v, "NR5", np.nan) for u, v in [(1, 2), (2, 3), (13, 12), (12, 11)]],
    )
    built, corridors = build_corridors(segments, points, NO_PLACES)
    assert len(corridors) == 1
    at = {}
    for row in built.itertuples():
        at |= {row.u: row.chainage_u_km, row.v: row.chainage_v_km}
    assert at[2] == pytest.approx(at[12], abs=0.045)
    assert at[3] == pytest.approx(at[13], abs=0.045)


def test_a_road_goes_on_through_an_intersection_it_has_no_line_in():
    nodes = {1: (0, 0), 2: (400, 0), 3: (480, 0), 4: (900, 0)}
    rows = [(1, 2, np.nan, "A", None, 9), (3, 4, np.nan, "a", 9, None)]
    segments, _ = build_corridors(*make_network(nodes, rows), NO_PLACES)
    assert segments["corridor_id"].tolist() == [0, 0]
    assert segments["chainage_v_km"].tolist() == pytest.approx([0.4, 0.9])


def test_a_ring_and_a_loop_end():
    nodes = {1: (0, 0), 2: (100, 0), 3: (100, 100), 4: (0, 100)}
    ring = [(1, 2), (2, 3), (3, 4), (4, 1)]
    rows = [(u, v, np.nan, "Ring") for u, v in ring]
    segments, _ = build_corridors(*make_network(nodes, rows), NO_PLACES)
    ends = segments[["chainage_u_km", "chainage_v_km"]]
    assert ends.max().max() == pytest.approx(0.2)
    assert ends.min().min() == 0


def test_nothing_named_and_nothing_at_all(national_road):
    segments, nodes = national_road
    bare = segments.assign(ref=np.nan, name=np.nan).astype({"ref": "str", "name": "str"})
    for frame in (bare, bare[:0]):
        built, corridors = build_corridors(frame, nodes, NO_PLACES)
        assert built["corridor_id"].isna().all()
        assert len(corridors) == 0
        assert "label" in corridors.columns


def test_bad_tables_are_refused(national_road):
    segments, nodes = national_road
    with pytest.raises(TableError, match="ref"):
        build_corridors(segments.drop(columns="ref"), nodes, NO_PLACES)
    with pytest.raises(TableError, match="first 1"):
        build_corridors(segments, nodes[1:], NO_PLACES)


@pytest.mark.parametrize(
    ("ref", "name", "label"),
    [
        ("NR4", "Preah Sihanouk Boulevard", "NR4 (Preah Sihanouk Boulevard)"),
        ("NR4", "National Road 4", "NR4"),
        ("NR4", None, "NR4"),
        ("4", None, "Road 4"),
        ("old road", "Street 271", "Street 271"),
        (None, "ផ្លូវ ២៧១", "ផ្លូវ ២៧១"),
        ("", "", None),
        (None, None, None),
    ],
)
def test_labels(ref, name, label):
    assert compose_road_label(ref, name) == label


@settings(deadline=None, max_examples=60)
@given(
    edges=st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from(["A", "B", None])),
        min_size=1,
        max_size=14,
    )
)
def test_kilometres_never_run_ahead_of_the_road(edges):
    nodes = {i: (400.0 * (i % 3) + 37 * i, 400.0 * (i // 3)) for i in range(8)}
    rows = [(u, v, np.nan, name) for u, v, name in edges]
    segments, points = make_network(nodes, rows)
    built, corridors = build_corridors(segments, points, NO_PLACES)
    named = built[built["name"].notna()]
    assert named["corridor_id"].notna().all()
    step = (named["chainage_u_km"] - named["chainage_v_km"]).abs()
    assert (step <= named["length_m"] / 1000 + 1e-9).all()
    assert (named.groupby("corridor_id")["name"].nunique() == 1).all()
    starts = named.groupby("corridor_id")[["chainage_u_km", "chainage_v_km"]].min().min(axis=1)
    assert (starts == 0).all()
    assert corridors["length_m"].sum() == pytest.approx(named["length_m"].sum())
