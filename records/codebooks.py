"""Words that reports use for what the vocabulary calls by one name; kept as data.

A word is compared after `simplify_word`: lower case, blanks, hyphens, slashes and dots
as one blank. A mapping file adds a source's own codes; these are the plain words.
"""

from __future__ import annotations

import re
from typing import Final

from core.vocabulary import (
    ActivityType,
    AgeBand,
    Direction,
    Light,
    LocationQuality,
    ObservationType,
    PlaceMethod,
    RoadUser,
    Severity,
    Sex,
    YesNoUnknown,
)

__all__ = ["CODEBOOKS", "UNINJURED", "find_word", "list_words", "simplify_word"]

UNINJURED: Final = "uninjured"  # of a casualty record: took part, was not hurt
_BLANKS = re.compile(r"[\s_\-\u2013./]+")

_SEVERITY: dict[str, tuple[str, ...]] = {
    Severity.FATAL: ("killed", "death", "dead", "deadly", "died", "fatality", "k"),
    Severity.SERIOUS: ("severe", "major", "serious injury", "severe injury", "hospitalised",
                       "hospitalized", "grave", "incapacitating", "a"),
    Severity.SLIGHT: ("minor", "light", "slight injury", "minor injury", "light injury",
                      "injury", "injured", "b", "c"),
    Severity.DAMAGE_ONLY: ("damage", "property damage", "property damage only", "pdo",
                           "material damage", "no injury", "no injuries", "o"),
}  # fmt: skip
_INJURY: dict[str, tuple[str, ...]] = {
    **{word: _SEVERITY[word] for word in (Severity.FATAL, Severity.SERIOUS, Severity.SLIGHT)},
    UNINJURED: ("none", "no injury", "not injured", "unhurt", "not hurt", "damage only", "o"),
}
_YES_NO: dict[str, tuple[str, ...]] = {
    YesNoUnknown.YES: ("y", "true", "t", "1", "1 0"),
    YesNoUnknown.NO: ("n", "false", "f", "0", "0 0"),
    YesNoUnknown.UNKNOWN: ("u", "not known", "unk", "?"),
}
_SEX: dict[str, tuple[str, ...]] = {
    Sex.FEMALE: ("f", "woman", "girl", "w"),
    Sex.MALE: ("m", "man", "boy"),
    Sex.UNKNOWN: ("u", "not known", "unk", "?", "other"),
}
_LIGHT: dict[str, tuple[str, ...]] = {
    Light.DAY: ("daylight", "daytime", "light"),
    Light.DARK: ("night", "night time", "nighttime", "darkness"),
    Light.UNKNOWN: ("not known", "unk", "?"),
}
_AGE_BAND: dict[str, tuple[str, ...]] = {
    AgeBand.UNDER_15: ("under 15", "<15", "child"),
    AgeBand.FROM_15: (),
    AgeBand.FROM_25: (),
    AgeBand.FROM_35: (),
    AgeBand.FROM_45: (),
    AgeBand.FROM_60: ("60 and over", "60 or more", "over 60", ">=60", "≥60"),
    AgeBand.UNKNOWN: ("not known", "unk", "?"),
}
_ROAD_USER: dict[str, tuple[str, ...]] = {
    RoadUser.PEDESTRIAN: ("walker", "on foot", "walk", "walking", "foot"),
    RoadUser.BICYCLE: ("bike", "cyclist", "cycle", "pedal cycle", "push bike"),
    RoadUser.MOTORCYCLE_DRIVER: ("motorcycle", "motorbike", "moto", "motorcyclist", "scooter",
                                 "moped", "motorcycle rider"),
    RoadUser.MOTORCYCLE_PASSENGER: ("pillion", "motorcycle pillion", "moto passenger"),
    RoadUser.MOTORCYCLE_TRAILER: ("remork", "remorque", "tuk tuk", "tuktuk", "tricycle",
                                  "three wheeler", "motorcycle with trailer"),
    RoadUser.CAR: ("sedan", "taxi", "suv", "pickup", "pick up", "saloon", "light vehicle"),
    RoadUser.VAN: ("minivan", "minibus", "passenger van"),
    RoadUser.BUS: ("coach", "autobus", "factory bus"),
    RoadUser.OPEN_TRUCK_WITH_PEOPLE: ("open truck", "worker truck", "truck with people",
                                      "truck carrying people", "flatbed with people"),
    RoadUser.OTHER_TRUCK: ("truck", "lorry", "goods vehicle", "heavy truck", "trailer truck",
                           "container truck", "heavy goods vehicle"),
    RoadUser.FARM_VEHICLE: ("tractor", "koyun", "ko yun", "farm tractor", "agricultural",
                            "animal cart", "ox cart", "cart"),
    RoadUser.OTHER: ("others", "train", "animal"),
}  # fmt: skip
_ACTIVITY: dict[str, tuple[str, ...]] = {
    ActivityType.TRAINING: ("course", "workshop", "driver training", "training session"),
    ActivityType.MEETING: ("working group", "consultation"),
    ActivityType.CAMPAIGN: ("event", "road safety event", "awareness", "awareness campaign"),
    ActivityType.INSPECTION: ("vehicle check", "check"),
    ActivityType.OTHER: ("others",),
}
_OBSERVATION: dict[str, tuple[str, ...]] = {
    ObservationType.HELMET: ("helmets", "helmet use", "helmet wearing"),
    ObservationType.SEAT_BELT: ("seatbelt", "seat belts", "seat belt use"),
    ObservationType.VEHICLE_INSPECTION: ("inspection", "vehicle check"),
    ObservationType.SURVEY_ANSWER: ("kap", "survey", "knowledge attitude practice", "answer"),
    ObservationType.POLICY_ITEM: ("policy", "scorecard", "policy scorecard"),
    ObservationType.OTHER: ("others",),
}
_DIRECTION: dict[str, tuple[str, ...]] = {
    Direction.TO_WORK: ("to factory", "going to work", "morning"),
    Direction.FROM_WORK: ("from factory", "going home", "home", "evening"),
    Direction.UNKNOWN: ("not known", "unk", "?"),
}


def simplify_word(word: str) -> str:
    """Return the word as it is compared: lower case, one blank between parts."""
    return _BLANKS.sub(" ", word).strip().casefold()


def _build(words: dict[str, tuple[str, ...]]) -> dict[str, str]:
    book: dict[str, str] = {}
    for value, synonyms in words.items():
        for word in (value, *synonyms):
            simple = simplify_word(word)
            if simple in book and book[simple] != str(value):
                message = f"code book gives {word!r} two meanings: {book[simple]} and {value}"
                raise ValueError(message)
            book[simple] = str(value)
    return book


CODEBOOKS: Final[dict[str, dict[str, str]]] = {
    "severity": _build(_SEVERITY),
    "injury": _build(_INJURY),
    "yes_no_unknown": _build(_YES_NO),
    "sex": _build(_SEX),
    "light": _build(_LIGHT),
    "age_band": _build(_AGE_BAND),
    "road_user": _build(_ROAD_USER),
    "activity_type": _build(_ACTIVITY),
    "observation_type": _build(_OBSERVATION),
    "direction": _build(_DIRECTION),
    "place_method": _build({word.value: () for word in PlaceMethod}),
    "location_quality": _build({word.value: () for word in LocationQuality}),
}


def find_word(codebook: str, word: str) -> str | None:
    """Return the vocabulary's word for a reported one, or None if it is in no code book."""
    return CODEBOOKS[codebook].get(simplify_word(word))


def list_words(codebook: str) -> list[str]:
    """Return the words of the vocabulary that a code book leads to, in their order."""
    return list(dict.fromkeys(CODEBOOKS[codebook].values()))
