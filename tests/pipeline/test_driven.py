"""Driven routes in a run of the small world: a bus that goes round by a side road."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from core.progress import no_progress
from geo.road_graph import VEHICLES
from pipeline.account import Account, Job, Period
from pipeline.areas import AreaSources, add_area, load_area
from pipeline.commutes import TRAVELS_AS, prepare_commutes, read_commute_records
from pipeline.driven import DRIVEN_COLUMNS, list_drives, tabulate_drives
from pipeline.frame import prepare_frame
from pipeline.imports import import_records
from records.database import Database
from tests.pipeline.conftest import at

ROUTES = pd.DataFrame(
    {
        "route_id": ["g", "a", "b", "c", "d", "e", "f"],
        "factory_id": ["F1", "F1", None, None, "F9", "F2", "F1"],
        "vehicle_id": ["bus", None, "bus", "stray", "bus", "bus", "cart"],
        "direction": ["to_work", None, "to_work", "to_work", "to_work", "to_work", "to_work"],
        "line": "LINESTRING (0 0, 1 1)",
    }
)
VEHICLES_ON_RECORD = pd.DataFrame(
    {
        "vehicle_id": ["bus", "stray", "cart"],
        "factory_id": ["F2", None, "F1"],
        "type": ["bus", "motorcycle_passenger", "other"],
    }
)
FACTORIES = pd.DataFrame(
    {"factory_id": ["F1", "F2"], "lon": [104.8, np.nan], "lat": [11.4, np.nan]}
)


def test_each_route_on_record_is_listed_with_what_it_lacks():
    drives = list_drives(ROUTES, VEHICLES_ON_RECORD, FACTORIES, travels_as=TRAVELS_AS)
    assert drives["route_id"].tolist() == ["a", "b", "c", "d", "e", "f", "g"]
    found = drives.set_index("route_id")
    assert found["reason"].to_dict() == {
        "a": "names no vehicle",
        "b": "its factory has no coordinates",  # F2, by its vehicle
        "c": "names no factory",
        "d": "its factory is not on record",
        "e": "its factory has no coordinates",
        "f": "there are no rules for its type of vehicle",
        "g": "",
    }
    assert found.loc["b", "factory_id"] == "F2"
    assert found.loc["c", "vehicle"] == "motorcycle_driver"
    assert found.loc["a", "direction"] == "unknown"
    assert set(drives["vehicle"].dropna()) <= set(VEHICLES)


def test_what_was_never_asked_is_told():
    drives = list_drives(ROUTES, VEHICLES_ON_RECORD, FACTORIES, travels_as=TRAVELS_AS)
    table, summary = tabulate_drives(drives, [])
    assert list(table.columns) == list(DRIVEN_COLUMNS)
    assert table.set_index("route_id")["reason"]["g"] == (
        "nobody is known to travel to its factory by bus"
    )
    assert (summary["n_driven_routes"], summary["n_used"]) == (7, 0)
    assert sum(summary["why_not"].values()) == 7
    table, summary = tabulate_drives(drives.iloc[:0], [])
    assert len(table) == summary["n_driven_routes"] == summary["n_origins_replaced"] == 0


def write(path, header, *rows):
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_gpx(path, fixes):
    """Write a track with a fix every 5 s, from places in metres."""
    points = "".join(
        f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}">'
        f"<time>2024-05-01T23:{row * 5 // 60:02d}:{row * 5 % 60:02d}Z</time></trkpt>"
        for row, (lon, lat) in enumerate(at(*fix) for fix in fixes)
    )
    text = f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk>'
    path.write_text(text + "</gpx>", encoding="utf-8")
    return path


def sample(*corners, step=60.0, noise=4.0, seed=1):
    """Place fixes along a path, with noise [m]."""
    rng = np.random.default_rng(seed)
    fixes = []
    for start, end in pairwise(corners):
        n = max(int(np.hypot(*np.subtract(end, start)) / step), 1)
        fixes += [np.add(start, np.subtract(end, start) * i / n) for i in range(n)]
    return np.array([*fixes, corners[-1]]) + rng.normal(0, noise, (len(fixes) + 1, 2))


@pytest.fixture
def world(workspace, make_roads, tmp_path, settings):
    """The trunk road with a second road beside it, 800 m to the north, between km 3 and 5."""
    osm = make_roads()
    nodes = {9001: at(2250, 800), 9002: at(4950, 800)}
    text = osm.read_text(encoding="utf-8")
    extra = "".join(
        f'<node id="{number}" version="1" lat="{lat:.7f}" lon="{lon:.7f}"/>'
        for number, (lon, lat) in nodes.items()
    )
    ends = [find_node(text, *at(2250, 800)), find_node(text, *at(4950, 800))]
    way = (
        f'<way id="5000" version="1"><nd ref="{ends[0]}"/><nd ref="{ends[1]}"/>'
        '<tag k="highway" v="residential"/><tag k="name" v="Detour"/></way>'
    )
    text = text.replace('<node id="9000"', extra + '<node id="9000"').replace(
        "</osm>", way + "</osm>"
    )
    osm.write_text(text, encoding="utf-8")
    add_area(workspace, "test", AreaSources(roads=osm, kind="osm"), name="Test", settings=settings)
    files = {
        "factory": write(
            tmp_path / "f.csv", "factory_id,name,lon,lat,workers", ("F1", "One", *at(8000, 0), 90)
        ),
        "origin": write(
            tmp_path / "o.csv",
            "origin_id,factory_id,village,lon,lat,workers,share_bus,share_motorcycle_driver",
            ("near", "F1", "A", *at(2200, -5), 40, 0.75, 0.25),
            ("beside", "F1", "B", *at(3500, 900), 20, 1, 0),
            ("far", "F1", "C", *at(600, 0), 30, 1, 0),
        ),
        "vehicle": write(
            tmp_path / "v.csv",
            "vehicle_id,factory_id,type",
            ("B1", "F1", "bus"),
            ("T1", "F1", "other_truck"),
        ),
    }
    for kind, path in files.items():
        import_records(workspace, kind, path, area="test")
    return workspace


def find_node(text, lon, lat):
    start = text.index(f'lat="{lat:.7f}" lon="{lon:.7f}"')
    return text[:start].rsplit('<node id="', 1)[1].split('"')[0]


def take_routes(workspace, tmp_path):
    """One good drive of the bus along the detour; others that are of no use."""
    path = [(2250, 0), (2250, 800), (4950, 800), (4950, 0), (8000, 0)]
    gpx = write_gpx(tmp_path / "good.gpx", sample(*path))
    constants = "constants: {route_id: good, factory_id: F1, vehicle_id: B1, direction: to_work}"
    mapping = tmp_path / "bus.yaml"
    mapping.write_text(f"kind: route\n{constants}\n", encoding="utf-8")
    import_records(workspace, "route", gpx, area="test", mapping=str(mapping))
    import_records(workspace, "route", gpx, area="test")  # without saying whose drive it is
    wild = np.random.default_rng(2).uniform([2000, -3000], [8000, 3000], (80, 2))
    rows = []
    for name, fixes, vehicle in (("wild", wild, "B1"), ("truck", sample(*path), "T1")):
        pairs = ", ".join("{:.7f} {:.7f}".format(*at(*fix)) for fix in fixes)
        rows.append((name, "F1", vehicle, "2024-05-02 06:30", f'"LINESTRING ({pairs})"'))
    table = write(tmp_path / "r.csv", "route_id,factory_id,vehicle_id,driven_at,line", *rows)
    import_records(workspace, "route", table, area="test")


@pytest.fixture
def built(world, settings, tmp_path):
    """Return the folder of the step of commutes, its summary, its account, and the segments."""
    take_routes(world, tmp_path)
    fastest_only = settings.model_copy(update={"n_route_alternatives": 1})
    area = load_area(world, "test")
    job = Job(workspace=world, area=area, settings=fastest_only, account=Account(no_progress))
    frame = prepare_frame(job)
    with Database(world.database_url) as database:
        records = read_commute_records(database, "test")
    period = Period(start=date(2021, 1, 1), end=date(2022, 12, 31))
    commutes = prepare_commutes(job, frame, records, period)
    steps = {step.name: step for step in job.account.steps}
    return commutes.folder, commutes.summary, steps, frame.segments


def test_workers_along_a_driven_route_travel_it_and_the_rest_is_told(built):
    folder, found, steps, segments = built
    told = pd.read_parquet(folder / "commute_driven.parquet").set_index("route_id")
    assert list(told.reset_index().columns) == list(DRIVEN_COLUMNS)
    lone = told.index.difference(["good", "wild", "truck"]).item()
    assert told["verdict"][["good", "truck", lone]].tolist() == ["good", *["not matched"] * 2]
    assert told["verdict"]["wild"] != "good"
    assert told["reason"]["good"] == ""
    assert told["reason"]["wild"].startswith("its match is ")
    assert told["reason"]["truck"] == "nobody is known to travel to its factory by other_truck"
    assert told["reason"][lone] == "names no vehicle"
    assert told["n_origins_replaced"][["good", "wild", "truck", lone]].tolist() == [2, 0, 0, 0]
    assert told["length_share"]["good"] > 0.95
    check_account(found["driven_routes"], steps["driven routes"])
    # The bus of A: 800 + 2,700 + 800 + 3,050 m instead of 5,800; B joins half-way; motorcycles
    # of A and the bus of C stay on the trunk road.
    assert found["conservation_error"] < 1e-9
    km = {"bus": 30 * 7.35 + 20 * (1.45 + 0.8 + 3.05) + 30 * 7.4, "motorcycle_driver": 10 * 5.8}
    for mode, expected in km.items():
        assert found["worker_km_by_mode"][mode] == pytest.approx(2 * 290 * expected, rel=0.01)
    check_detour(folder, segments)


def check_account(summary, step):
    assert (summary["n_driven_routes"], summary["n_used"]) == (4, 1)
    assert summary["n_origins_replaced"] == 2
    assert summary["workers_on_driven_routes"] == pytest.approx(30 + 20)
    assert sum(summary["why_not"].values()) == 3
    assert (step.rows_in, step.rows_out, step.rows_dropped) == (4, 1, 3)
    assert "names no vehicle" in step.reason


def check_detour(folder, segments):
    """All of the bus riders near the drive pass the detour, and are drawn on it."""
    flows = pd.read_parquet(folder / "commute_flows.parquet")
    name = segments.set_index("segment_id")["name"]
    on_it = flows[flows["segment_id"].map(name) == "Detour"]
    assert set(on_it["mode"]) == {"bus"}
    assert on_it.groupby("segment_id")["workers_per_day"].sum().max() == pytest.approx(50)
    routes = gpd.read_parquet(folder / "commute_routes.parquet")
    driven = routes[routes["is_driven"]]
    assert set(driven["origin_id"]) == {"near", "beside"}
    assert np.allclose(driven.length, driven["length_m"], atol=1.0)
