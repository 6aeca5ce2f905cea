"""`safecommute tools demand`: where workers may live when only factories' totals are known."""

from __future__ import annotations

from pathlib import Path

import click

from models.demand import Deterrence
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import existing_file, json_option
from pipeline.demand import (
    DemandRules,
    compute_road_km,
    compute_straight_km,
    read_demand_places,
    spread_workers,
)
from pipeline.exports import write_whole

__all__ = ["demand"]

above_zero = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option(
    "--factories",
    type=existing_file,
    required=True,
    help="Points or a table: factory_id, workers, lon, lat.",
)
@click.option(
    "--villages",
    type=existing_file,
    required=True,
    help="Points or a table: name, population, lon, lat.",
)
@click.option(
    "--mean-distance-km",
    type=above_zero,
    required=True,
    help="How far workers travel on average, one way.",
)
@click.option(
    "--deterrence",
    type=click.Choice(["exponential", "power"]),
    default="exponential",
    show_default=True,
    help="How distance deters.",
)
@click.option(
    "--max-km",
    type=above_zero,
    default=40.0,
    show_default=True,
    help="Villages farther than this take nobody.",
)
@click.option(
    "--capacity-share",
    type=click.FloatRange(min=0, min_open=True, max=1),
    help="At most this share of a village's people work in the factories.",
)
@click.option("--equal", is_flag=True, help="All villages count alike; no population is needed.")
@click.option(
    "--network",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder written by `tools network`: distances along its roads, not straight ones.",
)
@click.option(
    "--vehicle",
    default="motorcycle",
    show_default=True,
    help="With --network: whose fastest ways.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def demand(
    *,
    factories: Path,
    villages: Path,
    mean_distance_km: float,
    deterrence: Deterrence,
    max_km: float,
    capacity_share: float | None,
    equal: bool,
    folder: Path | None,
    vehicle: str,
    out: Path,
    as_json: bool,
) -> None:
    """Guess where workers live when only factories' totals are known.

    A gravity model spreads each factory's workers over the villages by people and distance,
    so that the mean distance is the one stated. Distances are straight lines unless a network
    is given. The CSV is ready for `safecommute import origin`; its rows say that they are
    modelled, and a run made with them says so too.
    """
    gates = read_demand_places(factories, ["factory_id"], ["workers"])
    needed = [] if equal else ["population"]
    homes = read_demand_places(villages, ["name"], needed, optional=["population"] * equal)
    if folder is None:
        km = compute_straight_km(gates, homes)
    else:
        km = compute_road_km(
            folder, gates, homes, vehicle=vehicle, max_km=max_km, progress=make_progress()
        )
    rules = DemandRules(
        mean_distance_km=mean_distance_km,
        deterrence=deterrence,
        max_km=max_km,
        capacity_share=capacity_share,
        is_equal=equal,
    )
    origins, found = spread_workers(gates, homes, km, rules, files=(str(factories), str(villages)))
    write_whole(out, lambda path: origins.to_csv(path, index=False, encoding="utf-8"))
    how = "straight lines" if folder is None else f"along roads by {vehicle}"
    summary = {"distances": how, "equal": equal, **found, "out": str(out)}
    if as_json:
        echo_json(summary)
    else:
        echo_pairs({name: value for name, value in summary.items() if value != []})
