"""What the parts of the data-quality report share: their shape, their words, what is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

__all__ = [
    "CANNOT_TELL",
    "FDR",
    "FINE",
    "HIDDEN",
    "LOOK",
    "NOT_KNOWN",
    "NOT_SHOWN",
    "SMALL",
    "Finding",
    "Section",
    "Table",
    "hide_small",
    "join_names",
    "name_field",
    "write_chance",
    "write_number",
    "write_share",
]

SMALL: Final = 5  # a count of people below it could point at one
HIDDEN: Final = f"fewer than {SMALL}"
NOT_SHOWN: Final = "not shown"
NOT_KNOWN: Final = "not known"
LOOK, FINE, CANNOT_TELL = "look", "fine", "cannot tell"
FDR: Final = 0.05
FIELD_WORDS: Final = {
    "time_of_day": "Time of day",
    "place": "Coordinates",
    "n_killed": "Number killed",
    "n_serious": "Number badly hurt",
    "n_slight": "Number slightly hurt",
    "n_vehicles": "Number of vehicles",
    "is_worker_commute": "On the way to or from work",
    "factory_id": "Factory (of workers only)",
    "helmet": "Helmet (on two wheels only)",
    "age_band": "Age",
    "is_worker": "Is a worker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found, and what to do about it."""

    level: str  # look, fine, cannot tell
    text: str
    do: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as it is shown."""

    caption: str
    frame: pd.DataFrame
    is_long: bool = False  # folded away until asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One question about the records and its answer."""

    title: str
    intro: str
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...] = ()
    charts: tuple[tuple[str, str], ...] = ()  # caption, SVG


def name_field(name: str) -> str:
    """Return what a field is called in the report."""
    words = name.removeprefix("is_").removeprefix("n_").replace("_", " ").capitalize()
    return FIELD_WORDS.get(name, words)


def write_share(share: float | None, digits: int = 0) -> str:
    """Write a share as a percentage."""
    return NOT_KNOWN if share is None else f"{share:.{digits}%}"


def hide_small(n: int) -> str:
    """Write a count, but not one so small that it could point at a person."""
    return HIDDEN if 0 < n < SMALL else f"{n:,}"


def write_chance(value: float | None) -> str:
    """Write a probability, a very small one as "below 0.001"."""
    if value is None:
        return NOT_KNOWN
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def join_names(names: Sequence[str], most: int = 6) -> str:
    """Write the first names and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def write_number(n: int, one: str, many: str = "") -> str:
    """Write a number with its noun, in the singular or the plural."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
