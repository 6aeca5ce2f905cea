"""Connected parts of a network: how many, how long, and where the largest lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from pyproj import Transformer

from core.units import M_PER_KM
from geo.crs import WGS84

__all__ = ["describe_components"]

N_LARGEST = 10


def describe_components(segments: GeoDataFrame) -> dict[str, Any]:
    """Describe the connected parts of a network.

    Parameters
    ----------
    segments
        Columns `component` (0 = longest), `length_m`, `name`; lines in a known system.

    Returns
    -------
    summary
        `n_components`, `largest_component_share` and `isolated_share` (of the length, in
        and not in the longest part), `n_single_segment_components`, and
        `largest_components`: the ten longest, each with `component`, `n_segments`,
        `length_km`, `lon` and `lat` (the middle of its longest segment) and `name` (of
        the road with most of its length; None where no road is named).
    """
    length = segments["length_m"].to_numpy(dtype=np.float64)
    part = segments["component"].to_numpy(dtype=np.int64)
    n = int(part.max(initial=-1)) + 1
    total, count = np.bincount(part, length, n), np.bincount(part, minlength=n)
    share = float(total[0] / total.sum()) if total.sum() > 0 else 1.0
    rows = np.flatnonzero(part < N_LARGEST)
    longest = rows[np.lexsort((rows, -length[rows], part[rows]))]
    longest = longest[np.diff(part[longest], prepend=-1) != 0]
    spots = _find_middles(segments, longest)
    names = _find_names(segments.iloc[rows])
    return {
        "n_components": n,
        "largest_component_share": round(share, 6),
        "isolated_share": round(1 - share, 6),
        "n_single_segment_components": int((count == 1).sum()),
        "largest_components": [
            {
                "component": i,
                "n_segments": int(count[i]),
                "length_km": round(float(total[i]) / M_PER_KM, 6),
                "lon": round(float(spots[i, 0]), 6),
                "lat": round(float(spots[i, 1]), 6),
                "name": names.get(i),
            }
            for i in range(len(longest))
        ],
    }


def _find_middles(segments: GeoDataFrame, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give longitude and latitude of the middles of some segments, shape (n, 2)."""
    lines = segments.geometry.to_numpy()[rows]
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    to_wgs84 = Transformer.from_crs(segments.crs, WGS84, always_xy=True)
    return np.column_stack(to_wgs84.transform(xy[:, 0], xy[:, 1]))


def _find_names(segments: pd.DataFrame) -> dict[int, str]:
    """Find the name with most length in each component; equals go by the name."""
    named = segments[segments["name"].notna()]
    sums = named.groupby(["component", "name"])["length_m"].sum().reset_index()
    sums = sums.sort_values(["component", "length_m", "name"], ascending=[True, False, True])
    first = sums.drop_duplicates("component")
    return {int(i): str(name) for i, name in zip(first["component"], first["name"], strict=True)}
