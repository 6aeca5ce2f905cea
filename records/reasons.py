"""Say in a sentence why two reports may tell of one crash, and what speaks against it.

For people who decide: "12 minutes and 80 m apart; same road users; severity slight and
fatal". Only measures and words of the vocabulary are written, no text of a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from core.vocabulary import Severity

__all__ = ["write_reasons"]

EARTH_M_PER_DEGREE: Final = 111_195.0
MINUTES_PER_DAY: Final = 1440
SEVERITIES: Final = tuple(word.value.replace("_", " ") for word in Severity)

_TIMES: Final[dict[str, str]] = {
    "swapped_same_hour": "day and month look swapped, at about the same hour",
    "swapped": "day and month look swapped",
    "same_date": "on the same date, the time not known",
    "next_date": "dates a day apart, the time not known",
}
_PLACES: Final[dict[str, str]] = {
    "same_village": "in the same village",
    "other_village": "in villages of other names",
    "same_district": "in the same district",
    "other_district": "in other districts",
    "unknown": "the place not known",
}
_PHRASES: Final[dict[str, dict[str, str]]] = {
    "road": {"same": "same road", "other": "another road named"},
    "users": {
        "same": "same road users",
        "half": "road users partly the same",
        "some": "road users partly the same",
        "none": "other road users",
    },
    "vehicles": {"other": "other number of vehicles"},
    "persons": {
        "same_several": "same persons by sex and age",
        "same": "same person by sex and age",
        "half": "persons partly the same by sex and age",
        "some": "persons partly the same by sex and age",
        "none": "other persons by sex and age",
    },
    "hurt": {
        "same": "same number hurt",
        "same_total": "same number hurt, other injuries",
        "one_more": "one more hurt",
        "other": "other number hurt",
    },
    "worker": {
        "same_factory": "same factory",
        "other_factory": "other factories",
        "both_workers": "both on the way to or from work",
        "one_worker": "only one on the way to or from work",
    },
    "source": {"same": "both from one source"},
}


def write_reasons(scored: pd.DataFrame) -> pd.Series[str]:
    """Return one sentence per pair.

    Parameters
    ----------
    scored
        As `records.matching.score_pairs` returns it.
    """
    rows = scored.to_dict("records")
    apart = _measure(scored)
    sentences = [_write(row, metres) for row, metres in zip(rows, apart.tolist(), strict=True)]
    return pd.Series(sentences, index=scored.index, dtype="str")


def _measure(scored: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how far apart the places of each pair are [m], NaN where one is not known."""
    lon_l, lat_l, lon_r, lat_r = (
        scored[name].astype("float64").to_numpy() for name in ("lon_l", "lat_l", "lon_r", "lat_r")
    )
    east = (lon_l - lon_r) * np.cos(np.radians((lat_l + lat_r) / 2))
    return np.asarray(EARTH_M_PER_DEGREE * np.hypot(lat_l - lat_r, east))


def _write(row: Mapping[Any, Any], metres: float) -> str:
    time, place = row["time"], row["place"]
    when = _TIMES.get(time) or write_minutes(abs(row["minute_l"] - row["minute_r"]))
    is_measured = time not in _TIMES
    if place in _PLACES:
        parts = [f"{when} apart" if is_measured else when, _PLACES[place]]
    else:
        about = "about " if place.startswith(("about", "farther_about")) else ""
        where = f"{about}{write_metres(metres)} apart"
        parts = [f"{when} and {where}"] if is_measured else [when, where]
    for name in ("road", "users", "vehicles", "persons", "hurt"):
        parts.append(_PHRASES[name].get(row[name], ""))
    parts.append(_write_severity(row))
    parts += [_PHRASES[name].get(row[name], "") for name in ("worker", "source")]
    return "; ".join(part for part in parts if part)


def _write_severity(row: Mapping[Any, Any]) -> str:
    if row["severity"] == "unknown":
        return ""
    mild, worse = sorted((int(row["severity_l"]), int(row["severity_r"])), reverse=True)
    if mild == worse:
        return f"both {SEVERITIES[mild]}"
    return f"severity {SEVERITIES[mild]} and {SEVERITIES[worse]}"


def write_minutes(minutes: int) -> str:
    """Return a length of time as people say it."""
    return _count(
        float(minutes),
        ((60.0, 1.0, "minute"), (MINUTES_PER_DAY, 60.0, "hour"), (np.inf, 1440.0, "day")),
    )


def _count(value: float, steps: tuple[tuple[float, float, str], ...]) -> str:
    for limit, unit, word in steps:
        if value < limit:
            number = round(value / unit)
            return f"{number} {word}{'' if number == 1 else 's'}"
    raise AssertionError(value)


def write_metres(metres: float) -> str:
    """Return a distance as people say it."""
    if metres < 995:
        return f"{round(metres, -1):.0f} m"
    return f"{metres / 1000:.1f} km"
