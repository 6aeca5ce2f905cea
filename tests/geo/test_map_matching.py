"""Map matching: a trellis by hand, drives found again, broken and hopeless traces."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, TableError
from geo.map_matching import MatchingRules, match_traces
from geo.path_overlap import measure_overlap
from tests.geo.driving import Driver, make_grid, make_segments, prepare, to_points

RULES = MatchingRules(sigma_m=10.0, beta_m=10.0)


@pytest.fixture(scope="module")
def grid():
    return make_grid()


@pytest.fixture(scope="module")
def town(grid):
    return prepare(grid)


@pytest.fixture(scope="module")
def driver(grid, town):
    return Driver(grid, town[0])


def list_path(matched, trace=0):
    steps = matched.to_steps()
    steps = steps[steps["path"] == trace]
    return list(zip(steps["segment_id"], steps["is_forward"], strict=True))


def test_two_streets_by_hand():
    # Two parallel streets 30 m apart, joined at both ends. Fixes at 10 m from the southern
    # and 20 m from the northern one: each costs 10² / 200 = 0.5 in the south, 20² / 200 = 2
    # in the north; routes along either street are as long as the straight line.
    shapes = [[(0, 0), (400, 0)], [(0, 30), (400, 30)], [(0, 0), (0, 30)], [(400, 0), (400, 30)]]
    segments = make_segments([(0, 1), (2, 3), (0, 2), (1, 3)], shapes)
    _, network = prepare(segments)
    fixes = [(100, 10), (200, 10), (300, 10)]
    matched = match_traces(to_points([fixes]), network, rules=RULES)
    assert list_path(matched) == [(0, True)]
    assert matched.traces["matched_m"].item() == pytest.approx(200)
    assert matched.traces["mean_distance_m"].item() == pytest.approx(10)
    assert matched.lines.iloc[0].wkt == "MULTILINESTRING ((100 0, 300 0))"


def test_the_way_round_costs_more_than_a_far_fix():
    # The middle fix is nearer to the northern street (12 m; 18 m to the southern): emission
    # 0.72 against 1.62, 0.9 less. To go there and back is at least 130 m more each way, or
    # two U-turns; exp(-13) each. So the whole path stays in the south.
    shapes = [[(0, 0), (400, 0)], [(0, 30), (400, 30)], [(0, 0), (0, 30)], [(400, 0), (400, 30)]]
    segments = make_segments([(0, 1), (2, 3), (0, 2), (1, 3)], shapes)
    _, network = prepare(segments)
    matched = match_traces(to_points([[(100, 5), (200, 18), (300, 5)]]), network, rules=RULES)
    assert list_path(matched) == [(0, True)]


def match_by_brute_force(fixes, segments, graph):
    """Try every sequence of segments and directions; routes by networkx. No U-turns."""
    import networkx as nx

    roads = nx.DiGraph()
    for a, b, length in zip(graph.tail, graph.head, graph.length_m, strict=True):
        if length < roads.get_edge_data(int(a), int(b), {"m": np.inf})["m"]:
            roads.add_edge(int(a), int(b), m=float(length))
    distances = dict(nx.all_pairs_dijkstra_path_length(roads, weight="m"))
    options = []
    for fix in fixes:
        point, some = shapely.Point(fix), []
        for arc in range(len(graph.tail)):
            line = segments.geometry.iloc[graph.segment_id[arc]]
            if line.distance(point) > 50:
                continue
            along = line.project(point)
            offset = along if graph.is_forward[arc] else line.length - along
            some.append((arc, offset, line.distance(point) ** 2 / 200))
        options.append(some)
    best = (np.inf, None)
    for ways in itertools.product(*options):
        cost = sum(way[2] for way in ways)
        for (a, from_m, _), (b, to_m, _), p, q in zip(
            ways, ways[1:], fixes, fixes[1:], strict=False
        ):
            if a == b and to_m >= from_m - 40:
                route = to_m - from_m
            else:
                between = distances[int(graph.head[a])].get(int(graph.tail[b]), np.inf)
                route = graph.length_m[a] - from_m + between + to_m
            cost += abs(route - np.hypot(q[0] - p[0], q[1] - p[1])) / 10
        if cost < best[0]:
            best = (cost, [way[0] for way in ways])
    return best[1]


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_brute_force_on_one_way_streets(seed):
    # One-way streets only, so that no way turns round.
    xs, ys = np.meshgrid(np.arange(3) * 60.0, np.arange(3) * 60.0)
    ends = [(0, 1), (1, 2), (5, 4), (4, 3), (6, 7), (7, 8), (3, 0), (6, 3), (1, 4), (4, 7),
            (5, 2), (8, 5)]  # fmt: skip
    xy = np.column_stack([xs.ravel(), ys.ravel()])
    segments = make_segments(ends, [xy[list(one)] for one in ends], oneway="forward")
    graph, network = prepare(segments)
    rng = np.random.default_rng(seed)
    fixes = np.array([(5, 60), (60, 65), (115, 120)]) + rng.normal(0, 15, (3, 2))
    matched = match_traces(to_points([fixes]), network, rules=RULES)
    found = matched.points["segment_id"].tolist()
    wanted = match_by_brute_force(fixes.tolist(), segments, graph)
    assert found == graph.segment_id[wanted].tolist()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_fixes_without_noise_give_the_very_path(seed, grid, town, driver):
    rng = np.random.default_rng(seed)
    arcs = driver.drive(rng, min_m=600)
    fixes = driver.record(arcs, every_s=1.0, noise_m=0, rng=rng)
    rules = MatchingRules(sigma_m=3.0, beta_m=5.0)
    matched = match_traces(to_points([fixes]), town[1], rules=rules)
    graph = town[0]
    assert list_path(matched) == list(
        zip(graph.segment_id[arcs], graph.is_forward[arcs], strict=True)
    )
    assert matched.traces["matched_m"].item() == pytest.approx(graph.length_m[arcs].sum())
    assert matched.lines.iloc[0].length == pytest.approx(graph.length_m[arcs].sum())
    assert matched.traces["verdict"].item() == "good"


def test_neither_direction_of_lines_nor_order_of_segments_matters(grid, town, driver):
    rng = np.random.default_rng(3)
    drives = [driver.drive(rng, min_m=1_000) for _ in range(5)]
    points = to_points([driver.record(one, every_s=8, noise_m=12, rng=rng) for one in drives])
    first = match_traces(points, town[1], rules=RULES).to_steps()
    turned = rng.permutation(len(grid))[: len(grid) // 2]
    other = grid.copy()
    other.loc[turned, ["u", "v"]] = grid.loc[turned, ["v", "u"]].to_numpy()
    other.loc[turned, "geometry"] = grid.geometry[turned].reverse()
    other.loc[turned, "oneway"] = grid.loc[turned, "oneway"].replace("forward", "backward")
    graph, _ = prepare(other.sample(frac=1, random_state=1))
    from geo.matching_network import prepare_network

    network = prepare_network(other.sample(frac=1, random_state=2), graph)
    second = match_traces(points, network, rules=RULES).to_steps()
    assert second["segment_id"].tolist() == first["segment_id"].tolist()
    assert second["length_m"].to_numpy() == pytest.approx(first["length_m"].to_numpy())
    is_turned = first["segment_id"].isin(turned)
    assert (second["is_forward"] == (first["is_forward"] ^ is_turned)).all()


def test_noisy_drives_are_found_again(grid, town, driver):
    rng = np.random.default_rng(20260101)
    drives = [driver.drive(rng, min_m=1_200) for _ in range(40)]
    points = to_points([driver.record(one, every_s=10, noise_m=15, rng=rng) for one in drives])
    matched = match_traces(points, town[1])
    overlap = measure_overlap(driver.to_steps(drives), matched.to_steps())
    assert overlap["shared_m"].sum() / overlap["length_m"].sum() >= 0.95
    assert overlap["false_m"].sum() / overlap["length_m"].sum() <= 0.05
    assert 10 <= matched.sigma_m <= 20  # estimated; it was 15
    assert (matched.traces["verdict"] == "good").mean() > 0.9


def test_turning_round_in_a_street(grid, town):
    street = make_segments([(0, 1)], [[(0, 0), (1_000, 0)]])
    _, network = prepare(street)
    x = np.concatenate([np.arange(0, 500, 50), np.arange(500, -1, -50)])
    matched = match_traces(to_points([np.column_stack([x, x * 0 + 3])]), network, rules=RULES)
    assert list_path(matched) == [(0, True), (0, False)]
    assert matched.traces["matched_m"].item() == pytest.approx(1_000)


def test_parallel_carriageways_go_by_direction_and_roundabouts_round():
    # A dual carriageway 20 m apart, and a roundabout at its eastern end.
    ring = [(500 + 15 * np.cos(a), 10 + 15 * np.sin(a)) for a in np.linspace(-2.3, 2.3, 20)]
    west, east = ring[-1], ring[0]
    shapes = [[(0, 0), east], [west, (0, 20)], ring]
    segments = make_segments([(0, 1), (2, 3), (1, 2)], shapes, oneway="forward")
    _, network = prepare(segments)
    out = [(x, 9.0) for x in range(0, 500, 60)]  # nearer to neither
    back = [(x, 11.0) for x in range(480, -1, -60)]
    matched = match_traces(to_points([[*out, (515, 10), *back]]), network, rules=RULES)
    assert list_path(matched) == [(0, True), (2, True), (1, True)]


def test_against_a_one_way_rule_only_where_it_is_allowed():
    segments = make_segments([(0, 1)], [[(0, 0), (1_000, 0)]], oneway="backward")
    fixes = to_points([[(x, 2) for x in range(0, 1_001, 100)]])
    _, network = prepare(segments)
    refused = match_traces(fixes, network, rules=RULES)
    assert refused.traces["verdict"].item() == "not usable"
    _, network = prepare(segments, wrong_way_factor=1.5)
    allowed = match_traces(fixes, network, rules=RULES)
    assert list_path(allowed) == [(0, True)]
    assert allowed.traces["wrong_way_share"].item() == 1
    assert allowed.step_is_wrong_way.all()


def test_a_path_breaks_where_there_is_no_road():
    # Two streets in line with 600 m of nothing between them.
    segments = make_segments([(0, 1), (2, 3)], [[(0, 0), (800, 0)], [(1_400, 0), (2_200, 0)]])
    _, network = prepare(segments)
    fixes = [(x, 4) for x in range(0, 2_201, 100)]
    matched = match_traces(to_points([fixes]), network, rules=RULES)
    row = matched.traces.iloc[0]
    assert (row["n_parts"], row["n_breaks"], row["verdict"]) == (2, 1, "look at it")
    assert "broken at 1 place" in row["reason"]
    assert matched.step_part.tolist() == [0, 1]
    assert len(matched.lines.iloc[0].geoms) == 2
    assert row["n_points"] - row["n_matched"] == 5  # at 900 to 1,300 m
    assert row["length_share"] == pytest.approx(1_600 / 2_200)


@pytest.mark.parametrize(
    ("until", "back_at", "verdict", "says"),
    [
        (2_000, 4_600, "look at it", "43% of its length lies in 1 gap(s) of the recording"),
        (1_000, 5_000, "not usable", "67% of its length lies in 1 gap(s) of the recording"),
    ],
)
def test_a_hole_in_the_recording_is_no_missing_road(until, back_at, verdict, says):
    _, network = prepare(make_segments([(0, 1)], [[(0, 0), (6_000, 0)]]))
    fixes = [(x, 4) for x in (*range(0, until + 1, 100), *range(back_at, 6_001, 100))]
    row = match_traces(to_points([fixes]), network, rules=RULES).traces.iloc[0]
    assert says in row["reason"]
    assert f"the longest {(back_at - until) / 1000:.1f} km" in row["reason"]
    assert "of the network" not in row["reason"]
    assert row["verdict"] == verdict


def test_a_hole_and_a_missing_road_are_told_apart():
    shapes = [[(0, 0), (2_000, 0)], [(5_000, 0), (6_000, 0)]]
    _, network = prepare(make_segments([(0, 1), (2, 3)], shapes))
    far = (*range(0, 2_001, 100), *range(4_600, 6_001, 100))  # no road before 5,000
    row = match_traces(to_points([[(x, 4) for x in far]]), network, rules=RULES).traces.iloc[0]
    assert "43% of its length lies in 1 gap(s) of the recording" in row["reason"]
    assert "12% of what was recorded lies on no road of the network" in row["reason"]


def test_one_far_fix_breaks_nothing():
    segments = make_segments([(0, 1), (2, 3)], [[(0, 0), (800, 0)], [(0, 300), (800, 300)]])
    _, network = prepare(segments)
    fixes = [(x, 300 if x == 400 else 4) for x in range(0, 801, 100)]
    matched = match_traces(to_points([fixes]), network, rules=RULES)
    assert list_path(matched) == [(0, True)]
    assert matched.traces[["n_breaks", "n_matched"]].to_numpy().tolist() == [[0, 8]]


@pytest.mark.parametrize(
    ("fixes", "reason"),
    [
        ([], "fewer than two fixes"),
        ([(0, 0)], "fewer than two fixes"),
        ([(5_000, 5_000), (5_100, 5_000)], "no road of the network"),
        ([(0, 0), (60, 0)], "less than 200 m"),
    ],
)
def test_hopeless_traces_are_not_usable(fixes, reason, town):
    matched = match_traces(to_points([fixes]), town[1], n_traces=1, rules=RULES)
    assert matched.traces["verdict"].item() == "not usable"
    assert reason in matched.traces["reason"].item()
    assert len(matched.lines) == 1


def test_nothing_to_match(town):
    matched = match_traces(to_points([[]]), town[1])
    assert len(matched.traces) == 0
    assert matched.step_offset.tolist() == [0]


def test_shared_out_over_workers_all_is_the_same(grid, town, driver, monkeypatch):
    monkeypatch.setattr("geo.map_matching.CHUNK_POINTS", 60)
    rng = np.random.default_rng(4)
    drives = [driver.drive(rng, min_m=1_000) for _ in range(8)]
    points = to_points([driver.record(one, every_s=8, noise_m=12, rng=rng) for one in drives])
    alone = match_traces(points, town[1])
    with ThreadPoolExecutor(2) as executor:
        together = match_traces(points, town[1], executor=executor)
    pd.testing.assert_frame_equal(alone.traces, together.traces)
    pd.testing.assert_frame_equal(alone.to_steps(), together.to_steps())


def test_wrong_numbers_are_told(town):
    points = to_points([[(0, 0), (100, 0)]])
    with pytest.raises(InputError, match="sigma_m: -1"):
        match_traces(points, town[1], rules=MatchingRules(sigma_m=-1))
    with pytest.raises(TableError, match="ascending"):
        match_traces(points.assign(trace=[1, 0]), town[1])
    with pytest.raises(TableError, match="no coordinates"):
        match_traces(points.assign(x=np.nan), town[1])
    with pytest.raises(TableError, match="1 column"):
        match_traces(points.drop(columns="y"), town[1])
    with pytest.raises(InputError, match="wrong_way_factor"):
        prepare(make_grid(2), wrong_way_factor=0.5)


@pytest.mark.slow
def test_drives_in_porto_alegre_are_found_again(shared_data):
    from geo.network import build_network_from_osm

    network = build_network_from_osm(
        shared_data / "porto_alegre" / "poa.osm.pbf",
        road_classes=["motorway", "trunk", "primary", "secondary", "tertiary", "unclassified",
                      "residential"],
        max_segment_length_m=500.0,
        intersection_tolerance_m=15.0,
    )  # fmt: skip
    graph, ready = prepare(network.segments)
    driver = Driver(network.segments, graph)
    rng = np.random.default_rng(20260101)
    drives = [driver.drive(rng, min_m=3_000) for _ in range(60)]
    points = to_points([driver.record(one, every_s=10, noise_m=15, rng=rng) for one in drives])
    matched = match_traces(points, ready)
    overlap = measure_overlap(driver.to_steps(drives), matched.to_steps())
    assert overlap["shared_m"].sum() / overlap["length_m"].sum() >= 0.95
    assert overlap["false_m"].sum() / overlap["length_m"].sum() <= 0.03
