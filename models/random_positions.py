"""Points laid by chance anywhere along a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError
from models.arrays import FloatArray, IntArray
from models.edge_graph import EdgeGraph, Positions

__all__ = ["draw_positions", "read_arm_order", "read_edge_weights"]


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


def read_arm_order(graph: EdgeGraph, arm_order: ArrayLike | None) -> IntArray:
    """Return the order in which edges are laid end to end, as `draw_positions` takes it.

    Parameters
    ----------
    graph
        The network.
    arm_order
        2 * edge + the end at which it begins, every edge once; None: as they are numbered.

    Raises
    ------
    InputError
        If an edge is missing or there twice.
    """
    if arm_order is None:
        return 2 * np.arange(graph.n_edges, dtype=np.int64)
    arm = np.asarray(arm_order, dtype=np.int64)
    if not np.array_equal(np.sort(arm.ravel() // 2), np.arange(graph.n_edges)):
        message = (
            f"arm_order: {arm.size} arms for {graph.n_edges} edges, or one is there twice; give "
            "2 * edge + end (0 or 1), each edge once."
        )
        raise InputError(message)
    return arm.ravel()


def draw_positions(
    graph: EdgeGraph,
    n: int,
    edge_weight: FloatArray,
    rng: np.random.Generator,
    arm_order: IntArray | None = None,
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
        Source of chance; one number a point.
    arm_order
        From `read_arm_order`: edges laid end to end in this order; the numbers drawn are places
        along them. An order that does not depend on how edges are numbered, turned and cut gives
        draws that do not either.
    """
    arm = read_arm_order(graph, None) if arm_order is None else arm_order
    order = arm // 2
    weight = edge_weight[order]
    upto = np.cumsum(weight)
    drawn = rng.random(n) * upto[-1]
    at = np.minimum(np.searchsorted(upto, drawn, side="right"), graph.n_edges - 1)
    at = np.where(weight[at] > 0, at, int(np.flatnonzero(weight > 0)[-1]))
    edge = order[at]
    length = graph.length[edge]
    along = np.clip((drawn - upto[at]) / weight[at] + 1.0, 0.0, 1.0) * length
    offset = np.where(arm[at] % 2 == 1, length - along, along)
    return Positions(edge=edge, offset=offset)
