"""Pairs of reports in the database: read as a frame, written where they differ, logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa

from records.schema import AUDIT, PAIRS, RECORDS
from records.settling import MATCHING

__all__ = [
    "AUDIT_KIND",
    "COLUMNS",
    "read_area_pairs",
    "read_sources",
    "to_pairs_frame",
    "write_pairs",
]

AUDIT_KIND: Final = "crash_pair"
COLUMNS: Final = {
    "left_id": "str",
    "right_id": "str",
    "probability": "float64",
    "reasons": "str",
    "decision": "str",
    "decided_by": "str",
    "decided_at": "datetime64[us]",
}
DECIDED: Final = ("decision", "decided_by")
LOGGED: Final = (*DECIDED, "decided_at")


def read_area_pairs(connection: sa.Connection, area: str) -> pd.DataFrame:
    """Return all pairs of an area, in the order of their ids."""
    query = sa.select(*(PAIRS.c[name] for name in COLUMNS)).where(PAIRS.c.area == area)
    rows = connection.execute(query.order_by(PAIRS.c.left_id, PAIRS.c.right_id)).all()
    return to_pairs_frame([tuple(row) for row in rows])


def to_pairs_frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return typed pairs from rows of plain values under `COLUMNS`."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(COLUMNS)


def read_sources(connection: sa.Connection, area: str) -> pd.Series[str]:
    """Return the source of every crash report of an area, by the report's id."""
    table = RECORDS["crash"]
    query = sa.select(table.c.record_id, table.c.source).where(table.c.area == area)
    rows = connection.execute(query).all()
    ids, sources = zip(*rows, strict=True) if rows else ((), ())
    return pd.Series(list(sources), index=list(ids), dtype="object").fillna("")


def write_pairs(
    connection: sa.Connection,
    area: str,
    before: pd.DataFrame,
    after: pd.DataFrame,
    people: Mapping[tuple[str, str], str] | None = None,
) -> dict[str, int]:
    """Write the pairs that are new or differ, and log each new or other decision.

    `people` names who changes which pair; all else is changed by matching.
    """
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    old = {(row["left_id"], row["right_id"]): row for row in _to_rows(before)}
    inserts: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    log: list[dict[str, Any]] = []
    for row in _to_rows(after):
        key = (row["left_id"], row["right_id"])
        was = old.get(key)
        if was is None:
            inserts.append({**row, "decided_at": now, "area": area})
        elif _differ(row, was, DECIDED):
            updates.append({**row, "decided_at": now})
        else:  # the same decision, perhaps with other reasons
            if _differ(row, was, ("probability", "reasons")):
                updates.append({**row, "decided_at": was["decided_at"]})
            continue
        log.append(_log_entry(key, was, (people or {}).get(key, MATCHING), now))
    if inserts:
        connection.execute(sa.insert(PAIRS), inserts)
    if updates:
        bound = [{f"new_{name}": value for name, value in row.items()} for row in updates]
        connection.execute(_update_statement(), bound)
    if log:
        connection.execute(sa.insert(AUDIT), log)
    return {"new": len(inserts), "changed": len(log) - len(inserts)}


def _differ(one: Mapping[str, Any], other: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return any(one[name] != other[name] for name in names)


def _to_rows(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    rows = pairs[list(COLUMNS)].to_dict("records")
    for row in rows:
        at = row["decided_at"]
        row["decided_at"] = None if pd.isna(at) else at.to_pydatetime()
    return [{str(name): value for name, value in row.items()} for row in rows]


def _update_statement() -> sa.Update:
    chosen = [PAIRS.c[name] == sa.bindparam(f"new_{name}") for name in ("left_id", "right_id")]
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in list(COLUMNS)[2:]}
    return sa.update(PAIRS).where(*chosen).values(**values)


def _log_entry(
    key: tuple[str, str], was: Mapping[str, Any] | None, person: str, now: datetime
) -> dict[str, Any]:
    old = None if was is None else json.dumps({name: was[name] for name in LOGGED}, default=str)
    return {
        "kind": AUDIT_KIND,
        "record_id": " ".join(key),
        "action": "insert" if was is None else "update",
        "changed_at": now,
        "changed_by": person,
        "old_values": old,
    }
