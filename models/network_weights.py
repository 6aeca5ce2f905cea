"""Who is whose neighbour along the network, and with what weight."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from core.errors import InputError
from core.jit import compiled
from models.arrays import BoolArray, FloatArray, IntArray
from models.edge_graph import EdgeGraph, Positions, require_on_graph
from models.network_kernels import evaluate_kernel, get_kernel_code
from models.nkde_paths import find_near
from models.nkde_walks import Arms

__all__ = [
    "FORMS",
    "NetworkWeights",
    "build_weights",
    "build_weights_from_matrix",
    "find_neighbour_distances",
]

FORMS: Final = ("binary", "inverse", "kernel")
TOLERANCE_M = 1e-6  # so that rounding leaves out no place that lies just at the distance
N_PARTS: Final = 8  # searched at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkWeights:
    """Weights between places, as they were before any row was standardised.

    Attributes
    ----------
    raw
        Weight of place j for place i, > 0, nothing on the diagonal; columns in rising order,
        shape (n_places, n_places).
    self_weight
        What a place counts for itself in Gi*; in the unit of `raw`.
    is_row_standardised
        Whether each row is divided by its sum.
    is_island
        Places without a neighbour: of them the data cannot tell, shape (n_places,).
    """

    raw: sparse.csr_array
    self_weight: float
    is_row_standardised: bool
    is_island: BoolArray

    def __len__(self) -> int:
        return len(self.is_island)

    @property
    def n_islands(self) -> int:
        """Number of places without a neighbour."""
        return int(self.is_island.sum())

    @property
    def meaning(self) -> str:
        """Say in a sentence how many places have no neighbour."""
        if not self.n_islands:
            return "Every place has a neighbour along the roads."
        return (
            f"{self.n_islands} of {len(self)} places have no neighbour along the roads; nothing "
            "can be said of what is around them."
        )

    def build_matrix(self, *, has_self: bool = False) -> sparse.csr_array:
        """Return the weights to use, shape (n_places, n_places); rows of islands are empty.

        Parameters
        ----------
        has_self
            Whether a place counts for itself, as in Gi*. Rows are standardised after that.
        """
        matrix = self.raw
        if has_self:
            own = np.where(self.is_island, 0.0, self.self_weight)
            matrix = sparse.csr_array(matrix + sparse.diags_array(own, format="csr"))
            matrix.eliminate_zeros()
            matrix.sort_indices()
        if not self.is_row_standardised:
            return matrix
        sums = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
        scale = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
        data = matrix.data * np.repeat(scale, np.diff(matrix.indptr))
        return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def find_neighbour_distances(
    graph: EdgeGraph, places: Positions, *, max_distance_m: float, n_workers: int | None = None
) -> sparse.csr_array:
    """Measure the shortest way along the network between places close to each other.

    Parameters
    ----------
    graph
        The network; one-way rules are not known to it.
    places
        Middles of lixels or other places on it, n_places of them.
    max_distance_m
        Pairs farther apart are left out [m], > 0.
    n_workers
        Threads; None: as many as processors. The result does not depend on it.

    Returns
    -------
    distance
        Symmetric up to rounding, shape (n_places, n_places) [m]. What is not stored is farther
        away; two places on one spot have a stored 0. Nothing on the diagonal.

    Raises
    ------
    InputError
        If a place is not on the graph, or the distance is not above 0.

    Notes
    -----
    One search of Dijkstra's from each place, which ends at the distance: time grows with the
    places times what is around each, memory with the pairs.
    """
    if not (np.isfinite(max_distance_m) and max_distance_m > 0):
        message = f"max_distance_m is {max_distance_m}; give metres above 0."
        raise InputError(message)
    require_on_graph("places", places, graph)
    n = len(places)
    order = np.lexsort((places.offset, places.edge))
    edge = places.edge[order].astype(np.int64)
    offset = places.offset[order].astype(np.float64)
    first = np.searchsorted(edge, np.arange(graph.n_edges + 1)).astype(np.int64)
    arms = Arms(graph.node, graph.length, graph.first_arm, graph.arm)
    bounds = np.linspace(0, n, N_PARTS + 1).astype(np.int64)

    def search(part: int) -> tuple[IntArray, IntArray, FloatArray]:
        limit, begin, stop = max_distance_m + TOLERANCE_M, bounds[part], bounds[part + 1]
        return _search_places(arms, edge, offset, first, limit, int(begin), int(stop))

    with ThreadPoolExecutor(max_workers=max(1, n_workers or os.cpu_count() or 1)) as pool:
        parts = list(pool.map(search, range(N_PARTS)))
    row = order[np.repeat(np.arange(n), np.concatenate([part[0] for part in parts]))]
    column = order[np.concatenate([part[1] for part in parts])]
    distance = np.concatenate([part[2] for part in parts])
    found = sparse.coo_array((distance, (row, column)), shape=(n, n)).tocsr()
    found.sort_indices()
    return sparse.csr_array(found)


@compiled
def _search_places(
    arms: Arms,
    edge: IntArray,
    offset: FloatArray,
    first: IntArray,
    limit: float,
    begin: int,
    stop: int,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return how many neighbours each place has, which, and how far; places are by edge."""
    n_nodes = len(arms.first_arm) - 1
    best = np.full(n_nodes, np.inf)
    reached = np.empty(n_nodes, dtype=np.int64)
    gone = np.empty(2)
    count = np.zeros(stop - begin, dtype=np.int64)
    column, distance = np.empty(1024, dtype=np.int64), np.empty(1024)
    found = 0
    for i in range(begin, stop):
        own, before = edge[i], found
        gone[0], gone[1] = offset[i], arms.length[own] - offset[i]
        n = find_near(arms, arms.node[own], gone, limit, best, reached)
        for r in range(-1, n):
            low = arms.first_arm[reached[r]] if r >= 0 else 0
            high = arms.first_arm[reached[r] + 1] if r >= 0 else 1
            for at in range(low, high):
                along, end = (arms.arm[at] // 2, arms.arm[at] % 2) if r >= 0 else (own, 0)
                from_start, from_end = best[arms.node[along, 0]], best[arms.node[along, 1]]
                if r >= 0 and (along == own or (end == 1 and from_start < np.inf)):
                    continue
                for j in range(first[along], first[along + 1]):
                    far = min(from_start + offset[j], from_end + arms.length[along] - offset[j])
                    if r < 0:
                        far = min(far, abs(offset[j] - offset[i]))
                    if far <= limit and j != i:
                        if found == len(column):
                            column = np.concatenate((column, np.empty_like(column)))
                            distance = np.concatenate((distance, np.empty_like(distance)))
                        column[found], distance[found] = j, far
                        found += 1
        for r in range(n):
            best[reached[r]] = np.inf
        count[i - begin] = found - before
    return count, column[:found].copy(), distance[:found].copy()


def build_weights(
    distance: sparse.csr_array,
    *,
    form: str = "binary",
    max_distance_m: float | None = None,
    power: float = 1.0,
    least_distance_m: float = 10.0,
    kernel: str = "quartic",
    row_standardised: bool = False,
) -> NetworkWeights:
    """Turn distances along the network into weights.

    Parameters
    ----------
    distance
        From `find_neighbour_distances` [m].
    form
        ``binary``: 1 up to the distance. ``inverse``: distance to the power, below; a place
        counts for itself as if it were at the least distance. ``kernel``: K(d) / K(0).
    max_distance_m
        Farther pairs are no neighbours; the bandwidth of a kernel [m]. None: all that are
        stored, which a kernel cannot do with.
    power
        Of the inverse distance [-], > 0.
    least_distance_m
        Shorter distances count as this in ``inverse`` [m], > 0.
    kernel
        One of `models.network_kernels.KERNELS`.
    row_standardised
        Divide each row by its sum: a mean of the neighbours in place of their sum.

    Raises
    ------
    InputError
        If the form is not known, or a number is out of range.
    """
    pairs = sparse.coo_array(distance)
    far = np.asarray(pairs.data, dtype=np.float64)
    if form not in FORMS:
        message = f"form {form!r} is not known; use one of: {', '.join(FORMS)}."
        raise InputError(message)
    if form == "kernel" and max_distance_m is None:
        message = "max_distance_m: a kernel needs its bandwidth [m]."
        raise InputError(message)
    if not (power > 0 and least_distance_m > 0 and (max_distance_m is None or max_distance_m > 0)):
        message = (
            f"weights: power {power}, least distance {least_distance_m} m and greatest "
            f"{max_distance_m} m must be above 0."
        )
        raise InputError(message)
    self_weight = 1.0
    if form == "binary":
        value = np.ones_like(far)
    elif form == "inverse":
        value = np.maximum(far, least_distance_m) ** -power
        self_weight = least_distance_m**-power
    else:
        value = _weigh_by_kernel(get_kernel_code(kernel), far, float(max_distance_m or 0.0))
    if max_distance_m is not None:
        value = np.where(far <= max_distance_m + TOLERANCE_M, value, 0.0)
    matrix = sparse.coo_array((value, (pairs.row, pairs.col)), shape=distance.shape)
    return build_weights_from_matrix(
        sparse.csr_array(matrix), self_weight=self_weight, row_standardised=row_standardised
    )


@compiled
def _weigh_by_kernel(code: int, distance: FloatArray, bandwidth: float) -> FloatArray:
    weight = np.empty_like(distance)
    highest = evaluate_kernel(code, 0.0, bandwidth)
    for i in range(len(distance)):
        weight[i] = evaluate_kernel(code, distance[i], bandwidth) / highest
    return weight


def build_weights_from_matrix(
    matrix: sparse.csr_array, *, self_weight: float = 1.0, row_standardised: bool = False
) -> NetworkWeights:
    """Take a sparse matrix as weights, such as `geo.neighbours.build_lixel_windows`.

    Parameters
    ----------
    matrix
        Weights from 0, shape (n_places, n_places). Zeros and the diagonal are left out.
    self_weight
        What a place counts for itself in Gi*, from 0.
    row_standardised
        Divide each row by its sum.

    Raises
    ------
    InputError
        If the matrix is not square, or a weight is negative or missing.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        message = f"weights: shape {matrix.shape}; give one row and one column a place."
        raise InputError(message)
    pairs = sparse.coo_array(matrix)
    value = np.asarray(pairs.data, dtype=np.float64)
    is_bad = ~(np.isfinite(value) & (value >= 0))
    if is_bad.any() or not (np.isfinite(self_weight) and self_weight >= 0):
        message = (
            f"weights: {int(is_bad.sum())} of {len(value)} are negative or missing, self weight "
            f"{self_weight}; give numbers from 0."
        )
        raise InputError(message)
    is_kept = (pairs.row != pairs.col) & (value > 0)
    kept = (value[is_kept], (pairs.row[is_kept], pairs.col[is_kept]))
    raw = sparse.csr_array(sparse.coo_array(kept, shape=matrix.shape))
    raw.sort_indices()
    return NetworkWeights(
        raw=raw,
        self_weight=float(self_weight),
        is_row_standardised=row_standardised,
        is_island=np.diff(raw.indptr) == 0,
    )
