"""Records into a study area: the workspace's database, its mappings, its rejected rows."""

from __future__ import annotations

import getpass
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import ConfigError, InputError, TableError
from core.progress import Progress, no_progress
from pipeline.areas import find_bounds, load_area
from pipeline.mappings import find_mapping
from pipeline.route_files import open_routes
from pipeline.villages import load_gazetteer
from pipeline.workspace import Workspace
from records.database import Database
from records.intake import ImportReport, import_file
from records.mapping import Mapping
from records.proposal import Proposal, propose_mapping

__all__ = ["import_records", "keep_proposal"]

HOW_TO_PROPOSE = (
    "A mapping can be proposed: --dry-run shows it and what would become of the rows, --propose "
    "FILE.yaml writes it to a file, to correct and give as --mapping."
)
SEE_HOW = "see with --dry-run the mapping that would read them"
LEFT_UNREAD = "columns that look like fields were left unread; see them with --dry-run"


def import_records(
    workspace: Workspace,
    kind: str,
    path: Path,
    *,
    area: str,
    mapping: str | Mapping | None = None,
    source: str | None = None,
    sheet: str = "",
    linked: dict[str, Path] | None = None,
    dry_run: bool = False,
    by: str = "",
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Import one file, and the tables linked to it; return the account of their rows.

    Parameters
    ----------
    workspace, area
        Whose records.
    kind
        One of `records.fields.KINDS`.
    path
        The file.
    mapping
        A mapping file, the name of one kept in the workspace or of a ready one, or a mapping.
    source
        Who reports. Numbers of crashes and casualties are unique within a source, so two
        factories that both count from 1 need a name each.
    sheet
        Name or number of a workbook's sheet.
    linked
        Kind → file of each table that belongs to this one.
    dry_run
        Check everything, keep nothing. Where a file is not read as a whole by the names of
        its columns, and no mapping is given, one is proposed beside the account.
    by
        Who takes it in, for the audit log; by default who is logged in.
    progress
        Told how far it has come.

    Returns
    -------
    dict
        `kind, read, accepted, updated, unchanged, duplicates, rejected, rejects_file,
        reasons`, where `read` is the sum of the five that follow it; `linked`, the same
        for each linked table. In a dry run for which a mapping is proposed also `proposal`,
        with the account of the rows if it were used in `account`; where the file cannot be
        taken in without it, `refused` says why and the account is that of the proposal.

    Raises
    ------
    MissingDataError
        If there is no such area.
    InputError, DataSourceError
        If the file or the mapping cannot be used; nothing was taken then.
    """
    load_area(workspace, area)
    described = find_mapping(workspace, mapping, kind) if isinstance(mapping, str) else mapping
    near = find_bounds(workspace, area)
    routes = open_routes(path, near_wgs84=near) if kind == "route" and not sheet else None
    options: dict[str, Any] = {
        "area": area,
        "sheet": sheet,
        "linked": linked,
        "near": near,
        "opened": routes,
        "gazetteer": load_gazetteer(workspace),
        "imported_by": by.strip() or find_user(),
        "dry_run": dry_run,
        "rejects_dir": workspace.rejects_folder(),
        "progress": progress,
    }
    with Database(workspace.database_url) as database:

        def take(how: Mapping | None, **more: Any) -> ImportReport:  # noqa: ANN401 - options
            named = _name_source(how, kind, source)
            return import_file(database, kind, path, mapping=named, **{**options, **more})

        if described is not None or routes is not None:
            return take(described).to_dict()
        try:
            report = take(None)
        except TableError as error:
            proposal = _propose_instead(path, kind, sheet, error)
            if not dry_run:
                message = f"{error} {HOW_TO_PROPOSE}"
                raise TableError(message) from error
            account = take(proposal.mapping).to_dict()
            return {"refused": str(error), **account, "proposal": _add(proposal, account)}
        better = _propose_better(path, kind, report)
        if better is None:
            return report.to_dict()
        report = replace(report, notes={**report.notes, better.note: better.n_rows})
        if not dry_run:
            return report.to_dict()
        account = take(better.proposal.mapping, rejects_dir=None).to_dict()
        return {**report.to_dict(), "proposal": _add(better.proposal, account)}


def _add(proposal: Proposal, account: dict[str, Any]) -> dict[str, Any]:
    """Return a proposal with what would become of the rows if it were used."""
    return {**proposal.to_dict(), "account": account}


class _Better(NamedTuple):
    """A proposal that reads more of a file than the names of the fields do."""

    proposal: Proposal
    note: str  # why it is worth a look
    n_rows: int  # that the note is about


def _propose_better(path: Path, kind: str, report: ImportReport) -> _Better | None:
    """Return a proposal that reads columns left unread, or rows refused for their writing."""
    reason, n_misread = _find_misreading(report)
    if not report.unused_columns and not reason:
        return None
    try:
        proposal = propose_mapping(path, kind, sheet=report.sheet)
    except TableError:
        return None
    if proposal.missing_fields:
        return None
    how = _describe_formats(proposal.mapping)
    if reason and how:
        return _Better(proposal, f"{reason} in most rows; {SEE_HOW} ({how})", n_misread)
    sure = {one.column for one in proposal.guesses if one.confidence == "sure"}
    if sure.isdisjoint(report.unused_columns):
        return None
    return _Better(proposal, LEFT_UNREAD, 1)


def _name_source(mapping: Mapping | None, kind: str, source: str | None) -> Mapping | None:
    """Return the mapping with the source that was named, for its linked tables too."""
    if not source:
        return mapping
    named = mapping or Mapping.model_validate({"kind": kind})
    tables = {
        name: table.model_copy(update={"source": source}) for name, table in named.tables.items()
    }
    return named.model_copy(update={"source": source, "tables": tables})


def _find_misreading(report: ImportReport) -> tuple[str, int]:
    """Return why at least half of the rows are refused, if it is how they are written."""
    for reason, n_rows in report.reasons.items():
        is_format = reason.endswith(("is not understood", "is not a number"))
        if is_format and 2 * n_rows >= report.read:
            return reason, n_rows
    return "", 0


def _describe_formats(mapping: Mapping) -> str:
    """Say how a mapping reads dates and numbers, where it is not as without one."""
    parts = [f"date_formats: {', '.join(mapping.date_formats)}"] if mapping.date_formats else []
    parts += [f"decimal: {mapping.decimal!r}"] if mapping.decimal != "." else []
    return "; ".join(parts)


def _propose_instead(path: Path, kind: str, sheet: str, error: TableError) -> Proposal:
    """Return a proposal that can be used; else say what is missing, and the proposal so far."""
    try:
        proposal = propose_mapping(path, kind, sheet=sheet)
    except TableError:
        raise error from None
    if proposal.missing_fields:
        found = ", ".join(f"{one.field} from {one.column!r}" for one in proposal.guesses)
        message = (
            f"{error} No mapping can be proposed either: no column looks like "
            f"{', '.join(proposal.missing_fields)} (found: {found or 'nothing'}); "
            "write what was found with --propose FILE.yaml, complete it, and give it as mapping."
        )
        raise TableError(message) from error
    return proposal


def keep_proposal(kind: str, path: Path, target: Path, *, sheet: str = "") -> Proposal:
    """Write the mapping that is proposed for a file, for a person to correct.

    Parameters
    ----------
    kind
        Kind of record of its rows.
    path
        The file.
    target
        Where to; it must not be there yet, since a corrected mapping is work.
    sheet
        Name or number of a workbook's sheet.

    Raises
    ------
    InputError, DataSourceError
        If the file cannot be read, or the target is there.
    ConfigError
        If the target cannot be written.
    """
    if target.exists():
        message = f"{target}: is there already; name another file, or remove it first."
        raise InputError(message)
    if kind == "route" and not sheet and open_routes(path) is not None:
        message = f"{path}: is a file of GPS traces and needs no mapping; import it without one."
        raise InputError(message)
    proposal = propose_mapping(path, kind, sheet=sheet)
    try:
        target.write_text(proposal.to_yaml(), encoding="utf-8")
    except OSError as error:
        message = f"{target}: cannot be written: {error.strerror or error}; choose another place."
        raise ConfigError(message) from error
    return proposal


def find_user() -> str:
    """Return who is importing, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
