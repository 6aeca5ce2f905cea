"""How good the records of an area are: read, measured once for each state, kept, reported."""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from core.errors import ConfigError, InputError
from core.progress import Progress, no_progress
from core.provenance import compute_sha256_of_values, utc_now_text
from pipeline.areas import Area, find_bounds, load_area
from pipeline.quality_measures import (
    Records,
    count_intake,
    find_period,
    measure_agreement,
    measure_breaks,
    measure_completeness,
    measure_factories,
    measure_heaping,
    measure_outliers,
)
from pipeline.workspace import Workspace, read_json, write_json
from records.database import Database
from records.decisions import compute_pairs_digest, read_pairs
from records.events import find_events, merge_reports
from reports.quality import render_quality_html, write_quality_xlsx

__all__ = ["REPORT_FORMATS", "assess_quality", "compute_quality_digest", "write_quality_report"]

VERSION: Final = 2  # raise it when the same records give another assessment
KEPT: Final = 3
REPORT_FORMATS: Final = ("html", "xlsx")


def compute_quality_digest(workspace: Workspace, key: str, *, as_of: date | None = None) -> str:
    """Return a checksum of all that an assessment depends on: records, merges, imports, day.

    Raises
    ------
    MissingDataError
        If there is no such area.
    """
    load_area(workspace, key)
    with Database(workspace.database_url) as database:
        return _compute_digest(database, key, as_of or _today())


def _today() -> date:
    return date.fromisoformat(utc_now_text()[:10])


def _compute_digest(database: Database, key: str, as_of: date) -> str:
    pairs = read_pairs(database, key)
    merged = pairs[pairs["decision"].eq("merged")]
    ids = pd.concat([merged["left_id"], merged["right_id"]]).drop_duplicates()
    imports = database.list_imports(key)
    stand = imports.loc[imports["undone_at"].isna(), "import_id"].tolist()
    parts = [VERSION, str(as_of), database.compute_digest(key), compute_pairs_digest(pairs, ids)]
    return compute_sha256_of_values([*parts, stand])[:16]


def assess_quality(
    workspace: Workspace,
    key: str,
    *,
    as_of: date | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Measure the quality of an area's records, or return what was kept of the same state.

    Parameters
    ----------
    workspace, key
        Whose records and which area.
    as_of
        The day they are looked at; later crashes are in the future. None: today.
    progress
        Told how far it has come.

    Returns
    -------
    dict
        `area, name, is_synthetic, as_of, digest, period, n_reports, n_crashes, n_people,
        n_factories, intake, completeness, factories, heaping, outliers, agreement, breaks`,
        all of it plain JSON. Factories appear by their identifiers alone. It holds exact counts:
        only what `reports.quality.list_sections` makes of it is to be shown.

    Raises
    ------
    MissingDataError
        If there is no such area.
    DataSourceError
        If the records cannot be read.
    """
    area = load_area(workspace, key)
    day = as_of or _today()
    label = "measuring quality"
    progress(0, 3, label)
    with Database(workspace.database_url) as database:
        digest = _compute_digest(database, key, day)
        path = workspace.cache_folder(key) / f"quality-{digest}.json"
        if path.is_file():
            progress(3, 3, label)
            return read_json(path)
        records = _read_records(database, workspace, area, day)
    progress(1, 3, label)
    result: dict[str, Any] = _to_json({**_describe(area, day, digest), **_measure(records)})
    progress(2, 3, label)
    write_json(path, result)
    _forget_old(path.parent)
    progress(3, 3, label)
    return result


def _to_json(value: Any) -> Any:  # noqa: ANN401 - whatever JSON takes
    """Return plain values: those that are no finite number become None."""
    if isinstance(value, dict):
        return {str(key): _to_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _describe(area: Area, day: date, digest: str) -> dict[str, Any]:
    return {
        "area": area.key,
        "name": area.name,
        "is_synthetic": area.is_synthetic,
        "as_of": str(day),
        "digest": digest,
    }


def _read_records(database: Database, workspace: Workspace, area: Area, day: date) -> Records:
    reports, pairs = database.read("crash", area.key), read_pairs(database, area.key)
    return Records(
        reports=reports.assign(event_id=find_events(reports, pairs)),
        crashes=merge_reports(reports, pairs),
        casualties=database.read("casualty", area.key),
        factories=database.read("factory", area.key),
        interventions=database.read("intervention", area.key),
        imports=database.list_imports(area.key),
        bounds=find_bounds(workspace, area.key),
        as_of=pd.Timestamp(day + timedelta(days=1)),
    )


def _measure(records: Records) -> dict[str, Any]:
    months = find_period(records.reports["occurred_at"], records.as_of)
    return {
        "period": {
            "start": str(months[0]) if len(months) else None,
            "end": str(months[-1]) if len(months) else None,
            "n_months": len(months),
        },
        "n_reports": len(records.reports),
        "n_crashes": len(records.crashes),
        "n_people": len(records.casualties),
        "n_factories": len(records.factories),
        "intake": count_intake(records.imports),
        "completeness": measure_completeness(records, months),
        "factories": measure_factories(records, months),
        "heaping": measure_heaping(records),
        "outliers": measure_outliers(records, months),
        "agreement": measure_agreement(records),
        "breaks": measure_breaks(records, months),
    }


def _forget_old(folder: Path) -> None:
    """Keep the newest assessments only."""
    files = sorted(folder.glob("quality-*.json"), key=lambda path: path.stat().st_mtime)
    for path in files[:-KEPT]:
        path.unlink(missing_ok=True)


def write_quality_report(
    workspace: Workspace,
    key: str,
    *,
    file_format: str,
    out: Path,
    as_of: date | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Write the report on data quality and return the assessment it was made from.

    Parameters
    ----------
    workspace, key
        Whose records and which area.
    file_format
        `html`: one file that needs no connection; `xlsx`: a sheet for each table.
    out
        Where to; a file that is there is replaced.
    as_of, progress
        As in `assess_quality`.

    Raises
    ------
    InputError
        If there is no such format.
    ConfigError
        If the file cannot be written.
    MissingDataError, DataSourceError
        As `assess_quality`.
    """
    if file_format not in REPORT_FORMATS:
        message = f"format {file_format!r}: use one of {', '.join(REPORT_FORMATS)}."
        raise InputError(message)
    result = assess_quality(workspace, key, as_of=as_of, progress=progress)
    try:
        if file_format == "html":
            out.write_text(render_quality_html(result), encoding="utf-8")
        else:
            out.write_bytes(write_quality_xlsx(result))
    except OSError as error:
        message = f"{out}: cannot be written: {error.strerror or error}; choose another place."
        raise ConfigError(message) from error
    return result
