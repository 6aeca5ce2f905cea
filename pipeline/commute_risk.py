"""How dangerous commutes are: crashes joined to them, rates, and what factories would expect."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from core.settings import Settings
from core.vocabulary import Light, SiteType
from geo.daylight import classify_light
from models.commute_crashes import CommuteCrashes, match_commute_crashes
from models.commute_ranks import estimate_factory_ranks
from models.commute_risk import estimate_commute_rates, estimate_factory_crashes
from pipeline.account import Job, Period
from pipeline.commutes import Commutes
from pipeline.workspace import write_json
from records.content import compute_record_id

__all__ = [
    "CommuteRisk",
    "add_to_sites",
    "assess_commutes",
    "link_casualties",
    "write_commutes",
]

LETTERS: Final = {SiteType.SEGMENT.value: "S", SiteType.INTERSECTION.value: "I"}
SEPARATOR: Final = ";"
COMMUTE_FILES: Final = (
    *("commute_flows.parquet", "commute_routes.parquet", "commute_groups.parquet"),
    *("commute_hours.parquet", "commute_driven.parquet"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommuteRisk:
    """What commute crashes say of commutes.

    Attributes
    ----------
    rates
        One row a dimension and group: `dimension` (mode, factory_id, hour, light,
        road_class), `group` and the columns of `models.commute_risk.estimate_commute_rates`.
    factories
        As `models.commute_risk.estimate_factory_crashes` returns it.
    crashes
        As in `models.commute_crashes.CommuteCrashes`.
    summary
        How many crashes and workers there were, and how many could be joined.
    commutes
        That they were joined to.
    """

    rates: pd.DataFrame
    factories: pd.DataFrame
    crashes: CommuteCrashes
    summary: dict[str, Any]
    commutes: Commutes

    def to_dict(self) -> dict[str, Any]:
        """Return what the run's manifest says of commutes."""
        return {**self.commutes.summary, **self.summary}


def assess_commutes(
    job: Job,
    commutes: Commutes,
    placed: gpd.GeoDataFrame,
    casualties: pd.DataFrame,
    segments: pd.DataFrame,
    period: Period,
) -> CommuteRisk:
    """Join crashes to commutes and estimate what the exposure allows.

    Parameters
    ----------
    job
        Whose settings and account.
    commutes
        Of this run.
    placed
        Crashes of the period with their sites.
    casualties
        Records of the area.
    segments
        Of the network, for the class of their road.
    period
        Its years.
    """
    with job.account.step("commute risk") as counts:
        crashes = describe_crashes(placed, segments, job.settings)
        of_gates = commutes.of_gates
        site_id = of_gates["site_type"].astype("str").map(LETTERS) + of_gates["site"].astype("str")
        commuted = of_gates.assign(site_id=site_id)
        people = link_casualties(casualties, placed, job.area.key)
        found = match_commute_crashes(crashes, people, commuted[["factory_id", "site_id"]])
        rates = estimate_rates(commutes, found, period, job.settings.min_worker_km)
        factories, account = estimate_factories(
            (commuted, commutes, found), segments, period, job.settings
        )
        table = found.crashes
        why = table.loc[table["why_unknown"].ne(""), "why_unknown"].value_counts().to_dict()
        summary: dict[str, Any] = {
            "n_commute_crashes": len(table),
            "n_workers_hurt": int(table["n_hurt"].sum()),
            "n_workers_killed_or_seriously_hurt": int(table["n_ksi"].sum()),
            "hurt_per_crash_by_mode": {
                str(mode): sorted(own["n_hurt"].astype(int).tolist())
                for mode, own in found.members.groupby("mode")
            },
            "crashes_of_factories": account,
            "on_routes": table["is_on_route"].value_counts().to_dict(),
            "why_unknown": why,
            "join_notes": dict(found.notes),
        }
        n_out = int(table["is_on_route"].ne("unknown").sum())
        counts.update(
            rows_in=len(table),
            rows_out=n_out,
            rows_dropped=len(table) - n_out,
            reason="; ".join(f"{n} {one}" for one, n in why.items()),
        )
    return CommuteRisk(
        rates=rates, factories=factories, crashes=found, summary=summary, commutes=commutes
    )


def add_to_sites(sites: gpd.GeoDataFrame, commutes: Commutes) -> gpd.GeoDataFrame:
    """Return the sites with the workers that pass them; missing where nobody's way is known.

    Columns `workers_per_day`, `worker_km_per_year` (segments), `worker_passings_per_year`
    (intersections), `worker_dark_share`, `n_factories`.
    """
    own = commutes.sites.set_index("site_id").reindex(sites["site_id"]).reset_index(drop=True)
    is_segment = sites["site_type"].eq(SiteType.SEGMENT.value).reset_index(drop=True)
    if len(commutes.sites):
        known = ["workers_per_day", "exposure_per_year", "n_factories"]
        own[known] = own[known].fillna(0.0)
    columns = {
        "workers_per_day": own["workers_per_day"].to_numpy(dtype=np.float64),
        "worker_km_per_year": own["exposure_per_year"].where(is_segment).to_numpy(),
        "worker_passings_per_year": own["exposure_per_year"].where(~is_segment).to_numpy(),
        "worker_dark_share": own["dark_share"].to_numpy(dtype=np.float64),
        "n_factories": own["n_factories"].astype("Int64").array,
    }
    return sites.assign(**columns)


def write_commutes(folder: Path, risk: CommuteRisk) -> None:
    """Write the tables of commutes into a run's folder."""
    for name in COMMUTE_FILES:
        shutil.copyfile(risk.commutes.folder / name, folder / name)
    risk.rates.to_parquet(folder / "commute_rates.parquet")
    risk.factories.to_parquet(folder / "commute_factories.parquet")
    crashes = risk.crashes.crashes.astype({"hour": "Int64"})
    crashes.to_parquet(folder / "commute_crashes.parquet")
    write_json(folder / "commute_summary.json", risk.to_dict())


def describe_crashes(
    placed: gpd.GeoDataFrame, segments: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    """Return the crashes with the hour, light and road class that rates go by.

    Light is that of the sun where time and place are known, by the same rule as for commutes;
    else the reported one. The road of a crash at an intersection is that of the segment it is
    on.
    """
    has_time = placed["has_time"].astype(bool)
    hour = placed["occurred_at"].dt.hour.astype("Int64").mask(~has_time)
    light = classify_light(
        placed["occurred_at"].where(has_time),
        lon=placed["lon"],
        lat=placed["lat"],
        tz=settings.time_zone,
        dark_below_deg=settings.dark_below_deg,
    )
    by_sun = pd.Series(light, index=placed.index).ne(Light.UNKNOWN.value)
    light = np.where(by_sun, light, placed["light"].fillna(Light.UNKNOWN.value))
    of_segment = placed["segment_id"].astype("Int64").map(segments["road_class"].astype("object"))
    columns = ["crash_id", "site_id", "is_worker_commute", "factory_id", "road_users"]
    return pd.DataFrame(placed[columns]).assign(hour=hour, light=light, road_class=of_segment)


def link_casualties(casualties: pd.DataFrame, placed: pd.DataFrame, area: str) -> pd.DataFrame:
    """Return the casualties of these crashes, with `crash_id` and the report that lists them."""
    reports = pd.DataFrame(
        {
            "report_id": placed["report_ids"].astype("str").str.split(SEPARATOR),
            "crash_id": placed["crash_id"],
        }
    ).explode("report_id")
    names = zip(
        casualties["source"].fillna("").tolist(),
        casualties["crash_source_id"].fillna("").tolist(),
        strict=True,
    )
    ids = [compute_record_id("crash", area, source, name) for source, name in names]
    columns = ["is_worker", "factory_id", "road_user", "injury"]
    return casualties[columns].assign(report_id=ids).merge(reports, on="report_id", how="inner")


def estimate_rates(
    commutes: Commutes, found: CommuteCrashes, period: Period, min_exposure: float
) -> pd.DataFrame:
    """Estimate rates by mode, factory, hour, light and road class, one below the other."""
    classes, groups = commutes.classes, commutes.groups
    members = found.members.merge(
        found.crashes[["crash_id", "hour", "light", "road_class"]], on="crash_id"
    )
    members = members.assign(light=members["light"].where(members["light"].ne(Light.UNKNOWN.value)))
    sources = {
        "mode": groups,
        "factory_id": groups,
        "hour": commutes.hours,
        "light": classes.assign(light=classes["light"].where(classes["light"].ne("unknown"))),
        "road_class": classes,
    }
    parts = []
    for dimension, exposure in sources.items():
        rates = estimate_commute_rates(
            members, exposure, by=dimension, years=period.years, min_exposure=min_exposure
        )
        rates = rates.rename(columns={dimension: "group"}).assign(dimension=dimension)
        parts.append(rates.assign(group=rates["group"].astype("str")))
    table = pd.concat(parts, ignore_index=True)
    return table[["dimension", *table.columns.drop("dimension")]]


def estimate_factories(
    known: tuple[pd.DataFrame, Commutes, CommuteCrashes],
    segments: pd.DataFrame,
    period: Period,
    settings: Settings,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Estimate what each factory's commutes would expect; factories without any too.

    Returns
    -------
    table, account
        As `models.commute_risk.estimate_factory_crashes`, with the range of the ranks; and
        where all commute crashes went.
    """
    commuted, commutes, found = known
    sites = commutes.sites[["site_id"]].assign(
        exposure=commutes.sites["exposure_per_year"] * period.years
    )
    is_segment = sites["site_id"].str.startswith("S")
    sites["site_type"] = np.where(is_segment, SiteType.SEGMENT.value, SiteType.INTERSECTION.value)
    number = pd.to_numeric(sites["site_id"].str[1:])
    road_class = segments["road_class"].astype("object")
    sites["road_class"] = number.map(road_class).where(is_segment, "any")
    n_crashes = found.crashes.groupby("site_id").size()
    sites["n_crashes"] = sites["site_id"].map(n_crashes).fillna(0).astype("int64")
    exposure = commuted[["factory_id", "site_id"]].assign(
        exposure=commuted["exposure_per_year"] * period.years
    )
    min_exposure = settings.min_worker_km
    table = estimate_factory_crashes(exposure, sites, min_exposure=min_exposure)
    ranks = estimate_factory_ranks(
        exposure,
        sites,
        table.loc[table["rank"].notna(), "factory_id"],
        rng=np.random.default_rng(settings.seed),
        min_exposure=min_exposure,
    )
    table = table.merge(ranks, on="factory_id", how="left")
    table = table.astype({"rank_ci_low": "Int64", "rank_ci_high": "Int64"})
    account = account_for_crashes(found.crashes, sites, table)
    others = commutes.factories.loc[
        ~commutes.factories["factory_id"].isin(table["factory_id"]), ["factory_id"]
    ]
    without = others.assign(exposure_km=0.0, reason="no commute of its workers is known")
    return pd.concat([table, without], ignore_index=True) if len(without) else table, account


def account_for_crashes(
    crashes: pd.DataFrame, sites: pd.DataFrame, factories: pd.DataFrame
) -> dict[str, float]:
    """Return where commute crashes went that are spread over factories, and where not.

    Returns
    -------
    account
        `n_ranked` (spread over the factories that are ranked), `n_not_ranked` (over those with
        too few worker-km), `n_where_nobody_passes` (at places on no way of a worker whose
        origin is known), `n_without_place`. They sum to all commute crashes.
    """
    n_passed = float(sites["n_crashes"].sum())
    n_without = int(crashes["site_id"].isna().sum())
    n_ranked = float(factories["expected_crashes"].sum())
    return {
        "n_ranked": n_ranked,
        "n_not_ranked": max(n_passed - n_ranked, 0.0),
        "n_where_nobody_passes": len(crashes) - n_without - n_passed,
        "n_without_place": n_without,
    }
