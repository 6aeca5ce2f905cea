"""Exposure added up over gates: by site, gate, mode, light and hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import InputError
from core.vocabulary import Direction, Light, SiteType
from geo.exposure import GateFlows, RoadSites
from geo.flow_loops import HOURS

__all__ = ["DEFAULT_WORKING_DAYS", "Exposure", "add_exposure"]

FloatArray = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

# Six days a week (Labour Law of Cambodia, art. 146-147) less about 22 public holidays a year.
DEFAULT_WORKING_DAYS: Final = 290.0
GROUP: Final = ["gate", "mode", "shift", "direction"]
LIGHTS: Final = tuple(word.value for word in Light)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How much workers travel, by place, factory, mode, light and hour.

    Attributes
    ----------
    segments
        One row a segment of the network, in its order: `segment_id`, `workers_to_work`,
        `workers_from_work`, `workers_per_day` (the greater of the two), `worker_km_per_year`
        and of it `worker_km_day`, `worker_km_dark`, `worker_km_unknown`; `n_gates` that
        workers pass it to.
    intersections
        The same of each intersection: `intersection_id`, `workers_to_work`,
        `workers_from_work`, `workers_per_day`, `passings_per_year`, and of them
        `passings_day`, `passings_dark`, `passings_unknown`; `n_gates`.
    by_mode
        Worker-km a year on each segment by light and mode, `light` → shape
        (n_segments, n_modes), columns in the order of `modes`.
    modes
        Words of the modes.
    of_gates
        One row a gate and site that its workers pass: `gate`, `site_type`, `site` (segment
        or intersection id), `workers_per_day`, `exposure_per_year` (worker-km on a segment,
        passings of an intersection), `dark_share` of what is known (missing where nothing is).
    groups
        One row a gate, mode, shift and direction: `workers_per_day`, `worker_km_per_year`
        and of it by light.
    hours
        One row a gate, mode, light-blind hour of passing: `gate`, `mode`, `hour` (missing
        where not known), `worker_km_per_year`.
    working_days
        Days a year that were counted.
    """

    segments: pd.DataFrame
    intersections: pd.DataFrame
    by_mode: dict[str, FloatArray]
    modes: tuple[str, ...]
    of_gates: pd.DataFrame
    groups: pd.DataFrame
    hours: pd.DataFrame
    working_days: float

    @property
    def worker_km_per_year(self) -> float:
        """All worker-km of a year."""
        return float(self.groups["worker_km_per_year"].sum())


def add_exposure(
    flows: Iterable[GateFlows],
    sites: RoadSites,
    *,
    modes: tuple[str, ...],
    working_days: float = DEFAULT_WORKING_DAYS,
) -> Exposure:
    """Add flows up over gates.

    Parameters
    ----------
    flows
        As `geo.exposure.iterate_flows` yields them; a gate may come several times, once a
        leg. They are looked at one after the other and not kept.
    sites
        The network's segments and intersections.
    modes
        Modes that may come.
    working_days
        Days a year on which workers commute.

    Returns
    -------
    exposure
        Totals of a year; with no flow at all, tables of zeros and empty tables.

    Raises
    ------
    InputError
        If `working_days` is not between 0 and 366, or a mode comes that is not in `modes`.
    """
    if not 0 < working_days <= 366:
        message = f"working_days is {working_days}; give the days worked in a year, 1 to 366."
        raise InputError(message)
    totals = _Totals(sites, modes)
    for one in flows:
        totals.add(one)
    return totals.close(working_days)


class _Totals:
    """Running sums of a working day."""

    def __init__(self, sites: RoadSites, modes: tuple[str, ...]) -> None:
        self.modes = modes
        self.by_mode = {light: np.zeros((sites.n_segments, len(modes))) for light in LIGHTS}
        ways = (Direction.TO_WORK.value, Direction.FROM_WORK.value)
        self.segment_workers = {way: np.zeros(sites.n_segments) for way in ways}
        self.crossing_workers = {way: np.zeros(sites.n_intersections) for way in ways}
        self.crossing = {light: np.zeros(sites.n_intersections) for light in LIGHTS}
        self.gates: list[Columns] = []
        self.groups: list[Columns] = []
        self.hours: list[Columns] = []

    def add(self, one: GateFlows) -> None:
        """Add the flows of one leg and gate."""
        strange = sorted(set(one.groups["mode"]) - set(self.modes))
        if strange:
            message = f"modes: {', '.join(strange)} not among {', '.join(self.modes)}; name them."
            raise InputError(message)
        is_known = one.groups["is_light_known"].to_numpy(dtype=bool)
        known = is_known.astype(np.float64)
        km = _split_by_light(one.worker_km, one.worker_km_dark, known)
        crossing = _split_by_light(one.crossing, one.crossing_dark, known)
        position = np.array([self.modes.index(mode) for mode in one.groups["mode"]])
        for mode in np.unique(position):
            is_mode = position == mode
            for light in LIGHTS:
                self.by_mode[light][one.segment_id, mode] += km[light][:, is_mode].sum(axis=1)
        for light in LIGHTS:
            self.crossing[light][one.intersection_id] += crossing[light].sum(axis=1)
        direction = one.groups["direction"].to_numpy()
        for way, sums in self.segment_workers.items():
            sums[one.segment_id] += one.workers[:, direction == way].sum(axis=1)
            self.crossing_workers[way][one.intersection_id] += one.crossing[
                :, direction == way
            ].sum(axis=1)
        self._keep_tables(one, km, crossing)

    def _keep_tables(
        self, one: GateFlows, km: dict[str, FloatArray], crossing: dict[str, FloatArray]
    ) -> None:
        direction = one.groups["direction"].to_numpy()
        for kind, ids, workers, by_light in (
            (SiteType.SEGMENT, one.segment_id, one.workers, km),
            (SiteType.INTERSECTION, one.intersection_id, one.crossing, crossing),
        ):
            of_way = [workers[:, direction == way].sum(axis=1) for way in self.segment_workers]
            self.gates.append(
                {
                    "gate": np.full(ids.size, one.gate, dtype=np.int32),
                    "is_segment": np.full(ids.size, kind is SiteType.SEGMENT),
                    "site": ids.astype(np.int32),
                    "to_work": of_way[0],
                    "from_work": of_way[1],
                    **{light: by_light[light].sum(axis=1) for light in LIGHTS},
                }
            )
        names = {name: one.groups[name].to_numpy() for name in GROUP[1:]}
        self.groups.append(
            {
                "gate": np.full(direction.size, one.gate),
                **names,
                "workers_per_day": one.groups["workers"].to_numpy(),
                **{light: km[light].sum(axis=0) for light in LIGHTS},
            }
        )
        group, hour = np.nonzero(one.worker_km_by_hour)
        self.hours.append(
            {
                "gate": np.full(group.size, one.gate),
                "mode": names["mode"][group],
                "hour": hour,
                "km": one.worker_km_by_hour[group, hour],
            }
        )

    def close(self, days: float) -> Exposure:
        """Turn the sums into tables of a year."""
        of_gates = self._close_gates(days)
        km = {light: days * self.by_mode[light] for light in LIGHTS}
        n_gates = of_gates.groupby(["site_type", "site"], observed=True).size()
        segments = _describe_places(
            "segment_id", self.segment_workers, {light: km[light].sum(axis=1) for light in LIGHTS}
        )
        intersections = _describe_places(
            "intersection_id",
            self.crossing_workers,
            {light: days * self.crossing[light] for light in LIGHTS},
        )
        for table, kind in (
            (segments, SiteType.SEGMENT.value),
            (intersections, SiteType.INTERSECTION.value),
        ):
            of_kind = n_gates[n_gates.index.get_level_values(0) == kind].droplevel(0)
            table["n_gates"] = of_kind.reindex(table.index, fill_value=0).to_numpy()
        groups = _concat(self.groups, [*GROUP, "workers_per_day", *LIGHTS])
        groups = groups.groupby(GROUP, as_index=False, sort=True).sum()
        for light in LIGHTS:
            groups[f"worker_km_{light}"] = days * groups.pop(light)
        names = [f"worker_km_{light}" for light in LIGHTS]
        groups.insert(5, "worker_km_per_year", groups[names].sum(axis=1))
        return Exposure(
            segments=segments,
            intersections=intersections.rename(
                columns=lambda name: name.replace("worker_km_", "passings_")
            ),
            by_mode=km,
            modes=self.modes,
            of_gates=of_gates,
            groups=groups,
            hours=self._close_hours(days),
            working_days=days,
        )

    def _close_gates(self, days: float) -> pd.DataFrame:
        columns = ["gate", "is_segment", "site", "to_work", "from_work", *LIGHTS]
        table = _concat(self.gates, columns).astype({"is_segment": "bool"})
        self.gates = []
        keys = columns[:3]
        if table.duplicated(keys).any():  # several legs to one gate
            table = table.groupby(keys, as_index=False, sort=False).sum()
        known = table["day"] + table["dark"]
        kinds = [SiteType.SEGMENT.value, SiteType.INTERSECTION.value]
        kind = pd.Categorical.from_codes(
            np.where(table["is_segment"], 0, 1), categories=pd.Index(kinds)
        )
        return pd.DataFrame(
            {
                "gate": table["gate"],
                "site_type": kind,
                "site": table["site"],
                "workers_per_day": np.maximum(table["to_work"], table["from_work"]),
                "exposure_per_year": days * (known + table["unknown"]),
                "dark_share": (table["dark"] / known).where(known > 0),
            }
        )

    def _close_hours(self, days: float) -> pd.DataFrame:
        keys = ["gate", "mode", "hour"]
        hours = _concat(self.hours, [*keys, "km"]).astype({"hour": "Int64", "km": "float64"})
        hours = hours.groupby(keys, as_index=False, sort=True).sum()
        hours["hour"] = hours["hour"].mask(hours["hour"] == HOURS - 1)
        hours["worker_km_per_year"] = days * hours.pop("km")
        return hours


def _split_by_light(
    total: FloatArray, dark: FloatArray, known: FloatArray
) -> dict[str, FloatArray]:
    return {
        Light.DAY.value: total * known - dark,
        Light.DARK.value: dark,
        Light.UNKNOWN.value: total * (1.0 - known),
    }


def _describe_places(
    name: str, workers: dict[str, FloatArray], by_light: dict[str, FloatArray]
) -> pd.DataFrame:
    to_work, from_work = workers.values()
    return pd.DataFrame(
        {
            name: np.arange(to_work.size),
            "workers_to_work": to_work,
            "workers_from_work": from_work,
            "workers_per_day": np.maximum(to_work, from_work),
            "worker_km_per_year": sum(by_light.values()),
            **{f"worker_km_{light}": values for light, values in by_light.items()},
        }
    )


def _concat(tables: list[Columns], columns: list[str]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame({name: np.zeros(0) for name in columns})
    return pd.DataFrame({name: np.concatenate([one[name] for one in tables]) for name in columns})
