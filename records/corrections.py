"""What a person types: new records, and corrections that no later import overwrites.

Typed values go through the same checks as those of a file; each change is logged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping as Values
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.errors import InputError, MissingDataError
from core.vocabulary import LocationQuality, PlaceMethod
from records.content import compute_content_hash
from records.database import Database
from records.fields import FieldType, Kind, find_kind, split_list
from records.mapping import Mapping
from records.plan import Plan, build_plan
from records.preparing import compute_digests
from records.schema import AUDIT, IMPORTS, RECORDS, list_content_columns
from records.standardise import standardise_batch
from records.storing import Storing, to_plain
from records.values import clean_text, is_filled

__all__ = ["BY_HAND", "Entry", "correct_record", "enter_records", "write_as_text"]

BY_HAND = "entered by hand"  # stands where an import has the name of its file
PLACE = ("lon", "lat", "place_note", "placed_by", "location_quality")
NEVER_TYPED = frozenset({"place_note", "has_time"})  # follow from the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record as a person typed it."""

    kind: str
    values: Values[str, str]  # field → text; fields left out are not known


def enter_records(
    database: Database,
    area: str,
    entries: Sequence[Entry],
    *,
    entered_by: str,
    source: str = "reported",
) -> list[int]:
    """Keep records that a person typed, all or none: a crash and its casualties, say.

    Parameters
    ----------
    database
        Where to.
    area
        Key of the study area.
    entries
        What was typed.
    entered_by
        Who typed it, for the audit log.
    source
        Who reports it; identifiers are unique within a source.

    Returns
    -------
    import_ids
        The number of each entry in the list of imports, where it can be undone.

    Raises
    ------
    InputError
        If a value cannot be what it should be, something needed is missing, or the
        record is there already; the message says which and what to do.
    """
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with database.writing() as connection:
        return [
            _enter(connection, area, one, entered_by=entered_by, source=source, now=now)
            for one in entries
        ]


def correct_record(
    database: Database,
    kind: str,
    area: str,
    record_id: str,
    changes: Values[str, str],
    *,
    corrected_by: str,
) -> dict[str, Any]:
    """Change fields of a record; what a person set stays whatever later imports say.

    Parameters
    ----------
    database
        Where.
    kind, area, record_id
        Which record (`crash_id` of a crash).
    changes
        Field → what it should be, as text; an empty text: not known.
    corrected_by
        Who says so, for the audit log.

    Returns
    -------
    before
        The earlier values of the fields that are now different; empty if none is.

    Raises
    ------
    MissingDataError
        If the area has no such record.
    InputError
        If a field cannot be corrected, or a value cannot be what it should be.
    """
    spec = find_kind(kind)
    allowed = {one.name for one in spec.fields} - NEVER_TYPED
    wrong = sorted(set(changes) - allowed)
    if wrong:
        message = f"{kind}: {wrong[0]!r} cannot be corrected; one of: {', '.join(sorted(allowed))}."
        raise InputError(message)
    table = RECORDS[kind]
    chosen = sa.and_(table.c.record_id == record_id, table.c.area == area)
    with database.writing() as connection:
        old = connection.execute(sa.select(table).where(chosen)).mappings().first()
        if old is None:
            message = f"{kind} {record_id!r}: not found in area {area!r}; check the identifier."
            raise MissingDataError(message)
        new = _standardise(spec, {**write_as_text(dict(old), spec), **changes}, old["source"] or "")
        names = [one.name for one in list_content_columns(spec)]
        touched = _list_touched(spec, changes)
        if "lon" in touched:
            new |= _say_who_placed_it(new, spec)
        values = {name: new[name] if name in touched else old[name] for name in names}
        before = {name: old[name] for name in names if values[name] != old[name]}
        if not before:
            return {}
        said = {name: value for name, value in values.items() if name != spec.key}
        corrected = {*split_list(old["corrected_fields"]), *(touched & set(names))}
        change = {name: values[name] for name in before}
        change["content_hash"] = compute_content_hash(said)
        change["corrected_fields"] = ";".join(sorted(corrected))
        connection.execute(sa.update(table).where(chosen).values(**change))
        entry = {
            "kind": kind,
            "record_id": record_id,
            "action": "correct",
            "changed_at": datetime.now(UTC).replace(tzinfo=None, microsecond=0),
            "changed_by": corrected_by,
            "import_id": old["import_id"],
            "old_values": json.dumps(before, default=str, ensure_ascii=False),
        }
        connection.execute(sa.insert(AUDIT), entry)
    return before


def write_as_text(record: Values[str, Any], kind: Kind) -> dict[str, str]:
    """Return a record's filled fields as a person would type them."""
    texts = {}
    for one in list_content_columns(kind):
        value = record[one.name]
        if value is None or value is pd.NaT or one.name in NEVER_TYPED or value != value:
            continue
        if one.type in {FieldType.MOMENT, FieldType.DATE}:
            has_time = one.type is FieldType.MOMENT and bool(record.get("has_time"))
            texts[one.name] = f"{value:%Y-%m-%d %H:%M:%S}" if has_time else f"{value:%Y-%m-%d}"
        elif one.type is FieldType.TRUTH:
            texts[one.name] = "yes" if value else "no"
        else:
            texts[one.name] = str(value)
    return texts


def _enter(
    connection: sa.Connection,
    area: str,
    entry: Entry,
    *,
    entered_by: str,
    source: str,
    now: datetime,
) -> int:
    kind = find_kind(entry.kind)
    frame, plan = _standardise_entry(kind, entry.values, source)
    described = {
        "kind": kind.name,
        "area": area,
        "file_name": BY_HAND,
        "file_sha256": "",
        "mapping": "",
        "notes": "",
        "imported_by": entered_by,
        "imported_at": now,
        "read": 1,
        "accepted": 1,
    }
    inserted = connection.execute(sa.insert(IMPORTS), described).inserted_primary_key
    import_id = int(inserted[0]) if inserted else 0
    storing = Storing(connection, kind, area, import_id, entered_by, now, plan.given)
    storing.store(frame, [1], compute_digests(frame, kind, area))
    storing.finish()
    if not storing.counts["accepted"]:
        key = frame[kind.key].iloc[0]
        message = (
            f"{kind.name} {key!r}: is in the records already, so it was not entered again; "
            "correct that one instead."
        )
        raise InputError(message)
    return import_id


def _standardise_entry(
    kind: Kind, values: Values[str, str], source: str
) -> tuple[pd.DataFrame, Plan]:
    """Return one typed row, checked as a file's row is."""
    known = {kind.key, "source", *kind.field_names} - NEVER_TYPED
    wrong = sorted(set(values) - known)
    if wrong:
        message = f"{kind.name}: there is no field {wrong[0]!r}; use: {', '.join(sorted(known))}."
        raise InputError(message)
    required = {one.name for one in kind.fields if one.is_required}
    required |= {name for name in ("lon", "lat") if name in kind.field_names}
    texts = dict.fromkeys(sorted(required), "") | dict(values)
    if not kind.can_make_key and kind.key not in texts:
        texts[kind.key] = ""
    names = {name: name for name in texts}
    mapping = Mapping.model_validate({"kind": kind.name, "source": source, "columns": names})
    columns = tuple(texts)
    today = pd.Timestamp.now().normalize()
    plan = build_plan(kind, mapping, columns, table=BY_HAND, today=today)
    raw = pd.DataFrame({name: pd.Series([text], dtype="str") for name, text in texts.items()})
    result = standardise_batch(raw, plan)
    if len(result.reasons):
        message = f"{kind.name}: {result.reasons.iloc[0]}; mend it and save again."
        raise InputError(message)
    row = result.frame.iloc[0]
    cells = pd.Series(list(values.values()), dtype="str")
    is_said = (clean_text(cells).notna() & is_filled(cells)).tolist()  # "none" says nothing
    typed = {name: values[name] for name, so in zip(values, is_said, strict=True) if so}
    if {"lon", "lat"} & set(typed) and pd.isna(row["lon"]):
        message = f"{kind.name}: {row['place_note']}; mend it and save again."
        raise InputError(message)
    for name, text in typed.items():
        if name in row and pd.isna(row[name]):
            message = f"{kind.name}: {name} {text!r} is not understood; mend it and save again."
            raise InputError(message)
    return result.frame, plan


def _standardise(kind: Kind, values: Values[str, str], source: str) -> dict[str, Any]:
    frame, _ = _standardise_entry(kind, values, source)
    return {name: to_plain(frame[name])[0] for name in frame.columns}


def _list_touched(kind: Kind, changes: Values[str, str]) -> frozenset[str]:
    """Return the fields that follow from those typed, with them."""
    touched = set(changes)
    if touched & {"lon", "lat"}:
        touched |= {name for name in PLACE if name in kind.field_names}
    if touched & {one.name for one in kind.fields if one.type is FieldType.MOMENT}:
        touched |= {"has_time"} & set(kind.field_names)
    return frozenset(touched)


def _say_who_placed_it(new: Values[str, Any], kind: Kind) -> dict[str, Any]:
    """Return who says where it was: a person, who looked at the map."""
    if new["lon"] is None or "placed_by" not in kind.field_names:
        return {}
    return {
        "placed_by": PlaceMethod.PERSON.value,
        "location_quality": LocationQuality.A.value,
        "place_note": None,
    }
