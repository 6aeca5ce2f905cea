"""Intersections: clusters of junction nodes, with a name, a class and their arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from numpy.typing import NDArray

from core.vocabulary import RoadClass
from geo.carriageways import pair_carriageways
from geo.consolidation import ConsolidationRules, cluster_junctions, find_inner_roads
from geo.segments import SegmentTables

__all__ = ["Junctions", "build_intersections"]

_SIGNAL_REACH_M = 30.0  # signals stand at the stop line, on the approach
_CROSSES = " \N{MULTIPLICATION SIGN} "  # between the two names of an intersection
_CLASSES = [word.value for word in RoadClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class Junctions:
    """Intersections, and to which one each node and segment end belongs (null: none).

    `dual_group` is the dual carriageway road that each segment is part of (null: none).
    """

    intersections: GeoDataFrame
    of_node: pd.Series[int]
    of_u: pd.Series[int]
    of_v: pd.Series[int]
    is_internal: NDArray[np.bool_]
    dual_group: pd.Series[int]


def build_intersections(
    tables: SegmentTables, *, tolerance_m: float, has_signal: NDArray[np.bool_]
) -> Junctions:
    """Cluster junction nodes into intersections.

    Parameters
    ----------
    tables
        Segments and nodes.
    tolerance_m
        Two junction nodes (three or more segment ends) are one intersection when they
        lie within this distance and the road between them is at most three times as long
        [m]. With 0 no nodes are joined but those of a roundabout.
    has_signal
        For each node of the roads the segments were built from, whether traffic signals
        stand there. Signals up to 30 m before an intersection belong to it.

    Returns
    -------
    junctions
        Every roundabout is one intersection, whatever its size; so are the crossings of
        the carriageways of one road, and the ends of the slip roads and traffic islands
        around them (`geo.consolidation`). A segment is internal when both its ends are in
        one intersection and it is part of a roundabout or direct: a long loop road is not
        internal.

    Raises
    ------
    InputError
        If `tolerance_m` is negative.
    """
    rules = ConsolidationRules(tolerance_m=tolerance_m)
    rules.require_valid()
    segments = tables.segments
    dual_group = pair_carriageways(segments, max_gap_m=rules.carriageway_gap_m).dual_group
    group = dual_group.to_numpy(dtype=np.int64, na_value=-1).astype(np.int64)
    cluster = cluster_junctions(tables, group, rules)
    ends = segments[["u", "v"]].to_numpy(dtype=np.int64)
    cluster_u, cluster_v = cluster[ends[:, 0]], cluster[ends[:, 1]]
    is_round = segments["is_roundabout"].to_numpy(bool)
    xy = shapely.get_coordinates(tables.nodes.geometry.to_numpy())
    length = segments["length_m"].to_numpy()
    is_internal = find_inner_roads(ends, length, xy, cluster, tolerance_m)
    is_internal |= is_round & (cluster_u >= 0) & (cluster_u == cluster_v)
    n = int(cluster.max(initial=-1)) + 1
    arms = _list_arms(segments, cluster_u, cluster_v, is_internal)
    roundabouts = np.zeros(n, dtype=bool)
    roundabouts[cluster_u[is_round]] = True
    columns = {
        "intersection_id": np.arange(n, dtype=np.int64),
        "n_nodes": np.bincount(cluster[cluster >= 0], minlength=n).astype(np.int64),
        "n_arms": _count(arms["cluster"].to_numpy(), ~arms["is_internal"].to_numpy(bool), n),
        "road_class": pd.Series(_find_highest_class(arms, n), dtype="str"),
        "has_signals": _find_signals(tables, cluster_u, cluster_v, has_signal, n),
        "is_roundabout": roundabouts,
        "name": _name(arms, n),
        "province": pd.Series([np.nan] * n, dtype="str"),
        "district": pd.Series([np.nan] * n, dtype="str"),
    }
    points = _locate(tables, cluster, cluster_u, is_round, roundabouts)
    return Junctions(
        intersections=GeoDataFrame(columns, geometry=points, crs=segments.crs),
        of_node=_to_nullable(cluster),
        of_u=_to_nullable(cluster_u),
        of_v=_to_nullable(cluster_v),
        is_internal=is_internal,
        dual_group=dual_group,
    )


def _list_arms(
    segments: GeoDataFrame,
    cluster_u: NDArray[np.int64],
    cluster_v: NDArray[np.int64],
    is_internal: NDArray[np.bool_],
) -> pd.DataFrame:
    """List every segment end that lies in a cluster."""
    rank = pd.Index(_CLASSES).get_indexer(pd.Index(segments["road_class"]))
    name, ref = segments["name"], segments["ref"]
    ends = pd.DataFrame(
        {
            "cluster": np.concatenate([cluster_u, cluster_v]),
            "rank": np.tile(rank, 2),
            "length_m": np.tile(segments["length_m"].to_numpy(), 2),
            "is_internal": np.tile(is_internal, 2),
            "name": pd.concat([name, name], ignore_index=True),
            "ref": pd.concat([ref, ref], ignore_index=True),
        }
    )
    return ends[ends["cluster"] >= 0]


def _count(cluster: NDArray[np.int64], chosen: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    return np.bincount(cluster[chosen], minlength=n).astype(np.int64)


def _find_highest_class(arms: pd.DataFrame, n: int) -> NDArray[np.object_]:
    best = np.full(n, len(_CLASSES) - 1, dtype=np.int64)
    np.minimum.at(best, arms["cluster"].to_numpy(), arms["rank"].to_numpy())
    return np.array(_CLASSES, dtype=object)[best]


def _name(arms: pd.DataFrame, n: int) -> pd.Series[str]:
    """Join the names of the two most important roads; null when fewer are named.

    Importance is road class, then length of the arms; at last the name itself decides. A
    road without a name goes by its ref, unless another arm gives the name of that ref.
    """
    named = arms.assign(label=arms["name"].where(arms["name"].notna(), arms["ref"]))
    both = arms[arms["name"].notna() & arms["ref"].notna()]
    told = pd.MultiIndex.from_frame(both[["cluster", "ref"]])
    is_told = arms["name"].isna() & pd.MultiIndex.from_frame(arms[["cluster", "ref"]]).isin(told)
    named = named[named["label"].notna() & ~is_told]
    groups = named.groupby(["cluster", "label"], sort=False)
    roads = groups.agg(rank=("rank", "min"), length_m=("length_m", "sum")).reset_index()
    roads = roads.sort_values(
        ["cluster", "rank", "length_m", "label"], ascending=[True, True, False, True]
    )
    place = roads.groupby("cluster").cumcount()
    first = roads[place == 0].set_index("cluster")["label"]
    second = roads[place == 1].set_index("cluster")["label"]
    names = first.reindex(second.index).str.cat(second, sep=_CROSSES)
    return names.reindex(range(n)).astype("str").reset_index(drop=True)


def _find_signals(
    tables: SegmentTables,
    cluster_u: NDArray[np.int64],
    cluster_v: NDArray[np.int64],
    has_signal: NDArray[np.bool_],
    n: int,
) -> NDArray[np.bool_]:
    """Tell at which intersections signals stand, in it or on an approach."""
    result = np.zeros(n, dtype=bool)
    node = tables.vertex_node
    at = np.flatnonzero((node >= 0) & has_signal[node])
    segment, offset = tables.vertex_segment[at], tables.vertex_offset_m[at]
    rest = tables.segments["length_m"].to_numpy()[segment] - offset
    for cluster, distance in ((cluster_u[segment], offset), (cluster_v[segment], rest)):
        result[cluster[(distance <= _SIGNAL_REACH_M) & (cluster >= 0)]] = True
    return result


def _locate(
    tables: SegmentTables,
    cluster: NDArray[np.int64],
    cluster_u: NDArray[np.int64],
    is_round: NDArray[np.bool_],
    roundabouts: NDArray[np.bool_],
) -> NDArray[np.object_]:
    """Put an intersection at the mean of its nodes, a roundabout at the middle of its ring."""
    n = len(roundabouts)
    members = cluster >= 0
    xy = shapely.get_coordinates(tables.nodes.geometry.to_numpy()[members])
    total = np.bincount(cluster[members], minlength=n)
    mean = [np.bincount(cluster[members], xy[:, k], n) / np.maximum(total, 1) for k in (0, 1)]
    rings = tables.segments.geometry.to_numpy()[is_round]
    weight = tables.segments["length_m"].to_numpy()[is_round]
    middle = shapely.get_coordinates(shapely.centroid(rings))
    of_ring = cluster_u[is_round]
    ring_length = np.maximum(np.bincount(of_ring, weight, n), np.finfo(float).tiny)
    for k in (0, 1):
        ring_mean = np.bincount(of_ring, weight * middle[:, k], n) / ring_length
        mean[k] = np.where(roundabouts, ring_mean, mean[k])
    return np.asarray(shapely.points(mean[0], mean[1]), dtype=object)


def _to_nullable(cluster: NDArray[np.int64]) -> pd.Series[int]:
    return pd.Series(pd.arrays.IntegerArray(cluster.copy(), cluster < 0))
