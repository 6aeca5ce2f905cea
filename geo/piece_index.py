"""A packed tree over the straight pieces of lines, for fast nearest-line searches.

An R-tree laid out in flat arrays: pieces sorted along a Hilbert curve, eight boxes to a
node, built once and never changed. It answers with the nearest two *different* lines and
the place along them, which a tree of whole lines cannot do in one search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.jit import compiled
from geo.linear import Polylines

__all__ = ["Near", "PieceIndex", "Within", "build_piece_index", "find_nearest_two", "find_within"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

FANOUT = 8
HILBERT_BITS = 16
PER_M = 1e6  # distances are compared in whole micrometres, so that rounding breaks no tie


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceIndex:
    """Straight pieces of lines and the boxes around them.

    Attributes
    ----------
    pieces
        x, y of the start and of the end of each piece [m], shape (n_pieces, 4).
    line
        Position of the line each piece belongs to, shape (n_pieces,).
    start
        Distance of each piece's start along its line [m], shape (n_pieces,).
    boxes
        Bounds of every node, level by level from the leaves, shape (n_nodes, 4).
    level_first
        Index of each level's first node, and the total, shape (n_levels + 1,).
    n_lines
        Number of lines.
    """

    pieces: FloatArray
    line: IntArray
    start: FloatArray
    boxes: FloatArray
    level_first: IntArray
    n_lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Nearest two lines of each point; -1 and NaN where there is none; shape (n, 2)."""

    line: IntArray
    distance: FloatArray
    offset: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """All lines within a distance: one row a point and line, ordered by point."""

    point: IntArray
    line: IntArray
    distance: FloatArray
    offset: FloatArray


def build_piece_index(lines: Polylines) -> PieceIndex:
    """Build the tree over all straight pieces of the lines."""
    is_start = np.ones(len(lines.xy), dtype=bool)
    is_start[lines.first[1:] - 1] = False
    at = np.flatnonzero(is_start)
    pieces = np.hstack([lines.xy[at], lines.xy[at + 1]])
    return pack_pieces(pieces, lines.line_of_vertex[at], lines.along[at], len(lines.length))


def pack_pieces(pieces: FloatArray, line: IntArray, start: FloatArray, n_lines: int) -> PieceIndex:
    """Build the tree over given pieces; a piece of no length is a point."""
    centre = (pieces[:, :2] + pieces[:, 2:]) / 2
    order = np.argsort(_compute_hilbert_code(_scale_to_grid(centre)), kind="stable")
    pieces = np.ascontiguousarray(pieces[order], dtype=np.float64)
    low = np.minimum(pieces[:, :2], pieces[:, 2:])
    high = np.maximum(pieces[:, :2], pieces[:, 2:])
    levels: list[FloatArray] = []
    while not levels or len(levels[-1]) > 1:
        first = np.arange(0, len(low), FANOUT)
        low = np.minimum.reduceat(low, first) if len(low) else low
        high = np.maximum.reduceat(high, first) if len(high) else high
        levels.append(np.hstack([low, high]))
    return PieceIndex(
        pieces=pieces,
        line=np.ascontiguousarray(line[order], dtype=np.int64),
        start=np.ascontiguousarray(start[order], dtype=np.float64),
        boxes=np.vstack(levels),
        level_first=np.cumsum([0, *map(len, levels)]).astype(np.int64),
        n_lines=n_lines,
    )


def find_nearest_two(index: PieceIndex, xy: FloatArray, *, max_distance: float) -> Near:
    """Find the nearest line of each point and the nearest other line.

    Parameters
    ----------
    index
        The tree.
    xy
        Points [m], shape (n, 2); a point with NaN finds nothing.
    max_distance
        Farther lines are not found [m]; may be infinite.

    Notes
    -----
    Of lines equally far (to a micrometre) the one that comes first wins; of places
    equally far on one line, the one nearest its start.
    """
    result = _nearest_two(
        index.pieces,
        index.line,
        index.start,
        index.boxes,
        index.level_first,
        np.ascontiguousarray(xy, dtype=np.float64),
        float(max_distance),
    )
    return Near(line=result[0], distance=result[1], offset=result[2])


def find_within(index: PieceIndex, xy: FloatArray, *, max_distance: float) -> Within:
    """Find every line within a distance of each point, with the place along it."""
    point, line, distance, offset = _within(
        index.pieces,
        index.line,
        index.start,
        index.boxes,
        index.level_first,
        np.ascontiguousarray(xy, dtype=np.float64),
        float(max_distance),
        index.n_lines,
    )
    return Within(point=point, line=line, distance=distance, offset=offset)


def _scale_to_grid(xy: FloatArray) -> IntArray:
    """Whole numbers from 0 to 2^bits - 1 over the square around the points."""
    if len(xy) == 0:
        return np.empty((0, 2), dtype=np.int64)
    low = xy.min(axis=0)
    extent = max(float((xy.max(axis=0) - low).max()), 1e-9)
    scaled: IntArray = ((xy - low) * ((2**HILBERT_BITS - 1) / extent)).astype(np.int64)
    return scaled


@compiled
def _compute_hilbert_code(grid: IntArray) -> IntArray:
    """Place of each cell along a Hilbert curve."""
    code = np.zeros(len(grid), np.int64)
    for i in range(len(grid)):
        x, y = grid[i, 0], grid[i, 1]
        side = 1 << (HILBERT_BITS - 1)
        while side > 0:
            right = 1 if x & side else 0
            upper = 1 if y & side else 0
            code[i] += side * side * ((3 * right) ^ upper)
            if upper == 0:
                if right == 1:
                    x = (2 * side - 1) - (x & (2 * side - 1))
                    y = (2 * side - 1) - (y & (2 * side - 1))
                x, y = y, x
            side >>= 1
    return code


@compiled
def _box_distance(boxes: FloatArray, node: int, x: float, y: float) -> float:
    """Square of the distance from a point to a box."""
    dx = max(boxes[node, 0] - x, 0.0, x - boxes[node, 2])
    dy = max(boxes[node, 1] - y, 0.0, y - boxes[node, 3])
    return float(dx * dx + dy * dy)


@compiled
def _project(pieces: FloatArray, piece: int, x: float, y: float) -> tuple[float, float]:
    """Distance from a point to a piece, and how far along the piece that is."""
    x0, y0 = pieces[piece, 0], pieces[piece, 1]
    dx, dy = pieces[piece, 2] - x0, pieces[piece, 3] - y0
    square = dx * dx + dy * dy
    if square == 0.0:
        return np.sqrt((x - x0) ** 2 + (y - y0) ** 2), 0.0
    share = ((x - x0) * dx + (y - y0) * dy) / square
    if share <= 0.0:
        return np.sqrt((x - x0) ** 2 + (y - y0) ** 2), 0.0
    if share >= 1.0:
        distance = np.sqrt((x - pieces[piece, 2]) ** 2 + (y - pieces[piece, 3]) ** 2)
        return distance, np.sqrt(square)
    distance = np.abs((x - x0) * dy - (y - y0) * dx) / np.sqrt(square)
    return distance, share * np.sqrt(square)


@compiled
def _nearest_two(
    pieces: FloatArray,
    line: IntArray,
    start: FloatArray,
    boxes: FloatArray,
    level_first: IntArray,
    xy: FloatArray,
    max_distance: float,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Nearest two lines of every point, by depth-first search, nearer boxes first."""
    n_points = len(xy)
    near_line = np.full((n_points, 2), -1, np.int64)
    near_distance = np.full((n_points, 2), np.nan)
    near_offset = np.full((n_points, 2), np.nan)
    top = len(level_first) - 2
    stack_node = np.empty(FANOUT * (top + 2), np.int64)
    stack_level = np.empty(FANOUT * (top + 2), np.int64)
    stack_square = np.empty(FANOUT * (top + 2))
    slack = 1.0 / PER_M
    if len(pieces) == 0:
        return near_line, near_distance, near_offset
    for i in range(n_points):
        x, y = xy[i, 0], xy[i, 1]
        if not (np.isfinite(x) and np.isfinite(y)):
            continue
        line_1, key_1, distance_1, offset_1 = -1, np.inf, max_distance, 0.0
        line_2, key_2, distance_2, offset_2 = -1, np.inf, max_distance, 0.0
        size = 1
        stack_node[0], stack_level[0], stack_square[0] = 0, top, 0.0
        while size > 0:
            size -= 1
            bound = distance_2 + slack
            if stack_square[size] > bound * bound:
                continue
            node, level = stack_node[size], stack_level[size]
            if level > 0:
                below = level_first[level - 1]
                n_below = level_first[level] - below
                base = size
                for child in range(FANOUT * node, min(FANOUT * node + FANOUT, n_below)):
                    square = _box_distance(boxes, below + child, x, y)
                    if square > bound * bound:
                        continue
                    at = size  # nearest on top of the stack
                    while at > base and stack_square[at - 1] < square:
                        stack_node[at] = stack_node[at - 1]
                        stack_level[at] = stack_level[at - 1]
                        stack_square[at] = stack_square[at - 1]
                        at -= 1
                    stack_node[at], stack_level[at] = child, level - 1
                    stack_square[at] = square
                    size += 1
                continue
            for piece in range(FANOUT * node, min(FANOUT * node + FANOUT, len(pieces))):
                distance, along = _project(pieces, piece, x, y)
                if distance > distance_2 + slack or distance > max_distance:
                    continue
                key = np.floor(distance * PER_M + 0.5)
                this = line[piece]
                offset = start[piece] + along
                if this == line_1:
                    if key < key_1 or (key == key_1 and offset < offset_1):
                        key_1, distance_1, offset_1 = key, distance, offset
                elif key < key_1 or (key == key_1 and this < line_1):
                    line_2, key_2, distance_2, offset_2 = line_1, key_1, distance_1, offset_1
                    line_1, key_1, distance_1, offset_1 = this, key, distance, offset
                elif this == line_2:
                    if key < key_2 or (key == key_2 and offset < offset_2):
                        key_2, distance_2, offset_2 = key, distance, offset
                elif key < key_2 or (key == key_2 and this < line_2):
                    line_2, key_2, distance_2, offset_2 = this, key, distance, offset
        if line_1 >= 0:
            near_line[i, 0] = line_1
            near_distance[i, 0] = distance_1
            near_offset[i, 0] = offset_1
        if line_2 >= 0:
            near_line[i, 1] = line_2
            near_distance[i, 1] = distance_2
            near_offset[i, 1] = offset_2
    return near_line, near_distance, near_offset


@compiled
def _within(
    pieces: FloatArray,
    line: IntArray,
    start: FloatArray,
    boxes: FloatArray,
    level_first: IntArray,
    xy: FloatArray,
    max_distance: float,
    n_lines: int,
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Every line within a distance of every point, once, at its nearest place."""
    capacity = 8 * len(xy) + 8
    out_point = np.empty(capacity, np.int64)
    out_line = np.empty(capacity, np.int64)
    out_distance = np.empty(capacity)
    out_offset = np.empty(capacity)
    slot_of_line = np.full(n_lines, -1, np.int64)
    top = len(level_first) - 2
    stack_node = np.empty(FANOUT * (top + 2), np.int64)
    stack_level = np.empty(FANOUT * (top + 2), np.int64)
    n_out = 0
    n_points = len(xy) if len(pieces) else 0
    for i in range(n_points):
        x, y = xy[i, 0], xy[i, 1]
        if not (np.isfinite(x) and np.isfinite(y)):
            continue
        begin = n_out
        size = 1
        stack_node[0], stack_level[0] = 0, top
        while size > 0:
            size -= 1
            node, level = stack_node[size], stack_level[size]
            if level > 0:
                below = level_first[level - 1]
                n_below = level_first[level] - below
                for child in range(FANOUT * node, min(FANOUT * node + FANOUT, n_below)):
                    if _box_distance(boxes, below + child, x, y) <= max_distance * max_distance:
                        stack_node[size], stack_level[size] = child, level - 1
                        size += 1
                continue
            for piece in range(FANOUT * node, min(FANOUT * node + FANOUT, len(pieces))):
                distance, along = _project(pieces, piece, x, y)
                if distance > max_distance:
                    continue
                offset = start[piece] + along
                slot = slot_of_line[line[piece]]
                if slot < begin:
                    if n_out == capacity:
                        capacity *= 2
                        out_point = np.concatenate((out_point, np.empty_like(out_point)))
                        out_line = np.concatenate((out_line, np.empty_like(out_line)))
                        out_distance = np.concatenate((out_distance, np.empty_like(out_distance)))
                        out_offset = np.concatenate((out_offset, np.empty_like(out_offset)))
                    slot = n_out
                    slot_of_line[line[piece]] = slot
                    out_point[slot], out_line[slot] = i, line[piece]
                    out_distance[slot], out_offset[slot] = distance, offset
                    n_out += 1
                    continue
                key = np.floor(distance * PER_M + 0.5)
                found = np.floor(out_distance[slot] * PER_M + 0.5)
                if key < found or (key == found and offset < out_offset[slot]):
                    out_distance[slot], out_offset[slot] = distance, offset
    return (
        out_point[:n_out].copy(),
        out_line[:n_out].copy(),
        out_distance[:n_out].copy(),
        out_offset[:n_out].copy(),
    )
