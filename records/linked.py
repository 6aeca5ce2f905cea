"""Complete crashes from the vehicles and casualties that are linked to them.

Registers of three tables leave to the casualty table what others write beside the crash.
What a crash lacks is derived when records are read, never stored, so that each number in the
records is one that somebody reported:

- `n_killed`, `n_serious`, `n_slight`: counted from its casualties, if each has an injury;
- `n_vehicles`: counted from its vehicles; `road_users`: theirs and those of its casualties;
- `severity`: that of its worst hurt casualty.

What a crash says itself stays, and where it and its casualties disagree is counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.vocabulary import Severity
from records.codebooks import UNINJURED
from records.database import Database
from records.schema import RECORDS

__all__ = [
    "CompletedCrashes",
    "complete_crashes",
    "count_disagreements",
    "read_completed_crashes",
]

TABLES = ("crash", "vehicle", "casualty")
LINK = ["source", "crash_source_id"]
COUNTS = {"n_killed": Severity.FATAL, "n_serious": Severity.SERIOUS, "n_slight": Severity.SLIGHT}


@dataclass(frozen=True, slots=True)
class CompletedCrashes:
    """Crashes with what their linked tables tell, and how many took or contradict what."""

    frame: pd.DataFrame
    notes: Counter[str] = field(default_factory=Counter)


def complete_crashes(
    crashes: pd.DataFrame, vehicles: pd.DataFrame, casualties: pd.DataFrame
) -> CompletedCrashes:
    """Fill what crashes lack from their vehicles and casualties.

    Parameters
    ----------
    crashes, vehicles, casualties
        Records of one area, as `Database.read` returns them. They are linked by `source`
        and the crash's own `source_id`.

    Returns
    -------
    completed
        The crashes in their order with the same columns and types, and notes.
    """
    notes: Counter[str] = Counter()
    if vehicles.empty and casualties.empty:
        return CompletedCrashes(crashes, notes)
    keys = pd.MultiIndex.from_frame(crashes[["source", "source_id"]])
    hurt = _count_injuries(casualties)
    there = hurt.reindex(keys).set_axis(crashes.index)
    columns: dict[str, pd.Series[Any]] = {}
    for name in COUNTS:
        counted = there[name].where(there["n_without_injury"] == 0).astype("Int64")
        given = crashes[name]
        _note(notes, given.isna() & counted.notna(), f"{name} counted from casualties")
        _note(notes, _differ(given, counted), _say_disagreement(name))
        columns[name] = given.fillna(counted)
    n_vehicles = _count(vehicles).reindex(keys).set_axis(crashes.index).astype("Int64")
    _note(notes, crashes["n_vehicles"].isna() & n_vehicles.notna(), "n_vehicles counted")
    columns["n_vehicles"] = crashes["n_vehicles"].fillna(n_vehicles)
    users = _list_road_users(vehicles, casualties).reindex(keys).set_axis(crashes.index)
    lacks_users = crashes["road_users"].fillna("").eq("")
    _note(notes, lacks_users & users.notna(), "road users taken from vehicles and casualties")
    columns["road_users"] = crashes["road_users"].mask(lacks_users, users.fillna(""))
    worst = _find_worst(there)
    _note(notes, crashes["severity"].isna() & worst.notna(), "severity taken from casualties")
    columns["severity"] = crashes["severity"].fillna(worst)
    dtypes = {name: crashes[name].dtype for name in columns}
    return CompletedCrashes(crashes.assign(**columns).astype(dtypes), notes)


def read_completed_crashes(database: Database, area: str) -> CompletedCrashes:
    """Return the crashes of an area, completed from the vehicles and casualties recorded.

    Raises
    ------
    DataSourceError
        If the database cannot be read.
    """
    return complete_crashes(*(database.read(kind, area) for kind in TABLES))


def count_disagreements(connection: sa.Connection, area: str, import_id: int) -> Counter[str]:
    """Count the crashes of an import whose numbers are not those of their casualties.

    Parameters
    ----------
    connection
        Within the transaction of the import.
    area
        Key of the study area.
    import_id
        The import of the crashes.
    """
    crash, casualty = RECORDS["crash"], RECORDS["casualty"]
    wanted = [crash.c[name] for name in ("source", "source_id", *COUNTS)]
    query = sa.select(*wanted).where(crash.c.area == area, crash.c.import_id == import_id)
    crashes = pd.DataFrame(connection.execute(query).all(), columns=[one.name for one in wanted])
    query = sa.select(*(casualty.c[name] for name in (*LINK, "injury")))
    query = query.where(casualty.c.area == area)
    casualties = pd.DataFrame(connection.execute(query).all(), columns=[*LINK, "injury"])
    keys = pd.MultiIndex.from_frame(crashes[["source", "source_id"]])
    there = _count_injuries(casualties).reindex(keys).set_axis(crashes.index)
    notes: Counter[str] = Counter()
    for name in COUNTS:
        counted = there[name].where(there["n_without_injury"] == 0).astype("Int64")
        _note(notes, _differ(crashes[name].astype("Int64"), counted), _say_disagreement(name))
    return notes


def _say_disagreement(name: str) -> str:
    return f"{name} is not the number of such casualties; kept as reported"


def _note(notes: Counter[str], rows: pd.Series[bool], text: str) -> None:
    if count := int(rows.sum()):
        notes[text] += count


def _differ(given: pd.Series[int], counted: pd.Series[int]) -> pd.Series[bool]:
    return (given != counted).fillna(False).astype(bool)


def _count_injuries(casualties: pd.DataFrame) -> pd.DataFrame:
    """Return for each crash how many casualties have which injury."""
    linked = casualties.dropna(subset=LINK)
    injury = linked["injury"]
    flags = {name: injury.eq(word).fillna(False).astype("int64") for name, word in COUNTS.items()}
    flags["n_uninjured"] = injury.eq(UNINJURED).fillna(False).astype("int64")
    flags["n_without_injury"] = injury.isna().astype("int64")
    table = pd.DataFrame(flags, index=linked.index).assign(**{one: linked[one] for one in LINK})
    return table.groupby(LINK, sort=False).sum()


def _count(vehicles: pd.DataFrame) -> pd.Series[int]:
    return vehicles.dropna(subset=LINK).groupby(LINK, sort=False).size()


def _list_road_users(vehicles: pd.DataFrame, casualties: pd.DataFrame) -> pd.Series[str]:
    """Return for each crash its road users, sorted, ";" between."""
    parts = [
        frame[[*LINK, column]].rename(columns={column: "user"})
        for frame, column in ((vehicles, "type"), (casualties, "road_user"))
    ]
    users = pd.concat(parts, ignore_index=True).dropna().drop_duplicates()
    users = users.sort_values("user")
    return users.groupby(LINK, sort=False)["user"].agg(";".join)


def _find_worst(there: pd.DataFrame) -> pd.Series[str]:
    """Return the severity of the worst hurt casualty of each crash."""
    worst = pd.Series(pd.NA, index=there.index, dtype="str")
    is_whole = there["n_without_injury"].eq(0)
    worst = worst.mask(is_whole & (there["n_uninjured"] > 0), Severity.DAMAGE_ONLY.value)
    for name in reversed(COUNTS):
        worst = worst.mask(there[name] > 0, COUNTS[name].value)
    return worst
