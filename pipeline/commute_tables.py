"""Tables of commutes that leave the computation: small groups merged, sites named."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.vocabulary import Light, SiteType
from geo.exposure import GateFlows
from geo.exposure_totals import Exposure

__all__ = ["ANY_SHIFT", "FLOW_COLUMNS", "MIN_PERSONS", "FlowStore", "merge_small"]
__all__ += ["spread_by_group", "tabulate_sites"]

MIN_PERSONS = 5  # fewer are not told apart from each other
ANY_SHIFT = "any"
FLOW_COLUMNS = (
    *("segment_id", "factory_id", "mode", "shift", "workers_per_day"),
    *("worker_km_per_year", "dark_share"),
)
KEYS = ["segment_id", "mode", "shift"]
SUMS = ["workers", "km", "dark", "known"]
KEPT: Final = np.dtype(
    [("segment_id", "i4"), ("mode", "i2"), ("shift", "i4"), *((name, "f8") for name in SUMS)]
)
FLOW_TYPES: Final = {"segment_id": pa.int64(), "factory_id": pa.string(), "mode": pa.string()} | {
    "shift": pa.string(),
    **dict.fromkeys(FLOW_COLUMNS[4:], pa.float64()),
}


class FlowStore:
    """Flows of all factories, on disk until the last vehicle is routed.

    A country has tens of millions of rows of segment, factory, mode and shift. Those of one
    factory come one vehicle after the other and can be merged only when all are there, so
    they wait in a file a factory, and one factory at a time is in memory.

    Parameters
    ----------
    folder
        Where to keep them; made here, and removed by `write`.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.gates: set[int] = set()
        self.words: dict[str, dict[str, int]] = {"mode": {}, "shift": {}}

    def add(self, flows: GateFlows) -> None:
        """Keep the flows of one gate and leg."""
        table = spread_by_group(flows)
        rows = np.empty(len(table), dtype=KEPT)
        for name in ("segment_id", *SUMS):
            rows[name] = table[name].to_numpy()
        for name, codes in self.words.items():
            number, words = pd.factorize(table[name].to_numpy(dtype=object))
            known = [codes.setdefault(str(word), len(codes)) for word in words]
            rows[name] = np.array(known, dtype=np.int64)[number]
        with self._find_file(flows.gate).open("ab") as stream:
            rows.tofile(stream)
        self.gates.add(flows.gate)

    def read(self, gate: int) -> pd.DataFrame:
        """Return what was kept of one gate, as `spread_by_group` does, without `gate`."""
        table = pd.DataFrame(np.fromfile(self._find_file(gate), dtype=KEPT))
        for name, codes in self.words.items():
            table[name] = pd.Categorical.from_codes(table[name], categories=pd.Index(list(codes)))
        return table

    def write(self, path: Path, factory_ids: pd.Series, *, days: float) -> None:
        """Write `FLOW_COLUMNS` of all factories, small groups merged; forget what was kept.

        Parameters
        ----------
        path
            Parquet file to write: a factory after the other, by segment; last what names none.
        factory_ids
            Identifier of each gate.
        days
            Working days a year.
        """
        schema = pa.schema(list(FLOW_TYPES.items()))
        nameless: list[pd.DataFrame] = []
        with pq.ParquetWriter(path, schema) as writer:
            for gate in sorted(self.gates):
                named, others = merge_small(self.read(gate))
                nameless.append(others)
                if len(named):
                    table = _to_columns(named, str(factory_ids[gate]), days)
                    writer.write_table(pa.Table.from_pandas(table, schema, preserve_index=False))
                self._find_file(gate).unlink()
            rest = _to_columns(_sum_up(pd.concat(nameless)), None, days) if nameless else None
            if rest is not None and len(rest):
                writer.write_table(pa.Table.from_pandas(rest, schema, preserve_index=False))
        self.folder.rmdir()

    def _find_file(self, gate: int) -> Path:
        return self.folder / f"{gate}.flows"


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


def merge_small(flows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Merge a factory's groups of fewer than five workers, so that nobody can be pointed at.

    Where a shift has fewer on a segment, all shifts there become one (`any`); where all of
    the factory's workers there are fewer, the factory is not named. Sums stay.

    Parameters
    ----------
    flows
        Of one factory, all its vehicles: `segment_id`, `mode`, `shift`, `workers`, `km`,
        `dark`, `known`.

    Returns
    -------
    named, nameless
        The same columns, one row a segment, mode and shift: where the factory may be named,
        and where not.
    """
    flows = flows.astype({"mode": "str", "shift": "str"})
    segment = flows["segment_id"]
    of_shift = flows.groupby(["segment_id", "shift"])["workers"].transform("sum")
    is_small = (of_shift < MIN_PERSONS).groupby(segment).transform("any")
    merged = _sum_up(flows.assign(shift=flows["shift"].mask(is_small, ANY_SHIFT)))
    of_factory = merged.groupby("segment_id")["workers"].transform("sum")
    is_named = of_factory >= MIN_PERSONS
    return merged[is_named], merged[~is_named]


def _sum_up(flows: pd.DataFrame) -> pd.DataFrame:
    return flows.groupby(KEYS, as_index=False, sort=True)[SUMS].sum()


def _to_columns(table: pd.DataFrame, factory_id: str | None, days: float) -> pd.DataFrame:
    """Return `FLOW_COLUMNS`; `dark_share` is missing where the light is not known."""
    return pd.DataFrame(
        {
            "segment_id": table["segment_id"].astype("int64"),
            "factory_id": pd.Series(factory_id, index=table.index, dtype="object"),
            "mode": table["mode"],
            "shift": table["shift"],
            "workers_per_day": table["workers"],
            "worker_km_per_year": days * table["km"],
            "dark_share": (table["dark"] / table["known"]).where(table["known"] > 0),
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
