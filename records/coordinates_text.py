"""Read one coordinate, or a pair in one cell, in the spellings people use.

Understood: decimal degrees with or without ° and N, S, E, W; degrees and minutes, with or
without seconds (11°33'45.2"N, 11 33 45.2 N, 11d33m45s, N11°33.75'); latitude and longitude
in one cell ("11.55, 104.91", a KoboToolbox point "11.55 104.91 12 5", "POINT (104.91 11.55)");
and UTM ("48P 491234 1278901"). Khmer digits and typographic quotes are read as plain ones.
Nothing is guessed: what is not one of these is not readable.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyproj import Transformer

from records.values import Column, is_filled, parse_number

__all__ = ["Axis", "Coordinates", "Reading", "read_axis", "read_pair", "to_plain_marks"]

Axis = Literal["lon", "lat"]
FloatArray = NDArray[np.float64]

LETTERS = {"N": ("lat", 1.0), "S": ("lat", -1.0), "E": ("lon", 1.0), "W": ("lon", -1.0)}
MAX_LENGTH = 80  # characters; no coordinate is longer, and patterns stay cheap
METRE_DEGREES = 1e-5  # a metre in degrees, roughly
MARKS = str.maketrans(
    {
        **{chr(0x17E0 + digit): str(digit) for digit in range(10)},  # Khmer digits
        **dict.fromkeys("\u00ba\u02da\u00b0\u2070", "°"),  # ordinal, ring, degree, superscript 0
        **dict.fromkeys("\u2032\u2019\u2018\u00b4\u02b9\u02bc\uff07", "'"),
        **dict.fromkeys("\u2033\u201d\u201c\u02ba\uff02", '"'),
        **dict.fromkeys("\u2212\u2013\u2014", "-"),
        **dict.fromkeys("\u00a0\u2009\u202f\t\n\r", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""),
    }
)
NUMBER = r"\d{1,3}(?:\.\d{1,15})?"
PART = r"\d{1,2}(?:\.\d{1,12})?"
ONE = (  # letter, sign, degrees, minutes, seconds, letter
    rf"([NSEW])?\s*([+-])?\s*({NUMBER})\s*(°|deg\.?|d|:|\s)?\s*"
    rf"(?:({PART})\s*(?:'|min\.?|m|:|\s)?\s*(?:({PART})\s*(\"|''|sec\.?|s)?)?)?"
    r"\s*([NSEW])?"
)
LABEL = re.compile(r"\b(?:lat(?:itude)?|long?(?:itude)?|lng|gps)\b\.?\s*[:=]?\s*", re.IGNORECASE)
USUAL = (  # of one coordinate, for many rows at once: RE2's syntax
    r"^\s*(?P<a>[NSEW]?)\s*(?P<d>[0-9]{1,3})\s*[°º˚]\s*(?P<m>[0-9]{1,2}(?:\.[0-9]{1,12})?)"
    "\\s*['\u2032\u2019]"
    "\\s*(?:(?P<s>[0-9]{1,2}(?:\\.[0-9]{1,12})?)\\s*(?:[\"\u2033\u201d]|''))?\\s*(?P<b>[NSEW]?)\\s*$"
)
USUAL_PAIR = (
    r"^\s*(?P<lat>[+-]?[0-9]{1,3}\.[0-9]{1,15})\s*[,;]\s*(?P<lon>[+-]?[0-9]{1,3}\.[0-9]{1,15})\s*$"
)
LABEL_STARTS = tuple("lLgG")
AXIS = re.compile(ONE, re.IGNORECASE)
POINT = re.compile(r"POINT\s*Z?\s*\(\s*(-?[\d.]+)\s+(-?[\d.]+)(?:\s+-?[\d.]+)?\s*\)", re.IGNORECASE)
DECIMAL = r"[+-]?\d{1,3}\.\d{1,15}"
FORM_POINT = re.compile(rf"({DECIMAL})\s+({DECIMAL})(?:\s+-?\d[\d.]*\s+\d[\d.]*)?")
SPLIT = re.compile(r"\s*[,;/|]\s*")
AFTER_LETTER = re.compile(r"(?<=[\d°'\"\s][NSEW])\s*(?=[\d+-])", re.IGNORECASE)
BEFORE_LETTER = re.compile(r"(?<=[\d°'\"])\s*(?=[NSEW]\s*\d)", re.IGNORECASE)
AFTER_MARK = re.compile(r"(?<=[°'\"])\s+(?=[+-]?\d{1,3}(?:\.\d+)?\s*°)")
SIX_DIGITS = re.compile(r"(?<![\d.])\d{6}")
UTM_METRES = r"(\d{6}(?:\.\d{1,6})?)\s*m?\s*E?[\s,;]+N?\s*(\d{1,8}(?:\.\d{1,6})?)\s*m?\s*N?"
UTM = re.compile(
    rf"(?:UTM\s*)?(?:zone\s*)?(\d{{1,2}})\s*([A-Z])[\s,;]+E?\s*{UTM_METRES}", re.IGNORECASE
)
UTM_LAST = re.compile(
    rf"(?:UTM\s*)?E?\s*{UTM_METRES}[\s,;]+(?:zone\s*)?(\d{{1,2}})\s*([A-Z])", re.IGNORECASE
)
BANDS = "CDEFGHJKLMNPQRSTUVWX"  # of 8 degrees from 80 south; S may also mean the south
BAND_SLACK = 0.5  # degrees; receivers near the edge of a band


class Reading(NamedTuple):
    """One coordinate: degrees, the axis its letter names ("" without), how finely it is given."""

    degrees: float
    axis: str
    step: float  # of the last digit [degree]


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A column read as coordinates.

    Attributes
    ----------
    values
        What was read, missing where nothing could be [degree; metre where so written].
    axis
        The axis named by a letter: `lon`, `lat`, or empty.
    step
        Size of the last digit written [unit of the values].
    """

    values: FloatArray
    axis: NDArray[np.object_]
    step: FloatArray


def to_plain_marks(text: str, decimal: str = ".") -> str:
    """Replace typographic marks and Khmer digits by plain ones; the decimal mark by a point."""
    plain = (text if text.isascii() and text.isprintable() else text.translate(MARKS)).strip()
    if "`" in plain:
        plain = plain.replace("`", "'")
    return re.sub(r"(?<=\d),(?=\d)", ".", plain) if decimal == "," else plain


def read_axis(text: Column, *, decimal: str) -> Coordinates:
    """Read cells that hold one coordinate each.

    Parameters
    ----------
    text
        Cells as written.
    decimal
        Decimal mark.
    """
    numbers, problems = parse_number(text, decimal=decimal)
    values = numbers.to_numpy(dtype=np.float64, copy=True)
    axis = np.full(len(values), "", dtype=object)
    step = _count_decimals(text, decimal)
    rows = np.flatnonzero(problems.notna().to_numpy())
    if len(rows):
        values[rows], axis[rows], step[rows] = _read_usual(text.iloc[rows])
        rows = rows[np.isnan(values[rows])]
    codes, distinct = pd.factorize(text.iloc[rows])
    found = [_read_one(to_plain_marks(str(one), decimal)) for one in distinct.tolist()]
    if found:
        values[rows] = np.array([one.degrees for one in found])[codes]
        axis[rows] = np.array([one.axis for one in found], dtype=object)[codes]
        step[rows] = np.array([one.step for one in found])[codes]
    return Coordinates(values, axis, step)


def _extract(text: Column, pattern: str) -> dict[str, pa.Array]:
    """Return the named groups of a pattern, null in rows that it does not match."""
    array = pa.array(text.fillna("").tolist(), type=pa.large_string())
    found = pc.extract_regex(array, pattern=pattern)
    names = [field.name for field in found.type]
    return {name: pc.struct_field(found, [at]) for at, name in enumerate(names)}


def _to_floats(text: pa.Array) -> FloatArray:
    """Return numbers; not a number for an empty or missing text."""
    filled = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    floats: FloatArray = pc.cast(filled, pa.float64()).to_numpy(zero_copy_only=False)
    return floats


def _count_after_point(text: pa.Array) -> FloatArray:
    """Return how many digits stand after the point."""
    after = pc.replace_substring_regex(text, pattern=r"^[^.]*\.?", replacement="")
    length = pc.fill_null(pc.binary_length(after), 0).to_numpy(zero_copy_only=False)
    return np.asarray(length, dtype=np.float64)


def _read_usual(text: Column) -> tuple[FloatArray, NDArray[np.object_], FloatArray]:
    """Read the usual spelling of degrees, minutes and seconds, many rows at once."""
    parts = _extract(text, USUAL)
    degrees, minutes, seconds = (_to_floats(parts[name]) for name in ("d", "m", "s"))
    has_seconds = ~np.isnan(seconds)
    seconds_or_0 = np.where(has_seconds, seconds, 0.0)
    is_fraction = _count_after_point(parts["m"]) > 0
    letters = [pc.fill_null(parts[name], "").to_numpy(zero_copy_only=False) for name in "ab"]
    is_once = (letters[0] == "") != (letters[1] == "")
    is_good = is_once & (minutes < 60) & (seconds_or_0 < 60) & ~(has_seconds & is_fraction)
    letter = letters[0] + letters[1]
    size = np.where(np.isin(letter.astype("str"), ["S", "W"]), -1.0, 1.0)
    values = size * (degrees + minutes / 60 + seconds_or_0 / 3600)
    axis = np.where(np.isin(letter.astype("str"), ["N", "S"]), "lat", "lon").astype(object)
    step = np.where(
        has_seconds,
        10.0 ** -_count_after_point(parts["s"]) / 3600,
        10.0 ** -_count_after_point(parts["m"]) / 60,
    )
    return np.where(is_good, values, np.nan), axis, step


def _count_decimals(text: Column, decimal: str) -> FloatArray:
    """Return the size of the last digit of plain numbers."""
    array = pc.utf8_trim_whitespace(pa.array(text.fillna("").tolist(), type=pa.large_string()))
    if decimal != ".":
        array = pc.replace_substring(array, pattern=decimal, replacement=".")
    step: FloatArray = np.power(10.0, -_count_after_point(array).clip(max=15))
    return step


NOTHING = Reading(np.nan, "", np.nan)
NO_PAIR = (np.nan, np.nan, np.nan)


def _read_one(plain: str) -> Reading:
    """Read one coordinate; not a number when it is none."""
    if plain[:1] in LABEL_STARTS:
        plain = LABEL.sub("", plain).strip()
    match = AXIS.fullmatch(plain) if len(plain) <= MAX_LENGTH else None
    if match is None:
        return NOTHING
    before, sign, degrees, mark, minutes, seconds, end, after = match.groups()
    if end in {"s", "S"}:  # seconds after "d" and "m" alone, else the south
        if (mark or "").lower()[:1] != "d":
            before, after = before or after, end
        elif end == "S" and mark == mark.lower():
            return NOTHING  # 11d33m45S may be either
    letter = (before or after or "").upper()
    if (before and after) or (sign and letter):
        return NOTHING  # said twice: "-11.5 S" may be either
    value, last, unit = float(degrees), degrees, 1.0
    for part, size in ((minutes, 60.0), (seconds, 3600.0)):
        if part is None:
            break
        if "." in last or float(part) >= 60:
            return NOTHING
        value, last, unit = value + float(part) / size, part, size
    axis, direction = LETTERS.get(letter, ("", 1.0))
    n_after = len(last.partition(".")[2])
    return Reading(-value if sign == "-" else direction * value, axis, 10.0**-n_after / unit)


def read_pair(text: Column, *, decimal: str) -> pd.DataFrame:
    """Read cells that hold both coordinates.

    Parameters
    ----------
    text
        Cells as written; latitude first unless letters, labels or POINT say otherwise.
    decimal
        Decimal mark.

    Returns
    -------
    pairs
        `lon`, `lat` [degree], both missing where the cell holds no pair, and `step` [degree],
        the size of the finer one's last digit.
    """
    parts = _extract(text, USUAL_PAIR)
    lat, lon = _to_floats(parts["lat"]), _to_floats(parts["lon"])
    n_after = np.maximum(_count_after_point(parts["lat"]), _count_after_point(parts["lon"]))
    result = np.column_stack([lon, lat, 10.0**-n_after])
    rows = np.flatnonzero(np.isnan(lat) & is_filled(text).to_numpy())
    if len(rows):
        codes, distinct = pd.factorize(text.iloc[rows])
        plain = [to_plain_marks(str(one), decimal)[: MAX_LENGTH * 2] for one in distinct.tolist()]
        found = np.array([_read_two(one) for one in plain], dtype=np.float64).reshape(-1, 3)
        _fill_utm(found, plain)
        result[rows] = found[codes]
    result[np.isnan(result[:, 0])] = np.nan
    return pd.DataFrame(result, columns=["lon", "lat", "step"], index=text.index)


def _read_two(plain: str) -> tuple[float, float, float]:
    """Read longitude, latitude and the step of a pair in degrees."""
    if SIX_DIGITS.search(plain) is not None:
        return NO_PAIR  # metres
    if (match := POINT.fullmatch(plain)) is not None:
        return _combine(*map(_read_one, match.groups()[::-1]))
    is_lon_first = re.match(r"\s*(?:long?(?:itude)?|lng)\b", plain, re.IGNORECASE) is not None
    bare = LABEL.sub(" ", plain).strip(" ()[]{}")
    if (match := FORM_POINT.fullmatch(bare)) is not None:
        parts = list(match.groups())
        return _combine(*map(_read_one, parts[::-1] if is_lon_first else parts))
    for cut in (_cut_at_comma, *map(_cut_at, (AFTER_LETTER, BEFORE_LETTER, AFTER_MARK))):
        parts = cut(bare)
        if len(parts) == 2:
            one, two = map(_read_one, parts)
            if is_lon_first and not one.axis:
                one, two = two, one
            read = _combine(one, two)
            if not np.isnan(read[0]):
                return read
    return NO_PAIR


def _cut_at_comma(plain: str) -> list[str]:
    """Cut at a comma or the like; "11,55" may be one number, so a point or mark must be there."""
    return SPLIT.split(plain) if re.search(r"[.°'\":NSEW]", plain, re.IGNORECASE) else [plain]


def _cut_at(pattern: re.Pattern[str]) -> Callable[[str], list[str]]:
    return partial(pattern.split)


def _combine(one: Reading, two: Reading) -> tuple[float, float, float]:
    """Return longitude, latitude and step of two readings, latitude first without letters."""
    if one.axis and one.axis == two.axis:
        return NO_PAIR
    if one.axis == "lon" or two.axis == "lat":
        one, two = two, one
    if np.isnan(one.degrees) or np.isnan(two.degrees):
        return NO_PAIR
    return two.degrees, one.degrees, min(one.step, two.step)


def _fill_utm(found: FloatArray, plain: list[str]) -> None:
    """Read UTM texts among those not yet read, zone by zone, into `found`."""
    rows = np.flatnonzero(np.isnan(found[:, 0])).tolist()
    zones: dict[tuple[int, bool], list[tuple[int, str, float, float]]] = {}
    for row in rows:
        if (match := UTM.fullmatch(plain[row])) is not None:
            zone, band, east, north = match.groups()
        elif (match := UTM_LAST.fullmatch(plain[row])) is not None:
            east, north, zone, band = match.groups()
        else:
            continue
        band = band.upper()
        if band in BANDS and band != "S" and 1 <= int(zone) <= 60:
            key = (int(zone), band >= "N")
            zones.setdefault(key, []).append((row, band, float(east), float(north)))
    for (zone, is_north), entries in zones.items():
        transformer = Transformer.from_crs(
            (32600 if is_north else 32700) + zone, 4326, always_xy=True
        )
        lon, lat = transformer.transform([e[2] for e in entries], [e[3] for e in entries])
        for (row, band, east, north), x, y in zip(entries, lon, lat, strict=True):
            if np.isfinite(x) and np.isfinite(y) and _is_in_band(band, y):
                is_round = east % 100 == 0 and north % 100 == 0
                found[row] = x, y, METRE_DEGREES * (100 if is_round else 1)


def _is_in_band(band: str, lat: float) -> bool:
    """Tell whether a latitude fits the letter; N is also read as north."""
    south = -80.0 + 8 * BANDS.index(band)
    north = 84.0 if band in "NX" else south + 8
    return south - BAND_SLACK <= lat <= north + BAND_SLACK
