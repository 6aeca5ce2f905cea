"""Count what names a record that is not there, such as a casualty whose crash never came.

Files come in any order, so such a row is kept, and the account of its import says so. An
identifier that only tells records of one source apart (`Kind.key_is_per_source`) is looked
for among those of the row's own source.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pandas as pd
import sqlalchemy as sa

from records.content import compute_record_id
from records.fields import Field, Kind, find_kind, split_list
from records.lookup import find_recorded
from records.schema import RECORDS

__all__ = ["References"]

MAX_NAME = 40  # characters of an identifier in a note


@dataclass(slots=True)
class References:
    """The records that the rows of one import name."""

    kind: Kind
    area: str
    _named: dict[str, list[pd.DataFrame]] = field(default_factory=dict)  # field → distinct names

    def take(self, frame: pd.DataFrame, row_numbers: list[int]) -> None:
        """Remember what a batch of accepted rows names.

        Parameters
        ----------
        frame
            Columns `source`, key and fields, as `standardise_batch` returns them.
        row_numbers
            Line of each row in its file.
        """
        for one in self.kind.references:
            named = pd.DataFrame({"source": frame["source"], "name": frame[one.name]})
            named = named.assign(row_number=row_numbers).dropna(subset="name")
            if one.is_list:
                named["name"] = named["name"].map(split_list)
                named = named.explode("name").dropna(subset="name")
            if not find_kind(one.refers_to).key_is_per_source:
                named["source"] = ""
            self._named.setdefault(one.name, []).append(_sum_up(named.assign(n=1)))

    def count_orphans(self, connection: sa.Connection) -> Counter[str]:
        """Return a note for each field that names records that are not there, and how often."""
        notes: Counter[str] = Counter()
        for one in self.kind.references:
            named = _sum_up(pd.concat(self._named.get(one.name, [_nothing()])))
            orphans = named[~self._are_recorded(named, one, connection)]
            if len(orphans):
                notes[_describe(orphans, one)] = int(orphans["n"].sum())
        return notes

    def _are_recorded(
        self, named: pd.DataFrame, one: Field, connection: sa.Connection
    ) -> pd.Series[bool]:
        """Tell which names have a record; its identifier is made from its name."""
        pairs = zip(named["source"].tolist(), named["name"].tolist(), strict=True)
        ids = [compute_record_id(one.refers_to, self.area, source, name) for source, name in pairs]
        found = find_recorded(connection, RECORDS[one.refers_to], ids)
        return pd.Series([record_id in found for record_id in ids], named.index, dtype="bool")


def _nothing() -> pd.DataFrame:
    return pd.DataFrame({"source": [], "name": [], "row_number": [], "n": []})


def _sum_up(named: pd.DataFrame) -> pd.DataFrame:
    """Return each name once, with how often it comes and the first row that has it."""
    grouped = named.groupby(["source", "name"], as_index=False, sort=False)
    return grouped.agg(row_number=("row_number", "min"), n=("n", "sum"))


def _describe(orphans: pd.DataFrame, one: Field) -> str:
    first = orphans.sort_values("row_number").iloc[0]
    name = " ".join(str(first["name"])[:MAX_NAME].split())
    of_source = f" of source {first['source']}" if first["source"] else ""
    return (
        f"{one.name} names a {one.refers_to} that is not in the records (first: row "
        f"{first['row_number']}, {name}{of_source}); kept, and joined when it is imported"
    )
