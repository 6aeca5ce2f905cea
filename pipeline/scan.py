"""Where crashes stand closer together than a null explains: from lixels to stretches."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from scipy import sparse

from core.units import M_PER_KM
from models.arrays import BoolArray, IntArray
from models.hotspots import grow_hotspots, keep_hotspots
from models.screening import (
    OverdispersionEstimate,
    adjust_fdr,
    compute_negative_binomial_upper_tail,
    estimate_overdispersion,
    scan_windows,
)
from models.trimming import trim_hotspots
from pipeline.hotspot_methods import LixelTest

__all__ = ["Scan", "Stretches", "join_stretches", "scan_lixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretches:
    """What every way of joining lixels to stretches shares."""

    n_crashes: np.ndarray
    length_m: np.ndarray
    adjacency: sparse.csr_array
    min_crashes: int  # a hotspot with fewer crashes on its own lixels is not one
    max_length_m: float  # a longer stretch is split at its weakest places [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The scanned lixels and what was learnt on the way."""

    lixels: gpd.GeoDataFrame
    labels: IntArray  # hotspot number of each lixel, -1 for none
    dispersion: OverdispersionEstimate


def join_stretches(test: LixelTest, is_significant: BoolArray, roads: Stretches) -> IntArray:
    """Join significant lixels to stretches; the number of each lixel, -1 for none."""
    labels = grow_hotspots(
        test.strength,
        is_significant,
        roads.length_m,
        roads.adjacency,
        max_length_m=roads.max_length_m,
    )
    labels = trim_hotspots(labels, roads.n_crashes, roads.adjacency)
    n_inside = np.bincount(
        labels[labels >= 0],
        weights=roads.n_crashes[labels >= 0],
        minlength=labels.max(initial=-1) + 1,
    )
    return keep_hotspots(labels, n_inside >= roads.min_crashes)


def scan_lixels(
    lixels: gpd.GeoDataFrame,
    test: LixelTest,
    windows: sparse.csr_array,
    roads: Stretches,
    *,
    control: str,
    level: float,
) -> Scan:
    """Return the lixels with what was found of them, and the stretches that are published.

    Parameters
    ----------
    lixels
        Pieces of road, `lixel_id` = row position.
    test
        The method and null that define the published hotspots.
    windows
        Lixels within half a window length.
    roads
        Crashes, lengths and which lixels touch.
    control, level
        What error is controlled, and at which level.
    """
    scan = scan_windows(roads.n_crashes, test.null.expected, windows)
    is_significant = test.find_significant(control, level)
    labels = join_stretches(test, is_significant, roads)
    windows_with_road = scan.expected_window > 0
    dispersion = estimate_overdispersion(
        scan.n_window[windows_with_road], scan.expected_window[windows_with_road]
    )
    p_spread = compute_negative_binomial_upper_tail(
        scan.n_window, scan.expected_window, overdispersion_k=dispersion.overdispersion_k
    )
    scanned = lixels.assign(
        n_crashes=roads.n_crashes,
        expected=test.null.expected,
        n_window=scan.n_window,
        expected_window=scan.expected_window,
        window_km=windows @ (roads.length_m / M_PER_KM),
        rate_ratio=test.ratio,
        p_value=test.p_value,
        q_value=test.q_value,
        p_family=test.p_family,
        q_spread=adjust_fdr(p_spread),
        is_significant=is_significant,
    )
    return Scan(lixels=scanned, labels=labels, dispersion=dispersion)
