"""What a run needs of the roads: corridors, lixels, windows; kept between runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from scipy import sparse

from geo.corridors import build_corridors
from geo.lixels import build_lixels
from geo.neighbours import build_lixel_adjacency, build_lixel_windows
from geo.network import Network, read_network
from pipeline.account import Job
from pipeline.areas import build_area_network
from pipeline.steps import StepFolder, keep_step

__all__ = ["Frame", "prepare_frame"]

FRAME_VERSION = 1  # raise it when the same network gives another frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Everything about the roads that does not depend on the records."""

    network: Network
    segments: gpd.GeoDataFrame  # with corridor and chainage
    corridors: pd.DataFrame
    lixels: gpd.GeoDataFrame
    windows: sparse.csr_array
    adjacency: sparse.csr_array
    step: StepFolder
    network_key: str  # of the step that built the network
    segments_file: Path  # the segments, with their attributes once these are added
    attributes_account: dict[str, Any] = field(default_factory=dict)


def prepare_network(job: Job) -> tuple[Network, StepFolder]:
    """Return the area's network, built again only when its sources or settings changed."""
    with job.account.step("network") as counts:
        step = build_area_network(job.workspace, job.area, settings=job.settings)
        network = read_network(step.path)
        skipped = network.summary.get("n_ways_skipped", {})
        counts.update(
            rows_in=network.summary.get("n_ways_read", len(network.segments)),
            rows_out=len(network.segments),
            rows_dropped=sum(skipped.values()),
            reason="; ".join(f"{n} {reason}" for reason, n in skipped.items()),
            cached=step.is_cached,
        )
    return network, step


def prepare_frame(job: Job) -> Frame:
    """Cut the network into lixels and find each one's window; kept between runs."""
    network, network_step = prepare_network(job)
    settings = job.settings

    def build(folder: Path) -> None:
        segments, corridors = build_corridors(network.segments, network.nodes, network.places)
        lixels = build_lixels(segments, lixel_length_m=settings.lixel_length_m)
        windows = build_lixel_windows(lixels, segments, window_length_m=settings.window_length_m)
        adjacency = build_lixel_adjacency(lixels, segments)
        segments.to_parquet(folder / "segments.parquet")
        corridors.to_parquet(folder / "corridors.parquet")
        lixels.to_parquet(folder / "lixels.parquet")
        sparse.save_npz(folder / "windows.npz", sparse.csr_matrix(windows), compressed=False)
        sparse.save_npz(folder / "adjacency.npz", sparse.csr_matrix(adjacency), compressed=False)

    with job.account.step("lixels") as counts:
        options = [FRAME_VERSION, settings.lixel_length_m, settings.window_length_m]
        step = keep_step(job.workspace, job.area.key, "frame", [network_step.key, *options], build)
        frame = Frame(
            network=network,
            segments=gpd.read_parquet(step.path / "segments.parquet"),
            corridors=pd.read_parquet(step.path / "corridors.parquet"),
            lixels=gpd.read_parquet(step.path / "lixels.parquet"),
            windows=sparse.csr_array(sparse.load_npz(step.path / "windows.npz")),
            adjacency=sparse.csr_array(sparse.load_npz(step.path / "adjacency.npz")),
            step=step,
            network_key=network_step.key,
            segments_file=step.path / "segments.parquet",
        )
        counts.update(
            rows_in=len(network.segments), rows_out=len(frame.lixels), cached=step.is_cached
        )
    return frame
