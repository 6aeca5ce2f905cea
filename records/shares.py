"""Shares of origins that cannot be: below 0, or above 1 where they are no per cents."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["find_bad_shares"]

SHARE_PREFIX = "share_"
PER_CENT_OFF = 2.0  # rounded per cents may miss 100 by this


def find_bad_shares(origins: pd.DataFrame) -> pd.Series:
    """Say which origins have a share that cannot be, and why.

    Parameters
    ----------
    origins
        Any `share_<mode>`, missing where nothing was said.

    Returns
    -------
    reasons
        Same index; missing where all is well. A share above 1 is none, unless the shares of
        the row sum to 100: per cents. Shares that are each at most 1 may sum to more: several
        could be ticked.
    """
    names = [str(name) for name in origins.columns if str(name).startswith(SHARE_PREFIX)]
    reasons = pd.Series(None, index=origins.index, dtype="object")
    if not names or origins.empty:
        return reasons
    values = origins[names].to_numpy(dtype=np.float64, na_value=np.nan)
    given = np.nan_to_num(values, posinf=np.inf, neginf=-np.inf)
    is_per_cent = np.abs(given.sum(axis=1) - 100.0) <= PER_CENT_OFF
    for is_bad, why in (
        (~np.isfinite(given), "is not a finite number"),
        (given < 0, "is negative"),
        ((given > 1) & ~is_per_cent[:, None], "is above 1, and the shares do not sum to 100"),
    ):
        rows = is_bad.any(axis=1)
        first = np.asarray(names, dtype=object)[is_bad.argmax(axis=1)]
        reasons = reasons.mask(
            rows & reasons.isna().to_numpy(), pd.Series(first, reasons.index) + f" {why}"
        )
    return reasons
