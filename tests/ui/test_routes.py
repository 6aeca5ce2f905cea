"""Routes: tiles, style and assets of finished runs only; nothing outside can be reached."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
import streamlit as st

from geo.tiles import TileReader, count_tile_features
from tests.ui.fixture_run import RUN_ID
from ui.compression import choose_encoding, read_static_file

TILES = f"/tiles/tiny/{RUN_ID}"


@pytest.fixture
def get(home, ask):
    """Ask the routes for an address of the tiny workspace."""
    del home
    return ask


@pytest.fixture(scope="module")
def a_tile(tiny_home):
    with TileReader(tiny_home / "runs" / "tiny" / RUN_ID / "tiles.pmtiles") as reader:
        return next(tile for tile in reader.iterate_tiles() if tile[0] == 14)


def test_health(get):
    status, _, body = get("/health")
    assert (status, json.loads(body)) == (200, {"status": "ok", "n_areas": 1, "n_published": 1})


def test_health_of_a_damaged_workspace(get, home, monkeypatch, tmp_path):
    (tmp_path / "areas" / "x").mkdir(parents=True)
    (tmp_path / "areas" / "x" / "area.json").write_text("{")
    monkeypatch.setenv("SAFECOMMUTE_HOME", str(tmp_path))
    assert get("/health")[0] == 503


def test_tile_is_the_same_plain_and_gzipped(get, a_tile):
    path = "{}/{}/{}/{}.mvt".format(TILES, *a_tile)
    status, headers, plain = get(path)
    assert status == 200
    assert b"content-encoding" not in headers
    assert count_tile_features(plain)["segments"] > 0
    _, headers, packed = get(path, headers=[(b"accept-encoding", b"gzip, br")])
    assert headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(packed) == plain


def test_there_is_no_content_where_there_is_no_road(get):
    assert get(f"{TILES}/14/0/0.mvt")[0] == 204


@pytest.mark.parametrize(
    "path",
    [
        "/tiles/other/20260105T120000Z-0a1b2c3d/14/1/1.mvt",
        "/tiles/tiny/20260105T120000Z-ffffffff/14/1/1.mvt",
        "/tiles/tiny/..%2f..%2fareas/14/1/1.mvt",
        "/tiles/tiny/../14/1/1.mvt",
        "/tiles/../tiny/14/1/1.mvt",
        "/tiles/..\\tiny/x/14/1/1.mvt",
        f"{TILES}/14/-1/1.mvt",
        f"{TILES}/a/1/1.mvt",
        "/tiles/TINY/x/style.json",
        "/assets/../pyproject.toml",
        "/assets/leaflet/../../../../etc/passwd",
        "/assets//etc/passwd",
        "/assets/",
    ],
)
def test_nothing_else_can_be_reached(get, path):
    status, _, body = get(path)
    assert status == 404
    assert b"root:" not in body


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("leaflet/leaflet.js", b"javascript"),
        ("leaflet/leaflet.css", b"css"),
        ("leaflet/images/layers.png", b"png"),
        ("jquery/jquery.min.js", b"javascript"),
        ("fonts/khmer.ttf", b"font"),
    ],
)
def test_assets_are_served_as_what_they_are(get, name, kind):
    status, headers, body = get(f"/assets/{name}")
    assert status == 200
    assert kind in headers[b"content-type"]
    assert len(body) > 300


def test_style_names_this_host_only(get):
    status, _, body = get(f"{TILES}/style.json")
    style = json.loads(body)
    assert status == 200
    assert style["sources"]["safecommute"]["tiles"] == [
        f"http://maps.example:8501{TILES}/{{z}}/{{x}}/{{y}}.mvt"
    ]
    assert (
        style["sources"]["safecommute"]["minzoom"],
        style["sources"]["safecommute"]["maxzoom"],
    ) == (
        6,
        14,
    )
    assert "glyphs" not in style
    assert "sprite" not in style


def test_style_recounts_under_a_filter(get):
    def sites_of(query):
        layers = json.loads(get(f"{TILES}/style.json", query)[2])["layers"]
        expression = next(layer for layer in layers if layer["id"] == "segments-crashes")["filter"][
            1
        ]
        return set().union(*(v for v in expression[2:-1:2])) if expression[0] == "match" else set()

    assert "S3" in sites_of("severity=fatal")
    assert len(sites_of("severity=fatal")) < len(sites_of("dark=dark&severity=fatal,slight")) <= 36
    assert sites_of("from=2030-01-01") == set()


def test_style_refuses_a_strange_filter_or_host(get):
    assert get(f"{TILES}/style.json", "severity=%3Cscript%3E")[0] == 404
    status, _, body = get(f"{TILES}/style.json", host=b"evil.example/<script>")
    assert status == 400
    assert b"evil" not in body


def test_front_end_files_are_compressed_and_nothing_else():
    root = Path(st.__file__).parent / "static"
    script = next((root / "static" / "js").glob("index.*.js"))
    address = "/" + script.relative_to(root).as_posix()
    plain = script.read_bytes()
    assert gzip.decompress(read_static_file(address, "gzip")) == plain
    packed = read_static_file(address, "br")
    unpacked = pa.Codec("brotli").decompress(packed, decompressed_size=len(plain), asbytes=True)
    assert unpacked == plain
    assert read_static_file(address, "") is None
    outside = ["/static/../index.html", "/static/js/../../../__init__.py", "/index.html", "/x.js"]
    outside += ["/static/media/MaterialSymbols-x/../../../../ui/icons/make_subset.py"]
    for other in outside:
        assert read_static_file(other, "gzip") is None


def test_icon_font_is_the_one_of_this_streamlit():
    font = next((Path(st.__file__).parent / "static/static/media").glob("MaterialSymbols-*"))
    small = read_static_file(f"/static/media/{font.name}", "gzip")
    assert small is not None, "Streamlit changed its icon font: run ui/icons/make_subset.py"
    assert len(small) < font.stat().st_size / 4


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, deflate, br", "br"), ("gzip;q=1.0", "gzip"), ("identity", ""), ("", "")],
)
def test_encoding_follows_the_browser(accepted, encoding):
    assert choose_encoding(accepted) == encoding
