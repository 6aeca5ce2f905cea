"""Lots of events whose mass is spread together, in steps of distance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from models.arrays import FloatArray, IntArray
from models.network_kernels import get_kernel_code
from models.nkde_paths import find_near
from models.nkde_steps import Seeds, measure_ways, spread_in_steps
from models.nkde_walks import Arms, Rule, Samples

if TYPE_CHECKING:
    from models.nkde import NkdeOptions

__all__ = ["Lot", "Nearby"]

FEWEST_STEPS = 100  # within a bandwidth


@dataclass(slots=True)
class Nearby:
    """Finds the nodes near others; its arrays are used again for the next lot."""

    arms: Arms
    _ways: dict[float, FloatArray] = field(default_factory=dict)
    _best: FloatArray = field(init=False)
    _reached: IntArray = field(init=False)
    _place_of: IntArray = field(init=False)

    def __post_init__(self) -> None:
        n_nodes = len(self.arms.first_arm) - 1
        self._best = np.full(n_nodes, np.inf)
        self._reached = np.empty(n_nodes, dtype=np.int64)
        self._place_of = np.full(len(self.arms.arm), -1, dtype=np.int64)

    def find(
        self, sources: IntArray, gone: FloatArray, limit: float
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return the nodes closer than a limit, their arms, and the row of every arm.

        The last is one array for all calls, shape (2 * n_edges,): put it back with `forget`.
        """
        n = find_near(self.arms, sources, gone, limit, self._best, self._reached)
        nodes = np.sort(self._reached[:n])
        self._best[nodes] = np.inf
        first, count = self.arms.first_arm[nodes], np.diff(self.arms.first_arm)[nodes]
        at = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        own = self.arms.arm[at]
        self._place_of[own] = np.arange(len(own))
        return nodes, own, self._place_of

    def measure_ways(self, step_m: float) -> FloatArray:
        """Return the ways along all edges in steps; see `models.nkde_steps.measure_ways`."""
        if step_m not in self._ways:
            self._ways = {step_m: measure_ways(self.arms.length, step_m)}
        return self._ways[step_m]

    def forget(self, own: IntArray) -> None:
        """Make the rows of these arms unknown again."""
        self._place_of[own] = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Events with one bandwidth, near each other.

    Attributes
    ----------
    arm
        Arm at whose node each event arrives, -1 for events on a node, shape (n,).
    node, gone
        That node, and the distance to it, shape (n,).
    factor
        Weights, shape (n, n_columns).
    bandwidth
        Of all [m].
    owner
        Event whose own samples are left out, -1: none.
    """

    arm: IntArray
    node: IntArray
    gone: FloatArray
    factor: FloatArray
    bandwidth: float
    owner: int

    def spread(
        self, near: Nearby, rule: Rule, samples: Samples, options: NkdeOptions, out: FloatArray
    ) -> None:
        """Add the density of the events to the samples."""
        nodes, own, place_of = near.find(self.node, self.gone, self.bandwidth)
        step = min(options.resolution_m, self.bandwidth / FEWEST_STEPS)
        on_node = self.arm < 0
        seeds = Seeds(
            self.arm[~on_node],
            self.gone[~on_node],
            self.factor[~on_node],
            self.node[on_node],
            self.factor[on_node],
        )
        kernel = get_kernel_code(options.kernel)
        spread_in_steps(
            near.arms, rule, nodes, place_of, near.measure_ways(step), seeds, self.bandwidth, step,
            samples, kernel, self.owner, out,
        )  # fmt: skip
        near.forget(own)
