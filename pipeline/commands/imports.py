"""imports list, undo."""

from __future__ import annotations

import click

from pipeline.cli_output import echo_json, echo_pairs, echo_table
from pipeline.commands.shared import Context, json_option
from pipeline.import_log import list_imports, undo

__all__ = ["imports"]

COLUMNS = ("import_id", "imported_at", "kind", "file_name", "imported_by", "read", "accepted",
           "updated", "unchanged", "duplicates", "rejected", "undone_at")  # fmt: skip


@click.group()
def imports() -> None:
    """Files that were taken in; take one back as a whole."""


@imports.command("list")
@click.argument("key")
@json_option
@click.pass_obj
def list_command(context: Context, *, key: str, as_json: bool) -> None:
    """List the imports of the study area KEY, the latest first."""
    rows = list_imports(context.open(), key)[list(COLUMNS)]
    rows = rows.assign(
        imported_at=rows["imported_at"].astype("datetime64[s]").astype("str"),
        undone_at=rows["undone_at"].astype("datetime64[s]").astype("str").replace("NaT", ""),
    )
    if as_json:
        echo_json({"area": key, "imports": rows.fillna("").to_dict("records")})
        return
    echo_table(COLUMNS, rows.fillna("").astype("str").to_numpy().tolist())


@imports.command("undo")
@click.argument("key")
@click.argument("import_id", type=click.IntRange(min=1))
@click.option("--even-corrected", is_flag=True, help="Also records that a person corrected since.")
@json_option
@click.pass_obj
def undo_command(
    context: Context, *, key: str, import_id: int, even_corrected: bool, as_json: bool
) -> None:
    """Take back everything that import IMPORT_ID of the study area KEY did."""
    report = undo(context.open(), key, import_id, even_corrected=even_corrected)
    if as_json:
        echo_json(report)
    else:
        echo_pairs(report)
