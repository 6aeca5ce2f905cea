"""Styles kept inside a GeoPackage, so that QGIS opens it ready to read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pandas as pd

__all__ = ["write_styles"]

# ColorBrewer OrRd, as on our maps: safe for the colour-blind, darker and wider is worse.
# Lower and upper end, label, colour (RGBA), width of a line [mm], diameter of a marker [mm].
CLASSES = (
    (0.0, 0.5, "0 crashes", "188,196,207,255", 0.2, 0.5),
    (0.5, 1.5, "1", "253,187,132,255", 0.6, 1.8),
    (1.5, 4.5, "2 to 4", "252,141,89,255", 0.9, 2.2),
    (4.5, 9.5, "5 to 9", "215,48,31,255", 1.2, 2.6),
    (9.5, 1e9, "10 or more", "127,0,0,255", 1.6, 3.2),
)
EXCESS_CLASSES = (
    (-1e9, 0.1, "under 0.1 crashes a year more than usual", "188,196,207,255", 0.2, 0.5),
    (0.1, 0.3, "0.1 to 0.3", "253,187,132,255", 0.6, 1.8),
    (0.3, 1.0, "0.3 to 1", "252,141,89,255", 0.9, 2.2),
    (1.0, 3.0, "1 to 3", "215,48,31,255", 1.2, 2.6),
    (3.0, 1e9, "3 or more", "127,0,0,255", 1.6, 3.2),
)
MEASURED = {
    "segment_measures": ("line", "stretch of road"),
    "intersection_measures": ("marker", "intersection"),
    "corridors": ("line", "whole named road"),
    "windows": ("line", "300 m window along a named road"),
}
HIGH_INJURY_LINE = ("106,27,154,255", 1.0)
VARIANT_HALO = ("37,37,37,30", 2.0)  # many ways find the same place: the darker, the more
HOTSPOT_HALO = ("31,79,209,255", 3.6)
HOTSPOT_OPACITY = 0.45  # of the whole layer, so that crossing roads of one do not add up
CRASH_DOT = ("37,37,37,150", 1.1)
CRASHES_FROM_SCALE = 50_000  # farther out the dots would hide the roads' colours
FACTORY_SQUARE = ("0,109,91,255", 3.0)
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

    QGIS takes the style of each layer from the table `layer_styles` when it is opened.

    Parameters
    ----------
    path
        A GeoPackage with any of the layers of an export; others are left without a style.
    dictionary
        `layer, column, type, unit, meaning`.
    is_synthetic
        Whether the descriptions say SYNTHETIC.
    """
    label = "SYNTHETIC: invented data. " if is_synthetic else ""
    styles = {
        "segments": (render_graduated("line"), "Crashes on each stretch of road"),
        "intersections": (render_graduated("marker"), "Crashes at each intersection"),
        "hotspots": (
            render_single("line", *HOTSPOT_HALO, opacity=HOTSPOT_OPACITY),
            "Significant hotspots",
        ),
        "crashes": (
            render_single("marker", *CRASH_DOT, from_scale=CRASHES_FROM_SCALE),
            f"Reported crashes; drawn from 1:{CRASHES_FROM_SCALE} inwards",
        ),
        "factories": (render_single("marker", *FACTORY_SQUARE, shape="square"), "Factories"),
        "high_injury": (
            render_single("line", *HIGH_INJURY_LINE),
            "Stretches of road with deaths or serious injuries",
        ),
        "hotspot_variants": (
            render_single("line", *VARIANT_HALO),
            "What each method finds against each null, under each control",
        ),
        **{
            name: (
                render_graduated(kind, "excess_expected", EXCESS_CLASSES),
                f"Crashes a year above what is usual, luck taken out, of each {words}",
            )
            for name, (kind, words) in MEASURED.items()
        },
    }
    with closing(sqlite3.connect(path)) as connection, connection:
        present = {
            row[0]: row[1]
            for row in connection.execute(
                "SELECT table_name, column_name FROM gpkg_geometry_columns"
            )
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


def render_graduated(
    kind: str,
    attribute: str = "n_crashes",
    classes: Sequence[tuple[float, float, str, str, float, float]] = CLASSES,
) -> str:
    """Return QML that colours lines or markers by a number; the worst are drawn on top."""
    ranges = "".join(
        f'<range lower="{low}" upper="{high}" symbol="{position}" label={quoteattr(label)} '
        'render="true"/>'
        for position, (low, high, label, *_) in enumerate(classes)
    )
    symbols = "".join(
        render_symbol(kind, position, color, width if kind == "line" else diameter)
        for position, (_, _, _, color, width, diameter) in enumerate(classes)
    )
    return wrap(
        f'<renderer-v2 type="graduatedSymbol" attr="{attribute}" '
        'graduatedMethod="GraduatedColor" '
        f'symbollevels="1" forceraster="0"><ranges>{ranges}</ranges>'
        f"<symbols>{symbols}</symbols></renderer-v2>"
    )


def render_single(
    kind: str,
    color: str,
    size: float,
    *,
    shape: str = "circle",
    opacity: float = 1.0,
    from_scale: int | None = None,
) -> str:
    """Return QML with one symbol for all, drawn only nearer than 1:`from_scale` if given."""
    symbol = render_symbol(kind, 0, color, size, shape=shape)
    return wrap(
        '<renderer-v2 type="singleSymbol" symbollevels="0" forceraster="0">'
        f"<symbols>{symbol}</symbols></renderer-v2>",
        opacity=opacity,
        from_scale=from_scale,
    )


def render_symbol(
    kind: str, position: int, color: str, size: float, *, shape: str = "circle"
) -> str:
    """Return one QGIS symbol: a line of a width, or a marker of a diameter [mm]."""
    if kind == "line":
        options: Sequence[tuple[str, str]] = (
            ("line_color", color),
            ("line_width", str(size)),
            ("line_width_unit", "MM"),
            ("capstyle", "round"),
            ("joinstyle", "round"),
        )
        layer_class = "SimpleLine"
    else:
        options = (
            ("color", color),
            ("name", shape),
            ("outline_style", "solid" if shape == "square" else "no"),
            ("outline_color", "255,255,255,255"),
            ("outline_width", "0.3"),
            ("size", str(size)),
            ("size_unit", "MM"),
        )
        layer_class = "SimpleMarker"
    body = "".join(
        f'<Option name="{key}" value={quoteattr(value)} type="QString"/>' for key, value in options
    )
    return (
        f'<symbol name="{position}" type="{kind}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f'<layer class="{layer_class}" enabled="1" locked="0" pass="{position}">'
        f'<Option type="Map">{body}</Option></layer></symbol>'
    )


def wrap(renderer: str, *, opacity: float = 1.0, from_scale: int | None = None) -> str:
    """Return a whole QML document around a renderer."""
    visibility = 'hasScaleBasedVisibilityFlag="0"'
    if from_scale is not None:  # QGIS calls the far end of the range minScale
        visibility = f'hasScaleBasedVisibilityFlag="1" minScale="{from_scale}" maxScale="0"'
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        f'<qgis version="3.22.0" styleCategories="Symbology|Rendering" {visibility}>'
        f"{renderer}<layerOpacity>{opacity}</layerOpacity></qgis>"
    )
