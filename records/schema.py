"""The database's tables, made from the lists of fields.

One table per kind of record, one for imports, one for every change made to a record.
Nothing here is special to one database system.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from records.fields import KINDS, Field, FieldType, Kind

__all__ = [
    "AUDIT",
    "BOOKKEEPING",
    "IMPORTS",
    "METADATA",
    "PAIRS",
    "RECORDS",
    "REPEATS",
    "list_content_columns",
]

METADATA: Final = sa.MetaData()

IMPORTS: Final = sa.Table(
    "import_batch",
    METADATA,
    sa.Column("import_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("area", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("file_sha256", sa.Text, nullable=False),
    sa.Column("mapping", sa.Text, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("imported_by", sa.Text, nullable=False),
    sa.Column("imported_at", sa.DateTime, nullable=False),  # UTC
    *(
        sa.Column(name, sa.Integer, nullable=False, default=0)
        for name in ("read", "accepted", "updated", "unchanged", "duplicates", "rejected")
    ),
    sa.Column("reasons", sa.Text, nullable=False, default="{}"),  # JSON {reason: rows}
    # False of imports made before repeats were listed.
    sa.Column("lists_repeats", sa.Boolean, nullable=False, default=True, server_default=sa.false()),
    sa.Column("undone_by", sa.Text, nullable=True),
    sa.Column("undone_at", sa.DateTime, nullable=True),  # UTC
)

AUDIT: Final = sa.Table(
    "audit_log",
    METADATA,
    sa.Column("audit_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("record_id", sa.Text, nullable=False, index=True),
    sa.Column("action", sa.Text, nullable=False),  # insert, update, correct, undo, remove
    sa.Column("changed_at", sa.DateTime, nullable=False),  # UTC
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("import_id", sa.Integer, sa.ForeignKey("import_batch.import_id"), nullable=True),
    sa.Column("row_number", sa.Integer, nullable=True),
    sa.Column("old_values", sa.Text, nullable=True),  # JSON of the fields that changed
)

# Rows that were not kept a second time, and the record of an earlier import they rest on.
REPEATS: Final = sa.Table(
    "import_repeat",
    METADATA,
    sa.Column("import_id", sa.Integer, sa.ForeignKey("import_batch.import_id"), nullable=False),
    sa.Column("record_id", sa.Text, nullable=False, index=True),
    sa.Column("row_number", sa.Integer, nullable=False),
    sa.Column("says_all", sa.Boolean, nullable=False),  # alone, and under the same identifier
)

# Two reports that may tell of one crash, and what was decided; `left_id` < `right_id`.
PAIRS: Final = sa.Table(
    "crash_pair",
    METADATA,
    sa.Column("left_id", sa.Text, primary_key=True),
    sa.Column("right_id", sa.Text, primary_key=True),
    sa.Column("area", sa.Text, nullable=False, index=True),
    sa.Column("probability", sa.Double, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),  # what agrees and what does not, in words
    sa.Column("decision", sa.Text, nullable=False),  # merged, queued, separate
    sa.Column("decided_by", sa.Text, nullable=False),  # a person, or "matching"
    sa.Column("decided_at", sa.DateTime, nullable=False),  # UTC
)

# What every record has beside its fields.
BOOKKEEPING: Final = (
    "record_id",
    "area",
    "corrected_fields",
    "content_hash",
    "import_id",
    "first_import_id",
    "row_number",
    "recorded_at",
)

_COLUMN_TYPES: Final[dict[FieldType, type[sa.types.TypeEngine[Any]]]] = {
    FieldType.TEXT: sa.Text,
    FieldType.WORD: sa.Text,
    FieldType.WORDS: sa.Text,
    FieldType.COUNT: sa.Integer,
    FieldType.NUMBER: sa.Double,
    FieldType.DEGREES: sa.Double,
    FieldType.LINE: sa.Text,
    FieldType.MOMENT: sa.DateTime,
    FieldType.DATE: sa.DateTime,
    FieldType.TRUTH: sa.Boolean,
}


def list_content_columns(kind: Kind) -> list[Field]:
    """Return a kind's source, key and fields, each once, in the order of the table."""
    columns = {"source": Field("source"), kind.key: Field(kind.key, is_required=True)}
    columns |= {one.name: one for one in kind.fields}
    return list(columns.values())


def _make_table(kind: Kind) -> sa.Table:
    return sa.Table(
        kind.name,
        METADATA,
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("area", sa.Text, nullable=False),
        *(
            sa.Column(one.name, _COLUMN_TYPES[one.type], nullable=not one.is_required)
            for one in list_content_columns(kind)
        ),
        sa.Column("corrected_fields", sa.Text, nullable=False, server_default=""),  # ";" between
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("import_batch.import_id"), nullable=False),
        sa.Column("first_import_id", sa.Integer, nullable=False, index=True),
        sa.Column("row_number", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False),  # UTC
        sa.Index(f"ix_{kind.name}_area_content", "area", "content_hash"),
    )


RECORDS: Final[dict[str, sa.Table]] = {name: _make_table(kind) for name, kind in KINDS.items()}
