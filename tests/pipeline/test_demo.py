"""The demonstration, built whole: what was planted in the sample is found where it should be."""

from __future__ import annotations

import csv
import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from core.settings import Settings
from pipeline.demo import DEMO_KEY, build_demo
from pipeline.evaluate import evaluate_intervention
from pipeline.paths import DATA_FOLDER
from pipeline.runs import find_published_run, load_manifest, load_table
from pipeline.workspace import open_workspace
from records.database import Database

pytestmark = pytest.mark.slow

NEAR_M = 60
OUTCOMES = ("accepted", "updated", "unchanged", "duplicates", "rejected")


@pytest.fixture(scope="module")
def truth():
    return json.loads((DATA_FOLDER / "sample" / "truth.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def dirt(truth):
    return {kind: set(ids) for kind, ids in truth["dirt"].items()}


@pytest.fixture(scope="module")
def told():
    """What the demonstration said while it was built."""
    return []


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, told):
    made = open_workspace(tmp_path_factory.mktemp("demo") / "home")
    build_demo(made, settings=Settings(), tell=told.append)
    return made


@pytest.fixture(scope="module")
def run(workspace):
    """The published run's folder."""
    folder = find_published_run(workspace.home, DEMO_KEY)
    assert folder is not None
    return folder


@pytest.fixture(scope="module")
def placed(run):
    return load_table(run, "crashes").set_index("source_id")


@pytest.fixture(scope="module")
def crash_import(workspace):
    """The account of the crash file, as the database keeps it."""
    with Database(workspace.database_url) as database:
        imports = database.list_imports(DEMO_KEY)
    found = imports[imports["kind"] == "crash"]
    assert len(found) == 1
    return found.iloc[0]


def planted_lines(truth, crs):
    lines = [shapely.LineString(spot["line"]) for spot in truth["hotspots"]]
    return gpd.GeoSeries(lines, crs=4326).to_crs(crs)


def test_the_planted_hotspots_are_among_the_ten_worst(run, truth):
    hotspots = load_table(run, "hotspots").sort_values("rank")
    top = hotspots.head(10).geometry.union_all()
    lines = planted_lines(truth, hotspots.crs)
    found = [line.distance(top) <= NEAR_M for line in lines]
    assert len(found) == 6
    assert sum(found) >= 5
    # A touch is not enough: most of the crashes planted are in what was found.
    inside = [
        hotspots.loc[hotspots.distance(line) <= NEAR_M, "n_crashes"].sum()
        >= 0.5 * spot["n_planted"]
        for line, spot in zip(lines, truth["hotspots"], strict=True)
    ]
    assert sum(inside) >= 5


def test_little_else_is_called_a_hotspot(run, truth):
    hotspots = load_table(run, "hotspots")
    lines = planted_lines(truth, hotspots.crs)
    is_planted = hotspots.geometry.apply(lambda shape: lines.distance(shape).min() <= NEAR_M)
    assert (~is_planted).sum() <= 2


def test_the_manifest_says_that_all_is_synthetic(run):
    manifest = load_manifest(run)
    assert manifest["is_synthetic"] is True
    assert "SYNTHETIC" in manifest["area_name"]
    assert manifest["n_segments"] >= 3_000


def test_the_demonstration_tells_what_it_does(told):
    assert any("SYNTHETIC" in text for text in told)
    assert any(text.startswith("Imported sample/crashes.csv: ") for text in told)


def test_no_row_is_lost(workspace):
    with Database(workspace.database_url) as database:
        imports = database.list_imports(DEMO_KEY)
    assert len(imports) == 7
    for _, account in imports.iterrows():
        assert account["read"] == sum(account[name] for name in OUTCOMES) > 0
        if account["kind"] != "crash":
            assert account["accepted"] == account["read"]


def test_the_crash_file_is_accounted_for(crash_import, truth, dirt):
    repeated = len(dirt["exact_duplicate"]) + len(dirt["repeated_report"])
    rejected = sum(len(dirt[kind]) for kind in ("unknown_severity", "no_date", "future_date"))
    assert crash_import["read"] == truth["n_crashes"] + repeated
    assert crash_import["duplicates"] == repeated
    assert crash_import["rejected"] == rejected
    assert crash_import["accepted"] == truth["n_crashes"] - rejected


def test_the_list_of_refused_rows_says_why(workspace, dirt):
    paths = list(workspace.rejects_folder().glob("*.rejects.csv"))
    assert len(paths) == 1  # the other files hold nothing to refuse
    assert paths[0].name.startswith("crashes.")
    with paths[0].open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    by_reason = {}
    for row in rows:
        by_reason.setdefault(row["reason"], set()).add(row["source_id"])
    assert by_reason == {
        "severity word not known: terrible": dirt["unknown_severity"],
        "date missing": dirt["no_date"],
        "date is in the future": dirt["future_date"],
    }
    with (DATA_FOLDER / "sample" / "crashes.csv").open(encoding="utf-8", newline="") as stream:
        source = list(csv.DictReader(stream))
    by_id = {row["source_id"]: row for row in source}
    for row in rows:
        assert row["severity"] == by_id[row["source_id"]]["severity"]
        assert row["lon"] == by_id[row["source_id"]]["lon"]


def test_every_crash_taken_is_in_the_run_with_a_site_or_a_reason(placed, crash_import):
    assert len(placed) == crash_import["accepted"]
    assert placed.index.is_unique
    assert (placed["site_id"].notna() ^ placed["unplaced_reason"].notna()).all()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("no_coordinates", "no coordinates"),
        ("zero_coordinates", "no coordinates: coordinates are zero"),
        ("swapped_coordinates", "no coordinates: latitude and longitude look swapped"),
        ("far_away", "outside the study area"),
    ],
)
def test_coordinates_that_are_no_place_have_their_own_reason(placed, dirt, kind, reason):
    rows = placed.loc[sorted(dirt[kind])]
    assert rows["site_id"].isna().all()
    assert set(rows["unplaced_reason"]) == {reason}


def test_unreadable_coordinates_are_not_placed_and_keep_what_was_written(placed, dirt):
    rows = placed.loc[sorted(dirt["unreadable_coordinates"])]
    assert rows["site_id"].isna().all()
    said = dict(zip(rows["unplaced_reason"], rows["place_note"], strict=True))
    assert set(said) == {
        "no coordinates",  # "n/a" twice
        "no coordinates: one coordinate missing",
        "farther than 50 m from every road",  # degrees and whole minutes: a place, but a vague one
    }
    assert "near the market" in said["no coordinates: one coordinate missing"]
    vague = rows[rows["unplaced_reason"].str.startswith("farther")]
    assert vague[["lon", "lat"]].round(6).to_numpy().tolist() == [[104.85, 11.45]]


def test_only_the_planted_rows_and_those_without_a_place_are_unplaced(run, placed, dirt):
    planted = {
        source_id
        for kind in ("no_coordinates", "zero_coordinates", "swapped_coordinates", "far_away")
        for source_id in dirt[kind]
    } | dirt["unreadable_coordinates"]
    others = placed[placed["unplaced_reason"].notna() & ~placed.index.isin(planted)]
    reasons = others["unplaced_reason"].value_counts()
    # Reports that name a village only, and coordinates rounded to about 100 m.
    assert set(reasons.index) <= {
        "no coordinates",
        "farther than 50 m from every road",
    }
    manifest = load_manifest(run)
    assert sum(manifest["unplaced"].values()) == placed["unplaced_reason"].notna().sum()
    assert manifest["n_snapped"] + sum(manifest["unplaced"].values()) == manifest["n_crashes"]
    assert manifest["snap_share"] > 0.93
    assert manifest["snap_median_m"] < 10


def test_a_date_without_a_time_is_kept_as_such(placed, dirt):
    rows = placed.loc[sorted(dirt["no_time"])]
    assert len(rows) == len(dirt["no_time"])
    assert not rows["has_time"].any()
    assert rows["site_id"].notna().mean() > 0.8


def test_the_later_of_two_reports_stands(placed, dirt):
    again = placed.loc[sorted(dirt["repeated_report"]), "collision_type"]
    assert set(again) == {"reported again"}


def test_hostile_text_comes_through_unharmed(placed, dirt):
    text = "\n".join(placed.loc[sorted(dirt["hostile_text"]), "narrative"])
    assert "<script>alert(1)</script>" in text
    assert "=HYPERLINK(" in text
    assert "ម៉ូតូបុករថយន្ត" in text


def test_provinces_and_districts_are_on_the_sites(run):
    sites = load_table(run, "sites")
    provinces = gpd.read_file(DATA_FOLDER / "boundaries" / "sample_provinces.geojson")
    districts = gpd.read_file(DATA_FOLDER / "boundaries" / "sample_districts.geojson")
    assert set(sites["province"]) == set(provinces["name"])
    assert set(sites["district"]) == set(districts["name"])
    part_of = districts.set_index("name")["province"]
    assert (sites["district"].map(part_of) == sites["province"]).mean() > 0.995
    hotspots = load_table(run, "hotspots")
    assert hotspots[["province", "district"]].notna().all(axis=None)


def test_the_published_pilot_evaluates_as_published(workspace):
    found = evaluate_intervention(workspace, DEMO_KEY, "BFC-PILOT")
    assert (found["observed_before"], found["observed_after"]) == (254, 57)
    assert found["is_published_total"] is True
    assert found["is_synthetic"] is False
    assert "naive" in found["claim"]
    assert "254" in found["claim"]
    assert "57" in found["claim"]
    assert "SYNTHETIC" not in found["claim"]
    assert has_interval(found)


def test_the_synthetic_pilot_overstates_its_true_effect(workspace, truth, placed):
    found = evaluate_intervention(workspace, DEMO_KEY, "SAMPLE-PILOT")
    counts = {
        year: sum(truth["pilot"]["counts"][name][year] for name in truth["pilot"]["factories"])
        for year in ("2021", "2022")
    }
    assert (found["observed_before"], found["observed_after"]) == (counts["2021"], counts["2022"])
    assert found["is_synthetic"] is True
    assert found["claim"].startswith("SYNTHETIC")
    assert "naive" in found["claim"]
    assert has_interval(found)
    # Fewer crashes than the true effect would give: the year before was chosen for being bad.
    assert found["rate_ratio"] < truth["pilot"]["true_effect"]
    assert pd.notna(found["rate_ratio"])


def has_interval(found):
    """Say whether the claim gives its 95 % interval in the numbers of the result."""
    ends = [f"{100 * abs(found[name] - 1):.1f}%" for name in ("ci_low", "ci_high")]
    return "95% interval" in found["claim"] and all(end in found["claim"] for end in ends)


def test_the_demonstration_can_be_built_again(workspace, run):
    manifest = build_demo(workspace, settings=Settings())
    assert manifest["n_hotspots"] == load_manifest(run)["n_hotspots"]
    with Database(workspace.database_url) as database:
        imports = database.list_imports(DEMO_KEY)
    latest = imports[imports["kind"] == "crash"].sort_values("import_id").iloc[-1]
    assert latest["accepted"] == latest["updated"] == 0
    assert latest["read"] == latest["unchanged"] + latest["duplicates"] + latest["rejected"]
