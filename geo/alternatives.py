"""Other ways that are nearly as fast and mostly run along other roads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.detours import DetourSpace, search_detour
from geo.shortest_paths import Gate, SearchGraph, Workspace
from geo.ways import Ways

__all__ = ["AlternativeRules", "find_alternatives"]

FloatArray = NDArray[np.float64]
Int32Array = NDArray[np.int32]
IntArray = NDArray[np.int64]

TRIES_PER_WAY: Final = 2
SAME: Final = 1.0 - 1e-12  # ways that share this much are one


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeRules:
    """Which other ways count.

    Attributes
    ----------
    n_most
        Greatest number of ways of one origin, the fastest included.
    time_ratio
        An alternative takes at most this many times the fastest time [-].
    overlap_share
        It shares at most this much of its length with any other way [-].
    penalty
        Time on a segment is taken times this for each way that uses it already [-].
    """

    n_most: int
    time_ratio: float
    overlap_share: float
    penalty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way: its partial arcs at both ends (-1 for none), and whole arcs between them."""

    ends: IntArray
    parts: FloatArray
    arcs: Int32Array
    time_s: float
    length_m: float

    def add_uses(self, graph: SearchGraph, n_uses: Int32Array, number: int) -> None:
        """Count the way on each of its segments once more, or less."""
        n_uses[graph.row[self.arcs]] += number
        for arc in self.ends[self.ends >= 0]:
            n_uses[graph.row[arc]] += number

    def measure_overlap(self, other: _Way, graph: SearchGraph) -> float:
        """Measure the share of the shorter way's length that both ways have in common [-]."""
        common = np.intersect1d(self.arcs, other.arcs, assume_unique=True)
        same_end = (self.ends == other.ends) & (self.ends >= 0)
        shared_m = graph.length_m[common].sum()
        shared_m += (self.parts * graph.length_m[self.ends])[same_end].sum()
        shorter_m = min(self.length_m, other.length_m)
        return float(shared_m / shorter_m) if shorter_m > 0 else 1.0


def find_alternatives(
    graph: SearchGraph,
    work: Workspace,
    gate: Gate,
    fastest: Ways,
    places: tuple[IntArray, FloatArray],
    rules: AlternativeRules,
    space: DetourSpace,
) -> Ways:
    """Find ways that are nearly as fast as the fastest and mostly run along other roads.

    Parameters
    ----------
    graph, work, gate
        As after `geo.shortest_paths.search_from_gate`; its times guide the search.
    fastest
        The fastest ways, with their arcs, in order of place.
    places
        Segment's row, and place along it (0 to 1), of each of them.
    rules
        Which ways count.
    space
        Clean; clean again afterwards.

    Returns
    -------
    ways
        The fastest way of each origin and its alternatives by time.

    Notes
    -----
    The roads of all ways found so far are made slower by a penalty and the fastest way is
    searched again, for each origin on its own (de la Barra, Perez & Anez 1993; Bader et al.
    2011, doi:10.1007/978-3-642-19754-3_5). After twice as many tries as there may be
    alternatives the search is given up. An origin whose way has no whole arc has no
    alternative.
    """
    found: list[_Way] = []
    counts = np.ones(len(fastest.origin), dtype=np.int64)
    for i in range(len(fastest.origin)):
        first = _get_way(fastest, i)
        place = (int(places[0][i]), float(places[1][i]))
        others = _find_others(graph, work, gate, first, place, rules, space)
        counts[i] += len(others)
        found += [first, *sorted(others, key=lambda way: way.time_s)]
    return Ways(
        origin=np.repeat(fastest.origin, counts),
        first_arc=np.array([way.ends[0] for way in found], dtype=np.int64),
        first_share=np.array([way.parts[0] for way in found]),
        offset=np.cumsum([0, *(len(way.arcs) for way in found)]),
        arcs=np.concatenate([np.empty(0, dtype=np.int32), *(way.arcs for way in found)]),
        last_arc=np.array([way.ends[1] for way in found], dtype=np.int64),
        last_share=np.array([way.parts[1] for way in found]),
        time_s=np.array([way.time_s for way in found]),
        length_m=np.array([way.length_m for way in found]),
    )


def _get_way(ways: Ways, i: int) -> _Way:
    return _Way(
        ends=np.array([ways.first_arc[i], ways.last_arc[i]]),
        parts=np.array([ways.first_share[i], ways.last_share[i]]),
        arcs=ways.arcs[ways.offset[i] : ways.offset[i + 1]],
        time_s=float(ways.time_s[i]),
        length_m=float(ways.length_m[i]),
    )


def _find_others(
    graph: SearchGraph,
    work: Workspace,
    gate: Gate,
    fastest: _Way,
    place: tuple[int, float],
    rules: AlternativeRules,
    space: DetourSpace,
) -> list[_Way]:
    """Find the alternatives of one origin, in the order found."""
    if len(fastest.arcs) == 0:
        return []
    kept, tried = [fastest], [fastest]
    fastest.add_uses(graph, space.n_uses, 1)
    longest_s = rules.time_ratio * fastest.time_s
    n_tries = TRIES_PER_WAY * (rules.n_most - 1)
    slower = rules.penalty ** np.arange(2.0 * n_tries + 3)
    for _ in range(n_tries):
        detour = search_detour(graph, work, gate, place, longest_s, slower, space)
        if detour is None:
            break
        way = _measure(graph, *detour)
        way.add_uses(graph, space.n_uses, 1)
        tried.append(way)
        overlap = max(way.measure_overlap(other, graph) for other in kept)
        if way.time_s <= longest_s and overlap <= min(rules.overlap_share, SAME):
            kept.append(way)
        if len(kept) == rules.n_most:
            break
    for way in tried:
        way.add_uses(graph, space.n_uses, -1)
    return kept[1:]


def _measure(graph: SearchGraph, ends: IntArray, parts: FloatArray, arcs: Int32Array) -> _Way:
    """Add up the time and length of a way; a part of no arc is 0."""
    return _Way(
        ends=ends,
        parts=parts,
        arcs=arcs,
        time_s=float(graph.time_s[arcs].sum() + (parts * graph.time_s[ends]).sum()),
        length_m=float(graph.length_m[arcs].sum() + (parts * graph.length_m[ends]).sum()),
    )
