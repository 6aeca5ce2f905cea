"""Did it work? An intervention's record, its counts, its design, its claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.errors import InputError, MissingDataError, NotEnoughDataError
from core.units import DAYS_PER_YEAR
from models.before_after import evaluate_naive
from pipeline.areas import load_area
from pipeline.workspace import Workspace
from records.database import Database
from reports.claims import write_claim

__all__ = ["evaluate_intervention", "list_interventions"]

DAYS_PER_MONTH = DAYS_PER_YEAR / 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted before and after, over how long; None where it is not known."""

    before: int
    after: int
    years_before: float | None
    years_after: float | None
    n_factories: int
    is_published_total: bool


def list_interventions(workspace: Workspace, key: str) -> pd.DataFrame:
    """Return the interventions recorded for an area, one row each, sorted by identifier."""
    load_area(workspace, key)
    with Database(workspace.database_url) as database:
        found = database.read("intervention", key)
    return found.sort_values("intervention_id", ignore_index=True)


def evaluate_intervention(workspace: Workspace, key: str, intervention_id: str) -> dict[str, Any]:
    """Compare the crashes before and after an intervention, with the naive design.

    Published totals are taken as they are; otherwise the crashes are counted whose
    worker belonged to one of the intervention's factories.

    Returns
    -------
    dict
        The command line's contract for before-after results, with the intervention's
        own facts.

    Raises
    ------
    MissingDataError
        If the area has no such intervention.
    InputError
        If its record says neither totals nor dates.
    NotEnoughDataError
        If nothing was counted before it.
    """
    interventions = list_interventions(workspace, key)
    found = interventions[interventions["intervention_id"] == intervention_id]
    if found.empty:
        known = interventions["intervention_id"].tolist()
        hint = f"import it with `safecommute import intervention FILE --area {key}`."
        raise MissingDataError.no_such("intervention", intervention_id, known, hint)
    record = found.iloc[0]
    counts = read_published(record) or count_crashes(workspace, key, record)
    if counts.before == 0:
        message = (
            f"intervention {intervention_id!r}: no crash was counted before it, so nothing can "
            "be compared; check its factories and dates."
        )
        raise NotEnoughDataError(message)
    exposures = {}
    if counts.years_before is not None and counts.years_after is not None:
        exposures = {
            "exposure_before": counts.years_before,
            "exposure_after": counts.years_after,
        }
    result = evaluate_naive(counts.before, counts.after, **exposures)
    facts = describe_facts(record, counts, is_synthetic=load_area(workspace, key).is_synthetic)
    return {
        "intervention_id": intervention_id,
        "name": text_of(record, "name"),
        "source": text_of(record, "source"),
        "citation": text_of(record, "citation"),
        "is_published_total": counts.is_published_total,
        **write_claim(result, facts),
    }


def read_published(record: Mapping[str, Any]) -> Counts | None:
    """Return the totals that were published, or None when the record has none."""
    if pd.isna(record["published_before"]) or pd.isna(record["published_after"]):
        return None
    months = record["months_before"], record["months_after"]
    years = [None if pd.isna(value) else float(value) / 12 for value in months]
    return Counts(
        before=int(record["published_before"]),
        after=int(record["published_after"]),
        years_before=years[0],
        years_after=years[1],
        n_factories=len(list_factories(record)),
        is_published_total=True,
    )


def count_crashes(workspace: Workspace, key: str, record: pd.Series) -> Counts:
    """Count the crashes of the intervention's factories' workers, before and after."""
    factories = list_factories(record)
    dates = {name: pd.to_datetime(record[name]) for name in ("start_before", "start", "end_after")}
    missing = [name for name, value in dates.items() if pd.isna(value)]
    if missing or not factories:
        lacking = ", ".join([*missing, *([] if factories else ["factories"])])
        message = (
            f"intervention {record['intervention_id']!r}: its record lacks {lacking}; "
            "complete it and import it again."
        )
        raise InputError(message)
    with Database(workspace.database_url) as database:
        crashes = database.read("crash", key)
    day_after = dates["end_after"] + pd.Timedelta(days=1)
    theirs = crashes.loc[crashes["factory_id"].isin(factories), "occurred_at"]
    return Counts(
        before=int(theirs.between(dates["start_before"], dates["start"], inclusive="left").sum()),
        after=int(theirs.between(dates["start"], day_after, inclusive="left").sum()),
        years_before=(dates["start"] - dates["start_before"]).days / DAYS_PER_YEAR,
        years_after=(day_after - dates["start"]).days / DAYS_PER_YEAR,
        n_factories=len(factories),
        is_published_total=False,
    )


def list_factories(record: Mapping[str, Any]) -> list[str]:
    """Return the identifiers in the record's `factories`, separated by semicolons."""
    text = record["factories"]
    return [] if pd.isna(text) else [part.strip() for part in str(text).split(";") if part.strip()]
