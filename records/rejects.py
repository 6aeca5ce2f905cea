"""The list of rows that were refused: row, reason, and the cells as they came."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from core.errors import ConfigError

__all__ = ["RejectsFile", "make_safe"]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
MAX_CELL = 32_000  # what a spreadsheet can hold in a cell


def make_safe(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula, cut to what one can hold."""
    short = cell if len(cell) <= MAX_CELL else cell[:MAX_CELL] + "…"
    return f"'{short}" if short.startswith(FORMULA_STARTS) else short


class RejectsFile:
    """A CSV that appears under its name only when kept; no file without rows.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path | None, name: str, columns: Sequence[str]) -> None:
        self.path = None if folder is None else folder / name
        self.columns = columns
        self.n_rows = 0
        self._handle: TextIO | None = None
        self._partial: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            self._handle.close()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)

    def write(self, rows: Iterable[tuple[int, str, Sequence[str]]]) -> None:
        """Add rows: number in the file, reason, cells."""
        if self.path is None:
            return
        try:
            for number, reason, cells in rows:
                self._open()
                writer = csv.writer(self._require_handle())
                writer.writerow([number, make_safe(reason), *map(make_safe, cells)])
                self.n_rows += 1
        except OSError as error:
            raise self._cannot(error) from error

    def keep(self) -> str:
        """Give the file its name; return its path, empty if there was no row."""
        if self._handle is None or self.path is None or self._partial is None:
            return ""
        try:
            self._handle.close()
            self._partial.replace(self.path)
        except OSError as error:
            raise self._cannot(error) from error
        return str(self.path)

    def _require_handle(self) -> TextIO:
        if self._handle is None:
            message = "the list of refused rows is not open"
            raise ConfigError(message)
        return self._handle

    def _open(self) -> None:
        if self._handle is not None or self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=f".{self.path.name}-", dir=self.path.parent)
        self._partial = Path(name)
        # A byte-order mark, so that spreadsheets read the text as UTF-8.
        self._handle = os.fdopen(number, "w", encoding="utf-8-sig", newline="", errors="replace")
        header = ["row", "reason", *map(make_safe, self.columns)]
        csv.writer(self._handle).writerow(header)

    def _cannot(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"{self.path}: the list of refused rows cannot be written: "
            f"{error.strerror or error}; nothing was imported."
        )
