"""Read a road and the kilometre on it: "NR4 km 23", "RN4 PK 23+500", "ផ្លូវជាតិលេខ៤ គ.ម ២៣"."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from records.coordinates_text import to_plain_marks
from records.values import Column, clean_text, no_problem, parse_number

__all__ = ["read_road_places"]

FARTHEST_KM = 5_000.0  # no road's kilometres go farther
MARK = (
    r"(?:kilomet(?:re|er)s?(?:\s*post)?|k\.?\s?m\.?(?![a-z/])|p\.?\s?k\.?(?![a-z])|kp(?![a-z])"
    r"|គីឡូម៉ែត្រ(?:ទី|លេខ)?|គ\.?\s?ម\.?)"
)
KM = r"(\d{1,4})(?:\s?\+\s?(\d{3})(?!\d)|[.,](\d{1,3})(?!\d))?(?!\d)"
# What stands before the mark must not be a letter: "pk" is no part of a name.
AFTER_MARK = re.compile(rf"(?<![^\W\d_]){MARK}\s*[.:#№]?\s*{KM}(?!\s*(?:m\b|/))", re.IGNORECASE)
AT_END = re.compile(rf"(?<![\w.,+]){KM}\s*{MARK}\s*$", re.IGNORECASE)
CHAINAGE = re.compile(r"(?<![\d+.,])(\d{1,4})\+(\d{3})(?![\d+])()")
WHOLE = re.compile(rf"(?:{MARK}\s*[.:]?\s*)?{KM}\s*(?:{MARK})?", re.IGNORECASE)
TRAILING = " \t,;:.-–/(@"  # noqa: RUF001
JOINER = re.compile(r"(?:[\s,;:(@/-]|\b(?:at|near)\b|ត្រង់)+$", re.IGNORECASE)


def read_road_places(road_text: Column, km_text: Column | None, *, decimal: str) -> pd.DataFrame:
    """Take road and kilometre apart.

    Parameters
    ----------
    road_text
        Roads as reported, with or without a kilometre.
    km_text
        Kilometres as reported; None when the file has no such column.
    decimal
        Decimal mark of the kilometres.

    Returns
    -------
    roads
        `road_name`, without the kilometre where that was understood; `road_km`; and
        `road_note`, what was amiss. A kilometre in its own column goes before one in the
        road's name; where they differ, the name stays as written.
    """
    named = _split_names(road_text)
    own, problem = _read_own(road_text, km_text, decimal)
    differs = own.notna() & named["km"].notna() & ((own - named["km"]).abs() > 0.5)
    note = problem.mask(differs, "road_km differs from the kilometre in road_name; the first kept")
    name = named["name"].mask(differs, clean_text(road_text))
    return pd.DataFrame(
        {"road_name": name, "road_km": own.fillna(named["km"]), "road_note": note},
        index=road_text.index,
    )


def _split_names(road_text: Column) -> pd.DataFrame:
    codes, distinct = pd.factorize(clean_text(road_text).fillna(""))
    parts = [_split(str(one)) for one in distinct.tolist()]
    names = pd.Series([name or None for name, _ in parts], dtype="str")
    kms = pd.Series([km for _, km in parts], dtype="float64")
    return pd.DataFrame(
        {
            "name": names.take(codes).set_axis(road_text.index),
            "km": kms.take(codes).set_axis(road_text.index),
        }
    )


def _split(text: str) -> tuple[str, float]:
    """Return a road's name and its kilometre; not a number without one."""
    plain = _to_equal_length(text)
    for pattern in (AFTER_MARK, CHAINAGE, AT_END):
        match = pattern.search(plain)
        if match is None:
            continue
        before = JOINER.sub("", text[: match.start()].rstrip(TRAILING))
        rest = text[match.end() :].strip(TRAILING + ")")
        name = f"{before} {rest}".strip()
        km = _to_km(*match.groups())
        if km <= FARTHEST_KM and _names_road(name, needs_number=pattern is AT_END):
            return name, km
    return text, np.nan


def _to_equal_length(text: str) -> str:
    """Replace Khmer digits and odd blanks one for one, so that places in the text stay."""
    plain = [to_plain_marks(letter) or " " for letter in text]
    return "".join(one if len(one) == 1 else " " for one in plain)


def _names_road(name: str, *, needs_number: bool) -> bool:
    """Tell whether a road is left without the kilometre: "Km 6" alone is a part of town."""
    if needs_number:
        return any(letter.isdigit() for letter in name) and any(one.isalpha() for one in name)
    return any(letter.isalnum() for letter in name)


def _to_km(whole: str, metres: str | None, decimals: str | None) -> float:
    if metres:
        return int(whole) + int(metres) / 1000
    return float(f"{int(whole)}.{decimals}") if decimals else float(whole)


def _read_own(road_text: Column, km_text: Column | None, decimal: str) -> tuple[Column, Column]:
    """Read the column of kilometres: "23.5", "23+500", "PK 23", "គ.ម ២៣"."""
    note = no_problem(road_text)
    if km_text is None:
        return pd.Series(np.nan, index=road_text.index, dtype="float64"), note
    plain, problem = parse_number(km_text, decimal=decimal)
    codes, distinct = pd.factorize(km_text.fillna("").where(problem.notna(), ""))
    read = pd.Series([_read_km(str(one)) for one in distinct.tolist()], dtype="float64")
    values = plain.fillna(read.take(codes).set_axis(km_text.index))
    is_wrong = (problem.notna() & values.isna()) | (values < 0) | (values > FARTHEST_KM)
    note = note.mask(is_wrong, "road_km is no kilometre of a road; kept without it")
    return values.mask(is_wrong), note


def _read_km(text: str) -> float:
    match = WHOLE.fullmatch(_to_equal_length(text).strip()[:40])
    return np.nan if match is None else _to_km(*match.groups())
