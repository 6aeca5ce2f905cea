"""Maps of commutes: our own tiles coloured by workers, gates and villages on top."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pydeck as pdk
import shapely

from ui.explorer_map import MapView, SmallDeck, make_place_layer, style_address
from ui.flow_filter import FlowFilter
from ui.state import Shown

__all__ = ["GATE_LAYER", "build_flow_deck", "has_point", "name_factories"]

GATE_LAYER = "gates"
GATE_RGB = (122, 31, 109)
CHOSEN_RGB = (10, 31, 102)
VILLAGE_RGB = (232, 119, 34)
HOTSPOT_RGB = (31, 79, 209)


def build_flow_deck(
    shown: Shown,
    chosen: FlowFilter,
    gates: gpd.GeoDataFrame,
    *,
    view: MapView,
    villages: gpd.GeoDataFrame | None = None,
    hotspots: gpd.GeoDataFrame | None = None,
    places: gpd.GeoDataFrame | None = None,
) -> pdk.Deck:
    """Return a map of who travels where.

    Parameters
    ----------
    shown
        The run.
    chosen
        Whose ways colour the roads.
    gates
        Factories with `factory_id`, `label` and a point; a click on one chooses it.
    view
        Where to look at first.
    villages
        Where workers come from, with `label` and `workers_per_day`.
    hotspots
        To mark on the way, with `label`.
    places
        Places to name.
    """
    layers = [make_place_layer(places)] if places is not None and len(places) else []
    if hotspots is not None and len(hotspots):
        layers.append(_draw_hotspots(hotspots.to_crs(4326)))
    if villages is not None and len(villages):
        layers.append(_draw_villages(villages.to_crs(4326)))
    layers.append(_draw_gates(gates.to_crs(4326), chosen.factory_id))
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


def has_point(frame: gpd.GeoDataFrame) -> pd.Series:
    """Tell which rows have a place."""
    there: pd.Series = ~(frame.geometry.is_empty | frame.geometry.isna())
    return there


def name_factories(factories: pd.DataFrame) -> pd.Series:
    """Return what factories are called on the pages; a name that is missing is left out."""
    ids = factories["factory_id"].astype("object")
    names = factories["name"].astype("object")
    named = [
        one if pd.isna(name) else f"{one} · {name}" for one, name in zip(ids, names, strict=True)
    ]
    return pd.Series(named, index=factories.index, dtype="str")


def _list_points(frame: gpd.GeoDataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the rows that have a point, with `position` in degrees."""
    there = frame[has_point(frame)]
    positions = shapely.get_coordinates(there.geometry.to_numpy()).round(6).tolist()
    return pd.DataFrame(there[columns]).assign(position=positions)


def _draw_gates(gates: gpd.GeoDataFrame, selected: str | None) -> pdk.Layer:
    rows = _list_points(gates, ["factory_id", "label"])
    is_chosen = (rows["factory_id"] == selected).tolist()
    rows["colour"] = [list(CHOSEN_RGB if one else GATE_RGB) for one in is_chosen]
    rows["size"] = [10 if one else 7 for one in is_chosen]
    return pdk.Layer(
        "ScatterplotLayer",
        rows,
        id=GATE_LAYER,
        get_position="position",
        get_fill_color="colour",
        get_line_color=[255, 255, 255],
        get_radius="size",
        radius_units=pdk.types.String("pixels"),
        line_width_min_pixels=2,
        stroked=True,
        pickable=True,
    )


def _draw_villages(villages: gpd.GeoDataFrame) -> pdk.Layer:
    rows = _list_points(villages, ["label", "workers_per_day"])
    rows["size"] = (rows["workers_per_day"] ** 0.5).clip(3, 16)
    return pdk.Layer(
        "ScatterplotLayer",
        rows,
        id="villages",
        get_position="position",
        get_fill_color=[*VILLAGE_RGB, 200],
        get_radius="size",
        radius_units=pdk.types.String("pixels"),
        pickable=True,
    )


def _draw_hotspots(hotspots: gpd.GeoDataFrame) -> pdk.Layer:
    lines = shapely.line_merge(hotspots.geometry.to_numpy())
    middles = gpd.GeoSeries(
        shapely.line_interpolate_point(lines, 0.5, normalized=True), index=hotspots.index, crs=4326
    )
    rows = _list_points(hotspots.set_geometry(middles), ["label"])
    return pdk.Layer(
        "ScatterplotLayer",
        rows,
        id="hotspots-on-the-way",
        get_position="position",
        get_fill_color=[*HOTSPOT_RGB, 60],
        get_line_color=list(HOTSPOT_RGB),
        get_radius=11,
        radius_units=pdk.types.String("pixels"),
        line_width_min_pixels=2,
        stroked=True,
        pickable=True,
    )
