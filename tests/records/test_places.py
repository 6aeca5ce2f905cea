"""What is amiss with coordinates is said, and nothing is changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from records.places import read_places

CAMBODIA = (102.3, 9.9, 107.7, 14.7)
PORTO_ALEGRE = (-51.3, -30.3, -51.0, -29.9)


def read(lon, lat, *, decimal=".", crs=4326, near=None):
    texts = pd.Series([lon], dtype="str"), pd.Series([lat], dtype="str")
    return read_places(*texts, decimal=decimal, crs=crs, near=near).iloc[0]


def test_a_place_outside_the_area_whose_swap_is_inside_is_flagged_as_written():
    found = read("-30.05", "-51.2", near=PORTO_ALEGRE)
    assert found["place_note"] == "latitude and longitude look swapped: -51.2, -30.05"
    assert np.isnan(found["lon"])
    assert np.isnan(found["lat"])


@pytest.mark.parametrize(
    ("lon", "lat"), [("51.2", "-30.05"), ("-51.2", "30.05"), ("51.2", "30.05")]
)
def test_a_lost_sign_is_flagged(lon, lat):
    assert read(lon, lat, near=PORTO_ALEGRE)["place_note"] == f"a sign looks lost: {lat}, {lon}"


def test_a_place_outside_with_no_such_explanation_is_kept_as_it_is():
    found = read("2.35", "48.85", near=CAMBODIA)
    assert (found["lon"], found["lat"]) == (2.35, 48.85)
    assert pd.isna(found["place_note"])


def test_nothing_is_suspected_without_bounds_or_other_rows():
    assert pd.isna(read("-30.05", "-51.2")["place_note"])


def test_the_other_rows_say_where_the_area_is():
    rng = np.random.default_rng(3)
    lon = [*(f"{one:.5f}" for one in rng.uniform(-51.3, -51.0, 98)), "-30.05", "51.2"]
    lat = [*(f"{one:.5f}" for one in rng.uniform(-30.3, -29.9, 98)), "-51.2", "-30.1"]
    found = read_places(
        pd.Series(lon, dtype="str"), pd.Series(lat, dtype="str"), decimal=".", crs=4326
    )
    assert found["place_note"].tolist()[98:] == [
        "latitude and longitude look swapped: -51.2, -30.05",
        "a sign looks lost: -30.1, 51.2",
    ]
    assert found["place_note"].iloc[:98].isna().all()


def test_letters_of_the_other_axis_are_a_swap_not_a_guess():
    assert read("11.55 N", "104.9 E")["place_note"].startswith(
        "latitude and longitude look swapped"
    )
    good = read("104.9 E", "11.55 N")
    assert (good["lon"], good["lat"]) == (104.9, 11.55)


def test_metres_are_read_only_when_the_zone_is_given():
    near = read("490000", "1278200", near=CAMBODIA)
    assert np.isnan(near["lon"])
    assert near["place_note"] == (
        "coordinates look like metres, not degrees; name their crs in the mapping "
        "(EPSG 32648 fits the area): 1278200, 490000"
    )
    exchanged = read("1278200", "490000", near=CAMBODIA)["place_note"]
    assert "(EPSG 32648 fits the area with the axes exchanged)" in exchanged
    elsewhere = read("490000", "1278200", near=PORTO_ALEGRE)["place_note"]
    assert elsewhere.startswith("coordinates look like metres, not degrees; name their crs in the ")
    assert "EPSG" not in elsewhere
    given_crs = read("490000", "1278200", crs=32648, near=CAMBODIA)
    assert (given_crs["lon"], given_crs["lat"]) == pytest.approx((104.90827, 11.56272), abs=1e-4)


def test_exchanged_metres_in_a_named_zone_are_flagged():
    note = read("1278200", "490000", crs=32648, near=CAMBODIA)["place_note"]
    assert note == "latitude and longitude look swapped: 490000, 1278200"


def test_degrees_with_marks_are_degrees_even_beside_metres():
    text = pd.Series(["48P 490000 1278200", "11.5, 104.9"], dtype="str")
    found = read_places(text, text, decimal=".", crs=32648)
    assert found["lon"].tolist() == pytest.approx([104.90827, 104.9], abs=1e-4)


def test_a_cell_with_both_needs_no_second_column():
    found = read("", "11.55, 104.91")
    assert (found["lon"], found["lat"], found["step"]) == (104.91, 11.55, 0.01)
    assert read("", "11.55")["place_note"] == "one coordinate missing: 11.55, "
    assert read("11.55", "11.55")["lon"] == 11.55


@pytest.mark.parametrize("near", [(1, 1, 0, 2), (0, 0, 0, 0), (-200, 0, 1, 1), (0, 0, np.nan, 1)])
def test_bounds_that_are_no_box_are_refused(near):
    with pytest.raises(InputError, match="near"):
        read("104", "11", near=near)


cell = st.one_of(
    st.text(max_size=30),
    st.floats(-200, 200).map(str),
    st.floats(0, 2e6).map(str),
    st.sampled_from(["", "0", "11.5, 104.9", "48P 490000 1278200", "11°33'N"]),
)


@settings(deadline=None)
@given(st.lists(st.tuples(cell, cell), max_size=20), st.sampled_from([4326, 32648]), st.booleans())
def test_every_row_has_a_place_or_a_note_never_both(rows, crs, has_area):
    lon, lat = (pd.Series([row[at] for row in rows], dtype="str") for at in (0, 1))
    near = CAMBODIA if has_area else None
    found = read_places(lon, lat, decimal=".", crs=crs, near=near)
    assert (found["lon"].notna() == found["place_note"].isna()).all()
    assert (found["lon"].isna() == found["lat"].isna()).all()
    assert found["lon"].abs().le(180).where(found["lon"].notna(), True).all()
