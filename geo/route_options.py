"""What is searched for when routes are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import InputError

__all__ = ["RouteOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteOptions:
    """What is searched for.

    Attributes
    ----------
    max_distance_m
        Pairs farther apart as the crow flies are not joined [m].
    max_time_s
        Routes that take longer are not taken [s].
    max_origin_access_m, max_gate_access_m
        Greatest straight distance from an origin, and from a gate, to its road [m].
    n_alternatives
        Greatest number of routes of one origin and gate, the fastest included.
    max_time_ratio
        An alternative takes at most this many times the fastest time [-].
    max_overlap_share
        It shares at most this much of its length with any other route [-].
    penalty
        Time on roads that a route uses already is taken times this in the search for the
        next [-].
    theta_per_min
        How strongly time counts in the choice between routes [1/min]; an assumption.
    n_threads
        How many gates are searched at once; 0 for as many as there are processors.
    """

    max_distance_m: float = np.inf
    max_time_s: float = np.inf
    max_origin_access_m: float = 2_000.0
    max_gate_access_m: float = 500.0
    n_alternatives: int = 1
    max_time_ratio: float = 1.3
    max_overlap_share: float = 0.8
    penalty: float = 1.4
    theta_per_min: float = 0.3
    n_threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        least = {
            **dict.fromkeys(("max_distance_m", "max_time_s", "theta_per_min", "n_threads"), 0),
            **dict.fromkeys(("max_origin_access_m", "max_gate_access_m", "max_overlap_share"), 0),
            **dict.fromkeys(("n_alternatives", "max_time_ratio", "penalty"), 1),
        }
        for name, low in least.items():
            value = getattr(self, name)
            if not value >= low:
                message = f"{name}: {value} is too low; give {low} or more."
                raise InputError(message)
