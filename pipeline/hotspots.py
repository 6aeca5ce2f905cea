"""Hotspots as people meet them: a name, what happened there, how sure, since when."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from core.units import M_PER_KM
from core.vocabulary import YesNoUnknown
from geo.places import find_near_place
from models.hotspots import match_known_places, summarise_hotspots
from models.rates import compute_poisson_interval
from pipeline.hotspot_register import Register, locate
from pipeline.scan import Scan
from pipeline.sites import count_severities

__all__ = [
    "describe_hotspots",
    "find_commonest",
    "join_lines",
    "keep_identities",
    "locate_on_roads",
    "name_hotspots",
]

HOURS_PER_WEEK = 168
EN_DASH = "\N{EN DASH}"
SAME_PLACE_DISTANCE_M = 15.0
SEGMENT_COLUMNS = (
    *("segment_id", "name", "ref", "road_class", "province", "district"),
    *("corridor_id", "chainage_u_km", "chainage_v_km"),
)


def describe_hotspots(
    scan: Scan,
    segments: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    corridors: pd.DataFrame,
    crashes: pd.DataFrame,
    *,
    years: float,
    epdo_weights: Mapping[str, float],
) -> gpd.GeoDataFrame:
    """Return one row per hotspot, ranked by excess crashes; `number` links to the labels.

    Parameters
    ----------
    scan
        Scanned lixels and the hotspot number of each.
    segments, places, corridors
        The network: attributes, chainage and the names around.
    crashes
        Placed crashes with `lixel_id`.
    years
        Length of the study period [years].
    epdo_weights
        Weight of a crash of each severity.
    """
    lixels = pick_lixels(scan, segments)
    numbers = np.arange(scan.labels.max(initial=-1) + 1)
    inside = crashes.assign(number=crashes["lixel_id"].map(lixels.set_index("lixel_id")["number"]))
    table = measure_hotspots(scan, inside, numbers, years=years, epdo_weights=epdo_weights)
    grouped = lixels.groupby("number")
    table = table.assign(
        number=numbers,
        p_family=grouped["p_family"].min(),
        q_spread=grouped["q_spread"].min(),
        n_segments=grouped["segment_id"].nunique(),
        road_class=find_commonest(lixels, "road_class", numbers),
        province=find_commonest(lixels, "province", numbers),
        district=find_commonest(lixels, "district", numbers),
    )
    low, high = compute_poisson_interval(table["n_crashes"].to_numpy())
    km_years = table["length_m"] / M_PER_KM * years
    table = table.assign(rate_ci_low=low / km_years, rate_ci_high=high / km_years)
    table = table.join(profile_crashes(inside, numbers))
    shapes = join_lines(lixels.geometry.to_numpy(), lixels["number"].to_numpy())
    hotspots = gpd.GeoDataFrame(table, geometry=shapes, crs=scan.lixels.crs)
    hotspots = hotspots.join(locate_on_roads(lixels, corridors, numbers))
    hotspots = name_hotspots(hotspots, places)
    hotspots = hotspots.sort_values(["excess_crashes", "number"], ascending=[False, True])
    hotspots["rank"] = np.arange(1, len(hotspots) + 1)
    return hotspots.reset_index(drop=True)


def pick_lixels(scan: Scan, segments: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the lixels of all hotspots, sorted by hotspot, with what their segment tells."""
    lixels = scan.lixels.assign(number=scan.labels)
    lixels = lixels[lixels["number"] >= 0].sort_values(["number", "lixel_id"])
    attributes = segments[[*SEGMENT_COLUMNS]].assign(segment_length_m=segments["length_m"])
    return lixels.merge(attributes, on="segment_id", how="left")


def measure_hotspots(
    scan: Scan,
    inside: pd.DataFrame,
    numbers: np.ndarray,
    *,
    years: float,
    epdo_weights: Mapping[str, float],
) -> pd.DataFrame:
    """Count the crashes of each hotspot number, and say how many more than expected they are."""
    counts = count_severities(inside, "number", epdo_weights=epdo_weights)
    counts = counts.reindex(numbers, fill_value=0).rename_axis(None)
    summary = summarise_hotspots(
        scan.labels,
        n_crashes=scan.lixels["n_crashes"],
        expected=scan.lixels["expected"],
        length_m=scan.lixels["length_m"],
        p_value=scan.lixels["p_value"],
        q_value=scan.lixels["q_value"],
        years=years,
    )
    return counts.join(summary.drop(columns="n_crashes"))


def join_lines(lines: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return one MultiLineString per number, touching lines joined to longer ones."""
    order = np.argsort(numbers, kind="stable")
    merged = shapely.line_merge(shapely.multilinestrings(lines[order], indices=numbers[order]))
    parts, owner = shapely.get_parts(merged, return_index=True)
    return np.asarray(shapely.multilinestrings(parts, indices=owner))


def find_commonest(lixels: pd.DataFrame, column: str, numbers: np.ndarray) -> pd.Series:
    """Return the value most lixels of each hotspot have; missing when none has any."""
    counts = lixels.groupby(["number", column]).size().rename("n").reset_index()
    counts = counts.sort_values(["number", "n", column], ascending=[True, False, True])
    first = counts.drop_duplicates("number").set_index("number")[column]
    commonest: pd.Series = first.reindex(numbers).astype("str")
    return commonest


def profile_crashes(inside: pd.DataFrame, numbers: np.ndarray) -> pd.DataFrame:
    """Count who was involved and when, for each hotspot number."""
    inside = inside[inside["number"].notna()].astype({"number": "int64"})
    words = inside.set_index("number")["road_users"].dropna().str.split(";").explode()
    named = words[words != ""].rename("word").reset_index()
    by_word = named.groupby(["number", "word"]).size().rename("n").reset_index()
    by_word = by_word.sort_values(["number", "n", "word"], ascending=[True, False, True])
    users: dict[int, dict[str, int]] = {int(number): {} for number in numbers}
    for number, word, n in by_word.itertuples(index=False, name=None):
        users[number][word] = n

    timed = inside[inside["has_time"] & inside["occurred_at"].notna()]
    when = timed["occurred_at"].dt
    hours = np.zeros((len(numbers), HOURS_PER_WEEK), dtype=np.int64)
    np.add.at(hours, (timed["number"].to_numpy(), (when.dayofweek * 24 + when.hour).to_numpy()), 1)

    flags = pd.DataFrame(
        {
            "number": inside["number"],
            "n_dark": inside["is_dark"].eq(YesNoUnknown.YES.value),
            "n_light_known": inside["is_dark"].ne(YesNoUnknown.UNKNOWN.value),
            "n_worker_commute": inside["is_worker_commute"].eq(YesNoUnknown.YES.value),
        }
    )
    counts = flags.groupby("number").sum().reindex(numbers, fill_value=0).astype("int64")
    return counts.assign(
        n_with_time=hours.sum(axis=1),
        road_users=[json.dumps(users[int(number)]) for number in numbers],
        hour_of_week=[json.dumps(row) for row in hours.tolist()],
    )


def locate_on_roads(
    lixels: pd.DataFrame, corridors: pd.DataFrame, numbers: np.ndarray
) -> pd.DataFrame:
    """Return the main road of each hotspot and from where to where along it [km].

    The main road is the one with most crashes, then most length, on the hotspot.
    """
    first, last = lixels["chainage_u_km"], lixels["chainage_v_km"]
    per_m = (last - first) / lixels["segment_length_m"]
    pieces = pd.DataFrame(
        {
            "number": lixels["number"],
            "corridor_id": lixels["corridor_id"],
            "n_crashes": lixels["n_crashes"],
            "length_m": lixels["length_m"],
            "a_km": first + per_m * lixels["start_m"],
            "b_km": first + per_m * lixels["end_m"],
        }
    ).dropna(subset="corridor_id")
    pieces["low_km"] = pieces[["a_km", "b_km"]].min(axis=1)
    pieces["high_km"] = pieces[["a_km", "b_km"]].max(axis=1)
    roads = pieces.groupby(["number", "corridor_id"], as_index=False).agg(
        n_crashes=("n_crashes", "sum"),
        length_m=("length_m", "sum"),
        chainage_from_km=("low_km", "min"),
        chainage_to_km=("high_km", "max"),
    )
    roads = roads.sort_values(
        ["number", "n_crashes", "length_m", "corridor_id"], ascending=[True, False, False, True]
    )
    main = roads.drop_duplicates("number").set_index("number").reindex(numbers)
    labels = corridors.set_index("corridor_id")["label"]
    return pd.DataFrame(
        {
            "road_label": main["corridor_id"].map(labels).astype("str"),
            "chainage_from_km": main["chainage_from_km"].astype("float64"),
            "chainage_to_km": main["chainage_to_km"].astype("float64"),
        }
    )


def name_hotspots(hotspots: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add the nearest place and a name a person recognises."""
    near = find_near_place(hotspots.geometry.representative_point(), places)
    named = hotspots.assign(
        near_place=near["name"].to_numpy(), near_place_km=near["distance_m"].to_numpy() / M_PER_KM
    )
    rows = pd.DataFrame(named.drop(columns="geometry")).to_dict("records")
    return named.assign(name=[compose_name(row) for row in rows])


def compose_name(hotspot: Mapping[Hashable, Any]) -> str:
    """Return "NR4 km 23.4-23.9, near Ang Snuol", as much of it as is known."""
    label, place = hotspot["road_label"], hotspot["near_place"]
    start, end = hotspot["chainage_from_km"], hotspot["chainage_to_km"]
    road = label if isinstance(label, str) and label else f"Unnamed {hotspot['road_class']} road"
    if np.isfinite(start):
        first, last = f"{start:.1f}", f"{end:.1f}"
        road += f" km {first}" if first == last else f" km {first}{EN_DASH}{last}"
    return f"{road}, near {place}" if isinstance(place, str) and place else road


def keep_identities(
    hotspots: gpd.GeoDataFrame, scan: Scan, register: Register, today: str
) -> gpd.GeoDataFrame:
    """Give each hotspot the identity of the place, whenever it was a hotspot last.

    Places are laid onto today's lixels (within 15 m, so that a re-drawn road does not make a
    new place); `models.hotspots.match_known_places` decides.

    Parameters
    ----------
    hotspots
        Hotspots of this run, `number` linking to the labels of the scan.
    scan
        Lixels and labels.
    register
        All places that were hotspots in this area, and the numbers that are taken.
    today
        Day of this run.

    Returns
    -------
    hotspots
        With `hotspot_id`, `is_new`, `first_seen`, `back_since`.
    """
    places = list(register.places.values())
    zones = locate(places).to_crs(scan.lixels.crs)
    middles = scan.lixels.geometry.interpolate(0.5, normalized=True)
    zone, lixel = middles.sindex.query(zones, predicate="dwithin", distance=SAME_PLACE_DISTANCE_M)
    ids = np.array([one.hotspot_id for one in places], dtype=object)
    ages = dict(zip(ids, register.list_ages(), strict=True))
    known = pd.DataFrame({"lixel": lixel, "hotspot_id": ids[zone]})
    match = match_known_places(
        scan.labels,
        known.assign(age=known["hotspot_id"].map(ages).astype("int64")),
        scan.lixels["length_m"],
        next_number=register.last_number + 1,
    )
    rows = [tell_since(match.hotspot_id[n], register, ages, today) for n in hotspots["number"]]
    columns = ["hotspot_id", "is_new", "first_seen", "back_since"]
    told = pd.DataFrame(rows, columns=columns, index=hotspots.index)
    texts = dict.fromkeys(set(columns) - {"is_new"}, "str")
    return gpd.GeoDataFrame(hotspots.join(told.astype({**texts, "is_new": bool})))


def tell_since(
    hotspot_id: str, register: Register, ages: Mapping[str, int], today: str
) -> tuple[str, bool, str, str]:
    """Return an identity, whether no reader met it, since when it is known, and is back."""
    place = register.places.get(hotspot_id)
    if place is None or not register.is_met(place):
        return hotspot_id, True, today, ""
    return hotspot_id, False, place.first_seen, today if ages[hotspot_id] else place.back_since
