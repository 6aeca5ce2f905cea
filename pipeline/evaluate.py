"""Did it work? An intervention's record, its counts, its design, its claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.errors import InputError, MissingDataError, NotEnoughDataError
from core.units import DAYS_PER_YEAR
from core.vocabulary import YesNoUnknown
from models.before_after import evaluate
from pipeline.areas import load_area
from pipeline.matching import read_crashes
from pipeline.paths import DATA_FOLDER
from pipeline.workspace import Workspace
from records.database import Database
from records.fields import split_list
from reports.claims import InterventionFacts, write_claim
from reports.comparators import illustrate_comparators, read_worker_crashes

__all__ = ["evaluate_intervention", "list_interventions"]

MONTHS_PER_YEAR = 12
NATIONAL_SERIES = DATA_FOLDER / "evidence" / "nssf_worker_crashes.csv"
DATES = ("start_before", "start", "end_after")


def list_interventions(workspace: Workspace, key: str) -> pd.DataFrame:
    """Return the interventions recorded for an area, one row each, sorted by identifier.

    Raises
    ------
    MissingDataError
        If there is no such area.
    """
    load_area(workspace, key)
    with Database(workspace.database_url) as database:
        found = database.read("intervention", key)
    return found.sort_values("intervention_id", ignore_index=True)


def evaluate_intervention(
    workspace: Workspace, key: str, intervention_id: str, *, method: str = "naive"
) -> dict[str, Any]:
    """Compare the crashes before and after an intervention.

    Published totals are taken as they are; otherwise the crashes are counted whose
    worker belonged to one of the intervention's factories, one row a factory.

    Parameters
    ----------
    workspace, key
        Whose records and which area.
    intervention_id
        Identifier of its record.
    method
        Name of a design, one of `models.before_after.DESIGNS`.

    Returns
    -------
    dict
        The command line's contract for before-after results, with the intervention's
        own facts; beside published totals of the region, how far they would move
        against the national series.

    Raises
    ------
    MissingDataError
        If the area has no such intervention.
    InputError
        If its record says neither totals nor factories and dates.
    NotEnoughDataError
        If nothing was counted before it.
    VocabularyError
        If there is no such design.
    """
    interventions = list_interventions(workspace, key)
    found = interventions[interventions["intervention_id"] == intervention_id]
    if found.empty:
        known = interventions["intervention_id"].tolist()
        hint = f"import it with `safecommute import intervention FILE --area {key}`."
        raise MissingDataError.no_such("intervention", intervention_id, known, hint)
    record = {str(field): value for field, value in found.iloc[0].items()}
    is_published = pd.notna(record["published_before"]) and pd.notna(record["published_after"])
    table = tabulate_published(record) if is_published else count_crashes(workspace, key, record)
    if table["observed_before"].sum() == 0:
        message = (
            f"intervention {intervention_id!r}: no crash was counted before it, so nothing can "
            "be compared; check its factories and dates."
        )
        raise NotEnoughDataError(message)
    result = evaluate(method, table)
    illustrations = (
        illustrate_comparators(result, read_worker_crashes(NATIONAL_SERIES)) if is_published else []
    )
    is_synthetic = load_area(workspace, key).is_synthetic and not is_published
    facts = describe_facts(record, is_published=is_published, is_synthetic=is_synthetic)
    return {
        "intervention_id": intervention_id,
        "measure": text_of(record, "measure"),
        "source": text_of(record, "source"),
        "citation": text_of(record, "citation"),
        "notes": text_of(record, "notes"),
        "is_published_total": is_published,
        "is_synthetic": is_synthetic,
        **write_claim(result, facts, illustrations=[item.sentence for item in illustrations]),
    }


def tabulate_published(record: Mapping[str, Any]) -> pd.DataFrame:
    """Return published totals as a table of one row, with years where they are known."""
    table = pd.DataFrame(
        {
            "site": [record["intervention_id"]],
            "observed_before": [int(record["published_before"])],
            "observed_after": [int(record["published_after"])],
        }
    )
    if pd.notna(record["months_before"]) and pd.notna(record["months_after"]):
        table["years_before"] = float(record["months_before"]) / MONTHS_PER_YEAR
        table["years_after"] = float(record["months_after"]) / MONTHS_PER_YEAR
    return table


def count_crashes(workspace: Workspace, key: str, record: Mapping[str, Any]) -> pd.DataFrame:
    """Count the crashes of each factory's workers before and after the intervention."""
    factories = list_factories(record)
    dates = {name: pd.to_datetime(record[name]) for name in DATES}
    missing = [name for name, value in dates.items() if pd.isna(value)]
    lacking = [*missing, *([] if factories else ["factories"])]
    if lacking:
        message = (
            f"intervention {record['intervention_id']!r}: its record lacks {', '.join(lacking)}; "
            "complete it and import it again."
        )
        raise InputError(message)
    first, start = dates["start_before"], dates["start"]
    day_after = dates["end_after"] + pd.Timedelta(days=1)
    with Database(workspace.database_url) as database:
        crashes = read_crashes(database, key).frame
        known = set(database.read("factory", key)["factory_id"])
    require_known_factories(record, factories, known)
    require_covered(record, first, day_after, crashes["occurred_at"])
    theirs = crashes[crashes["factory_id"].isin(factories)]
    when = theirs["occurred_at"]
    before = theirs.loc[(when >= first) & (when < start), "factory_id"].value_counts()
    after = theirs.loc[(when >= start) & (when < day_after), "factory_id"].value_counts()
    return pd.DataFrame(
        {
            "site": factories,
            "observed_before": before.reindex(factories, fill_value=0).to_numpy(),
            "observed_after": after.reindex(factories, fill_value=0).to_numpy(),
            "years_before": (start - first).days / DAYS_PER_YEAR,
            "years_after": (day_after - start).days / DAYS_PER_YEAR,
        }
    )


def require_known_factories(
    record: Mapping[str, Any], factories: list[str], known: set[str]
) -> None:
    """Refuse a factory without a record: its zero crashes would count as an effect.

    Raises
    ------
    InputError
        If one is unknown; the message names the first.
    """
    unknown = [name for name in factories if name not in known]
    if unknown:
        message = (
            f"intervention {record['intervention_id']!r}: {len(unknown)} of {len(factories)} "
            f"factories are not in the records, first {unknown[0]!r}; mend its list (identifiers "
            "separated by ';') or import the factories."
        )
        raise InputError(message)


def require_covered(
    record: Mapping[str, Any], first: pd.Timestamp, day_after: pd.Timestamp, when: pd.Series
) -> None:
    """Refuse periods that reach beyond the months with crash records.

    Time without records is not time without crashes.

    Raises
    ------
    InputError
        If the periods are not in order, or begin before or end after the records.
    """
    start = pd.to_datetime(record["start"])
    known = when.dropna()
    covered_from = known.min().to_period("M").start_time if len(known) else pd.NaT
    covered_to = known.max().to_period("M").end_time if len(known) else pd.NaT
    last = day_after - pd.Timedelta(days=1)
    if not first < start <= last:
        message = (
            f"intervention {record['intervention_id']!r}: start_before {first:%Y-%m-%d}, start "
            f"{start:%Y-%m-%d} and end_after {last:%Y-%m-%d} must follow one another."
        )
        raise InputError(message)
    if not (len(known) and covered_from <= first and last <= covered_to):
        span = f"{covered_from:%Y-%m-%d} to {covered_to:%Y-%m-%d}" if len(known) else "no time"
        message = (
            f"intervention {record['intervention_id']!r}: its periods run from {first:%Y-%m-%d} "
            f"to {last:%Y-%m-%d}, the crash records cover {span}; shorten the periods or import "
            "the missing crashes: months without records would count as months without crashes."
        )
        raise InputError(message)


def describe_facts(
    record: Mapping[str, Any], *, is_published: bool, is_synthetic: bool
) -> InterventionFacts:
    """Return what the claim guard needs to know of an intervention."""
    months = [record["months_before"], record["months_after"]]
    if not is_published:
        first, start, last = (pd.to_datetime(record[name]) for name in DATES)
        days_per_month = DAYS_PER_YEAR / MONTHS_PER_YEAR
        months = [(start - first).days / days_per_month, ((last - start).days + 1) / days_per_month]
    known = [None if pd.isna(value) else float(value) for value in months]
    return InterventionFacts(
        name=text_of(record, "name"),
        n_factories=len(list_factories(record)) or None,
        months_before=known[0],
        months_after=known[1],
        counted_by=text_of(record, "counted_by") or "unknown",
        is_published_total=is_published,
        published_claim=text_of(record, "published_claim") or None,
        was_chosen_for_crashes=YesNoUnknown(record["was_chosen_for_crashes"]),
        has_definition_changed=YesNoUnknown(record["has_definition_changed"]),
        is_synthetic=is_synthetic,
    )


def list_factories(record: Mapping[str, Any]) -> list[str]:
    """Return the identifiers in the record's `factories`, each once."""
    return split_list(text_of(record, "factories"))


def text_of(record: Mapping[str, Any], field: str) -> str:
    """Return a text of the record, "" when it is missing."""
    value = record[field]
    return "" if pd.isna(value) else str(value)
