"""What came in and what is filled in, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from reports.quality_words import (
    FINE,
    LOOK,
    NOT_SHOWN,
    SMALL,
    Finding,
    Section,
    Table,
    join_names,
    name_field,
    write_number,
    write_share,
)

__all__ = ["tell_completeness", "tell_intake"]

LOW_SHARE: Final = 0.8
MOST_REFUSED: Final = 0.05
KIND_WORDS: Final = {"crash": "Crash reports", "casualty": "People hurt"}
BY_MONTH: Final = ("time_of_day", "place", "road_users", "light", "is_worker_commute", "factory_id")


def tell_intake(intake: Mapping[str, Any]) -> Section:
    """Say how many rows came in, and why some were refused."""
    rows = pd.DataFrame(intake["by_kind"])
    findings = []
    for row in intake["by_kind"]:
        if row["read"] and row["rejected"] / row["read"] > MOST_REFUSED:
            findings.append(
                Finding(
                    level=LOOK,
                    text=f"{row['rejected']:,} of {row['read']:,} {row['kind']} rows were refused.",
                    do="Mend the rows in the file of rejected rows and import that file again.",
                )
            )
    refused = sum(row["rejected"] for row in intake["by_kind"])
    if refused and not findings:
        findings.append(
            Finding(
                level=LOOK,
                text=f"{write_number(refused, 'row')} of the imported files "
                f"{'was' if refused == 1 else 'were'} refused; they are not in any figure.",
                do="Mend them in the file of rejected rows and import that file again.",
            )
        )
    if not findings:
        findings.append(Finding(level=FINE, text="No row of any import was refused."))
    tables = []
    if len(rows):
        shown = rows.rename(columns=lambda name: str(name).capitalize())
        tables.append(Table(caption="Rows of all imports that stand, by kind", frame=shown))
    if intake["reasons"]:
        reasons = pd.DataFrame(intake["reasons"])
        reasons.columns = pd.Index(["Kind", "Why", "Rows"])
        tables.append(Table(caption="Why rows were refused or set apart", frame=reasons))
    return Section(
        title="What came in",
        intro="Rows that were refused are in no figure on this page.",
        findings=tuple(findings),
        tables=tuple(tables),
    )


def tell_completeness(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> Section:
    """Say which fields are filled in, by source, month and factory too."""
    by_field = [row for row in parts["by_field"] if row["n_applies"]]
    low = [row for row in by_field if round(row["known_share"], 2) < LOW_SHARE]
    findings = [
        Finding(
            level=LOOK,
            text=f"{KIND_WORDS[kind]}: under {LOW_SHARE:.0%} filled in "
            f"{join_names([_name_share(row) for row in some])}.",
            do="Ask the sources for these fields first; until then treat what they show as a "
            "part of the crashes, not as all of them.",
        )
        for kind in KIND_WORDS
        if (some := sorted((r for r in low if r["kind"] == kind), key=lambda r: r["known_share"]))
    ] or [Finding(level=FINE, text=f"Every field is filled in for {LOW_SHARE:.0%} or more.")]
    tables = [
        Table(caption=f"{words}: filled in, by field", frame=_tabulate_fields(some))
        for kind, words in KIND_WORDS.items()
        if (some := [row for row in by_field if row["kind"] == kind])
    ]
    sources = [row for row in parts["by_source"] if row["n_applies"]]
    if len({row["group"] for row in sources}) > 1:
        frame = _pivot(sources, "Source")
        tables.append(Table(caption="Filled in, by source", frame=frame, is_long=True))
    months = [row for row in parts["by_month"] if row["field"] in BY_MONTH]
    if months:
        frame = _pivot(months, "Month", n_small=1)
        tables.append(Table(caption="Filled in, by month", frame=frame, is_long=True))
    if parts["by_factory"]:
        frame = _pivot(parts["by_factory"], "Factory")
        caption = "Filled in, by factory that the report names"
        tables.append(Table(caption=caption, frame=frame, is_long=True))
    return Section(
        title="What is filled in",
        intro="A field counts as filled in when it says something: empty and “unknown” do not. "
        "The factory is asked of workers' crashes only, the helmet of people on two wheels only.",
        findings=tuple(findings),
        tables=tuple(tables),
    )


def _name_share(row: Mapping[str, Any]) -> str:
    return f"{name_field(row['field'])} ({write_share(row['known_share'])})"


def _tabulate_fields(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Field": [name_field(row["field"]) for row in rows],
            "Filled in": [write_share(row["known_share"]) for row in rows],
            "Asked of": [row["n_applies"] for row in rows],
        }
    )


def _pivot(rows: Sequence[Mapping[str, Any]], name: str, *, n_small: int = SMALL) -> pd.DataFrame:
    """Return groups by fields; shares of fewer than `n_small` records are not shown."""
    frame = pd.DataFrame(rows)
    frame["shown"] = [
        "not asked" if not n else NOT_SHOWN if n < n_small else write_share(share)
        for n, share in zip(frame["n_applies"], frame["known_share"], strict=True)
    ]
    frame["column"] = [
        name_field(field) if kind == "crash" else f"{name_field(field)} (people)"
        for field, kind in zip(frame["field"], frame["kind"], strict=True)
    ]
    columns = list(dict.fromkeys(frame["column"]))
    table = frame.pivot_table(index="group", columns="column", values="shown", aggfunc="first")
    table = table.reindex(columns=columns).fillna("not asked")
    return table.rename_axis(name).rename_axis(None, axis=1).reset_index()
