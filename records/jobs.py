"""Open the tables of one import: a file's own, and those linked to it.

Linked tables come from other files (`--with casualty=FILE`), from other sheets of a workbook
that a mapping names, and from the repeat groups of a form's export.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from core.errors import DataSourceError, TableError
from records import mapping as mappings
from records.fields import FieldType, Kind, find_kind
from records.kobo import ExportTable, find_repeat_kind, is_export, is_repeat
from records.moments import ISO_FORMATS
from records.plan import Plan, build_plan, list_expected_names
from records.reading import RawTable, is_workbook, open_table, require_file, require_workbook
from records.xlsx import SheetTable, Workbook

__all__ = ["Job", "open_jobs"]

logger = logging.getLogger(__name__)
AS_XML = (
    "It looks like an export of a form: if its columns are called by the texts of the questions, "
    'export it again with "XML values and headers".'
)
ORDER = ("crash", "vehicle", "casualty")  # what is named comes before what names it


@dataclass(frozen=True, slots=True)
class Job:
    """One table to import: where it is, and which column gives which field."""

    path: Path
    table: RawTable
    plan: Plan
    sheet: str = ""  # of a workbook
    is_linked: bool = False  # came with another; a form's repeat group may have no rows

    @property
    def single(self) -> frozenset[str]:
        """Columns of counts: a merged one counts once."""
        counts = [one.name for one in self.plan.kind.fields if one.type is FieldType.COUNT]
        picks = [self.plan.picks[name] for name in counts if name in self.plan.picks]
        return frozenset(column for pick in picks for column in pick.columns)


def open_jobs(
    path: Path,
    kind: str,
    mapping: mappings.Mapping,
    *,
    now: pd.Timestamp,
    sheet: str = "",
    linked: Mapping[str, Path] | None = None,
    opened: RawTable | None = None,
) -> list[Job]:
    """Open a file and the tables linked to it.

    Parameters
    ----------
    path
        The file.
    kind
        Kind of record of its rows.
    mapping
        How the source writes; its `tables` say how linked tables are written.
    now
        What lies after it is in the future.
    sheet
        Name or number of a workbook's sheet; without one, the mapping's, else the first
        sheet that has the columns needed.
    linked
        Kind → file of each linked table.
    opened
        The file's own table, opened already; by default it is opened here.

    Returns
    -------
    jobs
        The file's own table first.

    Raises
    ------
    TableError
        If a table lacks columns that are needed; of a workbook, it says what each sheet
        lacks.
    DataSourceError
        If a file cannot be read.
    InputError
        If a sheet is named of a file that is no workbook.
    """
    require_workbook(path, sheet)
    opener = _Opener(now)
    if opened is None:
        main = opener.open(path, find_kind(kind), mapping, sheet)
    else:
        main = opener.plan(path, opened, find_kind(kind), mapping, "")
    jobs = [main]
    for other in sorted(linked or {}, key=_order):
        described = _describe(mapping, other)
        jobs.append(opener.open((linked or {})[other], find_kind(other), described, ""))
    given = {kind, *(linked or {})}
    if kind in (linked or {}):
        message = f"{path.name}: is the {kind} table itself; link tables of other kinds."
        raise TableError(message)
    for other, table in mapping.tables.items():
        if other not in given and table.sheet and is_workbook(path):
            job = opener.open(path, find_kind(other), table, table.sheet)
            jobs.append(job)
            given.add(other)
    if kind == "crash" and isinstance(main.table, ExportTable) and is_workbook(path):
        jobs += opener.open_repeats(main, mapping, given)
    if is_workbook(path):
        _note_other_sheets(path, jobs)
    rest = sorted(jobs[1:], key=lambda job: _order(job.plan.kind.name))
    return [main, *(replace(job, is_linked=True) for job in rest)]


def _order(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def _note_other_sheets(path: Path, jobs: list[Job]) -> None:
    """Say which sheets with content are not read, in the account of the main table."""
    taken = {job.sheet for job in jobs if job.path == path}
    for sheet in Workbook.open(path).sheets:
        if sheet.first_rows and sheet.name not in taken:
            jobs[0].table.notes[f"sheet {sheet.name!r} was not read"] = 1


def _describe(mapping: mappings.Mapping, kind: str) -> mappings.Mapping:
    """Return how a linked table is written; like the main one where nothing is said."""
    found = mapping.find_table(kind)
    if found is not None:
        return found
    shared = {name: getattr(mapping, name) for name in ("name", "source", "notes")}
    return mappings.Mapping.model_validate({**shared, "kind": kind})


@dataclass(slots=True)
class _Opener:
    """Opens tables; looks at a workbook once."""

    now: pd.Timestamp

    def open(self, path: Path, kind: Kind, mapping: mappings.Mapping, sheet: str) -> Job:
        wanted = sheet or mapping.sheet
        expected = list_expected_names(kind, mapping)
        if not is_workbook(path) or wanted:
            table = open_table(
                path,
                sheet=wanted,
                encoding=mapping.encoding,
                separator=mapping.separator,
                keep_crs="crs" in mapping.model_fields_set,
                expected=expected,
            )
            name = table.sheet.name if isinstance(table, SheetTable) else ""
            return self.plan(path, table, kind, mapping, name)
        require_file(path)
        return self._open_first_sheet(path, kind, mapping, expected)

    def _open_first_sheet(
        self, path: Path, kind: Kind, mapping: mappings.Mapping, expected: frozenset[str]
    ) -> Job:
        workbook = Workbook.open(path)
        refused: dict[str, Exception] = {}
        for sheet in workbook.sheets:
            try:
                table = SheetTable(workbook, sheet, expected)
                return self.plan(path, table, kind, mapping, sheet.name)
            except (TableError, DataSourceError) as error:
                refused[sheet.name] = error
        if len(refused) == 1:
            raise next(iter(refused.values()))
        reasons = "; ".join(f"{name!r}: {_shorten(path, error)}" for name, error in refused.items())
        message = (
            f"{path.name}: none of its {len(refused)} sheets holds {kind.name} records ({reasons})"
            "; name the sheet, or describe its columns in a mapping."
        )
        raise TableError(message)

    def plan(
        self, path: Path, table: RawTable, kind: Kind, mapping: mappings.Mapping, sheet: str
    ) -> Job:
        if is_export(table.columns) and not isinstance(table, ExportTable):
            table = ExportTable(table, kind)
        if is_workbook(path) and mapping.date_formats:  # its own dates are ISO 8601
            formats = tuple(dict.fromkeys([*mapping.date_formats, *ISO_FORMATS]))
            mapping = mapping.model_copy(update={"date_formats": formats})
        try:
            plan = build_plan(
                kind,
                mapping,
                table.columns,
                table=path.name,
                today=self.now,
                other_names=table.other_names,
            )
        except TableError as error:
            if not isinstance(table, ExportTable):
                raise
            message = f"{error} {AS_XML}"
            raise TableError(message) from error
        logger.info("%s: %s, %d columns", path.name, table.description, len(table.columns))
        return Job(path, table, plan, sheet)

    def open_repeats(self, main: Job, mapping: mappings.Mapping, given: set[str]) -> Iterator[Job]:
        """Open the sheets of an export that hold the repeat groups of the form."""
        export = main.table
        workbook = Workbook.open(main.path)
        parents = export.read_parents() if isinstance(export, ExportTable) else {}
        for sheet in workbook.sheets:
            kind = find_repeat_kind(sheet.name)
            if not kind or kind in given or not sheet.first_rows:
                continue
            described = _describe(mapping, kind)
            expected = list_expected_names(find_kind(kind), described)
            table = SheetTable(workbook, sheet, expected)
            if is_repeat(table.columns):
                repeat = ExportTable(table, find_kind(kind), repeat=sheet.name, parents=parents)
                given.add(kind)
                yield self.plan(main.path, repeat, find_kind(kind), described, sheet.name)


def _shorten(path: Path, error: Exception) -> str:
    """Return what is wrong with a sheet, without the name of the file and what to do."""
    text = str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")
    return text.split(";", 1)[0]
