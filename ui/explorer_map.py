"""The explorer's map: our own vector tiles below, hotspots that can be clicked on top."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import geopandas as gpd
import numpy as np
import pydeck as pdk
import shapely

from ui.filters import CrashFilter
from ui.state import Shown

__all__ = [
    "HOTSPOT_LAYER",
    "N_NUMBERED",
    "MapView",
    "build_deck",
    "find_view",
    "pick_places",
    "style_address",
]

HOTSPOT_LAYER = "hotspots"
HOTSPOT_RGB = (31, 79, 209)
SELECTED_RGB = (10, 31, 102)
MapView = dict[str, float]
N_PLACES = 18
N_NUMBERED = 25  # hotspots with a number; the others are dots, so that the map stays legible
RADIUS_PX = (11, 4)
FONT = "Source Sans, Noto Sans Khmer, sans-serif"


def style_address(shown: Shown, chosen: CrashFilter) -> str:
    """Return the address of the map's style for a run and a filter."""
    base = f"/tiles/{shown.area.key}/{shown.run_id}/style.json"
    query = urlencode(chosen.to_query())
    return f"{base}?{query}" if query else base


def find_view(bounds: tuple[float, float, float, float], *, width: int, height: int) -> MapView:
    """Return the centre and zoom that show bounds (west, south, east, north) in a box [px]."""
    west, south, east, north = bounds

    def row(latitude: float) -> float:
        return float(np.arcsinh(np.tan(np.radians(latitude)))) / (2 * np.pi)

    span_x = max((east - west) / 360, 1e-6)
    span_y = max(row(north) - row(south), 1e-6)
    zoom = min(np.log2(width * 0.85 / 512 / span_x), np.log2(height * 0.85 / 512 / span_y))
    return {
        "longitude": (west + east) / 2,
        "latitude": (south + north) / 2,
        "zoom": float(np.clip(zoom, 5.0, 15.5)),
    }


def pick_places(places: gpd.GeoDataFrame, n: int = N_PLACES) -> gpd.GeoDataFrame:
    """Choose the largest places, none close to a larger one, for names on the map."""
    order = ["city", "town", "suburb", "village", "neighbourhood", "hamlet"]
    named = places[places["name"].notna()]
    if named.empty:
        return named
    kind = named["kind"].map({word: i for i, word in enumerate(order)}).fillna(len(order))
    ranked = named.assign(_kind=kind, _people=-named["population"].fillna(0))
    ranked = ranked.sort_values(["_kind", "_people", "name"], kind="stable")
    west, south, east, north = ranked.total_bounds
    apart = max(east - west, north - south) / 9
    kept: list[int] = []
    points = shapely.get_coordinates(ranked.geometry.centroid)
    for i, point in enumerate(points):
        if len(kept) == n:
            break
        if not kept or np.hypot(*(points[kept] - point).T).min() >= apart:
            kept.append(i)
    return ranked.iloc[kept].drop(columns=["_kind", "_people"])


def build_deck(
    shown: Shown,
    hotspots: gpd.GeoDataFrame,
    n_crashes: Mapping[str, int],
    *,
    selected: str | None,
    chosen: CrashFilter,
    view: MapView,
    places: gpd.GeoDataFrame | None,
) -> pdk.Deck:
    """Return the map.

    Parameters
    ----------
    shown
        The run.
    hotspots
        Its hotspots with `hotspot_id`, `rank`, `name` and shape.
    n_crashes
        Crashes that pass the filter, by hotspot.
    selected
        Hotspot to draw strongly.
    chosen
        The reader's filter; the roads below are coloured by it too.
    view
        Where to look at first.
    places
        Places to name; may be missing.
    """
    layers = []
    if len(hotspots):
        layers = _hotspot_layers(hotspots.to_crs(4326), n_crashes, selected)
    if places is not None and len(places):
        layers.insert(0, _place_layer(places))
    return pdk.Deck(
        layers=layers,
        initial_view_state=pdk.ViewState(**view, pitch=0, bearing=0, min_zoom=4, max_zoom=18),
        map_style=style_address(shown, chosen),
        map_provider="mapbox",
        tooltip={
            "text": "{label}",
            "style": {"maxWidth": "280px", "fontSize": "13px", "whiteSpace": "pre-line"},
        },
    )


def _hotspot_layers(
    hotspots: gpd.GeoDataFrame, n_crashes: Mapping[str, int], selected: str | None
) -> list[pdk.Layer]:
    paths, badges = [], []
    for row in hotspots.iloc[::-1].itertuples():  # the worst are drawn last, on top
        n = int(n_crashes.get(row.hotspot_id, 0))
        is_selected = row.hotspot_id == selected
        is_numbered = is_selected or row.rank <= N_NUMBERED
        rgb = SELECTED_RGB if is_selected else HOTSPOT_RGB
        common = {
            "hotspot_id": row.hotspot_id,
            "label": f"{row.rank}. {row.name}\n{n} crash{'' if n == 1 else 'es'}",
            "color": [*rgb, 140 if is_selected else 80],
        }
        shape = shapely.line_merge(row.geometry)
        parts = shape.geoms if hasattr(shape, "geoms") else [shape]
        for part in parts:
            path = shapely.get_coordinates(part).round(6).tolist()
            paths.append({**common, "path": path})
        middle = shape.interpolate(0.5, normalized=True) if shape.length else shape.centroid
        badge = {
            **common,
            "color": [*rgb, 255],
            "position": [round(middle.x, 6), round(middle.y, 6)],
            "rank": str(row.rank) if is_numbered else "",
            "radius": RADIUS_PX[0] if is_numbered else RADIUS_PX[1],
        }
        badges.append(badge)
    line = pdk.Layer(
        "PathLayer",
        paths,
        id=f"{HOTSPOT_LAYER}-lines",
        pickable=True,
        get_path="path",
        get_color="color",
        get_width=60,
        width_units=pdk.types.String("meters"),
        width_min_pixels=4,
        width_max_pixels=16,
        cap_rounded=True,
        joint_rounded=True,
    )
    badge = pdk.Layer(
        "ScatterplotLayer",
        badges,
        id=HOTSPOT_LAYER,
        pickable=True,
        get_position="position",
        get_fill_color="color",
        get_line_color=[255, 255, 255],
        get_radius="radius",
        radius_units=pdk.types.String("pixels"),
        line_width_units=pdk.types.String("pixels"),
        get_line_width=1.5,
        stroked=True,
    )
    number = pdk.Layer(
        "TextLayer",
        [{"position": b["position"], "rank": b["rank"]} for b in badges if b["rank"]],
        id=f"{HOTSPOT_LAYER}-numbers",
        get_position="position",
        get_text="rank",
        get_color=[255, 255, 255],
        get_size=12,
        font_weight=700,
        font_family=pdk.types.String(FONT),
    )
    return [line, badge, number]


def _place_layer(places: gpd.GeoDataFrame) -> pdk.Layer:
    points = places.geometry.centroid.to_crs(4326)
    rows = [
        {"name": str(name), "position": [round(point.x, 5), round(point.y, 5)]}
        for name, point in zip(places["name"], points, strict=True)
    ]
    return pdk.Layer(
        "TextLayer",
        rows,
        id="places",
        get_position="position",
        get_text="name",
        get_color=[60, 70, 85],
        get_size=13,
        font_weight=600,
        character_set=pdk.types.String("auto"),
        font_family=pdk.types.String(FONT),
        font_settings={"sdf": True, "fontSize": 48, "radius": 14},
        outline_width=4,
        outline_color=[255, 255, 255, 230],
    )
