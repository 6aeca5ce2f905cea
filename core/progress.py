"""How long work tells whoever waits for it how far it has come."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "no_progress"]


class Progress(Protocol):
    """Called with what is done, the total, and a few words on the present step."""

    def __call__(self, done: int, total: int, label: str) -> None:
        """Take one report."""


def no_progress(done: int, total: int, label: str) -> None:
    """Ignore the report; the default of every long function."""
    del done, total, label
