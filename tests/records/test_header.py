"""Titles above the header: skipped and said, or refused in words; row numbers stay the file's."""

from __future__ import annotations

import openpyxl
import pytest

from core.errors import TableError
from records.delimited import find_dialect
from records.fields import find_kind
from records.mapping import Mapping, load_mapping
from records.plan import list_expected_names

TITLE = "Crash report March 2024"
HEADER = ["source_id", "occurred_at", "lon", "lat", "severity"]
ROWS = [["1", "2024-03-05", "104.9", "11.5", "slight"], ["2", "", "104.9", "11.5", "slight"]]
NOTE = f"lines above the header were skipped (first: {TITLE})"


def write_lines(write, above, separator=",", end="\n", name="crashes.csv"):
    lines = [*above, *(separator.join(cells) for cells in [HEADER, *ROWS])]
    return write(end.join(lines) + end, name)


@pytest.mark.parametrize(
    ("separator", "end"), [(",", "\n"), (";", "\r\n"), ("\t", "\n"), ("|", "\r\n")]
)
@pytest.mark.parametrize(
    ("above", "n_above"),
    [([TITLE, ""], 2), ([TITLE], 1), (["", TITLE, "Factory A", "", ""], 4), ([TITLE] * 18, 18)],
)
def test_a_title_is_skipped_and_said(write, take, database, separator, end, above, n_above):
    report = take(write_lines(write, above, separator, end))
    assert (report.read, report.accepted, report.rejected) == (2, 1, 1)
    assert report.notes[NOTE] == n_above
    assert database.read("crash", "a")["row_number"].tolist() == [len(above) + 2]


def test_a_column_that_is_there_twice_is_told(write, take, database):
    path = write(
        "source_id,occurred_at,lon,lat,Severity,x,severity\n1,2024-03-05,104.9,11.5,fatal,,slight\n"
    )
    report = take(path)
    assert report.notes == {"column 'Severity' is there 2 times; the first is used": 1}
    assert database.read("crash", "a")["severity"].tolist() == ["fatal"]
    book = openpyxl.Workbook()
    for cells in [[*HEADER, "severity"], ["2", "2024-03-05", "104.8", "11.5", "slight", "fatal"]]:
        book.active.append(cells)
    book.save(path.with_suffix(".xlsx"))
    report = take(path.with_suffix(".xlsx"))
    assert report.notes == {"column 'severity' is there 2 times; the first is used": 1}
    assert sorted(database.read("crash", "a")["severity"]) == ["fatal", "slight"]


def test_a_title_as_a_spreadsheet_saves_it(write, take):
    report = take(write_lines(write, [f'"{TITLE}",,,,', ",,,,", ",,Factory A,,"]))
    assert report.notes[NOTE] == 3
    assert report.accepted == 1


def test_a_title_with_another_separator_in_it(write, take):
    report = take(write_lines(write, ["Crash report, March 2024, Factory A"], ";"))
    assert report.accepted == 1
    assert list(report.notes) == [
        "lines above the header were skipped (first: Crash report, March 2024, Factory A)"
    ]


def test_a_title_in_a_workbook(tmp_path, take, database):
    book = openpyxl.Workbook()
    for cells in [[TITLE], [None], ["as of 31 March"], HEADER, *ROWS]:
        book.active.append(cells)
    book.active.merge_cells("A1:E1")
    book.save(tmp_path / "crashes.xlsx")
    report = take(tmp_path / "crashes.xlsx")
    assert (report.read, report.accepted) == (2, 1)
    assert report.notes[NOTE] == 3
    assert database.read("crash", "a")["row_number"].tolist() == [5]


def test_a_title_above_the_columns_of_a_mapping(write, take):
    mapping = Mapping.model_validate(
        {"columns": {"occurred_at": "Fecha", "lon": "X m", "lat": "Y m"}, "crs": 32648}
    )
    path = write(f"{TITLE}\nNr;Fecha;X m;Y m\n1;2024-03-05;491000;1271000\n")
    report = take(path, mapping=mapping)
    assert (report.accepted, report.notes[NOTE]) == (1, 1)


@pytest.mark.parametrize(
    ("above", "reason"),
    [
        (["Factory,Alpha", "", TITLE], "row 4 looks like the header .*row 1 .*2 filled cells"),
        ([TITLE, "Where,,Who,,What"], "row 3 looks like the header .*row 2 .*3 filled cells"),
    ],
)
def test_more_than_a_title_above_the_header_is_refused_in_words(write, take, above, reason):
    with pytest.raises(TableError, match=rf"crashes\.csv: {reason}.*remove the rows above"):
        take(write_lines(write, above))


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_title_above_names_nobody_knows_is_refused_in_words(write, take, separator):
    table = f"{TITLE}\n\nCode,Quand,Endroit\n1,2024-03-05,Prey\n".replace(",", separator)
    expected = f"row 1 holds only '{TITLE}'.*row 3 .*Code, Quand, Endroit.*remove.*mapping"
    with pytest.raises(TableError, match=expected):
        take(write(table))


@pytest.mark.parametrize(
    ("kind", "content", "accepted"),
    [
        ("factory", "factory_id,name\nname,factory_id\nF2,Beta\n", 2),  # a header again is a row
        ("origin", "factory_id\nF1;F2\nF3\n", 2),  # one column, its cells hold a separator
        ("vehicle", "vehicle_id\nV1\n", 1),  # a single name, though no more is expected
    ],
)
def test_a_header_in_the_first_line_stays_the_header(write, take, kind, content, accepted):
    report = take(write(content), kind)
    assert report.accepted == accepted
    assert not any("above the header" in text for text in report.notes)


def test_a_header_too_far_down_is_not_looked_for(write, take):
    with pytest.raises(TableError, match=r"column\(s\) missing.*found: Crash report"):
        take(write_lines(write, [TITLE] * 30))


def test_a_separator_hint_is_no_title(write, take):
    report = take(write_lines(write, ["sep=;"], ";"))
    assert (report.accepted, report.notes) == (1, {})
    assert take(write_lines(write, ["sep=;", TITLE, ""], ";", name="b.csv")).notes[NOTE] == 2


def test_without_expected_names_the_first_line_is_the_header(write):
    dialect = find_dialect(write_lines(write, [TITLE]))
    assert (dialect.columns, dialect.header_line) == ((TITLE,), 1)


def test_the_names_expected_are_those_that_are_looked_for():
    crash = find_kind("crash")
    plain = list_expected_names(crash, Mapping.model_validate({"kind": "crash"}))
    assert {"occurred_at", "occurred at", "longitude", "report number", "time"} <= plain
    assert "place_note" not in plain
    ready = list_expected_names(crash, load_mapping("porto_alegre"))
    assert {"data_hora", "noite_dia", "moto"} <= ready
    assert "occurred_at" not in ready
