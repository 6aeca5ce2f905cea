"""Read files of any format as rows of text, piece by piece.

What a cell means is decided later (`records.standardise`); here a file becomes
batches of text cells under named columns. Points of a vector file become the columns
`geometry_lon` and `geometry_lat`.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from core.errors import DataSourceError, MissingDataError
from records.delimited import (
    CONTROL,
    BadRow,
    Dialect,
    find_dialect,
    name_columns,
    read_batches,
)
from records.header import MAX_HEADER_ROWS, Row, find_header

__all__ = ["RawBatch", "RawTable", "open_table"]

BATCH_ROWS = 50_000
DELIMITED = {".csv", ".tsv", ".txt", ".tab", ""}
VECTOR = {".geojson", ".json", ".gpkg", ".shp", ".fgb"}
SHEETS = {".xlsx", ".xlsm"}
MAX_UNZIPPED_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Rows as text, the line or row number of each, and the rows that were unreadable."""

    frame: pd.DataFrame
    row_numbers: list[int]
    bad: list[BadRow]
    done_share: float


class RawTable(Protocol):
    """A file opened for reading."""

    columns: tuple[str, ...]
    description: str
    notes: Counter[str]  # what was left out above the header

    def read(self) -> Iterator[RawBatch]:
        """Yield the rows in batches of bounded size."""


def open_table(
    path: Path,
    *,
    encoding: str = "",
    separator: str = "",
    keep_crs: bool = False,
    expected: frozenset[str] = frozenset(),
) -> RawTable:
    """Open a file of records for reading.

    Parameters
    ----------
    path
        Delimited text, XLSX (first sheet), or a point layer that GDAL reads.
    encoding, separator
        Overrides for delimited text; found out when empty.
    keep_crs
        Leave the coordinates of a vector layer as they are written, because the
        caller knows their coordinate system better than the file.
    expected
        Column names by which a header below a title is known; see `records.header`.

    Raises
    ------
    MissingDataError
        If there is no such file.
    DataSourceError
        If the file is empty or cannot be read, or its format is not known.
    TableError
        If it is in doubt which row is the header.
    """
    _require_file(path)
    suffix = path.suffix.lower()
    try:
        if suffix in VECTOR:
            return _VectorTable(path, keep_crs=keep_crs)
        if suffix in SHEETS:
            return _SheetTable(path, expected)
        dialect = find_dialect(path, encoding=encoding, separator=separator, expected=expected)
        return _DelimitedTable(path, dialect)
    except DataSourceError:
        raise
    except OSError as error:
        raise DataSourceError.unreadable(path, error.strerror or str(error)) from error


def _require_file(path: Path) -> None:
    if not path.exists():
        message = f"{path}: no such file; check the path."
        raise MissingDataError(message)
    if not path.is_file():
        message = f"{path}: is no file; give the file with the records."
        raise DataSourceError(message)
    if path.stat().st_size == 0:
        message = f"{path}: is empty; check that the right file was given."
        raise DataSourceError(message)
    known = DELIMITED | VECTOR | SHEETS
    if path.suffix.lower() not in known:
        names = ", ".join(sorted(known - {""}))
        message = f"{path}: format {path.suffix} is not known; use one of: {names}."
        raise DataSourceError(message)


def _to_frame(rows: list[list[str]], columns: tuple[str, ...]) -> pd.DataFrame:
    cells = zip(*rows, strict=True) if rows else ([] for _ in columns)
    data = {
        name: pd.Series(values, dtype="str") for name, values in zip(columns, cells, strict=True)
    }
    return pd.DataFrame(data)


class _DelimitedTable:
    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path, self.dialect = path, dialect
        self.columns, self.notes = dialect.columns, dialect.notes
        name = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        mark = name.get(dialect.separator, dialect.separator)
        self.description = f"{dialect.encoding}, separator {mark}"

    def read(self) -> Iterator[RawBatch]:
        size = max(1, self.path.stat().st_size)
        try:
            for batch in read_batches(self.path, self.dialect, size=BATCH_ROWS):
                frame = _to_frame(batch.rows, self.columns)
                share = min(1.0, batch.position / size)
                yield RawBatch(frame, batch.row_numbers, batch.bad, share)
        except (OSError, UnicodeError) as error:
            raise DataSourceError.unreadable(self.path, str(error)) from error


class _SheetTable:
    """The first sheet of a workbook; its header is the first row with content, titles aside."""

    def __init__(self, path: Path, expected: frozenset[str]) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                unzipped = sum(item.file_size for item in archive.infolist())
        except (zipfile.BadZipFile, ValueError) as error:
            raise DataSourceError.unreadable(path, f"no XLSX workbook ({error})") from error
        if unzipped > MAX_UNZIPPED_BYTES:
            message = f"{path}: unpacks to {unzipped:,} bytes, too much; save it as CSV."
            raise DataSourceError(message)
        rows = [Row(*row) for row in islice(self._rows(), MAX_HEADER_ROWS)]
        if not rows:
            message = f"{path}: its first sheet is empty; check that the right file was given."
            raise DataSourceError(message)
        header = find_header(rows, expected, table=path.name)
        self.columns, self.notes = name_columns(header.row.cells), header.notes
        self.header_row = header.row.number
        self.description = "workbook, first sheet"

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        import openpyxl

        try:
            book = openpyxl.load_workbook(self.path, read_only=True, data_only=True)
            try:
                sheet = book.worksheets[0]
                for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                    texts = [_cell_text(cell) for cell in cells]
                    if any(texts):
                        yield number, texts
            finally:
                book.close()
        except DataSourceError:
            raise
        except Exception as error:  # openpyxl raises whatever its XML holds
            raise DataSourceError.unreadable(
                self.path, f"{type(error).__name__}: {error}"
            ) from error

    def read(self) -> Iterator[RawBatch]:
        width = len(self.columns)
        rows: list[list[str]] = []
        numbers: list[int] = []
        bad: list[BadRow] = []
        for number, cells in self._rows():
            if number <= self.header_row:
                continue
            if any(cells[width:]):
                bad.append(
                    BadRow(number, "more cells than the header has", " | ".join(cells)[:2000])
                )
                continue
            rows.append((cells + [""] * width)[:width])
            numbers.append(number)
            if len(rows) >= BATCH_ROWS:
                yield RawBatch(_to_frame(rows, self.columns), numbers, bad, 0.5)
                rows, numbers, bad = [], [], []
        yield RawBatch(_to_frame(rows, self.columns), numbers, bad, 1.0)


def _cell_text(value: object) -> str:
    """Return a cell's value as a person would write it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    isoformat = getattr(value, "isoformat", None)
    if isoformat is not None:
        return str(isoformat())
    return CONTROL.sub("", str(value))


class _VectorTable:
    """The first layer of a vector file; points, or a point inside each area or line."""

    def __init__(self, path: Path, *, keep_crs: bool) -> None:
        import pyogrio

        self.path, self.keep_crs = path, keep_crs
        self.notes: Counter[str] = Counter()
        try:
            info: dict[str, Any] = pyogrio.read_info(path, force_total_bounds=False)
        except Exception as error:  # GDAL's errors are of many classes
            raise DataSourceError.unreadable(path, str(error)) from error
        self.n_rows = int(info["features"])
        self.columns = (*map(str, info["fields"]), "geometry_lon", "geometry_lat")
        self.description = f"{info['driver']}, {info['crs'] or 'no coordinate system named'}"

    def read(self) -> Iterator[RawBatch]:
        import pyogrio

        start = 0
        while True:
            try:
                layer = pyogrio.read_dataframe(
                    self.path, skip_features=start, max_features=BATCH_ROWS
                )
                frame = self._flatten(layer)
            except Exception as error:  # GDAL's errors are of many classes
                raise DataSourceError.unreadable(self.path, str(error)) from error
            if frame.empty:
                return
            numbers = list(range(start + 1, start + 1 + len(frame)))
            start += len(frame)
            yield RawBatch(frame, numbers, [], min(1.0, start / max(1, self.n_rows)))

    def _flatten(self, layer: Any) -> pd.DataFrame:  # noqa: ANN401 - a frame with or without places
        data: dict[str, pd.Series[Any]] = {}
        for name in self.columns[:-2]:
            values = layer[name] if name in layer else pd.Series("", index=layer.index)
            data[name] = pd.Series([_attribute_text(one) for one in values], dtype="str")
        place = getattr(layer, "geometry", None) if "geometry" in layer else None
        lon = lat = [""] * len(layer)
        if place is not None:
            if place.crs is not None and not self.keep_crs:
                place = place.to_crs(4326)
            points = place.representative_point()
            lon = ["" if pd.isna(value) else repr(value) for value in points.x.tolist()]
            lat = ["" if pd.isna(value) else repr(value) for value in points.y.tolist()]
        data["geometry_lon"] = pd.Series(lon, dtype="str")
        data["geometry_lat"] = pd.Series(lat, dtype="str")
        return pd.DataFrame(data)


def _attribute_text(value: object) -> str:
    try:
        if pd.isna(value):  # type: ignore[call-overload]
            return ""
    except (TypeError, ValueError):
        pass
    return _cell_text(value)
