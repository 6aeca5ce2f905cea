from __future__ import annotations

import hashlib
import json

import geopandas as gpd
import numpy as np
import osmium
import pytest
import yaml

from core.errors import (
    ChecksumError,
    ConfigError,
    DataSourceError,
    DownloadError,
    MissingDataError,
)
from geo.file_kinds import find_kind_problem
from geo.manifests import RASTER_ROLES, fetch_source, find_manifest, load_manifests
from tests.geo.file_server import serve
from tests.geo.raster_files import write_raster

PATIENCE = {"max_tries": 1, "timeout_s": 5.0}


@pytest.fixture
def content(tmp_path):
    """Return the bytes of a small raster."""
    place = {"west": 104.0, "north": 12.0, "pixel": 0.1, "crs": 4326}
    path = write_raster(tmp_path / "made.tif", np.ones((8, 8), dtype="float32"), **place)
    return path.read_bytes()


def require_good(folders):
    manifests, refused = load_manifests(folders)
    for error in refused.values():
        raise error
    return manifests


@pytest.fixture
def write(tmp_path):
    """Write a manifest of a file, with changes."""

    def run(stem="people", **changes):
        values = {
            "name": stem,
            "title": "People",
            "what": "How many\n live where",
            "publisher": "Us",
            "licence": "CC BY 4.0",
            "citation": "Us (2026)",
            "homepage": "https://example.org",
            "role": "population",
            "unit": "people per pixel",
            "file_name": f"{stem}.tif",
            "url": "https://example.org/p.tif",
            "needs_account": False,
            "instructions": "",
            "sha256": None,
            "n_bytes": None,
            **changes,
        }
        folder = tmp_path / "sources"
        folder.mkdir(exist_ok=True)
        values = {key: value for key, value in values.items() if value != "left out"}
        (folder / f"{stem}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        return folder

    return run


def test_the_manifests_that_come_along_are_complete(root):
    manifests = require_good([root / "data" / "sources"])
    roles = {manifest.role for manifest in manifests.values()}
    assert {"relief", "night_lights", "population", "roads"} <= roles
    for manifest in manifests.values():
        assert manifest.licence
        assert manifest.citation
        assert manifest.unit == RASTER_ROLES.get(manifest.role, "")
        assert manifest.url is None or manifest.url.startswith("https://")


def test_a_later_folder_replaces_its_namesakes(write, tmp_path, root):
    write()
    own = tmp_path / "own"
    own.mkdir()
    text = (tmp_path / "sources" / "people.yaml").read_text(encoding="utf-8")
    (own / "people.yaml").write_text(text.replace("title: People", "title: Ours"), encoding="utf-8")
    manifests = require_good([tmp_path / "sources", own, tmp_path / "none"])
    assert manifests["people"].title == "Ours"
    assert manifests["people"].what == "How many live where"
    with pytest.raises(MissingDataError, match=r"'poeple': not found \(there is: people\)"):
        find_manifest(manifests, "poeple")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"licence": "left out"}, "lacks licence"),
        ({"colour": "red"}, "colour that is not known"),
        ({"name": "other"}, "name: must be the file's own"),
        ({"role": "weather"}, "'weather' is none of"),
        ({"unit": "people per km2"}, "unit of population is 'people per pixel'"),
        ({"url": "ftp://x/y"}, "no web address"),
        ({"url": None}, "url: give one"),
        ({"url": None, "needs_account": True}, "instructions"),
        ({"sha256": "abc"}, "64 hexadecimal"),
        ({"n_bytes": "many"}, "n_bytes"),
        ({"file_name": "../x.tif"}, "plain name"),
        ({"title": 5}, "title: must be text"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_by_field(write, changes, words):
    with pytest.raises(ConfigError, match=r"people\.yaml.*" + words):
        require_good([write(**changes)])


def test_a_manifest_that_is_no_yaml_is_refused(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.yaml.*cannot be read"):
        require_good([tmp_path])


def test_a_source_is_fetched_once_and_its_checksum_recorded(write, tmp_path, content):
    with serve(content) as files:
        manifest = require_good([write(url=files.url)])["people"]
        first = fetch_source(manifest, tmp_path / "fetched", patience=PATIENCE)
        again = fetch_source(manifest, tmp_path / "fetched", patience=PATIENCE)
        assert len(files.asked) == 1
    assert (first.is_cached, again.is_cached) == (False, True)
    digest = hashlib.sha256(content).hexdigest()
    assert first.sha256 == again.sha256 == digest
    note = json.loads((tmp_path / "fetched" / "people.tif.json").read_text(encoding="utf-8"))
    assert note["sha256"] == digest
    assert note["citation"] == "Us (2026)"
    assert note["etag"] == files.etag
    first.path.write_bytes(b"changed")
    with pytest.raises(ChecksumError, match="was changed since it was fetched"):
        fetch_source(manifest, tmp_path / "fetched", patience=PATIENCE)


def test_a_file_that_came_from_elsewhere_is_not_touched(write, tmp_path):
    manifest = require_good([write()])["people"]
    (tmp_path / "people.tif").write_bytes(b"mine")
    with pytest.raises(DataSourceError, match="did not come from here"):
        fetch_source(manifest, tmp_path, patience=PATIENCE)
    expected = require_good([write(sha256=hashlib.sha256(b"mine").hexdigest())])["people"]
    assert fetch_source(expected, tmp_path, patience=PATIENCE).is_cached


def test_what_needs_an_account_is_explained_not_asked_for(write, tmp_path):
    folder = write(url=None, needs_account=True, instructions="register, then fetch it")
    with pytest.raises(DownloadError, match=r"needs an account.*register, then fetch it"):
        fetch_source(require_good([folder])["people"], tmp_path)


def test_one_bad_manifest_stands_in_the_way_of_no_other(write):
    write("relief", colour="red")
    manifests, refused = load_manifests([write()])
    assert list(manifests) == ["people"]
    with pytest.raises(ConfigError, match=r"relief\.yaml.*colour"):
        find_manifest(manifests, "relief", refused)
    assert find_manifest(manifests, "people", refused).name == "people"


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("people.tif", b"<html>login</html>", "is a web page, no people.tif"),
        ("people.tif", b"not a raster", "is no GeoTIFF that can be read"),
        ("people.osm.pbf", b"\x00\x01 no blocks", "is no OpenStreetMap data"),
        ("people.gpkg", b"SQLite format 3\x00 no pages", "is no GeoPackage"),
        ("people.zip", b"PK no", "is no ZIP archive"),
        ("people.bin", b"", "is empty"),
    ],
)
def test_what_is_not_what_its_name_says_is_not_kept(write, tmp_path, name, body, words):
    with serve(body) as files:
        manifest = require_good([write(url=files.url, file_name=name)])["people"]
        with pytest.raises(DownloadError, match=words):
            fetch_source(manifest, tmp_path / "fetched", patience=PATIENCE)
    assert not (tmp_path / "fetched" / name).exists()
    assert not (tmp_path / "fetched" / f"{name}.part").exists()


def test_a_raster_that_was_cut_short_is_no_raster(write, tmp_path, content):
    with serve(content[: len(content) // 2]) as files:
        manifest = require_good([write(url=files.url)])["people"]
        with pytest.raises(DownloadError, match="is no GeoTIFF"):
            fetch_source(manifest, tmp_path / "fetched", patience=PATIENCE)


def test_good_files_of_each_kind_are_recognised(tmp_path):
    with osmium.SimpleWriter(str(tmp_path / "a.osm.pbf")) as writer:
        writer.add_node(osmium.osm.mutable.Node(id=1, location=(104.9, 11.5)))
    points = gpd.GeoDataFrame({"a": [1]}, geometry=gpd.points_from_xy([104.9], [11.5]), crs=4326)
    points.to_file(tmp_path / "a.gpkg")
    for name in ("a.osm.pbf", "a.gpkg"):
        part = (tmp_path / name).rename(tmp_path / f"{name}.part")
        assert find_kind_problem(part, name) == ""


def test_a_web_page_that_was_kept_before_is_refused(write, tmp_path):
    page = b"<html>login</html>"
    (tmp_path / "people.tif").write_bytes(page)
    note = {"source": "people", "sha256": hashlib.sha256(page).hexdigest()}
    (tmp_path / "people.tif.json").write_text(json.dumps(note))
    manifest = require_good([write()])["people"]
    with pytest.raises(DataSourceError, match=r"is a web page.*delete it and fetch it again"):
        fetch_source(manifest, tmp_path, patience=PATIENCE)
