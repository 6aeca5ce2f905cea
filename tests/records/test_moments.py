"""Dates and times to the clock of the place."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from records.mapping import Mapping, load_mapping
from records.moments import parse_moment

LATEST = pd.Timestamp(2026, 1, 1)


def text(*cells):
    return pd.Series(list(cells), dtype="str", index=range(10, 10 + len(cells)))


def read(cells, **options):
    """Return the four columns as lists, missing values None."""
    moments = parse_moment(cells, **{"formats": (), "latest": LATEST, **options})
    assert all(column.index.equals(cells.index) for column in moments)
    return [[None if pd.isna(one) else one for one in column.tolist()] for column in moments]


def test_moments_iso():
    cells = text(
        "2024-03-05 07:45",
        "2024-03-05T07:45:10",
        "2024-03-05",
        "2024-03-05T07:45:10.250+07:00",
        "2013-07-17T8:45:00",
        "",
        "05/03/2024",
        "2024-02-30",
        "2027-01-01",
        "1850-01-01",
        "2024-03-05 25:00",
    )
    values, problems, has_time, _ = read(cells)
    day = pd.Timestamp(2024, 3, 5)
    assert values[:5] == [
        day + pd.Timedelta(hours=7, minutes=45),
        day + pd.Timedelta(hours=7, minutes=45, seconds=10),
        day,
        day + pd.Timedelta(hours=7, minutes=45, seconds=10.25),
        pd.Timestamp(2013, 7, 17, 8, 45),
    ]
    assert values[5:] == [None] * 6
    assert problems[:6] == [None] * 6
    assert problems[6:] == [
        "is not understood",
        "is not understood",
        "is in the future",
        "is before 1900",
        "is not understood",
    ]
    assert has_time == [True, True, False, True, True] + [False] * 6


def test_moments_by_format_and_midnight():
    cells = text("05/03/2024 00:00", "05/03/2024 06:30", "05/03/2024", "2024-03-05")
    values, problems, has_time, _ = read(
        cells, formats=("%d/%m/%Y %H:%M", "%d/%m/%Y"), midnight_is_missing=True
    )
    assert [value.day for value in values[:3]] == [5, 5, 5]
    assert has_time == [False, True, False, False]
    assert problems[3] == "is not understood"


@pytest.mark.parametrize(
    ("written", "local", "is_converted"),
    [
        ("2024-09-03T23:30:00Z", "2024-09-04 06:30", True),
        ("2024-09-03T23:30:00.000Z", "2024-09-04 06:30", True),
        ("2024-09-03 23:30+00:00", "2024-09-04 06:30", True),
        ("2024-09-03 23:30:00 -05:00", "2024-09-04 11:30", True),
        ("2024-09-03T23:30:00+0530", "2024-09-04 01:00", True),
        ("2024-09-03T23:30:00+07:00", "2024-09-03 23:30", False),
        ("2024-09-03T23:30:00+07", "2024-09-03 23:30", False),
        ("2024-09-03T23:30", "2024-09-03 23:30", False),
    ],
)
def test_a_time_with_an_offset_is_brought_to_the_local_clock(written, local, is_converted):
    values, problems, has_time, converted = read(text(written))
    assert (values, problems) == ([pd.Timestamp(local)], [None])
    assert (has_time, converted) == ([True], [is_converted])


def test_the_local_clock_may_be_another_one_and_have_summer_time():
    cells = text("2024-01-05T08:00:00Z", "2024-07-05T08:00:00Z", "2024-07-05T08:00:00+02:00")
    values, _, _, converted = read(cells, zone="Europe/Paris")
    assert [value.hour for value in values] == [9, 10, 8]
    assert converted == [True, True, False]


def test_an_offset_that_no_clock_has_is_not_understood():
    cells = text("2024-09-03T23:30:00+19:00", "2024-09-03T23:30:00+07:75")
    assert read(cells)[1] == ["is not understood"] * 2


def test_offsets_are_read_behind_other_formats_too():
    formats = ("%d/%m/%Y %H:%M",)
    values, problems, _, converted = read(text("03/09/2024 23:30Z", "x"), formats=formats)
    assert values[0] == pd.Timestamp(2024, 9, 4, 6, 30)
    assert (problems, converted) == ([None, "is not understood"], [True, False])


def test_where_midnight_means_no_time_a_date_stays_whatever_its_offset():
    values, _, has_time, converted = read(text("2024-09-03T00:00:00Z"), midnight_is_missing=True)
    assert (values, has_time, converted) == ([pd.Timestamp(2024, 9, 3)], [False], [False])


def test_khmer_digits():
    cells = text("២០២៤-០៣-០៥ ០៧:៤៥", "២០២៤-០៣-០៥")
    values, problems, has_time, _ = read(cells)
    assert values == [pd.Timestamp(2024, 3, 5, 7, 45), pd.Timestamp(2024, 3, 5)]
    assert (problems, has_time) == ([None, None], [True, False])
    assert read(text("០៥/០៣/២០២៤"), formats=("%d/%m/%Y",))[0] == [pd.Timestamp(2024, 3, 5)]


def test_a_register_in_utc_is_converted_and_told(write, take, database):
    head = "source_id,occurred_at,lon,lat,severity\n"
    rows = (
        "1,2024-09-03T23:30:00Z,104.9,11.5,slight\n2,2024-09-03T06:30:00+07:00,104.8,11.5,slight\n"
    )
    report = take(write(head + rows))
    assert report.notes == {"time given with another offset than local; converted": 1}
    found = database.read("crash", "a").set_index("source_id")["occurred_at"].sort_index()
    assert found.astype("str").tolist() == ["2024-09-04 06:30:00", "2024-09-03 06:30:00"]
    again = take(write(head + rows), mapping=Mapping(time_zone="Asia/Tokyo"))
    assert again.notes == {"time given with another offset than local; converted": 2}


def test_a_day_given_as_a_moment_in_utc_is_that_day(write, take, database):
    path = write("title,held_on\nx,2024-09-03T00:00:00Z\ny,2024-09-03T17:00:00.000Z\n")
    take(path, "activity")
    found = database.read("activity", "a").set_index("title")["held_on"].sort_index()
    assert [moment.day for moment in found] == [3, 4]  # 17:00 UTC is midnight of the 4th


def test_a_mapping_names_a_zone_that_there_is(write):
    with pytest.raises(ConfigError, match=r"time_zone.*'Asia/Nowhere' is no time zone"):
        load_mapping(write("time_zone: Asia/Nowhere\n", "m.yaml"))


@settings(deadline=None, max_examples=50)
@given(
    st.datetimes(min_value=pd.Timestamp(1990, 1, 1), max_value=pd.Timestamp(2025, 1, 1)),
    st.integers(-14 * 4, 14 * 4),
)
def test_the_same_instant_is_the_same_moment_whatever_its_offset(utc, quarters):
    offset = pd.Timedelta(minutes=15 * quarters)
    sign, minutes = "-" if quarters < 0 else "+", abs(15 * quarters)
    stamp = f"{(utc + offset).isoformat()}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    values, problems, _, _ = read(text(stamp, utc.isoformat() + "Z"))
    assert problems == [None, None]
    assert values[0] == values[1] == utc + pd.Timedelta(hours=7)


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=20))
def test_any_text_is_a_moment_or_a_problem_or_missing(cells):
    values, problems, _, _ = read(pd.Series(cells, dtype="str"))
    assert not [1 for one, two in zip(values, problems, strict=True) if one and two]
