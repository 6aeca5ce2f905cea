"""Constants that turn one unit into another; names end in the unit they hold."""

from __future__ import annotations

from typing import Final

__all__ = ["DAYS_PER_YEAR", "KMH_PER_MPH", "M_PER_KM"]

M_PER_KM: Final = 1000.0
DAYS_PER_YEAR: Final = 365.25
KMH_PER_MPH: Final = 1.609344
