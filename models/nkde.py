"""Network kernel density: how many events a kilometre of road has, with what is near counted in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError
from core.progress import Progress, no_progress
from core.units import M_PER_KM
from models.arrays import BoolArray, FloatArray, IntArray
from models.edge_graph import EdgeGraph, Positions, require_on_graph
from models.network_kernels import get_kernel_code
from models.nkde_lots import Lot, Nearby, Stepping
from models.nkde_paths import add_paths, grow_regions
from models.nkde_walks import CONTINUOUS, DISCONTINUOUS, Arms, Events, Rule, Samples, add_walks

__all__ = [
    "METHODS",
    "NkdeOptions",
    "compute_adaptive_bandwidth",
    "compute_loo_likelihood",
    "compute_nkde",
]

METHODS: Final = ("simple", "discontinuous", "continuous")
NO_LIMIT: Final = 2**62
N_PARTS: Final = 8  # each summed by itself, so that the result does not depend on the processors
N_ROUNDS: Final = 12  # progress is told after each
ALL: Final = -1
MAX_WALKS: Final = 2_000  # of a group of events
N_TRIED, MANY = 32, 0.25  # groups; the share with too many walks from which none is followed
FEW_WALKS = 100  # of a group: followed however many groups there are
MUCH_WORK = 5_000_000  # walks in all: steps are the shorter way then
MAX_NODES: Final = 3_000  # of a region that is spread in steps at once


@dataclass(frozen=True, slots=True, kw_only=True)
class NkdeOptions:
    """How mass spreads from an event.

    Attributes
    ----------
    method
        One of `METHODS`.
    kernel
        One of `models.network_kernels.KERNELS`.
    reflects_at_dead_ends
        Whether mass that reaches a dead end comes back; without, it leaves the network.
        The simple form knows no dead ends.
    max_depth
        Nodes that mass may pass; None: no limit but the bandwidth.
    resolution_m
        Step of distance where there are too many walks to follow each; see the notes of
        `compute_nkde` [m].
    n_workers
        Threads; None: one a processor.
    """

    method: str = "continuous"
    kernel: str = "quartic"
    reflects_at_dead_ends: bool = False
    max_depth: int | None = None
    resolution_m: float = 0.25
    n_workers: int | None = None

    def __post_init__(self) -> None:
        get_kernel_code(self.kernel)
        if self.method not in METHODS:
            message = f"method {self.method!r} is not known; use one of: {', '.join(METHODS)}."
            raise InputError(message)
        if self.max_depth is not None and self.max_depth < 1:
            message = f"max_depth is {self.max_depth}; give 1 or more, or none."
            raise InputError(message)
        if self.method == "simple" and (self.max_depth or self.reflects_at_dead_ends):
            message = (
                "method 'simple': takes shortest paths, so neither a depth nor reflection applies."
            )
            raise InputError(message)


def compute_nkde(
    graph: EdgeGraph,
    events: Positions,
    samples: Positions,
    *,
    bandwidth_m: ArrayLike,
    weights: ArrayLike | None = None,
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
) -> FloatArray:
    """Compute the density of events at samples on a network.

    Parameters
    ----------
    graph
        The network, lengths in metres.
    events, samples
        Where events are, and where the density is wanted; offsets in metres.
    bandwidth_m
        Distance from which on an event counts nothing [m]: one for all, or one an event.
    weights
        Of the events, shape (n_events,) or (n_events, n_columns) for several at once, such
        as severities or the kernel in time of a space-time density; by default 1.
    options
        Form, kernel, dead ends, depth.
    progress
        Told the share that is done.

    Returns
    -------
    density
        Events per kilometre, shape (n_samples,), or (n_samples, n_columns) where the weights
        have columns.

    Raises
    ------
    InputError
        If a point lies on no edge, or a bandwidth or weight is not a number above 0 (0 for
        weights).

    Notes
    -----
    *Simple*: by shortest paths; mass is not conserved at junctions. *Discontinuous*: mass
    divides among the other edges of a node, and never turns back; it jumps where an event
    reaches a node. *Continuous*: as a wave does, with a part thrown back, so that the
    density has no jumps; mass is conserved (as in the discontinuous form) where no dead end
    is within the bandwidth, or with reflection. An event exactly on a node belongs to all its
    edges alike.

    References
    ----------
    Okabe, Satoh & Sugihara (2009). A kernel density estimation method for networks, its
    computational method and a GIS-based tool. IJGIS 23(1), 7-32.
    doi:10.1080/13658810802475491
    """
    task = _Task(
        graph=graph,
        events=events,
        samples=samples,
        bandwidth=_read_bandwidth(bandwidth_m, len(events)),
        factor=_read_weights(weights, len(events)),
        owner=None,
        options=options or NkdeOptions(),
    )
    result = task.run(progress) * M_PER_KM
    return result[:, 0] if weights is None or np.ndim(weights) == 1 else result


def compute_adaptive_bandwidth(
    graph: EdgeGraph,
    events: Positions,
    *,
    bandwidth_m: float,
    trim_m: float,
    weights: ArrayLike | None = None,
    options: NkdeOptions | None = None,
) -> FloatArray:
    """Compute a bandwidth for each event: narrow where events are dense (Abramson).

    Parameters
    ----------
    graph, events, weights, options
        As `compute_nkde`.
    bandwidth_m
        Of the pilot density, and what the adapted ones vary about [m].
    trim_m
        The widest allowed [m].

    Returns
    -------
    bandwidth_m
        min(trim, b p^-1/2 / g), p the pilot density at the event and g the geometric mean
        of p^-1/2, shape (n_events,) [m].

    Raises
    ------
    InputError
        As `compute_nkde`; if the trim is below 0; or if the pilot density is not above 0 at
        an event, as the continuous form can be at crossings of short edges.

    References
    ----------
    Abramson (1982). On bandwidth variation in kernel estimates - a square root law.
    Annals of Statistics 10(4). doi:10.1214/aos/1176345986
    """
    if not trim_m > 0:
        message = f"trim_m is {trim_m:g}; give a bandwidth above 0."
        raise InputError(message)
    one = None if weights is None else np.asarray(weights, dtype=np.float64).reshape(-1)
    pilot = compute_nkde(
        graph, events, events, bandwidth_m=bandwidth_m, weights=one, options=options
    )
    if (pilot <= 0).any():
        first = int(np.flatnonzero(pilot <= 0)[0])
        message = (
            f"pilot density: not above 0 at {int((pilot <= 0).sum())} of {len(pilot)} events, "
            f"first at position {first}; take the discontinuous form, or a wider bandwidth."
        )
        raise InputError(message)
    spread = pilot**-0.5
    adapted = bandwidth_m * spread / np.exp(np.log(spread).mean()) if len(spread) else spread
    return np.minimum(trim_m, adapted)


def compute_loo_likelihood(
    graph: EdgeGraph,
    events: Positions,
    bandwidths_m: ArrayLike,
    *,
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
) -> FloatArray:
    """Compute how well each bandwidth foretells an event from all others.

    Parameters
    ----------
    graph, events, options
        As `compute_nkde`.
    bandwidths_m
        To compare, shape (n_bandwidths,) [m].

    Returns
    -------
    score
        Mean of the logarithm of the density at each event without its own mass, events
        that have none nearby given the smallest density of a computer; shape
        (n_bandwidths,). The highest is best.

    Raises
    ------
    InputError
        As `compute_nkde`, or with fewer than two events.

    Notes
    -----
    Leave-one-out cross-validation of the likelihood. The densities are those of n - 1
    events and are divided by that number.
    """
    if len(events) < 2:
        message = f"events: {len(events)} given; a bandwidth is chosen from two or more."
        raise InputError(message)
    chosen = options or NkdeOptions()
    tried = np.atleast_1d(np.asarray(bandwidths_m, dtype=np.float64))
    owner = np.arange(len(events), dtype=np.int64)
    scores = np.empty(len(tried))
    for at, bandwidth in enumerate(tried):
        task = _Task(
            graph=graph,
            events=events,
            samples=events,
            bandwidth=_read_bandwidth(bandwidth, len(events)),
            factor=np.ones((len(events), 1)),
            owner=owner,
            options=chosen,
        )
        likelihood = task.run(no_progress)[:, 0] / (len(events) - 1)
        scores[at] = np.log(np.maximum(likelihood, np.finfo(float).tiny)).mean()
        progress(at + 1, len(tried), "comparing bandwidths")
    return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """Events whose density is wanted at samples; what the parts of the work share."""

    graph: EdgeGraph
    events: Positions
    samples: Positions
    bandwidth: FloatArray  # (n_events,)
    factor: FloatArray  # (n_events, n_columns)
    owner: IntArray | None  # event that each sample leaves out
    options: NkdeOptions

    def run(self, progress: Progress) -> FloatArray:
        """Return the density per metre of each sample and column."""
        require_on_graph("events", self.events, self.graph)
        require_on_graph("samples", self.samples, self.graph)
        order = np.lexsort((self.samples.offset, self.samples.edge))
        edges = np.arange(self.graph.n_edges + 1)
        first = np.searchsorted(self.samples.edge[order], edges).astype(np.int64)
        nobody = np.full(len(order), ALL, dtype=np.int64)
        owner = nobody if self.owner is None else self.owner[order]
        samples = Samples(first, self.samples.offset[order], owner)
        spread = self._take_paths if self.options.method == "simple" else self._take_walks
        density = np.empty((len(order), self.factor.shape[1]))
        density[order] = spread(samples, progress)
        return density

    @property
    def _arms(self) -> Arms:
        return Arms(self.graph.node, self.graph.length, self.graph.first_arm, self.graph.arm)

    def _list_events(self, order: IntArray) -> Events:
        return Events(self.events.offset[order], self.bandwidth[order], self.factor[order], order)

    def _take_paths(self, samples: Samples, progress: Progress) -> FloatArray:
        order = np.argsort(self.events.edge, kind="stable").astype(np.int64)
        listed, edge_of = self._list_events(order), self.events.edge[order]
        arms, kernel = self._arms, get_kernel_code(self.options.kernel)

        def add(begin: int, stop: int, out: FloatArray) -> None:
            add_paths(arms, edge_of, listed, samples, kernel, out, begin, stop)

        return self._share_work(add, len(order), len(samples.offset), progress)

    def _take_walks(self, samples: Samples, progress: Progress) -> FloatArray:
        starts, order = self._group_events()
        listed, arms = self._list_events(order), self._arms
        kernel = get_kernel_code(self.options.kernel)
        rule = self._make_rule()
        is_left = self._find_too_many(starts, listed, samples)

        def add(begin: int, stop: int, out: FloatArray) -> None:
            own = is_left[begin:stop]
            add_walks(arms, rule, starts[begin:stop], listed, samples, kernel, out, own)

        total = self._share_work(add, len(starts), len(samples.offset), progress)
        if is_left.any():
            total += self._take_steps(starts[is_left], order, samples, progress)
        return total

    def _group_events(self) -> tuple[IntArray, IntArray]:
        """Group events by the arm through which they leave their edge, or by their node.

        Returns the groups, as `models.nkde_walks.add_walks` takes them, and the order of the
        events in them.
        """
        graph, events = self.graph, self.events
        end = np.where(events.offset == graph.length[events.edge], 1, 0)
        at_node = (events.offset == 0) | (end == 1)
        place = np.where(at_node, graph.n_edges + graph.node[events.edge, end], events.edge)
        order = np.argsort(place, kind="stable").astype(np.int64)
        here, begin, count = np.unique(place[order], return_index=True, return_counts=True)
        is_node = here >= graph.n_edges
        start = np.where(is_node, here - graph.n_edges, 2 * here)
        groups = np.column_stack([start, is_node, begin, begin + count])
        other = groups[~is_node] + [1, 0, 0, 0]
        starts = np.concatenate([groups, other]).astype(np.int64)
        return starts[np.lexsort((starts[:, 0], starts[:, 2]))], order

    def _make_rule(self) -> Rule:
        options = self.options
        is_cut = options.max_depth is not None
        return Rule(
            method=CONTINUOUS if options.method == "continuous" else DISCONTINUOUS,
            reflects=options.reflects_at_dead_ends,
            max_depth=options.max_depth or NO_LIMIT,
            max_walks=NO_LIMIT if is_cut else MAX_WALKS,
        )

    def _find_too_many(self, starts: IntArray, listed: Events, samples: Samples) -> BoolArray:
        """Try some groups; where steps are the shorter work for all, none is walked."""
        rule = self._make_rule()
        picks = np.linspace(0, max(0, len(starts) - 1), N_TRIED).astype(int)
        tried = starts[np.unique(picks)[: len(starts)]]
        is_left = np.zeros(len(tried), dtype=bool)
        if not len(tried) or rule.max_walks == NO_LIMIT:
            return np.zeros(len(starts), dtype=bool)
        out = np.zeros((len(samples.offset), self.factor.shape[1]))
        n_walks = add_walks(self._arms, rule, tried, listed, samples, 0, out, is_left)
        each = n_walks / len(tried)
        is_much = each > FEW_WALKS and each * len(starts) > MUCH_WORK and self.owner is None
        return np.full(len(starts), is_left.mean() > MANY or is_much)

    def _take_steps(
        self, starts: IntArray, order: IntArray, samples: Samples, progress: Progress
    ) -> FloatArray:
        """Spread the events of groups in steps of distance, region by region."""
        arms = self._arms
        rule, stepping = self._make_rule(), Stepping(arms, self.options)
        lots = list(self._list_lots(starts, order))

        def add(begin: int, stop: int, out: FloatArray) -> None:
            near = Nearby(arms)
            for lot in lots[begin:stop]:
                lot.spread(near, rule, samples, stepping.measure(lot.bandwidth), out)

        return self._share_work(add, len(lots), len(samples.offset), progress)

    def _list_lots(self, starts: IntArray, order: IntArray) -> Iterator[Lot]:
        """Yield the lots of events that are spread together.

        They share a bandwidth and a region; events whose own sample is left out, or with
        bandwidths of their own, go alone.
        """
        graph = self.graph
        n_events = starts[:, 3] - starts[:, 2]
        group = np.repeat(np.arange(len(starts)), n_events)
        first = np.repeat(starts[:, 2] - np.cumsum(n_events) + n_events, n_events)
        event = order[first + np.arange(len(group))]
        start, on_node = starts[group, 0], starts[group, 1] == 1
        arm = np.where(on_node, 0, start)
        node = np.where(on_node, start, graph.node[arm // 2, arm % 2])
        offset = self.events.offset[event]
        gone = np.where(arm % 2 == 0, offset, graph.length[arm // 2] - offset)
        gone = np.where(on_node, 0.0, gone)
        bandwidth = self.bandwidth[event]
        region = grow_regions(self._arms, MAX_NODES)[node]
        alone = event if self.owner is not None else np.zeros(len(event), dtype=np.int64)
        keys = np.column_stack([bandwidth, region, alone])
        _, lot = np.unique(keys, axis=0, return_inverse=True)
        lot = lot.ravel()
        sorted_lots = np.argsort(lot, kind="stable")
        for own in np.split(sorted_lots, np.flatnonzero(np.diff(lot[sorted_lots])) + 1):
            keep = own[gone[own] < bandwidth[own]]
            if len(keep):
                yield Lot(
                    arm=np.where(on_node, ALL, start)[keep],
                    node=node[keep],
                    gone=gone[keep],
                    factor=self.factor[event[keep]],
                    bandwidth=float(bandwidth[keep[0]]),
                    owner=int(event[keep[0]]) if self.owner is not None else ALL,
                )

    def _share_work(
        self,
        add: Callable[[int, int, FloatArray], None],
        n_items: int,
        n_samples: int,
        progress: Progress,
    ) -> FloatArray:
        """Work through all items in parts; the sums are the same for any number of workers."""
        n_parts = max(1, min(N_PARTS, n_items))
        edges = np.linspace(0, n_items, n_parts * N_ROUNDS + 1).round().astype(int)
        workers = self.options.n_workers or os.cpu_count() or 1
        shape = (n_samples, self.factor.shape[1])
        outs: list[FloatArray] = [np.zeros(shape) for _ in range(n_parts)]
        done = 0
        with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
            for turn in range(N_ROUNDS):
                cuts = edges[turn * n_parts : (turn + 1) * n_parts + 1].tolist()
                waiting = [
                    pool.submit(add, begin, stop, out)
                    for begin, stop, out in zip(cuts[:-1], cuts[1:], outs, strict=True)
                    if stop > begin
                ]
                for one in waiting:
                    one.result()
                done = cuts[-1]
                progress(done, max(1, n_items), "spreading events along the roads")
        total = outs[0]
        for out in outs[1:]:
            total += out
        return total


def _read_bandwidth(bandwidth_m: ArrayLike, n_events: int) -> FloatArray:
    given = np.asarray(bandwidth_m, dtype=np.float64)
    bandwidth = np.full(n_events, float(given)) if given.ndim == 0 else given
    if bandwidth.shape != (n_events,):
        message = f"bandwidth_m has shape {bandwidth.shape}; give one, or {n_events}, one an event."
        raise InputError(message)
    is_bad = ~(np.isfinite(bandwidth) & (bandwidth > 0))
    if is_bad.any() or (given.ndim == 0 and not float(given) > 0):
        first = float(bandwidth[is_bad][0]) if is_bad.any() else float(given)
        message = f"bandwidth_m: {first:g} is no distance above 0 m; correct it."
        raise InputError(message)
    return bandwidth


def _read_weights(weights: ArrayLike | None, n_events: int) -> FloatArray:
    if weights is None:
        return np.ones((n_events, 1))
    factor = np.asarray(weights, dtype=np.float64)
    factor = factor[:, None] if factor.ndim == 1 else factor
    if factor.ndim != 2 or len(factor) != n_events:
        message = f"weights have shape {factor.shape}; give one row for each of {n_events} events."
        raise InputError(message)
    is_bad = ~(np.isfinite(factor) & (factor >= 0))
    if is_bad.any():
        row, column = (int(one) for one in np.argwhere(is_bad)[0])
        message = (
            f"weights: {int(is_bad.sum())} are missing or below 0, first of event {row}: "
            f"{factor[row, column]}; correct them."
        )
        raise InputError(message)
    return np.ascontiguousarray(factor)
