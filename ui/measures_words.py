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
    "describe_function",
    "describe_high_injury",
    "describe_worst",
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


def describe_worst(top: Mapping[Any, Any], *, n_worst: int, period: str, n_first: int = 1) -> str:
    """Say what the list says of its first place, and how sure that is."""
    name = escape_markdown(top["label"])
    n = int(top["n_crashes"])
    lead = "First is" if n_first < 2 else f"{n_first} places listed share the first rank; one is"
    words = f"{lead} **{name}**: {n:,} {'crash' if n == 1 else 'crashes'} reported {period}, "
    words += f"{int(top['n_ksi_crashes']):,} of them fatal or serious."
    if pd.notna(top.get("n_expected")):
        words += f" With luck taken out, {top['n_expected']:,.1f} would be expected there."
    if pd.notna(top.get("p_worst")) and n_worst:
        words += (
            f" It is truly among the {n_worst} places with the most excess with a probability of "
            f"{_tell_probability(float(top['p_worst']))}."
        )
    return words


def _tell_probability(p: float) -> str:
    if p > 0.99:
        return "more than 99%"
    return "less than 1%" if p < 0.01 else f"{p:.0%}"


def describe_agreement(pairs: pd.DataFrame, measure: Measure, *, column: str, k: int) -> str:
    """Say how far each measure agrees with the chosen one."""
    words = {one.key: one.title for one in COMPARED}
    mine = pairs[pairs["measure"] == measure.key].sort_values(column, ascending=False)
    if mine.empty:
        return (
            "This measure is left out of the comparison: it asks another question, or says "
            "nothing of most places. Choose another to see how far it agrees with the others."
        )
    lines = [f"**{escape_markdown(measure.title)}** and …"]
    for row in mine.to_dict("records"):
        share, low, high = (row[name] for name in (column, f"{column}_low", f"{column}_high"))
        if pd.isna(share):
            continue
        interval = f" ({100 * low:.0f} to {100 * high:.0f})" if pd.notna(low) else ""
        rho = f", rank correlation {row['spearman']:.2f}" if pd.notna(row["spearman"]) else ""
        lines.append(f"- {words[row['other']]}: {100 * share:.0f}%{interval} in common{rho}")
    n_sites = int(mine["n_sites"].max())
    lines.append(
        f"\nOver {n_sites:,} places with a crash; in brackets the 95% interval of the worst {k} "
        "in common, over resampled places."
    )
    return "\n".join(lines)


def describe_high_injury(network: Mapping[str, Any], period: str) -> str:
    """Say how little road holds how much harm, and how much of that is chance."""
    share, length = network["share"], network["length_km"]
    words = (
        f"**{length:,.1f} km of road, {_tell_share(network['length_share'])} of all, hold "
        f"{share:.0%} of the {network['n_crashes']:,} fatal or serious crashes** reported {period}."
    )
    words += " That is chosen by hindsight, on these very crashes."
    needed, total = network.get("length_needed_km"), network.get("total_km")
    low, high = network.get("length_needed_low_km"), network.get("length_needed_high_km")
    if None not in (needed, total, low, high):
        words += (
            f" A choice made on half of them needs **{needed:,.0f} km** ({low:,.0f} to "
            f"{high:,.0f}) to hold the same share of the other half; of roads taken by lot, "
            f"{share * total:,.0f} km would do."
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


def _tell_share(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def describe_function(found: Mapping[str, Any]) -> str:
    """Say in words what the function is made of."""
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
    return (
        f"Predicted from the kind of place{length}{made}, by a negative-binomial regression. *k* "
        f"says how far places of a kind differ beyond chance (0: not at all); {form}. Traffic is "
        "not known, so that a busy place stands above what is usual because it is busy."
    )


WORDS = {
    "intersection_share": "how much of it is within intersections",
    "ln_workers": "how many workers pass",
    "ln_population": "how many people live around",
    "ln_night_light": "light at night",
}
