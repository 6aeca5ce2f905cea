"""Which form of network kernel density, with which kernel, how exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from core.errors import InputError
from models.network_kernels import get_kernel_code
from models.nkde_walks import CONTINUOUS, DISCONTINUOUS, NO_LIMIT, Rule

__all__ = ["DEEP_WALKS", "METHODS", "HowSpread", "NkdeOptions", "make_rule"]

METHODS: Final = ("simple", "discontinuous", "continuous")
DEEP_WALKS: Final = 100_000  # of a group of events, where a depth is asked for; steps know none


@dataclass(frozen=True, slots=True, kw_only=True)
class NkdeOptions:
    """How mass spreads from an event.

    Attributes
    ----------
    method
        One of `METHODS`.
    kernel
        One of `models.network_kernels.KERNELS`.
    reflects_at_dead_ends
        Whether mass that reaches a dead end comes back; without, it leaves the network.
        The simple form knows no dead ends.
    max_depth
        Junctions that mass may pass; None: no limit but the bandwidth.
    resolution_m
        Step of distance where there are too many walks to follow each; see the notes of
        `compute_nkde` [m].
    n_workers
        Threads; None: one a processor.
    """

    method: str = "continuous"
    kernel: str = "quartic"
    reflects_at_dead_ends: bool = False
    max_depth: int | None = None
    resolution_m: float = 0.25
    n_workers: int | None = None

    def __post_init__(self) -> None:
        get_kernel_code(self.kernel)
        if self.method not in METHODS:
            message = f"method {self.method!r} is not known; use one of: {', '.join(METHODS)}."
            raise InputError(message)
        if not (math.isfinite(self.resolution_m) and self.resolution_m > 0):
            message = f"resolution_m is {self.resolution_m:g}; give a length above 0 m."
            raise InputError(message)
        if self.max_depth is not None and self.max_depth < 1:
            message = f"max_depth is {self.max_depth}; give 1 or more, or none."
            raise InputError(message)
        if self.method == "simple" and (self.max_depth or self.reflects_at_dead_ends):
            message = (
                "method 'simple': takes shortest paths, so neither a depth nor reflection applies."
            )
            raise InputError(message)


@dataclass(slots=True)
class HowSpread:
    """How a density was computed; filled by it.

    Attributes
    ----------
    n_starts
        Ends of edges, and nodes, from which events spread.
    n_in_steps
        Of these, from how many mass went on in steps, as there were too many walks to follow.
    step_m
        Greatest step taken [m], 0: none.
    """

    n_starts: int = 0
    n_in_steps: int = 0
    step_m: float = 0.0


def make_rule(options: NkdeOptions, max_walks: int) -> Rule:
    """Return how mass goes on at a node, as compiled loops know it.

    `max_walks` is of one group of events, where no depth is asked for.
    """
    return Rule(
        method=CONTINUOUS if options.method == "continuous" else DISCONTINUOUS,
        reflects=options.reflects_at_dead_ends,
        max_depth=options.max_depth or NO_LIMIT,
        max_walks=DEEP_WALKS if options.max_depth else max_walks,
    )
