"""Words: numbers as people read them, small counts hidden, formulas made harmless."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.vocabulary import RoadUser, Severity
from ui.hotspot_words import describe_certainty
from ui.layout import escape_markdown
from ui.words import (
    ROAD_USER_WORDS,
    SEVERITY_WORDS,
    describe_period,
    format_number,
    hide_small,
    protect_cells,
)


def test_every_word_of_the_vocabulary_has_plain_words():
    assert set(ROAD_USER_WORDS) == {word.value for word in RoadUser}
    assert set(SEVERITY_WORDS) == {*(word.value for word in Severity), "unknown"}


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1234567, 0, "1,234,567"),
        (0.2235, 3, "0.224"),
        (np.int64(5), 0, "5"),
        (None, 0, "not known"),
        (float("nan"), 1, "not known"),
        ("many", 0, "not known"),
    ],
)
def test_numbers(value, digits, text):
    assert format_number(value, digits) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (1, "fewer than 5"), (4, "fewer than 5"), (5, "5"), (pd.NA, "not known")],
)
def test_counts_that_could_point_at_a_person_are_hidden(count, text):
    assert hide_small(count) == text


def test_period():
    assert describe_period({"start": "2021-01-01", "end": "2025-12-31"}) == (
        "1 January 2021 to 31 December 2025"
    )
    assert describe_period(None) == "period not known"
    assert describe_period({"start": None, "end": "x"}) == "period not known"


def test_certainty_says_observed_expected_interval_and_false_alarms():
    hotspot = {
        "n_crashes": 20,
        "expected_crashes": 2.5,
        "rate_ratio": 8.0,
        "ci_low": 4.9,
        "ci_high": 12.4,
        "q_value": 0.012,
        "length_m": 450.0,
    }
    words = describe_certainty(hotspot, "in 2021")
    for part in ("20 crashes", "450 m", "2.5 on average", "8.0 times", "4.9 to 12.4", "1.2 in 100"):
        assert part in words
    assert "cannot tell" in describe_certainty({**hotspot, "q_value": float("nan")}, "in 2021")


def test_cells_that_a_spreadsheet_would_run_are_quoted():
    table = pd.DataFrame({"text": ["=1+1", "@x", "-3", "plain"], "n": [-1, 2, 3, 4]})
    safe = protect_cells(table)
    assert safe["text"].tolist() == ["'=1+1", "'@x", "'-3", "plain"]
    assert safe["n"].tolist() == [-1, 2, 3, 4]
    assert table["text"][0] == "=1+1"


def test_markdown_of_records_is_shown_not_run():
    assert escape_markdown("[a](javascript:x) <b> $x$") == (r"\[a\]\(javascript\:x\) \<b\> \$x\$")
