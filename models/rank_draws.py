"""How sure ranks are: sites ranked again and again by true means drawn from what is known.

A million sites are too many to draw anew each time. Most have no hope of heading a list: these
(the quiet ones) are drawn anew every tenth time only, the others always. Each draw of each
site still follows its own distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray

__all__ = ["Figure", "GammaMeans", "RankEstimate", "draw_ranks"]

MOST_RANKS = 20_000_000  # ranks of single draws kept in memory at once
MOST_DRAWN_ANEW = 50_000  # sites drawn anew each time, by every figure
REUSED = 10  # draws that share those of the quiet sites
FAR_SD = 4.0  # standard deviations above its mean that a site is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What sites are ranked by: scale·(long-run crashes) + shift; NaN: the site has none.

    `listed` are the values of the list that is shown: what heads it is followed too.
    """

    scale: FloatArray
    shift: FloatArray
    listed: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaMeans:
    """What is known of the sites' true means: fixed + scale·gamma(shape), shape (n_sites,)."""

    shape: FloatArray
    scale: FloatArray
    fixed: FloatArray
    expected: FloatArray

    def draw(self, rows: IntArray | slice, rng: np.random.Generator) -> FloatArray:
        """Draw a true mean for each of these sites."""
        drawn: FloatArray = rng.standard_gamma(self.shape[rows])
        drawn *= self.scale[rows]
        drawn += self.fixed[rows]
        return drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class RankEstimate:
    """How sure ranks are; every array has shape (n_sites,), rank 1 is the worst."""

    p_worst: FloatArray  # probability to be among the `n_worst`
    rank_low: FloatArray  # NaN for sites that were not among those followed
    rank_high: FloatArray
    rank_median: FloatArray
    n_worst: int
    n_draws: int
    confidence: float


def draw_ranks(
    means: GammaMeans,
    figures: Mapping[str, Figure],
    *,
    n_worst: int,
    rng: np.random.Generator,
    n_draws: int,
    n_followed: int,
    confidence: float,
) -> dict[str, RankEstimate]:
    """Rank the sites by each figure in many draws; see `empirical_bayes.simulate_figures`."""
    most = min(n_followed, max(MOST_RANKS // n_draws, n_worst))
    followed = {name: _follow(means, figure, most) for name, figure in figures.items()}
    is_anew = _choose_anew(means, figures, followed)
    anew, quiet = (np.flatnonzero(chosen).astype(np.int64) for chosen in (is_anew, ~is_anew))
    tallies = {
        name: _Tally(figure, (anew, quiet), followed[name], n_worst, n_draws)
        for name, figure in figures.items()
    }
    for draw in range(n_draws):
        if draw % REUSED == 0 and len(quiet):
            mean = means.draw(quiet, rng)
            for tally in tallies.values():
                tally.keep_quiet(mean)
        mean = means.draw(anew, rng) if len(quiet) else means.draw(slice(None), rng)
        for tally in tallies.values():
            tally.add(draw, mean)
    return {name: tally.sum_up(confidence) for name, tally in tallies.items()}


def _follow(means: GammaMeans, figure: Figure, most: int) -> IntArray:
    """Return the sites whose ranks are told: first by what is expected, or on the list."""
    value = means.expected * figure.scale + figure.shift
    rows = np.flatnonzero(np.isfinite(value))
    first = rows[np.argsort(-value[rows], kind="stable")[:most]]
    if figure.listed is not None and len(first) < len(rows):
        listed = np.nan_to_num(figure.listed[rows], nan=-np.inf)
        first = np.union1d(first, rows[np.argsort(-listed, kind="stable")[:most]])
    return first.astype(np.int64)


def _choose_anew(
    means: GammaMeans, figures: Mapping[str, Figure], followed: Mapping[str, IntArray]
) -> np.ndarray:
    """Tell which sites are drawn anew each time: those followed, and those that may come high."""
    n_sites = len(means.expected)
    if n_sites <= MOST_DRAWN_ANEW:
        return np.ones(n_sites, dtype=np.bool_)
    is_anew = np.zeros(n_sites, dtype=np.bool_)
    high = means.expected + FAR_SD * np.sqrt(means.shape) * means.scale
    for name, figure in figures.items():
        value = np.nan_to_num(high * figure.scale + figure.shift, nan=-np.inf)
        is_anew[np.argpartition(-value, MOST_DRAWN_ANEW)[:MOST_DRAWN_ANEW]] = True
        is_anew[followed[name]] = True
    return is_anew


class _Part:
    """The sites of one part, drawn anew or quiet, that have the figure."""

    def __init__(self, figure: Figure, sites: IntArray) -> None:
        is_ranked = np.isfinite(figure.scale[sites]) & np.isfinite(figure.shift[sites])
        self.at = slice(None) if is_ranked.all() else np.flatnonzero(is_ranked)
        self.sites = sites[self.at]
        self.scale, self.shift = figure.scale[self.sites], figure.shift[self.sites]
        self.value = self.ordered = np.zeros(0)
        self.n_times = np.zeros(len(self.sites))

    def take(self, mean: FloatArray) -> None:
        """Put in the means drawn of the whole part."""
        self.value = mean[self.at] * self.scale
        self.value += self.shift
        self.ordered = np.sort(self.value)

    def count_from(self, least: float) -> int:
        """Return the number of values that are `least` or more."""
        return len(self.ordered) - int(np.searchsorted(self.ordered, least, side="left"))

    def count_above(self, values: FloatArray | float) -> IntArray:
        """Return the number of values above each of these."""
        after = np.searchsorted(self.ordered, values, side="right")
        return np.asarray(len(self.ordered) - after, dtype=np.int64)

    def mark(self, least: float, share: float) -> None:
        """Count the sites above `least` as worst, those equal to it by their share."""
        if len(self.ordered) and self.ordered[-1] >= least:
            top = np.flatnonzero(self.value >= least)
            self.n_times[top] += np.where(self.value[top] > least, 1.0, share)


class _Tally:
    """What the draws say of one figure."""

    def __init__(
        self,
        figure: Figure,
        parts: tuple[IntArray, IntArray],
        followed: IntArray,
        n_worst: int,
        n_draws: int,
    ) -> None:
        self.n_sites = len(figure.scale)
        self.anew, self.quiet = (_Part(figure, sites) for sites in parts)
        self.n_worst = n_worst
        self.n_top = min(n_worst, len(self.anew.sites) + len(self.quiet.sites))
        self.followed = followed
        self.kept = np.searchsorted(self.anew.sites, followed)
        self.ranks = np.empty((n_draws, len(followed)), dtype=np.int32)

    def keep_quiet(self, mean: FloatArray) -> None:
        """Take new means of the quiet sites."""
        self.quiet.take(mean)

    def add(self, draw: int, mean: FloatArray) -> None:
        """Rank the sites by the means drawn."""
        if self.n_top == 0:
            return
        self.anew.take(mean)
        parts = (self.anew, self.quiet)
        heads = np.sort(np.concatenate([part.ordered[-self.n_top :] for part in parts]))
        least = float(heads[-self.n_top])
        n_above = sum(int(part.count_above(least)) for part in parts)
        n_at = sum(part.count_from(least) for part in parts) - n_above
        for part in parts:
            part.mark(least, (self.n_top - n_above) / n_at)
        value = self.anew.value[self.kept]
        self.ranks[draw] = 1 + self.anew.count_above(value) + self.quiet.count_above(value)

    def sum_up(self, confidence: float) -> RankEstimate:
        """Return probabilities and ranks of all sites."""
        result = np.full((4, self.n_sites), np.nan)
        alpha = (1.0 - confidence) / 2
        for part in (self.anew, self.quiet):
            result[0, part.sites] = part.n_times / len(self.ranks)
        if len(self.followed):
            parts = [alpha, 0.5, 1 - alpha]
            result[1:, self.followed] = np.quantile(
                self.ranks, parts, axis=0, method="inverted_cdf"
            )
        return RankEstimate(
            p_worst=result[0],
            rank_low=result[1],
            rank_median=result[2],
            rank_high=result[3],
            n_worst=self.n_worst,
            n_draws=len(self.ranks),
            confidence=confidence,
        )
