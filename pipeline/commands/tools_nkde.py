"""`safecommute tools nkde`: network kernel density on plain layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import geopandas as gpd
import numpy as np
import pandas as pd

from core.errors import InputError, TableError
from geo.crs import to_metric
from geo.line_edges import PointsOnEdges, build_line_edges, place_on_edges
from geo.vector_io import read_lines, read_points, write_layer
from models.edge_graph import EdgeGraph, Positions, build_edge_graph
from models.network_kernels import KERNELS
from models.nkde import METHODS, NkdeOptions, compute_adaptive_bandwidth, compute_nkde
from models.nkde_bandwidth import (
    BandwidthChoice,
    estimate_bandwidth,
    estimate_space_time_bandwidth,
)
from models.nkde_time import TimeKernel, compute_nkde_at_moments, compute_nkde_slices
from pipeline.cli_output import echo_json, echo_pairs, make_progress
from pipeline.commands.candidates import CandidatesType
from pipeline.commands.event_times import EventTimes, read_event_times
from pipeline.commands.shared import existing_file, json_option

__all__ = ["nkde"]

COLUMN = "nkde_per_km"
METRES: Final = (50.0, 75.0, 100.0, 125.0, 150.0, 200.0, 250.0, 300.0, 400.0)
DAYS: Final = (7.0, 14.0, 28.0, 61.0, 91.0, 183.0, 365.0)
HOURS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
positive = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option("--lines", type=existing_file, required=True, help="Roads that share vertices.")
@click.option("--events", type=existing_file, required=True, help="Points; a CSV with lon, lat.")
@click.option("--at", type=existing_file, required=True, help="Points to give the density at.")
@click.option(
    "--bandwidth-m",
    type=CandidatesType(METRES),
    required=True,
    help="A number; or what to choose from by leave-one-out likelihood: auto, or FROM:TO:STEP.",
)
@click.option("--kernel", type=click.Choice(KERNELS), default="quartic", show_default=True)
@click.option("--method", type=click.Choice(METHODS), default="continuous", show_default=True)
@click.option("--weights", metavar="COL", help="Column of the events, such as severities.")
@click.option("--max-depth", type=click.IntRange(1), help="Junctions that mass may pass.")
@click.option("--reflect", is_flag=True, help="Throw mass back at dead ends.")
@click.option("--adaptive-trim-m", type=positive, help="Adapt bandwidths, up to this.")
@click.option("--max-distance-m", type=positive, help="Leave events farther from a line out.")
@click.option("--time", metavar="COL", help="Column of the events with dates or days.")
@click.option(
    "--time-bandwidth-days", type=CandidatesType(DAYS), help="With --time; as --bandwidth-m."
)
@click.option(
    "--time-bandwidth-hours",
    type=CandidatesType(HOURS),
    help="With --time: hours of the day, which begin again at midnight.",
)
@click.option(
    "--slices",
    type=click.IntRange(1),
    help="Moments to give the density at, where the places have no --time column.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def nkde(
    *,
    lines: Path,
    events: Path,
    at: Path,
    bandwidth_m: tuple[float, ...],
    kernel: str,
    method: str,
    weights: str | None,
    max_depth: int | None,
    reflect: bool,
    adaptive_trim_m: float | None,
    max_distance_m: float | None,
    time: str | None,
    time_bandwidth_days: tuple[float, ...] | None,
    time_bandwidth_hours: tuple[float, ...] | None,
    slices: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Compute how many events a kilometre of road has, with what is near counted in.

    The layer `--at` is written with `nkde_per_km`; events and places go to the nearest
    line. Lines meet where they share a vertex, never where they merely cross. With `--time`
    the column is `nkde_per_km_day` (or `nkde_per_km_hour`, by hour of the day): at the time
    of each place where the places have that column, else once for each of some `--slices`.
    """
    widths = require_time_options(time, time_bandwidth_days, time_bandwidth_hours, slices)
    roads = to_metric(read_lines(lines), layer=str(lines))
    edges = build_line_edges(roads)
    happened, asked = (read_points(path).to_crs(roads.crs) for path in (events, at))
    reach = np.inf if max_distance_m is None else max_distance_m
    placed = place_on_edges(happened, edges, max_distance_m=reach)
    where = place_on_edges(asked, edges)
    is_asked = where.edge >= 0
    times = None
    if time is not None:
        times = read_event_times(
            (happened, events), (asked, at), time,
            by_hour=time_bandwidth_hours is not None, n_slices=slices,
        )  # fmt: skip
    is_used = (placed.edge >= 0) & (True if times is None else times.is_known)
    work = Work(
        graph=build_edge_graph(edges.u, edges.v, edges.length_m),
        events=take(placed, is_used),
        weight=None if weights is None else read_weights(happened, weights, events)[is_used],
        times=None if times is None else times.keep(is_used),
        options=NkdeOptions(
            method=method, kernel=kernel, reflects_at_dead_ends=reflect, max_depth=max_depth
        ),
        trim_m=adaptive_trim_m,
    )
    choice = work.choose(bandwidth_m, widths)
    result = work.spread(asked, where, is_asked, choice)
    write_layer(result, out)
    density = result[work.column]
    summary = {
        "n_lines": len(roads),
        "n_edges": work.graph.n_edges,
        "length_km": float(edges.length_m.sum() / 1000),
        "n_events": len(happened),
        "n_events_left_out": int((~is_used).sum()),
        "events_p95_m": quantile(placed.distance_m[placed.edge >= 0]),
        "n_at": len(asked),
        "at_p95_m": quantile(where.distance_m[is_asked]),
        "highest_per_km": float(density.max()) if density.notna().any() else None,
        **work.tell(choice),
        "crs": roads.crs.to_string(),
        "out": str(out),
    }
    if as_json:
        echo_json(summary)
    else:
        echo_pairs(summary)


def require_time_options(
    time: str | None,
    days: tuple[float, ...] | None,
    hours: tuple[float, ...] | None,
    slices: int | None,
) -> tuple[float, ...]:
    """Return the bandwidths in time; make sure that the options belong together."""
    if time is None:
        if days or hours or slices:
            message = (
                "name the column of times with --time, or leave the other options of time out."
            )
            raise click.UsageError(message)
        return ()
    if (days is None) == (hours is None):
        message = "give one of --time-bandwidth-days and --time-bandwidth-hours with --time."
        raise click.UsageError(message)
    return days or hours or ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Events on a network, and how they are spread."""

    graph: EdgeGraph
    events: Positions
    weight: np.ndarray | None
    times: EventTimes | None
    options: NkdeOptions
    trim_m: float | None

    @property
    def column(self) -> str:
        """Name of the density's column."""
        return COLUMN if self.times is None else f"{COLUMN}_{self.times.unit}"

    def make_kernel(self, bandwidth: float) -> TimeKernel:
        """Return the kernel in time, of the same form as the one in space."""
        period = None if self.times is None else self.times.period
        return TimeKernel(bandwidth=bandwidth, kernel=self.options.kernel, period=period)

    def choose(self, metres: tuple[float, ...], widths: tuple[float, ...]) -> BandwidthChoice:
        """Return the one bandwidth there is, or the best by leave-one-out likelihood."""
        progress = make_progress()
        if len(metres) == 1 and len(widths) < 2:
            table = pd.DataFrame()
            width = widths[0] if widths else None
            return BandwidthChoice(
                bandwidth_m=metres[0], time_bandwidth=width, table=table, is_at_edge=False
            )
        if self.times is None:
            return estimate_bandwidth(
                self.graph, self.events, metres, options=self.options, progress=progress
            )
        return estimate_space_time_bandwidth(
            self.graph, self.events, metres, time=self.times.of_events,
            time_kernels=[self.make_kernel(one) for one in widths],
            options=self.options, progress=progress,
        )  # fmt: skip

    def spread(
        self,
        asked: gpd.GeoDataFrame,
        where: PointsOnEdges,
        is_asked: np.ndarray,
        choice: BandwidthChoice,
    ) -> gpd.GeoDataFrame:
        """Return the places with their density; a row a place and slice where there are some."""
        bandwidth: float | np.ndarray = choice.bandwidth_m
        if self.trim_m is not None:
            bandwidth = compute_adaptive_bandwidth(
                self.graph, self.events, bandwidth_m=choice.bandwidth_m, trim_m=self.trim_m,
                weights=self.weight, options=self.options,
            )  # fmt: skip
        both: dict[str, Any] = {
            "bandwidth_m": bandwidth,
            "weights": self.weight,
            "options": self.options,
            "progress": make_progress(),
        }
        if self.times is None or choice.time_bandwidth is None:
            density = np.full(len(asked), np.nan)
            samples = take(where, is_asked)
            density[is_asked] = compute_nkde(self.graph, self.events, samples, **both)
            return gpd.GeoDataFrame(asked.assign(**{COLUMN: density}))
        both |= {
            "time": self.times.of_events,
            "time_kernel": self.make_kernel(choice.time_bandwidth),
        }
        if self.times.of_places is not None:
            is_asked = is_asked & np.isfinite(self.times.of_places)
            density = np.full(len(asked), np.nan)
            density[is_asked] = compute_nkde_at_moments(
                self.graph, self.events, take(where, is_asked),
                sample_time=self.times.of_places[is_asked], **both,
            )  # fmt: skip
            return gpd.GeoDataFrame(asked.assign(**{self.column: density}))
        moments = self.times.moments
        every = np.full((len(moments), len(asked)), np.nan)
        every[:, is_asked] = compute_nkde_slices(
            self.graph, self.events, take(where, is_asked), moments=moments, **both
        ).T
        rows = asked.iloc[np.tile(np.arange(len(asked)), len(moments))].reset_index(drop=True)
        name = np.repeat(self.times.name_moments(), len(asked))
        return gpd.GeoDataFrame(rows.assign(slice=name, **{self.column: every.ravel()}))

    def tell(self, choice: BandwidthChoice) -> dict[str, Any]:
        """Return what the summary says of bandwidths."""
        told: dict[str, Any] = {"bandwidth_m": choice.bandwidth_m}
        name = f"time_bandwidth_{'day' if self.times is None else self.times.unit}s"
        if self.times is not None:
            told |= {name: choice.time_bandwidth, "n_without_time": self.times.n_unknown}
            if self.times.of_places is None:
                told["slices"] = [str(one) for one in self.times.name_moments()]
        if len(choice.table):
            table = choice.table.rename(columns={"time_bandwidth": name})
            told["chosen_by"] = "score: leave-one-out likelihood, one event in n laid anywhere"
            told["is_at_edge"] = choice.is_at_edge
            told["likelihoods"] = table.to_dict("records")
        return told


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
