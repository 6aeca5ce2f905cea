"""Turn columns of text into typed columns, saying for each row what was wrong.

Every function takes a text column and returns the typed column and a column of
problems (missing where all is well), both with the index of the input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import shapely

from core.vocabulary import AgeBand
from records.codebooks import find_word, simplify_word

__all__ = [
    "Column",
    "Parsed",
    "clean_text",
    "is_filled",
    "no_problem",
    "parse_count",
    "parse_line",
    "parse_moment",
    "parse_number",
    "parse_truth",
    "parse_word",
    "parse_words",
]

Column: TypeAlias = "pd.Series[Any]"
NOTHING = {"", "null", "none", "nan", "n/a", "#n/a", "nat"}
NO_VALUE = NOTHING | {"-", "--", "na", "?", "."}
NOT_KNOWN = NO_VALUE | {"unknown", "not known", "unk", "not recorded", "not stated"}
ISO_MOMENT = re.compile(
    r"^\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?$", re.ASCII
)
OFFSET = r"[+-]\d{2}:?\d{2}$"
ISO_FORMATS = (
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%f",
)
# Formats that are numbers: days as spreadsheets count them, and time since 1970 (UTC).
NUMBERED: Final[dict[str, tuple[str, Literal["D", "s", "ms"]]]] = {
    "excel_serial": ("1899-12-30", "D"),
    "epoch_s": ("1970-01-01", "s"),
    "epoch_ms": ("1970-01-01", "ms"),
}
EARLIEST = pd.Timestamp(1900, 1, 1)
MAX_COUNT = 1_000_000_000
AGE_BANDS = ((0, 15), (15, 25), (25, 35), (35, 45), (45, 60), (60, 121))


class Parsed(NamedTuple):
    """A typed column and, for each row, what was wrong with it (missing: nothing)."""

    values: Column
    problems: Column


def no_problem(like: Column | pd.DataFrame) -> Column:
    """Return a column that says that all is well everywhere."""
    return pd.Series(pd.NA, index=like.index, dtype="str")


def _on_distinct(text: Column, parse: Callable[[Column], tuple[Column, ...]]) -> list[Column]:
    """Apply `parse` to the distinct texts only, and spread what it returns over all rows."""
    codes, distinct = pd.factorize(text.fillna(""))
    columns = parse(pd.Series(distinct, dtype="str").str.strip())
    return [column.take(codes).set_axis(text.index) for column in columns]


def clean_text(text: Column) -> Column:
    """Trim, and make what only says that there is nothing missing."""

    def parse(distinct: Column) -> tuple[Column]:
        return (distinct.mask(distinct.str.lower().isin(NOTHING)),)

    (cleaned,) = _on_distinct(text, parse)
    return cleaned


def is_filled(text: Column) -> Column:
    """Tell which cells hold a value."""
    (filled,) = _on_distinct(text, lambda distinct: (_has_value(distinct),))
    return filled


def _has_value(trimmed: Column) -> Column:
    return ~trimmed.str.lower().isin(NO_VALUE)


def parse_number(text: Column, *, decimal: str = ".") -> Parsed:
    """Read finite numbers; a comma is a decimal mark only when `decimal` says so."""

    def parse(distinct: Column) -> Parsed:
        filled = _has_value(distinct)
        plain = distinct.where(filled)
        if decimal == ",":
            plain = plain.str.replace(",", ".", regex=False)
        values = pd.to_numeric(plain, errors="coerce").astype("float64")
        values = values.where(np.isfinite(values))
        problems = no_problem(distinct).mask(filled & values.isna(), "is not a number")
        return Parsed(values, problems)

    return Parsed(*_on_distinct(text, parse))


def parse_count(text: Column, *, decimal: str = ".") -> Parsed:
    """Read whole numbers that are 0 or more."""

    def parse(distinct: Column) -> Parsed:
        numbers, problems = parse_number(distinct, decimal=decimal)
        problems = problems.mask(numbers < 0, "is negative")
        problems = problems.mask((numbers >= 0) & (numbers % 1 != 0), "is not a whole number")
        problems = problems.mask(numbers > MAX_COUNT, "is too large to be a count")
        return Parsed(numbers.mask(problems.notna()).astype("Int64"), problems)

    return Parsed(*_on_distinct(text, parse))


def parse_line(text: Column) -> Parsed:
    """Read lines in degrees (WKT LINESTRING), with at least two different places."""

    def parse(distinct: Column) -> Parsed:
        filled = _has_value(distinct)
        lines = shapely.from_wkt(distinct.where(filled, None).to_numpy(object), on_invalid="ignore")
        lines = shapely.force_2d(lines)
        is_line = shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING
        west, south, east, north = shapely.bounds(lines).T
        is_on_earth = (west >= -180) & (south >= -90) & (east <= 180) & (north <= 90)
        problems = no_problem(distinct).mask(filled & ~is_line, "is not a line (WKT LINESTRING)")
        problems = problems.mask(is_line & ~is_on_earth, "is not in degrees")
        problems = problems.mask(is_line & (shapely.length(lines) == 0), "has no length")
        values = pd.Series(shapely.to_wkt(lines, rounding_precision=7), distinct.index, dtype="str")
        return Parsed(values.where(filled & problems.isna()), problems)

    return Parsed(*_on_distinct(text, parse))


def parse_moment(
    text: Column,
    *,
    formats: tuple[str, ...],
    latest: pd.Timestamp,
    midnight_is_missing: bool = False,
) -> tuple[Parsed, Column]:
    """Read local dates and times; also tell which have a time.

    Parameters
    ----------
    text
        Dates, or dates with times.
    formats
        strptime formats to try in order, or names of `NUMBERED`; empty: ISO 8601. A UTC
        offset in ISO text is dropped, since the wall-clock time is what was reported.
    latest
        A later moment is in the future.
    midnight_is_missing
        Whether 00:00 means that no time was noted.

    Returns
    -------
    parsed, has_time
        Moments as datetime64[us], and whether each has a time.
    """

    def parse(distinct: Column) -> tuple[Column, ...]:
        filled = _has_value(distinct)
        values, has_time = _read_moments(distinct.where(filled), formats)
        problems = no_problem(distinct).mask(filled & values.isna(), "is not understood")
        problems = problems.mask(values > latest, "is in the future")
        problems = problems.mask(values < EARLIEST, "is before 1900")
        if midnight_is_missing:
            has_time &= values != values.dt.normalize()
        return values.mask(problems.notna()), problems, has_time & problems.isna()

    values, problems, has_time = _on_distinct(text, parse)
    return Parsed(values, problems), has_time


def _read_moments(plain: Column, formats: tuple[str, ...]) -> tuple[Column, Column]:
    """Try the formats one after the other on what is still not read."""
    values: Column = pd.Series(pd.NaT, index=plain.index, dtype="datetime64[us]")
    has_time: Column = pd.Series(False, index=plain.index)
    if not formats:
        timed = plain.str.contains(":", regex=False).fillna(False).astype(bool)
        plain = plain.mask(timed, plain.str.replace(OFFSET, "", regex=True))
        plain = plain.where(plain.fillna("").str.match(ISO_MOMENT).astype(bool))
    for pattern in formats or ISO_FORMATS:
        open_rows = values.isna() & plain.notna()
        if not open_rows.any():
            break
        if pattern in NUMBERED:
            found = _read_numbered(plain[open_rows], *NUMBERED[pattern])
            values.loc[found.index] = found
            has_time.loc[found.index] = found != found.dt.normalize()
            continue
        found = pd.to_datetime(plain[open_rows], format=pattern, errors="coerce")
        found = found.dt.tz_localize(None).astype("datetime64[us]").dropna()
        values.loc[found.index] = found
        has_time.loc[found.index] = "%H" in pattern or "%I" in pattern
    return values, has_time


def _read_numbered(plain: Column, origin: str, unit: Literal["D", "s", "ms"]) -> Column:
    """Read moments written as numbers, to the second."""
    numbers = pd.to_numeric(plain, errors="coerce")
    found = pd.to_datetime(numbers, unit=unit, origin=origin, errors="coerce")
    return found.dt.round("s").astype("datetime64[us]").dropna()


def parse_truth(text: Column) -> Parsed:
    """Read yes and no as true and false; anything else is not known."""
    words, problems = parse_word(text, codebook="yes_no_unknown")
    return Parsed(words.map({"yes": True, "no": False}).astype("boolean"), problems)


def parse_word(text: Column, *, codebook: str) -> Parsed:
    """Read words through a code book; a word in no code book is a problem that names it."""

    def parse(distinct: Column) -> Parsed:
        words = [_read_word(word, codebook) for word in distinct.tolist()]
        values = pd.Series(words, index=distinct.index, dtype="str")
        unknown = values.isna() & ~distinct.str.lower().isin(NOT_KNOWN)
        said = "word not known: " + distinct.map(_shorten).astype("str")
        return Parsed(values, no_problem(distinct).mask(unknown, said))

    return Parsed(*_on_distinct(text, parse))


def _read_word(word: str, codebook: str) -> str | None:
    known = find_word(codebook, word) if word else None
    return _find_age_band(word) if known is None and codebook == "age_band" else known


def _find_age_band(word: str) -> str | None:
    """Return the band of an age in years."""
    simple = simplify_word(word)
    if not re.fullmatch(r"\d{1,3}", simple, re.ASCII):
        return None
    bands = [band.value for band in AgeBand if band is not AgeBand.UNKNOWN]
    for band, (low, high) in zip(bands, AGE_BANDS, strict=True):
        if low <= int(simple) < high:
            return band
    return None


def parse_words(text: Column, *, codebook: str, fallback: str) -> Parsed:
    """Read lists of words (";" or "," between); an unknown word becomes `fallback`."""

    def parse(distinct: Column) -> Parsed:
        entries: list[str] = []
        problems: list[str | None] = []
        for entry in distinct.tolist():
            words = [word.strip() for word in re.split(r"[;,|+]", entry)]
            words = [word for word in words if word.lower() not in NOT_KNOWN]
            known = {word: find_word(codebook, word) for word in words}
            wrong = [word for word, found in known.items() if found is None]
            entries.append(";".join(sorted({found or fallback for found in known.values()})))
            problems.append(f"word not known: {_shorten(wrong[0])}" if wrong else None)
        index = distinct.index
        return Parsed(
            pd.Series(entries, index=index, dtype="str"),
            pd.Series(problems, index=index, dtype="str"),
        )

    return Parsed(*_on_distinct(text, parse))


def _shorten(word: object) -> str:
    text = str(word)
    return text if len(text) <= 40 else f"{text[:40]}…"
