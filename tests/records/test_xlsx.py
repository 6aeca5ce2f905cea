"""Workbooks: which sheet, headers over two rows, merged cells, dates, formulas."""

from __future__ import annotations

import zipfile
from datetime import date, time

import openpyxl
import pandas as pd
import pytest

from core.errors import DataSourceError, InputError, TableError
from records.mapping import Mapping
from records.proposal import propose_mapping


@pytest.fixture
def book(tmp_path):
    """Write a workbook from sheets of rows and merged ranges."""

    def write_book(sheets, *, merged=None, name="crashes.xlsx"):
        made = openpyxl.Workbook()
        made.remove(made.active)
        for title, rows in sheets.items():
            sheet = made.create_sheet(title)
            for row in rows:
                sheet.append(row)
            for cells in (merged or {}).get(title, ()):
                sheet.merge_cells(cells)
        path = tmp_path / name
        made.save(path)
        return path

    return write_book


MORNING = pd.Timestamp(2024, 3, 5, 7, 45).to_pydatetime()
HEADER = ["source_id", "occurred_at", "lon", "lat", "severity"]
ROW = ["1", MORNING, 104.9, 11.5, "slight"]


def test_the_first_sheet_with_the_columns_is_taken(book, take):
    path = book({"Cover": [["Monthly sheet"], ["March"]], "Data": [HEADER, ROW]})
    report = take(path)
    assert (report.accepted, report.sheet) == (1, "Data")
    assert report.notes["sheet 'Cover' was not read"] == 1


@pytest.mark.parametrize("sheet", ["April", "april", "2"])
def test_a_sheet_is_named_or_numbered(book, take, database, sheet):
    april = [HEADER, ["2", *ROW[1:]], ["3", *ROW[1:3], 11.6, "slight"]]
    path = book({"March": [HEADER, ROW], "April": april})
    assert take(path, sheet=sheet).accepted == 2
    assert take(path, mapping=Mapping.model_validate({"sheet": sheet})).unchanged == 2


def test_sheets_without_the_columns_are_listed_with_what_each_lacks(book, take):
    path = book({"Cover": [["Hello"]], "Data": [HEADER[:2], ROW[:2]]})
    with pytest.raises(TableError, match=r"none of its 2 sheets.*'Cover'.*'Data': 2 column\(s\)"):
        take(path)


def test_a_sheet_that_is_not_there(book, take):
    path = book({"March": [HEADER, ROW]})
    with pytest.raises(DataSourceError, match="no sheet 'May'; its sheets: 1 'March'"):
        take(path, sheet="May")


def test_only_a_workbook_has_sheets(write, take):
    path = write(",".join(HEADER) + "\n" + ",".join(map(str, ROW)) + "\n")
    with pytest.raises(InputError, match=r"is no workbook, so it has no sheet '3'"):
        take(path, sheet="3")
    with pytest.raises(InputError, match="is no workbook"):
        propose_mapping(path, "crash", sheet="3")
    assert (
        take(path, mapping=Mapping(sheet="Data")).accepted == 1
    )  # of the workbooks it also serves


def test_a_header_over_two_rows(book, take, database):
    rows = [
        ["Crashes of the month", None, None, None, None, None, None],
        ["source_id", "occurred_at", "Place", None, "Casualties", None, "severity"],
        [None, None, "lon", "lat", "killed", "slight", None],
        ["1", MORNING, 104.9, 11.5, 0, 2, "slight"],
    ]
    merged = ["A1:G1", "A2:A3", "B2:B3", "C2:D2", "E2:F2", "G2:G3"]
    path = book({"Data": rows}, merged={"Data": merged})
    report = take(path)
    found = database.read("crash", "a").iloc[0]
    assert (report.accepted, found["lon"], found["n_killed"], found["n_slight"]) == (1, 104.9, 0, 2)
    assert report.unused_columns == ()
    named = {"columns": {"occurred_at": "occurred_at", "lon": "Place / lon", "lat": "Place / lat",
                         "n_slight": "Casualties / slight"}}  # fmt: skip
    assert take(path, mapping=Mapping.model_validate(named), area="b").accepted == 1


def test_a_merged_row_below_a_plain_header_is_no_header(book, take):
    rows = [HEADER, ["1", *ROW[1:]], ["2", *ROW[1:3], 11.6, "slight"], ["3", *ROW[1:]]]
    rows[2][3:] = ["slight", None]
    path = book({"Data": rows}, merged={"Data": ["D3:E3"]})
    assert take(path).read == 3


def test_merged_cells_hold_for_each_row_but_counts_do_not(book, take, database):
    header = [*HEADER, "n_killed"]
    rows = [
        header,
        ["1", MORNING, 104.9, 11.5, "fatal", 2],
        ["2", None, 104.8, 11.6, "slight", None],
        ["3", None, 104.7, 11.7, "slight", None],
        ["4", MORNING, 104.6, 11.8, "slight", 0],
    ]
    path = book({"Data": rows}, merged={"Data": ["B2:B4", "F2:F4"]})
    report = take(path)
    found = database.read("crash", "a").sort_values("source_id")
    assert found["occurred_at"].eq(MORNING).all()
    assert found["n_killed"].fillna(-1).tolist() == [2, -1, -1, 0]
    assert report.notes["cells merged over several rows hold for each of them"] == 2


def test_dates_and_times_are_read_as_they_are_shown(book, take, database):
    header = ["source_id", "date", "time", "lon", "lat"]
    rows = [
        header,
        ["1", date(2024, 3, 5), time(7, 45), 104.9, 11.5],
        ["2", date(2024, 3, 6), None, 104.9, 11.5],
        ["3", "07/03/2024", "08:30", 104.9, 11.5],
    ]
    mapping = Mapping.model_validate({"date_formats": ["%d/%m/%Y %H:%M", "%d/%m/%Y"]})
    assert take(book({"Data": rows}), mapping=mapping).accepted == 3
    found = database.read("crash", "a").sort_values("source_id")
    assert found["occurred_at"].astype(str).tolist() == [
        "2024-03-05 07:45:00",
        "2024-03-06 00:00:00",
        "2024-03-07 08:30:00",
    ]
    assert found["has_time"].tolist() == [True, False, True]


def test_a_formula_is_never_computed_and_its_lack_of_a_value_is_said(book, take, database):
    rows = [[*HEADER, "narrative"], [*ROW, "=1+1"], ["2", *ROW[1:3], 11.6, "slight", "'=x"]]
    report = take(book({"Data": rows}))
    assert report.accepted == 2
    assert report.notes["formulas without a stored value were taken as empty"] == 1
    assert database.read("crash", "a").sort_values("source_id")["narrative"].isna().tolist() == [
        True,
        False,
    ]


def rewrite(path, change):
    """Change the XML of a workbook's first sheet."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = change(parts["xl/worksheets/sheet1.xml"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def test_rows_beyond_a_wrong_dimension_are_read(book, take):
    path = book({"Data": [HEADER, ROW, ["2", *ROW[1:3], 11.6, "slight"]]})
    rewrite(path, lambda xml: xml.replace(b'<dimension ref="A1:E3"', b'<dimension ref="A1:E2"'))
    assert take(path).read == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'<row r="3"', b'<row r="2"'),
        (b'<row r="3"', b'<row r="99999999999"'),
        (b'r="A3"', b'r="ZZZZZZ3"'),
        (b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet'),
    ],
)
def test_sheets_that_would_lose_rows_or_hang_are_refused(book, take, old, new):
    path = book({"Data": [HEADER, ROW, ["2", *ROW[1:]]]})
    rewrite(path, lambda xml: xml.replace(old, new))
    with pytest.raises(DataSourceError, match="save it"):
        take(path)


def test_hidden_rows_are_rows(book, take):
    path = book({"Data": [HEADER, ROW, ["2", *ROW[1:3], 11.6, "slight"]]})
    made = openpyxl.load_workbook(path)
    made["Data"].row_dimensions[3].hidden = True
    made.save(path)
    assert take(path).accepted == 2
