"""import."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import Context, existing_file, json_option
from pipeline.imports import import_records, keep_proposal
from pipeline.villages import keep_villages
from records.fields import KINDS
from records.intake import OUTCOMES

__all__ = ["import_command"]


class RecordKind(click.ParamType[str]):
    """A kind of record, in the singular or the plural: crash, crashes."""

    name = "kind"

    def convert(
        self, value: str, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        """Return the singular, or refuse what is no kind of record."""
        plurals = {
            "factories": "factory",
            "crashes": "crash",
            "casualties": "casualty",
            "activities": "activity",
        }
        singular = plurals.get(value, value.removesuffix("s") if value not in KINDS else value)
        if singular not in KINDS:
            self.fail(f"{value!r} is not one of: {', '.join(KINDS)}.", param, context)
        return singular


class LinkedTable(click.ParamType[tuple[str, Path]]):
    """A linked table: `casualty=FILE`."""

    name = "kind=file"

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, Path]:
        """Return the kind and the path."""
        kind, mark, path = str(value).partition("=")
        if not mark or not path:
            self.fail(f"{value!r}: write KIND=FILE, such as casualty=people.csv.", param, context)
        return RecordKind().convert(kind, param, context), Path(path)


@click.command("import")
@click.argument("kind", metavar="KIND", type=RecordKind())
@click.argument("file", type=existing_file)
@click.option("--area", "key", required=True, help="The study area the records belong to.")
@click.option("--mapping", help="A mapping file (.yaml), or the name of a ready one.")
@click.option("--source", help="Who reports: crash numbers are unique within a source.")
@click.option("--sheet", default="", help="Sheet of a workbook: its name, or its number from 1.")
@click.option(
    "--with",
    "linked",
    type=LinkedTable(),
    multiple=True,
    metavar="KIND=FILE",
    help="A table that belongs to this one, such as casualty=FILE; may be repeated.",
)
@click.option(
    "--villages",
    type=existing_file,
    multiple=True,
    help="Points of villages or communes, for rows without coordinates; kept for later imports.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, keep nothing.")
@click.option(
    "--propose",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Only write a mapping proposed for FILE here (.yaml), to correct and use.",
)
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
    sheet: str,
    linked: tuple[tuple[str, Path], ...],
    villages: tuple[Path, ...],
    dry_run: bool,
    target: Path | None,
    as_json: bool,
) -> None:
    """Take the records of FILE in; KIND is what one row of it is.

    With --dry-run and no mapping, a mapping is proposed for a file with columns of its own:
    what would become of its rows as it is and with that mapping, and the mapping as YAML.
    """
    if len({one for one, _ in linked}) < len(linked):
        message = "--with: names a kind twice; give one file of each kind."
        raise click.UsageError(message)
    if villages and dry_run:
        message = "--villages: keeps the file for later imports; leave --dry-run out."
        raise click.UsageError(message)
    workspace = context.open()
    for points in villages:
        keep_villages(workspace, points)
    if target is not None:
        proposal = keep_proposal(kind, file, target, sheet=sheet)
        report: dict[str, Any] = {"kind": kind, "mapping_file": str(target), **proposal.to_dict()}
        if not as_json:
            report = {"kind": kind, "mapping_file": str(target)}
            report |= _number("question", proposal.questions)
    else:
        report = import_records(
            workspace,
            kind,
            file,
            area=key,
            mapping=mapping,
            source=source,
            sheet=sheet,
            linked=dict(linked),
            dry_run=dry_run,
            progress=make_progress(),
        )
    if as_json:
        echo_json(report)
    else:
        _echo(report)


def _number(name: str, texts: tuple[str, ...]) -> dict[str, str]:
    return {f"{name} {at}": text for at, text in enumerate(texts, start=1)}


def _echo(report: Mapping[str, Any]) -> None:
    """Print the accounts one after the other, a proposed mapping last."""
    apart = {"linked", "proposal"}
    echo_pairs({name: value for name, value in report.items() if name not in apart})
    for one in report.get("linked", ()):
        click.echo()
        _echo(one)
    if "proposal" in report:
        proposal = report["proposal"]
        as_it_is = "refused" if "refused" in report else _count(report)
        click.echo(f"\nas it is: {as_it_is}")
        click.echo(f"with the proposed mapping: {_count(proposal['account'])}\n")
        click.echo(proposal["yaml"].rstrip())


def _count(account: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {account[name]}" for name in ("read", *OUTCOMES) if account[name])
