"""Turn columns of text into typed columns, saying for each row what was wrong.

Every function takes a text column and returns the typed column and a column of
problems (missing where all is well), both with the index of the input.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from core.vocabulary import AgeBand
from records.codebooks import find_word, simplify_word

__all__ = [
    "Parsed",
    "clean_text",
    "is_filled",
    "parse_count",
    "parse_moment",
    "parse_number",
    "parse_truth",
    "parse_word",
    "parse_words",
]

Text = "pd.Series[str]"
NOTHING = {"", "null", "none", "nan", "n/a", "#n/a", "nat"}
NO_VALUE = NOTHING | {"-", "--", "na", "?", "."}
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
EARLIEST = pd.Timestamp(1900, 1, 1)
MAX_COUNT = 1_000_000_000
AGE_BANDS = ((0, 15), (15, 25), (25, 35), (35, 45), (45, 60), (60, 121))


class Parsed(NamedTuple):
    """A typed column and, for each row, what was wrong with it (missing: nothing)."""

    values: pd.Series[object]
    problems: pd.Series[str]


def _no_problem(like: pd.Series[str]) -> pd.Series[str]:
    return pd.Series(pd.NA, index=like.index, dtype="str")


def clean_text(text: pd.Series[str]) -> pd.Series[str]:
    """Trim, and make what only says that there is nothing missing."""
    trimmed = text.fillna("").str.strip()
    return trimmed.mask(trimmed.str.lower().isin(NOTHING))


def is_filled(text: pd.Series[str]) -> pd.Series[bool]:
    """Tell which cells hold a value."""
    return ~text.fillna("").str.strip().str.lower().isin(NO_VALUE)


def parse_number(text: pd.Series[str], *, decimal: str = ".") -> Parsed:
    """Read finite numbers; a comma is a decimal mark only when `decimal` says so."""
    trimmed = text.fillna("").str.strip()
    filled = is_filled(trimmed)
    plain = trimmed.where(filled)
    if decimal == ",":
        plain = plain.str.replace(",", ".", regex=False)
    values = pd.to_numeric(plain, errors="coerce").astype("float64")
    values = values.where(np.isfinite(values))
    problems = _no_problem(text).mask(filled & values.isna(), "is not a number")
    return Parsed(values, problems)


def parse_count(text: pd.Series[str], *, decimal: str = ".") -> Parsed:
    """Read whole numbers that are 0 or more."""
    values, problems = parse_number(text, decimal=decimal)
    numbers = values.astype("float64")
    problems = problems.mask(numbers < 0, "is negative")
    problems = problems.mask((numbers >= 0) & (numbers % 1 != 0), "is not a whole number")
    problems = problems.mask(numbers > MAX_COUNT, "is too large to be a count")
    return Parsed(numbers.mask(problems.notna()).astype("Int64"), problems)


def parse_moment(
    text: pd.Series[str],
    *,
    formats: tuple[str, ...],
    latest: pd.Timestamp,
    midnight_is_missing: bool = False,
) -> tuple[Parsed, pd.Series[bool]]:
    """Read local dates and times; also tell which have a time.

    Parameters
    ----------
    text
        Dates, or dates with times.
    formats
        strptime formats to try in order; empty: ISO 8601. A UTC offset in ISO text is
        dropped, since the wall-clock time is what was reported.
    latest
        A later moment is in the future.
    midnight_is_missing
        Whether 00:00 means that no time was noted.

    Returns
    -------
    parsed, has_time
        Moments as datetime64[us], and whether each has a time.
    """
    trimmed = text.fillna("").str.strip()
    filled = is_filled(trimmed)
    plain = trimmed.where(filled)
    values = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    has_time = pd.Series(False, index=text.index)
    if not formats:
        plain = plain.str.replace(OFFSET, "", regex=True).where(
            plain.str.contains(":", regex=False).fillna(False), plain
        )
        plain = plain.where(plain.fillna("").str.match(ISO_MOMENT))
    for pattern in formats or ISO_FORMATS:
        open_rows = values.isna() & plain.notna()
        if not open_rows.any():
            break
        found = pd.to_datetime(plain[open_rows], format=pattern, errors="coerce")
        found = found.dt.tz_localize(None).astype("datetime64[us]").dropna()
        values.loc[found.index] = found
        has_time.loc[found.index] = "%H" in pattern or "%I" in pattern
    problems = _no_problem(text).mask(filled & values.isna(), "is not understood")
    problems = problems.mask(values > latest, "is in the future")
    problems = problems.mask(values < EARLIEST, "is before 1900")
    if midnight_is_missing:
        has_time &= values != values.dt.normalize()
    return Parsed(values.mask(problems.notna()), problems), has_time & problems.isna()


def parse_truth(text: pd.Series[str]) -> Parsed:
    """Read yes and no as true and false; anything else is not known."""
    words, problems = parse_word(text, codebook="yes_no_unknown")
    values = words.map({"yes": True, "no": False}).astype("boolean")
    return Parsed(values, problems)


def parse_word(text: pd.Series[str], *, codebook: str) -> Parsed:
    """Read words through a code book; a word in no code book is a problem that names it."""
    trimmed = text.fillna("").str.strip()
    filled = is_filled(trimmed)
    book: dict[str, str | None] = {}
    for word in trimmed[filled].unique().tolist():
        book[word] = find_word(codebook, word)
        if book[word] is None and codebook == "age_band":
            book[word] = _find_age_band(word)
    values = trimmed.where(filled).map(book).astype("str")
    unknown = filled & values.isna()
    problems = _no_problem(text)
    if unknown.any():
        problems = problems.mask(unknown, "word not known: " + trimmed.map(_shorten).astype("str"))
    return Parsed(values, problems)


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


def parse_words(text: pd.Series[str], *, codebook: str, fallback: str) -> Parsed:
    """Read lists of words (";" or "," between); an unknown word becomes `fallback`."""
    trimmed = text.fillna("").str.strip()
    book: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for entry in trimmed.unique().tolist():
        found: set[str] = set()
        for word in re.split(r"[;,|+]", entry):
            if word.strip().lower() in NO_VALUE:
                continue
            known = find_word(codebook, word)
            if known is None:
                wrong.setdefault(entry, f"word not known: {_shorten(word.strip())}")
            found.add(known or fallback)
        book[entry] = ";".join(sorted(found))
    values = trimmed.map(book).astype("str")
    return Parsed(values, trimmed.map(wrong).astype("str"))


def _shorten(word: object) -> str:
    text = str(word)
    return text if len(text) <= 40 else f"{text[:40]}…"
