"""Sites of four kinds with their crashes, and what is predicted for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse

from core.errors import ModelError
from core.vocabulary import Severity, YesNoUnknown
from geo.corridor_windows import (
    CorridorWindows,
    build_corridor_windows,
    locate_on_corridors,
    place_in_windows,
)
from models.sliding_windows import compute_window_prediction
from models.spf import SpfFit, fit_spf
from models.spf_terms import SpfTerms

__all__ = [
    "OUTCOMES",
    "Predictions",
    "SiteKind",
    "build_crash_counts",
    "build_intersections",
    "build_roads",
    "build_segments",
    "build_windows",
    "fit_outcomes",
]

OUTCOMES = {"all": "n_crashes", "injury": "n_injury_crashes", "ksi": "n_ksi_crashes"}
INJURY = (Severity.FATAL.value, Severity.SERIOUS.value, Severity.SLIGHT.value)
MANY_ARMS = 4
LEAST_LENGTH_M = 1.0  # no stretch of road is taken to be shorter
LEAST_KNOWN = 0.95  # an attribute known on less of the roads is no term
ATTRIBUTES = {"ln_population": "population_per_km2", "ln_night_light": "night_light"}
PER_MILLION = 1e6
K_FORMS: tuple[Literal["per_km"], Literal["site"]] = ("per_km", "site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What is predicted for sites; keyed by outcome, missing where there is no function."""

    mean: dict[str, np.ndarray]
    k: dict[str, np.ndarray]
    fits: dict[str, SpfFit]
    reasons: dict[str, str]  # why an outcome has none


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteKind:
    """Sites of one kind.

    `table` has `site_id`, `label`, `facility`, `length_m`, `exposure` (millions over the
    period, NaN unknown), `lon`, `lat`; `counts` the crash counts in the same order.
    """

    name: str
    table: pd.DataFrame
    counts: pd.DataFrame
    predictions: Predictions


def build_crash_counts(crashes: pd.DataFrame) -> pd.DataFrame:
    """Return one row a crash, 1 or 0 for each thing that is counted."""
    severity = crashes["severity"].astype("object")
    users = crashes["road_users"].astype("object").fillna("")
    has_users = users.ne("")
    has_severity = severity.notna()
    columns: dict[str, Any] = {"n_crashes": np.ones(len(crashes))}
    columns |= {f"n_{word.value}": severity.eq(word.value) for word in Severity}
    columns |= {
        "n_unknown_severity": ~has_severity,
        "n_injury_crashes": severity.isin(INJURY),
        "n_ksi_crashes": severity.isin(INJURY[:2]),
        "known_pedestrian": has_users,
        "n_pedestrian": users.str.contains("pedestrian", regex=False),
        "known_motorcycle": has_users,
        "n_motorcycle": users.str.contains("motorcycle", regex=False),
        "known_dark": crashes["is_dark"].ne(YesNoUnknown.UNKNOWN.value),
        "n_dark": crashes["is_dark"].eq(YesNoUnknown.YES.value),
        "known_ksi": has_severity,
        "n_ksi": severity.isin(INJURY[:2]),
    }
    return pd.DataFrame({name: np.asarray(v, dtype=np.float64) for name, v in columns.items()})


def count_at(row: np.ndarray, n_sites: int, flags: pd.DataFrame) -> pd.DataFrame:
    """Sum the flags of the crashes at each site; crashes of row -1 are at none."""
    at = np.flatnonzero(row >= 0)
    inside = sparse.csr_array((np.ones(len(at)), (row[at], at)), shape=(n_sites, len(row)))
    return sum_inside(inside, flags)


def sum_inside(inside: sparse.csr_array, flags: pd.DataFrame) -> pd.DataFrame:
    """Sum the flags of the crashes in each place; a crash may be in several."""
    return pd.DataFrame(inside @ flags.to_numpy(), columns=flags.columns)


def build_segments(
    segments: gpd.GeoDataFrame,
    crashes: pd.DataFrame,
    flags: pd.DataFrame,
    exposure: pd.DataFrame,
    *,
    intersection_radius_m: float,
) -> SiteKind:
    """Describe the segments as sites, without the crashes at intersections.

    These crashes are proportional to the length outside the intersections' radius.
    """
    is_here = crashes["site_type"].eq("segment").to_numpy()
    row = np.where(is_here, crashes["segment_id"].to_numpy(dtype=np.int64, na_value=-1), -1)
    counts = count_at(row, len(segments), flags)
    table, terms = describe_roads(segments, exposure)
    ids = "S" + segments["segment_id"].astype(str)
    table.insert(0, "site_id", ids.to_numpy())
    table["exposure"] = find_exposure(table["site_id"], exposure)
    table["label"] = segments["label"].to_numpy()
    table["lon"], table["lat"] = find_lon_lat(
        gpd.GeoSeries(segments.geometry.interpolate(0.5, normalized=True), crs=segments.crs)
    )
    inside_m = measure_inside(segments, intersection_radius_m)
    table["open_length_m"] = np.maximum(table["length_m"] - inside_m, LEAST_LENGTH_M)
    open_road = ("open_length_m",)
    predictions = fit_outcomes(
        table,
        counts,
        *(
            replace(terms, proportional_to=open_road, length=open_road[0], k_form=form)
            for form in K_FORMS
        ),
    )
    return SiteKind(name="segment", table=table, counts=counts, predictions=predictions)


def build_roads(
    segments: gpd.GeoDataFrame,
    crashes: pd.DataFrame,
    flags: pd.DataFrame,
    exposure: pd.DataFrame,
    *,
    intersection_radius_m: float,
) -> tuple[pd.DataFrame, pd.DataFrame, Predictions]:
    """Describe the segments with all their crashes, those at intersections too.

    Their density grows with the share of the length that is within an intersection.
    """
    row = crashes["segment_id"].to_numpy(dtype=np.int64, na_value=-1)
    counts = count_at(row, len(segments), flags)
    table, terms = describe_roads(segments, exposure)
    inside_m = measure_inside(segments, intersection_radius_m)
    table["intersection_share"] = np.minimum(inside_m / table["length_m"], 1.0)
    linear = ("intersection_share", *terms.linear_terms)
    return table, counts, fit_outcomes(table, counts, replace(terms, linear_terms=linear))


def measure_inside(segments: pd.DataFrame, intersection_radius_m: float) -> np.ndarray:
    """Return the length of each segment that is within the radius of its intersections [m]."""
    n_ends = segments[["intersection_u", "intersection_v"]].notna().sum(axis=1)
    return intersection_radius_m * n_ends.to_numpy(dtype=np.float64)


def describe_roads(
    segments: gpd.GeoDataFrame, exposure: pd.DataFrame
) -> tuple[pd.DataFrame, SpfTerms]:
    """Return the columns of the function for roads, and its terms."""
    table = pd.DataFrame(
        {
            "facility": segments["road_class"].astype("object").fillna("unknown").to_numpy(),
            "length_m": np.maximum(segments["length_m"].to_numpy(), LEAST_LENGTH_M),
        }
    )
    linear = []
    ids = pd.Series("S" + segments["segment_id"].astype(str))
    workers = ids.map(exposure["workers_per_day"]).fillna(0.0).to_numpy(dtype=np.float64)
    if (workers > 0).any():
        table["ln_workers"] = np.log1p(workers)
        linear.append("ln_workers")
    for name, column in ATTRIBUTES.items():
        values = segments.get(column)
        if values is None or values.notna().mean() < LEAST_KNOWN:
            continue
        known = values.to_numpy(dtype=np.float64, na_value=np.nan)
        filled = np.where(np.isnan(known), np.nanmedian(known), known)
        table[name] = np.log1p(np.maximum(filled, 0.0))
        linear.append(name)
    terms = SpfTerms(
        proportional_to=("length_m",),
        linear_terms=tuple(linear),
        facility="facility",
        k_form="per_km",
    )
    return table, terms


def build_intersections(
    intersections: gpd.GeoDataFrame,
    crashes: pd.DataFrame,
    flags: pd.DataFrame,
    exposure: pd.DataFrame,
) -> SiteKind:
    """Describe the intersections as sites: kinds by arms and signals, terms by main road."""
    is_here = crashes["site_type"].eq("intersection").to_numpy()
    number = crashes["intersection_id"].to_numpy(dtype=np.int64, na_value=-1)
    counts = count_at(np.where(is_here, number, -1), len(intersections), flags)
    ids = "I" + intersections["intersection_id"].astype(str)
    arms = np.where(intersections["n_arms"] >= MANY_ARMS, "4 arms or more", "3 arms or fewer")
    signals = np.where(intersections["has_signals"], ", signals", "")
    kind = np.char.add(arms.astype(str), signals.astype(str))
    table = pd.DataFrame(
        {
            "site_id": ids.to_numpy(),
            "facility": np.where(intersections["is_roundabout"], "roundabout", kind),
            "length_m": np.nan,
            "exposure": find_exposure(ids, exposure),
        }
    )
    classes = intersections["road_class"].astype("object").fillna("unknown")
    linear = []
    for name in sorted(classes.value_counts().index[1:]):
        table[f"main road {name}"] = classes.eq(name).to_numpy(dtype=np.float64)
        linear.append(f"main road {name}")
    workers = ids.map(exposure["workers_per_day"]).fillna(0.0).to_numpy(dtype=np.float64)
    if (workers > 0).any():
        table["ln_workers"] = np.log1p(workers)
        linear.append("ln_workers")
    table["label"] = intersections["label"].to_numpy()
    table["lon"], table["lat"] = find_lon_lat(intersections.geometry)
    terms = SpfTerms(linear_terms=tuple(linear), facility="facility", k_form="site")
    return SiteKind(
        name="intersection",
        table=table,
        counts=counts,
        predictions=fit_outcomes(table, counts, terms),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Roads:
    """What windows are cut from."""

    segments: gpd.GeoDataFrame
    lixels: gpd.GeoDataFrame
    labels: pd.Series  # of corridors, by corridor_id
    crashes: pd.DataFrame
    flags: pd.DataFrame
    predictions: Predictions  # of the segments, with all crashes
    exposure: pd.DataFrame


def build_windows(
    roads: Roads, *, window_km: float, step_km: float, name: str, has_places: bool = True
) -> SiteKind:
    """Describe windows along corridors as sites; a very long window is a whole corridor.

    Without places, the table has only `corridor_id`, `from_km` and `to_km`.
    """
    windows = build_corridor_windows(
        roads.lixels, roads.segments, window_km=window_km, step_km=step_km
    )
    table = windows.table
    segment = roads.crashes["segment_id"].to_numpy(dtype=np.int64, na_value=-1)
    corridor = np.full(len(segment), -1, dtype=np.int64)
    km = np.full(len(segment), np.nan)
    has_place = segment >= 0
    corridor[has_place], km[has_place] = locate_on_corridors(
        segment[has_place], roads.crashes["offset_m"].to_numpy()[has_place], roads.segments
    )
    counts = sum_inside(place_in_windows(table, corridor, km), roads.flags)
    predictions = predict_windows(roads, windows)
    if not has_places:
        return SiteKind(name=name, table=table, counts=counts, predictions=predictions)
    label = table["corridor_id"].map(roads.labels).astype("object").fillna("Unnamed road")
    whole = name == "corridor"
    places = [
        road if whole else f"{road}, km {start:.1f}\N{EN DASH}{end:.1f}"
        for road, start, end in zip(label, table["from_km"], table["to_km"], strict=True)
    ]
    letter, number = ("C", table["corridor_id"]) if whole else ("W", table["window_id"])
    described = pd.DataFrame(
        {
            "site_id": letter + number.astype(str),
            "label": places,
            "facility": "road",
            "length_m": table["road_m"],
            "exposure": np.nan,
            "corridor_id": table["corridor_id"],
            "from_km": table["from_km"],
            "to_km": table["to_km"],
        }
    )
    described["exposure"] = sum_exposure(roads, windows)
    described["lon"], described["lat"] = find_middle(roads.lixels, windows)
    return SiteKind(
        name=name,
        table=described,
        counts=counts,
        predictions=predictions,
    )


def predict_windows(roads: Roads, windows: CorridorWindows) -> Predictions:
    """Add up what is predicted on the pieces of each window."""
    segment = roads.lixels["segment_id"].to_numpy(dtype=np.int64)
    length = roads.segments["length_m"].to_numpy()
    part = roads.lixels["length_m"].to_numpy() / length[segment]
    mean, k = {}, {}
    for outcome, of_segment in roads.predictions.mean.items():
        spread = roads.predictions.k[outcome][segment] / np.maximum(part, 1e-9)
        mean[outcome], k[outcome] = compute_window_prediction(
            windows.share, of_segment[segment] * part, spread
        )
    return Predictions(
        mean=mean, k=k, fits=roads.predictions.fits, reasons=roads.predictions.reasons
    )


def sum_exposure(roads: Roads, windows: CorridorWindows) -> np.ndarray:
    """Add up the worker-km of the pieces of each window [millions]; NaN where none is known."""
    ids = "S" + roads.segments["segment_id"].astype(str)
    known = np.nan_to_num(find_exposure(pd.Series(ids), roads.exposure))
    segment = roads.lixels["segment_id"].to_numpy(dtype=np.int64)
    part = roads.lixels["length_m"].to_numpy() / roads.segments["length_m"].to_numpy()[segment]
    total = windows.share @ (known[segment] * part)
    return np.where(total > 0, total, np.nan)


def find_exposure(site_id: pd.Series, exposure: pd.DataFrame) -> np.ndarray:
    """Return millions of worker-km (passings) of each site; NaN where no commute is known."""
    found = site_id.map(exposure["exposure"]).to_numpy(dtype=np.float64) / PER_MILLION
    return np.where(found > 0, found, np.nan)


def find_middle(lixels: gpd.GeoDataFrame, windows: CorridorWindows) -> tuple[Any, Any]:
    """Return the mean place of the road in each window."""
    middle = gpd.GeoSeries(lixels.geometry.interpolate(0.5, normalized=True), crs=lixels.crs)
    metres = windows.share.multiply(lixels["length_m"].to_numpy()[None, :]).tocsr()
    total = np.maximum(metres @ np.ones(len(lixels)), 1e-9)
    x, y = (metres @ values / total for values in (middle.x.to_numpy(), middle.y.to_numpy()))
    return find_lon_lat(gpd.GeoSeries(gpd.points_from_xy(x, y), crs=lixels.crs))


def find_lon_lat(points: gpd.GeoSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return the longitude and latitude of points [degrees, six decimals]."""
    degrees = points.to_crs(4326)
    return degrees.x.round(6).to_numpy(), degrees.y.round(6).to_numpy()


def fit_outcomes(table: pd.DataFrame, counts: pd.DataFrame, *forms: SpfTerms) -> Predictions:
    """Fit a function for all crashes, injury crashes and KSI crashes, where there are any.

    Of several forms the one is taken under which all crashes are likeliest.
    """
    terms = forms[0]
    mean: dict[str, np.ndarray] = {}
    k: dict[str, np.ndarray] = {}
    fits: dict[str, SpfFit] = {}
    reasons: dict[str, str] = {}
    for outcome, column in OUTCOMES.items():
        counted = table.assign(n_crashes=counts[column].to_numpy())
        try:
            if outcome == "all":
                tried = [fit_spf(counted, form) for form in forms]
                fits[outcome] = max(tried, key=sum_likelihood)
                terms = fits[outcome].terms
            else:
                fits[outcome] = fit_spf(counted, terms)
        except ModelError as error:
            reasons[outcome] = str(error)
            continue
        mean[outcome] = fits[outcome].predict(counted)
        k[outcome] = fits[outcome].find_site_k(counted)
    return Predictions(mean=mean, k=k, fits=fits, reasons=reasons)


def sum_likelihood(fit: SpfFit) -> float:
    """Return the log-likelihood of all types; those without one count nothing."""
    fits = {id(one): one.log_likelihood for one in fit.fits.values()}
    return float(np.nansum(list(fits.values())))
