"""`safecommute tools local-statistics`: Gi*, local and global Moran on plain layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import geopandas as gpd
import numpy as np

from core.errors import InputError
from geo.vector_io import write_layer
from models.arrays import FloatArray
from models.global_moran import compute_global_moran, compute_standardised_rate
from models.local_association import LocalG, LocalMoran, compute_local_g, compute_local_moran
from models.local_significance import (
    LocalSignificance,
    compute_exact_significance,
    compute_permutation_significance,
)
from models.network_kernels import KERNELS
from models.network_weights import (
    FORMS,
    NetworkWeights,
    build_weights,
    find_neighbour_distances,
)
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.road_points import (
    RoadPoints,
    max_distance_option,
    name_left_out,
    read_numbers,
    read_road_points,
    read_roads,
    round_off,
    warn_of_replaced,
    write_left_out,
)
from pipeline.commands.shared import existing_file, json_option

__all__ = ["local_statistics"]

FDR: Final = 0.05


@click.command("local-statistics")
@click.option("--lines", type=existing_file, required=True, help="Roads that share vertices.")
@click.option("--at", type=existing_file, required=True, help="Points with values: sites, lixels.")
@click.option("--value", metavar="COL", required=True, help="Column of counts.")
@click.option("--exposure", metavar="COL", help="Column to divide the counts by.")
@click.option(
    "--distance-m",
    type=click.FloatRange(min=0, min_open=True),
    required=True,
    help="Places up to here along the roads are neighbours; bandwidth of a kernel.",
)
@click.option("--weights", type=click.Choice(FORMS), default="binary", show_default=True)
@click.option("--kernel", type=click.Choice(KERNELS), default="quartic", show_default=True)
@max_distance_option
@click.option("--permutations", type=click.IntRange(1), default=999, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def local_statistics(
    *,
    lines: Path,
    at: Path,
    value: str,
    exposure: str | None,
    distance_m: float,
    weights: str,
    kernel: str,
    max_distance_m: float,
    permutations: int,
    seed: int,
    out: Path,
    as_json: bool,
) -> None:
    """Find where high values lie among high ones, by distance along the roads.

    The layer `--at` is written with `gi_star`, `gi_star_z`, `p_high` and `q_high` (as much or
    more around a place by chance), `local_moran`, `local_moran_z`, `quadrant` (HH, LL, HL, LH),
    `p_value` and `q_value` (two-sided). With `--exposure`, Gi* is of the rate and Moran of the
    standardised rate. Places far from every line or without a value get none, and are listed in
    NAME.left_out.csv.
    """
    roads = read_roads(lines)
    places = read_road_points(at, roads, what="places", max_distance_m=max_distance_m)
    places, counts, base = read_values(places, value, exposure)
    places.report(name_left_out(out))
    is_used = places.is_used
    distance = find_neighbour_distances(roads.graph, places.positions, max_distance_m=distance_m)
    near = build_weights(distance, form=weights, max_distance_m=distance_m, kernel=kernel)
    mean = replace(near, is_row_standardised=True)
    rated = counts[is_used]
    standardised = rated
    if base is not None:
        standardised = compute_standardised_rate(rated, base[is_used])
        rated = rated / base[is_used]
    hot = tell_chance(rated, near, permutations, seed)
    alike = hot if base is None else tell_chance(standardised, near, permutations, seed)
    whole = compute_global_moran(
        standardised, mean, rng=np.random.default_rng(seed), n_permutations=permutations
    )
    star, local = compute_local_g(rated, near), compute_local_moran(standardised, mean)
    columns = list_columns(star, local, hot, alike)
    warn_of_replaced(places, columns)
    write_layer(add_columns(places, columns), out)
    summary = {
        **roads.summary,
        **places.summarise("at"),
        "n_used": int(is_used.sum()),
        "n_without_neighbour": near.n_islands,
        "n_neighbours_mean": round_off(near.raw.nnz / len(near)),
        "reference": "exact" if hot.n_permutations == 0 else f"{permutations} permutations",
        "n_hot": int(np.nansum(hot.q_high <= FDR)),
        "moran": round_off(whole.statistic),
        "moran_p": round_off(whole.p_permutation),
        "meaning": whole.meaning,
        "crs": roads.lines.crs.to_string(),
        "out": str(out),
        "left_out_out": str(write_left_out([places], out)),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


def read_values(
    places: RoadPoints, value: str, exposure: str | None
) -> tuple[RoadPoints, FloatArray, FloatArray | None]:
    """Return counts and exposures of all places, and the places without those that have none.

    Raises
    ------
    TableError, InputError
        If a column is missing, holds no numbers, or a count is below 0 (or, for rates, no
        whole number).
    """
    counts = read_numbers(places, value)
    base = None if exposure is None else read_numbers(places, exposure)
    places = places.leave_out(~np.isfinite(counts), f"no value in column {value!r}")
    if base is not None:
        is_none = ~(np.isfinite(base) & (base > 0))
        places = places.leave_out(is_none, f"no exposure above 0 in column {exposure!r}")
    is_used = places.is_used
    is_bad = is_used & ((counts < 0) | ((base is not None) & (counts != np.floor(counts))))
    if is_bad.any():
        row = int(np.flatnonzero(is_bad)[0])
        message = (
            f"{places.path}: {int(is_bad.sum())} of {int(is_used.sum())} values of {value!r} are "
            f"no counts, first in row {row}: {counts[row]:g}; give numbers from 0, whole ones with "
            "--exposure."
        )
        raise InputError(message)
    return places, counts, base


def tell_chance(
    values: FloatArray, near: NetworkWeights, n_permutations: int, seed: int
) -> LocalSignificance:
    """Compute the exact reference for counts and equal weights, else draw permutations."""
    is_counts = bool(np.all((values >= 0) & (values == np.floor(values))))
    is_equal = not near.raw.nnz or near.raw.data.min() == near.raw.data.max()
    if is_counts and is_equal and values.max() < 1_000:
        return compute_exact_significance(values, near)
    return compute_permutation_significance(
        values, near, seed=seed, n_permutations=n_permutations, progress=make_progress()
    )


def list_columns(
    star: LocalG, local: LocalMoran, hot: LocalSignificance, alike: LocalSignificance
) -> dict[str, np.ndarray]:
    """Return the columns of the output, for the places that are used."""
    return {
        "gi_star": star.statistic,
        "gi_star_z": star.z,
        "p_high": hot.p_high,
        "q_high": hot.q_high,
        "local_moran": local.statistic,
        "local_moran_z": local.z,
        "p_value": alike.p_value,
        "q_value": alike.q_value,
        "quadrant": local.quadrant,
    }


def add_columns(places: RoadPoints, columns: dict[str, np.ndarray]) -> gpd.GeoDataFrame:
    """Put the statistics beside the places that are used; nothing beside the others."""
    result = places.frame.copy()
    for name, found in columns.items():
        is_text = found.dtype.kind == "U"
        column = np.full(len(places), "" if is_text else np.nan, dtype=object if is_text else float)
        column[places.is_used] = found
        result[name] = column
    return gpd.GeoDataFrame(result)
