"""The invented records: their mix is near the published facts, and they agree with one another.

Published figures: police records of 2024 (55 % at night, 79 % of deaths on motorcycles),
the Fund's figures for workers of 2019 (1,554 crashes, 50 killed, 341 serious), helmets seen
(43 % by day, 25 % by night), about 80 % of garment workers women.
"""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest

PROVINCES = {"Stueng Reatrei", "Kampong Phkay", "Phnum Arun"}
RIDER = "motorcycle"


@pytest.fixture(scope="module")
def crashes(tables, truth):
    """The crashes without repeated rows and without those whose time or severity is damaged."""
    dirt = truth["dirt"]
    bad = {
        source_id
        for kind in ("no_time", "no_date", "future_date", "unknown_severity")
        for source_id in dirt[kind]
    }
    found = tables["crashes"].drop_duplicates("source_id")
    found = found[~found["source_id"].isin(bad)].copy()
    found["hour"] = found["occurred_at"].str[11:13].astype(int)
    found["is_dark"] = (found["hour"] >= 18) | (found["hour"] < 6)
    return found


@pytest.fixture(scope="module")
def casualties(tables, crashes):
    wanted = crashes.set_index("source_id")[["is_dark"]]
    return tables["casualties"].join(wanted, on="crash_source_id", how="inner")


def test_crashes_are_in_the_years_told_and_evenly_so(crashes, truth):
    by_year = crashes["occurred_at"].str[:4].astype(int).value_counts()
    assert sorted(by_year.index) == truth["years"]
    assert by_year.max() < 1.25 * by_year.min()


def test_more_than_half_of_crashes_are_in_the_dark(crashes):
    assert crashes["is_dark"].mean() == pytest.approx(0.55, abs=0.03)
    known = crashes[crashes["light"] != "unknown"]
    assert ((known["light"] == "dark") == known["is_dark"]).all()


def test_most_victims_and_most_dead_ride_motorcycles(crashes, casualties):
    on_motorcycle = casualties["road_user"].str.startswith(RIDER)
    killed = on_motorcycle[casualties["injury"] == "fatal"].mean()
    assert killed == pytest.approx(0.77, abs=0.08)  # 73.5 % (WHO) to 79 % (police)
    assert casualties["road_user"].eq("pedestrian").mean() == pytest.approx(0.096, abs=0.03)
    assert crashes["road_users"].str.contains(RIDER).mean() > 0.75


def test_severity_of_workers_crashes_is_that_of_the_fund(crashes):
    work = crashes[crashes["is_worker_commute"] == "yes"]
    shares = work["severity"].value_counts(normalize=True)
    assert shares["fatal"] == pytest.approx(50 / 1554, abs=0.02)
    assert shares["serious"] == pytest.approx(341 / 1554, abs=0.05)
    other = crashes[crashes["is_worker_commute"] != "yes"]["severity"].value_counts(normalize=True)
    assert other["fatal"] == pytest.approx(0.10, abs=0.025)
    assert other["serious"] == pytest.approx(0.29, abs=0.04)
    assert set(crashes["severity"]) == {"fatal", "serious", "slight", "damage_only"}


def test_four_in_five_workers_hurt_are_women_and_most_others_are_men(casualties):
    female = casualties["sex"].eq("female").groupby(casualties["is_worker"]).mean()
    assert female["yes"] == pytest.approx(0.80, abs=0.04)
    assert female["no"] == pytest.approx(0.26, abs=0.05)
    factories_known = casualties["factory_id"].ne("")
    assert casualties.loc[factories_known, "is_worker"].eq("yes").all()


def test_helmets_by_day_and_by_night(casualties):
    riders = casualties[casualties["road_user"].str.startswith(RIDER)]
    known = riders[riders["helmet"] != "unknown"]
    worn = known["helmet"].eq("yes").groupby(known["is_dark"]).mean()
    assert worn[False] == pytest.approx(0.43, abs=0.045)
    assert worn[True] == pytest.approx(0.25, abs=0.045)
    others = casualties[~casualties["road_user"].str.startswith(RIDER)]
    assert others["helmet"].eq("unknown").all()


def test_every_casualty_is_counted_by_its_crash(tables):
    counted = tables["crashes"].drop_duplicates("source_id").set_index("source_id")
    counted = counted[["n_killed", "n_serious", "n_slight"]].astype(int)
    listed = pd.crosstab(tables["casualties"]["crash_source_id"], tables["casualties"]["injury"])
    listed = listed.reindex(counted.index, fill_value=0)[["fatal", "serious", "slight"]]
    assert (counted.to_numpy() == listed.to_numpy()).all()
    assert tables["casualties"]["casualty_id"].is_unique


def test_severity_is_the_worst_injury(crashes):
    counts = crashes[["n_killed", "n_serious", "n_slight"]].astype(int)
    worst = pd.Series("damage_only", index=crashes.index)
    for column, word in (("n_slight", "slight"), ("n_serious", "serious"), ("n_killed", "fatal")):
        worst = worst.mask(counts[column] > 0, word)
    assert worst.tolist() == crashes["severity"].tolist()


def test_twelve_factories_in_three_provinces_five_of_them_the_pilot(tables, truth):
    factories = tables["factories"]
    assert len(factories) == 12
    assert factories["factory_id"].is_unique
    assert set(factories["province"]) == PROVINCES
    pilot = factories[factories["is_pilot"] == "True"]
    assert pilot["factory_id"].tolist() == truth["pilot"]["factories"]
    assert len(pilot) == 5
    assert set(pilot["province"]) == PROVINCES
    assert tables["interventions"]["factories"].tolist() == [";".join(pilot["factory_id"])]
    share = factories["female_workers"].astype(int).sum() / factories["workers"].astype(int).sum()
    assert share == pytest.approx(0.80, abs=0.05)


def test_workers_come_from_villages_and_add_up(tables):
    origins = tables["origins"]
    shares = origins[[name for name in origins if name.startswith("share_")]].astype(float)
    assert (shares >= 0).all(axis=None)
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-9)
    workers = origins["workers"].astype(int).groupby(origins["factory_id"]).sum()
    stated = tables["factories"].set_index("factory_id")["workers"].astype(int)
    assert workers.to_dict() == stated.to_dict()
    assert origins["origin_id"].is_unique


def test_vehicles_are_as_poor_as_the_fund_found_them(tables):
    vehicles = tables["vehicles"]
    known = {
        name: vehicles.loc[vehicles[name] != "unknown", name].eq("yes").mean()
        for name in ("is_registered", "is_insured")
    }
    assert known["is_registered"] == pytest.approx(0.70, abs=0.10)
    assert known["is_insured"] == pytest.approx(0.07, abs=0.06)
    assert vehicles["vehicle_id"].is_unique
    assert set(vehicles["factory_id"]) == set(tables["factories"]["factory_id"])


def test_places_lie_in_the_province_that_is_written(generated, tables):
    text = (generated / "boundaries" / "sample_provinces.geojson").read_text("utf-8")
    provinces = gpd.GeoDataFrame.from_features(json.loads(text), crs=4326)
    assert set(provinces["name"]) == PROVINCES
    assert provinces.geometry.is_valid.all()
    factories = tables["factories"]
    points = gpd.points_from_xy(factories["lon"].astype(float), factories["lat"].astype(float))
    found = gpd.GeoDataFrame(factories, geometry=points, crs=4326).sjoin(provinces, how="left")
    assert found["province"].tolist() == found["name_right"].tolist()


def test_districts_cover_the_provinces_and_do_not_overlap(generated):
    folder = generated / "boundaries"
    districts, provinces = (
        gpd.read_file(folder / f"sample_{name}.geojson").to_crs(32648)
        for name in ("districts", "provinces")
    )
    assert len(districts) == 9
    assert set(districts["province"]) == PROVINCES
    assert districts.area.sum() == pytest.approx(provinces.area.sum(), rel=1e-6)
    assert districts.union_all().area == pytest.approx(districts.area.sum(), rel=1e-6)
