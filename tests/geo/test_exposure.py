"""Flows on segments: a hand-computed road, a plain second implementation, conservation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, NetworkError, TableError
from geo.exposure import Leg, RoadSites, find_unrouted, iterate_flows
from geo.exposure_totals import add_exposure
from geo.routing import Routes

DARK_UNTIL_SIX = np.where(np.arange(1440) < 360, 1.0, 0.0)  # dark from midnight to 06:00
MODES = ("bus", "motorcycle_driver", "open_truck_with_people", "unknown")


def make_routes(rows, steps, unreachable=()):
    """Build routes from (origin, gate, alternative, share, time_s) and [(segment, m, forward)]."""
    lengths = [sum(length for _, length, _ in route) for route in steps]
    table = pd.DataFrame(rows, columns=["origin", "gate", "alternative", "share", "time_s"])
    table.insert(0, "route", np.arange(len(rows)))
    table = table.assign(length_m=np.array(lengths, dtype=float), access_m=0.0)
    flat = [step for route in steps for step in route]
    return Routes(
        routes=table,
        step_offset=np.cumsum([0, *map(len, steps)]).astype(np.int64),
        step_segment_id=np.array([s for s, _, _ in flat], dtype=np.int64),
        step_length_m=np.array([m for _, m, _ in flat], dtype=np.float64),
        step_is_forward=np.array([f for _, _, f in flat], dtype=np.bool_),
        unreachable=pd.DataFrame(unreachable, columns=["origin", "gate", "reason"]),
    )


def make_trips(rows):
    columns = ["origin", "gate", "mode", "shift", "start_min", "end_min", "workers"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"start_min": "Int64", "end_min": "Int64", "workers": "float64"})


@pytest.fixture
def line():
    """Three segments in a row, 1,000 m each; an intersection 0 and 1 between them."""
    return RoadSites(
        n_segments=4,
        n_intersections=2,
        intersection_u=np.array([-1, 0, 1, -1]),
        intersection_v=np.array([0, 1, -1, -1]),
    )


@pytest.fixture
def one_route():
    """Route of 30 minutes over the three segments, 500 m of the first."""
    steps = [(0, 500.0, True), (1, 1000.0, True), (2, 1000.0, True)]
    return make_routes([(7, 0, 0, 1.0, 1800.0)], [steps])


DAY_SHIFT = ("06:20-15:30", 380, 930)


def test_a_hand_computed_road(line, one_route):
    trips = make_trips([(7, 0, "bus", *DAY_SHIFT, 40.0)])
    leg = Leg(routes=one_route, trips=trips)
    flows = list(iterate_flows([leg], line, dark_share=DARK_UNTIL_SIX, margin_min=10))
    assert len(flows) == 1
    frame = flows[0].to_frame().sort_values(["direction", "segment_id"], ignore_index=True)
    home, work = frame[frame["direction"] == "from_work"], frame[frame["direction"] == "to_work"]
    assert work["workers_per_day"].tolist() == [40.0, 40.0, 40.0]
    assert work["worker_km_per_day"].tolist() == [20.0, 40.0, 40.0]
    # at the gate 06:10; 12 min/km: the middles of the steps are passed 27, 18 and 6 min before
    assert work["dark_share"].tolist() == [1.0, 1.0, 0.0]  # 05:43, 05:52, 06:04
    assert home["worker_km_per_day"].tolist() == [20.0, 40.0, 40.0]
    assert home["dark_share"].tolist() == [0.0, 0.0, 0.0]
    # through the intersections 24 and 12 min before 06:10
    assert flows[0].intersection_id.tolist() == [0, 1]
    way = flows[0].groups["direction"] == "to_work"
    assert flows[0].crossing[:, way].ravel().tolist() == [40.0, 40.0]
    assert flows[0].crossing_dark[:, way].ravel().tolist() == [40.0, 40.0]  # 05:46, 05:58
    by_hour = flows[0].worker_km_by_hour
    assert by_hour[way.to_numpy()].ravel()[[5, 6, 24]].tolist() == [60.0, 40.0, 0.0]
    assert by_hour[~way.to_numpy()].ravel()[15:17].tolist() == [80.0, 20.0]  # 15:46, 15:58, 16:07


def test_totals_of_a_year(line, one_route):
    trips = make_trips(
        [
            (7, 0, "bus", *DAY_SHIFT, 30.0),
            (7, 0, "open_truck_with_people", *DAY_SHIFT, 10.0),
            (7, 0, "bus", "unknown", None, None, 10.0),
        ]
    )
    flows = iterate_flows([Leg(routes=one_route, trips=trips)], line, dark_share=DARK_UNTIL_SIX)
    found = add_exposure(flows, line, modes=MODES, working_days=100)
    segments = found.segments
    assert segments["workers_per_day"].tolist() == [50.0, 50.0, 50.0, 0.0]
    assert segments["worker_km_per_year"].tolist() == [5000.0, 10000.0, 10000.0, 0.0]
    assert segments["worker_km_unknown"].tolist() == [1000.0, 2000.0, 2000.0, 0.0]
    assert segments["worker_km_dark"].tolist() == [2000.0, 4000.0, 0.0, 0.0]
    assert segments["n_gates"].tolist() == [1, 1, 1, 0]
    assert found.worker_km_per_year == 25_000.0
    assert found.by_mode["dark"][1].tolist() == [3000.0, 0.0, 1000.0, 0.0]
    assert found.intersections["passings_per_year"].tolist() == [10_000.0, 10_000.0]
    assert found.intersections["passings_dark"].tolist() == [4000.0, 4000.0]
    groups = found.groups.set_index(["mode", "shift", "direction"])
    assert groups.loc[("bus", "unknown", "to_work"), "worker_km_unknown"] == 2500.0
    assert groups.loc[("bus", DAY_SHIFT[0], "to_work"), "worker_km_dark"] == 4500.0
    hours = found.hours
    assert hours["worker_km_per_year"].sum() == pytest.approx(25_000)
    assert hours.loc[hours["hour"].isna(), "worker_km_per_year"].sum() == 5000.0
    gates = found.of_gates.set_index(["site_type", "site"])
    assert gates.loc[("segment", 1), "exposure_per_year"] == 10_000.0
    assert gates.loc[("segment", 1), "dark_share"] == 0.5
    assert gates.loc[("intersection", 0), "exposure_per_year"] == 10_000.0


def test_alternatives_share_the_workers_and_an_unknown_shift_is_never_day(line):
    direct = [(0, 400.0, True), (1, 600.0, True)]
    around = [(0, 400.0, True), (2, 900.0, False), (3, 100.0, True)]
    routes = make_routes([(0, 0, 0, 0.75, 60.0), (0, 0, 1, 0.25, 90.0)], [direct, around])
    trips = make_trips([(0, 0, "unknown", "unknown", None, None, 8.0)])
    (flows,) = iterate_flows(
        [Leg(routes=routes, trips=trips, directions=("to_work",))], line, dark_share=np.ones(1440)
    )
    frame = flows.to_frame().set_index("segment_id")
    assert frame["workers_per_day"].to_dict() == {0: 8.0, 1: 6.0, 2: 2.0, 3: 2.0}
    assert frame["dark_share"].isna().all()
    assert flows.worker_km_dark.sum() == 0.0
    assert flows.worker_km_by_hour[0, 24] == pytest.approx(8.0 * (0.75 * 1.0 + 0.25 * 1.4))


def test_speeds_say_where_on_a_route_its_time_is_spent(line, one_route):
    trips = make_trips([(7, 0, "bus", *DAY_SHIFT, 1.0)])
    slow_end = np.array([100.0, 100.0, 10.0, np.nan])
    leg = Leg(routes=one_route, trips=trips, directions=("to_work",), segment_speed_kmh=slow_end)
    (flows,) = iterate_flows([leg], line, dark_share=DARK_UNTIL_SIX, margin_min=10)
    # nearly all of the 30 min on the last segment: its middle is passed 13 min before 06:10
    assert (flows.worker_km_dark > 0).ravel().tolist()[:3] == [True, True, True]


def test_the_way_home_may_be_routed_by_itself(line, one_route):
    trips = make_trips([(7, 0, "bus", *DAY_SHIFT, 5.0)])
    home = make_routes([(7, 0, 0, 1.0, 600.0)], [[(0, 500.0, True), (3, 2500.0, True)]])
    legs = [
        Leg(routes=one_route, trips=trips, directions=("to_work",)),
        Leg(routes=home, trips=trips, directions=("from_work",)),
    ]
    flows = iterate_flows(legs, line, dark_share=DARK_UNTIL_SIX)
    found = add_exposure(flows, line, modes=MODES, working_days=200)
    assert found.segments["workers_to_work"].tolist() == [5, 5, 5, 0]
    assert found.segments["workers_from_work"].tolist() == [5, 0, 0, 5]
    assert found.segments["workers_per_day"].tolist() == [5, 5, 5, 5]
    assert found.worker_km_per_year == pytest.approx(200 * 5 * (2.5 + 3.0))
    assert not found.of_gates.duplicated(["gate", "site_type", "site"]).any()


def test_trips_without_a_route_are_listed_with_the_reason():
    routes = make_routes(
        [(0, 0, 0, 1.0, 60.0)],
        [[(0, 400.0, True)]],
        [(1, 0, "no road within 500 m"), (2, None, "on an island"), (None, 1, "no place")],
    )
    trips = make_trips([(origin, 0, "bus", *DAY_SHIFT, 3.0) for origin in (0, 1, 2, 3)])
    trips = pd.concat([trips, trips.iloc[:1].assign(gate=1)])
    lost = find_unrouted(Leg(routes=routes, trips=trips))
    assert lost["origin"].tolist() == [1, 2, 3, 0]
    assert lost["reason"].tolist() == [
        *("no road within 500 m", "on an island"),
        *("no route was asked for", "no place"),
    ]


def test_no_trips_no_routes_and_trips_of_nobody_give_empty_tables(line, one_route):
    nobody = make_trips([(7, 0, "bus", *DAY_SHIFT, 0.0)])
    for leg in (
        Leg(routes=one_route, trips=nobody),
        Leg(routes=one_route, trips=nobody.iloc[:0]),
        Leg(routes=make_routes([], []), trips=make_trips([(7, 0, "bus", *DAY_SHIFT, 1.0)])),
    ):
        flows = iterate_flows([leg], line, dark_share=DARK_UNTIL_SIX)
        found = add_exposure(flows, line, modes=MODES)
        assert found.segments["worker_km_per_year"].sum() == 0
        assert len(found.segments) == 4
        assert found.of_gates.empty
        assert found.groups.empty
        assert found.hours.empty


def test_routes_whose_steps_miss_their_length_are_refused(line, one_route):
    table = one_route.routes.assign(length_m=2501.0)
    broken = Routes(
        routes=table,
        **{name: getattr(one_route, name) for name in one_route.__slots__ if name != "routes"},
    )
    trips = make_trips([(7, 0, "bus", *DAY_SHIFT, 40.0)])
    with pytest.raises(NetworkError, match="not conserved, first bus"):
        list(iterate_flows([Leg(routes=broken, trips=trips)], line, dark_share=DARK_UNTIL_SIX))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"workers": -1.0}, InputError, "first row 0"),
        ({"workers": np.nan}, InputError, "workers below 0 or missing"),
        ({"start_min": 1440}, InputError, "1439"),
    ],
)
def test_trips_that_make_no_sense_are_refused(line, one_route, change, error, said):
    trips = make_trips([(7, 0, "bus", *DAY_SHIFT, 40.0)]).assign(**change)
    with pytest.raises(error, match=said):
        list(iterate_flows([Leg(routes=one_route, trips=trips)], line, dark_share=DARK_UNTIL_SIX))


def test_wrong_columns_directions_modes_and_networks_are_refused(line, one_route):
    trips = make_trips([(7, 0, "bus", *DAY_SHIFT, 40.0)])
    share = {"dark_share": DARK_UNTIL_SIX}
    leg = Leg(routes=one_route, trips=trips.drop(columns="shift"))
    with pytest.raises(TableError, match="shift"):
        list(iterate_flows([leg], line, **share))
    leg = Leg(routes=one_route, trips=trips, directions=("sideways",))
    with pytest.raises(InputError, match="sideways"):
        list(iterate_flows([leg], line, **share))
    small = RoadSites(
        n_segments=2,
        n_intersections=0,
        intersection_u=np.array([-1, -1]),
        intersection_v=np.array([-1, -1]),
    )
    with pytest.raises(InputError, match="route on the same network"):
        list(iterate_flows([Leg(routes=one_route, trips=trips)], small, **share))
    flows = iterate_flows([Leg(routes=one_route, trips=trips)], line, **share)
    with pytest.raises(InputError, match="bus not among"):
        add_exposure(flows, line, modes=("car",))
    with pytest.raises(InputError, match="working_days"):
        add_exposure([], line, modes=MODES, working_days=400)


def walk_plainly(routes, trips, dark, margin):
    """Add the same flows up with plain loops over trips, routes and steps."""
    sums = {}
    table = list(routes.routes.itertuples())
    for trip in trips.itertuples():
        for route in table:
            if (route.origin, route.gate) != (trip.origin, trip.gate):
                continue
            begin, end = routes.step_offset[route.route], routes.step_offset[route.route + 1]
            lengths = routes.step_length_m[begin:end]
            times = lengths / lengths.sum() * route.time_s / 60
            for k in range(end - begin):
                left = times[k + 1 :].sum() + times[k] / 2
                for way in ("to_work", "from_work"):
                    anchor = trip.start_min - margin - left
                    if way == "from_work":
                        anchor = trip.end_min + margin + left
                    key = (routes.step_segment_id[begin + k], trip.gate, trip.mode, way)
                    km = trip.workers * route.share * lengths[k] / 1000
                    total = sums.setdefault(key, [0.0, 0.0, 0.0])
                    total[0] += trip.workers * route.share
                    total[1] += km
                    total[2] += km * dark[int(np.floor(anchor)) % 1440]
    return sums


@st.composite
def worlds(draw):
    """Draw routes of random steps between a few origins and gates, and trips on them."""
    n_segments = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, steps = [], []
    for origin in range(draw(st.integers(1, 3))):
        for gate in range(draw(st.integers(1, 2))):
            n = draw(st.integers(1, 3))
            shares = rng.dirichlet(np.ones(n))
            for alternative in range(n):
                rows.append((origin, gate, alternative, shares[alternative], rng.uniform(0, 9000)))
                ids = rng.permutation(n_segments)[: rng.integers(1, n_segments + 1)]
                steps.append([(int(i), rng.uniform(0.1, 500), bool(rng.integers(2))) for i in ids])
    trips = make_trips(
        [
            (origin, gate, mode, f"s{start}", start, (start + 540) % 1440, rng.uniform(0, 300))
            for origin in range(4)
            for gate in range(2)
            for mode in ("bus", "unknown")
            for start in rng.integers(0, 1440, 1).tolist()
        ]
    )
    return n_segments, make_routes(rows, steps), trips, rng.uniform(0, 1, 1440)


@given(worlds())
@settings(max_examples=8, deadline=None)
def test_flows_equal_a_plain_walk_and_are_conserved(world):
    n_segments, routes, trips, dark = world
    none = np.full(n_segments, -1)
    sites = RoadSites(
        n_segments=n_segments, n_intersections=0, intersection_u=none, intersection_v=none
    )
    flows = list(iterate_flows([Leg(routes=routes, trips=trips)], sites, dark_share=dark))
    expected = walk_plainly(routes, trips, dark, 10.0)
    found = pd.concat([one.to_frame() for one in flows])
    found["dark"] = found["worker_km_per_day"] * found["dark_share"]
    keys = ["segment_id", "gate", "mode", "direction"]
    sums = found.groupby(keys)[["workers_per_day", "worker_km_per_day", "dark"]].sum()
    assert len(sums) == len(expected)
    for key, values in expected.items():
        assert sums.loc[key].tolist() == pytest.approx(values, rel=1e-9, abs=1e-12)
    pairs = routes.routes.assign(km=lambda t: t["share"] * t["length_m"] / 1000)
    mean_km = pairs.groupby(["origin", "gate"])["km"].sum()
    workers = trips.groupby(["origin", "gate"])["workers"].sum()
    along = 2 * (mean_km * workers.reindex(mean_km.index)).sum()
    exposure = add_exposure(flows, sites, modes=MODES, working_days=1)
    assert exposure.worker_km_per_year == pytest.approx(along, rel=1e-9)
    assert exposure.segments["worker_km_per_year"].sum() == pytest.approx(along, rel=1e-9)
    assert sum(one.sum() for one in exposure.by_mode.values()) == pytest.approx(along, rel=1e-9)
    is_segment = exposure.of_gates["site_type"] == "segment"
    of_gates = exposure.of_gates.loc[is_segment, "exposure_per_year"]
    assert of_gates.sum() == pytest.approx(along, rel=1e-9)
    assert exposure.hours["worker_km_per_year"].sum() == pytest.approx(along, rel=1e-9)
