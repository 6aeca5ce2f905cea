"""Digests of records."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from records.content import compute_content_hash, compute_content_hashes, compute_record_id

KNOWN_DIGEST = "e3aaea3ff6e3e858f21198e4a3ec999c"
KNOWN_ID = "ra5db70beb2332d9e7f67edde"
words = st.text(min_size=1, max_size=5)
rows = st.lists(
    st.tuples(
        st.none() | words,
        st.none() | st.integers(0, 10**9),
        st.none() | st.floats(-180, 180).map(lambda value: round(value, 7)),
        st.none() | st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
        st.booleans(),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(rows)
def test_one_row_and_many_rows_give_the_same_digest(found):
    text, count, number, moment, truth = zip(*found, strict=True) if found else ((),) * 5
    frame = pd.DataFrame(
        {
            "text": pd.Series(text, dtype="str"),
            "count": pd.Series(count, dtype="Int64"),
            "number": pd.Series(number, dtype="float64"),
            "moment": pd.Series(moment, dtype="datetime64[us]"),
            "truth": pd.Series(truth, dtype="bool"),
        }
    )
    single = [compute_content_hash(dict(zip(frame.columns, row, strict=True))) for row in found]
    assert compute_content_hashes(frame) == single


def test_known_digest():
    """The digest is kept in databases, so it may never change."""
    said = {"severity": "fatal", "n_killed": 1, "lon": 104.9, "has_time": True}
    moment = {"occurred_at": datetime(2024, 3, 5, 7, 45)}  # noqa: DTZ001
    assert compute_content_hash({**said, **moment}) == KNOWN_DIGEST
    assert compute_record_id("crash", "a", "police", "17") == KNOWN_ID


def test_order_and_missing_fields_make_no_difference_values_do():
    one = compute_content_hash({"a": "x", "b": 1})
    assert compute_content_hash({"b": 1, "a": "x", "c": None, "d": ""}) == one
    assert compute_content_hash({"a": 1, "b": "x"}) != one
    assert compute_content_hash({"a": "x"}) != one
    assert compute_content_hash({}) == "0" * 32


def test_minus_zero_is_zero():
    for pair in ([0.0, -0.0], [-0.0, 0.0]):
        found = compute_content_hashes(pd.DataFrame({"lon": np.array(pair)}))
        assert found == [compute_content_hash({"lon": 0.0})] * 2
