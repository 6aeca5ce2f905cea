"""Driven routes out of GPS traces: into the records, and matched by `tools match`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

from core.errors import TableError
from pipeline.imports import import_records
from pipeline.route_files import open_routes
from records.database import Database

GPX = """<gpx xmlns="http://www.topografix.com/GPX/1/1">
<trk><name>bus 1</name><trkseg>
<trkpt lat="11.5" lon="104.9"><time>2024-05-01T23:30:00Z</time></trkpt>
<trkpt lat="11.51" lon="104.91"><time>2024-05-01T23:31:00Z</time></trkpt></trkseg>
<trkseg><trkpt lat="11.52" lon="104.91"><time>2024-05-01T23:35:00Z</time></trkpt></trkseg></trk>
<trk><name>switched on and off</name><trkseg><trkpt lat="11.5" lon="104.9"/></trkseg></trk>
<trk><name>nothing</name></trk>
</gpx>"""
CSV = """trip,timestamp,lon,lat,factory_id,riders,direction
a,2024-05-02T06:31:00+07:00,104.91,11.51,F1,30,to_work
a,2024-05-02T06:30:00+07:00,104.9,11.5,F1,30,to_work
b,2024-05-02 17:00,104.9,11.5,F1,12,from_work
b,2024-05-02 17:01,104.91,11.5,F1,12,from_work
b,2024-05-02 17:02,,,F1,12,from_work
"""
LINES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"route_id": "r1", "factory_id": "F1", "riders": 40,
                           "driven_at": "2024-05-02 06:30"},
            "geometry": {"type": "MultiLineString",
                         "coordinates": [[[104.9, 11.5], [104.91, 11.51]],
                                         [[104.92, 11.51], [104.93, 11.51]]]},
        },
        {"type": "Feature", "properties": {"route_id": "r2"},
         "geometry": {"type": "Point", "coordinates": [104.9, 11.5]}},
    ],
}  # fmt: skip


@pytest.fixture
def take(tmp_path, workspace_with_area):
    """Import a file's text; return the account and the routes on record."""
    workspace, key = workspace_with_area

    def run(name, text, **options):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        report = import_records(workspace, "route", path, area=key, **options)
        outcomes = ("accepted", "updated", "unchanged", "duplicates", "rejected")
        assert report["read"] == sum(report[one] for one in outcomes)
        with Database(workspace.database_url) as database:
            return report, database.read("route", key)

    return run


@pytest.fixture
def workspace_with_area(tmp_path, monkeypatch):
    """Return a workspace in which any area is known, and the key of one."""
    from pipeline.workspace import open_workspace

    monkeypatch.setattr("pipeline.imports.load_area", lambda *_: None)
    monkeypatch.setattr("pipeline.imports.find_bounds", lambda *_: (104.5, 11.0, 105.5, 12.0))
    return open_workspace(tmp_path / "home", None), "a"


def test_every_track_of_a_gpx_is_a_route_or_refused(take):
    report, routes = take("a.gpx", GPX)
    assert (report["read"], report["accepted"], report["rejected"]) == (3, 1, 2)
    assert report["reasons"] == {"a track of a single fix": 1, "a track without a fix": 1}
    assert report["notes"] == {"times in UTC taken as UTC+7, by longitude": 1}
    assert routes["driven_at"].tolist() == [pd.Timestamp("2024-05-02 06:30")]
    line = shapely.from_wkt(routes["line"].item())
    assert list(line.coords) == [(104.9, 11.5), (104.91, 11.51), (104.91, 11.52)]
    assert routes["notes"].tolist() == ["bus 1"]
    assert take("a.gpx", GPX)[0]["unchanged"] == 1


def test_a_table_of_fixes_gives_a_route_a_trace(take):
    report, routes = take("a.csv", CSV)
    assert (report["read"], report["accepted"]) == (2, 2)
    assert report["notes"]["fixes left out: no coordinates"] == 1
    routes = routes.sort_values("riders")
    assert routes["riders"].tolist() == [12, 30]
    assert routes["factory_id"].tolist() == ["F1", "F1"]
    assert routes["direction"].tolist() == ["from_work", "to_work"]
    assert routes["driven_at"].tolist() == [
        pd.Timestamp("2024-05-02 17:00"),
        pd.Timestamp("2024-05-02 06:30"),
    ]


def test_lines_of_a_layer_are_routes(take):
    report, routes = take("a.geojson", json.dumps(LINES))
    assert (report["accepted"], report["rejected"]) == (1, 1)
    assert report["reasons"] == {"is no line but Point": 1}
    assert routes["route_id"].tolist() == ["r1"]
    assert routes["riders"].tolist() == [40]
    assert routes["driven_at"].tolist() == [pd.Timestamp("2024-05-02 06:30")]
    assert shapely.from_wkt(routes["line"].item()).coords[3] == (104.93, 11.51)


def test_a_table_with_a_line_a_row_is_read_as_before(take):
    report, routes = take("a.csv", "route_id,line\nx,LINESTRING (104.9 11.5; 104.91 11.5)\n"
                          "y,\"LINESTRING (104.9 11.5, 104.91 11.5)\"\n")  # fmt: skip
    assert (report["accepted"], report["rejected"]) == (1, 1)
    assert routes["route_id"].tolist() == ["y"]


def test_a_dry_run_of_a_gpx_proposes_nothing(take, tmp_path):
    report, routes = take("a.gpx", GPX, dry_run=True)
    assert "proposal" not in report
    assert routes.empty
    (tmp_path / "b.gpx").write_text("<gpx></gpx>")
    with pytest.raises(TableError, match="no track"):
        open_routes(tmp_path / "b.gpx")


def test_the_mapping_that_the_guide_shows_says_whose_drive_a_gpx_is(take, tmp_path):
    guide = (Path(__file__).parents[2] / "docs/commutes.md").read_text(encoding="utf-8")
    shown = re.search(r"`(constants: \{[^`]*vehicle_id[^`]*\})`", guide)[1]
    mapping = tmp_path / "whose.yaml"
    mapping.write_text(shown + "\n", encoding="utf-8")
    report, routes = take("a.gpx", GPX, mapping=str(mapping))
    assert report["accepted"] == 1
    row = routes[["factory_id", "vehicle_id", "direction"]].iloc[0]
    assert row.tolist() == ["F01", "F01-V01", "to_work"]
    assert routes["driven_at"].notna().all()


def test_tools_match_writes_lines_steps_and_an_account(tmp_path):
    from pipeline.cli import cli
    from tests.geo.conftest import render_osm, to_lonlat

    nodes = {1: (0, 0), 2: (800, 0), 3: (800, 600)}
    ways = {1: ((1, 2), {"highway": "primary"}), 2: ((2, 3), {"highway": "residential"})}
    (tmp_path / "r.osm").write_text(render_osm(nodes, ways))
    places = [(x, 5) for x in range(0, 801, 100)] + [(795, y) for y in range(100, 601, 100)]
    fixes = "".join(
        '<trkpt lon="{:.7f}" lat="{:.7f}"/>'.format(*to_lonlat(x, y)) for x, y in places
    )
    (tmp_path / "t.gpx").write_text(
        f"<gpx><trk><trkseg>{fixes}</trkseg></trk><trk><name>none</name></trk></gpx>"
    )
    run = CliRunner().invoke
    network, out, steps = tmp_path / "n", tmp_path / "out.gpkg", tmp_path / "steps.csv"
    built = run(cli, ["tools", "network", str(tmp_path / "r.osm"), "--out", str(network)])
    assert built.exit_code == 0, built.output
    arguments = ["tools", "match", "--network", str(network), "--traces", str(tmp_path / "t.gpx")]
    done = run(cli, [*arguments, "--out", str(out), "--steps", str(steps), "--json",
                     "--vehicle", "bus"])  # fmt: skip
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["n_traces"], summary["n_good"], summary["n_not_usable"]) == (2, 1, 1)
    assert summary["n_fixes_read"] == summary["n_fixes_kept"] == len(places)
    assert summary["matched_km"] == pytest.approx(1.4, abs=0.01)
    assert pd.read_csv(steps)["length_m"].sum() == pytest.approx(1_400, abs=10)
    import geopandas as gpd

    layer = gpd.read_file(out)
    assert layer["verdict"].tolist() == ["good", "not usable"]
    assert layer.geometry[0].length == pytest.approx(1_400, abs=10)
    stamps = [f"2024-05-01T{7 if at < 8 else 4:02d}:{at:02d}:00Z" for at in range(len(places))]
    for stamp in stamps:
        fixes = fixes.replace("/>", f"><time>{stamp}</time></trkpt>", 1)
    (tmp_path / "t.gpx").write_text(f"<gpx><trk><trkseg>{fixes}</trkseg></trk></gpx>")
    assert run(cli, [*arguments, "--out", str(out), "--vehicle", "bus"]).exit_code == 0
    row = gpd.read_file(out).iloc[0]
    assert (row["verdict"], "its clock jumps back" in row["reason"]) == ("good", True)
    lost = run(cli, [*arguments[:3], str(tmp_path / "none"), *arguments[4:], "--out", str(out)])
    assert lost.exit_code == 1
    assert "no such file" in str(lost.exception)
