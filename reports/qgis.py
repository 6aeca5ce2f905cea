"""Styles kept inside a GeoPackage, so that QGIS opens it ready to read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pandas as pd

__all__ = ["write_styles"]

# ColorBrewer YlOrRd: sequential, safe for the colour-blind, darker is worse.
CLASSES = (
    (0.0, 0.5, "0 crashes", "189,189,189,255", 0.2),
    (0.5, 1.5, "1", "254,204,92,255", 0.5),
    (1.5, 4.5, "2 to 4", "253,141,60,255", 0.8),
    (4.5, 9.5, "5 to 9", "240,59,32,255", 1.1),
    (9.5, 1e9, "10 or more", "189,0,38,255", 1.5),
)
STYLES_TABLE = """
CREATE TABLE IF NOT EXISTS layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
    f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)
"""
DICTIONARY_TABLE = """
CREATE TABLE data_dictionary (
    fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    layer TEXT, "column" TEXT, type TEXT, unit TEXT, meaning TEXT
)
"""
REGISTER_TABLE = """
INSERT OR REPLACE INTO gpkg_contents (table_name, data_type, identifier, description)
VALUES (?, 'attributes', ?, ?)
"""


def write_styles(path: Path, dictionary: pd.DataFrame, *, is_synthetic: bool) -> None:
    """Add default styles and the data dictionary to a GeoPackage.

    Parameters
    ----------
    path
        A GeoPackage with the layers segments, intersections, hotspots, crashes (those
        without a row may be absent).
    dictionary
        `layer, column, type, unit, meaning`.
    is_synthetic
        Whether the descriptions say SYNTHETIC.
    """
    label = "SYNTHETIC: invented data. " if is_synthetic else ""
    styles = {
        "segments": (render_graduated("line"), "Crashes on each stretch of road"),
        "intersections": (render_graduated("marker"), "Crashes at each intersection"),
        "hotspots": (render_single("line", "122,1,119,255", 2.2), "Significant hotspots"),
        "crashes": (render_single("marker", "37,37,37,160", 1.4), "Reported crashes"),
    }
    with closing(sqlite3.connect(path)) as connection, connection:
        present = {
            row[0]: row[1]
            for row in connection.execute("SELECT table_name, column_name FROM gpkg_geometry_columns")
        }
        connection.execute(STYLES_TABLE)
        for name, (qml, description) in styles.items():
            if name in present:
                connection.execute(
                    "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
                    "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, "
                    "owner) VALUES ('', '', ?, ?, ?, ?, '', 1, ?, '')",
                    (name, present[name], name, qml, label + description),
                )
        connection.execute(DICTIONARY_TABLE)
        columns = ["layer", "column", "type", "unit", "meaning"]
        connection.executemany(
            'INSERT INTO data_dictionary (layer, "column", type, unit, meaning) '
            "VALUES (?, ?, ?, ?, ?)",
            dictionary[columns].astype(str).itertuples(index=False, name=None),
        )
        for table, text in (
            ("layer_styles", "QGIS styles"),
            ("data_dictionary", label + "What every column means"),
        ):
            connection.execute(REGISTER_TABLE, (table, table, text))


def render_graduated(kind: str) -> str:
    """Return QML that colours by `n_crashes`."""
    ranges = "".join(
        f'<range lower="{low}" upper="{high}" symbol="{position}" label={quoteattr(label)} '
        'render="true"/>'
        for position, (low, high, label, _, _) in enumerate(CLASSES)
    )
    symbols = "".join(
        render_symbol(kind, str(position), color, width)
        for position, (_, _, _, color, width) in enumerate(CLASSES)
    )
    return wrap(
        '<renderer-v2 type="graduatedSymbol" attr="n_crashes" graduatedMethod="GraduatedColor" '
        f'symbollevels="1" forceraster="0"><ranges>{ranges}</ranges>'
        f"<symbols>{symbols}</symbols></renderer-v2>"
    )


def render_single(kind: str, color: str, width: float) -> str:
    """Return QML with one symbol for all."""
    symbol = render_symbol(kind, "0", color, width)
    return wrap(
        f'<renderer-v2 type="singleSymbol" symbollevels="0" forceraster="0">'
        f"<symbols>{symbol}</symbols></renderer-v2>"
    )


def render_symbol(kind: str, name: str, color: str, width: float) -> str:
    """Return one QGIS symbol: a line of a width, or a marker of a size [mm]."""
    if kind == "line":
        options: Sequence[tuple[str, str]] = (
            ("line_color", color),
            ("line_width", str(width)),
            ("line_width_unit", "MM"),
            ("capstyle", "round"),
            ("joinstyle", "round"),
        )
        layer_class = "SimpleLine"
    else:
        options = (
            ("color", color),
            ("name", "circle"),
            ("outline_style", "no"),
            ("size", str(width + 1)),
            ("size_unit", "MM"),
        )
        layer_class = "SimpleMarker"
    body = "".join(
        f'<Option name="{key}" value={quoteattr(value)} type="QString"/>' for key, value in options
    )
    return (
        f'<symbol name="{name}" type="{kind}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f'<layer class="{layer_class}" enabled="1" locked="0" pass="{name}">'
        f'<Option type="Map">{body}</Option></layer></symbol>'
    )


def wrap(renderer: str) -> str:
    """Return a whole QML document around a renderer."""
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        f'<qgis version="3.22.0" styleCategories="Symbology">{renderer}</qgis>'
    )
