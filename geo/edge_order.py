"""An order of edges that depends on where they lie, not on how a file holds them."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra

from geo.line_edges import GRID_M, LineEdges

__all__ = ["order_edges"]

TURN = 1e-6  # of a unit vector: directions that differ less are one
TIE_M = GRID_M / 2
Array = NDArray[np.int64]


def order_edges(edges: LineEdges) -> Array:
    """Order edges by where they lie, those between two junctions one after another.

    Parameters
    ----------
    edges
        From `geo.line_edges.build_line_edges`.

    Returns
    -------
    arm
        2 * edge + the end (0 or 1) at which it begins, of all edges in order, shape (n_edges,).

    Notes
    -----
    Roads between junctions are taken by their lower end (x, then y, then the direction in which
    they leave it), each from there to its other end. The order, direction and cutting of lines
    and the parts of a multi-line do not matter; a road twice in the layer, or a ring that no
    other road touches, may be begun elsewhere.
    """
    n_edges = len(edges.u)
    ends = np.column_stack([edges.u, edges.v])  # node of each arm, 2 * edge + end
    key = _describe_arms(edges)
    is_joint = np.bincount(ends.ravel()) == 2
    place = _split_nodes(ends, is_joint)
    is_joint[_open_rings(ends, place, is_joint, key)] = False
    place = _split_nodes(ends, is_joint)
    n_places = int(place.max()) + 1
    shape = (n_places, n_places)
    links = coo_array((edges.length_m, place.T), shape=shape).tocsr()
    _, road = connected_components(links, directed=False)
    arm = np.flatnonzero(~is_joint[ends.ravel()])  # ends of roads
    road_of_arm = road[place.ravel()[arm]]
    arm = arm[np.lexsort((*key[arm].T[::-1], road_of_arm))]
    is_first = np.append(True, np.diff(road[place.ravel()[arm]]) > 0)
    start = arm[is_first]  # one a road, by its number
    rank = np.empty(len(start), dtype=np.int64)
    rank[np.lexsort(key[start].T[::-1])] = np.arange(len(start))
    gone = dijkstra(links, directed=False, indices=place.ravel()[start], min_only=True)
    far = gone[place]
    from_end = (far[:, 1] < far[:, 0]).astype(np.int64)
    order = np.lexsort((far.min(axis=1), rank[road[place[:, 0]]]))
    result: Array = (2 * np.arange(n_edges) + from_end)[order]
    return result


def _describe_arms(edges: LineEdges) -> NDArray[np.float64]:
    """Return where each arm begins [mm] and the direction in which it leaves, (2 n_edges, 4)."""
    shapes = edges.lines.geometry.to_numpy()
    xy, edge = shapely.get_coordinates(shapes, return_index=True)
    first = np.searchsorted(edge, np.arange(len(shapes)))
    last = np.append(first[1:], len(xy)) - 1
    seat = np.column_stack([first, last]).ravel()
    step = np.hypot(*np.diff(xy, axis=0).T)
    is_step = (step > TIE_M) & (edge[1:] == edge[:-1])  # vertices may be repeated
    after = np.append(np.flatnonzero(is_step), len(step) - 1)
    forth = after[np.searchsorted(after[:-1], first)]
    back = after[np.searchsorted(after[:-1], last, side="left") - 1]
    forth, back = np.clip(forth, 0, len(step) - 1), np.clip(back, 0, len(step) - 1)
    ways = np.stack([xy[forth + 1] - xy[forth], xy[back] - xy[back + 1]], axis=1).reshape(-1, 2)
    long = np.maximum(np.hypot(*ways.T), np.finfo(float).tiny)[:, None]
    return np.column_stack([np.round(xy[seat] / GRID_M), np.round(ways / long / TURN)]) + 0.0


def _split_nodes(ends: Array, is_joint: NDArray[np.bool_]) -> Array:
    """Return a number for each arm: its node's where two edges join, else its own."""
    own = len(is_joint) + np.arange(ends.size).reshape(ends.shape)
    _, place = np.unique(np.where(is_joint[ends], ends, own), return_inverse=True)
    return place.reshape(ends.shape).astype(np.int64)


def _open_rings(
    ends: Array, place: Array, is_joint: NDArray[np.bool_], key: NDArray[np.float64]
) -> Array:
    """Return the lowest node of each ring that no other road touches."""
    n_places = int(place.max()) + 1
    links = coo_array((np.ones(len(place)), place.T), shape=(n_places, n_places))
    n_roads, road = connected_components(links, directed=False)
    is_ring = np.ones(n_roads, dtype=bool)
    is_ring[road[place[~is_joint[ends]]]] = False
    arm = np.flatnonzero(is_ring[road[place.ravel()]])
    arm = arm[np.lexsort((*key[arm].T[::-1], road[place.ravel()[arm]]))]
    is_first = np.append(True, np.diff(road[place.ravel()[arm]]) > 0)[: len(arm)]
    nodes: Array = ends.ravel()[arm[is_first]]
    return nodes
