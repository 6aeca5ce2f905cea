"""Cells to values: numbers, dates, words."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.vocabulary import AgeBand, Light, RoadUser, Severity, Sex, YesNoUnknown
from records.codebooks import CODEBOOKS, UNINJURED, find_word, list_words, simplify_word
from records.values import (
    clean_text,
    parse_count,
    parse_number,
    parse_truth,
    parse_word,
    parse_words,
)


def text(*cells):
    return pd.Series(list(cells), dtype="str", index=range(10, 10 + len(cells)))


def as_lists(parsed):
    values, problems = parsed
    assert values.index.equals(problems.index)
    plain = [None if pd.isna(one) else one for one in values.tolist()]
    return plain, [None if pd.isna(one) else one for one in problems.tolist()]


def test_numbers():
    values, problems = as_lists(parse_number(text("1.5", " -2 ", "", "n/a", "x", "inf", "1,5")))
    assert values == [1.5, -2.0, None, None, None, None, None]
    assert problems == [None] * 4 + ["is not a number"] * 3


def test_decimal_comma_only_when_said():
    values, problems = as_lists(parse_number(text("11,5561", "104.9", "x"), decimal=","))
    assert values == [11.5561, 104.9, None]
    assert problems == [None, None, "is not a number"]


def test_counts():
    values, problems = as_lists(parse_count(text("3", "2.0", "-1", "1.5", "", "many", "9e99")))
    assert values == [3, 2, None, None, None, None, None]
    assert problems == [
        None,
        None,
        "is negative",
        "is not a whole number",
        None,
        "is not a number",
        "is too large to be a count",
    ]


def test_words_are_found_whatever_their_writing():
    cells = text("Fatal", " KILLED ", "minor", "Property-damage only", "", "Unknown", "bad", "A")
    values, problems = as_lists(parse_word(cells, codebook="severity"))
    assert values == ["fatal", "fatal", "slight", "damage_only", None, None, None, "serious"]
    assert problems == [None] * 6 + ["word not known: bad", None]


def test_a_long_unknown_word_is_cut_in_the_message():
    _, problems = as_lists(parse_word(text("x" * 500), codebook="severity"))
    assert problems == ["word not known: " + "x" * 40 + "…"]


def test_none_is_a_word_where_the_code_book_says_so():
    values, problems = as_lists(parse_word(text("none", "none"), codebook="injury"))
    assert values == [UNINJURED, UNINJURED]
    assert problems == [None, None]


def test_ages_in_years_become_bands():
    ages = text("0", "14", "15", "24", "27", "60", "120", "121", "25-34", "25–34", "young")  # noqa: RUF001
    values, problems = as_lists(parse_word(ages, codebook="age_band"))
    assert values == [
        "0-14",
        "0-14",
        "15-24",
        "15-24",
        "25-34",
        "60+",
        "60+",
        None,
        "25-34",
        "25-34",
        None,
    ]
    assert problems[7] is not None
    assert problems[10] is not None


def test_lists_of_words_are_sorted_and_unknown_ones_kept_as_other():
    cells = text("motorcycle; car", "bus,bus", "", "car;hovercraft", "unknown")
    values, problems = as_lists(parse_words(cells, codebook="road_user", fallback="other"))
    assert values == ["car;motorcycle_driver", "bus", "", "car;other", ""]
    assert problems == [None, None, None, "word not known: hovercraft", None]


def test_truth_is_not_known_unless_said():
    values, problems = as_lists(parse_truth(text("yes", "0", "", "unknown", "perhaps")))
    assert values == [True, False, None, None, None]
    assert problems == [None, None, None, None, "word not known: perhaps"]


def test_missing_text_is_never_the_word_none():
    assert clean_text(text("None", "NaN", " null ", "", "Nonette")).isna().tolist() == [
        True,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("codebook", "words"),
    [
        ("severity", Severity),
        ("sex", Sex),
        ("light", Light),
        ("age_band", AgeBand),
        ("yes_no_unknown", YesNoUnknown),
        ("road_user", RoadUser),
    ],
)
def test_code_books_lead_to_the_whole_vocabulary(codebook, words):
    assert list_words(codebook) == [word.value for word in words]
    assert all(find_word(codebook, word.value.upper()) == word for word in words)


def test_code_book_keys_are_simple():
    for book in CODEBOOKS.values():
        assert all(word == simplify_word(word) for word in book)


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=20))
def test_any_text_is_a_value_or_a_problem_or_missing(cells):
    column = pd.Series(cells, dtype="str")
    for parsed in (
        parse_number(column),
        parse_count(column),
        parse_word(column, codebook="severity"),
        parse_truth(column),
    ):
        assert len(parsed.values) == len(cells)
        assert not (parsed.values.notna() & parsed.problems.notna()).any()
