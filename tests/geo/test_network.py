from __future__ import annotations

from collections import Counter
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod
from shapely import LineString, Point, box

from core.errors import (
    CrsError,
    DataSourceError,
    GeometryError,
    MissingDataError,
    NetworkError,
    TableError,
)
from geo.network import (
    build_network_from_lines,
    build_network_from_osm,
    read_network,
    write_network,
)
from geo.osm import read_osm
from geo.vector_io import write_layer

ROAD = {"highway": "residential"}
CUT = {"max_segment_length_m": 500.0}


@pytest.fixture
def crossroads(write_osm):
    nodes = {
        1: (-400, 0), 2: (900, 0), 3: (0, -100), 4: (0, 100), 5: (0, 0),
        9: (50, 50, {"place": "village", "name": "Phum"}),
    }  # fmt: skip
    ways = {
        10: ([1, 5, 2], {"highway": "trunk", "name": "National Road 4", "ref": "4"}),
        11: ([3, 5, 4], ROAD | {"lit": "yes"}),
        12: ([3, 4], {"highway": "footway"}),
    }
    return write_osm(nodes, ways)


def test_a_network_comes_back_as_written(crossroads, options, tmp_path):
    network = build_network_from_osm(crossroads, **(options | CUT))
    write_network(network, tmp_path / "net")
    back = read_network(tmp_path / "net")
    assert back.summary == network.summary
    for name in ("segments", "nodes", "intersections", "places"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(network, name))
        assert getattr(back, name).crs == network.segments.crs
    (tmp_path / "net" / "nodes.parquet").unlink()
    with pytest.raises(MissingDataError, match=r"nodes\.parquet"):
        read_network(tmp_path / "net")


def test_the_summary_says_what_was_read_and_what_came_of_it(crossroads, options):
    some = options | CUT | {"road_classes": ["trunk", "residential"]}
    summary = build_network_from_osm(crossroads, **some).summary
    assert summary["n_ways_read"] == 3
    assert summary["n_ways_skipped"] == {"road class not chosen: path": 1}
    assert (summary["n_segments"], summary["n_nodes"], summary["n_intersections"]) == (5, 6, 1)
    assert summary["km_by_road_class"] == {
        "trunk": pytest.approx(1.3, rel=1e-3),
        "residential": pytest.approx(0.2, rel=1e-3),
    }
    assert summary["network_km"] == pytest.approx(sum(summary["km_by_road_class"].values()))
    assert (summary["n_components"], summary["largest_component_share"]) == (1, 1.0)
    assert summary["crs"] == "EPSG:32648"
    west, south, east, north = summary["bounds_wgs84"]
    assert 104.9 < west < 105 < east < 105.1
    assert 11.5 < south < north < 11.6


def test_lengths_are_true_metres(crossroads, options):
    network = build_network_from_osm(crossroads, **options)
    lines = network.segments.geometry.to_crs(4326)
    geodesic = sum(Geod(ellps="WGS84").geometry_length(line) for line in lines)
    assert network.segments["length_m"].sum() == pytest.approx(geodesic, rel=5e-4)


def test_texts_that_are_missing_are_null_and_never_the_word_none(crossroads, options):
    segments = build_network_from_osm(crossroads, **options).segments
    unnamed = segments[segments["road_class"] != "trunk"]
    for column in ("name", "name_km", "ref", "surface", "province", "district"):
        assert segments[column].dtype == "str"
        assert unnamed[column].isna().all()


def test_a_boundary_keeps_what_lies_inside(crossroads, options):
    whole = build_network_from_osm(crossroads, **options)
    west, south, _, north = whole.summary["bounds_wgs84"]
    half = build_network_from_osm(
        crossroads, boundary=box(west - 1, south - 1, 105.0005, north + 1), **options
    )
    assert half.summary["n_ways_skipped"] == {}
    assert sorted(half.segments["length_m"].round()) == [100, 100, 200, 400]
    assert half.places["name"].tolist() == ["Phum"]
    with pytest.raises(GeometryError, match=r"none of the 3 roads .* boundary 0,0,1,1"):
        build_network_from_osm(crossroads, boundary=box(0, 0, 1, 1), **options)
    with pytest.raises(GeometryError, match="without an area"):
        build_network_from_osm(crossroads, boundary=Point(105, 11.5), **options)


@pytest.mark.parametrize("claims_degrees", [False, True])
def test_a_boundary_file_is_read_where_the_roads_are(
    crossroads, options, tmp_path, caplog, claims_degrees
):
    whole = build_network_from_osm(crossroads, **options)
    west, south, _, north = whole.summary["bounds_wgs84"]
    outline = gpd.GeoSeries([box(west - 1, south - 1, 105.0005, north + 1)], crs=4326)
    if claims_degrees:  # metres, as many a GeoJSON of a ministry has them
        outline = outline.to_crs(32648).set_crs(4326, allow_override=True)
    path = tmp_path / "outline.geojson"
    path.write_text(outline.to_json(), encoding="utf-8")
    half = build_network_from_osm(crossroads, boundary=path, **options)
    assert sorted(half.segments["length_m"].round()) == [100, 100, 200, 400]
    assert half.places["name"].tolist() == ["Phum"]
    assert ("taken to be UTM zone 48N" in caplog.text) == claims_degrees
    lines = read_roads_as_lines(whole)
    half = build_network_from_lines(lines, boundary=path, **options)
    assert sorted(half.segments["length_m"].round()) == [100, 100, 200, 400]


def read_roads_as_lines(network):
    return network.segments[["highway", "geometry"]].to_crs(4326)


def test_an_area_without_roads_says_what_is_there(write_osm, crossroads, options):
    with pytest.raises(NetworkError, match="1 road class not chosen: trunk") as caught:
        build_network_from_osm(crossroads, **(options | {"road_classes": ["motorway"]}))
    assert "roads.osm: no road of the chosen classes among 3" in str(caught.value)
    empty = write_osm({1: (0, 0)}, {}, name="empty.osm")
    with pytest.raises(NetworkError, match=r"empty\.osm.* among 0"):
        build_network_from_osm(empty, **options)


def test_a_system_can_be_chosen_but_must_be_in_true_metres(crossroads, options):
    network = build_network_from_osm(crossroads, crs="EPSG:32647", **options)
    assert network.segments.crs.to_epsg() == 32647
    with pytest.raises(CrsError, match="3857"):
        build_network_from_osm(crossroads, crs="EPSG:3857", **options)


def test_progress_ends_where_it_said_it_would(crossroads, options):
    seen = []
    build_network_from_osm(crossroads, progress=lambda *step: seen.append(step), **options)
    assert seen[0][:2] == (0, 5)
    assert seen[-1][:2] == (5, 5)


@pytest.mark.parametrize(
    ("columns", "classes"),
    [
        ({"highway": ["trunk", "living_street"]}, ["trunk", "residential"]),
        ({"class2": ["major", "minor"]}, ["secondary", "residential"]),
        ({"FCLASS": ["primary_link", "track_grade3"]}, ["primary", "track"]),
        ({"other": [1, 2]}, ["unclassified"]),
    ],
)
def test_the_class_column_of_a_line_layer_is_found(make_lines, options, columns, classes):
    lines = make_lines([[(0, 0), (100, 0)], [(100, 0), (200, 0)]], **columns)
    network = build_network_from_lines(lines, **options)
    assert network.segments["road_class"].tolist() == classes


def test_a_class_column_can_be_given(make_lines, options):
    lines = make_lines([[(0, 0), (9, 0)]], kind=["tertiary"], highway=["trunk"])
    network = build_network_from_lines(lines, class_column="kind", **options)
    assert network.segments["road_class"].tolist() == ["tertiary"]
    with pytest.raises(TableError, match="missing: sort; found: kind, highway"):
        build_network_from_lines(lines, class_column="sort", **options)
    with pytest.raises(NetworkError, match="1 not a road: kind=runway"):
        build_network_from_lines(lines.assign(kind="runway"), class_column="kind", **options)


def test_columns_named_as_tags_are_read_as_such(make_lines, options):
    lines = make_lines(
        [[(0, 0), (100, 0)], [(300, 0), (200, 0)]],
        fclass=["residential", "primary"],
        name=["A", None],
        maxspeed=[40, 0],
        lanes=[2.0, np.nan],
        oneway=["B", "T"],
        bridge=["F", "T"],
        layer=[0, 1],
    )
    first, second = build_network_from_lines(lines, **options).segments.to_dict("records")
    assert (first["name"], first["maxspeed_kmh"], first["lanes"]) == ("A", 40, 2)
    assert (first["oneway"], first["is_bridge"], first["layer"]) == ("no", False, 0)
    assert (second["oneway"], second["is_bridge"], second["layer"]) == ("backward", True, 1)
    assert pd.isna(second["name"])
    assert np.isnan(second["maxspeed_kmh"])
    assert [first["osm_way_id"], second["osm_way_id"]] == [0, 1]


def test_words_for_one_way_are_read_back_and_unknown_ones_told(make_lines, options, caplog):
    words = ["forward", "backward", "no", "yes", "-1", "1", "true", "links", None, ""]
    lines = [[(0, 50 * i), (100, 50 * i)] for i in range(len(words))]
    network = build_network_from_lines(make_lines(lines, oneway=words), **options)
    found = network.segments.set_index("osm_way_id")["oneway"].sort_index()
    one, back = ["forward"], ["backward"]
    assert found.tolist() == [*one, *back, "no", *one, *back, *one, *one, "no", "no", "no"]
    assert network.summary["oneway_not_known"] == {"links": 1}
    assert "'oneway' that is not known ('links': 1)" in caplog.text
    again = build_network_from_lines(network.segments, **options)
    assert again.segments["oneway"].value_counts().to_dict() == found.value_counts().to_dict()
    assert "oneway_not_known" not in again.summary


def test_lines_join_at_shared_vertices_to_the_centimetre_and_never_where_they_cross(
    make_lines, options
):
    lines = make_lines(
        [
            [(0, 0), (100, 0), (200, 0)],
            [(100.004, 0.004), (100, 80)],  # starts at an inner vertex of the first
            [(50, -50), (50, 50)],  # crosses the first
        ]
    )
    network = build_network_from_lines(lines, **options)
    assert sorted(network.segments["length_m"].round(1)) == [80.0, 100.0, 100.0, 100.0]
    assert network.summary["n_components"] == 2
    assert len(network.intersections) == 1


def test_rows_without_a_line_are_counted(make_lines, options):
    lines = make_lines([[(0, 0), (100, 0)], [(0, 5), (0, 5)]])
    empty = gpd.GeoDataFrame(geometry=[None], crs=lines.crs)
    layer = pd.concat([lines, empty], ignore_index=True)
    summary = build_network_from_lines(layer, **options).summary
    assert summary["n_ways_read"] == 3
    assert summary["n_ways_skipped"] == {"no geometry": 1, "no length": 1}
    with pytest.raises(NetworkError, match="no length"):
        build_network_from_lines(lines.iloc[1:], **options)
    with pytest.raises(NetworkError, match="no geometry"):
        build_network_from_lines(empty, **options)


def test_a_line_layer_in_degrees_gives_the_same_network(make_lines, options, tmp_path):
    lines = make_lines([[(0, 0), (100, 0), (100, 60)], [(100, 0), (180, 0)]], highway=["road"] * 2)
    metres = build_network_from_lines(lines, **options)
    path = write_layer(lines.to_crs(4326), tmp_path / "roads.gpkg")
    degrees = build_network_from_lines(path, **options)
    assert degrees.segments.crs == metres.segments.crs
    np.testing.assert_allclose(
        np.sort(degrees.segments["length_m"]), np.sort(metres.segments["length_m"]), atol=1e-5
    )
    (tmp_path / "empty.geojson").write_text("")
    with pytest.raises(DataSourceError, match="empty"):
        build_network_from_lines(tmp_path / "empty.geojson", **options)


DATE_LINE = (179.98, 179.999, -179.999, -179.98)


def test_lines_across_the_180th_meridian_keep_their_kilometres(options):
    lines = [LineString([(a, -16.8), (b, -16.8)]) for a, b in pairwise(DATE_LINE)]
    frame = gpd.GeoDataFrame(geometry=lines, crs=4326)
    network = build_network_from_lines(frame, **options)
    true_km = Geod(ellps="WGS84").inv(179.98, -16.8, -179.98, -16.8)[2] / 1000
    assert network.summary["network_km"] == pytest.approx(true_km, rel=0.002)
    west, _, east, _ = network.summary["bounds_wgs84"]
    assert (west, east) == pytest.approx((179.98, -179.98), abs=1e-4)


@pytest.mark.parametrize("boundary", [None, "split", "past 180"])
def test_osm_roads_across_the_180th_meridian_keep_their_kilometres(options, tmp_path, boundary):
    nodes = [f'<node id="{i}" lat="-16.8" lon="{lon}"/>' for i, lon in enumerate(DATE_LINE, 1)]
    refs = "".join(f'<nd ref="{i}"/>' for i in range(1, 5))
    way = f'<way id="1">{refs}<tag k="highway" v="primary"/></way>'
    path = tmp_path / "fiji.osm"
    path.write_text(f'<osm version="0.6">{"".join(nodes)}{way}</osm>')
    area = {
        None: None,
        "split": shapely.union(box(179.99, -17, 180, -16), box(-180, -17, -179.9, -16)),
        "past 180": box(179.99, -17, 180.1, -16),
    }[boundary]
    network = build_network_from_osm(path, **options, boundary=area)
    inside = (179.98, 179.999)[boundary is not None]
    true_km = Geod(ellps="WGS84").inv(inside, -16.8, -179.98, -16.8)[2] / 1000
    assert network.summary["network_km"] == pytest.approx(true_km, rel=0.002)


def check_contract(network):
    """Check what every network promises, whatever it was built from."""
    segments, nodes, found = network.segments, network.nodes, network.intersections
    for frame, key in ((segments, "segment_id"), (nodes, "node_id"), (found, "intersection_id")):
        assert frame[key].tolist() == list(range(len(frame)))
        assert frame[key].dtype == np.int64
    shapes = segments.geometry.to_numpy()
    np.testing.assert_allclose(shapely.length(shapes), segments["length_m"], atol=1e-6)
    spots = nodes.geometry.to_numpy()
    for end, index in (("u", 0), ("v", -1)):
        assert shapely.distance(shapely.get_point(shapes, index), spots[segments[end]]).max() < 1e-6
    assert segments["length_m"].max() <= 500.0 + 1e-6
    assert segments["length_m"].min() > 0
    ends = np.concatenate([segments["u"], segments["v"]])
    np.testing.assert_array_equal(np.bincount(ends, minlength=len(nodes)), nodes["degree"])
    assert nodes.loc[nodes["degree"] >= 3, "intersection_id"].notna().all()
    assert found["n_nodes"].sum() == nodes["intersection_id"].notna().sum()
    by_part = segments.groupby("component")["length_m"].sum()
    assert by_part.is_monotonic_decreasing
    assert not segments.isin(["None", "nan"]).any().any()


@pytest.mark.slow
def test_porto_alegre(shared_data, options):
    path = shared_data / "porto_alegre" / "poa.osm.pbf"
    network = build_network_from_osm(path, **(options | CUT))
    check_contract(network)
    assert network.summary["n_ways_read"] == 15_886
    assert network.summary["network_km"] == pytest.approx(2015.44, abs=0.01)
    assert sum(network.summary["n_ways_skipped"].values()) == 71
    assert network.intersections["has_signals"].sum() > 300
    assert network.intersections["is_roundabout"].sum() == 9


@pytest.mark.slow
def test_the_same_junctions_and_lengths_as_osmnx(shared_data, options, tmp_path):
    """The second implementation, on the ways that start in one part of Porto Alegre."""
    osmnx = pytest.importorskip("osmnx")
    path = shared_data / "porto_alegre" / "poa.osm.pbf"
    roads = read_osm(path, road_classes=options["road_classes"])
    start = roads.offset[:-1]
    lon, lat = roads.lon[start], roads.lat[start]
    chosen = (abs(lon + 51.22) < 0.008) & (abs(lat + 30.04) < 0.008)
    nodes, ways = {}, []
    for way in np.flatnonzero(chosen):
        some = slice(roads.offset[way], roads.offset[way + 1])
        refs = roads.node_ref[some].tolist()
        nodes |= dict(zip(refs, zip(roads.lon[some], roads.lat[some], strict=True), strict=True))
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        ways.append(f'<way id="{way + 1}">{inner}<tag k="highway" v="road"/></way>')
    lines = [f'<node id="{ref}" lon="{x}" lat="{y}"/>' for ref, (x, y) in sorted(nodes.items())]
    file = tmp_path / "part.osm"
    body = "\n".join(lines + ways)
    file.write_text(f'<osm version="0.6">\n{body}\n</osm>\n', encoding="utf-8")

    ours = build_network_from_osm(file, **options)
    graph = osmnx.graph_from_xml(file, bidirectional=True, retain_all=True)
    theirs = osmnx.convert.to_undirected(osmnx.project_graph(graph))
    ends = Counter(node for u, v in theirs.edges() for node in (u, v))
    degree = ours.nodes["degree"].to_numpy()
    assert len(degree) > 500
    assert set(ours.nodes["osm_node_id"][degree != 2]) == {n for n, k in ends.items() if k != 2}
    edges = osmnx.graph_to_gdfs(theirs, nodes=False)
    u, v = ours.segments["u"], ours.segments["v"]
    is_ring = (u == v) & (degree[u] == 2)  # osmnx drops rings that touch no other road
    assert edges.crs == ours.segments.crs
    assert edges.length.sum() == pytest.approx(
        ours.segments.loc[~is_ring, "length_m"].sum(), abs=0.01
    )


@pytest.mark.slow
def test_phnom_penh_roads_as_a_line_layer(shared_data, options):
    path = shared_data / "cambodia" / "phnom_penh_roads.geojson"
    network = build_network_from_lines(path, **(options | CUT))
    check_contract(network)
    assert network.summary["class_column"] == "class2"
    assert network.summary["network_km"] == pytest.approx(985.3, abs=0.1)
    assert network.summary["n_components"] == 24
    assert set(network.segments["road_class"]) == {"secondary", "residential"}


@pytest.mark.slow
def test_douala_edges_keep_the_junctions_of_the_graph_they_came_from(shared_data, options):
    path = shared_data / "douala" / "roads.parquet"
    network = build_network_from_lines(path, **(options | CUT))
    check_contract(network)
    edges = gpd.read_parquet(path)
    assert network.summary["network_km"] == pytest.approx(edges.length.sum() / 1000, abs=1e-3)
    degree = np.unique(np.concatenate([edges["u"], edges["v"]]), return_counts=True)[1]
    ours = network.nodes["degree"]
    for n in (1, 3, 4, 5):
        assert (ours == n).sum() == (degree == n).sum()
