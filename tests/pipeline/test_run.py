from __future__ import annotations

import json
import shutil
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

from core.errors import GeometryError, InputError, NotEnoughDataError
from core.provenance import compute_file_sha256
from core.settings import Settings
from pipeline import run as run_module
from pipeline.areas import AreaSources, add_area
from pipeline.import_log import undo
from pipeline.imports import import_records
from pipeline.run import run_area
from pipeline.runs import (
    find_published_run,
    list_runs,
    load_manifest,
    load_table,
    publish_run,
)
from pipeline.workspace import open_workspace
from tests.pipeline.conftest import at, write_crashes, write_osm

RUN_FILES = {
    *("run.json", "segments.parquet", "intersections.parquet", "nodes.parquet"),
    *("places.parquet", "crashes.parquet", "sites.parquet", "lixels.parquet"),
    *("hotspots.parquet", "factories.parquet", "tiles.pmtiles", "risk.tif"),
    *("hotspot_variants.parquet", "hotspot_summary.json"),
    *("screening.parquet", "corridor_windows.parquet", "high_injury.parquet"),
    "screening_summary.json",
    *("commute_flows.parquet", "commute_routes.parquet", "commute_groups.parquet"),
    *("commute_hours.parquet", "commute_rates.parquet", "commute_factories.parquet"),
    *("commute_crashes.parquet", "commute_driven.parquet", "commute_summary.json"),
}


AREA = "test"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The small world with one run: its workspace, to be copied, and the manifest."""
    folder, settings = tmp_path_factory.mktemp("finished"), Settings(n_simulations=199)
    workspace = open_workspace(folder / "home")
    sources = AreaSources(roads=write_osm(folder / "roads.osm"), kind="osm")
    add_area(workspace, AREA, sources, name="Test corridor", settings=settings)
    import_records(workspace, "crash", write_crashes(folder / "crashes.csv"), area=AREA)
    return workspace, run_area(workspace, AREA, settings=settings)


@pytest.fixture(scope="module")
def run(finished):
    """The run's folder and manifest, to be read only."""
    workspace, manifest = finished
    return workspace.runs_folder(AREA) / manifest["run_id"], manifest


@pytest.fixture
def copied(finished, tmp_path):
    """A workspace of the test's own with the same run: it, the run's folder, the manifest."""
    workspace, manifest = finished
    shutil.copytree(workspace.home, tmp_path / "copied")
    own = open_workspace(tmp_path / "copied")
    return own, own.runs_folder(AREA) / manifest["run_id"], manifest


def test_a_run_folder_is_complete_and_read_only(run):
    folder, manifest = run
    assert {path.name for path in folder.iterdir()} == RUN_FILES
    assert all(path.stat().st_mode & 0o222 == 0 for path in folder.iterdir())
    assert load_manifest(folder) == json.loads(json.dumps(manifest, default=str))
    for name, checksum in manifest["files"].items():
        assert compute_file_sha256(folder / name) == checksum


def test_the_manifest_counts_what_the_tables_hold(run):
    folder, manifest = run
    crashes, sites = load_table(folder, "crashes"), load_table(folder, "sites")
    assert manifest["n_crashes"] == len(crashes) == 76
    assert manifest["n_snapped"] == crashes["site_id"].notna().sum() == 75
    assert manifest["unplaced"] == {"no coordinates": 1}
    assert sites["n_crashes"].sum() == 75
    assert manifest["n_hotspots"] == len(load_table(folder, "hotspots"))
    assert manifest["network_km"] == pytest.approx(18.0, rel=0.002)
    for step in manifest["steps"]:
        assert {"name", "seconds", "rows_in", "rows_out", "rows_dropped", "reason"} <= set(step)
    assert {"period", "settings", "inputs", "versions", "seed"} <= set(manifest)
    assert [step["name"] for step in manifest["steps"]].count("attributes") == 1
    segments = load_table(folder, "segments")
    assert manifest["attributes"]["known_share"]["junction_per_km"] == 1
    assert segments["junction_per_km"].notna().all()
    assert segments["mean_grade_pct"].isna().all()


def test_the_planted_stretch_is_the_first_hotspot_and_is_named(run):
    folder, _ = run
    hotspots = load_table(folder, "hotspots")
    worst = hotspots.sort_values("rank").iloc[0]
    assert worst["name"].startswith("NR90 km ")
    assert worst["name"].endswith("near Testville")
    assert worst["n_crashes"] >= 15
    assert worst["ci_low"] > 1
    assert worst["q_value"] <= 0.05
    assert 150 <= worst["length_m"] <= 500
    ends = sorted([worst["chainage_from_km"], worst["chainage_to_km"]])
    from_start = np.array(ends)
    from_other_end = np.sort(10 - from_start)
    planted = np.array([4.3, 4.5])
    assert min(abs(from_start - planted).max(), abs(from_other_end - planted).max()) < 0.15
    assert sum(json.loads(worst["hour_of_week"])) == worst["n_with_time"]
    assert json.loads(worst["road_users"])["car"] == worst["n_crashes"]


def test_hotspot_counts_are_those_of_its_lixels(run):
    folder, _ = run
    lixels, hotspots = load_table(folder, "lixels"), load_table(folder, "hotspots")
    by_hotspot = lixels.groupby("hotspot_id")[["n_crashes", "length_m", "expected"]].sum()
    by_hotspot = by_hotspot.reindex(hotspots["hotspot_id"])
    assert by_hotspot["n_crashes"].tolist() == hotspots["n_crashes"].tolist()
    assert np.allclose(by_hotspot["length_m"], hotspots["length_m"])
    assert np.allclose(by_hotspot["expected"], hotspots["expected_crashes"])
    severities = hotspots[["n_fatal", "n_serious", "n_slight", "n_damage_only"]].sum(axis=1)
    assert (severities == hotspots["n_crashes"]).all()


def test_expected_crashes_add_up_to_those_observed(run):
    lixels = load_table(run[0], "lixels")
    assert lixels["expected"].sum() == pytest.approx(lixels["n_crashes"].sum())


def test_rates_have_their_exact_interval(run):
    sites, manifest = load_table(run[0], "sites"), run[1]
    segment = sites[(sites["site_type"] == "segment") & (sites["n_crashes"] == 3)].iloc[0]
    exposure = segment["length_m"] / 1000 * manifest["period"]["years"]
    assert segment["crashes_per_km_year"] == pytest.approx(3 / exposure, rel=1e-4)
    assert segment["ci_low"] == pytest.approx(0.61867 / exposure, rel=1e-4)
    assert segment["ci_high"] == pytest.approx(8.76727 / exposure, rel=1e-4)


def test_the_risk_raster_shows_the_rate_in_the_window(run):
    folder, manifest = run
    lixels = load_table(folder, "lixels")
    worst = lixels.loc[lixels["n_window"].idxmax()]
    rate = worst["n_window"] / worst["window_km"] / manifest["period"]["years"]
    with rasterio.open(folder / "risk.tif") as raster:
        assert raster.read(1).max() == pytest.approx(rate, rel=1e-3)


def test_the_same_inputs_give_the_same_results(copied, settings):
    workspace, folder, manifest = copied
    again = run_area(workspace, AREA, settings=settings)
    other = workspace.runs_folder(AREA) / again["run_id"]
    for name in ("sites", "lixels", "crashes"):
        pd.testing.assert_frame_equal(load_table(folder, name), load_table(other, name))
    assert all(step["cached"] for step in again["steps"] if step["name"] in {"network", "lixels"})
    assert manifest["inputs"] == again["inputs"]


def test_hotspots_keep_their_identity_when_crashes_are_added(copied, settings, make_crashes):
    workspace, folder, manifest = copied
    publish_run(workspace, AREA, manifest["run_id"])
    extra = make_crashes(n_hotspot=25)
    import_records(workspace, "crash", extra, area=AREA)
    later = run_area(workspace, AREA, settings=settings)
    before = load_table(folder, "hotspots").sort_values("rank").iloc[0]
    after = load_table(workspace.runs_folder(AREA) / later["run_id"], "hotspots")
    worst = after.sort_values("rank").iloc[0]
    assert worst["n_crashes"] > before["n_crashes"]
    assert worst["hotspot_id"] == before["hotspot_id"]
    assert not worst["is_new"]
    assert worst["first_seen"] == before["first_seen"]
    assert worst["back_since"] == ""
    assert later["last_hotspot_number"] >= manifest["last_hotspot_number"]


def publish_again(workspace, settings):
    """Run, publish, and return the worst hotspot."""
    manifest = run_area(workspace, AREA, settings=settings)
    publish_run(workspace, AREA, manifest["run_id"])
    return load_table(workspace.runs_folder(AREA) / manifest["run_id"], "hotspots").iloc[0]


@pytest.mark.slow
def test_an_undone_correction_gives_the_place_its_number_back(copied, settings, tmp_path):
    workspace, folder, manifest = copied
    publish_run(workspace, AREA, manifest["run_id"])
    before = load_table(folder, "hotspots").iloc[0]
    reports = pd.read_csv(write_crashes(tmp_path / "crashes.csv"))
    reports = reports[reports["source_id"].str[1:].isin([str(n) for n in range(60, 75)])]
    elsewhere = reports.assign(lon=[at(9_000 + 20 * n, 0)[0] for n in range(len(reports))])
    elsewhere.to_csv(tmp_path / "crashes.csv", index=False)
    wrong = import_records(workspace, "crash", tmp_path / "crashes.csv", area=AREA)
    moved = publish_again(workspace, settings)
    assert moved["hotspot_id"] != before["hotspot_id"]
    undo(workspace, AREA, wrong["import_id"])
    after = publish_again(workspace, settings)
    assert after["hotspot_id"] == before["hotspot_id"]
    assert after["n_crashes"] == before["n_crashes"]
    assert not after["is_new"]


def test_a_run_that_dies_leaves_the_published_one(copied, settings, monkeypatch):
    workspace, folder, manifest = copied
    publish_run(workspace, AREA, manifest["run_id"])

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "write_run_tiles", die)
    with pytest.raises(KeyboardInterrupt):
        run_area(workspace, AREA, settings=settings)
    assert find_published_run(workspace.home, AREA) == folder
    assert [info.run_id for info in list_runs(workspace.home, AREA)] == [folder.name]
    assert not list(workspace.runs_folder(AREA).glob(".partial-*"))


def test_the_period_can_be_chosen_and_rates_follow(workspace, recorded_area, settings):
    manifest = run_area(
        workspace,
        recorded_area,
        settings=settings,
        since=date(2021, 1, 1),
        until=date(2021, 12, 31),
    )
    assert manifest["period"]["years"] == pytest.approx(365 / 365.25, abs=1e-4)
    counted = next(step for step in manifest["steps"] if step["name"] == "crash records")
    assert counted["rows_in"] == 76
    assert counted["rows_out"] + counted["rows_dropped"] == 76
    assert manifest["n_crashes"] == counted["rows_out"] < 76


def test_a_period_that_ends_before_it_begins_is_refused(workspace, settings):
    with pytest.raises(InputError, match="--since 2023-01-01 is after --until 2020-01-01"):
        run_area(
            workspace, "any", settings=settings, since=date(2023, 1, 1), until=date(2020, 1, 1)
        )


def test_two_runs_in_one_second_are_two_runs(tmp_path):
    first = run_module.choose_run_id(tmp_path, "0" * 8)
    (tmp_path / first).mkdir()
    second = run_module.choose_run_id(tmp_path, "0" * 8)
    assert second > first


def test_an_area_without_crashes_says_what_to_do(workspace, area, settings):
    with pytest.raises(NotEnoughDataError, match="safecommute import crash"):
        run_area(workspace, area, settings=settings)


def test_the_reference_can_be_the_whole_network_and_clocks_are_checked(workspace, recorded_area):
    settings = Settings(hotspot_null="length", time_zone="America/Sao_Paulo")
    manifest = run_area(workspace, recorded_area, settings=settings)
    assert any("10 hours off the sun here" in text for text in manifest["warnings"])
    lixels = load_table(workspace.runs_folder(recorded_area) / manifest["run_id"], "lixels")
    per_m = lixels["expected"] / lixels["length_m"]
    assert np.allclose(per_m, per_m.iloc[0])


def test_every_table_is_in_one_metric_system(run):
    systems = {
        gpd.GeoDataFrame(load_table(run[0], name)).crs.to_epsg()
        for name in ("segments", "intersections", "crashes", "sites", "lixels", "hotspots")
    }
    assert systems == {32648}


def test_an_empty_stretch_at_the_end_of_the_period_is_warned_of(workspace, recorded_area, settings):
    manifest = run_area(workspace, recorded_area, settings=settings, until=date(2025, 6, 30))
    assert any("No crash was reported in 29 months" in text for text in manifest["warnings"])


def test_a_period_that_ends_in_the_future_is_refused(workspace, recorded_area, settings):
    with pytest.raises(InputError, match="lies in the future"):
        run_area(workspace, recorded_area, settings=settings, until=date(2140, 1, 1))


def test_provinces_of_another_place_are_refused(workspace, make_roads, tmp_path, settings):
    far = tmp_path / "far.geojson"
    box = gpd.GeoDataFrame({"name": ["Far"]}, geometry=[shapely.box(10, 10, 11, 11)], crs=4326)
    box.to_file(far)
    sources = AreaSources(roads=make_roads(), kind="osm", provinces=far)
    with pytest.raises(GeometryError, match="none of 42 road segments"):
        add_area(workspace, "far", sources, name=None, settings=settings)
