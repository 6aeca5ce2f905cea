"""Identifiers and digests of records, from what they say."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

__all__ = ["compute_content_hash", "compute_record_id"]

SEPARATOR = "\x1f"


def compute_record_id(kind: str, area: str, source: str, key: str) -> str:
    """Return the stable identifier of a record: the same row always gets the same one."""
    text = SEPARATOR.join((kind, area, source, key))
    return "r" + blake2b(text.encode(), digest_size=12).hexdigest()


def compute_content_hash(values: Iterable[Any]) -> str:
    """Return a digest of source and fields, in the order of the table; missing is empty.

    The second value, the identifier, is left out.
    """
    texts = ["" if value is None else str(value) for value in values]
    del texts[1]
    text = SEPARATOR.join(texts)
    return blake2b(text.encode(), digest_size=16).hexdigest()
