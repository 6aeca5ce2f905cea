"""Where crashes stand closer together than the road's class explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse

from core.units import M_PER_KM
from models.hotspots import grow_hotspots, keep_hotspots
from models.screening import (
    OverdispersionEstimate,
    adjust_fdr,
    compute_expected_per_lixel,
    compute_negative_binomial_upper_tail,
    estimate_overdispersion,
    scan_windows,
)
from models.trimming import trim_hotspots

__all__ = ["Scan", "scan_lixels"]

SMALLEST_P = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The scanned lixels and what was learnt on the way."""

    lixels: gpd.GeoDataFrame
    labels: np.ndarray  # hotspot number of each lixel, -1 for none
    dispersion: OverdispersionEstimate


def scan_lixels(
    lixels: gpd.GeoDataFrame,
    road_class: pd.Series,
    crash_lixel_id: np.ndarray,
    windows: sparse.csr_array,
    adjacency: sparse.csr_array,
    *,
    reference: Literal["road_class", "network"],
    fdr: float,
    min_crashes: int,
    max_length_m: float,
) -> Scan:
    """Count crashes in a window around every lixel and test it against its reference.

    Parameters
    ----------
    lixels
        Pieces of road, `lixel_id` = row position.
    road_class
        Road class of each lixel.
    crash_lixel_id
        Lixel of each placed crash, shape (n_placed,).
    windows, adjacency
        Lixels within half a window length, and lixels that touch.
    reference
        What "expected" means: the mean of the road class, or of the whole network.
    fdr
        False-discovery rate that is accepted among significant windows.
    min_crashes
        A hotspot with fewer crashes on its own lixels is not one.
    max_length_m
        A longer stretch is split at its weakest places [m].
    """
    n_lixels = len(lixels)
    n_crashes = np.bincount(crash_lixel_id, minlength=n_lixels)
    length_m = lixels["length_m"].to_numpy()
    classes = road_class.to_numpy() if reference == "road_class" else None
    expected = compute_expected_per_lixel(n_crashes, length_m, classes)
    result = scan_windows(n_crashes, expected, windows)
    is_significant = (result.q_value <= fdr) & (result.rate_ratio > 1)
    score = -np.log(np.maximum(result.p_value, SMALLEST_P))
    labels = grow_hotspots(score, is_significant, length_m, adjacency, max_length_m=max_length_m)
    labels = trim_hotspots(labels, n_crashes, adjacency)
    n_inside = np.bincount(
        labels[labels >= 0], weights=n_crashes[labels >= 0], minlength=labels.max(initial=-1) + 1
    )
    labels = keep_hotspots(labels, n_inside >= min_crashes)
    windows_with_road = result.expected_window > 0
    dispersion = estimate_overdispersion(
        result.n_window[windows_with_road], result.expected_window[windows_with_road]
    )
    p_spread = compute_negative_binomial_upper_tail(
        result.n_window,
        result.expected_window,
        overdispersion_k=dispersion.overdispersion_k,
    )
    scanned = lixels.assign(
        n_crashes=n_crashes,
        expected=expected,
        n_window=result.n_window,
        expected_window=result.expected_window,
        window_km=windows @ (length_m / M_PER_KM),
        rate_ratio=result.rate_ratio,
        p_value=result.p_value,
        q_value=result.q_value,
        q_spread=adjust_fdr(p_spread),
        is_significant=is_significant,
    )
    return Scan(lixels=scanned, labels=labels, dispersion=dispersion)
