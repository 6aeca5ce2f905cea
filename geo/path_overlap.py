"""How much of one path another one covers, by length and direction."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.errors import TableError

__all__ = ["measure_overlap"]

COLUMNS = ["path", "segment_id", "is_forward", "from_m", "to_m"]


def measure_overlap(paths: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Measure how much of each path a second version of it covers, in the same direction.

    Parameters
    ----------
    paths, others
        One row a stretch: `path` (number), `segment_id`, `is_forward`, `from_m`, `to_m`
        (along the segment's line, from < to [m]); as `MatchedTraces.to_steps` gives them.

    Returns
    -------
    overlap
        One row a path of either table: `path`, `length_m`, `other_m` (length of the second
        version), `shared_m`, `share` (shared of `length_m`), `false_m` (of the second
        version, not shared) [m]. A stretch that both drive twice counts twice.

    Raises
    ------
    TableError
        If a column is missing.
    """
    for name, table in (("paths", paths), ("others", others)):
        missing = [column for column in COLUMNS if column not in table.columns]
        if missing:
            raise TableError.missing_columns(name, missing, list(map(str, table.columns)))
    keys = ["path", "segment_id", "is_forward"]
    left, right = paths[COLUMNS].reset_index(drop=True), others[COLUMNS].reset_index(drop=True)
    left["time"], right["time"] = left.groupby(keys).cumcount(), right.groupby(keys).cumcount()
    both = left.merge(right, on=[*keys, "time"], suffixes=("", "_b"))
    low = both[["from_m", "from_m_b"]].max(axis=1)
    high = both[["to_m", "to_m_b"]].min(axis=1)
    both["shared_m"] = (high - low).clip(lower=0.0)
    index = pd.Index(np.union1d(left["path"], right["path"]), name="path")
    sums = {
        "length_m": (left["to_m"] - left["from_m"]).groupby(left["path"]).sum(),
        "other_m": (right["to_m"] - right["from_m"]).groupby(right["path"]).sum(),
        "shared_m": both.groupby("path")["shared_m"].sum(),
    }
    result = pd.DataFrame({n: one.reindex(index, fill_value=0.0) for n, one in sums.items()})
    result["share"] = (result["shared_m"] / result["length_m"]).where(result["length_m"] > 0)
    result["false_m"] = result["other_m"] - result["shared_m"]
    return result.reset_index()
