"""Which crashes befell commuting workers, of which factory, by which mode, on whose routes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from core.among import is_among
from core.errors import TableError
from core.vocabulary import Severity, YesNoUnknown

__all__ = ["CommuteCrashes", "match_commute_crashes"]

UNKNOWN: Final = "unknown"
YES, NO = YesNoUnknown.YES.value, YesNoUnknown.NO.value
HURT: Final = (Severity.FATAL.value, Severity.SERIOUS.value, Severity.SLIGHT.value)
KSI: Final = HURT[:2]
CRASH_COLUMNS: Final = (
    *("crash_id", "site_id", "is_worker_commute", "factory_id", "road_users"),
    *("hour", "light", "road_class"),
)
CASUALTY_COLUMNS: Final = ("crash_id", "is_worker", "factory_id", "road_user", "injury")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommuteCrashes:
    """Commute crashes and the commutes they belong to.

    Attributes
    ----------
    crashes
        One row a commute crash: `crash_id`, `site_id`, `hour`, `light`, `road_class`,
        `n_factories`, `n_hurt`, `n_ksi` (workers), `is_on_route` (`yes`: the site lies on a
        route of one of its factories; `no`; `unknown`) and `why_unknown`.
    members
        One row a crash, factory and mode of a worker in it: `crash_id`, `factory_id`
        (missing where not known), `mode` (`unknown` where not known), `n_hurt`, `n_ksi`,
        `is_on_route`.
    notes
        How many crashes and workers could be joined only in part.
    """

    crashes: pd.DataFrame
    members: pd.DataFrame
    notes: Counter[str]


def match_commute_crashes(
    crashes: pd.DataFrame, casualties: pd.DataFrame, commuted: pd.DataFrame
) -> CommuteCrashes:
    """Join crashes to workers, factories and the sites on those factories' routes.

    Parameters
    ----------
    crashes
        One row a crash: `crash_id`, `site_id` (missing where not placed),
        `is_worker_commute` (yes, no, unknown), `factory_id`, `road_users` (words joined by
        ";"), `hour`, `light`, `road_class`.
    casualties
        One row a person: `crash_id`, `is_worker`, `factory_id`, `road_user`, `injury`; and
        `report_id` where several reports of one crash list the same people.
    commuted
        `factory_id`, `site_id`: which sites the workers of which factory pass.

    Returns
    -------
    found
        Every commute crash, those of no known factory too.

    Raises
    ------
    TableError
        If a column is missing.

    Notes
    -----
    A crash is a commute crash when its report says so, or when it does not say and a worker
    of a known factory is among the casualties; a report that says "no" is believed. Of
    several reports of one crash, the people of the one that lists most workers count. A
    worker of no stated factory is taken to be of the crash's. Where no worker is listed, the
    mode is that of the crash if it names one road user only, and nobody is counted as hurt.
    """
    for name, table, needed in (
        ("crashes", crashes, CRASH_COLUMNS),
        ("casualties", casualties, CASUALTY_COLUMNS),
        ("commuted", commuted, ("factory_id", "site_id")),
    ):
        missing = [column for column in needed if column not in table.columns]
        if missing:
            raise TableError.missing_columns(name, missing, list(map(str, table.columns)))
    notes: Counter[str] = Counter()
    workers = _choose_workers(casualties, crashes)
    said = crashes["is_worker_commute"].fillna(UNKNOWN)
    of_known = workers.loc[workers["factory_id"].notna(), "crash_id"]
    is_commute = said.eq(YES) | (~said.eq(NO) & crashes["crash_id"].isin(of_known))
    notes["crashes with workers that are said to be no commute"] = int(
        (said.eq(NO) & crashes["crash_id"].isin(workers["crash_id"])).sum()
    )
    notes["crashes taken for commutes because a factory's worker was in them"] = int(
        (is_commute & ~said.eq(YES)).sum()
    )
    found = crashes[is_commute]
    members = _list_members(found, workers, notes)
    members = members.merge(found[["crash_id", "site_id"]], on="crash_id", how="left")
    members["is_on_route"] = _tell_on_route(members, commuted)
    notes["commute crashes of no known factory"] = int(
        members.groupby("crash_id")["factory_id"].count().eq(0).sum()
    )
    table = _sum_up(found, members)
    notes["commute crashes without a place"] = int(table["site_id"].isna().sum())
    return CommuteCrashes(
        crashes=table, members=members.drop(columns="site_id"), notes=Counter(+notes)
    )


def _choose_workers(casualties: pd.DataFrame, crashes: pd.DataFrame) -> pd.DataFrame:
    """Return the workers among the casualties, those of one report a crash."""
    workers = casualties[casualties["is_worker"].eq(YES).fillna(False).astype(bool)]
    workers = workers[is_among(workers["crash_id"], crashes["crash_id"])]
    if "report_id" in workers.columns:
        size = workers.groupby(["crash_id", "report_id"]).size().rename("n").reset_index()
        best = size.sort_values(["crash_id", "n", "report_id"], ascending=[True, False, True])
        best = best.drop_duplicates("crash_id")[["crash_id", "report_id"]]
        workers = workers.merge(best, on=["crash_id", "report_id"])
    of_crash = crashes.set_index("crash_id")["factory_id"]
    own = workers["factory_id"].fillna(workers["crash_id"].map(of_crash))
    return workers.assign(factory_id=own)


def _list_members(found: pd.DataFrame, workers: pd.DataFrame, notes: Counter[str]) -> pd.DataFrame:
    """Return one row a crash, factory and mode."""
    listed = workers[workers["crash_id"].isin(found["crash_id"])]
    rows = pd.DataFrame(
        {
            "crash_id": listed["crash_id"],
            "factory_id": listed["factory_id"],
            "mode": listed["road_user"].astype("object").fillna(UNKNOWN),
            "n_hurt": listed["injury"].isin(HURT).astype("int64"),
            "n_ksi": listed["injury"].isin(KSI).astype("int64"),
        }
    )
    alone = found[~found["crash_id"].isin(listed["crash_id"])]
    notes["commute crashes whose workers are not listed, nobody counted as hurt"] = len(alone)
    users = alone["road_users"].astype("object").fillna("")
    is_one = users.ne("") & ~users.str.contains(";").astype(bool)
    bare = pd.DataFrame(
        {
            "crash_id": alone["crash_id"],
            "factory_id": alone["factory_id"],
            "mode": users.where(is_one, UNKNOWN),
            "n_hurt": np.zeros(len(alone), dtype=np.int64),
            "n_ksi": np.zeros(len(alone), dtype=np.int64),
        }
    )
    both = pd.concat([rows.astype("object"), bare.astype("object")], ignore_index=True)
    both = both.astype({"n_hurt": "int64", "n_ksi": "int64"})
    both["factory_id"] = both["factory_id"].where(both["factory_id"].notna(), None)
    keys = ["crash_id", "factory_id", "mode"]
    return both.groupby(keys, dropna=False, as_index=False)[["n_hurt", "n_ksi"]].sum()


def _tell_on_route(members: pd.DataFrame, commuted: pd.DataFrame) -> pd.Series[str]:
    pairs = pd.MultiIndex.from_frame(commuted[["factory_id", "site_id"]].drop_duplicates())
    own = pd.MultiIndex.from_frame(members[["factory_id", "site_id"]])
    is_on = pd.Series(own.isin(pairs), index=members.index)
    has_routes = members["factory_id"].isin(commuted["factory_id"].unique())
    is_known = has_routes & members["site_id"].notna() & members["factory_id"].notna()
    answer = pd.Series(NO, index=members.index, dtype="object").mask(is_on, YES)
    return answer.mask(~is_known, UNKNOWN)


def _sum_up(found: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Return one row a commute crash."""
    grouped = members.groupby("crash_id")
    numbers = grouped.agg(
        n_factories=("factory_id", "nunique"), n_hurt=("n_hurt", "sum"), n_ksi=("n_ksi", "sum")
    )
    has = {
        word: members.loc[members["is_on_route"].eq(word), "crash_id"].unique()
        for word in (YES, NO)
    }
    columns = ["crash_id", "site_id", "hour", "light", "road_class"]
    table = found[columns].merge(numbers, left_on="crash_id", right_index=True, how="left")
    on_route = pd.Series(UNKNOWN, index=table.index, dtype="object")
    on_route = on_route.mask(table["crash_id"].isin(has[NO]), NO)
    table["is_on_route"] = on_route.mask(table["crash_id"].isin(has[YES]), YES)
    is_open = table["is_on_route"].eq(UNKNOWN)
    why = pd.Series("", index=table.index, dtype="object")
    why = why.mask(is_open, "its factory has no commutes")
    why = why.mask(is_open & table["n_factories"].eq(0), "its factory is not known")
    table["why_unknown"] = why.mask(is_open & table["site_id"].isna(), "it has no place")
    return table.reset_index(drop=True)
