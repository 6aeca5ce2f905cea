"""What an OpenStreetMap file says of itself."""

from __future__ import annotations

from pathlib import Path

import osmium

from core.errors import DataSourceError

__all__ = ["read_generator"]


def read_generator(path: Path) -> str:
    """Return the name of the program that wrote a file, "" when it does not say.

    Raises
    ------
    DataSourceError
        If the file cannot be read as OpenStreetMap data.
    """
    try:
        with osmium.io.Reader(str(path)) as reader:
            return str(reader.header().get("generator", ""))
    except (OSError, RuntimeError, ValueError) as error:
        raise DataSourceError.unreadable(path, str(error).splitlines()[0]) from error
