"""Turn columns of text into typed columns, saying for each row what was wrong.

Every function takes a text column and returns the typed column and a column of
problems (missing where all is well), both with the index of the input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import shapely

from core.vocabulary import AgeBand
from records.codebooks import find_word, simplify_word

__all__ = [
    "Column",
    "Parsed",
    "clean_text",
    "has_value",
    "is_filled",
    "no_problem",
    "on_distinct",
    "parse_count",
    "parse_line",
    "parse_number",
    "parse_truth",
    "parse_word",
    "parse_words",
    "with_latin_digits",
]

Column: TypeAlias = "pd.Series[Any]"
NOTHING = {"", "null", "none", "nan", "n/a", "#n/a", "nat"}
NO_VALUE = NOTHING | {"-", "--", "na", "?", "."}
NOT_KNOWN = NO_VALUE | {"unknown", "not known", "unk", "not recorded", "not stated"}
_KHMER_DIGITS: Final = str.maketrans("០១២៣៤៥៦៧៨៩", "0123456789")
MAX_COUNT = 1_000_000_000
AGE_BANDS = ((0, 15), (15, 25), (25, 35), (35, 45), (45, 60), (60, 121))


class Parsed(NamedTuple):
    """A typed column and, for each row, what was wrong with it (missing: nothing)."""

    values: Column
    problems: Column


def no_problem(like: Column | pd.DataFrame) -> Column:
    """Return a column that says that all is well everywhere."""
    return pd.Series(pd.NA, index=like.index, dtype="str")


def on_distinct(text: Column, parse: Callable[[Column], tuple[Column, ...]]) -> list[Column]:
    """Apply `parse` to the distinct texts only, and spread what it returns over all rows."""
    codes, distinct = pd.factorize(text.fillna(""))
    columns = parse(pd.Series(distinct, dtype="str").str.strip())
    return [column.take(codes).set_axis(text.index) for column in columns]


def clean_text(text: Column) -> Column:
    """Trim, and make what only says that there is nothing missing."""

    def parse(distinct: Column) -> tuple[Column]:
        return (distinct.mask(distinct.str.lower().isin(NOTHING)),)

    (cleaned,) = on_distinct(text, parse)
    return cleaned


def is_filled(text: Column) -> Column:
    """Tell which cells hold a value."""
    (filled,) = on_distinct(text, lambda distinct: (has_value(distinct),))
    return filled


def has_value(trimmed: Column) -> Column:
    """Tell which of some trimmed texts are a value."""
    return ~trimmed.str.lower().isin(NO_VALUE)


def with_latin_digits(text: Column) -> Column:
    """Return texts with Khmer digits written as 0 to 9."""
    if all(map(str.isascii, text.dropna().tolist())):
        return text
    latin: Column = text.str.translate(_KHMER_DIGITS)
    return latin


def parse_number(text: Column, *, decimal: str = ".") -> Parsed:
    """Read finite numbers; a comma is a decimal mark only when `decimal` says so."""

    def parse(distinct: Column) -> Parsed:
        filled = has_value(distinct)
        plain = distinct.where(filled)
        if decimal == ",":
            plain = plain.str.replace(",", ".", regex=False)
        values = pd.to_numeric(plain, errors="coerce").astype("float64")
        values = values.where(np.isfinite(values))
        problems = no_problem(distinct).mask(filled & values.isna(), "is not a number")
        return Parsed(values, problems)

    return Parsed(*on_distinct(text, parse))


def parse_count(text: Column, *, decimal: str = ".") -> Parsed:
    """Read whole numbers that are 0 or more."""

    def parse(distinct: Column) -> Parsed:
        numbers, problems = parse_number(distinct, decimal=decimal)
        problems = problems.mask(numbers < 0, "is negative")
        problems = problems.mask((numbers >= 0) & (numbers % 1 != 0), "is not a whole number")
        problems = problems.mask(numbers > MAX_COUNT, "is too large to be a count")
        return Parsed(numbers.mask(problems.notna()).astype("Int64"), problems)

    return Parsed(*on_distinct(text, parse))


def parse_line(text: Column) -> Parsed:
    """Read lines in degrees (WKT LINESTRING), with at least two different places."""

    def parse(distinct: Column) -> Parsed:
        filled = has_value(distinct)
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

    return Parsed(*on_distinct(text, parse))


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

    return Parsed(*on_distinct(text, parse))


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

    return Parsed(*on_distinct(text, parse))


def _shorten(word: object) -> str:
    text = str(word)
    return text if len(text) <= 40 else f"{text[:40]}…"
