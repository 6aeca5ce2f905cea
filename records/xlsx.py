"""Read the sheets of a workbook: merged headers, merged cells, dates, stored values only.

- A header may go over two rows: a group merged over its columns, the names below it. The
  column is then called `group / name`, and is found by its name alone where that is clear.
- A value in cells merged over several rows is what a person sees beside each of them, so
  each row gets it. Counts are the exception: they stay with the first row.
- A formula is never computed: its stored value is read. Where none is stored the cell is
  empty, and the account says so.
- Hidden rows are rows.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from core.errors import DataSourceError
from records.batches import BATCH_ROWS, RawBatch, cell_text, name_without_groups, to_frame
from records.delimited import BadRow, name_columns
from records.header import GROUP_END, MAX_HEADER_ROWS, Row, find_header, note_repeats

__all__ = ["SheetTable", "Workbook"]

MAX_UNZIPPED_BYTES = 1_000_000_000
MAX_RATIO = 250  # XML of real tables packs to a tenth or so
MIN_SUSPECT_BYTES = 50_000_000
MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384  # of a sheet, by the format
MAX_MERGES = 200_000
MAX_KEPT = 2_000  # characters of a row that is only listed
CHUNK = 1 << 20
MAX_PIECE = 16 << 20
TAG = re.compile(
    rb'<(?:\w+:)?(?:row\s(?:[^>]*?\s)?r="(?P<row>\d+)"'
    rb'|mergeCell\s[^>]*?ref="(?P<merge>[A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})")'
)
NO_VALUE = re.compile(rb"</(?:\w+:)?f>\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</")
FAR_CELL = re.compile(rb'<(?:\w+:)?c\s[^>]*?\br="[A-Z]{4,}')
CUT = re.compile(rb'.*(?:</(?:\w+:)?c>|"/>)', re.DOTALL)
REFERENCE = re.compile(r"([A-Z]+)(\d+):([A-Z]+)(\d+)")


class Merge(NamedTuple):
    """Cells shown as one; columns from 1."""

    row: int
    column: int
    last_row: int
    last_column: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is known of a sheet before its rows are read."""

    name: str
    first_rows: tuple[Row, ...]
    merges: tuple[Merge, ...] = ()
    n_without_value: int = 0  # formulas


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook that was looked at, and is safe to read."""

    path: Path
    sheets: tuple[Sheet, ...]

    @classmethod
    def open(cls, path: Path) -> Workbook:
        """Look at every sheet of a workbook.

        Raises
        ------
        DataSourceError
            If it is no workbook, unpacks to too much, or is not built as one should be.
        """
        _require_modest(path)
        return cls(path, tuple(_look_at_sheets(path)))

    def find_sheet(self, wanted: str) -> Sheet:
        """Return a sheet by its name, or its number from 1; the first one when empty.

        Raises
        ------
        DataSourceError
            If there is none; the message lists those there are.
        """
        names = [sheet.name.strip().casefold() for sheet in self.sheets]
        simple = wanted.strip().casefold()
        if simple in names:
            return self.sheets[names.index(simple)]
        number = int(wanted) if wanted.isascii() and wanted.isdigit() else 0 if wanted else 1
        if 1 <= number <= len(self.sheets):
            return self.sheets[number - 1]
        there = ", ".join(f"{n} {sheet.name!r}" for n, sheet in enumerate(self.sheets, start=1))
        message = f"{self.path}: has no sheet {wanted!r}; its sheets: {there or 'none'}."
        raise DataSourceError(message)


def _require_modest(path: Path) -> None:
    """Refuse what is no ZIP, what unpacks to too much, and XML that defines its own words."""
    try:
        with zipfile.ZipFile(path) as archive:
            unzipped = sum(item.file_size for item in archive.infolist())
            is_bomb = unzipped > MIN_SUSPECT_BYTES and unzipped > MAX_RATIO * path.stat().st_size
            is_refused = is_bomb or unzipped > MAX_UNZIPPED_BYTES
            with_dtd = [] if is_refused else list(_find_dtds(archive))
    except Exception as error:  # zipfile raises whatever a damaged file holds
        raise DataSourceError.unreadable(path, f"no XLSX workbook ({error})") from error
    if is_refused:
        message = f"{path}: unpacks to {unzipped:,} bytes, too much; save it as CSV."
        raise DataSourceError(message)
    if with_dtd:
        message = f"{path}: {with_dtd[0]} defines words of its own (DTD); save it as CSV."
        raise DataSourceError(message)


def _find_dtds(archive: zipfile.ZipFile) -> Iterator[str]:
    for item in archive.infolist():
        if item.filename.endswith((".xml", ".rels")):
            with archive.open(item) as part:
                if b"<!DOCTYPE" in part.read(4096):
                    yield item.filename


def _look_at_sheets(path: Path) -> Iterator[Sheet]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            for sheet in book.worksheets:
                with zipfile.ZipFile(path) as archive:
                    outline = _scan(path, archive, _find_part(sheet))
                sheet.reset_dimensions()
                rows = islice(_iterate_rows(sheet), MAX_HEADER_ROWS)
                merges = tuple(outline.merges)
                yield Sheet(sheet.title, tuple(rows), merges, outline.n_without_value)
        finally:
            book.close()
    except DataSourceError:
        raise
    except Exception as error:  # openpyxl raises whatever its XML holds
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataSourceError:
    return DataSourceError.unreadable(path, f"{type(error).__name__}: {str(error)[:200]}")


def _find_part(sheet: object) -> str:
    """Return where in the archive a sheet is."""
    return str(getattr(sheet, "_worksheet_path")).removeprefix("/")  # noqa: B009 - not public


@dataclass(slots=True)
class _Outline:
    """What openpyxl does not tell of a sheet that it reads piece by piece."""

    merges: list[Merge] = field(default_factory=list)
    n_without_value: int = 0
    last_row: int = 0


def _scan(path: Path, archive: zipfile.ZipFile, part: str) -> _Outline:
    """Find merged cells, formulas without a value, and rows that no sheet can have."""
    outline = _Outline()
    rest = b""
    with archive.open(part) as source:
        while True:
            chunk = source.read(CHUNK)
            piece = rest + chunk
            cut = CUT.match(piece) if chunk else None
            if chunk and cut is None:
                if len(piece) > MAX_PIECE:
                    message = f"{path}: a cell is longer than {MAX_PIECE:,} bytes; save it as CSV."
                    raise DataSourceError(message)
                rest = piece
                continue
            end = cut.end() if cut else len(piece)
            _scan_piece(path, piece[:end], outline)
            rest = piece[end:]
            if not chunk:
                return outline


def _scan_piece(path: Path, piece: bytes, outline: _Outline) -> None:
    outline.n_without_value += len(NO_VALUE.findall(piece))
    wrong = "a cell beyond the last column" if FAR_CELL.search(piece) else ""
    for found in TAG.finditer(piece):
        if found["row"]:
            row = int(found["row"][:9])
            if not outline.last_row < row <= MAX_ROWS:
                wrong = wrong or f"row {row} after row {outline.last_row}"
            outline.last_row = row
        else:
            outline.merges.append(_read_merge(found["merge"].decode()))
    if len(outline.merges) > MAX_MERGES:
        wrong = f"more than {MAX_MERGES:,} merged cells"
    if wrong:
        message = f"{path}: is no sound workbook ({wrong}); save it again, or as CSV."
        raise DataSourceError(message)


def _read_merge(reference: str) -> Merge:
    from openpyxl.utils import column_index_from_string

    found = REFERENCE.fullmatch(reference)
    left, top, right, bottom = found.groups() if found else ("A", "1", "A", "1")
    columns = (column_index_from_string(left), column_index_from_string(right))
    return Merge(int(top), columns[0], int(bottom), columns[1])


def _iterate_rows(sheet: object) -> Iterator[Row]:
    """Yield the rows with content."""
    rows = sheet.iter_rows(values_only=True)  # type: ignore[attr-defined]
    for number, cells in enumerate(rows, start=1):
        texts = [cell_text(cell) for cell in cells]
        if any(texts):
            yield Row(number, texts)


def _join_header(rows: list[Row], merges: tuple[Merge, ...]) -> list[Row]:
    """Return the first rows with a header over two rows as one row, its last number kept.

    It starts in the first row that is no title, and a merged cell makes it known: one over
    several columns with names below it, or one over both rows.
    """
    for at, (row, below) in enumerate(pairwise(rows)):
        if below.number == row.number + 1:
            inside = [one for one in merges if one.row == row.number and _cell(row, one.column)]
            groups = [one for one in inside if _names_below(one, below) > 1]
            is_title = len(row.filled) == 1 and any(
                _names_below(one, below) == len(below.filled) for one in groups
            )
            tall = [one for one in inside if one.last_row == below.number]
            if (groups or (tall and below.filled)) and not is_title:
                joined = Row(below.number, _join_names(row, below, groups))
                return [*rows[:at], joined, *rows[at + 2 :]]
        if len(row.filled) > 1:
            break
    return rows


def _cell(row: Row, column: int) -> str:
    return row.cells[column - 1].strip() if column <= len(row.cells) else ""


def _names_below(group: Merge, below: Row) -> int:
    if group.last_row != group.row or group.last_column == group.column:
        return 0
    return sum(bool(_cell(below, at)) for at in range(group.column, group.last_column + 1))


def _join_names(row: Row, below: Row, groups: list[Merge]) -> list[str]:
    of_group = {
        at: _cell(row, one.column)
        for one in groups
        for at in range(one.column, one.last_column + 1)
    }
    names = []
    for at in range(1, max(len(row.cells), len(below.cells)) + 1):
        parts = [of_group.get(at) or _cell(row, at), _cell(below, at)]
        names.append(f" {GROUP_END} ".join(part for part in parts if part))
    return names


class SheetTable:
    """One sheet of a workbook, opened for reading."""

    def __init__(self, workbook: Workbook, sheet: Sheet, expected: frozenset[str]) -> None:
        self.path, self.sheet = workbook.path, sheet
        if not sheet.first_rows:
            message = (
                f"{self.path}: sheet {sheet.name!r} is empty; check that the right file was given."
            )
            raise DataSourceError(message)
        rows = _join_header(list(sheet.first_rows), sheet.merges)
        header = find_header(rows, expected, table=self.path.name)
        self.columns = name_columns(header.row.cells)
        self.notes = header.notes + note_repeats(header.row.cells)
        self.other_names = name_without_groups(self.columns)
        self.header_row = header.row.number
        self.description = f"workbook, sheet {sheet.name!r}"
        if sheet.n_without_value:
            text = "formulas without a stored value were taken as empty"
            self.notes[text] = sheet.n_without_value

    def read(self, *, single: frozenset[str] = frozenset()) -> Iterator[RawBatch]:
        """Yield the rows in batches; see `records.reading.RawTable`."""
        width = len(self.columns)
        merged = _MergedCells(self, single)
        rows: list[list[str]] = []
        numbers: list[int] = []
        bad: list[BadRow] = []
        for number, cells in self._iterate():
            if any(cells[width:]):
                text = " | ".join(cells)[:MAX_KEPT]
                bad.append(BadRow(number, "more cells than the header has", text))
                continue
            row = (cells + [""] * width)[:width]
            merged.fill(number, row)
            rows.append(row)
            numbers.append(number)
            if len(rows) >= BATCH_ROWS:
                yield RawBatch(to_frame(rows, self.columns), numbers, bad, 0.5)
                rows, numbers, bad = [], [], []
        if merged.n_filled:
            self.notes["cells merged over several rows hold for each of them"] = merged.n_filled
        yield RawBatch(to_frame(rows, self.columns), numbers, bad, 1.0)

    def _iterate(self) -> Iterator[Row]:
        import openpyxl

        try:
            book = openpyxl.load_workbook(self.path, read_only=True, data_only=True)
            try:
                sheet = next(one for one in book.worksheets if one.title == self.sheet.name)
                sheet.reset_dimensions()
                for row in _iterate_rows(sheet):
                    if row.number > self.header_row:
                        yield row
            finally:
                book.close()
        except DataSourceError:
            raise
        except Exception as error:  # openpyxl raises whatever its XML holds
            raise _unreadable(self.path, error) from error


class _MergedCells:
    """Gives the rows of a merged cell its value, from above to below."""

    def __init__(self, table: SheetTable, single: frozenset[str]) -> None:
        self.starts: dict[int, list[Merge]] = {}
        self.active: dict[int, tuple[int, str]] = {}  # column from 0 → last row, value
        self.n_filled = 0
        width = len(table.columns)
        for one in table.sheet.merges:
            is_body = one.row > table.header_row and one.last_row > one.row
            if is_body and one.column <= width and table.columns[one.column - 1] not in single:
                self.starts.setdefault(one.row, []).append(one)

    def fill(self, number: int, row: list[str]) -> None:
        for column, (last_row, value) in list(self.active.items()):
            if number > last_row:
                del self.active[column]
            elif not row[column]:
                row[column] = value
                self.n_filled += 1
        for one in self.starts.get(number, []):
            if row[one.column - 1]:
                self.active[one.column - 1] = (one.last_row, row[one.column - 1])
