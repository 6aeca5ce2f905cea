"""What the reader wants to see: filters on crashes, kept in addresses, and recounting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from core.errors import InputError
from core.vocabulary import RoadUser, Severity

__all__ = ["CrashFilter", "count_by", "filter_crashes"]

DARKNESS = ("any", "dark", "light")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashFilter:
    """Which crashes count; the default takes all of them.

    A crash whose fact is unknown passes only where nothing was asked about that fact:
    unknown is never "no".
    """

    severities: tuple[str, ...] = ()  # none chosen: every severity, unknown included
    road_user: str | None = None
    start: date | None = None
    end: date | None = None  # the last day that counts
    darkness: str = "any"

    @property
    def is_active(self) -> bool:
        """Whether anything is filtered at all."""
        return self != CrashFilter()

    def to_query(self) -> dict[str, str]:
        """Return the filter as the values of an address; nothing for what is not set."""
        query = {
            "severity": ",".join(self.severities),
            "user": self.road_user or "",
            "from": self.start.isoformat() if self.start else "",
            "to": self.end.isoformat() if self.end else "",
            "dark": "" if self.darkness == "any" else self.darkness,
        }
        return {key: value for key, value in query.items() if value}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> CrashFilter:
        """Read the filter back from an address.

        Raises
        ------
        InputError
            If a value is none that `to_query` writes.
        """
        severities = tuple(word for word in query.get("severity", "").split(",") if word)
        road_user = query.get("user") or None
        darkness = query.get("dark") or "any"
        known = {*Severity, UNKNOWN}
        is_known = (
            set(severities) <= known
            and (road_user is None or road_user in set(RoadUser))
            and darkness in DARKNESS
        )
        try:
            start, end = (
                date.fromisoformat(query[key]) if query.get(key) else None for key in ("from", "to")
            )
        except ValueError:
            is_known = False
            start = end = None
        if not is_known:
            message = f"filter {dict(query)}: holds a word or date that is not known."
            raise InputError(message)
        return cls(
            severities=severities, road_user=road_user, start=start, end=end, darkness=darkness
        )


def filter_crashes(crashes: pd.DataFrame, chosen: CrashFilter) -> pd.DataFrame:
    """Return the crashes that pass; the order stays."""
    keep = pd.Series(True, index=crashes.index)
    if chosen.severities:
        keep &= crashes["severity"].fillna(UNKNOWN).isin(chosen.severities)
    if chosen.road_user:
        words = ";" + crashes["road_users"].fillna("") + ";"
        keep &= words.str.contains(f";{chosen.road_user};", regex=False)
    if chosen.start:
        keep &= crashes["occurred_at"] >= pd.Timestamp(chosen.start)
    if chosen.end:
        keep &= crashes["occurred_at"] < pd.Timestamp(chosen.end) + pd.Timedelta(days=1)
    if chosen.darkness != "any":
        keep &= crashes["is_dark"] == ("yes" if chosen.darkness == "dark" else "no")
    return crashes[keep.astype(bool)]


def count_by(crashes: pd.DataFrame, column: str) -> dict[str, int]:
    """Count crashes by the value of a column; crashes without a value are left out."""
    counts = crashes[column].dropna().value_counts()
    return {str(value): int(n) for value, n in counts.items()}
