"""Identifiers and digests of records, from what they say.

A digest of many named values is the sum of the digests of the filled ones. So it depends
neither on the order of the columns nor on an empty one more or less: a field added to a
kind later leaves the digests of records without it as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["compute_content_hash", "compute_content_hashes", "compute_record_id", "sum_digests"]

SEPARATOR = "\x1f"
N_BYTES = 16
NO_DIGEST = bytes(N_BYTES)
WORD = (1 << 64) - 1


def compute_record_id(kind: str, area: str, source: str, key: str) -> str:
    """Return the stable identifier of a record: the same row always gets the same one."""
    text = SEPARATOR.join((kind, area, source, key))
    return "r" + blake2b(text.encode(), digest_size=12).hexdigest()


def _digest(start: bytes, text: str) -> bytes:
    return blake2b(start + text.encode(), digest_size=N_BYTES).digest()


def _start(name: str) -> bytes:
    """Return what stands before every text of a field."""
    return f"{name}{SEPARATOR}".encode()


def _as_text(value: Any) -> str:  # noqa: ANN401 - any plain value
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value + 0.0 if isinstance(value, float) else value)  # -0.0 is 0.0


def _as_texts(distinct: Any) -> list[str]:  # noqa: ANN401 - an array or an index
    """Return `_as_text` of all values of one column."""
    if distinct.dtype == "float64":
        return list(map(str, (np.asarray(distinct) + 0.0).tolist()))
    if distinct.dtype == "datetime64[us]":
        moments = np.asarray(distinct)
        is_whole = bool((moments == moments.astype("datetime64[s]")).all())
        if is_whole:  # written without a fraction, as isoformat does
            return list(map(str, np.datetime_as_string(moments, unit="s").tolist()))
    values = distinct.tolist()
    return values if distinct.dtype == "str" else list(map(_as_text, values))


def compute_content_hash(values: Mapping[str, Any]) -> str:
    """Return the digest of one record's fields; missing ones (None) do not count."""
    first = second = 0
    for name, value in values.items():
        if value is not None and value != "":
            digest = _digest(_start(name), _as_text(value))
            first += int.from_bytes(digest[:8], "little")
            second += int.from_bytes(digest[8:], "little")
    return f"{first & WORD:016x}{second & WORD:016x}"


def compute_content_hashes(frame: pd.DataFrame) -> list[str]:
    """Return `compute_content_hash` of every row of a typed frame."""
    columns = []
    for name in frame.columns:
        codes, distinct = pd.factorize(frame[name])
        columns.append((str(name), codes, _as_texts(distinct)))
    return sum_digests(columns, n_rows=len(frame))


def sum_digests(
    columns: Iterable[tuple[str, np.ndarray[Any, np.dtype[np.intp]], Sequence[str]]],
    *,
    n_rows: int,
) -> list[str]:
    """Return a digest for each row of a table given by its distinct texts.

    Parameters
    ----------
    columns
        Name, code of each row (-1: missing), and the text of each code; an empty text
        counts as missing.
    n_rows
        Number of rows.

    Returns
    -------
    digests
        32 hexadecimal digits per row.
    """
    total = np.zeros((n_rows, 2), dtype=np.uint64)
    for name, codes, texts in columns:
        start = _start(name)
        digests = [_digest(start, text) if text else NO_DIGEST for text in texts]
        numbers = np.frombuffer(b"".join([*digests, NO_DIGEST]), dtype="<u8").reshape(-1, 2)
        total += numbers[codes]  # -1 takes the last, which counts nothing
    written = total.astype(">u8").tobytes().hex()
    width = 2 * N_BYTES
    return [written[start : start + width] for start in range(0, len(written), width)]
