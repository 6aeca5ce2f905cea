"""Lines as flat arrays: places along them, and pieces cut out of them, without a loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from core.errors import GeometryError

__all__ = ["Polylines", "cut_lines", "flatten_lines", "interpolate_points"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LINESTRING_TYPE = 1
GAP_M = 1.0  # between lines laid end to end, so that no two places share a key
COINCIDENT_M = 1e-6  # a vertex this close to a cut is the cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Polylines:
    """LineStrings laid out in flat arrays.

    Attributes
    ----------
    xy
        Vertices of all lines in order [m], shape (n_vertices, 2).
    first
        Index of each line's first vertex, and the total at the end, shape (n_lines + 1,).
    along
        Distance of each vertex from the start of its line [m], shape (n_vertices,).
    length
        Length of each line [m], shape (n_lines,).
    """

    xy: FloatArray
    first: IntArray
    along: FloatArray
    length: FloatArray

    @property
    def base(self) -> FloatArray:
        """Where each line starts when all are laid end to end with a gap [m]."""
        laid = self.length + GAP_M
        return np.cumsum(laid) - laid

    @property
    def line_of_vertex(self) -> IntArray:
        """Position of the line that each vertex belongs to, shape (n_vertices,)."""
        return np.repeat(np.arange(len(self.length)), np.diff(self.first))


def flatten_lines(lines: ArrayLike, *, layer: str = "segments") -> Polylines:
    """Lay LineStrings out in flat arrays.

    Parameters
    ----------
    lines
        Geometries, shape (n_lines,); heights are left out.
    layer
        What the lines are called in an error message.

    Raises
    ------
    GeometryError
        If a geometry is missing, empty or not a LineString.
    """
    geometries: NDArray[Any] = np.asarray(lines, dtype=object)
    bad = (shapely.get_type_id(geometries) != LINESTRING_TYPE) | shapely.is_empty(geometries)
    if bad.any():
        first_bad = int(np.flatnonzero(bad)[0])
        found = shapely.GeometryType(shapely.get_type_id(geometries[first_bad])).name.lower()
        message = (
            f"{layer}: {int(bad.sum())} of {len(geometries)} geometries are not a single line, "
            f"first in row {first_bad} ({found}); split them into LineStrings and drop empty ones."
        )
        raise GeometryError(message)
    xy = shapely.get_coordinates(geometries)
    counts = shapely.get_num_coordinates(geometries).astype(np.int64)
    first = np.concatenate(([0], np.cumsum(counts)))
    if not np.isfinite(xy).all():
        vertex = int(np.flatnonzero(~np.isfinite(xy).all(axis=1))[0])
        row = int(np.searchsorted(first, vertex, side="right") - 1)
        message = f"{layer}: row {row} has a coordinate that is not a number; mend the layer."
        raise GeometryError(message)
    steps = np.zeros(len(xy))
    steps[1:] = np.hypot(*np.diff(xy, axis=0).T)
    steps[first[:-1]] = 0.0
    total = np.cumsum(steps)
    along = total - np.repeat(total[first[:-1]], counts)
    return Polylines(xy=xy, first=first, along=along, length=along[first[1:] - 1])


def interpolate_points(lines: Polylines, line: IntArray, distance: FloatArray) -> FloatArray:
    """Coordinates of places along lines.

    Parameters
    ----------
    lines
        The lines.
    line
        Position of the line of each place, shape (n,).
    distance
        Distance from the start of that line [m], clipped to the line, shape (n,).

    Returns
    -------
    xy
        Shape (n, 2).
    """
    return _interpolate(lines, lines.base, line, distance)


def _interpolate(
    lines: Polylines, base: FloatArray, line: IntArray, distance: FloatArray
) -> FloatArray:
    place = np.clip(distance, 0.0, lines.length[line])
    key = np.repeat(base, np.diff(lines.first)) + lines.along
    after = np.searchsorted(key, base[line] + place, side="right")
    after = np.clip(after, lines.first[line] + 1, lines.first[line + 1] - 1)
    before = after - 1
    step = lines.along[after] - lines.along[before]
    share = np.divide(
        place - lines.along[before], step, out=np.zeros_like(place), where=step > 0
    ).clip(0.0, 1.0)
    start, end = lines.xy[before], lines.xy[after]
    result = start + share[:, None] * (end - start)
    result[share == 1.0] = end[share == 1.0]
    return result


def cut_lines(
    lines: Polylines, line: IntArray, start: FloatArray, end: FloatArray
) -> NDArray[np.object_]:
    """Cut a piece out of a line, for many pieces at once.

    Parameters
    ----------
    lines
        The lines.
    line
        Position of the line that each piece is cut from, shape (n,).
    start, end
        Where each piece starts and ends along its line [m], start <= end, shape (n,).

    Returns
    -------
    pieces
        LineStrings that keep the vertices between the cuts, shape (n,).
    """
    base = lines.base
    key = np.repeat(base, np.diff(lines.first)) + lines.along
    low = np.searchsorted(key, base[line] + start + COINCIDENT_M, side="right")
    high = np.searchsorted(key, base[line] + end - COINCIDENT_M, side="left")
    n_inside = np.maximum(high - low, 0)
    n_points = n_inside + 2
    first = np.concatenate(([0], np.cumsum(n_points)))
    xy = np.empty((first[-1], 2))
    xy[first[:-1]] = _interpolate(lines, base, line, start)
    xy[first[1:] - 1] = _interpolate(lines, base, line, end)
    piece = np.repeat(np.arange(len(line)), n_inside)
    rank = np.arange(len(piece)) - np.repeat(np.cumsum(n_inside) - n_inside, n_inside)
    xy[first[piece] + 1 + rank] = lines.xy[low[piece] + rank]
    pieces = shapely.linestrings(xy, indices=np.repeat(np.arange(len(line)), n_points))
    return np.asarray(pieces, dtype=object)
