"""Bends of roads, beside shapes whose curvature is known."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import LineString, Point

from core.errors import CrsError, GeometryError, InputError
from geo.alignment import measure_alignment

CRS = "EPSG:32648"
X0, Y0 = 490_000.0, 1_280_000.0


def measure(*lines, **options):
    shifted = [affinity.translate(LineString(line), X0, Y0) for line in lines]
    return measure_alignment(gpd.GeoDataFrame(geometry=shifted, crs=CRS), **options)


def arc(radius, degrees, n=2_000):
    angle = np.radians(np.linspace(0, degrees, n))
    return np.column_stack([radius * np.sin(angle), radius * (1 - np.cos(angle))])


def test_a_straight_road_has_no_bend():
    found = measure([(0, 0), (300, 400)], [(0, 0), (10, 0), (90, 0)], step_m=20)
    assert found["curvature_change_deg_km"].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert found["min_radius_m"].tolist() == [np.inf, np.inf]
    assert found["sharpest_bend_deg"].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert found["sinuosity"].tolist() == pytest.approx([1, 1])


def test_a_right_angle_between_two_steps():
    # four steps of 50 m: the corner is at the second, where the road turns by 90 degrees;
    # through (50, 0), (100, 0), (100, 50) goes the circle of radius 50 / sqrt(2)
    found = measure([(0, 0), (100, 0), (100, 100)], step_m=50).iloc[0]
    assert found["curvature_change_deg_km"] == pytest.approx(90 / 0.2)
    assert found["min_radius_m"] == pytest.approx(50 / np.sqrt(2))
    assert found["sharpest_bend_deg"] == pytest.approx(90)
    assert found["sinuosity"] == pytest.approx(200 / np.hypot(100, 100))


@pytest.mark.parametrize("radius", [30, 100, 800])
def test_an_arc_has_its_radius(radius):
    found = measure(arc(radius, 90), step_m=10).iloc[0]
    length_km = radius * np.pi / 2 / 1000
    n_steps = max(2, round(length_km * 1000 / 10))
    assert found["min_radius_m"] == pytest.approx(radius, rel=1e-3)
    # from the middle of the first step to that of the last
    expected = 90 * (n_steps - 1) / n_steps / length_km
    assert found["curvature_change_deg_km"] == pytest.approx(expected, rel=1e-3)
    assert found["sinuosity"] == pytest.approx(np.pi / 2 / np.sqrt(2), rel=1e-4)


def test_left_and_right_do_not_cancel():
    bend = arc(50, 90)
    there_and_back = np.concatenate([bend, 2 * bend[-1] - bend[-2::-1]])
    one, both = measure(bend, there_and_back, step_m=10)["curvature_change_deg_km"]
    assert both == pytest.approx(one, rel=0.1)


def test_a_hairpin_is_the_sharpest_bend():
    found = measure([(0, 0), (60, 0), (60, 1), (0, 1)], step_m=15).iloc[0]
    assert found["sharpest_bend_deg"] > 80
    assert found["min_radius_m"] < 15


def test_a_loop_winds_without_end_and_a_point_is_nothing():
    ring = Point(0, 0).buffer(50, quad_segs=64).exterior.coords
    found = measure(list(ring), [(0, 0), (0, 0)])
    assert found["sinuosity"].iloc[0] == np.inf
    assert found["min_radius_m"].iloc[0] == pytest.approx(50, rel=0.01)
    assert found.iloc[1].isna().all()


def test_rows_and_index_are_kept_and_no_lines_are_no_rows():
    lines = gpd.GeoDataFrame(
        geometry=[LineString([(X0, Y0), (X0 + 9, Y0)])] * 3, index=[7, 3, 5], crs=CRS
    )
    assert measure_alignment(lines).index.tolist() == [7, 3, 5]
    assert measure_alignment(lines.iloc[:0]).shape == (0, 4)


def test_lines_in_groups_are_measured_as_if_at_once(monkeypatch):
    rng = np.random.default_rng(3)
    lines = [np.cumsum(rng.normal(0, 30, (n, 2)), axis=0) for n in rng.integers(2, 9, 60)]
    whole = measure(*lines)
    monkeypatch.setattr("geo.alignment.CHUNK_STEPS", 25)
    np.testing.assert_allclose(measure(*lines), whole)


@settings(deadline=None, max_examples=60)
@given(
    points=st.lists(
        st.tuples(st.integers(-300, 300), st.integers(-300, 300)), min_size=2, max_size=8,
        unique=True,
    ),
    turn=st.floats(0, 360),
)  # fmt: skip
def test_neither_direction_nor_place_nor_vertices_matter(points, turn):
    line = LineString(points)
    turned = affinity.rotate(line, turn, origin=(0, 0))
    more = LineString(line.segmentize(7).coords)
    first, *others = measure(line.coords, line.coords[::-1], turned.coords, more.coords).to_numpy()
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-4, atol=1e-4)
    assert first[3] >= 1 - 1e-9


@pytest.mark.parametrize("step", [0, -1, np.nan, np.inf])
def test_a_step_that_is_no_length(step):
    with pytest.raises(InputError, match="step_m"):
        measure([(0, 0), (1, 0)], step_m=step)


def test_degrees_and_points_are_refused():
    degrees = gpd.GeoDataFrame(geometry=[LineString([(104, 11), (105, 11)])], crs=4326)
    with pytest.raises(CrsError):
        measure_alignment(degrees)
    with pytest.raises(GeometryError, match="not a single line"):
        measure_alignment(gpd.GeoDataFrame(geometry=[Point(X0, Y0)], crs=CRS))
