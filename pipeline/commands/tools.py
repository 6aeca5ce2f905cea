"""`safecommute tools`: every method on plain files, without a workspace."""

from __future__ import annotations

from pathlib import Path

import click
import geopandas as gpd
import numpy as np
import pandas as pd

from core.errors import DataSourceError
from geo.alignment import measure_alignment
from geo.crs import to_metric
from geo.snapping import snap_points
from geo.vector_io import read_lines, read_points, write_layer
from models.before_after import DESIGNS, evaluate
from pipeline.cli_output import echo_json, echo_pairs
from pipeline.commands.attributes import attributes
from pipeline.commands.shared import existing_file, json_option
from pipeline.commands.tools_demand import demand
from pipeline.commands.tools_kfunction import kfunction
from pipeline.commands.tools_local import local_statistics
from pipeline.commands.tools_match import match
from pipeline.commands.tools_network import network, network_diff
from pipeline.commands.tools_nkde import nkde
from pipeline.commands.tools_routes import routes
from reports.claims import write_claim

__all__ = ["tools"]

SHARP_RADIUS_M = 100.0  # told in the summary


@click.group()
def tools() -> None:
    """Use one method on plain files, without a workspace."""


tools.add_command(attributes)
tools.add_command(demand)
tools.add_command(kfunction)
tools.add_command(local_statistics)
tools.add_command(match)
tools.add_command(network)
tools.add_command(network_diff)
tools.add_command(nkde)
tools.add_command(routes)


@tools.command()
@click.option("--lines", type=existing_file, required=True, help="Lines, such as segments.parquet.")
@click.option(
    "--step-m",
    type=click.FloatRange(min=0, min_open=True),
    default=15.0,
    show_default=True,
    help="Length of the steps between which bends are measured.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def alignment(*, lines: Path, step_m: float, out: Path, as_json: bool) -> None:
    """Measure how roads bend.

    The lines are written with `curvature_change_deg_km`, `min_radius_m`,
    `sharpest_bend_deg` and `sinuosity`; a straight line has no radius, a loop no sinuosity.
    """
    roads = to_metric(read_lines(lines), layer=str(lines))
    measured = measure_alignment(roads, step_m=step_m)
    known = roads.drop(columns=[name for name in measured if name in roads])
    finite = measured.replace(np.inf, np.nan)
    write_layer(gpd.GeoDataFrame(pd.concat([known, finite], axis=1)), out)
    length = roads.length
    is_bent = measured["min_radius_m"] < SHARP_RADIUS_M
    turned = measured["curvature_change_deg_km"].fillna(0) * length
    summary = {
        "n_lines": len(roads),
        "length_km": float(length.sum() / 1000),
        "curvature_change_deg_km": float(turned.sum() / length.sum()) if length.sum() else 0.0,
        "n_radius_below_100_m": int(is_bent.sum()),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


@tools.command()
@click.option("--lines", type=existing_file, required=True, help="Lines, such as segments.parquet.")
@click.option("--points", type=existing_file, required=True, help="Points; a CSV with lon and lat.")
@click.option("--max-distance-m", type=click.FloatRange(min=0, min_open=True), required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def snap(*, lines: Path, points: Path, max_distance_m: float, out: Path, as_json: bool) -> None:
    """Find the nearest line of every point, how far it is, and the second nearest.

    The points are written with `segment_id` (the lines' own, else their row number),
    `distance_m`, `offset_m` from the start of the line, and the runner-up; points
    farther than the limit keep their row with no line.
    """
    roads = to_metric(read_lines(lines), layer=str(lines))
    if "segment_id" not in roads:
        roads = roads.assign(segment_id=np.arange(len(roads)))
    located = read_points(points)
    found = snap_points(located.to_crs(roads.crs), roads, max_distance_m=max_distance_m)
    clashing = [column for column in found.columns if column in located.columns]
    result = gpd.GeoDataFrame(
        pd.concat(
            [
                located.drop(columns=clashing).reset_index(drop=True),
                found.reset_index(drop=True),
            ],
            axis=1,
        )
    )
    write_layer(result, out)
    distance = found["distance_m"].dropna()
    summary = {
        "n_points": len(found),
        "n_snapped": len(distance),
        "snap_share": len(distance) / len(found) if len(found) else 0.0,
        "snap_median_m": float(distance.median()) if len(distance) else None,
        "snap_p95_m": float(distance.quantile(0.95)) if len(distance) else None,
        "crs": roads.crs.to_string(),
        "out": str(out),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


@tools.command("before-after")
@click.argument("table", type=existing_file)
@click.option("--method", type=click.Choice(sorted(DESIGNS)), required=True)
@json_option
def before_after(*, table: Path, method: str, as_json: bool) -> None:
    """Evaluate a CSV of sites: observed_before, observed_after, and what is known."""
    try:
        frame = pd.read_csv(table, sep=None, engine="python")
    except (OSError, ValueError) as error:
        raise DataSourceError.unreadable(table, str(error).splitlines()[0]) from error
    result = write_claim(evaluate(method, frame))
    if as_json:
        echo_json(result)
    else:
        click.echo(result["claim"])
        for warning in result["warnings"]:
            click.echo(f"- {warning}")
