"""Hotspots as people meet them: a name, what happened there, how sure, since when."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from core.units import M_PER_KM
from core.vocabulary import Light, YesNoUnknown
from geo.places import find_near_place
from models.rates import compute_poisson_interval
from pipeline.scan import Scan
from pipeline.sites import count_severities

__all__ = ["describe_hotspots", "keep_identities"]

HOURS_PER_WEEK = 168
EN_DASH = "\N{EN DASH}"
SAME_PLACE_SHARE = 0.5
SAME_PLACE_BUFFER_M = 15.0


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
    lixels = scan.lixels.assign(number=scan.labels)
    lixels = lixels[lixels["number"] >= 0]
    lixels = lixels.merge(
        segments[
            [
                *("segment_id", "name", "ref", "road_class", "province", "district"),
                *("corridor_id", "chainage_u_km", "chainage_v_km"),
            ]
        ].assign(segment_length_m=segments["length_m"]),
        on="segment_id",
        how="left",
    )
    numbers = np.arange(scan.labels.max(initial=-1) + 1)
    inside = crashes.assign(number=crashes["lixel_id"].map(lixels.set_index("lixel_id")["number"]))
    counts = count_severities(inside, "number", epdo_weights=epdo_weights)
    counts = counts.reindex(numbers, fill_value=0)
    grouped = lixels.groupby("number")
    table = counts.assign(
        number=numbers,
        length_m=grouped["length_m"].sum(),
        expected_crashes=grouped["expected"].sum(),
        p_value=grouped["p_value"].min(),
        q_value=grouped["q_value"].min(),
        n_segments=grouped["segment_id"].nunique(),
        road_class=grouped["road_class"].agg(find_commonest),
        province=grouped["province"].agg(find_commonest),
        district=grouped["district"].agg(find_commonest),
    )
    low, high = compute_poisson_interval(table["n_crashes"].to_numpy())
    expected = table["expected_crashes"].to_numpy()
    table = table.assign(
        excess_crashes=table["n_crashes"] - expected,
        rate_ratio=table["n_crashes"] / expected,
        ci_low=low / expected,
        ci_high=high / expected,
        crashes_per_km_year=table["n_crashes"] / (table["length_m"] / M_PER_KM) / years,
    )
    table = table.join(profile_crashes(inside, numbers))
    shapes = [
        to_multi_line(shapely.line_merge(shapely.union_all(part.geometry.to_numpy())))
        for _, part in grouped
    ]
    hotspots = gpd.GeoDataFrame(table, geometry=shapes, crs=scan.lixels.crs)
    hotspots = hotspots.join(locate_on_roads(lixels, corridors, numbers))
    hotspots = name_hotspots(hotspots, places)
    hotspots = hotspots.sort_values(["excess_crashes", "number"], ascending=[False, True])
    hotspots["rank"] = np.arange(1, len(hotspots) + 1)
    return hotspots.reset_index(drop=True)


def to_multi_line(shape: shapely.Geometry) -> shapely.MultiLineString:
    """Return lines as one MultiLineString, whatever the merge gave."""
    return shapely.multilinestrings(shapely.get_parts(shape))


def find_commonest(values: pd.Series) -> object:
    """Return the value most rows have, the first of several; missing when all are."""
    modes = values.mode()
    return modes.iloc[0] if len(modes) else np.nan


def profile_crashes(inside: pd.DataFrame, numbers: np.ndarray) -> pd.DataFrame:
    """Count who was involved and when, for each hotspot number."""
    rows = []
    by_number = dict(tuple(inside[inside["number"].notna()].groupby("number")))
    for number in numbers:
        part = by_number.get(number, inside.iloc[:0])
        words = Counter(
            word for users in part["road_users"].dropna() for word in users.split(";") if word
        )
        timed = part[part["has_time"] & part["occurred_at"].notna()]["occurred_at"].dt
        hours = np.bincount(timed.dayofweek * 24 + timed.hour, minlength=HOURS_PER_WEEK)
        rows.append(
            {
                "road_users": json.dumps(dict(words.most_common())),
                "hour_of_week": json.dumps(hours.tolist()),
                "n_with_time": int(hours.sum()),
                "n_dark": int(part["is_dark"].eq(YesNoUnknown.YES.value).sum()),
                "n_light_known": int(part["is_dark"].ne(Light.UNKNOWN.value).sum()),
                "n_worker_commute": int(part["is_worker_commute"].eq("yes").sum()),
            }
        )
    columns = [
        *("road_users", "hour_of_week", "n_with_time", "n_dark", "n_light_known"),
        "n_worker_commute",
    ]
    return pd.DataFrame(rows, index=numbers, columns=columns)


def locate_on_roads(
    lixels: pd.DataFrame, corridors: pd.DataFrame, numbers: np.ndarray
) -> pd.DataFrame:
    """Return the main road of each hotspot and from where to where along it [km].

    The main road is the one with most crashes, then most length, on the hotspot.
    """
    share = (lixels["start_m"] / lixels["segment_length_m"]).to_numpy()
    share_end = (lixels["end_m"] / lixels["segment_length_m"]).to_numpy()
    first, last = lixels["chainage_u_km"].to_numpy(), lixels["chainage_v_km"].to_numpy()
    pieces = lixels.assign(
        a_km=first + (last - first) * share, b_km=first + (last - first) * share_end
    )
    labels = corridors.set_index("corridor_id")["label"]
    columns = ["road_label", "chainage_from_km", "chainage_to_km"]
    rows: dict[int, list[object]] = {}
    for number, part in pieces.groupby("number"):
        weight = part.groupby("corridor_id")[["n_crashes", "length_m"]].sum()
        if weight.empty:
            rows[int(number)] = [np.nan, np.nan, np.nan]
            continue
        main = weight.sort_values(["n_crashes", "length_m"], ascending=False).index[0]
        on_main = part[part["corridor_id"] == main]
        ends = on_main[["a_km", "b_km"]]
        rows[int(number)] = [labels.get(main), ends.min().min(), ends.max().max()]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).reindex(numbers)
    return table.astype({"road_label": "str", "chainage_from_km": float, "chainage_to_km": float})


def name_hotspots(hotspots: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add the nearest place and a name a person recognises."""
    near = find_near_place(hotspots.geometry.representative_point(), places)
    named = hotspots.assign(
        near_place=near["name"].to_numpy(), near_place_km=near["distance_m"].to_numpy() / M_PER_KM
    )
    return named.assign(name=[compose_name(row) for row in named.itertuples()])


def compose_name(row: object) -> str:
    """Return "NR4 km 23.4-23.9, near Ang Snuol", as much of it as is known."""
    values = row._asdict()  # type: ignore[attr-defined]
    label, place = values["road_label"], values["near_place"]
    start, end = values["chainage_from_km"], values["chainage_to_km"]
    road = label if isinstance(label, str) and label else f"Unnamed {values['road_class']} road"
    if np.isfinite(start):
        first, last = f"{start:.1f}", f"{end:.1f}"
        road += f" km {first}" if first == last else f" km {first}{EN_DASH}{last}"
    return f"{road}, near {place}" if isinstance(place, str) and place else road


def keep_identities(
    hotspots: gpd.GeoDataFrame, previous: gpd.GeoDataFrame | None, first_free: int
) -> gpd.GeoDataFrame:
    """Give each hotspot the identity it had before when it is the same place.

    It is the same place when at least half of the shorter of the two lies along the
    other (within 15 m, so that a re-drawn road does not make a new place). Best overlaps
    are matched first; each identity is used once; the others get new numbers.

    Parameters
    ----------
    hotspots
        Hotspots of this run.
    previous
        Hotspots of the run that is published, any CRS; None when there is none.
    first_free
        The first number never used in this area, so that no identity is used twice.
    """
    kept: dict[int, str] = {}
    if previous is not None and len(previous) and len(hotspots):
        old = previous.to_crs(hotspots.crs)
        zones = old.geometry.buffer(SAME_PLACE_BUFFER_M)
        left, right = zones.sindex.query(hotspots.geometry, predicate="intersects")
        lines = hotspots.geometry.to_numpy()[left]
        overlap = shapely.length(shapely.intersection(lines, zones.to_numpy()[right]))
        shorter = np.minimum(shapely.length(lines), old.geometry.length.to_numpy()[right])
        share = overlap / shorter
        taken: set[int] = set()
        for pair in np.lexsort((right, left, -share)):
            new, was = int(left[pair]), int(right[pair])
            if share[pair] >= SAME_PLACE_SHARE and new not in kept and was not in taken:
                kept[new] = str(old["hotspot_id"].iloc[was])
                taken.add(was)
    ids = []
    for position in range(len(hotspots)):
        if position not in kept:
            ids.append(f"H{first_free}")
            first_free += 1
        else:
            ids.append(kept[position])
    is_new = [position not in kept for position in range(len(hotspots))]
    return hotspots.assign(hotspot_id=pd.Series(ids, dtype="str"), is_new=is_new)
