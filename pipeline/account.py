"""What a run did so far: its steps, their rows and seconds, and what to warn of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.progress import Progress
from core.provenance import StepRecord
from core.settings import Settings
from core.units import DAYS_PER_YEAR
from pipeline.areas import Area
from pipeline.workspace import Workspace

__all__ = ["Account", "Job", "Period"]

N_STEPS = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days a run looks at, both included."""

    start: date
    end: date

    @property
    def years(self) -> float:
        """Length in years of 365.25 days."""
        return ((self.end - self.start).days + 1) / DAYS_PER_YEAR

    def to_dict(self) -> dict[str, Any]:
        """Return the period as plain JSON values."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "years": round(self.years, 4),
        }


@dataclass(slots=True)
class Account:
    """What a run did so far: its steps and what a reader must be warned of."""

    progress: Progress
    steps: list[StepRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Time a step; the caller puts its row counts into the dictionary."""
        self.progress(len(self.steps), N_STEPS, name)
        started = time.perf_counter()
        counts: dict[str, Any] = {"rows_in": 0, "rows_out": 0}
        yield counts
        seconds = round(time.perf_counter() - started, 3)
        self.steps.append(StepRecord(name=name, seconds=seconds, **counts))
        self.progress(len(self.steps), N_STEPS, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every step of one run shares."""

    workspace: Workspace
    area: Area
    settings: Settings
    account: Account
