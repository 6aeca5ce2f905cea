"""Where on the network there are more crashes than on roads of the same kind.

Every lixel has a window of road around it. Its crashes are compared with what the mean
of its reference class would bring on the same length, by an exact Poisson test; the
share of false discoveries among the windows called significant is kept in bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from core.errors import InputError, NotEnoughDataError
from models.arrays import FloatArray, require_counts, require_same_length

__all__ = [
    "OverdispersionEstimate",
    "ScanResult",
    "adjust_fdr",
    "compute_expected_per_lixel",
    "compute_negative_binomial_upper_tail",
    "compute_poisson_upper_tail",
    "estimate_overdispersion",
    "scan_windows",
]

CLEARLY_OVERDISPERSED = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """The scan, one value a lixel; every array has shape (n_lixels,)."""

    n_window: FloatArray  # crashes in the window
    expected_window: FloatArray  # crashes the reference means would bring there
    rate_ratio: FloatArray  # observed ÷ expected; NaN where nothing is expected
    p_value: FloatArray  # P(X >= n_window) under the Poisson null
    q_value: FloatArray  # Benjamini-Hochberg


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdispersionEstimate:
    """How much more counts vary than Poisson would."""

    variance_ratio: float  # Pearson chi-square ÷ degrees of freedom; Poisson: 1
    overdispersion_k: float  # variance = mu + k·mu²; 0 when not overdispersed
    n_sites: int
    meaning: str  # one plain sentence


def compute_expected_per_lixel(
    n_crashes: ArrayLike, length_m: ArrayLike, reference_class: NDArray[Any] | None = None
) -> FloatArray:
    """Spread each reference class's crashes evenly over its length.

    Parameters
    ----------
    n_crashes
        Crashes per lixel over the study period, shape (n_lixels,).
    length_m
        Length of each lixel [m], > 0, shape (n_lixels,).
    reference_class
        Class of each lixel (codes or words), shape (n_lixels,); None: the whole
        network is one class.

    Returns
    -------
    expected
        Crashes per lixel over the study period if crashes fell evenly on each metre of
        a class, shape (n_lixels,); sums to the observed crashes within every class.

    Raises
    ------
    InputError
        If lengths differ, counts are not counts, a length is not positive, or a class
        is missing.

    Notes
    -----
    Nothing is left out of the mean: a hotspot's own crashes raise what is expected of
    it, which makes the scan conservative, the more so in short classes. Length is the
    only exposure here: a busy road of its class stands out because it is busy.
    """
    counts = require_counts("n_crashes", n_crashes)
    length = np.asarray(length_m, dtype=np.float64)
    n_lixels = require_same_length(n_crashes=counts, length_m=length)
    if not np.all(length > 0):
        first = int(np.flatnonzero(~(length > 0))[0])
        message = (
            f"length_m: {int((~(length > 0)).sum())} of {n_lixels} lixels have no positive "
            f"length, first at position {first}: {length[first]}; drop them before screening."
        )
        raise InputError(message)
    if n_lixels == 0:
        return np.zeros(0)
    codes = _encode_classes(reference_class, n_lixels)
    crashes = np.bincount(codes, weights=counts)
    metres = np.bincount(codes, weights=length)
    per_m = np.divide(crashes, metres, out=np.zeros_like(crashes), where=metres > 0)
    return np.asarray(per_m[codes] * length, dtype=np.float64)


def _encode_classes(reference_class: NDArray[Any] | None, n_lixels: int) -> NDArray[np.intp]:
    if reference_class is None:
        return np.zeros(n_lixels, dtype=np.intp)
    codes, _ = pd.factorize(np.asarray(reference_class))
    if codes.shape != (n_lixels,):
        message = f"reference_class: shape {codes.shape} for {n_lixels} lixels; give one each."
        raise InputError(message)
    if (codes < 0).any():
        first = int(np.flatnonzero(codes < 0)[0])
        message = (
            f"reference_class: {int((codes < 0).sum())} of {n_lixels} are missing, first at "
            f"position {first}; give every lixel a class."
        )
        raise InputError(message)
    return np.asarray(codes, dtype=np.intp)


def compute_poisson_upper_tail(n: ArrayLike, expected: ArrayLike) -> FloatArray:
    """Compute P(X >= n) for X Poisson with the expected mean.

    Exact in relative terms down to the smallest mean (no 1 - cdf): the tail is the
    regularised lower incomplete gamma function P(n, mu). It is 1 where n is 0.

    Raises
    ------
    InputError
        If `n` holds anything but counts, a mean is negative or missing, or crashes
        happened where none can (mean 0).
    """
    counts = require_counts("n", n)
    mean = np.asarray(expected, dtype=np.float64)
    if not np.all(np.isfinite(mean) & (mean >= 0)):
        message = "expected: holds negative or missing means; give numbers from 0."
        raise InputError(message)
    if np.any((counts > 0) & (mean <= 0)):
        message = "expected: is 0 where crashes were counted; take the mean over those crashes too."
        raise InputError(message)
    tail = special.gammainc(np.maximum(counts, 1.0), mean)
    return np.asarray(np.where(counts > 0, tail, 1.0), dtype=np.float64)


def compute_negative_binomial_upper_tail(
    n: ArrayLike, expected: ArrayLike, *, overdispersion_k: float
) -> FloatArray:
    """Compute P(X >= n) for X negative binomial: mean mu, variance mu + k·mu².

    Asks whether a count is unusual even among places that differ from one another, when
    `overdispersion_k` is estimated from them (`estimate_overdispersion`). With k = 0 it
    is the Poisson tail.

    Parameters
    ----------
    n
        Counts, shape (n_sites,).
    expected
        Means, > 0 wherever something was counted, same shape.
    overdispersion_k
        Overdispersion [-], >= 0.

    Returns
    -------
    p_value
        Shape (n_sites,); 1 where n is 0.

    Raises
    ------
    InputError
        As `compute_poisson_upper_tail`, or if `overdispersion_k` is negative.

    References
    ----------
    Johnson, N., Kemp, A. & Kotz, S. (2005). Univariate Discrete Distributions, 5.6: the
    tail is the regularised incomplete beta function I_x(n, 1/k), x = k·mu/(1 + k·mu).
    """
    if not overdispersion_k >= 0:
        message = f"overdispersion_k is {overdispersion_k}; it must be 0 or more."
        raise InputError(message)
    poisson = compute_poisson_upper_tail(n, expected)
    if overdispersion_k == 0:
        return poisson
    counts = np.asarray(n, dtype=np.float64)
    scaled = overdispersion_k * np.asarray(expected, dtype=np.float64)
    tail = special.betainc(np.maximum(counts, 1.0), 1 / overdispersion_k, scaled / (1 + scaled))
    return np.asarray(np.where(counts > 0, tail, 1.0), dtype=np.float64)


def scan_windows(
    n_crashes: ArrayLike, expected: ArrayLike, windows: sparse.csr_array
) -> ScanResult:
    """Compare the crashes of every window with those expected in it.

    Parameters
    ----------
    n_crashes
        Crashes per lixel over the study period, shape (n_lixels,).
    expected
        Expected crashes per lixel over the same period, shape (n_lixels,).
    windows
        Row i holds 1 for every lixel in the window of lixel i, itself included; shape
        (n_lixels, n_lixels).

    Returns
    -------
    scan
        Counts, expectation, rate ratio, one-sided p and q per lixel.

    Raises
    ------
    InputError
        If shapes differ, counts are not counts or a mean is negative.

    Notes
    -----
    The null: crashes fall independently at the mean rate of each reference class.
    Windows overlap, so their counts depend on one another, but positively: each is a
    sum of independent Poisson counts, and given one sum its parts rise with it
    (Efron 1965), which is the condition (PRDS) under which Benjamini-Hochberg keeps
    the false-discovery rate (Benjamini & Yekutieli 2001). With no hotspot at all, at
    most a share `fdr` of maps shows anything. The means are estimated from the same
    crashes, and real counts vary more than Poisson where traffic differs within a
    class (see `estimate_overdispersion`): then more than that share is called
    significant, and what stands out may be traffic rather than danger.

    References
    ----------
    Efron, B. (1965). Increasing properties of Pólya frequency functions. Annals of
    Mathematical Statistics 36, 272-279. doi:10.1214/aoms/1177700288
    Benjamini, Y. & Yekutieli, D. (2001). The control of the false discovery rate in
    multiple testing under dependency. Annals of Statistics 29, 1165-1188.
    doi:10.1214/aos/1013699998
    """
    counts = require_counts("n_crashes", n_crashes)
    means = np.asarray(expected, dtype=np.float64)
    n_lixels = require_same_length(n_crashes=counts, expected=means)
    if windows.shape != (n_lixels, n_lixels):
        message = f"windows: shape {windows.shape} for {n_lixels} lixels; build them for these."
        raise InputError(message)
    # counts of a window are whole; rint takes away what float32 weights could leave
    n_window = np.rint(np.asarray(windows @ counts, dtype=np.float64))
    expected_window = np.asarray(windows @ means, dtype=np.float64)
    p_value = compute_poisson_upper_tail(n_window, expected_window)
    ratio = np.divide(
        n_window, expected_window, out=np.full(n_lixels, np.nan), where=expected_window > 0
    )
    return ScanResult(
        n_window=n_window,
        expected_window=expected_window,
        rate_ratio=ratio,
        p_value=p_value,
        q_value=adjust_fdr(p_value),
    )


def adjust_fdr(p_value: ArrayLike) -> FloatArray:
    """Adjust p-values so that q <= a holds for a share a of false discoveries at most.

    Parameters
    ----------
    p_value
        P-values of all tests made, shape (n_tests,).

    Returns
    -------
    q_value
        Benjamini-Hochberg adjusted p-values, shape (n_tests,), never below p.

    Raises
    ------
    InputError
        If a value is missing or not within [0, 1].

    References
    ----------
    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. Journal
    of the Royal Statistical Society B 57, 289-300. doi:10.1111/j.2517-6161.1995.tb02031.x
    """
    p = np.asarray(p_value, dtype=np.float64)
    n_tests = require_same_length(p_value=p)
    if not np.all((p >= 0) & (p <= 1)):
        message = "p_value: holds values that are missing or not within 0 and 1; check the test."
        raise InputError(message)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * n_tests / np.arange(1, n_tests + 1)
    q = np.empty(n_tests)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def estimate_overdispersion(
    n_crashes: ArrayLike, expected: ArrayLike, *, n_parameters: int = 1
) -> OverdispersionEstimate:
    """Estimate by moments how much more counts vary than Poisson.

    Parameters
    ----------
    n_crashes
        Crashes per site over the study period, shape (n_sites,).
    expected
        Expected crashes at the same sites, shape (n_sites,).
    n_parameters
        Means estimated from these counts (the number of reference classes).

    Returns
    -------
    estimate
        Pearson ratio, overdispersion k of variance mu + k·mu², and a plain sentence.

    Raises
    ------
    NotEnoughDataError
        If no more sites than parameters have anything expected.
    InputError
        If lengths differ or counts are not counts.

    Notes
    -----
    k = sum((n - mu)² - mu) / sum(mu²), at least 0 (moment estimator, HSM style
    variance). Noisy for few sites or tiny means; the ratio weighs sites with tiny
    means heavily.
    """
    counts = require_counts("n_crashes", n_crashes)
    means = np.asarray(expected, dtype=np.float64)
    require_same_length(n_crashes=counts, expected=means)
    is_used = means > 0
    n_sites = int(is_used.sum())
    if n_sites <= n_parameters:
        message = (
            f"overdispersion: {n_sites} site(s) with crashes expected for {n_parameters} "
            "mean(s); more sites are needed."
        )
        raise NotEnoughDataError(message)
    squared = (counts[is_used] - means[is_used]) ** 2
    ratio = float((squared / means[is_used]).sum() / (n_sites - n_parameters))
    excess = float((squared - means[is_used]).sum() / (means[is_used] ** 2).sum())
    k = max(excess, 0.0)
    return OverdispersionEstimate(
        variance_ratio=ratio,
        overdispersion_k=k,
        n_sites=n_sites,
        meaning=_describe_dispersion(ratio),
    )


def _describe_dispersion(ratio: float) -> str:
    if ratio < CLEARLY_OVERDISPERSED:
        return (
            f"Counts vary {ratio:.1f} times as much as pure chance would make them: within a "
            "road class, crashes fall about as chance would have it."
        )
    return (
        f"Counts vary {ratio:.1f} times as much as pure chance would make them: roads of one "
        "class differ, in traffic if nothing else, so some stretches stand out because they "
        "are busy."
    )
