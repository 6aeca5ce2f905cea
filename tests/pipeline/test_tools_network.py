from __future__ import annotations

import json

import pandas as pd
from click.testing import CliRunner

from pipeline.cli import cli
from tests.geo.conftest import render_osm

ROAD = {"highway": "residential"}
NODES = {1: (0, 0), 2: (200, 0), 3: (400, 0), 4: (200, 150), 5: (900, 0), 6: (900, 50)}
WAYS = {10: ([1, 2, 3], ROAD | {"name": "Main"}), 11: ([2, 4], ROAD), 12: ([5, 6], ROAD)}


def run(*arguments):
    return CliRunner().invoke(cli, ["tools", *map(str, arguments)])


def make_network(folder, name, ways):
    (folder / f"{name}.osm").write_text(render_osm(NODES, ways), encoding="utf-8")
    return run("network", folder / f"{name}.osm", "--out", folder / name)


def test_components_are_printed_and_two_networks_compared(tmp_path):
    built = make_network(tmp_path, "old", WAYS)
    assert built.exit_code == 0, built.output
    assert ["n_components", "2"] in [line.split() for line in built.stdout.splitlines()]
    assert "component: 0, n_segments: 3, length_km: 0.55" in built.stdout
    assert "name: Main" in built.stdout
    make_network(tmp_path, "new", {10: (WAYS[10][0], ROAD), 12: WAYS[12]})
    words = ("network-diff", tmp_path / "old", tmp_path / "new", "--out", tmp_path / "diff")
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert values["old_segments_by_status"] == {"kept": 1, "merged": 2, "removed": 1}
    assert values["attribute_changes"] == {"segment name": 2}
    sites = pd.read_parquet(tmp_path / "diff" / "sites.parquet")
    assert set(sites["old_site_id"]) == {"S0", "S1", "S3"}
    again = run(*words)
    assert again.exit_code == 1
    assert "not empty" in str(again.exception)
    lost = run("network-diff", tmp_path / "none", tmp_path / "new", "--out", tmp_path / "d2")
    assert lost.exit_code == 1
    assert "segments.parquet" in str(lost.exception)
