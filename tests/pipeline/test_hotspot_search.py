"""Every method against every null: the planted stretch is found, and what is missing told."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import sparse

from core.errors import NotEnoughDataError
from core.settings import Settings
from models.null_models import NullModel
from pipeline.account import Period
from pipeline.hotspot_area import compare
from pipeline.hotspot_certainty import find_crash_places, make_finder
from pipeline.hotspot_methods import CONTROLS, METHODS, Smoothing, run_method
from pipeline.hotspot_nulls import RoadFacts, build_nulls
from pipeline.hotspot_times import list_whole_years
from pipeline.hotspot_views import load_hotspot_summary
from pipeline.run import run_area
from pipeline.runs import load_table


@pytest.fixture(scope="module")
def lane():
    """A road of 60 lixels of 50 m in 20 segments; five crashes too many on three of them."""
    rng = np.random.default_rng(4)
    segment = np.repeat(np.arange(20), 3)
    lixels = pd.DataFrame({"segment_id": segment, "length_m": 50.0})
    n = rng.poisson(0.5, 60)
    n[30:33] += 5
    near = np.abs(np.subtract.outer(np.arange(60), np.arange(60))) <= 3
    return lixels, n, near


def make_facts(n_segments=20, *, workers=0.0, has_commutes=True, **columns):
    table = pd.DataFrame({"road_class": "primary", "oneway": "no", **columns})
    table = table.reindex(range(n_segments)).ffill()
    per_day = np.full(n_segments, float(workers))
    return RoadFacts(
        segments=table,
        worker_km_per_year=per_day * 20,
        workers_per_day=per_day,
        has_commutes=has_commutes,
    )


def test_a_null_that_the_data_cannot_carry_says_why(lane):
    lixels, n, _ = lane
    facts = make_facts(has_commutes=False, road_class=["primary"] * 20)
    nulls = build_nulls(n, lixels, facts)
    assert "no commutes are known" in nulls.missing["exposure"]
    with pytest.raises(NotEnoughDataError, match=r"hotspot_null 'exposure'.*no commutes"):
        nulls.require("exposure")
    few = build_nulls(n, lixels, make_facts(workers=10, road_class=["primary"] * 20))
    assert "only 0% of the crashes lie on roads that 50 workers" in few.missing["exposure"]


def test_nulls_expect_as_many_crashes_as_there_were(lane):
    lixels, n, _ = lane
    workers = np.linspace(60, 600, 20)
    facts = RoadFacts(
        segments=make_facts(road_class=["primary"] * 20).segments,
        worker_km_per_year=workers * 20,
        workers_per_day=workers,
        has_commutes=True,
    )
    nulls = build_nulls(n, lixels, facts)
    for null in nulls.models.values():
        assert null.expected.sum() == pytest.approx(n.sum())
    by_segment = pd.Series(nulls.models["exposure"].expected).groupby(lixels["segment_id"]).sum()
    assert (by_segment / workers).std() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_finds_the_crashes_too_many_and_each_control_is_stricter(lane, method):
    lixels, n, near = lane
    facts = make_facts(has_commutes=False, road_class=["primary"] * 20)
    null = build_nulls(n, lixels, facts).models["length"]
    windows = sparse.csr_array(near.astype(float))
    test = run_method(
        method,
        n,
        null,
        Smoothing(windows=windows, kernel=windows * 2.0),
        seed=1,
        n_simulations=199,
    )
    found = [test.find_significant(control, 0.05) for control in CONTROLS]
    assert found[1][31]
    assert (found[2] <= found[0]).all()
    assert (test.q_value >= test.p_value - 1e-2).all()
    assert test.n_simulations == (199 if method == "density" else 0)


def test_the_second_road_of_a_doubtful_crash_is_a_lixel():
    lines = [shapely.LineString([(0, y), (100, y)]) for y in (0, 8)]
    segments = gpd.GeoDataFrame({"segment_id": [0, 1]}, geometry=lines, crs=32648)
    lixels = pd.DataFrame(
        {
            "lixel_id": range(4),
            "segment_id": [0, 0, 1, 1],
            "start_m": [0.0, 50.0] * 2,
            "length_m": 50.0,
        }
    )
    crashes = gpd.GeoDataFrame(
        {
            "lixel_id": pd.array([0, 1], dtype="Int64"),
            "offset_m": [20.0, 70.0],
            "is_ambiguous": [False, True],
            "runner_up_site_id": [None, "S1"],
        },
        geometry=[shapely.Point(20, 3), shapely.Point(70, 3.8)],
        crs=32648,
    )
    places = find_crash_places(crashes, lixels, segments)
    assert places.offset_m.tolist() == [20.0, 20.0]
    assert places.other_lixel.tolist() == [-1, 3]


@pytest.mark.parametrize("overdispersion_k", [0.0, 0.5])
@pytest.mark.parametrize("control", ["fdr", "family"])
def test_a_crash_moved_to_a_road_where_none_is_expected_makes_no_hotspot(overdispersion_k, control):
    null = NullModel(
        name="road_class",
        expected=np.array([0.5, 0.5, 0.0, 0.0]),
        overdispersion_k=overdispersion_k,
    )
    find = make_finder(sparse.eye_array(4, format="csr"), null, 1.0, control, 0.05)
    assert find(np.array([0, 0, 9, 0])).tolist() == [False] * 4
    assert find(np.array([9, 0, 9, 0])).tolist() == [True, False, False, False]


def test_whole_years_only():
    period = Period(start=pd.Timestamp(2019, 2, 1).date(), end=pd.Timestamp(2023, 12, 31).date())
    assert list_whole_years(period) == [2020, 2021, 2022, 2023]


def test_a_comparison_has_its_interval_or_says_that_nothing_can_be_told():
    told = compare(20, 10, "here")
    assert "2.00 times (95% interval 1.22 to 3.09, which allows" in told
    assert told.endswith("more than expected.")
    assert "0.65 times (95% interval 0.43 to 0.94" in compare(28, 43.1, "at gates")
    wider = compare(28, 43.1, "at gates", 1.395)  # the interval of 20 crashes, 1.4 times each
    assert "interval 0.40 to 1.00" in wider
    assert "not to be told apart" in wider
    assert "not to be told apart" in compare(10, 10, "here")
    assert "The data cannot tell" in compare(3, 2, "here")


def test_a_run_finds_the_planted_stretch_by_every_method_and_says_how_sure(
    workspace, recorded_area
):
    manifest = run_area(workspace, recorded_area, settings=Settings(n_simulations=199))
    folder = workspace.runs_folder(recorded_area) / manifest["run_id"]
    hotspots = load_table(folder, "hotspots").sort_values("rank")
    variants = gpd.GeoDataFrame(load_table(folder, "hotspot_variants"))
    worst = hotspots.iloc[0]
    for keys, found in variants.groupby(["method", "null_model", "control"]):
        if keys[2] != "pointwise":
            assert worst["hotspot_id"] in set(found["hotspot_id"]), keys
    assert worst["methods_found"] == ";".join(METHODS)
    assert worst["n_nulls_found"] == worst["n_nulls"] >= 2
    found_by_all = hotspots["n_nulls_found"] == hotspots["n_nulls"]
    is_unlike = hotspots["q_spread"] <= 0.05
    assert (hotspots["stands_out"] == (found_by_all & is_unlike)).all()
    assert (hotspots["stands_out"] == (hotspots["not_against"] == "")).all()
    own = variants[
        (variants["method"] == "window")
        & (variants["null_model"] == "road_class")
        & (variants["control"] == "fdr")
    ].sort_values("rank")
    for column in ("hotspot_id", "n_crashes", "name", "length_m", "expected_crashes"):
        assert own[column].tolist() == pytest.approx(hotspots[column].tolist()) or (
            own[column].tolist() == hotspots[column].tolist()
        )
    assert worst["expected_crashes"] < worst["n_long_run"] < worst["n_crashes"]
    assert worst["p_worst_5"] > 0.9
    assert worst["rank_ci_low"] == 1
    assert worst["found_with_double_window"]
    assert worst["found_when_moved"] > 0.9
    assert 0 <= worst["stability"] <= 1
    summary = load_hotspot_summary(folder)
    assert "no commutes are known" in summary["missing_nulls"]["exposure"]
    assert summary["area"]["sentences"]
    assert all(one["answer"] for one in summary["area"]["sentences"])


def test_a_null_that_settings_ask_for_and_nobody_can_have_stops_the_run(workspace, recorded_area):
    settings = Settings(hotspot_null="exposure", n_simulations=199)
    with pytest.raises(NotEnoughDataError, match="no commutes are known"):
        run_area(workspace, recorded_area, settings=settings)


@pytest.mark.slow
def test_published_hotspots_can_be_those_of_another_method(workspace, recorded_area):
    settings = Settings(
        hotspot_method="density", hotspot_null="length", hotspot_control="family", n_simulations=199
    )
    manifest = run_area(workspace, recorded_area, settings=settings)
    folder = workspace.runs_folder(recorded_area) / manifest["run_id"]
    worst = load_table(folder, "hotspots").sort_values("rank").iloc[0]
    assert worst["name"].startswith("NR90 km ")
    assert worst["p_family"] <= 0.05
    assert (worst["method"], worst["control"]) == ("density", "family")
