"""Where workers may live when only factories' totals are known: rows ready for the import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Geod

from core.errors import CrsError, InputError, NotEnoughDataError, TableError
from core.progress import Progress, no_progress
from core.units import M_PER_KM
from geo.crs import is_metric
from geo.road_graph import get_vehicle
from geo.routing import RouteOptions, build_routable_roads, compute_travel_times
from geo.vector_io import read_layer
from models.demand import Deterrence, estimate_demand
from records.places import read_places
from records.reading import open_table
from records.values import parse_count

__all__ = ["DemandRules", "compute_road_km", "compute_straight_km", "read_demand_places"]
__all__ += ["round_to_whole", "spread_workers"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NAMES: Final = {
    "factory_id": ("factory_id", "factory"),
    "workers": ("workers", "total_workers", "n_workers"),
    "name": ("name", "village", "village_name", "village_en", "name_en", "vil_name"),
    "population": ("population", "pop", "people", "n_people", "inhabitants"),
    "lon": ("lon", "longitude", "lng", "long", "x", "geometry_lon"),
    "lat": ("lat", "latitude", "y", "geometry_lat"),
}
STARTS: Final = (np.arange(64) + 0.5) / 64
MOST_OFF: Final = 0.02  # the mean distance may miss the stated one by this share
COLUMNS: Final = ("origin_id", "factory_id", "village", "lon", "lat", "workers")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandRules:
    """How workers are spread.

    Attributes
    ----------
    mean_distance_km
        Mean distance of all workers that the spread shall have [km].
    deterrence
        `exponential` or `power`, see `models.demand`.
    max_km
        Villages farther than this take nobody [km].
    capacity_share
        At most this share of a village's people work in the factories; None: no limit.
    is_equal
        All villages count alike, whatever their population.
    """

    mean_distance_km: float
    deterrence: Deterrence = "exponential"
    max_km: float = 40.0
    capacity_share: float | None = None
    is_equal: bool = False


def read_demand_places(
    path: Path, texts: Iterable[str], counts: Iterable[str] = (), *, optional: Iterable[str] = ()
) -> pd.DataFrame:
    """Read factories or villages from any file that records may come in.

    Parameters
    ----------
    path
        A table with coordinates in degrees, or a layer of points.
    texts, counts
        Columns it must have; a count is missing where it is none.
    optional
        Counts that it may have; all missing where it has not.

    Returns
    -------
    places
        One row a row of the file: the columns asked for, `lon` and `lat` (missing where they
        are no place).

    Raises
    ------
    TableError
        If a column is missing.
    DataSourceError, MissingDataError
        If the file cannot be read.
    """
    parts = [batch.frame for batch in open_table(path).read()]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    lower = {str(name).strip().lower(): str(name) for name in frame.columns}
    found = {
        name: next((lower[word] for word in words if word in lower), None)
        for name, words in NAMES.items()
    }
    wanted = [*texts, *counts, "lon", "lat"]
    missing = [name for name in wanted if found[name] is None]
    if missing:
        raise TableError.missing_columns(str(path), missing, [str(name) for name in frame])
    text = {
        name: pd.Series("", index=frame.index, dtype="str")
        if column is None
        else frame[column].astype("str").fillna("").str.strip()
        for name, column in found.items()
    }
    places = read_places(text["lon"], text["lat"], decimal=".", crs=4326)
    return pd.DataFrame(
        {
            **{name: text[name] for name in texts},
            **{
                name: parse_count(text[name]).values.astype("float64")
                for name in (*counts, *optional)
            },
            "lon": places["lon"],
            "lat": places["lat"],
        }
    )


def compute_straight_km(factories: pd.DataFrame, villages: pd.DataFrame) -> FloatArray:
    """Return geodesic distances [km], shape (n_factories, n_villages)."""
    shape = (len(factories), len(villages))
    lon, lat, to_lon, to_lat = (
        np.broadcast_to(table[name].to_numpy(dtype=np.float64).reshape(size), shape).ravel()
        for table, size in ((factories, (-1, 1)), (villages, (1, -1)))
        for name in ("lon", "lat")
    )
    metres = np.asarray(Geod(ellps="WGS84").inv(lon, lat, to_lon, to_lat)[2], dtype=np.float64)
    return metres.reshape(shape) / M_PER_KM


def compute_road_km(
    folder: Path,
    factories: pd.DataFrame,
    villages: pd.DataFrame,
    *,
    vehicle: str,
    max_km: float,
    progress: Progress = no_progress,
) -> FloatArray:
    """Return kilometres of the fastest ways along roads, shape (n_factories, n_villages).

    The straight bits from door to road and from road to gate are in it. Infinite where there
    is no way or the straight distance is above `max_km`.

    Parameters
    ----------
    folder
        Written by `tools network`.
    factories, villages
        With `lon`, `lat`.
    vehicle
        Whose ways, a word of `geo.road_graph.get_vehicle`.
    max_km
        Farther pairs, as the crow flies, are not routed [km].
    progress
        Told how far it has come.

    Raises
    ------
    CrsError
        If the network is not in metres.
    MissingDataError, VocabularyError
        If there is no network in the folder, or no such vehicle.
    """
    rules = get_vehicle(vehicle)
    segments = read_layer(folder / "segments.parquet")
    if not is_metric(segments.crs):
        raise CrsError.not_metric(str(folder), segments.crs.to_string())
    homes, gates = (
        gpd.GeoSeries(gpd.points_from_xy(table["lon"], table["lat"]), crs=4326).to_crs(segments.crs)
        for table in (villages, factories)
    )
    roads = build_routable_roads(segments, vehicle=rules)
    options = RouteOptions(max_distance_m=max_km * M_PER_KM)
    found = compute_travel_times(roads, homes, gates, options=options, progress=progress).times
    km = np.full((len(factories), len(villages)), np.inf)
    metres = found["length_m"] + found["access_m"]
    km[found["gate"], found["origin"]] = metres.to_numpy(dtype=np.float64) / M_PER_KM
    return km


def spread_workers(
    factories: pd.DataFrame,
    villages: pd.DataFrame,
    km: FloatArray,
    rules: DemandRules,
    *,
    files: tuple[str, str] = ("factories", "villages"),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Spread the workers of factories over villages.

    Parameters
    ----------
    factories
        `factory_id`, `workers`, `lon`, `lat`.
    villages
        `name`, `population`, `lon`, `lat`.
    km
        Distances, shape (n_factories, n_villages); infinite where there is no way.
    rules
        How.
    files
        What messages call the factories and the villages.

    Returns
    -------
    origins, summary
        Rows for `safecommute import origin`, whole workers, each factory's total kept; and
        what was found, with what was left out and why. `mean_distance_km` is that of the
        rows; `warnings` tells where it misses the stated one.

    Raises
    ------
    TableError
        If a factory comes twice.
    InputError
        If a capacity is asked for and villages count alike.
    NotEnoughDataError
        If no factory or no village is left.
    OutOfScopeError, ConvergenceError
        As `models.demand.estimate_demand`.
    """
    _require(factories, rules)
    has_place = (villages["lon"].notna() & villages["lat"].notna()).to_numpy()
    people = np.ones(len(villages)) if rules.is_equal else villages["population"].to_numpy(float)
    mass = np.where(has_place, np.nan_to_num(people), 0.0)
    km = np.where(km <= rules.max_km, km, np.inf)
    n_near = (np.isfinite(km) & (mass > 0)).sum(axis=1)
    left_out = _find_left_out(factories.assign(n_near=n_near), rules)
    kept = np.flatnonzero(~factories.index.isin(list(left_out)))
    if not len(kept):
        first = next(iter(left_out.values()), "the file holds none")
        message = (
            f"{files[0]}: none of {len(factories)} factories can be used, the first: {first}. In "
            f"{files[1]} {int((mass > 0).sum())} of {len(villages)} villages have a place and "
            f"people ({int((~has_place).sum())} without a place, "
            f"{int((~(np.nan_to_num(people) > 0)).sum())} without a usable population); mend them."
        )
        raise NotEnoughDataError(message)
    used = np.flatnonzero(np.isfinite(km[kept]).any(axis=0) & (mass > 0))
    km = km[np.ix_(kept, used)]
    workers = factories["workers"].to_numpy(dtype=np.float64)[kept]
    demand = estimate_demand(
        workers,
        mass[used],
        km,
        mean_distance_km=rules.mean_distance_km,
        deterrence=rules.deterrence,
        max_share=rules.capacity_share,
    )
    whole = round_to_whole(demand.workers, km)
    factory, village = np.nonzero(whole)
    written = float((whole[factory, village] * km[factory, village]).sum() / whole.sum())
    summary = {
        "label": demand.label,
        "n_factories": len(kept),
        "factories_left_out": {
            str(factories["factory_id"][row]): why for row, why in left_out.items()
        },
        "workers": int(whole.sum()),
        "n_villages": len(villages),
        "n_villages_without_place": int((~has_place).sum()),
        "n_villages_without_population": 0 if rules.is_equal else int(np.isnan(people).sum()),
        "n_villages_in_reach": len(used),
        "n_villages_with_workers": len(np.unique(village)),
        "deterrence": rules.deterrence,
        "decay": demand.decay,
        "mean_distance_stated_km": rules.mean_distance_km,
        "mean_distance_km": written,
        "mean_distance_possible_km": [demand.shortest_mean_km, demand.longest_mean_km],
        "n_origins": len(factory),
        "warnings": _warn_of_mean(written, rules.mean_distance_km, int(whole.sum())),
    }
    rows = (kept[factory], used[village], whole[factory, village])
    return _list_origins(factories, villages, rows, written), summary


def round_to_whole(workers: FloatArray, km: FloatArray) -> IntArray:
    """Round each row to whole numbers that keep its sum, and all together their mean distance.

    Parameters
    ----------
    workers, km
        Shape (n_factories, n_villages); rows of workers sum to whole numbers.

    Notes
    -----
    Systematic sampling: what is left above whole workers is laid end to end by distance, and
    one worker goes to whoever lies at s, s + 1, s + 2, …; so every stretch of distance
    keeps its workers, the far ones too (largest remainders would give them all to the near
    villages). Of several starts s that one is taken which brings the workers' kilometres,
    summed over the factories so far, closest to the unrounded ones. Nothing is random.

    References
    ----------
    Madow, W. & Madow, L. (1944). On the theory of systematic sampling. Annals of
    Mathematical Statistics 15, 1-24. doi:10.1214/aoms/1177731312
    """
    whole = np.floor(workers + 1e-9)
    n_left = np.rint(workers.sum(axis=1) - whole.sum(axis=1)).astype(np.int64)
    missed = 0.0  # worker-km so far, rounded less unrounded
    for row in np.flatnonzero(n_left):
        rest = np.maximum(workers[row] - whole[row], 0.0)
        order = np.flatnonzero(rest)
        order = order[np.argsort(km[row, order], kind="stable")]
        ends = np.cumsum(rest[order])
        ends *= n_left[row] / ends[-1]
        aim = float(rest[order] @ km[row, order]) - missed
        best: tuple[float, IntArray] | None = None
        for start in STARTS:
            chosen = order[np.searchsorted(ends, start + np.arange(n_left[row]))]
            miss = float(km[row, chosen].sum()) - aim
            if best is None or abs(miss) < abs(best[0]):
                best = miss, chosen
        if best is not None:
            missed = best[0]
            np.add.at(whole[row], best[1], 1)
    return np.asarray(whole, dtype=np.int64)


def _warn_of_mean(written: float, stated: float, n_workers: int) -> list[str]:
    if abs(written - stated) <= MOST_OFF * stated:
        return []
    return [
        f"The mean distance of the rows is {written:.4g} km, not the {stated:g} km stated: "
        f"{n_workers:,} whole worker(s) cannot be spread so."
    ]


def _require(factories: pd.DataFrame, rules: DemandRules) -> None:
    if rules.is_equal and rules.capacity_share is not None:
        message = (
            "a greatest share of a village's people needs its population: give villages with "
            "their population, or no such share."
        )
        raise InputError(message)
    repeated = factories["factory_id"][factories["factory_id"].duplicated()]
    if len(repeated):
        message = (
            f"factories: {len(repeated)} identifier(s) come again, first {repeated.iloc[0]!r}; "
            "give each factory one row."
        )
        raise TableError(message)


def _find_left_out(factories: pd.DataFrame, rules: DemandRules) -> dict[int, str]:
    """Return the rows of factories that cannot be used, and why."""
    reasons = pd.Series("", index=factories.index, dtype="object")
    workers = factories["workers"].astype("float64")
    for is_so, why in (
        (factories["factory_id"].eq(""), "names no factory"),
        (workers.isna(), "its number of workers is not known"),
        (workers.eq(0), "it has no workers"),
        (factories["lon"].isna() | factories["lat"].isna(), "it has no usable coordinates"),
        (factories["n_near"].eq(0), f"no village with people within {rules.max_km:g} km"),
    ):
        reasons = reasons.mask(reasons.eq("") & is_so, why)
    rows = np.flatnonzero(reasons.ne("").to_numpy(dtype=bool)).tolist()
    return {row: str(reasons.iloc[row]) for row in rows}


def _list_origins(
    factories: pd.DataFrame,
    villages: pd.DataFrame,
    rows: tuple[IntArray, IntArray, IntArray],
    mean_km: float,
) -> pd.DataFrame:
    """Return the rows for the import; each says of itself that it is modelled.

    The import makes its own `place_note`; the identifier is what tells a run.
    """
    factory, village, workers = rows
    factory_id = factories["factory_id"].to_numpy(dtype=object)[factory]
    names = villages["name"].to_numpy(dtype=object)[village]
    said = f"modelled by gravity, mean distance {mean_km:.4g} km"
    data = {
        "origin_id": [
            f"modelled-{one}-{row + 1}" for one, row in zip(factory_id, village, strict=True)
        ],
        "factory_id": factory_id,
        "village": names,
        "lon": villages["lon"].to_numpy()[village],
        "lat": villages["lat"].to_numpy()[village],
        "workers": workers,
    }
    return pd.DataFrame(data, columns=list(COLUMNS)).assign(place_note=said)
