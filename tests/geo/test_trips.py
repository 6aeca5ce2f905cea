import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, TableError
from geo.trips import (
    build_trips,
    compute_riders_per_vehicle,
    estimate_vehicles,
    normalise_mode_shares,
)


def test_mode_shares_follow_the_stated_rule():
    shares = pd.DataFrame(
        {
            "share_bus": [0.5, 0.5, 50.0, None, 0.505],
            "share_van": [0.5, None, 50.0, None, 0.5],
        }
    )
    modes, notes = normalise_mode_shares(shares)
    assert modes["bus"].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.0, 0.505 / 1.005])
    assert modes["unknown"].tolist() == pytest.approx([0.0, 0.5, 0.0, 1.0, 0.0])
    assert notes == {
        "mode shares above 1, scaled to 1": 1,
        "mode shares below 1, the rest unknown": 1,
        "no mode share, all unknown": 1,
    }


def test_trips_of_one_origin_by_hand():
    origins = pd.DataFrame(
        {"origin": [3, 4], "gate": [1, 1], "workers": [100, None], "share_bus": [0.6, 1.0]}
    )
    shifts = pd.DataFrame(
        {
            "gate": [1, 1],
            "shift": ["a", "b"],
            "start_min": [390, 930],
            "end_min": [930, 30],
            "share": [0.75, 0.25],
        }
    )
    trips = build_trips(origins, shifts)
    rows = trips.frame[["origin", "mode", "shift", "workers"]].to_numpy().tolist()
    assert rows == [
        [3, "bus", "a", pytest.approx(45.0)],
        [3, "bus", "b", pytest.approx(15.0)],
        [3, "unknown", "a", pytest.approx(30.0)],
        [3, "unknown", "b", pytest.approx(10.0)],
    ]
    assert trips.notes["origins of unknown workers, left out"] == 1


def test_no_shift_at_all_is_one_unknown_shift_and_repeated_rows_add_up():
    origins = pd.DataFrame({"origin": [0, 0], "gate": [0, 0], "workers": [10, 5]})
    none = pd.DataFrame(
        {name: pd.Series([], dtype="float64") for name in ("gate", "start_min", "end_min", "share")}
    ).assign(shift=pd.Series([], dtype="str"))
    trips = build_trips(origins, none).frame
    assert len(trips) == 1
    assert trips.loc[0, ["mode", "shift", "workers"]].tolist() == ["unknown", "unknown", 15.0]
    assert pd.isna(trips.loc[0, "start_min"])
    assert build_trips(origins.iloc[:0], none).frame.empty


def test_what_cannot_be_is_refused():
    shifts = pd.DataFrame(
        {"gate": [0], "shift": ["a"], "start_min": [1], "end_min": [2], "share": [0.5]}
    )
    origins = pd.DataFrame({"origin": [0], "gate": [0], "workers": [1.0]})
    with pytest.raises(InputError, match=r"do not sum to 1, first gate 0: 0\.5"):
        build_trips(origins, shifts)
    good = shifts.assign(share=1.0)
    with pytest.raises(InputError, match="below 0, first in row 0"):
        build_trips(origins.assign(workers=-1.0), good)
    with pytest.raises(TableError, match="workers"):
        build_trips(origins.drop(columns="workers"), good)
    with pytest.raises(TableError, match="share_rocket"):
        build_trips(origins.assign(share_rocket=1.0), good)
    with pytest.raises(InputError, match="negative or infinite"):
        build_trips(origins.assign(share_bus=-0.1), good)


def test_riders_per_vehicle_make_vehicles_a_day():
    vehicles = pd.DataFrame(
        {
            "gate": [0, 0, 0, 1, None],
            "type": ["bus", "bus", "open_truck_with_people", "bus", "bus"],
            "seats": [40, 50, 0, 40, 1],
            "riders": [50, 30, 60, None, 1],
        }
    )
    riders = compute_riders_per_vehicle(vehicles)
    first = riders.set_index(["gate", "mode"])
    assert first.loc[(0, "bus"), "riders_per_vehicle"] == 40.0
    assert first.loc[(0, "bus"), "overfull_share"] == 0.5
    assert np.isnan(first.loc[(0, "open_truck_with_people"), "overfull_share"])
    assert first.loc[(1, "bus"), "n_known"] == 0
    flows = pd.DataFrame(
        {
            "gate": [0, 0, 0, 0, 1],
            "mode": ["bus", "motorcycle_driver", "pedestrian", "van", "bus"],
            "workers_per_day": [80.0, 7.0, 9.0, 30.0, 10.0],
        }
    )
    found = estimate_vehicles(flows, riders)
    assert found.tolist()[:3] == [2.0, 7.0, 0.0]
    assert found.isna().tolist() == [False, False, False, True, True]


@given(st.lists(st.one_of(st.none(), st.floats(0, 200)), min_size=2, max_size=2))
def test_shares_always_sum_to_one_and_none_is_negative(values):
    shares = pd.DataFrame([values], columns=["share_bus", "share_van"], dtype="float64")
    modes, _ = normalise_mode_shares(shares)
    assert modes.sum(axis=1).item() == pytest.approx(1.0, abs=1e-12)
    assert (modes >= 0).all(axis=None)
