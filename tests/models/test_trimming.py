from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from models.trimming import trim_hotspots


def chain(n):
    ones = np.ones(n - 1)
    return sparse.csr_array(sparse.diags_array([ones, ones], offsets=[-1, 1]))


def test_the_ends_without_a_crash_are_taken_off_and_the_gap_inside_stays():
    labels = np.array([-1, 0, 0, 0, 0, 0, 0, -1])
    n_crashes = [0, 0, 0, 2, 0, 3, 0, 5]
    trimmed = trim_hotspots(labels, n_crashes, chain(8))
    assert trimmed.tolist() == [-1, -1, -1, 0, 0, 0, -1, -1]


def test_a_side_road_without_a_crash_is_taken_off_at_a_junction():
    # 0-1-2 is a road with crashes; 3-4 leaves it at 1
    pairs = np.array([(0, 1), (1, 2), (1, 3), (3, 4)])
    row, col = np.concatenate([pairs, pairs[:, ::-1]]).T
    star = sparse.csr_array((np.ones(len(row)), (row, col)), shape=(5, 5))
    trimmed = trim_hotspots(np.zeros(5, dtype=np.int64), [1, 0, 1, 0, 0], star)
    assert trimmed.tolist() == [0, 0, 0, -1, -1]


def test_touching_hotspots_do_not_hold_each_other_up():
    labels = np.array([0, 0, 1, 1])
    assert trim_hotspots(labels, [1, 0, 0, 1], chain(4)).tolist() == [0, -1, -1, 1]


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2)), min_size=2, max_size=30))
def test_no_crash_is_lost_and_nothing_is_left_to_trim(pieces):
    labels, n_crashes = (np.array(column, dtype=np.int64) for column in zip(*pieces, strict=True))
    trimmed = trim_hotspots(labels, n_crashes, chain(len(labels)))
    had_crash = (labels >= 0) & (n_crashes > 0)
    assert (trimmed[had_crash] == labels[had_crash]).all()
    assert set(np.unique(trimmed)) <= set(np.unique(labels)) | {-1}
    assert np.array_equal(trim_hotspots(trimmed, n_crashes, chain(len(labels))), trimmed)
