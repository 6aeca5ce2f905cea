"""The claim guard: what may be said of an evaluation, and what must be said with it.

No claim leaves without its design, its interval and its caveats: the sentence is written
here, from the result and the facts of the intervention, and never by hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import VocabularyError
from core.vocabulary import YesNoUnknown
from models.before_after import GRADES, BeforeAfterResult

__all__ = ["COUNTED_BY", "InterventionFacts", "compose_claim", "list_caveats", "write_claim"]

EN_DASH = "\N{EN DASH}"
DESIGN_WORDS = {"naive": f"a naive before{EN_DASH}after comparison"}
COUNTED_BY = {
    "factories": "self-reported",
    "police": "police-recorded",
    "hospitals": "hospital-recorded",
    "insurer": "insurer-recorded",
    "unknown": "reported",
}
SAME_LENGTH_SHARE = 0.05
MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionFacts:
    """What is known of an intervention beside its counts; unknown is never no."""

    name: str = ""
    n_factories: int | None = None
    months_before: float | None = None
    months_after: float | None = None
    counted_by: str = "unknown"  # a word of COUNTED_BY
    is_published_total: bool = False  # totals from a publication, no crash records
    published_claim: str | None = None  # "77% fewer", as the source puts it
    was_chosen_for_crashes: YesNoUnknown = YesNoUnknown.UNKNOWN
    has_definition_changed: YesNoUnknown = YesNoUnknown.UNKNOWN
    is_synthetic: bool = False


def write_claim(
    result: BeforeAfterResult,
    facts: InterventionFacts | None = None,
    *,
    illustrations: Sequence[str] = (),
) -> dict[str, Any]:
    """Return an evaluation as the command line prints it, claim and caveats included.

    Parameters
    ----------
    result
        Result of a before-after design.
    facts
        What is known of the intervention; None: nothing is.
    illustrations
        Further sentences to show beside the claim, such as those of
        `reports.comparators`.

    Returns
    -------
    evaluation
        Plain JSON values: every field of the result, with `claim` (one or two
        sentences), `grade_meaning`, `is_conclusive`, `warnings` (all caveats, in
        words) and `illustrations`.

    Raises
    ------
    VocabularyError
        If the design has no words, or `counted_by` is not a word of `COUNTED_BY`.
    """
    known = facts or InterventionFacts()
    return {
        **result.to_dict(),
        "claim": compose_claim(result, known),
        "grade_meaning": GRADES[result.grade],
        "is_conclusive": result.is_conclusive,
        "warnings": list(list_caveats(result, known)),
        "illustrations": list(illustrations),
    }


def compose_claim(result: BeforeAfterResult, facts: InterventionFacts) -> str:
    """Write the claim: counts, periods, change with its interval, and the design.

    Raises
    ------
    VocabularyError
        If the design has no words, or `counted_by` is not a word of `COUNTED_BY`.
    """
    if facts.counted_by not in COUNTED_BY:
        raise VocabularyError.unknown_word("counted_by", facts.counted_by, list(COUNTED_BY))
    if result.method not in DESIGN_WORDS:
        raise VocabularyError.unknown_word("method", result.method, list(DESIGN_WORDS))
    label = "SYNTHETIC data. " if facts.is_synthetic else ""
    subject = f"{facts.name}: " if facts.name else ""
    counted = COUNTED_BY[facts.counted_by]
    before, after = f"{result.observed_before:,}", f"{result.observed_after:,}"
    where = _describe_where(result, facts)
    counts = (
        f"{before} {counted} crashes before and {after} after{where}, {_periods(result, facts)}"
    )
    design = (
        f"This is {DESIGN_WORDS[result.method]} with no comparison group: it cannot show that the "
        "intervention caused a change."
    )
    if not result.is_conclusive:
        found = f"The data cannot tell whether crashes changed: {counts}{_best_estimate(result)}."
    else:
        found = f"{counts}: {_change(result)}{_prevented(result)}."
    if subject:
        return f"{label}{subject}{found[0].lower()}{found[1:]} {design}"
    return f"{label}{found} {design}"


def _describe_where(result: BeforeAfterResult, facts: InterventionFacts) -> str:
    if facts.n_factories:
        return f" at {facts.n_factories} factor{'y' if facts.n_factories == 1 else 'ies'}"
    return f" at {result.n_sites} sites" if result.n_sites > 1 else ""


def _periods(result: BeforeAfterResult, facts: InterventionFacts) -> str:
    """Say how long the periods were, and what is known of the change in exposure."""
    ratio = result.exposure_after / result.exposure_before
    if result.exposure_kind == "exposure":
        change = 100 * (ratio - 1)
        if abs(change) < 1:
            return "with exposure unchanged"
        return f"with exposure {abs(change):.0f}% {'higher' if change > 0 else 'lower'} after"
    if facts.months_before and facts.months_after:
        first, second = f"{facts.months_before:.0f}", f"{facts.months_after:.0f}"
        if result.exposure_kind == "assumed equal":
            return f"in {first} and {second} months taken as equal"
        return f"in {first} and {second} months"
    if result.exposure_kind == "years":
        unit = "years" if result.n_sites == 1 else "site-years"
        return f"in {result.exposure_before:.1f} and {result.exposure_after:.1f} {unit}"
    return "in periods of unknown length, taken as equal"


def _more(value: float) -> str:
    return "more" if value > 0 else "fewer" if value < 0 else "change"


def _percent(ratio: float) -> str:
    """Turn a ratio into "70.0% fewer", "12.0% more" or "no upper limit"."""
    if math.isinf(ratio):
        return "no upper limit"
    change = 100 * (ratio - 1)
    return f"{abs(change):.1f}% {_more(change)}"


def _interval(result: BeforeAfterResult) -> str:
    """Write the interval, the end nearer to no change first when both lie on one side."""
    level = f"{100 * result.confidence:g}% interval"
    if not result.is_conclusive:
        return f"{level} {_percent(result.ci_low)} to {_percent(result.ci_high)}"
    near, far = sorted((result.ci_low, result.ci_high), key=lambda ratio: abs(ratio - 1))
    return f"{level} {abs(100 * (near - 1)):.1f}% to {_percent(far)}"


def _change(result: BeforeAfterResult) -> str:
    if not math.isfinite(result.effect):
        return f"more than before ({_interval(result)})"
    return f"{_percent(result.effect)} ({_interval(result)})"


def _best_estimate(result: BeforeAfterResult) -> str:
    if not math.isfinite(result.effect):
        return ""
    return f" (best estimate {_percent(result.effect)}; {_interval(result)})"


def _prevented(result: BeforeAfterResult) -> str:
    if result.observed_before == 0:
        return ""  # with nothing counted before, the error of what was expected is not known
    count = f"{abs(result.prevented):,.0f} {_more(-result.prevented)}"
    return (
        f", {count} than expected had nothing changed (standard error {result.prevented_se:,.0f})"
    )


def list_caveats(result: BeforeAfterResult, facts: InterventionFacts) -> tuple[str, ...]:
    """List in words all that must be shown beside the claim.

    The design's own warnings come first, then those that the facts call for.
    """
    found = [*result.warnings, _caveat_on_counting(facts)]
    first, second = facts.months_before, facts.months_after
    if first and second:
        if abs(first - second) > SAME_LENGTH_SHARE * max(first, second):
            found.append(
                f"The periods differ in length ({first:.0f} and {second:.0f} months): seasons "
                "may weigh differently."
            )
        if min(first, second) < MONTHS_PER_YEAR * (1 - SAME_LENGTH_SHARE):
            found.append("A period is shorter than a year: the seasons are not balanced.")
    else:
        found.append("When the two periods began and ended is not stated.")
    if result.exposure_kind != "exposure":
        found.append("How many workers travelled, how far and how in each period is not known.")
    if facts.was_chosen_for_crashes == YesNoUnknown.YES:
        found.append("The places were chosen because they had many crashes: expect some fall.")
    elif facts.was_chosen_for_crashes == YesNoUnknown.UNKNOWN:
        found.append("Whether the places were chosen because they had many crashes is not known.")
    if facts.has_definition_changed == YesNoUnknown.YES:
        found.append("What counts as a crash changed between the periods: do not compare them.")
    elif facts.has_definition_changed == YesNoUnknown.UNKNOWN:
        found.append("Whether a crash was defined and recorded alike in both periods is not known.")
    if facts.is_published_total:
        found.append("Only published totals are known: the crashes themselves cannot be checked.")
    if facts.published_claim:
        found.append(
            f"The source states {facts.published_claim}; that is the same naive comparison of the "
            "same counts, not further evidence."
        )
    found.append(_caveat_on_power(result))
    return tuple(text for text in found if text)


def _caveat_on_counting(facts: InterventionFacts) -> str:
    if facts.counted_by == "factories":
        return (
            "The counts are the factories' own reports (self-reported), not police records; "
            "reporting itself may have changed with the programme."
        )
    if facts.counted_by == "unknown":
        return "Who counted the crashes is not recorded."
    return (
        f"The counts are {COUNTED_BY[facts.counted_by]} crashes; many crashes, slight ones above "
        "all, never reach such records."
    )


def _caveat_on_power(result: BeforeAfterResult) -> str:
    if result.observed_before == 0:
        return ""
    if not math.isfinite(result.detectable_reduction):
        return "With so few crashes before, hardly any reduction could have been found."
    return (
        f"With {result.observed_before:,} crashes before, a true reduction below "
        f"{100 * result.detectable_reduction:.0f}% would be missed more than one time in five."
    )
