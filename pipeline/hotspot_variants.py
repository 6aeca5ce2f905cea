"""What other methods, nulls and controls find: a row a hotspot of each, beside the published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import geopandas as gpd
import numpy as np
import pandas as pd

from models.arrays import IntArray
from models.hotspots import match_identities, summarise_hotspots
from pipeline.hotspot_methods import CONTROLS, LixelTest
from pipeline.hotspots import find_commonest, join_lines, locate_on_roads, name_hotspots
from pipeline.scan import Stretches, join_stretches

__all__ = [
    "VARIANT_COLUMNS",
    "Variant",
    "count_agreement",
    "find_variants",
    "tabulate_variants",
]

OTHER_PREFIX = "V"  # identity of a place that is not among the published
VARIANT_COLUMNS = (
    *("method", "null_model", "control", "hotspot_id", "rank", "name", "road_class"),
    *("n_crashes", "expected_crashes", "excess_crashes", "rate_ratio", "ci_low", "ci_high"),
    *("length_m", "p_value", "q_value", "p_family", "lixel_ids", "geometry"),
)
SEGMENT_COLUMNS = (*("segment_id", "road_class", "corridor_id", "chainage_u_km", "chainage_v_km"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One method, null and control, and the stretches that it finds."""

    method: str
    null_model: str
    control: str
    test: LixelTest
    labels: IntArray
    hotspot_id: np.ndarray  # by label


def find_variants(
    tests: list[LixelTest], roads: Stretches, published_id: np.ndarray, *, level: float
) -> list[Variant]:
    """Join the lixels that each method finds against each null, under each control.

    Parameters
    ----------
    tests
        Results of the methods.
    roads
        Crashes, lengths, and which lixels touch.
    published_id
        Identity of the published hotspot on each lixel, None for none; a stretch that is
        the same place gets it, another one gets a number with `OTHER_PREFIX`, shared by all
        variants that find the same place.
    level
        Of each control.
    """
    known = published_id.copy()
    variants = []
    next_number = 1
    matched: dict[bytes, np.ndarray] = {}  # the same stretches are the same places
    for test, control in product(tests, CONTROLS):
        labels = join_stretches(test, test.find_significant(control, level), roads)
        same = labels.tobytes()
        if same not in matched:
            match = match_identities(labels, known, roads.length_m, next_number=next_number)
            next_number = match.next_number
            matched[same] = np.array(match.hotspot_id, dtype=object)
        ids = matched[same]
        inside = labels >= 0
        is_open = inside & pd.isna(known)
        known[is_open] = ids[labels[is_open]]
        variants.append(
            Variant(
                method=test.method,
                null_model=test.null.name,
                control=control,
                test=test,
                labels=labels,
                hotspot_id=ids,
            )
        )
    return rename_others(variants, published_id)


def rename_others(variants: list[Variant], published_id: np.ndarray) -> list[Variant]:
    """Give places that are not published identities of their own kind, V1, V2, ..."""
    published = set(published_id[~pd.isna(published_id)])
    names: dict[str, str] = {}
    renamed = []
    for variant in variants:
        ids = [
            one if one in published else names.setdefault(one, f"{OTHER_PREFIX}{len(names) + 1}")
            for one in variant.hotspot_id.tolist()
        ]
        renamed.append(
            Variant(
                method=variant.method,
                null_model=variant.null_model,
                control=variant.control,
                test=variant.test,
                labels=variant.labels,
                hotspot_id=np.array(ids, dtype=object),
            )
        )
    return renamed


def tabulate_variants(
    variants: list[Variant],
    lixels: gpd.GeoDataFrame,
    segments: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    corridors: pd.DataFrame,
    roads: Stretches,
    *,
    years: float,
) -> gpd.GeoDataFrame:
    """Return `VARIANT_COLUMNS`, a row a hotspot of each variant, ranked within it by excess."""
    inside = pd.concat(list_inside(variants, roads), ignore_index=True)
    n_before = sum(len(variant.hotspot_id) for variant in variants)
    numbers = np.arange(n_before)
    table = summarise(variants, inside, years)
    pieces = take_pieces(inside, lixels, segments)
    shapes = join_lines(pieces.geometry.to_numpy(), pieces["number"].to_numpy())
    table["road_class"] = find_commonest(pieces, "road_class", numbers)
    table["lixel_ids"] = pieces.groupby("number")["lixel_id"].agg(list)
    found = gpd.GeoDataFrame(table, geometry=shapes, crs=lixels.crs)
    found = name_hotspots(found.join(locate_on_roads(pieces, corridors, numbers)), places)
    by = ["method", "null_model", "control"]
    found = found.sort_values([*by, "excess_crashes"], ascending=[True, True, True, False])
    found["rank"] = found.groupby(by, sort=False).cumcount() + 1
    return gpd.GeoDataFrame(found[[*VARIANT_COLUMNS]].reset_index(drop=True))


def list_inside(variants: list[Variant], roads: Stretches) -> list[pd.DataFrame]:
    """Return the lixels of each variant's hotspots, numbered through all variants."""
    n_before = 0
    parts = []
    for variant in variants:
        row, test = np.flatnonzero(variant.labels >= 0), variant.test
        columns = {
            "row": row,
            "number": variant.labels[row] + n_before,
            "n_crashes": roads.n_crashes[row],
            "length_m": roads.length_m[row],
            "expected": test.null.expected[row],
            "p_value": test.p_value[row],
            "q_value": test.q_value[row],
            "p_family": test.p_family[row],
        }
        parts.append(pd.DataFrame(columns))
        n_before += len(variant.hotspot_id)
    return parts


def summarise(variants: list[Variant], inside: pd.DataFrame, years: float) -> pd.DataFrame:
    """Sum up all hotspots of all variants, one row a number."""
    summary = summarise_hotspots(
        inside["number"].to_numpy(),
        n_crashes=inside["n_crashes"],
        expected=inside["expected"],
        length_m=inside["length_m"],
        p_value=inside["p_value"],
        q_value=inside["q_value"],
        years=years,
    )
    n_each = [len(variant.hotspot_id) for variant in variants]
    ids = [one for variant in variants for one in variant.hotspot_id]
    return summary.assign(
        p_family=inside.groupby("number")["p_family"].min(),
        method=np.repeat([variant.method for variant in variants], n_each),
        null_model=np.repeat([variant.null_model for variant in variants], n_each),
        control=np.repeat([variant.control for variant in variants], n_each),
        hotspot_id=pd.Series(ids, dtype="str").to_numpy(),
    )


def take_pieces(
    inside: pd.DataFrame, lixels: gpd.GeoDataFrame, segments: pd.DataFrame
) -> gpd.GeoDataFrame:
    """Return the lixels of all hotspots of all variants, with what their segment tells."""
    columns = ["lixel_id", "segment_id", "start_m", "end_m", "geometry"]
    pieces = lixels[columns].iloc[inside["row"].to_numpy()].reset_index(drop=True)
    pieces = pieces.assign(
        **{name: inside[name].to_numpy() for name in ("number", "n_crashes", "length_m")}
    )
    pieces = pieces.sort_values(["number", "lixel_id"], ignore_index=True)
    attributes = segments[[*SEGMENT_COLUMNS]].assign(segment_length_m=segments["length_m"])
    return pieces.merge(attributes, on="segment_id", how="left")


def count_agreement(
    variants: list[Variant], published: Mapping[str, str], ids: pd.Series
) -> pd.DataFrame:
    """Tell for each published hotspot which methods, and which nulls, find it too.

    Parameters
    ----------
    variants
        All of them.
    published
        `method`, `null_model` and `control` of the published hotspots.
    ids
        Identities of the published hotspots.

    Returns
    -------
    agreement
        `methods_found`, `nulls_found`, `nulls_not_found` (words joined by ";"),
        `n_methods_found`, `n_methods`, `n_nulls_found`, `n_nulls`, in the order of `ids`.
    """
    columns: dict[str, list[object]] = {}
    for plural, varies, fixed in (
        ("methods", "method", "null_model"),
        ("nulls", "null_model", "method"),
    ):
        same = [
            variant
            for variant in variants
            if getattr(variant, fixed) == published[fixed]
            and variant.control == published["control"]
        ]
        finds = {getattr(variant, varies): set(variant.hotspot_id) for variant in same}
        words = [[name for name, found in finds.items() if one in found] for one in ids]
        columns[f"{plural}_found"] = [";".join(names) for names in words]
        columns[f"n_{plural}_found"] = [len(names) for names in words]
        columns[f"n_{plural}"] = [len(finds)] * len(ids)
        if plural == "nulls":
            left = [[name for name in finds if name not in names] for names in words]
            columns["nulls_not_found"] = [";".join(names) for names in left]
    return pd.DataFrame(columns, index=ids.index)
