"""Routes out of files of GPS traces: each track becomes one row for the import."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import shapely

from geo.trace_files import has_point_columns
from geo.trace_times import estimate_offset_min
from geo.traces import Traces, read_traces
from records.batches import BATCH_ROWS, RawBatch
from records.delimited import BadRow
from records.reading import require_file

__all__ = ["RouteTable", "open_routes"]

LAYERS = {".geojson", ".json", ".gpkg", ".shp", ".fgb"}
MADE = ("driven_at", "line")


def open_routes(
    path: Path, *, near_wgs84: tuple[float, float, float, float] | None = None
) -> RouteTable | None:
    """Open a file of traces as a table of routes; None where it is an ordinary table.

    Parameters
    ----------
    path
        GPX, a layer, or a table with one fix a row. A table with a line a row is ordinary.
    near_wgs84
        Bounds of the study area; see `geo.traces.read_traces`.

    Raises
    ------
    DataSourceError, TableError
        If it is a file of traces that cannot be read, or holds none.
    """
    suffix = path.suffix.lower()
    if suffix != ".gpx":
        require_file(path)
    if suffix != ".gpx" and suffix not in LAYERS and not has_point_columns(path):
        return None
    return RouteTable(path, read_traces(path, near_wgs84=near_wgs84))


class RouteTable:
    """Traces as rows of text (see `records.reading.RawTable`): line, first time, properties.

    A line takes in every fix that has a place, in the order of their times. `driven_at` is
    local: times that are stated in UTC are moved to the zone of the place's longitude.
    """

    def __init__(self, path: Path, traces: Traces) -> None:
        self.traces = traces
        self.description = f"{path.suffix.removeprefix('.').upper()}, {len(traces.traces)} traces"
        self.other_names: dict[str, str] = {}
        self.notes: Counter[str] = Counter(traces.notes)
        for reason, n in traces.dropped.groupby("reason")["n_points"].sum().items():
            self.notes[f"fixes left out: {reason}"] = int(n)
        self.frame = self._make_rows()
        self.columns = tuple(map(str, self.frame.columns))

    def read(self, *, single: frozenset[str] = frozenset()) -> Iterator[RawBatch]:
        """Yield the traces in batches; those that hold no line are bad rows, with the reason."""
        del single
        table = self.traces.traces
        n_fixes = self.traces.points.groupby("trace").size().reindex(table.index, fill_value=0)
        for start in range(0, len(table), BATCH_ROWS):
            some = table.index[start : start + BATCH_ROWS]
            good = [at for at in some if n_fixes[at] > 1]
            bad = [
                BadRow(int(at) + 1, _refuse(table["form"][at], int(n_fixes[at])), table["name"][at])
                for at in some
                if n_fixes[at] <= 1
            ]
            frame = self.frame.loc[good].reset_index(drop=True)
            yield RawBatch(frame, [int(at) + 1 for at in good], bad, (some[-1] + 1) / len(table))

    def _make_rows(self) -> pd.DataFrame:
        about = self.traces.about
        lower = {str(name).lower(): str(name) for name in about}
        rows = about.drop(columns=[lower[name] for name in MADE if name in lower])
        said = about[lower["driven_at"]] if "driven_at" in lower else ""
        times = self._find_first_times()
        rows["driven_at"] = times.where(times != "", said)
        rows["line"] = self._draw_lines()
        if "notes" not in lower and "name" not in lower:
            rows["notes"] = self.traces.traces["name"]
        return rows.astype("str")

    def _draw_lines(self) -> pd.Series[str]:
        points, index = self.traces.points, self.traces.traces.index
        counts = points.groupby("trace").size()
        drawn = points[points["trace"].map(counts) > 1]
        trace = drawn["trace"].to_numpy()
        text = pd.Series("", index=index, dtype="str")
        if len(drawn):
            known, row = pd.factorize(trace)[::-1]
            lines = shapely.linestrings(drawn[["lon", "lat"]].to_numpy(), indices=row)
            text.loc[known] = shapely.to_wkt(lines, rounding_precision=7)
        return text

    def _find_first_times(self) -> pd.Series[str]:
        """Return the local date and time at which each trace begins, as ISO 8601."""
        points, table = self.traces.points, self.traces.traces
        first = points.groupby("trace").agg(time=("time", "min"), lon=("lon", "first"))
        first = first.reindex(table.index)
        offset = table["offset_min"].astype("Float64")
        is_utc = (offset == 0).fillna(False).astype(bool) & first["time"].notna()
        estimated = first["lon"].fillna(0.0).map(estimate_offset_min)
        for hours, n in Counter((estimated[is_utc] / 60).tolist()).items():
            self.notes[f"times in UTC taken as UTC{hours:+.0f}, by longitude"] = n
        shift = offset.fillna(0.0).astype(float).mask(is_utc, estimated)
        local = first["time"] + pd.to_timedelta(shift, unit="min")
        text: pd.Series[str] = local.dt.strftime("%Y-%m-%dT%H:%M:%S").fillna("").astype("str")
        return text


def _refuse(form: str, n_fixes: int) -> str:
    if form not in ("track", "route", "line", "points"):
        return f"is no line but {form}"
    return "a track of a single fix" if n_fixes else "a track without a fix"
