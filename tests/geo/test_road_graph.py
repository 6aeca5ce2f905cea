"""Arcs and travel times for one kind of vehicle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.errors import GeometryError, InputError, TableError, VocabularyError
from core.vocabulary import RoadClass, RoadUser
from geo.road_graph import (
    VEHICLES,
    VehicleRules,
    build_road_graph,
    compute_speed,
    get_vehicle,
    reverse_graph,
)

RULES = VehicleRules(
    name="test",
    speed_kmh={"primary": 72.0, "residential": 36.0},
    top_speed_kmh=54.0,
    unpaved_factor=0.5,
    closed_highways=frozenset(["footway"]),
)


@pytest.fixture
def segments(make_lines):
    """Return a chain of four segments, nodes 0 to 4, each with something of its own."""
    frame = make_lines([[(100 * i, 0), (100 * i + 100, 0)] for i in range(4)])
    return frame.assign(
        segment_id=range(4),
        u=range(4),
        v=range(1, 5),
        length_m=100.0,
        road_class=["primary", "residential", "residential", "track"],
        surface_class=["paved", "unpaved", "unknown", "paved"],
        maxspeed_kmh=[np.nan, np.nan, 18.0, np.nan],
        oneway=["no", "forward", "backward", "no"],
    )


def test_time_and_direction_of_every_arc_by_hand(segments):
    graph = build_road_graph(segments, n_nodes=6, vehicle=RULES)
    arcs = list(zip(graph.tail, graph.head, graph.segment_id, graph.is_forward, strict=True))
    assert arcs == [(0, 1, 0, True), (1, 0, 0, False), (1, 2, 1, True), (3, 2, 2, False)]
    # 72 km/h is above the top speed of 54; 36 is halved on the unpaved road; the limit is 18.
    assert graph.time_s == pytest.approx([100 / 15, 100 / 15, 100 / 5, 100 / 5])
    assert graph.first_arc.tolist() == [0, 1, 3, 3, 4, 4, 4]
    assert graph.length_m.tolist() == [100.0] * 4


def test_the_reversed_graph_turns_every_arc_round(segments):
    graph = build_road_graph(segments, n_nodes=6, vehicle=RULES)
    turned = reverse_graph(graph)
    assert turned.first_arc.tolist() == [0, 1, 2, 4, 4, 4, 4]
    assert turned.tail.tolist() == [0, 1, 2, 2]
    assert turned.is_forward.tolist() == [False, True, True, False]
    again = reverse_graph(turned)
    assert again.segment_id.tolist() == graph.segment_id.tolist()


def test_people_on_foot_go_both_ways_and_everywhere(segments):
    graph = build_road_graph(segments, n_nodes=5, vehicle=VEHICLES["pedestrian"])
    assert len(graph.head) == 8
    assert graph.time_s == pytest.approx(80.0)  # 100 m at 4.5 km/h, limits or not


def test_unknown_is_never_no(segments):
    bare = segments.drop(columns=["surface_class", "maxspeed_kmh", "oneway"])
    unknown = segments.assign(
        oneway=[None, "unknown", np.nan, ""],
        surface_class=[None, "unknown", np.nan, "paved"],
        maxspeed_kmh=[np.nan, 0.0, -1.0, np.nan],
    )
    a, b = (build_road_graph(s, n_nodes=5, vehicle=RULES) for s in (bare, unknown))
    assert a.time_s.tolist() == b.time_s.tolist()
    assert len(a.head) == 6
    no_class = segments.assign(road_class=[None, np.nan, "unknown", "track"])
    speed = compute_speed(no_class, VEHICLES["car"])
    assert speed.tolist() == [25.0, 15.0, 18.0, 10.0]  # as unclassified


def test_an_unknown_length_is_taken_from_the_line(segments):
    segments["length_m"] = [np.nan, 100.0, -1.0, np.nan]
    graph = build_road_graph(segments, n_nodes=5, vehicle=RULES)
    assert graph.length_m == pytest.approx(100.0)
    with pytest.raises(GeometryError, match="3 have no length, first in row 0"):
        build_road_graph(pd.DataFrame(segments.drop(columns="geometry")), n_nodes=5, vehicle=RULES)


def test_what_is_built_for_walking_is_closed_to_motorcycles(segments):
    paths = segments.assign(road_class="path", highway=["path", "footway", "steps", None])
    is_open = ~np.isnan(compute_speed(paths, VEHICLES["motorcycle_driver"]))
    assert is_open.tolist() == [True, False, False, True]
    assert np.isnan(compute_speed(paths, VEHICLES["car"])).all()
    assert not np.isnan(compute_speed(paths, VEHICLES["pedestrian"])).any()


def test_rules_that_hold_for_all_vehicles():
    for name, rules in VEHICLES.items():
        assert name in set(RoadUser)
        assert set(rules.speed_kmh) <= {word.value for word in RoadClass}
    for name in ("car", "van", "bus", "other_truck", "open_truck_with_people"):
        assert "path" not in VEHICLES[name].speed_kmh
    for name in ("bus", "other_truck", "open_truck_with_people"):
        assert "track" not in VEHICLES[name].speed_kmh
    assert [n for n, r in VEHICLES.items() if not r.obeys_oneway] == ["pedestrian"]


def test_vehicles_by_everyday_words():
    assert get_vehicle("Motorcycle").name == "motorcycle_driver"
    assert get_vehicle("open truck").name == "open_truck_with_people"
    with pytest.raises(VocabularyError, match="hovercraft"):
        get_vehicle("hovercraft")


@pytest.mark.parametrize(
    ("column", "values", "error", "says"),
    [
        ("road_class", "lane", VocabularyError, "'lane' is not known"),
        ("oneway", "yes", VocabularyError, "'yes' is not known"),
        ("u", 9, TableError, "4 end at a node outside 0 to 4, first in row 0"),
        ("segment_id", 1, TableError, "3 repeated"),
    ],
)
def test_bad_segments_are_told(segments, column, values, error, says):
    with pytest.raises(error, match=says):
        build_road_graph(segments.assign(**{column: values}), n_nodes=5, vehicle=RULES)


def test_bad_rules_are_told(segments):
    for change in ({"top_speed_kmh": 0.0}, {"speed_kmh": {"primary": -1.0}}):
        words = {"name": "x", "speed_kmh": {}, "top_speed_kmh": 9.0, "unpaved_factor": 1.0}
        with pytest.raises(InputError, match="km/h"):
            compute_speed(segments, VehicleRules(**{**words, **change}))


def test_no_segments_give_no_arcs(segments):
    graph = build_road_graph(segments.iloc[:0], n_nodes=0, vehicle=RULES)
    assert len(graph.head) == 0
    assert graph.first_arc.tolist() == [0]
