"""Which reports of an area tell of one crash: find, list, decide, take back, read as crashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.progress import Progress, no_progress
from core.provenance import compute_sha256_of_values
from pipeline.areas import load_area
from pipeline.workspace import Workspace
from records.database import Database
from records.decisions import (
    compute_pairs_digest,
    decide_pair,
    list_queue,
    read_pairs,
    record_pairs,
    undo_pair,
    with_reports,
)
from records.events import merge_reports
from records.linked import read_completed_crashes
from records.matching import find_pairs, is_compared

__all__ = [
    "Crashes",
    "decide_duplicate",
    "find_duplicates",
    "list_duplicates",
    "list_waiting",
    "read_crashes",
    "undo_duplicate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashes:
    """An area's crashes, one row each, however many report them."""

    frame: pd.DataFrame  # columns of the crash records, `n_reports`, `sources`, `report_ids`
    n_reports: int  # they were made from
    digest: str  # of what the records say and which are merged
    sources_not_compared: tuple[str, ...]  # whose reports may tell of one crash twice


def read_crashes(database: Database, area: str) -> Crashes:
    """Return an area's crashes, completed from the vehicles and casualties linked to them.

    Without merged pairs, the digest is that of the records.
    """
    digest = database.compute_digest(area)
    reports = read_completed_crashes(database, area).frame
    pairs = read_pairs(database, area)
    sources = sorted(reports["source"].dropna().unique()) if pairs.empty else []
    merged = compute_pairs_digest(pairs, reports["crash_id"])
    if merged:
        digest = compute_sha256_of_values([digest, merged])
    return Crashes(
        frame=merge_reports(reports, pairs),
        n_reports=len(reports),
        digest=digest,
        sources_not_compared=tuple(sources) if len(sources) > 1 else (),
    )


def find_duplicates(
    workspace: Workspace, key: str, *, progress: Progress = no_progress
) -> dict[str, Any]:
    """Compare the crash reports of an area; merge what is certain, queue what is doubtful.

    What people decided stays. The same reports again change nothing.

    Parameters
    ----------
    workspace, key
        Whose reports and which area.
    progress
        Told how far it has come.

    Returns
    -------
    dict
        `area, reports, not_compared` (without a date, or one that thousands share), `crashes,
        merged, queued, separate, by_people, new, changed`: pairs by
        what is decided on them, how many people decided, how many are new or decided
        otherwise than before.

    Raises
    ------
    MissingDataError
        If there is no such area.
    DataSourceError
        If the records cannot be read or written.
    """
    load_area(workspace, key)
    label = "comparing reports"
    progress(0, 3, label)
    with Database(workspace.database_url) as database:
        reports = database.read("crash", key)
        casualties = database.read("casualty", key)
        progress(1, 3, label)
        found = find_pairs(reports, casualties)
        progress(2, 3, label)
        counts = record_pairs(database, key, found)
        crashes = merge_reports(reports, read_pairs(database, key))
    progress(3, 3, label)
    n_left_out = int((~is_compared(reports)).sum())
    sizes = {"reports": len(reports), "not_compared": n_left_out, "crashes": len(crashes)}
    return {"area": key, **sizes, **counts}


def list_waiting(workspace: Workspace, key: str) -> pd.DataFrame:
    """Return the pairs that wait for a person, as `records.decisions.list_queue` does."""
    load_area(workspace, key)
    with Database(workspace.database_url) as database:
        return list_queue(database, key)


def list_duplicates(workspace: Workspace, key: str, decision: str) -> pd.DataFrame:
    """Return all pairs with one decision (`merged`, `queued` or `separate`), and their reports.

    The columns are those of `records.decisions.read_pairs` and `with_reports`.
    """
    load_area(workspace, key)
    with Database(workspace.database_url) as database:
        pairs = read_pairs(database, key)
        reports = database.read("crash", key)
    chosen = pairs[pairs["decision"].eq(decision)].reset_index(drop=True)
    return with_reports(chosen, reports)


def decide_duplicate(
    workspace: Workspace, key: str, left_id: str, right_id: str, decision: str, *, decided_by: str
) -> dict[str, Any]:
    """Keep a person's decision on two reports.

    Returns
    -------
    dict
        `area, left_id, right_id, decision, decided_by`, and `changed`: how many pairs are
        decided otherwise now, this one and those that follow from it.

    Raises
    ------
    MissingDataError
        If there is no such area or report.
    InputError
        If it contradicts what people decided on other pairs.
    """
    load_area(workspace, key)
    with Database(workspace.database_url) as database:
        counts = decide_pair(database, key, left_id, right_id, decision, decided_by=decided_by)
    return {
        "area": key,
        "left_id": min(left_id, right_id),
        "right_id": max(left_id, right_id),
        "decision": decision,
        "decided_by": decided_by,
        "changed": counts["new"] + counts["changed"],
    }


def undo_duplicate(
    workspace: Workspace, key: str, left_id: str, right_id: str, *, decided_by: str
) -> dict[str, Any]:
    """Take the last decision on two reports back and return what stands now.

    Returns
    -------
    dict
        `area, left_id, right_id, decision, decided_by`.

    Raises
    ------
    MissingDataError
        If there is no such area or pair.
    InputError
        If there is nothing to take back.
    """
    load_area(workspace, key)
    with Database(workspace.database_url) as database:
        decision, person = undo_pair(database, key, left_id, right_id, decided_by=decided_by)
    return {
        "area": key,
        "left_id": min(left_id, right_id),
        "right_id": max(left_id, right_id),
        "decision": decision,
        "decided_by": person,
    }
