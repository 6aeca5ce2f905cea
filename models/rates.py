"""Counts and rates with exact intervals, and the critical rate of the HSM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError
from models.arrays import FloatArray, require_counts

__all__ = [
    "RateEstimate",
    "compute_critical_rate",
    "compute_poisson_interval",
    "compute_rate",
    "require_confidence",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateEstimate:
    """A rate and its exact interval; NaN where the exposure is too small to say."""

    rate: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray


def require_confidence(confidence: float) -> float:
    """Return the confidence level, which lies strictly between 0 and 1.

    Raises
    ------
    InputError
        If it does not.
    """
    if not 0.0 < confidence < 1.0:
        message = f"confidence is {confidence}; give a share between 0 and 1, such as 0.95."
        raise InputError(message)
    return confidence


def compute_poisson_interval(
    n: ArrayLike, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Compute the exact central interval of a Poisson mean (Garwood).

    Parameters
    ----------
    n
        Observed counts, any shape.
    confidence
        Confidence level [share], between 0 and 1.

    Returns
    -------
    low, high
        Bounds of the mean in the unit of `n`, same shape; low is 0 where `n` is 0.

    Raises
    ------
    InputError
        If `n` holds anything but counts, or `confidence` is out of range.

    Notes
    -----
    Covers at least the stated share whatever the true mean: conservative, the more
    so for small counts. It says nothing of counts that vary more than Poisson.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28,
    437-442. doi:10.1093/biomet/28.3-4.437
    """
    counts = require_counts("n", n)
    alpha = 1.0 - require_confidence(confidence)
    # gammaincinv(0, .) is nan: ask for shape 1 there and put 0 in its place
    low = np.where(counts > 0, special.gammaincinv(np.maximum(counts, 1.0), alpha / 2), 0.0)
    high = special.gammainccinv(counts + 1.0, alpha / 2)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def compute_rate(
    n: ArrayLike,
    exposure: ArrayLike,
    *,
    confidence: float = 0.95,
    min_exposure: float = 0.0,
) -> RateEstimate:
    """Divide counts by exposure, with exact Poisson intervals.

    Parameters
    ----------
    n
        Observed counts.
    exposure
        What they are divided by (km-years, 10^6 vehicle-km, ...), broadcast with `n`.
    confidence
        Confidence level [share].
    min_exposure
        At or below this exposure no rate is given (NaN).

    Returns
    -------
    estimate
        Rate and interval per unit of exposure; the exposure is taken as known.

    Raises
    ------
    InputError
        If `n` holds anything but counts, or an exposure is negative or missing.
    """
    counts, base = np.broadcast_arrays(
        require_counts("n", n), np.asarray(exposure, dtype=np.float64)
    )
    is_bad = ~np.isfinite(base) | (base < 0)
    if is_bad.any():
        first = int(np.flatnonzero(is_bad.ravel())[0])
        message = (
            f"exposure: {int(is_bad.sum())} of {base.size} value(s) are negative or missing, "
            f"first at position {first}: {base.ravel()[first]}; give 0 where there was none."
        )
        raise InputError(message)
    low, high = compute_poisson_interval(counts, confidence)
    divisor = np.where(base > min_exposure, base, np.nan)
    return RateEstimate(rate=counts / divisor, ci_low=low / divisor, ci_high=high / divisor)


def compute_critical_rate(
    mean_rate: ArrayLike, exposure: ArrayLike, *, z: float = 1.645
) -> FloatArray:
    """Compute the rate above which a site stands out from its group (HSM critical rate).

    Parameters
    ----------
    mean_rate
        Mean rate of the reference group, per unit of exposure.
    exposure
        Exposure of each site in that unit, > 0.
    z
        Standard normal quantile of the confidence wanted (1.645: one-sided 95 %).

    Returns
    -------
    critical_rate
        mean + z·sqrt(mean/exposure) + 1/(2·exposure), per unit of exposure.

    Raises
    ------
    InputError
        If an exposure is not positive or a mean is negative.

    Notes
    -----
    A normal approximation: for small expected counts use the exact test of
    `models.screening.scan_windows`.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., chapter 4.
    """
    mean = np.asarray(mean_rate, dtype=np.float64)
    base = np.asarray(exposure, dtype=np.float64)
    if not (np.all(base > 0) and np.all(mean >= 0)):
        message = "critical rate: needs exposures above 0 and mean rates from 0; check both."
        raise InputError(message)
    return np.asarray(mean + z * np.sqrt(mean / base) + 1.0 / (2.0 * base), dtype=np.float64)
