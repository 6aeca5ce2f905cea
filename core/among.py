"""Which texts of a column are among others, for columns of any length."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

__all__ = ["is_among"]


def is_among(texts: pd.Series[str], wanted: Iterable[str]) -> pd.Series[bool]:
    """Return whether each text is one of those wanted, False for a missing one.

    `Series.isin` of a column of texts turns every text that is wanted into a number of its own
    first: a second and a half for 70,000, whatever the column's length; this looks them up.
    """
    return texts.astype(object).isin(set(pd.Series(wanted, dtype=object).dropna()))
