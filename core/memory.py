"""Care of memory where very many small values are made at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Leave the search for reference cycles until later.

    Millions of texts and numbers hold none, yet each thousand of new ones starts a search:
    a fifth of the time of a large import. What is no longer used is freed as ever.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
