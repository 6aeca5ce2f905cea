"""Lixels: equal parts, nothing lost, and the way back from a place to its lixel."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiLineString

from core.errors import GeometryError, InputError, TableError
from geo.linear import cut_lines, flatten_lines, interpolate_points
from geo.lixels import build_lixels, locate_lixels

CRS = 32648


def make_segments(*lines, ids=None):
    ids = range(len(lines)) if ids is None else ids
    return gpd.GeoDataFrame({"segment_id": list(ids)}, geometry=list(lines), crs=CRS)


@pytest.fixture
def bent():
    """Return 120 m with a bend at 70 m, and 100 m straight."""
    return make_segments(
        LineString([(0, 0), (70, 0), (70, 50)]), LineString([(0, 100), (100, 100)])
    )


def test_segments_are_cut_in_equal_parts_and_keep_their_bends(bent):
    lixels = build_lixels(bent, lixel_length_m=50)
    assert lixels["lixel_id"].tolist() == [0, 1, 2, 3, 4]
    assert lixels["segment_id"].tolist() == [0, 0, 0, 1, 1]
    assert lixels["start_m"].tolist() == [0, 40, 80, 0, 50]
    assert lixels["end_m"].tolist() == [40, 80, 120, 50, 100]
    assert lixels["length_m"].tolist() == [40, 40, 40, 50, 50]
    assert [list(line.coords) for line in lixels.geometry] == [
        [(0, 0), (40, 0)],
        [(40, 0), (70, 0), (70, 10)],
        [(70, 10), (70, 50)],
        [(0, 100), (50, 100)],
        [(50, 100), (100, 100)],
    ]
    assert lixels.crs == bent.crs


def test_order_of_rows_does_not_matter(bent):
    shuffled = build_lixels(bent[::-1], lixel_length_m=50)
    assert shuffled.equals(build_lixels(bent, lixel_length_m=50))


def test_short_segment_is_one_lixel():
    lixels = build_lixels(make_segments(LineString([(0, 0), (0, 3)])), lixel_length_m=50)
    assert lixels["length_m"].tolist() == [3]


def test_no_segments_no_lixels():
    lixels = build_lixels(make_segments(), lixel_length_m=50)
    assert len(lixels) == 0
    assert {"lixel_id", "segment_id", "start_m", "end_m", "length_m"} <= set(lixels.columns)


@pytest.mark.parametrize("length", [0, -1, float("nan"), float("inf")])
def test_a_length_that_is_none_is_refused(bent, length):
    with pytest.raises(InputError, match="lixel_length_m"):
        build_lixels(bent, lixel_length_m=length)


def test_bad_layers_are_refused(bent):
    with pytest.raises(TableError, match="segment_id"):
        build_lixels(bent.drop(columns="segment_id"), lixel_length_m=50)
    with pytest.raises(TableError, match="first 7"):
        build_lixels(bent.assign(segment_id=7), lixel_length_m=50)
    several = make_segments(bent.geometry[0], MultiLineString([[(0, 0), (1, 1)]]))
    with pytest.raises(GeometryError, match=r"1 of 2 .* row 1 \(multilinestring\)"):
        build_lixels(several, lixel_length_m=50)
    with pytest.raises(GeometryError, match="row 1"):
        build_lixels(make_segments(bent.geometry[0], None), lixel_length_m=50)


def test_places_are_found_in_their_lixels(bent):
    lixels = build_lixels(bent, lixel_length_m=50)
    segment_id = [0, 0, 0, 0, 0, 1, 1, None, 1]
    offset = [0, 39.9, 40, 119, 120, 99, 500, 10, np.nan]
    assert locate_lixels(lixels, segment_id, offset).tolist() == [0, 0, 1, 2, 2, 4, 4, -1, -1]


def test_a_place_on_an_unknown_segment_is_refused(bent):
    lixels = build_lixels(bent, lixel_length_m=50)
    with pytest.raises(InputError, match="first 9"):
        locate_lixels(lixels, [0, 9], [1, 1])


coordinate = st.integers(-2000, 2000).map(float)
line = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=8).map(LineString)


@settings(deadline=None, max_examples=60)
@given(lines=st.lists(line, min_size=1, max_size=6), length=st.floats(1.0, 500.0))
def test_lixels_rebuild_their_segments(lines, length):
    segments = make_segments(*lines)
    lixels = build_lixels(segments, lixel_length_m=length)
    assert lixels["length_m"].max() <= length + 1e-5
    assert np.allclose(lixels.geometry.length, lixels["length_m"], atol=1e-5)
    total = lixels.groupby("segment_id")["length_m"].sum()
    assert np.allclose(total, segments.geometry.length)
    spread = lixels.groupby("segment_id")["length_m"].agg(np.ptp)
    assert (spread < 1e-6).all()
    for segment, parts in zip(lines, lixels.groupby("segment_id"), strict=True):
        ends = [(p.coords[0], p.coords[-1]) for p in parts[1].geometry]
        assert np.allclose(ends[0][0], segment.coords[0])
        assert np.allclose(ends[-1][1], segment.coords[-1])
        assert all(a[1] == b[0] for a, b in itertools.pairwise(ends))
    middle = (lixels["start_m"] + lixels["end_m"]) / 2
    some = lixels["length_m"] > 1e-3
    found = locate_lixels(lixels, lixels["segment_id"], middle)
    assert (found[some] == lixels["lixel_id"][some]).all()


@settings(deadline=None, max_examples=60)
@given(lines=st.lists(line, min_size=1, max_size=4), share=st.floats(0, 1), end=st.floats(0, 1))
def test_cuts_and_places_equal_those_of_shapely(lines, share, end):
    share, end = sorted((share, end))
    flat = flatten_lines(lines)
    at = np.arange(len(lines))
    points = interpolate_points(flat, at, share * flat.length)
    expected = shapely.line_interpolate_point(lines, share * flat.length)
    assert np.allclose(points, shapely.get_coordinates(expected), atol=1e-6)
    pieces = cut_lines(flat, at, share * flat.length, end * flat.length)
    assert np.allclose(shapely.length(pieces), (end - share) * flat.length, atol=1e-5)
    for piece, whole in zip(pieces, lines, strict=True):
        assert whole.buffer(1e-4).covers(piece)
