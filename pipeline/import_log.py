"""What was imported into an area, as the Data page lists it."""

from __future__ import annotations

import pandas as pd

from pipeline.workspace import Workspace
from records.database import Database

__all__ = ["list_imports"]


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
