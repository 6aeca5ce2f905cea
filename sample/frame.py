"""The local metre frame of the invented area, and lines in it.

The frame is turned by a few degrees so that the city's grid does not run due north.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

__all__ = [
    "CENTRE",
    "EXTENT_M",
    "Point",
    "build_rng",
    "compute_chainages",
    "interpolate",
    "smooth_line",
    "to_lonlat",
    "to_lonlat_point",
]

Point = tuple[float, float]
FloatArray = NDArray[np.float64]

EXTENT_M = (50_000.0, 40_000.0)
CENTRE: Point = (24_000.0, 21_000.0)  # of the city; the frame turns around it
ORIGIN_UTM: Point = (459_000.0, 1_246_000.0)
TURN_RAD = math.radians(6.0)


def build_rng(seed: int, *words: object) -> np.random.Generator:
    """Return a stream of its own for each part, so that parts do not move each other."""
    entropy = [seed, *(byte for word in words for byte in str(word).encode())]
    return np.random.default_rng(np.random.SeedSequence(entropy))


@cache
def _transformer() -> Transformer:
    return Transformer.from_crs(32648, 4326, always_xy=True)


def to_lonlat(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn local metres into WGS84 degrees, rounded to 1e-7 as OpenStreetMap does."""
    cos, sin = math.cos(TURN_RAD), math.sin(TURN_RAD)
    dx, dy = x - CENTRE[0], y - CENTRE[1]
    east = ORIGIN_UTM[0] + CENTRE[0] + dx * cos - dy * sin
    north = ORIGIN_UTM[1] + CENTRE[1] + dx * sin + dy * cos
    lon, lat = _transformer().transform(east, north)
    return np.round(lon, 7), np.round(lat, 7)


def to_lonlat_point(point: Point) -> tuple[float, float]:
    """Turn one local point into WGS84 degrees."""
    lon, lat = to_lonlat(np.array([point[0]]), np.array([point[1]]))
    return float(lon[0]), float(lat[0])


def compute_chainages(points: Sequence[Point]) -> FloatArray:
    """Return the distance along the line of each vertex [m], shape (n_points,)."""
    xy = np.asarray(points, dtype=float)
    steps = np.hypot(*np.diff(xy, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def interpolate(points: Sequence[Point], distance_m: float) -> tuple[Point, Point]:
    """Return the point at a distance along the line, and the unit direction there."""
    xy = np.asarray(points, dtype=float)
    chainages = compute_chainages(points)
    edge = int(np.clip(np.searchsorted(chainages, distance_m, "right") - 1, 0, len(xy) - 2))
    length = chainages[edge + 1] - chainages[edge]
    direction = (xy[edge + 1] - xy[edge]) / length
    place = xy[edge] + direction * (distance_m - chainages[edge])
    return (float(place[0]), float(place[1])), (float(direction[0]), float(direction[1]))


def _chaikin(xy: FloatArray) -> FloatArray:
    inner = np.empty((2 * (len(xy) - 1), 2))
    inner[0::2] = 0.75 * xy[:-1] + 0.25 * xy[1:]
    inner[1::2] = 0.25 * xy[:-1] + 0.75 * xy[1:]
    return np.vstack([xy[:1], inner[1:-1], xy[-1:]])


def smooth_line(
    controls: Sequence[Point], *, spacing_m: float, wander_m: float, rng: np.random.Generator
) -> list[Point]:
    """Draw a road through control points: rounded corners, gentle bends, calm in the city.

    Parameters
    ----------
    controls
        Points in metres; the first and the last are kept exactly.
    spacing_m
        Distance between vertices, about [m].
    wander_m
        How far the bends lead away from the smooth line, at most [m].
    rng
        Source of the bends.
    """
    xy = np.asarray(controls, dtype=float)
    for _ in range(3):
        xy = _chaikin(xy)
    chainages = compute_chainages([tuple(row) for row in xy])
    total = float(chainages[-1])
    n_points = max(2, round(total / spacing_m) + 1)
    at = np.linspace(0.0, total, n_points)
    line = np.column_stack([np.interp(at, chainages, xy[:, k]) for k in (0, 1)])
    waves = rng.uniform((1_500.0, 0.0, 0.3), (5_000.0, 2 * math.pi, 1.0), size=(3, 3))
    bends = sum(size * np.sin(2 * math.pi * at / wave + start) for wave, start, size in waves)
    tangent = np.gradient(line, axis=0)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    normal /= np.hypot(normal[:, 0], normal[:, 1])[:, None]
    ends = np.clip(np.minimum(at, total - at) / 800.0, 0.0, 1.0)
    calm = np.clip((np.hypot(*(line - CENTRE).T) - 2_200.0) / 1_500.0, 0.0, 1.0)
    line = line + normal * (wander_m / 3.0 * bends * ends * calm)[:, None]
    return [(round(float(px), 2), round(float(py), 2)) for px, py in line]
