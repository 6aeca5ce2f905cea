"""Small charts of data quality as SVG text: nothing to fetch, nothing to run."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["draw_bars", "draw_funnel", "draw_months"]

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 14, 46
INK, GRID, BLUE, RED, BAND = "#1b2430", "#d8dee6", "#0b5cad", "#b3261e", "#dbe7f4"


def draw_bars(values: Sequence[float], *, label: str, unit: str, strong: Sequence[int]) -> str:
    """Draw one bar a value, numbered from 0; the strong ones in red."""
    top = _round_up(max([*values, 1.0]))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(values))
    parts = _frame(top, unit)
    for at, value in enumerate(values):
        height = (HEIGHT - TOP - BOTTOM) * value / top
        colour = RED if at in strong else BLUE
        parts.append(
            f'<rect x="{LEFT + at * step + 0.5:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" '
            f'width="{max(step - 1, 1):.1f}" height="{height:.1f}" fill="{colour}"/>'
        )
    marks = [at for at in range(len(values)) if at % 15 == 0]
    parts += [_below(LEFT + (at + 0.5) * step, f":{at:02d}") for at in marks]
    return _wrap(parts, label)


def draw_months(rows: Sequence[Mapping[str, Any]], *, label: str) -> str:
    """Draw the count of each month between its limits; those outside in red."""
    highs = [row["high"] or 0 for row in rows]
    top = _round_up(max([*(row["n"] for row in rows), *highs, 1]))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(rows))

    def place(at: int, value: float) -> tuple[float, float]:
        return LEFT + (at + 0.5) * step, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    parts = _frame(top, "crashes a month")
    with_limits = [at for at, row in enumerate(rows) if row["high"] is not None]
    edge = [place(at, rows[at]["high"]) for at in with_limits]
    edge += [place(at, rows[at]["low"]) for at in reversed(with_limits)]
    if edge:
        parts.insert(0, f'<polygon points="{_join(edge)}" fill="{BAND}"/>')
    points = [place(at, row["n"]) for at, row in enumerate(rows)]
    parts.append(
        f'<polyline points="{_join(points)}" fill="none" stroke="{BLUE}" stroke-width="1.5"/>'
    )
    for (x, y), row in zip(points, rows, strict=True):
        if row["is_outside"]:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{RED}"/>')
    januaries = [at for at, row in enumerate(rows) if str(row["month"]).endswith("-01")]
    every = max(1, len(januaries) // 8 + (len(januaries) % 8 > 0))
    parts += [_below(place(at, 0)[0], str(rows[at]["month"])[:4]) for at in januaries[::every]]
    return _wrap(parts, label)


def draw_funnel(rows: Sequence[Mapping[str, Any]], *, label: str) -> str:
    """Draw reports per 1,000 workers and year by number of workers, with the funnel.

    `rows` hold `factory_id, workers, rate, funnel_low, funnel_high, is_far`; the rates of
    factories whose counts are hidden are left out by the caller.
    """
    rows = sorted(rows, key=lambda row: row["workers"])
    top = max([*(row["rate"] for row in rows), *(row["funnel_high"] for row in rows), 1.0])
    top = _round_up(top * 1.05)
    most = _round_up(max([row["workers"] for row in rows], default=1.0) * 1.08)

    def place(workers: float, rate: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * workers / most
        return x, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rate / top

    parts = _frame(top, "per 1,000 workers and year")
    edge = [place(row["workers"], row["funnel_high"]) for row in rows]
    edge += [place(row["workers"], row["funnel_low"]) for row in reversed(rows)]
    parts.insert(0, f'<polygon points="{_join(edge)}" fill="{BAND}"/>')
    for row in rows:
        x, y = place(row["workers"], row["rate"])
        colour = RED if row["is_far"] else BLUE
        name = html.escape(str(row["factory_id"])[:14])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 6:.1f}" y="{y - 5:.1f}" font-size="12">{name}</text>')
    parts += [_below(place(most * part, 0)[0], f"{most * part:,.0f}") for part in (0.25, 0.5, 0.75)]
    parts.append(_below((LEFT + WIDTH) / 2, "workers", line=1))
    return _wrap(parts, label)


def _round_up(top: float) -> float:
    """Return the next number that halves and quarters well."""
    power = 10.0 ** (math.ceil(math.log10(top)) - 1)
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= top * (1 - 1e-9))


def _frame(top: float, unit: str) -> list[str]:
    """Return the axis: three lines with their values, and the unit."""
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
        value = f"{top * share:,.1f}".removesuffix(".0")
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="{GRID}"/>'
            f'<text x="{LEFT - 5}" y="{y + 4}" text-anchor="end">{value}</text>'
        )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
        f"{html.escape(unit)}</text>"
    )
    return parts


def _below(x: float, text: str, line: int = 0) -> str:
    y = HEIGHT - BOTTOM + 17 + 17 * line
    return f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{html.escape(text)}</text>'


def _join(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _wrap(parts: Sequence[str], label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{html.escape(label)}" '
        f'font-family="sans-serif" font-size="14" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>'
    )
