"""`safecommute tools nkde`: network kernel density on plain layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import geopandas as gpd
import numpy as np
import pandas as pd

from core.errors import InputError
from geo.vector_io import write_layer
from models.edge_graph import EdgeGraph, Positions
from models.network_kernels import KERNELS
from models.nkde import METHODS, HowSpread, NkdeOptions, compute_nkde
from models.nkde_bandwidth import (
    BandwidthChoice,
    adapt_bandwidth,
    estimate_bandwidth,
    estimate_space_time_bandwidth,
)
from models.nkde_time import TimeKernel, compute_nkde_at_moments, compute_nkde_slices
from models.node_places import spread_over_arms
from pipeline.cli_output import echo_json, echo_pairs, echo_table, make_progress
from pipeline.commands.candidates import CandidatesType
from pipeline.commands.event_times import EventTimes, read_event_times
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
@max_distance_option
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
    max_distance_m: float,
    time: str | None,
    time_bandwidth_days: tuple[float, ...] | None,
    time_bandwidth_hours: tuple[float, ...] | None,
    slices: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Compute how many events a kilometre of road has, with what is near counted in.

    The layer `--at` is written with `nkde_per_km`; events and places go to the nearest
    line, and what is left out is listed in NAME.left_out.csv. Lines meet where they share a
    vertex, never where they merely cross; a place on a junction gets the mean over its arms.
    With `--time` the column is `nkde_per_km_day` (or `nkde_per_km_hour`, by hour of the day): at
    the time of each place where the places have that column, else once for each of some
    `--slices`.
    """
    widths = require_time_options(time, time_bandwidth_days, time_bandwidth_hours, slices)
    roads = read_roads(lines)
    happened = read_road_points(events, roads, what="events", max_distance_m=max_distance_m)
    asked = read_road_points(at, roads, what="places", max_distance_m=max_distance_m)
    times = None
    if time is not None:
        times, happened, asked = read_times(
            happened, asked, time, by_hour=time_bandwidth_hours is not None, n_slices=slices
        )
    for points in (happened, asked):
        points.report(name_left_out(out))
    is_used = happened.is_used
    work = Work(
        graph=roads.graph,
        events=happened.positions,
        weight=None if weights is None else read_weights(happened, weights),
        times=None if times is None else times.keep(is_used),
        options=NkdeOptions(
            method=method, kernel=kernel, reflects_at_dead_ends=reflect, max_depth=max_depth
        ),
        trim_m=adaptive_trim_m,
    )
    warn_of_replaced(asked, [work.column])
    choice = work.choose(bandwidth_m, widths)
    result = work.spread(asked, choice)
    write_layer(result, out)
    density = result[work.column]
    summary = {
        **roads.summary,
        **happened.summarise("events"),
        **asked.summarise("at"),
        "highest_per_km": round_off(density.max()) if density.notna().any() else None,
        **work.tell(choice),
        "crs": roads.lines.crs.to_string(),
        "out": str(out),
        "left_out_out": str(write_left_out((happened, asked), out)),
    }
    if as_json:
        echo_json(summary)
        return
    table = summary.pop("likelihoods", [])
    echo_pairs(summary)
    if table:
        echo_table(list(table[0]), [list(row.values()) for row in table])


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


def read_times(
    happened: RoadPoints, asked: RoadPoints, column: str, *, by_hour: bool, n_slices: int | None
) -> tuple[EventTimes, RoadPoints, RoadPoints]:
    """Read times, and leave out what has none; events off the roads have no say in slices."""
    known = happened.frame
    if column in known and happened.is_used.any():
        known = known.assign(**{column: known[column].where(happened.is_used)})
    times = read_event_times(
        (known, happened.path), (asked.frame, asked.path), column, by_hour=by_hour,
        n_slices=n_slices,
    )  # fmt: skip
    reason = f"no time in column {column!r}"
    happened = happened.leave_out(~times.is_known, reason)
    if times.of_places is not None:
        asked = asked.leave_out(~np.isfinite(times.of_places), reason)
    return times, happened, asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Events on a network, and how they are spread."""

    graph: EdgeGraph
    events: Positions
    weight: np.ndarray | None
    times: EventTimes | None
    options: NkdeOptions
    trim_m: float | None
    account: HowSpread = field(default_factory=HowSpread)

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
                self.graph, self.events, metres, weights=self.weight, options=self.options,
                progress=progress,
            )  # fmt: skip
        return estimate_space_time_bandwidth(
            self.graph, self.events, metres, time=self.times.of_events,
            time_kernels=[self.make_kernel(one) for one in widths], weights=self.weight,
            options=self.options, progress=progress,
        )  # fmt: skip

    def spread(self, asked: RoadPoints, choice: BandwidthChoice) -> gpd.GeoDataFrame:
        """Return the places with their density; a row a place and slice where there are some."""
        bandwidth: float | np.ndarray = choice.bandwidth_m
        if self.trim_m is not None:
            bandwidth = adapt_bandwidth(
                self.graph, self.events, bandwidth_m=choice.bandwidth_m, trim_m=self.trim_m,
                weights=self.weight, options=self.options,
            )  # fmt: skip
        both: dict[str, Any] = {
            "bandwidth_m": bandwidth,
            "weights": self.weight,
            "options": self.options,
            "progress": make_progress(),
            "account": self.account,
        }
        frame, is_asked = asked.frame, asked.is_used
        arms = spread_over_arms(self.graph, asked.positions)
        ends = (self.graph, self.events, arms.positions)
        if self.times is None or choice.time_bandwidth is None:
            density = np.full(len(frame), np.nan)
            density[is_asked] = arms.average(compute_nkde(*ends, **both))
            return gpd.GeoDataFrame(frame.assign(**{COLUMN: density}))
        both |= {
            "time": self.times.of_events,
            "time_kernel": self.make_kernel(choice.time_bandwidth),
        }
        if self.times.of_places is not None:
            density = np.full(len(frame), np.nan)
            when = self.times.of_places[is_asked][arms.place]
            density[is_asked] = arms.average(
                compute_nkde_at_moments(*ends, sample_time=when, **both)
            )
            return gpd.GeoDataFrame(frame.assign(**{self.column: density}))
        moments = self.times.moments
        every = np.full((len(moments), len(frame)), np.nan)
        every[:, is_asked] = arms.average(compute_nkde_slices(*ends, moments=moments, **both)).T
        rows = frame.iloc[np.tile(np.arange(len(frame)), len(moments))].reset_index(drop=True)
        name = np.repeat(self.times.name_moments(), len(frame))
        return gpd.GeoDataFrame(rows.assign(slice=name, **{self.column: every.ravel()}))

    def tell(self, choice: BandwidthChoice) -> dict[str, Any]:
        """Return what the summary says of bandwidths."""
        told: dict[str, Any] = {"bandwidth_m": choice.bandwidth_m}
        if self.account.n_in_steps:  # exact to rounding elsewhere
            share = 100 * self.account.n_in_steps / self.account.n_starts
            told["spread_in_steps_percent"] = round_off(share)
            told["step_m"] = self.account.step_m
        name = f"time_bandwidth_{'day' if self.times is None else self.times.unit}s"
        if self.times is not None:
            told[name] = choice.time_bandwidth
            if self.times.of_places is None:
                told["slices"] = [str(one) for one in self.times.name_moments()]
        if len(choice.table):
            table = choice.table.rename(columns={"time_bandwidth": name})
            told["chosen_by"] = "score: leave-one-out likelihood, one event in n laid anywhere"
            if self.weight is not None:
                told["chosen_by"] += "; events count by their weights"
            told["is_at_edge"] = choice.is_at_edge
            told["likelihoods"] = [
                {key: round_off(one) if isinstance(one, float) else one for key, one in row.items()}
                for row in table.to_dict("records")
            ]
        return told


def read_weights(happened: RoadPoints, column: str) -> np.ndarray:
    """Return the weights of the events that are used.

    Raises
    ------
    InputError
        If one is missing or below 0, or all are 0.
    """
    weight, is_used = read_numbers(happened, column), happened.is_used
    is_bad = is_used & ~(np.isfinite(weight) & (weight >= 0))
    if is_bad.any():
        row = int(np.flatnonzero(is_bad)[0])
        message = (
            f"{happened.path}: {int(is_bad.sum())} of {int(is_used.sum())} values of {column!r} "
            f"are missing or below 0, first in row {row}: {weight[row]:g}; fill them in, with 0 "
            "where an event shall not count."
        )
        raise InputError(message)
    if not weight[is_used].any():
        message = f"{happened.path}: all values of {column!r} are 0, so no event counts."
        raise InputError(message)
    return weight[is_used]
