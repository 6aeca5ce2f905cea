"""The words of the data: every coded value that records and runs may hold.

Values are stored as their lower-case text, so that files stay readable. Sources'
own codes are mapped to these words by code books (`records.codebooks`).
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "ActivityType",
    "AgeBand",
    "Direction",
    "Light",
    "LocationQuality",
    "ObservationType",
    "PlaceMethod",
    "RoadClass",
    "RoadUser",
    "Severity",
    "Sex",
    "SiteType",
    "SurfaceClass",
    "YesNoUnknown",
]


class Severity(StrEnum):
    """Police/WHO order, worst first; FATAL means a death within 30 days."""

    FATAL = "fatal"
    SERIOUS = "serious"
    SLIGHT = "slight"
    DAMAGE_ONLY = "damage_only"

    @property
    def rank(self) -> int:
        """0 for the worst; a smaller rank is more severe."""
        return list(Severity).index(self)


class RoadUser(StrEnum):
    """Who or what took part in a crash."""

    PEDESTRIAN = "pedestrian"
    BICYCLE = "bicycle"
    MOTORCYCLE_DRIVER = "motorcycle_driver"
    MOTORCYCLE_PASSENGER = "motorcycle_passenger"
    MOTORCYCLE_TRAILER = "motorcycle_trailer"  # remork
    CAR = "car"
    VAN = "van"
    BUS = "bus"
    OPEN_TRUCK_WITH_PEOPLE = "open_truck_with_people"
    OTHER_TRUCK = "other_truck"
    FARM_VEHICLE = "farm_vehicle"
    OTHER = "other"


class Light(StrEnum):
    """Light at the time of a crash."""

    DAY = "day"
    DARK = "dark"
    UNKNOWN = "unknown"


class Sex(StrEnum):
    """Sex of a person, as reported."""

    FEMALE = "female"
    MALE = "male"
    UNKNOWN = "unknown"


class AgeBand(StrEnum):
    """Age of a person in bands wide enough to point at nobody."""

    UNDER_15 = "0-14"
    FROM_15 = "15-24"
    FROM_25 = "25-34"
    FROM_35 = "35-44"
    FROM_45 = "45-59"
    FROM_60 = "60+"
    UNKNOWN = "unknown"


class YesNoUnknown(StrEnum):
    """A fact that may not have been recorded; unknown is never no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class PlaceMethod(StrEnum):
    """How a report says where it happened; the better ones first."""

    PERSON = "person"  # a person looked at the map and put it there
    COORDINATES = "coordinates"  # degrees or metres, as a receiver shows them
    ROAD_KM = "road_km"  # a road and the kilometre on it
    VILLAGE = "village"
    COMMUNE = "commune"
    DISTRICT = "district"


class ActivityType(StrEnum):
    """What was done with people, beside changing vehicles and roads."""

    TRAINING = "training"
    MEETING = "meeting"
    CAMPAIGN = "campaign"
    INSPECTION = "inspection"
    OTHER = "other"


class ObservationType(StrEnum):
    """What was looked at or asked, and counted."""

    HELMET = "helmet"
    SEAT_BELT = "seat_belt"
    VEHICLE_INSPECTION = "vehicle_inspection"
    SURVEY_ANSWER = "survey_answer"  # knowledge, attitude, practice
    POLICY_ITEM = "policy_item"  # an item of a factory's policy scorecard
    OTHER = "other"


class Direction(StrEnum):
    """Which way workers travelled."""

    TO_WORK = "to_work"
    FROM_WORK = "from_work"
    UNKNOWN = "unknown"


class LocationQuality(StrEnum):
    """How well the place of a crash is known.

    A: coordinates on the road and one clear candidate. B: coordinates, but the
    nearest two sites cannot be told apart, or the point lies off the road. C: placed
    by road name and kilometre, or coordinates rounded to about 100 m or coarser.
    D: a village or district only.
    """

    A = "A"
    B = "B"
    C = "C"
    D = "D"


class SiteType(StrEnum):
    """What a crash can belong to."""

    SEGMENT = "segment"
    INTERSECTION = "intersection"


class RoadClass(StrEnum):
    """Class of a road, by its function; the OSM highway value without `_link`."""

    MOTORWAY = "motorway"
    TRUNK = "trunk"
    PRIMARY = "primary"
    SECONDARY = "secondary"
    TERTIARY = "tertiary"
    UNCLASSIFIED = "unclassified"
    RESIDENTIAL = "residential"
    SERVICE = "service"
    TRACK = "track"
    PATH = "path"


class SurfaceClass(StrEnum):
    """Paved or not; unknown where nothing was mapped."""

    PAVED = "paved"
    UNPAVED = "unpaved"
    UNKNOWN = "unknown"
