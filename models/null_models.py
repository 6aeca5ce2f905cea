"""Null models: where crashes would fall if no stretch were worse than what is known explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError
from core.units import M_PER_KM
from models.arrays import FloatArray, IntArray, require_counts, require_same_length
from models.screening import compute_expected_per_lixel

__all__ = ["NULL_MODELS", "NullModel", "build_null"]

NULL_MODELS: Final = ("length", "road_class", "exposure", "spf")
COUNTED, NOT_COUNTED = 1, 0  # whether exposure was counted on a lixel


@dataclass(frozen=True, slots=True, kw_only=True)
class NullModel:
    """Where crashes would fall if no stretch were worse than what the null explains.

    Attributes
    ----------
    name
        One of `NULL_MODELS`.
    expected
        Crashes expected per lixel over the period, shape (n_lixels,); they sum to the crashes
        observed.
    overdispersion_k
        Variance of gamma-distributed differences between groups that are not in the model,
        >= 0 [-]. A count of a group with mean mu varies by mu + k mu².
    group
        Group (such as the segment) of each lixel, numbered from 0; all lixels of a group share
        one such difference, shape (n_lixels,). None: each lixel has its own.
    n_not_counted
        Lixels where no exposure was counted, which are expected to have crashes by length.
    n_crashes_not_counted
        Crashes on them.
    """

    name: str
    expected: FloatArray
    overdispersion_k: float = 0.0
    group: IntArray | None = None
    n_not_counted: int = 0
    n_crashes_not_counted: int = 0

    def __post_init__(self) -> None:
        require_same_length(expected=self.expected)
        is_bad = ~(np.isfinite(self.expected) & (self.expected >= 0))
        if is_bad.any():
            first = int(np.flatnonzero(is_bad)[0])
            message = (
                f"null {self.name!r}: expected crashes are missing or below 0 on "
                f"{int(is_bad.sum())} of {len(is_bad)} lixels, first lixel {first}: "
                f"{self.expected[first]}; give numbers from 0."
            )
            raise InputError(message)
        if not (np.isfinite(self.overdispersion_k) and self.overdispersion_k >= 0):
            message = (
                f"null {self.name!r}: overdispersion_k is {self.overdispersion_k}; it must be 0 "
                "or more."
            )
            raise InputError(message)
        if self.group is not None:
            require_same_length(expected=self.expected, group=self.group)
            if (self.group < 0).any():
                first = int(np.flatnonzero(self.group < 0)[0])
                message = (
                    f"null {self.name!r}: {int((self.group < 0).sum())} lixels have no group, "
                    f"first lixel {first}; number the groups from 0."
                )
                raise InputError(message)


def build_null(
    name: str,
    n_crashes: ArrayLike,
    length_m: ArrayLike,
    *,
    reference_class: NDArray[Any] | None = None,
    exposure: ArrayLike | None = None,
    expected: ArrayLike | None = None,
    min_exposure_per_km: float = 0.0,
    overdispersion_k: float = 0.0,
    group: ArrayLike | None = None,
) -> NullModel:
    """Say how many crashes each lixel would have if none were worse than the null explains.

    Parameters
    ----------
    name
        "length": in proportion to length. "road_class": to length, at the mean rate of the
        lixel's class. "exposure": to what was counted on the lixel. "spf": to the crashes that a
        safety performance function foretells.
    n_crashes
        Crashes per lixel over the period, shape (n_lixels,).
    length_m
        Length of each lixel, > 0 [m].
    reference_class
        Class of each lixel; for "road_class".
    exposure
        Worker-km, vehicle-km or another total on the lixel, not below 0; missing: not counted.
        For "exposure".
    expected
        Crashes foretold per lixel over the period; scaled to the crashes observed. For "spf".
    min_exposure_per_km
        Where there is less than this per kilometre of road (or nothing), exposure counts as not
        counted.
    overdispersion_k, group
        As `NullModel`.

    Returns
    -------
    null
        Expected crashes that sum to those observed.

    Raises
    ------
    InputError
        If the name is not known, what it needs is not given, a value is missing or below 0, or
        crashes lie where nothing is foretold.

    Notes
    -----
    No exposure counted is no proof of no exposure: a crash happened there, or could. So the roads
    without are taken for a class of their own: their crashes are expected by length at the mean of
    all such roads, and those of the others in proportion to exposure. A crash there is never
    impossible under the null, and never significant for being the only one.

    References
    ----------
    Okabe, A. & Sugihara, K. (2012). Spatial Analysis along Networks. Wiley.
    doi:10.1002/9781119967101
    """
    counts = require_counts("n_crashes", n_crashes)
    length = np.asarray(length_m, dtype=np.float64)
    require_same_length(n_crashes=counts, length_m=length)
    n_bare, n_crashes_bare = 0, 0
    if name == "length":
        mean = compute_expected_per_lixel(counts, length)
    elif name == "road_class":
        _require(name, "reference_class", reference_class)
        mean = compute_expected_per_lixel(counts, length, reference_class)
    elif name == "exposure":
        _require(name, "exposure", exposure)
        given = np.asarray(exposure, dtype=np.float64)
        mean, is_counted = _spread_by_exposure(counts, length, given, min_exposure_per_km)
        n_bare, n_crashes_bare = int((~is_counted).sum()), int(counts[~is_counted].sum())
    elif name == "spf":
        _require(name, "expected", expected)
        mean = _scale_to_observed(counts, np.asarray(expected, dtype=np.float64))
    else:
        message = f"null {name!r} is not known; use one of: {', '.join(NULL_MODELS)}."
        raise InputError(message)
    return NullModel(
        name=name,
        expected=mean,
        overdispersion_k=overdispersion_k,
        group=None if group is None else np.asarray(group, dtype=np.int64),
        n_not_counted=n_bare,
        n_crashes_not_counted=n_crashes_bare,
    )


def _require(name: str, needed: str, given: object) -> None:
    if given is None:
        message = f"null {name!r}: needs {needed}, one value a lixel; give it, or another null."
        raise InputError(message)


def _spread_by_exposure(
    counts: FloatArray, length: FloatArray, exposure: FloatArray, least_per_km: float
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return expected crashes, and where exposure was counted."""
    require_same_length(n_crashes=counts, exposure=exposure)
    if (exposure < 0).any() or np.isinf(exposure).any():
        is_bad = (exposure < 0) | np.isinf(exposure)
        first = int(np.flatnonzero(is_bad)[0])
        message = (
            f"exposure: {int(is_bad.sum())} of {len(exposure)} values are below 0 or infinite, "
            f"first lixel {first}: {exposure[first]}; correct them."
        )
        raise InputError(message)
    amount = np.nan_to_num(exposure)
    is_counted = (amount > 0) & (amount * M_PER_KM >= least_per_km * length)
    if not is_counted.any():
        message = (
            f"exposure: on none of {len(exposure)} lixels is it above the least of "
            f"{least_per_km:g} per km; use another null."
        )
        raise InputError(message)
    size = np.where(is_counted, amount, length)
    kind = np.where(is_counted, COUNTED, NOT_COUNTED)
    return compute_expected_per_lixel(counts, size, kind), is_counted


def _scale_to_observed(counts: FloatArray, foretold: FloatArray) -> FloatArray:
    require_same_length(n_crashes=counts, expected=foretold)
    is_odd = ~(np.isfinite(foretold) & (foretold >= 0)) | ((foretold == 0) & (counts > 0))
    if is_odd.any():
        first = int(np.flatnonzero(is_odd)[0])
        message = (
            f"expected: {int(is_odd.sum())} of {len(foretold)} lixels have crashes where none are "
            f"expected, or a value that is missing or below 0, first lixel {first}: "
            f"{counts[first]:g} crashes, {foretold[first]} expected; give every lixel a value "
            "above 0."
        )
        raise InputError(message)
    total = foretold.sum()
    return np.asarray(foretold * (counts.sum() / total) if total > 0 else foretold)
