"""How people spread over routes: a logit on time, corrected for routes that overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

__all__ = ["compute_overlap", "compute_route_shares"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

S_PER_MIN = 60.0


def compute_overlap(
    group: IntArray, step_offset: IntArray, step_key: IntArray, step_length_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Measure how much each route shares with the other routes of its group.

    Parameters
    ----------
    group
        Number of the origin and gate that each route belongs to, shape (n_routes,).
    step_offset
        Position of each route's first step, and the total, shape (n_routes + 1,).
    step_key
        Number of the road that each step runs along, shape (n_steps,).
    step_length_m
        Length of each step [m], shape (n_steps,).

    Returns
    -------
    path_size
        Sum over steps of (length / route length) / (number of routes of the group that run
        there) [-]: 1 when nothing is shared, 1 / n when n routes are the same.
    overlap_share
        Share of the route's length that another route of its group runs along as well [-].

    References
    ----------
    Ben-Akiva & Bierlaire (1999). Discrete choice methods and their applications to short
    term travel decisions. Handbook of Transportation Science, 5-33.
    doi:10.1007/978-1-4615-5203-1_2
    """
    n_routes = len(group)
    route = np.repeat(np.arange(n_routes), np.diff(step_offset))
    order = np.lexsort((route, step_key, group[route]))
    sorted_group, sorted_key = group[route][order], step_key[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (np.diff(sorted_group) != 0) | (np.diff(sorted_key) != 0)
    # A route that runs somewhere twice still counts once there.
    is_route = is_new.copy()
    is_route[1:] |= np.diff(route[order]) != 0
    place = np.cumsum(is_new) - 1
    n_there = np.empty(len(order))
    n_there[order] = np.bincount(place, weights=is_route)[place] if len(order) else 0
    total_m = np.bincount(route, weights=step_length_m, minlength=n_routes)
    own_m = np.bincount(route, weights=step_length_m / np.maximum(n_there, 1), minlength=n_routes)
    shared_m = np.bincount(route, weights=step_length_m * (n_there > 1), minlength=n_routes)
    has_length = total_m > 0
    path_size = np.divide(own_m, total_m, out=np.ones(n_routes), where=has_length)
    overlap_share = np.divide(shared_m, total_m, out=np.zeros(n_routes), where=has_length)
    return path_size, overlap_share


def compute_route_shares(
    group: IntArray, time_s: FloatArray, path_size: FloatArray, *, theta_per_min: float
) -> FloatArray:
    """Compute the share of travellers on each route of a group.

    Parameters
    ----------
    group
        Number of the origin and gate that each route belongs to, in order, shape (n_routes,).
    time_s
        Travel time [s].
    path_size
        From `compute_overlap`, above 0 [-].
    theta_per_min
        How strongly time counts [1/min]: the odds of two routes that share nothing are
        exp(theta * difference in minutes).

    Returns
    -------
    share
        path_size * exp(-theta * time), made to sum to 1 in each group.

    Raises
    ------
    InputError
        If theta is negative or not finite.
    """
    if not (0 <= theta_per_min < np.inf):
        message = f"theta_per_min: {theta_per_min} is not a finite number of 0 or more."
        raise InputError(message)
    if len(group) == 0:
        return np.empty(0)
    first = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    place = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(group))))
    extra_min = (time_s - np.minimum.reduceat(time_s, first)[place]) / S_PER_MIN
    weight = path_size * np.exp(-theta_per_min * extra_min)
    share: FloatArray = weight / np.add.reduceat(weight, first)[place]
    return share
