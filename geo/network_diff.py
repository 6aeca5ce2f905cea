"""What changed between two networks of one area: roads, junctions, attributes, identities."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import DataSourceError
from core.progress import Progress, no_progress
from core.units import M_PER_KM
from geo.network import Network
from geo.site_matching import (
    TOLERANCE_M,
    bring_into,
    list_sites,
    match_intersections,
    match_segments,
)
from geo.vector_io import write_layer

__all__ = ["NetworkDiff", "compare_networks", "write_network_diff"]

logger = logging.getLogger(__name__)

SAME_FORM_M = 2.0  # a road that moved by less was not moved
WHOLE_SHARE = 0.95  # and is as long as it was
_SEGMENT_ATTRIBUTES = (
    *("road_class", "is_link", "name", "ref", "maxspeed_kmh", "lit", "lanes", "width_m", "surface"),
    *("surface_class", "oneway", "is_bridge", "is_tunnel", "is_roundabout"),
)
_INTERSECTION_ATTRIBUTES = ("road_class", "has_signals", "is_roundabout", "n_arms", "name")
LEAST_SHARED = 0.05  # of the kilometres of both networks; less are hardly of one place
_TURNED = {"forward": "backward", "backward": "forward"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDiff:
    """Difference between an old and a new network.

    Attributes
    ----------
    old_segments, new_segments
        `segment_id`, `status`, `kept_m`, `removed_m` (old) or `added_m` (new), `name`,
        `road_class`, `osm_way_id`, `length_m`, line. Kept and removed (added) metres sum
        up to `length_m`.
    old_intersections, new_intersections
        `intersection_id`, `status`, `name`, `n_nodes`, point.
    segment_relations, intersection_relations
        See `geo.site_matching`, with the `status` of the pair.
    sites
        See `geo.site_matching.match_sites`.
    attribute_changes
        `site_type`, `old_site_id`, `new_site_id`, `attribute`, `old`, `new` (as text, null
        for unknown), `length_m` (of the old segment that the change is about).
    summary
        Counts by status, kilometres, and changes by attribute.
    """

    old_segments: GeoDataFrame
    new_segments: GeoDataFrame
    old_intersections: GeoDataFrame
    new_intersections: GeoDataFrame
    segment_relations: pd.DataFrame
    intersection_relations: pd.DataFrame
    sites: pd.DataFrame
    attribute_changes: pd.DataFrame
    summary: dict[str, Any]


def compare_networks(
    old: Network,
    new: Network,
    *,
    tolerance_m: float = TOLERANCE_M,
    progress: Progress = no_progress,
) -> NetworkDiff:
    """Compare two networks of one area.

    Parameters
    ----------
    old, new
        Networks from two dates, best built with the same settings.
    tolerance_m
        Roads and junctions farther apart are others [m].
    progress
        Called with the step reached.

    Returns
    -------
    diff
        Segments are *kept* (one is one, within 2 m, and 95 % of its length), *reshaped*
        (one is one, but moved, longer or shorter), *split* (one became several), *merged*
        (several became one), *recut* (several became several: the ends moved), *removed*
        or *added*. Intersections are *kept*, *moved* (by more than the tolerance), and so
        on. The direction in which a line was drawn does not matter.

    Raises
    ------
    CrsError, GeometryError, InputError
        As `geo.line_matching.match_lines`.

    Notes
    -----
    Old length is kept plus removed, new length kept plus added, exactly; the kept lengths
    of both sides differ by what was reshaped, and by up to about 10 m at each place where
    a segment ends on one side only.
    """
    progress(0, 4, "comparing segments")
    segments = match_segments(old, new, tolerance_m=tolerance_m)
    segments["status"] = _find_status(
        segments,
        len(old.segments),
        len(new.segments),
        is_kept=segments["is_identical"].to_numpy(bool)
        | (
            (segments["deviation_m"] <= SAME_FORM_M).to_numpy(bool)
            & (segments[["share_old", "share_new"]] >= WHOLE_SHARE).all(axis=1).to_numpy(bool)
        ),
        otherwise="reshaped",
    )
    progress(1, 4, "comparing intersections")
    places = match_intersections(old, new, tolerance_m=tolerance_m)
    places["status"] = _find_status(
        places,
        len(old.intersections),
        len(new.intersections),
        is_kept=(places["moved_m"] <= tolerance_m).to_numpy(bool),
        otherwise="moved",
    )
    progress(2, 4, "comparing attributes")
    changes = _list_changes(old, new, segments, places)
    progress(3, 4, "summing up")
    new_segments = bring_into(new.segments, old.segments)
    new_places = bring_into(new.intersections, old.intersections)
    parts = {
        "old_segments": _describe_segments(old.segments, segments, "old"),
        "new_segments": _describe_segments(new_segments, segments, "new"),
        "old_intersections": _describe_intersections(old.intersections, places, "old"),
        "new_intersections": _describe_intersections(new_places, places, "new"),
    }
    summary = _summarise(parts, segments, places, changes, tolerance_m)
    _warn_if_elsewhere(summary)
    progress(4, 4, "networks compared")
    return NetworkDiff(
        **parts,
        segment_relations=segments,
        intersection_relations=places,
        sites=list_sites(segments, places),
        attribute_changes=changes,
        summary=summary,
    )


def write_network_diff(diff: NetworkDiff, folder: Path) -> Path:
    """Write a difference into a folder.

    Tables and layers become Parquet files named as in `NetworkDiff`, what was not kept
    also layers of `changes.gpkg` (for QGIS), the summary `network_diff.json`.

    Raises
    ------
    DataSourceError
        If the folder cannot be written.
    """
    layers = ("old_segments", "new_segments", "old_intersections", "new_intersections")
    tables = ("segment_relations", "intersection_relations", "sites", "attribute_changes")
    for name in layers:
        write_layer(getattr(diff, name), folder / f"{name}.parquet")
    try:
        for name in tables:
            getattr(diff, name).to_parquet(folder / f"{name}.parquet", index=False)
        for name in layers:
            layer = getattr(diff, name)
            changed = layer[layer["status"] != "kept"]
            changed.to_file(folder / "changes.gpkg", layer=name, driver="GPKG", engine="pyogrio")
        text = json.dumps(diff.summary, ensure_ascii=False, indent=2) + "\n"
        (folder / "network_diff.json").write_text(text, encoding="utf-8")
    except (OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"{folder}: cannot be written: {reason}; check the folder and try again."
        raise DataSourceError(message) from error
    return folder


def _find_status(
    relations: pd.DataFrame,
    n_old: int,
    n_new: int,
    *,
    is_kept: NDArray[np.bool_],
    otherwise: str,
) -> pd.Series[str]:
    """Say what became of each pair, by how many sites its group has on both sides."""
    a = relations["old_id"].to_numpy(dtype=np.int64)
    b = relations["new_id"].to_numpy(dtype=np.int64)
    size = n_old + n_new
    links = coo_array((np.ones(len(a), dtype=np.int8), (a, n_old + b)), shape=(size, size))
    n_groups, group = connected_components(links, directed=False)
    olds = np.bincount(group[:n_old], minlength=n_groups)[group[a]]
    news = np.bincount(group[n_old:], minlength=n_groups)[group[a]]
    one_to_one = np.where(is_kept, "kept", otherwise)
    status = np.select(
        [(olds == 1) & (news == 1), olds == 1, news == 1],
        [one_to_one, "split", "merged"],
        "recut",
    )
    return pd.Series(status, index=relations.index, dtype="str")


def _take_status(relations: pd.DataFrame, side: str, n: int) -> NDArray[np.object_]:
    status: NDArray[np.object_] = np.full(n, "removed" if side == "old" else "added", dtype=object)
    status[relations[f"{side}_id"]] = relations["status"]
    return status


def _describe_segments(segments: GeoDataFrame, relations: pd.DataFrame, side: str) -> GeoDataFrame:
    length = segments["length_m"].to_numpy(dtype=np.float64)
    kept = np.bincount(relations[f"{side}_id"], relations[f"overlap_{side}_m"], len(segments))
    kept = np.minimum(kept, length)
    status = _take_status(relations, side, len(segments))
    columns = ["osm_way_id", "name", "road_class", "length_m", "geometry"]
    return gpd.GeoDataFrame(
        {
            "segment_id": segments["segment_id"].to_numpy(),
            "status": pd.array(status, dtype="str"),
            "kept_m": kept,
            "removed_m" if side == "old" else "added_m": length - kept,
            **{name: segments[name].to_numpy() for name in columns},
        },
        crs=segments.crs,
    )


def _describe_intersections(
    places: GeoDataFrame, relations: pd.DataFrame, side: str
) -> GeoDataFrame:
    status = _take_status(relations, side, len(places))
    columns = ["name", "n_nodes", "geometry"]
    return gpd.GeoDataFrame(
        {
            "intersection_id": places["intersection_id"].to_numpy(),
            "status": pd.array(status, dtype="str"),
            **{name: places[name].to_numpy() for name in columns},
        },
        crs=places.crs,
    )


def _list_changes(
    old: Network, new: Network, segments: pd.DataFrame, places: pd.DataFrame
) -> pd.DataFrame:
    """List what is another way on sites that are there on both sides."""
    turned = segments["is_reversed"].to_numpy(bool)
    parts = []
    for kind, relations, layers, names in (
        ("segment", segments, (old.segments, new.segments), _SEGMENT_ATTRIBUTES),
        (
            "intersection",
            places[places["is_same"]],
            (old.intersections, new.intersections),
            _INTERSECTION_ATTRIBUTES,
        ),
    ):
        a, b = relations["old_id"].to_numpy(), relations["new_id"].to_numpy()
        length = relations["overlap_old_m"] if kind == "segment" else np.full(len(a), np.nan)
        for name in names:
            if name not in layers[0] or name not in layers[1]:
                continue
            before = layers[0][name].take(a).reset_index(drop=True)
            after = layers[1][name].take(b).reset_index(drop=True)
            if name == "oneway":
                after = after.where(~turned, after.map(_TURNED).fillna(after))
            differs = (before != after) & ~(before.isna() & after.isna())
            at = np.flatnonzero(differs.fillna(True).to_numpy(bool))
            parts.append(_list_change(kind, name, a[at], b[at], before[at], after[at]))
            parts[-1]["length_m"] = np.asarray(length)[at]
    return pd.concat(parts, ignore_index=True)


def _list_change(
    kind: str,
    name: str,
    old_id: NDArray[np.int64],
    new_id: NDArray[np.int64],
    before: pd.Series[Any],
    after: pd.Series[Any],
) -> pd.DataFrame:
    letter = kind[0].upper()
    words = [
        pd.Series([None if pd.isna(value) else str(value) for value in some], dtype="str")
        for some in (before, after)
    ]
    return pd.DataFrame(
        {
            "site_type": pd.Series([kind] * len(old_id), dtype="str"),
            "old_site_id": letter + pd.Series(old_id).astype("str"),
            "new_site_id": letter + pd.Series(new_id).astype("str"),
            "attribute": pd.Series([name] * len(old_id), dtype="str"),
            "old": words[0],
            "new": words[1],
        }
    )


def _summarise(
    parts: dict[str, GeoDataFrame],
    segments: pd.DataFrame,
    places: pd.DataFrame,
    changes: pd.DataFrame,
    tolerance_m: float,
) -> dict[str, Any]:
    old, new = parts["old_segments"], parts["new_segments"]
    sums = {
        "old_km": old["length_m"],
        "kept_of_old_km": old["kept_m"],
        "removed_km": old["removed_m"],
        "new_km": new["length_m"],
        "kept_of_new_km": new["kept_m"],
        "added_km": new["added_m"],
    }
    counts = {f"{name}_by_status": _count(layer["status"]) for name, layer in parts.items()}
    return {
        "tolerance_m": tolerance_m,
        **{name: round(float(column.sum()) / M_PER_KM, 6) for name, column in sums.items()},
        "n_old_segments": len(old),
        "n_new_segments": len(new),
        "n_same_segments": int(segments["is_same"].sum()),
        "n_old_intersections": len(parts["old_intersections"]),
        "n_new_intersections": len(parts["new_intersections"]),
        "n_same_intersections": int(places["is_same"].sum()),
        **counts,
        "attribute_changes": _count(changes["site_type"] + " " + changes["attribute"]),
    }


def _count(words: Sequence[str] | pd.Series[str]) -> dict[str, int]:
    found = pd.Series(words).value_counts()
    return {str(word): int(n) for word, n in sorted(found.items(), key=lambda item: str(item[0]))}


def _warn_if_elsewhere(summary: dict[str, Any]) -> None:
    """Warn when two networks share hardly any road."""
    shares = [summary[f"kept_of_{side}_km"] / summary[f"{side}_km"] for side in ("old", "new")
              if summary[f"{side}_km"]]  # fmt: skip
    if shares and max(shares) < LEAST_SHARED:
        logger.warning(
            "the networks share %.1f of %.1f km (old) and %.1f km (new): hardly any; are both of "
            "the same area?",
            summary["kept_of_old_km"], summary["old_km"], summary["new_km"],
        )  # fmt: skip
