"""Ranking sites by the measures of the Highway Safety Manual, chapter 4.

Counts and rates are in `models.rates` and `models.severity`, Empirical Bayes in
`models.empirical_bayes`; here is what compares a site with its safety performance function
and with the mix of crashes elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from core.errors import InputError
from models.arrays import FloatArray, IntArray, require_counts, require_same_length
from models.empirical_bayes import EbEstimate
from models.rates import compute_critical_rate

__all__ = [
    "CriticalRates",
    "ExcessPredicted",
    "TypeShare",
    "compare_type_share",
    "compute_critical_rates",
    "compute_epdo_expected",
    "compute_excess_predicted",
    "grade_service_of_safety",
]

LEAST_K = 1e-12  # a smaller k is none
LOSS_WIDTH = 1.5  # standard deviations of similar sites between the levels
LEAST_FOR_SPREAD = 2  # crashes of a site to take part in the spread of shares


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessPredicted:
    """Observed against predicted; every array has shape (n_sites,)."""

    excess: FloatArray  # crashes over the period above the prediction
    ratio: FloatArray  # observed ÷ predicted; NaN where nothing is predicted
    p_value: FloatArray  # P(X >= n) for a site of the kind, negative binomial


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalRates:
    """Rates against the critical one; NaN where the exposure is unknown or too small."""

    rate: FloatArray
    mean_rate: FloatArray  # of the group, weighted by exposure
    critical_rate: FloatArray

    @property
    def excess(self) -> FloatArray:
        """Rate above the critical one; above 0 the site stands out."""
        return self.rate - self.critical_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeShare:
    """The share of one type of crash at each site, against the share everywhere.

    `p_above` and `excess_share` have shape (n_sites,) and are NaN where the site has no
    crash, and everywhere where `reason` is given.
    """

    threshold: float  # share over all sites
    alpha: float  # of the beta distribution of the sites' true shares
    beta: float
    p_above: FloatArray  # probability that the true share is above the threshold
    excess_share: FloatArray  # share at the site minus threshold
    n_sites_used: int
    reason: str  # why nothing can be told; empty where it can


def compute_excess_predicted(
    observed: ArrayLike, predicted: ArrayLike, overdispersion_k: ArrayLike
) -> ExcessPredicted:
    """Compute the excess over the predicted crashes, and how likely chance brings it.

    Parameters
    ----------
    observed, predicted
        Crashes per site over the same period, shape (n_sites,).
    overdispersion_k
        k of the function, one number or one a site, >= 0.

    Returns
    -------
    excess
        n - mu, n/mu, and P(X >= n) with mean mu and variance mu + k·mu².

    Raises
    ------
    InputError
        If lengths differ, or a value cannot be used.

    Notes
    -----
    The excess of a raw count carries luck: see the excess with Empirical Bayes. The
    p-value is of one site looked at alone; of many sites some are small by chance.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., 4.4.2.7.
    """
    counts = require_counts("observed", observed)
    mean = np.asarray(predicted, dtype=np.float64)
    k = np.broadcast_to(np.asarray(overdispersion_k, dtype=np.float64), mean.shape)
    require_same_length(observed=counts, predicted=mean)
    if not np.all(np.isfinite(mean) & (mean >= 0) & np.isfinite(k) & (k >= 0)):
        message = "excess: predictions or k are negative or missing; give numbers from 0."
        raise InputError(message)
    at_least_1 = np.maximum(counts, 1.0)
    has_k = k > LEAST_K
    size = 1.0 / np.where(has_k, k, 1.0)
    p_value = np.where(
        has_k,
        special.betainc(at_least_1, size, k * mean / (1 + k * mean)),
        special.gammainc(at_least_1, mean),
    )
    ratio = np.divide(counts, mean, out=np.full(len(mean), np.nan), where=mean > 0)
    return ExcessPredicted(
        excess=counts - mean, ratio=ratio, p_value=np.where(counts > 0, p_value, 1.0)
    )


def grade_service_of_safety(
    average: ArrayLike, predicted: ArrayLike, overdispersion_k: ArrayLike
) -> IntArray:
    """Grade sites by level of service of safety, 1 (few crashes) to 4 (many).

    Parameters
    ----------
    average
        Crashes per site, observed or expected with Empirical Bayes, shape (n_sites,).
    predicted
        Crashes predicted for the same period, >= 0, shape (n_sites,).
    overdispersion_k
        k of the function, one number or one a site, >= 0.

    Returns
    -------
    level
        1: below mu - 1.5·sigma; 2: below mu; 3: below mu + 1.5·sigma; 4: above;
        sigma = sqrt(k)·mu, how far similar sites lie apart.

    Raises
    ------
    InputError
        If lengths differ or a value is negative or missing.

    Notes
    -----
    With k >= 0.44 no site can be level 1, for 1.5·sigma is then above mu. Sigma leaves
    out chance: with observed counts, quiet sites with one crash reach level 4.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., 4.4.2.8 (equation 4-12).
    """
    found = np.asarray(average, dtype=np.float64)
    mean = np.asarray(predicted, dtype=np.float64)
    k = np.broadcast_to(np.asarray(overdispersion_k, dtype=np.float64), mean.shape)
    require_same_length(average=found, predicted=mean)
    if not all(np.all(np.isfinite(values) & (values >= 0)) for values in (found, mean, k)):
        message = (
            "service of safety: values are negative, infinite or missing; give numbers from 0."
        )
        raise InputError(message)
    width = LOSS_WIDTH * np.sqrt(k) * mean
    level = 1 + (found >= mean - width).astype(np.int64) + (found >= mean) + (found >= mean + width)
    return np.asarray(level, dtype=np.int64)


def compute_critical_rates(
    n: ArrayLike,
    exposure: ArrayLike,
    group: NDArray[np.generic],
    *,
    z: float = 1.645,
    min_exposure: float = 0.0,
) -> CriticalRates:
    """Compute rates, group means and critical rates of sites with known exposure.

    Parameters
    ----------
    n
        Crashes per site, shape (n_sites,).
    exposure
        Exposure of each site (10⁶ vehicles or vehicle-km), >= 0, NaN where unknown.
    group
        Reference group of each site; its mean rate is taken over the known exposures.
    z
        Normal quantile of the confidence (1.645: one-sided 95 %).
    min_exposure
        At or below it no rate is given.

    Returns
    -------
    rates
        NaN where exposure is unknown or too small.

    Raises
    ------
    InputError
        If lengths differ, counts are not counts, or an exposure is negative or infinite.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., 4.4.2.4 and 4.4.2.5.
    """
    counts = require_counts("n", n)
    base = np.asarray(exposure, dtype=np.float64)
    n_sites = require_same_length(n=counts, exposure=base, group=np.asarray(group))
    is_bad = ~np.isnan(base) & ~(np.isfinite(base) & (base >= 0))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"exposure: {int(is_bad.sum())} of {n_sites} value(s) are negative or infinite, first "
            f"at position {first}: {base[first]}; give 0 where there was none, NaN where unknown."
        )
        raise InputError(message)
    is_known = np.nan_to_num(base) > max(min_exposure, 0.0)
    rate, mean, critical = (np.full(n_sites, np.nan) for _ in range(3))
    if is_known.any():
        _, code = np.unique(np.asarray(group)[is_known].astype(str), return_inverse=True)
        per_group = np.bincount(code, counts[is_known]) / np.bincount(code, base[is_known])
        rate[is_known] = counts[is_known] / base[is_known]
        mean[is_known] = per_group[code]
        critical[is_known] = compute_critical_rate(mean[is_known], base[is_known], z=z)
    return CriticalRates(rate=rate, mean_rate=mean, critical_rate=critical)


def compute_epdo_expected(
    all_crashes: EbEstimate,
    injury_crashes: EbEstimate,
    *,
    injury_weight: ArrayLike,
    other_weight: float = 1.0,
) -> FloatArray:
    """Weigh expected crashes by severity: EPDO with Empirical Bayes.

    Parameters
    ----------
    all_crashes, injury_crashes
        Estimates of the same sites and period, the second of fatal and injury crashes.
    injury_weight
        Mean EPDO weight of a fatal or injury crash (over the group's mix of deaths and
        injuries), one number or one a site.
    other_weight
        EPDO weight of a crash without injury.

    Returns
    -------
    epdo_expected
        injury_weight·injury + other_weight·max(all - injury, 0), shape (n_sites,).

    Raises
    ------
    InputError
        If the estimates are of different numbers of sites.

    Notes
    -----
    One death moves the measure far less than in the plain EPDO score: what a fatal crash
    weighs is spread over all injury crashes of the group, as the Manual has it.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., 4.4.2.12.
    """
    require_same_length(all_crashes=all_crashes.expected, injury_crashes=injury_crashes.expected)
    rest = np.maximum(all_crashes.expected - injury_crashes.expected, 0.0)
    weight = np.asarray(injury_weight, dtype=np.float64)
    return np.asarray(weight * injury_crashes.expected + other_weight * rest, dtype=np.float64)


def compare_type_share(n_type: ArrayLike, n_total: ArrayLike) -> TypeShare:
    """Compare the share of one type of crash at each site with the share everywhere.

    Parameters
    ----------
    n_type
        Crashes of the type per site (pedestrian hit, dark, ...), shape (n_sites,).
    n_total
        Crashes per site of which the type is known, at least `n_type`.

    Returns
    -------
    share
        Probability that a site's true share is above the overall one (1 - B(p*; alpha + x,
        beta + n - x)), and the excess of its share.

    Raises
    ------
    InputError
        If lengths differ, counts are not counts or a type has more crashes than there are.

    Notes
    -----
    The true shares of sites follow a beta distribution whose mean is the overall share p*
    and whose variance comes by moments from sites with two crashes or more. Where that
    variance is not above 0, sites cannot be told apart and `reason` says so. A high
    share is not a high number: rank by it only among sites with crashes enough.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., 4.4.2.10 and 4.4.2.11.
    Heydecker, B. & Wu, J. (2001). Identification of sites for road accident remedial work
    by Bayesian statistical methods. Advances in Engineering Software 32, 859-869.
    doi:10.1016/S0965-9978(01)00039-6
    """
    x, n = require_counts("n_type", n_type), require_counts("n_total", n_total)
    n_sites = require_same_length(n_type=x, n_total=n)
    if (x > n).any():
        first = int(np.flatnonzero(x > n)[0])
        message = f"n_type: {x[first]:.0f} of {n[first]:.0f} crashes at position {first}; check."
        raise InputError(message)
    nothing = np.full(n_sites, np.nan)
    threshold = float(x.sum() / n.sum()) if n.sum() > 0 else np.nan
    share = np.divide(x, n, out=nothing.copy(), where=n > 0)
    used = n >= LEAST_FOR_SPREAD
    n_used = int(used.sum())
    alpha, reason = np.nan, ""
    if n_used < LEAST_FOR_SPREAD:
        reason = "fewer than two sites have two crashes of which the type is known"
    elif not 0.0 < threshold < 1.0:
        reason = "all crashes of known type are of it, or none"
    else:
        pairs = (x[used] ** 2 - x[used]) / (n[used] ** 2 - n[used])
        spread = float((pairs.sum() - share[used].sum() ** 2 / n_used) / (n_used - 1))
        alpha = (threshold**2 * (1 - threshold)) / spread - threshold if spread > 0 else np.nan
        if not alpha > 0:
            reason = "the shares of sites differ no more than chance would have them"
    is_told = not reason
    beta = alpha / threshold - alpha if is_told else np.nan
    p_above = nothing.copy()
    if is_told:
        some = n > 0
        pairs_of, row = np.unique(np.column_stack([x, n - x])[some], axis=0, return_inverse=True)
        tail = special.betaincc(alpha + pairs_of[:, 0], beta + pairs_of[:, 1], threshold)
        p_above[some] = tail[row.ravel()]
    return TypeShare(
        threshold=threshold,
        alpha=float(alpha) if is_told else np.nan,
        beta=float(beta),
        p_above=p_above,
        excess_share=share - threshold if is_told else nothing,
        n_sites_used=n_used,
        reason=reason,
    )
