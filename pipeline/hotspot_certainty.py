"""How sure a run is of each hotspot: its likely rank, and whether it is found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy import sparse

from core.settings import Settings
from geo.lixels import locate_lixels
from models.arrays import BoolArray, FloatArray, IntArray
from models.empirical_bayes import combine_with_expected, simulate_ranks
from models.hotspot_sensitivity import draw_crashes_again, is_still_found, move_crashes
from models.null_models import NullModel
from models.screening import adjust_fdr, compute_poisson_upper_tail
from models.significance_tails import describe_smoothed
from pipeline.frame import Frame
from pipeline.hotspot_matrices import Matrices
from pipeline.scan import Scan

__all__ = ["LEAST_K", "WORST", "CrashPlaces", "estimate_certainty", "find_crash_places"]

WORST: Final = (5, 10, 20)
N_TRIES: Final = 20
N_DRAWS: Final = 1_000
SHIFT_M: Final = (25.0, 50.0)
LEAST_K: Final = 0.01  # of the prior, where stretches hardly differ
SEGMENT_PREFIX: Final = "S"

Finder = Callable[[np.ndarray], BoolArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPlaces:
    """Where each placed crash is, and where it may be instead; shape (n_crashes,)."""

    lixel: IntArray
    offset_m: FloatArray  # from the lixel's start
    other_lixel: IntArray  # of the road that fits nearly as well; -1 for none


def find_crash_places(
    crashes: gpd.GeoDataFrame, lixels: pd.DataFrame, segments: gpd.GeoDataFrame
) -> CrashPlaces:
    """Return where crashes are on their lixels, and the second road of those in doubt.

    Parameters
    ----------
    crashes
        On a road: `lixel_id`, `offset_m`, `is_ambiguous`, `runner_up_site_id`, point.
    lixels, segments
        Pieces, and the roads that they are of.
    """
    lixel = crashes["lixel_id"].to_numpy(dtype=np.int64)
    offset = crashes["offset_m"].to_numpy(dtype=np.float64) - lixels["start_m"].to_numpy()[lixel]
    other = np.full(len(crashes), -1, dtype=np.int64)
    site = crashes["runner_up_site_id"].astype("object").fillna("").astype(str)
    is_doubtful = crashes["is_ambiguous"].to_numpy(dtype=bool)
    rows = np.flatnonzero(is_doubtful & site.str.startswith(SEGMENT_PREFIX).to_numpy())
    if len(rows):
        segment = site.iloc[rows].str.removeprefix(SEGMENT_PREFIX).astype("int64").to_numpy()
        points = crashes.geometry.to_numpy()[rows]
        along = shapely.line_locate_point(segments.geometry.to_numpy()[segment], points)
        other[rows] = locate_lixels(lixels, segment, along)
    return CrashPlaces(lixel=lixel, offset_m=np.maximum(offset, 0.0), other_lixel=other)


def estimate_certainty(
    hotspots: gpd.GeoDataFrame,
    scan: Scan,
    null: NullModel,
    places: CrashPlaces,
    matrices: Matrices,
    frame: Frame,
    *,
    settings: Settings,
) -> pd.DataFrame:
    """Return what is known of the certainty of each hotspot, in the order of its rows.

    Columns `n_long_run`, `n_long_run_ci_low`, `n_long_run_ci_high`, `rank_ci_low`,
    `rank_ci_high`, `p_worst_5`, ..., `found_with_half_window`, `found_with_double_window`,
    `found_when_moved`, `found_when_redrawn`, `stability`.
    """
    ranks = rank_again(hotspots, scan, seed=settings.seed)
    tries = try_again(scan, null, places, matrices, frame, settings=settings)
    number = hotspots["number"].to_numpy()
    return ranks.join(tries.iloc[number].set_axis(hotspots.index, axis=0))


def rank_again(hotspots: pd.DataFrame, scan: Scan, *, seed: int) -> pd.DataFrame:
    """Return the long-run crashes of each hotspot, and how its rank varies with them."""
    k = max(scan.dispersion.overdispersion_k, LEAST_K)
    estimate = combine_with_expected(
        hotspots["n_crashes"].to_numpy(dtype=np.float64),
        hotspots["expected_crashes"].to_numpy(dtype=np.float64),
        k,
    )
    columns = {
        "n_long_run": estimate.expected,
        "n_long_run_ci_low": estimate.ci_low,
        "n_long_run_ci_high": estimate.ci_high,
    }
    for worst in WORST:
        ranks = simulate_ranks(
            estimate, n_worst=worst, rng=np.random.default_rng(seed), n_draws=N_DRAWS
        )
        columns["rank_ci_low"], columns["rank_ci_high"] = ranks.rank_low, ranks.rank_high
        columns[f"p_worst_{worst}"] = ranks.p_worst
    return pd.DataFrame(columns, index=hotspots.index)


def try_again(
    scan: Scan,
    null: NullModel,
    places: CrashPlaces,
    matrices: Matrices,
    frame: Frame,
    *,
    settings: Settings,
) -> pd.DataFrame:
    """Return which hotspots are found again, one row a label; tries are by windows."""
    labels, length = scan.labels, scan.lixels["length_m"].to_numpy()
    n_crashes = scan.lixels["n_crashes"].to_numpy()
    rng = np.random.default_rng(settings.seed)

    def again(find: Finder, counts: np.ndarray) -> FloatArray:
        return is_still_found(labels, find(counts), length).astype(np.float64)

    def make(matrix: sparse.csr_array) -> Finder:
        return make_finder(
            matrix, null, float(n_crashes.sum()), settings.hotspot_control, settings.hotspot_fdr
        )

    find = make(frame.windows)
    half = again(make(matrices.half), n_crashes)
    double = again(make(matrices.double), n_crashes)
    n_hotspots = len(half)
    moved, redrawn = np.zeros(n_hotspots), np.zeros(n_hotspots)
    if n_hotspots:
        for _ in range(N_TRIES):
            moved += again(find, move_all(places, length, frame.adjacency, rng))
            drawn = draw_crashes_again(
                scan.lixels["n_window"],
                scan.lixels["expected_window"],
                scan.lixels["expected"],
                overdispersion_k=scan.dispersion.overdispersion_k,
                rng=rng,
            )
            redrawn += again(find, drawn)
    moved, redrawn = moved / N_TRIES, redrawn / N_TRIES
    return pd.DataFrame(
        {
            "found_with_half_window": half > 0,
            "found_with_double_window": double > 0,
            "found_when_moved": moved,
            "found_when_redrawn": redrawn,
            "stability": (half + double + moved + redrawn) / 4,
        }
    )


def move_all(
    places: CrashPlaces, length_m: FloatArray, adjacency: sparse.csr_array, rng: np.random.Generator
) -> IntArray:
    """Return crashes per lixel after each went along its road, or to its other road."""
    lixel = move_crashes(
        places.lixel, places.offset_m, length_m, adjacency, shift_m=SHIFT_M, rng=rng
    )
    changes = (places.other_lixel >= 0) & (rng.random(len(lixel)) < 0.5)
    return np.bincount(np.where(changes, places.other_lixel, lixel), minlength=len(length_m))


def make_finder(
    windows: sparse.csr_array, null: NullModel, total: float, control: str, level: float
) -> Finder:
    """Return what tells the significant windows of any counts, with the null worked out once.

    Where the null expects nothing, as on a road class without a crash, a crash that was moved
    there makes no hotspot: of such roads the data cannot tell.
    """
    expected = np.asarray(windows @ null.expected, dtype=np.float64)
    smoothed = describe_smoothed(windows, null, total) if null.overdispersion_k > 0 else None

    def find(counts: np.ndarray) -> BoolArray:
        n_window = np.where(expected > 0, np.rint(windows @ counts.astype(np.float64)), 0.0)
        if smoothed is None:
            p = compute_poisson_upper_tail(n_window, expected)
        else:
            p = smoothed.get_tail(np.arange(len(counts)), n_window)
        if control == "fdr":
            p = adjust_fdr(p)
        elif control == "family":
            p = np.minimum(p * len(p), 1.0)
        return np.asarray((p <= level) & (n_window > expected), dtype=np.bool_)

    return find
