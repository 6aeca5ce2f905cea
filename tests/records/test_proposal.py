"""A mapping proposed by looking at a file: what is guessed, what is asked, what is refused."""

from __future__ import annotations

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import SafeCommuteError
from records.mapping import load_mapping
from records.proposal import propose_mapping

FRENCH = (
    "Numéro d'accident;Date accident;Heure;Longitude;Latitude;Gravité;Tués;Blessés légers;"
    "Lumière;Vent\n"
    "A1;25/03/2024;07:45;104,91;11,52;blessé grave;0;2;nuit;fort\n"
    "A2;04/03/2024;18:10;104,92;11,53;mortel;1;0;plein jour;faible\n"
    "A3;05/03/2024;;104,93;11,54;léger;0;1;crépuscule;faible\n"
)


@pytest.fixture
def proposed(write, tmp_path, take):
    """Propose a mapping, keep it, read it again and import with it."""

    def propose(text, kind="crash", **options):
        path = write(text)
        proposal = propose_mapping(path, kind)
        kept = tmp_path / "proposed.yaml"
        kept.write_text(proposal.to_yaml(), encoding="utf-8")
        again = load_mapping(kept)
        assert again.columns == proposal.mapping.columns
        assert again.values == proposal.mapping.values
        assert again.date_formats == proposal.mapping.date_formats
        return proposal, take(path, kind, mapping=again, **options)

    return propose


def test_a_french_register(proposed, database):
    proposal, report = proposed(FRENCH)
    assert {name: pick.columns[0] for name, pick in proposal.mapping.columns.items()} == {
        "source_id": "Numéro d'accident",
        "occurred_at": "Date accident",
        "time": "Heure",
        "lon": "Longitude",
        "lat": "Latitude",
        "severity": "Gravité",
        "n_killed": "Tués",
        "n_slight": "Blessés légers",
        "light": "Lumière",
    }
    assert proposal.mapping.decimal == ","
    assert proposal.unused_columns == ("Vent",)
    assert (report.accepted, report.rejected) == (3, 0)
    found = database.read("crash", "a").set_index("source_id").sort_index()
    assert found.loc["A1", "severity"] == "serious"
    assert str(found.loc["A1", "occurred_at"]) == "2024-03-25 07:45:00"
    assert found["light"].tolist() == ["dark", "day", "unknown"]
    assert found.loc["A1", ["lon", "lat"]].tolist() == [104.91, 11.52]
    assert ["crépuscule" in question for question in proposal.questions] == [True]


def test_a_khmer_sheet(proposed, database):
    proposal, report = proposed(
        "លេខករណី,កាលបរិច្ឆេទ,ម៉ោង,ខេត្ត,រយៈបណ្តោយ,រយៈទទឹង,ស្លាប់,របួសធ្ងន់,ភាពធ្ងន់ធ្ងរ\n"
        "១,2024-03-05,07:45,កណ្តាល,104.9,11.5,0,1,ធ្ងន់\n"
        "២,2024-03-06,17:45,កណ្តាល,104.8,11.6,1,0,ស្លាប់\n"
    )
    assert set(proposal.mapping.columns) == {
        "source_id", "occurred_at", "time", "province", "lon", "lat", "n_killed", "n_serious",
        "severity",
    }  # fmt: skip
    assert report.accepted == 2
    found = database.read("crash", "a").sort_values("occurred_at")
    assert found["severity"].tolist() == ["serious", "fatal"]
    assert found["has_time"].all()


@pytest.mark.parametrize(
    "name",
    [
        "CASE NO",
        "Case No.",
        "N°",
        "Nº",
        "crash_no",
        "Case Number",
        "Report no.",
        "Accident Nr",
        "№",
    ],
)
def test_the_number_of_a_crash_is_known_by_its_usual_names(proposed, write, take, database, name):
    text = f"{name},date,lon,lat,severity\nK7,2024-03-05,104.9,11.5,fatal\n"
    proposal, _ = proposed(text)
    assert proposal.mapping.columns["source_id"].columns == (name,)
    assert proposal.guesses[0].confidence == "sure"
    report = take(write(text))  # without any mapping too
    assert (report.unchanged, report.unused_columns) == (1, ())
    assert database.read("crash", "a")["source_id"].tolist() == ["K7"]


def test_people_name_their_crash_by_the_same_number(write, take, database):
    take(write("Case No.,date,lon,lat\nK7,2024-03-05,104.9,11.5\n"))
    people = write("N°,Case No.,injury\n1,K7,slight\n", "people.csv")
    assert take(people, "casualty").notes == {}
    assert database.read("casualty", "a")["crash_source_id"].tolist() == ["K7"]


@pytest.mark.parametrize(
    ("dates", "written", "is_asked"),
    [
        (["13/02/2024", "01/03/2024"], "%d/%m/%Y", False),
        (["02/13/2024", "01/03/2024"], "%m/%d/%Y", False),
        (["02/03/2024", "01/03/2024"], "%d/%m/%Y", True),
        (["13.2.24 7:30", "1.3.24 17:05"], "%d.%m.%y %H:%M", False),
        (["45356.3125", "45357.5"], "excel_serial", False),
        (["1709599500000", "1709685900000"], "epoch_ms", False),
        (["20240213", "20240301"], "%Y%m%d", False),
        (["5 March 2024", "13 April 2024"], "%d %B %Y", False),
    ],
)
def test_how_dates_are_written_is_told_by_the_days(proposed, dates, written, is_asked):
    rows = [f"{at};{date};104.9{at};11.5" for at, date in enumerate(dates)]
    proposal, report = proposed("id;Date of crash;lon;lat\n" + "\n".join(rows))
    assert written in proposal.mapping.date_formats
    assert (report.accepted, report.rejected) == (2, 0)
    assert any("day or month first" in one for one in proposal.questions) == is_asked


def test_numbers_of_days_and_of_milliseconds_are_moments(proposed, database):
    proposed("id;date;lon;lat\n1;45356.3125;104.9;11.5\n2;45357;104.8;11.5\n")
    found = database.read("crash", "a").sort_values("source_id")
    assert found["occurred_at"].astype(str).tolist() == [
        "2024-03-05 07:30:00",
        "2024-03-06 00:00:00",
    ]
    assert found["has_time"].tolist() == [True, False]


def test_metres_are_no_degrees_and_the_zone_is_asked(proposed, database):
    proposal, report = proposed(
        "id,accident date,easting,northing\n"
        "1,2024-03-05,491000,1278000\n2,2024-03-06,492000,1279000\n"
    )
    assert proposal.mapping.crs == 32648
    assert any("EPSG" in one for one in proposal.questions)
    assert report.accepted == 2
    assert database.read("crash", "a")["lat"].between(11, 12).all()


def test_a_column_named_like_a_date_that_holds_none_is_not_taken(proposed):
    proposal, _ = proposed(
        "no;date;day it was;lon;lat\n"
        "1;Tuesday;2024-03-05;104.9;11.5\n2;Friday;2024-03-08;104.8;11.5\n"
    )
    assert proposal.mapping.columns["occurred_at"].columns == ("day it was",)


def test_unknown_codes_are_asked_and_taken_as_not_known(proposed, database):
    proposal, report = proposed(
        "id,date,lon,lat,severity\n1,2024-03-05,104.9,11.5,X7\n2,2024-03-06,104.8,11.5,fatal\n"
    )
    assert proposal.mapping.values["severity"] == {"X7": ""}
    assert any("'X7'" in one for one in proposal.questions)
    assert report.rejected == 0
    assert database.read("crash", "a").set_index("source_id")["severity"].isna().tolist() == [
        True,
        False,
    ]


def test_what_is_missing_is_said(write):
    proposal = propose_mapping(write("id,lon,lat\n1,104.9,11.5\n"), "crash")
    assert proposal.missing_fields == ("occurred_at",)
    assert any(one.startswith("occurred_at: no column") for one in proposal.questions)


def test_the_best_sheet_is_proposed_and_named(tmp_path, take):
    book = openpyxl.Workbook()
    book.active.append(["Notes of the month"])
    sheet = book.create_sheet("Données")
    for line in FRENCH.splitlines():
        sheet.append(line.split(";"))
    path = tmp_path / "french.xlsx"
    book.save(path)
    proposal = propose_mapping(path, "crash")
    assert proposal.mapping.sheet == "Données"
    assert take(path, mapping=proposal.mapping).accepted == 3


def test_a_header_cannot_leave_its_comment(proposed):
    proposed('id,date,lon,lat,"evil\nkind: factory\u2028x"\n1,2024-03-05,104.9,11.5,a\n')


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None
)
@given(
    names=st.lists(st.text(max_size=12), min_size=1, max_size=5),
    rows=st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=5), max_size=4),
)
def test_any_table_is_proposed_for_or_refused_plainly(tmp_path, names, rows):
    path = tmp_path / "any.csv"
    text = "\n".join(",".join(row) for row in [names, *rows])
    path.write_text(text, encoding="utf-8", errors="replace")
    kept = tmp_path / "any.yaml"
    try:
        proposal = propose_mapping(path, "crash")
    except SafeCommuteError:
        return
    kept.write_text(proposal.to_yaml(), encoding="utf-8")
    assert load_mapping(kept).columns == proposal.mapping.columns
