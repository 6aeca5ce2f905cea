"""Places exactly on nodes: asked about along every arm, and given the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.arrays import FloatArray, IntArray
from models.edge_graph import EdgeGraph, Positions

__all__ = ["ArmPlaces", "spread_over_arms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPlaces:
    """Places of which those on nodes are there once for each arm of the node.

    Attributes
    ----------
    positions
        All of them, those of one place side by side.
    place
        Which place each one stands for, shape (n_positions,).
    first
        Position of the first one of each place, shape (n_places,).
    """

    positions: Positions
    place: IntArray
    first: IntArray

    @property
    def n_arms(self) -> IntArray:
        """How many stand for each place, shape (n_places,)."""
        return np.bincount(self.place, minlength=len(self.first)).astype(np.int64)

    def build_mean(self) -> sparse.csr_array:
        """Return the matrix that takes the mean over the arms, (n_places, n_positions)."""
        share = 1.0 / self.n_arms[self.place]
        ends = np.append(self.first, len(self.place))
        shape = (len(self.first), len(self.place))
        return sparse.csr_array((share, np.arange(len(self.place)), ends), shape=shape)

    def average(self, values: FloatArray) -> FloatArray:
        """Return the mean of each place, shape (n_places,) or (n_places, n_columns)."""
        mean: FloatArray = self.build_mean() @ values
        return mean


def spread_over_arms(graph: EdgeGraph, places: Positions) -> ArmPlaces:
    """Put a place that lies exactly on a node onto each of the node's arms.

    Parameters
    ----------
    graph
        The network.
    places
        On its edges.

    Returns
    -------
    arms
        Places within an edge are there once, as they are.

    Notes
    -----
    A density may differ from arm to arm of one node: the discontinuous form jumps there. The
    mean over arms depends neither on the edge that a place was written on, nor on the order and
    direction of edges, nor on nodes between two edges of one road.
    """
    n_places = len(places)
    edge, offset = places.edge, places.offset
    if not n_places:
        return ArmPlaces(positions=places, place=edge, first=edge)
    is_end = offset == graph.length[edge]
    is_node = is_end | (offset == 0)
    node = graph.node[edge, is_end.astype(np.int64)]
    count = np.where(is_node, np.diff(graph.first_arm)[node], 1)
    place = np.repeat(np.arange(n_places), count)
    first = np.cumsum(count) - count
    nth = np.arange(len(place)) - first[place]
    on_node = is_node[place]
    arm = graph.arm[np.where(on_node, graph.first_arm[node[place]] + nth, 0)]
    whole = graph.length[arm // 2]
    positions = Positions(
        edge=np.where(on_node, arm // 2, edge[place]),
        offset=np.where(on_node, np.where(arm % 2 == 0, 0.0, whole), offset[place]),
    )
    return ArmPlaces(positions=positions, place=place, first=first)
