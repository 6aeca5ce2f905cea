"""Importing files: what is taken, merged, refused, and that the account balances."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from shapely.geometry import Point

from core.errors import DataSourceError, InputError, MissingDataError, TableError
from records.intake import import_file
from records.mapping import Mapping

GOOD = "R1,2024-03-05 07:45,104.9,11.5,NR4,slight,0,0,1,2,motorcycle;car,day,yes,F01,rear end"


def read_rejects(report):
    with Path(report.rejects_file).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.reader(handle))


def test_a_crash_comes_out_as_it_went_in(database, crashes, take):
    report = take(crashes(GOOD), imported_by="ann")
    assert (report.read, report.accepted) == (1, 1)
    record = database.read("crash", "a").iloc[0]
    expected = {
        "source": "reported",
        "source_id": "R1",
        "occurred_at": pd.Timestamp(2024, 3, 5, 7, 45),
        "has_time": True,
        "lon": 104.9,
        "lat": 11.5,
        "road_name": "NR4",
        "severity": "slight",
        "n_killed": 0,
        "n_slight": 1,
        "n_vehicles": 2,
        "road_users": "car;motorcycle_driver",
        "light": "day",
        "is_worker_commute": "yes",
        "factory_id": "F01",
        "narrative": "rear end",
        "corrected_fields": "",
        "row_number": 2,
        "import_id": report.import_id,
    }
    assert {name: record[name] for name in expected} == expected
    for name in ("village", "district", "province", "collision_type", "place_note"):
        assert pd.isna(record[name])


def test_the_frame_has_the_types_of_the_contract_even_when_empty(database, crashes, take):
    empty = database.read("crash", "a")
    take(crashes(GOOD))
    filled = database.read("crash", "a")
    assert empty.dtypes.to_dict() == filled.dtypes.to_dict()
    kinds = filled.dtypes.astype(str).to_dict()
    assert kinds["crash_id"] == kinds["narrative"] == kinds["road_users"] == "str"
    assert kinds["occurred_at"] == "datetime64[us]"
    assert kinds["has_time"] == "bool"
    assert kinds["lon"] == kinds["lat"] == "float64"
    assert kinds["n_killed"] == "Int64"
    assert kinds["import_id"] == kinds["row_number"] == "int64"


def test_rows_are_refused_only_when_they_cannot_be_a_crash(database, crashes, take, tmp_path):
    rows = {
        "no-date,,104.9,11.5,,slight,,,,,,,,,": "date missing",
        "bad-date,05/03/24,104.9,11.5,,slight,,,,,,,,,": "date is not understood",
        "future,2999-01-01,104.9,11.5,,slight,,,,,,,,,": "date is in the future",
        "word,2024-01-01,104.9,11.5,,ouch,,,,,,,,,": "severity word not known: ouch",
        "minus,2024-01-01,104.9,11.5,,slight,-1,,,,,,,,": "n_killed is negative",
        "half,2024-01-01,104.9,11.5,,slight,,0.5,,,,,,,": "n_serious is not a whole number",
        "text,2024-01-01,104.9,11.5,,slight,,,two,,,,,,": "n_slight is not a number",
    }
    report = take(crashes(GOOD, *rows), rejects_dir=tmp_path / "rejects")
    assert report.accepted == 1
    assert report.reasons == dict.fromkeys(rows.values(), 1)
    header, *listed = read_rejects(report)
    assert header[:4] == ["row", "reason", "source_id", "occurred_at"]
    assert [(int(row[0]), row[1]) for row in listed] == list(enumerate(rows.values(), start=3))
    assert listed[0][2:4] == ["no-date", ""]
    assert database.count("crash", "a") == 1


def test_a_crash_without_a_usable_place_is_kept_and_says_why(database, crashes, take):
    report = take(
        crashes(
            "1,2024-01-01,,,,slight,,,,,,,,,",
            "2,2024-01-01,0,0,,slight,,,,,,,,,",
            "3,2024-01-01,104.9,,,slight,,,,,,,,,",
            "4,2024-01-01,east,north,,slight,,,,,,,,,",
            "5,2024-01-01,11.5,104.9,,slight,,,,,,,,,",
            "6,2024-01-01,104.9,0.0,,slight,,,,,,,,,",
            "7,2024-01-01,491000,1271000,,slight,,,,,,,,,",
        )
    )
    assert report.accepted == 7
    found = database.read("crash", "a").set_index("source_id").sort_index()
    assert found[["lon", "lat"]].isna().all(axis=None)
    assert found["place_note"].tolist() == [
        "coordinates missing",
        "coordinates are zero",
        "one coordinate missing: , 104.9",
        "coordinates not readable: north, east",
        "latitude and longitude look swapped: 104.9, 11.5",
        "one coordinate is zero: 0.0, 104.9",
        "coordinates look like metres, not degrees; name their crs in the mapping: 1271000, 491000",
    ]
    assert report.notes["coordinates are zero; kept without a place"] == 1
    assert sum(n for text, n in report.notes.items() if "without a place" in text) == 7


def test_severity_is_taken_from_counts_only_when_missing(database, crashes, take):
    report = take(
        crashes(
            "1,2024-01-01,104.9,11.5,,,1,2,3,,,,,,",
            "2,2024-01-01,104.9,11.5,,,0,2,3,,,,,,",
            "3,2024-01-01,104.9,11.5,,,0,0,0,,,,,,",
            "4,2024-01-01,104.9,11.5,,slight,1,0,0,,,,,,",
            "5,2024-01-01,104.9,11.5,,damage_only,0,0,2,,,,,,",
            "6,2024-01-01,104.9,11.5,,damage_only,0,0,0,,,,,,",
        )
    )
    found = database.read("crash", "a").set_index("source_id")["severity"]
    assert found["1"] == "fatal"
    assert found["2"] == "serious"
    assert pd.isna(found["3"])
    assert found["4"] == "slight"
    assert report.notes["severity missing, taken from the numbers of hurt people"] == 2
    assert report.notes["people killed, but severity is not fatal; kept as reported"] == 1
    assert report.notes["people hurt, but severity is damage only; kept as reported"] == 1
    assert found["5"] == "damage_only"


def test_unknown_words_that_do_not_decide_are_kept_as_unknown(database, crashes, take):
    report = take(crashes("1,2024-01-01,104.9,11.5,,slight,,,,,hovercraft,dusk,maybe,,"))
    record = database.read("crash", "a").iloc[0]
    assert (record["road_users"], record["light"], record["is_worker_commute"]) == (
        "other",
        "unknown",
        "unknown",
    )
    assert report.notes["light word not known: dusk; kept as unknown"] == 1
    assert report.notes["road_users word not known: hovercraft; kept as other"] == 1


def test_the_same_file_twice_changes_nothing(database, crashes, take):
    path = crashes(GOOD, GOOD.replace("R1", "R2").replace("07:45", "08:45"), GOOD)
    first = take(path)
    before, digest = database.read("crash", "a"), database.compute_digest("a")
    second = take(path)
    assert (first.accepted, first.duplicates) == (2, 1)
    assert (second.unchanged, second.duplicates) == (2, 1)
    pd.testing.assert_frame_equal(database.read("crash", "a"), before)
    assert database.compute_digest("a") == digest


def test_a_later_file_updates_and_the_old_values_are_logged(database, crashes, take):
    take(crashes(GOOD), imported_by="ann")
    digest = database.compute_digest("a")
    report = take(crashes(GOOD.replace("slight,0", "fatal,1"), name="b.csv"), imported_by="bob")
    assert report.updated == 1
    record = database.read("crash", "a").iloc[0]
    assert (record["severity"], record["n_killed"]) == ("fatal", 1)
    assert database.compute_digest("a") != digest
    log = database.read_audit("a")
    assert log["action"].tolist() == ["insert", "update"]
    assert log["changed_by"].tolist() == ["ann", "bob"]
    assert log["old_values"].iloc[1] == '{"severity": "slight", "n_killed": 0}'


def test_a_file_that_is_silent_on_a_field_leaves_it(database, crashes, write, take):
    take(crashes(GOOD))
    later = write("source_id,occurred_at,lon,lat,severity\nR1,2024-03-05 07:45,104.9,11.5,fatal\n")
    assert take(later).updated == 1
    record = database.read("crash", "a").iloc[0]
    assert (record["severity"], record["road_name"], record["n_slight"]) == ("fatal", "NR4", 1)
    assert take(later).unchanged == 1


def test_an_identifier_again_within_a_file_the_later_row_wins(database, crashes, take):
    path = crashes(GOOD, GOOD.replace("slight", "serious"), GOOD.replace("slight", "fatal"))
    report = take(path)
    assert (report.accepted, report.duplicates) == (1, 2)
    assert database.read("crash", "a")["severity"].tolist() == ["fatal"]
    olds = database.read_audit("a")["old_values"].dropna().tolist()
    assert olds == ['{"severity": "slight"}', '{"severity": "serious"}']
    digest = database.compute_digest("a")
    again = take(path)
    assert (again.unchanged, again.duplicates, again.updated) == (1, 2, 0)
    assert database.compute_digest("a") == digest


def test_a_row_that_agrees_and_then_one_that_differs_is_an_update(database, crashes, take):
    take(crashes(GOOD))
    report = take(crashes(GOOD, GOOD.replace("slight", "fatal"), name="b.csv"))
    assert (report.updated, report.unchanged, report.duplicates) == (1, 0, 1)
    assert database.read("crash", "a")["severity"].tolist() == ["fatal"]


def test_the_same_crash_under_another_identifier_is_a_duplicate(database, crashes, take):
    other = GOOD.replace("R1", "R9")
    assert take(crashes(GOOD, other)).duplicates == 1
    assert take(crashes(other, name="b.csv")).duplicates == 1
    near = other.replace("104.9,", "104.90005,")  # about 5 m away: for a person to judge
    assert take(crashes(near, name="c.csv")).accepted == 1
    assert database.count("crash", "a") == 2


@pytest.mark.parametrize(
    "row",
    [
        "X,2024-03-05,104.9,11.5,,slight,,,,,,,,,",  # no time
        "X,2024-03-05 07:45,,,,slight,,,,,,,,,",  # no place
    ],
)
def test_crashes_that_merely_say_little_are_no_duplicates(database, crashes, take, row):
    report = take(crashes(row, row.replace("X", "Y")))
    assert (report.accepted, report.duplicates) == (2, 0)


def test_rows_without_identifier_are_known_by_their_content(database, crashes, take):
    row = ",2024-03-05 07:45,104.9,11.5,,slight,,,,,,,,,"
    path = crashes(row, row, row.replace("07:45", "07:46"))
    assert (take(path).accepted, take(path).unchanged) == (2, 2)
    assert database.read("crash", "a")["source_id"].str.fullmatch("content-[0-9a-f]{32}").all()


def test_content_identifiers_do_not_depend_on_column_order_or_empty_columns(database, write, take):
    take(write("occurred_at,lon,lat,severity\n2024-03-05,1,2,slight\n"))
    report = take(write("lat,extra,severity,lon,occurred_at\n2,,slight,1,2024-03-05\n", "b.csv"))
    assert report.unchanged == 1


def test_areas_and_sources_keep_their_records_apart(database, crashes, take):
    path = crashes(GOOD)
    take(path)
    assert take(path, area="b").accepted == 1
    police = Mapping.model_validate({"source": "police"})
    assert take(path, mapping=police).accepted == 1
    assert sorted(database.read("crash", "a")["source"]) == ["police", "reported"]
    assert database.read("crash", "a")["crash_id"].is_unique
    assert database.compute_digest("a") != database.compute_digest("b")


def test_a_rehearsal_counts_but_changes_nothing(database, crashes, take):
    path = crashes(GOOD, "bad,,1,1,,,,,,,,,,,")
    digest = database.compute_digest("a")
    report = take(path, dry_run=True)
    assert (report.accepted, report.rejected, report.import_id) == (1, 1, None)
    assert database.compute_digest("a") == digest
    assert database.list_imports().empty
    assert take(path).accepted == 1


def test_the_import_is_recorded(database, crashes, take):
    path = crashes(GOOD, "bad,,1,1,,,,,,,,,,,")
    take(path, imported_by="ann")
    one = database.list_imports("a").iloc[0]
    assert one["file_name"] == "crashes.csv"
    assert one["file_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (one["imported_by"], one["kind"], one["area"]) == ("ann", "crash", "a")
    assert (one["read"], one["accepted"], one["rejected"]) == (2, 1, 1)
    assert one["reasons"] == '{"date missing": 1}'
    assert database.list_imports("elsewhere").empty


def test_progress_reaches_the_end(database, crashes):
    told = []
    path = crashes(GOOD)
    import_file(database, "crash", path, area="a", progress=lambda *step: told.append(step))
    assert told[0] == (0, 100, "crashes.csv")
    assert told[-1] == (100, 100, "crashes.csv")


def test_a_crash_file_needs_coordinate_columns(database, write):
    path = write("source_id,occurred_at,narrative\n1,2024-01-01,Prey\n")
    with pytest.raises(TableError, match=r"2 column\(s\) missing: lon, lat; found: source_id"):
        import_file(database, "crash", path, area="a")
    assert database.list_imports().empty


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        ("", "crash", DataSourceError),
        ("occurred_at,lon,lat\n", "crash", TableError),
        ("occurred_at,lon,lat\n", "boat", InputError),
        ("\x00\x01\x02", "crash", DataSourceError),
        ("name\nx\n", "factory", TableError),
        ("hello", "casualty", TableError),
    ],
)
def test_useless_files_get_a_plain_error(database, write, content, kind, expected):
    with pytest.raises(expected):
        import_file(database, kind, write(content), area="a")
    assert database.list_imports().empty


def test_files_that_are_not_there_or_of_unknown_format(database, tmp_path, write):
    with pytest.raises(MissingDataError, match="no such file"):
        import_file(database, "crash", tmp_path / "none.csv", area="a")
    with pytest.raises(DataSourceError, match="no file"):
        import_file(database, "crash", tmp_path, area="a")
    with pytest.raises(DataSourceError, match=r"format \.docx is not known"):
        import_file(database, "crash", write("x", "a.docx"), area="a")
    with pytest.raises(InputError, match="area"):
        import_file(database, "crash", write("x"), area=" ")
    mapping = Mapping.model_validate({"kind": "factory"})
    with pytest.raises(TableError, match="is for factory records"):
        import_file(database, "crash", write("x"), area="a", mapping=mapping)


@pytest.mark.parametrize("name", ["bad.xlsx", "bad.geojson", "bad.gpkg", "bad.shp"])
def test_damaged_files_get_a_plain_error(database, write, name):
    with pytest.raises(DataSourceError, match="cannot be read"):
        import_file(database, "crash", write("not what it says", name), area="a")


def test_workbooks(database, tmp_path, take):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([None, None])
    sheet.append(["source_id", "occurred_at", "lon", "lat", "severity"])
    sheet.append([17, pd.Timestamp(2024, 3, 5, 7, 45).to_pydatetime(), 104.9, 11.5, "Fatal"])
    sheet.append([None, None, None, None, None])
    sheet.append([18, "2024-03-06", 104.9, 11.5, "=1+1"])
    book.save(tmp_path / "crashes.xlsx")
    report = take(tmp_path / "crashes.xlsx")
    assert (report.accepted, report.read) == (2, 2)
    found = database.read("crash", "a").set_index("source_id")
    assert found.loc["17", "occurred_at"] == pd.Timestamp(2024, 3, 5, 7, 45)
    assert found.loc["17", "severity"] == "fatal"
    assert found["row_number"].to_dict() == {"17": 3, "18": 5}


@pytest.mark.parametrize("name", ["crashes.geojson", "crashes.gpkg"])
@pytest.mark.parametrize("crs", [4326, 32648])
def test_point_layers(database, tmp_path, take, name, crs):
    layer = gpd.GeoDataFrame(
        {"source_id": ["1", "2"], "occurred_at": ["2024-03-05 07:45", "2024-03-06"]},
        geometry=[Point(104.9, 11.5), None],
        crs=4326,
    ).to_crs(crs)
    layer.to_file(tmp_path / name)
    assert take(tmp_path / name).accepted == 2
    found = database.read("crash", "a").set_index("source_id")
    assert found.loc["1", ["lon", "lat"]].tolist() == pytest.approx([104.9, 11.5], abs=1e-6)
    assert found.loc["2", "place_note"] == "coordinates missing"


def test_other_kinds(database, write, take):
    take(
        write("factory_id,name,lon,lat,workers,is_pilot\nF1,Alpha,104.9,11.5,900,yes\nF2,B,,,,\n"),
        "factory",
    )
    take(write("origin_id,factory_id,village,workers\nO1,F1,Prey,40\n"), "origin")
    take(write("vehicle_id,factory_id,type,seats,is_insured\nV1,F1,Open truck,,no\n"), "vehicle")
    take(
        write("casualty_id,source_id,sex,age_band,helmet,injury\nC1,R1,F,27,,Serious\n"),
        "casualty",
    )
    take(
        write(
            "intervention_id,name,factories,start,published_before,published_after,source\n"
            "I1,Buses,F1;F2,2018-07-01,254,57,BFC 2019\n"
        ),
        "intervention",
    )
    factories = database.read("factory", "a").set_index("factory_id")
    assert factories.loc["F1", "workers"] == 900
    assert factories.loc["F1", "is_pilot"]
    assert factories.loc["F2", ["workers", "is_pilot"]].isna().all()
    assert database.read("origin", "a")["workers"].tolist() == [40]
    vehicle = database.read("vehicle", "a").iloc[0]
    assert (vehicle["type"], vehicle["is_insured"]) == ("open_truck_with_people", "no")
    assert vehicle["is_registered"] == "unknown"
    casualty = database.read("casualty", "a").iloc[0]
    assert (casualty["crash_source_id"], casualty["sex"]) == ("R1", "female")
    assert (casualty["age_band"], casualty["helmet"]) == ("25-34", "unknown")
    measure = database.read("intervention", "a").iloc[0]
    assert (measure["published_before"], measure["source"]) == (254, "BFC 2019")
    assert measure["start"] == pd.Timestamp(2018, 7, 1)
    assert pd.isna(measure["end"])


def test_a_factory_needs_its_key(database, write, take):
    report = take(write("factory_id,name\n,Alpha\nF2,\nF3,Gamma\n"), "factory")
    assert report.reasons == {"factory_id missing": 1, "name missing": 1}
