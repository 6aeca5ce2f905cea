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


def to_lonlat(x, y):
    point = gpd.GeoSeries(gpd.points_from_xy([x + EAST], [y + NORTH], crs=32648)).to_crs(4326)
    return point.x.item(), point.y.item()


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


def write_table(path, text):
    path.write_text(text)
    return str(path)


@pytest.fixture
def gates(folder):
    """Two gates with a place; the first at the village of the tests."""
    return write_points(folder / "gates.csv", [(500, 0), (1000, 100)], id=["g", "h"])


def test_coordinates_that_are_none_are_told_by_what_they_look_like(folder, call, gates, caplog):
    village = to_lonlat(200, -50)
    rows = [
        ("good", *village), ("swapped", *village[::-1]), ("words", "abc", "11,5"),
        ("range", 999, 11.5), ("metres", 490_200, 1_280_000), ("none", "", ""), ("zero", 0, 0),
    ]  # fmt: skip
    text = "id;lon;lat\n" + "".join(f"{a};{b};{c}\n" for a, b, c in rows)
    villages = write_table(folder / "villages.csv", text)
    result = call("--origins", villages, "--destinations", gates)
    assert result.exit_code == 0, result.output
    lost = pd.read_csv(folder / "routes.unreachable.csv").set_index("origin_id")
    assert lost["reason"].to_dict() == {
        "swapped": "the origin has longitude and latitude that look swapped",
        "words": "the origin has coordinates that are no numbers",
        "range": "the origin has coordinates outside the range of degrees",
        "metres": "the origin has coordinates that look like metres, not degrees",
        "none": "the origin has no coordinates",
        "zero": "the origin has no coordinates",
    }
    assert lost["origin_row"].tolist() == [1, 2, 3, 4, 5, 6]
    assert "villages.csv: 6 of 7 origins cannot be used" in caplog.text
    assert "1 with coordinates that are no numbers, first row 2 (abc, 11,5)" in caplog.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,lon,lat\n", "villages.csv: holds no rows"),
        ('id;lon;lat\na;"104,9";"11,55"\n', "1 of 1 origins cannot be used: 1 with coordinates"),
        ("id,lon,lat\na,490000,1280000\n", "look like metres"),
        ("village,lon,lat\na,104.9,11.58\n", "no column 'zone'; found: village"),
    ],
)
def test_no_usable_row_is_an_error(folder, call, gates, text, says):
    villages = write_table(folder / "villages.csv", text)
    words = ["--origin-id", "zone"] if "zone" in says else []
    result = call("--origins", villages, "--destinations", gates, *words)
    assert result.exit_code == 1
    assert says in str(result.exception)
    assert "mapping" not in str(result.exception)


def test_gates_of_one_name_are_refused_by_their_file(folder, call):
    villages = write_points(folder / "villages.csv", [(200, 0), (300, 0)], id=["A", "A"])
    gates = write_points(folder / "gates.csv", [(500, 0), (1000, 100)], id=["g", "g"])
    words = ["--origins", villages, "--destinations", gates]
    for extra in ([], ["--to", "id"]):
        result = call(*words, *extra)
        assert result.exit_code == 1
        assert "gates.csv: 1 repeated value(s) in column 'id'" in str(result.exception)
        assert "first 'g' (rows 0, 1)" in str(result.exception)
    gates = write_points(folder / "gates.csv", [(500, 0)], id=["g"])
    assert call("--origins", villages, "--destinations", gates).exit_code == 0
    routes = gpd.read_parquet(folder / "routes.parquet")  # villages may share a name
    assert routes[["origin_id", "origin_row"]].to_numpy().tolist() == [["A", 0], ["A", 1]]


def test_each_file_may_have_its_own_column_of_names(folder, call):
    villages = write_points(folder / "villages.csv", [(200, 0)], village=["A"])
    gates = write_points(folder / "gates.csv", [(500, 0)], name=["g"])
    words = ["--origins", villages, "--destinations", gates]
    result = call(*words, "--origin-id", "village", "--destination-id", "name")
    assert result.exit_code == 0, result.output
    routes = gpd.read_parquet(folder / "routes.parquet")
    assert routes[["origin_id", "destination_id"]].to_numpy().tolist() == [["A", "g"]]


def test_row_numbers_stay_whole_beside_a_gate_without_a_place(folder, call):
    villages = write_points(folder / "villages.csv", [(200, 0), (0, 9000)])
    text = "lon,lat\n{},{}\n,\n".format(*to_lonlat(500, 0))
    gates = write_table(folder / "gates.csv", text)
    assert call("--origins", villages, "--destinations", gates).exit_code == 0
    lost = pd.read_csv(folder / "routes.unreachable.csv", dtype=str, keep_default_na=False)
    assert lost[["origin_id", "destination_id"]].to_numpy().tolist() == [["1", "0"], ["", "1"]]
