import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from models.commute_ranks import estimate_factory_ranks


def make_sites(*crashes):
    return pd.DataFrame(
        {
            "site_id": [f"S{i}" for i in range(len(crashes))],
            "site_type": "segment",
            "road_class": "trunk",
            "n_crashes": crashes,
            "exposure": 10e6,
        }
    )


def ranks(of_factories, sites, names, **options):
    table = pd.DataFrame(of_factories, columns=["factory_id", "site_id", "exposure"])
    found = estimate_factory_ranks(
        table, sites, pd.Series(names), rng=np.random.default_rng(1), **options
    )
    return found.set_index("factory_id")


def test_two_factories_on_roads_of_their_own_by_hand():
    found = ranks([("A", "S0", 10e6), ("B", "S1", 10e6)], make_sites(12, 8), ["A", "B"])
    assert found["p_worst_3"].tolist() == [1.0, 1.0]
    assert found[["rank_ci_low", "rank_ci_high"]].to_numpy().tolist() == [[1, 2], [1, 2]]
    sure = ranks([("A", "S0", 10e6), ("B", "S1", 10e6)], make_sites(90, 2), ["A", "B"])
    assert sure[["rank_ci_low", "rank_ci_high"]].to_numpy().tolist() == [[1, 1], [2, 2]]


def test_factories_on_the_same_road_keep_their_order():
    # the rate of the road is unknown, but whoever travels it more expects more
    found = ranks([("A", "S0", 6e6), ("B", "S0", 4e6)], make_sites(1), ["A", "B"])
    assert found[["rank_ci_low", "rank_ci_high"]].to_numpy().tolist() == [[1, 1], [2, 2]]


def test_of_four_alike_each_is_among_the_worst_three_three_times_of_four():
    rows = [(name, f"S{i}", 10e6) for i, name in enumerate("ABCD")]
    found = ranks(rows, make_sites(9, 9, 9, 9), list("ABCD"), n_draws=4000)
    assert found["p_worst_3"].to_numpy() == pytest.approx(0.75, abs=0.03)
    assert found["p_worst_3"].sum() == pytest.approx(3.0)


def test_who_is_not_ranked_takes_no_place_and_nobody_is_no_error():
    rows = [("A", "S0", 10e6), ("B", "S1", 10e6)]
    assert ranks(rows, make_sites(1, 90), ["A"])["rank_ci_high"].tolist() == [1]
    assert ranks(rows, make_sites(1, 90), []).empty
    with pytest.raises(InputError, match=r"1 factory.*no commutes, first 'Z'"):
        ranks(rows, make_sites(1, 90), ["Z"])


@given(st.lists(st.integers(0, 30), min_size=2, max_size=6))
def test_ranges_lie_within_the_number_of_factories(crashes):
    rows = [(f"F{i}", f"S{i}", 10e6) for i in range(len(crashes))]
    found = ranks(rows, make_sites(*crashes), [f"F{i}" for i in range(len(crashes))], n_draws=60)
    assert (found["rank_ci_low"] >= 1).all()
    assert (found["rank_ci_low"] <= found["rank_ci_high"]).all()
    assert (found["rank_ci_high"] <= len(crashes)).all()
    assert found["p_worst_3"].sum() == pytest.approx(min(3, len(crashes)))
