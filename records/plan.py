"""Find out which column of one file gives which field of a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from core.errors import TableError
from records.fields import Field, FieldType, Kind
from records.mapping import Mapping, Pick
from records.naming import simplify_name
from records.place_names import PLACE_COLUMNS
from records.places import Bounds

if TYPE_CHECKING:  # it reads files, and so needs this module
    from records.gazetteer import Gazetteer

__all__ = [
    "Plan",
    "build_plan",
    "list_expected_names",
    "list_missing_fields",
]


EXTRA_COLUMNS = ("source", "time")  # of crashes: who reports, and the time beside the date
PAIR_COLUMNS = ("lat_lon", "latlon", "lat_long", "latitude_longitude", "coordinates", "geopoint",
                "gps", "gps_coordinates", "utm")  # fmt: skip
PLACE_FIELDS = ("lon", "lat", "place_note", "placed_by", "location_quality")
INSTEAD_OF_COORDINATES = frozenset(PLACE_COLUMNS[:-1]) | {"road_name", "road_km"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which column of one file gives which field."""

    kind: Kind
    mapping: Mapping
    picks: dict[str, Pick]  # field → existing columns
    aliases: dict[str, str]  # simplified column name → column
    unused: tuple[str, ...]
    latest: pd.Timestamp
    fallback_source: str = "reported"
    near: Bounds | None = None  # of the study area
    gazetteer: Gazetteer | None = None  # to place rows that name a village only

    @property
    def given(self) -> frozenset[str]:
        """Fields that this file speaks of, filled or not."""
        spoken = {*self.picks, *self.mapping.constants, *self.mapping.rules}
        if self.mapping.road_users:
            spoken.add("road_users")
        is_looked_up = self.gazetteer is not None and not spoken.isdisjoint(PLACE_COLUMNS)
        if {"lon", "lat"} & spoken or is_looked_up:
            spoken |= {*PLACE_FIELDS} & {*self.kind.field_names}
        if is_looked_up:
            spoken |= {"village_code"} & {*self.kind.field_names}
        if "road_name" in spoken:
            spoken |= {"road_km"} & {*self.kind.field_names}
        if any(one.type is FieldType.MOMENT and one.name in spoken for one in self.kind.fields):
            spoken.add("has_time")
        return frozenset(spoken)


def list_expected_names(kind: Kind, mapping: Mapping) -> frozenset[str]:
    """Return the column names, simplified, that `build_plan` looks for in a file."""
    names = _condition_columns(mapping)
    if mapping.columns or mapping.variants:
        picks = [mapping.columns, *(variant.columns for variant in mapping.variants)]
        names += [name for some in picks for pick in some.values() for name in pick.columns]
    else:
        fields = _list_named_fields(kind)
        written = [name for one in fields for name in (one.name, *one.aliases)]
        written += PAIR_COLUMNS if "lon" in kind.field_names else ()
        names += [*written, *(name.replace("_", " ") for name in written), *EXTRA_COLUMNS]
    return frozenset(map(simplify_name, names))


def build_plan(
    kind: Kind,
    mapping: Mapping,
    columns: tuple[str, ...],
    *,
    table: str,
    today: pd.Timestamp,
    other_names: dict[str, str] | None = None,
) -> Plan:
    """Find for every field the column of this file that gives it.

    Parameters
    ----------
    kind, mapping
        What is wanted, and how the source writes it. Without `columns` in the mapping,
        columns are found by the fields' own names and their common other names.
    columns
        Columns of the file.
    table
        Name of the file, for messages.
    today
        A crash more than one day later is in the future.
    other_names
        Names by which columns are found beside their own, such as a question's name
        without that of its group.

    Raises
    ------
    TableError
        If a column that the mapping names or the kind needs is not there; the message
        lists the columns found.
    """
    names = {simplify_name(name): name for name in reversed(columns)}
    names |= {simplify_name(name): column for name, column in (other_names or {}).items()}
    picks = _find_by_mapping(mapping, names, columns, table)
    if not mapping.columns and not mapping.variants:
        picks |= _find_by_name(kind, mapping, names)
    missing = list_missing_fields(kind, mapping, frozenset(picks))
    if missing:
        raise TableError.missing_columns(table, missing, columns)
    used = {column for pick in picks.values() for column in pick.columns}
    used |= {names.get(simplify_name(column), column) for column in _condition_columns(mapping)}
    unused = tuple(column for column in columns if column not in used)
    latest = today.normalize() + pd.Timedelta(days=2) - pd.Timedelta(microseconds=1)
    return Plan(kind, mapping, picks, names, unused, latest)


def list_missing_fields(kind: Kind, mapping: Mapping, found: frozenset[str]) -> list[str]:
    """Return the fields that records of a kind cannot do without and that no column gives.

    Parameters
    ----------
    kind, mapping
        What is wanted, and how the source writes it.
    found
        Fields for which there is a column.
    """
    given = found | {*mapping.constants, *mapping.rules}
    missing = [one.name for one in kind.fields if one.is_required and one.name not in given]
    if not kind.can_make_key and kind.key not in given and not mapping.id_columns:
        missing.insert(0, kind.key)
    if kind.name == "crash":
        lacking = [name for name in ("lon", "lat") if name not in given]
        is_placed = len(lacking) == 2 and not INSTEAD_OF_COORDINATES.isdisjoint(given)
        missing += [] if is_placed else lacking
    return missing


def _condition_columns(mapping: Mapping) -> list[str]:
    conditions = [rule.when for rules in mapping.rules.values() for rule in rules if rule.when]
    conditions += [*mapping.road_users.values(), *(rule.when for rule in mapping.skip)]
    return [column for condition in conditions for column in condition.columns] + list(
        mapping.id_columns
    )


def _find_by_mapping(
    mapping: Mapping, names: dict[str, str], columns: tuple[str, ...], table: str
) -> dict[str, Pick]:
    wanted = dict(mapping.columns)
    for variant in mapping.variants:
        if all(simplify_name(column) in names for column in variant.has_columns):
            wanted |= variant.columns
            break
    picks: dict[str, Pick] = {}
    missing: list[str] = []
    for name, pick in wanted.items():
        there = tuple(names[simplify_name(c)] for c in pick.columns if simplify_name(c) in names)
        enough = bool(there) if pick.first else len(there) == len(pick.columns)
        if enough:
            way = "first" if pick.first else "sum" if pick.sum else "join"
            picks[name] = pick.model_copy(update={way: there})
        elif name not in mapping.optional:
            missing += [c for c in pick.columns if simplify_name(c) not in names]
    missing += [c for c in _condition_columns(mapping) if simplify_name(c) not in names]
    if missing:
        raise TableError.missing_columns(table, list(dict.fromkeys(missing)), columns)
    return picks


def _find_by_name(kind: Kind, mapping: Mapping, names: dict[str, str]) -> dict[str, Pick]:
    """Find columns by the fields' names first, then by their other names."""
    picks: dict[str, Pick] = {}
    taken: set[str] = set()
    for use_aliases in (False, True):
        for one in _list_named_fields(kind):
            if one.name in picks or one.name in mapping.constants:
                continue
            for candidate in one.aliases if use_aliases else (one.name,):
                column = names.get(candidate) or names.get(candidate.replace("_", " "))
                if column is not None and column not in taken:
                    picks[one.name] = Pick(first=(column,))
                    taken.add(column)
                    break
    if "lon" in kind.field_names and {"lon", "lat"}.isdisjoint({*picks, *mapping.constants}):
        both = [names.get(one) or names.get(one.replace("_", " ")) for one in PAIR_COLUMNS]
        column = next((one for one in both if one is not None and one not in taken), None)
        if column is not None:
            picks |= {"lon": Pick(first=(column,)), "lat": Pick(first=(column,))}
    for extra in EXTRA_COLUMNS:
        if kind.name == "crash" and extra in names and extra not in picks:
            picks[extra] = Pick(first=(names[extra],))
    return picks


def _list_named_fields(kind: Kind) -> list[Field]:
    """Return the fields that are looked for by name, the key first."""
    key = Field(kind.key, aliases=kind.key_aliases)
    return [key, *(one for one in kind.fields if one.name not in {"has_time", "place_note"})]
