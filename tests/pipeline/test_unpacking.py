"""A zipped Shapefile is unpacked beside the archive; anything else is refused in words."""

from __future__ import annotations

import zipfile

import geopandas as gpd
import pytest

from core.errors import DataSourceError, InputError
from pipeline.imports import import_records
from pipeline.unpacking import unpack_shapefile


@pytest.fixture
def shapefile(tmp_path):
    folder = tmp_path / "layer"
    folder.mkdir()
    points = gpd.points_from_xy([104.9, 104.8], [11.5, 11.6], crs=4326)
    values = {"source_id": ["Z1", "Z2"], "date": ["2024-03-05", "2024-03-06"]}
    gpd.GeoDataFrame(values, geometry=points).to_file(folder / "crashes.shp")
    return folder


def pack(tmp_path, files, name="sent.zip"):
    path = tmp_path / "in" / name
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return path


def read_parts(folder, prefix=""):
    return {f"{prefix}{path.name}": path.read_bytes() for path in folder.iterdir()}


def test_a_zipped_shapefile_is_imported(workspace, area, shapefile, tmp_path):
    parts = read_parts(shapefile, "../../some folder/")
    archive = pack(tmp_path, {**parts, "read me.txt": b"hello"})
    layer = unpack_shapefile(archive)
    assert layer == archive.parent / "crashes.shp"
    assert not (archive.parent / "read me.txt").exists()
    assert not (tmp_path / "some folder").exists()
    report = import_records(workspace, "crash", layer, area=area, dry_run=True)
    assert (report["read"], report["accepted"]) == (2, 2)


def test_no_shapefile_or_two_are_refused(shapefile, tmp_path):
    with pytest.raises(InputError, match="holds 0 Shapefiles"):
        unpack_shapefile(pack(tmp_path, {"a.csv": b"x"}))
    parts = read_parts(shapefile)
    with pytest.raises(InputError, match="holds 2 Shapefiles"):
        unpack_shapefile(pack(tmp_path, {**parts, "other.shp": parts["crashes.shp"]}))


def test_what_is_no_archive_or_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "no.zip"
    path.write_text("text")
    with pytest.raises(DataSourceError, match=r"no\.zip"):
        unpack_shapefile(path)
    monkeypatch.setattr("pipeline.unpacking.MAX_BYTES", 10)
    with pytest.raises(DataSourceError, match="unpacks to more than"):
        unpack_shapefile(pack(tmp_path, {"a.shp": b"0" * 11}))
