"""Times of events and places as days, or as hours of the day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import InputError, NotEnoughDataError, TableError

__all__ = ["EventTimes", "read_event_times"]

EPOCH: Final = pd.Timestamp("1970-01-01")
HOURS: Final = 24.0
OFFSET: Final = r"(?<=\d)\s*(?:Z|[+-]\d{2}:?\d{2})$"  # from UTC, after a time of day


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTimes:
    """Times of events, and of the places or moments that are asked about.

    Attributes
    ----------
    unit
        Of all times: day or hour.
    period
        After which time begins again, None: never.
    is_date
        Whether days are dates, counted from 1970; else they are numbers as given.
    of_events
        NaN where unknown, shape (n_events,).
    of_places
        None where the places have no time.
    moments
        The slices, shape (n_slices,).
    n_unknown
        Events without a time, which are left out.
    """

    unit: str
    period: float | None
    is_date: bool
    of_events: NDArray[np.float64]
    of_places: NDArray[np.float64] | None
    moments: NDArray[np.float64]
    n_unknown: int

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Whether each event has a time."""
        return np.isfinite(self.of_events)

    def keep(self, is_kept: NDArray[np.bool_]) -> EventTimes:
        """Return the times of some of the events."""
        return replace(self, of_events=self.of_events[is_kept])

    def name_moments(self) -> list[str] | list[float]:
        """Return the slices as people read them."""
        if not self.is_date or self.unit == "hour":
            return [round(float(one), 3) for one in self.moments]
        stamps = EPOCH + pd.to_timedelta(self.moments, unit="D")
        return [one.strftime("%Y-%m-%d") for one in stamps]


def read_event_times(
    events: tuple[gpd.GeoDataFrame, Path],
    places: tuple[gpd.GeoDataFrame, Path],
    column: str,
    *,
    by_hour: bool,
    n_slices: int | None,
) -> EventTimes:
    """Read the times of events, and of the places or slices that are asked about.

    Parameters
    ----------
    events, places
        Layers, and the files that they come from.
    column
        Dates with or without a time of day, or numbers: days, or with `by_hour` hours.
    by_hour
        Only the hour of the day counts.
    n_slices
        Equal parts of the time from the first event to the last (of the day), whose middles are
        asked about; needed where the places do not have the column, and only then.

    Raises
    ------
    TableError
        If the events do not have the column.
    InputError
        If a value is no time, the events have numbers and the places dates, or it is not
        clear for which times the density is wanted.
    NotEnoughDataError
        If no event has a time.
    """
    frame, path = events
    asked, asked_path = places
    if column not in frame:
        raise TableError.missing_columns(str(path), [column], list(map(str, frame.columns)))
    of_events, is_date = _read_column(frame[column], by_hour, f"{path}: column {column!r}")
    of_places = None
    if column in asked and n_slices is None:
        of_places, is_alike = _read_column(asked[column], by_hour, f"{asked_path}: {column!r}")
        if is_alike != is_date and not by_hour:
            message = f"{column!r}: dates in one of {path} and {asked_path}, numbers in the other."
            raise InputError(message)
    elif n_slices is None:
        message = f"{asked_path}: has no column {column!r}; give --slices N."
        raise InputError(message)
    known = of_events[np.isfinite(of_events)]
    if by_hour and is_date and len(known) and not known.any():
        message = (
            f"{path}: column {column!r} has dates without a time of day; give "
            "--time-bandwidth-days, or a column with hours."
        )
        raise InputError(message)
    if not len(known):
        message = f"{path}: none of {len(frame)} events has a time in column {column!r}."
        raise NotEnoughDataError(message)
    first, last = (0.0, HOURS) if by_hour else (known.min(), known.max())
    parts = n_slices or 1
    return EventTimes(
        unit="hour" if by_hour else "day",
        period=HOURS if by_hour else None,
        is_date=is_date,
        of_events=of_events,
        of_places=of_places,
        moments=first + (np.arange(parts) + 0.5) * (last - first) / parts,
        n_unknown=len(frame) - len(known),
    )


def _read_column(values: pd.Series, by_hour: bool, name: str) -> tuple[NDArray[np.float64], bool]:
    """Return days (or hours), NaN where empty, and whether they were dates."""
    if pd.api.types.is_datetime64_any_dtype(values):
        stamps = values
    else:
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.notna().sum() == values.notna().sum():
            return np.asarray(numbers, dtype=np.float64), False
        clock = values.astype("string").str.replace(OFFSET, "", regex=True)  # the local one
        stamps = pd.to_datetime(clock, errors="coerce", format="ISO8601")
        is_bad = stamps.isna() & values.notna()
        if is_bad.any():
            row = int(np.flatnonzero(is_bad)[0])
            message = (
                f"{name}: {int(is_bad.sum())} of {len(values)} are no times, first in row {row}: "
                f"{values.iloc[row]!r}; write 2026-01-31 or 2026-01-31 17:45, or numbers."
            )
            raise InputError(message)
    if stamps.dt.tz is not None:
        stamps = stamps.dt.tz_localize(None)
    days: NDArray[np.float64] = np.asarray((stamps - EPOCH) / pd.Timedelta(days=1), dtype=float)
    return np.asarray(days % 1.0 * HOURS if by_hour else days), True
