"""What was reported at each site: counts by severity, EPDO, rates with their intervals."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from core.units import M_PER_KM
from core.vocabulary import Severity, SiteType
from models.rates import compute_poisson_interval
from models.severity import compute_epdo

__all__ = ["SEVERITY_COLUMNS", "build_sites", "count_severities"]

SEVERITY_COLUMNS = {severity.value: f"n_{severity.value}" for severity in Severity}
KSI = [Severity.FATAL.value, Severity.SERIOUS.value]


def count_severities(
    crashes: pd.DataFrame, by: str, *, epdo_weights: Mapping[str, float]
) -> pd.DataFrame:
    """Count crashes by severity within each value of a column.

    Parameters
    ----------
    crashes
        Placed crashes with `severity` and the column `by`; rows without `by` take no part.
    by
        Column that names the group: `site_id`, `hotspot_id`.
    epdo_weights
        Weight of a crash of each severity; unknown severity counts nothing.

    Returns
    -------
    DataFrame
        Indexed by group: `n_crashes`, a column per severity, `n_unknown_severity`,
        `n_ksi_crashes`, `epdo_score`.
    """
    placed = crashes.loc[crashes[by].notna(), [by, "severity"]]
    severity = placed["severity"].astype("object").fillna("unknown_severity")
    table = pd.crosstab(placed[by], severity)
    table = table.reindex(columns=[*SEVERITY_COLUMNS, "unknown_severity"], fill_value=0)
    counts = table.rename(columns={**SEVERITY_COLUMNS, "unknown_severity": "n_unknown_severity"})
    counts.columns.name = None
    counts.insert(0, "n_crashes", table.sum(axis=1))
    counts["n_ksi_crashes"] = table[KSI].sum(axis=1)
    weights = {SEVERITY_COLUMNS[word]: weight for word, weight in epdo_weights.items()}
    counts["epdo_score"] = compute_epdo(
        {name: counts[name].to_numpy() for name in weights}, weights
    )
    return counts


def build_sites(
    segments: gpd.GeoDataFrame,
    intersections: gpd.GeoDataFrame,
    crashes: pd.DataFrame,
    *,
    years: float,
    epdo_weights: Mapping[str, float],
) -> gpd.GeoDataFrame:
    """Describe every site, those without a crash too.

    Rates are crashes per km and year on segments, per year at intersections, each with
    its exact 95 % Poisson interval; the rank goes by EPDO, then by crashes.
    """
    frame = pd.concat(
        [
            segments.assign(
                site_id="S" + segments["segment_id"].astype(str),
                site_type=SiteType.SEGMENT.value,
            ),
            intersections.assign(
                site_id="I" + intersections["intersection_id"].astype(str),
                site_type=SiteType.INTERSECTION.value,
                length_m=np.nan,
            ),
        ],
        ignore_index=True,
    )
    columns = [
        *("site_id", "site_type", "name", "road_class", "length_m", "province", "district"),
        "geometry",
    ]
    sites = gpd.GeoDataFrame(frame[columns], geometry="geometry", crs=segments.crs)
    counts = count_severities(crashes, "site_id", epdo_weights=epdo_weights)
    counts = counts.reindex(sites["site_id"], fill_value=0).reset_index(drop=True)
    sites = pd.concat([sites, counts], axis=1)
    low, high = compute_poisson_interval(sites["n_crashes"].to_numpy())
    is_segment = sites["site_type"].eq(SiteType.SEGMENT.value)
    unit = sites["length_m"].div(M_PER_KM).where(is_segment, 1.0).to_numpy() * years
    sites["crashes_per_year"] = sites["n_crashes"] / years
    sites["crashes_per_km_year"] = (sites["n_crashes"] / unit).where(is_segment)
    sites["ci_low"], sites["ci_high"] = low / unit, high / unit
    order = sites.sort_values(
        ["epdo_score", "n_crashes", "site_id"], ascending=[False, False, True]
    ).index
    sites.loc[order, "rank"] = np.arange(1, len(sites) + 1)
    return sites.astype({"rank": "int64"})
