"""Read the times of GPS fixes, with or without a time zone."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["estimate_offset_min", "read_times"]

EPOCH_S: Final = (1e8, 1e11)  # seconds since 1970, from 1973 on
EPOCH_MS: Final = (1e11, 1e14)
ZONE: Final = r"\s*(Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})$"
ISO: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
DAY_FIRST: Final = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M")


def read_times(text: pd.Series[Any]) -> tuple[pd.Series[Any], NDArray[np.float64]]:
    """Read times.

    Parameters
    ----------
    text
        ISO 8601 with or without a zone, day/month/year with a clock time, or seconds or
        milliseconds since 1970.

    Returns
    -------
    time
        In UTC where a zone is stated, else as written; missing where it is not understood.
    offset_min
        The zone stated, minutes east of UTC; NaN where none is. Seconds since 1970 are UTC.
    """
    codes, distinct = pd.factorize(text.fillna("").str.strip())
    plain = pd.Series(distinct, dtype="str")
    zone = plain.str.extract(ZONE, expand=False)
    is_clock = plain.str.contains(":", regex=False).fillna(False).astype(bool)
    zone = zone.where(is_clock)
    bare = plain.mask(zone.notna(), plain.str.replace(ZONE, "", regex=True))
    bare = bare.str.replace(r"^(\d{4})/(\d{2})/(\d{2})", r"\1-\2-\3", regex=True)
    is_iso = is_clock & bare.str.fullmatch(ISO).fillna(False).astype(bool)
    parsed = pd.to_datetime(bare.where(is_iso), format="ISO8601", errors="coerce")
    time: pd.Series[Any] = parsed.astype("datetime64[us]")
    for pattern in DAY_FIRST:
        open_rows = time.isna() & is_clock
        if open_rows.any():
            found = pd.to_datetime(bare[open_rows], format=pattern, errors="coerce")
            time.loc[open_rows] = found.astype("datetime64[us]")
    offset = _read_zone(zone)
    number = pd.to_numeric(plain.mask(is_clock), errors="coerce").to_numpy(dtype=float)
    for (low, high), unit in ((EPOCH_S, 1e6), (EPOCH_MS, 1e3)):
        some = (number >= low) & (number < high)
        time.loc[some] = (number[some] * unit).round().astype("int64").astype("datetime64[us]")
        offset[some] = 0.0
    shift = pd.to_timedelta(np.nan_to_num(offset), unit="min")
    time = (time - shift).astype("datetime64[us]")
    offset[time.isna().to_numpy()] = np.nan
    return time.take(codes).reset_index(drop=True), offset[codes]


def _read_zone(zone: pd.Series[Any]) -> NDArray[np.float64]:
    """Minutes east of UTC from `Z`, `+07:00`, `+0700` or `+07`."""
    digits = zone.str.replace(":", "", regex=False)
    is_utc = digits.str.upper().isin(["Z", "UTC", "GMT"]).to_numpy(dtype=bool)
    padded = digits.str[1:].str.pad(4, side="right", fillchar="0")
    number = pd.to_numeric(padded, errors="coerce").to_numpy(dtype=float)
    minutes = number // 100 * 60 + number % 100
    minutes = np.where((digits.str[0] == "-").fillna(False).to_numpy(dtype=bool), -minutes, minutes)
    result: NDArray[np.float64] = np.where(is_utc, 0.0, minutes)
    return result


def estimate_offset_min(lon: float) -> float:
    """Estimate the local time zone of a place by its longitude, minutes east of UTC.

    The sun's time to the whole hour: right for Cambodia (7 h) and most countries, an hour
    or more off where the law says otherwise.
    """
    return round(lon / 15.0) * 60.0
