"""Roads and points of the tools on plain layers: read, put together, what is left out told."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from core.errors import InputError, TableError
from core.units import M_PER_KM
from geo.coordinates import find_point_problems
from geo.crs import to_metric
from geo.line_edges import (
    LineEdges,
    PointsOnEdges,
    build_line_edges,
    find_repeated_edges,
    place_on_edges,
)
from geo.vector_io import read_lines, read_points
from models.edge_graph import EdgeGraph, Positions, build_edge_graph
from pipeline.route_points import find_bounds_wgs84

__all__ = [
    "RoadPoints",
    "Roads",
    "max_distance_option",
    "name_left_out",
    "read_numbers",
    "read_road_points",
    "read_roads",
    "round_off",
    "warn_of_replaced",
    "write_left_out",
]

logger = logging.getLogger(__name__)

REACH_M: Final = 50.0  # as in a run
LAYERED: Final = (".gpkg", ".sqlite", ".gpx", ".kml", ".gdb")  # files of several layers
OUT_OF_REACH: Final = "coordinates that the system of the roads does not reach"
max_distance_option = click.option(
    "--max-distance-m",
    type=click.FloatRange(min=0, min_open=True),
    default=REACH_M,
    show_default=True,
    help="Points farther from every line are left out and listed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roads:
    """A layer of lines in projected metres, its edges, and what a summary says of them."""

    lines: gpd.GeoDataFrame
    edges: LineEdges
    graph: EdgeGraph
    summary: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadPoints:
    """Points of one file on the edges of roads; arrays of shape (n,).

    Attributes
    ----------
    what
        What they are, in the plural and as part of names in a summary.
    path
        The file they come from.
    frame
        All rows in file order, in the system of the roads; geometry null where it is no place.
    where
        The nearest edge of each, however far.
    reason
        Why a point is left out, as in "with no coordinates"; else None.
    given
        What is written there.
    """

    what: str
    path: Path
    frame: gpd.GeoDataFrame
    where: PointsOnEdges
    reason: NDArray[np.object_]
    given: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def is_used(self) -> NDArray[np.bool_]:
        """Whether each point is used."""
        return np.array([one is None for one in self.reason], dtype=bool)

    @property
    def positions(self) -> Positions:
        """Where those that are used lie."""
        return Positions(
            edge=self.where.edge[self.is_used], offset=self.where.offset_m[self.is_used]
        )

    def leave_out(self, is_bad: NDArray[np.bool_], reason: str) -> RoadPoints:
        """Leave more points out; those that are left out already keep their reason."""
        said = self.reason.copy()
        said[is_bad & self.is_used] = reason
        return replace(self, reason=said)

    def count(self) -> list[dict[str, Any]]:
        """Return how many are left out by reason, the most frequent first, with the first row."""
        kinds = Counter(one for one in self.reason if one is not None)
        first = {one: int(np.flatnonzero(self.reason == one)[0]) for one in kinds}
        return [{"reason": one, "n": n, "first_row": first[one]} for one, n in kinds.most_common()]

    def report(self, beside: Path) -> None:
        """Warn of what is left out, by reason and with the first row.

        Raises
        ------
        InputError
            If nothing is left.
        """
        kinds = self.count()
        if not kinds:
            return
        told = "; ".join(
            f"{one['n']} with {one['reason']}, first row {one['first_row']}"
            + (f" ({self.given[one['first_row']]})" if self.given[one["first_row"]] else "")
            for one in kinds
        )
        if not self.is_used.any():
            message = (
                f"{self.path}: none of {len(self)} {self.what} can be used: {told}; "
                f"{_advise(kinds[0]['reason'])}"
            )
            raise InputError(message)
        n = sum(one["n"] for one in kinds)
        logger.warning(
            "%s: %d of %d %s are left out: %s; all are listed in %s.",
            self.path, n, len(self), self.what, told, beside,
        )  # fmt: skip

    def summarise(self, name: str) -> dict[str, Any]:
        """Return what a summary says: numbers, distances to the roads, and what is left out."""
        far = self.where.distance_m[self.is_used]
        middle, most = np.quantile(far, [0.5, 0.95])
        return {
            f"n_{name}": len(self),
            f"n_{name}_left_out": int((~self.is_used).sum()),
            f"{name}_left_out": self.count(),
            f"{name}_median_m": round_off(middle),
            f"{name}_p95_m": round_off(most),
            f"{name}_max_m": round_off(far.max()),
        }


def read_roads(path: Path) -> Roads:
    """Read lines as edges; warn of those without a length, and of those that are there twice.

    Raises
    ------
    DataSourceError, CrsError, GeometryError
        As `geo.vector_io.read_lines` and `geo.line_edges.build_line_edges`.
    """
    _warn_of_layers(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="More than one layer")
        lines = to_metric(read_lines(path), layer=str(path))
    edges = build_line_edges(lines)
    row = edges.lines["source_row"].to_numpy()
    short = np.setdiff1d(lines["source_row"], row)
    n_rows = lines["source_row"].nunique()
    if len(short):
        logger.warning(
            "%s: %d of %d lines have no length, first row %d; they are left out.",
            path, len(short), n_rows, short[0],
        )  # fmt: skip
    original = find_repeated_edges(edges)
    again = np.flatnonzero(original >= 0)
    n_again = len(np.unique(row[again]))
    if len(again):
        logger.warning(
            "%s: %d of %d lines lie exactly on another, wholly or in part (%.3g km), first row %d "
            "on row %d; that length counts twice, and densities and K change with it: keep one of "
            "each.",
            path, n_again, n_rows, edges.length_m[again].sum() / M_PER_KM, row[again[0]],
            row[original[again[0]]],
        )  # fmt: skip
    return Roads(
        lines=lines,
        edges=edges,
        graph=build_edge_graph(edges.u, edges.v, edges.length_m),
        summary={
            "n_lines": len(lines),
            "n_lines_without_length": len(short),
            "n_lines_repeated": n_again,
            "n_edges": len(edges.u),
            "length_km": round_off(edges.length_m.sum() / M_PER_KM),
        },
    )


def read_road_points(path: Path, roads: Roads, *, what: str, max_distance_m: float) -> RoadPoints:
    """Read points and put each onto the nearest edge; say which are left out and why.

    Raises
    ------
    TableError
        If there is no row.
    DataSourceError, CrsError, GeometryError
        As `geo.vector_io.read_points`.
    """
    _warn_of_layers(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="More than one layer")
        points = read_points(path)
    if points.empty:
        raise TableError.empty(str(path))
    is_empty = points.geometry.is_empty.to_numpy()
    if is_empty.any():
        points = points.copy()
        points.loc[is_empty, points.geometry.name] = None
    found = find_point_problems(points, find_bounds_wgs84(roads.lines))
    located = points.copy()
    reason = found.reason.copy()
    located.loc[np.array([one is not None for one in reason]), located.geometry.name] = None
    located = located.to_crs(roads.lines.crs)
    shapes = located.geometry.to_numpy()
    is_there = np.isfinite(shapely.get_x(shapes)) & np.isfinite(shapely.get_y(shapes))
    reason[~is_there & ~shapely.is_missing(shapes)] = OUT_OF_REACH
    located.loc[~is_there, located.geometry.name] = None
    where = place_on_edges(located, roads.edges)
    given = found.given.copy()
    is_far = is_there & ~(where.distance_m <= max_distance_m)
    for row in np.flatnonzero(is_far):
        given[row] += f", nearest line {where.distance_m[row]:.0f} m"
    reason[is_far] = f"no line within {max_distance_m:g} m"
    return RoadPoints(what=what, path=path, frame=located, where=where, reason=reason, given=given)


def read_numbers(points: RoadPoints, column: str) -> NDArray[np.float64]:
    """Return a column of points as numbers; a CSV holds them as text.

    Raises
    ------
    TableError
        If there is no such column.
    InputError
        If it holds something else.
    """
    frame, path = points.frame, points.path
    if column not in frame:
        raise TableError.missing_columns(str(path), [column], list(map(str, frame.columns)))
    try:
        return np.asarray(frame[column], dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{path}: column {column!r} holds no numbers ({error}); name another."
        raise InputError(message) from error


def write_left_out(every: Iterable[RoadPoints], out: Path) -> Path:
    """List the points that are left out in a CSV beside the output, NAME.left_out.csv."""
    beside = name_left_out(out)
    tables = []
    for points in every:
        row = np.flatnonzero(~points.is_used)
        columns = {
            "layer": points.what,
            "row": row,
            "given": points.given[row],
            "distance_m": np.round(points.where.distance_m[row], 1),
            "reason": points.reason[row],
        }
        tables.append(pd.DataFrame(columns))
    beside.parent.mkdir(parents=True, exist_ok=True)
    pd.concat(tables).to_csv(beside, index=False, encoding="utf-8")
    return beside


def name_left_out(out: Path) -> Path:
    """Return the CSV beside an output that lists what is left out."""
    return out.with_name(f"{out.stem}.left_out.csv")


def warn_of_replaced(points: RoadPoints, columns: Iterable[str]) -> None:
    """Warn of columns that a layer has and the output has anew."""
    known = [name for name in columns if name in points.frame]
    if known:
        logger.warning(
            "%s: %s: there already; the output has the new values in place of these.",
            points.path, ", ".join(known),
        )  # fmt: skip


def round_off(value: float) -> float:
    """Return six digits of a number, as many as a person or a comparison needs."""
    return float(f"{value:.6g}")


def _warn_of_layers(path: Path) -> None:
    """Say which layer of several is read."""
    if path.suffix.lower() not in LAYERED or not path.exists():
        return
    import pyogrio

    names: list[str] = []
    with suppress(RuntimeError, OSError, ValueError):  # told when the layer is read
        names = [str(one) for one in pyogrio.list_layers(path)[:, 0]]
    if len(names) > 1:
        logger.warning(
            "%s: holds %d layers (%s); the first, %s, is read; save another one as a file of its "
            "own to use it.",
            path, len(names), ", ".join(names), names[0],
        )  # fmt: skip


def _advise(reason: str) -> str:
    """Say what to do about a reason."""
    if reason.startswith("no line within"):
        return (
            "check that both files are of one area and name their coordinate systems, or give a "
            "longer --max-distance-m."
        )
    if "column" in reason:
        return "fill the column in, or name another."
    if "swapped" in reason:
        return "exchange the columns or coordinates."
    return "give longitude and latitude in degrees of WGS84, with a decimal point."
