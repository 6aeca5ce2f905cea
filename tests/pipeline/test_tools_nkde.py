"""`tools nkde` on plain files."""

import json

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely.geometry import LineString, Point

from pipeline.cli import cli

CRS = 32648


@pytest.fixture
def star(tmp_path):
    """Four arms of 5 m that meet, an event 3 m up one, the density asked 3 m along another."""
    x, y = 480_000, 1_270_000
    arms = [(x + 5, y), (x, y + 5), (x - 5, y), (x, y - 5)]
    lines = gpd.GeoDataFrame(geometry=[LineString([(x, y), end]) for end in arms], crs=CRS)
    events = gpd.GeoDataFrame({"killed": [2]}, geometry=[Point(x + 3, y)], crs=CRS)
    at = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[Point(x, y + 3), Point()], crs=CRS)
    files = {}
    for name, frame in {"lines": lines, "events": events, "at": at}.items():
        files[name] = tmp_path / f"{name}.gpkg"
        frame.to_file(files[name])
    return files


def call(star, tmp_path, *options):
    out = tmp_path / "out.gpkg"
    named = [word for name, path in star.items() for word in (f"--{name}", str(path))]
    result = CliRunner().invoke(
        cli, ["tools", "nkde", *named, "--bandwidth-m", "10", "--out", str(out), *options]
    )
    return result, out


@pytest.mark.parametrize(
    ("method", "expected"), [("simple", 38.4), ("discontinuous", 12.8), ("continuous", 19.2)]
)
def test_the_star_in_events_per_kilometre(star, tmp_path, method, expected):
    result, out = call(star, tmp_path, "--method", method, "--json")
    assert result.exit_code == 0, result.output
    found = gpd.read_file(out)
    assert found["name"].tolist() == ["a", "b"]
    assert found["nkde_per_km"][0] == pytest.approx(expected)
    assert pd.isna(found["nkde_per_km"][1])  # asked nowhere
    summary = json.loads(result.stdout)
    assert summary["n_edges"] == 4
    assert summary["highest_per_km"] == pytest.approx(expected)


def test_weights_distance_and_wrong_words(star, tmp_path):
    result, out = call(star, tmp_path, "--weights", "killed")
    assert gpd.read_file(out)["nkde_per_km"][0] == pytest.approx(38.4)
    result, _ = call(star, tmp_path, "--weights", "nothing")
    assert result.exit_code == 1
    assert "missing: nothing" in str(result.exception) + result.output
    result, _ = call(star, tmp_path, "--method", "simple", "--max-depth", "3")
    assert result.exit_code == 1
    assert call(star, tmp_path, "--kernel", "square")[0].exit_code == 2
