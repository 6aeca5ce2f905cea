"""duplicates find, list, decide, undo."""

from __future__ import annotations

import json
from typing import Any

import click
import pandas as pd

from pipeline.cli_output import echo_json, echo_pairs, echo_table, make_progress
from pipeline.commands.shared import Context, json_option
from pipeline.imports import find_user
from pipeline.matching import (
    decide_duplicate,
    find_duplicates,
    list_duplicates,
    list_waiting,
    undo_duplicate,
)

__all__ = ["duplicates"]

NAMED_BY = ("source", "source_id", "occurred_at", "has_time", "road_name", "village", "severity")
person_option = click.option("--by", "person", help="Who decides, for the audit log.")


@click.group("duplicates")
def duplicates() -> None:
    """Say which crash reports tell of one crash; take it back."""


@duplicates.command("find")
@click.argument("key", metavar="AREA")
@json_option
@click.pass_obj
def find_command(context: Context, *, key: str, as_json: bool) -> None:
    """Compare the reports: merge what is certain, queue what is doubtful."""
    counts = find_duplicates(context.open(), key, progress=make_progress())
    if as_json:
        echo_json(counts)
    else:
        echo_pairs(counts)


@duplicates.command("list")
@click.argument("key", metavar="AREA")
@click.option(
    "--decision",
    type=click.Choice(["queued", "merged", "separate"]),
    default="queued",
    show_default=True,
    help="Queued pairs wait for a person.",
)
@json_option
@click.pass_obj
def list_command(context: Context, *, key: str, decision: str, as_json: bool) -> None:
    """List the pairs that wait for a person, the likeliest first, or those decided."""
    is_queue = decision == "queued"
    workspace = context.open()
    pairs = list_waiting(workspace, key) if is_queue else list_duplicates(workspace, key, decision)
    if as_json:
        echo_json({"area": key, "decision": decision, "pairs": _to_plain(pairs)})
        return
    shown = ["left_id", "right_id", "probability", "left", "right", "reasons"]
    shown += [] if is_queue else ["decided_by"]
    table = pairs.assign(
        probability=pairs["probability"].map("{:.2f}".format),
        left=[_name_report(row, "left") for row in pairs.to_dict("records")],
        right=[_name_report(row, "right") for row in pairs.to_dict("records")],
    )
    echo_table(shown, table[shown].fillna("").to_numpy().tolist())


@duplicates.command("decide")
@click.argument("key", metavar="AREA")
@click.argument("left_id", metavar="LEFT")
@click.argument("right_id", metavar="RIGHT")
@click.argument("decision", type=click.Choice(["merged", "separate"]))
@person_option
@json_option
@click.pass_obj
def decide_command(
    context: Context,
    *,
    key: str,
    left_id: str,
    right_id: str,
    decision: str,
    person: str | None,
    as_json: bool,
) -> None:
    """Say that two reports tell of one crash (merged) or of two (separate)."""
    decided = decide_duplicate(
        context.open(), key, left_id, right_id, decision, decided_by=person or find_user()
    )
    if as_json:
        echo_json(decided)
    else:
        echo_pairs(decided)


@duplicates.command("undo")
@click.argument("key", metavar="AREA")
@click.argument("left_id", metavar="LEFT")
@click.argument("right_id", metavar="RIGHT")
@person_option
@json_option
@click.pass_obj
def undo_command(
    context: Context, *, key: str, left_id: str, right_id: str, person: str | None, as_json: bool
) -> None:
    """Take the last decision on two reports back."""
    stands = undo_duplicate(
        context.open(), key, left_id, right_id, decided_by=person or find_user()
    )
    if as_json:
        echo_json(stands)
    else:
        echo_pairs(stands)


def _name_report(pair: dict[Any, Any], side: str) -> str:
    """Return what a person knows a report by: source and number, when, where, how grave."""
    said = {name: pair[f"{side}_{name}"] for name in NAMED_BY}
    if pd.isna(said["source_id"]):
        return "no longer there"
    when = said["occurred_at"]
    if pd.notna(when):
        said["occurred_at"] = f"{when:%Y-%m-%d %H:%M}" if said["has_time"] else f"{when:%Y-%m-%d}"
    parts = [f"{said['source']} {said['source_id']}", said["occurred_at"]]
    parts += [said["road_name"], said["village"], said["severity"]]
    return ", ".join(str(part) for part in parts if pd.notna(part) and part != "")


def _to_plain(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON takes them: missing values null, moments as text."""
    plain: list[dict[str, Any]] = json.loads(
        pairs.to_json(orient="records", date_format="iso", date_unit="s")
    )
    return plain
