import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, InputError, VocabularyError
from models.severity import compute_epdo, is_ksi

WEIGHTS = {"fatal": 542.0, "serious": 29.0, "slight": 11.0, "damage_only": 1.0}


def test_score_of_one_site_by_hand():
    counts = {"fatal": [1], "serious": [2], "slight": [3], "damage_only": [4]}
    assert compute_epdo(counts, WEIGHTS).tolist() == [542 + 58 + 33 + 4]


def test_unknown_severity_takes_the_smallest_weight():
    assert compute_epdo({"fatal": [1, 0], "unknown": [2, 3]}, WEIGHTS).tolist() == [544, 3]


@given(st.lists(st.tuples(*[st.integers(0, 50)] * 4), min_size=1, max_size=20))
def test_score_is_additive_and_at_least_the_number_of_crashes(rows):
    table = np.array(rows, dtype=float)
    counts = dict(zip(WEIGHTS, table.T, strict=True))
    score = compute_epdo(counts, WEIGHTS)
    total = compute_epdo({word: [values.sum()] for word, values in counts.items()}, WEIGHTS)
    assert score.sum() == pytest.approx(total.item())
    assert (score >= table.sum(axis=1)).all()


def test_a_severity_without_a_weight_is_refused():
    with pytest.raises(VocabularyError, match="'minor' is not known; use one of: fatal"):
        compute_epdo({"minor": [1]}, WEIGHTS)


def test_no_weights_or_no_counts_are_named():
    with pytest.raises(ConfigError, match="no weights were given; give"):
        compute_epdo({"fatal": [1]}, {})
    with pytest.raises(ConfigError, match="no severity counts"):
        compute_epdo({}, WEIGHTS)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_a_weight_that_is_not_positive_is_refused(weight):
    with pytest.raises(ConfigError, match="fatal"):
        compute_epdo({"fatal": [1]}, {"fatal": weight})


def test_missing_counts_are_refused_not_taken_as_zero():
    with pytest.raises(InputError, match="position 1"):
        compute_epdo({"fatal": [1.0, np.nan]}, WEIGHTS)


def test_ksi_is_fatal_or_serious_and_unknown_is_neither():
    words = pd.Series(["fatal", "serious", "slight", "damage_only", None], dtype="str")
    assert is_ksi(words).tolist() == [True, True, False, False, False]


def test_ksi_refuses_words_that_are_no_severity():
    with pytest.raises(VocabularyError, match="grave"):
        is_ksi(pd.Series(["fatal", "grave"], dtype="str"))


def test_ksi_of_nothing_is_nothing():
    assert is_ksi(pd.Series([], dtype="str")).tolist() == []
