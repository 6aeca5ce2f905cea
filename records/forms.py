"""Forms with which people collect records on telephones: XLSForms for KoboToolbox and ODK.

What a form asks, and in which words, is data (`data/forms/*.yaml`); the names of its
questions, their types, choices and which must be answered come from `records.fields` and
the code books, so that what comes back is imported without a mapping (`records.kobo`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import ConfigError, InputError
from records import fields
from records.codebooks import list_words
from records.fields import FieldType, Kind, find_kind

__all__ = ["FORM_KINDS", "LANGUAGES", "Form", "build_form"]

FORMS_FOLDER: Final = Path(__file__).resolve().parents[1] / "data" / "forms"
FORM_KINDS: Final = ("crash", "vehicle", "observation", "activity")
LANGUAGES: Final = {"en": "English (en)", "km": "Khmer (km)"}
FACTORY_LIST: Final = "factory"
MAX_COUNT: Final = 10_000
VERSION = re.compile(r"\d{8}(\d{2})?")
NO_CHOICE = re.compile(r"[\s;,]")  # separates the answers of a question with several
POINT_GIVES = ("lon", "lat")
TYPES: Final = {
    FieldType.TEXT: "text",
    FieldType.COUNT: "integer",
    FieldType.NUMBER: "decimal",
    FieldType.MOMENT: "dateTime",
    FieldType.DATE: "date",
    FieldType.WORD: "select_one",
    FieldType.WORDS: "select_multiple",
}
PARAMETERS: Final = {
    "geopoint": "capture-accuracy=10 warning-accuracy=50",
    "image": "max-pixels=1600",
}
KHMER_DIGITS = str.maketrans("0123456789", "០១២៣៤៥៦៧៨៩")
JOINERS = "\u200b\u200c\u200d"  # Khmer puts them between words
MEANT_AS_TEXT = str.maketrans("<>[]", "\u2039\u203a()")  # forms show HTML and links

M = TypeVar("M", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Strict):
    """One text in each language."""

    en: str = Field(min_length=1)
    km: str = Field(min_length=1)

    def fill(self, **numbers: int) -> Words:
        """Return the texts with numbers in their places, in each language's digits."""
        khmer = {name: str(number).translate(KHMER_DIGITS) for name, number in numbers.items()}
        return Words(en=self.en.format(**numbers), km=self.km.format(**khmer))


class ChoiceList(_Strict):
    """The choices of a code book with their labels."""

    codebook: str
    leave_out: tuple[str, ...] = ()
    labels: dict[str, Words]


class Item(_Strict):
    """One line of a form: exactly one of `WAYS` says what it is and names it."""

    note: str = ""
    field: str = ""  # a field of the kind
    ask: str = ""  # a question that is no field
    calculate: str = ""
    group: str = ""
    repeat: str = ""
    label: Words | None = None
    hint: Words | None = None
    type: Literal["", "geopoint", "image", "integer"] = ""
    choices: str = ""
    is_required: bool = False
    maximum: int = MAX_COUNT
    constraint: str = ""
    constraint_message: Words | str | None = None  # a text, or the name of one
    relevant: str = ""
    calculation: str = ""
    appearance: str = ""
    kind: str = ""
    count: str = ""
    items: tuple[Item, ...] = ()

    @property
    def way(self) -> str:
        """What the line is."""
        return next(way for way in WAYS if getattr(self, way))

    @property
    def name(self) -> str:
        """Name of the question or group."""
        return str(getattr(self, self.way))

    @model_validator(mode="after")
    def _is_one_thing(self) -> Item:
        if sum(bool(getattr(self, way)) for way in WAYS) != 1:
            message = f"a line is exactly one of: {', '.join(WAYS)}"
            raise ValueError(message)
        if not (self.label or self.calculation):
            message = f"{self.name!r} has no label"
            raise ValueError(message)
        return self


WAYS: Final = ("note", "field", "ask", "calculate", "group", "repeat")


class FormFile(_Strict):
    """What a form asks, as its file says it."""

    title: Words
    instance_name: str = ""
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form as the three sheets of an XLSForm: one mapping a row, column → text."""

    kind: str
    settings: dict[str, str]
    survey: tuple[dict[str, str], ...]
    choices: tuple[dict[str, str], ...]
    not_imported: tuple[str, ...]  # names of questions, notes and calculations

    @property
    def form_id(self) -> str:
        """Identifier by which KoboToolbox and ODK know the form."""
        return self.settings["form_id"]

    @property
    def version(self) -> str:
        """Version of the form, by its day."""
        return self.settings["version"]

    @property
    def n_questions(self) -> int:
        """Number of questions that a person is asked."""
        silent = ("begin", "end", "note", "calculate")
        return sum(not row["type"].startswith(silent) for row in self.survey)


def build_form(
    kind: str,
    *,
    version: str,
    factories: Mapping[str, str] | None = None,
    area: str = "",
) -> Form:
    """Build the form with which records of a kind are collected.

    Parameters
    ----------
    kind
        One of `FORM_KINDS`.
    version
        Day of the form, YYYYMMDD, and two more digits for a second one of the same day.
    factories
        Identifier → name, offered as a list; None: the identifier is asked as text.
    area
        Key of the study area that the factories are of; it becomes part of the form's
        identifier.

    Raises
    ------
    InputError
        If there is no form for the kind, the version is no day, there are no factories to
        offer, or an identifier cannot be a choice.
    ConfigError
        If a file of `data/forms` is not as it must be.
    """
    if kind not in FORM_KINDS:
        message = f"form {kind!r} is not known; use one of: {', '.join(FORM_KINDS)}."
        raise InputError(message)
    if not VERSION.fullmatch(version):
        message = f"form version {version!r}: write a day as YYYYMMDD, or with two more digits."
        raise InputError(message)
    if factories is not None:
        _require_choices(kind, factories)
    described = _read(f"{kind}.yaml", FormFile)
    builder = _Builder(factories)
    survey = tuple(builder.list_rows(described.items, find_kind(kind)))
    form_id = "_".join(filter(None, ("safecommute", kind, re.sub(r"\W", "_", area))))
    settings = {
        "form_title": described.title.en,
        "form_id": form_id,
        "version": version,
        "default_language": LANGUAGES["en"],
        "instance_name": described.instance_name,
        "style": "pages",
    }
    return Form(
        kind=kind,
        settings={name: text for name, text in settings.items() if text},
        survey=survey,
        choices=tuple(builder.list_choices()),
        not_imported=tuple(builder.not_imported),
    )


def _require_choices(kind: str, factories: Mapping[str, str]) -> None:
    if not factories:
        message = "the area has no factories; import them first, or make the form without an area."
        raise InputError(message)
    is_several = any(one.refers_to == "factory" and one.is_list for one in find_kind(kind).fields)
    bad = [one for one in factories if is_several and NO_CHOICE.search(one)]
    if bad:
        message = (
            f"form {kind!r}: {len(bad)} of {len(factories)} factories have an identifier with a "
            f"blank, comma or semicolon, first {bad[0]!r}; such answers cannot be told apart. "
            "Give them identifiers without, or make the form without an area."
        )
        raise InputError(message)


class _Builder:
    """Turns the lines of a form's file into rows of an XLSForm."""

    def __init__(self, factories: Mapping[str, str] | None) -> None:
        self._factories = factories
        self._messages = _read_all("messages.yaml", Words)
        self._lists = _read_all("choices.yaml", ChoiceList)
        self._used: dict[str, None] = {}  # choice lists, in the order of their use
        self.not_imported: list[str] = []

    def list_rows(self, items: tuple[Item, ...], kind: Kind) -> Iterator[dict[str, str]]:
        """Yield the rows of the survey sheet."""
        for item in items:
            row = {"name": item.name, **_translate("label", item.label)}
            row |= _translate("hint", item.hint)
            row |= _keep(relevant=item.relevant, appearance=item.appearance)
            if item.way in {"group", "repeat"}:
                inside = find_kind(item.kind) if item.kind else kind
                row |= _keep(appearance="field-list", repeat_count=item.count)
                yield {"type": f"begin_{item.way}", **row}
                yield from self.list_rows(item.items, inside)
                yield {"type": f"end_{item.way}", "name": item.name}
            elif item.way == "field":
                yield self._ask_field(item, kind, row)
            else:
                if item.type != "geopoint":
                    self.not_imported.append(item.name)
                elif not set(POINT_GIVES) <= set(kind.field_names):
                    message = f"{item.name}: records of kind {kind.name} have no place."
                    raise ConfigError(message)
                row |= _keep(parameters=PARAMETERS.get(item.type, ""))
                row |= _keep(calculation=item.calculation)
                row |= self._constrain(item.constraint, item.constraint_message)
                yield {"type": item.type or item.way, **row}

    def _ask_field(self, item: Item, kind: Kind, row: dict[str, str]) -> dict[str, str]:
        one = next((one for one in kind.fields if one.name == item.name), None)
        if one is None or (one.type not in TYPES and not item.calculation):
            message = f"{item.name}: is no field of {kind.name} that a form can ask."
            raise ConfigError(message)
        if item.calculation:
            return {"type": "calculate", **row, "calculation": item.calculation}
        if one.refers_to == "factory":
            return self._ask_factory(one, row)
        asked = TYPES[one.type]
        if one.codebook:
            asked += f" {self._use(item.choices or one.codebook, one)}"
        if one.is_required or item.is_required:
            row |= {"required": "yes"}
            row |= _translate("required_message", self._messages["required"])
        if item.constraint:
            row |= self._constrain(item.constraint, item.constraint_message)
        elif one.type is FieldType.COUNT:
            said = self._messages["count"].fill(maximum=item.maximum)
            row |= self._constrain(f". >= 0 and . <= {item.maximum}", said)
        return {"type": asked, **row}

    def _constrain(self, constraint: str, said: Words | str | None) -> dict[str, str]:
        if not constraint:
            return {}
        words = self._messages[said] if isinstance(said, str) else said
        return {"constraint": constraint, **_translate("constraint_message", words)}

    def _ask_factory(self, one: fields.Field, row: dict[str, str]) -> dict[str, str]:
        if self._factories is None:
            hint = "factories_as_text" if one.is_list else "factory_as_text"
            return {"type": "text", **row, **_translate("hint", self._messages[hint])}
        self._used[FACTORY_LIST] = None
        asked = "select_multiple" if one.is_list else "select_one"
        row |= _translate("hint", self._messages["factory_from_list"])
        return {"type": f"{asked} {FACTORY_LIST}", **row, "appearance": "minimal autocomplete"}

    def _use(self, name: str, one: fields.Field) -> str:
        """Return the name of a choice list whose words are those of the field's code book."""
        found = self._lists.get(name)
        if found is None or found.codebook != one.codebook:
            message = f"{one.name}: data/forms/choices.yaml has no list {name!r} of its code book."
            raise ConfigError(message)
        words = [word for word in list_words(found.codebook) if word not in found.leave_out]
        wrong = sorted(set(words) ^ set(found.labels))
        if wrong:
            message = f"data/forms/choices.yaml: {name}: {wrong[0]!r} is no word, or has no label."
            raise ConfigError(message)
        self._used[name] = None
        return name

    def list_choices(self) -> Iterator[dict[str, str]]:
        """Yield the rows of the choices sheet: the lists that the survey used."""
        for name in self._used:
            if name == FACTORY_LIST:
                yield from self._list_factories()
                continue
            labels = self._lists[name].labels
            for word in list_words(self._lists[name].codebook):
                if word in labels:
                    yield {"list_name": name, "name": word, **_translate("label", labels[word])}

    def _list_factories(self) -> Iterator[dict[str, str]]:
        for key, name in (self._factories or {}).items():
            shown = _show_plainly(name) or _show_plainly(key)
            label = _translate("label", Words(en=shown, km=shown))
            yield {"list_name": FACTORY_LIST, "name": key, **label}


def _show_plainly(text: str) -> str:
    """Return a record's text so that a form shows it and does nothing else with it."""
    printable = "".join(c if c.isprintable() or c in JOINERS else " " for c in text)
    return " ".join(printable.replace("${", "$ {").translate(MEANT_AS_TEXT).split())


def _translate(column: str, words: Words | None) -> dict[str, str]:
    if words is None:
        return {}
    return {f"{column}::{name}": getattr(words, code) for code, name in LANGUAGES.items()}


def _keep(**columns: str) -> dict[str, str]:
    return {name: text for name, text in columns.items() if text}


@cache
def _load(name: str) -> Any:  # noqa: ANN401 - what the YAML holds is checked by its model
    path = FORMS_FOLDER / name
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        message = f"{path}: cannot be read: {reason}; install the software's data again."
        raise ConfigError(message) from error


def _read(name: str, model: type[M]) -> M:
    return _check(name, _load(name), model)


def _read_all(name: str, model: type[M]) -> dict[str, M]:
    """Return the parts of a file by their names, each checked."""
    values = _load(name)
    if not isinstance(values, dict):
        message = f"data/forms/{name}: is not made of 'name: value' lines; mend the file."
        raise ConfigError(message)
    return {part: _check(f"{name}: {part}", one, model) for part, one in values.items()}


def _check(where: str, values: object, model: type[M]) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        part = ".".join(map(str, first["loc"]))
        message = f"data/forms/{where}: {part}: {first['msg']}; mend the file."
        raise ConfigError(message) from error
