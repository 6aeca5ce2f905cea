"""Commutes on two real cities: routes, flows and light, with invented numbers of workers.

Run as `python -m benchmarks.bench_commutes FOLDER [--near-km 12] [--mean-km 6]`, the folder
holding `cambodia/` and `porto_alegre/`. Nothing here is a finding about either city:

- Phnom Penh: its roads, the country's real villages as homes and the special economic zones
  whose straight way to the roads is at most `--near-km` as gates. INVENTED: 10,000 workers at
  each zone, their shifts and vehicles. Where they live is modelled: a gravity model spreads
  them over villages so that the mean from home to where the way to the zone leaves the mapped
  roads is `--mean-km`; villages have no population in these data, so that each counts the
  same. No crash is involved.
- Porto Alegre: its roads with their one-ways and limits. INVENTED: homes, gates, workers.

Each city runs in a process of its own. Printed as JSON: seconds of each step and peak memory of
the process up to its end, places without a route and why, worker-km and how far they are from
conserved, the share in the dark, mean distances.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd

from core.vocabulary import RoadClass
from geo.daylight import compute_dark_share
from geo.exposure import Leg, RoadSites, iterate_flows
from geo.exposure_totals import DEFAULT_WORKING_DAYS, Exposure, add_exposure
from geo.network import Network, build_network_from_lines, build_network_from_osm
from geo.road_graph import compute_speed, get_vehicle
from geo.routing import (
    RouteOptions,
    build_routable_roads,
    compute_travel_times,
    find_routes,
)
from geo.snapping import snap_points
from geo.trips import build_trips
from models.demand import estimate_demand
from records.shifts import tabulate_shifts

T = TypeVar("T")

WORKERS_PER_GATE = 10_000  # invented
SHIFTS = "06:30-15:30;15:30-00:30"  # invented
MODES = {  # invented
    "share_open_truck_with_people": 0.45,
    "share_motorcycle_driver": 0.35,
    "share_van": 0.10,
    "share_bus": 0.10,
}
N_ALTERNATIVES = 3
SIDE_ROADS = {RoadClass.SERVICE.value, RoadClass.PATH.value}
N_HOMES, N_GATES = 1_000, 50  # invented, Porto Alegre
EVERY_HOME, EVERY_GATE = 5, 5  # of them with alternatives and flows
CLOCKS = {
    "phnom_penh": (104.9, 11.55, "Asia/Phnom_Penh"),
    "porto_alegre": (-51.2, -30.05, "America/Sao_Paulo"),
}


class Steps:
    """Seconds of each step on the clock and of work, and the greatest memory up to its end."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}

    def take(self, name: str, work: Callable[[], T]) -> T:
        start, busy = time.perf_counter(), time.process_time()
        result = work()
        self.found[name] = {
            "seconds": round(time.perf_counter() - start, 2),
            "processor_seconds": round(time.process_time() - busy, 2),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--near-km", type=float, default=12.0)
    parser.add_argument("--mean-km", type=float, default=6.0)
    parser.add_argument("--city", choices=list(CLOCKS), help="one city, in this process")
    arguments = parser.parse_args()
    if arguments.city == "phnom_penh":
        found = measure_phnom_penh(arguments.folder, arguments.near_km, arguments.mean_km)
        print(json.dumps(found, indent=2))
    elif arguments.city == "porto_alegre":
        print(json.dumps(measure_porto_alegre(arguments.folder / "porto_alegre"), indent=2))
    else:
        for city in CLOCKS:
            command = [sys.executable, "-m", "benchmarks.bench_commutes", *sys.argv[1:]]
            subprocess.run([*command, f"--city={city}"], check=True)


def measure_phnom_penh(shared: Path, near_km: float, mean_km: float) -> dict[str, Any]:
    """Real roads, villages and zones; workers invented, where they live modelled."""
    folder, steps = shared / "cambodia", Steps()
    network = steps.take("network", lambda: build_lines(folder / "phnom_penh_roads.geojson"))
    crs = network.segments.crs
    villages = read_villages(folder / "villages_points.csv").to_crs(crs)
    zones = gpd.read_file(folder / "special_economic_zones.geojson").to_crs(crs)
    to_road = snap_points(zones, network.segments, max_distance_m=1e7)["distance_m"] / 1000
    is_near = (to_road <= near_km).to_numpy()
    gates = zones.geometry[is_near].reset_index(drop=True)
    options = RouteOptions(max_gate_access_m=near_km * 1000, n_alternatives=N_ALTERNATIVES)
    roads = steps.take(
        "graph", lambda: build_routable_roads(network.segments, vehicle=get_vehicle("motorcycle"))
    )
    times = steps.take(
        "travel times, all villages",
        lambda: compute_travel_times(roads, villages.geometry, gates, options=options),
    )
    reached = times.times
    km = np.full((len(gates), len(villages)), np.inf)
    from_home_m = reached["access_m"] - 1000 * to_road[is_near].to_numpy()[reached["gate"]]
    km[reached["gate"], reached["origin"]] = (reached["length_m"] + from_home_m.clip(0)) / 1000
    demand = steps.take(
        "gravity model",
        lambda: estimate_demand(
            np.full(len(gates), float(WORKERS_PER_GATE)),
            np.ones(len(villages)),
            km,
            mean_distance_km=mean_km,
        ),
    )
    gate, home = np.nonzero(demand.workers)
    origins = pd.DataFrame({"origin": home, "gate": gate, "workers": demand.workers[gate, home]})
    flowing = follow(steps, network, (villages.geometry, gates), origins, options, "phnom_penh")
    return {
        "city": "Phnom Penh: real roads, villages and zones; workers, shifts, vehicles INVENTED",
        "label": demand.label,
        **describe_network(network),
        "n_zones": len(zones),
        "zones": {
            str(name): {"straight_km_to_the_roads": round(float(far), 1), "is_gate": bool(used)}
            for name, far, used in sorted(
                zip(zones["name"], to_road, is_near, strict=True), key=lambda row: float(row[1])
            )[:4]
        },
        "n_villages": len(villages),
        "n_villages_reached": int(reached["origin"].nunique()),
        "without_route": count_reasons(times.unreachable),
        "km_from_home_to_the_last_road": {
            "stated": mean_km,
            "found": round(demand.mean_distance_km, 6),
            "possible": [round(demand.shortest_mean_km, 2), round(demand.longest_mean_km, 2)],
            "decay_per_km": round(demand.decay, 4),
        },
        **flowing,
    }


def measure_porto_alegre(folder: Path) -> dict[str, Any]:
    """Real roads with one-ways; homes, gates and workers invented."""
    steps = Steps()
    network = steps.take("network", lambda: build_osm(folder / "poa.osm.pbf"))
    rng = np.random.default_rng(20260101)
    corners = network.nodes.geometry.to_numpy()
    homes, gates = (
        gpd.GeoSeries(rng.choice(corners, n, replace=False), crs=network.nodes.crs)
        for n in (N_HOMES, N_GATES)
    )
    car = get_vehicle("car")
    roads = steps.take("graph", lambda: build_routable_roads(network.segments, vehicle=car))
    free = network.segments.assign(oneway="no")
    roads_without = build_routable_roads(free, vehicle=car)
    times = steps.take("travel times", lambda: compute_travel_times(roads, homes, gates)).times
    without = compute_travel_times(roads_without, homes, gates).times
    both = times.merge(without, on=["origin", "gate"], suffixes=("", "_free"))
    both = both[both["time_s_free"] > 0]
    longer = both["length_m"].sum() / both["length_m_free"].sum()
    fastest = steps.take("fastest routes, all pairs", lambda: find_routes(roads, homes, gates))
    some_homes, some_gates = (
        spots.iloc[::every].reset_index(drop=True)
        for spots, every in ((homes, EVERY_HOME), (gates, EVERY_GATE))
    )
    pairs = pd.MultiIndex.from_product([range(len(some_gates)), range(len(some_homes))])
    gate, home = (pairs.get_level_values(level) for level in (0, 1))
    workers = WORKERS_PER_GATE / len(some_homes)
    origins = pd.DataFrame({"origin": home, "gate": gate, "workers": workers})
    options = RouteOptions(n_alternatives=N_ALTERNATIVES)
    flowing = follow(steps, network, (some_homes, some_gates), origins, options, "porto_alegre")
    return {
        "city": "Porto Alegre: real roads; homes, gates, workers, shifts, vehicles INVENTED",
        **describe_network(network),
        "n_homes": N_HOMES,
        "n_gates": N_GATES,
        "n_fastest_routes": len(fastest.routes),
        "without_route": count_reasons(fastest.unreachable),
        "homes_and_gates_with_flows": [len(some_homes), len(some_gates)],
        "oneway_km": round(
            network.segments.loc[network.segments["oneway"] != "no", "length_m"].sum() / 1000
        ),
        "car_km_with_oneways_over_without": round(longer, 4),
        **flowing,
    }


def follow(
    steps: Steps,
    network: Network,
    places: tuple[gpd.GeoSeries, gpd.GeoSeries],
    origins: pd.DataFrame,
    options: RouteOptions,
    city: str,
) -> dict[str, Any]:
    """Route the workers of every vehicle, put them on the roads and add up."""
    segments, (homes, gates) = network.segments, places
    lon, lat, zone = CLOCKS[city]
    shifts, _ = tabulate_shifts(
        pd.DataFrame({"factory_id": range(len(gates)), "shifts": [SHIFTS] * len(gates)})
    )
    trips = build_trips(origins.assign(**MODES), shifts.rename(columns={"factory_id": "gate"}))
    legs = []
    for mode, own in trips.frame.groupby("mode", sort=True):
        vehicle = get_vehicle(str(mode))
        roads = build_routable_roads(segments, vehicle=vehicle)
        pairs = own[["origin", "gate"]].drop_duplicates(ignore_index=True)
        routes = steps.take(
            f"routes, {mode}",
            partial(find_routes, roads, homes, gates, pairs=pairs, options=options),
        )
        legs.append(
            Leg(routes=routes, trips=own, segment_speed_kmh=compute_speed(segments, vehicle))
        )
    dark = compute_dark_share(lon=lon, lat=lat, tz=zone, year=2024)
    sites = RoadSites.from_segments(segments, n_intersections=len(network.intersections))
    modes = tuple(name.removeprefix("share_") for name in MODES)
    exposure = steps.take(
        "flows and totals",
        lambda: add_exposure(iterate_flows(legs, sites, dark_share=dark), sites, modes=modes),
    )
    return {**describe_flows(exposure, legs), "steps": steps.found}


def describe_flows(exposure: Exposure, legs: list[Leg]) -> dict[str, Any]:
    """Worker-km, light, distances, and a check of conservation that shares no code."""
    along, persons, access = 0.0, 0.0, 0.0
    for leg in legs:
        routes = leg.routes.routes
        joined = routes.merge(
            leg.trips.groupby(["origin", "gate"], as_index=False)["workers"].sum()
        )
        n = joined["share"] * joined["workers"]
        persons += n.sum()
        along += (n * joined["length_m"]).sum() / 1000
        access += (n * joined["access_m"]).sum() / 1000
    asked = sum(leg.trips["workers"].sum() for leg in legs)
    all_km = 2 * DEFAULT_WORKING_DAYS * along
    on_segments = exposure.segments["worker_km_per_year"].sum()
    routes = pd.concat([leg.routes.routes for leg in legs])
    by_mode = exposure.groups.groupby("mode")["worker_km_per_year"].sum()
    return {
        "n_routes": len(routes),
        "routes_per_pair": round(
            len(routes) / sum(len(leg.routes.routes.query("alternative == 0")) for leg in legs), 2
        ),
        "n_steps": int(sum(leg.routes.step_segment_id.size for leg in legs)),
        "workers_asked": round(float(asked)),
        "workers_routed": round(float(persons)),
        "pairs_without_route": {
            str(leg.trips["mode"].iloc[0]): count_reasons(leg.routes.unreachable) for leg in legs
        },
        "million_worker_km_per_year": round(float(on_segments) / 1e6, 3),
        "off_conserved": abs(float(on_segments / all_km) - 1),
        "share_by_mode": (by_mode / by_mode.sum()).round(3).to_dict(),
        "dark_share": round(float(exposure.segments["worker_km_dark"].sum() / on_segments), 4),
        "mean_km_on_roads": round(float(along / persons), 2),
        "mean_km_straight_off_roads": round(float(access / persons), 2),
        "segments_with_workers": int((exposure.segments["workers_per_day"] > 0).sum()),
    }


def describe_network(network: Network) -> dict[str, Any]:
    summary = network.summary
    names = ("n_segments", "network_km", "n_components", "largest_component_share")
    return {name: summary[name] for name in names}


def count_reasons(unreachable: pd.DataFrame) -> dict[str, int]:
    return {str(reason): int(n) for reason, n in unreachable["reason"].value_counts().items()}


def read_villages(path: Path) -> gpd.GeoDataFrame:
    """Read village points; a letter that is not UTF-8 becomes a mark, no row is lost."""
    table = pd.read_csv(path, encoding="utf-8", encoding_errors="replace")
    points = gpd.points_from_xy(table["longitude"], table["latitude"])
    return gpd.GeoDataFrame(table, geometry=points, crs=4326)


def build_lines(path: Path) -> Network:
    return build_network_from_lines(
        path,
        road_classes=[word.value for word in RoadClass],
        max_segment_length_m=500.0,
        intersection_tolerance_m=15.0,
    )


def build_osm(path: Path) -> Network:
    return build_network_from_osm(
        path,
        road_classes=[word.value for word in RoadClass if word.value not in SIDE_ROADS],
        max_segment_length_m=500.0,
        intersection_tolerance_m=15.0,
    )


if __name__ == "__main__":
    main()
