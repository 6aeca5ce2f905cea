"""Points laid by chance anywhere along a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError
from models.arrays import FloatArray
from models.edge_graph import EdgeGraph, Positions

__all__ = ["draw_positions", "read_edge_weights"]


def read_edge_weights(graph: EdgeGraph, edge_weight: ArrayLike | None) -> FloatArray:
    """Return the weight of each edge, its length by default.

    Raises
    ------
    InputError
        If there is not one weight for each edge, one is below 0 or missing, or all are 0.
    """
    if edge_weight is None:
        return graph.length
    weight = np.asarray(edge_weight, dtype=np.float64)
    if weight.shape != (graph.n_edges,):
        message = f"edge_weight has shape {weight.shape}; give one for {graph.n_edges} edges."
        raise InputError(message)
    is_bad = ~(np.isfinite(weight) & (weight >= 0))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"edge_weight: {int(is_bad.sum())} of {len(weight)} are missing or below 0, first of "
            f"edge {first}: {weight[first]}; correct them, or give 0."
        )
        raise InputError(message)
    if not weight.sum() > 0:
        message = f"edge_weight: all of {len(weight)} are 0; give one above 0."
        raise InputError(message)
    return weight


def draw_positions(
    graph: EdgeGraph, n: int, edge_weight: FloatArray, rng: np.random.Generator
) -> Positions:
    """Draw independent points: an edge by its weight, a place even along it.

    Parameters
    ----------
    graph
        The network.
    n
        Number of points.
    edge_weight
        Of each edge, from `read_edge_weights`.
    rng
        Source of chance.
    """
    upto = np.cumsum(edge_weight)
    drawn = rng.random(n) * upto[-1]
    edge = np.minimum(np.searchsorted(upto, drawn, side="right"), graph.n_edges - 1)
    edge = np.where(edge_weight[edge] > 0, edge, int(np.flatnonzero(edge_weight > 0)[-1]))
    offset = np.minimum(rng.random(n) * graph.length[edge], graph.length[edge])
    return Positions(edge=edge.astype(np.int64), offset=offset)
