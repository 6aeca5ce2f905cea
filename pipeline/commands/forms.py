"""form."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli_output import echo_json, echo_pairs
from pipeline.commands.shared import Context, json_option
from pipeline.forms import write_form
from records.forms import FORM_KINDS

__all__ = ["form"]


@click.command()
@click.argument("kind", type=click.Choice(FORM_KINDS))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--area", "key", help="Offer the factories of this study area as a list.")
@click.option(
    "--form-version",
    metavar="YYYYMMDD[NN]",
    default="",
    help="Version of the form, by its day.  [default: today]",
)
@json_option
@click.pass_obj
def form(
    context: Context, *, kind: str, out: Path, key: str | None, form_version: str, as_json: bool
) -> None:
    """Write a form for KoboToolbox or ODK Collect, in English and Khmer."""
    written = write_form(
        kind,
        out,
        version=form_version,
        workspace=context.open() if key else None,
        area=key or "",
    )
    if as_json:
        echo_json(written)
    else:
        echo_pairs(written)
