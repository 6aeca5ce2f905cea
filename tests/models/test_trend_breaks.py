"""Breaks in level and mix: by hand, found where planted, seldom where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from models.trend_breaks import estimate_dispersion, find_level_break, find_mix_break


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_dispersion_by_hand():
    # differences 4, -4, 4: 48/(2·3) = 8, mean 4
    assert estimate_dispersion([2, 6, 2, 6]) == pytest.approx(2.0)
    assert estimate_dispersion([3, 3, 3]) == 1.0  # less than Poisson is taken as Poisson
    assert estimate_dispersion([]) == 1.0


def test_level_break_by_hand(rng):
    found = find_level_break([5] * 6 + [15] * 6, rng=rng)
    assert found.at == 6
    assert found.ratio == pytest.approx(3.0)
    # 30 and 90 where 60 and 60 are expected
    assert found.statistic == pytest.approx(30 * math.log(0.5) + 90 * math.log(1.5))
    assert found.p_value < 0.01


def test_exposure_explains_a_level(rng):
    found = find_level_break([5] * 6 + [15] * 6, rng=rng, months=[1] * 6 + [3] * 6)
    assert found.statistic == pytest.approx(0.0, abs=1e-9)
    assert found.p_value > 0.5


@pytest.mark.parametrize("counts", [[], [3] * 7, [0] * 24])
def test_too_short_or_empty_series_have_no_break(rng, counts):
    found = find_level_break(counts, rng=rng)
    assert found.at == -1
    assert math.isnan(found.p_value)
    assert find_mix_break(np.array([counts, counts]).T, rng=rng).at == -1


def test_an_exposure_of_nothing_is_refused(rng):
    with pytest.raises(InputError, match="0 or less"):
        find_level_break([1] * 10, rng=rng, months=[0] * 10)


def test_mix_break_by_hand(rng):
    found = find_mix_break([[8, 2]] * 5 + [[2, 8]] * 5, rng=rng)
    assert found.at == 5
    # two halves of 40:10 and 10:40 against 50:50
    halves = 2 * (40 * math.log(0.8) + 10 * math.log(0.2))
    assert found.statistic == pytest.approx(halves - 100 * math.log(0.5))
    assert found.p_value < 0.01


def test_same_seed_same_answer():
    counts = np.random.default_rng(3).poisson(6, 48)
    ones = [find_level_break(counts, rng=np.random.default_rng(1)) for _ in range(2)]
    assert ones[0] == ones[1]


@given(st.lists(st.integers(0, 30), min_size=8, max_size=40))
def test_the_reverse_series_breaks_as_strongly(counts):
    one, other = (
        find_level_break(series, rng=np.random.default_rng(1), n_simulations=9)
        for series in (counts, counts[::-1])
    )
    if sum(counts):
        assert one.statistic == pytest.approx(other.statistic, abs=1e-9)
        assert 0 < one.p_value <= 1


@pytest.mark.slow
@pytest.mark.parametrize("dispersion", [1.0, 3.0])
def test_false_alarms_stay_near_their_rate(rng, dispersion):
    alarms = 0
    for _ in range(400):
        mean = 10.0 if dispersion == 1 else rng.gamma(10 / (dispersion - 1), dispersion - 1, 60)
        alarms += find_level_break(rng.poisson(mean, 60), rng=rng, n_simulations=99).p_value <= 0.05
    assert alarms / 400 <= 0.09


@pytest.mark.slow
def test_false_alarms_of_a_mix_stay_at_their_rate(rng):
    alarms = 0
    for _ in range(200):
        table = rng.multinomial(rng.poisson(12, 60), [0.05, 0.2, 0.6, 0.15])
        alarms += find_mix_break(table, rng=rng, n_simulations=99).p_value <= 0.05
    assert alarms / 200 <= 0.09
