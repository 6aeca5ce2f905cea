from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, TableError
from geo.carriageways import pair_carriageways
from geo.network import build_network_from_lines, build_network_from_osm

MAIN = {"highway": "primary", "oneway": "yes", "name": "Main"}


@pytest.fixture
def pair(write_osm, options):
    def build(nodes, ways, **more):
        segments = build_network_from_osm(write_osm(nodes, ways), **options).segments
        return segments.set_index("osm_way_id"), pair_carriageways(segments, **more)

    return build


def two_ways(gap_m, there=MAIN, back=MAIN):
    nodes = {1: (0, 0), 2: (300, 0), 3: (300, gap_m), 4: (0, gap_m)}
    return nodes, {10: ([1, 2], there), 11: ([3, 4], back)}


def test_two_opposite_oneways_of_one_name_are_a_pair(pair):
    segments, found = pair(*two_ways(24))
    assert found.dual_group.tolist() == [0, 0]
    assert found.dual_share == pytest.approx([1, 1])
    row = found.pairs.set_index(["segment_id", "other_segment_id"]).loc[(0, 1)]
    assert row["gap_m"] == pytest.approx(24, rel=0.002)
    assert row["overlap_m"] == pytest.approx(300, rel=0.002)
    assert len(found.pairs) == 2
    assert segments["dual_group"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("gap_m", "there", "back", "n_found"),
    [
        (45, MAIN, MAIN, 0),  # too far apart
        (24, MAIN, MAIN | {"oneway": "-1"}, 0),  # the same direction
        (24, MAIN, MAIN | {"oneway": "no"}, 0),
        (24, MAIN, MAIN | {"name": "Other"}, 0),
        (24, MAIN | {"ref": "4"}, MAIN | {"name": "Other", "ref": "4;7"}, 2),
        (24, MAIN, MAIN | {"name": " MAIN "}, 2),
        (24, {"highway": "trunk", "oneway": "yes"}, {"highway": "trunk", "oneway": "yes"}, 2),
        (24, {"highway": "trunk", "oneway": "yes"}, {"highway": "primary", "oneway": "yes"}, 0),
        (24, MAIN | {"highway": "residential"}, MAIN | {"highway": "residential"}, 2),
        (24, *2 * [{"highway": "residential", "oneway": "yes"}], 0),  # unnamed lanes
        (24, *2 * [MAIN | {"highway": "service"}], 0),  # aisles of a car park
        (24, *2 * [MAIN | {"highway": "primary_link"}], 0),
        (24, *2 * [MAIN | {"junction": "roundabout"}], 0),
    ],
)
def test_what_is_and_is_not_a_pair(pair, gap_m, there, back, n_found):
    _, found = pair(*two_ways(gap_m, there, back))
    assert found.dual_group.notna().sum() == n_found


def test_a_road_is_one_group_through_its_crossings_and_another_road_another(pair):
    nodes = {1: (0, 0), 2: (200, 0), 3: (400, 0), 4: (400, 20), 5: (200, 20), 6: (0, 20)}
    nodes |= {7: (200, -90), 8: (200, 110), 11: (0, 500), 12: (90, 500), 13: (90, 515)}
    nodes |= {14: (0, 515)}
    ways = {10: ([1, 2, 3], MAIN), 11: ([4, 5, 6], MAIN), 12: ([7, 2, 5, 8], {"highway": "track"})}
    far = MAIN | {"name": "Far"}
    ways |= {20: ([11, 12], far), 21: ([13, 14], far)}
    segments, found = pair(nodes, ways)
    group = dict(zip(segments.index, found.dual_group, strict=True))
    assert group[10] == group[11] == 0
    assert group[20] == group[21] == 1
    assert found.dual_group.notna().tolist() == [i != 12 for i in segments.index]


def test_half_of_a_segment_must_have_another_beside_it(pair):
    nodes = {1: (0, 0), 2: (1000, 0), 3: (400, 20), 4: (0, 20)}
    _, found = pair(nodes, {10: ([1, 2], MAIN), 11: ([3, 4], MAIN)})
    assert found.dual_share == pytest.approx([0.4, 1.0], abs=0.02)
    assert found.dual_group.notna().tolist() == [False, True]
    assert found.pairs.empty


def test_no_oneway_no_pair_and_what_is_refused(pair, write_osm, options):
    plain = {"highway": "primary", "name": "Main"}
    segments, found = pair(*two_ways(20, plain, plain))
    assert found.dual_group.isna().all()
    assert found.pairs.empty
    _, none = pair(*two_ways(20), max_gap_m=0)
    assert none.dual_group.isna().all()
    with pytest.raises(TableError, match="oneway"):
        pair_carriageways(segments.drop(columns="oneway"))
    with pytest.raises(InputError, match="max_gap_m is -1"):
        pair_carriageways(segments, max_gap_m=-1)


@settings(max_examples=4, deadline=None)
@given(angle=st.floats(0, 6.28), gap_m=st.floats(5, 35), flip=st.booleans(), bend=st.floats(0, 0.3))
def test_pairs_do_not_depend_on_direction_or_order(make_lines, options, angle, gap_m, flip, bend):
    t = np.linspace(0, 1, 12)
    radius = 400
    there = [(radius * np.cos(bend * s * 3), radius * np.sin(bend * s * 3) + 300 * s) for s in t]
    there = np.array(there)
    step = np.gradient(there, axis=0)
    normal = np.column_stack([-step[:, 1], step[:, 0]]) / np.hypot(*step.T)[:, None]
    back = there + gap_m * normal
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lines = [[tuple(p) for p in side @ turn.T] for side in (there, back[::-1])]
    oneway = ["yes", "yes"]
    if flip:
        lines[1], oneway[1] = lines[1][::-1], "-1"
        lines, oneway = lines[::-1], oneway[::-1]
    layer = make_lines(lines, highway=["primary"] * 2, name=["Main"] * 2, oneway=oneway)
    found = pair_carriageways(build_network_from_lines(layer, **options).segments)
    assert found.dual_group.tolist() == [0, 0]
    assert found.pairs["gap_m"].to_numpy() == pytest.approx([gap_m] * 2, rel=0.05)
