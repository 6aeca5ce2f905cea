"""Rasters that an area may have: relief, night lights, people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from core.errors import ConfigError, DataSourceError, GeometryError, VocabularyError
from geo.manifests import RASTER_ROLES
from geo.raster_sampling import open_raster

__all__ = ["check_raster", "find_other_population", "require_one_population"]

SUFFIXES = (".tif", ".tiff")
POPULATIONS = ("population", "population_density")  # one quantity, two units


def check_raster(path: Path, role: str, bounds_wgs84: Sequence[float]) -> None:
    """Check that a file can serve an area as a raster of that role.

    Parameters
    ----------
    path
        The file.
    role
        What it is said to hold.
    bounds_wgs84
        West, south, east, north of the area's roads [degree].

    Raises
    ------
    VocabularyError
        If there is no such role.
    DataSourceError, MissingDataError, CrsError
        If it is no GeoTIFF of values that says where it lies.
    GeometryError
        If it covers none of the area's roads.
    """
    if role not in RASTER_ROLES:
        raise VocabularyError.unknown_word("role", role, list(RASTER_ROLES))
    if path.suffix.lower() not in SUFFIXES:
        reason = f"a raster is read from a GeoTIFF (.tif), not from {path.suffix or 'this'}"
        raise DataSourceError.unreadable(path, reason)
    there = open_raster(path).bounds_wgs84
    if not _share_ground(there, bounds_wgs84):
        message = (
            f"{path}: covers {', '.join(f'{value:.3f}' for value in there)} (W, S, E, N), none of "
            f"the area's roads at {', '.join(f'{value:.3f}' for value in bounds_wgs84)}; give the "
            "raster of this area."
        )
        raise GeometryError(message)


def _share_ground(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two extents [degree] meet; west > east lies across the 180th meridian."""

    def split(west: float, east: float) -> list[tuple[float, float]]:
        return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]

    if one[1] > other[3] or one[3] < other[1]:
        return False
    theirs = split(other[0], other[2])
    return any(a[0] <= b[1] and a[1] >= b[0] for a in split(one[0], one[2]) for b in theirs)


def find_other_population(role: str) -> str | None:
    """Return the role that says the same in another unit, None when there is none."""
    if role not in POPULATIONS:
        return None
    return POPULATIONS[1 - POPULATIONS.index(role)]


def require_one_population(roles: Collection[str]) -> None:
    """Refuse people per pixel and people per km2 at once.

    Raises
    ------
    ConfigError
        If both are there.
    """
    if all(role in roles for role in POPULATIONS):
        message = (
            "population and population_density: give one, people per pixel (as WorldPop's "
            "ppp files) or people per km2."
        )
        raise ConfigError(message)
