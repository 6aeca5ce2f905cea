"""Routes from many origins to gates, beside networkx on the cut network."""

from __future__ import annotations

import itertools

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from core.errors import CrsError, InputError, NetworkError, TableError
from geo.road_graph import VEHICLES, VehicleRules, compute_speed, get_vehicle
from geo.routing import (
    RouteOptions,
    build_routable_roads,
    compute_travel_times,
    find_routes,
)

UTM48 = 32648
RULES = VehicleRules(
    name="car", speed_kmh={"primary": 72.0, "residential": 36.0}, top_speed_kmh=200.0,
    unpaved_factor=0.5,
)  # fmt: skip


def make_segments(lines, ends, **columns) -> gpd.GeoDataFrame:
    shapes = [LineString(line) for line in lines]
    frame = gpd.GeoDataFrame(geometry=shapes, crs=UTM48)
    frame["segment_id"] = np.arange(len(lines))
    frame["u"], frame["v"] = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    frame["length_m"] = frame.length
    return frame.assign(**{"road_class": "residential", "oneway": "no", **columns})


def make_points(*xy) -> gpd.GeoSeries:
    return gpd.GeoSeries([None if p is None else Point(p) for p in xy], crs=UTM48)


def make_grid(n, *, seed, step=100.0) -> gpd.GeoDataFrame:
    """Make n x n crossings; bends, limits, one-ways and loops as it comes."""
    rng = np.random.default_rng(seed)
    xy = np.column_stack([np.tile(np.arange(n), n), np.repeat(np.arange(n), n)]) * step
    xy = xy + rng.uniform(-20, 20, xy.shape)
    ends = [(i, i + 1) for i in range(n * n) if (i + 1) % n] + [
        (i, i + n) for i in range(n * n - n)
    ]
    ends += [(i, i + n + 1) for i in range(0, n * n - n, 7) if (i + 1) % n]
    lines = [(xy[u], (xy[u] + xy[v]) / 2 + rng.uniform(-9, 9, 2), xy[v]) for u, v in ends]
    m = len(ends)
    return make_segments(
        lines,
        ends,
        road_class=rng.choice(["primary", "residential"], m),
        oneway=rng.choice(["no", "forward", "backward"], m, p=[0.7, 0.15, 0.15]),
        maxspeed_kmh=rng.choice([np.nan, 30.0, 50.0], m),
        surface_class=rng.choice(["paved", "unpaved", "unknown"], m),
    )


def reference_graph(segments, vehicle, places) -> nx.DiGraph:
    """Cut every segment at the places (name -> (row, offset_m)) and take the quickest arcs."""
    speed = compute_speed(segments, vehicle) / 3.6
    cuts: dict[int, list[tuple[float, object]]] = {}
    for name, (row, offset) in places.items():
        cuts.setdefault(row, []).append((offset, name))
    graph = nx.DiGraph()
    joined = []

    def add(a, b, time_s):
        if time_s < graph.get_edge_data(a, b, {"weight": np.inf})["weight"]:
            graph.add_edge(a, b, weight=time_s)

    for row, segment in enumerate(segments.itertuples()):
        if np.isnan(speed[row]):
            continue
        length = segment.geometry.length
        stops = [(0.0, segment.u), *sorted(cuts.get(row, []), key=lambda c: c[0])]
        stops.append((length, segment.v))
        for (at, a), (to, b) in itertools.pairwise(stops):
            time_s = (to - at) / length * segment.length_m / speed[row]
            if to - at <= 1e-6 and not (a == segment.u and b == segment.v):
                joined.append((a, b))
            if segment.oneway != "backward" or not vehicle.obeys_oneway:
                add(a, b, time_s)
            if segment.oneway != "forward" or not vehicle.obeys_oneway:
                add(b, a, time_s)
    for a, b in joined:  # a place at a node can be left any way
        add(a, b, 0.0)
        add(b, a, 0.0)
    return graph


def assert_drivable(segments, routes, vehicle) -> None:
    """Check every route: steps join, go the permitted way, add up in length and time."""
    segments = pd.DataFrame(segments.drop(columns="geometry"))
    segments["speed"] = compute_speed(segments, vehicle) / 3.6
    rows = segments.set_index("segment_id").loc[routes.step_segment_id]
    forward, metres = routes.step_is_forward, routes.step_length_m
    route = np.repeat(np.arange(len(routes.routes)), np.diff(routes.step_offset))
    n = len(routes.routes)
    length_m = np.bincount(route, weights=metres, minlength=n)
    time_s = np.bincount(route, weights=metres / rows["speed"].to_numpy(), minlength=n)
    np.testing.assert_allclose(length_m, routes.routes["length_m"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(time_s, routes.routes["time_s"], rtol=1e-9, atol=1e-9)
    if vehicle.obeys_oneway:
        assert (rows["oneway"].to_numpy() != np.where(forward, "backward", "forward")).all()
    same = route[1:] == route[:-1]
    whole = rows["length_m"].to_numpy()
    assert (metres <= whole + 1e-9).all()
    inner = np.flatnonzero(same[:-1] & same[1:]) + 1
    np.testing.assert_allclose(metres[inner], whole[inner])
    tail = np.where(forward, rows["u"], rows["v"])
    head = np.where(forward, rows["v"], rows["u"])
    assert (head[:-1] == tail[1:])[same].all()


# By hand: a square of 100 m sides driven at 10 m/s, node 0 at (0, 0), then round.
SQUARE = [[(0, 0), (100, 0)], [(100, 0), (100, 100)], [(100, 100), (0, 100)], [(0, 100), (0, 0)]]
ROUND = [(0, 1), (1, 2), (2, 3), (3, 0)]


def test_times_to_the_second_and_steps_by_hand():
    roads = build_routable_roads(
        make_segments(SQUARE, ROUND, maxspeed_kmh=[np.nan, 18.0, np.nan, np.nan]), vehicle=RULES
    )
    origins = make_points((20, -30), (100, 40))
    found = find_routes(roads, origins, make_points((50, 104)))
    assert found.routes["time_s"].tolist() == pytest.approx([2 + 10 + 5, 60 / 5 + 5])
    assert found.routes["length_m"].tolist() == pytest.approx([170, 110])
    assert found.routes["access_m"].tolist() == pytest.approx([34, 4])
    assert found.routes["share"].tolist() == [1, 1]
    assert found.step_segment_id.tolist() == [0, 3, 2, 1, 2]
    assert found.step_is_forward.tolist() == [False, False, False, True, True]
    assert found.step_length_m.tolist() == pytest.approx([20, 100, 50, 60, 50])
    assert found.step_offset.tolist() == [0, 3, 5]
    assert found.routes["start_m"].tolist() == pytest.approx([20, 40])
    assert found.unreachable.empty


@pytest.mark.parametrize(
    ("oneway", "metres"),
    [("no", [30, 30]), ("forward", [30, 370]), ("backward", [370, 30])],
)
def test_origin_and_gate_on_one_segment(oneway, metres):
    roads = build_routable_roads(make_segments(SQUARE, ROUND, oneway=oneway), vehicle=RULES)
    origins, gates = make_points((20, 5), (50, 5)), make_points((50, 1), (20, 1))
    pairs = pd.DataFrame({"origin": [0, 1], "gate": [0, 1]})
    found = find_routes(roads, origins, gates, pairs=pairs)
    assert found.routes["length_m"].tolist() == pytest.approx(metres)
    assert np.diff(found.step_offset).tolist() == [1 if m == 30 else 5 for m in metres]


def test_people_on_foot_ignore_one_way():
    segments = make_segments(SQUARE, ROUND, oneway="forward")
    roads = build_routable_roads(segments, vehicle=VEHICLES["pedestrian"])
    found = find_routes(roads, make_points((50, 0)), make_points((20, 0)))
    assert found.routes["time_s"].iloc[0] == pytest.approx(30 / 1.25)


def test_origin_at_the_gate_and_at_a_node():
    roads = build_routable_roads(make_segments(SQUARE, ROUND, oneway="forward"), vehicle=RULES)
    found = find_routes(roads, make_points((50, 0), (0, 0), (100, 0)), make_points((50, 0)))
    assert found.routes["time_s"].tolist() == pytest.approx([0, 5, 35])
    assert found.step_offset.tolist() == [0, 0, 1, 5]
    at_node = find_routes(roads, make_points((0, 0), (90, 0)), make_points((100, 0)))
    assert at_node.routes["time_s"].tolist() == pytest.approx([10, 1])


def test_places_are_brought_onto_roads_that_connect():
    """A lone street, and a one-way stub that cannot be left, are passed over."""
    lines = [*SQUARE, [(300, 0), (300, 100)], [(100, 0), (180, 0)]]
    ends = [*ROUND, (4, 5), (1, 6)]
    segments = make_segments(lines, ends, oneway=["no"] * 5 + ["forward"])
    roads = build_routable_roads(segments, vehicle=RULES)
    origins = make_points((290, 50), (170, 1))
    found = find_routes(roads, origins, make_points((50, 104)))
    assert found.routes["access_m"].tolist() == pytest.approx([190 + 4, 70 + 4])
    assert found.step_segment_id[found.step_offset[:-1]].tolist() == [1, 1]
    # The gate too: its own street is cut off, so the nearest that is connected is taken.
    lone = find_routes(roads, make_points((0, 50)), make_points((290, 50), (170, 1)))
    assert lone.routes["access_m"].tolist() == pytest.approx([190, 70])


def test_a_one_way_street_that_leads_to_the_gate_will_do_for_an_origin():
    segments = make_segments([*SQUARE, [(200, 0), (100, 0)]], [*ROUND, (4, 1)])
    segments.loc[4, "oneway"] = "forward"
    roads = build_routable_roads(segments, vehicle=RULES)
    found = find_routes(roads, make_points((150, 1)), make_points((50, 0)))
    assert found.routes["length_m"].tolist() == pytest.approx([100])


def test_only_a_one_way_road_with_no_way_back():
    segments = make_segments([[(0, 0), (100, 0)]], [(0, 1)], oneway="forward")
    roads = build_routable_roads(segments, vehicle=RULES)
    found = find_routes(roads, make_points((20, 3), (90, 3)), make_points((60, 0)))
    assert found.routes["length_m"].tolist() == pytest.approx([40])
    assert found.unreachable["reason"].tolist() == ["its roads do not connect to the gate"]


def test_unreachable_ones_are_listed_with_the_reason():
    lines = [*SQUARE, [(5000, 0), (5000, 100)], [(9000, 0), (9100, 0)]]
    ends = [*ROUND, (4, 5), (6, 7)]
    classes = ["primary"] * 5 + ["path"]
    roads = build_routable_roads(make_segments(lines, ends, road_class=classes), vehicle=RULES)
    origins = make_points((50, 0), (5000, 50), (9050, 0), None)
    gates = make_points((50, 100), (9050, 0), None)
    pairs = pd.DataFrame(list(itertools.product(range(4), range(3))), columns=["origin", "gate"])
    found = find_routes(roads, origins, gates, pairs=pairs)
    assert found.routes[["origin", "gate"]].to_numpy().tolist() == [[0, 0]]
    reasons = found.unreachable.set_index(["origin", "gate"])["reason"]
    assert len(reasons) == 11
    assert reasons[1, 0] == "its roads do not connect to the gate"
    assert reasons[2, 0] == "too far from any road: none open to car within 2,000 m"
    assert reasons[0, 1] == "gate far from any road: none open to car within 500 m"
    assert reasons[0, 2] == "the gate has no coordinates"
    assert reasons[3, 0] == "the origin has no coordinates"
    near = RouteOptions(max_distance_m=3000)
    reasons = find_routes(roads, origins, gates, pairs=pairs, options=near).unreachable
    assert reasons.loc[reasons["origin"].eq(1), "reason"].iloc[0] == (
        "farther than the limit: more than 3 km as the crow flies"
    )
    quick = RouteOptions(max_time_s=6)
    late = find_routes(roads, make_points((50, 0)), make_points((50, 100)), options=quick)
    assert late.routes.empty
    assert late.unreachable["reason"].tolist() == ["farther than the limit: more than 0.1 min"]


def test_all_to_all_within_a_distance_names_those_with_nothing_near():
    roads = build_routable_roads(make_segments(SQUARE, ROUND), vehicle=RULES)
    origins = make_points((50, 0), (1500, 0), None)
    found = find_routes(
        roads, origins, make_points((50, 100), None), options=RouteOptions(max_distance_m=500)
    )
    assert found.routes["origin"].tolist() == [0]
    assert found.unreachable["origin"].isna().tolist() == [False, False, True]
    assert found.unreachable["gate"].isna().tolist() == [True, True, False]
    assert found.unreachable["reason"].tolist() == [
        "the origin has no coordinates",
        "farther than the limit: no gate within 0.5 km as the crow flies",
        "the gate has no coordinates",
    ]


def test_empty_and_repeated_input():
    roads = build_routable_roads(make_segments(SQUARE, ROUND), vehicle=RULES)
    some = make_points((50, 0), (10, 0))
    nothing = gpd.GeoSeries([], crs=UTM48)
    for origins, gates in ((nothing, some), (some, nothing), (nothing, nothing)):
        found = find_routes(roads, origins, gates, options=RouteOptions(n_alternatives=2))
        assert found.routes.empty
        assert found.step_offset.tolist() == [0]
    twice = pd.DataFrame({"origin": [0, 0], "gate": [1, 1]})
    assert len(find_routes(roads, some, some, pairs=twice).routes) == 1


def test_bad_input_is_told():
    segments = make_segments(SQUARE, ROUND)
    roads = build_routable_roads(segments, vehicle=RULES)
    some = make_points((50, 0))
    with pytest.raises(TableError, match="1 gate row"):
        find_routes(roads, some, some, pairs=pd.DataFrame({"origin": [0], "gate": [3]}))
    with pytest.raises(TableError, match="gate"):
        find_routes(roads, some, some, pairs=pd.DataFrame({"origin": [0]}))
    with pytest.raises(CrsError):
        find_routes(roads, some.to_crs(4326), some)
    with pytest.raises(InputError, match="penalty"):
        RouteOptions(penalty=0.5)
    with pytest.raises(NetworkError, match="none of 4 is open to bus"):
        build_routable_roads(segments.assign(road_class="path"), vehicle=VEHICLES["bus"])
    with pytest.raises(TableError, match="no rows"):
        build_routable_roads(segments.iloc[:0], vehicle=RULES)


def test_a_thousand_pairs_on_a_grid_beside_networkx():
    segments = make_grid(14, seed=5)
    rng = np.random.default_rng(6)
    roads = build_routable_roads(segments, vehicle=RULES)
    connected = np.flatnonzero(roads.part == np.argmax(roads.part_length_m))
    rows = rng.choice(connected, 60)
    along = rng.uniform(0.01, 0.99, 60) * segments.length.to_numpy()[rows]
    points = gpd.GeoSeries(
        shapely.line_interpolate_point(segments.geometry[rows], along), crs=UTM48
    )
    places = {f"p{i}": (row, at) for i, (row, at) in enumerate(zip(rows, along, strict=True))}
    graph = reference_graph(segments, RULES, places)
    pairs = pd.DataFrame(
        [(o, g) for o in range(60) for g in range(40, 60)], columns=["origin", "gate"]
    ).sample(1000, random_state=1)
    found = find_routes(roads, points, points, pairs=pairs)
    assert len(found.routes) == 1000
    for gate, some in found.routes.groupby("gate"):
        times = nx.single_source_dijkstra_path_length(graph.reverse(copy=False), f"p{gate}")
        expected = [times[f"p{origin}"] for origin in some["origin"]]
        assert some["time_s"].to_numpy() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert_drivable(segments, found, RULES)
    times = compute_travel_times(roads, points, points, pairs=pairs).times
    pd.testing.assert_frame_equal(times, found.routes[times.columns])


@pytest.mark.slow
def test_a_thousand_pairs_in_porto_alegre_beside_networkx(shared_data):
    from geo.network import build_network_from_osm

    classes = [*RULES.speed_kmh, "trunk", "secondary", "tertiary", "unclassified", "motorway"]
    network = build_network_from_osm(
        shared_data / "porto_alegre" / "poa.osm.pbf",
        road_classes=classes,
        max_segment_length_m=500.0,
        intersection_tolerance_m=15.0,
    )
    segments, vehicle = network.segments, VEHICLES["motorcycle_driver"]
    roads = build_routable_roads(segments, vehicle=vehicle)
    rng = np.random.default_rng(7)
    connected = np.flatnonzero(roads.part == np.argmax(roads.part_length_m))
    nodes = rng.choice(np.unique(segments[["u", "v"]].to_numpy()[connected]), 100, replace=False)
    points = gpd.GeoSeries(network.nodes.geometry.iloc[nodes].to_numpy(), crs=segments.crs)
    graph = reference_graph(segments, vehicle, {})
    pairs = pd.DataFrame(
        [(o, g) for o in range(100) for g in range(90, 100)], columns=["origin", "gate"]
    )
    found = find_routes(roads, points, points, pairs=pairs)
    assert len(found.routes) == 1000
    for gate, some in found.routes.groupby("gate"):
        times = nx.single_source_dijkstra_path_length(graph.reverse(copy=False), nodes[gate])
        expected = [times[nodes[origin]] for origin in some["origin"]]
        assert some["time_s"].to_numpy() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert_drivable(segments, found, vehicle)


@st.composite
def small_networks(draw) -> gpd.GeoDataFrame:
    """Draw networks with loops, parallel streets, one-ways and several parts."""
    n_nodes = draw(st.integers(2, 7))
    spots = st.tuples(st.integers(0, 12), st.integers(0, 12))
    xy = draw(st.lists(spots, min_size=n_nodes, max_size=n_nodes, unique=True))
    nodes = st.integers(0, n_nodes - 1)
    ends = draw(st.lists(st.tuples(nodes, nodes), min_size=1, max_size=12))
    lines = []
    for number, (u, v) in enumerate(ends):
        (x, y), (x1, y1) = xy[u], xy[v]
        bend = ((x + x1) / 2 + 0.31 + 0.07 * number, (y + y1) / 2 + 0.17 * number)
        far = [(x + 0.9, y + 0.1 * number + 0.5)] if u == v else []
        lines.append([(x * 50.0, y * 50.0) for x, y in ((x, y), bend, *far, (x1, y1))])
    words = st.sampled_from(["no", "forward", "backward"])
    oneway = draw(st.lists(words, min_size=len(ends), max_size=len(ends)))
    limits = 20.0 + np.sqrt(np.arange(len(ends)) + 2.0)  # no two ways take the same time
    return make_segments(lines, ends, oneway=oneway, maxspeed_kmh=limits)


def flip(segments, rows) -> gpd.GeoDataFrame:
    turned = segments.copy()
    other = {"no": "no", "forward": "backward", "backward": "forward"}
    turned.loc[rows, ["u", "v"]] = segments.loc[rows, ["v", "u"]].to_numpy()
    turned.loc[rows, "oneway"] = segments.loc[rows, "oneway"].map(other)
    turned.loc[rows, "geometry"] = shapely.reverse(segments.geometry[rows].to_numpy())
    return turned


points = st.lists(
    st.tuples(st.floats(-50, 650), st.floats(-50, 650)).map(lambda p: (p[0], p[1])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=12, deadline=None)
@given(small_networks(), points, points, st.data())
def test_order_and_direction_of_segments_do_not_matter(segments, origins, gates, data):
    options = RouteOptions(n_alternatives=2, max_time_ratio=3.0)
    origins, gates = make_points(*origins), make_points(*gates)
    roads = build_routable_roads(segments, vehicle=RULES)
    found = find_routes(roads, origins, gates, options=options)
    assert_drivable(segments, found, RULES)
    n = len(segments)
    rows = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    order = data.draw(st.permutations(range(n)))
    turned = flip(segments, rows).iloc[order]
    again = find_routes(
        build_routable_roads(turned, vehicle=RULES), origins, gates, options=options
    )
    drawn = ["start_m"]  # along the line as it is drawn
    a, b = (some.routes.drop(columns=drawn) for some in (found, again))
    pd.testing.assert_frame_equal(a, b, rtol=1e-9, atol=1e-6)
    pd.testing.assert_frame_equal(found.unreachable, again.unreachable)
    assert found.step_segment_id.tolist() == again.step_segment_id.tolist()
    turned_round = np.isin(found.step_segment_id, rows)
    assert (found.step_is_forward != again.step_is_forward).tolist() == turned_round.tolist()
    shares = found.routes.groupby(["gate", "origin"])["share"].sum()
    assert shares.to_numpy() == pytest.approx(1.0)


@settings(max_examples=12, deadline=None)
@given(small_networks(), points, points)
def test_small_networks_beside_networkx(segments, origins, gates):
    """Snapping, reach and times are those of a plain second implementation."""
    roads = build_routable_roads(segments, vehicle=RULES)
    bare = reference_graph(segments, RULES, {})
    bare.add_nodes_from(np.unique(segments[["u", "v"]]))
    found = find_routes(
        roads, make_points(*origins), make_points(*gates),
        options=RouteOptions(max_origin_access_m=150.0, max_gate_access_m=100.0),
    )  # fmt: skip
    got = found.routes.set_index(["origin", "gate"])["time_s"].to_dict()
    for (o, origin), (g, gate) in itertools.product(enumerate(origins), enumerate(gates)):
        expected = route_plainly(segments, bare, Point(origin), Point(gate))
        assert got.get((o, g)) == (None if expected is None else pytest.approx(expected, abs=1e-6))


def route_plainly(segments, bare, origin, gate) -> float | None:
    parts = list(nx.strongly_connected_components(bare))
    part_of = {node: number for number, part in enumerate(parts) for node in part}
    inside = [part_of[u] == part_of[v] for u, v in zip(segments["u"], segments["v"], strict=True)]
    length = pd.Series(segments["u"].map(part_of).to_numpy()[inside])
    length = segments["length_m"][inside].groupby(length.to_numpy()).sum()
    main = [
        ok and length[part_of[u]] >= length.max() / 2
        for ok, u in zip(inside, segments["u"], strict=True)
    ]
    for allowed in (main, inside, [True] * len(segments)):
        at = snap_plainly(segments, gate, np.flatnonzero(allowed), 100.0)
        if at is not None:
            break
    else:
        return None
    with_gate = reference_graph(segments, RULES, {"gate": at})
    reaching = nx.ancestors(with_gate, "gate") | {"gate"}
    rows = [
        row
        for row, s in enumerate(segments.itertuples())
        if row == at[0]
        or (s.oneway != "backward" and s.v in reaching)
        or (s.oneway != "forward" and s.u in reaching)
    ]
    start = snap_plainly(segments, origin, rows, 150.0)
    if start is None:
        return None
    graph = reference_graph(segments, RULES, {"gate": at, "origin": start})
    try:
        return nx.dijkstra_path_length(graph, "origin", "gate")
    except nx.NetworkXNoPath:
        return None


def snap_plainly(segments, point, rows, limit):
    lines = segments.geometry.to_numpy()
    near = [(round(lines[row].distance(point), 6), row) for row in rows]
    distance, row = min(near, default=(np.inf, -1))
    if distance > limit:
        return None
    offset = lines[row].project(point)
    length = lines[row].length
    if offset <= 1e-6:
        offset = 0.0
    return row, length if offset >= length - 1e-6 else offset


def test_alternatives_differ_enough_and_share_the_travellers():
    segments = make_grid(14, seed=8)
    roads = build_routable_roads(segments, vehicle=RULES)
    rng = np.random.default_rng(9)
    origins = make_points(*rng.uniform(0, 1300, (30, 2)))
    gates = make_points((650, 650), (100, 100))
    plain = find_routes(roads, origins, gates)
    options = RouteOptions(n_alternatives=3, max_time_ratio=1.25, max_overlap_share=0.7)
    found = find_routes(roads, origins, gates, options=options)
    assert_drivable(segments, found, RULES)
    fastest = found.routes[found.routes["alternative"] == 0]
    assert fastest["time_s"].tolist() == plain.routes["time_s"].tolist()
    assert len(found.routes) > 1.5 * len(fastest)
    for _, some in found.routes.groupby(["gate", "origin"]):
        assert some["alternative"].tolist() == list(range(len(some)))
        assert some["time_s"].is_monotonic_increasing
        assert some["time_s"].max() <= 1.25 * some["time_s"].min()
        assert some["share"].sum() == pytest.approx(1.0)
        steps = []
        for route in some.index:
            here = slice(found.step_offset[route], found.step_offset[route + 1])
            steps.append(
                dict(zip(found.step_segment_id[here], found.step_length_m[here], strict=True))
            )
        for a, b in itertools.combinations(steps, 2):
            shared = sum(a[i] for i in a.keys() & b.keys())
            assert shared <= 0.7 * min(sum(a.values()), sum(b.values())) + 200  # own segments


def test_answers_do_not_depend_on_threads():
    roads = build_routable_roads(make_grid(8, seed=1), vehicle=get_vehicle("motorcycle"))
    rng = np.random.default_rng(3)
    origins, gates = (make_points(*rng.uniform(0, 700, (n, 2))) for n in (20, 9))
    one, four = (
        find_routes(roads, origins, gates, options=RouteOptions(n_alternatives=2, n_threads=n))
        for n in (1, 4)
    )
    pd.testing.assert_frame_equal(one.routes, four.routes)
    assert one.step_segment_id.tolist() == four.step_segment_id.tolist()
