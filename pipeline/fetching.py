"""Roads from OpenStreetMap, when they are asked for by name or box."""

from __future__ import annotations

from core.errors import InputError

__all__ = ["parse_bbox"]


def parse_bbox(text: str) -> tuple[float, float, float, float]:
    """Return west, south, east, north [degrees] from `W,S,E,N`.

    Raises
    ------
    InputError
        If these are not four numbers in that order and range.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        message = f"--bbox {text!r}: give four numbers in degrees: W,S,E,N."
        raise InputError(message) from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        message = f"--bbox {text!r}: need west < east and south < north, in degrees: W,S,E,N."
        raise InputError(message)
    return west, south, east, north
