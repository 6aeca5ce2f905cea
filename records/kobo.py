"""Read exports of KoboToolbox and ODK as tables of records, without a mapping.

What these exports have beside a form's questions is turned into columns of our own:

- the submission's identifier (`_uuid`, else `meta/instanceID`, ODK's `KEY`, `_id`): the key
  of the record, and of a repeat group's rows the record that they belong to;
- longitude and latitude of a point question, whether the export splits it over columns
  (`_place_latitude`, `place-Latitude`) or holds it as text (`lat lon altitude accuracy`);
- answers to a question with several, joined by blanks or as columns of 0 and 1.

Attachments, notes, times of filling in and the like stay where they are: columns not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from records.batches import RawBatch
from records.fields import FieldType, Kind
from records.naming import simplify_name

if TYPE_CHECKING:
    from records.reading import RawTable

__all__ = ["ExportTable", "find_repeat_kind", "is_export", "is_repeat"]

OF_EXPORTS = frozenset({
    "_id", "_uuid", "_submission_time", "_validation_status", "_submitted_by", "__version__",
    "_index", "_parent_index", "_parent_table_name", "_submission__id", "_submission__uuid",
    "_submission__submission_time", "meta/instanceid", "meta-instanceid", "instanceid",
    "formhub/uuid", "key", "parent_key", "submissiondate", "submitterid", "submittername",
    "deviceid", "_attachments", "_geolocation", "attachmentspresent", "reviewstate",
})  # fmt: skip
MIN_OF_EXPORTS = 2
KEYS = ("_uuid", "meta/instanceid", "meta-instanceid", "instanceid", "key", "_id")
PARENTS = ("_submission__uuid", "parent_key", "_submission__id")
PARENT_INDEX, INDEX = "_parent_index", "_index"
KEY, PARENT = "(record)", "(belongs to)"
LON, LAT = "(longitude)", "(latitude)"
PLACE_NAMES = ("place", "location", "crash_place", "gps", "geopoint", "point", "position")
FORM_POINT = "geolocation"  # the first point of a submission, whichever that is
GROUPS = re.compile(r"[/.]|(?<=\w)-(?=\w)")
NUMBER = r"-?\d+(?:\.\d+)?"
POINT = re.compile(rf"^\s*\[?\s*({NUMBER})\s*[, ]\s*({NUMBER})(?:\s+{NUMBER}){{0,2}}\s*\]?\s*$")
REPEATS = {
    "casualties": "casualty", "casualty": "casualty", "persons": "casualty", "people": "casualty",
    "victims": "casualty", "injured": "casualty", "vehicles": "vehicle", "vehicle": "vehicle",
}  # fmt: skip
TRUE = {"1", "true", "yes", "1.0"}


def is_export(columns: tuple[str, ...]) -> bool:
    """Tell by its columns whether a table is an export of KoboToolbox or ODK."""
    return len(OF_EXPORTS & set(map(simplify_name, columns))) >= MIN_OF_EXPORTS


def is_repeat(columns: tuple[str, ...]) -> bool:
    """Tell whether an export's table holds the rows of a repeat group."""
    return bool({*PARENTS, PARENT_INDEX} & set(map(simplify_name, columns)))


def find_repeat_kind(name: str) -> str:
    """Return the kind of record that a repeat group of this name holds; empty if unclear."""
    words = re.split(r"[\W_]+", name.casefold())
    return next((REPEATS[word] for word in reversed(words) if word in REPEATS), "")


class ExportTable:
    """A table of an export, with columns of our own added to its rows.

    Parameters
    ----------
    table
        The table as it is.
    kind
        Kind of record that its rows are.
    repeat
        Name of the repeat group; empty for the form itself.
    parents
        Identifier of the submission by its `_index`, for exports whose repeat groups
        know their submission only by that.
    """

    def __init__(
        self,
        table: RawTable,
        kind: Kind,
        *,
        repeat: str = "",
        parents: dict[str, str] | None = None,
    ) -> None:
        self._table, self._kind = table, kind
        self._repeat, self._parents = repeat, parents or {}
        self._names = {simplify_name(name): name for name in reversed(table.columns)}
        self.notes: Counter[str] = table.notes
        self.description = f"{table.description}, export of a form"
        self._short = _drop_groups(table.columns)
        self._is_repeat = is_repeat(table.columns)
        self._point = self._find_point()
        self._choices = self._find_choices()
        added = [KEY] if self._finds(KEYS) or self._is_repeat else []
        added += [PARENT] if self._is_repeat else []
        added += [LON, LAT] if self._point else []
        added += [f"({name})" for name in self._choices]
        self.columns = (*table.columns, *added)
        self.other_names = {**table.other_names, **self._short}
        self.other_names |= self._name_added(added)

    def _name_added(self, added: list[str]) -> dict[str, str]:
        names = {KEY: self._kind.key, LON: "lon", LAT: "lat"}
        if "crash_source_id" in self._kind.field_names:
            names[PARENT] = "crash_source_id"
        names |= {f"({name})": name for name in self._choices}
        return {names[column]: column for column in added if column in names}

    def _finds(self, names: tuple[str, ...]) -> str:
        return next((self._names[name] for name in names if name in self._names), "")

    def _find(self, field: str) -> str:
        """Return the column that gives a field; empty if none does."""
        return self._names.get(field) or self._short.get(field, "")

    def _find_point(self) -> tuple[str, ...]:
        """Return the columns of the latitude and the longitude, or the one with both."""
        if not {"lon", "lat"} <= set(self._kind.field_names):
            return ()
        if self._find("lon") and self._find("lat"):
            return ()
        points: dict[str, tuple[str, ...]] = {}
        for simple, column in self._names.items():
            for ends in (("_latitude", "_longitude"), ("-latitude", "-longitude")):
                other = self._names.get(simple.removesuffix(ends[0]) + ends[1])
                if simple.endswith(ends[0]) and other:
                    points[_last(simple.removesuffix(ends[0]).lstrip("_"))] = (column, other)
        points = {**self._find_written_points(), **points}
        best = [name for name in PLACE_NAMES if name in points]
        best += [name for name in points if name != FORM_POINT] + list(points)
        return points[best[0]] if best else ()

    def _find_written_points(self) -> dict[str, tuple[str, ...]]:
        """Return the columns whose filled cells are all points, as far as the first rows tell."""
        batch = next(self._table.read(), None)
        if batch is None:
            return {}
        points: dict[str, tuple[str, ...]] = {}
        for column in batch.frame.columns:
            filled = [cell for cell in batch.frame[column].head(200).tolist() if cell.strip()]
            if filled and all(map(POINT.match, filled)) and any(" " in c.strip() for c in filled):
                points[_last(simplify_name(column)).lstrip("_")] = (str(column),)
        return points

    def _find_choices(self) -> dict[str, list[str]]:
        """Return the columns of 0 and 1 of the questions that have no column of their own."""
        found = {}
        for one in self._kind.fields:
            if one.type is FieldType.WORDS and not self._find(one.name):
                inside = re.compile(rf"(?:.*[/.]|^){one.name}[/.][^/.]+$")
                columns = [c for s, c in self._names.items() if inside.match(s)]
                if columns:
                    found[one.name] = columns
        return found

    def read(self, *, single: frozenset[str] = frozenset()) -> Iterator[RawBatch]:
        """Yield the rows with the columns added; see `records.reading.RawTable`."""
        seen: Counter[str] = Counter()
        several = [
            self._find(one.name)
            for one in self._kind.fields
            if (one.type is FieldType.WORDS or one.is_list) and self._find(one.name)
        ]
        for batch in self._table.read(single=single):
            frame = batch.frame
            data = {str(name): frame[name] for name in frame.columns}
            for column in several:
                data[column] = frame[column].str.strip().str.replace(r"\s+", ";", regex=True)
            data |= self._make_columns(frame, seen)
            added = pd.DataFrame({name: data[name] for name in self.columns})
            yield RawBatch(added, batch.row_numbers, batch.bad, batch.done_share)

    def _make_columns(self, frame: pd.DataFrame, seen: Counter[str]) -> dict[str, pd.Series[str]]:
        made: dict[str, list[str]] = {}
        key = self._finds(KEYS[:-1] if self._is_repeat else KEYS)
        own = _clean_keys(frame[key]) if key else [""] * len(frame)
        if self._is_repeat:
            made[PARENT] = self._find_parents(frame)
            made[KEY] = []
            for one, parent in zip(own, made[PARENT], strict=True):
                seen[parent] += 1
                counted = f"{parent}/{self._repeat or 'row'}[{seen[parent]}]" if parent else ""
                made[KEY].append(one if "/" in one else counted)
        elif key:
            made[KEY] = own
        if self._point:
            pairs = zip(*(frame[column].tolist() for column in self._point), strict=True)
            points = [_read_point(parts) for parts in pairs]
            made[LAT], made[LON] = [lat for lat, _ in points], [lon for _, lon in points]
        for name, columns in self._choices.items():
            words = [_last(simplify_name(column)) for column in columns]
            rows = zip(*(frame[column].tolist() for column in columns), strict=True)
            made[f"({name})"] = [
                ";".join(w for w, cell in zip(words, row, strict=True) if cell.casefold() in TRUE)
                for row in rows
            ]
        return {
            name: pd.Series(values, index=frame.index, dtype="str") for name, values in made.items()
        }

    def _find_parents(self, frame: pd.DataFrame) -> list[str]:
        column = self._finds(PARENTS)
        if column:
            return [key.partition("/")[0] for key in _clean_keys(frame[column])]
        index = self._names.get(PARENT_INDEX)
        if index is None:
            return [""] * len(frame)
        return [self._parents.get(cell.strip(), "") for cell in frame[index].tolist()]

    def read_parents(self) -> dict[str, str]:
        """Return the identifier of each row by its `_index`."""
        index = self._names.get(INDEX)
        column = PARENT if self._is_repeat else KEY
        found: dict[str, str] = {}
        if index is None or column not in self.columns:
            return found
        for batch in self.read():
            cells = (batch.frame[name].str.strip().tolist() for name in (index, column))
            found.update(zip(*cells, strict=True))
        return found


def _drop_groups(columns: tuple[str, ...]) -> dict[str, str]:
    """Return the columns by their question's name, without groups, where one has it."""
    names: dict[str, list[str]] = {}
    whole = {simplify_name(column) for column in columns}
    for column in columns:
        simple = simplify_name(column)
        short = _last(simple)
        group = simple[: -len(short)].rstrip("/.-")
        if short != simple and group not in whole and short not in whole:
            names.setdefault(short, []).append(column)
    return {short: found[0] for short, found in names.items() if len(found) == 1}


def _last(name: str) -> str:
    return GROUPS.split(name)[-1] or name


def _clean_keys(column: pd.Series[str]) -> list[str]:
    return [key.strip().removeprefix("uuid:") for key in column.fillna("").tolist()]


def _read_point(parts: tuple[str, ...]) -> tuple[str, str]:
    """Return latitude and longitude as written; what is no point stays where it is seen."""
    if len(parts) > 1:
        return parts[0], parts[1]
    found = POINT.match(parts[0])
    return (found[1], found[2]) if found else (parts[0], "")
