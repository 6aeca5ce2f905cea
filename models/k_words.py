"""What a network K function means, in a sentence."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.k_function import KResult

__all__ = ["describe_clustering"]

FEW: Final = 20  # events, below which a silence of the data is no news


def describe_clustering(result: KResult, *, event: str = "crash", other: str = "point") -> str:
    """Say whether events lie closer together, or to other points, than chance.

    Parameters
    ----------
    result
        From `models.k_function.evaluate_clustering`.
    event, other
        What one of them is called.

    Returns
    -------
    meaning
        One or two sentences with the effect, the p-value and the number of simulations.
    """
    events, others = _name_many(event), _name_many(other)
    name = events.capitalize()
    is_cross = result.n_to is not None
    sure = f"p = {result.p_global:.3g}, {result.n_simulations} simulations"
    is_above, is_below = result.k > result.global_high, result.k < result.global_low
    if result.p_global > result.level or not (is_above | is_below).any():
        question = f"whether {events} lie closer to the {others} than chance would put them"
        if not is_cross:
            question = f"the places of {events} from chance"
        return _tell_nothing(result, f"The data cannot tell {question} ({sure})")
    first = is_above if is_above.sum() >= is_below.sum() else is_below
    where = f"{name} lie {'closer' if first is is_above else 'farther'}"
    where += f" {'to the ' + others if is_cross else 'together' if first is is_above else 'apart'}"
    found = f"{events} as expected" if is_cross else "others as expected"
    one = f"a {other}" if is_cross else f"a {event}"
    at = _find_clearest(result, first)
    r_m, ratio = result.r_m[at], result.ratio[at]
    spot = f"within {r_m:g} m of {one}" if r_m > 0 else f"at the very place of {one}"
    effect = f"{spot} there are about {ratio:.2g} times as many {found} ({sure})"
    if not np.isfinite(ratio):
        things = events if is_cross else f"other {events}"
        effect = f"{spot} there are {things}, where chance puts none ({sure})"
    tested = f"{result.r_m[0]:g} to {result.r_m[-1]:g} m were looked at"
    if len(result.r_m) == 1:
        tested = f"only {result.r_m[0]:g} m was looked at"
    text = f"{where} than chance {_tell_range(result, first)} ({tested}): {effect}."
    if (is_above & ~first).any() or (is_below & ~first).any():
        opposite = is_below if first is is_above else is_above
        text += f" It is the other way round {_tell_range(result, opposite)}."
    return text


def _name_many(word: str) -> str:
    """Return the plural of an English word."""
    return f"{word}es" if word.endswith(("s", "sh", "ch", "x")) else f"{word}s"


def _tell_nothing(result: KResult, text: str) -> str:
    """Say that nothing was found, and what would have been."""
    at = len(result.r_m) - 1
    if result.expected[at] > 0:
        low, high = (
            one[at] / result.expected[at] for one in (result.global_low, result.global_high)
        )
        text += (
            f": within {result.r_m[at]:g} m there are {result.ratio[at]:.2g} times as many as "
            f"expected, and chance gives {low:.2g} to {high:.2g} times"
        )
    text += "."
    least = int(np.ceil(1 / result.level - 1e-9)) - 1
    if result.n_simulations < least:
        smallest = 1 / (result.n_simulations + 1)
        text += (
            f" No data could: with {result.n_simulations} simulations p is {smallest:.2g} at "
            f"least; draw {least} or more."
        )
    if result.n_events < FEW:
        text += f" {result.n_events} are few to see anything by."
    return text


def _tell_range(result: KResult, is_out: np.ndarray) -> str:
    """Say at which of the distances looked at a curve is first and last outside the envelope."""
    r_m, at = result.r_m, np.flatnonzero(is_out)
    first, last = r_m[at[0]], r_m[at[-1]]
    if last == 0:
        return "at one and the same place"
    if at[0] == 0 or not (result.expected[: at[0]] > 0).any():
        return f"up to about {last:g} m"
    if first == last:
        return f"at about {first:g} m"
    return f"from about {first:g} to about {last:g} m"


def _find_clearest(result: KResult, is_out: np.ndarray) -> int:
    """Return the distance at which the curve is farthest out, in widths of the envelope.

    Distances at which chance puts something, and so an effect can be told, go first.
    """
    is_told = is_out & np.isfinite(result.ratio)
    width = np.maximum(result.global_high - result.global_low, 1e-9)
    out = np.maximum(result.k - result.global_high, result.global_low - result.k) / width
    return int(np.argmax(np.where(is_told if is_told.any() else is_out, out, -np.inf)))
