"""Plain words for coded values and numbers; a number comes with its unit and its period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.vocabulary import RoadUser, Severity

__all__ = [
    "ROAD_USER_WORDS",
    "SEVERITY_WORDS",
    "describe_period",
    "format_number",
    "format_share",
    "hide_small",
    "name_field",
    "name_group",
    "name_kind",
    "name_unplaced",
    "protect_cells",
]

SEVERITY_WORDS = {
    Severity.FATAL.value: "Fatal",
    Severity.SERIOUS.value: "Serious injury",
    Severity.SLIGHT.value: "Slight injury",
    Severity.DAMAGE_ONLY.value: "Damage only",
    "unknown": "Not recorded",
}
ROAD_USER_WORDS = {
    RoadUser.PEDESTRIAN.value: "Pedestrian",
    RoadUser.BICYCLE.value: "Bicycle",
    RoadUser.MOTORCYCLE_DRIVER.value: "Motorcycle driver",
    RoadUser.MOTORCYCLE_PASSENGER.value: "Motorcycle passenger",
    RoadUser.MOTORCYCLE_TRAILER.value: "Motorcycle trailer (remork)",
    RoadUser.CAR.value: "Car",
    RoadUser.VAN.value: "Van",
    RoadUser.BUS.value: "Bus",
    RoadUser.OPEN_TRUCK_WITH_PEOPLE.value: "Open truck carrying people",
    RoadUser.OTHER_TRUCK.value: "Other truck",
    RoadUser.FARM_VEHICLE.value: "Farm vehicle",
    RoadUser.OTHER.value: "Other",
}
GROUP_WORDS = {
    "day": "Daylight",
    "dark": "Dark",
    "unknown": "Not known",
    "trunk": "Trunk road",
    "primary": "Primary road",
    "secondary": "Secondary road",
    "tertiary": "Tertiary road",
    "unclassified": "Minor road",
    "residential": "Residential street",
    "track": "Track",
}
KIND_WORDS = {
    "crash": "Crash",
    "factory": "Factory",
    "vehicle": "Vehicle",
    "activity": "Activity",
    "intervention": "Intervention",
    "casualty": "Casualty (one person)",
    "origin": "Village that workers come from",
    "observation": "Observation or count",
    "indicator": "Indicator",
    "indicator_value": "Value of an indicator",
    "route": "Driven route",
}
FIELD_WORDS = {
    "source_id": "Number of the report",
    "crash_source_id": "Number of the crash report",
    "occurred_at": "When it happened",
    "lon": "Longitude (east)",
    "lat": "Latitude (north)",
    "road_km": "Kilometre on the road",
    "n_killed": "People killed",
    "n_serious": "Badly hurt",
    "n_slight": "Slightly hurt",
    "n_vehicles": "Vehicles involved",
    "is_worker_commute": "On the way to or from work",
    "factory_id": "Factory",
    "factories": "Factories",
    "narrative": "What happened (no names)",
    "is_pilot": "Took part in the pilot",
    "brands": "Brands (; between)",
    "type": "Type",
    "has_licence": "Driver has a licence",
    "age_band": "Age",
    "was_chosen_for_crashes": "Chosen because of many crashes",
    "has_definition_changed": "What counts as a crash changed",
}


def name_kind(kind: str) -> str:
    """Return what a kind of record is called on the pages."""
    return KIND_WORDS.get(kind, kind.replace("_", " ").capitalize())


def name_field(field: str) -> str:
    """Return what a field is called on the pages."""
    words = field.removeprefix("is_").removeprefix("n_").replace("_", " ")
    return FIELD_WORDS.get(field, words.capitalize())


SMALL = 5


def format_number(value: object, digits: int = 0) -> str:
    """Write a number with thousands separators; a missing one as "not known"."""
    if not isinstance(value, (int, float)) and not hasattr(value, "__float__"):
        return "not known"
    number = float(value)
    return "not known" if number != number else f"{number:,.{digits}f}"


def format_share(share: object) -> str:
    """Write a share as whole per cents; a missing one as "not known"."""
    number = format_number(share, 6)
    return number if number == "not known" else f"{float(number) * 100:.0f}%"


def name_group(dimension: str, group: object) -> str:
    """Return what a group of commutes is called on the pages."""
    word = str(group)
    if dimension == "mode":
        return ROAD_USER_WORDS.get(word, "Not known")
    if dimension == "hour" and word.isdigit():
        return f"{int(word):02d}:00"
    known = "Not known" if word == "unknown" else word
    return known if dimension == "factory_id" else GROUP_WORDS.get(word, word.capitalize())


def describe_period(period: Mapping[str, Any] | None) -> str:
    """Write a run's period as its first and last day."""
    start, end = (
        pd.to_datetime(str((period or {}).get(key)), errors="coerce") for key in ("start", "end")
    )
    if not isinstance(start, pd.Timestamp) or not isinstance(end, pd.Timestamp):
        return "period not known"
    return f"{start.day} {start:%B %Y} to {end.day} {end:%B %Y}"


def hide_small(count: object) -> str:
    """Write a count of people, but not one so small that it could point at a person."""
    if not hasattr(count, "__int__") or pd.isna(count):  # type: ignore[call-overload]
        return "not known"
    number = int(count)
    return f"fewer than {SMALL}" if 0 < number < SMALL else f"{number:,}"


def name_unplaced(reason: object) -> str:
    """Write why a crash is on no road, beginning with a capital."""
    words = str(reason).replace("_", " ")
    return words[:1].upper() + words[1:]


def protect_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text that a spreadsheet would run as a formula put in quotes."""

    def protect(value: object) -> object:
        is_formula = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
        return f"'{value}" if is_formula else value

    texts = table.select_dtypes(include=["str", "object", "category"]).columns
    return table.assign(**{column: table[column].map(protect) for column in texts})
