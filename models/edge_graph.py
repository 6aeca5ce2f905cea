"""A network as edges with lengths: what the network statistics walk along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError
from models.arrays import FloatArray, IntArray, require_same_length

__all__ = ["EdgeGraph", "Positions", "build_edge_graph", "require_on_graph"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeGraph:
    """Edges between nodes; at each node the ends of edges that meet there (its arms).

    Attributes
    ----------
    n_nodes
        Number of nodes.
    node
        Node at the two ends of each edge, shape (n_edges, 2).
    length
        Length of each edge, > 0, shape (n_edges,).
    first_arm
        Position of the first arm of each node, and the total, shape (n_nodes + 1,).
    arm
        `2 * edge + end` of all arms by node, shape (2 * n_edges,). A loop has two arms
        at its node.
    """

    n_nodes: int
    node: IntArray
    length: FloatArray
    first_arm: IntArray
    arm: IntArray

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Points on edges; arrays of shape (n_points,), lists are made into them.

    Raises
    ------
    InputError
        If an edge is no whole number, an offset no number, or shapes differ.
    """

    edge: IntArray
    offset: FloatArray  # from the edge's end 0

    def __post_init__(self) -> None:
        edge, offset = _read_numbers("edge", self.edge), _read_numbers("offset", self.offset)
        if edge.dtype.kind not in "iu":
            is_bad = ~(edge == np.floor(edge)).ravel()
            if is_bad.any():
                first = int(np.flatnonzero(is_bad)[0])
                message = (
                    f"edge: {int(is_bad.sum())} of {edge.size} are no whole numbers, first at "
                    f"position {first}: {edge.ravel()[first]}; give the number of an edge, from 0."
                )
                raise InputError(message)
        object.__setattr__(self, "edge", edge.astype(np.int64, copy=False))
        object.__setattr__(self, "offset", offset.astype(np.float64, copy=False))
        require_same_length(edge=self.edge, offset=self.offset)

    def __len__(self) -> int:
        return len(self.edge)


def _read_numbers(name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        message = f"{name}: no numbers but {array.dtype}; give an array of numbers."
        raise InputError(message)
    return array


def build_edge_graph(u: ArrayLike, v: ArrayLike, length: ArrayLike) -> EdgeGraph:
    """Build the graph of edges from u to v; edges meet only where they share a node.

    Parameters
    ----------
    u, v
        Node at each end, whole numbers from 0, shape (n_edges,). Parallel edges and loops
        are allowed.
    length
        Of each edge, > 0, shape (n_edges,).

    Raises
    ------
    InputError
        If shapes differ, a node is negative, or a length is not above 0.
    """
    start, end = np.asarray(u, dtype=np.int64), np.asarray(v, dtype=np.int64)
    long = np.asarray(length, dtype=np.float64)
    n_edges = require_same_length(u=start, v=end, length=long)
    is_bad = ~(np.isfinite(long) & (long > 0)) | (np.minimum(start, end) < 0)
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"edges: {int(is_bad.sum())} of {n_edges} have no length above 0 or a node below 0, "
            f"first edge {first}: nodes {start[first]} and {end[first]}, length {long[first]}; "
            "leave them out or mend them."
        )
        raise InputError(message)
    node = np.column_stack([start, end])
    n_nodes = int(node.max()) + 1 if n_edges else 0
    arm = np.argsort(node.ravel(), kind="stable").astype(np.int64)
    first_arm = np.zeros(n_nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(node.ravel(), minlength=n_nodes), out=first_arm[1:])
    return EdgeGraph(n_nodes=n_nodes, node=node, length=long, first_arm=first_arm, arm=arm)


def require_on_graph(name: str, points: Positions, graph: EdgeGraph) -> None:
    """Make sure that points lie on edges that are there.

    Raises
    ------
    InputError
        If an edge is not there, or an offset is not between 0 and the edge's length.
    """
    n = require_same_length(edge=points.edge, offset=points.offset)
    is_bad = (points.edge < 0) | (points.edge >= graph.n_edges)
    inside = np.where(is_bad, 0, points.edge)
    if graph.n_edges:
        is_bad |= ~((points.offset >= 0) & (points.offset <= graph.length[inside]))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"{name}: {int(is_bad.sum())} of {n} lie on no edge, first at position {first}: edge "
            f"{points.edge[first]}, offset {points.offset[first]}; the graph has "
            f"{graph.n_edges} edges."
        )
        raise InputError(message)
