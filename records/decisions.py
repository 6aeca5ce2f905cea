"""What was decided on pairs of reports: kept in the database, logged, and taken back.

Only pairs are kept. An event is what merged pairs connect, so every merge is undone by
changing a pair. Each change of a decision is in the audit log (`kind` is `crash_pair`,
`record_id` the two ids with a blank between), with what stood before.

A person's decision counts at once: what matching decided on other pairs is settled anew
(`records.settling`), so that two reports set apart are not joined through a third one.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

import pandas as pd
import sqlalchemy as sa

from core.among import is_among
from core.errors import InputError, MissingDataError
from records.database import Database
from records.events import find_events
from records.pairs import (
    AUDIT_KIND,
    COLUMNS,
    read_area_pairs,
    read_sources,
    to_pairs_frame,
    write_pairs,
)
from records.schema import AUDIT, PAIRS
from records.settling import (
    MATCHING,
    MERGED,
    QUEUED,
    SEPARATE,
    find_contradiction,
    settle_pairs,
)

__all__ = [
    "AUDIT_KIND",
    "compute_pairs_digest",
    "decide_pair",
    "list_queue",
    "read_pair_history",
    "read_pairs",
    "record_pairs",
    "undo_pair",
    "with_reports",
]

BY_A_PERSON: Final = "put together by a person; matching did not think them alike"
NOT_ALIKE: Final = "no longer alike, or one of the reports is no longer there"
SHOWN: Final = (
    "source", "source_id", "occurred_at", "has_time", "severity", "road_name", "village", "district"
)  # fmt: skip


def read_pairs(database: Database, area: str) -> pd.DataFrame:
    """Return all pairs of an area with what was decided, in the order of their ids.

    Returns
    -------
    pairs
        `left_id`, `right_id`, `probability`, `reasons`, `decision` (merged, queued,
        separate), `decided_by`, `decided_at` [UTC].
    """
    with database.reading() as connection:
        return read_area_pairs(connection, area)


def record_pairs(database: Database, area: str, found: pd.DataFrame) -> dict[str, int]:
    """Keep what matching found; people's decisions stay as they are.

    Parameters
    ----------
    database, area
        Where.
    found
        `left_id`, `right_id`, `probability`, `reasons` of every pair that may be one crash,
        as `records.matching.find_pairs` returns it.

    Returns
    -------
    counts
        `merged`, `queued`, `separate`: pairs now; `by_people`: of these decided by a person;
        `new` and `changed`: pairs that matching added, and decided otherwise than before.

    Notes
    -----
    A pair that matching no longer finds is separate from now on. The same reports again
    change nothing.
    """
    with database.writing() as connection:
        sources = read_sources(connection, area)
        stored = read_area_pairs(connection, area)
        fresh = found[found["left_id"].isin(sources.index) & found["right_id"].isin(sources.index)]
        pairs = settle_pairs(_combine(stored, fresh), sources)
        changed = write_pairs(connection, area, stored, pairs)
    decisions = pairs["decision"].value_counts()
    counts = {name: int(decisions.get(name, 0)) for name in (MERGED, QUEUED, SEPARATE)}
    return {**counts, "by_people": int(pairs["decided_by"].ne(MATCHING).sum()), **changed}


def _combine(stored: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Return stored pairs with matching's newest view of them, and the new ones."""
    ids = ["left_id", "right_id"]
    view = found[[*ids, "probability", "reasons"]].set_index(ids)
    pairs = stored.set_index(ids)
    is_matching = pairs["decided_by"].eq(MATCHING)
    is_gone = is_matching & ~pairs.index.isin(view.index)
    pairs.loc[is_gone, "probability"] = 0.0
    pairs.loc[is_gone & pairs["decision"].ne(SEPARATE), "reasons"] = NOT_ALIKE
    again = pairs.index[is_matching].intersection(view.index)
    for name in ("probability", "reasons"):
        pairs.loc[again, name] = view.loc[again, name]
    new = view[~view.index.isin(pairs.index)].assign(decision=QUEUED, decided_by=MATCHING)
    both = pd.concat([pairs.reset_index(), new.reset_index()], ignore_index=True)
    return both.astype(COLUMNS)


def list_queue(database: Database, area: str) -> pd.DataFrame:
    """Return the pairs that wait for a person, the likeliest first.

    Returns
    -------
    queue
        `left_id`, `right_id`, `probability`, `reasons`, and of both reports what
        `with_reports` tells. Pairs that are one event already through a third report do
        not wait, nor do those of which a report is no longer there.
    """
    pairs = read_pairs(database, area)
    reports = database.read("crash", area)
    event = find_events(reports, pairs)
    event_of = dict(zip(reports["crash_id"], event, strict=True))
    left, right = pairs["left_id"].map(event_of), pairs["right_id"].map(event_of)
    waits = pairs["decision"].eq(QUEUED) & left.notna() & right.notna() & left.ne(right)
    queue = pairs.loc[waits, ["left_id", "right_id", "probability", "reasons"]]
    queue = queue.sort_values("probability", ascending=False, kind="stable")
    return with_reports(queue, reports).reset_index(drop=True)


def with_reports(pairs: pd.DataFrame, reports: pd.DataFrame) -> pd.DataFrame:
    """Return pairs with what a person knows their reports by.

    Parameters
    ----------
    pairs
        `left_id`, `right_id`, and whatever else.
    reports
        The area's crash records.

    Returns
    -------
    pairs
        With `source`, `source_id`, `occurred_at`, `has_time`, `severity`, `road_name`,
        `village`, `district` of both reports, with `left_` and `right_` before; missing
        where a report is no longer there.
    """
    known = reports.set_index("crash_id")[list(SHOWN)]
    for side in ("left", "right"):
        pairs = pairs.join(known.add_prefix(f"{side}_"), on=f"{side}_id")
    return pairs


def decide_pair(
    database: Database, area: str, left_id: str, right_id: str, decision: str, *, decided_by: str
) -> dict[str, int]:
    """Keep a person's decision on a pair; matching never overrules it.

    Parameters
    ----------
    database, area
        Where.
    left_id, right_id
        Two reports (`crash_id`), in any order; matching need not have found them alike.
    decision
        `merged`: one crash; `separate`: two.
    decided_by
        Who decides, for the pair and the audit log.

    Returns
    -------
    counts
        `changed`: pairs decided otherwise than before, those of matching that follow from
        this decision among them; `new`: pairs that were not known before.

    Raises
    ------
    InputError
        If there is no such decision, or it contradicts what people decided on other pairs.
    MissingDataError
        If the area has no such report.
    """
    if decision not in (MERGED, SEPARATE):
        message = f"decision {decision!r} is not known; use {MERGED} or {SEPARATE}."
        raise InputError(message)
    left, right = _order(left_id, right_id)
    require_person(decided_by)
    with database.writing() as connection:
        return _decide(connection, area, (left, right), decision, decided_by, decided_by)


def undo_pair(
    database: Database, area: str, left_id: str, right_id: str, *, decided_by: str
) -> tuple[str, str]:
    """Take the last decision on a pair back.

    A person's decision gives way to what stood before it; to take back the taking back is to
    decide again. A merge by matching is taken apart and waits for a person; matching does
    not merge the two again.

    Returns
    -------
    decision, decided_by
        What stands now.

    Raises
    ------
    MissingDataError
        If there is no such pair.
    InputError
        If there is nothing to take back, or people joined the two through other reports.
    """
    left, right = _order(left_id, right_id)
    require_person(decided_by)
    with database.writing() as connection:
        pairs = read_area_pairs(connection, area)
        found = pairs[pairs["left_id"].eq(left) & pairs["right_id"].eq(right)]
        if found.empty:
            message = (
                f"pair {left} {right}: not found in area {area!r}; "
                f"`safecommute duplicates list {area}` shows those that wait."
            )
            raise MissingDataError(message)
        now = found.iloc[0]
        if now["decided_by"] != MATCHING:
            decision, person = _find_earlier(connection, left, right)
        elif now["decision"] == MERGED:
            decision, person = QUEUED, decided_by
        else:
            message = (
                f"pair {left} {right}: is {now['decision']} by matching, nobody decided on it; "
                f"decide with `safecommute duplicates decide {area} {left} {right} merged`."
            )
            raise InputError(message)
        _decide(connection, area, (left, right), decision, person, decided_by)
        pairs = read_area_pairs(connection, area)
        after = pairs[pairs["left_id"].eq(left) & pairs["right_id"].eq(right)].iloc[0]
    return str(after["decision"]), str(after["decided_by"])


def _order(left_id: str, right_id: str) -> tuple[str, str]:
    if left_id == right_id:
        message = f"pair {left_id} {right_id}: is one report; name two."
        raise InputError(message)
    return min(left_id, right_id), max(left_id, right_id)


def require_person(name: str) -> None:
    """Refuse a decision in nobody's name, or in the name of matching."""
    if not name.strip() or name == MATCHING:
        message = f"decided by {name!r}: a decision needs the name of a person."
        raise InputError(message)


def _find_earlier(connection: sa.Connection, left: str, right: str) -> tuple[str, str]:
    """Return what stood before the last decision on a pair, and by whom."""
    query = (
        sa.select(AUDIT.c.old_values)
        .where(AUDIT.c.kind == AUDIT_KIND, AUDIT.c.record_id == f"{left} {right}")
        .order_by(AUDIT.c.audit_id.desc())
        .limit(1)
    )
    old = connection.execute(query).scalar()
    if not old:
        return SEPARATE, MATCHING
    values = json.loads(old)
    return values["decision"], values["decided_by"]


def _decide(
    connection: sa.Connection,
    area: str,
    key: tuple[str, str],
    decision: str,
    stands_for: str,
    person: str,
) -> dict[str, int]:
    """Put a decision on a pair, settle the others anew, write and log what changes."""
    left, right = key
    sources = read_sources(connection, area)
    for one in key:
        if one not in sources.index:
            message = f"report {one!r}: not found in area {area!r}; check the identifier."
            raise MissingDataError(message)
    before = read_area_pairs(connection, area)
    pairs = before.copy()
    is_it = pairs["left_id"].eq(left) & pairs["right_id"].eq(right)
    if is_it.any():
        pairs.loc[is_it, ["decision", "decided_by"]] = [decision, stands_for]
    else:
        row = (left, right, 0.0, BY_A_PERSON, decision, stands_for, None)
        pairs = pd.concat([pairs, to_pairs_frame([row])], ignore_index=True)
    against = find_contradiction(pairs)
    if against is not None:
        message = (
            f"pair {left} {right}: {decision} would contradict what people decided: "
            f"{against[0]} and {against[1]} are set apart and joined through other reports; "
            f"decide those first."
        )
        raise InputError(message)
    return write_pairs(connection, area, before, settle_pairs(pairs, sources), {key: person})


def compute_pairs_digest(pairs: pd.DataFrame, crash_ids: pd.Series[str]) -> str:
    """Return a SHA-256 of the merged pairs of these reports; empty text when there are none.

    Parameters
    ----------
    pairs
        As `read_pairs` returns them.
    crash_ids
        The reports that there are.
    """
    is_here = is_among(pairs["left_id"], crash_ids) & is_among(pairs["right_id"], crash_ids)
    merged = pairs[pairs["decision"].eq(MERGED) & is_here].sort_values(["left_id", "right_id"])
    lines = (merged["left_id"] + " " + merged["right_id"] + "\n").tolist()
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else ""


def read_pair_history(database: Database, area: str) -> pd.DataFrame:
    """Return every decision on the area's pairs, the earliest first.

    Returns
    -------
    history
        `left_id`, `right_id`, `action` (insert, update), `changed_at` [UTC], `changed_by`,
        `old_values` (JSON of what stood before).
    """
    pair = PAIRS.c.left_id + " " + PAIRS.c.right_id
    columns = [AUDIT.c[name] for name in ("action", "changed_at", "changed_by", "old_values")]
    query = (
        sa.select(PAIRS.c.left_id, PAIRS.c.right_id, *columns)
        .join(PAIRS, pair == AUDIT.c.record_id)
        .where(AUDIT.c.kind == AUDIT_KIND, PAIRS.c.area == area)
        .order_by(AUDIT.c.audit_id)
    )
    with database.reading() as connection:
        rows = [dict(row._mapping) for row in connection.execute(query)]
    names = ["left_id", "right_id", *(column.name for column in columns)]
    return pd.DataFrame(rows, columns=names)
