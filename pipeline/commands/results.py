"""evaluate, what-if, export."""

from __future__ import annotations

from pathlib import Path

import click

from core.vocabulary import RoadUser
from pipeline.cli_output import echo_json
from pipeline.commands.shared import Context, json_option
from pipeline.commute_views import compare_vehicles
from pipeline.evaluate import evaluate_intervention
from pipeline.exports import EXPORT_FORMATS, export_run
from pipeline.runs import require_published_run
from reports.what_if import describe_mode_shift

__all__ = ["evaluate", "export", "what_if"]

MODES = click.Choice([word.value for word in RoadUser])


@click.command()
@click.argument("key")
@click.option("--intervention", "intervention_id", required=True, metavar="ID")
@json_option
@click.pass_obj
def evaluate(context: Context, *, key: str, intervention_id: str, as_json: bool) -> None:
    """Say what the crashes before and after an intervention can and cannot tell."""
    result = evaluate_intervention(context.open(), key, intervention_id)
    if as_json:
        echo_json(result)
        return
    click.echo(result["claim"])
    for sentence in [*result["warnings"], *result["illustrations"]]:
        click.echo(f"- {sentence}")


@click.command("what-if")
@click.argument("key")
@click.option("--from", "from_mode", type=MODES, required=True, help="How they ride now.")
@click.option("--to", "to_mode", type=MODES, required=True, help="How they would ride.")
@click.option("--share", type=click.FloatRange(0, 1), required=True, help="Of the first's km.")
@json_option
@click.pass_obj
def what_if(
    context: Context, *, key: str, from_mode: str, to_mode: str, share: float, as_json: bool
) -> None:
    """Say what would change on the commutes of KEY if riders changed vehicle."""
    run_path = require_published_run(context.open().home, key)
    result = compare_vehicles(run_path, (from_mode, to_mode, share))
    if as_json:
        echo_json(result)
        return
    click.echo(describe_mode_shift(result))
    for sentence in result["assumptions"]:
        click.echo(f"- {sentence}")


@click.command()
@click.argument("key")
@click.option("--format", "file_format", type=click.Choice(EXPORT_FORMATS), required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--run", "run_id", metavar="RUN", help="Another run than the one published.")
@json_option
@click.pass_obj
def export(
    context: Context,
    *,
    key: str,
    file_format: str,
    out: Path,
    run_id: str | None,
    as_json: bool,
) -> None:
    """Write the published run of KEY for QGIS, notebooks or a spreadsheet."""
    written = export_run(context.open(), key, file_format=file_format, out=out, run_id=run_id)
    if as_json:
        echo_json({"files": [str(path) for path in written]})
    else:
        for path in written:
            click.echo(path)
