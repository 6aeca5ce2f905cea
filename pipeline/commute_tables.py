"""Tables of commutes that leave the computation: small groups merged, sites named."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.vocabulary import Light, SiteType
from geo.exposure import GateFlows
from geo.exposure_totals import Exposure

__all__ = ["ANY_SHIFT", "FLOW_COLUMNS", "MIN_PERSONS", "merge_small", "spread_by_group"]
__all__ += ["tabulate_sites"]

MIN_PERSONS = 5  # fewer are not told apart from each other
ANY_SHIFT = "any"
FLOW_COLUMNS = (
    *("segment_id", "factory_id", "mode", "shift", "workers_per_day"),
    *("worker_km_per_year", "dark_share"),
)
KEYS = ["segment_id", "gate", "mode", "shift"]
SUMS = ["workers", "km", "dark", "known"]


def spread_by_group(flows: GateFlows) -> pd.DataFrame:
    """Return the flows of one gate and leg by segment, mode and shift, both ways together.

    Columns `segment_id`, `gate`, `mode`, `shift`, `workers` (the greater of the two ways),
    `km`, `dark` and `known` (worker-km a day: all, in the dark, of known light).
    """
    n_ways = flows.groups["direction"].nunique()
    n_names = len(flows.groups) // n_ways
    shape = (flows.segment_id.size, n_ways, n_names)
    workers = flows.workers.reshape(shape).max(axis=1)
    km = flows.worker_km.reshape(shape).sum(axis=1)
    dark = flows.worker_km_dark.reshape(shape).sum(axis=1)
    is_known = flows.groups["is_light_known"].to_numpy(dtype=bool).reshape(n_ways, n_names)[0]
    row, name = np.nonzero(workers)
    return pd.DataFrame(
        {
            "segment_id": flows.segment_id[row],
            "gate": flows.gate,
            "mode": flows.groups["mode"].to_numpy()[name],
            "shift": flows.groups["shift"].to_numpy()[name],
            "workers": workers[row, name],
            "km": km[row, name],
            "dark": dark[row, name],
            "known": np.where(is_known[name], km[row, name], 0.0),
        }
    )


def merge_small(flows: list[pd.DataFrame], factory_ids: pd.Series, *, days: float) -> pd.DataFrame:
    """Merge groups of fewer than five workers, so that nobody can be pointed at.

    Where a shift of a factory has fewer on a segment, all shifts of that factory there
    become one (`any`); where the factory has fewer, it is not named. Sums stay.

    Parameters
    ----------
    flows
        As `spread_by_group` returns them.
    factory_ids
        Identifier of each gate.
    days
        Working days a year.

    Returns
    -------
    DataFrame
        `FLOW_COLUMNS`; `factory_id` missing where merged, `dark_share` where not known.
    """
    if not flows:
        text = {"segment_id": "int64", "factory_id": "str", "mode": "str", "shift": "str"}
        none = pd.Series([], dtype="float64")
        return pd.DataFrame(dict.fromkeys(FLOW_COLUMNS, none)).astype(text)
    table = pd.concat(flows, ignore_index=True)
    of_shift = table.groupby(["segment_id", "gate", "shift"])["workers"].transform("sum")
    is_small = (of_shift < MIN_PERSONS).groupby([table["segment_id"], table["gate"]])
    table["shift"] = table["shift"].mask(is_small.transform("any"), ANY_SHIFT)
    of_factory = table.groupby(["segment_id", "gate"])["workers"].transform("sum")
    table["gate"] = table["gate"].astype("Int64").mask(of_factory < MIN_PERSONS)
    table = table.groupby(KEYS, dropna=False, as_index=False)[SUMS].sum()
    share = (table["dark"] / table["known"]).where(table["known"] > 0)
    return pd.DataFrame(
        {
            "segment_id": table["segment_id"],
            "factory_id": table["gate"].map(factory_ids).astype("str"),
            "mode": table["mode"].astype("str"),
            "shift": table["shift"].astype("str"),
            "workers_per_day": table["workers"],
            "worker_km_per_year": days * table["km"],
            "dark_share": share,
        }
    )


def tabulate_sites(exposure: Exposure) -> pd.DataFrame:
    """Return the exposure of each site that workers pass.

    Columns `site_id`, `workers_per_day`, `exposure_per_year` (worker-km on a segment, workers
    through an intersection), `dark_share` (of what is known), `n_factories`.
    """
    parts = []
    for table, kind, letter, unit in (
        (exposure.segments, SiteType.SEGMENT, "S", "worker_km"),
        (exposure.intersections, SiteType.INTERSECTION, "I", "passings"),
    ):
        known = table[f"{unit}_{Light.DAY.value}"] + table[f"{unit}_{Light.DARK.value}"]
        parts.append(
            pd.DataFrame(
                {
                    "site_id": letter + table[f"{kind.value}_id"].astype("str"),
                    "workers_per_day": table["workers_per_day"],
                    "exposure_per_year": table[f"{unit}_per_year"],
                    "dark_share": (table[f"{unit}_{Light.DARK.value}"] / known).where(known > 0),
                    "n_factories": table["n_gates"].astype("int64"),
                }
            )
        )
    sites = pd.concat(parts, ignore_index=True)
    return sites[sites["workers_per_day"] > 0].reset_index(drop=True)
