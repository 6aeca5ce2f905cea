"""A binary heap over two arrays, for compiled searches along a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled

__all__ = ["pop", "push"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@compiled
def push(keys: FloatArray, vertices: IntArray, size: int, key: float, vertex: int) -> int:
    """Add to a binary heap; the new size."""
    child = size
    while child > 0:
        parent = (child - 1) // 2
        if keys[parent] <= key:
            break
        keys[child] = keys[parent]
        vertices[child] = vertices[parent]
        child = parent
    keys[child] = key
    vertices[child] = vertex
    return size + 1


@compiled
def pop(keys: FloatArray, vertices: IntArray, size: int) -> int:
    """Take the least off a binary heap (read it first); the new size."""
    size -= 1
    key = keys[size]
    vertex = vertices[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[parent] = keys[child]
        vertices[parent] = vertices[child]
        parent = child
    keys[parent] = key
    vertices[parent] = vertex
    return size
