"""Rows of a file made ready for storing: typed, told apart, or refused with a reason.

Nothing here asks the database, so a large file is prepared in a process of its own
(`records.ahead`) while the rows before are written.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from records.ahead import read_ahead
from records.content import compute_content_hashes, compute_record_id
from records.fields import Kind
from records.jobs import Job
from records.plan import Plan
from records.reading import RawBatch, is_delimited
from records.schema import list_content_columns
from records.standardise import standardise_batch

__all__ = ["Digests", "Prepared", "compute_digests", "prepare_rows"]

AHEAD_BYTES = 16_000_000  # of a file: below it, starting another process costs more than it saves


@dataclass(frozen=True, slots=True)
class Digests:
    """Which record each row is, and what it says."""

    record_ids: list[str]
    hashes: list[str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of some rows of a file before they are compared with the records."""

    n_read: int
    frame: pd.DataFrame  # accepted rows: `source`, key, fields
    row_numbers: list[int]  # of the accepted rows
    digests: Digests
    refused: list[tuple[int, str, list[str]]]  # row number, reason, cells; ascending
    notes: Counter[str]
    done_share: float


def prepare_rows(job: Job, area: str) -> Iterator[Prepared]:
    """Yield the rows of a table, ready to be stored, in batches of bounded size.

    Parameters
    ----------
    job
        The table. A large delimited one is read in another process, where there is a
        second processor for it; the result is the same.
    area
        Key of the study area.

    Raises
    ------
    DataSourceError
        If the file cannot be read to its end.
    """
    is_large = is_delimited(job.table) and job.path.stat().st_size >= AHEAD_BYTES
    if is_large and (os.cpu_count() or 1) > 1:
        yield from read_ahead(prepare_here, job, area)
    else:
        yield from prepare_here(job, area)


def prepare_here(job: Job, area: str) -> Iterator[Prepared]:
    """Yield the rows of a table as `prepare_rows`, in this process."""
    for batch in job.table.read(single=job.single):
        yield prepare_batch(batch, job.plan, area)


def prepare_batch(batch: RawBatch, plan: Plan, area: str) -> Prepared:
    """Refuse or type each row of a batch."""
    result = standardise_batch(batch.frame, plan)
    refused = [(one.row_number, one.reason, [one.text]) for one in batch.bad]
    if len(result.reasons):
        cells = batch.frame.loc[result.reasons.index].itertuples(index=False, name=None)
        numbers = [batch.row_numbers[at] for at in result.reasons.index]
        refused += list(zip(numbers, result.reasons.tolist(), map(list, cells), strict=True))
    return Prepared(
        n_read=len(batch.frame) + len(batch.bad),
        frame=result.frame,
        row_numbers=[batch.row_numbers[at] for at in result.frame.index],
        digests=compute_digests(result.frame, plan.kind, area),
        refused=sorted(refused, key=lambda row: row[0]),
        notes=result.notes,
        done_share=batch.done_share,
    )


def compute_digests(frame: pd.DataFrame, kind: Kind, area: str) -> Digests:
    """Return the identifier and the content digest of every row of a typed frame."""
    source, key, *_ = names = [one.name for one in list_content_columns(kind)]
    sources = frame[source].tolist() if kind.key_is_per_source else [""] * len(frame)
    record_ids = [
        compute_record_id(kind.name, area, one, two)
        for one, two in zip(sources, frame[key].tolist(), strict=True)
    ]
    hashes = compute_content_hashes(frame[[name for name in names if name != key]])
    return Digests(record_ids, hashes)
