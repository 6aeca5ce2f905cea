"""Driven routes in the place of modelled ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError, TableError
from geo.driven_routes import ReplacingRules, replace_modelled
from geo.map_matching import MatchingRules, match_traces
from geo.path_overlap import measure_overlap
from geo.routing import Routes
from tests.geo.driving import make_segments, prepare, to_points

RULES = MatchingRules(sigma_m=5.0, beta_m=5.0)
GATE = np.array([[3_000.0, 50.0]])
ORIGINS = np.array([[500.0, 100.0], [1_500.0, -300.0], [1_500.0, 2_000.0], [2_500.0, 10.0]])


@pytest.fixture(scope="module")
def road():
    """Three segments in a row, each 1,000 m, to a gate at their end."""
    shapes = [[(0, 0), (1_000, 0)], [(2_000, 0), (1_000, 0)], [(2_000, 0), (3_000, 0)]]
    return prepare(make_segments([(0, 1), (2, 1), (2, 3)], shapes), vehicle="bus")


@pytest.fixture(scope="module")
def modelled():
    """Two alternatives for origin 0, one for 1 and 2; origin 3 has none."""
    routes = pd.DataFrame(
        {
            "route": range(4),
            "origin": [0, 0, 1, 2],
            "gate": 0,
            "alternative": [0, 1, 0, 0],
            "share": [0.75, 0.25, 1.0, 1.0],
            "time_s": [100.0, 200.0, 50.0, 70.0],
            "length_m": [2_500.0, 3_300.0, 1_500.0, 4_000.0],
            "access_m": 10.0,
            "start_m": 0.0,
            "path_size": 1.0,
            "overlap_share": 0.0,
        }
    )
    return Routes(
        routes=routes,
        step_offset=np.array([0, 1, 3, 4, 6]),
        step_segment_id=np.array([2, 7, 8, 2, 9, 2]),
        step_length_m=np.array([2_500.0, 1_300, 2_000, 1_500, 3_000, 1_000]),
        step_is_forward=np.ones(6, dtype=bool),
        unreachable=pd.DataFrame({"origin": [3], "gate": [0], "reason": ["no road"]}),
    )


def drive(road, *fixes):
    return match_traces(to_points(fixes), road[1], rules=RULES)


def use(*directions):
    return pd.DataFrame({"trace": range(len(directions)), "gate": 0, "direction": directions})


EAST = [(x, 2.0) for x in range(0, 3_001, 100)]


def replace(modelled, matched, road, driven, **options):
    return replace_modelled(
        modelled,
        matched,
        driven,
        graph=road[0],
        origin_xy=ORIGINS,
        gate_xy=GATE,
        rules=ReplacingRules(**options),
    )


@pytest.mark.parametrize(
    ("fixes", "direction"),
    [(EAST, "to_work"), (EAST[::-1], "from_work"), (EAST, "unknown"), (EAST[::-1], "unknown")],
)
def test_origins_along_the_path_travel_it_to_the_gate(modelled, road, fixes, direction):
    result = replace(modelled, drive(road, fixes), road, use(direction))
    routes = result.routes
    # 0 and 1 are within 500 m; 2 is 2 km off and stays; 3 had no route and is picked up.
    assert routes.routes["origin"].tolist() == [2, 0, 1, 3]
    assert routes.routes["route"].tolist() == [0, 1, 2, 3]
    assert routes.routes["length_m"].tolist() == pytest.approx([4_000, 2_500, 1_500, 500])
    assert routes.routes["access_m"].tolist() == pytest.approx([10, 150, 350, 60])
    assert routes.routes["share"].tolist() == [1.0] * 4
    # 1 begins on a line that runs the other way, 500 m before its start
    assert routes.routes["start_m"].tolist() == pytest.approx([0, 500, 500, 500])
    assert routes.routes["path_size"].tolist() == [1.0] * 4
    assert routes.step_offset.tolist() == [0, 2, 5, 7, 8]
    assert routes.step_segment_id.tolist() == [9, 2, 0, 1, 2, 1, 2, 2]
    assert routes.step_length_m[2:] == pytest.approx([500, 1_000, 1_000, 500, 1_000, 500])
    assert routes.step_is_forward[2:].tolist() == [True, False, True, False, True, True]
    assert len(routes.unreachable) == 0
    assert result.unused.empty
    told = result.replaced.set_index("origin")
    assert told["distance_m"].tolist() == pytest.approx([100, 300, 10])
    assert told["modelled_length_m"].tolist() == pytest.approx([2_700, 1_500, np.nan], nan_ok=True)
    assert told["modelled_time_s"].tolist() == pytest.approx([125, 50, np.nan], nan_ok=True)
    graph = road[0]
    pace = graph.time_s[0] / graph.length_m[0]
    assert told["time_s"].tolist() == pytest.approx([2_500 * pace, 1_500 * pace, 500 * pace])


def test_lengths_of_steps_sum_to_those_of_routes(modelled, road):
    routes = replace(modelled, drive(road, EAST), road, use("to_work")).routes
    sums = np.add.reduceat(routes.step_length_m, routes.step_offset[:-1])
    assert sums == pytest.approx(routes.routes["length_m"].to_numpy())


def test_the_nearest_path_picks_up_and_the_other_is_told(modelled, road):
    matched = drive(road, EAST, EAST)
    result = replace(modelled, matched, road, use("to_work", "to_work"))
    assert set(result.replaced["trace"]) == {0}
    assert result.unused["trace"].tolist() == [1]
    assert "another is nearer" in result.unused["reason"].item()


@pytest.mark.parametrize(
    ("fixes", "direction", "reason"),
    [
        (EAST[:10], "to_work", "passes its gate at"),
        (EAST, "from_work", "begins at its gate"),
        ([(0, 9_000), (300, 9_000)], "to_work", "not usable"),
    ],
)
def test_what_replaces_nothing_is_told_with_the_reason(modelled, road, fixes, direction, reason):
    result = replace(modelled, drive(road, fixes), road, use(direction))
    assert reason in result.unused["reason"].item()
    pd.testing.assert_frame_equal(result.routes.routes, modelled.routes)
    assert result.replaced.empty


def test_nothing_driven_changes_nothing(modelled, road):
    result = replace(modelled, drive(road, EAST), road, use())
    pd.testing.assert_frame_equal(result.routes.routes, modelled.routes)
    assert result.routes.step_segment_id.tolist() == modelled.step_segment_id.tolist()


def test_wrong_numbers_are_told(modelled, road):
    matched = drive(road, EAST)
    with pytest.raises(TableError, match="trace number"):
        replace(modelled, matched, road, use("to_work").assign(trace=5))
    with pytest.raises(TableError, match="direction"):
        replace(modelled, matched, road, use("to_work").drop(columns="direction"))
    with pytest.raises(InputError, match="catchment_m"):
        replace(modelled, matched, road, use("to_work"), catchment_m=-1)


def test_overlap_by_hand():
    columns = ["path", "segment_id", "is_forward", "from_m", "to_m"]
    driven = pd.DataFrame([(0, 1, True, 0, 100), (0, 2, True, 0, 50), (1, 5, True, 0, 10)],
                          columns=columns)  # fmt: skip
    other = pd.DataFrame([(0, 1, True, 40, 100), (0, 2, False, 0, 50)], columns=columns)
    overlap = measure_overlap(driven, other)
    assert overlap["shared_m"].tolist() == [60, 0]
    assert overlap["share"].tolist() == [0.4, 0]
    assert overlap["false_m"].tolist() == [50, 0]
    with pytest.raises(TableError, match="to_m"):
        measure_overlap(driven.drop(columns="to_m"), other)


def test_routes_that_were_found_are_replaced_and_can_be_drawn(road):
    import geopandas as gpd
    import shapely

    from geo.road_graph import VEHICLES
    from geo.route_lines import draw_routes
    from geo.routing import build_routable_roads, find_routes

    shapes = [[(0, 0), (1_000, 0)], [(2_000, 0), (1_000, 0)], [(2_000, 0), (3_000, 0)]]
    segments = make_segments([(0, 1), (2, 1), (2, 3)], shapes)
    roads = build_routable_roads(segments, vehicle=VEHICLES["bus"])
    origins, gates = (gpd.GeoSeries(shapely.points(xy), crs=32648) for xy in (ORIGINS, GATE))
    routes = find_routes(roads, origins, gates)
    result = replace(routes, drive(road, EAST), road, use("to_work"))
    assert len(result.replaced) >= 3
    told = result.replaced
    assert told["length_m"].to_numpy() == pytest.approx(told["modelled_length_m"].to_numpy())
    assert told["time_s"].to_numpy() == pytest.approx(told["modelled_time_s"].to_numpy())
    rows = np.arange(len(result.routes.routes))
    lines = draw_routes(result.routes, segments.geometry.to_numpy(), rows)
    lengths = result.routes.routes["length_m"].to_numpy()
    assert shapely.length(lines) == pytest.approx(lengths)
    columns = result.routes.routes.columns.tolist()
    assert columns == routes.routes.columns.tolist()
    assert not result.routes.routes.isna().any(axis=None)
