from __future__ import annotations

import gzip

import numpy as np
import osmium
import pandas as pd
import pytest

from core.errors import DataSourceError, MissingDataError, VocabularyError
from geo import osm_tags
from geo.osm import read_osm, type_way_tags

ROAD = {"highway": "residential"}


def test_ways_keep_their_nodes_in_order_and_their_tags_typed(write_osm, all_classes):
    tags = {
        "highway": "primary_link",
        "name": "Preah Sihanouk Boulevard",
        "name:km": "មហាវិថីព្រះសីហនុ",
        "ref": "4",
        "maxspeed": "30 mph",
        "lit": "sunset-sunrise",
        "lanes": "2",
        "width": "12' 6\"",
        "surface": "laterite",
        "oneway": "-1",
        "bridge": "viaduct",
        "layer": "1",
    }
    path = write_osm({1: (0, 0), 2: (100, 0), 3: (200, 0)}, {7: ([3, 1, 2], tags)})
    roads = read_osm(path, road_classes=all_classes)
    assert roads.node_ref.tolist() == [3, 1, 2]
    assert roads.offset.tolist() == [0, 3]
    assert roads.lon[1] < roads.lon[2] < roads.lon[0]
    way = roads.ways.iloc[0]
    assert way["osm_way_id"] == 7
    assert way["name_km"] == tags["name:km"]
    assert (way["highway"], way["road_class"], way["is_link"]) == ("primary_link", "primary", True)
    assert way["maxspeed_kmh"] == pytest.approx(48.28032)
    assert way["width_m"] == pytest.approx(3.81)
    assert (way["lit"], way["lanes"], way["surface_class"]) == ("yes", 2.0, "unpaved")
    assert (way["oneway"], way["is_bridge"], way["is_tunnel"]) == ("backward", True, False)
    assert way["layer"] == 1
    untagged = ["maxspeed_kmh", "lit", "width_m", "surface_class", "oneway", "layer"]
    bare = type_way_tags(pd.DataFrame({"highway": ["trunk"]})).iloc[0]
    assert bare[untagged].fillna("null").tolist() == ["null", "unknown", "null", "unknown", "no", 0]
    assert bare[["name", "name_km", "ref", "surface"]].isna().all()


@pytest.mark.parametrize(
    ("text", "width_m"),
    [("7", 7), ("3,5 m", 3.5), ("20 ft", 6.096), ("10'", 3.048), ("0", None), ("wide", None),
     ("7 m 3", None), ("500", None), ("-3", None)],
)  # fmt: skip
def test_widths_are_in_metres_or_unknown(text, width_m):
    tags = pd.DataFrame({"highway": ["trunk"], "width": [text]})
    found = type_way_tags(tags)["width_m"].iloc[0]
    assert pd.isna(found) if width_m is None else found == pytest.approx(width_m)


def test_the_carriageway_counts_before_the_road_and_an_estimate():
    tags = {"highway": "trunk", "width": "9", "width:carriageway": "7", "est_width": "20"}
    rows = [tags, tags | {"width:carriageway": "?"}, {"highway": "trunk", "est_width": "20"}]
    assert type_way_tags(pd.DataFrame(rows))["width_m"].tolist() == [7, 9, 20]


def test_every_way_is_kept_or_counted_with_a_reason(write_osm):
    nodes = {1: (0, 0), 2: (100, 0)}
    kinds = ["residential", "proposed", "footway", "footway", "living_street", "raceway"]
    ways = {10 + i: ([1, 2], {"highway": kind}) for i, kind in enumerate(kinds)}
    ways[20] = ([1, 2], {"highway": "pedestrian", "area": "yes"})
    ways[21] = ([1], ROAD)
    ways[22] = ([8, 9], ROAD)
    ways[23] = ([1, 2], {"building": "yes"})
    roads = read_osm(write_osm(nodes, ways), road_classes=["residential"])
    assert roads.ways["osm_way_id"].tolist() == [10, 14]
    assert roads.n_ways_skipped == {
        "an area": 1,
        "fewer than two nodes": 1,
        "its nodes are not in the file": 1,
        "not a road: highway=proposed": 1,
        "not a road: highway=raceway": 1,
        "road class not chosen: path": 2,
    }
    assert roads.n_ways_read == len(roads.ways) + sum(roads.n_ways_skipped.values())


def test_a_way_with_missing_nodes_is_never_bridged(write_osm):
    nodes = {i: (100 * i, 0) for i in (1, 2, 5, 6, 8)}
    path = write_osm(nodes, {7: ([1, 2, 3, 5, 6, 7, 8], ROAD)})
    roads = read_osm(path, road_classes=["residential"])
    assert roads.node_ref.tolist() == [1, 2, 5, 6]
    assert roads.offset.tolist() == [0, 2, 4]
    assert roads.ways["osm_way_id"].tolist() == [7, 7]


def test_order_of_the_file_and_sign_of_ids_do_not_matter(write_osm):
    nodes = {-1: (0, 0), -2: (100, 0), 3: (200, 50)}
    ways = {-7: ([-1, -2, 3], ROAD), 8: ([3, -1], ROAD)}
    usual = read_osm(write_osm(nodes, ways), road_classes=["residential"])
    turned = read_osm(write_osm(nodes, ways, ways_first=True), road_classes=["residential"])
    np.testing.assert_array_equal(usual.node_ref, [-1, -2, 3, 3, -1])
    np.testing.assert_array_equal(turned.node_ref, usual.node_ref)
    np.testing.assert_allclose(turned.lon, usual.lon)
    np.testing.assert_allclose(usual.lat[[0, 2]], usual.lat[[4, 3]])


def test_signals_and_named_places_are_kept(write_osm):
    nodes = {
        1: (0, 0, {"highway": "traffic_signals"}),
        2: (100, 0, {"highway": "crossing"}),
        3: (0, 900, {"place": "village", "name": "Trapeang", "name:km": "ត្រពាំង"}),
        4: (0, 950, {"place": "town", "name": "Big", "population": "12000"}),
        5: (0, 990, {"place": "village"}),
        6: (0, 999, {"place": "country", "name": "All of it"}),
    }
    roads = read_osm(write_osm(nodes, {7: ([1, 2], ROAD)}), road_classes=["residential"])
    assert roads.signal_ref.tolist() == [1]
    assert roads.places["name"].tolist() == ["Trapeang", "Big"]
    assert roads.places["kind"].tolist() == ["village", "town"]
    assert roads.places["name_km"].isna().tolist() == [False, True]
    assert np.isnan(roads.places["population"][0])
    assert roads.places["population"][1] == 12000


def test_the_same_roads_from_xml_gzip_and_pbf(write_osm, tmp_path):
    path = write_osm({1: (0, 0), 2: (100, 0), 3: (99, 70)}, {7: ([1, 2, 3], ROAD)})
    zipped, packed = tmp_path / "roads.osm.gz", tmp_path / "roads.osm.pbf"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    with osmium.SimpleWriter(str(packed)) as writer:
        for item in osmium.FileProcessor(str(path)):
            writer.add(item)
    first = read_osm(path, road_classes=["residential"])
    for other in (zipped, packed):
        roads = read_osm(other, road_classes=["residential"])
        pd.testing.assert_frame_equal(roads.ways, first.ways)
        np.testing.assert_array_equal(roads.lon, first.lon)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.osm", b"", "empty"),
        ("empty.osm.pbf", b"", "empty"),
        ("cut.osm", b'<osm version="0.6"><node id="1" la', "cut short"),
        ("page.osm", b"<html><body>Too busy</body></html>", "not OpenStreetMap data"),
        ("text.osm.pbf", b"this is no map at all", "not OpenStreetMap data"),
        ("roads.geojson", b"{}", r"suffix is none of \.osm"),
    ],
)
def test_what_is_no_osm_file_is_refused_by_name(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataSourceError, match=reason) as caught:
        read_osm(path, road_classes=["residential"])
    assert name in str(caught.value)


def test_a_pbf_cut_short_anywhere_is_refused(tmp_path, shared_data):
    whole = (shared_data / "porto_alegre" / "poa.osm.pbf").read_bytes()
    path = tmp_path / "cut.osm.pbf"
    for size in (1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataSourceError, match="cut short"):
            read_osm(path, road_classes=["residential"])


def test_missing_file_and_unknown_class_are_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"nowhere\.osm"):
        read_osm(tmp_path / "nowhere.osm", road_classes=["residential"])
    with pytest.raises(VocabularyError, match="boulevard"):
        read_osm(tmp_path / "nowhere.osm", road_classes=["boulevard"])
    with pytest.raises(VocabularyError, match="road_classes"):
        read_osm(tmp_path / "nowhere.osm", road_classes=[])


TEXTS = {
    osm_tags.parse_maxspeed: {
        "50": 50, "50 km/h": 50, "20 mph": 32.18688, "60;50": 50, "walk": 5, "none": None,
        "signals": None, "KH:urban": None, "0": None, "-5": None, "": None,
    },
    osm_tags.parse_lanes: {"2": 2, "1.5": 1.5, "3;2": 2, "many": None, "-1": None},
    osm_tags.parse_integer: {"-2": -2, "1": 1, "first": 0, "": 0},
    osm_tags.parse_lit: {
        "yes": "yes", "no": "no", "24/7": "yes", "18:00-22:00": "yes", "disused": "unknown",
        "maybe": "unknown", "limited": "yes",
    },
    osm_tags.parse_surface_class: {
        "asphalt": "paved", "laterite": "unpaved", "Dirt": "unpaved", "lava": "unknown",
        "asphalt;gravel": "paved",
    },
    osm_tags.parse_oneway: {
        "yes": "forward", "1": "forward", "-1": "backward", "no": "no", "reversible": "no",
        "odd": "no",
    },
    osm_tags.is_affirmed: {"yes": True, "viaduct": True, "no": False, "F": False, "": False},
}  # fmt: skip


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [(parse, text, value) for parse, book in TEXTS.items() for text, value in book.items()],
)
def test_tag_texts_are_read_as_documented(parse, text, value):
    got = parse(pd.Series([text, None], dtype=object))
    missing = parse(pd.Series([None], dtype=object))
    assert len(got) == 2
    if value is None:
        assert np.isnan(got[0])
    else:
        assert got[0] == pytest.approx(value) if isinstance(value, float) else got[0] == value
    np.testing.assert_array_equal(got[1:], missing)


@pytest.mark.parametrize(
    ("tags", "oneway"),
    [
        ({"highway": "motorway"}, "forward"),
        ({"highway": "motorway", "oneway": "no"}, "no"),
        ({"highway": "motorway_link"}, "no"),
        ({"highway": "tertiary", "junction": "roundabout"}, "forward"),
        ({"highway": "tertiary", "junction": "roundabout", "oneway": "-1"}, "backward"),
        ({"highway": "tertiary", "junction": "yes"}, "no"),
    ],
)
def test_roundabouts_and_motorways_are_one_way_unless_said_otherwise(tags, oneway):
    assert type_way_tags(pd.DataFrame([tags]))["oneway"].tolist() == [oneway]
