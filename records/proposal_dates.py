"""Find out how dates are written, by trying; day or month first is told by days above 12."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from records.moments import parse_moment

__all__ = ["MIN_READ_SHARE", "DateFormats", "add_clocks", "find_formats"]

MIN_READ_SHARE = 0.9  # of filled cells that must be what the field holds
MAX_TRIED = 2_000
EARLIEST_EPOCH_S = 315_532_800  # 1980: smaller numbers are something else
SERIALS = (18_264, 73_415)  # 1950 to 2100, days
EPOCH_S = (EARLIEST_EPOCH_S, 4_102_444_800)  # to 2100
DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%m-%d-%y", "%m.%d.%y")
PLAIN_DATES = ("%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y",
               "%b %d, %Y", "%B %d, %Y", "%b %d %Y")  # fmt: skip
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", "T%H:%M", " %Hh%M")


@dataclass(frozen=True, slots=True)
class DateFormats:
    """The formats that occur, and whether they might as well be read month first."""

    formats: list[str]
    is_ambiguous: bool = False


def find_formats(filled: pd.Series[str]) -> DateFormats | None:
    """Return how dates are written; None if these are none."""
    distinct = pd.Series(filled.unique()[:MAX_TRIED], dtype="str")
    latest = pd.Timestamp(2100, 1, 1)

    def share(formats: tuple[str, ...]) -> float:
        moments = parse_moment(distinct, formats=formats, latest=latest)
        return float(moments.values.notna().mean())

    if share(()) >= MIN_READ_SHARE:
        return DateFormats(["%Y-%m-%d %H:%M", "%Y-%m-%d", *_iso_rest(distinct)])
    numbers = pd.to_numeric(distinct, errors="coerce")
    if numbers.notna().mean() >= MIN_READ_SHARE and not distinct.str.fullmatch(r"\d{8}").all():
        return _find_numbered(numbers)
    used_clocks = [clock for clock in CLOCKS if _uses_clock(distinct, clock)]

    def with_clocks(dates: Iterable[str]) -> list[str]:
        return [date + clock for date in dates for clock in used_clocks]

    def keep_used(dates: Iterable[str]) -> list[str]:
        return [one for one in with_clocks(dates) if share((one,)) > 0]

    iso = keep_used(("%Y-%m-%d",))  # half a register may be written so
    day, month, plain = map(keep_used, (DAY_FIRST, MONTH_FIRST, PLAIN_DATES))
    day, month, plain = (found + iso if found else [] for found in (day, month, plain))
    shares = {name: share(tuple(f)) if f else 0.0
              for name, f in (("day", day), ("month", month), ("plain", plain))}  # fmt: skip
    best = max(shares, key=shares.__getitem__)
    if shares[best] < MIN_READ_SHARE:
        return None
    if best == "plain":
        return DateFormats(plain)
    if shares["day"] == shares["month"]:
        return DateFormats(day, is_ambiguous=True)
    return DateFormats(day if best == "day" else month)


def _iso_rest(distinct: pd.Series[str]) -> list[str]:
    rest = []
    if distinct.str.contains("T").any():
        rest += ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S.%f"]
    return [*rest, "%Y-%m-%d %H:%M:%S"]


def _uses_clock(distinct: pd.Series[str], clock: str) -> bool:
    timed = distinct.str.contains(r"\d[:h]\d\d", regex=True)
    if clock == "":
        return bool((~timed).any())
    return bool(timed.any()) and ("T" not in clock or bool(distinct.str.contains("T").any()))


def _find_numbered(numbers: pd.Series[Any]) -> DateFormats | None:
    for name, (low, high), scale in (
        ("excel_serial", SERIALS, 1),
        ("epoch_s", EPOCH_S, 1),
        ("epoch_ms", EPOCH_S, 1000),
    ):
        known = numbers.dropna() / scale
        if known.between(low, high).mean() >= MIN_READ_SHARE:
            return DateFormats([name])
    return None


def add_clocks(formats: list[str], clock: pd.Series[str] | None) -> list[str]:
    """Return the formats of a date with the time of another column behind it."""
    if clock is None or not len(clock) or any("%H" in one or "%I" in one for one in formats):
        return formats
    is_half_day = clock.str.contains("m", case=False).any()
    hour = "%I:%M{} %p" if is_half_day else "%H:%M{}"
    clocks = [hour.format(seconds) for seconds in ("", ":%S")]
    if clock.str.contains("h").any():
        clocks.append("%Hh%M")
    if clock.str.match(r"^\d{1,2}\.\d{2}$").any():
        clocks.append("%H.%M")
    return [*(f"{date} {one}" for date in formats for one in clocks), *formats]
