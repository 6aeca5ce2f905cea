"""Chains: maximal runs of road through nodes where nothing changes or branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["Chains", "RoadLines", "build_chains"]

_ONEWAYS = np.array(["backward", "no", "forward"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadLines:
    """Ways as runs of shared nodes, in metres.

    Way `i` runs through the nodes `node[offset[i]:offset[i + 1]]`, at least two, never
    the same twice in a row. `ways` has the attributes; `road_class` and `oneway` among
    them.
    """

    ways: pd.DataFrame
    offset: NDArray[np.int64]
    node: NDArray[np.int64]
    node_x: NDArray[np.float64]  # m, shape (n_nodes,)
    node_y: NDArray[np.float64]
    osm_node_id: NDArray[np.int64]  # -1 where the source has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Chain `i` runs through `node[offset[i]:offset[i + 1]]`, made of one piece or more."""

    offset: NDArray[np.int64]
    node: NDArray[np.int64]
    oneway: NDArray[np.str_]  # along the chain
    piece_chain: NDArray[np.int64]  # ascending
    piece_way: NDArray[np.int64]
    piece_length_m: NDArray[np.float64]

    def find_longest_share(self, column: pd.Series[Any]) -> NDArray[np.int64]:
        """Give for each chain a way that has the value with the longest share of it.

        Missing counts as a value; of equal shares the one met first wins.
        """
        n_chains = len(self.offset) - 1
        first = np.searchsorted(self.piece_chain, np.arange(n_chains))
        way: NDArray[np.int64] = self.piece_way[first]
        size = np.diff(np.append(first, len(self.piece_chain)))
        mixed = np.flatnonzero(size[self.piece_chain] > 1)
        if not len(mixed):
            return way
        codes, distinct = pd.factorize(column)
        chain, piece_way = self.piece_chain[mixed], self.piece_way[mixed]
        key = chain * (len(distinct) + 1) + codes[piece_way] + 1
        order = np.argsort(key, kind="stable")
        start = np.flatnonzero(np.diff(key[order], prepend=-1))
        share = np.add.reduceat(self.piece_length_m[mixed][order], start)
        met = order[start]  # the first piece with this value
        best = np.lexsort([met, -share, chain[met]])
        best = best[np.diff(chain[met][best], prepend=-1) != 0]
        way[chain[met[best]]] = piece_way[met[best]]
        return way


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pieces:
    """Runs of a way with no break inside: references `start` to `stop`, both included."""

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    way: NDArray[np.int64]
    length_m: NDArray[np.float64]


def build_chains(roads: RoadLines) -> Chains:
    """Join the pieces of ways through nodes of degree 2.

    A chain ends where the number of road ends is not 2, and where the road class or the
    permitted direction changes. A ring that touches nothing gets one end, at its lowest
    node among the ends of its ways. A chain runs the way that most of its length was
    drawn.
    """
    is_break = _find_breaks(roads)
    pieces = _split(roads, is_break)
    link = _link_ends(roads, pieces, is_break)
    order, chain_of_order = _order(pieces, link)
    return _assemble(roads, pieces, order, chain_of_order)


def _find_breaks(roads: RoadLines) -> NDArray[np.bool_]:
    """Tell at which nodes a chain must end."""
    n = len(roads.node_x)
    size = np.diff(roads.offset)
    way = np.repeat(np.arange(len(size)), size)
    inner = way[1:] == way[:-1]
    a, b, way = roads.node[:-1][inner], roads.node[1:][inner], way[1:][inner]
    degree = np.bincount(a, minlength=n) + np.bincount(b, minlength=n)
    code = pd.factorize(roads.ways["road_class"])[0].astype(float)[way]
    flow = _sign(roads.ways)[way].astype(float)
    # At a node of degree 2 both codes are equal just when 2 (k1² + k2²) = (k1 + k2)².
    sums = [np.bincount(a, w, n) + np.bincount(b, w, n) for w in (code, code**2)]
    same_class = 2 * sums[1] == sums[0] ** 2
    net = np.bincount(a, flow, n) - np.bincount(b, flow, n)
    gross = np.bincount(a, np.abs(flow), n) + np.bincount(b, np.abs(flow), n)
    same_flow = (net == 0) & (gross != 1)
    is_break: NDArray[np.bool_] = (degree != 2) | ~same_class | ~same_flow
    return is_break


def _sign(ways: pd.DataFrame) -> NDArray[np.int64]:
    """Give +1, 0, -1 for forward, both ways, backward."""
    oneway = ways["oneway"]
    return np.asarray(oneway == "forward", np.int64) - np.asarray(oneway == "backward", np.int64)


def _split(roads: RoadLines, is_break: NDArray[np.bool_]) -> _Pieces:
    """Split ways at breaks and at their own ends."""
    size = np.diff(roads.offset)
    is_end = is_break[roads.node]
    first, last = roads.offset[:-1], roads.offset[1:] - 1
    is_end[first] = True
    is_end[last] = True
    starts, stops = is_end.copy(), is_end
    starts[last] = False
    stops[first] = False
    start, stop = np.flatnonzero(starts), np.flatnonzero(stops)
    x, y = roads.node_x[roads.node], roads.node_y[roads.node]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    way = np.repeat(np.arange(len(size)), size)[start]
    return _Pieces(start=start, stop=stop, way=way, length_m=along[stop] - along[start])


def _link_ends(roads: RoadLines, pieces: _Pieces, is_break: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pair piece ends that meet at a node that is no break; -1 for an end of a chain.

    End `2 k` is the start of piece `k`, `2 k + 1` its stop.
    """
    node = np.empty(2 * len(pieces.start), dtype=np.int64)
    node[0::2], node[1::2] = roads.node[pieces.start], roads.node[pieces.stop]
    link: NDArray[np.int64] = np.full(len(node), -1, dtype=np.int64)
    ends = np.flatnonzero(~is_break[node])
    ends = ends[np.argsort(node[ends], kind="stable")]
    link[ends[0::2]], link[ends[1::2]] = ends[1::2], ends[0::2]
    _open_rings(node, link)
    return link


def _open_rings(node: NDArray[np.int64], link: NDArray[np.int64]) -> None:
    """Unlink one node, the lowest, of every chain that has no end (in place)."""
    ends = np.flatnonzero(link >= 0)
    n_pieces = len(node) // 2
    links = coo_array(
        (np.ones(len(ends), dtype=np.int8), (ends // 2, link[ends] // 2)),
        shape=(n_pieces, n_pieces),
    )
    n_parts, label = connected_components(links, directed=False)
    part = label[np.arange(len(node)) // 2]
    is_ring = np.bincount(part[link < 0], minlength=n_parts) == 0
    ring_ends = ends[is_ring[part[ends]]]
    ring_ends = ring_ends[np.lexsort([node[ring_ends], part[ring_ends]])]
    lowest = ring_ends[np.unique(part[ring_ends], return_index=True)[1]]
    partner = link[lowest]
    link[lowest] = -1
    link[partner] = -1


def _order(pieces: _Pieces, link: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Put pieces in chain order by pointer jumping; one direction of each chain is kept.

    Traversal `2 k` runs piece `k` as it was drawn, `2 k + 1` the other way. Returned are
    the traversals in order and the chain of each.
    """
    everyone = np.arange(len(link))
    has_before = link >= 0
    root = np.where(has_before, link ^ 1, everyone)
    rank = has_before.astype(np.int64)
    while True:
        beyond = root[root]
        if np.array_equal(beyond, root):
            break
        rank = rank + rank[root]
        root = beyond
    drawn = np.bincount(root[0::2], weights=pieces.length_m, minlength=len(link))
    mate = root[everyone ^ 1]
    ahead, behind = drawn[root], drawn[mate]
    keep = np.flatnonzero((ahead > behind) | ((ahead == behind) & (root < mate)))
    keep = keep[np.lexsort([rank[keep], root[keep]])]
    chain = np.cumsum(np.diff(root[keep], prepend=-1) != 0) - 1
    return keep, chain


def _assemble(
    roads: RoadLines, pieces: _Pieces, order: NDArray[np.int64], chain: NDArray[np.int64]
) -> Chains:
    """Line up the nodes of every chain, each joint once."""
    piece, is_reversed = order // 2, order % 2 == 1
    is_first = np.diff(chain, prepend=-1) != 0
    skip = (~is_first).astype(np.int64)
    begin = np.where(is_reversed, pieces.stop[piece], pieces.start[piece])
    step = np.where(is_reversed, -1, 1)
    count = pieces.stop[piece] - pieces.start[piece] + 1 - skip
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    position = np.repeat(begin + step * skip, count) + np.repeat(step, count) * within
    n_chains = int(chain[-1]) + 1 if len(chain) else 0
    n_nodes = np.bincount(chain, weights=count, minlength=n_chains).astype(np.int64)
    sign = _sign(roads.ways)[pieces.way[piece]] * step
    return Chains(
        offset=np.concatenate([[0], np.cumsum(n_nodes)]).astype(np.int64),
        node=roads.node[position],
        oneway=_ONEWAYS[sign[is_first] + 1],
        piece_chain=chain,
        piece_way=pieces.way[piece],
        piece_length_m=pieces.length_m[piece],
    )
