"""Where workers may live when only a factory's total is known: a gravity model, not a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from core.errors import ConvergenceError, InputError, OutOfScopeError, VocabularyError
from models.arrays import FloatArray

__all__ = ["Demand", "estimate_demand"]

Deterrence = Literal["exponential", "power"]

LABEL: Final = (
    "Modelled, not recorded: workers are spread over villages by population and distance, so that "
    "the mean distance is the stated one."
)
SHORTEST_KM: Final = 0.5  # for the power function, which has no value at 0
TOLERANCE: Final = 1e-9
MAX_ROUNDS: Final = 2_000
LARGEST: Final = 1e100  # a factor beyond it grows without end: there is no room
STEEPEST: Final = 60.0  # decay x distance beyond which nobody goes past the nearest village
FARTHEST: Final = 600.0  # decay x distance that exp() still tells from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Workers of each factory in each village, as a model spreads them."""

    workers: FloatArray  # (n_factories, n_villages); rows sum to the factories' workers
    decay: float  # of the deterrence: per km (exponential) or exponent (power)
    mean_distance_km: float
    longest_mean_km: float  # without any deterrence
    shortest_mean_km: float  # with all the deterrence there is
    label: str = LABEL


def estimate_demand(
    workers: ArrayLike,
    population: ArrayLike,
    distance_km: ArrayLike,
    *,
    mean_distance_km: float,
    deterrence: Deterrence = "exponential",
    max_share: float | None = None,
) -> Demand:
    """Spread factories' workers over villages by population and distance.

    Parameters
    ----------
    workers
        Workers of each factory, shape (n_factories,).
    population
        People of each village, shape (n_villages,).
    distance_km
        From each village to each factory, shape (n_factories, n_villages); missing or infinite
        where there is no way. Hours serve as well, the mean being one of hours then.
    mean_distance_km
        Mean over all workers that the spread shall have.
    deterrence
        `exponential`: exp(-b·d); `power`: d^-b, distances below 0.5 km counting as 0.5.
    max_share
        At most this share of a village's people work in the factories together; None: no
        such limit.

    Returns
    -------
    demand
        Workers, which need not be whole, and the decay b that was found.

    Raises
    ------
    OutOfScopeError
        If no decay from 0 gives that mean; names the range that can be reached.
    ConvergenceError
        If villages cannot hold the workers under `max_share`.
    InputError
        If shapes differ, values are negative or missing, or a factory can be reached from no
        village with people.
    VocabularyError
        If there is no such deterrence.

    Notes
    -----
    T = A·W·P·f(d), A so that each factory has its workers (Wilson's singly constrained
    model); with `max_share` also factors up to 1 for villages, found by iterative scaling, so
    that none gives more than it may. One decay for all factories, by root finding: the mean
    falls steadily as the decay grows.

    References
    ----------
    Wilson, A. (1971). A family of spatial interaction models, and associated developments.
    Environment and Planning A 3, 1-32. doi:10.1068/a030001
    """
    if deterrence not in ("exponential", "power"):
        raise VocabularyError.unknown_word("deterrence", deterrence, ["exponential", "power"])
    total, people, km = _require_inputs(workers, population, distance_km)
    if max_share is not None and not 0.0 < max_share <= 1.0:
        message = f"max_share is {max_share}; give a share above 0, at most 1."
        raise InputError(message)
    capacity = None if max_share is None else max_share * people
    is_open = np.isfinite(km)
    cost = np.where(is_open, km, 0.0)
    if deterrence == "power":
        cost = np.where(is_open, np.log(np.maximum(cost, SHORTEST_KM)), 0.0)
    mass = np.where(is_open, people[None, :], 0.0)
    # per factory: only differences of cost matter, and exp() of them never underflows for all
    nearest = np.min(np.where(mass > 0, cost, np.inf), axis=1, keepdims=True)
    excess = np.where(mass > 0, cost - nearest, 0.0)

    def spread(decay: float) -> FloatArray:
        return _balance(mass * np.exp(-decay * excess), total, capacity)

    def mean(flows: FloatArray) -> float:
        return float((flows * np.where(is_open, km, 0.0)).sum() / total.sum())

    steps = excess[excess > 0]
    steepest = STEEPEST / float(steps.min()) if steps.size else 1.0
    even = spread(0.0)
    if capacity is not None:
        steepest = min(steepest, FARTHEST / float(excess.max(initial=1.0)))
    longest, shortest = mean(even), mean(spread(steepest))
    slack = TOLERANCE * max(longest, 1.0)
    if not shortest - slack <= mean_distance_km <= longest + slack:
        message = (
            f"a mean distance of {mean_distance_km:g} km cannot be reached: from these villages "
            f"it lies between {shortest:.4g} km (all as near as can be) and {longest:.4g} km (no "
            "matter how far); state a mean within, or give villages farther out."
        )
        raise OutOfScopeError(message)
    decay = _find_decay(lambda b: mean(spread(b)) - mean_distance_km, steepest)
    flows = spread(decay)
    return Demand(
        workers=flows,
        decay=decay,
        mean_distance_km=mean(flows),
        longest_mean_km=longest,
        shortest_mean_km=shortest,
    )


def _find_decay(miss: Callable[[float], float], steepest: float) -> float:
    """Return where the mean is met; the ends count where rounding puts it just outside."""
    at_even, at_end = miss(0.0), miss(steepest)
    if at_even <= 0:
        return 0.0
    if at_end >= 0:
        return steepest
    upper = steepest
    while upper > 1e-6 and miss(upper / 4) < 0:
        upper /= 4
    return float(optimize.brentq(miss, 0.0, upper, xtol=1e-12 * upper, rtol=1e-12))


def _balance(weight: FloatArray, total: FloatArray, capacity: FloatArray | None) -> FloatArray:
    """Scale rows to their totals and, where there is a capacity, columns down to it."""
    sums = weight.sum(axis=1)
    row = np.divide(total, sums, out=np.zeros_like(total), where=sums > 0)
    if capacity is None:
        return np.asarray(weight * row[:, None], dtype=np.float64)
    over = row @ weight - capacity
    for _ in range(MAX_ROUNDS):
        filled = row @ weight
        column = np.minimum(
            1.0, np.divide(capacity, filled, out=np.ones_like(capacity), where=filled > 0)
        )
        sums = weight @ column
        row = np.divide(total, sums, out=np.zeros_like(total), where=sums > 0)
        over = row @ weight * column - capacity
        if np.all(over <= 1e-7 * np.maximum(capacity, 1.0)):
            return np.asarray(weight * row[:, None] * column, dtype=np.float64)
        if row.max() > LARGEST:
            break
    room = float(capacity[weight.sum(axis=0) > 0].sum())
    message = (
        f"villages cannot hold the workers: {float(total.sum()):g} workers, room for {room:g} in "
        f"reach; {int((over > 0).sum())} village(s) stay too full; let "
        "a greater share of a village's people work there, or add villages."
    )
    raise ConvergenceError(message)


def _require_inputs(
    workers: ArrayLike, population: ArrayLike, distance_km: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    total = np.asarray(workers, dtype=np.float64)
    people = np.asarray(population, dtype=np.float64)
    km = np.asarray(distance_km, dtype=np.float64)
    if total.ndim != 1 or people.ndim != 1 or km.shape != (total.size, people.size):
        message = (
            f"demand: workers {total.shape}, population {people.shape}, distances {km.shape}; "
            "give (factories,), (villages,) and (factories, villages)."
        )
        raise InputError(message)
    for name, values in (("workers", total), ("population", people)):
        is_bad = ~(np.isfinite(values) & (values >= 0))
        if is_bad.any():
            first = int(np.flatnonzero(is_bad)[0])
            message = (
                f"demand: {int(is_bad.sum())} of {name} negative or missing, first at position "
                f"{first}; give 0 where there are none."
            )
            raise InputError(message)
    if np.any(km < 0):
        message = "demand: a distance is negative; give distances from 0."
        raise InputError(message)
    if total.sum() <= 0:
        message = "demand: there are no workers to spread; give a factory's total."
        raise InputError(message)
    can_reach = (np.isfinite(km) & (people > 0)[None, :]).any(axis=1)
    lost = (total > 0) & ~can_reach
    if lost.any():
        message = (
            f"demand: {int(lost.sum())} factory(ies) cannot be reached from any village with "
            f"people, first at position {int(np.flatnonzero(lost)[0])}; leave them out or add "
            "villages."
        )
        raise InputError(message)
    is_used = total > 0
    return total, people, np.where(is_used[:, None], km, np.nan)
