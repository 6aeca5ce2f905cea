from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
from shapely import LineString, MultiPoint, Point, Polygon

from core.errors import (
    CrsError,
    DataSourceError,
    GeometryError,
    MissingDataError,
    TableError,
)
from geo.vector_io import read_layer, read_lines, read_points, write_layer

SUFFIXES = [".parquet", ".gpkg", ".geojson", ".shp", ".fgb", ".csv"]


@pytest.fixture
def two_lines():
    shapes = [LineString([(104.9, 11.5), (104.91, 11.5)]), LineString([(105, 12), (105, 12.1)])]
    return gpd.GeoDataFrame({"name": ["ផ្លូវ", 'b,"c"']}, geometry=shapes, crs=4326)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_lines_come_back_as_written_in_every_format(tmp_path, two_lines, suffix):
    path = write_layer(two_lines, tmp_path / "made" / f"roads{suffix}")
    back = read_lines(path)
    assert back["name"].tolist() == two_lines["name"].tolist()
    assert back["source_row"].tolist() == [0, 1]
    assert back.crs.to_epsg() == 4326
    assert back.geometry.geom_equals_exact(two_lines.geometry, 1e-9).all()
    assert not [p.name for p in path.parent.iterdir() if "part" in p.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_points_come_back_as_written_in_every_format(tmp_path, suffix):
    frame = gpd.GeoDataFrame({"n": [3, 4]}, geometry=[Point(104.9, 11.5), Point(1, 2)], crs=4326)
    back = read_points(write_layer(frame, tmp_path / f"points{suffix}"))
    assert back["n"].tolist() == [3, 4]
    assert back.geometry.geom_equals_exact(frame.geometry, 1e-9).all()


def test_writing_again_replaces_and_a_projected_layer_keeps_its_system(tmp_path, two_lines):
    path = tmp_path / "roads.gpkg"
    write_layer(two_lines, path)
    write_layer(two_lines.iloc[:1].to_crs(32648), path)
    assert len(read_lines(path)) == 1
    assert read_lines(path).crs.to_epsg() == 32648
    geojson = write_layer(two_lines.to_crs(32648), tmp_path / "roads.geojson")
    assert read_lines(geojson).total_bounds == pytest.approx([104.9, 11.5, 105, 12.1])


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,lon,lat", "1,104.9,11.5"),
        ("id;Longitude;Latitude", "1;104.9;11.5"),
        ("id\tX\tY", "1\t104.9\t11.5"),
        ("id,WKT", "1,POINT (104.9 11.5)"),
    ],
)
def test_a_csv_is_read_whatever_its_separator_and_column_names(tmp_path, header, row):
    path = tmp_path / "points.csv"
    path.write_text(f"\ufeff{header}\n{row}\n", encoding="utf-8")
    frame = read_points(path)
    assert (frame["id"][0], frame.geometry[0].x, frame.geometry[0].y) == (1, 104.9, 11.5)


def test_rows_without_coordinates_stay_with_a_null_geometry(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("id,lon,lat\n1,104.9,11.5\n2,,\n3,east,11\n", encoding="utf-8")
    frame = read_points(path)
    assert frame["id"].tolist() == [1, 2, 3]
    assert frame.geometry.isna().tolist() == [False, True, True]


def test_a_csv_without_coordinates_says_which_columns_are_missing(tmp_path):
    path = tmp_path / "crashes.csv"
    path.write_text("id,where\n1,market\n", encoding="utf-8")
    with pytest.raises(TableError, match=r"crashes\.csv: 2 column.* lon, lat; found: id, where"):
        read_points(path)
    path.write_text("id,wkt\n1,POINT (1 2)\n2,POINT 1 2\n", encoding="utf-8")
    with pytest.raises(GeometryError, match=r"1 row.*first row 1"):
        read_points(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.geojson", b""),
        ("broken.geojson", b'{"type": "FeatureColl'),
        ("text.gpkg", b"not a database"),
        ("cut.parquet", b"PAR1 and no more"),
        ("odd.xyz", b"?"),
        ("empty.csv", b""),
        ("latin.csv", "lon,lat,é\n1,2,é\n".encode("latin-1")),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataSourceError, match=name):
        read_layer(path)


def test_a_table_without_geometry_is_no_layer(tmp_path):
    path = tmp_path / "plain.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(DataSourceError, match=r"plain\.parquet"):
        read_layer(path)
    with pytest.raises(MissingDataError, match=r"gone\.gpkg"):
        read_layer(tmp_path / "gone.gpkg")


def test_the_wrong_kind_of_geometry_is_refused(tmp_path, two_lines):
    lines = write_layer(two_lines, tmp_path / "lines.gpkg")
    with pytest.raises(GeometryError, match=r"lines\.gpkg: 2 of 2 row.*no points.*row 0"):
        read_points(lines)
    square = Polygon([(0, 0), (1, 0), (1, 1)])
    mixed = gpd.GeoDataFrame(geometry=[two_lines.geometry[0], square], crs=4326)
    path = write_layer(mixed, tmp_path / "mixed.geojson")
    with pytest.raises(GeometryError, match=r"1 of 2 row.*no lines, first row 1 \(Polygon\)"):
        read_lines(path)
    several = gpd.GeoDataFrame(geometry=[MultiPoint([(0, 0), (1, 1)])], crs=4326)
    with pytest.raises(GeometryError, match="several points, first row 0"):
        read_points(write_layer(several, tmp_path / "several.gpkg"))
    nothing = gpd.GeoDataFrame(geometry=[None, None], crs=4326)
    with pytest.raises(GeometryError, match="holds no line"):
        read_lines(write_layer(nothing, tmp_path / "nothing.parquet"))


def test_a_layer_that_names_no_system_needs_one(tmp_path, two_lines):
    path = tmp_path / "roads.parquet"
    two_lines.set_crs(None, allow_override=True).to_parquet(path)
    with pytest.raises(CrsError, match="names no coordinate system"):
        read_layer(path)
    assert read_layer(path, crs="EPSG:4326").crs.to_epsg() == 4326


def test_topojson_is_wgs84_though_it_says_nothing(tmp_path):
    text = {
        "type": "Topology",
        "objects": {
            "roads": {"type": "GeometryCollection", "geometries": [
                {"type": "LineString", "arcs": [0], "properties": {"name": "a"}}]},
        },
        "arcs": [[[104.9, 11.5], [105.0, 11.5]]],
    }  # fmt: skip
    path = tmp_path / "roads.topojson"
    path.write_text(json.dumps(text), encoding="utf-8")
    assert read_lines(path).crs.to_epsg() == 4326


def test_an_unknown_format_or_a_folder_that_cannot_be_is_refused(tmp_path, two_lines):
    with pytest.raises(DataSourceError, match=r"'.dwg' cannot be written"):
        write_layer(two_lines, tmp_path / "roads.dwg")
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(DataSourceError, match="cannot be written"):
        write_layer(two_lines, tmp_path / "file" / "roads.gpkg")
