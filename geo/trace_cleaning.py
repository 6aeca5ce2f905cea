"""Make GPS traces fit for matching: in metres, without repeats, jumps and clouds of fixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from core.errors import CrsError, InputError
from core.jit import compiled
from geo.crs import WGS84, is_metric, parse_crs
from geo.traces import Traces

__all__ = ["CleanTraces", "CleaningRules", "clean_traces", "thin_points"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

KMH_PER_MS: Final = 3.6
KEPT, REPEATED, JUMP, STANDING = 0, 1, 2, 3
STRIDE_FIXES = 8  # over so many fixes it is measured how far they are apart
STANDING_FIXES = 6  # so many fixes in one place are a stop where there are no times


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningRules:
    """What is no part of a drive.

    Attributes
    ----------
    max_speed_kmh
        A fix that would need more than this from the one before is a jump [km/h].
    max_step_m
        Where there are no times, one farther than this from both neighbours [m].
    stand_radius_m, stand_s
        Fixes that stay within this distance for this long are one place [m, s].
    """

    max_speed_kmh: float = 180.0
    max_step_m: float = 2_000.0
    stand_radius_m: float = 30.0
    stand_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanTraces:
    """Fixes in metres, and what became of the others.

    Attributes
    ----------
    points
        `trace`, `point` (its place in the trace as read), `time`, `x`, `y` [m].
    dropped
        `trace` (-1: of none), `reason`, `n_points`; those of the reading included.
    """

    points: pd.DataFrame
    dropped: pd.DataFrame


def clean_traces(traces: Traces, *, crs: object, rules: CleaningRules | None = None) -> CleanTraces:
    """Bring fixes into metres and leave out what is no part of a drive.

    Parameters
    ----------
    traces
        As read.
    crs
        Projected system in true metres, that of the roads.
    rules
        What is left out.

    Returns
    -------
    cleaned
        For each trace, fixes read = fixes kept + fixes dropped.

    Raises
    ------
    CrsError
        If `crs` is not in metres.
    InputError
        If a rule is not above 0.

    Notes
    -----
    *Repeated*: at the place of the one before, or at its time. *Jump*: the trace is cut
    wherever a step would be too fast; the longest stretch stays, and from it outwards every
    fix that can be reached in time. Without times, a single fix too far from both sides.
    *Standing still*: of fixes that stay in one place, the first and the last are kept.
    """
    rules = rules or CleaningRules()
    target = parse_crs(crs)
    if not is_metric(target):
        raise CrsError.not_metric("crs", target.to_string())
    for name in CleaningRules.__slots__:
        if not getattr(rules, name) > 0:
            message = f"{name}: {getattr(rules, name)} is not above 0; give a number that is."
            raise InputError(message)
    points = traces.points
    n = len(traces.traces)
    project = Transformer.from_crs(WGS84, target, always_xy=True).transform
    x, y = project(points["lon"].to_numpy(float), points["lat"].to_numpy(float))
    xy = np.column_stack([x, y]).reshape(-1, 2)
    trace = points["trace"].to_numpy(dtype=np.int64)
    stamps = points["time"].to_numpy(dtype="datetime64[us]")
    seconds = stamps.astype(np.int64) / 1e6
    seconds[np.isnat(stamps)] = np.nan
    first = np.concatenate(([0], np.cumsum(np.bincount(trace, minlength=n))))
    state = _find_unfit(
        xy,
        seconds,
        first,
        (rules.max_speed_kmh / KMH_PER_MS, rules.max_step_m),
        (rules.stand_radius_m, rules.stand_s),
    )
    state[~np.isfinite(xy).all(axis=1)] = JUMP
    has_times = np.bincount(trace, weights=np.isfinite(seconds), minlength=n) > 0
    speed = f"would need more than {rules.max_speed_kmh:g} km/h"
    step = f"more than {rules.max_step_m:g} m from its neighbours, no times"
    jump = np.where(has_times[trace], speed, step)
    words = np.array(["", "repeated", "", "standing still"], dtype=object)
    reason = np.where(state == JUMP, jump, words[state])
    lost = pd.DataFrame({"trace": trace, "reason": reason})[state != KEPT]
    counted = lost.groupby(["trace", "reason"]).size().rename("n_points").reset_index()
    kept = points[["trace", "point", "time"]].assign(x=xy[:, 0], y=xy[:, 1])[state == KEPT]
    return CleanTraces(
        points=kept.reset_index(drop=True),
        dropped=pd.concat([traces.dropped, counted], ignore_index=True),
    )


@compiled
def _find_unfit(
    xy: FloatArray,
    seconds: FloatArray,
    first: IntArray,
    fast: tuple[float, float],
    stand: tuple[float, float],
) -> IntArray:
    """Tell of each fix whether it is kept, repeated, a jump, or one of standing still."""
    state = np.zeros(len(xy), np.int64)
    kept = np.empty(len(xy), np.int64)
    for trace in range(len(first) - 1):
        n = 0
        for i in range(first[trace], first[trace + 1]):
            if n:
                at = kept[n - 1]
                is_same = xy[i, 0] == xy[at, 0] and xy[i, 1] == xy[at, 1]
                if is_same or seconds[i] == seconds[at]:
                    state[i] = REPEATED
                    continue
            kept[n] = i
            n += 1
        n = _drop_jumps(xy, seconds, kept, n, fast, state)
        _drop_standing(xy, seconds, kept, n, stand, state)
    return state


@compiled
def _is_too_far(
    xy: FloatArray, seconds: FloatArray, a: int, b: int, fast: tuple[float, float]
) -> bool:
    distance = np.hypot(xy[b, 0] - xy[a, 0], xy[b, 1] - xy[a, 1])
    lapse = seconds[b] - seconds[a]
    if np.isnan(lapse):
        return bool(distance > fast[1])
    return bool(distance > fast[0] * lapse)


@compiled
def _drop_jumps(
    xy: FloatArray,
    seconds: FloatArray,
    kept: IntArray,
    n: int,
    fast: tuple[float, float],
    state: IntArray,
) -> int:
    """Mark stretches that cannot be reached from the longest one; return how many are left."""
    begin, best_from, best_to = 0, 0, 0
    for i in range(1, n + 1):
        if i == n or _is_too_far(xy, seconds, kept[i - 1], kept[i], fast):
            if i - begin > best_to - best_from:
                best_from, best_to = begin, i
            begin = i
    if best_to - best_from == n:
        return n
    if np.isnan(seconds[kept[0]]):  # without times only a single fix far from both sides
        for i in range(n):
            is_apart = i == 0 or _is_too_far(xy, seconds, kept[i - 1], kept[i], fast)
            is_last = i == n - 1 or _is_too_far(xy, seconds, kept[i], kept[i + 1], fast)
            if is_apart and is_last and n > 1:
                state[kept[i]] = JUMP
    else:
        last = best_from
        for i in range(best_from - 1, -1, -1):
            if _is_too_far(xy, seconds, kept[i], kept[last], fast):
                state[kept[i]] = JUMP
            else:
                last = i
        last = best_to - 1
        for i in range(best_to, n):
            if _is_too_far(xy, seconds, kept[last], kept[i], fast):
                state[kept[i]] = JUMP
            else:
                last = i
    left = 0
    for i in range(n):
        if state[kept[i]] != JUMP:
            kept[left] = kept[i]
            left += 1
    return left


@compiled
def _drop_standing(
    xy: FloatArray,
    seconds: FloatArray,
    kept: IntArray,
    n: int,
    stand: tuple[float, float],
    state: IntArray,
) -> None:
    """Mark the fixes between the first and the last of a stop."""
    i = 0
    while i < n:
        j = i + 1
        while j < n:
            a, b = kept[i], kept[j]
            if np.hypot(xy[b, 0] - xy[a, 0], xy[b, 1] - xy[a, 1]) > stand[0]:
                break
            j += 1
        lapse = seconds[kept[j - 1]] - seconds[kept[i]]
        is_stop = j - i >= STANDING_FIXES if np.isnan(lapse) else lapse >= stand[1]
        if is_stop and j - i > 2:
            for k in range(i + 1, j - 1):
                state[kept[k]] = STANDING
            i = j
        else:
            i += 1


@compiled
def thin_points(xy: FloatArray, first: IntArray, sigma: float) -> NDArray[np.bool_]:
    """Keep fixes some 2 sigma apart, and the first and last of each trace.

    Of fixes closer than that along the way, every k-th is taken: to wait for the first one
    2 sigma away would choose the noisiest.
    """
    keep = np.zeros(len(xy), np.bool_)
    for trace in range(len(first) - 1):
        begin, end = first[trace], first[trace + 1]
        if begin == end:
            continue
        keep[begin] = True
        ahead = min(STRIDE_FIXES, end - 1 - begin)
        stride, spacing = 1, 2 * sigma
        if ahead > 1:
            moves = np.empty(end - ahead - begin)
            for i in range(begin, end - ahead):
                moves[i - begin] = np.hypot(
                    xy[i + ahead, 0] - xy[i, 0], xy[i + ahead, 1] - xy[i, 1]
                )
            step = max(np.median(moves) / ahead, 1e-3 * sigma)
            stride = max(1, min(int(2 * sigma / step), end - begin))
            spacing = sigma if stride > 1 else 2 * sigma
        last = begin
        for i in range(begin + stride, end, stride):
            if np.hypot(xy[i, 0] - xy[last, 0], xy[i, 1] - xy[last, 1]) >= spacing:
                keep[i] = True
                last = i
        near_end = np.hypot(xy[end - 1, 0] - xy[last, 0], xy[end - 1, 1] - xy[last, 1]) < spacing
        if near_end and last != begin:  # the end takes the place of the last one kept
            keep[last] = False
        keep[end - 1] = True
    return keep
