"""Reading delimited text: every line is a row, whatever its bytes."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DataSourceError
from records import delimited
from records.delimited import MAX_CELL, find_dialect, read_batches


def read_all(path, **options):
    dialect = find_dialect(path, **options)
    rows, numbers, bad = [], [], []
    for batch in read_batches(path, dialect, size=7):
        rows += batch.rows
        numbers += batch.row_numbers
        bad += batch.bad
    return dialect, rows, numbers, bad


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separator_and_line_end_are_found(write, separator, end):
    lines = [separator.join(cells) for cells in (("a", "b", "c"), ("1", "2", "3"), ("4", "5", ""))]
    dialect, rows, numbers, bad = read_all(write(end.join(lines) + end))
    assert dialect.columns == ("a", "b", "c")
    assert dialect.separator == separator
    assert rows == [["1", "2", "3"], ["4", "5", ""]]
    assert numbers == [2, 3]
    assert bad == []


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "São, ភ្នំពេញ"),
        ("utf-8-sig", "São, ភ្នំពេញ"),
        ("utf-16", "São, ភ្នំពេញ"),
        ("utf-16-le", "Sao, x"),
        ("cp1252", "São “x” €"),
        ("latin-1", "São João ção"),
    ],
)
def test_encoding_is_found(write, encoding, text):
    content = f"id;name\n1;{text}\n".encode(encoding)
    dialect, rows, _, _ = read_all(write(content))
    assert dialect.columns == ("id", "name")
    assert rows == [["1", text]]


def test_utf8_with_some_bytes_of_another_encoding_keeps_both(write):
    content = "id,name\n1,ភូមិ\n2,".encode() + "São".encode("cp1252") + b"\n3,\x81\n"
    _, rows, _, _ = read_all(write(content))
    assert [row[1] for row in rows] == ["ភូមិ", "São", ""]  # a control byte is no text


def test_encoding_can_be_given(write):
    _, rows, _, _ = read_all(write("id,name\n1,é\n".encode("cp850")), encoding="cp850")
    assert rows == [["1", "é"]]


@pytest.mark.parametrize("name", ["no-such-code", "hex"])
def test_wrong_encoding_is_named(write, name):
    with pytest.raises(DataSourceError, match=name):
        find_dialect(write("a,b\n1,2\n"), encoding=name)


def test_quoted_cells_go_over_lines(write):
    path = write('id,text,n\n1,"one, two\nthree ""four""",5\n6,plain,7\n')
    _, rows, numbers, _ = read_all(path)
    assert rows == [["1", 'one, two\nthree "four"', "5"], ["6", "plain", "7"]]
    assert numbers == [2, 4]


def test_an_unclosed_quote_swallows_no_row(write):
    path = write(
        "id,date,text,n\n"
        '1,2024-01-01,"left open,5\n'
        "2,2024-01-02,plain,6\n"
        '3,2024-01-03,"closed",7\n'
        '4,2024-01-04,"open again,8\n'
        '5,2024-01-05,"also open,9\n'
    )
    _, rows, numbers, bad = read_all(path)
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert numbers == [2, 3, 4, 5, 6]
    assert rows[0] == ["1", "2024-01-01", '"left open', "5"]
    assert bad == []


def test_text_after_a_closing_quote_stays_in_the_cell(write):
    _, rows, _, bad = read_all(write('id,text\n1,"a"b\n2,5" pipe\n'))
    assert rows == [["1", "ab"], ["2", '5" pipe']]
    assert bad == []


def test_rows_that_are_too_long_or_empty_are_listed(write):
    path = write("a,b\n1,2,3\n1,2,,\n,\n\n7\n")
    _, rows, numbers, bad = read_all(path)
    assert rows == [["1", "2"], ["7", ""]]
    assert numbers == [3, 6]
    assert [(one.row_number, one.reason) for one in bad] == [
        (2, "more cells than the header has"),
        (4, "row without any content"),
    ]


def test_control_characters_are_stripped(write):
    _, rows, _, _ = read_all(write(b"a,b\n1,x\x00y\x1bz\x7f\n2,\xe2\x80\xaeabc\n"))
    assert rows == [["1", "xyz"], ["2", "abc"]]


def test_huge_cells(write):
    kept, refused = "x" * (MAX_CELL - 1), "y" * 1_000_000
    path = write(f'a,b\n1,{kept}\n2,{refused}\n3,"{refused}"\n4,z\n')
    _, rows, _, bad = read_all(path)
    assert [(row[0], len(row[1])) for row in rows] == [("1", MAX_CELL - 1), ("4", 1)]
    assert [one.row_number for one in bad] == [3, 4]
    assert all(len(one.text) <= 2000 for one in bad)


def test_column_names_are_unique(write):
    dialect, _, _, _ = read_all(write("a, a ,,b\n1,2,3,4\n"))
    assert dialect.columns == ("a", "a (2)", "column 3", "b")


def test_spreadsheet_hint_line_is_no_header(write):
    dialect, rows, numbers, _ = read_all(write("sep=;\na;b\n1,5;2\n"))
    assert dialect.columns == ("a", "b")
    assert rows == [["1,5", "2"]]
    assert numbers == [3]


@pytest.mark.parametrize("content", ["", "\n\n", "  \n", "\ufeff"])
def test_file_without_text_is_empty(write, content):
    with pytest.raises(DataSourceError, match="empty"):
        find_dialect(write(content))


cell = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), max_size=8
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    rows=st.lists(st.lists(cell, min_size=3, max_size=3), min_size=1, max_size=12),
    separator=st.sampled_from(",;\t|"),
)
def test_what_a_csv_writer_writes_is_read_back(write, rows, separator):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    _, read, _, bad = read_all(write(text.getvalue()), separator=separator)
    filled = [row for row in rows if any(value.strip() for value in row)]
    assert read == filled
    assert len(bad) == len(rows) - len(filled)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(tail=st.binary(max_size=300))
def test_any_bytes_after_a_header_become_rows_or_are_listed(write, tail):
    _, rows, _, _bad = read_all(write(b"a,b,c\n1,2,3\n" + tail))
    assert rows[0] == ["1", "2", "3"]
    assert all(len(row) == 3 for row in rows)


PLAIN = ["1,2,3", "4,5,6", "x,,"]
ODD = [",,", "", " ", "7,8", "9,9,9,9", '"a\nb",c,d', '"', "\x07"]
LINES = st.lists(st.sampled_from(PLAIN + ODD), max_size=30)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None
)
@given(lines=LINES, block=st.integers(1, 40), ends_with=st.sampled_from(["\n", ""]))
def test_it_does_not_matter_how_many_lines_are_read_at_once(write, lines, block, ends_with):
    path = write("a,b,c\n1,2,3\n" + "\n".join(lines) + ends_with)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delimited, "BLOCK", 1)  # then no block holds two lines
        one_by_one = read_all(path)
        patched.setattr(delimited, "BLOCK", block)
        assert read_all(path) == one_by_one
    assert read_all(path) == one_by_one
