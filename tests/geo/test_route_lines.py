import numpy as np
import pandas as pd
import shapely

from geo.route_lines import draw_routes
from geo.routing import Routes

LINES = np.array(
    [
        shapely.LineString([(0, 0), (100, 0)]),
        shapely.LineString([(200, 0), (150, 0), (100, 0)]),  # drawn towards the first
        shapely.LineString([(200, 0), (200, 100)]),
    ],
    dtype=object,
)


def make(steps):
    lengths = [len(one) for one in steps]
    flat = [step for one in steps for step in one]
    return Routes(
        routes=pd.DataFrame({"route": range(len(steps))}),
        step_offset=np.cumsum([0, *lengths]),
        step_segment_id=np.array([s for s, _, _ in flat], dtype=np.int64),
        step_length_m=np.array([m for _, m, _ in flat], dtype=np.float64),
        step_is_forward=np.array([f for _, _, f in flat], dtype=np.bool_),
        unreachable=pd.DataFrame(),
    )


def test_routes_are_drawn_as_they_are_driven():
    there = [(0, 40.0, True), (1, 100.0, False), (2, 30.0, True)]
    back = [(2, 30.0, False), (1, 100.0, True), (0, 60.0, False)]
    lines = draw_routes(make([there, back]), LINES, np.array([0, 1]))
    assert lines[0].equals(shapely.LineString([(60, 0), (100, 0), (150, 0), (200, 0), (200, 30)]))
    assert lines[0].coords[0] == (60, 0)
    assert lines[1].coords[0] == (200, 30)
    assert lines[1].coords[-1] == (40, 0)
    assert [line.length for line in lines] == [170.0, 190.0]


def test_routes_of_one_segment_of_no_length_and_no_routes():
    routes = make([[(0, 25.0, True)], [(0, 0.0, True)]])
    lines = draw_routes(routes, LINES, np.array([1, 0]))
    assert lines[0] is None
    assert lines[1].length == 25.0
    assert draw_routes(routes, LINES, np.array([], dtype=np.int64)).size == 0
