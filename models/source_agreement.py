"""Whether two sources tell the same of one crash, and how many neither of them reported."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from core.errors import InputError
from models.arrays import require_counts
from models.rates import require_confidence

__all__ = ["CaptureEstimate", "KappaEstimate", "compute_weighted_kappa", "estimate_chapman"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KappaEstimate:
    """Agreement on ordered words, beyond chance."""

    n: int
    agreement_share: float  # the same word
    kappa: float  # NaN where chance leaves nothing to agree on
    se: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureEstimate:
    """Crashes there were, from two lists and how many are on both."""

    n_first: int
    n_second: int
    n_both: int
    n_known: int  # on one list at least
    n_total: float
    se: float
    ci_low: float
    ci_high: float
    n_unreported: float  # on neither


def compute_weighted_kappa(table: ArrayLike, *, confidence: float = 0.95) -> KappaEstimate:
    """Compute Cohen's kappa with linear weights for two raters of ordered classes.

    Parameters
    ----------
    table
        Counts, row: class by the first, column: class by the second, in the same order;
        shape (n_classes, n_classes), at least 2 classes.
    confidence
        Of the interval [share].

    Returns
    -------
    kappa
        1: full agreement, 0: as by chance. The interval is kappa ± z·SE, kept within -1
        and 1.

    Raises
    ------
    InputError
        If the table is not square or holds anything but counts.

    Notes
    -----
    A class apart counts 1/(n_classes - 1) of a full disagreement. The standard error is the
    large-sample one: rough below about 50 pairs.

    References
    ----------
    Cohen, J. (1968). Weighted kappa. Psychological Bulletin 70, 213-220.
    doi:10.1037/h0026256
    Fleiss, J., Cohen, J. & Everitt, B. (1969). Large sample standard errors of kappa and
    weighted kappa. Psychological Bulletin 72, 323-327. doi:10.1037/h0028106
    """
    counts = require_counts("table", table)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or len(counts) < 2:
        message = f"table: shape {counts.shape}; give a square of at least 2 classes."
        raise InputError(message)
    z = float(stats.norm.ppf(0.5 + require_confidence(confidence) / 2))
    n = int(counts.sum())
    nothing = math.nan
    if n == 0:
        return KappaEstimate(
            n=0, agreement_share=nothing, kappa=nothing, se=nothing, ci_low=nothing, ci_high=nothing
        )
    share = counts / n
    row, column = share.sum(axis=1), share.sum(axis=0)
    place = np.arange(len(counts))
    weight = 1 - np.abs(place[:, None] - place[None, :]) / (len(counts) - 1)
    observed = float((weight * share).sum())
    chance = float((weight * np.outer(row, column)).sum())
    same = float(np.trace(share))
    if 1 - chance < 1e-12:
        return KappaEstimate(
            n=n, agreement_share=same, kappa=nothing, se=nothing, ci_low=nothing, ci_high=nothing
        )
    kappa = (observed - chance) / (1 - chance)
    spread = weight @ column
    across = weight.T @ row
    terms = weight - (spread[:, None] + across[None, :]) * (1 - kappa)
    inner = float((share * terms**2).sum()) - (kappa - chance * (1 - kappa)) ** 2
    se = math.sqrt(max(0.0, inner) / n) / (1 - chance)
    return KappaEstimate(
        n=n,
        agreement_share=same,
        kappa=kappa,
        se=se,
        ci_low=max(-1.0, kappa - z * se),
        ci_high=min(1.0, kappa + z * se),
    )


def estimate_chapman(
    n_first: int, n_second: int, n_both: int, *, confidence: float = 0.95
) -> CaptureEstimate:
    """Estimate how many crashes there were from two lists and their overlap (Chapman).

    Parameters
    ----------
    n_first, n_second
        Crashes on each list.
    n_both
        Crashes on both.
    confidence
        Of the interval [share].

    Returns
    -------
    estimate
        N = (n1+1)(n2+1)/(m+1) - 1, its variance
        (n1+1)(n2+1)(n1-m)(n2-m)/((m+1)²(m+2)), and a log-normal interval of those on neither
        list, added to the known ones: it never falls below what is known.

    Raises
    ------
    InputError
        If a count cannot be, or more are on both lists than on one.

    Notes
    -----
    Assumes that both lists are of the same area and period, that every crash on both was
    recognised as one, that being on one list says nothing of being on the other, and that
    each crash has the same chance to be listed. Grave crashes are on both lists more often:
    then the estimate is too low. Links that were missed make it too high.

    References
    ----------
    Chapman, D. (1951). Some properties of the hypergeometric distribution with applications
    to zoological sample censuses. University of California Publications in Statistics 1.
    Seber, G. (1970). The effects of trap response on tag recapture estimates. Biometrics 26,
    13-22. doi:10.2307/2529040
    Chao, A. (1987). Estimating the population size for capture-recapture data with unequal
    catchability. Biometrics 43, 783-791 (the log-normal interval). doi:10.2307/2531532
    """
    z = float(stats.norm.ppf(0.5 + require_confidence(confidence) / 2))
    n1, n2, m = (float(one) for one in require_counts("lists", [n_first, n_second, n_both]))
    if m > min(n1, n2):
        message = f"lists of {n_first} and {n_second} cannot share {n_both}; check the links."
        raise InputError(message)
    total = (n1 + 1) * (n2 + 1) / (m + 1) - 1
    variance = (n1 + 1) * (n2 + 1) * (n1 - m) * (n2 - m) / ((m + 1) ** 2 * (m + 2))
    known = n1 + n2 - m
    unseen = max(0.0, total - known)
    factor = math.exp(z * math.sqrt(math.log1p(variance / unseen**2))) if unseen > 0 else 1.0
    return CaptureEstimate(
        n_first=int(n1),
        n_second=int(n2),
        n_both=int(m),
        n_known=int(known),
        n_total=total,
        se=math.sqrt(variance),
        ci_low=known + unseen / factor,
        ci_high=known + unseen * factor,
        n_unreported=unseen,
    )
