"""Roads share a vertex where they meet at grade, and nothing where one is on a bridge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from sample.frame import CENTRE, compute_chainages, to_lonlat_point
from sample.roads import Road, RoadWorks


@pytest.fixture
def works():
    """One road of 1 km along y = 0."""
    made = RoadWorks(lambda _: False)
    made.add("main", "primary", [(0.0, 0.0), (1000.0, 0.0)], {})
    return made


def test_a_crossing_at_grade_is_one_common_vertex(works):
    other = works.add("other", "tertiary", [(400.0, -300.0), (400.0, 300.0)], {})
    assert works.roads[0].points == [(0.0, 0.0), (400.0, 0.0), (1000.0, 0.0)]
    assert other.points == [(400.0, -300.0), (400.0, 0.0), (400.0, 300.0)]


def test_a_bridge_over_a_road_shares_no_vertex(works):
    line = [(400.0, -300.0), (400.0, 300.0)]
    other = works.add("other", "tertiary", line, {}, bridges=[(200.0, 400.0)])
    assert works.roads[0].points == [(0.0, 0.0), (1000.0, 0.0)]
    assert other.points == [line[0], (400.0, -100.0), (400.0, 100.0), line[1]]


def test_a_branch_ends_at_the_first_road_it_meets(works):
    works.add("far", "tertiary", [(0.0, 200.0), (1000.0, 200.0)], {})
    line = [(500.0, 0.0), (500.0, 150.0), (500.0, 900.0)]
    lane = works.add_branch("lane", "residential", works.roads[0], line, {}, least_m=60.0)
    assert lane.points == [(500.0, 0.0), (500.0, 150.0), (500.0, 200.0)]
    assert (500.0, 0.0) in works.roads[0].points
    assert (500.0, 200.0) in works.roads[1].points


@pytest.mark.parametrize(
    ("end", "least_m"), [((500.0, 40.0), 60.0), ((500.0, 900.0), 250.0)], ids=["short", "cut short"]
)
def test_a_branch_that_would_be_too_short_is_not_drawn(works, end, least_m):
    works.add("far", "tertiary", [(0.0, 200.0), (1000.0, 200.0)], {})
    line = [(500.0, 0.0), end]
    assert works.add_branch("x", "residential", works.roads[0], line, {}, least_m=least_m) is None
    assert works.roads[0].points == [(0.0, 0.0), (1000.0, 0.0)]


def test_a_branch_does_not_start_beside_a_joint_nor_at_a_bridge(works):
    main = works.roads[0]
    works.add("other", "tertiary", [(400.0, -300.0), (400.0, 300.0)], {})
    main.bridges.append((600.0, 700.0))
    for x in (415.0, 650.0, 730.0):
        line = [(x, 0.0), (x, 200.0)]
        assert works.add_branch("x", "residential", main, line, {}, least_m=60.0) is None
    free = [(850.0, 0.0), (850.0, 200.0)]
    assert works.add_branch("x", "residential", main, free, {}, least_m=60.0) is not None


def test_a_branch_over_the_river_is_not_drawn():
    works = RoadWorks(lambda line: max(y for _, y in line) > 100.0)
    main = works.add("main", "primary", [(0.0, 0.0), (1000.0, 0.0)], {})
    wet, dry = [(300.0, 0.0), (300.0, 120.0)], [(300.0, 0.0), (300.0, 90.0)]
    assert works.add_branch("wet", "residential", main, wet, {}, least_m=60.0) is None
    assert works.add_branch("dry", "residential", main, dry, {}, least_m=60.0) is not None


@given(st.lists(st.floats(0.0, 500.0), min_size=1, max_size=30))
def test_inserting_vertices_keeps_the_length_and_the_order(places):
    road = Road("r", "primary", [(0.0, 0.0), (300.0, 0.0), (300.0, 200.0)], {})
    for at in places:
        vertex = road.insert((at, 0.0) if at <= 300.0 else (300.0, at - 300.0))
        assert vertex in road.points
    chainages = compute_chainages(road.points)
    assert road.length_m == pytest.approx(500.0, abs=1e-6)
    assert (chainages[1:] > chainages[:-1]).all()


def test_the_frame_lies_where_it_was_put():
    # 17 km west of 105 E at 109.114 km a degree, scale 0.9996: by hand.
    lon, lat = to_lonlat_point(CENTRE)
    assert lon == pytest.approx(105.0 - 17.0 / 0.9996 / 109.114, abs=1e-5)
    assert lat == pytest.approx(11.4614, abs=1e-3)


def test_the_frame_is_in_true_metres():
    ends = to_lonlat_point(CENTRE), to_lonlat_point((CENTRE[0] + 6_000.0, CENTRE[1] + 8_000.0))
    _, _, distance_m = Geod(ellps="WGS84").inv(*ends[0], *ends[1])
    assert distance_m == pytest.approx(10_000.0, rel=5e-4)
