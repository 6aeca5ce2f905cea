"""Commutes of the small world: trunk road of 10 km, side roads of 800 m."""

from __future__ import annotations

import json
import sqlite3

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geo.exposure import GateFlows
from pipeline import commutes
from pipeline.commute_risk import account_for_crashes
from pipeline.commute_summary import warn_of_workers
from pipeline.commute_tables import FLOW_COLUMNS, FlowStore, merge_small
from pipeline.commutes import choose_drawn
from pipeline.imports import import_records
from pipeline.run import run_area
from pipeline.runs import load_table
from tests.pipeline.conftest import at


def write(path, header, *rows):
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def commuted(workspace, recorded_area, settings, tmp_path):
    """Two factories on the trunk road; 40, 3 and 30 workers; one crash of a worker."""
    f1, f2 = at(8000, 0), at(2000, 0)
    files = {
        "factory": write(
            tmp_path / "f.csv",
            "factory_id,name,lon,lat,workers,shifts",
            ("F1", "One (SYNTHETIC)", *f1, 43, "06:20-15:30"),
            ("F2", "Two (SYNTHETIC)", *f2, 30, "whenever"),
        ),
        "origin": write(
            tmp_path / "o.csv",
            "origin_id,factory_id,village,lon,lat,workers,share_bus,share_motorcycle_driver",
            ("a", "F1", "A", *at(3000, 0), 40, 0.75, 0.25),
            ("b", "F1", "B", *at(6000, 0), 3, 1, ""),
            ("c", "F2", "C", *at(4000, 0), 30, "", ""),
            ("d", "F2", "D", *at(4000, 60_000), 9, 1, ""),
            ("e", "F9", "E", *at(4000, 0), 5, 1, ""),
        ),
        "casualty": write(
            tmp_path / "c.csv",
            "casualty_id,crash_source_id,road_user,injury,is_worker,factory_id",
            ("k1", "c3", "bus", "slight", "yes", "F1"),
        ),
    }
    for kind, path in files.items():
        import_records(workspace, kind, path, area=recorded_area)
    manifest = run_area(workspace, recorded_area, settings=settings)
    return workspace.runs_folder(recorded_area) / manifest["run_id"], manifest


def test_a_run_tells_who_commutes_where_and_keeps_it(commuted, workspace, settings):
    folder, manifest = commuted
    check_worker_km(folder, manifest)
    check_sites_and_flows(folder, manifest)
    check_routes(folder)
    check_factories(folder, manifest)
    again = run_area(workspace, "test", settings=settings)
    assert {step["name"]: step for step in again["steps"]}["commutes"]["cached"]
    assert again["commutes"] == manifest["commutes"]


def check_worker_km(folder, manifest):
    found = manifest["commutes"]
    # 40 x 5 km, 3 x 2 km, 30 x 2 km, there and back on 290 days
    assert found["worker_km_per_year"] == pytest.approx(2 * 290 * (200 + 6 + 60), rel=0.01)
    assert found["conservation_error"] < 1e-9
    assert found["worker_km_by_light"]["unknown"] == pytest.approx(2 * 290 * 60, rel=0.01)
    assert found["worker_km_by_mode"]["unknown"] == pytest.approx(2 * 290 * 60, rel=0.01)
    assert found["workers_without_route"] == 9
    assert sum(found["origins_left_out"].values()) == 2
    assert found["origins_left_out"]["of a factory that is not recorded"] == 1
    assert any("whenever" in text for text in manifest["warnings"])
    assert json.loads((folder / "commute_summary.json").read_text(encoding="utf-8")) == found
    steps = {step["name"]: step for step in manifest["steps"]}
    assert (steps["commutes"]["rows_in"], steps["commutes"]["rows_out"]) == (5, 3)


def check_sites_and_flows(folder, manifest):
    """Sites know who passes; fewer than five workers name no factory."""
    sites = load_table(folder, "sites").set_index("site_id")
    assert sites["workers_per_day"].max() == pytest.approx(70)  # km 3 to 4: 40 + 30
    assert sites["workers_per_day"].min() == 0
    total = manifest["commutes"]["worker_km_per_year"]
    assert sites["worker_km_per_year"].sum() == pytest.approx(total)
    flows = load_table(folder, "commute_flows")
    assert flows["worker_km_per_year"].sum() == pytest.approx(total)
    named = flows[flows["factory_id"].notna()]
    assert named.groupby(["segment_id", "factory_id", "shift"])["workers_per_day"].sum().min() >= 5


def check_factories(folder, manifest):
    """Every commute crash is spread over factories or said to be elsewhere."""
    account = manifest["commutes"]["crashes_of_factories"]
    assert sum(account.values()) == pytest.approx(manifest["commutes"]["n_commute_crashes"])
    table = load_table(folder, "commute_factories")
    assert table["expected_crashes"].sum() == pytest.approx(account["n_ranked"])
    ranked = table[table["rank"].notna()]
    assert (ranked["rank_ci_low"] <= ranked["rank_ci_high"]).all()
    assert ranked["p_worst_3"].between(0, 1).all()


def check_routes(folder):
    """Routes run from village to gate; those of few workers are not drawn, none was driven."""
    assert load_table(folder, "commute_driven").empty
    routes = gpd.read_parquet(folder / "commute_routes.parquet")
    assert set(routes["origin_id"]) == {"a", "c"}
    assert np.allclose(routes.length, routes["length_m"])
    assert routes["workers_per_day"].sum() == pytest.approx(70)


def test_an_area_without_commutes_has_empty_tables_and_unknown_workers(
    workspace, recorded_area, settings
):
    manifest = run_area(workspace, recorded_area, settings=settings)
    folder = workspace.runs_folder(recorded_area) / manifest["run_id"]
    flows = load_table(folder, "commute_flows")
    assert list(flows.columns) == list(FLOW_COLUMNS)
    assert flows.empty
    assert load_table(folder, "sites")["workers_per_day"].isna().all()
    assert manifest["commutes"]["worker_km_per_year"] == 0


def test_a_share_that_cannot_be_leaves_its_row_out_at_import_and_in_a_run(
    workspace, recorded_area, settings, tmp_path
):
    factory = ("F1", "One (SYNTHETIC)", *at(8000, 0), 43)
    path = write(tmp_path / "f.csv", "factory_id,name,lon,lat,workers", factory)
    import_records(workspace, "factory", path, area=recorded_area)
    header = "origin_id,factory_id,lon,lat,workers,share_bus,share_motorcycle_driver"
    good = ("a", "F1", *at(3000, 0), 40, 0.75, 0.25)
    path = write(tmp_path / "o.csv", header, good, ("b", "F1", *at(4000, 0), 7, 2, -1))
    report = import_records(workspace, "origin", path, area=recorded_area)
    assert (report["accepted"], report["rejected"]) == (1, 1)
    assert "share_motorcycle_driver is negative" in str(report)
    path = write(tmp_path / "o2.csv", header, ("b", "F1", *at(4000, 0), 7, 1, ""))
    import_records(workspace, "origin", path, area=recorded_area)
    with sqlite3.connect(workspace.home / "records.sqlite") as connection:
        connection.execute("update origin set share_bus = 2.0 where origin_id = 'b'")
    manifest = run_area(workspace, recorded_area, settings=settings)
    found = manifest["commutes"]
    assert found["workers_routed"] == 40
    assert found["origins_left_out"] == {"with a mode share that cannot be": 1}
    said = "1 origin(s) left out, correct them: b (share_bus is above 1, and the shares do not"
    assert any(text.startswith(said) for text in manifest["warnings"])


def test_factories_and_origins_are_compared_by_their_workers():
    factories = pd.DataFrame(
        {"factory_id": list("ABCDE"), "workers": [60, 600, 400, 100, None]}
    ).astype({"workers": "Int64"})
    origins = pd.DataFrame({"factory_id": list("ADE"), "workers": [10**9, 40, 3]})
    assert warn_of_workers(factories, origins) == [
        "2 of 5 factories, with 1,000 workers, have no origins, first B: their commutes are not "
        "known.",
        "The origins of 1 of 5 factories tell of more workers than the factory's record, first A: "
        "1,000,000,000 of 60; correct the one or the other.",
        "The origins of 1 of 5 factories tell of fewer than half the workers of the factory's "
        "record, first D: 40 of 100; correct the one or the other.",
    ]
    assert warn_of_workers(factories.iloc[:0], origins) == []


def test_every_commute_crash_is_accounted_for():
    crashes = pd.DataFrame({"site_id": ["S1", "S1", "S2", "S9", None]})
    sites = pd.DataFrame({"site_id": ["S1", "S2"], "n_crashes": [2, 1]})
    factories = pd.DataFrame({"expected_crashes": [2.5, None]})
    assert account_for_crashes(crashes, sites, factories) == {
        "n_ranked": 2.5,
        "n_not_ranked": 0.5,
        "n_where_nobody_passes": 1.0,
        "n_without_place": 1,
    }


def make_flows(*rows):
    columns = ["segment_id", "mode", "shift", "workers", "km", "dark", "known"]
    return pd.DataFrame(rows, columns=columns)


def test_small_groups_are_merged_first_over_shifts_then_over_factories():
    named, nameless = merge_small(
        make_flows(
            (1, "bus", "early", 20.0, 2.0, 1.0, 2.0),
            (1, "bus", "late", 2.0, 0.2, 0.2, 0.2),
            (2, "bus", "early", 20.0, 2.0, 0.0, 0.0),
            (3, "bus", "early", 3.0, 0.3, 0.0, 0.3),
            (3, "van", "early", 1.0, 0.1, 0.0, 0.1),
        )
    )
    assert named[["segment_id", "mode", "shift", "workers"]].to_numpy().tolist() == [
        [1, "bus", "any", 22.0],
        [2, "bus", "early", 20.0],
    ]
    assert nameless[["segment_id", "mode", "shift", "workers"]].to_numpy().tolist() == [
        [3, "bus", "any", 3.0],
        [3, "van", "any", 1.0],
    ]


def make_gate_flows(gate, segments, workers, *, mode="bus", is_light_known=True):
    """Two shifts with equal workers, both ways, a kilometre on each segment."""
    ways = ["to_work", "to_work", "from_work", "from_work"]
    groups = {"mode": mode, "shift": ["a", "b"] * 2, "direction": ways}
    spread = np.repeat(np.array(workers, dtype=float)[:, None] / 2, 4, axis=1)
    return GateFlows(
        gate=gate,
        groups=pd.DataFrame({**groups, "is_light_known": is_light_known}),
        segment_id=np.array(segments),
        workers=spread,
        worker_km=spread,
        worker_km_dark=spread / 4 if is_light_known else 0 * spread,
        intersection_id=np.empty(0, np.int64),
        crossing=np.empty((0, 4)),
        crossing_dark=np.empty((0, 4)),
        worker_km_by_hour=np.zeros((4, 25)),
    )


def test_flows_wait_on_disk_and_come_back_whole(tmp_path):
    store = FlowStore(tmp_path / "flows")
    store.add(make_gate_flows(2, [5, 9], [40, 3]))
    store.add(make_gate_flows(0, [9], [4]))
    store.add(make_gate_flows(2, [9], [12], mode="van", is_light_known=False))
    store.write(tmp_path / "out.parquet", pd.Series(["F1", "F2", "F3"]), days=10)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert list(found.columns) == list(FLOW_COLUMNS)
    rows = [
        [None if pd.isna(cell) else cell for cell in row]
        for row in found.itertuples(index=False, name=None)
    ]
    assert rows == [
        [5, "F3", "bus", "a", 20.0, 400.0, 0.25],
        [5, "F3", "bus", "b", 20.0, 400.0, 0.25],
        [9, "F3", "bus", "a", 1.5, 30.0, 0.25],
        [9, "F3", "bus", "b", 1.5, 30.0, 0.25],
        [9, "F3", "van", "a", 6.0, 120.0, None],
        [9, "F3", "van", "b", 6.0, 120.0, None],
        [9, None, "bus", "any", 4.0, 80.0, 0.25],
    ]
    assert not (tmp_path / "flows").exists()


def test_a_country_has_lines_for_every_village_first_then_for_most_workers(monkeypatch):
    monkeypatch.setattr(commutes, "MAX_DRAWN", 4)
    trips = pd.DataFrame(
        [(0, 0, "bus", 30), (0, 0, "van", 5), (1, 0, "bus", 6), (2, 0, "bus", 4), (3, 1, "van", 7)],
        columns=["origin", "gate", "vehicle", "workers"],
    )
    chosen = choose_drawn(trips, 2)["lines"].to_dict()
    # village 2 has too few workers; three villages take a line each, the fourth goes to bus of 0
    assert chosen == {(0, 0, "bus"): 2, (0, 0, "van"): 0, (1, 0, "bus"): 1, (3, 1, "van"): 1}
    assert set(choose_drawn(trips, 1)["lines"]) == {1}
