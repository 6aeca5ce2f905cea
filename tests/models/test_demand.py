import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import ConvergenceError, InputError, OutOfScopeError, VocabularyError
from models.demand import estimate_demand


def test_two_villages_by_hand():
    # 30 at 2 km and 10 at 10 km give a mean of 4 km; with equal people exp(-b·8) = 1/3
    found = estimate_demand([40], [1000, 1000], [[2.0, 10.0]], mean_distance_km=4.0)
    assert found.workers.tolist() == [[pytest.approx(30), pytest.approx(10)]]
    assert found.decay == pytest.approx(np.log(3) / 8)
    assert (found.shortest_mean_km, found.longest_mean_km) == pytest.approx((2.0, 6.0))
    assert "not recorded" in found.label


def test_two_villages_by_hand_with_a_power():
    found = estimate_demand(
        [40], [1000, 1000], [[2.0, 10.0]], mean_distance_km=4.0, deterrence="power"
    )
    assert found.decay == pytest.approx(np.log(3) / np.log(5))


def test_people_weigh_and_no_deterrence_is_needed_for_the_mean_of_people():
    found = estimate_demand([40], [3000, 1000], [[2.0, 10.0]], mean_distance_km=4.0)
    assert found.decay == pytest.approx(0.0, abs=1e-9)


def test_a_village_gives_no_more_than_it_has():
    distance = [[1.0, 5.0, 9.0], [5.0, 1.0, 9.0]]
    found = estimate_demand(
        [80, 40], [100, 100, 1000], distance, mean_distance_km=3.2, max_share=0.5
    )
    sums = found.workers.sum(axis=0)
    assert (sums <= np.array([50, 50, 500]) * (1 + 1e-6)).all()
    assert found.workers.sum(axis=1).tolist() == pytest.approx([80, 40])
    assert found.mean_distance_km == pytest.approx(3.2, abs=1e-5)
    free = estimate_demand([80, 40], [100, 100, 1000], distance, mean_distance_km=3.2)
    assert free.workers.sum(axis=0)[0] > 50


def test_a_mean_that_cannot_be_reached_is_refused_with_the_range():
    with pytest.raises(OutOfScopeError, match=r"between 2 km .* and 6 km"):
        estimate_demand([40], [1000, 1000], [[2.0, 10.0]], mean_distance_km=7.0)
    with pytest.raises(OutOfScopeError, match="between 2 km"):
        estimate_demand([40], [1000, 1000], [[2.0, 10.0]], mean_distance_km=1.0)


def test_villages_without_a_way_or_without_people_give_nobody():
    found = estimate_demand(
        [10, 0], [5, 0, 7, 9], [[1, 2, np.nan, 3], [np.nan] * 4], mean_distance_km=1.5
    )
    assert found.workers[0, [1, 2]].tolist() == [0, 0]
    assert found.workers[1].sum() == 0
    assert found.mean_distance_km == pytest.approx(1.5)


def test_one_village_takes_all():
    found = estimate_demand([10], [5], [[3.0]], mean_distance_km=3.0)
    assert found.workers.tolist() == [[10.0]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"workers": [-1]}, "workers negative"),
        ({"workers": [0]}, "no workers"),
        ({"population": [1, np.nan]}, "population negative or missing"),
        ({"population": [0, 0]}, "cannot be reached"),
        ({"distance_km": [[1, -2]]}, "negative"),
        ({"distance_km": [[1, 2, 3]]}, r"distances \(1, 3\)"),
    ],
)
def test_what_makes_no_sense_is_refused(change, said):
    given_ = {"workers": [10], "population": [5, 5], "distance_km": [[1, 2]], **change}
    with pytest.raises(InputError, match=said):
        estimate_demand(**given_, mean_distance_km=1.5)


def test_options_that_are_none_and_too_little_room_are_refused():
    with pytest.raises(VocabularyError, match="deterrence"):
        estimate_demand([1], [1], [[1]], mean_distance_km=1, deterrence="cosine")
    with pytest.raises(InputError, match="max_share is 2"):
        estimate_demand([1], [1], [[1]], mean_distance_km=1, max_share=2)
    with pytest.raises(ConvergenceError, match="cannot hold the workers: 40 workers, room for 20"):
        estimate_demand([40], [20, 20], [[1, 2]], mean_distance_km=1.4, max_share=0.5)


@given(st.integers(1, 4), st.integers(2, 12), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_rows_sum_to_workers_and_the_mean_is_met(n_factories, n_villages, where, seed):
    rng = np.random.default_rng(seed)
    distance = rng.uniform(0.5, 40, (n_factories, n_villages))
    workers = rng.uniform(10, 3000, n_factories)
    people = rng.uniform(50, 2000, n_villages)
    longest = float((distance @ people / people.sum()) @ workers / workers.sum())
    shortest = float(distance.min(axis=1) @ workers / workers.sum())
    assume(longest > shortest * 1.01)
    wanted = shortest + where * (longest - shortest)
    found = estimate_demand(workers, people, distance, mean_distance_km=wanted)
    assert found.workers.sum(axis=1) == pytest.approx(workers)
    assert (found.workers >= 0).all()
    assert (found.workers * distance).sum() / workers.sum() == pytest.approx(wanted, rel=1e-6)
