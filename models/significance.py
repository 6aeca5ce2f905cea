"""Is a stretch worse than chance and a null model explain? Simulated maps tell.

The observed number of crashes falls again and again under the null, every map is smoothed as the
observed one was, and each lixel is compared with itself on all maps (pointwise), with the most
unlikely lixel anywhere on each map (family-wise), and with how many as unlikely ones a map of
chance has (false discoveries).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from core.errors import InputError
from core.progress import Progress, no_progress
from models.arrays import FloatArray, IntArray, require_counts, require_same_length
from models.null_models import NullModel
from models.significance_maps import BATCH, SAME, MapBatch, MapMaker
from models.significance_tails import SmoothedNull, describe_smoothed

__all__ = ["SignificanceOptions", "SignificanceResult", "compute_significance"]

NEAR_LEVEL: Final = 0.2  # tails above this are never significant, at any rate anyone asks for
FAR_LEVEL: Final = 0.001
FAR_LIXELS = 100  # that lie beyond the far level on a map of chance, if there are so many
NEAR_VALUES = 2_000_000  # simulated tails between the two levels; more maps add nothing
LEAST_NEAR_MAPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SignificanceOptions:
    """How long is simulated.

    Attributes
    ----------
    n_maps
        Whole maps, for the family-wise p and the false discoveries.
    n_simulations
        Maps for the pointwise p, `n_maps` or more: those beyond the whole maps are made for
        the lixels alone that are not decided yet. None: `n_maps`.
    early_stopping
        A lixel is decided when simulated values have reached the observed one this many times.
        No more whole maps are made once this many had a lixel as unlikely as the most unlikely
        observed one: then nothing stands out. None: never.
    n_workers
        Threads; None: one a processor. The result does not depend on it.
    """

    n_maps: int = 999
    n_simulations: int | None = None
    early_stopping: int | None = 100
    n_workers: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("n_maps", 19), ("early_stopping", 10), ("n_workers", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                message = f"{name} is {value}; give {least} or more."
                raise InputError(message)
        if self.n_simulations is not None and self.n_simulations < self.n_maps:
            message = f"n_simulations is {self.n_simulations}; give n_maps ({self.n_maps}) or more."
            raise InputError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignificanceResult:
    """What simulation tells of each lixel; arrays have shape (n_lixels,).

    Attributes
    ----------
    observed, expected, sd
        Smoothed crashes; their mean and standard deviation under the null.
    ratio
        Observed over expected; NaN where nothing is expected.
    p_value
        Pointwise, one-sided: (1 + b) / (1 + n), or b / n where simulation ended at the b-th time.
    p_tail
        The same calculated from the nearly right distribution: what lixels are ordered by, far
        beyond what simulations could tell apart.
    q_value
        False-discovery rate (Benjamini-Hochberg) by the share of simulated lixels, over all
        maps and the observed one, with so small a `p_tail`; 1 where that is above 0.2.
    p_family
        Share of maps whose smallest `p_tail` anywhere is as small, the observed map counted in;
        1 where that is common on any map.
    n_simulations
        Maps that `p_value` is from; 0 where nothing was observed (p = 1).
    n_maps
        Whole maps, of which `q_value` and `p_family` are.
    tail_share
        How many simulated tails are `tail_level` or less, over how many ought to be: about 1
        where `p_tail` is right on average, less where counts are small and so in jumps.
    tail_level
        The level of `tail_share`.
    seed
        Of all maps.
    """

    observed: FloatArray
    expected: FloatArray
    sd: FloatArray
    ratio: FloatArray
    p_value: FloatArray
    p_tail: FloatArray
    q_value: FloatArray
    p_family: FloatArray
    n_simulations: IntArray
    n_maps: int
    tail_share: float
    tail_level: float
    seed: int

    @property
    def finest(self) -> float:
        """Return the smallest `q_value` and `p_family` that so many maps can give."""
        return 1.0 / (1 + self.n_maps)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per lixel."""
        names = (
            *("observed", "expected", "sd", "ratio", "p_value", "p_tail", "q_value"),
            *("p_family", "n_simulations"),
        )
        return pd.DataFrame({name: getattr(self, name) for name in names})


def compute_significance(
    n_crashes: ArrayLike,
    null: NullModel,
    smoothing: sparse.csr_array,
    *,
    seed: int,
    options: SignificanceOptions | None = None,
    progress: Progress = no_progress,
) -> SignificanceResult:
    """Compare smoothed crashes with those of simulated maps on which a null is true.

    Parameters
    ----------
    n_crashes
        Crashes per lixel over the period, shape (n_lixels,).
    null
        What crashes follow if no stretch is worse, from `models.null_models.build_null`.
    smoothing
        Weight at place i of a crash on lixel j: windows (1 within), or
        `models.smoothing.build_kernel_matrix` (events per km); shape (n_lixels, n_lixels).
    seed
        Of the simulated maps: the same seed gives the same result, on any number of threads.
    options
        How long is simulated.
    progress
        Told maps made and maps to make.

    Returns
    -------
    result
        Pointwise, family-wise and false-discovery significance of each lixel.

    Raises
    ------
    InputError
        If shapes differ, counts are not counts, a weight is missing, crashes lie where the null
        expects none, or the seed is below 0.

    Notes
    -----
    The number of crashes is given: on each map as many fall, on lixels in proportion to
    `null.expected`, times a gamma factor of each group where the null is overdispersed.

    Lixels differ in how much is expected of them, so the largest of plain z-scores would nearly
    always be that of a lixel where next to nothing is expected. Each value is turned into its
    nearly right tail probability (scaled Poisson, or scaled negative binomial, with the mean
    and variance of that lixel), and the smallest of these over a map is the statistic of the
    family-wise test (min-P). That test is right whatever the tails are, since the observed map
    is treated as the simulated ones are; good tails make it fair among lixels.

    Plain Benjamini-Hochberg on pointwise p of n maps cannot give q below m / (rank (1 + n)) for m
    lixels: 60 for the first of 60,000 with 999 maps. So p for it is the share of all tails, of
    all lixels on all maps and the observed one, that are as small: q is resolved to 1 / (1 + n).

    References
    ----------
    Besag & Clifford (1991). Sequential Monte Carlo p-values. Biometrika 78, 301-304.
    doi:10.1093/biomet/78.2.301
    Westfall & Young (1993). Resampling-based multiple testing. Wiley.
    Yekutieli & Benjamini (1999). Resampling-based false discovery rate controlling multiple test
    procedures for correlated test statistics. Journal of Statistical Planning and Inference 82,
    171-196. doi:10.1016/S0378-3758(99)00041-5
    Bohm & Zech (2014). Statistics of weighted Poisson events and its applications. Nuclear
    Instruments and Methods A 748, 1-6. doi:10.1016/j.nima.2014.02.021
    """
    if seed < 0:
        message = f"seed is {seed}; give a whole number from 0."
        raise InputError(message)
    counts = _require_possible(n_crashes, null, smoothing)
    chosen = options or SignificanceOptions()
    smoothed = describe_smoothed(smoothing, null, float(counts.sum()))
    observed = np.asarray(smoothing @ counts, dtype=np.float64)
    trial = _Trial(
        smoothed=smoothed, observed=observed, n_crashes=int(counts.sum()), null=null, seed=seed,
        options=chosen, progress=progress,
    )  # fmt: skip
    if counts.sum() > 0:
        trial.simulate_maps(smoothing)
        trial.simulate_undecided(smoothing)
    return trial.conclude()


def _require_possible(
    n_crashes: ArrayLike, null: NullModel, smoothing: sparse.csr_array
) -> FloatArray:
    counts = require_counts("n_crashes", n_crashes)
    n_lixels = require_same_length(n_crashes=counts, expected=null.expected)
    if smoothing.ndim != 2 or smoothing.shape[1] != n_lixels:
        message = f"smoothing: shape {smoothing.shape} for {n_lixels} lixels; build it for these."
        raise InputError(message)
    if not np.isfinite(smoothing.data).all():
        message = "smoothing: holds weights that are missing or infinite; build it again."
        raise InputError(message)
    is_odd = (counts > 0) & (null.expected <= 0)
    if is_odd.any():
        message = (
            f"null {null.name!r}: {int(counts[is_odd].sum())} crashes lie on {int(is_odd.sum())} "
            f"lixels where none is expected, first lixel {int(np.flatnonzero(is_odd)[0])}; "
            "expect some wherever crashes can be."
        )
        raise InputError(message)
    return counts


@dataclass(slots=True, kw_only=True)
class _Trial:
    """What the maps made so far have told."""

    smoothed: SmoothedNull
    observed: FloatArray
    n_crashes: int
    null: NullModel
    seed: int
    options: SignificanceOptions
    progress: Progress
    n_maps: int = 0
    n_near_maps: int = 0
    n_small: int = 0  # simulated tails up to the far level
    tail: FloatArray = field(init=False)  # of the observed, per place
    steps: FloatArray = field(init=False)  # the observed tails up to the near level, sorted
    far: IntArray = field(init=False)  # simulated tails between two steps, up to the far level
    near: IntArray = field(init=False)  # above it, of the near maps
    smallest: IntArray = field(init=False)  # maps whose smallest tail lies between two steps
    n_reached: IntArray = field(init=False)
    n_simulations: IntArray = field(init=False)
    far_level: float = field(init=False)

    def __post_init__(self) -> None:
        n_places = len(self.observed)
        self.tail = self.smoothed.get_tail(np.arange(n_places), self.observed)
        self.far_level = min(NEAR_LEVEL, max(FAR_LEVEL, FAR_LIXELS / max(n_places, 1)))
        self.steps = np.unique(self.tail[self.tail <= NEAR_LEVEL])
        for name in ("far", "near", "smallest"):
            setattr(self, name, np.zeros(len(self.steps) + 1, dtype=np.int64))
        self.n_reached = np.zeros(n_places, dtype=np.int64)
        self.n_simulations = np.zeros(n_places, dtype=np.int64)

    @property
    def _n_workers(self) -> int:
        return self.options.n_workers or os.cpu_count() or 1

    @property
    def _enough(self) -> int:
        return self.options.early_stopping or np.iinfo(np.int64).max

    @property
    def _is_open(self) -> np.ndarray:
        """Tell which places have something observed, and are not decided."""
        return (self.observed > 0) & (self.n_reached < self._enough)

    def simulate_maps(self, smoothing: sparse.csr_array) -> None:
        """Make whole maps, until there are enough or the map as a whole is decided."""
        compared = np.where(self.observed > 0, self.observed, np.inf)
        maker = MapMaker.from_smoothing(
            smoothing, compared, null=self.null, n_crashes=self.n_crashes, seed=self.seed
        )
        total = self.options.n_maps
        wanted = int(np.ceil(NEAR_VALUES / (NEAR_LEVEL * max(len(self.observed), 1))))
        near_maps = min(total, max(LEAST_NEAR_MAPS, wanted))
        limits = self._find_limits()
        for batch in maker.list_batches(0, total, near_maps, limits, self._n_workers):
            self._take_tails(batch, near_maps)
            self._take_reached(batch, np.arange(len(self.observed)))
            self.n_maps += batch.n_maps
            self.progress(self.n_maps, total, "simulating maps of chance")
            if not len(self.steps) or self.smallest[0] >= self._enough:
                break  # every map of chance has as unlikely a place
        self.n_near_maps = min(near_maps, self.n_maps)

    def _find_limits(self) -> tuple[FloatArray, FloatArray]:
        """Return the values above which tails of near maps, and of the others, are looked at."""
        far = self.smoothed.find_limits(self.far_level)
        if self.far_level == NEAR_LEVEL:
            return far, far
        return self.smoothed.find_limits(NEAR_LEVEL), far

    def _take_tails(self, batch: MapBatch, near_maps: int) -> None:
        tail = self.smoothed.get_tail(batch.place, batch.value) * (1 - SAME)
        is_far = tail <= self.far_level
        is_near = (tail <= NEAR_LEVEL) & (batch.map_number < near_maps)
        step = np.searchsorted(self.steps, tail)  # the first observed tail that is no smaller
        n = len(self.steps) + 1
        self.n_small += int(is_far.sum())
        self.far += np.bincount(step[is_far], minlength=n)
        self.near += np.bincount(step[is_near & ~is_far], minlength=n)
        smallest = np.full(batch.n_maps, n - 1)
        np.minimum.at(smallest, batch.map_number[is_far] - batch.first, step[is_far])
        self.smallest += np.bincount(smallest, minlength=n)

    def _take_reached(self, batch: MapBatch, places: IntArray) -> None:
        """Count in which maps the observed value was reached, each place until it is decided."""
        is_open = self._is_open[places]
        at, bits = places[is_open], batch.reached[is_open]
        more = np.bitwise_count(bits).astype(np.int64)
        before = self.n_reached[at]
        self.n_reached[at] = before + more
        self.n_simulations[at] += batch.n_maps
        ends = before + more >= self._enough
        if ends.any():
            each = (bits[ends][:, None] >> np.arange(BATCH, dtype=np.uint64)) & np.uint64(1)
            so_far = before[ends][:, None] + np.cumsum(each, axis=1, dtype=np.int64)
            last = np.argmax(so_far >= self._enough, axis=1) + 1
            self.n_simulations[at[ends]] += last - batch.n_maps
            self.n_reached[at[ends]] = self._enough

    def simulate_undecided(self, smoothing: sparse.csr_array) -> None:
        """Go on with the places that are not decided, alone."""
        begin, total = self.n_maps, self.options.n_simulations or self.options.n_maps
        size = BATCH * 16
        while begin < total and self._is_open.any():
            places = np.flatnonzero(self._is_open)
            maker = MapMaker.from_smoothing(
                sparse.csr_array(smoothing[places]), self.observed[places], null=self.null,
                n_crashes=self.n_crashes, seed=self.seed,
            )  # fmt: skip
            never = np.full(len(places), np.inf)
            stop = min(total, begin + size)
            for batch in maker.list_batches(begin, stop, 0, (never, never), self._n_workers):
                self._take_reached(batch, places)
                self.progress(batch.first + batch.n_maps, total, "simulating the doubtful lixels")
            begin, size = stop, 2 * size

    def conclude(self) -> SignificanceResult:
        """Turn counts into p and q."""
        smoothed, n_places = self.smoothed, len(self.observed)
        is_up = self.observed > 0
        p_value = np.ones(n_places)
        is_done = is_up & (self.n_reached >= self._enough)
        p_value[is_up] = (1 + self.n_reached[is_up]) / (1 + self.n_simulations[is_up])
        p_value[is_done] = self.n_reached[is_done] / self.n_simulations[is_done]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(smoothed.mean > 0, self.observed / smoothed.mean, np.nan)
        q_value, p_family = self._conclude_families()
        ought = self.far_level * n_places * self.n_maps
        return SignificanceResult(
            observed=self.observed,
            expected=smoothed.mean,
            sd=smoothed.sd,
            ratio=ratio,
            p_value=p_value,
            p_tail=self.tail,
            q_value=q_value,
            p_family=p_family,
            n_simulations=self.n_simulations,
            n_maps=self.n_maps,
            tail_share=self.n_small / ought if ought else float("nan"),
            tail_level=self.far_level,
            seed=self.seed,
        )

    def _conclude_families(self) -> tuple[FloatArray, FloatArray]:
        q_value, p_family = np.ones(len(self.tail)), np.ones(len(self.tail))
        is_small = self.tail <= NEAR_LEVEL
        if not is_small.any() or not self.n_maps:
            return q_value, p_family
        step = np.searchsorted(self.steps, self.tail[is_small])
        n_here = np.cumsum(np.bincount(step, minlength=len(self.steps)))  # observed, so small
        of_chance = np.cumsum(self.far[:-1]) / self.n_maps
        of_chance = of_chance + np.cumsum(self.near[:-1]) / max(self.n_near_maps, 1)
        share = (n_here + self.n_maps * of_chance) / (1 + self.n_maps) / n_here
        q = np.minimum(np.minimum.accumulate(share[::-1])[::-1], 1.0)
        q_value[is_small] = q[step]
        n_maps_so_small = np.cumsum(self.smallest[:-1])
        family = (1 + n_maps_so_small) / (1 + self.n_maps)
        family[self.steps > self.far_level] = 1.0
        p_family[is_small] = family[step]
        return q_value, p_family
