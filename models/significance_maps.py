"""Simulated maps: crashes fall under a null, are smoothed, and are compared with the observed.

Maps are made in batches of 64, one bit for each: a batch tells for every place in which of its maps
the simulated value reached the observed one, so that it is known after how many maps it did so the
h-th time. Every map has random numbers of its own, from the seed and its number: the result does
not depend on threads or batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.jit import compiled
from models.arrays import FloatArray, IntArray
from models.null_models import NullModel

__all__ = ["BATCH", "MapBatch", "MapMaker"]

BATCH = 64  # maps, one bit of a whole number each
SAME = 1e-9  # relative: sums of the same crashes in another order

BitArray = NDArray[np.uint64]
RowArray = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapBatch:
    """What some simulated maps show.

    Attributes
    ----------
    first, n_maps
        Number of the first map, and how many there are.
    reached
        Bit s of a place: map `first` + s reached the observed value there, shape (n_places,).
    map_number, place, value
        Values above the limit, with the map and the place, shape (n_far,).
    """

    first: int
    n_maps: int
    reached: BitArray
    map_number: IntArray
    place: IntArray
    value: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MapMaker:
    """Draws crashes under a null and smooths them.

    Attributes
    ----------
    null
        Expected crashes per lixel; only their proportions matter.
    n_crashes
        How many fall on each map.
    first, row, weight
        Smoothing by the lixel where a crash falls: the places that it reaches, with weights.
    observed
        Smoothed observed counts; infinite where no comparison is wanted, shape (n_places,).
    seed
        Of all maps.
    """

    null: NullModel
    n_crashes: int
    first: IntArray
    row: RowArray
    weight: FloatArray
    observed: FloatArray
    seed: int

    @classmethod
    def from_smoothing(
        cls,
        smoothing: sparse.csr_array,
        observed: FloatArray,
        *,
        null: NullModel,
        n_crashes: int,
        seed: int,
    ) -> MapMaker:
        """Take the smoothing matrix apart by columns."""
        columns = smoothing.tocsc()
        return cls(
            null=null,
            n_crashes=n_crashes,
            first=columns.indptr.astype(np.int64),
            row=columns.indices.astype(np.int32, copy=False),
            weight=columns.data.astype(np.float64, copy=False),
            observed=observed * (1 - SAME),
            seed=seed,
        )

    def make_maps(self, first: int, n_maps: int, limits: list[FloatArray]) -> MapBatch:
        """Simulate consecutive maps.

        Parameters
        ----------
        first, n_maps
            Number of the first map; at most `BATCH` maps.
        limits
            Values that are told when higher, one array a map, shape (n_places,).
        """
        n_places = len(self.observed)
        total, touched = np.zeros(n_places), np.empty(n_places + 1, dtype=np.int32)
        reached = np.zeros(n_places, dtype=np.uint64)
        far_row, far_value = np.empty(n_places, dtype=np.int32), np.empty(n_places)
        rows, values, counts = [], [], []
        for step in range(n_maps):
            steps, cumulative = self._draw(first + step)
            n = smooth_map(
                steps, cumulative, self.first, self.row, self.weight, self.observed,
                limits[step], np.uint64(step), total, touched, reached, far_row, far_value,
            )  # fmt: skip
            rows.append(far_row[:n].astype(np.int64))
            values.append(far_value[:n].copy())
            counts.append(n)
        return MapBatch(
            first=first,
            n_maps=n_maps,
            reached=reached,
            map_number=np.repeat(np.arange(first, first + n_maps), counts),
            place=np.concatenate(rows),
            value=np.concatenate(values),
        )

    def _draw(self, number: int) -> tuple[FloatArray, FloatArray]:
        """Return sorted places of crashes within 0 and 1, and where each lixel ends there."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(number,)))
        weight = self.null.expected
        if self.null.overdispersion_k > 0:
            k, group = self.null.overdispersion_k, self.null.group
            n_groups = len(weight) if group is None else int(group.max(initial=-1)) + 1
            factor = rng.gamma(1 / k, k, n_groups)
            weight = weight * (factor if group is None else factor[group])
        cumulative = np.cumsum(weight)
        # spacings of sorted uniform numbers are exponential ones over their sum
        steps = np.cumsum(rng.standard_exponential(self.n_crashes + 1))
        steps *= cumulative[-1] / steps[-1]
        return steps[:-1], cumulative

    def list_batches(
        self, begin: int, stop: int, near_maps: int, limits: tuple[FloatArray, FloatArray],
        n_workers: int,
    ) -> Iterator[MapBatch]:  # fmt: skip
        """Yield batches in their order, made by several threads.

        Parameters
        ----------
        begin, stop
            First map and the one after the last.
        near_maps, limits
            Maps below this number tell values above the first limit, the others above the second.
        """
        waiting: deque[Future[MapBatch]] = deque()
        numbers = deque(range(begin, stop, BATCH))
        with ThreadPoolExecutor(max_workers=n_workers) as pool:
            try:
                while numbers or waiting:
                    while numbers and len(waiting) < 2 * n_workers:
                        first = numbers.popleft()
                        last = min(first + BATCH, stop)
                        own = [limits[0 if i < near_maps else 1] for i in range(first, last)]
                        waiting.append(pool.submit(self.make_maps, first, last - first, own))
                    yield waiting.popleft().result()
            finally:
                for one in waiting:
                    one.cancel()


@compiled
def smooth_map(
    steps: FloatArray,
    cumulative: FloatArray,
    first: IntArray,
    row: RowArray,
    weight: FloatArray,
    observed: FloatArray,
    limit: FloatArray,
    bit: np.uint64,
    total: FloatArray,
    touched: RowArray,
    reached: BitArray,
    far_row: RowArray,
    far_value: FloatArray,
) -> int:
    """Smooth one map and compare it; return how many values are above their limit.

    Parameters
    ----------
    steps, cumulative
        Sorted places of crashes, and where each lixel ends, on one scale.
    total
        Zero everywhere, before and after, shape (n_places,).
    touched, far_row, far_value
        Room for all places, the first for one more.
    """
    n_lixels = len(cumulative)
    n_touched = 0
    lixel, i, n = 0, 0, len(steps)
    while i < n:
        while lixel < n_lixels - 1 and cumulative[lixel] <= steps[i]:
            lixel += 1
        count = 1
        i += 1
        while i < n and (steps[i] < cumulative[lixel] or lixel == n_lixels - 1):
            count += 1
            i += 1
        for at in range(first[lixel], first[lixel + 1]):
            place = row[at]
            before = total[place]
            after = before + count * weight[at]
            touched[n_touched] = place
            n_touched += before == 0.0
            total[place] = after if after != 0.0 else 5e-324  # known as touched
    n_far = 0
    flag = np.uint64(1) << bit
    for t in range(n_touched):
        place = touched[t]
        value = total[place]
        total[place] = 0.0
        if value >= observed[place]:
            reached[place] |= flag
        if value > limit[place]:
            far_row[n_far], far_value[n_far] = place, value
            n_far += 1
    return n_far
