"""Driven routes of the records in the place of modelled ones: which are used, and why others not.

Every route on record ends in one table, used or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.driven_routes import DrivenRoutes, replace_modelled
from geo.map_matching import match_traces, prepare_network
from geo.matched import MatchedTraces
from geo.road_graph import VEHICLES, VehicleRules, build_road_graph
from geo.routing import Routes
from geo.snapping import get_point_xy
from geo.trace_cleaning import clean_traces
from geo.traces import Traces
from pipeline.frame import Frame

__all__ = [
    "DRIVEN_COLUMNS",
    "NOT_MATCHED",
    "list_drives",
    "put_drives_first",
    "summarise_drives",
    "tabulate_drives",
]

NOT_MATCHED: Final = "not matched"
DRIVEN_COLUMNS: Final = (
    *("route_id", "factory_id", "vehicle", "verdict", "reason", "points_share", "length_share"),
    *("mean_distance_m", "n_origins_replaced", "workers_per_day"),
)
QUALITY: Final = ("points_share", "length_share", "mean_distance_m")
TOLD_BY_VERDICT: Final = "its match is "  # so begins the reason when the match is not good


def list_drives(
    routes: pd.DataFrame,
    vehicles: pd.DataFrame,
    factories: pd.DataFrame,
    *,
    travels_as: Mapping[str, str],
) -> pd.DataFrame:
    """Return the routes on record with what they serve, and why some cannot be used.

    Parameters
    ----------
    routes, vehicles, factories
        Records of the area; the rows of the factories are the gates.
    travels_as
        Which vehicle's roads a kind of road user travels, where it is not its own.

    Returns
    -------
    drives
        One row a route, in order of `route_id`: `route_id`, `factory_id` (its own, else its
        vehicle's), `gate` (missing: none), `vehicle` (a word of `geo.road_graph.VEHICLES`),
        `direction`, `line`, `reason` (empty: it may be used).
    """
    routes = routes.sort_values("route_id", ignore_index=True)
    known = vehicles.drop_duplicates("vehicle_id").set_index("vehicle_id")
    has_vehicle = routes["vehicle_id"].notna()
    is_recorded = routes["vehicle_id"].isin(known.index)
    kind = routes["vehicle_id"].map(known["type"])
    can_drive = kind.isin([name for name in VEHICLES if name != "other"])
    factory_id = routes["factory_id"].fillna(routes["vehicle_id"].map(known["factory_id"]))
    row_of = pd.Series(factories.index, index=factories["factory_id"])
    gate = factory_id.map(row_of).astype("Int64")
    placed = factories["lon"].notna() & factories["lat"].notna()
    is_placed = gate.isin(factories.index[placed])
    reason = pd.Series("", index=routes.index, dtype="object")
    for is_so, why in (
        (~has_vehicle, "names no vehicle"),
        (~is_recorded, "its vehicle is not on record"),
        (kind.isna(), "the type of its vehicle is not known"),
        (~can_drive, "there are no rules for its type of vehicle"),
        (factory_id.isna(), "names no factory"),
        (gate.isna(), "its factory is not on record"),
        (~is_placed, "its factory has no coordinates"),
    ):
        reason = reason.mask(reason.eq("") & is_so, why)
    return pd.DataFrame(
        {
            "route_id": routes["route_id"],
            "factory_id": factory_id,
            "gate": gate,
            "vehicle": kind.replace(dict(travels_as)).where(can_drive),
            "direction": routes["direction"].fillna("unknown"),
            "line": routes["line"],
            "reason": reason,
        }
    )


def put_drives_first(
    routes: Routes,
    drives: pd.DataFrame,
    frame: Frame,
    trips: pd.DataFrame,
    places: tuple[gpd.GeoSeries, gpd.GeoSeries],
    vehicle: VehicleRules,
) -> tuple[Routes, pd.DataFrame]:
    """Let the origins along the driven routes of one kind of vehicle travel these.

    Parameters
    ----------
    routes
        Modelled routes of this kind of vehicle.
    drives
        Of `list_drives`.
    frame
        Whose roads.
    trips
        Trips by this kind of vehicle.
    places
        Origins and gates.
    vehicle
        Its rules.

    Returns
    -------
    routes, outcome
        Routes of which some are driven, with a column `is_driven`; and one row a drive that was
        matched: its row in `drives` as index, and `verdict`, `reason` (empty: it was used),
        `points_share`, `length_share`, `mean_distance_m`, `n_origins_replaced`,
        `workers_per_day`, `origins`.
    """
    is_own = drives["vehicle"].eq(vehicle.name) & drives["reason"].eq("")
    own = drives[is_own & drives["gate"].isin(trips["gate"].unique())]
    if own.empty:
        return _mark(routes, set()), _no_outcome()
    segments = frame.segments
    graph = build_road_graph(segments, n_nodes=len(frame.network.nodes), vehicle=vehicle)
    traces = read_drives(own)
    cleaned = clean_traces(traces, crs=segments.crs)
    matched = match_traces(
        cleaned.points, prepare_network(segments, graph), n_traces=len(traces.traces)
    )
    driven = pd.DataFrame(
        {
            "trace": np.arange(len(own)),
            "gate": own["gate"].to_numpy(dtype=np.int64),
            "direction": own["direction"].to_numpy(dtype=object),
        }
    )
    found = replace_modelled(
        routes,
        matched,
        driven,
        graph=graph,
        origin_xy=get_point_xy(places[0]),
        gate_xy=get_point_xy(places[1]),
    )
    replaced = set(found.replaced["route"].tolist())
    return _mark(found.routes, replaced), _describe(found, matched, own, trips)


def read_drives(drives: pd.DataFrame) -> Traces:
    """Return the lines of routes as traces of fixes without times."""
    shapes = shapely.from_wkt(drives["line"].to_numpy(dtype=object))
    lonlat, trace = shapely.get_coordinates(shapes, return_index=True)
    points = pd.DataFrame({"trace": trace.astype(np.int64), "lon": lonlat[:, 0]})
    points["lat"] = lonlat[:, 1]
    points["point"] = points.groupby("trace").cumcount()
    points["part"] = 0
    points["time"] = np.full(len(points), np.datetime64("NaT", "us"))
    table = pd.DataFrame({"name": drives["route_id"].to_numpy(), "form": "line"})
    table["n_read"] = np.bincount(trace, minlength=len(drives))
    table["offset_min"] = pd.array([pd.NA] * len(drives), dtype="Int64")
    none = {"trace": np.empty(0, np.int64), "reason": [], "n_points": np.empty(0, np.int64)}
    return Traces(
        traces=table,
        about=pd.DataFrame(index=table.index),
        points=points[["trace", "point", "part", "time", "lon", "lat"]],
        dropped=pd.DataFrame(none),
    )


def tabulate_drives(
    drives: pd.DataFrame, outcomes: list[pd.DataFrame]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return what became of every route on record, and the same in figures.

    Returns
    -------
    table, summary
        `DRIVEN_COLUMNS`, one row a route; `reason` is empty where it was used, `verdict` is
        that of the match, or `NOT_MATCHED`. The summary is that of `summarise_drives`.
    """
    outcome = pd.concat(outcomes) if outcomes else _no_outcome()
    outcome = outcome.reindex(drives.index)
    verdict = outcome["verdict"].fillna(NOT_MATCHED)
    reason = drives["reason"].where(drives["reason"].ne(""), outcome["reason"])
    nobody = "nobody is known to travel to its factory by " + drives["vehicle"].fillna("")
    table = pd.DataFrame(
        {
            "route_id": drives["route_id"].astype("str"),
            "factory_id": drives["factory_id"].astype("str"),
            "vehicle": drives["vehicle"].astype("str"),
            "verdict": verdict.astype("str"),
            "reason": reason.fillna(nobody).astype("str"),
            **{name: outcome[name].astype("float64") for name in QUALITY},
            "n_origins_replaced": outcome["n_origins_replaced"].fillna(0).astype("int64"),
            "workers_per_day": outcome["workers_per_day"].fillna(0.0).astype("float64"),
        }
    )
    origins: set[int] = set().union(*outcome["origins"].dropna())
    return table[list(DRIVEN_COLUMNS)], summarise_drives(table, len(origins))


def summarise_drives(table: pd.DataFrame, n_origins: int) -> dict[str, Any]:
    """Return the figures of the table of `tabulate_drives`.

    Returns
    -------
    summary
        `n_driven_routes`, `n_used`, `why_not` (reason → how many; of matches by their
        verdict), `n_origins_replaced`, `workers_on_driven_routes` (a day).
    """
    left_out = table[table["reason"].ne("")]
    is_poor = left_out["reason"].str.startswith(TOLD_BY_VERDICT)
    why = left_out["reason"].mask(is_poor, TOLD_BY_VERDICT + "'" + left_out["verdict"] + "'")
    return {
        "n_driven_routes": len(table),
        "n_used": len(table) - len(left_out),
        "why_not": {str(name): int(n) for name, n in why.value_counts().items()},
        "n_origins_replaced": n_origins,
        "workers_on_driven_routes": float(table["workers_per_day"].sum()),
    }


def _mark(routes: Routes, driven: set[int]) -> Routes:
    """Add the column `is_driven`."""
    table = routes.routes.assign(is_driven=routes.routes["route"].isin(driven))
    return Routes(
        routes=table,
        step_offset=routes.step_offset,
        step_segment_id=routes.step_segment_id,
        step_length_m=routes.step_length_m,
        step_is_forward=routes.step_is_forward,
        unreachable=routes.unreachable,
    )


def _describe(
    found: DrivenRoutes, matched: MatchedTraces, own: pd.DataFrame, trips: pd.DataFrame
) -> pd.DataFrame:
    """Return the outcome of the drives that were matched, by their row among all drives."""
    trace = pd.RangeIndex(len(own))
    workers = trips.groupby(["origin", "gate"], as_index=False)["workers"].sum()
    replaced = found.replaced.astype({"origin": "int64", "gate": "int64", "trace": "int64"})
    replaced = replaced.merge(workers, on=["origin", "gate"], how="left")
    by_trace = replaced.groupby("trace")
    why = found.unused.drop_duplicates("trace").set_index("trace")["reason"]
    table = matched.traces.set_index("trace").reindex(trace)
    outcome = table[["verdict", *QUALITY]].assign(
        reason=why.reindex(trace).fillna(""),
        n_origins_replaced=by_trace["origin"].nunique().reindex(trace, fill_value=0),
        workers_per_day=by_trace["workers"].sum().reindex(trace, fill_value=0.0),
        origins=by_trace["origin"].agg(set).reindex(trace),
    )
    return outcome.set_index(own.index)


def _no_outcome() -> pd.DataFrame:
    columns = ["verdict", "reason", *QUALITY, "n_origins_replaced", "workers_per_day", "origins"]
    return pd.DataFrame({name: pd.Series([], dtype="object") for name in columns})
