"""Roads as they are drawn: lines that share a vertex wherever they meet at grade.

Every road added is joined to those it touches by one vertex common to both, except
where either is on a bridge: there they cross and share nothing, as in OpenStreetMap.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from sample.frame import Point, compute_chainages, interpolate

__all__ = ["Road", "RoadWorks"]

CELL_M = 400.0
MERGE_M = 6.0  # a meeting this close to a vertex uses that vertex


@dataclass(slots=True)
class Road:
    """One line with one name; its tags may differ by section."""

    key: str
    highway: str
    points: list[Point]
    tags: dict[str, str]
    bridges: list[tuple[float, float]] = field(default_factory=list)  # chainages [m]
    sections: list[tuple[float, float, dict[str, str]]] = field(default_factory=list)

    @property
    def length_m(self) -> float:
        """Length of the whole line [m]."""
        return float(compute_chainages(self.points)[-1])

    def is_on_bridge(self, distance_m: float) -> bool:
        """Say whether the road is on a bridge at this distance from its start."""
        return any(start <= distance_m <= end for start, end in self.bridges)

    def locate(self, point: Point) -> tuple[float, float]:
        """Return the chainage of the nearest point of the line, and the distance to it [m]."""
        xy = np.asarray(self.points)
        steps = np.diff(xy, axis=0)
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        offsets = np.clip(((point - xy[:-1]) * steps).sum(axis=1) / lengths**2, 0.0, 1.0)
        gaps = xy[:-1] + offsets[:, None] * steps - point
        distances = np.hypot(gaps[:, 0], gaps[:, 1])
        edge = int(np.argmin(distances))
        return float(lengths[:edge].sum() + offsets[edge] * lengths[edge]), float(distances[edge])

    def insert(self, point: Point) -> Point:
        """Put a vertex where the line passes nearest to the point; return that vertex."""
        distance_m, _ = self.locate(point)
        chainages = compute_chainages(self.points)
        nearest = int(np.argmin(np.abs(chainages - distance_m)))
        if abs(float(chainages[nearest]) - distance_m) <= MERGE_M:
            return self.points[nearest]
        (x, y), _ = interpolate(self.points, distance_m)
        vertex = (round(x, 2), round(y, 2))
        self.points.insert(int(np.searchsorted(chainages, distance_m)), vertex)
        return vertex


Hit = tuple[float, Point, Road]


def _meet(a: Point, b: Point, c: Point, d: Point) -> float | None:
    """Return how far along ab it meets cd, as a share of ab; none when it does not."""
    rx, ry, sx, sy = b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]
    cross = rx * sy - ry * sx
    if abs(cross) < 1e-9:
        return None
    qx, qy = c[0] - a[0], c[1] - a[1]
    along, across = (qx * sy - qy * sx) / cross, (qx * ry - qy * rx) / cross
    return along if 0.0 <= along <= 1.0 and 0.0 <= across <= 1.0 else None


def _cells(a: Point, b: Point) -> Iterator[tuple[int, int]]:
    for column in range(int(min(a[0], b[0]) // CELL_M), int(max(a[0], b[0]) // CELL_M) + 1):
        for row in range(int(min(a[1], b[1]) // CELL_M), int(max(a[1], b[1]) // CELL_M) + 1):
            yield column, row


class RoadWorks:
    """All roads drawn so far, with the means to join the next one to them."""

    def __init__(self, is_blocked: Callable[[Sequence[Point]], bool]) -> None:
        self.roads: list[Road] = []
        self._is_blocked = is_blocked  # such as by the river
        self._edges: dict[tuple[int, int], list[tuple[Road, Point, Point]]] = defaultdict(list)
        self._joints: dict[tuple[int, int], list[Point]] = defaultdict(list)

    def _note_joint(self, point: Point) -> None:
        self._joints[int(point[0] // CELL_M), int(point[1] // CELL_M)].append(point)

    def is_near_joint(self, point: Point, within_m: float) -> bool:
        """Say whether two roads meet this close by."""
        low, high = (
            (point[0] - within_m, point[1] - within_m),
            (
                point[0] + within_m,
                point[1] + within_m,
            ),
        )
        return any(
            math.dist(point, joint) < within_m
            for cell in _cells(low, high)
            for joint in self._joints[cell]
        )

    def find_hits(self, points: Sequence[Point]) -> list[Hit]:
        """Return where a line meets the roads: distance along it, place, road; in order."""
        hits: dict[tuple[float, float, str], Hit] = {}
        start = 0.0
        for a, b in pairwise(points):
            length = math.dist(a, b)
            seen = set()
            for cell in _cells(a, b):
                for road, c, d in self._edges[cell]:
                    if (id(road), c, d) in seen:
                        continue
                    seen.add((id(road), c, d))
                    share = _meet(a, b, c, d)
                    if share is not None:
                        place = (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
                        at = (round(place[0], 1), round(place[1], 1), road.key)
                        hits.setdefault(at, (start + share * length, place, road))
            start += length
        return sorted(hits.values(), key=lambda hit: (hit[0], hit[2].key))

    def add(
        self,
        key: str,
        highway: str,
        points: Sequence[Point],
        tags: Mapping[str, str],
        *,
        bridges: Sequence[tuple[float, float]] = (),
    ) -> Road:
        """Add a road as drawn, with a common vertex wherever it meets another at grade."""
        road = Road(key, highway, list(points), dict(tags), list(bridges))
        for start, end in bridges:
            for distance_m in (start, end):
                road.insert(interpolate(points, distance_m)[0])
        for distance_m, place, other in self.find_hits(points):
            if road.is_on_bridge(distance_m) or other.is_on_bridge(other.locate(place)[0]):
                continue
            self._join(road, other, place)
        self.roads.append(road)
        for a, b in pairwise(road.points):
            for cell in _cells(a, b):
                self._edges[cell].append((road, a, b))
        return road

    def _join(self, road: Road, other: Road, place: Point) -> None:
        vertex = other.insert(place)
        self._note_joint(vertex)
        if vertex in road.points:
            return
        distance_m, _ = road.locate(vertex)
        chainages = compute_chainages(road.points)
        nearest = int(np.argmin(np.abs(chainages - distance_m)))
        if abs(float(chainages[nearest]) - distance_m) <= MERGE_M:
            road.points[nearest] = vertex
        else:
            road.points.insert(int(np.searchsorted(chainages, distance_m)), vertex)

    def add_branch(
        self,
        key: str,
        highway: str,
        parent: Road,
        points: Sequence[Point],
        tags: Mapping[str, str],
        *,
        least_m: float,
    ) -> Road | None:
        """Add a side road that leaves `parent` and ends at the first road it meets.

        Returns
        -------
        road
            The road, or none when it would be shorter than `least_m`, start at a
            bridge or beside another joint, end under a bridge, or be blocked.
        """
        origin, _ = parent.locate(points[0])
        if any(start - 60.0 <= origin <= end + 60.0 for start, end in parent.bridges):
            return None
        line, met = list(points), None
        for distance_m, place, other in self.find_hits(points):
            if distance_m < 1.0:
                continue
            if other.is_on_bridge(other.locate(place)[0]) or distance_m < least_m:
                return None
            chainages = compute_chainages(points)
            keep = int(np.searchsorted(chainages, distance_m))
            line, met = [*points[:keep], place], other
            break
        too_short = float(compute_chainages(line)[-1]) < least_m
        if too_short or self.is_near_joint(line[0], 30.0) or self._is_blocked(line):
            return None
        vertex = parent.insert(line[0])
        self._note_joint(vertex)
        rounded = [vertex, *((round(x, 2), round(y, 2)) for x, y in line[1:])]
        if met is not None:
            rounded[-1] = met.insert(line[-1])
            self._note_joint(rounded[-1])
        return self.add(key, highway, rounded, tags)
