"""Which sites of one network are sites of another: segments and intersections."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo.line_matching import match_lines
from geo.network import Network

__all__ = [
    "TOLERANCE_M",
    "bring_into",
    "list_sites",
    "match_intersections",
    "match_segments",
    "match_sites",
]

IntArray = NDArray[np.int64]

TOLERANCE_M = 10.0
LEAST_SHARE = 0.1  # of the shorter segment; less is a touch at an end
SAME_SHARE = 0.5  # of both sites, for one to be the other
LEAST_M = 1e-9  # a segment of no length shares nothing
MOVED_NODE_M = 50.0  # an OSM node is the same place up to here


def match_sites(old: Network, new: Network, *, tolerance_m: float = TOLERANCE_M) -> pd.DataFrame:
    """Tell which site of a new network each site of an old one is.

    Parameters
    ----------
    old, new
        Networks of one area, from two dates or built with other settings.
    tolerance_m
        Roads and junctions farther apart are others [m].

    Returns
    -------
    sites
        One row a pair of sites that share something: `site_type` (segment or
        intersection), `old_site_id`, `new_site_id` (`S12`, `I3`), `share_old` and
        `share_new` (of the length, or of the junction nodes, that they share), `is_same`.
        A site keeps its identity (`is_same`) with at most one other: each shares most
        with the other, and half or more of both. Sites that share nothing have no row.

    Raises
    ------
    CrsError, GeometryError, InputError
        As `geo.line_matching.match_lines`.
    """
    segments = match_segments(old, new, tolerance_m=tolerance_m)
    return list_sites(segments, match_intersections(old, new, tolerance_m=tolerance_m))


def list_sites(segments: pd.DataFrame, intersections: pd.DataFrame) -> pd.DataFrame:
    """Put the relations of segments and of intersections into one table of sites."""
    parts = []
    for kind, table in (("segment", segments), ("intersection", intersections)):
        letter = kind[0].upper()
        parts.append(
            pd.DataFrame(
                {
                    "site_type": pd.Series([kind] * len(table), dtype="str"),
                    "old_site_id": letter + table["old_id"].astype("str"),
                    "new_site_id": letter + table["new_id"].astype("str"),
                    "share_old": table["share_old"],
                    "share_new": table["share_new"],
                    "is_same": table["is_same"],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def match_segments(old: Network, new: Network, *, tolerance_m: float = TOLERANCE_M) -> pd.DataFrame:
    """Tell which segments of two networks run along each other.

    Parameters
    ----------
    old, new, tolerance_m
        As `match_sites`; the new network is brought into the system of the old one.

    Returns
    -------
    relations
        As `geo.line_matching.match_lines`, with `old_id` and `new_id` in place of row
        positions, `share_old`, `share_new` and `is_same`. Pairs that share less than a
        tenth of the shorter segment are left out.

    Raises
    ------
    CrsError, GeometryError, InputError
        As `geo.line_matching.match_lines`.
    """
    segments = old.segments, bring_into(new.segments, old.segments)
    found = match_lines(*segments, tolerance_m=tolerance_m)
    lengths = [
        layer["length_m"].to_numpy(dtype=np.float64)[found[side]]
        for layer, side in zip(segments, ("old", "new"), strict=True)
    ]
    for side, length in zip(("old", "new"), lengths, strict=True):
        share = found[f"overlap_{side}_m"].to_numpy() / np.maximum(length, LEAST_M)
        found[f"share_{side}"] = share.clip(0.0, 1.0)
    found = found[found[["share_old", "share_new"]].max(axis=1) >= LEAST_SHARE]
    found = found.rename(columns={"old": "old_id", "new": "new_id"}).reset_index(drop=True)
    return found.assign(is_same=_find_same(found))


def match_intersections(
    old: Network, new: Network, *, tolerance_m: float = TOLERANCE_M
) -> pd.DataFrame:
    """Tell which intersections of two networks share junctions.

    Parameters
    ----------
    old, new, tolerance_m
        As `match_sites`.

    Returns
    -------
    relations
        One row a pair: `old_id`, `new_id`, `n_shared` (junction nodes), `share_old`,
        `share_new`, `moved_m` (from centre to centre), `is_same`.

    Notes
    -----
    Nodes are the same when they have one OSM id and lie within 50 m, else when each is
    the other's nearest within the tolerance. Intersections that share no node are the
    same when their centres are each other's nearest within twice the tolerance (a
    crossroads that became a roundabout).
    """
    new_nodes = bring_into(new.nodes, old.nodes)
    new_centres = bring_into(new.intersections, old.intersections)
    nodes = [
        layer[layer["intersection_id"].notna()].reset_index(drop=True)
        for layer in (old.nodes, new_nodes)
    ]
    a, b = _match_nodes(nodes[0], nodes[1], tolerance_m)
    owners = [
        layer["intersection_id"].to_numpy(dtype=np.int64, na_value=-1).astype(np.int64)[rows]
        for layer, rows in zip(nodes, (a, b), strict=True)
    ]
    pairs = pd.DataFrame({"old_id": owners[0], "new_id": owners[1]})
    shared = pairs.value_counts(["old_id", "new_id"]).reset_index(name="n_shared")
    counts = [some.intersections["n_nodes"].to_numpy(dtype=np.int64) for some in (old, new)]
    shared["share_old"] = shared["n_shared"] / counts[0][shared["old_id"]]
    shared["share_new"] = shared["n_shared"] / counts[1][shared["new_id"]]
    xy = [_get_xy(layer) for layer in (old.intersections, new_centres)]
    rest = [
        np.setdiff1d(np.arange(len(counts[0])), shared["old_id"]),
        np.setdiff1d(np.arange(len(counts[1])), shared["new_id"]),
    ]
    near = _find_mutual(xy[0][rest[0]], xy[1][rest[1]], 2 * tolerance_m)
    by_centre = pd.DataFrame({"old_id": rest[0][near[0]], "new_id": rest[1][near[1]]})
    by_centre = by_centre.assign(n_shared=0, share_old=1.0, share_new=1.0)
    found = pd.concat([shared, by_centre]).sort_values(["old_id", "new_id"], ignore_index=True)
    apart = xy[0][found["old_id"]] - xy[1][found["new_id"]]
    return found.assign(moved_m=np.hypot(apart[:, 0], apart[:, 1]), is_same=_find_same(found))


def bring_into(layer: GeoDataFrame, other: GeoDataFrame) -> GeoDataFrame:
    """Return a layer in the system of another; as it is where they agree."""
    return layer if layer.crs == other.crs else layer.to_crs(other.crs)


def _find_same(relations: pd.DataFrame) -> NDArray[np.bool_]:
    """Find pairs that are each other's best and share half of both."""
    shares = relations[["share_old", "share_new"]]
    score = shares.sum(axis=1).to_numpy()
    is_same: NDArray[np.bool_] = np.array((shares >= SAME_SHARE).all(axis=1))
    for side in ("old_id", "new_id"):
        order = np.lexsort((relations["new_id"], relations["old_id"], -score))
        is_best = np.zeros(len(relations), dtype=bool)
        is_best[order] = ~relations[side].iloc[order].duplicated().to_numpy()
        is_same &= is_best
    return is_same


def _match_nodes(
    old: GeoDataFrame, new: GeoDataFrame, tolerance_m: float
) -> tuple[IntArray, IntArray]:
    """Pair nodes by OSM id, then by place; row positions of both."""
    xy = _get_xy(old), _get_xy(new)
    ids = [
        pd.DataFrame({"id": layer["osm_node_id"], "row": np.arange(len(layer))})
        for layer in (old, new)
    ]
    ids = [table[table["id"] > 0].drop_duplicates("id") for table in ids]
    both = ids[0].merge(ids[1], on="id", suffixes=("_old", "_new"))
    a, b = both["row_old"].to_numpy(), both["row_new"].to_numpy()
    near = np.hypot(*(xy[0][a] - xy[1][b]).T) <= max(MOVED_NODE_M, tolerance_m)
    a, b = a[near], b[near]
    rest_a = np.setdiff1d(np.arange(len(old)), a)
    rest_b = np.setdiff1d(np.arange(len(new)), b)
    more = _find_mutual(xy[0][rest_a], xy[1][rest_b], tolerance_m)
    return np.concatenate([a, rest_a[more[0]]]), np.concatenate([b, rest_b[more[1]]])


def _find_mutual(
    one: NDArray[np.float64], two: NDArray[np.float64], reach_m: float
) -> tuple[IntArray, IntArray]:
    """Find points that are each other's nearest within a distance."""
    if len(one) == 0 or len(two) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    distance, there = cKDTree(two).query(one, distance_upper_bound=reach_m)
    _, back = cKDTree(one).query(two)
    rows = np.flatnonzero(np.isfinite(distance))
    rows = rows[back[there[rows]] == rows]
    return rows.astype(np.int64), there[rows].astype(np.int64)


def _get_xy(layer: GeoDataFrame) -> NDArray[np.float64]:
    xy: NDArray[np.float64] = shapely.get_coordinates(layer.geometry.to_numpy()).reshape(-1, 2)
    return xy
