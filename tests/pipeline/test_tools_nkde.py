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


def test_steps_in_place_of_walks_are_told(star, tmp_path, monkeypatch):
    assert "step_m" not in json.loads(call(star, tmp_path, "--json")[0].stdout)
    monkeypatch.setattr("models.nkde_spread.MAX_WALKS", 0)
    result, out = call(star, tmp_path, "--json")
    summary = json.loads(result.stdout)
    assert (summary["spread_in_steps_percent"], summary["step_m"]) == (100.0, 0.0625)
    assert gpd.read_file(out)["nkde_per_km"][0] == pytest.approx(19.2, rel=1e-4)


def test_weights_distance_and_wrong_words(star, tmp_path):
    result, out = call(star, tmp_path, "--weights", "killed")
    assert gpd.read_file(out)["nkde_per_km"][0] == pytest.approx(38.4)
    result, _ = call(star, tmp_path, "--weights", "nothing")
    assert result.exit_code == 1
    assert "missing: nothing" in str(result.exception) + result.output
    result, _ = call(star, tmp_path, "--method", "simple", "--max-depth", "3")
    assert result.exit_code == 1
    assert call(star, tmp_path, "--kernel", "square")[0].exit_code == 2


def test_a_junction_has_one_density_whatever_the_order_of_lines(star, tmp_path):
    x, y = 480_000, 1_270_000
    gpd.GeoDataFrame(geometry=[Point(x, y), Point(x, y + 1)], crs=CRS).to_file(star["at"])
    roads = gpd.read_file(star["lines"])
    found = []
    for lines in (roads, roads[::-1].assign(geometry=roads.geometry.reverse())):
        lines.to_file(star["lines"])
        for more in ((), ("--adaptive-trim-m", "9")):
            result, out = call(star, tmp_path, "--method", "discontinuous", *more)
            assert result.exit_code == 0, result.output
            found.append(gpd.read_file(out)["nkde_per_km"].tolist())
    own = 1000 * 15 / 16 / 10 * (1 - 0.09) ** 2  # along the event's arm; a third along others
    assert found[0][0] == pytest.approx((own + 3 * own / 3) / 4)
    for one in found[2::2]:
        assert one == pytest.approx(found[0])
    for one in found[3::2]:
        assert one == pytest.approx(found[1])


def test_weights_count_in_the_choice_and_wrong_ones_are_named(street):
    files, _ = street
    weighed = ("--bandwidth-m", "10:1010:250", "--weights", "n")
    gpd.read_file(files["events"]).assign(n=[1, 1, 1, 0, 2, 0, 0, 0]).to_file(files["events"])
    result, _ = call_street(street, *weighed)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["chosen_by"].endswith("events count by their weights")
    assert summary["likelihoods"][0]["n_alone"] == 1  # the one of 2, whose fellows weigh nothing
    score = summary["likelihoods"][0]["score"]
    assert score == float(f"{score:.6g}")
    gpd.read_file(files["events"]).assign(n=[1, -1, None, 1, 1, 1, 1, 1]).to_file(files["events"])
    result, _ = call_street(street, *weighed)
    assert result.exit_code == 1
    told = "2 of 8 values of 'n' are missing or below 0, first in row 1: -1; fill them in"
    assert told in str(result.exception)
    gpd.read_file(files["events"]).assign(n=0).to_file(files["events"])
    result, _ = call_street(street, *weighed)
    assert "all values of 'n' are 0" in str(result.exception)


def test_candidates_are_a_table_on_the_screen(street):
    files, out = street
    named = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    words = ["tools", "nkde", *named, "--out", str(out), "--bandwidth-m", "10:510:250"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-4].split() == ["bandwidth_m", "log_likelihood", "n_alone", "score"]
    assert [line.split()[0] for line in lines[-3:]] == ["10.0", "260.0", "510.0"]


@pytest.fixture
def street(tmp_path):
    """A street of 2 km with two clusters, one at the start of a year, one at its end."""
    x, y = 480_000, 1_270_000
    lines = gpd.GeoDataFrame(geometry=[LineString([(x, y), (x + 2000, y)])], crs=CRS)
    far = [500, 505, 510, 515, 1500, 1505, 1510, 1515]
    when = [f"2025-01-0{1 + i}T23:30:00" for i in range(4)]
    when += [f"2025-12-2{1 + i}T00:30:00" for i in range(4)]
    events = gpd.GeoDataFrame({"when": when}, geometry=[Point(x + d, y) for d in far], crs=CRS)
    at = gpd.GeoDataFrame({"n": [0, 1]}, geometry=[Point(x + d, y) for d in (508, 1508)], crs=CRS)
    files = {"lines": lines, "events": events, "at": at}
    for name, frame in files.items():
        frame.to_file(tmp_path / f"{name}.gpkg")
    return {name: tmp_path / f"{name}.gpkg" for name in files}, tmp_path / "out.gpkg"


def call_street(street, *options):
    files, out = street
    named = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    words = ["tools", "nkde", *named, "--out", str(out), "--json", *options]
    result = CliRunner().invoke(cli, words)
    return result, (gpd.read_file(out) if result.exit_code == 0 else None)


def test_slices_of_a_year_and_hours_of_the_day(street):
    space = ("--bandwidth-m", "100", "--time", "when")
    result, found = call_street(street, *space, "--time-bandwidth-days", "60", "--slices", "4")
    assert result.exit_code == 0, result.output
    table = found.pivot_table(index="n", columns="slice", values="nkde_per_km_day")
    assert table.shape == (2, 4)
    assert (table > 0).to_numpy().tolist() == [
        [True, False, False, False],
        [False, False, False, True],
    ]
    summary = json.loads(result.stdout)
    assert summary["time_bandwidth_days"] == 60
    assert summary["slices"][0].startswith("2025-02")
    result, found = call_street(street, *space, "--time-bandwidth-hours", "2", "--slices", "24")
    assert result.exit_code == 0, result.output
    night = found[found["slice"].isin([0.5, 23.5])]
    assert (night["nkde_per_km_hour"] > 0).all()  # half past eleven and half past twelve
    assert found["nkde_per_km_hour"].sum() == pytest.approx(
        night["nkde_per_km_hour"].sum()
        + found[found["slice"].isin([1.5, 22.5])]["nkde_per_km_hour"].sum()
    )


def test_places_with_a_time_of_their_own(street):
    files, _ = street
    at = gpd.read_file(files["at"]).assign(when=["2025-01-02", None])
    at.to_file(files["at"])
    options = ("--bandwidth-m", "100", "--time", "when", "--time-bandwidth-days", "10")
    result, found = call_street(street, *options)
    assert result.exit_code == 0, result.output
    assert found["nkde_per_km_day"][0] > 0
    assert pd.isna(found["nkde_per_km_day"][1])


def test_bandwidths_are_chosen_and_told(street):
    result, found = call_street(street, "--bandwidth-m", "10:1010:250")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    tried = {row["bandwidth_m"]: row["score"] for row in summary["likelihoods"]}
    assert list(tried) == [10, 260, 510, 760, 1010]
    assert summary["bandwidth_m"] == max(tried, key=tried.get)
    assert found["nkde_per_km"].gt(0).all()
    result, _ = call_street(
        street, "--bandwidth-m", "auto", "--time", "when", "--time-bandwidth-days", "5:25:10",
        "--slices", "2",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert len(summary["likelihoods"]) == 9 * 3
    best = max(summary["likelihoods"], key=lambda row: row["score"])
    assert summary["time_bandwidth_days"] == best["time_bandwidth_days"]


def test_words_for_wrong_times(street):
    for options, code, word in (
        (("--bandwidth-m", "0"), 2, "no number above 0"),
        (("--bandwidth-m", "9:1:1"), 2, "is 0 numbers"),
        (("--bandwidth-m", "9", "--slices", "3"), 2, "--time"),
        (("--bandwidth-m", "9", "--time", "when"), 2, "--time-bandwidth-days"),
        (("--bandwidth-m", "9", "--time", "w", "--time-bandwidth-days", "9"), 1, "missing: w"),
        (("--bandwidth-m", "9", "--time", "when", "--time-bandwidth-days", "9"), 1, "--slices"),
    ):
        result, _ = call_street(street, *options)
        assert result.exit_code == code, result.output
        assert word in f"{result.exception} {result.output}"
    files, _ = street
    gpd.read_file(files["events"]).assign(when="soon").to_file(files["events"])
    result, _ = call_street(
        street,
        "--bandwidth-m",
        "9",
        "--time",
        "when",
        "--time-bandwidth-days",
        "9",
        "--slices",
        "2",
    )
    assert result.exit_code == 1
    assert "are no times, first in row 0: 'soon'" in str(result.exception)
    gpd.read_file(files["events"]).assign(when="2026-01-31").to_file(files["events"])
    result, _ = call_street(
        street,
        "--bandwidth-m",
        "9",
        "--time",
        "when",
        "--time-bandwidth-hours",
        "2",
        "--slices",
        "2",
    )
    assert result.exit_code == 1
    assert "dates without a time of day" in str(result.exception)
