"""The contract of the command line: exit codes, one JSON object, one error line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from pipeline.cli import main


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_cli(capsys, monkeypatch):
    """Call the whole command line as the installed script does; return what it left."""

    def invoke(home, *words: str) -> Finished:
        monkeypatch.setattr(sys, "argv", ["safecommute", "--home", str(home), *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Finished(int(ended.value.code or 0), captured.out, captured.err)

    return invoke


def require_one_error(result):
    """Check exit code 1, one `error:` line, nothing on standard output, no traceback."""
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_the_installed_script_never_shows_a_traceback(root, tmp_path):
    command = [sys.executable, "-m", "pipeline.cli", "--home", str(tmp_path / "home")]
    result = subprocess.run(
        [*command, "run", "nowhere"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "area 'nowhere': not found" in require_one_error(result)


def test_from_roads_and_crashes_to_a_published_run(
    root, call, workspace, make_roads, make_crashes, tmp_path
):
    added = call("area", "add", "test", "--osm", str(make_roads()), "--name", "Test", "--json")
    assert added.exit_code == 0, added.output
    assert json.loads(added.stdout)["n_segments"] == 42
    imported = call("import", "crashes", str(make_crashes()), "--area", "test", "--json")
    report = json.loads(imported.stdout)
    parts = ("accepted", "updated", "unchanged", "duplicates", "rejected")
    assert report["read"] == sum(report[part] for part in parts) == 76
    ran = call("run", "test", "--json")
    manifest = json.loads(ran.stdout)
    assert manifest["n_hotspots"] >= 1
    nothing_yet = call("export", "test", "--format", "csv", "--out", str(tmp_path / "x.csv"))
    assert nothing_yet.exit_code != 0
    call("runs", "publish", "test", manifest["run_id"])
    listed = json.loads(call("runs", "list", "test", "--json").stdout)["runs"]
    assert [(run["run_id"], run["is_published"]) for run in listed] == [(manifest["run_id"], True)]
    shown = json.loads(call("runs", "show", "test", manifest["run_id"], "--json").stdout)
    assert shown["run_id"] == manifest["run_id"]
    areas = json.loads(call("area", "list", "--json").stdout)["areas"]
    assert areas == [
        {
            "key": "test",
            "name": "Test",
            "published_run": manifest["run_id"],
            "is_synthetic": False,
        }
    ]
    sources = json.loads(call("area", "show", "test", "--json").stdout)["sources"]
    assert sources == {"roads": "roads.osm"}


def test_the_same_file_twice_changes_nothing(call, recorded_area, make_crashes):
    again = call("import", "crash", str(make_crashes()), "--area", recorded_area, "--json")
    report = json.loads(again.stdout)
    assert report["unchanged"] == report["read"] == 76
    assert report["accepted"] == report["updated"] == 0


def test_two_senders_that_both_count_from_one_keep_their_own_crashes(call, area, make_crashes):
    first = ("import", "crash", str(make_crashes("a.csv")), "--area", area, "--json")
    other = ("import", "crash", str(make_crashes("b.csv", seed=2)), "--area", area, "--json")
    assert json.loads(call(*first, "--source", "Factory A").stdout)["accepted"] == 76
    report = json.loads(call(*other, "--source", "Factory B").stdout)
    assert (report["accepted"], report["updated"]) == (76, 0)


def test_a_dry_run_keeps_nothing(call, area, make_crashes):
    dry = call("import", "crash", str(make_crashes()), "--area", area, "--dry-run", "--json")
    assert json.loads(dry.stdout)["accepted"] == 76
    real = call("import", "crash", str(make_crashes()), "--area", area, "--json")
    assert json.loads(real.stdout)["accepted"] == 76


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "nowhere"), "area 'nowhere': not found"),
        (("area", "add", "Bad Key", "--osm", "x.osm"), "small letters"),
        (("area", "add", "a", "--osm", "missing.osm.pbf"), "missing.osm.pbf"),
        (("import", "crash", "missing.csv", "--area", "nowhere"), "area 'nowhere'"),
        (("runs", "publish", "nowhere", "x"), "not found"),
        (("evaluate", "nowhere", "--intervention", "x"), "area 'nowhere'"),
        (("area", "add", "a", "--bbox", "1,2,3"), "W,S,E,N"),
        (
            (
                "tools",
                "snap",
                "--lines",
                "no.gpkg",
                "--points",
                "no.csv",
                "--max-distance-m",
                "5",
                "--out",
                "x.csv",
            ),
            "no.gpkg",
        ),
        (("tools", "before-after", "no.csv", "--method", "naive"), "no.csv"),
        (("--settings", "no.yaml", "run", "a"), "no.yaml"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_1(run_cli, tmp_path, words, said):
    assert said in require_one_error(run_cli(tmp_path / "home", *words))


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("area", "add", "a"),
        ("area", "add", "a", "--osm", "x", "--lines", "y"),
        ("import", "shoes", "x.csv", "--area", "a"),
        ("run",),
        ("export", "a", "--format", "docx", "--out", "x"),
        ("run", "a", "--until", "yesterday"),
        ("tools", "before-after", "x.csv", "--method", "magic"),
    ],
)
def test_wrong_usage_is_exit_2(run_cli, tmp_path, words):
    result = run_cli(tmp_path / "home", *words)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_an_unwritable_home_is_a_clear_error(run_cli, tmp_path):
    (tmp_path / "file").write_text("x")
    line = require_one_error(run_cli(tmp_path / "file" / "home", "area", "list"))
    assert "cannot be written" in line


@pytest.mark.slow
def test_a_run_killed_half_way_leaves_the_published_run_serving(
    root, call, workspace, recorded_area
):
    first = json.loads(call("run", recorded_area, "--publish", "--json").stdout)
    command = [sys.executable, "-m", "pipeline.cli", "--home", str(workspace.home)]
    for delay_s in (0.3, 1.5, 2.5, 3.5):
        process = subprocess.Popen(
            [*command, "run", recorded_area, "--publish"],
            cwd=root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        areas = json.loads(call("area", "list", "--json").stdout)["areas"]
        served = workspace.runs_folder(recorded_area) / areas[0]["published_run"]
        manifest = json.loads((served / "run.json").read_text())
        assert set(manifest["files"]) < {path.name for path in served.iterdir()}
        assert manifest["n_crashes"] == first["n_crashes"]
    again = call("run", recorded_area, "--json")
    assert again.exit_code == 0, again.output
    assert not list(workspace.runs_folder(recorded_area).glob(".partial-*"))


def test_the_doctor_finds_what_is_missing(run_cli, tmp_path, monkeypatch):
    healthy = run_cli(tmp_path / "home", "doctor", "--json")
    checks = {check["name"]: check for check in json.loads(healthy.stdout)["checks"]}
    assert checks["geopandas"]["is_ok"]
    assert checks["workspace"]["is_ok"]
    monkeypatch.setenv("SAFECOMMUTE_DATABASE_URL", "sqlite:////nowhere/at/all.sqlite")
    sick = run_cli(tmp_path / "home", "doctor", "--json")
    assert sick.returncode == 1
    database = next(c for c in json.loads(sick.stdout)["checks"] if c["name"] == "database")
    assert not database["is_ok"]
    assert "SAFECOMMUTE_DATABASE_URL" in database["to_do"]


def test_before_after_gives_the_published_check_value(run_cli, tmp_path):
    table = tmp_path / "pilot.csv"
    table.write_text("site,observed_before,observed_after\npilot,254,57\n")
    result = run_cli(tmp_path, "tools", "before-after", str(table), "--method", "naive", "--json")
    values = json.loads(result.stdout)
    assert values["effect"] == pytest.approx(0.2235, abs=5e-5)
    assert values["se"] == pytest.approx(0.0326, abs=5e-5)
    assert values["rate_ratio"] == pytest.approx(0.2244, abs=5e-5)
    keys = {"method", "n_sites", "effect", "se", "ci_low", "ci_high", "percent_change"}
    assert keys | {"prevented", "prevented_se", "claim", "grade", "warnings"} <= set(values)


def test_a_network_and_snapped_points_from_plain_files(run_cli, tmp_path, make_roads):
    out = tmp_path / "net"
    built = run_cli(tmp_path, "tools", "network", str(make_roads()), "--out", str(out), "--json")
    assert json.loads(built.stdout)["n_segments"] == 42
    assert (out / "segments.parquet").is_file()
    assert (out / "intersections.parquet").is_file()
    points = tmp_path / "points.csv"
    points.write_text("name,lon,lat\non the road,104.81,11.40001\nfar,104.81,11.5\n")
    snapped = run_cli(
        tmp_path,
        "tools",
        "snap",
        "--lines",
        str(out / "segments.parquet"),
        "--points",
        str(points),
        "--max-distance-m",
        "50",
        "--out",
        str(tmp_path / "s.csv"),
        "--json",
    )
    values = json.loads(snapped.stdout)
    assert (values["n_points"], values["n_snapped"]) == (2, 1)
    assert values["snap_median_m"] == pytest.approx(1.1, abs=0.1)
    again = run_cli(tmp_path, "tools", "network", str(make_roads()), "--out", str(out))
    assert "not empty" in require_one_error(again)


def test_bends_of_a_plain_layer(run_cli, tmp_path):
    corner, straight = "[[104,11],[104.001,11],[104.001,11.001]]", "[[104,11],[104.002,11]]"
    features = ",".join(
        f'{{"type":"Feature","properties":{{"name":"{name}"}},'
        f'"geometry":{{"type":"LineString","coordinates":{line}}}}}'
        for name, line in (("corner", corner), ("straight", straight))
    )
    layer, out = tmp_path / "lines.geojson", tmp_path / "bends.csv"
    layer.write_text(f'{{"type":"FeatureCollection","features":[{features}]}}')
    words = ("tools", "alignment", "--lines", str(layer), "--out", str(out), "--json")
    values = json.loads(run_cli(tmp_path, *words).stdout)
    assert (values["n_lines"], values["n_radius_below_100_m"]) == (2, 1)
    written = pd.read_csv(out).set_index("name")
    assert written.loc["corner", "sinuosity"] == pytest.approx(np.sqrt(2), rel=0.01)
    assert written.loc["corner", "min_radius_m"] < 15
    assert np.isnan(written.loc["straight", "min_radius_m"])
    assert "step-m" in run_cli(tmp_path, *words, "--step-m", "0").stderr
