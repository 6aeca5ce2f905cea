"""Maps to share: a hotspot's surroundings as one HTML file that needs no connection.

Roads are drawn as lines, so no map tiles are needed; text from records is escaped.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import shapely
from branca.element import MacroElement
from folium.template import Template
from xstatic.pkg import jquery, leaflet

from core.errors import InputError
from reports.map_style import (
    HOTSPOT_COLOUR,
    NO_CRASH_COLOUR,
    CountClass,
    find_count_class,
    write_attribution,
)

__all__ = ["ASSETS_ADDRESS", "render_hotspot_map", "render_page_html", "render_standalone_html"]

ASSETS_ADDRESS = "/assets"
LEAFLET_FOLDER = Path(leaflet.BASE_DIR)
JQUERY_FILE = Path(jquery.BASE_DIR) / "jquery.min.js"
ROAD_WIDTHS = {"motorway": 5, "trunk": 5, "primary": 4, "secondary": 3.5, "tertiary": 3}
WORST_COLOUR = "#111111"
OTHER_COLOUR = "#5b6675"
PAGE_STYLE = """
html, body { height: 100%; margin: 0; }
body { font: 14px/1.4 'Source Sans 3', 'Noto Sans Khmer', system-ui, sans-serif; }
.leaflet-container { background: #f6f7f9; font: inherit !important; }
.sc-box { background: rgba(255,255,255,.94); border: 1px solid #d8dee6; border-radius: 4px;
  padding: 8px 10px; color: #1b2430; max-width: min(320px, 70vw); }
.sc-title { font-weight: 600; font-size: 15px; margin: 0 0 2px; }
.sc-note { color: #4a5563; font-size: 12px; margin: 0; }
.sc-synthetic { background: #7a1f6d; color: #fff; font-weight: 600; padding: 2px 6px;
  border-radius: 3px; display: inline-block; margin: 4px 0; }
.sc-legend summary { color: #4a5563; font-size: 12px; cursor: pointer; }
.sc-legend i { display: inline-block; width: 22px; margin-right: 6px; vertical-align: middle; }
.sc-place { white-space: nowrap; font-weight: 600; color: #2b3645;
  text-shadow: 0 0 3px #fff, 0 0 3px #fff, 0 0 3px #fff; }
@media (max-width: 619px) {
  .sc-title { font-size: 13px; }
  .sc-synthetic { font-size: 11px; }
  .sc-box { padding: 4px 7px; }
}
.sc-north { text-align: center; font-weight: 600; line-height: 1.1; padding: 4px 8px; }
"""


class _Control(MacroElement):
    """A box of our own HTML in a corner of the map."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        (function () {
            var box = L.control({position: {{ this.corner|tojson }}});
            box.onAdd = function () {
                var div = L.DomUtil.create("div", {{ this.css|tojson }});
                div.innerHTML = {{ this.body|tojson }};
                if (window.innerWidth < 620) {
                    div.querySelectorAll("details").forEach(function (d) { d.open = false; });
                }
                L.DomEvent.disableClickPropagation(div);
                return div;
            };
            box.addTo({{ this._parent.get_name() }});
        })();
        {% endmacro %}
        """
    )

    def __init__(self, body: str, *, corner: str, css: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "SafecommuteControl"
        self.body, self.corner, self.css = body, corner, css


class _PlaceName(MacroElement):
    """A name on the map; folium's own marker would first fetch a picture of a pin."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        L.marker({{ this.at|tojson }}, {
            interactive: false,
            keyboard: false,
            icon: L.divIcon({className: "sc-place", iconSize: null, html: {{ this.body|tojson }}})
        }).addTo({{ this._parent.get_name() }});
        {% endmacro %}
        """
    )

    def __init__(self, latitude: float, longitude: float, body: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "SafecommutePlaceName"
        self.at, self.body = [latitude, longitude], body


class _Scale(MacroElement):
    """A metric scale."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        L.control.scale({imperial: false, maxWidth: 140}).addTo({{ this._parent.get_name() }});
        {% endmacro %}
        """
    )

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "SafecommuteScale"


def render_hotspot_map(
    hotspot: Mapping[str, Any],
    segments: gpd.GeoDataFrame,
    crashes: gpd.GeoDataFrame,
    *,
    period: str,
    is_synthetic: bool,
    classes: Sequence[CountClass],
    places: gpd.GeoDataFrame | None = None,
    height: str = "100%",
) -> folium.Map:
    """Draw one hotspot, the roads around it and its crashes.

    Parameters
    ----------
    hotspot
        Row of the hotspots table: `hotspot_id`, `name`, `n_crashes`, `geometry`.
    segments
        Roads to draw, with `name`, `road_class` and `n_crashes`; same CRS as the hotspot.
    crashes
        Crashes of the hotspot, with `severity` and a point or an empty point each.
    period
        Period in words, written beside every count.
    is_synthetic
        Write SYNTHETIC on the map.
    classes
        Colours of the roads by count, from `reports.map_style.choose_count_classes`.
    places
        Villages and towns to name, with `name` and, when there is one, `name_km`.
    height
        Height of the map in its page, as CSS.

    Raises
    ------
    InputError
        If the hotspot has no shape or the layers have no CRS.
    """
    shape = hotspot["geometry"]
    if shape is None or shape.is_empty or segments.crs is None:
        message = f"map of {hotspot.get('hotspot_id')}: has no shape, or the roads no CRS."
        raise InputError(message)
    line = gpd.GeoSeries([shape], crs=segments.crs).to_crs(4326)
    west, south, east, north = line.total_bounds
    drawn = folium.Map(tiles=None, height=height, attribution_control=False, zoom_control="topleft")
    _add_roads(drawn, segments, period, classes)
    halo = {"color": HOTSPOT_COLOUR, "weight": 14, "opacity": 0.35, "lineCap": "round"}
    label = f"{_text(hotspot['name'])}<br>{int(hotspot['n_crashes'])} crashes, {_text(period)}"
    folium.GeoJson(
        line.__geo_interface__,
        style_function=lambda _: halo,
        tooltip=folium.Tooltip(label, sticky=True),
    ).add_to(drawn)
    _add_crashes(drawn, crashes)
    _add_places(drawn, places)
    _add_boxes(
        drawn,
        hotspot,
        period,
        _write_legend(classes, write_attribution(is_synthetic=is_synthetic)),
        is_synthetic,
    )
    drawn.fit_bounds([[south, west], [north, east]], padding=(60, 60), max_zoom=17)
    return drawn


def render_page_html(drawn: folium.Map) -> str:
    """Return the map as a page that takes its scripts from the app's own addresses."""
    base = f"{ASSETS_ADDRESS}/leaflet"
    head = (
        f'<link rel="stylesheet" href="{base}/leaflet.css">'
        f'<script src="{ASSETS_ADDRESS}/jquery/jquery.min.js"></script>'
        f'<script src="{base}/leaflet.js"></script>'
    )
    return _render(drawn, head)


def render_standalone_html(drawn: folium.Map) -> str:
    """Return the map as one HTML file that holds its scripts and asks nobody for anything."""
    script = _read_script(LEAFLET_FOLDER / "leaflet.js")
    head = (
        f"<style>{_inline_css()}</style>"
        f"<script>{_read_script(JQUERY_FILE)}</script><script>{script}</script>"
    )
    return _render(drawn, head)


def _render(drawn: folium.Map, head: str) -> str:
    """Render with folium's own links taken out and ours put in their place."""
    drawn.default_js, drawn.default_css = [], []
    page = drawn.get_root().render()
    policy = (
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "script-src 'unsafe-inline' 'self'; style-src 'unsafe-inline' 'self'; "
        "img-src data: 'self'; font-src 'self' data:\">"
        '<link rel="icon" href="data:,">'
    )
    return page.replace("<head>", f"<head>{policy}{head}<style>{PAGE_STYLE}</style>", 1)


def _add_roads(
    drawn: folium.Map, segments: gpd.GeoDataFrame, period: str, classes: Sequence[CountClass]
) -> None:
    """Draw roads, the ones with most crashes on top, each with its count on hover."""
    roads = _drop_shapeless(segments)
    if roads.empty:
        return
    roads = roads.to_crs(4326).sort_values("n_crashes", kind="stable")
    coordinates = shapely.set_precision(roads.geometry.to_numpy(), 1e-6, mode="pointwise")
    features = []
    for shape, name, road_class, n in zip(
        coordinates, roads["name"], roads["road_class"], roads["n_crashes"], strict=True
    ):
        words = f"{_text(name, 'Unnamed road')} ({_text(road_class)})"
        label = f"{words}<br>{_crashes(int(n))}, {_text(period)}"
        found = find_count_class(int(n), classes)
        properties = {
            "label": label,
            "color": found.colour if found else NO_CRASH_COLOUR,
            "weight": ROAD_WIDTHS.get(str(road_class), 2) + (1.5 if found else 0),
        }
        features.append(
            {
                "type": "Feature",
                "properties": properties,
                "geometry": shapely.geometry.mapping(shape),
            }
        )
    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        style_function=lambda feature: {
            "color": feature["properties"]["color"],
            "weight": feature["properties"]["weight"],
            "lineCap": "round",
        },
        tooltip=folium.GeoJsonTooltip(fields=["label"], aliases=[""], labels=False, sticky=True),
    ).add_to(drawn)


def _add_crashes(drawn: folium.Map, crashes: gpd.GeoDataFrame) -> None:
    """Draw each crash that has a place as a dot; its tooltip holds nothing that identifies."""
    there = _drop_shapeless(crashes)
    if there.empty:
        return
    for point, severity in zip(there.to_crs(4326).geometry, there["severity"], strict=True):
        is_worst = severity in ("fatal", "serious")
        folium.CircleMarker(
            (point.y, point.x),
            radius=6 if is_worst else 4,
            color="#ffffff",
            weight=1,
            fill=True,
            fill_color=WORST_COLOUR if is_worst else OTHER_COLOUR,
            fill_opacity=0.95,
            tooltip=folium.Tooltip(f"One crash: {_text(severity, 'severity not recorded')}"),
        ).add_to(drawn)


def _add_places(drawn: folium.Map, places: gpd.GeoDataFrame | None) -> None:
    """Write the names of places, English with Khmer below."""
    if places is None or places.empty:
        return
    for point, name, khmer in zip(
        places.to_crs(4326).geometry, places["name"], places["name_km"], strict=True
    ):
        words = "<br>".join(text for text in (_text(name, ""), _text(khmer, "")) if text)
        _PlaceName(point.y, point.x, words).add_to(drawn)


def _add_boxes(
    drawn: folium.Map, hotspot: Mapping[str, Any], period: str, legend: str, is_synthetic: bool
) -> None:
    """Put the title, the legend, north and the source on the map."""
    synthetic = (
        '<div class="sc-synthetic">SYNTHETIC: invented data, no real crash</div>'
        if is_synthetic
        else ""
    )
    n = int(hotspot["n_crashes"])
    title = (
        f'<p class="sc-title">{_text(hotspot["name"])}</p>{synthetic}'
        f'<p class="sc-note">{_crashes(n)} on this hotspot, {_text(period)}</p>'
    )
    _Control(title, corner="topright", css="sc-box").add_to(drawn)
    _Control(legend, corner="bottomright", css="sc-box sc-legend").add_to(drawn)
    _Control("▲<br>N", corner="topleft", css="sc-box sc-north").add_to(drawn)
    _Scale().add_to(drawn)


def _drop_shapeless(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    shapes = frame.geometry.to_numpy()
    return frame[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]


def _write_legend(classes: Sequence[CountClass], attribution: str) -> str:
    """Explain lines and dots; it can be folded away on a small screen."""
    lines = "".join(
        [
            _legend_line(2, NO_CRASH_COLOUR, "none reported"),
            *(_legend_line(s.width_px + 1, s.colour, s.label) for s in classes),
            _legend_line(10, HOTSPOT_COLOUR, "hotspot", opacity=0.35),
            _legend_dot(12, WORST_COLOUR, "fatal or serious crash"),
            _legend_dot(8, OTHER_COLOUR, "other crash"),
        ]
    )
    return (
        f"<details open><summary>Crashes on one stretch of road</summary>{lines}</details>"
        f'<p class="sc-note">{attribution}</p>'
    )


def _legend_line(width_px: float, colour: str, label: str, *, opacity: float = 1.0) -> str:
    line = f"border-top:{width_px:.0f}px solid {colour};opacity:{opacity:g}"
    return f'<div><i style="{line}"></i>{label}</div>'


def _legend_dot(size_px: int, colour: str, label: str) -> str:
    side = (22 - size_px) // 2
    dot = f"width:{size_px}px;height:{size_px}px;border-radius:50%;background:{colour}"
    return f'<div><i style="{dot};margin:0 {side + 6}px 0 {side}px"></i>{label}</div>'


def _crashes(n: int) -> str:
    return "no crash reported" if n == 0 else "1 crash" if n == 1 else f"{n:,} crashes"


def _text(value: object, missing: str = "") -> str:
    """Return a record's text so that a browser shows it and never runs it."""
    is_missing = value is None or value != value
    return html.escape(missing if is_missing else str(value), quote=True)


@lru_cache(maxsize=4)
def _read_script(path: Path) -> str:
    """Read a script so that it can stand inside a page."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"//# sourceMappingURL=\S+", "", text)
    return text.replace("</script", "<\\/script")


@lru_cache(maxsize=1)
def _inline_css() -> str:
    """Return Leaflet's style sheet with its pictures inside."""

    def inline(match: re.Match[str]) -> str:
        name = match.group(1).strip("'\"")
        if name.startswith(("#", "data:")):
            return match.group(0)
        data = base64.b64encode((LEAFLET_FOLDER / name).read_bytes()).decode()
        return f"url(data:image/png;base64,{data})"

    text = (LEAFLET_FOLDER / "leaflet.css").read_text(encoding="utf-8")
    return re.sub(r"url\(([^)]+)\)", inline, text)
