"""Sorting in compiled loops."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled

__all__ = ["order_pairs"]


@compiled
def order_pairs(first: NDArray[np.int64], second: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the order by one array, then another; equal pairs in any order, always the same.

    Shell's sort: for some thousands numpy's take no less time, and far longer to compile.
    """
    n = len(first)
    order = np.arange(n)
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            one, at = order[i], i
            while at >= gap:
                other = order[at - gap]
                if first[other] < first[one]:
                    break
                if first[other] == first[one] and second[other] <= second[one]:
                    break
                order[at] = other
                at -= gap
            order[at] = one
        gap //= 3
    return order
