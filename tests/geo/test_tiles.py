"""Tiles: every zoom holds roads, reading is exact and safe, bad files are named."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import LineString, MultiLineString, Point

from core.errors import DataSourceError, InputError
from geo.tiles import (
    TileReader,
    build_tile_layers,
    count_features_by_zoom,
    count_tile_features,
    write_tiles,
)

ORIGIN = (480_000.0, 1_270_000.0)  # near Phnom Penh, UTM 48N


@pytest.fixture(scope="module")
def sites():
    """A 10 x 10 grid of 400 m streets: 180 segments and 100 intersections."""
    rows, shapes = [], []
    for i in range(10):
        for j in range(10):
            x, y = ORIGIN[0] + 400 * i, ORIGIN[1] + 400 * j
            rows.append(("intersection", "tertiary"))
            shapes.append(Point(x, y))
            for dx, dy in ((400, 0), (0, 400)):
                if (i if dx else j) < 9:
                    rows.append(("segment", "trunk" if j == 0 else "residential"))
                    shapes.append(LineString([(x, y), (x + dx, y + dy)]))
    frame = gpd.GeoDataFrame(rows, columns=["site_type", "road_class"], geometry=shapes, crs=32648)
    frame["site_id"] = [f"{t[0].upper()}{i}" for i, t in enumerate(frame["site_type"])]
    frame["name"] = np.where(frame["road_class"] == "trunk", "ផ្លូវជាតិ", None)
    frame["n_crashes"] = np.arange(len(frame)) % 7
    frame["crashes_per_km_year"] = frame["n_crashes"] / 0.4
    frame["rank"] = np.arange(1, len(frame) + 1)
    return frame


@pytest.fixture(scope="module")
def hotspots():
    line = LineString([ORIGIN, (ORIGIN[0] + 400, ORIGIN[1])])
    values = {"hotspot_id": ["H1"], "rank": [1], "name": ["NR4"], "n_crashes": [9]}
    return gpd.GeoDataFrame(values, geometry=[MultiLineString([line])], crs=32648)


@pytest.fixture(scope="module")
def tiles(sites, hotspots, tmp_path_factory):
    path = tmp_path_factory.mktemp("tiles") / "tiles.pmtiles"
    write_tiles(build_tile_layers(sites, hotspots), path)
    return path


def tile_of(lon, lat, zoom):
    n = 1 << zoom
    x = int((lon + 180) / 360 * n)
    return x, int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n)


def test_every_zoom_holds_roads_and_hotspots(tiles):
    counts = count_features_by_zoom(tiles)
    assert sorted(counts) == list(range(6, 15))
    for zoom, by_layer in counts.items():
        roads = "roads_low" if zoom <= 12 else "segments"  # all 180 fit in the first budget
        assert by_layer[roads] > 0, f"zoom {zoom} shows no road"
        assert by_layer["hotspots"] > 0, f"zoom {zoom} shows no hotspot"
        assert ("intersections" in by_layer) == (zoom >= 11)


def test_high_zoom_keeps_every_segment(tiles):
    # A feature is written once to each tile that it touches, so never less than 180.
    assert count_features_by_zoom(tiles)[14]["segments"] >= 180
    assert count_features_by_zoom(tiles)[11]["roads_low"] >= 180


def test_each_budget_has_its_zooms_and_none_is_left_out(sites, monkeypatch, tmp_path):
    monkeypatch.setattr("geo.tiles.ROAD_BUDGETS", {8: 30, 10: 90})
    layers = build_tile_layers(sites)
    zooms = {name: (layer.min_zoom, layer.max_zoom) for name, layer in layers.items()}
    assert zooms["roads_low"] == (6, 8)
    assert zooms["roads_mid"] == (9, 10)
    assert zooms["roads_high"] == (11, 12)
    assert len(layers["roads_low"].frame) <= 30 < len(layers["roads_mid"].frame) <= 90
    assert len(layers["roads_high"].frame) == 180
    assert min(write_tiles(layers, tmp_path / "tiles.pmtiles").values()) > 0


def test_low_zooms_keep_main_roads_and_crashes_within_the_budget(sites, monkeypatch):
    monkeypatch.setattr("geo.tiles.ROAD_BUDGETS", {8: 30, 10: 90})
    low = build_tile_layers(sites)["roads_low"].frame
    assert len(low) <= 30
    n_trunk = ((sites["site_type"] == "segment") & (sites["road_class"] == "trunk")).sum()
    assert (low["road_class"] == "trunk").sum() == n_trunk
    assert (low.loc[low["road_class"] != "trunk", "n_crashes"] == 6).all()


def test_tile_is_plain_or_gzip_as_asked_and_threads_agree(tiles, sites):
    centre = sites.to_crs(4326).geometry.iloc[0]
    x, y = tile_of(centre.x, centre.y, 14)
    with TileReader(tiles) as reader:
        plain = reader.read(14, x, y)
        assert count_tile_features(plain)["segments"] > 0
        stored = reader.read(14, x, y, decompress=False)
        assert reader.is_gzipped == (stored[:2] == b"\x1f\x8b")
        with ThreadPoolExecutor(8) as pool:
            again = list(pool.map(lambda _: reader.read(14, x, y), range(200)))
        assert set(again) == {plain}


def test_bounds_are_those_of_what_is_drawn(tiles, sites):
    with TileReader(tiles) as reader:
        assert reader.bounds == pytest.approx(sites.to_crs(4326).total_bounds, abs=1e-6)


@pytest.mark.parametrize("zxy", [(14, 0, 0), (6, -1, 0), (6, 64, 0), (99, 0, 0), (3, 0, 0)])
def test_outside_there_is_no_tile(tiles, zxy):
    with TileReader(tiles) as reader:
        assert reader.read(*zxy) is None


def test_khmer_names_survive(tiles, sites):
    trunk = sites[(sites["road_class"] == "trunk") & (sites["site_type"] == "segment")]
    centre = trunk.to_crs(4326).geometry.iloc[0].interpolate(0.5, normalized=True)
    with TileReader(tiles) as reader:
        tile = reader.read(14, *tile_of(centre.x, centre.y, 14))
    assert "ផ្លូវជាតិ".encode() in tile


def test_no_segment_is_refused(sites):
    with pytest.raises(InputError, match="no road segment"):
        build_tile_layers(sites[sites["site_type"] == "intersection"])


def test_no_layer_is_refused(tmp_path):
    with pytest.raises(InputError, match="nothing to draw"):
        write_tiles({}, tmp_path / "t.pmtiles")


def test_empty_hotspots_are_left_out(sites, hotspots):
    assert "hotspots" not in build_tile_layers(sites, hotspots.iloc[:0])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not tiles" * 20, None])
def test_bad_file_is_named(tmp_path, content):
    path = tmp_path / "bad.pmtiles"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataSourceError, match=r"bad\.pmtiles"):
        TileReader(path)


def test_unwritable_folder_is_named(sites, tmp_path):
    with pytest.raises(DataSourceError, match="missing"):
        write_tiles(build_tile_layers(sites), tmp_path / "missing" / "t.pmtiles")
