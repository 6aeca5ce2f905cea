"""`safecommute tools match`: the roads that GPS traces were driven on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import geopandas as gpd
import numpy as np
import pandas as pd

from core.vocabulary import RoadUser
from geo.crs import WGS84
from geo.map_matching import MatchingRules, match_traces
from geo.matched import GOOD, LOOK, NOT_USABLE, MatchedTraces
from geo.matching_network import prepare_network
from geo.network import read_network
from geo.road_graph import VEHICLES, build_road_graph
from geo.trace_cleaning import CleanTraces, clean_traces
from geo.traces import Traces, read_traces
from geo.vector_io import write_layer
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.shared import existing_file, json_option

__all__ = ["match"]

CLOCK_JUMPED = "; its clock jumps back, so times from there on are not known"
above_zero = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option(
    "--network",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A folder that `tools network` wrote.",
)
@click.option(
    "--traces",
    "file",
    type=existing_file,
    required=True,
    help="GPX, lines or points of a layer, or a CSV of fixes (trace id, time, lon, lat).",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option(
    "--steps",
    "steps_out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the segments of every path in driving order here (.csv).",
)
@click.option(
    "--vehicle",
    type=click.Choice(sorted(VEHICLES)),
    default=RoadUser.CAR.value,
    show_default=True,
    help="What drove; it may use the roads of this vehicle.",
)
@click.option("--sigma-m", type=above_zero, help="Noise of the fixes; by default estimated.")
@click.option(
    "--wrong-way",
    type=click.FloatRange(min=1),
    help="Let one-way roads be driven the wrong way, each metre counting so many times.",
)
@json_option
def match(
    *,
    folder: Path,
    file: Path,
    out: Path,
    steps_out: Path | None,
    vehicle: str,
    sigma_m: float | None,
    wrong_way: float | None,
    as_json: bool,
) -> None:
    """Find the roads that GPS traces were driven on.

    One row a trace is written: the driven line, how much of the trace it explains, and a
    verdict with its reason. Fixes that were left out are counted by reason.
    """
    network = read_network(folder)
    graph = build_road_graph(
        network.segments, n_nodes=len(network.nodes), vehicle=VEHICLES[vehicle]
    )
    ready = prepare_network(network.segments, graph, wrong_way_factor=wrong_way)
    west, south, east, north = network.segments.geometry.to_crs(WGS84).total_bounds
    traces = read_traces(file, near_wgs84=(west, south, east, north))
    cleaned = clean_traces(traces, crs=network.segments.crs)
    matched = match_traces(
        cleaned.points,
        ready,
        n_traces=len(traces.traces),
        rules=MatchingRules(sigma_m=sigma_m),
        progress=make_progress(),
    )
    write_layer(_describe(traces, cleaned, matched), out)
    if steps_out is not None:
        steps = matched.to_steps().rename(columns={"path": "trace"})
        steps.insert(1, "name", traces.traces["name"].to_numpy()[steps["trace"]])
        steps.to_csv(steps_out, index=False)
    summary = {**_summarise(traces, cleaned, matched), "vehicle": vehicle, "out": str(out)}
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


def _describe(traces: Traces, cleaned: CleanTraces, matched: MatchedTraces) -> gpd.GeoDataFrame:
    """One row a trace: what was read, how it matched, the line."""
    table = traces.traces
    first = traces.points.groupby("trace")["time"].min().reindex(table.index)
    dropped = cleaned.dropped.groupby("trace")["n_points"].sum().reindex(table.index, fill_value=0)
    columns = {
        "name": table["name"],
        "form": table["form"],
        "starts_at": first.dt.strftime("%Y-%m-%dT%H:%M:%S"),
        "n_read": table["n_read"],
        "n_dropped": dropped,
    }
    result = matched.traces.drop(columns="trace")
    clock = np.where(table["clock_jumped"], CLOCK_JUMPED, "")
    result["reason"] = result["reason"].to_numpy(dtype=object) + clock.astype(object)
    frame = pd.concat([pd.DataFrame(columns), result], axis=1)
    return gpd.GeoDataFrame(frame, geometry=matched.lines.to_numpy(), crs=matched.lines.crs)


def _summarise(traces: Traces, cleaned: CleanTraces, matched: MatchedTraces) -> dict[str, Any]:
    verdicts = matched.traces["verdict"].value_counts()
    trace_m = matched.traces["trace_m"]
    explained = float((trace_m * matched.traces["length_share"]).sum())
    reasons = cleaned.dropped.groupby("reason")["n_points"].sum()
    numbers = {"sigma_m": matched.sigma_m, "beta_m": matched.beta_m}
    nameless = cleaned.dropped.loc[cleaned.dropped["trace"] < 0, "n_points"].sum()
    return {
        "n_traces": len(traces.traces),
        "n_good": int(verdicts.get(GOOD, 0)),
        "n_look_at_it": int(verdicts.get(LOOK, 0)),
        "n_not_usable": int(verdicts.get(NOT_USABLE, 0)),
        "n_fixes_read": int(traces.traces["n_read"].sum() + nameless),
        "n_fixes_kept": len(cleaned.points),
        "n_fixes_dropped": {str(name): int(n) for name, n in reasons.items()},
        "trace_km": float(trace_m.sum() / 1000),
        "matched_km": float(matched.traces["matched_m"].sum() / 1000),
        "length_share": explained / float(trace_m.sum()) if trace_m.sum() else 0.0,
        **{name: round(one, 1) if np.isfinite(one) else None for name, one in numbers.items()},
        "notes": traces.notes,
    }
