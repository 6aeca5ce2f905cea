"""Beside a claim: how far it would move had crashes moved as the national insurer's did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.errors import DataSourceError, TableError
from models.before_after import BeforeAfterResult
from models.comparator import ComparatorShift, compute_comparator_shift

__all__ = ["NATIONAL_PAIRS", "Illustration", "illustrate_comparators", "read_worker_crashes"]

NATIONAL_PAIRS = ((2016, 2019), (2017, 2018), (2018, 2019))
COLUMNS = ("year", "n_crashes", "workers_change_on_previous_year", "definition", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Illustration:
    """One comparator: the shifted effect, and the sentence to show."""

    label: str  # "2016 to 2019"
    shift: ComparatorShift
    has_definition_break: bool
    sentence: str


def read_worker_crashes(path: Path) -> pd.DataFrame:
    """Read the yearly worker crashes (`data/evidence/nssf_worker_crashes.csv`).

    Raises
    ------
    DataSourceError
        If the file cannot be read.
    TableError
        If columns are missing, or a year comes twice.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataSourceError.unreadable(path, str(error).splitlines()[0]) from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise TableError.missing_columns(str(path), missing, list(table.columns))
    if table["year"].duplicated().any():
        first = table.loc[table["year"].duplicated(), "year"].iloc[0]
        message = f"{path}: year {first} is given more than once; keep one row a year."
        raise TableError(message)
    return table


def illustrate_comparators(
    result: BeforeAfterResult,
    worker_crashes: pd.DataFrame,
    *,
    pairs: tuple[tuple[int, int], ...] = NATIONAL_PAIRS,
) -> list[Illustration]:
    """Compute the claim against each pair of years of the insurer's series.

    Parameters
    ----------
    result
        A naive result with at least one crash before.
    worker_crashes
        The yearly series, from `read_worker_crashes`.
    pairs
        Years compared. Where a year has no count, the change that was published is
        used, taken as known. A pair the series cannot serve is an error.

    Raises
    ------
    TableError
        If the series has neither counts nor a published change for a pair.

    Notes
    -----
    Illustrative, and every sentence says so: when the pilot's periods were is not
    known, and the series' definition probably changed between 2016 and 2018.
    """
    rows = worker_crashes.set_index("year")
    found = []
    for first, second in pairs:
        before = _get(rows, first, "n_crashes")
        after = _get(rows, second, "n_crashes")
        change = _get(rows, second, "workers_change_on_previous_year")
        if before is not None and after is not None:
            shift = compute_comparator_shift(
                result, comparator_before=before, comparator_after=after
            )
            moved = f"crashes went from {before:,.0f} to {after:,.0f}"
        elif change is not None and second == first + 1:
            shift = compute_comparator_shift(result, comparator_ratio=1.0 + change)
            verb = "fell" if change < 0 else "rose"
            moved = (
                f"workers involved {verb} by {abs(100 * change):.0f}%; its own error is not known"
            )
        else:
            message = f"worker crashes: nothing known for {first} to {second}; choose other years."
            raise TableError(message)
        is_break = str(rows["definition"].get(first)) != str(rows["definition"].get(second))
        found.append(
            Illustration(
                label=f"{first} to {second}",
                shift=shift,
                has_definition_break=is_break,
                sentence=_write_sentence(first, second, moved, shift, is_break=is_break),
            )
        )
    return found


def _get(rows: pd.DataFrame, year: int, column: str) -> float | None:
    value = rows[column].get(year)
    return None if value is None or pd.isna(value) else float(value)


def _write_sentence(
    first: int, second: int, moved: str, shift: ComparatorShift, *, is_break: bool
) -> str:
    low, high = 100 * (1 - shift.ci_high), 100 * (1 - shift.ci_low)
    verdict = "" if shift.is_conclusive else ", so the data could not tell"
    warning = " Their definition may have changed in between." if is_break else ""
    return (
        f"Illustration: had crashes moved as those of the national worker insurer from "
        f"{first} to {second} ({moved}), the reduction would be {-shift.percent_change:.0f}% "
        f"({low:.0f}% to {high:.0f}%){verdict}.{warning}".replace("-", "\N{MINUS SIGN}")
    )
