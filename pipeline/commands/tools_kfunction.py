"""`safecommute tools kfunction`: network K and cross-K on plain layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from core.errors import DataSourceError, InputError, TableError
from geo.edge_order import order_edges
from models.k_function import KResult, evaluate_clustering
from models.k_options import Distances, KOptions, NullDraws
from models.k_words import describe_clustering
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.road_points import (
    Roads,
    max_distance_option,
    name_left_out,
    read_road_points,
    read_roads,
    round_off,
    write_left_out,
)
from pipeline.commands.shared import existing_file, json_option
from pipeline.exports import write_whole

__all__ = ["kfunction"]

positive = click.FloatRange(min=0, min_open=True)
SUFFIXES = (".csv", ".parquet")
FEWEST = 19  # simulations, with which p can be 0.05


@click.command()
@click.option("--lines", type=existing_file, required=True, help="Roads that share vertices.")
@click.option("--events", type=existing_file, required=True, help="Points; a CSV with lon, lat.")
@click.option("--to", type=existing_file, help="Other points, such as gates: cross-K around them.")
@click.option("--start", type=click.FloatRange(min=0), required=True, help="First distance [m].")
@click.option("--end", type=positive, required=True, help="Last distance [m].")
@click.option("--step", type=positive, required=True, help="Between distances [m].")
@click.option(
    "--simulations",
    type=click.IntRange(FEWEST),
    default=499,
    show_default=True,
    help="Patterns of chance; p is 1 / (N + 1) at least.",
)
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
@max_distance_option
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
    max_distance_m: float,
    out: Path,
    as_json: bool,
) -> None:
    """Say whether events lie closer together along roads than chance would put them.

    The table has a row a distance: `r_m`, `k`, `expected` (mean of chance), `low` and `high`
    (chance at that distance), `global_low` and `global_high` (chance at all distances
    together), `ratio`, `ring_ratio`, `p_value`. Chance lays as many events anywhere on the
    roads, by length or exposure; with `--to` those points stay where they are. What is left out
    is listed in NAME.left_out.csv.
    """
    if out.suffix.lower() not in SUFFIXES:
        message = f"{out}: a table is written as .csv or .parquet; name it so."
        raise DataSourceError(message)
    if inhomogeneous and exposure is None:
        message = "give --exposure with --inhomogeneous: it says where events are expected."
        raise click.UsageError(message)
    distances = Distances(start_m=start, end_m=end, step_m=step)
    roads = read_roads(lines)
    read = [("events", events)] if to is None else [("events", events), ("other points", to)]
    placed = [
        read_road_points(path, roads, what=name, max_distance_m=max_distance_m)
        for name, path in read
    ]
    for points in placed:
        points.report(name_left_out(out))
    happened, others = placed[0], placed[1] if to is not None else None
    weight = None if exposure is None else share_exposure(roads, exposure, lines)
    draws = NullDraws(
        n_simulations=simulations,
        seed=seed,
        edge_weight=weight,
        arm_order=order_edges(roads.edges),
    )
    result = evaluate_clustering(
        roads.graph,
        happened.positions,
        distances,
        to=None if others is None else others.positions,
        draws=draws,
        options=KOptions(is_corrected=corrected, is_inhomogeneous=inhomogeneous),
        progress=make_progress(),
    )
    write_table(result, out)
    summary: dict[str, Any] = {
        "meaning": describe_clustering(result),
        "p_value": round_off(result.p_global),
        **roads.summary,
        **happened.summarise("events"),
        **({"n_to": None} if others is None else others.summarise("to")),
        "null": "length" if exposure is None else exposure,
        "is_corrected": corrected,
        "is_inhomogeneous": inhomogeneous,
        "n_simulations": simulations,
        "seed": seed,
        "crs": roads.lines.crs.to_string(),
        "out": str(out),
        "left_out_out": str(write_left_out(placed, out)),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


def share_exposure(roads: Roads, column: str, path: Path) -> np.ndarray:
    """Share the total of each row of the layer over its edges by length."""
    lines, edges = roads.lines, roads.edges
    if column not in lines:
        raise TableError.missing_columns(str(path), [column], list(map(str, lines.columns)))
    try:
        total = np.asarray(lines[column], dtype=np.float64)
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
    source = lines["source_row"].to_numpy()
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
