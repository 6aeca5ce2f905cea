"""Which lixels touch, and which lie within a window measured along the network."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.errors import InputError, TableError
from core.heap import pop, push
from core.jit import compiled

__all__ = ["build_lixel_adjacency", "build_lixel_windows"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

TOLERANCE_M = 1e-6  # so that rounding never makes a window one-sided


def build_lixel_adjacency(lixels: pd.DataFrame, segments: pd.DataFrame) -> csr_array:
    """Tell which lixels touch, at an end inside a segment or at a shared node.

    Parameters
    ----------
    lixels
        As `geo.lixels.build_lixels` returns them; n_lixels rows.
    segments
        Columns `segment_id`, `u`, `v`.

    Returns
    -------
    adjacency
        Boolean, symmetric, no diagonal, shape (n_lixels, n_lixels).

    Raises
    ------
    TableError
        If a lixel's segment is not among the segments.
    """
    start, end = _lixel_ends(lixels, segments)
    n_lixels = len(lixels)
    vertex = np.concatenate([start, end])
    lixel = np.tile(np.arange(n_lixels), 2)
    order = np.lexsort((lixel, vertex))
    vertex, lixel = vertex[order], lixel[order]
    first = np.flatnonzero(np.r_[True, vertex[1:] != vertex[:-1]]) if n_lixels else np.empty(0, int)
    size = np.diff(np.r_[first, len(vertex)])
    group_size = np.repeat(size, size)  # every lixel end meets all ends at its vertex
    row = np.repeat(lixel, group_size)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(group_size) - group_size, group_size)
    column = lixel[np.repeat(np.repeat(first, size), group_size) + rank]
    keep = row != column
    ones = np.ones(int(keep.sum()), dtype=bool)
    adjacency = csr_array((ones, (row[keep], column[keep])), shape=(n_lixels, n_lixels))
    adjacency.sum_duplicates()
    adjacency.data[:] = True
    return adjacency


def build_lixel_windows(
    lixels: pd.DataFrame, segments: pd.DataFrame, *, window_length_m: float
) -> csr_array:
    """Find the lixels whose centres lie within half a window along the network.

    Distance is measured from centre to centre on the shortest way along the network,
    in either direction of travel, through shared nodes only: a road that merely crosses
    on a bridge is not in the window.

    Parameters
    ----------
    lixels
        As `geo.lixels.build_lixels` returns them; n_lixels rows.
    segments
        Columns `segment_id`, `u`, `v`.
    window_length_m
        Length of the window, so that it reaches half of it to each side [m].

    Returns
    -------
    windows
        1.0 where the distance is at most `window_length_m / 2`, the diagonal included;
        symmetric, shape (n_lixels, n_lixels).

    Raises
    ------
    InputError
        If the window length is negative or not a number.
    TableError
        If a lixel's segment is not among the segments.

    Notes
    -----
    One Dijkstra search per lixel, stopped at the window's edge: time grows with the
    number of lixels times the lixels in a window, memory with the result alone.
    """
    if not (np.isfinite(window_length_m) and window_length_m >= 0):
        message = f"window_length_m: {window_length_m} is not a length; give metres, 0 or more."
        raise InputError(message)
    start, end = _lixel_ends(lixels, segments)
    n_lixels = len(lixels)
    length = lixels["length_m"].to_numpy(dtype=np.float64)
    n_vertices = int(max(start.max(), end.max())) + 1 if n_lixels else 0
    vertex = np.concatenate([start, end])
    order = np.argsort(vertex, kind="stable")
    incident = np.tile(np.arange(n_lixels), 2)[order]
    first = np.searchsorted(vertex[order], np.arange(n_vertices + 1))
    indptr, indices = _search_windows(
        start, end, length, first, incident, window_length_m / 2 + TOLERANCE_M
    )
    index_type = np.int32 if max(len(indices), n_lixels) < np.iinfo(np.int32).max else np.int64
    return csr_array(
        (np.ones(len(indices)), indices.astype(index_type), indptr.astype(index_type)),
        shape=(n_lixels, n_lixels),
    )


def _lixel_ends(lixels: pd.DataFrame, segments: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Give the ends of lixels numbers: network nodes first, then cuts inside segments.

    Vertices are numbered 0..n-1 by first node, so that node ids may be any integers.
    """
    for table, frame, needed in (
        ("lixels", lixels, ("lixel_id", "segment_id", "length_m")),
        ("segments", segments, ("segment_id", "u", "v")),
    ):
        missing = [column for column in needed if column not in frame.columns]
        if missing:
            raise TableError.missing_columns(table, missing, list(frame.columns))
    segment = lixels["segment_id"].to_numpy(dtype=np.int64)
    number = lixels["lixel_id"].to_numpy(dtype=np.int64)
    if (number != np.arange(len(number))).any() or (np.diff(segment) < 0).any():
        message = "lixels: not in the order of build_lixels; sort them by lixel_id, leave none out."
        raise TableError(message)
    row = pd.Index(segments["segment_id"]).get_indexer(pd.Index(segment))
    if (row < 0).any():
        lost = segment[row < 0]
        message = (
            f"lixels: {len(np.unique(lost))} segment(s) are not in the segments, "
            f"first {lost[0]}; use lixels and segments of the same network."
        )
        raise TableError(message)
    ends = segments[["u", "v"]].to_numpy(dtype=np.int64)
    nodes, codes = np.unique(ends.ravel(), return_inverse=True)
    codes = codes.reshape(ends.shape)
    is_first = np.r_[True, segment[1:] != segment[:-1]]
    is_last = np.r_[is_first[1:], True]
    inside = len(nodes) + np.arange(len(segment))  # the cut at the end of lixel i is inside[i]
    start = np.where(is_first, codes[row, 0], np.r_[-1, inside[:-1]] if len(segment) else inside)
    end = np.where(is_last, codes[row, 1], inside)
    return start.astype(np.int64), end.astype(np.int64)


@compiled
def _search_windows(
    start: IntArray,
    end: IntArray,
    length: FloatArray,
    first: IntArray,
    incident: IntArray,
    radius: float,
) -> tuple[IntArray, IntArray]:
    """Bounded Dijkstra from the centre of every lixel; CSR pointers and sorted columns."""
    n_lixels = len(start)
    distance = np.full(len(first) - 1, np.inf)
    touched = np.empty(len(first) - 1, np.int64)
    seen = np.full(n_lixels, -1, np.int64)
    heap_key = np.empty(2 * n_lixels + 4)
    heap_vertex = np.empty(2 * n_lixels + 4, np.int64)
    indptr = np.zeros(n_lixels + 1, np.int64)
    indices = np.empty(16 * n_lixels + 16, np.int64)
    n_found = 0
    for source in range(n_lixels):
        begin = n_found
        if n_found + 1 > len(indices):
            indices = np.concatenate((indices, np.empty_like(indices)))
        indices[n_found] = source
        n_found += 1
        seen[source] = source
        n_heap = 0
        n_touched = 0
        half = length[source] / 2
        if half <= radius:
            for vertex in (start[source], end[source]):
                if distance[vertex] == np.inf:
                    distance[vertex] = half
                    touched[n_touched] = vertex
                    n_touched += 1
                    n_heap = push(heap_key, heap_vertex, n_heap, half, vertex)
        while n_heap > 0:
            key = heap_key[0]
            vertex = heap_vertex[0]
            n_heap = pop(heap_key, heap_vertex, n_heap)
            if key > distance[vertex]:
                continue
            for slot in range(first[vertex], first[vertex + 1]):
                lixel = incident[slot]
                if seen[lixel] != source and key + length[lixel] / 2 <= radius:
                    seen[lixel] = source
                    if n_found + 1 > len(indices):
                        indices = np.concatenate((indices, np.empty_like(indices)))
                    indices[n_found] = lixel
                    n_found += 1
                other = end[lixel] if start[lixel] == vertex else start[lixel]
                through = key + length[lixel]
                if through <= radius and through < distance[other]:
                    if distance[other] == np.inf:
                        touched[n_touched] = other
                        n_touched += 1
                    distance[other] = through
                    n_heap = push(heap_key, heap_vertex, n_heap, through, other)
        for i in range(n_touched):
            distance[touched[i]] = np.inf
        indices[begin:n_found].sort()
        indptr[source + 1] = n_found
    return indptr, indices[:n_found].copy()
