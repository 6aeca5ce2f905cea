"""The widgets of a record's fields: each hands on the text that a file would hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time

import pandas as pd
import streamlit as st

from pipeline.entry import FieldInfo
from ui.words import ROAD_USER_WORDS, SEVERITY_WORDS, name_field

__all__ = ["ask_field", "name_word"]

LONG_TEXTS = frozenset({"narrative", "notes", "definition", "citation"})
FIRST_DAY = date(1990, 1, 1)


def ask_field(
    field: FieldInfo, key: str, *, value: str = "", choices: Mapping[str, Sequence[str]]
) -> str:
    """Show the widget of a field; return what was answered, empty when nothing was.

    Parameters
    ----------
    field
        Which field.
    key
        Prefix of the widget's key.
    value
        What is known so far, as text.
    choices
        Kind → identifiers that a field which refers to it may hold.
    """
    label = name_field(field.name) + (" \\*" if field.is_required else "")
    key = f"{key}-{field.name}"
    known = list(choices.get(field.refers_to, ()))
    if field.is_list and known:
        given = [one for one in value.split(";") if one in known]
        return ";".join(st.multiselect(label, known, default=given, key=key))
    if known:
        return _choose(label, known, value, key)
    match field.type:
        case "word":
            return _choose(label, field.words, value, key)
        case "truth":
            return _choose(label, ("yes", "no"), value, key)
        case "words":
            given = [one for one in value.split(";") if one in field.words]
            some = st.multiselect(label, field.words, given, format_func=name_word, key=key)
            return ";".join(some)
        case "moment":
            return _ask_moment(label, value, key)
        case "date":
            day = st.date_input(label, _read_day(value), min_value=FIRST_DAY, key=key)
            return day.isoformat() if day else ""
        case "count":
            start = int(float(value)) if value else None
            number = st.number_input(label, min_value=0, step=1, value=start, key=key)
            return "" if number is None else str(int(number))
        case _ if field.name in LONG_TEXTS:
            return st.text_area(label, value, key=key, height=90)
        case _:
            return st.text_input(label, value, key=key)


def name_word(word: object) -> str:
    """Return what a word of the vocabulary is called on the pages."""
    word = str(word)
    known = {**SEVERITY_WORDS, **ROAD_USER_WORDS, "unknown": "Not known"}
    return known.get(word, word.replace("_", " ").capitalize())


def _choose(label: str, words: Sequence[str], value: str, key: str) -> str:
    index = list(words).index(value) if value in words else None
    chosen = st.selectbox(
        label, words, index=index, format_func=name_word, key=key, placeholder="Not known"
    )
    return chosen or ""


def _ask_moment(label: str, value: str, key: str) -> str:
    at = pd.to_datetime(value, errors="coerce") if value else pd.NaT
    known: time | None = at.time() if ":" in value and isinstance(at, pd.Timestamp) else None
    with st.container(horizontal=True):
        day = st.date_input(label, _read_day(value), min_value=FIRST_DAY, key=f"{key}-day")
        clock = st.time_input("Time, if known", known, step=300, key=f"{key}-time")
    if day is None:
        return ""
    return f"{day.isoformat()} {clock:%H:%M}" if clock else day.isoformat()


def _read_day(value: str) -> date | None:
    at = pd.to_datetime(value, errors="coerce") if value else pd.NaT
    return at.date() if isinstance(at, pd.Timestamp) else None
