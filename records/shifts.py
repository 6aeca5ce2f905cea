"""Read a factory's shifts: "06:30-15:30;15:30-00:30", "7am-4pm", "07h00 – 16h00 x 60%".

A text is read as a whole or not at all: half of a factory's shifts would put all its workers
on that half. What is unknown stays unknown.
"""  # noqa: RUF002

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

__all__ = ["UNKNOWN_SHIFT", "Shift", "ShiftsReading", "parse_shifts", "tabulate_shifts"]

UNKNOWN_SHIFT: Final = "unknown"
MINUTES_PER_DAY: Final = 1440
SHORTEST_MIN, LONGEST_MIN = 120, 960  # a shift; else the text means something else
SHARE_TOLERANCE: Final = 0.011  # shares written in whole per cents may miss 100 % by one
MAX_QUOTED: Final = 30

_NOTHING: Final = {"", "unknown", "not known", "n/a", "na", "none", "-", "?", "nan"}
_TIME: Final = (
    r"(?:(?P<{0}_word>noon|midnight)"
    r"|(?P<{0}_hour>\d{{1,2}})(?:\s*[:.h]\s*(?P<{0}_minute>[0-5]\d)(?::[0-5]\d)?(?:\s*h)?|\s*h)?"
    r"\s*(?P<{0}_half>[ap]\.?\s?m\.?(?![a-z]))?"
    r"|(?P<{0}_four>\d{{4}})\s*h?)"
)
_TO: Final = r"\s*(?:-|to|till|until|à|a|ដល់|~|至)\s*"
_LABEL: Final = (
    r"(?:(?:shift|team|group|day|night|morning|afternoon|evening|វេន)\s*)+"
    r"(?:[a-d]\b|[1-4](?=\s*[:.)=]))?\s*[:.)=]?\s*"
)
_SHARE: Final = r"(?:\s*(?:[x×*:(=]|\()\s*(?P<share>\d{1,3}(?:[.,]\d+)?)\s*%\s*\)?)"  # noqa: RUF001
_SHIFT: Final = re.compile(
    rf"(?:{_LABEL})?(?<!\d)(?:from\s+)?{_TIME.format('start')}{_TO}{_TIME.format('end')}(?!\d)"
    rf"{_SHARE}?"
)
_BETWEEN: Final = re.compile(r"[\s;,/|&+]*(?:and|និង)?[\s;,/|&+]*")
_DASHES: Final = re.compile("[\u2010-\u2015\u2212]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One shift of a factory, on the clock of the place."""

    start_min: int  # minutes after midnight, 0 to 1439
    end_min: int  # the same; smaller than the start where the shift ends the next day
    share: float  # of the factory's workers; all shares sum to 1
    is_share_stated: bool  # False: workers spread evenly for want of knowing

    @property
    def name(self) -> str:
        """Return the shift as `06:30-15:30`."""
        return f"{_to_clock(self.start_min)}-{_to_clock(self.end_min)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftsReading:
    """What a text says: shifts, or why it could not be read; neither where it says nothing."""

    shifts: tuple[Shift, ...]
    problem: str = ""


def parse_shifts(text: object) -> ShiftsReading:
    """Read the shifts of one factory.

    Parameters
    ----------
    text
        As recorded; missing, blank or "unknown" is no problem and gives no shift.

    Returns
    -------
    reading
        Shifts in the order of the text. Without shares, workers are spread evenly; where
        some shifts have one, the others share what is left.

    Notes
    -----
    Times without am or pm are those of 24 hours; a shift of less than 2 or more than 16
    hours is refused, so "8-5" is not taken for one of 21 hours.
    """
    if text is None or text is pd.NA or (isinstance(text, float) and np.isnan(text)):
        return ShiftsReading(shifts=())
    plain = _simplify(str(text))
    if plain in _NOTHING:
        return ShiftsReading(shifts=())
    found: list[tuple[int, int, float | None]] = []
    position = 0
    for match in _SHIFT.finditer(plain):
        between = plain[position : match.start()]
        if not _BETWEEN.fullmatch(between):
            return _refuse(f"cannot read {_quote(between)}")
        start, end = _read_time(match, "start"), _read_time(match, "end")
        if start is None or end is None:
            return _refuse(f"{_quote(match[0])} is no pair of clock times")
        length = (end - start) % MINUTES_PER_DAY
        if not SHORTEST_MIN <= length <= LONGEST_MIN:
            return _refuse(
                f"{_quote(match[0])} lasts {length / 60:g} hours; write 24-hour times or am and pm"
            )
        share = match["share"]
        found.append((start, end, None if share is None else float(share.replace(",", ".")) / 100))
        position = match.end()
    if not found or not _BETWEEN.fullmatch(plain[position:]):
        return _refuse(f"cannot read {_quote(plain[position:])}; write 06:30-15:30;15:30-00:30")
    if len({(start, end) for start, end, _ in found}) < len(found):
        return _refuse("a shift is there twice")
    return _share_out(found)


def tabulate_shifts(factories: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the shifts of all factories.

    Parameters
    ----------
    factories
        Columns `factory_id`, `shifts`.

    Returns
    -------
    shifts
        One row a factory and shift: `factory_id`, `shift` (such as `06:30-15:30`, or
        `unknown`), `start_min`, `end_min` (missing where unknown), `share` of the factory's
        workers [0, 1], `is_share_stated`. A factory of unknown shifts has one row.
    problems
        One row a text that could not be read: `factory_id`, `shifts`, `reason`.
    """
    rows: list[tuple[object, ...]] = []
    problems: list[tuple[object, object, str]] = []
    for factory, text in zip(factories["factory_id"], factories["shifts"], strict=True):
        reading = parse_shifts(text)
        if reading.problem:
            problems.append((factory, text, reading.problem))
        for one in reading.shifts:
            rows.append(
                (factory, one.name, one.start_min, one.end_min, one.share, one.is_share_stated)
            )
        if not reading.shifts:
            rows.append((factory, UNKNOWN_SHIFT, None, None, 1.0, False))
    columns = ["factory_id", "shift", "start_min", "end_min", "share", "is_share_stated"]
    types = {"start_min": "Int64", "end_min": "Int64", "share": "float64"}
    shifts = pd.DataFrame(rows, columns=columns).astype({**types, "is_share_stated": "bool"})
    return shifts, pd.DataFrame(problems, columns=["factory_id", "shifts", "reason"])


def _simplify(text: str) -> str:
    """Return lower case, digits of any script as 0-9, one kind of dash, single blanks."""
    plain = "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in unicodedata.normalize("NFKC", text)
    )
    return " ".join(_DASHES.sub("-", plain).casefold().split())


def _read_time(match: re.Match[str], side: str) -> int | None:
    word, four, half = match[f"{side}_word"], match[f"{side}_four"], match[f"{side}_half"]
    if word:
        return 720 if word == "noon" else 0
    if four:
        hour, minute = int(four[:2]), int(four[2:])
    else:
        hour, minute = int(match[f"{side}_hour"]), int(match[f"{side}_minute"] or 0)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    is_time = minute < 60 and (hour < 24 or (hour == 24 and minute == 0))
    return (hour % 24) * 60 + minute if is_time else None


def _share_out(found: list[tuple[int, int, float | None]]) -> ShiftsReading:
    stated = sum(share for *_, share in found if share is not None)
    n_open = sum(share is None for *_, share in found)
    if stated > 1 + SHARE_TOLERANCE or (n_open == 0 and stated < 1 - SHARE_TOLERANCE):
        return _refuse(f"the shares of its shifts sum to {100 * stated:g} %")
    rest = max(0.0, 1.0 - stated) / n_open if n_open else 0.0
    total = stated + rest * n_open
    shifts = tuple(
        Shift(
            start_min=start,
            end_min=end,
            share=(rest if share is None else share) / total,
            is_share_stated=share is not None or len(found) == 1,
        )
        for start, end, share in found
    )
    return ShiftsReading(shifts=shifts)


def _refuse(reason: str) -> ShiftsReading:
    return ShiftsReading(shifts=(), problem=reason)


def _quote(text: str) -> str:
    return repr(text.strip()[:MAX_QUOTED])


def _to_clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
