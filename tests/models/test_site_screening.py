"""Measures of the Highway Safety Manual, by hand and by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError
from models.empirical_bayes import combine_with_expected
from models.rates import compute_rate
from models.site_screening import (
    compare_type_share,
    compute_critical_rates,
    compute_epdo_expected,
    compute_excess_predicted,
    grade_service_of_safety,
)


def test_crash_rate_per_million_entering_vehicles():
    rate = compute_rate([12], [8500 * 365 * 3 / 1e6])
    assert rate.rate[0] == pytest.approx(1.289, abs=5e-4)


def test_critical_rate_of_the_manual_and_unknown_exposure_apart():
    # 45 per unit of exposure is the mean of the first two sites
    n, exposure = [675, 675, 7, 3], [15.0, 15.0, np.nan, 0.0]
    found = compute_critical_rates(n, exposure, np.array(["a", "a", "a", "a"]))
    assert found.mean_rate[:2] == pytest.approx(45)
    assert found.critical_rate[:2] == pytest.approx(47.883, abs=5e-4)
    assert np.isnan(found.rate[2:]).all()
    assert np.isnan(found.critical_rate[2:]).all()
    assert found.excess[0] == pytest.approx(45 - 47.883, abs=5e-4)
    for strange in (-5.0, np.inf):
        with pytest.raises(InputError, match=r"1 of 2 .* at position 1"):
            compute_critical_rates([1, 1], [1.0, strange], np.array(["a", "a"]))
    apart = compute_critical_rates([10, 20], [1.0, 1.0], np.array(["a", "b"]))
    assert apart.mean_rate.tolist() == [10, 20]


def test_excess_predicted_has_the_tail_of_the_negative_binomial():
    found = compute_excess_predicted([5, 0, 4], [2.0, 1.0, 1.5], [0.5, 0.5, 0.0])
    assert found.excess.tolist() == [3, -1, 2.5]
    size = 2.0
    assert found.p_value[0] == pytest.approx(stats.nbinom.sf(4, size, size / (size + 2)))
    assert found.p_value[1] == 1
    assert found.p_value[2] == pytest.approx(stats.poisson.sf(3, 1.5))
    with pytest.raises(InputError, match="negative or missing"):
        compute_excess_predicted([1], [1.0], -1)


def test_levels_of_service_by_hand():
    # k = 0.16: sigma = 0.4·mu, the levels part at 0.4, 1 and 1.6 times mu
    level = grade_service_of_safety([0.39, 0.4, 0.99, 1.0, 1.59, 1.6], np.ones(6), 0.16)
    assert level.tolist() == [1, 2, 2, 3, 3, 4]
    assert grade_service_of_safety([0.0], [1.0], 0.5).tolist() == [2]
    for strange in (np.nan, np.inf):
        with pytest.raises(InputError, match="service of safety"):
            grade_service_of_safety([strange], [1.0], 0.5)


def test_epdo_with_empirical_bayes_by_hand():
    everything = combine_with_expected([10, 2], [4.0, 4.0], 0.5)
    injury = combine_with_expected([3, 2], [1.0, 1.0], 0.5)
    found = compute_epdo_expected(everything, injury, injury_weight=20.0)
    assert found == pytest.approx(20 * injury.expected + everything.expected - injury.expected)


def test_probability_of_a_high_share_by_hand():
    found = compare_type_share([3, 0, 1, 0], [4, 2, 1, 0])
    threshold = 4 / 7
    spread = (6 / 12 - (3 / 4 + 0) ** 2 / 2) / 1  # sites with two crashes or more
    alpha = threshold**2 * (1 - threshold) / spread - threshold
    assert found.alpha == pytest.approx(alpha)
    assert found.beta == pytest.approx(alpha / threshold - alpha)
    posterior = stats.beta(alpha + 3, found.beta + 1)
    assert found.p_above[0] == pytest.approx(posterior.sf(threshold))
    assert found.excess_share[:3] == pytest.approx(np.array([0.75, 0, 1]) - threshold)
    assert np.isnan(found.p_above[3])
    assert found.n_sites_used == 2
    assert found.reason == ""


def test_the_beta_distribution_is_found_again():
    rng = np.random.default_rng(2)
    total = rng.integers(2, 30, 20_000)
    counts = rng.binomial(total, rng.beta(2.0, 6.0, 20_000))
    found = compare_type_share(counts, total)
    assert found.alpha == pytest.approx(2.0, rel=0.1)
    assert found.beta == pytest.approx(6.0, rel=0.1)


@pytest.mark.parametrize(
    ("n_type", "n_total", "words"),
    [
        ([1, 0], [1, 1], "fewer than two"),
        ([0, 0], [4, 4], "or none"),
        ([2, 2, 2], [4, 4, 4], "no more than chance"),
        ([], [], "fewer than two"),
    ],
)
def test_what_the_data_cannot_tell_is_said(n_type, n_total, words):
    found = compare_type_share(n_type, n_total)
    assert words in found.reason
    assert np.isnan(found.p_above).all()
    assert np.isnan(found.excess_share).all()


def test_more_of_a_type_than_there_are_is_refused():
    with pytest.raises(InputError, match="2 of 1"):
        compare_type_share([2], [1])


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.floats(0.01, 20), st.floats(0, 3)),
        min_size=1,
        max_size=20,
    )
)
def test_levels_rise_with_the_count_and_p_falls(sites):
    n, mean, k = np.array(sites).T
    assert (grade_service_of_safety(n + 1, mean, k) >= grade_service_of_safety(n, mean, k)).all()
    fewer = compute_excess_predicted(n, mean, k).p_value
    more = compute_excess_predicted(n + 1, mean, k).p_value
    assert (more <= fewer + 1e-12).all()
    assert ((more >= 0) & (fewer <= 1)).all()
