"""Where the files that come with the software lie: it is run from its checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["APP_PATH", "DATA_FOLDER", "ROOT"]

ROOT = Path(__file__).resolve().parents[1]
DATA_FOLDER = ROOT / "data"
APP_PATH = ROOT / "app.py"
