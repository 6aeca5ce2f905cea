"""Records that a person types, corrects or takes back: what the app's pages call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.errors import InputError
from pipeline.areas import load_area
from pipeline.workspace import Workspace
from records.codebooks import list_words
from records.corrections import Entry, correct_record, enter_records, write_as_text
from records.database import Database
from records.fields import KINDS, FieldType, find_kind

__all__ = [
    "FieldInfo",
    "correct",
    "describe_fields",
    "enter",
    "list_kinds",
    "read_changes",
    "read_records",
    "write_as_typed",
]

FOLLOW_FROM_OTHERS = frozenset({"place_note", "has_time", "placed_by", "location_quality"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldInfo:
    """What a form needs to know of one field."""

    name: str
    type: str  # a `records.fields.FieldType`
    words: tuple[str, ...]  # the words to choose from; empty: free
    is_required: bool
    refers_to: str  # the kind whose identifier it holds; empty: none
    is_list: bool


def list_kinds() -> list[str]:
    """Return the kinds of records that can be typed; lines come from receivers only."""
    return [
        name
        for name, kind in KINDS.items()
        if not any(one.type is FieldType.LINE for one in kind.fields)
    ]


def describe_fields(kind: str) -> list[FieldInfo]:
    """Return the fields of a kind that a person can type, its key first.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    spec = find_kind(kind)
    key = FieldInfo(
        name=spec.key,
        type=FieldType.TEXT.value,
        words=(),
        is_required=not spec.can_make_key,
        refers_to="",
        is_list=False,
    )
    others = [
        FieldInfo(
            name=one.name,
            type=one.type.value,
            words=tuple(list_words(one.codebook)) if one.codebook else (),
            is_required=one.is_required,
            refers_to=one.refers_to,
            is_list=one.is_list,
        )
        for one in spec.fields
        if one.name not in FOLLOW_FROM_OTHERS
    ]
    return [key, *others]


def read_records(workspace: Workspace, area: str, kind: str) -> pd.DataFrame:
    """Return the records of one kind; see `records.database.Database.read`."""
    with Database(workspace.database_url) as database:
        return database.read(kind, area)


def read_changes(workspace: Workspace, area: str, record_id: str) -> pd.DataFrame:
    """Return every change of one record, the earliest first."""
    with Database(workspace.database_url) as database:
        return database.read_audit(area, record_id)


def write_as_typed(record: pd.Series[Any], kind: str) -> dict[str, str]:
    """Return a record's filled fields as a person would type them."""
    plain = record.astype(object).where(record.notna(), None)
    return write_as_text({str(name): value for name, value in plain.items()}, find_kind(kind))


def enter(
    workspace: Workspace,
    area: str,
    entries: Sequence[tuple[str, Mapping[str, str]]],
    *,
    by: str,
    source: str,
) -> list[int]:
    """Keep typed records, all or none.

    Parameters
    ----------
    workspace, area
        Where to.
    entries
        Kind and field → text of each.
    by
        Who typed them.
    source
        Who reports it, e.g. `factory F01`.

    Returns
    -------
    import_ids
        Under which each can be taken back.

    Raises
    ------
    InputError
        If nobody is named, or a value cannot be what it should be.
    """
    load_area(workspace, area)
    typed = [
        Entry(kind=kind, values={name: text for name, text in values.items() if text.strip()})
        for kind, values in entries
    ]
    with Database(workspace.database_url) as database:
        return enter_records(
            database, area, typed, entered_by=_require_name(by), source=source.strip() or "reported"
        )


def correct(
    workspace: Workspace,
    area: str,
    kind: str,
    record_id: str,
    changes: Mapping[str, str],
    *,
    by: str,
) -> dict[str, Any]:
    """Change fields of a record for good; return the earlier values of what is different.

    Raises
    ------
    InputError
        If nobody is named, or a value cannot be what it should be.
    """
    with Database(workspace.database_url) as database:
        return correct_record(
            database, kind, area, record_id, changes, corrected_by=_require_name(by)
        )


def _require_name(by: str) -> str:
    if not by.strip():
        message = "Your name is missing: every change is kept with who made it."
        raise InputError(message)
    return by.strip()
