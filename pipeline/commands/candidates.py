"""A number on the command line, or several to choose from."""

from __future__ import annotations

import click
import numpy as np

__all__ = ["CandidatesType"]

MOST = 100


class CandidatesType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A number above 0; `auto`, for numbers that are known here; or FROM:TO:STEP."""

    name = "number|auto|from:to:step"

    def __init__(self, automatic: tuple[float, ...]) -> None:
        self.automatic = automatic

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the numbers to choose from, one where one is given."""
        if isinstance(value, tuple):  # click asks again for what it has converted
            return value
        if str(value).strip().lower() == "auto":
            return self.automatic
        try:
            numbers = [float(word) for word in str(value).split(":")]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 3) or not all(np.isfinite(numbers)) or min(numbers) <= 0:
            self.fail(f"{value!r} is no number above 0, nor auto, nor FROM:TO:STEP.", param, ctx)
        if len(numbers) == 1:
            return (numbers[0],)
        start, end, step = numbers
        n = int((end - start) / step + 1e-9) + 1 if end >= start else 0
        if not 1 <= n <= MOST:
            self.fail(f"{value!r} is {n} numbers; give 1 to {MOST}.", param, ctx)
        return tuple((start + step * np.arange(n)).tolist())
