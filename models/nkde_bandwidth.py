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
from models.edge_graph import EdgeGraph, Positions, require_on_graph
from models.nkde import NkdeOptions, compute_adaptive_bandwidth
from models.nkde_time import TimeKernel, weigh_times_apart
from models.node_places import ArmPlaces, spread_over_arms
from models.smoothing import build_kernel_matrix

__all__ = [
    "BandwidthChoice",
    "adapt_bandwidth",
    "estimate_bandwidth",
    "estimate_space_time_bandwidth",
]

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


def adapt_bandwidth(
    graph: EdgeGraph,
    events: Positions,
    *,
    bandwidth_m: float,
    trim_m: float,
    weights: ArrayLike | None = None,
    options: NkdeOptions | None = None,
) -> FloatArray:
    """Compute a bandwidth for each event, one on a node by the mean density over its arms.

    Parameters
    ----------
    graph, events, bandwidth_m, trim_m, weights, options
        As `models.nkde.compute_adaptive_bandwidth`, which takes for an event on a node the
        density along the one edge that it is written on.

    Returns
    -------
    bandwidth_m
        Shape (n_events,) [m].

    Raises
    ------
    InputError
        As `models.nkde.compute_adaptive_bandwidth`.
    """
    arms = _spread_where_forms_jump(graph, events, options)
    given = None if weights is None else _read_weights(weights, len(events))
    if arms is None:
        return compute_adaptive_bandwidth(
            graph, events, bandwidth_m=bandwidth_m, trim_m=trim_m, weights=given, options=options
        )
    weight = np.ones(len(events)) if given is None else given
    free = compute_adaptive_bandwidth(
        graph, arms.positions, bandwidth_m=bandwidth_m, trim_m=np.inf if trim_m > 0 else trim_m,
        weights=(weight / arms.n_arms)[arms.place], options=options,
    )  # fmt: skip
    spread = arms.average(free**-2.0) ** -0.5  # a bandwidth squared is one over a density
    adapted: FloatArray = bandwidth_m * spread / np.exp(np.log(spread).mean())
    return np.minimum(trim_m, adapted)


def estimate_bandwidth(
    graph: EdgeGraph,
    events: Positions,
    bandwidths_m: ArrayLike,
    *,
    weights: ArrayLike | None = None,
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
    weights
        Of the events, such as severities, shape (n_events,); by default 1.
    progress
        Told the bandwidths that are done.

    Raises
    ------
    InputError
        If fewer than two events weigh more than 0, there is no bandwidth, or one is not
        above 0.

    Notes
    -----
    `log_likelihood` is that of `models.nkde.compute_loo_likelihood`, in which one lone event
    outweighs hundreds of others (its density is the smallest of a computer, not 0). The
    `score` is the same with one event in n laid anywhere by chance, so that a lone one counts as
    unforeseen, not as impossible; without lone events the two hardly differ. With weights each
    event counts by its weight, as one that foretells and as one that is foretold; it is left out
    whole, so that a weight of two is not two events. The density at an event on a node is the
    mean over the arms. All pairs of events within the bandwidth are in memory at once, 12 bytes
    each (for events on nodes, more in the forms that jump there).

    References
    ----------
    Okabe & Sugihara (2012). Spatial Analysis along Networks, ch. 9. Wiley.
    """
    weight = _read_weights(weights, len(events))
    return _compare(graph, events, weight, bandwidths_m, None, options, progress)


def estimate_space_time_bandwidth(
    graph: EdgeGraph,
    events: Positions,
    bandwidths_m: ArrayLike,
    *,
    time: ArrayLike,
    time_kernels: Sequence[TimeKernel],
    weights: ArrayLike | None = None,
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
) -> BandwidthChoice:
    """Choose the pair of bandwidths, along the network and in time, that foretells best.

    Parameters
    ----------
    graph, events, bandwidths_m, weights, options, progress
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
    weight = _read_weights(weights, len(events))
    asked = (when, time_kernels)
    return _compare(graph, events, weight, bandwidths_m, asked, options, progress)


def _compare(
    graph: EdgeGraph,
    events: Positions,
    weight: FloatArray,
    bandwidths_m: ArrayLike,
    times: tuple[FloatArray, Sequence[TimeKernel]] | None,
    options: NkdeOptions | None,
    progress: Progress,
) -> BandwidthChoice:
    tried = np.atleast_1d(np.asarray(bandwidths_m, dtype=np.float64))
    n_heavy = int((weight > 0).sum())
    if n_heavy < 2 or not len(tried):
        heavy = "" if n_heavy == len(weight) else f", {n_heavy} of them with a weight above 0"
        message = (
            f"events: {len(events)}{heavy}, bandwidths: {len(tried)}; to choose a bandwidth takes "
            "two events or more: give more, or give the bandwidth as a number."
        )
        raise InputError(message)
    span = 1.0
    if times is not None:
        time, kernels = times
        widest = max(one.bandwidth for one in kernels)
        span = kernels[0].period or max(float(np.ptp(time)), widest)
    anywhere = 1.0 / float(graph.length.sum()) / span
    arms = _spread_where_forms_jump(graph, events, options)
    rows: list[dict[str, float]] = []
    for at, bandwidth in enumerate(tried):
        near = _weigh_pairs(graph, events, arms, float(bandwidth), options)
        row = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
        # per metre, times the weight of the event that foretells; each without itself
        near.data = np.where(row == near.indices, 0.0, near.data / M_PER_KM * weight[near.indices])
        if times is None:
            rows.append({"bandwidth_m": float(bandwidth), **_score(near, weight, anywhere)})
        else:
            for kernel in kernels:
                names = {"bandwidth_m": float(bandwidth), "time_bandwidth": kernel.bandwidth}
                share = weigh_times_apart(kernel, time[row] - time[near.indices])
                both = sparse.csr_array((near.data * share, near.indices, near.indptr), near.shape)
                rows.append(names | _score(both, weight, anywhere))
        progress(at + 1, len(tried), LABEL)
    table = pd.DataFrame(rows)
    best = table.iloc[int(np.argmax(table["score"].to_numpy()))]
    is_at_edge = any(
        table[name].nunique() > 1 and best[name] in (table[name].min(), table[name].max())
        for name in table.columns.intersection(["bandwidth_m", "time_bandwidth"])
    )
    return BandwidthChoice(
        bandwidth_m=float(best["bandwidth_m"]),
        time_bandwidth=None if times is None else float(best["time_bandwidth"]),
        table=table.astype({"n_alone": np.int64}),
        is_at_edge=is_at_edge,
    )


def _spread_where_forms_jump(
    graph: EdgeGraph, events: Positions, options: NkdeOptions | None
) -> ArmPlaces | None:
    """Return the events on every arm of their node; None where all arms are alike."""
    chosen = options or NkdeOptions()
    if chosen.method != "discontinuous" and chosen.max_depth is None:
        return None
    require_on_graph("events", events, graph)
    arms = spread_over_arms(graph, events)
    return arms if len(arms.place) > len(events) else None


def _weigh_pairs(
    graph: EdgeGraph,
    events: Positions,
    arms: ArmPlaces | None,
    bandwidth_m: float,
    options: NkdeOptions | None,
) -> sparse.csr_array:
    """Return what each event (column) adds at each other (row)."""
    if arms is None:
        return build_kernel_matrix(graph, events, bandwidth_m=bandwidth_m, options=options)
    near = build_kernel_matrix(graph, arms.positions, bandwidth_m=bandwidth_m, options=options)
    return sparse.csr_array(arms.build_mean() @ near[:, arms.first])


def _score(near: sparse.csr_array, weight: FloatArray, anywhere: float) -> dict[str, float]:
    """Return the mean log-likelihood of each event by the others, and how many have none."""
    n, total = int((weight > 0).sum()), float(weight.sum())
    density = near.sum(axis=1) / np.maximum(total - weight, TINY)
    mixed = (1 - 1 / n) * np.maximum(density, 0.0) + anywhere / n
    return {
        "log_likelihood": float(np.average(np.log(np.maximum(density, TINY)), weights=weight)),
        "n_alone": float(((density <= 0) & (weight > 0)).sum()),
        "score": float(np.average(np.log(mixed), weights=weight)),
    }


def _read_weights(weights: ArrayLike | None, n_events: int) -> FloatArray:
    if weights is None:
        return np.ones(n_events)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (n_events,):
        message = f"weights: shape {weight.shape}; give one for each of {n_events} events."
        raise InputError(message)
    is_bad = ~(np.isfinite(weight) & (weight >= 0))
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"weights: {int(is_bad.sum())} of {n_events} are missing or below 0, first at position "
            f"{first}: {weight[first]}; correct them, or leave those events out."
        )
        raise InputError(message)
    return weight
