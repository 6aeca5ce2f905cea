"""What the network K function is asked: distances, how pairs count, what chance does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError
from models.arrays import FloatArray
from models.k_pairs import Rings

__all__ = ["Distances", "KOptions", "NullDraws"]

MAX_DISTANCES: Final = 10_000
TIE: Final = 1e-9  # of the farthest distance: only rounding apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """From a start in even steps to an end [m]."""

    start_m: float
    end_m: float
    step_m: float

    def __post_init__(self) -> None:
        numbers = (self.start_m, self.end_m, self.step_m)
        is_known = bool(np.isfinite(numbers).all())
        if not (is_known and 0 <= self.start_m <= self.end_m and self.step_m > 0):
            message = (
                f"distances from {self.start_m:g} to {self.end_m:g} m in steps of "
                f"{self.step_m:g} m: give a start of 0 or more, an end not before it, and a "
                "step above 0."
            )
            raise InputError(message)
        if (self.end_m - self.start_m) / self.step_m > MAX_DISTANCES:
            message = (
                f"distances from {self.start_m:g} to {self.end_m:g} m in steps of "
                f"{self.step_m:g} m are more than {MAX_DISTANCES}; take a longer step."
            )
            raise InputError(message)

    @property
    def r_m(self) -> FloatArray:
        """All distances [m], shape (n_distances,)."""
        n = int((self.end_m - self.start_m) / self.step_m + 1e-9) + 1
        return self.start_m + self.step_m * np.arange(n, dtype=np.float64)

    def make_rings(self) -> Rings:
        """Return them as compiled loops take them."""
        r_m = self.r_m
        end = float(r_m[-1])
        return Rings(self.start_m, self.step_m, len(r_m), end, TIE * max(end, self.step_m))


@dataclass(frozen=True, slots=True, kw_only=True)
class KOptions:
    """How pairs are counted.

    Attributes
    ----------
    is_corrected
        Divide each pair by the number of places on the network that are as far from its
        first point, so that dense and sparse networks compare.
    is_inhomogeneous
        Divide each point by the intensity that the null has there: what is left is
        clustering beyond it.
    n_workers
        Threads; None: one a processor.
    """

    is_corrected: bool = False
    is_inhomogeneous: bool = False
    n_workers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NullDraws:
    """Where chance would put the events.

    Attributes
    ----------
    n_simulations
        Patterns drawn.
    seed
        Of the first; each has a stream of its own.
    edge_weight
        Share of the events that each edge gets, in any unit, even along the edge, shape
        (n_edges,); None: by length.
    arm_order
        In which order edges are laid end to end for drawing: 2 * edge + the end (0 or 1) at which
        it begins, shape (n_edges,), as from `geo.edge_order.order_edges`; None: as numbered. The
        same order along the same roads gives the same draws, however they are cut into edges.
    level
        Of the envelopes: the share of chance patterns outside.
    """

    n_simulations: int = 199
    seed: int = 20260101
    edge_weight: ArrayLike | None = None
    arm_order: ArrayLike | None = None
    level: float = 0.05

    def __post_init__(self) -> None:
        if self.n_simulations < 1 or not 0 < self.level < 1:
            message = (
                f"simulations: {self.n_simulations} at a level of {self.level:g}; give 1 or more, "
                "and a level between 0 and 1."
            )
            raise InputError(message)
