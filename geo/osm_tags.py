"""OpenStreetMap tags turned into typed values; the code books are the tables below.

Every function takes a whole column and looks at each distinct text once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.units import KMH_PER_MPH, M_PER_KM
from core.vocabulary import RoadClass, SurfaceClass, YesNoUnknown

__all__ = [
    "PLACE_KINDS",
    "ROAD_CLASS_OF_HIGHWAY",
    "count_unknown_oneway",
    "is_affirmed",
    "parse_integer",
    "parse_lanes",
    "parse_lit",
    "parse_maxspeed",
    "parse_number",
    "parse_oneway",
    "parse_road_class",
    "parse_surface_class",
    "parse_width",
]

ROAD_CLASS_OF_HIGHWAY: Final[Mapping[str, str]] = {
    **{word.value: word.value for word in RoadClass},
    "living_street": RoadClass.RESIDENTIAL.value,
    "road": RoadClass.UNCLASSIFIED.value,
    "unknown": RoadClass.UNCLASSIFIED.value,  # Geofabrik's fclass
    "busway": RoadClass.SERVICE.value,
    "bus_guideway": RoadClass.SERVICE.value,
    "escape": RoadClass.SERVICE.value,
    "track_grade1": RoadClass.TRACK.value,
    "track_grade2": RoadClass.TRACK.value,
    "track_grade3": RoadClass.TRACK.value,
    "track_grade4": RoadClass.TRACK.value,
    "track_grade5": RoadClass.TRACK.value,
    "footway": RoadClass.PATH.value,
    "cycleway": RoadClass.PATH.value,
    "steps": RoadClass.PATH.value,
    "pedestrian": RoadClass.PATH.value,
    "bridleway": RoadClass.PATH.value,
    "corridor": RoadClass.PATH.value,
    "platform": RoadClass.PATH.value,
    "crossing": RoadClass.PATH.value,
    # layers that only tell important roads from the others
    "major": RoadClass.SECONDARY.value,
    "minor": RoadClass.RESIDENTIAL.value,
}

PLACE_KINDS: Final = frozenset(
    [
        *("city", "town", "village", "hamlet", "isolated_dwelling", "farm", "locality"),
        *("borough", "suburb", "quarter", "neighbourhood", "municipality"),
    ]
)

_PAVED = (
    "paved asphalt concrete concrete:lanes concrete:plates chipseal paving_stones "
    "paving_stones:lanes sett cobblestone cobblestone:flattened unhewn_cobblestone bricks brick "
    "metal wood metal_grid tiles stepping_stones rubber acrylic bitumen grass_paver"
)
_UNPAVED = (
    "unpaved compacted fine_gravel gravel pebblestone ground dirt earth soil laterite mud sand "
    "rock stone grass clay shells woodchips dirt/sand salt snow ice"
)
_SURFACE_CLASS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_PAVED.split(), SurfaceClass.PAVED.value),
    **dict.fromkeys(_UNPAVED.split(), SurfaceClass.UNPAVED.value),
}

_LIT_YES = "yes 24/7 automatic limited sunset-sunrise dusk-dawn operating_times interval true 1"
_LIT: Final[Mapping[str, str]] = {
    **dict.fromkeys(_LIT_YES.split(), YesNoUnknown.YES.value),
    **dict.fromkeys(["no", "false", "0"], YesNoUnknown.NO.value),
}

_ONEWAY: Final[Mapping[str, str]] = {
    **dict.fromkeys(["yes", "true", "1", "forward"], "forward"),  # the last is a network's own
    **dict.fromkeys(["-1", "reverse", "backward"], "backward"),
    **dict.fromkeys(["no", "false", "0", "reversible", "alternating"], "no"),
}
_DENIED: Final = frozenset(["no", "false", "0", "f", "none", ""])

M_PER_FOOT, INCHES_PER_FOOT = 0.3048, 12
MAX_WIDTH_M = 100.0
_NUMBER = re.compile(r"^\s*(-?\d+(?:[.,]\d+)?)\s*$")
_WIDTH = re.compile(
    r"^\s*(\d+(?:[.,]\d+)?)\s*(m|metres?|meters?|km|ft|feet|')?\s*(?:(\d+(?:\.\d+)?)\s*\"?)?\s*$",
    re.IGNORECASE,
)
_SPEED = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*(km/?h|kmh|kph|mph)?\s*$", re.IGNORECASE)
_WALKING_SPEED_KMH = 5.0


def _map_distinct(
    column: pd.Series, parse: Callable[[str], str | float], missing: str | float
) -> NDArray[Any]:
    """Apply `parse` to each distinct text of a column and spread the results."""
    codes, distinct = pd.factorize(column)
    values = [parse(str(text)) for text in distinct]
    table = np.array([*values, missing])  # the last entry answers code -1
    return table[codes]


def parse_road_class(highway: pd.Series) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Give the road class of raw `highway` values and whether each is a link.

    Returns
    -------
    road_class, is_link
        Shape (n,); the class is "" where the value is no road that can be travelled.
    """

    def book(text: str) -> str:
        return ROAD_CLASS_OF_HIGHWAY.get(text.strip().lower().removesuffix("_link"), "")

    is_link = _map_distinct(highway, lambda text: text.strip().endswith("_link"), missing=False)
    return _map_distinct(highway, book, missing="").astype(str), is_link.astype(bool)


def parse_maxspeed(column: pd.Series) -> NDArray[np.float64]:
    """Give the speed limit [km/h]; NaN when not stated as a number.

    Of several limits ("60;50") the lowest counts; "walk" is 5 km/h.
    """

    def parse(text: str) -> float:
        speeds = []
        for part in text.replace("|", ";").split(";"):
            if part.strip().lower() == "walk":
                speeds.append(_WALKING_SPEED_KMH)
            elif match := _SPEED.match(part):
                is_mph = (match[2] or "").lower() == "mph"
                speeds.append(float(match[1].replace(",", ".")) * (KMH_PER_MPH if is_mph else 1.0))
        speeds = [speed for speed in speeds if speed > 0]
        return min(speeds, default=np.nan)

    return _map_distinct(column, parse, missing=np.nan).astype(float)


def parse_number(column: pd.Series) -> NDArray[np.float64]:
    """Give plain numbers as float; NaN for anything else."""

    def parse(text: str) -> float:
        match = _NUMBER.match(text)
        return float(match[1].replace(",", ".")) if match else np.nan

    return _map_distinct(column, parse, missing=np.nan).astype(float)


def parse_lanes(column: pd.Series) -> NDArray[np.float64]:
    """Give the number of lanes, both directions; NaN when unknown; "2;3" is the lower."""

    def parse(text: str) -> float:
        counts = [float(m[1]) for part in text.split(";") if (m := _NUMBER.match(part))]
        return min((count for count in counts if count > 0), default=np.nan)

    return _map_distinct(column, parse, missing=np.nan).astype(float)


def parse_width(column: pd.Series) -> NDArray[np.float64]:
    """Give the width of the carriageway [m]; NaN when unknown; feet and inches are converted.

    A width of 0, or above 100 m, is no width of a road.
    """

    def parse(text: str) -> float:
        match = _WIDTH.match(text)
        if match is None or (match[3] and match[2] not in ("'", "ft", "feet")):
            return np.nan
        width, unit = float(match[1].replace(",", ".")), (match[2] or "m").lower()
        if unit in ("'", "ft", "feet"):
            width = (width + float(match[3] or 0) / INCHES_PER_FOOT) * M_PER_FOOT
        elif unit == "km":
            width *= M_PER_KM
        return width if 0 < width <= MAX_WIDTH_M else np.nan

    return _map_distinct(column, parse, missing=np.nan).astype(float)


def parse_integer(column: pd.Series) -> NDArray[np.int64]:
    """Give whole numbers, 0 where there is none; used for `layer`, whose default is 0."""
    return np.nan_to_num(parse_number(column), nan=0.0).astype(np.int64)


def parse_lit(column: pd.Series) -> NDArray[np.str_]:
    """Give street lighting as yes, no or unknown; times of the day count as yes."""

    def parse(text: str) -> str:
        word = text.strip().lower()
        if re.search(r"\d{1,2}:\d{2}|sunset|dusk", word):
            return YesNoUnknown.YES.value
        return _LIT.get(word, YesNoUnknown.UNKNOWN.value)

    return _map_distinct(column, parse, missing=YesNoUnknown.UNKNOWN.value).astype(str)


def parse_surface_class(column: pd.Series) -> NDArray[np.str_]:
    """Give paved, unpaved or unknown."""

    def parse(text: str) -> str:
        word = text.split(";")[0].strip().lower()
        return _SURFACE_CLASS.get(word, SurfaceClass.UNKNOWN.value)

    return _map_distinct(column, parse, missing=SurfaceClass.UNKNOWN.value).astype(str)


def parse_oneway(
    oneway: pd.Series, *, is_implied: NDArray[np.bool_] | bool = False
) -> NDArray[np.str_]:
    """Give the permitted direction: "no", "forward" or "backward".

    Read are the words of OpenStreetMap, and these three. `is_implied`, shape (n,), marks
    roundabouts and motorways, which are one-way unless their tag says otherwise. Reversible
    lanes have no lasting direction: "no".
    """
    said = _map_distinct(oneway, lambda text: _ONEWAY.get(text.strip().lower(), ""), missing="")
    return np.where(said == "", np.where(is_implied, "forward", "no"), said).astype(str)


def count_unknown_oneway(oneway: pd.Series) -> dict[str, int]:
    """Count the words for one-way that `parse_oneway` does not know and takes for no word."""
    words = oneway.dropna().astype("str").str.strip()
    unknown = words[(words != "") & ~words.str.lower().isin(list(_ONEWAY))]
    return {str(word): int(n) for word, n in unknown.value_counts().items()}


def is_affirmed(column: pd.Series) -> NDArray[np.bool_]:
    """Tell where a feature such as `bridge` is there: any value but no, false, 0, F or none."""
    return _map_distinct(
        column, lambda text: text.strip().lower() not in _DENIED, missing=False
    ).astype(bool)
