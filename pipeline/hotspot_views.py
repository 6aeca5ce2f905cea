"""What the pages read of a run's hotspots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.workspace import read_json

__all__ = ["load_hotspot_summary"]

SUMMARY_FILE = "hotspot_summary.json"


def load_hotspot_summary(run_path: Path) -> dict[str, Any]:
    """Return what a run says of all its hotspots; empty for a run made before it was kept."""
    path = run_path / SUMMARY_FILE
    return dict(read_json(path)) if path.is_file() else {}
