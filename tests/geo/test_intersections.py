from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from geo.network import build_network_from_lines, build_network_from_osm

ROAD = {"highway": "residential"}


def test_a_crossroads_is_one_intersection_named_by_its_most_important_roads(write_osm, options):
    nodes = {1: (-100, 0), 2: (100, 0), 3: (0, -100), 4: (0, 100), 5: (0, 0)}
    ways = {
        10: ([1, 5], {"highway": "primary", "name": "Big Road", "ref": "4"}),
        11: ([5, 2], {"highway": "primary", "ref": "4"}),
        12: ([3, 5], ROAD | {"name": "Small Street"}),
        13: ([4, 5], {"highway": "track", "name": "Lane"}),
    }
    network = build_network_from_osm(write_osm(nodes, ways), **options)
    found = network.intersections.iloc[0]
    assert len(network.intersections) == 1
    assert (found["n_nodes"], found["n_arms"]) == (1, 4)
    assert found["road_class"] == "primary"
    assert found["name"] == "Big Road \N{MULTIPLICATION SIGN} Small Street"  # 4 is Big Road too
    assert not found["has_signals"]
    assert not found["is_roundabout"]
    five = network.nodes.set_index("osm_node_id").loc[5]
    assert five["intersection_id"] == 0
    assert found.geometry.distance(five.geometry) < 1e-6
    assert network.nodes["intersection_id"].isna().sum() == 4


def test_a_single_name_or_none_gives_no_name(write_osm, options):
    nodes = {1: (-100, 0), 2: (100, 0), 3: (0, -100), 5: (0, 0)}
    tags = ROAD | {"name": "Only"}
    path = write_osm(nodes, {10: ([1, 5, 2], tags), 11: ([3, 5], tags)})
    network = build_network_from_osm(path, **options)
    assert network.intersections["name"].isna().tolist() == [True]


def dual_carriageway(gap_m):
    """Two one-way roads, crossed by a street that joins both."""
    nodes = {
        1: (-100, 0), 2: (0, 0), 3: (100, 0),
        4: (100, gap_m), 5: (0, gap_m), 6: (-100, gap_m),
        7: (0, -80), 8: (0, gap_m + 80),
    }  # fmt: skip
    main = {"highway": "primary", "oneway": "yes", "name": "Main"}
    ways = {10: ([1, 2, 3], main), 11: ([4, 5, 6], main), 12: ([7, 2, 5, 8], ROAD)}
    return nodes, ways


@pytest.mark.parametrize(("gap_m", "n_intersections"), [(12, 1), (15.2, 1), (39, 1), (45, 2)])
def test_a_dual_carriageway_is_one_intersection_up_to_its_greatest_width(
    write_osm, options, gap_m, n_intersections
):
    path = write_osm(*dual_carriageway(gap_m))
    network = build_network_from_osm(path, **options)
    assert len(network.intersections) == n_intersections
    if n_intersections == 1:
        assert network.intersections["n_arms"].tolist() == [6]
        inner = network.segments[network.segments["is_internal"]]
        assert inner["length_m"].tolist() == [pytest.approx(gap_m, rel=0.001)]
        assert inner["intersection_u"].tolist() == inner["intersection_v"].tolist() == [0]


def test_a_bridge_is_never_merged_with_the_road_below(write_osm, options):
    """Junctions 8 m apart in the plane, one on the bridge, one below, far apart by road."""
    nodes = {
        1: (-200, 0), 2: (4, 0), 3: (200, 0), 4: (4, -60),
        5: (0, -200), 6: (0, 7), 7: (0, 200), 8: (-60, 7),
    }  # fmt: skip
    ways = {10: ([1, 2, 3], ROAD), 11: ([2, 4], ROAD)}
    over = ROAD | {"bridge": "yes", "layer": "1"}
    ways |= {20: ([5, 6, 7], over), 21: ([6, 8], over)}
    network = build_network_from_osm(write_osm(nodes, ways), **options)
    assert len(network.intersections) == 2
    joined = ways | {30: ([3, 7], ROAD)}  # connected, but only by a long way round
    network = build_network_from_osm(write_osm(nodes, joined), **options)
    assert len(network.intersections) == 2
    steps = ways | {30: ([2, 6], {"highway": "steps"})}  # up to the bridge
    network = build_network_from_osm(write_osm(nodes, steps), **options)
    assert len(network.intersections) == 2
    level = {number: (refs, ROAD) for number, (refs, _) in steps.items()}
    network = build_network_from_osm(write_osm(nodes, level), **options)
    assert len(network.intersections) == 1


def roundabout(radius_m, n_arms):
    angle = np.linspace(0, 2 * np.pi, n_arms, endpoint=False)
    nodes = {i + 1: (radius_m * np.cos(a), radius_m * np.sin(a)) for i, a in enumerate(angle)}
    nodes |= {
        100 + i: ((radius_m + 90) * np.cos(a), (radius_m + 90) * np.sin(a))
        for i, a in enumerate(angle)
    }
    ring = {"highway": "primary", "junction": "roundabout"}
    ways = {10: ([*range(1, n_arms + 1), 1], ring)}
    ways |= {20 + i: ([100 + i, i + 1], ROAD | {"name": f"Arm {i}"}) for i in range(n_arms)}
    return nodes, ways


@pytest.mark.parametrize("radius_m", [8, 40, 400])
@pytest.mark.parametrize("n_arms", [3, 5])
def test_a_roundabout_is_one_intersection_whatever_its_size(write_osm, options, radius_m, n_arms):
    path = write_osm(*roundabout(radius_m, n_arms))
    network = build_network_from_osm(path, **(options | {"max_segment_length_m": 200.0}))
    found = network.intersections
    assert len(found) == 1
    assert found["is_roundabout"].tolist() == [True]
    assert found["n_arms"].tolist() == [n_arms]
    assert found["road_class"].tolist() == ["primary"]
    round_parts = network.segments["is_roundabout"]
    assert (network.segments["is_internal"] == round_parts).all()
    assert (network.segments.loc[round_parts, "oneway"] == "forward").all()
    middle = network.segments.loc[round_parts].geometry.union_all().centroid
    assert found.geometry.iloc[0].distance(middle) < 1e-6


def test_a_long_loop_road_is_not_internal(write_osm, options):
    nodes = {1: (-100, 0), 2: (0, 0), 3: (90, 60), 4: (90, -60)}
    path = write_osm(nodes, {10: ([1, 2], ROAD), 11: ([2, 3, 4, 2], ROAD)})
    network = build_network_from_osm(path, **options)
    assert network.intersections["n_arms"].tolist() == [3]
    assert not network.segments["is_internal"].any()


@pytest.mark.parametrize(("distance_m", "has_signals"), [(0, True), (25, True), (45, False)])
def test_signals_on_the_approach_belong_to_the_intersection(
    write_osm, options, distance_m, has_signals
):
    nodes = {1: (-200, 0), 2: (100, 0), 3: (0, -100), 5: (0, 0)}
    nodes[9] = (-distance_m, 0, {"highway": "traffic_signals"})
    refs = [1, 9, 5, 2] if distance_m else [1, 9, 2]
    path = write_osm(nodes, {10: (refs, ROAD), 11: ([3, 5 if distance_m else 9], ROAD)})
    network = build_network_from_osm(path, **options)
    assert network.intersections["has_signals"].tolist() == [has_signals]


def test_no_cluster_without_tolerance_and_a_negative_one_is_refused(write_osm, options):
    path = write_osm(*dual_carriageway(5))
    network = build_network_from_osm(path, **(options | {"intersection_tolerance_m": 0.0}))
    assert len(network.intersections) == 2
    with pytest.raises(InputError, match="intersection_tolerance_m is -1"):
        build_network_from_osm(path, **(options | {"intersection_tolerance_m": -1.0}))


def test_ids_are_positions_and_ends_of_cuts_and_dead_ends_have_none(write_osm, options):
    path = write_osm(*dual_carriageway(60))
    network = build_network_from_osm(path, **(options | {"max_segment_length_m": 45.0}))
    found, nodes, segments = network.intersections, network.nodes, network.segments
    assert found["intersection_id"].tolist() == [0, 1]
    assert segments["segment_id"].tolist() == list(range(len(segments)))
    assert (nodes["intersection_id"].notna() == (nodes["degree"] >= 3)).all()
    for end in ("u", "v"):
        of_node = nodes["intersection_id"].to_numpy(dtype=float, na_value=-1)[segments[end]]
        of_end = segments[f"intersection_{end}"].to_numpy(dtype=float, na_value=-1)
        np.testing.assert_array_equal(of_node, of_end)


def test_clusters_do_not_depend_on_how_segments_are_cut(make_lines, options):
    rng = np.random.default_rng(20260101)
    starts = rng.uniform(0, 400, (40, 2)).round(-1)
    lines = [[tuple(p), (p[0] + 10, p[1]), (p[0] + 10, p[1] + 20)] for p in starts]
    lines += [[(x, 0.0), (x, 400.0)] for x in range(0, 400, 10)]
    layer = make_lines([line for line in lines if len(set(line)) > 1])
    whole = build_network_from_lines(layer, **options)
    cut = build_network_from_lines(layer, **(options | {"max_segment_length_m": 46.0}))
    assert len(whole.intersections) > 3
    for name in ("n_nodes", "n_arms"):
        assert sorted(whole.intersections[name]) == sorted(cut.intersections[name])
