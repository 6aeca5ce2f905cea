"""What a run says of all its hotspots together, for the page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.settings import Settings
from pipeline.hotspot_matrices import Matrices
from pipeline.hotspot_methods import CONTROLS, LixelTest
from pipeline.hotspot_nulls import Nulls

__all__ = ["describe_search"]


def describe_search(
    nulls: Nulls,
    tests: list[LixelTest],
    variants: pd.DataFrame,
    matrices: Matrices,
    settings: Settings,
) -> dict[str, Any]:
    """Return what was compared with what, what could not be, and how many were found."""
    found = variants.groupby(["method", "null_model", "control"]).size()
    return {
        "published": {
            "method": settings.hotspot_method,
            "null_model": settings.hotspot_null,
            "control": settings.hotspot_control,
            "level": settings.hotspot_fdr,
        },
        "seed": settings.seed,
        "window_length_m": settings.window_length_m,
        "bandwidth_m": settings.hotspot_bandwidth_m,
        "nulls": nulls.notes,
        "missing_nulls": nulls.missing,
        "missing_methods": (
            {} if matrices.kernel is not None else {"density": matrices.why_no_kernel}
        ),
        "variants": [
            {
                "method": test.method,
                "null_model": test.null.name,
                "control": control,
                "n_hotspots": int(found.get((test.method, test.null.name, control), 0)),
                "n_simulations": test.n_simulations,
            }
            for test in tests
            for control in CONTROLS
        ],
    }
