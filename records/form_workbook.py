"""Write a form as an XLSForm: the same form gives the same bytes on every day."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from typing import Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from records.forms import LANGUAGES, Form

__all__ = ["write_workbook"]

BOTH: Final = tuple(LANGUAGES.values())
SURVEY_COLUMNS: Final = (
    "type",
    "name",
    *(f"label::{language}" for language in BOTH),
    *(f"hint::{language}" for language in BOTH),
    "required",
    *(f"required_message::{language}" for language in BOTH),
    "relevant",
    "constraint",
    *(f"constraint_message::{language}" for language in BOTH),
    "calculation",
    "repeat_count",
    "appearance",
    "parameters",
)
CHOICES_COLUMNS: Final = ("list_name", "name", *(f"label::{language}" for language in BOTH))
WIDTHS: Final = {"label": 48, "hint": 40, "type": 28, "name": 20}
SOME_WIDTH: Final = 24
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
SAVED_AT = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")


def write_workbook(form: Form) -> bytes:
    """Return a form as the content of an XLSX file.

    Every cell is text, so that no name of a factory is taken for a formula.
    """
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.creator = "safecommute"
    book.properties.created = EPOCH
    _fill(book.create_sheet("survey"), SURVEY_COLUMNS, form.survey)
    _fill(book.create_sheet("choices"), CHOICES_COLUMNS, form.choices)
    _fill(book.create_sheet("settings"), tuple(form.settings), (form.settings,))
    written = BytesIO()
    book.save(written)
    return _without_clock(written.getvalue())


def _fill(sheet: Worksheet, columns: tuple[str, ...], rows: tuple[dict[str, str], ...]) -> None:
    for number, values in enumerate(({name: name for name in columns}, *rows), start=1):
        for at, name in enumerate(columns, start=1):
            if name in values:
                cell = sheet.cell(number, at)
                cell.value = values[name]
                cell.data_type = "s"
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                if number == 1:
                    cell.font = Font(bold=True)
    for at, name in enumerate(columns, start=1):
        width = WIDTHS.get(name.split("::")[0], SOME_WIDTH)
        sheet.column_dimensions[get_column_letter(at)].width = width
    sheet.freeze_panes = "C2" if len(columns) > len(CHOICES_COLUMNS) else "A2"


def _without_clock(content: bytes) -> bytes:
    """Return the file without the moment at which it was written."""
    said = EPOCH.isoformat().encode() + b"Z"
    packed = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "docProps/core.xml":
                part = SAVED_AT.sub(rb"\g<1>" + said + rb"\g<2>", part)
            entry = zipfile.ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, part)
    return packed.getvalue()
