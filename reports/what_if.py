"""What a change would bring, in words that carry how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["describe_mode_shift"]


def describe_mode_shift(result: Mapping[str, Any]) -> str:
    """Say what a change of vehicle would bring, with its interval, as a model's answer.

    Parameters
    ----------
    result
        A `models.mode_shift.ModeShift` as plain values.
    """
    start, end = (str(result[name]).replace("_", " ") for name in ("from_mode", "to_mode"))
    share = float(result["share"])
    if share == 0:
        return f"With 0% of the kilometres by {start} nobody changes vehicle: nothing would change."
    hurt, crashes = result["workers_hurt"], result["crashes"]
    likely = float(result["probability_fewer_hurt"])
    sure = (
        "The data point to fewer workers hurt."
        if likely > 0.975
        else "The data point to more workers hurt."
        if likely < 0.025
        else "The data cannot tell whether fewer or more workers would be hurt."
    )
    level = f"{float(result['confidence']):.0%}"
    said = [
        f"If {share:.0%} of the kilometres by {start} were travelled by {end}: "
        f"{_say_change(hurt)} workers hurt a year ({level} interval {_say_range(hurt)}), of "
        f"{hurt['before']:.0f} reported now. {sure}",
        *(_say_none_seen(result, mode) for mode, n in result["n_crashes"].items() if not n),
        f"Crashes: {_say_change(crashes)} a year ({_say_range(crashes)}), of "
        f"{crashes['before']:.0f}; one crash can hurt all who are aboard, so their number says "
        "little of a worker's risk.",
        "A comparison of rates, not a measured effect.",
    ]
    return " ".join(said)


def _say_none_seen(result: Mapping[str, Any], mode: str) -> str:
    """Say of a mode without a crash that its rate is known from above only."""
    return (
        f"No crash of workers by {mode.replace('_', ' ')} is reported yet, in "
        f"{float(result['worker_km'][mode]) / 1e6:.1f} million worker-km: its rate is known from "
        f"above only (at most {float(result['crashes_per_million_high'][mode]):.2g} per million), "
        "and how many such a crash would hurt is taken from vehicles like it."
    )


def _say_change(outcome: Mapping[str, Any]) -> str:
    change = round(float(outcome["difference"]), 1)
    if change == 0:
        return "about as many"
    return f"{abs(change):.1f} {'fewer' if change < 0 else 'more'}"


def _say_range(outcome: Mapping[str, Any]) -> str:
    low, high = (round(float(outcome[f"difference_{end}"]), 1) for end in ("low", "high"))
    return f"{low + 0.0:+.1f} to {high + 0.0:+.1f}"
