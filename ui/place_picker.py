"""Say where something is: click on a map of the roads, or type the coordinates."""

from __future__ import annotations

import json
from typing import Any

import folium
import geopandas as gpd
import shapely
import streamlit as st
from streamlit_folium import st_folium

from core.errors import SafeCommuteError
from pipeline.runs import find_published_run, load_table
from reports.maps import ASSETS_ADDRESS
from ui.state import find_home

__all__ = ["pick_place"]

HEIGHT_PX = 380
N_ROADS = 4_000  # the longest ones of the highest classes: what a page can carry
CLASS_ORDER = ("motorway", "trunk", "primary", "secondary", "tertiary")
SIMPLER_BY_M = 15.0
ROAD_COLOUR, MARK_COLOUR = "#8b95a5", "#1f4fd1"


def pick_place(area: str, key: str, *, lon: str = "", lat: str = "") -> tuple[str, str]:
    """Show a map and two fields for the coordinates; return (lon, lat) as text.

    Parameters
    ----------
    area
        Key of the study area whose roads are drawn.
    key
        Prefix of the widgets' keys.
    lon, lat
        Where it is so far [degrees], empty when not known.
    """
    lon_key, lat_key, seen_key = f"{key}-lon", f"{key}-lat", f"{key}-clicked"
    st.session_state.setdefault(lon_key, lon)
    st.session_state.setdefault(lat_key, lat)
    try:
        roads, bounds = _load_roads(area)
    except SafeCommuteError:
        roads, bounds = None, None
    st.caption("Click on the map where it is, or type the coordinates.")
    here = _read_point(st.session_state[lon_key], st.session_state[lat_key])
    answer = st_folium(
        _draw(roads, bounds),
        feature_group_to_add=_mark(here),
        height=HEIGHT_PX,
        use_container_width=True,
        returned_objects=["last_clicked"],
        key=f"{key}-map",
    )
    clicked = (answer or {}).get("last_clicked")
    if clicked and clicked != st.session_state.get(seen_key):
        st.session_state[seen_key] = clicked
        st.session_state[lon_key] = f"{clicked['lng']:.6f}"
        st.session_state[lat_key] = f"{clicked['lat']:.6f}"
        st.rerun()
    with st.container(horizontal=True):
        st.text_input("Latitude (north)", key=lat_key)
        st.text_input("Longitude (east)", key=lon_key)
    return st.session_state[lon_key], st.session_state[lat_key]


def _read_point(lon: str, lat: str) -> tuple[float, float] | None:
    try:
        x, y = float(lon), float(lat)
    except ValueError:
        return None
    return (x, y) if abs(x) <= 180 and abs(y) <= 90 else None


def _mark(here: tuple[float, float] | None) -> folium.FeatureGroup:
    group = folium.FeatureGroup()
    if here is not None:
        folium.CircleMarker(
            (here[1], here[0]), radius=8, color=MARK_COLOUR, weight=3, fill=True
        ).add_to(group)
    return group


def _draw(roads: str | None, bounds: list[list[float]] | None) -> folium.Map:
    chart = folium.Map(tiles=None, control_scale=True, prefer_canvas=True)
    chart.default_js = [("leaflet", f"{ASSETS_ADDRESS}/leaflet/leaflet.js")]  # no other host
    chart.default_css = [("leaflet", f"{ASSETS_ADDRESS}/leaflet/leaflet.css")]
    if roads is not None:
        style = {"color": ROAD_COLOUR, "weight": 2}
        folium.GeoJson(json.loads(roads), style_function=lambda _: style, interactive=False).add_to(
            chart
        )
    if bounds is not None:
        chart.fit_bounds(bounds)
    return chart


@st.cache_data(max_entries=4, show_spinner="Drawing the roads …")
def _load_roads(area: str) -> tuple[str | None, list[list[float]] | None]:
    """Return the main roads of the published run as GeoJSON, and the map's corners."""
    path = find_published_run(find_home(), area)
    if path is None:
        return None, None
    roads: Any = load_table(path, "segments", ["road_class", "length_m", "geometry"])
    rank = roads["road_class"].map({name: at for at, name in enumerate(CLASS_ORDER)})
    roads = roads.assign(_rank=rank.fillna(len(CLASS_ORDER)))
    roads = roads.sort_values(["_rank", "length_m"], ascending=[True, False]).head(N_ROADS)
    lines = gpd.GeoSeries(
        shapely.simplify(roads.geometry.to_numpy(), SIMPLER_BY_M), crs=roads.crs
    ).to_crs(4326)
    west, south, east, north = lines.total_bounds
    joined = shapely.multilinestrings(
        shapely.set_precision(shapely.get_parts(lines.to_numpy()), 1e-5)
    )
    return str(shapely.to_geojson(joined)), [[south, west], [north, east]]
