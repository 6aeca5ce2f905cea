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
from dataclasses import dataclass
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
from pipeline.commute_tables import MIN_PERSONS, merge_small, spread_by_group, tabulate_sites
from pipeline.frame import Frame
from pipeline.steps import StepFolder, keep_step
from pipeline.workspace import read_json, write_json
from records.database import Database
from records.shifts import tabulate_shifts

__all__ = ["CommuteRecords", "Commutes", "prepare_commutes", "read_commute_records"]

COMMUTES_VERSION = 1  # raise it when the same records give other commutes
PLACE_STEP_DEG: Final = 0.25  # sun times of places nearer than this differ by a minute at most
MAX_DRAWN = 20_000  # pairs of village and factory whose route is drawn, most workers first
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommuteRecords:
    """Records of an area that tell of commutes, as `Database.read` returns them."""

    factories: pd.DataFrame
    origins: pd.DataFrame
    casualties: pd.DataFrame


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
    """Read what tells of commutes; factories and origins in order of their identifiers."""
    return CommuteRecords(
        factories=database.read("factory", key).sort_values("factory_id", ignore_index=True),
        origins=database.read("origin", key).sort_values("origin_id", ignore_index=True),
        casualties=database.read("casualty", key),
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
        shares = sorted(n for n in records.origins.columns if n.startswith(SHARE_PREFIX))
        digest = compute_sha256_of_values(
            [
                records.factories[USED["factory"]].to_json(double_precision=15),
                records.origins[[*USED["origin"], *shares]].to_json(double_precision=15),
            ]
        )
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
    job.account.warnings.extend(commutes.summary["warnings"])
    return commutes


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
    lost["without a count of workers"] = int((gate.notna() & origins["workers"].isna()).sum())
    shares = [name for name in origins.columns if name.startswith(SHARE_PREFIX)]
    wanted = origins[["workers", *shares]].assign(origin=origins.index, gate=gate)
    shifts, problems = tabulate_shifts(factories)
    shifts = shifts.assign(gate=shifts["factory_id"].map(gate_of))
    trips = build_trips(wanted[gate.notna()].astype({"gate": "int64"}), shifts)
    found = _Found(unrouted=[], drawn=[], flows=[])
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
    summary = {
        **describe(exposure, trips.frame, unrouted, records, problems),
        "origins_left_out": {reason: n for reason, n in lost.items() if n},
        "notes": dict(trips.notes),
        "warnings": warn(problems, factories, shifts),
        "assumptions": list_assumptions(job, year),
    }
    write_json(folder / "commute_summary.json", summary)


@dataclass(slots=True)
class _Found:
    """What comes to light while flows are added up."""

    unrouted: list[pd.DataFrame]
    drawn: list[gpd.GeoDataFrame]
    flows: list[pd.DataFrame]


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
    of_pair = trips.groupby(["origin", "gate"])["workers"].sum()
    drawn = of_pair[of_pair >= MIN_PERSONS].nlargest(MAX_DRAWN).index
    vehicle_of = trips["mode"].replace(TRAVELS_AS)
    for name, own in trips.groupby(vehicle_of, sort=True):
        vehicle = get_vehicle(str(name))
        roads = build_routable_roads(segments, vehicle=vehicle)
        pairs = own[["origin", "gate"]].drop_duplicates(ignore_index=True)
        routes = find_routes(roads, homes, gates, pairs=pairs, options=options)
        leg = Leg(routes=routes, trips=own, segment_speed_kmh=compute_speed(segments, vehicle))
        found.unrouted.append(find_unrouted(leg))
        found.drawn.append(draw(routes, segments, own, drawn, str(name)))
        yield leg


def follow(
    legs: Iterator[Leg], sites: RoadSites, dark: np.ndarray, margin_min: float, found: _Found
) -> Iterator[GateFlows]:
    """Hand flows on, keeping what is written of each."""
    for leg in legs:
        for one in iterate_flows([leg], sites, dark_share=dark, margin_min=margin_min):
            found.flows.append(spread_by_group(one))
            yield one


def draw(
    routes: Routes, segments: gpd.GeoDataFrame, trips: pd.DataFrame, pairs: pd.Index, vehicle: str
) -> gpd.GeoDataFrame:
    """Draw the routes of villages with enough workers."""
    of_pair = pd.MultiIndex.from_frame(routes.routes[["origin", "gate"]])
    rows = np.flatnonzero(of_pair.isin(pairs))
    lines = draw_routes(routes, segments.geometry.to_numpy(), rows)
    columns = ["origin", "gate", "alternative", "share", "time_s", "length_m"]
    workers = trips.groupby(["origin", "gate"])["workers"].sum().reindex(of_pair[rows])
    kept = routes.routes.iloc[rows][columns]
    kept = kept.assign(vehicle=vehicle, workers_per_day=kept["share"] * workers.to_numpy())
    return gpd.GeoDataFrame(kept, geometry=lines, crs=segments.crs)


def find_dark_shares(job: Job, factories: pd.DataFrame, year: int) -> np.ndarray:
    """Return the dark share of each minute of the clock at each factory; by the area's middle
    where a factory has no place.
    """  # noqa: D205
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


def count_lost(unrouted: pd.DataFrame, trips: pd.DataFrame) -> dict[str, int]:
    """Count origins none of whose workers have a route, by reason."""
    key = ["origin", "gate"]
    all_workers = trips.groupby(key)["workers"].sum()
    without = unrouted.groupby(key)["workers"].sum().reindex(all_workers.index, fill_value=0.0)
    wholly = all_workers.index[np.isclose(without, all_workers)]
    first = unrouted.drop_duplicates(key).set_index(key)["reason"]
    return {str(reason): int(n) for reason, n in first.reindex(wholly).value_counts().items()}


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
    merge_small(found.flows, names, days=exposure.working_days).to_parquet(
        folder / "commute_flows.parquet"
    )
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
    columns = ["origin", "gate", "alternative", "share", "time_s", "length_m", "vehicle"]
    columns.append("workers_per_day")
    return gpd.GeoDataFrame({name: [] for name in columns}, geometry=[], crs=segments.crs)


def describe(
    exposure: Exposure,
    trips: pd.DataFrame,
    unrouted: pd.DataFrame,
    records: CommuteRecords,
    problems: pd.DataFrame,
) -> dict[str, Any]:
    """Return the figures of the summary."""
    groups = exposure.groups
    to_work = groups[groups["direction"] == "to_work"]
    all_km = exposure.worker_km_per_year
    on_segments = float(exposure.segments["worker_km_per_year"].sum())
    lights = {light.value: float(groups[f"worker_km_{light.value}"].sum()) for light in Light}
    known = records.factories["workers"].dropna()
    with_origins = records.factories["factory_id"].isin(records.origins["factory_id"])
    return {
        "n_factories": len(records.factories),
        "n_factories_without_origins": int((~with_origins).sum()),
        "n_origins": len(records.origins),
        "workers_of_factories": int(known.sum()),
        "workers_of_origins": float(trips["workers"].sum()),
        "workers_routed": float(to_work["workers_per_day"].sum()),
        "workers_without_route": float(unrouted["workers"].sum()) if len(unrouted) else 0.0,
        "without_route_by_reason": unrouted.groupby("reason")["workers"].sum().to_dict()
        if len(unrouted)
        else {},
        "worker_km_per_year": all_km,
        "conservation_error": abs(on_segments / all_km - 1.0) if all_km else 0.0,
        "worker_km_by_light": lights,
        "worker_km_by_mode": groups.groupby("mode")["worker_km_per_year"].sum().to_dict(),
        "n_shift_texts_not_read": len(problems),
    }


def warn(problems: pd.DataFrame, factories: pd.DataFrame, shifts: pd.DataFrame) -> list[str]:
    """Return what a reader must know of the shifts."""
    found = [
        f"Shifts of factory {row.factory_id} ({row.shifts!r}) cannot be read: {row.reason}; the "
        "light of its commutes is unknown."
        for row in problems.head(3).itertuples()
    ]
    n_unknown = int(shifts.loc[shifts["start_min"].isna(), "factory_id"].nunique())
    if n_unknown and len(factories):
        found.append(
            f"{n_unknown} of {len(factories)} factories have no known shift; the light of their "
            "commutes is unknown, not day."
        )
    return found


def list_assumptions(job: Job, year: int) -> list[str]:
    """Return what was assumed, in words."""
    settings = job.settings
    return [
        f"{settings.working_days_per_year:g} working days a year, the same for all.",
        f"Workers arrive {settings.arrival_margin_min:g} minutes before their shift and leave as "
        "long after it; overtime is not in it.",
        "The way home is the way to work driven back.",
        "Within a factory, how workers travel, which shift they have and where they live are "
        "taken as independent; shifts without a stated share have the same number of workers.",
        "Who rides as passenger, otherwise, or nobody knows how, travels the roads that a "
        "motorcycle takes.",
        f"Dark: the sun more than {-settings.dark_below_deg:g} degrees below the horizon, on the "
        f"days of {year}, time zone {settings.time_zone}.",
    ]
