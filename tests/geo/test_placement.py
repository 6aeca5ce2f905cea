"""One crash, one site: the rules of placement, one by one, and what must always hold."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import LineString, Point

from core.errors import CrsError, InputError, TableError
from core.vocabulary import RoadClass
from geo.lixels import build_lixels
from geo.network import build_network_from_osm
from geo.placement import place_crashes
from geo.snapping import get_point_xy, snap_points

CRS = 32648
X0, Y0 = 490_000.0, 1_280_000.0  # near Phnom Penh
TO_WGS84 = Transformer.from_crs(CRS, 4326, always_xy=True)
RULES = {"max_distance_m": 50, "intersection_radius_m": 20, "ambiguity_margin_m": 5}

# id: u, v, intersection at u, at v, class, internal, name, ref, line
ROADS = [
    (0, 1, 2, None, 0, "primary", False, "Veng Sreng", None, [(-200, 0), (0, 0)]),
    (1, 2, 3, 0, 0, "primary", True, "Veng Sreng", None, [(0, 0), (10, 0)]),
    (2, 3, 4, 0, None, "primary", False, "Veng Sreng", None, [(10, 0), (110, 0)]),
    (3, 4, 5, None, None, "primary", False, "Veng Sreng", None, [(110, 0), (210, 0)]),
    (4, 2, 6, 0, None, "tertiary", False, "Street 271", None, [(0, 0), (0, 200)]),
    (5, 7, 8, None, None, "service", False, None, None, [(60, 12), (210, 12)]),
    (6, 9, 10, None, None, "path", False, None, None, [(-200, -6), (-60, -6)]),
    (7, 11, 12, None, None, "trunk", False, None, "NR4", [(-100, -100), (-100, 300)]),
    (8, 13, 14, None, None, "primary", False, "Long Way", None, [(600, 0), (800, 0)]),
]


@pytest.fixture(scope="module")
def network():
    """Return a junction 0 of two nodes 10 m apart, its arms, and roads that only come near.

    Segment 3 continues 2 at a mere cut; 5 runs 12 m beside them; 7 crosses 0 on a bridge.
    """
    columns = ["segment_id", "u", "v", "intersection_u", "intersection_v", "road_class"]
    columns += ["is_internal", "name", "ref", "geometry"]
    table = pd.DataFrame(ROADS, columns=columns)
    table[["intersection_u", "intersection_v"]] = table[
        ["intersection_u", "intersection_v"]
    ].astype("Int64")
    table[["name", "ref"]] = table[["name", "ref"]].astype("str")
    lines = [LineString([(X0 + x, Y0 + y) for x, y in line]) for line in table.pop("geometry")]
    segments = gpd.GeoDataFrame(table, geometry=lines, crs=CRS)
    intersections = gpd.GeoDataFrame(
        {"intersection_id": [0]}, geometry=[Point(X0 + 5, Y0)], crs=CRS
    )
    return segments, intersections


def crash_at(*places, **columns):
    """Make crashes at metres east and north of the junction."""
    x, y = np.array(places, dtype=float).reshape(-1, 2).T
    lon, lat = TO_WGS84.transform(x + X0, y + Y0)
    ids = [f"c{i}" for i in range(len(lon))]
    return pd.DataFrame({"crash_id": ids, "lon": lon, "lat": lat, **columns})


def place(network, crashes, **options):
    return place_crashes(crashes, *network, **(RULES | options))


def test_within_20_m_of_any_node_of_an_intersection_it_belongs_to_it(network):
    placed = place(network, crash_at((-15, 1), (29, 0), (31, 0), (0, 21)))
    assert placed["site_id"].tolist() == ["I0", "I0", "S2", "S4"]
    assert placed["site_type"].tolist() == ["intersection", "intersection", "segment", "segment"]
    assert placed["segment_id"].tolist() == [0, 2, 2, 4]
    assert placed["intersection_id"].tolist() == [0, 0, pd.NA, pd.NA]
    assert placed["snap_distance_m"].tolist() == pytest.approx([1, 0, 0, 0], abs=1e-3)
    assert placed["offset_m"].tolist() == pytest.approx([185, 19, 21, 21], abs=1e-3)
    assert placed["intersection_distance_m"].tolist()[:2] == pytest.approx([15.033, 19], abs=1e-3)
    assert placed["intersection_distance_m"].isna().tolist() == [False, False, True, True]


def test_arms_never_compete_with_their_intersection_nor_continuations_with_each_other(network):
    placed = place(network, crash_at((2, 2), (34, 0), (110, -1)))
    assert placed["site_id"].tolist() == ["I0", "S2", "S2"]
    assert placed["runner_up_site_id"].tolist() == [np.nan, "S5", "S5"]
    assert placed["is_ambiguous"].tolist() == [False, False, False]


def test_another_road_within_the_margin_makes_it_ambiguous(network):
    placed = place(network, crash_at((150, 3), (150, 3.51), (150, 6.1), (150, -6)))
    assert placed["site_id"].tolist() == ["S3", "S3", "S5", "S3"]
    assert placed["runner_up_site_id"].tolist() == ["S5", "S5", "S3", "S5"]
    assert placed["runner_up_distance_m"].tolist() == pytest.approx([9, 8.49, 6.1, 18], abs=1e-3)
    assert placed["is_ambiguous"].tolist() == [False, True, True, False]
    assert placed["location_quality"].tolist() == ["A", "B", "B", "A"]


def test_a_road_on_a_bridge_over_an_arm_competes(network):
    placed = place(network, crash_at((-98, 1)))
    assert placed["site_id"].tolist() == ["S0"]
    assert placed["runner_up_site_id"].tolist() == ["S7"]
    assert placed["is_ambiguous"].tolist() == [True]


def test_vehicles_are_never_on_a_path_and_walkers_may_be(network):
    users = ["pedestrian", "car;pedestrian", "", "motorcycle_driver"]
    placed = place(network, crash_at(*[(-150, -6)] * 4, road_users=users))
    assert placed["site_id"].tolist() == ["S6", "S0", "S6", "S0"]
    assert placed["snap_distance_m"].tolist() == pytest.approx([0, 6, 0, 6], abs=1e-3)


def test_a_reported_name_wins_within_15_m_more(network):
    names = ["St. 271", "Street 273", "veng sreng blvd", "ផ្លូវជាតិលេខ៤", None]
    places = [(-26, 40), (-26, 40), (100, 9), (-104, 2), (100, 9)]
    placed = place(network, crash_at(*places, road_name=names))
    assert placed["site_id"].tolist() == ["S4", "S4", "S2", "S7", "S5"]
    assert placed["runner_up_site_id"].tolist()[2:4] == [np.nan, np.nan]
    far = place(network, crash_at((-36, 10), (-24, 1), road_name="Street 271"))
    assert far["site_id"].tolist() == ["S0", "S0"]  # 26 and 23 m more than the nearest


def test_an_intersection_must_be_on_the_road_that_was_named(network):
    placed = place(network, crash_at((-12, 3), (-8, 9), road_name=["NR4", "Street 271"]))
    assert placed["site_id"].tolist() == ["I0", "I0"]
    segments, intersections = network
    bridge = segments.assign(
        geometry=segments.geometry.translate(xoff=90).where(
            segments["segment_id"] == 7, segments.geometry
        )
    )
    placed = place((bridge, intersections), crash_at((-12, 3), road_name="NR4"))
    assert placed["site_id"].tolist() == ["S7"]


def test_a_corrected_place_is_taken_as_it_is(network):
    crashes = crash_at((100, 9), (150, 6.1), road_name="Veng Sreng", placed_by="person")
    placed = place(network, crashes)
    assert placed["site_id"].tolist() == ["S5", "S5"]
    assert placed["runner_up_site_id"].tolist() == ["S2", "S3"]
    assert placed["is_ambiguous"].tolist() == [False, False]
    assert placed["location_quality"].tolist() == ["A", "A"]


def test_off_the_road_is_grade_b_and_too_far_is_not_placed(network):
    placed = place(network, crash_at((700, 15), (700, 16), (700, 49.9), (700, 50.1), (450, 3)))
    assert placed["location_quality"].tolist() == ["A", "B", "B", "B", "B"]
    assert placed["site_id"].isna().tolist() == [False, False, False, True, True]
    assert placed["unplaced_reason"].tolist()[3:] == ["farther than 50 m from every road"] * 2
    assert placed.loc[3:, ["segment_id", "snap_distance_m", "runner_up_site_id"]].isna().all(None)


def test_coordinates_that_cannot_be_used_are_told_apart(network):
    here = crash_at((100, 1))
    lon, lat = here["lon"].item(), here["lat"].item()
    lons = [np.nan, lon, 0.0, lat, 181.0, lon + 1, np.inf, lon]
    lats = [lat, np.nan, 0.0, lon, lat, lat, lat, lat]
    crashes = pd.DataFrame(
        {"crash_id": list("abcdefgh"), "lon": lons, "lat": lats, "village": "Ang Snuol"}
    )
    placed = place(network, crashes)
    assert placed["unplaced_reason"].fillna("").tolist() == [
        "no coordinates",
        "no coordinates",
        "no coordinates",
        "axes look swapped",
        "coordinates out of range",
        "outside the study area",
        "coordinates out of range",
        "",
    ]
    assert placed["location_quality"].tolist() == list("DDDDDBDA")
    assert placed["lon"].equals(crashes["lon"])
    assert placed.geometry.is_empty.tolist() == [True, True, True, True, True, False, True, False]


def test_rounded_coordinates_are_grade_c(network):
    lon, lat = TO_WGS84.transform(X0 + 700, Y0)
    crashes = pd.DataFrame(
        {
            "crash_id": list("abcd"),
            "lon": [round(lon, 3), round(lon, 3), round(lon, 4), round(lon, 2)],
            "lat": [round(lat, 3), lat, round(lat, 4), round(lat, 2)],
        }
    )
    placed = place(network, crashes, max_distance_m=2000)
    assert placed["location_quality"].tolist()[::3] == ["C", "C"]
    assert "C" not in placed["location_quality"].tolist()[1:3]


def test_darkness_comes_from_light_then_the_hour(network):
    hours = ["2024-05-01 22:00", "2024-05-01 22:00", "2024-05-01 18:00", "2024-05-01 06:00"]
    times = pd.to_datetime([*hours, "2024-05-01 05:59", "2024-05-01 00:00", None])
    crashes = crash_at(
        *[(100, 0)] * 7,
        occurred_at=times,
        has_time=[True, True, True, True, True, False, False],
        light=["day", "dark", *["unknown"] * 5],
    )
    placed = place(network, crashes)
    expected = ["no", "yes", "yes", "no", "yes", "unknown", "unknown"]
    assert placed["is_dark"].tolist() == expected


def test_lixels_are_filled_in(network):
    lixels = build_lixels(network[0], lixel_length_m=50)
    placed = place(network, crash_at((100, 1), (700, 300)), lixels=lixels)
    row = lixels.loc[placed["lixel_id"][0]]
    assert (row["segment_id"], row["start_m"], row["end_m"]) == (2, 50, 100)
    assert placed["lixel_id"].isna().tolist() == [False, True]


@pytest.mark.slow
def test_porto_alegre_register(shared_data):
    """The real register of 2013-16: expected values from the data's own description."""
    folder = shared_data / "porto_alegre"
    drivable = [word.value for word in RoadClass if word not in {RoadClass.TRACK, RoadClass.PATH}]
    roads = build_network_from_osm(
        folder / "poa.osm.pbf",
        road_classes=drivable,
        max_segment_length_m=500,
        intersection_tolerance_m=15,
    )
    columns = ["LATITUDE", "LONGITUDE", "LOG1"]
    register = pd.concat(
        [
            pd.read_csv(
                folder / f"acidentes-{year}.csv",
                encoding="latin-1",
                usecols=columns,
                index_col=False,
            )
            for year in range(2013, 2017)
        ],
        ignore_index=True,
    )
    crashes = pd.DataFrame(
        {
            "crash_id": register.index.astype(str),
            "lon": register["LONGITUDE"],
            "lat": register["LATITUDE"],
        }
    )
    placed = place((roads.segments, roads.intersections), crashes)
    assert len(placed) == len(register) == 69_695
    assert (placed["site_id"].notna() ^ placed["unplaced_reason"].notna()).all()
    inside = placed["unplaced_reason"].ne("outside the study area")
    assert placed.loc[inside, "site_id"].notna().mean() > 0.95
    assert placed["is_ambiguous"].mean() < 0.2

    main = roads.segments[roads.segments["component"] == 0]
    hull = shapely.convex_hull(shapely.multipoints(shapely.get_coordinates(main.geometry)))
    points = placed.geometry[shapely.contains_xy(hull, get_point_xy(placed))]
    assert len(points) == pytest.approx(55_303, rel=0.01)
    distance = snap_points(points, main, max_distance_m=np.inf)["distance_m"]
    assert distance.median() == pytest.approx(3.7, abs=0.2)
    assert distance.quantile(0.95) == pytest.approx(32, abs=1.5)

    named = place((roads.segments, roads.intersections), crashes.assign(road_name=register["LOG1"]))
    assert named["site_id"].isna().equals(placed["site_id"].isna())
    moved = named["site_id"].fillna("") != placed["site_id"].fillna("")
    assert 0 < moved.mean() < 0.05


def test_a_network_without_intersections_and_no_crashes_at_all(network):
    segments, intersections = network
    bare = segments.assign(intersection_u=pd.NA, intersection_v=pd.NA, is_internal=False).astype(
        {"intersection_u": "Int64", "intersection_v": "Int64"}
    )
    placed = place((bare, intersections[:0]), crash_at((2, 2)))
    assert placed["site_id"].tolist() == ["S1"]
    empty = place(network, crash_at((0, 0))[:0])
    assert len(empty) == 0
    assert {"site_id", "unplaced_reason", "location_quality", "is_dark"} <= set(empty.columns)
    assert empty.crs == segments.crs


def test_bad_input_is_refused(network):
    segments, intersections = network
    with pytest.raises(TableError, match="lat"):
        place(network, crash_at((0, 0)).drop(columns="lat"))
    with pytest.raises(TableError, match="crash_id"):
        place(network, pd.concat([crash_at((0, 0))] * 2))
    with pytest.raises(TableError, match="no rows"):
        place((segments[:0], intersections), crash_at((0, 0)))
    with pytest.raises(TableError, match="first 0"):
        place((segments, intersections[:0]), crash_at((0, 0)))
    with pytest.raises(InputError, match="ambiguity_margin_m"):
        place(network, crash_at((0, 0)), ambiguity_margin_m=-1)
    with pytest.raises(CrsError):
        place((segments.to_crs(4326), intersections), crash_at((0, 0)))


def test_arguments_are_left_as_they_were(network):
    crashes = crash_at((2, 2), (100, 3), road_name=["x", None])
    before = crashes.copy(deep=True)
    segments = network[0].copy(deep=True)
    place(network, crashes)
    pd.testing.assert_frame_equal(crashes, before)
    assert segments.equals(network[0])


offset = st.floats(-260, 860)


@settings(deadline=None, max_examples=30)
@given(
    places=st.lists(st.tuples(offset, st.floats(-170, 360)), min_size=1, max_size=30),
    lost=st.sets(st.integers(0, 29)),
    seed=st.integers(0, 99),
)
def test_every_crash_comes_out_once_and_placed_or_explained(network, places, lost, seed):
    crashes = crash_at(*places, road_name="Veng Sreng")
    crashes.loc[[i for i in lost if i < len(crashes)], "lat"] = np.nan
    crashes.index = range(100, 100 + len(crashes))
    placed = place(network, crashes)
    assert placed["crash_id"].tolist() == crashes["crash_id"].tolist()
    assert placed.index.equals(crashes.index)
    assert (placed["site_id"].notna() ^ placed["unplaced_reason"].notna()).all()
    assert placed["location_quality"].isin(list("ABCD")).all()
    some = placed[placed["site_id"].notna()]
    assert (some["snap_distance_m"] <= 50).all()
    assert (some["runner_up_site_id"] != some["site_id"]).all()
    lines = network[0].set_index("segment_id").geometry
    at = lines.loc[some["segment_id"]].reset_index(drop=True)
    away = at.distance(some.geometry.reset_index(drop=True))
    assert np.allclose(away, some["snap_distance_m"], atol=1e-5)
    rng = np.random.default_rng(seed)
    shuffled = place(
        (network[0].sample(frac=1, random_state=seed), network[1]),
        crashes.iloc[rng.permutation(len(crashes))],
    ).loc[crashes.index]
    pd.testing.assert_frame_equal(pd.DataFrame(shuffled), pd.DataFrame(placed))


@st.composite
def small_networks(draw):
    """Draw roads between a few nodes, some of which are clustered into intersections."""
    n_nodes = draw(st.integers(2, 7))
    spot = st.tuples(st.integers(0, 24), st.integers(0, 24))
    spots = draw(st.lists(spot, min_size=n_nodes, max_size=n_nodes, unique=True))
    xy = np.array(spots) * 7.0 + (X0, Y0)
    cluster = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=n_nodes, max_size=n_nodes))
    cluster = np.unique(cluster, return_inverse=True)[1] - (-1 in cluster)
    node = st.integers(0, n_nodes - 1)
    pairs = draw(st.lists(st.tuples(node, node), min_size=1, max_size=9))
    pairs = np.array([(u, v if v != u else (u + 1) % n_nodes) for u, v in pairs])
    at_u, at_v = cluster[pairs[:, 0]], cluster[pairs[:, 1]]
    is_path = st.sampled_from(["path", "tertiary", "primary"])
    classes = draw(st.lists(is_path, min_size=len(pairs), max_size=len(pairs)))
    segments = gpd.GeoDataFrame(
        {
            "segment_id": np.arange(len(pairs)),
            "u": pairs[:, 0],
            "v": pairs[:, 1],
            "intersection_u": pd.arrays.IntegerArray(at_u, at_u < 0),
            "intersection_v": pd.arrays.IntegerArray(at_v, at_v < 0),
            "road_class": classes,
            "is_internal": (at_u == at_v) & (at_u >= 0),
        },
        geometry=[LineString([xy[u], xy[v]]) for u, v in pairs],
        crs=CRS,
    )
    n = int(cluster.max()) + 1
    centres = [Point(xy[cluster == i].mean(axis=0)) for i in range(n)]
    return segments, gpd.GeoDataFrame({"intersection_id": range(n)}, geometry=centres, crs=CRS)


def find_site_by_rules(point, is_motor, segments, intersections):
    """Follow the rules of geo.placement one crash and one road at a time."""
    roads = {}
    for row in segments.itertuples():
        if not (is_motor and row.road_class == "path"):
            distance = row.geometry.distance(point)
            if distance <= 55:
                roads[row.segment_id] = distance
    nearest = min(roads, key=lambda i: (round(roads[i] * 1e6), i), default=None)
    if nearest is None or roads[nearest] > 50:
        return None
    rows = segments.set_index("segment_id")
    ends = {
        i: {end for end in rows.loc[i, ["intersection_u", "intersection_v"]] if end is not pd.NA}
        for i in rows.index
    }
    inner = {i: next(iter(ends[i])) for i in rows.index if rows.loc[i, "is_internal"]}
    near = {}
    for row in intersections.itertuples():
        parts = [row.geometry]
        for i in rows.index:
            line = rows.loc[i, "geometry"]
            for end, at in (("intersection_u", 0), ("intersection_v", -1)):
                if rows.loc[i, end] is not pd.NA and rows.loc[i, end] == row.intersection_id:
                    parts.append(Point(line.coords[at]))
            if inner.get(i) == row.intersection_id:
                parts.append(line)
        arms = [roads[i] for i in roads if row.intersection_id in ends[i]]
        distance = min(part.distance(point) for part in parts)
        if distance <= 25 and arms:
            near[row.intersection_id] = (distance, min(arms))
    chosen = min(near, key=lambda i: (round(near[i][0] * 1e6), i), default=None)
    if chosen is None or near[chosen][0] > 20:
        chosen = inner.get(nearest)
    graph = nx.Graph()
    for i in rows.index:
        graph.add_node(("road", i))
        for side in ("u", "v"):
            if rows.loc[i, f"intersection_{side}"] is pd.NA:
                graph.add_edge(("road", i), ("node", rows.loc[i, side]))
    chain = {i: nx.node_connected_component(graph, ("road", i)) for i in rows.index}
    touches = {i: set().union(*(ends[j] for j in ends if ("road", j) in chain[i])) for i in ends}
    rivals = {}
    if chosen is None:
        site, reference = f"S{nearest}", roads[nearest]
        others = [
            i
            for i in roads
            if ("road", i) not in chain[nearest] and inner.get(i, -1) not in touches[nearest]
        ]
    else:
        site = f"I{chosen}"
        reference = min(near[chosen]) if chosen in near else roads[nearest]
        others = [i for i in roads if chosen not in touches[i] and inner.get(i) != chosen]
        base = near[chosen][0] if chosen in near else roads[nearest]
        rivals = {f"I{i}": near[i][0] - base for i in near if i != chosen}
    for i in others:
        name = f"I{inner[i]}" if i in inner else f"S{i}"
        rivals[name] = min(rivals.get(name, np.inf), roads[i] - reference)
    return site, nearest, roads[nearest], rivals


def test_the_limit_reaches_round_the_end_of_a_road():
    """A circle is drawn with chords: none may cut off a crash that is near enough."""
    segments = gpd.GeoDataFrame(
        {
            "segment_id": [0],
            "u": [0],
            "v": [1],
            "intersection_u": pd.array([None], dtype="Int64"),
            "intersection_v": pd.array([None], dtype="Int64"),
            "road_class": ["tertiary"],
            "is_internal": [False],
        },
        geometry=[LineString([(X0, Y0), (X0 + 200, Y0)])],
        crs=CRS,
    )
    intersections = gpd.GeoDataFrame({"intersection_id": []}, geometry=[], crs=CRS)
    angle = np.radians(np.arange(90, 271, 0.5))
    round_the_end = np.column_stack([np.cos(angle), np.sin(angle)])
    placed = place((segments, intersections), crash_at(*49.99 * round_the_end))
    assert placed["site_id"].eq("S0").all()
    placed = place((segments, intersections), crash_at(*50.01 * round_the_end))
    assert placed["site_id"].isna().all()


@settings(deadline=None, max_examples=40)
@given(
    network=small_networks(),
    places=st.lists(
        st.tuples(st.integers(-40, 210), st.integers(-40, 210), st.booleans()),
        min_size=1,
        max_size=12,
    ),
)
def test_every_choice_follows_the_rules_told(network, places):
    x, y, is_motor = zip(*places, strict=True)
    points = np.column_stack([np.array(x) + 0.123, np.array(y) + 0.377])
    users = np.where(is_motor, "car", "pedestrian")
    placed = place(network, crash_at(*points, road_users=users))
    for row, motor in zip(placed.itertuples(), is_motor, strict=True):
        expected = find_site_by_rules(row.geometry, motor, *network)
        if expected is None:
            assert row.unplaced_reason in {
                "farther than 50 m from every road",
                "outside the study area",
            }
            continue
        site, nearest, distance, rivals = expected
        assert (row.site_id, row.segment_id) == (site, nearest)
        assert row.snap_distance_m == pytest.approx(distance, abs=1e-5)
        least = min(rivals.values(), default=None)
        if least is None:
            assert pd.isna(row.runner_up_site_id)
            assert not row.is_ambiguous
        else:
            assert rivals[row.runner_up_site_id] == pytest.approx(least, abs=2e-6)
            assert row.is_ambiguous == (least <= 5)


def test_footprint_reaches_round_a_roundabout():
    ring = shapely.get_coordinates(Point(X0, Y0).buffer(40, quad_segs=16).exterior)
    half = len(ring) // 2
    lines = [
        LineString(ring[: half + 1]),
        LineString(ring[half:]),
        LineString([ring[0], (X0 + 200, Y0)]),
        LineString([ring[half], (X0 - 200, Y0)]),
    ]
    segments = gpd.GeoDataFrame(
        {
            "segment_id": [0, 1, 2, 3],
            "u": [0, 1, 0, 1],
            "v": [1, 0, 2, 3],
            "intersection_u": pd.array([0, 0, 0, 0], dtype="Int64"),
            "intersection_v": pd.array([0, 0, None, None], dtype="Int64"),
            "road_class": "primary",
            "is_internal": [True, True, False, False],
        },
        geometry=lines,
        crs=CRS,
    )
    centre = gpd.GeoDataFrame({"intersection_id": [0]}, geometry=[Point(X0, Y0)], crs=CRS)
    crashes = crash_at((0, 0), (0, 39), (0, 70), (62, 0), (0, 95))
    placed = place((segments, centre), crashes)
    assert placed["site_id"].tolist()[:4] == ["I0", "I0", "I0", "S2"]
    assert placed["unplaced_reason"].tolist()[4] == "outside the study area"
    assert not placed["is_ambiguous"].any()


def test_the_grade_is_the_worse_of_what_was_told_and_what_is_found(network):
    told = ["A", "C", "D", None, "A"]
    placed = place(
        network,
        crash_at(*[(150, 3)] * 4, (150, 6.1), location_quality=told, placed_by="coordinates"),
    )
    assert placed["location_quality"].tolist() == ["A", "C", "D", "A", "B"]


def test_a_village_is_no_place_on_a_road(network):
    methods = ["village", "commune", "district", "road_km", "person"]
    placed = place(
        network, crash_at(*[(150, 3)] * 5, placed_by=methods, location_quality=list("DDDCD"))
    )
    assert placed["site_id"].isna().tolist() == [True, True, True, False, False]
    assert placed["unplaced_reason"].tolist()[:3] == [
        "place known only to the village",
        "place known only to the commune",
        "place known only to the district",
    ]
    assert placed["location_quality"].tolist() == list("DDDCA")
    assert not placed.geometry.is_empty.any()


def test_a_lost_sign_is_flagged_not_mended(network):
    here = crash_at((150, 3))
    wrong = pd.DataFrame(
        {"crash_id": ["a", "b"], "lon": [*here["lon"], *-here["lon"]], "lat": [*-here["lat"]] * 2}
    )
    placed = place(network, wrong)
    assert placed["unplaced_reason"].tolist() == ["a sign looks lost"] * 2
    assert placed["location_quality"].tolist() == ["D", "D"]
    assert placed["lat"].tolist() == wrong["lat"].tolist()
