"""`safecommute tools nkde`: network kernel density on plain layers."""

from __future__ import annotations

from pathlib import Path

import click
import geopandas as gpd
import numpy as np

from core.errors import InputError, TableError
from geo.crs import to_metric
from geo.line_edges import PointsOnEdges, build_line_edges, place_on_edges
from geo.vector_io import read_lines, read_points, write_layer
from models.edge_graph import Positions, build_edge_graph
from models.network_kernels import KERNELS
from models.nkde import METHODS, NkdeOptions, compute_adaptive_bandwidth, compute_nkde
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import existing_file, json_option

__all__ = ["nkde"]

COLUMN = "nkde_per_km"
positive = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option("--lines", type=existing_file, required=True, help="Roads that share vertices.")
@click.option("--events", type=existing_file, required=True, help="Points; a CSV with lon, lat.")
@click.option("--at", type=existing_file, required=True, help="Points to give the density at.")
@click.option("--bandwidth-m", type=positive, required=True)
@click.option("--kernel", type=click.Choice(KERNELS), default="quartic", show_default=True)
@click.option("--method", type=click.Choice(METHODS), default="continuous", show_default=True)
@click.option("--weights", metavar="COL", help="Column of the events, such as severities.")
@click.option("--max-depth", type=click.IntRange(1), help="Junctions that mass may pass.")
@click.option("--reflect", is_flag=True, help="Throw mass back at dead ends.")
@click.option("--adaptive-trim-m", type=positive, help="Adapt bandwidths, up to this.")
@click.option("--max-distance-m", type=positive, help="Leave events farther from a line out.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def nkde(
    *,
    lines: Path,
    events: Path,
    at: Path,
    bandwidth_m: float,
    kernel: str,
    method: str,
    weights: str | None,
    max_depth: int | None,
    reflect: bool,
    adaptive_trim_m: float | None,
    max_distance_m: float | None,
    out: Path,
    as_json: bool,
) -> None:
    """Compute how many events a kilometre of road has, with what is near counted in.

    The layer `--at` is written with `nkde_per_km`; events and places go to the nearest
    line. Lines meet where they share a vertex, never where they merely cross.
    """
    roads = to_metric(read_lines(lines))
    edges = build_line_edges(roads)
    happened, asked = (read_points(path).to_crs(roads.crs) for path in (events, at))
    reach = np.inf if max_distance_m is None else max_distance_m
    placed = place_on_edges(happened, edges, max_distance_m=reach)
    where = place_on_edges(asked, edges)
    is_placed, is_asked = placed.edge >= 0, where.edge >= 0
    graph = build_edge_graph(edges.u, edges.v, edges.length_m)
    options = NkdeOptions(
        method=method, kernel=kernel, reflects_at_dead_ends=reflect, max_depth=max_depth
    )
    points = take(placed, is_placed)
    weight = None if weights is None else read_weights(happened, weights, events)[is_placed]
    bandwidth: float | np.ndarray = bandwidth_m
    if adaptive_trim_m is not None:
        bandwidth = compute_adaptive_bandwidth(
            graph, points, bandwidth_m=bandwidth_m, trim_m=adaptive_trim_m, weights=weight,
            options=options,
        )  # fmt: skip
    density = np.full(len(asked), np.nan)
    density[is_asked] = compute_nkde(
        graph, points, take(where, is_asked), bandwidth_m=bandwidth, weights=weight,
        options=options, progress=make_progress(),
    )  # fmt: skip
    write_layer(gpd.GeoDataFrame(asked.assign(**{COLUMN: density})), out)
    summary = {
        "n_lines": len(roads),
        "n_edges": graph.n_edges,
        "length_km": float(edges.length_m.sum() / 1000),
        "n_events": len(happened),
        "n_events_left_out": int((~is_placed).sum()),
        "events_p95_m": quantile(placed.distance_m[is_placed]),
        "n_at": len(asked),
        "at_p95_m": quantile(where.distance_m[is_asked]),
        "highest_per_km": float(np.nanmax(density)) if is_asked.any() else None,
        "crs": roads.crs.to_string(),
        "out": str(out),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


def take(points: PointsOnEdges, keep: np.ndarray) -> Positions:
    """Return the points that lie on an edge."""
    return Positions(edge=points.edge[keep], offset=points.offset_m[keep])


def read_weights(frame: gpd.GeoDataFrame, column: str, path: Path) -> np.ndarray:
    """Return a column of the events as numbers; a CSV holds them as text."""
    if column not in frame:
        raise TableError.missing_columns(str(path), [column], list(map(str, frame.columns)))
    try:
        return np.asarray(frame[column], dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{path}: column {column!r} holds no numbers ({error}); name another."
        raise InputError(message) from error


def quantile(distance_m: np.ndarray) -> float | None:
    """Return the distance that 95 % stay below [m]."""
    return float(np.quantile(distance_m, 0.95)) if len(distance_m) else None
