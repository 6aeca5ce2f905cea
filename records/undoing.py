"""Undo an import as a whole: what it added goes, what it changed comes back.

Nothing is forgotten: the audit log keeps every record that was removed and every value
that was taken back. What a later file says too stays, as that file's own. An import can be
undone only while nothing else later stands on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from core.errors import InputError, MissingDataError
from records.content import compute_content_hash
from records.database import Database
from records.fields import KINDS, FieldType, Kind, split_list
from records.lookup import in_parts
from records.repeats import Later, Row, find_later_repeats
from records.schema import AUDIT, IMPORTS, RECORDS, list_content_columns

__all__ = ["UndoReport", "undo_import"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoReport:
    """What undoing an import did."""

    import_id: int
    kind: str
    area: str
    file: str
    removed: int  # records that only this import knew
    restored: int  # records that are again as they were before
    handed_over: int  # records that stay, for a later file says the same

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self)


def undo_import(
    database: Database,
    area: str,
    import_id: int,
    *,
    undone_by: str,
    even_corrected: bool = False,
) -> UndoReport:
    """Take back everything that one import did, in one transaction.

    Parameters
    ----------
    database
        The records.
    area
        Key of the study area that it was imported into.
    import_id
        Which import, as `Database.list_imports` numbers them.
    undone_by
        Who takes it back, for the audit log.
    even_corrected
        Also where a person corrected one of its records since: records that came with
        it go all the same, others keep what was corrected.

    Returns
    -------
    report
        How many records were removed, are as they were before, and stay with a later import.

    Raises
    ------
    MissingDataError
        If the area has no such import.
    InputError
        If it was undone before, a later import or a person's correction changed one of
        its records, or a later file has rows that were not kept because of them and does not
        say all of them; the message says what to undo first.
    """
    with database.writing() as connection:
        batch = _require_import(connection, area, import_id)
        kind = KINDS[batch["kind"]]
        _require_repeats_listed(connection, batch)
        _require_nothing_later(connection, kind, import_id, even_corrected=even_corrected)
        later = find_later_repeats(connection, kind, import_id)
        _require_nothing_resting(connection, import_id, later)
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        stamp = {"kind": kind.name, "changed_at": now, "changed_by": undone_by}
        earlier = _read_earlier(connection, kind, import_id)
        handed_over = _hand_over(connection, kind, import_id, later.keepers, earlier, stamp)
        removed = _remove_added(connection, kind, import_id, stamp)
        for record_id in later.keepers:
            earlier.pop(record_id, None)
        restored = _restore_changed(connection, kind, import_id, earlier, stamp)
        change = sa.update(IMPORTS).where(IMPORTS.c.import_id == import_id)
        connection.execute(change.values(undone_by=undone_by, undone_at=now))
    return UndoReport(
        import_id=import_id,
        kind=kind.name,
        area=area,
        file=batch["file_name"],
        removed=removed,
        restored=restored,
        handed_over=handed_over,
    )


def _require_import(connection: sa.Connection, area: str, import_id: int) -> sa.RowMapping:
    query = sa.select(IMPORTS).where(IMPORTS.c.import_id == import_id, IMPORTS.c.area == area)
    batch = connection.execute(query).mappings().first()
    if batch is None:
        message = (
            f"import {import_id}: area {area!r} has none of that number; "
            f"see `safecommute imports list {area}`."
        )
        raise MissingDataError(message)
    if batch["undone_at"] is not None:
        message = (
            f"import {import_id}: was undone by {batch['undone_by']} on "
            f"{batch['undone_at']:%Y-%m-%d %H:%M} UTC; there is nothing left to undo."
        )
        raise InputError(message)
    return batch


def _require_repeats_listed(connection: sa.Connection, batch: sa.RowMapping) -> None:
    """Refuse while a later import perhaps rests on this one, from before repeats were listed."""
    query = (
        sa.select(IMPORTS)
        .where(IMPORTS.c.area == batch["area"], IMPORTS.c.kind == batch["kind"])
        .where(IMPORTS.c.import_id > batch["import_id"], IMPORTS.c.undone_at.is_(None))
        .where(IMPORTS.c.unchanged + IMPORTS.c.duplicates > 0, ~IMPORTS.c.lists_repeats)
        .order_by(IMPORTS.c.import_id.desc())
    )
    later = connection.execute(query).mappings().first()
    if later is not None:
        n = later["unchanged"] + later["duplicates"]
        message = (
            f"import {batch['import_id']}: the later import {later['import_id']} "
            f"({later['file_name']}) has {n} rows that were in the records already, perhaps from "
            f"this one; undo import {later['import_id']} first, and import its file again "
            "afterwards."
        )
        raise InputError(message)


def _require_nothing_resting(connection: sa.Connection, import_id: int, later: Later) -> None:
    """Refuse while rows of later imports were left out because of what this one wrote."""
    if not later.resting:
        return
    last = later.resting[0]
    query = sa.select(IMPORTS.c.file_name).where(IMPORTS.c.import_id == last.import_id)
    message = (
        f"import {import_id}: {len(later.resting)} later rows were in the records already because "
        f"of it, and were not kept a second time; the last: row {last.row_number} of import "
        f"{last.import_id} ({connection.execute(query).scalar_one()}); undo import "
        f"{last.import_id} first, and import its file again afterwards."
    )
    raise InputError(message)


def _require_nothing_later(
    connection: sa.Connection, kind: Kind, import_id: int, *, even_corrected: bool
) -> None:
    """Refuse when a record it wrote was changed afterwards."""
    own = sa.select(AUDIT.c.record_id, sa.func.max(AUDIT.c.audit_id).label("last"))
    own = own.where(AUDIT.c.kind == kind.name, AUDIT.c.import_id == import_id)
    own = own.where(AUDIT.c.action.in_(("insert", "update"))).group_by(AUDIT.c.record_id)
    mine = own.subquery()
    by_import = sa.and_(AUDIT.c.action == "update", IMPORTS.c.undone_at.is_(None))
    by_person = AUDIT.c.action == "correct"
    later = (
        sa.select(AUDIT.c.record_id, AUDIT.c.action, AUDIT.c.import_id, AUDIT.c.changed_by)
        .join(mine, mine.c.record_id == AUDIT.c.record_id)
        .join(IMPORTS, IMPORTS.c.import_id == AUDIT.c.import_id)
        .where(AUDIT.c.kind == kind.name, AUDIT.c.audit_id > mine.c.last)
        .where(by_import if even_corrected else sa.or_(by_import, by_person))
        .order_by(AUDIT.c.audit_id.desc())
    )
    standing = connection.execute(later).mappings().all()
    if not standing:
        return
    last = standing[0]
    n = len({row["record_id"] for row in standing})
    if last["action"] == "correct":
        by, hint = f"{last['changed_by']} corrected", "allow it with --even-corrected"
    else:
        by = f"import {last['import_id']} changed"
        hint = f"undo import {last['import_id']} first"
    message = (
        f"import {import_id}: {n} of its records were changed afterwards; the last: {by} "
        f"{kind.name} {last['record_id']}; {hint}."
    )
    raise InputError(message)


def _hand_over(
    connection: sa.Connection,
    kind: Kind,
    import_id: int,
    keepers: Mapping[str, Row],
    earlier: Mapping[str, Mapping[str, Any]],
    stamp: Mapping[str, Any],
) -> int:
    """Make records that a later file says too that file's own, as if only it had come."""
    table = RECORDS[kind.name]
    n = 0
    for some in in_parts(list(keepers)):
        query = sa.select(table.c.record_id, table.c.first_import_id)
        changes, entries = [], []
        for record_id, first in connection.execute(query.where(table.c.record_id.in_(some))):
            row, is_added = keepers[record_id], first == import_id
            entries.append(
                {
                    **stamp,
                    "record_id": record_id,
                    "action": "insert" if is_added else "update",
                    "import_id": row.import_id,
                    "row_number": row.row_number,
                    "old_values": None if is_added else _to_json(earlier[record_id]),
                }
            )
            changes.append(
                {
                    "which": record_id,
                    "writer": row.import_id,
                    "line": row.row_number,
                    "adder": row.import_id if is_added else first,
                }
            )
        if changes:
            update = sa.update(table).where(table.c.record_id == sa.bindparam("which"))
            update = update.values(
                import_id=sa.bindparam("writer"),
                row_number=sa.bindparam("line"),
                first_import_id=sa.bindparam("adder"),
            )
            connection.execute(update, changes)
            connection.execute(sa.insert(AUDIT), entries)
            n += len(changes)
    return n


def _remove_added(
    connection: sa.Connection, kind: Kind, import_id: int, stamp: Mapping[str, Any]
) -> int:
    """Remove the records that came with this import; the log keeps what they said."""
    table = RECORDS[kind.name]
    names = [one.name for one in list_content_columns(kind)]
    chosen = table.c.first_import_id == import_id
    rows = connection.execute(sa.select(table).where(chosen)).mappings()
    n = 0
    for some in rows.partitions(5_000):
        entries = [
            {
                **stamp,
                "record_id": row["record_id"],
                "action": "remove",
                "import_id": import_id,
                "row_number": row["row_number"],
                "old_values": _to_json({name: row[name] for name in names}),
            }
            for row in some
        ]
        n += len(entries)
        connection.execute(sa.insert(AUDIT), entries)
    connection.execute(sa.delete(table).where(chosen))
    return n


def _read_earlier(
    connection: sa.Connection, kind: Kind, import_id: int
) -> dict[str, dict[str, Any]]:
    """Return what this import changed, as the log keeps it: record → field → value before."""
    query = sa.select(AUDIT).where(
        AUDIT.c.kind == kind.name, AUDIT.c.import_id == import_id, AUDIT.c.action == "update"
    )
    earlier: dict[str, dict[str, Any]] = {}
    for entry in connection.execute(query.order_by(AUDIT.c.audit_id.desc())).mappings():
        values = earlier.setdefault(entry["record_id"], {})
        values.update(json.loads(entry["old_values"]))  # the oldest entry comes last and wins
    return earlier


def _restore_changed(
    connection: sa.Connection,
    kind: Kind,
    import_id: int,
    earlier: Mapping[str, Mapping[str, Any]],
    stamp: Mapping[str, Any],
) -> int:
    """Put back what this import changed in records that were there before."""
    table = RECORDS[kind.name]
    origin = _find_writers(connection, kind, import_id, earlier)
    n = 0
    for some in in_parts(list(earlier)):
        found = sa.select(table).where(table.c.record_id.in_(some))
        changes, entries = [], []
        for now in connection.execute(found).mappings().all():
            record_id = now["record_id"]
            before = _from_json(earlier[record_id], kind)
            changes.append(_restored(now, before, kind) | origin[record_id] | {"which": record_id})
            entries.append(
                {
                    **stamp,
                    "record_id": record_id,
                    "action": "undo",
                    "import_id": import_id,
                    "row_number": now["row_number"],
                    "old_values": _to_json({name: now[name] for name in before}),
                }
            )
        if changes:
            update = sa.update(table).where(table.c.record_id == sa.bindparam("which"))
            names = [name for name in changes[0] if name != "which"]
            values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
            rows = [
                {name if name == "which" else f"new_{name}": value for name, value in one.items()}
                for one in changes
            ]
            connection.execute(update.values(values), rows)
            connection.execute(sa.insert(AUDIT), entries)
            n += len(changes)
    return n


def _restored(now: sa.RowMapping, before: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """Return a record's fields as they were, with their digest."""
    names = [one.name for one in list_content_columns(kind)]
    kept = split_list(now["corrected_fields"])
    values = {name: now[name] if name in kept else before.get(name, now[name]) for name in names}
    said = {name: value for name, value in values.items() if name != kind.key}
    return {**values, "content_hash": compute_content_hash(said)}


def _find_writers(
    connection: sa.Connection, kind: Kind, import_id: int, record_ids: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Return which import, and which row of it, had written each record before this one."""
    found: dict[str, dict[str, Any]] = {}
    for some in in_parts(list(record_ids)):
        query = sa.select(AUDIT.c.record_id, AUDIT.c.import_id, AUDIT.c.row_number)
        query = query.join(IMPORTS, IMPORTS.c.import_id == AUDIT.c.import_id).where(
            AUDIT.c.kind == kind.name,
            AUDIT.c.record_id.in_(some),
            AUDIT.c.import_id != import_id,
            AUDIT.c.action.in_(("insert", "update")),
            IMPORTS.c.undone_at.is_(None),
        )
        for entry in connection.execute(query.order_by(AUDIT.c.audit_id)).mappings():
            found[entry["record_id"]] = {
                "import_id": entry["import_id"],
                "row_number": entry["row_number"],
            }
    return found


def _to_json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, default=str, ensure_ascii=False)


def _from_json(values: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """Return values as the log keeps them in the types of the table."""
    moments = {
        one.name
        for one in list_content_columns(kind)
        if one.type in {FieldType.MOMENT, FieldType.DATE}
    }
    return {
        name: datetime.fromisoformat(value) if name in moments and value else value
        for name, value in values.items()
    }
