"""Turn a batch of text rows into typed records of one kind, row by row accounted for.

A row is refused only when it cannot be a record at all: no date or one that cannot be
understood, a severity that is no word of the code book, a negative count, a missing key.
What merely lacks something (a place, a time) is kept, and what was amiss is noted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import pandas as pd

from core.errors import TableError
from core.vocabulary import RoadUser, Severity
from records.fields import Field, FieldType, IfUnknown, Kind
from records.mapping import Condition, Mapping, Pick
from records.places import read_places
from records.values import (
    Parsed,
    clean_text,
    is_filled,
    parse_count,
    parse_moment,
    parse_number,
    parse_truth,
    parse_word,
    parse_words,
)

__all__ = ["Plan", "Standardised", "build_plan", "standardise_batch"]

KEY_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which column of one file gives which field."""

    kind: Kind
    mapping: Mapping
    picks: dict[str, Pick]  # field → existing columns
    aliases: dict[str, str]  # simplified column name → column
    unused: tuple[str, ...]
    latest: pd.Timestamp

    @property
    def given(self) -> frozenset[str]:
        """Fields that this file speaks of, filled or not."""
        spoken = {*self.picks, *self.mapping.constants, *self.mapping.rules}
        if self.mapping.road_users:
            spoken.add("road_users")
        if {"lon", "lat"} & spoken:
            spoken |= {"lon", "lat", "place_note"}
        if "occurred_at" in spoken:
            spoken.add("has_time")
        return frozenset(spoken)


@dataclass(slots=True)
class Standardised:
    """Typed records, why other rows were refused, and what was noted on the way."""

    frame: pd.DataFrame  # accepted rows: `source`, key, fields
    reasons: pd.Series[str]  # refused rows: index of the batch → reason
    notes: Counter[str] = field(default_factory=Counter)


def _simplify(name: str) -> str:
    return " ".join(name.split()).casefold()


def build_plan(
    kind: Kind, mapping: Mapping, columns: tuple[str, ...], *, table: str, today: pd.Timestamp
) -> Plan:
    """Find for every field the column of this file that gives it.

    Parameters
    ----------
    kind, mapping
        What is wanted, and how the source writes it. Without `columns` in the mapping,
        columns are found by the fields' own names and their common other names.
    columns
        Columns of the file.
    table
        Name of the file, for messages.
    today
        A crash more than one day later is in the future.

    Raises
    ------
    TableError
        If a column that the mapping names or the kind needs is not there; the message
        lists the columns found.
    """
    names = {_simplify(name): name for name in reversed(columns)}
    picks = _find_by_mapping(mapping, names, columns, table)
    if not mapping.columns and not mapping.variants:
        picks |= _find_by_name(kind, mapping, names)
    given = {*picks, *mapping.constants, *mapping.rules}
    missing = [one.name for one in kind.fields if one.is_required and one.name not in given]
    if not kind.can_make_key and kind.key not in given and not mapping.id_columns:
        missing.insert(0, kind.key)
    if kind.name == "crash":
        missing += [name for name in ("lon", "lat") if name not in given]
    if missing:
        raise TableError.missing_columns(table, missing, columns)
    used = {column for pick in picks.values() for column in pick.columns}
    used |= {names.get(_simplify(column), column) for column in _condition_columns(mapping)}
    unused = tuple(column for column in columns if column not in used)
    latest = today.normalize() + pd.Timedelta(days=2) - pd.Timedelta(microseconds=1)
    return Plan(kind, mapping, picks, names, unused, latest)


def _condition_columns(mapping: Mapping) -> list[str]:
    conditions = [rule.when for rules in mapping.rules.values() for rule in rules if rule.when]
    conditions += [*mapping.road_users.values(), *(rule.when for rule in mapping.skip)]
    return [column for condition in conditions for column in condition.columns] + list(
        mapping.id_columns
    )


def _find_by_mapping(
    mapping: Mapping, names: dict[str, str], columns: tuple[str, ...], table: str
) -> dict[str, Pick]:
    wanted = dict(mapping.columns)
    for variant in mapping.variants:
        if all(_simplify(column) in names for column in variant.has_columns):
            wanted |= variant.columns
            break
    picks: dict[str, Pick] = {}
    missing: list[str] = []
    for name, pick in wanted.items():
        there = tuple(names[_simplify(c)] for c in pick.columns if _simplify(c) in names)
        enough = bool(there) if pick.first else len(there) == len(pick.columns)
        if enough:
            way = "first" if pick.first else "sum" if pick.sum else "join"
            picks[name] = pick.model_copy(update={way: there})
        elif name not in mapping.optional:
            missing += [c for c in pick.columns if _simplify(c) not in names]
    missing += [c for c in _condition_columns(mapping) if _simplify(c) not in names]
    if missing:
        raise TableError.missing_columns(table, list(dict.fromkeys(missing)), columns)
    return picks


def _find_by_name(kind: Kind, mapping: Mapping, names: dict[str, str]) -> dict[str, Pick]:
    """Find columns by the fields' names first, then by their other names."""
    picks: dict[str, Pick] = {}
    key = Field(kind.key, aliases=kind.key_aliases)
    fields = [key, *(one for one in kind.fields if one.name not in {"has_time", "place_note"})]
    taken: set[str] = set()
    for use_aliases in (False, True):
        for one in fields:
            if one.name in picks or one.name in mapping.constants:
                continue
            for candidate in one.aliases if use_aliases else (one.name,):
                column = names.get(candidate) or names.get(candidate.replace("_", " "))
                if column is not None and column not in taken:
                    picks[one.name] = Pick(first=(column,))
                    taken.add(column)
                    break
    for extra in ("source", "time"):
        if kind.name == "crash" and extra in names and extra not in picks:
            picks[extra] = Pick(first=(names[extra],))
    return picks


def standardise_batch(raw: pd.DataFrame, plan: Plan) -> Standardised:
    """Turn text rows into typed records.

    Parameters
    ----------
    raw
        Text cells under the file's own columns, index 0..n-1.
    plan
        Made by `build_plan` from the same columns.

    Returns
    -------
    standardised
        Accepted rows with the batch's index, refused rows with the reason, and notes.
    """
    result = Standardised(pd.DataFrame(index=raw.index), pd.Series(dtype="str"))
    reasons = pd.Series(pd.NA, index=raw.index, dtype="str")
    for rule in plan.mapping.skip:
        reasons = reasons.mask(reasons.isna() & _holds(raw, rule.when, plan), rule.reason)
    columns: dict[str, pd.Series[object]] = {}
    columns["source"] = _pick_source(raw, plan)
    columns[plan.kind.key], problem = _read_key(raw, plan)
    reasons = reasons.fillna(problem)
    for one in plan.kind.fields:
        if one.name in {"lon", "lat", "place_note", "has_time"}:
            continue
        parsed, has_time = _read_field(raw, one, plan)
        reasons = _account(reasons, one, parsed, result.notes)
        columns[one.name] = parsed.values
        if one.name == "occurred_at":
            columns["has_time"] = has_time
    columns |= _read_place(raw, plan, result.notes, reasons)
    frame = pd.DataFrame({name: columns[name] for name in _column_order(plan.kind)})
    if plan.kind.name == "crash":
        frame = _complete_severity(frame, result.notes, reasons)
    result.frame = frame[reasons.isna()]
    result.reasons = reasons.dropna()
    return result


def _column_order(kind: Kind) -> list[str]:
    return list(dict.fromkeys(["source", kind.key, *kind.field_names]))


def _text_of(raw: pd.DataFrame, name: str, plan: Plan) -> pd.Series[str] | None:
    """Return a field's text, codes replaced by words; None when the file is silent."""
    mapping = plan.mapping
    pick = plan.picks.get(name)
    if pick is None:
        constant = mapping.constants.get(name)
        return None if constant is None else pd.Series(constant, index=raw.index, dtype="str")
    if pick.sum:
        return _sum_text([raw[column] for column in pick.sum], mapping.decimal)
    if pick.join:
        parts = [clean_text(raw[column]) for column in pick.join]
        rows = zip(*(part.fillna("").tolist() for part in parts), strict=True)
        joined = [pick.with_.join(cell for cell in row if cell) for row in rows]
        text = pd.Series(joined, index=raw.index, dtype="str")
    else:
        text = raw[pick.first[0]]
        for column in pick.first[1:]:
            text = text.where(is_filled(text), raw[column])
    if name in mapping.constants:
        text = text.where(is_filled(text), mapping.constants[name])
    return _replace_codes(text, mapping.values.get(name))


def _replace_codes(text: pd.Series[str], book: dict[str, str] | None) -> pd.Series[str]:
    if not book:
        return text
    simple = {_simplify(code): word for code, word in book.items()}
    found = {word: simple.get(_simplify(word), word) for word in text.dropna().unique().tolist()}
    return text.map(found).astype("str")


def _sum_text(parts: list[pd.Series[str]], decimal: str) -> pd.Series[str]:
    """Add columns; empty cells count nothing, all empty is empty, a wrong one is kept."""
    total = pd.Series(0.0, index=parts[0].index)
    wrong = pd.Series(pd.NA, index=parts[0].index, dtype="str")
    some = pd.Series(False, index=parts[0].index)
    for part in parts:
        values, problems = parse_number(part, decimal=decimal)
        numbers = values.astype("float64")
        wrong = wrong.fillna(part.where(problems.notna() | (numbers < 0)))
        some |= numbers.notna()
        total += numbers.fillna(0.0)
    text = pd.Series([f"{value:.10g}" for value in total.tolist()], index=total.index, dtype="str")
    if decimal == ",":
        text = text.str.replace(".", ",", regex=False)
    return text.where(some, "").where(wrong.isna(), wrong)


def _holds(raw: pd.DataFrame, condition: Condition, plan: Plan) -> pd.Series[bool]:
    """Tell in which rows a condition holds."""
    holds = pd.Series(False, index=raw.index)
    for name in condition.columns:
        text = raw[plan.aliases[_simplify(name)]]
        if condition.above is not None:
            numbers = parse_number(text, decimal=plan.mapping.decimal).values.astype("float64")
            holds |= numbers > condition.above
        elif condition.equals:
            wanted = {_simplify(word) for word in condition.equals}
            unique = {word: _simplify(word) in wanted for word in text.dropna().unique().tolist()}
            holds |= text.map(unique).fillna(False).astype(bool)
        else:
            holds |= is_filled(text) == bool(condition.filled)
    return holds


def _pick_source(raw: pd.DataFrame, plan: Plan) -> pd.Series[object]:
    text = _text_of(raw, "source", plan)
    fallback = plan.mapping.source or "reported"
    if text is None:
        return pd.Series(fallback, index=raw.index, dtype="str")
    return clean_text(text).fillna(fallback) if plan.kind.key_is_per_source else clean_text(text)


def _read_key(raw: pd.DataFrame, plan: Plan) -> tuple[pd.Series[object], pd.Series[str]]:
    """Return the source's own identifiers, made from the content where there is none."""
    problem = pd.Series(pd.NA, index=raw.index, dtype="str")
    text = _text_of(raw, plan.kind.key, plan)
    key = pd.Series(pd.NA, index=raw.index, dtype="str") if text is None else clean_text(text)
    absent = key.isna()
    if absent.any() and (plan.kind.can_make_key or plan.mapping.id_columns):
        made = pd.Series(_make_keys(raw[absent], plan), index=raw.index[absent], dtype="str")
        key = key.fillna(made)
    return key, problem.mask(key.isna(), f"{plan.kind.key} missing")


def _make_keys(raw: pd.DataFrame, plan: Plan) -> list[str]:
    """Return a digest of each row's named cells; empty columns make no difference."""
    columns = sorted(plan.aliases[_simplify(c)] for c in plan.mapping.id_columns) or sorted(raw)
    cells = [(f"{column}=", clean_text(raw[column]).fillna("").tolist()) for column in columns]
    keys = []
    for row in zip(*(values for _, values in cells), strict=True):
        text = KEY_SEPARATOR.join(
            head + cell for (head, _), cell in zip(cells, row, strict=True) if cell
        )
        keys.append("content-" + blake2b(text.encode(), digest_size=12).hexdigest())
    return keys


def _read_field(raw: pd.DataFrame, one: Field, plan: Plan) -> tuple[Parsed, pd.Series[bool]]:
    """Read one field; the second value tells which moments have a time."""
    no_time = pd.Series(False, index=raw.index)
    if one.name in plan.mapping.rules:
        return _apply_rules(raw, one, plan), no_time
    if one.name == "road_users" and plan.mapping.road_users:
        return _read_road_users(raw, plan), no_time
    text = _text_of(raw, one.name, plan)
    if text is None:
        text = pd.Series("", index=raw.index, dtype="str")
    if one.type is FieldType.MOMENT:
        time = _text_of(raw, "time", plan)
        if time is not None:
            text = (text.fillna("").str.strip() + " " + clean_text(time).fillna("")).str.strip()
        return parse_moment(
            text,
            formats=plan.mapping.date_formats,
            latest=plan.latest,
            midnight_is_missing=plan.mapping.midnight_is_missing,
        )
    return _read_simple(text, one, plan), no_time


def _read_simple(text: pd.Series[str], one: Field, plan: Plan) -> Parsed:
    decimal = plan.mapping.decimal
    match one.type:
        case FieldType.COUNT:
            return parse_count(text, decimal=decimal)
        case FieldType.NUMBER | FieldType.DEGREES:
            return parse_number(text, decimal=decimal)
        case FieldType.DATE:
            formats = plan.mapping.date_formats
            far = pd.Timestamp(2200, 1, 1)
            parsed, _ = parse_moment(text, formats=formats, latest=far)
            days = pd.to_datetime(parsed.values).dt.normalize()
            return Parsed(days, parsed.problems)
        case FieldType.TRUTH:
            return parse_truth(text)
        case FieldType.WORDS:
            return parse_words(text, codebook=one.codebook, fallback=RoadUser.OTHER)
        case FieldType.WORD:
            parsed = parse_word(text, codebook=one.codebook)
            if one.fallback is None:
                return parsed
            return Parsed(parsed.values.fillna(one.fallback), parsed.problems)
        case _:
            values = clean_text(text)
            return Parsed(values, pd.Series(pd.NA, index=text.index, dtype="str"))


def _apply_rules(raw: pd.DataFrame, one: Field, plan: Plan) -> Parsed:
    values = pd.Series(pd.NA, index=raw.index, dtype="str")
    for rule in plan.mapping.rules[one.name]:
        open_rows = values.isna()
        holds = open_rows if rule.when is None else open_rows & _holds(raw, rule.when, plan)
        values = values.mask(holds, rule.word)
    if one.fallback is not None:
        values = values.fillna(one.fallback)
    return Parsed(values, pd.Series(pd.NA, index=raw.index, dtype="str"))


def _read_road_users(raw: pd.DataFrame, plan: Plan) -> Parsed:
    words = sorted(plan.mapping.road_users)
    flags = [_holds(raw, plan.mapping.road_users[word], plan).to_numpy() for word in words]
    code = sum(flag.astype(np.int64) << bit for bit, flag in enumerate(flags))
    combos = {
        int(one): ";".join(word for bit, word in enumerate(words) if one >> bit & 1)
        for one in np.unique(code)
    }
    values = pd.Series(code, index=raw.index).map(combos).astype("str")
    return Parsed(values, pd.Series(pd.NA, index=raw.index, dtype="str"))


def _account(
    reasons: pd.Series[str], one: Field, parsed: Parsed, notes: Counter[str]
) -> pd.Series[str]:
    """Add the reasons for refusing rows, and note what was merely amiss."""
    problems = parsed.problems
    label = "date" if one.name == "occurred_at" else one.name
    if one.is_required:
        missing = parsed.values.isna() & problems.isna()
        reasons = reasons.mask(reasons.isna() & missing, f"{label} missing")
    if not problems.notna().any():
        return reasons
    said = f"{label} " + problems
    if one.type in {FieldType.WORD, FieldType.WORDS, FieldType.TRUTH} and (
        one.if_unknown is IfUnknown.KEEP
    ):
        instead = "other" if one.type is FieldType.WORDS else one.fallback or "not known"
        kept = said[reasons.isna() & problems.notna()] + f"; kept as {instead}"
        notes.update(kept.tolist())
        return reasons
    return reasons.fillna(said)


def _read_place(
    raw: pd.DataFrame, plan: Plan, notes: Counter[str], reasons: pd.Series[str]
) -> dict[str, pd.Series[object]]:
    """Return `lon`, `lat` [degrees, WGS84] and what is to be said about them."""
    if "lon" not in plan.kind.field_names:
        return {}
    texts = []
    for name in ("lon", "lat"):
        text = _text_of(raw, name, plan)
        texts.append(pd.Series("", index=raw.index, dtype="str") if text is None else text)
    place = read_places(*texts, decimal=plan.mapping.decimal, crs=plan.mapping.crs)
    accepted = place["place_note"][reasons.isna()].dropna()
    notes.update(
        (accepted.str.replace(r"(?s):.*", "", regex=True) + "; kept without a place").tolist()
    )
    return {name: place[name] for name in ("lon", "lat", "place_note")}


def _complete_severity(
    frame: pd.DataFrame, notes: Counter[str], reasons: pd.Series[str]
) -> pd.DataFrame:
    """Take a missing severity from the counts of hurt people; note contradictions."""
    accepted = reasons.isna()
    severity = frame["severity"]
    worst = pd.Series(pd.NA, index=frame.index, dtype="str")
    for column, word in (
        ("n_slight", Severity.SLIGHT),
        ("n_serious", Severity.SERIOUS),
        ("n_killed", Severity.FATAL),
    ):
        worst = worst.mask((frame[column] > 0).fillna(False).astype(bool), word.value)
    taken = severity.isna() & worst.notna()
    contradicted = (worst == Severity.FATAL) & severity.notna() & (severity != Severity.FATAL)
    for rows, text in (
        (taken, "severity missing, taken from the numbers of hurt people"),
        (contradicted, "people killed, but severity is not fatal; kept as reported"),
        (severity.isna() & ~taken, "severity missing; kept as not known"),
    ):
        if count := int((rows & accepted).sum()):
            notes[text] += count
    return frame.assign(severity=severity.where(~taken, worst))
