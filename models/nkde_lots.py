"""Lots of events whose mass is spread together, in steps of distance."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from core.jit import compiled
from models.arrays import FloatArray, IntArray
from models.network_kernels import get_kernel_code
from models.nkde_paths import find_near
from models.nkde_steps import (
    Region,
    Seeds,
    Steps,
    build_region,
    fill_table,
    leave_in_steps,
    measure_ways,
    weigh_steps,
)
from models.nkde_walks import Arms, Rule, Samples

if TYPE_CHECKING:
    from models.nkde_options import NkdeOptions

__all__ = ["Lot", "Nearby", "Stepping"]

FEWEST_STEPS = 100  # within a bandwidth
BLOCK_M = 16.0  # many city blocks are longer than it


@dataclass(slots=True)
class Stepping:
    """A network in steps, for one bandwidth after another."""

    arms: Arms
    options: NkdeOptions
    _known: dict[float, tuple[int, FloatArray, IntArray]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def measure(self, bandwidth: float) -> Steps:
        """Return the network and the kernel in steps for a bandwidth [m].

        Steps are halved until there are enough in a bandwidth, so that bandwidths alike share them.
        """
        step = self.options.resolution_m
        while bandwidth / step < FEWEST_STEPS:
            step /= 2
        with self._lock:
            if step not in self._known:
                way, block = measure_ways(self.arms.length, step), max(1, int(BLOCK_M / step))
                self._known[step] = block, way, self._tie_nodes(way, block)
        kernel = get_kernel_code(self.options.kernel)
        return Steps(step, *self._known[step], fill_table(kernel, bandwidth, step))

    def _tie_nodes(self, way: FloatArray, block: int) -> IntArray:
        """Return the knot of each node: one for those tied by edges shorter than a block."""
        n_nodes = len(self.arms.first_arm) - 1
        ends = self.arms.node[way[:, 0] < block]
        ties = sparse.coo_array((np.ones(len(ends)), ends.T), shape=(n_nodes, n_nodes))
        knot_of: IntArray = connected_components(ties, directed=False)[1].astype(np.int64)
        return knot_of


@dataclass(slots=True)
class Nearby:
    """Finds the nodes near others; its arrays are used again for the next lot."""

    arms: Arms
    _best: FloatArray = field(init=False)
    _reached: IntArray = field(init=False)
    place_of: IntArray = field(init=False)

    def __post_init__(self) -> None:
        n_nodes = len(self.arms.first_arm) - 1
        self._best = np.full(n_nodes, np.inf)
        self._reached = np.empty(n_nodes, dtype=np.int64)
        self.place_of = np.full(len(self.arms.arm), -1, dtype=np.int64)

    def find(self, sources: IntArray, gone: FloatArray, limit: float, steps: Steps) -> Region:
        """Return the region closer than a limit; `place_of` holds the places of its arms."""
        n = find_near(self.arms, sources, gone, limit, self._best, self._reached)
        nodes = np.sort(self._reached[:n])
        self._best[nodes] = np.inf
        return build_region(self.arms, nodes, steps, self.place_of)


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
        self, near: Nearby, rule: Rule, samples: Samples, steps: Steps, out: FloatArray
    ) -> None:
        """Add the density of the events to the samples."""
        region = near.find(self.node, self.gone, self.bandwidth, steps)
        on_node = self.arm < 0
        for column in range(self.factor.shape[1]):
            factor = self.factor[:, column]
            seeds = Seeds(
                self.arm[~on_node],
                self.gone[~on_node],
                factor[~on_node],
                self.node[on_node],
                factor[on_node],
            )
            leaving, due = leave_in_steps(
                near.arms, rule, region, near.place_of, seeds, steps, self.bandwidth
            )
            begin = due[region.in_knot]
            add_leaving(
                near.arms, region.arm, leaving, begin, steps, self.bandwidth, samples, self.owner,
                out[:, column],
            )  # fmt: skip
        near.place_of[region.arm] = -1


@compiled
def add_leaving(
    arms: Arms,
    arm: IntArray,
    leaving: FloatArray,
    begin: IntArray,
    steps: Steps,
    bandwidth: float,
    samples: Samples,
    owner: int,
    out: FloatArray,
) -> None:
    """Add the densities that the mass through each arm gives to the samples of its edge."""
    for place in range(len(arm)):
        edge, end = arm[place] // 2, arm[place] % 2
        for at in range(samples.first[edge], samples.first[edge + 1]):
            along = samples.offset[at] if end == 0 else arms.length[edge] - samples.offset[at]
            is_own = samples.owner[at] >= 0 and samples.owner[at] == owner
            if along < bandwidth and not is_own:
                out[at] += weigh_steps(leaving, place, begin[place], along, steps)
