"""When it is dark: the sun's elevation at any place and time, sun times, light of a clock time.

The sun's declination and the equation of time come from astral, once a day, and are
interpolated (they are smooth: 0.3 s at most); the geometry is worked out here for whole
arrays at once, because astral's own sun times skip a sunrise where it crosses midnight UTC
and bend the light at the horizon again for dawn and dusk, which are defined without.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from astral.julian import julianday_to_juliancentury
from astral.sun import eq_of_time, sun_declination
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError
from core.vocabulary import Light

__all__ = [
    "CIVIL_TWILIGHT_DEG",
    "SUNSET_DEG",
    "classify_light",
    "compute_dark_share",
    "compute_sun_elevation",
    "compute_sun_times",
    "is_dark",
    "require_time_zone",
]

SUNSET_DEG: Final = -0.8333  # the upper limb touches the horizon, with standard refraction
CIVIL_TWILIGHT_DEG: Final = -6.0  # dawn and dusk
MINUTES_PER_DAY: Final = 1440
JULIAN_DAY_OF_EPOCH: Final = 2440587.5  # 1970-01-01 00:00 UTC
S_PER_DAY: Final = 86400.0
REFINEMENTS: Final = 4  # each takes the sun's place at the time that the last one found

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
TimeArray = NDArray[np.datetime64]


def require_time_zone(tz: str) -> ZoneInfo:
    """Return the time zone of a name such as `Asia/Phnom_Penh`.

    Raises
    ------
    InputError
        If no such time zone is known.
    """
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"time zone {tz!r}: not known; give a name such as Asia/Phnom_Penh."
        raise InputError(message) from error


def compute_sun_elevation(utc: TimeArray, *, lon: ArrayLike, lat: ArrayLike) -> FloatArray:
    """Compute how high the middle of the sun stands, light not bent by the air.

    Parameters
    ----------
    utc
        Instants in UTC, datetime64, any shape; NaT gives NaN.
    lon, lat
        Degrees, broadcast with `utc`.

    Returns
    -------
    elevation_deg
        Degrees above the horizon, negative below.

    Raises
    ------
    InputError
        If a longitude or latitude is missing or not one.

    References
    ----------
    Meeus, J. (1998). Astronomical Algorithms, 2nd ed., chapters 13 and 25, by way of
    astral (NOAA solar calculator).
    """
    east, north = _require_places(lon, lat)
    seconds = _to_seconds(utc)
    declination, equation_min = _interpolate_sun(seconds)
    solar_min = (seconds % S_PER_DAY) / 60.0 + 4.0 * east + equation_min
    hour_angle = np.radians(solar_min / 4.0 - 180.0)
    phi = np.radians(north)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(
        hour_angle
    )
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), dtype=np.float64)


def compute_sun_times(
    dates: Sequence[date] | pd.DatetimeIndex, *, lon: float, lat: float, tz: str
) -> pd.DataFrame:
    """Compute dawn, sunrise, sunset and dusk of each date at one place.

    Parameters
    ----------
    dates
        Local dates.
    lon, lat
        Place, in degrees.
    tz
        Name of the time zone of the answer; its daylight saving counts.

    Returns
    -------
    DataFrame
        One row a date: `date`, `dawn`, `sunrise`, `sunset`, `dusk` (local clock time
        without zone). They belong to the noon of that date: near the polar circles a sunset
        may fall on the next date. Missing where the sun does not cross that height.

    Raises
    ------
    InputError
        If the time zone or the place is not known.

    Notes
    -----
    Sea-level horizon with standard refraction (34') and radius (16') for sunrise and
    sunset, 6 degrees below the horizon for dawn and dusk, as the almanacs define them.
    """
    zone = require_time_zone(tz)
    east, north = (float(value) for value in _require_places(lon, lat))
    days = pd.DatetimeIndex(np.asarray(dates, dtype="datetime64[D]"))
    # midday rather than midnight: midnights may be skipped where clocks change
    midday = _to_seconds((days + pd.Timedelta(hours=12)).tz_localize(zone).tz_convert(None))
    _, equation_min = _interpolate_sun(midday)
    solar_min = (midday % S_PER_DAY) / 60.0 + 4.0 * east + equation_min
    off_min = (solar_min - 720.0 + 720.0) % MINUTES_PER_DAY - 720.0
    noon = midday - 60.0 * off_min
    columns: dict[str, object] = {"date": days}
    for name, height, side in (
        ("dawn", CIVIL_TWILIGHT_DEG, -1.0),
        ("sunrise", SUNSET_DEG, -1.0),
        ("sunset", SUNSET_DEG, 1.0),
        ("dusk", CIVIL_TWILIGHT_DEG, 1.0),
    ):
        found = _find_crossing(noon, east, north, height_deg=height, side=side)
        columns[name] = _to_local(found, zone)
    return pd.DataFrame(columns)


def is_dark(
    local: ArrayLike,
    *,
    lon: ArrayLike,
    lat: ArrayLike,
    tz: str,
    dark_below_deg: float = CIVIL_TWILIGHT_DEG,
) -> BoolArray:
    """Tell for local clock times whether it is dark.

    Parameters
    ----------
    local
        Local clock times without zone, shape (n,).
    lon, lat
        Places, degrees, one or shape (n,).
    tz
        Name of the time zone of the clocks.
    dark_below_deg
        It is dark when the sun stands lower than this [degrees]: the end of civil
        twilight, or `SUNSET_DEG` to count twilight as dark.

    Returns
    -------
    is_dark
        Shape (n,).

    Raises
    ------
    InputError
        If a time is missing, or a place or the time zone is not known.

    Notes
    -----
    An hour that clocks show twice counts as its first; one that they skip as the hour
    after. Clouds, moon and street lamps take no part.

    References
    ----------
    Sullivan, J. & Flannagan, M. (2002). The role of ambient light level in fatal crashes.
    Accident Analysis & Prevention 34, 487-498. doi:10.1016/S0001-4575(01)00059-8
    Fotios, S., Robbins, C. & Uttley, J. (2021). A comparison of approaches for
    investigating the impact of ambient light on road traffic collisions. Lighting
    Research & Technology 53, 249-261. doi:10.1177/1477153520924066
    """
    utc = _to_utc(local, require_time_zone(tz))
    n_missing = int(np.isnat(utc).sum())
    if n_missing:
        first = int(np.flatnonzero(np.isnat(utc))[0])
        message = (
            f"light: {n_missing} of {utc.size} time(s) are missing, first at position {first}; "
            "leave them out, or use classify_light, which keeps them as unknown."
        )
        raise InputError(message)
    return np.asarray(compute_sun_elevation(utc, lon=lon, lat=lat) < dark_below_deg)


def classify_light(
    local: ArrayLike,
    *,
    lon: ArrayLike,
    lat: ArrayLike,
    tz: str,
    dark_below_deg: float = CIVIL_TWILIGHT_DEG,
) -> NDArray[np.object_]:
    """Return `day`, `dark` or, where the time or place is missing, `unknown`.

    As `is_dark`; a missing time or place is no error.

    Raises
    ------
    InputError
        If the time zone is not known, or a place is beyond the globe.
    """
    utc = _to_utc(local, require_time_zone(tz))
    east = np.broadcast_to(np.asarray(lon, dtype=np.float64), utc.shape)
    north = np.broadcast_to(np.asarray(lat, dtype=np.float64), utc.shape)
    is_known = ~(np.isnat(utc) | np.isnan(east) | np.isnan(north))
    light = np.full(utc.shape, Light.UNKNOWN.value, dtype=object)
    elevation = compute_sun_elevation(utc[is_known], lon=east[is_known], lat=north[is_known])
    light[is_known] = np.where(elevation < dark_below_deg, Light.DARK.value, Light.DAY.value)
    return light


@lru_cache(maxsize=1024)
def _dark_share(lon: float, lat: float, tz: str, year: int, dark_below_deg: float) -> bytes:
    first = np.datetime64(f"{year:04d}-01-01")
    n_days = int((np.datetime64(f"{year + 1:04d}-01-01") - first).astype(int))
    minutes = np.arange(MINUTES_PER_DAY).astype("timedelta64[m]")
    days = first + np.arange(n_days).astype("timedelta64[D]")
    local = (days[:, None].astype("datetime64[m]") + minutes[None, :]).ravel()
    dark = is_dark(local, lon=lon, lat=lat, tz=tz, dark_below_deg=dark_below_deg)
    return bytes(dark.reshape(n_days, MINUTES_PER_DAY).mean(axis=0).tobytes())


def compute_dark_share(
    *, lon: float, lat: float, tz: str, year: int, dark_below_deg: float = CIVIL_TWILIGHT_DEG
) -> FloatArray:
    """Compute on what share of a year's days each minute of the clock is dark.

    Parameters
    ----------
    lon, lat
        Place, in degrees.
    tz
        Name of the time zone of the clock.
    year
        Its year; daylight saving differs from year to year.
    dark_below_deg
        As for `is_dark`.

    Returns
    -------
    dark_share
        Shape (1440,), [0, 1]: at 00:00, 00:01, ... 23:59. Every day of the year counts
        the same, days off too.

    Raises
    ------
    InputError
        If the place or the time zone is not known.
    """
    found = _dark_share(float(lon), float(lat), tz, int(year), float(dark_below_deg))
    return np.frombuffer(found, dtype=np.float64).copy()


def _require_places(lon: ArrayLike, lat: ArrayLike) -> tuple[FloatArray, FloatArray]:
    places = []
    for name, values, limit in (("lon", lon, 180.0), ("lat", lat, 90.0)):
        degrees = np.asarray(values, dtype=np.float64)
        is_bad = ~(np.abs(degrees) <= limit)
        if is_bad.any():
            first = int(np.flatnonzero(is_bad.ravel())[0])
            message = (
                f"{name}: {int(is_bad.sum())} of {degrees.size} value(s) are not degrees, first "
                f"at position {first}: {degrees.ravel()[first]}; give -{limit:g} to {limit:g}."
            )
            raise InputError(message)
        places.append(degrees)
    return places[0], places[1]


def _to_seconds(utc: TimeArray | pd.DatetimeIndex) -> FloatArray:
    """Return seconds since 1970; NaT becomes NaN."""
    times = np.asarray(utc).astype("datetime64[us]")
    seconds = times.astype(np.int64) / 1e6
    return np.where(np.isnat(times), np.nan, seconds)


@lru_cache(maxsize=16384)
def _find_sun(day: int) -> tuple[float, float]:
    """Return declination [radians] and equation of time [min] at 0 h UTC of a day since 1970."""
    century = julianday_to_juliancentury(day + JULIAN_DAY_OF_EPOCH)
    return float(np.radians(sun_declination(century))), float(eq_of_time(century))


def _interpolate_sun(seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = seconds[np.isfinite(seconds)]
    if known.size == 0:
        return np.full_like(seconds, np.nan), np.full_like(seconds, np.nan)
    first = int(np.floor(known.min() / S_PER_DAY))
    last = int(np.floor(known.max() / S_PER_DAY)) + 1
    days = np.arange(first, last + 1)
    needed = np.unique(np.floor(known / S_PER_DAY).astype(np.int64))
    needed = np.union1d(needed, needed + 1)
    if needed.size < days.size:
        days = needed  # far apart: only the days that are asked for
    sun = np.array([_find_sun(int(day)) for day in days])
    at = seconds / S_PER_DAY
    return np.interp(at, days, sun[:, 0]), np.interp(at, days, sun[:, 1])


def _find_crossing(
    noon: FloatArray, lon: float, lat: float, *, height_deg: float, side: float
) -> FloatArray:
    """Return when the sun passes that height before (-1) or after (1) each noon, or NaN."""
    phi, sine = np.radians(lat), np.sin(np.radians(height_deg))
    when = noon.copy()
    for _ in range(REFINEMENTS):
        declination, equation_min = _interpolate_sun(when)
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine = (sine - np.sin(phi) * np.sin(declination)) / (
                np.cos(phi) * np.cos(declination)
            )
            half_day_min = 4.0 * np.degrees(np.arccos(cosine))
        solar_min = (when % S_PER_DAY) / 60.0 + 4.0 * lon + equation_min
        off_min = (solar_min - (720.0 + side * half_day_min) + 720.0) % MINUTES_PER_DAY - 720.0
        when = when - 60.0 * off_min
    return when


def _to_utc(local: object, zone: ZoneInfo) -> TimeArray:
    """Return UTC; an hour shown twice counts as its first, a skipped one as the hour after."""
    given = pd.DatetimeIndex(np.asarray(local, dtype="datetime64[us]").ravel())
    is_first = np.ones(len(given), dtype=bool)
    there = given.tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")
    return np.asarray(there.tz_convert(None).to_numpy(), dtype="datetime64[us]")


def _to_local(seconds: FloatArray, zone: ZoneInfo) -> TimeArray:
    whole = np.where(np.isnan(seconds), 0.0, np.round(seconds)).astype(np.int64)
    utc = whole.astype("datetime64[s]").astype("datetime64[us]")
    utc[np.isnan(seconds)] = np.datetime64("NaT")
    local = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.to_numpy(), dtype="datetime64[us]")
