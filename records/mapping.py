"""A mapping: how the columns and codes of one source become fields and words.

A mapping is a YAML file. It says which column holds which field, which code means
which word, how dates, decimals and coordinates are written, and which rows are no
records. It holds data only: nothing in it is executed.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from core.errors import ConfigError
from records.codebooks import list_words
from records.fields import KINDS, FieldType, Kind
from records.moments import LOCAL_ZONE

__all__ = [
    "Condition",
    "Mapping",
    "Pick",
    "Rule",
    "SkipRule",
    "Variant",
    "list_ready_mappings",
    "load_mapping",
]

READY_FOLDER = Path(__file__).resolve().parents[1] / "data" / "mappings"
MAX_BYTES = 1_000_000
HANDED_DOWN = ("name", "title", "source", "notes", "encoding", "separator", "decimal", "crs",
               "date_formats", "midnight_is_missing", "time_zone")  # fmt: skip


def _as_text(value: object) -> object:
    """Codes are compared as text, also those that a program gives as numbers and truths."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_list)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pick(_Strict):
    """Which column or columns give a field; exactly one way."""

    first: Texts = Field((), description="The first of these columns that is there and filled.")
    sum: Texts = Field((), description="These columns added up; all must be numbers.")
    join: Texts = Field((), description="The filled ones of these columns, one after the other.")
    with_: str = Field(" × ", alias="with", description="What stands between joined columns.")  # noqa: RUF001

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(bool(way) for way in (self.first, self.sum, self.join)) != 1:
            message = "give exactly one of: first, sum, join"
            raise ValueError(message)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column this looks at."""
        return self.first or self.sum or self.join


def _as_pick(value: object) -> object:
    if isinstance(value, str):
        return {"first": [value]}
    return {"first": value} if isinstance(value, list) else value


class Condition(_Strict):
    """What must hold in a row; with several columns, in one of them."""

    columns: Texts = Field(description="Columns to look at.")
    above: float | None = Field(None, description="The number is greater than this.")
    equals: Texts = Field((), description="The text is one of these.")
    filled: bool | None = Field(None, description="The cell is filled (or, if false, is not).")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if (self.above is not None) + bool(self.equals) + (self.filled is not None) != 1:
            message = "give exactly one of: above, equals, filled"
            raise ValueError(message)
        return self


class Rule(_Strict):
    """A word for the rows in which a condition holds; without condition, for all others."""

    word: Text
    when: Condition | None = None


class SkipRule(_Strict):
    """Rows that are no records of this kind; counted as rejected with this reason."""

    when: Condition
    reason: str


class Variant(_Strict):
    """Other columns for files that have certain columns."""

    has_columns: Texts
    columns: dict[str, Annotated[Pick, BeforeValidator(_as_pick)]]


class Mapping(_Strict):
    """How one source's files become records of one kind."""

    name: str = Field("", description="Short name; the file's name without suffix.")
    title: str = Field("", description="What the source is, for people.")
    kind: str = Field("crash", description="Kind of record; one of `records.fields.KINDS`.")
    source: str = Field("", description="Who reports; identifiers are unique within a source.")
    notes: str = Field("", description="What was decided and why; shown with the records.")
    sheet: Text = Field("", description="Sheet of a workbook: its name, or its number from 1.")
    encoding: str = Field("", description="Override of the text encoding, e.g. cp1252.")
    separator: Literal["", ",", ";", "\t", "|"] = Field("", description="Override.")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark of numbers.")
    crs: int = Field(4326, description="EPSG code of the coordinates.")
    date_formats: Texts = Field(
        (),
        description="strptime formats, excel_serial, epoch_s or epoch_ms; without, ISO 8601 only.",
    )
    midnight_is_missing: bool = Field(False, description="00:00 means that no time was noted.")
    time_zone: str = Field(
        LOCAL_ZONE,
        description="IANA name of the clock that times with a UTC offset are brought to.",
    )
    columns: dict[str, Annotated[Pick, BeforeValidator(_as_pick)]] = Field(
        {}, description="Field: column, list of columns (first filled), or a way to pick."
    )
    optional: Texts = Field((), description="Fields whose columns a file may lack.")
    id_columns: Texts = Field(
        (), description="Columns that make the identifier; empty: the whole row."
    )
    constants: dict[str, Text] = Field({}, description="Field: the same text for every row.")
    values: dict[str, dict[Text, Text]] = Field({}, description="Field: code → word.")
    rules: dict[str, tuple[Rule, ...]] = Field({}, description="Field: the first rule that holds.")
    road_users: dict[str, Condition] = Field(
        {}, description="Road user: when it took part, from count or text columns."
    )
    skip: tuple[SkipRule, ...] = Field((), description="Rows that are no records.")
    variants: tuple[Variant, ...] = Field((), description="Other columns for other files.")
    tables: dict[str, Mapping] = Field(
        {}, description="Kind: how the source's linked table of that kind is written."
    )

    @model_validator(mode="before")
    @classmethod
    def _hand_down(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        """Give each linked table its kind, and what holds for all tables of the source."""
        if not isinstance(values, dict) or not isinstance(values.get("tables"), dict):
            return values
        shared = {name: values[name] for name in HANDED_DOWN if name in values}
        tables = {
            kind: {**shared, **table, "kind": kind} if isinstance(table, dict) else table
            for kind, table in values["tables"].items()
        }
        return {**values, "tables": tables}

    @model_validator(mode="after")
    def _tables_of_other_kinds(self) -> Self:
        for kind, table in self.tables.items():
            if kind == self.kind or table.tables:
                message = f"tables.{kind}: give each other kind once, without tables of its own"
                raise ValueError(message)
        return self

    def find_table(self, kind: str) -> Mapping | None:
        """Return how this source writes records of a kind; None if it does not say."""
        return self if kind == self.kind else self.tables.get(kind)

    @field_validator("kind")
    @classmethod
    def _is_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            message = f"{kind!r} is not one of {', '.join(KINDS)}"
            raise ValueError(message)
        return kind

    @field_validator("date_formats")
    @classmethod
    def _are_formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for one in formats:
            if "%z" in one or "%Z" in one:
                message = (
                    f"{one!r}: an offset at the end is read anyway; leave it out of the format"
                )
                raise ValueError(message)
            pd.to_datetime(pd.Series(["x"]), format=one, errors="coerce")  # refuses bad ones
        return formats

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"{name!r} is no time zone; name it like {LOCAL_ZONE}"
            raise ValueError(message) from None
        return name

    @model_validator(mode="after")
    def _speaks_of_known_fields(self) -> Self:
        kind = KINDS[self.kind]
        known = {kind.key, "source", "time", *kind.field_names}
        parts: list[tuple[str, Iterable[str]]] = [
            ("columns", self.columns),
            ("optional", self.optional),
            ("constants", self.constants),
            ("values", self.values),
            ("rules", self.rules),
            *(("variants", variant.columns) for variant in self.variants),
        ]
        for part, names in parts:
            for name in names:
                if name not in known:
                    message = f"{part}.{name}: a {self.kind} has no field {name!r}"
                    raise ValueError(message)
        self._require_known_words(kind)
        return self

    def _require_known_words(self, kind: Kind) -> None:
        """Refuse a word that is not in the vocabulary, wherever the mapping uses one."""
        fields = {field.name: field for field in kind.fields if field.codebook}
        used = [("values", name, word) for name, book in self.values.items()
                for word in book.values()]  # fmt: skip
        used += [("rules", name, rule.word) for name, rules in self.rules.items() for rule in rules]
        used += [("constants", name, word) for name, word in self.constants.items()]
        used += [("road_users", "road_users", word) for word in self.road_users]
        for part, name, word in used:
            if name not in fields or word == "":
                continue
            words = list_words(fields[name].codebook)
            parts = word.split(";") if fields[name].type is FieldType.WORDS else [word]
            bad = [one for one in parts if one not in words]
            if bad:
                message = f"{part}.{name}: {bad[0]!r} is not one of {', '.join(words)}"
                raise ValueError(message)


def list_ready_mappings() -> list[str]:
    """Return the names of the mappings that come with the software."""
    return sorted(path.stem for path in READY_FOLDER.glob("*.yaml"))


class _TextLoader(yaml.SafeLoader):
    """Reads each scalar as text: a column NO is no truth, a code 011 is no number."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as its base declares it


def load_mapping(path_or_name: str | Path, *, kind: str = "") -> Mapping:
    """Read a mapping from a YAML file, or a ready one by its name.

    Parameters
    ----------
    path_or_name
        Path of a YAML file, or a name such as `porto_alegre`.
    kind
        Kind of record that a mapping describes which names none, if it can; else crashes.

    Raises
    ------
    ConfigError
        If there is no such file, it is not YAML, or a key or value is not allowed; the
        message names the first one.
    """
    path = _find(path_or_name)
    try:
        if path.stat().st_size > MAX_BYTES:
            message = f"{path}: larger than 1 MB, so it is no mapping; give the YAML file."
            raise ConfigError(message)
        values: Any = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_TextLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        message = f"{path}: the mapping cannot be read: {reason}; mend the file."
        raise ConfigError(message) from error
    if not isinstance(values, dict):
        message = f"{path}: a mapping is made of 'key: value' lines; see data/mappings."
        raise ConfigError(message)
    given: dict[Any, Any] = {"name": path.stem, **values}
    try:
        if not kind or "kind" in values:
            return Mapping.model_validate(given)
        try:
            return Mapping.model_validate({**given, "kind": kind})
        except ValidationError as error:
            with suppress(ValidationError):
                return Mapping.model_validate(given)  # one for crashes, given for another kind
            raise error from None
    except (ValidationError, TypeError) as error:
        raise ConfigError(f"{path}: {_explain(error)}") from error


def _find(path_or_name: str | Path) -> Path:
    path = Path(path_or_name)
    if path.is_file():
        return path
    ready = READY_FOLDER / f"{path_or_name}.yaml"
    if path.name == str(path_or_name) and ready.is_file():
        return ready
    names = ", ".join(list_ready_mappings()) or "none"
    message = (
        f"mapping {str(path_or_name)!r}: no such file, nor a ready mapping (there is: {names})."
    )
    raise ConfigError(message)


def _explain(error: ValidationError | TypeError) -> str:
    """Say how many keys were refused and which is the first."""
    if isinstance(error, TypeError):
        return f"the mapping's keys must be texts ({error})."
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "mapping"
    return (
        f"{error.error_count()} key(s) of the mapping refused, first {key!r}: {first['msg']}; "
        f"allowed keys: {', '.join(Mapping.model_fields)}."
    )
