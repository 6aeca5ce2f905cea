import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, TableError, VocabularyError
from models.before_after import GRADES, evaluate, evaluate_naive
from models.comparator import compute_comparator_shift

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "check_values.json").read_text(encoding="utf-8")
)


def build_table(**columns):
    n_sites = len(columns["observed_before"])
    return pd.DataFrame({"site": [f"F{i}" for i in range(n_sites)], **columns})


def test_the_pilot_equals_its_check_value():
    case = REFERENCE["naive_before_after"]
    result = evaluate_naive(case["observed_before"], case["observed_after"])
    assert result.effect == pytest.approx(case["theta"], abs=5e-5)
    assert result.se == pytest.approx(case["se"], abs=5e-5)
    assert result.rate_ratio == pytest.approx(case["rate_ratio"], abs=5e-5)
    assert result.ci_low < result.effect < result.ci_high < 1
    assert result.prevented == 197
    assert result.prevented_se == pytest.approx(math.sqrt(254 + 57))
    assert result.is_conclusive
    assert result.grade == "E"
    assert result.exposure_kind == "assumed equal"


def test_unequal_periods_by_hand():
    # 30 in 2 years, then 12 in 1 year: 15 expected with variance 7.5
    result = evaluate_naive(30, 12, exposure_before=2, exposure_after=1, exposure_kind="years")
    assert result.expected_after == 15
    assert result.rate_ratio == pytest.approx(0.8)
    assert result.effect == pytest.approx(0.8 / (1 + 1 / 30))
    assert result.prevented == 3
    assert result.prevented_se == pytest.approx(math.sqrt(7.5 + 12))
    assert not result.is_conclusive
    assert result.warnings[0].startswith("The data cannot tell")
    assert result.grade == "E"


def test_a_change_in_exposure_is_counted():
    # twice the workers, the same crashes: half the rate
    result = evaluate_naive(100, 100, exposure_before=1_000, exposure_after=2_000)
    assert result.rate_ratio == pytest.approx(0.5)
    assert result.grade == "D"
    assert not any("xposure and the lengths" in warning for warning in result.warnings)


def test_sites_with_different_exposure_change_by_hand():
    # r = 2 and 0.5: expected 20 + 5, variance 4·10 + 0.25·10
    result = evaluate_naive([10, 10], [15, 4], exposure_before=[1, 2], exposure_after=[2, 1])
    assert result.expected_after == 25
    assert result.expected_after_se == pytest.approx(math.sqrt(42.5))
    assert result.rate_ratio == pytest.approx(19 / 25)
    assert result.effect == pytest.approx(0.76 / (1 + 42.5 / 625))
    assert "matched" in result.interval_method
    exact = evaluate_naive(20, 19, exposure_before=20, exposure_after=25)
    assert result.ci_low < exact.ci_low
    assert result.ci_high > exact.ci_high  # less is known than of one common ratio


def test_the_matched_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(5)
    ratios, means, effect, n_maps = np.array([3.0, 0.5]), np.array([6.0, 20.0]), 0.6, 2_000
    n_covered = 0
    for _ in range(n_maps):
        before = rng.poisson(means)
        after = rng.poisson(means * ratios * effect)
        found = evaluate_naive(before, after, exposure_before=[1, 1], exposure_after=ratios)
        n_covered += found.ci_low <= effect <= found.ci_high
    assert n_covered / n_maps >= 0.94


def test_zero_counts_give_bounds_not_nonsense():
    none_after = evaluate_naive(12, 0)
    assert none_after.effect == 0
    assert math.isnan(none_after.se)
    assert none_after.ci_low == 0
    assert 0 < none_after.ci_high < 1
    none_before = evaluate_naive(0, 4)
    assert math.isnan(none_before.effect)
    assert math.isinf(none_before.ci_high)
    assert not none_before.is_conclusive
    nothing = evaluate_naive(0, 0)
    assert (nothing.ci_low, nothing.ci_high) == (0, math.inf)
    for result in (none_after, none_before, nothing):
        assert any("Small numbers" in warning for warning in result.warnings)
        json.dumps(result.to_dict(), allow_nan=False)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8),
    st.floats(0.2, 5),
)
def test_splitting_into_sites_of_one_ratio_changes_nothing(rows, ratio):
    before, after = (np.array(column) for column in zip(*rows, strict=True))
    one = np.ones(len(rows))
    many = evaluate_naive(before, after, exposure_before=one, exposure_after=one * ratio)
    single = evaluate_naive(before.sum(), after.sum(), exposure_before=1, exposure_after=ratio)
    for name in ("effect", "se", "ci_low", "ci_high", "prevented", "prevented_se"):
        assert getattr(many, name) == pytest.approx(getattr(single, name), nan_ok=True)


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0.2, 5))
def test_effect_and_ratio_lie_in_the_interval(before, after, ratio):
    result = evaluate_naive(before, after, exposure_before=1, exposure_after=ratio)
    assert result.ci_low < result.rate_ratio < result.ci_high
    assert result.ci_low < result.effect < result.ci_high
    assert result.prevented == pytest.approx(result.expected_after - after)


# --- the table and the registry


def test_the_table_gives_what_the_function_gives():
    table = build_table(
        observed_before=[200, 54], observed_after=[40, 17], years_before=[1, 1], years_after=[1, 1]
    )
    result = evaluate("naive", table)
    assert result.n_sites == 2
    assert result.effect == pytest.approx(evaluate_naive(254, 57).effect)
    assert result.exposure_kind == "years"


def test_exposure_goes_before_years():
    table = build_table(
        observed_before=[10],
        observed_after=[10],
        years_before=[1],
        years_after=[1],
        exposure_before=[1],
        exposure_after=[4],
    )
    result = evaluate("naive", table)
    assert result.exposure_kind == "exposure"
    assert result.rate_ratio == pytest.approx(0.25)


def test_an_unknown_design_is_refused_and_the_known_ones_named():
    with pytest.raises(VocabularyError, match="'magic' is not known; use one of: naive"):
        evaluate("magic", build_table(observed_before=[1], observed_after=[1]))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"site": ["a"], "observed_before": [1]}), "missing: observed_after"),
        (build_table(observed_before=[], observed_after=[]), "holds no rows"),
        (
            build_table(observed_before=[1], observed_after=[1], years_before=[1]),
            "missing: years_after",
        ),
        (
            pd.DataFrame({"site": ["a", "a"], "observed_before": [1, 2], "observed_after": [1, 1]}),
            "first row 2",
        ),
        (build_table(observed_before=[1, None], observed_after=[1, 1]), "position 1"),
        (build_table(observed_before=["x"], observed_after=[1]), "are not counts"),
        (build_table(observed_before=[1.5], observed_after=[1]), "are not counts"),
        (
            build_table(
                observed_before=[1], observed_after=[1], exposure_before=[0], exposure_after=[1]
            ),
            "exposure_before: 1 of 1",
        ),
    ],
)
def test_a_table_that_cannot_be_used_says_what_is_wrong(table, message):
    with pytest.raises((TableError, InputError), match=message):
        evaluate("naive", table)


def test_one_exposure_alone_is_refused():
    with pytest.raises(InputError, match="give both"):
        evaluate_naive(3, 1, exposure_before=2)


def test_every_grade_has_words():
    assert evaluate_naive(3, 1).grade in GRADES


# --- comparator


@pytest.mark.parametrize("row", REFERENCE["comparator_shift"]["rows"])
def test_comparators_move_the_claim_as_recomputed(row):
    pilot = evaluate_naive(254, 57)
    if "ratio" in row:
        shift = compute_comparator_shift(pilot, comparator_ratio=row["ratio"])
    else:
        shift = compute_comparator_shift(
            pilot, comparator_before=row["before"], comparator_after=row["after"]
        )
    within = REFERENCE["comparator_shift"]["tolerance_points"]
    assert -shift.percent_change == pytest.approx(row["reduction"], abs=within)
    assert 100 * (1 - shift.ci_high) == pytest.approx(row["low"], abs=within)
    assert 100 * (1 - shift.ci_low) == pytest.approx(row["high"], abs=within)


def test_a_comparator_that_did_not_move_widens_the_interval_only():
    pilot = evaluate_naive(254, 57)
    shift = compute_comparator_shift(pilot, comparator_before=1000, comparator_after=1000)
    assert shift.effect == pytest.approx(pilot.rate_ratio / (1 + 1 / 254 + 2 / 1000))
    assert shift.se > pilot.se
    assert shift.is_conclusive


def test_comparator_input_is_checked():
    pilot = evaluate_naive(254, 57)
    with pytest.raises(InputError, match="both its counts, or only its ratio"):
        compute_comparator_shift(pilot, comparator_before=10)
    with pytest.raises(InputError, match="both its counts, or only its ratio"):
        compute_comparator_shift(
            pilot, comparator_before=10, comparator_after=10, comparator_ratio=1
        )
    with pytest.raises(InputError, match="above 0"):
        compute_comparator_shift(pilot, comparator_before=0, comparator_after=10)
    with pytest.raises(InputError, match="above 0"):
        compute_comparator_shift(evaluate_naive(0, 5), comparator_ratio=1.0)
