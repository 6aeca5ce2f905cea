"""Where crashes would fall if no stretch were worse: the nulls a run compares with.

A null that this area's data cannot carry is left out, with the reason in words; nothing
takes its place silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from core.errors import NotEnoughDataError, SafeCommuteError
from core.vocabulary import YesNoUnknown
from models.arrays import FloatArray
from models.null_models import NULL_MODELS, NullModel, build_null
from models.spf import SpfFit, SpfTerms, fit_spf

__all__ = ["Nulls", "RoadFacts", "build_nulls"]

MIN_WORKERS_PER_DAY = 50.0  # where fewer pass, other traffic makes nearly all the crashes
MIN_SHARE_OF_CRASHES = 0.5  # on roads that workers pass
MIN_KNOWN_SHARE = 0.9  # of segments, for a column to be part of the function
LOGGED: Final = (
    *("junction_per_km", "building_per_km", "shop_per_km", "street_lamp_per_km"),
    *("night_light", "population_per_km2", "curvature_change_deg_km"),
)
FLAGS: Final = (
    *("has_school_within_200m", "has_market_within_200m", "has_hospital_within_200m"),
    *("has_bus_stop_within_200m", "has_factory_gate_within_200m"),
)
KNOWN_WORDS: Final = {
    "junction_per_km": "junctions",
    "building_per_km": "buildings",
    "shop_per_km": "shops",
    "street_lamp_per_km": "street lamps",
    "night_light": "light at night",
    "population_per_km2": "people around",
    "curvature_change_deg_km": "bends",
    "has_school_within_200m": "schools",
    "has_market_within_200m": "markets",
    "has_hospital_within_200m": "hospitals",
    "has_bus_stop_within_200m": "bus stops",
    "has_factory_gate_within_200m": "factory gates",
    "is_oneway": "one-way",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadFacts:
    """What is known of the roads, by segment; row position is the segment."""

    segments: pd.DataFrame  # with their attributes
    worker_km_per_year: FloatArray  # 0 where no worker's way is known, shape (n_segments,)
    workers_per_day: FloatArray
    has_commutes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Nulls:
    """The nulls that can be had, in the order of `NULL_MODELS`, and why the others cannot."""

    models: dict[str, NullModel]
    missing: dict[str, str]
    notes: dict[str, str]  # what a null is made of, in a sentence

    def require(self, name: str) -> NullModel:
        """Return a null.

        Raises
        ------
        NotEnoughDataError
            If the data of the area cannot carry it; says why.
        """
        if name not in self.models:
            message = (
                f"hotspot_null {name!r} cannot be had here: {self.missing[name]}. Choose "
                f"{', '.join(self.models)} in the settings, or bring what is missing."
            )
            raise NotEnoughDataError(message)
        return self.models[name]


def build_nulls(n_crashes: np.ndarray, lixels: pd.DataFrame, facts: RoadFacts) -> Nulls:
    """Build every null that the data can carry.

    Parameters
    ----------
    n_crashes
        Crashes per lixel over the period, shape (n_lixels,).
    lixels
        `segment_id` and `length_m`.
    facts
        What is known of the segments.
    """
    models: dict[str, NullModel] = {}
    missing: dict[str, str] = {}
    notes: dict[str, str] = {}
    length = lixels["length_m"].to_numpy(dtype=np.float64)
    segment = lixels["segment_id"].to_numpy(dtype=np.int64)
    for name in NULL_MODELS:
        try:
            if name == "exposure":
                found = compare_with_workers(n_crashes, length, segment, facts)
            elif name == "spf":
                found = compare_with_function(n_crashes, length, segment, facts)
            else:
                road_class = facts.segments["road_class"].astype("object").to_numpy()[segment]
                null = build_null(name, n_crashes, length, reference_class=road_class)
                found = null, SIMPLE_NOTES[name]
        except SafeCommuteError as error:
            missing[name] = str(error).rstrip(".")
            continue
        models[name], notes[name] = found
    return Nulls(models=models, missing=missing, notes=notes)


SIMPLE_NOTES: Final = {
    "length": "as if crashes fell evenly on every metre of road",
    "road_class": "as if crashes fell evenly on every metre of a road class",
}


def compare_with_workers(
    n_crashes: np.ndarray, length: FloatArray, segment: np.ndarray, facts: RoadFacts
) -> tuple[NullModel, str]:
    """Return the null that follows the workers who pass, and what it is made of.

    Raises
    ------
    NotEnoughDataError
        If there are no commutes, or too few crashes lie on roads that workers pass.
    """
    if not facts.has_commutes:
        message = "no commutes are known: import factories and where their workers live"
        raise NotEnoughDataError(message)
    km = np.where(facts.workers_per_day >= MIN_WORKERS_PER_DAY, facts.worker_km_per_year, 0.0)
    whole = np.bincount(segment, weights=length, minlength=len(km))
    exposure = (km / np.maximum(whole, 1e-9))[segment] * length
    share = float(n_crashes[exposure > 0].sum()) / max(float(n_crashes.sum()), 1.0)
    if share < MIN_SHARE_OF_CRASHES:
        message = (
            f"only {share:.0%} of the crashes lie on roads that {MIN_WORKERS_PER_DAY:.0f} workers "
            f"or more pass a day, less than the {MIN_SHARE_OF_CRASHES:.0%} that are asked for"
        )
        raise NotEnoughDataError(message)
    null = build_null("exposure", n_crashes, length, exposure=exposure)
    note = (
        f"as if crashes followed the workers who pass; {1 - share:.0%} of the crashes lie where "
        f"fewer than {MIN_WORKERS_PER_DAY:.0f} pass a day, which are compared by length"
    )
    return null, note


def compare_with_function(
    n_crashes: np.ndarray, length: FloatArray, segment: np.ndarray, facts: RoadFacts
) -> tuple[NullModel, str]:
    """Return the null of a safety performance function, and what it is made of.

    Crashes of segments of a class, by their length and surroundings; what segments differ by
    beyond that is in the null too, one factor a segment.

    Raises
    ------
    NotEnoughDataError
        If there are too few crashes for a function of anything but length.
    """
    n_segments = len(facts.segments)
    table, terms = tabulate_surroundings(facts.segments)
    whole = np.bincount(segment, weights=length, minlength=n_segments)
    table["n_crashes"] = np.bincount(segment, weights=n_crashes, minlength=n_segments)
    table["length_m"] = np.maximum(whole, 0.01)
    fit = fit_spf(table, terms)
    if all(each.method == "mean rate" for each in fit.fits.values()):
        message = (
            f"{fit.n_crashes} crashes are too few for a function of the roads' surroundings; "
            "bring a longer period"
        )
        raise NotEnoughDataError(message)
    share = length / np.maximum(whole[segment], 1e-9)
    null = build_null(
        "spf",
        n_crashes,
        length,
        expected=fit.predict(table)[segment] * share,
        overdispersion_k=fit.overdispersion_k,
        group=segment,
    )
    return null, describe_function(fit)


def tabulate_surroundings(segments: pd.DataFrame) -> tuple[pd.DataFrame, SpfTerms]:
    """Return the columns of the function that are known here, and its terms."""
    columns: dict[str, np.ndarray] = {}
    for name in LOGGED:
        values = pd.to_numeric(segments.get(name, pd.Series(np.nan, segments.index)))
        if values.notna().mean() >= MIN_KNOWN_SHARE and values.max() > 0:
            filled = values.fillna(values.median()).clip(lower=0.0)
            columns[name] = np.log1p(filled.to_numpy(dtype=np.float64))
    for name in FLAGS:
        if name in segments and segments[name].eq(YesNoUnknown.YES.value).any():
            columns[name] = segments[name].eq(YesNoUnknown.YES.value).to_numpy(dtype=np.float64)
    if "oneway" in segments:
        columns["is_oneway"] = segments["oneway"].ne("no").to_numpy(dtype=np.float64)
    table = pd.DataFrame(columns, index=segments.index)
    table["road_class"] = segments["road_class"].astype("object")
    terms = SpfTerms(log_terms=("length_m",), linear_terms=tuple(columns), facility="road_class")
    return table, terms


def describe_function(fit: SpfFit) -> str:
    """Say in a sentence what the function knows of a road."""
    words = ", ".join(KNOWN_WORDS[name] for name in fit.terms.linear_terms)
    return (
        f"as roads of the same class, length and surroundings ({words or 'none known'}) have; "
        f"segments differ beyond that by k = {fit.overdispersion_k:.2f}, which is in the null"
    )
