"""Records into a study area: the workspace's database, its mappings, its rejected rows."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import ConfigError, InputError, TableError
from core.progress import Progress, no_progress
from pipeline.areas import find_bounds, load_area
from pipeline.mappings import find_mapping
from pipeline.route_files import open_routes
from pipeline.villages import load_gazetteer
from pipeline.workspace import Workspace
from records.database import Database
from records.intake import import_file
from records.mapping import Mapping
from records.proposal import Proposal, propose_mapping

__all__ = ["import_records", "keep_proposal"]

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
        Check everything, keep nothing. A file whose columns are not named like the fields,
        or hold more than those that are, is gone through with a proposed mapping then,
        unless one is given.
    by
        Who takes it in, for the audit log; by default who is logged in.
    progress
        Told how far it has come.

    Returns
    -------
    dict
        `kind, read, accepted, updated, unchanged, duplicates, rejected, rejects_file,
        reasons`, where `read` is the sum of the five that follow it; `linked`, the same
        for each linked table; in a dry run with a proposed mapping, `proposal`.

    Raises
    ------
    MissingDataError
        If there is no such area.
    InputError, DataSourceError
        If the file or the mapping cannot be used; nothing was taken then.
    """
    load_area(workspace, area)
    described = find_mapping(workspace, mapping) if isinstance(mapping, str) else mapping
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
        try:
            report = import_file(
                database, kind, path, mapping=_name_source(described, kind, source), **options
            )
        except TableError as error:
            if described is not None or not dry_run or routes is not None:
                raise
            proposal = _propose(path, kind, sheet, error)
        else:
            is_by_name = described is None and routes is None
            unread = report.unused_columns if is_by_name else ()
            better = _propose_for_unread(path, kind, sheet, unread)
            if better is None:
                return report.to_dict()
            if not dry_run:
                return replace(report, notes={**report.notes, LEFT_UNREAD: 1}).to_dict()
            proposal = better
        proposed = _name_source(proposal.mapping, kind, source)
        report = import_file(database, kind, path, mapping=proposed, **options)
        return {**report.to_dict(), "proposal": proposal.to_dict()}


def _propose_for_unread(
    path: Path, kind: str, sheet: str, unread: Sequence[str]
) -> Proposal | None:
    """Return a proposal that is sure of a column which the fields' names leave unread."""
    if not unread:
        return None
    try:
        proposal = propose_mapping(path, kind, sheet=sheet)
    except TableError:
        return None
    sure = {one.column for one in proposal.guesses if one.confidence == "sure"}
    return None if proposal.missing_fields or sure.isdisjoint(unread) else proposal


def _name_source(mapping: Mapping | None, kind: str, source: str | None) -> Mapping | None:
    """Return the mapping with the source that was named, for its linked tables too."""
    if not source:
        return mapping
    named = mapping or Mapping.model_validate({"kind": kind})
    tables = {
        name: table.model_copy(update={"source": source}) for name, table in named.tables.items()
    }
    return named.model_copy(update={"source": source, "tables": tables})


def _propose(path: Path, kind: str, sheet: str, error: TableError) -> Proposal:
    """Return a proposal that can be used; else say what is missing, and the proposal so far."""
    proposal = propose_mapping(path, kind, sheet=sheet)
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
