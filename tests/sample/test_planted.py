"""What was planted: hotspots, the pilot's true effect, chance that flatters it, and dirt."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sample.dirt import HOSTILE_NARRATIVES
from sample.people import build_factories
from sample.pilot import PILOT_START_YEAR, TRUE_EFFECT, YEARS, choose_pilot
from sample.world import build_world

METRIC = 32648
LAST_YEAR, FIRST_YEAR = PILOT_START_YEAR - 1, PILOT_START_YEAR
SEEDS = range(200)


def test_six_hotspots_lie_on_main_roads_and_hold_their_crashes(tables, truth):
    crashes = tables["crashes"].drop_duplicates("source_id")
    lon, lat = (pd.to_numeric(crashes[name], errors="coerce") for name in ("lon", "lat"))
    is_usable = lon.between(104, 106) & lat.between(11, 12)
    points = gpd.points_from_xy(lon[is_usable], lat[is_usable])
    points = gpd.GeoSeries(points, crs=4326).to_crs(METRIC)
    spots = gpd.GeoSeries(
        [shapely.LineString(spot["line"]) for spot in truth["hotspots"]], crs=4326
    ).to_crs(METRIC)
    assert len(spots) == 6
    for line, spot in zip(spots, truth["hotspots"], strict=True):
        assert 150 < line.length < 350
        assert line.length == pytest.approx(spot["to_m"] - spot["from_m"], rel=0.02)
        near = (points.distance(line) < 25).sum()
        # A few were rounded to 0.001 degrees, or have no coordinates left.
        assert near >= 0.7 * spot["n_planted"]
        assert spot["n_planted"] >= 15
    apart = [a.distance(b) for n, a in enumerate(spots) for b in spots[:n]]
    assert min(apart) > 2_000


def count(pilot, names, year):
    return sum(pilot.counts[name][year] for name in names)


def test_the_true_effect_is_told_and_last_year_was_a_bad_one(tables, truth):
    pilot = truth["pilot"]
    assert pilot["true_effect"] == TRUE_EFFECT == 0.6
    counts = {
        name: {int(y): n for y, n in years.items()} for name, years in pilot["counts"].items()
    }
    expected = sum(pilot["mean_per_year_without_pilot"][name] for name in pilot["factories"])
    before = sum(counts[name][LAST_YEAR] for name in pilot["factories"])
    after = sum(counts[name][FIRST_YEAR] for name in pilot["factories"])
    assert before > expected
    assert after / before < TRUE_EFFECT  # what a naive comparison would promise
    assert after / expected == pytest.approx(TRUE_EFFECT, abs=0.05)


def test_the_records_hold_the_counts_that_are_told(tables, truth):
    crashes = tables["crashes"].drop_duplicates("source_id")
    theirs = crashes[crashes["factory_id"] != ""]
    found = pd.crosstab(theirs["factory_id"], theirs["occurred_at"].str[:4])
    told = pd.DataFrame(truth["pilot"]["counts"]).T.sort_index()
    assert found.to_numpy().tolist() == told[found.columns].to_numpy().tolist()


@pytest.fixture(scope="module")
def drawn():
    """Two hundred pilots, drawn for the same factories."""
    world = build_world(0)
    factories = build_factories(world)
    return [choose_pilot(replace(world, seed=seed), factories) for seed in SEEDS]


def ratios(drawn, choose, year_before):
    """Return crashes in the pilot's first year over those of an earlier one, by draw."""
    return np.array(
        [count(p, choose(p), FIRST_YEAR) / count(p, choose(p), year_before) for p in drawn]
    )


def test_a_naive_comparison_overstates_the_effect(drawn):
    naive = ratios(drawn, lambda pilot: pilot.factories, LAST_YEAR)
    error = naive.std(ddof=1) / np.sqrt(len(naive))
    assert naive.mean() + 5 * error < TRUE_EFFECT
    assert naive.mean() == pytest.approx(0.40, abs=0.05)


def test_because_the_year_before_was_above_the_long_run_mean(drawn):
    share = [
        count(p, p.factories, LAST_YEAR) / sum(p.mean_per_year[name] for name in p.factories)
        for p in drawn
    ]
    assert np.mean(share) > 1.2
    earlier = [
        count(p, p.factories, YEARS[0]) / sum(p.mean_per_year[name] for name in p.factories)
        for p in drawn
    ]
    assert np.mean(earlier) == pytest.approx(1.0, abs=0.05)  # not chosen for that year


def test_against_the_long_run_mean_the_true_effect_is_found(drawn):
    means = [sum(p.mean_per_year[name] for name in p.factories) for p in drawn]
    after = [count(p, p.factories, FIRST_YEAR) for p in drawn]
    assert np.mean(np.array(after) / means) == pytest.approx(TRUE_EFFECT, abs=0.01)


def test_the_factories_left_out_seem_to_get_worse_by_the_same_chance(drawn):
    def others(pilot):
        return [name for name in pilot.counts if name not in pilot.factories]

    assert ratios(drawn, others, LAST_YEAR).mean() > 1.1


def test_every_pilot_is_of_five_factories(drawn):
    assert {len(set(pilot.factories)) for pilot in drawn} == {5}
    assert len({pilot.factories for pilot in drawn}) > 20  # chance chooses, not the factory


@pytest.fixture(scope="module")
def rows(tables, truth):
    """Return a function: the first report of each crash listed as damaged in some way."""
    first = tables["crashes"].drop_duplicates("source_id").set_index("source_id")
    return lambda kind: first.loc[truth["dirt"][kind]]


def test_each_row_is_damaged_in_one_way_only(truth):
    dirt = truth["dirt"]
    listed = [source_id for ids in dirt.values() for source_id in ids]
    assert len(listed) == len(set(listed)) == sum(map(len, dirt.values()))
    assert all(dirt.values())


def test_coordinates_are_damaged_as_told(tables, truth, rows):
    missing, zero = rows("no_coordinates"), rows("zero_coordinates")
    assert (missing[["lon", "lat"]] == "").all(axis=None)
    assert (zero[["lon", "lat"]] == "0").all(axis=None)
    swapped = rows("swapped_coordinates").astype({"lon": float, "lat": float})
    assert swapped["lon"].between(11, 12).all()
    assert swapped["lat"].between(104, 106).all()
    far = rows("far_away").astype({"lon": float, "lat": float})
    assert (far["lat"] > 13).all()  # the sample ends before 12 degrees north
    unreadable = rows("unreadable_coordinates")
    assert pd.to_numeric(unreadable["lon"], errors="coerce").isna().all()
    assert (unreadable["lon"] != "").all()
    listed = {
        *truth["dirt"]["zero_coordinates"],
        *truth["dirt"]["swapped_coordinates"],
        *truth["dirt"]["far_away"],
        *truth["dirt"]["unreadable_coordinates"],
    }
    rest = tables["crashes"][~tables["crashes"]["source_id"].isin(listed)]
    rest = rest[rest["lon"] != ""].astype({"lon": float, "lat": float})
    assert rest["lon"].between(104, 106).all()
    assert rest["lat"].between(11, 12).all()


def test_times_and_words_are_damaged_as_told(tables, truth, rows):
    assert rows("no_time")["occurred_at"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert (rows("no_date")["occurred_at"] == "").all()
    assert (rows("future_date")["occurred_at"].str[:4].astype(int) > 2100).all()
    assert (rows("unknown_severity")["severity"] == "terrible").all()
    assert set(rows("hostile_text")["narrative"]) == set(HOSTILE_NARRATIVES)
    listed = {
        source_id
        for kind in ("no_time", "no_date", "future_date")
        for source_id in truth["dirt"][kind]
    }
    rest = tables["crashes"][~tables["crashes"]["source_id"].isin(listed)]
    assert rest["occurred_at"].str.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d").all()
    others = rest[~rest["source_id"].isin(truth["dirt"]["unknown_severity"])]
    assert "terrible" not in set(others["severity"])


def test_rows_are_repeated_as_told(tables, truth):
    crashes, dirt = tables["crashes"], truth["dirt"]
    by_id = dict(iter(crashes.groupby("source_id")))
    for source_id in dirt["exact_duplicate"]:
        assert len(by_id[source_id]) == 2
        assert len(by_id[source_id].drop_duplicates()) == 1
    for source_id in dirt["repeated_report"]:
        pair = by_id[source_id]
        assert len(pair) == 2
        assert pair["collision_type"].iloc[1] == "reported again"
        assert len(pair.drop(columns="collision_type").drop_duplicates()) == 1
    repeated = {source_id for source_id, pair in by_id.items() if len(pair) > 1}
    assert repeated == {*dirt["exact_duplicate"], *dirt["repeated_report"]}
    assert len(crashes) == truth["n_crashes"] + len(repeated)
