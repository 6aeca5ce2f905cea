"""Network K: whether points lie closer together along the roads than chance would put them."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.errors import InputError, NotEnoughDataError
from core.progress import Progress, no_progress
from models.arrays import FloatArray
from models.edge_graph import EdgeGraph, Positions, require_on_graph
from models.k_envelopes import compute_global_envelope, compute_pointwise_envelope
from models.k_options import Distances, KOptions, NullDraws
from models.k_pairs import PooledPoints, count_corrected_pairs, count_pairs, make_desk
from models.nkde_walks import Arms
from models.random_positions import draw_positions, read_arm_order, read_edge_weights

__all__ = [
    "KResult",
    "compute_k_function",
    "evaluate_clustering",
]

N_PARTS: Final = 64  # each summed by itself, so that the result does not depend on the processors
PART: Final = 32  # points that are worth a part
MAX_POINTS: Final = 3_000_000  # of drawn patterns in memory at once
MAX_CELLS: Final = 300_000  # patterns times distances, of each part
LABEL: Final = "counting pairs of points"


@dataclass(frozen=True, slots=True, kw_only=True)
class KResult:
    """K of events beside K of chance; arrays of shape (n_distances,) [m].

    Attributes
    ----------
    r_m, k, expected
        Distance, K of the events, and the mean of the simulations.
    low, high
        Between which chance keeps K at one distance.
    global_low, global_high
        Between which chance keeps K at all distances together.
    p_value
        At each distance, two-sided, not adjusted for looking at many.
    p_global
        Of the test at all distances together.
    n_events, n_to
        Points; `n_to` is None where the events are compared with themselves.
    length_m, n_simulations, seed, level
        Length of the network, and what was drawn.
    """

    r_m: FloatArray
    k: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray
    global_low: FloatArray
    global_high: FloatArray
    p_value: FloatArray
    p_global: float
    n_events: int
    n_to: int | None
    length_m: float
    n_simulations: int
    seed: int
    level: float

    @property
    def ratio(self) -> FloatArray:
        """K over what chance gives; NaN where chance gives none."""
        return _divide(self.k, self.expected)

    @property
    def ring_ratio(self) -> FloatArray:
        """Pairs between the distance before and this one, over those of chance."""
        return _divide(np.diff(self.k, prepend=0.0), np.diff(self.expected, prepend=0.0))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a distance."""
        names = ("r_m", "k", "expected", "low", "high", "global_low", "global_high")
        columns = {name: getattr(self, name) for name in (*names, "ratio", "ring_ratio", "p_value")}
        return pd.DataFrame(columns)


def compute_k_function(
    graph: EdgeGraph,
    events: Positions,
    distances: Distances,
    *,
    to: Positions | None = None,
    intensity_per_m: ArrayLike | None = None,
    options: KOptions | None = None,
) -> FloatArray:
    """Compute the network K function of events, or cross-K of events around other points.

    Parameters
    ----------
    graph
        The network, lengths in metres.
    events
        Points, at least two (one for cross-K).
    distances
        At which K is wanted.
    to
        Other points, such as gates: pairs of one of these (the first) and an event.
    intensity_per_m
        Events expected per metre of each edge, shape (n_edges,), with
        `KOptions.is_inhomogeneous`.
    options
        Correction, threads.

    Returns
    -------
    k
        K at each distance [m], shape (n_distances,).

    Raises
    ------
    InputError
        If a point lies on no edge, or on one whose intensity is not above 0.
    NotEnoughDataError
        If there are too few points.

    Notes
    -----
    Plain: K(r) = L / (n (n - 1)) times the number of ordered pairs whose shortest path is
    r or less; cross: L / (n_to n) times the number of pairs. Corrected: each pair counts
    1 / m(u, d), m the number of places of the network exactly as far from its first point u
    as the second; K of points laid by chance is then r, whatever the network. Points of
    unconnected parts are never within any distance.

    References
    ----------
    Okabe & Yamada (2001). The K-function method on a network and its computational
    implementation. Geographical Analysis 33(3), 271-290.
    doi:10.1111/j.1538-4632.2001.tb00448.x
    Ang, Baddeley & Nair (2012). Geometrically corrected second order analysis of events on a
    linear network. Scandinavian Journal of Statistics 39(4), 591-617.
    doi:10.1111/j.1467-9469.2011.00752.x
    """
    task = _Task.make(graph, events, to, distances, intensity_per_m, options or KOptions())
    k: FloatArray = task.count([events])[0]
    return k


def evaluate_clustering(
    graph: EdgeGraph,
    events: Positions,
    distances: Distances,
    *,
    to: Positions | None = None,
    draws: NullDraws | None = None,
    options: KOptions | None = None,
    progress: Progress = no_progress,
) -> KResult:
    """Compare K of events with K of as many laid by chance.

    Parameters
    ----------
    graph, events, distances, to, options
        As `compute_k_function`.
    draws
        How many patterns of chance, from which seed, and where chance puts events. The
        points of `to` are held, the events drawn.
    progress
        Told the patterns that are done.

    Returns
    -------
    result
        K, its expectation and envelopes, and one p-value for all distances together.

    Raises
    ------
    InputError, NotEnoughDataError
        As `compute_k_function`, or if the weights of edges are no numbers, or all 0.

    Notes
    -----
    Points are drawn anywhere along edges, not on nodes. The one p-value is that of the
    extreme rank length test of `models.k_envelopes.compute_global_envelope`, which holds
    its level exactly, whatever the number of distances.
    """
    null, chosen = draws or NullDraws(), options or KOptions()
    weight = read_edge_weights(graph, null.edge_weight)
    order = read_arm_order(graph, null.arm_order)
    intensity = None
    if chosen.is_inhomogeneous:
        intensity = len(events) * weight / weight.sum() / graph.length
    task = _Task.make(graph, events, to, distances, intensity, chosen)
    streams = np.random.SeedSequence(null.seed).spawn(null.n_simulations)
    n_all = null.n_simulations + 1
    at_once = min(MAX_POINTS // max(1, len(events)), MAX_CELLS // len(distances.r_m))
    curves = np.empty((n_all, len(distances.r_m)))
    for begin in range(0, n_all, max(1, at_once)):
        stop = min(n_all, begin + max(1, at_once))
        patterns = [
            draw_positions(
                graph, len(events), weight, np.random.default_rng(streams[at - 1]), order
            )
            if at
            else events
            for at in range(begin, stop)
        ]
        curves[begin:stop] = task.count(patterns, progress, begin, n_all)
    observed, simulated = curves[0], curves[1:]
    low, high, p_value = compute_pointwise_envelope(observed, simulated, level=null.level)
    envelope = compute_global_envelope(observed, simulated, level=null.level)
    return KResult(
        r_m=distances.r_m,
        k=observed,
        expected=simulated.mean(axis=0),
        low=low,
        high=high,
        global_low=envelope.low,
        global_high=envelope.high,
        p_value=p_value,
        p_global=envelope.p_value,
        n_events=len(events),
        n_to=None if to is None else len(to),
        length_m=float(graph.length.sum()),
        n_simulations=null.n_simulations,
        seed=null.seed,
        level=null.level,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What all patterns share."""

    graph: EdgeGraph
    to: Positions | None
    distances: Distances
    point_weight: FloatArray | None  # of a point on each edge, None: 1
    factor: float
    options: KOptions

    @classmethod
    def make(
        cls,
        graph: EdgeGraph,
        events: Positions,
        to: Positions | None,
        distances: Distances,
        intensity_per_m: ArrayLike | None,
        options: KOptions,
    ) -> _Task:
        """Check what is given, and find the factor of the number of pairs."""
        n, length = len(events), float(graph.length.sum())
        if n < (2 if to is None else 1) or (to is not None and not len(to)):
            others = "" if to is None else f" and {len(to)} other points"
            message = f"events: {n}{others} on the network; give two or more, or one and one other."
            raise NotEnoughDataError(message)
        require_on_graph("events", events, graph)
        if to is not None:
            require_on_graph("to", to, graph)
        if options.is_inhomogeneous != (intensity_per_m is not None):
            message = "intensity_per_m: give it with is_inhomogeneous, and only then."
            raise InputError(message)
        weight = None
        factor = length / (n * (n - 1)) if to is None else length / (n * len(to))
        if intensity_per_m is not None:
            intensity = np.asarray(intensity_per_m, dtype=np.float64)
            _require_intensity(intensity, events, graph)
            with np.errstate(divide="ignore"):
                weight = 1.0 / intensity
            factor = n / (n - 1) / length if to is None else 1.0 / len(to)
        return cls(
            graph=graph,
            to=to,
            distances=distances,
            point_weight=weight,
            factor=factor,
            options=options,
        )

    def count(
        self,
        patterns: list[Positions],
        progress: Progress = no_progress,
        n_before: int = 0,
        n_all: int = 1,
    ) -> FloatArray:
        """Return K of each pattern, shape (n_patterns, n_distances)."""
        graph, rings = self.graph, self.distances.make_rings()
        arms = Arms(graph.node, graph.length, graph.first_arm, graph.arm)
        targets = _pool(patterns, graph, self.point_weight)
        sources = targets if self.to is None else _pool([self.to], graph, None)
        n_parts = min(N_PARTS, 1 + len(sources.offset) // PART)
        even = np.linspace(0, len(sources.offset), n_parts + 1)[:-1]
        cuts = np.unique(np.searchsorted(sources.first, even)).tolist()
        cuts = [0, *(cut for cut in cuts if 0 < cut < graph.n_edges), graph.n_edges]

        count = count_corrected_pairs if self.options.is_corrected else count_pairs

        def work(part: tuple[int, int]) -> FloatArray:
            out = np.zeros((len(patterns), rings.n))
            desk = make_desk(graph.n_nodes, graph.n_edges)
            count(arms, sources, targets, rings, self.to is not None, *part, desk, out)
            return out

        total = np.zeros((len(patterns), rings.n))
        workers = self.options.n_workers or os.cpu_count() or 1
        parts = list(itertools.pairwise(cuts))
        with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
            for done, one in enumerate(pool.map(work, parts), start=1):
                total += one
                part_done = n_before * N_PARTS + len(patterns) * N_PARTS * done // len(parts)
                progress(part_done, n_all * N_PARTS, LABEL)
        return np.cumsum(total, axis=1) * self.factor


def _pool(
    patterns: list[Positions], graph: EdgeGraph, point_weight: FloatArray | None
) -> PooledPoints:
    """Put the points of all patterns together, by edge and pattern."""
    edge = np.concatenate([one.edge for one in patterns]).astype(np.int64)
    offset = np.concatenate([one.offset for one in patterns]).astype(np.float64)
    pattern = np.repeat(np.arange(len(patterns)), [len(one) for one in patterns])
    order = np.argsort(edge, kind="stable")  # patterns are in order already
    edge = edge[order]
    first = np.searchsorted(edge, np.arange(graph.n_edges + 1)).astype(np.int64)
    weight = np.ones(len(edge)) if point_weight is None else point_weight[edge]
    return PooledPoints(first, offset[order], pattern[order].astype(np.int64), weight)


def _require_intensity(intensity: FloatArray, events: Positions, graph: EdgeGraph) -> None:
    if intensity.shape != (graph.n_edges,):
        message = f"intensity_per_m has shape {intensity.shape}; give one for each edge."
        raise InputError(message)
    is_bad = ~(np.isfinite(intensity) & (intensity > 0))[events.edge]
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"events: {int(is_bad.sum())} of {len(events)} lie on edges where none is expected, "
            f"first at position {first}: edge {events.edge[first]}; give those edges an exposure."
        )
        raise InputError(message)


def _divide(top: FloatArray, bottom: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, top / bottom, np.nan)
