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
    # trucks: 20 crashes and 120 hurt in 20 million; buses: 5 and 10 in 10 million
    assert found.crashes.difference == pytest.approx(3 * (0.5 - 1.0))
    assert found.workers_hurt.difference == pytest.approx(3 * (1.0 - 6.0))
    assert found.crashes.before == 66 / 2
    assert found.workers_hurt.before == (120 + 10 + 40 + 3) / 2
    assert found.workers_hurt.after == pytest.approx(86.5 - 15)
    assert found.crashes.difference_low < found.crashes.difference < found.crashes.difference_high
    assert found.probability_fewer_hurt > 0.99
    assert len(found.to_dict()["assumptions"]) == 4


def test_the_interval_is_that_of_two_gammas():
    rng = np.random.default_rng(2)
    found = shift(n_draws=100_000)
    draws = 3 * (rng.gamma(5.5, 1 / 10, 200_000) - rng.gamma(20.5, 1 / 20, 200_000))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found.crashes.difference_low == pytest.approx(low, abs=0.03)
    assert found.crashes.difference_high == pytest.approx(high, abs=0.03)


def test_the_same_seed_gives_the_same_answer():
    assert shift().to_dict() == shift().to_dict()


def test_a_rate_that_rests_on_too_little_is_refused_with_a_sentence():
    said = r"rate of van rests on 1 crash\(es\) in 6.00 million worker-km, too little"
    with pytest.raises(NotEnoughDataError, match=said):
        shift(("open_truck_with_people", "van", 0.3))
    with pytest.raises(NotEnoughDataError, match="at least 5 crashes and 100 million"):
        shift(min_exposure=100e6)


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
    assert found.crashes.difference == pytest.approx(share * -5.0, abs=1e-9)
    assert found.crashes.after == pytest.approx(found.crashes.before + found.crashes.difference)
