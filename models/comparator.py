"""How far a naive claim would move if crashes had moved as they did elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from core.errors import InputError
from models.before_after import BeforeAfterResult
from models.rate_ratios import compute_hauer_effect

__all__ = ["ComparatorShift", "compute_comparator_shift"]

Z_95 = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparatorShift:
    """The effect had crashes without the intervention moved as a comparator's did."""

    comparator_ratio: float  # comparator after ÷ before
    effect: float
    se: float
    ci_low: float
    ci_high: float
    percent_change: float

    @property
    def is_conclusive(self) -> bool:
        """True when the interval lies wholly on one side of 1."""
        return self.ci_high < 1.0 or self.ci_low > 1.0


def compute_comparator_shift(
    result: BeforeAfterResult,
    *,
    comparator_before: float | None = None,
    comparator_after: float | None = None,
    comparator_ratio: float | None = None,
) -> ComparatorShift:
    """Compute how far a claim would move against a comparator's counts.

    Parameters
    ----------
    result
        A naive result.
    comparator_before, comparator_after
        Crashes of the comparator, > 0, in comparable periods.
    comparator_ratio
        Instead, only their ratio after ÷ before, > 0; it is then taken as known and
        the interval is too narrow.

    Returns
    -------
    shift
        Odds ratio with Hauer's correction, standard error and a 95 % interval
        (effect ± 1.96 SE, so its lower end may be below 0).

    Raises
    ------
    InputError
        If neither or both forms are given, a number is not positive, or the result
        has no crash before.

    Notes
    -----
    Illustrative unless the comparator counts the same things in the same periods. It
    assumes that without the intervention crashes would have moved in step.

    References
    ----------
    Hauer, E. (1997). Observational Before-After Studies in Road Safety, chapter 9.
    """
    counts = (comparator_before, comparator_after)
    if comparator_before is not None and comparator_after is not None and comparator_ratio is None:
        is_valid = comparator_before > 0 and comparator_after > 0
        spread = 1.0 / comparator_before + 1.0 / comparator_after if is_valid else math.nan
        ratio = comparator_after / comparator_before if is_valid else math.nan
    elif comparator_ratio is not None and counts == (None, None):
        is_valid, spread, ratio = comparator_ratio > 0, 0.0, comparator_ratio
    else:
        message = "comparator: give both its counts, or only its ratio."
        raise InputError(message)
    if not is_valid or result.observed_before == 0:
        message = "comparator: needs crashes before and comparator numbers above 0; check them."
        raise InputError(message)
    expected = result.expected_after * ratio
    variance = (result.expected_after_se * ratio) ** 2
    effect, se = compute_hauer_effect(result.observed_after, expected, variance, spread)
    return ComparatorShift(
        comparator_ratio=ratio,
        effect=effect,
        se=se,
        ci_low=effect - Z_95 * se,
        ci_high=effect + Z_95 * se,
        percent_change=100.0 * (effect - 1.0),
    )
