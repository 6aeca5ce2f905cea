"""Choose among the sites near a crash; the rules are told in `geo.placement`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import TableError
from core.vocabulary import RoadClass
from geo.crs import require_unique
from geo.linear import Polylines, flatten_lines
from geo.piece_index import PieceIndex, build_piece_index, find_within, pack_pieces
from geo.road_names import RoadNames

__all__ = ["Choice", "PlacingRules", "SiteIndex", "build_site_index", "choose_sites"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NAME_REACH_M = 15.0  # a road of the reported name may lie this much farther than the nearest
PER_M = 1e6  # distances are compared in whole micrometres


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacingRules:
    """The distances of the rules [m]; see `geo.placement.place_crashes`."""

    max_distance_m: float
    intersection_radius_m: float
    ambiguity_margin_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteIndex:
    """The network made ready for choosing; segments and intersections by position.

    Attributes
    ----------
    segment_id, intersection_id
        Ids in ascending order, so that the lower position is the lower id.
    roads, footprints
        Search trees over segments, and over all parts of intersections.
    touched
        Intersections at both ends of each segment, -1 for none, shape (n_segments, 2).
    inside
        Intersection that each segment lies inside, else -1, shape (n_segments,).
    chain
        Number of the road between two intersections that each segment is part of.
    chain_ends
        Sorted keys `chain * n_intersections + intersection` of what each chain touches.
    is_path
        Segments closed to motor vehicles.
    names
        Names of the segments.
    """

    segment_id: IntArray
    intersection_id: IntArray
    roads: PieceIndex
    footprints: PieceIndex
    touched: IntArray
    inside: IntArray
    chain: IntArray
    chain_ends: IntArray
    is_path: BoolArray
    names: RoadNames

    def is_own_arm(self, segment: IntArray, intersection: IntArray) -> BoolArray:
        """Tell whether segments are on a chain that touches intersections."""
        keys = self.chain[segment] * max(len(self.intersection_id), 1) + intersection
        if len(self.chain_ends) == 0:
            return np.zeros(len(keys), dtype=bool)
        at = np.searchsorted(self.chain_ends, keys)
        found: BoolArray = self.chain_ends[np.minimum(at, len(self.chain_ends) - 1)] == keys
        return found


@dataclass(slots=True, kw_only=True)
class Choice:
    """What was chosen for each crash, by position; -1 and NaN for nothing."""

    segment: IntArray
    intersection: IntArray
    offset: FloatArray
    distance: FloatArray
    intersection_distance: FloatArray
    runner_up_segment: IntArray
    runner_up_intersection: IntArray
    runner_up_distance: FloatArray
    runner_up_excess: FloatArray

    @classmethod
    def empty(cls, size: int) -> Self:
        """Nothing chosen yet."""
        return cls(
            segment=np.full(size, -1),
            intersection=np.full(size, -1),
            offset=np.full(size, np.nan),
            distance=np.full(size, np.nan),
            intersection_distance=np.full(size, np.nan),
            runner_up_segment=np.full(size, -1),
            runner_up_intersection=np.full(size, -1),
            runner_up_distance=np.full(size, np.nan),
            runner_up_excess=np.full(size, np.nan),
        )

    def fill(self, rows: IntArray, part: Choice) -> None:
        """Take over what was chosen for some rows."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(part, field.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidates:
    """Eligible segments near each crash, ordered by crash, distance, id."""

    point: IntArray
    segment: IntArray
    distance: FloatArray
    offset: FloatArray

    def keep(self, which: BoolArray) -> _Candidates:
        return _Candidates(
            point=self.point[which],
            segment=self.segment[which],
            distance=self.distance[which],
            offset=self.offset[which],
        )


def build_site_index(segments: gpd.GeoDataFrame, intersections: gpd.GeoDataFrame) -> SiteIndex:
    """Make a network ready for choosing sites.

    Raises
    ------
    TableError
        If a column is missing, an id repeated, or a segment names an intersection that
        is not there.
    GeometryError
        If a segment is not a single line.
    """
    needed = ["u", "v", "intersection_u", "intersection_v", "road_class", "is_internal"]
    missing = [column for column in needed if column not in segments.columns]
    if missing:
        raise TableError.missing_columns("segments", missing, list(map(str, segments.columns)))
    require_unique(segments, "segment_id")
    require_unique(intersections, "intersection_id")
    segments = segments.sort_values("segment_id")
    intersections = intersections.sort_values("intersection_id")
    lines = flatten_lines(segments.geometry.to_numpy())
    touched = _find_touched(segments, intersections)
    is_internal = segments["is_internal"].to_numpy(dtype=bool) & (touched[:, 0] == touched[:, 1])
    inside = np.where(is_internal, touched[:, 0], -1)
    chain = _number_chains(segments, touched)
    line, end = np.nonzero(touched >= 0)
    ends = chain[line] * max(len(intersections), 1) + touched[line, end]
    return SiteIndex(
        segment_id=segments["segment_id"].to_numpy(dtype=np.int64),
        intersection_id=intersections["intersection_id"].to_numpy(dtype=np.int64),
        roads=build_piece_index(lines),
        footprints=_build_footprints(lines, touched, inside, intersections),
        touched=touched,
        inside=inside,
        chain=chain,
        chain_ends=np.sort(ends),
        is_path=segments["road_class"].to_numpy() == RoadClass.PATH.value,
        names=RoadNames(segments),
    )


def _find_touched(segments: gpd.GeoDataFrame, intersections: gpd.GeoDataFrame) -> IntArray:
    """Positions of the intersections at both ends of each segment; -1 for none."""
    known = pd.Index(intersections["intersection_id"].to_numpy(dtype=np.int64))
    sides = []
    for column in ("intersection_u", "intersection_v"):
        ids = segments[column].astype("Int64")
        position = known.get_indexer(pd.Index(ids.fillna(-1).to_numpy(dtype=np.int64)))
        lost = (position < 0) & ids.notna().to_numpy(dtype=bool)
        if lost.any():
            message = (
                f"segments: {int(lost.sum())} {column} name no intersection, first "
                f"{ids[lost].iloc[0]}; use segments and intersections of one network."
            )
            raise TableError(message)
        sides.append(np.where(ids.notna(), position, -1))
    return np.column_stack(sides).astype(np.int64)


def _number_chains(segments: gpd.GeoDataFrame, touched: IntArray) -> IntArray:
    """Give a number to each run of segments joined at nodes that are no intersection."""
    nodes = segments[["u", "v"]].to_numpy(dtype=np.int64)
    is_free = touched < 0
    line, _ = np.nonzero(is_free)
    _, node = np.unique(nodes[is_free], return_inverse=True)
    n_lines = len(segments)
    size = n_lines + (int(node.max()) + 1 if len(node) else 0)
    graph = coo_array((np.ones(len(line)), (line, n_lines + node)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    chain: IntArray = labels[:n_lines].astype(np.int64)
    return chain


def _build_footprints(
    lines: Polylines, touched: IntArray, inside: IntArray, intersections: gpd.GeoDataFrame
) -> PieceIndex:
    """Search tree over what an intersection is made of: centre, nodes, inner roads."""
    n = len(intersections)
    centres = shapely.get_coordinates(intersections.geometry.to_numpy()).reshape(-1, 2)
    if len(centres) != n:
        message = "intersections: a geometry is not a single point; build the network again."
        raise TableError(message)
    parts = [np.hstack([centres, centres])]
    owners = [np.arange(n)]
    for end, vertex in ((0, lines.first[:-1]), (1, lines.first[1:] - 1)):
        some = touched[:, end] >= 0
        nodes = lines.xy[vertex[some]]
        parts.append(np.hstack([nodes, nodes]))
        owners.append(touched[some, end])
    starts = np.ones(len(lines.xy), dtype=bool)
    starts[lines.first[1:] - 1] = False
    owner_of_vertex = inside[lines.line_of_vertex]
    at = np.flatnonzero(starts & (owner_of_vertex >= 0))
    parts.append(np.hstack([lines.xy[at], lines.xy[at + 1]]))
    owners.append(owner_of_vertex[at])
    pieces, owner = np.vstack(parts), np.concatenate(owners).astype(np.int64)
    return pack_pieces(pieces, owner, np.zeros(len(pieces)), n)


def choose_sites(
    xy: FloatArray,
    road_names: NDArray[np.object_],
    is_motor: BoolArray,
    sites: SiteIndex,
    rules: PlacingRules,
) -> Choice:
    """Choose the site of each crash and its runner-up.

    Parameters
    ----------
    xy
        Places [m], shape (n, 2).
    road_names
        Reported road names, None where no name is to be compared, shape (n,).
    is_motor
        Crashes that cannot be on a path, shape (n,).
    sites
        The network.
    rules
        The distances.
    """
    choice = Choice.empty(len(xy))
    candidates = _find_candidates(xy, road_names, is_motor, sites, rules)
    first = _take_first(candidates.point)
    first = first[candidates.distance[first] <= rules.max_distance_m]
    point = candidates.point[first]
    choice.segment[point] = candidates.segment[first]
    choice.distance[point] = candidates.distance[first]
    choice.offset[point] = candidates.offset[first]
    choice.intersection[point] = sites.inside[candidates.segment[first]]
    is_inside = choice.intersection >= 0
    choice.intersection_distance[is_inside] = choice.distance[is_inside]
    candidates = candidates.keep(choice.segment[candidates.point] >= 0)
    near = _find_intersections(xy, candidates, sites, rules)
    _choose_intersections(choice, near, rules)
    _choose_runners_up(choice, candidates, near, sites)
    return choice


def _find_candidates(
    xy: FloatArray,
    road_names: NDArray[np.object_],
    is_motor: BoolArray,
    sites: SiteIndex,
    rules: PlacingRules,
) -> _Candidates:
    """All eligible segments near each crash: not a path for cars, of the name reported."""
    reach = rules.max_distance_m + rules.ambiguity_margin_m
    found = find_within(sites.roads, xy, max_distance=reach)
    order = np.lexsort((found.line, np.round(found.distance * PER_M), found.point))
    every = _Candidates(
        point=found.point[order],
        segment=found.line[order],
        distance=found.distance[order],
        offset=found.offset[order],
    )
    every = every.keep(~(is_motor[every.point] & sites.is_path[every.segment]))
    nearest = np.full(len(xy), np.inf)
    first = _take_first(every.point)
    nearest[every.point[first]] = every.distance[first]
    is_match = sites.names.match(road_names, every.point, every.segment)
    is_match &= every.distance <= rules.max_distance_m
    is_close = is_match & (every.distance <= nearest[every.point] + NAME_REACH_M)
    has_match = np.zeros(len(xy), dtype=bool)
    has_match[every.point[is_close]] = True
    return every.keep(is_match | ~has_match[every.point])


def _find_intersections(
    xy: FloatArray, candidates: _Candidates, sites: SiteIndex, rules: PlacingRules
) -> pd.DataFrame:
    """Intersections near each crash that an eligible segment leads to.

    `arm_distance` is to the nearest eligible arm, `distance` to the intersection.
    """
    reach = rules.intersection_radius_m + rules.ambiguity_margin_m
    found = find_within(sites.footprints, xy, max_distance=reach)
    near = pd.DataFrame(
        {"point": found.point, "intersection": found.line, "distance": found.distance}
    )
    sides = []
    for end in (0, 1):
        intersection = sites.touched[candidates.segment, end]
        some = intersection >= 0
        side = {
            "point": candidates.point[some],
            "intersection": intersection[some],
            "arm_distance": candidates.distance[some],
        }
        sides.append(pd.DataFrame(side))
    arms = pd.concat(sides).groupby(["point", "intersection"], as_index=False).min()
    near = near.merge(arms, on=["point", "intersection"])
    near["key"] = np.round(near["distance"] * PER_M)
    return near.sort_values(["point", "key", "intersection"], ignore_index=True)


def _choose_intersections(choice: Choice, near: pd.DataFrame, rules: PlacingRules) -> None:
    """Give crashes close to an intersection to it."""
    first = _take_first(near["point"].to_numpy())
    best = near.iloc[first]
    best = best[best["distance"] <= rules.intersection_radius_m]
    point = best["point"].to_numpy()
    choice.intersection[point] = best["intersection"].to_numpy()
    choice.intersection_distance[point] = best["distance"].to_numpy()


def _choose_runners_up(
    choice: Choice, candidates: _Candidates, near: pd.DataFrame, sites: SiteIndex
) -> None:
    """Find the site that comes closest to having been chosen instead."""
    arm = near.loc[near["intersection"] == choice.intersection[near["point"]]]
    reference = choice.distance.copy()  # of the road the crash was given to
    reference[arm["point"]] = np.minimum(arm["arm_distance"], arm["distance"])
    point, segment = candidates.point, candidates.segment
    chosen_at, chosen_on = choice.intersection[point], choice.segment[point]
    inside = sites.inside[segment]
    is_same = np.where(
        chosen_at >= 0,
        sites.is_own_arm(segment, chosen_at) | (inside == chosen_at),
        (sites.chain[segment] == sites.chain[chosen_on])
        | ((inside >= 0) & sites.is_own_arm(chosen_on, inside)),
    )
    roads = pd.DataFrame(
        {
            "point": point,
            "segment": np.where(inside >= 0, -1, segment),
            "intersection": inside,
            "distance": candidates.distance,
            "excess": candidates.distance - reference[point],
        }
    )[~is_same]
    at = near["point"].to_numpy()
    is_rival = (choice.intersection_distance[at] >= 0) & (
        near["intersection"].to_numpy() != choice.intersection[at]
    )
    others = near.loc[is_rival, ["point", "intersection", "distance"]].assign(segment=-1)
    others["excess"] = others["distance"] - choice.intersection_distance[others["point"]]
    rivals = pd.concat([roads, others])
    rivals["key"] = np.round(rivals["excess"] * PER_M)
    rivals = rivals.sort_values(["point", "key", "segment", "intersection"])
    best = rivals.iloc[_take_first(rivals["point"].to_numpy())]
    point = best["point"].to_numpy()
    choice.runner_up_segment[point] = best["segment"].to_numpy()
    choice.runner_up_intersection[point] = best["intersection"].to_numpy()
    choice.runner_up_distance[point] = best["distance"].to_numpy()
    choice.runner_up_excess[point] = best["excess"].to_numpy()


def _take_first(groups: IntArray) -> IntArray:
    """Positions where a new group starts in a sorted array."""
    is_first = np.ones(len(groups), dtype=bool)
    is_first[1:] = groups[1:] != groups[:-1]
    return np.flatnonzero(is_first)
