"""`safecommute tools routes`: routes between two layers of points on a built network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from core.errors import CrsError, TableError
from core.units import M_PER_KM
from geo.crs import is_metric
from geo.linear import cut_lines, flatten_lines
from geo.road_graph import VEHICLES, get_vehicle
from geo.route_ends import NO_GATE, NO_ORIGIN
from geo.route_lines import draw_routes
from geo.routing import RouteOptions, Routes, build_routable_roads, find_routes
from geo.vector_io import read_layer, write_layer
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import existing_file, json_option
from pipeline.route_points import (
    ROW_NUMBERS_COLUMN,
    RoutePoints,
    read_route_points,
    require_column,
)

__all__ = ["routes"]

MAX_KM = 40.0
S_PER_MIN = 60.0


@click.command()
@click.option(
    "--network",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder written by `tools network`.",
)
@click.option("--origins", type=existing_file, required=True, help="Points; a CSV: lon and lat.")
@click.option("--destinations", type=existing_file, required=True, help="Points, such as gates.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option(
    "--vehicle",
    default="motorcycle",
    show_default=True,
    help=f"Whose speeds and rules: {', '.join(VEHICLES)}.",
)
@click.option(
    "--alternatives",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Greatest number of routes of each pair, the fastest included.",
)
@click.option(
    "--max-km",
    type=click.FloatRange(min=0, min_open=True),
    help="Farther pairs, as the crow flies, are not routed; by default 40 when all go to all.",
)
@click.option(
    "--max-origin-m",
    type=click.FloatRange(min=0, min_open=True),
    default=RouteOptions().max_origin_access_m,
    show_default=True,
    help="Greatest straight distance from an origin to its road.",
)
@click.option(
    "--max-destination-m",
    type=click.FloatRange(min=0, min_open=True),
    default=RouteOptions().max_gate_access_m,
    show_default=True,
    help="Greatest straight distance from a destination to its road.",
)
@click.option(
    "--to",
    "to_column",
    help="Column of the origins that names each one's destination; by default all go to all.",
)
@click.option(
    "--id",
    "id_column",
    default=ROW_NUMBERS_COLUMN,
    show_default=True,
    help="Column with the names of origins and of destinations; where absent, row numbers.",
)
@click.option("--origin-id", help="Column with the names of origins, where it is not --id.")
@click.option("--destination-id", help="Likewise of destinations.")
@json_option
def routes(
    *,
    folder: Path,
    origins: Path,
    destinations: Path,
    out: Path,
    vehicle: str,
    alternatives: int,
    max_km: float | None,
    max_origin_m: float,
    max_destination_m: float,
    to_column: str | None,
    id_column: str,
    origin_id: str | None,
    destination_id: str | None,
    as_json: bool,
) -> None:
    """Find the fastest routes from origins to destinations.

    Each route is written as a line with the ids of both ends, time_s, length_m, access_m,
    alternative (0 is the fastest), share, and origin_row (from 0, in the file). What cannot be
    reached is listed with the reason in a CSV beside it, named NAME.unreachable.csv.
    """
    rules = get_vehicle(vehicle)
    segments = read_layer(folder / "segments.parquet")
    if not is_metric(segments.crs):
        raise CrsError.not_metric(str(folder), segments.crs.to_string())
    starts = read_route_points(
        origins, segments, what="origins", id_column=origin_id or id_column, is_unique=False
    )
    gates = read_route_points(
        destinations,
        segments,
        what="destinations",
        id_column=destination_id or id_column,
        is_unique=True,
    )
    pairs, nameless = None, _no_rows()
    if to_column is not None:
        pairs, nameless = _match_names(starts, to_column, gates.ids, origins)
    limit_km = max_km or (MAX_KM if pairs is None else np.inf)
    options = RouteOptions(
        max_distance_m=limit_km * M_PER_KM,
        max_origin_access_m=max_origin_m,
        max_gate_access_m=max_destination_m,
        n_alternatives=alternatives,
    )
    found = find_routes(
        build_routable_roads(segments, vehicle=rules),
        starts.points,
        gates.points,
        pairs=pairs,
        options=options,
        progress=make_progress(),
    )
    lines = _draw(found, segments)
    table = _name_ends(found.routes, starts, gates)
    write_layer(gpd.GeoDataFrame(table, geometry=lines, crs=segments.crs), out)
    lost = _name_ends(_say_why(found.unreachable, starts, gates), starts, gates)
    lost = pd.concat([lost, nameless], ignore_index=True) if len(nameless) else lost
    beside = out.with_name(f"{out.stem}.unreachable.csv")
    lost.to_csv(beside, index=False, encoding="utf-8")
    summary = {
        "vehicle": rules.name,
        "n_origins": len(starts.points),
        "n_destinations": len(gates.points),
        **_summarise(found, lost),
        "out": str(out),
        "unreachable_out": str(beside),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


def _match_names(
    origins: RoutePoints, column: str, gate_ids: pd.Series, path: Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return which row goes to which, and the origins whose destination is not there."""
    starts = origins.points
    require_column(starts, column, path, "--to")
    row_of_gate = {_to_text(name): row for row, name in enumerate(gate_ids)}
    names = starts[column].map(_to_text)
    gate = names.map(row_of_gate).reset_index(drop=True)
    is_known = gate.notna()
    pairs = pd.DataFrame(
        {"origin": np.flatnonzero(is_known), "gate": gate[is_known].astype(np.int64).to_numpy()}
    )
    lost = np.flatnonzero(~is_known)
    nameless = pd.DataFrame(
        {
            "origin_id": origins.ids.to_numpy()[lost],
            "destination_id": starts[column].to_numpy(dtype=object)[lost],
            "reason": [
                f"no destination is named {names.iloc[row]!r}" if names.iloc[row] else "names none"
                for row in lost
            ],
            "origin_row": lost,
        }
    )
    return pairs, nameless


def _to_text(value: str | float | None) -> str:
    """Write a name so that 7, 7.0 and "7 " are one."""
    if pd.isna(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame(columns=["origin_id", "destination_id", "reason", "origin_row"])


def _name_ends(table: pd.DataFrame, starts: RoutePoints, gates: RoutePoints) -> pd.DataFrame:
    """Put the names of both ends in place of their rows; of origins the row stays too."""
    named = table.drop(columns=["origin", "gate"])
    for place, (column, ends) in enumerate((("origin", starts), ("gate", gates))):
        row = table[column].astype("Int64").reset_index(drop=True)
        ids = ends.ids.to_numpy()
        names = pd.Series([None if pd.isna(one) else ids[one] for one in row], dtype=object)
        names = names.convert_dtypes() if row.isna().any() else names.infer_objects()
        names.index = named.index
        named.insert(place, "origin_id" if column == "origin" else "destination_id", names)
    named["origin_row"] = table["origin"]
    return named


def _say_why(lost: pd.DataFrame, starts: RoutePoints, gates: RoutePoints) -> pd.DataFrame:
    """Say what the coordinates look like in place of that there are none."""
    reason = lost["reason"].to_numpy(dtype=object, copy=True)
    for column, ends, none in (("origin", starts, NO_ORIGIN), ("gate", gates, NO_GATE)):
        for at in np.flatnonzero((reason == none) & lost[column].notna()):
            problem = ends.problem[lost[column].iloc[at]]
            if problem is not None:
                reason[at] = f"the {column} has {problem}"
    return lost.assign(reason=reason)


def _draw(found: Routes, segments: gpd.GeoDataFrame) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Draw all routes; one within a single segment from where it begins."""
    segments = segments.sort_values("segment_id", ignore_index=True)
    if not np.array_equal(segments["segment_id"], np.arange(len(segments))):
        message = "segments: segment_id does not count from 0; build the network again."
        raise TableError(message)
    shapes = segments.geometry.to_numpy()
    lines = draw_routes(found, shapes, np.arange(len(found.routes)))
    single = np.flatnonzero(np.diff(found.step_offset) == 1)
    step = found.step_offset[single]
    row, forward = found.step_segment_id[step], found.step_is_forward[step]
    start = found.routes["start_m"].to_numpy()[single]
    end = start + np.where(forward, 1, -1) * found.step_length_m[step]
    used, position = np.unique(row, return_inverse=True)
    pieces = cut_lines(
        flatten_lines(shapes[used]), position, np.minimum(start, end), np.maximum(start, end)
    )
    lines[single] = np.where(forward, pieces, shapely.reverse(pieces))
    return lines


def _summarise(found: Routes, lost: pd.DataFrame) -> dict[str, Any]:
    fastest = found.routes[found.routes["alternative"] == 0]
    medians = fastest[["time_s", "length_m"]].median()
    return {
        "n_pairs": len(fastest) + len(lost),
        "n_routed": len(fastest),
        "n_routes": len(found.routes),
        "n_unreachable": len(lost),
        "unreachable": lost["reason"].value_counts().to_dict(),
        "median_time_min": medians["time_s"] / S_PER_MIN if len(fastest) else None,
        "median_length_km": medians["length_m"] / M_PER_KM if len(fastest) else None,
    }
