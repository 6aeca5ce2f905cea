"""Where a result came from: checksums, versions, the steps of a run."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = [
    "StepRecord",
    "compute_file_sha256",
    "compute_sha256_of_values",
    "find_versions",
    "utc_now_text",
]

VERSIONED_PACKAGES = (
    "safecommute",
    "geopandas",
    "numpy",
    "osmium",
    "pandas",
    "pyogrio",
    "pyproj",
    "scipy",
    "shapely",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What one step of a run did; kept in `run.json`."""

    name: str
    seconds: float
    rows_in: int
    rows_out: int
    rows_dropped: int = 0
    reason: str = ""
    cached: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return asdict(self)


def compute_file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def compute_sha256_of_values(values: Iterable[Any]) -> str:
    """Return one SHA-256 for a series of JSON-like values; their order counts."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(json.dumps(value, sort_keys=True, default=str).encode())
        digest.update(b"\x00")
    return digest.hexdigest()


def find_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in VERSIONED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def utc_now_text() -> str:
    """Return the present time in UTC, to the second, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
