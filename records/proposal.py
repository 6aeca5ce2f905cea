"""Propose a mapping for a file by looking at it: names of columns, then what they hold.

A proposal is a guess for a person to correct. Each column taken has its reason and how sure
it is; what the file cannot tell (day or month first, codes that no code book knows) is asked.
Nothing is decided that the values speak against: a column named like a date that holds no
dates is not taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from rapidfuzz import fuzz, process

from core.errors import TableError
from records.codebooks import find_word, list_words
from records.fields import Field, FieldType, Kind, find_kind
from records.mapping import Mapping
from records.moments import NUMBERED
from records.naming import simplify_name
from records.plan import list_missing_fields
from records.proposal_dates import MIN_READ_SHARE, add_clocks, find_formats
from records.proposal_names import NAMES_OF_FIELDS, WORDS_OF_CODES
from records.reading import RawTable, is_workbook, open_table, require_file, require_workbook
from records.values import NO_VALUE
from records.xlsx import Workbook

__all__ = ["ColumnGuess", "Proposal", "dump_mapping", "propose_mapping"]

SAMPLE_ROWS = 5_000
MAX_CODES = 40
MIN_LIKENESS = 87  # of names, 0-100
SURE, LIKELY, UNSURE = "sure", "likely", "unsure"
BETWEEN = re.compile(r"[\s_\-/.,;:()\[\]#?*'\"]+")
CLOCK = re.compile(r"^\d{1,2}[:h.]\d{2}(:\d{2})?(\s*[ap]\.?m\.?)?$", re.IGNORECASE)
KEY_WORDS = {"id", "no", "number", "code", "ref", "fid", "objectid", "pcode", "key"}
ADDRESS_WORDS = ("address", "adresse", "direccion", "endereco")
EASTINGS, NORTHINGS = (100_000, 900_000), (0, 10_000_000)  # of UTM [m]


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """What a column is taken for, why, and how sure that is."""

    column: str
    field: str
    confidence: str  # sure, likely, unsure
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mapping that was guessed from a file, for a person to correct."""

    mapping: Mapping
    guesses: tuple[ColumnGuess, ...]
    questions: tuple[str, ...]
    unused_columns: tuple[str, ...]
    missing_fields: tuple[str, ...] = ()  # needed, and no column was found

    def to_yaml(self) -> str:
        """Return the mapping as YAML, questions and reasons as comments above it."""
        lines = ["# Proposed by looking at the file; correct it, then keep it for next month."]
        lines += [f"# Question: {_one_line(text)}" for text in self.questions]
        lines += [
            f"# {_one_line(one.field)}: column {_one_line(one.column)!r}, {one.confidence}"
            f" ({_one_line(one.reason)})"
            for one in self.guesses
        ]
        if self.unused_columns:
            lines.append(f"# Not used: {_one_line(', '.join(self.unused_columns))}")
        return "\n".join(lines) + "\n" + dump_mapping(self.mapping)

    def to_dict(self) -> dict[str, Any]:
        """Return the proposal as plain JSON values, for a form in which to correct it."""
        return {
            "mapping": self.mapping.model_dump(
                mode="json", by_alias=True, exclude_defaults=True
            ),
            "columns": [
                {"column": one.column, "field": one.field, "confidence": one.confidence,
                 "reason": one.reason}
                for one in self.guesses
            ],
            "questions": list(self.questions),
            "unused_columns": list(self.unused_columns),
            "missing_fields": list(self.missing_fields),
            "yaml": self.to_yaml(),
        }  # fmt: skip


def dump_mapping(mapping: Mapping) -> str:
    """Return a mapping as YAML that `load_mapping` reads as the same mapping."""
    values = mapping.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    values = {
        "kind": mapping.kind,
        **{k: v for k, v in values.items() if k not in {"kind", "name"}},
    }
    values["columns"] = {
        name: _short_pick(pick) for name, pick in values.get("columns", {}).items()
    }
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=95)


def _short_pick(pick: dict[str, Any]) -> Any:  # noqa: ANN401 - text, list or dictionary
    if set(pick) == {"first"}:
        return pick["first"][0] if len(pick["first"]) == 1 else pick["first"]
    return pick


def _one_line(text: str) -> str:
    """Return text that stays within a comment, whatever a file's header holds."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(plain.split())[:300]


def propose_mapping(path: Path | str, kind: str, *, sheet: str = "") -> Proposal:
    """Look at a file and guess which column holds which field, and how it is written.

    Parameters
    ----------
    path
        Delimited text, XLSX, or a layer that GDAL reads.
    kind
        Kind of record that a row is.
    sheet
        Name or number of a workbook's sheet; without one, the first in which all that is
        needed is found, else the one with most fields.

    Returns
    -------
    proposal
        The mapping, a reason for each column, and questions. Where `missing_fields` is
        not empty, the mapping cannot be used before a person completes it.

    Raises
    ------
    DataSourceError, TableError, InputError
        If the file cannot be read, holds no rows, or there is no such kind.
    """
    path = Path(path)
    spec = find_kind(kind)
    require_workbook(path, sheet)
    if is_workbook(path) and not sheet:
        return _propose_best_sheet(path, spec)
    table = open_table(path, sheet=sheet, keep_crs=True, expected=_known_names(spec))
    proposal = _Looker(spec, table, path).propose()
    return _name_sheet(proposal, sheet) if sheet else proposal


def _propose_best_sheet(path: Path, kind: Kind) -> Proposal:
    """Return the proposal for the first sheet that can be used, else that with most fields."""
    require_file(path)
    found: list[tuple[int, Proposal, str]] = []
    for sheet in (one for one in Workbook.open(path).sheets if one.first_rows):
        try:
            table = open_table(path, sheet=sheet.name, expected=_known_names(kind))
            proposal = _Looker(kind, table, path).propose()
        except TableError:
            continue  # no rows, or no header to be sure of
        if not proposal.missing_fields:
            return _name_sheet(proposal, sheet.name)
        score = len(proposal.guesses) - len(kind.fields) * len(proposal.missing_fields)
        found.append((score, proposal, sheet.name))
    if not found:
        raise TableError.empty(path.name)
    _, best, name = max(found, key=lambda one: one[0])
    return _name_sheet(best, name)


def _name_sheet(proposal: Proposal, sheet: str) -> Proposal:
    return replace(proposal, mapping=proposal.mapping.model_copy(update={"sheet": sheet}))


def _known_names(kind: Kind) -> frozenset[str]:
    names = {name for one in _list_fields(kind) for name in _names_of(one, kind)}
    return frozenset(names | {name.replace(" ", "_") for name in names})


def _list_fields(kind: Kind) -> list[Field]:
    key = Field(kind.key, aliases=kind.key_aliases)
    skipped = {"has_time", "place_note", "placed_by", "location_quality"}
    fields = [key, *(one for one in kind.fields if one.name not in skipped)]
    if kind.name == "crash":
        fields.append(Field("time"))
    return fields


def _names_of(one: Field, kind: Kind) -> list[str]:
    """Return the names by which a field is known, in several languages, simplified."""
    names = [one.name, *one.aliases, *NAMES_OF_FIELDS.get(one.name, ())]
    if one.name == kind.key:
        names += NAMES_OF_FIELDS["(key)"]
    return list(dict.fromkeys(_plain(name) for name in names))


def _plain(name: str) -> str:
    """Return a name as it is compared: lower case, words with single blanks between them."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(BETWEEN.sub(" ", spaced).casefold().split())


@dataclass(slots=True)
class _Looker:
    """Looks at one table; gathers what it finds."""

    kind: Kind
    table: RawTable
    path: Path
    frame: pd.DataFrame = field(init=False)
    guesses: dict[str, ColumnGuess] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        batches = islice(self.table.read(), 1)
        self.frame = next((batch.frame.head(SAMPLE_ROWS) for batch in batches), pd.DataFrame())
        if self.frame.empty:
            raise TableError.empty(self.path.name)

    def propose(self) -> Proposal:
        self.settings["decimal"] = self._find_decimal()
        for column, one, likeness in self._rank_names():
            if one.name not in self.guesses and not self._is_taken(column):
                self._try(column, one, likeness)
        self._look_for_moments()
        self._read_dates()
        self._look_for_codes()
        self._read_codes()
        self._read_places()
        id_columns = self._look_for_key()
        picks = {name: guess.column for name, guess in self.guesses.items()}
        empty = Mapping.model_validate({"kind": self.kind.name, "id_columns": id_columns})
        missing = list_missing_fields(self.kind, empty, frozenset(picks))
        self.questions += [f"{name}: no column found; which one holds it?" for name in missing]
        mapping = Mapping.model_validate(
            {
                "name": self.path.stem,
                "title": f"Proposed for {self.path.name}",
                "kind": self.kind.name,
                **{k: v for k, v in self.settings.items() if v not in (".", None, ())},
                "columns": picks,
                "values": self.values,
                "id_columns": id_columns,
                "optional": [name for name in picks if name not in self._needed()],
            }
        )
        unused = [c for c in self.table.columns if not self._is_taken(c)]
        return Proposal(
            mapping,
            tuple(self.guesses.values()),
            tuple(self.questions),
            tuple(unused),
            tuple(missing),
        )

    def _look_for_key(self) -> list[str]:
        """Find what tells records apart where each must have a number of its own."""
        key = self.kind.key
        if self.kind.can_make_key or key in self.guesses:
            return []
        for column in self.table.columns:
            filled = self._filled(column)
            is_named = bool(set(_plain(column).split()) & KEY_WORDS)
            is_key = len(filled) == len(self.frame) and filled.is_unique
            if is_named and is_key and not self._is_taken(column):
                self.guesses[key] = ColumnGuess(column, key, LIKELY, "each row has another one")
                self.questions.append(f"{key}: does {column!r} stay the same from file to file?")
                return []
        named = [self.guesses["name"].column] if "name" in self.guesses else []
        names = {_plain(column): column for column in self.table.columns}
        named += [names[word] for word in ADDRESS_WORDS if word in names]
        if named:
            self.questions.append(
                f"{key}: no column holds one, so records are told apart by {' and '.join(named)}; "
                "written differently next month, it is another record. Is there a number?"
            )
        return named

    def _needed(self) -> set[str]:
        needed = {one.name for one in self.kind.fields if one.is_required}
        needed |= {"lon", "lat"} if self.kind.name == "crash" else set()
        return needed if self.kind.can_make_key else needed | {self.kind.key}

    def _is_taken(self, column: str) -> bool:
        return any(guess.column == column for guess in self.guesses.values())

    def _filled(self, column: str) -> pd.Series[str]:
        text = self.frame[column].fillna("").str.strip()
        return text[~text.str.lower().isin(NO_VALUE)]

    def _rank_names(self) -> Iterable[tuple[str, Field, float]]:
        """Return pairs of column and field, the likest names first."""
        found: list[tuple[float, int, str, Field]] = []
        for rank, one in enumerate(_list_fields(self.kind)):
            names = _names_of(one, self.kind)
            for column in self.table.columns:
                short = column.rpartition(" / ")[2] or column
                for written in {_plain(column), _plain(short)} - {""}:
                    best = process.extractOne(written, names, scorer=fuzz.ratio)
                    if best and best[1] >= MIN_LIKENESS:
                        found.append((best[1], -rank, column, one))
        found.sort(key=lambda item: item[:2], reverse=True)
        return [(column, one, likeness) for likeness, _, column, one in found]

    def _try(self, column: str, one: Field, likeness: float) -> None:
        """Take a column for a field if what it holds does not speak against it."""
        filled = self._filled(column)
        share = self._share_read(filled, one) if len(filled) else 0.0
        if len(filled) and share < MIN_READ_SHARE:
            return
        how = "its name" if likeness == 100 else "a name like it"
        confidence = SURE if likeness == 100 and len(filled) else LIKELY if len(filled) else UNSURE
        reason = how if len(filled) else f"{how}; the first rows are empty"
        self.guesses[one.name] = ColumnGuess(column, one.name, confidence, reason)

    def _share_read(self, filled: pd.Series[str], one: Field) -> float:
        """Return which share of the filled cells is what the field holds."""
        if one.name == "time":
            return float(filled.map(lambda text: bool(CLOCK.match(text))).mean())
        match one.type:
            case FieldType.MOMENT | FieldType.DATE:
                return 1.0 if find_formats(filled) else 0.0
            case FieldType.COUNT | FieldType.NUMBER:
                return float(self._to_numbers(filled).notna().mean())
            case FieldType.DEGREES:
                return 1.0 if filled.str.contains(r"\d").mean() >= MIN_READ_SHARE else 0.0
            case FieldType.LINE:
                return float(filled.str.upper().str.startswith("LINESTRING").mean())
            case FieldType.WORD | FieldType.TRUTH:
                return 1.0 if filled.nunique() <= MAX_CODES or one.name == "age_band" else 0.0
            case _:
                return 1.0

    def _to_numbers(self, filled: pd.Series[str]) -> pd.Series[Any]:
        plain = filled.str.replace(",", ".", regex=False) if self._comma else filled
        return pd.to_numeric(plain, errors="coerce")

    @property
    def _comma(self) -> bool:
        return self.settings.get("decimal") == ","

    def _find_decimal(self) -> str:
        """Return a comma if more columns hold numbers with it than with a point."""
        votes = {".": 0, ",": 0}
        for column in self.frame.columns:
            filled = self._filled(str(column))
            for mark in votes:
                pattern = rf"^-?\d+{re.escape(mark)}\d+$"
                votes[mark] += bool(len(filled)) and filled.str.match(pattern).mean() > 0.5
        return "," if votes[","] > votes["."] else "."

    def _look_for_moments(self) -> None:
        """Take the only column of dates for the date that is needed."""
        wanted = [one for one in self.kind.fields if one.is_required
                  and one.type in {FieldType.MOMENT, FieldType.DATE}]  # fmt: skip
        if len(wanted) != 1 or wanted[0].name in self.guesses:
            return
        dated = [
            column
            for column in self.table.columns
            if not self._is_taken(column) and self._holds_dates(column)
        ]
        if dated:
            column, name = dated[0], wanted[0].name
            why = "its values are dates"
            if len(dated) > 1:
                why += f", as those of {', '.join(dated[1:4])}"
                self.questions.append(f"{name}: is it {column!r} or {dated[1]!r}?")
            confidence = LIKELY if len(dated) == 1 else UNSURE
            self.guesses[name] = ColumnGuess(column, name, confidence, why)

    def _holds_dates(self, column: str) -> bool:
        filled = self._filled(column)
        found = find_formats(filled) if len(filled) else None
        return found is not None and not set(found.formats) & NUMBERED.keys()

    def _read_dates(self) -> None:
        """Find how dates are written; ask where day and month cannot be told apart."""
        formats: list[str] = []
        clock = self._filled(self.guesses["time"].column) if "time" in self.guesses else None
        for one in self.kind.fields:
            if one.type not in {FieldType.MOMENT, FieldType.DATE} or one.name not in self.guesses:
                continue
            filled = self._filled(self.guesses[one.name].column)
            found = find_formats(filled) if len(filled) else None
            if found is None:
                continue
            if found.is_ambiguous:
                first = filled.iloc[0]
                self.questions.append(
                    f"{one.name}: no day in it is above 12, so {first!r} may be day or month "
                    f"first; {found.formats[0]!r} was taken. Which is it?"
                )
                guess = self.guesses[one.name]
                self.guesses[one.name] = ColumnGuess(
                    guess.column, guess.field, UNSURE, f"{guess.reason}; day and month in doubt"
                )
            formats += (
                add_clocks(found.formats, clock) if one.name == "occurred_at" else (found.formats)
            )
        iso = all(one.startswith("%Y-%m-%d") for one in formats)
        if formats and not (iso and clock is None):
            self.settings["date_formats"] = list(dict.fromkeys(formats))

    def _look_for_codes(self) -> None:
        """Take columns whose values a code book knows for fields still without a column."""
        for one in self.kind.fields:
            if one.type is not FieldType.WORD or one.name in self.guesses:
                continue
            for column in self.table.columns:
                filled = self._filled(column)
                if self._is_taken(column) or not len(filled) or filled.nunique() > MAX_CODES:
                    continue
                if filled.str.fullmatch(r"\w|-?\d+|yes|no|true|false", case=False).any():
                    continue  # says too little to know a column by
                known = filled.map(lambda text, one=one: _find_code(one, text) is not None)
                if known.mean() >= MIN_READ_SHARE and filled.nunique() > 1:
                    why = f"its values are words for {one.name}"
                    self.guesses[one.name] = ColumnGuess(column, one.name, LIKELY, why)
                    break

    def _read_codes(self) -> None:
        """Propose a word for each code that the code books do not hold; ask for the others."""
        for one in self.kind.fields:
            is_coded = one.type in {FieldType.WORD, FieldType.TRUTH} and one.codebook
            if not is_coded or one.name not in self.guesses or one.name == "age_band":
                continue
            distinct = self._filled(self.guesses[one.name].column).value_counts()
            book: dict[str, str] = {}
            asked: list[str] = []
            for code in map(str, distinct.index[:MAX_CODES]):
                if find_word(one.codebook, code) is not None:
                    continue
                word = _find_code(one, code)
                if word is not None:
                    book[code] = word
                else:
                    asked.append(code)
            if asked:
                book |= dict.fromkeys(asked, "")
                words = ", ".join(list_words(one.codebook))
                self.questions.append(
                    f"{one.name}: what do {', '.join(map(repr, asked))} mean? Until it is said "
                    f"they are taken as not known; words: {words}."
                )
            if book:
                self.values[one.name] = book

    def _read_places(self) -> None:
        """Guess the coordinate system from the range of the coordinates."""
        if not {"lon", "lat"} <= set(self.guesses):
            return
        x, y = (self._to_numbers(self._filled(self.guesses[n].column)) for n in ("lon", "lat"))
        x, y = x.dropna(), y.dropna()
        if not len(x) or not len(y):
            return
        x_mid, y_mid = float(np.median(x)), float(np.median(y))
        if abs(x_mid) <= 180 and abs(y_mid) <= 90:
            return
        crs = _find_crs_of(self.path)
        if crs is not None:
            self._say_crs(f"the file says EPSG:{crs}, and is converted", LIKELY)
        elif EASTINGS[0] <= x_mid <= EASTINGS[1] and NORTHINGS[0] < y_mid < NORTHINGS[1]:
            self.settings["crs"] = 32648
            self._say_crs("metres in the range of a UTM zone", UNSURE)
            self.questions.append(
                "crs: the coordinates are metres, but of which zone is not said; 32648 "
                "(UTM zone 48 north, most of Cambodia) was taken. Which EPSG code is it?"
            )
        else:
            self.questions.append(
                f"crs: coordinates like {x_mid:.10g}, {y_mid:.10g} are no degrees; which EPSG "
                "code do they have?"
            )

    def _say_crs(self, reason: str, confidence: str) -> None:
        for name in ("lon", "lat"):
            guess = self.guesses[name]
            reasons = f"{guess.reason}; {reason}"
            self.guesses[name] = ColumnGuess(guess.column, name, confidence, reasons)


def _find_crs_of(path: Path) -> int | None:
    """Return the EPSG code that a vector layer names, if it is not in degrees."""
    if path.suffix.lower() not in {".geojson", ".json", ".gpkg", ".shp", ".fgb"}:
        return None
    import pyogrio
    import pyproj

    crs = pyogrio.read_info(path, force_total_bounds=False)["crs"]
    code = pyproj.CRS.from_user_input(crs).to_epsg() if crs else None
    return None if code in {None, 4326} else int(code)


def _find_code(one: Field, code: str) -> str | None:
    """Return the word for a code: of the code book, of other languages, or like one of them."""
    known = find_word(one.codebook, code)
    if known is not None:
        return known
    words = WORDS_OF_CODES.get(one.codebook, {})
    simple = simplify_name(_plain(code))
    if simple in words:
        return words[simple]
    if len(simple) < 4:
        return None
    best = process.extractOne(simple, list(words), scorer=fuzz.ratio, score_cutoff=MIN_LIKENESS)
    return words[best[0]] if best else None
