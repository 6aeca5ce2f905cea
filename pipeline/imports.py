"""Records into a study area: the workspace's database, its mappings, its rejected rows."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from core.progress import Progress, no_progress
from pipeline.areas import load_area
from pipeline.workspace import Workspace
from records.database import Database
from records.intake import import_file
from records.mapping import Mapping, load_mapping

__all__ = ["import_records"]


def import_records(
    workspace: Workspace,
    kind: str,
    path: Path,
    *,
    area: str,
    mapping: str | None = None,
    source: str | None = None,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Import one file and return the account of its rows.

    Parameters
    ----------
    workspace, area
        Whose records.
    kind
        One of `records.fields.KINDS`.
    path
        The file.
    mapping
        A mapping file, or the name of a ready one.
    source
        Who reports. Numbers of crashes and casualties are unique within a source, so two
        factories that both count from 1 need a name each.
    dry_run
        Check everything, keep nothing.
    progress
        Told how far it has come.

    Returns
    -------
    dict
        `kind, read, accepted, updated, unchanged, duplicates, rejected, rejects_file,
        reasons`, where `read` is the sum of the five that follow it.

    Raises
    ------
    MissingDataError
        If there is no such area.
    InputError, DataSourceError
        If the file or the mapping cannot be used; nothing was taken then.
    """
    load_area(workspace, area)
    described = load_mapping(mapping) if mapping else None
    if source:
        described = (described or Mapping.model_validate({"kind": kind})).model_copy(
            update={"source": source}
        )
    with Database(workspace.database_url) as database:
        report = import_file(
            database,
            kind,
            path,
            area=area,
            mapping=described,
            imported_by=find_user(),
            dry_run=dry_run,
            rejects_dir=workspace.rejects_folder(),
            progress=progress,
        )
    return report.to_dict()


def find_user() -> str:
    """Return who is importing, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
