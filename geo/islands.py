"""Places around a traffic island or joined by a slip road, which are one intersection."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.junction_links import ShortRoads

__all__ = ["find_islands"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def find_islands(
    roads: ShortRoads,
    root: IntArray,
    level: IntArray,
    *,
    island_side_m: float,
    slip_leg_m: float,
    slip_length_m: float,
) -> tuple[IntArray, BoolArray]:
    """Find places around a traffic island or joined by a slip road.

    Parameters
    ----------
    roads
        Short roads between junctions.
    root
        The place of each node, named by one of its nodes, shape (n_nodes,).
    level
        See `geo.junction_links.find_node_levels`.
    island_side_m, slip_leg_m, slip_length_m
        See `geo.consolidation.ConsolidationRules` [m].

    Returns
    -------
    groups
        Two places (the third is -1) or three, smallest island first, shape (n, 3).
    is_end
        Whether a single road leads on from each, shape (n, 3); so it is for all but one.
    """
    if not (roads.is_link | (roads.flow_a != 0)).any():
        return np.empty((0, 3), dtype=np.int64), np.empty((0, 3), dtype=bool)
    a, b = root[roads.a], root[roads.b]
    usable = (a != b) & (level[a] == level[b])
    usable &= (roads.degree[roads.a] >= 3) & (roads.degree[roads.b] >= 3)
    edges = pd.DataFrame(
        {
            "a": np.minimum(a, b),
            "b": np.maximum(a, b),
            "length_m": roads.length_m,
            "is_link": roads.is_link,
            "is_oneway": roads.flow_a != 0,
            # +1 where it leads from the lower place to the higher
            "flow": np.where(a < b, roads.flow_a, -roads.flow_a),
        }
    )[usable]
    table = pd.concat(
        [
            _find_triangles(edges, island_side_m, slip_leg_m, slip_length_m),
            _find_forks(edges, island_side_m),
        ]
    )
    arms = np.bincount(root, roads.own_degree, len(root))
    is_inner = root[roads.a] == root[roads.b]
    arms -= 2 * np.bincount(root[roads.a[is_inner]], ~roads.is_link[is_inner], len(root))
    places, sides = table[["p", "q", "r"]].to_numpy(), table[["at_p", "at_q", "at_r"]].to_numpy()
    is_end = (places >= 0) & (arms[places] - sides <= 1)
    enough = is_end.sum(axis=1) >= (places >= 0).sum(axis=1) - 1
    around = table["around_m"].round(3).to_numpy()
    rank = np.lexsort([places[:, 2], places[:, 1], places[:, 0], around])
    rank = rank[enough[rank]]
    return places[rank].astype(np.int64), is_end[rank]


def _find_triangles(
    edges: pd.DataFrame, island_side_m: float, slip_leg_m: float, slip_length_m: float
) -> pd.DataFrame:
    """Find three places joined by three short roads, one of them one-way or a link.

    `at_p` and so on count the sides at each place that are no links.
    """
    pq = edges.rename(columns={"a": "p", "b": "q"})
    pr = edges.rename(columns={"a": "p", "b": "r"})
    qr = edges.rename(columns={"a": "q", "b": "r"})
    found = pq.merge(pr, on="p", suffixes=("_pq", "_pr"))
    found = found[found["q"] < found["r"]].merge(
        qr.add_suffix("_qr").rename(columns={"q_qr": "q", "r_qr": "r"}), on=["q", "r"]
    )
    names = ("pq", "pr", "qr")
    length = found[[f"length_m_{name}" for name in names]].to_numpy()
    is_link = found[[f"is_link_{name}" for name in names]].to_numpy(dtype=bool)
    is_oneway = found[[f"is_oneway_{name}" for name in names]].to_numpy(dtype=bool)
    limit = np.where(is_link, slip_length_m, slip_leg_m)
    has_link = np.asarray(is_link.any(axis=1))
    limit = np.where(has_link[:, None], limit, island_side_m)
    is_island: BoolArray = (length <= limit).all(axis=1) & (is_link | is_oneway).any(axis=1)
    own = (~is_link).astype(np.int64)
    table = found[["p", "q", "r"]].assign(
        around_m=length.sum(axis=1),
        at_p=own[:, 0] + own[:, 1],
        at_q=own[:, 0] + own[:, 2],
        at_r=own[:, 1] + own[:, 2],
    )
    triangles: pd.DataFrame = table[is_island]
    return triangles


def _find_forks(edges: pd.DataFrame, island_side_m: float) -> pd.DataFrame:
    """Find two places joined by two short one-way roads, one there and one back."""
    oneway = edges[edges["is_oneway"] & (edges["length_m"] <= island_side_m)]
    there, back = (oneway[oneway["flow"] == flow] for flow in (1, -1))
    found = there.merge(back, on=["a", "b"])
    own = 2 - found["is_link_x"].astype(np.int64) - found["is_link_y"].astype(np.int64)
    return pd.DataFrame(
        {
            "p": found["a"],
            "q": found["b"],
            "r": -1,
            "around_m": found["length_m_x"] + found["length_m_y"],
            "at_p": own,
            "at_q": own,
            "at_r": 0,
        }
    )
