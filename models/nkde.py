"""Network kernel density: how many events a kilometre of road has, with what is near counted in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError
from core.progress import Progress, no_progress
from core.units import M_PER_KM
from models.arrays import FloatArray
from models.edge_graph import EdgeGraph, Positions
from models.nkde_options import METHODS, HowSpread, NkdeOptions
from models.nkde_spread import Spread

__all__ = [
    "METHODS",
    "HowSpread",
    "NkdeOptions",
    "compute_adaptive_bandwidth",
    "compute_loo_likelihood",
    "compute_nkde",
]


def compute_nkde(
    graph: EdgeGraph,
    events: Positions,
    samples: Positions,
    *,
    bandwidth_m: ArrayLike,
    weights: ArrayLike | None = None,
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
    account: HowSpread | None = None,
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
    account
        Takes how much was followed walk by walk and how much in steps.

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

    Where the form jumps at a node, a sample there takes the density along its own edge. Edges
    that follow one another without a junction count as one.

    Up to 2,000 walks from an end of an edge are each followed. Where there are more, or very
    many in all, mass goes on in steps of `options.resolution_m`: of the highest density 1e-5
    at most for kernels that end smoothly (quartic, tricube), some thousandths for those that
    end in a bend or a small jump, some hundredths for the uniform one. Edges between junctions
    that are shorter than a step are taken as long as one.

    References
    ----------
    Okabe, Satoh & Sugihara (2009). A kernel density estimation method for networks, its
    computational method and a GIS-based tool. IJGIS 23(1), 7-32.
    doi:10.1080/13658810802475491
    """
    task = Spread(
        graph=graph,
        events=events,
        samples=samples,
        bandwidth=_read_bandwidth(bandwidth_m, len(events)),
        factor=_read_weights(weights, len(events)),
        owner=None,
        options=options or NkdeOptions(),
        account=account if account is not None else HowSpread(),
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
        task = Spread(
            graph=graph,
            events=events,
            samples=events,
            bandwidth=_read_bandwidth(bandwidth, len(events)),
            factor=np.ones((len(events), 1)),
            owner=owner,
            options=chosen,
            account=HowSpread(),
        )
        likelihood = task.run(no_progress)[:, 0] / (len(events) - 1)
        scores[at] = np.log(np.maximum(likelihood, np.finfo(float).tiny)).mean()
        progress(at + 1, len(tried), "comparing bandwidths")
    return scores


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
