"""Published functions, the calibration factor and CURE plots."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ExtrapolationWarning, InputError, NotEnoughDataError, VocabularyError
from models.published_spf import PUBLISHED_SPFS, evaluate_published_spf
from models.spf_checks import compute_cure, estimate_calibration


def test_the_rural_four_leg_stop_intersection():
    predicted, k = evaluate_published_spf("hsm_rural_4st", [1000.0], [100.0])
    assert predicted[0] == pytest.approx(0.20065, abs=5e-6)
    assert k[0] == 0.24


def test_the_rural_segment_is_proportional_to_length_and_k_to_its_inverse():
    predicted, k = evaluate_published_spf("hsm_rural_2u", [5000.0], length_km=[1.609344])
    assert predicted[0] == pytest.approx(5000 * 365e-6 * np.exp(-0.312))
    assert k[0] == pytest.approx(0.236)
    half, k_half = evaluate_published_spf("hsm_rural_2u", [5000.0], length_km=[1.609344 / 2])
    assert half[0] == pytest.approx(predicted[0] / 2)
    assert k_half[0] == pytest.approx(2 * 0.236)


def test_what_a_function_was_not_made_for_is_told():
    with pytest.warns(ExtrapolationWarning, match="1 traffic volume"):
        evaluate_published_spf("hsm_rural_4st", [15_000.0], [100.0])
    with pytest.raises(InputError, match="aadt_minor"):
        evaluate_published_spf("hsm_rural_4st", [1000.0])
    with pytest.raises(InputError, match="length_km"):
        evaluate_published_spf("hsm_rural_2u", [1000.0])
    with pytest.raises(VocabularyError, match="hsm_rural_3st"):
        evaluate_published_spf("hsm", [1000.0])
    assert all(spf.source and spf.what for spf in PUBLISHED_SPFS.values())


def test_calibration_by_hand():
    found = estimate_calibration([4, 0, 2], [1.0, 1.0, 1.0], 0.5)
    assert found.factor == pytest.approx(2.0)
    assert found.se == pytest.approx(np.sqrt(3 * (2 + 0.5 * 4)) / 3)
    assert found.ci_low < 2 < found.ci_high
    assert estimate_calibration([4, 0, 2], [1.0, 1.0, 1.0]).se < found.se
    with pytest.raises(NotEnoughDataError, match="0 crashes"):
        estimate_calibration([0], [1.0])
    with pytest.raises(InputError, match="predicted"):
        estimate_calibration([1], [-1.0])


def test_cure_by_hand():
    cure = compute_cure([3, 0, 1, 2], [1.5] * 4, [1.0, 2.0, 2.0, 3.0], column="flow")
    assert cure.points["value"].tolist() == [1.0, 2.0, 3.0]
    assert cure.points["cumulative"].tolist() == [1.5, -0.5, 0.0]
    variance, total = np.array([2.25, 2.25 + 2.25 + 0.25]), 2.25 + 2.25 + 0.25 + 0.25
    limits = 2 * np.sqrt(variance * (1 - variance / total))
    assert cure.points["limit"].tolist() == pytest.approx([*limits, 0.0])
    assert cure.share_outside == 0.0
    assert cure.greatest_share == pytest.approx(1.5 / 6)


def test_a_wrong_function_drifts_out_of_the_limits():
    rng = np.random.default_rng(4)
    flow = rng.uniform(1, 10, 5000)
    counts = rng.poisson(0.1 * flow)
    right = compute_cure(counts, 0.1 * flow, flow, column="flow", n_points=50)
    wrong = compute_cure(counts, np.full(5000, 0.55), flow, column="flow", n_points=50)
    assert right.share_outside < 0.2 < 0.9 < wrong.share_outside
    assert len(wrong.points) == 50
    assert len(compute_cure([], [], [], column="flow").points) == 0
    with pytest.raises(InputError, match="flow"):
        compute_cure([1], [1.0], [np.nan], column="flow")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0.1, 5)), min_size=2, max_size=30))
def test_residuals_sum_to_nothing(sites):
    counts, mean = np.array(sites).T
    cure = compute_cure(counts, mean, np.arange(len(sites)), column="place")
    assert cure.points["cumulative"].iloc[-1] == pytest.approx(0, abs=1e-8)
    assert 0 <= cure.share_outside <= 1
