"""report quality."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli_output import echo_json, make_progress
from pipeline.commands.shared import Context, json_option
from pipeline.quality import REPORT_FORMATS, write_quality_report
from reports.quality_sections import list_findings, list_sections

__all__ = ["report"]


@click.group("report")
def report() -> None:
    """Write a report of an area, as a file to share."""


@report.command("quality")
@click.option("--area", "key", required=True, help="The study area.")
@click.option("--format", "file_format", type=click.Choice(REPORT_FORMATS), required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
@click.pass_obj
def quality_command(
    context: Context, *, key: str, file_format: str, out: Path, as_json: bool
) -> None:
    """Say how good the records are: gaps, silence, rounding, outliers, agreement, breaks."""
    result = write_quality_report(
        context.open(), key, file_format=file_format, out=out, progress=make_progress()
    )
    found = list_findings(list_sections(result))
    if as_json:
        echo_json(
            {
                "area": key,
                "file": str(out),
                "is_synthetic": result["is_synthetic"],
                "n_reports": result["n_reports"],
                "n_crashes": result["n_crashes"],
                "findings": [
                    {"question": title, "finding": one.text, "what_to_do": one.do}
                    for title, one in found
                ],
            }
        )
        return
    click.echo(out)
    for title, one in found:
        click.echo(f"- {title}: {one.text}")
