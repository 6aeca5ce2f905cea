import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, NotEnoughDataError, VocabularyError
from models.mode_shift import estimate_mode_shift

KM = {"open_truck_with_people": 10e6, "bus": 5e6, "motorcycle_driver": 20e6, "van": 3e6}
HURT = {
    "open_truck_with_people": [12] * 10 + [0] * 10,  # 20 crashes, 120 hurt
    "bus": [2] * 5,
    "motorcycle_driver": [1] * 40,
    "van": [3],
}
CHANGE = ("open_truck_with_people", "bus", 0.3)


def shift(change=CHANGE, **options):
    return estimate_mode_shift(KM, HURT, change, years=2.0, rng=np.random.default_rng(1), **options)


def test_thirty_per_cent_from_trucks_to_buses_by_hand():
    found = shift()
    assert found.moved_worker_km == 3e6
    # trucks: 20 crashes and 120 hurt in 20 million; buses: 5 and 10 in 10 million; half a crash
    # more each (Jeffreys), and of vehicles that carry many one crash that hurts 133 / 26
    assert found.crashes.difference == pytest.approx(3 * (5.5 / 10 - 20.5 / 20))
    like = 133 / 26
    bus, truck = 5.5 / 10 * (10 + like) / 6, 20.5 / 20 * (120 + like) / 21
    assert found.workers_hurt.difference == pytest.approx(3 * (bus - truck))
    assert found.crashes.before == 66 / 2
    assert found.workers_hurt.before == (120 + 10 + 40 + 3) / 2
    assert found.workers_hurt.after == pytest.approx(86.5 + 3 * (bus - truck))
    assert found.crashes.difference_low < found.crashes.difference < found.crashes.difference_high
    assert found.probability_fewer_hurt > 0.99
    assert len(found.to_dict()["assumptions"]) == 5


def test_the_interval_is_that_of_two_gammas():
    rng = np.random.default_rng(2)
    found = shift(n_draws=100_000)
    draws = 3 * (rng.gamma(5.5, 1 / 10, 200_000) - rng.gamma(20.5, 1 / 20, 200_000))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found.crashes.difference_low == pytest.approx(low, abs=0.03)
    assert found.crashes.difference_high == pytest.approx(high, abs=0.03)


def test_the_same_seed_gives_the_same_answer():
    assert shift().to_dict() == shift().to_dict()


def test_a_vehicle_without_a_crash_has_a_rate_known_from_above():
    km = {"open_truck_with_people": 241e6, "bus": 35.38e6}
    hurt = {"open_truck_with_people": [5] * 45, "bus": []}
    options = {"years": 1.0, "rng": np.random.default_rng(3)}
    found = estimate_mode_shift(km, hurt, CHANGE, **options)
    assert found.n_crashes == {"open_truck_with_people": 45, "bus": 0}
    # half of a chi-squared quantile with 1 degree of freedom: 5.0239 / 2 in 35.38 million
    assert found.crashes_per_million_high["bus"] == pytest.approx(2.51194 / 35.38, rel=1e-4)
    assert found.crashes.difference == pytest.approx(0.3 * 241 * (0.5 / 35.38 - 45.5 / 241))
    assert found.workers_hurt.difference_high < 0  # the intervals do not overlap
    assert found.probability_fewer_hurt > 0.99
    del hurt["bus"]
    same = estimate_mode_shift(km, hurt, CHANGE, years=1.0, rng=np.random.default_rng(3))
    assert same.to_dict() == found.to_dict()


def test_without_any_crash_nothing_is_compared():
    with pytest.raises(NotEnoughDataError, match="no crash of a commuting worker is known"):
        estimate_mode_shift(KM, {}, CHANGE, years=2.0, rng=np.random.default_rng(1))


@pytest.mark.parametrize("bus_crashes", [0.5, 2.0, 15.0])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(bus_crashes):
    rng = np.random.default_rng(4)
    sizes = np.array([0.0, 1.0, 2.0, 6.0, 20.0])  # alike in trucks and buses, mean 5.8
    km = {"open_truck_with_people": 10e6, "bus": 5e6}
    true = (bus_crashes / 5 - 30 / 10) * 0.3 * 10
    within = np.zeros(2)
    n_tries = 400
    for _ in range(n_tries):
        numbers = {"open_truck_with_people": rng.poisson(30), "bus": rng.poisson(bus_crashes)}
        hurt = {mode: rng.choice(sizes, n) for mode, n in numbers.items()}
        found = estimate_mode_shift(km, hurt, CHANGE, years=1.0, rng=rng, n_draws=500)
        for i, (one, per) in enumerate(((found.crashes, 1.0), (found.workers_hurt, 5.8))):
            within[i] += one.difference_low <= true * per <= one.difference_high
    assert np.all(within / n_tries >= 0.92)


def test_too_few_kilometres_are_refused_with_a_sentence():
    said = r"van rests on 6\.00 million worker-km, too little"
    with pytest.raises(NotEnoughDataError, match=said):
        shift(("open_truck_with_people", "van", 0.3), min_exposure=7e6)


@pytest.mark.parametrize("change", [("bus", "bus", 0.1), ("bus", "van", 1.1), ("bus", "van", -1)])
def test_changes_that_are_none_are_refused(change):
    with pytest.raises(InputError, match="a share from 0 to 1"):
        shift(change)


def test_modes_that_nobody_uses_are_named():
    with pytest.raises(VocabularyError, match="'rocket' is not known; use one of: bus"):
        shift(("bus", "rocket", 0.1))


@given(st.floats(0, 1))
def test_what_changes_is_proportional_to_the_share(share):
    found = shift(("open_truck_with_people", "bus", share), n_draws=100)
    assert found.crashes.difference == pytest.approx(share * 10 * (0.55 - 1.025), abs=1e-9)
    assert found.crashes.after == pytest.approx(found.crashes.before + found.crashes.difference)
