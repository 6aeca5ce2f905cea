"""From what a factory says of its workers to trips: origin, gate, mode, shift, workers a day."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from core.errors import InputError, TableError
from core.vocabulary import RoadUser

__all__ = [
    "SHARE_PREFIX",
    "UNKNOWN_MODE",
    "Trips",
    "build_trips",
    "compute_riders_per_vehicle",
    "estimate_vehicles",
    "normalise_mode_shares",
]

UNKNOWN_MODE: Final = "unknown"
SHARE_PREFIX: Final = "share_"
ROUNDING: Final = 0.02  # shares rounded to per cents may miss 1 by this
MODES: Final = frozenset(word.value for word in RoadUser)
OWN_VEHICLE: Final = (RoadUser.MOTORCYCLE_DRIVER.value, RoadUser.BICYCLE.value)
NO_VEHICLE: Final = (RoadUser.PEDESTRIAN.value, RoadUser.MOTORCYCLE_PASSENGER.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """Trips a working day, and what had to be assumed of how many origins."""

    frame: pd.DataFrame  # origin, gate, mode, shift, start_min, end_min, workers
    notes: Counter[str]


def normalise_mode_shares(shares: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
    """Make the mode shares of each origin sum to 1; what is not said goes to `unknown`.

    Parameters
    ----------
    shares
        Columns `share_<mode>`, the modes being words of `core.vocabulary.RoadUser`; values
        missing where nothing was said.

    Returns
    -------
    modes
        A column per mode and `unknown`, same index; every row sums to 1.
    notes
        How many rows were not as they should be.

    Raises
    ------
    TableError
        If a column is no share of a known mode.
    InputError
        If a share is negative or not finite.

    Notes
    -----
    The rule: missing shares count as 0; a sum within 0.02 of 1 is rounding and is scaled to
    1; a smaller sum leaves the rest to `unknown`; a larger one (per cents, or answers of
    which several could be ticked) is scaled down to 1 and noted. Nothing said: all unknown.
    """
    names = [str(name) for name in shares.columns]
    strange = [name for name in names if name.removeprefix(SHARE_PREFIX) not in MODES]
    if strange or not all(name.startswith(SHARE_PREFIX) for name in names):
        message = (
            f"mode shares: {len(strange)} column(s) name no mode, first {strange[:1]}; use "
            f"share_<mode> with one of {', '.join(sorted(MODES))}."
        )
        raise TableError(message)
    values = shares.to_numpy(dtype=np.float64, na_value=np.nan)
    is_bad = (values < 0) | np.isinf(values)
    if is_bad.any():
        row = int(np.flatnonzero(is_bad.any(axis=1))[0])
        message = (
            f"mode shares: {int(is_bad.any(axis=1).sum())} row(s) hold a negative or infinite "
            f"share, first row {row}; correct the origins."
        )
        raise InputError(message)
    given = np.nan_to_num(values)
    total = given.sum(axis=1)
    is_full = total >= 1.0 - ROUNDING
    divisor = np.where(is_full & (total > 0), total, 1.0)
    modes = pd.DataFrame(
        given / divisor[:, None],
        columns=[name.removeprefix(SHARE_PREFIX) for name in names],
        index=shares.index,
    )
    modes[UNKNOWN_MODE] = np.where(is_full, 0.0, 1.0 - total)
    notes = Counter(
        {
            "mode shares above 1, scaled to 1": int((total > 1.0 + ROUNDING).sum()),
            "mode shares below 1, the rest unknown": int((~is_full & (total > 0)).sum()),
            "no mode share, all unknown": int((total == 0).sum()),
        }
    )
    return modes, +notes


def build_trips(origins: pd.DataFrame, shifts: pd.DataFrame) -> Trips:
    """Spread the workers of each origin over modes and shifts.

    Parameters
    ----------
    origins
        One row an origin and gate: `origin`, `gate` (row numbers), `workers` (missing where
        not known), and any `share_<mode>`.
    shifts
        One row a gate and shift: `gate`, `shift`, `start_min`, `end_min`, `share`, the shares
        of a gate summing to 1. A gate without a row has one unknown shift.

    Returns
    -------
    trips
        One row an origin, gate, mode and shift with more than 0 workers; they sum to the
        workers that are known. In the notes, the origins whose workers are not known.

    Raises
    ------
    TableError
        If a column is missing.
    InputError
        If workers are negative, or a gate's shift shares do not sum to 1.

    Notes
    -----
    Mode, shift and village are taken as independent within a factory, for want of knowing.
    """
    for name, table, needed in (
        ("origins", origins, ("origin", "gate", "workers")),
        ("shifts", shifts, ("gate", "shift", "start_min", "end_min", "share")),
    ):
        missing = [column for column in needed if column not in table.columns]
        if missing:
            raise TableError.missing_columns(name, missing, list(map(str, table.columns)))
    sums = shifts.groupby("gate")["share"].sum()
    off = sums[(sums - 1.0).abs() > 1e-6]
    if len(off):
        message = (
            f"shifts: the shares of {len(off)} gate(s) do not sum to 1, first gate "
            f"{off.index[0]}: {off.iloc[0]:g}; use records.shifts.tabulate_shifts."
        )
        raise InputError(message)
    workers = origins["workers"].astype("float64")
    if (workers < 0).any():
        row = int(np.flatnonzero((workers < 0).to_numpy())[0])
        message = f"origins: workers below 0, first in row {row}; correct the origins."
        raise InputError(message)
    named = [str(name) for name in origins.columns if str(name).startswith(SHARE_PREFIX)]
    modes, notes = normalise_mode_shares(origins[named])
    notes["origins of unknown workers, left out"] = int(workers.isna().sum())
    table = modes.assign(
        origin=origins["origin"], gate=origins["gate"], all_workers=workers.fillna(0.0)
    )
    long = table.melt(
        id_vars=["origin", "gate", "all_workers"], var_name="mode", value_name="of_mode"
    )
    long = long[(long["of_mode"] > 0) & (long["all_workers"] > 0)]
    joined = long.merge(shifts, on="gate", how="left")
    joined["shift"] = joined["shift"].fillna("unknown")
    joined["workers"] = joined["all_workers"] * joined["of_mode"] * joined["share"].fillna(1.0)
    for name in ("start_min", "end_min"):
        joined[name] = joined[name].astype("Int64")
    columns = ["origin", "gate", "mode", "shift", "start_min", "end_min", "workers"]
    frame = joined.loc[joined["workers"] > 0, columns].groupby(
        columns[:-1], dropna=False, sort=True, as_index=False
    )
    return Trips(frame=frame.sum(), notes=+notes)


def compute_riders_per_vehicle(vehicles: pd.DataFrame) -> pd.DataFrame:
    """Compute how many people ride in a vehicle, by gate and mode.

    Parameters
    ----------
    vehicles
        One row a vehicle: `gate`, `type`, `riders` and `seats` (missing where not known).

    Returns
    -------
    DataFrame
        `gate`, `mode`, `n_vehicles`, `n_known` (vehicles with riders), `riders_per_vehicle`
        (mean over those), `overfull_share` (share with more riders than seats, of those
        with both known and any seat). Missing where nothing is known.
    """
    known = vehicles[vehicles["type"].notna() & vehicles["gate"].notna()]
    riders, seats = known["riders"].astype("float64"), known["seats"].astype("float64")
    is_compared = riders.notna() & (seats > 0)
    table = pd.DataFrame(
        {
            "gate": known["gate"],
            "mode": known["type"].astype("str"),
            "riders": riders,
            "is_overfull": (riders > seats).astype("float64").where(is_compared),
        }
    )
    return table.groupby(["gate", "mode"], as_index=False).agg(
        n_vehicles=("mode", "size"),
        n_known=("riders", "count"),
        riders_per_vehicle=("riders", "mean"),
        overfull_share=("is_overfull", "mean"),
    )


def estimate_vehicles(flows: pd.DataFrame, riders: pd.DataFrame) -> pd.Series[float]:
    """Estimate how many vehicles carry the workers of each row.

    Parameters
    ----------
    flows
        Columns `gate`, `mode`, `workers_per_day`.
    riders
        As `compute_riders_per_vehicle` returns it.

    Returns
    -------
    vehicles_per_day
        Same index. A motorcycle or bicycle has one driver each; on foot or as a
        passenger on a motorcycle there is no further vehicle; else workers over the
        factory's own riders per vehicle; missing where those are not known.
    """
    ratio = riders.set_index(["gate", "mode"])["riders_per_vehicle"]
    keys = pd.MultiIndex.from_frame(flows[["gate", "mode"]])
    per_vehicle = pd.Series(ratio.reindex(keys).to_numpy(), index=flows.index, dtype="float64")
    per_vehicle = per_vehicle.where(per_vehicle > 0)
    per_vehicle = per_vehicle.mask(flows["mode"].isin(OWN_VEHICLE), 1.0)
    vehicles = flows["workers_per_day"] / per_vehicle
    return vehicles.mask(flows["mode"].isin(NO_VEHICLE), 0.0)
