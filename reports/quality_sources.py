"""Whether sources agree, and when the series broke, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

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
    write_chance,
    write_share,
)

__all__ = ["tell_agreement", "tell_breaks"]

GOOD_KAPPA: Final = 0.6


def tell_agreement(agreement: Mapping[str, Any]) -> Section:
    """Say how far sources agree on the same crash, and what none of them reported."""
    title = "Do the sources agree?"
    intro = (
        "Crashes that two sources reported and that were merged as one. Kappa is agreement "
        "beyond chance: 1 full, 0 none; a severity that is far off counts more than the next one."
    )
    if not agreement["pairs"]:
        many = agreement["n_sources"] > 1
        text = (
            "No crash was recognised in the reports of two sources."
            if many
            else "Only one source reports here, so nothing can be compared."
        )
        do = (
            "Compare the reports with `safecommute duplicates find AREA`."
            if many
            else "Ask the police, the insurer or a hospital for their list of the same months, "
            "and import it with its own --source."
        )
        cannot = Finding(level=CANNOT_TELL, text=text, do=do)
        return Section(title=title, intro=intro, findings=(cannot,))
    findings = []
    for row in agreement["pairs"][1:] or agreement["pairs"]:
        if row["n_pairs"] >= SMALL and row["kappa"] is not None and row["kappa"] < GOOD_KAPPA:
            findings.append(
                Finding(
                    level=LOOK,
                    text=f"{row['sources']}: severity agrees in "
                    f"{write_share(row['severity_share'])} (kappa {_write_kappa(row)}).",
                    do="Compare their definitions of a serious injury and how long they follow the "
                    "hurt; the worst word counts meanwhile.",
                )
            )
    frame = pd.DataFrame([_row_of_pair(row) for row in agreement["pairs"]])
    tables = [Table(caption="Reports of one crash by two sources", frame=frame)]
    enough = [one for one in agreement["captures"] if one["n_both"] >= agreement["fewest_on_both"]]
    for one in enough:
        findings.append(
            Finding(
                level=LOOK,
                text=f"{one['first']} and {one['second']}, {one['start']} to {one['end']}: "
                f"{one['n_known']:,} crashes known to either, about {one['n_unreported']:,.0f} to "
                f"neither (total {one['n_total']:,.0f}, 95% interval {one['ci_low']:,.0f} to "
                f"{one['ci_high']:,.0f}).",
                do="Read it as an order of size. It holds if both lists cover the same area and "
                "kind of crash, every shared crash was recognised, and being on one list says "
                "nothing of being on the other. Grave crashes are on both: then it is too low; "
                "missed links make it too high.",
            )
        )
    if agreement["captures"] and not enough:
        findings.append(
            Finding(
                level=CANNOT_TELL,
                text="Too few crashes are known to two sources to say how many none reported "
                f"(at least {agreement['fewest_on_both']} are needed).",
            )
        )
    return Section(
        title=title,
        intro=intro,
        findings=tuple(findings) or (Finding(level=FINE, text="The sources agree well."),),
        tables=tuple(tables),
    )


def _write_kappa(row: Mapping[str, Any]) -> str:
    if row["kappa"] is None:
        return NOT_KNOWN
    return f"{row['kappa']:.2f}, {row['kappa_low']:.2f} to {row['kappa_high']:.2f}"


def _row_of_pair(row: Mapping[str, Any]) -> dict[str, str]:
    """Return one line of the table; of fewer than five crashes only that there are some."""
    few = row["n_pairs"] < SMALL
    shares = {
        "Severity": row["severity_share"],
        "Time within 1 h": row["time_share"],
        "Place within 500 m": row["place_share"],
        "Killed": row["n_killed_share"],
        "Badly hurt": row["n_serious_share"],
        "Slightly hurt": row["n_slight_share"],
    }
    kappa = NOT_KNOWN if row["kappa"] is None else _write_kappa(row)
    median = NOT_KNOWN if row["median_m"] is None else f"{row['median_m']:,.0f} m"
    return {
        "Sources": row["sources"],
        "Crashes": hide_small(row["n_pairs"]),
        **{name: NOT_SHOWN if few else write_share(share) for name, share in shares.items()},
        "Kappa of severity": NOT_SHOWN if few else kappa,
        "Median distance": NOT_SHOWN if few else median,
    }


def tell_breaks(breaks: Mapping[str, Any]) -> Section:
    """Say when the series changed their level or their mix."""
    findings = []
    usable = [row for row in breaks["series"] if row["month"]]
    for row in usable:
        if row["p_value"] >= FDR:
            continue
        if row["kind"] == "level":
            many = "none before it" if row["ratio"] is None else f"{row['ratio']:.2f} times as many"
            text = f"{row['series'].capitalize()}: another level from {row['month']} on ({many})."
        else:
            names = {"fatal": "fatal", "serious": "serious", "slight": "slight"}
            parts = [
                f"{word} {write_share(row['before'][name])} to {write_share(row['after'][name])}"
                for name, word in names.items()
            ]
            text = f"Severity has another mix from {row['month']} on: {', '.join(parts)}."
        findings.append(
            Finding(
                level=LOOK,
                text=text,
                do="Ask what changed in who reports, what counts, or the form that month. A break "
                "in reporting is not a change in safety: do not compare across it.",
            )
        )
    if not usable:
        findings.append(
            Finding(level=CANNOT_TELL, text="Fewer than eight months: too short to see a break.")
        )
    elif not findings:
        findings.append(Finding(level=FINE, text="No break that chance does not explain."))
    for row in breaks["known"]:
        beside = (
            "the records do not reach far enough to compare"
            if row["ratio"] is None
            else f"{row['ratio']:.2f} times as many in the year after as in the year before "
            f"(95% interval {row['ci_low']:.2f} to {_top(row['ci_high'])})"
        )
        findings.append(
            Finding(
                level=LOOK,
                text=f"What counts as a crash changed with {row['intervention_id']} in "
                f"{row['month']}: {beside}.",
                do="Never pool or compare across this month.",
            )
        )
    tables: tuple[Table, ...] = ()
    if usable:
        frame = pd.DataFrame(
            {
                "Series": [row["series"].capitalize() for row in usable],
                "Likeliest month": [row["month"] for row in usable],
                "After ÷ before": [_ratio(row) for row in usable],
                "Chance of such a break": [write_chance(row["p_value"]) for row in usable],
            }
        )
        tables = (Table(caption="The likeliest break of each series", frame=frame),)
    return Section(
        title="Breaks in the series",
        intro="The month that splits a series best is found; chance is what equally spread series "
        "without a break show, times the number of series looked at. One break a series; "
        "a slow trend looks like a break in its middle.",
        findings=tuple(findings),
        tables=tables,
    )


def _ratio(row: Mapping[str, Any]) -> str:
    if row["kind"] != "level":
        return "mix of severity"
    return "none before" if row["ratio"] is None else f"{row['ratio']:.2f}"


def _top(value: float | None) -> str:
    return "no upper end" if value is None else f"{value:.2f}"
