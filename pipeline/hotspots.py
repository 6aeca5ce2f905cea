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
from core.vocabulary import YesNoUnknown
from geo.places import find_near_place
from models.hotspots import match_identities, summarise_hotspots
from pipeline.scan import Scan
from pipeline.sites import count_severities

__all__ = ["describe_hotspots", "keep_identities"]

HOURS_PER_WEEK = 168
EN_DASH = "\N{EN DASH}"
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
    counts = counts.reindex(numbers, fill_value=0).rename_axis(None)
    grouped = lixels.groupby("number")
    summary = summarise_hotspots(
        scan.labels,
        n_crashes=scan.lixels["n_crashes"],
        expected=scan.lixels["expected"],
        length_m=scan.lixels["length_m"],
        p_value=scan.lixels["p_value"],
        q_value=scan.lixels["q_value"],
        years=years,
    ).drop(columns="n_crashes")
    table = counts.join(summary).assign(
        number=numbers,
        q_spread=grouped["q_spread"].min(),
        n_segments=grouped["segment_id"].nunique(),
        road_class=grouped["road_class"].agg(find_commonest),
        province=grouped["province"].agg(find_commonest),
        district=grouped["district"].agg(find_commonest),
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
                "n_light_known": int(part["is_dark"].ne(YesNoUnknown.UNKNOWN.value).sum()),
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
    hotspots: gpd.GeoDataFrame,
    scan: Scan,
    previous: gpd.GeoDataFrame | None,
    first_free: int,
) -> gpd.GeoDataFrame:
    """Give each hotspot the identity it had before when it is the same place.

    An earlier hotspot is laid onto today's lixels (within 15 m, so that a re-drawn road
    does not make a new place); `models.hotspots.match_identities` decides.

    Parameters
    ----------
    hotspots
        Hotspots of this run, `number` linking to the labels of the scan.
    scan
        Lixels and labels.
    previous
        Hotspots of the earlier run, any CRS; None when there is none.
    first_free
        The first number never used in this area, so that no identity is used twice.
    """
    previous_id = np.full(len(scan.lixels), None, dtype=object)
    if previous is not None and len(previous):
        zones = previous.to_crs(scan.lixels.crs).geometry.buffer(SAME_PLACE_BUFFER_M)
        middles = scan.lixels.geometry.interpolate(0.5, normalized=True)
        zone, lixel = middles.sindex.query(zones, predicate="contains")
        previous_id[lixel[::-1]] = previous["hotspot_id"].to_numpy()[zone[::-1]]
    match = match_identities(
        scan.labels, previous_id, scan.lixels["length_m"], next_number=first_free
    )
    number = hotspots["number"].to_numpy()
    ids = np.array(match.hotspot_id, dtype=object)[number]
    return hotspots.assign(
        hotspot_id=pd.Series(ids, index=hotspots.index, dtype="str"), is_new=match.is_new[number]
    )
