"""Compiled functions: what they return, and for what they are compiled."""

from __future__ import annotations

from numba import njit

from core.jit import forget_literals


@njit
def scale(number: int, factor: int) -> int:
    """Return a product."""
    return factor * number


@njit
def scale_both_ways(number: int) -> int:
    """Call with constants, which numba would take for types of their own."""
    return scale(number, -2) + scale(3, 2)


def test_constants_do_not_make_a_function_compile_again():
    forget_literals(scale)
    assert scale_both_ways(5) == -4
    assert len(scale.signatures) == 1
