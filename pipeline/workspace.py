"""The folder in which areas, records and runs are kept, and how files appear in it whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.errors import ConfigError, InputError, MissingDataError

__all__ = [
    "Workspace",
    "appearing_whole",
    "open_workspace",
    "read_json",
    "require_key",
    "write_json",
]

KEY_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where everything of one installation lies."""

    home: Path
    database_url: str

    def area_folder(self, key: str) -> Path:
        """Return the folder of a study area: its description and its sources."""
        return self.home / "areas" / require_key(key)

    def runs_folder(self, key: str) -> Path:
        """Return the folder of a study area's finished runs."""
        return self.home / "runs" / require_key(key)

    def cache_folder(self, key: str) -> Path:
        """Return the folder of finished steps, kept to be used again."""
        return self.home / "cache" / require_key(key)

    def published_path(self, key: str) -> Path:
        """Return the pointer that names the run being served."""
        return self.home / "published" / f"{require_key(key)}.json"

    def rejects_folder(self) -> Path:
        """Return the folder of the rows that imports refused."""
        return self.home / "rejects"

    def sweep(self, key: str) -> None:
        """Remove what an interrupted command of this area left half-written."""
        for folder in (self.area_folder(key), self.runs_folder(key), self.cache_folder(key)):
            for path in folder.glob(".partial-*"):
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold an area for oneself; another command on the same area is told to wait.

        Raises
        ------
        ConfigError
            If another command holds the area.
        """
        path = self.home / "locks" / f"{require_key(key)}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(path, timeout=0):
                self.sweep(key)
                yield
        except Timeout as error:
            message = f"area {key!r}: another command is working on it; wait until it has ended."
            raise ConfigError(message) from error


def require_key(key: str) -> str:
    """Return an area's key if it is one: small letters, digits, '-' and '_', at most 40.

    Raises
    ------
    InputError
        If it is not; keys become folder names and addresses.
    """
    if not KEY_PATTERN.fullmatch(key):
        message = (
            f"area key {key!r}: use small letters, digits, '-' and '_', at most 40, "
            "starting with a letter or digit."
        )
        raise InputError(message)
    return key


def open_workspace(home: Path, database_url: str | None = None) -> Workspace:
    """Make sure the workspace can be written and return it.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written.
    """
    home = home.expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        message = (
            f"{home}: the workspace cannot be written: {error.strerror or error}; "
            "give another folder with --home or SAFECOMMUTE_HOME."
        )
        raise ConfigError(message) from error
    url = database_url or f"sqlite:///{home / 'records.sqlite'}"
    return Workspace(home=home, database_url=url)


@contextmanager
def appearing_whole(target: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `target` that takes its name only when all went well.

    Whatever goes wrong meanwhile, `target` either does not exist or is complete.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".partial-{target.name}-", dir=target.parent))
    try:
        yield partial
        partial.chmod(0o755)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that this software wrote.

    Raises
    ------
    MissingDataError
        If the file is not there or not a JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be read: {error}; the workspace may be damaged."
        raise MissingDataError(message) from error
    if not isinstance(values, dict):
        message = f"{path}: is not a JSON object; the workspace may be damaged."
        raise MissingDataError(message)
    return values
