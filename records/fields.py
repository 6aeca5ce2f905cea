"""What each kind of record holds: one list of fields per kind, used by everything else.

The database tables, the reading of files, the checks and the frames handed to the
pipeline are all made from these lists, so a field is described in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.errors import InputError

__all__ = ["KINDS", "Field", "FieldType", "Kind", "find_kind", "split_list"]


class FieldType(StrEnum):
    """How a field is read, stored and handed on."""

    TEXT = "text"
    WORD = "word"  # one word of a code book
    WORDS = "words"  # words of a code book joined by ";", sorted
    COUNT = "count"  # whole number, 0 or more
    NUMBER = "number"  # any finite number
    MOMENT = "moment"  # local date and time
    DATE = "date"
    TRUTH = "truth"  # true, false or not known
    DEGREES = "degrees"
    LINE = "line"  # a line in degrees, as WKT


class IfUnknown(StrEnum):
    """What to do with a row whose word is in no code book."""

    REJECT = "reject"  # the record would be wrong without it
    KEEP = "keep"  # keep the record, put the fall-back word, and say so


@dataclass(frozen=True, slots=True)
class Field:
    """One column of one kind of record."""

    name: str
    type: FieldType = FieldType.TEXT
    codebook: str = ""
    is_required: bool = False
    aliases: tuple[str, ...] = ()
    fallback: str | None = None  # the word for missing or unknown
    if_unknown: IfUnknown = IfUnknown.KEEP
    refers_to: str = ""  # the kind whose identifier it holds
    is_list: bool = False  # several of them; see `split_list`


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: its fields and what tells two records apart.

    Notes
    -----
    `key` names the field with the source's own identifier. Where `key_is_per_source`
    the same identifier from two sources means two records (a crash number of the police
    and one of an insurer); otherwise it means one (a factory is a factory). Where
    `can_make_key`, a row without identifier gets one made from its content.
    """

    name: str
    key: str
    fields: tuple[Field, ...]
    key_is_per_source: bool = False
    can_make_key: bool = False
    key_aliases: tuple[str, ...] = ()

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields, the key left out."""
        return tuple(field.name for field in self.fields)

    @property
    def references(self) -> tuple[Field, ...]:
        """Fields that name another record."""
        return tuple(field for field in self.fields if field.refers_to)


LON = Field(
    "lon", FieldType.DEGREES, aliases=("longitude", "lng", "long", "x", "gps_lon", "geometry_lon")
)
LAT = Field("lat", FieldType.DEGREES, aliases=("latitude", "y", "gps_lat", "geometry_lat"))
# What registers call the number of a crash; "_" stands for a blank too.
CRASH_NUMBERS = tuple(
    f"{what}_{number}"
    for what in ("crash", "case", "report", "accident")
    for number in ("number", "no", "no.", "nr", "nr.", "n°", "nº", "#")
)
NUMBER_SIGNS = ("n°", "nº", "№")
PLACED_BY = Field("placed_by", FieldType.WORD, codebook="place_method")
LOCATION_QUALITY = Field("location_quality", FieldType.WORD, codebook="location_quality")


def _yes_no(name: str) -> Field:
    return Field(name, FieldType.WORD, codebook="yes_no_unknown", fallback="unknown")


def _crash(*, is_required: bool = False) -> Field:
    return Field(
        "crash_source_id",
        is_required=is_required,
        aliases=("source_id", "crash_id", "crash", "crash_ref", *CRASH_NUMBERS),
        refers_to="crash",
    )


def _factory(*, is_required: bool = False) -> Field:
    return Field("factory_id", is_required=is_required, aliases=("factory",), refers_to="factory")


CRASH = Kind(
    name="crash",
    key="source_id",
    key_is_per_source=True,
    can_make_key=True,
    key_aliases=("crash_ref", *CRASH_NUMBERS, "reference", *NUMBER_SIGNS),
    fields=(
        Field(
            "occurred_at",
            FieldType.MOMENT,
            is_required=True,
            aliases=("date_time", "datetime", "crash_date", "date"),
        ),
        Field("has_time", FieldType.TRUTH),
        LON,
        LAT,
        Field("place_note"),
        PLACED_BY,
        LOCATION_QUALITY,
        Field("road_name", aliases=("road", "street")),
        Field("road_km", FieldType.NUMBER, aliases=("km", "kilometre", "kilometer")),
        Field("village_code"),
        Field("village"),
        Field("commune"),
        Field("district"),
        Field("province"),
        Field("severity", FieldType.WORD, codebook="severity", if_unknown=IfUnknown.REJECT),
        Field("n_killed", FieldType.COUNT, aliases=("killed", "deaths", "fatalities")),
        Field(
            "n_serious",
            FieldType.COUNT,
            aliases=("serious", "seriously_injured", "seriously_hurt", "badly_hurt"),
        ),
        Field("n_slight", FieldType.COUNT, aliases=("slight", "slightly_injured", "slightly_hurt")),
        Field("n_vehicles", FieldType.COUNT, aliases=("vehicles",)),
        Field("road_users", FieldType.WORDS, codebook="road_user"),
        Field("light", FieldType.WORD, codebook="light", fallback="unknown"),
        _yes_no("is_worker_commute"),
        _factory(),
        Field("collision_type"),
        Field("narrative", aliases=("description",)),
    ),
)
FACTORY = Kind(
    name="factory",
    key="factory_id",
    fields=(
        Field("name", is_required=True, aliases=("factory_name",)),
        LON,
        LAT,
        Field("place_note"),
        Field("workers", FieldType.COUNT, aliases=("total_workers", "n_workers")),
        Field("female_workers", FieldType.COUNT, aliases=("female", "n_female_workers")),
        Field("shifts"),
        Field("brands", aliases=("brand",)),
        Field("province"),
        Field("is_pilot", FieldType.TRUTH, aliases=("pilot",)),
    ),
)
ORIGIN = Kind(
    name="origin",
    key="origin_id",
    can_make_key=True,
    fields=(
        _factory(is_required=True),
        Field("village"),
        LON,
        LAT,
        Field("place_note"),
        Field("workers", FieldType.COUNT, aliases=("n_workers",)),
        *(
            Field(f"share_{mode}", FieldType.NUMBER)
            for mode in (
                "pedestrian",
                "bicycle",
                "motorcycle_driver",
                "motorcycle_passenger",
                "motorcycle_trailer",
                "car",
                "van",
                "bus",
                "open_truck_with_people",
                "other",
            )
        ),
    ),
)
VEHICLE = Kind(
    name="vehicle",
    key="vehicle_id",
    can_make_key=True,
    fields=(
        _factory(),
        _crash(),
        Field("type", FieldType.WORD, codebook="road_user", aliases=("vehicle_type",)),
        Field("seats", FieldType.COUNT),
        Field("riders", FieldType.COUNT),
        _yes_no("is_registered"),
        _yes_no("is_insured"),
        _yes_no("has_licence"),
    ),
)
CASUALTY = Kind(
    name="casualty",
    key="casualty_id",
    key_is_per_source=True,
    can_make_key=True,
    fields=(
        _crash(is_required=True),
        Field("sex", FieldType.WORD, codebook="sex", fallback="unknown"),
        Field("age_band", FieldType.WORD, codebook="age_band", fallback="unknown"),
        Field("road_user", FieldType.WORD, codebook="road_user"),
        Field("helmet", FieldType.WORD, codebook="yes_no_unknown", fallback="unknown"),
        Field("injury", FieldType.WORD, codebook="injury", if_unknown=IfUnknown.REJECT),
        _yes_no("is_worker"),
        _factory(),
    ),
)
INTERVENTION = Kind(
    name="intervention",
    key="intervention_id",
    fields=(
        Field("name", is_required=True),
        Field("measure"),
        Field("factories", refers_to="factory", is_list=True),
        Field("start_before", FieldType.DATE),
        Field("start", FieldType.DATE),
        Field("end", FieldType.DATE),
        Field("end_after", FieldType.DATE),
        Field("published_before", FieldType.COUNT),
        Field("published_after", FieldType.COUNT),
        Field("months_before", FieldType.NUMBER),
        Field("months_after", FieldType.NUMBER),
        Field("published_claim"),
        Field("counted_by"),
        _yes_no("was_chosen_for_crashes"),
        _yes_no("has_definition_changed"),
        Field("source"),
        Field("citation"),
        Field("notes"),
    ),
)
ROUTE = Kind(
    name="route",
    key="route_id",
    can_make_key=True,
    fields=(
        _factory(),
        Field("vehicle_id", refers_to="vehicle"),
        Field("driven_at", FieldType.MOMENT, aliases=("date_time", "datetime", "time_start")),
        Field("has_time", FieldType.TRUTH),
        Field("direction", FieldType.WORD, codebook="direction", fallback="unknown"),
        Field("riders", FieldType.COUNT, aliases=("workers", "passengers")),
        Field("line", FieldType.LINE, is_required=True, aliases=("wkt", "geometry_wkt")),
        Field("notes"),
    ),
)
ACTIVITY = Kind(
    name="activity",
    key="activity_id",
    can_make_key=True,
    fields=(
        Field("type", FieldType.WORD, codebook="activity_type", aliases=("activity_type",)),
        Field("title", is_required=True, aliases=("name", "topic")),
        Field("held_on", FieldType.DATE, is_required=True, aliases=("date", "activity_date")),
        Field("factories", refers_to="factory", is_list=True, aliases=("factory_id", "factory")),
        Field("village"),
        LON,
        LAT,
        Field("place_note"),
        Field("n_participants", FieldType.COUNT, aliases=("participants", "total")),
        Field("n_female", FieldType.COUNT, aliases=("female", "women")),
        Field("n_male", FieldType.COUNT, aliases=("male", "men")),
        Field("means_of_verification"),
        Field("notes"),
    ),
)
OBSERVATION = Kind(
    name="observation",
    key="observation_id",
    can_make_key=True,
    fields=(
        Field("type", FieldType.WORD, codebook="observation_type", aliases=("observation_type",)),
        Field(
            "observed_at",
            FieldType.MOMENT,
            is_required=True,
            aliases=("date_time", "datetime", "date"),
        ),
        Field("has_time", FieldType.TRUTH),
        _factory(),
        LON,
        LAT,
        Field("place_note"),
        Field("item", aliases=("question", "indicator", "what")),
        Field("road_user", FieldType.WORD, codebook="road_user"),
        Field("n_observed", FieldType.COUNT, aliases=("observed", "total")),
        Field("n_yes", FieldType.COUNT, aliases=("yes", "wearing", "passed")),
        Field("answer"),
        Field("value", FieldType.NUMBER, aliases=("score",)),
        Field("notes"),
    ),
)
INDICATOR = Kind(
    name="indicator",
    key="indicator_id",
    fields=(
        Field("name", is_required=True),
        Field("definition"),
        Field("unit"),
        Field("baseline", FieldType.NUMBER),
        Field("baseline_on", FieldType.DATE, aliases=("baseline_date",)),
        Field("target", FieldType.NUMBER),
        Field("target_on", FieldType.DATE, aliases=("target_date",)),
        Field("means_of_verification"),
        Field("responsible"),
        Field("notes"),
    ),
)
INDICATOR_VALUE = Kind(
    name="indicator_value",
    key="indicator_value_id",
    can_make_key=True,
    fields=(
        Field("indicator_id", is_required=True, aliases=("indicator",), refers_to="indicator"),
        Field("period_start", FieldType.DATE, is_required=True, aliases=("from",)),
        Field("period_end", FieldType.DATE, is_required=True, aliases=("to",)),
        Field("value", FieldType.NUMBER, is_required=True),
        Field("disaggregation"),
        Field("means_of_verification"),
        Field("notes"),
    ),
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        FACTORY,
        ORIGIN,
        VEHICLE,
        ROUTE,
        CRASH,
        CASUALTY,
        INTERVENTION,
        ACTIVITY,
        OBSERVATION,
        INDICATOR,
        INDICATOR_VALUE,
    )
}


def find_kind(name: str) -> Kind:
    """Return the kind of record with this name.

    Raises
    ------
    InputError
        If there is no such kind; the message lists those there are.
    """
    try:
        return KINDS[name]
    except KeyError:
        message = f"kind {name!r} is not known; use one of: {', '.join(KINDS)}."
        raise InputError(message) from None


def split_list(text: str) -> list[str]:
    """Return the identifiers in a text, each once.

    They are separated by semicolons; commas are understood too.
    """
    parts = text.replace(",", ";").split(";")
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))
