# ruff: noqa: RUF001 - dashes and digits as people write them
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.shifts import parse_shifts, tabulate_shifts


def read(text):
    found = parse_shifts(text)
    assert found.problem == "", found.problem
    return [(one.name, round(one.share, 6)) for one in found.shifts]


@pytest.mark.parametrize(
    "text",
    [
        *("07:00-16:00", "7am-4pm", "07h00 - 16h00", "7:00 am to 4:00 pm", "0700-1600"),
        *("7h-16h", "7.00–16.00", "៧:០០ ដល់ ១៦:០០", "07:00:00 - 16:00:00", "7 - 4 p.m."),
        *(
            "from 7:00 until 16:00",
            "Shift 1: 07:00-16:00",
            "day 7:00-16:00",
            "７：００－１６：００",
        ),
        *("７：００－１６：００", "07:00-16:00;", "07:00 - 16:00 x 100%", "7a.m.-4p.m."),
    ],
)
def test_one_shift_is_read_however_it_is_written(text):
    assert read(text) == [("07:00-16:00", 1.0)]


@pytest.mark.parametrize(
    "text",
    [
        *("06:30-15:30;15:30-00:30", "6:30-15:30, 15:30-0:30"),
        *("06:30-15:30 / 3:30pm-12:30am", "Shift A: 6:30-15:30; Shift B: 15:30-0:30"),
        *("06:30-15:30 and 15:30-00:30", "06h30-15h30 & 15h30-00h30"),
    ],
)
def test_two_shifts_share_the_workers_evenly_when_nothing_is_said(text):
    assert read(text) == [("06:30-15:30", 0.5), ("15:30-00:30", 0.5)]
    assert not any(one.is_share_stated for one in parse_shifts(text).shifts)


def test_stated_shares_are_taken_and_the_rest_is_shared():
    assert read("07:00-16:00 x 60%; 16:00-01:00 x 40%") == [
        ("07:00-16:00", 0.6),
        ("16:00-01:00", 0.4),
    ]
    assert read("07:00-16:00 (62,5%), 16:00-01:00") == [
        ("07:00-16:00", 0.625),
        ("16:00-01:00", 0.375),
    ]
    assert [one.is_share_stated for one in parse_shifts("7-16 x 60%; 16-1").shifts] == [True, False]
    assert sum(share for _, share in read("6-14 x 33%;14-22 x 33%;22-6 x 33%")) == pytest.approx(
        1, abs=1e-5
    )


@pytest.mark.parametrize("text", [None, "", "  ", "unknown", "N/A", float("nan"), pd.NA, "-"])
def test_nothing_said_is_unknown_and_no_problem(text):
    found = parse_shifts(text)
    assert found.shifts == ()
    assert found.problem == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("two shifts", "cannot read 'two shifts'"),
        ("8-5", "lasts 21 hours"),
        ("07:00-16:00; later more", "cannot read '; later more'"),
        ("25:00-31:00", "no pair of clock times"),
        ("13pm-4am", "no pair of clock times"),
        ("07:70-16:00", "cannot read"),
        ("07:00-16:00 x 60%; 16:00-01:00 x 60%", "sum to 120 %"),
        ("07:00-16:00 x 60%; 16:00-01:00 x 30%", "sum to 90 %"),
        ("07:00-16:00;7am-4pm", "twice"),
        ("07:00", "cannot read '07:00'"),
        ("2024-01-01", "cannot read"),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_whole_with_a_reason(text, said):
    found = parse_shifts(text)
    assert found.shifts == ()
    assert said in found.problem


def test_a_table_of_factories_loses_none():
    factories = pd.DataFrame(
        {
            "factory_id": ["A", "B", "C"],
            "shifts": ["06:30-15:30;15:30-00:30", None, "whenever"],
        }
    )
    shifts, problems = tabulate_shifts(factories)
    assert shifts["factory_id"].tolist() == ["A", "A", "B", "C"]
    assert shifts["shift"].tolist() == ["06:30-15:30", "15:30-00:30", "unknown", "unknown"]
    assert shifts["start_min"].tolist() == [390, 930, pd.NA, pd.NA]
    assert shifts.groupby("factory_id")["share"].sum().tolist() == [1.0, 1.0, 1.0]
    assert problems["factory_id"].tolist() == ["C"]
    none, no_problems = tabulate_shifts(factories.iloc[:0])
    assert none.empty
    assert no_problems.empty


@given(st.integers(0, 1439), st.integers(120, 960))
def test_what_is_written_plainly_is_read_back(start, length):
    end = (start + length) % 1440
    text = f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"
    assert read(text) == [(text, 1.0)]


@given(st.text(max_size=40))
def test_no_text_stops_the_reading(text):
    found = parse_shifts(text)
    assert not (found.shifts and found.problem)
