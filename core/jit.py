"""Compile small numeric loops; the compiled code is kept on disk between sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit, types

__all__ = ["compiled", "forget_literals"]

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
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder that numba may write its cache to
        logger.info("compiled code of %s cannot be kept", function.__name__)
        made = njit(nogil=True)(function)
    forget_literals(made)
    return cast("Callable[P, R]", made)


def forget_literals(made: Any) -> None:  # noqa: ANN401 - numba's dispatcher has no public type
    """Let a compiled function be called with any constant without being compiled for it.

    Numba compiles a function that compiled code calls anew for each True, False or 0 written
    there: a search with a flag twice, with everything that it calls.
    """
    find_template = made.get_call_template
    unliteral: Callable[[Any], Any] = types.unliteral

    def find_plain(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:  # noqa: ANN401
        plain = {name: unliteral(kind) for name, kind in kws.items()}
        return find_template(tuple(unliteral(kind) for kind in args), plain)

    made.get_call_template = find_plain
