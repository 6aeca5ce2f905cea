"""What was imported into an area, as the Data page lists it; taking an import back."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.areas import load_area
from pipeline.imports import find_user
from pipeline.workspace import Workspace
from records.database import Database
from records.undoing import undo_import

__all__ = ["list_imports", "undo"]


def list_imports(workspace: Workspace, area: str) -> pd.DataFrame:
    """Return the imports of an area, the latest first, with the account of their rows.

    Raises
    ------
    DataSourceError
        If the records cannot be read.
    """
    with Database(workspace.database_url) as database:
        found = database.list_imports(area)
    return found.sort_values("import_id", ascending=False, ignore_index=True)


def undo(
    workspace: Workspace,
    area: str,
    import_id: int,
    *,
    even_corrected: bool = False,
    by: str = "",
) -> dict[str, Any]:
    """Take back everything that one import did; see `records.undoing.undo_import`.

    Raises
    ------
    MissingDataError
        If there is no such area or import.
    InputError
        If it was undone before, or something later stands on it.
    """
    load_area(workspace, area)
    with Database(workspace.database_url) as database:
        report = undo_import(
            database,
            area,
            import_id,
            undone_by=by.strip() or find_user(),
            even_corrected=even_corrected,
        )
    return report.to_dict()
