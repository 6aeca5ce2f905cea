"""import."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import Context, existing_file, json_option
from pipeline.imports import import_records
from records.fields import KINDS

__all__ = ["import_command"]


class RecordKind(click.ParamType[str]):
    """A kind of record, in the singular or the plural: crash, crashes."""

    name = "kind"

    def convert(
        self, value: str, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        """Return the singular, or refuse what is no kind of record."""
        plurals = {"factories": "factory", "crashes": "crash", "casualties": "casualty"}
        singular = plurals.get(value, value.removesuffix("s") if value not in KINDS else value)
        if singular not in KINDS:
            self.fail(f"{value!r} is not one of: {', '.join(KINDS)}.", param, context)
        return singular


@click.command("import")
@click.argument("kind", metavar="KIND", type=RecordKind())
@click.argument("file", type=existing_file)
@click.option("--area", "key", required=True, help="The study area the records belong to.")
@click.option("--mapping", help="A mapping file (.yaml), or the name of a ready one.")
@click.option("--source", help="Who reports: crash numbers are unique within a source.")
@click.option("--dry-run", is_flag=True, help="Check everything, keep nothing.")
@json_option
@click.pass_obj
def import_command(
    context: Context,
    *,
    kind: str,
    file: Path,
    key: str,
    mapping: str | None,
    source: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take the records of FILE in; KIND is what one row of it is."""
    report = import_records(
        context.open(),
        kind,
        file,
        area=key,
        mapping=mapping,
        source=source,
        dry_run=dry_run,
        progress=make_progress(),
    )
    if as_json:
        echo_json(report)
    else:
        echo_pairs(report)
