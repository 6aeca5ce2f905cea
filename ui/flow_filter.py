"""Which commutes a map of workers shows, kept in addresses; and adding them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import InputError
from core.vocabulary import Light, RoadUser

__all__ = ["FLOW_COLUMNS", "FlowFilter", "sum_workers"]

FLOW_COLUMNS = ["segment_id", "factory_id", "mode", "workers_per_day", "dark_share"]
MAX_TEXT = 200
SMALL = 5  # persons
LIGHTS = ("any", Light.DAY.value, Light.DARK.value)
MODES = {*RoadUser, "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFilter:
    """Which workers are shown; the default takes all."""

    mode: str | None = None
    factory_id: str | None = None
    light: str = "any"

    @property
    def is_active(self) -> bool:
        """Whether anything is filtered at all."""
        return self != FlowFilter()

    def to_query(self) -> dict[str, str]:
        """Return the filter as the values of an address, with what is shown."""
        query = {
            "show": "workers",
            "mode": self.mode or "",
            "factory": self.factory_id or "",
            "light": "" if self.light == "any" else self.light,
        }
        return {key: value for key, value in query.items() if value}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> FlowFilter:
        """Read the filter back from an address.

        Raises
        ------
        InputError
            If a value is none that `to_query` writes.
        """
        mode, factory = query.get("mode") or None, query.get("factory") or None
        light = query.get("light") or "any"
        is_known = (mode is None or mode in MODES) and light in LIGHTS
        if not is_known or len(factory or "") > MAX_TEXT:
            message = f"filter {dict(query)}: holds a word that is not known."
            raise InputError(message)
        return cls(mode=mode, factory_id=factory, light=light)


def sum_workers(flows: pd.DataFrame, chosen: FlowFilter) -> pd.Series:
    """Return workers a day by segment, of those that pass the filter.

    Parameters
    ----------
    flows
        Columns `FLOW_COLUMNS` of a run's `commute_flows`. Where the light is not known the
        workers count in any light only.
    chosen
        The filter. Of one factory, fewer than five workers on a road are left out: they
        could be told.
    """
    keep = np.ones(len(flows), dtype=bool)
    if chosen.mode:
        keep &= (flows["mode"] == chosen.mode).to_numpy()
    if chosen.factory_id:
        keep &= (flows["factory_id"] == chosen.factory_id).to_numpy()
    workers = flows["workers_per_day"]
    if chosen.light == Light.DARK.value:
        workers = workers * flows["dark_share"].fillna(0.0)
    elif chosen.light == Light.DAY.value:
        workers = workers * (1.0 - flows["dark_share"].fillna(1.0))
    found = workers[keep].groupby(flows["segment_id"][keep]).sum()
    return found[found >= SMALL] if chosen.factory_id else found[found > 0]
