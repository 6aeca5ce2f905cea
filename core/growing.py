"""Arrays that grow in compiled loops."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled

__all__ = ["lengthen", "lengthen_whole"]


@compiled
def lengthen(values: NDArray[np.float64], needed: int) -> NDArray[np.float64]:
    """Return an array with room for so many values at least, those there are first."""
    if len(values) >= needed:
        return values
    longer = np.empty(max(needed, 2 * len(values)), dtype=np.float64)
    longer[: len(values)] = values
    return longer


@compiled
def lengthen_whole(values: NDArray[np.int64], needed: int) -> NDArray[np.int64]:
    """Do what `lengthen` does, for whole numbers."""
    if len(values) >= needed:
        return values
    longer = np.empty(max(needed, 2 * len(values)), dtype=np.int64)
    longer[: len(values)] = values
    return longer
