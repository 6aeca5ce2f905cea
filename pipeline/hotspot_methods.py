"""The ways of finding hotspots, each against each null: one result a lixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from core.progress import Progress, no_progress
from models.arrays import BoolArray, FloatArray
from models.local_association import compute_local_g
from models.network_weights import build_weights_from_matrix
from models.null_models import NullModel
from models.permutation_tail import compute_permutation_tail, compute_sum_skewness
from models.screening import adjust_fdr, estimate_overdispersion, scan_windows
from models.significance import SignificanceOptions, compute_significance
from models.significance_tails import describe_smoothed

__all__ = ["CONTROLS", "METHODS", "LixelTest", "Smoothing", "run_method"]

METHODS: Final = ("window", "density", "gi_star")
CONTROLS: Final = ("pointwise", "fdr", "family")
SMALLEST_P: Final = 1e-300
FEWEST_MAPS: Final = 99
MOST_WORK: Final = 3e8  # over all maps of one test
WORK_OF_A_LIXEL: Final = 60  # in the work of one crash that reaches one lixel
LEAST_K: Final = 0.05  # of rates drawn to their mean, where lixels hardly differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothing:
    """What a method looks at around each lixel."""

    windows: sparse.csr_array
    kernel: sparse.csr_array | None  # None: the density is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class LixelTest:
    """One method against one null; every array has shape (n_lixels,).

    `observed` and `expected` are crashes in the window, or of the density crashes per km.
    """

    method: str
    null: NullModel
    observed: FloatArray
    expected: FloatArray
    ratio: FloatArray  # NaN where nothing is expected
    p_value: FloatArray
    q_value: FloatArray
    p_family: FloatArray
    strength: FloatArray  # lixels are joined by it, the strongest first
    n_simulations: int  # 0: calculated

    def find_significant(self, control: str, level: float) -> BoolArray:
        """Return the lixels with more than expected that stand a control at a level."""
        p = {"pointwise": self.p_value, "fdr": self.q_value, "family": self.p_family}[control]
        with np.errstate(invalid="ignore"):
            return np.asarray((p <= level) & (self.ratio > 1), dtype=np.bool_)


def run_method(
    method: str,
    n_crashes: np.ndarray,
    null: NullModel,
    smoothing: Smoothing,
    *,
    seed: int,
    n_simulations: int,
    progress: Progress = no_progress,
) -> LixelTest:
    """Test every lixel by one method against one null.

    Parameters
    ----------
    method
        One of `METHODS`.
    n_crashes
        Crashes per lixel over the period, shape (n_lixels,).
    null
        What is expected.
    smoothing
        Windows and kernel.
    seed, n_simulations
        Of the maps of chance that the density is compared with; on a large network there are
        fewer, at least 99.
    """
    counts = np.asarray(n_crashes, dtype=np.float64)
    if method == "density" and smoothing.kernel is not None:
        return compare_density(counts, null, smoothing.kernel, seed, n_simulations, progress)
    if method == "gi_star":
        return compare_rates(counts, null, smoothing.windows)
    return compare_windows(counts, null, smoothing.windows)


def compare_windows(counts: FloatArray, null: NullModel, windows: sparse.csr_array) -> LixelTest:
    """Compare the crashes of each window with those expected in it, exactly.

    Poisson; where segments differ beyond the null, negative binomial with the variance of the
    window. Family-wise by Bonferroni.
    """
    scan = scan_windows(counts, null.expected, windows)
    p_value, q_value = scan.p_value, scan.q_value
    if null.overdispersion_k > 0:
        smoothed = describe_smoothed(windows, null, float(counts.sum()))
        p_value = smoothed.get_tail(np.arange(len(counts)), scan.n_window)
        q_value = adjust_fdr(p_value)
    return LixelTest(
        method="window",
        null=null,
        observed=scan.n_window,
        expected=scan.expected_window,
        ratio=scan.rate_ratio,
        p_value=p_value,
        q_value=q_value,
        p_family=np.minimum(p_value * len(counts), 1.0),
        strength=-np.log(np.maximum(p_value, SMALLEST_P)),
        n_simulations=0,
    )


def compare_density(
    counts: FloatArray,
    null: NullModel,
    kernel: sparse.csr_array,
    seed: int,
    n_simulations: int,
    progress: Progress,
) -> LixelTest:
    """Compare the density along the roads with that of simulated maps of chance."""
    reached = kernel.nnz / max(kernel.shape[0], 1) + 1
    work = float(counts.sum()) * reached + WORK_OF_A_LIXEL * len(counts)
    affordable = int(MOST_WORK / work)
    n_maps = min(n_simulations, max(FEWEST_MAPS, affordable))
    options = SignificanceOptions(n_maps=n_maps)
    found = compute_significance(
        counts, null, kernel, seed=seed, options=options, progress=progress
    )
    return LixelTest(
        method="density",
        null=null,
        observed=found.observed,
        expected=found.expected,
        ratio=found.ratio,
        p_value=found.p_value,
        q_value=found.q_value,
        p_family=found.p_family,
        strength=-np.log(np.maximum(found.p_tail, SMALLEST_P)),
        n_simulations=found.n_maps,
    )


def compare_rates(counts: FloatArray, null: NullModel, windows: sparse.csr_array) -> LixelTest:
    """Compare the rates around each lixel with those dealt out at random (Gi*).

    The rate of a lixel is its crashes over those expected, both with 1/k added, so that a
    lixel where next to nothing is expected has no huge rate by one crash.
    """
    scan = scan_windows(counts, null.expected, windows)
    spread = estimate_overdispersion(counts, null.expected)
    prior = 1.0 / max(spread.overdispersion_k, LEAST_K)
    rates = (counts + prior) / (null.expected + prior)
    weights = build_weights_from_matrix(windows)
    local = compute_local_g(rates, weights)
    n_around = np.diff(weights.raw.indptr) + 1
    told = np.isfinite(local.z) & (n_around < len(counts))
    p_value = np.ones(len(counts))
    skewness = compute_sum_skewness(rates, n_around[told])
    p_value[told] = compute_permutation_tail(local.z[told], skewness)
    return LixelTest(
        method="gi_star",
        null=null,
        observed=scan.n_window,
        expected=scan.expected_window,
        ratio=scan.rate_ratio,
        p_value=p_value,
        q_value=adjust_fdr(p_value),
        p_family=np.minimum(p_value * len(counts), 1.0),
        strength=-np.log(np.maximum(p_value, SMALLEST_P)),
        n_simulations=0,
    )
