"""A network of streets, and drives on it, for the tests of traces."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
from shapely import LineString

from geo.linear import flatten_lines, interpolate_points
from geo.matching_network import MatchingNetwork, prepare_network
from geo.road_graph import VEHICLES, RoadGraph, build_road_graph

UTM48 = 32648


def make_segments(ends, shapes, **columns) -> gpd.GeoDataFrame:
    """Make segments between nodes, as a network has them."""
    lines = [LineString(one) for one in shapes]
    data = {
        "segment_id": np.arange(len(lines)),
        "u": [u for u, _ in ends],
        "v": [v for _, v in ends],
        "road_class": "residential",
        "oneway": "no",
        "length_m": [line.length for line in lines],
        **columns,
    }
    return gpd.GeoDataFrame(data, geometry=lines, crs=UTM48)


def make_grid(n: int = 8, step: float = 150.0) -> gpd.GeoDataFrame:
    """Streets like a town's: a grid whose streets curve, every third column one-way."""
    x, y = np.meshgrid(np.arange(n) * step, np.arange(n) * step)
    x, y = x + 30 * np.sin(y / 250), y + 30 * np.cos(x / 300)
    ends, shapes, oneway = [], [], []
    for row in range(n):
        for column in range(n):
            here = row * n + column
            for other, is_up in ((here + 1, False), (here + n, True)):
                if (column == n - 1 and not is_up) or (row == n - 1 and is_up):
                    continue
                a = np.array([x.flat[here], y.flat[here]])
                b = np.array([x.flat[other], y.flat[other]])
                bow = 8 * np.sin(np.linspace(0, np.pi, 9))[:, None] * np.array([b - a])[:, ::-1]
                bow *= np.array([[1, -1]]) / np.hypot(*(b - a))
                shapes.append(np.linspace(a, b, 9) + bow)
                ends.append((here, other))
                oneway.append("forward" if is_up and column % 3 == 1 else "no")
    return make_segments(ends, shapes, oneway=oneway)


def prepare(segments, *, vehicle="car", **options) -> tuple[RoadGraph, MatchingNetwork]:
    """Return the graph of the segments and the network made ready."""
    n_nodes = int(segments[["u", "v"]].to_numpy().max()) + 1
    graph = build_road_graph(segments, n_nodes=n_nodes, vehicle=VEHICLES[vehicle])
    return graph, prepare_network(segments, graph, **options)


class Driver:
    """Drives fastest paths between random nodes, and records them as a receiver does."""

    def __init__(self, segments: gpd.GeoDataFrame, graph: RoadGraph) -> None:
        self.graph = graph
        self.lines = flatten_lines(segments.geometry.to_numpy())
        self.roads = nx.MultiDiGraph()
        for arc, (a, b, time) in enumerate(zip(graph.tail, graph.head, graph.time_s, strict=True)):
            self.roads.add_edge(int(a), int(b), key=arc, time=float(time))

    def drive(self, rng: np.random.Generator, *, min_m: float, max_m: float = np.inf) -> np.ndarray:
        """Return the arcs of a random drive."""
        nodes = list(self.roads)
        while True:
            a, b = rng.choice(nodes, 2, replace=False)
            try:
                path = nx.shortest_path(self.roads, a, b, weight="time")
            except nx.NetworkXNoPath:
                continue
            arcs = [
                min(self.roads[p][q], key=lambda one, p=p, q=q: self.roads[p][q][one]["time"])
                for p, q in itertools.pairwise(path)
            ]
            if min_m <= self.graph.length_m[arcs].sum() <= max_m:
                return np.array(arcs)

    def record(self, arcs, *, every_s: float, noise_m: float, rng) -> np.ndarray:
        """Return the fixes of a drive, the last one where it ends."""
        graph = self.graph
        clock = np.concatenate([[0], np.cumsum(graph.time_s[arcs])])
        at = np.append(np.arange(0, clock[-1], every_s), clock[-1])
        step = np.clip(np.searchsorted(clock, at, side="right") - 1, 0, len(arcs) - 1)
        share = (at - clock[step]) / graph.time_s[arcs[step]]
        line = graph.segment_id[arcs[step]]
        share = np.where(graph.is_forward[arcs[step]], share, 1 - share)
        xy = interpolate_points(self.lines, line, share * self.lines.length[line])
        return xy + rng.normal(0, noise_m, xy.shape) if noise_m else xy

    def to_steps(self, drives: Sequence[np.ndarray]) -> pd.DataFrame:
        """Return what was driven, as `MatchedTraces.to_steps` has it."""
        arcs = np.concatenate(drives)
        path = np.repeat(np.arange(len(drives)), [len(one) for one in drives])
        ids = self.graph.segment_id[arcs]
        columns = {"path": path, "segment_id": ids, "is_forward": self.graph.is_forward[arcs]}
        return pd.DataFrame({**columns, "from_m": 0.0, "to_m": self.lines.length[ids]})


def to_points(records: Sequence[np.ndarray]) -> pd.DataFrame:
    """Put fixes of several drives in one table."""
    xy = np.concatenate([np.asarray(one, dtype=float).reshape(-1, 2) for one in records])
    trace = np.repeat(np.arange(len(records)), [len(one) for one in records])
    return pd.DataFrame({"trace": trace, "x": xy[:, 0], "y": xy[:, 1]})
