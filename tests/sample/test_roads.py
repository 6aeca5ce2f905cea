"""The invented roads hold what real ones hold: bridges, a roundabout, two carriageways, signals."""

from __future__ import annotations

from itertools import combinations

import geopandas as gpd
import pytest
import shapely

METRIC = 32648
WANTED_TAGS = {
    *("highway", "name", "name:km", "lit", "maxspeed", "surface", "lanes"),
    *("oneway", "bridge", "junction", "layer", "ref", "note"),
}


def as_frame(ways):
    tags = [way["tags"] for way in ways]
    refs = [frozenset(way["refs"]) for way in ways]
    lines = gpd.GeoSeries([way["line"] for way in ways], crs=4326).to_crs(METRIC)
    return gpd.GeoDataFrame({"tags": tags, "refs": refs}, geometry=lines)


@pytest.fixture(scope="module")
def roads(osm):
    return as_frame([way for way in osm[0] if "highway" in way["tags"]])


def test_every_way_and_place_is_marked_synthetic(osm):
    ways, nodes = osm
    assert all("SYNTHETIC" in way["tags"]["note"] for way in ways)
    assert all("SYNTHETIC" in node["note"] for node in nodes if "place" in node)


def test_the_tags_that_matter_are_there_and_not_everywhere(osm):
    ways = [way["tags"] for way in osm[0] if "highway" in way["tags"]]
    used = {key for tags in ways for key in tags}
    assert used >= WANTED_TAGS
    for key in ("lit", "maxspeed", "surface", "lanes", "name"):
        share = sum(key in tags for tags in ways) / len(ways)
        assert 0.02 < share < 0.98, key  # real extracts lack many
    assert {tags["lit"] for tags in ways if "lit" in tags} == {"yes", "no"}
    assert {tags["oneway"] for tags in ways if "oneway" in tags} <= {"yes", "-1"}


def test_names_in_khmer_are_in_khmer_script(osm):
    ways, nodes = osm
    names = [
        item["name:km"] for item in [*(way["tags"] for way in ways), *nodes] if "name:km" in item
    ]
    assert len(names) > 100
    assert all("\u1780" <= name[0] <= "\u17b3" for name in names)


def test_places(osm):
    kinds = [node["place"] for node in osm[1] if "place" in node]
    assert {kind: kinds.count(kind) for kind in kinds} == {"city": 1, "town": 2, "village": 60}
    names = [node["name"] for node in osm[1] if "place" in node]
    assert len(set(names)) == len(names)


def test_a_road_on_a_bridge_crosses_another_and_shares_no_node(roads):
    bridges = roads[[tags.get("bridge") == "yes" for tags in roads["tags"]]]
    others = roads[["bridge" not in tags for tags in roads["tags"]]]
    assert len(bridges) >= 3  # over the river twice, over NR91 once
    assert all(int(tags["layer"]) == 1 for tags in bridges["tags"])
    crossed = []
    for _, bridge in bridges.iterrows():
        for _, other in others[others.crosses(bridge.geometry)].iterrows():
            assert not bridge["refs"] & other["refs"]
            crossed.append((bridge["tags"]["ref"], other["tags"]["ref"]))
    assert ("PR905", "NR91") in crossed


def test_no_other_roads_cross_without_a_node(roads):
    ground = roads[["bridge" not in tags for tags in roads["tags"]]].reset_index(drop=True)
    left, right = ground.sindex.query(ground.geometry, predicate="crosses")
    unjoined = [
        (ground["tags"][a].get("name"), ground["tags"][b].get("name"))
        for a, b in zip(left, right, strict=True)
        if a < b and not ground["refs"][a] & ground["refs"][b]
    ]
    assert unjoined == []


def test_the_river_is_crossed_on_bridges_only(osm, roads):
    rivers = as_frame([way for way in osm[0] if way["tags"].get("waterway") == "river"])
    assert len(rivers) == 1
    wet = roads[roads.crosses(rivers.geometry.iloc[0])]
    assert len(wet) >= 2
    assert all(tags.get("bridge") == "yes" for tags in wet["tags"])


def test_a_roundabout(osm, network):
    rings = [way for way in osm[0] if way["tags"].get("junction") == "roundabout"]
    assert len(rings) == 1
    assert rings[0]["refs"][0] == rings[0]["refs"][-1]
    assert shapely.is_ccw(shapely.LinearRing(rings[0]["line"].coords))  # traffic keeps right
    assert network.intersections["is_roundabout"].sum() == 1
    ring = network.intersections[network.intersections["is_roundabout"]].iloc[0]
    assert ring["n_arms"] == 4


def test_a_dual_carriageway(roads):
    sides = roads[
        [tags["highway"] == "trunk" and tags.get("oneway") == "yes" for tags in roads["tags"]]
    ]
    beside = [
        (first, second)
        for first, second in combinations(sides.geometry, 2)
        if first.hausdorff_distance(second) < 20
    ]
    assert beside
    for first, second in beside:  # the one goes where the other comes from
        assert shapely.Point(first.coords[0]).distance(shapely.Point(second.coords[-1])) < 20
        assert first.length > 2_000


def test_traffic_signals_stand_at_junctions(osm, network):
    signals = {node["id"] for node in osm[1] if node.get("highway") == "traffic_signals"}
    assert len(signals) >= 4
    used = [node for way in osm[0] for node in set(way["refs"])]
    assert all(used.count(signal) >= 2 for signal in signals)
    assert network.intersections["has_signals"].sum() >= 4


def test_the_network_is_as_large_as_a_real_area_and_hangs_together(network):
    summary = network.summary
    assert summary["n_segments"] == len(network.segments) >= 3_000
    assert summary["n_intersections"] >= 1_000
    assert summary["largest_component_share"] > 0.99
    assert {"trunk", "primary", "secondary", "tertiary", "residential", "unclassified"} <= set(
        summary["km_by_road_class"]
    )
    assert network.segments["is_bridge"].any()
    assert network.segments["is_roundabout"].any()
    assert set(network.segments["lit"]) == {"yes", "no", "unknown"}
    assert len(network.places) == 63
