"""Sentences of the measures page: a number with its unit, how sure it is, and what it is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.measure_list import COMPARED, Measure
from ui.layout import escape_markdown

__all__ = [
    "describe_agreement",
    "describe_certainty",
    "describe_first_stretch",
    "describe_function",
    "describe_high_injury",
    "describe_worst",
    "has_function",
    "leave_out_nothing",
    "say_unknown",
    "tell_k",
    "tell_method",
    "tell_value",
]


def tell_value(value: float | None, measure: Measure) -> str:
    """Write a value of a measure; nothing where there is none."""
    if value is None or math.isnan(value):
        return ""
    if measure.unit == "probability":
        return f"{value:.0%}"
    decimals = 0 if abs(value) >= 100 else measure.decimals
    return f"{value:,.{decimals}f}"


def say_unknown(worst: pd.DataFrame, measure: Measure) -> str:
    """Say why the measure tells no worst places; nothing where it does.

    `worst` is as `load_worst` returns it, at least one row.
    """
    n_first, top = int(worst.attrs["n_first"]), worst.iloc[0]
    about = "fatal or serious crash" if measure.counted == "n_ksi_crashes" else "crash"
    if n_first > len(worst):
        return (
            f"The data cannot tell which place is worst: {n_first:,} places share the first rank, "
            f"{tell_value(top[measure.column], measure)} ({measure.unit})."
        )
    if int(top[measure.counted]) == 0:
        return (
            f"The data cannot tell: no {about} was counted at the place that would come first, so "
            "that the order would say nothing of crashes."
        )
    return ""


def leave_out_nothing(worst: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Leave out places without a crash of what the measure counts: nothing is known of them."""
    return worst[worst[measure.counted] > 0]


def describe_worst(
    top: Mapping[Any, Any], measure: Measure, *, period: str, n_first: int = 1
) -> str:
    """Say what the list says of its first place."""
    name = escape_markdown(top["label"])
    n = int(top["n_crashes"])
    lead = "First is" if n_first < 2 else f"{n_first:,} places share the first rank; one is"
    words = f"{lead} **{name}**: {n:,} {'crash' if n == 1 else 'crashes'} reported {period}, "
    words += f"{int(top['n_ksi_crashes']):,} of them fatal or serious."
    has_say = pd.isna(top.get("eb_weight")) or top["eb_weight"] < NO_SAY
    if pd.notna(top.get("n_expected")) and measure.counted == "n_crashes" and has_say:
        words += (
            f" With luck taken out, {top['n_expected']:,.1f} would be expected there "
            "in such a period."
        )
    return words


def describe_certainty(
    top: Mapping[Any, Any], measure: Measure, *, n_worst: int, n_sites: int | None
) -> str:
    """Say how sure it is that the place is among the worst by this very measure."""
    if not measure.rank_columns:
        return " How sure its rank is, is not known for this measure."
    p = top.get(measure.rank_columns[0])
    if not n_worst or p is None or pd.isna(p):
        return " The crashes are too few to say how sure its rank is."
    of = f" (of {n_sites:,})" if n_sites else ""
    which = f"among the {n_worst} places" if n_worst > 1 else "the place"
    words = (
        f" In the long run it is truly {which}{of} with {measure.most}, with a probability of "
        f"{_tell_probability(float(p))}."
    )
    if p < MOSTLY_LUCK:
        words += (
            " It comes first by what was counted; places of its kind differ so little, as far as "
            "the function knows, that most of it is luck."
        )
    return words


def _tell_probability(p: float) -> str:
    if p > 0.99:
        return "more than 99%"
    return "less than 1%" if p < 0.01 else f"{p:.0%}"


def describe_agreement(pairs: pd.DataFrame, measure: Measure, *, column: str, k: int) -> str:
    """Say how far each measure agrees with the chosen one, and over how many places.

    `column` is the share of the worst k that both have, NaN where it would say nothing.
    """
    words = {one.key: one.title for one in COMPARED}
    mine = pairs[pairs["measure"] == measure.key].sort_values([column, "spearman"], ascending=False)
    if mine.empty:
        return (
            "This measure is left out of the comparison: it asks another question, or says "
            "nothing of most places. Choose another to see how far it agrees with the others."
        )
    told_of = mine[mine[[column, "spearman"]].notna().any(axis=1)]
    if told_of.empty:
        return (
            f"**{escape_markdown(measure.title)}** has the same value at all of these places, or "
            "at too many to compare: there is no order that others could agree with."
        )
    lines = [f"**{escape_markdown(measure.title)}** and …"]
    for row in told_of.to_dict("records"):
        share, low, high = (row[name] for name in (column, f"{column}_low", f"{column}_high"))
        parts = []
        if pd.notna(share):
            has_width = pd.notna(low) and pd.notna(high) and low < high
            interval = f" ({100 * low:.0f} to {100 * high:.0f})" if has_width else ""
            parts.append(f"{100 * share:.0f}%{interval} in common")
        if pd.notna(row["spearman"]):
            parts.append(f"rank correlation {row['spearman']:.2f}")
        n_sites = int(row["n_sites"])
        lines.append(f"- {words[row['other']]}: {', '.join(parts)}, over {n_sites:,} places")
    if mine[column].notna().any():
        lines.append(
            f"\nIn common: of the worst {k} places, in brackets the 95% interval over resampled "
            f"places. It is left out where a worst {k} would say nothing: too few places, or too "
            "many with the same value at its edge. Places with a crash only."
        )
    else:
        lines.append(
            "\nNo worst places are compared: there are too few places with a crash, or too many "
            "of them have the same value. The rank correlation is 1 for the same order, 0 for none."
        )
    return "\n".join(lines)


def describe_high_injury(network: Mapping[str, Any], period: str) -> str:
    """Say how little road holds how much harm, and how much of that is chance."""
    share, length = network["share"], network["length_km"]
    if network["n_crashes"] < LEAST_FOR_NETWORK:
        n = int(network["n_crashes"])
        told = "crash was" if n == 1 else "crashes were"
        return (
            f"The data cannot tell which roads hold {share:.0%}: only {n} fatal or serious {told} "
            f"reported {period}."
        )
    words = (
        f"**{length:,.1f} km of road, {_tell_share(network['length_share'])} of all, hold "
        f"{share:.0%} of the {network['n_crashes']:,} fatal or serious crashes** reported {period}."
    )
    words += " That is chosen by hindsight, on these very crashes."
    needed, total = network.get("length_needed_km"), network.get("total_km")
    low, high = network.get("length_needed_low_km"), network.get("length_needed_high_km")
    if needed is not None and total is not None and low is not None and high is not None:
        words += (
            f" A choice made on half of them needs **{_tell_km(needed)} km** ({_tell_km(low)} to "
            f"{_tell_km(high)}) to hold the same share of the other half; of roads taken by lot, "
            f"{_tell_km(share * total)} km would do."
        )
    held, again = network.get("held_left_out_share"), network.get("chosen_again_share")
    if held is not None and again is not None:
        words += (
            f" Chosen on a part of them, so short a network held only {_tell_share(held)} of the "
            f"others, and {_tell_share(again)} of it would be chosen again."
        )
        if held < share / 2:
            words += (
                " Most of these crashes stand where they stand by chance: treat the list as a "
                "record of the past, not as where the next ones will be."
            )
    return words


def describe_first_stretch(row: Mapping[Any, Any]) -> str:
    """Say how long the first segment of the list is, and that short ones rate high."""
    n = int(row["n_ksi_crashes"])
    return (
        f"Ordered by fatal or serious crashes for each kilometre. The first is "
        f"{row['length_m']:,.0f} m long and has {n:,} {'crash' if n == 1 else 'crashes'}: short "
        "stretches rate high, for one crash on them is many for each kilometre."
    )


def _tell_km(km: float) -> str:
    return f"{km:,.0f}" if km >= 10 else f"{km:,.1f}"


def _tell_share(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def describe_function(found: Mapping[str, Any]) -> str:
    """Say in words what the function is made of."""
    if not has_function(found):
        n = sum(int(one.get("own_crashes", 0)) for one in found.get("types", []))
        return (
            f"No function was fitted: {n:,} {'crash is' if n == 1 else 'crashes are'} too few. Of "
            "each kind of place only the mean rate is known, so that little can be said of single "
            "places."
        )
    terms = [term for term in found.get("terms", []) if term != "constant"]
    shown = [WORDS.get(term, term) for term in terms if not term.startswith("main road")]
    if any(term.startswith("main road") for term in terms):
        shown.append("the class of the main road")
    made = f", and {', '.join(shown)}" if shown else ""
    length = "" if found.get("of") == "intersection" else " and its length"
    form = (
        "k is for a kilometre of road: longer places differ less"
        if found.get("k_form") == "per_km"
        else "k is for one place, long or short"
    )
    means = [one for one in found.get("types", []) if _is_mean_rate(one)]
    some = " (of kinds with few crashes only the mean rate is used)" if means else ""
    return (
        f"Predicted from the kind of place{length}{made}, by a regression{some}. *k* "
        f"says how far places of a kind differ beyond chance (0: not at all); {form}. Traffic is "
        "not known, so that a busy place stands above what is usual because it is busy."
    )


def has_function(found: Mapping[str, Any]) -> bool:
    """Tell whether any kind of place has more than a mean rate."""
    return any(not _is_mean_rate(one) for one in found.get("types", []))


def tell_method(one: Mapping[str, Any]) -> str:
    """Write how the function of a kind of place was found."""
    method = "mean rate" if _is_mean_rate(one) else str(one["method"])
    return method + ("" if one["fitted_as"] == one["facility"] else ", with others")


def tell_k(one: Mapping[str, Any]) -> str:
    """Write how far places of a kind differ; nothing where too few crashes tell it."""
    is_lent = "mean of the other types" in str(one["notes"])
    if not is_lent and int(one["n_crashes"]) < LEAST_FOR_K:
        return "not known"
    return f"{one['overdispersion_k']:.2f}"


def _is_mean_rate(one: Mapping[str, Any]) -> bool:
    return one["method"] == "mean rate" or "mean rate only" in str(one["notes"])


LEAST_FOR_K = 30  # crashes of a kind, for its k to be its own
LEAST_FOR_NETWORK = 20  # fatal or serious crashes for a high-injury network
MOSTLY_LUCK = 0.1  # probability below which a first place is called luck
NO_SAY = 0.999  # weight of what is usual, at which the count has no say
WORDS = {
    "intersection_share": "how much of it is within intersections",
    "ln_workers": "how many workers pass",
    "ln_population": "how many people live around",
    "ln_night_light": "light at night",
}
