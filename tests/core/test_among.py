"""Texts among others."""

from __future__ import annotations

import pandas as pd

from core.among import is_among


def test_texts_are_found_and_missing_ones_are_not():
    texts = pd.Series(["a", None, "ខ្មែរ", "b"], index=[4, 5, 6, 9], dtype="string")
    found = is_among(texts, pd.Series(["b", "ខ្មែរ", None], dtype="string"))
    assert found.tolist() == [False, False, True, True]
    assert found.index.tolist() == [4, 5, 6, 9]
    assert not is_among(texts, []).any()


def test_it_is_what_pandas_finds_for_any_kind_of_text_column():
    for dtype in ("string", "str", object):
        texts = pd.Series(["x1", "x2", "x3"] * 3, dtype=dtype)
        wanted = pd.Series(["x3", "x9"], dtype=dtype)
        assert is_among(texts, wanted).tolist() == texts.isin(wanted).tolist()
