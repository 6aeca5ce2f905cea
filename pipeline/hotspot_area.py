"""Whether the crashes of an area gather at all, and where: sentences for the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import special

from core.errors import SafeCommuteError
from core.vocabulary import YesNoUnknown
from geo.snapping import snap_points
from models.edge_graph import EdgeGraph, Positions
from models.global_moran import compute_global_moran, compute_standardised_rate
from models.k_function import evaluate_clustering
from models.k_options import Distances, NullDraws
from models.k_words import describe_clustering
from models.network_weights import build_weights_from_matrix
from models.null_models import NullModel
from pipeline.frame import Frame
from pipeline.hotspot_matrices import build_graph

__all__ = ["describe_area", "tell"]

MOST_CRASHES: Final = 1_000  # drawn from all, for the K function
N_SIMULATIONS: Final = 99
REACH_M: Final = 500.0
STEP_M: Final = 50.0
MAX_GATE_M: Final = 500.0  # from its road
FEWEST: Final = 8  # crashes expected, for a comparison of a kind of road
NEAR: Final = {
    "has_school_within_200m": "school",
    "has_market_within_200m": "market",
    "has_factory_gate_within_200m": "factory gate",
}


def describe_area(
    frame: Frame,
    segments: pd.DataFrame,
    crashes: pd.DataFrame,
    gates: gpd.GeoSeries,
    n_crashes: np.ndarray,
    null: NullModel,
    *,
    variance_ratio: float,
    seed: int,
) -> dict[str, Any]:
    """Return questions and answers on the area as a whole, and what they were limited to.

    Parameters
    ----------
    frame
        Roads, lixels and windows.
    segments
        With their attributes.
    crashes
        On a road: `segment_id`, `offset_m`, `is_dark`.
    gates
        Of factories, in the roads' coordinate system; may be empty.
    n_crashes
        Per lixel.
    null
        What the published hotspots are compared with.
    variance_ratio
        Variance of the counts of windows over that of chance, by which intervals are widened.
    seed
        Of what is drawn.
    """
    segment = frame.lixels["segment_id"].to_numpy(dtype=np.int64)
    expected = np.bincount(segment, weights=null.expected, minlength=len(segments))
    sentences = [
        tell("Are stretches like those near them?", lambda: ask_moran(frame, n_crashes, null)),
        *ask_near(segments, crashes, expected, variance_ratio),
    ]
    graph = build_graph(frame)
    rng = np.random.default_rng(seed)
    events, share = draw_events(crashes, graph, rng)
    draws = NullDraws(n_simulations=N_SIMULATIONS, seed=seed, edge_weight=expected)
    distances = Distances(start_m=STEP_M, end_m=REACH_M, step_m=STEP_M)
    sentences.append(
        tell(
            "Do crashes lie closer together than the comparison explains?",
            lambda: describe_clustering(evaluate_clustering(graph, events, distances, draws=draws)),
        )
    )
    if len(gates):
        at = locate_gates(gates, frame.segments, graph)
        sentences.append(
            tell(
                "Do they lie closer to factory gates?",
                lambda: describe_clustering(
                    evaluate_clustering(graph, events, distances, to=at, draws=draws),
                    other="factory gate",
                ),
            )
        )
    note = (
        f"Compared with {N_SIMULATIONS} patterns of chance that follow the comparison of the "
        f"published hotspots, up to {REACH_M:.0f} m along the roads. Counted are the "
        f"{len(crashes):,} crashes that are on a road here."
    )
    if share < 1:
        note += f" Distances between crashes are those of {len(events):,} drawn from all."
    return {"sentences": sentences, "note": note}


def tell(question: str, ask: Callable[[], str]) -> dict[str, str]:
    """Return a question with its answer, or with why there is none."""
    try:
        return {"question": question, "answer": ask()}
    except SafeCommuteError as error:
        return {"question": question, "answer": f"The data cannot tell: {error}"}


def ask_moran(frame: Frame, n_crashes: np.ndarray, null: NullModel) -> str:
    """Say whether rates of lixels are like those around them (global Moran)."""
    rates = compute_standardised_rate(n_crashes, np.maximum(null.expected, 1e-9))
    moran = compute_global_moran(rates, build_weights_from_matrix(frame.windows))
    return moran.meaning


def ask_near(
    segments: pd.DataFrame, crashes: pd.DataFrame, expected: np.ndarray, variance_ratio: float
) -> list[dict[str, str]]:
    """Compare crashes near schools, markets and gates, and in the dark where no light is."""
    own = crashes["segment_id"].astype("int64").to_numpy()
    n = np.bincount(own, minlength=len(segments)).astype(np.float64)
    told = []
    for column, where in NEAR.items():
        if column in segments and segments[column].eq(YesNoUnknown.YES.value).any():
            is_near = segments[column].eq(YesNoUnknown.YES.value).to_numpy()
            where_words = f"within 200 m of a {where}"
            words = compare(n[is_near].sum(), expected[is_near].sum(), where_words, variance_ratio)
            told.append({"question": f"Are there more crashes at {where}s?", "answer": words})
    is_unlit = segments["lit"].eq("no").to_numpy()
    is_dark = crashes["is_dark"].eq(YesNoUnknown.YES.value).to_numpy()
    if is_unlit.any() and (segments["lit"] == "yes").any() and is_dark.any():
        n_dark = np.bincount(own[is_dark], minlength=len(segments)).astype(np.float64)
        usual = expected * is_dark.mean()
        words = compare(
            n_dark[is_unlit].sum(),
            usual[is_unlit].sum(),
            "in the dark, where no light is mapped",
            variance_ratio,
        )
        told.append({"question": "Are there more in the dark without lamps?", "answer": words})
    return told


def compare(n: float, expected: float, where: str, variance_ratio: float = 1.0) -> str:
    """Say how many crashes there were and how many the null expects, with the interval.

    The interval is that of Poisson counts, as much wider as counts vary more than these.
    """
    if expected < FEWEST:
        return f"The data cannot tell: only {expected:.1f} crashes are expected {where}."
    spread = variance_ratio if variance_ratio > 1 else 1.0
    least = spread * float(special.gammaincinv(n / spread, 0.025)) if n else 0.0
    most = spread * float(special.gammaincinv(n / spread + 1, 0.975))
    low, high = round(least / expected, 2), round(most / expected, 2)  # the verdict is of these
    verdict = (
        "more than" if low > 1 else "fewer than" if high < 1 else "not to be told apart from what"
    )
    ends = "is expected" if "told" in verdict else "expected"
    return (
        f"{n:,.0f} crashes {where}, {expected:,.1f} expected: {n / expected:.2f} times "
        f"(95% interval {low:.2f} to {high:.2f}, which allows for how much roads differ), "
        f"{verdict} {ends}."
    )


def draw_events(
    crashes: pd.DataFrame, graph: EdgeGraph, rng: np.random.Generator
) -> tuple[Positions, float]:
    """Return the crashes on the roads, not more than `MOST_CRASHES`, and their share of all."""
    edge = crashes["segment_id"].to_numpy(dtype=np.int64)
    offset = crashes["offset_m"].to_numpy(dtype=np.float64)
    n = len(edge)
    kept = np.sort(rng.choice(n, MOST_CRASHES, replace=False)) if n > MOST_CRASHES else np.arange(n)
    at = np.clip(offset[kept], 0.0, graph.length[edge[kept]])
    return Positions(edge=edge[kept], offset=at), len(kept) / max(n, 1)


def locate_gates(gates: gpd.GeoSeries, segments: gpd.GeoDataFrame, graph: EdgeGraph) -> Positions:
    """Return the gates on the nearest roads, those far from any left out."""
    points = gpd.GeoDataFrame({"gate": np.arange(len(gates))}, geometry=gates.to_numpy())
    points = points.set_crs(segments.crs)
    found = snap_points(points, segments, max_distance_m=MAX_GATE_M)
    found = found[found["segment_id"].notna()]
    edge = found["segment_id"].to_numpy(dtype=np.int64)
    offset = np.clip(found["offset_m"].to_numpy(dtype=np.float64), 0.0, graph.length[edge])
    return Positions(edge=edge, offset=offset)
