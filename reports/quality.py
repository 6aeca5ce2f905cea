"""The report on data quality: one HTML file that needs no connection, or a workbook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from reports.quality_sections import list_findings, list_sections
from reports.quality_words import Finding, Section, Table

__all__ = ["SYNTHETIC_WORDS", "describe_scope", "render_quality_html", "write_quality_xlsx"]

SYNTHETIC_WORDS: Final = (
    "SYNTHETIC: invented data for trying the software. No place, factory or crash here is real."
)
LEVEL_WORDS: Final = {"look": "To do", "fine": "In order", "cannot tell": "The data cannot tell"}
MOST_ROWS: Final = 500  # of a table in the HTML file; the workbook holds all
WIDEST: Final = 60
STYLE: Final = """
body{font:16px/1.45 system-ui,sans-serif;color:#1b2430;max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.7rem;margin:.3rem 0}h2{font-size:1.25rem;margin:2rem 0 .3rem}
.syn{background:#7a1f6d;color:#fff;border-radius:4px;padding:.35rem .7rem}
.sub,.intro,figcaption,.cap{color:#4a5563}.cap{margin:.8rem 0 .2rem;font-weight:600}
.f{border-left:4px solid #5b6b7d;padding:.25rem .7rem;margin:.5rem 0;background:#f5f7f9}
.f.look{border-color:#b3261e}.f.fine{border-color:#1f7a3d}.f b{display:block;font-size:.85rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem}
th,td{border-bottom:1px solid #d8dee6;padding:.2rem .6rem;text-align:left;vertical-align:top}
td{white-space:nowrap}td.n{text-align:right}figure{margin:1rem 0}svg{max-width:100%;height:auto}
summary{cursor:pointer;color:#0b5cad;margin:.6rem 0}
@media print{details>*{display:block}}
"""


def describe_scope(result: Mapping[str, Any]) -> str:
    """Say which area, months and day an assessment is of."""
    period = result["period"]
    months = (
        f"crash reports {period['start']} to {period['end']}"
        if period["start"]
        else "no dated crash report"
    )
    return (
        f"{result['name']} · {months} · {result['n_reports']:,} reports of "
        f"{result['n_crashes']:,} crashes · looked at on {result['as_of']}"
    )


def render_quality_html(result: Mapping[str, Any]) -> str:
    """Render an assessment as one HTML file without scripts or outside requests.

    Parameters
    ----------
    result
        As `pipeline.quality.assess_quality` returns it.
    """
    sections = list_sections(result)
    synthetic = f'<p class="syn">{SYNTHETIC_WORDS}</p>' if result["is_synthetic"] else ""
    to_do = list_findings(sections)
    summary = "".join(
        f"<li><b>{html.escape(title)}.</b> {html.escape(one.text)}</li>" for title, one in to_do
    )
    head = f"To look at: {len(to_do)}" if to_do else "Nothing to look at was found"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Data quality, {html.escape(str(result['name']))}</title><style>{STYLE}</style>"
        f'</head><body><h1>Data quality</h1><p class="sub">{html.escape(describe_scope(result))}'
        f"</p>{synthetic}<h2>{head}</h2><ul>{summary}</ul>"
        f"{''.join(_render_section(one) for one in sections)}</body></html>"
    )


def _render_section(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>"]
    parts.append(f'<p class="intro">{html.escape(section.intro)}</p>')
    parts += [_render_finding(one) for one in section.findings]
    parts += [
        f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, svg in section.charts
    ]
    parts += [_render_table(table) for table in section.tables]
    return "".join(parts)


def _render_finding(one: Finding) -> str:
    do = f"<br>→ {html.escape(one.do)}" if one.do else ""
    level = one.level.replace(" ", "-")
    return (
        f'<div class="f {level}"><b>{LEVEL_WORDS[one.level]}</b>{html.escape(one.text)}{do}</div>'
    )


def _render_table(table: Table) -> str:
    shown = table.frame.head(MOST_ROWS)
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in shown)
    body = "".join(
        "<tr>" + "".join(_render_cell(value) for value in row) + "</tr>"
        for row in shown.itertuples(index=False, name=None)
    )
    more = len(table.frame) - len(shown)
    rest = f"<p>{more:,} more rows are in the workbook (--format xlsx).</p>" if more else ""
    inner = f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>{rest}'
    caption = html.escape(table.caption)
    if table.is_long:
        return f"<details><summary>{caption}</summary>{inner}</details>"
    return f'<p class="cap">{caption}</p>{inner}'


def _render_cell(value: object) -> str:
    is_number = isinstance(value, (int, float)) or hasattr(value, "__float__")
    text = f"{value:,}" if is_number else str(value)
    return f'<td class="n">{text}</td>' if is_number else f"<td>{html.escape(text)}</td>"


def write_quality_xlsx(result: Mapping[str, Any]) -> bytes:
    """Write an assessment as a workbook: findings first, then a sheet for each section.

    No cell is a formula, whatever the text of the records.

    Parameters
    ----------
    result
        As `pipeline.quality.assess_quality` returns it.
    """
    sections = list_sections(result)
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = "Findings"
    lines = [describe_scope(result), *([SYNTHETIC_WORDS] if result["is_synthetic"] else [])]
    for line in lines:
        _append(first, [line], is_bold=True)
    rows = [
        (section.title, LEVEL_WORDS[one.level], one.text, one.do)
        for section in sections
        for one in section.findings
    ]
    _append(first, ["Question", "State", "Finding", "What to do"], is_bold=True)
    for row in rows:
        _append(first, row, is_wrapped=True)
    _set_widths(first, [34, 20, WIDEST, WIDEST])
    for number, section in enumerate(sections, start=1):
        if section.tables:
            _write_sheet(book, f"{number} {section.title}", section, lines)
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def _write_sheet(book: Workbook, title: str, section: Section, lines: list[str]) -> None:
    name = "".join(c for c in title if c not in "[]:*?/\\")[:31]
    sheet = book.create_sheet(name)
    for line in [section.title, *lines[1:], section.intro]:
        _append(sheet, [line], is_bold=line != section.intro)
    widths: list[int] = []
    for table in section.tables:
        _append(sheet, [])
        _append(sheet, [table.caption], is_bold=True)
        _append(sheet, list(map(str, table.frame)), is_bold=True)
        for row in table.frame.itertuples(index=False, name=None):
            _append(sheet, row)
        wide = [
            max([len(str(name)), *(len(str(value)) for value in table.frame[name].head(200))])
            for name in table.frame
        ]
        size = max(len(wide), len(widths))
        pairs = zip(
            wide + [0] * (size - len(wide)), widths + [0] * (size - len(widths)), strict=True
        )
        widths = [max(pair) for pair in pairs]
    _set_widths(sheet, [min(WIDEST, width + 2) for width in widths])


def _append(
    sheet: Worksheet,
    values: Sequence[Any],
    *,
    is_bold: bool = False,
    is_wrapped: bool = False,
) -> None:
    """Add a row; text stays text, and a missing value an empty cell."""
    row = sheet.max_row + 1 if sheet.max_row > 1 or sheet["A1"].value is not None else 1
    for column, value in enumerate(values, start=1):
        cell = sheet.cell(row=row, column=column)
        assert isinstance(cell, Cell)
        if isinstance(value, str):
            cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
            cell.data_type = "s"
            cell.quotePrefix = value[:1] in ("=", "+", "-", "@")
        elif not pd.isna(value):
            cell.value = value.item() if hasattr(value, "item") else value
        if is_bold:
            cell.font = Font(bold=True)
        if is_wrapped:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    if not len(values):
        sheet.cell(row=row, column=1).value = " "


def _set_widths(sheet: Worksheet, widths: list[int]) -> None:
    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = max(10, width)
