"""Files of records through the public command: proposals, linked tables, real files."""

from __future__ import annotations

import json

import openpyxl
import pytest

from pipeline.imports import LEFT_UNREAD
from records.database import Database

OUTCOMES = ("accepted", "updated", "unchanged", "duplicates", "rejected")
FRENCH = (
    "Numéro d'accident;Date accident;Longitude;Latitude;Gravité\n"
    "A1;25/03/2024;104,91;11,52;grave\n"
    "A2;04/03/2024;104,92;11,53;mortel\n"
)


@pytest.fixture
def take(call, area):
    """Import by the command line; check that the account balances."""

    def run(*words: object):
        result = call("import", *map(str, words), "--area", area, "--json")
        assert result.exit_code == 0, result.output
        report = json.loads(result.stdout)
        for one in (report, *report.get("linked", ())):
            if "read" in one:
                assert one["read"] == sum(one[name] for name in OUTCOMES)
        return report

    return run


@pytest.fixture
def french(tmp_path):
    path = tmp_path / "french.csv"
    path.write_text(FRENCH, encoding="cp1252")
    return path


def test_a_dry_run_proposes_a_mapping_that_then_is_used(call, take, area, french, tmp_path):
    assert call("import", "crash", str(french), "--area", area).exit_code != 0
    report = take("crash", french, "--dry-run")
    assert (report["read"], report["accepted"], report["import_id"]) == (2, 2, None)
    assert {one["field"] for one in report["proposal"]["columns"]} == {
        "source_id",
        "occurred_at",
        "lon",
        "lat",
        "severity",
    }
    kept = tmp_path / "french.yaml"
    kept.write_text(report["proposal"]["yaml"], encoding="utf-8")
    assert take("crash", french, "--mapping", kept)["accepted"] == 2
    text = call("import", "crash", str(french), "--area", area, "--dry-run").stdout
    assert "# severity: column 'Gravité', sure (its name)" in text


def test_a_dry_run_reads_columns_that_the_names_of_fields_would_leave_out(take, area, tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("Report No,Date,lon,lat,Phum,Weather\nV-1,2024-03-05,104.9,11.5,Prey,rain\n")
    report = take("crash", path, "--dry-run")
    assert report["unused_columns"] == ["Phum", "Weather"]
    assert report["proposal"]["account"]["unused_columns"] == ["Weather"]
    assert {one["field"]: one["column"] for one in report["proposal"]["columns"]} == {
        "source_id": "Report No",
        "occurred_at": "Date",
        "lon": "lon",
        "lat": "lat",
        "village": "Phum",
    }
    plain = take("crash", path)  # what is not looked at first is told
    assert LEFT_UNREAD in plain["notes"]
    assert {**report, "proposal": 0, "import_id": 0} == {**plain, "proposal": 0, "import_id": 0}
    path.write_text("source_id,occurred_at,lon,lat,Weather\nV-2,2024-03-06,104.9,11.5,rain\n")
    assert LEFT_UNREAD not in take("crash", path)["notes"]
    assert "proposal" not in take("crash", path, "--dry-run")


HEAD = "source_id,occurred_at,lon,lat,n_killed"


def test_dates_that_are_not_understood_are_proposed_for(take, tmp_path):
    path = tmp_path / "days.csv"
    rows = [f"{day},{day}/03/2024 10:00,104.9,11.{day},0" for day in range(11, 16)]
    path.write_text("\n".join([HEAD, *rows, "9,2024-03-09 11:00,104.9,11.6,0"]), encoding="utf-8")
    rehearsed = take("crash", path, "--dry-run")
    assert (rehearsed["accepted"], rehearsed["rejected"]) == (1, 5)
    assert len(rehearsed["rejects_file"]) > 0
    proposal = rehearsed["proposal"]
    assert (proposal["account"]["accepted"], proposal["account"]["rejected"]) == (6, 0)
    assert "%d/%m/%Y %H:%M" in proposal["mapping"]["date_formats"]
    plain = take("crash", path)
    (said,) = (note for note in plain["notes"] if "--dry-run" in note)
    assert said.startswith("date is not understood in most rows; see with --dry-run the mapping")
    assert "date_formats: %d/%m/%Y %H:%M" in said
    assert plain["notes"][said] == 5


def test_numbers_with_a_comma_are_proposed_for(take, tmp_path):
    factories = tmp_path / "factories.csv"
    factories.write_text("factory_id;name;workers;x\n1;A;120,0;1,5\n2;B;150,0;2,5\n")
    report = take("factory", factories, "--dry-run")
    assert (report["rejected"], report["proposal"]["account"]["accepted"]) == (2, 2)


def test_a_few_wrong_dates_are_no_reason_for_a_proposal(take, tmp_path):
    path = tmp_path / "few.csv"
    rows = [f"{day},2024-03-{day},104.9,11.{day},0" for day in range(11, 16)]
    path.write_text("\n".join([HEAD, *rows, "9,9/3/2024,104.9,11.6,0"]), encoding="utf-8")
    assert "proposal" not in take("crash", path, "--dry-run")
    assert not any("--dry-run" in note for note in take("crash", path)["notes"])


@pytest.fixture
def two_years(tmp_path):
    """A cover, a year with a merged header and columns to be proposed for, a year without."""
    book = openpyxl.Workbook()
    book.active.title = "Cover"
    book.active.append(["Crashes of the province"])
    new = book.create_sheet("Crashes 2024")
    new.append(["Crash", None, "Place", None, "Casualties", None])
    new.append(["Case No.", "Date", "Longitude", "Latitude", "Killed", "Phum"])
    for group in ("A1:B1", "C1:D1", "E1:F1"):
        new.merge_cells(group)
    for number in range(6):
        new.append([f"K{number}", "2024-03-05 07:00", 104.9 + number / 100, 11.5, 0, "Prey"])
    old = book.create_sheet("Crashes 2023")
    old.append(["Case No.", "Date", "Longitude", "Latitude", "Killed", "Phum", "Severity"])
    old.append(["J1", "2023-03-05 07:00", 104.9, 11.5, 1, "Prey", "fatal"])
    path = tmp_path / "two years.xlsx"
    book.save(path)
    return path


def test_a_dry_run_reads_the_sheet_that_the_import_reads(take, two_years):
    rehearsed = take("crash", two_years, "--dry-run")
    proposal = rehearsed.pop("proposal")
    assert (rehearsed["sheet"], rehearsed["accepted"]) == ("Crashes 2024", 6)
    assert (proposal["mapping"]["sheet"], proposal["account"]["read"]) == ("Crashes 2024", 6)
    assert take("crash", two_years) == {**rehearsed, "import_id": 1}


def test_a_file_that_is_refused_says_how_to_get_a_mapping(call, take, area, french):
    refused = call("import", "crash", str(french), "--area", area)
    assert "missing: occurred_at" in str(refused.exception)
    assert str(refused.exception).endswith("to correct and give as --mapping.")
    report = take("crash", french, "--dry-run")
    assert "missing: occurred_at" in report["refused"]
    assert report["proposal"]["account"]["accepted"] == report["accepted"] == 2
    text = call("import", "crash", str(french), "--area", area, "--dry-run").stdout
    assert "as it is: refused\nwith the proposed mapping: read 2, accepted 2\n" in text


def test_a_proposal_is_written_to_a_file_once(call, take, area, french, tmp_path):
    target = tmp_path / "proposed.yaml"
    report = take("crash", french, "--propose", target)
    assert report["mapping_file"] == str(target)
    assert take("crash", french, "--mapping", target)["accepted"] == 2
    again = call("import", "crash", str(french), "--area", area, "--propose", str(target))
    assert "is there already" in str(again.exception)


def test_what_cannot_be_proposed_is_said(call, area, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    result = call("import", "crash", str(path), "--area", area, "--dry-run")
    assert "no column looks like occurred_at" in str(result.exception)


def test_linked_tables(call, take, area, tmp_path):
    crashes, people = tmp_path / "c.csv", tmp_path / "p.csv"
    crashes.write_text("source_id,occurred_at,lon,lat\n1,2024-03-05,104.9,11.5\n")
    people.write_text("casualty_id,crash_source_id,injury\na,1,slight\nb,2,slight\n")
    report = take("crash", crashes, "--with", f"casualty={people}", "--source", "police")
    assert report["accepted"] == 1
    (linked,) = report["linked"]
    assert (linked["kind"], linked["accepted"]) == ("casualty", 2)
    assert list(linked["notes"].values()) == [1]
    for words in (("--with", "casualty"), ("--with", "shoes=x"), ("--with", "vehicle=")):
        assert call("import", "crash", str(crashes), "--area", area, *words).exit_code == 2


def test_factories_of_public_lists(take, shared_data, workspace, area):
    path = shared_data / "cambodia" / "factories_public_lists.csv"
    report = take("factory", path, "--dry-run")
    assert report["read"] == 56
    assert report["rejected"] == 0
    assert any("told apart by name and address" in one for one in report["proposal"]["questions"])
    assert take("factory", path, "--dry-run")["accepted"] == report["accepted"]


def test_villages_with_carriage_returns(take, shared_data, tmp_path):
    path = shared_data / "cambodia" / "villages_points.csv"
    target = tmp_path / "villages.yaml"
    report = take("origin", path, "--propose", target)
    assert report["missing_fields"] == ["factory_id"]
    text = target.read_text(encoding="utf-8")
    target.write_text(text + "constants: {factory_id: F1}\n", encoding="utf-8")
    report = take("origin", path, "--mapping", target)
    assert (report["read"], report["rejected"]) == (14_073, 0)


def test_zones_in_a_layer(take, shared_data):
    path = shared_data / "cambodia" / "special_economic_zones.geojson"
    report = take("factory", path, "--dry-run")
    assert (report["read"], report["accepted"]) == (29, 29)
    assert {one["field"] for one in report["proposal"]["columns"]} >= {"factory_id", "name", "lon"}


def test_a_layer_in_metres(call, take, shared_data, workspace, area, tmp_path):
    path = shared_data / "cambodia" / "provinces_utm48_trap.geojson"
    refused = call("import", "factory", str(path), "--area", area, "--dry-run")
    assert "no column looks like name" in str(refused.exception)
    target = tmp_path / "provinces.yaml"
    take("factory", path, "--propose", target)
    text = target.read_text(encoding="utf-8").replace("columns:\n", "columns:\n  name: HRName\n")
    target.write_text(text, encoding="utf-8")
    assert take("factory", path, "--mapping", target)["accepted"] == 25
    with Database(workspace.database_url) as database:
        found = database.read("factory", area)
    assert found["lon"].between(102, 108).all()
    assert found["lat"].between(10, 15).all()


@pytest.mark.slow
@pytest.mark.parametrize("year", [2010, 2013, 2016])
def test_porto_alegre(take, shared_data, year):
    path = shared_data / "porto_alegre" / f"acidentes-{year}.csv"
    report = take("crash", path, "--mapping", "porto_alegre")
    assert report["read"] > 12_000
    assert report["rejected"] == 0


def test_villages_are_kept_and_place_what_has_no_coordinates(call, take, workspace, area, tmp_path):
    points = tmp_path / "villages.csv"
    points.write_text("vil_code,village,longitude,latitude\n1020101,Ou Thum,103.03564,13.51567\n")
    crashes = tmp_path / "crashes.csv"
    head = "source_id,occurred_at,lon,lat,village_code,severity\n"
    crashes.write_text(
        head + "1,2024-03-05,,,1020101,fatal\n2,2024-03-06,104.9,11.5,1020101,slight\n"
    )
    result = call(
        "import", "crash", str(crashes), "--area", area, "--villages", str(points), "--dry-run"
    )
    assert result.exit_code == 2
    report = take("crash", crashes, "--villages", points)
    assert report["notes"]["placed at the village"] == 1
    with Database(workspace.database_url) as database:
        found = database.read("crash", area).set_index("source_id")
    assert found.loc["1", ["lon", "lat", "placed_by", "location_quality"]].tolist() == [
        103.03564,
        13.51567,
        "village",
        "D",
    ]
    assert found.loc["2", ["lon", "placed_by"]].tolist() == [104.9, "coordinates"]
    more = tmp_path / "more.csv"
    more.write_text(head + "3,2024-03-07,,,1020101,fatal\n")
    assert take("crash", more)["notes"]["placed at the village"] == 1


def test_villages_without_points_are_refused(call, area, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    result = call("import", "crash", str(bad), "--area", area, "--villages", str(bad))
    assert result.exit_code == 1
    assert "bad.csv: 4 column(s) missing" in str(result.exception)
