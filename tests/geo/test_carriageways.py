from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString

from core.errors import InputError, TableError
from geo.carriageways import pair_carriageways
from geo.network import build_network_from_osm

MAIN = {"road_class": "primary", "oneway": "forward", "name": "Main"}
EMPTY = {"name": None, "ref": None, "is_link": False, "is_roundabout": False, "oneway": "no"}


def make_segments(*roads):
    """Build segments from (line, columns); ends that coincide are one node."""
    lines = [LineString(line) for line, _ in roads]
    ends = [line.coords[i] for i in (0, -1) for line in lines]
    node = pd.factorize(pd.Index(ends, tupleize_cols=False))[0]
    frame = pd.DataFrame([EMPTY | columns for _, columns in roads]).astype(
        {"name": "str", "ref": "str", "oneway": "str", "road_class": "str"}
    )
    frame = frame.assign(u=node[: len(lines)], v=node[len(lines) :])
    return gpd.GeoDataFrame(frame, geometry=lines, crs=32648)


def two_ways(gap_m, there=MAIN, back=MAIN):
    line, other = [(0, 0), (300, 0)], [(300, gap_m), (0, gap_m)]
    return make_segments((line, there), (other, back))


def test_two_opposite_oneways_of_one_name_are_a_pair():
    found = pair_carriageways(two_ways(24))
    assert found.dual_group.tolist() == [0, 0]
    assert found.dual_share == pytest.approx([1, 1])
    row = found.pairs.set_index(["segment_id", "other_segment_id"]).loc[(0, 1)]
    assert row.to_dict() == pytest.approx({"gap_m": 24, "overlap_m": 300})
    assert len(found.pairs) == 2


@pytest.mark.parametrize(
    ("gap_m", "there", "back", "n_found"),
    [
        (45, MAIN, MAIN, 0),  # too far apart
        (24, MAIN, MAIN | {"oneway": "backward"}, 0),  # the same direction
        (24, MAIN, MAIN | {"oneway": "no"}, 0),
        (24, MAIN, MAIN | {"name": "Other"}, 0),
        (24, MAIN | {"ref": "4"}, MAIN | {"name": "Other", "ref": "4;7"}, 2),
        (24, MAIN, MAIN | {"name": " MAIN "}, 2),
        (24, *2 * [MAIN | {"name": None, "road_class": "trunk"}], 2),
        (24, MAIN | {"name": None, "road_class": "trunk"}, MAIN | {"name": None}, 0),
        (24, *2 * [MAIN | {"road_class": "residential"}], 2),
        (24, *2 * [MAIN | {"road_class": "residential", "name": None}], 0),  # unnamed lanes
        (24, *2 * [MAIN | {"road_class": "service"}], 0),  # aisles of a car park
        (24, *2 * [MAIN | {"is_link": True}], 0),
        (24, *2 * [MAIN | {"is_roundabout": True}], 0),
    ],
)
def test_what_is_and_is_not_a_pair(gap_m, there, back, n_found):
    found = pair_carriageways(two_ways(gap_m, there, back))
    assert found.dual_group.notna().sum() == n_found


def test_a_road_is_one_group_through_its_crossings_and_another_road_another():
    far = MAIN | {"name": "Far"}
    found = pair_carriageways(
        make_segments(
            ([(0, 0), (200, 0)], MAIN),
            ([(200, 0), (400, 0)], MAIN),
            ([(200, 20), (0, 20)], MAIN),
            ([(200, 0), (200, 20)], {"road_class": "track"}),
            ([(0, 500), (90, 500)], far),
            ([(90, 515), (0, 515)], far),
            ([(400, 20), (200, 20)], MAIN),
        )
    )
    assert found.dual_group.fillna(-1).tolist() == [0, 0, 0, -1, 1, 1, 0]


def test_half_of_a_segment_must_have_another_beside_it():
    segments = make_segments(([(0, 0), (1000, 0)], MAIN), ([(400, 20), (0, 20)], MAIN))
    found = pair_carriageways(segments)
    assert found.dual_share == pytest.approx([0.4, 1.0], abs=0.02)
    assert found.dual_group.notna().tolist() == [False, True]
    assert found.pairs.empty


def test_no_oneway_no_pair_and_what_is_refused():
    plain = {"road_class": "primary", "name": "Main"}
    found = pair_carriageways(two_ways(20, plain, plain))
    assert found.dual_group.isna().all()
    assert found.pairs.empty
    assert pair_carriageways(two_ways(20), max_gap_m=0).dual_group.isna().all()
    assert len(pair_carriageways(two_ways(20).iloc[:0]).dual_group) == 0
    with pytest.raises(TableError, match="oneway"):
        pair_carriageways(two_ways(20).drop(columns="oneway"))
    with pytest.raises(InputError, match="max_gap_m is -1"):
        pair_carriageways(two_ways(20), max_gap_m=-1)


def test_a_network_tells_the_carriageways_of_its_segments(write_osm, options):
    nodes = {1: (0, 0), 2: (300, 0), 3: (300, 20), 4: (0, 20), 5: (0, 90), 6: (300, 90)}
    main = {"highway": "primary", "oneway": "yes", "name": "Main"}
    ways = {9: ([5, 6], main), 10: ([1, 2], main), 11: ([3, 4], main)}
    segments = build_network_from_osm(write_osm(nodes, ways), **options).segments
    assert segments["dual_group"].isna().tolist() == [True, False, False]
    assert segments["dual_group"].dtype == "Int64"


@settings(max_examples=10, deadline=None)
@given(angle=st.floats(0, 6.28), gap_m=st.floats(5, 35), flip=st.booleans(), bend=st.floats(0, 0.3))
def test_pairs_do_not_depend_on_direction_or_order(angle, gap_m, flip, bend):
    t = np.linspace(0, 1, 12)
    there = np.column_stack([400 * np.cos(3 * bend * t), 400 * np.sin(3 * bend * t) + 300 * t])
    step = np.gradient(there, axis=0)
    normal = np.column_stack([-step[:, 1], step[:, 0]]) / np.hypot(*step.T)[:, None]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lines = [side @ turn.T for side in (there, (there + gap_m * normal)[::-1])]
    roads = [(lines[0], MAIN), (lines[1], MAIN)]
    if flip:
        roads = [(lines[1][::-1], MAIN | {"oneway": "backward"}), roads[0]]
    found = pair_carriageways(make_segments(*roads))
    assert found.dual_group.tolist() == [0, 0]
    assert found.pairs["gap_m"].to_numpy() == pytest.approx([gap_m] * 2, rel=0.05)
