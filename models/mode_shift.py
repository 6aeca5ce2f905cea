"""What if: workers who ride in one kind of vehicle ride in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from core.errors import InputError, NotEnoughDataError, VocabularyError
from models.arrays import FloatArray, require_counts
from models.commute_risk import DEFAULT_MIN_EXPOSURE
from models.rates import require_confidence

__all__ = ["ModeShift", "Outcome", "estimate_mode_shift"]

ASSUMPTIONS: Final = (
    "Every worker-km in a vehicle keeps the rate that such vehicles had, of crashes and of "
    "workers hurt in each; new vehicles are as safe as those that were there.",
    "Those who change travel as far as before, on the same roads, at the same hours.",
    "Worker-km are taken as known; only chance in the number of crashes is in the interval.",
    "Riders of each vehicle differ in more than the vehicle: this is no measured effect.",
)
JEFFREYS: Final = 0.5  # shape of the prior of a rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A number a year before and after the change, and the difference with its interval."""

    before: float
    after: float
    difference: float  # after less before; negative is fewer
    difference_low: float
    difference_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeShift:
    """What the change would bring, under the assumptions."""

    from_mode: str
    to_mode: str
    share: float
    moved_worker_km: float  # a year
    crashes: Outcome
    workers_hurt: Outcome
    probability_fewer_hurt: float
    confidence: float
    n_draws: int
    assumptions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = asdict(self)
        values["assumptions"] = list(self.assumptions)
        return values


def estimate_mode_shift(
    worker_km_per_year: Mapping[str, float],
    hurt_per_crash: Mapping[str, ArrayLike],
    change: tuple[str, str, float],
    *,
    years: float,
    rng: np.random.Generator,
    min_crashes: int = 5,
    min_exposure: float = DEFAULT_MIN_EXPOSURE,
    confidence: float = 0.95,
    n_draws: int = 20_000,
) -> ModeShift:
    """Estimate crashes and workers hurt a year when a share of one mode's riders change.

    Parameters
    ----------
    worker_km_per_year
        Mode → worker-km a year.
    hurt_per_crash
        Mode → workers hurt in each of its crashes over the study period, 0 included.
    change
        From which mode, to which, what share of its worker-km [0, 1]:
        `("open_truck_with_people", "bus", 0.3)`.
    years
        Length of the study period.
    rng
        Source of the draws.
    min_crashes, min_exposure
        Below so many crashes, or worker-km over the period, of either mode nothing is said.
    confidence
        Level of the interval [share].
    n_draws
        Number of draws.

    Returns
    -------
    shift
        Totals of all modes before and after; what changes is the two modes.

    Raises
    ------
    NotEnoughDataError
        If the rate of either mode rests on too little; says which and on how much.
    VocabularyError
        If a mode has no worker-km.
    InputError
        If the share, years or counts make no sense.

    Notes
    -----
    Crash rates: Gamma(n + 1/2, worker-km), Jeffreys' prior. Workers hurt per crash: the
    Bayesian bootstrap of the crashes there were, so that one truck with many is one draw.
    The difference is given at the rates themselves, its interval by the draws.

    References
    ----------
    Rubin, D. (1981). The Bayesian bootstrap. Annals of Statistics 9, 130-134.
    doi:10.1214/aos/1176345338
    """
    from_mode, to_mode, share = change
    alpha = 1.0 - require_confidence(confidence)
    if not (0.0 <= share <= 1.0 and years > 0 and from_mode != to_mode and n_draws > 0):
        message = (
            f"change {from_mode!r} to {to_mode!r} of {share} over {years} years: give two modes, "
            "a share from 0 to 1 and a period."
        )
        raise InputError(message)
    for mode in (from_mode, to_mode):
        if not worker_km_per_year.get(mode, 0.0) > 0:
            known = sorted(name for name, km in worker_km_per_year.items() if km > 0)
            raise VocabularyError.unknown_word("mode", mode, known)
    sizes = {
        mode: np.atleast_1d(require_counts(f"hurt_per_crash of {mode}", values))
        for mode, values in hurt_per_crash.items()
    }
    km = {mode: worker_km_per_year[mode] * years for mode in (from_mode, to_mode)}
    for mode in (from_mode, to_mode):
        _require_enough(mode, sizes.get(mode), km[mode], min_crashes, min_exposure)
    moved = share * worker_km_per_year[from_mode]
    drawn = {mode: _draw_rates(sizes[mode], km[mode], n_draws, rng) for mode in km}
    rates = {mode: (sizes[mode].size / km[mode], sizes[mode].sum() / km[mode]) for mode in km}
    before = (
        sum(one.size for one in sizes.values()) / years,
        sum(float(one.sum()) for one in sizes.values()) / years,
    )
    outcomes = []
    for i in range(2):
        difference = moved * (rates[to_mode][i] - rates[from_mode][i])
        draws = moved * (drawn[to_mode][i] - drawn[from_mode][i])
        low, high = np.quantile(draws, [alpha / 2, 1.0 - alpha / 2])
        outcomes.append(
            Outcome(
                before=before[i],
                after=before[i] + difference,
                difference=float(difference),
                difference_low=float(low),
                difference_high=float(high),
            )
        )
    return ModeShift(
        from_mode=from_mode,
        to_mode=to_mode,
        share=share,
        moved_worker_km=moved,
        crashes=outcomes[0],
        workers_hurt=outcomes[1],
        probability_fewer_hurt=float(np.mean(drawn[to_mode][1] < drawn[from_mode][1])),
        confidence=confidence,
        n_draws=n_draws,
        assumptions=ASSUMPTIONS,
    )


def _require_enough(
    mode: str, sizes: FloatArray | None, km: float, min_crashes: int, min_exposure: float
) -> None:
    n_crashes = 0 if sizes is None else sizes.size
    if n_crashes < min_crashes or km < min_exposure:
        message = (
            f"the rate of {mode.replace('_', ' ')} rests on {n_crashes} crash(es) in "
            f"{km / 1e6:.2f} million worker-km, too little to say what a change would bring; at "
            f"least {min_crashes} crashes and {min_exposure / 1e6:g} million worker-km are needed."
        )
        raise NotEnoughDataError(message)


def _draw_rates(
    sizes: FloatArray, km: float, n_draws: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw crashes and workers hurt per worker-km."""
    crashes = rng.gamma(sizes.size + JEFFREYS, 1.0 / km, n_draws)
    # weights of the distinct sizes: a Dirichlet of their counts
    values, counts = np.unique(sizes, return_counts=True)
    weights = rng.dirichlet(counts.astype(np.float64), n_draws)
    return crashes, crashes * (weights @ values)
