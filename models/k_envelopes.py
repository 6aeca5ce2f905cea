"""Envelopes of chance about a curve: at each distance, and at all together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from core.errors import InputError
from models.arrays import FloatArray

__all__ = ["GlobalEnvelope", "compute_global_envelope", "compute_pointwise_envelope"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalEnvelope:
    """Between which chance keeps a whole curve, shape (n_distances,), and one p-value."""

    low: FloatArray
    high: FloatArray
    p_value: float


def compute_global_envelope(
    observed: ArrayLike, simulated: ArrayLike, *, level: float = 0.05
) -> GlobalEnvelope:
    """Test a whole curve against curves of chance by extreme rank lengths.

    Parameters
    ----------
    observed
        The curve, shape (n_distances,).
    simulated
        Curves of chance, shape (n_simulations, n_distances).
    level
        Share of chance curves outside the envelope.

    Returns
    -------
    envelope
        The p-value is `level` or less when and only when the curve leaves the envelope
        somewhere, ties apart.

    Raises
    ------
    InputError
        If the curves are not equally long or there is none.

    Notes
    -----
    At each distance a curve's rank is counted from the nearer end, ties shared. Curves are
    ordered by their smallest rank, then the next, and so on; p is the share of all curves,
    the observed one included, that are as extreme or more. Under chance all orders are alike, so
    p <= a happens with a probability of a or less for any number of distances.

    References
    ----------
    Myllymaki, Mrkvicka, Grabarnik, Seijo & Hahn (2017). Global envelope tests for spatial
    processes. JRSS B 79(2), 381-404. doi:10.1111/rssb.12172
    """
    curves = _stack(observed, simulated)
    n = len(curves)
    ranks = rankdata(curves, axis=0)
    length = np.sort(np.minimum(ranks, n + 1 - ranks), axis=1)
    order = np.lexsort(length.T[::-1])
    is_new = np.append(True, (length[order][1:] != length[order][:-1]).any(axis=1))
    group = np.cumsum(is_new) - 1
    n_below, n_upto = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    n_below[order] = np.flatnonzero(is_new)[group]  # curves that are more extreme
    n_upto[order] = np.append(np.flatnonzero(is_new)[1:], n)[group]
    least = n_below[n_below <= level * n].max()
    inside = curves[n_below >= least]
    return GlobalEnvelope(
        low=inside.min(axis=0), high=inside.max(axis=0), p_value=float(n_upto[0] / n)
    )


def compute_pointwise_envelope(
    observed: ArrayLike, simulated: ArrayLike, *, level: float = 0.05
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compute between which chance keeps a curve at each distance by itself.

    Parameters
    ----------
    observed, simulated, level
        As `compute_global_envelope`.

    Returns
    -------
    low, high, p_value
        The k-th smallest and largest curve of chance, k = level / 2 of (n + 1), at least 1;
        and the two-sided share of curves that are as far out, shape (n_distances,).

    Raises
    ------
    InputError
        As `compute_global_envelope`.
    """
    curves = _stack(observed, simulated)
    n = len(curves)
    k = max(1, int(level / 2 * n + 1e-9))
    chance = np.sort(curves[1:], axis=0)
    n_above = (curves[1:] >= curves[0]).sum(axis=0)
    n_below = (curves[1:] <= curves[0]).sum(axis=0)
    p_value = np.minimum(1.0, 2.0 * (1 + np.minimum(n_above, n_below)) / n)
    return chance[min(k, n - 1) - 1], chance[max(0, n - 1 - k)], p_value


def _stack(observed: ArrayLike, simulated: ArrayLike) -> FloatArray:
    one, many = np.asarray(observed, dtype=np.float64), np.asarray(simulated, dtype=np.float64)
    if one.ndim != 1 or many.ndim != 2 or many.shape[1] != len(one) or 0 in many.shape:
        message = (
            f"curves: observed has shape {one.shape}, simulated {many.shape}; give "
            "(n_distances,) and (n_simulations, n_distances), at least one of each."
        )
        raise InputError(message)
    return np.vstack([one, many])
