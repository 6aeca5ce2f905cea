"""How the command line prints: JSON or plain text to standard output, progress to error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from tqdm import tqdm

from core.progress import Progress

__all__ = ["echo_json", "echo_pairs", "echo_table", "make_progress", "one_line"]

SECONDS_BEFORE_BAR = 2.0


def echo_json(values: Mapping[str, Any]) -> None:
    """Print exactly one JSON object."""
    click.echo(json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False, default=str))


def echo_pairs(values: Mapping[str, Any]) -> None:
    """Print one `name: value` line each; a table one line a row."""
    width = max(map(len, values), default=0)
    for name, value in values.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key}: {item}" for key, item in value.items()) or "none"
        is_table = isinstance(value, list) and value and isinstance(value[0], Mapping)
        for row in value if is_table else [value]:
            if is_table:
                row = ", ".join(f"{key}: {item}" for key, item in row.items())
            click.echo(f"{name:<{width}}  {row}")


def echo_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their headings, columns aligned."""
    texts = [list(columns), *([str(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(columns))]
    for row in texts:
        cells = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def make_progress() -> Progress:
    """Return a progress bar on standard error; silent where no person watches."""
    bar: tqdm[Any] = tqdm(
        total=0,
        delay=SECONDS_BEFORE_BAR,
        disable=not sys.stderr.isatty(),
        leave=False,
        bar_format="{desc:<20} {percentage:3.0f}%|{bar}| {elapsed}",
    )

    def report(done: int, total: int, label: str) -> None:
        bar.total = total
        bar.n = done
        bar.set_description_str(label, refresh=False)
        bar.update(0)
        bar.refresh()
        if total and done >= total:
            bar.clear()

    return report


def one_line(error: BaseException) -> str:
    """Return an error's message on one line."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}; check the path, its rights and the disk."
    return " ".join(str(error).split()) or type(error).__name__
