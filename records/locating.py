"""Find where the rows of a file say they happened, and how well that is known.

Coordinates go before a road and its kilometre, these before a village. With a gazetteer,
rows without coordinates, or with coordinates that cannot be used, are put at the point of the
village they name, and their note says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

from core.vocabulary import LocationQuality, PlaceMethod
from records.cells import text_of
from records.place_names import PLACE_COLUMNS
from records.places import is_far_from, read_places
from records.plan import Plan
from records.road_text import read_road_places
from records.values import Column, no_problem

__all__ = ["locate_rows"]

Columns: TypeAlias = Mapping[str, Column]

FAR_OUTSIDE = "place far outside the study area; kept as written"
COARSE_STEP = 5e-4  # degrees; a last digit of 0.001 is about 100 m
VALUES = r"(?s):.*"  # of a note, behind what it says
WITHOUT = ("coordinates missing", "coordinates are zero")
OWN_PLACE = (PlaceMethod.COORDINATES.value, PlaceMethod.PERSON.value)
WIDER = {
    "village_code": PlaceMethod.VILLAGE,
    "village": PlaceMethod.VILLAGE,
    "commune": PlaceMethod.COMMUNE,
    "district": PlaceMethod.DISTRICT,
}


def locate_rows(
    raw: pd.DataFrame, plan: Plan, columns: Columns
) -> tuple[dict[str, Column], list[Column]]:
    """Return the columns of the place, and what is to be said about the rows.

    Parameters
    ----------
    raw
        Text cells of a batch.
    plan
        Which column gives which field.
    columns
        The fields read so far: road name and names of villages among them.

    Returns
    -------
    located, said
        Those of `lon`, `lat` [degrees, WGS84], `place_note`, `road_name`, `road_km`,
        `village_code`, `placed_by`, `location_quality` that the kind has; and columns of
        remarks, missing where there is none.
    """
    fields = plan.kind.field_names
    located: dict[str, Column] = {}
    said: list[Column] = []
    if "road_km" in fields:
        roads = read_road_places(
            columns["road_name"], text_of(raw, "road_km", plan), decimal=plan.mapping.decimal
        )
        located |= {name: roads[name] for name in ("road_name", "road_km")}
        said.append(roads["road_note"])
    if "lon" not in fields:
        return located, said
    nothing: Column = pd.Series("", index=raw.index, dtype="str")
    lon, lat = text_of(raw, "lon", plan), text_of(raw, "lat", plan)
    place = read_places(
        nothing if lon is None else lon,
        nothing if lat is None else lat,
        decimal=plan.mapping.decimal,
        crs=plan.mapping.crs,
        near=plan.near,
    )
    place["level"] = no_problem(raw)
    as_written = place["place_note"].str.replace(VALUES, "", regex=True)
    by_road = _has_road_km(located, raw)
    if plan.gazetteer is not None and "village" in fields:
        _look_up(place, by_road, plan, {**columns, **located}, located)
    located |= {name: place[name] for name in ("lon", "lat", "place_note")}
    if "placed_by" in fields:
        located |= _grade(place, by_road, {**columns, **located})
    without = place["place_note"].str.replace(VALUES, "", regex=True)
    without = without.mask(place["lon"].isna(), without + "; kept without a place")
    is_put = place["level"].notna() & ~as_written.isin(WITHOUT)
    if is_put.any():
        without = without.mask(is_put, as_written + "; placed at the " + place["level"])
    if by_road.any():
        without = without.mask(by_road, "no coordinates; to be placed by road and kilometre")
    said.append(without)
    if plan.near is not None:
        is_far = is_far_from(place["lon"], place["lat"], plan.near)
        said.append(no_problem(raw).mask(is_far, FAR_OUTSIDE))
    return located, said


def _has_road_km(located: Columns, raw: pd.DataFrame) -> Column:
    """Tell which rows name a road and a kilometre."""
    if "road_km" not in located:
        return pd.Series(False, index=raw.index)
    return located["road_name"].notna() & located["road_km"].notna()


def _look_up(
    place: pd.DataFrame, by_road: Column, plan: Plan, columns: Columns, located: dict[str, Column]
) -> None:
    """Put rows without usable coordinates and road at the point of the village they name."""
    assert plan.gazetteer is not None
    rows = np.flatnonzero((place["lon"].isna() & ~by_road).to_numpy(dtype=bool))
    names = {name: columns[name].iloc[rows] for name in PLACE_COLUMNS if name in columns}
    if not len(rows) or not names:
        return
    found = plan.gazetteer.match(pd.DataFrame(names))
    is_there = found["lon"].notna().to_numpy()
    remark = found["note"].fillna("").to_numpy(dtype=object)
    codes = found["village_code"].fillna("").to_numpy(dtype=object)
    at = place.index[rows]
    before = place["place_note"].iloc[rows].to_numpy(dtype=object)
    levels = found["level"].tolist()
    said = [
        f"placed at the {level}: {note or code}" if ok else str(note)
        for ok, level, code, note in zip(is_there, levels, codes, remark, strict=True)
    ]
    notes = [
        new if ok and old in WITHOUT else f"{old}; {new}" if new else str(old)
        for ok, old, new in zip(is_there, before, said, strict=True)
    ]
    place.loc[at, "place_note"] = notes
    for name in ("lon", "lat", "level"):
        place.loc[at[is_there], name] = found[name].to_numpy()[is_there]
    if "village_code" in columns:
        own = columns["village_code"].copy()
        is_open = own.loc[at].isna().to_numpy() & (codes != "")
        own.loc[at[is_open]] = codes[is_open]
        located["village_code"] = own


def _grade(place: pd.DataFrame, by_road: Column, columns: Columns) -> dict[str, Column]:
    """Say how each row is placed and how good that can be at best."""
    method = no_problem(place)
    for name, word in WIDER.items():
        method = method.mask(method.isna() & columns[name].notna(), word.value)
    is_wide = method.notna() | columns["province"].notna()
    is_own = place["lon"].notna() & place["level"].isna()
    method = method.mask(by_road, PlaceMethod.ROAD_KM.value)
    method = method.mask(place["level"].notna(), place["level"])
    method = method.mask(is_own, PlaceMethod.COORDINATES.value)
    quality = no_problem(place).mask(is_wide, LocationQuality.D.value)
    quality = quality.mask(by_road, LocationQuality.C.value)
    quality = quality.mask(is_own, LocationQuality.A.value)
    quality = quality.mask(is_own & (place["step"] > COARSE_STEP), LocationQuality.C.value)
    told, told_quality = columns["placed_by"], columns["location_quality"]
    is_told = told.notna() & (is_own | ~told.isin(OWN_PLACE)) & place["level"].isna()
    return {
        "placed_by": method.mask(is_told, told),
        "location_quality": quality.mask(told_quality.notna() & is_own, told_quality),
    }
