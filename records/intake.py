"""Import a file of records: every row is taken, merged, or refused with a reason."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.errors import ConfigError, DataSourceError, InputError, TableError
from core.progress import Progress, no_progress
from core.provenance import compute_file_sha256
from records.database import Database
from records.fields import find_kind
from records.mapping import Mapping
from records.plan import Plan, build_plan, list_expected_names
from records.reading import RawBatch, RawTable, open_table
from records.rejects import RejectsFile
from records.schema import IMPORTS
from records.standardise import standardise_batch
from records.storing import Storing

__all__ = ["ImportReport", "import_file"]

logger = logging.getLogger(__name__)

OUTCOMES = ("accepted", "updated", "unchanged", "duplicates", "rejected")
MAX_REASONS = 60
COUNTED_TOGETHER = "other words not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of every row: `read` is the sum of the five outcomes."""

    kind: str
    read: int
    accepted: int
    updated: int
    unchanged: int
    duplicates: int
    rejected: int
    rejects_file: str = ""
    reasons: dict[str, int] = field(default_factory=dict)  # of refused rows
    notes: dict[str, int] = field(
        default_factory=dict
    )  # of kept rows, and of what is above the header
    unused_columns: tuple[str, ...] = ()
    file: str = ""
    import_id: int | None = None  # None: a rehearsal

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {**asdict(self), "unused_columns": list(self.unused_columns)}


def import_file(
    database: Database,
    kind: str,
    path: Path | str,
    *,
    area: str,
    mapping: Mapping | None = None,
    imported_by: str = "",
    dry_run: bool = False,
    rejects_dir: Path | None = None,
    progress: Progress = no_progress,
) -> ImportReport:
    """Import a file of records in one transaction.

    Parameters
    ----------
    database
        Where to.
    kind
        Kind of record, e.g. `crash`.
    path
        Delimited text, XLSX (first sheet), or a point layer that GDAL reads.
    area
        Key of the study area that the records belong to.
    mapping
        How the source writes; without one, columns are named like the fields.
    imported_by
        Who imports, for the audit log.
    dry_run
        Do everything, then leave the records as they were.
    rejects_dir
        Folder for the list of refused rows; without one, they are only counted.
    progress
        Told the share that is read, in per cent.

    Returns
    -------
    report
        Counts, reasons and notes.

    Raises
    ------
    InputError
        If there is no such kind, or the area has no name.
    TableError
        If the file lacks columns that are needed, holds no rows, leaves it in doubt which
        row is the header, or the mapping is for another kind.
    DataSourceError
        If the file or the database cannot be read.
    ConfigError
        If the database or the list of refused rows cannot be written.
    """
    path = Path(path)
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    table, plan = _open(path, kind, _require_mapping(mapping, kind, area), now)
    sha256 = _compute_checksum(path)
    name = f"{path.stem}.{sha256[:8]}.rejects.csv"
    with (
        RejectsFile(rejects_dir, name, table.columns) as rejects,
        database.writing(keep=not dry_run) as connection,
    ):
        described = {
            "kind": kind,
            "area": area,
            "file_name": path.name,
            "file_sha256": sha256,
            "mapping": plan.mapping.name,
            "notes": plan.mapping.notes,
            "imported_by": imported_by,
            "imported_at": now,
        }
        inserted = connection.execute(sa.insert(IMPORTS), described).inserted_primary_key
        import_id = int(inserted[0]) if inserted else 0
        storing = Storing(connection, plan.kind, area, import_id, imported_by, now, plan.given)
        outcome = _Outcome(notes=table.notes.copy())
        for batch in _read(table, progress, path.name):
            outcome.take(batch, plan, storing, rejects)
        storing.finish()
        report = outcome.report(storing, plan, path, None if dry_run else import_id)
        _record_counts(connection, import_id, report)
        rejects_file = rejects.keep()
    logger.info("%s: %s", path.name, {name: getattr(report, name) for name in OUTCOMES})
    return replace(report, rejects_file=rejects_file)


def _open(path: Path, kind: str, mapping: Mapping, now: datetime) -> tuple[RawTable, Plan]:
    """Open a file and find the columns of the fields in it."""
    spec = find_kind(kind)
    table = open_table(
        path,
        encoding=mapping.encoding,
        separator=mapping.separator,
        keep_crs="crs" in mapping.model_fields_set,
        expected=list_expected_names(spec, mapping),
    )
    today = pd.Timestamp(now)
    plan = build_plan(spec, mapping, table.columns, table=path.name, today=today)
    logger.info("%s: %s, %d columns", path.name, table.description, len(table.columns))
    return table, plan


def _require_mapping(mapping: Mapping | None, kind: str, area: str) -> Mapping:
    find_kind(kind)
    if not area.strip():
        message = "area: is empty; name the study area the records belong to."
        raise InputError(message)
    if mapping is None:
        return Mapping.model_validate({"kind": kind})
    if mapping.kind != kind:
        message = (
            f"mapping {mapping.name!r}: is for {mapping.kind} records, not {kind}; "
            "give the mapping or the kind that fits the file."
        )
        raise TableError(message)
    return mapping


def _compute_checksum(path: Path) -> str:
    try:
        return compute_file_sha256(path)
    except OSError as error:
        raise DataSourceError.unreadable(path, error.strerror or str(error)) from error


def _read(table: RawTable, progress: Progress, label: str) -> Iterator[RawBatch]:
    progress(0, 100, label)
    for batch in table.read():
        yield batch
        progress(round(100 * batch.done_share), 100, label)
    progress(100, 100, label)


@dataclass(slots=True)
class _Outcome:
    """Counts of one import as its batches go by."""

    n_read: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def take(self, batch: RawBatch, plan: Plan, storing: Storing, rejects: RejectsFile) -> None:
        """Refuse or store each row of a batch."""
        self.n_read += len(batch.frame) + len(batch.bad)
        result = standardise_batch(batch.frame, plan)
        refused = [(one.row_number, one.reason, [one.text]) for one in batch.bad]
        if len(result.reasons):
            cells = batch.frame.loc[result.reasons.index].itertuples(index=False, name=None)
            numbers = [batch.row_numbers[at] for at in result.reasons.index]
            refused += list(zip(numbers, result.reasons.tolist(), map(list, cells), strict=True))
        rejects.write(sorted(refused, key=lambda row: row[0]))
        self._count(self.reasons, Counter(reason for _, reason, _ in refused))
        self._count(self.notes, result.notes)
        numbers = [batch.row_numbers[at] for at in result.frame.index]
        storing.store(result.frame, numbers)

    def _count(self, total: Counter[str], more: Counter[str]) -> None:
        """Add up; beyond some dozens, unknown words are counted together."""
        for text, count in more.items():
            known = text in total or len(total) < MAX_REASONS
            total[text if known else COUNTED_TOGETHER] += count

    def report(
        self, storing: Storing, plan: Plan, path: Path, import_id: int | None
    ) -> ImportReport:
        """Return the report; the account must balance."""
        if self.n_read == 0:
            raise TableError.empty(path.name)
        counts = {name: storing.counts[name] for name in OUTCOMES[:-1]}
        counts["rejected"] = sum(self.reasons.values())
        if sum(counts.values()) != self.n_read:
            message = f"{path.name}: {self.n_read} rows read, but counts are {counts}; not kept."
            raise ConfigError(message)
        return ImportReport(
            kind=plan.kind.name,
            read=self.n_read,
            accepted=counts["accepted"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            duplicates=counts["duplicates"],
            rejected=counts["rejected"],
            reasons=dict(self.reasons.most_common()),
            notes=dict((self.notes + storing.notes).most_common()),
            unused_columns=plan.unused,
            file=path.name,
            import_id=import_id,
        )


def _record_counts(connection: sa.Connection, import_id: int, report: ImportReport) -> None:
    counts = {name: getattr(report, name) for name in ("read", *OUTCOMES)}
    reasons = json.dumps(report.reasons, ensure_ascii=False)
    change = sa.update(IMPORTS).where(IMPORTS.c.import_id == import_id)
    connection.execute(change.values(**counts, reasons=reasons))
