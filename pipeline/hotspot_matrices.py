"""What the hotspot methods look at around each lixel; built once for a network, then kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from geo.neighbours import build_lixel_windows
from models.edge_graph import EdgeGraph, Positions, build_edge_graph
from models.nkde import NkdeOptions
from models.smoothing import build_kernel_matrix
from pipeline.account import Job
from pipeline.frame import Frame
from pipeline.hotspot_kernel_size import require_room
from pipeline.steps import keep_step

__all__ = ["Matrices", "build_graph", "locate_middles", "prepare_matrices"]

MATRICES_VERSION = 1  # raise it when the same network gives other matrices
MOST_LIXELS = 400_000  # a kernel follows every walk; beyond, the density is left out
STEP_M = 1.0  # exact enough to compare maps with
LEAST_LENGTH_M = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrices:
    """Sparse, shape (n_lixels, n_lixels)."""

    half: sparse.csr_array  # windows of half the length
    double: sparse.csr_array
    kernel: sparse.csr_array | None  # density [crashes per km] at i of a crash at j
    why_no_kernel: str


def prepare_matrices(job: Job, frame: Frame) -> Matrices:
    """Return windows of half and double length and the kernel; kept between runs.

    Raises
    ------
    ConfigError
        If the kernel or the windows would be too large; names the size and what fits.
    """
    settings = job.settings
    n_lixels = len(frame.lixels)
    has_kernel = n_lixels <= MOST_LIXELS

    def build(folder: Path) -> None:
        graph, middles = build_graph(frame), locate_middles(frame)
        if has_kernel:
            reach_m = settings.hotspot_bandwidth_m
            require_room(graph, middles, reach_m=reach_m, setting="hotspot_bandwidth_m")
        # windows twice as long reach their old length to each side
        require_room(graph, middles, reach_m=settings.window_length_m, setting="window_length_m")
        for name, factor in (("half", 0.5), ("double", 2.0)):
            length_m = settings.window_length_m * factor
            found = build_lixel_windows(frame.lixels, frame.segments, window_length_m=length_m)
            sparse.save_npz(folder / f"{name}.npz", sparse.csr_matrix(found), compressed=False)
        if has_kernel:
            kernel = build_kernel_matrix(
                graph,
                middles,
                bandwidth_m=settings.hotspot_bandwidth_m,
                options=NkdeOptions(resolution_m=STEP_M),
                progress=job.account.progress,
            )
            kernel.data = np.maximum(kernel.data, 0.0)
            sparse.save_npz(folder / "kernel.npz", sparse.csr_matrix(kernel), compressed=False)

    with job.account.step("hotspot smoothing") as counts:
        options = [MATRICES_VERSION, settings.window_length_m, settings.hotspot_bandwidth_m]
        inputs = [frame.step.key, *options]
        step = keep_step(job.workspace, job.area.key, "smoothing", inputs, build)
        read = {
            name: sparse.csr_array(sparse.load_npz(step.path / f"{name}.npz"))
            for name in ("half", "double", *(["kernel"] if has_kernel else []))
        }
        counts.update(rows_in=n_lixels, rows_out=n_lixels, cached=step.is_cached)
    reason = f"the network has {n_lixels:,} lixels, more than {MOST_LIXELS:,}"
    return Matrices(
        half=read["half"],
        double=read["double"],
        kernel=read.get("kernel"),
        why_no_kernel="" if has_kernel else reason,
    )


def build_graph(frame: Frame) -> EdgeGraph:
    """Return the network as edges; edge = row of the segments."""
    length = np.maximum(frame.segments["length_m"].to_numpy(), LEAST_LENGTH_M)
    nodes, ends = np.unique(frame.segments[["u", "v"]].to_numpy(), return_inverse=True)
    ends = ends.reshape(-1, 2)
    del nodes
    return build_edge_graph(ends[:, 0], ends[:, 1], length)


def locate_middles(frame: Frame) -> Positions:
    """Return the middles of the lixels on the edges."""
    lixels, segment = frame.lixels, frame.lixels["segment_id"].to_numpy(dtype=np.int64)
    length = np.maximum(frame.segments["length_m"].to_numpy(), LEAST_LENGTH_M)
    middle = (lixels["start_m"].to_numpy() + lixels["end_m"].to_numpy()) / 2
    return Positions(edge=segment, offset=np.minimum(middle, length[segment]))
