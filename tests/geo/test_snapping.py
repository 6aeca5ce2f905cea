"""Nearest and second-nearest segment of a point, beside GEOS."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point

from core.errors import CrsError, InputError, TableError
from geo.linear import flatten_lines
from geo.piece_index import build_piece_index, find_within
from geo.snapping import snap_points

CRS = 32648


def make_segments(*lines, ids=None):
    ids = range(len(lines)) if ids is None else ids
    return gpd.GeoDataFrame({"segment_id": list(ids)}, geometry=list(lines), crs=CRS)


def make_points(*points):
    return gpd.GeoSeries([None if p is None else Point(p) for p in points], crs=CRS)


@pytest.fixture
def two_segments():
    """Two parallel 100 m segments, 20 m apart."""
    return make_segments(
        LineString([(0, 0), (100, 0)]), LineString([(0, 20), (100, 20)]), ids=[1, 2]
    )


def test_nearest_runner_up_and_place_along(two_segments):
    snapped = snap_points(make_points((30, 4), (50, 18)), two_segments, max_distance_m=50)
    assert snapped["segment_id"].tolist() == [1, 2]
    assert snapped["distance_m"].tolist() == [4, 2]
    assert snapped["offset_m"].tolist() == [30, 50]
    assert snapped["runner_up_segment_id"].tolist() == [2, 1]
    assert snapped["runner_up_distance_m"].tolist() == [16, 18]


def test_equidistant_point_goes_to_lowest_id_whatever_the_order(two_segments):
    for segments in (two_segments, two_segments[::-1]):
        snapped = snap_points(make_points((50, 10)), segments, max_distance_m=15)
        assert snapped["segment_id"].tolist() == [1]
        assert snapped["distance_m"].item() == pytest.approx(10.0)


def test_runner_up_is_another_segment_not_another_piece_of_the_same():
    bent = LineString([(0, 0), (10, 0), (10, 10), (0, 10)])
    segments = make_segments(bent, LineString([(0, 30), (10, 30)]))
    snapped = snap_points(make_points((5, 5)), segments, max_distance_m=100)
    assert snapped["runner_up_segment_id"].tolist() == [1]
    assert snapped["distance_m"].item() == 5
    assert snapped["offset_m"].item() == 5  # of three places equally far, the first


def test_beyond_the_limit_there_is_nothing(two_segments):
    points = make_points((50, -30), (50, -30.001), (50, -15), None)
    points = pd.concat([points, gpd.GeoSeries([Point()], crs=CRS)])
    snapped = snap_points(points, two_segments, max_distance_m=30)
    assert snapped["segment_id"].isna().tolist() == [False, True, False, True, True]
    assert snapped["distance_m"].isna().tolist() == [False, True, False, True, True]
    assert snapped["runner_up_segment_id"].isna().all()
    everywhere = snap_points(points, two_segments, max_distance_m=np.inf)
    assert everywhere["runner_up_distance_m"].tolist()[:3] == pytest.approx([50, 50.001, 35])


def test_index_of_the_points_is_kept(two_segments):
    points = make_points((0, 1), (0, 19)).set_axis(["b", "a"])
    snapped = snap_points(points, two_segments, max_distance_m=5)
    assert snapped["segment_id"].to_dict() == {"b": 1, "a": 2}
    assert len(snap_points(points[:0], two_segments, max_distance_m=5)) == 0


def test_bad_input_is_refused(two_segments):
    points = make_points((0, 0))
    with pytest.raises(CrsError, match="points: CRS is EPSG:4326"):
        snap_points(points.set_crs(4326, allow_override=True), two_segments, max_distance_m=5)
    with pytest.raises(InputError, match="max_distance_m"):
        snap_points(points, two_segments, max_distance_m=float("nan"))
    with pytest.raises(InputError, match=r"row 0 \(LineString\)"):
        snap_points(two_segments, two_segments, max_distance_m=5)
    with pytest.raises(TableError, match="no rows"):
        snap_points(points, two_segments[:0], max_distance_m=5)
    with pytest.raises(TableError, match="segment_id"):
        snap_points(points, two_segments.assign(segment_id=1), max_distance_m=5)


coordinate = st.integers(-300, 300).map(float)
vertex = st.tuples(coordinate, coordinate)
line = st.lists(vertex, min_size=2, max_size=6).map(LineString)


@settings(deadline=None, max_examples=80)
@given(
    lines=st.lists(line, min_size=1, max_size=30),
    places=st.lists(vertex, min_size=1, max_size=10),
    limit=st.sampled_from([5.0, 60.0, np.inf]),
)
def test_answers_equal_a_search_of_everything(lines, places, limit):
    snapped = snap_points(make_points(*places), make_segments(*lines), max_distance_m=limit)
    distance = shapely.distance(shapely.points(places)[:, None], np.array(lines)[None, :])
    rounded = np.round(distance, 6)
    order = np.lexsort((np.tile(np.arange(len(lines)), (len(places), 1)), rounded), axis=1)
    for row, found in enumerate(snapped.itertuples()):
        ranked = [int(i) for i in order[row] if distance[row, i] <= limit]
        for answer, length, rank in (
            (found.segment_id, found.distance_m, 0),
            (found.runner_up_segment_id, found.runner_up_distance_m, 1),
        ):
            if len(ranked) <= rank:
                assert answer is pd.NA
                continue
            assert length == pytest.approx(distance[row, ranked[rank]], abs=2e-6)
            assert distance[row, answer] == pytest.approx(length, abs=2e-6)
            if rank == 0 and np.diff(rounded[row, order[row, :2]]).sum() == 0:
                assert answer == ranked[0]
        if ranked:
            at = lines[found.segment_id].interpolate(found.offset_m)
            assert at.distance(Point(places[row])) == pytest.approx(found.distance_m, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    lines=st.lists(line, min_size=1, max_size=40),
    places=st.lists(vertex, min_size=1, max_size=10),
    reach=st.sampled_from([0.5, 40.25, 700.0]),
)
def test_every_line_within_reach_is_found_once(lines, places, reach):
    found = find_within(
        build_piece_index(flatten_lines(lines)), np.array(places), max_distance=reach
    )
    distance = shapely.distance(shapely.points(places)[:, None], np.array(lines)[None, :])
    got = set(zip(found.point.tolist(), found.line.tolist(), strict=True))
    assert len(got) == len(found.point)
    clear = np.abs(distance - reach) > 1e-9
    expected = set(map(tuple, np.argwhere((distance <= reach) & clear).tolist()))
    assert {pair for pair in got if clear[pair]} == expected
    assert np.allclose(found.distance, distance[found.point, found.line], atol=2e-6)
    assert (np.diff(found.point) >= 0).all()
