"""The invented roads as an OpenStreetMap file; the same world gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import osmium

from sample.frame import Point, compute_chainages, to_lonlat
from sample.main_roads import RIVER
from sample.names import RIVER_NAME, SYNTHETIC_NOTE
from sample.roads import Road
from sample.world import World

__all__ = ["GENERATOR", "write_osm"]

GENERATOR = "safecommute synthetic sample"
TIMESTAMP = "2024-01-01T00:00:00Z"
FIRST_NODE, FIRST_PLACE, FIRST_WAY = 1_000_001, 900_001, 500_001


def write_osm(world: World, path: Path) -> None:
    """Write nodes (with signals and places), roads and the river; an existing file is replaced."""
    ways = [
        (piece, {"highway": road.highway, **tags})
        for road in world.roads
        for piece, tags in split_by_tags(road)
    ]
    ways.append(
        (list(RIVER), {"waterway": "river", "name": RIVER_NAME.latin, "name:km": RIVER_NAME.khmer})
    )
    points = sorted({point for piece, _ in ways for point in piece})
    ids = {point: FIRST_NODE + position for position, point in enumerate(points)}
    xy = np.asarray(points)
    lon, lat = to_lonlat(xy[:, 0], xy[:, 1])
    signals = find_signals(world, xy)
    header = osmium.io.Header()
    header.set("generator", GENERATOR)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for position, place in enumerate(world.places):
            place_lon, place_lat = to_lonlat(np.array([place.point[0]]), np.array([place.point[1]]))
            writer.add_node(
                osmium.osm.mutable.Node(
                    id=FIRST_PLACE + position,
                    location=(float(place_lon[0]), float(place_lat[0])),
                    tags=place.to_tags(),
                    version=1,
                    timestamp=TIMESTAMP,
                )
            )
        for position, point in enumerate(points):
            writer.add_node(
                osmium.osm.mutable.Node(
                    id=ids[point],
                    location=(float(lon[position]), float(lat[position])),
                    tags={"highway": "traffic_signals"} if position in signals else {},
                    version=1,
                    timestamp=TIMESTAMP,
                )
            )
        for position, (piece, tags) in enumerate(ways):
            writer.add_way(
                osmium.osm.mutable.Way(
                    id=FIRST_WAY + position,
                    nodes=[ids[point] for point in piece],
                    tags={**tags, "note": SYNTHETIC_NOTE},
                    version=1,
                    timestamp=TIMESTAMP,
                )
            )


def find_signals(world: World, xy: np.ndarray) -> set[int]:
    """Return the position of the vertex nearest to each set of traffic signals."""
    return {int(np.hypot(*(xy - signal).T).argmin()) for signal in world.signals}


def split_by_tags(road: Road) -> Iterator[tuple[list[Point], dict[str, str]]]:
    """Cut a road where its tags change: at its sections and its bridges."""
    chainages = compute_chainages(road.points)
    last = len(road.points) - 1
    edges = [edge for start, end, _ in road.sections for edge in (start, end)]
    edges += [edge for bridge in road.bridges for edge in bridge]
    cuts = {int(np.abs(chainages - edge).argmin()) for edge in edges}
    for first, end in pairwise(sorted(cuts | {0, last})):
        middle = (chainages[first] + chainages[end]) / 2
        tags = dict(road.tags)
        for start_m, end_m, extra in road.sections:
            if start_m <= middle <= end_m:
                tags |= extra
        if road.is_on_bridge(float(middle)):
            tags |= {"bridge": "yes", "layer": "1"}
        yield road.points[first : end + 1], tags
