"""Compile small numeric loops; the compiled code is kept on disk between sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

__all__ = ["compiled"]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers with numba, keeping its declared types.

    The first call ever compiles (about a second for each function); later sessions read
    the compiled code from numba's cache, if there is a folder to keep it in. The interpreter
    lock is released while it runs.
    """
    try:
        return cast("Callable[P, R]", njit(cache=True, nogil=True)(function))
    except RuntimeError:  # no folder that numba may write its cache to
        logger.info("compiled code of %s cannot be kept", function.__name__)
        return cast("Callable[P, R]", njit(nogil=True)(function))
