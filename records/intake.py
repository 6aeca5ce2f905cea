"""Import a file of records: every row is taken, merged, or refused with a reason."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.errors import ConfigError, DataSourceError, InputError, TableError
from core.memory import collector_paused
from core.progress import Progress, no_progress
from core.provenance import compute_file_sha256
from records.database import Database
from records.fields import find_kind
from records.gazetteer import Gazetteer
from records.jobs import Job, open_jobs
from records.like_factories import count_like_factories
from records.linked import count_disagreements
from records.mapping import Mapping
from records.places import Bounds, require_bounds
from records.preparing import Prepared, prepare_rows
from records.reading import RawTable
from records.rejects import RejectsFile
from records.schema import IMPORTS
from records.storing import Storing

__all__ = ["OUTCOMES", "ImportReport", "import_file"]

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
    sheet: str = ""
    import_id: int | None = None  # None: a rehearsal
    linked: tuple[ImportReport, ...] = ()  # of the tables that came with it

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        linked = [one.to_dict() for one in self.linked]
        return {**asdict(self), "unused_columns": list(self.unused_columns), "linked": linked}


def import_file(
    database: Database,
    kind: str,
    path: Path | str,
    *,
    area: str,
    mapping: Mapping | None = None,
    sheet: str = "",
    linked: dict[str, Path] | None = None,
    near: Bounds | None = None,
    gazetteer: Gazetteer | None = None,
    imported_by: str = "",
    dry_run: bool = False,
    rejects_dir: Path | None = None,
    opened: RawTable | None = None,
    progress: Progress = no_progress,
) -> ImportReport:
    """Import a file of records, and the tables linked to it, in one transaction.

    Parameters
    ----------
    database
        Where to.
    kind
        Kind of record, e.g. `crash`.
    path
        Delimited text, XLSX, or a point layer that GDAL reads.
    area
        Key of the study area that the records belong to.
    mapping
        How the source writes; without one, columns are named like the fields.
    sheet
        Name or number of a workbook's sheet; see `records.jobs`.
    linked
        Kind → file of tables that belong to this one, such as a register's casualties.
        The repeat groups of a form's export come with it of themselves.
    near
        West, south, east, north of the study area [degrees], to tell exchanged axes and
        lost signs by; without, the other rows tell.
    gazetteer
        Where villages are, for rows that have no coordinates.
    imported_by
        Who imports, for the audit log.
    dry_run
        Do everything, then leave the records as they were.
    rejects_dir
        Folder for the list of refused rows; without one, they are only counted.
    opened
        The rows of the file where the caller makes them, such as routes out of traces.
    progress
        Told the share that is read, in per cent.

    Returns
    -------
    report
        Counts, reasons and notes; `linked` holds those of the other tables.

    Raises
    ------
    InputError
        If there is no such kind, the area has no name, `near` is no box, or a sheet is named
        of a file that is no workbook.
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
    jobs = open_jobs(
        path,
        kind,
        _require_mapping(mapping, kind, area),
        now=pd.Timestamp(now),
        sheet=sheet,
        linked=linked,
        opened=opened,
    )
    if near is not None:
        require_bounds(near)
    jobs = [replace(job, plan=replace(job.plan, near=near, gazetteer=gazetteer)) for job in jobs]
    with ExitStack() as stack:
        stack.enter_context(collector_paused())
        sums = {job.path: _compute_checksum(job.path) for job in jobs}
        rejects = [
            stack.enter_context(RejectsFile(rejects_dir, name, job.table.columns))
            for job, name in zip(jobs, _name_rejects(jobs, sums), strict=True)
        ]
        connection = stack.enter_context(database.writing(keep=not dry_run))
        batch = _Batch(connection, area, imported_by, now, dry_run, progress)
        reports = [
            batch.take(job, sums[job.path], refused)
            for job, refused in zip(jobs, rejects, strict=True)
        ]
        if any(job.plan.kind.name == "casualty" for job in jobs[1:]):
            told = count_disagreements(connection, area, batch.import_ids[0])
            reports[0] = replace(reports[0], notes={**reports[0].notes, **told})
        reports = [
            replace(report, rejects_file=refused.keep())
            for report, refused in zip(reports, rejects, strict=True)
        ]
    for report in reports:
        logger.info("%s: %s", report.file, {name: getattr(report, name) for name in OUTCOMES})
    return replace(reports[0], linked=tuple(reports[1:]))


def _name_rejects(jobs: list[Job], sums: dict[Path, str]) -> list[str]:
    """Return a name for each list of refused rows, the kind in it where there are several."""
    names = []
    for at, job in enumerate(jobs):
        kind = f".{job.plan.kind.name}" if at else ""
        names.append(f"{job.path.stem}{kind}.{sums[job.path][:8]}.rejects.csv")
    return names


@dataclass(frozen=True, slots=True)
class _Batch:
    """The tables that one import takes in, within one transaction."""

    connection: sa.Connection
    area: str
    imported_by: str
    now: datetime
    dry_run: bool
    progress: Progress
    import_ids: list[int] = field(default_factory=list)

    def take(self, job: Job, sha256: str, rejects: RejectsFile) -> ImportReport:
        """Take one table in; return the account of its rows."""
        plan = job.plan
        described = {
            "kind": plan.kind.name,
            "area": self.area,
            "file_name": job.path.name,
            "file_sha256": sha256,
            "mapping": plan.mapping.name,
            "notes": plan.mapping.notes,
            "imported_by": self.imported_by,
            "imported_at": self.now,
        }
        inserted = self.connection.execute(sa.insert(IMPORTS), described).inserted_primary_key
        import_id = int(inserted[0]) if inserted else 0
        self.import_ids.append(import_id)
        storing = Storing(
            self.connection,
            plan.kind,
            self.area,
            import_id,
            self.imported_by,
            self.now,
            plan.given,
        )
        outcome = _Outcome()
        with closing(_prepare(job, self.area, self.progress)) as batches:
            for rows in batches:
                outcome.take(rows, storing, rejects)
        storing.finish()
        if plan.kind.name == "factory":
            like = count_like_factories(self.connection, self.area, storing.record_ids)
            storing.notes.update(like)
        report = outcome.report(storing, job, None if self.dry_run else import_id)
        _record_counts(self.connection, import_id, report)
        return report


def _require_mapping(mapping: Mapping | None, kind: str, area: str) -> Mapping:
    find_kind(kind)
    if not area.strip():
        message = "area: is empty; name the study area the records belong to."
        raise InputError(message)
    if mapping is None:
        return Mapping.model_validate({"kind": kind})
    found = mapping.find_table(kind)
    if found is None:
        kinds = ", ".join([mapping.kind, *mapping.tables])
        message = (
            f"mapping {mapping.name!r}: is for {kinds} records, not {kind}; "
            "give the mapping or the kind that fits the file."
        )
        raise TableError(message)
    return found


def _compute_checksum(path: Path) -> str:
    try:
        return compute_file_sha256(path)
    except OSError as error:
        raise DataSourceError.unreadable(path, error.strerror or str(error)) from error


def _prepare(job: Job, area: str, progress: Progress) -> Generator[Prepared, None, None]:
    label = job.path.name
    progress(0, 100, label)
    for rows in prepare_rows(job, area):
        yield rows
        progress(round(100 * rows.done_share), 100, label)
    progress(100, 100, label)


@dataclass(slots=True)
class _Outcome:
    """Counts of one import as its batches go by."""

    n_read: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def take(self, rows: Prepared, storing: Storing, rejects: RejectsFile) -> None:
        """Refuse or store each row of a batch."""
        self.n_read += rows.n_read
        rejects.write(rows.refused)
        self._count(self.reasons, Counter(reason for _, reason, _ in rows.refused))
        self._count(self.notes, rows.notes)
        storing.store(rows.frame, rows.row_numbers, rows.digests)

    def _count(self, total: Counter[str], more: Counter[str]) -> None:
        """Add up; beyond some dozens, unknown words are counted together."""
        for text, count in more.items():
            known = text in total or len(total) < MAX_REASONS
            total[text if known else COUNTED_TOGETHER] += count

    def report(self, storing: Storing, job: Job, import_id: int | None) -> ImportReport:
        """Return the report; the account must balance."""
        plan, path = job.plan, job.path
        self._count(self.notes, job.table.notes)
        if self.n_read == 0 and not job.is_linked:
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
            sheet=job.sheet,
            import_id=import_id,
        )


def _record_counts(connection: sa.Connection, import_id: int, report: ImportReport) -> None:
    counts = {name: getattr(report, name) for name in ("read", *OUTCOMES)}
    reasons = json.dumps(report.reasons, ensure_ascii=False)
    change = sa.update(IMPORTS).where(IMPORTS.c.import_id == import_id)
    connection.execute(change.values(**counts, reasons=reasons))
