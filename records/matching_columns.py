"""The columns by which reports are compared, made from what was reported.

Texts are compared without capitals, marks and the words every name has ("village",
"road"); a road with a number is its number, in whatever language: NR4, National Road 4 and
ផ្លូវជាតិលេខ៤ are one. A name in Khmer and one in Latin letters say nothing of each other.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

import numpy as np
import pandas as pd

from core.vocabulary import AgeBand, PlaceMethod, RoadUser, Severity, Sex, YesNoUnknown
from records.values import Column

__all__ = ["make_matching_columns", "simplify_name", "simplify_road"]

CELL_DEG: Final = 0.05  # about 5.5 km
MIN_DAYS: Final = 30  # a shorter period says little of how busy a place is
HEAPED_DAYS: Final = 3  # the very same coordinates on so many days are a village's centre
VILLAGE_DEG: Final = 0.03  # reports of one village lie this close to their middle
MEASURED: Final = (PlaceMethod.PERSON.value, PlaceMethod.COORDINATES.value)
MAX_NAME: Final = 100  # characters that are compared
MOST_ALIKE: Final = 5  # persons of one sex and age band that are told apart in number

_KHMER = re.compile(r"[\u1780-\u17ff]")
_DIGITS: Final = str.maketrans("០១២៣៤៥៦៧៨៩", "0123456789")
_NATIONAL = re.compile(
    r"(?:\bnational (?:road|route|highway)\b|\broute nationale\b|\bn ?[rh]\b|\brn\b|ផ្លូវជាតិ(?:លេខ)?)"
    r"\D{0,8}?(\d+)\s*([a-z]?)\b"
)
_COMMON_WORDS: Final = frozenset(
    {
        *("village", "phum", "commune", "khum", "sangkat", "district", "srok", "khan", "town"),
        *("city", "krong", "road", "street", "st", "str", "route", "highway"),
    }
)
_COMMON_KHMER = re.compile("^(ភូមិ|ឃុំ|សង្កាត់|ស្រុក|ខណ្ឌ|ក្រុង|ផ្លូវ)")


def simplify_name(text: str) -> str:
    """Return a village's or district's name as it is compared."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_DIGITS)
    if _KHMER.search(plain):
        return _COMMON_KHMER.sub("", re.sub(r"[\s\u200b]+", "", plain))
    plain = unicodedata.normalize("NFKD", plain)
    plain = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    words = plain.split()
    kept = [word for word in words if word not in _COMMON_WORDS] or words
    return " ".join(kept)


def simplify_road(text: str) -> str:
    """Return a road's name as it is compared; `nr4` for national road 4."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_DIGITS)
    number = _NATIONAL.search(re.sub(r"(?<=[a-z])(?=\d)|[._\-]+", " ", plain))
    if number:
        return f"nr{int(number[1])}{number[2]}"
    return simplify_name(plain)


def make_matching_columns(
    reports: pd.DataFrame, casualties: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return what is compared of every report.

    Parameters
    ----------
    reports
        Crash records; `crash_id`, `source` and `occurred_at` must be there, the rest may.
    casualties
        Persons with `source`, `crash_source_id`, `sex`, `age_band`.

    Returns
    -------
    columns
        One row per report, same order: `crash_id`, `source`, `minute` and `day` (since
        1970), `swapped_day`, `has_time`, `lon`, `lat`, `is_exact`, `village_code`, `village`,
        `district`, `road` and the `_script` of these three, `severity`, `killed`, `hurt`,
        `users`, `vehicles`, `persons`, `factory`, `is_worker`, `busy` (reports a day near by).
    """
    given = reports.reset_index(drop=True)
    columns: dict[str, Any] = {
        "crash_id": given["crash_id"].astype("object"),
        "source": given["source"].astype("object").fillna(""),
        **_make_times(given),
        **_make_places(given),
        **_make_counts(given),
        "users": _make_users(_get(given, "road_users")),
        "persons": _make_persons(given, casualties),
        "factory": _get(given, "factory_id").astype("object").where(lambda text: text != ""),
        "is_worker": _get(given, "is_worker_commute")
        .map({YesNoUnknown.YES.value: True, YesNoUnknown.NO.value: False})
        .astype("boolean"),
    }
    made = pd.DataFrame(columns)
    made["busy"] = _measure_busyness(made)
    return made


def _get(reports: pd.DataFrame, name: str) -> Column:
    """Return a column, empty where the reports have none."""
    if name in reports:
        return reports[name]
    return pd.Series(None, index=reports.index, dtype="object")


def _make_times(reports: pd.DataFrame) -> dict[str, Column]:
    when = reports["occurred_at"].astype("datetime64[us]")
    minute = when.to_numpy().astype("datetime64[m]").astype("int64")
    can_swap = (when.dt.day <= 12) & (when.dt.day != when.dt.month)
    parts = {"year": when.dt.year, "month": when.dt.day, "day": when.dt.month}
    swapped = pd.to_datetime(pd.DataFrame(parts).where(can_swap, 1))
    swapped_day = swapped.to_numpy().astype("datetime64[D]").astype("int64")
    has_time = reports["has_time"] if "has_time" in reports else pd.Series(True, reports.index)
    return {
        "minute": pd.Series(minute),
        "day": pd.Series(minute // 1440),
        "swapped_day": pd.Series(swapped_day).astype("Int64").where(can_swap),
        "has_time": has_time.fillna(value=False).astype("bool"),
    }


def _make_places(reports: pd.DataFrame) -> dict[str, Column]:
    places: dict[str, Column] = {}
    point = pd.DataFrame({name: _get(reports, name).astype("float64") for name in ("lon", "lat")})
    day = reports["occurred_at"].dt.normalize()
    n_days = day.groupby([point["lon"], point["lat"]]).transform("nunique")
    method = _get(reports, "placed_by").astype("object")
    is_measured = method.isna() | method.isin(MEASURED)
    places["is_exact"] = point["lon"].notna() & ~(n_days >= HEAPED_DAYS) & is_measured
    code = _get(reports, "village_code").astype("object")
    places["village_code"] = code.where(code.notna() & (code != ""), None)
    for name, field, simplify in (
        ("village", "village", simplify_name),
        ("district", "district", simplify_name),
        ("road", "road_name", simplify_road),
    ):
        text = _get(reports, field).astype("object")
        known = {one: simplify(one[:MAX_NAME]) for one in text.dropna().unique()}
        simple = text.map(known).where(lambda values: values.notna() & (values != ""), None)
        scripts = {one: _find_script(one) for one in simple.dropna().unique()}
        places[name] = simple
        places[f"{name}_script"] = simple.map(scripts)
    point = point.fillna(_find_centres(point, places["village"]))
    return {**places, "lon": point["lon"].astype("Float64"), "lat": point["lat"].astype("Float64")}


def _find_centres(point: pd.DataFrame, village: Column) -> pd.DataFrame:
    """Return the middle of the reports that name the same village, if they lie together."""
    if village.isna().all():
        return point
    centre = point.groupby(village).transform("median")
    off = (point - centre).abs().groupby(village).transform("median").max(axis=1)
    return centre.where(off <= VILLAGE_DEG)


def _find_script(simple: str) -> str:
    if re.fullmatch(r"nr\d+[a-z]?", simple):
        return "number"
    return "khmer" if _KHMER.search(simple) else "latin"


def _make_counts(reports: pd.DataFrame) -> dict[str, Column]:
    ranks = {word.value: word.rank for word in Severity}
    counts = {
        name: _get(reports, name).astype("Int64")
        for name in ("n_killed", "n_serious", "n_slight", "n_vehicles")
    }
    return {
        "severity": _get(reports, "severity").astype("object").map(ranks).astype("Int64"),
        "killed": counts["n_killed"],
        "hurt": counts["n_killed"] + counts["n_serious"] + counts["n_slight"],
        "vehicles": counts["n_vehicles"],
    }


def _make_users(road_users: Column) -> Column:
    """Return the road users as bits; driver and passenger of a motorcycle are one."""
    kinds = [word for word in RoadUser if word != RoadUser.MOTORCYCLE_PASSENGER]
    bits = {word.value: 1 << position for position, word in enumerate(kinds)}
    bits[RoadUser.MOTORCYCLE_PASSENGER.value] = bits[RoadUser.MOTORCYCLE_DRIVER.value]
    text = road_users.astype("object").fillna("")
    masks = {}
    for words in text.unique():
        mask = 0
        for word in str(words).split(";"):
            mask |= bits.get(word, 0)
        masks[words] = mask
    return text.map(masks).astype("Int64").where(lambda mask: mask > 0)


def _make_persons(reports: pd.DataFrame, casualties: pd.DataFrame | None) -> Column:
    """Return the persons of known sex and age as bits: one for the first of a kind, ..."""
    none = pd.Series(pd.NA, index=reports.index, dtype="Int64")
    if casualties is None or len(casualties) == 0 or "source_id" not in reports:
        return none
    sexes = [word.value for word in Sex if word != Sex.UNKNOWN]
    ages = [word.value for word in AgeBand if word != AgeBand.UNKNOWN]
    known = casualties[casualties["sex"].isin(sexes) & casualties["age_band"].isin(ages)]
    kind = known["sex"].map(sexes.index) * len(ages) + known["age_band"].map(ages.index)
    keys = [known["source"].fillna(""), known["crash_source_id"]]
    which = known.groupby([*keys, kind]).cumcount()
    is_told_apart = which < MOST_ALIKE
    bit = np.left_shift(np.int64(1), (kind * MOST_ALIKE + which).to_numpy(dtype=np.int64))
    masks = pd.Series(bit, index=known.index)[is_told_apart].groupby(keys).sum()
    wanted = pd.MultiIndex.from_arrays([reports["source"].fillna(""), reports["source_id"]])
    found = masks.reindex(wanted)
    return pd.Series(found.array, index=reports.index).astype("Int64")


def _measure_busyness(made: pd.DataFrame) -> Column:
    """Return how many reports a day fall near each report, on average over the period.

    Near is its cell of about 5 km and the eight around it; without coordinates its
    district; without that the whole area.
    """
    n_days = max(int(made["day"].max() - made["day"].min()) + 1 if len(made) else 1, MIN_DAYS)
    cells = pd.DataFrame(
        {
            "x": np.floor(made["lon"].astype("float64") / CELL_DEG),
            "y": np.floor(made["lat"].astype("float64") / CELL_DEG),
        }
    )
    counts = cells.dropna().value_counts()
    near = pd.Series(0.0, index=counts.index)
    for east in (-1, 0, 1):
        for north in (-1, 0, 1):
            beside = pd.MultiIndex.from_arrays(
                [counts.index.get_level_values(0) + east, counts.index.get_level_values(1) + north]
            )
            near += counts.reindex(beside, fill_value=0).to_numpy()
    at_cell = near.reindex(pd.MultiIndex.from_frame(cells)).to_numpy()
    in_district = made["district"].map(made["district"].value_counts()).astype("float64")
    everywhere = float(len(made))
    count = np.where(np.isnan(at_cell), in_district.fillna(everywhere), at_cell)
    return pd.Series((count - 1) / n_days, index=made.index)
