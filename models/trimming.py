"""Hotspots end where crashes end: the window reaches past them, the hotspot does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from models.arrays import IntArray, require_counts, require_same_length

__all__ = ["trim_hotspots"]


def trim_hotspots(labels: IntArray, n_crashes: ArrayLike, adjacency: sparse.csr_array) -> IntArray:
    """Take off the ends of hotspots on which no crash happened.

    A window is significant from half its length away, so significant lixels reach
    beyond the crashes that made them so. Lixels without a crash that touch at most one
    other lixel of their hotspot are taken off, again and again; what remains lies
    between crashes.

    Parameters
    ----------
    labels
        Hotspot of each lixel, -1 for none, shape (n_lixels,).
    n_crashes
        Crashes per lixel, shape (n_lixels,).
    adjacency
        Symmetric, true where two lixels touch, shape (n_lixels, n_lixels).

    Returns
    -------
    labels
        The same numbers on fewer lixels; a hotspot with no crash at all vanishes.

    Raises
    ------
    InputError
        If lengths differ or counts are not counts.
    """
    counts = require_counts("n_crashes", n_crashes)
    require_same_length(labels=labels, n_crashes=counts)
    inside = np.flatnonzero(labels >= 0)
    own = labels[inside]
    graph = sparse.coo_array(adjacency[inside, :][:, inside])
    is_pair = (own[graph.row] == own[graph.col]) & (graph.row != graph.col)
    row, col = graph.row[is_pair], graph.col[is_pair]
    is_in = np.ones(inside.size, dtype=np.bool_)
    while True:
        touching = np.bincount(row[is_in[row] & is_in[col]], minlength=inside.size)
        is_end = is_in & (counts[inside] == 0) & (touching <= 1)
        if not is_end.any():
            break
        is_in &= ~is_end
    trimmed = np.full_like(labels, -1)
    trimmed[inside[is_in]] = own[is_in]
    return trimmed
