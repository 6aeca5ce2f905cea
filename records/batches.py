"""Rows of a file as text, piece by piece: what every reader hands on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from records.delimited import CONTROL, BadRow
from records.header import drop_group

__all__ = ["BATCH_ROWS", "RawBatch", "cell_text", "name_without_groups", "to_frame"]

BATCH_ROWS = 50_000
MAX_EXACT = 1e15  # larger floats are no whole numbers for certain


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Rows as text, the line or row number of each, and the rows that were unreadable."""

    frame: pd.DataFrame
    row_numbers: list[int]
    bad: list[BadRow]
    done_share: float


def to_frame(rows: list[list[str]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return rows of cells, each as long as the header, as columns of text."""
    cells = zip(*rows, strict=True) if rows else ([] for _ in columns)
    texts = (pa.array(values, type=pa.large_string()) for values in cells)
    data = {name: pd.array(one, dtype="str") for name, one in zip(columns, texts, strict=True)}
    return pd.DataFrame(data)


def cell_text(value: object) -> str:
    """Return a cell's value as a person would write it; a moment in ISO 8601.

    A spreadsheet keeps a date as the moment at which it starts, so a moment at midnight
    is a date without a time.
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT:
        return str(int(value))
    isoformat = getattr(value, "isoformat", None)
    if isoformat is not None:
        return str(isoformat()).removesuffix("T00:00:00")
    return CONTROL.sub("", str(value))


def name_without_groups(columns: tuple[str, ...]) -> dict[str, str]:
    """Return the columns by their names without those of their groups, where one has it.

    A choice of a question with several answers (`road_users/car` beside `road_users`) is
    no question of its own.
    """
    names: dict[str, list[str]] = {}
    for column in columns:
        short = drop_group(column)
        if short != column and column[: -len(short)].rstrip("/ ") not in columns:
            names.setdefault(short, []).append(column)
    return {
        short: found[0]
        for short, found in names.items()
        if len(found) == 1 and short not in columns
    }
