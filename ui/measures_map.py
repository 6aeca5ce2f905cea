"""The map of the measures page: the first places of a list, numbered, over our own tiles."""

from __future__ import annotations

import pandas as pd
import pydeck as pdk

from ui.explorer_map import SmallDeck, find_view, make_place_layer, pick_places, style_address
from ui.filters import CrashFilter
from ui.measures_words import tell_value
from ui.state import Shown, load_run_table

from pipeline.measure_list import Measure  # isort: skip

__all__ = ["build_sites_deck"]

SITE_RGB = (31, 79, 209)
SIZE_PX = (400, 470)
LEAST_SPAN_DEG = 0.01


def build_sites_deck(shown: Shown, worst: pd.DataFrame, measure: Measure) -> pdk.Deck | None:
    """Return a map of the places, or None where none has a place."""
    there = worst.dropna(subset=["lon", "lat"])
    if there.empty:
        return None
    rank = there["list_rank"].astype(int)
    rows = [
        {
            "position": [lon, lat],
            "number": str(number),
            "label": f"{number}. {name}\n{tell_value(value, measure)} {measure.unit}",
        }
        for lon, lat, number, name, value in zip(
            there["lon"], there["lat"], rank, there["label"], there[measure.column], strict=True
        )
    ][::-1]
    west, east = float(there["lon"].min()), float(there["lon"].max())
    south, north = float(there["lat"].min()), float(there["lat"].max())
    pad = max(0.05 * max(east - west, north - south), LEAST_SPAN_DEG / 2)
    bounds = (west - pad, south - pad, east + pad, north + pad)
    view = find_view(bounds, width=SIZE_PX[0], height=SIZE_PX[1])
    layers = [
        make_place_layer(pick_places(load_run_table(shown, "places"))),
        pdk.Layer(
            "ScatterplotLayer",
            rows,
            id="measured",
            pickable=True,
            get_position="position",
            get_fill_color=list(SITE_RGB),
            get_line_color=[255, 255, 255],
            get_radius=10,
            radius_units=pdk.types.String("pixels"),
            line_width_units=pdk.types.String("pixels"),
            get_line_width=1.5,
            stroked=True,
        ),
        pdk.Layer(
            "TextLayer",
            rows,
            id="measured-numbers",
            get_position="position",
            get_text="number",
            get_color=[255, 255, 255],
            get_size=11,
            font_weight=700,
        ),
    ]
    return SmallDeck(
        layers=layers,
        initial_view_state=pdk.ViewState(**view, pitch=0, bearing=0, min_zoom=4, max_zoom=18),
        map_style=style_address(shown, CrashFilter()),
        map_provider="mapbox",
        tooltip={
            "text": "{label}",
            "style": {"maxWidth": "280px", "fontSize": "13px", "whiteSpace": "pre-line"},
        },
    )
