"""How large a matrix of what lies near what would be, known before it is built."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from core.errors import ConfigError
from models.arrays import FloatArray, IntArray
from models.edge_graph import EdgeGraph, Positions

__all__ = ["MOST_ENTRIES", "measure_reach", "require_room"]

MOST_ENTRIES: Final = 60_000_000  # 0.7 GB to keep, 2.2 GB while it is built
BYTES_AN_ENTRY: Final = 12
TIMES_WHILE_BUILT: Final = 3
N_SAMPLED: Final = 200
ROUNDED_TO_M: Final = 10.0
BYTES_A_GB: Final = 1e9


def measure_reach(
    graph: EdgeGraph, at: Positions, *, reach_m: float, seed: int = 0
) -> tuple[FloatArray, int]:
    """Return how far places lie from a sample of them, all within a reach, and how many these are.

    Parameters
    ----------
    graph
        The roads, lengths in metres.
    at
        Middles of the lixels.
    reach_m
        Along the roads [m].
    seed
        Of the sample.

    Returns
    -------
    distance_m
        Of every pair, sorted [m].
    n_sampled
        Places in the sample.
    """
    n_sampled = min(N_SAMPLED, len(at))
    chosen = np.sort(np.random.default_rng(seed).choice(len(at), n_sampled, replace=False))
    start, end = graph.node[at.edge].T
    before = at.offset
    after = graph.length[at.edge] - at.offset
    matrix = join_nodes(graph)
    found = []
    for place in chosen.tolist():
        ends = dijkstra(matrix, directed=False, indices=[start[place], end[place]], limit=reach_m)
        to_node = np.minimum(ends[0] + before[place], ends[1] + after[place])
        distance = np.minimum(to_node[start] + before, to_node[end] + after)
        own = np.flatnonzero(at.edge == at.edge[place])
        distance[own] = np.minimum(distance[own], np.abs(before[own] - before[place]))
        found.append(distance[distance < reach_m])
    return np.sort(np.concatenate(found)) if found else np.zeros(0), n_sampled


def join_nodes(graph: EdgeGraph) -> sparse.csr_array:
    """Return the shortest edge between any two nodes that one joins."""
    low, high = np.sort(graph.node, axis=1).T
    order = np.lexsort((graph.length, high, low))
    pair = np.stack([low[order], high[order]])
    is_first = np.append(True, (pair[:, 1:] != pair[:, :-1]).any(axis=0))
    rows: IntArray = order[is_first]
    shape = (graph.n_nodes, graph.n_nodes)
    return sparse.csr_array((graph.length[rows], (low[rows], high[rows])), shape=shape)


def require_room(
    graph: EdgeGraph, at: Positions, *, reach_m: float, setting: str, most: int = MOST_ENTRIES
) -> int:
    """Return about how many entries a matrix has, so that no run dies for want of memory.

    Parameters
    ----------
    graph, at
        The roads, and the middles of the lixels.
    reach_m
        How far a lixel sees along the roads [m].
    setting
        What this was set by, for the message.
    most
        Entries that are allowed.

    Raises
    ------
    ConfigError
        If there are more; names the size, and the largest reach that fits.
    """
    n_places = len(at)
    distance, n_sampled = measure_reach(graph, at, reach_m=reach_m)
    n_entries = round(len(distance) / max(n_sampled, 1) * n_places)
    if n_entries <= most:
        return n_entries
    fitting = int(most / n_places * n_sampled)
    largest = float(distance[fitting] // ROUNDED_TO_M * ROUNDED_TO_M)
    kept = n_entries * BYTES_AN_ENTRY / BYTES_A_GB
    message = (
        f"{setting} is {reach_m:,.0f} m: about {n_entries / n_places:,.0f} of {n_places:,} lixels "
        f"lie within that of a lixel on average, which takes {n_entries / 1e6:,.0f} million "
        f"numbers: {kept:.1f} GB to keep and {kept * TIMES_WHILE_BUILT:.1f} GB while they are "
        f"worked out; at most {most / 1e6:,.0f} million are allowed. Set {setting} to "
        f"{largest:,.0f} m or less, or lixel_length_m to more."
    )
    raise ConfigError(message)
