"""The high-injury network: exact, and honest about the next crashes."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, NotEnoughDataError
from models.high_injury import find_high_injury_network


def find(n, length, share=0.5, n_resamples=0, seed=1):
    rng = np.random.default_rng(seed)
    return find_high_injury_network(n, length, share=share, rng=rng, n_resamples=n_resamples)


def test_by_hand():
    # densities 4, 2 and 1 per 100 m: half of 8 crashes is the first piece; 6 takes all of two
    found = find([4, 2, 2, 0], [100, 100, 200, 1000])
    assert found.is_chosen.tolist() == [True, False, False, False]
    assert found.length_km == pytest.approx(0.1)
    assert found.length_share == pytest.approx(100 / 1400)
    found = find([4, 2, 2, 0], [100, 100, 200, 1000], share=0.875)
    assert found.is_chosen.tolist() == [True, True, True, False]
    assert found.length_km == pytest.approx(0.3)  # half of the third piece
    assert (found.n_crashes, found.n_pieces) == (8, 3)
    assert np.isnan(found.length_needed_km)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(1, 100)), min_size=1, max_size=7),
    st.floats(0.05, 0.95),
)
def test_no_choice_of_whole_pieces_is_shorter(pieces, share):
    n, length = np.array(pieces).T
    if n.sum() == 0:
        return
    found = find(n, length, share)
    for taken in product([False, True], repeat=len(n)):
        if n[list(taken)].sum() >= share * n.sum():
            assert length[list(taken)].sum() / 1000 >= found.length_km - 1e-9


def test_chance_alone_is_seen_through():
    rng = np.random.default_rng(3)
    n = rng.poisson(0.3, 3000)  # every piece has the same risk
    found = find(n, np.full(3000, 100.0), n_resamples=50)
    assert found.length_share < 0.15  # it looks as if half lay on little road
    assert found.held_left_out_share < 0.35  # but the next crashes are hardly there
    planted = n + np.r_[np.full(30, 60), np.zeros(2970)]
    found = find(planted, np.full(3000, 100.0), n_resamples=50)
    assert found.held_left_out_share == pytest.approx(0.5, abs=0.08)
    assert found.chosen_again_share > 0.5
    assert found.length_needed_low_km < found.length_needed_high_km


def test_a_seed_gives_the_same():
    n = np.arange(20)
    one, other = (find(n, np.full(20, 50.0), n_resamples=20, seed=4) for _ in range(2))
    assert one.length_needed_km == other.length_needed_km
    assert one.held_left_out_share == other.held_left_out_share


def test_bad_input_is_named():
    with pytest.raises(NotEnoughDataError, match="no crash"):
        find([0], [1.0])
    with pytest.raises(InputError, match="1 piece"):
        find([1], [0.0])
    with pytest.raises(InputError, match="1 piece"):
        find([1, 1], [1.0, np.inf])
    with pytest.raises(InputError, match="share"):
        find([1], [1.0], share=1.0)


def test_the_length_needed_by_hand():
    # two crashes on one piece of 100 m: either half chooses it and finds half of the other there
    found = find([2, 0], [100, 900], n_resamples=1)
    assert found.length_needed_km == pytest.approx(0.05)
    # one each on two pieces: what is chosen holds nothing of the other half; of the 900 m left
    # half of the other crash is met half way
    found = find([1, 1, 0], [100, 100, 800], n_resamples=1)
    assert found.length_needed_km == pytest.approx(0.1 + 0.45)
    assert np.isnan(find([1], [100.0], n_resamples=1).length_needed_km)


def test_by_chance_it_takes_the_share_of_the_road():
    n = np.random.default_rng(5).poisson(0.3, 3000)
    found = find(n, np.full(3000, 100.0), n_resamples=1)
    assert found.length_needed_low_km < 150 < found.length_needed_high_km + 5
    assert found.length_needed_km == pytest.approx(150, rel=0.05)
    assert found.total_km == pytest.approx(300)


def test_kinds_with_more_crashes_come_first():
    rng = np.random.default_rng(6)
    kind = np.repeat(["main", "side"], 1500)
    n = rng.poisson(np.where(kind == "main", 0.3, 0.02))
    alike = find(n, np.full(3000, 100.0), n_resamples=1)
    rng = np.random.default_rng(1)
    known = find_high_injury_network(
        n, np.full(3000, 100.0), share=0.5, rng=rng, group=kind, n_resamples=1
    )
    assert known.length_needed_km < 0.8 * alike.length_needed_km
