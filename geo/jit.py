"""Compile small numeric loops; see `core.jit`."""

from core.jit import compiled

__all__ = ["compiled"]
