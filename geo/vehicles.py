"""How fast each kind of vehicle travels on which road, and where it may not go.

The tables below are the only place where these values stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.errors import VocabularyError
from core.vocabulary import RoadClass, RoadUser

__all__ = ["VEHICLES", "VehicleRules", "get_vehicle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRules:
    """What one kind of vehicle may do on the road, and how fast.

    Attributes
    ----------
    name
        A word of `core.vocabulary.RoadUser`.
    speed_kmh
        Usual speed by road class on a paved road [km/h]. A class that is not in it is closed
        to the vehicle.
    top_speed_kmh
        Never faster than this [km/h].
    unpaved_factor
        Speed on an unpaved road / speed on a paved one [-], above 0 and at most 1. A road of
        unknown surface counts as paved.
    obeys_oneway
        False for those who may go both ways along a one-way road.
    closed_highways
        Values of OSM `highway` that are closed although their class is open.
    """

    name: str
    speed_kmh: Mapping[str, float]
    top_speed_kmh: float
    unpaved_factor: float
    obeys_oneway: bool = True
    closed_highways: frozenset[str] = frozenset()


_CLASSES: Final = tuple(word.value for word in RoadClass)

# Usual speeds [km/h]; "-" is closed. Cars: the speeds by highway class of the OSRM car profile
# (profiles/car.lua, project-osrm.org), track being our assumption. All other rows are
# assumptions of this project, slower than cars where the vehicle is; nothing was measured.
_SPEEDS: Final = """
vehicle                 motorway trunk primary secondary tertiary unclassified residential service track path
pedestrian              -        4.5   4.5     4.5       4.5      4.5          4.5         4.5     4.5   4.5
bicycle                 -        14    14      14        14       13           13          12      10    8
motorcycle_driver       -        55    50      45        38       28           25          15      15    10
motorcycle_trailer      -        30    30      28        25       20           20          12      10    -
car                     90       85    65      55        40       25           25          15      10    -
van                     85       75    60      50        38       25           25          15      10    -
bus                     80       65    50      45        32       20           20          12      -     -
open_truck_with_people  70       60    48      42        30       20           20          12      -     -
other_truck             70       60    48      42        30       20           20          12      -     -
farm_vehicle            -        20    20      20        20       18           15          10      10    -
"""  # noqa: E501

# Top speed [km/h], speed on unpaved roads as a share of that on paved ones; assumptions.
_LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    RoadUser.PEDESTRIAN.value: (4.5, 1.0),
    RoadUser.BICYCLE.value: (18.0, 0.8),
    RoadUser.MOTORCYCLE_DRIVER.value: (60.0, 0.7),
    RoadUser.MOTORCYCLE_TRAILER.value: (35.0, 0.7),
    RoadUser.CAR.value: (100.0, 0.6),
    RoadUser.VAN.value: (90.0, 0.6),
    RoadUser.BUS.value: (80.0, 0.6),
    RoadUser.OPEN_TRUCK_WITH_PEOPLE.value: (70.0, 0.6),
    RoadUser.OTHER_TRUCK.value: (70.0, 0.6),
    RoadUser.FARM_VEHICLE.value: (20.0, 0.8),
}

# Of the class path a motorcycle may use what is mapped as a path, not what is built for people
# on foot or bicycles; a busway is for buses; the access defaults of the OSM wiki otherwise.
_FOOT_ONLY: Final = frozenset(["steps", "corridor", "platform"])
_NOT_MOTORED: Final = _FOOT_ONLY | {
    "footway",
    "pedestrian",
    "crossing",
    "cycleway",
    "bridleway",
}
_FOR_BUSES: Final = frozenset(["busway", "bus_guideway"])
_FOR_NOBODY: Final = frozenset(["escape"])

# Everyday words that `get_vehicle` takes as well.
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "motorcycle": RoadUser.MOTORCYCLE_DRIVER.value,
    "open_truck": RoadUser.OPEN_TRUCK_WITH_PEOPLE.value,
    "truck": RoadUser.OTHER_TRUCK.value,
    "foot": RoadUser.PEDESTRIAN.value,
}


def _find_closed_highways(name: str) -> frozenset[str]:
    if name == RoadUser.PEDESTRIAN:
        return _FOR_BUSES | _FOR_NOBODY
    if name == RoadUser.BICYCLE:
        return _FOOT_ONLY | _FOR_BUSES | _FOR_NOBODY
    if name == RoadUser.BUS:
        return _NOT_MOTORED | _FOR_NOBODY
    return _NOT_MOTORED | _FOR_BUSES | _FOR_NOBODY


def _read_vehicles() -> dict[str, VehicleRules]:
    header, *rows = [line.split() for line in _SPEEDS.strip().splitlines()]
    if tuple(header[1:]) != _CLASSES:
        message = "the speed table does not name the road classes in their order."
        raise AssertionError(message)
    vehicles = {}
    for name, *texts in rows:
        speeds = zip(_CLASSES, texts, strict=True)
        top_speed_kmh, unpaved_factor = _LIMITS[name]
        vehicles[name] = VehicleRules(
            name=name,
            speed_kmh={word: float(text) for word, text in speeds if text != "-"},
            top_speed_kmh=top_speed_kmh,
            unpaved_factor=unpaved_factor,
            obeys_oneway=name != RoadUser.PEDESTRIAN,
            closed_highways=_find_closed_highways(name),
        )
    rider = RoadUser.MOTORCYCLE_PASSENGER.value
    vehicles[rider] = vehicles[RoadUser.MOTORCYCLE_DRIVER.value]
    return vehicles


VEHICLES: Final[Mapping[str, VehicleRules]] = _read_vehicles()


def get_vehicle(name: str) -> VehicleRules:
    """Return the rules of a vehicle by a word of `RoadUser`, or an everyday one.

    Raises
    ------
    VocabularyError
        If there are no rules by that name.
    """
    word = name.strip().lower().replace(" ", "_").replace("-", "_")
    word = _OTHER_NAMES.get(word, word)
    if word not in VEHICLES:
        raise VocabularyError.unknown_word("vehicle", name, [*VEHICLES, *_OTHER_NAMES])
    return VEHICLES[word]
