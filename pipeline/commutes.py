"""Who travels where, how and when: commutes from records and roads, kept between runs.

What leaves the computer
    `commute_flows` names a factory at a segment only where at least `MIN_PERSONS` of its
    workers pass a day, and shifts only where each of them has as many; smaller groups are
    merged, first over shifts, then over factories, so that the sums stay. Routes are drawn
    only for villages with at least `MIN_PERSONS` workers of the factory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from core.provenance import compute_sha256_of_values
from core.vocabulary import Light, RoadUser
from geo.daylight import compute_dark_share
from geo.exposure import GateFlows, Leg, RoadSites, find_unrouted, iterate_flows
from geo.exposure_totals import Exposure, add_exposure
from geo.road_graph import compute_speed, get_vehicle
from geo.route_lines import draw_routes
from geo.routing import RouteOptions, Routes, build_routable_roads, find_routes
from geo.trips import SHARE_PREFIX, UNKNOWN_MODE, build_trips
from pipeline.account import Job, Period
from pipeline.commute_summary import (
    count_lost,
    describe,
    list_assumptions,
    warn,
    warn_of_shares,
    warn_of_workers,
)
from pipeline.commute_tables import MIN_PERSONS, FlowStore, tabulate_sites
from pipeline.driven import list_drives, put_drives_first, tabulate_drives
from pipeline.frame import Frame
from pipeline.steps import StepFolder, keep_step
from pipeline.workspace import read_json, write_json
from records.database import Database
from records.shares import find_bad_shares
from records.shifts import tabulate_shifts

__all__ = ["CommuteRecords", "Commutes", "prepare_commutes", "read_commute_records"]

COMMUTES_VERSION = 3  # raise it when the same records give other commutes
PLACE_STEP_DEG: Final = 0.25  # sun times of places nearer than this differ by a minute at most
MAX_DRAWN = 20_000  # pairs of village and factory that are listed, and lines, most workers first
DRAWN_AT_ONCE = 2_000
MODES: Final = (*(word.value for word in RoadUser), UNKNOWN_MODE)
TRAVELS_AS: Final = {
    RoadUser.MOTORCYCLE_PASSENGER.value: RoadUser.MOTORCYCLE_DRIVER.value,
    RoadUser.OTHER.value: RoadUser.MOTORCYCLE_DRIVER.value,
    UNKNOWN_MODE: RoadUser.MOTORCYCLE_DRIVER.value,  # what most ride
}
TABLES: Final = ("commute_flows", "commute_sites", "commute_groups", "commute_hours")
KEPT_ONLY: Final = ("of_gates", "classes", "unrouted")
USED: Final = {
    "factory": ["factory_id", "lon", "lat", "workers", "shifts"],
    "origin": ["origin_id", "factory_id", "village", "lon", "lat", "workers"],
    "note": ["place_note", "source"],
    "route": ["route_id", "factory_id", "vehicle_id", "direction", "line"],
    "vehicle": ["vehicle_id", "factory_id", "type"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommuteRecords:
    """Records of an area that tell of commutes, as `Database.read` returns them."""

    factories: pd.DataFrame
    origins: pd.DataFrame
    casualties: pd.DataFrame
    routes: pd.DataFrame
    vehicles: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Commutes:
    """An area's commutes; the tables of the step's folder."""

    folder: Path
    factories: pd.DataFrame  # gate is the row
    of_gates: pd.DataFrame
    groups: pd.DataFrame
    hours: pd.DataFrame
    classes: pd.DataFrame
    sites: pd.DataFrame
    summary: dict[str, Any]


def read_commute_records(database: Database, key: str) -> CommuteRecords:
    """Read what tells of commutes, in order of identifiers; of vehicles those of routes."""
    routes = database.read("route", key).sort_values("route_id", ignore_index=True)
    vehicles = database.read("vehicle", key).sort_values("vehicle_id", ignore_index=True)
    driven = vehicles["vehicle_id"].isin(routes["vehicle_id"].dropna())
    return CommuteRecords(
        factories=database.read("factory", key).sort_values("factory_id", ignore_index=True),
        origins=database.read("origin", key).sort_values("origin_id", ignore_index=True),
        casualties=database.read("casualty", key),
        routes=routes,
        vehicles=vehicles[driven].reset_index(drop=True),
    )


def prepare_commutes(job: Job, frame: Frame, records: CommuteRecords, period: Period) -> Commutes:
    """Route the area's workers to their factories and add up who passes where.

    Kept between runs while roads, factories, origins and settings stay the same.
    """
    settings = job.settings
    year = period.end.year

    def build(folder: Path) -> None:
        build_commutes(job, frame, records, year, folder)

    with job.account.step("commutes") as counts:
        digest = compute_digest(records)
        options = [
            *(settings.time_zone, settings.working_days_per_year, settings.arrival_margin_min),
            *(settings.dark_below_deg, settings.n_route_alternatives, year),
        ]
        inputs = [COMMUTES_VERSION, frame.step.key, digest, *options]
        step = keep_step(job.workspace, job.area.key, "commutes", inputs, build)
        commutes = load_commutes(step, records)
        lost = commutes.summary["origins_left_out"]
        counts.update(
            rows_in=len(records.origins),
            rows_out=len(records.origins) - sum(lost.values()),
            rows_dropped=sum(lost.values()),
            reason="; ".join(f"{n} {reason}" for reason, n in lost.items()),
            cached=step.is_cached,
        )
    if len(records.routes):
        with job.account.step("driven routes") as counts:
            driven = commutes.summary["driven_routes"]
            counts.update(
                rows_in=driven["n_driven_routes"],
                rows_out=driven["n_used"],
                rows_dropped=driven["n_driven_routes"] - driven["n_used"],
                reason="; ".join(f"{n} {reason}" for reason, n in driven["why_not"].items()),
                cached=step.is_cached,
            )
    job.account.warnings.extend(commutes.summary["warnings"])
    return commutes


def compute_digest(records: CommuteRecords) -> str:
    """Return a checksum of what the step takes from the records."""
    shares = sorted(n for n in records.origins.columns if n.startswith(SHARE_PREFIX))
    used = (
        records.factories[USED["factory"]],
        records.origins[[*USED["origin"], *USED["note"], *shares]],
        records.routes[USED["route"]],
        records.vehicles[USED["vehicle"]],
    )
    return compute_sha256_of_values([table.to_json(double_precision=15) for table in used])


def load_commutes(step: StepFolder, records: CommuteRecords) -> Commutes:
    """Return what a finished step holds."""
    read = {
        name: pd.read_parquet(step.path / f"{name}.parquet")
        for name in ("of_gates", "commute_groups", "commute_hours", "classes", "commute_sites")
    }
    return Commutes(
        folder=step.path,
        factories=records.factories,
        of_gates=read["of_gates"],
        groups=read["commute_groups"],
        hours=read["commute_hours"],
        classes=read["classes"],
        sites=read["commute_sites"],
        summary=read_json(step.path / "commute_summary.json"),
    )


def build_commutes(
    job: Job, frame: Frame, records: CommuteRecords, year: int, folder: Path
) -> None:
    """Write the tables of the step."""
    settings, segments = job.settings, frame.segments
    factories, origins = records.factories, records.origins
    gates, homes = (
        gpd.GeoSeries(gpd.points_from_xy(table["lon"], table["lat"]), crs=4326).to_crs(segments.crs)
        for table in (factories, origins)
    )
    gate_of = pd.Series(factories.index, index=factories["factory_id"])
    gate = origins["factory_id"].map(gate_of)
    lost = Counter({"of a factory that is not recorded": int(gate.isna().sum())})
    shares = [name for name in origins.columns if name.startswith(SHARE_PREFIX)]
    bad_share = find_bad_shares(origins)
    is_used = gate.notna() & bad_share.isna()
    lost["with a mode share that cannot be"] = int((gate.notna() & bad_share.notna()).sum())
    wanted = origins[["workers", *shares]].assign(origin=origins.index, gate=gate)
    shifts, problems = tabulate_shifts(factories)
    shifts = shifts.assign(gate=shifts["factory_id"].map(gate_of))
    lost["without a count of workers"] = int((is_used & origins["workers"].isna()).sum())
    trips = build_trips(wanted[is_used].astype({"gate": "int64"}), shifts)
    drives = list_drives(records.routes, records.vehicles, factories, travels_as=TRAVELS_AS)
    found = _Found(drives=drives, flows=FlowStore(folder / "flows"))
    legs = iterate_legs(job, frame, trips.frame, (homes, gates), found)
    sites = RoadSites.from_segments(segments, n_intersections=len(frame.network.intersections))
    dark = find_dark_shares(job, factories, year)
    flows = follow(legs, sites, dark, settings.arrival_margin_min, found)
    exposure = add_exposure(flows, sites, modes=MODES, working_days=settings.working_days_per_year)
    unrouted = pd.concat(found.unrouted, ignore_index=True) if found.unrouted else None
    by_origin = {} if unrouted is None else count_lost(unrouted, trips.frame)
    lost.update(by_origin)
    write_tables(folder, exposure, found, factories, origins, segments)
    if unrouted is None:
        unrouted = pd.DataFrame({"origin": [], "gate": [], "mode": [], "workers": [], "reason": []})
    unrouted.to_parquet(folder / "unrouted.parquet")
    driven, driven_summary = tabulate_drives(drives, found.driven)
    driven.to_parquet(folder / "commute_driven.parquet")
    summary = {
        **describe(exposure, trips.frame, unrouted, (factories, origins), problems),
        "driven_routes": driven_summary,
        "origins_left_out": {reason: n for reason, n in lost.items() if n},
        "notes": dict(trips.notes),
        "warnings": [
            *warn_of_shares(origins, bad_share),
            *warn_of_workers(factories, origins[bad_share.isna()]),
            *warn(problems, factories, origins, shifts),
        ],
        "assumptions": list_assumptions(settings, year),
    }
    write_json(folder / "commute_summary.json", summary)


@dataclass(slots=True)
class _Found:
    """What comes to light while flows are added up."""

    drives: pd.DataFrame
    flows: FlowStore
    driven: list[pd.DataFrame] = field(default_factory=list)
    unrouted: list[pd.DataFrame] = field(default_factory=list)
    drawn: list[gpd.GeoDataFrame] = field(default_factory=list)


def iterate_legs(
    job: Job,
    frame: Frame,
    trips: pd.DataFrame,
    places: tuple[gpd.GeoSeries, gpd.GeoSeries],
    found: _Found,
) -> Iterator[Leg]:
    """Route the trips of one kind of vehicle after the other; only one is held at a time."""
    segments = frame.segments
    homes, gates = places
    options = RouteOptions(n_alternatives=job.settings.n_route_alternatives)
    vehicle_of = trips["mode"].replace(TRAVELS_AS)
    chosen = choose_drawn(trips.assign(vehicle=vehicle_of), options.n_alternatives)
    for name, own in trips.groupby(vehicle_of, sort=True):
        vehicle = get_vehicle(str(name))
        roads = build_routable_roads(segments, vehicle=vehicle)
        pairs = own[["origin", "gate"]].drop_duplicates(ignore_index=True)
        routes = find_routes(roads, homes, gates, pairs=pairs, options=options)
        routes, driven = put_drives_first(routes, found.drives, frame, own, places, vehicle)
        found.driven.append(driven)
        leg = Leg(routes=routes, trips=own, segment_speed_kmh=compute_speed(segments, vehicle))
        found.unrouted.append(find_unrouted(leg))
        found.drawn.append(draw(routes, segments, own, chosen, str(name)))
        yield leg


def follow(
    legs: Iterator[Leg], sites: RoadSites, dark: np.ndarray, margin_min: float, found: _Found
) -> Iterator[GateFlows]:
    """Hand flows on, keeping what is written of each."""
    for leg in legs:
        for one in iterate_flows([leg], sites, dark_share=dark, margin_min=margin_min):
            found.flows.add(one)
            yield one


def choose_drawn(trips: pd.DataFrame, n_alternatives: int) -> pd.DataFrame:
    """Return which routes are listed: those of villages with enough workers; and how drawn.

    Index `origin`, `gate`, `vehicle`; `lines` is 0 (listed only), 1 (the fastest is drawn) or
    more (all are). There are no more than `MAX_DRAWN` lines, for a country's would be millions:
    first one for each pair, by the vehicle of most of its workers, then those of most workers.
    """
    pair = ["origin", "gate"]
    of_pair = trips.groupby(pair)["workers"].sum()
    pairs = of_pair[of_pair >= MIN_PERSONS].nlargest(MAX_DRAWN).index
    workers = trips.groupby([*pair, "vehicle"])["workers"].sum().reset_index()
    is_listed = pd.MultiIndex.from_frame(workers[pair]).isin(pairs)
    chosen = workers[is_listed].sort_values("workers", ascending=False, kind="stable")
    is_first = ~chosen.duplicated(pair).to_numpy()
    n_left = max(MAX_DRAWN - int(is_first.sum()), 0)
    cost = np.where(is_first, n_alternatives - 1, n_alternatives)
    is_whole = np.cumsum(cost) <= n_left
    lines = np.where(is_whole, n_alternatives, np.where(is_first, 1, 0))
    return chosen.assign(lines=lines).set_index([*pair, "vehicle"])


def draw(
    routes: Routes, segments: gpd.GeoDataFrame, trips: pd.DataFrame, chosen: pd.DataFrame, name: str
) -> gpd.GeoDataFrame:
    """List the routes of villages with enough workers by one vehicle; draw those chosen."""
    of_pair = pd.MultiIndex.from_frame(routes.routes[["origin", "gate"]])
    own = chosen[chosen.index.get_level_values("vehicle") == name].droplevel("vehicle")
    rows = np.flatnonzero(of_pair.isin(own.index))
    n_lines = own["lines"].reindex(of_pair[rows]).to_numpy()
    is_drawn = routes.routes["alternative"].to_numpy()[rows] < n_lines
    lines = np.full(len(rows), None, dtype=object)
    shapes, at = segments.geometry.to_numpy(), np.flatnonzero(is_drawn)
    for first in range(0, len(at), DRAWN_AT_ONCE):  # a piece a step: millions for a country
        some = at[first : first + DRAWN_AT_ONCE]
        lines[some] = draw_routes(routes, shapes, rows[some])
    columns = ["origin", "gate", "alternative", "share", "time_s", "length_m", "is_driven"]
    workers = trips.groupby(["origin", "gate"])["workers"].sum().reindex(of_pair[rows])
    kept = routes.routes.iloc[rows][columns]
    kept = kept.assign(vehicle=name, workers_per_day=kept["share"] * workers.to_numpy())
    return gpd.GeoDataFrame(kept, geometry=lines, crs=segments.crs)


def find_dark_shares(job: Job, factories: pd.DataFrame, year: int) -> np.ndarray:
    """Return the dark share of each minute of the clock at each factory.

    Where a factory has no place, it is that of the middle of all.
    """
    settings = job.settings
    middle = factories[["lon", "lat"]].median()
    places = factories[["lon", "lat"]].fillna(middle.fillna(0.0))
    rounded = (places / PLACE_STEP_DEG).round() * PLACE_STEP_DEG
    rows = [
        compute_dark_share(
            lon=lon,
            lat=lat,
            tz=settings.time_zone,
            year=year,
            dark_below_deg=settings.dark_below_deg,
        )
        for lon, lat in rounded.itertuples(index=False)
    ]
    return np.stack(rows) if rows else np.zeros((1, 1440))


def write_tables(
    folder: Path,
    exposure: Exposure,
    found: _Found,
    factories: pd.DataFrame,
    origins: pd.DataFrame,
    segments: gpd.GeoDataFrame,
) -> None:
    """Write what a run folder takes over, and what later steps need."""
    names = factories["factory_id"]
    found.flows.write(folder / "commute_flows.parquet", names, days=exposure.working_days)
    tabulate_sites(exposure).to_parquet(folder / "commute_sites.parquet")
    named = exposure.of_gates.assign(factory_id=exposure.of_gates["gate"].map(names))
    named.to_parquet(folder / "of_gates.parquet")
    for name, table in (("groups", exposure.groups), ("hours", exposure.hours)):
        table.assign(factory_id=table["gate"].map(names)).drop(columns="gate").to_parquet(
            folder / f"commute_{name}.parquet"
        )
    classes = []
    of_class = segments["road_class"].astype("object").fillna("unknown")
    for light in Light:
        by_mode = pd.DataFrame(exposure.by_mode[light.value], columns=list(exposure.modes))
        sums = by_mode.groupby(of_class.to_numpy()).sum().rename_axis("road_class")
        long = sums.reset_index().melt(
            "road_class", var_name="mode", value_name="worker_km_per_year"
        )
        classes.append(long[long["worker_km_per_year"] > 0].assign(light=light.value))
    pd.concat(classes, ignore_index=True).to_parquet(folder / "classes.parquet")
    drawn = found.drawn or [draw_nothing(segments)]
    routes = gpd.GeoDataFrame(pd.concat(drawn, ignore_index=True), crs=segments.crs)
    routes["factory_id"] = routes["gate"].map(names)
    for name in ("origin_id", "village"):
        routes[name] = routes["origin"].map(origins[name])
    routes.drop(columns=["origin", "gate"]).to_parquet(folder / "commute_routes.parquet")


def draw_nothing(segments: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the table of drawn routes with no row."""
    columns = ["origin", "gate", "alternative", "share", "time_s", "length_m", "is_driven"]
    columns += ["vehicle", "workers_per_day"]
    return gpd.GeoDataFrame({name: [] for name in columns}, geometry=[], crs=segments.crs)
