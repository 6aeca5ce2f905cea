"""Read dates and times as they were written, on the clock of the place.

Times are kept as the clock there shows them. A time that is given with an offset from UTC
("…T23:30:00Z", "+00:00") is brought to that clock.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple

import pandas as pd

from records.values import Column, has_value, no_problem, on_distinct, with_latin_digits

__all__ = ["ISO_FORMATS", "LOCAL_ZONE", "NUMBERED", "Moments", "parse_moment"]

LOCAL_ZONE: Final = "Asia/Phnom_Penh"
ISO_FORMATS: Final = (
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
ISO_MOMENT: Final = re.compile(
    r"^\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?$", re.ASCII
)
WITH_OFFSET: Final = r":\d{2}(?:\.\d+)?\s?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
OFFSET: Final = re.compile(r"\s?(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)$", re.ASCII)
MAX_OFFSET: Final = timedelta(hours=14)
EARLIEST: Final = pd.Timestamp(1900, 1, 1)


class Moments(NamedTuple):
    """A column of moments, and what is known of each row."""

    values: Column  # datetime64[us], the clock of the place
    problems: Column  # missing: nothing
    has_time: Column
    is_converted: Column  # was given on another clock


def parse_moment(
    text: Column,
    *,
    formats: tuple[str, ...],
    latest: pd.Timestamp,
    midnight_is_missing: bool = False,
    zone: str = LOCAL_ZONE,
) -> Moments:
    """Read dates and times; also tell which have a time.

    Parameters
    ----------
    text
        Dates, or dates with times; also in Khmer digits.
    formats
        strptime formats to try in order, or names of `NUMBERED`; empty: ISO 8601.
    latest
        A later moment is in the future.
    midnight_is_missing
        Whether 00:00 means that no time was noted; such a row keeps its date, whatever
        offset is written.
    zone
        Time zone of the clock that a time with an offset from UTC is brought to, as the
        IANA names it.

    Returns
    -------
    moments
        With the index of `text`.
    """

    def parse(distinct: Column) -> tuple[Column, ...]:
        filled = has_value(distinct)
        plain = with_latin_digits(distinct).where(filled)
        is_offset = plain.str.contains(WITH_OFFSET, regex=True).fillna(False).astype(bool)
        offsets = plain[is_offset].map(_read_offset)
        if len(offsets):
            plain = plain.mask(is_offset, plain.str.replace(OFFSET, "", regex=True))
        written, has_time = _read_moments(plain, formats)
        if midnight_is_missing:
            has_time &= written != written.dt.normalize()
        values = written.copy()
        values.loc[offsets.index] = _bring_to_zone(
            written[offsets.index], offsets, has_time[offsets.index], zone
        )
        problems = no_problem(distinct).mask(filled & values.isna(), "is not understood")
        problems = problems.mask(values > latest, "is in the future")
        problems = problems.mask(values < EARLIEST, "is before 1900")
        is_converted = values.ne(written) & problems.isna() & values.notna()
        return (
            values.mask(problems.notna()),
            problems,
            has_time & problems.isna(),
            is_converted,
        )

    return Moments(*on_distinct(text, parse))


def _read_offset(text: str) -> timedelta | None:
    """Return the offset that ends a text; None if no clock has it."""
    found = OFFSET.search(text)
    if found is None or found[1]:
        return timedelta()
    offset = timedelta(hours=int(found[3]), minutes=int(found[4] or 0))
    if offset > MAX_OFFSET or int(found[4] or 0) >= 60:
        return None
    return -offset if found[2] == "-" else offset


def _bring_to_zone(written: Column, offsets: Column, has_time: Column, zone: str) -> Column:
    """Return the local time of moments; a date without a time stays."""
    shift = pd.to_timedelta(offsets).astype("timedelta64[us]")
    utc = (written - shift).dt.tz_localize("UTC")
    local = utc.dt.tz_convert(zone).dt.tz_localize(None).astype("datetime64[us]")
    return local.where(has_time | shift.isna(), written)


def _read_moments(plain: Column, formats: tuple[str, ...]) -> tuple[Column, Column]:
    """Try the formats one after the other on what is still not read."""
    values: Column = pd.Series(pd.NaT, index=plain.index, dtype="datetime64[us]")
    has_time: Column = pd.Series(False, index=plain.index)
    if not formats:
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


def _read_numbered(plain: Column, origin: str, unit: Literal["D", "s", "ms"]) -> pd.Series[Any]:
    """Read moments written as numbers, to the second."""
    numbers = pd.to_numeric(plain, errors="coerce")
    found = pd.to_datetime(numbers, unit=unit, origin=origin, errors="coerce")
    return found.dt.round("s").astype("datetime64[us]").dropna()
