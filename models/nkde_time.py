"""Network kernel density in space and time: how many events a kilometre of road has a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError
from core.jit import compiled
from core.progress import Progress, no_progress
from models.arrays import FloatArray
from models.edge_graph import EdgeGraph, Positions
from models.network_kernels import evaluate_kernel, get_kernel_code
from models.nkde import HowSpread, NkdeOptions, compute_nkde

__all__ = [
    "TimeKernel",
    "compute_nkde_at_moments",
    "compute_nkde_slices",
    "compute_time_kernel",
    "weigh_times_apart",
]

MAX_CELLS: Final = 6_000_000  # samples times moments worked on at once


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeKernel:
    """How an event thins out in time.

    Attributes
    ----------
    bandwidth
        Time from which on an event counts nothing, before and after, in the caller's unit.
    kernel
        One of `models.network_kernels.KERNELS`.
    period
        After which time begins again, such as 24 for hours of the day; None: never.
    """

    bandwidth: float
    kernel: str = "quartic"
    period: float | None = None

    def __post_init__(self) -> None:
        get_kernel_code(self.kernel)
        for name, value in (("bandwidth", self.bandwidth), ("period", self.period or 1.0)):
            if not (np.isfinite(value) and value > 0):
                message = f"{name} in time: {value:g} is no time above 0; correct it."
                raise InputError(message)
        if self.period is not None and self.bandwidth > 100 * self.period:
            message = (
                f"bandwidth in time: {self.bandwidth:g} is more than 100 times the period of "
                f"{self.period:g}; all times are alike then: leave time out."
            )
            raise InputError(message)


def compute_time_kernel(time: ArrayLike, moments: ArrayLike, kernel: TimeKernel) -> FloatArray:
    """Compute how much each event counts at each moment.

    Parameters
    ----------
    time
        Of the events, shape (n_events,), in the unit of the kernel's bandwidth.
    moments
        At which they are counted, shape (n_moments,).
    kernel
        Its bandwidth, form and period.

    Returns
    -------
    share
        Events per unit of time, shape (n_events, n_moments). Over all time, or one period, an
        event sums to 1; where the period is shorter than the kernel, the kernel laps itself.

    Raises
    ------
    InputError
        If a time is missing.
    """
    when, asked = _read_times("time", time), _read_times("moments", moments)
    apart = asked[None, :] - when[:, None]
    return weigh_times_apart(kernel, apart.ravel()).reshape(apart.shape)


def weigh_times_apart(kernel: TimeKernel, apart: FloatArray) -> FloatArray:
    """Return the kernel [per unit of time] of times that lie so far apart, shape (n,)."""
    share = np.empty(len(apart))
    code = get_kernel_code(kernel.kernel)
    fill_time_kernel(code, apart, kernel.bandwidth, kernel.period or 0.0, share)
    return share


def compute_nkde_slices(
    graph: EdgeGraph,
    events: Positions,
    samples: Positions,
    *,
    time: ArrayLike,
    moments: ArrayLike,
    time_kernel: TimeKernel,
    bandwidth_m: ArrayLike,
    weights: ArrayLike | None = None,
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
    account: HowSpread | None = None,
) -> FloatArray:
    """Compute the density of events at every sample at every moment.

    Parameters
    ----------
    graph, events, samples, bandwidth_m, options
        As `models.nkde.compute_nkde`.
    time, moments, time_kernel
        As `compute_time_kernel`.
    weights
        Of the events, shape (n_events,); by default 1.
    progress
        Told the moments that are done.
    account
        As `models.nkde.compute_nkde`.

    Returns
    -------
    density
        Events per kilometre and unit of time, shape (n_samples, n_moments).

    Raises
    ------
    InputError
        As `models.nkde.compute_nkde` and `compute_time_kernel`.

    Notes
    -----
    The product of a kernel along the network and one in time. Mass is conserved in time, and along
    the network as far as the form conserves it; what reaches beyond the first and last
    moment of the records is not thrown back, so that their ends look emptier than they were.

    References
    ----------
    Romano & Jiang (2017). Visualizing traffic accident hotspots based on
    spatial-temporal network kernel density estimation. SIGSPATIAL '17.
    doi:10.1145/3139958.3139981
    """
    when, asked = _read_times("time", time), _read_times("moments", moments)
    order = np.argsort(asked, kind="stable")
    at_once = max(1, MAX_CELLS // max(1, len(samples)))
    density = np.zeros((len(samples), len(asked)))
    task = _Spread(
        graph=graph,
        events=events,
        time=when,
        time_kernel=time_kernel,
        bandwidth_m=np.asarray(bandwidth_m, dtype=np.float64),
        weight=_read_weights(weights, len(events)),
        options=options,
        account=account,
    )
    for begin in range(0, len(order), at_once):
        some = order[begin : begin + at_once]
        density[:, some] = task.run(samples, asked[some])
        progress(begin + len(some), len(order), "spreading events in space and time")
    return density


def compute_nkde_at_moments(
    graph: EdgeGraph,
    events: Positions,
    samples: Positions,
    *,
    time: ArrayLike,
    sample_time: ArrayLike,
    time_kernel: TimeKernel,
    bandwidth_m: ArrayLike,
    weights: ArrayLike | None = None,
    options: NkdeOptions | None = None,
    progress: Progress = no_progress,
    account: HowSpread | None = None,
) -> FloatArray:
    """Compute the density of events at samples, each at a time of its own.

    Parameters
    ----------
    graph, events, samples, time, time_kernel, bandwidth_m, weights, options
        As `compute_nkde_slices`.
    sample_time
        Of the samples, shape (n_samples,).
    progress
        Told the samples that are done.
    account
        As `models.nkde.compute_nkde`.

    Returns
    -------
    density
        Events per kilometre and unit of time, shape (n_samples,).

    Raises
    ------
    InputError
        As `compute_nkde_slices`.

    Notes
    -----
    Samples of one time are worked on together: thousands of different times take as many rounds.
    """
    when, asked = _read_times("time", time), _read_times("sample_time", sample_time)
    task = _Spread(
        graph=graph,
        events=events,
        time=when,
        time_kernel=time_kernel,
        bandwidth_m=np.asarray(bandwidth_m, dtype=np.float64),
        weight=_read_weights(weights, len(events)),
        options=options,
        account=account,
    )
    density = np.zeros(len(samples))
    moments, group = np.unique(asked, return_inverse=True)
    order = np.argsort(group, kind="stable")
    cuts = np.searchsorted(group[order], np.arange(len(moments) + 1))
    for at, moment in enumerate(moments):
        own = order[cuts[at] : cuts[at + 1]]
        some = Positions(edge=samples.edge[own], offset=samples.offset[own])
        density[own] = task.run(some, np.array([moment]))[:, 0]
        progress(int(cuts[at + 1]), len(samples), "spreading events in space and time")
    return density


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """Events with times, spread along the network for some moments."""

    graph: EdgeGraph
    events: Positions
    time: FloatArray
    time_kernel: TimeKernel
    bandwidth_m: FloatArray
    weight: FloatArray
    options: NkdeOptions | None
    account: HowSpread | None

    def run(self, samples: Positions, moments: FloatArray) -> FloatArray:
        """Return the density, shape (n_samples, n_moments); only events near in time are spread."""
        share = compute_time_kernel(self.time, moments, self.time_kernel) * self.weight[:, None]
        is_near = (share > 0).any(axis=1)
        bandwidth = self.bandwidth_m
        density: FloatArray = compute_nkde(
            self.graph,
            Positions(edge=self.events.edge[is_near], offset=self.events.offset[is_near]),
            samples,
            bandwidth_m=bandwidth[is_near] if bandwidth.ndim else bandwidth,
            weights=share[is_near],
            options=self.options,
            account=self.account,
        )
        return density


@compiled
def fill_time_kernel(
    code: int, apart: FloatArray, bandwidth: float, period: float, out: FloatArray
) -> None:
    """Fill in the kernel of times that lie apart; a period of 0 is none."""
    n_laps = int(bandwidth / period) + 1 if period > 0.0 else 0
    for i in range(len(apart)):
        far = apart[i]
        if period > 0.0:
            far -= period * np.floor(far / period)
        out[i] = 0.0
        for lap in range(-n_laps, n_laps + 1):
            out[i] += evaluate_kernel(code, far + lap * period, bandwidth)


def _read_times(name: str, values: ArrayLike) -> FloatArray:
    times = np.asarray(values, dtype=np.float64)
    is_bad = ~np.isfinite(times)
    if times.ndim != 1 or is_bad.any():
        first = f", first at position {int(np.flatnonzero(is_bad)[0])}" if is_bad.any() else ""
        message = (
            f"{name}: {int(is_bad.sum())} of {times.size} are missing{first}; give one time each, "
            "or leave those out."
        )
        raise InputError(message)
    return times


def _read_weights(weights: ArrayLike | None, n_events: int) -> FloatArray:
    weight = np.ones(n_events) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape != (n_events,) or not (np.isfinite(weight) & (weight >= 0)).all():
        message = f"weights: shape {weight.shape}; give one of 0 or more for {n_events} events."
        raise InputError(message)
    return weight
