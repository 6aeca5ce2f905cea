"""Colours of the maps, and the style that draws our vector tiles in the browser.

The colours are ColorBrewer's OrRd for crashes and PuBuGn for workers (five classes, safe for
colour-blind readers); width grows with the class, so that the map can also be read in grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "HOTSPOT_COLOUR",
    "NO_CRASH_COLOUR",
    "SELECTED_COLOUR",
    "CountClass",
    "build_map_style",
    "choose_count_classes",
    "choose_worker_classes",
    "find_count_class",
    "write_attribution",
]

SOURCE = "safecommute"
BACKGROUND = "#f6f7f9"
NO_CRASH_COLOUR = "#bcc4cf"
HOTSPOT_COLOUR = "#1f4fd1"
SELECTED_COLOUR = "#0a1f66"
ROAD_LAYERS = ("roads_low", "roads_mid", "roads_high", "segments")  # as `geo.tiles` names them
MAIN_CLASSES = ["motorway", "trunk", "primary"]
MIDDLE_CLASSES = ["secondary", "tertiary"]


@dataclass(frozen=True, slots=True)
class CountClass:
    """A class of the legend: crashes, or workers a day, on one stretch of road."""

    at_least: int
    label: str
    colour: str
    width_px: float


COLOURS = ("#fdbb84", "#fc8d59", "#ef6548", "#d7301f", "#7f0000")
WIDTHS_PX = (2.0, 2.6, 3.2, 4.0, 5.0)
LADDERS = (
    (1, 2, 3, 5, 10),
    (1, 3, 5, 10, 20),
    (1, 5, 10, 25, 50),
    (1, 10, 25, 50, 100),
    (1, 25, 50, 100, 250),
    (1, 50, 100, 250, 500),
)
MAX_TOP_SHARE = 0.05
WORKER_COLOURS = ("#a6bddb", "#67a9cf", "#3690c0", "#02818a", "#014636")
WORKER_LADDERS = (
    (1, 20, 50, 100, 200),
    (1, 50, 200, 500, 1000),
    (1, 100, 500, 1000, 2500),
    (1, 500, 2000, 5000, 10000),
    (1, 2000, 10000, 25000, 50000),
)


def write_attribution(*, is_synthetic: bool) -> str:
    """Say whose roads these are; invented roads are nobody's."""
    return "Roads invented (SYNTHETIC)" if is_synthetic else "Roads © OpenStreetMap contributors"


def choose_count_classes(n_crashes: npt.ArrayLike) -> tuple[CountClass, ...]:
    """Choose round classes so that the darkest colour stays for the few worst stretches.

    Parameters
    ----------
    n_crashes
        Crashes of every site, shape (n_sites,).

    Returns
    -------
    classes
        The first of a few ladders whose top class holds at most 5% of the sites that
        have a crash; the last ladder when none does.
    """
    return _choose_classes(n_crashes, LADDERS, COLOURS)


def choose_worker_classes(workers: npt.ArrayLike) -> tuple[CountClass, ...]:
    """Choose round classes of workers a day, as `choose_count_classes` does for crashes."""
    return _choose_classes(workers, WORKER_LADDERS, WORKER_COLOURS)


def _choose_classes(
    values: npt.ArrayLike, ladders: Sequence[tuple[int, ...]], colours: Sequence[str]
) -> tuple[CountClass, ...]:
    counts = np.asarray(values, dtype=float)
    counts = counts[counts > 0]
    chosen = ladders[-1]
    for ladder in ladders:
        if not counts.size or (counts >= ladder[-1]).mean() <= MAX_TOP_SHARE:
            chosen = ladder
            break
    labels = [
        str(low) if high == low + 1 else f"{low:,} to {high - 1:,}"
        for low, high in pairwise(chosen)
    ]
    labels.append(f"{chosen[-1]:,} or more")
    steps = zip(chosen, labels, colours, WIDTHS_PX, strict=True)
    return tuple(CountClass(*step) for step in steps)


def find_count_class(n_crashes: int, classes: Sequence[CountClass]) -> CountClass | None:
    """Return the class of a count, or None for no crash."""
    found = [step for step in classes if n_crashes >= step.at_least]
    return found[-1] if found else None


def build_map_style(
    tiles_url: str,
    *,
    zooms: range,
    classes: Sequence[CountClass],
    attribution: str,
    counted: str = "n_crashes",
    n_by_site: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return a MapLibre style (version 8) that asks no other host for anything.

    Parameters
    ----------
    tiles_url
        Address of the tiles with `{z}`, `{x}` and `{y}`; absolute, because the tiles are
        fetched by a worker that knows no page.
    zooms
        Zooms that the tiles hold.
    classes
        Classes of the legend, from `choose_count_classes`.
    attribution
        Whose roads these are, from `write_attribution`.
    counted
        Attribute of the tiles that is shown: `n_crashes`, or `workers` a day, without
        hotspots and intersections.
    n_by_site
        What passes the reader's filters, by `site_id`; sites that are missing have none.
        Without it, the counts written in the tiles are shown.

    Returns
    -------
    style
        Plain JSON values; no glyphs and no sprites, so no text is drawn by the style.
    """
    count_class = _class_expression(counted, n_by_site, classes)
    with_crashes = counted == "n_crashes"
    background = {
        "id": "background",
        "type": "background",
        "paint": {"background-color": BACKGROUND},
    }
    return {
        "version": 8,
        "name": "safecommute",
        "sources": {
            SOURCE: {
                "type": "vector",
                "tiles": [tiles_url],
                "minzoom": zooms.start,
                "maxzoom": zooms.stop - 1,
                "attribution": attribution,
            }
        },
        "layers": [
            background,
            *(_draw_roads(name) for name in ROAD_LAYERS),
            *([_draw_hotspots()] if with_crashes else []),
            *(_draw_counts(name, count_class, classes) for name in ROAD_LAYERS),
            *([_draw_intersections(count_class, classes)] if with_crashes else []),
        ],
    }


def _draw_roads(name: str) -> dict[str, Any]:
    return {
        "id": f"{name}-roads",
        "type": "line",
        "source": SOURCE,
        "source-layer": name,
        "layout": {"line-cap": "round", "line-join": "round"},
        "paint": {"line-color": NO_CRASH_COLOUR, "line-width": _road_width()},
    }


def _draw_hotspots() -> dict[str, Any]:
    return {
        "id": "hotspots",
        "type": "line",
        "source": SOURCE,
        "source-layer": "hotspots",
        "layout": {"line-cap": "round", "line-join": "round"},
        "paint": {
            "line-color": HOTSPOT_COLOUR,
            "line-opacity": 0.4,
            "line-width": ["interpolate", ["linear"], ["zoom"], 8, 4, 12, 8, 15, 18],
        },
    }


def _draw_counts(
    name: str, count_class: list[Any], classes: Sequence[CountClass]
) -> dict[str, Any]:
    width = _by_class(count_class, [step.width_px for step in classes], 0)
    return {
        "id": f"{name}-crashes",
        "type": "line",
        "source": SOURCE,
        "source-layer": name,
        "filter": [">", count_class, 0],
        "layout": {"line-cap": "round", "line-sort-key": count_class},
        "paint": {
            "line-color": _by_class(count_class, [step.colour for step in classes], "#000000"),
            "line-width": _scaled(width),
        },
    }


def _draw_intersections(count_class: list[Any], classes: Sequence[CountClass]) -> dict[str, Any]:
    return {
        "id": "intersections",
        "type": "circle",
        "source": SOURCE,
        "source-layer": "intersections",
        "minzoom": 12,
        "filter": [">", count_class, 0],
        "layout": {"circle-sort-key": count_class},
        "paint": {
            "circle-color": _by_class(count_class, [step.colour for step in classes], "#000000"),
            "circle-radius": ["interpolate", ["linear"], ["zoom"], 11, 2, 14, 5, 17, 9],
            "circle-stroke-color": "#ffffff",
            "circle-stroke-width": 1,
        },
    }


def _class_expression(
    counted: str, n_by_site: Mapping[str, int] | None, classes: Sequence[CountClass]
) -> list[Any]:
    """Return an expression for the number of a feature's class, 0 for none."""
    if n_by_site is None:
        steps: list[Any] = ["step", ["coalesce", ["get", counted], 0], 0]
        for number, step in enumerate(classes, start=1):
            steps += [step.at_least, number]
        return steps
    members: dict[int, list[str]] = {}
    for site_id, n in sorted(n_by_site.items()):
        number = sum(n >= step.at_least for step in classes)
        if number:
            members.setdefault(number, []).append(site_id)
    if not members:
        return ["literal", 0]
    match: list[Any] = ["match", ["get", "site_id"]]
    for number, sites in sorted(members.items()):
        match += [sites, number]
    return [*match, 0]


def _by_class(count_class: list[Any], values: Sequence[Any], none: object) -> list[Any]:
    """Return an expression that gives each class its value."""
    match: list[Any] = ["match", count_class]
    for number, value in enumerate(values, start=1):
        match += [number, value]
    return [*match, none]


def _road_width() -> list[Any]:
    """Return the width of a road by its class, growing with the zoom [px]."""

    def widths(main: float, middle: float, other: float) -> list[Any]:
        road_class = ["get", "road_class"]
        return ["match", road_class, MAIN_CLASSES, main, MIDDLE_CLASSES, middle, other]

    return [
        "interpolate", ["exponential", 1.4], ["zoom"],
        6, widths(1.0, 0.5, 0.3),
        10, widths(1.8, 1.0, 0.5),
        14, widths(5.0, 3.5, 1.6),
        18, widths(14.0, 10.0, 7.0),
    ]  # fmt: skip


def _scaled(width: list[Any]) -> list[Any]:
    """Let a width grow with the zoom [px]."""
    return [
        "interpolate", ["exponential", 1.4], ["zoom"],
        6, ["*", width, 0.5],
        10, ["*", width, 0.8],
        14, ["*", width, 1.6],
        18, ["*", width, 4.0],
    ]  # fmt: skip
