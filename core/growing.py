"""Arrays that grow in compiled loops."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled

__all__ = ["lengthen"]

T = TypeVar("T", bound=np.generic)


@compiled
def lengthen(values: NDArray[T], needed: int) -> NDArray[T]:
    """Return an array with room for so many values at least, those there are first."""
    if len(values) >= needed:
        return values
    longer = np.empty(max(needed, 2 * len(values)), dtype=values.dtype)
    longer[: len(values)] = values
    return longer
