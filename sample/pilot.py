"""The invented pilot: its true effect, and the chance by which it will look larger.

Every factory has the same crashes per worker in the long run. The pilot takes the
factories with the worst year before it, as programmes do; part of that year was bad
luck, so part of the later fall would have come without the pilot. A naive comparison of
the two years therefore promises more than the true effect. That is planted on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sample.people import Factory
from sample.world import World, build_part_rng, find_district

__all__ = ["PILOT_START_YEAR", "TRUE_EFFECT", "YEARS", "Pilot", "choose_pilot"]

YEARS = (2019, 2020, 2021, 2022, 2023)
PILOT_START_YEAR = 2022
N_PILOT = 5
TRUE_EFFECT = 0.60  # crashes of the pilot factories' workers fall to this share: 40 % fewer
LUCK_SHAPE = 5.0  # of the gamma luck, mean 1, that a factory has in a year
CRASHES_PER_YEAR = 58  # of the workers of all twelve factories, before the pilot


@dataclass(frozen=True, slots=True)
class Pilot:
    """The pilot factories, what was to be expected of every factory, and what came."""

    factories: tuple[str, ...]
    mean_per_year: dict[str, float]  # factory → true mean with no pilot
    counts: dict[str, dict[int, int]]  # factory → year → crashes


def choose_pilot(world: World, factories: list[Factory]) -> Pilot:
    """Draw each factory's yearly crashes and choose the pilot by a bad last year.

    Chosen are the factories with most crashes per worker in the year before: the worst
    of each province, then the worst of the rest. Within a year, chance spreads a given
    number of crashes over the factories by their true means and by luck; the numbers
    themselves are the true means, so that what the sample shows is the planted effect
    and the planted regression to the mean, not the luck of one draw of the totals.
    """
    rng = build_part_rng(world, "factory crashes")
    workers = np.array([factory.workers for factory in factories], dtype=float)
    means = CRASHES_PER_YEAR * workers / workers.sum()
    names = [factory.factory_id for factory in factories]
    counts: dict[str, dict[int, int]] = {name: {} for name in names}
    for year in YEARS:
        if year < PILOT_START_YEAR:
            _spread(counts, year, dict(zip(names, means, strict=True)), rng)
    last_year = np.array([counts[name][PILOT_START_YEAR - 1] for name in names])
    order = sorted(range(len(names)), key=lambda k: (-last_year[k] / workers[k], names[k]))
    provinces = [find_district(factory.point)[0] for factory in factories]
    firsts = [next((k for k in order if provinces[k] == p), None) for p in set(provinces)]
    chosen = [k for k in firsts if k is not None]
    chosen += [k for k in order if k not in chosen][: N_PILOT - len(chosen)]
    for year in YEARS:
        if year >= PILOT_START_YEAR:
            inside = {names[k]: means[k] * TRUE_EFFECT for k in sorted(chosen)}
            outside = {names[k]: means[k] for k in range(len(names)) if k not in chosen}
            _spread(counts, year, inside, rng)
            _spread(counts, year, outside, rng)
    return Pilot(
        factories=tuple(names[k] for k in sorted(chosen)),
        mean_per_year={
            name: round(float(mean), 3) for name, mean in zip(names, means, strict=True)
        },
        counts=counts,
    )


def _spread(
    counts: dict[str, dict[int, int]],
    year: int,
    means: Mapping[str, float],
    rng: np.random.Generator,
) -> None:
    """Add one year's crashes: as many as the means say, by chance among the factories."""
    total = sum(means.values())
    weights = np.array(list(means.values())) * rng.gamma(LUCK_SHAPE, 1 / LUCK_SHAPE, len(means))
    drawn = rng.multinomial(round(total), weights / weights.sum())
    for name, n_crashes in zip(means, drawn, strict=True):
        counts[name][year] = int(n_crashes)
