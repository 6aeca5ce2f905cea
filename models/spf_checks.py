"""Does a safety performance function fit: its total here, and along each of its columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError, NotEnoughDataError
from models.arrays import require_counts, require_same_length
from models.rates import require_confidence

__all__ = ["Calibration", "Cure", "compute_cure", "estimate_calibration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """By how much predictions are multiplied to fit an area."""

    factor: float  # observed ÷ predicted
    se: float
    ci_low: float
    ci_high: float
    n_observed: float
    n_predicted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """Cumulative residuals along a column.

    `points` has `value` (of the column), `cumulative` (observed minus predicted, summed from
    the lowest value on) and `limit` (twice its standard deviation, to either side of 0).
    """

    column: str
    points: pd.DataFrame
    share_outside: float  # of all sites, where the sum is beyond the limits
    greatest_share: float  # greatest absolute sum ÷ all crashes


def estimate_calibration(
    observed: ArrayLike,
    predicted: ArrayLike,
    overdispersion_k: ArrayLike = 0.0,
    *,
    confidence: float = 0.95,
) -> Calibration:
    """Estimate the calibration factor of a function in an area.

    Parameters
    ----------
    observed
        Crashes per site, shape (n_sites,).
    predicted
        Crashes the function predicts for the same sites and period, >= 0.
    overdispersion_k
        k of the function, one number or one a site; widens the interval.
    confidence
        Confidence level [share].

    Returns
    -------
    calibration
        Factor, its standard error sqrt(sum of (m + k·m²)) ÷ sum of mu with m = factor·mu,
        and an interval that is symmetric on the logarithm.

    Raises
    ------
    InputError
        If lengths differ or a value cannot be used.
    NotEnoughDataError
        If nothing was observed or predicted.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., appendix A to part C.
    Bahar, G. & Hauer, E. (2014). User's Guide to Develop Highway Safety Manual Safety
    Performance Function Calibration Factors. NCHRP 20-07(332).
    """
    counts = require_counts("observed", observed)
    mean = np.asarray(predicted, dtype=np.float64)
    require_same_length(observed=counts, predicted=mean)
    if not np.all(np.isfinite(mean) & (mean >= 0)):
        message = "predicted: holds negative or missing values; give numbers from 0."
        raise InputError(message)
    total, base = float(counts.sum()), float(mean.sum())
    if total == 0 or base == 0:
        message = (
            f"calibration: {total:.0f} crashes observed, {base:g} predicted; both must be > 0."
        )
        raise NotEnoughDataError(message)
    factor = total / base
    fitted = factor * mean
    k = np.asarray(overdispersion_k, dtype=np.float64)
    se = float(np.sqrt((fitted + k * fitted**2).sum())) / base
    z = float(special.ndtri(0.5 + require_confidence(confidence) / 2))
    width = float(np.exp(z * se / factor))
    return Calibration(
        factor=factor,
        se=se,
        ci_low=factor / width,
        ci_high=factor * width,
        n_observed=total,
        n_predicted=base,
    )


def compute_cure(
    observed: ArrayLike,
    predicted: ArrayLike,
    values: ArrayLike,
    *,
    column: str,
    n_points: int = 200,
) -> Cure:
    """Sum the residuals along a column: a CURE plot.

    Parameters
    ----------
    observed, predicted
        Crashes per site over the same period, shape (n_sites,).
    values
        Column that the sites are ordered by, finite, shape (n_sites,).
    column
        Its name, kept for the plot.
    n_points
        Points kept of the curve, at least 2; the shares are of all sites.

    Returns
    -------
    cure
        The curve with limits 2·sigma·sqrt(1 - sigma²/sigma²(all)), sigma² the sum of
        squared residuals so far, and how much of it is outside.

    Raises
    ------
    InputError
        If lengths differ or a value is missing.

    Notes
    -----
    A sum that drifts means that the function is wrong over that range; a jump, an
    outlier. Sites of equal value are summed together: their order says nothing. The residuals
    are rescaled to sum to 0, so that both ends meet the line.

    References
    ----------
    Hauer, E. & Bamfo, J. (1997). Two tools for finding what function links the dependent
    variable to the explanatory variables. ICTCT conference, Lund.
    """
    counts = require_counts("observed", observed)
    mean = np.asarray(predicted, dtype=np.float64)
    place = np.asarray(values, dtype=np.float64)
    n_sites = require_same_length(observed=counts, predicted=mean, values=place)
    if not np.all(np.isfinite(place) & np.isfinite(mean)):
        message = f"CURE: values of {column} or predictions are missing; leave those sites out."
        raise InputError(message)
    if n_sites == 0 or mean.sum() <= 0:
        empty = pd.DataFrame({"value": [], "cumulative": [], "limit": []}, dtype=np.float64)
        return Cure(column=column, points=empty, share_outside=0.0, greatest_share=0.0)
    order = np.argsort(place, kind="stable")
    residual = (counts - mean * (counts.sum() / mean.sum()))[order]
    ends = np.r_[np.flatnonzero(np.diff(place[order]) > 0), n_sites - 1]
    total = np.cumsum(residual)[ends]
    variance = np.cumsum(residual**2)[ends]
    share = variance / variance[-1] if variance[-1] > 0 else np.zeros(len(ends))
    limit = 2 * np.sqrt(np.maximum(variance * (1 - share), 0.0))
    is_outside = np.abs(total) > limit + 1e-9 * max(1.0, float(counts.sum()))
    n_each = np.diff(np.r_[-1, ends])
    kept = np.unique(np.linspace(0, len(ends) - 1, max(n_points, 2)).astype(np.int64))
    points = {"value": place[order][ends][kept], "cumulative": total[kept], "limit": limit[kept]}
    return Cure(
        column=column,
        points=pd.DataFrame(points),
        share_outside=float(n_each[is_outside].sum() / n_sites),
        greatest_share=float(np.abs(total).max() / max(float(counts.sum()), 1.0)),
    )
