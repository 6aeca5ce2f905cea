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
    about = f"{events} to the {others}" if is_cross else events
    sure = f"p = {result.p_global:.3g}, {result.n_simulations} simulations"
    is_above, is_below = result.k > result.global_high, result.k < result.global_low
    if result.p_global > result.level or not (is_above | is_below).any():
        return _tell_nothing(result, about, sure)
    first = is_above if is_above.sum() >= is_below.sum() else is_below
    at = _find_clearest(result, first)
    r_m, ratio = result.r_m[at], result.ratio[at]
    many = f"{ratio:.2g} times as many" if np.isfinite(ratio) else "some, where chance puts no,"
    found = f"{events} as expected" if is_cross else "others as expected"
    one = f"a {other}" if is_cross else f"a {event}"
    where = f"{name} lie {'closer' if is_above[at] else 'farther'}"
    where += f" {'to the ' + others if is_cross else 'together' if is_above[at] else 'apart'}"
    text = f"{where} than chance {_tell_range(result, first)}: within {r_m:g} m of {one} there "
    text += f"are {many} {found} ({sure})."
    if (is_above & ~first).any() or (is_below & ~first).any():
        opposite = is_below if first is is_above else is_above
        text += f" It is the other way round {_tell_range(result, opposite)}."
    return text


def _name_many(word: str) -> str:
    """Return the plural of an English word."""
    return f"{word}es" if word.endswith(("s", "sh", "ch", "x")) else f"{word}s"


def _tell_nothing(result: KResult, about: str, sure: str) -> str:
    """Say that nothing was found, and what would have been."""
    at = len(result.r_m) - 1
    text = f"The data cannot tell the places of {about} from chance ({sure})"
    if result.expected[at] > 0:
        low, high = (
            one[at] / result.expected[at] for one in (result.global_low, result.global_high)
        )
        text += (
            f": within {result.r_m[at]:g} m there are {result.ratio[at]:.2g} times as many as "
            f"expected, and chance gives {low:.2g} to {high:.2g} times"
        )
    few = f" {result.n_events} are few to see anything by." if result.n_events < FEW else ""
    return f"{text}.{few}"


def _tell_range(result: KResult, is_out: np.ndarray) -> str:
    """Say at which distances a curve is outside the envelope."""
    r_m, at = result.r_m, np.flatnonzero(is_out)
    if at[0] == 0 or not (result.expected[: at[0]] > 0).any():
        return f"up to {r_m[at[-1]]:g} m"
    return f"between {r_m[at[0]]:g} and {r_m[at[-1]]:g} m"


def _find_clearest(result: KResult, is_out: np.ndarray) -> int:
    """Return the distance at which the curve is farthest out, in widths of the envelope."""
    width = np.maximum(result.global_high - result.global_low, np.finfo(float).tiny)
    out = np.maximum(result.k - result.global_high, result.global_low - result.k) / width
    return int(np.argmax(np.where(is_out, out, -np.inf)))
