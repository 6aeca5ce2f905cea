"""What is installed, what is missing, what to do."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from core.errors import SafeCommuteError
from pipeline.paths import APP_PATH, DATA_FOLDER
from pipeline.workspace import open_workspace

__all__ = ["Check", "examine"]

LIBRARIES = ("geopandas", "osmium", "pyogrio", "rasterio", "folium", "sklearn", "streamlit")
MIN_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    is_ok: bool
    found: str
    to_do: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the check as plain JSON values."""
        return asdict(self)


def examine(home: Path, database_url: str | None) -> list[Check]:
    """Look at everything the software needs and say what to do about what is missing."""
    checks: list[Callable[[], Check]] = [
        check_python,
        *(lambda name=name: check_library(name) for name in LIBRARIES),
        lambda: check_home(home),
        lambda: check_database(home, database_url),
        lambda: check_disk(home),
        lambda: check_file("sample", DATA_FOLDER / "osm" / "sample.osm.pbf"),
        lambda: check_file("app", APP_PATH),
    ]
    return [check() for check in checks]


def check_python() -> Check:
    """Python 3.11 or newer."""
    found = ".".join(map(str, sys.version_info[:3]))
    return Check(
        name="python",
        is_ok=sys.version_info >= (3, 11),
        found=found,
        to_do="" if sys.version_info >= (3, 11) else "install Python 3.11 or newer.",
    )


def check_library(name: str) -> Check:
    """Import a library, since a wheel that does not load is as good as none."""
    try:
        module = importlib.import_module(name)
    except Exception as error:
        return Check(name=name, is_ok=False, found=str(error), to_do="run `uv sync`.")
    return Check(name=name, is_ok=True, found=str(getattr(module, "__version__", "installed")))


def check_home(home: Path) -> Check:
    """Write into the workspace."""
    try:
        workspace = open_workspace(home)
    except SafeCommuteError as error:
        return Check(name="workspace", is_ok=False, found=str(error), to_do="give another --home.")
    return Check(name="workspace", is_ok=True, found=str(workspace.home))


def check_database(home: Path, database_url: str | None) -> Check:
    """Connect to the database of the records."""
    url = database_url or f"sqlite:///{home.absolute() / 'records.sqlite'}"
    try:
        engine = create_engine(url)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        return Check(
            name="database",
            is_ok=False,
            found=str(error).splitlines()[0],
            to_do="check SAFECOMMUTE_DATABASE_URL and that the server runs.",
        )
    return Check(name="database", is_ok=True, found=engine.dialect.name)


def check_disk(home: Path) -> Check:
    """Leave room for a run."""
    existing = next(path for path in (home.absolute(), *home.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    is_ok = free >= MIN_FREE_BYTES
    to_do = "" if is_ok else "free at least 1 GB where the workspace lies."
    return Check(name="disk", is_ok=is_ok, found=f"{free / 1e9:.1f} GB free", to_do=to_do)


def check_file(name: str, path: Path) -> Check:
    """Find a file that comes with the software."""
    is_ok = path.is_file()
    return Check(
        name=name,
        is_ok=is_ok,
        found=path.name if is_ok else "missing",
        to_do="" if is_ok else "use a complete checkout of the repository.",
    )
