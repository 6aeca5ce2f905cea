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
    hurt, crashes = result["workers_hurt"], result["crashes"]
    likely = float(result["probability_fewer_hurt"])
    sure = (
        "The data point to fewer"
        if likely > 0.975
        else "The data point to more"
        if likely < 0.025
        else "The data cannot tell whether fewer"
    )
    return (
        f"If {float(result['share']):.0%} of the kilometres by {start} were travelled by {end}: "
        f"{_say_change(hurt)} workers hurt a year (95% interval {_say_range(hurt)}), of "
        f"{hurt['before']:.0f} reported now; {_say_change(crashes)} crashes "
        f"({_say_range(crashes)}), of {crashes['before']:.0f}. {sure} would be hurt. "
        "A comparison of rates, not a measured effect."
    )


def _say_change(outcome: Mapping[str, Any]) -> str:
    change = float(outcome["difference"])
    return f"{abs(change):.1f} {'fewer' if change <= 0 else 'more'}"


def _say_range(outcome: Mapping[str, Any]) -> str:
    return f"{float(outcome['difference_low']):+.1f} to {float(outcome['difference_high']):+.1f}"
