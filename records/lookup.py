"""Look up many recorded identifiers, some thousands in one query."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

__all__ = ["find_recorded", "in_parts"]

LOOKUP_SIZE = 5_000


def find_recorded(
    connection: sa.Connection, table: sa.Table, record_ids: list[str]
) -> dict[str, str]:
    """Return the content digest of each of these records that is there."""
    found: dict[str, str] = {}
    for some in in_parts(sorted(record_ids)):  # near to near in the index
        query = sa.select(table.c.record_id, table.c.content_hash)
        for one, two in connection.execute(query.where(table.c.record_id.in_(some))):
            found[one] = two
    return found


def in_parts(items: list[str]) -> Iterator[list[str]]:
    """Yield the items in lists short enough for one query."""
    for start in range(0, len(items), LOOKUP_SIZE):
        yield items[start : start + LOOKUP_SIZE]
