"""Write one import's records: new, changed, unchanged or repeated, each row counted once.

- An identifier not yet recorded: **accepted**. If the record equals another one in
  everything but the identifier, and both time and place are known, it is the same event
  reported twice: **duplicate**, not stored.
- An identifier already recorded by an earlier import: **unchanged** when the content is
  equal, else **updated**: the later file wins for the fields it speaks of, the audit log
  keeps the old values. What a person corrected stays.
- An identifier again within the same file: **duplicate**; if its content differs, the
  later row wins, and the audit log keeps the earlier values.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from records.content import compute_content_hash
from records.engines import insert_columns
from records.fields import Kind, split_list
from records.lookup import find_recorded, in_parts
from records.preparing import Digests
from records.references import References
from records.repeats import Repeats
from records.schema import AUDIT, RECORDS, list_content_columns

__all__ = ["Storing", "to_plain"]

MAX_HELD = 100_000
MANY_ROWS = 10_000  # in one batch: worth making the indexes anew at the end
Values = tuple[Any, ...]


@dataclass(slots=True)
class _Row:
    record_id: str
    content_hash: str
    row_number: int
    values: Values


@dataclass(slots=True)
class _Batch:
    """Typed rows of the file: plain values are made only of those that need them."""

    frame: pd.DataFrame  # source, key and fields, in the order of the table
    row_numbers: list[int]
    record_ids: list[str]
    hashes: list[str]
    is_told_apart: list[bool]  # time and place are known: equal content means one event
    _columns: list[list[Any]] | None = None

    def row(self, at: int) -> _Row:
        if self._columns is None:
            self._columns = [to_plain(self.frame[name]) for name in self.frame.columns]
        values = tuple(column[at] for column in self._columns)
        return _Row(self.record_ids[at], self.hashes[at], self.row_numbers[at], values)

    def pick(self, places: list[int]) -> dict[str, list[Any]]:
        """Return the columns of some rows, by name."""
        rows = self.frame.take(places)
        columns = {name: to_plain(rows[name]) for name in rows.columns}
        columns["record_id"] = [self.record_ids[at] for at in places]
        columns["content_hash"] = [self.hashes[at] for at in places]
        columns["row_number"] = [self.row_numbers[at] for at in places]
        return columns


@dataclass(slots=True)
class Storing:
    """The state of one import while its batches are written."""

    connection: sa.Connection
    kind: Kind
    area: str
    import_id: int
    imported_by: str
    now: datetime
    given: frozenset[str]  # fields the file speaks of
    counts: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    _seen: dict[str, str] = field(default_factory=dict)  # record → its content in this file
    _twins: set[str] = field(default_factory=set)  # contents in this file
    _held: dict[str, _Row] = field(default_factory=dict)  # differ from what is recorded
    _uncounted: set[str] = field(default_factory=set)  # held, first row not counted yet
    _updated: set[str] = field(default_factory=set)
    _late_log: list[dict[str, Any]] = field(default_factory=list)
    _is_first: bool = False
    _is_unindexed: bool = False
    _references: References = field(init=False)
    _repeats: Repeats = field(init=False)

    def __post_init__(self) -> None:
        self._repeats = Repeats(self.connection, self.import_id)
        self._references = References(self.kind, self.area)
        query = sa.select(self._table.c.record_id).where(self._table.c.area == self.area)
        self._is_first = self.connection.execute(query.limit(1)).first() is None

    @property
    def record_ids(self) -> Iterable[str]:
        """Records that the file holds, those of repeated rows once."""
        return self._seen.keys()

    @property
    def _table(self) -> sa.Table:
        return RECORDS[self.kind.name]

    @property
    def _columns(self) -> list[str]:
        """Source, key and fields, in this order."""
        return [one.name for one in list_content_columns(self.kind)]

    def store(self, frame: pd.DataFrame, row_numbers: list[int], digests: Digests) -> None:
        """Write accepted rows.

        Parameters
        ----------
        frame
            Columns `source`, key and fields, as `standardise_batch` returns them.
        row_numbers
            Line of each row in its file.
        digests
            Of the rows, by `records.preparing.compute_digests`.
        """
        self._references.take(frame, row_numbers)
        self._leave_indexes_for_later(len(frame))
        rows = self._make_batch(frame, row_numbers, digests)
        recorded = self._find_recorded(rows.record_ids)
        twins = self._find_twins(rows)
        new: dict[str, int] = {}  # record → its place in the batch
        for at, (record_id, content_hash) in enumerate(
            zip(rows.record_ids, rows.hashes, strict=True)
        ):
            if record_id in self._seen:
                self._take_again(rows, at, new)
            elif record_id in recorded:
                self._take_recorded(rows, at, recorded[record_id])
            elif rows.is_told_apart[at] and (content_hash in self._twins or content_hash in twins):
                self.counts["duplicates"] += 1
                self.notes["same crash under another identifier"] += 1
                if content_hash not in self._twins:
                    twin, row_number = twins[content_hash], rows.row_numbers[at]
                    self._repeats.add(twin, row_number, says_all=False)
                continue
            else:
                new[record_id] = at
                if rows.is_told_apart[at]:
                    self._twins.add(content_hash)
            self._seen[record_id] = content_hash
        self.counts["accepted"] += len(new)
        self._insert(rows, new)
        if len(self._held) > MAX_HELD:
            self._resolve_held()

    def finish(self) -> None:
        """Settle what was held back, log every new record, note what names none."""
        if self._is_unindexed:
            for index in self._table.indexes:
                index.create(self.connection)
        self._resolve_held()
        self._repeats.write()
        self.notes.update(self._references.count_orphans(self.connection))
        table = self._table
        new = sa.select(
            sa.literal(self.kind.name),
            table.c.record_id,
            sa.literal("insert"),
            table.c.recorded_at,
            sa.literal(self.imported_by),
            table.c.first_import_id,
            table.c.row_number,
        ).where(table.c.first_import_id == self.import_id)
        names = ("kind", "record_id", "action", "changed_at", "changed_by", "import_id")
        self.connection.execute(sa.insert(AUDIT).from_select([*names, "row_number"], new))
        if self._late_log:
            self.connection.execute(sa.insert(AUDIT), self._late_log)

    def _leave_indexes_for_later(self, n_rows: int) -> None:
        """Drop the indexes of an empty table before many rows; `finish` makes them again."""
        if self._is_unindexed or n_rows < MANY_ROWS or not self._is_first:
            return
        query = sa.select(self._table.c.record_id).limit(1)
        if self.connection.execute(query).first() is None:
            for index in self._table.indexes:
                index.drop(self.connection)
            self._is_unindexed = True

    def _make_batch(self, frame: pd.DataFrame, row_numbers: list[int], digests: Digests) -> _Batch:
        is_told_apart = [False] * len(frame)
        if self.kind.name == "crash":
            is_told_apart = (frame["has_time"] & frame["lon"].notna()).tolist()
        ordered = frame[self._columns]
        return _Batch(ordered, row_numbers, digests.record_ids, digests.hashes, is_told_apart)

    def _find_recorded(self, record_ids: list[str]) -> dict[str, str]:
        """Return the content digests of those recorded by an earlier import."""
        if self._is_first:
            return {}
        unseen = [one for one in record_ids if one not in self._seen]
        return find_recorded(self.connection, self._table, unseen)

    def _find_twins(self, rows: _Batch) -> dict[str, str]:
        """Return the contents that some recorded event has too, and the event's record."""
        if self._is_first:
            return {}
        table = self._table
        found: dict[str, str] = {}
        asked = [one for one, is_so in zip(rows.hashes, rows.is_told_apart, strict=True) if is_so]
        for some in in_parts(asked):
            query = sa.select(table.c.content_hash, table.c.record_id).where(
                table.c.area == self.area, table.c.content_hash.in_(some)
            )
            found.update((one, two) for one, two in self.connection.execute(query))
        return found

    def _take_recorded(self, rows: _Batch, at: int, content_hash: str) -> None:
        if content_hash == rows.hashes[at]:
            self.counts["unchanged"] += 1
            self._repeats.add(rows.record_ids[at], rows.row_numbers[at], says_all=True)
        else:
            row = rows.row(at)
            self._held[row.record_id] = row
            self._uncounted.add(row.record_id)

    def _take_again(self, rows: _Batch, at: int, new: dict[str, int]) -> None:
        """Count a repeated identifier; its later content wins."""
        self.counts["duplicates"] += 1
        row = rows.row(at)
        if self._seen[row.record_id] == row.content_hash:
            return
        self.notes["same identifier again with other content; the later row was kept"] += 1
        if row.record_id in new:
            before = rows.row(new[row.record_id])
            old = _list_changes(self._columns, before.values, row.values)
            self._late_log.append(self._log_entry(row, old))
            new[row.record_id] = at
        else:
            self._held[row.record_id] = row

    def _insert(self, rows: _Batch, new: dict[str, int]) -> None:
        if not new:
            return
        payload = rows.pick([new[record_id] for record_id in sorted(new)])  # near in the index
        same = {
            "area": self.area,
            "first_import_id": self.import_id,
            "corrected_fields": "",
            "import_id": self.import_id,
            "recorded_at": self.now,
        }
        payload |= {name: [value] * len(new) for name, value in same.items()}
        insert_columns(self.connection, self._table, payload)

    def _stamp(self, row: _Row) -> dict[str, Any]:
        return {
            "record_id": row.record_id,
            "content_hash": row.content_hash,
            "import_id": self.import_id,
            "row_number": row.row_number,
            "recorded_at": self.now,
        }

    def _resolve_held(self) -> None:
        """Update what differs from its record, field by field."""
        held, self._held = self._held, {}
        for some in in_parts(list(held)):
            query = sa.select(self._table).where(self._table.c.record_id.in_(some))
            changes: list[dict[str, Any]] = []
            log: list[dict[str, Any]] = []
            for old in self.connection.execute(query).mappings():
                row = self._merge(old, held[old["record_id"]])
                is_changed = row.content_hash != old["content_hash"]
                is_own = old["first_import_id"] == self.import_id
                self._count_held(row.record_id, is_changed=is_changed, is_own=is_own)
                if not is_changed and not is_own:
                    self._repeats.add(row.record_id, row.row_number, says_all=False)
                if is_changed:
                    changes.append({**dict(zip(self._columns, row.values, strict=True)),
                                    **self._stamp(row), "which": row.record_id})  # fmt: skip
                    before = tuple(old[name] for name in self._columns)
                    entry = self._log_entry(row, _list_changes(self._columns, before, row.values))
                    (self._late_log if is_own else log).append(entry)
            if changes:
                update = sa.update(self._table)
                update = update.where(self._table.c.record_id == sa.bindparam("which"))
                self.connection.execute(update, changes)
            if log:
                self.connection.execute(sa.insert(AUDIT), log)

    def _merge(self, old: sa.RowMapping, row: _Row) -> _Row:
        """Keep what the file does not speak of, and what a person corrected."""
        silent = {name for name in self._columns[2:] if name not in self.given}
        silent.update(split_list(old["corrected_fields"]))
        values = tuple(
            old[name] if name in silent else value
            for name, value in zip(self._columns, row.values, strict=True)
        )
        said = dict(zip(self._columns, values, strict=True))
        said.pop(self.kind.key)
        return _Row(row.record_id, compute_content_hash(said), row.row_number, values)

    def _count_held(self, record_id: str, *, is_changed: bool, is_own: bool) -> None:
        """Count the first row of a held record, unless that was done."""
        if record_id in self._uncounted:
            self._uncounted.discard(record_id)
            self.counts["updated" if is_changed else "unchanged"] += 1
        elif is_changed and not is_own and record_id not in self._updated:
            self.counts["unchanged"] -= 1  # as counted before its later row came
            self.counts["updated"] += 1
        if is_changed:
            self._updated.add(record_id)

    def _log_entry(self, row: _Row, old: dict[str, Any]) -> dict[str, Any]:
        return {
            "kind": self.kind.name,
            "record_id": row.record_id,
            "action": "update",
            "changed_at": self.now,
            "changed_by": self.imported_by,
            "import_id": self.import_id,
            "row_number": row.row_number,
            "old_values": json.dumps(old, default=str, ensure_ascii=False),
        }


def _list_changes(names: list[str], before: Values, after: Values) -> dict[str, Any]:
    """Return the earlier values of the fields that differ."""
    pairs = zip(names, before, after, strict=True)
    return {name: old for name, old, new in pairs if old != new}


def to_plain(column: pd.Series[Any]) -> list[Any]:
    """Return a column as plain Python values, missing ones None."""
    if column.dtype == "datetime64[us]":
        moments = column.dt.to_pydatetime()
        return [None if value is pd.NaT else value for value in moments]
    if column.dtype == "float64":
        return [None if value != value else value for value in column.tolist()]
    if column.dtype == "bool":
        return column.tolist()
    values = column.astype(object)
    return values.where(column.notna(), None).tolist()
