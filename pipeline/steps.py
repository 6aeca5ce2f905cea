"""Steps whose results are kept: the same inputs are never worked through twice.

A step writes a folder. Its name carries a checksum of everything the result depends
on, so a run that was interrupted takes up the finished steps, and a run after new
crash reports does not build the road network again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.provenance import compute_sha256_of_values
from pipeline.workspace import Workspace, appearing_whole

__all__ = ["StepFolder", "keep_step"]

KEPT_PER_STEP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFolder:
    """Where a step's files lie and how they came there."""

    path: Path
    key: str
    seconds: float
    is_cached: bool


def keep_step(
    workspace: Workspace,
    area: str,
    name: str,
    inputs: Sequence[Any],
    build: Callable[[Path], None],
) -> StepFolder:
    """Return the folder of a step, built by `build(folder)` unless it is there already.

    Parameters
    ----------
    workspace, area
        Whose cache to use.
    name
        Name of the step; results of another version of it need another name or input.
    inputs
        JSON-like values that the result depends on: checksums, settings, versions.
    build
        Writes the files into the folder it is given.
    """
    started = time.perf_counter()
    key = compute_sha256_of_values([name, *inputs])[:16]
    folder = workspace.cache_folder(area) / f"{name}-{key}"
    is_cached = folder.is_dir()
    if is_cached:
        folder.touch()
    else:
        with appearing_whole(folder) as partial:
            build(partial)
        forget_old_steps(workspace.cache_folder(area), name)
    seconds = time.perf_counter() - started
    return StepFolder(path=folder, key=key, seconds=seconds, is_cached=is_cached)


def forget_old_steps(folder: Path, name: str) -> None:
    """Delete all but the latest results of a step; finished runs hold their own files."""
    kept = sorted(folder.glob(f"{name}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[KEPT_PER_STEP:]:
        shutil.rmtree(path, ignore_errors=True)
