"""Read delimited text of any encoding, separator and line end, losing no row.

Bytes are read as UTF-8 (UTF-16 when a byte-order mark says so); bytes that are not
UTF-8 are read as Windows-1252, and as Latin-1 where that has none. So one rule serves
UTF-8, the Western 8-bit encodings and files that mix them.

Lines end with LF, CR LF or CR. A quoted cell may go over several lines; when its
closing quote does not come, the line is taken alone, its quotes as plain text, so an
unbalanced quote never swallows the rows after it.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.errors import DataSourceError
from records.header import MAX_HEADER_ROWS, MIN_NAMES, Row, count_names, find_header, note_repeats

__all__ = [
    "MAX_CELL",
    "BadRow",
    "Dialect",
    "RowBatch",
    "find_dialect",
    "name_columns",
    "read_batches",
]

MAX_CELL = 131_072  # characters; longer cells are no record's field
MAX_LINE = 8_000_000
BLOCK = 250_000  # characters read at once
MAX_KEPT = 2_000  # characters of a row that is only listed
MAX_QUOTED_LINES = 200
MIN_TELLING_WIDTH = 4  # so many columns that prose hardly has as many separators
SEPARATORS = (",", ";", "\t", "|")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
HANDLER = "safecommute-cp1252"


def _read_bytes_as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Decode the bytes that are not UTF-8 one by one as Windows-1252, else Latin-1."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    text = "".join(
        bytes([byte]).decode("cp1252" if byte not in b"\x81\x8d\x8f\x90\x9d" else "latin-1")
        for byte in bad
    )
    return text, error.end


codecs.register_error(HANDLER, _read_bytes_as_cp1252)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be taken apart, with its line and why."""

    row_number: int
    reason: str
    text: str


@dataclass(slots=True)
class RowBatch:
    """Some rows of a file, each as long as the header."""

    rows: list[list[str]] = field(default_factory=list)
    row_numbers: list[int] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    position: int = 0  # bytes read so far


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written."""

    encoding: str
    separator: str
    columns: tuple[str, ...]
    header_line: int
    notes: Counter[str] = field(default_factory=Counter)  # of lines above the header


def _open_text(handle: BinaryIO, encoding: str) -> TextIOWrapper:
    """Return the text of a file with every line end as LF."""
    errors = HANDLER if encoding == "utf-8" else "replace"
    return TextIOWrapper(handle, encoding=encoding, errors=errors, newline=None)


def _find_encoding(path: Path, given: str) -> str:
    if given:
        try:
            "".encode(given)  # fails for codecs that are no text encodings
            return codecs.lookup(given).name
        except LookupError as error:
            message = f"{path}: encoding {given!r} is not known; use utf-8, cp1252 or latin-1."
            raise DataSourceError(message) from error
    with path.open("rb") as handle:
        start = handle.read(4096)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if _looks_like_utf16(start):
        return "utf-16-le"
    return "utf-8"


def _looks_like_utf16(start: bytes) -> bool:
    """Tell whether every other byte is zero, as in Latin text in UTF-16."""
    low, high = start[0::2], start[1::2]
    return high[:1] == b"\0" and high.count(0) > 0.8 * len(high) and low.count(0) == 0


def _sniff_separator(lines: list[str], expected: frozenset[str]) -> str:
    """Return the separator that cuts out the names expected, or most cells of a header."""
    n_names = {
        separator: max(count_names(_cut(line, separator), expected) for line in lines)
        for separator in SEPARATORS
    }
    if max(n_names.values()) >= MIN_NAMES:
        return max(n_names, key=n_names.__getitem__)
    if expected and not count_names(lines[:1], expected):  # a title perhaps
        is_cut = [any(len(_cut(line, one)) > 1 for one in SEPARATORS) for line in lines]
        lines = lines[is_cut.index(True) :] if any(is_cut) else lines
    best, most = ",", (1, 0)
    for separator in SEPARATORS:
        widths = [len(_cut(line, separator)) for line in lines]
        score = (widths[0], sum(width == widths[0] for width in widths))
        if widths[0] > 1 and score > most:
            best, most = separator, score
    return best


def _cut(line: str, separator: str) -> list[str]:
    """Return the cells of a line, all of it as one when it cannot be taken apart."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return [line]


def find_dialect(
    path: Path,
    *,
    encoding: str = "",
    separator: str = "",
    expected: frozenset[str] = frozenset(),
) -> Dialect:
    """Find out how a delimited file is written, from its first lines.

    Parameters
    ----------
    path
        The file.
    encoding, separator
        Found out when empty.
    expected
        Column names by which the header is known; see `records.header`.

    Raises
    ------
    DataSourceError
        If the file is missing, empty, not readable, or starts with no line of text.
    TableError
        If it is in doubt which line is the header.
    """
    encoding = _find_encoding(path, encoding)
    with path.open("rb") as raw, _open_text(raw, encoding) as text:
        lines: list[str] = []
        first_line = 0
        while len(lines) < MAX_HEADER_ROWS:
            line = text.readline(MAX_LINE)
            if not line:
                break
            first_line += not lines
            clean = CONTROL.sub("", line).strip("\n")
            if not lines and clean.lower().startswith("sep=") and len(clean) == 5:
                separator = separator or clean[4]
            elif clean.strip() or lines:
                lines.append(clean)
    if not lines:
        message = f"{path}: is empty; check that the right file was given."
        raise DataSourceError(message)
    separator = separator or _sniff_separator(lines, expected)
    rows = [Row(first_line + at, _cut(line, separator)) for at, line in enumerate(lines)]
    header = find_header([row for row in rows if row.filled] or rows, expected, table=path.name)
    number = header.row.number
    try:
        names = next(csv.reader([lines[number - first_line]], delimiter=separator))
    except csv.Error as error:
        reason = f"line {number} is no header ({error})"
        raise DataSourceError.unreadable(path, reason) from error
    notes = header.notes + note_repeats(names)
    return Dialect(encoding, separator, name_columns(names), number, notes)


def name_columns(header: list[str]) -> tuple[str, ...]:
    """Return column names that are all different; a nameless one is `column N`."""
    names: list[str] = []
    for number, cell in enumerate(header, start=1):
        name = " ".join(cell.split()) or f"column {number}"
        repeat = 2
        unique = name
        while unique in names:
            unique = f"{name} ({repeat})"
            repeat += 1
        names.append(unique)
    return tuple(names)


def read_batches(path: Path, dialect: Dialect, *, size: int) -> Iterator[RowBatch]:
    """Yield the rows of a delimited file in batches of about `size`.

    Parameters
    ----------
    path
        The file.
    dialect
        As `find_dialect` found it.
    size
        Rows in a batch.

    Yields
    ------
    RowBatch
        Rows as long as the header, their line numbers (1 is the first line of the
        file), and the rows that could not be taken apart. Blank lines are no rows.
    """
    with path.open("rb") as raw, _open_text(raw, dialect.encoding) as text:
        for _ in range(dialect.header_line):
            text.readline(MAX_LINE)
        reader = _LineReader(text, dialect, first_line=dialect.header_line + 1)
        while True:
            batch = reader.read(size)
            batch.position = raw.tell()
            if not (batch.rows or batch.bad):
                return
            yield batch


class _Parsed(NamedTuple):
    """Cells of a row; None when it cannot be taken apart, open when a quote is missing."""

    cells: list[str] | None
    is_open: bool = False


class _LineReader:
    """Takes lines apart; holds back lines while it looks for a closing quote."""

    def __init__(self, text: TextIOWrapper, dialect: Dialect, *, first_line: int) -> None:
        self.text = text
        self.separator = dialect.separator
        self.width = len(dialect.columns)
        self.line_number = first_line - 1
        self.held: list[str] = []  # lines read ahead, first one last

    def read(self, size: int) -> RowBatch:
        batch = RowBatch()
        while len(batch.rows) + len(batch.bad) < size:
            if not self.held and self._take_block(batch):
                continue
            line = self._next_line()
            if line is None:
                break
            number = self.line_number
            if not line or (line.isspace() and self.separator not in line):
                continue
            if len(line) > MAX_CELL:
                self._take_long(line, number, batch)
            elif '"' in line:
                self._take_quoted(line, number, batch)
            else:
                self._take(line.split(self.separator), line, number, batch)
        return batch

    def _take_block(self, batch: RowBatch) -> bool:
        """Take many plain lines at once: no quotes, each as wide as the header, none empty.

        Other lines are held, to be taken one by one.
        """
        block = self.text.read(BLOCK)
        if not block:
            return False
        if block[-1] != "\n":
            block += self.text.readline(MAX_LINE)
        lines = block.removesuffix("\n").split("\n")
        if self._are_plain(block, lines):
            cells = self.separator.join(lines).split(self.separator)
            batch.rows.extend(map(list, zip(*[iter(cells)] * self.width, strict=True)))
            batch.row_numbers.extend(range(self.line_number + 1, self.line_number + 1 + len(lines)))
            self.line_number += len(lines)
            return True
        if block[-1] != "\n" and len(lines[-1]) >= MAX_LINE:
            self._skip_rest_of_line()
        self.held = [CONTROL.sub("", line) for line in reversed(lines)]
        return False

    def _are_plain(self, block: str, lines: list[str]) -> bool:
        if '"' in block or max(map(len, lines)) > MAX_CELL:
            return False
        if not block.replace("\n", "").isprintable() and CONTROL.search(block):
            return False
        n_separators = self.width - 1
        return all(
            line.count(self.separator) == n_separators and line.replace(self.separator, "").strip()
            for line in lines
        )

    def _next_line(self) -> str | None:
        """Return the next line without its end and control characters; None at the end."""
        if not self.held:
            line = self.text.readline(MAX_LINE)
            if not line:
                return None
            if len(line) == MAX_LINE and line[-1] != "\n":
                self._skip_rest_of_line()
            self.held.append(CONTROL.sub("", line.rstrip("\n")))
        self.line_number += 1
        return self.held.pop()

    def _skip_rest_of_line(self) -> None:
        while True:
            rest = self.text.readline(MAX_LINE)
            if not rest or rest[-1] == "\n":
                return

    def _take(self, cells: list[str], line: str, number: int, batch: RowBatch) -> None:
        surplus = len(cells) - self.width
        if surplus < 0:
            cells = cells + [""] * -surplus
        elif surplus > 0:
            if any(cell.strip() for cell in cells[self.width :]):
                batch.bad.append(BadRow(number, "more cells than the header has", line[:MAX_KEPT]))
                return
            cells = cells[: self.width]
        if not any(map(str.strip, cells)):
            batch.bad.append(BadRow(number, "row without any content", line[:MAX_KEPT]))
            return
        batch.rows.append(cells)
        batch.row_numbers.append(number)

    def _take_long(self, line: str, number: int, batch: RowBatch) -> None:
        """Take a line longer than a cell may be, if its cells are short enough."""
        cells = self._parse([line]).cells if len(line) < MAX_LINE else None
        if cells is None or max(map(len, cells)) > MAX_CELL:
            reason = f"a cell is longer than {MAX_CELL} characters"
            batch.bad.append(BadRow(number, reason, line[:MAX_KEPT]))
        else:
            self._take(cells, line, number, batch)

    def _take_quoted(self, line: str, number: int, batch: RowBatch) -> None:
        """Take a line with quotes, together with the lines its cells go over."""
        parsed = self._parse([line])
        cells = parsed.cells
        if parsed.is_open:
            cells = self._look_for_closing_quote(line)
        if cells is None:  # its quotes are plain text
            cells = line.split(self.separator)
            if len(cells) > self.width:
                batch.bad.append(BadRow(number, "quotes do not close", line[:MAX_KEPT]))
                return
        self._take(cells, line, number, batch)

    def _look_for_closing_quote(self, line: str) -> list[str] | None:
        """Return the cells of a row over several lines; None, nothing taken, if it is none."""
        lines, length = [line], len(line)
        at = self.line_number
        while len(lines) < MAX_QUOTED_LINES and length < MAX_CELL:
            more = self._next_line()
            if more is None:
                break
            lines.append(more)
            if self._looks_like_a_row(more):
                break
            length += len(more)
            if '"' not in more:
                continue
            parsed = self._parse(lines)
            if parsed.cells is not None and len(parsed.cells) == self.width:
                return parsed.cells
            if not parsed.is_open:
                break
        self.held.extend(reversed(lines[1:]))
        self.line_number = at
        return None

    def _looks_like_a_row(self, line: str) -> bool:
        """Tell whether a line is a row of its own rather than the rest of a quoted cell."""
        cells = line.split(self.separator)
        if self.width < MIN_TELLING_WIDTH or len(cells) != self.width:
            return False
        return not any(cell.endswith('"') and not cell.startswith('"') for cell in cells)

    def _parse(self, lines: list[str]) -> _Parsed:
        """Take the text of one row apart."""
        text = [f"{line}\n" for line in lines[:-1]] + [lines[-1]]
        try:
            rows = list(csv.reader(text, delimiter=self.separator, strict=True))
        except csv.Error as error:
            if "unexpected end" in str(error):
                return _Parsed(None, is_open=True)
            if len(lines) > 1:
                return _Parsed(None)
            return self._parse_leniently(text)
        return _Parsed(rows[0]) if len(rows) == 1 else _Parsed(None)

    def _parse_leniently(self, text: list[str]) -> _Parsed:
        """Take text after a closing quote as part of the cell."""
        try:
            rows = list(csv.reader(text, delimiter=self.separator))
        except csv.Error:
            return _Parsed(None)
        if len(rows) != 1 or len(rows[0]) != self.width:
            return _Parsed(None)
        return _Parsed(rows[0])
