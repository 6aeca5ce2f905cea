"""Styles in a GeoPackage: one for each layer that is there, readable by QGIS."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from shapely import LineString, Point

from reports.qgis import CLASSES, MEASURED, write_styles

DICTIONARY = pd.DataFrame(
    {
        "layer": ["segments"],
        "column": ["n_crashes"],
        "type": ["int64"],
        "unit": ["crashes in the period"],
        "meaning": ["Reported 'crashes' <&>"],
    }
)
SHAPES = {
    "segments": LineString([(0, 0), (100, 0)]),
    "intersections": Point(0, 0),
    "hotspots": LineString([(0, 0), (50, 0)]),
    "crashes": Point(10, 0),
    "factories": Point(20, 20),
    **{
        name: Point(0, 0) if kind == "marker" else LineString([(0, 0), (9, 0)])
        for name, (kind, _) in MEASURED.items()
    },
    **dict.fromkeys(("high_injury", "hotspot_variants"), LineString([(0, 0), (9, 0)])),
}


@pytest.fixture
def make_package(tmp_path):
    """Return a function that writes a GeoPackage of these layers with their styles."""

    def make(*names, is_synthetic=True):
        path = tmp_path / "x.gpkg"
        for name in names:
            layer = gpd.GeoDataFrame({"n_crashes": [3]}, geometry=[SHAPES[name]], crs=32648)
            pyogrio.write_dataframe(layer, path, layer=name, driver="GPKG")
        write_styles(path, DICTIONARY, is_synthetic=is_synthetic)
        return path

    return make


def query(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def read_styles(path):
    """Return the default styles, parsed, by layer."""
    rows = query(path, "SELECT f_table_name, styleQML FROM layer_styles WHERE useAsDefault = 1")
    return {name: ElementTree.fromstring(qml) for name, qml in rows}


def read_options(symbol):
    return {option.get("name"): option.get("value") for option in symbol.iter("Option")}


def test_every_layer_has_one_default_style_tied_to_its_geometry(make_package):
    path = make_package(*SHAPES)
    assert set(read_styles(path)) == set(SHAPES)
    joined = query(
        path,
        "SELECT COUNT(*) FROM layer_styles s JOIN gpkg_geometry_columns g "
        "ON s.f_table_name = g.table_name AND s.f_geometry_column = g.column_name",
    )
    assert joined == [(len(SHAPES),)]


def test_a_layer_that_is_not_there_gets_no_style(make_package):
    assert set(read_styles(make_package("segments", "crashes"))) == {"segments", "crashes"}


@pytest.mark.parametrize(("name", "size"), [("segments", "line_width"), ("intersections", "size")])
def test_counts_fall_in_five_classes_that_grow_darker_and_wider(make_package, name, size):
    renderer = read_styles(make_package(name))[name].find("renderer-v2")
    assert renderer.get("type") == "graduatedSymbol"
    assert renderer.get("attr") == "n_crashes"
    ranges = [(float(r.get("lower")), float(r.get("upper"))) for r in renderer.iter("range")]
    assert len(ranges) == 5
    for count, position in [(0, 0), (1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4), (999, 4)]:
        assert [i for i, (low, high) in enumerate(ranges) if low <= count <= high] == [position]
    symbols = list(renderer.iter("symbol"))
    assert [s.get("name") for s in symbols] == [r.get("symbol") for r in renderer.iter("range")]
    options = [read_options(symbol) for symbol in symbols]
    sizes = [float(option[size]) for option in options]
    assert sizes == sorted(set(sizes))
    colours = [option["line_color" if name == "segments" else "color"] for option in options]
    light = [sum(int(part) for part in colour.split(",")[:3]) for colour in colours[1:]]
    assert light == sorted(set(light), reverse=True)
    assert colours == [one[3] for one in CLASSES]


def test_crash_dots_appear_only_when_near_and_hotspots_let_roads_shine_through(make_package):
    styles = read_styles(make_package("segments", "hotspots", "crashes"))
    assert styles["crashes"].get("hasScaleBasedVisibilityFlag") == "1"
    assert float(styles["crashes"].get("minScale")) == 50_000
    assert styles["segments"].get("hasScaleBasedVisibilityFlag") == "0"
    assert 0 < float(styles["hotspots"].findtext("layerOpacity")) < 1
    assert float(styles["segments"].findtext("layerOpacity")) == 1


def test_the_dictionary_is_a_registered_table(make_package):
    path = make_package("segments")
    rows = query(path, 'SELECT layer, "column", type, unit, meaning FROM data_dictionary')
    assert rows == [tuple(DICTIONARY.iloc[0])]
    names = {name for name, _ in pyogrio.list_layers(path)}
    assert names == {"segments", "layer_styles", "data_dictionary"}


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_the_descriptions_say_synthetic_only_when_it_is(make_package, is_synthetic):
    path = make_package("segments", is_synthetic=is_synthetic)
    (style,) = query(path, "SELECT description FROM layer_styles")
    (table,) = query(
        path, "SELECT description FROM gpkg_contents WHERE table_name = 'data_dictionary'"
    )
    assert [("SYNTHETIC" in text) for (text,) in (style, table)] == [is_synthetic] * 2


def test_measures_are_coloured_by_excess_and_other_layers_have_a_line(make_package):
    styles = read_styles(make_package("segments", *MEASURED, "high_injury", "hotspot_variants"))
    assert set(styles) == {"segments", *MEASURED, "high_injury", "hotspot_variants"}
    for name, (kind, _) in MEASURED.items():
        renderer = styles[name].find("renderer-v2")
        assert renderer.get("attr") == "excess_expected"
        ranges = renderer.findall("ranges/range")
        assert [float(one.get("upper")) for one in ranges][:-1] == [
            float(one.get("lower")) for one in ranges
        ][1:]
        assert {one.get("type") for one in renderer.findall("symbols/symbol")} == {kind}
    assert styles["segments"].find("renderer-v2").get("attr") == "n_crashes"
