from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.vocabulary import RoadClass
from geo.consolidation import ConsolidationRules
from geo.network import build_network_from_lines, build_network_from_osm

ROAD = {"highway": "residential"}
MAIN = {"highway": "primary", "oneway": "yes", "name": "Main"}
CROSS = {"highway": "secondary", "oneway": "yes", "name": "Cross"}
LINK = {"highway": "primary_link", "oneway": "yes"}
PATH = {"highway": "footway"}


@pytest.fixture
def build(write_osm, options):
    def make(nodes, ways, **more):
        return build_network_from_osm(write_osm(nodes, ways), **(options | more))

    return make


def find_owner(network):
    """Return the intersection of each OSM node that has one."""
    nodes = network.nodes.dropna(subset="intersection_id")
    return dict(zip(nodes["osm_node_id"], nodes["intersection_id"].astype(int), strict=True))


def side_by_side(*drawings):
    """Draw several cases in one network, 3 km apart; ids of the first are those drawn."""
    nodes, ways = {}, {}
    for place, (some, drawn) in enumerate(drawings):
        more = 1000 * place
        nodes |= {ref + more: (x + 3000 * place, y) for ref, (x, y) in some.items()}
        ways |= {
            way + more: ([ref + more for ref in refs], tags) for way, (refs, tags) in drawn.items()
        }
    return nodes, ways


def sort_out(network, n_cases):
    """Return the intersections of each case, and its segments that are inside one."""
    places, segments = network.intersections, network.segments
    west = network.segments.total_bounds[0] - 500
    case = ((places.geometry.x - west) // 3000).astype(int)
    inner = segments[segments["is_internal"]]
    of_inner = ((inner.geometry.centroid.x - west) // 3000).astype(int)
    return [(places[case == i], inner[of_inner == i]) for i in range(n_cases)]


def dual_by_dual(gap_m=30):
    """Two dual carriageways that cross: four nodes."""
    g = gap_m
    nodes = {
        1: (0, 0), 2: (g, 0), 3: (g, g), 4: (0, g),
        11: (-300, 0), 12: (300, 0), 13: (300, g), 14: (-300, g),
        21: (0, -300), 22: (0, 300), 23: (g, 300), 24: (g, -300),
    }  # fmt: skip
    ways = {
        10: ([11, 1, 2, 12], MAIN), 11: ([13, 3, 4, 14], MAIN),
        20: ([22, 4, 1, 21], CROSS), 21: ([24, 2, 3, 23], CROSS),
    }  # fmt: skip
    return nodes, ways


def test_two_dual_carriageways_cross_in_one_intersection(build):
    gaps = (10, 20, 30, 39)
    network = build(*side_by_side(*map(dual_by_dual, gaps)))
    for gap_m, (found, inner) in zip(gaps, sort_out(network, 4), strict=True):
        assert found[["n_nodes", "n_arms"]].to_numpy().tolist() == [[4, 8]]
        assert found["name"].item() == "Main \N{MULTIPLICATION SIGN} Cross"
        assert inner["length_m"].tolist() == pytest.approx([gap_m] * 4, rel=0.002)


def test_without_a_tolerance_every_node_stays_by_itself(build):
    assert len(build(*dual_by_dual(), intersection_tolerance_m=0.0).intersections) == 4


def test_side_streets_on_both_sides_of_a_closed_median_stay_apart(build):
    """No road leads across: one turns in and out on each side only."""
    nodes = {1: (-300, 0), 2: (0, 0), 3: (300, 0), 4: (300, 20), 5: (0, 20), 6: (-300, 20)}
    nodes |= {7: (0, -80), 8: (0, 100)}
    ways = {10: ([1, 2, 3], MAIN), 11: ([4, 5, 6], MAIN), 12: ([7, 2], ROAD), 13: ([5, 8], ROAD)}
    assert len(build(nodes, ways).intersections) == 2


def test_junctions_along_one_carriageway_are_not_taken_for_a_crossing(build):
    """Two streets meet a dual carriageway 30 m apart: two intersections of two nodes."""
    nodes = {1: (-300, 0), 2: (0, 0), 3: (30, 0), 4: (300, 0)}
    nodes |= {5: (300, 22), 6: (30, 22), 7: (0, 22), 8: (-300, 22)}
    nodes |= {11: (0, -90), 12: (30, -90), 13: (0, 110), 14: (30, 110)}
    ways = {10: ([1, 2, 3, 4], MAIN), 11: ([5, 6, 7, 8], MAIN)}
    ways |= {12: ([11, 2, 7, 13], ROAD), 13: ([12, 3, 6, 14], ROAD)}
    owner = find_owner(build(nodes, ways))
    assert owner[2] == owner[7] != owner[3] == owner[6]


def test_a_median_opening_is_one_place_and_a_footway_across_does_not_hide_it(build):
    nodes = {1: (-300, 0), 2: (0, 0), 3: (300, 0), 4: (300, 24), 5: (0, 24), 6: (-300, 24)}
    nodes |= {9: (0, 12), 10: (-200, 12)}
    turn = {"highway": "primary", "oneway": "yes", "name": "Main"}
    ways = {10: ([1, 2, 3], MAIN), 11: ([4, 5, 6], MAIN), 12: ([2, 9, 5], turn)}
    network = build(*side_by_side((nodes, ways), (nodes, ways | {13: ([10, 9], PATH)})))
    (plain, inner), (crossed, both) = sort_out(network, 2)
    assert (plain["n_nodes"].tolist(), len(inner)) == ([2], 1)
    assert (crossed["n_nodes"].tolist(), len(both)) == ([3], 2)


def crossing_with_slip(leg_m, slip=LINK, **more):
    """A crossroads with a slip road that cuts one corner."""
    nodes = {
        1: (0, 0), 2: (-300, 0), 3: (300, 0), 4: (0, -300), 5: (0, 300),
        6: (-leg_m, 0), 7: (0, -leg_m), 8: (-leg_m * 0.4, -leg_m * 0.4),
    }  # fmt: skip
    road = {"highway": "primary", "name": "Main"}
    ways = {10: ([2, 6, 1, 3], road), 11: ([4, 7, 1, 5], road | {"name": "Cross"})}
    return nodes, ways | {12: ([6, 8, 7], slip)} | more


def test_a_slip_road_belongs_to_its_crossroads(build):
    cases = [
        (30, LINK, 1),
        (55, LINK, 1),
        (70, LINK, 3),  # too far away to be part of it
        (25, ROAD | {"oneway": "yes"}, 1),
        (45, ROAD | {"oneway": "yes"}, 3),  # not a link: a street of its own
        (25, ROAD, 3),  # both ways: nothing says that it is a slip road
    ]
    network = build(*side_by_side(*(crossing_with_slip(leg, slip) for leg, slip, _ in cases)))
    for (leg_m, _, n), (found, inner) in zip(cases, sort_out(network, len(cases)), strict=True):
        assert len(found) == n
        if n == 1:
            assert found[["n_nodes", "n_arms"]].to_numpy().tolist() == [[3, 4]]
            length_m = 2 * leg_m + 2 * np.hypot(0.6, 0.4) * leg_m
            assert inner["length_m"].sum() == pytest.approx(length_m, rel=0.01)
            assert len(inner) == 3


def test_four_slip_roads_and_dual_carriageways_are_one_intersection(build):
    nodes, ways = dual_by_dual(20)
    for number, (x, y, a, b) in enumerate(
        [(-35, 0, 0, -35), (20, -35, 55, 0), (55, 20, 20, 55), (0, 55, -35, 20)]
    ):
        nodes |= {50 + number: (x, y), 60 + number: (a, b)}
        ways |= {50 + number: ([50 + number, 60 + number], LINK)}
    ways[10] = ([11, 50, 1, 2, 61, 12], MAIN)
    ways[11] = ([13, 52, 3, 4, 63, 14], MAIN)
    ways[20] = ([22, 53, 4, 1, 60, 21], CROSS)
    ways[21] = ([24, 51, 2, 3, 62, 23], CROSS)
    network = build(nodes, ways)
    assert network.intersections[["n_nodes", "n_arms"]].to_numpy().tolist() == [[12, 8]]
    assert network.segments["is_internal"].sum() == 16


def test_two_crossroads_that_share_a_slip_road_stay_two(build):
    """A link leads from the approach of one into the road between both."""
    nodes, ways = crossing_with_slip(30)
    nodes |= {20: (0, -60), 21: (-200, -60), 22: (200, -60), 23: (-30, -60)}
    ways[11] = ([4, 20, 7, 1, 5], ways[11][1])
    ways |= {20: ([21, 23, 20, 22], ROAD), 21: ([7, 23], LINK)}
    owner = find_owner(build(nodes, ways))
    assert owner[1] == owner[6] != owner[20] == owner[23]
    assert owner[7] == owner[20]  # the smaller triangle


def test_a_flare_belongs_to_its_junction(build):
    """A street splits in two one-way halves before it meets the main road."""
    nodes = {1: (-300, 0), 2: (-12, 0), 3: (12, 0), 4: (300, 0), 5: (0, -30), 6: (0, -300)}
    road = {"highway": "primary", "name": "Main"}
    half = ROAD | {"oneway": "yes"}
    ways = {10: ([1, 2, 3, 4], road), 11: ([6, 5], ROAD), 12: ([5, 2], half), 13: ([3, 5], half)}
    both_ways = ways | {12: ([5, 2], ROAD), 13: ([3, 5], ROAD)}
    network = build(*side_by_side((nodes, ways), (nodes, both_ways)))
    (flare, _), (other, _) = sort_out(network, 2)
    assert flare[["n_nodes", "n_arms"]].to_numpy().tolist() == [[3, 3]]
    assert len(other) == 3  # nothing says so


def test_splitter_islands_belong_to_the_roundabout_and_do_not_move_it(build):
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    nodes = {i: (20 * np.cos(a), 20 * np.sin(a)) for i, a in enumerate(angle, 1)}
    ring = {"highway": "primary", "junction": "roundabout"}
    ways = {10: ([*range(1, 13), 1], ring)}
    half = ROAD | {"oneway": "yes"}
    for k in range(3):
        middle = angle[4 * k] + np.pi / 12
        nodes[50 + k] = (45 * np.cos(middle), 45 * np.sin(middle))
        nodes[60 + k] = (200 * np.cos(middle), 200 * np.sin(middle))
        ways |= {20 + k: ([60 + k, 50 + k], ROAD), 30 + k: ([50 + k, 4 * k + 2], half)}
        ways |= {40 + k: ([4 * k + 1, 50 + k], half)}
    network = build(nodes, ways)
    found = network.intersections
    assert found[["n_nodes", "n_arms", "is_roundabout"]].to_numpy().tolist() == [[9, 3, True]]
    centre = network.segments[network.segments["is_roundabout"]].union_all().centroid
    assert found.geometry.item().distance(centre) < 0.5


def test_staggered_side_streets_are_one_only_within_the_tolerance(build):
    ways = {10: ([1, 2, 3, 4], ROAD), 11: ([5, 2], ROAD), 12: ([6, 3], ROAD)}
    ends = {1: (-300, 0), 2: (0, 0), 4: (300, 0), 5: (0, -90)}
    drawn = [(ends | {3: (offset_m, 0), 6: (offset_m, 90)}, ways) for offset_m in (12, 25)]
    network = build(*side_by_side(*drawn))
    assert [len(found) for found, _ in sort_out(network, 2)] == [1, 2]


def test_a_row_of_junctions_is_not_chained(build):
    """Thirty junctions 10 m apart along one street: no place is wider than 60 m."""
    nodes = {i: (10.0 * i, 0) for i in range(32)} | {100 + i: (10.0 * i, 40) for i in range(1, 31)}
    ways = {1: (list(range(32)), ROAD)} | {2 + i: ([i, 100 + i], ROAD) for i in range(1, 31)}
    network = build(nodes, ways)
    owner = find_owner(network)
    width = {k: [nodes[n][0] for n in owner if owner[n] == k] for k in set(owner.values())}
    assert all(max(x) - min(x) <= 60 for x in width.values())
    assert 5 <= len(width) <= 15
    assert sum(network.intersections["n_nodes"]) == 30


def test_a_square_full_of_footways_is_not_one_place(build):
    """A mesh of paths 12 m apart, 120 m wide."""
    n = 11
    nodes = {1 + r * n + c: (12.0 * c, 12.0 * r) for r in range(n) for c in range(n)}
    ways = {10 + r: ([1 + r * n + c for c in range(n)], PATH) for r in range(n)}
    ways |= {50 + c: ([1 + r * n + c for r in range(n)], PATH) for c in range(n)}
    network = build(nodes, ways)
    xy = shapely.get_coordinates(network.nodes.geometry.to_numpy())
    owner = network.nodes["intersection_id"]
    for k in owner.dropna().unique():
        inside = xy[(owner == k).to_numpy()]
        apart = np.hypot(*(inside[:, None] - inside[None]).transpose(2, 0, 1))
        assert apart.max() <= 60
    assert len(network.intersections) > 4


def test_carriageways_on_a_bridge_are_not_joined_with_those_below(build):
    """An interchange where a dual carriageway crosses another with no shared node."""
    nodes, ways = dual_by_dual(30)
    above = {5: (0.0, 5.0), 6: (30.0, 5.0), 7: (30.0, 36.0), 8: (0.0, 36.0)}
    over = CROSS | {"bridge": "yes", "layer": "1"}
    ways |= {20: ([22, 8, 5, 21], over), 21: ([24, 6, 7, 23], over)}
    ways |= {30: ([5, 6], over | {"name": "Up"}), 31: ([7, 8], over | {"name": "Up"})}
    ways |= {40: ([1, 4], ROAD), 41: ([2, 3], ROAD)}
    owner = find_owner(build(nodes | above, ways))
    assert {owner[i] for i in (1, 2, 3, 4)}.isdisjoint({owner[i] for i in (5, 6, 7, 8)})


def test_a_negative_distance_is_refused():
    with pytest.raises(InputError, match="max_extent_m is -1"):
        ConsolidationRules(max_extent_m=-1.0).require_valid()


def test_nothing_changes_where_the_tags_are_not_known(make_lines, options):
    """The same shapes without one-way, name or link: as near as the tolerance says."""
    nodes, ways = dual_by_dual(20)
    layer = make_lines([[nodes[ref] for ref in refs] for refs, _ in ways.values()])
    assert len(build_network_from_lines(layer, **options).intersections) == 4


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_places_do_not_depend_on_how_lines_are_drawn(make_lines, options, seed):
    rng = np.random.default_rng(seed)
    grid = rng.uniform(-6, 6, (6, 6, 2)) + np.moveaxis(np.mgrid[0:6, 0:6], 0, -1) * 22.0
    lines, oneway, name, highway = [], [], [], []
    for r in range(6):
        for c in range(6):
            for dr, dc in ((0, 1), (1, 0)):
                if r + dr < 6 and c + dc < 6:
                    lines.append([tuple(grid[r, c]), tuple(grid[r + dr, c + dc])])
                    number, way = (r, "Row") if dc else (c, "Column")
                    oneway.append(["yes", "-1"][number % 2])
                    name.append(f"{way} {number // 2}")
                    highway.append("primary_link" if rng.random() < 0.12 else "primary")
    flip = rng.random(len(lines)) < 0.5
    columns = {"oneway": oneway, "name": name, "highway": highway}
    drawn = build_network_from_lines(make_lines(lines, **columns), **options)
    columns["oneway"] = [
        ({"yes": "-1", "-1": "yes"}[way] if turn else way)
        for way, turn in zip(oneway, flip, strict=True)
    ]
    turned = [line[::-1] if turn else line for line, turn in zip(lines, flip, strict=True)]
    other = build_network_from_lines(make_lines(turned, **columns), **options)
    assert sorted(drawn.intersections["n_nodes"]) == sorted(other.intersections["n_nodes"])
    assert drawn.segments["is_internal"].sum() == other.segments["is_internal"].sum()


@pytest.mark.slow
def test_a_city_keeps_its_nodes_and_joins_its_avenues(shared_data, options):
    some = options | {
        "road_classes": [w.value for w in RoadClass if w.value not in ("service", "path")]
    }
    path = shared_data / "porto_alegre" / "poa.osm.pbf"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    network = build_network_from_osm(path, **some)
    nodes = network.nodes
    assert network.intersections["n_nodes"].sum() == nodes["intersection_id"].notna().sum()
    assert (nodes["intersection_id"].notna() | (nodes["degree"] < 3)).all()
    segments = network.segments
    dual = segments[segments["dual_group"].notna()]
    assert 0.1 < dual["length_m"].sum() / segments["length_m"].sum() < 0.3
    assert {"Avenida Bento Gonçalves", "Avenida Protásio Alves"} <= set(dual["name"])
    assert segments["is_internal"].sum() > 900  # 678 by nearness alone
