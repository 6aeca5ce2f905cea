"""`tools local-statistics` on plain files."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely.geometry import LineString, Point

from pipeline.cli import cli

CRS = 32648
X, Y = 480_000, 1_270_000


@pytest.fixture
def road(tmp_path):
    """Lay forty places 50 m apart along a road, the first eight with many crashes."""
    lines = gpd.GeoDataFrame(geometry=[LineString([(X, Y), (X + 2000, Y)])], crs=CRS)
    points = [Point(X + 25 + 50 * i, Y) for i in range(40)]
    n = np.r_[[6, 5, 7, 6, 8, 5, 6, 7], np.arange(32) % 2]
    at = gpd.GeoDataFrame({"n": n, "km": np.where(n > 2, 6.0, 1.0)}, geometry=points, crs=CRS)
    lines.to_file(tmp_path / "lines.gpkg")
    at.to_file(tmp_path / "at.gpkg")
    return tmp_path


def call(folder, *options):
    out = folder / "out.gpkg"
    words = ["--lines", str(folder / "lines.gpkg"), "--at", str(folder / "at.gpkg"), "--json"]
    fixed = ["tools", "local-statistics", *words, "--out", str(out)]
    return CliRunner().invoke(cli, [*fixed, *options]), out


def test_a_row_of_many_is_hot(road):
    result, out = call(road, "--value", "n", "--distance-m", "100")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["reference"] == "exact"
    assert summary["n_without_neighbour"] == 0
    assert summary["moran"] > 0.5
    assert summary["meaning"].startswith("High values lie near high ones")
    found = gpd.read_file(out)
    assert (found["q_high"][1:6] <= 0.05).all()
    assert found["quadrant"][:8].eq("HH").all()
    assert (found["q_high"][12:] > 0.05).all()
    assert summary["n_hot"] == int((found["q_high"] <= 0.05).sum())


def test_an_exposure_takes_the_heat_away(road):
    result, out = call(
        road, "--value", "n", "--exposure", "km", "--distance-m", "100", "--weights", "kernel"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["reference"] == "999 permutations"
    assert (gpd.read_file(out)["q_high"] > 0.05).all()


def test_a_place_far_from_others_or_without_a_value_cannot_be_told(road):
    at = gpd.read_file(road / "at.gpkg").astype({"n": "float64"})
    at.loc[3, "n"] = np.nan
    at.to_file(road / "at.gpkg")
    result, out = call(road, "--value", "n", "--distance-m", "60")
    assert result.exit_code == 0, result.output
    found = gpd.read_file(out)
    assert pd.isna(found["gi_star_z"][3])
    assert not found["quadrant"][3]
    summary = json.loads(result.stdout)
    assert summary["n_at_left_out"] == 1
    assert summary["at_left_out"] == [{"reason": "no value in column 'n'", "n": 1, "first_row": 3}]
    listed = pd.read_csv(out.with_name("out.left_out.csv"))
    assert listed[["layer", "row", "reason"]].to_numpy().tolist() == [
        ["places", 3, "no value in column 'n'"]
    ]
    result, _ = call(road, "--value", "n", "--distance-m", "10")
    assert result.exit_code == 1  # nobody has a neighbour: global Moran cannot be told
    result, _ = call(road, "--value", "nothing", "--distance-m", "60")
    assert result.exit_code == 1
    assert "nothing" in str(result.exception) + result.output


def test_wrong_values_and_distances_are_named(road):
    at = gpd.read_file(road / "at.gpkg")
    near = ("--value", "n", "--distance-m", "60")
    for n, more, word in (
        (at["n"], ("--distance-m", "0.001"), "0 of 40 place(s) have a neighbour, at least 4"),
        (0 * at["n"] - 1, (), "40 of 40 values of 'n' are no counts, first in row 0: -1"),
        (0 * at["n"] + 3, (), "all 40 places have the value 3"),
        (at["n"] + 0.5, ("--exposure", "km"), "are no counts, first in row 0: 6.5; give numbers"),
        (at["n"] * float("nan"), (), "none of 40 places can be used: 40 with no value in column"),
    ):
        at.assign(n=n).to_file(road / "at.gpkg")
        result, _ = call(road, *near, *more)
        assert result.exit_code == 1
        assert word in str(result.exception)
