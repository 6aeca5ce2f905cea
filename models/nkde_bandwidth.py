"""How far an event should count: bandwidths chosen by what foretells events best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from core.errors import InputError
from core.progress import Progress, no_progress
from core.units import M_PER_KM
from models.arrays import FloatArray
from models.edge_graph import EdgeGraph, Positions
from models.nkde import NkdeOptions
from models.nkde_time import TimeKernel, weigh_times_apart
from models.smoothing import build_kernel_matrix

__all__ = ["BandwidthChoice", "estimate_bandwidth", "estimate_space_time_bandwidth"]

TINY: Final = float(np.finfo(float).tiny)
LABEL: Final = "comparing bandwidths"


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthChoice:
    """The best of some bandwidths.

    Attributes
    ----------
    bandwidth_m
        Along the network [m].
    time_bandwidth
        In time, None where time was left out.
    table
        One row a candidate: `bandwidth_m`, `time_bandwidth` (with time), `log_likelihood`
        (mean over events), `n_alone` (events with no other within it), `score` (by which the
        best is chosen).
    is_at_edge
        Whether the best is the smallest or largest tried, so that a better one may lie beyond.
    """

    bandwidth_m: float
    time_bandwidth: float | None
    table: pd.DataFrame
    is_at_edge: bool


def estimate_bandwidth(
    graph: EdgeGraph,
    events: Positions,
    bandwidths_m: ArrayLike,
    *,
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
) -> BandwidthChoice:
    """Choose the bandwidth with which each event is foretold best by all others.

    Parameters
    ----------
    graph, events, options
        As `models.nkde.compute_nkde`.
    bandwidths_m
        To compare, shape (n_bandwidths,) [m].
    progress
        Told the bandwidths that are done.

    Raises
    ------
    InputError
        If there are fewer than two events or no bandwidth, or one is not above 0.

    Notes
    -----
    `log_likelihood` is that of `models.nkde.compute_loo_likelihood`, in which one lone event
    outweighs hundreds of others (its density is the smallest of a computer, not 0). The
    `score` is the same with one event in n laid anywhere by chance, so that a lone one counts as
    unforeseen, not as impossible; without lone events the two hardly differ. All pairs of events
    within the bandwidth are in memory at once, 12 bytes each.

    References
    ----------
    Okabe & Sugihara (2012). Spatial Analysis along Networks, ch. 9. Wiley.
    """
    return _compare(graph, events, bandwidths_m, None, None, options, progress)


def estimate_space_time_bandwidth(
    graph: EdgeGraph,
    events: Positions,
    bandwidths_m: ArrayLike,
    *,
    time: ArrayLike,
    time_kernels: Sequence[TimeKernel],
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
) -> BandwidthChoice:
    """Choose the pair of bandwidths, along the network and in time, that foretells best.

    Parameters
    ----------
    graph, events, bandwidths_m, options, progress
        As `estimate_bandwidth`.
    time
        Of the events, shape (n_events,).
    time_kernels
        To compare, with every bandwidth along the network.

    Raises
    ------
    InputError
        As `estimate_bandwidth`; if no kernel is given, or a time is missing.
    """
    when = np.asarray(time, dtype=np.float64)
    if when.shape != (len(events),) or not np.isfinite(when).all() or not time_kernels:
        message = (
            f"time: {int((~np.isfinite(when)).sum())} of {when.size} are missing, for "
            f"{len(events)} events and {len(time_kernels)} kernels; give each event a time, and a "
            "kernel or more."
        )
        raise InputError(message)
    return _compare(graph, events, bandwidths_m, when, time_kernels, options, progress)


def _compare(
    graph: EdgeGraph,
    events: Positions,
    bandwidths_m: ArrayLike,
    time: FloatArray | None,
    time_kernels: Sequence[TimeKernel] | None,
    options: NkdeOptions | None,
    progress: Progress,
) -> BandwidthChoice:
    tried = np.atleast_1d(np.asarray(bandwidths_m, dtype=np.float64))
    if len(events) < 2 or not len(tried):
        message = (
            f"events: {len(events)}, bandwidths: {len(tried)}; one is chosen from one or more, by "
            "two events or more."
        )
        raise InputError(message)
    span = 1.0
    if time is not None and time_kernels:
        widest = max(one.bandwidth for one in time_kernels)
        span = time_kernels[0].period or max(float(np.ptp(time)), widest)
    anywhere = 1.0 / float(graph.length.sum()) / span
    rows: list[dict[str, float]] = []
    for at, bandwidth in enumerate(tried):
        near = build_kernel_matrix(graph, events, bandwidth_m=float(bandwidth), options=options)
        row = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
        near.data = np.where(row == near.indices, 0.0, near.data / M_PER_KM)  # each without itself
        if time is None or time_kernels is None:
            rows.append({"bandwidth_m": float(bandwidth), **_score(near, anywhere)})
        else:
            for kernel in time_kernels:
                names = {"bandwidth_m": float(bandwidth), "time_bandwidth": kernel.bandwidth}
                share = weigh_times_apart(kernel, time[row] - time[near.indices])
                both = sparse.csr_array((near.data * share, near.indices, near.indptr), near.shape)
                rows.append(names | _score(both, anywhere))
        progress(at + 1, len(tried), LABEL)
    table = pd.DataFrame(rows)
    best = table.iloc[int(np.argmax(table["score"].to_numpy()))]
    is_at_edge = any(
        table[name].nunique() > 1 and best[name] in (table[name].min(), table[name].max())
        for name in table.columns.intersection(["bandwidth_m", "time_bandwidth"])
    )
    return BandwidthChoice(
        bandwidth_m=float(best["bandwidth_m"]),
        time_bandwidth=None if time is None else float(best["time_bandwidth"]),
        table=table.astype({"n_alone": np.int64}),
        is_at_edge=is_at_edge,
    )


def _score(near: sparse.csr_array, anywhere: float) -> dict[str, float]:
    """Return the mean log-likelihood of each event by the others, and how many have none."""
    n = near.shape[0]
    density = near.sum(axis=1) / (n - 1)
    mixed = (1 - 1 / n) * np.maximum(density, 0.0) + anywhere / n
    return {
        "log_likelihood": float(np.log(np.maximum(density, TINY)).mean()),
        "n_alone": float((density <= 0).sum()),
        "score": float(np.log(mixed).mean()),
    }
