"""Read files of any format as rows of text, piece by piece.

What a cell means is decided later (`records.standardise`); here a file becomes
batches of text cells under named columns. Points of a vector file become the columns
`geometry_lon` and `geometry_lat`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from core.errors import DataSourceError, InputError, MissingDataError
from records.batches import BATCH_ROWS, RawBatch, cell_text, name_without_groups, to_frame
from records.delimited import Dialect, find_dialect, read_batches
from records.xlsx import SheetTable, Workbook

__all__ = [
    "RawBatch",
    "RawTable",
    "is_delimited",
    "is_workbook",
    "open_table",
    "require_file",
    "require_workbook",
]

DELIMITED = {".csv", ".tsv", ".txt", ".tab", ""}
VECTOR = {".geojson", ".json", ".gpkg", ".shp", ".fgb"}
SHEETS = {".xlsx", ".xlsm"}


class RawTable(Protocol):
    """A file opened for reading."""

    columns: tuple[str, ...]
    description: str
    notes: Counter[str]  # what was left out above the header
    other_names: dict[str, str]  # name → column, beside the columns' own names

    def read(self, *, single: frozenset[str] = frozenset()) -> Iterator[RawBatch]:
        """Yield the rows in batches of bounded size.

        A value in cells merged over several rows holds for each of them, but not in the
        columns `single`: a count would count once a row.
        """


def open_table(
    path: Path,
    *,
    sheet: str = "",
    encoding: str = "",
    separator: str = "",
    keep_crs: bool = False,
    expected: frozenset[str] = frozenset(),
) -> RawTable:
    """Open a file of records for reading.

    Parameters
    ----------
    path
        Delimited text, XLSX, or a point layer that GDAL reads.
    sheet
        Name of a workbook's sheet, or its number from 1; the first one when empty.
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
        If the file is empty or cannot be read, its format is not known, or a workbook has
        no such sheet.
    TableError
        If it is in doubt which row is the header.
    """
    require_file(path)
    suffix = path.suffix.lower()
    try:
        if suffix in VECTOR:
            return _VectorTable(path, keep_crs=keep_crs)
        if suffix in SHEETS:
            workbook = Workbook.open(path)
            return SheetTable(workbook, workbook.find_sheet(sheet), expected)
        dialect = find_dialect(path, encoding=encoding, separator=separator, expected=expected)
        return _DelimitedTable(path, dialect)
    except DataSourceError:
        raise
    except OSError as error:
        raise DataSourceError.unreadable(path, error.strerror or str(error)) from error


def is_workbook(path: Path) -> bool:
    """Tell whether a file is a workbook with sheets, by its name."""
    return path.suffix.lower() in SHEETS


def require_workbook(path: Path, sheet: str) -> None:
    """Refuse the name of a sheet where a file has none.

    Raises
    ------
    InputError
        If a sheet is named and the file is no workbook.
    """
    if sheet and not is_workbook(path):
        message = f"{path}: is no workbook, so it has no sheet {sheet!r}; leave the sheet out."
        raise InputError(message)


def is_delimited(table: RawTable) -> bool:
    """Tell whether a table is delimited text, read as it stands."""
    return isinstance(table, _DelimitedTable)


def require_file(path: Path) -> None:
    """Refuse what is no file, is empty, or is of a format that is not known."""
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


class _DelimitedTable:
    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path, self.dialect = path, dialect
        self.columns, self.notes = dialect.columns, dialect.notes
        self.other_names = name_without_groups(dialect.columns)
        name = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        mark = name.get(dialect.separator, dialect.separator)
        self.description = f"{dialect.encoding}, separator {mark}"

    def read(self, *, single: frozenset[str] = frozenset()) -> Iterator[RawBatch]:
        del single  # text has no merged cells
        size = max(1, self.path.stat().st_size)
        try:
            for batch in read_batches(self.path, self.dialect, size=BATCH_ROWS):
                frame = to_frame(batch.rows, self.columns)
                share = min(1.0, batch.position / size)
                yield RawBatch(frame, batch.row_numbers, batch.bad, share)
        except (OSError, UnicodeError) as error:
            raise DataSourceError.unreadable(self.path, str(error)) from error


class _VectorTable:
    """The first layer of a vector file; points, or a point inside each area or line."""

    def __init__(self, path: Path, *, keep_crs: bool) -> None:
        import pyogrio

        self.path, self.keep_crs = path, keep_crs
        self.notes: Counter[str] = Counter()
        self.other_names: dict[str, str] = {}
        try:
            info: dict[str, Any] = pyogrio.read_info(path, force_total_bounds=False)
        except Exception as error:  # GDAL's errors are of many classes
            raise DataSourceError.unreadable(path, str(error)) from error
        self.n_rows = int(info["features"])
        self.columns = (*map(str, info["fields"]), "geometry_lon", "geometry_lat")
        self.description = f"{info['driver']}, {info['crs'] or 'no coordinate system named'}"

    def read(self, *, single: frozenset[str] = frozenset()) -> Iterator[RawBatch]:
        import pyogrio

        del single  # layers have no merged cells

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
    return cell_text(value)
