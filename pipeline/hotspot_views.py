"""What the pages read of a run's hotspots."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.hotspot_register import find_known_hotspot
from pipeline.workspace import read_json

__all__ = ["load_hotspot_summary", "load_known_hotspot"]

SUMMARY_FILE = "hotspot_summary.json"


def load_known_hotspot(run_path: Path, hotspot_id: str) -> dict[str, Any] | None:
    """Return what is known of a place that results before a run had; None for no such."""
    known = find_known_hotspot(run_path.parent, hotspot_id)
    return None if known is None else asdict(known)


def load_hotspot_summary(run_path: Path) -> dict[str, Any]:
    """Return what a run says of all its hotspots; empty for a run made before it was kept."""
    path = run_path / SUMMARY_FILE
    return dict(read_json(path)) if path.is_file() else {}
