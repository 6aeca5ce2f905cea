"""The measures of a run for other programs: sites, roads, windows, other ways to find hotspots.

A layer each: `segment_measures`, `intersection_measures`, `corridors` and `windows` with every
measure and rank, by `site_id`; `high_injury`, a row a segment with deaths or serious injuries;
`hotspot_variants`, what every method finds against every null.

Few workers
    Rates by workers, and the exposure they rest on, stay behind at a site that fewer than five
    workers pass, and for windows and roads that such a segment is part of: the difference of
    two windows would tell what the segment's own row does not.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from core.units import M_PER_KM
from geo.corridor_windows import locate_on_corridors
from geo.linear import cut_lines, flatten_lines
from pipeline.runs import load_table

__all__ = ["MEASURE_LAYERS", "find_few", "read_measure_layers"]

MIN_PERSONS = 5  # fewer are not told apart from each other
MEASURE_LAYERS = {
    "segment_measures": "LineString",
    "intersection_measures": "Point",
    "corridors": "MultiLineString",
    "windows": "MultiLineString",
    "high_injury": "LineString",
    "hotspot_variants": "MultiLineString",
}
TABLES = ("screening", "corridor_windows", "high_injury", "hotspot_variants")
PLACE_COLUMNS = ["site_type", "lon", "lat"]  # the layer and its shapes say so
ROAD_COLUMNS = ["segment_id", "length_m", "corridor_id", "chainage_u_km", "chainage_v_km"]
LEAST_PIECE_M = 0.01
SLACK_KM = 1e-9  # a place on the end of a window is in it

Layers = dict[str, pd.DataFrame]


def read_measure_layers(
    folder: Path, segments: gpd.GeoDataFrame, intersections: gpd.GeoDataFrame, sites: pd.DataFrame
) -> Layers:
    """Return `MEASURE_LAYERS` of a run; none for a run of a version before there were any.

    Parameters
    ----------
    folder
        Of the run.
    segments, intersections
        Its network.
    sites
        Its sites, with `workers_per_day` as the run knows it.
    """
    if not all((folder / f"{name}.parquet").is_file() for name in TABLES):
        return {}
    screening = load_table(folder, "screening")
    few = sites.loc[find_few(sites), "site_id"]
    is_few = ("S" + segments["segment_id"].astype("str")).isin(few).to_numpy()
    kind = screening["site_type"]
    parts = {name: screening[kind == name] for name in ("segment", "intersection", "corridor")}
    own_road = parts["segment"].drop(columns=[*PLACE_COLUMNS, "corridor_id"])
    crossing = parts["intersection"].drop(columns=[*PLACE_COLUMNS, "corridor_id", "length_m"])
    high_injury = load_table(folder, "high_injury")
    by_id = segments.set_index("segment_id").geometry
    variants = load_table(folder, "hotspot_variants")
    return {
        "segment_measures": add_shapes(hide_rates(own_road, few), segments, "S"),
        "intersection_measures": add_shapes(hide_rates(crossing, few), intersections, "I"),
        "corridors": draw_corridors(parts["corridor"], segments, is_few),
        "windows": draw_windows(load_table(folder, "corridor_windows"), segments, is_few),
        "high_injury": gpd.GeoDataFrame(
            high_injury.assign(site_id="S" + high_injury["segment_id"].astype("str")),
            geometry=by_id.reindex(high_injury["segment_id"]).to_numpy(),
            crs=segments.crs,
        ),
        "hotspot_variants": variants,
    }


def find_few(sites: pd.DataFrame) -> pd.Series:
    """Tell where workers pass, but fewer than five; nowhere in a run that knows of none."""
    if "workers_per_day" not in sites:
        return pd.Series(data=False, index=sites.index)
    return sites["workers_per_day"].between(0, MIN_PERSONS, inclusive="neither").fillna(value=False)


def hide_rates(table: pd.DataFrame, few: pd.Series | np.ndarray) -> pd.DataFrame:
    """Return a table whose exposure and rates are empty at these sites."""
    is_hidden = table["site_id"].isin(few)
    names = [str(name) for name in table]
    about = [name for name in names if name == "exposure" or "rate" in name]
    return table.assign(**{name: table[name].mask(is_hidden) for name in about})


def add_shapes(table: pd.DataFrame, network: gpd.GeoDataFrame, letter: str) -> gpd.GeoDataFrame:
    """Add the shape of each site; `S12` is segment 12, `I3` intersection 3."""
    number = network["segment_id" if letter == "S" else "intersection_id"]
    shapes = pd.Series(network.geometry.to_numpy(), index=letter + number.astype("str"))
    shape = shapes.reindex(table["site_id"]).to_numpy()
    return gpd.GeoDataFrame(table, geometry=shape, crs=network.crs)


def draw_corridors(
    corridors: pd.DataFrame, segments: gpd.GeoDataFrame, is_few: np.ndarray
) -> gpd.GeoDataFrame:
    """Return whole roads with their lines; `is_few` marks segments that few workers pass."""
    corridors = corridors.astype({"corridor_id": "int64"}).drop(columns=PLACE_COLUMNS)
    rows = pd.Index(corridors["corridor_id"])
    row = rows.get_indexer(pd.Index(segments["corridor_id"].fillna(-1).astype("int64")))
    here = np.flatnonzero(row >= 0)
    hidden = corridors["site_id"].to_numpy()[np.unique(row[here[is_few[here]]])]
    shapes = join_pieces(segments.geometry.to_numpy()[here], row[here], len(corridors))
    return gpd.GeoDataFrame(hide_rates(corridors, hidden), geometry=shapes, crs=segments.crs)


def draw_windows(
    windows: pd.DataFrame, segments: gpd.GeoDataFrame, is_few: np.ndarray
) -> gpd.GeoDataFrame:
    """Return windows with the pieces of road in them; `is_few` as in `draw_corridors`."""
    window, segment, start, end = find_pieces(windows, segments)
    hidden = windows["site_id"].to_numpy()[np.unique(window[is_few[segment]])]
    lines = flatten_lines(segments.geometry.to_numpy())
    shapes = join_pieces(cut_lines(lines, segment, start, end), window, len(windows))
    table = hide_rates(windows.drop(columns=PLACE_COLUMNS, errors="ignore"), hidden)
    return gpd.GeoDataFrame(table, geometry=shapes, crs=segments.crs)


def find_pieces(
    windows: pd.DataFrame, segments: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find which part of which segment lies in which window.

    Returns
    -------
    window, segment, start, end
        Rows of both tables, and where the piece starts and ends on the segment [m].
    """
    length = segments["length_m"].to_numpy(dtype=np.float64)
    ids = segments["segment_id"].to_numpy(dtype=np.int64)
    corridor, first = locate_on_corridors(ids, np.zeros(len(ids)), segments[ROAD_COLUMNS])
    _, last = locate_on_corridors(ids, length, segments[ROAD_COLUMNS])
    window, segment = overlap_windows(windows, corridor, np.fmin(first, last), np.fmax(first, last))
    way = (last - first)[segment]  # kilometres may run against the line
    is_point = np.abs(way) * M_PER_KM < LEAST_PIECE_M
    step = np.where(is_point, 1.0, way)
    ends = [
        np.clip((windows[name].to_numpy()[window] - first[segment]) / step, 0.0, 1.0)
        for name in ("from_km", "to_km")
    ]
    start = np.where(is_point, 0.0, np.minimum(*ends)) * length[segment]
    end = np.where(is_point, 1.0, np.maximum(*ends)) * length[segment]
    kept = end - start >= LEAST_PIECE_M
    return window[kept], segment[kept], start[kept], end[kept]


def overlap_windows(
    windows: pd.DataFrame, corridor: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of windows and of stretches (corridor, from km, to km) that overlap.

    Windows of a corridor start and end later from row to row, so those that a stretch meets
    are a run of rows.
    """
    if not len(windows):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    order = np.lexsort((windows["from_km"], windows["corridor_id"]))
    start, end = (windows[name].to_numpy()[order] for name in ("from_km", "to_km"))
    ids, base = np.unique(windows["corridor_id"].to_numpy()[order], return_inverse=True)
    on_road = np.flatnonzero(np.isin(corridor, ids))
    least, most = low[on_road].min(initial=start.min()), high[on_road].max(initial=end.max())
    apart = float(most - least) + 1.0  # corridors one after the other on one line
    move = np.searchsorted(ids, corridor[on_road]) * apart
    first = np.searchsorted(end + base * apart, low[on_road] + move - SLACK_KM, side="left")
    last = np.searchsorted(start + base * apart, high[on_road] + move + SLACK_KM, side="right")
    n_each = np.maximum(last - first, 0)
    stretch = np.repeat(np.arange(len(on_road)), n_each)
    rank = np.arange(len(stretch)) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    return order[rank + first[stretch]], on_road[stretch]


def join_pieces(pieces: np.ndarray, number: np.ndarray, n_numbers: int) -> np.ndarray:
    """Return one MultiLineString per number, None where there is no piece."""
    shapes = np.full(n_numbers, None, dtype=object)
    found = np.unique(number)
    if len(found):
        order = np.argsort(number, kind="stable")
        joined = shapely.multilinestrings(
            pieces[order], indices=np.searchsorted(found, number[order])
        )
        shapes[found] = joined
    return shapes
