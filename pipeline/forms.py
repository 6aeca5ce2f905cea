"""The form of a kind of record, with an area's factories to choose from, as a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from core.errors import InputError
from pipeline.areas import load_area
from pipeline.exports import write_whole
from pipeline.workspace import Workspace
from records.database import Database
from records.form_workbook import write_workbook
from records.forms import build_form

__all__ = ["write_form"]


def write_form(
    kind: str, out: Path, *, version: str = "", workspace: Workspace | None = None, area: str = ""
) -> dict[str, Any]:
    """Write the form with which records of a kind are collected; never uses a network.

    Parameters
    ----------
    kind
        One of `records.forms.FORM_KINDS`.
    out
        The XLSX file; one that is there is replaced as a whole.
    version
        Day of the form, YYYYMMDD, with two more digits for a second one that day; today's
        when empty.
    workspace, area
        Whose factories are offered as a list; without an area their codes are typed in.

    Returns
    -------
    dict
        `kind, form_id, version, n_questions, n_factories, file`.

    Raises
    ------
    MissingDataError
        If there is no such area.
    InputError
        If the form cannot be made of what was asked for, or the file is no XLSX.
    DataSourceError
        If the file cannot be written or the records cannot be read.
    """
    if out.suffix.lower() != ".xlsx":
        message = f"{out}: a form is an XLSX workbook; give a file that ends in .xlsx."
        raise InputError(message)
    factories = _read_factories(workspace, area) if workspace and area else None
    version = version or f"{date.today():%Y%m%d}"  # noqa: DTZ011 - the day where people are
    form = build_form(kind, version=version, factories=factories, area=area)
    content = write_workbook(form)

    def write(path: Path) -> None:
        path.write_bytes(content)

    write_whole(out, write)
    return {
        "kind": kind,
        "form_id": form.form_id,
        "version": form.version,
        "n_questions": form.n_questions,
        "n_factories": len(factories or {}),
        "file": str(out),
    }


def _read_factories(workspace: Workspace, area: str) -> dict[str, str]:
    """Return the names of an area's factories by their identifiers."""
    load_area(workspace, area)
    with Database(workspace.database_url) as database:
        found = database.read("factory", area)
    if found.empty:
        message = (
            f"area {area!r}: has no factories to choose from; import them first, or make the "
            "form without --area."
        )
        raise InputError(message)
    names = found["name"].fillna("").astype(str)
    return dict(zip(found["factory_id"].astype(str), names, strict=True))
