"""Small road networks to test with, given as nodes and ways on a metre grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import pytest
from pyproj import Transformer
from shapely import LineString

from core.vocabulary import RoadClass

UTM48 = 32648
ORIGIN_M = (500_000.0, 1_280_000.0)  # on the central meridian, near Phnom Penh's latitude

Node = tuple[float, float] | tuple[float, float, Mapping[str, str]]
Way = tuple[Sequence[int], Mapping[str, str]]
WriteOsm = Callable[..., Path]


def to_lonlat(x_m: float, y_m: float) -> tuple[float, float]:
    back = Transformer.from_crs(UTM48, 4326, always_xy=True)
    return back.transform(ORIGIN_M[0] + x_m, ORIGIN_M[1] + y_m)


def render_osm(
    nodes: Mapping[int, Node], ways: Mapping[int, Way], *, ways_first: bool = False
) -> str:
    node_lines, way_lines = [], []
    for number, (x, y, *tags) in nodes.items():
        lon, lat = to_lonlat(x, y)
        inner = "".join(render_tag(*tag) for tag in (tags[0] if tags else {}).items())
        node_lines.append(
            f'<node id="{number}" version="1" lat="{lat:.9f}" lon="{lon:.9f}">{inner}</node>'
        )
    for number, (refs, tags) in ways.items():
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        inner += "".join(render_tag(*tag) for tag in tags.items())
        way_lines.append(f'<way id="{number}" version="1">{inner}</way>')
    parts = way_lines + node_lines if ways_first else node_lines + way_lines
    return '<?xml version="1.0"?>\n<osm version="0.6">\n' + "\n".join(parts) + "\n</osm>\n"


def render_tag(key: str, value: str) -> str:
    return f"<tag k={quoteattr(key)} v={quoteattr(value)}/>"


@pytest.fixture
def write_osm(tmp_path) -> WriteOsm:
    """Write an .osm file of nodes {id: (x_m, y_m[, tags])} and ways {id: (refs, tags)}."""

    def write(nodes, ways, name="roads.osm", **options) -> Path:
        path = tmp_path / name
        path.write_text(render_osm(nodes, ways, **options), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def all_classes() -> list[str]:
    return [word.value for word in RoadClass]


@pytest.fixture(scope="session")
def options(all_classes) -> dict[str, object]:
    """Return the options of a network with nothing left out and nothing cut."""
    return {
        "road_classes": all_classes,
        "max_segment_length_m": float("inf"),
        "intersection_tolerance_m": 15.0,
    }


@pytest.fixture(scope="session")
def make_lines():
    """Build a line layer in UTM 48N from lists of (x_m, y_m) and columns."""

    def make(lines, **columns) -> gpd.GeoDataFrame:
        shapes = [
            LineString([(x + ORIGIN_M[0], y + ORIGIN_M[1]) for x, y in line]) for line in lines
        ]
        return gpd.GeoDataFrame(columns, geometry=shapes, crs=UTM48)

    return make
