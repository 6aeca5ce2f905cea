import json
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from astral import Observer
from astral.sun import sunrise, sunset
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from geo.daylight import (
    CIVIL_TWILIGHT_DEG,
    SUNSET_DEG,
    classify_light,
    compute_dark_share,
    compute_sun_elevation,
    compute_sun_times,
    is_dark,
)

PUBLISHED = json.loads(
    (Path(__file__).parents[1] / "reference" / "sun_times.json").read_text(encoding="utf-8")
)["places"]
PHNOM_PENH = {"lon": 104.92, "lat": 11.55, "tz": "Asia/Phnom_Penh"}
PORTO_ALEGRE = {"lon": -51.23, "lat": -30.03, "tz": "America/Sao_Paulo"}
MINUTE = 60.0


def find_altitude(seconds, lon, lat):
    """Work out the sun's altitude after Meeus, ch. 12, 13 and 25, by right ascension."""
    jd = seconds / 86400 + 2440587.5
    t = (jd + 69 / 86400 - 2451545) / 36525
    m = np.radians(357.52911 + 35999.05029 * t - 0.0001537 * t**2)
    centre = (1.914602 - 0.004817 * t) * np.sin(m) + 0.019993 * np.sin(2 * m)
    centre += 0.000289 * np.sin(3 * m)
    node = np.radians(125.04 - 1934.136 * t)
    mean = 280.46646 + 36000.76983 * t + 0.0003032 * t**2
    longitude = np.radians(mean + centre - 0.00569 - 0.00478 * np.sin(node))
    tilt = np.radians(23.439291 - 0.0130042 * t + 0.00256 * np.cos(node))
    ascension = np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude))
    declination = np.arcsin(np.sin(tilt) * np.sin(longitude))
    sidereal = 280.46061837 + 360.98564736629 * (jd - 2451545)
    hour = np.radians(sidereal + lon) - ascension
    phi = np.radians(lat)
    return np.degrees(
        np.arcsin(
            np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
        )
    )


def to_utc_seconds(local, tz):
    utc = pd.DatetimeIndex(local).tz_localize(ZoneInfo(tz), ambiguous="NaT").tz_convert(None)
    return utc.to_numpy().astype("datetime64[us]").astype("int64") / 1e6


@pytest.mark.parametrize("place", PUBLISHED, ids=lambda place: place["place"])
def test_sun_times_equal_published_ones_within_a_minute(place):
    for row in place["rows"]:
        where = {name: place[name] for name in ("lon", "lat", "tz")}
        found = compute_sun_times([date.fromisoformat(row["date"])], **where).iloc[0]
        for name, clock in row.items():
            if name != "date":
                off = found[name] - pd.Timestamp(f"{row['date']} {clock}")
                assert abs(off.total_seconds()) <= MINUTE, (row["date"], name)


@pytest.mark.parametrize("place", [PHNOM_PENH, PORTO_ALEGRE], ids=["Phnom Penh", "Porto Alegre"])
def test_sun_times_of_a_year_equal_an_independent_formula(place):
    days = pd.date_range("2014-01-01", "2014-12-31")
    found = compute_sun_times(days, **place)
    for name, height in (
        *(("dawn", CIVIL_TWILIGHT_DEG), ("dusk", CIVIL_TWILIGHT_DEG)),
        *(("sunrise", SUNSET_DEG), ("sunset", SUNSET_DEG)),
    ):
        seconds = to_utc_seconds(found[name], place["tz"])
        rising = 1 if name in {"dawn", "sunrise"} else -1
        before = find_altitude(seconds - 10, place["lon"], place["lat"])
        after = find_altitude(seconds + 10, place["lon"], place["lat"])
        assert np.all(rising * (height - before) > 0), name
        assert np.all(rising * (after - height) > 0), name
        assert (found[name].dt.date == days.date).all()


@pytest.mark.parametrize("place", [PHNOM_PENH, PORTO_ALEGRE], ids=["Phnom Penh", "Porto Alegre"])
def test_sunrise_and_sunset_equal_those_of_astral_within_a_minute(place):
    observer, zone = Observer(place["lat"], place["lon"], 0), ZoneInfo(place["tz"])
    days = pd.date_range("2015-01-01", periods=53, freq="7D")
    found = compute_sun_times(days, **place)
    for name, function in (("sunrise", sunrise), ("sunset", sunset)):
        theirs = [function(observer, day.date(), tzinfo=zone).replace(tzinfo=None) for day in days]
        off = (found[name] - pd.Series(theirs)).dt.total_seconds().abs()
        assert off.max() < MINUTE


def test_daylight_saving_moves_the_clock_in_the_years_that_had_it():
    with_saving, without = (
        compute_sun_times([date(year, 1, 15)], **PORTO_ALEGRE)["sunset"].iloc[0]
        for year in (2015, 2021)
    )
    assert (with_saving.hour, without.hour) == (20, 19)


def test_sunrise_is_there_each_day_where_it_crosses_midnight_utc():
    days = pd.date_range("2014-01-01", "2014-12-31")
    found = compute_sun_times(days, lon=90.4, lat=23.8, tz="Asia/Dhaka")
    assert found["sunrise"].notna().all()
    assert found["sunrise"].diff().dt.total_seconds().dropna().between(86340, 86460).all()


def test_no_sunset_at_high_latitudes_is_missing_and_never_dark_or_always():
    days = [date(2024, 6, 21), date(2024, 12, 21), date(2024, 3, 20)]
    tromso = {"lon": 18.96, "lat": 69.65, "tz": "Europe/Oslo"}
    found = compute_sun_times(days, **tromso)
    assert found["sunset"].isna().tolist() == [True, True, False]
    noon_and_midnight = ["2024-06-21 00:00", "2024-06-21 12:00", "2024-12-21 00:00"]
    dark = is_dark(noon_and_midnight, **tromso)
    assert dark.tolist() == [False, False, True]
    assert is_dark(["2024-12-21 12:00"], **tromso, dark_below_deg=SUNSET_DEG).tolist() == [True]
    assert compute_sun_times(days, lon=0.0, lat=90.0, tz="UTC")["sunrise"].isna().all()


def test_dark_changes_at_dusk_and_with_the_other_rule_at_sunset():
    times = compute_sun_times([date(2024, 7, 1)], **PHNOM_PENH).iloc[0]
    step = timedelta(seconds=20)
    at_dusk = [times["dusk"] - step, times["dusk"] + step]
    assert is_dark(at_dusk, **PHNOM_PENH).tolist() == [False, True]
    at_sunset = [times["sunset"] - step, times["sunset"] + step]
    assert is_dark(at_sunset, **PHNOM_PENH, dark_below_deg=SUNSET_DEG).tolist() == [False, True]
    assert is_dark(at_sunset, **PHNOM_PENH).tolist() == [False, False]


def test_dark_share_of_a_minute_is_that_of_the_days_counted_one_by_one():
    share = compute_dark_share(**PHNOM_PENH, year=2024)
    assert share.shape == (1440,)
    assert share[12 * 60] == 0.0
    assert share[0] == 1.0
    times = compute_sun_times(pd.date_range("2024-01-01", "2024-12-31"), **PHNOM_PENH)
    minute = 5 * 60 + 30
    before_dawn = times["dawn"] > times["date"] + pd.Timedelta(minutes=minute)
    assert share[minute] == pytest.approx(before_dawn.mean(), abs=1 / 366)
    assert 0.3 < share[minute] < 0.9


def test_unknown_times_and_places_stay_unknown_and_never_count_as_day():
    times = pd.Series(pd.to_datetime(["2024-01-01 12:00", None, "2024-01-01 23:00"]))
    light = classify_light(times, lon=[104.9, 104.9, np.nan], lat=11.5, tz="Asia/Phnom_Penh")
    assert light.tolist() == ["day", "unknown", "unknown"]
    with pytest.raises(InputError, match=r"1 of 3 time\(s\) are missing, first at position 1"):
        is_dark(times, **PHNOM_PENH)
    assert classify_light([], **PHNOM_PENH).tolist() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [({"tz": "Asia/Nowhere"}, "time zone"), ({"lat": 91.0}, "lat: 1"), ({"lon": np.nan}, "lon: 1")],
)
def test_what_is_no_place_or_zone_is_refused(change, said):
    with pytest.raises(InputError, match=said):
        is_dark(["2024-01-01 12:00"], **{**PHNOM_PENH, **change})


def test_clock_times_shown_twice_or_skipped_do_not_stop_the_work():
    odd = ["2013-02-16 23:30", "2013-10-20 00:30"]  # clocks back; clocks forward over midnight
    assert is_dark(odd, **PORTO_ALEGRE).tolist() == [True, True]


@given(st.integers(0, 4_000_000_000), st.floats(-180.0, 180.0), st.floats(-90.0, 90.0))
def test_elevation_equals_the_independent_formula_anywhere(second, lon, lat):
    utc = np.array([second], dtype="datetime64[s]")
    found = compute_sun_elevation(utc, lon=lon, lat=lat).item()
    assert found == pytest.approx(find_altitude(float(second), lon, lat), abs=0.03)
