import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, TableError
from models.commute_crashes import match_commute_crashes
from models.commute_risk import estimate_commute_rates, estimate_factory_crashes
from models.rates import compute_poisson_interval

COMMUTED = pd.DataFrame({"factory_id": ["F1", "F1", "F2"], "site_id": ["S1", "I2", "S3"]})


def make_crashes(*rows):
    columns = ["crash_id", "site_id", "is_worker_commute", "factory_id", "road_users"]
    return pd.DataFrame(rows, columns=columns).assign(hour=6, light="dark", road_class="trunk")


def make_casualties(*rows):
    columns = ["crash_id", "is_worker", "factory_id", "road_user", "injury"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def found():
    crashes = make_crashes(
        ("C1", "S1", "yes", "F1", "bus;car"),  # on a route of F1
        ("C2", "S3", "yes", "F1", "open_truck_with_people"),  # not on one; no worker listed
        ("C3", "S3", "unknown", None, ""),  # a worker of F2 makes it a commute
        ("C4", "S1", "no", "F1", "car"),  # said to be none
        ("C5", "S1", "yes", None, "van;bus"),  # no factory known
        ("C6", None, "yes", "F2", "van"),  # no place
        ("C7", "S1", "yes", "F9", "van"),  # a factory without commutes
        ("C8", "S1", "unknown", "F1", "van"),  # nobody says so
    )
    casualties = make_casualties(
        *[("C1", "yes", None, "bus", "slight")] * 3,
        ("C1", "yes", "F2", "motorcycle_driver", "fatal"),
        ("C1", "no", None, "car", "fatal"),
        ("C3", "yes", "F2", None, "uninjured"),
        ("C4", "yes", "F1", "car", "slight"),
        ("C8", "unknown", "F1", "van", "slight"),
        ("C8", "yes", None, "van", None),
    )
    casualties = casualties[~((casualties["crash_id"] == "C8") & casualties["injury"].isna())]
    return match_commute_crashes(crashes, casualties, COMMUTED)


def test_each_crash_is_joined_to_its_commutes(found):
    table = found.crashes.set_index("crash_id")
    assert table.index.tolist() == ["C1", "C2", "C3", "C5", "C6", "C7"]
    assert table["is_on_route"].tolist() == ["yes", "no", "yes", "unknown", "unknown", "unknown"]
    assert table["n_hurt"].tolist() == [4, 0, 0, 0, 0, 0]
    assert table.loc["C1", ["n_factories", "n_ksi"]].tolist() == [2, 1]
    assert table["why_unknown"].tolist()[3:] == [
        *("its factory is not known", "it has no place", "its factory has no commutes"),
    ]


def test_members_are_by_factory_and_mode(found):
    of_c1 = found.members[found.members["crash_id"] == "C1"].set_index("mode")
    assert of_c1.loc["bus", ["factory_id", "n_hurt", "is_on_route"]].tolist() == ["F1", 3, "yes"]
    # the worker of F2 is on no route of F2 there
    assert of_c1.loc["motorcycle_driver", ["factory_id", "is_on_route"]].tolist() == ["F2", "no"]
    modes = found.members.set_index("crash_id")["mode"]
    assert modes["C2"] == "open_truck_with_people"
    assert (modes["C3"], modes["C5"]) == ("unknown", "unknown")


def test_nothing_is_dropped_unsaid(found):
    assert found.notes == {
        "crashes with workers that are said to be no commute": 1,
        "crashes taken for commutes because a factory's worker was in them": 1,
        "commute crashes whose workers are not listed, nobody counted as hurt": 4,
        "commute crashes of no known factory": 1,
        "commute crashes without a place": 1,
    }


def test_people_whom_two_reports_list_count_once():
    crashes = make_crashes(("C1", "S1", "yes", "F1", ""))
    casualties = make_casualties(*[("C1", "yes", "F1", "bus", "slight")] * 5)
    casualties["report_id"] = ["a", "a", "b", "b", "b"]
    found = match_commute_crashes(crashes, casualties, COMMUTED)
    assert found.crashes["n_hurt"].tolist() == [3]


def test_no_crashes_and_no_casualties_give_empty_tables_and_columns_are_needed():
    none = match_commute_crashes(make_crashes(), make_casualties(), COMMUTED.iloc[:0])
    assert none.crashes.empty
    assert none.members.empty
    with pytest.raises(TableError, match="road_user"):
        match_commute_crashes(make_crashes(), make_casualties().drop(columns="road_user"), COMMUTED)


def test_rates_by_hand(found):
    exposure = pd.DataFrame(
        {
            "mode": ["bus", "bus", "open_truck_with_people", "bicycle", "van", "unknown"],
            "worker_km_per_year": [1e6, 1e6, 4e6, 5e6, 0.4e6, 1e6],
        }
    )
    rates = estimate_commute_rates(found.members, exposure, by="mode", years=2.0)
    table = rates.set_index("mode")
    assert table.loc["bus", ["n_crashes", "n_hurt", "worker_km"]].tolist() == [1, 3, 4e6]
    low, high = compute_poisson_interval(1)
    bus = table.loc["bus"]
    assert bus["crashes_per_million"] == 0.25
    assert (bus["crashes_low"], bus["crashes_high"]) == pytest.approx((low / 4, high / 4))
    # three hurt in one crash: three times the interval of one crash
    assert (bus["hurt_low"], bus["hurt_high"]) == pytest.approx((3 * low / 4, 3 * high / 4))
    assert table.loc["bicycle", "crashes_per_million"] == 0.0
    assert table.loc["bicycle", "crashes_high"] == pytest.approx(3.689 / 10, abs=1e-3)
    assert table.loc["van", "reason"].startswith("at most 1 million worker-km")
    assert table.loc["motorcycle_driver", "reason"] == "no worker-km are known"
    assert rates["mode"].iloc[-1] == "unknown"
    assert table.loc["unknown", "reason"] == "mode not known"
    is_null = table["reason"].ne("")
    assert (table["crashes_per_million"].isna() == is_null).all()
    assert (table["hurt_high"].isna() == is_null).all()


def test_a_crash_counts_once_in_each_group(found):
    exposure = pd.DataFrame({"factory_id": ["F1", "F2"], "worker_km_per_year": [9e6, 9e6]})
    rates = estimate_commute_rates(found.members, exposure, by="factory_id", years=1.0)
    table = rates.set_index("factory_id")
    assert table["n_crashes"].to_dict() == {"F1": 2, "F2": 3, "F9": 1, "unknown": 1}
    with pytest.raises(InputError, match="years is 0"):
        estimate_commute_rates(found.members, exposure, by="factory_id", years=0)
    with pytest.raises(TableError, match="hour"):
        estimate_commute_rates(found.members, exposure, by="hour", years=1)


SITES = pd.DataFrame(
    {
        "site_id": ["S1", "S2", "S3", "I1"],
        "site_type": ["segment", "segment", "segment", "intersection"],
        "road_class": ["trunk", "tertiary", "tertiary", "trunk"],
        "n_crashes": [8, 1, 0, 3],
        "exposure": [4e6, 0.8e6, 0.8e6, 5e6],
    }
)


def test_expected_crashes_of_factories_by_hand():
    of_factories = pd.DataFrame(
        {
            "factory_id": ["A", "A", "A", "B", "B", "C"],
            "site_id": ["S1", "S2", "I1", "S1", "S3", "S2"],
            "exposure": [1e6, 0.6e6, 5e6, 3e6, 0.8e6, 0.2e6],
        }
    )
    found = estimate_factory_crashes(of_factories, SITES).set_index("factory_id")
    # tertiary pool: 1 crash in 1.6 million
    assert found.loc["A", "expected_crashes"] == pytest.approx(2 + 0.6 / 1.6 + 3)
    assert found.loc["B", "expected_crashes"] == pytest.approx(6 + 0.8 / 1.6)
    assert found.loc["A", "pooled_share"] == pytest.approx((0.6 / 1.6) / (5 + 0.6 / 1.6))
    assert found["rank"].tolist() == [1, 2, pd.NA]
    assert found.index.tolist() == ["B", "A", "C"]
    assert "too little" in found.loc["C", "reason"]
    assert found.loc["C"].isna().sum() >= 4
    assert found.loc["A", "ci_low"] < found.loc["A", "expected_crashes"] < found.loc["A", "ci_high"]


def test_expected_crashes_of_all_factories_sum_to_those_there_were():
    rng = np.random.default_rng(3)
    pairs = [(f, s) for f in "ABCDE" for s in range(60)]
    of_factories = pd.DataFrame(
        {
            "factory_id": [f for f, _ in pairs],
            "site_id": [f"S{s}" for _, s in pairs],
            "exposure": rng.lognormal(12, 2, len(pairs)),
        }
    )
    total = of_factories.groupby("site_id")["exposure"].sum()
    sites = pd.DataFrame(
        {
            "site_id": total.index,
            "site_type": "segment",
            "road_class": rng.choice(["trunk", "tertiary"], len(total)),
            "n_crashes": rng.poisson(1, len(total)),
            "exposure": total.to_numpy(),
        }
    )
    found = estimate_factory_crashes(of_factories, sites, min_exposure=2e6)
    assert found["expected_crashes"].sum() == pytest.approx(sites["n_crashes"].sum())
    assert 0 < found["pooled_share"].mean() < 1


def test_sites_given_twice_and_bad_numbers_are_refused():
    of_factories = pd.DataFrame({"factory_id": ["A"], "site_id": ["S1"], "exposure": [1.0]})
    with pytest.raises(TableError, match="'S1' comes more than once"):
        estimate_factory_crashes(of_factories, pd.concat([SITES, SITES]))
    with pytest.raises(InputError, match="first in row 0"):
        estimate_factory_crashes(of_factories.assign(exposure=-1.0), SITES)
    assert estimate_factory_crashes(of_factories.iloc[:0], SITES).empty


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.floats(0.2, 50))
@settings(max_examples=15)
def test_rates_times_worker_km_give_the_counts_back(hurt, million_km):
    members = pd.DataFrame({"crash_id": range(len(hurt)), "mode": "bus", "n_hurt": hurt})
    exposure = pd.DataFrame({"mode": ["bus"], "worker_km_per_year": [million_km * 1e6]})
    one = estimate_commute_rates(members, exposure, by="mode", years=1, min_exposure=0).iloc[0]
    assert one["crashes_per_million"] * million_km == pytest.approx(len(hurt))
    assert one["hurt_per_million"] * million_km == pytest.approx(sum(hurt))
    assert one["hurt_low"] <= one["hurt_per_million"] <= one["hurt_high"]
