"""Which factories are silent, and how many crashes they report per worker, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.quality_svg import draw_funnel
from reports.quality_words import (
    CANNOT_TELL,
    FDR,
    FINE,
    LOOK,
    NOT_KNOWN,
    NOT_SHOWN,
    SMALL,
    Finding,
    Section,
    Table,
    hide_small,
    join_names,
    write_chance,
    write_number,
)

__all__ = ["tell_rates", "tell_silence"]


def tell_silence(factories: Mapping[str, Any]) -> Section:
    """Say which factories are silent longer than chance would have it."""
    title = "Who has not reported"
    intro = (
        "Months without a crash report that names the factory, held against what its number of "
        "workers would bring at the mean rate of all factories here. Only silence that chance "
        "hardly brings is called unlikely (5% of such calls may be false)."
    )
    lacking = _need_workers(factories)
    if lacking:
        return Section(title=title, intro=intro, findings=(lacking,))
    rows = sorted(factories["rows"], key=lambda row: -row["n_silent_now"])
    findings = []
    for key, words in (("silent_now", "no report for"), ("longest_gap", "a gap of")):
        unlikely = [
            row for row in rows if (row[f"q_{key}"] or 0) < FDR and row[f"q_{key}"] is not None
        ]
        if unlikely:
            names = [
                f"{row['factory_id']} ({words} {write_number(row[f'n_{key}'], 'month')})"
                for row in unlikely
            ]
            findings.append(
                Finding(
                    level=LOOK,
                    text=f"Silent longer than chance would have it: {join_names(names)}.",
                    do="Ask whether nothing happened or nothing was sent. If nothing was sent, "
                    "leave these months out of every comparison.",
                )
            )
    unknown = [row["factory_id"] for row in rows if not row["workers"]]
    if unknown:
        findings.append(
            Finding(
                level=LOOK,
                text=f"Number of workers not known: {join_names(unknown)}.",
                do="Ask for it: without it nobody can tell whether few reports are too few.",
            )
        )
    n_unknown = factories["n_unknown_factories"]
    if n_unknown:
        findings.append(
            Finding(
                level=LOOK,
                text=f"Reports name {write_number(n_unknown, 'factory', 'factories')} "
                "without a record.",
                do="Import these factories, or mend their identifiers.",
            )
        )
    if not findings:
        findings.append(
            Finding(level=FINE, text="No factory is silent longer than chance would have it.")
        )
    frame = pd.DataFrame(
        {
            "Factory": [row["factory_id"] for row in rows],
            "Workers": [_count(row["workers"]) for row in rows],
            "Months since the last report": [row["n_silent_now"] for row in rows],
            "Chance of that": [write_chance(row["p_silent_now"]) for row in rows],
            "Longest gap between two (months)": [row["n_longest_gap"] for row in rows],
            "Chance of that gap (at most)": [write_chance(row["p_longest_gap"]) for row in rows],
        }
    )
    caption = (
        f"Silence over the {write_number(factories['n_months'], 'month')} with reports in the area"
    )
    return Section(
        title=title,
        intro=intro,
        findings=tuple(findings),
        tables=(Table(caption=caption, frame=frame),),
    )


def tell_rates(factories: Mapping[str, Any]) -> Section:
    """Say how many crashes each factory reports per worker, few and many alike."""
    title = "Reports against the number of workers"
    intro = (
        "Crash reports that name the factory, per 1,000 workers and year. A low rate can mean "
        "safe roads, or crashes that nobody wrote down; a high one dangerous roads, or a good "
        "clerk. The data cannot tell which. Counts below five are hidden."
    )
    lacking = _need_workers(factories)
    if lacking:
        return Section(title=title, intro=intro, findings=(lacking,))
    rows = factories["rows"]
    findings = []
    for word, is_low in (("fewer", True), ("more", False)):
        far = [
            row["factory_id"]
            for row in rows
            if row["q_value"] is not None
            and row["q_value"] < FDR
            and (row["n_reports"] < row["expected"]) == is_low
        ]
        if far:
            findings.append(
                Finding(
                    level=LOOK,
                    text=f"{join_names(far)}: {word} reports than the number of workers and "
                    "chance explain.",
                    do="Compare how crashes are noticed and written down there with a factory "
                    "near the mean, before calling it safe."
                    if is_low
                    else "Learn from its reporting, and look at its commutes.",
                )
            )
    if not findings:
        n_compared = sum(row["rate"] is not None for row in rows)
        words = (
            f"{write_number(n_compared, 'factory', 'factories')} compared at once: none reports "
            "fewer or more than the number of workers and chance explain. A few dots may still lie "
            "outside the band."
        )
        findings.append(Finding(level=FINE, text=words))
    order = sorted(rows, key=lambda row: (row["rate"] is None, row["rate"] or 0))
    is_hidden = [0 < row["n_reports"] < SMALL for row in order]
    frame = pd.DataFrame(
        {
            "Factory": [row["factory_id"] for row in order],
            "Workers": [_count(row["workers"]) for row in order],
            "Reports": [hide_small(row["n_reports"]) for row in order],
            "Per 1,000 workers and year": [
                NOT_SHOWN if hide else _decimal(row["rate"])
                for row, hide in zip(order, is_hidden, strict=True)
            ],
            "95% interval": [
                NOT_SHOWN
                if hide
                else NOT_KNOWN
                if row["rate"] is None
                else f"{row['ci_low']:.1f} to {row['ci_high']:.1f}"
                for row, hide in zip(order, is_hidden, strict=True)
            ],
            "At the mean rate": [_range(row["funnel_low"], row["funnel_high"]) for row in order],
        }
    )
    shown = [
        {**row, "is_far": row["q_value"] < FDR}
        for row, hide in zip(order, is_hidden, strict=True)
        if row["rate"] is not None and not hide
    ]
    charts: tuple[tuple[str, str], ...] = ()
    if len(shown) > 1:
        caption = (
            "Each dot is a factory; the band holds 95 of 100 factories that report at the mean "
            "rate. Red: outside by more than chance explains."
        )
        charts = ((caption, draw_funnel(shown, label="Reports per worker by factory")),)
    caption = "Rates, the lowest first"
    return Section(
        title=title,
        intro=intro,
        findings=tuple(findings),
        tables=(Table(caption=caption, frame=frame),),
        charts=charts,
    )


def _need_workers(factories: Mapping[str, Any]) -> Finding | None:
    """Say why factories cannot be compared, or None when they can."""
    if not factories["rows"]:
        return Finding(
            level=CANNOT_TELL,
            text="No factory is recorded, or no report has a date.",
            do="Import the factories with their numbers of workers.",
        )
    if not any(row["expected"] for row in factories["rows"]):
        return Finding(
            level=CANNOT_TELL,
            text="No report names a factory whose number of workers is known.",
            do="Fill in workers of the factories, and the factory of workers' crashes.",
        )
    return None


def _count(value: float | None) -> str:
    return NOT_KNOWN if not value else f"{value:,.0f}"


def _decimal(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.1f}"


def _range(low: float | None, high: float | None) -> str:
    return NOT_KNOWN if low is None or high is None else f"{low:.1f} to {high:.1f}"
