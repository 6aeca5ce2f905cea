"""`safecommute tools local-statistics`: Gi*, local and global Moran on plain layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import geopandas as gpd
import numpy as np

from core.errors import InputError
from geo.crs import to_metric
from geo.line_edges import build_line_edges, place_on_edges
from geo.vector_io import read_lines, read_points, write_layer
from models.arrays import FloatArray
from models.edge_graph import Positions, build_edge_graph
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
from pipeline.commands.shared import existing_file, json_option
from pipeline.commands.tools_nkde import quantile, read_weights

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
    permutations: int,
    seed: int,
    out: Path,
    as_json: bool,
) -> None:
    """Find where high values lie among high ones, by distance along the roads.

    The layer `--at` is written with `gi_star`, `gi_star_z`, `p_high` and `q_high` (as much or
    more around a place by chance), `local_moran`, `local_moran_z`, `quadrant` (HH, LL, HL, LH),
    `p_value` and `q_value` (two-sided). With `--exposure`, Gi* is of the rate and Moran of the
    standardised rate.
    """
    roads = to_metric(read_lines(lines), layer=str(lines))
    edges = build_line_edges(roads)
    places = read_points(at).to_crs(roads.crs)
    where = place_on_edges(places, edges)
    counts = read_weights(places, value, at)
    base = None if exposure is None else read_weights(places, exposure, at)
    is_used = (where.edge >= 0) & np.isfinite(counts)
    if base is not None:
        is_used &= np.isfinite(base) & (base > 0)
    if not is_used.any():
        message = f"{at}: no point lies on a line and has a value; check the columns named."
        raise InputError(message)
    graph = build_edge_graph(edges.u, edges.v, edges.length_m)
    distance = find_neighbour_distances(
        graph,
        Positions(edge=where.edge[is_used], offset=where.offset_m[is_used]),
        max_distance_m=distance_m,
    )
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
    write_layer(add_columns(places, is_used, star, local, hot, alike), out)
    summary = {
        "n_at": len(places),
        "n_used": int(is_used.sum()),
        "at_p95_m": quantile(where.distance_m[is_used]),
        "n_without_neighbour": near.n_islands,
        "n_neighbours_mean": near.raw.nnz / len(near),
        "reference": "exact" if hot.n_permutations == 0 else f"{permutations} permutations",
        "n_hot": int(np.nansum(hot.q_high <= FDR)),
        "moran": whole.statistic,
        "moran_p": whole.p_permutation,
        "meaning": whole.meaning,
        "crs": roads.crs.to_string(),
        "out": str(out),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


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


def add_columns(
    places: gpd.GeoDataFrame,
    is_used: np.ndarray,
    star: LocalG,
    local: LocalMoran,
    hot: LocalSignificance,
    alike: LocalSignificance,
) -> gpd.GeoDataFrame:
    """Put the statistics beside the places that were used; nothing beside the others."""
    columns = {
        "gi_star": star.statistic,
        "gi_star_z": star.z,
        "p_high": hot.p_high,
        "q_high": hot.q_high,
        "local_moran": local.statistic,
        "local_moran_z": local.z,
        "p_value": alike.p_value,
        "q_value": alike.q_value,
    }
    result = places.copy()
    for name, found in columns.items():
        column = np.full(len(places), np.nan)
        column[is_used] = found
        result[name] = column
    words = np.full(len(places), "", dtype=object)
    words[is_used] = local.quadrant
    result["quadrant"] = words
    return gpd.GeoDataFrame(result)
