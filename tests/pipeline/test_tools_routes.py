"""`tools routes` on a square of roads, from plain files to plain files."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely import LineString

from pipeline.cli import cli

EAST, NORTH = 490_000.0, 1_280_000.0
SQUARE = [[(0, 0), (1000, 0)], [(1000, 0), (1000, 1000)], [(1000, 1000), (0, 1000)]]
SQUARE += [[(0, 1000), (0, 0)]]


@pytest.fixture
def folder(tmp_path):
    """Write the segments of a square kilometre as `tools network` would."""
    lines = [LineString([(x + EAST, y + NORTH) for x, y in line]) for line in SQUARE]
    columns = {"segment_id": range(4), "u": range(4), "v": [1, 2, 3, 0], "length_m": 1000.0}
    words = {"road_class": "residential", "oneway": "no", "maxspeed_kmh": 18.0}
    frame = gpd.GeoDataFrame({**columns, **words}, geometry=lines, crs=32648)
    frame.to_parquet(tmp_path / "segments.parquet")
    return tmp_path


def write_points(path, xy, **columns):
    shapes = gpd.points_from_xy([x + EAST for x, _ in xy], [y + NORTH for _, y in xy], crs=32648)
    lonlat = gpd.GeoSeries(shapes).to_crs(4326)
    pd.DataFrame({**columns, "lon": lonlat.x, "lat": lonlat.y}).to_csv(path, index=False)
    return str(path)


@pytest.fixture
def call(folder):
    def invoke(*words):
        options = ["--network", str(folder), "--out", str(folder / "routes.parquet")]
        return CliRunner().invoke(cli, ["tools", "routes", *options, *words])

    return invoke


def test_lines_times_and_what_cannot_be_reached(folder, call):
    villages = write_points(
        folder / "villages.csv", [(200, -50), (300, 0), (0, 9000)], id=["A", "B", "C"]
    )
    gates = write_points(folder / "gates.csv", [(500, 0), (1000, 100)], id=[7, 8])
    result = call("--origins", villages, "--destinations", gates, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["n_pairs"], told["n_routed"], told["n_unreachable"]) == (6, 4, 2)
    assert told["vehicle"] == "motorcycle_driver"
    routes = gpd.read_parquet(folder / "routes.parquet").set_index(["origin_id", "destination_id"])
    assert routes["time_s"].to_dict() == pytest.approx(
        {("A", 7): 60.0, ("B", 7): 40.0, ("A", 8): 180.0, ("B", 8): 160.0}, rel=1e-3
    )
    assert routes.length.to_numpy() == pytest.approx(routes["length_m"].to_numpy())
    within = routes.geometry["A", 7]  # a single segment is drawn where it is driven
    assert np.array(within.coords) - [EAST, NORTH] == pytest.approx(
        np.array([(200, 0), (500, 0)]), abs=0.01
    )
    lost = pd.read_csv(folder / "routes.unreachable.csv")
    assert lost["origin_id"].tolist() == ["C", "C"]
    assert lost["reason"].str.startswith("too far from any road").all()


def test_each_to_its_own_destination(folder, call):
    villages = write_points(
        folder / "villages.csv", [(200, 0)] * 4, id=list("ABCD"), goes_to=[8, 7, 9, None]
    )
    gates = write_points(folder / "gates.csv", [(500, 0), (1000, 100)], id=[7, 8])
    result = call("--origins", villages, "--destinations", gates, "--to", "goes_to")
    assert result.exit_code == 0, result.output
    assert "n_unreachable" in result.stdout
    routes = gpd.read_parquet(folder / "routes.parquet")
    assert routes[["origin_id", "destination_id"]].to_numpy().tolist() == [["B", 7], ["A", 8]]
    lost = pd.read_csv(folder / "routes.unreachable.csv")
    assert lost["reason"].tolist() == ["no destination is named '9'", "names none"]


def test_alternatives_and_plain_row_numbers(folder, call):
    villages = write_points(folder / "villages.csv", [(0, 0)])
    gates = write_points(folder / "gates.csv", [(1000, 1000)])
    words = ["--origins", villages, "--destinations", gates]
    result = call(*words, "--alternatives", "2", "--vehicle", "bicycle")
    assert result.exit_code == 0, result.output
    routes = gpd.read_parquet(folder / "routes.parquet")
    assert routes["origin_id"].tolist() == [0, 0]
    assert routes["share"].tolist() == pytest.approx([0.5, 0.5], abs=0.02)
    assert routes["overlap_share"].tolist() == [0, 0]


def test_one_error_line(folder, call):
    villages = write_points(folder / "villages.csv", [(0, 0)])
    words = ["--origins", villages, "--destinations", villages]
    for extra, says in (
        (["--vehicle", "horse"], "horse"),
        (["--to", "gate"], "gate"),
        (["--id", "name"], "name"),
    ):
        result = call(*words, *extra)
        assert result.exit_code == 1
        assert says in str(result.output) + str(result.exception)
