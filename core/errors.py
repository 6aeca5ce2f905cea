"""Every error and warning the software raises on purpose.

A message says what is wrong, where, how many rows, the first bad one, and what to do.
Each branch also inherits the builtin that fits, so both `except` styles work.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

__all__ = [
    "ChecksumError",
    "ConfigError",
    "ConvergenceError",
    "CrsError",
    "DataSourceError",
    "DisconnectedError",
    "DownloadError",
    "ExtrapolationWarning",
    "GeometryError",
    "InputError",
    "MissingDataError",
    "ModelError",
    "NetworkError",
    "NoRouteError",
    "NotEnoughDataError",
    "OutOfScopeError",
    "SafeCommuteError",
    "SafeCommuteWarning",
    "SnapRateWarning",
    "TableError",
    "VocabularyError",
]


class SafeCommuteError(Exception):
    """Base of every error that is reported to a person in one line."""


class InputError(SafeCommuteError, ValueError):
    """What was given cannot be used as it is."""


class TableError(InputError):
    """A table lacks columns or holds values that its contract forbids."""

    @classmethod
    def missing_columns(cls, table: str, missing: Sequence[str], found: Sequence[str]) -> Self:
        """Name the columns that are missing and those that are there."""
        return cls(
            f"{table}: {len(missing)} column(s) missing: {', '.join(missing)}; "
            f"found: {', '.join(map(str, found))[:300] or 'none'}; "
            "rename the columns, or describe them in a mapping where one is taken."
        )

    @classmethod
    def empty(cls, table: str) -> Self:
        """Say that there is no row at all."""
        return cls(f"{table}: holds no rows; check that the right file was given.")


class CrsError(InputError):
    """A layer is not in the coordinate system the function needs."""

    @classmethod
    def not_metric(cls, layer: str, found: str | None) -> Self:
        """Say which layer, what was found, what to do."""
        return cls(f"{layer}: CRS is {found}, need projected metres; use geo.crs.to_metric().")

    @classmethod
    def unknown(cls, layer: str) -> Self:
        """Say that the layer does not name its coordinate system."""
        return cls(f"{layer}: names no coordinate system; save it again with its CRS.")


class GeometryError(InputError):
    """Geometries are missing, invalid or of the wrong kind."""


class VocabularyError(InputError):
    """A value is not a word of the vocabulary."""

    @classmethod
    def unknown_word(cls, field: str, word: object, allowed: Sequence[str]) -> Self:
        """Name the field, the value and what it may be."""
        return cls(f"{field}: {word!r} is not known; use one of: {', '.join(allowed)}.")


class ConfigError(SafeCommuteError, ValueError):
    """The settings or the workspace cannot be used as they are."""


class DataSourceError(SafeCommuteError, OSError):
    """A file or service could not be read."""

    @classmethod
    def unreadable(cls, path: Path, reason: str) -> Self:
        """Name the file and say why it cannot be read."""
        return cls(f"{path}: cannot be read: {reason}; check the file and try again.")


class DownloadError(DataSourceError):
    """A fetch step failed; what was fetched so far is kept."""


class ChecksumError(DataSourceError):
    """A file is not the one that was expected."""


class MissingDataError(DataSourceError):
    """A file, record or run that is needed is not there."""

    @classmethod
    def no_such(cls, what: str, name: object, known: Sequence[str], hint: str) -> Self:
        """Name what was asked for, what there is, and what to do."""
        there = ", ".join(known) if known else "none"
        return cls(f"{what} {name!r}: not found (there is: {there}); {hint}")


class NetworkError(SafeCommuteError, RuntimeError):
    """The road network cannot serve the question."""


class DisconnectedError(NetworkError):
    """Two places are on parts of the network that do not touch."""


class NoRouteError(NetworkError):
    """No route leads from one place to another."""


class ModelError(SafeCommuteError, RuntimeError):
    """A statistic or model cannot be computed."""


class NotEnoughDataError(ModelError):
    """There are too few data to say anything."""


class ConvergenceError(ModelError):
    """A fit did not converge."""


class OutOfScopeError(ModelError):
    """A method was asked for something it is not made for."""


class SafeCommuteWarning(UserWarning):
    """Base of every warning."""


class SnapRateWarning(SafeCommuteWarning):
    """Fewer crashes than usual could be placed on the network."""


class ExtrapolationWarning(SafeCommuteWarning):
    """A model is used outside the range it was fitted on."""
