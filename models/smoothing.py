"""Kernel smoothing along a network as a sparse matrix: what a crash on each piece adds to each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.errors import InputError
from core.progress import Progress, no_progress
from core.units import M_PER_KM
from models.arrays import FloatArray, IntArray
from models.chains import join_chains
from models.edge_graph import EdgeGraph, Positions, require_on_graph
from models.network_kernels import get_kernel_code
from models.nkde_lots import Stepping
from models.nkde_options import NkdeOptions, make_rule
from models.nkde_walks import Arms, Samples
from models.smoothing_columns import list_path_columns, list_walk_columns

__all__ = ["build_kernel_matrix"]

MAX_WALKS: Final = 2_000  # from an end of an edge; more are taken in steps, which is quicker
EVENTS_AT_ONCE: Final = 4_096


class Columns(NamedTuple):
    """Some columns of the matrix, one after another."""

    place: IntArray
    row: NDArray[np.int32]
    value: FloatArray
    first: IntArray  # where each begins, and the end


Job = Callable[[], Columns]


def build_kernel_matrix(
    graph: EdgeGraph,
    at: Positions,
    *,
    bandwidth_m: float,
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
) -> sparse.csr_array:
    """Build the matrix that smooths counts on places along a network.

    Parameters
    ----------
    graph
        The network, lengths in metres.
    at
        Places, such as the middles of lixels; offsets in metres.
    bandwidth_m
        As `models.nkde.compute_nkde` [m].
    options
        Form, kernel, dead ends, depth.
    progress
        Told places done and places in all.

    Returns
    -------
    smoothing
        Row i, column j: density [events per km] at place i of one event at place j; shape
        (n_places, n_places). Times counts it is `models.nkde.compute_nkde` with these weights.

    Raises
    ------
    InputError
        If a place lies on no edge, or the bandwidth is not above 0.

    Notes
    -----
    Every column is followed by itself, so that only what is not 0 takes memory: 12 bytes an entry,
    three times that while it is built. Where more than 2,000 walks leave an end of an edge (the
    continuous form among many short roads) mass goes on in steps of `options.resolution_m`, with
    the error told in the notes of `models.nkde`; steps of a metre take half the time of the
    quarter of one that is the default, and are exact enough to compare maps with.
    """
    require_on_graph("at", at, graph)
    if not (np.isfinite(bandwidth_m) and bandwidth_m > 0):
        message = f"bandwidth_m: {bandwidth_m:g} is no distance above 0 m; correct it."
        raise InputError(message)
    work = _Work.prepare(graph, at, float(bandwidth_m), options or NkdeOptions())
    n_places = len(at)
    jobs = work.list_jobs()
    matrix = _join_columns(_share(jobs, work.n_workers, n_places, progress), n_places)
    matrix.data *= M_PER_KM
    if (work.order != np.arange(n_places)).any():
        back = np.argsort(work.order)
        matrix = matrix[back][:, back]
    return sparse.csr_array(matrix)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What the parts of the work share; places by edge and offset."""

    graph: EdgeGraph
    arms: Arms
    samples: Samples
    order: IntArray  # place of each sorted one
    edge: IntArray  # of each sorted place
    bandwidth: float
    options: NkdeOptions

    @classmethod
    def prepare(
        cls, graph: EdgeGraph, at: Positions, bandwidth: float, options: NkdeOptions
    ) -> _Work:
        """Join edges without a junction between them, and sort the places."""
        chains = join_chains(graph)
        graph, at = chains.graph, chains.move(at)
        order = np.lexsort((at.offset, at.edge)).astype(np.int64)
        edge = at.edge[order]
        first = np.searchsorted(edge, np.arange(graph.n_edges + 1)).astype(np.int64)
        nobody = np.full(len(order), -1, dtype=np.int64)
        return cls(
            graph=graph,
            arms=Arms(graph.node, graph.length, graph.first_arm, graph.arm),
            samples=Samples(first, at.offset[order].astype(np.float64), nobody),
            order=order,
            edge=edge,
            bandwidth=bandwidth,
            options=options,
        )

    @property
    def n_workers(self) -> int:
        return self.options.n_workers or os.cpu_count() or 1

    def list_jobs(self) -> list[Job]:
        """Return jobs, each of the columns of the places on some edges."""
        first, n_edges = self.samples.first, self.graph.n_edges
        marks = np.arange(0, len(self.edge) + 1, EVENTS_AT_ONCE)
        cuts = np.unique(np.append(np.searchsorted(first, marks), n_edges)).tolist()
        kernel = get_kernel_code(self.options.kernel)
        rule = make_rule(self.options, MAX_WALKS)
        steps = Stepping(self.arms, self.options).measure(self.bandwidth)

        def list_some(begin: int, stop: int) -> Columns:
            near = self.arms, self.bandwidth, self.samples, kernel
            if self.options.method == "simple":
                found = list_path_columns(begin, stop, *near)
            else:
                found = list_walk_columns(begin, stop, *near, rule, steps)
            row, value, start = found
            places = np.arange(first[begin], first[stop])
            return Columns(places, row.astype(np.int32), value, start)

        return [partial(list_some, *ends) for ends in pairwise(cuts)]


def _share(
    jobs: Sequence[Job], n_workers: int, n_places: int, progress: Progress
) -> Iterator[Columns]:
    """Yield what jobs return, in their order, worked through by several threads."""
    waiting: deque[Future[Columns]] = deque()
    coming, done = deque(jobs), 0
    with ThreadPoolExecutor(max_workers=n_workers) as pool:
        while coming or waiting:
            while coming and len(waiting) < 2 * n_workers:
                waiting.append(pool.submit(coming.popleft()))
            columns = waiting.popleft().result()
            done += len(columns.place)
            progress(done, n_places, "building the smoothing along the roads")
            yield columns


def _join_columns(parts: Iterator[Columns], n_places: int) -> sparse.csr_array:
    """Put columns together, the parts let go one by one."""
    held = deque(parts)
    n = np.zeros(n_places, dtype=np.int64)
    for part in held:
        n[part.place] = np.diff(part.first)
    first = np.concatenate([[0], np.cumsum(n)])
    total = int(first[-1])
    row, value = np.empty(total, dtype=np.int32), np.empty(total)
    while held:
        part = held.popleft()
        many = np.diff(part.first)
        at = np.repeat(first[part.place] - part.first[:-1], many) + np.arange(len(part.row))
        row[at], value[at] = part.row, part.value
    index = np.int32 if total < np.iinfo(np.int32).max else np.int64
    columns = sparse.csc_array((value, row, first.astype(index)), shape=(n_places, n_places))
    return columns.tocsr()
