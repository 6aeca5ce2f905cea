"""Where villages are: files of points that are kept in the workspace for every import."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path

from core.errors import ConfigError
from pipeline.workspace import Workspace
from records.gazetteer import Gazetteer

__all__ = ["keep_villages", "list_village_files", "load_gazetteer"]


def keep_villages(workspace: Workspace, path: Path) -> Path:
    """Keep a file of villages or communes with coordinates; return where it is kept.

    Parameters
    ----------
    workspace
        Whose imports are to use it.
    path
        A table or layer of points, see `records.divisions.read_points`. A file of the same
        name that was kept before is replaced.

    Raises
    ------
    TableError, DataSourceError
        If it cannot be used; nothing is kept then.
    ConfigError
        If it cannot be copied.
    """
    Gazetteer.from_points(path)
    target = _folder(workspace) / path.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".{target.name}.new")
        shutil.copyfile(path, new)
        new.replace(target)
    except OSError as error:
        message = f"{target}: cannot be written: {error.strerror or error}; check the folder."
        raise ConfigError(message) from error
    return target


def load_gazetteer(workspace: Workspace) -> Gazetteer | None:
    """Return the gazetteer of the files kept in the workspace, or None when there is none.

    Raises
    ------
    TableError, DataSourceError
        If a kept file cannot be used.
    """
    files = list_village_files(workspace)
    if not files:
        return None
    return _build(tuple((path, path.stat().st_mtime_ns) for path in files))


def list_village_files(workspace: Workspace) -> list[Path]:
    """Return the files that are kept, by name."""
    return sorted(path for path in _folder(workspace).glob("[!.]*") if path.is_file())


@lru_cache(maxsize=2)
def _build(files: tuple[tuple[Path, int], ...]) -> Gazetteer:
    return Gazetteer.from_points([path for path, _ in files])


def _folder(workspace: Workspace) -> Path:
    return workspace.home / "villages"
