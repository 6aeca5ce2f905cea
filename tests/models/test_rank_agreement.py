"""Rank correlations and overlaps, against scipy and against plain counting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.errors import InputError
from models.rank_agreement import _Order, compute_rank_agreement


def compare(values, **options):
    rng = np.random.default_rng(1)
    return compute_rank_agreement(pd.DataFrame(values), rng=rng, **options).pairs


def test_it_equals_scipy_with_ties():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 6, 200)
    other = one + rng.integers(0, 6, 200)
    pair = compare({"a": one, "b": other}, top=[20], n_resamples=50).iloc[0]
    assert pair["spearman"] == pytest.approx(stats.spearmanr(one, other).statistic)
    assert pair["kendall"] == pytest.approx(stats.kendalltau(one, other).statistic)
    assert pair["spearman_low"] < pair["spearman"] < pair["spearman_high"]
    overlaps = []
    for _ in range(4000):  # ties broken by lot
        first, second = (np.lexsort((rng.random(200), -x))[:20] for x in (one, other))
        overlaps.append(len(set(first) & set(second)) / 20)
    assert pair["top_20_share"] == pytest.approx(np.mean(overlaps), abs=0.01)


def test_missing_values_leave_the_pair_only():
    pairs = compare(
        {"a": [3, 2, 1, 0], "b": [3.0, 2, np.nan, 0], "c": [np.nan] * 4}, top=[1], n_resamples=0
    )
    assert pairs["n_sites"].tolist() == [3, 0, 0]
    assert pairs["spearman"].iloc[0] == pytest.approx(1)
    assert pairs["top_1_share"].iloc[0] == 1
    assert pairs.iloc[1:]["spearman"].isna().all()
    assert np.isnan(pairs["spearman_low"].iloc[0])


def test_a_measure_that_is_the_same_everywhere_has_no_correlation():
    pairs = compare({"a": [1.0, 1, 1], "b": [1.0, 2, 3]}, top=[2], n_resamples=5)
    assert np.isnan(pairs["spearman"].iloc[0])
    assert np.isnan(pairs["kendall"].iloc[0])


def test_a_worst_k_that_says_nothing_is_left_out():
    values = np.arange(40.0)
    level = np.repeat([4.0, 3, 2, 1], 10)  # ten share the worst level
    table = {"a": values, "b": -values, "level": level}
    options = {"n_resamples": 5, "greatest_share": 0.25, "most_tied": 0.5}
    pairs = compare(table, top=[5, 20], **options).set_index(["measure", "other"])
    assert pairs["top_20_share"].isna().all()  # half of all sites
    assert pairs.loc[("a", "b"), "top_5_share"] == 0
    assert pairs.loc[[("a", "level"), ("b", "level")], "top_5_share"].isna().all()
    assert pairs["top_5_share_low"].notna().sum() == 1
    assert compare(table, top=[10], **options)["top_10_share"].notna().all()
    assert "spearman" in compare(table, top=[], n_resamples=5)


def test_bad_options_are_named():
    with pytest.raises(InputError, match="1 measure"):
        compare({"a": [1.0]}, top=[1])
    with pytest.raises(InputError, match="share up to 1"):
        compare({"a": [1.0], "b": [1.0]}, top=[1], greatest_share=0)
    with pytest.raises(InputError, match="top"):
        compare({"a": [1.0], "b": [1.0]}, top=[0])


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=25))
def test_weighted_ranks_are_those_of_repeated_sites(sites):
    values, weight = np.array(sites, dtype=float).T
    if weight.sum() == 0:
        return
    rank, _ = _Order(values).rank(weight)
    repeated = stats.rankdata(-np.repeat(values, weight.astype(int)))
    assert np.repeat(rank, weight.astype(int)) == pytest.approx(repeated)
