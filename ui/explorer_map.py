"""The explorer's map: our own vector tiles below, hotspots that can be clicked on top."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import geopandas as gpd
import numpy as np
import pydeck as pdk
import shapely

from ui.filters import CrashFilter
from ui.flow_filter import FlowFilter
from ui.state import Shown

__all__ = [
    "HOTSPOT_LAYER",
    "N_NUMBERED",
    "MapView",
    "SmallDeck",
    "build_deck",
    "find_view",
    "make_place_layer",
    "pick_places",
    "style_address",
]

HOTSPOT_LAYER = "hotspots"
HOTSPOT_RGB = (31, 79, 209)
SELECTED_RGB = (10, 31, 102)
MapView = dict[str, float]
N_PLACES = 18
N_NUMBERED = 25  # hotspots with a number; the others are dots, so that the map stays legible
BADGE_PX, DOT_PX = 11.0, 4.0
FONT = "Source Sans, Noto Sans Khmer, sans-serif"


class SmallDeck(pdk.Deck):  # type: ignore[misc]
    """A deck whose JSON carries no spaces: it is sent anew after every click."""

    def to_json(self) -> str:
        """Return the deck as compact JSON."""
        return json.dumps(json.loads(super().to_json()), separators=(",", ":"))


def style_address(shown: Shown, chosen: CrashFilter | FlowFilter) -> str:
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
        layers.insert(0, make_place_layer(places))
    return SmallDeck(
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
    """Draw a badge or a dot for each hotspot, and the chosen one's stretch."""
    dots, badges, paths = [], [], []
    shapes = shapely.line_merge(hotspots.geometry.to_numpy())
    middles = shapely.get_coordinates(shapely.line_interpolate_point(shapes, 0.5, normalized=True))
    rows = hotspots[["hotspot_id", "rank", "name"]].to_dict("records")
    for i, row in reversed(list(enumerate(rows))):  # the worst are drawn last, on top
        n = int(n_crashes.get(row["hotspot_id"], 0))
        is_selected = row["hotspot_id"] == selected
        mark = {
            "hotspot_id": row["hotspot_id"],
            "label": f"{row['rank']}. {row['name']}\n{n} crash{'' if n == 1 else 'es'}",
            "position": middles[i].round(5).tolist(),
        }
        if not is_selected and row["rank"] > N_NUMBERED:
            dots.append(mark)
            continue
        colour = SELECTED_RGB if is_selected else HOTSPOT_RGB
        badges.append({**mark, "rank": str(row["rank"]), "color": list(colour)})
        if is_selected:
            paths = [
                {**mark, "path": shapely.get_coordinates(part).round(5).tolist()}
                for part in shapely.get_parts(shapes[i])
            ]
    layers = [_path_layer(paths)] if paths else []
    if dots:
        layers.append(_circle_layer(f"{HOTSPOT_LAYER}-dots", dots, list(HOTSPOT_RGB), DOT_PX))
    layers.append(_circle_layer(HOTSPOT_LAYER, badges, "color", BADGE_PX))
    numbers = [{"position": badge["position"], "rank": badge["rank"]} for badge in badges]
    layers.append(
        pdk.Layer(
            "TextLayer",
            numbers,
            id=f"{HOTSPOT_LAYER}-numbers",
            get_position="position",
            get_text="rank",
            get_color=[255, 255, 255],
            get_size=12,
            font_weight=700,
            font_family=pdk.types.String(FONT),
        )
    )
    return layers


def _path_layer(paths: list[dict[str, Any]]) -> pdk.Layer:
    return pdk.Layer(
        "PathLayer",
        paths,
        id=f"{HOTSPOT_LAYER}-chosen",
        get_path="path",
        get_color=[*SELECTED_RGB, 140],
        get_width=60,
        width_units=pdk.types.String("meters"),
        width_min_pixels=5,
        width_max_pixels=16,
        cap_rounded=True,
        joint_rounded=True,
    )


def _circle_layer(
    layer_id: str, rows: list[dict[str, Any]], colour: str | list[int], radius_px: float
) -> pdk.Layer:
    return pdk.Layer(
        "ScatterplotLayer",
        rows,
        id=layer_id,
        pickable=True,
        get_position="position",
        get_fill_color=colour,
        get_line_color=[255, 255, 255],
        get_radius=radius_px,
        radius_units=pdk.types.String("pixels"),
        line_width_units=pdk.types.String("pixels"),
        get_line_width=1.5,
        stroked=True,
    )


def make_place_layer(places: gpd.GeoDataFrame) -> pdk.Layer:
    """Return a layer that writes the names of places."""
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
