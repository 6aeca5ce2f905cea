"""Edges that follow one another without a junction, joined: the same roads with fewer edges.

Where only two edges meet nothing divides, so a density along the network is the same with and
without the node. Joined, it does not depend on where a layer cuts its lines, short pieces cost
nothing, and a depth counts junctions alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.jit import compiled
from models.arrays import BoolArray, FloatArray, IntArray
from models.edge_graph import EdgeGraph, Positions, build_edge_graph

__all__ = ["Chains", "join_chains"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """A graph of joined edges, and where the edges of the one before lie on it.

    Attributes
    ----------
    graph
        Of the joined edges; nodes keep their numbers.
    edge, begin
        Joined edge of each edge, and how far along it the edge begins, shape (n_edges,).
    is_turned
        Whether the edge runs against the joined one, shape (n_edges,).
    """

    graph: EdgeGraph
    edge: IntArray
    begin: FloatArray
    is_turned: BoolArray
    _length: FloatArray  # of the edges before

    def move(self, points: Positions) -> Positions:
        """Return where points on the edges before lie on the joined ones."""
        along = np.where(
            self.is_turned[points.edge],
            self._length[points.edge] - points.offset,
            points.offset,
        )
        edge = self.edge[points.edge]
        offset = np.minimum(self.begin[points.edge] + along, self.graph.length[edge])
        return Positions(edge=edge, offset=offset)


def join_chains(graph: EdgeGraph) -> Chains:
    """Join the edges that meet where no other edge does.

    Parameters
    ----------
    graph
        Any network; rings without a junction keep one of their nodes.
    """
    n_arms = np.diff(graph.first_arm)
    stays = n_arms != 2
    has_two = np.flatnonzero(~stays)
    first = graph.first_arm[has_two]
    stays[has_two] = graph.arm[first] // 2 == graph.arm[first + 1] // 2  # a loop by itself
    n, edge, begin, is_turned, ends, length = list_chains(
        graph.node, graph.length, graph.first_arm, graph.arm, stays
    )
    return Chains(
        graph=build_edge_graph(ends[:n, 0], ends[:n, 1], length[:n]),
        edge=edge,
        begin=begin,
        is_turned=is_turned,
        _length=graph.length,
    )


@compiled
def list_chains(
    node: IntArray, length: FloatArray, first_arm: IntArray, arm: IntArray, stays: BoolArray
) -> tuple[int, IntArray, FloatArray, BoolArray, IntArray, FloatArray]:
    """Follow edges through the nodes that do not stay, from all that do, then round the rings."""
    n_edges = len(length)
    chain, begin = np.full(n_edges, -1), np.zeros(n_edges)
    is_turned = np.zeros(n_edges, dtype=np.bool_)
    ends, total = np.zeros((n_edges, 2), dtype=np.int64), np.zeros(n_edges)
    n = 0
    for is_ring in (False, True):
        for start in range(2 * n_edges):
            first = node[start // 2, start % 2]
            if chain[start // 2] >= 0 or not (is_ring or stays[first]):
                continue
            leaving, far = start, 0.0
            while True:
                edge, end = leaving // 2, leaving % 2
                chain[edge], begin[edge], is_turned[edge] = n, far, end == 1
                far += length[edge]
                last = node[edge, 1 - end]
                if stays[last] or last == first:
                    break
                both = first_arm[last]
                leaving = arm[both] if arm[both] // 2 != edge else arm[both + 1]
            ends[n, 0], ends[n, 1], total[n] = first, last, far
            n += 1
    return n, chain, begin, is_turned, ends, total
