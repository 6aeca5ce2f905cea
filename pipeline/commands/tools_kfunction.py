"""`safecommute tools kfunction`: network K and cross-K on plain layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import geopandas as gpd
import numpy as np

from core.errors import DataSourceError, InputError, TableError
from geo.crs import to_metric
from geo.line_edges import LineEdges, PointsOnEdges, build_line_edges, place_on_edges
from geo.vector_io import read_lines, read_points
from models.edge_graph import Positions, build_edge_graph
from models.k_function import KResult, evaluate_clustering
from models.k_options import Distances, KOptions, NullDraws
from models.k_words import describe_clustering
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import existing_file, json_option
from pipeline.exports import write_whole

__all__ = ["kfunction"]

positive = click.FloatRange(min=0, min_open=True)
SUFFIXES = (".csv", ".parquet")


@click.command()
@click.option("--lines", type=existing_file, required=True, help="Roads that share vertices.")
@click.option("--events", type=existing_file, required=True, help="Points; a CSV with lon, lat.")
@click.option("--to", type=existing_file, help="Other points, such as gates: cross-K around them.")
@click.option("--start", type=click.FloatRange(min=0), required=True, help="First distance [m].")
@click.option("--end", type=positive, required=True, help="Last distance [m].")
@click.option("--step", type=positive, required=True, help="Between distances [m].")
@click.option("--simulations", type=click.IntRange(1), default=199, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True)
@click.option("--corrected", is_flag=True, help="Correct for how dense the network is.")
@click.option(
    "--exposure",
    metavar="COL",
    help="Column of the lines that chance follows, a total of each line such as vehicle-km.",
)
@click.option(
    "--inhomogeneous", is_flag=True, help="With --exposure: what clusters beyond it, as K."
)
@click.option("--max-distance-m", type=positive, help="Leave points farther from a line out.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def kfunction(
    *,
    lines: Path,
    events: Path,
    to: Path | None,
    start: float,
    end: float,
    step: float,
    simulations: int,
    seed: int,
    corrected: bool,
    exposure: str | None,
    inhomogeneous: bool,
    max_distance_m: float | None,
    out: Path,
    as_json: bool,
) -> None:
    """Say whether events lie closer together along roads than chance would put them.

    The table has a row a distance: `r_m`, `k`, `expected` (mean of chance), `low` and `high`
    (chance at that distance), `global_low` and `global_high` (chance at all distances
    together), `ratio`, `ring_ratio`, `p_value`. Chance lays as many events anywhere on the
    roads, by length or exposure; with `--to` those points stay where they are.
    """
    if out.suffix.lower() not in SUFFIXES:
        message = f"{out}: a table is written as .csv or .parquet; name it so."
        raise DataSourceError(message)
    if inhomogeneous and exposure is None:
        message = "give --exposure with --inhomogeneous: it says where events are expected."
        raise click.UsageError(message)
    distances = Distances(start_m=start, end_m=end, step_m=step)
    roads = to_metric(read_lines(lines), layer=str(lines))
    edges = build_line_edges(roads)
    reach = np.inf if max_distance_m is None else max_distance_m
    happened = place(events, edges, reach)
    others = None if to is None else place(to, edges, reach)
    weight = None if exposure is None else share_exposure(roads, edges, exposure, lines)
    result = evaluate_clustering(
        build_edge_graph(edges.u, edges.v, edges.length_m),
        keep_placed(happened),
        distances,
        to=None if others is None else keep_placed(others),
        draws=NullDraws(n_simulations=simulations, seed=seed, edge_weight=weight),
        options=KOptions(is_corrected=corrected, is_inhomogeneous=inhomogeneous),
        progress=make_progress(),
    )
    write_table(result, out)
    summary: dict[str, Any] = {
        "meaning": describe_clustering(result),
        "p_value": result.p_global,
        "n_lines": len(roads),
        "n_edges": len(edges.u),
        "length_km": result.length_m / 1000,
        "n_events": result.n_events,
        "n_events_left_out": int((happened.edge < 0).sum()),
        "n_to": result.n_to,
        "n_to_left_out": None if others is None else int((others.edge < 0).sum()),
        "null": "length" if exposure is None else exposure,
        "is_corrected": corrected,
        "is_inhomogeneous": inhomogeneous,
        "n_simulations": simulations,
        "seed": seed,
        "crs": roads.crs.to_string(),
        "out": str(out),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


def place(path: Path, edges: LineEdges, reach: float) -> PointsOnEdges:
    """Read points and put them onto the nearest edges."""
    points = read_points(path).to_crs(edges.lines.crs)
    return place_on_edges(points, edges, max_distance_m=reach)


def keep_placed(points: PointsOnEdges) -> Positions:
    """Return the points that lie on an edge."""
    is_placed = points.edge >= 0
    return Positions(edge=points.edge[is_placed], offset=points.offset_m[is_placed])


def share_exposure(
    roads: gpd.GeoDataFrame, edges: LineEdges, column: str, path: Path
) -> np.ndarray:
    """Share the total of each row of the layer over its edges by length."""
    if column not in roads:
        raise TableError.missing_columns(str(path), [column], list(map(str, roads.columns)))
    try:
        total = np.asarray(roads[column], dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{path}: column {column!r} holds no numbers ({error}); name another."
        raise InputError(message) from error
    is_bad = ~(np.isfinite(total) & (total >= 0))
    if is_bad.any():
        row = int(np.flatnonzero(is_bad)[0])
        message = (
            f"{path}: {int(is_bad.sum())} of {len(total)} values of {column!r} are missing or "
            f"below 0, first in row {row}: {total[row]}; fill them in, with 0 where nobody travels."
        )
        raise InputError(message)
    source = roads["source_row"].to_numpy()
    of_row = np.zeros(source.max() + 1)
    of_row[source] = total
    rows = edges.lines["source_row"].to_numpy()
    length = np.bincount(rows, weights=edges.length_m, minlength=len(of_row))
    share: np.ndarray = of_row[rows] * edges.length_m / length[rows]
    return share


def write_table(result: KResult, out: Path) -> None:
    """Write one row a distance; the file appears whole or not at all."""
    table = result.to_frame()
    if out.suffix.lower() == ".csv":
        write_whole(out, lambda path: table.to_csv(path, index=False, encoding="utf-8"))
    else:
        write_whole(out, lambda path: table.to_parquet(path, index=False))
