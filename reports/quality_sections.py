"""What is said of data quality: findings with what to do, tables, charts; small counts hidden.

The page, the HTML file and the workbook all show these sections, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.quality_factories import tell_rates, tell_silence
from reports.quality_filled import tell_completeness, tell_intake
from reports.quality_sources import tell_agreement, tell_breaks
from reports.quality_values import tell_heaping, tell_outliers
from reports.quality_words import CANNOT_TELL, LOOK, Finding, Section

__all__ = ["list_findings", "list_sections"]


def list_sections(result: Mapping[str, Any]) -> list[Section]:
    """Return the sections of an assessment, as `pipeline.quality.assess_quality` makes it.

    Counts of a factory's or a source's crashes from 1 to 4 are hidden, with what could tell
    them.
    """
    if not result["n_reports"]:
        nothing = Finding(
            level=CANNOT_TELL,
            text="No crash report is recorded for this area, so there is no quality to measure.",
            do=f"Import crashes with `safecommute import crash FILE --area {result['area']}`.",
        )
        return [Section(title="Nothing to measure yet", intro="", findings=(nothing,))]
    return [
        tell_intake(result["intake"]),
        tell_completeness(result["completeness"]),
        tell_silence(result["factories"]),
        tell_rates(result["factories"]),
        tell_heaping(result["heaping"]),
        tell_outliers(result["outliers"]),
        tell_agreement(result["agreement"]),
        tell_breaks(result["breaks"]),
    ]


def list_findings(sections: Sequence[Section]) -> list[tuple[str, Finding]]:
    """Return what is to be looked at, with the section it is in."""
    return [(one.title, each) for one in sections for each in one.findings if each.level == LOOK]
