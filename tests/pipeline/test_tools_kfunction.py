"""`tools kfunction` on plain files."""

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
def star(tmp_path):
    """Four arms of 5 m that meet; events 3 m and 1 m up two of them; a gate in the middle."""
    arms = [(X + 5, Y), (X, Y + 5), (X - 5, Y), (X, Y - 5)]
    spots = [(X, Y + 3), (X + 3, Y), (X + 1, Y), (X, Y + 1)]
    frames = {
        "lines": gpd.GeoDataFrame(
            {"mvkm": [1.0, 1.0, 0.5, 0.5], "name": list("abcd")},
            geometry=[LineString([(X, Y), end]) for end in arms],
            crs=CRS,
        ),
        "events": gpd.GeoDataFrame(geometry=[*map(Point, spots), Point()], crs=CRS),
        "to": gpd.GeoDataFrame(geometry=[Point(X, Y)], crs=CRS).to_crs(4326),
    }
    files = {}
    for name, frame in frames.items():
        files[name] = tmp_path / f"{name}.gpkg"
        frame.to_file(files[name])
    return files


def call(files, out, *options, start="1", end="6", step="1"):
    words = ["tools", "kfunction", "--lines", files["lines"], "--events", files["events"]]
    words += ["--start", start, "--end", end, "--step", step, "--out", out, *options]
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_star(star, tmp_path, suffix):
    out = tmp_path / f"k.{suffix}"
    result = call(star, out, "--simulations", "39", "--seed", "7", "--json")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    assert table["r_m"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["k"].to_numpy() == pytest.approx([0, 10, 10, 50 / 3, 50 / 3, 20])
    assert {"expected", "low", "high", "global_low", "global_high", "ratio"} <= set(table)
    assert (table["low"] <= table["high"]).all()
    summary = json.loads(result.stdout)
    assert summary["n_events"] == 5
    assert summary["n_events_left_out"] == 1
    assert summary["events_left_out"] == [{"reason": "no coordinates", "n": 1, "first_row": 4}]
    assert summary["events_max_m"] == 0
    assert summary["length_km"] == pytest.approx(0.02)
    assert summary["meaning"].startswith("The data cannot tell")
    again = tmp_path / "again.csv"
    call(star, again, "--simulations", "39", "--seed", "7")
    assert pd.read_csv(again)["high"].to_numpy() == pytest.approx(table["high"].to_numpy())


def test_cross_corrected_and_by_exposure(star, tmp_path):
    out = tmp_path / "k.csv"
    result = call(star, out, "--to", star["to"], "--corrected", "--exposure", "mvkm", "--json")
    assert result.exit_code == 0, result.output
    assert pd.read_csv(out)["k"].to_numpy()[:3] == pytest.approx([2.5, 2.5, 5])
    summary = json.loads(result.stdout)
    assert summary["n_to"] == 1
    assert summary["null"] == "mvkm"
    result = call(star, out, "--exposure", "mvkm", "--inhomogeneous")
    assert result.exit_code == 0, result.output
    density = np.array([1.0, 1.0, 1.0, 1.0]) / 3 / 5 * 4  # a third of four events on 5 m
    pairs = 6 / density[0] ** 2  # ordered, within 3 m
    assert pd.read_csv(out)["k"][2] == pytest.approx(pairs * 4 / 3 / 20)


def test_errors_are_words(star, tmp_path):
    out = tmp_path / "k.csv"
    for options, word in (
        (("--exposure", "nothing"), "missing: nothing"),
        (("--exposure", "name"), "holds no numbers"),
        (("--max-distance-m", "0.0001"), None),
        (("--simulations", "99"), None),
    ):
        result = call(star, out, *options)
        told = f"{result.exception} {result.output}"
        assert (result.exit_code == 1 and word in told) if word else result.exit_code == 0, told
    result = call(star, tmp_path / "k.xlsx")
    assert result.exit_code == 1
    assert "written as .csv or .parquet" in str(result.exception)
    result = call(star, out, start="9", end="3")
    assert result.exit_code == 1
    assert "distances from 9 to 3 m" in str(result.exception)
    assert call(star, out, step="0").exit_code == 2
    assert call(star, out, "--simulations", "18").exit_code == 2  # p could not be 0.05
    assert call(star, out, "--inhomogeneous").exit_code == 2
    lone = tmp_path / "lone.gpkg"
    gpd.GeoDataFrame(geometry=[Point(X, Y)], crs=CRS).to_file(lone)
    result = call({**star, "events": lone}, out)
    assert result.exit_code == 1
    assert "events: 1 on the network" in str(result.exception)
