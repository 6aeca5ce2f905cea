"""`tools demand`: from factories' totals and villages to rows that the import takes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from models.demand import estimate_demand
from pipeline.cli import cli
from pipeline.commute_summary import count_modelled, warn
from pipeline.demand import compute_straight_km, round_to_whole
from pipeline.imports import import_records
from records.database import Database

KM_EAST = 1 / 111.3195  # degrees at the equator


@pytest.fixture
def call(tmp_path):
    """Call `tools demand` with two tables; return the result and where it writes."""

    def invoke(factories, villages, *words, mean=4):
        paths = []
        for name, text in (("f.csv", factories), ("v.csv", villages)):
            paths.append(tmp_path / name)
            paths[-1].write_text(text, encoding="utf-8")
        out = tmp_path / "origins.csv"
        options = ["--factories", str(paths[0]), "--villages", str(paths[1]), "--out", str(out)]
        options += ["--mean-distance-km", str(mean)]
        return CliRunner().invoke(cli, ["tools", "demand", *options, *words]), out

    return invoke


FACTORIES = "factory_id,workers,lon,lat\nF1,41,100,0.01\n"
VILLAGES = (
    "name,lon,lat,population\n"
    f"Near,{100 + 2 * KM_EAST:.7f},0.01,1000\nFar,{100 - 10 * KM_EAST:.7f},0.01,1000\n"
    f"Uncounted,{100 + 3 * KM_EAST:.7f},0.01,\nNowhere,,,500\n"
)


def test_two_villages_by_hand(call):
    # 3/4 of the workers at 2 km and 1/4 at 10 km give a mean of 4 km: 30.75 and 10.25 of 41
    result, out = call(FACTORIES, VILLAGES, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["decay"] == pytest.approx(np.log(3) / 8, rel=1e-4)
    assert told["mean_distance_stated_km"] == 4.0
    assert told["mean_distance_km"] == pytest.approx((31 * 2 + 10 * 10) / 41, abs=1e-3)
    assert told["warnings"] == []
    assert told["distances"] == "straight lines"
    assert (told["n_villages"], told["n_villages_with_workers"], told["workers"]) == (4, 2, 41)
    assert told["n_villages_without_population"] == 1
    assert told["n_villages_without_place"] == 1
    rows = pd.read_csv(out)
    assert rows["workers"].tolist() == [31, 10]
    assert rows["village"].tolist() == ["Near", "Far"]
    assert set(rows["place_note"]) == {"modelled by gravity, mean distance 3.951 km"}
    assert rows["origin_id"].is_unique


def test_the_rows_are_imported_and_known_as_modelled(call, workspace, monkeypatch):
    _, out = call(FACTORIES, VILLAGES)
    monkeypatch.setattr("pipeline.imports.load_area", lambda *_: None)
    monkeypatch.setattr("pipeline.imports.find_bounds", lambda *_: (99.0, -1.0, 101.0, 1.0))
    report = import_records(workspace, "origin", out, area="a")
    assert (report["accepted"], report["rejected"]) == (2, 0)
    with Database(workspace.database_url) as database:
        origins = database.read("origin", "a")
    assert origins["workers"].sum() == 41
    assert count_modelled(origins) == {"n_origins_modelled": 2, "workers_modelled": 41.0}
    reported = origins.assign(origin_id=["a", "b"], workers=10)
    noted = reported.assign(place_note="Modelled by hand")
    assert count_modelled(noted)["n_origins_modelled"] == 2
    both = pd.concat([origins, reported], ignore_index=True)
    assert count_modelled(both)["n_origins_modelled"] == 2
    none = pd.DataFrame({"start_min": [], "shifts": [], "factory_id": []})
    assert warn(none, none, both, none) == [
        "The homes of 41 of 61 workers are modelled, not reported."
    ]
    assert warn(none, none, reported, none) == []


def test_villages_may_count_alike_and_factories_that_cannot_be_used_are_listed(call):
    factories = FACTORIES + "F2,,100,0.01\nF3,9,105,0.01\nF4,9,,\nF5,0,100,0.01\n"
    villages = "\n".join(line.rpartition(",")[0] for line in VILLAGES.splitlines())
    result, out = call(factories, villages, "--json", "--equal", "--deterrence", "power")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["factories_left_out"] == {
        "F2": "its number of workers is not known",
        "F3": "no village with people within 40 km",
        "F4": "it has no usable coordinates",
        "F5": "it has no workers",
    }
    assert told["n_villages_with_workers"] == 3
    assert pd.read_csv(out)["workers"].sum() == 41


@pytest.mark.parametrize(
    ("factories", "villages", "words", "message"),
    [
        (FACTORIES, "name,lon,lat\nA,100,0.01\n", [], "population"),
        (FACTORIES, VILLAGES, ["--equal", "--capacity-share", "0.5"], "needs its population"),
        (FACTORIES, VILLAGES, ["--capacity-share", "0.01"], "cannot hold the workers"),
        (FACTORIES, VILLAGES, ["--max-km", "5"], "cannot be reached"),
        (
            FACTORIES,
            VILLAGES,
            ["--max-km", "1"],
            r"f.csv: none of 1 factories can be used, the first: no village",
        ),
        (FACTORIES + "F1,4,100,0.01\n", VILLAGES, [], "come again"),
        ("factory_id,lon,lat\nF1,100,0.01\n", VILLAGES, [], "workers"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(call, factories, villages, words, message):
    result, out = call(factories, villages, *words)
    assert result.exit_code != 0
    assert message in str(result.exception)
    assert "max_share" not in str(result.exception)
    assert not out.exists()


@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=30),
    st.integers(0, 5000),
)
def test_rounding_keeps_totals_and_stays_within_one(weights, total):
    weight = np.array([weights]) + 1e-3
    shares = total * weight / weight.sum()
    km = np.arange(len(weights))[None, :] % 7.0
    whole = round_to_whole(shares, km)
    assert whole.sum() == total
    assert (whole >= 0).all()
    assert np.abs(whole - shares).max() < 1 + 1e-6
    # no stretch of distance gains or loses more than one worker
    order = np.argsort(km[0], kind="stable")
    assert np.abs(np.cumsum((whole - shares)[0, order])).max() < 1 + 1e-6


def test_rounding_by_hand():
    # rests 0.5, 0.25, 0.25 at 1, 2 and 6 km come to 2.5 km: the nearest worker to give is at 2
    assert round_to_whole(np.array([[3.5, 0.25, 0.25]]), np.array([[1.0, 2.0, 6.0]])).tolist() == [
        [3, 1, 0]
    ]
    # the second factory makes up for the half kilometre that the first has too little
    twice = round_to_whole(np.full((2, 2), 0.5), np.array([[1.0, 2.0], [1.0, 2.0]]))
    assert twice.sum(axis=0).tolist() == [1, 1]


def test_few_workers_in_many_villages_keep_their_mean_distance():
    rng = np.random.default_rng(6)
    km = np.sqrt(rng.uniform(0, 40**2, (2, 5000)))
    found = estimate_demand([200, 100], np.ones(5000), km, mean_distance_km=10.0)
    assert np.quantile(found.workers, 0.999) < 0.9  # largest remainders would keep the near only
    whole = round_to_whole(found.workers, km)
    assert whole.sum(axis=1).tolist() == [200, 100]
    assert (whole * km).sum() / 300 == pytest.approx(10.0, rel=1e-3)
    beyond = np.where(km > 20, found.workers, 0).sum(), np.where(km > 20, whole, 0).sum()
    assert beyond[1] == pytest.approx(beyond[0], abs=2)


def test_a_mean_that_whole_workers_cannot_have_is_told(call):
    # one worker lives at 2 or at 10 km; 3 of 4 parts at 2 km give the mean of 4
    result, out = call(FACTORIES.replace(",41,", ",1,"), VILLAGES, "--json")
    told = json.loads(result.stdout)
    assert told["mean_distance_km"] == pytest.approx(2.0, abs=1e-3)
    assert told["warnings"] == [
        "The mean distance of the rows is 2 km, not the 4 km stated: 1 whole worker(s) cannot be "
        "spread so."
    ]
    assert set(pd.read_csv(out)["place_note"]) == {"modelled by gravity, mean distance 2 km"}


def test_along_roads_the_way_round_counts(call, tmp_path):
    gpd = pytest.importorskip("geopandas")
    shapely = pytest.importorskip("shapely")
    # from the gate 4 km north, then 2 km east, to a village 2 km east of the gate
    corners = [(0, 0), (0, 4000), (2000, 4000), (2000, 0)]
    lines = [shapely.LineString(corners[i : i + 2]) for i in range(3)]
    columns = {"segment_id": range(3), "u": range(3), "v": range(1, 4)}
    words = {"road_class": "residential", "oneway": "no"}
    crs = "+proj=aeqd +lat_0=0.01 +lon_0=100 +units=m"
    frame = gpd.GeoDataFrame({**columns, **words}, geometry=lines, crs=crs)
    frame["length_m"] = frame.length
    frame.to_parquet(tmp_path / "segments.parquet")
    villages = (
        f"name,lon,lat,population\nBy,{100 + 2 * KM_EAST:.7f},0.01,1000\n"
        f"Up,100,{0.01 + 4 / 110.574:.7f},1000\n"
    )
    result, out = call(FACTORIES, villages, "--network", str(tmp_path), "--json", mean=6)
    assert result.exit_code == 0, result.output + str(result.exception)
    told = json.loads(result.stdout)
    assert told["distances"] == "along roads by motorcycle"
    # 10 km and 4 km along roads, 2 km and 4 km as the crow flies
    assert told["mean_distance_possible_km"] == pytest.approx([4.0, 7.0], rel=1e-3)
    assert pd.read_csv(out)["workers"].tolist() == [14, 27]  # a third and two thirds of 41


def test_cambodian_villages_without_population(shared_data, tmp_path):
    villages = shared_data / "cambodia" / "villages_points.csv"
    factories = tmp_path / "f.csv"
    factories.write_text(
        "factory_id,workers,lon,lat\nX1,1203,104.85,11.52\nX2,877,103.98,13.1\n", encoding="utf-8"
    )
    out = tmp_path / "o.csv"
    options = ["--factories", str(factories), "--villages", str(villages), "--out", str(out)]
    options += ["--mean-distance-km", "8", "--equal", "--json"]
    result = CliRunner().invoke(cli, ["tools", "demand", *options])
    assert result.exit_code == 0, result.output + str(result.exception)
    told = json.loads(result.stdout)
    assert told["n_villages"] == 14_073
    rows = pd.read_csv(out)
    assert rows.groupby("factory_id")["workers"].sum().to_dict() == {"X1": 1203, "X2": 877}
    gates = pd.DataFrame({"lon": [104.85, 103.98], "lat": [11.52, 13.1]}, index=["X1", "X2"])
    own = compute_straight_km(gates, rows)[
        rows["factory_id"].eq("X2").astype(int), range(len(rows))
    ]
    mean = np.average(own, weights=rows["workers"])
    assert mean == pytest.approx(told["mean_distance_km"], rel=1e-6)
    assert mean == pytest.approx(8.0, rel=1e-3)
    assert told["warnings"] == []
