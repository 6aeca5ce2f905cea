"""Hotspots that emerge, persist, fade or come and go from period to period.

A hotspot's crashes are set beside those of the whole area, so that a change of reporting or
traffic everywhere is none of the hotspot's. Where the data cannot tell, that is the class.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.errors import InputError
from models.arrays import BoolArray, FloatArray, IntArray
from models.rates import compute_poisson_interval
from models.relative_trend import compute_relative_trend, compute_uneven_p, require_periods
from models.screening import adjust_fdr

__all__ = ["PATTERNS", "HotspotChange", "find_hotspot_changes"]

PATTERNS: Final = {  # and what each means, in the order in which they are tried
    "new": "its share of all crashes rose, from no more than expected",
    "emerging": "its share of all crashes rose",
    "ended": "its share of all crashes fell, to no more than expected",
    "fading": "its share of all crashes fell",
    "sporadic": "its share of all crashes changed without rising or falling throughout",
    "persistent": "above what is expected early and late, without a change that shows",
    "cannot tell": "too few crashes to tell a change, or to tell that it lasts",
}
STEADY_RATIO: Final = 2.0  # steady: the share has changed by less than this over all periods


@dataclass(frozen=True, slots=True, kw_only=True)
class HotspotChange:
    """How hotspots (or lixels) changed over periods.

    Attributes
    ----------
    table
        One row a place, in the order given: `pattern` (a word of `PATTERNS`), `meaning` (a
        sentence), `n_crashes`, `n_early`, `n_late` (first and last half of the periods; the middle
        of an odd number is in neither), `change_ratio` with `change_ci_low`, `change_ci_high` (of
        the place's share of all crashes, last period against first), `p_change`, `q_change`,
        `p_uneven`, `q_uneven`, `ratio_early`, `ratio_early_ci_low`, `ratio_late`,
        `ratio_late_ci_low` (against what is expected), `is_steady`.
    n_periods
        Number of periods.
    variance_ratio
        How much more counts vary over periods than chance and trends explain, over all places
        [-]; well above 1, p-values are too small.
    meaning
        One plain sentence on all places.
    """

    table: pd.DataFrame
    n_periods: int
    variance_ratio: float
    meaning: str


def find_hotspot_changes(
    n_crashes: ArrayLike,
    n_total: ArrayLike,
    expected: ArrayLike,
    *,
    rng: np.random.Generator,
    periods: Sequence[str] | None = None,
    fdr: float = 0.05,
    confidence: float = 0.95,
) -> HotspotChange:
    """Tell which hotspots emerge, persist, fade, or come and go, and where it cannot be told.

    Parameters
    ----------
    n_crashes
        Crashes by place and period, shape (n_places, n_periods).
    n_total
        Crashes of the whole area by period, shape (n_periods,).
    expected
        Crashes expected at each place over all periods under the null by which hotspots were
        found (road class, exposure, SPF), shape (n_places,).
    rng
        For the test of uneven shares.
    periods
        Names of the periods, for the sentences; None: "period 1", ...
    fdr
        Share of false discoveries among the changes named [share].
    confidence
        Of intervals [share].

    Returns
    -------
    change
        Pattern, figures and a sentence for each place.

    Raises
    ------
    InputError
        As `models.relative_trend.require_periods`, or if names or means do not fit.

    Notes
    -----
    A rise or fall is that of `compute_relative_trend` with q at most `fdr`; *new* if the early
    half is not above what is expected, *ended* if the late half is not. *Sporadic*: chi-square
    of shares with q at most `fdr`. *Persistent*: both halves above what is expected (lower limits
    above 1). Places with so few crashes that no outcome could have p at most `fdr` are not tested,
    and do not count in the adjustment (Tarone 1990). The Mann-Kendall test on Gi* by period, as of
    "emerging hot spots", is not used: it leaves out how sure each period's figure is, and with four
    periods its smallest two-sided p is 1/12.

    References
    ----------
    Tarone, R. (1990). A modified Bonferroni method for discrete data. Biometrics 46, 515-522.
    doi:10.2307/2531456
    """
    counts, total = require_periods(n_crashes, n_total)
    mean = np.asarray(expected, dtype=np.float64)
    n_places, n_periods = counts.shape
    names = list(periods) if periods is not None else _number(n_periods)
    if mean.shape != (n_places,) or len(names) != n_periods or not np.all(mean >= 0):
        message = (
            f"hotspot changes: {n_places} places and {n_periods} periods, but means of shape "
            f"{mean.shape} (from 0) and {len(names)} names; give one each."
        )
        raise InputError(message)
    trend = compute_relative_trend(counts, total, confidence=confidence)
    uneven = compute_uneven_p(counts, total, rng=rng)
    is_tested = trend.least_p <= fdr
    table = pd.DataFrame({"n_crashes": counts.sum(axis=1)})
    half = n_periods // 2
    with np.errstate(over="ignore"):
        table["change_ratio"] = trend.ratio ** (n_periods - 1)
        table["change_ci_low"] = trend.ci_low ** (n_periods - 1)
        table["change_ci_high"] = trend.ci_high ** (n_periods - 1)
    table["p_change"], table["q_change"] = trend.p_value, _adjust(trend.p_value, is_tested)
    table["p_uneven"], table["q_uneven"] = uneven, _adjust(uneven, is_tested)
    for name, part in (("early", slice(0, half)), ("late", slice(n_periods - half, n_periods))):
        n = counts[:, part].sum(axis=1)
        base = mean * total[part].sum() / max(int(total.sum()), 1)
        low, _ = compute_poisson_interval(n, confidence)
        with np.errstate(divide="ignore", invalid="ignore"):
            table[f"n_{name}"] = n
            table[f"ratio_{name}"], table[f"ratio_{name}_ci_low"] = n / base, low / base
    table["is_steady"] = (table["change_ci_low"] > 1 / STEADY_RATIO) & (
        table["change_ci_high"] < STEADY_RATIO
    )
    table["pattern"] = _classify(table, fdr)
    spans = _name_halves(names)
    table["meaning"] = [_describe(row, spans, names) for row in table.to_dict("records")]
    return HotspotChange(
        table=table,
        n_periods=n_periods,
        variance_ratio=_estimate_variance_ratio(counts, total, trend.ratio, is_tested),
        meaning=_summarise(table, names),
    )


def _number(n_periods: int) -> list[str]:
    return [f"period {i + 1}" for i in range(n_periods)]


def _adjust(p_value: FloatArray, is_tested: BoolArray) -> FloatArray:
    """Adjust over the places that were tested; NaN elsewhere."""
    q_value = np.full(len(p_value), np.nan)
    q_value[is_tested] = adjust_fdr(p_value[is_tested])
    return q_value


def _classify(table: pd.DataFrame, fdr: float) -> list[str]:
    changes = table["q_change"].to_numpy() <= fdr
    rises = changes & (table["change_ratio"].to_numpy() > 1)
    falls = changes & ~rises
    is_low_early = ~(table["ratio_early"].to_numpy() > 1)
    is_low_late = ~(table["ratio_late"].to_numpy() > 1)
    lasts = (table["ratio_early_ci_low"] > 1) & (table["ratio_late_ci_low"] > 1)
    choices = [
        rises & is_low_early,
        rises,
        falls & is_low_late,
        falls,
        table["q_uneven"].to_numpy() <= fdr,
        lasts.to_numpy(),
    ]
    found = np.select(choices, list(PATTERNS)[:-1], default="cannot tell")
    return [str(one) for one in found]


def _name_halves(names: list[str]) -> tuple[str, str]:
    half = len(names) // 2
    if half == 1:
        return names[0], names[-1]
    return f"{names[0]} to {names[half - 1]}", f"{names[-half]} to {names[-1]}"


def _describe(row: Mapping[Hashable, Any], spans: tuple[str, str], names: list[str]) -> str:
    seen = f"{_count(row['n_early'])} in {spans[0]} and {row['n_late']} in {spans[1]}"
    if len(names) % 2 and len(names) > 1:
        middle = row["n_crashes"] - row["n_early"] - row["n_late"]
        seen += f", {middle} in {names[len(names) // 2]} between them"
    between = _say_between(row["change_ci_low"], row["change_ci_high"])
    first, last = names[0], names[-1]
    pattern = row["pattern"]
    if pattern in ("new", "emerging", "ended", "fading"):
        sure = f"{between}; q = {row['q_change']:.2g}"
        ratio = row["change_ratio"]
        if np.isinf(ratio):
            sentence = f"Its share of all crashes rose from nothing in {first} ({sure}): {seen}."
        elif ratio == 0:
            sentence = f"Its share of all crashes fell to nothing in {last} ({sure}): {seen}."
        else:
            sentence = (
                f"Its share of all crashes in {last} is {_say(ratio)} times that in {first} "
                f"({sure}): {seen}."
            )
        if pattern == "new":
            sentence += " Early it had no more than expected."
        elif pattern == "ended":
            sentence += " Late it had no more than expected."
        return sentence
    if pattern == "sporadic":
        return (
            "It comes and goes: its share of all crashes differs between periods more than "
            f"chance would have it (q = {row['q_uneven']:.2g}), without rising or falling "
            f"throughout: {seen}."
        )
    may_be = f"its share of all crashes in {last} may be {between} that in {first}"
    if pattern == "persistent":
        sentence = (
            f"It lasts: {row['ratio_early']:.1f} times what is expected early and "
            f"{row['ratio_late']:.1f} times late ({seen})."
        )
        if row["is_steady"]:
            return f"{sentence} It changed little: {may_be}."
        return f"{sentence} Whether it grows or shrinks the data cannot tell: {may_be}."
    if np.isnan(row["q_change"]):
        return f"The data cannot tell: with {_count(row['n_crashes'])} no change could show."
    return f"The data cannot tell: {seen}; {may_be}."


def _count(n: int) -> str:
    return f"{n} crash" if n == 1 else f"{n} crashes"


def _say_between(low: float, high: float) -> str:
    if np.isinf(high):
        return "any number of times" if low == 0 else f"at least {_say(low)} times"
    return f"at most {_say(high)} times" if low == 0 else f"{_say(low)} to {_say(high)} times"


def _say(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 0.95 else f"{ratio:.1f}"


def _estimate_variance_ratio(
    counts: IntArray, total: IntArray, ratio: FloatArray, is_used: BoolArray
) -> float:
    """Divide chi-square about each place's own trend by its degrees of freedom."""
    left = counts.shape[1] - 2
    is_used = is_used & np.isfinite(ratio) & (ratio > 0)
    if left < 1 or not is_used.any():
        return float("nan")
    times = np.arange(counts.shape[1])
    shape = total[None, :] * ratio[is_used, None] ** times
    fitted = counts[is_used].sum(axis=1, keepdims=True) * shape / shape.sum(axis=1, keepdims=True)
    squares = np.divide(
        (counts[is_used] - fitted) ** 2, fitted, out=np.zeros_like(fitted), where=fitted > 0
    )
    return float(squares.sum() / (left * is_used.sum()))


def _summarise(table: pd.DataFrame, names: list[str]) -> str:
    n = table["pattern"].value_counts()
    parts = [f"{n[word]} {word}" for word in PATTERNS if word != "cannot tell" and word in n]
    unknown = int(n.get("cannot tell", 0))
    told = ", ".join(parts) if parts else "none with a change or a duration that shows"
    return (
        f"Of {len(table)} places from {names[0]} to {names[-1]}: {told}; of {unknown} the data "
        "cannot tell. Each is compared with the whole area, whose own change is left out."
    )
