from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from core.errors import InputError
from models.hotspot_sensitivity import (
    compute_share_still_found,
    draw_crashes_again,
    is_still_found,
    move_crashes,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def chain(n):
    at = np.arange(n - 1)
    ends = np.r_[at, at + 1], np.r_[at + 1, at]
    return sparse.csr_array((np.ones(2 * n - 2, dtype=bool), ends), shape=(n, n))


LABELS = np.array([0, 0, -1, 1, 1, 1])
LENGTH = [50.0, 50.0, 50.0, 10.0, 20.0, 70.0]


def test_half_of_the_length_counts_not_of_the_lixels():
    again = np.array([True, False, True, True, True, False])
    assert compute_share_still_found(LABELS, again, LENGTH).tolist() == [0.5, 0.3]
    assert is_still_found(LABELS, again, LENGTH).tolist() == [True, False]
    assert is_still_found(LABELS, again, LENGTH, min_share=0.3).all()


def test_no_hotspot_is_none_found():
    none = np.full(6, -1)
    assert is_still_found(none, np.ones(6, bool), LENGTH).size == 0
    with pytest.raises(InputError):
        is_still_found(LABELS, np.ones(5, bool), LENGTH)


def test_a_crash_moves_to_the_next_lixel_only_when_it_would_leave_its_own(rng):
    lixel = np.full(4_000, 2)
    length = np.full(5, 100.0)
    stays = move_crashes(lixel, np.full(4_000, 50.0), length, chain(5), shift_m=(25, 50), rng=rng)
    assert (stays == 2).all()
    moved = move_crashes(lixel, np.full(4_000, 10.0), length, chain(5), shift_m=(25, 50), rng=rng)
    count = np.bincount(moved, minlength=5)
    assert count[2] == pytest.approx(2_000, abs=150)  # those that go the other way
    assert count[1] == pytest.approx(1_000, abs=150)
    assert count[1] + count[2] + count[3] == 4_000


def test_a_lixel_by_itself_keeps_its_crashes(rng):
    alone = sparse.csr_array((1, 1), dtype=bool)
    assert move_crashes([0, 0], [1.0, 2.0], [5.0], alone, shift_m=(25, 50), rng=rng).sum() == 0
    assert move_crashes([], [], [5.0], alone, shift_m=(25, 50), rng=rng).size == 0
    with pytest.raises(InputError, match="range of metres"):
        move_crashes([0], [1.0], [5.0], alone, shift_m=(50, 25), rng=rng)


def test_drawn_again_luck_is_taken_out(rng):
    means = np.full(20_000, 2.0)
    options = {"overdispersion_k": 0.5, "rng": rng}
    high = draw_crashes_again(np.full(20_000, 12.0), means, means, **options)
    assert high.mean() == pytest.approx(2 * (1 + 0.5 * 12) / (1 + 0.5 * 2), rel=0.02)  # 7, not 12
    flat = draw_crashes_again(np.full(20_000, 12.0), means, means, overdispersion_k=0, rng=rng)
    assert flat.mean() == pytest.approx(2, rel=0.03)
    with pytest.raises(InputError, match="overdispersion_k"):
        draw_crashes_again([1.0], [1.0], [1.0], overdispersion_k=-1, rng=rng)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 40)), max_size=30), st.integers(0, 2**31))
def test_no_crash_is_lost_and_none_goes_beyond_the_next_lixel(crashes, seed):
    lixel = np.array([at for at, _ in crashes], dtype=np.int64)
    offset = np.array([place for _, place in crashes], dtype=np.float64)
    moved = move_crashes(
        lixel,
        offset,
        np.full(6, 40.0),
        chain(6),
        shift_m=(0, 50),
        rng=np.random.default_rng(seed),
    )
    assert len(moved) == len(crashes)
    assert (np.abs(moved - lixel) <= 1).all()
