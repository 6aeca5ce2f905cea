"""Kernel smoothing along a network as a sparse matrix: what a crash on each piece adds to each."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from core.progress import Progress, no_progress
from models.edge_graph import EdgeGraph, Positions
from models.nkde import NkdeOptions, compute_nkde

__all__ = ["build_kernel_matrix"]

COLUMNS = 64


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
        Row i, column j: density [events per km] at place i of one event at place j, equal to
        `models.nkde.compute_nkde`; shape (n_places, n_places).
    """
    n = len(at)
    parts = []
    for begin in range(0, n, COLUMNS):
        stop = min(begin + COLUMNS, n)
        events = Positions(edge=at.edge[begin:stop], offset=at.offset[begin:stop])
        dense = compute_nkde(
            graph, events, at, bandwidth_m=bandwidth_m, weights=np.eye(stop - begin),
            options=options,
        )  # fmt: skip
        parts.append(sparse.csc_array(dense))
        progress(stop, n, "building the smoothing")
    empty = sparse.csc_array((n, 0))
    return sparse.csr_array(sparse.hstack([empty, *parts], format="csr"))
