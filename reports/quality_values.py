"""Rounded times and places, and values that cannot be, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from reports.quality_svg import draw_bars, draw_months
from reports.quality_words import (
    CANNOT_TELL,
    FINE,
    LOOK,
    NOT_KNOWN,
    Finding,
    Section,
    Table,
    join_names,
    write_chance,
    write_number,
    write_share,
)

__all__ = ["tell_heaping", "tell_outliers"]

HEAPED: Final = 0.05
UNLIKELY: Final = 0.01
COARSE_DECIMALS: Final = 3
MOST_COARSE: Final = 0.02
REASON_WORDS: Final = {
    "in_the_future": "date in the future",
    "too_old": "date before 1990",
    "far_from_other_dates": "date more than a year from all others",
    "many_people": "more than 60 people hurt",
    "many_vehicles": "more than 20 vehicles",
    "killed_but_not_fatal": "somebody killed, but not called fatal",
    "fatal_but_none_killed": "called fatal, but nobody killed",
    "outside_the_area": "place outside the study area",
}


def tell_heaping(heaping: Mapping[str, Any]) -> Section:
    """Say how far times, days and places are rounded."""
    minutes, findings = heaping["minutes"], []
    if not minutes["n_times"]:
        findings.append(Finding(level=CANNOT_TELL, text="No report has a time of day."))
    elif minutes["excess_share"] > HEAPED and minutes["p_heaps"] < UNLIKELY:
        findings.append(
            Finding(
                level=LOOK,
                text=f"{write_share(minutes['excess_share'])} of the times are rounded to a "
                "quarter of an hour.",
                do="Do not compare minutes or narrow hours; ask for the time that was written down "
                "first.",
            )
        )
    midnight, first = heaping["midnight"], heaping["first_of_month"]
    if midnight["n_at"] and midnight["p_value"] < UNLIKELY:
        findings.append(
            Finding(
                level=LOOK,
                text=f"{write_number(midnight['n_at'], 'report')} at exactly 00:00, where "
                f"{midnight['n_all'] * midnight['expected_share']:.1f} would be expected: it "
                "likely stands for a time that is not known.",
                do="Leave the time empty when it is not known; do not count these as night.",
            )
        )
    if (
        first["n_at"]
        and first["p_value"] < UNLIKELY
        and first["share"] > 1.25 * first["expected_share"]
    ):
        findings.append(
            Finding(
                level=LOOK,
                text=f"{write_share(first['share'], 1)} of the crashes fall on the first of a "
                f"month ({write_share(first['expected_share'], 1)} expected).",
                do="Ask whether the day was known; do not compare weekdays or days.",
            )
        )
    if heaping["n_without_time"]:
        findings.append(
            Finding(
                level=LOOK,
                text=f"{write_number(heaping['n_without_time'], 'report')} without a time of day.",
                do="They are in no figure by hour or darkness; ask for the time.",
            )
        )
    n_placed = sum(heaping["decimals"])
    coarse = sum(heaping["decimals"][: COARSE_DECIMALS + 1])
    if n_placed and coarse / n_placed > MOST_COARSE:
        findings.append(
            Finding(
                level=LOOK,
                text=f"{write_share(coarse / n_placed, 1)} of the coordinates are rounded to "
                f"{COARSE_DECIMALS} decimals or fewer, about 100 m.",
                do="They can lie on the wrong road; place them again on the map, and ask for at "
                "least 5 decimals.",
            )
        )
    points = heaping["repeated_points"]
    if points["n_points"]:
        findings.append(
            Finding(
                level=LOOK,
                text=f"{points['n_crashes']:,} crashes lie on "
                f"{write_number(points['n_points'], 'point')} that more than "
                f"{heaping['more_than']} share exactly, up to {points['most']:,} on one.",
                do="These are likely a police post, a village centre or a kilometre stone; "
                "a hotspot there is not one.",
            )
        )
    if not findings:
        findings.append(Finding(level=FINE, text="Times and places are not rounded noticeably."))
    tables = [
        Table(
            caption="Decimals of the coordinates, the coarser of the two",
            frame=pd.DataFrame(
                {
                    "Decimals": [*map(str, range(7)), "7 or more"],
                    "About": ["110 km", "11 km", "1 km", "110 m", "11 m", "1 m", "0.1 m", "0.01 m"],
                    "Reports": heaping["decimals"],
                }
            ),
        )
    ]
    if points["top"]:
        top = pd.DataFrame(points["top"])
        top.columns = pd.Index(["Longitude", "Latitude", "Crashes"])
        tables.append(Table(caption="Points that crashes share exactly", frame=top, is_long=True))
    charts: tuple[tuple[str, str], ...] = ()
    if minutes["n_times"]:
        svg = draw_bars(
            minutes["counts"],
            label="Reports by minute of the hour",
            unit="reports",
            strong=(0, 15, 30, 45),
        )
        test = "" if minutes["p_uniform"] is None else (
            f" Chi-square against 60 equal minutes: {minutes['chi_square']:.0f} "
            f"(59 degrees of freedom, p {write_chance(minutes['p_uniform'])})."
        )  # fmt: skip
        charts = ((f"Minute of the hour that reports give; quarters in red.{test}", svg),)
    return Section(
        title="Rounded times and places",
        intro="People round what they do not know. Ages are kept in bands, so they cannot heap.",
        findings=tuple(findings),
        tables=tuple(tables),
        charts=charts,
    )


def tell_outliers(outliers: Mapping[str, Any]) -> Section:
    """Say which values, places and months are out of line."""
    findings, tables = [], []
    rows = outliers["rows"]
    if rows:
        counts = pd.Series([row["reason"] for row in rows]).value_counts()
        words = [f"{REASON_WORDS[str(name)]} ({n:,})" for name, n in counts.items()]
        findings.append(
            Finding(
                level=LOOK,
                text=f"{write_number(len(rows), 'value')} that cannot be, or hardly: "
                f"{join_names(words)}.",
                do="Look these reports up in their file and correct them on the page Records.",
            )
        )
        frame = pd.DataFrame(
            {
                "Why": [REASON_WORDS[row["reason"]] for row in rows],
                "Source": [row["source"] for row in rows],
                "Report": [row["source_id"] for row in rows],
                "File": [row["file"] or NOT_KNOWN for row in rows],
                "Row": [row["row_number"] for row in rows],
            }
        )
        caption = "Reports to look at"
        tables.append(Table(caption=caption, frame=frame, is_long=len(frame) > 20))
    notes = outliers["place_notes"]
    if notes:
        total = sum(note["n"] for note in notes)
        findings.append(
            Finding(
                level=LOOK,
                text=f"{write_number(total, 'place')} could not be used as written: "
                f"{join_names([_name_note(note) for note in notes])}.",
                do="Mend the coordinates in the source, or put the crash on the map by hand.",
            )
        )
    if not outliers["is_area_known"]:
        findings.append(
            Finding(
                level=CANNOT_TELL,
                text="The area's roads are not built yet, so places were not held against them.",
                do="Run the area once.",
            )
        )
    months = outliers["months"]
    outside = [row for row in months if row["is_outside"]]
    if outside:
        names = [f"{row['month']} ({row['n']:,})" for row in outside]
        findings.append(
            Finding(
                level=LOOK,
                text=f"Months outside what the other months let expect: {join_names(names)}.",
                do="Check whether a file is missing, came twice, or covers a part of the month, "
                "before looking for a cause on the road.",
            )
        )
    if not findings:
        findings.append(Finding(level=FINE, text="No value or month is out of line."))
    charts: tuple[tuple[str, str], ...] = ()
    if len(months) > 1:
        has_limits = months[0]["high"] is not None
        caption = (
            "Crashes by month. Band: limits from all other months, which chance leaves about 3 "
            "times in 1,000."
            if has_limits
            else "Crashes by month; a year is needed before limits can be drawn."
        )
        charts = ((caption, draw_months(months, label="Crashes by month")),)
    return Section(
        title="What cannot be, or hardly",
        intro="Nothing here was changed or left out: a strange record may be true.",
        findings=tuple(findings),
        tables=tuple(tables),
        charts=charts,
    )


def _name_note(note: Mapping[str, Any]) -> str:
    return f"{note['note']} ({note['n']:,})"
