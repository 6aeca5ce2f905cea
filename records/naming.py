"""How names of columns and codes are compared."""

from __future__ import annotations

__all__ = ["simplify_name"]


def simplify_name(name: str) -> str:
    """Return a column's name as it is compared: lower case, single blanks."""
    return " ".join(name.split()).casefold()
