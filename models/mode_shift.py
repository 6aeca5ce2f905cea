"""What if: workers who ride in one kind of vehicle ride in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from core.errors import InputError, NotEnoughDataError, VocabularyError
from core.vocabulary import RoadUser
from models.arrays import FloatArray, require_counts
from models.commute_risk import DEFAULT_MIN_EXPOSURE
from models.rates import require_confidence

__all__ = ["ModeShift", "Outcome", "estimate_mode_shift"]

ASSUMPTIONS: Final = (
    "Every worker-km in a vehicle keeps the rate that such vehicles had, of crashes and of "
    "workers hurt in each; new vehicles are as safe and as full as those that were there.",
    "Those who change travel as far as before, on the same roads, at the same hours.",
    "Worker-km are taken as known; only chance in the crashes is in the interval.",
    "A crash counts once, however many are aboard: crashes for each worker-km make vehicles that "
    "carry many look safe, so compare workers hurt, not crashes.",
    "Riders of each vehicle differ in more than the vehicle: this is no measured effect.",
)
JEFFREYS: Final = 0.5  # shape of the prior of a rate
PRIOR_CRASHES: Final = 1.0  # what crashes of like vehicles weigh in how many one crash hurts
CARRY_MANY: Final = frozenset(
    {
        RoadUser.BUS.value,
        RoadUser.VAN.value,
        RoadUser.OPEN_TRUCK_WITH_PEOPLE.value,
        RoadUser.MOTORCYCLE_TRAILER.value,
    }
)


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
    n_crashes: dict[str, int]  # of the two modes, over the period
    worker_km: dict[str, float]  # of the two modes, over the period
    crashes_per_million_high: dict[str, float]  # upper end of the interval of each rate
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
    min_exposure
        Below so many worker-km over the period of either mode nothing is said.
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
        If either mode has too few worker-km, and says which; or if there is no crash at all.
    VocabularyError
        If a mode has no worker-km.
    InputError
        If the share, years or counts make no sense.

    Notes
    -----
    Crash rates: Gamma(n + 1/2, worker-km), Jeffreys' prior; it holds for n = 0 too, where a
    rate is known from above only. Workers hurt per crash: a Dirichlet process whose base are
    the crashes of like vehicles (those that carry many, or the others), worth one crash. With
    crashes enough it is the Bayesian bootstrap of a mode's own, one truck with many being one
    draw; with none it is as uncertain as one crash of like vehicles. The difference is that of
    the posterior means, its interval is that of the draws.

    References
    ----------
    Brown, L., Cai, T. & DasGupta, A. (2003). Interval estimation in exponential families.
    Statistica Sinica 13, 19-49 (Jeffreys' interval of a Poisson mean).
    Ferguson, T. (1973). A Bayesian analysis of some nonparametric problems. Annals of
    Statistics 1, 209-230. doi:10.1214/aos/1176342360
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
    for mode in km:
        _require_enough(mode, km[mode], min_exposure)
    moved = share * worker_km_per_year[from_mode]
    found = {mode: _find_sizes(mode, sizes) for mode in km}
    drawn = {mode: _draw_rates(*found[mode], km[mode], n_draws, rng) for mode in km}
    means = {mode: _find_means(*found[mode], km[mode]) for mode in km}
    before = (
        sum(one.size for one in sizes.values()) / years,
        sum(float(one.sum()) for one in sizes.values()) / years,
    )
    outcomes = []
    for i in range(2):
        difference = moved * (means[to_mode][i] - means[from_mode][i])
        draws = moved * (drawn[to_mode][i] - drawn[from_mode][i])
        low, high = np.quantile(draws, [alpha / 2, 1.0 - alpha / 2])
        outcomes.append(
            Outcome(
                before=before[i],
                after=max(before[i] + difference, 0.0),
                difference=float(difference),
                difference_low=float(low),
                difference_high=float(high),
            )
        )
    n_crashes = {mode: int(found[mode][0].size) for mode in km}
    return ModeShift(
        from_mode=from_mode,
        to_mode=to_mode,
        share=share,
        moved_worker_km=moved,
        n_crashes=n_crashes,
        worker_km=km,
        crashes_per_million_high={
            mode: float(special.gammaincinv(n + JEFFREYS, 1.0 - alpha / 2)) / km[mode] * 1e6
            for mode, n in n_crashes.items()
        },
        crashes=outcomes[0],
        workers_hurt=outcomes[1],
        probability_fewer_hurt=float(np.mean(drawn[to_mode][1] < drawn[from_mode][1])),
        confidence=confidence,
        n_draws=n_draws,
        assumptions=ASSUMPTIONS,
    )


def _require_enough(mode: str, km: float, min_exposure: float) -> None:
    if km < min_exposure:
        message = (
            f"the rate of {mode.replace('_', ' ')} rests on {km / 1e6:.2f} million worker-km, too "
            f"little to say what a change would bring; at least {min_exposure / 1e6:g} million "
            "are needed."
        )
        raise NotEnoughDataError(message)


def _find_sizes(mode: str, sizes: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return workers hurt in each crash of a mode, and in each of vehicles like it."""
    like = [one for name, one in sizes.items() if (name in CARRY_MANY) == (mode in CARRY_MANY)]
    for parts in (like, list(sizes.values())):
        base = np.concatenate([*parts, np.empty(0)])
        if base.size:
            return sizes.get(mode, np.empty(0)), base
    message = "no crash of a commuting worker is known: no rate of any vehicle can be compared."
    raise NotEnoughDataError(message)


def _find_means(own: FloatArray, base: FloatArray, km: float) -> tuple[float, float]:
    """Return the posterior means of crashes and workers hurt per worker-km."""
    crashes = (own.size + JEFFREYS) / km
    hurt = (own.sum() + PRIOR_CRASHES * base.mean()) / (own.size + PRIOR_CRASHES)
    return crashes, crashes * float(hurt)


def _draw_rates(
    own: FloatArray, base: FloatArray, km: float, n_draws: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw crashes and workers hurt per worker-km."""
    crashes = rng.gamma(own.size + JEFFREYS, 1.0 / km, n_draws)
    # weights of the distinct sizes: a Dirichlet of their counts
    values, place = np.unique(np.concatenate([own, base]), return_inverse=True)
    counts = np.concatenate(
        [np.ones(own.size), np.full(base.size, PRIOR_CRASHES / max(base.size, 1))]
    )
    weights = rng.dirichlet(np.bincount(place, counts), n_draws)
    return crashes, crashes * (weights @ values)
