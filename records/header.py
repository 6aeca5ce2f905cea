"""Find the header of a table that has a title above it.

A header holds at least two of the column names that are expected; a title is a row with a
single filled cell. Rows of titles above a header are skipped, and the account of the import
says so. Anything else above a header is no title for certain, so it is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import TableError
from records.naming import simplify_name

__all__ = [
    "MAX_HEADER_ROWS",
    "MIN_NAMES",
    "Header",
    "Row",
    "count_names",
    "drop_group",
    "find_header",
    "note_repeats",
]

GROUP_END = "/"
MAX_HEADER_ROWS = 20  # so far down a header is looked for
MIN_NAMES = 2
MAX_QUOTED = 60  # characters of a row in a message
MAX_LISTED = 5  # cells of a row in a message


class Row(NamedTuple):
    """A row that is not blank, with its number in the file."""

    number: int
    cells: list[str]

    @property
    def filled(self) -> list[str]:
        """What the filled cells hold."""
        return [" ".join(cell.split()) for cell in self.cells if cell.strip()]


@dataclass(frozen=True, slots=True)
class Header:
    """The row with the column names, and what is to be said of the rows above it."""

    row: Row
    notes: Counter[str] = field(default_factory=Counter)


def count_names(cells: Sequence[str], expected: frozenset[str]) -> int:
    """Return how many of the expected column names a row holds, with or without their group."""
    names = set(map(simplify_name, cells))
    return len(expected & (names | {drop_group(name) for name in names}))


def note_repeats(cells: Sequence[str]) -> Counter[str]:
    """Say which names a header holds more than once; the first such column is the one found."""
    names = [" ".join(cell.split()) for cell in cells if cell.strip()]
    counts = Counter(map(simplify_name, names))
    first = {simplify_name(name): name for name in reversed(names)}
    return Counter(
        {
            f"column {first[name]!r} is there {n} times; the first is used": 1
            for name, n in counts.items()
            if n > 1
        }
    )


def drop_group(name: str) -> str:
    """Return a column's name without that of its group: `Casualties / killed`, `place/lon`."""
    return name.rpartition(GROUP_END)[2].strip() or name


def find_header(rows: Sequence[Row], expected: frozenset[str], *, table: str) -> Header:
    """Find the row that holds the column names.

    Parameters
    ----------
    rows
        The first rows of the table that are not blank, at least one.
    expected
        Column names by which a header is known, as `records.plan.list_expected_names`
        gives them; with none, the first row is the header.
    table
        Name of the file, for messages.

    Raises
    ------
    TableError
        If the first row is a title but no header follows it, or if there is more than a
        title above the header; the message says which rows.
    """
    n_names = [count_names(row.cells, expected) for row in rows]
    at = next((at for at, n in enumerate(n_names) if n >= MIN_NAMES), None)
    if at is None:
        _require_no_title(rows, is_named=not expected or n_names[0] > 0, table=table)
        return Header(rows[0])
    found = rows[at]
    other = next((row for row in rows[:at] if len(row.filled) > 1), None)
    if other is not None:
        message = (
            f"{table}: row {found.number} looks like the header ({_quote(found)}), but row "
            f"{other.number} above it is no title, for it has {len(other.filled)} filled cells "
            f"({_quote(other)}); remove the rows above the header."
        )
        raise TableError(message)
    if at == 0:
        return Header(found)
    text = f"lines above the header were skipped (first: {_quote(rows[0])})"
    return Header(found, Counter({text: found.number - rows[0].number}))


def _require_no_title(rows: Sequence[Row], *, is_named: bool, table: str) -> None:
    """Refuse a title above names that are not expected: taken as a header it misleads."""
    first = rows[0]
    wide = next((row for row in rows if len(row.filled) > 1), None)
    if is_named or wide is None or wide is first:
        return
    message = (
        f"{table}: row {first.number} holds only {_quote(first)!r}, and no row below it two of "
        f"the column names that are expected (row {wide.number} holds: {_quote(wide)}); if it is "
        "a title, remove the rows above the header; if the columns have other names, describe "
        "them in a mapping."
    )
    raise TableError(message)


def _quote(row: Row) -> str:
    return ", ".join(row.filled[:MAX_LISTED])[:MAX_QUOTED]
