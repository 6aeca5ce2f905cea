import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError
from models.rates import compute_critical_rate, compute_poisson_interval, compute_rate

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "check_values.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("row", REFERENCE["poisson_interval_95"]["rows"], ids=lambda row: row["n"])
def test_interval_equals_published_limits(row):
    low, high = compute_poisson_interval([row["n"]])
    assert low.item() == pytest.approx(row["low"], abs=5e-4)
    assert high.item() == pytest.approx(row["high"], abs=5e-4)


@given(st.integers(0, 2000), st.floats(0.5, 0.999))
def test_interval_equals_chi_square_quantiles(n, confidence):
    low, high = compute_poisson_interval(n, confidence)
    alpha = 1 - confidence
    assert high == pytest.approx(stats.chi2.ppf(1 - alpha / 2, 2 * n + 2) / 2, rel=1e-9)
    if n:
        assert low == pytest.approx(stats.chi2.ppf(alpha / 2, 2 * n) / 2, rel=1e-9)


@pytest.mark.parametrize("mean", [0.05, 0.7, 3.0, 20.0])
def test_interval_covers_the_mean_at_least_as_often_as_it_says(mean):
    counts = np.arange(200)
    low, high = compute_poisson_interval(counts)
    covers = (low <= mean) & (mean <= high)
    assert stats.poisson.pmf(counts, mean)[covers].sum() >= 0.95


def test_crash_rate_per_million_entering_vehicles():
    case = REFERENCE["crash_rate"]
    exposure_mev = case["vehicles_per_day"] * 365 * case["years"] / 1e6
    found = compute_rate(case["n_crashes"], exposure_mev).rate.item()
    assert found == pytest.approx(case["rate_per_mev"], abs=5e-4)


def test_rate_keeps_its_interval_in_the_same_unit():
    found = compute_rate([5], [2.0])
    assert found.rate.item() == 2.5
    assert found.ci_low.item() == pytest.approx(1.623 / 2, abs=5e-4)
    assert found.ci_high.item() == pytest.approx(11.668 / 2, abs=5e-4)


def test_no_rate_where_there_is_no_exposure_or_too_little():
    found = compute_rate([3, 3, 3], [0.0, 0.5, 2.0], min_exposure=0.5)
    assert np.isnan(found.rate).tolist() == [True, True, False]
    assert np.isnan(found.ci_high).tolist() == [True, True, False]


@pytest.mark.parametrize("bad", [-1, 1.5, np.nan, np.inf])
def test_what_is_no_count_is_refused(bad):
    with pytest.raises(InputError, match="position 1"):
        compute_poisson_interval([1, bad])


def test_bad_exposure_and_confidence_are_refused():
    with pytest.raises(InputError, match="exposure: 1 of 2"):
        compute_rate([1, 1], [1.0, -2.0])
    with pytest.raises(InputError, match="confidence is 95"):
        compute_rate(1, 1.0, confidence=95)


def test_critical_rate_of_the_highway_safety_manual():
    case = REFERENCE["critical_rate"]
    found = compute_critical_rate(case["mean_rate"], case["exposure"], z=case["z"])
    assert found.item() == pytest.approx(case["critical_rate"], abs=5e-4)
    with pytest.raises(InputError):
        compute_critical_rate(45, 0)
