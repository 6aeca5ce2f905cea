"""Windows along a road: predictions add up, the worst stands for the road."""

import numpy as np
import pytest
from scipy import sparse

from core.errors import InputError
from models.empirical_bayes import combine_with_expected
from models.sliding_windows import (
    WindowLevel,
    compute_window_prediction,
    find_peaks,
    find_worst_windows,
)


def test_a_window_over_like_pieces_has_k_over_its_length():
    lengths = np.array([0.1, 0.25, 0.05])
    share = sparse.csr_array(np.array([[1.0, 1.0, 1.0], [1.0, 0.4, 0.0], [0.0, 0.0, 0.0]]))
    total, k = compute_window_prediction(share, 3 * lengths, 0.8 / lengths)
    assert total == pytest.approx([1.2, 0.6, 0])
    assert k == pytest.approx([0.8 / 0.4, 0.8 / 0.2, 0])
    with pytest.raises(InputError, match="2 predictions"):
        compute_window_prediction(share, [1.0, 1.0], [1.0, 1.0])


def test_the_worst_window_of_each_road():
    worst = find_worst_windows([1, 1, 1, 2, 2, 3], [1.0, 5.0, 5.0, -2.0, -1.0, np.nan])
    assert worst.tolist() == [False, True, False, False, True, False]
    assert find_worst_windows([], []).tolist() == []


def test_peaks_take_the_first_length_that_is_known_well():
    short = combine_with_expected([2, 40, 0], [1.0, 4.0, 1.0], 1.0)
    long = combine_with_expected([30, 40], [3.0, 8.0], 1.0)
    levels = [
        WindowLevel(road=np.array([7, 8, 7]), estimate=short, length_km=0.1),
        WindowLevel(road=np.array([7, 8]), estimate=long, length_km=0.2),
    ]
    assert find_peaks(levels, greatest_cv=0.3) == {8: (0, 1), 7: (1, 0)}
    assert find_peaks(levels, greatest_cv=0.01) == {}
    with pytest.raises(InputError, match="growing"):
        find_peaks(levels[::-1])
