"""Array types and the cheap guards that every model begins with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError

__all__ = ["BoolArray", "FloatArray", "IntArray", "require_counts", "require_same_length"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def require_same_length(**arrays: NDArray[Any]) -> int:
    """Return the common length of one-dimensional arrays.

    Raises
    ------
    InputError
        If an array is not one-dimensional, or two lengths differ.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        message = f"arrays must be one-dimensional and equally long, found {found}."
        raise InputError(message)
    return int(next(iter(shapes.values()))[0])


def require_counts(name: str, values: ArrayLike) -> FloatArray:
    """Return counts as floats; whole, finite and not negative.

    Raises
    ------
    InputError
        If a value is missing, negative or not whole; names how many and the first.
    """
    counts = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        is_bad = ~np.isfinite(counts) | (counts < 0) | (counts != np.floor(counts))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad.ravel())[0])
        message = (
            f"{name}: {int(is_bad.sum())} of {counts.size} value(s) are not counts, first at "
            f"position {first}: {counts.ravel()[first]}; give whole numbers from 0."
        )
        raise InputError(message)
    return counts
