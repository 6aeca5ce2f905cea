"""Coordinates in the spellings people use: read to the metre, or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from records.coordinates_text import read_axis, read_pair


def axis(text, decimal="."):
    found = read_axis(pd.Series([text], dtype="str"), decimal=decimal)
    return found.values[0], found.axis[0]


def pair(text, decimal="."):
    found = read_pair(pd.Series([text], dtype="str"), decimal=decimal).iloc[0]
    return found["lat"], found["lon"]


# 33' = 0.55 of a degree; 45.2" = 0.0125556 of a degree
@pytest.mark.parametrize(
    ("text", "degrees", "letter"),
    [
        ("11.5626", 11.5626, ""),
        ("-11.5626", -11.5626, ""),
        ("11.5626°", 11.5626, ""),
        ("11.5626° N", 11.5626, "lat"),
        ("S 11.5626", -11.5626, "lat"),
        ("104.91W", -104.91, "lon"),
        ("11°33'45.2\"N", 11.5625556, "lat"),
        ("11° 33\u2032 45.2\u2033 N", 11.5625556, "lat"),
        ("11º33\u201945.2\u201dN", 11.5625556, "lat"),
        ("11°33'45.2''S", -11.5625556, "lat"),
        ("11 33 45.2 N", 11.5625556, "lat"),
        ("11:33:45.2", 11.5625556, ""),
        ("11 33 45 S", -11.5625, "lat"),
        ("11:33:45s", -11.5625, "lat"),
        ("11d33m45sS", -11.5625, "lat"),
        ("11d33m45s", 11.5625, ""),
        ("11deg 33min 45sec S", -11.5625, "lat"),
        ("N11°33.75'", 11.5625, "lat"),
        ("104°54.5' E", 104.9083333, "lon"),
        ("១១.៥៦២៦", 11.5626, ""),
        ("Lat: 11.5626", 11.5626, ""),
    ],
)
def test_one_coordinate(text, degrees, letter):
    value, named = axis(text)
    assert value == pytest.approx(degrees, abs=1e-7)
    assert named == letter


@pytest.mark.parametrize(
    "text",
    ["11°75'N", "11°33'60\"N", "11.5°33'", "11°33.5'20\"N", "-11.5 S", "N11.5S", "11,5", "eleven",
     "", "11°", "1234°", "11 33 45 20", "11d33m45S", "N11 33 45 s"],
)  # fmt: skip
def test_what_cannot_be_one_is_not_guessed(text):
    value, _ = axis(text)
    assert np.isnan(value) or text == "11°"


def test_a_comma_is_a_decimal_mark_only_when_the_mapping_says_so():
    assert axis("11,5626", ",")[0] == pytest.approx(11.5626)
    assert axis("11°33'45,2\"N", ",")[0] == pytest.approx(11.5625556, abs=1e-7)
    assert pair("11,5626; 104,91", ",") == pytest.approx((11.5626, 104.91))
    assert pair("11,5626, 104,91", ",") == pytest.approx((11.5626, 104.91))


@pytest.mark.parametrize(
    "text",
    [
        "11.5625, 104.9083",
        "11.5625,104.9083",
        "(11.5625; 104.9083)",
        "11.5625 104.9083",
        "11.5625 104.9083 12.5 4.8",
        "11.5625° 104.9083°",
        "11.5625N 104.9083E",
        "11.5625N104.9083E",
        "E104.9083, N11.5625",
        "lat 11.5625, long 104.9083",
        "Longitude: 104.9083 Latitude: 11.5625",
        "POINT (104.9083 11.5625)",
        "11°33'45\"N 104°54'29.88\"E",
        "11 33 45 N, 104 54 29.88 E",
        "N11°33.75' E104°54.498'",
        "11.5625 / 104.9083",
    ],
)
def test_both_coordinates_in_one_cell(text):
    assert pair(text) == pytest.approx((11.5625, 104.9083), abs=1e-6)


@pytest.mark.parametrize(
    "text",
    ["48P 490000 1278200", "48 P 490000 1278200", "UTM 48N 490000mE 1278200mN",
     "490000 1278200 48P", "zone 48P E490000 N1278200", "48P 490000, 1278200"],
)  # fmt: skip
def test_utm_in_one_cell(text):
    east, north = 490_000, 1_278_200
    lon, lat = Transformer.from_crs(32648, 4326, always_xy=True).transform(east, north)
    assert pair(text) == pytest.approx((lat, lon), abs=1e-9)


def test_a_utm_band_that_does_not_fit_is_not_read():
    assert np.isnan(pair("48X 490000 1278200")[0])  # 72 to 84 degrees north
    assert np.isnan(pair("48S 490000 1278200")[0])  # a band, or the south
    assert np.isnan(pair("61P 490000 1278200")[0])
    assert pair("48L 490000 8800000")[0] == pytest.approx(-10.86, abs=0.01)


def test_numbers_without_a_mark_between_them_are_no_pair():
    for text in ("11,55", "11.5625", "104", "11 33 45 104 54 30", "11.5N, 12.5N", "a, b"):
        assert np.isnan(pair(text)[0]), text


def sexagesimal(value, n_parts):
    size = abs(value)
    degrees = int(size)
    if n_parts == 2:
        return degrees, f"{min((size - degrees) * 60, 59.999999):.6f}"
    minutes = int((size - degrees) * 60)
    seconds = (size - degrees - minutes / 60) * 3600
    return degrees, minutes, f"{min(max(seconds, 0.0), 59.9994):.3f}"


def spell(value, letters, style):
    letter = letters[0] if value >= 0 else letters[1]
    if style == "decimal":
        return f"{value:.6f}"
    if style == "letter":
        return f"{abs(value):.6f}°{letter}"
    if style == "minutes":
        return "{}{}°{}'".format(letter, *sexagesimal(value, 2))
    d, m, s = sexagesimal(value, 3)
    return {
        "marks": f"{d}°{m}'{s}\"{letter}",
        "typographic": f"{d}° {m}\u2032 {s}\u2033 {letter}",
        "blanks": f"{d} {m} {s} {letter}",
        "words": f"{letter}{d}d{m}m{s}s",
        "khmer": f"{d}°{m}'{s}\"{letter}".translate({48 + k: 0x17E0 + k for k in range(10)}),
    }[style]


STYLES = ("decimal", "letter", "minutes", "marks", "typographic", "blanks", "words", "khmer")


@settings(deadline=None)
@given(lat=st.floats(-79.9, 83.9), lon=st.floats(-179.9, 179.9), style=st.sampled_from(STYLES))
def test_every_notation_comes_back_within_a_metre(lat, lon, style):
    texts = spell(lat, "NS", style), spell(lon, "EW", style)
    assert axis(texts[0])[0] == pytest.approx(lat, abs=1e-5)
    assert axis(texts[1])[0] == pytest.approx(lon, abs=1e-5)
    assert pair(", ".join(texts)) == pytest.approx((lat, lon), abs=1e-5)


@settings(deadline=None)
@given(lat=st.floats(-79.9, 83.9), zone=st.integers(1, 60), off=st.floats(-2.9, 2.9))
def test_utm_comes_back_within_a_metre(lat, zone, off):
    assume(abs(lat) > 1e-6)  # on the equator both hemispheres are right
    lon = zone * 6 - 183 + off
    transformer = Transformer.from_crs(4326, (32600 if lat >= 0 else 32700) + zone, always_xy=True)
    east, north = transformer.transform(lon, lat)
    band = "CDEFGHJKLMNPQRSTUVWX"[min(19, int((lat + 80) // 8))]
    if band == "S":
        return
    text = f"{zone}{band} {east:.2f} {north:.2f}"
    assert pair(text) == pytest.approx((lat, lon), abs=1e-5)


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.text(max_size=40), st.text("0123456789.,°'\"NSEW -+:dms", max_size=30)))
)
def test_no_text_makes_it_fail(texts):
    column = pd.Series(texts, dtype="str")
    for decimal in (".", ","):
        read_axis(column, decimal=decimal)
        assert len(read_pair(column, decimal=decimal)) == len(texts)
