"""Did it work? Crashes before and after, by designs that callers choose by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.errors import InputError, TableError, VocabularyError
from models.arrays import FloatArray, require_counts, require_same_length
from models.rate_ratios import (
    compute_hauer_effect,
    compute_rate_ratio_interval,
    find_detectable_reduction,
)

__all__ = [
    "DESIGNS",
    "GRADES",
    "BeforeAfterResult",
    "Design",
    "evaluate",
    "evaluate_naive",
]

FEW_CRASHES = 20

GRADES: Mapping[str, str] = MappingProxyType(
    {
        "A": "strong: places were chosen by lot, or the trend and chance high counts are both "
        "corrected and the checks passed",
        "B": "good: chance high counts or the trend elsewhere are corrected and checked",
        "C": "fair: compared with other places or with the earlier trend, not fully checked",
        "D": "weak: before and after only, with the change in exposure counted",
        "E": "very weak: before and after only, the change in exposure not known",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeAfterResult:
    """What a before-after design found; NaN where it cannot be computed."""

    method: str
    n_sites: int
    observed_before: int
    observed_after: int
    exposure_before: float
    exposure_after: float
    exposure_kind: str  # "exposure", "years" or "assumed equal"
    expected_after: float  # crashes after, had nothing changed but exposure
    expected_after_se: float
    rate_ratio: float  # after ÷ expected, no correction
    effect: float  # after ÷ expected, Hauer's small-sample correction
    se: float
    ci_low: float  # of the rate ratio
    ci_high: float
    confidence: float
    interval_method: str
    percent_change: float  # 100·(effect - 1)
    prevented: float  # expected_after - observed_after; negative: more crashes
    prevented_se: float
    detectable_reduction: float  # smallest reduction found with 80 % power [share]
    grade: str
    warnings: tuple[str, ...] = field(default=())

    @property
    def is_conclusive(self) -> bool:
        """True when the interval lies wholly on one side of 1."""
        return self.ci_high < 1.0 or self.ci_low > 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; what is not finite becomes None."""
        values = asdict(self)
        values["warnings"] = list(self.warnings)
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }


class Design(Protocol):
    """A before-after design: a table in, one row a site, a result out."""

    def __call__(self, table: pd.DataFrame, *, confidence: float) -> BeforeAfterResult:
        """Evaluate the table."""


def evaluate(method: str, table: pd.DataFrame, *, confidence: float = 0.95) -> BeforeAfterResult:
    """Evaluate a table of sites by the design of that name.

    Parameters
    ----------
    method
        Name of a design, one of `DESIGNS`.
    table
        One row a site (or factory): `site`, `observed_before`, `observed_after` and,
        if known, `exposure_before` and `exposure_after`, or `years_before` and
        `years_after`.
    confidence
        Confidence level of the interval [share].

    Returns
    -------
    result
        Effect, interval, crashes prevented, grade and warnings.

    Raises
    ------
    VocabularyError
        If there is no such design; names those that exist.
    TableError
        If columns are missing, or a site is missing or given twice.
    InputError
        If a count or an exposure cannot be one.
    """
    if method not in DESIGNS:
        raise VocabularyError.unknown_word("method", method, sorted(DESIGNS))
    return DESIGNS[method](table, confidence=confidence)


def evaluate_naive(
    observed_before: ArrayLike,
    observed_after: ArrayLike,
    *,
    exposure_before: ArrayLike | None = None,
    exposure_after: ArrayLike | None = None,
    exposure_kind: str = "exposure",
    confidence: float = 0.95,
) -> BeforeAfterResult:
    """Compare crashes before and after at the same sites; nothing else is corrected.

    Parameters
    ----------
    observed_before, observed_after
        Crashes in each period, one number or shape (n_sites,).
    exposure_before, exposure_after
        Exposure or length of each period, > 0, same shape; None: taken as equal.
    exposure_kind
        What the exposures are: `exposure` (worker-days, vehicle-km, ...) or `years`
        (lengths of the periods; the traffic is then taken as unchanged).
    confidence
        Confidence level of the interval [share].

    Returns
    -------
    result
        `effect` is Hauer's theta = (L/π)/(1 + Var(π)/π²) with π = Σ r·K, its standard
        error; `rate_ratio` is L/π with the exact conditional (Clopper-Pearson)
        interval; `prevented` is π - L with variance Var(π) + L.

    Raises
    ------
    InputError
        If counts are not counts, exposures are not positive, only one of the two
        exposures is given, or shapes differ.

    Notes
    -----
    K crashes before, L after, r the ratio of exposures. The interval is exact when r
    is the same at every site; else the weighted sum is matched to a Poisson count with
    the same mean and variance (Fay & Feuer's way), which is an approximation. With no
    crash before, theta is not defined; the interval then has no upper end. Not
    corrected: regression to the mean, trends, changes in reporting.

    References
    ----------
    Hauer, E. (1997). Observational Before-After Studies in Road Safety, chapters 6-7.
    Clopper, C. & Pearson, E. (1934). Biometrika 26, 404-413. doi:10.1093/biomet/26.4.404
    Fay, M. & Feuer, E. (1997). Statistics in Medicine 16, 791-801.
    doi:10.1002/(SICI)1097-0258(19970415)16:7<791::AID-SIM500>3.0.CO;2-#
    """
    before = np.atleast_1d(require_counts("observed_before", observed_before))
    after = np.atleast_1d(require_counts("observed_after", observed_after))
    n_sites = require_same_length(observed_before=before, observed_after=after)
    if n_sites == 0:
        raise TableError.empty("before-after table")
    base_before, base_after, kind = _resolve_exposure(
        exposure_before, exposure_after, n_sites, exposure_kind
    )
    ratio = base_after / base_before
    k, n_after = float(before.sum()), float(after.sum())
    expected = float((ratio * before).sum())
    variance = float((ratio**2 * before).sum())
    is_common = bool(np.allclose(ratio, ratio[0], rtol=1e-9))
    # r and K of one Poisson count with the same mean and variance as the weighted sum
    common_ratio = float(ratio[0]) if is_common or k == 0 else variance / expected
    matched_before = k if is_common or k == 0 else expected / common_ratio
    low, high = compute_rate_ratio_interval(
        matched_before, n_after, exposure_ratio=common_ratio, confidence=confidence
    )
    effect, se = compute_hauer_effect(n_after, expected, variance)
    return BeforeAfterResult(
        method="naive",
        n_sites=n_sites,
        observed_before=int(k),
        observed_after=int(n_after),
        exposure_before=float(base_before.sum()),
        exposure_after=float(base_after.sum()),
        exposure_kind=kind,
        expected_after=expected,
        expected_after_se=math.sqrt(variance),
        rate_ratio=n_after / expected if expected > 0 else math.nan,
        effect=effect,
        se=se,
        ci_low=low,
        ci_high=high,
        confidence=confidence,
        interval_method="exact conditional binomial"
        if is_common
        else "conditional binomial, sites' exposure ratios matched in mean and variance",
        percent_change=100.0 * (effect - 1.0),
        prevented=expected - n_after,
        prevented_se=math.sqrt(variance + n_after),
        detectable_reduction=find_detectable_reduction(
            matched_before, exposure_ratio=common_ratio, confidence=confidence
        ),
        grade="D" if kind == "exposure" else "E",
        warnings=_warn_naive(k, n_after, low, high, kind),
    )


def _resolve_exposure(
    before: ArrayLike | None, after: ArrayLike | None, n_sites: int, kind: str
) -> tuple[FloatArray, FloatArray, str]:
    if before is None and after is None:
        return np.ones(n_sites), np.ones(n_sites), "assumed equal"
    if before is None or after is None:
        message = "exposure: given for one period only; give both periods or neither."
        raise InputError(message)
    if kind not in {"exposure", "years"}:
        raise VocabularyError.unknown_word("exposure_kind", kind, ["exposure", "years"])
    base_before = np.atleast_1d(np.asarray(before, dtype=np.float64))
    base_after = np.atleast_1d(np.asarray(after, dtype=np.float64))
    for name, base in (("before", base_before), ("after", base_after)):
        if base.shape != (n_sites,):
            message = f"{kind}_{name}: shape {base.shape} for {n_sites} site(s); give one each."
            raise InputError(message)
        is_bad = ~(np.isfinite(base) & (base > 0))
        if is_bad.any():
            first = int(np.flatnonzero(is_bad)[0])
            message = (
                f"{kind}_{name}: {int(is_bad.sum())} of {n_sites} value(s) are not above 0, "
                f"first at position {first}: {base[first]}; leave out sites with none."
            )
            raise InputError(message)
    return base_before, base_after, kind


def _warn_naive(
    n_before: float, n_after: float, low: float, high: float, kind: str
) -> tuple[str, ...]:
    """Say in words what the naive design cannot rule out."""
    found = []
    if low <= 1.0 <= high:
        found.append("The data cannot tell: the interval includes no change.")
    found.append(
        "No comparison group: whatever else changed between the periods is counted as effect."
    )
    found.append(
        "Regression to the mean is not corrected: places chosen after a bad period improve by "
        "themselves."
    )
    if kind == "assumed equal":
        found.append("Exposure and the lengths of the periods are not given; taken as equal.")
    elif kind == "years":
        found.append(
            "Only the lengths of the periods are known; workers and traffic are taken as unchanged."
        )
    if n_before + n_after < FEW_CRASHES or min(n_before, n_after) == 0:
        found.append(
            f"Small numbers: {n_before:.0f} before and {n_after:.0f} after; chance alone moves "
            "such counts a lot."
        )
    return tuple(found)


def _evaluate_naive_table(table: pd.DataFrame, *, confidence: float) -> BeforeAfterResult:
    required = ["site", "observed_before", "observed_after"]
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise TableError.missing_columns("before-after table", missing, list(table.columns))
    if table.empty:
        raise TableError.empty("before-after table")
    is_bad = table["site"].isna() | table["site"].duplicated()
    if is_bad.any():
        message = (
            f"before-after table: {int(is_bad.sum())} row(s) without a site or with one given "
            f"before, first row {int(np.flatnonzero(is_bad)[0]) + 1}; give one row a site."
        )
        raise TableError(message)
    exposures: dict[str, Any] = {}
    for kind in ("exposure", "years"):
        pair = [f"{kind}_before", f"{kind}_after"]
        given = [name for name in pair if name in table.columns]
        if len(given) == 1:
            absent = [name for name in pair if name not in given]
            raise TableError.missing_columns("before-after table", absent, list(table.columns))
        if given and not exposures:
            exposures = {
                "exposure_before": _read_numbers(table, pair[0]),
                "exposure_after": _read_numbers(table, pair[1]),
                "exposure_kind": kind,
            }
    return evaluate_naive(
        _read_numbers(table, "observed_before"),
        _read_numbers(table, "observed_after"),
        confidence=confidence,
        **exposures,
    )


def _read_numbers(table: pd.DataFrame, column: str) -> FloatArray:
    """Return a column as floats; text that is no number becomes NaN, refused later."""
    return pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)


DESIGNS: Mapping[str, Callable[..., BeforeAfterResult]] = MappingProxyType(
    {"naive": _evaluate_naive_table}
)
