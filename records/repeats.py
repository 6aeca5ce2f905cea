"""Rows of a file that the records held already: which record each of them rests on.

Such a row is not kept a second time. When the import that brought the record is undone, the
record stays with the later file that says all of it too; where the later file only rests on
it, the later file has to go first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from records.engines import insert_columns
from records.fields import Kind
from records.schema import AUDIT, IMPORTS, REPEATS

__all__ = ["Later", "Repeats", "Row", "find_later_repeats"]

MAX_HELD = 100_000


@dataclass(slots=True)
class Repeats:
    """Gathers the repeats of one import and writes them."""

    connection: sa.Connection
    import_id: int
    _record_ids: list[str] = field(default_factory=list)
    _row_numbers: list[int] = field(default_factory=list)
    _says_all: list[bool] = field(default_factory=list)

    def add(self, record_id: str, row_number: int, *, says_all: bool) -> None:
        """Note a row that repeats a record of an earlier import.

        Parameters
        ----------
        record_id
            The record.
        row_number
            Line of the row in its file.
        says_all
            Whether the row alone says all that the record says, under its identifier.
        """
        self._record_ids.append(record_id)
        self._row_numbers.append(row_number)
        self._says_all.append(says_all)
        if len(self._record_ids) >= MAX_HELD:
            self.write()

    def write(self) -> None:
        """Write what was gathered so far."""
        columns: dict[str, list[Any]] = {
            "import_id": [self.import_id] * len(self._record_ids),
            "record_id": self._record_ids,
            "row_number": self._row_numbers,
            "says_all": self._says_all,
        }
        insert_columns(self.connection, REPEATS, columns)
        self._record_ids, self._row_numbers, self._says_all = [], [], []


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an import."""

    import_id: int
    row_number: int


@dataclass(frozen=True, slots=True)
class Later:
    """What later imports say of the records that one import wrote."""

    keepers: dict[str, Row]  # record → the first later row that says all of it
    resting: list[Row]  # rows that rest on a record nobody else keeps, the last first


def find_later_repeats(connection: sa.Connection, kind: Kind, import_id: int) -> Later:
    """Find the rows of later standing imports that repeat what one import wrote."""
    own = (
        sa.select(AUDIT.c.record_id)
        .where(AUDIT.c.kind == kind.name, AUDIT.c.import_id == import_id)
        .where(AUDIT.c.action.in_(("insert", "update")))
        .distinct()
        .subquery()
    )
    query = (
        sa.select(REPEATS)
        .join(own, own.c.record_id == REPEATS.c.record_id)
        .join(IMPORTS, IMPORTS.c.import_id == REPEATS.c.import_id)
        .where(REPEATS.c.import_id > import_id, IMPORTS.c.undone_at.is_(None))
        .order_by(REPEATS.c.import_id, REPEATS.c.row_number)
    )
    keepers: dict[str, Row] = {}
    others: list[tuple[str, Row]] = []
    for repeat in connection.execute(query):
        row = Row(repeat.import_id, repeat.row_number)
        if repeat.says_all:
            keepers.setdefault(repeat.record_id, row)
        else:
            others.append((repeat.record_id, row))
    resting = [row for record_id, row in reversed(others) if record_id not in keepers]
    return Later(keepers, resting)
