from __future__ import annotations

import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CrsError, InputError
from geo.line_matching import match_lines
from geo.network import build_network_from_lines, build_network_from_osm
from geo.network_diff import compare_networks, write_network_diff
from geo.site_matching import match_sites
from tests.geo.conftest import render_osm

ROAD = {"highway": "residential"}
NODES = {1: (0, 0), 2: (200, 0), 3: (400, 0), 4: (200, 150), 5: (200, -150)}
WAYS = {
    10: ([1, 2, 3], {"highway": "primary", "name": "Main", "oneway": "yes", "lit": "no"}),
    11: ([2, 4], ROAD),
    12: ([2, 5], ROAD),
}


@pytest.fixture(scope="module")
def build(tmp_path_factory, options):
    """Build a network of nodes and ways; the same one only once."""
    folder, known = tmp_path_factory.mktemp("networks"), {}

    def make(nodes, ways, **more):
        text = render_osm(nodes, ways)
        key = (text, repr(more))
        if key not in known:
            path = folder / f"{len(known)}.osm"
            path.write_text(text, encoding="utf-8")
            known[key] = build_network_from_osm(path, **(options | more))
        return known[key]

    return make


def statuses(layer, key="osm_way_id"):
    return layer.groupby(key)["status"].agg(sorted).to_dict()


def test_a_network_does_not_differ_from_itself(build):
    network = build(NODES, WAYS)
    diff = compare_networks(network, network)
    assert set(diff.old_segments["status"]) == set(diff.new_intersections["status"]) == {"kept"}
    assert diff.attribute_changes.empty
    assert diff.sites["is_same"].all()
    assert (diff.sites["old_site_id"] == diff.sites["new_site_id"]).all()
    assert diff.summary["removed_km"] == diff.summary["added_km"] == 0
    assert diff.summary["kept_of_old_km"] == pytest.approx(diff.summary["old_km"])


def test_added_removed_and_moved_roads(build):
    ways = {number: way for number, way in WAYS.items() if number != 12}
    nodes = NODES | {6: (0, 400), 7: (300, 400), 4: (203, 155)}
    diff = compare_networks(build(NODES, WAYS), build(nodes, ways | {20: ([6, 7], ROAD)}))
    assert statuses(diff.old_segments)[12] == ["removed"]
    assert statuses(diff.old_segments)[11] == statuses(diff.new_segments)[11] == ["reshaped"]
    assert statuses(diff.new_segments)[20] == ["added"]
    assert statuses(diff.old_segments)[10] == ["kept", "kept"]
    assert diff.summary["removed_km"] == pytest.approx(0.150, abs=0.001)
    assert diff.summary["added_km"] == pytest.approx(0.300, abs=0.001)
    assert diff.old_intersections["status"].tolist() == ["kept"]
    arms = diff.attribute_changes.query("site_type == 'intersection'").set_index("attribute")
    assert arms.loc["n_arms", ["old", "new"]].tolist() == ["4", "3"]


def test_a_side_street_splits_and_its_going_merges(build):
    nodes = NODES | {8: (300, 0), 9: (300, 120)}
    ways = WAYS | {10: ([1, 2, 8, 3], WAYS[10][1]), 13: ([8, 9], ROAD)}
    old, new = build(NODES, WAYS), build(nodes, ways)
    diff = compare_networks(old, new)
    cut = diff.segment_relations[diff.segment_relations["status"] == "split"]
    assert cut["old_id"].nunique() == 1
    assert cut["share_old"].tolist() == pytest.approx([0.5, 0.5], abs=0.03)  # pieces of 10 m
    assert cut["share_new"].tolist() == pytest.approx([1, 1], abs=0.06)
    assert statuses(diff.new_segments)[13] == ["added"]
    assert sorted(diff.new_intersections["status"]) == ["added", "kept"]
    back = compare_networks(new, old)
    assert set(back.segment_relations["status"]) == {"kept", "merged"}
    assert sorted(back.old_intersections["status"]) == ["kept", "removed"]
    assert back.summary["removed_km"] == diff.summary["added_km"]


def test_attributes_that_changed_are_listed_also_on_a_road_drawn_the_other_way(build):
    tags = WAYS[10][1] | {"oneway": "-1", "lit": "yes", "maxspeed": "40"}
    diff = compare_networks(build(NODES, WAYS), build(NODES, WAYS | {10: ([3, 2, 1], tags)}))
    assert set(diff.old_segments["status"]) == {"kept"}
    found = diff.attribute_changes
    assert sorted(found["attribute"].unique()) == ["lit", "maxspeed_kmh"]  # not oneway
    speed = found[found["attribute"] == "maxspeed_kmh"].iloc[0]
    assert pd.isna(speed["old"])
    assert speed["new"] == "40.0"
    assert found["length_m"].tolist() == pytest.approx([200] * 4, rel=0.001)
    flipped = WAYS | {10: ([1, 2, 3], WAYS[10][1] | {"oneway": "-1"})}
    found = compare_networks(build(NODES, WAYS), build(NODES, flipped)).attribute_changes
    assert found[["attribute", "old", "new"]].drop_duplicates().to_numpy().tolist() == [
        ["oneway", "forward", "backward"]
    ]


def test_a_parallel_road_on_another_level_or_across_is_not_the_same(build):
    nodes = {1: (0, 0), 2: (300, 0), 3: (0, 6), 4: (300, 6), 5: (150, -100), 6: (150, 100)}
    above = ROAD | {"bridge": "yes", "layer": "1"}
    old = build(nodes, {10: ([1, 2], ROAD), 11: ([3, 4], above)})
    new = build(nodes, {11: ([3, 4], above), 12: ([5, 6], ROAD)})
    diff = compare_networks(old, new)
    assert statuses(diff.old_segments) == {10: ["removed"], 11: ["kept"]}
    assert statuses(diff.new_segments) == {11: ["kept"], 12: ["added"]}


def test_a_road_that_became_two_carriageways_is_kept_once(build):
    nodes = {1: (0, 0), 2: (500, 0), 3: (0, 8), 4: (500, 8), 5: (0, -8), 6: (500, -8)}
    old = build(nodes, {10: ([1, 2], ROAD)})
    new = build(nodes, {11: ([3, 4], ROAD), 12: ([5, 6], ROAD)})
    diff = compare_networks(old, new)
    assert diff.summary["kept_of_old_km"] == pytest.approx(0.5, rel=0.001)
    assert diff.summary["kept_of_new_km"] == pytest.approx(0.5, rel=0.001)
    assert diff.summary["added_km"] == pytest.approx(0.5, rel=0.001)
    assert sorted(diff.new_segments["status"]) == ["added", "reshaped"]


def test_a_crossroads_that_became_a_roundabout_keeps_its_identity(build):
    angle = np.linspace(0, 2 * np.pi, 4, endpoint=False)
    nodes = NODES | {20 + i: (200 + 15 * np.cos(a), 15 * np.sin(a)) for i, a in enumerate(angle)}
    ring = {"highway": "primary", "junction": "roundabout"}
    ways = {10: ([1, 22], ROAD), 13: ([20, 3], ROAD), 11: ([21, 4], ROAD), 12: ([23, 5], ROAD)}
    diff = compare_networks(
        build(NODES, WAYS), build(nodes, ways | {30: ([20, 21, 22, 23, 20], ring)})
    )
    assert diff.old_intersections["status"].tolist() == ["kept"]
    changed = diff.attribute_changes.query("site_type == 'intersection'")["attribute"]
    assert "is_roundabout" in changed.tolist()


def test_longer_segments_are_merged_and_identities_need_half_of_both(build):
    road = {1: ([1, 2], ROAD)}
    nodes = {1: (0, 0), 2: (890, 0)}
    short = build(nodes, road, max_segment_length_m=300.0)
    long = build(nodes, road, max_segment_length_m=500.0)
    sites = match_sites(short, long)
    assert sites["share_old"].sum() == pytest.approx(3, abs=0.05)
    assert sites["share_new"].sum() == pytest.approx(2, abs=0.05)
    assert sites["is_same"].sum() == 2  # the outer two; the middle one belongs to both
    assert compare_networks(short, long).summary["old_segments_by_status"] == {"recut": 3}


def test_networks_of_other_places_are_told(build, caplog):
    old = build(NODES, WAYS)
    compare_networks(old, old)
    assert "share" not in caplog.text
    elsewhere = replace(
        old,
        segments=old.segments.set_geometry(old.segments.translate(50_000)),
        intersections=old.intersections.set_geometry(old.intersections.translate(50_000)),
    )
    compare_networks(old, elsewhere)
    assert "share 0.0 of" in caplog.text


def test_another_projection_and_what_is_refused(build):
    old = build(NODES, WAYS)
    new = build(NODES, WAYS, crs=32649)
    diff = compare_networks(old, new)
    assert diff.summary["n_same_segments"] == len(old.segments)
    assert diff.new_segments.crs == old.segments.crs
    with pytest.raises(InputError, match="tolerance_m is 0"):
        compare_networks(old, new, tolerance_m=0)
    with pytest.raises(CrsError):
        match_lines(old.segments, new.segments.to_crs(4326), tolerance_m=10)


def test_a_difference_is_written_whole(build, tmp_path):
    ways = {number: way for number, way in WAYS.items() if number != 12}
    diff = compare_networks(build(NODES, WAYS), build(NODES, ways))
    (tmp_path / "diff").mkdir()
    write_network_diff(diff, tmp_path / "diff")
    summary = json.loads((tmp_path / "diff" / "network_diff.json").read_text())
    assert summary["old_segments_by_status"] == {"kept": 3, "removed": 1}
    assert len(gpd.read_file(tmp_path / "diff" / "changes.gpkg", layer="old_segments")) == 1
    assert len(pd.read_parquet(tmp_path / "diff" / "sites.parquet")) == 4
    assert len(gpd.read_parquet(tmp_path / "diff" / "new_segments.parquet")) == 3


grids = st.integers(0, 10_000)


@settings(max_examples=2, deadline=None)
@given(seed=grids)
def test_lengths_are_conserved_whatever_is_drawn_turned_or_cut(make_lines, options, seed):
    rng = np.random.default_rng(seed)
    spots = rng.uniform(-15, 15, (5, 5, 2)) + np.moveaxis(np.mgrid[0:5, 0:5], 0, -1) * 120.0
    lines = [[tuple(spots[r, c]), tuple(spots[r, c + 1])] for r in range(5) for c in range(4)]
    lines += [[tuple(spots[r, c]), tuple(spots[r + 1, c])] for r in range(4) for c in range(5)]
    old = build_network_from_lines(make_lines(lines, highway=["residential"] * 40), **options)
    turned = [line[::-1] if rng.random() < 0.5 else line for line in lines]
    same = build_network_from_lines(make_lines(turned, highway=["residential"] * 40), **options)
    diff = compare_networks(old, same)
    assert set(diff.old_segments["status"]) == {"kept"}
    assert diff.summary["removed_km"] == diff.summary["added_km"] == 0
    gone = set(rng.choice(40, 4, replace=False).tolist())
    some = [line for i, line in enumerate(turned) if i not in gone]
    middle = [tuple(np.mean(line, axis=0)) for line in some]
    stub = [[spot, (spot[0] + 9.0, spot[1] + 9.0)] for spot in middle[:3]]
    cut = [[line[0], spot, line[1]] for line, spot in zip(some, middle, strict=True)] + stub
    new = build_network_from_lines(make_lines(cut, highway=["residential"] * len(cut)), **options)
    diff = compare_networks(old, new)
    lost = sum(np.hypot(*np.subtract(*lines[i])) for i in gone) / 1000
    assert diff.summary["removed_km"] == pytest.approx(lost, rel=0.05)
    for side, other in (("old", "removed"), ("new", "added")):
        total = diff.summary[f"kept_of_{side}_km"] + diff.summary[f"{other}_km"]
        assert total == pytest.approx(diff.summary[f"{side}_km"], abs=1e-5)
    assert diff.summary["kept_of_old_km"] == pytest.approx(diff.summary["kept_of_new_km"], rel=0.02)
    split = diff.segment_relations.query("status == 'split'")
    assert (split.groupby("old_id")["share_old"].sum() > 0.9).all()


@pytest.mark.slow
def test_what_was_done_to_a_city_is_found_again(shared_data, tmp_path, options):
    """One way in a hundred removed, one in a hundred with another surface."""
    path = shared_data / "porto_alegre" / "poa.osm.pbf"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    some = options | {
        "road_classes": ["motorway", "trunk", "primary", "secondary", "tertiary", "residential"],
        "max_segment_length_m": 500.0,
    }
    old = build_network_from_osm(path, **some)
    rng = np.random.default_rng(20260101)
    ways = np.unique(old.segments["osm_way_id"])
    removed = set(rng.choice(ways, len(ways) // 100, replace=False).tolist())
    rest = np.setdiff1d(ways, list(removed))
    paved = set(rng.choice(rest, len(ways) // 100, replace=False).tolist())
    edited = tmp_path / "edited.osm.pbf"
    with osmium.SimpleWriter(str(edited)) as writer:
        for item in osmium.FileProcessor(str(path)):
            if item.is_way() and item.id in removed:
                continue
            if item.is_way() and item.id in paved:
                tags = {tag.k: tag.v for tag in item.tags} | {"surface": "test"}
                writer.add_way(item.replace(tags=tags))
            else:
                writer.add(item)
    diff = compare_networks(old, build_network_from_osm(edited, **some))
    segments = old.segments
    true_km = segments["length_m"][segments["osm_way_id"].isin(removed)].sum() / 1000
    assert diff.summary["removed_km"] == pytest.approx(true_km, rel=0.05)
    assert diff.summary["added_km"] < 0.02 * true_km
    gone = diff.old_segments[diff.old_segments["status"] == "removed"]
    assert gone["osm_way_id"].isin(removed).mean() > 0.95
    changes = diff.attribute_changes.query("attribute == 'surface' and new == 'test'")
    ids = changes["old_site_id"].str[1:].astype(int)
    assert set(segments.loc[ids, "osm_way_id"]) - paved == set()
    assert len(set(segments.loc[ids, "osm_way_id"]) & paved) > 0.9 * len(paved)
    assert diff.summary["n_same_segments"] > 0.95 * diff.summary["n_new_segments"]
