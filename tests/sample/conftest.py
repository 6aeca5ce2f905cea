"""The sample, generated once a session into a folder of its own, and read back."""

from __future__ import annotations

import json
from pathlib import Path

import osmium
import pandas as pd
import pytest
import shapely

from core.settings import Settings
from geo.network import build_network_from_osm
from sample.write import write_sample

TABLES = ("factories", "origins", "vehicles", "crashes", "casualties", "interventions")


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """Return the folder into which the sample was written."""
    out = tmp_path_factory.mktemp("sample")
    write_sample(out)
    return out


@pytest.fixture(scope="session")
def truth(generated):
    return json.loads((generated / "sample" / "truth.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def tables(generated):
    """Return every table as text, with "" where a cell is empty."""
    return {
        name: pd.read_csv(generated / "sample" / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in TABLES
    }


@pytest.fixture(scope="session")
def osm(generated):
    """Return the ways (with nodes and line) and the tagged nodes of the OSM file."""
    path = str(generated / "osm" / "sample.osm.pbf")
    ways, nodes = [], []
    for item in osmium.FileProcessor(path).with_locations():
        if item.is_node() and item.tags:
            nodes.append({"id": item.id, **dict(item.tags)})
        elif item.is_way():
            line = shapely.LineString([(node.lon, node.lat) for node in item.nodes])
            refs = [node.ref for node in item.nodes]
            ways.append({"id": item.id, "refs": refs, "line": line, "tags": dict(item.tags)})
    return ways, nodes


@pytest.fixture(scope="session")
def network(generated):
    """Return the network as the application would build it."""
    settings = Settings()
    return build_network_from_osm(
        Path(generated / "osm" / "sample.osm.pbf"),
        road_classes=settings.road_classes,
        max_segment_length_m=settings.max_segment_length_m,
        intersection_tolerance_m=settings.intersection_tolerance_m,
    )
