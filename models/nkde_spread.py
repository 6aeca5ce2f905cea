"""The work of network kernel density: by shortest paths, walk by walk, or in steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from core.errors import InputError
from core.progress import Progress
from models.arrays import BoolArray, FloatArray, IntArray
from models.chains import join_chains
from models.edge_graph import EdgeGraph, Positions, require_on_graph
from models.network_kernels import get_kernel_code
from models.nkde_lots import Lot, Nearby, Stepping
from models.nkde_options import DEEP_WALKS, HowSpread, NkdeOptions, make_rule
from models.nkde_paths import add_paths, grow_regions
from models.nkde_walks import Arms, Events, Rule, Samples, add_walks

__all__ = ["Spread"]

N_PARTS: Final = 8  # each summed by itself, so that the result does not depend on the processors
N_ROUNDS: Final = 12  # progress is told after each
ALL: Final = -1
MAX_WALKS: Final = 2_000  # of a group of events
N_TRIED, MANY = 32, 0.25  # groups; the share with too many walks from which none is followed
FEW_WALKS = 100  # of a group: followed however many groups there are
MUCH_WORK = 5_000_000  # walks in all: steps are the shorter way then
MAX_NODES: Final = 3_000  # of a region that is spread in steps at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Events whose density is wanted at samples; what the parts of the work share."""

    graph: EdgeGraph
    events: Positions
    samples: Positions
    bandwidth: FloatArray  # (n_events,)
    factor: FloatArray  # (n_events, n_columns)
    owner: IntArray | None  # event that each sample leaves out
    options: NkdeOptions
    account: HowSpread

    def run(self, progress: Progress) -> FloatArray:
        """Return the density per metre of each sample and column."""
        require_on_graph("events", self.events, self.graph)
        require_on_graph("samples", self.samples, self.graph)
        chains = join_chains(self.graph)
        moved = chains.move(self.events), chains.move(self.samples)
        joined = replace(self, graph=chains.graph, events=moved[0], samples=moved[1])
        return joined.spread(progress)

    def spread(self, progress: Progress) -> FloatArray:
        """Return the density, as `run`, on a graph without nodes between two edges."""
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
            if self.options.max_depth and own.any():
                raise self._refuse_depth()

        total = self._share_work(add, len(starts), len(samples.offset), progress)
        self.account.n_starts += len(starts)
        self.account.n_in_steps += int(is_left.sum())
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
        return make_rule(self.options, MAX_WALKS)

    def _refuse_depth(self) -> InputError:
        message = (
            f"max_depth {self.options.max_depth}: from one event there are more than "
            f"{DEEP_WALKS:,} ways along the roads; give a smaller depth or bandwidth, or no depth."
        )
        return InputError(message)

    def _find_too_many(self, starts: IntArray, listed: Events, samples: Samples) -> BoolArray:
        """Try some groups; where steps are the shorter work for all, none is walked."""
        rule = self._make_rule()
        picks = np.linspace(0, max(0, len(starts) - 1), N_TRIED).astype(int)
        tried = starts[np.unique(picks)[: len(starts)]]
        is_left = np.zeros(len(tried), dtype=bool)
        if not len(tried) or self.options.max_depth:
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
                steps = stepping.measure(lot.bandwidth)
                self.account.step_m = max(self.account.step_m, steps.step_m)
                lot.spread(near, rule, samples, steps, out)

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
        pool = ThreadPoolExecutor(max_workers=max(1, workers))
        try:
            for turn in range(N_ROUNDS):
                cuts = edges[turn * n_parts : (turn + 1) * n_parts + 1].tolist()
                waiting = [
                    pool.submit(add, begin, stop, out)
                    for begin, stop, out in zip(cuts[:-1], cuts[1:], outs, strict=True)
                    if stop > begin
                ]
                for one in waiting:
                    one.result()
                progress(cuts[-1], max(1, n_items), "spreading events along the roads")
        finally:  # an error or an interrupt does not wait for the parts that are left
            pool.shutdown(wait=False, cancel_futures=True)
        total = outs[0]
        for out in outs[1:]:
            total += out
        return total
