"""A road and the kilometre on it, taken apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.road_text import read_road_places


def read(road, km=None, decimal="."):
    column = None if km is None else pd.Series([km], dtype="str")
    return read_road_places(pd.Series([road], dtype="str"), column, decimal=decimal).iloc[0]


@pytest.mark.parametrize(
    ("text", "name", "km"),
    [
        ("NR4 km 23", "NR4", 23.0),
        ("NR4, KM23", "NR4", 23.0),
        ("RN4 PK 23+500", "RN4", 23.5),
        ("National Road 4, km 23.5", "National Road 4", 23.5),
        ("NR4 km 23,5", "NR4", 23.5),
        ("National Road No. 4 (Km. 45)", "National Road No. 4", 45.0),
        ("NR4 23+200", "NR4", 23.2),
        ("NR4 at 23 km", "NR4", 23.0),
        ("km 23 NR4", "NR4", 23.0),
        ("ផ្លូវជាតិលេខ៤ គ.ម ២៣", "ផ្លូវជាតិលេខ៤", 23.0),
        ("ផ្លូវជាតិលេខ ៤ គីឡូម៉ែត្រទី២៣", "ផ្លូវជាតិលេខ ៤", 23.0),
    ],
)
def test_road_and_kilometre(text, name, km):
    found = read(text)
    assert (found["road_name"], found["road_km"]) == (name, km)


@pytest.mark.parametrize(
    "text",
    ["NR4", "Km 6", "NR 4 km", "Street 271", "60 km/h on NR5", "5 km from Takeo on NR2",
     "Packing road 5", "Road near km stone"],
)  # fmt: skip
def test_what_names_no_kilometre_is_left_as_it_is(text):
    found = read(text)
    assert found["road_name"] == text
    assert np.isnan(found["road_km"])


def test_the_column_of_kilometres_goes_first():
    for text in ("23.5", "23+500", "PK 23.5", "km 23+500", "គ.ម ២៣.៥", "23.5 km"):
        found = read("NR4", text)
        assert (found["road_name"], found["road_km"]) == ("NR4", 23.5), text
    found = read("NR4 km 40", "23.5")
    assert (found["road_name"], found["road_km"]) == ("NR4 km 40", 23.5)
    assert found["road_note"].startswith("road_km differs")


@pytest.mark.parametrize("text", ["far", "-3", "1e9", "inf"])
def test_what_is_no_kilometre_is_noted_and_the_row_kept(text):
    found = read("NR4", text)
    assert np.isnan(found["road_km"])
    assert found["road_note"] == "road_km is no kilometre of a road; kept without it"


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.text("0123456789+.,km PKគម ២៣-", max_size=12))))
def test_no_text_makes_it_fail(rows):
    road, km = (pd.Series([row[at] for row in rows], dtype="str") for at in (0, 1))
    found = read_road_places(road, km, decimal=".")
    assert len(found) == len(rows)
    assert found["road_km"].dropna().between(0, 5000).all()
