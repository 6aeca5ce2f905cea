"""Draw routes as lines, from the segments they run along."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.linear import cut_lines, flatten_lines
from geo.routing import Routes

__all__ = ["draw_routes"]

IntArray = NDArray[np.int64]

SAME_PLACE_M = 1e-6


def draw_routes(routes: Routes, segments: ArrayLike, rows: IntArray) -> NDArray[np.object_]:
    """Draw some routes.

    Parameters
    ----------
    routes
        Routes, listed from origin to gate.
    segments
        Lines of all segments in order of `segment_id`, shape (n_segments,).
    rows
        Which routes to draw, shape (n,).

    Returns
    -------
    lines
        One LineString a route, from its origin's end to its gate's, shape (n,); None for a
        route without length.

    Raises
    ------
    GeometryError
        If a segment is no line.

    Notes
    -----
    The first segment of a route counts to its end, the last from its start. A route within one
    segment says how far it goes but not from where: it is drawn from that segment's start.
    """
    first, end = routes.step_offset[rows], routes.step_offset[rows + 1]
    n_steps = end - first
    route = np.repeat(np.arange(rows.size), n_steps)
    start_of_route = np.cumsum(n_steps) - n_steps
    step = np.arange(int(n_steps.sum())) - start_of_route[route] + first[route]
    segment, forward = routes.step_segment_id[step], routes.step_is_forward[step]
    used, line = np.unique(segment, return_inverse=True)
    lines = flatten_lines(np.asarray(segments, dtype=object)[used])
    whole = lines.length[line]
    length = np.minimum(routes.step_length_m[step], whole)
    is_first = (step == first[route]) & (n_steps[route] > 1)
    # the piece touches the segment's end where the drive leaves it there
    from_end = is_first == forward
    start = np.where(from_end, whole - length, 0.0)
    is_drawn = length > 0
    pieces = cut_lines(lines, line[is_drawn], start[is_drawn], (start + length)[is_drawn])
    pieces = np.where(forward[is_drawn], pieces, shapely.reverse(pieces))
    xy, piece = shapely.get_coordinates(pieces, return_index=True)
    of_route = route[is_drawn][piece]
    is_repeat = np.zeros(len(xy), dtype=bool)
    is_same_place = np.abs(np.diff(xy, axis=0)).max(axis=1) < SAME_PLACE_M
    is_repeat[1:] = (of_route[1:] == of_route[:-1]) & is_same_place
    xy, of_route = xy[~is_repeat], of_route[~is_repeat]
    n_points = np.bincount(of_route, minlength=rows.size)
    drawn = np.full(rows.size, None, dtype=object)
    is_line = n_points >= 2
    keep = is_line[of_route]
    renumbered = (np.cumsum(is_line) - 1)[of_route[keep]]
    if is_line.any():
        drawn[is_line] = shapely.linestrings(xy[keep], indices=renumbered)
    return drawn
