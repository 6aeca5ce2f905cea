"""A small invented world: one trunk road with ten side roads, and crashes along it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from core.settings import Settings
from pipeline.areas import AreaSources, add_area
from pipeline.cli import cli
from pipeline.imports import import_records
from pipeline.workspace import open_workspace

LON, LAT = 104.8, 11.4
DEGREES_PER_M_EAST = 1 / 109_130  # at this latitude, near enough
DEGREES_PER_M_NORTH = 1 / 110_620
TRUNK_LENGTH_M = 10_000
HOTSPOT_M = (4_300, 4_500)


def at(east_m: float, north_m: float) -> tuple[float, float]:
    """Return lon, lat of a place this far from the start of the trunk road."""
    return LON + east_m * DEGREES_PER_M_EAST, LAT + north_m * DEGREES_PER_M_NORTH


def write_osm(path: Path) -> Path:
    """Write the trunk road NR90 (10 km), ten side roads (800 m each), and a village."""
    nodes, ways = {}, []

    def node(east_m, north_m):
        key = (east_m, north_m)
        nodes.setdefault(key, len(nodes) + 1)
        return nodes[key]

    def way(points, **tags):
        refs = "".join(f'<nd ref="{node(*point)}"/>' for point in points)
        words = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
        ways.append(f'<way id="{1000 + len(ways)}" version="1">{refs}{words}</way>')

    way(
        [(east, 0) for east in range(0, TRUNK_LENGTH_M + 1, 50)],
        highway="trunk",
        ref="NR90",
        lit="no",
        maxspeed="60",
    )
    for east in range(450, 9000, 900):
        way([(east, 0), (east, 400), (east, 800)], highway="residential", name=f"Side {east}")
    body = "".join(
        f'<node id="{number}" version="1" lat="{at(*key)[1]:.7f}" lon="{at(*key)[0]:.7f}"/>'
        for key, number in nodes.items()
    )
    lon, lat = at(4400, 300)
    village = (
        f'<node id="9000" version="1" lat="{lat:.7f}" lon="{lon:.7f}">'
        '<tag k="place" v="village"/><tag k="name" v="Testville"/></node>'
    )
    path.write_text(
        f'<?xml version="1.0"?><osm version="0.6" generator="test">{body}{village}'
        f"{''.join(ways)}</osm>",
        encoding="utf-8",
    )
    return path


def write_crashes(path: Path, *, n_hotspot: int = 15, seed: int = 1) -> Path:
    """Write 60 crashes spread along the trunk road, some more on one stretch of it."""
    rng = np.random.default_rng(seed)
    east = [*rng.uniform(0, TRUNK_LENGTH_M, 60), *rng.uniform(*HOTSPOT_M, n_hotspot)]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["source_id", "occurred_at", "lon", "lat", "severity", "road_users", "narrative"]
        )
        for number, east_m in enumerate(east):
            lon, lat = at(float(east_m), 3.0)
            year, month, day = 2021 + number % 2, 1 + number % 12, 1 + number % 28
            severity = ("fatal", "serious", "slight", "damage_only")[number % 4]
            writer.writerow(
                [
                    f"c{number}",
                    f"{year}-{month:02d}-{day:02d} {number % 24:02d}:30",
                    f"{lon:.7f}",
                    f"{lat:.7f}",
                    severity,
                    "motorcycle_driver;car",
                    "<script>alert(1)</script>",
                ]
            )
        writer.writerow(["nowhere", "2021-05-05 10:00", "", "", "slight", "car", "=1+1"])
    return path


@pytest.fixture
def settings():
    return Settings(n_simulations=199)


@pytest.fixture
def workspace(tmp_path):
    return open_workspace(tmp_path / "home")


@pytest.fixture
def area(workspace, tmp_path, settings):
    """The small world as an area, without records."""
    sources = AreaSources(roads=write_osm(tmp_path / "roads.osm"), kind="osm")
    add_area(workspace, "test", sources, name="Test corridor", settings=settings)
    return "test"


@pytest.fixture
def make_roads(tmp_path):
    """Return a function that writes the roads of the small world."""
    return lambda name="roads.osm": write_osm(tmp_path / name)


@pytest.fixture
def make_crashes(tmp_path):
    """Return a function that writes the crashes of the small world."""
    return lambda name="crashes.csv", **options: write_crashes(tmp_path / name, **options)


@pytest.fixture
def recorded_area(workspace, area, make_crashes):
    """The small world with its crashes imported."""
    import_records(workspace, "crash", make_crashes(), area=area)
    return area


@pytest.fixture
def call(workspace):
    """Call the command line as a person would; return the finished result."""

    def invoke(*words: str):
        return CliRunner().invoke(cli, ["--home", str(workspace.home), *words])

    return invoke
