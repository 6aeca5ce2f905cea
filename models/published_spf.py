"""Published safety performance functions, kept as data, and their value at a site.

They describe the roads they were fitted on, of North America, in a base condition. Elsewhere
they need a calibration factor (`models.spf_checks.estimate_calibration`) and a doubt.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from core.errors import ExtrapolationWarning, InputError, VocabularyError
from models.arrays import FloatArray

__all__ = ["PUBLISHED_SPFS", "PublishedSpf", "evaluate_published_spf"]

MILES_PER_KM = 0.621371192237334
HSM = "AASHTO (2010). Highway Safety Manual, 1st ed., chapter 10"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSpf:
    """exp(constant + Σ exponent·ln(AADT)) crashes a year, per mile where it is a segment's."""

    spf_id: str
    what: str
    constant: float
    exponents: tuple[float, ...]  # of the major and minor road, or of the segment
    greatest_aadt: tuple[float, ...]  # it was fitted below these [vehicles/day]
    overdispersion_k: float  # of a site; of a segment of one mile where `is_per_mile`
    is_per_mile: bool
    source: str


PUBLISHED_SPFS: Mapping[str, PublishedSpf] = MappingProxyType(
    {
        spf.spf_id: spf
        for spf in (
            PublishedSpf(
                spf_id="hsm_rural_3st",
                what="rural two-lane road, three-leg intersection, stop on the minor road",
                constant=-9.86,
                exponents=(0.79, 0.49),
                greatest_aadt=(19_500, 4_300),
                overdispersion_k=0.54,
                is_per_mile=False,
                source=HSM,
            ),
            PublishedSpf(
                spf_id="hsm_rural_4st",
                what="rural two-lane road, four-leg intersection, stop on the minor road",
                constant=-8.56,
                exponents=(0.60, 0.61),
                greatest_aadt=(14_700, 3_500),
                overdispersion_k=0.24,
                is_per_mile=False,
                source=HSM,
            ),
            PublishedSpf(
                spf_id="hsm_rural_4sg",
                what="rural two-lane road, four-leg intersection with signals",
                constant=-5.13,
                exponents=(0.60, 0.20),
                greatest_aadt=(25_200, 12_500),
                overdispersion_k=0.11,
                is_per_mile=False,
                source=HSM,
            ),
            PublishedSpf(
                spf_id="hsm_rural_2u",
                what="rural two-lane road, segment without its intersections",
                constant=float(np.log(365e-6) - 0.312),
                exponents=(1.0,),
                greatest_aadt=(17_800,),
                overdispersion_k=0.236,
                is_per_mile=True,
                source=HSM,
            ),
        )
    }
)


def evaluate_published_spf(
    spf_id: str,
    aadt: ArrayLike,
    aadt_minor: ArrayLike | None = None,
    *,
    length_km: ArrayLike | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Evaluate a published function at sites.

    Parameters
    ----------
    spf_id
        One of `PUBLISHED_SPFS`.
    aadt
        Vehicles a day, of the segment or of the major road, > 0, shape (n_sites,).
    aadt_minor
        Vehicles a day of the minor road, for intersections, same shape.
    length_km
        Length [km], for segments, same shape.

    Returns
    -------
    predicted, overdispersion_k
        Crashes a year of each site in the base condition, and its k, shape (n_sites,).

    Raises
    ------
    VocabularyError
        If there is no such function.
    InputError
        If a traffic volume or length that the function needs is missing or not above 0.

    Warns
    -----
    ExtrapolationWarning
        If traffic is beyond what the function was fitted on.

    References
    ----------
    AASHTO (2010). Highway Safety Manual, 1st ed., chapter 10.
    """
    if spf_id not in PUBLISHED_SPFS:
        raise VocabularyError.unknown_word("spf_id", spf_id, list(PUBLISHED_SPFS))
    spf = PUBLISHED_SPFS[spf_id]
    given = {"aadt": aadt, "aadt_minor": aadt_minor}
    names = list(given)[: len(spf.exponents)]
    log_mean = np.asarray(spf.constant)
    n_beyond = 0
    for name, exponent, greatest in zip(names, spf.exponents, spf.greatest_aadt, strict=True):
        volume = _require(name, given[name], spf)
        log_mean = log_mean + exponent * np.log(volume)
        n_beyond += int((volume > greatest).sum())
    if n_beyond:
        message = (
            f"{spf_id}: {n_beyond} traffic volume(s) are beyond "
            f"{' and '.join(f'{greatest:,.0f}' for greatest in spf.greatest_aadt)} a day, "
            "which the function was fitted on."
        )
        warnings.warn(message, ExtrapolationWarning, stacklevel=2)
    predicted = np.exp(log_mean)
    k = np.full_like(predicted, spf.overdispersion_k)
    if spf.is_per_mile:
        miles = _require("length_km", length_km, spf) * MILES_PER_KM
        return predicted * miles, k / miles
    return predicted, k


def _require(name: str, values: ArrayLike | None, spf: PublishedSpf) -> FloatArray:
    found = np.asarray(np.nan if values is None else values, dtype=np.float64)
    is_bad = ~(np.isfinite(found) & (found > 0))
    if is_bad.any():
        message = (
            f"{spf.spf_id}: {name} is missing or not above 0 at {int(is_bad.sum())} of "
            f"{found.size} site(s); {spf.what} needs it."
        )
        raise InputError(message)
    return found
