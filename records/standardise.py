"""Turn a batch of text rows into typed records of one kind, row by row accounted for.

A row is refused only when it cannot be a record at all: no date or one that cannot be
understood, a severity that is no word of the code book, a negative count, a missing key.
What merely lacks something (a place, a time) is kept, and what was amiss is noted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.vocabulary import RoadUser, Severity
from records.cells import holds_in, make_keys, text_of
from records.fields import Field, FieldType, IfUnknown, Kind
from records.locating import locate_rows
from records.moments import Moments, parse_moment
from records.plan import Plan
from records.shares import find_bad_shares
from records.tables import dtype_of
from records.values import (
    Column,
    Parsed,
    clean_text,
    no_problem,
    parse_count,
    parse_line,
    parse_number,
    parse_truth,
    parse_word,
    parse_words,
)

__all__ = ["Standardised", "standardise_batch"]

NOT_READ_ALONE = frozenset({"lon", "lat", "place_note", "road_km", "has_time"})
FAR = pd.Timestamp(2200, 1, 1)
CONVERTED = "time given with another offset than local; converted"


@dataclass(slots=True)
class Standardised:
    """Typed records, why other rows were refused, and what was noted on the way."""

    frame: pd.DataFrame  # accepted rows: `source`, key, fields
    reasons: Column  # refused rows: index of the batch → reason
    notes: Counter[str] = field(default_factory=Counter)


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
    notes: Counter[str] = Counter()
    reasons = no_problem(raw)
    for rule in plan.mapping.skip:
        reasons = reasons.mask(reasons.isna() & holds_in(raw, rule.when, plan), rule.reason)
    columns = {"source": _pick_source(raw, plan)}
    columns[plan.kind.key], problems = _read_key(raw, plan)
    reasons = reasons.fillna(problems)
    for one in plan.kind.fields:
        if one.name in NOT_READ_ALONE or one.name == "source":
            continue
        if one.name not in plan.given:
            columns[one.name] = _leave_out(raw, one)
            if one.type is FieldType.MOMENT:
                columns["has_time"] = pd.Series(pd.NA, index=raw.index, dtype="boolean")
        elif one.type is FieldType.MOMENT:
            moments = _read_moment(raw, one, plan)
            columns[one.name], columns["has_time"] = moments.values, moments.has_time
            reasons = _account(reasons, one, Parsed(moments.values, moments.problems), notes)
            if n_converted := int((moments.is_converted & reasons.isna()).sum()):
                notes[CONVERTED] += n_converted
        else:
            parsed = _read_field(raw, one, plan)
            reasons = _account(reasons, one, parsed, notes)
            columns[one.name] = parsed.values
    columns |= _locate(raw, plan, columns, notes, reasons)
    frame = pd.DataFrame({name: columns[name] for name in _column_order(plan.kind)})
    if plan.kind.name == "crash":
        frame = _complete_severity(frame, notes, reasons)
    if plan.kind.name == "origin":
        reasons = reasons.fillna(find_bad_shares(frame))
    return Standardised(frame[reasons.isna()], reasons.dropna(), notes)


def _column_order(kind: Kind) -> list[str]:
    return list(dict.fromkeys(["source", kind.key, *kind.field_names]))


def _pick_source(raw: pd.DataFrame, plan: Plan) -> Column:
    """Return who reports; of kinds whose key is one for all sources, what the file says."""
    text = text_of(raw, "source", plan)
    said = pd.Series(pd.NA, index=raw.index, dtype="str") if text is None else clean_text(text)
    if "source" in plan.kind.field_names:
        return said
    return said.fillna(plan.mapping.source or plan.fallback_source)


def _read_key(raw: pd.DataFrame, plan: Plan) -> tuple[Column, Column]:
    """Return the source's own identifiers, made from the content where there is none."""
    text = text_of(raw, plan.kind.key, plan)
    key = no_problem(raw) if text is None else clean_text(text)
    absent = key.isna()
    if absent.any() and (plan.kind.can_make_key or plan.mapping.id_columns):
        made = pd.Series(make_keys(raw[absent], plan), index=raw.index[absent], dtype="str")
        key = key.fillna(made)
    return key, no_problem(raw).mask(key.isna(), f"{plan.kind.key} missing")


def _leave_out(raw: pd.DataFrame, one: Field) -> Column:
    """Return the column of a field that the file does not speak of."""
    if one.fallback is not None:
        return pd.Series(one.fallback, index=raw.index, dtype="str")
    if one.type is FieldType.WORDS:
        return pd.Series("", index=raw.index, dtype="str")
    empty: Column = pd.Series(None, index=raw.index, dtype="object")
    return empty.astype(dtype_of(one))


def _read_moment(raw: pd.DataFrame, one: Field, plan: Plan) -> Moments:
    """Read a moment from one column, or from one with the date and one with the time."""
    date = text_of(raw, one.name, plan)
    text = pd.Series("", index=raw.index, dtype="str") if date is None else date.fillna("")
    time = text_of(raw, "time", plan)
    if time is not None:
        text = (text.str.strip() + " " + clean_text(time).fillna("")).str.strip()
    return parse_moment(
        text,
        formats=plan.mapping.date_formats,
        latest=plan.latest,
        midnight_is_missing=plan.mapping.midnight_is_missing,
        zone=plan.mapping.time_zone,
    )


def _read_field(raw: pd.DataFrame, one: Field, plan: Plan) -> Parsed:
    if one.name in plan.mapping.rules:
        return _apply_rules(raw, one, plan)
    if one.name == "road_users" and plan.mapping.road_users:
        return _read_road_users(raw, plan)
    text = text_of(raw, one.name, plan)
    if text is None:
        return Parsed(_leave_out(raw, one), no_problem(raw))
    return _read_simple(text, one, plan)


def _read_simple(text: Column, one: Field, plan: Plan) -> Parsed:
    decimal = plan.mapping.decimal
    match one.type:
        case FieldType.COUNT:
            return parse_count(text, decimal=decimal)
        case FieldType.NUMBER | FieldType.DEGREES:
            return parse_number(text, decimal=decimal)
        case FieldType.DATE:
            moments = parse_moment(
                text,
                formats=plan.mapping.date_formats,
                latest=FAR,
                midnight_is_missing=True,
                zone=plan.mapping.time_zone,
            )
            return Parsed(moments.values.dt.normalize(), moments.problems)
        case FieldType.TRUTH:
            return parse_truth(text)
        case FieldType.LINE:
            return parse_line(text)
        case FieldType.WORDS:
            return parse_words(text, codebook=one.codebook, fallback=RoadUser.OTHER)
        case FieldType.WORD:
            parsed = parse_word(text, codebook=one.codebook)
            if one.fallback is None:
                return parsed
            return Parsed(parsed.values.fillna(one.fallback), parsed.problems)
        case _:
            return Parsed(clean_text(text), no_problem(text))


def _apply_rules(raw: pd.DataFrame, one: Field, plan: Plan) -> Parsed:
    values = no_problem(raw)
    for rule in plan.mapping.rules[one.name]:
        open_rows = values.isna()
        holds = open_rows if rule.when is None else open_rows & holds_in(raw, rule.when, plan)
        values = values.mask(holds, rule.word)
    if one.fallback is not None:
        values = values.fillna(one.fallback)
    return Parsed(values, no_problem(raw))


def _read_road_users(raw: pd.DataFrame, plan: Plan) -> Parsed:
    """Put together the road users whose conditions hold."""
    words = sorted(plan.mapping.road_users)
    code = np.zeros(len(raw), dtype=np.int64)
    for bit, word in enumerate(words):
        code |= holds_in(raw, plan.mapping.road_users[word], plan).to_numpy(bool) << bit
    combos = {
        one: ";".join(word for bit, word in enumerate(words) if one >> bit & 1)
        for one in np.unique(code).tolist()
    }
    values = pd.Series(code, index=raw.index).map(combos).astype("str")
    return Parsed(values, no_problem(raw))


def _account(reasons: Column, one: Field, parsed: Parsed, notes: Counter[str]) -> Column:
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


def _locate(
    raw: pd.DataFrame,
    plan: Plan,
    columns: dict[str, Column],
    notes: Counter[str],
    reasons: Column,
) -> dict[str, Column]:
    """Return the columns of the place; note what is to be said about them."""
    located, said = locate_rows(raw, plan, columns)
    for remarks in said:
        notes.update(remarks[reasons.isna()].dropna().tolist())
    return located


def _complete_severity(frame: pd.DataFrame, notes: Counter[str], reasons: Column) -> pd.DataFrame:
    """Take a missing severity from the counts of hurt people; note contradictions."""
    accepted = reasons.isna()
    severity = frame["severity"]
    worst = no_problem(frame)
    for column, word in (
        ("n_slight", Severity.SLIGHT),
        ("n_serious", Severity.SERIOUS),
        ("n_killed", Severity.FATAL),
    ):
        worst = worst.mask((frame[column] > 0).fillna(False).astype(bool), word.value)
    taken = severity.isna() & worst.notna()
    contradicted = (worst == Severity.FATAL) & severity.notna() & (severity != Severity.FATAL)
    is_hurt = worst.isin((Severity.SLIGHT, Severity.SERIOUS))
    denied = is_hurt & (severity == Severity.DAMAGE_ONLY)
    for rows, text in (
        (denied, "people hurt, but severity is damage only; kept as reported"),
        (taken, "severity missing, taken from the numbers of hurt people"),
        (contradicted, "people killed, but severity is not fatal; kept as reported"),
        (severity.isna() & ~taken, "severity missing; kept as not known"),
    ):
        if count := int((rows & accepted).sum()):
            notes[text] += count
    return frame.assign(severity=severity.where(~taken, worst))
